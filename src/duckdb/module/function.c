/// function.c — functions that SQL may call: sluice_time(), and those of the caller.
///
/// DuckDB wants a function's types when it is made; the caller's are known when it is bound. So a
/// name is made with a form for any arguments, which is never run: when it is bound it asks the
/// caller for the result's type, and a form for exactly these arguments is made before the
/// statement is bound again (duck_add_forms). A form that is chosen for other arguments asks
/// likewise, unless theirs is there already.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb/module/duck_int.h"

/// Types of arguments, and of the result; or, without them, for any.
typedef struct form {
    duck_function *of;
    bool is_any, is_made;
    int32_t n;
    duck_type *arguments;
    duck_type result; ///< a struct of one column
    struct form *next;
} form;

struct duck_function {
    sli_db *db;
    sli_db_function given;
    char *name;
    form *forms;
    duck_function *next;
};

// ---------------------------------------------------------------- forms

static void free_form(form *f)
{
    if (f != NULL) {
        duck_types_free(f->arguments, f->n);
        duck_type_reset(&f->result);
        free(f);
    }
}

static void free_function(duck_function *function)
{
    while (function->forms != NULL) {
        form *next = function->forms->next;
        free_form(function->forms);
        function->forms = next;
    }
    free(function->name);
    free(function);
}

void duck_free_functions(sli_db *self)
{
    while (self->functions != NULL) {
        duck_function *next = self->functions->next;
        free_function(self->functions);
        self->functions = next;
    }
}

static bool same_type(const duck_type *a, const duck_type *b)
{
    bool same = a->from == b->from && a->precision == b->precision && a->scale == b->scale &&
                a->n_labels == b->n_labels && a->n_children == b->n_children;
    for (uint32_t i = 0; same && i < a->n_labels; i++) {
        same = strcmp(a->labels[i], b->labels[i]) == 0;
    }
    for (int32_t i = 0; same && i < a->n_children; i++) {
        same = (a->type != SL_STRUCT || strcmp(a->children[i].name, b->children[i].name) == 0) &&
               same_type(&a->children[i], &b->children[i]);
    }
    return same;
}

static bool same_arguments(const form *f, const duck_type *types, int32_t n)
{
    bool same = !f->is_any && f->n == n;
    for (int32_t i = 0; same && i < n; i++) {
        same = same_type(&f->arguments[i], &types[i]);
    }
    return same;
}

static const form *find_form(const duck_function *function, const duck_type *types, int32_t n)
{
    for (const form *f = function->forms; f != NULL; f = f->next) {
        if (same_arguments(f, types, n)) {
            return f;
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- binding

static sl_code argument_type(duckdb_bind_info info, int32_t i, duck_type *out, sl_error *err)
{
    char name[16];
    duckdb_expression argument = duckdb_scalar_function_bind_get_argument(info, (idx_t)i);
    duckdb_logical_type logical = duckdb_expression_return_type(argument);
    if (duckdb_get_type_id(logical) == DUCKDB_TYPE_SQLNULL) { // NULL itself
        duckdb_destroy_logical_type(&logical);
        logical = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    }
    (void)snprintf(name, sizeof name, "a%d", (int)i);
    sl_code rc = duck_type_of_logical(logical, name, out, err);
    duckdb_destroy_logical_type(&logical);
    duckdb_destroy_expression(&argument);
    return rc;
}

static sl_code argument_types(duckdb_bind_info info, duck_type **out, int32_t *n, sl_error *err)
{
    *n = (int32_t)duckdb_scalar_function_bind_get_argument_count(info);
    *out = calloc((size_t)*n + 1, sizeof **out);
    if (*out == NULL) {
        return duck_nomem(err);
    }
    for (int32_t i = 0; i < *n; i++) {
        SL_TRY(argument_type(info, i, &(*out)[i], err));
    }
    return SL_OK;
}

/// Asks the caller for the result's type.
static sl_code ask_result(form *f, sl_error *err)
{
    struct ArrowSchema arguments, result = {0};
    const sli_db_function *given = &f->of->given;
    SL_TRY(duck_schema(f->arguments, f->n, &arguments, err));
    sl_code rc = given->bind(given->ctx, &arguments, &result, err);
    if (arguments.release != NULL) {
        arguments.release(&arguments);
    }
    SL_TRY(rc);
    rc = result.n_children == 1
             ? duck_type_of_schema(&result, &f->result, err)
             : duck_fail(err, SL_E_INVALID, "function %.100s: its result is not one column",
                         f->of->name);
    result.release(&result);
    return rc;
}

static sl_code add_form(duck_function *function, duck_type *types, int32_t n, sl_error *err)
{
    form *f = calloc(1, sizeof *f);
    if (f == NULL) {
        duck_types_free(types, n);
        return duck_nomem(err);
    }
    *f = (form){.of = function, .n = n, .arguments = types};
    sl_code rc = ask_result(f, err);
    if (rc != SL_OK) {
        free_form(f);
        return rc;
    }
    f->next = function->forms;
    function->forms = f;
    return SL_OK;
}

static void bind_function(duckdb_bind_info info)
{
    form *f = duckdb_scalar_function_bind_get_extra_info(info);
    sl_error err = SL_ERROR_INIT;
    duck_type *types = NULL;
    int32_t n = 0;
    sl_code rc = argument_types(info, &types, &n, &err);
    const form *exact = rc == SL_OK ? find_form(f->of, types, n) : NULL;
    if (rc == SL_OK && exact == NULL) {
        rc = add_form(f->of, types, n, &err);
        if (rc == SL_OK) {
            duckdb_scalar_function_bind_set_error(info, "to be bound again");
        }
        types = NULL;
    } else if (rc == SL_OK && f->is_any) {
        duckdb_scalar_function_bind_set_error(info, "to be bound again");
    }
    if (rc != SL_OK) {
        duck_keep_failure(f->of->db, &err);
        duckdb_scalar_function_bind_set_error(info, err.text);
    }
    duck_types_free(types, n);
}

// ---------------------------------------------------------------- calling

/// Nested arguments may lie in DuckDB in ways that have no array: they are copied flat first.
static duckdb_vector flatten(duckdb_vector from, const duck_type *type, idx_t n)
{
    duckdb_logical_type logical = duck_logical(type);
    duckdb_vector out = logical == NULL ? NULL : duckdb_create_vector(logical, n);
    duckdb_selection_vector all = duckdb_create_selection_vector(n);
    sel_t *at = all == NULL ? NULL : duckdb_selection_vector_get_data_ptr(all);
    for (idx_t i = 0; at != NULL && i < n; i++) {
        at[i] = (sel_t)i;
    }
    if (out != NULL && at != NULL) {
        duckdb_vector_copy_sel(from, out, all, n, 0, 0);
    } else if (out != NULL) {
        duckdb_destroy_vector(&out);
        out = NULL;
    }
    if (all != NULL) {
        duckdb_destroy_selection_vector(all);
    }
    duckdb_destroy_logical_type(&logical);
    return out;
}

static sl_code export_arguments(const form *f, duckdb_data_chunk input, struct ArrowArray *out,
                                sl_error *err)
{
    duck_rows rows;
    idx_t n = duckdb_data_chunk_get_size(input);
    SL_TRY(duck_rows_init(&rows, f->arguments, f->n, err));
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < f->n; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(input, (idx_t)i), flat = NULL;
        if (f->arguments[i].n_children > 0) {
            flat = flatten(vector, &f->arguments[i], n);
            rc = flat == NULL ? duck_nomem(err) : SL_OK;
        }
        if (rc == SL_OK) {
            rc = duck_rows_add_column(&rows, i, flat == NULL ? vector : flat, (int64_t)n, err);
        }
        if (flat != NULL) {
            duckdb_destroy_vector(&flat);
        }
    }
    rows.n = (int64_t)n;
    if (rc == SL_OK) {
        rc = duck_rows_take(&rows, out, err);
    }
    duck_rows_reset(&rows);
    return rc;
}

static sl_code call(const form *f, duckdb_data_chunk input, duckdb_vector output, sl_error *err)
{
    struct ArrowArray arguments, result = {0};
    const sli_db_function *given = &f->of->given;
    int64_t n = (int64_t)duckdb_data_chunk_get_size(input);
    SL_TRY(export_arguments(f, input, &arguments, err));
    struct ArrowSchema types;
    sl_code rc = duck_schema(f->arguments, f->n, &types, err);
    if (rc != SL_OK) {
        arguments.release(&arguments);
        return rc;
    }
    SL_TRY(given->call(given->ctx, &types, &arguments, &result, err));
    rc = result.length == n && result.n_children == 1
             ? duck_put(output, 0, &f->result.children[0], result.children[0], result.offset, n,
                        true, err)
             : duck_fail(err, SL_E_USER, "function %.100s: it gave %lld rows for %lld", f->of->name,
                         (long long)result.length, (long long)n);
    result.release(&result);
    return rc;
}

static void run_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const form *f = duckdb_scalar_function_get_extra_info(info);
    sl_error err = SL_ERROR_INIT;
    if (f->is_any) { // was never bound
        duckdb_scalar_function_set_error(info, "a function without a form");
    } else if (call(f, input, output, &err) != SL_OK) {
        duck_keep_failure(f->of->db, &err);
        duckdb_scalar_function_set_error(info, err.text);
    }
}

// ---------------------------------------------------------------- making

static bool set_types(duckdb_scalar_function made, const form *f)
{
    bool good = true;
    if (f->is_any) {
        duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
        duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
        duckdb_scalar_function_add_parameter(made, any); // at least one, see add_empty_form
        duckdb_scalar_function_set_varargs(made, any);
        duckdb_scalar_function_set_return_type(made, text);
        duckdb_destroy_logical_type(&any);
        duckdb_destroy_logical_type(&text);
        return true;
    }
    for (int32_t i = 0; good && i < f->n; i++) {
        duckdb_logical_type type = duck_logical(&f->arguments[i]);
        good = type != NULL;
        if (good) {
            duckdb_scalar_function_add_parameter(made, type);
            duckdb_destroy_logical_type(&type);
        }
    }
    duckdb_logical_type result = good ? duck_logical(&f->result.children[0]) : NULL;
    good = result != NULL;
    if (good) {
        duckdb_scalar_function_set_return_type(made, result);
        duckdb_destroy_logical_type(&result);
    }
    return good;
}

static sl_code make_form(sli_db *self, form *f, sl_error *err)
{
    duckdb_scalar_function made = duckdb_create_scalar_function();
    bool good = set_types(made, f);
    duckdb_scalar_function_set_name(made, f->of->name);
    duckdb_scalar_function_set_special_handling(made); // of nulls: the function sees them
    duckdb_scalar_function_set_extra_info(made, f, NULL);
    duckdb_scalar_function_set_bind(made, bind_function);
    duckdb_scalar_function_set_function(made, run_function);
    sl_code rc = !good ? duck_nomem(err) : SL_OK;
    if (rc == SL_OK && duckdb_register_scalar_function(self->connection, made) == DuckDBError) {
        rc = duck_fail(err, SL_E_INVALID,
                       "SQL: there is a function \"%.200s\" already, or its name "
                       "can't be one",
                       f->of->name);
    }
    f->is_made = true; // not tried again
    duckdb_destroy_scalar_function(&made);
    return rc;
}

bool duck_add_forms(sli_db *self, sl_error *err)
{
    bool any = false;
    for (duck_function *function = self->functions; function != NULL; function = function->next) {
        for (form *f = function->forms; f != NULL; f = f->next) {
            if (!f->is_made) {
                if (make_form(self, f, err) != SL_OK) {
                    return false;
                }
                any = true;
            }
        }
    }
    return any;
}

/// Without arguments DuckDB can't choose between a form for none and one for any: the caller is
/// asked for the former at once, and may say that there is none.
static sl_code add_empty_form(duck_function *made, sl_error *err)
{
    sl_error none = SL_ERROR_INIT;
    duck_type *types = calloc(1, sizeof *types);
    sl_code rc = types == NULL ? duck_nomem(&none) : add_form(made, types, 0, &none);
    if (rc == SL_OK) {
        rc = make_form(made->db, made->forms, &none);
    }
    if (rc == SL_OK || rc == SL_E_INVALID) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = none;
    }
    return rc;
}

sl_code duck_add_function(sli_db *self, const sli_db_function *function, sl_error *err)
{
    duck_function *made = calloc(1, sizeof *made);
    form *any = calloc(1, sizeof *any);
    if (made != NULL) {
        *made = (duck_function){.db = self, .given = *function, .name = strdup(function->name)};
    }
    if (made == NULL || any == NULL || made->name == NULL) {
        free(any);
        if (made != NULL) {
            free_function(made);
        }
        return duck_nomem(err);
    }
    *any = (form){.of = made, .is_any = true};
    made->forms = any;
    made->next = self->functions; // what DuckDB knows of stays, whatever fails from here on
    self->functions = made;
    SL_TRY(make_form(self, any, err));
    return add_empty_form(made, err);
}

// ---------------------------------------------------------------- sluice_time()

static void run_time(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const sli_db *self = duckdb_scalar_function_get_extra_info(info);
    idx_t n = duckdb_data_chunk_get_size(input);
    int64_t *out = duckdb_vector_get_data(output);
    for (idx_t i = 0; i < n; i++) {
        out[i] = self->run == NULL ? 0 : self->run->time_us;
    }
}

/// Volatile for DuckDB, or it would be computed when a statement is prepared.
sl_code duck_add_time(sli_db *self, sl_error *err)
{
    duckdb_scalar_function made = duckdb_create_scalar_function();
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP);
    duckdb_scalar_function_set_name(made, "sluice_time");
    duckdb_scalar_function_set_return_type(made, type);
    duckdb_scalar_function_set_volatile(made);
    duckdb_scalar_function_set_extra_info(made, self, NULL);
    duckdb_scalar_function_set_function(made, run_time);
    duckdb_state state = duckdb_register_scalar_function(self->connection, made);
    duckdb_destroy_logical_type(&type);
    duckdb_destroy_scalar_function(&made);
    return state == DuckDBSuccess
               ? SL_OK
               : duck_fail(err, SL_E_INCOMPATIBLE, "DuckDB does not take the function sluice_time");
}
