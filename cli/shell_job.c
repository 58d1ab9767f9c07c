// Jobs of the shell: what is defined so far, a SELECT whose rows are shown epoch by epoch, an
// INSERT INTO that runs until Ctrl-C.
//
// A build function has no argument, so what it builds lies here: one job runs at a time.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"
#include "sluice/sql.h"

static struct job {
    shell *of;
    int32_t n;  ///< pieces
    bool shows; ///< a SELECT
    sl_sql_typed typed;
    sl_context *context;
    cli_show rows; ///< CSV and JSON: one result for all epochs
    sl_schema *columns;
    bool begun, failed;
    int64_t n_rows, n_epochs, n_taken;
    sl_error error; ///< of showing
} job;

// ---------------------------------------------------------------- rows of an epoch

static sl_code put_row(sl_builder *b, const sl_batch *rows, int64_t row, int64_t epoch,
                       int64_t time_us)
{
    sl_builder_int64(b, 0, epoch);
    sl_builder_int64(b, 1, time_us);
    for (int32_t i = 0; i < sl_schema_columns(sl_batch_schema(rows)); i++) {
        sl_builder_cell(b, i + 2, sl_batch_column(rows, i), row);
    }
    return SL_OK;
}

/// Rows with the epoch and its batch time in front.
static sl_code with_time(const sl_batch *rows, int64_t epoch, int64_t time_us, sl_batch **out,
                         sl_error *err)
{
    sl_builder *b = NULL;
    SL_TRY(sl_builder_new(&b, job.columns, err));
    for (int64_t row = 0; row < sl_batch_rows(rows); row++) {
        (void)put_row(b, rows, row, epoch, time_us);
    }
    sl_code rc = sl_builder_finish(b, out, err);
    sl_builder_free(b);
    return rc;
}

/// "epoch int64, batch_time timestamp, ..."; a name that the SELECT has too gets "sluice_".
static sl_code columns_of(const sl_schema *given, sl_schema **out, sl_error *err)
{
    const char *epoch = sl_schema_find(given, "epoch") >= 0 ? "sluice_epoch" : "epoch";
    const char *time =
        sl_schema_find(given, "batch_time") >= 0 ? "sluice_batch_time" : "batch_time";
    const char *rest = sl_schema_text(given);
    size_t size = strlen(rest) + 100;
    char *text = malloc(size);
    if (text == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for columns");
    }
    (void)snprintf(text, size, "%s int64, %s timestamp, %s", epoch, time, rest);
    sl_code rc = sl_schema_parse(out, text, err);
    free(text);
    return rc;
}

static void head(int64_t epoch, int64_t time_us)
{
    char time[64];
    const char *by = job.typed.changes_by;
    cli_time_text(time_us, time, sizeof time);
    printf("-- epoch %lld, batch time %s%s", (long long)epoch, time, by == NULL ? "" : ", changes");
    if (by != NULL && by[0] != '\0') {
        printf(" by %s", by);
    }
    fputs("\n", stdout);
}

typedef struct epoch_rows {
    int64_t epoch, time_us;
    cli_show show;
    bool begun;
} epoch_rows;

static int64_t left(void)
{
    return job.of->limit < 0 ? -1 : job.of->limit - job.n_rows;
}

/// In a table each epoch is a result of its own, under its time.
static sl_code show_table(epoch_rows *e, const sl_batch *rows, sl_error *err)
{
    if (!e->begun) {
        e->begun = true;
        head(e->epoch, e->time_us);
        e->show = (cli_show){.to = stdout, .mode = job.of->mode, .limit = left(), .quiet = true};
        SL_TRY(cli_show_begin(&e->show, sl_batch_schema(rows), err));
    }
    return cli_show_rows(&e->show, rows, err);
}

static sl_code show_text(const epoch_rows *e, const sl_batch *rows, sl_error *err)
{
    sl_batch *timed = NULL;
    if (!job.begun) {
        job.begun = true;
        SL_TRY(columns_of(sl_batch_schema(rows), &job.columns, err));
        job.rows = (cli_show){.to = stdout, .mode = job.of->mode, .limit = job.of->limit};
        SL_TRY(cli_show_begin(&job.rows, job.columns, err));
    }
    SL_TRY(with_time(rows, e->epoch, e->time_us, &timed, err));
    sl_code rc = cli_show_rows(&job.rows, timed, err);
    sl_batch_unref(timed);
    return rc;
}

static sl_code show_batch(void *ctx, int32_t partition, const sl_batch *rows, sl_error *err)
{
    epoch_rows *e = ctx;
    (void)partition;
    if (sl_batch_rows(rows) == 0) {
        return SL_OK;
    }
    return job.of->mode == CLI_TABLE || job.of->mode == CLI_LINE ? show_table(e, rows, err)
                                                                 : show_text(e, rows, err);
}

/// Ends the job when there are rows enough.
static sl_code enough(sl_code rc, sl_error *err)
{
    bool is_enough = job.of->limit >= 0 && job.n_rows >= job.of->limit;
    if (rc == SL_E_END) {
        rc = SL_OK;
    }
    return rc == SL_OK && is_enough ? sl_context_stop(job.context, false, err) : rc;
}

static sl_code show_epoch(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    epoch_rows e = {.epoch = sl_args_epoch(args), .time_us = sl_args_time_us(args)};
    sl_error last = SL_ERROR_INIT;
    if (job.of->limit >= 0 && job.n_rows >= job.of->limit) {
        return SL_OK; // it ends
    }
    sl_code rc = sl_rdd_foreach(rdd, show_batch, &e, err);
    if (e.begun) {
        job.n_rows += e.show.n_rows;
        sl_code end = cli_show_end(&e.show, &last);
        rc = rc == SL_OK ? end : rc;
    } else if (job.begun) {
        job.n_rows = job.rows.n_rows;
        (void)fflush(stdout);
    }
    return enough(rc, err);
}

static const sl_foreach_fn show_fn = {sizeof(sl_foreach_fn), "sluice_shell_show", 1, show_epoch};

// ---------------------------------------------------------------- building

static void build(sl_graph *graph)
{
    const shell *of = job.of;
    sl_sql_session(graph, of->pieces, job.n, of->variables, &job.typed);
    if (job.shows && job.typed.stream != NULL) {
        sl_stream_foreach_rdd(job.typed.stream, &show_fn, NULL);
    }
}

/// A context of the first n statements. Its checkpoint is that of the script for an INSERT alone:
/// no SELECT works in the directory of another job.
static sl_code make(shell *self, int32_t n, bool shows, sl_error *err)
{
    char epochs[24];
    const char *settings[5] = {NULL};
    int k = 0;
    if (self->epochs >= 0) {
        (void)snprintf(epochs, sizeof epochs, "%lld", (long long)self->epochs);
        settings[k++] = "max_epochs";
        settings[k++] = epochs;
    }
    if (shows) {
        settings[k++] = "checkpoint";
        settings[k++] = "";
    }
    memset(&job, 0, sizeof job);
    job.of = self;
    job.n = n;
    job.shows = shows;
    SL_TRY(sl_context_new(&job.context, "shell", build, settings, err));
    sl_code rc = sl_graph_check(sl_context_graph(job.context), err);
    if (rc != SL_OK) {
        sl_context_free(job.context);
        job.context = NULL;
    }
    return rc;
}

// ---------------------------------------------------------------- definitions

static sl_code copy_piece(const sl_sql_piece *piece, sl_sql_piece *out, sl_error *err)
{
    char *text = strdup(piece->text), *name = piece->name == NULL ? NULL : strdup(piece->name);
    if (text == NULL || (piece->name != NULL && name == NULL)) {
        free(text);
        free(name);
        return sl_error_set(err, SL_E_NOMEM, "no memory for a statement");
    }
    *out = (sl_sql_piece){text, name, piece->line, piece->column};
    return SL_OK;
}

static void replace_defined(shell *self)
{
    sl_context_free(self->defined);
    self->defined = job.context;
    job.context = NULL;
}

sl_code shell_define(shell *self, const sl_sql_piece *piece, sl_error *err)
{
    sl_sql_piece kept;
    if (self->n_pieces == SHELL_MOST_PIECES) {
        return sl_error_set(err, SL_E_INVALID, "a session has at most %d statements",
                            SHELL_MOST_PIECES);
    }
    self->pieces[self->n_pieces] = *piece;
    SL_TRY(make(self, self->n_pieces + 1, false, err));
    replace_defined(self);
    SL_TRY(copy_piece(piece, &kept, err));
    self->pieces[self->n_pieces++] = kept;
    return SL_OK;
}

sl_code shell_undefine(shell *self, int32_t piece, sl_error *err)
{
    sl_sql_piece gone = self->pieces[piece];
    size_t after = (size_t)(self->n_pieces - piece - 1) * sizeof gone;
    memmove(&self->pieces[piece], &self->pieces[piece + 1], after);
    sl_code rc = make(self, self->n_pieces - 1, false, err);
    if (rc != SL_OK) {
        memmove(&self->pieces[piece + 1], &self->pieces[piece], after);
        self->pieces[piece] = gone;
        return rc;
    }
    self->n_pieces--;
    replace_defined(self);
    free((char *)(uintptr_t)gone.text);
    free((char *)(uintptr_t)gone.name);
    return SL_OK;
}

// ---------------------------------------------------------------- running

/// Waits for signals on a thread of its own, since a handler could not stop a job.
typedef struct watch {
    pthread_t thread;
    sigset_t signals, before;
    bool is_graceful;
    bool was_stopped, ends; ///< ends: SIGTERM. Read when the thread has ended
} watch;

static void *watch_signals(void *ctx)
{
    watch *w = ctx;
    int number = 0;
    while (sigwait(&w->signals, &number) == 0 && number != SIGUSR1) {
        sl_error ignored = SL_ERROR_INIT; // it is stopping already
        bool graceful = w->is_graceful && !w->was_stopped;
        w->ends = w->ends || number == SIGTERM;
        w->was_stopped = true;
        if (sl_context_stop(job.context, graceful, &ignored) != SL_OK) {
            break;
        }
    }
    return NULL;
}

static sl_code watch_begin(watch *w, sl_error *err)
{
    (void)sigemptyset(&w->signals);
    (void)sigaddset(&w->signals, SIGINT);
    (void)sigaddset(&w->signals, SIGTERM);
    (void)sigaddset(&w->signals, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &w->signals, &w->before); // the job's threads inherit it
    int failed = pthread_create(&w->thread, NULL, watch_signals, w);
    if (failed != 0) {
        (void)pthread_sigmask(SIG_SETMASK, &w->before, NULL);
        return sl_error_sys(err, SL_OK, failed, "a thread for signals");
    }
    return SL_OK;
}

static void watch_end(watch *w)
{
    (void)pthread_kill(w->thread, SIGUSR1);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &w->before, NULL);
}

static void note_epoch(void *ctx, const sl_batch_info *batch)
{
    (void)ctx;
    job.n_epochs++;
    job.n_taken += batch->rows;
}

static const sl_listener counts = {
    .struct_size = sizeof(sl_listener), .name = "shell", .batch_completed = note_epoch};

static sl_code start_and_wait(watch *w, sl_error *err)
{
    SL_TRY(watch_begin(w, err));
    sl_code rc = sl_context_add_listener(job.context, &counts, NULL, err);
    rc = rc == SL_OK ? sl_context_start(job.context, err) : rc;
    rc = rc == SL_OK ? sl_context_await(job.context, -1, err) : rc;
    watch_end(w);
    return rc == SL_E_CANCELLED && (w->was_stopped || job.of->limit >= 0) ? SL_OK : rc;
}

static sl_code run_stream(shell *self, bool is_insert, sl_error *err)
{
    watch w = {.is_graceful = is_insert};
    sl_error last = SL_ERROR_INIT;
    if (self->interactive) {
        fputs(is_insert ? "runs until Ctrl-C\n" : "rows come epoch by epoch; Ctrl-C ends them\n",
              stdout);
        (void)fflush(stdout);
    }
    sl_code rc = start_and_wait(&w, err);
    sl_context_free(job.context); // listeners have heard of everything
    job.context = NULL;
    if (job.begun) {
        sl_code end = cli_show_end(&job.rows, &last);
        if (rc == SL_OK && end != SL_OK) {
            *err = last;
            rc = end;
        }
    }
    sl_schema_unref(job.columns);
    self->quits = self->quits || w.ends;
    if (rc == SL_OK && self->interactive) {
        printf("(%lld epoch%s", (long long)job.n_epochs, job.n_epochs == 1 ? "" : "s");
        int64_t n = is_insert ? job.n_taken : job.n_rows;
        printf(", %lld row%s %s)\n", (long long)n, n == 1 ? "" : "s", is_insert ? "read" : "shown");
    }
    return rc;
}

static sl_graph *asked; ///< whose SELECT over static tables runs

static void stop_once(int number)
{
    (void)number;
    sl_sql_once_stop(asked);
}

static sl_code run_once(shell *self, sl_error *err)
{
    cli_show show = {.to = stdout, .mode = self->mode, .limit = self->limit};
    sl_rows_to to = {cli_show_begin, cli_show_rows, &show};
    sl_error last = SL_ERROR_INIT;
    struct sigaction now = {.sa_handler = stop_once}, before;
    asked = sl_context_graph(job.context);
    (void)sigaction(SIGINT, &now, &before);
    sl_code rc = sl_sql_once(asked, &to, err);
    (void)sigaction(SIGINT, &before, NULL);
    rc = rc == SL_E_END && show.has_more ? SL_OK : rc;
    sl_code end = cli_show_end(&show, &last);
    if (rc == SL_OK && end != SL_OK) {
        *err = last;
        rc = end;
    }
    return rc;
}

sl_code shell_run(shell *self, const sl_sql_piece *piece, bool is_insert, sl_error *err)
{
    self->pieces[self->n_pieces] = *piece;
    SL_TRY(make(self, self->n_pieces + 1, !is_insert, err));
    if (!is_insert && job.typed.is_static) {
        sl_code rc = run_once(self, err);
        sl_context_free(job.context);
        job.context = NULL;
        return rc;
    }
    return run_stream(self, is_insert, err);
}
