// Lists of sessions as the table has them, and rows made of them.
#include "stream/event/session.h"

void sli_sessions_reset(sli_sessions *s)
{
    sl_batch_unref(s->partial);
    sl_free(s->starts);
    sl_free(s->latests);
    sl_free(s->key);
    sl_free(s->grew);
    *s = (sli_sessions){0};
}

sl_code sli_sessions_reserve(sli_sessions *s, int32_t n, sl_error *err)
{
    size_t size = (size_t)n + 1;
    s->starts = sl_alloc_array(SLI_TAG_STREAM, size, sizeof *s->starts);
    s->latests = sl_alloc_array(SLI_TAG_STREAM, size, sizeof *s->latests);
    s->key = sl_alloc_array(SLI_TAG_STREAM, size, sizeof *s->key);
    s->grew = sl_alloc_array(SLI_TAG_STREAM, size, sizeof *s->grew);
    return s->starts == NULL || s->latests == NULL || s->key == NULL || s->grew == NULL
               ? sl_error_nomem(err, size * 24, "sessions")
               : SL_OK;
}

sl_code sli_session_begin(sli_session_work *w, sl_error *err)
{
    const sli_timed *self = w->task->self;
    w->def = sli_session_of(self);
    w->key.tag = w->value.tag = SLI_TAG_STREAM;
    SL_TRY(sl_builder_new(&w->keys, self->key_schema, err));
    SL_TRY(sl_builder_new(&w->lists, self->value_schema, err));
    return sl_builder_new(&w->partial, sli_agg_plan_partial(self->plan), err);
}

void sli_session_end(sli_session_work *w)
{
    sl_builder_free(w->keys);
    sl_builder_free(w->lists);
    sl_builder_free(w->partial);
    sli_str_reset(&w->key);
    sli_str_reset(&w->value);
}

int64_t sli_session_due(const sli_timed *self, const sli_session_list *l)
{
    int64_t due_us = INT64_MAX;
    for (int32_t i = l->from; i < l->to; i++) {
        int64_t at = sli_session_closes(self, sli_session_latest(l, i));
        due_us = at < due_us ? at : due_us;
    }
    return due_us;
}

void sli_session_put_key(sli_session_work *w, const sl_batch *keys, int64_t row)
{
    for (int32_t k = 0; k < w->task->self->n_keys; k++) {
        sl_builder_cell(w->partial, k, sl_batch_column(keys, k), row);
    }
}

void sli_session_put_states(sli_session_work *w, const sli_session_list *l, int32_t i)
{
    for (int32_t s = 0; s < w->def->n_states; s++) {
        sl_builder_cell(w->partial, w->task->self->n_keys + s, &l->fields[SLI_SESSION_STATES + s],
                        i);
    }
}

void sli_session_keep(sli_session_work *w, const sli_session_list *l, int32_t i)
{
    sl_builder_struct_begin(w->lists, 0);
    for (int32_t f = 0; f < SLI_SESSION_STATES + w->def->n_states; f++) {
        sl_builder_cell(w->lists, 0, &l->fields[f], i);
    }
    sl_builder_struct_end(w->lists, 0);
}

sl_code sli_session_key(sli_session_work *w, const sl_batch *keys, int64_t row, sl_bytes *out,
                        sl_error *err)
{
    sli_str_clear(&w->key);
    sli_row_put(&w->key, keys, w->task->self->places, w->task->self->n_keys, row);
    *out = (sl_bytes){w->key.data, w->key.size};
    return sli_str_check(&w->key, "a session's key", err);
}

sl_code sli_session_put_list(sli_session_work *w, uint64_t hash, sl_bytes key,
                             const sl_batch *lists, int64_t row, int64_t was_due_us, sl_error *err)
{
    const int32_t column = 0;
    sli_session_list l = sli_session_list_of(lists, row);
    int64_t due_us = sli_session_due(w->task->self, &l);
    sli_str_clear(&w->value);
    sli_row_put(&w->value, lists, &column, 1, row);
    SL_TRY(sli_str_check(&w->value, "sessions", err));
    SL_TRY(sli_timed_put(w->task, hash, key, (sl_bytes){w->value.data, w->value.size}, err));
    return due_us == was_due_us ? SL_OK : sli_timed_note(w->task, due_us, hash, key, err);
}

sl_code sli_session_give(sli_timed_task *t, const sl_batch *partial, const int64_t *starts,
                         const int64_t *latests, sl_error *err)
{
    int64_t n = sl_batch_rows(partial);
    int64_t *ends = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *ends);
    if (ends == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *ends, "ends of sessions");
    }
    for (int64_t i = 0; i < n; i++) {
        ends[i] = latests[i] + sli_session_of(t->self)->gap_us;
    }
    sl_code rc = sli_timed_give(t, partial, NULL, 0, starts, ends, err);
    sl_free(ends);
    return rc;
}
