/// test.h — testing a job: a manual clock, sources fed by the test, output per epoch, and
/// simulation with faults.
///
/// A test world is simulated: no real file, socket, thread or clock is touched, equal seeds give
/// equal runs, and a crash is one call. What Sluice's own golden and simulation tests use.
///
///     sl_test *t = sl_test_new(wordcount, (sl_test_conf){.interval = "1s"});
///     sl_test_put(t, "in/a.txt", "to be or not to be\n");
///     sl_test_advance(t, 1);                              // one epoch
///     puts(sl_test_console(t));
///     sl_test_free(t);
///
/// The first failure sticks to the test; sl_test_check returns it. Thread: one.
#pragma once

#include "sluice/accumulator.h"

SL_BEGIN_DECLS

typedef struct sl_test sl_test;

typedef struct sl_test_conf {
    size_t struct_size;
    const char *interval;        ///< default "1s"
    const char *const *settings; ///< further pairs as for sl_context_new, NULL-ended; may be NULL.
                                 ///< The texts must live as long as the test: it boots with them.
    uint64_t seed;
    int64_t
        start_us; ///< wall clock at the start, microseconds since 1970; 0: 2020-01-01 00:00:00 UTC
    bool checkpoint; ///< with a checkpoint directory in the test world
    void (*prepare)(sl_graph *graph,
                    void *ctx); ///< called before `build`, e.g. for sl_graph_attach; may be NULL
    void *ctx;
    /// Files that are there before the job starts, e.g. tables that it joins with: pairs of path
    /// and text, NULL-ended; may be NULL. Read when the test is made only.
    const char *const *files;
} sl_test_conf;

SL_API sl_test *sl_test_new(sl_build_fn build, sl_test_conf conf);
SL_API void sl_test_free(SL_TAKES sl_test *test);
SL_API SL_MUST_USE sl_code sl_test_check(const sl_test *test, sl_error *err);

// ---- input

/// A file that appears whole in the test world (relative names lie in its working directory).
SL_API void sl_test_put(sl_test *test, const char *path, const char *text);
/// Text arriving on the socket that the job connects to, e.g. "localhost:9999".
SL_API void sl_test_send(sl_test *test, const char *address, const char *text);
/// Rows for a queue stream: JSON lines with the queue's schema, cut into partitions. Each call is
/// one RDD.
SL_API void sl_test_push(sl_test *test, const char *queue, const char *json_lines,
                         int32_t n_partitions);
/// Bytes for a queue stream that has a format, as sl_queue_push_bytes; they are copied.
SL_API void sl_test_push_bytes(sl_test *test, const char *queue, const void *bytes,
                               size_t size_bytes, int32_t n_partitions);
/// Text on standard input; `end` closes it.
SL_API void sl_test_stdin(sl_test *test, const char *text, bool end);

// ---- time

/// Moves the clock by `epochs` intervals and runs what becomes due, to the end of its commits.
SL_API void sl_test_advance(sl_test *test, int32_t epochs);
/// Stops gracefully and waits.
SL_API void sl_test_stop(sl_test *test);

// ---- output; texts live until the next call on the same test

/// What was printed since the last call of this function.
SL_API const char *sl_test_console(sl_test *test);
/// Content of a file, or of all files below a directory in order of their names; "" when there is
/// nothing.
SL_API const char *sl_test_read(sl_test *test, const char *path);
/// Rows that reached the sink "collect:NAME" in the epoch just run, as JSON lines; NULL when that
/// output did not run in this epoch (its slide is longer).
SL_API const char *sl_test_rows(sl_test *test, const char *name);
/// Columns of the rows that reach the sink "collect:NAME", or that the queue NAME takes, as the
/// text of a schema; NULL: there is neither, or the job could not be made.
SL_API const char *sl_test_columns(sl_test *test, const char *name);
/// As sl_context_accumulated.
SL_API SL_MUST_USE sl_code sl_test_accumulated(sl_test *test, const char *name, sl_accumulated *out,
                                               sl_error *err);
/// The job's first error so far, or "".
SL_API const char *sl_test_error(sl_test *test);

// ---- faults

/// The process dies now (unsynced bytes stay readable) or with a power loss (they are kept, lost or
/// torn by the seed); a new one boots and recovers.
SL_API void sl_test_crash(sl_test *test, bool power_loss);
/// Runs `scenario` again and again, the n-th time with a crash at the n-th outside call, until no
/// call is left; after each crash the job is booted again and finishes. `check` is called at the
/// end of each run. *n_calls (may be NULL) gets how many calls were crashed at. Fails: the first
/// failed check, with the number of the call.
SL_API SL_MUST_USE sl_code sl_test_crash_everywhere(sl_build_fn build, sl_test_conf conf,
                                                    void (*scenario)(sl_test *test, void *ctx),
                                                    sl_code (*check)(sl_test *test, void *ctx,
                                                                     sl_error *err),
                                                    void *ctx, int64_t *n_calls, sl_error *err);

SL_END_DECLS
