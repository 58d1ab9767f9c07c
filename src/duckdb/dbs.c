/// dbs.c — the instances of one job: made alike, leased to whoever runs a query.
///
/// How an instance is made ready is a list of steps, which one that is new, or was made before the
/// last of them, catches up with when it is leased. The lock is held for taking one and giving it
/// back; what DuckDB does is done without it.
#include <stdatomic.h>

#include "base/lock.h"
#include "base/str.h"
#include "duckdb/dbs_int.h"
#include "env/module.h"

/// A table (`schema` is released with the step), another name of one, or a function.
typedef struct step {
    char *name;
    char *in, *alias;  ///< the name IN.ALIAS of table `name`; NULL: the step is none
    sl_schema *schema; ///< NULL: a function
    struct ArrowSchema arrow;
    int64_t rows;
    sli_db_function function;
} step;

typedef struct query {
    char *sql;
    sli_dbs_form form;
} query;

typedef struct instance {
    sli_db *db;
    int32_t n_steps;        ///< that it has made
    sli_db_query **queries; ///< by number; NULL: not prepared here yet
    int32_t n_queries;      ///< room in `queries`
    struct instance *next;
} instance;

struct sli_dbs {
    sl_env *env;
    const sli_db_ops *ops;
    int64_t memory_bytes;
    char *spill_dir;        ///< NULL: nowhere
    _Atomic bool may_spill; ///< `spill_dir` was made, or can't be
    sli_file *spill_lock;   ///< of who set may_spill
    bool reads_files;       ///< each instance may
    sli_dbs_watch *watch;
    step *steps;
    int32_t n_steps;
    query *queries;
    int32_t n_queries;
    sli_mutex lock;
    instance *unused; ///< under the lock
    int32_t n_opened; ///< likewise: the next one's number
};

// ---------------------------------------------------------------- instances

static void close_instance(const sli_dbs *dbs, instance *i)
{
    if (i != NULL) {
        for (int32_t q = 0; q < i->n_queries; q++) {
            dbs->ops->free_query(i->queries[q]);
        }
        dbs->ops->close(i->db);
        sl_free(i->queries);
        sl_free(i);
    }
}

/// Two instances of a process never spill into one directory.
static sl_code open_db(const sli_dbs *dbs, int32_t number, bool reads_files, const char *attach,
                       sli_db **out, sl_error *err)
{
    sli_str dir = {.tag = SLI_TAG_SQL};
    sl_code rc = SL_OK;
    if (dbs->spill_dir != NULL) {
        sli_str_printf(&dir, "%s/%d", dbs->spill_dir, (int)number);
        rc = sli_str_check(&dir, "a directory's name", err);
    }
    if (rc == SL_OK) {
        rc = dbs->ops->open(out,
                            &(sli_db_conf){.struct_size = sizeof(sli_db_conf),
                                           .memory_bytes = dbs->memory_bytes,
                                           .spill_dir = dir.data,
                                           .reads_files = reads_files,
                                           .attach = attach},
                            err);
    }
    sli_str_reset(&dir);
    return rc;
}

static sl_code open_instance(const sli_dbs *dbs, int32_t number, instance **out, sl_error *err)
{
    instance *i = sl_alloc_zero(SLI_TAG_SQL, sizeof *i);
    if (i == NULL) {
        return sl_error_nomem(err, sizeof *i, "an instance of SQL");
    }
    sl_code rc = open_db(dbs, number, dbs->reads_files, NULL, &i->db, err);
    if (rc != SL_OK) {
        sl_free(i);
        return rc;
    }
    *out = i;
    return SL_OK;
}

static sl_code make_step(const sli_dbs *dbs, instance *i, const step *s, sl_error *err)
{
    if (s->alias != NULL) {
        return dbs->ops->alias(i->db, s->in, s->alias, s->name, err);
    }
    return s->schema == NULL ? dbs->ops->function(i->db, &s->function, err)
                             : dbs->ops->table(i->db, s->name, &s->arrow, s->rows, err);
}

static void give_back(sli_dbs *dbs, instance *i)
{
    sli_mutex_lock(&dbs->lock);
    i->next = dbs->unused;
    dbs->unused = i;
    sli_mutex_unlock(&dbs->lock);
}

/// After a failure inside the engine itself an instance is used no more.
static void give_back_after(sli_dbs *dbs, instance *i, sl_code rc)
{
    if (rc == SL_E_UNSUPPORTED) {
        close_instance(dbs, i);
    } else {
        give_back(dbs, i);
    }
}

/// Before the first run: the engine makes a directory of its own in it when it needs one, and tells
/// then when there is no place.
static void let_spill(sli_dbs *dbs)
{
    if (dbs->spill_dir != NULL && !atomic_exchange(&dbs->may_spill, true)) {
        sli_dbs_spill_begin(dbs->env, dbs->spill_dir, &dbs->spill_lock);
    }
}

/// An instance with all steps made.
static sl_code lease(sli_dbs *dbs, instance **out, sl_error *err)
{
    sli_mutex_lock(&dbs->lock);
    instance *i = dbs->unused;
    int32_t number = i == NULL ? dbs->n_opened++ : 0;
    if (i != NULL) {
        dbs->unused = i->next;
    }
    sli_mutex_unlock(&dbs->lock);
    sl_code rc = i == NULL ? open_instance(dbs, number, &i, err) : SL_OK;
    while (rc == SL_OK && i->n_steps < dbs->n_steps) {
        rc = make_step(dbs, i, &dbs->steps[i->n_steps], err);
        i->n_steps += rc == SL_OK;
    }
    if (rc != SL_OK) {
        close_instance(dbs, i);
        return rc;
    }
    *out = i;
    return SL_OK;
}

// ---------------------------------------------------------------- of a job

static sl_code load_module(sli_dbs *dbs, sl_env *env, const char *modules, const char *why,
                           sl_error *err)
{
    const sli_module_want want = {"sql_duckdb", SLI_DB_ABI, why, "libsluice-sql", "go"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(env, modules, &want, &module, err));
    dbs->ops = module->table;
    return SL_OK;
}

sl_code sli_dbs_new(sli_dbs **out, sl_env *env, const char *modules, const char *why,
                    const sli_db_conf *conf, sl_error *err)
{
    sli_dbs *dbs = sl_alloc_zero(SLI_TAG_SQL, sizeof *dbs);
    if (dbs == NULL) {
        return sl_error_nomem(err, sizeof *dbs, "instances of SQL");
    }
    instance *first = NULL;
    sli_mutex_init(&dbs->lock, SLI_RANK_SQL);
    dbs->env = env;
    dbs->memory_bytes = conf->memory_bytes;
    dbs->reads_files = conf->reads_files;
    sl_code rc = load_module(dbs, env, modules, why, err);
    rc = rc == SL_OK ? sli_dbs_watch_new(&dbs->watch, env, dbs->ops, err) : rc;
    if (rc == SL_OK && conf->spill_dir != NULL) {
        dbs->spill_dir = sl_strdup(SLI_TAG_SQL, conf->spill_dir);
        rc = dbs->spill_dir == NULL ? sl_error_nomem(err, 1, "a directory's name") : SL_OK;
    }
    if (rc == SL_OK) {
        rc = lease(dbs, &first, err);
    }
    if (rc != SL_OK) {
        sli_dbs_free(dbs);
        return rc;
    }
    give_back(dbs, first);
    *out = dbs;
    return SL_OK;
}

static void reset_step(step *s)
{
    if (s->arrow.release != NULL) {
        s->arrow.release(&s->arrow);
    }
    sl_schema_unref(s->schema);
    sl_free(s->name);
    sl_free(s->in);
    sl_free(s->alias);
}

void sli_dbs_free(sli_dbs *dbs)
{
    if (dbs == NULL) {
        return;
    }
    sli_dbs_watch_free(dbs->watch);
    while (dbs->unused != NULL) {
        instance *next = dbs->unused->next;
        close_instance(dbs, dbs->unused);
        dbs->unused = next;
    }
    for (int32_t i = 0; i < dbs->n_steps; i++) {
        reset_step(&dbs->steps[i]);
    }
    for (int32_t i = 0; i < dbs->n_queries; i++) {
        sl_free(dbs->queries[i].sql);
        sli_dbs_form_reset(&dbs->queries[i].form);
    }
    if (atomic_load(&dbs->may_spill)) {
        sli_dbs_spill_end(dbs->env, dbs->spill_dir, &dbs->spill_lock);
    }
    sl_free(dbs->steps);
    sl_free(dbs->queries);
    sl_free(dbs->spill_dir);
    sli_mutex_reset(&dbs->lock);
    sl_free(dbs);
}

const sli_db_ops *sli_dbs_ops(const sli_dbs *dbs)
{
    return dbs->ops;
}

// ---------------------------------------------------------------- steps

static sl_code grow(void **list, int32_t n, size_t size, sl_error *err)
{
    void *more = sl_realloc(SLI_TAG_SQL, *list, ((size_t)n + 1) * size);
    if (more == NULL) {
        return sl_error_nomem(err, size, "a definition of SQL");
    }
    *list = more;
    return SL_OK;
}

/// Tries a step, which is taken, on an instance, and keeps it.
static sl_code add_step(sli_dbs *dbs, step *s, sl_error *err)
{
    instance *i = NULL;
    sl_code rc = grow((void **)&dbs->steps, dbs->n_steps, sizeof *dbs->steps, err);
    if (rc == SL_OK) {
        rc = lease(dbs, &i, err);
    }
    if (rc == SL_OK) {
        dbs->steps[dbs->n_steps] = *s;
        rc = make_step(dbs, i, s, err);
        i->n_steps += rc == SL_OK;
        dbs->n_steps += rc == SL_OK;
        give_back(dbs, i);
    }
    if (rc != SL_OK) {
        reset_step(s);
    }
    return rc;
}

static const step *find_table(const sli_dbs *dbs, const char *name)
{
    for (int32_t i = 0; i < dbs->n_steps; i++) {
        if (dbs->steps[i].schema != NULL && strcasecmp(dbs->steps[i].name, name) == 0) {
            return &dbs->steps[i];
        }
    }
    return NULL;
}

sl_code sli_dbs_table(sli_dbs *dbs, const char *name, const sl_schema *schema, int64_t rows,
                      sl_error *err)
{
    const step *known = find_table(dbs, name);
    if (known != NULL && sl_schema_equal(known->schema, schema)) {
        return SL_OK;
    }
    step s = {.rows = rows};
    SL_TRY(sli_dbs_export_schema(schema, &s.arrow, err));
    s.schema = sl_schema_ref(schema);
    s.name = sl_strdup(SLI_TAG_SQL, name);
    if (s.name == NULL) {
        reset_step(&s);
        return sl_error_nomem(err, strlen(name), "a table's name");
    }
    return add_step(dbs, &s, err);
}

sl_code sli_dbs_function(sli_dbs *dbs, const sli_db_function *function, sl_error *err)
{
    step s = {.function = *function, .name = sl_strdup(SLI_TAG_SQL, function->name)};
    if (s.name == NULL) {
        return sl_error_nomem(err, strlen(function->name), "a function's name");
    }
    s.function.name = s.name;
    return add_step(dbs, &s, err);
}

sl_code sli_dbs_alias(sli_dbs *dbs, const char *schema, const char *name, const char *table,
                      sl_error *err)
{
    step s = {.name = sl_strdup(SLI_TAG_SQL, table),
              .in = sl_strdup(SLI_TAG_SQL, schema),
              .alias = sl_strdup(SLI_TAG_SQL, name)};
    if (s.name == NULL || s.in == NULL || s.alias == NULL) {
        reset_step(&s);
        return sl_error_nomem(err, strlen(name), "a table's name");
    }
    return add_step(dbs, &s, err);
}

// ---------------------------------------------------------------- what an instance says

sl_code sli_dbs_parse(sli_dbs *dbs, const char *sql, sli_db_text_fn each, void *ctx,
                      sli_db_where *where, sl_error *err)
{
    instance *i = NULL;
    SL_TRY(lease(dbs, &i, err));
    sl_code rc = dbs->ops->parse(i->db, sql, each, ctx, where, err);
    give_back(dbs, i);
    return rc;
}

sl_code sli_dbs_print(sli_dbs *dbs, const char *json, sli_db_text_fn each, void *ctx, sl_error *err)
{
    instance *i = NULL;
    SL_TRY(lease(dbs, &i, err));
    sl_code rc = dbs->ops->print(i->db, json, each, ctx, err);
    give_back(dbs, i);
    return rc;
}

sl_code sli_dbs_functions(sli_dbs *dbs, sli_db_function_fn each, void *ctx, sl_error *err)
{
    instance *i = NULL;
    SL_TRY(lease(dbs, &i, err));
    sl_code rc = dbs->ops->functions(i->db, each, ctx, err);
    give_back(dbs, i);
    return rc;
}

sl_code sli_dbs_columns(sli_dbs *dbs, const char *columns, sl_schema **out, sli_db_where *where,
                        sl_error *err)
{
    instance *i = NULL;
    struct ArrowSchema schema;
    SL_TRY(lease(dbs, &i, err));
    sl_code rc = dbs->ops->columns(i->db, columns, &schema, where, err);
    give_back(dbs, i);
    if (rc == SL_OK) {
        rc = sli_dbs_schema(&schema, out, err);
        schema.release(&schema);
    }
    return rc;
}

// ---------------------------------------------------------------- queries

/// Room for the handles of all queries there are.
static sl_code make_room(const sli_dbs *dbs, instance *i, int32_t number, sl_error *err)
{
    int32_t n = number + 1 > dbs->n_queries ? number + 1 : dbs->n_queries;
    if (n <= i->n_queries) {
        return SL_OK;
    }
    sli_db_query **more = sl_realloc(SLI_TAG_SQL, i->queries, (size_t)n * sizeof(sli_db_query *));
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)n, "prepared statements");
    }
    i->queries = more;
    while (i->n_queries < n) {
        i->queries[i->n_queries++] = NULL;
    }
    return SL_OK;
}

static sl_code prepare(const sli_dbs *dbs, instance *i, int32_t number, const char *sql,
                       struct ArrowSchema *schema, sli_db_where *where, sl_error *err)
{
    SL_TRY(make_room(dbs, i, number, err));
    return dbs->ops->prepare(i->db, sql, &i->queries[number], schema, where, err);
}

/// The number of a text that was prepared before; -1: none was.
static int32_t find_query(const sli_dbs *dbs, const char *sql)
{
    for (int32_t n = 0; n < dbs->n_queries; n++) {
        if (strcmp(dbs->queries[n].sql, sql) == 0) {
            return n;
        }
    }
    return -1;
}

void sli_dbs_forget(sli_dbs *dbs, int32_t number)
{
    for (instance *i = dbs->unused; i != NULL; i = i->next) {
        if (number < i->n_queries && i->queries[number] != NULL) {
            dbs->ops->free_query(i->queries[number]);
            i->queries[number] = NULL;
        }
    }
}

sl_code sli_dbs_prepare(sli_dbs *dbs, const char *sql, int32_t *number, sl_schema **schema,
                        sli_db_where *where, sl_error *err)
{
    int32_t known = find_query(dbs, sql);
    if (known >= 0) {
        *schema = sl_schema_ref(dbs->queries[known].form.schema);
        *number = known;
        return SL_OK;
    }
    instance *i = NULL;
    struct ArrowSchema arrow = {0};
    query q = {.sql = sl_strdup(SLI_TAG_SQL, sql)};
    sl_code rc = q.sql == NULL ? sl_error_nomem(err, strlen(sql), "a statement of SQL")
                               : grow((void **)&dbs->queries, dbs->n_queries, sizeof q, err);
    if (rc == SL_OK) {
        rc = lease(dbs, &i, err);
    }
    if (rc == SL_OK) {
        rc = prepare(dbs, i, dbs->n_queries, sql, &arrow, where, err);
        if (rc == SL_OK) {
            rc = sli_dbs_form_init(&q.form, &arrow, err);
        }
        if (rc != SL_OK && i->n_queries > dbs->n_queries) {
            dbs->ops->free_query(i->queries[dbs->n_queries]);
            i->queries[dbs->n_queries] = NULL;
        }
        give_back(dbs, i);
    }
    if (rc != SL_OK) {
        sl_free(q.sql);
        return rc;
    }
    *schema = sl_schema_ref(q.form.schema);
    *number = dbs->n_queries;
    dbs->queries[dbs->n_queries++] = q;
    return SL_OK;
}

/// What an instance that is not the first needs once for each query.
static sl_code prepare_here(const sli_dbs *dbs, instance *i, int32_t number, sl_error *err)
{
    if (number < i->n_queries && i->queries[number] != NULL) {
        return SL_OK;
    }
    struct ArrowSchema schema = {0};
    sli_db_where where;
    SL_TRY(prepare(dbs, i, number, dbs->queries[number].sql, &schema, &where, err));
    schema.release(&schema);
    return SL_OK;
}

// ---------------------------------------------------------------- runs

typedef struct pushing {
    const sli_dbs_form *form;
    sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err);
    void *ctx;
    bool has_pushed;
} pushing;

static sl_code push_array(void *ctx, struct ArrowArray *rows, sl_error *err)
{
    pushing *to = ctx;
    sl_batch *batch = NULL;
    SL_TRY(sli_dbs_import(to->form, rows, &batch, err));
    to->has_pushed = true;
    sl_code rc = to->push(to->ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code run_watched(sli_dbs *dbs, sli_db *db, sli_db_query *q, const sli_db_run *run,
                           sl_error *err)
{
    sli_dbs_watched watched = {.db = db, .stop = run->stop, .n_stop = run->n_stop};
    let_spill(dbs);
    SL_TRY(sli_dbs_watch_begin(dbs->watch, &watched, err));
    sl_code rc = dbs->ops->run(q, run, err);
    sli_dbs_watch_end(dbs->watch, &watched);
    return rc;
}

sl_code sli_dbs_run(sli_dbs *dbs, int32_t number, const sli_dbs_rows *rows, int32_t n_rows,
                    int64_t time_us, const _Atomic bool *const *stop, int32_t n_stop,
                    sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err), void *ctx,
                    sl_error *err)
{
    SL_ASSERT(number >= 0 && number < dbs->n_queries, "a query that was prepared");
    instance *i = NULL;
    sli_dbs_arrays arrays;
    pushing to = {.form = &dbs->queries[number].form, .push = push, .ctx = ctx};
    SL_TRY(sli_dbs_arrays_init(&arrays, rows, n_rows, err));
    sl_code rc = lease(dbs, &i, err);
    if (rc == SL_OK) {
        rc = prepare_here(dbs, i, number, err);
        if (rc == SL_OK) {
            rc = run_watched(dbs, i->db, i->queries[number],
                             &(sli_db_run){.struct_size = sizeof(sli_db_run),
                                           .rows = arrays.rows,
                                           .n_rows = arrays.n_rows,
                                           .time_us = time_us,
                                           .stop = stop,
                                           .n_stop = n_stop,
                                           .each = push_array,
                                           .ctx = &to},
                             err);
        }
        give_back_after(dbs, i, rc);
    }
    sli_dbs_arrays_reset(&arrays);
    return rc;
}

// ---------------------------------------------------------------- reading files

static sl_code push_none(pushing *to, sl_error *err)
{
    sl_batch *none = NULL;
    SL_TRY(sli_batch_empty(to->form->schema, &none, err));
    sl_code rc = to->push(to->ctx, none, err);
    sl_batch_unref(none);
    return rc;
}

static sl_code read_query(sli_dbs *dbs, sli_db_query *q, struct ArrowSchema *schema, pushing *to,
                          sl_error *err)
{
    sli_dbs_form form;
    SL_TRY(sli_dbs_form_init(&form, schema, err));
    to->form = &form;
    let_spill(dbs);
    sl_code rc = dbs->ops->run(
        q, &(sli_db_run){.struct_size = sizeof(sli_db_run), .each = push_array, .ctx = to}, err);
    if (rc == SL_OK && !to->has_pushed) {
        rc = push_none(to, err);
    }
    sli_dbs_form_reset(&form);
    return rc;
}

sl_code sli_dbs_read(sli_dbs *dbs, const char *select, const char *attach, sli_db_where *where,
                     sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err), void *ctx,
                     sl_error *err)
{
    sli_db *db = NULL;
    sli_db_query *q = NULL;
    struct ArrowSchema schema = {0};
    pushing to = {.push = push, .ctx = ctx};
    if (where != NULL) {
        where->at = -1; // where opening fails no place is told
    }
    SL_TRY(open_db(dbs, -1, true, attach, &db, err));
    sl_code rc = dbs->ops->prepare(db, select, &q, &schema, where, err);
    if (rc == SL_OK) {
        rc = read_query(dbs, q, &schema, &to, err);
    }
    dbs->ops->free_query(q);
    dbs->ops->close(db);
    return rc;
}

sl_code sli_dbs_scan(sli_dbs *dbs, const char *select,
                     sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err), void *ctx,
                     sl_error *err)
{
    SL_ASSERT(dbs->reads_files, "instances that read files");
    instance *i = NULL;
    sli_db_query *q = NULL;
    struct ArrowSchema schema = {0};
    sli_db_where where = {-1};
    pushing to = {.push = push, .ctx = ctx, .has_pushed = true}; // none is made up
    SL_TRY(lease(dbs, &i, err));
    sl_code rc = dbs->ops->prepare(i->db, select, &q, &schema, &where, err);
    if (rc == SL_OK) {
        rc = read_query(dbs, q, &schema, &to, err);
    }
    dbs->ops->free_query(q);
    give_back_after(dbs, i, rc);
    return rc;
}

// ---------------------------------------------------------------- rows that are read when needed

/// One pass of a query over a table, with the rows that it has now.
typedef struct passing {
    const sli_dbs_reader *reader;
    void *pass;
    struct ArrowArray array;
} passing;

static void drop_array(passing *self)
{
    if (self->array.release != NULL) {
        self->array.release(&self->array);
    }
    self->array.release = NULL;
}

static sl_code open_pass(void *ctx, void **out, sl_error *err)
{
    const sli_dbs_reader *reader = ctx;
    passing *self = sl_alloc_zero(SLI_TAG_SQL, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a pass over a table");
    }
    self->reader = reader;
    sl_code rc = reader->open(reader->ctx, &self->pass, err);
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static sl_code next_of_pass(void *pass, const struct ArrowArray **rows, sl_error *err)
{
    passing *self = pass;
    sl_batch *batch = NULL;
    struct ArrowSchema schema;
    drop_array(self);
    *rows = NULL;
    SL_TRY(self->reader->next(self->pass, &batch, err));
    if (batch == NULL) {
        return SL_OK;
    }
    sl_code rc = sl_batch_export(batch, &schema, &self->array, err);
    sl_batch_unref(batch);
    SL_TRY(rc);
    schema.release(&schema);
    *rows = &self->array;
    return SL_OK;
}

static void close_pass(void *pass)
{
    passing *self = pass;
    drop_array(self);
    self->reader->close(self->pass);
    sl_free(self);
}

static sl_code readers_of(const sli_dbs_ask *ask, sli_db_reader **out, sl_error *err)
{
    *out = sl_alloc_array(SLI_TAG_SQL, (size_t)ask->n_readers + 1, sizeof **out);
    if (*out == NULL) {
        return sl_error_nomem(err, sizeof **out, "tables of a SELECT");
    }
    for (int32_t i = 0; i < ask->n_readers; i++) {
        // the module gives the context back as it is
        (*out)[i] = (sli_db_reader){.table = ask->readers[i].table,
                                    .ctx = (void *)(uintptr_t)&ask->readers[i],
                                    .open = open_pass,
                                    .next = next_of_pass,
                                    .close = close_pass};
    }
    return SL_OK;
}

static sl_code run_ask(sli_dbs *dbs, sli_db *db, sli_db_query *q, const sli_dbs_form *form,
                       const sli_dbs_ask *ask, sl_error *err)
{
    sli_db_reader *readers = NULL;
    pushing to = {.form = form, .push = ask->push, .ctx = ask->ctx};
    SL_TRY(ask->begin(ask->ctx, form->schema, err));
    SL_TRY(readers_of(ask, &readers, err));
    sl_code rc = run_watched(dbs, db, q,
                             &(sli_db_run){.struct_size = sizeof(sli_db_run),
                                           .time_us = ask->time_us,
                                           .stop = &ask->stop,
                                           .n_stop = ask->stop == NULL ? 0 : 1,
                                           .each = push_array,
                                           .ctx = &to,
                                           .readers = readers,
                                           .n_readers = ask->n_readers},
                             err);
    sl_free(readers);
    return rc;
}

sl_code sli_dbs_select(sli_dbs *dbs, const sli_dbs_ask *ask, sli_db_where *where, sl_error *err)
{
    instance *i = NULL;
    sli_db_query *q = NULL;
    struct ArrowSchema schema = {0};
    sli_dbs_form form;
    where->at = -1;
    SL_TRY(lease(dbs, &i, err));
    sl_code rc = dbs->ops->prepare(i->db, ask->sql, &q, &schema, where, err);
    if (rc == SL_OK) {
        rc = sli_dbs_form_init(&form, &schema, err);
        if (rc == SL_OK) {
            rc = run_ask(dbs, i->db, q, &form, ask, err);
            sli_dbs_form_reset(&form);
        }
    }
    dbs->ops->free_query(q);
    give_back_after(dbs, i, rc);
    return rc;
}
