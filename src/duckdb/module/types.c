/// types.c — types of columns as Arrow's, Sluice's and DuckDB's texts have them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb/module/duck_int.h"

static const struct plain {
    const char *format; ///< as sl_batch_export writes it
    sl_type type;
    duckdb_type duck;
} plains[] = {
    {"b", SL_BOOL, DUCKDB_TYPE_BOOLEAN},
    {"c", SL_INT8, DUCKDB_TYPE_TINYINT},
    {"s", SL_INT16, DUCKDB_TYPE_SMALLINT},
    {"i", SL_INT32, DUCKDB_TYPE_INTEGER},
    {"l", SL_INT64, DUCKDB_TYPE_BIGINT},
    {"C", SL_UINT8, DUCKDB_TYPE_UTINYINT},
    {"S", SL_UINT16, DUCKDB_TYPE_USMALLINT},
    {"I", SL_UINT32, DUCKDB_TYPE_UINTEGER},
    {"L", SL_UINT64, DUCKDB_TYPE_UBIGINT},
    {"f", SL_FLOAT32, DUCKDB_TYPE_FLOAT},
    {"g", SL_FLOAT64, DUCKDB_TYPE_DOUBLE},
    {"tdD", SL_DATE, DUCKDB_TYPE_DATE},
    {"tsu:UTC", SL_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP},
    {"vu", SL_STRING, DUCKDB_TYPE_VARCHAR},
    {"vz", SL_BINARY, DUCKDB_TYPE_BLOB},
    {"+l", SL_LIST, DUCKDB_TYPE_LIST},
    {"+s", SL_STRUCT, DUCKDB_TYPE_STRUCT},
    // what comes out only
    {"tsu:UTC", SL_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ},
    {"vu", SL_STRING, DUCKDB_TYPE_UUID},
    {"vu", SL_STRING, DUCKDB_TYPE_ENUM},
};

/// Types that Sluice has not, and what to cast to.
static const struct foreign {
    duckdb_type duck;
    const char *name, *cast;
} foreigns[] = {
    {DUCKDB_TYPE_TIME, "TIME", "VARCHAR"},
    {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE", "VARCHAR"},
    {DUCKDB_TYPE_TIME_NS, "TIME_NS", "VARCHAR"},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL", "VARCHAR, or take epoch_us() of it"},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S", "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS", "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS", "TIMESTAMP"},
    {DUCKDB_TYPE_MAP, "MAP", "VARCHAR, or take map_entries() of it,"},
    {DUCKDB_TYPE_UNION, "UNION", "one of its types"},
    {DUCKDB_TYPE_BIT, "BIT", "VARCHAR"},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT", "DECIMAL(38,0)"},
    {DUCKDB_TYPE_ARRAY, "an ARRAY of fixed size", "a list (T[])"},
    {DUCKDB_TYPE_BIGNUM, "BIGNUM", "DECIMAL(38,0)"},
    {DUCKDB_TYPE_GEOMETRY, "GEOMETRY", "BLOB"},
    {DUCKDB_TYPE_VARIANT, "VARIANT", "JSON"},
    {DUCKDB_TYPE_SQLNULL, "NULL without a type", "the type that is meant"},
};

static bool set_name(duck_type *out, const char *name)
{
    out->name = strdup(name == NULL ? "" : name);
    return out->name != NULL;
}

void duck_type_reset(duck_type *type)
{
    for (uint32_t i = 0; type->labels != NULL && i < type->n_labels; i++) {
        duckdb_free(type->labels[i]);
    }
    free(type->labels);
    free(type->name);
    duck_types_free(type->children, type->n_children);
    *type = (duck_type){0};
}

void duck_types_free(duck_type *types, int32_t n)
{
    for (int32_t i = 0; types != NULL && i < n; i++) {
        duck_type_reset(&types[i]);
    }
    free(types);
}

static bool set_children(duck_type *out, int64_t n)
{
    out->children = calloc((size_t)n + 1, sizeof *out->children);
    out->n_children = out->children == NULL ? 0 : (int32_t)n;
    return out->children != NULL;
}

// ---------------------------------------------------------------- from Arrow

static sl_code decimal_of_schema(const struct ArrowSchema *schema, duck_type *out, sl_error *err)
{
    int precision = 0, scale = 0;
    char rest = '\0';
    if (sscanf(schema->format, "d:%d,%d%c", &precision, &scale, &rest) != 2 || precision < 1 ||
        precision > 38 || scale < 0 || scale > precision) {
        return duck_fail(err, SL_E_UNSUPPORTED,
                         "column \"%.200s\": SQL has no such decimal (%.40s)", schema->name,
                         schema->format);
    }
    out->type = SL_DECIMAL;
    out->from = DUCKDB_TYPE_DECIMAL;
    out->precision = (uint8_t)precision;
    out->scale = (uint8_t)scale;
    return SL_OK;
}

sl_code duck_type_of_schema(const struct ArrowSchema *schema, duck_type *out, sl_error *err)
{
    *out = (duck_type){.nullable = (schema->flags & ARROW_FLAG_NULLABLE) != 0};
    if (!set_name(out, schema->name) || !set_children(out, schema->n_children)) {
        return duck_nomem(err);
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        SL_TRY(duck_type_of_schema(schema->children[i], &out->children[i], err));
    }
    if (strncmp(schema->format, "d:", 2) == 0) {
        return decimal_of_schema(schema, out, err);
    }
    for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
        if (strcmp(schema->format, plains[i].format) == 0) {
            out->type = plains[i].type;
            out->from = plains[i].duck;
            return SL_OK;
        }
    }
    return duck_fail(err, SL_E_UNSUPPORTED,
                     "column \"%.200s\": SQL has no such type (Arrow's %.40s)", out->name,
                     schema->format);
}

// ---------------------------------------------------------------- from DuckDB

static sl_code set_labels(duckdb_logical_type logical, duck_type *out, sl_error *err)
{
    uint32_t n = duckdb_enum_dictionary_size(logical);
    out->labels = calloc((size_t)n + 1, sizeof *out->labels);
    if (out->labels == NULL) {
        return duck_nomem(err);
    }
    out->n_labels = n;
    for (uint32_t i = 0; i < n; i++) {
        out->labels[i] = duckdb_enum_dictionary_value(logical, i);
        if (out->labels[i] == NULL) {
            return duck_nomem(err);
        }
    }
    return SL_OK;
}

static sl_code take_child(duckdb_logical_type child, const char *name, duck_type *out,
                          sl_error *err)
{
    sl_code rc = duck_type_of_logical(child, name, out, err);
    duckdb_destroy_logical_type(&child);
    return rc;
}

static sl_code set_nested(duckdb_logical_type logical, duck_type *out, sl_error *err)
{
    if (out->type == SL_LIST) {
        return !set_children(out, 1) ? duck_nomem(err)
                                     : take_child(duckdb_list_type_child_type(logical), "item",
                                                  &out->children[0], err);
    }
    idx_t n = duckdb_struct_type_child_count(logical);
    if (!set_children(out, (int64_t)n)) {
        return duck_nomem(err);
    }
    for (idx_t i = 0; i < n; i++) {
        char *name = duckdb_struct_type_child_name(logical, i);
        sl_code rc =
            take_child(duckdb_struct_type_child_type(logical, i), name, &out->children[i], err);
        duckdb_free(name);
        SL_TRY(rc);
    }
    return SL_OK;
}

static sl_code foreign(duckdb_type id, const char *name, sl_error *err)
{
    for (size_t i = 0; i < sizeof foreigns / sizeof *foreigns; i++) {
        if (foreigns[i].duck == id) {
            return duck_fail(err, SL_E_UNSUPPORTED,
                             "column \"%.200s\" is %s, which Sluice has not: cast it to %s", name,
                             foreigns[i].name, foreigns[i].cast);
        }
    }
    return duck_fail(err, SL_E_UNSUPPORTED,
                     "column \"%.200s\" has a type that Sluice has not (DuckDB's number %d): cast "
                     "it to VARCHAR",
                     name, (int)id);
}

sl_code duck_type_of_logical(duckdb_logical_type logical, const char *name, duck_type *out,
                             sl_error *err)
{
    duckdb_type id = duckdb_get_type_id(logical);
    *out = (duck_type){.nullable = true, .from = id};
    if (!set_name(out, name)) {
        return duck_nomem(err);
    }
    if (id == DUCKDB_TYPE_DECIMAL || id == DUCKDB_TYPE_HUGEINT) {
        out->type = SL_DECIMAL;
        out->precision = id == DUCKDB_TYPE_HUGEINT ? 38 : duckdb_decimal_width(logical);
        out->scale = id == DUCKDB_TYPE_HUGEINT ? 0 : duckdb_decimal_scale(logical);
        return SL_OK;
    }
    for (size_t i = 0; i < sizeof plains / sizeof *plains && out->type == 0; i++) {
        out->type = plains[i].duck == id ? plains[i].type : 0;
    }
    if (out->type == 0) {
        return foreign(id, out->name, err);
    }
    if (out->type == SL_LIST || out->type == SL_STRUCT) {
        return set_nested(logical, out, err);
    }
    return id == DUCKDB_TYPE_ENUM ? set_labels(logical, out, err) : SL_OK;
}

// ---------------------------------------------------------------- to DuckDB

static duckdb_logical_type logical_struct(const duck_type *type)
{
    duckdb_logical_type *types = calloc((size_t)type->n_children + 1, sizeof *types);
    const char **names = calloc((size_t)type->n_children + 1, sizeof *names);
    duckdb_logical_type out = NULL;
    bool good = types != NULL && names != NULL;
    for (int32_t i = 0; good && i < type->n_children; i++) {
        types[i] = duck_logical(&type->children[i]);
        names[i] = type->children[i].name;
        good = types[i] != NULL;
    }
    if (good) {
        out = duckdb_create_struct_type(types, names, (idx_t)type->n_children);
    }
    for (int32_t i = 0; types != NULL && i < type->n_children; i++) {
        duckdb_destroy_logical_type(&types[i]);
    }
    free(types);
    free(names);
    return out;
}

duckdb_logical_type duck_logical(const duck_type *type)
{
    if (type->from == DUCKDB_TYPE_DECIMAL) {
        return duckdb_create_decimal_type(type->precision, type->scale);
    }
    if (type->from == DUCKDB_TYPE_ENUM) {
        const char **names = calloc((size_t)type->n_labels + 1, sizeof *names);
        for (uint32_t i = 0; names != NULL && i < type->n_labels; i++) {
            names[i] = type->labels[i];
        }
        duckdb_logical_type out =
            names == NULL ? NULL : duckdb_create_enum_type(names, type->n_labels);
        free(names);
        return out;
    }
    if (type->type == SL_LIST) {
        duckdb_logical_type child = duck_logical(&type->children[0]);
        duckdb_logical_type out = child == NULL ? NULL : duckdb_create_list_type(child);
        duckdb_destroy_logical_type(&child);
        return out;
    }
    return type->type == SL_STRUCT ? logical_struct(type) : duckdb_create_logical_type(type->from);
}

// ---------------------------------------------------------------- to Arrow

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL) {
            schema->children[i]->release(schema->children[i]);
        }
        free(schema->children[i]);
    }
    free(schema->children);
    free(schema->private_data); // name, and format behind it
    schema->release = NULL;
}

static const char *format_of(const duck_type *type, char *decimal, size_t size)
{
    (void)snprintf(decimal, size, "d:%d,%d", type->precision, type->scale);
    for (size_t i = 0; i < sizeof plains / sizeof *plains && type->type != SL_DECIMAL; i++) {
        if (plains[i].type == type->type) {
            return plains[i].format;
        }
    }
    return decimal;
}

static bool fill_schema(const duck_type *type, struct ArrowSchema *out)
{
    char decimal[32];
    const char *name = type->name == NULL ? "" : type->name;
    const char *format = format_of(type, decimal, sizeof decimal);
    size_t n = strlen(name) + 1;
    char *texts = malloc(n + strlen(format) + 1);
    struct ArrowSchema **children = calloc((size_t)type->n_children + 1, sizeof *children);
    *out = (struct ArrowSchema){.name = texts,
                                .format = texts == NULL ? NULL : texts + n,
                                .flags = type->nullable ? ARROW_FLAG_NULLABLE : 0,
                                .children = children,
                                .private_data = texts,
                                .release = release_schema};
    if (texts == NULL || children == NULL) {
        return false;
    }
    memcpy(texts, name, n);
    memcpy(texts + n, format, strlen(format) + 1);
    for (int32_t i = 0; i < type->n_children; i++) {
        children[i] = calloc(1, sizeof **children);
        if (children[i] == NULL) {
            return false;
        }
        out->n_children = i + 1; // what is released with it
        if (!fill_schema(&type->children[i], children[i])) {
            return false;
        }
    }
    return true;
}

sl_code duck_schema(const duck_type *columns, int32_t n, struct ArrowSchema *out, sl_error *err)
{
    duck_type all = {.type = SL_STRUCT, .n_children = n};
    all.children = calloc((size_t)n + 1, sizeof *all.children);
    struct ArrowSchema made = {0};
    bool good = all.children != NULL;
    if (good) {
        memcpy(all.children, columns, (size_t)n * sizeof *columns); // borrowed
        good = fill_schema(&all, &made);
    }
    free(all.children);
    if (!good) {
        if (made.release != NULL) {
            made.release(&made);
        }
        return duck_nomem(err);
    }
    *out = made;
    return SL_OK;
}
