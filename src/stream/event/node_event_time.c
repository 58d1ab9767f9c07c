// The event time of a stream: rows pass as they are, and the latest time in each partition is
// noted.
#include "stream/event/times.h"

#define DEFAULT_IDLE_US (INT64_C(300) * 1000000)
#define DEFAULT_AHEAD_US (INT64_C(3600) * 1000000)

// ---------------------------------------------------------------- the RDD

/// What one partition has shown. Written at its end by its one running attempt.
typedef struct seen {
    _Atomic bool done;
    int64_t latest_us; ///< SLI_NO_TIME: no row with a time that counts
    // for who asks for the next watermark
    bool shares;       ///< its lane is that of other partitions too: rows behind a shuffle
    int64_t before_us; ///< what its lane had shown before the epoch; SLI_NO_TIME: there was none
} seen;

typedef struct watch {
    int32_t column, n;
    int64_t limit_us; ///< later times don't count
    int64_t rest_us;  ///< the least of the lanes before the epoch that none of the partitions is
    bool has_lanes;   ///< rest_us, shares and before_us are known
    seen parts[];
} watch;

typedef struct watching {
    const watch *watch;
    int64_t latest_us;
    sli_push_fn push;
    void *ctx;
} watching;

/// The latest of the times that count.
static int64_t latest_of(const watching *w, const sl_column *times)
{
    int64_t latest_us = w->latest_us;
    for (int64_t row = 0; row < times->n_rows; row++) {
        if (!sl_column_is_null(times, row)) {
            int64_t time_us = sl_column_int64(times, row);
            bool later =
                time_us > latest_us && time_us <= w->watch->limit_us && time_us >= -SLI_MAX_TIME_US;
            latest_us = later ? time_us : latest_us;
        }
    }
    return latest_us;
}

static sl_code push_watched(void *ctx, sl_batch *batch, sl_error *err)
{
    watching *w = ctx;
    const sl_column *times = sl_batch_column(batch, w->watch->column);
    sli_time_range range;
    bool all_count = sli_times_range(times, &range) && range.least_us >= -SLI_MAX_TIME_US &&
                     range.most_us <= w->watch->limit_us;
    if (!all_count) {
        w->latest_us = latest_of(w, times);
    } else if (range.most_us > w->latest_us) {
        w->latest_us = range.most_us;
    }
    return w->push(w->ctx, batch, err);
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    watch *body = rdd->body;
    watching w = {body, SLI_NO_TIME, push, ctx};
    SL_TRY(sli_rdd_each(rdd->deps[0].parent, partition, task, push_watched, &w, err));
    seen *part = &body->parts[partition];
    part->latest_us = w.latest_us;
    // Release: pairs with the acquire of the driver, though the job's end orders them too.
    atomic_store_explicit(&part->done, true, memory_order_release);
    return SL_OK;
}

static void free_watch(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops watch_ops = {.name = "eventTime",
                                      .compute = compute,
                                      .free = free_watch,
                                      .keeps_empty = true,
                                      .keeps_place = true};

/// "source-1#2"; rows behind a shuffle are one lane.
static sl_code name_lane(const sl_rdd *rdd, int32_t partition, sli_str *out, sl_error *err)
{
    const char *uid = NULL;
    int32_t lane = 0;
    sli_str_clear(out);
    if (sli_rdd_lane(rdd, partition, &uid, &lane)) {
        sli_str_printf(out, "%s#%d", uid, lane);
    } else {
        sli_str_text(out, "rows#0");
    }
    return sli_str_check(out, "a partition's name", err);
}

/// What the lanes had shown before the epoch, by partition.
static sl_code note_parts(const sli_lanes *lanes, const sl_rdd *rdd, bool *named, sl_error *err)
{
    watch *body = rdd->body;
    sli_str name = {.tag = SLI_TAG_STREAM};
    sl_code rc = SL_OK;
    for (int32_t i = 0; i < body->n && rc == SL_OK; i++) {
        const char *uid = NULL;
        int32_t number = 0;
        rc = name_lane(rdd, i, &name, err);
        if (rc == SL_OK) {
            int32_t lane = sli_lanes_find(lanes, name.data);
            named[lane + 1] = true;
            body->parts[i].before_us = lane < 0 ? SLI_NO_TIME : lanes->items[lane].latest_us;
            body->parts[i].shares = !sli_rdd_lane(rdd, i, &uid, &number);
        }
    }
    sli_str_reset(&name);
    return rc;
}

static sl_code note_lanes(const sli_event_time *self, const sl_rdd *rdd, sl_error *err)
{
    const sli_lanes *lanes = &self->lanes;
    watch *body = rdd->body;
    bool *named = sl_alloc_zero(SLI_TAG_STREAM, (size_t)lanes->n + 1);
    if (named == NULL) {
        return sl_error_nomem(err, (size_t)lanes->n + 1, "partitions of event time");
    }
    sl_code rc = note_parts(lanes, rdd, named, err);
    body->rest_us = INT64_MAX;
    for (int32_t i = 0; i < lanes->n; i++) {
        int64_t latest_us = lanes->items[i].latest_us;
        body->rest_us = !named[i + 1] && latest_us < body->rest_us ? latest_us : body->rest_us;
    }
    body->has_lanes = rc == SL_OK;
    sl_free(named);
    return rc;
}

static sl_code event_time_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                              sl_rdd **out, sl_error *err)
{
    const sli_event_time *self = node->body;
    int32_t n = inputs[0]->n_partitions;
    size_t size = sizeof(watch) + (size_t)n * sizeof(seen);
    watch *body = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (body == NULL) {
        return sl_error_nomem(err, size, "an RDD with event time");
    }
    int64_t limit_us = sli_time_add(epoch->time_us, self->ahead_us);
    body->column = self->column;
    body->n = n;
    body->limit_us = limit_us < SLI_MAX_TIME_US ? limit_us : SLI_MAX_TIME_US;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &watch_ops, node->schema, n, &dep, 1, body);
    bool made = *out != NULL && (*out)->mistake == NULL;
    return made && self->promises ? note_lanes(self, *out, err) : SL_OK;
}

/// The later of what a partition's lane had shown and has shown now.
static int64_t latest_by_now(const seen *part)
{
    return part->latest_us > part->before_us ? part->latest_us : part->before_us;
}

bool sli_event_time_shown(const sl_rdd *rdd, int64_t *least_us)
{
    if (rdd->ops != &watch_ops || !((const watch *)rdd->body)->has_lanes) {
        return false;
    }
    const watch *body = rdd->body;
    int64_t least = body->rest_us, shared = SLI_NO_TIME;
    for (int32_t i = 0; i < body->n; i++) {
        const seen *part = &body->parts[i];
        // Acquire: pairs with the release of the task that has watched it.
        if (!atomic_load_explicit(&part->done, memory_order_acquire)) {
            return false;
        }
        int64_t latest_us = latest_by_now(part);
        if (part->shares) {
            shared = latest_us > shared ? latest_us : shared;
        } else if (latest_us != SLI_NO_TIME) { // else no lane
            least = latest_us < least ? latest_us : least;
        }
    }
    *least_us = shared != SLI_NO_TIME && shared < least ? shared : least;
    return true;
}

// ---------------------------------------------------------------- what was seen

static sl_code run_missing(sl_rdd *rdd, sl_error *err)
{
    watch *body = rdd->body;
    int32_t *missing = sl_alloc_array(SLI_TAG_STREAM, (size_t)body->n + 1, sizeof *missing), n = 0;
    if (missing == NULL) {
        return sl_error_nomem(err, (size_t)body->n * sizeof *missing, "partitions");
    }
    for (int32_t i = 0; i < body->n; i++) {
        if (!atomic_load_explicit(&body->parts[i].done, memory_order_acquire)) {
            missing[n++] = i;
        }
    }
    sl_code rc = sli_rdd_run(rdd, missing, n, err);
    sl_free(missing);
    return rc;
}

sl_code sli_event_time_observe(sli_event_time *self, sl_rdd *rdd, int64_t batch_time_us,
                               sl_error *err)
{
    if (rdd->is_empty) {
        return SL_OK;
    }
    SL_TRY(run_missing(rdd, err));
    const watch *body = rdd->body;
    sli_str name = {.tag = SLI_TAG_STREAM};
    sl_code rc = SL_OK;
    for (int32_t i = 0; i < body->n && rc == SL_OK; i++) {
        if (body->parts[i].latest_us == SLI_NO_TIME) {
            continue;
        }
        rc = name_lane(rdd, i, &name, err);
        rc = rc != SL_OK ? rc
                         : sli_lanes_show(&self->lanes, name.data, body->parts[i].latest_us,
                                          batch_time_us, err);
    }
    sli_str_reset(&name);
    return rc;
}

// ---------------------------------------------------------------- definition

void sli_event_time_free(sl_stream *node)
{
    sli_event_time *self = node->body;
    if (self != NULL) {
        sli_lanes_reset(&self->lanes);
        sl_schema_unref(self->key_schema);
        sl_schema_unref(self->value_schema);
        node->body = NULL;
    }
}

const sli_table_info *sli_event_time_state(const sl_stream *node)
{
    sli_event_time *self = node->body;
    self->info.uid = node->uid; // may have been given after the operator was defined
    return &self->info;
}

static const sli_node_ops event_time_ops = {
    .kind = "eventTime",
    .rdd = event_time_rdd,
    .free = sli_event_time_free,
    .state = sli_event_time_state,
    .every_epoch = true,
};

sli_event_time *sli_event_time_of(const sl_stream *node)
{
    return node->ops == &event_time_ops ? node->body : sli_follow_of(node);
}

static sl_code set_args(const sli_event_time *self, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&text, "column", self->node->schema, &self->column, 1);
    sli_put_duration(&text, "delay", self->delay_us);
    sli_put_duration(&text, "idle", self->idle_us);
    sli_put_duration(&text, "max_ahead", self->ahead_us);
    if (self->silent_us > 0) {
        sli_put_duration(&text, "silent", self->silent_us);
    }
    return sli_node_set_args(self->node, &text, err);
}

static sl_code find_column(sli_event_time *self, const char *column, sl_error *err)
{
    const sl_schema *in = self->node->schema;
    int32_t found[SLI_MAX_KEYS], n = 0;
    if (column == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the column is NULL: name a timestamp");
    }
    SL_TRY(sli_columns_parse(column, in, found, &n, err));
    if (n != 1) {
        return sl_error_set(err, SL_E_INVALID, "event time is one column, \"%.100s\" are %d",
                            column, n);
    }
    if (sl_schema_field(in, found[0])->type != SL_TIMESTAMP) {
        sl_text type = sli_column_type_text(in, found[0]);
        return sl_error_set(err, SL_E_INVALID,
                            "column '%.100s' is %.*s, and event time is a timestamp: make one with "
                            "sl_stream_select, or by the schema of the source",
                            sl_schema_field(in, found[0])->name, (int)type.size, type.data);
    }
    self->column = found[0];
    return SL_OK;
}

sl_code sli_event_time_begin(sl_stream *node, const char *column, sli_event_time **out,
                             sl_error *err)
{
    sli_event_time *self = NULL;
    SL_TRY(sli_node_body(node, sizeof *self, (void **)&self, err));
    self->node = node;
    self->watermark_us = self->promised_us = SLI_NO_TIME;
    sli_lanes_init(&self->lanes);
    node->schema = sl_schema_ref(node->inputs[0]->schema);
    SL_TRY(find_column(self, column, err));
    SL_TRY(sl_schema_parse(&self->key_schema, "lane string", err));
    SL_TRY(sl_schema_parse(&self->value_schema, "latest timestamp, seen timestamp", err));
    self->info = (sli_table_info){.uid = node->uid,
                                  .kind = node->ops->kind,
                                  .keys = self->key_schema,
                                  .values = self->value_schema};
    *out = self;
    return SL_OK;
}

sl_stream *sli_event_time_end(sl_stream *node, sl_code rc, sl_error *err)
{
    sl_stream *made = sli_node_end(node, rc, err);
    if (made != NULL) {
        sli_event_time *self = made->body;
        self->next = made->graph->event_times;
        made->graph->event_times = self;
    }
    return made;
}

static sl_code resolve(sl_stream *node, const char *column, const char *delay, sl_error *err)
{
    sli_event_time *self = NULL;
    SL_TRY(sli_event_time_begin(node, column, &self, err));
    self->idle_us = DEFAULT_IDLE_US;
    self->ahead_us = DEFAULT_AHEAD_US;
    SL_TRY(sli_timed_duration("delay", delay, true, &self->delay_us, err));
    return set_args(self, err);
}

sl_stream *sl_stream_event_time(sl_stream *stream, const char *column, const char *delay)
{
    sl_stream *node = sli_node_begin(&event_time_ops, column, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, column, delay, &err);
    return sli_event_time_end(node, rc, &err);
}

// ---------------------------------------------------------------- settings

/// The event time, when its settings may still be made; else NULL, and a mistake may stick.
static sli_event_time *to_be_set(sl_stream *stream)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sli_event_time *self = sli_event_time_of(stream);
    if (self == NULL || self->above != NULL) {
        self = NULL;
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_error_set(&err, SL_E_INVALID,
                                  "it is no event time: set this on the stream that "
                                  "sl_stream_event_time returns");
        sli_node_mistake(stream, rc, &err);
    }
    return self;
}

static sl_stream *set_duration(sli_event_time *self, const char *time, int64_t *out_us)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_timed_duration("time", time, true, out_us, &err);
    rc = rc != SL_OK ? rc : set_args(self, &err);
    if (rc != SL_OK) {
        sli_node_mistake(self->node, rc, &err);
        return NULL;
    }
    return self->node;
}

sl_stream *sl_stream_idle_after(sl_stream *stream, const char *time)
{
    sli_event_time *self = to_be_set(stream);
    return self == NULL ? NULL : set_duration(self, time, &self->idle_us);
}

sl_stream *sl_stream_silent_after(sl_stream *stream, const char *time)
{
    sli_event_time *self = to_be_set(stream);
    return self == NULL ? NULL : set_duration(self, time, &self->silent_us);
}

sl_stream *sl_stream_max_ahead(sl_stream *stream, const char *time)
{
    sli_event_time *self = to_be_set(stream);
    return self == NULL ? NULL : set_duration(self, time, &self->ahead_us);
}
