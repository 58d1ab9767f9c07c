// The store's contract, against a naive model that keeps keys in a list in their order. Runs on
// every store of the table below.
#include "state/state.h"

#include <stdio.h>

#include "sl_test.h"

enum { MOST = 4096 };

/// One test a store; `ops` is the store's.
#define CONTRACT(name, promise)                                                                    \
    static void check_##name(const sli_store_ops *ops);                                            \
    SL_TEST(name##_memory, promise)                                                                \
    {                                                                                              \
        check_##name(&sli_store_memory);                                                           \
    }                                                                                              \
    SL_TEST(name##_rocksdb, promise)                                                               \
    {                                                                                              \
        if (!SLT_ROCKSDB) {                                                                        \
            slt_not_here("a build without RocksDB");                                               \
        }                                                                                          \
        check_##name(&sli_store_rocksdb);                                                          \
    }                                                                                              \
    static void check_##name(const sli_store_ops *ops)

typedef struct model_row {
    int64_t key, value;
    int32_t slot;
} model_row;
typedef struct model {
    model_row rows[MOST];
    int32_t n;
} model;

typedef struct fixture {
    sl_env *env;
    sli_store *store;
    sli_table *table;
    sli_table_info info;
    sl_schema *keys, *values;
} fixture;

/// A name in the test's directory that no other store of this test has.
static const char *new_dir(void)
{
    static char path[600];
    static int n;
    (void)snprintf(path, sizeof path, "%s/store-%d", slt_temp_dir(), n++);
    return path;
}

static void open_store(fixture *f, const sli_store_ops *ops, const char *uid)
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&f->keys, "k int64", &err), SL_OK);
    assert_int_equal(sl_schema_parse(&f->values, "v int64", &err), SL_OK);
    f->info = (sli_table_info){uid, "updateStateByKey", f->keys, f->values, 0};
    assert_int_equal(sli_env_posix(&f->env, &err), SL_OK);
    sli_state_env env = {.env = f->env, .dir = new_dir()};
    assert_int_equal(ops->open(&f->store, &env, &err), SL_OK);
    assert_int_equal(ops->table(f->store, &f->info, &f->table, &err), SL_OK);
}

static void close_store(fixture *f)
{
    f->store->ops->close(f->store);
    sli_env_free(f->env);
    sl_schema_unref(f->keys);
    sl_schema_unref(f->values);
}

static sl_batch *batch_of(const sl_schema *schema, int64_t value)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_int64(builder, 0, value);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    return batch;
}

/// One int64 as row bytes, and its hash.
static void row_bytes(const sl_schema *schema, int64_t value, sli_str *out, uint64_t *hash)
{
    int32_t column = 0;
    sl_batch *batch = batch_of(schema, value);
    sli_str_clear(out);
    sli_row_put(out, batch, &column, 1, 0);
    sli_batch_hash(batch, &column, 1, hash);
    sl_batch_unref(batch);
}

static int64_t decode(const sl_schema *schema, sl_bytes row)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    assert_int_equal(sli_row_get(row, builder, 0, 1, NULL), SL_OK);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    int64_t value = sl_column_int64(sl_batch_column(batch, 0), 0);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    return value;
}

// ---------------------------------------------------------------- the model

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
    assert_true(m->n < MOST);
    m->rows[m->n++] = (model_row){key, value, slot};
}

typedef struct compared {
    const fixture *f;
    model_row rows[MOST];
    int32_t n;
} compared;

static sl_code collect(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    compared *c = ctx;
    (void)err;
    assert_true(c->n < MOST);
    c->rows[c->n++] = (model_row){decode(c->f->keys, key), decode(c->f->values, value), slot};
    return SL_OK;
}

/// The rows are the model's, slot by slot in the model's order.
static void check_rows(const model *m, const compared *c)
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

static void check_store(const fixture *f, const model *m)
{
    compared c = {.f = f};
    assert_int_equal(f->store->ops->dump(f->store, f->table, 0, SLI_SLOTS, collect, &c, NULL),
                     SL_OK);
    check_rows(m, &c);
    assert_int_equal(f->store->ops->keys(f->store, f->table), m->n);
}

// ---------------------------------------------------------------- random epochs

/// Some of the keys that may come, whether they are there or not.
static void fetch_some(const fixture *f, sli_rng *rng, sli_state_view *view)
{
    enum { N = 10 };
    sli_state_key keys[N];
    sli_str bytes[N] = {{0}};
    for (int i = 0; i < N; i++) {
        row_bytes(f->keys, (int64_t)sli_rng_below(rng, 60), &bytes[i], &keys[i].hash);
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
static void work_in_view(const fixture *f, sli_rng *rng, model *m, int64_t epoch, int32_t partition,
                         int32_t n, bool lost)
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
        row_bytes(f->keys, k, &key, &hash);
        row_bytes(f->values, v, &value, &ignored);
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
                assert_int_equal(decode(f->values, got), m->rows[r].value);
            }
        }
        assert_int_equal(found, expected);
    }
    compared c = {.f = f};
    bool looks = sli_rng_below(rng, 2) == 0;
    if (looks) {
        assert_int_equal(ops->each(view, collect, &c, NULL), SL_OK);
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
static void run_epoch(const fixture *f, sli_rng *rng, model *m, int64_t epoch, int32_t n,
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

static void follow_by_delta(const fixture *f, const fixture *other, const model *m)
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
    fixture f, other;
    sli_rng rng = {seed};
    model *m = sl_alloc_zero(SLI_TAG_TEST, sizeof *m);
    open_store(&f, ops, "counts");
    open_store(&other, ops, "counts");
    for (int64_t epoch = 1; epoch <= 24; epoch++) {
        run_epoch(&f, &rng, m, epoch, partitions[(epoch / 6) % 4], sli_rng_below(&rng, 6) == 0);
        if (sli_rng_below(&rng, 2) == 0) {
            follow_by_delta(&f, &other, m);
        }
    }
    close_store(&f);
    close_store(&other);
    sl_free(m);
}

CONTRACT(equals_the_model_over_random_epochs_and_partitions, "")
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

CONTRACT(a_snapshot_restores_the_table_and_compaction_equals_it, "")
{
    fixture f, restored;
    sli_rng rng = {77};
    model *m = sl_alloc_zero(SLI_TAG_TEST, sizeof *m);
    sli_str parts[SLI_SNAPSHOT_PARTS] = {{0}}, deltas[5] = {{0}};
    open_store(&f, ops, "counts");
    open_store(&restored, ops, "counts");
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
    close_store(&f);
    close_store(&restored);
    sl_free(m);
}

// ---------------------------------------------------------------- bad bytes

static void make_delta(const sli_store_ops *ops, sli_str *delta)
{
    fixture f;
    sli_rng rng = {5};
    model *m = sl_alloc_zero(SLI_TAG_TEST, sizeof *m);
    open_store(&f, ops, "counts");
    run_epoch(&f, &rng, m, 1, 2, false);
    assert_int_equal(sli_state_delta(f.store, delta, NULL), SL_OK);
    close_store(&f);
    sl_free(m);
}

CONTRACT(a_damaged_delta_is_an_error_or_harmless_never_a_crash, "")
{
    fixture f;
    sli_str delta = SLI_STR_INIT;
    make_delta(ops, &delta);
    open_store(&f, ops, "counts");
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
    close_store(&f);
    sli_str_reset(&delta);
}

CONTRACT(a_delta_of_an_unknown_table_or_other_columns_names_them, "")
{
    fixture f;
    sl_error err = SL_ERROR_INIT;
    sli_str delta = SLI_STR_INIT;
    make_delta(ops, &delta);
    open_store(&f, ops, "other");
    assert_int_equal(f.store->ops->apply(f.store, (sl_bytes){delta.data, delta.size}, &err),
                     SL_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "counts"));
    close_store(&f);
    sli_str_reset(&delta);
}

CONTRACT(a_snapshot_row_in_the_wrong_slot_is_damage, "")
{
    fixture f, from;
    sl_error err = SL_ERROR_INIT;
    sli_str part = SLI_STR_INIT, key = SLI_STR_INIT;
    uint64_t hash = 0;
    open_store(&f, ops, "counts");
    open_store(&from, ops, "counts");
    row_bytes(from.keys, 1, &key, &hash);
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
    close_store(&f);
    close_store(&from);
}

// ---------------------------------------------------------------- sizes and memory

/// Loads these keys, `together` at a time; the last code.
static sl_code load_keys(const sli_store_ops *ops, const char *keys, int32_t together,
                         const char *values)
{
    fixture f;
    sl_code rc = SL_OK;
    int32_t n = (int32_t)strlen(keys);
    sli_state_row rows[8];
    for (int32_t i = 0; i < n; i++) {
        rows[i] = (sli_state_row){keys[i] % 4, {keys + i, 1}, {values + i, 1}};
    }
    open_store(&f, ops, "counts");
    for (int32_t i = 0; i < n && rc == SL_OK; i += together) {
        rc = ops->load(f.store, f.table, rows + i, n - i < together ? n - i : together, NULL);
    }
    assert_true(rc != SL_OK || ops->keys(f.store, f.table) == n);
    close_store(&f);
    return rc;
}

CONTRACT(a_key_that_is_loaded_twice_is_damage, "")
{
    assert_int_equal(load_keys(ops, "abcdefg", 3, "1234567"), SL_OK);
    assert_int_equal(load_keys(ops, "abca", 4, "1231"), SL_E_CORRUPT);
    assert_int_equal(load_keys(ops, "abca", 4, "1232"), SL_E_CORRUPT);
    assert_int_equal(load_keys(ops, "abca", 2, "1231"), SL_E_CORRUPT);
    assert_int_equal(load_keys(ops, "abca", 2, "1232"), SL_E_CORRUPT);
}

CONTRACT(unchanged_values_make_no_delta_and_large_keys_work, "")
{
    fixture f;
    sli_state_view *view = NULL;
    sli_str delta = SLI_STR_INIT;
    open_store(&f, ops, "counts");
    size_t size = 1000000;
    char *large = sl_alloc_zero(SLI_TAG_TEST, size);
    sl_bytes key = {large, size}, none = {NULL, 0};
    for (int64_t epoch = 1; epoch <= 2; epoch++) {
        assert_int_equal(ops->begin(f.store, f.table, epoch, 0, 1, &view, NULL), SL_OK);
        assert_int_equal(ops->put(view, 0, key, none, NULL), SL_OK);
        assert_int_equal(ops->put(view, 0, none, none, NULL), SL_OK); // an empty key is a key
        assert_int_equal(ops->done(view, NULL), SL_OK);
        assert_int_equal(ops->complete(f.store, epoch, NULL), SL_OK);
        assert_int_equal(ops->keys(f.store, f.table), 2);
        sli_str_clear(&delta);
        assert_int_equal(sli_state_delta(f.store, &delta, NULL), SL_OK);
        assert_true(epoch == 1 ? delta.size > size : delta.size == 0);
    }
    sl_free(large);
    sli_str_reset(&delta);
    close_store(&f);
}

/// Notes a key's number as a digit; ends at the number in `until`.
typedef struct digits {
    const fixture *f;
    char text[32];
    int32_t n;
    int64_t until;
} digits;

static sl_code note_digit(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    digits *d = ctx;
    (void)value;
    (void)err;
    int64_t number = decode(d->f->keys, key);
    assert_int_equal(slot, 7);
    d->text[d->n++] = (char)('0' + number);
    return number == d->until ? SL_E_END : SL_OK;
}

static void oldest_are(const fixture *f, sli_state_view *view, int64_t until, const char *expected)
{
    digits d = {.f = f, .until = until};
    assert_int_equal(f->store->ops->oldest(view, 7, note_digit, &d, NULL), SL_OK);
    SL_CHECK_TEXT(d.text, expected);
}

/// "+4" puts key 4 of slot 7, "-4" removes it, "?4" fetches it.
static void work(const fixture *f, sli_state_view *view, const char *what)
{
    const sli_store_ops *ops = f->store->ops;
    sli_str key = SLI_STR_INIT;
    uint64_t ignored = 0, hash = UINT64_C(7) << 54;
    for (; *what != '\0'; what += 2) {
        row_bytes(f->keys, what[1] - '0', &key, &ignored);
        sl_bytes bytes = {key.data, key.size};
        sli_state_key asked = {hash, bytes};
        if (*what == '+') {
            assert_int_equal(ops->put(view, hash, bytes, bytes, NULL), SL_OK);
        } else if (*what == '-') {
            assert_int_equal(ops->remove(view, hash, bytes, NULL), SL_OK);
        } else if (ops->fetch != NULL) {
            assert_int_equal(ops->fetch(view, &asked, 1, NULL), SL_OK);
        }
    }
    sli_str_reset(&key);
}

CONTRACT(gives_the_oldest_keys_of_a_slot_until_it_is_told_to_end, "")
{
    fixture f;
    sli_state_view *view = NULL;
    open_store(&f, ops, "counts");
    for (int64_t epoch = 1; epoch <= 2; epoch++) {
        assert_int_equal(ops->begin(f.store, f.table, epoch, 0, 1, &view, NULL), SL_OK);
        oldest_are(&f, view, 9, epoch == 1 ? "" : "34125");
        work(&f, view, epoch == 1 ? "+3+4+1+2+5" : "-3+3"); // 3 moves to the end
        assert_int_equal(ops->done(view, NULL), SL_OK);
        assert_int_equal(ops->complete(f.store, epoch, NULL), SL_OK);
    }
    assert_int_equal(ops->begin(f.store, f.table, 3, 0, 1, &view, NULL), SL_OK);
    oldest_are(&f, view, 9, "41253");
    oldest_are(&f, view, 1, "41");
    work(&f, view, "-1?2-5+5+6"); // what the view has changed is left out, new keys are no older
    oldest_are(&f, view, 9, "423");
    ops->drop(view);
    close_store(&f);
}

// ---------------------------------------------------------------- many keys at once

/// What happens to a key, at random; only what is there is removed or moved.
static void draw_change(const fixture *f, sli_rng *rng, int64_t k, sli_str *key, sli_str *value,
                        sli_state_change *out)
{
    uint64_t ignored = 0;
    row_bytes(f->keys, k, key, &out->hash);
    row_bytes(f->values, (int64_t)sli_rng_below(rng, 3), value, &ignored);
    out->act = (sli_state_act)(1 + sli_rng_below(rng, 3));
    out->key = (sl_bytes){key->data, key->size};
    out->value =
        out->act == SLI_STATE_REMOVE ? (sl_bytes){NULL, 0} : (sl_bytes){value->data, value->size};
}

static void change_both(const fixture *f, sli_rng *rng, sli_state_view *together,
                        sli_state_view *single)
{
    sli_str key = SLI_STR_INIT, value = SLI_STR_INIT;
    const sli_store_ops *ops = f->store->ops;
    for (int64_t k = (int64_t)sli_rng_below(rng, 4); k < 300;
         k += 1 + (int64_t)sli_rng_below(rng, 9)) {
        sli_state_change c = {0};
        draw_change(f, rng, k, &key, &value, &c);
        sli_state_key asked = {c.hash, c.key};
        sli_state_found found;
        sl_bytes old = {NULL, 0};
        bool there = false;
        assert_int_equal(ops->find(single, c.hash, c.key, &old, &there, NULL), SL_OK);
        assert_int_equal(ops->find_all(together, &asked, 1, &found, NULL), SL_OK);
        assert_int_equal(found.mark != 0, there);
        assert_int_equal(found.value.size, there ? old.size : 0);
        c.key_hash = found.key_hash;
        c.mark = found.mark;
        assert_int_equal(ops->change_all(together, &c, 1, NULL), SL_OK);
        if (c.act != SLI_STATE_PUT) {
            assert_int_equal(ops->remove(single, c.hash, c.key, NULL), SL_OK);
        }
        if (c.act != SLI_STATE_REMOVE) {
            assert_int_equal(ops->put(single, c.hash, c.key, c.value, NULL), SL_OK);
        }
    }
    sli_str_reset(&key);
    sli_str_reset(&value);
}

static void same_deltas(const fixture *a, const fixture *b)
{
    sli_str x = SLI_STR_INIT, y = SLI_STR_INIT;
    assert_int_equal(sli_state_delta(a->store, &x, NULL), SL_OK);
    assert_int_equal(sli_state_delta(b->store, &y, NULL), SL_OK);
    assert_int_equal(x.size, y.size);
    assert_true(x.size == 0 || memcmp(x.data, y.data, x.size) == 0);
    sli_str_reset(&x);
    sli_str_reset(&y);
}

// Groups of one to three epochs; some views are looked at before they are done.
CONTRACT(many_changes_at_once_are_the_same_changes, "")
{
    fixture a, b;
    sli_rng rng = {5};
    if (ops->change_all == NULL) {
        return; // it has them one by one only
    }
    open_store(&a, ops, "counts");
    open_store(&b, ops, "counts");
    for (int64_t epoch = 1; epoch <= 60; epoch++) {
        sli_state_view *together = NULL, *single = NULL;
        assert_int_equal(ops->begin(a.store, a.table, epoch, 0, 1, &together, NULL), SL_OK);
        assert_int_equal(ops->begin(b.store, b.table, epoch, 0, 1, &single, NULL), SL_OK);
        change_both(&a, &rng, together, single);
        if (sli_rng_below(&rng, 3) == 0) {
            compared x = {.f = &a}, y = {.f = &b};
            assert_int_equal(ops->each(together, collect, &x, NULL), SL_OK);
            assert_int_equal(ops->each(single, collect, &y, NULL), SL_OK);
            assert_int_equal(x.n, y.n);
            assert_memory_equal(x.rows, y.rows, (size_t)x.n * sizeof x.rows[0]);
        }
        assert_int_equal(ops->done(together, NULL), SL_OK);
        assert_int_equal(ops->done(single, NULL), SL_OK);
        assert_int_equal(ops->complete(a.store, epoch, NULL), SL_OK);
        assert_int_equal(ops->complete(b.store, epoch, NULL), SL_OK);
        assert_int_equal(ops->keys(a.store, a.table), ops->keys(b.store, b.table));
        if (sli_rng_below(&rng, 3) == 0) {
            same_deltas(&a, &b);
        }
    }
    close_store(&a);
    close_store(&b);
}

// ---------------------------------------------------------------- lengths

enum { N_LENGTHS = 7, N_KEYS = 30 };

/// The value of a key in an epoch, in `value`.
static sl_bytes value_of(int64_t key, int64_t epoch, char *value)
{
    static const size_t lengths[N_LENGTHS] = {0, 1, 29, 30, 31, 500, 31};
    size_t size = lengths[(key + epoch) % N_LENGTHS];
    memset(value, (int)('a' + (key + 3 * epoch) % 20), size);
    return (sl_bytes){value, size};
}

static sl_bytes short_key(int64_t k, char *key)
{
    key[0] = (char)('a' + k % 26);
    key[1] = (char)('a' + k / 26);
    return (sl_bytes){key, 2};
}

/// Every key twice, the second time with another length.
static void put_lengths(const fixture *f, int64_t epoch)
{
    char key[2], value[500];
    sli_state_view *view = NULL;
    const sli_store_ops *ops = f->store->ops;
    assert_int_equal(ops->begin(f->store, f->table, epoch, 0, 1, &view, NULL), SL_OK);
    for (int64_t k = 0; k < N_KEYS; k++) {
        for (int64_t e = epoch - 1; e <= epoch; e++) {
            sl_code rc =
                ops->put(view, (uint64_t)k, short_key(k, key), value_of(k, e, value), NULL);
            assert_int_equal(rc, SL_OK);
        }
    }
    assert_int_equal(ops->done(view, NULL), SL_OK);
    assert_int_equal(ops->complete(f->store, epoch, NULL), SL_OK);
}

static void check_lengths(const fixture *f, int64_t epoch)
{
    char key[2], value[500];
    sli_state_view *view = NULL;
    const sli_store_ops *ops = f->store->ops;
    assert_int_equal(ops->begin(f->store, f->table, epoch, 0, 1, &view, NULL), SL_OK);
    for (int64_t k = 0; k < N_KEYS; k++) {
        sl_bytes want = value_of(k, epoch, value), got = {NULL, 0};
        bool found = false;
        sl_code rc = ops->find(view, (uint64_t)k, short_key(k, key), &got, &found, NULL);
        assert_int_equal(rc, SL_OK);
        assert_true(found);
        assert_int_equal(got.size, want.size);
        assert_true(want.size == 0 || memcmp(got.data, want.data, want.size) == 0);
    }
    ops->drop(view);
}

// A short row lies in its entry: a row grows out of it and comes back, in views, base and deltas.
CONTRACT(rows_of_every_length_are_kept, "")
{
    fixture f, copy;
    sli_str delta = SLI_STR_INIT;
    open_store(&f, ops, "counts");
    open_store(&copy, ops, "counts");
    for (int64_t epoch = 1; epoch <= 2 * N_LENGTHS; epoch++) {
        put_lengths(&f, epoch);
        check_lengths(&f, epoch);
        sli_str_clear(&delta);
        assert_int_equal(sli_state_delta(f.store, &delta, NULL), SL_OK);
        assert_int_equal(ops->apply(copy.store, (sl_bytes){delta.data, delta.size}, NULL), SL_OK);
        check_lengths(&copy, epoch);
    }
    sli_str_reset(&delta);
    close_store(&f);
    close_store(&copy);
}

CONTRACT(is_counted_in_the_budget, "")
{
    sl_error err = SL_ERROR_INIT;
    sli_budget *budget = sli_budget_new(1024);
    sli_store *store = NULL;
    sli_table *table = NULL;
    sli_state_view *view = NULL;
    sl_schema *schema = NULL;
    assert_int_equal(sl_schema_parse(&schema, "k int64", &err), SL_OK);
    sli_table_info info = {"counts", "updateStateByKey", schema, schema, 0};
    sl_env *world = NULL;
    assert_int_equal(sli_env_posix(&world, NULL), SL_OK);
    sli_state_env env = {.env = world, .budget = budget, .dir = new_dir()};
    assert_int_equal(ops->open(&store, &env, &err), SL_OK);
    assert_int_equal(ops->table(store, &info, &table, &err), SL_OK);
    assert_int_equal(ops->begin(store, table, 1, 0, 1, &view, &err), SL_OK);
    char bytes[4096] = {0};
    assert_int_equal(ops->put(view, 0, (sl_bytes){"k", 1}, (sl_bytes){bytes, sizeof bytes}, &err),
                     SL_OK);
    assert_int_equal(ops->done(view, &err), SL_OK);
    assert_int_equal(ops->complete(store, 1, &err), SL_OK);
    assert_true(sli_budget_used(budget) >= 4096);
    assert_int_equal(ops->bytes(store), sli_budget_used(budget));
    ops->close(store);
    sli_env_free(world);
    assert_int_equal(sli_budget_used(budget), 0);
    sli_budget_free(budget);
    sl_schema_unref(schema);
}

CONTRACT(a_refused_allocation_in_a_view_is_told_and_the_base_is_as_it_was, "")
{
    bool reached = true;
    for (int64_t n = 1; reached; n++) {
        fixture f;
        sl_error err = SL_ERROR_INIT;
        sli_state_view *view = NULL;
        open_store(&f, ops, "counts");
        sli_mem_fail_nth(n);
        sl_code rc = f.store->ops->begin(f.store, f.table, 1, 0, 1, &view, &err);
        for (int i = 0; i < 100 && rc == SL_OK; i++) {
            char key[16];
            int size = snprintf(key, sizeof key, "%d", i);
            rc = f.store->ops->put(view, 0, (sl_bytes){key, (size_t)size},
                                   (sl_bytes){key, (size_t)size}, &err);
        }
        sli_mem_fail_nth(0);
        reached = rc != SL_OK; // else n lies past the last allocation
        assert_int_equal(rc, reached ? SL_E_NOMEM : SL_OK);
        assert_true(reached || n > 5);
        f.store->ops->drop(view);
        model empty = {.n = 0};
        check_store(&f, &empty);
        close_store(&f);
    }
}
