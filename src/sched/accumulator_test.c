// Accumulators in sessions: every partition counts once, whatever becomes of its tasks, and their
// values show nothing of workers, memory or order.
#include "rdd/accumulator.h"
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdatomic.h>
#include <stdio.h>

// ---------------------------------------------------------------- a function that adds

/// Adds column 0, a whole number, to all of them; fails some calls after it has added.
typedef struct plan {
    _Atomic int32_t calls;
    int32_t fail_first;
} plan;

static sl_code add_row(const sl_args *args, int64_t n, sl_error *err)
{
    char text[32];
    int size = snprintf(text, sizeof text, "<%d>", (int)n);
    SL_TRY(sl_args_add_int64(args, "sum", n, err));
    SL_TRY(sl_args_add_float64(args, "thirds", (double)n / 3, err));
    SL_TRY(sl_args_add_bytes(args, "seen", text, (size_t)size, err));
    return sl_args_add_bytes(args, "most", &n, sizeof n, err);
}

static sl_code add(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    plan *p = sl_args_attached(args, "plan");
    const int64_t *n = sl_batch_column(in, 0)->values;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        SL_TRY(add_row(args, n[i], err));
        sl_builder_int64(out, 0, n[i]);
    }
    if (atomic_fetch_add(&p->calls, 1) < p->fail_first) {
        return sl_error_set(err, SL_E_USER, "it has added, and fails");
    }
    return SL_OK;
}
static const sl_fn add_fn = {.struct_size = sizeof(sl_fn), .name = "add", .run = add};

// ---------------------------------------------------------------- the largest number, as a custom
// accumulator

static void zero_most(void *state)
{
    *(int64_t *)state = -1;
}
static sl_code add_most(void *state, const void *value, size_t size, sl_error *err)
{
    int64_t n = 0;
    if (size != sizeof n) {
        return sl_error_set(err, SL_E_INVALID, "not a number");
    }
    memcpy(&n, value, sizeof n);
    *(int64_t *)state = n > *(int64_t *)state ? n : *(int64_t *)state;
    return SL_OK;
}
static sl_code merge_most(void *state, const void *from, sl_error *err)
{
    return add_most(state, from, sizeof(int64_t), err);
}
static const sl_accumulator_fn most_fn = {.struct_size = sizeof(sl_accumulator_fn),
                                          .name = "most",
                                          .state_bytes = sizeof(int64_t),
                                          .zero = zero_most,
                                          .add = add_most,
                                          .merge = merge_most};

static void open_accs(world *w, plan *p)
{
    static const sli_acc_def defs[] = {{"sum", SL_ACC_INT64, NULL},
                                       {"thirds", SL_ACC_FLOAT64, NULL},
                                       {"seen", SL_ACC_LIST, NULL},
                                       {"most", SL_ACC_CUSTOM, &most_fn}};
    assert_int_equal(sli_accs_new(&w->own.accs, true, NULL), SL_OK);
    for (size_t i = 0; i < sizeof defs / sizeof *defs; i++) {
        assert_int_equal(sli_accs_declare(w->own.accs, &defs[i], NULL), SL_OK);
    }
    w->attached = p;
}

static void close_accs(world *w)
{
    sli_accs_free(w->own.accs);
    w->own.accs = NULL;
}

/// "sum thirds items most": all that was counted.
static const char *values(world *w)
{
    static char text[512];
    sl_accumulated sum, thirds, seen, most;
    sl_text item = {0};
    assert_int_equal(sli_accs_value(w->own.accs, "sum", false, &sum, NULL), SL_OK);
    assert_int_equal(sli_accs_value(w->own.accs, "thirds", false, &thirds, NULL), SL_OK);
    assert_int_equal(sli_accs_value(w->own.accs, "seen", false, &seen, NULL), SL_OK);
    assert_int_equal(sli_accs_value(w->own.accs, "most", false, &most, NULL), SL_OK);
    int size = snprintf(text, sizeof text, "%d %.17g ", (int)sum.int64, thirds.float64);
    int64_t items = 0;
    for (size_t at = 0; sl_accumulated_next(&seen, &at, &item); items++) {
        size +=
            snprintf(text + size, sizeof text - (size_t)size, "%.*s", (int)item.size, item.data);
    }
    assert_int_equal(items, seen.int64);
    (void)snprintf(text + size, sizeof text - (size_t)size, " %d", (int)*(int64_t *)most.bytes);
    sl_accumulated_reset(&seen);
    sl_accumulated_reset(&most);
    return text;
}

static const char all_rows[] = "1;2;3;4;5;6;7;8;9;";
static const char nothing[] = "0 0  -1";
static const char once[] = "45 15 <1><2><3><4><5><6><7><8><9> 9";

static sl_rdd *adding(world *w, int32_t n_partitions)
{
    sl_rdd *in = rdd_of(w, "n int64", all_rows, n_partitions);
    return then(in, sl_rdd_map(in, &add_fn, NULL));
}

static void count(sl_rdd *rdd)
{
    int64_t n = 0;
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    assert_int_equal(n, 9);
}

// ---------------------------------------------------------------- once

SL_TEST(an_action_counts_in_order_of_partitions, "COUNT-1")
{
    char text_of[8][128] = {""}; // by partitions: these may show in the last bits of `thirds`
    EACH_LAYOUT(w, l)
    {
        plan p = {0};
        open_accs(&w, &p);
        SL_CHECK_TEXT(values(&w), nothing);
        sl_rdd *rdd = adding(&w, l->partitions);
        count(rdd);
        const char *text = values(&w);
        assert_int_equal(strncmp(text, "45 ", 3), 0);
        SL_CHECK_TEXT(strstr(text, " <"), " <1><2><3><4><5><6><7><8><9> 9");
        char *before = text_of[l->partitions];
        if (before[0] != '\0') {
            SL_CHECK_TEXT(text, before);
        }
        (void)snprintf(before, sizeof *text_of, "%s", text);
        sl_rdd_unref(rdd);
        close_accs(&w);
    }
}

SL_TEST(a_partition_that_is_computed_again_counts_nothing_again, "COUNT-1")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    plan p = {0};
    open_accs(&w, &p);
    sl_rdd *rdd = adding(&w, 1);
    count(rdd);
    count(rdd); // nothing is cached: all of it runs again
    sl_rdd *sorted = sl_rdd_sort_by(rdd, "n desc", 2);
    count(sorted); // samples it, then sorts it
    assert_true(p.calls >= 4);
    SL_CHECK_TEXT(values(&w), once);
    sl_rdd_unref(sorted);
    sl_rdd_unref(rdd);
    close_accs(&w);
    world_close(&w);
}

SL_TEST(lost_map_output_is_written_again_and_counts_nothing_again, "COUNT-1")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    plan p = {0};
    open_accs(&w, &p);
    sl_rdd *rdd = adding(&w, 1);
    sl_rdd *dealt = sl_rdd_repartition(rdd, 2);
    count(dealt);
    for (int32_t r = 0; r < 2; r++) {
        sli_blocks_lose(w.blocks,
                        (sli_block_id){SLI_BLOCK_SHUFFLE, dealt->deps[0].shuffle->id, 0, r});
    }
    count(dealt);
    assert_int_equal(p.calls, 2);
    SL_CHECK_TEXT(values(&w), once);
    sl_rdd_unref(dealt);
    sl_rdd_unref(rdd);
    close_accs(&w);
    world_close(&w);
}

SL_TEST(one_task_that_computes_a_partition_twice_counts_it_once, "COUNT-1")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {0};
    open_accs(&w, &p);
    sl_rdd *rdd = adding(&w, 1);
    sl_rdd *both = sl_rdd_union(rdd, rdd), *one = then(both, sl_rdd_coalesce(both, 1));
    int64_t n = 0;
    assert_int_equal(sl_rdd_count(one, &n, NULL), SL_OK);
    assert_int_equal(n, 18);
    SL_CHECK_TEXT(values(&w), once);
    sl_rdd_unref(one);
    sl_rdd_unref(rdd);
    close_accs(&w);
    world_close(&w);
}

SL_TEST(attempts_that_fail_count_nothing, "COUNT-1")
{
    for (int pool = 0; pool < 2; pool++) {
        world w;
        world_open(&w, (world_conf){.workers = 2, .pool = pool == 1});
        plan p = {.fail_first = 3};
        open_accs(&w, &p);
        sl_rdd *rdd = adding(&w, 1);
        count(rdd);
        SL_CHECK_TEXT(values(&w), once);
        sl_rdd_unref(rdd);
        close_accs(&w);
        world_close(&w);
    }
}

SL_TEST(an_action_that_fails_counts_nothing_and_the_next_one_all, "COUNT-1")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    plan p = {.fail_first = 1};
    open_accs(&w, &p);
    sl_rdd *rdd = adding(&w, 3); // two partitions add, one fails
    int64_t n = 0;
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_E_USER);
    SL_CHECK_TEXT(values(&w), nothing);
    count(rdd);
    SL_CHECK_TEXT(strstr(values(&w), " <"), " <1><2><3><4><5><6><7><8><9> 9");
    sl_rdd_unref(rdd);
    close_accs(&w);
    world_close(&w);
}

SL_TEST(what_take_did_not_get_to_the_end_of_counts_again_when_it_is_whole, "")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {0};
    open_accs(&w, &p);
    sl_rdd *rdd = adding(&w, 1);
    sl_batch *rows = NULL;
    assert_int_equal(sl_rdd_take(rdd, 2, &rows, NULL), SL_OK);
    sl_batch_unref(rows);
    SL_CHECK_TEXT(values(&w), once); // its one batch had been computed
    count(rdd);
    SL_CHECK_TEXT(values(&w), "90 30 <1><2><3><4><5><6><7><8><9><1><2><3><4><5><6><7><8><9> 9");
    count(rdd);
    assert_int_equal(strncmp(values(&w), "90 ", 3), 0);
    sl_rdd_unref(rdd);
    close_accs(&w);
    world_close(&w);
}

// ---------------------------------------------------------------- mistakes

static sl_code misadd(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)in, (void)out;
    const char *what = sl_args_text(args, "what", "");
    char bytes[4096] = {0};
    if (strcmp(what, "name") == 0) {
        return sl_args_add_int64(args, "summ", 1, err);
    }
    if (strcmp(what, "kind") == 0) {
        return sl_args_add_float64(args, "sum", 1, err);
    }
    if (strcmp(what, "custom") == 0) {
        return sl_args_add_bytes(args, "most", bytes, 3, err);
    }
    if (strcmp(what, "read") == 0) {
        sl_accumulated value;
        return sl_args_accumulated(args, "sum", &value, err);
    }
    for (int i = 0; i < 17; i++) {
        SL_TRY(sl_args_add_bytes(args, "seen", bytes, sizeof bytes, err));
    }
    return SL_OK;
}
static const sl_fn misadd_fn = {.struct_size = sizeof(sl_fn), .name = "misadd", .run = misadd};

SL_TEST(wrong_adds_fail_the_task_and_say_why, "ERRORS-1")
{
    const struct {
        const char *args;
        sl_code code;
        const char *says;
    } cases[] = {
        {"what=name", SL_E_NOT_FOUND, "no accumulator 'summ', did you mean 'sum'?"},
        {"what=kind", SL_E_INVALID, "accumulator 'sum' is of kind int64"},
        {"what=custom", SL_E_INVALID, "accumulator 'most': not a number"},
        {"what=read", SL_E_STATE, "read by functions that run on the driver"},
        {"what=long", SL_E_NO_SPACE, "'seen': its list would have more than 65536 bytes"},
    };
    world w;
    world_open(&w, (world_conf){0});
    plan p = {0};
    open_accs(&w, &p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_rdd *in = rdd_of(&w, "n int64", "1;", 1);
        check_error(then(in, sl_rdd_map(in, &misadd_fn, cases[i].args)), cases[i].code,
                    cases[i].says);
    }
    SL_CHECK_TEXT(values(&w), nothing);
    close_accs(&w);
    sl_rdd *in = rdd_of(&w, "n int64", "1;", 1);
    check_error(then(in, sl_rdd_map(in, &misadd_fn, "what=name")), SL_E_UNSUPPORTED,
                "no accumulator is declared");
    world_close(&w);
}

SL_TEST(declarations_are_checked, "ERRORS-1")
{
    static const sl_accumulator_fn huge = {.struct_size = sizeof(sl_accumulator_fn),
                                           .name = "huge",
                                           .state_bytes = SL_MAX_ACCUMULATED + 1,
                                           .add = add_most,
                                           .merge = merge_most};
    static const sli_acc_def wrong[] = {
        {NULL, SL_ACC_INT64, NULL},          {"a b", SL_ACC_INT64, NULL},
        {"a", (sl_accumulator_kind)9, NULL}, {"a", SL_ACC_LIST, &most_fn},
        {"a", SL_ACC_CUSTOM, NULL},          {"a", SL_ACC_CUSTOM, &huge}};
    sli_accs *accs = NULL;
    assert_int_equal(sli_accs_new(&accs, true, NULL), SL_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(sli_accs_declare(accs, &wrong[i], NULL), SL_E_INVALID);
    }
    for (int i = 0; i <= SL_MAX_ACCUMULATORS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "a%d", i);
        assert_int_equal(sli_accs_declare(accs, &(sli_acc_def){name, SL_ACC_INT64, NULL}, NULL),
                         i < SL_MAX_ACCUMULATORS ? SL_OK : SL_E_INVALID);
    }
    sli_accs_free(accs);
}

// ---------------------------------------------------------------- bytes

SL_TEST(values_survive_as_bytes, "")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {0};
    open_accs(&w, &p);
    sl_rdd *rdd = adding(&w, 1);
    count(rdd);
    sli_str changed = SLI_STR_INIT, none = SLI_STR_INIT;
    assert_int_equal(sli_accs_put(w.own.accs, false, &changed, NULL), SL_OK);
    assert_int_equal(sli_accs_put(w.own.accs, false, &none, NULL), SL_OK);
    assert_int_equal(none.size, 0);
    sli_accs_zero(w.own.accs);
    SL_CHECK_TEXT(values(&w), nothing);
    assert_int_equal(sli_accs_load(w.own.accs, (sl_bytes){changed.data, changed.size}, NULL),
                     SL_OK);
    SL_CHECK_TEXT(values(&w), once);
    sli_str json = SLI_STR_INIT;
    sli_accs_json(w.own.accs, &json);
    SL_CHECK_TEXT(json.data, "{\"sum\":45,\"thirds\":15.0,\"seen\":9}");
    for (size_t size = 1; size < changed.size; size++) { // cut off anywhere
        sl_code rc = sli_accs_load(w.own.accs, (sl_bytes){changed.data, size}, NULL);
        assert_true(rc == SL_OK || rc == SL_E_CORRUPT);
    }
    sli_str_reset(&json);
    sli_str_reset(&changed);
    sl_rdd_unref(rdd);
    close_accs(&w);
    world_close(&w);
}

SL_TEST(bytes_of_another_kind_or_version_are_refused, "")
{
    static const sl_accumulator_fn newer = {.struct_size = sizeof(sl_accumulator_fn),
                                            .name = "most",
                                            .version = 1,
                                            .state_bytes = sizeof(int64_t),
                                            .add = add_most,
                                            .merge = merge_most};
    const struct {
        sli_acc_def was, is;
        const char *says;
    } cases[] = {
        {{"a", SL_ACC_INT64, NULL}, {"a", SL_ACC_LIST, NULL}, "is int64 on record"},
        {{"a", SL_ACC_CUSTOM, &most_fn}, {"a", SL_ACC_CUSTOM, &newer}, "version 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_accs *accs = NULL;
        sli_str bytes = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_accs_new(&accs, true, NULL), SL_OK);
        assert_int_equal(sli_accs_declare(accs, &cases[i].was, NULL), SL_OK);
        assert_int_equal(sli_accs_put(accs, true, &bytes, NULL), SL_OK);
        assert_int_equal(sli_accs_declare(accs, &cases[i].is, NULL), SL_OK);
        assert_int_equal(sli_accs_load(accs, (sl_bytes){bytes.data, bytes.size}, &err),
                         SL_E_INCOMPATIBLE);
        assert_non_null(strstr(err.text, cases[i].says));
        sli_str_reset(&bytes);
        sli_accs_free(accs);
    }
}
