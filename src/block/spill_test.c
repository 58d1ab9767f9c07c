/// spill_test.c — the disk under the table: full, failing, dying, damaged, shared.
#include "block/fixture_test.h"

#include <stdio.h>

enum { KIB = 1024, BIG = 1 << 30, ROWS = 200 };

static sli_block_id shuffle_block(int32_t i)
{
    return (sli_block_id){SLI_BLOCK_SHUFFLE, 7, i, 0};
}

/// A budget for some two blocks of ROWS rows.
static int64_t small_budget(void)
{
    sl_batch *batch = slt_block_batch(0, ROWS);
    int64_t budget = sl_batch_bytes(batch) * 5 / 2;
    sl_batch_unref(batch);
    return budget;
}

static void small_rig(slt_rig *r)
{
    slt_block_rig(r, true, small_budget(), 3, NULL);
}

/// A small budget on a disk with `room` bytes beside a large file that the harness can remove.
static void full_rig(slt_rig *r, int64_t room)
{
    enum { BALLAST = 1 << 20 };
    static const char ballast[BALLAST];
    sli_world *world =
        sli_world_new(&(sli_world_conf){.seed = 3, .disk_limit_bytes = BALLAST + room});
    assert_non_null(world);
    assert_int_equal(sli_world_put(world, "/ballast", ballast, BALLAST, NULL), SL_OK);
    slt_block_rig_in(r, world, small_budget(), NULL);
}

typedef struct names {
    int n;
    char last[64];
} names;

static sl_code count_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    names *c = ctx;
    c->n++;
    (void)snprintf(c->last, sizeof c->last, "%s", name);
    return SL_OK;
}

/// How many names the spill directory of a simulated disk holds.
static int names_in_dir(const slt_rig *r)
{
    names c = {0};
    sl_code rc = sli_world_list(r->world, r->dir, count_name, &c, NULL);
    return rc == SL_OK ? c.n : 0;
}

// ---------------------------------------------------------------- full and failing disks

SL_TEST(spill_to_a_full_disk_is_an_error_and_loses_nothing, "")
{
    slt_rig r;
    full_rig(&r, 20 * KIB);
    int32_t kept = 0;
    sl_code rc = SL_OK;
    sl_error err = SL_ERROR_INIT;
    while (rc == SL_OK) {
        sli_block_id id = {SLI_BLOCK_RDD, kept, 0, 0};
        rc = slt_block_put(r.blocks, id, SL_MEMORY_AND_DISK, kept, 1, ROWS, &err);
        kept += rc == SL_OK ? 1 : 0;
        assert_true(kept < 100);
    }
    assert_int_equal(rc, SL_E_NO_SPACE);
    assert_non_null(strstr(err.text, "/spill"));
    assert_true(kept > 2);
    for (int32_t i = 0; i < kept; i++) {
        slt_block_expect(r.blocks, slt_rdd(i, 0), i, 1, ROWS);
    }
    assert_false(sli_blocks_has(r.blocks, slt_rdd(kept, 0)));
    assert_int_equal(names_in_dir(&r),
                     slt_block_stats(r.blocks).spilled + 1); // and the lock: no half file
    // A block that may be dropped is simply not kept.
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(500, 0), SL_MEMORY_ONLY, 1, 1, ROWS, &err),
                     SL_OK);
    assert_false(sli_blocks_has(r.blocks, slt_rdd(500, 0)));
    // With room again all goes on.
    assert_int_equal(sli_world_remove(r.world, "/ballast", NULL), SL_OK);
    assert_int_equal(
        slt_block_put(r.blocks, slt_rdd(kept, 0), SL_MEMORY_AND_DISK, kept, 1, ROWS, &err), SL_OK);
    for (int32_t i = 0; i <= kept; i++) {
        slt_block_expect(r.blocks, slt_rdd(i, 0), i, 1, ROWS);
    }
    slt_block_rig_reset(&r);
}

/// When the disk refuses, blocks that need no writing make room.
SL_TEST(spill_refused_evicts_what_can_be_dropped, "")
{
    slt_rig r;
    full_rig(&r, 1);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_AND_DISK, 1, 1, ROWS, NULL),
                     SL_OK);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(2, 0), SL_MEMORY_ONLY, 2, 1, ROWS, NULL),
                     SL_OK);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(3, 0), SL_MEMORY_AND_DISK, 3, 1, ROWS, NULL),
                     SL_OK);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 1, ROWS);
    assert_false(sli_blocks_has(r.blocks, slt_rdd(2, 0)));
    slt_block_expect(r.blocks, slt_rdd(3, 0), 3, 1, ROWS);
    slt_block_rig_reset(&r);
}

SL_TEST(spill_limit_is_kept, "")
{
    slt_rig r;
    slt_block_rig(&r, false, 0, 1, NULL);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, 1, 1, ROWS, &err), SL_OK);
    int64_t one = slt_block_stats(r.blocks).disk_bytes;
    sli_blocks_spill_limit(r.blocks, 2 * one + one / 2);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(2, 0), SL_DISK_ONLY, 2, 1, ROWS, &err), SL_OK);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(3, 0), SL_DISK_ONLY, 3, 1, ROWS, &err),
                     SL_E_NO_SPACE);
    assert_non_null(strstr(err.text, "spill_limit"));
    assert_true(slt_block_stats(r.blocks).disk_bytes <= 2 * one + one / 2);
    sli_blocks_remove(r.blocks, slt_rdd(1, 0));
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(3, 0), SL_DISK_ONLY, 3, 1, ROWS, &err), SL_OK);
    slt_block_expect(r.blocks, slt_rdd(2, 0), 2, 1, ROWS);
    slt_block_expect(r.blocks, slt_rdd(3, 0), 3, 1, ROWS);
    slt_block_rig_reset(&r);
}

/// Puts and reads some blocks under a fault; what a put accepted is right or, in a dead process, at
/// least not wrong.
static void work_under_fault(slt_rig *r)
{
    enum { N = 6 };
    sl_code put[N];
    for (int32_t i = 0; i < N; i++) {
        sl_error err = SL_ERROR_INIT;
        sli_block_id id = slt_rdd(i / 2, i);
        put[i] = slt_block_put(r->blocks, id, i % 3 == 2 ? SL_DISK_ONLY : SL_MEMORY_AND_DISK, i, 1,
                               ROWS, &err);
        assert_true(put[i] == SL_OK || put[i] == SL_E_IO || put[i] == SL_E_CRASHED);
    }
    for (int32_t i = 0; i < N; i++) {
        bool found = false, equal = false;
        sl_error err = SL_ERROR_INIT;
        sl_code rc =
            slt_block_check(r->blocks, slt_rdd(i / 2, i), i, 1, ROWS, &found, &equal, &err);
        assert_true(equal);
        assert_int_equal(found, put[i] == SL_OK);
        assert_true(rc == SL_OK || (rc == SL_E_CRASHED && sli_world_is_dead(r->env)) ||
                    (rc == SL_E_IO && err.action == SL_ACT_REPLAY_EPOCH));
    }
}

/// The world of small_rig with a fault that may strike while the table is made: false when it did.
static bool faulty_rig(slt_rig *r, const sli_fault *fault)
{
    *r = (slt_rig){.dir = "/spill"};
    r->world = sli_world_new(&(sli_world_conf){.seed = 3});
    assert_non_null(r->world);
    assert_int_equal(sli_world_put(r->world, "/spill/1.block", "left", 4, NULL),
                     SL_OK); // from an earlier process
    assert_int_equal(sli_world_boot(r->world, fault, &r->env, NULL), SL_OK);
    r->budget = sli_budget_new(40 * KIB);
    return sli_blocks_new(&r->blocks, r->env, r->budget, r->dir, NULL, NULL) == SL_OK;
}

static bool live_with(const sli_fault *fault)
{
    slt_rig r;
    if (faulty_rig(&r, fault)) {
        work_under_fault(&r);
    } else {
        r.blocks = NULL;
    }
    bool reached = sli_world_fault_reached(r.env);
    slt_block_rig_reset(&r);
    return reached;
}

SL_TEST(spill_survives_a_failure_at_every_call, "")
{
    int64_t at = 1;
    while (live_with(&(sli_fault){.fail_at_call = at})) {
        at++;
    }
    assert_true(at > 20);
}

SL_TEST(spill_unwinds_from_a_crash_at_every_call, "")
{
    int64_t at = 1;
    while (live_with(&(sli_fault){.crash_at_call = at})) {
        at++;
    }
    assert_true(at > 20);
}

// ---------------------------------------------------------------- damage

/// One spilled shuffle block in file 1, of `size` bytes.
static void spilled_rig(slt_rig *r, sli_block_id id, int64_t *size)
{
    small_rig(r);
    assert_int_equal(slt_block_put(r->blocks, id, SL_DISK_ONLY, 5, 2, 12, NULL), SL_OK);
    *size = slt_block_stats(r->blocks).disk_bytes;
}

static void expect_damage(slt_rig *r, sli_block_id id)
{
    bool found = false, equal = false;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_check(r->blocks, id, 5, 2, 12, &found, &equal, &err), SL_E_CORRUPT);
    assert_true(found);
    assert_int_equal(err.action, SL_ACT_REPLAY_EPOCH);
    assert_int_equal(err.code, SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "spilled file"));
}

SL_TEST(spill_finds_every_flipped_bit, "")
{
    slt_rig r;
    int64_t size = 0;
    spilled_rig(&r, shuffle_block(0), &size);
    for (int64_t at = 0; at < size; at++) {
        uint8_t mask = (uint8_t)(1U << (at % 8));
        assert_int_equal(sli_world_flip(r.world, "/spill/1.block", at, mask, NULL), SL_OK);
        expect_damage(&r, shuffle_block(0));
        assert_int_equal(sli_world_flip(r.world, "/spill/1.block", at, mask, NULL), SL_OK);
    }
    slt_block_expect(r.blocks, shuffle_block(0), 5, 2, 12); // whole again
    slt_block_rig_reset(&r);
}

SL_TEST(spill_finds_every_cut, "")
{
    slt_rig r;
    int64_t size = 0;
    spilled_rig(&r, shuffle_block(0), &size);
    for (int64_t at = size - 1; at >= 0; at--) {
        assert_int_equal(sli_world_cut(r.world, "/spill/1.block", at, NULL), SL_OK);
        expect_damage(&r, shuffle_block(0));
    }
    assert_int_equal(sli_world_remove(r.world, "/spill/1.block", NULL), SL_OK);
    expect_damage(&r, shuffle_block(0));
    assert_true(sli_blocks_has(r.blocks, shuffle_block(0)));
    slt_block_rig_reset(&r);
}

/// A whole file in the place of another one is not taken for it.
SL_TEST(spill_finds_a_file_that_is_another_ones, "")
{
    slt_rig r;
    int64_t size = 0;
    spilled_rig(&r, shuffle_block(0), &size);
    assert_int_equal(slt_block_put(r.blocks, shuffle_block(1), SL_DISK_ONLY, 5, 2, 12, NULL),
                     SL_OK);
    assert_int_equal(sli_world_rename(r.world, "/spill/2.block", "/spill/1.block", NULL), SL_OK);
    expect_damage(&r, shuffle_block(0));
    expect_damage(&r, shuffle_block(1));
    slt_block_rig_reset(&r);
}

/// The lineage makes a cached RDD's block again, so a damaged one is forgotten.
SL_TEST(spill_forgets_a_damaged_cached_block, "")
{
    slt_rig r;
    int64_t size = 0;
    spilled_rig(&r, slt_rdd(1, 0), &size);
    assert_int_equal(sli_world_flip(r.world, "/spill/1.block", size / 2, 1, NULL), SL_OK);
    expect_damage(&r, slt_rdd(1, 0));
    assert_false(sli_blocks_has(r.blocks, slt_rdd(1, 0)));
    assert_int_equal(slt_block_stats(r.blocks).disk_bytes, 0);
    assert_int_equal(names_in_dir(&r), 1);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, 5, 2, 12, NULL), SL_OK);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 5, 2, 12);
    slt_block_rig_reset(&r);
}

// ---------------------------------------------------------------- the directory

SL_TEST(spill_dir_is_made_when_needed_and_removed_at_the_end, "")
{
    slt_rig r;
    sli_stat stat;
    slt_block_rig(&r, false, BIG, 1, NULL);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_AND_DISK, 1, 1, 5, NULL),
                     SL_OK);
    assert_int_equal(sli_env_stat(r.env, r.dir, &stat, NULL), SL_E_NOT_FOUND);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 1), SL_DISK_ONLY, 1, 1, 5, NULL), SL_OK);
    assert_int_equal(sli_env_stat(r.env, r.dir, &stat, NULL), SL_OK);
    sli_blocks_free(r.blocks);
    assert_int_equal(sli_env_stat(r.env, r.dir, &stat, NULL), SL_E_NOT_FOUND);
    r.blocks = NULL;
    slt_block_rig_reset(&r);
}

/// What a killed process left goes; what is not ours stays, and so does a directory that was there
/// before.
SL_TEST(spill_dir_is_cleaned_at_open, "")
{
    slt_rig r = {.dir = "/spill"};
    r.world = sli_world_new(&(sli_world_conf){.seed = 1});
    assert_non_null(r.world);
    const char *put[] = {"1.block",  "907.block", "lock",     "x.block",
                         "1.blocks", "notes.txt", "01.block", "-1.block"};
    for (size_t i = 0; i < sizeof put / sizeof *put; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/spill/%s", put[i]);
        assert_int_equal(sli_world_put(r.world, path, "old", 3, NULL), SL_OK);
    }
    assert_int_equal(sli_world_boot(r.world, NULL, &r.env, NULL), SL_OK);
    r.budget = sli_budget_new(0);
    assert_int_equal(sli_blocks_new(&r.blocks, r.env, r.budget, r.dir, NULL, NULL), SL_OK);
    assert_int_equal(names_in_dir(&r), 6);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_AND_DISK, 1, 1, 5, NULL),
                     SL_OK);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 1, 5);
    sli_blocks_free(r.blocks);
    r.blocks = NULL;
    assert_int_equal(names_in_dir(&r), 5); // the lock is gone, five that are not ours stay
    slt_block_rig_reset(&r);
}

SL_TEST(spill_dir_of_a_living_process_is_left_alone, "")
{
    slt_rig r;
    small_rig(&r);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, 1, 1, 5, NULL), SL_OK);
    sl_env *other = NULL;
    sli_blocks *blocks = NULL;
    assert_int_equal(sli_world_boot(r.world, NULL, &other, NULL), SL_OK);
    sli_budget *budget = sli_budget_new(BIG);
    assert_int_equal(sli_blocks_new(&blocks, other, budget, r.dir, NULL, NULL), SL_OK);
    assert_int_equal(slt_block_put(blocks, slt_rdd(2, 0), SL_MEMORY_AND_DISK, 2, 1, 5, NULL),
                     SL_OK);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_put(blocks, slt_rdd(2, 1), SL_DISK_ONLY, 2, 1, 5, &err), SL_E_BUSY);
    assert_non_null(strstr(err.text, "/spill"));
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 1, 5);
    sli_blocks_free(r.blocks); // the first one ends: the directory is free
    r.blocks = NULL;
    assert_int_equal(slt_block_put(blocks, slt_rdd(2, 1), SL_DISK_ONLY, 2, 1, 5, &err), SL_OK);
    slt_block_expect(blocks, slt_rdd(2, 1), 2, 1, 5);
    sli_blocks_free(blocks);
    sli_budget_free(budget);
    sli_env_free(other);
    slt_block_rig_reset(&r);
}

SL_TEST(spill_dir_that_cannot_be_is_an_error, "")
{
    slt_rig r;
    slt_block_rig(&r, false, 0, 1, NULL);
    char path[600], text[5000];
    (void)snprintf(path, sizeof path, "%s/file", slt_temp_dir());
    assert_int_equal(sli_env_write_file(r.env, path, "x", 1, NULL), SL_OK);
    sli_blocks *blocks = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_blocks_new(&blocks, r.env, r.budget, path, NULL, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, path));
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(sli_blocks_new(&blocks, r.env, r.budget, text, NULL, &err), SL_E_CONFIG);
    assert_int_equal(sli_blocks_new(&blocks, r.env, r.budget, "", NULL, &err), SL_E_CONFIG);
    assert_null(blocks);
    slt_block_rig_reset(&r);
}
