// CREATE MODEL, and ML_PREDICT in FROM: models that others have trained, from a script.
//
//     CREATE MODEL m INPUT (a DOUBLE, b DOUBLE) OUTPUT (p DOUBLE)
//         WITH ('provider' = 'xgboost', 'path' = 'm.json');
//     ... FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(x, y))
//
// The columns of DESCRIPTOR are the model's inputs in the order of INPUT; the result has t's
// columns and those of OUTPUT behind them. What models are and do is ml/'s, by include/sluice/ml.h.
#include "sluice/ml.h"

#include "sql/connector.h"
#include "sql/query_int.h"
#include "sql/script_int.h"

#include <strings.h>

enum { MOST_MODELS = 100, MOST_MODEL_BYTES = 1 << 30 };

typedef struct sli_script_model {
    const char *name;
    sl_model *model;
    const char *outputs; ///< names, as sl_model_predict takes them
    int32_t n_inputs;    ///< columns of INPUT
} script_model;

// ---------------------------------------------------------------- names

static script_model *find_model(const sli_script *s, const char *name)
{
    for (int32_t i = 0; i < s->n_models; i++) {
        if (strcasecmp(s->models[i].name, name) == 0) {
            return &s->models[i];
        }
    }
    return NULL;
}

static sl_code add_model(sli_script *s, const char *name, size_t at, script_model **out,
                         sl_error *err)
{
    if (find_model(s, name) != NULL) {
        return sli_script_fail(s, at, err, "there is a model '%s' already", name);
    }
    if (s->models == NULL) {
        s->models = sl_arena_alloc_zero(s->arena, MOST_MODELS * sizeof *s->models);
    }
    if (s->models == NULL || s->n_models == MOST_MODELS) {
        return sli_script_fail(s, at, err, "a script has at most %d models", MOST_MODELS);
    }
    *out = &s->models[s->n_models];
    (*out)->name = name;
    return SL_OK;
}

// ---------------------------------------------------------------- CREATE MODEL

/// "a, b": the names of columns.
static sl_code names_of(const sli_script *s, const sl_schema *columns, const char **out,
                        sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_SQL};
    for (int32_t i = 0; i < sl_schema_columns(columns); i++) {
        sli_str_printf(&text, "%s%s", i == 0 ? "" : ", ", sl_schema_field(columns, i)->name);
    }
    sl_code rc = sli_str_check(&text, "names of columns", err);
    *out = rc == SL_OK ? sl_arena_strdup(s->arena, text.data) : NULL;
    sli_str_reset(&text);
    return rc == SL_OK && *out == NULL ? sl_error_nomem(err, 64, "names of columns") : rc;
}

static sl_code read_side(sli_script *s, const char *word, sli_entry *side, sl_error *err)
{
    SL_TRY(sli_script_want_word(s, word, err));
    side->at = sli_script_token(s)->at;
    side->relation.name = word;
    SL_TRY(sli_script_columns(s, side, err));
    return side->time == NULL && side->key == NULL
               ? SL_OK
               : sli_script_fail(s, side->at, err, "%s has columns alone: NAME TYPE", word);
}

/// The values of a model's options come after their names: quoted, so that any text can be one.
static void put_option(sli_str *out, const char *key, const char *value)
{
    sli_str_printf(out, "%s%s=\"", out->size == 0 ? "" : " ", key);
    for (; *value != '\0'; value++) {
        sli_str_printf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
    }
    sli_str_text(out, "\"");
}

static const sli_with *find_option(const sli_entry *entry, const char *key)
{
    for (int32_t i = 0; i < entry->n_with; i++) {
        if (strcmp(entry->with[i].key, key) == 0) {
            return &entry->with[i];
        }
    }
    return NULL;
}

static sl_code find_provider(const sli_script *s, const sli_entry *entry, const char **out,
                             sl_error *err)
{
    static const char *const known[] = {"xgboost", "onnx", NULL};
    const sli_with *provider = find_option(entry, "provider");
    if (provider == NULL) {
        return sli_script_fail(s, entry->with_at, err,
                               "'provider' is missing: 'xgboost' or 'onnx'");
    }
    for (int32_t i = 0; known[i] != NULL; i++) {
        if (strcmp(provider->value, known[i]) == 0) {
            *out = known[i];
            return SL_OK;
        }
    }
    return sli_script_fail(
        s, provider->value_at, err,
        "there is no provider '%s' of models%s; xgboost and onnx are there (models that "
        "learn from a stream are made in C: sl_model_open)",
        provider->value, sli_script_near(s, provider->value, known));
}

/// `sluice test` runs in a world without the files of this one: a model that the test does not
/// bring itself is copied there.
static sl_code bring_file(const sli_script *s, const char *path, sl_error *err)
{
    sl_env *real = NULL, *world = sli_graph_env(s->graph);
    sli_stat stat;
    char *bytes = NULL;
    size_t size = 0;
    sl_error none = SL_ERROR_INIT;
    if (sli_env_stat(world, path, &stat, &none) != SL_E_NOT_FOUND) {
        return SL_OK;
    }
    SL_TRY(sli_env_posix(&real, err));
    sl_code rc = sli_env_read_file(real, path, MOST_MODEL_BYTES, &bytes, &size, err);
    sli_env_free(real);
    const char *slash = strrchr(path, '/');
    if (rc == SL_OK && slash != NULL && slash > path) {
        const char *dir = sl_arena_printf(s->arena, "%.*s", (int)(slash - path), path);
        rc = dir == NULL ? sl_error_nomem(err, 64, "a path") : sli_env_mkdirs(world, dir, err);
    }
    rc = rc != SL_OK ? rc : sli_env_write_file(world, path, bytes, size, err);
    sl_free(bytes);
    return rc;
}

static sl_code put_options(const sli_script *s, const sli_entry *with, const sli_entry *input,
                           sli_str *out, sl_error *err)
{
    const sli_with *path = find_option(with, "path");
    const char *inputs = NULL;
    if (path == NULL) {
        return sli_script_fail(s, with->with_at, err, "'path' is missing: the model's file");
    }
    if (s->for_test) {
        SL_TRY(sli_script_wrap(s, path->value_at, bring_file(s, path->value, err), err));
    }
    put_option(out, "file", path->value);
    if (sl_schema_field(input->columns, 0)->type != SL_LIST) {
        SL_TRY(names_of(s, input->columns, &inputs, err));
        put_option(out, "inputs", inputs);
    }
    for (int32_t i = 0; i < with->n_with; i++) {
        const char *key = with->with[i].key;
        if (strcmp(key, "provider") != 0 && strcmp(key, "path") != 0) {
            put_option(out, key, with->with[i].value);
        }
    }
    return sli_str_check(out, "options of a model", err);
}

static sl_code check_input(const sli_script *s, const sli_entry *input, const sl_model *model,
                           sl_error *err)
{
    int32_t n = sl_schema_columns(input->columns), want = sl_model_features(model);
    bool is_list = sl_schema_field(input->columns, 0)->type == SL_LIST;
    return n == want || (is_list && n == 1)
               ? SL_OK
               : sli_script_fail(s, input->at, err,
                                 "INPUT has %d columns, and the model takes %d features", n, want);
}

static sl_code check_output(const sli_script *s, const sli_entry *output, const sl_model *model,
                            sl_error *err)
{
    int32_t n = sl_schema_columns(output->columns), want = sl_model_outputs(model);
    if (n != want && n != 1) {
        return sli_script_fail(s, output->at, err,
                               "OUTPUT has %d columns, and the model predicts %d numbers: a column "
                               "for each, or one of type DOUBLE[]",
                               n, want);
    }
    for (int32_t i = 0; i < n; i++) {
        const sl_field *field = sl_schema_field(output->columns, i);
        bool is_list = n < want;
        if (field->type != (is_list ? SL_LIST : SL_FLOAT64) ||
            (is_list && field->children[0].type != SL_FLOAT64)) {
            return sli_script_fail(s, output->at, err,
                                   "column '%s' of OUTPUT has the type %s: predictions are %s; "
                                   "CAST them in the SELECT",
                                   field->name, sli_field_type(s->arena, output->columns, i),
                                   is_list ? "DOUBLE[]" : "DOUBLE");
        }
    }
    return SL_OK;
}

static sl_code open_model(sli_script *s, script_model *m, const sli_entry *input,
                          const sli_entry *output, const sli_entry *with, sl_error *err)
{
    const char *provider = NULL;
    sli_str options = {.tag = SLI_TAG_SQL};
    SL_TRY(find_provider(s, with, &provider, err));
    sl_code rc = put_options(s, with, input, &options, err);
    if (rc == SL_OK) {
        m->model = sl_model_uid(sl_model_open(s->graph, provider, options.data), m->name);
        rc = sl_graph_check(s->graph, err);
        if (rc != SL_OK) {
            rc = sli_script_wrap(s, with->with_at, rc, err);
            sli_graph_restick(s->graph, err);
        }
    }
    sli_str_reset(&options);
    SL_TRY(rc);
    SL_TRY(check_input(s, input, m->model, err));
    SL_TRY(check_output(s, output, m->model, err));
    m->n_inputs = sl_schema_columns(input->columns);
    return names_of(s, output->columns, &m->outputs, err);
}

sl_code sli_script_create_model(sli_script *s, sl_error *err)
{
    sli_entry input = {.delay = NULL}, output = {.delay = NULL}, with = {.delay = NULL};
    const char *name = NULL;
    script_model *m = NULL;
    size_t at = sli_script_token(s)->at;
    SL_TRY(sli_script_want_name(s, "the model", &name, err));
    SL_TRY(add_model(s, name, at, &m, err));
    sl_code rc = read_side(s, "INPUT", &input, err);
    rc = rc != SL_OK ? rc : read_side(s, "OUTPUT", &output, err);
    if (rc == SL_OK && sli_script_word(s, "COMMENT")) {
        s->at += sli_script_token(s)->kind == SLI_LEX_TEXT;
    }
    rc = rc != SL_OK ? rc : sli_script_with(s, &with, err);
    rc = rc != SL_OK ? rc : open_model(s, m, &input, &output, &with, err);
    sl_schema_unref(input.columns);
    sl_schema_unref(output.columns);
    s->n_models += rc == SL_OK;
    return rc;
}

// ---------------------------------------------------------------- ML_PREDICT

sl_code sli_script_predict(void *ctx, const char *name, sl_stream *stream, const char *columns,
                           int32_t n, sl_stream **out, sl_error *err)
{
    const sli_script *s = ctx;
    const script_model *m = find_model(s, name);
    if (m == NULL) {
        const char **names =
            sl_arena_alloc_zero(s->arena, (size_t)(s->n_models + 1) * sizeof *names);
        for (int32_t i = 0; i < s->n_models && names != NULL; i++) {
            names[i] = s->models[i].name;
        }
        return sl_error_set(err, SL_E_INVALID,
                            "there is no model '%.80s'%s; CREATE MODEL comes before its use", name,
                            names == NULL ? "" : sli_script_near(s, name, names));
    }
    if (n != m->n_inputs) {
        return sl_error_set(err, SL_E_INVALID,
                            "DESCRIPTOR names %d columns, and INPUT of model '%.80s' has %d", n,
                            name, m->n_inputs);
    }
    *out = sl_model_predict(m->model, stream, columns, m->outputs);
    return sl_graph_check(s->graph, err);
}

/// The columns of DESCRIPTOR: "a, b".
static sl_code read_descriptor(sli_query *query, const sli_node *call, sli_str *out, int32_t *n,
                               sl_error *err)
{
    const sli_node *arg = sli_node_item(call, "children", 2);
    if (strcasecmp(sli_node_text(arg, "function_name"), "descriptor") != 0) {
        return sli_query_refuse(query, call, err,
                                "its form is ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b))");
    }
    *n = sli_node_count(arg, "children");
    for (int32_t i = 0; i < *n; i++) {
        const sli_node *column = sli_node_item(arg, "children", i);
        const char *name = sli_node_column_name(column);
        if (name[0] == '\0') {
            return sli_query_refuse(query, column, err, "DESCRIPTOR names columns");
        }
        sli_str_printf(out, "%s%s", i == 0 ? "" : ", ", name);
    }
    return sli_str_check(out, "columns of a model", err);
}

sl_code sli_query_predict(sli_query *query, const sli_node *call, const sli_relation *from,
                          sli_relation *out, sl_error *err)
{
    const char *name = sli_node_column_name(sli_node_item(call, "children", 1));
    sli_str columns = {.tag = SLI_TAG_SQL};
    int32_t n = 0;
    if (query->env->predict == NULL) {
        return sli_query_refuse(query, call, err,
                                "models are made by CREATE MODEL of a script; in C call "
                                "sl_model_predict on the stream");
    }
    sl_code rc = read_descriptor(query, call, &columns, &n, err);
    if (rc == SL_OK) {
        *out = *from;
        rc = query->env->predict(query->env->ctx, name, from->stream, columns.data, n, &out->stream,
                                 err);
        if (rc != SL_OK) {
            rc = sli_query_at(query, sli_node_place(call), rc, err);
            sli_graph_restick(query->env->graph, err);
        }
    }
    sli_str_reset(&columns);
    return rc;
}
