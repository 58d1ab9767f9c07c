// What the epoch log and the dead letters tell, as tables: sluice.groups, sluice.epochs,
// sluice.inputs, sluice.watermarks and sluice.dead.
//
// The log forgets what snapshots cover, so these reach back to the older of the two that are kept.
#include "api/checkpoint_int.h"

// ---------------------------------------------------------------- frames

typedef sl_code (*frame_fn)(const sli_look *look, const sli_frame *frame, sl_arena *arena,
                            sl_builder *b, sl_error *err);

/// Calls for every frame of a kind, with an arena that is the call's own.
static sl_code each_frame(const sli_look *look, sli_frame_kind kind, frame_fn fn, sl_builder *b,
                          sl_error *err)
{
    int64_t n;
    const sli_frame *frames = sli_ckpt_view_frames(look->view, &n);
    sl_code rc = SL_OK;
    for (int64_t i = 0; rc == SL_OK && i < n; i++) {
        if (frames[i].kind != kind) {
            continue;
        }
        sl_arena *arena = sl_arena_new(SLI_TAG_API);
        rc = arena == NULL ? sl_error_nomem(err, 4096, "a frame of the log")
                           : fn(look, &frames[i], arena, b, err);
        sl_arena_free(arena);
    }
    return rc;
}

static void put_text(sl_builder *b, int32_t column, const char *text)
{
    sl_builder_text(b, column, text, strlen(text));
}

// ---------------------------------------------------------------- groups

static sl_code put_group(const sli_look *look, const sli_frame *frame, sl_arena *arena,
                         sl_builder *b, sl_error *err)
{
    sli_sealed sealed;
    SL_TRY(sli_sealed_get(frame->body, arena, &sealed, err));
    sl_builder_int64(b, 0, sealed.group);
    sl_builder_int64(b, 1, sealed.first_epoch);
    sl_builder_int64(b, 2, sealed.last_epoch);
    sl_builder_int64(b, 3, sealed.last_time_us);
    sl_builder_int64(b, 4, sealed.rows_in);
    sl_builder_int64(b, 5, sealed.rows_out);
    sl_builder_int64(b, 6, sealed.n_left_out);
    sl_builder_bool(b, 7, frame->number <= look->point.committed);
    sl_builder_int64(b, 8, frame->generation);
    return SL_OK;
}

static sl_code fill_groups(const sli_look *look, sl_builder *b, sl_error *err)
{
    return each_frame(look, SLI_SEALED, put_group, b, err);
}

// ---------------------------------------------------------------- epochs

/// Which group an epoch is in; NULL: it is planned, and not sealed yet.
typedef struct span {
    int64_t first, last, group, rows_in;
} span;

static sl_code spans_of(const sli_look *look, sl_arena *arena, span **out, int64_t *n_out,
                        sl_error *err)
{
    int64_t n;
    const sli_frame *frames = sli_ckpt_view_frames(look->view, &n);
    *n_out = 0;
    *out = sl_arena_alloc(arena, ((size_t)n + 1) * sizeof **out);
    if (*out == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof **out, "epochs of the log");
    }
    for (int64_t i = 0; i < n; i++) {
        sli_sealed sealed;
        if (frames[i].kind == SLI_SEALED) {
            SL_TRY(sli_sealed_get(frames[i].body, arena, &sealed, err));
            (*out)[(*n_out)++] =
                (span){sealed.first_epoch, sealed.last_epoch, sealed.group, sealed.rows_in};
        }
    }
    return SL_OK;
}

/// Spans are in order, and so are their epochs.
static const span *span_of(const span *spans, int64_t n, int64_t epoch)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (spans[middle].last < epoch) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && spans[low].first <= epoch ? &spans[low] : NULL;
}

/// As planned; where that did not know it, as counted of a group that has no other epoch.
static void put_records(sl_builder *b, int32_t column, const sli_plan *plan, const span *in)
{
    int64_t rows = 0;
    bool known = true;
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        known = known && plan->inputs[i].rows >= 0;
        rows += plan->inputs[i].rows;
    }
    if (!known && in != NULL && in->first == in->last) {
        known = true;
        rows = in->rows_in;
    }
    if (known) {
        sl_builder_int64(b, column, rows);
    } else {
        sl_builder_null(b, column);
    }
}

static sl_code put_epochs(const sli_look *look, sl_arena *kept, sl_builder *b, sl_error *err)
{
    span *spans = NULL;
    int64_t n, n_spans;
    const sli_frame *frames = sli_ckpt_view_frames(look->view, &n);
    SL_TRY(spans_of(look, kept, &spans, &n_spans, err));
    for (int64_t i = 0; i < n; i++) {
        sli_plan plan;
        if (frames[i].kind != SLI_PLAN) {
            continue;
        }
        SL_TRY(sli_plan_get(frames[i].body, kept, &plan, err));
        const span *in = span_of(spans, n_spans, plan.epoch);
        sl_builder_int64(b, 0, plan.epoch);
        sl_builder_int64(b, 1, plan.time_us);
        put_records(b, 2, &plan, in);
        if (in == NULL) {
            sl_builder_null(b, 3);
        } else {
            sl_builder_int64(b, 3, in->group);
        }
        sl_builder_bool(b, 4, in != NULL && in->group <= look->point.committed);
        sl_builder_int64(b, 5, frames[i].generation);
    }
    return SL_OK;
}

static sl_code fill_epochs(const sli_look *look, sl_builder *b, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_API);
    sl_code rc = arena == NULL ? sl_error_nomem(err, 4096, "epochs of the log")
                               : put_epochs(look, arena, b, err);
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- inputs and watermarks

static sl_code put_inputs(const sli_look *look, const sli_frame *frame, sl_arena *arena,
                          sl_builder *b, sl_error *err)
{
    (void)look;
    sli_plan plan;
    SL_TRY(sli_plan_get(frame->body, arena, &plan, err));
    for (int32_t i = 0; i < plan.n_inputs; i++) {
        const sli_plan_input *input = &plan.inputs[i];
        sl_builder_int64(b, 0, plan.epoch);
        sl_builder_int64(b, 1, plan.time_us);
        put_text(b, 2, input->uid);
        if (input->rows >= 0) {
            sl_builder_int64(b, 3, input->rows);
        } else {
            sl_builder_null(b, 3);
        }
        sl_builder_int64(b, 4, input->n_splits);
        sl_builder_text(b, 5, input->range.data, input->range.size);
    }
    return SL_OK;
}

static sl_code fill_inputs(const sli_look *look, sl_builder *b, sl_error *err)
{
    return each_frame(look, SLI_PLAN, put_inputs, b, err);
}

static sl_code put_watermarks(const sli_look *look, const sli_frame *frame, sl_arena *arena,
                              sl_builder *b, sl_error *err)
{
    (void)look;
    sli_plan plan;
    SL_TRY(sli_plan_get(frame->body, arena, &plan, err));
    for (int32_t i = 0; i < plan.n_watermarks; i++) {
        sl_builder_int64(b, 0, plan.epoch);
        sl_builder_int64(b, 1, plan.time_us);
        put_text(b, 2, plan.watermarks[i].uid);
        if (plan.watermarks[i].watermark_us == INT64_MIN) {
            sl_builder_null(b, 3);
        } else {
            sl_builder_int64(b, 3, plan.watermarks[i].watermark_us);
        }
    }
    return SL_OK;
}

static sl_code fill_watermarks(const sli_look *look, sl_builder *b, sl_error *err)
{
    return each_frame(look, SLI_PLAN, put_watermarks, b, err);
}

// ---------------------------------------------------------------- the list

const sli_look_meta sli_look_metas[] = {
    {"groups",
     "commit_group int64, first_epoch int64, last_epoch int64, batch_time timestamp, "
     "records_in int64, records_out int64, left_out int64, committed bool, generation int64",
     "sealed commit groups", fill_groups},
    {"epochs",
     "epoch int64, batch_time timestamp, records int64?, commit_group int64?, committed bool, "
     "generation int64",
     "planned epochs", fill_epochs},
    {"inputs",
     "epoch int64, batch_time timestamp, source string, records int64?, splits int32, range binary",
     "what epochs read", fill_inputs},
    {"watermarks", "epoch int64, batch_time timestamp, operator string, watermark timestamp?",
     "watermarks of epochs", fill_watermarks},
    {"dead", sli_letter_schema, "dead letters", NULL},
    {NULL, NULL, NULL, NULL},
};

sl_code sli_look_log_rows(const sli_look *look, int32_t meta, sl_batch **out, sl_error *err)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    SL_TRY(sl_schema_parse(&schema, sli_look_metas[meta].columns, err));
    sl_code rc = sl_builder_new(&builder, schema, err);
    rc = rc == SL_OK ? sli_look_metas[meta].fill(look, builder, err) : rc;
    rc = rc == SL_OK ? sli_builder_flush(builder, out, err) : rc;
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rc;
}

// ---------------------------------------------------------------- letters

struct sli_letters {
    sl_arena *arena;
    sli_source *source;
    sli_offer offer;
    int32_t split; ///< the next file
    sli_budget *budget;
    sl_batch **batches; ///< of the file that was read last
    int32_t n, at, capacity;
    int64_t counted;
};

static void drop_file(sli_letters *self)
{
    while (self->at < self->n) {
        sl_batch_unref(self->batches[self->at++]);
    }
    sli_budget_release(self->budget, self->counted);
    self->n = self->at = 0;
    self->counted = 0;
}

static sl_code keep_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_letters *self = ctx;
    int64_t bytes = batch == NULL ? 0 : sl_batch_bytes(batch);
    if (batch == NULL) {
        return SL_OK;
    }
    if (!sli_budget_reserve(self->budget, bytes, false)) {
        return sl_error_set(err, SL_E_NOMEM,
                            "a file of dead letters does not fit into the memory of %lld bytes "
                            "that is allowed",
                            (long long)sli_budget_limit(self->budget));
    }
    self->counted += bytes;
    if (self->n == self->capacity) {
        int32_t capacity = self->capacity == 0 ? 16 : self->capacity * 2;
        sl_batch **more =
            sl_realloc(SLI_TAG_API, self->batches, (size_t)capacity * sizeof(sl_batch *));
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "dead letters");
        }
        self->batches = more;
        self->capacity = capacity;
    }
    self->batches[self->n++] = sl_batch_ref(batch);
    return SL_OK;
}

/// None were ever put there: that is no failure.
static sl_code offer_files(sli_letters *self, const sli_look *look, sl_error *err)
{
    sli_source_env env = {.env = look->env, .uid = "dead-letters", .interval_us = 1000000};
    sli_ask ask = {.max_rows = INT64_MAX};
    const char *url = sl_arena_printf(self->arena, "file:%s/dead?format=json&schema=%s", look->dir,
                                      sli_letter_schema);
    if (url == NULL) {
        return sl_error_nomem(err, strlen(look->dir), "a directory's name");
    }
    SL_TRY(sli_table_open(&self->source, url, &env, err));
    sl_code rc = self->source->ops->offer(self->source, &ask, self->arena, &self->offer, err);
    return rc == SL_E_NOT_FOUND ? SL_OK : rc;
}

sl_code sli_letters_open(sli_letters **out, const sli_look *look, sl_error *err)
{
    sli_letters *self = sl_alloc_zero(SLI_TAG_API, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "dead letters");
    }
    self->budget = look->budget;
    self->arena = sl_arena_new(SLI_TAG_API);
    sl_code rc = self->arena == NULL ? sl_error_nomem(err, 4096, "dead letters")
                                     : offer_files(self, look, err);
    if (rc != SL_OK) {
        sli_letters_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

sl_code sli_letters_next(sli_letters *self, sl_batch **rows, sl_error *err)
{
    *rows = NULL;
    while (self->at == self->n && self->split < self->offer.n_splits) {
        sli_decode_stats stats = {0};
        drop_file(self);
        SL_TRY(self->source->ops->read(self->source, self->offer.range, self->split++, keep_batch,
                                       self, &stats, err));
    }
    if (self->at < self->n) {
        *rows = self->batches[self->at++];
    }
    return SL_OK;
}

void sli_letters_close(sli_letters *self)
{
    if (self != NULL) {
        drop_file(self);
        if (self->source != NULL) {
            sli_source_close(self->source);
        }
        sl_arena_free(self->arena);
        sl_free(self->batches);
        sl_free(self);
    }
}
