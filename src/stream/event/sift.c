// Rows that are in time, and the rest: late ones, ones too far ahead, ones without a time.
//
// Whether a row is late follows from its time and the epoch's watermark alone, so the operator and
// the stream of its late rows agree without talking to each other, however often each is computed.
#include "stream/event/times.h"

/// The RDD of one epoch. Counts are written at the end of a partition by its one running attempt,
/// and read when the job has ended.
typedef struct sift {
    const sli_timed *self;
    int32_t side;
    bool rest;
    int64_t watermark_us, limit_us;
    int32_t n;
    sli_sifted counts[];
} sift;

typedef struct sifting {
    const sift *sift;
    sli_push_fn push;
    void *ctx;
    sli_sifted counts;
    uint8_t *bits;
    size_t capacity; ///< bytes of bits
} sifting;

static bool is_in_time(sifting *s, const sl_column *times, int64_t row)
{
    const sift *by = s->sift;
    int64_t time_us = sl_column_is_null(times, row) ? SLI_NO_TIME : sl_column_int64(times, row);
    if (time_us > by->limit_us) {
        s->counts.ahead++;
    } else if (time_us < -SLI_MAX_TIME_US) {
        s->counts.untimed++;
    } else if (by->self->ops->closes(by->self, time_us) <= by->watermark_us) {
        s->counts.late++;
    } else {
        return true;
    }
    return false;
}

static sl_code make_bits(sifting *s, int64_t rows, sl_error *err)
{
    size_t bytes = ((size_t)rows + 7) / 8;
    if (bytes > s->capacity) {
        sl_free(s->bits);
        s->capacity = 0;
        s->bits = sl_alloc(SLI_TAG_STREAM, bytes);
        if (s->bits == NULL) {
            return sl_error_nomem(err, bytes, "rows in time");
        }
        s->capacity = bytes;
    }
    memset(s->bits, 0, bytes);
    return SL_OK;
}

/// Whether every row is: a later time is never in time for less long.
static bool all_in_time(const sift *by, const sl_column *times, sli_time_range *range)
{
    return sli_times_range(times, range) && range->most_us <= by->limit_us &&
           range->least_us >= -SLI_MAX_TIME_US &&
           by->self->ops->closes(by->self, range->least_us) > by->watermark_us;
}

static sl_code push_in_time(const sifting *s, sl_batch *rows, const sli_time_range *range,
                            sl_error *err)
{
    const sli_timed *self = s->sift->self;
    return self->ops->spread == NULL
               ? s->push(s->ctx, rows, err)
               : self->ops->spread(self, s->sift->watermark_us, rows, range, s->push, s->ctx, err);
}

static sl_code push_sifted(void *ctx, sl_batch *batch, sl_error *err)
{
    sifting *s = ctx;
    const sift *by = s->sift;
    const sl_column *times = sl_batch_column(batch, by->self->sides[by->side].column);
    sli_time_range range;
    if (all_in_time(by, times, &range)) {
        return by->rest ? SL_OK : push_in_time(s, batch, &range, err);
    }
    sl_batch *kept = NULL;
    SL_TRY(make_bits(s, sl_batch_rows(batch), err));
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        bool keep = is_in_time(s, times, row) != by->rest;
        s->bits[row / 8] = (uint8_t)(s->bits[row / 8] | keep << (row % 8));
    }
    SL_TRY(sli_batch_filter(batch, s->bits, &kept, err));
    sl_code rc = SL_OK;
    if (sl_batch_rows(kept) > 0) {
        rc = by->rest ? s->push(s->ctx, kept, err) : push_in_time(s, kept, NULL, err);
    }
    sl_batch_unref(kept);
    return rc;
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    sift *by = rdd->body;
    sifting s = {.sift = by, .push = push, .ctx = ctx};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_sifted, &s, err);
    sl_free(s.bits);
    by->counts[partition] = s.counts;
    return rc;
}

static void free_sift(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops in_time_ops = {
    .name = "in time", .compute = compute, .free = free_sift, .keeps_empty = true};
static const sli_rdd_ops rest_ops = {
    .name = "late", .compute = compute, .free = free_sift, .keeps_empty = true};

sl_code sli_sift_rdd(const sli_timed *self, int32_t side, sli_epoch *epoch, sl_rdd *input,
                     bool rest, sl_rdd **out, sl_error *err)
{
    int32_t n = input->n_partitions;
    size_t size = sizeof(sift) + (size_t)n * sizeof(sli_sifted);
    sift *by = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (by == NULL) {
        return sl_error_nomem(err, size, "an RDD of rows in time");
    }
    int64_t limit_us = sli_time_add(epoch->time_us, self->ahead_us);
    *by = (sift){.self = self,
                 .side = side,
                 .rest = rest,
                 .watermark_us = self->watermark_us,
                 .limit_us = limit_us < SLI_MAX_TIME_US ? limit_us : SLI_MAX_TIME_US,
                 .n = n};
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(input)};
    *out = sli_rdd_new(epoch->runtime, rest ? &rest_ops : &in_time_ops,
                       rest ? input->schema : self->sides[side].shuffled, n, &dep, 1, by);
    return SL_OK;
}

sli_sifted sli_sift_counts(const sl_rdd *rdd)
{
    const sift *by = rdd->body;
    sli_sifted sum = {0};
    for (int32_t i = 0; i < by->n; i++) {
        sum.late += by->counts[i].late;
        sum.ahead += by->counts[i].ahead;
        sum.untimed += by->counts[i].untimed;
    }
    return sum;
}
