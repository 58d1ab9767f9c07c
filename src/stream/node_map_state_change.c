// mapWithState: what the epoch has changed, one change a key, goes into the task's view.
#include "stream/node_map_state_work.h"

/// Tells of which key the state can't be put.
static sl_code blame_key(sli_map_work *w, sl_bytes key, sl_code rc, sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *keys = NULL;
    if (sl_builder_new(&builder, w->body->touched.def.key_schema, NULL) == SL_OK &&
        sli_row_get(key, builder, 0, w->body->touched.def.n_keys, NULL) == SL_OK &&
        sl_builder_finish(builder, &keys, NULL) == SL_OK) {
        sli_str text = {.tag = SLI_TAG_STREAM};
        sli_state_put_key(&text, keys, w->body->touched.def.n_keys, 0);
        rc = sl_error_wrap(err, rc, "%s", text.failed ? "?" : text.data);
        sli_str_reset(&text);
    }
    sl_batch_unref(keys);
    sl_builder_free(builder);
    return sli_map_work_blame(w, rc, err);
}

/// Whether the key goes to its slot's end: it is there, and was touched or taken away in between.
static bool is_moved(const sli_map_work *w, const sl_state_row *row)
{
    return (row->flags & SL_STATE_KNOWN) != 0 &&
           (w->body->touched.def.ttl_us > 0 || (row->flags & SL_STATE_REMOVED) != 0);
}

/// Whether the epoch has changed what the table has.
static bool is_changed(const sli_map_work *w, const sl_state_row *row)
{
    uint32_t flags = row->flags;
    return (flags & SL_STATE_EXISTS) != 0
               ? w->body->touched.def.ttl_us > 0 || (flags & SL_STATE_UPDATED) != 0
               : (flags & SL_STATE_KNOWN) != 0;
}

/// Whether the store knows the key by its mark.
static bool is_marked(const sli_map_work *w, int64_t group)
{
    return w->marks != NULL && w->marks[group].mark != 0;
}

/// The key of a group: bytes in w->value, to which they are appended, or the record's.
static sl_bytes put_key(sli_map_work *w, int64_t group)
{
    if (w->is_once) {
        return w->keys[group].key;
    }
    size_t at = w->value.size;
    sli_groups_row(w->groups, group, &w->value);
    return (sl_bytes){NULL, w->value.size - at}; // where is known when all are there
}

static sl_code blame_state(sli_map_work *w, int64_t group, sl_code rc, sl_error *error,
                           sl_error *err)
{
    size_t at = w->value.size;
    sl_bytes key = put_key(w, group);
    key.data = w->is_once || w->value.failed ? key.data : w->value.data + at;
    rc = blame_key(w, key, rc, error);
    if (err != NULL) {
        *err = *error;
    }
    return rc;
}

/// Appends the state to w->value.
static sl_code put_state(sli_map_work *w, int64_t group, const sl_state_row *row,
                         sli_state_change *change, sl_error *err)
{
    sl_error error;
    size_t at = w->value.size;
    sli_error_clear(&error);
    sl_code rc = sli_map_state_put(w->body, row, w->run->time_us, &w->value, &error);
    change->value.size = w->value.size - at;
    return rc == SL_OK ? SL_OK : blame_state(w, group, rc, &error, err);
}

/// Appends what a change needs to w->value.
static sl_code put_change(sli_map_work *w, int64_t group, const sl_state_row *row,
                          sli_state_change *change, sl_error *err)
{
    bool stays = (row->flags & SL_STATE_EXISTS) != 0;
    change->act = !stays ? SLI_STATE_REMOVE : is_moved(w, row) ? SLI_STATE_MOVE : SLI_STATE_PUT;
    change->hash = w->is_once ? w->keys[group].hash : sli_groups_hashes(w->groups)[group];
    change->key = is_marked(w, group) ? (sl_bytes){NULL, 0} : put_key(w, group);
    change->value = (sl_bytes){NULL, 0};
    if (w->marks != NULL) {
        change->key_hash = w->marks[group].key_hash;
        change->mark = w->marks[group].mark;
    }
    return stays ? put_state(w, group, row, change, err) : SL_OK;
}

static sl_code change_one(sli_map_work *w, const sli_state_change *c, sl_error *err)
{
    const sli_store_ops *ops = sli_map_work_store(w);
    if (c->act != SLI_STATE_PUT) {
        SL_TRY(ops->remove(w->view, c->hash, c->key, err));
    }
    return c->act == SLI_STATE_REMOVE ? SL_OK : ops->put(w->view, c->hash, c->key, c->value, err);
}

/// Hands changes on whose bytes lie one after the other in w->value.
static sl_code make_changes(sli_map_work *w, sli_state_change *changes, int32_t n, sl_error *err)
{
    SL_TRY(sli_str_check(&w->value, "states of an epoch", err));
    const char *at = w->value.data; // no longer moves
    for (int32_t i = 0; i < n; i++) {
        if (changes[i].key.data == NULL) {
            changes[i].key.data = at;
            at += changes[i].key.size;
        }
        changes[i].value.data = at;
        at += changes[i].value.size;
    }
    if (w->marks != NULL) {
        return sli_map_work_store(w)->change_all(w->view, changes, n, err);
    }
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(change_one(w, &changes[i], err));
    }
    return SL_OK;
}

sl_code sli_map_work_put(sli_map_work *w, int64_t n, sl_error *err)
{
    sli_state_change changes[SLI_MAP_TOGETHER];
    for (int64_t g = 0; g < n;) {
        int32_t some = 0;
        sli_str_clear(&w->value);
        for (; g < n && some < SLI_MAP_TOGETHER; g++) {
            const sl_state_row *row = sli_map_work_row(w, g);
            if (!is_changed(w, row)) {
                continue;
            }
            SL_TRY(put_change(w, g, row, &changes[some++], err));
        }
        SL_TRY(make_changes(w, changes, some, err));
    }
    return SL_OK;
}
