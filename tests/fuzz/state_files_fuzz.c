// state_files_fuzz.c — deltas of keyed state: any bytes, and good ones with edits, into a store in
// memory that was restored from a snapshot, and into the compactor. The snapshot is good: its bytes
// are Arrow's, which have an entry of their own.
#include "edits.h"
#include "state/state.h"

#include "base/assert.h"
#include "col/col.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    sl_schema *keys, *values;
    sli_table_info info;
    sli_store *store;
    sli_table *table;
} world;

static void open_world(world *w)
{
    SL_ASSERT(sl_schema_parse(&w->keys, "k int64", NULL) == SL_OK &&
                  sl_schema_parse(&w->values, "n int64, t string?, l list<int64>", NULL) == SL_OK,
              "schemas");
    w->info = (sli_table_info){
        .uid = "counts", .kind = "updateStateByKey", .keys = w->keys, .values = w->values};
    const sli_state_env env = {0};
    SL_ASSERT(sli_store_memory.open(&w->store, &env, NULL) == SL_OK, "a store");
    SL_ASSERT(sli_store_memory.table(w->store, &w->info, &w->table, NULL) == SL_OK, "a table");
}

static void close_world(world *w)
{
    sli_store_memory.close(w->store);
    sl_schema_unref(w->keys);
    sl_schema_unref(w->values);
}

/// The row of key `k`, or of its value.
static sl_batch *row_of(const sl_schema *schema, int64_t k)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    SL_ASSERT(sl_builder_new(&builder, schema, NULL) == SL_OK, "a builder");
    sl_builder_int64(builder, 0, k);
    if (sl_schema_columns(schema) > 1) {
        sl_builder_text(builder, 1, "a text longer than twelve", (size_t)k);
        sl_builder_list_begin(builder, 2);
        sl_builder_int64(builder, 2, -k);
        sl_builder_list_end(builder, 2);
    }
    SL_ASSERT(sl_builder_finish(builder, &batch, NULL) == SL_OK, "a row");
    sl_builder_free(builder);
    return batch;
}

static void put_key(world *w, sli_state_view *view, int64_t k, bool remove)
{
    static const int32_t columns[] = {0, 1, 2};
    sli_str key = {.tag = SLI_TAG_TEST}, value = {.tag = SLI_TAG_TEST};
    uint64_t hash = 0;
    sl_batch *keys = row_of(w->keys, k), *values = row_of(w->values, k);
    sli_row_put(&key, keys, columns, 1, 0);
    sli_row_put(&value, values, columns, 3, 0);
    sli_batch_hash(keys, columns, 1, &hash);
    sl_bytes bytes = {key.data, key.size};
    SL_ASSERT((remove ? sli_store_memory.remove(view, hash, bytes, NULL)
                      : sli_store_memory.put(view, hash, bytes, (sl_bytes){value.data, value.size},
                                             NULL)) == SL_OK,
              "a change");
    sl_batch_unref(keys);
    sl_batch_unref(values);
    sli_str_reset(&key);
    sli_str_reset(&value);
}

/// One epoch: keys 0 to 7 are put, or 1 and 2 removed again; its delta in `out`.
static void run_epoch(world *w, int64_t epoch, sli_str *out)
{
    sli_state_view *view = NULL;
    SL_ASSERT(sli_store_memory.begin(w->store, w->table, epoch, 0, 1, &view, NULL) == SL_OK,
              "a view");
    for (int64_t k = 0; k < (epoch == 1 ? 8 : 3); k++) {
        put_key(w, view, k, epoch > 1 && k > 0);
    }
    SL_ASSERT(sli_store_memory.done(view, NULL) == SL_OK &&
                  sli_store_memory.complete(w->store, epoch, NULL) == SL_OK &&
                  sli_state_delta(w->store, out, NULL) == SL_OK,
              "an epoch");
}

static sli_buffer *buffer_of(const sli_str *bytes)
{
    sli_buffer *buffer = sli_buffer_new((int64_t)bytes->size);
    SL_ASSERT(buffer != NULL, "a buffer");
    if (bytes->size > 0) {
        memcpy(sli_buffer_data(buffer), bytes->data, bytes->size);
    }
    return buffer;
}

static void refused(sl_code rc)
{
    SL_ASSERT(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_INCOMPATIBLE, "taken, or refused");
}

/// Loads the part, then compacts it with the delta.
static void load(const sli_str *part, int32_t number, const sli_str *delta)
{
    world w;
    open_world(&w);
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_buffer *old = part->size == 0 ? NULL : buffer_of(part);
    sl_bytes deltas[] = {{delta->data, delta->size}};
    if (old != NULL) {
        refused(sli_state_restore_part(w.store, w.table, &w.info, old, NULL));
    }
    refused(sli_store_memory.apply(w.store, deltas[0], NULL));
    refused(sli_state_compact_part(&w.info, old, deltas, 1, number, &out, NULL));
    sli_buffer_unref(old);
    sli_str_reset(&out);
    close_world(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    world w;
    sli_str part = {.tag = SLI_TAG_TEST}, delta = {.tag = SLI_TAG_TEST};
    int32_t number = data[1] % SLI_SNAPSHOT_PARTS;
    open_world(&w);
    run_epoch(&w, 1, &delta);
    SL_ASSERT(sli_state_snapshot_part(w.store, w.table, &w.info, number, &part, NULL) == SL_OK,
              "a part");
    sli_str_clear(&delta);
    run_epoch(&w, 2, &delta);
    close_world(&w);
    if ((data[0] & 1) != 0) {
        sli_str_clear(&delta);
        sli_str_add(&delta, (const char *)data + 2, size - 2);
    } else {
        slt_edit(&delta, data + 2, size - 2);
    }
    load(&part, number, &delta);
    sli_str_reset(&part);
    sli_str_reset(&delta);
    return 0;
}
