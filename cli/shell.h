/// shell.h — sluice shell: statements that are typed, or come from a file or pipe.
///
///     line (shell_line.c) ─► statement (shell.c) ─► over a checkpoint's tables, or
///                                                   a job of this process (shell_job.c)
///                         └► command (shell_dot.c)
#pragma once

#include "show.h"

enum { SHELL_MOST_PIECES = 1000, SHELL_MOST_VARIABLES = 256, SHELL_DEPTH = 16 };

/// Where lines come from.
typedef struct shell_input {
    FILE *file;       ///< NULL: the line editor
    const char *name; ///< for messages: "stdin", "job.sql"; NULL: a terminal
    int64_t line;     ///< of the line read last, from 1
} shell_input;

typedef struct shell {
    cli_mode mode;
    int64_t limit, epochs; ///< < 0: none
    bool timer, interactive, quits;
    int depth;                                  ///< of .read
    const char *memory;                         ///< --memory; NULL: the default
    int status;                                 ///< exit code: of the last failure
    sl_checkpoint *checkpoint;                  ///< NULL: none is open
    sl_sql_piece pieces[SHELL_MOST_PIECES + 1]; ///< CREATE and SET so far, and one that is tried
    int32_t n_pieces;
    const char *variables[2 * SHELL_MOST_VARIABLES + 1];
    int32_t n_variables;
    sl_context *defined; ///< of the pieces, for their names; NULL: there are none
} shell;

// ---- shell.c

/// Everything up to the input's end or .quit.
void shell_read(shell *self, shell_input *in);
/// Tells a failure; the shell goes on. Keeps the exit code.
void shell_fail(shell *self, const sl_error *err);
/// Statements of a file; SHELL_DEPTH deep at most.
void shell_read_file(shell *self, const char *path);
/// Looks into a checkpoint; NULL: into none.
void shell_open(shell *self, const char *dir);
bool shell_is_interrupted(void); ///< Ctrl-C came, and nobody has taken it yet
/// Takes Ctrl-C since the last question.
bool shell_was_interrupted(void);

// ---- shell_dot.c

/// A line that begins with '.'.
void shell_command(shell *self, char *line);

// ---- shell_job.c

/// Keeps a CREATE or SET, when it is right.
sl_code shell_define(shell *self, const sl_sql_piece *piece, sl_error *err);
/// Takes the n-th statement out again, when the others are right without it.
sl_code shell_undefine(shell *self, int32_t piece, sl_error *err);
/// Runs a SELECT or INSERT until it ends, or Ctrl-C.
sl_code shell_run(shell *self, const sl_sql_piece *piece, bool is_insert, sl_error *err);

// ---- shell_line.c

/// The line editor, with the history of the user.
void shell_line_open(void);
void shell_line_close(void);
/// The next line without its end, for free(); NULL: the end, or with *interrupted Ctrl-C.
char *shell_line_next(bool goes_on, bool *interrupted);
/// Keeps a statement in the history.
void shell_line_keep(const char *text);
