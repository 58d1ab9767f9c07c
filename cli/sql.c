// A job that is a script: `sluice run job.sql`, and what `--set NAME=VALUE` gives to its ${NAME}.
//
// A build function has no argument, so the script of this process lies here: there is one.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "sluice/sql.h"

enum { MOST_VARIABLES = 256, MOST_BYTES = 1 << 20 };

static struct script {
    char *path;
    char name[256];
    char *text;
    const char *variables[2 * MOST_VARIABLES + 1]; ///< name, value, ..., NULL
    char *names[MOST_VARIABLES];                   ///< what must be freed of them
    int n_variables;
} script;

bool cli_is_sql(const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcmp(path + size - 4, ".sql") == 0;
}

void cli_sql_build(sl_graph *graph)
{
    sl_sql_script(graph, script.path, script.text, script.variables);
}

static sl_code read_whole(FILE *file, const char *path, char **out, sl_error *err)
{
    char *text = malloc(MOST_BYTES + 2);
    if (text == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "%s: no memory", path);
    }
    size_t size = fread(text, 1, MOST_BYTES + 1, file);
    text[size] = '\0';
    sl_code rc = SL_OK;
    if (ferror(file)) {
        rc = sl_error_sys(err, SL_OK, errno, "%s", path);
    } else if (size > MOST_BYTES) {
        rc = sl_error_set(err, SL_E_INVALID, "%s has more than %d bytes", path, MOST_BYTES);
    } else if (strlen(text) != size) {
        rc = sl_error_set(err, SL_E_INVALID, "%s holds a zero byte: it is no text", path);
    }
    if (rc != SL_OK) {
        free(text);
        return rc;
    }
    *out = text;
    return SL_OK;
}

sl_code cli_read_file(const char *path, char **out, sl_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return sl_error_sys(err, SL_OK, errno, "%s", path);
    }
    sl_code rc = read_whole(file, path, out, err);
    (void)fclose(file); // it was only read
    return rc;
}

sl_code cli_sql_load(const char *path, const char **name, sl_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    script.path = strdup(path);
    if (script.path == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "%s: no memory", path);
    }
    (void)snprintf(script.name, sizeof script.name, "%.*s", (int)(strlen(base) - 4), base);
    *name = script.name;
    return cli_read_file(path, &script.text, err);
}

sl_code cli_sql_set(const char *pair, sl_error *err)
{
    const char *equals = pair == NULL ? NULL : strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return sl_error_set(err, SL_E_INVALID, "--set needs NAME=VALUE");
    }
    if (script.n_variables == MOST_VARIABLES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d variables", MOST_VARIABLES);
    }
    char *name = strdup(pair);
    if (name == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory");
    }
    name[equals - pair] = '\0';
    script.names[script.n_variables] = name;
    script.variables[2 * script.n_variables] = name;
    script.variables[2 * script.n_variables + 1] = name + (equals - pair) + 1;
    script.n_variables++;
    return SL_OK;
}

void cli_sql_end(void)
{
    for (int i = 0; i < script.n_variables; i++) {
        free(script.names[i]);
    }
    free(script.path);
    free(script.text);
    memset(&script, 0, sizeof script);
}

/// --set NAME=VALUE or --set=NAME=VALUE; how many of the arguments that are, 0: it is neither.
static int set_words(char **argv, int i)
{
    return strcmp(argv[i], "--set") == 0 ? 2 : strncmp(argv[i], "--set=", 6) == 0 ? 1 : 0;
}

sl_code cli_sql_arguments(int *argc, char **argv, sl_error *err)
{
    int kept = 0;
    for (int i = 0; i < *argc;) {
        int words = i == 0 ? 0 : set_words(argv, i);
        if (words == 0) {
            argv[kept++] = argv[i++];
            continue;
        }
        SL_TRY(cli_sql_set(words == 1 ? argv[i] + 6 : i + 1 < *argc ? argv[i + 1] : NULL, err));
        i += words;
    }
    *argc = kept;
    argv[kept] = NULL;
    return SL_OK;
}
