// schema.c — which schemas a format can read and write.
#include "format/format_int.h"

sl_code sli_schema_option(const sl_conf *conf, const char *format, sl_schema **out, sl_error *err)
{
    const char *text = sl_conf_text(conf, "schema");
    if (text == NULL || *text == '\0') {
        return sl_error_set(err, SL_E_CONFIG,
                            "%s needs the option schema, as in schema='word string, n int64?'",
                            format);
    }
    sl_code rc = sl_schema_parse(out, text, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "option schema");
}

sl_code sli_column_schema(const sl_conf *conf, const char *type, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_FORMAT};
    const char *name = sl_conf_text(conf, "column");
    size_t size = strlen(name);
    bool nullable = size > 0 && name[size - 1] == '?';
    sli_str_printf(&text, "%.*s %s%s", (int)(size - nullable), name, type, nullable ? "?" : "");
    sl_code rc = sli_str_check(&text, "schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text.data, err);
        if (rc == SL_OK && sl_schema_columns(*out) != 1) {
            sl_schema_unref(*out);
            *out = NULL;
            rc = sl_error_set(err, SL_E_INVALID, "there is one column");
        }
        rc = rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "option column");
    }
    sli_str_reset(&text);
    return rc;
}

/// SL_OPAQUE: there are several, or none.
static sl_type type_of_one(const sl_schema *schema)
{
    return sl_schema_columns(schema) == 1 ? sl_schema_field(schema, 0)->type : SL_OPAQUE;
}

sl_code sli_column_in(const sl_schema *schema, const char *format, sl_type type,
                      const char *type_name, sl_error *err)
{
    return type_of_one(schema) == type
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "%s is read into one %s column, not \"%s\"",
                              format, type_name, sl_schema_text(schema));
}

sl_code sli_column_out(const sl_schema *schema, const char *format, sl_error *err)
{
    sl_type type = type_of_one(schema);
    return type == SL_BINARY || type == SL_STRING
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID,
                              "%s is written from one binary or string column, not from \"%s\"",
                              format, sl_schema_text(schema));
}

static bool field_allowed(const sl_field *field, bool nested)
{
    if (field->type == SL_OPAQUE || (!nested && field->n_children > 0)) {
        return false;
    }
    for (int32_t i = 0; i < field->n_children; i++) {
        if (!field_allowed(&field->children[i], nested)) {
            return false;
        }
    }
    return true;
}

sl_code sli_schema_allowed(const sl_schema *schema, bool nested, const char *format, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        const sl_field *field = sl_schema_field(schema, i);
        if (!field_allowed(field, nested)) {
            return sl_error_set(err, SL_E_INVALID,
                                "%s can't hold column '%s' of \"%s\": use json, or leave it out",
                                format, field->name, sl_schema_text(schema));
        }
    }
    return SL_OK;
}
