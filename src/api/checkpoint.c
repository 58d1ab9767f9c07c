// A checkpoint directory, read as tables: the public calls. What there is to read is look.c's.
#include "api/checkpoint_int.h"

#include <stdio.h>

enum { TRIES = 4, MOST_TRIES = 100 };
static const int64_t least_memory = 32 << 20, default_memory = 512 << 20;

struct sl_checkpoint {
    sl_env *env;
    char *dir, *modules, *spill_dir;
    int32_t n_looks; ///< each has scratch of its own: the old one is kept until there is a new one
    int64_t memory_bytes;
    sli_budget *budget; ///< half of it, for reading; the other half is DuckDB's
    sli_look *look;
    sli_dbs *dbs; ///< with the tables of `look`; NULL until a SELECT comes
    sli_dbs_reader *readers;
    _Atomic bool stop; ///< it only ends things: nothing is read after it
};

// ---------------------------------------------------------------- settings

static sl_code set_text(char **to, const char *value, sl_error *err)
{
    sl_free(*to);
    *to = sl_strdup(SLI_TAG_API, value);
    return *to == NULL ? sl_error_nomem(err, strlen(value), "a setting") : SL_OK;
}

static sl_code set_one(sl_checkpoint *self, const char *name, const char *value, sl_error *err)
{
    static const char *const known[] = {"memory", "spill_dir", "modules", NULL};
    if (strcmp(name, "spill_dir") == 0) {
        return set_text(&self->spill_dir, value, err);
    }
    if (strcmp(name, "modules") == 0) {
        return set_text(&self->modules, value, err);
    }
    if (strcmp(name, "memory") != 0) {
        const char *near = sli_nearest(name, known);
        return sl_error_set(err, SL_E_CONFIG, "unknown setting %s%s%s%s", name,
                            near == NULL ? "" : ": did you mean ", near == NULL ? "" : near,
                            near == NULL ? "" : "?");
    }
    sl_code rc = sli_scan_size(sli_text_of(value), &self->memory_bytes, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, SL_E_CONFIG, "memory");
    }
    return self->memory_bytes >= least_memory
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "memory is %s; it is 32MiB or more", value);
}

/// Of this process alone: two instances never spill into one directory.
static sl_code set_spill_dir(sl_checkpoint *self, sl_error *err)
{
    const char *temp = sli_env_variable(self->env, "TMPDIR");
    const char *in = self->spill_dir != NULL           ? self->spill_dir
                     : temp != NULL && temp[0] != '\0' ? temp
                                                       : "/tmp";
    sli_str text = {.tag = SLI_TAG_API};
    sli_str_printf(&text, "%s/sluice-state-%lld-%llx", in, (long long)sli_env_pid(self->env),
                   (unsigned long long)(uintptr_t)self);
    sl_code rc = sli_str_check(&text, "a directory's name", err);
    rc = rc == SL_OK ? set_text(&self->spill_dir, text.data, err) : rc;
    sli_str_reset(&text);
    return rc;
}

static sl_code set_all(sl_checkpoint *self, const char *dir, const char *const *settings,
                       sl_error *err)
{
    SL_TRY(sli_env_posix(&self->env, err));
    SL_TRY(set_text(&self->dir, dir, err));
    for (int32_t i = 0; settings != NULL && settings[i] != NULL && settings[i + 1] != NULL;
         i += 2) {
        SL_TRY(set_one(self, settings[i], settings[i + 1], err));
    }
    SL_TRY(set_spill_dir(self, err));
    self->budget = sli_budget_new(self->memory_bytes / 2);
    return self->budget == NULL ? sl_error_nomem(err, 64, "a budget") : SL_OK;
}

// ---------------------------------------------------------------- opening

sl_code sl_checkpoint_open(sl_checkpoint **out, const char *dir, const char *const *settings,
                           sl_error *err)
{
    sl_checkpoint *self = sl_alloc_zero(SLI_TAG_API, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a checkpoint's tables");
    }
    self->memory_bytes = default_memory;
    sl_code rc = set_all(self, dir, settings, err);
    if (rc == SL_OK) {
        rc = sl_checkpoint_refresh(self, err);
    }
    if (rc != SL_OK) {
        sl_checkpoint_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static void drop_engine(sl_checkpoint *self)
{
    sli_dbs_free(self->dbs);
    sl_free(self->readers);
    self->dbs = NULL;
    self->readers = NULL;
}

void sl_checkpoint_close(sl_checkpoint *self)
{
    if (self == NULL) {
        return;
    }
    drop_engine(self);
    sli_look_close(self->look);
    if (self->budget != NULL) {
        sli_budget_free(self->budget);
    }
    sl_free(self->dir);
    sl_free(self->modules);
    sl_free(self->spill_dir);
    if (self->env != NULL) {
        sli_env_free(self->env);
    }
    sl_free(self);
}

static sl_code open_look(sl_checkpoint *self, sli_budget *budget, sli_look **out, sl_error *err)
{
    sli_str scratch = {.tag = SLI_TAG_API};
    sl_code rc = SL_E_NOT_FOUND;
    int64_t seen = -1, group = 0;
    int n = 0; // a driver may have removed what was named: then it has gone on
    for (; n < MOST_TRIES && rc == SL_E_NOT_FOUND && group > seen; n++) {
        seen = group;
        sli_str_clear(&scratch);
        sli_str_printf(&scratch, "%s-files-%d", self->spill_dir, ++self->n_looks);
        sli_look_conf conf = {self->env, self->dir, self->modules, scratch.data, budget};
        rc = sli_str_check(&scratch, "a directory's name", err);
        rc = rc == SL_OK ? sli_look_open(out, &conf, &group, err) : rc;
    }
    sli_str_reset(&scratch);
    return n < MOST_TRIES
               ? rc
               : sl_error_wrap(err, rc,
                               "the job removed what was read %d times: ask again, or let it make "
                               "fewer snapshots (snapshot.groups)",
                               n);
}

/// The old one is kept until there is a new one, but its memory is not counted twice. The engine,
/// if there is one, has no tables yet.
static sl_code look_again(sl_checkpoint *self, sl_error *err)
{
    sli_look *look = NULL;
    sli_budget *budget = sli_budget_new(self->memory_bytes / 2);
    if (budget == NULL) {
        return sl_error_nomem(err, 64, "a budget");
    }
    sl_code rc = open_look(self, budget, &look, err);
    if (rc != SL_OK) {
        sli_budget_free(budget);
        return rc;
    }
    sli_look_close(self->look);
    sli_budget_free(self->budget);
    self->look = look;
    self->budget = budget;
    return SL_OK;
}

sl_code sl_checkpoint_refresh(sl_checkpoint *self, sl_error *err)
{
    drop_engine(self); // it reads the tables of the look before
    return look_again(self, err);
}

// ---------------------------------------------------------------- what there is

sl_checkpoint_point sl_checkpoint_at(const sl_checkpoint *self)
{
    return self->look->point;
}

int32_t sl_checkpoint_tables(const sl_checkpoint *self)
{
    return self->look->n_tables;
}

sl_checkpoint_table sl_checkpoint_table_at(const sl_checkpoint *self, int32_t i)
{
    return self->look->tables[i]->told;
}

sl_code sl_checkpoint_count(sl_checkpoint *self, int32_t i, int64_t *out, sl_error *err)
{
    void *pass = NULL;
    int64_t n = 0;
    SL_TRY(sli_look_begin(self->look->tables[i], &pass, err));
    sl_batch *rows = NULL;
    sl_code rc = SL_OK;
    do {
        sl_batch_unref(rows);
        rows = NULL;
        rc = atomic_exchange(&self->stop, false)
                 ? sl_error_set(err, SL_E_CANCELLED, "stopped on request")
                 : sli_look_next(pass, &rows, err);
        n += rows == NULL ? 0 : sl_batch_rows(rows);
    } while (rc == SL_OK && rows != NULL);
    sl_batch_unref(rows);
    sli_look_end(pass);
    if (rc == SL_OK) {
        *out = n;
    }
    return rc;
}

// ---------------------------------------------------------------- SELECT

static sl_code declare(sl_checkpoint *self, sli_look_table *table, sl_error *err)
{
    SL_TRY(sli_dbs_table(self->dbs, table->engine, table->told.columns, -1, err));
    return table->told.schema[0] == '\0'
               ? SL_OK
               : sli_dbs_alias(self->dbs, table->told.schema, table->told.name, table->engine, err);
}

/// Before anybody looks: it takes longer than a job needs for two snapshots, if it makes them
/// often.
static sl_code open_engine(sl_checkpoint *self, sl_error *err)
{
    const sli_db_conf conf = {.struct_size = sizeof conf,
                              .memory_bytes = self->memory_bytes / 2,
                              .spill_dir = self->spill_dir};
    drop_engine(self);
    return sli_dbs_new(&self->dbs, self->env, self->modules, "SQL", &conf, err);
}

static sl_code declare_all(sl_checkpoint *self, sl_error *err)
{
    const sli_look *look = self->look;
    self->readers = sl_alloc_array(SLI_TAG_API, (size_t)look->n_tables + 1, sizeof *self->readers);
    if (self->readers == NULL) {
        return sl_error_nomem(err, sizeof *self->readers, "tables of a checkpoint");
    }
    for (int32_t i = 0; i < look->n_tables; i++) {
        SL_TRY(declare(self, look->tables[i], err));
        self->readers[i] = (sli_dbs_reader){.table = look->tables[i]->engine,
                                            .ctx = look->tables[i],
                                            .open = sli_look_begin,
                                            .next = sli_look_next,
                                            .close = sli_look_end};
    }
    return SL_OK;
}

/// Rows on their way to who asked.
typedef struct telling {
    const sl_rows_to *to;
    sl_schema *columns;
    bool begun;
} telling;

static sl_code keep_columns(void *ctx, const sl_schema *columns, sl_error *err)
{
    telling *t = ctx;
    (void)err;
    t->columns = sl_schema_ref(columns);
    return SL_OK;
}

/// Only when there is something to tell: until then all can begin again.
static sl_code begin(telling *t, sl_error *err)
{
    bool was_begun = t->begun;
    t->begun = true;
    return was_begun ? SL_OK : t->to->begin(t->to->ctx, t->columns, err);
}

static sl_code tell_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    telling *t = ctx;
    SL_TRY(begin(t, err));
    return t->to->rows(t->to->ctx, rows, err);
}

static sl_code ask_once(sl_checkpoint *self, const char *select, telling *t, sl_error *err)
{
    sli_db_where where = {-1};
    SL_TRY(open_engine(self, err));
    SL_TRY(look_again(self, err));
    SL_TRY(declare_all(self, err));
    sl_code rc = sli_dbs_select(self->dbs,
                                &(sli_dbs_ask){.sql = select,
                                               .readers = self->readers,
                                               .n_readers = self->look->n_tables,
                                               .time_us = self->look->point.time_us,
                                               .stop = &self->stop,
                                               .begin = keep_columns,
                                               .push = tell_rows,
                                               .ctx = t},
                                &where, err);
    return rc == SL_OK ? begin(t, err) : sli_sql_where(select, where.at, rc, err);
}

sl_code sl_checkpoint_select(sl_checkpoint *self, const char *select, const sl_rows_to *to,
                             sl_error *err)
{
    telling t = {.to = to};
    sl_code rc = SL_OK;
    for (int i = 0; i < TRIES; i++) {
        sl_schema_unref(t.columns);
        t.columns = NULL;
        rc = ask_once(self, select, &t, err);
        if (rc != SL_E_NOT_FOUND || t.begun) {
            break;
        }
    }
    sl_schema_unref(t.columns);
    atomic_store(&self->stop, false);
    return rc == SL_E_NOT_FOUND
               ? sl_error_wrap(err, rc,
                               "the job has made two snapshots since the SELECT began, and removed "
                               "what it reads: ask again")
               : rc;
}

void sl_checkpoint_stop(sl_checkpoint *self)
{
    atomic_store(&self->stop, true); // pairs with what DuckDB's steps look at
}
