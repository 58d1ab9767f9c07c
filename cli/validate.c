// sluice validate JOB.so: builds the graph, checks it, shows it.
#include <stdio.h>

#include "cli.h"

int cli_validate(int argc, char **argv)
{
    const sl_job_entry *job = NULL;
    sl_error err = SL_ERROR_INIT;
    char *text = NULL;
    if (argc != 2) {
        return cli_usage("validate", "name one job: a shared object built with SL_JOB");
    }
    if (cli_load(argv[1], &job, &err) != SL_OK ||
        sl_validate(job->name, job->build, NULL, &text, &err) != SL_OK) {
        return cli_fail("validate", &err);
    }
    fputs(text, stdout);
    sl_text_free(text);
    return 0;
}
