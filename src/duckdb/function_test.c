// Functions of the caller's, called in SQL.
#include "duckdb/fixture_test.h"

#include "col/arrow_abi.h"

#include <stdio.h>

/// Takes whatever it is called with; its result is the text of the arguments.
static sl_code texts_bind(void *ctx, struct ArrowSchema *arguments, struct ArrowSchema *out,
                          sl_error *err)
{
    int32_t *most = ctx;
    if (arguments->n_children > *most) {
        return sl_error_set(err, SL_E_INVALID, "texts() takes %d arguments at most", (int)*most);
    }
    sl_schema *schema = NULL;
    struct ArrowArray array;
    SL_TRY(sl_schema_parse(&schema, "text string?", err));
    sl_batch *none = NULL;
    SL_TRY(sli_batch_empty(schema, &none, err));
    sl_schema_unref(schema);
    SL_TRY(sl_batch_export(none, out, &array, err));
    array.release(&array);
    sl_batch_unref(none);
    return SL_OK;
}

static sl_code export_texts(sl_builder *builder, struct ArrowArray *out, sl_error *err)
{
    sl_batch *batch = NULL;
    struct ArrowSchema schema;
    SL_TRY(sl_builder_finish(builder, &batch, err));
    SL_TRY(sl_batch_export(batch, &schema, out, err));
    schema.release(&schema);
    sl_batch_unref(batch);
    return SL_OK;
}

/// How many children an argument has, how many rows, and its first buffer's word tell enough here:
/// the rows themselves are checked by tests of types.
static sl_code texts_call(void *ctx, struct ArrowSchema *types, struct ArrowArray *arguments,
                          struct ArrowArray *out, sl_error *err)
{
    (void)ctx;
    types->release(types);
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    SL_TRY(sl_schema_parse(&schema, "text string?", err));
    SL_TRY(sl_builder_new(&builder, schema, err));
    sl_code rc = SL_OK;
    for (int64_t row = 0; row < arguments->length; row++) {
        char text[64];
        const struct ArrowArray *first = arguments->n_children > 0 ? arguments->children[0] : NULL;
        int n = snprintf(text, sizeof text, "%d arguments%s", (int)arguments->n_children,
                         first != NULL && first->null_count > 0 ? ", and a null among them" : "");
        if (first != NULL && first->n_buffers == 2 && arguments->n_children == 3) {
            rc = sl_error_set(err, SL_E_USER, "texts() does not like row %d", (int)row);
        }
        sl_builder_text(builder, 0, text, (size_t)n);
    }
    arguments->release(arguments);
    if (rc == SL_OK) {
        rc = export_texts(builder, out, err);
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rc;
}

static void add(slt_duck *d, int32_t *most)
{
    const sli_db_function texts = {
        .name = "texts", .bind = texts_bind, .call = texts_call, .ctx = most};
    slt_duck_ok(d, sli_dbs_function(d->dbs, &texts, &d->err));
}

SL_TEST(duck_functions_of_c_are_called_with_any_types, "")
{
    slt_duck d;
    int32_t most = 4;
    slt_duck_start(&d);
    add(&d, &most);
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT texts(), texts(1), texts('x', 2.5)"),
                  "0 arguments,1 arguments,2 arguments;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT texts(n) FROM (VALUES (1), (NULL)) t(n)"),
                  "1 arguments, and a null among them;1 arguments, and a null among them;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT texts([1, 2]), texts({'a': 1, 'b': ['x']}), "
                                   "texts(texts(texts(DATE '2020-01-01')))"),
                  "1 arguments,1 arguments,1 arguments;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*), min(texts(i)) FROM range(10000) t(i)"),
                  "10000,1 arguments;");
    slt_duck_end(&d);
}

SL_TEST(duck_functions_of_c_fail_in_their_own_words, "")
{
    slt_duck d;
    int32_t most = 4;
    slt_duck_start(&d);
    add(&d, &most);
    slt_duck_refused(&d, "SELECT texts(1, 2, 3, 4, 5)", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "texts() takes 4 arguments at most");
    slt_duck_refused(&d, "SELECT texts(i, i, i) FROM range(5) t(i)", SL_E_USER);
    SL_CHECK_TEXT(d.err.text, "texts() does not like row 4");
    slt_duck_refused(&d, "SELECT texts(INTERVAL 1 DAY)", SL_E_UNSUPPORTED);
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT texts(1)"), "1 arguments;");
    slt_duck_end(&d);
}
