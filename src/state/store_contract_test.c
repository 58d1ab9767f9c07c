// The store's contract in single cases: sizes, orders, many keys at once, memory.
#include "state/fixture_test.h"

#include <stdio.h>

/// Loads these keys, `together` at a time; the last code.
static sl_code load_keys(const sli_store_ops *ops, const char *keys, int32_t together,
                         const char *values)
{
    slt_store f;
    sl_code rc = SL_OK;
    int32_t n = (int32_t)strlen(keys);
    sli_state_row rows[8];
    for (int32_t i = 0; i < n; i++) {
        rows[i] = (sli_state_row){keys[i] % 4, {keys + i, 1}, {values + i, 1}};
    }
    slt_store_open(&f, ops, "counts");
    for (int32_t i = 0; i < n && rc == SL_OK; i += together) {
        rc = ops->load(f.store, f.table, rows + i, n - i < together ? n - i : together, NULL);
    }
    assert_true(rc != SL_OK || ops->keys(f.store, f.table) == n);
    slt_store_close(&f);
    return rc;
}

SLT_EVERY_STORE(a_key_that_is_loaded_twice_is_damage, "")
{
    assert_int_equal(load_keys(ops, "abcdefg", 3, "1234567"), SL_OK);
    assert_int_equal(load_keys(ops, "abca", 4, "1231"), SL_E_CORRUPT);
    assert_int_equal(load_keys(ops, "abca", 4, "1232"), SL_E_CORRUPT);
    assert_int_equal(load_keys(ops, "abca", 2, "1231"), SL_E_CORRUPT);
    assert_int_equal(load_keys(ops, "abca", 2, "1232"), SL_E_CORRUPT);
}

SLT_EVERY_STORE(unchanged_values_make_no_delta_and_large_keys_work, "")
{
    slt_store f;
    sli_state_view *view = NULL;
    sli_str delta = SLI_STR_INIT;
    slt_store_open(&f, ops, "counts");
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
    slt_store_close(&f);
}

/// Notes a key's number as a digit; ends at the number in `until`.
typedef struct digits {
    const slt_store *f;
    char text[32];
    int32_t n;
    int64_t until;
} digits;

static sl_code note_digit(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    digits *d = ctx;
    (void)value;
    (void)err;
    int64_t number = slt_store_value(d->f->keys, key);
    assert_int_equal(slot, 7);
    d->text[d->n++] = (char)('0' + number);
    return number == d->until ? SL_E_END : SL_OK;
}

static void oldest_are(const slt_store *f, sli_state_view *view, int64_t until,
                       const char *expected)
{
    digits d = {.f = f, .until = until};
    assert_int_equal(f->store->ops->oldest(view, 7, note_digit, &d, NULL), SL_OK);
    SL_CHECK_TEXT(d.text, expected);
}

/// "+4" puts key 4 of slot 7, "-4" removes it, "?4" fetches it.
static void work(const slt_store *f, sli_state_view *view, const char *what)
{
    const sli_store_ops *ops = f->store->ops;
    sli_str key = SLI_STR_INIT;
    uint64_t ignored = 0, hash = UINT64_C(7) << 54;
    for (; *what != '\0'; what += 2) {
        slt_store_row(f->keys, what[1] - '0', &key, &ignored);
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

SLT_EVERY_STORE(gives_the_oldest_keys_of_a_slot_until_it_is_told_to_end, "")
{
    slt_store f;
    sli_state_view *view = NULL;
    slt_store_open(&f, ops, "counts");
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
    slt_store_close(&f);
}

// ---------------------------------------------------------------- many keys at once

/// What happens to a key, at random; only what is there is removed or moved.
static void draw_change(const slt_store *f, sli_rng *rng, int64_t k, sli_str *key, sli_str *value,
                        sli_state_change *out)
{
    uint64_t ignored = 0;
    slt_store_row(f->keys, k, key, &out->hash);
    slt_store_row(f->values, (int64_t)sli_rng_below(rng, 3), value, &ignored);
    out->act = (sli_state_act)(1 + sli_rng_below(rng, 3));
    out->key = (sl_bytes){key->data, key->size};
    out->value =
        out->act == SLI_STATE_REMOVE ? (sl_bytes){NULL, 0} : (sl_bytes){value->data, value->size};
}

static void change_both(const slt_store *f, sli_rng *rng, sli_state_view *together,
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

static void same_deltas(const slt_store *a, const slt_store *b)
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
SLT_EVERY_STORE(many_changes_at_once_are_the_same_changes, "")
{
    slt_store a, b;
    sli_rng rng = {5};
    if (ops->change_all == NULL) {
        return; // it has them one by one only
    }
    slt_store_open(&a, ops, "counts");
    slt_store_open(&b, ops, "counts");
    for (int64_t epoch = 1; epoch <= 60; epoch++) {
        sli_state_view *together = NULL, *single = NULL;
        assert_int_equal(ops->begin(a.store, a.table, epoch, 0, 1, &together, NULL), SL_OK);
        assert_int_equal(ops->begin(b.store, b.table, epoch, 0, 1, &single, NULL), SL_OK);
        change_both(&a, &rng, together, single);
        if (sli_rng_below(&rng, 3) == 0) {
            slt_store_rows x = {.f = &a}, y = {.f = &b};
            assert_int_equal(ops->each(together, slt_store_collect, &x, NULL), SL_OK);
            assert_int_equal(ops->each(single, slt_store_collect, &y, NULL), SL_OK);
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
    slt_store_close(&a);
    slt_store_close(&b);
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
static void put_lengths(const slt_store *f, int64_t epoch)
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

static void check_lengths(const slt_store *f, int64_t epoch)
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
SLT_EVERY_STORE(rows_of_every_length_are_kept, "")
{
    slt_store f, copy;
    sli_str delta = SLI_STR_INIT;
    slt_store_open(&f, ops, "counts");
    slt_store_open(&copy, ops, "counts");
    for (int64_t epoch = 1; epoch <= 2 * N_LENGTHS; epoch++) {
        put_lengths(&f, epoch);
        check_lengths(&f, epoch);
        sli_str_clear(&delta);
        assert_int_equal(sli_state_delta(f.store, &delta, NULL), SL_OK);
        assert_int_equal(ops->apply(copy.store, (sl_bytes){delta.data, delta.size}, NULL), SL_OK);
        check_lengths(&copy, epoch);
    }
    sli_str_reset(&delta);
    slt_store_close(&f);
    slt_store_close(&copy);
}

SLT_EVERY_STORE(is_counted_in_the_budget, "")
{
    sl_error err = SL_ERROR_INIT;
    sli_budget *budget = sli_budget_new(1024);
    sli_store *store = NULL;
    sli_table *table = NULL;
    sli_state_view *view = NULL;
    sl_schema *schema = NULL;
    assert_int_equal(sl_schema_parse(&schema, "k int64", &err), SL_OK);
    sli_table_info info = {"counts", "updateStateByKey", schema, schema, 0, 0};
    sl_env *world = NULL;
    assert_int_equal(sli_env_posix(&world, NULL), SL_OK);
    sli_state_env env = {.env = world, .budget = budget, .dir = slt_store_dir()};
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

SLT_EVERY_STORE(a_refused_allocation_in_a_view_is_told_and_the_base_is_as_it_was, "")
{
    bool reached = true;
    for (int64_t n = 1; reached; n++) {
        slt_store f;
        sl_error err = SL_ERROR_INIT;
        sli_state_view *view = NULL;
        slt_store_open(&f, ops, "counts");
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
        slt_store_rows left = {.f = &f};
        rc = ops->dump(f.store, f.table, 0, SLI_SLOTS, slt_store_collect, &left, NULL);
        assert_true(rc == SL_OK && left.n == 0 && ops->keys(f.store, f.table) == 0);
        slt_store_close(&f);
    }
}
