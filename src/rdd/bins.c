// bins.c — what is too much for one table, in 16 bins by hash of the key.
//
// An operator that needs all rows of a key together, and whose table outgrows its share of memory,
// puts what it has and what still comes into bins, and then works on one bin after the other; a bin
// that is still too much goes into bins of its own, by further bits of the hash (Grace hash:
// Kitsuregawa and others, 1983). Each row carries its *position*, a number that grows along the
// partition, so that the results of all bins can be merged into the order that one table would have
// given: the memory budget reaches no result. Bins are blocks, so they stay in memory while there
// is some.
#include "rdd/rdd_int.h"

enum { MIN_TABLE = 256 << 10 };

/// The high ten bits of a hash have chosen the slot, its low ones choose the bucket of a table.
static int32_t bin_of(uint64_t hash, int32_t level)
{
    return (int32_t)(hash >> (50 - 4 * level)) & (SLI_BINS - 1);
}

// ---------------------------------------------------------------- positions

/// The schema with a column of positions behind the others.
static sl_code placed_schema(const sl_schema *schema, sl_schema **out, sl_error *err)
{
    char name[256] = "position";
    for (size_t size = strlen(name); size < 200 && sl_schema_find(schema, name) >= 0; size++) {
        name[size] = '_'; // a column of the user's has that name
        name[size + 1] = '\0';
    }
    sli_str text = {.tag = SLI_TAG_RDD};
    sli_str_printf(&text, "%s%s%s int64", sl_schema_text(schema),
                   sl_schema_columns(schema) > 0 ? ", " : "", name);
    sl_code rc = sli_str_check(&text, "a schema", err);
    rc = rc != SL_OK ? rc : sl_schema_parse(out, text.data, err);
    sli_str_reset(&text);
    return rc;
}

const sl_column *sli_bins_positions(const sl_batch *batch)
{
    return sl_batch_column(batch, sl_schema_columns(sl_batch_schema(batch)) - 1);
}

static sl_code number_rows(sli_bins *bins, int64_t first, int64_t n, sl_batch **out, sl_error *err)
{
    if (bins->positions == NULL) {
        sl_schema *schema = NULL;
        SL_TRY(sl_schema_parse(&schema, "position int64", err));
        sl_code rc = sl_builder_new(&bins->positions, schema, err);
        sl_schema_unref(schema);
        SL_TRY(rc);
    }
    int64_t *to = sl_builder_reserve(bins->positions, 0, n);
    for (int64_t i = 0; to != NULL && i < n; i++) {
        to[i] = first + i;
    }
    return sl_builder_finish(bins->positions, out, err);
}

/// The batch with positions first, first + 1, ... behind its columns.
static sl_code place_rows(sli_bins *bins, const sl_batch *batch, int64_t first, sl_batch **out,
                          sl_error *err)
{
    sl_batch *positions = NULL;
    int32_t columns = sl_schema_columns(bins->schema) - 1;
    SL_TRY(number_rows(bins, first, sl_batch_rows(batch), &positions, err));
    for (int32_t i = 0; i < columns; i++) {
        bins->from[i] = batch;
        bins->column[i] = i;
    }
    bins->from[columns] = positions;
    bins->column[columns] = 0;
    sl_code rc = sli_batch_project(bins->schema, bins->from, bins->column, out, err);
    sl_batch_unref(positions);
    return rc;
}

sl_code sli_bins_strip(sli_bins *bins, const sl_schema *schema, const sl_batch *batch,
                       sl_batch **out, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        bins->from[i] = batch;
        bins->column[i] = i;
    }
    return sli_batch_project(schema, bins->from, bins->column, out, err);
}

// ---------------------------------------------------------------- filling

int64_t sli_table_most(const sli_runtime *runtime)
{
    int64_t given = runtime->table_bytes, share = sli_budget_limit(runtime->budget) / 4;
    return given > 0 ? given : share < MIN_TABLE ? MIN_TABLE : share;
}

sl_code sli_bins_open(sli_bins *bins, sli_task *task, const sl_schema *schema, sl_error *err)
{
    sli_runtime *runtime = task->runtime;
    *bins = (sli_bins){0};
    SL_TRY(placed_schema(schema, &bins->schema, err));
    size_t columns = (size_t)sl_schema_columns(bins->schema);
    bins->from = sl_alloc_array(SLI_TAG_RDD, columns, sizeof *bins->from);
    bins->column = sl_alloc_array(SLI_TAG_RDD, columns, sizeof *bins->column);
    if (bins->from == NULL || bins->column == NULL) {
        return sl_error_nomem(err, columns * sizeof *bins->from, "the columns of bins");
    }
    bins->cut =
        (sli_cutter){.task = task,
                     .schema = bins->schema,
                     .id = {SLI_BLOCK_TASK, atomic_fetch_add(&runtime->next_owner, 1), 0, 0},
                     .n_out = SLI_BINS,
                     .output = &bins->output};
    return sli_cutter_start(&bins->cut, err);
}

sl_code sli_bins_add_placed(sli_bins *bins, const sl_batch *batch, const int32_t *keys,
                            int32_t n_keys, int32_t level, sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    if (n > bins->capacity) {
        sl_free(bins->hashes);
        bins->capacity = 0;
        bins->hashes = sl_alloc(SLI_TAG_RDD, (size_t)n * sizeof *bins->hashes);
        if (bins->hashes == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *bins->hashes, "hashes of keys");
        }
        bins->capacity = n;
    }
    sli_batch_hash(batch, keys, n_keys, bins->hashes);
    SL_TRY(sli_cutter_room(&bins->cut, n, err));
    for (int64_t i = 0; i < n; i++) {
        bins->cut.where[i] = bin_of(bins->hashes[i], level);
    }
    return n == 0 ? SL_OK : sli_cutter_add(&bins->cut, batch, err);
}

sl_code sli_bins_add(sli_bins *bins, const sl_batch *batch, const int32_t *keys, int32_t n_keys,
                     int64_t first, sl_error *err)
{
    sl_batch *placed = NULL;
    SL_TRY(place_rows(bins, batch, first, &placed, err));
    sl_code rc = sli_bins_add_placed(bins, placed, keys, n_keys, 0, err);
    sl_batch_unref(placed);
    return rc;
}

sl_code sli_bin_push(void *ctx, sl_batch *batch, sl_error *err)
{
    const sli_bin *to = ctx;
    return sli_cutter_add_to(&to->bins->cut, to->bin, batch, err);
}

sl_code sli_bins_end(sli_bins *bins, sl_error *err)
{
    return sli_cutter_end(&bins->cut, err);
}

void sli_bins_reset(sli_bins *bins)
{
    if (bins->cut.task != NULL) {
        sli_blocks_remove_owner(bins->cut.task->runtime->blocks, SLI_BLOCK_TASK,
                                bins->cut.id.owner);
    }
    sli_cutter_reset(&bins->cut);
    sl_builder_free(bins->positions);
    sl_schema_unref(bins->schema);
    sl_free(bins->output.rows);
    sl_free(bins->from);
    sl_free(bins->column);
    sl_free(bins->hashes);
    *bins = (sli_bins){0};
}

// ---------------------------------------------------------------- reading

static sl_code add_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    return sli_rows_add(ctx, batch, err);
}

sl_code sli_bins_piece(const sli_bins *bins, int32_t bin, int32_t piece, sli_rows *out,
                       sl_error *err)
{
    sli_block_id id = bins->cut.id;
    bool found = false;
    id.minor = piece * SLI_BINS + bin;
    if (bins->output.rows[id.minor] == 0) {
        return SL_OK;
    }
    SL_TRY(sli_blocks_each(bins->cut.task->runtime->blocks, id, add_batch, out, &found, err));
    return found ? SL_OK : sl_error_set(err, SL_E_NOT_FOUND, "a block of a running task is lost");
}

sl_code sli_bins_each(const sli_bins *bins, int32_t bin, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t piece = 0; rc == SL_OK && piece < bins->output.n_pieces; piece++) {
        sli_rows rows = {0};
        rc = sli_bins_piece(bins, bin, piece, &rows, err);
        for (int32_t i = 0; rc == SL_OK && i < rows.n; i++) {
            rc = sli_task_check(bins->cut.task, err);
            rc = rc != SL_OK ? rc : push(ctx, rows.batches[i], err);
        }
        sli_rows_reset(&rows);
    }
    return rc;
}
