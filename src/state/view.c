// A task's private view: the changes it has made, over a base that it does not touch.
//
// A base that is not in memory is asked late: what is put or removed is noted at once, and whether
// the key was there is asked for all of them together (ask.c), when the view is done or is passed
// over. A view that stands for its partition knows the answers.
#include "state/state_int.h"

void sli_found_reset(sli_found *found)
{
    sli_str_reset(&found->key);
    sli_str_reset(&found->bytes);
}

void sli_view_free(sli_view *view)
{
    if (view != NULL) {
        sli_map_reset(&view->changes);
        sl_free(view->marks);
        sl_free(view->asked.at);
        sl_free(view->fetched.at);
        sli_bulk_reset(&view->bulk);
        sli_found_reset(&view->found);
        sl_free(view);
    }
}

sl_code sli_core_begin(sli_store *self, sli_table *table, int64_t epoch, int32_t partition,
                       int32_t n_partitions, sli_state_view **out, sl_error *err)
{
    sli_view *view = sl_alloc_zero(SLI_TAG_STATE, sizeof *view);
    if (view == NULL) {
        return sl_error_nomem(err, sizeof *view, "a view of the state");
    }
    view->head.store = self;
    view->table = table;
    view->epoch = epoch;
    view->partition = partition;
    view->n_partitions = n_partitions;
    view->found.key.tag = view->found.bytes.tag = view->bulk.bytes.tag = SLI_TAG_STATE;
    sli_map_init_brief(&view->changes);
    *out = &view->head;
    return SL_OK;
}

void sli_core_drop(sli_state_view *self)
{
    sli_view_free((sli_view *)self);
}

// ---------------------------------------------------------------- what belongs to an entry

uint64_t sli_view_mark(const sli_view *view, int32_t entry)
{
    return entry < view->mark_capacity ? view->marks[entry] : 0;
}

/// Bases without names for rows cost nothing.
sl_code sli_view_set_mark(sli_view *view, int32_t entry, uint64_t mark, sl_error *err)
{
    if (entry < view->mark_capacity) {
        view->marks[entry] = mark;
    }
    if (entry < view->mark_capacity || mark == 0) {
        return SL_OK;
    }
    size_t had = (size_t)view->mark_capacity, has = (size_t)view->changes.capacity;
    uint64_t *more = sl_realloc(SLI_TAG_STATE, view->marks, has * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, has * sizeof *more, "a view of the state");
    }
    memset(more + had, 0, (has - had) * sizeof *more);
    more[entry] = mark;
    view->marks = more;
    view->mark_capacity = view->changes.capacity;
    return SL_OK;
}

/// Room for one more in a list of the view.
static sl_code reserve(sli_entries *entries, sl_error *err)
{
    if (entries->n < entries->capacity) {
        return SL_OK;
    }
    int32_t capacity = entries->capacity == 0 ? 256 : entries->capacity * 2;
    int32_t *more = sl_realloc(SLI_TAG_STATE, entries->at, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "a view of the state");
    }
    entries->at = more;
    entries->capacity = capacity;
    return SL_OK;
}

/// A change of a key that the view has not changed before.
static sl_code add_change(sli_view *view, int32_t slot, sl_bytes key, sl_bytes value,
                          sli_change change, uint64_t mark, int32_t *entry, sl_error *err)
{
    sli_map *changes = &view->changes;
    SL_TRY(sli_map_add(changes, sli_key_hash(key), slot, key, value, change, err));
    *entry = changes->tail[slot];
    sl_code rc = sli_view_set_mark(view, *entry, mark, err);
    if (rc != SL_OK) {
        sli_map_remove(changes, *entry);
    }
    return rc;
}

// ---------------------------------------------------------------- finding

/// What the base has, in view->found.
static sl_code look(sli_view *view, uint64_t hash, sl_bytes key, sl_error *err)
{
    sli_core *core = (sli_core *)view->head.store;
    return core->base->find(core, view->table, sli_slot_of(hash), key, &view->found, err);
}

sl_code sli_core_find(sli_state_view *self, uint64_t hash, sl_bytes key, sl_bytes *value,
                      bool *found, sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_TRY(sli_view_spread(view, err));
    int32_t entry = sli_map_find(&view->changes, sli_key_hash(key), key);
    if (entry >= 0) {
        const sli_entry *e = &view->changes.entries[entry];
        *found = e->change != SLI_REMOVED && e->change != SLI_GONE && e->change != SLI_ABSENT;
        *value = sli_entry_value(e);
        return SL_OK;
    }
    SL_TRY(look(view, hash, key, err));
    *found = view->found.there;
    *value = view->found.value;
    return SL_OK;
}

/// Rows that were fetched before and not changed since make room.
static void forget_fetched(sli_view *view)
{
    for (int32_t i = 0; i < view->fetched.n; i++) {
        sli_change change = view->changes.entries[view->fetched.at[i]].change;
        if (change == SLI_KEPT || change == SLI_ABSENT) {
            sli_map_remove(&view->changes, view->fetched.at[i]);
        }
    }
    view->fetched.n = 0;
}

sl_code sli_core_fetch(sli_state_view *self, const sli_state_key *keys, int32_t n, sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_TRY(sli_view_spread(view, err));
    forget_fetched(view);
    for (int32_t i = 0; i < n; i++) {
        int32_t entry = sli_map_find(&view->changes, sli_key_hash(keys[i].key), keys[i].key);
        if (entry < 0) {
            SL_TRY(reserve(&view->fetched, err));
            SL_TRY(reserve(&view->asked, err));
            SL_TRY(add_change(view, sli_slot_of(keys[i].hash), keys[i].key, (sl_bytes){NULL, 0},
                              SLI_ABSENT, 0, &entry, err));
            view->fetched.at[view->fetched.n++] = entry;
            view->asked.at[view->asked.n++] = entry;
        }
    }
    return sli_view_ask(view, err);
}

// ---------------------------------------------------------------- changing

/// The base need not be asked for this key: it is in memory, or was asked just now.
static bool is_at_hand(const sli_view *view, uint64_t hash, sl_bytes key)
{
    const sli_core *core = (const sli_core *)view->head.store;
    return core->base->find_many == NULL ||
           core->base->is_found(core, view->table, sli_slot_of(hash), key, &view->found);
}

sl_code sli_view_note(sli_view *view, int32_t slot, sl_bytes key, sl_bytes value, sli_change change,
                      sl_error *err)
{
    int32_t entry = 0;
    SL_TRY(reserve(&view->asked, err));
    SL_TRY(add_change(view, slot, key, value, change, 0, &entry, err));
    view->asked.at[view->asked.n++] = entry;
    return SL_OK;
}

static sl_code put_over(sli_map *changes, int32_t entry, sl_bytes value, sl_error *err)
{
    // By what the entry is: what it becomes. A key that comes (again) is its slot's youngest.
    static const uint8_t becomes[] = {
        [SLI_SET] = SLI_SET,     [SLI_REMOVED] = SLI_MOVED, [SLI_MOVED] = SLI_MOVED,
        [SLI_ADDED] = SLI_ADDED, [SLI_PUT] = SLI_PUT,       [SLI_GONE] = SLI_AGAIN,
        [SLI_AGAIN] = SLI_AGAIN, [SLI_KEPT] = SLI_SET,      [SLI_ABSENT] = SLI_ADDED};
    sli_entry *e = &changes->entries[entry];
    sli_change was = e->change;
    if (was == SLI_KEPT && sli_bytes_equal(sli_entry_value(e), value)) {
        return SL_OK;
    }
    SL_TRY(sli_map_set_value(changes, entry, value, err));
    e->change = becomes[was];
    if (was == SLI_REMOVED || was == SLI_GONE || was == SLI_ABSENT) {
        sli_map_move_last(changes, entry);
    }
    return SL_OK;
}

sl_code sli_core_put(sli_state_view *self, uint64_t hash, sl_bytes key, sl_bytes value,
                     sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_TRY(sli_view_spread(view, err));
    int32_t entry = sli_map_find(&view->changes, sli_key_hash(key), key);
    if (entry >= 0) {
        return put_over(&view->changes, entry, value, err);
    }
    if (!is_at_hand(view, hash, key)) {
        return sli_view_note(view, sli_slot_of(hash), key, value, SLI_PUT, err);
    }
    SL_TRY(look(view, hash, key, err));
    if (view->found.there && sli_bytes_equal(view->found.value, value)) {
        return SL_OK; // unchanged state costs no delta
    }
    return view->found.there
               ? add_change(view, sli_slot_of(hash), key, value, SLI_SET, view->found.mark, &entry,
                            err)
               : add_change(view, sli_slot_of(hash), key, value, SLI_ADDED, 0, &entry, err);
}

static void remove_over(sli_map *changes, int32_t entry)
{
    static const uint8_t becomes[] = {
        [SLI_SET] = SLI_REMOVED,  [SLI_REMOVED] = SLI_REMOVED, [SLI_MOVED] = SLI_REMOVED,
        [SLI_PUT] = SLI_GONE,     [SLI_GONE] = SLI_GONE,       [SLI_AGAIN] = SLI_GONE,
        [SLI_KEPT] = SLI_REMOVED, [SLI_ABSENT] = SLI_ABSENT};
    if (changes->entries[entry].change == SLI_ADDED) {
        sli_map_remove(changes, entry); // it came in this epoch, and goes in it
    } else {
        changes->entries[entry].change = becomes[changes->entries[entry].change];
    }
}

sl_code sli_core_remove(sli_state_view *self, uint64_t hash, sl_bytes key, sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_TRY(sli_view_spread(view, err));
    sl_bytes none = {NULL, 0};
    int32_t entry = sli_map_find(&view->changes, sli_key_hash(key), key);
    if (entry >= 0) {
        remove_over(&view->changes, entry);
        return SL_OK;
    }
    if (!is_at_hand(view, hash, key)) {
        return sli_view_note(view, sli_slot_of(hash), key, none, SLI_GONE, err);
    }
    SL_TRY(look(view, hash, key, err));
    return view->found.there ? add_change(view, sli_slot_of(hash), key, none, SLI_REMOVED,
                                          view->found.mark, &entry, err)
                             : SL_OK;
}

// ---------------------------------------------------------------- passing over

/// Rows of the base on their way to whoever asked, with the view's changes among them.
typedef struct merge {
    const sli_view *view;
    sli_state_fn each;
    void *ctx;
    int32_t slot; ///< slots before it are done
} merge;

/// Ends the slots before `upto`: after the base's rows come those that are new or were moved.
static sl_code end_slots(merge *m, int32_t upto, sl_error *err)
{
    const sli_map *changes = &m->view->changes;
    for (; m->slot < upto; m->slot++) {
        for (int32_t i = changes->head[m->slot]; i >= 0; i = changes->entries[i].next) {
            const sli_entry *e = &changes->entries[i];
            if (e->change == SLI_ADDED || e->change == SLI_MOVED) {
                SL_TRY(m->each(m->ctx, m->slot, sli_entry_key(e), sli_entry_value(e), err));
            }
        }
    }
    return SL_OK;
}

static sl_code merge_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    merge *m = ctx;
    SL_TRY(end_slots(m, slot, err));
    int32_t entry = sli_map_find(&m->view->changes, sli_key_hash(key), key);
    if (entry < 0) {
        return m->each(m->ctx, slot, key, value, err);
    }
    const sli_entry *e = &m->view->changes.entries[entry];
    bool stays = e->change == SLI_SET || e->change == SLI_KEPT;
    return stays ? m->each(m->ctx, slot, key, sli_entry_value(e), err) : SL_OK;
}

/// The first slot of a partition: slot * n / SLI_SLOTS is the partition of a slot.
static int32_t first_slot(int32_t partition, int32_t n_partitions)
{
    return (int32_t)(((int64_t)partition * SLI_SLOTS + n_partitions - 1) / n_partitions);
}

sl_code sli_core_each(sli_state_view *self, sli_state_fn each, void *ctx, sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_TRY(sli_view_spread(view, err));
    sli_core *core = (sli_core *)view->head.store;
    int32_t from = first_slot(view->partition, view->n_partitions),
            to = first_slot(view->partition + 1, view->n_partitions);
    SL_TRY(sli_view_ask(view, err));
    if (view->changes.live == 0) {
        return core->base->each(core, view->table, from, to, each, ctx, err);
    }
    merge m = {.view = view, .each = each, .ctx = ctx, .slot = from};
    SL_TRY(core->base->each(core, view->table, from, to, merge_row, &m, err));
    return end_slots(&m, to, err);
}

/// A pass over one slot that leaves out what the view has changed.
typedef struct unchanged {
    const sli_view *view;
    sli_state_fn each;
    void *ctx;
} unchanged;

static sl_code pass_unchanged(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    const unchanged *u = ctx;
    const sli_map *changes = &u->view->changes;
    int32_t entry = changes->live == 0 ? -1 : sli_map_find(changes, sli_key_hash(key), key);
    bool same = entry < 0 || changes->entries[entry].change == SLI_KEPT;
    return same ? u->each(u->ctx, slot, key, value, err) : SL_OK;
}

sl_code sli_core_oldest(sli_state_view *self, int32_t slot, sli_state_fn each, void *ctx,
                        sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_TRY(sli_view_spread(view, err));
    sli_core *core = (sli_core *)view->head.store;
    unchanged u = {view, each, ctx};
    SL_TRY(sli_view_ask(view, err));
    sl_code rc = core->base->each(core, view->table, slot, slot + 1, pass_unchanged, &u, err);
    return rc == SL_E_END ? SL_OK : rc;
}

// ---------------------------------------------------------------- standing for the partition

sl_code sli_core_done(sli_state_view *self, sl_error *err)
{
    sli_view *view = (sli_view *)self, *replaced = NULL;
    sli_core *core = (sli_core *)self->store;
    sl_code rc = sli_view_ask(view, err);
    if (rc != SL_OK) {
        sli_view_free(view);
        return rc;
    }
    sli_mutex_lock(&core->mutex);
    sli_view **at = &view->table->done;
    while (*at != NULL && (*at)->partition < view->partition) {
        at = &(*at)->next;
    }
    if (*at != NULL && (*at)->partition == view->partition) {
        replaced = *at;
        *at = replaced->next;
    }
    view->next = *at;
    *at = view;
    sli_mutex_unlock(&core->mutex);
    sli_view_free(replaced);
    return SL_OK;
}
