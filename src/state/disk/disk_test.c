// What only the disk store has: state that is much larger than its memory, slots too large to sort
// at once, checkpoints by hard links, files that are damaged or gone, and an engine that fails at
// any call.
#include "state/disk/disk_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sl_test.h"

typedef struct bed {
    sl_env *env;
    sli_budget *budget;
    sli_store *store;
    sli_table *table;
    sl_schema *schema;
} bed;

static const char *in_dir(const char *name)
{
    static char paths[8][600];
    static int n;
    char *path = paths[n++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", slt_temp_dir(), name);
    return path;
}

static void need_rocksdb(void)
{
    if (!SLT_ROCKSDB) {
        slt_not_here("a build without RocksDB");
    }
}

static sl_code declare(bed *b, const char *uid, const char *columns, sli_table **out, sl_error *err)
{
    sl_schema *values = NULL;
    assert_int_equal(sl_schema_parse(&values, columns, NULL), SL_OK);
    sli_table_info info = {uid, "updateStateByKey", b->schema, values, 0, 0};
    sl_code rc = b->store->ops->table(b->store, &info, out, err);
    sl_schema_unref(values);
    return rc;
}

/// The store takes a quarter of the budget, as in a job.
static void bed_open_with(bed *b, const char *dir, int64_t budget_bytes)
{
    static char path[600];
    *b = (bed){.budget = sli_budget_new(budget_bytes)};
    (void)snprintf(path, sizeof path, "%s", in_dir(dir));
    assert_int_equal(sli_env_posix(&b->env, NULL), SL_OK);
    assert_int_equal(sl_schema_parse(&b->schema, "k string", NULL), SL_OK);
    sli_state_env env = {
        .env = b->env, .budget = b->budget, .dir = path, .memory_bytes = budget_bytes / 4};
    assert_int_equal(sli_store_rocksdb.open(&b->store, &env, NULL), SL_OK);
    assert_int_equal(declare(b, "counts", "v string", &b->table, NULL), SL_OK);
}

static void bed_open(bed *b, const char *dir)
{
    bed_open_with(b, dir, 1 << 20);
}

static void bed_close(bed *b)
{
    b->store->ops->close(b->store);
    assert_int_equal(sli_budget_used(b->budget), 0);
    sli_budget_free(b->budget);
    sl_schema_unref(b->schema);
    sli_env_free(b->env);
}

// ---------------------------------------------------------------- more than memory

enum { EPOCH_KEYS = 20000 };

/// An epoch that counts keys [from, from + EPOCH_KEYS) once more; they come in no order of bytes.
static void count_epoch(bed *b, int64_t epoch, int64_t from)
{
    const sli_store_ops *ops = b->store->ops;
    sli_state_view *view = NULL;
    sli_str delta = {.tag = SLI_TAG_TEST};
    assert_int_equal(ops->begin(b->store, b->table, epoch, 0, 1, &view, NULL), SL_OK);
    for (int64_t i = from; i < from + EPOCH_KEYS; i++) {
        uint64_t name = sli_mix64((uint64_t)i);
        int64_t count = epoch;
        assert_int_equal(ops->put(view, name, (sl_bytes){&name, sizeof name},
                                  (sl_bytes){&count, sizeof count}, NULL),
                         SL_OK);
    }
    assert_int_equal(ops->done(view, NULL), SL_OK);
    assert_int_equal(ops->complete(b->store, epoch, NULL), SL_OK);
    assert_int_equal(sli_state_delta(b->store, &delta, NULL), SL_OK);
    sli_str_reset(&delta);
}

static sl_code add_up(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    int64_t *sum = ctx, count = 0;
    assert_int_equal(slot, sli_slot_of(*(const uint64_t *)key.data));
    memcpy(&count, value.data, sizeof count);
    *sum += count;
    (void)err;
    return SL_OK;
}

SL_TEST(keys_far_beyond_memory_are_kept_in_a_budget_of_8_mib, "BOUNDED-1")
{
    need_rocksdb();
    const int64_t budget = 8 << 20, n_keys = slt_is_soak() ? 20000000 : 500000,
                  n_epochs = n_keys / EPOCH_KEYS;
    bed b;
    bed_open_with(&b, "many", budget);
    int64_t sum = 0, expected = 0, before = sli_env_resident_bytes(b.env), most = before;
    for (int64_t epoch = 1; epoch <= n_epochs; epoch++) {
        count_epoch(&b, epoch, (epoch - 1) * EPOCH_KEYS);
        expected += epoch * EPOCH_KEYS;
        int64_t now = sli_env_resident_bytes(b.env);
        most = now > most ? now : most;
    }
    count_epoch(&b, n_epochs + 1, 0); // the first ones again
    expected += n_epochs * EPOCH_KEYS;
    assert_int_equal(b.store->ops->keys(b.store, b.table), n_keys);
    assert_int_equal(b.store->ops->dump(b.store, b.table, 0, SLI_SLOTS, add_up, &sum, NULL), SL_OK);
    assert_int_equal(sum, expected);
    assert_true(sli_budget_peak(b.budget) <= budget);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they keep what was freed
    if (most - before > 48 << 20) {
        fail_msg("%lld MiB more than before", (long long)(most - before) >> 20);
    }
#endif
    bed_close(&b);
}

// ---------------------------------------------------------------- order

/// Puts keys [from, to) into slot 0, each with a value of `size` bytes that begins with its number.
/// A view with keys that are not yet in the base.
static sl_code work_on(bed *b, int64_t epoch, int from, int to, size_t size, sl_error *err)
{
    const sli_store_ops *ops = b->store->ops;
    sli_state_view *view = NULL;
    char key[16];
    char *value = sl_alloc_zero(SLI_TAG_TEST, size);
    sl_code rc = ops->begin(b->store, b->table, epoch, 0, 1, &view, err);
    for (int i = from; i < to && rc == SL_OK; i++) {
        // Key bytes are not in the order of their ages.
        int n = snprintf(key, sizeof key, "%05d", (i * 7919) % 100000);
        (void)snprintf(value, size, "%d", i);
        rc = ops->put(view, 0, (sl_bytes){key, (size_t)n}, (sl_bytes){value, size}, err);
    }
    sl_free(value);
    if (rc != SL_OK) {
        ops->drop(view);
        return rc;
    }
    return ops->done(view, err);
}

static sl_code put_keys(bed *b, int64_t epoch, int from, int to, size_t size, sl_error *err)
{
    SL_TRY(work_on(b, epoch, from, to, size, err));
    return b->store->ops->complete(b->store, epoch, err);
}

static sl_code check_number(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    int *next = ctx;
    (void)slot;
    (void)key;
    (void)value;
    (void)err;
    if (atoi(value.data) != *next) {
        return sl_error_set(err, SL_E_DATA, "%s comes where %d should", (const char *)value.data,
                            *next);
    }
    (*next)++;
    return SL_OK;
}

/// All keys, or how far it came.
static sl_code count_keys(bed *b, int *n, sl_error *err)
{
    *n = 0;
    return b->store->ops->dump(b->store, b->table, 0, SLI_SLOTS, check_number, n, err);
}

static void check_keys(bed *b, int n)
{
    int found = 0;
    sl_error err = SL_ERROR_INIT;
    if (count_keys(b, &found, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(found, n);
    assert_int_equal(b->store->ops->keys(b->store, b->table), n);
}

// ---------------------------------------------------------------- order

SL_TEST(a_slot_larger_than_the_sort_memory_is_passed_over_in_order, "BOUNDED-1")
{
    enum { KEYS = 300, VALUE_BYTES = 60000 }; // 17 MiB in one slot
    bed b;
    need_rocksdb();
    bed_open(&b, "store");
    assert_int_equal(put_keys(&b, 1, 0, KEYS, VALUE_BYTES, NULL), SL_OK);
    int64_t before = sli_budget_peak(b.budget);
    check_keys(&b, KEYS);
    assert_true(sli_budget_peak(b.budget) <= before + SLI_SORT_BYTES);
    bed_close(&b);
}

SL_TEST(rows_stand_in_the_order_of_their_ages_however_large_these_are, "DETERMINISM-1")
{
    bed b;
    need_rocksdb();
    for (int32_t bits = 8; bits < 64; bits += 8) { // ages differ in this byte and the lower ones
        bed_open(&b, "store");
        ((sli_disk *)b.store)->next_age = (UINT64_C(1) << bits) - 150;
        assert_int_equal(put_keys(&b, 1, 0, 300, 40, NULL), SL_OK);
        check_keys(&b, 300);
        bed_close(&b);
    }
}

// ---------------------------------------------------------------- checkpoints

SL_TEST(a_checkpoint_is_the_base_of_its_moment_and_stays_it, "")
{
    bed b, other;
    need_rocksdb();
    bed_open(&b, "store");
    assert_int_equal(put_keys(&b, 1, 0, 500, 40, NULL), SL_OK);
    assert_int_equal(b.store->ops->checkpoint(b.store, in_dir("at-1"), NULL), SL_OK);
    assert_int_equal(put_keys(&b, 2, 500, 900, 40, NULL), SL_OK);
    assert_int_equal(b.store->ops->checkpoint(b.store, in_dir("at-2"), NULL), SL_OK);
    for (int turn = 0; turn < 2; turn++) { // whoever took it over has not changed it
        bed_open(&other, "other");
        assert_int_equal(other.store->ops->restore(other.store, in_dir("at-1"), NULL), SL_OK);
        check_keys(&other, 500);
        assert_int_equal(put_keys(&other, 2, 500, 777, 40, NULL), SL_OK);
        check_keys(&other, 777);
        bed_close(&other);
    }
    check_keys(&b, 900);
    bed_close(&b);
    bed_open(&other, "other");
    assert_int_equal(other.store->ops->restore(other.store, in_dir("at-2"), NULL), SL_OK);
    check_keys(&other, 900);
    bed_close(&other);
}

typedef struct making {
    sli_store *store;
    const char *dir;
    sl_code rc;
} making;

static void make_checkpoint(void *ctx)
{
    making *m = ctx;
    m->rc = m->store->ops->checkpoint(m->store, m->dir, NULL);
}

SL_TEST(a_checkpoint_is_made_while_a_task_works_on_the_base, "")
{
    bed b, other;
    need_rocksdb();
    bed_open(&b, "store");
    assert_int_equal(put_keys(&b, 1, 0, 5000, 40, NULL), SL_OK);
    making m = {b.store, in_dir("at-1"), SL_E_STATE};
    sli_strand *strand = sli_strand_new(b.env, "sl-compactor");
    assert_true(sli_strand_post(strand, make_checkpoint, &m));
    check_keys(&b, 5000);
    assert_int_equal(work_on(&b, 2, 5000, 9000, 40, NULL), SL_OK); // reads the base, too
    sli_strand_free(strand);
    assert_int_equal(m.rc, SL_OK);
    assert_int_equal(b.store->ops->complete(b.store, 2, NULL), SL_OK);
    check_keys(&b, 9000);
    bed_open(&other, "other");
    assert_int_equal(other.store->ops->restore(other.store, m.dir, NULL), SL_OK);
    check_keys(&other, 5000);
    bed_close(&other);
    bed_close(&b);
}

SL_TEST(tables_come_back_by_uid_and_others_are_dropped_or_refused, "")
{
    bed b, other;
    sli_table *second = NULL, *third = NULL;
    sl_error err = SL_ERROR_INIT;
    need_rocksdb();
    bed_open(&b, "store");
    assert_int_equal(declare(&b, "second", "v string", &second, NULL), SL_OK);
    b.table = second; // keys in the second table only
    assert_int_equal(put_keys(&b, 1, 0, 50, 40, NULL), SL_OK);
    assert_int_equal(b.store->ops->checkpoint(b.store, in_dir("at-1"), NULL), SL_OK);
    bed_close(&b);

    bed_open(&other, "other"); // "counts", then a new one, then "second"
    assert_int_equal(declare(&other, "third", "v string", &third, NULL), SL_OK);
    assert_int_equal(declare(&other, "second", "v string", &second, NULL), SL_OK);
    assert_int_equal(other.store->ops->restore(other.store, in_dir("at-1"), NULL), SL_OK);
    assert_int_equal(other.store->ops->keys(other.store, other.table), 0);
    other.table = third;
    assert_int_equal(put_keys(&other, 2, 0, 7, 40, NULL), SL_OK);
    check_keys(&other, 7);
    other.table = second;
    check_keys(&other, 50);
    bed_close(&other);

    bed_open(&other, "other"); // "counts" alone: "second" goes, and stays gone
    assert_int_equal(other.store->ops->restore(other.store, in_dir("at-1"), NULL), SL_OK);
    assert_int_equal(declare(&other, "second", "v string", &second, NULL), SL_OK);
    other.table = second;
    check_keys(&other, 0);
    bed_close(&other);

    bed_open(&other, "other");
    assert_int_equal(declare(&other, "second", "v int64", &second, NULL), SL_OK);
    assert_int_equal(other.store->ops->restore(other.store, in_dir("at-1"), &err),
                     SL_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "state of second was kept by"));
    bed_close(&other);
}

typedef struct linked {
    const char *dir;
    int files, twice;
} linked;

static sl_code count_links(void *ctx, const char *name, sl_error *err)
{
    linked *l = ctx;
    char path[700];
    struct stat st;
    (void)err;
    (void)snprintf(path, sizeof path, "%s/%s", l->dir, name);
    assert_int_equal(stat(path, &st), 0);
    if (strstr(name, ".sst") != NULL) {
        l->files++;
        l->twice += st.st_nlink > 1;
    }
    return SL_OK;
}

SL_TEST(a_checkpoint_shares_files_with_the_store, "")
{
    bed b;
    need_rocksdb();
    bed_open(&b, "store");
    assert_int_equal(put_keys(&b, 1, 0, 1000, 100, NULL), SL_OK);
    assert_int_equal(b.store->ops->checkpoint(b.store, in_dir("at-1"), NULL), SL_OK);
    linked l = {.dir = in_dir("at-1")};
    assert_int_equal(sli_env_list(b.env, l.dir, count_links, &l, NULL), SL_OK);
    assert_true(l.files > 0);
    assert_int_equal(l.twice, l.files);
    bed_close(&b);
}

// ---------------------------------------------------------------- damage

typedef struct spoiling {
    sl_env *env;
    const char *dir;
    int64_t at; ///< byte of the table file that is flipped
    int64_t size;
} spoiling;

static sl_code spoil(void *ctx, const char *name, sl_error *err)
{
    spoiling *s = ctx;
    char path[700], *bytes = NULL;
    size_t size = 0;
    if (strstr(name, ".sst") == NULL) {
        return SL_OK;
    }
    (void)snprintf(path, sizeof path, "%s/%s", s->dir, name);
    SL_TRY(sli_env_read_file(s->env, path, 1 << 24, &bytes, &size, err));
    s->size = (int64_t)size;
    bytes[s->at] = (char)(bytes[s->at] ^ 0x40);
    sl_code rc = sli_env_write_file(s->env, path, bytes, size, err);
    sl_free(bytes);
    return rc;
}

SL_TEST(a_flipped_byte_in_a_table_file_is_an_error_never_another_row, "ERRORS-2")
{
    bed b;
    need_rocksdb();
    spoiling s = {.size = 1};
    for (s.at = 0; s.at < s.size; s.at += s.size / 40 + 1) {
        sl_error err = SL_ERROR_INIT;
        int n = 0;
        bed_open(&b, "store");
        assert_int_equal(put_keys(&b, 1, 0, 400, 40, NULL), SL_OK);
        assert_int_equal(b.store->ops->checkpoint(b.store, in_dir("at-1"), NULL), SL_OK);
        s.env = b.env;
        s.dir = in_dir("at-1");
        assert_int_equal(sli_env_list(b.env, s.dir, spoil, &s, NULL), SL_OK);
        sl_code rc = b.store->ops->restore(b.store, s.dir, &err);
        rc = rc == SL_OK ? count_keys(&b, &n, &err) : rc;
        if (rc == SL_OK) {
            assert_int_equal(n, 400); // a byte that nobody reads
        } else {
            assert_int_equal(rc, SL_E_CORRUPT);
            assert_non_null(strstr(err.text, "RocksDB"));
        }
        sli_fs *fs = ((sli_disk *)b.store)->fs;
        assert_int_equal(fs->ops->remove(fs, s.dir, NULL), SL_OK);
        bed_close(&b);
    }
    assert_true(s.size > 1000);
}

SL_TEST(a_checkpoint_without_its_files_is_refused, "ERRORS-2")
{
    bed b;
    sl_error err = SL_ERROR_INIT;
    need_rocksdb();
    bed_open(&b, "store");
    assert_int_equal(sli_env_mkdirs(b.env, in_dir("empty"), NULL), SL_OK);
    assert_int_equal(b.store->ops->restore(b.store, in_dir("empty"), &err), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "no list of tables"));
    bed_close(&b);
    bed_open(&b, "store");
    assert_int_equal(b.store->ops->restore(b.store, in_dir("nowhere"), &err), SL_E_NOT_FOUND);
    bed_close(&b);
}

SL_TEST(a_store_whose_directory_is_taken_away_says_so, "ERRORS-5")
{
    bed b;
    sl_error err = SL_ERROR_INIT;
    need_rocksdb();
    bed_open(&b, "store");
    sli_fs *fs = ((sli_disk *)b.store)->fs;
    assert_int_equal(fs->ops->remove(fs, in_dir("store"), NULL), SL_OK);
    sl_code rc = SL_OK;
    for (int i = 0; i < 40 && rc == SL_OK; i++) { // until what is kept in memory must go to a file
        rc = put_keys(&b, i + 1, i * 100, i * 100 + 100, 4000, &err);
    }
    assert_int_equal(rc, SL_E_IO);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    assert_non_null(strstr(err.text, in_dir("store")));
    bed_close(&b);
}

// ---------------------------------------------------------------- an engine that fails

static const sli_kv_ops *real;
static int fail_at, calls;

static sl_code now(sl_error *err)
{
    return ++calls == fail_at ? sl_error_set(err, SL_E_NO_SPACE, "planted: call %d", calls) : SL_OK;
}

static sl_code failing_open(sli_kv **out, const sli_kv_conf *conf, sl_error *err)
{
    SL_TRY(now(err));
    return real->open(out, conf, err);
}

static sl_code failing_get(sli_kv *kv, sl_bytes key, sl_bytes *value, void **held, sl_error *err)
{
    SL_TRY(now(err));
    return real->get(kv, key, value, held, err);
}

static sl_code failing_get_many(sli_kv *kv, const sl_bytes *keys, int32_t n, sli_kv_many_fn each,
                                void *ctx, sl_error *err)
{
    SL_TRY(now(err));
    return real->get_many(kv, keys, n, each, ctx, err);
}

static sl_code failing_scan(sli_kv *kv, sl_bytes from, sl_bytes to, sli_kv_fn each, void *ctx,
                            sl_error *err)
{
    SL_TRY(now(err));
    return real->scan(kv, from, to, each, ctx, err);
}

static sl_code failing_write(sli_kv *kv, sl_error *err)
{
    SL_TRY(now(err));
    return real->write(kv, err);
}

static sl_code failing_checkpoint(sli_kv *kv, const char *dir, sl_error *err)
{
    SL_TRY(now(err));
    return real->checkpoint(kv, dir, err);
}

static sl_code work(bed *b, sl_error *err)
{
    int n = 0;
    SL_TRY(put_keys(b, 1, 0, 60, 40, err));
    SL_TRY(count_keys(b, &n, err));
    SL_TRY(b->store->ops->checkpoint(b->store, in_dir("at"), err));
    return b->store->ops->restore(b->store, in_dir("at"), err);
}

SL_TEST(whichever_call_of_the_engine_fails_is_told_and_nothing_leaks, "EXACTLY-ONCE-2")
{
    need_rocksdb();
    sl_code rc = SL_E_NO_SPACE;
    for (fail_at = 1; rc != SL_OK; fail_at++) {
        bed b;
        sl_error err = SL_ERROR_INIT;
        bed_open(&b, "store");
        sli_disk *disk = (sli_disk *)b.store;
        real = disk->ops;
        sli_kv_ops failing = *real;
        failing.open = failing_open;
        failing.get = failing_get;
        failing.get_many = failing_get_many;
        failing.scan = failing_scan;
        failing.write = failing_write;
        failing.checkpoint = failing_checkpoint;
        disk->ops = &failing;
        calls = 0;
        rc = work(&b, &err);
        assert_true(rc == SL_OK || (rc == SL_E_NO_SPACE && strstr(err.text, "planted") != NULL));
        (void)disk->fs->ops->remove(disk->fs, in_dir("at"), NULL);
        bed_close(&b);
    }
    assert_true(fail_at >
                7); // look-ups, a write, a scan, the list of tables, checkpoint, open, get
}
