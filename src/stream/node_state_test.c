// updateStateByKey: rows and state over epochs, failures, other numbers of partitions, initial
// state.
#include "stream/graph_fixture_test.h"

#include "base/hash.h"

#include <stdio.h>

typedef struct job {
    slt_graph g;
    sl_stream *in, *state;
    slt_host *host;
} job;

static job job_new(const char *schema, const char *keys, const sl_update_fn *fn, const char *args,
                   int32_t parallelism)
{
    job j = {.g = slt_graph_new()};
    j.in = sl_stream_queue(j.g.graph, "in", schema, true);
    j.state = sl_stream_update_state_by_key(j.in, keys, fn, args);
    assert_int_equal(sl_graph_check(j.g.graph, NULL), SL_OK);
    j.host = slt_host_new(&j.g, parallelism);
    return j;
}

static void job_free(job *j)
{
    slt_host_free(j->host);
    slt_graph_free(&j->g);
}

static void epoch_is(job *j, const char *rows, const char *expected)
{
    if (rows != NULL) {
        slt_push(&j->g, "in", rows, 2);
    }
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->state), expected);
    slt_epoch_end(j->host, false);
}

SL_TEST(update_gives_a_row_for_every_key_in_every_epoch, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 1);
    epoch_is(&j, "to 1|be 2|to 4", "to 5\nbe 2\n");
    epoch_is(&j, NULL, "to 5\nbe 2\n");
    epoch_is(&j, "or 7|be 1", "to 5\nbe 3\nor 7\n"); // known keys, then new ones
    epoch_is(&j, NULL, "to 5\nor 7\nbe 3\n");        // the state's order: by slot, then age
    job_free(&j);
}

SL_TEST(update_removes_keys_that_are_not_kept_and_takes_them_up_anew, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, "drop=10", 1);
    epoch_is(&j, "a 1|b 12|c 3", "a 1\nc 3\n"); // b was never kept
    assert_int_equal(slt_host_store(j.host)->ops->keys(slt_host_store(j.host), j.state->table), 2);
    epoch_is(&j, "a 20", "c 3\n");
    assert_int_equal(slt_host_store(j.host)->ops->keys(slt_host_store(j.host), j.state->table), 1);
    epoch_is(&j, "a 2", "c 3\na 2\n"); // from nothing
    job_free(&j);
}

SL_TEST(update_of_rows_that_are_all_key_counts_them, "")
{
    job j = job_new("word string", "word", &slt_fn_rows, NULL, 1);
    epoch_is(&j, "to|be|to", "to 2\nbe 1\n");
    epoch_is(&j, "be", "to 2\nbe 2\n");
    job_free(&j);
}

SL_TEST(update_that_fails_leaves_the_state_as_it_was, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 2);
    epoch_is(&j, "a 1", "a 1\n");
    slt_push(&j.g, "in", "a 5|b 1", 1);
    slt_epoch_begin(j.host);
    assert_non_null(strstr(slt_epoch_rows(j.host, j.state), "a 6\n"));
    slt_epoch_end(j.host, true); // as if an output had failed
    epoch_is(&j, NULL, "a 1\n");
    job_free(&j);
}

SL_TEST(update_computed_twice_in_an_epoch_changes_the_state_once, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 3);
    sl_stream_persist(j.state, SL_LEVEL_NONE); // nothing is cached: each action computes again
    slt_push(&j.g, "in", "a 1|b 2", 1);
    slt_epoch_begin(j.host);
    char *first = sl_strdup(SLI_TAG_TEST, slt_epoch_rows(j.host, j.state));
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), first);
    slt_epoch_end(j.host, false);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), first);
    slt_epoch_end(j.host, false);
    sl_free(first);
    job_free(&j);
}

SL_TEST(update_settles_partitions_that_nobody_asked_for, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 7);
    slt_push(&j.g, "in", "a 1|b 2|c 3|d 4|e 5|f 6", 1);
    slt_epoch_begin(j.host);
    sl_rdd *rdd = NULL; // made, and no row of it is read
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.state, &rdd, NULL), SL_OK);
    slt_epoch_end(j.host, false);
    assert_int_equal(slt_host_store(j.host)->ops->keys(slt_host_store(j.host), j.state->table), 6);
    job_free(&j);
}

// Computed after its epoch it would add the same rows a second time.
SL_TEST(update_cannot_be_computed_after_its_epoch, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 1);
    sl_stream_persist(j.state, SL_LEVEL_NONE);
    slt_push(&j.g, "in", "a 1", 1);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), "a 1\n");
    sl_rdd *kept = NULL;
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.state, &kept, NULL), SL_OK);
    (void)sl_rdd_ref(kept);
    slt_epoch_end(j.host, false);
    slt_epoch_begin(j.host);
    sl_batch *rows = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_rdd_collect(kept, &rows, &err), SL_E_STATE);
    assert_non_null(strstr(err.text, "the state of epoch 1 of updateStateByKey-1 can't be computed "
                                     "in a later epoch: keep its rows with sl_rdd_collect"));
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), "a 1\n");
    slt_epoch_end(j.host, false);
    sl_rdd_unref(kept);
    job_free(&j);
}

SL_TEST(update_emits_what_changed_only, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 2);
    sli_store *store = slt_host_store(j.host);
    sli_str delta = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 3; i++) {
        slt_push(&j.g, "in", i == 0 ? "a 1|b 2|c 3" : i == 1 ? "b 0" : "c 1", 1);
        slt_epoch_begin(j.host);
        assert_non_null(strstr(slt_epoch_rows(j.host, j.state), "a 1\n"));
        slt_epoch_end(j.host, false);
        sli_str_clear(&delta);
        assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
        if (i == 1) {
            assert_int_equal(delta.size, 0); // the sums are what they were
        } else {
            assert_true(delta.size > 0);
        }
    }
    sli_str_reset(&delta);
    job_free(&j);
}

// ---------------------------------------------------------------- functions that go wrong

static sl_code misbehave(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    const char *how = sl_args_text(args, "how", "");
    if (strcmp(how, "fail") == 0) {
        return sl_error_set(err, SL_E_DATA, "no sense in it");
    }
    if (strcmp(how, "mute") == 0) {
        return (sl_code)77;
    }
    if (strcmp(how, "text") == 0) {
        sl_builder_text(call->out, 0, "x", 1);
    }
    return SL_OK; // appends too little
}
static const sl_update_fn misbehave_fn = {.struct_size = sizeof(sl_update_fn),
                                          .name = "misbehave",
                                          .out = "total int64",
                                          .run = misbehave};

SL_TEST(update_tells_which_function_failed_and_where, "")
{
    static const struct {
        const char *args, *part;
    } cases[] = {
        {"how=fail",
         "updateStateByKey misbehave [updateStateByKey-1], partition 0: no sense in it"},
        {"how=mute",
         "updateStateByKey misbehave [updateStateByKey-1], partition 0: the function gave "
         "no reason (code 77)"},
        {"how=less", "updateStateByKey misbehave [updateStateByKey-1], partition 0: it appended 0 "
                     "rows for 1 keys"},
        {"how=text", "updateStateByKey misbehave [updateStateByKey-1], partition 0: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job j = job_new("word string, n int64", "word", &misbehave_fn, cases[i].args, 1);
        slt_push(&j.g, "in", "a 1", 1);
        slt_epoch_begin(j.host);
        const char *text = slt_epoch_rows(j.host, j.state);
        if (strstr(text, cases[i].part) == NULL) {
            SL_CHECK_TEXT(text, cases[i].part);
        }
        slt_epoch_end(j.host, true);
        job_free(&j);
    }
}

SL_TEST(update_without_an_open_state_says_so, "")
{
    job j = job_new("word string, n int64", "word", &slt_fn_sum, NULL, 1);
    j.state->store = NULL;
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state),
                  "SL_E_STATE: operator updateStateByKey-1: its state is not open");
    slt_epoch_end(j.host, true);
    j.state->store = slt_host_store(j.host);
    job_free(&j);
}

// ---------------------------------------------------------------- against a model

enum { KEYS = 40, EPOCHS = 12, MODEL_DROP = 60 };

typedef struct model {
    bool has[KEYS];
    int64_t total[KEYS];
    int64_t updated[KEYS]; ///< epoch of the last values
    int64_t ttl;           ///< epochs; 0: keys stay
} model;

static void model_epoch(model *m, int64_t epoch, const int64_t *sum, const bool *seen)
{
    for (size_t key = 0; key < KEYS; key++) {
        bool is_over = m->ttl > 0 && epoch - m->updated[key] > m->ttl;
        bool had = m->has[key] && !is_over;
        int64_t total = (had ? m->total[key] : 0) + sum[key];
        m->has[key] = (had || seen[key]) && total < MODEL_DROP;
        m->total[key] = total;
        m->updated[key] = seen[key] ? epoch : m->updated[key];
    }
}

/// One epoch's rows, as text and into the model.
static void random_epoch(sli_rng *rng, model *m, int64_t epoch, char *text, size_t size)
{
    int64_t sum[KEYS] = {0};
    bool seen[KEYS] = {false};
    size_t at = 0, n = 1 + sli_rng_below(rng, 30);
    for (size_t i = 0; i < n; i++) {
        size_t key = sli_rng_below(rng, KEYS);
        int64_t value = (int64_t)sli_rng_below(rng, 12);
        at += (size_t)snprintf(text + at, size - at, "%sk%zu %lld", i == 0 ? "" : "|", key,
                               (long long)value);
        sum[key] += value;
        seen[key] = true;
    }
    model_epoch(m, epoch, sum, seen);
}

static void check_model(const model *m, const char *rows, uint64_t seed)
{
    int64_t expected = 0, lines = 0;
    for (const char *at = rows; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    for (size_t key = 0; key < KEYS; key++) {
        char line[64], first[64];
        if (!m->has[key]) {
            continue;
        }
        expected++;
        (void)snprintf(first, sizeof first, "k%zu %lld\n", key, (long long)m->total[key]);
        (void)snprintf(line, sizeof line, "\nk%zu %lld\n", key, (long long)m->total[key]);
        if (strncmp(rows, first, strlen(first)) != 0 && strstr(rows, line) == NULL) {
            fail_msg("seed %llu: no row %s in\n%s", (unsigned long long)seed, first, rows);
        }
    }
    assert_int_equal(lines, expected);
}

static job job_with_ttl(const char *ttl, int32_t parallelism)
{
    job j = {.g = slt_graph_new()};
    j.in = sl_stream_queue(j.g.graph, "in", "word string, n int64", true);
    j.state = sl_stream_update_state_by_key(j.in, "word", &slt_fn_sum, "drop=60");
    if (ttl != NULL) {
        assert_ptr_equal(sl_stream_ttl(j.state, ttl), j.state);
    }
    assert_int_equal(sl_graph_check(j.g.graph, NULL), SL_OK);
    j.host = slt_host_new(&j.g, parallelism);
    return j;
}

// Every other job lets keys go; an epoch of the fixture is a second.
SL_TEST(update_agrees_with_a_model_also_through_failed_epochs, "")
{
    static const int32_t parallelism[] = {1, 3, 7};
    for (uint64_t seed = 0; seed < (slt_is_soak() ? 300 : 16); seed++) {
        sli_rng rng = {seed};
        model m = {.ttl = seed % 2 == 0 ? 0 : 2};
        int64_t now = 0; // stands still while an epoch fails: the fixture runs it again
        job j = job_with_ttl(m.ttl == 0 ? NULL : "2s", parallelism[seed % 3]);
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            char text[1024];
            model after = m;
            bool fails = sli_rng_below(&rng, 4) == 0;
            random_epoch(&rng, &after, now, text, sizeof text);
            slt_push(&j.g, "in", text, 1 + (int32_t)sli_rng_below(&rng, 4));
            slt_epoch_begin(j.host);
            check_model(&after, slt_epoch_rows(j.host, j.state), seed);
            slt_epoch_end(j.host, fails);
            m = fails ? m : after;
            now += !fails;
        }
        job_free(&j);
    }
}

/// All that a job prints in some epochs: rows and deltas.
static char *history(uint64_t seed, int32_t parallelism, int32_t workers)
{
    sli_rng rng = {seed};
    model m = {0};
    job j = {.g = slt_graph_new()};
    sli_str all = {.tag = SLI_TAG_TEST};
    j.in = sl_stream_queue(j.g.graph, "in", "word string, n int64", true);
    j.state = sl_stream_update_state_by_key(j.in, "word", &slt_fn_sum, "drop=60");
    j.host = workers == 0 ? slt_host_new(&j.g, parallelism)
                          : slt_host_new_pool(&j.g, parallelism, workers);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        char text[1024];
        random_epoch(&rng, &m, epoch, text, sizeof text);
        slt_push(&j.g, "in", text, 3);
        slt_epoch_begin(j.host);
        sli_str_text(&all, slt_epoch_rows(j.host, j.state));
        slt_epoch_end(j.host, false);
        sli_store *store = slt_host_store(j.host);
        assert_int_equal(sli_state_delta(store, &all, NULL), SL_OK);
    }
    job_free(&j);
    sli_str_printf(&all, "%016llx", (unsigned long long)sli_hash64(all.data, all.size));
    char *hash = sl_strdup(SLI_TAG_TEST, all.data + all.size - 16);
    sli_str_reset(&all);
    return hash;
}

SL_TEST(update_gives_equal_bytes_whatever_the_workers, "")
{
    static const int32_t parallelism[] = {1, 3, 7};
    for (uint64_t seed = 0; seed < 6; seed++) {
        char *alone = history(seed, parallelism[seed % 3], 0);
        char *pooled = history(seed, parallelism[seed % 3], 4);
        assert_string_equal(alone, pooled);
        sl_free(alone);
        sl_free(pooled);
    }
}

static void push_numbers(job *j, int64_t n)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, j->in->schema, NULL), SL_OK);
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(builder, 0, i);
        sl_builder_int64(builder, 1, 1);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(sli_graph_push(j->g.graph, "in", batch, 3, NULL), SL_OK);
    sl_batch_unref(batch);
    sl_builder_free(builder);
}

static void run_epoch(job *j)
{
    slt_epoch_begin(j->host);
    sl_rdd *rdd = NULL;
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j->host), j->state, &rdd, NULL), SL_OK);
    slt_epoch_end(j->host, false);
}

// More keys than are let go at once, and those that come again are the youngest of their slots.
SL_TEST(update_lets_many_keys_go_and_takes_them_up_anew, "")
{
    job j = {.g = slt_graph_new()};
    j.in = sl_stream_queue(j.g.graph, "in", "n int64, v int64", true);
    j.state = sl_stream_ttl(sl_stream_update_state_by_key(j.in, "n", &slt_fn_rows, NULL), "1500ms");
    assert_int_equal(sl_graph_check(j.g.graph, NULL), SL_OK);
    j.host = slt_host_new(&j.g, 1);
    sli_store *store = slt_host_store(j.host);
    const int64_t n = 2 * SLI_BATCH_ROWS + 5;
    push_numbers(&j, n);
    run_epoch(&j);
    run_epoch(&j);
    assert_int_equal(store->ops->keys(store, j.state->table), n);
    push_numbers(&j, 3);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), "0 1\n1 1\n2 1\n");
    slt_epoch_end(j.host, false);
    assert_int_equal(store->ops->keys(store, j.state->table), 3);
    job_free(&j);
}

// More keys than one call takes, so that the chunks' borders are crossed.
SL_TEST(update_takes_keys_in_calls_of_some_thousand, "")
{
    job j = job_new("n int64, v int64", "n", &slt_fn_rows, NULL, 1);
    const int64_t n = 3 * SLI_BATCH_ROWS + 5;
    for (int epoch = 1; epoch <= 2; epoch++) {
        push_numbers(&j, n);
        slt_epoch_begin(j.host);
        sl_rdd *rdd = NULL;
        sl_batch *all = NULL;
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.state, &rdd, NULL), SL_OK);
        assert_int_equal(sl_rdd_collect(rdd, &all, NULL), SL_OK);
        assert_int_equal(sl_batch_rows(all), n);
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(sl_column_int64(sl_batch_column(all, 1), i), epoch);
        }
        sl_batch_unref(all);
        slt_epoch_end(j.host, false);
    }
    job_free(&j);
}

// Whichever allocation fails: the rows come out right (a task was tried again), or the epoch fails
// and leaves the state as it was.
SL_TEST(update_survives_each_failed_allocation, "")
{
    bool reached = true;
    int64_t failures = 0;
    for (int64_t n = 1; reached; n++) {
        job j = job_new("word string, n int64", "word", &slt_fn_sum, "drop=9", 1);
        epoch_is(&j, "a 1|b 2|a_word_of_more_than_12_bytes 8",
                 "a 1\nb 2\na_word_of_more_than_12_bytes 8\n");
        slt_push(&j.g, "in", "b 3|c 4|a_word_of_more_than_12_bytes 1", 2);
        slt_epoch_begin(j.host);
        sli_mem_fail_nth(n);
        const char *rows = slt_epoch_rows(j.host, j.state);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        bool right = strstr(rows, "b 5\n") != NULL && strstr(rows, "c 4\n") != NULL &&
                     strstr(rows, "a 1\n") != NULL && strlen(rows) == strlen("a 1\nb 5\nc 4\n");
        assert_true(right || strstr(rows, "SL_E_NOMEM") != NULL);
        failures += !right;
        slt_epoch_end(j.host, !right);
        sli_store *store = slt_host_store(j.host);
        assert_int_equal(store->ops->keys(store, j.state->table), 3);
        job_free(&j);
    }
    assert_true(failures > 0);
}

// ---------------------------------------------------------------- initial state

static job job_with_initial(const char *csv)
{
    job j = {.g = slt_graph_new()};
    assert_int_equal(sli_world_put(j.g.world, "start.csv", csv, strlen(csv), NULL), SL_OK);
    j.in = sl_stream_queue(j.g.graph, "in", "word string, n int64", true);
    j.state = sl_stream_update_state_by_key(j.in, "word", &slt_fn_sum, NULL);
    assert_ptr_equal(
        sl_stream_initial_state(j.state, "start.csv?format=csv&schema=word string, total int64"),
        j.state);
    assert_int_equal(sl_graph_check(j.g.graph, NULL), SL_OK);
    j.host = slt_host_new(&j.g, 1);
    return j;
}

SL_TEST(update_calls_the_function_for_initial_keys_in_the_first_epoch, "")
{
    job j = job_with_initial("a,10\nb,20\n");
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_state_load_initial(j.g.graph, slt_host_runtime(j.host), 1, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    slt_push(&j.g, "in", "b 1|c 2", 1);
    slt_epoch_begin(j.host);
    const char *rows = slt_epoch_rows(j.host, j.state);
    assert_non_null(strstr(rows, "a 10\n"));
    assert_non_null(strstr(rows, "b 21\n"));
    assert_non_null(strstr(rows, "c 2\n"));
    slt_epoch_end(j.host, false);
    // It is part of the first group's delta.
    sli_store *store = slt_host_store(j.host);
    sli_str delta = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
    assert_true(delta.size > 0);
    sli_str_reset(&delta);
    assert_int_equal(store->ops->keys(store, j.state->table), 3);
    job_free(&j);
}

SL_TEST(update_refuses_an_initial_state_with_a_key_twice, "")
{
    job j = job_with_initial("a,10\nb,20\na,3\n");
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_state_load_initial(j.g.graph, slt_host_runtime(j.host), 1, &err),
                     SL_E_DATA);
    SL_CHECK_TEXT(
        err.text,
        "initial state of updateStateByKey-1 (start.csv?format=csv&schema=word string, total "
        "int64): row 3 has a key that an earlier row has");
    sli_store *store = slt_host_store(j.host);
    assert_int_equal(store->ops->keys(store, j.state->table), 0);
    job_free(&j);
}

SL_TEST(update_checks_the_initial_states_schema_at_definition, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *state = sl_stream_update_state_by_key(in, "word", &slt_fn_sum, NULL);
    assert_null(sl_stream_initial_state(state, "s.csv?format=csv&schema=word string, n int64"));
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 2 (updateStateByKey 'sum' after queue 'in'): the initial state has "
                   "\"word string, n int64\", the stream's keys and state are \"word string, total "
                   "int64\"");
    slt_graph_free(&g);
}
