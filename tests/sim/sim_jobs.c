// The jobs: between them every source with a memory, every kind of sink, state, joins, effects
// before the seal, one and several epochs a group.
#include "sim/sim.h"

#include "sluice/pipe.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- functions

/// Adds the new rows' number to the old total.
static sl_code run_add(const sl_args *args, const sl_update_call *call, sl_error *err)
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

static const sl_update_fn add = {sizeof(sl_update_fn), "add", "n int64", 1, false, run_add};

/// A row (n, false) for each record, and (records of the session, true) when it times out.
static sl_code run_session(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        if (!call->timing_out) {
            sl_state_set_int64(&state, 0, sl_state_int64_or(&state, 0, 0) + 1);
        }
        sl_builder_int64(call->out, 0, call->timing_out ? sl_state_int64(&state, 0) : 1);
        sl_builder_bool(call->out, 1, call->timing_out);
    }
    return SL_OK;
}

static const sl_map_state_fn session = {.struct_size = sizeof(sl_map_state_fn),
                                        .name = "session",
                                        .state = "seen int64",
                                        .out = "n int64, ended bool",
                                        .run = run_session};

/// Notes the rows of an epoch: a repeat must bring the very same ones.
static void note_call(slt_sim *sim, int64_t epoch, const sl_batch *rows)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    const sl_column *words = sl_batch_column(rows, 0), *counts = sl_batch_column(rows, 1);
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        sl_text word = sl_column_text(words, i);
        sli_str_printf(&text, "%.*s,%lld\n", (int)word.size, word.data,
                       (long long)sl_column_int64(counts, i));
    }
    SL_ASSERT(epoch > 0 && epoch < SLT_MOST_EPOCHS && !text.failed, "an epoch of the test");
    char *seen = sl_strndup(SLI_TAG_TEST, text.size == 0 ? "" : text.data, text.size);
    SL_ASSERT(seen != NULL, "no memory for a test");
    sli_str_reset(&text);
    if (sim->calls[epoch] == NULL) {
        sim->calls[epoch] = seen;
        return;
    }
    if (strcmp(sim->calls[epoch], seen) != 0) {
        slt_sim_wrong(sim,
                      "foreachRDD was called for epoch %lld with other rows than before: '%.120s' "
                      "after '%.120s'",
                      (long long)epoch, seen, sim->calls[epoch]);
    }
    sl_free(seen);
}

static sl_code run_call(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sl_rdd_collect(rdd, &rows, err));
    note_call(sl_args_attached(args, "sim"), sl_args_epoch(args), rows);
    sl_batch_unref(rows);
    return SL_OK;
}

static const sl_foreach_fn call = {sizeof(sl_foreach_fn), "call", 1, run_call};

// ---------------------------------------------------------------- input

void slt_sim_due(slt_sim *sim, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, " \n");
        slt_counts_add(&sim->due, at, size, 1);
        at += size + (at[size] != '\0');
    }
}

/// A file that appears whole; its words become due.
static void put(slt_sim *sim, const char *path, const char *text)
{
    sl_code rc = sli_world_put(sim->world, path, text, strlen(text), NULL);
    SL_ASSERT(rc == SL_OK, "no room for a test's file");
    slt_sim_due(sim, text);
}

void slt_feed_files(slt_sim *sim, int32_t round)
{
    char path[64], text[160];
    for (int32_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "in/f%d-%d.txt", round, i);
        (void)snprintf(text, sizeof text, "w%d-%d the x%d-%d\nthe be be\ny%d-%d be\n", round, i,
                       round, i, round, i);
        put(sim, path, text);
    }
}

static void feed_two(slt_sim *sim, int32_t round)
{
    char path[64], text[160];
    (void)snprintf(path, sizeof path, "left/l%d.txt", round);
    (void)snprintf(text, sizeof text, "k%d k%d only%d\n", round, round, round);
    put(sim, path, text);
    (void)snprintf(path, sizeof path, "right/r%d.txt", round);
    (void)snprintf(text, sizeof text, "k%d k%d k%d\nother%d\n", round, round, round, round);
    put(sim, path, text);
}

void slt_sim_line(slt_sim *sim, int32_t round, int32_t i, char out[64])
{
    int n = snprintf(out, 64, "s%d-%d", round, i);
    slt_counts_add(&sim->due, out, (size_t)n, 1);
    (void)snprintf(out + n, 64 - (size_t)n, " the");
}

static void feed_peer(slt_sim *sim, const char *text)
{
    sl_code rc = sli_peer_send(sim->peer, text, strlen(text), NULL);
    SL_ASSERT(rc == SL_OK, "no room for a test's line");
}

static void feed_socket(slt_sim *sim, int32_t round)
{
    char text[64];
    if (round == 0) {
        sl_code rc = sli_world_put(sim->world, "more/z.txt", "z the\n", 6, NULL);
        SL_ASSERT(rc == SL_OK, "no room for a test's file");
        slt_counts_add(&sim->due, "z", 1, 1);
    }
    for (int32_t i = 0; i < 3; i++) {
        slt_sim_line(sim, round, i, text);
        feed_peer(sim, text);
        feed_peer(sim, "\n");
    }
}

static void feed_sender(slt_sim *sim, int32_t round)
{
    char text[64];
    for (int32_t i = 0; i < 3; i++) {
        slt_sim_line(sim, round, i, text);
        slt_sender_line(sim->sender, text);
        slt_sender_line(sim->sender, "\n");
    }
}

void slt_feed_poster(slt_sim *sim, int32_t round)
{
    char text[64];
    for (int32_t i = 0; i < 3; i++) {
        slt_sim_line(sim, round, i, text);
        slt_poster_line(sim->poster, text);
        slt_poster_line(sim->poster, "\n");
    }
}

/// Standard input ends after the last round before the first ending, in a line without an end.
static void feed_stdin(slt_sim *sim, int32_t round)
{
    char text[64];
    for (int32_t i = 0; i < 3; i++) {
        slt_sim_line(sim, round, i, text);
        feed_peer(sim, i > 0 || round == SLT_ROUNDS ? "\n" : "");
        feed_peer(sim, text);
    }
    if (round == SLT_ROUNDS - 1) {
        sli_peer_finish(sim->peer);
    } else {
        feed_peer(sim, "\n");
    }
}

static void feed_rate(slt_sim *sim, int32_t round)
{
    (void)sim;
    (void)round; // the rate feeds itself
}

// ---------------------------------------------------------------- graphs

sl_stream *slt_words_of(sl_graph *graph, const char *url)
{
    return sl_stream_flat_map(sl_stream_open(graph, url), &sl_split, "by=' ' skip_empty=true");
}

static sl_stream *counts_of(sl_stream *words)
{
    return sl_stream_reduce_by_key(words, "word", "count() as n");
}

static void build_files(sl_graph *graph)
{
    sl_stream *counts = counts_of(slt_words_of(graph, "file:in"));
    sl_stream_save(counts, "file:out/counts?format=csv&empty=write");
    sl_stream_save(counts, "sqlite:counts.db?table=counts&journal=delete");
    sl_stream_print(counts, 3);
}

sl_stream *slt_totals_of(sl_stream *words)
{
    return sl_stream_update_state_by_key(words, "word", &add, NULL);
}

void slt_save_words(sl_stream *words)
{
    sl_stream_save(counts_of(words), "file:out/words?format=csv&empty=write");
    sl_stream_save(slt_totals_of(words), "file:out/state?format=csv&empty=write&layout=directory");
}

static void build_socket(sl_graph *graph)
{
    // A listing comes before the receiver's offer: the log's strand may run in between.
    sl_stream *files = slt_words_of(graph, "file:more");
    slt_save_words(sl_stream_union(
        files, slt_words_of(graph, "socket://localhost:9999?reconnect_delay=100ms")));
}

static void build_sender(sl_graph *graph)
{
    slt_save_words(slt_words_of(graph, "socket://localhost:9999?reconnect_delay=100ms"));
}

static void build_posted(sl_graph *graph)
{
    slt_save_words(slt_words_of(graph, "http://localhost:9999/in?idle_timeout=1h"));
}

static sl_code through_cat(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args, (void)err;
    sl_rdd *lines = sl_rdd_pipe(in, "cat", NULL);
    *out = sl_rdd_select(lines, "line as word");
    sl_rdd_unref(lines);
    return SL_OK;
}
static const sl_transform_fn cat = {.struct_size = sizeof(sl_transform_fn),
                                    .name = "cat",
                                    .out = "word string",
                                    .run = through_cat};

/// The words go through a program of the world on their way.
static void build_stdin(sl_graph *graph)
{
    slt_save_words(sl_stream_transform(slt_words_of(graph, "stdin:"), &cat, NULL));
}

static void build_two(sl_graph *graph)
{
    sl_stream *left = slt_words_of(graph, "file:left"), *right = slt_words_of(graph, "file:right");
    sl_stream *all = counts_of(sl_stream_union(left, right));
    sl_stream_foreach_rdd(all, &call, NULL);
    sl_stream_save(all, "file:out/all?format=csv&empty=write");
    sl_stream_save(sl_stream_join(counts_of(left), counts_of(right), "word"),
                   "file:out/pairs?format=csv&empty=write");
}

static void build_sessions(sl_graph *graph)
{
    sl_stream *all =
        sl_stream_map_with_state(slt_words_of(graph, "file:in"), "word", &session, NULL);
    sl_stream_timeout(all, "2s");
    sl_stream_save(sl_stream_select(sl_stream_where(all, "not ended"), "word, n"),
                   "file:out/records?format=csv&empty=write");
    sl_stream_save(sl_stream_select(sl_stream_where(all, "ended"), "word, n"),
                   "file:out/sessions?format=csv&empty=write");
}

/// One output ends its files by their groups, the other by a size, and each with a footer.
static void build_rolled(sl_graph *graph)
{
    sl_stream *counts = counts_of(slt_words_of(graph, "file:in"));
    sl_stream_save(counts, "file:out/few?format=csv&header=true&empty=write&roll_groups=2");
    sl_stream_save(counts, "file:out/many?format=arrow&empty=write&roll_size=1KiB");
}

static void build_rate(sl_graph *graph)
{
    sl_stream *rows = sl_stream_open(graph, "rate:?rows_per_second=7&partitions=2");
    sl_stream_save(sl_stream_select(rows, "'v' as word, value"),
                   "file:out/rate?format=csv&empty=write");
}

// ---------------------------------------------------------------- what must hold

static void check_word(slt_sim *sim, const slt_counts *shown, const slt_count *due, bool at_end)
{
    int64_t n = slt_counts_of(shown, due->word);
    if (n > due->n) {
        slt_sim_wrong(sim, "doubled: '%s' was there %lld times, %lld are shown", due->word,
                      (long long)due->n, (long long)n);
    } else if (at_end && n < due->n) {
        slt_sim_wrong(sim, "lost: '%s' was there %lld times, %lld are shown", due->word,
                      (long long)due->n, (long long)n);
    }
}

void slt_check_words(slt_sim *sim, const slt_counts *shown, bool at_end)
{
    for (int32_t i = 0; i < sim->due.n; i++) {
        check_word(sim, shown, &sim->due.items[i], at_end);
    }
    for (int32_t i = 0; i < shown->n; i++) {
        if (slt_counts_of(&sim->due, shown->items[i].word) == 0) {
            slt_sim_wrong(sim, "'%s' is shown and was never there", shown->items[i].word);
        }
    }
}

static void same_counts(slt_sim *sim, const slt_counts *a, const slt_counts *b, const char *what)
{
    for (int32_t i = 0; i < a->n; i++) {
        int64_t n = slt_counts_of(b, a->items[i].word);
        if (n != a->items[i].n) {
            slt_sim_wrong(sim, "%s: '%s' is %lld here and %lld there", what, a->items[i].word,
                          (long long)a->items[i].n, (long long)n);
        }
    }
}

/// The database shows what the files show, as far as both have got.
static void check_database(slt_sim *sim, const slt_groups *files, bool at_end)
{
    slt_groups rows = {.text = {.tag = SLI_TAG_TEST}, .n = 1};
    slt_counts *in_files = sl_alloc_zero(SLI_TAG_TEST, 2 * sizeof *in_files),
               *in_rows = in_files + 1;
    int64_t group = 0;
    SL_ASSERT(in_files != NULL, "no memory for a test");
    if (slt_sqlite_read(sim, "counts.db", &rows.text, &group)) {
        rows.ends[1] = rows.text.size;
        slt_groups_count(&rows, 0, 1, in_rows);
        int32_t both = group < files->n ? (int32_t)group : files->n;
        slt_groups_count(files, 0, both, in_files);
        same_counts(sim, in_files, in_rows, group <= files->n ? "files and database" : "files");
        if (group <= files->n) {
            same_counts(sim, in_rows, in_files, "database and files");
        } else {
            slt_check_words(sim, in_rows, false);
        }
        if (at_end && group != files->n) {
            slt_sim_wrong(sim, "the database shows %lld groups, the files %d", (long long)group,
                          files->n);
        }
    }
    sli_str_reset(&rows.text);
    sl_free(in_files);
}

static void check_files(slt_sim *sim, bool at_end)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/counts", &groups)) {
        slt_groups_count(&groups, 0, groups.n, shown);
        slt_check_words(sim, shown, at_end);
        check_database(sim, &groups, at_end);
    }
    sli_str_reset(&groups.text);
    sl_free(shown);
}

static void check_rolled(slt_sim *sim, bool at_end)
{
    static const char *const dirs[] = {"out/few", "out/many"};
    for (int32_t i = 0; i < 2; i++) {
        slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
        slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
        SL_ASSERT(shown != NULL, "no memory for a test");
        if (slt_groups_read(sim, dirs[i], &groups)) {
            slt_groups_count(&groups, 0, groups.n, shown);
            slt_check_words(sim, shown, at_end);
        }
        sli_str_reset(&groups.text);
        sl_free(shown);
    }
}

/// A session never has records that are not shown yet. A word that came in one file ends in one
/// session with all its records, or not yet.
static void check_ends(slt_sim *sim, const slt_counts *records, const slt_counts *ends, bool at_end)
{
    for (int32_t i = 0; i < ends->n; i++) {
        const slt_count *end = &ends->items[i];
        int64_t n = slt_counts_of(records, end->word);
        bool is_common = strcmp(end->word, "the") == 0 || strcmp(end->word, "be") == 0;
        if (end->n > n || (at_end && !is_common && end->n != n)) {
            slt_sim_wrong(sim, "sessions of '%s' had %lld records, %lld are shown", end->word,
                          (long long)end->n, (long long)n);
        }
    }
    if (at_end && ends->n == 0) {
        slt_sim_wrong(sim, "no session has ended");
    }
}

static void check_sessions(slt_sim *sim, bool at_end)
{
    slt_groups records = {.text = {.tag = SLI_TAG_TEST}}, ends = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *seen = sl_alloc_zero(SLI_TAG_TEST, 2 * sizeof *seen), *ended = seen + 1;
    SL_ASSERT(seen != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/records", &records) &&
        slt_groups_read(sim, "out/sessions", &ends)) {
        for (int32_t g = 1; g <= records.n && g <= ends.n; g++) {
            slt_groups_count(&records, g - 1, g, seen);
            slt_groups_count(&ends, g - 1, g, ended);
            check_ends(sim, seen, ended, false);
        }
        if (at_end) {
            slt_check_words(sim, seen, true);
            check_ends(sim, seen, ended, true);
        }
    }
    sli_str_reset(&records.text);
    sli_str_reset(&ends.text);
    sl_free(seen);
}

/// Lines of a receiver: each at most once, those of which its sender was told exactly once, "the"
/// as often as lines.
static void check_lines(slt_sim *sim, const slt_counts *shown, bool at_end)
{
    int64_t lines = 0;
    for (int32_t i = 0; i < sim->due.n; i++) {
        const slt_count *due = &sim->due.items[i];
        bool sure = slt_counts_of(&sim->acked, due->word) > 0 ||
                    (sim->deaths == 0 && !sim->hurt && !sim->zombies);
        check_word(sim, shown, due, at_end && sure);
        lines += slt_counts_of(shown, due->word);
    }
    if (slt_counts_of(shown, "the") != lines) {
        slt_sim_wrong(sim, "%lld lines are shown, with %lld times 'the'", (long long)lines,
                      (long long)slt_counts_of(shown, "the"));
    }
}

/// After each group the state is the sum of what was shown up to it.
void slt_check_state(slt_sim *sim, const slt_groups *words, const slt_groups *state)
{
    slt_counts *sum = sl_alloc_zero(SLI_TAG_TEST, 2 * sizeof *sum), *now = sum + 1;
    SL_ASSERT(sum != NULL, "no memory for a test");
    for (int32_t g = 1; g <= words->n && g <= state->n; g++) {
        char what[64];
        (void)snprintf(what, sizeof what, "state after group %d", g);
        slt_groups_count(words, g - 1, g, sum);
        now->n = 0;
        for (size_t at = state->ends[g - 1]; at < state->ends[g];) {
            const char *line = state->text.data + at;
            size_t size = strcspn(line, "\n"), word = strcspn(line, ",");
            if (word < size && strncmp(line, "word,", 5) != 0) { // the last row of a group counts
                slt_counts_set(now, line, word, strtoll(line + word + 1, NULL, 10));
            }
            at += size + 1;
        }
        same_counts(sim, sum, now, what);
        same_counts(sim, now, sum, what);
    }
    sl_free(sum);
}

void slt_check_received(slt_sim *sim, bool at_end)
{
    slt_groups words = {.text = {.tag = SLI_TAG_TEST}}, state = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/words", &words) && slt_groups_read(sim, "out/state", &state)) {
        slt_groups_count(&words, 0, words.n, shown);
        check_lines(sim, shown, at_end);
        slt_check_state(sim, &words, &state);
        if (at_end && words.n != state.n) {
            slt_sim_wrong(sim, "words show %d groups, states %d", words.n, state.n);
        }
    }
    sli_str_reset(&words.text);
    sli_str_reset(&state.text);
    sl_free(shown);
}

/// In which epoch's rows "WORD,N" was foreachRDD's; 0: in none.
static int32_t epoch_of(const slt_sim *sim, const char *row)
{
    for (int32_t e = 0; e < SLT_MOST_EPOCHS; e++) {
        if (sim->calls[e] != NULL && strstr(sim->calls[e], row) != NULL) {
            return e;
        }
    }
    return 0;
}

/// Words of round r were twice on the left and three times on the right: joined once, when both
/// came in one epoch (a stall can part them), else never.
static void check_pairs(slt_sim *sim, const slt_groups *pairs, bool at_end)
{
    for (int32_t round = 0; round < SLT_ALL_ROUNDS; round++) {
        char row[32], both[32];
        int32_t n = 0;
        (void)snprintf(row, sizeof row, "k%d,2,3\n", round);
        (void)snprintf(both, sizeof both, "k%d,5\n", round);
        for (const char *at = pairs->text.size == 0 ? NULL : strstr(pairs->text.data, row);
             at != NULL; at = strstr(at + 1, row)) {
            n++;
        }
        int32_t due = epoch_of(sim, both) > 0 ? 1 : 0;
        if (n > due || (at_end && n != due)) {
            slt_sim_wrong(sim, "the joined row 'k%d,2,3' is shown %d times, not %d", round, n, due);
        }
    }
}

/// Every row shown was brought to the function, and no other.
static void check_calls(slt_sim *sim, const slt_counts *shown, bool at_end)
{
    slt_counts *called = sl_alloc_zero(SLI_TAG_TEST, sizeof *called);
    slt_groups rows = {.n = 1};
    SL_ASSERT(called != NULL, "no memory for a test");
    for (int32_t e = 0; e < SLT_MOST_EPOCHS; e++) {
        if (sim->calls[e] != NULL) {
            rows.text.data = sim->calls[e];
            rows.text.size = rows.ends[1] = strlen(sim->calls[e]);
            slt_groups_count(&rows, 0, 1, called);
        }
    }
    for (int32_t i = 0; i < shown->n; i++) {
        if (slt_counts_of(called, shown->items[i].word) < shown->items[i].n) {
            slt_sim_wrong(sim, "'%s' is shown, foreachRDD was not called with it",
                          shown->items[i].word);
        }
    }
    if (at_end) {
        same_counts(sim, called, shown, "foreachRDD and files");
    }
    sl_free(called);
}

static void check_two(slt_sim *sim, bool at_end)
{
    slt_groups all = {.text = {.tag = SLI_TAG_TEST}}, pairs = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/all", &all) && slt_groups_read(sim, "out/pairs", &pairs)) {
        slt_groups_count(&all, 0, all.n, shown);
        slt_check_words(sim, shown, at_end);
        check_pairs(sim, &pairs, at_end);
        if (sim->n_ignored == 0) {
            check_calls(sim, shown, at_end);
        }
        if (at_end && all.n != pairs.n) {
            slt_sim_wrong(sim, "counts show %d groups, pairs %d", all.n, pairs.n);
        }
    }
    sli_str_reset(&all.text);
    sli_str_reset(&pairs.text);
    sl_free(shown);
}

/// Each number from 0 once.
static void check_rate(slt_sim *sim, bool at_end)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    int64_t next = 0;
    bool seen[512] = {0};
    if (slt_groups_read(sim, "out/rate", &groups)) {
        for (size_t at = 0; at < groups.text.size;) {
            const char *line = groups.text.data + at;
            if (strncmp(line, "v,", 2) == 0) {
                int64_t value = strtoll(line + 2, NULL, 10);
                if (value < 0 || value >= 512 || seen[value]) {
                    slt_sim_wrong(sim, "row %lld of the rate is shown twice or was never due",
                                  (long long)value);
                    break;
                }
                seen[value] = true;
                next++;
            }
            at += strcspn(line, "\n") + 1;
        }
        for (int64_t i = 0; i < next && i < 512; i++) {
            if (!seen[i]) {
                slt_sim_wrong(sim, "%lld rows of the rate are shown, row %lld is not",
                              (long long)next, (long long)i);
            }
        }
        if (at_end && next < 20) {
            slt_sim_wrong(sim, "only %lld rows of the rate in five seconds", (long long)next);
        }
    }
    sli_str_reset(&groups.text);
}

// ---------------------------------------------------------------- tables

const slt_sim_job slt_job_files = {
    .name = "files",
    .build = build_files,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check_files,
};
const slt_sim_job slt_job_socket = {
    .name = "socket",
    .build = build_socket,
    .settings = {SLT_SETTINGS, "block.interval", "200ms", NULL},
    .feed = feed_socket,
    .check = slt_check_received,
    .peer = "localhost",
};
const slt_sim_job slt_job_elsewhere = {
    .name = "elsewhere",
    .build = build_socket,
    .settings = {SLT_SETTINGS, "block.interval", "200ms", "checkpoint.snapshots",
                 "hdfs://nn1/snapshots?retry_timeout=2s", NULL},
    .feed = feed_socket,
    .check = slt_check_received,
    .peer = "localhost",
    .has_hdfs = true,
};
const slt_sim_job slt_job_quick = {
    .name = "quick",
    .build = build_socket,
    .settings = {SLT_SETTINGS, "interval", "100ms", "block.interval", "250ms", NULL},
    .feed = feed_socket,
    .check = slt_check_received,
    .peer = "localhost",
};
const slt_sim_job slt_job_joined = {
    .name = "joined",
    .build = build_two,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed_two,
    .check = check_two,
};
const slt_sim_job slt_job_grouped = {
    .name = "grouped",
    .build = build_two,
    .settings = {SLT_SETTINGS, "commit_interval", "3s", NULL},
    .feed = feed_two,
    .check = check_two,
};
const slt_sim_job slt_job_eager = {
    .name = "eager",
    .build = build_two,
    .settings = {SLT_SETTINGS, "interval", "300ms", "commit_interval", "1500ms", "snapshot.groups",
                 "1", NULL},
    .feed = feed_two,
    .check = check_two,
};
const slt_sim_job slt_job_rate = {
    .name = "rate",
    .build = build_rate,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed_rate,
    .check = check_rate,
};
const slt_sim_job slt_job_stdin = {
    .name = "stdin",
    .build = build_stdin,
    .settings = {SLT_SETTINGS, "block.interval", "100ms", NULL},
    .feed = feed_stdin,
    .check = slt_check_received,
    .peer = "stdin",
};
// Long epochs: when a process dies there are mostly records that no PLAN names.
const slt_sim_job slt_job_sender = {
    .name = "sender",
    .build = build_sender,
    .settings = {SLT_SETTINGS, "interval", "2s", "block.interval", "100ms", NULL},
    .feed = feed_sender,
    .check = slt_check_received,
    .has_sender = true,
};

// What is POSTed: an acknowledgement that arrives is believed, and a repeat counts once. The log is
// synced some time after records came, so that one which is told too early is noticed.
const slt_sim_job slt_job_posted = {
    .name = "posted",
    .build = build_posted,
    .settings = {SLT_SETTINGS, "block.interval", "100ms", NULL},
    .feed = slt_feed_poster,
    .check = slt_check_received,
    .posts = &slt_post_http,
};

const slt_sim_job slt_job_rolled = {
    .name = "rolled",
    .build = build_rolled,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check_rolled,
};

const slt_sim_job slt_job_sessions = {
    .name = "sessions",
    .build = build_sessions,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check_sessions,
};

const slt_sim_job *const slt_all_jobs[] = {
    &slt_job_files,
    &slt_job_socket,
    &slt_job_elsewhere,
    &slt_job_joined,
    &slt_job_grouped,
    &slt_job_rate,
    &slt_job_stdin,
    &slt_job_sender,
    &slt_job_posted,
    &slt_job_rolled,
    &slt_job_sessions,
    &slt_job_poison,
    &slt_job_running,
    &slt_job_windows,
    &slt_job_panes,
    &slt_job_held,
    &slt_job_event,
    &slt_job_silent,
    &slt_job_kafka_out,
    &slt_job_kafka,
    &slt_job_kafka_large,
    &slt_job_postgres,
    &slt_job_hdfs,
    &slt_job_mqtt,
    &slt_job_pushed,
    &slt_job_pulled,
    &slt_job_model,
    &slt_job_tail,
    NULL,
};
