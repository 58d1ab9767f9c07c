/// cli.h — the sluice program: a table of subcommands, a file each. Sees include/sluice/ only.
#pragma once

#include "sluice/sluice.h"

enum { EXIT_JOB = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3, EXIT_CHECKPOINT = 4 };

/// `argv[0]` is the subcommand's name. Returns the exit code.
int cli_run(int argc, char **argv);
int cli_validate(int argc, char **argv);
int cli_test(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_dead(int argc, char **argv);
int cli_state(int argc, char **argv);
int cli_shell(int argc, char **argv);
int cli_new(int argc, char **argv);
int cli_help(int argc, char **argv);
int cli_version(int argc, char **argv);

/// Prints "sluice NAME: text" and gives the exit code of the error.
int cli_fail(const char *name, const sl_error *err);
/// Prints "sluice NAME: what" with a hint at the help; EXIT_USAGE.
int cli_usage(const char *name, const char *what);
/// The same of an argument that is none of the command's.
int cli_unexpected(const char *name, const char *argument);
/// Opens a job built as a shared object. *entry lives as long as the process. Prints nothing.
sl_code cli_load(const char *path, const sl_job_entry **entry, sl_error *err);

// ---- scripts (sql.c)

bool cli_is_sql(const char *path); ///< JOB.sql
/// The build function of the script that was loaded.
void cli_sql_build(sl_graph *graph);
/// Reads the script; `path` is copied; *name is the file's without directory and ".sql".
sl_code cli_sql_load(const char *path, const char **name, sl_error *err);
/// A variable of the script, "NAME=VALUE". Copied.
sl_code cli_sql_set(const char *pair, sl_error *err);
/// Takes `--set NAME=VALUE` out of the arguments, in place.
sl_code cli_sql_arguments(int *argc, char **argv, sl_error *err);
/// Forgets script and variables.
void cli_sql_end(void);
/// The whole file, which is a text; the caller's, for free().
sl_code cli_read_file(const char *path, char **out, sl_error *err);

/// A column's type as sl_schema_text has it: "list<int64>?".
void cli_type_text(const sl_schema *schema, int32_t column, char *out, size_t size);
/// Edits from one word to another, without case.
size_t cli_distance(const char *a, const char *b);
/// "2026-11-30T00:30:00.5Z" of µs since 1970.
void cli_time_text(int64_t time_us, char *out, size_t size);
