// sluice validate JOB.so, sluice validate JOB.sql: builds the graph, checks it, shows it.
#include <stdio.h>

#include "cli.h"

static sl_code validate(const char *path, char **out, sl_error *err)
{
    const sl_job_entry *job = NULL;
    const char *name = NULL;
    if (cli_is_sql(path)) {
        SL_TRY(cli_sql_load(path, &name, err));
        return sl_validate(name, cli_sql_build, NULL, out, err);
    }
    SL_TRY(cli_load(path, &job, err));
    return sl_validate(job->name, job->build, NULL, out, err);
}

int cli_validate(int argc, char **argv)
{
    sl_error err = SL_ERROR_INIT;
    char *text = NULL;
    int status = 0;
    argc--;
    argv++;
    if (argc > 0 && cli_is_sql(argv[0]) && cli_sql_arguments(&argc, argv, &err) != SL_OK) {
        status = cli_fail("validate", &err);
        cli_sql_end();
        return status;
    }
    if (argc > 1 && argv[0][0] != '-') {
        cli_sql_end();
        return cli_unexpected("validate", argv[1]);
    }
    if (argc != 1 || argv[0][0] == '-') {
        cli_sql_end();
        return cli_usage("validate",
                         "name one job: a script JOB.sql, or a shared object built with SL_JOB");
    }
    if (validate(argv[0], &text, &err) != SL_OK) {
        status = cli_fail("validate", &err);
    } else {
        fputs(text, stdout);
        sl_text_free(text);
    }
    cli_sql_end();
    return status;
}
