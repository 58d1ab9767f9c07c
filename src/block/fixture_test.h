/// fixture_test.h — what the tests of this folder share: a table in a real or simulated world,
/// blocks whose rows follow from a number, and rows as text to compare.
#pragma once

#include "sl_test.h"

#include "base/hash.h"
#include "block/block_int.h"
#include "env/sim.h"

typedef struct slt_rig {
    sli_world *world; ///< NULL in the real world
    sl_env *env;
    sli_budget *budget;
    sli_metrics *metrics;
    sli_blocks *blocks;
    const char *dir;
} slt_rig;

/// A table with a budget. In the real world the spill directory is made in the test's temporary
/// one; in the simulated one it is "/spill". `fault` may be NULL.
void slt_block_rig(slt_rig *rig, bool simulated, int64_t budget_bytes, uint64_t seed,
                   const sli_fault *fault);
/// The same in a world that the caller has made; the rig frees it.
void slt_block_rig_in(slt_rig *rig, sli_world *world, int64_t budget_bytes, const sli_fault *fault);
/// Frees all; the budget checks that nothing is reserved.
void slt_block_rig_reset(slt_rig *rig);

/// "n int64, s string?": `n_rows` rows that follow from `number`, with short, long and null texts.
sl_batch *slt_block_batch(int64_t number, int64_t n_rows);
sli_block_id slt_rdd(int64_t owner, int32_t major);
/// Puts a block of `n` batches of `n_rows` rows that follow from `number`.
sl_code slt_block_put(sli_blocks *blocks, sli_block_id id, sl_level level, int64_t number,
                      int32_t n, int64_t n_rows, sl_error *err);
/// Reads the block and, when it is there, compares it with what slt_block_put made. *found may be
/// NULL. Safe on threads: *equal tells instead of a failed check.
sl_code slt_block_check(sli_blocks *blocks, sli_block_id id, int64_t number, int32_t n,
                        int64_t n_rows, bool *found, bool *equal, sl_error *err);
/// The block is there with these rows, checked.
void slt_block_expect(sli_blocks *blocks, sli_block_id id, int64_t number, int32_t n,
                      int64_t n_rows);
sli_blocks_stats slt_block_stats(sli_blocks *blocks);
