/// blocks_test.c — the table: what is kept where, who goes first, and what must never happen.
#include "block/fixture_test.h"

enum { KIB = 1024, BIG = 1 << 30 };

/// Memory that a block of the fixture takes.
static int64_t bytes_of(int32_t n, int64_t n_rows)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < n; i++) {
        sl_batch *batch = slt_block_batch(i, n_rows);
        bytes += sl_batch_bytes(batch);
        sl_batch_unref(batch);
    }
    return bytes;
}

static sl_code no_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    (void)ctx;
    (void)batch;
    return sl_error_set(err, SL_E_STATE, "there should be no batch");
}

static void expect_missing(sli_blocks *blocks, sli_block_id id)
{
    bool found = true;
    assert_false(sli_blocks_has(blocks, id));
    assert_int_equal(sli_blocks_each(blocks, id, no_batch, NULL, &found, NULL), SL_OK);
    assert_false(found);
}

SL_TEST(block_put_read_replace_remove, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    expect_missing(r.blocks, slt_rdd(1, 0));
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_ONLY, 1, 3, 50, NULL), SL_OK);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 1), SL_MEMORY_AND_DISK, 2, 1, 7, NULL),
                     SL_OK);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 3, 50);
    slt_block_expect(r.blocks, slt_rdd(1, 1), 2, 1, 7);
    assert_true(slt_block_stats(r.blocks).memory_bytes > 0);
    assert_int_equal(slt_block_stats(r.blocks).memory_bytes, sli_budget_used(r.budget));
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_ONLY, 3, 2, 9, NULL), SL_OK);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 3, 2, 9);
    assert_int_equal(slt_block_stats(r.blocks).n_blocks, 2);
    sli_blocks_remove(r.blocks, slt_rdd(1, 0));
    sli_blocks_remove(r.blocks, slt_rdd(1, 0));
    sli_blocks_remove(r.blocks, slt_rdd(9, 9));
    expect_missing(r.blocks, slt_rdd(1, 0));
    sli_blocks_lose(r.blocks, slt_rdd(1, 1));
    expect_missing(r.blocks, slt_rdd(1, 1));
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.n_blocks + s.memory_bytes + s.disk_bytes + s.evicted + s.spilled + s.dropped,
                     0);
    assert_int_equal(sli_budget_used(r.budget), 0);
    slt_block_rig_reset(&r);
}

SL_TEST(block_ids_differ_in_every_part, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    const sli_block_id ids[] = {{SLI_BLOCK_RDD, 1, 0, 0},       {SLI_BLOCK_SHUFFLE, 1, 0, 0},
                                {SLI_BLOCK_SHUFFLE, 1, 0, 1},   {SLI_BLOCK_SHUFFLE, 1, 1, 0},
                                {SLI_BLOCK_SHUFFLE, 2, 0, 0},   {SLI_BLOCK_RECEIVED, 1, 0, 0},
                                {SLI_BLOCK_BROADCAST, 1, 0, 0}, {SLI_BLOCK_OUTPUT, -1, 0, 0}};
    enum { N = sizeof ids / sizeof *ids };
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(slt_block_put(r.blocks, ids[i], SL_MEMORY_AND_DISK, i, 1, 5, NULL), SL_OK);
    }
    for (int64_t i = 0; i < N; i++) {
        slt_block_expect(r.blocks, ids[i], i, 1, 5);
    }
    sli_blocks_remove_owner(r.blocks, SLI_BLOCK_SHUFFLE, 1);
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(sli_blocks_has(r.blocks, ids[i]), i < 1 || i > 3);
    }
    sli_blocks_remove_owner(r.blocks, SLI_BLOCK_SHUFFLE, 77);
    assert_int_equal(slt_block_stats(r.blocks).n_blocks, N - 3);
    slt_block_rig_reset(&r);
}

SL_TEST(block_index_holds_many_blocks_and_owners, "")
{
    enum { OWNERS = 300, EACH = 20 };
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    for (int32_t i = 0; i < OWNERS * EACH; i++) {
        assert_int_equal(
            slt_block_put(r.blocks, slt_rdd(i % OWNERS, i / OWNERS), SL_MEMORY_ONLY, i, 1, 1, NULL),
            SL_OK);
    }
    for (int32_t owner = 0; owner < OWNERS; owner += 2) {
        sli_blocks_remove_owner(r.blocks, SLI_BLOCK_RDD, owner);
    }
    assert_int_equal(slt_block_stats(r.blocks).n_blocks, OWNERS * EACH / 2);
    for (int32_t i = 0; i < OWNERS * EACH; i++) {
        if (i % OWNERS % 2 == 1) {
            slt_block_expect(r.blocks, slt_rdd(i % OWNERS, i / OWNERS), i, 1, 1);
        } else {
            expect_missing(r.blocks, slt_rdd(i % OWNERS, i / OWNERS));
        }
    }
    slt_block_rig_reset(&r);
}

SL_TEST(block_without_batches_or_rows_is_kept, "")
{
    slt_rig r;
    slt_block_rig(&r, false, 0, 1, NULL); // no budget at all
    const sl_level levels[] = {SL_MEMORY_ONLY, SL_MEMORY_AND_DISK, SL_DISK_ONLY};
    for (int32_t i = 0; i < 3; i++) {
        bool found = false;
        assert_int_equal(sli_blocks_put(r.blocks, slt_rdd(1, i), levels[i], NULL, 0, NULL), SL_OK);
        assert_int_equal(sli_blocks_each(r.blocks, slt_rdd(1, i), no_batch, NULL, &found, NULL),
                         SL_OK);
        assert_true(found);
    }
    assert_int_equal(slt_block_stats(r.blocks).disk_bytes, 0);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(2, 0), SL_DISK_ONLY, 1, 2, 0, NULL), SL_OK);
    assert_true(sli_blocks_has(r.blocks, slt_rdd(2, 0)));
    bool found = false, equal = false;
    assert_int_equal(slt_block_check(r.blocks, slt_rdd(2, 0), 1, 0, 1, &found, &equal, NULL),
                     SL_OK);
    assert_true(found && equal); // no rows
    slt_block_rig_reset(&r);
}

SL_TEST(block_put_refuses_levels_that_are_none, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_LEVEL_NONE, 1, 1, 1, &err),
                     SL_E_INVALID);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), (sl_level)9, 1, 1, 1, &err),
                     SL_E_INVALID);
    assert_int_equal(sli_blocks_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_ONLY, NULL, -1, &err),
                     SL_E_INVALID);
    expect_missing(r.blocks, slt_rdd(1, 0));
    slt_block_rig_reset(&r);
}

SL_TEST(block_disk_only_is_on_disk_only, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, 1, 10, 100, NULL), SL_OK);
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.memory_bytes, 0);
    assert_true(s.disk_bytes > 1000 * 8);
    assert_int_equal(s.spilled, 1);
    assert_int_equal(sli_budget_used(r.budget), 0);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 10, 100);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 10, 100);
    assert_int_equal(slt_block_stats(r.blocks).reloaded, 2);
    sli_blocks_remove(r.blocks, slt_rdd(1, 0));
    assert_int_equal(slt_block_stats(r.blocks).disk_bytes, 0);
    slt_block_rig_reset(&r);
}

SL_TEST(block_larger_than_a_frame_comes_back_whole, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, 1, 60, 2000, NULL),
                     SL_OK);
    assert_true(slt_block_stats(r.blocks).disk_bytes > 3 << 20);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 60, 2000);
    slt_block_rig_reset(&r);
}

// ---------------------------------------------------------------- who goes first

/// Room for exactly three blocks of one size.
static void rig_for_three(slt_rig *r)
{
    slt_block_rig(r, false, 3 * bytes_of(1, 100) + 100, 1, NULL);
}

static void put_one(slt_rig *r, int64_t owner, sl_level level)
{
    assert_int_equal(slt_block_put(r->blocks, slt_rdd(owner, 0), level, 0, 1, 100, NULL), SL_OK);
}

SL_TEST(block_evicts_the_least_recently_used, "")
{
    slt_rig r;
    rig_for_three(&r);
    put_one(&r, 1, SL_MEMORY_ONLY);
    put_one(&r, 2, SL_MEMORY_ONLY);
    put_one(&r, 3, SL_MEMORY_ONLY);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 1, 100); // now 2 is the oldest
    put_one(&r, 4, SL_MEMORY_ONLY);
    expect_missing(r.blocks, slt_rdd(2, 0));
    put_one(&r, 5, SL_MEMORY_ONLY);
    expect_missing(r.blocks, slt_rdd(3, 0));
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 1, 100);
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.evicted, 2);
    assert_int_equal(s.dropped, 2);
    assert_int_equal(s.spilled, 0);
    assert_true(sli_budget_peak(r.budget) <= sli_budget_limit(r.budget));
    slt_block_rig_reset(&r);
}

SL_TEST(block_evicted_to_disk_is_still_there, "")
{
    slt_rig r;
    rig_for_three(&r);
    for (int64_t owner = 1; owner <= 9; owner++) {
        put_one(&r, owner, SL_MEMORY_AND_DISK);
    }
    for (int64_t owner = 1; owner <= 9; owner++) {
        slt_block_expect(r.blocks, slt_rdd(owner, 0), 0, 1, 100);
    }
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.spilled, 6);
    assert_int_equal(s.evicted, 6);
    assert_int_equal(s.dropped, 0);
    assert_int_equal(s.reloaded, 6);
    assert_int_equal(s.returned, 0); // nobody makes room for a block that is only read
    assert_int_equal(s.n_blocks, 9);
    slt_block_rig_reset(&r);
}

/// The dataset that is being put must not push out itself: a scan over more than fits would then
/// keep nothing.
SL_TEST(block_eviction_never_touches_the_owner_being_put, "")
{
    slt_rig r;
    rig_for_three(&r);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, i), SL_MEMORY_ONLY, i, 1, 100, NULL),
                         SL_OK);
    }
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 3), SL_MEMORY_ONLY, 3, 1, 100, NULL),
                     SL_OK);
    expect_missing(r.blocks, slt_rdd(1, 3));
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 4), SL_MEMORY_AND_DISK, 4, 1, 100, NULL),
                     SL_OK);
    for (int32_t i = 0; i < 5; i++) {
        if (i != 3) {
            slt_block_expect(r.blocks, slt_rdd(1, i), i, 1, 100);
        }
    }
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.evicted, 0);
    assert_int_equal(s.dropped, 1);
    assert_int_equal(s.spilled, 1);
    // The same number under another kind is another owner.
    sli_block_id other = {SLI_BLOCK_SHUFFLE, 1, 0, 0};
    assert_int_equal(slt_block_put(r.blocks, other, SL_MEMORY_AND_DISK, 9, 1, 100, NULL), SL_OK);
    expect_missing(r.blocks, slt_rdd(1, 0));
    slt_block_rig_reset(&r);
}

SL_TEST(block_larger_than_the_budget_pushes_nobody_out, "")
{
    slt_rig r;
    rig_for_three(&r);
    put_one(&r, 1, SL_MEMORY_ONLY);
    put_one(&r, 2, SL_MEMORY_AND_DISK);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(3, 0), SL_MEMORY_ONLY, 1, 8, 100, NULL),
                     SL_OK);
    expect_missing(r.blocks, slt_rdd(3, 0));
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(3, 0), SL_MEMORY_AND_DISK, 1, 8, 100, NULL),
                     SL_OK);
    slt_block_expect(r.blocks, slt_rdd(3, 0), 1, 8, 100);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 1, 100);
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.evicted, 0);
    assert_int_equal(s.reloaded, 1);
    slt_block_rig_reset(&r);
}

SL_TEST(block_not_kept_takes_the_old_one_away, "")
{
    slt_rig r;
    rig_for_three(&r);
    put_one(&r, 1, SL_MEMORY_ONLY);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_ONLY, 5, 8, 100, NULL),
                     SL_OK);
    expect_missing(r.blocks, slt_rdd(1, 0)); // old rows would be wrong rows
    slt_block_rig_reset(&r);
}

SL_TEST(block_gives_way_to_others_in_the_budget, "")
{
    slt_rig r;
    rig_for_three(&r);
    put_one(&r, 1, SL_MEMORY_AND_DISK);
    put_one(&r, 2, SL_MEMORY_ONLY);
    assert_true(sli_budget_reserve(r.budget, 10 * KIB * KIB, true)); // state, say
    put_one(&r, 3, SL_MEMORY_ONLY);
    expect_missing(r.blocks, slt_rdd(3, 0));
    put_one(&r, 4, SL_MEMORY_AND_DISK);
    slt_block_expect(r.blocks, slt_rdd(4, 0), 0, 1, 100);
    sli_budget_release(r.budget, 10 * KIB * KIB);
    put_one(&r, 3, SL_MEMORY_ONLY);
    slt_block_expect(r.blocks, slt_rdd(3, 0), 0, 1, 100);
    slt_block_rig_reset(&r);
}

// ---------------------------------------------------------------- reading while others write

typedef struct nested {
    slt_rig *rig;
    int64_t n_batches;
} nested;

/// Replaces and removes the block that is being read, and puts others that need its memory.
static sl_code disturb(void *ctx, const sl_batch *batch, sl_error *err)
{
    nested *n = ctx;
    sli_blocks *blocks = n->rig->blocks;
    for (int64_t owner = 10; owner < 16; owner++) {
        SL_TRY(slt_block_put(blocks, slt_rdd(owner, 0), SL_MEMORY_AND_DISK, owner, 1, 100, err));
    }
    SL_TRY(slt_block_put(blocks, slt_rdd(1, 0), SL_MEMORY_ONLY, 77, 1, 3, err));
    sli_blocks_remove_owner(blocks, SLI_BLOCK_RDD, 1);
    n->n_batches++;
    return sl_batch_rows(batch) == 100
               ? SL_OK
               : sl_error_set(err, SL_E_STATE, "a batch changed under its reader");
}

SL_TEST(block_being_read_stays_whatever_others_do, "")
{
    const sl_level levels[] = {SL_MEMORY_ONLY, SL_MEMORY_AND_DISK, SL_DISK_ONLY};
    for (int i = 0; i < 3; i++) {
        slt_rig r;
        rig_for_three(&r);
        assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), levels[i], 0, 2, 100, NULL), SL_OK);
        nested n = {.rig = &r};
        bool found = false;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_blocks_each(r.blocks, slt_rdd(1, 0), disturb, &n, &found, &err),
                         SL_OK);
        assert_true(found);
        assert_int_equal(n.n_batches, 2);
        expect_missing(r.blocks, slt_rdd(1, 0));
        for (int64_t owner = 10; owner < 16; owner++) {
            slt_block_expect(r.blocks, slt_rdd(owner, 0), owner, 1, 100);
        }
        slt_block_rig_reset(&r);
    }
}

static sl_code fail_here(void *ctx, const sl_batch *batch, sl_error *err)
{
    (void)batch;
    ++*(int *)ctx;
    return sl_error_set(err, SL_E_CORRUPT, "mine");
}

/// The caller's failure is not the block's: it comes back as it is, and the block stays.
SL_TEST(block_each_hands_on_the_callers_failure, "")
{
    const sl_level levels[] = {SL_MEMORY_ONLY, SL_DISK_ONLY};
    for (int i = 0; i < 2; i++) {
        slt_rig r;
        slt_block_rig(&r, false, BIG, 1, NULL);
        assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), levels[i], 0, 3, 10, NULL), SL_OK);
        int calls = 0;
        bool found = false;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_blocks_each(r.blocks, slt_rdd(1, 0), fail_here, &calls, &found, &err),
                         SL_E_CORRUPT);
        assert_int_equal(calls, 1);
        assert_true(found);
        assert_int_not_equal(sl_error_action(&err), SL_ACT_REPLAY_EPOCH);
        SL_CHECK_TEXT(err.text, "mine");
        slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 3, 10);
        slt_block_rig_reset(&r);
    }
}

// ---------------------------------------------------------------- from disk back into memory

/// Block 0 of owner 1 is on disk, and there is room for it again.
static void rig_with_one_on_disk(slt_rig *r, sli_block_kind kind, sl_level level)
{
    rig_for_three(r);
    assert_true(sli_budget_reserve(r->budget, 10 * KIB * KIB, true)); // state, say
    assert_int_equal(
        slt_block_put(r->blocks, (sli_block_id){kind, 1, 0, 0}, level, 0, 1, 100, NULL), SL_OK);
    sli_budget_release(r->budget, 10 * KIB * KIB);
    assert_int_equal(slt_block_stats(r->blocks).memory_bytes, 0);
}

SL_TEST(block_read_from_disk_comes_back_when_there_is_room, "")
{
    slt_rig r;
    rig_with_one_on_disk(&r, SLI_BLOCK_RDD, SL_MEMORY_AND_DISK);
    int64_t disk_bytes = slt_block_stats(r.blocks).disk_bytes;
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 1, 100);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 1, 100);
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.reloaded, 1); // the second read was from memory
    assert_int_equal(s.returned, 1);
    assert_int_equal(s.disk_bytes, disk_bytes);
    assert_true(s.memory_bytes > 0);
    assert_int_equal(s.memory_bytes, sli_budget_used(r.budget));
    put_one(&r, 2, SL_MEMORY_AND_DISK);
    put_one(&r, 3, SL_MEMORY_AND_DISK);
    put_one(&r, 4, SL_MEMORY_AND_DISK); // evicts it: it has its file already
    s = slt_block_stats(r.blocks);
    assert_int_equal(s.evicted, 1);
    assert_int_equal(s.spilled, 1);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 1, 100);
    assert_int_equal(slt_block_stats(r.blocks).reloaded, 2);
    slt_block_rig_reset(&r);
}

SL_TEST(block_comes_back_only_where_that_pays, "")
{
    static const struct {
        sli_block_kind kind;
        sl_level level;
        int64_t returned;
    } cases[] = {
        {SLI_BLOCK_RDD, SL_MEMORY_AND_DISK, 1},       {SLI_BLOCK_RDD, SL_DISK_ONLY, 0},
        {SLI_BLOCK_SHUFFLE, SL_MEMORY_AND_DISK, 0},   {SLI_BLOCK_OUTPUT, SL_MEMORY_AND_DISK, 0},
        {SLI_BLOCK_BROADCAST, SL_MEMORY_AND_DISK, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slt_rig r;
        rig_with_one_on_disk(&r, cases[i].kind, cases[i].level);
        sli_block_id id = {cases[i].kind, 1, 0, 0};
        slt_block_expect(r.blocks, id, 0, 1, 100);
        slt_block_expect(r.blocks, id, 0, 1, 100);
        assert_int_equal(slt_block_stats(r.blocks).returned, cases[i].returned);
        assert_int_equal(slt_block_stats(r.blocks).memory_bytes > 0, cases[i].returned);
        slt_block_rig_reset(&r);
    }
}

SL_TEST(block_of_many_batches_comes_back_at_its_own_size, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    assert_true(sli_budget_reserve(r.budget, BIG, true));
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_AND_DISK, 1, 60, 2000, NULL),
                     SL_OK);
    sli_budget_release(r.budget, BIG);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 60, 2000);
    slt_block_expect(r.blocks, slt_rdd(1, 0), 1, 60, 2000);
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.reloaded, 1);
    assert_in_range(s.memory_bytes, s.disk_bytes / 2, s.disk_bytes * 2);
    assert_int_equal(s.memory_bytes, sli_budget_used(r.budget));
    slt_block_rig_reset(&r);
}

/// A reader within a reader: the inner one must not change what the outer one looks at.
static sl_code read_again(void *ctx, const sl_batch *batch, sl_error *err)
{
    slt_rig *r = ctx;
    (void)batch;
    (void)err;
    slt_block_expect(r->blocks, slt_rdd(1, 0), 0, 1, 100);
    assert_int_equal(slt_block_stats(r->blocks).returned, 0);
    return SL_OK;
}

SL_TEST(block_comes_back_once_for_all_its_readers, "")
{
    slt_rig r;
    bool found = false;
    rig_with_one_on_disk(&r, SLI_BLOCK_RDD, SL_MEMORY_AND_DISK);
    assert_int_equal(sli_blocks_each(r.blocks, slt_rdd(1, 0), read_again, &r, &found, NULL), SL_OK);
    sli_blocks_stats s = slt_block_stats(r.blocks);
    assert_int_equal(s.reloaded, 2);
    assert_int_equal(s.returned, 1);
    assert_int_equal(s.memory_bytes, sli_budget_used(r.budget));
    slt_block_rig_reset(&r);
}

SL_TEST(block_whose_reading_fails_or_ends_in_removal_does_not_come_back, "")
{
    const sli_batch_fn readers[] = {fail_here, disturb};
    for (int i = 0; i < 2; i++) {
        slt_rig r;
        rig_with_one_on_disk(&r, SLI_BLOCK_RDD, SL_MEMORY_AND_DISK);
        int calls = 0;
        nested n = {.rig = &r};
        bool found = false;
        sl_code rc = sli_blocks_each(r.blocks, slt_rdd(1, 0), readers[i],
                                     i == 0 ? (void *)&calls : (void *)&n, &found, NULL);
        assert_int_equal(rc, i == 0 ? SL_E_CORRUPT : SL_OK);
        assert_int_equal(slt_block_stats(r.blocks).returned, 0);
        assert_int_equal(slt_block_stats(r.blocks).memory_bytes, sli_budget_used(r.budget));
        slt_block_rig_reset(&r);
    }
}

/// Memory that lacks for coming back is no failure of the read.
SL_TEST(block_coming_back_survives_every_failed_allocation, "")
{
    bool reached = true;
    int64_t n_stayed = 0;
    for (int64_t nth = 1; reached; nth++) {
        slt_rig r;
        rig_with_one_on_disk(&r, SLI_BLOCK_RDD, SL_MEMORY_AND_DISK);
        bool found = false, equal = false;
        sli_mem_fail_nth(nth);
        sl_code rc = slt_block_check(r.blocks, slt_rdd(1, 0), 0, 1, 100, &found, &equal, NULL);
        reached = sli_mem_count() >= nth;
        sli_mem_fail_nth(0);
        assert_true(equal && (rc == SL_OK || (reached && rc == SL_E_NOMEM)));
        sli_blocks_stats s = slt_block_stats(r.blocks);
        assert_int_equal(s.memory_bytes, sli_budget_used(r.budget));
        assert_int_equal(s.memory_bytes > 0, s.returned);
        n_stayed += rc == SL_OK && s.returned == 0 ? 1 : 0;
        assert_true(reached || s.returned == 1);
        slt_block_rig_reset(&r);
    }
    assert_true(n_stayed > 0);
}

// ---------------------------------------------------------------- memory

SL_TEST(block_does_not_pin_what_it_does_not_show, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    sl_batch *whole = slt_block_batch(1, 20000), *part = NULL;
    assert_int_equal(sli_batch_slice(whole, 100, 10, &part, NULL), SL_OK);
    int64_t loose = sl_batch_bytes(part);
    assert_true(loose > 100 * KIB);
    assert_int_equal(sli_blocks_put(r.blocks, slt_rdd(1, 0), SL_MEMORY_ONLY, &part, 1, NULL),
                     SL_OK);
    assert_true(sli_budget_used(r.budget) < 8 * KIB);
    sl_batch_unref(part);
    sl_batch_unref(whole);
    slt_block_rig_reset(&r);
}

typedef struct collected {
    sl_batch *batches[8];
    int n;
} collected;

static sl_code collect(void *ctx, const sl_batch *batch, sl_error *err)
{
    collected *c = ctx;
    if (c->n == 8) {
        return sl_error_set(err, SL_E_STATE, "more batches than were put");
    }
    c->batches[c->n++] = sl_batch_ref(batch);
    return SL_OK;
}

static sl_code keep_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    (void)err;
    *(sl_batch **)ctx = sl_batch_ref(batch);
    return SL_OK;
}

/// Cells of row `i`, nulls in every third row where they may be.
static void add_row(sl_builder *b, int64_t i)
{
    bool null = i % 3 == 0;
    if (null) {
        sl_builder_null(b, 0);
    } else {
        sl_builder_bool(b, 0, i % 2 == 0);
    }
    sl_builder_int64(b, 1, -i);
    sl_builder_float64(b, 2, (double)i / 8);
    sl_builder_int64(b, 3, i * 1000000007);
    sl_builder_text(b, 4, "\0\xff of any bytes", (size_t)(i % 15));
    sl_builder_list_begin(b, 5);
    for (int64_t k = 0; k < i % 4; k++) {
        sl_builder_text(b, 5, "an element of a list", (size_t)(5 * k));
    }
    sl_builder_list_end(b, 5);
    if (null) {
        sl_builder_null(b, 6);
    } else {
        sl_builder_struct_begin(b, 6);
        sl_builder_int64(b, 6, i);
        sl_builder_text(b, 6, "field", 5);
        sl_builder_struct_end(b, 6);
    }
}

SL_TEST(block_of_every_kind_of_column_comes_back_from_disk, "")
{
    enum { ROWS = 100 };
    const char *text = "b bool?, i int32, f float64, t timestamp, x binary, l list<string>, p "
                       "struct<a int64, c string>?";
    const int32_t columns[] = {0, 1, 2, 3, 4, 5, 6};
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL, *back = NULL;
    bool found = false;
    assert_int_equal(sl_schema_parse(&schema, text, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        add_row(builder, i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(sli_blocks_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, &batch, 1, NULL), SL_OK);
    assert_int_equal(sli_blocks_each(r.blocks, slt_rdd(1, 0), keep_batch, &back, &found, NULL),
                     SL_OK);
    assert_non_null(back);
    assert_true(sl_schema_equal(sl_batch_schema(back), schema));
    assert_int_equal(sl_batch_rows(back), ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
        assert_true(sli_rows_equal(batch, columns, i, back, columns, i, 7));
    }
    sl_batch_unref(back);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    slt_block_rig_reset(&r);
}

/// Batches of several schemas may be in one block: a frame has one schema, a file any number.
SL_TEST(block_of_several_schemas_comes_back_from_disk, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    sl_batch *all[6];
    for (int i = 0; i < 6; i++) {
        sl_schema *schema = NULL;
        sl_batch *plain = slt_block_batch(i, 10);
        assert_int_equal(sl_schema_parse(&schema,
                                         i % 3 == 0 ? "a int64, b string?" : "c int64, d string?",
                                         NULL),
                         SL_OK);
        assert_int_equal(sli_batch_rename(plain, schema, &all[i], NULL), SL_OK);
        sl_batch_unref(plain);
        sl_schema_unref(schema);
    }
    assert_int_equal(sli_blocks_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, all, 6, NULL), SL_OK);
    collected back = {0};
    bool found = false;
    assert_int_equal(sli_blocks_each(r.blocks, slt_rdd(1, 0), collect, &back, &found, NULL), SL_OK);
    assert_int_equal(back.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_true(sl_schema_equal(sl_batch_schema(back.batches[i]), sl_batch_schema(all[i])));
        sl_batch_unref(back.batches[i]);
        sl_batch_unref(all[i]);
    }
    slt_block_rig_reset(&r);
}

/// Whichever allocation fails, the put fails cleanly or works, and what was there before is still
/// there.
SL_TEST(block_put_survives_every_failed_allocation, "")
{
    const sl_level levels[] = {SL_MEMORY_ONLY, SL_MEMORY_AND_DISK, SL_DISK_ONLY};
    for (int l = 0; l < 3; l++) {
        sl_code rc = SL_E_NOMEM;
        for (int64_t nth = 1; rc != SL_OK; nth++) {
            slt_rig r;
            rig_for_three(&r);
            for (int64_t owner = 1; owner <= 3; owner++) {
                put_one(&r, owner, SL_MEMORY_AND_DISK);
            }
            put_one(&r, 4, SL_DISK_ONLY);
            sl_batch *batch = slt_block_batch(0, 100);
            sl_error err = SL_ERROR_INIT;
            sli_mem_fail_nth(nth);
            rc = sli_blocks_put(r.blocks, slt_rdd(4, 0), levels[l], &batch, 1, &err);
            bool failed = sli_mem_count() >= nth;
            sli_mem_fail_nth(0);
            sl_batch_unref(batch);
            if (rc != SL_OK) {
                assert_int_equal(rc, SL_E_NOMEM);
            }
            for (int64_t owner = 1; owner <= 4; owner++) {
                bool found = false, equal = false;
                assert_int_equal(
                    slt_block_check(r.blocks, slt_rdd(owner, 0), 0, 1, 100, &found, &equal, NULL),
                    SL_OK);
                assert_true(equal);
                assert_true(found || (owner == 4 && rc == SL_OK && levels[l] == SL_MEMORY_ONLY));
            }
            slt_block_rig_reset(&r);
            rc = failed ? SL_E_NOMEM : SL_OK; // go on until no allocation was left to fail
        }
    }
}

SL_TEST(block_read_survives_every_failed_allocation, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    assert_int_equal(slt_block_put(r.blocks, slt_rdd(1, 0), SL_DISK_ONLY, 0, 2, 100, NULL), SL_OK);
    bool reached = true;
    for (int64_t nth = 1; reached; nth++) {
        bool found = false, equal = false;
        sl_error err = SL_ERROR_INIT;
        sli_mem_fail_nth(nth);
        sl_code rc = slt_block_check(r.blocks, slt_rdd(1, 0), 0, 2, 100, &found, &equal, &err);
        reached = sli_mem_count() >= nth;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, reached ? SL_E_NOMEM : SL_OK);
        assert_true(rc == SL_OK || sl_error_action(&err) == SL_ACT_RETRY_TASK);
    }
    slt_block_expect(r.blocks, slt_rdd(1, 0), 0, 2, 100);
    slt_block_rig_reset(&r);
}

SL_TEST(block_table_survives_every_failed_allocation, "")
{
    slt_rig r;
    slt_block_rig(&r, false, BIG, 1, NULL);
    int64_t used = sli_mem_used(SLI_TAG_BLOCK);
    bool reached = true;
    for (int64_t nth = 1; reached; nth++) {
        sli_blocks *blocks = NULL;
        sli_mem_fail_nth(nth);
        sl_code rc = sli_blocks_new(&blocks, r.env, r.budget, r.dir, NULL, NULL);
        reached = sli_mem_count() >= nth;
        sli_mem_fail_nth(0);
        assert_int_equal(rc == SL_OK, blocks != NULL);
        sli_blocks_free(blocks);
        assert_int_equal(sli_mem_used(SLI_TAG_BLOCK), used);
    }
    slt_block_rig_reset(&r);
}

SL_TEST(block_metrics_say_what_the_stats_say, "")
{
    slt_rig r;
    rig_for_three(&r);
    for (int64_t owner = 1; owner <= 5; owner++) {
        put_one(&r, owner, owner % 2 == 0 ? SL_MEMORY_ONLY : SL_MEMORY_AND_DISK);
    }
    sli_str text = SLI_STR_INIT;
    assert_int_equal(sli_metrics_prometheus(r.metrics, &text, NULL), SL_OK);
    assert_non_null(strstr(text.data, "\nsluice_blocks 4\n"));
    assert_non_null(strstr(text.data, "\nsluice_blocks_evicted_total 2\n"));
    assert_non_null(strstr(text.data, "\nsluice_blocks_spilled_total 1\n"));
    assert_non_null(strstr(text.data, "\nsluice_blocks_dropped_total 1\n"));
    sli_str_reset(&text);
    slt_block_rig_reset(&r);
}
