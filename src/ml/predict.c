// What a model gives: predictions behind the columns of a stream, its rows, its results.
#include "ml/ml_int.h"

#include <stdio.h>

// ---------------------------------------------------------------- waiting for a value

bool ml_wait_is_ready(const sl_rdd *rdd)
{
    return ((const ml_wait *)rdd->body)->value != NULL;
}

sl_code ml_wait_prepare(sl_rdd *rdd, sl_error *err)
{
    ml_wait *wait = rdd->body;
    const ml_value *value = NULL;
    SL_TRY(ml_value_after(wait->model, wait->n_trains, &value, err));
    wait->value = ml_value_ref(value);
    return SL_OK;
}

/// The body of an RDD that waits; *out also carries what is wrong with it.
static sl_code new_waiting(sl_model *model, int32_t n_trains, size_t size, sli_epoch *epoch,
                           void **out, sl_error *err)
{
    SL_TRY(ml_trains_make(model, n_trains, epoch, err));
    ml_wait *wait = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (wait == NULL) {
        return sl_error_nomem(err, size, "an RDD of a model");
    }
    wait->model = model;
    wait->n_trains = n_trains;
    *out = wait;
    return SL_OK;
}

static void free_waiting(sl_rdd *rdd)
{
    ml_value_unref(((ml_wait *)rdd->body)->value);
    sl_free(rdd->body);
}

// ---------------------------------------------------------------- predictions

typedef struct predict_body {
    sl_model *model;
    int32_t n_trains;
    ml_input input;
    sl_schema *made; ///< the columns behind the stream's
} predict_body;

typedef struct predicted {
    ml_wait wait;
    const predict_body *def;
    const sl_schema *schema;
} predicted;

typedef struct predicting {
    const predicted *how;
    ml_reader reader;
    sl_builder *builder;
    const sl_batch **from;
    int32_t *column;
    sli_push_fn push;
    void *ctx;
} predicting;

static sl_code predict_rows(void *ctx, const ml_rows *rows, sl_error *err)
{
    const predicting *p = ctx;
    const sl_model *model = p->how->wait.model;
    return model->kind->predict(model, p->how->wait.value, rows, p->builder, 0, err);
}

static sl_code push_predicted(predicting *p, const sl_batch *in, const sl_batch *made,
                              sl_error *err)
{
    int32_t columns = sl_schema_columns(sl_batch_schema(in));
    for (int32_t i = 0; i < sl_schema_columns(p->how->schema); i++) {
        p->from[i] = i < columns ? in : made;
        p->column[i] = i < columns ? i : i - columns;
    }
    sl_batch *out = NULL;
    sl_code rc = sli_batch_project(p->how->schema, p->from, p->column, &out, err);
    rc = rc != SL_OK ? rc : p->push(p->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

static sl_code predict_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    predicting *p = ctx;
    sl_batch *made = NULL;
    SL_TRY(ml_reader_each(&p->reader, batch, predict_rows, p, err));
    SL_TRY(sl_builder_finish(p->builder, &made, err));
    sl_code rc = push_predicted(p, batch, made, err);
    sl_batch_unref(made);
    return rc;
}

static sl_code compute_predicted(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                 void *ctx, sl_error *err)
{
    const predicted *how = rdd->body;
    size_t n = (size_t)sl_schema_columns(how->schema);
    predicting p = {
        .how = how,
        .reader = {.model = how->wait.model, .input = &how->def->input, .partition = partition},
        .from = sl_arena_alloc(task->arena, n * sizeof(sl_batch *)),
        .column = sl_arena_alloc(task->arena, n * sizeof(int32_t)),
        .push = push,
        .ctx = ctx};
    if (p.from == NULL || p.column == NULL) {
        return sl_error_nomem(err, n * sizeof(sl_batch *), "columns of a prediction");
    }
    sl_code rc = sl_builder_new(&p.builder, how->def->made, err);
    rc = rc != SL_OK ? rc
                     : sli_rdd_each(rdd->deps[0].parent, partition, task, predict_batch, &p, err);
    sl_builder_free(p.builder);
    ml_reader_reset(&p.reader);
    return rc;
}

static const sli_rdd_ops predicted_ops = {.name = "predict",
                                          .compute = compute_predicted,
                                          .is_ready = ml_wait_is_ready,
                                          .prepare = ml_wait_prepare,
                                          .free = free_waiting,
                                          .keeps_empty = true,
                                          .keeps_place = true,
                                          .by_row = true};

static sl_code predict_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                           sl_error *err)
{
    const predict_body *def = node->body;
    predicted *how = NULL;
    SL_TRY(new_waiting(def->model, def->n_trains, sizeof *how, epoch, (void **)&how, err));
    how->def = def;
    how->schema = node->schema;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &predicted_ops, node->schema, inputs[0]->n_partitions, &dep,
                       1, how);
    return SL_OK;
}

static void predict_free(sl_stream *node)
{
    predict_body *def = node->body;
    if (def != NULL) {
        sl_schema_unref(def->made);
        def->made = NULL;
    }
}

static const sli_node_ops predict_ops = {
    .kind = "predict", .rdd = predict_rdd, .free = predict_free, .asks_user = true};

// ---------------------------------------------------------------- predictions: definition

static void put_field(sli_str *out, sl_text name, const char *type, const char *null)
{
    sli_str_printf(out, "%s%.*s %s%s", out->size == 0 ? "" : ", ", (int)name.size, name.data, type,
                   null);
}

/// A type for each name in "a, b"; *n counts them.
static void put_named(sli_str *out, const char *names, const char *type, const char *null,
                      int32_t *n)
{
    for (const char *at = names; *at != '\0';) {
        at += strspn(at, ", ");
        size_t size = strcspn(at, ", ");
        if (size > 0) {
            put_field(out, (sl_text){at, size}, type, null);
            ++*n;
        }
        at += size;
    }
}

static int32_t count_names(const char *names)
{
    int32_t n = 0;
    for (const char *at = names + strspn(names, ", "); *at != '\0'; at += strspn(at, ", ")) {
        n++;
        at += strcspn(at, ", ");
    }
    return n;
}

static void put_scaled(sli_str *out, const ml_input *input, const char *type, const char *null)
{
    for (int32_t i = 0; i < input->n_columns; i++) {
        const char *name = sl_schema_field(input->schema, input->columns[i])->name;
        char scaled[300];
        (void)snprintf(scaled, sizeof scaled, "%.280s_scaled", name);
        put_field(out, sli_text_of(scaled), type, null);
    }
}

static sl_code made_schema(const sl_model *model, const ml_input *input, const char *names,
                           sl_schema **out, sl_error *err)
{
    const ml_kind *kind = model->kind;
    sli_str text = {.tag = SLI_TAG_STREAM};
    const char *null = model->skips || kind->null_at_first ? "?" : "";
    const char *type = kind->names_each && input->is_list ? "list<float64>" : kind->out;
    int32_t want = kind->names_each ? input->n_columns : 1, n = want;
    if (model->n_outputs > 1) { // one list, or as many columns as there are numbers
        want = names != NULL && count_names(names) > 1 ? model->n_outputs : 1;
        type = want == 1 ? "list<float64>" : type;
    }
    if (names != NULL) {
        n = 0;
        put_named(&text, names, type, null, &n);
    } else if (kind->names_each) {
        put_scaled(&text, input, type, null);
    } else {
        put_field(&text, sli_text_of("prediction"), type, null);
    }
    sl_code rc = sli_str_check(&text, "names of predictions", err);
    if (rc == SL_OK && n != want) {
        rc = sl_error_set(err, SL_E_INVALID, "\"%.60s\" are %d names, and there are %d predictions",
                          names, n, want);
    }
    rc = rc != SL_OK ? rc : sl_schema_parse(out, text.data, err);
    sli_str_reset(&text);
    return rc;
}

/// The stream's columns, then the predictions.
static sl_code beside(const sl_schema *in, const sl_schema *made, sl_schema **out, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(made); i++) {
        const char *name = sl_schema_field(made, i)->name;
        if (sl_schema_find(in, name) >= 0) {
            return sl_error_set(err, SL_E_INVALID,
                                "the stream has a column '%.60s' already: give the prediction "
                                "another name",
                                name);
        }
    }
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, "%s, %s", sl_schema_text(in), sl_schema_text(made));
    sl_code rc = sli_str_check(&text, "columns of a prediction", err);
    rc = rc != SL_OK ? rc : sl_schema_parse(out, text.data, err);
    sli_str_reset(&text);
    return rc;
}

static sl_code resolve_predict(sl_model *model, sl_stream *node, const char *features,
                               const char *names, sl_error *err)
{
    predict_body *def = NULL;
    SL_TRY(sli_node_body(node, sizeof *def, (void **)&def, err));
    def->model = model;
    def->n_trains = model->n_trains;
    SL_TRY(ml_resolve_input(model, node, features, NULL, &def->input, err));
    SL_TRY(made_schema(model, &def->input, names, &def->made, err));
    SL_TRY(beside(node->inputs[0]->schema, def->made, &node->schema, err));
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&text, "features", features);
    sli_str_printf(&text, " after=%d", model->n_trains);
    return sli_node_set_args(node, &text, err);
}

sl_stream *sl_model_predict(sl_model *model, sl_stream *stream, const char *features,
                            const char *names)
{
    sl_stream *node = ml_node_begin(model, &predict_ops, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_predict(model, node, features, names, &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- the model's rows

typedef struct rows_body {
    sl_model *model;
    int32_t n_trains;
} rows_body;

/// The table's columns, from the rows that a save of all gives.
static sl_code rows_of(const sl_model *model, const ml_value *value, sl_batch **out, sl_error *err)
{
    ml_changes all = {0};
    sl_batch *keys = NULL, *values = NULL;
    int32_t n_keys = sl_schema_columns(model->key_schema);
    int32_t n = sl_schema_columns(model->row_schema);
    const sl_batch *from[16];
    int32_t column[16];
    sl_code rc = sl_builder_new(&all.keys, model->key_schema, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&all.values, model->value_schema, err);
    rc = rc != SL_OK ? rc : model->kind->save(model, NULL, value, &all, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(all.keys, &keys, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(all.values, &values, err);
    for (int32_t i = 0; i < n; i++) {
        from[i] = i < n_keys ? keys : values;
        column[i] = i < n_keys ? i : i - n_keys;
    }
    rc = rc != SL_OK ? rc : sli_batch_project(model->row_schema, from, column, out, err);
    sl_batch_unref(keys);
    sl_batch_unref(values);
    sl_builder_free(all.keys);
    sl_builder_free(all.values);
    sl_free(all.gone);
    return rc;
}

static sl_code results_of(const sl_model *model, const ml_value *value, const sl_schema *schema,
                          sl_batch **out, sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, schema, err));
    sl_code rc = model->kind->result(model, value, builder, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(builder, out, err);
    sl_builder_free(builder);
    return rc;
}

static sl_code compute_rows(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    const ml_wait *wait = rdd->body;
    sl_batch *rows = NULL;
    (void)partition, (void)task;
    sl_code rc = wait->model->kind->result != NULL
                     ? results_of(wait->model, wait->value, rdd->schema, &rows, err)
                     : rows_of(wait->model, wait->value, &rows, err);
    rc = rc != SL_OK || sl_batch_rows(rows) == 0 ? rc : push(ctx, rows, err);
    sl_batch_unref(rows);
    return rc;
}

static const sli_rdd_ops rows_rdd_ops = {.name = "model",
                                         .compute = compute_rows,
                                         .is_ready = ml_wait_is_ready,
                                         .prepare = ml_wait_prepare,
                                         .free = free_waiting};

static sl_code model_rows_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                              sl_rdd **out, sl_error *err)
{
    const rows_body *def = node->body;
    ml_wait *wait = NULL;
    (void)inputs;
    SL_TRY(new_waiting(def->model, def->n_trains, sizeof *wait, epoch, (void **)&wait, err));
    *out = sli_rdd_new(epoch->runtime, &rows_rdd_ops, node->schema, 1, NULL, 0, wait);
    return SL_OK;
}

static const sli_node_ops rows_ops = {
    .kind = "modelRows", .rdd = model_rows_rdd, .asks_user = true};

static sl_code resolve_rows(sl_model *model, sl_stream *node, sl_error *err)
{
    rows_body *def = NULL;
    SL_TRY(sli_node_body(node, sizeof *def, (void **)&def, err));
    def->model = model;
    def->n_trains = model->n_trains;
    if (model->kind->results != NULL) {
        SL_TRY(sl_schema_parse(&node->schema, model->kind->results, err));
    } else {
        node->schema = sl_schema_ref(model->row_schema);
    }
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, " after=%d", model->n_trains);
    return sli_node_set_args(node, &text, err);
}

sl_stream *ml_rows_open(sl_model *model, sl_stream *with)
{
    if (model == NULL) {
        return NULL;
    }
    sl_stream *node = with == NULL ? sli_node_begin(&rows_ops, model->kind->node.kind, model->node)
                                   : ml_node_begin(model, &rows_ops, with);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_rows(model, node, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_model_stream(sl_model *model)
{
    return ml_rows_open(model, NULL);
}
