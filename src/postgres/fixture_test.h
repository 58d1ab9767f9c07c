/// fixture_test.h — what the contract suite runs on: the simulated server, and the real one of
/// `make test-postgres`.
#pragma once

#include "base/str.h"
#include "postgres/postgres.h"
#include "sl_test.h"

typedef struct slt_pg slt_pg;

typedef struct slt_pg_fixture {
    void (*start)(slt_pg *p, uint64_t seed); ///< sets ops, env, settings, body
    void (*end)(slt_pg *p);
    void (*away)(slt_pg *p, bool away); ///< every connection is lost, and none can be made
    const char *(*wrong)(slt_pg *p);    ///< asks for a password from now on; returns another one
} slt_pg_fixture;

extern const slt_pg_fixture slt_pg_sim, slt_pg_server;

struct slt_pg {
    const slt_pg_fixture *fixture;
    const sli_pg_ops *ops, *inner;
    sl_env *env;
    sli_pg_setting settings[8];
    int32_t n_settings;
    void *body;
    char table[48];     ///< of this test
    sli_pg_owner owner; ///< of this test
    sl_error err;
};

/// One test, on each fixture; the simulated server by turns behind the gate.
#define PG_CONTRACT(name)                                                                          \
    static void check_##name(slt_pg *p);                                                           \
    SL_TEST(name##_postgres, "")                                                                   \
    {                                                                                              \
        slt_pg p;                                                                                  \
        slt_pg_start(&p, &slt_pg_server, 1, #name);                                                \
        check_##name(&p);                                                                          \
        p.fixture->end(&p);                                                                        \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 4; seed++) {                                               \
            slt_pg p;                                                                              \
            slt_pg_start(&p, &slt_pg_sim, seed, #name);                                            \
            check_##name(&p);                                                                      \
            p.fixture->end(&p);                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void check_##name(slt_pg *p)

void slt_pg_start(slt_pg *p, const slt_pg_fixture *fixture, uint64_t seed, const char *name);
/// SL_OK, or the test fails with the error's text.
#define slt_ok(p, call) slt_check_ok(p, call, #call)
void slt_check_ok(slt_pg *p, sl_code rc, const char *what);
int64_t slt_soon(const slt_pg *p); ///< a deadline that no test reaches unless it fails
sli_pg_conf slt_conf(slt_pg *p);
sli_pg *slt_open(slt_pg *p); ///< with a table of marks
/// "word text, n bigint" of this test's table; the word is the key.
sli_pg_target slt_target(slt_pg *p, bool upsert);
/// One transaction: the rows, and a mark.
void slt_write(slt_pg *p, sli_pg *pg, const sli_pg_target *target, const char *rows, int64_t group);
/// All rows of the table as CSV, in order of the lines; until the next call.
const char *slt_rows(slt_pg *p, sli_pg *pg);
