// Slides: at which batch times a stream has an RDD, and who wants it.
//
// A stream has the slide of its inputs, a window its own. Streams are pulled: an output wants its
// stream's RDD whenever there is one, a window wants that of every batch time which a window to
// come holds, and what nobody wants is not computed; then its sources are not asked. A window whose
// own RDD nobody wants (a second window has gaps) counts as wanted: that costs rows, never a
// result.
#include "stream/node_map_state.h"
#include "stream/node_window.h"

void sli_put_length(sli_str *out, const char *key, int64_t us)
{
    if (us > 0) {
        sli_put_pair(out, key, sli_duration_of(us).text);
    }
}

// ---------------------------------------------------------------- resolving

static sl_code check_multiple(const char *what, int64_t us, int64_t slide_us, sl_error *err)
{
    if (us % slide_us == 0) {
        return SL_OK;
    }
    sli_duration given = sli_duration_of(us), slide = sli_duration_of(slide_us);
    sli_duration below = sli_duration_of(us - us % slide_us);
    sli_duration above = sli_duration_of(us - us % slide_us + slide_us);
    return us < slide_us
               ? sl_error_set(err, SL_E_INVALID,
                              "its %s of %s must be a multiple of its stream's slide, which is %s: "
                              "the next is %s",
                              what, given.text, slide.text, above.text)
               : sl_error_set(err, SL_E_INVALID,
                              "its %s of %s must be a multiple of its stream's slide, which is %s: "
                              "the next are %s and %s",
                              what, given.text, slide.text, below.text, above.text);
}

static sl_code resolve_window(sl_stream *node, sl_error *err)
{
    const sli_window_def *def = node->body;
    int64_t slide_us = node->inputs[0]->slide_us;
    SL_TRY(check_multiple("window", def->window_us, slide_us, err));
    SL_TRY(check_multiple("slide", def->slide_us, slide_us, err));
    node->slide_us = def->slide_us > 0 ? def->slide_us : slide_us;
    return SL_OK;
}

static sl_code resolve(sl_stream *node, int64_t interval_us, sl_error *err)
{
    if (node->ops->is_window) {
        return resolve_window(node, err);
    }
    node->slide_us = node->n_inputs == 0 ? interval_us : node->inputs[0]->slide_us;
    for (int32_t i = 1; i < node->n_inputs; i++) {
        if (node->inputs[i]->slide_us != node->slide_us && !node->inputs[i]->ops->any_slide) {
            sli_duration first = sli_duration_of(node->slide_us);
            sli_duration other = sli_duration_of(node->inputs[i]->slide_us);
            return sl_error_set(err, SL_E_INVALID,
                                "all its streams must have the same slide: stream 1 has %s, stream "
                                "%d has %s",
                                first.text, i + 1, other.text);
        }
    }
    if (node->ops->every_epoch && node->slide_us != interval_us) {
        sli_duration slide = sli_duration_of(node->slide_us);
        return sl_error_set(err, SL_E_INVALID,
                            "its stream has rows every %s only: say the event time before the "
                            "windows",
                            slide.text);
    }
    return check_multiple("timeout_every", sli_touched_every(node), node->slide_us, err);
}

/// What outputs rest on.
static void mark_used(sl_graph *graph)
{
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        graph->outputs[i].input->is_used = true;
    }
    for (int32_t i = graph->n_nodes; i-- > 0;) { // inputs stand before what reads them
        for (int32_t k = 0; k < graph->nodes[i]->n_inputs && graph->nodes[i]->is_used; k++) {
            graph->nodes[i]->inputs[k]->is_used = true;
        }
    }
}

sl_code sli_graph_slides(sl_graph *graph, int64_t interval_us, sl_error *err)
{
    SL_TRY(sl_graph_check(graph, err));
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        sl_error error = SL_ERROR_INIT;
        sl_code rc = resolve(graph->nodes[i], interval_us, &error);
        if (rc != SL_OK) {
            sli_node_mistake(graph->nodes[i], rc, &error);
            return sl_graph_check(graph, err);
        }
    }
    mark_used(graph);
    return SL_OK;
}

// ---------------------------------------------------------------- in an epoch

bool sli_slide_fires(int64_t slide_us, int64_t before_us, int64_t time_us)
{
    return time_us / slide_us > before_us / slide_us;
}

bool sli_window_takes(const sl_stream *window, int64_t before_us, int64_t time_us)
{
    const sli_window_def *def = window->body;
    if (!sli_slide_fires(window->inputs[0]->slide_us, before_us, time_us)) {
        return false;
    }
    int64_t next_us = sli_slide_fires(window->slide_us, before_us, time_us)
                          ? time_us
                          : (time_us / window->slide_us + 1) * window->slide_us;
    return time_us > next_us - def->window_us;
}

void sli_graph_waits(const sl_graph *graph, int64_t before_us, int64_t time_us, bool *waits)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        waits[i] = graph->nodes[i]->is_used;
    }
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        const sl_stream *input = graph->outputs[i].input;
        bool is_given = !graph->outputs[i].is_letters && // these rest on no stream
                        sli_slide_fires(input->slide_us, before_us, time_us);
        waits[input->index] = waits[input->index] && !is_given;
    }
    for (int32_t i = graph->n_nodes; i-- > 0;) {
        const sl_stream *node = graph->nodes[i];
        for (int32_t k = 0; k < node->n_inputs && node->is_used; k++) {
            bool wanted =
                node->ops->is_window ? sli_window_takes(node, before_us, time_us) : !waits[i];
            waits[node->inputs[k]->index] = waits[node->inputs[k]->index] && !wanted;
        }
    }
}
