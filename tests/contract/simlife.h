/// simlife.h — a job in the simulated world, process after process, for tests of bad input: what
/// fails is looked at, mended, and the job is started again in the same world.
#pragma once

#include "api/test_int.h"
#include "base/str.h"
#include "contract/program.h"

/// One *life* is one process; the world outlives it.
typedef struct slt_simlife {
    sli_world *world;
    sl_env *env;
    sl_context *context;
    sl_build_fn build;
    void (*made)(sl_context *context, void *ctx); ///< called before each start; may be NULL
    void *made_ctx;
    const char *settings[24];
    sl_code rc; ///< of the last call
    sl_error error;
    sli_str text;
} slt_simlife;

/// A job with a checkpoint in a new world; further settings come in pairs, NULL-ended.
slt_simlife slt_simlife_new(sl_build_fn build, const char *const *more);

/// Ends the process; the world stays.
void slt_simlife_end(slt_simlife *l);

void slt_simlife_free(slt_simlife *l); ///< the world too

/// Ends the process there may be and starts another, with a fault in store for it. The code is also
/// in `rc`, the text in `error`.
sl_code slt_simlife_start_with(slt_simlife *l, const sli_fault *fault);

sl_code slt_simlife_start(slt_simlife *l);

/// Runs so many epochs to the end of their commits.
sl_code slt_simlife_run(slt_simlife *l, int64_t epochs);

/// Stops gracefully: SL_OK when the job ended well.
sl_code slt_simlife_stop(slt_simlife *l);

/// A file that appears whole.
void slt_simlife_put(slt_simlife *l, const char *path, const char *text);

/// All published files of a directory, one after the other; lives until the next call.
const char *slt_simlife_shown(slt_simlife *l, const char *dir);

/// The job's metrics as text; lives until the next call.
const char *slt_simlife_metrics(slt_simlife *l);

/// How often `part` is in `text`, not counting overlaps.
int32_t slt_times_in(const char *text, const char *part);

/// What all processes have written to standard error.
const char *slt_simlife_printed(slt_simlife *l);
