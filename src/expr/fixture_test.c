// fixture_test.c — see fixture_test.h.
#include "expr/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>

static void put_list(sl_builder *builder, int32_t column, sl_type type, const char *cell)
{
    sl_builder_list_begin(builder, column);
    for (const char *at = cell; *at != '\0';) {
        size_t size = strcspn(at, " ");
        if (type == SL_STRING) {
            sl_builder_text(builder, column, at, size);
        } else {
            sl_builder_int64(builder, column, strtoll(at, NULL, 10));
        }
        at += size;
        at += *at == ' ';
    }
    sl_builder_list_end(builder, column);
}

static void put_cell(sl_builder *builder, int32_t column, const char *cell)
{
    const sl_field *field = sl_schema_field(sl_builder_schema(builder), column);
    int64_t time;
    if (strcmp(cell, "null") == 0) {
        sl_builder_null(builder, column);
        return;
    }
    switch (field->type) {
    case SL_BOOL:
        sl_builder_bool(builder, column, strcmp(cell, "true") == 0);
        break;
    case SL_FLOAT64:
    case SL_FLOAT32:
        sl_builder_float64(builder, column, strtod(cell, NULL));
        break;
    case SL_STRING:
    case SL_BINARY:
        sl_builder_text(builder, column, cell, strlen(cell));
        break;
    case SL_DATE:
        assert_true(sli_scan_date(sli_text_of(cell), &time));
        sl_builder_int64(builder, column, time);
        break;
    case SL_TIMESTAMP:
        assert_true(sli_scan_timestamp(sli_text_of(cell), &time));
        sl_builder_int64(builder, column, time);
        break;
    case SL_LIST:
        put_list(builder, column, field->children->type, cell);
        break;
    default:
        sl_builder_int64(builder, column, strtoll(cell, NULL, 10));
        break;
    }
}

sl_batch *slt_batch_of(const char *schema_text, const char *rows)
{
    sl_schema *schema;
    sl_builder *builder;
    sl_batch *batch;
    sl_error err = SL_ERROR_INIT;
    if (sl_schema_parse(&schema, schema_text, &err) != SL_OK ||
        sl_builder_new(&builder, schema, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    int32_t n = sl_schema_columns(schema), column = 0;
    for (const char *at = rows; *rows != '\0';) {
        size_t size = strcspn(at, ",;");
        char cell[256] = {0};
        assert_true(size < sizeof cell);
        memcpy(cell, at, size);
        put_cell(builder, column, cell);
        column = (column + 1) % n;
        if (at[size] == '\0') {
            break;
        }
        at += size + 1;
    }
    if (sl_builder_finish(builder, &batch, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

sl_batch *slt_expr_batch(void)
{
    return slt_batch_of(
        "n int64?, m int64, f float64?, s string?, b bool?, d date, t timestamp?, i int32, y "
        "binary, "
        "l list<int64>, w string",
        "7,2,1.5,hello,true,2024-02-29,2024-02-29 12:34:56.789,-3,xyz,1 2,to;"
        "null,0,null,null,null,1969-12-31,null,0,,,be;"
        "-8,3,-0.0, W\xc3\xb6rld of long text ,false,2000-01-01,1969-12-31 23:59:59.5,5,\xff,7,or;"
        "9223372036854775807,-1,nan,,true,0001-01-01,2024-12-31,2147483647,xyzxyzxyzxyzxyz,,not to "
        "be at all");
}

static void put_text_of(const sl_column *column, int64_t row, sli_str *out)
{
    char buffer[SLI_TIME_BYTES];
    sl_text text;
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
        return;
    }
    switch (column->type) {
    case SL_BOOL:
        sli_str_text(out, sl_column_bool(column, row) ? "true" : "false");
        break;
    case SL_FLOAT64:
        sli_str_add(out, buffer, sli_format_float64(sl_column_float64(column, row), buffer));
        break;
    case SL_STRING:
    case SL_BINARY:
        text = sl_column_text(column, row);
        sli_str_add(out, text.data, text.size);
        break;
    case SL_DATE:
        sli_str_add(out, buffer, sli_print_date(((const int32_t *)column->values)[row], buffer));
        break;
    case SL_TIMESTAMP:
        sli_str_add(out, buffer, sli_print_timestamp(sl_column_int64(column, row), buffer));
        break;
    case SL_LIST:
        sli_str_char(out, '[');
        for (int32_t i = ((const int32_t *)column->values)[row];
             i < ((const int32_t *)column->values)[row + 1]; i++) {
            sli_str_text(out, i > ((const int32_t *)column->values)[row] ? " " : "");
            put_text_of(column->children, i, out);
        }
        sli_str_char(out, ']');
        break;
    case SL_STRUCT:
        for (int32_t k = 0; k < column->n_children; k++) {
            sli_str_text(out, k > 0 ? ":" : "");
            put_text_of(&column->children[k], row, out);
        }
        break;
    case SL_INT32:
        sli_str_printf(out, "%d", ((const int32_t *)column->values)[row]);
        break;
    default:
        sli_str_printf(out, "%lld", (long long)sl_column_int64(column, row));
        break;
    }
}

sl_batch *slt_random_rows(sli_rng *rng, int32_t n_groups, int32_t *group, int n)
{
    sl_schema *schema;
    sl_builder *b;
    sl_batch *out;
    assert_int_equal(
        sl_schema_parse(
            &schema,
            "i int64?, f float64?, s string?, b bool?, d date, t timestamp?, l list<int64>?", NULL),
        SL_OK);
    assert_int_equal(sl_builder_new(&b, schema, NULL), SL_OK);
    for (int row = 0; row < n; row++) {
        char text[40];
        int size = snprintf(text, sizeof text, "%s%d",
                            sli_rng_below(rng, 2) == 0 ? "a rather long text " : "w",
                            (int)sli_rng_below(rng, 9));
        group[row] = (int32_t)sli_rng_below(rng, (uint64_t)n_groups - 1);
        for (int32_t k = 0; k < 7; k++) {
            if (k != 4 && sli_rng_below(rng, 3) == 0) {
                sl_builder_null(b, k);
                continue;
            }
            int64_t value = (int64_t)sli_rng_below(rng, 21) - 10;
            switch (k) {
            case 1:
                sl_builder_float64(b, k, value == 7 ? __builtin_nan("") : (double)value / 4);
                break;
            case 2:
                sl_builder_text(b, k, text, (size_t)size);
                break;
            case 3:
                sl_builder_bool(b, k, value > 0);
                break;
            case 6:
                sl_builder_list_begin(b, k);
                sl_builder_list_end(b, k);
                break;
            default:
                sl_builder_int64(b, k, value);
                break;
            }
        }
    }
    assert_int_equal(sl_builder_finish(b, &out, NULL), SL_OK);
    sl_builder_free(b);
    sl_schema_unref(schema);
    return out;
}

void slt_column_text(const sl_batch *batch, int32_t column, sli_str *out)
{
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        sli_str_text(out, row > 0 ? "|" : "");
        put_text_of(sl_batch_column(batch, column), row, out);
    }
}

const char *slt_batch_text(const sl_batch *batch)
{
    static char kept[1 << 16];
    sli_str out = {.tag = SLI_TAG_TEST};
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        sli_str_text(&out, row > 0 ? ";" : "");
        for (int32_t k = 0; k < sl_schema_columns(sl_batch_schema(batch)); k++) {
            sli_str_text(&out, k > 0 ? "," : "");
            put_text_of(sl_batch_column(batch, k), row, &out);
        }
    }
    snprintf(kept, sizeof kept, "%s", out.data == NULL ? "" : out.data);
    sli_str_reset(&out);
    return kept;
}

void slt_random_text(sli_rng *rng, char *out, size_t size)
{
    static const char *const words[] = {"n",
                                        "m",
                                        "f",
                                        "s",
                                        "b",
                                        "d",
                                        "t",
                                        "l",
                                        "+",
                                        "-",
                                        "*",
                                        "/",
                                        "%",
                                        "(",
                                        ")",
                                        ",",
                                        "=",
                                        "<>",
                                        "<",
                                        ">=",
                                        "||",
                                        "and",
                                        "or",
                                        "not",
                                        "is",
                                        "null",
                                        "in",
                                        "like",
                                        "between",
                                        "case",
                                        "when",
                                        "then",
                                        "else",
                                        "end",
                                        "cast",
                                        "as",
                                        "int64",
                                        "string",
                                        "1",
                                        "0",
                                        "2.5e3",
                                        "9223372036854775807",
                                        "'a''b'",
                                        "''",
                                        "true",
                                        "date '2024-01-01'",
                                        "timestamp '2024-01-01 00:00'",
                                        "length",
                                        "substr",
                                        "coalesce",
                                        "\"end\"",
                                        "count",
                                        "sum",
                                        "list",
                                        ".",
                                        "'",
                                        "\"",
                                        "\xc3",
                                        "!",
                                        "x",
                                        "hash",
                                        "date_trunc",
                                        "'day'",
                                        "float64",
                                        "greatest",
                                        "*",
                                        "abs",
                                        ";"};
    size_t used = 0;
    uint64_t n = 1 + sli_rng_below(rng, 14);
    out[0] = '\0';
    for (uint64_t i = 0; i < n; i++) {
        const char *word = words[sli_rng_below(rng, sizeof words / sizeof words[0])];
        int added =
            snprintf(out + used, size - used, "%s%s", sli_rng_below(rng, 5) == 0 ? "" : " ", word);
        if (added < 0 || (size_t)added >= size - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)added;
    }
}

// ---------------------------------------------------------------- aggregations

sli_agg_plan *slt_plan_of(const char *text, const sl_batch *in, int32_t n_keys,
                          const sl_agg_fn *const *user)
{
    static const int32_t keys[] = {0, 1};
    sli_agg_plan *plan;
    sl_error err = SL_ERROR_INIT;
    if (sli_agg_plan_new(&plan, text, sl_batch_schema(in), keys, n_keys, user, &err) != SL_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return plan;
}

sli_aggs *slt_aggs_of(const sli_agg_plan *plan, int64_t n_groups)
{
    sli_aggs *aggs;
    assert_int_equal(sli_aggs_new(&aggs, plan, NULL, NULL), SL_OK);
    assert_int_equal(sli_aggs_grow(aggs, n_groups, NULL), SL_OK);
    return aggs;
}

// Columns behind the keys, which must be none.
sl_batch *slt_take_out(const sli_aggs *aggs, const sli_agg_plan *plan, bool partial, int64_t from,
                       int64_t n)
{
    sl_builder *builder;
    sl_batch *out = NULL;
    sl_error err = SL_ERROR_INIT;
    const sl_schema *schema = partial ? sli_agg_plan_partial(plan) : sli_agg_plan_result(plan);
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    sl_code rc = partial ? sli_aggs_partial(aggs, from, n, builder, &err)
                         : sli_aggs_finish(aggs, from, n, builder, &err);
    if (rc != SL_OK || sl_builder_finish(builder, &out, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    sl_builder_free(builder);
    return out;
}

void slt_check_result(const sli_aggs *aggs, const sli_agg_plan *plan, int64_t n,
                      const char *expected)
{
    sl_batch *out = slt_take_out(aggs, plan, false, 0, n);
    SL_CHECK_TEXT(slt_batch_text(out), expected);
    sl_batch_unref(out);
}
