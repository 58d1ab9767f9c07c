// Windows of event time: [k * slide, k * slide + size), aggregated by window and keys.
//
// A row goes once into each of its windows that is not closed yet, as a row with the window's start
// in front; from there on it is a reduceByKey by start and keys, combined on the map side. The
// table holds a partial state for each window and key, which the task of the partition merges with
// what the epoch has brought. A window is closed, given (append) and forgotten when the watermark
// reaches its end and the lateness.
//
// Windows that overlap are put together from *slices*, stretches as long as the slide, when they
// close: a row goes into one slice, however many windows that is in (J. Li et al., "No pane, no
// gain: efficient evaluation of sliding-window aggregates over data streams", SIGMOD Record 2005).
// Rows, shuffle and table are then those of windows as long as the slide, but lie by their keys
// alone, so that the task that closes a window has all its slices. Not where results are wanted in
// every epoch (update), which would put each window together again and again, and not where an
// aggregation tells in what order rows came: slices bring them in order of time.
#include "stream/event/window.h"

/// The start of the last window that a time is in.
static int64_t last_start(const sli_window *w, int64_t time_us)
{
    int64_t into = time_us % w->slide_us;
    return time_us - into - (into < 0 ? w->slide_us : 0);
}

static int64_t closes(const sli_timed *self, int64_t time_us)
{
    return sli_window_closes(sli_window_of(self), last_start(sli_window_of(self), time_us));
}

// ---------------------------------------------------------------- rows into their windows

/// Rows that are gathered before they are pushed.
typedef struct spreading {
    const sli_window *window;
    sl_batch *in;
    sl_builder *starts;
    int32_t rows[SLI_BATCH_ROWS], n;
    sli_push_fn push;
    void *ctx;
} spreading;

/// As last_start, from that of a time which is seldom more than a window away.
static inline int64_t start_near(const sli_window *w, int64_t start_us, int64_t time_us)
{
    int64_t into_us = time_us - start_us;
    if (into_us >= 0 && into_us < w->slide_us) {
        return start_us;
    }
    return into_us < 0 && into_us >= -w->slide_us ? start_us - w->slide_us : last_start(w, time_us);
}

/// Pushes rows with their windows' starts, which are in the builder, in front.
static sl_code push_started(spreading *s, const sl_batch *rows, sl_error *err)
{
    const sl_schema *schema = s->window->timed.sides[0].shuffled;
    const sl_batch *from[256];
    int32_t column[256];
    sl_batch *starts = NULL, *out = NULL;
    SL_TRY(sl_builder_finish(s->starts, &starts, err));
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        from[i] = i == 0 ? starts : rows;
        column[i] = i == 0 ? 0 : i - 1;
    }
    sl_code rc = sli_batch_project(schema, from, column, &out, err);
    rc = rc != SL_OK ? rc : s->push(s->ctx, out, err);
    sl_batch_unref(starts);
    sl_batch_unref(out);
    return rc;
}

static void put_starts(const sli_window *w, const int64_t *times, int64_t n,
                       const sli_time_range *range, int64_t *starts)
{
    int64_t start_us = last_start(w, times[0]);
    if (range != NULL && last_start(w, range->least_us) == last_start(w, range->most_us)) {
        for (int64_t row = 0; row < n; row++) {
            starts[row] = start_us;
        }
        return;
    }
    for (int64_t row = 0; row < n; row++) {
        start_us = start_near(w, start_us, times[row]);
        starts[row] = start_us;
    }
}

/// Windows that do not overlap, or slices: each row is in one, which is open, since the row is in
/// time.
static sl_code spread_once(spreading *s, const int64_t *times, const sli_time_range *range,
                           sl_error *err)
{
    int64_t n = sl_batch_rows(s->in);
    int64_t *starts = sl_builder_reserve(s->starts, 0, n);
    if (n > 0 && starts != NULL) {
        put_starts(s->window, times, n, range, starts);
    }
    return push_started(s, s->in, err);
}

static sl_code push_taken(spreading *s, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_batch_take(s->in, s->rows, s->n, &rows, err));
    sl_code rc = push_started(s, rows, err);
    sl_batch_unref(rows);
    s->n = 0;
    return rc;
}

/// The windows of a row that are still open, oldest first; `last` is the start of the last one.
static sl_code spread_row(spreading *s, int64_t row, int64_t last, int64_t watermark_us,
                          sl_error *err)
{
    const sli_window *w = s->window;
    for (int64_t start = last - w->size_us + w->slide_us; start <= last; start += w->slide_us) {
        if (sli_window_closes(w, start) <= watermark_us) {
            continue;
        }
        sl_builder_int64(s->starts, 0, start);
        s->rows[s->n++] = (int32_t)row;
        if (s->n == SLI_BATCH_ROWS) {
            SL_TRY(push_taken(s, err));
        }
    }
    return SL_OK;
}

static sl_code spread_many(spreading *s, const int64_t *times, int64_t watermark_us, sl_error *err)
{
    int64_t n = sl_batch_rows(s->in), last = n > 0 ? last_start(s->window, times[0]) : 0;
    for (int64_t row = 0; row < n; row++) {
        last = start_near(s->window, last, times[row]);
        SL_TRY(spread_row(s, row, last, watermark_us, err));
    }
    return s->n == 0 ? SL_OK : push_taken(s, err);
}

static sl_code spread(const sli_timed *self, int64_t watermark_us, sl_batch *in,
                      const sli_time_range *range, sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_window *w = sli_window_of(self);
    spreading s = {.window = w, .in = in, .push = push, .ctx = ctx};
    const int64_t *times = sl_batch_column(in, self->sides[0].column)->values;
    SL_TRY(sl_builder_new(&s.starts, self->start_schema, err));
    sl_code rc = w->slices || w->slide_us == w->size_us ? spread_once(&s, times, range, err)
                                                        : spread_many(&s, times, watermark_us, err);
    sl_builder_free(s.starts);
    return rc;
}

// ---------------------------------------------------------------- definition

static int64_t due_at(const sli_timed *self, const sl_batch *rows, int64_t row)
{
    return sli_window_due(sli_window_of(self), sl_column_int64(sl_batch_column(rows, 0), row));
}

static sl_code check(const sli_timed *self, const sl_batch *rows, int64_t row, sl_error *err)
{
    int64_t start_us = sl_column_int64(sl_batch_column(rows, 0), row);
    if (sl_column_is_null(sl_batch_column(rows, 0), row) ||
        start_us % sli_window_of(self)->slide_us != 0) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "the state of %s has a start that is no multiple of the slide",
                            self->node->uid);
    }
    return SL_OK;
}

static void put_args(const sli_timed *self, sli_str *out)
{
    const sli_window *w = sli_window_of(self);
    if (self->n_keys > 1) {
        sli_put_columns(out, "keys", self->sides[0].shuffled, self->sides[0].keys + 1,
                        self->n_keys - 1);
    }
    sli_put_pair(out, "aggregations", sli_agg_plan_text(self->plan));
    sli_put_duration(out, "size", w->size_us);
    sli_put_duration(out, "slide", w->slide_us);
}

static sl_code shape(sli_timed *self, sl_error *err);

static const sli_timed_ops window_timed_ops = {.closes = closes,
                                               .spread = spread,
                                               .run = sli_window_run,
                                               .due = due_at,
                                               .check = check,
                                               .put_args = put_args,
                                               .shape = shape,
                                               .has_modes = true};

static const sli_node_ops window_ops = {.kind = "eventWindow",
                                        .rdd = sli_timed_rdd,
                                        .free = sli_timed_free,
                                        .state = sli_timed_state,
                                        .most_partitions = SLI_MAX_HASH_PARTITIONS};

static sl_code set_durations(sli_window *w, const char *size, const char *slide, sl_error *err)
{
    SL_TRY(sli_timed_duration("size", size, false, &w->size_us, err));
    w->slide_us = w->size_us;
    if (slide == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_timed_duration("slide", slide, false, &w->slide_us, err));
    if (w->size_us % w->slide_us != 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "the size \"%.60s\" is no multiple of the slide \"%.60s\"", size,
                            slide);
    }
    if (w->size_us / w->slide_us > SLI_MAX_WINDOWS_A_ROW) {
        return sl_error_set(
            err, SL_E_INVALID,
            "the size \"%.60s\" is more than %d slides of \"%.60s\": a row would be "
            "in so many windows",
            size, SLI_MAX_WINDOWS_A_ROW, slide);
    }
    return SL_OK;
}

/// What goes over has the window's start before the input's columns; the start is the first key.
static sl_code spread_columns(sli_timed *self, const char *keys, sl_error *err)
{
    const sl_schema *in = self->node->inputs[0]->schema;
    int32_t found[SLI_MAX_KEYS], n = 0;
    if (keys != NULL) {
        SL_TRY(sli_keys_parse(keys, in, found, &n, err));
    }
    self->n_keys = n + 1;
    self->sides[0].keys =
        sl_arena_alloc_zero(self->node->graph->arena, (size_t)(n + 1) * sizeof(int32_t));
    if (self->sides[0].keys == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(int32_t), "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        self->sides[0].keys[i + 1] = found[i] + 1;
    }
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_text(&text, "event.start timestamp");
    for (int32_t i = 0; i < sl_schema_columns(in); i++) {
        sli_put_field(&text, in, i, NULL);
    }
    SL_TRY(sli_parse_fields(&text, &self->spread_schema, err));
    SL_TRY(sl_schema_parse(&self->start_schema, "start timestamp", err));
    self->sides[0].shuffled = self->spread_schema;
    return sl_schema_columns(self->sides[0].shuffled) <= 255
               ? SL_OK
               : sl_error_set(err, SL_E_UNSUPPORTED, "windows of rows with more than 254 columns");
}

static sl_code make_table(sli_timed *self, sl_error *err)
{
    const sl_schema *partial = sli_agg_plan_partial(self->plan);
    sli_str keys = {.tag = SLI_TAG_STREAM}, values = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < sl_schema_columns(partial); i++) {
        sli_put_field(i < self->n_keys ? &keys : &values, partial, i,
                      i > 0                         ? NULL
                      : sli_window_of(self)->slices ? "slice_start"
                                                    : "window_start");
    }
    SL_TRY(sli_timed_table(self, &keys, &values, err));
    if (sli_window_of(self)->slices) {
        self->info.kind = "eventSlices"; // another table, of which windows' state can't be had
    }
    return SL_OK;
}

static sl_code shape(sli_timed *self, sl_error *err)
{
    sli_window *w = (sli_window *)self;
    w->slices =
        w->slide_us < w->size_us && self->mode == SL_APPEND && sli_agg_plan_any_order(self->plan);
    self->first_placing = w->slices ? 1 : 0;
    self->step_us = w->slices ? w->slide_us : 0;
    self->stays_us = w->slices ? w->size_us - w->slide_us : 0;
    return make_table(self, err);
}

static sl_code resolve(sl_stream *node, const char *keys, const char *aggregations,
                       const char *size, const char *slide, sl_error *err)
{
    sli_window *w = NULL;
    SL_TRY(sli_node_body(node, sizeof *w, (void **)&w, err));
    sli_timed *self = &w->timed;
    SL_TRY(sli_timed_begin(node, self, &window_timed_ops, err));
    SL_TRY(set_durations(w, size, slide, err));
    SL_TRY(spread_columns(self, keys, err));
    if (aggregations == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the aggregations are NULL");
    }
    SL_TRY(sli_agg_plan_new(&self->plan, aggregations, self->sides[0].shuffled, self->sides[0].keys,
                            self->n_keys, sli_graph_aggregations(node->graph), err));
    self->combines = true;
    SL_TRY(sli_timed_results(self, 1, err));
    SL_TRY(shape(self, err));
    return sli_timed_set_args(self, err);
}

sl_stream *sl_stream_event_window(sl_stream *stream, const char *keys, const char *aggregations,
                                  const char *size, const char *slide)
{
    sl_stream *node = sli_node_begin(&window_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, aggregations, size, slide, &err);
    return sli_timed_end(node, rc, &err);
}
