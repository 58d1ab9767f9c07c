// Commands of the shell: lines that begin with a dot.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shell.h"
#include "sluice/sql.h"

typedef struct command {
    const char *name, *args, *text;
    void (*run)(shell *self, const char *arg);
} command;

static void fail(shell *self, const char *format, const char *word)
{
    sl_error err = SL_ERROR_INIT;
    char text[512];
    (void)snprintf(text, sizeof text, "%s%.300s", format, word);
    (void)sl_error_set(&err, SL_E_INVALID, "%s", text);
    shell_fail(self, &err);
}

// ---------------------------------------------------------------- names

/// Calls for each name that FROM may have now; the n-th of them.
static bool name_at(const shell *self, int32_t i, char *out, size_t size, const char **kind,
                    const sl_schema **columns)
{
    if (self->checkpoint != NULL) {
        if (i >= sl_checkpoint_tables(self->checkpoint)) {
            return false;
        }
        sl_checkpoint_table table = sl_checkpoint_table_at(self->checkpoint, i);
        (void)snprintf(out, size, "%s%s%s", table.schema, table.schema[0] == '\0' ? "" : ".",
                       table.name);
        *kind = table.kind;
        *columns = table.columns;
        return true;
    }
    sl_sql_name name = {NULL, NULL, NULL};
    if (self->defined != NULL) {
        name = sl_sql_name_at(sl_context_graph(self->defined), i);
    }
    if (name.name == NULL) {
        return false;
    }
    (void)snprintf(out, size, "%s", name.name);
    *kind = name.kind;
    *columns = name.columns;
    return true;
}

static void refresh(shell *self)
{
    sl_error err = SL_ERROR_INIT;
    if (self->checkpoint != NULL && sl_checkpoint_refresh(self->checkpoint, &err) != SL_OK) {
        shell_fail(self, &err);
    }
}

static void put(sl_builder *b, int32_t column, const char *text)
{
    sl_builder_text(b, column, text, strlen(text));
}

static void put_names(const shell *self, sl_builder *b)
{
    char name[256];
    const char *kind = NULL;
    const sl_schema *columns = NULL;
    for (int32_t i = 0; name_at(self, i, name, sizeof name, &kind, &columns); i++) {
        put(b, 0, name);
        put(b, 1, kind);
    }
}

static bool put_columns(const shell *self, const char *wanted, sl_builder *b)
{
    char name[256];
    const char *kind = NULL;
    const sl_schema *columns = NULL;
    bool found = wanted[0] == '\0';
    for (int32_t i = 0; name_at(self, i, name, sizeof name, &kind, &columns); i++) {
        bool is_it = strcasecmp(wanted, name) == 0;
        found = found || is_it;
        for (int32_t k = 0; (wanted[0] == '\0' || is_it) && k < sl_schema_columns(columns); k++) {
            char type[512];
            put(b, 0, name);
            put(b, 1, sl_schema_field(columns, k)->name);
            cli_type_text(columns, k, type, sizeof type);
            put(b, 2, type);
        }
    }
    return found;
}

/// The rows that a builder has got.
static void show(shell *self, sl_builder *b)
{
    cli_show out = {.to = stdout, .mode = self->mode, .limit = -1};
    sl_error err = SL_ERROR_INIT, last = SL_ERROR_INIT;
    sl_batch *rows = NULL;
    sl_code rc = sl_builder_finish(b, &rows, &err);
    rc = rc == SL_OK ? cli_show_begin(&out, sl_batch_schema(rows), &err) : rc;
    rc = rc == SL_OK ? cli_show_rows(&out, rows, &err) : rc;
    sl_code end = cli_show_end(&out, &last);
    sl_batch_unref(rows);
    if (rc != SL_OK || end != SL_OK) {
        shell_fail(self, rc != SL_OK ? &err : &last);
    }
}

static sl_builder *builder_of(shell *self, const char *columns)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *b = NULL;
    sl_code rc = sl_schema_parse(&schema, columns, &err);
    rc = rc == SL_OK ? sl_builder_new(&b, schema, &err) : rc;
    sl_schema_unref(schema);
    if (rc != SL_OK) {
        shell_fail(self, &err);
    }
    return b;
}

static void run_tables(shell *self, const char *arg)
{
    (void)arg;
    refresh(self);
    sl_builder *b = builder_of(self, "name string, kind string");
    if (b != NULL) {
        put_names(self, b);
        show(self, b);
    }
    sl_builder_free(b);
}

static const char *nearest_name(const shell *self, const char *word, char *out, size_t size)
{
    const char *kind = NULL;
    const sl_schema *columns = NULL;
    size_t best = strlen(word) / 2 + 1;
    char name[256];
    out[0] = '\0';
    for (int32_t i = 0; name_at(self, i, name, sizeof name, &kind, &columns); i++) {
        size_t far = cli_distance(word, name);
        if (far < best) {
            best = far;
            (void)snprintf(out, size, "; did you mean '%s'?", name);
        }
    }
    return out;
}

static void run_schema(shell *self, const char *arg)
{
    refresh(self);
    sl_builder *b = builder_of(self, "name string, column string, type string");
    if (b == NULL) {
        return;
    }
    if (put_columns(self, arg, b)) {
        show(self, b);
    } else {
        char near[320], text[700];
        (void)snprintf(text, sizeof text, "%.200s'%s", arg,
                       nearest_name(self, arg, near, sizeof near));
        fail(self, "there is no table '", text);
    }
    sl_builder_free(b);
}

// ---------------------------------------------------------------- settings of the shell

static void run_mode(shell *self, const char *arg)
{
    if (!cli_mode_of(arg, &self->mode)) {
        fail(self, ".mode is table, csv, json or line, not ", arg);
    }
}

static void number_of(shell *self, const char *name, const char *arg, int64_t *out)
{
    char *end = NULL;
    long long n = strtoll(arg, &end, 10);
    if (strcasecmp(arg, "off") == 0 || strcasecmp(arg, "none") == 0) {
        *out = -1;
    } else if (arg[0] == '\0') {
        printf(*out < 0 ? "off\n" : "%lld\n", (long long)*out);
    } else if (end == arg || *end != '\0' || n <= 0) {
        fail(self, name, arg);
    } else {
        *out = n;
    }
}

static void run_limit(shell *self, const char *arg)
{
    number_of(self, ".limit is a number of rows, or off, not ", arg, &self->limit);
}

static void run_epochs(shell *self, const char *arg)
{
    number_of(self, ".epochs is a number of epochs, or off, not ", arg, &self->epochs);
}

static void run_timer(shell *self, const char *arg)
{
    if (strcasecmp(arg, "on") != 0 && strcasecmp(arg, "off") != 0) {
        fail(self, ".timer is on or off, not ", arg);
        return;
    }
    self->timer = strcasecmp(arg, "on") == 0;
}

static void run_open(shell *self, const char *arg)
{
    shell_open(self, arg[0] == '\0' ? NULL : arg);
}

static void run_read(shell *self, const char *arg)
{
    if (arg[0] == '\0') {
        fail(self, ".read needs a file", "");
        return;
    }
    shell_read_file(self, arg);
}

/// The CREATE statements are in the order of the names that they make.
static int32_t piece_of(const shell *self, const char *name)
{
    int32_t made = 0;
    for (int32_t i = 0; i < self->n_pieces; i++) {
        sl_sql_statement s;
        sl_error err = SL_ERROR_INIT;
        if (sl_sql_next(self->pieces[i].text, 0, false, &s, &err) == SL_OK &&
            s.verb == SL_SQL_CREATE) {
            sl_sql_name it = sl_sql_name_at(sl_context_graph(self->defined), made++);
            if (it.name != NULL && strcasecmp(it.name, name) == 0) {
                return i;
            }
        }
    }
    return -1;
}

static void run_drop(shell *self, const char *arg)
{
    sl_error err = SL_ERROR_INIT;
    int32_t piece = self->defined == NULL ? -1 : piece_of(self, arg);
    if (piece < 0) {
        fail(self, "no statement has made ", arg);
    } else if (shell_undefine(self, piece, &err) != SL_OK) {
        shell_fail(self, &err);
    }
}

static void run_quit(shell *self, const char *arg)
{
    (void)arg;
    self->quits = true;
}

static void run_help(shell *self, const char *arg);

static const command commands[] = {
    {".help", "", "this list", run_help},
    {".tables", "", "names that FROM may have", run_tables},
    {".schema", "[T]", "columns and types, of all or of one", run_schema},
    {".mode", "table|csv|json|line", "how rows are shown", run_mode},
    {".limit", "N|off", "no more rows of a SELECT", run_limit},
    {".epochs", "N|off", "how long a job runs", run_epochs},
    {".open", "[DIR]", "a checkpoint directory; without one the statements typed", run_open},
    {".read", "FILE", "statements and commands of a file", run_read},
    {".drop", "T", "take back a CREATE TABLE or CREATE VIEW", run_drop},
    {".timer", "on|off", "how long statements take", run_timer},
    {".quit", "", "the end; so is Ctrl-D", run_quit},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void run_help(shell *self, const char *arg)
{
    (void)self;
    (void)arg;
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("  %-8s %-20s %s\n", commands[i].name, commands[i].args, commands[i].text);
    }
    fputs("\nA statement ends with ';' and may have many lines. Over a checkpoint: SELECT. Else "
          "CREATE TABLE,\nCREATE VIEW and SET are kept; SELECT shows rows epoch by epoch, INSERT "
          "INTO writes them, both until\nCtrl-C. 'sluice help sql' has the connectors.\n",
          stdout);
}

// ---------------------------------------------------------------- finding

static const char *nearest(const char *word)
{
    const char *found = NULL;
    size_t best = 4;
    for (int i = 0; i < N_COMMANDS; i++) {
        size_t far = cli_distance(word, commands[i].name);
        if (far < best) {
            best = far;
            found = commands[i].name;
        }
    }
    return found;
}

void shell_command(shell *self, char *line)
{
    size_t n = strcspn(line, " \t");
    char *arg = line + n + strspn(line + n, " \t");
    size_t size = strlen(arg);
    while (size > 0 && strchr(" \t\r;", arg[size - 1]) != NULL) {
        arg[--size] = '\0';
    }
    line[n] = '\0';
    if (n > 1 && line[n - 1] == ';') {
        line[n - 1] = '\0';
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, line) == 0) {
            commands[i].run(self, arg);
            (void)fflush(stdout);
            return;
        }
    }
    char text[256];
    const char *near = nearest(line);
    (void)snprintf(text, sizeof text, "%.100s%s%s%s", line,
                   near == NULL ? ": .help lists them" : "; did you mean ",
                   near == NULL ? "" : near, near == NULL ? "" : "?");
    fail(self, "unknown command ", text);
}
