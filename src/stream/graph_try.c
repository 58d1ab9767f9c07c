// What an operator makes, found by trying it: its RDD over RDDs without rows, which have the
// schemas of its inputs. So keys, aggregations and names are resolved in one place, rdd/, and a
// stream's definition can't promise another schema than its epochs have.
#include "stream/graph_def.h"

static void drop_all(sl_rdd **inputs, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        sl_rdd_unref(inputs[i]);
    }
    sl_free(inputs);
}

/// RDDs have "kind: " before their mistakes, which the operator's place says already.
static sl_code without_kind(const sl_stream *node, sl_code rc, sl_error *err)
{
    size_t n = strlen(node->ops->kind);
    if (err != NULL && strncmp(err->text, node->ops->kind, n) == 0 &&
        strncmp(err->text + n, ": ", 2) == 0) {
        memmove(err->text, err->text + n + 2, strlen(err->text + n + 2) + 1);
    }
    return rc;
}

static sl_code try_on(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_error *err)
{
    sl_rdd *made = NULL;
    sl_code rc = node->ops->rdd(node, epoch, inputs, &made, err);
    rc = rc != SL_OK ? rc : sl_rdd_check(made, err);
    if (rc == SL_OK) {
        node->schema = sl_schema_ref(sl_rdd_schema(made));
    }
    sl_rdd_unref(made);
    return without_kind(node, rc, err);
}

sl_code sli_node_try(sl_stream *node, sl_error *err)
{
    sli_runtime runtime = {.parallelism = 1, .aggregations = sli_graph_aggregations(node->graph)};
    sli_epoch epoch = {.runtime = &runtime};
    sl_rdd **inputs = sl_alloc_array(SLI_TAG_STREAM, (size_t)node->n_inputs + 1, sizeof(sl_rdd *));
    sl_code rc = inputs == NULL ? sl_error_nomem(err, (size_t)node->n_inputs * sizeof(sl_rdd *),
                                                 "the inputs of an operator")
                                : SL_OK;
    sl_batch *const *const no_batches[1] = {NULL};
    const int32_t none[1] = {0};
    for (int32_t i = 0; rc == SL_OK && i < node->n_inputs; i++) {
        inputs[i] = sli_rdd_of_partitions(&runtime, node->inputs[i]->schema, no_batches, none, 1);
        rc = sl_rdd_check(inputs[i], err);
    }
    rc = rc != SL_OK ? rc : try_on(node, &epoch, inputs, err);
    if (inputs != NULL) {
        drop_all(inputs, node->n_inputs);
    }
    sli_runtime_reset(&runtime);
    return rc;
}
