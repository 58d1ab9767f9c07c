/// job.h — a job of one test, and its rows.
#pragma once

#include "sluice/sluice.h"
#include "sl_test.h"

enum { SLT_NO_CHECKPOINT = 0, SLT_CHECKPOINT = 1 };

/// A world with this job; batches are a second. `settings` may be NULL.
sl_test *slt_ml_job(sl_build_fn build, const char *const *settings, bool checkpoint);
/// One epoch with these rows in the queue "in" (NULL: none), cut into `n` partitions.
void slt_ml_epoch(sl_test *test, const char *json_lines, int32_t n);
/// The same for a directory "in": a file.
void slt_ml_file(sl_test *test, const char *name, const char *json_lines);
/// Fails the test when the job has an error.
void slt_ml_fine(sl_test *test);
/// What is wrong with a job's definition, "" when nothing is. Lives until the next call.
const char *slt_ml_mistake(sl_build_fn build);
