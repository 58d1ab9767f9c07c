// The store's contract, against a naive model that keeps keys in a list in their order: random
// epochs, snapshots, and bytes that are damaged.
#include "state/fixture_test.h"

// ---------------------------------------------------------------- the model

typedef struct model {
    slt_store_pair rows[SLT_STORE_ROWS];
    int32_t n;
} model;

static void model_remove(model *m, int64_t key)
{
    for (int32_t i = 0; i < m->n; i++) {
        if (m->rows[i].key == key) {
            memmove(&m->rows[i], &m->rows[i + 1], (size_t)(m->n - i - 1) * sizeof m->rows[0]);
            m->n--;
            return;
        }
    }
}

static void model_put(model *m, int64_t key, int64_t value, int32_t slot)
{
    for (int32_t i = 0; i < m->n; i++) {
        if (m->rows[i].key == key) {
            m->rows[i].value = value;
            return;
        }
    }
    assert_true(m->n < SLT_STORE_ROWS);
    m->rows[m->n++] = (slt_store_pair){key, value, slot};
}

/// The rows are the model's, slot by slot in the model's order.
static void check_rows(const model *m, const slt_store_rows *c)
{
    int32_t at = 0;
    assert_int_equal(c->n, m->n);
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        for (int32_t i = 0; i < m->n; i++) {
            if (m->rows[i].slot == slot) {
                assert_int_equal(c->rows[at].key, m->rows[i].key);
                assert_int_equal(c->rows[at].value, m->rows[i].value);
                assert_int_equal(c->rows[at].slot, slot);
                at++;
            }
        }
    }
}

static void check_store(const slt_store *f, const model *m)
{
    slt_store_rows c = {.f = f};
    assert_int_equal(
        f->store->ops->dump(f->store, f->table, 0, SLI_SLOTS, slt_store_collect, &c, NULL), SL_OK);
    check_rows(m, &c);
    assert_int_equal(f->store->ops->keys(f->store, f->table), m->n);
}

// ---------------------------------------------------------------- random epochs

/// Some of the keys that may come, whether they are there or not.
static void fetch_some(const slt_store *f, sli_rng *rng, sli_state_view *view)
{
    enum { N = 10 };
    sli_state_key keys[N];
    sli_str bytes[N] = {{0}};
    for (int i = 0; i < N; i++) {
        slt_store_row(f->keys, (int64_t)sli_rng_below(rng, 60), &bytes[i], &keys[i].hash);
        keys[i].key = (sl_bytes){bytes[i].data, bytes[i].size};
    }
    if (f->store->ops->fetch != NULL) {
        assert_int_equal(f->store->ops->fetch(view, keys, N, NULL), SL_OK);
    }
    for (int i = 0; i < N; i++) {
        sli_str_reset(&bytes[i]);
    }
}

/// Random puts and removes in one partition's view; the same in the model. `lost`: the view is
/// dropped afterwards.
static void work_in_view(const slt_store *f, sli_rng *rng, model *m, int64_t epoch,
                         int32_t partition, int32_t n, bool lost)
{
    const sli_store_ops *ops = f->store->ops;
    sli_state_view *view = NULL;
    sli_str key = SLI_STR_INIT, value = SLI_STR_INIT;
    model *before = sl_alloc(SLI_TAG_TEST, sizeof *before);
    *before = *m;
    assert_int_equal(ops->begin(f->store, f->table, epoch, partition, n, &view, NULL), SL_OK);
    for (int i = 0; i < 40; i++) {
        uint64_t hash = 0, ignored = 0;
        int64_t k = (int64_t)sli_rng_below(rng, 60), v = (int64_t)sli_rng_below(rng, 5);
        slt_store_row(f->keys, k, &key, &hash);
        slt_store_row(f->values, v, &value, &ignored);
        if (sli_partition_of(sli_slot_of(hash), n) != partition) {
            continue;
        }
        sl_bytes key_bytes = {key.data, key.size}, value_bytes = {value.data, value.size};
        sl_bytes got = {NULL, 0};
        bool found = false;
        uint64_t how = sli_rng_below(rng, 8); // asked before, fetched before, or neither
        if (how == 0) {
            assert_int_equal(ops->find(view, hash, key_bytes, &got, &found, NULL), SL_OK);
        } else if (how == 1) {
            fetch_some(f, rng, view);
        }
        if (sli_rng_below(rng, 3) == 0) {
            assert_int_equal(ops->remove(view, hash, key_bytes, NULL), SL_OK);
            model_remove(m, k);
        } else {
            assert_int_equal(ops->put(view, hash, key_bytes, value_bytes, NULL), SL_OK);
            model_put(m, k, v, sli_slot_of(hash));
        }
        if (sli_rng_below(rng, 2) == 0) {
            continue; // nobody asks
        }
        assert_int_equal(ops->find(view, hash, key_bytes, &got, &found, NULL), SL_OK);
        bool expected = false;
        for (int32_t r = 0; r < m->n; r++) {
            if (m->rows[r].key == k) {
                expected = true;
                assert_true(found);
                assert_int_equal(slt_store_value(f->values, got), m->rows[r].value);
            }
        }
        assert_int_equal(found, expected);
    }
    slt_store_rows c = {.f = f};
    bool looks = sli_rng_below(rng, 2) == 0;
    if (looks) {
        assert_int_equal(ops->each(view, slt_store_collect, &c, NULL), SL_OK);
    }
    model *own = sl_alloc_zero(SLI_TAG_TEST, sizeof *own);
    for (int32_t i = 0; i < m->n; i++) {
        if (sli_partition_of(m->rows[i].slot, n) == partition) {
            own->rows[own->n++] = m->rows[i];
        }
    }
    if (looks) {
        check_rows(own, &c);
    }
    sl_free(own);
    if (lost) {
        ops->drop(view);
        *m = *before;
    } else {
        assert_int_equal(ops->done(view, NULL), SL_OK);
    }
    sl_free(before);
    sli_str_reset(&key);
    sli_str_reset(&value);
}

/// An epoch over n partitions, worked off in a random order, some views dropped and done again.
static void run_epoch(const slt_store *f, sli_rng *rng, model *m, int64_t epoch, int32_t n,
                      bool fails)
{
    model *before = sl_alloc(SLI_TAG_TEST, sizeof *before);
    *before = *m;
    int32_t first = (int32_t)sli_rng_below(rng, (uint64_t)n);
    for (int32_t i = 0; i < n; i++) {
        int32_t partition = (first + i) % n;
        if (sli_rng_below(rng, 3) == 0) {
            work_in_view(f, rng, m, epoch, partition, n, true);
        }
        work_in_view(f, rng, m, epoch, partition, n, false);
    }
    if (fails) {
        (f->store->ops->fail)(f->store, epoch); // in brackets: cmocka has a macro of that name
        *m = *before;
    } else {
        assert_int_equal(f->store->ops->complete(f->store, epoch, NULL), SL_OK);
    }
    sl_free(before);
    check_store(f, m);
}

static void follow_by_delta(const slt_store *f, const slt_store *other, const model *m)
{
    sli_str delta = SLI_STR_INIT;
    assert_int_equal(sli_state_delta(f->store, &delta, NULL), SL_OK);
    assert_int_equal(
        other->store->ops->apply(other->store, (sl_bytes){delta.data, delta.size}, NULL), SL_OK);
    check_store(other, m);
    sli_str_clear(&delta);
    assert_int_equal(sli_state_delta(f->store, &delta, NULL), SL_OK);
    assert_int_equal(delta.size, 0); // nothing has changed since
    sli_str_reset(&delta);
}

static void random_epochs(const sli_store_ops *ops, uint64_t seed)
{
    static const int32_t partitions[] = {1, 7, 2, 3};
    slt_store f, other;
    sli_rng rng = {seed};
    model *m = sl_alloc_zero(SLI_TAG_TEST, sizeof *m);
    slt_store_open(&f, ops, "counts");
    slt_store_open(&other, ops, "counts");
    for (int64_t epoch = 1; epoch <= 24; epoch++) {
        run_epoch(&f, &rng, m, epoch, partitions[(epoch / 6) % 4], sli_rng_below(&rng, 6) == 0);
        if (sli_rng_below(&rng, 2) == 0) {
            follow_by_delta(&f, &other, m);
        }
    }
    slt_store_close(&f);
    slt_store_close(&other);
    sl_free(m);
}

SLT_EVERY_STORE(equals_the_model_over_random_epochs_and_partitions, "")
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        random_epochs(ops, seed);
    }
}

// ---------------------------------------------------------------- snapshots

static sli_buffer *buffer_of(const sli_str *bytes)
{
    sli_buffer *buffer = sli_buffer_new((int64_t)bytes->size);
    assert_non_null(buffer);
    memcpy(sli_buffer_data(buffer), bytes->data, bytes->size);
    return buffer;
}

SLT_EVERY_STORE(a_snapshot_restores_the_table_and_compaction_equals_it, "")
{
    slt_store f, restored;
    sli_rng rng = {77};
    model *m = sl_alloc_zero(SLI_TAG_TEST, sizeof *m);
    sli_str parts[SLI_SNAPSHOT_PARTS] = {{0}}, deltas[5] = {{0}};
    slt_store_open(&f, ops, "counts");
    slt_store_open(&restored, ops, "counts");
    for (int i = 0; i < 5; i++) {
        run_epoch(&f, &rng, m, i + 1, 3, false);
        assert_int_equal(sli_state_delta(f.store, &deltas[i], NULL), SL_OK);
    }
    for (int32_t p = 0; p < SLI_SNAPSHOT_PARTS; p++) {
        // An old part from the first two deltas, then the other three on top of it.
        sli_str live = SLI_STR_INIT, old = SLI_STR_INIT;
        sl_bytes all[5];
        for (int i = 0; i < 5; i++) {
            all[i] = (sl_bytes){deltas[i].data, deltas[i].size};
        }
        assert_int_equal(sli_state_snapshot_part(f.store, f.table, &f.info, p, &live, NULL), SL_OK);
        assert_int_equal(sli_state_compact_part(&f.info, NULL, all, 2, p, &old, NULL), SL_OK);
        sli_buffer *old_part = old.size == 0 ? NULL : buffer_of(&old);
        assert_int_equal(sli_state_compact_part(&f.info, old_part, all + 2, 3, p, &parts[p], NULL),
                         SL_OK);
        assert_int_equal(parts[p].size, live.size);
        assert_true(live.size == 0 || memcmp(parts[p].data, live.data, live.size) == 0);
        if (live.size > 0) {
            sli_buffer *part = buffer_of(&live);
            assert_int_equal(
                sli_state_restore_part(restored.store, restored.table, &f.info, part, NULL), SL_OK);
            sli_buffer_unref(part);
        }
        sli_buffer_unref(old_part);
        sli_str_reset(&live);
        sli_str_reset(&old);
        sli_str_reset(&parts[p]);
    }
    check_store(&restored, m);
    for (int i = 0; i < 5; i++) {
        sli_str_reset(&deltas[i]);
    }
    slt_store_close(&f);
    slt_store_close(&restored);
    sl_free(m);
}

// ---------------------------------------------------------------- bad bytes

static void make_delta(const sli_store_ops *ops, sli_str *delta)
{
    slt_store f;
    sli_rng rng = {5};
    model *m = sl_alloc_zero(SLI_TAG_TEST, sizeof *m);
    slt_store_open(&f, ops, "counts");
    run_epoch(&f, &rng, m, 1, 2, false);
    assert_int_equal(sli_state_delta(f.store, delta, NULL), SL_OK);
    slt_store_close(&f);
    sl_free(m);
}

SLT_EVERY_STORE(a_damaged_delta_is_an_error_or_harmless_never_a_crash, "")
{
    slt_store f;
    sli_str delta = SLI_STR_INIT;
    make_delta(ops, &delta);
    slt_store_open(&f, ops, "counts");
    for (size_t cut = 1; cut < delta.size; cut++) {
        assert_int_not_equal(ops->apply(f.store, (sl_bytes){delta.data, cut}, NULL), SL_OK);
    }
    for (size_t at = 0; at < delta.size; at++) {
        sl_error err = SL_ERROR_INIT;
        delta.data[at] = (char)(delta.data[at] ^ 0x41);
        sl_code rc = ops->apply(f.store, (sl_bytes){delta.data, delta.size}, &err);
        assert_true(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_INCOMPATIBLE);
        delta.data[at] = (char)(delta.data[at] ^ 0x41);
    }
    slt_store_close(&f);
    sli_str_reset(&delta);
}

SLT_EVERY_STORE(a_delta_of_an_unknown_table_or_other_columns_names_them, "")
{
    slt_store f;
    sl_error err = SL_ERROR_INIT;
    sli_str delta = SLI_STR_INIT;
    make_delta(ops, &delta);
    slt_store_open(&f, ops, "other");
    assert_int_equal(f.store->ops->apply(f.store, (sl_bytes){delta.data, delta.size}, &err),
                     SL_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "counts"));
    slt_store_close(&f);
    sli_str_reset(&delta);
}

SLT_EVERY_STORE(a_snapshot_row_in_the_wrong_slot_is_damage, "")
{
    slt_store f, from;
    sl_error err = SL_ERROR_INIT;
    sli_str part = SLI_STR_INIT, key = SLI_STR_INIT;
    uint64_t hash = 0;
    slt_store_open(&f, ops, "counts");
    slt_store_open(&from, ops, "counts");
    slt_store_row(from.keys, 1, &key, &hash);
    int32_t wrong = (sli_slot_of(hash) + 1) % SLI_SLOTS;
    sl_bytes bytes = {key.data, key.size};
    assert_int_equal(from.store->ops->load(from.store, from.table,
                                           &(sli_state_row){wrong, bytes, bytes}, 1, NULL),
                     SL_OK);
    assert_int_equal(
        sli_state_snapshot_part(from.store, from.table, &from.info, wrong / 64, &part, NULL),
        SL_OK);
    sli_buffer *buffer = buffer_of(&part);
    assert_int_equal(sli_state_restore_part(f.store, f.table, &f.info, buffer, &err), SL_E_CORRUPT);
    sli_buffer_unref(buffer);
    sli_str_reset(&part);
    sli_str_reset(&key);
    slt_store_close(&f);
    slt_store_close(&from);
}
