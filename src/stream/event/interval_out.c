// What a join gives: pairs, and rows without a match.
//
// Pairs are gathered until there are SLI_BATCH_ROWS of a kind, and then put together by columns:
// rows of the epoch are taken from its one batch, rows of the table are read from their bytes.
#include "stream/event/interval.h"

#include <stdlib.h>

enum { NEITHER = 2 };

sl_code sli_out_begin(sli_interval_out *out, sl_error *err)
{
    out->bytes.tag = SLI_TAG_STREAM;
    for (int32_t side = 0; side < 2; side++) {
        out->pairs[side].from_table = side;
        SL_TRY(sl_builder_new(&out->pairs[side].read, out->task->self->sides[side].shuffled, err));
    }
    out->pairs[NEITHER].from_table = -1;
    return SL_OK;
}

void sli_out_reset(sli_interval_out *out)
{
    for (int32_t kind = 0; kind < SLI_PAIR_KINDS; kind++) {
        sl_builder_free(out->pairs[kind].read);
    }
    sl_free(out->alone);
    sli_str_reset(&out->bytes);
    sli_budget_release(out->task->task->runtime->budget, out->weight);
}

// ---------------------------------------------------------------- pairs

static sl_code read_table(const sli_interval_out *out, sli_pairs *p, sl_error *err)
{
    if (p->from_table < 0 || p->n == p->n_read) {
        return SL_OK;
    }
    int32_t from = p->n_read;
    p->n_read = p->n;
    return sli_rows_get(p->bytes + from, p->n - from, p->read, 0,
                        out->def->n_columns[p->from_table], err);
}

static sl_code push_columns(const sli_interval_out *out, sl_batch *const *sides, sl_error *err)
{
    const sl_schema *schema = out->task->self->node->schema;
    int32_t n = sl_schema_columns(schema);
    const sl_batch **from = sl_alloc_array(SLI_TAG_STREAM, (size_t)n, sizeof *from);
    sl_batch *made = NULL;
    if (from == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *from, "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        from[i] = sides[out->def->from[i]];
    }
    sl_code rc = sli_batch_project(schema, from, out->def->column, &made, err);
    rc = rc != SL_OK ? rc : out->task->push(out->task->ctx, made, err);
    sl_batch_unref(made);
    sl_free(from);
    return rc;
}

static sl_code push_pairs(const sli_interval_out *out, sli_pairs *p, sl_error *err)
{
    sl_batch *sides[2] = {NULL, NULL};
    sl_code rc = SL_OK;
    if (p->n == 0) {
        return SL_OK;
    }
    for (int32_t side = 0; side < 2 && rc == SL_OK; side++) {
        if (side == p->from_table) {
            rc = read_table(out, p, err);
            rc = rc != SL_OK ? rc : sl_builder_finish(p->read, &sides[side], err);
        } else {
            rc = sli_batch_take(out->rows->side[side].rows, p->row[side], p->n, &sides[side], err);
        }
    }
    rc = rc != SL_OK ? rc : sli_task_check(out->task->task, err);
    rc = rc != SL_OK ? rc : push_columns(out, sides, err);
    sl_batch_unref(sides[SLI_LEFT]);
    sl_batch_unref(sides[SLI_RIGHT]);
    p->n = p->n_read = 0;
    return rc;
}

sl_code sli_out_pair(sli_interval_out *out, int32_t left, int32_t right, sl_error *err)
{
    sli_pairs *p = &out->pairs[NEITHER];
    p->row[SLI_LEFT][p->n] = left;
    p->row[SLI_RIGHT][p->n++] = right;
    return p->n == SLI_BATCH_ROWS ? push_pairs(out, p, err) : SL_OK;
}

sl_code sli_out_pair_of_table(sli_interval_out *out, int32_t side, sl_bytes row, int32_t other,
                              sl_error *err)
{
    sli_pairs *p = &out->pairs[side];
    p->bytes[p->n] = row;
    p->row[!side][p->n++] = other;
    return p->n == SLI_BATCH_ROWS ? push_pairs(out, p, err) : SL_OK;
}

sl_code sli_out_read(sli_interval_out *out, sl_error *err)
{
    SL_TRY(read_table(out, &out->pairs[SLI_LEFT], err));
    return read_table(out, &out->pairs[SLI_RIGHT], err);
}

sl_code sli_out_push(sli_interval_out *out, sl_error *err)
{
    for (int32_t kind = 0; kind < SLI_PAIR_KINDS; kind++) {
        SL_TRY(push_pairs(out, &out->pairs[kind], err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rows without a match

static sl_code make_room(sli_interval_out *out, sl_error *err)
{
    if (out->n_alone < out->capacity) {
        return SL_OK;
    }
    int64_t capacity = out->capacity == 0 ? 64 : out->capacity * 2;
    sli_alone *more = sl_realloc(SLI_TAG_STREAM, out->alone, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "rows without a match");
    }
    out->alone = more;
    out->capacity = capacity;
    return SL_OK;
}

/// They wait until all are known: counted, so that blocks make room.
static void weigh(sli_interval_out *out)
{
    int64_t weight = out->capacity * (int64_t)sizeof *out->alone + (int64_t)out->bytes.capacity;
    (void)sli_budget_reserve(out->task->task->runtime->budget, weight - out->weight, true);
    out->weight = weight;
}

sl_code sli_out_alone(sli_interval_out *out, int32_t side, int64_t due_us, const sli_due_key *key,
                      sl_bytes row, sl_error *err)
{
    SL_TRY(make_room(out, err));
    size_t at = out->bytes.size;
    sli_str_add(&out->bytes, row.data, row.size);
    SL_TRY(sli_str_check(&out->bytes, "rows without a match", err));
    out->alone[out->n_alone] = (sli_alone){.due_us = due_us,
                                           .key = key,
                                           .number = out->n_alone,
                                           .at = at,
                                           .size = row.size,
                                           .side = side};
    out->n_alone++;
    weigh(out);
    return SL_OK;
}

static int compare_keys(const sli_due_key *a, const sli_due_key *b)
{
    uint32_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->key, b->key, shorter);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static int by_time_and_key(const void *left, const void *right)
{
    const sli_alone *a = left, *b = right;
    if (a->due_us != b->due_us) {
        return a->due_us < b->due_us ? -1 : 1;
    }
    int order = a->key == b->key ? 0 : compare_keys(a->key, b->key);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

/// Appends rows of one side, as rows of the stream.
static sl_code add_run(sli_interval_out *out, const sli_alone *rows, int32_t n, sl_builder *stream,
                       sl_error *err)
{
    int32_t side = rows[0].side;
    const int32_t *columns = out->def->alone[side];
    sl_builder *read = out->pairs[side].read;
    sl_bytes *bytes = out->pairs[side].bytes; // no pair waits any more
    sl_batch *from = NULL;
    for (int32_t i = 0; i < n; i++) {
        bytes[i] = (sl_bytes){out->bytes.data + rows[i].at, rows[i].size};
    }
    SL_TRY(sli_rows_get(bytes, n, read, 0, out->def->n_columns[side], err));
    SL_TRY(sl_builder_finish(read, &from, err));
    for (int32_t c = 0; c < sl_schema_columns(out->task->self->node->schema); c++) {
        for (int32_t i = 0; i < n; i++) {
            if (columns[c] == SLI_NO_COLUMN) {
                sl_builder_null(stream, c);
            } else {
                sl_builder_cell(stream, c, sl_batch_column(from, columns[c]), i);
            }
        }
    }
    sl_batch_unref(from);
    return SL_OK;
}

/// So many rows as make a batch: runs of one side and the other.
static sl_code push_some(sli_interval_out *out, const sli_alone *rows, int64_t n,
                         sl_builder *stream, sl_error *err)
{
    sl_batch *made = NULL;
    for (int64_t at = 0, run = 0; at < n; at += run) {
        for (run = 1; at + run < n && rows[at + run].side == rows[at].side;) {
            run++;
        }
        SL_TRY(add_run(out, rows + at, (int32_t)run, stream, err));
    }
    SL_TRY(sl_builder_finish(stream, &made, err));
    sl_code rc = out->task->push(out->task->ctx, made, err);
    sl_batch_unref(made);
    return rc;
}

sl_code sli_out_push_alone(sli_interval_out *out, sl_error *err)
{
    sl_builder *stream = NULL;
    if (out->n_alone == 0) {
        return SL_OK;
    }
    qsort(out->alone, (size_t)out->n_alone, sizeof *out->alone, by_time_and_key);
    SL_TRY(sl_builder_new(&stream, out->task->self->node->schema, err));
    sl_code rc = SL_OK;
    for (int64_t at = 0; at < out->n_alone && rc == SL_OK; at += SLI_BATCH_ROWS) {
        int64_t n = out->n_alone - at < SLI_BATCH_ROWS ? out->n_alone - at : SLI_BATCH_ROWS;
        rc = sli_task_check(out->task->task, err);
        rc = rc != SL_OK ? rc : push_some(out, out->alone + at, n, stream, err);
    }
    sl_builder_free(stream);
    return rc;
}
