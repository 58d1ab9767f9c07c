/// sqlite.c — the SQLite sink: a group's rows and its number are one transaction.
///
/// The table _sluice_marker has a row for each job and output: the last group committed, and the
/// newest generation of the job's driver. A transaction begins with the write lock, then looks at
/// that row: a newer generation refuses it, a group that is there already makes it end at once. So
/// a repeat changes nothing, and a driver that was replaced can't write any more.
///
/// recover writes the generation in a durable transaction *before* it reads the group. Without it,
/// a commit of a process that died before its last sync could be believed and then be lost.
#include "sink/sqlite/sqlite_int.h"

#include <inttypes.h>

#include "base/arena.h"

static const sl_option options[] = {
    {.name = "table",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_REQUIRED | SL_OPT_RESULT,
     .text = "The table that gets the rows; made when it is missing."},
    {.name = "mode",
     .type = SL_OPT_CHOICE,
     .fallback = "append",
     .choices = "append|upsert|replace",
     .flags = SL_OPT_RESULT,
     .text = "append adds rows; upsert replaces rows of equal key; replace keeps only the rows of "
             "the last epoch that had any."},
    {.name = "key",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "The columns that make a row's key, separated by commas, for mode=upsert."},
    {.name = "deletes",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "With mode=upsert: the last column, an int64 that is not stored. Where it is below 0 "
             "the row of this key is deleted."},
    {.name = "journal",
     .type = SL_OPT_CHOICE,
     .fallback = "wal",
     .choices = "wal|delete",
     .text = "SQLite's journal: with wal readers never wait; delete is for network filesystems and "
             "readers that can't write beside the database."},
    {.name = "busy_timeout",
     .type = SL_OPT_DURATION,
     .fallback = "5s",
     .low = "0s",
     .high = "1h",
     .text = "How long to wait for another writer of the database."},
    {0},
};

typedef struct sqlite_sink {
    sli_sink base;
    sl_env *env;
    sl_arena *arena; // the texts below
    const char *path, *job_id, *uid;
    int64_t generation;
    sli_table table;
    int32_t busy_ms;
    bool wal;
    sli_db db;
    sqlite3_stmt *insert, *delete_key, *read_mark, *write_mark;
} sqlite_sink;

// ---------------------------------------------------------------- the marker

typedef struct mark {
    int64_t group, generation;
    bool found;
} mark;

static sl_code bind_ids(sqlite_sink *self, sqlite3_stmt *statement, sl_error *err)
{
    int rc = sqlite3_bind_text(statement, 1, self->job_id, -1, SQLITE_STATIC);
    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 2, self->uid, -1, SQLITE_STATIC) : rc;
    return rc == SQLITE_OK ? SL_OK : sli_db_failed(&self->db, rc, err);
}

/// Prepares once; the caller steps and then calls sqlite3_reset.
static sl_code ready(sqlite_sink *self, sqlite3_stmt **statement, const char *sql, sl_error *err)
{
    if (*statement == NULL) {
        SL_TRY(sli_db_prepare(&self->db, sql, statement, err));
    }
    return bind_ids(self, *statement, err);
}

static sl_code read_mark(sqlite_sink *self, mark *out, sl_error *err)
{
    mark found = {0};
    SL_TRY(ready(self, &self->read_mark,
                 "SELECT \"group\", generation FROM _sluice_marker WHERE job = ? AND uid = ?",
                 err));
    sl_code rc = sli_db_step(&self->db, self->read_mark, &found.found, err);
    if (rc == SL_OK && found.found) {
        found.group = sqlite3_column_int64(self->read_mark, 0);
        found.generation = sqlite3_column_int64(self->read_mark, 1);
    }
    (void)sqlite3_reset(self->read_mark); // repeats the step's failure
    if (rc == SL_OK) {
        *out = found;
    }
    return rc;
}

static sl_code write_mark(sqlite_sink *self, int64_t group, int64_t generation, sl_error *err)
{
    bool row = false;
    SL_TRY(ready(self, &self->write_mark,
                 "INSERT INTO _sluice_marker (job, uid, \"group\", generation) VALUES (?, ?, ?, ?) "
                 "ON CONFLICT (job, uid) DO UPDATE SET \"group\" = excluded.\"group\", "
                 "generation = excluded.generation",
                 err));
    int rc = sqlite3_bind_int64(self->write_mark, 3, group);
    rc = rc == SQLITE_OK ? sqlite3_bind_int64(self->write_mark, 4, generation) : rc;
    sl_code code = rc == SQLITE_OK ? sli_db_step(&self->db, self->write_mark, &row, err)
                                   : sli_db_failed(&self->db, rc, err);
    (void)sqlite3_reset(self->write_mark); // repeats the step's failure
    return code;
}

static sl_code check_generation(const sqlite_sink *self, const mark *m, sl_error *err)
{
    if (m->generation > self->generation && !sli_env_bug(self->env, "no-fence")) {
        return sl_error_set(err, SL_E_SUPERSEDED,
                            "%s: a newer driver of this job (generation %" PRId64
                            ", this is %" PRId64 ") writes to it",
                            self->path, m->generation, self->generation);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- recovery

static sl_code make_tables(sqlite_sink *self, sl_error *err)
{
    SL_TRY(sli_db_run(&self->db,
                      "CREATE TABLE IF NOT EXISTS _sluice_marker (job TEXT NOT NULL, uid TEXT NOT "
                      "NULL, \"group\" INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY "
                      "(job, uid))",
                      err));
    SL_TRY(sli_table_make(&self->table, &self->db, err));
    (void)sqlite3_finalize(self->insert); // of a recover that failed later; accepts NULL
    (void)sqlite3_finalize(self->delete_key);
    self->insert = self->delete_key = NULL;
    if (self->table.mark >= 0) {
        SL_TRY(sli_table_delete_key(&self->table, &self->db, &self->delete_key, err));
    }
    return sli_table_insert(&self->table, &self->db, &self->insert, err);
}

static sl_code fence(sqlite_sink *self, mark *m, sl_error *err)
{
    SL_TRY(make_tables(self, err));
    SL_TRY(read_mark(self, m, err));
    SL_TRY(check_generation(self, m, err));
    bool skip = m->found && sli_env_bug(self->env, "no-fence");
    // Written also when nothing changes: this transaction is what makes older ones durable.
    SL_TRY(write_mark(self, m->group, skip ? m->generation : self->generation, err));
    return sli_db_commit(&self->db, err);
}

static sl_code sqlite_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    sqlite_sink *self = (sqlite_sink *)sink;
    mark m = {0};
    SL_TRY(sli_db_begin(&self->db, err));
    sl_code rc = fence(self, &m, err);
    if (rc != SL_OK) {
        sli_db_roll_back(&self->db);
        return rc;
    }
    *last_committed = m.group;
    return SL_OK;
}

// ---------------------------------------------------------------- a group

typedef struct filler {
    sqlite_sink *self;
    sli_str scratch;
    int64_t epoch; // whose rows are in the table, for mode=replace; -1: none of this group
    bool was_cut;  // the planted bug has made its cut
} filler;

static sl_code delete_row(filler *f, const sl_batch *batch, int64_t row, sl_error *err)
{
    sqlite_sink *self = f->self;
    bool any = false;
    SL_TRY(sli_table_bind_key(&self->table, &self->db, self->delete_key, batch, row, &f->scratch,
                              err));
    sl_code rc = sli_db_step(&self->db, self->delete_key, &any, err);
    (void)sqlite3_reset(self->delete_key); // repeats the step's failure
    return rc;
}

static sl_code insert_row(filler *f, const sl_batch *batch, int64_t row, sl_error *err)
{
    sqlite_sink *self = f->self;
    bool any = false;
    SL_TRY(sli_table_bind(&self->table, &self->db, self->insert, batch, row, &f->scratch, err));
    sl_code rc = sli_db_step(&self->db, self->insert, &any, err);
    (void)sqlite3_reset(self->insert); // repeats the step's failure
    return rc;
}

static sl_code fill(void *ctx, int64_t epoch, int64_t batch_time_us, const sl_batch *batch,
                    sl_error *err)
{
    (void)batch_time_us;
    filler *f = ctx;
    sqlite_sink *self = f->self;
    int64_t n = batch == NULL ? 0 : sl_batch_rows(batch);
    if (n > 0 && f->epoch != epoch && self->table.mode == SLI_REPLACE_ROWS) {
        SL_TRY(sli_table_delete(&self->table, &self->db, err));
        f->epoch = epoch;
    }
    for (int64_t row = 0; row < n; row++) {
        bool goes = sli_sink_goes(batch, self->table.mark, row);
        SL_TRY(goes ? delete_row(f, batch, row, err) : insert_row(f, batch, row, err));
        if (!f->was_cut && sli_env_bug(self->env, "group-in-two-transactions")) {
            f->was_cut = true;
            SL_TRY(sli_db_commit(&self->db, err));
            SL_TRY(sli_db_begin(&self->db, err));
        }
    }
    return SL_OK;
}

static sl_code write_group(sqlite_sink *self, int64_t group, sli_outbox *outbox, sl_error *err)
{
    filler f = {.self = self, .epoch = -1};
    f.scratch.tag = SLI_TAG_SINK;
    sl_code rc = outbox->each(outbox, fill, &f, err);
    sli_str_reset(&f.scratch);
    (void)sqlite3_clear_bindings(self->insert); // they point into batches
    if (self->delete_key != NULL) {
        (void)sqlite3_clear_bindings(self->delete_key);
    }
    SL_TRY(rc);
    if (sli_env_bug(self->env, "marker-not-in-transaction")) {
        SL_TRY(sli_db_commit(&self->db, err));
        SL_TRY(sli_db_begin(&self->db, err));
    }
    bool wrong = sli_env_bug(self->env, "marker-of-wrong-group");
    return write_mark(self, wrong ? group - 1 : group, self->generation, err);
}

static sl_code commit_once(sqlite_sink *self, int64_t group, sli_outbox *outbox, sl_error *err)
{
    mark m = {0};
    SL_TRY(read_mark(self, &m, err));
    if (!m.found) {
        return sl_error_set(
            err, SL_E_NOT_FOUND,
            "%s: the job's row in _sluice_marker is gone: somebody has replaced the "
            "database while the job ran",
            self->path);
    }
    SL_TRY(check_generation(self, &m, err));
    if (m.group >= group) { // durable since that commit, or since recover
        sli_db_roll_back(&self->db);
        return SL_OK;
    }
    SL_TRY(write_group(self, group, outbox, err));
    return sli_db_commit(&self->db, err);
}

static sl_code sqlite_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                             sl_error *err)
{
    (void)receipt;
    sqlite_sink *self = (sqlite_sink *)sink;
    SL_TRY(sli_db_begin(&self->db, err));
    sl_code rc = commit_once(self, group, outbox, err);
    if (rc != SL_OK) {
        sli_db_roll_back(&self->db);
    }
    return rc;
}

// ---------------------------------------------------------------- opening and closing

static void sqlite_close(sli_sink *sink)
{
    sqlite_sink *self = (sqlite_sink *)sink;
    (void)sqlite3_finalize(self->insert); // each accepts NULL and repeats an old failure
    (void)sqlite3_finalize(self->delete_key);
    (void)sqlite3_finalize(self->read_mark);
    (void)sqlite3_finalize(self->write_mark);
    sli_db_close(&self->db);
    sl_schema_unref(self->table.schema);
    sl_arena_free(self->arena);
    sl_free(self);
}

static sl_code copy_texts(sqlite_sink *self, const sli_url *url, const sl_conf *conf,
                          const sli_sink_env *env, sl_error *err)
{
    self->arena = sl_arena_new(SLI_TAG_SINK);
    if (self->arena == NULL) {
        return sl_error_nomem(err, sizeof(*self), "SQLite sink");
    }
    const char *key = sl_conf_text(conf, "key");
    self->path = sl_arena_printf(self->arena, "%.*s", (int)url->path.size, url->path.data);
    self->job_id = sl_arena_strdup(self->arena, env->job_id);
    self->uid = sl_arena_strdup(self->arena, env->uid);
    self->table.name = sl_arena_strdup(self->arena, sl_conf_text(conf, "table"));
    self->table.key = key == NULL ? NULL : sl_arena_strdup(self->arena, key);
    if (self->path == NULL || self->job_id == NULL || self->uid == NULL ||
        self->table.name == NULL || (key != NULL && self->table.key == NULL)) {
        return sl_error_nomem(err, sizeof(*self), "SQLite sink");
    }
    return SL_OK;
}

static sl_code make_dir(sl_env *env, const char *dir, sl_error *err)
{
    sli_fs *fs = NULL;
    SL_TRY(sli_fs_open_local(&fs, env, err));
    sl_code rc = sli_sink_make_dir(fs, dir, err);
    fs->ops->close(fs);
    return rc;
}

static sl_code take_deletes(sqlite_sink *self, const sl_conf *conf, const sl_schema *schema,
                            sl_error *err)
{
    SL_TRY(sli_sink_deletes(conf, schema, &self->table.schema, &self->table.mark, err));
    return self->table.mark >= 0 && self->table.mode != SLI_UPSERT
               ? sl_error_set(err, SL_E_CONFIG, "option deletes goes with mode=upsert and key=")
               : SL_OK;
}

static sl_code open_parts(sqlite_sink *self, sl_error *err)
{
    SL_TRY(sli_table_check(&self->table, err));
    const char *dir = sli_path_dir(self->arena, self->path);
    if (dir == NULL) {
        return sl_error_nomem(err, strlen(self->path), "SQLite sink");
    }
    SL_TRY(make_dir(self->env, dir, err));
    sli_db_conf conf = {
        .env = self->env, .path = self->path, .busy_ms = self->busy_ms, .wal = self->wal};
    SL_TRY(sli_db_open(&self->db, &conf, err));
    return sli_table_fits(&self->table, &self->db, err);
}

static sl_code sqlite_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                           const sli_sink_env *env, sl_error *err)
{
    if (url->path.size == 0 || url->host.size > 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a file of this machine is needed: \"sqlite:///DIR/NAME?table=...\"");
    }
    sqlite_sink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof(*self));
    if (self == NULL) {
        return sl_error_nomem(err, sizeof(*self), "SQLite sink");
    }
    self->base.ops = &sli_sink_sqlite;
    self->env = env->env;
    self->generation = env->generation;
    self->table.mode = (sli_mode)sl_conf_choice(conf, "mode");
    self->busy_ms = (int32_t)(sl_conf_int64(conf, "busy_timeout") / 1000);
    self->wal = sl_conf_choice(conf, "journal") == 0;
    sl_code rc = copy_texts(self, url, conf, env, err);
    rc = rc == SL_OK ? take_deletes(self, conf, env->schema, err) : rc;
    rc = rc == SL_OK ? open_parts(self, err) : rc;
    if (rc != SL_OK) {
        sqlite_close(&self->base);
        return rc;
    }
    *out = &self->base;
    return SL_OK;
}

const sli_sink_ops sli_sink_sqlite = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "sqlite",
    .text = "Fills a table of an SQLite database, each group of epochs in one transaction.",
    .guarantee = SLI_EXACTLY_ONCE,
    .options = options,
    .open = sqlite_open,
    .recover = sqlite_recover,
    .commit = sqlite_commit,
    .close = sqlite_close,
};
