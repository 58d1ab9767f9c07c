// sluice state DIR ["SELECT ..."]: what a checkpoint directory holds as tables, and SQL over them.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

static const char help[] =
    "usage: sluice state DIR [\"SELECT ...\"] [--csv|--json] [--limit N] [--memory SIZE]\n\n"
    "What a checkpoint directory holds, as tables: one for each operator that keeps state by key,\n"
    "under its uid. Without a SELECT the tables, their columns and how many keys each has; with "
    "one\n"
    "its rows. All is as of one commit group, the newest that is sealed, which is told. The job "
    "may\n"
    "run meanwhile: nothing is locked or changed. Only tables that the SELECT names are read.\n\n"
    "  sluice.groups, sluice.epochs, sluice.inputs, sluice.watermarks   what the epoch log "
    "remembers\n"
    "  sluice.dead                                                      dead letters\n\n"
    "  --csv, --json   CSV with a line of names; JSON, an object a row. As of when is told on\n"
    "                  standard error then\n"
    "  --limit N       no more than N rows; says so when there are more\n"
    "  --memory SIZE   what reading and SQL may hold (512MiB, at least 32MiB); what does not fit\n"
    "                  is put into TMPDIR, or the SELECT fails\n\n"
    "  sluice state state                                     for people\n"
    "  sluice state state 'SELECT * FROM counts ORDER BY n DESC LIMIT 10'\n"
    "  sluice state state 'SELECT count(*) FROM \"mapWithState-1\"'   a uid that is no plain word\n"
    "  sluice state state --json 'SELECT * FROM sluice.epochs' | jq .records\n\n"
    "'sluice shell DIR' asks more than once. docs/SHELL.md has more.\n";

// ---------------------------------------------------------------- words

typedef struct words {
    const char *dir, *select, *memory;
    cli_mode mode;
    int64_t limit;
} words;

/// The value of "--NAME VALUE" or "--NAME=VALUE"; NULL: the word is another one.
static const char *value_of(char **argv, int *i, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) == 0 && argv[*i][n] == '=') {
        return argv[*i] + n + 1;
    }
    return strcmp(argv[*i], name) == 0 ? (argv[*i + 1] == NULL ? "" : argv[++*i]) : NULL;
}

static const char *read_words(int argc, char **argv, words *out)
{
    const char *value = NULL;
    *out = (words){.limit = -1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            out->mode = CLI_JSON;
        } else if (strcmp(argv[i], "--csv") == 0) {
            out->mode = CLI_CSV;
        } else if ((value = value_of(argv, &i, "--limit")) != NULL) {
            char *end = NULL;
            out->limit = strtoll(value, &end, 10);
            if (end == value || *end != '\0' || out->limit < 0) {
                return "--limit needs a number of rows";
            }
        } else if ((value = value_of(argv, &i, "--memory")) != NULL) {
            out->memory = value;
        } else if (argv[i][0] == '-' || out->select != NULL) {
            return "unexpected argument";
        } else if (out->dir == NULL) {
            out->dir = argv[i];
        } else {
            out->select = argv[i];
        }
    }
    return out->dir == NULL ? "name a checkpoint directory" : NULL;
}

// ---------------------------------------------------------------- as of when

void cli_point_text(const sl_checkpoint *checkpoint, char *out, size_t size)
{
    sl_checkpoint_point at = sl_checkpoint_at(checkpoint);
    char time[64];
    if (at.group == 0) {
        (void)snprintf(out, size, "job '%s': nothing was ever committed", at.job);
        return;
    }
    cli_time_text(at.time_us, time, sizeof time);
    (void)snprintf(out, size,
                   "as of group %lld, epoch %lld, batch time %s; committed on record up to group "
                   "%lld",
                   (long long)at.group, (long long)at.epoch, time, (long long)at.committed);
}

// ---------------------------------------------------------------- the list

static const char list_columns[] = "name string, operator string, keys int64, columns string, "
                                   "commit_group int64, epoch int64, batch_time timestamp";

static void put(sl_builder *b, int32_t column, const char *text)
{
    sl_builder_text(b, column, text, strlen(text));
}

static sl_code list_rows(sl_checkpoint *checkpoint, sl_builder *b, bool for_people, sl_error *err)
{
    sl_checkpoint_point at = sl_checkpoint_at(checkpoint);
    for (int32_t i = 0; i < sl_checkpoint_tables(checkpoint); i++) {
        sl_checkpoint_table table = sl_checkpoint_table_at(checkpoint, i);
        int64_t keys = 0;
        if (table.schema[0] != '\0') {
            continue;
        }
        SL_TRY(sl_checkpoint_count(checkpoint, i, &keys, err));
        put(b, 0, table.name);
        put(b, 1, table.kind);
        sl_builder_int64(b, 2, keys);
        put(b, 3, sl_schema_text(table.columns));
        if (!for_people) {
            sl_builder_int64(b, 4, at.group);
            sl_builder_int64(b, 5, at.epoch);
            sl_builder_int64(b, 6, at.time_us);
        }
    }
    return SL_OK;
}

sl_code cli_list_tables(sl_checkpoint *checkpoint, cli_show *show, sl_error *err)
{
    static const char people[] = "name string, operator string, keys int64, columns string";
    bool for_people = show->mode == CLI_TABLE || show->mode == CLI_LINE;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *rows = NULL;
    SL_TRY(sl_schema_parse(&schema, for_people ? people : list_columns, err));
    sl_code rc = sl_builder_new(&builder, schema, err);
    rc = rc == SL_OK ? list_rows(checkpoint, builder, for_people, err) : rc;
    rc = rc == SL_OK ? sl_builder_finish(builder, &rows, err) : rc;
    rc = rc == SL_OK ? cli_show_begin(show, schema, err) : rc;
    rc = rc == SL_OK ? cli_show_rows(show, rows, err) : rc;
    sl_batch_unref(rows);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rc;
}

// ---------------------------------------------------------------- the command

static sl_checkpoint *open_now; ///< what a signal stops

static void stop_it(int number)
{
    (void)number;
    sl_checkpoint_stop(open_now);
}

static sl_code show_all(sl_checkpoint *checkpoint, const words *w, sl_error *err)
{
    cli_show show = {.to = stdout, .mode = w->mode, .limit = w->limit};
    sl_rows_to to = {cli_show_begin, cli_show_rows, &show};
    char at[256];
    sl_error last = SL_ERROR_INIT;
    sl_code rc = w->select != NULL ? sl_checkpoint_select(checkpoint, w->select, &to, err)
                                   : cli_list_tables(checkpoint, &show, err);
    bool cut = show.has_more;
    rc = rc == SL_E_END && cut ? SL_OK : rc;
    sl_code end = cli_show_end(&show, &last);
    if (rc == SL_OK && end != SL_OK) {
        *err = last;
        rc = end;
    }
    if (rc != SL_OK) {
        return rc;
    }
    cli_point_text(checkpoint, at, sizeof at);
    fprintf(w->mode == CLI_TABLE ? stdout : stderr, "%s\n", at);
    if (cut && w->mode != CLI_TABLE) {
        fprintf(stderr, "%lld rows shown (--limit), and there are more\n", (long long)w->limit);
    }
    return SL_OK;
}

int cli_state(int argc, char **argv)
{
    words w;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    const char *wrong = read_words(argc, argv, &w);
    if (wrong != NULL) {
        return cli_usage("state", wrong);
    }
    const char *settings[] = {w.memory == NULL ? NULL : "memory", w.memory, NULL};
    sl_error err = SL_ERROR_INIT;
    sl_checkpoint *checkpoint = NULL;
    if (sl_checkpoint_open(&checkpoint, w.dir, settings, &err) != SL_OK) {
        return cli_fail("state", &err);
    }
    open_now = checkpoint;
    struct sigaction action = {.sa_handler = stop_it};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    sl_code rc = show_all(checkpoint, &w, &err);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    sl_checkpoint_close(checkpoint);
    return rc == SL_OK ? 0 : cli_fail("state", &err);
}
