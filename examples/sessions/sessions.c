// Sessions of users from click events as CSV lines "user,page", exactly once through crashes: how
// many clicks a user made until he was idle for two seconds, and how often he changed the page.
//
//     mkdir -p in && ./sessions --checkpoint state --interval 1s
//     printf 'ann,/\nann,/cart\nbob,/\n' > in/.a && mv in/.a in/a.csv
//     cat out/*.csv                         # ann,2,1 and bob,1,0 soon after
//
// The state is one row a user; only users with clicks, or whose session ends, cost anything. A
// click keeps the session alive; a real job would wait for "30m".
#include <sluice/sluice.h>

#include <string.h>

/// A click: counted, nothing comes out. A session that ends: its row.
static sl_code session(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state user = sl_state_at(call, i);
        if (call->timing_out) {
            sl_builder_of_row(call->out, i);
            sl_builder_int64(call->out, 0, sl_state_int64(&user, 0));
            sl_builder_int64(call->out, 1, sl_state_int64(&user, 1));
            continue;
        }
        sl_text page = sl_column_text(sl_batch_column(call->values, 0), i);
        sl_text last = sl_state_text_or(&user, 2, page);
        bool moved = page.size != last.size || memcmp(page.data, last.data, page.size) != 0;
        sl_state_set_int64(&user, 0, sl_state_int64_or(&user, 0, 0) + 1);
        sl_state_set_int64(&user, 1, sl_state_int64(&user, 1) + moved);
        sl_state_set_text(&user, 2, page.data, page.size);
    }
    return SL_OK;
}

static const sl_map_state_fn session_fn = {
    .struct_size = sizeof(sl_map_state_fn),
    .name = "session",
    .state = "clicks int64, moves int64, page string",
    .out = "clicks int64, moves int64",
    .version = 1,
    .run = session,
};

static void sessions(sl_graph *graph)
{
    sl_stream *clicks = sl_stream_open(graph, "file:in?format=csv&schema=user string, page string");
    sl_stream *ended = sl_stream_map_with_state(clicks, "user", &session_fn, NULL);
    sl_stream_timeout(sl_stream_uid(ended, "sessions"), "2s");
    sl_stream_save(ended, "file:out?format=csv");
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "sessions", sessions);
}
