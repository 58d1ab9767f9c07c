// changes: what a running aggregation's results were and are, for an aggregation over them.
//
// Who adds up results that change has to take the earlier one of a key back. So this stream gives,
// for every key whose result an epoch has changed, the old row with -1 behind it and the new one
// with +1. The sum of these marks over equal rows is how often a row is among the results now.
//
// Its tasks do the work of the aggregation's own (node_running_task.c), on the same states and the
// same table, and leave their views with the aggregation's RDD: where nobody asks for its rows, the
// work is done once.
#include "stream/node_running.h"

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    return sli_running_compute_changes(rdd->deps[0].parent, rdd->body, partition, task, push, ctx,
                                       err);
}

/// The body is the node's.
static void free_nothing(sl_rdd *rdd)
{
    (void)rdd;
}

static const sli_rdd_ops changes_rdd_ops = {
    .name = "changes", .compute = compute, .free = free_nothing};

static sl_code make_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                        sl_error *err)
{
    (void)err;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &changes_rdd_ops, node->schema, inputs[0]->n_partitions,
                       &dep, 1, node->body);
    if (*out != NULL && (*out)->mistake == NULL) {
        (*out)->pinned = (*out)->is_held = true;
        (*out)->is_empty = inputs[0]->is_empty;
    }
    return SL_OK;
}

static void changes_free(sl_stream *node)
{
    sli_running_changes *body = node->body;
    if (body != NULL) {
        sl_schema_unref(body->mark_schema);
    }
}

static const sli_node_ops changes_ops = {.kind = "changes", .rdd = make_rdd, .free = changes_free};

// ---------------------------------------------------------------- definition

static sl_code check_input(const sl_stream *stream, sl_error *err)
{
    if (!sli_is_running(stream)) {
        return sl_error_set(err, SL_E_INVALID, "only runningByKey has changes");
    }
    const sli_running_body *running = stream->body;
    if (running->touched.def.ttl_us > 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "its keys have a timeout, and nobody would be told of the results that "
                            "go with them: leave out sl_stream_timeout");
    }
    return running->mode == SL_UPDATE ? SL_OK
                                      : sl_error_set(err, SL_E_INVALID,
                                                     "it gives all results in every epoch: what "
                                                     "changes is known of SL_UPDATE alone");
}

/// The stream's columns and the mark behind them.
static sl_code make_schema(sl_stream *node, const char *mark, sl_error *err)
{
    sli_running_changes *body = node->body;
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, "%s int64", mark);
    sl_code rc = sli_str_check(&text, "a schema", err);
    rc = rc != SL_OK ? rc : sl_schema_parse(&body->mark_schema, text.data, err);
    rc = rc != SL_OK ? rc
                     : sli_state_beside(node->inputs[0]->schema, body->mark_schema,
                                        "the mark of a change", &node->schema, err);
    sli_str_reset(&text);
    return rc;
}

static sl_code resolve(sl_stream *node, const char *mark, sl_error *err)
{
    sli_running_changes *body = NULL;
    SL_TRY(check_input(node->inputs[0], err));
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->node = node;
    SL_TRY(make_schema(node, mark, err));
    ((sli_running_body *)node->inputs[0]->body)->touched.has_changes = true;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&args, "mark", mark);
    return sli_node_set_args(node, &args, err);
}

sl_stream *sli_stream_running_changes(sl_stream *stream, const char *mark)
{
    sl_stream *node = sli_node_begin(&changes_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, mark, &err);
    return sli_node_end(node, rc, &err);
}
