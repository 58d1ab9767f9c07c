#include "env/fixture_test.h"

#include <stdio.h>

const char *slt_bed_at(slt_bed *b, const char *name)
{
    char *path = b->path[b->n_paths++ % 4];
    snprintf(path, sizeof b->path[0], "%s/%s", b->dir, name);
    return path;
}

static void open_real(slt_bed *b)
{
    *b = (slt_bed){0};
    assert_int_equal(sli_env_posix(&b->env, NULL), SL_OK);
    snprintf(b->dir, sizeof b->dir, "%s", slt_temp_dir());
}

void slt_in_real_world(void (*check)(slt_bed *b))
{
    slt_bed b;
    open_real(&b);
    check(&b);
    sli_env_free(b.env);
}

void slt_behind_a_fault(void (*check)(slt_bed *b))
{
    slt_bed b;
    open_real(&b);
    assert_int_equal(sli_env_fault(b.env, "env.sync:1000000000", NULL), SL_OK);
    check(&b);
    sli_env_free(b.env);
}

void slt_in_simulation(void (*check)(slt_bed *b))
{
    slt_bed b = {.dir = "/data"};
    b.world = sli_world_new(&(sli_world_conf){.seed = 11});
    assert_non_null(b.world);
    assert_int_equal(sli_world_boot(b.world, NULL, &b.env, NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(b.env, b.dir, NULL), SL_OK);
    check(&b);
    sli_env_free(b.env);
    sli_world_free(b.world);
}
