/// program.h — running the real programs of a build, as a user does, and watching what they leave.
///
/// Every wait is for an event (the end of a process, a change in a directory) and has a deadline;
/// what misses it fails the test and shows what the program said.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "sl_test.h"

/// A program that was started. Its output goes to files in its directory, so that it can be read
/// while it runs.
typedef struct slt_program {
    pid_t pid; ///< 0 once it has been waited for
    char dir[256], name[64];
    char out[400], err[400]; ///< paths of what it wrote; empty files at the start
} slt_program;

enum { SLT_DEADLINE_S = SLT_SLOW_BUILD ? 240 : 60 };

/// Starts `argv` (NULL-ended; a name without '/' is looked up in PATH) in `dir`.
slt_program slt_start(const char *dir, const char *const *argv);
/// Waits for its end: the exit code, or 128 + the signal that ended it.
int slt_wait(slt_program *program);
/// Starts and waits.
int slt_run(slt_program *program, const char *dir, const char *const *argv);
void slt_signal(const slt_program *program, int signal);

/// Waits until `is_there` answers true; it is asked again whenever something in `dir` changed.
/// Fails at once when `program` (may be NULL) has ended and the answer is still no.
void slt_await(const slt_program *program, const char *dir, bool (*is_there)(void *ctx), void *ctx);
/// Waits until a file in `dir` holds the text.
void slt_await_text(const slt_program *program, const char *dir, const char *file,
                    const char *text);

/// The file's content; lives until the eighth further call. "" when there is none.
const char *slt_content(const char *path);
const char *slt_out(const slt_program *program);
const char *slt_err(const slt_program *program);

/// One number asked of an SQLite database that another process may be writing; -1 while it is not
/// there.
int64_t slt_ask(const char *path, const char *query);

/// dir/name; lives until the 16th further call.
const char *slt_path(const char *dir, const char *name);
/// Writes a file that appears whole.
void slt_put(const char *dir, const char *name, const char *text);
/// Path of a program of this build: "bin/sluice", "examples/running_count". As slt_path.
const char *slt_built(const char *name);
/// Compiles C text against the public headers to dir/name.so, instrumented as this build is.
void slt_compile_job(const char *dir, const char *name, const char *text);

/// Fails the test, with both texts, unless `text` contains `part`.
#define SL_CHECK_HAS(text, part) slt_check_has((text), (part), __FILE__, __LINE__)
void slt_check_has(const char *text, const char *part, const char *file, int line);

/// What a compiler and linker need to go with this build's library: " -fsanitize=..." or "".
const char *slt_sanitizer_flags(void);
