// sluice status DIR [--json], sluice dead DIR [--json] or --help: what a checkpoint directory says,
// without touching it.
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef sl_code (*tell_fn)(const char *dir, bool json, char **out, sl_error *err);

static int tell(const char *command, tell_fn about, int argc, char **argv)
{
    const char *dir = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-' || dir != NULL) {
            return cli_unexpected(command, argv[i]);
        } else {
            dir = argv[i];
        }
    }
    if (dir == NULL) {
        return cli_usage(command, "name a checkpoint directory");
    }
    sl_error err = SL_ERROR_INIT;
    char *text = NULL;
    if (about(dir, json, &text, &err) != SL_OK) {
        return cli_fail(command, &err);
    }
    fputs(text, stdout);
    sl_text_free(text);
    return 0;
}

int cli_status(int argc, char **argv)
{
    return tell("status", sl_checkpoint_status, argc, argv);
}

static const char dead_help[] =
    "usage: sluice dead DIR [--json]\n\n"
    "The records that a job with poison=dead-letter has left out, oldest first: where each came\n"
    "from, which operator refused it and why, and the record itself. DIR is the job's checkpoint\n"
    "directory; letters that went to another place by poison.sink are not in it.\n\n"
    "  sluice dead state                                   for people\n"
    "  sluice dead state --json | jq -r .error | sort | uniq -c | sort -rn\n"
    "                                                      how often each error\n"
    "  sluice dead state --json | jq -r 'select(.operator == \"numbers\") | .record'\n"
    "                                                      the records that one operator refused\n"
    "  sluice dead state --json | jq -r 'select(.pane) | [.source, .pane, .record] | @tsv'\n"
    "                                                      what windows held, and since which "
    "epoch\n"
    "  sluice dead state --json | jq -r 'select(.record) | .record' > in/again.txt\n"
    "                                                      feeds them again, once the code is "
    "mended\n";

int cli_dead(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(dead_help, stdout);
        return 0;
    }
    return tell("dead", sl_checkpoint_letters, argc, argv);
}
