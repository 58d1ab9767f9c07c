/// fixture_test.h — one table of int64 keys and values in each kind of store.
#pragma once

#include "sl_test.h"

#include "state/state.h"

/// One test a store; `ops` is the store's.
#define SLT_EVERY_STORE(name, promise)                                                             \
    static void check_##name(const sli_store_ops *ops);                                            \
    SL_TEST(name##_memory, promise)                                                                \
    {                                                                                              \
        check_##name(&sli_store_memory);                                                           \
    }                                                                                              \
    SL_TEST(name##_rocksdb, promise)                                                               \
    {                                                                                              \
        if (!SLT_ROCKSDB) {                                                                        \
            slt_not_here("a build without RocksDB");                                               \
        }                                                                                          \
        check_##name(&sli_store_rocksdb);                                                          \
    }                                                                                              \
    static void check_##name(const sli_store_ops *ops)

/// A store of the test's own with one table.
typedef struct slt_store {
    sl_env *env;
    sli_store *store;
    sli_table *table;
    sli_table_info info;
    sl_schema *keys, *values;
} slt_store;

/// A name in the test's directory that no other store of this test has. Lives until the next call.
const char *slt_store_dir(void);
void slt_store_open(slt_store *f, const sli_store_ops *ops, const char *uid);
void slt_store_close(slt_store *f);

/// One int64 as row bytes, and its hash.
void slt_store_row(const sl_schema *schema, int64_t value, sli_str *out, uint64_t *hash);
int64_t slt_store_value(const sl_schema *schema, sl_bytes row);

enum { SLT_STORE_ROWS = 4096 };

typedef struct slt_store_pair {
    int64_t key, value;
    int32_t slot;
} slt_store_pair;

/// What a store tells of its rows, in its order.
typedef struct slt_store_rows {
    const slt_store *f;
    slt_store_pair rows[SLT_STORE_ROWS];
    int32_t n;
} slt_store_rows;

/// Given to `each` and `dump` with an slt_store_rows.
sl_code slt_store_collect(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err);
