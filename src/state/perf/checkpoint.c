/// checkpoint.c — what a checkpoint of much state costs, and its way back.
///
/// Keys are loaded into a store; the whole state is written as a snapshot ("full"); then 1 % of the
/// keys change in one epoch and the group is closed ("delta": what is written and synced before
/// the group counts, and "pause": how long the driver is kept by it, until the next epoch, of as
/// many keys, is completed; with a store on disk also "files": how long they took beside that
/// epoch). With -r a new store takes up the full snapshot that an earlier run has left in DIR
/// ("recover"), which perf/limit/recover.c does by hand. (perf/README.md)
///
///     checkpoint [-k THOUSAND_KEYS] [-s memory|rocksdb] [-m MEMORY_MIB] DIR
///     checkpoint -r [-k THOUSAND_KEYS] DIR
#include "fs/fs.h"
#include "state/state.h"

#include <sys/stat.h>
#include <unistd.h>

#include "perf/limit/recover_rows.h"

typedef struct bench {
    sl_env *env;
    sli_budget *budget;
    const sli_store_ops *ops;
    sli_store *store;
    sli_table *table;
    sli_table_info info;
    recover_plan plan;
    const char *store_name;
    int64_t memory_bytes;
    bool recovers;
} bench;

static void check(sl_code rc, const sl_error *err)
{
    if (rc != SL_OK) {
        limit_die("%s", err->text);
    }
}

static bench bench_of(int argc, char **argv)
{
    bench b = {.plan = {.n_keys = 10000000}, .store_name = "memory", .memory_bytes = 256 << 20};
    for (int opt; (opt = getopt(argc, argv, "k:s:m:r")) != -1;) {
        if (opt == 'k') {
            b.plan.n_keys = 1000 * limit_number("-k", optarg, 1, 1000000);
        } else if (opt == 's') {
            b.store_name = optarg;
        } else if (opt == 'm') {
            b.memory_bytes = limit_number("-m", optarg, 1, 1 << 20) << 20;
        } else if (opt == 'r') {
            b.recovers = true;
        } else {
            limit_die("usage: %s [-r] [-k THOUSAND_KEYS] [-s STORE] [-m MEMORY_MIB] DIR", argv[0]);
        }
    }
    if (optind != argc - 1) {
        limit_die("%s: the directory is missing", argv[0]);
    }
    b.plan.dir = argv[optind];
    for (int i = 0; sli_stores[i] != NULL; i++) {
        b.ops = strcmp(sli_stores[i]->name, b.store_name) == 0 ? sli_stores[i] : b.ops;
    }
    if (b.ops == NULL) {
        limit_die("there is no store '%s'", b.store_name);
    }
    return b;
}

static void open_store(bench *b)
{
    char dir[512];
    sl_error err = SL_ERROR_INIT;
    snprintf(dir, sizeof dir, "%s/work", b->plan.dir);
    sli_state_env env = {
        .env = b->env, .budget = b->budget, .dir = dir, .memory_bytes = b->memory_bytes};
    check(b->ops->open(&b->store, &env, &err), &err);
    check(b->ops->table(b->store, &b->info, &b->table, &err), &err);
}

// ---------------------------------------------------------------- rows

enum { CHUNK = 4096 };

/// Keys [from, from + n) and their states, as batches.
typedef struct rows {
    sl_builder *keys, *values;
    sli_str key, value;
    uint64_t hashes[CHUNK];
} rows;

static rows *rows_new(const bench *b)
{
    rows *r = sl_alloc_zero(SLI_TAG_STATE, sizeof *r);
    if (r == NULL) {
        limit_die("no memory");
    }
    sl_error err = SL_ERROR_INIT;
    check(sl_builder_new(&r->keys, b->info.keys, &err), &err);
    check(sl_builder_new(&r->values, b->info.values, &err), &err);
    return r;
}

static void rows_free(rows *r)
{
    sl_builder_free(r->keys);
    sl_builder_free(r->values);
    sli_str_reset(&r->key);
    sli_str_reset(&r->value);
    sl_free(r);
}

typedef void (*row_fn)(bench *b, uint64_t hash, sl_bytes key, sl_bytes value);

static void make_rows(bench *b, rows *r, int64_t from, int64_t step, int64_t n, int64_t count,
                      row_fn each)
{
    static const int32_t columns[2] = {0, 1};
    char text[RECOVER_KEY_BYTES];
    sl_batch *keys = NULL, *values = NULL;
    sl_error err = SL_ERROR_INIT;
    for (int64_t i = 0; i < n; i++) {
        recover_key(from + i * step, text);
        sl_builder_text(r->keys, 0, text, sizeof text);
        sl_builder_int64(r->values, 0, count);
        sl_builder_float64(r->values, 1, recover_sum(from + i * step));
    }
    check(sl_builder_finish(r->keys, &keys, &err), &err);
    check(sl_builder_finish(r->values, &values, &err), &err);
    sli_batch_hash(keys, columns, 1, r->hashes);
    for (int64_t i = 0; i < n; i++) {
        sli_str_clear(&r->key);
        sli_str_clear(&r->value);
        sli_row_put(&r->key, keys, columns, 1, i);
        sli_row_put(&r->value, values, columns, 2, i);
        each(b, r->hashes[i], (sl_bytes){r->key.data, r->key.size},
             (sl_bytes){r->value.data, r->value.size});
    }
    sl_batch_unref(keys);
    sl_batch_unref(values);
}

static sli_state_view *view; // the one view that put_row writes to

static void put_row(bench *b, uint64_t hash, sl_bytes key, sl_bytes value)
{
    sl_error err = SL_ERROR_INIT;
    check(b->ops->put(view, hash, key, value, &err), &err);
}

static void work(bench *b, rows *r, int64_t number, int64_t from, int64_t step, int64_t n,
                 int64_t count)
{
    sl_error err = SL_ERROR_INIT;
    check(b->ops->begin(b->store, b->table, number, 0, 1, &view, &err), &err);
    for (int64_t i = 0; i < n; i += CHUNK) {
        make_rows(b, r, from + i * step, step, n - i < CHUNK ? n - i : CHUNK, count, put_row);
    }
    check(b->ops->done(view, &err), &err);
}

static void complete(bench *b, int64_t number)
{
    sl_error err = SL_ERROR_INIT;
    check(b->ops->complete(b->store, number, &err), &err);
}

static void epoch(bench *b, rows *r, int64_t number, int64_t from, int64_t step, int64_t n,
                  int64_t count)
{
    work(b, r, number, from, step, n, count);
    complete(b, number);
}

static void fill(bench *b, rows *r)
{
    enum { EPOCH = 500000 };
    sli_str delta = {.tag = SLI_TAG_STATE};
    sl_error err = SL_ERROR_INIT;
    for (int64_t i = 0; i < b->plan.n_keys; i += EPOCH) {
        int64_t n = b->plan.n_keys - i < EPOCH ? b->plan.n_keys - i : EPOCH;
        epoch(b, r, 1 + i / EPOCH, i, 1, n, 1);
        sli_str_clear(&delta);
        check(sli_state_delta(b->store, &delta, &err), &err);
    }
    sli_str_reset(&delta);
}

// ---------------------------------------------------------------- files

static int64_t write_file(bench *b, const char *name, const sli_str *bytes)
{
    char path[512];
    sli_file *file = NULL;
    sl_error err = SL_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", b->plan.dir, name);
    check(sli_file_open(b->env, path, SLI_CREATE, &file, &err), &err);
    check(sli_file_write(file, bytes->data, bytes->size, &err), &err);
    check(sli_file_sync(file, &err), &err);
    sli_file_close(&file);
    return (int64_t)bytes->size;
}

/// Every key, in the files that recovery reads.
static int64_t write_parts(bench *b)
{
    int64_t bytes = 0;
    for (int32_t part = 0; part < SLI_SNAPSHOT_PARTS; part++) {
        char name[32];
        sli_str text = {.tag = SLI_TAG_STATE};
        sl_error err = SL_ERROR_INIT;
        snprintf(name, sizeof name, "part-%02d.arrow", part);
        check(sli_state_snapshot_part(b->store, b->table, &b->info, part, &text, &err), &err);
        bytes += write_file(b, name, &text);
        sli_str_reset(&text);
    }
    return bytes;
}

typedef struct files {
    bench *b;
    const char *dir;
    int64_t bytes;
} files;

/// Files of a store that no older checkpoint has: those with one more name only, the store's.
static sl_code count_new(void *ctx, const char *name, sl_error *err)
{
    files *f = ctx;
    char path[1024];
    struct stat st;
    (void)err;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    if (stat(path, &st) == 0 && st.st_nlink <= 2) {
        f->bytes += st.st_size;
    }
    return SL_OK;
}

/// The store's own files, linked and durable; bytes of those that the last checkpoint has not.
static int64_t link_files(bench *b, int number)
{
    char dir[512];
    sl_error err = SL_ERROR_INIT;
    snprintf(dir, sizeof dir, "%s/at-%d", b->plan.dir, number);
    check(b->ops->checkpoint(b->store, dir, &err), &err);
    files f = {b, dir, 0};
    check(sli_env_list(b->env, dir, count_new, &f, &err), &err);
    return f.bytes;
}

// ---------------------------------------------------------------- figures

typedef struct cost {
    double ms, mb;
    double pause_ms; ///< the driver is kept
    double files_ms; ///< until a store on disk has made its files
} cost;

static double ms_since(int64_t ns)
{
    return (double)(limit_wall_ns() - ns) / 1e6;
}

static cost full(bench *b)
{
    int64_t begun = limit_wall_ns();
    int64_t bytes = b->ops->checkpoint == NULL ? write_parts(b) : link_files(b, 1);
    return (cost){.ms = ms_since(begun), .mb = (double)bytes / 1e6};
}

/// The store's files being made on the compactor's thread.
typedef struct making {
    bench *b;
    int64_t bytes;
    double ms;
} making;

static void make_files(void *ctx)
{
    making *m = ctx;
    int64_t begun = limit_wall_ns();
    m->bytes = link_files(m->b, 2);
    m->ms = ms_since(begun);
}

/// The next epoch changes as many keys; the driver waits for the files before it completes it.
static double next_epoch(bench *b, rows *r, SL_TAKES sli_strand *compactor)
{
    work(b, r, 1000001, 1, 100, b->plan.n_keys / 100, 2);
    int64_t begun = limit_wall_ns();
    sli_strand_free(compactor);
    double waited = ms_since(begun);
    complete(b, 1000001);
    return waited;
}

/// The group with the changed keys is closed: the driver cuts its changes off, and another thread
/// makes them a file and syncs it. A store on disk also gives its files, while the next epoch runs.
static cost changed(bench *b, rows *r)
{
    sli_str delta = {.tag = SLI_TAG_STATE};
    sli_changes *changes = NULL;
    making m = {.b = b};
    sli_strand *compactor = sli_strand_new(b->env, "sl-compactor");
    sl_error err = SL_ERROR_INIT;
    int64_t begun = limit_wall_ns();
    check(b->ops->cut(b->store, &changes, &err), &err);
    if (b->ops->checkpoint != NULL && !sli_strand_post(compactor, make_files, &m)) {
        limit_die("no room in the compactor's queue");
    }
    cost c = {.pause_ms = ms_since(begun)};
    begun = limit_wall_ns();
    check(sli_changes_put(changes, &delta, &err), &err);
    sli_changes_free(changes);
    int64_t bytes = write_file(b, "delta", &delta);
    sli_str_reset(&delta);
    c.ms = c.pause_ms + ms_since(begun);
    c.pause_ms += next_epoch(b, r, compactor);
    c.mb = (double)(bytes + m.bytes) / 1e6;
    c.files_ms = m.ms;
    return c;
}

static sli_buffer *read_part(bench *b, int32_t part)
{
    char path[512], *bytes = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    snprintf(path, sizeof path, "%s/part-%02d.arrow", b->plan.dir, part);
    check(sli_env_read_file(b->env, path, INT32_MAX, &bytes, &size, &err), &err);
    sli_buffer *buffer = sli_buffer_new((int64_t)size);
    if (buffer == NULL) {
        limit_die("no memory");
    }
    memcpy(sli_buffer_data(buffer), bytes, size);
    sl_free(bytes);
    return buffer;
}

/// CPU time of a store that takes all parts up.
static void measure_recovery(bench *b)
{
    int64_t begun = limit_thread_cpu_ns();
    for (int32_t part = 0; part < SLI_SNAPSHOT_PARTS; part++) {
        sl_error err = SL_ERROR_INIT;
        sli_buffer *bytes = read_part(b, part);
        check(sli_state_restore_part(b->store, b->table, &b->info, bytes, &err), &err);
        sli_buffer_unref(bytes);
    }
    double ms = (double)(limit_thread_cpu_ns() - begun) / 1e6;
    if (b->ops->keys(b->store, b->table) != b->plan.n_keys) {
        limit_die("%lld keys came back", (long long)b->ops->keys(b->store, b->table));
    }
    printf("recover_ms=%.1f\n", ms);
}

static void measure_checkpoints(bench *b)
{
    rows *r = rows_new(b);
    fill(b, r);
    cost all = full(b);
    epoch(b, r, 1000000, 0, 100, b->plan.n_keys / 100, 2);
    cost some = changed(b, r);
    printf("full_ms=%.1f full_mb=%.1f delta_ms=%.1f delta_mb=%.2f pause_ms=%.2f files_ms=%.1f\n",
           all.ms, all.mb, some.ms, some.mb, some.pause_ms, some.files_ms);
    rows_free(r);
}

int main(int argc, char **argv)
{
    bench b = bench_of(argc, argv);
    sl_schema *keys = NULL, *values = NULL;
    sl_error err = SL_ERROR_INIT;
    b.budget = sli_budget_new(INT64_MAX);
    check(sli_env_posix(&b.env, &err), &err);
    check(sl_schema_parse(&keys, RECOVER_KEYS, &err), &err);
    check(sl_schema_parse(&values, RECOVER_VALUES, &err), &err);
    b.info = (sli_table_info){.uid = "counts", .kind = "perf", .keys = keys, .values = values};
    open_store(&b);
    if (b.recovers) {
        measure_recovery(&b);
    } else {
        measure_checkpoints(&b);
    }
    b.ops->close(b.store);
    sl_schema_unref(keys);
    sl_schema_unref(values);
    sli_budget_free(b.budget);
    sli_env_free(b.env);
    return 0;
}
