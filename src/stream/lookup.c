// What those who run a graph may ask about its nodes.
#include "stream/graph_int.h"

sl_code sli_graph_sources(const sl_graph *graph, sli_pair_fn each, void *ctx, sl_error *err)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const char *url = sli_node_url(graph->nodes[i]);
        if (url != NULL) {
            SL_TRY(each(ctx, sli_text_of(graph->nodes[i]->uid), sli_text_of(url), err));
        }
    }
    return SL_OK;
}
