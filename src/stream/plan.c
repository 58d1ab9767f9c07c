// PLAN and SEALED as bytes. Both begin with a format number, so that a later version can tell an
// older one.
#include "stream/plan.h"

enum {
    PLAN_FORMAT = 3,   ///< 1 ends behind the inputs, 2 behind the watermarks
    SEALED_FORMAT = 2, ///< 1 ends behind the sinks
    MOST_INPUTS = 65536,
    MOST_LEFT_OUT = 1 << 24
};

static void put_watermarks(sli_str *out, const sli_plan *plan)
{
    sli_put_varint(out, (uint64_t)plan->n_watermarks);
    for (int32_t i = 0; i < plan->n_watermarks; i++) {
        sli_put_text(out, plan->watermarks[i].uid);
        sli_put_i64(out, plan->watermarks[i].watermark_us);
    }
}

static void put_fixed(sli_str *out, const sli_plan *plan)
{
    sli_put_varint(out, (uint64_t)plan->n_fixed);
    for (int32_t i = 0; i < plan->n_fixed; i++) {
        const sli_plan_fixed *fixed = &plan->fixed[i];
        sli_put_text(out, fixed->uid);
        sli_put_bytes(out, fixed->bytes.data, fixed->bytes.size);
        sli_put_text(out, fixed->path);
    }
}

void sli_plan_put(sli_str *out, const sli_plan *plan)
{
    // A job that fixes nothing can be gone on with by a Sluice that knows no more than format 2.
    sli_put_u8(out, plan->n_fixed > 0 ? PLAN_FORMAT : 2);
    sli_put_i64(out, plan->epoch);
    sli_put_i64(out, plan->time_us);
    sli_put_u64(out, plan->seed);
    sli_put_u64(out, plan->options_hash);
    sli_put_u64(out, plan->graph_hash);
    sli_put_u32(out, (uint32_t)plan->parallelism);
    sli_put_varint(out, (uint64_t)plan->n_inputs);
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        const sli_plan_input *input = &plan->inputs[i];
        sli_put_text(out, input->uid);
        sli_put_bytes(out, input->range.data, input->range.size);
        sli_put_varint(out, (uint64_t)input->n_splits);
        sli_put_i64(out, input->rows);
    }
    sli_put_i64(out, plan->before_us);
    put_watermarks(out, plan);
    if (plan->n_fixed > 0) {
        put_fixed(out, plan);
    }
}

static sl_code bad_format(const char *what, uint8_t format, int newest, sl_error *err)
{
    return sl_error_set(err, SL_E_INCOMPATIBLE,
                        "%s frame of format %u, this Sluice reads up to format %d: use the Sluice "
                        "that wrote it, or a newer one",
                        what, format, newest);
}

/// A text in the arena; NULL when it is damaged, which the caller finds in `r`. Fails: SL_E_NOMEM
/// only, because a record that is fine must not be called damaged.
static sl_code get_text(sli_reader *r, sl_arena *arena, const char **out, sl_error *err)
{
    *out = sli_get_text(r, arena);
    return *out == NULL && !r->bad ? sl_error_nomem(err, 256, "a text of the epoch log") : SL_OK;
}

static sl_code get_inputs(sli_reader *r, sl_arena *arena, sli_plan *plan, sl_error *err)
{
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > MOST_INPUTS) {
        return sl_error_set(err, SL_E_CORRUPT, "PLAN names %llu inputs", (unsigned long long)n);
    }
    plan->inputs = sl_arena_alloc_zero(arena, (size_t)(n + 1) * sizeof *plan->inputs);
    if (plan->inputs == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *plan->inputs, "inputs of a PLAN");
    }
    plan->n_inputs = (int32_t)n;
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        sli_plan_input *input = &plan->inputs[i];
        SL_TRY(get_text(r, arena, &input->uid, err));
        input->range = sli_get_bytes(r);
        uint64_t splits = sli_get_varint(r);
        input->rows = sli_get_i64(r);
        if (r->bad || splits > INT32_MAX) {
            return sl_error_set(err, SL_E_CORRUPT, "PLAN of epoch %lld is damaged at input %d",
                                (long long)plan->epoch, i);
        }
        input->n_splits = (int32_t)splits;
    }
    return SL_OK;
}

static sl_code get_watermarks(sli_reader *r, sl_arena *arena, sli_plan *plan, sl_error *err)
{
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > MOST_INPUTS) {
        return sl_error_set(err, SL_E_CORRUPT, "PLAN names %llu watermarks", (unsigned long long)n);
    }
    plan->watermarks = sl_arena_alloc_zero(arena, (size_t)(n + 1) * sizeof *plan->watermarks);
    if (plan->watermarks == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *plan->watermarks, "watermarks of a PLAN");
    }
    plan->n_watermarks = (int32_t)n;
    for (int32_t i = 0; i < plan->n_watermarks; i++) {
        SL_TRY(get_text(r, arena, &plan->watermarks[i].uid, err));
        plan->watermarks[i].watermark_us = sli_get_i64(r);
        if (r->bad) {
            return sl_error_set(err, SL_E_CORRUPT, "PLAN of epoch %lld is damaged at watermark %d",
                                (long long)plan->epoch, i);
        }
    }
    return SL_OK;
}

static sl_code get_fixed(sli_reader *r, sl_arena *arena, sli_plan *plan, sl_error *err)
{
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > MOST_INPUTS) {
        return sl_error_set(err, SL_E_CORRUPT, "PLAN names what %llu operators use",
                            (unsigned long long)n);
    }
    plan->fixed = sl_arena_alloc_zero(arena, (size_t)(n + 1) * sizeof *plan->fixed);
    if (plan->fixed == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *plan->fixed, "what a PLAN fixes");
    }
    plan->n_fixed = (int32_t)n;
    for (int32_t i = 0; i < plan->n_fixed; i++) {
        SL_TRY(get_text(r, arena, &plan->fixed[i].uid, err));
        plan->fixed[i].bytes = sli_get_bytes(r);
        SL_TRY(get_text(r, arena, &plan->fixed[i].path, err));
        if (r->bad) {
            return sl_error_set(err, SL_E_CORRUPT,
                                "PLAN of epoch %lld is damaged behind its "
                                "watermarks",
                                (long long)plan->epoch);
        }
    }
    return SL_OK;
}

sl_code sli_plan_get(sl_bytes body, sl_arena *arena, sli_plan *out, sl_error *err)
{
    sli_reader r = sli_reader_of(body);
    uint8_t format = sli_get_u8(&r);
    if (format < 1 || format > PLAN_FORMAT) {
        return bad_format("PLAN", format, PLAN_FORMAT, err);
    }
    sli_plan plan = {0};
    plan.epoch = sli_get_i64(&r);
    plan.time_us = sli_get_i64(&r);
    plan.seed = sli_get_u64(&r);
    plan.options_hash = sli_get_u64(&r);
    plan.graph_hash = sli_get_u64(&r);
    plan.parallelism = (int32_t)sli_get_u32(&r);
    SL_TRY(get_inputs(&r, arena, &plan, err));
    if (format >= 2) {
        plan.before_us = sli_get_i64(&r);
        SL_TRY(get_watermarks(&r, arena, &plan, err));
    }
    if (format >= 3) {
        SL_TRY(get_fixed(&r, arena, &plan, err));
    }
    SL_TRY(sli_reader_done(&r, "PLAN", err));
    *out = plan;
    return SL_OK;
}

const sli_plan_input *sli_plan_find(const sli_plan *plan, const char *uid)
{
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        if (strcmp(plan->inputs[i].uid, uid) == 0) {
            return &plan->inputs[i];
        }
    }
    return NULL;
}

const sli_plan_watermark *sli_plan_watermark_find(const sli_plan *plan, const char *uid)
{
    for (int32_t i = 0; i < plan->n_watermarks; i++) {
        if (strcmp(plan->watermarks[i].uid, uid) == 0) {
            return &plan->watermarks[i];
        }
    }
    return NULL;
}

const sli_plan_fixed *sli_plan_fixed_find(const sli_plan *plan, const char *uid)
{
    for (int32_t i = 0; i < plan->n_fixed; i++) {
        if (strcmp(plan->fixed[i].uid, uid) == 0) {
            return &plan->fixed[i];
        }
    }
    return NULL;
}

static void put_left_out(sli_str *out, const sli_sealed *sealed)
{
    sli_put_varint(out, (uint64_t)sealed->n_left_out);
    for (int32_t i = 0; i < sealed->n_left_out; i++) {
        const sli_left_out *left = &sealed->left_out[i];
        sli_put_i64(out, left->epoch);
        sli_put_text(out, left->source);
        sli_put_u32(out, (uint32_t)left->partition);
        sli_put_i64(out, left->row);
    }
}

static void put_windows(sli_str *out, const sli_sealed *sealed)
{
    sli_put_varint(out, (uint64_t)sealed->n_windows);
    for (int32_t i = 0; i < sealed->n_windows; i++) {
        const sli_sealed_window *window = &sealed->windows[i];
        sli_put_text(out, window->uid);
        sli_put_i64(out, window->from_us);
        sli_put_i64(out, window->to_us);
        sli_put_i64(out, window->last_us);
        sli_put_text(out, window->path);
    }
}

const sli_sealed_sink *sli_sealed_find(const sli_sealed *sealed, const char *uid)
{
    for (int32_t i = 0; i < sealed->n_sinks; i++) {
        if (strcmp(sealed->sinks[i].uid, uid) == 0) {
            return &sealed->sinks[i];
        }
    }
    return NULL;
}

void sli_sealed_put(sli_str *out, const sli_sealed *sealed)
{
    sli_put_u8(out, SEALED_FORMAT);
    sli_put_i64(out, sealed->group);
    sli_put_i64(out, sealed->first_epoch);
    sli_put_i64(out, sealed->last_epoch);
    sli_put_i64(out, sealed->last_time_us);
    sli_put_i64(out, sealed->rows_in);
    sli_put_i64(out, sealed->rows_out);
    sli_put_text(out, sealed->delta);
    sli_put_varint(out, (uint64_t)sealed->n_sinks);
    for (int32_t i = 0; i < sealed->n_sinks; i++) {
        const sli_sealed_sink *sink = &sealed->sinks[i];
        sli_put_text(out, sink->uid);
        sli_put_bytes(out, sink->receipt.data, sink->receipt.size);
        sli_put_text(out, sink->outbox);
    }
    sli_put_bytes(out, sealed->counted.data, sealed->counted.size);
    put_left_out(out, sealed);
    put_windows(out, sealed);
}

static sl_code get_left_out(sli_reader *r, sl_arena *arena, sli_sealed *sealed, sl_error *err)
{
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > MOST_LEFT_OUT) {
        return sl_error_set(err, SL_E_CORRUPT, "SEALED of group %lld is damaged at its verdicts",
                            (long long)sealed->group);
    }
    for (uint64_t i = 0; i < n && !r->bad; i++) {
        if (sealed->n_left_out % 64 == 0) { // grows with what is there, not with what is said
            size_t had = (size_t)sealed->n_left_out;
            sli_left_out *more = sl_arena_alloc_zero(arena, (had + 64) * sizeof *more);
            if (more == NULL) {
                return sl_error_nomem(err, had * sizeof *more, "verdicts of a SEALED frame");
            }
            if (had > 0) {
                memcpy(more, sealed->left_out, had * sizeof *more);
            }
            sealed->left_out = more;
        }
        sli_left_out *left = &sealed->left_out[sealed->n_left_out++];
        left->epoch = sli_get_i64(r);
        SL_TRY(get_text(r, arena, &left->source, err));
        left->partition = (int32_t)sli_get_u32(r);
        left->row = sli_get_i64(r);
    }
    return SL_OK;
}

static sl_code get_windows(sli_reader *r, sl_arena *arena, sli_sealed *sealed, sl_error *err)
{
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > MOST_INPUTS) {
        return sl_error_set(err, SL_E_CORRUPT, "SEALED of group %lld is damaged",
                            (long long)sealed->group);
    }
    sealed->windows = sl_arena_alloc_zero(arena, (size_t)(n + 1) * sizeof *sealed->windows);
    if (sealed->windows == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *sealed->windows,
                              "windows of a SEALED frame");
    }
    sealed->n_windows = (int32_t)n;
    for (int32_t i = 0; i < sealed->n_windows && !r->bad; i++) {
        sli_sealed_window *window = &sealed->windows[i];
        SL_TRY(get_text(r, arena, &window->uid, err));
        window->from_us = sli_get_i64(r);
        window->to_us = sli_get_i64(r);
        window->last_us = sli_get_i64(r);
        SL_TRY(get_text(r, arena, &window->path, err));
    }
    return SL_OK;
}

sl_code sli_sealed_get(sl_bytes body, sl_arena *arena, sli_sealed *out, sl_error *err)
{
    sli_reader r = sli_reader_of(body);
    uint8_t format = sli_get_u8(&r);
    if (format < 1 || format > SEALED_FORMAT) {
        return bad_format("SEALED", format, SEALED_FORMAT, err);
    }
    sli_sealed sealed = {0};
    sealed.group = sli_get_i64(&r);
    sealed.first_epoch = sli_get_i64(&r);
    sealed.last_epoch = sli_get_i64(&r);
    sealed.last_time_us = sli_get_i64(&r);
    sealed.rows_in = sli_get_i64(&r);
    sealed.rows_out = sli_get_i64(&r);
    SL_TRY(get_text(&r, arena, &sealed.delta, err));
    uint64_t n = sli_get_varint(&r);
    if (r.bad || n > MOST_INPUTS) {
        return sl_error_set(err, SL_E_CORRUPT, "SEALED of group %lld is damaged",
                            (long long)sealed.group);
    }
    sealed.sinks = sl_arena_alloc_zero(arena, (size_t)(n + 1) * sizeof *sealed.sinks);
    if (sealed.sinks == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *sealed.sinks, "sinks of a SEALED frame");
    }
    sealed.n_sinks = (int32_t)n;
    for (int32_t i = 0; i < sealed.n_sinks && !r.bad; i++) {
        SL_TRY(get_text(&r, arena, &sealed.sinks[i].uid, err));
        sealed.sinks[i].receipt = sli_get_bytes(&r);
        SL_TRY(get_text(&r, arena, &sealed.sinks[i].outbox, err));
    }
    if (format >= 2) {
        sealed.counted = sli_get_bytes(&r);
        SL_TRY(get_left_out(&r, arena, &sealed, err));
        SL_TRY(get_windows(&r, arena, &sealed, err));
    }
    SL_TRY(sli_reader_done(&r, "SEALED", err));
    *out = sealed;
    return SL_OK;
}
