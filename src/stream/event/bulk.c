// Many keys of a timed operator's table at once: what a store in memory does together, and a store
// on disk one by one, from what it has read together.
#include "stream/event/bulk.h"

static sl_code find_one_by_one(const sli_timed_task *t, const sli_state_key *keys, int32_t n,
                               sli_state_found *out, sli_str *copies, sl_error *err)
{
    const sli_store_ops *ops = t->view->store->ops;
    sli_str_clear(copies);
    SL_TRY(ops->fetch == NULL ? SL_OK : ops->fetch(t->view, keys, n, err));
    for (int32_t i = 0; i < n; i++) {
        sl_bytes value = {0};
        bool found = false;
        SL_TRY(ops->find(t->view, keys[i].hash, keys[i].key, &value, &found, err));
        sli_str_add(copies, value.data, value.size);
        out[i] = (sli_state_found){.mark = found, .value.size = value.size};
    }
    SL_TRY(sli_str_check(copies, "values of the state", err));
    const char *at = copies->data; // no longer moves
    for (int32_t i = 0; i < n; at += out[i++].value.size) {
        out[i].value.data = at;
    }
    return SL_OK;
}

sl_code sli_timed_find_all(const sli_timed_task *t, const sli_state_key *keys, int32_t n,
                           sli_state_found *out, sli_str *copies, sl_error *err)
{
    const sli_store_ops *ops = t->view->store->ops;
    return ops->find_all != NULL ? ops->find_all(t->view, keys, n, out, err)
                                 : find_one_by_one(t, keys, n, out, copies, err);
}

sl_code sli_timed_change_all(const sli_timed_task *t, const sli_state_change *changes, int32_t n,
                             sl_error *err)
{
    const sli_store_ops *ops = t->view->store->ops;
    if (ops->change_all != NULL) {
        return ops->change_all(t->view, changes, n, err);
    }
    for (int32_t i = 0; i < n; i++) {
        const sli_state_change *c = &changes[i];
        SL_TRY(c->act == SLI_STATE_REMOVE ? ops->remove(t->view, c->hash, c->key, err)
                                          : ops->put(t->view, c->hash, c->key, c->value, err));
    }
    return SL_OK;
}
