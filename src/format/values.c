// values.c — values that are records of their own, to rows.
//
// A format decodes a whole run in one call and tells nothing of single values: its rows come in the
// order of the values, and which of these gave none is noted where they are judged (stream.c). So
// the numbers of the rows' values cost nothing where no value was dropped and none is null; else
// they are counted off here, and rows of nulls put between the others.
#include "format/format_int.h"

struct sli_values {
    const sli_format_ops *format;
    sli_decoder *decoder;
    sli_stream_state *stream; ///< of the decoder
    sli_value_state state;
    sl_schema *schema;
    sl_batch *none; ///< without rows: what rows of nulls are taken from
    // ---- of a call
    sli_value_emit_fn emit;
    void *ctx;
    int32_t next, to;             ///< the first value that was not told of, and where they end
    int32_t from[SLI_BATCH_ROWS]; ///< of the rows that are emitted
    int32_t rows[SLI_BATCH_ROWS]; ///< of the decoder's batch; -1: nulls
    // ---- values looked up
    sli_raw_fn each; ///< NULL: nobody looks
    void *each_ctx;
    sl_error why;
};

// ---------------------------------------------------------------- the verdict on a value

sl_code sli_value_verdict(sli_stream_state *stream, sl_code rc, sl_error *err)
{
    return sli_stream_verdict(stream, NULL, 0, rc, err);
}

sl_code sli_value_null(sli_stream_state *stream, sl_error *err)
{
    const char *strict = stream->values->strict;
    if (strict == NULL) {
        return SL_OK;
    }
    sl_code rc = sl_error_set(sli_stream_why(stream, err), SL_E_DATA,
                              "a null value, and column '%s' takes no nulls; put a ? behind its "
                              "type (or name, where it is given by the option column)",
                              strict);
    return sli_value_verdict(stream, rc, err);
}

sl_code sli_value_empty(sli_stream_state *stream, sl_error *err)
{
    if (sli_value_is_null(stream->values->run, stream->line)) {
        return sli_value_null(stream, err);
    }
    sl_code rc = sl_error_set(sli_stream_why(stream, err), SL_E_DATA, "an empty value");
    return sli_value_verdict(stream, rc, err);
}

// ---------------------------------------------------------------- open and close

sl_code sli_values_check(const sli_format_ops *format, const sl_conf *conf, sl_error *err)
{
    if (format->decode_values == NULL) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "format %s: a single value is no record of it",
                            format->name);
    }
    return format->values_check == NULL ? SL_OK : format->values_check(conf, err);
}

static const char *strict_column(const sl_schema *schema)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        if (!sl_schema_field(schema, i)->nullable) {
            return sl_schema_field(schema, i)->name;
        }
    }
    return NULL;
}

sl_code sli_values_new(sli_values **out, const sli_format_ops *format, const sl_conf *conf,
                       const sl_schema *schema, sl_error *err)
{
    SL_TRY(sli_values_check(format, conf, err));
    sli_values *values = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *values);
    if (values == NULL) {
        return sl_error_nomem(err, sizeof *values, "values");
    }
    values->format = format;
    values->schema = sl_schema_ref(schema);
    values->state.strict = strict_column(schema);
    sl_code rc = format->decoder_new(&values->decoder, conf, schema, err);
    if (rc == SL_OK) {
        values->stream = format->stream(values->decoder);
        values->stream->values = &values->state;
        rc = sli_batch_empty(schema, &values->none, err);
    }
    if (rc != SL_OK) {
        sli_values_free(values);
        return rc;
    }
    *out = values;
    return SL_OK;
}

void sli_values_free(sli_values *values)
{
    if (values != NULL) {
        if (values->decoder != NULL) {
            values->format->decoder_free(values->decoder);
        }
        sl_batch_unref(values->none);
        sl_schema_unref(values->schema);
        sl_free(values->state.dropped);
        sl_free(values);
    }
}

const sli_decode_stats *sli_values_stats(const sli_values *values)
{
    return &values->stream->stats;
}

sl_code sli_values_watch(sli_values *values, sli_raw_fn each, void *ctx, sl_error *err)
{
    (void)err;
    values->each = each;
    values->each_ctx = ctx;
    values->stream->told = &values->why;
    return SL_OK;
}

// ---------------------------------------------------------------- rows and their values

static bool was_dropped(const sli_values *values, int32_t i)
{
    const sli_value_state *state = &values->state;
    return state->n_dropped > 0 && (state->dropped[i >> 6] >> (i & 63) & 1) != 0;
}

// Notes the values of the rows to come: those of a batch of `n` from *row on and the null ones
// before each; with n == 0 the null ones up to the end. Returns how many.
static int32_t note_rows(sli_values *values, int32_t n, int32_t *row, bool *nulls)
{
    int32_t k = 0;
    *nulls = false;
    while (k < SLI_BATCH_ROWS && (n > 0 ? *row < n : values->next < values->to)) {
        int32_t i = values->next++;
        if (was_dropped(values, i)) {
            continue;
        }
        bool is_null = sli_value_is_null(values->state.run, i);
        values->from[k] = i;
        values->rows[k++] = is_null ? -1 : (*row)++;
        *nulls |= is_null;
        values->stream->stats.records += is_null;
    }
    SL_ASSERT(values->next <= values->to, "no more rows than values");
    return k;
}

// Emits the rows that were noted: all of the batch, or some of it with nulls between them.
static sl_code emit_rows(sli_values *values, sl_batch *batch, int32_t k, bool taken, sl_error *err)
{
    if (!taken) {
        return values->emit(values->ctx, batch, values->from, err);
    }
    sl_batch *rows = NULL;
    SL_TRY(sli_batch_take(batch, values->rows, k, &rows, err));
    sl_code rc = values->emit(values->ctx, rows, values->from, err);
    sl_batch_unref(rows);
    return rc;
}

// As note_rows of a whole batch where every value so far was a row.
static void count_rows(sli_values *values, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        values->from[i] = values->next + i;
    }
    values->next += n;
}

static sl_code emit_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_values *values = ctx;
    int32_t n = (int32_t)sl_batch_rows(batch), row = 0;
    SL_ASSERT(n <= SLI_BATCH_ROWS, "decoders cut batches");
    if (values->state.n_dropped == 0 && values->state.run->nulls == NULL) {
        count_rows(values, n);
        return emit_rows(values, batch, n, false, err);
    }
    while (row < n) {
        bool nulls;
        int32_t k = note_rows(values, n, &row, &nulls);
        SL_TRY(emit_rows(values, batch, k, nulls || k < n, err));
    }
    return SL_OK;
}

// Null values behind the last row.
static sl_code emit_nulls(sli_values *values, sl_error *err)
{
    while (values->next < values->to) {
        int32_t row = 0;
        bool nulls;
        int32_t k = note_rows(values, 0, &row, &nulls);
        if (k > 0) {
            SL_TRY(emit_rows(values, values->none, k, true, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- values looked up

static sl_code drop_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)batch, (void)err;
    return SL_OK;
}

static sl_code tell(sli_values *values, int32_t i, int64_t rows, sl_error *err)
{
    const sli_value_run *run = values->state.run;
    const char *data = sli_buffer_bytes(run->data) + run->starts[i];
    char place[SLI_VALUE_PLACE];
    run->place(run->ctx, i, place, sizeof place);
    sli_raw_record record = {.name = place,
                             .offset = i,
                             .line = i,
                             .bytes = {data, (size_t)(run->starts[i + 1] - 1 - run->starts[i])},
                             .rows = rows,
                             .why = values->why.code == SL_OK ? NULL : values->why.text};
    return values->each(values->each_ctx, &record, err);
}

static sl_code look(sli_values *values, int32_t from, int32_t to, sl_error *err)
{
    const sli_value_run *run = values->state.run;
    for (int32_t i = from; i < to; i++) {
        values->why.code = SL_OK;
        SL_TRY(values->format->decode_values(values->decoder, run, i, i + 1, drop_rows, NULL, err));
        bool row = !was_dropped(values, i);
        values->stream->stats.records += row && sli_value_is_null(run, i);
        SL_TRY(tell(values, i, row, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- feeding

// Makes room to note dropped values of the run; none is noted yet.
static sl_code begin_run(sli_values *values, const sli_value_run *run, sl_error *err)
{
    sli_value_state *state = &values->state;
    size_t words = ((size_t)run->n + 63) / 64;
    state->run = run;
    if (run->n > state->room) {
        sl_free(state->dropped);
        state->room = 0;
        state->dropped = sl_alloc_zero(SLI_TAG_FORMAT, words * sizeof *state->dropped);
        if (state->dropped == NULL) {
            return sl_error_nomem(err, words * sizeof *state->dropped, "values");
        }
        state->room = (int32_t)(words * 64);
    } else if (state->n_dropped > 0) {
        memset(state->dropped, 0, (size_t)state->room / 8);
    }
    state->n_dropped = 0;
    return SL_OK;
}

sl_code sli_values_feed(sli_values *values, const sli_value_run *run, int32_t from, int32_t to,
                        sli_value_emit_fn emit, void *ctx, sl_error *err)
{
    if (from == to) {
        return SL_OK;
    }
    SL_TRY(begin_run(values, run, err));
    values->stream->stats.bytes += run->starts[to] - run->starts[from] - (to - from);
    if (values->each != NULL) {
        return look(values, from, to, err);
    }
    values->emit = emit;
    values->ctx = ctx;
    values->next = from;
    values->to = to;
    SL_TRY(values->format->decode_values(values->decoder, run, from, to, emit_batch, values, err));
    return emit_nulls(values, err);
}

// ---------------------------------------------------------------- values as they stand

// Whether the value stream->line is a cell; *rc is what was judged when it is none.
static bool is_cell(sli_stream_state *stream, const sli_value_run *run, sl_code *rc, sl_error *err)
{
    int64_t i = stream->line, size = run->starts[i + 1] - 1 - run->starts[i];
    if (sli_value_is_null(run, i)) {
        *rc = sli_value_null(stream, err);
    } else if (size > stream->max_record) {
        *rc = sli_stream_too_long(stream, NULL, 0, true, err);
    } else if (stream->length > 0 && size != stream->length) {
        *rc = sl_error_set(sli_stream_why(stream, err), SL_E_DATA,
                           "a value of %lld bytes in place of %lld", (long long)size,
                           (long long)stream->length);
        *rc = sli_value_verdict(stream, *rc, err);
    } else {
        return true;
    }
    return false;
}

// Emits values from stream->line on, at most `most` rows of them, and moves behind them.
static sl_code emit_cells(sli_stream_state *stream, const sl_schema *schema,
                          const sli_value_run *run, int32_t to, int32_t most, sli_emit_fn emit,
                          void *ctx, sl_error *err)
{
    const char *data = sli_buffer_bytes(run->data);
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, (size_t)most * sizeof *views);
    if (views == NULL) {
        return sl_error_nomem(err, (size_t)most * sizeof *views, "values");
    }
    int32_t n = 0;
    sl_code rc = SL_OK;
    for (; stream->line < to && n < most && rc == SL_OK; stream->line++) {
        if (is_cell(stream, run, &rc, err)) {
            int64_t at = run->starts[stream->line];
            views[n++] = sli_view_near(data + at, 0, at, run->starts[stream->line + 1] - 1 - at);
        }
    }
    if (rc != SL_OK || n == 0) {
        sl_free(views);
        return rc;
    }
    sl_batch *batch = NULL;
    SL_TRY(sli_batch_of_views(schema, views, n, run->data, &batch, err));
    stream->stats.records += n;
    rc = emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

sl_code sli_values_as_cells(sli_stream_state *stream, const sl_schema *schema,
                            const sli_value_run *run, int32_t from, int32_t to, sli_emit_fn emit,
                            void *ctx, sl_error *err)
{
    stream->line = from;
    while (stream->line < to) {
        int32_t left = to - (int32_t)stream->line;
        int32_t most = left < SLI_BATCH_ROWS ? left : SLI_BATCH_ROWS;
        SL_TRY(emit_cells(stream, schema, run, to, most, emit, ctx, err));
    }
    return SL_OK;
}
