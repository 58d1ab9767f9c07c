// mapWithState: keys that were idle for too long.
//
// They are the first of their slots, since every touch moves a key to its slot's end; they are
// given to the function once more and removed. Nothing here goes through the keys that are not
// idle.
#include "stream/node_map_state_work.h"

enum { END_KEYS = 1024 }; ///< idle keys in one call at most

/// The next keys and states gathered, at most END_KEYS, as the call's keys and rows.
static sl_code read_idle(sli_map_work *w, sli_reader *r, int32_t n, sl_batch **keys, sl_error *err)
{
    memset(w->rows, 0, (size_t)n * w->body->row_bytes);
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(sli_row_get(sli_get_bytes(r), w->idle_keys, 0, w->body->touched.def.n_keys, err));
        SL_TRY(sli_map_state_get(w->body, sli_get_bytes(r), sli_map_work_row(w, i), w->task->arena,
                                 err));
        w->row_of[i] = i;
    }
    return sl_builder_finish(w->idle_keys, keys, err);
}

static sl_code remove_idle(sli_map_work *w, sli_reader r, const sl_batch *keys, sl_error *err)
{
    uint64_t hashes[END_KEYS];
    const sli_state_def *def = &w->body->touched.def;
    sli_batch_hash(keys, def->places, def->n_keys, hashes);
    for (int64_t i = 0; i < sl_batch_rows(keys); i++) {
        SL_TRY(sli_map_work_store(w)->remove(w->view, hashes[i], sli_get_bytes(&r), err));
        (void)sli_get_bytes(&r);
    }
    return SL_OK;
}

/// Gives some of the keys gathered to the function once more, and removes them.
static sl_code end_keys(sli_map_work *w, sli_reader *r, int32_t n, sl_error *err)
{
    sl_batch *keys = NULL;
    sli_reader from = *r;
    SL_TRY(sli_task_check(w->task, err));
    SL_TRY(read_idle(w, r, n, &keys, err));
    sl_map_state_call call = sli_map_work_call_of(w, n, keys);
    call.timing_out = true;
    sl_code rc = sli_map_work_call(w, &call, err);
    rc = rc == SL_OK ? remove_idle(w, from, keys, err) : rc;
    sl_batch_unref(keys);
    return rc;
}

static sl_code end_idle(sli_map_work *w, sl_error *err)
{
    SL_TRY(sli_str_check(&w->idle, "idle keys", err));
    sli_reader r = sli_reader_of((sl_bytes){w->idle.data, w->idle.size});
    while (w->n_idle > 0) {
        int32_t n = w->n_idle < END_KEYS ? (int32_t)w->n_idle : END_KEYS;
        SL_TRY(end_keys(w, &r, n, err));
        w->n_idle -= n;
    }
    sli_str_clear(&w->idle);
    return SL_OK;
}

static sl_code take_idle(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    sli_map_work *w = ctx;
    int64_t touched_us = 0;
    sl_bytes state = {NULL, 0};
    SL_TRY(sli_ttl_split(&w->body->touched.def, value, &touched_us, &state, err));
    if (touched_us >= w->run->before) {
        w->oldest[slot] = touched_us;
        return SL_E_END;
    }
    sli_put_bytes(&w->idle, key.data, key.size);
    sli_put_bytes(&w->idle, value.data, value.size);
    w->n_idle++;
    return SL_OK;
}

/// All idle keys of one slot, and what is known of it afterwards.
static sl_code end_slot(sli_map_work *w, int32_t slot, sl_error *err)
{
    if (w->body->touched.oldest[slot] < w->run->before) {
        w->oldest[slot] = w->run->time_us; // nothing that comes later is touched earlier
        SL_TRY(sli_map_work_store(w)->oldest(w->view, slot, take_idle, w, err));
    }
    return w->n_idle < END_KEYS ? SL_OK : end_idle(w, err);
}

sl_code sli_map_work_end_idle(sli_map_work *w, sl_error *err)
{
    SL_TRY(sli_touched_known(w->run, w->task, &w->oldest, err));
    if (w->oldest == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_map_work_room(&w->rows, &w->row_capacity, END_KEYS, w->body->row_bytes, err));
    SL_TRY(sli_map_work_room(&w->row_of, &w->record_capacity, END_KEYS, sizeof *w->row_of, err));
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        if (sli_map_work_owns(w, slot)) {
            SL_TRY(end_slot(w, slot, err));
        }
    }
    return end_idle(w, err);
}
