/// fixture_test.h — a world, a process in it, and its files as texts, for the tests of this folder.
#pragma once

#include "env/sim.h"
#include "sl_test.h"

sli_world *slt_sim_world(uint64_t seed);
sl_env *slt_sim_boot(sli_world *world, sli_fault fault);
/// The content of a file as text (sl_free), or NULL when it is not there.
char *slt_sim_content(sli_world *world, const char *path);
/// Whether that is its content; NULL: that it is not there.
bool slt_sim_holds(sli_world *world, const char *path, const char *text);
/// Opens, writes, and syncs when asked to.
sl_code slt_sim_append(sl_env *env, const char *path, const char *text, bool sync);
/// A callback of a loop: adds one to the int that is its context.
void slt_sim_count_ready(void *ctx, int32_t ready);
