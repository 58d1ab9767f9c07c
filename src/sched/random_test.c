// Random lineages against a naive evaluator, on every layout; and equal bytes whatever the order of
// tasks.
#include "sched/world_test.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- the naive engine: rows in one
// list

typedef struct row {
    int64_t k, v;
} row;

typedef struct table {
    row *rows;
    size_t n;
} table;

static void add(table *t, int64_t k, int64_t v)
{
    t->rows = realloc(t->rows, (t->n + 1) * sizeof *t->rows);
    t->rows[t->n++] = (row){k, v};
}

static int by_row(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->k != y->k ? (x->k < y->k ? -1 : 1) : x->v != y->v ? (x->v < y->v ? -1 : 1) : 0;
}

static table copy_of(const table *t)
{
    table c = {calloc(t->n + 1, sizeof *c.rows), t->n};
    if (t->n > 0) {
        memcpy(c.rows, t->rows, t->n * sizeof *c.rows);
    }
    return c;
}

typedef enum operation {
    OP_MAP,
    OP_FLAT,
    OP_FILTER,
    OP_WHERE,
    OP_SELECT,
    OP_UNION,
    OP_REPARTITION,
    OP_REDUCE,
    OP_DISTINCT,
    OP_SORT,
    OP_JOIN,
    OP_TABLE,
    OP_GROUP,
    OP_PERSIST,
    OP_MAP_VALUES,
    OP_FLAT_VALUES,
    OP_COALESCE,
    OP_PARTITION,
    OP_SORTED,
    OP_COMBINE,
    OP_BY_VALUE,
    OP_LEFT,
    OP_RIGHT,
    OP_FULL,
    OP_COGROUP,
    OP_INTERSECT,
    OP_SUBTRACT,
    OP_SUBTRACT_KEY,
    OP_CARTESIAN,
    OP_ZIP,
    OP_INDEX,
    OP_SAMPLE,
    OP_CHECKPOINT,
    N_OPS
} operation;

static table naive_keys(const table *in, bool sum)
{
    table out = {0};
    for (size_t i = 0; i < in->n; i++) {
        size_t at = 0;
        while (at < out.n &&
               (out.rows[at].k != in->rows[i].k || (!sum && out.rows[at].v != in->rows[i].v))) {
            at++;
        }
        if (at == out.n) {
            add(&out, in->rows[i].k, sum ? 0 : in->rows[i].v);
        }
        if (sum) {
            out.rows[at].v += in->rows[i].v;
        }
    }
    return out;
}

static bool has(const table *t, const row *r, bool by_key)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->rows[i].k == r->k && (by_key || t->rows[i].v == r->v)) {
            return true;
        }
    }
    return false;
}

static table naive_by_value(const table *in)
{
    table out = naive_keys(in, false);
    for (size_t i = 0; i < out.n; i++) {
        int64_t n = 0;
        for (size_t j = 0; j < in->n; j++) {
            n += by_row(&in->rows[j], &out.rows[i]) == 0;
        }
        out.rows[i].v += n;
    }
    return out;
}

static table naive_outer(const table *a, const table *b, bool left, bool right)
{
    table out = {0};
    for (size_t i = 0; i < a->n; i++) {
        for (size_t j = 0; j < b->n; j++) {
            if (a->rows[i].k == b->rows[j].k) {
                add(&out, a->rows[i].k, a->rows[i].v - b->rows[j].v);
            }
        }
        if (left && !has(b, &a->rows[i], true)) {
            add(&out, a->rows[i].k, a->rows[i].v);
        }
    }
    for (size_t j = 0; right && j < b->n; j++) {
        if (!has(a, &b->rows[j], true)) {
            add(&out, b->rows[j].k, -b->rows[j].v);
        }
    }
    return out;
}

/// Sums of the left less sums of the right, of keys that either has.
static table naive_cogroup(const table *a, const table *b)
{
    table all = copy_of(a);
    for (size_t i = 0; i < b->n; i++) {
        add(&all, b->rows[i].k, -b->rows[i].v);
    }
    table out = naive_keys(&all, true);
    free(all.rows);
    return out;
}

static table naive_set(operation op, const table *a, const table *b)
{
    table from = op == OP_INTERSECT ? naive_keys(a, false) : copy_of(a), out = {0};
    for (size_t i = 0; i < from.n; i++) {
        if (has(b, &from.rows[i], op == OP_SUBTRACT_KEY) == (op == OP_INTERSECT)) {
            add(&out, from.rows[i].k, from.rows[i].v);
        }
    }
    free(from.rows);
    return out;
}

static table naive_product(const table *a, const table *b)
{
    table out = {0};
    for (size_t i = 0; i < a->n; i++) {
        for (size_t j = 0; j < b->n; j++) {
            add(&out, a->rows[i].k, b->rows[j].v - b->rows[j].k);
        }
    }
    return out;
}

static table naive_join(const table *a, const table *b)
{
    table out = {0};
    for (size_t i = 0; i < a->n; i++) {
        for (size_t j = 0; j < b->n; j++) {
            if (a->rows[i].k == b->rows[j].k) {
                add(&out, a->rows[i].k, a->rows[i].v - b->rows[j].v);
            }
        }
    }
    return out;
}

static table naive(operation op, const table *a, const table *b)
{
    table out = {0};
    switch (op) {
    case OP_REPARTITION:
    case OP_SORT:
    case OP_PERSIST:
    case OP_COALESCE:
    case OP_PARTITION:
    case OP_SORTED:
    case OP_INDEX:
    case OP_SAMPLE:
    case OP_CHECKPOINT:
        return copy_of(a);
    case OP_BY_VALUE:
        return naive_by_value(a);
    case OP_LEFT:
    case OP_RIGHT:
    case OP_FULL:
        return naive_outer(a, b, op != OP_RIGHT, op != OP_LEFT);
    case OP_COGROUP:
        return naive_cogroup(a, b);
    case OP_INTERSECT:
    case OP_SUBTRACT:
    case OP_SUBTRACT_KEY:
        return naive_set(op, a, b);
    case OP_CARTESIAN:
        return naive_product(a, b);
    case OP_UNION:
        out = copy_of(a);
        for (size_t i = 0; i < b->n; i++) {
            add(&out, b->rows[i].k, b->rows[i].v);
        }
        return out;
    case OP_REDUCE:
    case OP_COMBINE:
    case OP_GROUP:
        return naive_keys(a, true);
    case OP_DISTINCT:
        return naive_keys(a, false);
    case OP_JOIN:
    case OP_TABLE:
        return naive_join(a, b);
    default:
        break;
    }
    for (size_t i = 0; i < a->n; i++) {
        row r = a->rows[i];
        if (op == OP_MAP || op == OP_MAP_VALUES) {
            add(&out, r.k, r.v * 3 + 1);
        } else if (op == OP_ZIP) {
            add(&out, r.k, r.v - r.k);
        } else if (op == OP_FLAT || op == OP_FLAT_VALUES) {
            for (int64_t n = 0; n < llabs(r.v) % 3; n++) {
                add(&out, r.k, r.v + n);
            }
        } else if (op == OP_SELECT) {
            add(&out, r.k, r.v - r.k);
        } else if (op == OP_FILTER ? r.v % 2 == 0 : r.v > r.k) {
            add(&out, r.k, r.v);
        }
    }
    return out;
}

// ---------------------------------------------------------------- the same in Sluice

static sl_code run_map(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_int64(out, 1, sl_column_int64(sl_batch_column(in, 1), i) * 3 + 1);
    }
    return SL_OK;
}
static sl_code run_flat(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        int64_t v = sl_column_int64(sl_batch_column(in, 1), i);
        for (int64_t n = 0; n < llabs(v) % 3; n++) {
            sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
            sl_builder_int64(out, 1, v + n);
        }
    }
    return SL_OK;
}
static sl_code run_even(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_bool(out, 0, sl_column_int64(sl_batch_column(in, 1), i) % 2 == 0);
    }
    return SL_OK;
}
static int64_t total_of(const sl_column *lists, int64_t at)
{
    const int32_t *offsets = lists->values;
    int64_t total = 0;
    for (int32_t j = offsets[at]; j < offsets[at + 1]; j++) {
        total += sl_column_int64(lists->children, j);
    }
    return total;
}
static sl_code run_total(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_int64(out, 1, total_of(sl_batch_column(in, 1), i));
    }
    return SL_OK;
}
static sl_code run_value(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_int64(out, 0, sl_column_int64(sl_batch_column(in, 0), i) * 3 + 1);
    }
    return SL_OK;
}
static sl_code run_values(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        int64_t v = sl_column_int64(sl_batch_column(in, 0), i);
        sl_builder_of_row(out, i);
        for (int64_t n = 0; n < llabs(v) % 3; n++) {
            sl_builder_int64(out, 0, v + n);
        }
    }
    return SL_OK;
}
static sl_code run_less(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_int64(out, 1,
                         total_of(sl_batch_column(in, 1), i) - total_of(sl_batch_column(in, 2), i));
    }
    return SL_OK;
}
static const sl_fn value_fn = {
    .struct_size = sizeof(sl_fn), .name = "v", .out = "v int64", .run = run_value};
static const sl_fn values_fn = {
    .struct_size = sizeof(sl_fn), .name = "vs", .out = "v int64", .run = run_values};
static const sl_fn less_fn = {
    .struct_size = sizeof(sl_fn), .name = "less", .out = "k int64, v int64", .run = run_less};
static const sl_fn map_fn = {
    .struct_size = sizeof(sl_fn), .name = "m", .out = "k int64, v int64", .run = run_map};
static const sl_fn flat_fn = {
    .struct_size = sizeof(sl_fn), .name = "f", .out = "k int64, v int64", .run = run_flat};
static const sl_fn even_fn = {
    .struct_size = sizeof(sl_fn), .name = "e", .out = "keep bool", .run = run_even};
static const sl_fn total_fn = {
    .struct_size = sizeof(sl_fn), .name = "t", .out = "k int64, v int64", .run = run_total};

static const char outer_values[] = "k, coalesce(v, 0) - coalesce(v_2, 0) as v";

static sl_rdd *apply(operation op, sl_rdd *a, sl_rdd *b, int32_t n)
{
    sl_rdd *made = NULL;
    switch (op) {
    case OP_MAP:
        return sl_rdd_map(a, &map_fn, NULL);
    case OP_FLAT:
        return sl_rdd_flat_map(a, &flat_fn, NULL);
    case OP_FILTER:
        return sl_rdd_filter(a, &even_fn, NULL);
    case OP_WHERE:
        return sl_rdd_where(a, "v > k");
    case OP_SELECT:
        return sl_rdd_select(a, "k, v - k as v");
    case OP_UNION:
        return sl_rdd_union(a, b);
    case OP_REPARTITION:
        return sl_rdd_repartition(a, n);
    case OP_REDUCE:
        return sl_rdd_reduce_by_key(a, "k", "sum(v) as v", n);
    case OP_DISTINCT:
        return sl_rdd_distinct(a, n);
    case OP_SORT:
        return sl_rdd_sort_by(a, "v desc, k", n);
    case OP_JOIN:
        made = sl_rdd_join(a, b, "k", n);
        return then(made, sl_rdd_select(made, "k, v - v_2 as v"));
    case OP_TABLE:
        made = sl_rdd_join_table(a, b, "k");
        return then(made, sl_rdd_select(made, "k, v - v_2 as v"));
    case OP_MAP_VALUES:
        return sl_rdd_map_values(a, "k", &value_fn, NULL);
    case OP_FLAT_VALUES:
        return sl_rdd_flat_map_values(a, "k", &values_fn, NULL);
    case OP_COALESCE:
        return sl_rdd_coalesce(a, n);
    case OP_PARTITION:
        return sl_rdd_partition_by(a, "k", n);
    case OP_SORTED:
        return sl_rdd_partition_by_sorted(a, "k", "v desc", n);
    case OP_COMBINE:
        return sl_rdd_combine_by_key(a, "k", "sum(v) as v", false, n);
    case OP_BY_VALUE:
        made = sl_rdd_count_by_value(a, n);
        return then(made, sl_rdd_select(made, "k, v + count as v"));
    case OP_LEFT:
        made = sl_rdd_left_outer_join(a, b, "k", n);
        return then(made, sl_rdd_select(made, outer_values));
    case OP_RIGHT:
        made = sl_rdd_right_outer_join(a, b, "k", n);
        return then(made, sl_rdd_select(made, outer_values));
    case OP_FULL:
        made = sl_rdd_full_outer_join(a, b, "k", n);
        return then(made, sl_rdd_select(made, outer_values));
    case OP_COGROUP:
        made = sl_rdd_cogroup(a, b, "k", n);
        return then(made, sl_rdd_map(made, &less_fn, NULL));
    case OP_INTERSECT:
        return sl_rdd_intersection(a, b, n);
    case OP_SUBTRACT:
        return sl_rdd_subtract(a, b, n);
    case OP_SUBTRACT_KEY:
        return sl_rdd_subtract_by_key(a, b, "k", n);
    case OP_CARTESIAN:
        made = sl_rdd_cartesian(a, b);
        return then(made, sl_rdd_select(made, "k, v_2 - k_2 as v"));
    case OP_ZIP:
        made = sl_rdd_zip(a, a);
        return then(made, sl_rdd_select(made, "k, v_2 - k_2 as v"));
    case OP_INDEX:
        made = sl_rdd_zip_with_index(a);
        return then(made, sl_rdd_select(made, "k, v + index - index as v"));
    case OP_SAMPLE:
        return sl_rdd_sample(a, false, 1, (uint64_t)n);
    case OP_CHECKPOINT:
        made = sl_rdd_select(a, "k, v");
        return sl_rdd_local_checkpoint(made);
    case OP_GROUP:
        made = sl_rdd_group_by_key(a, "k", n);
        return then(made, sl_rdd_map(made, &total_fn, NULL));
    default:
        made = sl_rdd_select(a, "k, v");
        return sl_rdd_persist(made, (sl_level)(1 + n % 3));
    }
}

enum { STEPS = 12, MOST_ROWS = 1000 };

typedef struct lineage {
    int n;
    operation op[STEPS];
    int a[STEPS], b[STEPS];
    int32_t parts[STEPS];
    table first[2], made[STEPS]; ///< node i: i < 2 ? first[i] : made[i - 2]
} lineage;

static const table *node(const lineage *l, int i)
{
    return i < 2 ? &l->first[i] : &l->made[i - 2];
}

static void draw(lineage *l, sli_rng *rng)
{
    *l = (lineage){0};
    for (int t = 0; t < 2; t++) {
        size_t n = sli_rng_below(rng, 4) == 0 ? 0 : sli_rng_below(rng, 60);
        for (size_t i = 0; i < n; i++) {
            add(&l->first[t], (int64_t)sli_rng_below(rng, 12),
                (int64_t)sli_rng_below(rng, 40) - 20);
        }
    }
    while (l->n < STEPS) {
        int i = l->n;
        l->op[i] = (operation)sli_rng_below(rng, N_OPS);
        l->a[i] = sli_rng_below(rng, 3) > 0 ? i + 1 : (int)sli_rng_below(rng, (uint64_t)i + 2);
        l->b[i] = (int)sli_rng_below(rng, (uint64_t)i + 2);
        l->parts[i] = (int32_t)(1 + sli_rng_below(rng, 7));
        if (l->op[i] == OP_CARTESIAN && node(l, l->a[i])->n * node(l, l->b[i])->n > MOST_ROWS) {
            continue;
        }
        table made = naive(l->op[i], node(l, l->a[i]), node(l, l->b[i]));
        if (made.n > MOST_ROWS) {
            free(made.rows);
            continue;
        }
        l->made[l->n++] = made;
    }
}

static void release(lineage *l)
{
    free(l->first[0].rows);
    free(l->first[1].rows);
    for (int i = 0; i < l->n; i++) {
        free(l->made[i].rows);
    }
}

static char *text_of_table(const table *t)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    for (size_t i = 0; i < t->n; i++) {
        sli_str_printf(&out, "%lld,%lld;", (long long)t->rows[i].k, (long long)t->rows[i].v);
    }
    char *text = strdup(out.data == NULL ? "" : out.data);
    sli_str_reset(&out);
    return text;
}

/// The batch of the last node's rows.
static sl_batch *run_lineage(const lineage *l, world_conf conf, int32_t n_partitions)
{
    world w;
    world_open(&w, conf);
    sl_rdd *nodes[STEPS + 2];
    for (int t = 0; t < 2; t++) {
        char *text = text_of_table(&l->first[t]);
        nodes[t] = rdd_of(&w, "k int64, v int64", text, n_partitions);
        free(text);
    }
    for (int i = 0; i < l->n; i++) {
        nodes[i + 2] = apply(l->op[i], nodes[l->a[i]], nodes[l->b[i]], l->parts[i]);
    }
    sl_error err = SL_ERROR_INIT;
    sl_batch *rows = NULL;
    if (sl_rdd_collect(nodes[l->n + 1], &rows, &err) != SL_OK) {
        sli_str lines = {.tag = SLI_TAG_TEST};
        sli_rdd_debug(nodes[l->n + 1], &lines);
        print_message("%s\n%s", err.text, lines.data);
        sli_str_reset(&lines);
    }
    assert_non_null(rows);
    int64_t n = 0;
    assert_int_equal(sl_rdd_count(nodes[l->n + 1], &n, &err), SL_OK);
    assert_int_equal(n, sl_batch_rows(rows));
    for (int i = 0; i < l->n + 2; i++) {
        sl_rdd_unref(nodes[i]);
    }
    sl_batch *copy = NULL; // the world's blocks go with it
    assert_int_equal(sli_batch_compact(rows, &copy, NULL), SL_OK);
    sl_batch_unref(rows);
    world_close(&w);
    return copy;
}

static void check_rows(const lineage *l, const sl_batch *rows, uint64_t seed)
{
    table expected = copy_of(node(l, l->n + 1));
    table got = {0};
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        add(&got, sl_column_int64(sl_batch_column(rows, 0), i),
            sl_column_int64(sl_batch_column(rows, 1), i));
    }
    if (got.n > 0) {
        qsort(got.rows, got.n, sizeof *got.rows, by_row);
    }
    qsort(expected.rows, expected.n, sizeof *expected.rows, by_row);
    char *a = text_of_table(&got), *b = text_of_table(&expected);
    if (strcmp(a, b) != 0) {
        print_message("seed %llu\n", (unsigned long long)seed);
    }
    SL_CHECK_TEXT(a, b);
    free(a);
    free(b);
    free(got.rows);
    free(expected.rows);
}

SL_TEST(random_lineages_equal_the_naive_engine_in_equal_bytes, "")
{
    static const world_conf confs[] = {
        {.workers = 1},
        {.workers = 3, .seed = 1},
        {.workers = 3, .seed = 2},
        {.workers = 4, .pool = true},
        {.workers = 2, .pool = true, .budget_bytes = 65536},
        {.workers = 2, .pool = true, .budget_bytes = 65536, .table_bytes = 16384},
        {.workers = 2, .pool = true, .budget_bytes = 65536, .table_bytes = 512}, // runs of runs
    };
    uint64_t seeds = slt_is_soak() ? 2000 : 60;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        sli_rng rng = {seed};
        lineage l;
        draw(&l, &rng);
        int32_t n_partitions = (int32_t)(1 + sli_rng_below(&rng, 5));
        char *first = NULL;
        for (size_t c = 0; c < sizeof confs / sizeof *confs; c++) {
            sl_batch *rows = run_lineage(&l, confs[c], n_partitions);
            check_rows(&l, rows, seed);
            const char *text = text_of_batch(rows);
            if (first == NULL) {
                first = strdup(text);
            } else {
                SL_CHECK_TEXT(
                    text,
                    first); // the same rows in the same order: workers, order and memory don't show
            }
            sl_batch_unref(rows);
        }
        free(first);
        release(&l);
    }
}

SL_TEST(sums_of_floats_are_the_same_bits_whatever_the_order_of_tasks, "")
{
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_rng rng = {5};
    for (int i = 0; i < 5000; i++) {
        sli_str_printf(&text, "%d,%.17g;", (int)sli_rng_below(&rng, 10),
                       (double)sli_rng_next(&rng) / 1e11);
    }
    char *first = NULL;
    for (uint64_t seed = 0; seed < 20; seed++) {
        world w;
        world_open(&w, (world_conf){.workers = 4,
                                    .pool = seed % 2 == 1,
                                    .seed = seed,
                                    .budget_bytes = seed % 3 == 0 ? 65536 : 0});
        sl_rdd *in = rdd_of(&w, "k int64, v float64", text.data, 9);
        const char *got =
            collect_text(then(in, sl_rdd_reduce_by_key(in, "k", "sum(v) as s, avg(v) as a", 4)));
        if (first == NULL) {
            first = strdup(got);
        }
        SL_CHECK_TEXT(got, first);
        world_close(&w);
    }
    free(first);
    sli_str_reset(&text);
}

static sl_code run_random(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_int64(out, 0, (int64_t)(sl_args_random(args) >> 40));
    }
    return SL_OK;
}
static const sl_fn random_fn = {
    .struct_size = sizeof(sl_fn), .name = "r", .out = "n int64", .run = run_random};

SL_TEST(random_numbers_depend_on_epoch_partition_and_operator_alone, "")
{
    char *first = NULL;
    for (uint64_t seed = 0; seed < 6; seed++) {
        world w;
        world_open(&w, (world_conf){.workers = 3, .pool = seed % 2 == 1, .seed = seed});
        sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;", 3);
        sl_rdd *out = sli_rdd_uid(sl_rdd_map(in, &random_fn, NULL), "op");
        sl_rdd *also = sl_rdd_union(in, out); // the same numbers behind a union
        const char *got = collect_text(sl_rdd_ref(out));
        if (first == NULL) {
            first = strdup(got);
        }
        SL_CHECK_TEXT(got, first);
        assert_non_null(strstr(collect_text(also), first));
        sli_sched_epoch(w.sched, 1, 2, 0);
        assert_string_not_equal(collect_text(sl_rdd_ref(out)), first);
        sl_rdd_unref(out);
        sl_rdd_unref(in);
        world_close(&w);
    }
    free(first);
}

// ---------------------------------------------------------------- much data in little memory

SL_TEST(many_rows_through_64_kib_come_out_right, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true, .budget_bytes = 65536});
    sl_batch *batch = NULL;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    enum { ROWS = 300000 };
    assert_int_equal(sl_schema_parse(&schema, "k int64, v int64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        sl_builder_int64(builder, 0, i * 7919 % 1000);
        sl_builder_int64(builder, 1, i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    const sl_batch *list[1] = {batch};
    sl_rdd *in = sl_rdd_of_batches(world_session(&w), list, 1, 3);
    sl_rdd *dealt = sl_rdd_repartition(in, 4); // every row through blocks
    sl_rdd *sums = sl_rdd_reduce_by_key(dealt, "k", "count() as n, sum(v) as s", 2);
    sl_batch *rows = NULL;
    assert_int_equal(sl_rdd_collect(sums, &rows, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(rows), 1000);
    int64_t total = 0;
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(sl_column_int64(sl_batch_column(rows, 1), i), ROWS / 1000);
        total += sl_column_int64(sl_batch_column(rows, 2), i);
    }
    assert_int_equal(total, (int64_t)ROWS * (ROWS - 1) / 2);
    sli_blocks_stats stats;
    sli_blocks_stats_of(w.blocks, &stats);
    assert_true(stats.spilled > 0);
    sl_batch_unref(rows);
    sl_rdd_unref(sums);
    sl_rdd_unref(dealt);
    sl_rdd_unref(in);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    world_close(&w);
}
