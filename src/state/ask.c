// Asking a base that is not in memory for many keys of a view at once, in the order in which it has
// them.
#include "state/state_int.h"

#include <stdlib.h>

static int by_place(const void *a, const void *b)
{
    const sli_question *x = a, *y = b;
    if (x->slot != y->slot) {
        return x->slot < y->slot ? -1 : 1;
    }
    size_t least = x->key.size < y->key.size ? x->key.size : y->key.size;
    int order = least == 0 ? 0 : memcmp(x->key.data, y->key.data, least);
    return order != 0 ? order : (x->key.size > y->key.size) - (x->key.size < y->key.size);
}

/// The base has the key.
static sl_code take_row(sli_view *view, int32_t entry, uint64_t mark, sl_bytes value, sl_error *err)
{
    sli_entry *e = &view->changes.entries[entry];
    if (e->change == SLI_PUT && sli_bytes_equal(sli_entry_value(e), value)) {
        sli_map_remove(&view->changes, entry); // unchanged state costs no delta
        return SL_OK;
    }
    SL_TRY(sli_view_set_mark(view, entry, mark, err));
    if (e->change == SLI_ABSENT) {
        SL_TRY(sli_map_set_value(&view->changes, entry, value, err));
    }
    e->change = e->change == SLI_PUT     ? SLI_SET
                : e->change == SLI_GONE  ? SLI_REMOVED
                : e->change == SLI_AGAIN ? SLI_MOVED
                                         : SLI_KEPT;
    return SL_OK;
}

static void take_none(sli_view *view, int32_t entry)
{
    sli_entry *e = &view->changes.entries[entry];
    if (e->change == SLI_GONE) {
        sli_map_remove(&view->changes, entry);
    } else if (e->change != SLI_ABSENT) {
        e->change = SLI_ADDED;
    }
}

static sl_code answer(void *ctx, const sli_question *question, bool there, uint64_t mark,
                      sl_bytes value, sl_error *err)
{
    if (there) {
        return take_row(ctx, question->entry, mark, value, err);
    }
    take_none(ctx, question->entry);
    return SL_OK;
}

sl_code sli_view_ask(sli_view *view, sl_error *err)
{
    sli_core *core = (sli_core *)view->head.store;
    int32_t n = view->asked.n;
    if (n == 0) {
        return SL_OK;
    }
    sli_question *questions = sl_alloc(SLI_TAG_STATE, (size_t)n * sizeof *questions);
    if (questions == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *questions, "keys of a view");
    }
    for (int32_t i = 0; i < n; i++) {
        const sli_entry *e = &view->changes.entries[view->asked.at[i]];
        questions[i] = (sli_question){e->slot, view->asked.at[i], sli_entry_key(e)};
    }
    qsort(questions, (size_t)n, sizeof *questions, by_place);
    sl_code rc = core->base->find_many(core, view->table, questions, n, answer, view, err);
    view->asked.n = 0;
    sl_free(questions);
    return rc;
}
