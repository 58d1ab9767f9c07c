// What a queue stream gives in the epochs that find its queue empty: rows in the text of the job.
//
// They are a part of the definition, so they are parsed there, once, and stand in the graph's text:
// every process of the job has the same ones. A queue without a default gives no rows in one
// partition, as Spark's.
#include "stream/graph_def.h"

#include "base/bytes.h"
#include "format/format.h"

// ---------------------------------------------------------------- rows from JSON lines

typedef struct gathered {
    sl_batch *batches[SLI_MAX_DEFAULT_BYTES / SLI_BATCH_ROWS + 2]; ///< a row takes a byte and more
    int32_t n;
} gathered;

static sl_code gather(void *ctx, sl_batch *batch, sl_error *err)
{
    gathered *to = ctx;
    if (to->n == (int32_t)(sizeof to->batches / sizeof *to->batches)) {
        return sl_error_set(err, SL_E_INVALID, "more batches than %d bytes can hold",
                            SLI_MAX_DEFAULT_BYTES);
    }
    to->batches[to->n++] = sl_batch_ref(batch);
    return SL_OK;
}

static sl_code decode(const sl_conf *conf, const sl_schema *schema, const char *text, gathered *to,
                      sl_error *err)
{
    size_t size = strlen(text);
    sli_records *records = NULL;
    sli_buffer *bytes = sli_buffer_new((int64_t)size);
    if (bytes == NULL) {
        return sl_error_nomem(err, size, "the default rows of a queue");
    }
    memcpy(sli_buffer_data(bytes), text, size);
    sl_code rc = sli_records_new(&records, &sli_format_json, conf, schema, err);
    if (rc == SL_OK) {
        rc = sli_records_feed(records, bytes, 0, (int64_t)size, 0, "default rows", true, gather, to,
                              err);
        sli_records_free(records);
    }
    sli_buffer_unref(bytes);
    return rc;
}

static sl_code parse(const sl_conf *conf, const sl_schema *schema, const char *text, sl_batch **out,
                     sl_error *err)
{
    gathered to = {.n = 0};
    sl_code rc = decode(conf, schema, text, &to, err);
    if (rc == SL_OK) {
        rc = to.n == 0 ? sli_batch_empty(schema, out, err)
                       : sli_batch_concat((const sl_batch *const *)to.batches, to.n, out, err);
    }
    for (int32_t i = 0; i < to.n; i++) {
        sl_batch_unref(to.batches[i]);
    }
    return rc;
}

/// The node's arguments with the rows as JSON lines of our own writing: blanks and the order of
/// fields make no other graph.
static sl_code add_args(sl_stream *node, const sl_conf *conf, const sl_batch *rows,
                        int32_t n_partitions, sl_error *err)
{
    sli_encoder *encoder = NULL;
    sli_str lines = {.tag = SLI_TAG_STREAM}, args = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_format_json.encoder_new(&encoder, conf, node->schema, err));
    sl_code rc = sli_format_json.encode(encoder, rows, &lines, err);
    sli_format_json.encoder_free(encoder);
    if (rc == SL_OK) {
        sli_str_text(&args, node->args);
        sli_put_pair(&args, "default", lines.data == NULL ? "" : lines.data);
        sli_str_printf(&args, " default_partitions=%d", n_partitions);
        args.failed = args.failed || lines.failed;
        rc = sli_node_set_args(node, &args, err);
    }
    sli_str_reset(&lines);
    return rc;
}

// ---------------------------------------------------------------- definition

static sl_code check(const sl_stream *node, const char *json_lines, int32_t n_partitions,
                     sl_error *err)
{
    const sli_queue_default *given = sli_node_queue_default(node);
    if (given == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "it is no queue: only sl_stream_queue has default rows");
    }
    if (given->rows != NULL) {
        return sl_error_set(err, SL_E_INVALID, "the queue has default rows already");
    }
    if (json_lines == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the default rows are NULL");
    }
    if (strlen(json_lines) > SLI_MAX_DEFAULT_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "the default rows are more than 64 KiB of text");
    }
    if (n_partitions < 1 || n_partitions > SLI_MAX_PARTITIONS) {
        return sl_error_set(err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n_partitions,
                            SLI_MAX_PARTITIONS);
    }
    return SL_OK;
}

static sl_code define(sl_stream *node, const char *json_lines, int32_t n_partitions, sl_error *err)
{
    const sl_option *tables[] = {sli_format_json.options, NULL};
    sl_conf *conf = NULL;
    sl_batch *rows = NULL;
    SL_TRY(check(node, json_lines, n_partitions, err));
    SL_TRY(sl_conf_new(&conf, "default rows", tables, err));
    sl_code rc = sl_conf_set(conf, "schema", sli_text_of(sl_schema_text(node->schema)), err);
    if (rc == SL_OK) {
        rc = parse(conf, node->schema, json_lines, &rows, err);
    }
    if (rc == SL_OK) {
        rc = add_args(node, conf, rows, n_partitions, err);
    }
    sl_conf_free(conf);
    if (rc != SL_OK) {
        sl_batch_unref(rows);
        return rc;
    }
    *sli_node_queue_default(node) = (sli_queue_default){rows, n_partitions};
    return SL_OK;
}

sl_stream *sl_stream_queue_default(sl_stream *queue, const char *json_lines, int32_t n_partitions)
{
    if (queue == NULL || !sli_graph_is_open(queue->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = define(queue, json_lines, n_partitions, &err);
    if (rc != SL_OK) {
        sli_node_mistake(queue, rc, &err);
        return NULL;
    }
    return queue;
}

// ---------------------------------------------------------------- in an epoch

static void unref_slices(sl_batch **slices, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        sl_batch_unref(slices[i]);
    }
}

/// Slice i of n begins at row i * rows / n, as everywhere.
static sl_code cut(const sli_queue_default *given, sl_batch **slices, int32_t *counts,
                   sl_error *err)
{
    int64_t rows = given->rows == NULL ? 0 : sl_batch_rows(given->rows);
    for (int32_t i = 0; i < given->n_partitions; i++) {
        int64_t from = i * rows / given->n_partitions, to = (i + 1) * rows / given->n_partitions;
        if (to > from) {
            SL_TRY(sli_batch_slice(given->rows, from, to - from, &slices[i], err));
            counts[i] = 1;
        }
    }
    return SL_OK;
}

sl_code sli_queue_default_rdd(const sl_stream *node, const sli_queue_default *given,
                              sli_epoch *epoch, sl_rdd **out, sl_error *err)
{
    sli_queue_default cuts = {given->rows, given->rows == NULL ? 1 : given->n_partitions};
    size_t n = (size_t)cuts.n_partitions;
    sl_batch **slices = sl_arena_alloc_zero(epoch->arena, n * sizeof(sl_batch *));
    sl_batch *const **lists = sl_arena_alloc_zero(epoch->arena, n * sizeof *lists);
    int32_t *counts = sl_arena_alloc_zero(epoch->arena, n * sizeof *counts);
    if (slices == NULL || lists == NULL || counts == NULL) {
        return sl_error_nomem(err, n * sizeof *slices, "the default rows of a queue");
    }
    for (size_t i = 0; i < n; i++) {
        lists[i] = &slices[i];
    }
    sl_code rc = cut(&cuts, slices, counts, err);
    if (rc == SL_OK) {
        *out =
            sli_rdd_of_partitions(epoch->runtime, node->schema, lists, counts, cuts.n_partitions);
    }
    unref_slices(slices, cuts.n_partitions);
    return rc;
}
