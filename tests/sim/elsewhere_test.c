// Snapshots on HDFS: they wait when the cluster is away and are made up for; and a checkpoint that
// is gone does not begin anew beside them.
#include "sim/sim.h"

#include <stdio.h>

enum { SECOND = 1000000, AWAY_AT = SECOND, AWAY_FOR = 4 * SECOND, LOOK_AT = 4900000 };

typedef struct looking {
    slt_sim *sim;
    int32_t deltas, lists; ///< while the cluster was away
} looking;

static void go_away(void *ctx)
{
    const looking *l = ctx;
    sli_hdfs_cluster_away(l->sim->hdfs, AWAY_FOR);
}

static sl_code count_name(void *ctx, const char *name, sl_error *err)
{
    (void)name, (void)err;
    (*(int32_t *)ctx)++;
    return SL_OK;
}

/// "/snapshots/JOB/000000004"
static void count_list(void *ctx, const char *path, sl_text content)
{
    (void)content;
    const char *name = strrchr(path, '/') + 1;
    *(int32_t *)ctx += strspn(name, "0123456789") == 9 && name[9] == '\0';
}

static int32_t count_lists(const slt_sim *sim)
{
    int32_t n = 0;
    sli_hdfs_cluster_look(sim->hdfs, "/snapshots", count_list, &n);
    return n;
}

static void look(void *ctx)
{
    looking *l = ctx;
    (void)!sli_world_list(l->sim->world, "checkpoint/delta", count_name, &l->deltas, NULL);
    l->lists = count_lists(l->sim);
}

SL_TEST(sim_snapshots_wait_while_hdfs_is_away, "EXACTLY-ONCE-1")
{
    slt_trial trial = {.job = &slt_job_elsewhere, .seed = 3};
    looking l = {.sim = slt_sim_new(&trial)};
    int32_t here = 0;
    assert_int_equal(sli_world_at(l.sim->world, AWAY_AT, go_away, &l, NULL), SL_OK);
    assert_int_equal(sli_world_at(l.sim->world, LOOK_AT, look, &l, NULL), SL_OK);
    bool right = slt_sim_run(l.sim);
    SL_CHECK_TEXT(l.sim->wrong, "");
    assert_true(right);
    assert_true(l.deltas >= 4); // groups were sealed all the time
    assert_int_equal(l.lists, 0);
    assert_true(count_lists(l.sim) > 0);
    (void)!sli_world_list(l.sim->world, "checkpoint/snap", count_name, &here, NULL);
    assert_int_equal(here, 0);
    slt_sim_free(l.sim);
}

SL_TEST(sim_an_empty_checkpoint_beside_its_snapshots_is_refused, "EXACTLY-ONCE-3")
{
    slt_trial trial = {.job = &slt_job_elsewhere,
                       .seed = 5,
                       .spoil = slt_spoil_wipe,
                       .may_say = {"bring its checkpoint directory back"}};
    slt_outcome out = slt_trial_run(&trial);
    SL_CHECK_TEXT(out.wrong, "");
    assert_true(out.right && out.stopped_rightly);
}
