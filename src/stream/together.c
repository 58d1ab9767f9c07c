// Many keys of a table at once.
#include "stream/together.h"

static sl_code find_one_by_one(sli_state_view *view, const sli_state_key *keys, int32_t n,
                               sli_state_found *out, sli_str *copies, sl_error *err)
{
    const sli_store_ops *ops = view->store->ops;
    sli_str_clear(copies);
    SL_TRY(ops->fetch == NULL ? SL_OK : ops->fetch(view, keys, n, err));
    for (int32_t i = 0; i < n; i++) {
        sl_bytes value = {0};
        bool found = false;
        SL_TRY(ops->find(view, keys[i].hash, keys[i].key, &value, &found, err));
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

sl_code sli_together_find(sli_state_view *view, const sli_state_key *keys, int32_t n,
                          sli_state_found *out, sli_str *copies, sl_error *err)
{
    const sli_store_ops *ops = view->store->ops;
    return ops->find_all != NULL ? ops->find_all(view, keys, n, out, err)
                                 : find_one_by_one(view, keys, n, out, copies, err);
}

static sl_code change_one(sli_state_view *view, const sli_state_change *c, sl_error *err)
{
    const sli_store_ops *ops = view->store->ops;
    if (c->act != SLI_STATE_PUT) {
        SL_TRY(ops->remove(view, c->hash, c->key, err));
    }
    return c->act == SLI_STATE_REMOVE ? SL_OK : ops->put(view, c->hash, c->key, c->value, err);
}

sl_code sli_change_singly(sli_state_view *view, const sli_state_change *changes, int32_t n,
                          sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(change_one(view, &changes[i], err));
    }
    return SL_OK;
}

sl_code sli_together_change(sli_state_view *view, const sli_state_change *changes, int32_t n,
                            sl_error *err)
{
    const sli_store_ops *ops = view->store->ops;
    return ops->change_all != NULL ? ops->change_all(view, changes, n, err)
                                   : sli_change_singly(view, changes, n, err);
}
