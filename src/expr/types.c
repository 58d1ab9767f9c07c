/// types.c — names of types, and what a column's type becomes inside expressions.
#include "expr/expr_int.h"

// In the order of sl_type; the first entry is the type of `null`.
static const char *const names[] = {"null",    "bool",    "int8",    "int16",  "int32",
                                    "int64",   "uint8",   "uint16",  "uint32", "uint64",
                                    "float32", "float64", "decimal", "date",   "timestamp",
                                    "string",  "binary",  "list",    "struct", "opaque"};

const char *sli_expr_type_name(sl_type type)
{
    return names[type];
}

sl_type sli_expr_type_of(sl_text name)
{
    static const sl_type known[] = {SL_BOOL,   SL_INT32,  SL_INT64, SL_FLOAT64,
                                    SL_STRING, SL_BINARY, SL_DATE,  SL_TIMESTAMP};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (sli_text_is(name, names[known[i]])) {
            return known[i];
        }
    }
    return 0;
}

sl_type sli_expr_type_inside(sl_type column)
{
    switch (column) {
    case SL_INT8:
    case SL_INT16:
    case SL_INT32:
    case SL_INT64:
    case SL_UINT8:
    case SL_UINT16:
    case SL_UINT32:
        return SL_INT64;
    case SL_FLOAT32:
    case SL_FLOAT64:
        return SL_FLOAT64;
    case SL_BOOL:
    case SL_DATE:
    case SL_TIMESTAMP:
    case SL_STRING:
    case SL_BINARY:
        return column;
    default: // uint64 does not fit int64; decimal, list, struct and opaque have no kernels here
        return 0;
    }
}

sli_kind sli_kind_of(sl_type type)
{
    switch (type) {
    case SL_BOOL:
        return SLI_KIND_BOOL;
    case SL_INT32:
    case SL_INT64:
    case SL_DATE:
    case SL_TIMESTAMP:
        return SLI_KIND_INT;
    case SL_FLOAT64:
        return SLI_KIND_FLOAT;
    case SL_STRING:
    case SL_BINARY:
        return SLI_KIND_TEXT;
    default:
        return SLI_KIND_NONE;
    }
}

void sli_schema_put_type(sli_str *out, const sl_schema *schema, int32_t column)
{
    // The canonical text has "name type" fields with ", " between; inside brackets there are commas
    // too.
    const char *at = sl_schema_text(schema);
    int depth = 0;
    for (int32_t i = 0; i < column; at++) {
        depth += (*at == '<' || *at == '(') - (*at == '>' || *at == ')');
        i += *at == ',' && depth == 0;
    }
    at += strspn(at, " ");
    at += strcspn(at, " ") + 1; // behind the name
    const char *end = at;
    for (; *end != '\0' && (*end != ',' || depth > 0); end++) {
        depth += (*end == '<' || *end == '(') - (*end == '>' || *end == ')');
    }
    sli_str_add(out, at, (size_t)(end - at));
}
