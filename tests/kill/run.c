// How the jobs are run that are killed.
#include <stdio.h>
#include <stdlib.h>

#include "kill/kill.h"

void slt_run_open(slt_life *life, const char *dir, const char *job, int port)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", port);
    assert_int_equal(setenv("SLUICE_TEST_PORT", text, 1), 0);
    slt_life_open(life, dir, job);
}

/// Half the lives run every epoch on worker threads, half on the driver's own; every third has its
/// state in files.
void slt_run_start(slt_life *life, const char *setting)
{
    int32_t next = life->number + 1;
    const char *const settings[] = {
        next % 2 == 0 ? "inline_rows=4096" : "inline_rows=0",
        SLT_ROCKSDB && next % 3 == 1 ? "state.store=rocksdb" : "state.store=memory",
        "interval=20ms",
        "master=local[2]",
        "parallelism=2",
        "snapshot.groups=7",
        "commit_interval=0ms",
        "progress=none",
        "log=error",
        setting,
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        life->settings[i] = settings[i];
    }
    slt_life_start(life);
}
