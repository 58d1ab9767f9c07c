// The kinds xgboost and onnx: models that others have trained and that only predict.
#include "ml/score_int.h"

#include <math.h>
#include <stdio.h>

#define SHARED_OPTIONS                                                                             \
    {.name = "file",                                                                               \
     .type = SL_OPT_TEXT,                                                                          \
     .text = "The model's file. When it is replaced (write another one, rename it over this), "    \
             "the next epoch uses the new one."},                                                  \
    {                                                                                              \
        .name = "inputs", .type = SL_OPT_TEXT,                                                     \
        .text = "Names of the features in the order in which predict calls give them, as the "     \
                "model calls them: inputs='age, income'. Default: the columns' own names."         \
    }

const sl_option sli_ml_xgboost_options[] = {
    SHARED_OPTIONS,
    {.name = "output",
     .type = SL_OPT_CHOICE,
     .fallback = "value",
     .choices = "value|probability|class|margin",
     .text =
         "value: what the objective gives, as Booster.predict; probability: the same, of models "
         "that give one; class: its number, from 0; margin: the sum over all trees."},
    {0},
};
const sl_option sli_ml_onnx_options[] = {
    SHARED_OPTIONS,
    {.name = "output",
     .type = SL_OPT_TEXT,
     .text = "The model's output, or several, as in output='label, probabilities', whose numbers "
             "follow each other. Default: the first."},
    {.name = "library",
     .type = SL_OPT_TEXT,
     .text = "ONNX Runtime's shared library. Default: what SLUICE_ONNXRUNTIME names, else beside "
             "the module score_onnx.so, else where the system looks."},
    {0},
};

// ---------------------------------------------------------------- values

static void value_free(ml_value *value)
{
    scored_value *v = (scored_value *)value;
    v->ops->close(v->scorer);
    sl_free(v->content.bytes);
    sl_free(v);
}

sl_code score_value_new(const score_params *p, sli_score_content *content, const ml_kind *kind,
                        scored_value **out, sl_error *err)
{
    scored_value *v = sl_alloc_zero(SLI_TAG_STREAM, sizeof *v);
    if (v == NULL) {
        sl_free(content->bytes);
        return sl_error_nomem(err, sizeof *v, "a model");
    }
    *v = (scored_value){.base = {.refs = 1, .kind = kind}, .ops = p->ops, .content = *content};
    v->is.size_bytes = (int64_t)content->size_bytes;
    memcpy(v->is.hash, content->hash, sizeof v->is.hash);
    const sli_score_conf conf = {.struct_size = sizeof conf,
                                 .bytes = content->bytes,
                                 .size_bytes = content->size_bytes,
                                 .output = p->output,
                                 .library = p->library};
    sl_code rc = p->ops->open(&v->scorer, &conf, err);
    if (rc != SL_OK) {
        value_free(&v->base);
        return rc;
    }
    *out = v;
    return SL_OK;
}

// ---------------------------------------------------------------- definition

static sl_code copy_option(const sl_model *model, const sl_conf *conf, const char *name,
                           const char **out, sl_error *err)
{
    const char *text = sl_conf_text(conf, name);
    *out = NULL;
    return text == NULL || text[0] == '\0' ? SL_OK : sli_graph_copy(model->graph, text, out, err);
}

static sl_code read_settings(sl_model *model, const sl_conf *conf, sl_error *err)
{
    score_params *p = model->params;
    SL_TRY(copy_option(model, conf, "file", &p->file, err));
    SL_TRY(copy_option(model, conf, "inputs", &p->inputs, err));
    SL_TRY(copy_option(model, conf, "output", &p->output, err));
    if (p->kind == &sli_score_onnx) {
        SL_TRY(copy_option(model, conf, "library", &p->library, err));
        p->library =
            p->library != NULL ? p->library : sli_env_variable(p->env, "SLUICE_ONNXRUNTIME");
    }
    return p->file != NULL ? SL_OK
                           : sl_error_set(err, SL_E_CONFIG,
                                          "which file has the model is not told: set file=, as in "
                                          "file=model.%s",
                                          p->kind == &sli_score_onnx ? "onnx" : "json");
}

/// The scorer may be gone while the shape is still asked for.
static sl_code copy_shape(sl_model *model, const sli_score_shape *shape, sl_error *err)
{
    score_params *p = model->params;
    sl_arena *arena = model->graph->arena;
    size_t size = (size_t)shape->n_inputs * sizeof *shape->inputs;
    sli_score_input *inputs = sl_arena_copy(arena, shape->inputs, size);
    bool missing = inputs == NULL;
    for (int32_t i = 0; i < shape->n_inputs && !missing; i++) {
        inputs[i].name = sl_arena_strdup(arena, shape->inputs[i].name);
        missing = inputs[i].name == NULL;
    }
    if (missing) {
        return sl_error_nomem(err, size, "the inputs of a model");
    }
    p->shape = *shape;
    p->shape.inputs = inputs;
    model->dims = shape->n_features;
    model->n_outputs = shape->n_outputs;
    return SL_OK;
}

static sl_code open_first(score_params *p, const ml_kind *kind, scored_value **out, sl_error *err)
{
    bool changed = false;
    sli_score_content content = {0};
    sl_code rc = sli_score_look(p->env, p->file, &p->seen, &changed, err);
    rc = rc != SL_OK ? rc : sli_score_read(p->env, p->file, &p->seen, &content, err);
    if (rc == SL_E_NOT_FOUND || rc == SL_E_DATA || rc == SL_E_BUSY) {
        char why[SL_ERROR_TEXT_BYTES];
        (void)snprintf(why, sizeof why, "%s", err == NULL ? "" : err->text);
        return sl_error_set(err, rc, "%.400s: put the whole model there before the job starts",
                            why);
    }
    SL_TRY(rc);
    return sl_error_wrap(err, score_value_new(p, &content, kind, out, err), "%s", p->file);
}

static sl_code define(sl_model *model, const ml_kind *kind, const sli_score_kind *score,
                      const sl_conf *conf, sl_error *err)
{
    score_params *p = model->params;
    *p = (score_params){.kind = score, .env = sli_graph_env(model->graph)};
    if (p->env == NULL) {
        return sl_error_set(err, SL_E_STATE, "this graph was made without an outside");
    }
    SL_TRY(read_settings(model, conf, err));
    SL_TRY(sli_score_load(score, p->env, sli_graph_modules_dir(model->graph), &p->ops, err));
    scored_value *v = NULL;
    SL_TRY(open_first(p, kind, &v, err));
    model->base = &v->base;
    return copy_shape(model, p->ops->shape(v->scorer), err);
}

static sl_code define_xgboost(sl_model *model, const sl_conf *conf, sl_error *err)
{
    return define(model, &ml_xgboost, &sli_score_xgboost, conf, err);
}

static sl_code define_onnx(sl_model *model, const sl_conf *conf, sl_error *err)
{
    return define(model, &ml_onnx, &sli_score_onnx, conf, err);
}

static void score_free(sl_stream *node)
{
    sl_model *model = node->body;
    score_params *p = model == NULL ? NULL : model->params;
    ml_model_free(node);
    if (p != NULL && p->kind != NULL) {
        score_fix_end(p);
    }
}

// ---------------------------------------------------------------- features by name

/// The place among the model's features of the input of this name; -1: there is none.
static int32_t place_of(const sli_score_shape *shape, sl_text name)
{
    int32_t at = 0;
    for (int32_t i = 0; i < shape->n_inputs; i++) {
        if (sli_text_is(name, shape->inputs[i].name)) {
            return at;
        }
        at += shape->inputs[i].width;
    }
    return -1;
}

/// Whether every input is one feature that has a name: only then names can say which is which.
static bool has_names(const sli_score_shape *shape)
{
    for (int32_t i = 0; i < shape->n_inputs; i++) {
        if (shape->inputs[i].width != 1 || shape->inputs[i].name[0] == '\0') {
            return false;
        }
    }
    return true;
}

static sl_code no_input(const sl_model *model, sl_text name, sl_error *err)
{
    const sli_score_shape *shape = &((const score_params *)model->params)->shape;
    const char **names =
        sl_arena_alloc_zero(model->graph->arena, (size_t)(shape->n_inputs + 1) * sizeof *names);
    char text[100];
    if (names == NULL) {
        return sl_error_nomem(err, (size_t)shape->n_inputs * sizeof *names, "names");
    }
    for (int32_t i = 0; i < shape->n_inputs; i++) {
        names[i] = shape->inputs[i].name;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
    const char *near = sli_nearest(text, names);
    return sl_error_set(err, SL_E_INVALID,
                        "the model has no input '%s'%s%s%s; others of these features it has by "
                        "name: name all of them, or none (inputs=)",
                        text, near == NULL ? "" : ", did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

/// Names of features, `n` of them, as the call or the option `inputs` gives them.
static sl_code feature_names(const sl_model *model, const ml_input *input, sl_text *out, int32_t n,
                             sl_error *err)
{
    const score_params *p = model->params;
    int32_t found = 0;
    if (p->inputs == NULL) {
        for (int32_t i = 0; i < n; i++) {
            out[i] = sli_text_of(sl_schema_field(input->schema, input->columns[i])->name);
        }
        return SL_OK;
    }
    for (const char *at = p->inputs + strspn(p->inputs, ", "); *at != '\0';) {
        size_t size = strcspn(at, ", ");
        if (found < n) {
            out[found] = (sl_text){at, size};
        }
        found++;
        at += size;
        at += strspn(at, ", ");
    }
    return found == n
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "inputs names %d features, \"%.60s\" are %d",
                              found, input->names, n);
}

/// When the features have names that the model's inputs have, those say which is which, and else
/// their order does; names of which the model has some are a mistake.
static sl_code match(const sl_model *model, ml_input *input, const sl_text *names, int32_t n,
                     sl_error *err)
{
    const sli_score_shape *shape = &((const score_params *)model->params)->shape;
    int32_t *order = sl_arena_alloc(model->graph->arena, (size_t)n * sizeof *order);
    const sl_text *missing = NULL;
    int32_t n_found = 0;
    if (order == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *order, "features");
    }
    for (int32_t i = 0; i < n; i++) {
        order[i] = place_of(shape, names[i]);
        n_found += order[i] >= 0;
        missing = order[i] < 0 ? &names[i] : missing;
        for (int32_t j = 0; j < i && order[i] >= 0; j++) {
            if (order[j] == order[i]) {
                return sl_error_set(err, SL_E_INVALID, "the input '%.*s' is named twice",
                                    (int)names[i].size, names[i].data);
            }
        }
    }
    if (n_found > 0 && missing != NULL) {
        return no_input(model, *missing, err);
    }
    input->order = n_found == n ? order : NULL;
    return SL_OK;
}

static sl_code fit(sl_model *model, ml_input *input, sl_error *err)
{
    const score_params *p = model->params;
    const sli_score_shape *shape = &p->shape;
    int32_t n = input->n_columns;
    if (input->is_list || n != shape->n_features) {
        return SL_OK; // in order; a wrong number is told by who asks for the match of dims
    }
    if (!has_names(shape)) {
        return SL_OK; // in order, whatever they are called
    }
    sl_text *names = sl_arena_alloc(model->graph->arena, (size_t)n * sizeof *names);
    if (names == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *names, "features");
    }
    SL_TRY(feature_names(model, input, names, n, err));
    return match(model, input, names, n, err);
}

// ---------------------------------------------------------------- predicting

/// What is wrong with a feature that is a finite number; NULL: nothing.
static const char *fault(const sl_model *model, const ml_input *input, int32_t feature, double x)
{
    const sli_score_shape *shape = &((const score_params *)model->params)->shape;
    int32_t at = input->order == NULL ? feature : input->order[feature];
    int32_t i = 0;
    while (at >= shape->inputs[i].width) {
        at -= shape->inputs[i++].width;
    }
    return shape->inputs[i].is_whole && (x != floor(x) || fabs(x) > 0x1p53)
               ? "is no whole number, which the model takes"
               : NULL;
}

/// Features in the model's order; those of bad rows are 0, since their predictions are dropped.
static const double *arrange(const sl_model *model, const ml_rows *rows, double *room)
{
    const int32_t *order = rows->input->order;
    int32_t d = model->dims;
    if (order == NULL && rows->ok == NULL) {
        return rows->x;
    }
    for (int64_t i = 0; i < rows->n; i++) {
        bool bad = rows->ok != NULL && !rows->ok[i];
        for (int32_t j = 0; j < d; j++) {
            room[i * d + (order == NULL ? j : order[j])] = bad ? 0 : rows->x[i * d + j];
        }
    }
    return room;
}

static void put_row(const sl_model *model, const double *y, bool is_list, sl_builder *out,
                    int32_t column)
{
    if (is_list) {
        sl_builder_list_begin(out, column);
    }
    for (int32_t j = 0; j < model->n_outputs; j++) {
        sl_builder_float64(out, is_list ? column : column + j, y[j]);
    }
    if (is_list) {
        sl_builder_list_end(out, column);
    }
}

static void put_rows(const sl_model *model, const ml_rows *rows, const double *y, sl_builder *out,
                     int32_t column)
{
    int32_t n_columns = sl_schema_columns(sl_builder_schema(out)) - column;
    bool is_list = model->n_outputs > 1 && n_columns == 1;
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok == NULL || rows->ok[i]) {
            put_row(model, y + i * model->n_outputs, is_list, out, column);
            continue;
        }
        for (int32_t j = 0; j < n_columns; j++) {
            sl_builder_null(out, column + j);
        }
    }
}

static sl_code predict(const sl_model *model, const ml_value *value, const ml_rows *rows,
                       sl_builder *out, int32_t column, sl_error *err)
{
    const scored_value *v = (const scored_value *)value;
    size_t n_in = (size_t)rows->n * (size_t)model->dims;
    size_t n_out = (size_t)rows->n * (size_t)model->n_outputs;
    double *room = sl_alloc_array(SLI_TAG_STREAM, n_in + n_out, sizeof *room);
    if (room == NULL) {
        return sl_error_nomem(err, (n_in + n_out) * sizeof *room, "predictions of some rows");
    }
    const double *x = arrange(model, rows, room);
    sl_code rc = v->ops->predict(v->scorer, x, rows->n, room + n_in, err);
    if (rc == SL_OK) {
        put_rows(model, rows, room + n_in, out, column);
    } else {
        rc = sl_error_wrap(err, rc, "model %s", model->node->uid);
    }
    sl_free(room);
    return rc;
}

// ---------------------------------------------------------------- the model's row

static sl_code save(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err)
{
    const sli_scored *now = &((const scored_value *)is)->is;
    (void)model, (void)was;
    SL_TRY(ml_changes_row(changes, false, err));
    sl_builder_int64(changes->keys, 0, now->number);
    sl_builder_text(changes->values, 0, now->hash, strlen(now->hash));
    sl_builder_int64(changes->values, 1, now->size_bytes);
    sl_builder_int64(changes->values, 2, now->since_epoch);
    return SL_OK;
}

#define SCORE_KIND(its_name, its_define, its_options, its_missing)                                 \
    {                                                                                              \
        .node = {.kind = (its_name),                                                               \
                 .rdd = ml_model_rdd,                                                              \
                 .free = score_free,                                                               \
                 .asks_user = true,                                                                \
                 .any_slide = true,                                                                \
                 .end = ml_model_end,                                                              \
                 .fix_restore = score_fix_restore,                                                 \
                 .fix = score_fix,                                                                 \
                 .fix_forget = score_fix_forget},                                                  \
        .options = (its_options), .takes_missing = (its_missing), .keys = "number int64",          \
        .values = "hash string, bytes int64, since_epoch int64", .out = "float64",                 \
        .params_bytes = sizeof(score_params), .define = (its_define), .fit = fit, .fault = fault,  \
        .save = save, .predict = predict, .value_free = value_free                                 \
    }

const ml_kind ml_xgboost = SCORE_KIND("xgboost", define_xgboost, sli_ml_xgboost_options, true);
const ml_kind ml_onnx = SCORE_KIND("onnx", define_onnx, sli_ml_onnx_options, false);
