// stream_panes_fuzz.c — what a file of a commit group has of a window: any bytes, and good ones
// with edits. Panes that are taken must have sound rows of the window's schema, and be written
// again.
#include "edits.h"
#include "stream/window.h"

#include "base/assert.h"
#include "col/col.h"
#include "stream/keep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    sl_env *env;
    sli_budget *budget;
    sli_blocks *blocks;
    sl_schema *schema;
    int64_t owner; ///< of blocks, the last one
} world;

static void open_world(world *w)
{
    *w = (world){.budget = sli_budget_new(INT64_C(1) << 30)};
    SL_ASSERT(w->budget != NULL && sli_env_posix(&w->env, NULL) == SL_OK, "a world");
    SL_ASSERT(sli_blocks_new(&w->blocks, w->env, w->budget, "never-spilled", NULL, NULL) == SL_OK,
              "blocks");
    SL_ASSERT(sl_schema_parse(&w->schema, "word string, n int64?, at timestamp", NULL) == SL_OK,
              "a schema");
}

static void close_world(world *w)
{
    sl_schema_unref(w->schema);
    sli_blocks_free(w->blocks);
    sli_budget_free(w->budget);
    sli_env_free(w->env);
}

static sl_batch *rows_of(const world *w, int64_t n)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    SL_ASSERT(sl_builder_new(&builder, w->schema, NULL) == SL_OK, "a builder");
    for (int64_t i = 0; i < n; i++) {
        sl_builder_text(builder, 0, "a word longer than twelve", (size_t)(7 + 9 * (i % 3)));
        sl_builder_int64(builder, 1, i);
        sl_builder_int64(builder, 2, 1000 * i);
    }
    SL_ASSERT(sl_builder_finish(builder, &batch, NULL) == SL_OK, "rows");
    sl_builder_free(builder);
    return batch;
}

/// Two panes of two partitions; one partition is empty.
static void put_good(world *w, sli_str *out)
{
    for (int64_t epoch = 1; epoch <= 2; epoch++) {
        sli_pane *pane = sli_pane_new(w->blocks, ++w->owner, epoch, 1000 * epoch, 2);
        sl_batch *batch = rows_of(w, 3 * epoch);
        const sli_block_id id = {SLI_BLOCK_OUTPUT, pane->owner, 1, 0};
        SL_ASSERT(sli_blocks_put(w->blocks, id, SL_MEMORY_AND_DISK, &batch, 1, NULL) == SL_OK,
                  "a block");
        pane->has_rows[1] = 1;
        pane->n_rows = sl_batch_rows(batch);
        SL_ASSERT(sli_pane_put(pane, w->schema, out, NULL) == SL_OK, "a pane's bytes");
        sl_batch_unref(batch);
        sli_pane_unref(pane);
    }
}

/// Reads panes; those of any batch time but one that is long past are needed.
static sl_code load(world *w, const sli_str *bytes, sli_panes *panes)
{
    const sli_pane_loading to = {.blocks = w->blocks,
                                 .schema = w->schema,
                                 .from_us = INT64_MIN,
                                 .block_owner = &w->owner,
                                 .panes = panes};
    return sli_panes_load(&to, (sl_bytes){bytes->data, bytes->size}, "a file", NULL);
}

/// What was taken is written, and taken again.
static void check_again(world *w, const sli_panes *panes)
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_panes again = {0};
    for (int32_t i = 0; i < panes->n; i++) {
        SL_ASSERT(sli_pane_put(panes->at[i], w->schema, &bytes, NULL) == SL_OK, "a pane's bytes");
    }
    SL_ASSERT(load(w, &bytes, &again) == SL_OK, "its own bytes");
    SL_ASSERT(again.n == panes->n && sli_panes_rows(&again) == sli_panes_rows(panes),
              "the same rows");
    sli_panes_reset(&again);
    sli_str_reset(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    world w;
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_panes panes = {0};
    open_world(&w);
    if ((data[0] & 1) != 0) {
        sli_str_add(&bytes, data + 1, size - 1);
    } else {
        put_good(&w, &bytes);
        slt_edit(&bytes, data + 1, size - 1);
    }
    sl_code rc = load(&w, &bytes, &panes);
    SL_ASSERT(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_INCOMPATIBLE ||
                  rc == SL_E_UNSUPPORTED || rc == SL_E_DATA,
              "taken, or refused");
    if (rc == SL_OK) {
        check_again(&w, &panes);
    }
    sli_panes_reset(&panes);
    sli_str_reset(&bytes);
    close_world(&w);
    return 0;
}
