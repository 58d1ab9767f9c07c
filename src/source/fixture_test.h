/// fixture_test.h — what the tests of sources share: a directory in either world, an open source,
/// its rows as text.
#pragma once

#include "env/sim.h"
#include "sl_test.h"
#include "source/file/file_int.h"

typedef struct slt_place {
    sl_env *env;
    sli_world *world; ///< NULL: the real world
    sli_metrics *metrics;
    sli_log *log;
    sli_str told; ///< log lines
    sl_arena *arena;
    const char *dir;
    sli_source_env source_env;
    int64_t epoch;
    sli_offer offer; ///< the latest
    sl_error err;
} slt_place;

void slt_place_open(slt_place *p, bool sim);
void slt_place_open_sim(slt_place *p, uint64_t seed); ///< a simulated world of this seed
/// Time passes, and other strands run meanwhile. In the real world nothing happens.
void slt_pass(slt_place *p, int64_t us);
void slt_place_close(slt_place *p);
/// Both worlds, one after the other.
#define PLACE_TEST(name)                                                                           \
    static void check_##name(slt_place *p);                                                        \
    SL_TEST(name##_posix, "")                                                                      \
    {                                                                                              \
        slt_place p;                                                                               \
        slt_place_open(&p, false);                                                                 \
        check_##name(&p);                                                                          \
        slt_place_close(&p);                                                                       \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        slt_place p;                                                                               \
        slt_place_open(&p, true);                                                                  \
        check_##name(&p);                                                                          \
        slt_place_close(&p);                                                                       \
    }                                                                                              \
    static void check_##name(slt_place *p)

const char *slt_at(slt_place *p,
                   const char *name); ///< a path in the directory; lives as long as the place
/// A whole new file under this name, moved into place; one of that name is replaced.
void slt_put(slt_place *p, const char *name, const char *text);
void slt_append(slt_place *p, const char *name, const char *text);
void slt_remove(slt_place *p, const char *name);
void slt_touch(slt_place *p, const char *name, int64_t modified_us);
int64_t slt_metric(slt_place *p, sli_source_series series);

/// Opens "file:DIR?query" (or `url` as it is when it has a scheme) and restores `position`.
sli_source *slt_open(slt_place *p, const char *query, sl_bytes position);
sl_code slt_open_url(slt_place *p, const char *url, sli_source **out);
/// Offers an epoch a second after the latest; fails the test when the offer fails. The range lives
/// as long as the place.
void slt_offer(slt_place *p, sli_source *source);
/// All rows of a range, each followed by ';'; the cells of a row by ','. Lives as long as the
/// place.
sl_code slt_read(slt_place *p, sli_source *source, sl_bytes range, const char **out);
/// Offers, reads twice, checks that both gave the same and that the splits are as said; returns the
/// rows.
const char *slt_take(slt_place *p, sli_source *source);
sl_bytes slt_position(slt_place *p, sli_source *source);
