// The definition of operators by event time: where their time comes from, their table, settings.
#include "stream/event/timed.h"

#include "stream/node_running.h"

sli_timed *sli_timed_of(const sl_stream *node)
{
    return node->ops->rdd == sli_timed_rdd ? node->body : NULL;
}

// ---------------------------------------------------------------- durations and fields

sl_code sli_timed_duration(const char *what, const char *text, bool may_be_zero, int64_t *out,
                           sl_error *err)
{
    int64_t us = 0;
    if (text == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the %s is NULL: write a duration, as \"10s\"",
                            what);
    }
    sl_code rc = sli_scan_duration_us(sli_text_of(text), &us, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "%s \"%.60s\"", what, text);
    }
    if ((us == 0 && !may_be_zero) || us > SLI_MAX_DURATION_US) {
        return sl_error_set(err, SL_E_INVALID, "%s \"%.60s\": it must be %s%d days at most", what,
                            text, may_be_zero ? "" : "more than 0, and ",
                            (int)(SLI_MAX_DURATION_US / 86400000000));
    }
    *out = us;
    return SL_OK;
}

void sli_put_duration(sli_str *out, const char *key, int64_t us)
{
    sli_str_printf(out, " %s=%s", key, sli_duration_of(us).text);
}

void sli_put_field(sli_str *out, const sl_schema *schema, int32_t column, const char *name)
{
    sl_text type = sli_column_type_text(schema, column);
    sli_str_printf(out, "%s%s %.*s", out->size > 0 ? ", " : "",
                   name == NULL ? sl_schema_field(schema, column)->name : name, (int)type.size,
                   type.data);
}

sl_code sli_parse_fields(sli_str *text, sl_schema **out, sl_error *err)
{
    sl_code rc = sli_str_check(text, "a schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text->data, err);
    }
    sli_str_reset(text);
    return rc;
}

// ---------------------------------------------------------------- where the time comes from

/// A walk up the graph to the nearest event times.
typedef struct climb {
    sli_event_time **out;
    int32_t *n;
    bool *seen; ///< by node
} climb;

static sl_code climb_to(climb *c, sl_stream *node, sl_error *err)
{
    sli_event_time *time = sli_event_time_of(node);
    if (c->seen[node->index]) {
        return SL_OK;
    }
    c->seen[node->index] = true;
    if (time != NULL) {
        c->out[(*c->n)++] = time;
        return SL_OK;
    }
    if (node->n_inputs == 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "its rows have no event time: operator %d (%s) gives rows to it, and "
                            "there is no sl_stream_event_time in between",
                            node->index + 1, node->ops->kind);
    }
    for (int32_t i = 0; i < node->n_inputs; i++) {
        // A model beside a stream gives no rows: a prediction's time is that of its row.
        if (node->n_inputs == 1 || !node->inputs[i]->ops->any_slide) {
            SL_TRY(climb_to(c, node->inputs[i], err));
        }
    }
    return SL_OK;
}

sl_code sli_times_above(sl_stream *stream, sli_event_time **out, int32_t *n, sl_error *err)
{
    size_t size = (size_t)stream->graph->n_nodes;
    climb c = {out, n, sl_alloc_array(SLI_TAG_STREAM, size + 1, sizeof(bool))};
    sl_code rc = c.seen == NULL ? sl_error_nomem(err, size, "a walk up the graph") : SL_OK;
    rc = rc != SL_OK ? rc : climb_to(&c, stream, err);
    sl_free(c.seen);
    return rc;
}

/// Those that watch rows, each once.
static void add_roots(sli_timed *self, sli_event_time *time)
{
    for (int32_t i = 0; i < time->n_above; i++) {
        add_roots(self, time->above[i]);
    }
    bool known = time->above != NULL;
    for (int32_t i = 0; i < self->n_roots && !known; i++) {
        known = self->roots[i] == time;
    }
    if (!known) {
        self->roots[self->n_roots++] = time;
    }
}

/// An event time and those that it follows.
static void ask_for_promises(sli_event_time *time)
{
    time->promises = true;
    for (int32_t i = 0; i < time->n_above; i++) {
        ask_for_promises(time->above[i]);
    }
}

static const char *column_of(const sli_event_time *time)
{
    return sl_schema_field(time->node->schema, time->column)->name;
}

/// The event times of an input, those from `first` on, name the same column, and it is there.
static sl_code find_column(sli_timed *self, int32_t side, int32_t first, sl_error *err)
{
    const sl_schema *in = self->node->inputs[side]->schema;
    const char *name = column_of(self->times[first]);
    for (int32_t i = first + 1; i < self->n_times; i++) {
        if (strcmp(column_of(self->times[i]), name) != 0) {
            return sl_error_set(err, SL_E_INVALID,
                                "the event time of its rows is '%.100s' or '%.100s': give both the "
                                "same name, or say it below their union",
                                name, column_of(self->times[i]));
        }
    }
    int32_t column = sl_schema_find(in, name);
    if (column < 0 || sl_schema_field(in, column)->type != SL_TIMESTAMP) {
        return sl_error_set(err, SL_E_INVALID,
                            "its rows have lost their event time, the timestamp '%.100s': keep the "
                            "column, or name another one with sl_stream_event_time",
                            name);
    }
    self->sides[side].column = column;
    return SL_OK;
}

sl_code sli_timed_begin(sl_stream *node, sli_timed *self, const sli_timed_ops *ops, sl_error *err)
{
    self->ops = ops;
    self->node = node;
    self->mode = SL_APPEND;
    self->watermark_us = self->before_us = SLI_NO_TIME;
    node->level = SL_MEMORY_AND_DISK; // every output of the epoch reads it
    size_t most = (size_t)(node->graph->n_nodes * node->n_inputs) + 1;
    self->times = sl_arena_alloc_zero(node->graph->arena, most * sizeof(sli_event_time *));
    self->roots = sl_arena_alloc_zero(node->graph->arena, most * sizeof(sli_event_time *));
    if (self->times == NULL || self->roots == NULL) {
        return sl_error_nomem(err, most * sizeof(sli_event_time *), "event times");
    }
    for (int32_t side = 0; side < node->n_inputs; side++) {
        int32_t first = self->n_times;
        SL_TRY(sli_times_above(node->inputs[side], self->times, &self->n_times, err));
        SL_TRY(find_column(self, side, first, err));
        self->sides[side].shuffled = node->inputs[side]->schema;
    }
    for (int32_t i = 0; i < self->n_times; i++) {
        add_roots(self, self->times[i]);
        if (ops->keeps_to_next) {
            ask_for_promises(self->times[i]);
        }
    }
    return SL_OK;
}

sl_code sli_timed_keys(sli_timed *self, const char *keys, sl_error *err)
{
    int32_t found[SLI_MAX_KEYS], n = 0;
    for (int32_t i = 0; i < self->node->n_inputs; i++) {
        sli_timed_side *side = &self->sides[i];
        SL_TRY(sli_keys_parse(keys, side->shuffled, found, &n, err));
        side->keys = sl_arena_copy(self->node->graph->arena, found, (size_t)n * sizeof(int32_t));
        if (side->keys == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof(int32_t), "columns");
        }
    }
    self->n_keys = n;
    return SL_OK;
}

// ---------------------------------------------------------------- the table

static void free_table(sli_timed *self)
{
    sl_schema_unref(self->key_schema);
    sl_schema_unref(self->value_schema);
    sl_schema_unref(self->row_schema);
    self->key_schema = self->value_schema = self->row_schema = NULL;
}

sl_code sli_timed_table(sli_timed *self, sli_str *keys, sli_str *values, sl_error *err)
{
    sli_str all = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&all, "%s, %s", keys->failed ? "" : keys->data,
                   values->failed ? "" : values->data);
    free_table(self);
    sl_code rc = sli_parse_fields(keys, &self->key_schema, err);
    rc = rc != SL_OK ? rc : sli_parse_fields(values, &self->value_schema, err);
    rc = rc != SL_OK ? rc : sli_parse_fields(&all, &self->row_schema, err);
    sli_str_reset(values);
    sli_str_reset(&all);
    SL_TRY(rc);
    int32_t n = sl_schema_columns(self->row_schema);
    self->places = sl_arena_alloc(self->node->graph->arena, (size_t)n * sizeof(int32_t));
    if (self->places == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(int32_t), "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        self->places[i] = i;
    }
    self->info = (sli_table_info){.uid = self->node->uid,
                                  .kind = self->node->ops->kind,
                                  .keys = self->key_schema,
                                  .values = self->value_schema,
                                  .n_placing = self->n_keys,
                                  .first_placing = self->first_placing};
    return SL_OK;
}

const sli_table_info *sli_timed_state(const sl_stream *node)
{
    sli_timed *self = node->body;
    self->info.uid = node->uid; // may have been given after the operator was defined
    return &self->info;
}

sl_code sli_timed_set_args(sli_timed *self, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    self->ops->put_args(self, &text);
    if (self->lateness_us > 0) {
        sli_put_duration(&text, "lateness", self->lateness_us);
    }
    sli_str_text(&text, self->mode == SL_UPDATE ? " update" : "");
    return sli_node_set_args(self->node, &text, err);
}

sl_stream *sli_timed_end(sl_stream *node, sl_code rc, sl_error *err)
{
    sl_stream *made = sli_node_end(node, rc, err);
    if (made != NULL) {
        sli_timed *self = made->body;
        self->next = made->graph->timed;
        made->graph->timed = self;
    }
    return made;
}

void sli_timed_free(sl_stream *node)
{
    sli_timed *self = node->body;
    if (self != NULL) {
        free_table(self);
        sl_schema_unref(self->spread_schema);
        sl_schema_unref(self->start_schema);
        sl_schema_unref(self->bounds_schema);
        if (self->plan != NULL) {
            sli_agg_plan_free(self->plan);
        }
        node->body = NULL;
    }
}

// ---------------------------------------------------------------- settings

/// The operator, when its settings may still be made; else NULL, and a mistake may stick.
static sli_timed *to_be_set(sl_stream *stream)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sli_timed *self = sli_timed_of(stream);
    if (self == NULL) {
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_error_set(&err, SL_E_INVALID,
                                  "it is no operator by event time: windows, sessions and "
                                  "sl_stream_distinct_within are");
        sli_node_mistake(stream, rc, &err);
    }
    return self;
}

static sl_stream *was_set(sli_timed *self, sl_code rc, sl_error *err)
{
    rc = rc != SL_OK ? rc : sli_timed_set_args(self, err);
    if (rc != SL_OK) {
        sli_node_mistake(self->node, rc, err);
        return NULL;
    }
    return self->node;
}

sl_stream *sl_stream_lateness(sl_stream *stream, const char *time)
{
    sli_timed *self = to_be_set(stream);
    if (self == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_timed_duration("lateness", time, true, &self->lateness_us, &err);
    return was_set(self, rc, &err);
}

sl_stream *sl_stream_output_mode(sl_stream *stream, sl_output_mode mode)
{
    if (stream != NULL && sli_is_running(stream)) {
        return sli_running_set_mode(stream, mode);
    }
    sli_timed *self = to_be_set(stream);
    if (self == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    if (mode == SL_COMPLETE) {
        rc = sl_error_set(&err, SL_E_INVALID,
                          "SL_COMPLETE is not for windows, of which there are ever more: they give "
                          "each result once (SL_APPEND) or when it changed (SL_UPDATE); "
                          "sl_stream_running_by_key gives all");
    } else if (mode != SL_APPEND && mode != SL_UPDATE) {
        rc = sl_error_set(&err, SL_E_INVALID, "%d is no output mode", (int)mode);
    } else if (!self->ops->has_modes) {
        rc = sl_error_set(&err, SL_E_INVALID, "only windows have an output mode");
    } else {
        self->mode = mode;
        rc = self->ops->shape == NULL ? SL_OK : self->ops->shape(self, &err);
    }
    return was_set(self, rc, &err);
}
