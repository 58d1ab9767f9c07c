// Models of a graph: definition. A model is a node without inputs, which has the table; train calls
// and what is predicted are nodes over their stream and that node. Which train calls stand before a
// prediction is told by a number in its arguments.
#include "ml/ml_int.h"

#include <stdarg.h>
#include <stdio.h>

static const ml_kind *const kinds[] = {&ml_kmeans, &ml_linear,  &ml_logistic, &ml_standardize,
                                       &ml_ftrl,   &ml_xgboost, &ml_onnx,     NULL};

// ---------------------------------------------------------------- values

ml_value *ml_value_ref(const ml_value *value)
{
    ml_value *own = (ml_value *)(uintptr_t)value; // the count is all that changes
    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
    return own;
}

void ml_value_unref(const ml_value *value)
{
    ml_value *own = (ml_value *)(uintptr_t)value;
    // Release, acquire: whoever frees it sees what the others have read.
    if (own != NULL && atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) == 1) {
        own->kind->value_free(own);
    }
}

// ---------------------------------------------------------------- the node of a model

sl_code ml_model_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                     sl_error *err)
{
    sl_batch *const *const none[1] = {NULL};
    const int32_t n_none = 0;
    (void)inputs, (void)err;
    *out = sli_rdd_of_partitions(epoch->runtime, node->schema, none, &n_none, 1);
    return SL_OK;
}

const sli_table_info *ml_model_table(const sl_stream *node)
{
    sl_model *model = node->body;
    model->info.uid = node->uid; // it may have been given after the definition
    return &model->info;
}

void ml_model_free(sl_stream *node)
{
    sl_model *model = node->body;
    if (model != NULL) {
        ml_model_end(node, false);
        ml_value_unref(model->base);
        model->base = NULL;
        sl_schema_unref(model->key_schema);
        sl_schema_unref(model->value_schema);
        sl_schema_unref(model->row_schema);
        model->key_schema = model->value_schema = model->row_schema = NULL;
    }
}

static sl_code make_schemas(sl_model *model, sl_error *err)
{
    const ml_kind *kind = model->kind;
    SL_TRY(sl_schema_parse(&model->key_schema, kind->keys, err));
    SL_TRY(sl_schema_parse(&model->value_schema, kind->values, err));
    const char *text = sl_arena_printf(model->graph->arena, "%s, %s", kind->keys, kind->values);
    if (text == NULL) {
        return sl_error_nomem(err, 64, "a model");
    }
    SL_TRY(sl_schema_parse(&model->row_schema, text, err));
    model->info = (sli_table_info){
        .kind = kind->node.kind, .keys = model->key_schema, .values = model->value_schema};
    return SL_OK;
}

static sl_code read_options(sl_model *model, const char *options, sl_error *err)
{
    const sl_option *tables[] = {model->kind->options, sli_ml_options, model->kind->more, NULL};
    sl_conf *conf = NULL;
    SL_TRY(sl_conf_new(&conf, model->kind->node.kind, tables, err));
    sl_code rc = sl_conf_parse(conf, options, err);
    rc = rc != SL_OK ? rc : sl_conf_check(conf, err);
    if (rc == SL_OK) {
        model->skips = sl_conf_choice(conf, "invalid") == 1;
        rc = model->kind->define(model, conf, err);
    }
    sl_conf_free(conf);
    return rc;
}

static sl_code define(sl_model *model, const char *options, sl_error *err)
{
    sl_stream *node = model->node;
    model->params = sl_arena_alloc_zero(model->graph->arena, model->kind->params_bytes);
    if (model->params == NULL) {
        return sl_error_nomem(err, model->kind->params_bytes, "a model");
    }
    SL_TRY(make_schemas(model, err));
    SL_TRY(read_options(model, options, err));
    node->schema = sl_schema_ref(model->row_schema);
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&text, "options", options);
    return sli_node_set_args(node, &text, err);
}

sl_model *ml_model_open(sl_graph *graph, const ml_kind *kind, const char *options)
{
    sl_stream *node = sli_node_begin_source(graph, &kind->node, NULL);
    if (node == NULL) {
        return NULL;
    }
    sl_model *model = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_node_body(node, sizeof *model, (void **)&model, &err);
    if (rc == SL_OK) {
        *model = (sl_model){.kind = kind, .graph = graph, .node = node};
        model->last = &model->first;
        rc = define(model, options, &err);
    }
    return sli_node_end(node, rc, &err) == NULL ? NULL : model;
}

static void no_such_kind(sl_graph *graph, const char *name)
{
    const char *names[sizeof kinds / sizeof kinds[0]] = {NULL};
    for (int32_t i = 0; kinds[i] != NULL; i++) {
        names[i] = kinds[i]->node.kind;
    }
    sl_error err = SL_ERROR_INIT;
    const char *near = name == NULL ? NULL : sli_nearest(name, names);
    sl_code rc = sl_error_set(
        &err, SL_E_INVALID, "there is no model '%.100s'%s%s%s", name == NULL ? "(NULL)" : name,
        near == NULL ? ": kmeans, linear, logistic, standardize, ftrl, xgboost or onnx"
                     : ", did you mean '",
        near == NULL ? "" : near, near == NULL ? "" : "'?");
    sli_graph_stick(graph, rc, &err);
}

sl_model *sl_model_open(sl_graph *graph, const char *kind, const char *options)
{
    for (int32_t i = 0; kind != NULL && kinds[i] != NULL; i++) {
        if (strcmp(kinds[i]->node.kind, kind) == 0) {
            return ml_model_open(graph, kinds[i], options);
        }
    }
    if (sli_graph_is_open(graph)) {
        no_such_kind(graph, kind);
    }
    return NULL;
}

sl_model *sl_model_uid(sl_model *model, const char *uid)
{
    return model == NULL || sl_stream_uid(model->node, uid) == NULL ? NULL : model;
}

// ---------------------------------------------------------------- dimensions

sl_code ml_other_shape(const sl_model *model, sl_error *err, const char *fmt, ...)
{
    char what[160];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return sl_error_set(err, SL_E_INCOMPATIBLE,
                        "the checkpoint's %s has another shape: %s. Give the new one another uid "
                        "(sl_model_uid), or the options that it was trained with",
                        model->kind->node.kind, what);
}

sl_code ml_feature_of(const sl_model *model, const sl_batch *keys, int64_t i, int64_t *out,
                      sl_error *err)
{
    int64_t feature = sl_column_int64(sl_batch_column(keys, 0), i);
    if (feature < 0 || feature >= model->dims) {
        return ml_other_shape(model, err, "it has a feature %lld, and they are %d now",
                              (long long)feature, model->dims);
    }
    *out = feature;
    return SL_OK;
}

sl_code ml_features_loaded(const sl_model *model, const ml_value *value, int64_t n, sl_error *err)
{
    (void)value;
    return n == model->dims
               ? SL_OK
               : ml_other_shape(model, err, "it has %lld features, and they are %d now",
                                (long long)n, model->dims);
}

/// The features named fit the model, or tell how many it has.
static sl_code settle_dims(sl_model *model, const ml_input *input, sl_error *err)
{
    if (model->kind->is_sparse) {
        return SL_OK;
    }
    if (input->dims > 0 && model->dims == 0) {
        model->dims = input->dims;
    }
    if (model->dims == 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "how many features '%.60s' has is not known: set dims=, as in dims=3, "
                            "in the options of the %s",
                            input->names, model->kind->node.kind);
    }
    return input->dims == 0 || input->dims == model->dims
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "\"%.60s\" are %d features, the %s has %d",
                              input->names, input->dims, model->kind->node.kind, model->dims);
}

sl_code ml_resolve_input(sl_model *model, const sl_stream *node, const char *features,
                         const char *label, ml_input *out, sl_error *err)
{
    SL_TRY(ml_input_parse(out, node->inputs[0], features, label, model->kind, model->graph->arena,
                          err));
    SL_TRY(settle_dims(model, out, err));
    return model->kind->fit == NULL ? SL_OK : model->kind->fit(model, out, err);
}

sl_stream *ml_node_begin(sl_model *model, const sli_node_ops *ops, sl_stream *stream)
{
    if (model == NULL || stream == NULL) {
        return NULL;
    }
    sl_stream *inputs[2] = {stream, model->node};
    return sli_node_begin_many(ops, model->kind->node.kind, inputs, 2);
}

// ---------------------------------------------------------------- train

static sl_code resolve_train(sl_model *model, sl_stream *node, const char *features,
                             const char *label, sl_error *err)
{
    ml_train *train = NULL;
    SL_TRY(sli_node_body(node, sizeof *train, (void **)&train, err));
    *train = (ml_train){.model = model, .node = node, .number = model->n_trains};
    if (model->kind->learn == NULL) {
        return sl_error_set(
            err, SL_E_INVALID,
            "a model of the kind %s is trained elsewhere and only predicts: replace "
            "its file to have it learn",
            model->kind->node.kind);
    }
    if (model->kind->has_labels != (label != NULL)) {
        return sl_error_set(err, SL_E_INVALID,
                            label == NULL ? "a %s learns from labels: name their column"
                                          : "a %s has no labels: the last argument is NULL",
                            model->kind->node.kind);
    }
    SL_TRY(ml_resolve_input(model, node, features, label, &train->input, err));
    node->schema = sl_schema_ref(model->row_schema);
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&text, "features", features);
    sli_put_pair(&text, "label", label);
    sli_str_printf(&text, " after=%d", model->n_trains);
    return sli_node_set_args(node, &text, err);
}

sl_stream *ml_train_open(sl_model *model, sl_stream *stream, const char *features,
                         const char *label)
{
    sl_stream *node = ml_node_begin(model, &ml_train_ops, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_train(model, node, features, label, &err);
    ml_train *train = node->body;
    node = sli_node_end(node, rc, &err);
    if (node != NULL) {
        *model->last = train;
        model->last = &train->next;
        model->n_trains++;
    }
    return node;
}

void sl_model_train(sl_model *model, sl_stream *stream, const char *features, const char *label)
{
    sl_stream *node = ml_train_open(model, stream, features, label);
    if (node == NULL) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_graph_add_output(
        node->graph, &(sli_output){.kind = SLI_OUT_STATE, .verb = "learn", .input = node}, &err);
    if (rc != SL_OK) {
        sli_graph_stick(node->graph, rc, &err);
    }
}

// ---------------------------------------------------------------- shape

int32_t sl_model_features(const sl_model *model)
{
    return model == NULL ? 0 : model->dims;
}

int32_t sl_model_outputs(const sl_model *model)
{
    if (model == NULL || model->kind->out == NULL) {
        return 0;
    }
    return model->n_outputs > 0 ? model->n_outputs : model->kind->names_each ? model->dims : 1;
}
