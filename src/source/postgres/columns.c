// columns.c — the server's types as ours; README.md has the table for people.
#include "source/postgres/pgtable_int.h"

enum { MOST_DIGITS = 38 };

static const struct {
    const char *base, *type;
} types[] = {{"bool", "bool"},  {"int2", "int16"},          {"int4", "int32"},
             {"int8", "int64"}, {"float4", "float32"},      {"float8", "float64"},
             {"date", "date"},  {"timestamp", "timestamp"}, {"timestamptz", "timestamp"}};

/// Letters, digits, '_' and '.', and neither digit nor dot in front.
static bool may_be_name(const char *name)
{
    static const char allowed[] =
        "0123456789.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    enum { NOT_IN_FRONT = 11 };
    return strspn(name, allowed + NOT_IN_FRONT) > 0 && strspn(name, allowed) == strlen(name);
}

static bool is_bounded(const sli_pg_column *column)
{
    return column->bound > 0 && column->bound <= MOST_DIGITS && column->scale >= 0 &&
           column->scale <= column->bound;
}

static sl_code put_type(const sli_pg_column *column, sli_str *out, sl_error *err)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(column->base, types[i].base) == 0) {
            sli_str_text(out, types[i].type);
            return SL_OK;
        }
    }
    bool is_numeric = strcmp(column->base, "numeric") == 0;
    if (is_numeric && is_bounded(column)) {
        sli_str_printf(out, "decimal(%d,%d)", (int)column->bound, (int)column->scale);
        return SL_OK;
    }
    if (is_numeric || strcmp(column->base, "bytea") == 0 || column->base[0] == '_') {
        return sl_error_set(err, SL_E_INVALID, "column %s is %s: cast it in a query, as %s",
                            column->name, column->type,
                            is_numeric ? "n::numeric(18,2)" : "encode(b, 'hex') or a::text");
    }
    sli_str_text(out, "string");
    return SL_OK;
}

static sl_code add_column(void *ctx, const sli_pg_column *column, sl_error *err)
{
    sli_str *out = ctx;
    if (!may_be_name(column->name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "column \"%s\" can't be the name of a column here: give it another "
                            "one in a query, \"...\" AS name",
                            column->name);
    }
    sli_str_printf(out, "%s%s ", out->size == 0 ? "" : ", ", column->name);
    SL_TRY(put_type(column, out, err));
    sli_str_text(out, column->nullable ? "?" : "");
    return SL_OK;
}

sl_code sli_pg_table_schema(sli_pg *pg, const sli_pg_what *what, int64_t deadline_us, sli_str *out,
                            sl_error *err)
{
    SL_TRY(sli_pg_gate.columns(pg, what, deadline_us, add_column, out, err));
    return sli_str_check(out, "a schema", err);
}
