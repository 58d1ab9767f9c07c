/// threads_test.c — four threads on one table; ThreadSanitizer reads along in CI.
#include "block/fixture_test.h"

#include <stdatomic.h>

enum { THREADS = 4, IDS = 24, BUDGET = 64 << 10 };

/// One thread's script. Checks are counted and looked at by the test's own thread.
typedef struct script {
    sli_blocks *blocks;
    sli_signal *done;
    _Atomic int32_t *n_left;
    int32_t thread, steps;
    int64_t wrong, failed, n_found;
} script;

/// A block's rows follow from its id alone, so any thread can check what any other has put.
static void step(script *s, sli_rng *rng)
{
    int32_t i = (int32_t)sli_rng_below(rng, IDS);
    sli_block_id id = slt_rdd(i % 5, i);
    int64_t n_rows = 1 + i * 7;
    uint64_t what = sli_rng_below(rng, 20);
    bool found = false, equal = true;
    sl_code rc = SL_OK;
    if (what < 9) {
        rc = slt_block_put(s->blocks, id, (sl_level)(SL_MEMORY_ONLY + i % 3), i, 2, n_rows, NULL);
    } else if (what < 18) {
        rc = slt_block_check(s->blocks, id, i, 2, n_rows, &found, &equal, NULL);
    } else if (what < 19) {
        sli_blocks_remove(s->blocks, id);
    } else {
        sli_blocks_remove_owner(s->blocks, SLI_BLOCK_RDD, i % 5);
    }
    s->failed += rc != SL_OK ? 1 : 0;
    s->wrong += equal ? 0 : 1;
    s->n_found += found ? 1 : 0;
}

static void play(void *ctx)
{
    script *s = ctx;
    sli_rng rng = {(uint64_t)s->thread};
    for (int32_t i = 0; i < s->steps; i++) {
        step(s, &rng);
    }
    if (atomic_fetch_sub(s->n_left, 1) == 1) {
        sli_signal_set(s->done);
    }
}

static void play_together(bool simulated, uint64_t seed, int32_t steps)
{
    slt_rig r;
    script scripts[THREADS];
    sli_strand *strands[THREADS];
    _Atomic int32_t n_left = THREADS;
    slt_block_rig(&r, simulated, BUDGET, seed, NULL);
    sli_signal *done = sli_signal_new(r.env);
    assert_non_null(done);
    for (int32_t i = 0; i < THREADS; i++) {
        scripts[i] = (script){
            .blocks = r.blocks, .done = done, .n_left = &n_left, .thread = i, .steps = steps};
        strands[i] = sli_strand_new(r.env, "test");
        assert_non_null(strands[i]);
        assert_true(sli_strand_post(strands[i], play, &scripts[i]));
    }
    sl_code rc = sli_signal_wait(done, SLI_FOREVER, NULL);
    for (int32_t i = 0; i < THREADS; i++) {
        sli_strand_free(strands[i]);
    }
    sli_signal_free(done);
    assert_int_equal(rc, SL_OK);
    for (int32_t i = 0; i < THREADS; i++) {
        assert_int_equal(scripts[i].wrong, 0);
        assert_int_equal(scripts[i].failed, 0);
        assert_true(scripts[i].n_found > 0);
    }
    sli_blocks_stats stats = slt_block_stats(r.blocks);
    assert_true(stats.spilled > 0 && stats.evicted > 0 && stats.reloaded > 0);
    assert_true(stats.returned > 0);
    assert_int_equal(stats.memory_bytes, sli_budget_used(r.budget));
    slt_block_rig_reset(&r);
}

SL_TEST(block_table_is_right_from_four_threads, "")
{
    play_together(false, 1, slt_is_soak() ? 200000 : 1500);
}

/// File calls hand over to other strands by the seed, so puts interleave where they do I/O.
SL_TEST(block_table_is_right_from_four_strands_in_simulation, "")
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        play_together(true, seed, 300);
    }
}

// ---------------------------------------------------------------- first use of the directory by
// all at once

typedef struct opener {
    slt_rig *rig;
    _Atomic int32_t *n_left;
    sli_signal *done;
    int32_t thread;
    sl_code rc;
} opener;

static void spill_one(void *ctx)
{
    opener *o = ctx;
    o->rc =
        slt_block_put(o->rig->blocks, slt_rdd(1, o->thread), SL_DISK_ONLY, o->thread, 1, 10, NULL);
    if (atomic_fetch_sub(o->n_left, 1) == 1) {
        sli_signal_set(o->done);
    }
}

/// With a crash, or a failure, at the n-th call; false when the process ended before it.
static bool open_together(uint64_t seed, const sli_fault *fault)
{
    slt_rig r = {.dir = "/a/b/spill"};
    opener openers[THREADS];
    sli_strand *strands[THREADS];
    _Atomic int32_t n_left = THREADS;
    r.world = sli_world_new(&(sli_world_conf){.seed = seed, .switch_chance = 0.5});
    assert_non_null(r.world);
    assert_int_equal(sli_world_boot(r.world, fault, &r.env, NULL), SL_OK);
    r.budget = sli_budget_new(BUDGET);
    if (sli_blocks_new(&r.blocks, r.env, r.budget, r.dir, NULL, NULL) != SL_OK) {
        r.blocks = NULL;
        slt_block_rig_reset(&r);
        return true;
    }
    sli_signal *done = sli_signal_new(r.env);
    for (int32_t i = 0; i < THREADS; i++) {
        openers[i] = (opener){.rig = &r, .n_left = &n_left, .done = done, .thread = i};
        strands[i] = sli_strand_new(r.env, "test");
        assert_true(strands[i] != NULL && sli_strand_post(strands[i], spill_one, &openers[i]));
    }
    (void)!sli_signal_wait(done, SLI_FOREVER,
                           NULL); // a dead process does not wait; freeing a strand does
    for (int32_t i = 0; i < THREADS; i++) {
        sli_strand_free(strands[i]);
    }
    sli_signal_free(done);
    bool reached = sli_world_fault_reached(r.env);
    for (int32_t i = 0; i < THREADS; i++) {
        assert_true(reached || openers[i].rc == SL_OK);
        assert_int_equal(sli_blocks_has(r.blocks, slt_rdd(1, i)), openers[i].rc == SL_OK);
    }
    slt_block_rig_reset(&r);
    return reached;
}

SL_TEST(spill_dir_is_opened_once_for_all_threads, "")
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        assert_false(open_together(seed, &(sli_fault){0}));
    }
}

SL_TEST(spill_dir_opened_by_all_survives_a_fault_at_every_call, "")
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        int64_t at = 1;
        while (open_together(seed, &(sli_fault){.crash_at_call = at})) {
            at++;
        }
        assert_true(at > 10);
        at = 1;
        while (open_together(seed, &(sli_fault){.fail_at_call = at})) {
            at++;
        }
        assert_true(at > 10);
    }
}
