// The job of the tests on real brokers: numbered records of a topic, each passed on to another
// topic, and counted by key for ever into a third. The URLs come from the environment.
#include <stdlib.h>

#include <sluice/sluice.h>

/// Adds the new rows' number to the old total.
static sl_code add(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *old = sl_batch_column(call->states, 0);
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t seen = call->values_from[i + 1] - call->values_from[i];
        sl_builder_int64(call->out, 0, (call->had[i] ? sl_column_int64(old, i) : 0) + seen);
    }
    return SL_OK;
}

static const sl_update_fn add_fn = {sizeof(sl_update_fn), "add", "n int64", 1, false, add};

static const char *url_of(const char *name)
{
    const char *url = getenv(name);
    return url == NULL ? "" : url;
}

static void kafka_job(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, url_of("SLUICE_TEST_IN")), "lines");
    sl_stream_save(lines, url_of("SLUICE_TEST_OUT"));
    sl_stream *keyed = sl_stream_select(lines, "line, cast(line as int64) % 13 as key");
    sl_stream *totals = sl_stream_update_state_by_key(keyed, "key", &add_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"), url_of("SLUICE_TEST_TOTALS"));
}

SL_JOB("kafka", kafka_job);
