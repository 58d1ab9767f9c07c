// Real modules over the models of tests/models: what the Python packages predict (tools/make-models
// has the recipe), shapes, and all that is refused.
#include "score/score.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "env/sim.h"
#include "sl_test.h"

#define MODULES SLT_BUILD_DIR "/lib/sluice"
#define MODELS SLT_SOURCE_DIR "/tests/models/"

typedef struct world {
    sl_env *env;
    const sli_score_ops *ops;
    char *bytes;
    size_t size;
    sli_scorer *scorer;
    sl_error err;
} world;

static void start(world *w, const sli_score_kind *kind)
{
    bool is_here = kind == &sli_score_xgboost ? SLT_XGBOOST : SLT_ONNX;
    if (!is_here) {
        slt_not_here("this build is without that module");
    }
    *w = (world){.err = SL_ERROR_INIT};
    assert_int_equal(sli_env_posix(&w->env, NULL), SL_OK);
    assert_int_equal(sli_score_load(kind, w->env, MODULES, &w->ops, &w->err), SL_OK);
}

static void read_model(world *w, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s", MODELS, name);
    sl_free(w->bytes);
    assert_int_equal(sli_env_read_file(w->env, path, 1 << 20, &w->bytes, &w->size, &w->err), SL_OK);
}

static sl_code open_bytes(world *w, const void *bytes, size_t size, const char *output)
{
    const sli_score_conf conf = {
        .struct_size = sizeof conf, .bytes = bytes, .size_bytes = size, .output = output};
    w->ops->close(w->scorer);
    w->scorer = NULL;
    w->err = SL_ERROR_INIT;
    return w->ops->open(&w->scorer, &conf, &w->err);
}

static sl_code open_model(world *w, const char *name, const char *output)
{
    read_model(w, name);
    return open_bytes(w, w->bytes, w->size, output);
}

static void end(world *w)
{
    w->ops->close(w->scorer);
    sl_free(w->bytes);
    sli_env_free(w->env);
}

// ---------------------------------------------------------------- cases

/// Cells of a case: rows of features, then what is predicted for them.
typedef struct table {
    double cells[200 * 8];
    int32_t n_columns, n_rows;
} table;

static void read_case(world *w, const char *name, table *t)
{
    char path[512], *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s%s.csv", MODELS, name);
    assert_int_equal(sli_env_read_file(w->env, path, 1 << 20, &text, &size, &w->err), SL_OK);
    *t = (table){.n_columns = 1};
    const char *at = text;
    for (; *at != '\n'; at++) {
        t->n_columns += *at == ',';
    }
    int32_t n = 0;
    for (at++; *at != '\0'; at++) {
        size_t cell = strcspn(at, ",\r\n");
        assert_true(n < 200 * 8);
        t->cells[n] = NAN;
        assert_true(cell == 0 ||
                    sli_scan_float64((sl_text){at, cell}, &t->cells[n], NULL) == SL_OK);
        n++;
        at += cell;
        if (*at == '\r') {
            at++;
        }
    }
    t->n_rows = n / t->n_columns;
    assert_int_equal(n, t->n_rows * t->n_columns);
    assert_true(t->n_rows > 0);
    sl_free(text);
}

/// Predicts the case's rows, `some` at a time.
static void predict_case(world *w, const table *t, int32_t some, double *out)
{
    const sli_score_shape *shape = w->ops->shape(w->scorer);
    int32_t d = shape->n_features, k = shape->n_outputs;
    double rows[200 * 8];
    assert_int_equal(t->n_columns, d + k);
    for (int32_t r = 0; r < t->n_rows; r++) {
        memcpy(rows + r * d, t->cells + r * t->n_columns, (size_t)d * sizeof *rows);
    }
    for (int32_t r = 0; r < t->n_rows; r += some) {
        int32_t n = t->n_rows - r < some ? t->n_rows - r : some;
        sl_code rc = w->ops->predict(w->scorer, rows + r * d, n, out + r * k, &w->err);
        if (rc != SL_OK) {
            fail_msg("%s", w->err.text);
        }
    }
}

/// As the Python package predicts, bit for bit when `within` is 0, however rows are cut into calls.
static void check_case(world *w, const char *model, const char *name, const char *output,
                       double within)
{
    table t;
    double all[200 * 8], one[200 * 8];
    if (open_model(w, model, output) != SL_OK) {
        fail_msg("%s: %s", model, w->err.text);
    }
    read_case(w, name, &t);
    predict_case(w, &t, t.n_rows, all);
    predict_case(w, &t, 7, one);
    int32_t k = w->ops->shape(w->scorer)->n_outputs, d = t.n_columns - k;
    assert_memory_equal(all, one, (size_t)(t.n_rows * k) * sizeof *all);
    for (int32_t i = 0; i < t.n_rows * k; i++) {
        double want = t.cells[i / k * t.n_columns + d + i % k];
        if (!(fabs(all[i] - want) <= within)) {
            fail_msg("%s row %d: %.17g, Python has %.17g", name, i / k, all[i], want);
        }
    }
}

SL_TEST(xgboost_predicts_what_its_python_package_does, "")
{
    world w;
    start(&w, &sli_score_xgboost);
    check_case(&w, "xgb-binary.json", "xgb-binary", NULL, 0);
    check_case(&w, "xgb-binary.json", "xgb-binary", "probability", 0);
    check_case(&w, "xgb-binary.json", "xgb-binary-margin", "margin", 0);
    check_case(&w, "xgb-binary2.json", "xgb-binary2", NULL, 0);
    check_case(&w, "xgb-classes.json", "xgb-classes", NULL, 0);
    check_case(&w, "xgb-ubj.ubj", "xgb-ubj", NULL, 0);
    check_case(&w, "xgb-linear.json", "xgb-linear", NULL, 0);
    end(&w);
}

SL_TEST(xgboost_gives_the_likeliest_class, "")
{
    world w;
    table t;
    double out[200];
    start(&w, &sli_score_xgboost);
    assert_int_equal(open_model(&w, "xgb-classes.json", "class"), SL_OK);
    assert_int_equal(w.ops->shape(w.scorer)->n_outputs, 1);
    read_case(&w, "xgb-classes", &t);
    for (int32_t r = 0; r < t.n_rows; r++) {
        const double *row = t.cells + r * t.n_columns, *p = row + 2;
        int32_t best = p[1] > p[0] ? 1 : 0;
        best = p[2] > p[best] ? 2 : best;
        assert_int_equal(w.ops->predict(w.scorer, row, 1, out, &w.err), SL_OK);
        assert_true(out[0] == best);
    }
    assert_int_equal(open_model(&w, "xgb-binary.json", "class"), SL_OK);
    read_case(&w, "xgb-binary", &t);
    for (int32_t r = 0; r < t.n_rows; r++) {
        const double *row = t.cells + r * t.n_columns;
        assert_int_equal(w.ops->predict(w.scorer, row, 1, out, &w.err), SL_OK);
        assert_true(out[0] == (row[3] > 0.5));
    }
    end(&w);
}

SL_TEST(xgboost_tells_names_and_takes_missing_features, "")
{
    world w;
    start(&w, &sli_score_xgboost);
    assert_int_equal(open_model(&w, "xgb-binary.json", NULL), SL_OK);
    const sli_score_shape *shape = w.ops->shape(w.scorer);
    assert_int_equal(shape->n_features, 3);
    assert_int_equal(shape->n_inputs, 3);
    assert_string_equal(shape->inputs[0].name, "a");
    assert_string_equal(shape->inputs[2].name, "c");
    assert_true(shape->takes_missing);
    assert_int_equal(open_model(&w, "xgb-classes.json", NULL), SL_OK);
    assert_string_equal(w.ops->shape(w.scorer)->inputs[0].name, "");
    end(&w);
}

SL_TEST(xgboost_refuses_what_is_no_model_of_it, "")
{
    world w;
    start(&w, &sli_score_xgboost);
    assert_int_equal(open_bytes(&w, "", 0, NULL), SL_E_DATA);
    assert_int_equal(open_bytes(&w, "binfgarbage", 11, NULL), SL_E_DATA);
    assert_non_null(strstr(w.err.text, "save_model"));
    assert_int_equal(open_bytes(&w, "{\"a\": 1}", 8, NULL), SL_E_DATA);
    assert_int_equal(open_model(&w, "onnx-linear.onnx", NULL), SL_E_DATA);
    assert_int_equal(open_model(&w, "xgb-binary.json", "odds"), SL_E_INVALID);
    assert_non_null(strstr(w.err.text, "value, probability, class or margin"));
    assert_int_equal(open_model(&w, "xgb-ubj.ubj", "class"), SL_E_INVALID);
    assert_non_null(strstr(w.err.text, "reg:squarederror"));
    assert_int_equal(open_model(&w, "xgb-ubj.ubj", "probability"), SL_E_INVALID);
    end(&w);
}

/// Every beginning of a model's file, as a writer leaves it on its way, is refused.
static void refuse_beginnings(world *w, const char *name)
{
    read_model(w, name);
    for (size_t size = 0; size + 1 < w->size; size += size < 64 ? 1 : 37) {
        char *part = malloc(size + 1); // its own, so that ASan sees a read behind it
        assert_non_null(part);
        memcpy(part, w->bytes, size);
        sl_code rc = open_bytes(w, part, size, NULL);
        if (rc == SL_OK) {
            fail_msg("the first %zu of %zu bytes of %s are taken for a model", size, w->size, name);
        }
        assert_true(w->err.text[0] != '\0');
        free(part);
    }
}

SL_TEST(half_a_file_is_no_model, "")
{
    world w;
    start(&w, &sli_score_xgboost);
    refuse_beginnings(&w, "xgb-binary.json");
    refuse_beginnings(&w, "xgb-ubj.ubj");
    end(&w);
    start(&w, &sli_score_onnx);
    refuse_beginnings(&w, "onnx-mlp.onnx");
    end(&w);
}

SL_TEST(onnx_predicts_what_its_python_package_does, "")
{
    world w;
    start(&w, &sli_score_onnx);
    check_case(&w, "onnx-linear.onnx", "onnx-linear-variable", NULL, 0);
    check_case(&w, "onnx-logistic.onnx", "onnx-logistic-label", NULL, 0);
    check_case(&w, "onnx-logistic.onnx", "onnx-logistic-probabilities", "probabilities", 0);
    check_case(&w, "onnx-mlp.onnx", "onnx-mlp-label", "label", 0);
    check_case(&w, "onnx-mlp.onnx", "onnx-mlp-probabilities", "probabilities", 0);
    check_case(&w, "onnx-named.onnx", "onnx-named", NULL, 0);
    check_case(&w, "onnx-one.onnx", "onnx-one", NULL, 0);
    end(&w);
}

SL_TEST(onnx_gives_several_outputs_beside_each_other, "")
{
    world w;
    double rows[3] = {1, 2, 3}, both[3], p[2];
    start(&w, &sli_score_onnx);
    assert_int_equal(open_model(&w, "onnx-logistic.onnx", "probabilities"), SL_OK);
    assert_int_equal(w.ops->predict(w.scorer, rows, 1, p, &w.err), SL_OK);
    assert_int_equal(open_model(&w, "onnx-logistic.onnx", "probabilities, label"), SL_OK);
    assert_int_equal(w.ops->shape(w.scorer)->n_outputs, 3);
    assert_int_equal(w.ops->predict(w.scorer, rows, 1, both, &w.err), SL_OK);
    assert_true(both[0] == p[0] && both[1] == p[1] && both[2] == (p[1] > p[0]));
    end(&w);
}

SL_TEST(onnx_tells_names_widths_and_integers, "")
{
    world w;
    start(&w, &sli_score_onnx);
    assert_int_equal(open_model(&w, "onnx-named.onnx", NULL), SL_OK);
    const sli_score_shape *shape = w.ops->shape(w.scorer);
    assert_int_equal(shape->n_inputs, 3);
    assert_string_equal(shape->inputs[1].name, "amount");
    assert_true(shape->inputs[1].is_whole && !shape->inputs[0].is_whole);
    assert_false(shape->takes_missing);
    end(&w);
}

static void refuses(world *w, const char *model, const char *output, sl_code code, const char *text)
{
    sl_code rc = open_model(w, model, output);
    if (rc != code || strstr(w->err.text, text) == NULL) {
        fail_msg("%s: %s: %s", model, sl_code_name(rc), w->err.text);
    }
}

SL_TEST(onnx_refuses_what_it_cannot_score_and_says_what_to_do, "")
{
    world w;
    start(&w, &sli_score_onnx);
    refuses(&w, "onnx-zipmap.onnx", "output_probability", SL_E_UNSUPPORTED, "'zipmap': False");
    refuses(&w, "onnx-strings.onnx", NULL, SL_E_UNSUPPORTED, "holds strings");
    refuses(&w, "onnx-image.onnx", NULL, SL_E_UNSUPPORTED, "4 dimensions");
    refuses(&w, "onnx-free.onnx", NULL, SL_E_UNSUPPORTED, "not fixed");
    refuses(&w, "onnx-sum.onnx", NULL, SL_E_UNSUPPORTED, "no prediction by row");
    refuses(&w, "onnx-mlp.onnx", "odds", SL_E_INVALID, "label, probabilities");
    refuses(&w, "onnx-mlp.onnx", ", ", SL_E_INVALID, "names none");
    refuses(&w, "onnx-mlp.onnx", "label, label, label", SL_E_INVALID, "more than the model has");
    refuses(&w, "xgb-binary.json", NULL, SL_E_DATA, "ONNX Runtime: ");
    end(&w);
}

SL_TEST(another_shape_is_told_with_what_is_different, "")
{
    const sli_score_input two[] = {{"a", 1, false}, {"b", 1, false}};
    const sli_score_input other[] = {{"a", 1, false}, {"c", 1, false}};
    sli_score_shape want = {.n_features = 2, .n_inputs = 2, .inputs = two, .n_outputs = 1};
    sli_score_shape is = want;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_score_same_shape(&is, &want, &err), SL_OK);
    is.inputs = other;
    assert_int_equal(sli_score_same_shape(&is, &want, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "its input 2 is 'c' (1), that of the model in use 'b' (1)"));
    is = want;
    is.n_features = 5;
    assert_int_equal(sli_score_same_shape(&is, &want, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "takes 5 features, the model in use 2"));
    is = want;
    is.n_outputs = 3;
    assert_int_equal(sli_score_same_shape(&is, &want, &err), SL_E_INVALID);
    is = want;
    is.takes_missing = true;
    assert_int_equal(sli_score_same_shape(&is, &want, &err), SL_E_INVALID);
}

SL_TEST(without_the_module_the_package_is_named, "")
{
    sl_env *env = NULL;
    const sli_score_ops *ops = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(sli_score_load(&sli_score_xgboost, env, "/nowhere", &ops, &err),
                     SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "a model of the kind xgboost needs the module"));
    assert_non_null(strstr(err.text, "libsluice-xgboost"));
    assert_int_equal(sli_score_load(&sli_score_onnx, env, "/nowhere", &ops, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "libsluice-onnx"));
    sli_env_free(env);
}

SL_TEST(a_library_that_is_named_and_missing_is_told, "")
{
    world w;
    start(&w, &sli_score_onnx);
    read_model(&w, "onnx-linear.onnx");
    const sli_score_conf conf = {.struct_size = sizeof conf,
                                 .bytes = w.bytes,
                                 .size_bytes = w.size,
                                 .library = "/nowhere/libonnxruntime.so"};
    // Whichever test of this process came first has opened the library for good.
    sl_code rc = w.ops->open(&w.scorer, &conf, &w.err);
    assert_true(rc == SL_OK || (rc == SL_E_NOT_FOUND && strstr(w.err.text, "/nowhere") != NULL));
    end(&w);
}

// ---------------------------------------------------------------- threads of libraries

/// Whether a thread of this process takes SIGTERM.
static bool takes_term(const char *thread)
{
    char path[300], line[256];
    unsigned long long blocked = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false; // it has ended
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0) {
            blocked = strtoull(line + 7, NULL, 16);
        }
    }
    (void)fclose(file);
    return (blocked >> (SIGTERM - 1) & 1) == 0;
}

static void no_other_thread_takes_signals(void)
{
    DIR *threads = opendir("/proc/self/task");
    assert_non_null(threads);
    for (struct dirent *entry = NULL; (entry = readdir(threads)) != NULL;) {
        if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != getpid() &&
            takes_term(entry->d_name)) {
            fail_msg("thread %s, which a library has started, takes SIGTERM", entry->d_name);
        }
    }
    (void)closedir(threads);
}

// A program waits for SIGTERM in a thread of its own: one that a library starts must not get it.
SL_TEST(threads_that_libraries_start_take_no_signals, "")
{
    world w;
    start(&w, &sli_score_xgboost);
    assert_int_equal(open_model(&w, "xgb-binary.json", NULL), SL_OK);
    no_other_thread_takes_signals();
    end(&w);
    start(&w, &sli_score_onnx);
    assert_int_equal(open_model(&w, "onnx-mlp.onnx", NULL), SL_OK);
    no_other_thread_takes_signals();
    end(&w);
}

// ---------------------------------------------------------------- the file

SL_TEST(a_file_is_read_again_when_it_changed_or_may_have, "")
{
    const sli_world_conf conf = {.seed = 7};
    sli_world *sim = sli_world_new(&conf);
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_score_seen seen = {0};
    sli_score_content content;
    bool changed = false;
    assert_non_null(sim);
    assert_int_equal(sli_world_boot(sim, &(sli_fault){0}, &env, &err), SL_OK);
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_E_NOT_FOUND);
    assert_int_equal(sli_world_put(sim, "m.json", "abc", 3, &err), SL_OK);
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_OK);
    assert_true(changed); // never seen
    assert_int_equal(sli_score_read(env, "m.json", &seen, &content, &err), SL_OK);
    // printf abc | xxh128sum
    assert_string_equal(content.hash, "06b05ab6733a618578af5f94892f3950");
    sl_free(content.bytes);
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_OK);
    assert_true(changed); // it is too young to be sure
    sli_world_advance(sim, 10000000);
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_OK);
    assert_true(changed); // when it was seen last it was
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_OK);
    assert_false(changed);
    assert_int_equal(sli_world_put(sim, "m.json", "abd", 3, &err), SL_OK);
    assert_int_equal(sli_score_read(env, "m.json", &seen, &content, &err), SL_E_BUSY);
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_OK);
    assert_true(changed);
    assert_int_equal(sli_world_put(sim, "m.json", "", 0, &err), SL_OK);
    assert_int_equal(sli_score_look(env, "m.json", &seen, &changed, &err), SL_OK);
    assert_int_equal(sli_score_read(env, "m.json", &seen, &content, &err), SL_E_DATA);
    assert_non_null(strstr(err.text, "m.json has 0 bytes"));
    sli_env_free(env);
    sli_world_free(sim);
}
