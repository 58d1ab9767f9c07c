/// out_test.h — a file sink in a simulated world of its own, for tests that look at its files.
#pragma once

#include "sink/fixture_test.h"

#include "sink/file/file_int.h"

typedef struct slt_out {
    sli_world *world;
    sl_env *env;
    sl_schema *schema;
    sl_arena *arena;
    sli_sink *sink; ///< NULL until it is opened
} slt_out;

void slt_out_init(slt_out *o, const char *schema);
void slt_out_reset(slt_out *o);
sl_code slt_out_open(slt_out *o, const char *url, const char *uid, int64_t generation,
                     sl_error *err);
/// Opens and recovers, as the next driver of the job after closing what is open.
void slt_out_start(slt_out *o, const char *url, const char *uid, int64_t generation);
/// Seals a group of one attempt with `n` times the rows of partition 0 of the epoch of its number.
sl_bytes slt_out_seal(slt_out *o, int64_t group, int64_t generation, int32_t n);
/// Seals and commits it.
void slt_out_commit(slt_out *o, int64_t group, int64_t generation, int32_t n);
/// Compares the names in a directory, one a line.
void slt_out_names(slt_out *o, const char *dir, const char *expected);
void slt_out_holds(slt_out *o, const char *path, const char *expected); ///< compares a file
/// Compares the rows of an Arrow file, as "word,n" lines.
void slt_out_arrow_holds(slt_out *o, const char *path, const char *expected);
/// The name of the only file in a directory.
void slt_out_only_name(slt_out *o, const char *dir, char *name, size_t size);
