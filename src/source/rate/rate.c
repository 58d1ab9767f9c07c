// rate.c — numbered rows at a steady rate, for trials and tests: value 0, 1, 2, ... and the time
// each was due.
//
// How many rows there are by a batch time follows from that time and the first epoch's alone, so a
// run can be repeated row for row. Range and position in README.md.
#include "source/source_int.h"

enum { RANGE = 0x31525253, POSITION = 0x31505253 }; // "SRR1", "SRP1"

typedef struct rate_source {
    sli_source_common common;
    int64_t per_second, total; ///< total 0: endless
    int32_t partitions;
    bool started;
    int64_t origin_us, next; ///< when row 0 was due; the first row not offered yet
} rate_source;

/// A recorded range: rows [from, to).
typedef struct rate_range {
    int64_t from, to, origin_us, per_second;
    int32_t partitions;
} rate_range;

static const sl_option options[] = {
    {.name = "rows_per_second",
     .type = SL_OPT_INT,
     .fallback = "1",
     .low = "1",
     .high = "1000000000",
     .flags = SL_OPT_RESULT,
     .text = "Rows that become due in a second of batch time."},
    {.name = "rows",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .flags = SL_OPT_RESULT,
     .text = "End after so many rows; 0: never."},
    {.name = "partitions",
     .type = SL_OPT_INT,
     .fallback = "1",
     .low = "1",
     .high = "10000",
     .flags = SL_OPT_RESULT,
     .text = "Partitions that each epoch's rows are spread over."},
    {0},
};

static rate_source *self_of(sli_source *source)
{
    return (rate_source *)source;
}

static sl_code rate_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    if (url->host.size > 0 || url->path.size > 0 || url->port >= 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a rate has neither host nor path: rate:?rows_per_second=10");
    }
    sli_source_common *common = NULL;
    SL_TRY(sli_source_alloc(&common, sizeof(rate_source), &sli_source_rate, conf, env,
                            "value int64, ts timestamp", err));
    rate_source *self = (rate_source *)common;
    self->per_second = sl_conf_int64(conf, "rows_per_second");
    self->total = sl_conf_int64(conf, "rows");
    self->partitions = (int32_t)sl_conf_int64(conf, "partitions");
    *out = &common->base;
    return SL_OK;
}

static void rate_close(sli_source *source)
{
    sli_source_common_free(&self_of(source)->common);
}

// ---------------------------------------------------------------- bytes

static sl_code corrupt(sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "a rate source's record is damaged");
}

static sl_code get_range(sl_bytes bytes, rate_range *out, sl_error *err)
{
    *out = (rate_range){.per_second = 1, .partitions = 1};
    if (bytes.size == 0) {
        return SL_OK;
    }
    sli_reader in = sli_reader_of(bytes);
    uint32_t magic = sli_get_u32(&in), partitions = sli_get_u32(&in);
    rate_range range = {.from = sli_get_i64(&in)};
    range.to = sli_get_i64(&in);
    range.origin_us = sli_get_i64(&in);
    range.per_second = sli_get_i64(&in);
    range.partitions = (int32_t)partitions;
    SL_TRY(sli_reader_done(&in, "a rate source's range", err));
    if (magic != RANGE || range.from < 0 || range.to <= range.from || range.per_second < 1 ||
        partitions < 1 || partitions > 10000) {
        return corrupt(err);
    }
    *out = range;
    return SL_OK;
}

static sl_code put_range(const rate_range *range, sl_arena *arena, sl_bytes *out, sl_error *err)
{
    sli_str s = {.tag = SLI_TAG_SOURCE};
    sli_put_u32(&s, RANGE);
    sli_put_u32(&s, (uint32_t)range->partitions);
    sli_put_i64(&s, range->from);
    sli_put_i64(&s, range->to);
    sli_put_i64(&s, range->origin_us);
    sli_put_i64(&s, range->per_second);
    sl_code rc = sli_str_check(&s, "a range", err);
    void *copy = rc == SL_OK ? sl_arena_copy(arena, s.data, s.size) : NULL;
    size_t size = s.size;
    sli_str_reset(&s);
    SL_TRY(rc);
    if (copy == NULL) {
        return sl_error_nomem(err, size, "a range");
    }
    *out = (sl_bytes){copy, size};
    return SL_OK;
}

static sl_code rate_restore(sli_source *source, sl_bytes position, sl_error *err)
{
    rate_source *self = self_of(source);
    if (position.size == 0) {
        return SL_OK;
    }
    sli_reader in = sli_reader_of(position);
    uint32_t magic = sli_get_u32(&in);
    uint8_t started = sli_get_u8(&in);
    int64_t origin_us = sli_get_i64(&in), next = sli_get_i64(&in);
    SL_TRY(sli_reader_done(&in, "a rate source's position", err));
    if (magic != POSITION || started > 1 || next < 0) {
        return corrupt(err);
    }
    self->started = started != 0;
    self->origin_us = origin_us;
    self->next = next;
    return SL_OK;
}

static sl_code rate_position(sli_source *source, sli_str *out, sl_error *err)
{
    const rate_source *self = self_of(source);
    sli_put_u32(out, POSITION);
    sli_put_u8(out, self->started ? 1 : 0);
    sli_put_i64(out, self->origin_us);
    sli_put_i64(out, self->next);
    return sli_str_check(out, "a rate source's position", err);
}

static sl_code rate_accept(sli_source *source, sl_bytes bytes, sl_error *err)
{
    rate_source *self = self_of(source);
    rate_range range;
    SL_TRY(get_range(bytes, &range, err));
    if (bytes.size > 0) {
        self->started = true;
        self->origin_us = range.origin_us;
        self->next = range.to;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rows

/// Rows due in `us` microseconds.
static int64_t rows_due(const rate_source *self, int64_t us)
{
    sli_u128 due = us <= 0 ? 0 : (sli_u128)us * (uint64_t)self->per_second / 1000000;
    int64_t most = self->total > 0 ? self->total : INT64_MAX;
    return due > (sli_u128)most ? most : (int64_t)due;
}

static sl_code rate_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                          sl_error *err)
{
    rate_source *self = self_of(source);
    int64_t origin_us =
        self->started ? self->origin_us : ask->batch_time_us - self->common.env.interval_us;
    int64_t due = rows_due(self, ask->batch_time_us - origin_us);
    int64_t left = due - self->next; // below 0 when batch time went back
    int64_t n = left < ask->max_rows ? left : ask->max_rows;
    sli_offer offer = {0};
    if (n > 0) {
        rate_range range = {self->next, self->next + n, origin_us, self->per_second,
                            self->partitions};
        SL_TRY(put_range(&range, arena, &offer.range, err));
        offer.n_splits = self->partitions;
        offer.rows = n;
        offer.bytes = n * 16;
        offer.more = n < left;
        self->next += n;
    }
    self->started = true;
    self->origin_us = origin_us;
    *out = offer;
    return SL_OK;
}

static sl_code rate_splits(sli_source *source, sl_bytes bytes, int32_t *out, sl_error *err)
{
    rate_range range;
    (void)source;
    SL_TRY(get_range(bytes, &range, err));
    *out = bytes.size == 0 ? 0 : range.partitions;
    return SL_OK;
}

/// Each partition goes on from epoch to epoch.
static int32_t rate_lane(sli_source *source, sl_bytes range, int32_t split)
{
    (void)source;
    (void)range;
    return split;
}

/// When rows [from, from + n) were due. One division of 128 bits finds the first; the others follow
/// by a step with a remainder, so that each is the exact quotient, rounded down.
static void put_times(const rate_range *range, int64_t from, int64_t n, int64_t *times)
{
    uint64_t per_second = (uint64_t)range->per_second;
    sli_u128 first = (sli_u128)(uint64_t)from * 1000000;
    int64_t at = range->origin_us + (int64_t)(first / per_second);
    int64_t step = (int64_t)(1000000 / per_second);
    uint64_t rest = (uint64_t)(first % per_second), more = 1000000 % per_second;
    for (int64_t i = 0; i < n; i++) {
        times[i] = at;
        rest += more;
        bool carry = rest >= per_second;
        rest -= carry ? per_second : 0;
        at += step + carry;
    }
}

static sl_code emit_rows(sl_builder *builder, const rate_range *range, int64_t from, int64_t n,
                         sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t *values = sl_builder_reserve(builder, 0, n), *times = sl_builder_reserve(builder, 1, n);
    if (values != NULL && times != NULL) { // else the builder remembers why
        for (int64_t i = 0; i < n; i++) {
            values[i] = from + i;
        }
        put_times(range, from, n, times);
    }
    sl_batch *batch = NULL;
    SL_TRY(sl_builder_finish(builder, &batch, err));
    sl_code rc = emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code rate_read(sli_source *source, sl_bytes bytes, int32_t split, sli_emit_fn emit,
                         void *ctx, sli_decode_stats *stats, sl_error *err)
{
    rate_source *self = self_of(source);
    rate_range range;
    SL_TRY(get_range(bytes, &range, err));
    if (bytes.size == 0 || split < 0 || split >= range.partitions) {
        return corrupt(err);
    }
    sli_u128 n = (sli_u128)(range.to - range.from);
    int64_t at = range.from + (int64_t)(n * (uint32_t)split / (uint32_t)range.partitions);
    int64_t to = range.from + (int64_t)(n * (uint32_t)(split + 1) / (uint32_t)range.partitions);
    sli_decode_stats read = {.records = to - at, .bytes = (to - at) * 16};
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, self->common.schema, err));
    sl_code rc = SL_OK;
    while (rc == SL_OK && at < to) {
        int64_t rows = to - at < SLI_BATCH_ROWS ? to - at : SLI_BATCH_ROWS;
        rc = emit_rows(builder, &range, at, rows, emit, ctx, err);
        at += rows;
    }
    sl_builder_free(builder);
    if (rc == SL_OK) {
        sli_source_count_stats(&self->common, &read, stats);
    }
    return rc;
}

static void rate_describe(sli_source *source, sl_bytes bytes, sli_str *start, sli_str *end)
{
    rate_range range;
    (void)source;
    if (bytes.size == 0 || get_range(bytes, &range, NULL) != SL_OK) {
        sli_str_text(start, "null");
        sli_str_text(end, "null");
        return;
    }
    sli_str_printf(start, "%lld", (long long)range.from);
    sli_str_printf(end, "%lld", (long long)range.to);
}

static bool rate_ended(const sli_source *source)
{
    const rate_source *self = (const rate_source *)source;
    return self->total > 0 && self->next >= self->total;
}

const sli_source_ops sli_source_rate = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "rate",
    .text = "Numbered rows at a steady rate: rate:?rows_per_second=10",
    .kind = SLI_SOURCE_REPLAYABLE,
    .options = options,
    .open = rate_open,
    .schema = sli_source_common_schema,
    .restore = rate_restore,
    .accept = rate_accept,
    .offer = rate_offer,
    .position = rate_position,
    .splits = rate_splits,
    .read = rate_read,
    .describe = rate_describe,
    .ended = rate_ended,
    .close = rate_close,
    .lane = rate_lane,
};
