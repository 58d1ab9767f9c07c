// sluice shell [DIR|JOB.sql]: the prompt, and what becomes of a statement.
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shell.h"

static const char help[] =
    "usage: sluice shell [DIR|JOB.sql] [--set NAME=VALUE] ... [--csv|--json|--line] "
    "[--memory SIZE]\n\n"
    "An interactive prompt; without a terminal it reads statements from standard input.\n\n"
    "  sluice shell DIR       SELECT over what the checkpoint directory DIR holds, as 'sluice "
    "state'\n"
    "                         does; each statement sees the newest sealed group\n"
    "  sluice shell JOB.sql   its CREATE TABLE, CREATE VIEW and SET are kept, its INSERTs are not "
    "run\n"
    "  sluice shell           nothing yet: type CREATE TABLE, or .open DIR\n\n"
    "A statement ends with ';'. CREATE and SET are kept; a SELECT over streams runs as a job of "
    "this\n"
    "process and shows its rows epoch by epoch until Ctrl-C, .limit or .epochs; INSERT INTO runs "
    "until\n"
    "Ctrl-C; a SELECT over static tables runs once. .help lists the commands. docs/SHELL.md has a\n"
    "session.\n";

// ---------------------------------------------------------------- Ctrl-C

static sl_checkpoint *running; ///< whose SELECT runs
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
    if (running != NULL) {
        sl_checkpoint_stop(running);
    }
}

bool shell_is_interrupted(void)
{
    return interrupted != 0;
}

bool shell_was_interrupted(void)
{
    bool was = interrupted != 0;
    interrupted = 0;
    return was;
}

// ---------------------------------------------------------------- failures

void shell_fail(shell *self, const sl_error *err)
{
    (void)fflush(stdout); // in the order in which things happened
    self->status = cli_fail("shell", err);
}

static void fail_at(shell *self, const shell_input *in, int64_t at_line, sl_error *err)
{
    if (in->name != NULL && self->checkpoint != NULL) {
        (void)sl_error_wrap(err, err->code, "%s:%lld", in->name, (long long)at_line);
    }
    shell_fail(self, err);
}

// ---------------------------------------------------------------- statements

static sl_code select_checkpoint(shell *self, const char *select, sl_error *err)
{
    cli_show show = {.to = stdout, .mode = self->mode, .limit = self->limit};
    sl_rows_to to = {cli_show_begin, cli_show_rows, &show};
    sl_error last = SL_ERROR_INIT;
    char at[256];
    running = self->checkpoint;
    sl_code rc = sl_checkpoint_select(self->checkpoint, select, &to, err);
    running = NULL;
    bool cut = show.has_more;
    rc = rc == SL_E_END && cut ? SL_OK : rc;
    sl_code end = cli_show_end(&show, &last);
    if (rc == SL_OK && end != SL_OK) {
        *err = last;
        rc = end;
    }
    if (rc == SL_OK && self->interactive && self->mode == CLI_TABLE) {
        cli_point_text(self->checkpoint, at, sizeof at);
        printf("%s\n", at);
    }
    if (rc == SL_OK && cut && self->mode != CLI_TABLE) {
        fprintf(stderr, "%lld rows shown (.limit), and there are more\n", (long long)self->limit);
    }
    return rc;
}

static sl_code over_checkpoint(shell *self, const sl_sql_piece *piece, sl_sql_verb verb,
                               sl_error *err)
{
    return verb == SL_SQL_SELECT
               ? select_checkpoint(self, piece->text, err)
               : sl_error_set(err, SL_E_INVALID,
                              "a checkpoint is open, of which a SELECT can be asked; '.open' alone "
                              "closes it");
}

static sl_code execute(shell *self, const sl_sql_piece *piece, sl_sql_verb verb, sl_error *err)
{
    if (self->checkpoint != NULL) {
        return over_checkpoint(self, piece, verb, err);
    }
    return verb == SL_SQL_SELECT || verb == SL_SQL_INSERT
               ? shell_run(self, piece, verb == SL_SQL_INSERT, err)
               : shell_define(self, piece, err);
}

static void time_it(const shell *self, const struct timespec *from)
{
    struct timespec to;
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds =
        (double)(to.tv_sec - from->tv_sec) + (double)(to.tv_nsec - from->tv_nsec) / 1e9;
    if (self->timer) {
        printf("time: %.3f s\n", seconds);
    }
}

/// Text that is read and not yet run.
typedef struct gathered {
    char *text;
    size_t size;
    int64_t line; ///< of its first byte in the input
} gathered;

/// Lines, and the column behind the last of them, of the first n bytes.
static void place(const char *text, size_t n, int64_t *line, int64_t *column)
{
    *column = 1;
    for (size_t i = 0; i < n; i++) {
        *column += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (text[i] == '\n') {
            *line += 1;
            *column = 1;
        }
    }
}

static void run_statement(shell *self, const shell_input *in, const gathered *g,
                          const sl_sql_statement *s)
{
    sl_error err = SL_ERROR_INIT;
    struct timespec from;
    sl_sql_piece piece = {.name = in->name, .line = in->name == NULL ? 1 : g->line, .column = 1};
    char *text = strndup(g->text + s->at, s->size);
    int64_t ignored = 1;
    place(g->text, s->at, in->name == NULL ? &ignored : &piece.line, &piece.column);
    piece.column = in->name == NULL ? 1 : piece.column; // as it was typed, whatever stood before
    piece.text = text;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    sl_code rc = text == NULL ? sl_error_set(&err, SL_E_NOMEM, "no memory for a statement")
                              : execute(self, &piece, s->verb, &err);
    if (rc == SL_E_CANCELLED && shell_was_interrupted()) {
        fputs("stopped\n", stderr);
    } else if (rc != SL_OK) {
        fail_at(self, in, piece.line, &err);
    } else {
        time_it(self, &from);
    }
    (void)fflush(stdout);
    free(text);
}

/// Runs what is whole of the text, and keeps the rest.
static void run_whole(shell *self, const shell_input *in, gathered *g)
{
    sl_sql_statement s;
    sl_error err = SL_ERROR_INIT;
    while (g->text != NULL && !self->quits && sl_sql_next(g->text, 0, false, &s, &err) == SL_OK &&
           s.ended) {
        if (s.verb != SL_SQL_NOTHING) {
            run_statement(self, in, g, &s);
        }
        int64_t column = 1;
        place(g->text, s.next, &g->line, &column);
        g->size -= s.next;
        memmove(g->text, g->text + s.next, g->size + 1);
    }
}

static bool is_blank(const gathered *g)
{
    return g->text == NULL || g->text[strspn(g->text, " \t\r\n")] == '\0';
}

static bool add_line(gathered *g, const char *line)
{
    size_t n = strlen(line);
    char *more = realloc(g->text, g->size + n + 2);
    if (more == NULL) {
        return false;
    }
    memcpy(more + g->size, line, n);
    memcpy(more + g->size + n, "\n", 2);
    g->text = more;
    g->size += n + 1;
    return true;
}

static void forget(gathered *g)
{
    free(g->text);
    *g = (gathered){0};
}

/// What is left at the input's end: nothing, or a statement that was cut.
static void end_of_input(shell *self, const shell_input *in, const gathered *g)
{
    sl_sql_statement s = {0};
    sl_error err = SL_ERROR_INIT;
    if (g->text == NULL) {
        return;
    }
    sl_code rc = sl_sql_next(g->text, 0, true, &s, &err);
    if (rc == SL_OK && s.verb != SL_SQL_NOTHING) {
        int64_t line = g->line, column = 1;
        place(g->text, s.at, &line, &column);
        rc = sl_error_set(
            &err, SL_E_INVALID, "%s:%lld:%lld: the statement is not ended: ';' is missing",
            in->name == NULL ? "typed" : in->name, (long long)line, (long long)column);
    } else if (rc != SL_OK) {
        (void)sl_error_wrap(&err, rc, "%s, from line %lld", in->name == NULL ? "typed" : in->name,
                            (long long)g->line);
    }
    if (rc != SL_OK) {
        shell_fail(self, &err);
    }
}

// ---------------------------------------------------------------- lines

static char *next_line(shell_input *in, bool goes_on, bool *was_interrupted)
{
    char *text = NULL;
    size_t room = 0;
    if (in->file == NULL) {
        in->line++;
        return shell_line_next(goes_on, was_interrupted);
    }
    *was_interrupted = false;
    ssize_t n = getline(&text, &room, in->file);
    if (n < 0) {
        free(text);
        return NULL;
    }
    in->line++;
    text[n - (text[n - 1] == '\n')] = '\0';
    return text;
}

static void take_line(shell *self, const shell_input *in, gathered *g, char *text)
{
    sl_error err = SL_ERROR_INIT;
    if (is_blank(g)) {
        forget(g);
        g->line = in->line;
    }
    char *word = text + strspn(text, " \t");
    if (g->text == NULL && word[0] == '.') {
        shell_command(self, word);
        return;
    }
    if (!add_line(g, text)) {
        (void)sl_error_set(&err, SL_E_NOMEM, "no memory for a statement");
        shell_fail(self, &err);
        return;
    }
    run_whole(self, in, g);
}

void shell_read(shell *self, shell_input *in)
{
    gathered g = {0};
    while (!self->quits) {
        bool was_interrupted = false;
        char *text = next_line(in, !is_blank(&g), &was_interrupted);
        if (text == NULL && was_interrupted) {
            forget(&g); // Ctrl-C at the prompt: what was typed is dropped
            continue;
        }
        if (text == NULL) {
            break;
        }
        if (in->file == NULL && text[strspn(text, " \t")] != '\0') {
            shell_line_keep(text);
        }
        take_line(self, in, &g, text);
        free(text);
    }
    if (!self->quits) {
        end_of_input(self, in, &g);
    }
    forget(&g);
}

void shell_read_file(shell *self, const char *path)
{
    sl_error err = SL_ERROR_INIT;
    shell_input in = {.name = path};
    if (self->depth == SHELL_DEPTH) {
        (void)sl_error_set(&err, SL_E_INVALID, "%s: files read files %d deep", path, SHELL_DEPTH);
        shell_fail(self, &err);
        return;
    }
    in.file = fopen(path, "re");
    if (in.file == NULL) {
        (void)sl_error_sys(&err, SL_OK, errno, "%s", path);
        shell_fail(self, &err);
        return;
    }
    bool was_interactive = self->interactive;
    self->depth++;
    self->interactive = false;
    shell_read(self, &in);
    self->interactive = was_interactive;
    self->depth--;
    (void)fclose(in.file); // it was only read
}

void shell_open(shell *self, const char *dir)
{
    sl_error err = SL_ERROR_INIT;
    sl_checkpoint *opened = NULL;
    const char *settings[] = {self->memory == NULL ? NULL : "memory", self->memory, NULL};
    if (dir != NULL && sl_checkpoint_open(&opened, dir, settings, &err) != SL_OK) {
        shell_fail(self, &err);
        return;
    }
    sl_checkpoint_close(self->checkpoint);
    self->checkpoint = opened;
}

// ---------------------------------------------------------------- the command

/// Statements of JOB.sql that are kept; its INSERTs are told.
static void load_script(shell *self, const char *path)
{
    sl_error err = SL_ERROR_INIT;
    char *text = NULL;
    size_t from = 0;
    int n_inserts = 0;
    if (cli_read_file(path, &text, &err) != SL_OK) {
        shell_fail(self, &err);
        self->quits = true;
        return;
    }
    for (sl_sql_statement s = {0}; text[from] != '\0'; from = s.next) {
        gathered g = {.text = text, .line = 1};
        shell_input in = {.name = path};
        if (sl_sql_next(text, from, true, &s, &err) != SL_OK) {
            shell_fail(self, &err);
            break;
        }
        n_inserts += s.verb == SL_SQL_INSERT;
        if (s.verb != SL_SQL_INSERT && s.verb != SL_SQL_NOTHING) {
            run_statement(self, &in, &g, &s);
        }
    }
    if (n_inserts > 0 && self->interactive) {
        printf("%d INSERT INTO of %s not run: type one, or 'sluice run %s'\n", n_inserts, path,
               path);
    }
    free(text);
}

static bool is_directory(const char *path)
{
    struct stat what;
    return stat(path, &what) == 0 && S_ISDIR(what.st_mode);
}

static const char *read_words(shell *self, int argc, char **argv, const char **what)
{
    for (int i = 1; i < argc; i++) {
        const char *equals = NULL;
        if (strcmp(argv[i], "--csv") == 0 || strcmp(argv[i], "--json") == 0 ||
            strcmp(argv[i], "--line") == 0) {
            (void)cli_mode_of(argv[i] + 2, &self->mode);
        } else if (strncmp(argv[i], "--set=", 6) == 0 || strcmp(argv[i], "--set") == 0) {
            char *pair = argv[i][5] == '=' ? argv[i] + 6 : argv[++i];
            equals = pair == NULL ? NULL : strchr(pair, '=');
            if (equals == NULL || equals == pair) {
                return "--set needs NAME=VALUE";
            }
            if (self->n_variables == SHELL_MOST_VARIABLES) {
                return "too many variables";
            }
            pair[equals - pair] = '\0';
            self->variables[2 * self->n_variables] = pair;
            self->variables[2 * self->n_variables++ + 1] = equals + 1;
        } else if (strcmp(argv[i], "--memory") == 0 && i + 1 < argc) {
            self->memory = argv[++i];
        } else if (argv[i][0] == '-' || *what != NULL) {
            return "unexpected argument";
        } else {
            *what = argv[i];
        }
    }
    return NULL;
}

static void begin(shell *self, const char *what)
{
    if (what != NULL && (is_directory(what) || !cli_is_sql(what))) {
        shell_open(self, what);
        self->quits = self->checkpoint == NULL;
    } else if (what != NULL) {
        load_script(self, what);
    }
}

static void talk(shell *self)
{
    shell_input in = {.file = self->interactive ? NULL : stdin,
                      .name = self->interactive ? NULL : "stdin"};
    if (self->quits) {
        return;
    }
    if (self->interactive) {
        char at[256] = "type CREATE TABLE ..., or .open DIR";
        if (self->checkpoint != NULL) {
            cli_point_text(self->checkpoint, at, sizeof at);
        } else if (self->n_pieces > 0) {
            (void)snprintf(at, sizeof at, "%d statements kept", (int)self->n_pieces);
        }
        printf("sluice %s: %s. '.help' helps, ';' ends a statement.\n", sl_version(), at);
        shell_line_open();
    }
    shell_read(self, &in);
    if (self->interactive) {
        shell_line_close();
    }
}

int cli_shell(int argc, char **argv)
{
    static shell self; // large
    const char *what = NULL;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    self = (shell){.limit = -1, .epochs = -1, .interactive = isatty(0) && isatty(1)};
    const char *wrong = read_words(&self, argc, argv, &what);
    if (wrong != NULL) {
        return cli_usage("shell", wrong);
    }
    struct sigaction action = {.sa_handler = on_interrupt}; // no restart: a read ends
    (void)sigaction(SIGINT, &action, NULL);
    begin(&self, what);
    talk(&self);
    for (int32_t i = 0; i < self.n_pieces; i++) {
        free((char *)(uintptr_t)self.pieces[i].text);
        free((char *)(uintptr_t)self.pieces[i].name);
    }
    sl_context_free(self.defined);
    sl_checkpoint_close(self.checkpoint);
    return self.interactive ? 0 : self.status;
}
