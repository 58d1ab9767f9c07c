#include "state/fixture_test.h"

#include <stdio.h>

const char *slt_store_dir(void)
{
    static char path[600];
    static int n;
    (void)snprintf(path, sizeof path, "%s/store-%d", slt_temp_dir(), n++);
    return path;
}

void slt_store_open(slt_store *f, const sli_store_ops *ops, const char *uid)
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&f->keys, "k int64", &err), SL_OK);
    assert_int_equal(sl_schema_parse(&f->values, "v int64", &err), SL_OK);
    f->info = (sli_table_info){uid, "updateStateByKey", f->keys, f->values, 0, 0};
    assert_int_equal(sli_env_posix(&f->env, &err), SL_OK);
    sli_state_env env = {.env = f->env, .dir = slt_store_dir()};
    assert_int_equal(ops->open(&f->store, &env, &err), SL_OK);
    assert_int_equal(ops->table(f->store, &f->info, &f->table, &err), SL_OK);
}

void slt_store_close(slt_store *f)
{
    f->store->ops->close(f->store);
    sli_env_free(f->env);
    sl_schema_unref(f->keys);
    sl_schema_unref(f->values);
}

static sl_batch *batch_of(const sl_schema *schema, int64_t value)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_int64(builder, 0, value);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    return batch;
}

void slt_store_row(const sl_schema *schema, int64_t value, sli_str *out, uint64_t *hash)
{
    int32_t column = 0;
    sl_batch *batch = batch_of(schema, value);
    sli_str_clear(out);
    sli_row_put(out, batch, &column, 1, 0);
    sli_batch_hash(batch, &column, 1, hash);
    sl_batch_unref(batch);
}

int64_t slt_store_value(const sl_schema *schema, sl_bytes row)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    assert_int_equal(sli_row_get(row, builder, 0, 1, NULL), SL_OK);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    int64_t value = sl_column_int64(sl_batch_column(batch, 0), 0);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    return value;
}

sl_code slt_store_collect(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    slt_store_rows *c = ctx;
    (void)err;
    assert_true(c->n < SLT_STORE_ROWS);
    c->rows[c->n++] = (slt_store_pair){slt_store_value(c->f->keys, key),
                                       slt_store_value(c->f->values, value), slot};
    return SL_OK;
}
