// write.c — the map side of a shuffle: computes a partition, combines, cuts by target, puts blocks.
//
//     batch ─► combine ─► place: a target for each row ─► cut (cut.c)
//
// A combining table is emptied at MAX_GROUPS groups or MAX_TABLE_BYTES. Both are constants, because
// a table emptied early adds floats in another order, and the memory budget must not reach a
// result.
#include "rdd/rdd_int.h"

enum { MAX_GROUPS = 1 << 18, MAX_TABLE_BYTES = 16 << 20, MOST_KEYS = 256 };

typedef struct writer {
    sli_shuffle *shuffle;
    sli_task *task;
    sli_cutter cut;
    int64_t row;        ///< round robin: rows seen
    int32_t deal;       ///< round robin: where the first row goes
    sli_groups *groups; ///< combining and distinct
    sli_aggs *aggs;
    sl_builder *partial;
    sl_args args;
    sli_weight weight;
    sli_numbers group; ///< of a batch's rows
    uint64_t *hashes;  ///< of up to `capacity` rows' keys
    int64_t capacity;
    sli_ranges ranges;
} writer;

// ---------------------------------------------------------------- placing

static sl_code hash_room(writer *w, int64_t n, sl_error *err)
{
    if (n > w->capacity) {
        sl_free(w->hashes);
        w->capacity = 0;
        int64_t capacity = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : n + n / 4;
        w->hashes = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *w->hashes);
        if (w->hashes == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *w->hashes, "hashes of keys");
        }
        w->capacity = capacity;
    }
    return SL_OK;
}

static sl_code hash_rows(writer *w, const sl_batch *batch, sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    SL_TRY(hash_room(w, sl_batch_rows(batch), err));
    sli_batch_hash(batch, s->keys + s->first_placing, s->n_keys - s->first_placing, w->hashes);
    return SL_OK;
}

/// MurmurHash3 (x86, 32 bits) of a number's eight bytes, the highest first.
static uint32_t murmur(uint64_t number, uint32_t seed)
{
    const uint32_t words[] = {__builtin_bswap32((uint32_t)(number >> 32)),
                              __builtin_bswap32((uint32_t)number)};
    uint32_t h = seed;
    for (int i = 0; i < 2; i++) {
        uint32_t k = words[i] * 0xcc9e2d51U;
        h ^= (k << 15 | k >> 17) * 0x1b873593U;
        h = (h << 13 | h >> 19) * 5 + 0xe6546b64U;
    }
    h ^= sizeof number;
    h = (h ^ h >> 16) * 0x85ebca6bU;
    h = (h ^ h >> 13) * 0xc2b2ae35U;
    return h ^ h >> 16;
}

/// Where round robin begins for a map partition: a number drawn from the partition's, so that small
/// partitions don't all fill the same targets. It is Spark's draw (XORShiftRandom), so that both
/// deal alike.
static int32_t deal_from(int32_t map, int32_t n_out)
{
    uint32_t low = murmur((uint64_t)map, 0x3c074a61U), n = (uint32_t)n_out, drawn;
    uint64_t x = (uint64_t)murmur((uint64_t)map, low) << 32 | low;
    bool even = (n & (n - 1)) == 0;
    do {
        x ^= x << 21;
        x ^= x >> 35;
        x ^= x << 4;
        drawn = (uint32_t)x & INT32_MAX;
    } while (!even && drawn - drawn % n + (n - 1) > INT32_MAX); // the last, partial round of n
    uint32_t start = even ? (uint32_t)((uint64_t)n * drawn >> 31) : drawn % n;
    return (int32_t)((start + 1) % n);
}

/// where[i] = reduce partition of row i.
static sl_code place(writer *w, const sl_batch *batch, const uint64_t *hashes, sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    int64_t n = sl_batch_rows(batch);
    switch (s->cut) {
    case SLI_CUT_NONE:
        break; // of no shuffle
    case SLI_CUT_CODE:
        sli_batch_codes(batch, s->keys, s->n_keys, w->cut.where);
        for (int64_t i = 0; i < n; i++) {
            w->cut.where[i] = sli_partition_of_code(w->cut.where[i], s->n_out);
        }
        break;
    case SLI_CUT_HASH:
        for (int64_t i = 0; i < n; i++) {
            w->cut.where[i] = sli_partition_of(sli_slot_of(hashes[i]), s->n_out);
        }
        break;
    case SLI_CUT_ROUND_ROBIN:
        for (int64_t i = 0; i < n; i++) {
            w->cut.where[i] = (int32_t)((w->deal + w->row + i) % s->n_out);
        }
        w->row += n;
        break;
    case SLI_CUT_RANGE:
        return sli_ranges_place(&w->ranges, s, batch, w->cut.where, err);
    case SLI_CUT_ONE:
        memset(w->cut.where, 0, (size_t)n * sizeof *w->cut.where);
        break;
    }
    return SL_OK;
}

/// `hashes` of the rows' keys, or NULL to be computed when needed.
static sl_code send(writer *w, const sl_batch *batch, const uint64_t *hashes, sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    w->task->rows_out += sl_batch_rows(batch);
    if (s->n_out == 1) {
        return sli_cutter_add_to(&w->cut, 0, batch, err);
    }
    if (s->cut == SLI_CUT_HASH && hashes == NULL) {
        SL_TRY(hash_rows(w, batch, err));
        hashes = w->hashes;
    }
    SL_TRY(sli_cutter_room(&w->cut, sl_batch_rows(batch), err));
    SL_TRY(place(w, batch, hashes, err));
    return sli_cutter_add(&w->cut, batch, err);
}

// ---------------------------------------------------------------- combining

static sl_code start_table(writer *w, sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    w->weight.budget = w->task->runtime->budget;
    SL_TRY(sli_groups_new(&w->groups, s->parent->schema, s->keys, s->n_keys, err));
    if (s->combine == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_task_args(w->task, NULL, (uint64_t)s->n_keys, 0, &w->args, err));
    SL_TRY(sl_builder_new(&w->partial, s->schema, err));
    return sli_aggs_new(&w->aggs, s->combine, &w->args, err);
}

/// Hashes of the keys that choose the partition, of groups whose partial states are in `batch`.
static sl_code hash_groups(writer *w, const sl_batch *batch, int64_t from, const uint64_t **out,
                           sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    int32_t columns[MOST_KEYS], n = s->n_keys - s->first_placing;
    *out = sli_groups_hashes(w->groups) + from;
    if (s->first_placing == 0 || s->n_out == 1) {
        return SL_OK;
    }
    SL_ASSERT(n <= MOST_KEYS, "keys that are parsed are fewer");
    for (int32_t i = 0; i < n; i++) {
        columns[i] = s->first_placing + i;
    }
    SL_TRY(hash_room(w, sl_batch_rows(batch), err));
    sli_batch_hash(batch, columns, n, w->hashes);
    *out = w->hashes;
    return SL_OK;
}

/// Partial states of all groups go over; the table starts again.
static sl_code empty_table(writer *w, sl_error *err)
{
    int64_t n = sli_groups_count(w->groups);
    int64_t step = (int64_t)w->shuffle->n_out * 1024; // so that a target's share of it is no crumb
    step = step < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : step > 65536 ? 65536 : step;
    for (int64_t from = 0; from < n; from += step) {
        SL_TRY(sli_task_check(w->task, err));
        int64_t rows = n - from < step ? n - from : step;
        sl_batch *batch = NULL;
        SL_TRY(sli_groups_keys(w->groups, from, rows, w->partial, 0, err));
        SL_TRY(sli_aggs_partial(w->aggs, from, rows, w->partial, err));
        SL_TRY(sli_builder_flush(w->partial, &batch, err));
        const uint64_t *hashes = NULL;
        sl_code rc = hash_groups(w, batch, from, &hashes, err);
        rc = rc != SL_OK ? rc : send(w, batch, hashes, err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
    sli_groups_clear(w->groups);
    sli_aggs_clear(w->aggs);
    return SL_OK;
}

static sl_code push_combine(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    if (w->groups == NULL) {
        SL_TRY(start_table(w, err));
    }
    if (w->shuffle->n_keys > 0) { // else no array need say that there is one group
        SL_TRY(sli_numbers_room(&w->group, sl_batch_rows(batch), err));
    }
    SL_TRY(sli_groups_add(w->groups, batch, NULL, w->group.at, err));
    SL_TRY(sli_aggs_grow(w->aggs, sli_groups_count(w->groups), err));
    sl_code rc = sli_aggs_update(w->aggs, w->group.at, batch, err);
    if (rc != SL_OK) {
        w->task->operator_uid = w->shuffle->uid;
        return rc;
    }
    int64_t bytes = sli_groups_bytes(w->groups) + sli_aggs_bytes(w->aggs);
    sli_weight_set(&w->weight, bytes);
    if (sli_groups_count(w->groups) >= MAX_GROUPS || bytes >= MAX_TABLE_BYTES) {
        return empty_table(w, err);
    }
    return SL_OK;
}

/// Distinct: only the first row of a key goes over. A table that is full starts again: rows it
/// forgot may go twice, and the reduce side drops them.
static sl_code push_unique(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    if (w->groups == NULL) {
        SL_TRY(start_table(w, err));
    }
    int64_t n = sl_batch_rows(batch), fresh = 0;
    int32_t known = (int32_t)sli_groups_count(w->groups);
    SL_TRY(sli_numbers_room(&w->group, n, err));
    SL_TRY(sli_groups_add(w->groups, batch, NULL, w->group.at, err));
    for (int64_t i = 0; i < n; i++) {
        if (w->group.at[i] == known) {         // numbers are given in the order of first sight
            w->group.at[fresh++] = (int32_t)i; // never ahead of what is read
            known++;
        }
    }
    int64_t bytes = sli_groups_bytes(w->groups);
    sli_weight_set(&w->weight, bytes);
    if (known >= MAX_GROUPS || bytes >= MAX_TABLE_BYTES) {
        sli_groups_clear(w->groups);
    }
    if (fresh == 0) {
        return SL_OK;
    }
    sl_batch *rows = NULL;
    SL_TRY(sli_batch_take(batch, w->group.at, fresh, &rows, err));
    sl_code rc = send(w, rows, NULL, err);
    sl_batch_unref(rows);
    return rc;
}

static sl_code push_plain(void *ctx, sl_batch *batch, sl_error *err)
{
    return send(ctx, batch, NULL, err);
}

// ---------------------------------------------------------------- one map task

static sl_code push_first(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    if (w->cut.targets == NULL) {
        SL_TRY(sli_cutter_start(&w->cut, err));
    }
    return w->shuffle->combine != NULL ? push_combine(w, batch, err)
           : w->shuffle->unique        ? push_unique(w, batch, err)
                                       : push_plain(w, batch, err);
}

static void reset(writer *w)
{
    sli_cutter_reset(&w->cut);
    sli_numbers_reset(&w->group);
    sl_free(w->hashes);
    sli_ranges_reset(&w->ranges);
    if (w->groups != NULL) {
        sli_groups_free(w->groups);
    }
    if (w->aggs != NULL) {
        sli_aggs_free(w->aggs);
    }
    sl_builder_free(w->partial);
    sli_weight_set(&w->weight, 0);
}

sl_code sli_shuffle_write(sli_shuffle *shuffle, int32_t map_partition, sli_task *task,
                          sl_error *err)
{
    task->output.copy = task->copy;
    writer w = {
        .shuffle = shuffle,
        .deal = shuffle->cut == SLI_CUT_ROUND_ROBIN ? deal_from(map_partition, shuffle->n_out) : 0,
        .task = task,
        .cut = {.task = task,
                .schema = shuffle->schema,
                .id = {SLI_BLOCK_SHUFFLE, shuffle->id, map_partition, 0},
                .n_out = shuffle->n_out,
                .output = &task->output}};
    sl_code rc = sli_rdd_each(shuffle->parent, map_partition, task, push_first, &w, err);
    if (rc == SL_OK && w.aggs != NULL) {
        rc = empty_table(&w, err);
    }
    if (rc == SL_OK) {
        rc = sli_cutter_end(&w.cut, err);
    }
    reset(&w);
    return rc;
}
