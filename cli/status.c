// sluice status DIR [--json], sluice dead DIR [--json]: what a checkpoint directory says, without
// touching it.
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
            return cli_usage(command, "unexpected argument");
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

int cli_dead(int argc, char **argv)
{
    return tell("dead", sl_checkpoint_letters, argc, argv);
}
