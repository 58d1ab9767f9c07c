/// fixture_test.h — what the tests of this folder share: instances, batches from texts, rows as
/// texts.
#pragma once

#include "duckdb/duckdb.h"
#include "sl_test.h"

/// Instances of the module of this build, until the end of the test (slt_duck_end). Ends the test
/// as not tried in a build without it.
typedef struct slt_duck {
    sl_env *env;
    sli_dbs *dbs;
    sl_error err;
    sli_db_where where;
    sli_str text; ///< what the last of the calls below has told
} slt_duck;

void slt_duck_start(slt_duck *d);
void slt_duck_start_with(slt_duck *d, int64_t memory_bytes, const char *spill_dir);
void slt_duck_end(slt_duck *d);

/// Rows as JSON-like lines: cells separated by commas, rows by ";". "~" is null. Types as the
/// schema: numbers, true/false, texts, dates and timestamps as numbers. No lists and structs.
sl_batch *slt_duck_batch(const char *schema, const char *rows);
void slt_duck_put_batch(sli_str *out, const sl_batch *batch);

void slt_duck_table(slt_duck *d, const char *name, const char *schema);
/// Prepares; fails the test when that does.
int32_t slt_duck_prepare(slt_duck *d, const char *sql);
/// Runs, and returns the rows as text, which live until the next call.
const char *slt_duck_run(slt_duck *d, int32_t number, const sli_dbs_rows *rows, int32_t n_rows);
/// Both, without any rows.
const char *slt_duck_ask(slt_duck *d, const char *sql);
/// Fails the test unless preparing, or else running it, fails so; the text is in d->err.
void slt_duck_refused(slt_duck *d, const char *sql, sl_code code);
/// Fails the test when `rc` is a failure.
void slt_duck_ok(slt_duck *d, sl_code rc);
