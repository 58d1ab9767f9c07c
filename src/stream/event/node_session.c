// Sessions: rows of a key that are less than a gap apart, aggregated. Definition; session_run.c has
// the work.
//
// The table holds, for each key, its open sessions in order of time as one value, a list of structs
// "start, latest, partial states": a new row may join several of them, and a key rarely has more
// than a few.
#include "stream/event/session.h"

/// The first of a key's sessions to be closed.
static int64_t due_at(const sli_timed *self, const sl_batch *rows, int64_t row)
{
    const sl_column *list = sl_batch_column(rows, sl_schema_columns(self->key_schema));
    const int32_t *offsets = list->values;
    const sl_column *latest = &list->children[0].children[SLI_SESSION_LATEST];
    int64_t first = INT64_MAX;
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        int64_t at = sli_session_closes(self, sl_column_int64(latest, i));
        first = at < first ? at : first;
    }
    return first;
}

static void put_args(const sli_timed *self, sli_str *out)
{
    sli_put_columns(out, "keys", self->sides[0].shuffled, self->sides[0].keys, self->n_keys);
    sli_put_pair(out, "aggregations", sli_agg_plan_text(self->plan));
    sli_put_duration(out, "gap", sli_session_of(self)->gap_us);
}

static const sli_timed_ops session_timed_ops = {.closes = sli_session_closes,
                                                .run = sli_session_run,
                                                .due = due_at,
                                                .put_args = put_args,
                                                .has_modes = true};

static const sli_node_ops session_ops = {.kind = "sessionWindow",
                                         .rdd = sli_timed_rdd,
                                         .free = sli_timed_free,
                                         .state = sli_timed_state,
                                         .most_partitions = SLI_MAX_HASH_PARTITIONS};

/// "event.sessions list<struct<event.start timestamp, event.latest timestamp, STATES>>".
static sl_code make_table(sli_session_body *body, sl_error *err)
{
    sli_timed *self = &body->timed;
    const sl_schema *partial = sli_agg_plan_partial(self->plan);
    sli_str keys = {.tag = SLI_TAG_STREAM}, states = {.tag = SLI_TAG_STREAM},
            values = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < sl_schema_columns(partial); i++) {
        sli_put_field(i < self->n_keys ? &keys : &states, partial, i, NULL);
    }
    body->n_states = sl_schema_columns(partial) - self->n_keys;
    sli_str_printf(&values,
                   "event.sessions list<struct<event.start timestamp, event.latest timestamp, %s>>",
                   states.failed || states.data == NULL ? "" : states.data);
    sl_code rc = sli_str_check(&states, "a schema", err);
    sli_str_reset(&states);
    if (rc != SL_OK) {
        sli_str_reset(&keys);
        sli_str_reset(&values);
        return rc;
    }
    return sli_timed_table(self, &keys, &values, err);
}

static sl_code resolve(sl_stream *node, const char *keys, const char *aggregations, const char *gap,
                       sl_error *err)
{
    sli_session_body *body = NULL;
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    sli_timed *self = &body->timed;
    SL_TRY(sli_timed_begin(node, self, &session_timed_ops, err));
    SL_TRY(sli_timed_duration("gap", gap, false, &body->gap_us, err));
    SL_TRY(sli_timed_keys(self, keys, err));
    if (aggregations == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the aggregations are NULL");
    }
    SL_TRY(sli_agg_plan_new(&self->plan, aggregations, self->sides[0].shuffled, self->sides[0].keys,
                            self->n_keys, sli_graph_aggregations(node->graph), err));
    SL_TRY(sli_timed_results(self, 0, err));
    SL_TRY(make_table(body, err));
    return sli_timed_set_args(self, err);
}

sl_stream *sl_stream_session_window(sl_stream *stream, const char *keys, const char *aggregations,
                                    const char *gap)
{
    sl_stream *node = sli_node_begin(&session_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, aggregations, gap, &err);
    return sli_timed_end(node, rc, &err);
}
