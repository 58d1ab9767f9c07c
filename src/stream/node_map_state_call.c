// mapWithState: the function is called for a batch of records, and its rows are pushed with their
// keys before them.
#include "stream/node_map_state_work.h"

sl_code sli_map_work_blame(const sli_map_work *w, sl_code rc, sl_error *err)
{
    return sl_error_wrap(err, rc, "mapWithState %s [%s], partition %d", w->body->fn->name,
                         w->run->node->uid, w->partition);
}

/// Puts the record and its key before the text.
static sl_code blame_record(const sli_map_work *w, const sl_map_state_call *call, int64_t record,
                            sl_code rc, sl_error *err)
{
    sli_str key = {.tag = SLI_TAG_STREAM};
    if (record >= 0 && record < call->n) {
        sli_state_put_key(&key, call->keys, w->body->touched.def.n_keys, record);
        const char *text = key.failed ? "?" : key.data;
        rc = call->timing_out ? sl_error_wrap(err, rc, "timing out of %s", text)
                              : sl_error_wrap(err, rc, "record %lld of the epoch, %s",
                                              (long long)(w->n_before + record + 1), text);
    }
    sli_str_reset(&key);
    return sli_map_work_blame(w, rc, err);
}

sl_map_state_call sli_map_work_call_of(sli_map_work *w, int64_t n, const sl_batch *keys)
{
    return (sl_map_state_call){
        .n = n,
        .keys = keys,
        .out = w->out,
        .row_of = w->row_of,
        .rows = w->rows,
        .row_bytes = w->body->row_bytes,
        .kinds = w->body->kinds,
        .nullable = w->body->nullable,
        .n_columns = w->body->n_columns,
        .log = &w->log,
    };
}

static sl_code run_function(sli_map_work *w, const sl_map_state_call *call, sl_error *err)
{
    const char *before = w->task->operator_uid;
    sl_error error = SL_ERROR_INIT;
    w->log.record = -1;
    w->task->operator_uid = w->run->node->uid;
    sl_code rc = w->body->fn->run(&w->args, call, &error);
    rc = sli_state_call_end(w->task, before, rc, &error);
    int64_t record = w->log.record;
    if (w->log.misuse != 0 || w->log.no_memory) {
        record = w->log.misused_by;
        rc = sli_map_state_misuse(&w->log, &error);
    }
    if (rc != SL_OK) {
        rc = blame_record(w, call, record, rc, &error);
        if (err != NULL) {
            *err = error;
        }
    }
    return rc;
}

static sl_code push_beside(sli_map_work *w, const sl_batch *keys, const sl_batch *made,
                           sl_error *err)
{
    int32_t n_keys = w->body->touched.def.n_keys;
    for (int32_t i = 0; i < sl_schema_columns(w->rdd->schema); i++) {
        w->from[i] = i < n_keys ? keys : made;
        w->column[i] = i < n_keys ? i : i - n_keys;
    }
    sl_batch *out = NULL;
    SL_TRY(sli_batch_project(w->rdd->schema, w->from, w->column, &out, err));
    sl_code rc = w->push(w->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

/// Which record each row is of; *named false: row i of record i.
static sl_code find_origins(sli_map_work *w, const sl_map_state_call *call, bool *named,
                            sl_error *err)
{
    int64_t n = sl_builder_rows(w->out, 0);
    *named = n != call->n || sli_builder_has_origins(w->out);
    if (!*named || n == 0) {
        return SL_OK;
    }
    SL_TRY(sli_map_work_room(&w->origins, &w->origin_capacity, n, sizeof *w->origins, err));
    sl_code rc = sli_builder_origins(w->out, call->n, w->origins, err);
    return rc == SL_OK ? SL_OK : sli_map_work_blame(w, rc, err);
}

static sl_code push_made(sli_map_work *w, const sl_map_state_call *call, sl_error *err)
{
    bool named = false;
    sl_batch *made = NULL, *keys = NULL;
    sl_code rc = sli_builder_check(w->out, err);
    if (rc != SL_OK) {
        return sli_map_work_blame(w, rc, err);
    }
    SL_TRY(find_origins(w, call, &named, err));
    rc = sli_builder_flush(w->out, &made, err);
    if (rc != SL_OK) {
        return sli_map_work_blame(w, rc, err);
    }
    if (made != NULL && named) {
        rc = sli_batch_take(call->keys, w->origins, sl_batch_rows(made), &keys, err);
    }
    if (made != NULL && rc == SL_OK) {
        rc = push_beside(w, named ? keys : call->keys, made, err);
    }
    sl_batch_unref(keys);
    sl_batch_unref(made);
    return rc;
}

sl_code sli_map_work_call(sli_map_work *w, const sl_map_state_call *call, sl_error *err)
{
    SL_TRY(run_function(w, call, err));
    return push_made(w, call, err);
}
