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
