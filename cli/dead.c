// sluice dead DIR [--json]: the dead letters in a checkpoint directory.
#include <stdio.h>
#include <string.h>

#include "cli.h"

int cli_dead(int argc, char **argv)
{
    const char *dir = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-' || dir != NULL) {
            return cli_usage("dead", "unexpected argument");
        } else {
            dir = argv[i];
        }
    }
    if (dir == NULL) {
        return cli_usage("dead", "name a checkpoint directory");
    }
    sl_error err = SL_ERROR_INIT;
    char *text = NULL;
    if (sl_checkpoint_letters(dir, json, &text, &err) != SL_OK) {
        return cli_fail("dead", &err);
    }
    fputs(text, stdout);
    sl_text_free(text);
    return 0;
}
