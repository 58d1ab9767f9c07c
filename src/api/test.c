// A job in a simulated world: what include/sluice/test.h promises.
//
// A test owns a world and, at any time, one process with one stepped context in it. When the
// process dies (a planned crash, or sl_test_crash) the context unwinds by its ordinary error paths,
// and a new process is booted in the same world, where it recovers as after kill -9 or a power
// loss.
#include <stdio.h>

#include "api/test_int.h"
#include "duckdb/duckdb.h"
#include "env/module.h"
#include "score/score.h"

enum { MOST_SETTINGS = 256 };

struct sl_test {
    sl_build_fn build;
    sl_test_conf conf;
    sli_world *world;
    sli_test_world_fn outside;
    sl_env *env;
    sl_context *context;
    const char *settings[MOST_SETTINGS];
    sli_fault next_fault;
    bool has_fault, crashed, fault_reached, stopped, stopping, power_loss_next;
    int64_t calls;   ///< of processes that have ended
    int64_t printed; ///< bytes of the console already handed out
    sl_error error;
    /// What the engine told of the last epoch: whether rows came out of it, and the first epoch
    /// that failed and was dropped.
    struct {
        int64_t epoch, rows_out;
        bool failed;
        char first_error[SL_ERROR_TEXT_BYTES];
    } told;
    char *text; ///< what the last call handed out
    sli_str read;
    struct {
        char address[128];
        sli_peer *peer;
    } peers[16];
    int32_t n_peers;
};

static sl_code keep_error(sl_test *test, sl_code rc, const sl_error *error)
{
    if (rc != SL_OK && rc != SL_E_END && test->error.code == SL_OK) {
        test->error = *error;
        test->error.code = rc;
    }
    return rc;
}

// ---------------------------------------------------------------- modules of the real world

/// The SQL engine and scorers live in memory and run in the caller's thread: they are the same in
/// every world.
static const sli_module_want real_modules[] = {
    {.name = "sql_duckdb", .abi = SLI_DB_ABI, .why = "SQL", .package = "libsluice-sql"},
    {.name = "score_xgboost",
     .abi = SLI_SCORE_ABI,
     .why = "xgboost",
     .package = "libsluice-xgboost"},
    {.name = "score_onnx", .abi = SLI_SCORE_ABI, .why = "onnx", .package = "libsluice-onnx"},
};

static const sli_module_want *want_of(const char *name)
{
    for (size_t i = 0; i < sizeof real_modules / sizeof *real_modules; i++) {
        if (strcmp(real_modules[i].name, name) == 0) {
            return &real_modules[i];
        }
    }
    return NULL;
}

static const sli_module *find_module(void *ctx, const char *name)
{
    const sli_module_want *want = want_of(name);
    const sl_test *test = ctx;
    const sli_module *module = NULL;
    const char *dir = NULL;
    sl_env *real = NULL;
    for (int32_t i = 0; test->conf.settings != NULL && test->conf.settings[i] != NULL; i += 2) {
        dir = strcmp(test->conf.settings[i], "modules") == 0 ? test->conf.settings[i + 1] : dir;
    }
    if (want != NULL && sli_env_posix(&real, NULL) == SL_OK) {
        if (sli_module_load(real, dir, want, &module, NULL) != SL_OK) {
            module = NULL; // who asks is told that it is missing
        }
        sli_env_free(real);
    }
    return module;
}

// ---------------------------------------------------------------- peers

static sli_peer *peer_at(sl_test *test, const char *address)
{
    for (int32_t i = 0; i < test->n_peers; i++) {
        if (strcmp(test->peers[i].address, address) == 0) {
            return test->peers[i].peer;
        }
    }
    const char *colon = strrchr(address, ':');
    int64_t port = 0;
    size_t host_size = colon == NULL ? strlen(address) : (size_t)(colon - address);
    char host[128];
    if (test->n_peers == 16 || host_size >= sizeof host ||
        (colon != NULL && sli_scan_int64(sli_text_of(colon + 1), &port, NULL) != SL_OK)) {
        return NULL;
    }
    memcpy(host, address, host_size);
    host[host_size] = '\0';
    sli_peer *peer = sli_peer_listen(test->world, host, (int32_t)port);
    if (peer != NULL) {
        (void)snprintf(test->peers[test->n_peers].address, sizeof test->peers[0].address, "%s",
                       address);
        test->peers[test->n_peers++].peer = peer;
    }
    return peer;
}

/// Somebody listens at every address that the job connects to, and holds its standard input open,
/// so that "send" may come later.
static sl_code listen_for(void *ctx, sl_text uid, sl_text url, sl_error *err)
{
    sl_test *test = ctx;
    char text[512], address[256] = "";
    sli_url parts;
    (void)uid;
    (void)snprintf(text, sizeof text, "%.*s", (int)url.size, url.data);
    SL_TRY(sli_url_parse(text, &parts, err));
    if (sli_text_is(parts.scheme, "socket")) {
        (void)snprintf(address, sizeof address, "%.*s:%d", (int)parts.host.size, parts.host.data,
                       parts.port);
    } else if (sli_text_is(parts.scheme, "stdin")) {
        (void)snprintf(address, sizeof address, "stdin");
    }
    return address[0] == '\0' || peer_at(test, address) != NULL
               ? SL_OK
               : sl_error_set(err, SL_E_NOMEM, "no peer for %s", address);
}

// ---------------------------------------------------------------- processes

static void fill_settings(sl_test *test)
{
    int32_t n = 0;
    const char *const *more = test->conf.settings;
    test->settings[n++] = "interval";
    test->settings[n++] = test->conf.interval == NULL ? "1s" : test->conf.interval;
    test->settings[n++] = "backend";
    test->settings[n++] = "inline";
    test->settings[n++] = "master";
    test->settings[n++] = "local[2]";
    if (test->conf.checkpoint) {
        test->settings[n++] = "checkpoint";
        test->settings[n++] = "checkpoint";
    }
    for (int32_t i = 0; more != NULL && more[i] != NULL && more[i + 1] != NULL; i += 2) {
        if (n >= MOST_SETTINGS - 2) {
            sl_error error = SL_ERROR_INIT;
            (void)keep_error(
                test, sl_error_set(&error, SL_E_INVALID, "too many settings for a test"), &error);
            break;
        }
        test->settings[n++] = more[i];
        test->settings[n++] = more[i + 1];
    }
    test->settings[n] = NULL;
}

static void take_progress(void *ctx, const sli_progress *progress)
{
    sl_test *test = ctx;
    test->told.epoch = progress->epoch;
    test->told.rows_out = progress->rows_out;
    test->told.failed = progress->error != NULL;
    if (progress->error != NULL && test->told.first_error[0] == '\0') {
        (void)snprintf(test->told.first_error, sizeof test->told.first_error, "%s",
                       progress->error);
    }
}

static sl_code boot(sl_test *test, sl_error *err)
{
    sli_fault none = {0};
    SL_TRY(
        sli_world_boot(test->world, test->has_fault ? &test->next_fault : &none, &test->env, err));
    test->has_fault = false;
    SL_TRY(sli_context_new_in(&test->context, test->env, "test", test->build, test->conf.prepare,
                              test->conf.ctx, test->settings, err));
    sli_context_on_progress(test->context, take_progress, test);
    SL_TRY(sli_graph_sources(sl_context_graph(test->context), listen_for, test, err));
    return sl_context_start_stepped(test->context, err);
}

static void end_process(sl_test *test)
{
    sl_context_free(test->context);
    test->context = NULL;
    if (test->env != NULL) {
        test->calls += sli_world_calls(test->env);
        test->fault_reached = test->fault_reached || sli_world_fault_reached(test->env);
        sli_env_free(test->env);
        test->env = NULL;
    }
}

/// Boots until a process lives: one that dies while it recovers is followed by another.
static void reboot(sl_test *test)
{
    sl_error error = SL_ERROR_INIT;
    sl_code rc = SL_E_CRASHED;
    for (int attempt = 0; attempt < 100 && rc == SL_E_CRASHED; attempt++) {
        if (test->env != NULL || test->context != NULL) {
            end_process(test);
            if (test->power_loss_next) {
                sli_world_power_loss(test->world, false);
            }
        }
        error = SL_ERROR_INIT;
        rc = boot(test, &error);
        test->crashed = test->crashed || rc == SL_E_CRASHED || attempt > 0;
    }
    (void)keep_error(test, rc, &error);
}

static sl_test *test_new(sl_build_fn build, sl_test_conf conf, const sli_test_world_fn *outside,
                         const sli_fault *fault, bool power_loss, const char *const *bugs)
{
    sl_test *test = sl_alloc_zero(SLI_TAG_TEST, sizeof *test);
    sli_world_conf world = {.seed = conf.seed, .start_wall_us = conf.start_us};
    if (test != NULL) {
        test->world = sli_world_new(&world);
    }
    if (test == NULL || test->world == NULL) {
        sl_free(test);
        return NULL;
    }
    test->build = build;
    test->conf = conf;
    sli_world_find_modules(test->world, find_module, test);
    test->power_loss_next = power_loss;
    test->read.tag = SLI_TAG_TEST;
    for (int32_t i = 0; bugs != NULL && bugs[i] != NULL; i++) {
        sli_world_plant(test->world, bugs[i]);
    }
    if (fault != NULL) {
        test->next_fault = *fault;
        test->has_fault = true;
    }
    for (int32_t i = 0; conf.files != NULL && conf.files[i] != NULL && conf.files[i + 1] != NULL;
         i += 2) {
        sl_test_put(test, conf.files[i], conf.files[i + 1]);
    }
    test->conf.files = NULL; // the world has them now; the caller's array need not live on
    if (outside != NULL) {
        test->outside = *outside;
        outside->begin(test->world, outside->ctx);
    }
    fill_settings(test);
    reboot(test);
    return test;
}

sl_test *sl_test_new(sl_build_fn build, sl_test_conf conf)
{
    return test_new(build, conf, NULL, NULL, false, NULL);
}

sl_test *sli_test_new_with(sl_build_fn build, sl_test_conf conf, const sli_fault *fault,
                           const char *const *bugs)
{
    return test_new(build, conf, NULL, fault, false, bugs);
}

sl_test *sli_test_new_beside(sl_build_fn build, sl_test_conf conf, const sli_test_world_fn *outside)
{
    return test_new(build, conf, outside, NULL, false, NULL);
}

void sli_test_fault_next(sl_test *test, const sli_fault *fault)
{
    test->next_fault = *fault;
    test->has_fault = true;
}

bool sli_test_crashed(sl_test *test)
{
    bool crashed = test->crashed;
    test->crashed = false;
    return crashed;
}

sli_world *sli_test_world(sl_test *test)
{
    return test->world;
}

sl_context *sli_test_context(sl_test *test)
{
    return test->context;
}

void sl_test_free(sl_test *test)
{
    if (test != NULL) {
        end_process(test);
        if (test->outside.end != NULL) {
            test->outside.end(test->outside.ctx);
        }
        sli_world_free(test->world);
        sl_free(test->text);
        sli_str_reset(&test->read);
        sl_free(test);
    }
}

sl_code sl_test_check(const sl_test *test, sl_error *err)
{
    if (test->error.code != SL_OK && err != NULL) {
        *err = test->error;
    }
    return test->error.code;
}

// ---------------------------------------------------------------- input

void sl_test_put(sl_test *test, const char *path, const char *text)
{
    sl_error error = SL_ERROR_INIT;
    (void)keep_error(test, sli_world_put(test->world, path, text, strlen(text), &error), &error);
}

void sl_test_send(sl_test *test, const char *address, const char *text)
{
    sl_error error = SL_ERROR_INIT;
    sli_peer *peer = peer_at(test, address);
    sl_code rc = peer == NULL ? sl_error_set(&error, SL_E_NOMEM, "no peer for %s", address)
                              : sli_peer_send(peer, text, strlen(text), &error);
    (void)keep_error(test, rc, &error);
}

void sl_test_stdin(sl_test *test, const char *text, bool end)
{
    sl_test_send(test, "stdin", text);
    sli_peer *peer = peer_at(test, "stdin");
    if (end && peer != NULL) {
        sli_peer_finish(peer);
    }
}

typedef struct rows {
    sl_batch *batches[1024];
    int32_t n;
} rows;

static sl_code take_row_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    rows *to = ctx;
    if (to->n == 1024) {
        return sl_error_set(err, SL_E_INVALID, "too many rows for one sl_test_push");
    }
    to->batches[to->n++] = sl_batch_ref(batch);
    return SL_OK;
}

static sl_code parse_rows(const sl_schema *schema, const char *text, rows *to, sl_error *err)
{
    const sl_option *tables[] = {sli_format_json.options, NULL};
    sl_conf *conf = NULL;
    sli_records *records = NULL;
    size_t size = strlen(text);
    sli_buffer *bytes = sli_buffer_new((int64_t)size);
    sl_code rc =
        bytes == NULL ? sl_error_nomem(err, size, "rows") : sl_conf_new(&conf, "rows", tables, err);
    if (rc == SL_OK) {
        memcpy(sli_buffer_data(bytes), text, size);
        rc = sl_conf_set(conf, "schema", sli_text_of(sl_schema_text(schema)), err);
    }
    if (rc == SL_OK) {
        rc = sli_records_new(&records, &sli_format_json, conf, schema, err);
    }
    if (rc == SL_OK) {
        rc = sli_records_feed(records, bytes, 0, (int64_t)size, 0, "sl_test_push", true,
                              take_row_batch, to, err);
    }
    if (records != NULL) {
        sli_records_free(records);
    }
    sl_conf_free(conf);
    sli_buffer_unref(bytes);
    return rc;
}

static sl_code push_rows(sl_test *test, const char *queue, const char *json_lines,
                         int32_t n_partitions, sl_error *err)
{
    const sl_schema *schema = sli_graph_queue_schema(sl_context_graph(test->context), queue);
    if (schema == NULL) {
        return sl_error_set(err, SL_E_NOT_FOUND, "the job has no queue '%s'", queue);
    }
    rows *parsed = sl_alloc_zero(SLI_TAG_TEST, sizeof *parsed);
    sl_batch *all = NULL;
    sl_code rc = parsed == NULL ? sl_error_nomem(err, sizeof *parsed, "rows")
                                : parse_rows(schema, json_lines, parsed, err);
    if (rc == SL_OK) {
        rc = parsed->n == 0
                 ? sli_batch_empty(schema, &all, err)
                 : sli_batch_concat((const sl_batch *const *)parsed->batches, parsed->n, &all, err);
    }
    if (rc == SL_OK) {
        rc = sl_queue_push(test->context, queue, all, n_partitions, err);
    }
    for (int32_t i = 0; parsed != NULL && i < parsed->n; i++) {
        sl_batch_unref(parsed->batches[i]);
    }
    sl_batch_unref(all);
    sl_free(parsed);
    return rc;
}

void sl_test_push(sl_test *test, const char *queue, const char *json_lines, int32_t n_partitions)
{
    sl_error error = SL_ERROR_INIT;
    if (test->context != NULL) {
        (void)keep_error(test, push_rows(test, queue, json_lines, n_partitions, &error), &error);
    }
}

static sl_code push_bytes(sl_test *test, const char *queue, const void *bytes, size_t size_bytes,
                          int32_t n_partitions, sl_error *err)
{
    void *copy = sl_alloc(SLI_TAG_TEST, size_bytes + 1);
    if (copy == NULL) {
        return sl_error_nomem(err, size_bytes, "bytes to push");
    }
    memcpy(copy, size_bytes == 0 ? "" : bytes, size_bytes);
    sl_loan loan = {.bytes = copy, .size_bytes = size_bytes, .release = sl_free, .ctx = copy};
    return sl_queue_push_bytes(test->context, queue, loan, n_partitions, err);
}

void sl_test_push_bytes(sl_test *test, const char *queue, const void *bytes, size_t size_bytes,
                        int32_t n_partitions)
{
    sl_error error = SL_ERROR_INIT;
    if (test->context != NULL) {
        sl_code rc = push_bytes(test, queue, bytes, size_bytes, n_partitions, &error);
        (void)keep_error(test, rc, &error);
    }
}

// ---------------------------------------------------------------- time

/// One step and, when nothing is due yet, one wait. `target` epochs are wanted; *done when they ran
/// and rest.
static sl_code step(sl_test *test, int64_t target, bool *done, sl_error *err)
{
    sli_engine *engine = sli_context_engine(test->context);
    SL_TRY(sl_context_step(test->context, err));
    *done = sli_engine_epoch(engine) >= target && sli_engine_rests(engine);
    if (*done) {
        return SL_OK;
    }
    int64_t due = sl_context_due_us(test->context);
    int64_t until = due == SLI_FOREVER ? SLI_FOREVER : sli_world_mono_us(test->world) + due;
    return due == 0 ? SL_OK : sli_engine_wait(engine, until, err);
}

/// Runs until the engine has completed `epochs` more, through crashes. Returns SL_OK, SL_E_END, or
/// the job's failure.
static sl_code run_epochs(sl_test *test, int64_t epochs)
{
    int64_t from = sli_engine_epoch(sli_context_engine(test->context));
    sl_error error = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    bool done = false;
    while (rc == SL_OK && !done) {
        rc = step(test, from + epochs, &done, &error);
        if (sli_world_is_dead(test->env)) {
            test->crashed = true;
            reboot(test);
            rc = sl_test_check(test, &error);
            done = false;
            int64_t now = rc == SL_OK ? sli_engine_epoch(sli_context_engine(test->context)) : 0;
            epochs = from + epochs > now ? from + epochs - now : 0;
            from = now;
            done = test->stopping; // the new life must be told to stop, too
        }
    }
    test->stopped = test->stopped || rc == SL_E_END;
    return keep_error(test, rc, &error);
}

static bool is_running(const sl_test *test)
{
    return test->context != NULL && !test->stopped && test->error.code == SL_OK &&
           sl_context_state_of(test->context) == SL_ACTIVE;
}

void sl_test_advance(sl_test *test, int32_t epochs)
{
    if (is_running(test)) {
        (void)run_epochs(test, epochs);
    }
}

void sl_test_stop(sl_test *test)
{
    test->stopping = true;
    while (is_running(test)) {
        (void)!sl_context_stop(test->context, true, NULL); // refused inside listeners only
        (void)run_epochs(test, INT32_MAX);
    }
    test->stopping = false;
}

// ---------------------------------------------------------------- output

static const char *hand_out(sl_test *test, char *text)
{
    sl_free(test->text);
    test->text = text;
    return text;
}

const char *sl_test_console(sl_test *test)
{
    size_t size = 0;
    const char *all = sli_world_printed(test->world, 1, &size);
    size_t from = (size_t)test->printed < size ? (size_t)test->printed : size;
    test->printed = (int64_t)size;
    const char *text = hand_out(test, sl_strndup(SLI_TAG_TEST, all + from, size - from));
    return text == NULL ? "" : text;
}

static sl_code add_file(sl_test *test, const char *path, sl_error *err)
{
    char *content = NULL;
    size_t size = 0;
    SL_TRY(sli_world_read(test->world, path, &content, &size, err));
    sli_str_add(&test->read, content, size);
    sl_free(content);
    return SL_OK;
}

typedef struct walk {
    sl_test *test;
    const char *dir;
} walk;

static void read_tree(sl_test *test, const char *path);

static sl_code read_entry(void *ctx, const char *name, sl_error *err)
{
    const walk *w = ctx;
    char path[1024];
    (void)err;
    if (name[0] != '.') {
        (void)snprintf(path, sizeof path, "%s/%s", w->dir, name);
        read_tree(w->test, path);
    }
    return SL_OK;
}

static void read_tree(sl_test *test, const char *path)
{
    walk w = {test, path};
    if (add_file(test, path, NULL) != SL_OK) {
        (void)!sli_world_list(test->world, path, read_entry, &w,
                              NULL); // neither file nor directory: nothing to read
    }
}

const char *sl_test_read(sl_test *test, const char *path)
{
    sli_str_clear(&test->read);
    read_tree(test, path);
    return test->read.size == 0 ? "" : test->read.data;
}

/// Whether the epoch ran and nothing came out of it. Such an epoch may have had no effect at all,
/// and then no sink hears of it.
static bool was_empty(sl_test *test, const char *name, int64_t epoch)
{
    char url[256];
    (void)snprintf(url, sizeof url, "collect:%s", name);
    return epoch > 0 && test->told.epoch == epoch && !test->told.failed &&
           test->error.code == SL_OK && sli_engine_ran(sli_context_engine(test->context), url);
}

const char *sl_test_rows(sl_test *test, const char *name)
{
    char path[256];
    char *content = NULL;
    size_t size = 0;
    if (test->context == NULL || sli_context_engine(test->context) == NULL) {
        return NULL;
    }
    int64_t epoch = sli_engine_epoch(sli_context_engine(test->context));
    (void)snprintf(path, sizeof path, "collect/%s/%012lld", name, (long long)epoch);
    if (sli_world_read(test->world, path, &content, &size, NULL) == SL_OK) {
        return hand_out(test, content);
    }
    return was_empty(test, name, epoch) ? "" : NULL;
}

const char *sl_test_columns(sl_test *test, const char *name)
{
    char url[256];
    if (test->context == NULL || sli_context_engine(test->context) == NULL) {
        return NULL;
    }
    (void)snprintf(url, sizeof url, "collect:%s", name);
    const sl_schema *columns = sli_engine_columns(sli_context_engine(test->context), url);
    columns =
        columns != NULL ? columns : sli_graph_queue_schema(sl_context_graph(test->context), name);
    return columns == NULL ? NULL : sl_schema_text(columns);
}

sl_code sl_test_accumulated(sl_test *test, const char *name, sl_accumulated *out, sl_error *err)
{
    return test->context == NULL ? sl_error_set(err, SL_E_STATE, "the test's job could not be made")
                                 : sl_context_accumulated(test->context, name, out, err);
}

const char *sl_test_error(sl_test *test)
{
    return test->error.code != SL_OK ? test->error.text : test->told.first_error;
}

// ---------------------------------------------------------------- faults

void sl_test_crash(sl_test *test, bool power_loss)
{
    if (test->env == NULL || test->error.code != SL_OK) {
        return;
    }
    sli_world_kill(test->env);
    end_process(test);
    if (power_loss) {
        sli_world_power_loss(test->world, false);
    }
    test->crashed = true;
    reboot(test);
}

typedef struct sweep {
    sl_build_fn build;
    sl_test_conf conf;
    void (*scenario)(sl_test *test, void *ctx);
    sl_code (*check)(sl_test *test, void *ctx, sl_error *err);
    void *ctx;
} sweep;

/// One run with a crash at call `n`. *reached false: the run made fewer calls.
static sl_code crash_at(const sweep *s, int64_t n, bool power_loss, bool *reached, sl_error *err)
{
    sli_fault fault = {.crash_at_call = n};
    sl_test *test = test_new(s->build, s->conf, NULL, &fault, power_loss, NULL);
    if (test == NULL) {
        return sl_error_nomem(err, sizeof *test, "a test");
    }
    s->scenario(test, s->ctx);
    sl_test_stop(test);
    sl_code rc = sl_test_check(test, err);
    if (rc == SL_OK) {
        rc = s->check(test, s->ctx, err);
    }
    *reached = test->fault_reached || (test->env != NULL && sli_world_fault_reached(test->env));
    sl_test_free(test);
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "crash at call %lld%s", (long long)n,
                                       power_loss ? " with power loss" : "");
}

sl_code sl_test_crash_everywhere(sl_build_fn build, sl_test_conf conf,
                                 void (*scenario)(sl_test *test, void *ctx),
                                 sl_code (*check)(sl_test *test, void *ctx, sl_error *err),
                                 void *ctx, int64_t *n_calls, sl_error *err)
{
    sweep s = {build, conf, scenario, check, ctx};
    int64_t n = 0;
    for (bool reached = true; reached;) {
        n++;
        SL_TRY(crash_at(&s, n, false, &reached, err));
        if (reached) {
            SL_TRY(crash_at(&s, n, true, &reached, err));
        }
    }
    if (n_calls != NULL) {
        *n_calls = n - 1;
    }
    return SL_OK;
}
