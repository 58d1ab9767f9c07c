// Panes as bytes, and back: what a file of a commit group has of one window, pane after pane.
//
//     pane := i64 epoch | i64 batch time | varint n | n partitions, each: bytes, Arrow IPC or none
#include "stream/window.h"

#include "base/bytes.h"
#include "stream/keep.h"

// ---------------------------------------------------------------- writing

static sl_code put_partition(const sli_pane *pane, const sl_schema *schema, int32_t partition,
                             sli_str *out, sl_error *err)
{
    sli_gathered g = {0};
    sli_str ipc = {.tag = SLI_TAG_STREAM};
    sl_code rc = SL_OK;
    if (pane->has_rows[partition]) {
        rc = sli_kept_each(pane->blocks, pane->owner, partition, pane->has_rows[partition],
                           sli_gather, &g, err);
        rc = rc != SL_OK ? rc : sli_ipc_write(&ipc, schema, g.batches, g.n, err);
    }
    if (rc == SL_OK) {
        sli_put_bytes(out, ipc.data, ipc.size);
        rc = sli_str_check(out, "the panes of a window", err);
    }
    sli_gathered_reset(&g);
    sli_str_reset(&ipc);
    return rc;
}

sl_code sli_pane_put(const sli_pane *pane, const sl_schema *schema, sli_str *out, sl_error *err)
{
    sli_put_i64(out, pane->epoch);
    sli_put_i64(out, pane->time_us);
    sli_put_varint(out, (uint64_t)pane->n_partitions);
    for (int32_t p = 0; p < pane->n_partitions; p++) {
        SL_TRY(put_partition(pane, schema, p, out, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- reading

typedef struct loading {
    const sli_pane_loading *to;
    sli_rows rows;
} loading;

static sl_code check_schema(void *ctx, const sl_batch *batch, sl_error *err)
{
    loading *l = ctx;
    if (!sl_schema_equal(sl_batch_schema(batch), l->to->schema)) {
        return sl_error_set(
            err, SL_E_INCOMPATIBLE,
            "it has rows of \"%.150s\", the job's window keeps \"%.150s\": give the "
            "changed window another uid",
            sl_schema_text(sl_batch_schema(batch)), sl_schema_text(l->to->schema));
    }
    return sli_rows_add(&l->rows, batch, err);
}

static sl_code load_partition(loading *l, sli_pane *pane, int32_t partition, sl_bytes ipc,
                              sl_error *err)
{
    if (ipc.size == 0) {
        return SL_OK;
    }
    sli_buffer *bytes = sli_buffer_new((int64_t)ipc.size);
    if (bytes == NULL) {
        return sl_error_nomem(err, ipc.size, "rows of a pane");
    }
    memcpy(sli_buffer_data(bytes), ipc.data, ipc.size);
    sl_code rc = sli_ipc_read(bytes, check_schema, l, err);
    sli_buffer_unref(bytes);
    if (rc == SL_OK) {
        sli_block_id id = {SLI_BLOCK_OUTPUT, pane->owner, partition, 0};
        rc = sli_blocks_put(pane->blocks, id, SL_MEMORY_AND_DISK, l->rows.batches, l->rows.n, err);
        pane->has_rows[partition] = rc == SL_OK ? 1 : 0;
        pane->n_rows += l->rows.n_rows;
    }
    sli_rows_reset(&l->rows);
    return rc;
}

static sl_code load_pane(loading *l, sli_reader *r, sl_error *err)
{
    const sli_pane_loading *to = l->to;
    int64_t epoch = sli_get_i64(r), time_us = sli_get_i64(r);
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > SLI_MAX_PARTITIONS) {
        r->bad = true;
        return SL_OK;
    }
    sli_pane *pane = sli_pane_new(to->blocks, ++*to->block_owner, epoch, time_us, (int32_t)n);
    if (pane == NULL) {
        return sl_error_nomem(err, sizeof *pane, "a pane of a window");
    }
    sl_code rc = SL_OK;
    bool needed = time_us > to->from_us;
    for (int32_t p = 0; p < pane->n_partitions && rc == SL_OK; p++) {
        sl_bytes ipc = sli_get_bytes(r);
        rc = needed && !r->bad ? load_partition(l, pane, p, ipc, err) : SL_OK;
    }
    if (rc == SL_OK && needed && !r->bad) {
        rc = sli_panes_put(to->panes, pane, err);
    }
    sli_pane_unref(pane);
    return rc;
}

sl_code sli_panes_load(const sli_pane_loading *to, sl_bytes file, const char *path, sl_error *err)
{
    loading l = {.to = to};
    sli_reader r = sli_reader_of(file);
    sl_code rc = SL_OK;
    while (r.at != r.end && !r.bad && rc == SL_OK) {
        rc = load_pane(&l, &r, err);
    }
    return rc != SL_OK ? rc : sli_reader_done(&r, path, err);
}
