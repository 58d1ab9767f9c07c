#include "env/sim/fixture_test.h"

#include <string.h>

sli_world *slt_sim_world(uint64_t seed)
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = seed});
    assert_non_null(world);
    return world;
}

sl_env *slt_sim_boot(sli_world *world, sli_fault fault)
{
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, &fault, &env, NULL), SL_OK);
    return env;
}

char *slt_sim_content(sli_world *world, const char *path)
{
    char *bytes = NULL;
    size_t size = 0;
    return sli_world_read(world, path, &bytes, &size, NULL) == SL_OK ? bytes : NULL;
}

bool slt_sim_holds(sli_world *world, const char *path, const char *text)
{
    char *bytes = slt_sim_content(world, path);
    bool same = bytes == NULL ? text == NULL : text != NULL && strcmp(bytes, text) == 0;
    sl_free(bytes);
    return same;
}

sl_code slt_sim_append(sl_env *env, const char *path, const char *text, bool sync)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(env, path, SLI_APPEND, &file, NULL));
    sl_code rc = sli_file_write(file, text, strlen(text), NULL);
    if (rc == SL_OK && sync) {
        rc = sli_file_sync(file, NULL);
    }
    sli_file_close(&file);
    return rc;
}

void slt_sim_count_ready(void *ctx, int32_t ready)
{
    (void)ready;
    ++*(int *)ctx;
}
