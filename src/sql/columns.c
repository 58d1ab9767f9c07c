// Pieces of a schema's text, which is canonical: "a int64, b struct<x int64, y string?>?".
#include "sql/connector.h"

/// Where column `i` begins.
static const char *column_at(const sl_schema *schema, int32_t i)
{
    const char *at = sl_schema_text(schema);
    for (int32_t depth = 0; i > 0 && *at != '\0'; at++) {
        depth += *at == '<' || *at == '(' ? 1 : *at == '>' || *at == ')' ? -1 : 0;
        i -= depth == 0 && *at == ',';
    }
    return at + strspn(at, " ");
}

const char *sli_field_type(sl_arena *arena, const sl_schema *schema, int32_t column)
{
    const char *at = column_at(schema, column), *end = column_at(schema, column + 1);
    at += strlen(sl_schema_field(schema, column)->name) + 1;
    size_t size = *end == '\0' ? strlen(at) : (size_t)(end - at);
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == ',' || at[size - 1] == '?')) {
        size--;
    }
    char *text = sl_arena_printf(arena, "%.*s", (int)size, at);
    return text == NULL ? "" : text;
}

const char *sli_columns_from(sl_arena *arena, const sl_schema *schema, int32_t first)
{
    return sl_arena_strdup(arena, column_at(schema, first));
}

const char *sli_sql_type(sl_arena *arena, const sl_field *f)
{
    static const char *const names[] = {[SL_BOOL] = "BOOLEAN",        [SL_INT8] = "TINYINT",
                                        [SL_INT16] = "SMALLINT",      [SL_INT32] = "INTEGER",
                                        [SL_INT64] = "BIGINT",        [SL_UINT8] = "UTINYINT",
                                        [SL_UINT16] = "USMALLINT",    [SL_UINT32] = "UINTEGER",
                                        [SL_UINT64] = "UBIGINT",      [SL_FLOAT32] = "FLOAT",
                                        [SL_FLOAT64] = "DOUBLE",      [SL_DATE] = "DATE",
                                        [SL_TIMESTAMP] = "TIMESTAMP", [SL_STRING] = "VARCHAR",
                                        [SL_BINARY] = "BLOB",         [SL_OPAQUE] = NULL};
    if (f->type == SL_DECIMAL) {
        char *text = sl_arena_printf(arena, "DECIMAL(%d,%d)", f->precision, f->scale);
        return text == NULL ? "" : text;
    }
    if (f->type == SL_LIST) {
        const char *item = sli_sql_type(arena, &f->children[0]);
        char *text = item[0] == '\0' ? NULL : sl_arena_printf(arena, "%s[]", item);
        return text == NULL ? "" : text;
    }
    return names[f->type] == NULL ? "" : names[f->type];
}

void sli_put_sql_name(sli_str *out, const char *name)
{
    sli_str_char(out, '"');
    for (; *name != '\0'; name++) {
        sli_str_printf(out, *name == '"' ? "\"\"" : "%c", *name);
    }
    sli_str_char(out, '"');
}
