// sluice run JOB.so ..., sluice run JOB.sql ...: what sl_main does for a program that is a job.
#include <stdio.h>

#include "cli.h"

/// The job's name and build function, and the arguments without those that are the script's.
static sl_code load(int *argc, char **argv, const char **name, sl_build_fn *build, sl_error *err)
{
    const sl_job_entry *job = NULL;
    if (cli_is_sql(argv[0])) {
        *build = cli_sql_build;
        SL_TRY(cli_sql_arguments(argc, argv, err));
        return cli_sql_load(argv[0], name, err);
    }
    SL_TRY(cli_load(argv[0], &job, err));
    *name = job->name;
    *build = job->build;
    return SL_OK;
}

int cli_run(int argc, char **argv)
{
    const char *name = NULL;
    sl_build_fn build = NULL;
    sl_error err = SL_ERROR_INIT;
    if (argc < 2 || argv[1][0] == '-') {
        return cli_usage("run",
                         "name a job: a script JOB.sql, or a shared object built with SL_JOB");
    }
    argc--;
    argv++;
    char program[300]; // as the hint at --help names it
    (void)snprintf(program, sizeof program, "sluice run %.250s", argv[0]);
    int status = load(&argc, argv, &name, &build, &err) != SL_OK ? cli_fail("run", &err) : 0;
    if (status == 0) {
        argv[0] = program;
        status = sl_main(argc, argv, name, build);
    }
    cli_sql_end();
    return status;
}
