// mapWithState: the states of a batch's keys.
//
// A key is looked up once, when it is first met; from then on its state is plain values in a row,
// which the records of the epoch work on one after the other. Where the input is known to have each
// key once (behind a reduceByKey) keys are not grouped, and rows serve for one batch.
#include "stream/node_map_state_work.h"

sl_code sli_map_work_room(void *items, int64_t *capacity, int64_t n, size_t size, sl_error *err)
{
    void **list = items;
    if (n <= *capacity) {
        return SL_OK;
    }
    int64_t grown = n + n / 2;
    void *more = sl_realloc(SLI_TAG_STREAM, *list, (size_t)grown * size);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)grown * size, "the states of an epoch");
    }
    *list = more;
    *capacity = grown;
    return SL_OK;
}

/// Snapshots look at the view from other tasks, which must not bring its changes in order.
static bool works_together(const sli_map_work *w)
{
    return sli_map_work_store(w)->change_all != NULL && !w->body->touched.has_snapshots;
}

/// The keys of groups [from, to) as bytes, in w->value.
static sl_code put_keys(sli_map_work *w, int64_t from, int64_t to, sli_state_key *keys,
                        sl_error *err)
{
    sli_str_clear(&w->value);
    for (int64_t g = from; g < to; g++) {
        size_t before = w->value.size;
        sli_groups_row(w->groups, g, &w->value);
        keys[g - from] = (sli_state_key){.hash = sli_groups_hashes(w->groups)[g],
                                         .key.size = w->value.size - before};
    }
    SL_TRY(sli_str_check(&w->value, "keys of a batch", err));
    const char *at = w->value.data; // no longer moves
    for (int64_t i = 0; i < to - from; at += keys[i++].key.size) {
        keys[i].key.data = at;
    }
    return SL_OK;
}

/// A store in memory finds them together, and tells what changes are made by.
static sl_code find_together(sli_map_work *w, int64_t from, const sli_state_key *keys, int32_t n,
                             sl_error *err)
{
    sli_state_found found[SLI_MAP_TOGETHER];
    SL_TRY(sli_map_work_store(w)->find_all(w->view, keys, n, found, err));
    for (int32_t i = 0; i < n; i++) {
        w->marks[from + i] = (sli_map_mark){found[i].key_hash, found[i].mark};
        if (found[i].mark != 0) {
            SL_TRY(sli_map_state_get(w->body, found[i].value, sli_map_work_row(w, from + i),
                                     w->task->arena, err));
        }
    }
    return SL_OK;
}

/// A store on disk reads them together, and has them at hand.
static sl_code find_one_by_one(sli_map_work *w, int64_t from, const sli_state_key *keys, int32_t n,
                               sl_error *err)
{
    if (sli_map_work_store(w)->fetch != NULL) {
        SL_TRY(sli_map_work_store(w)->fetch(w->view, keys, n, err));
    }
    for (int32_t i = 0; i < n; i++) {
        sl_bytes value = {NULL, 0};
        bool found = false;
        SL_TRY(
            sli_map_work_store(w)->find(w->view, keys[i].hash, keys[i].key, &value, &found, err));
        if (found) {
            SL_TRY(sli_map_state_get(w->body, value, sli_map_work_row(w, from + i), w->task->arena,
                                     err));
        }
    }
    return SL_OK;
}

/// The states of the groups that the batch has brought.
static sl_code find_new(sli_map_work *w, int64_t from, int64_t to, sl_error *err)
{
    sli_state_key keys[SLI_MAP_TOGETHER];
    for (int64_t g = from; g < to; g += SLI_MAP_TOGETHER) {
        int32_t n = to - g < SLI_MAP_TOGETHER ? (int32_t)(to - g) : SLI_MAP_TOGETHER;
        SL_TRY(put_keys(w, g, g + n, keys, err));
        SL_TRY(w->marks != NULL ? find_together(w, g, keys, n, err)
                                : find_one_by_one(w, g, keys, n, err));
    }
    return SL_OK;
}

static sl_code make_rows(sli_map_work *w, int64_t from, int64_t to, sl_error *err)
{
    SL_TRY(sli_map_work_room(&w->rows, &w->row_capacity, to, w->body->row_bytes, err));
    if (works_together(w)) {
        SL_TRY(sli_map_work_room(&w->marks, &w->mark_capacity, to, sizeof *w->marks, err));
    }
    memset(w->rows + (size_t)from * w->body->row_bytes, 0,
           (size_t)(to - from) * w->body->row_bytes);
    return SL_OK;
}

/// The keys of a batch's records as bytes.
static sl_code put_record_keys(sli_map_work *w, const sl_batch *batch, int32_t n, sl_error *err)
{
    const sli_state_def *def = &w->body->touched.def;
    sli_str_clear(&w->key_bytes);
    sli_batch_hash(batch, def->keys, def->n_keys, w->hashes);
    sli_rows_put(&w->key_bytes, batch, def->keys, def->n_keys, 0, n, w->key_rows);
    for (int32_t i = 0; i < n; i++) {
        w->keys[i] = (sli_state_key){w->hashes[i], w->key_rows[i]};
        w->row_of[i] = i;
    }
    return sli_str_check(&w->key_bytes, "keys of a batch", err);
}

/// States of records whose keys come once: rows serve for the batch alone.
static sl_code find_once(sli_map_work *w, const sl_batch *batch, sl_error *err)
{
    int32_t n = (int32_t)sl_batch_rows(batch);
    SL_TRY(sli_map_work_room(&w->row_of, &w->record_capacity, n, sizeof *w->row_of, err));
    SL_TRY(sli_map_work_room(&w->keys, &w->key_capacity, n, sizeof *w->keys, err));
    SL_TRY(sli_map_work_room(&w->hashes, &w->hash_capacity, n, sizeof *w->hashes, err));
    SL_TRY(sli_map_work_room(&w->key_rows, &w->key_row_capacity, n, sizeof *w->key_rows, err));
    SL_TRY(make_rows(w, 0, n, err));
    SL_TRY(put_record_keys(w, batch, n, err));
    for (int32_t i = 0; i < n; i += SLI_MAP_TOGETHER) {
        int32_t some = n - i < SLI_MAP_TOGETHER ? n - i : SLI_MAP_TOGETHER;
        SL_TRY(w->marks != NULL ? find_together(w, i, w->keys + i, some, err)
                                : find_one_by_one(w, i, w->keys + i, some, err));
    }
    return SL_OK;
}

/// Keys and states are counted, so that blocks make room.
static void weigh(sli_map_work *w)
{
    int64_t bytes = sli_groups_bytes(w->groups) + w->row_capacity * (int64_t)w->body->row_bytes;
    if (bytes > w->weight) {
        (void)sli_budget_reserve(w->task->runtime->budget, bytes - w->weight, true);
        w->weight = bytes;
    }
}

static sl_code find_by_group(sli_map_work *w, const sl_batch *batch, sl_error *err)
{
    int64_t known = sli_groups_count(w->groups);
    SL_TRY(sli_map_work_room(&w->row_of, &w->record_capacity, sl_batch_rows(batch),
                             sizeof *w->row_of, err));
    SL_TRY(sli_groups_add(w->groups, batch, NULL, w->row_of, err));
    int64_t n = sli_groups_count(w->groups);
    SL_TRY(make_rows(w, known, n, err));
    SL_TRY(find_new(w, known, n, err));
    weigh(w);
    return SL_OK;
}

sl_code sli_map_work_find(sli_map_work *w, const sl_batch *batch, sl_error *err)
{
    return w->is_once ? find_once(w, batch, err) : find_by_group(w, batch, err);
}
