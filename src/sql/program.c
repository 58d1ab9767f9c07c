// What the program that embeds a script gives it by name: queues that it fills ('connector' =
// 'queue') and functions that take the rows of an INSERT ('foreach').
#include "sql/connector.h"
#include "sql/program.h"

#include "sluice/sql.h"

#include "base/str.h"

enum { MAX_FUNCTIONS = 64 };

typedef struct function {
    const sl_foreach_fn *fn;
    const char *args; ///< NULL: none
} function;

typedef struct functions {
    sl_arena *arena;
    function of[MAX_FUNCTIONS];
    int32_t n;
} functions;

static const char owned_name[] = "sql.foreach";
static const sl_option no_options[] = {{0}};

const sli_sink_ops sli_sink_foreach = {
    .struct_size = sizeof sli_sink_foreach, .scheme = "foreach", .options = no_options};

// ---------------------------------------------------------------- queues

static bool is_true(const char *value)
{
    bool yes = false; // it was checked as an option of the source
    return value != NULL && sli_scan_bool(sli_text_of(value), &yes, NULL) == SL_OK && yes;
}

sl_stream *sli_program_queue(sli_script *s, const sli_entry *entry)
{
    return sl_stream_queue(s->graph, sli_with_value(entry, "name", NULL),
                           sl_schema_text(entry->columns),
                           is_true(sli_with_value(entry, "one_at_a_time", NULL)));
}

// ---------------------------------------------------------------- functions

static void free_functions(void *thing)
{
    functions *all = thing;
    sl_arena_free(all->arena);
    sl_free(all);
}

static sl_code functions_of(sl_graph *graph, functions **out, sl_error *err)
{
    functions *all = sli_graph_owned(graph, owned_name);
    if (all == NULL) {
        all = sl_alloc_zero(SLI_TAG_SQL, sizeof *all);
        if (all == NULL) {
            return sl_error_nomem(err, sizeof *all, "functions of scripts");
        }
        all->arena = sl_arena_new(SLI_TAG_SQL);
        if (all->arena == NULL) {
            sl_free(all);
            return sl_error_nomem(err, sizeof *all, "functions of scripts");
        }
        SL_TRY(sli_graph_own(graph, owned_name, all, free_functions, err));
    }
    *out = all;
    return SL_OK;
}

static const function *find_function(const functions *all, const char *name)
{
    for (int32_t i = 0; all != NULL && i < all->n; i++) {
        if (strcmp(all->of[i].fn->name, name) == 0) {
            return &all->of[i];
        }
    }
    return NULL;
}

static sl_code add_function(sl_graph *graph, const sl_foreach_fn *fn, const char *args,
                            sl_error *err)
{
    functions *all = NULL;
    if (fn == NULL || fn->name == NULL || fn->run == NULL) {
        return sl_error_set(err, SL_E_INVALID, "it has no name or no `run`");
    }
    SL_TRY(functions_of(graph, &all, err));
    if (find_function(all, fn->name) != NULL) {
        return sl_error_set(err, SL_E_INVALID, "there is one of that name already");
    }
    if (all->n == MAX_FUNCTIONS) {
        return sl_error_set(err, SL_E_INVALID, "there are too many: a job may have %d",
                            (int)MAX_FUNCTIONS);
    }
    const char *copy = args == NULL ? NULL : sl_arena_strdup(all->arena, args);
    if (args != NULL && copy == NULL) {
        return sl_error_nomem(err, strlen(args), "a function of scripts");
    }
    all->of[all->n++] = (function){fn, copy};
    return SL_OK;
}

void sl_sql_foreach(sl_graph *graph, const sl_foreach_fn *fn, const char *args)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = add_function(graph, fn, args, &err);
    if (rc != SL_OK) {
        const char *name = fn == NULL || fn->name == NULL ? "" : fn->name;
        rc = sl_error_wrap(&err, rc, "sql foreach '%.100s'", name);
        sli_graph_stick(graph, rc, &err);
    }
}

// ---------------------------------------------------------------- writing to them

static sl_code unknown(const sli_script *s, const sli_entry *sink, const functions *all,
                       const char *name, sl_error *err)
{
    const char *names[MAX_FUNCTIONS + 1] = {NULL};
    for (int32_t i = 0; all != NULL && i < all->n; i++) {
        names[i] = all->of[i].fn->name;
    }
    const char *near = sli_script_near(s, name, names);
    return sli_script_fail(s, sink->with_at, err, "the program has no function '%.100s'%s", name,
                           near[0] != '\0' ? near : "; sl_sql_foreach gives it one");
}

bool sli_program_takes(const sli_entry *sink)
{
    return sli_connector_of(sink)->sink == &sli_sink_foreach;
}

sl_code sli_program_foreach(const sli_script *s, const sli_entry *sink, sl_stream *rows,
                            sl_error *err)
{
    const functions *all = sli_graph_owned(s->graph, owned_name);
    const char *name = sli_with_value(sink, "name", NULL);
    const function *found = find_function(all, name);
    if (found == NULL) {
        return unknown(s, sink, all, name, err);
    }
    sl_stream_foreach_rdd(rows, found->fn, found->args);
    return SL_OK;
}
