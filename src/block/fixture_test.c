/// fixture_test.c — see fixture_test.h.
#include "block/fixture_test.h"

#include <stdio.h>

/// Everything above the env.
static void open_table(slt_rig *rig, int64_t budget_bytes)
{
    rig->budget = sli_budget_new(budget_bytes);
    assert_non_null(rig->budget);
    assert_int_equal(sli_metrics_new(&rig->metrics, rig->env, NULL), SL_OK);
    assert_int_equal(
        sli_blocks_new(&rig->blocks, rig->env, rig->budget, rig->dir, rig->metrics, NULL), SL_OK);
}

void slt_block_rig_in(slt_rig *rig, sli_world *world, int64_t budget_bytes, const sli_fault *fault)
{
    *rig = (slt_rig){.dir = "/spill", .world = world};
    assert_non_null(world);
    assert_int_equal(sli_world_boot(world, fault, &rig->env, NULL), SL_OK);
    open_table(rig, budget_bytes);
}

void slt_block_rig(slt_rig *rig, bool simulated, int64_t budget_bytes, uint64_t seed,
                   const sli_fault *fault)
{
    static char path[512]; // one test at a time
    if (simulated) {
        sli_world *world = sli_world_new(&(sli_world_conf){.seed = seed, .switch_chance = 0.2});
        slt_block_rig_in(rig, world, budget_bytes, fault);
        return;
    }
    assert_in_range(snprintf(path, sizeof path, "%s/spill", slt_temp_dir()), 1, sizeof path - 1);
    *rig = (slt_rig){.dir = path};
    assert_int_equal(sli_env_posix(&rig->env, NULL), SL_OK);
    open_table(rig, budget_bytes);
}

void slt_block_rig_reset(slt_rig *rig)
{
    sli_blocks_free(rig->blocks);
    assert_int_equal(sli_budget_used(rig->budget), 0);
    sli_budget_free(rig->budget);
    sli_metrics_free(rig->metrics);
    sli_env_free(rig->env);
    if (rig->world != NULL) {
        sli_world_free(rig->world);
    }
}

// ---------------------------------------------------------------- rows that follow from a number

typedef struct cell {
    int64_t n;
    char text[40];
    size_t size;
    bool is_null;
} cell;

static cell cell_of(int64_t number, int64_t row)
{
    cell c = {.n = (int64_t)sli_mix64((uint64_t)(number * 1000003 + row))};
    c.is_null = (c.n & 15) == 0;
    int n =
        snprintf(c.text, sizeof c.text, (c.n & 1) != 0 ? "%lld" : "a longer text than fits %lld",
                 (long long)(c.n & 0xffff));
    c.size = n < 0 ? 0 : (size_t)n;
    return c;
}

/// NULL when memory was refused: the tests of failed allocations come here too.
sl_batch *slt_block_batch(int64_t number, int64_t n_rows)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    if (sl_schema_parse(&schema, "n int64, s string?", NULL) == SL_OK &&
        sl_builder_new(&builder, schema, NULL) == SL_OK) {
        for (int64_t i = 0; i < n_rows; i++) {
            cell c = cell_of(number, i);
            sl_builder_int64(builder, 0, c.n);
            if (c.is_null) {
                sl_builder_null(builder, 1);
            } else {
                sl_builder_text(builder, 1, c.text, c.size);
            }
        }
        (void)!sl_builder_finish(builder, &batch, NULL);
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

sli_block_id slt_rdd(int64_t owner, int32_t major)
{
    return (sli_block_id){SLI_BLOCK_RDD, owner, major, 0};
}

sl_code slt_block_put(sli_blocks *blocks, sli_block_id id, sl_level level, int64_t number,
                      int32_t n, int64_t n_rows, sl_error *err)
{
    enum { MAX = 64 };
    sl_batch *batches[MAX] = {NULL};
    SL_ASSERT(n <= MAX, "the fixture makes 64 batches at most");
    for (int32_t i = 0; i < n; i++) {
        batches[i] = slt_block_batch(number * MAX + i, n_rows);
        SL_ASSERT(batches[i] != NULL, "the fixture has memory");
    }
    sl_code rc = sli_blocks_put(blocks, id, level, batches, n, err);
    for (int32_t i = 0; i < n; i++) {
        sl_batch_unref(batches[i]);
    }
    return rc;
}

typedef struct check {
    int64_t number, n_rows, n_seen;
    bool equal;
} check;

/// Batch borders may have moved, so rows are counted.
static sl_code check_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    (void)err;
    check *c = ctx;
    const sl_column *n = sl_batch_column(batch, 0), *s = sl_batch_column(batch, 1);
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        cell want = cell_of(c->number * 64 + c->n_seen / c->n_rows, c->n_seen % c->n_rows);
        bool is_null = sl_column_is_null(s, i);
        bool equal = sl_column_int64(n, i) == want.n && is_null == want.is_null;
        if (equal && !is_null) {
            sl_text text = sl_column_text(s, i);
            equal = text.size == want.size && memcmp(text.data, want.text, text.size) == 0;
        }
        c->equal = c->equal && equal;
        c->n_seen++;
    }
    return SL_OK;
}

sl_code slt_block_check(sli_blocks *blocks, sli_block_id id, int64_t number, int32_t n,
                        int64_t n_rows, bool *found, bool *equal, sl_error *err)
{
    check c = {.number = number, .n_rows = n_rows, .equal = true};
    bool there = false;
    sl_code rc = sli_blocks_each(blocks, id, check_batch, &c, &there, err);
    *equal = rc != SL_OK || !there || (c.equal && c.n_seen == n * n_rows);
    if (found != NULL) {
        *found = there;
    }
    return rc;
}

void slt_block_expect(sli_blocks *blocks, sli_block_id id, int64_t number, int32_t n,
                      int64_t n_rows)
{
    bool found = false, equal = false;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_check(blocks, id, number, n, n_rows, &found, &equal, &err), SL_OK);
    assert_true(found);
    assert_true(equal);
}

sli_blocks_stats slt_block_stats(sli_blocks *blocks)
{
    sli_blocks_stats stats;
    sli_blocks_stats_of(blocks, &stats);
    return stats;
}
