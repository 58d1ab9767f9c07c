// What a job takes by default of the machine or container that it runs in, and that it says so.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/simlife.h"
#include "contract/plain.h"

// ---------------------------------------------------------------- in a world of a given size

/// Starts a job with the settings in a world of this size, and gives what it says.
static const char *start_in(slt_simlife *l, int32_t cpus, int64_t memory_bytes,
                            const char *const *settings)
{
    *l = slt_simlife_new(slt_copy_files, settings);
    sli_world_free(l->world);
    l->world = sli_world_new(&(sli_world_conf){.cpus = cpus, .memory_bytes = memory_bytes});
    assert_non_null(l->world);
    assert_int_equal(slt_simlife_start(l), SL_OK);
    return slt_simlife_printed(l);
}

SL_TEST(defaults_follow_what_the_process_may_use, "")
{
    static const char *const by_default[] = {"master", "local[*]", "log", "info", NULL};
    static const char *const given[] = {"master", "local[5]", "memory", "96MiB",
                                        "log",    "info",     NULL};
    slt_simlife l;
    SL_CHECK_HAS(start_in(&l, 3, 100 << 20, by_default),
                 "info  api: start: workers=3 memory=52428800; this process may use processors=3 "
                 "memory=104857600\n");
    slt_simlife_free(&l);
    SL_CHECK_HAS(start_in(&l, 1, INT64_C(64) << 30, by_default),
                 "start: workers=1 memory=1073741824;");
    slt_simlife_free(&l);
    SL_CHECK_HAS(start_in(&l, 2, 100 << 20, given), "start: workers=5 memory=100663296;");
    slt_simlife_free(&l);
}

SL_TEST(more_memory_than_there_is_gets_a_warning, "")
{
    static const char *const more[] = {"memory", "200MiB", NULL};
    static const char *const less[] = {"memory", "50MiB", NULL};
    slt_simlife l;
    SL_CHECK_HAS(start_in(&l, 2, 100 << 20, more),
                 "memory=209715200 is more than the 104857600 bytes that this process may use");
    slt_simlife_free(&l);
    assert_string_equal(start_in(&l, 2, 100 << 20, less), "");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- in a control group

/// Makes a group of version 1 for this process's children, with one number in it. False: this
/// machine does not let us, and says why.
static bool make_group(const char *controller, const char *file, const char *value, char path[256])
{
    (void)snprintf(path, 256, "/sys/fs/cgroup/%s/sluice-test-%d", controller, (int)getpid());
    char name[400];
    (void)snprintf(name, sizeof name, "%s/%s", path, file);
    if (mkdir(path, 0755) != 0) {
        (void)printf("skipped: no control group %s: %s\n", path, strerror(errno));
        return false;
    }
    FILE *out = fopen(name, "r+");
    bool set = out != NULL && fputs(value, out) >= 0;
    set = out != NULL && fclose(out) == 0 && set;
    if (!set) {
        (void)printf("skipped: %s can't be set: %s\n", name, strerror(errno));
        (void)rmdir(path);
    }
    return set;
}

/// Runs a job for one epoch inside the group.
static void run_in_group(slt_program *p, const char *group)
{
    char command[1200];
    const char *dir = slt_temp_dir();
    (void)mkdir(slt_path(dir, "in"), 0700); // the second run finds it there
    (void)snprintf(command, sizeof command,
                   "echo $$ > %s/cgroup.procs && exec %s --interval 20ms --max-epochs 1 --log info",
                   group, slt_built("examples/running_count"));
    const char *const argv[] = {"sh", "-c", command, NULL};
    int code = slt_run(p, dir, argv);
    if (rmdir(group) != 0) {
        fail_msg("%s stays behind: %s", group, strerror(errno));
    }
    assert_int_equal(code, 0);
}

SL_TEST(memory_of_a_control_group_halves_into_the_budget, "")
{
    char group[256];
    slt_program p;
    if (make_group("memory", "memory.limit_in_bytes", "268435456", group)) {
        run_in_group(&p, group);
        SL_CHECK_HAS(slt_err(&p), " memory=134217728; this process may use");
        SL_CHECK_HAS(slt_err(&p), " memory=268435456\n");
    }
}

SL_TEST(quota_of_a_control_group_bounds_the_workers, "")
{
    char group[256];
    slt_program p;
    if (make_group("cpu", "cpu.cfs_quota_us", "70000", group)) { // of 100000: 0.7 processors
        run_in_group(&p, group);
        SL_CHECK_HAS(slt_err(&p), "start: workers=1 ");
        SL_CHECK_HAS(slt_err(&p), " processors=1 ");
    }
}
