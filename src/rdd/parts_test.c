// The pieces operators are made of: schemas of results, orders, indexes, sources that are read,
// tasks that are cancelled.
#include "rdd/bench_test.h"

#include <math.h>
#include <stdio.h>

// ---------------------------------------------------------------- schemas

SL_TEST(column_types_are_cut_out_of_the_canonical_text, "")
{
    sl_schema *s =
        schema_of("a string, l list<struct<x int64, y list<string?>>>?, d decimal(10,2), z bool?");
    const char *const expected[] = {"string", "list<struct<x int64, y list<string?>>>?",
                                    "decimal(10,2)", "bool?"};
    for (int32_t i = 0; i < 4; i++) {
        sl_text type = sli_column_type_text(s, i);
        char text[64];
        memcpy(text, type.data, type.size);
        text[type.size] = '\0';
        SL_CHECK_TEXT(text, expected[i]);
    }
    sl_schema_unref(s);
}

SL_TEST(joined_and_grouped_schemas_put_keys_first, "")
{
    sl_schema *a = schema_of("x int64, k string, y bool"),
              *b = schema_of("y float64?, k string, w int64");
    sl_schema *out = NULL;
    int32_t ka[] = {1}, kb[] = {1};
    assert_int_equal(sli_schema_joined(a, ka, b, kb, 1, &out, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(out), "k string, x int64, y bool, y_2 float64?, w int64");
    sl_schema_unref(out);
    assert_int_equal(sli_schema_grouped(b, kb, 1, &out, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(out), "k string, y list<float64?>, w list<int64>");
    sl_schema_unref(out);
    sl_schema *c = schema_of("k string, y int64, y_2 int64"), *d = schema_of("k string, y int64");
    int32_t first[] = {0};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_schema_joined(c, first, d, first, 1, &out, &err),
                     SL_E_INVALID); // y_2 twice
    assert_non_null(strstr(err.text, "y_2"));
    sl_schema_unref(a);
    sl_schema_unref(b);
    sl_schema_unref(c);
    sl_schema_unref(d);
}

// ---------------------------------------------------------------- orders

static void check_sort(const char *text, int64_t n, uint64_t range)
{
    sl_schema *schema = schema_of("a int64, b int64");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sli_order *order = NULL;
    sli_rng rng = {(uint64_t)n};
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(builder, 0, (int64_t)sli_rng_below(&rng, range));
        sl_builder_int64(builder, 1, i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(sli_order_parse(&order, text, schema, NULL), SL_OK);
    int32_t *rows = NULL;
    assert_int_equal(sli_order_sort(order, batch, &rows, NULL), SL_OK);
    for (int64_t i = 1; i < n; i++) {
        int way = sli_order_compare(order, batch, rows[i - 1], batch, rows[i]);
        assert_true(way < 0 || (way == 0 && rows[i - 1] < rows[i])); // stable
    }
    sl_free(rows);
    sli_order_free(order);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

/// A cell of any type that sorts, from few values that are hard to tell apart: ends of ranges, NaN,
/// both zeros, texts that begin alike.
static void put_hard_cell(sl_builder *builder, int32_t column, sl_type type, sli_rng *rng)
{
    static const double floats[] = {0.0,       -0.0, 1.5,    -1.5,   INFINITY,
                                    -INFINITY, NAN,  5e-324, -5e-324};
    static const char *const texts[] = {"",
                                        "a",
                                        "a\0",
                                        "ab",
                                        "abcdefg",
                                        "abcdefgh",
                                        "abcdefgi",
                                        "abcdefg\0",
                                        "abcdefghijklmnop",
                                        "\xff",
                                        "abcdefghijklmnoq"};
    static const size_t sizes[] = {0, 1, 2, 2, 7, 8, 8, 8, 16, 1, 16};
    static const int64_t numbers[] = {0,    1,     -1,        255,       256,
                                      -256, 65535, INT64_MAX, INT64_MIN, 1 << 30};
    uint64_t pick = sli_rng_below(rng, 990);
    if (pick % 7 == 0) {
        sl_builder_null(builder, column);
    } else if (type == SL_FLOAT64 || type == SL_FLOAT32) {
        sl_builder_float64(builder, column, floats[pick % 9]);
    } else if (type == SL_STRING || type == SL_BINARY) {
        sl_builder_text(builder, column, texts[pick % 11], sizes[pick % 11]);
    } else if (type == SL_BOOL) {
        sl_builder_bool(builder, column, pick % 2 == 0);
    } else {
        int64_t number = numbers[pick % 10];
        sl_builder_int64(builder, column,
                         type == SL_INT64 || type == SL_TIMESTAMP ? number : number % 128);
    }
}

static void check_hard_sort(const char *text, uint64_t seed)
{
    sl_schema *schema = schema_of(
        "i int64?, f float64?, s string?, b bool?, d date?, g float32?, t timestamp?, x binary?");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sli_order *order = NULL;
    sli_rng rng = {seed};
    int32_t *rows = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int32_t i = 0; i < 700; i++) {
        for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
            put_hard_cell(builder, c, sl_schema_field(schema, c)->type, &rng);
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(sli_order_parse(&order, text, schema, NULL), SL_OK);
    assert_int_equal(sli_order_sort(order, batch, &rows, NULL), SL_OK);
    for (int64_t i = 1; i < sl_batch_rows(batch); i++) {
        int way = sli_order_compare(order, batch, rows[i - 1], batch, rows[i]);
        if (way > 0 || (way == 0 && rows[i - 1] >= rows[i])) {
            fail_msg("order \"%s\": place %d", text, (int)i);
        }
    }
    sl_free(rows);
    sli_order_free(order);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(sorts_by_any_columns_agree_with_the_comparison_of_cells, "")
{
    static const char *const orders[] = {"i",
                                         "i desc",
                                         "f",
                                         "f desc",
                                         "s",
                                         "s desc",
                                         "b, s",
                                         "b desc, f, s desc",
                                         "d, i desc",
                                         "g desc, t",
                                         "t desc, x",
                                         "x, i",
                                         "s desc, i, f desc",
                                         "x desc, b, s"};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        check_hard_sort(orders[i], 17 * i + 3);
    }
}

SL_TEST(sorts_of_every_small_length_are_total_and_stable, "")
{
    for (int64_t n = 0; n < 70; n++) {
        check_sort("a", n, 5);
        check_sort("a desc", n, 3);
        check_sort("a desc, b desc", n, 4);
    }
    check_sort("a", 5000, 100);
}

SL_TEST(orders_are_refused_with_the_word_that_is_wrong, "")
{
    sl_schema *schema = schema_of("a int64, b int64");
    const char *const wrong[] = {"", "c", "a,", "a down", ",", "a desc desc", "a b"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sli_order *order = NULL;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_order_parse(&order, wrong[i], schema, &err), SL_E_INVALID);
        assert_null(order);
        assert_int_not_equal(err.text[0], '\0');
    }
    sl_schema_unref(schema);
}

// ---------------------------------------------------------------- sources

/// Three splits of numbers; split 1 fails when asked to.
typedef struct fake {
    sli_source head;
    sl_schema *schema;
    bool fails;
    int32_t closed;
} fake;

static const sl_schema *fake_schema(const sli_source *self)
{
    return ((const fake *)self)->schema;
}

static sl_code fake_read(sli_source *self, sl_bytes range, int32_t split, sli_emit_fn emit,
                         void *ctx, sli_decode_stats *stats, sl_error *err)
{
    assert_int_equal(range.size, 3);
    if (((fake *)self)->fails) {
        return sl_error_set(err, SL_E_NOT_FOUND, "the file went away");
    }
    sl_batch *batch = numbers(1000 * split, 1000 * split + 9000);
    stats->records += 9000;
    sl_code rc = emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static const sli_source_ops fake_ops = {.struct_size = sizeof(sli_source_ops),
                                        .scheme = "fake",
                                        .schema = fake_schema,
                                        .read = fake_read};

typedef struct taken {
    int64_t rows, batches, stop_after;
    const sli_task *task;
    int64_t place;
} taken;

static sl_code take(void *ctx, sl_batch *batch, sl_error *err)
{
    taken *t = ctx;
    t->place = t->task->source_from;
    assert_int_equal(t->task->source_rows, sl_batch_rows(batch));
    assert_int_equal(sl_column_int64(sl_batch_column(batch, 0), 0), t->rows + 2000);
    t->rows += sl_batch_rows(batch);
    t->batches++;
    return t->batches == t->stop_after ? sl_error_set(err, SL_E_END, "enough") : SL_OK;
}

SL_TEST(a_source_is_read_in_batches_that_know_their_place, "")
{
    bench b;
    bench_open(&b);
    fake source = {.head = {.ops = &fake_ops}, .schema = schema_of("n int64")};
    sl_rdd *rdd = sli_rdd_of_source(b.runtime, &source.head, (sl_bytes){"abc", 3}, 3);
    taken t = {.task = &b.task};
    assert_int_equal(sli_rdd_each(rdd, 2, &b.task, take, &t, NULL), SL_OK);
    assert_int_equal(t.rows, 9000);
    assert_int_equal(t.batches, 3); // of at most SLI_BATCH_ROWS
    assert_int_equal(t.place, 2 * SLI_BATCH_ROWS);
    assert_int_equal(b.task.read.records, 9000);
    t = (taken){.task = &b.task, .stop_after = 2};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_rdd_each(rdd, 2, &b.task, take, &t, &err), SL_E_END);
    assert_int_equal(t.batches, 2);
    sli_stop all = {.now = true}, own = {.wider = &all};
    b.task.stop = &own;
    t = (taken){.task = &b.task};
    assert_int_equal(sli_rdd_each(rdd, 2, &b.task, take, &t, &err), SL_E_CANCELLED);
    assert_int_equal(t.batches, 0);
    b.task.stop = NULL;
    source.fails = true;
    assert_int_equal(sli_rdd_each(rdd, 1, &b.task, take, &t, &err), SL_E_NOT_FOUND);
    sl_rdd_unref(rdd);
    sl_schema_unref(source.schema);
    bench_close(&b);
}

static int32_t fake_lane(sli_source *self, sl_bytes range, int32_t split)
{
    (void)self;
    (void)range;
    return split + 10;
}

/// "UID#LANE" of a partition, or "-".
static void lane_is(const sl_rdd *rdd, int32_t partition, const char *expected)
{
    const char *uid = NULL;
    char text[64] = "-";
    int32_t lane = 0;
    if (sli_rdd_lane(rdd, partition, &uid, &lane)) {
        (void)snprintf(text, sizeof text, "%s#%d", uid, lane);
    }
    SL_CHECK_TEXT(text, expected);
}

SL_TEST(a_partition_knows_its_lane_as_long_as_it_has_one, "")
{
    bench b;
    bench_open(&b);
    sli_source_ops with_lanes = fake_ops;
    with_lanes.lane = fake_lane;
    fake one = {.head = {.ops = &fake_ops}, .schema = schema_of("n int64")};
    fake many = {.head = {.ops = &with_lanes}, .schema = one.schema};
    sl_bytes range = {"abc", 3};
    sl_rdd *a = sli_rdd_uid(sli_rdd_of_source(b.runtime, &one.head, range, 3), "one");
    sl_rdd *c = sli_rdd_uid(sli_rdd_of_source(b.runtime, &many.head, range, 3), "many");
    sl_rdd *both = sl_rdd_union(a, c), *some = sl_rdd_where(both, "n > 1");
    sl_rdd *moved = sl_rdd_repartition(some, 6), *fewer = sl_rdd_coalesce(some, 2);
    lane_is(a, 2, "one#0");
    lane_is(c, 2, "many#12");
    lane_is(some, 1, "one#0");
    lane_is(some, 3, "many#10");
    lane_is(some, 5, "many#12");
    lane_is(moved, 0, "-");
    lane_is(fewer, 0, "-");
    sl_rdd *const all[] = {a, c, both, some, moved, fewer};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        sl_rdd_unref(all[i]);
    }
    sl_schema_unref(one.schema);
    bench_close(&b);
}

// ---------------------------------------------------------------- indexes

SL_TEST(an_index_chains_rows_of_a_key_in_order_of_arrival, "")
{
    sl_schema *schema = schema_of("n int64");
    sl_batch *a = numbers(0, 3), *b = numbers(1, 4), *both = NULL, *none = NULL;
    const sl_batch *list[] = {a, b};
    assert_int_equal(sli_batch_concat(list, 2, &both, NULL), SL_OK);
    assert_int_equal(sli_batch_empty(schema, &none, NULL), SL_OK);
    sli_index *index = NULL;
    int32_t keys[] = {0}, group[3];
    assert_int_equal(sli_index_new(&index, keys, 1, both, NULL), SL_OK);
    assert_int_equal(sli_groups_find(index->groups, b, keys, group, NULL), SL_OK);
    assert_int_equal(index->first[group[0]], 1); // key 1: rows 1 and 3
    assert_int_equal(index->following[1], 3);
    assert_int_equal(index->following[3], -1);
    sli_index_free(index);
    index = NULL;
    assert_int_equal(sli_index_new(&index, keys, 1, none, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(index->rows), 0);
    sli_index_free(index);
    sl_batch_unref(both);
    sl_batch_unref(none);
    sl_batch_unref(a);
    sl_batch_unref(b);
    sl_schema_unref(schema);
}

// ---------------------------------------------------------------- arguments

SL_TEST(arguments_carry_epoch_partition_state_and_a_seed_of_their_own, "")
{
    bench b;
    bench_open(&b);
    b.own.seed = 9;
    b.task.epoch = 5;
    b.task.time_us = 77;
    b.task.partition = 2;
    sl_args args, other, again;
    assert_int_equal(sli_task_args(&b.task, "by=','", 1, 16, &args, NULL), SL_OK);
    assert_int_equal(sli_task_args(&b.task, NULL, 2, 0, &other, NULL), SL_OK);
    assert_int_equal(sli_task_args(&b.task, NULL, 1, 0, &again, NULL), SL_OK);
    assert_int_equal(sl_args_epoch(&args), 5);
    assert_int_equal(sl_args_time_us(&args), 77);
    assert_int_equal(sl_args_partition(&args), 2);
    assert_int_equal(((const int64_t *)sl_args_state(&args))[1], 0);
    assert_null(sl_args_state(&other));
    uint64_t drawn = sl_args_random(&args);
    assert_true(drawn == sl_args_random(&again));
    assert_true(drawn != sl_args_random(&other));
    bench_close(&b);
}
