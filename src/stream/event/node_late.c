// The stream of rows that an operator by event time did not take.
#include "stream/event/timed.h"

typedef struct late_body {
    int32_t side; ///< of the operator's inputs
} late_body;

static sl_code late_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                        sl_error *err)
{
    const late_body *body = node->body;
    return sli_sift_rdd(sli_timed_of(node->inputs[0]), body->side, epoch, inputs[1], true, out,
                        err);
}

static const sli_node_ops late_ops = {.kind = "late", .rdd = late_rdd};

static sl_code resolve(sl_stream *node, int32_t side, sl_error *err)
{
    const sl_stream *timed = node->inputs[0];
    late_body *body = NULL;
    if (sli_timed_of(timed) == NULL || side >= timed->n_inputs) {
        return sl_error_set(err, SL_E_INVALID,
                            side == 0 ? "only operators by event time have late rows: windows, "
                                        "sessions, sl_stream_distinct_within and interval joins"
                                      : "only interval joins have late rows on the right");
    }
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->side = side;
    node->schema = sl_schema_ref(node->inputs[1]->schema);
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_str_text(&args, side == 0 ? "" : " right");
    return sli_node_set_args(node, &args, err);
}

static sl_stream *define(sl_stream *stream, int32_t side)
{
    bool there = stream != NULL && side < stream->n_inputs;
    sl_stream *const both[2] = {stream, there ? stream->inputs[side] : stream};
    sl_stream *node = sli_node_begin_many(&late_ops, NULL, both, 2);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, side, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_late(sl_stream *stream)
{
    return define(stream, 0);
}

sl_stream *sl_stream_late_right(sl_stream *stream)
{
    return define(stream, 1);
}
