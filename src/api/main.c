// A program that is a job: what `sluice run` does with it. Options are those of the tables;
// everything a user can meet here — help, errors, progress, signals, the exit code — is made in
// this file.
#include <stdio.h>

#include "api/crash.h"
#include "api/host.h"
#include "api/service.h"
#include "sluice/tool.h"

enum {
    EXIT_OK = 0,
    EXIT_JOB = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3,
    EXIT_CHECKPOINT = 4,
    MOST_SETTINGS = 256
};

typedef struct command {
    const char *program;
    const char *settings[2 * MOST_SETTINGS + 1]; ///< pairs, NULL-ended; names without dashes
    int32_t n;
    char *texts[2 * MOST_SETTINGS]; ///< what must be freed
    int32_t n_texts;
    bool help, version, quiet;
} command;

typedef struct reporter {
    sl_env *env;
    sli_file *file;   ///< JSON lines go here, or
    bool json, lines; ///< to standard error as JSON, or as lines for a terminal
    const char *metrics_path;
    const sli_host *host; ///< its metrics, once it is open
    int64_t metrics_due_us;
    sli_service service;
} reporter;

static void say(sl_env *env, int fd, const char *text)
{
    (void)!sli_env_print(env, fd, text, strlen(text),
                         NULL); // a closed terminal is no reason to stop the job
}

static int exit_code(sl_code code)
{
    switch (code) {
    case SL_OK:
    case SL_E_END:
        return EXIT_OK;
    case SL_E_CONFIG:
    case SL_E_INVALID:
        return EXIT_CONFIG;
    case SL_E_INCOMPATIBLE:
    case SL_E_CORRUPT:
        return EXIT_CHECKPOINT;
    default:
        return EXIT_JOB;
    }
}

// ---------------------------------------------------------------- the command line

static sl_code add_setting(command *cmd, const char *name, size_t name_size, const char *value,
                           sl_error *err)
{
    char *copy = sl_strndup(SLI_TAG_API, name, name_size);
    if (copy == NULL || cmd->n == 2 * MOST_SETTINGS) {
        sl_free(copy);
        return sl_error_set(err, SL_E_INVALID, "more than %d settings", MOST_SETTINGS);
    }
    if (strncmp(copy, "spark.", 6) != 0) {
        for (char *c = copy; *c != '\0'; c++) {
            *c = *c == '-' ? '_' : *c;
        }
    }
    cmd->texts[cmd->n_texts++] = copy;
    cmd->settings[cmd->n++] = copy;
    cmd->settings[cmd->n++] = value;
    cmd->settings[cmd->n] = NULL;
    return SL_OK;
}

/// "--conf NAME=VALUE".
static sl_code add_conf(command *cmd, const char *pair, sl_error *err)
{
    const char *equals = pair == NULL ? NULL : strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return sl_error_set(err, SL_E_INVALID, "--conf needs NAME=VALUE");
    }
    return add_setting(cmd, pair, (size_t)(equals - pair), equals + 1, err);
}

static sl_code parse_option(command *cmd, int argc, char **argv, int *i, sl_error *err)
{
    const char *option = argv[*i] + 2;
    const char *equals = strchr(option, '=');
    size_t size = equals == NULL ? strlen(option) : (size_t)(equals - option);
    const char *value = equals == NULL ? NULL : equals + 1;
    if (value == NULL && *i + 1 < argc) {
        value = argv[++*i];
    }
    if (value == NULL) {
        return sl_error_set(err, SL_E_INVALID, "--%s needs a value", option);
    }
    if (size == 4 && strncmp(option, "conf", 4) == 0) {
        return add_conf(cmd, value, err);
    }
    return add_setting(cmd, option, size, value, err);
}

static sl_code parse(command *cmd, int argc, char **argv, sl_error *err)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            cmd->help = true;
        } else if (strcmp(word, "--version") == 0) {
            cmd->version = true;
        } else if (strcmp(word, "--quiet") == 0 || strcmp(word, "-q") == 0) {
            cmd->quiet = true;
        } else if (strncmp(word, "--", 2) == 0 && word[2] != '\0') {
            SL_TRY(parse_option(cmd, argc, argv, &i, err));
        } else {
            return sl_error_set(err, SL_E_INVALID, "unexpected argument '%s'", word);
        }
    }
    return SL_OK;
}

static void command_reset(command *cmd)
{
    for (int32_t i = 0; i < cmd->n_texts; i++) {
        sl_free(cmd->texts[i]);
    }
}

static int show_help(sl_env *env, const command *cmd)
{
    sli_str text = {.tag = SLI_TAG_API};
    sli_str_printf(
        &text,
        "usage: %s [--master local[N]] [--interval 1s] [--checkpoint DIR] [--NAME VALUE ...]\n\n"
        "Runs the job until it ends or is told to: SIGTERM and Ctrl-C finish the epoch and commit, "
        "a second one\n"
        "stops at once. Exit codes: 0 ok, 1 the job failed, 2 usage, 3 configuration, 4 checkpoint "
        "incompatible\n"
        "or damaged.\n\n",
        cmd->program);
    sl_conf_help(sli_all_options, 100, &text);
    say(env, 1, text.data == NULL ? "" : text.data);
    sli_str_reset(&text);
    return EXIT_OK;
}

// ---------------------------------------------------------------- progress

static void write_metrics(reporter *r)
{
    int64_t now = sli_env_mono_us(r->env);
    if (r->metrics_path == NULL || now < r->metrics_due_us) {
        return;
    }
    r->metrics_due_us = now + 5000000;
    sli_str text = {.tag = SLI_TAG_API};
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_metrics_prometheus(r->host->metrics, &text, &error);
    if (rc == SL_OK) {
        rc = sli_env_write_file(r->env, r->metrics_path, text.data, text.size, &error);
    }
    if (rc != SL_OK) {
        sli_str line = {.tag = SLI_TAG_API};
        sli_str_printf(&line, "metrics file: %s\n", error.text);
        say(r->env, 2, line.data == NULL ? "" : line.data);
        sli_str_reset(&line);
        r->metrics_path = NULL; // said once; the job goes on without it
    }
    sli_str_reset(&text);
}

static void write_line(reporter *r, const sli_progress *p)
{
    char line[160];
    if (p->rows_in == 0 && p->rows_out == 0 && p->error == NULL) {
        return;
    }
    (void)snprintf(line, sizeof line, "epoch %lld: %lld rows in, %lld out, %.1f ms%s\n",
                   (long long)p->epoch, (long long)p->rows_in, (long long)p->rows_out,
                   (double)p->trigger_us / 1000.0, p->error == NULL ? "" : ", failed");
    say(r->env, 2, line);
}

static void report(void *ctx, const sli_progress *progress)
{
    reporter *r = ctx;
    write_metrics(r);
    sli_service_count(&r->service, progress);
    if (r->lines) {
        write_line(r, progress);
        return;
    }
    if (!r->json) {
        return;
    }
    sli_str line = {.tag = SLI_TAG_API};
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_progress_json(progress, &line, &error);
    if (rc == SL_OK && r->file != NULL) {
        rc = sli_file_write(r->file, line.data, line.size, &error);
    } else if (rc == SL_OK) {
        say(r->env, 2, line.data);
    }
    if (rc != SL_OK) {
        say(r->env, 2, "progress: ");
        say(r->env, 2, error.text);
        say(r->env, 2, "\n");
        r->json = false; // said once; the job goes on without it
    }
    sli_str_reset(&line);
}

static sl_code open_reporter(reporter *r, sli_host *host, bool quiet, sl_error *err)
{
    const char *progress = sl_conf_text(host->conf, "progress");
    *r = (reporter){
        .env = host->env, .host = host, .metrics_path = sl_conf_text(host->conf, "metrics")};
    sli_service_init(&r->service, host->env);
    if (strcmp(progress, "auto") == 0) {
        r->lines = !quiet && sli_env_is_terminal(host->env, 2);
    } else if (strcmp(progress, "json") == 0) {
        r->json = true;
    } else if (strcmp(progress, "none") != 0) {
        r->json = true;
        return sli_file_open(host->env, progress, SLI_APPEND, &r->file, err);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- running

typedef struct running {
    sl_context *context;
    reporter reporter;
} running;

/// The thread of signals is no listener's, so the stop is never refused.
static void on_signal(void *ctx, int32_t count)
{
    running *r = ctx;
    bool gracefully = sl_conf_bool(sli_context_host(r->context)->conf, "stop.gracefully");
    sli_service_stopping(&r->reporter.service);
    (void)!sl_context_stop(r->context, gracefully && count == 1, NULL);
}

static sl_code run(command *cmd, sl_env *env, const char *name, sl_build_fn build, sl_error *err)
{
    running r = {0};
    sli_terminate *terminate = NULL;
    SL_TRY(sli_context_new_in(&r.context, env, name, build, NULL, NULL, cmd->settings, err));
    sli_host *host = sli_context_host(r.context);
    sl_code rc = open_reporter(&r.reporter, host, cmd->quiet, err);
    if (rc == SL_OK) {
        sli_context_on_progress(r.context, report, &r.reporter);
        rc = sli_terminate_watch(&terminate, on_signal, &r, err); // before any thread is made
    }
    bool watched = false;
    if (rc == SL_OK) {
        rc = sli_crash_record_begin(host, err);
        watched = rc == SL_OK;
    }
    if (rc == SL_OK) {
        rc = sl_context_start(r.context, err);
    }
    if (rc == SL_OK) {
        rc = sli_service_await(&r.reporter.service, r.context, err);
    }
    sli_terminate_end(terminate);
    if (watched) {
        sli_crash_record_end(host);
    }
    sl_context_free(r.context);
    sli_file_close(&r.reporter.file);
    return rc;
}

int sl_main(int argc, char **argv, const char *name, sl_build_fn build)
{
    sl_env *env = NULL;
    sl_error error = SL_ERROR_INIT;
    if (sli_env_posix(&env, &error) != SL_OK) {
        return EXIT_JOB;
    }
    command cmd = {.program = argc > 0 ? argv[0] : name};
    sl_code rc = parse(&cmd, argc, argv, &error);
    int status = EXIT_USAGE;
    if (rc == SL_OK && cmd.help) {
        status = show_help(env, &cmd);
    } else if (rc == SL_OK && cmd.version) {
        say(env, 1, sl_version());
        say(env, 1, "\n");
        status = EXIT_OK;
    } else if (rc == SL_OK) {
        rc = run(&cmd, env, name, build, &error);
        status = exit_code(rc);
    }
    if (status != EXIT_OK) {
        sli_str text = {.tag = SLI_TAG_API};
        sli_str_printf(&text, "%s: %s\n", name, error.text);
        if (status == EXIT_USAGE) {
            sli_str_printf(&text, "Try '%s --help'.\n", cmd.program);
        }
        say(env, 2, text.data == NULL ? "out of memory\n" : text.data);
        sli_str_reset(&text);
    }
    command_reset(&cmd);
    sli_env_free(env);
    return status;
}
