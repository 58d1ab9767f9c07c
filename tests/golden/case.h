/// case.h — a golden case: a text file that says what a job is, what it is given, and what must
/// come out. The format is in README.md.
#pragma once

#include "base/arena.h"
#include "base/mem.h"
#include "golden/vocabulary.h"

typedef enum slt_rule { SLT_SEQ, SLT_BAG, SLT_GROUPS, SLT_GROUPS_ONLY, SLT_APPROX } slt_rule;

/// One directive of the script.
typedef enum slt_verb {
    SLT_GIVEN, ///< a file that is there before the job starts
    SLT_PUT,
    SLT_MOVE, ///< `move FROM TO`: a rename, which keeps the file's time
    SLT_SEND,
    SLT_STDIN,
    SLT_PUSH,
    SLT_BYTES,
    SLT_EPOCH,
    SLT_CRASH,
    SLT_STOP,
    SLT_SLICE, ///< `slice FROM TO`: RDDs of past epochs, milliseconds
    SLT_START, ///< starts the context once more
    SLT_ROWS,  ///< from here on: expectations
    SLT_CONSOLE,
    SLT_FILE,
    SLT_SEEN,
    SLT_ERROR
} slt_verb;

typedef struct slt_act {
    slt_verb verb;
    int line;
    const char *arg;  ///< "" without one
    const char *body; ///< lines, each ended by a newline; "" without any
    int32_t n_lines;
    bool is_null, is_empty; ///< `rows null`, `rows []`
} slt_act;

enum { SLT_MAX_ACTS = 512, SLT_MAX_JOB_LINES = 64, SLT_MAX_SETTINGS = 16 };

typedef struct slt_golden {
    const char *name;
    slt_rule rule;
    int32_t slices; ///< 0: as many as the run has partitions
    int32_t partitions[4], n_partitions;
    const char *interval;
    bool checkpoint;
    const char *settings[2 * SLT_MAX_SETTINGS];
    int32_t n_settings;
    const char *job[SLT_MAX_JOB_LINES];
    int32_t n_job;
    slt_act acts[SLT_MAX_ACTS];
    int32_t n_acts;
    sl_arena *arena; ///< holds all texts
} slt_golden;

/// Reads a case. False: `why` says what is wrong with the text, and where. The caller frees *out.
bool slt_golden_read(slt_golden **out, const char *path, char *why, size_t why_size);
void slt_golden_free(SL_TAKES slt_golden *golden); ///< accepts NULL

/// One run of a job: what the graph's definition needs and leaves. The context of slt_job_define.
typedef struct slt_job {
    const slt_golden *golden;
    int32_t slices; ///< partitions of default rows, as of pushed ones
    slt_seen seen;
    sl_stream *remembering; ///< of the last step `remember`
    bool refused;           ///< the definition was a mistake (which the case may expect)
    char text[512];         ///< the case itself is wrong: an unknown word; else ""
} slt_job;

/// Defines the case's job, as sl_test_conf.prepare.
void slt_job_define(sl_graph *graph, void *job);
/// The build function to go with it: all is defined already.
void slt_job_built(sl_graph *graph);

/// The text as the rule sees it (lines and lists sorted); in `arena`.
const char *slt_canonical(sl_arena *arena, const char *text, slt_rule rule);
/// Whether actual output is what was expected.
bool slt_matches(sl_arena *arena, const char *actual, const char *expected, slt_rule rule);

/// Runs the case in all its variants. False: `why` says which run failed, where, and shows both
/// texts.
bool slt_golden_run(const slt_golden *golden, char *why, size_t why_size);
