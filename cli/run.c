// sluice run JOB.so ...: what sl_main does for a program that is a job.
#include "cli.h"

int cli_run(int argc, char **argv)
{
    const sl_job_entry *job = NULL;
    sl_error err = SL_ERROR_INIT;
    if (argc < 2 || argv[1][0] == '-') {
        return cli_usage("run", "name a job: a shared object built with SL_JOB");
    }
    if (cli_load(argv[1], &job, &err) != SL_OK) {
        return cli_fail("run", &err);
    }
    return sl_main(argc - 1, argv + 1, job->name, job->build);
}
