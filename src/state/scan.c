// A table's rows for who has a checkpoint's bytes and no graph: parts of a snapshot, or rows of a
// store's files, as they are; or put together with the deltas after them, a 16th of the table at a
// time.
#include "state/state_int.h"

enum { SLOTS_PER_PART = SLI_SLOTS / SLI_SNAPSHOT_PARTS };

struct sli_state_scan {
    const sli_state_lies *lies;
    sl_schema *columns;
    int32_t part; ///< the next one
    // A part as it is.
    sli_buffer *bytes;
    sli_ipc_stream *stream;
    int64_t at;
    int64_t counted; ///< bytes in the budget
    // A part with changes, or of files.
    bool from_files; ///< slots come from the files; else from `store`
    sli_store *store;
    sli_table *table;
    int32_t slot; ///< of the part, the next one
    sl_builder *builder;
    int32_t n_keys, n_values;
};

// ---------------------------------------------------------------- schemas

sl_code sli_state_without_slot(const sl_schema *part, sl_schema **out, sl_error *err)
{
    int32_t n = sl_schema_columns(part) - 1, columns[256];
    if (n < 1 || n > 256 || strcmp(sl_schema_field(part, 0)->name, "slot") != 0 ||
        sl_schema_field(part, 0)->type != SL_INT32) {
        return sl_error_set(err, SL_E_CORRUPT, "\"%s\" are no columns of a snapshot's part",
                            sl_schema_text(part));
    }
    for (int32_t i = 0; i < n; i++) {
        columns[i] = i + 1;
    }
    return sli_schema_select(part, columns, n, out, err);
}

sl_code sli_state_part_head(sl_bytes front, sl_schema **out, sl_text *kind, sl_error *err)
{
    const char *data = front.data;
    int64_t size = (int64_t)front.size;
    sli_ipc_place place = {0};
    *out = NULL;
    if (sli_ipc_is_file(data, size) == 0) {
        return sl_error_set(err, SL_E_CORRUPT, "is no Arrow file (offset 0)");
    }
    if (size > SLI_IPC_START_BYTES) {
        SL_TRY(
            sli_ipc_measure(data + SLI_IPC_START_BYTES, size - SLI_IPC_START_BYTES, &place, err));
    }
    if (place.bytes == 0 || place.bytes > size - SLI_IPC_START_BYTES) {
        return SL_OK;
    }
    sli_ipc_stream *stream = NULL;
    sl_batch *none = NULL;
    sli_buffer *bytes = sli_buffer_wrap(data, size, false, NULL, NULL);
    if (bytes == NULL) {
        return sl_error_nomem(err, 64, "a part's columns");
    }
    sl_code rc = sli_ipc_stream_new(&stream, INT32_MAX, err);
    if (rc == SL_OK) {
        rc = sli_ipc_stream_take(stream, bytes, SLI_IPC_START_BYTES, place.bytes, &none, err);
    }
    sl_batch_unref(none);
    if (rc == SL_OK) {
        *kind = (sl_text){"", 0};
        (void)sli_ipc_file_value(bytes, "sluice.kind", kind);
        *out = sl_schema_ref(sli_ipc_stream_schema(stream));
    }
    sli_ipc_stream_free(stream);
    sli_buffer_unref(bytes);
    return rc;
}

// ---------------------------------------------------------------- memory

static sl_code too_much(const sli_state_scan *scan, int64_t bytes, sl_error *err)
{
    return sl_error_set(err, SL_E_NOMEM,
                        "state of %s: %lld bytes for a 16th of it do not fit into the memory of "
                        "%lld bytes that is allowed",
                        scan->lies->info.uid, (long long)bytes,
                        (long long)sli_budget_limit(scan->lies->budget));
}

static sl_code count(sli_state_scan *scan, int64_t bytes, sl_error *err)
{
    sli_budget *budget = scan->lies->budget;
    if (budget != NULL && !sli_budget_reserve(budget, bytes, false)) {
        return too_much(scan, bytes, err);
    }
    scan->counted += bytes;
    return SL_OK;
}

/// A store counts what it holds and refuses nothing, so it is looked at after each step.
static sl_code check_memory(const sli_state_scan *scan, sl_error *err)
{
    const sli_budget *budget = scan->lies->budget;
    return budget == NULL || sli_budget_used(budget) <= sli_budget_limit(budget)
               ? SL_OK
               : too_much(scan, scan->store->ops->bytes(scan->store), err);
}

static void end_part(sli_state_scan *scan)
{
    if (scan->store != NULL) {
        scan->store->ops->close(scan->store);
    }
    sli_ipc_stream_free(scan->stream);
    sli_buffer_unref(scan->bytes);
    if (scan->lies->budget != NULL) {
        sli_budget_release(scan->lies->budget, scan->counted);
    }
    scan->store = NULL;
    scan->from_files = false;
    scan->stream = NULL;
    scan->bytes = NULL;
    scan->counted = 0;
}

// ---------------------------------------------------------------- a part as it is

static sl_code open_plain(sli_state_scan *scan, sli_buffer *bytes, sl_error *err)
{
    scan->bytes = sli_buffer_ref(bytes);
    scan->at = SLI_IPC_START_BYTES;
    return sli_ipc_stream_new(&scan->stream, INT64_MAX, err);
}

static sl_code fit(const sli_state_scan *scan, const sl_batch *batch, sl_batch **out, sl_error *err)
{
    sl_schema *found = NULL;
    int32_t columns[256];
    const sl_batch *from[256];
    SL_TRY(sli_state_without_slot(sl_batch_schema(batch), &found, err));
    bool same = sl_schema_equal(found, scan->columns);
    sl_schema_unref(found);
    if (!same) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "state of %s has the columns \"%s\" in one part of its snapshot and "
                            "\"%s\" in another",
                            scan->lies->info.uid, sl_schema_text(sl_batch_schema(batch)),
                            sl_schema_text(scan->columns));
    }
    for (int32_t i = 0; i < sl_schema_columns(scan->columns); i++) {
        columns[i] = i + 1;
        from[i] = batch;
    }
    return sli_batch_project(scan->columns, from, columns, out, err);
}

/// *out NULL: the part is at its end.
static sl_code next_plain(sli_state_scan *scan, sl_batch **out, sl_error *err)
{
    int64_t size = sli_buffer_size(scan->bytes);
    const char *data = sli_buffer_bytes(scan->bytes);
    while (*out == NULL) {
        sli_ipc_place place = {0};
        sl_batch *batch = NULL;
        SL_TRY(sli_ipc_measure(data + scan->at, size - scan->at, &place, err));
        if (place.bytes == 0 || place.bytes > size - scan->at) {
            return sl_error_set(err, SL_E_CORRUPT, "state of %s: a part ends at byte %lld",
                                scan->lies->info.uid, (long long)size);
        }
        if (place.bytes == SLI_IPC_END_BYTES) {
            return SL_OK;
        }
        SL_TRY(sli_ipc_stream_take(scan->stream, scan->bytes, scan->at, place.bytes, &batch, err));
        scan->at += place.bytes;
        sl_code rc = batch == NULL ? SL_OK : fit(scan, batch, out, err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a part with changes

static sl_code apply_deltas(sli_state_scan *scan, int32_t part, sl_error *err)
{
    int32_t from = part * SLOTS_PER_PART;
    for (int32_t i = 0; i < scan->lies->n_deltas; i++) {
        sli_buffer *delta = NULL;
        SL_TRY(scan->lies->delta(scan->lies->ctx, i, &delta, err));
        sl_code rc = sli_core_apply_part(
            scan->store, (sl_bytes){sli_buffer_bytes(delta), (size_t)sli_buffer_size(delta)}, from,
            from + SLOTS_PER_PART, err);
        sli_buffer_unref(delta);
        SL_TRY(rc);
        SL_TRY(check_memory(scan, err));
    }
    return SL_OK;
}

static sl_code load_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    const sli_state_scan *scan = ctx;
    const sli_state_row row = {slot, key, value};
    return scan->store->ops->load(scan->store, scan->table, &row, 1, err);
}

/// Slot by slot, so that what does not fit is found before all of it is here.
static sl_code load_files(sli_state_scan *scan, int32_t part, sl_error *err)
{
    for (int32_t slot = part * SLOTS_PER_PART; slot < (part + 1) * SLOTS_PER_PART; slot++) {
        SL_TRY(sli_kept_files_dump(scan->lies->files, scan->lies->file_table, slot, slot + 1,
                                   load_row, scan, err));
        SL_TRY(check_memory(scan, err));
    }
    return SL_OK;
}

static sl_code open_merged(sli_state_scan *scan, sli_buffer *bytes, int32_t part, sl_error *err)
{
    const sli_table_info *info = &scan->lies->info;
    sli_state_env env = {.budget = scan->lies->budget, .no_deltas = true};
    SL_TRY(sli_store_memory.open(&scan->store, &env, err));
    SL_TRY(scan->store->ops->table(scan->store, info, &scan->table, err));
    if (bytes != NULL) {
        SL_TRY(sli_state_restore_part(scan->store, scan->table, info, bytes, err));
        SL_TRY(check_memory(scan, err));
    }
    SL_TRY(scan->lies->files == NULL ? SL_OK : load_files(scan, part, err));
    SL_TRY(apply_deltas(scan, part, err));
    scan->slot = part * SLOTS_PER_PART;
    return SL_OK;
}

static sl_code put_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    sli_state_scan *scan = ctx;
    (void)slot;
    SL_TRY(sli_row_get(key, scan->builder, 0, scan->n_keys, err));
    return sli_row_get(value, scan->builder, scan->n_keys, scan->n_values, err);
}

static sl_code next_slots(sli_state_scan *scan, sl_batch **out, sl_error *err)
{
    while (scan->slot < scan->part * SLOTS_PER_PART &&
           sl_builder_rows(scan->builder, 0) < SLI_BATCH_ROWS) {
        int32_t slot = scan->slot++;
        SL_TRY(scan->from_files ? sli_kept_files_dump(scan->lies->files, scan->lies->file_table,
                                                      slot, slot + 1, put_row, scan, err)
                                : scan->store->ops->dump(scan->store, scan->table, slot, slot + 1,
                                                         put_row, scan, err));
    }
    return sli_builder_flush(scan->builder, out, err);
}

// ---------------------------------------------------------------- the scan

/// What is known of the columns, and of the builder that needs them.
static sl_code set_columns(sli_state_scan *scan, sl_error *err)
{
    const sli_table_info *info = &scan->lies->info;
    sl_schema *part = NULL;
    if (info->keys == NULL) {
        scan->columns = sl_schema_ref(scan->lies->columns);
        return SL_OK;
    }
    SL_TRY(sli_state_part_schema(info, &part, err));
    sl_code rc = sli_state_without_slot(part, &scan->columns, err);
    sl_schema_unref(part);
    scan->n_keys = sl_schema_columns(info->keys);
    scan->n_values = sl_schema_columns(info->values);
    return rc == SL_OK ? sl_builder_new(&scan->builder, scan->columns, err) : rc;
}

sl_code sli_state_scan_open(sli_state_scan **out, const sli_state_lies *lies, sl_error *err)
{
    sli_state_scan *scan = sl_alloc_zero(SLI_TAG_STATE, sizeof *scan);
    if (scan == NULL) {
        return sl_error_nomem(err, sizeof *scan, "a pass over state");
    }
    scan->lies = lies;
    sl_code rc = set_columns(scan, err);
    if (rc != SL_OK) {
        sli_state_scan_close(scan);
        return rc;
    }
    *out = scan;
    return SL_OK;
}

const sl_schema *sli_state_scan_schema(const sli_state_scan *scan)
{
    return scan->columns;
}

static sl_code open_part(sli_state_scan *scan, sl_error *err)
{
    sli_buffer *bytes = NULL;
    int32_t part = scan->part++;
    if (scan->lies->files != NULL) {
        scan->slot = part * SLOTS_PER_PART;
        scan->from_files = scan->lies->n_deltas == 0;
        return scan->from_files ? SL_OK : open_merged(scan, NULL, part, err);
    }
    SL_TRY(scan->lies->part(scan->lies->ctx, part, &bytes, err));
    sl_code rc = bytes == NULL ? SL_OK : count(scan, sli_buffer_size(bytes), err);
    if (rc == SL_OK && scan->builder != NULL) {
        rc = open_merged(scan, bytes, part, err);
    } else if (rc == SL_OK && bytes != NULL) {
        rc = open_plain(scan, bytes, err);
    }
    sli_buffer_unref(bytes);
    return rc;
}

sl_code sli_state_scan_next(sli_state_scan *scan, sl_batch **out, sl_error *err)
{
    *out = NULL;
    for (;;) {
        if (scan->stream != NULL) {
            SL_TRY(next_plain(scan, out, err));
        } else if (scan->store != NULL || scan->from_files) {
            SL_TRY(next_slots(scan, out, err));
        }
        if (*out != NULL) {
            return SL_OK;
        }
        end_part(scan);
        if (scan->part == SLI_SNAPSHOT_PARTS) {
            return SL_OK;
        }
        SL_TRY(open_part(scan, err));
    }
}

void sli_state_scan_close(sli_state_scan *scan)
{
    if (scan != NULL) {
        end_part(scan);
        sl_builder_free(scan->builder);
        sl_schema_unref(scan->columns);
        sl_free(scan);
    }
}
