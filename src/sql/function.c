// Functions of the job that SQL may call: an sl_fn from DuckDB's arguments to one column.
//
// A call is part of the task whose query runs, so it has that task's epoch, time and partition. A
// call with constants alone is made when the query is prepared, by no task: it has none of them.
#include "sql/select.h"

#include "base/hash.h"
#include "col/arrow_abi.h"
#include "expr/expr.h"

#include <strings.h>

// ---------------------------------------------------------------- types

static sl_code export_schema(const sl_schema *schema, struct ArrowSchema *out, sl_error *err)
{
    struct ArrowArray none;
    sl_batch *empty = NULL;
    SL_TRY(sli_batch_empty(schema, &empty, err));
    sl_code rc = sl_batch_export(empty, out, &none, err);
    sl_batch_unref(empty);
    if (rc == SL_OK) {
        none.release(&none);
    }
    return rc;
}

/// Any arguments do: what the function makes of their types it says when it is called.
static sl_code bind(void *ctx, struct ArrowSchema *arguments, struct ArrowSchema *out,
                    sl_error *err)
{
    const sli_sql_callable *self = ctx;
    if (arguments->n_children == 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "function %s: it needs an argument, whose rows it "
                            "makes rows of",
                            self->fn->name);
    }
    return export_schema(self->out, out, err);
}

// ---------------------------------------------------------------- calls

static sl_code check_rows(const sl_batch *in, const sl_batch *out, sl_error *err)
{
    return sl_batch_rows(out) == sl_batch_rows(in)
               ? SL_OK
               : sl_error_set(err, SL_E_USER,
                              "it made %lld rows of %lld; a function of SQL makes one for each",
                              (long long)sl_batch_rows(out), (long long)sl_batch_rows(in));
}

static sl_code run_with(const sli_sql_callable *self, const sl_args *args, const sl_batch *in,
                        sl_batch **out, sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *made = NULL;
    sl_error why = SL_ERROR_INIT;
    SL_TRY(sl_builder_new(&builder, self->out, err));
    sl_code rc = self->fn->run(args, in, builder, &why);
    if (rc != SL_OK && why.code != rc) {
        rc = sl_error_set(&why, rc > SL_OK && rc <= SL_E_CRASHED ? rc : SL_E_USER,
                          "it gave no reason (code %d)", (int)rc);
    }
    rc = rc == SL_OK ? sl_builder_finish(builder, &made, &why) : rc;
    rc = rc == SL_OK ? check_rows(in, made, &why) : rc;
    sl_builder_free(builder);
    if (rc != SL_OK) {
        sl_batch_unref(made);
        if (err != NULL) {
            *err = why;
        }
        return sl_error_wrap(err, rc, "function %s", self->fn->name);
    }
    *out = made;
    return SL_OK;
}

static sl_code run(const sli_sql_callable *self, const sl_batch *in, sl_batch **out, sl_error *err)
{
    const sli_task *task = sli_task_running();
    sl_args args = {0};
    if (task != NULL) {
        const char *name = self->fn->name;
        SL_TRY(sli_task_args((sli_task *)(uintptr_t)task, "", sli_hash64(name, strlen(name)), 0,
                             &args, err));
        return run_with(self, &args, in, out, err);
    }
    sli_rng rng = {0};
    args.text = "";
    args.rng = &rng;
    args.arena = sl_arena_new(SLI_TAG_STREAM);
    sl_code rc = args.arena == NULL ? sl_error_nomem(err, 4096, "a function of SQL")
                                    : run_with(self, &args, in, out, err);
    sl_arena_free(args.arena);
    return rc;
}

static sl_code call(void *ctx, struct ArrowSchema *types, struct ArrowArray *arguments,
                    struct ArrowArray *out, sl_error *err)
{
    struct ArrowSchema type;
    sl_batch *in = NULL, *made = NULL;
    SL_TRY(sl_batch_import(types, arguments, &in, err));
    sl_code rc = run(ctx, in, &made, err);
    rc = rc == SL_OK ? sl_batch_export(made, &type, out, err) : rc;
    if (rc == SL_OK) {
        type.release(&type);
    }
    sl_batch_unref(made);
    sl_batch_unref(in);
    return rc;
}

// ---------------------------------------------------------------- adding

static bool is_word(const char *name)
{
    if (name[0] >= '0' && name[0] <= '9') {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && *at != '_' && (*at < '0' || *at > '9')) {
            return false;
        }
    }
    return name[0] != '\0';
}

static sl_code check(const sli_sql *sql, const sl_fn *fn, sl_error *err)
{
    if (fn == NULL || fn->struct_size < offsetof(sl_fn, end) || fn->name == NULL ||
        fn->run == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the function has no name, no code or no size");
    }
    if (!is_word(fn->name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "'%.100s' is no name that SQL can call: letters, digits and _",
                            fn->name);
    }
    if (sli_sql_callable_of(sql, fn->name) != NULL) {
        return sl_error_set(err, SL_E_INVALID, "there is a function '%.100s' already", fn->name);
    }
    if (fn->impure) {
        return sl_error_set(err, SL_E_INVALID,
                            "it is impure: a query must give the same rows when its epoch is "
                            "computed again. Call it in a map before the query");
    }
    bool is_whole = fn->struct_size >= sizeof *fn;
    if (is_whole && (fn->end != NULL || fn->state_bytes > 0)) {
        return sl_error_set(err, SL_E_INVALID,
                            "it keeps something from call to call, for which SQL has no partition: "
                            "call it in a mapPartitions before the query");
    }
    return fn->out != NULL
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "it does not say what it makes (`out`)");
}

typedef struct name_look {
    const char *name;
    bool is_taken;
} name_look;

static void look_for_name(void *ctx, const sli_db_function_info *info)
{
    name_look *look = ctx;
    look->is_taken |= strcasecmp(info->name, look->name) == 0;
}

/// DuckDB would take it as another form of its own function, and choose between the two by types.
static sl_code check_own(sli_sql *sql, const char *name, sl_error *err)
{
    name_look look = {.name = name};
    SL_TRY(sli_dbs_functions(sql->dbs, look_for_name, &look, err));
    return !look.is_taken ? SL_OK
                          : sl_error_set(err, SL_E_INVALID,
                                         "SQL has a function of that name; a name with a prefix of "
                                         "one's own lasts");
}

static sl_code add(sli_sql *sql, sli_sql_callable *added, sl_error *err)
{
    SL_TRY(check_own(sql, added->fn->name, err));
    SL_TRY(sl_schema_parse(&added->out, added->fn->out, err));
    if (sl_schema_columns(added->out) != 1) {
        return sl_error_set(err, SL_E_INVALID, "it makes %d columns; a function of SQL makes one",
                            sl_schema_columns(added->out));
    }
    sli_db_function function = {added->fn->name, bind, call, added};
    return sli_dbs_function(sql->dbs, &function, err);
}

sl_code sli_sql_add_function(sli_sql *sql, const sl_fn *fn, sl_error *err)
{
    SL_TRY(check(sql, fn, err));
    sli_sql_callable *added = sl_arena_alloc_zero(sql->arena, sizeof *added);
    if (added == NULL) {
        return sl_error_nomem(err, sizeof *added, "a function of SQL");
    }
    added->fn = fn;
    sl_code rc = add(sql, added, err);
    if (rc != SL_OK) {
        sl_schema_unref(added->out);
        return rc;
    }
    added->next = sql->callables;
    sql->callables = added;
    return SL_OK;
}

const sli_sql_callable *sli_sql_callable_of(const sli_sql *sql, const char *name)
{
    for (const sli_sql_callable *known = sql->callables; known != NULL; known = known->next) {
        if (strcasecmp(known->fn->name, name) == 0) {
            return known;
        }
    }
    return NULL;
}

void sli_callables_free(sli_sql *sql)
{
    for (sli_sql_callable *known = sql->callables; known != NULL; known = known->next) {
        sl_schema_unref(known->out);
    }
}

void sl_sql_function(sl_graph *graph, const sl_fn *fn)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sli_sql *sql = NULL;
    sl_code rc = sli_sql_of(graph, &sql, &err);
    rc = rc == SL_OK ? sli_sql_add_function(sql, fn, &err) : rc;
    if (rc != SL_OK) {
        const char *name = fn == NULL || fn->name == NULL ? "" : fn->name;
        rc = sl_error_wrap(&err, rc, "sql function '%.100s'", name);
        sli_graph_stick(graph, rc, &err);
    }
}
