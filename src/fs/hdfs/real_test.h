/// real_test.h — a directory of a test's own on a real cluster, and files that are whole or not.
#pragma once

#include "fs/hdfs/hdfs_int.h"

typedef struct slt_real {
    sl_env *env;
    sl_conf *conf;
    sli_fs *fs;
    sl_arena *arena;
    const char *base;       ///< "hdfs://HOST:PORT"
    _Atomic int64_t end_us; ///< sli_fs_where
    char dir[96];
    sl_error err;
} slt_real;

/// Opens the cluster at `web`, HOST:PORT, and makes the directory. Fails the test.
void slt_real_start(slt_real *r, const char *web, const char *options);
void slt_real_end(slt_real *r);
/// Opens it again, as somebody else. Fails the test.
void slt_real_reopen(slt_real *r, const char *options);
/// Opens it as somebody else, and tells what came of it; on failure nothing is open.
sl_code slt_real_try(slt_real *r, const char *options);
const char *slt_real_path(slt_real *r, const char *name);

/// Writes a file of 100 KB that `check` knows again. *err as ops have it.
sl_code slt_real_write(slt_real *r, const char *name, sl_error *err);
void slt_real_put(slt_real *r, const char *name);   ///< fails the test
void slt_real_check(slt_real *r, const char *name); ///< fails the test
