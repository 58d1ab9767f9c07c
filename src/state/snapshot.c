// Snapshots of a table as Arrow IPC files, one a range of 64 slots, over any store; and their
// compaction from files.
#include "state/state_int.h"

enum { SLOTS_PER_PART = SLI_SLOTS / SLI_SNAPSHOT_PARTS };

/// The length of the first field of a schema's text: up to a comma outside brackets.
static size_t field_length(const char *text)
{
    int depth = 0;
    size_t n = 0;
    for (; text[n] != '\0' && (text[n] != ',' || depth > 0); n++) {
        depth += text[n] == '<' || text[n] == '(' ? 1 : text[n] == '>' || text[n] == ')' ? -1 : 0;
    }
    return n;
}

/// "slot int32, KEYS, VALUES". A value column named as a key column (or "slot") gets the prefix
/// "value.".
sl_code sli_state_part_schema(const sli_table_info *info, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STATE};
    const char *at = sl_schema_text(info->values);
    sli_str_printf(&text, "slot int32, %s", sl_schema_text(info->keys));
    for (int32_t i = 0; i < sl_schema_columns(info->values); i++) {
        const char *name = sl_schema_field(info->values, i)->name;
        bool taken = sl_schema_find(info->keys, name) >= 0 || strcmp(name, "slot") == 0;
        size_t size = field_length(at);
        sli_str_text(&text, taken ? ", value." : ", ");
        sli_str_add(&text, at, size);
        at += size + strspn(at + size, ", ");
    }
    sl_code rc = sli_str_check(&text, "a snapshot's schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text.data, err);
    }
    sli_str_reset(&text);
    return rc;
}

// ---------------------------------------------------------------- writing

typedef struct part_writer {
    sl_builder *builder;
    sl_batch **batches;
    int32_t n, capacity;
    int32_t n_keys, n_values;
} part_writer;

static sl_code flush(part_writer *w, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_builder_flush(w->builder, &batch, err));
    if (batch == NULL) {
        return SL_OK;
    }
    if (w->n == w->capacity) {
        int32_t capacity = w->capacity == 0 ? 16 : w->capacity * 2;
        sl_batch **more =
            sl_realloc(SLI_TAG_STATE, w->batches, (size_t)capacity * sizeof(sl_batch *));
        if (more == NULL) {
            sl_batch_unref(batch);
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "a snapshot");
        }
        w->batches = more;
        w->capacity = capacity;
    }
    w->batches[w->n++] = batch;
    return SL_OK;
}

static sl_code write_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    part_writer *w = ctx;
    sl_builder_int64(w->builder, 0, slot);
    SL_TRY(sli_row_get(key, w->builder, 1, w->n_keys, err));
    SL_TRY(sli_row_get(value, w->builder, 1 + w->n_keys, w->n_values, err));
    return sl_builder_rows(w->builder, 0) >= SLI_BATCH_ROWS ? flush(w, err) : SL_OK;
}

static sl_code write_part(sli_store *store, sli_table *table, const sli_table_info *info,
                          int32_t part, part_writer *w, sli_str *out, const sl_schema *schema,
                          sl_error *err)
{
    int32_t from = part * SLOTS_PER_PART;
    SL_TRY(store->ops->dump(store, table, from, from + SLOTS_PER_PART, write_row, w, err));
    SL_TRY(flush(w, err));
    if (w->n == 0) {
        return SL_OK;
    }
    const char *metadata[] = {"sluice.uid", info->uid, "sluice.kind", info->kind, NULL};
    return sli_ipc_write_file(out, schema, (const sl_batch *const *)w->batches, w->n, metadata,
                              err);
}

sl_code sli_state_snapshot_part(sli_store *store, sli_table *table, const sli_table_info *info,
                                int32_t part, sli_str *out, sl_error *err)
{
    sl_schema *schema = NULL;
    part_writer w = {.n_keys = sl_schema_columns(info->keys),
                     .n_values = sl_schema_columns(info->values)};
    SL_TRY(sli_state_part_schema(info, &schema, err));
    sl_code rc = sl_builder_new(&w.builder, schema, err);
    if (rc == SL_OK) {
        rc = write_part(store, table, info, part, &w, out, schema, err);
    }
    for (int32_t i = 0; i < w.n; i++) {
        sl_batch_unref(w.batches[i]);
    }
    sl_free(w.batches);
    sl_builder_free(w.builder);
    sl_schema_unref(schema);
    return rc;
}

// ---------------------------------------------------------------- reading

enum { LOAD_ROWS = 1024, LOAD_BYTES = 1 << 20 }; ///< given to the store together

typedef struct part_reader {
    sli_store *store;
    sli_table *table;
    const sli_table_info *info;
    const sl_schema *schema;
    sli_str bytes;       ///< keys and values of the rows read, each row's behind the last one's
    sli_state_row *rows; ///< LOAD_ROWS; sizes only, until they are given to the store
    int32_t n;
    int32_t columns[256];
} part_reader;

static bool has_same_types(const sl_schema *a, const sl_schema *b)
{
    bool same = sl_schema_columns(a) == sl_schema_columns(b);
    for (int32_t i = 0; same && i < sl_schema_columns(a); i++) {
        same = sl_schema_field(a, i)->type == sl_schema_field(b, i)->type &&
               strcmp(sl_schema_field(a, i)->name, sl_schema_field(b, i)->name) == 0;
    }
    return same;
}

/// The rows read go to the store. Their bytes don't move any more.
static sl_code give_rows(part_reader *r, sl_error *err)
{
    const char *at = r->bytes.data;
    SL_TRY(sli_str_check(&r->bytes, "rows of state", err));
    for (int32_t i = 0; i < r->n; i++) {
        r->rows[i].key.data = at;
        at += r->rows[i].key.size;
        r->rows[i].value.data = at;
        at += r->rows[i].value.size;
    }
    sl_code rc = r->store->ops->load(r->store, r->table, r->rows, r->n, err);
    sli_str_clear(&r->bytes);
    r->n = 0;
    return rc;
}

static sl_code read_row(part_reader *r, const sl_batch *batch, const uint64_t *hashes, int64_t row,
                        sl_error *err)
{
    int32_t n_keys = sl_schema_columns(r->info->keys),
            n_values = sl_schema_columns(r->info->values);
    const sl_column *slots = sl_batch_column(batch, 0);
    int32_t slot = ((const int32_t *)slots->values)[row];
    bool is_told = r->info->n_placing >= 0; // else nobody knows which columns place a key
    if (sl_column_is_null(slots, row) || (is_told && slot != sli_slot_of(hashes[row]))) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "row %lld of the snapshot of %s is in the wrong slot", (long long)row,
                            r->info->uid);
    }
    size_t begun = r->bytes.size;
    sli_row_put(&r->bytes, batch, r->columns + 1, n_keys, row);
    size_t middle = r->bytes.size;
    sli_row_put(&r->bytes, batch, r->columns + 1 + n_keys, n_values, row);
    r->rows[r->n++] = (sli_state_row){slot, {NULL, middle - begun}, {NULL, r->bytes.size - middle}};
    return r->n == LOAD_ROWS || r->bytes.size >= LOAD_BYTES ? give_rows(r, err) : SL_OK;
}

static sl_code read_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    part_reader *r = ctx;
    int64_t n = sl_batch_rows(batch);
    if (!has_same_types(r->schema, sl_batch_schema(batch))) {
        return sl_error_set(
            err, SL_E_INCOMPATIBLE,
            "state of %s can't be taken over: define it as before, or give it another uid, with "
            "which it begins without state. The snapshot has the columns \"%s\" (a ttl or a "
            "timeout "
            "is one of them), the job now \"%s\"",
            r->info->uid, sl_schema_text(sl_batch_schema(batch)), sl_schema_text(r->schema));
    }
    uint64_t *hashes = sl_alloc_array(SLI_TAG_STATE, (size_t)n + 1, sizeof *hashes);
    if (hashes == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *hashes, "hashes of a snapshot");
    }
    int32_t first = r->info->first_placing, n_placing = r->info->n_placing;
    n_placing = n_placing > 0 ? n_placing : sl_schema_columns(r->info->keys);
    sli_batch_hash(batch, r->columns + 1 + first, n_placing - first, hashes);
    sl_code rc = SL_OK;
    for (int64_t row = 0; row < n && rc == SL_OK; row++) {
        rc = read_row(r, batch, hashes, row, err);
    }
    sl_free(hashes);
    return rc == SL_OK ? give_rows(r, err) : rc;
}

/// Columns alone don't tell which operator's state it is.
static sl_code check_kind(const sli_table_info *info, const sli_buffer *bytes, sl_error *err)
{
    sl_text kind;
    if (!sli_ipc_file_value(bytes, "sluice.kind", &kind) ||
        (kind.size == strlen(info->kind) && memcmp(kind.data, info->kind, kind.size) == 0)) {
        return SL_OK;
    }
    return sl_error_set(
        err, SL_E_INCOMPATIBLE,
        "state of %s can't be taken over: define it as before, or give it another uid, with which "
        "it begins without state. The snapshot has state of %.*s, the job now of %s",
        info->uid, (int)(kind.size < 300 ? kind.size : 300), kind.data, info->kind);
}

sl_code sli_state_restore_part(sli_store *store, sli_table *table, const sli_table_info *info,
                               sli_buffer *bytes, sl_error *err)
{
    SL_TRY(check_kind(info, bytes, err));
    sl_schema *schema = NULL;
    part_reader r = {.store = store, .table = table, .info = info, .bytes = {.tag = SLI_TAG_STATE}};
    SL_TRY(sli_state_part_schema(info, &schema, err));
    r.schema = schema;
    if (sl_schema_columns(schema) > 256) {
        sl_schema_unref(schema);
        return sl_error_set(err, SL_E_UNSUPPORTED, "state of %s has more than 255 columns",
                            info->uid);
    }
    for (int32_t i = 0; i < 256; i++) {
        r.columns[i] = i;
    }
    r.rows = sl_alloc_array(SLI_TAG_STATE, LOAD_ROWS, sizeof *r.rows);
    sl_code rc = r.rows == NULL
                     ? sl_error_nomem(err, LOAD_ROWS * sizeof *r.rows, "rows of a snapshot")
                     : sli_ipc_read_file(bytes, read_batch, &r, err);
    sl_free(r.rows);
    sli_str_reset(&r.bytes);
    sl_schema_unref(schema);
    return rc;
}

// ---------------------------------------------------------------- compaction

static sl_code compact_into(sli_store *store, const sli_table_info *info, sli_buffer *old_part,
                            const sl_bytes *deltas, int32_t n_deltas, int32_t part, sli_str *out,
                            sl_error *err)
{
    sli_table *table = NULL;
    int32_t from = part * SLOTS_PER_PART;
    SL_TRY(store->ops->table(store, info, &table, err));
    if (old_part != NULL) {
        SL_TRY(sli_state_restore_part(store, table, info, old_part, err));
    }
    for (int32_t i = 0; i < n_deltas; i++) {
        SL_TRY(sli_core_apply_part(store, deltas[i], from, from + SLOTS_PER_PART, err));
    }
    return sli_state_snapshot_part(store, table, info, part, out, err);
}

sl_code sli_state_compact_part(const sli_table_info *info, sli_buffer *old_part,
                               const sl_bytes *deltas, int32_t n_deltas, int32_t part, sli_str *out,
                               sl_error *err)
{
    sli_store *store = NULL;
    SL_TRY(sli_store_memory.open(&store, &(sli_state_env){0}, err));
    sl_code rc = compact_into(store, info, old_part, deltas, n_deltas, part, out, err);
    store->ops->close(store);
    return rc;
}
