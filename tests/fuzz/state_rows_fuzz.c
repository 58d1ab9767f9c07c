// state_rows_fuzz.c — rows of keyed state as cells of many types: any bytes, and a good row with
// edits. What is accepted is written again, and comes back as it was written.
#include "edits.h"

#include "base/assert.h"
#include "col/col.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_COLUMNS = 9 };
static const char types[] = "a bool?, b int8, c uint16, d int64?, e float64, f string?, g binary, "
                            "h list<int64?>, i struct<x string, y float64>";

static void put_all(sli_str *out, const sl_batch *row)
{
    int32_t columns[N_COLUMNS];
    for (int32_t i = 0; i < N_COLUMNS; i++) {
        columns[i] = i;
    }
    sli_str_clear(out);
    sli_row_put(out, row, columns, N_COLUMNS, 0);
}

static sl_batch *finish(sl_builder *builder)
{
    sl_batch *batch = NULL;
    SL_ASSERT(sl_builder_finish(builder, &batch, NULL) == SL_OK, "a row");
    return batch;
}

static void put_good(sl_builder *builder, sli_str *out)
{
    sl_builder_null(builder, 0);
    sl_builder_int64(builder, 1, -7);
    sl_builder_int64(builder, 2, 1000);
    sl_builder_int64(builder, 3, INT64_MIN);
    sl_builder_float64(builder, 4, -0.5);
    sl_builder_text(builder, 5, "a text longer than twelve", 25);
    sl_builder_text(builder, 6, "\0\377", 2);
    sl_builder_list_begin(builder, 7);
    sl_builder_int64(builder, 7, 9);
    sl_builder_null(builder, 7);
    sl_builder_list_end(builder, 7);
    sl_builder_struct_begin(builder, 8);
    sl_builder_text(builder, 8, "x", 1);
    sl_builder_float64(builder, 8, 1e300);
    sl_builder_struct_end(builder, 8);
    sl_batch *row = finish(builder);
    put_all(out, row);
    sl_batch_unref(row);
}

/// The row that the bytes are, written again, in `out`. False: they were refused.
static bool again(const sl_schema *schema, const sli_str *bytes, sli_str *out)
{
    sl_builder *builder = NULL;
    SL_ASSERT(sl_builder_new(&builder, schema, NULL) == SL_OK, "a builder");
    sl_code rc = sli_row_get((sl_bytes){bytes->data, bytes->size}, builder, 0, N_COLUMNS, NULL);
    SL_ASSERT(rc == SL_OK || rc == SL_E_CORRUPT, "taken, or refused");
    if (rc == SL_OK) {
        sl_batch *row = finish(builder);
        put_all(out, row);
        sl_batch_unref(row);
    }
    sl_builder_free(builder);
    return rc == SL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sli_str bytes = {.tag = SLI_TAG_TEST}, first = {.tag = SLI_TAG_TEST};
    sli_str second = {.tag = SLI_TAG_TEST};
    SL_ASSERT(sl_schema_parse(&schema, types, NULL) == SL_OK, "a schema");
    SL_ASSERT(sl_builder_new(&builder, schema, NULL) == SL_OK, "a builder");
    if ((data[0] & 1) != 0) {
        sli_str_add(&bytes, data + 1, size - 1);
    } else {
        put_good(builder, &bytes);
        slt_edit(&bytes, data + 1, size - 1);
    }
    if (again(schema, &bytes, &first)) {
        SL_ASSERT(again(schema, &first, &second) && first.size == second.size &&
                      memcmp(first.data, second.data, first.size) == 0,
                  "what was accepted comes back");
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    sli_str_reset(&bytes);
    sli_str_reset(&first);
    sli_str_reset(&second);
    return 0;
}
