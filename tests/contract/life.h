/// life.h — a job in the simulated world, process after process, for tests of bad input: what fails
/// is looked at, mended, and the job is started again in the same world.
#pragma once

#include "api/test_int.h"
#include "base/str.h"
#include "contract/program.h"

/// One *life* is one process; the world outlives it.
typedef struct slt_life {
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
} slt_life;

/// A job with a checkpoint in a new world; further settings come in pairs, NULL-ended.
slt_life slt_life_new(sl_build_fn build, const char *const *more);

/// Ends the process; the world stays.
void slt_life_end(slt_life *l);

void slt_life_free(slt_life *l); ///< the world too

/// Ends the process there may be and starts another, with a fault in store for it. The code is also
/// in `rc`, the text in `error`.
sl_code slt_life_start_with(slt_life *l, const sli_fault *fault);

sl_code slt_life_start(slt_life *l);

/// Runs so many epochs to the end of their commits.
sl_code slt_life_run(slt_life *l, int64_t epochs);

/// Stops gracefully: SL_OK when the job ended well.
sl_code slt_life_stop(slt_life *l);

/// A file that appears whole.
void slt_life_put(slt_life *l, const char *path, const char *text);

/// All published files of a directory, one after the other; lives until the next call.
const char *slt_life_shown(slt_life *l, const char *dir);

/// The job's metrics as text; lives until the next call.
const char *slt_life_metrics(slt_life *l);

/// How often `part` is in `text`, not counting overlaps.
int32_t slt_times_in(const char *text, const char *part);

/// What all processes have written to standard error.
const char *slt_life_printed(slt_life *l);
