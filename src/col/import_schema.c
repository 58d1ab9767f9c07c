/// import_schema.c — Arrow C schemas to ours, by way of our schema text: one parser decides what a
/// schema may be.

#include "col/arrow_abi.h"
#include "col/col_int.h"

#include <string.h>

enum { MAX_CHILDREN = SLI_MAX_FIELDS };

sl_code sli_import_broken(sl_error *err, const char *name, const char *what)
{
    return sl_error_set(err, SL_E_DATA, "Arrow column \"%.200s\": %s", name == NULL ? "" : name,
                        what);
}

static sl_code put_field(sli_str *out, const struct ArrowSchema *schema, int depth, sl_error *err);

static sl_code put_children(sli_str *out, const struct ArrowSchema *schema, bool named, int depth,
                            sl_error *err)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *child = schema->children[i];
        if (child == NULL || child->release == NULL || child->format == NULL) {
            return sli_import_broken(err, schema->name, "a child's schema is missing");
        }
        sli_str_text(out, i > 0 ? ", " : "");
        if (named) {
            sli_str_text(out, child->name == NULL ? "" : child->name);
            sli_str_char(out, ' ');
        }
        SL_TRY(put_field(out, child, depth + 1, err));
    }
    return SL_OK;
}

static const char *plain_type(const char *format)
{
    static const char *const names[][2] = {
        {"b", "bool"},    {"c", "int8"},   {"s", "int16"},  {"i", "int32"},  {"l", "int64"},
        {"C", "uint8"},   {"S", "uint16"}, {"I", "uint32"}, {"L", "uint64"}, {"f", "float32"},
        {"g", "float64"}, {"tdD", "date"}, {"u", "string"}, {"U", "string"}, {"vu", "string"},
        {"z", "binary"},  {"Z", "binary"}, {"vz", "binary"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], format) == 0) {
            return names[i][1];
        }
    }
    return strncmp(format, "tsu:", 4) == 0 ? "timestamp" : NULL;
}

/// How a type is called that is not read; texts of the interface that only begin so too.
static const char *foreign_type(const char *format)
{
    static const char *const names[][2] = {{"n", "null"},
                                           {"e", "float16"},
                                           {"tdm", "date64"},
                                           {"tss", "timestamp[s]"},
                                           {"tsm", "timestamp[ms]"},
                                           {"tsn", "timestamp[ns]"},
                                           {"tD", "duration"},
                                           {"ti", "interval"},
                                           {"t", "time"},
                                           {"w", "fixed_size_binary"},
                                           {"+w", "fixed_size_list"},
                                           {"+m", "map"},
                                           {"+r", "run_end_encoded"},
                                           {"+v", "list_view"},
                                           {"+u", "union"},
                                           {"d:", "decimal of another width than 128 bits"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(names[i][0], format, strlen(names[i][0])) == 0) {
            return names[i][1];
        }
    }
    return format;
}

static sl_code not_read(const struct ArrowSchema *schema, const char *what, const char *format,
                        sl_error *err)
{
    return sl_error_set(err, SL_E_UNSUPPORTED, "Arrow column \"%.200s\": %s %.50s is not read",
                        schema->name == NULL ? "" : schema->name, what, foreign_type(format));
}

/// The type of a dictionary's values: texts, by indices of any width.
static sl_code put_values_type(sli_str *out, const struct ArrowSchema *schema, sl_error *err)
{
    const char *values = schema->dictionary->format;
    bool is_index = schema->format[0] != '\0' && schema->format[1] == '\0' &&
                    strchr("cCsSiIlL", schema->format[0]) != NULL;
    if (values == NULL || !is_index || schema->n_children != 0) {
        return sli_import_broken(err, schema->name, "a dictionary without a type, or no integers");
    }
    const char *name = plain_type(values);
    bool is_text = name != NULL && (strcmp(name, "string") == 0 || strcmp(name, "binary") == 0);
    if (!is_text || schema->dictionary->dictionary != NULL) {
        return not_read(schema, "a dictionary of", name != NULL ? name : values, err);
    }
    sli_str_text(out, name);
    return SL_OK;
}

static sl_code put_type(sli_str *out, const struct ArrowSchema *schema, int depth, sl_error *err)
{
    const char *format = schema->format;
    bool is_list = strcmp(format, "+l") == 0 || strcmp(format, "+L") == 0;
    bool is_struct = strcmp(format, "+s") == 0;
    int64_t n_children = is_list ? 1 : is_struct ? schema->n_children : 0;
    if (schema->dictionary != NULL) {
        return put_values_type(out, schema, err);
    }
    if (plain_type(format) == NULL && !is_list && !is_struct && format[0] == '+') {
        return not_read(schema, "type", format, err); // whatever children it has
    }
    if (schema->n_children != n_children || n_children < 0 || n_children > MAX_CHILDREN ||
        (n_children > 0 && schema->children == NULL) || depth > SLI_MAX_DEPTH + 1) {
        return sli_import_broken(err, schema->name, "too many, too few or too deep children");
    }
    if (is_list || is_struct) {
        sli_str_text(out, is_list ? "list<" : "struct<");
        SL_TRY(put_children(out, schema, is_struct, depth, err));
        sli_str_char(out, '>');
        return SL_OK;
    }
    if (strncmp(format, "d:", 2) == 0 && strspn(format + 2, "0123456789") > 0) {
        const char *rest = format + 2 + strspn(format + 2, "0123456789");
        if (*rest == ',' && strspn(rest + 1, "0123456789") == strlen(rest + 1)) {
            sli_str_printf(out, "decimal(%s)", format + 2);
            return SL_OK;
        }
    }
    const char *name = plain_type(format);
    if (name == NULL) {
        return not_read(schema, "type", format, err);
    }
    sli_str_text(out, name);
    return SL_OK;
}

static sl_code put_field(sli_str *out, const struct ArrowSchema *schema, int depth, sl_error *err)
{
    SL_TRY(put_type(out, schema, depth, err));
    sli_str_text(out, (schema->flags & ARROW_FLAG_NULLABLE) != 0 ? "?" : "");
    return SL_OK;
}

sl_code sli_schema_import(const struct ArrowSchema *from, sl_schema **out, sl_error *err)
{
    if (from->format == NULL || strcmp(from->format, "+s") != 0 || from->n_children < 1 ||
        from->n_children > MAX_CHILDREN || from->children == NULL) {
        return sl_error_set(err, SL_E_UNSUPPORTED,
                            "Arrow data that is no struct of columns is not read");
    }
    sli_str text = {.tag = SLI_TAG_BATCH};
    sl_code rc = put_children(&text, from, true, 0, err);
    if (rc == SL_OK) {
        rc = sli_str_check(&text, "Arrow schema", err);
    }
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text.data, err);
        if (rc == SL_E_INVALID) { // a name that has no place in our schemas
            sl_error shown = err == NULL ? SL_ERROR_INIT : *err;
            rc = sl_error_set(err, SL_E_UNSUPPORTED, "Arrow %s", shown.text);
        }
    }
    sli_str_reset(&text);
    return rc;
}
