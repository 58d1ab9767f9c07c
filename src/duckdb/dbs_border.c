/// dbs_border.c — see dbs_int.h.
#include "duckdb/dbs_int.h"

#include <ctype.h>
#include <strings.h>

// ---------------------------------------------------------------- names

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/// Runs of what can't be in a name become one "_", at its end nothing.
static void put_clean(sli_str *out, const char *name, int64_t column)
{
    size_t from = out->size;
    for (const char *at = name; *at != '\0'; at++) {
        bool good = is_letter(*at) || is_digit(*at) || *at == '.';
        if (out->size == from && (!good || is_digit(*at) || *at == '.')) {
            if (good && is_digit(*at)) {
                sli_str_char(out, '_');
                sli_str_char(out, *at);
            }
        } else if (good) {
            sli_str_char(out, *at);
        } else if (out->data[out->size - 1] != '_') {
            sli_str_char(out, '_');
        }
    }
    while (out->size > from && !out->failed && out->data[out->size - 1] == '_' &&
           name[strlen(name) - 1] != '_') {
        out->data[--out->size] = '\0';
    }
    if (out->size == from) {
        sli_str_printf(out, "column%lld", (long long)column + 1);
    }
}

static bool is_taken(const sli_str *names, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++) {
        if (names[i].data != NULL && strcasecmp(names[i].data, name) == 0) {
            return true;
        }
    }
    return false;
}

/// A name that no earlier column has, whatever its case.
static void choose_name(sli_str *names, int64_t column, const char *name)
{
    sli_str *out = &names[column];
    put_clean(out, name == NULL ? "" : name, column);
    size_t size = out->size;
    for (int n = 2; !out->failed && is_taken(names, column, out->data); n++) {
        out->size = size;
        sli_str_printf(out, "_%d", n);
    }
}

// ---------------------------------------------------------------- schemas

static const char *plain_type(const char *format)
{
    static const char *const names[][2] = {
        {"b", "bool"},    {"c", "int8"},    {"s", "int16"},          {"i", "int32"},
        {"l", "int64"},   {"C", "uint8"},   {"S", "uint16"},         {"I", "uint32"},
        {"L", "uint64"},  {"f", "float32"}, {"g", "float64"},        {"tdD", "date"},
        {"vu", "string"}, {"vz", "binary"}, {"tsu:UTC", "timestamp"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], format) == 0) {
            return names[i][1];
        }
    }
    return "opaque"; // none that the engine makes
}

static void put_type(sli_str *out, const struct ArrowSchema *field)
{
    if (strncmp(field->format, "d:", 2) == 0) {
        sli_str_printf(out, "decimal(%s)", field->format + 2);
    } else if (field->format[0] == '+') {
        bool is_list = strcmp(field->format, "+l") == 0;
        sli_str_text(out, is_list ? "list<" : "struct<");
        for (int64_t i = 0; i < field->n_children; i++) {
            sli_str_text(out, i > 0 ? ", " : "");
            sli_str_text(out, is_list ? "" : field->children[i]->name);
            sli_str_text(out, is_list ? "" : " ");
            put_type(out, field->children[i]);
        }
        sli_str_char(out, '>');
    } else {
        sli_str_text(out, plain_type(field->format));
    }
    sli_str_text(out, (field->flags & ARROW_FLAG_NULLABLE) != 0 ? "?" : "");
}

sl_code sli_dbs_schema(const struct ArrowSchema *from, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_SQL};
    sli_str *names = sl_alloc_array(SLI_TAG_SQL, (size_t)from->n_children + 1, sizeof *names);
    sl_code rc = names == NULL ? sl_error_nomem(err, sizeof *names, "names of columns") : SL_OK;
    for (int64_t i = 0; rc == SL_OK && i < from->n_children; i++) {
        names[i] = (sli_str){.tag = SLI_TAG_SQL};
        choose_name(names, i, from->children[i]->name);
        sli_str_printf(&text, "%s%s ", i > 0 ? ", " : "", names[i].failed ? "" : names[i].data);
        put_type(&text, from->children[i]);
        text.failed = text.failed || names[i].failed;
    }
    if (rc == SL_OK) {
        rc = sli_str_check(&text, "a schema's text", err);
    }
    for (int64_t i = 0; names != NULL && i < from->n_children; i++) {
        sli_str_reset(&names[i]);
    }
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text.data, err);
        if (rc == SL_E_INVALID) { // a name within a struct that has no place in ours
            sl_error shown = err == NULL ? SL_ERROR_INIT : *err;
            rc = sl_error_set(err, SL_E_UNSUPPORTED, "columns of a SELECT: %s", shown.text);
        }
    }
    sl_free(names);
    sli_str_reset(&text);
    return rc;
}

sl_code sli_dbs_export_schema(const sl_schema *schema, struct ArrowSchema *out, sl_error *err)
{
    sl_batch *none = NULL;
    struct ArrowArray array;
    SL_TRY(sli_batch_empty(schema, &none, err));
    sl_code rc = sl_batch_export(none, out, &array, err);
    if (rc == SL_OK) {
        array.release(&array);
    }
    sl_batch_unref(none);
    return rc;
}

// ---------------------------------------------------------------- batches in

/// The named schema borrows all it has.
static void release_borrowed(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

sl_code sli_dbs_form_init(sli_dbs_form *form, struct ArrowSchema *engine, sl_error *err)
{
    size_t n = (size_t)engine->n_children;
    *form = (sli_dbs_form){.engine = *engine};
    form->fields = sl_alloc_array(SLI_TAG_SQL, n + 1, sizeof *form->fields);
    form->children = sl_alloc_array(SLI_TAG_SQL, n + 1, sizeof *form->children);
    sl_code rc = form->fields == NULL || form->children == NULL
                     ? sl_error_nomem(err, n, "a query's columns")
                     : sli_dbs_schema(engine, &form->schema, err);
    if (rc != SL_OK) {
        sli_dbs_form_reset(form);
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        form->fields[i] = *engine->children[i];
        form->fields[i].name = sl_schema_field(form->schema, (int32_t)i)->name;
        form->children[i] = &form->fields[i];
    }
    form->named = *engine;
    form->named.children = form->children;
    form->named.release = release_borrowed;
    return SL_OK;
}

void sli_dbs_form_reset(sli_dbs_form *form)
{
    if (form->engine.release != NULL) {
        form->engine.release(&form->engine);
    }
    sl_schema_unref(form->schema);
    sl_free(form->fields);
    sl_free(form->children);
    *form = (sli_dbs_form){0};
}

sl_code sli_dbs_import(const sli_dbs_form *form, struct ArrowArray *array, sl_batch **out,
                       sl_error *err)
{
    struct ArrowSchema named = form->named; // which the call releases
    sl_batch *batch = NULL;
    SL_TRY(sl_batch_import(&named, array, &batch, err));
    sl_code rc = sli_batch_rename(batch, form->schema, out, err); // one schema for all
    sl_batch_unref(batch);
    return rc;
}

// ---------------------------------------------------------------- batches out

static int32_t count(const sli_dbs_rows *rows, int32_t n_rows)
{
    int32_t n = 0;
    for (int32_t i = 0; i < n_rows; i++) {
        n += rows[i].n;
    }
    return n;
}

static sl_code export_one(sli_dbs_arrays *out, const sl_batch *batch, sl_error *err)
{
    struct ArrowSchema schema;
    struct ArrowArray *array = &out->arrays[out->n];
    SL_TRY(sl_batch_export(batch, &schema, array, err));
    schema.release(&schema);
    out->places[out->n++] = array;
    return SL_OK;
}

sl_code sli_dbs_arrays_init(sli_dbs_arrays *out, const sli_dbs_rows *rows, int32_t n_rows,
                            sl_error *err)
{
    size_t n = (size_t)count(rows, n_rows);
    *out = (sli_dbs_arrays){.n_rows = n_rows};
    out->rows = sl_alloc_array(SLI_TAG_SQL, (size_t)n_rows + 1, sizeof *out->rows);
    out->arrays = sl_alloc_array(SLI_TAG_SQL, n + 1, sizeof *out->arrays);
    out->places = sl_alloc_array(SLI_TAG_SQL, n + 1, sizeof *out->places);
    sl_code rc = out->rows == NULL || out->arrays == NULL || out->places == NULL
                     ? sl_error_nomem(err, n * sizeof *out->arrays, "rows for SQL")
                     : SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < n_rows; i++) {
        out->rows[i] = (sli_db_rows){rows[i].table, out->places + out->n, rows[i].n};
        for (int32_t j = 0; rc == SL_OK && j < rows[i].n; j++) {
            rc = export_one(out, rows[i].batches[j], err);
        }
    }
    if (rc != SL_OK) {
        sli_dbs_arrays_reset(out);
    }
    return rc;
}

void sli_dbs_arrays_reset(sli_dbs_arrays *arrays)
{
    for (int32_t i = 0; i < arrays->n; i++) {
        arrays->arrays[i].release(&arrays->arrays[i]);
    }
    sl_free(arrays->rows);
    sl_free(arrays->arrays);
    sl_free(arrays->places);
    *arrays = (sli_dbs_arrays){0};
}
