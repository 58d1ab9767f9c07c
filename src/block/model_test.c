/// model_test.c — random puts, reads and removes against an array, with a budget that holds a few
/// blocks only.
#include "block/fixture_test.h"

enum { OWNERS = 6, MAJORS = 8, N_IDS = OWNERS * MAJORS };

/// What a block was last put with; number 0: it is not there.
typedef struct entry {
    int64_t number, n_rows;
    int32_t n;
    sl_level level;
} entry;

static const sli_block_kind kinds[OWNERS] = {SLI_BLOCK_RDD,       SLI_BLOCK_RDD,
                                             SLI_BLOCK_SHUFFLE,   SLI_BLOCK_RECEIVED,
                                             SLI_BLOCK_BROADCAST, SLI_BLOCK_OUTPUT};

static sli_block_id id_of(int i)
{
    return (sli_block_id){kinds[i / MAJORS], i / MAJORS % 3, i % MAJORS, i % 2};
}

static void put(slt_rig *r, entry *model, int i, int64_t number, sli_rng *rng)
{
    entry e = {.number = number,
               .n_rows = 1 + (int64_t)sli_rng_below(rng, 300),
               .n = 1 + (int32_t)sli_rng_below(rng, 4),
               .level = (sl_level)(SL_MEMORY_ONLY + (int)sli_rng_below(rng, 3))};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_put(r->blocks, id_of(i), e.level, number, e.n, e.n_rows, &err),
                     SL_OK);
    model[i] = e;
}

/// The rows are those of the model; only what is MEMORY_ONLY may be gone.
static void check(slt_rig *r, entry *model, int i)
{
    const entry *e = &model[i];
    bool found = false, equal = false;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_check(r->blocks, id_of(i), e->number, e->n,
                                     e->n_rows < 1 ? 1 : e->n_rows, &found, &equal, &err),
                     SL_OK);
    assert_true(equal);
    if (e->number == 0) {
        assert_false(found);
    } else if (!found) {
        assert_int_equal(e->level, SL_MEMORY_ONLY);
        model[i].number = 0; // gone for good
    }
    assert_int_equal(sli_blocks_has(r->blocks, id_of(i)), found);
}

static void remove_owner(slt_rig *r, entry *model, int owner)
{
    sli_blocks_remove_owner(r->blocks, kinds[owner], owner % 3);
    for (int i = 0; i < N_IDS; i++) {
        if (kinds[i / MAJORS] == kinds[owner] && i / MAJORS % 3 == owner % 3) {
            model[i].number = 0;
        }
    }
}

static void play(bool simulated, uint64_t seed, int steps)
{
    slt_rig r;
    entry model[N_IDS] = {0};
    sli_rng rng = {seed};
    slt_block_rig(&r, simulated, 64 << 10, seed, NULL);
    for (int step = 1; step <= steps; step++) {
        int i = (int)sli_rng_below(&rng, N_IDS);
        uint64_t what = sli_rng_below(&rng, 100);
        if (what < 50) {
            put(&r, model, i, step, &rng);
        } else if (what < 90) {
            check(&r, model, i);
        } else if (what < 98) {
            sli_blocks_remove(r.blocks, id_of(i));
            model[i].number = 0;
        } else {
            remove_owner(&r, model, (int)sli_rng_below(&rng, OWNERS));
        }
        assert_true(sli_budget_used(r.budget) <= 64 << 10);
        assert_int_equal(sli_budget_used(r.budget), slt_block_stats(r.blocks).memory_bytes);
    }
    for (int i = 0; i < N_IDS; i++) {
        check(&r, model, i);
    }
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_true(s.evicted > 0 && s.spilled > 0 && s.dropped > 0 && s.reloaded > 0);
    assert_true(s.returned > 0 && s.returned < s.reloaded);
    assert_true(sli_budget_peak(r.budget) <= 64 << 10);
    slt_block_rig_reset(&r);
}

SL_TEST(block_table_equals_the_model, "")
{
    uint64_t seeds = slt_is_soak() ? 500 : 5;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        play(false, seed, 600);
    }
}

SL_TEST(block_table_equals_the_model_in_simulation, "")
{
    uint64_t seeds = slt_is_soak() ? 500 : 5;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        play(true, seed, 600);
    }
}
