/// fixture_test.c — see fixture_test.h.
#include "sink/fixture_test.h"

#include <inttypes.h>
#include <stdio.h>

#include "format/reread_test.h"
#include "fs/fs.h"
#include "namenode.h"
#include "sink/sqlite/sqlite_int.h"

static const char job_id[] = "00112233445566778899aabbccddeeff";

const slt_kind slt_file = {.name = "file", .url = "file:/data/out?format=csv"};
const slt_kind slt_directory = {
    .name = "directory", .url = "file:/data/out?format=csv&layout=directory", .by_partition = true};
const slt_kind slt_rolled = {.name = "rolled",
                             .url = "file:/data/out?format=csv&roll_groups=2",
                             .gathers = 2,
                             .fences = true};
const slt_kind slt_arrow = {
    .name = "arrow", .url = "file:/data/out?format=arrow&layout=directory", .by_partition = true};
const slt_kind slt_rolled_arrow = {.name = "rolled arrow",
                                   .url = "file:/data/out?format=arrow&roll_groups=2",
                                   .gathers = 2,
                                   .fences = true};
const slt_kind slt_sqlite = {
    .name = "sqlite", .url = "sqlite:/data/db.sqlite?table=counts", .fences = true};
const slt_kind slt_kafka = {
    .name = "kafka", .url = "kafka://sim:9092/out?format=csv", .fences = true, .remote = true};
const slt_kind slt_hdfs = {
    .name = "hdfs", .url = "hdfs://nn1/data/out?format=csv&piece=1KiB", .remote = true};
const slt_kind slt_hdfs_directory = {.name = "hdfs directory",
                                     .url = "hdfs://nn1/data/out?format=csv&layout=directory",
                                     .by_partition = true,
                                     .remote = true};
const slt_kind slt_hdfs_rolled = {.name = "hdfs rolled",
                                  .url = "hdfs://nn1/data/out?format=csv&roll_groups=2",
                                  .gathers = 2,
                                  .fences = true,
                                  .remote = true};

const slt_kind slt_real_hdfs = {
    .name = "real hdfs", .url = "out?format=csv&piece=1KiB", .remote = true, .real = true};
const slt_kind slt_real_hdfs_directory = {.name = "real hdfs directory",
                                          .url = "out?format=csv&layout=directory",
                                          .by_partition = true,
                                          .remote = true,
                                          .real = true};
const slt_kind slt_real_hdfs_rolled = {.name = "real hdfs rolled",
                                       .url = "out?format=csv&roll_groups=2",
                                       .gathers = 2,
                                       .fences = true,
                                       .remote = true,
                                       .real = true};

const slt_kind slt_postgres = {
    .name = "postgres", .url = "postgres://sim/db/counts", .fences = true, .remote = true};
const slt_kind slt_upsert = {.name = "postgres upsert",
                             .url = "postgres://sim/db/counts?mode=upsert&key=word",
                             .fences = true,
                             .remote = true};

static const sli_sink_ops *const sinks[] = {&sli_sink_file,
                                            &sli_sink_sqlite,
                                            &sli_sink_console,
                                            &sli_sink_kafka,
                                            &sli_sink_postgres,
                                            &sli_sink_hdfs,
                                            NULL};

sli_world *slt_world(uint64_t seed, const char *bug)
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = seed});
    assert_non_null(world);
    if (bug != NULL) {
        sli_world_plant(world, bug);
    }
    return world;
}

slt_ground *slt_ground_new(uint64_t seed, const char *bug)
{
    slt_ground *self = sl_alloc_zero(SLI_TAG_TEST, sizeof *self);
    assert_non_null(self);
    self->world = slt_world(seed, bug);
    self->cluster = sli_kafka_cluster_new(self->world);
    assert_non_null(self->cluster);
    assert_int_equal(sli_kafka_cluster_make(self->cluster, "out", 1, NULL), SL_OK);
    self->server = sli_pg_server_new(self->world);
    assert_non_null(self->server);
    self->hdfs = sli_hdfs_cluster_new(self->world);
    assert_non_null(self->hdfs);
    return self;
}

static void open_real(slt_ground *self)
{
    sli_url url;
    sl_error err = SL_ERROR_INIT;
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sl_conf_new(&self->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sli_url_parse(self->url, &url, NULL), SL_OK);
    sli_fs_where where = {
        .url = &url, .conf = self->conf, .env = self->env, .modules = SLT_BUILD_DIR "/lib/sluice"};
    if (sli_fs_hdfs.open(&self->fs, &where, &err) != SL_OK ||
        self->fs->ops->mkdirs(self->fs, self->dir, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

static slt_ground *real_ground(const slt_kind *kind)
{
    char id[33], web[64];
    slt_hdfs_web(web, sizeof web);
    slt_ground *self = sl_alloc_zero(SLI_TAG_TEST, sizeof *self);
    assert_non_null(self);
    assert_int_equal(sli_env_posix(&self->env, NULL), SL_OK);
    assert_int_equal(sli_env_random_id(self->env, id, NULL), SL_OK);
    (void)snprintf(self->dir, sizeof self->dir, "/tests/sink-%s", id);
    (void)snprintf(self->url, sizeof self->url, "hdfs://%s%s/", web, self->dir);
    open_real(self);
    (void)snprintf(self->url, sizeof self->url, "hdfs://%s%s/%s", web, self->dir, kind->url);
    self->real_kind = *kind;
    self->real_kind.url = self->url;
    self->kind = &self->real_kind;
    return self;
}

slt_ground *slt_ground_of(const slt_kind *kind, uint64_t seed, const char *bug)
{
    if (kind->real) {
        return real_ground(kind);
    }
    slt_ground *self = slt_ground_new(seed, bug);
    self->kind = kind;
    return self;
}

void slt_ground_free(slt_ground *self)
{
    if (self->world == NULL) {
        (void)self->fs->ops->remove(self->fs, self->dir, NULL);
        self->fs->ops->close(self->fs);
        sl_conf_free(self->conf);
        sli_env_free(self->env);
    } else {
        sli_kafka_cluster_free(self->cluster);
        sli_pg_server_free(self->server);
        sli_hdfs_cluster_free(self->hdfs);
        sli_world_free(self->world);
    }
    sl_free(self);
}

sl_env *slt_start(slt_ground *ground)
{
    sl_env *env = NULL;
    if (ground->world != NULL) {
        return slt_boot(ground->world, NULL);
    }
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    return env;
}

sl_env *slt_boot(sli_world *world, const sli_fault *fault)
{
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, fault, &env, NULL), SL_OK);
    return env;
}

static void put_row(sli_str *out, const char *variant, int64_t epoch, int32_t partition,
                    int32_t row)
{
    sli_str_printf(out, "%se%" PRId64 "p%" PRId32 "r%" PRId32, variant, epoch, partition, row);
}

static int64_t number_of(int64_t epoch, int32_t partition, int32_t row)
{
    return epoch * 100 + partition * 10 + row;
}

sl_batch *slt_rows(const sl_schema *schema, const char *variant, int64_t epoch, int32_t partition)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int32_t row = 0; row < SLT_ROWS; row++) {
        sli_str word = SLI_STR_INIT;
        put_row(&word, variant, epoch, partition, row);
        sl_builder_text(builder, 0, word.data, word.size);
        sl_builder_int64(builder, 1, number_of(epoch, partition, row));
        sli_str_reset(&word);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    return batch;
}

// ---------------------------------------------------------------- the job

void slt_job_init(slt_job *job, const slt_kind *kind, sl_env *env, slt_log *log, int64_t generation)
{
    *job = (slt_job){.kind = kind, .env = env, .log = log, .generation = generation, .variant = ""};
    assert_int_equal(sl_schema_parse(&job->schema, "word string, n int64", NULL), SL_OK);
}

void slt_job_reset(slt_job *job)
{
    sli_sink_close(job->sink);
    sl_schema_unref(job->schema);
    *job = (slt_job){0};
}

sl_code slt_open(slt_job *job, sl_error *err)
{
    sli_sink *sink = NULL;
    sli_sink_env env = {.env = job->env,
                        .uid = "save/1",
                        .job_id = job_id,
                        .generation = job->generation,
                        .schema = job->schema,
                        .unsure_from = job->log->sealed,
                        .unsure = job->log->sealed,
                        .modules = SLT_BUILD_DIR "/lib/sluice"};
    SL_TRY(sli_sink_open(&sink, job->kind->url, sinks, &env, err));
    sl_code rc = sink->ops->recover(sink, &job->said, err);
    if (rc != SL_OK) {
        sli_sink_close(sink);
        return rc;
    }
    job->sink = sink;
    return SL_OK;
}

static sl_bytes receipt_of(const slt_job *job, int64_t group)
{
    return (sl_bytes){job->log->receipt[group], job->log->receipt_size[group]};
}

sl_code slt_sweep(slt_job *job, sl_error *err)
{
    sl_bytes named[SLT_GROUPS];
    for (int64_t g = 1; g <= job->log->sealed; g++) {
        named[g - 1] = receipt_of(job, g);
    }
    return job->sink->ops->sweep == NULL
               ? SL_OK
               : job->sink->ops->sweep(job->sink, named, (int32_t)job->log->sealed, err);
}

/// A group is two epochs; the first attempt of each partition loses after its first rows.
static sl_code stage(slt_job *job, sli_attempt at, sl_error *err)
{
    const sli_sink_ops *ops = job->sink->ops;
    sl_batch *rows = slt_rows(job->schema, job->variant, at.epoch, at.partition);
    sli_attempt loser = at;
    loser.attempt = at.attempt + 1000;
    sl_code rc = ops->stage(job->sink, loser, rows, err);
    rc = rc == SL_OK ? ops->stage(job->sink, at, rows, err) : rc;
    rc = rc == SL_OK ? ops->stage(job->sink, at, NULL, err) : rc;
    ops->drop(job->sink, loser);
    sl_batch_unref(rows);
    return rc;
}

/// As the log's syncs do.
static sl_code check_log(const slt_job *job, sl_error *err)
{
    return job->log->generation <= job->generation
               ? SL_OK
               : sl_error_set(err, SL_E_SUPERSEDED, "the log has a newer driver");
}

/// Rows of consecutive epochs.
typedef struct test_outbox {
    sli_outbox base;
    slt_job *job;
    int64_t from, to;
} test_outbox;

static sl_code outbox_each(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    test_outbox *o = (test_outbox *)self;
    sl_code rc = SL_OK;
    for (int64_t epoch = o->from; epoch <= o->to; epoch++) {
        for (int32_t p = 0; rc == SL_OK && p < SLT_PARTITIONS; p++) {
            sl_batch *rows = slt_rows(o->job->schema, o->job->variant, epoch, p);
            rc = each(ctx, epoch, epoch * 1000000, rows, err);
            sl_batch_unref(rows);
        }
    }
    return rc;
}

/// As the engine may give rows before the seal: of the first group the epochs one by one, of the
/// second its first epoch alone, of the third nothing.
static void give_ahead(slt_job *job, int64_t group)
{
    const sli_sink_ops *ops = job->sink->ops;
    int64_t first = 2 * group - 1;
    for (int64_t epoch = first; ops->ahead != NULL && epoch <= first + 2 - group; epoch++) {
        test_outbox rows = {{outbox_each}, job, epoch, epoch};
        ops->ahead(job->sink, group, &rows.base, epoch == 2 * group);
    }
}

sl_code slt_seal(slt_job *job, int64_t group, sl_error *err)
{
    const sli_sink_ops *ops = job->sink->ops;
    sl_bytes receipt = {NULL, 0};
    sli_attempt winners[2 * SLT_PARTITIONS];
    int32_t n = 0;
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_code rc = SL_OK;
    give_ahead(job, group);
    for (int64_t epoch = 2 * group - 1; ops->stage != NULL && epoch <= 2 * group; epoch++) {
        for (int32_t p = 0; rc == SL_OK && p < SLT_PARTITIONS; p++) {
            winners[n] = (sli_attempt){job->generation, epoch, 0, p, job->attempt++};
            rc = stage(job, winners[n++], err);
        }
    }
    if (rc == SL_OK && ops->stage != NULL) {
        rc = ops->seal(job->sink, group, winners, n, arena, &receipt, err);
    }
    rc = rc == SL_OK ? check_log(job, err) : rc;
    bool dead = !job->kind->real && sli_world_is_dead(job->env);
    if (rc == SL_OK && !dead) {
        assert_true(receipt.size < sizeof job->log->receipt[0]);
        if (receipt.size > 0) {
            memcpy(job->log->receipt[group], receipt.data, receipt.size);
        }
        job->log->receipt_size[group] = receipt.size;
        job->log->sealed = group;
    }
    for (int32_t i = 0; rc != SL_OK && i < n; i++) {
        ops->drop(job->sink, winners[i]);
    }
    sl_arena_free(arena);
    return rc;
}

sl_code slt_commit(slt_job *job, int64_t group, sl_error *err)
{
    test_outbox outbox = {{outbox_each}, job, 2 * group - 1, 2 * group};
    bool stages = job->sink->ops->stage != NULL;
    return job->sink->ops->commit(job->sink, group, receipt_of(job, group),
                                  stages ? NULL : &outbox.base, err);
}

sl_code slt_show(slt_job *job, sl_error *err)
{
    const sli_sink_ops *ops = job->sink->ops;
    return ops->show == NULL ? SL_OK : ops->show(job->sink, true, err);
}

sl_code slt_run(slt_job *job, int64_t groups, sl_error *err)
{
    job->log->generation = job->generation; // before anything is read
    SL_TRY(slt_open(job, err));
    SL_TRY(check_log(job, err)); // BEGIN
    if (job->said > job->log->sealed) {
        return sl_error_set(err, SL_E_STATE, "the sink shows group %" PRId64 ", sealed is %" PRId64,
                            job->said, job->log->sealed);
    }
    SL_TRY(slt_sweep(job, err));
    for (int64_t g = 1; g <= job->log->sealed; g++) {
        if (job->sink->ops->stage != NULL || g > job->said) {
            SL_TRY(slt_commit(job, g, err));
        }
    }
    for (int64_t g = job->log->sealed + 1; g <= groups; g++) {
        SL_TRY(slt_seal(job, g, err));
        SL_TRY(slt_commit(job, g, err));
    }
    return slt_show(job, err);
}

// ---------------------------------------------------------------- what a reader sees

typedef struct reading {
    bool is_arrow;
    sli_world *world;
    const char *dir;
    sli_str *out;
} reading;

static sl_code read_entry(void *ctx, const char *name, sl_error *err)
{
    reading *r = ctx;
    if (name[0] == '.') {
        return SL_OK;
    }
    sli_str path = SLI_STR_INIT;
    char *data = NULL;
    size_t size = 0;
    sli_str_printf(&path, "%s/%s", r->dir, name);
    if (sli_world_read(r->world, path.data, &data, &size, NULL) == SL_OK) {
        if (!r->is_arrow) {
            sli_str_add(r->out, data, size);
        } else if (slt_reread_arrow(data, size, r->out, NULL) != SL_OK) {
            sli_str_printf(r->out, "%s is no whole file\n", path.data);
        }
        sl_free(data);
    } else {
        reading inner = {r->is_arrow, r->world, path.data, r->out};
        assert_int_equal(sli_world_list(r->world, path.data, read_entry, &inner, err), SL_OK);
    }
    sli_str_reset(&path);
    return SL_OK;
}

/// As another process: SQLite finishes what a dead writer left.
static void read_database(sli_world *world, sli_str *out)
{
    sl_env *env = slt_boot(world, NULL);
    sli_stat stat;
    if (sli_env_stat(env, "/data/db.sqlite", &stat, NULL) == SL_OK) {
        sli_db db = {0};
        sqlite3_stmt *rows = NULL;
        sli_db_conf conf = {.env = env, .path = "/data/db.sqlite"};
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_db_open(&db, &conf, &err), SL_OK);
        if (sli_db_prepare(&db, "SELECT word || ',' || n || char(10) FROM counts ORDER BY rowid",
                           &rows, NULL) == SL_OK) { // else there is no table yet
            for (bool row = true; row;) {
                assert_int_equal(sli_db_step(&db, rows, &row, &err), SL_OK);
                sli_str_text(out, row ? (const char *)sqlite3_column_text(rows, 0) : "");
            }
        }
        sqlite3_finalize(rows);
        sli_db_close(&db);
    }
    sli_env_free(env);
}

static void read_record(void *ctx, const sli_kafka_record *record)
{
    sli_str_add(ctx, record->value, record->value_size);
    sli_str_char(ctx, '\n');
}

static void read_row(void *ctx, sl_text row)
{
    const char *tab = memchr(row.data, '\t', row.size);
    assert_non_null(tab);
    sli_str_printf(ctx, "%.*s,%s\n", (int)(tab - row.data), row.data, tab + 1);
}

static void read_hdfs_file(void *ctx, const char *path, sl_text content)
{
    if (strstr(path, "/.") == NULL) {
        sli_str_add(ctx, content.data, content.size);
    }
}

/// A directory of a real HDFS, as whoever reads it does.
typedef struct real_reading {
    sli_fs *fs;
    const char *dir;
    sli_str *out;
} real_reading;

static sl_code read_real_file(real_reading *r, const char *path, int64_t size, sl_error *err)
{
    char *data = sl_alloc(SLI_TAG_TEST, (size_t)size + 1);
    size_t n = 0;
    assert_non_null(data);
    sl_code rc = r->fs->ops->read(r->fs, path, 0, data, (size_t)size, &n, err);
    sli_str_add(r->out, data, rc == SL_OK ? n : 0);
    sl_free(data);
    return rc;
}

static sl_code read_real_entry(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    real_reading *r = ctx;
    if (entry->name[0] == '.') {
        return SL_OK;
    }
    sli_str path = SLI_STR_INIT;
    sli_str_printf(&path, "%s/%s", r->dir, entry->name);
    real_reading inner = {r->fs, path.data, r->out};
    sl_code rc = entry->is_dir ? r->fs->ops->list(r->fs, path.data, read_real_entry, &inner, err)
                               : read_real_file(r, path.data, entry->size_bytes, err);
    sli_str_reset(&path);
    return rc;
}

static void read_real(slt_ground *ground, sli_str *out)
{
    sl_error err = SL_ERROR_INIT;
    char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/out", ground->dir);
    real_reading r = {ground->fs, dir, out};
    sl_code rc = ground->fs->ops->list(ground->fs, r.dir, read_real_entry, &r, &err);
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        fail_msg("%s", err.text);
    }
}

char *slt_shown(const slt_kind *kind, slt_ground *ground)
{
    sli_str out = SLI_STR_INIT;
    sli_str_text(&out, "");
    if (kind->real) {
        read_real(ground, &out);
    } else if (kind == &slt_sqlite) {
        read_database(ground->world, &out);
    } else if (kind == &slt_kafka) {
        (void)sli_kafka_cluster_look(ground->cluster, "out", read_record, &out);
    } else if (kind == &slt_postgres || kind == &slt_upsert) {
        (void)sli_pg_server_look(ground->server, "counts", read_row, &out);
    } else if (strncmp(kind->url, "hdfs:", 5) == 0) {
        sli_hdfs_cluster_look(ground->hdfs, "/data/out", read_hdfs_file, &out);
    } else {
        bool is_arrow = kind == &slt_arrow || kind == &slt_rolled_arrow;
        reading r = {is_arrow, ground->world, "/data/out", &out};
        sl_code rc = sli_world_list(ground->world, r.dir, read_entry, &r, NULL);
        assert_true(rc == SL_OK || rc == SL_E_NOT_FOUND);
    }
    return sli_str_take(&out);
}

static void expect_part(sli_str *out, const char *variant, int64_t epoch, int32_t partition)
{
    for (int32_t row = 0; row < SLT_ROWS; row++) {
        put_row(out, variant, epoch, partition, row);
        sli_str_printf(out, ",%" PRId64 "\n", number_of(epoch, partition, row));
    }
}

char *slt_expected(const slt_kind *kind, const char *variant, int64_t groups)
{
    sli_str out = SLI_STR_INIT;
    sli_str_text(&out, "");
    for (int64_t g = 1; g <= groups; g++) {
        for (int32_t i = 0; i < 2 * SLT_PARTITIONS; i++) {
            int64_t second = kind->by_partition ? i % 2 : i / SLT_PARTITIONS;
            int32_t partition = kind->by_partition ? i / 2 : i % SLT_PARTITIONS;
            expect_part(&out, variant, 2 * g - 1 + second, partition);
        }
    }
    return sli_str_take(&out);
}

int64_t slt_prefix(const slt_kind *kind, const char *shown)
{
    for (int64_t k = 0; k <= SLT_GROUPS; k++) {
        char *expected = slt_expected(kind, "", k);
        bool same = strcmp(expected, shown) == 0;
        sl_free(expected);
        if (same) {
            return k;
        }
    }
    return -1;
}
