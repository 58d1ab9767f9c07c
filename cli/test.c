// sluice test JOB_test.yaml ...: a script tried on rows that the file gives, in a simulated world:
// no server, file or clock is touched. docs/SQL_PIPELINES.md has the form of the file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "rows.h"
#include "sluice/sql.h"
#include "sluice/test.h"

enum { MOST_EPOCHS = 10000, MOST_PATH = 4096, MOST_INSERTS = 100, EXTRA_EPOCHS = 2 };

/// One case as it runs.
typedef struct trial {
    const cli_node *file, *of; ///< the whole file; the case
    const char *path;
    sl_test *test;
    int n_epochs;
    bool differs;
    int n; ///< its number among all
} trial;

static sl_code wrong(const cli_node *node, sl_error *err, const char *what)
{
    return sl_error_set(err, SL_E_INVALID, "line %d: %s", node->line, what);
}

static const char *text_of(const cli_node *map, const char *key)
{
    const cli_node *node = cli_node_find(map, key);
    return node != NULL && node->kind == CLI_SCALAR ? node->text : NULL;
}

/// Every key of a map is one of these; a misspelt one would test nothing.
static sl_code check_keys(const cli_node *map, const char *const *keys, sl_error *err)
{
    if (map == NULL || map->kind != CLI_MAP) {
        return sl_error_set(err, SL_E_INVALID, "line %d: a map is expected here",
                            map == NULL ? 1 : map->line);
    }
    for (int i = 0; i < map->n; i++) {
        int k = 0;
        while (keys[k] != NULL && strcmp(keys[k], map->items[i]->key) != 0) {
            k++;
        }
        if (keys[k] == NULL) {
            char all[256] = "";
            for (k = 0; keys[k] != NULL; k++) {
                size_t size = strlen(all);
                (void)snprintf(all + size, sizeof all - size, "%s%s", k == 0 ? "" : ", ", keys[k]);
            }
            return sl_error_set(err, SL_E_INVALID,
                                "line %d: '%.60s' is not known here; there are "
                                "%s",
                                map->items[i]->line, map->items[i]->key, all);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rows by epoch

/// The rows of an epoch, from 1; NULL: there are none. `{epochs: [...]}` has a list an epoch, else
/// all are of the first.
static const cli_node *rows_in(const cli_node *table, int epoch)
{
    const cli_node *epochs = cli_node_find(table, "epochs");
    if (epochs == NULL) {
        return epoch == 1 ? table : NULL;
    }
    return epoch <= epochs->n ? epochs->items[epoch - 1] : NULL;
}

static int epochs_of(const cli_node *tables)
{
    int most = 1;
    for (int i = 0; tables != NULL && i < tables->n; i++) {
        const cli_node *epochs = cli_node_find(tables->items[i], "epochs");
        most = epochs != NULL && epochs->n > most ? epochs->n : most;
    }
    return most;
}

// ---------------------------------------------------------------- columns

static bool has_column(const sl_schema *columns, const char *name)
{
    for (int32_t i = 0; i < sl_schema_columns(columns); i++) {
        if (strcmp(sl_schema_field(columns, i)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/// A null and a column that is left out are the same, so a misspelt column would give, or expect,
/// a null where a value was meant.
static sl_code check_columns(const trial *t, const char *table, const cli_node *rows, sl_error *err)
{
    sl_schema *columns = NULL;
    const char *text = sl_test_columns(t->test, table);
    sl_code rc = SL_OK;
    if (text == NULL) {
        return SL_OK; // the job's own mistake is told
    }
    SL_TRY(sl_schema_parse(&columns, text, err));
    for (int i = 0; rc == SL_OK && i < rows->n; i++) {
        const cli_node *row = rows->items[i];
        for (int k = 0; rc == SL_OK && k < row->n; k++) {
            if (!has_column(columns, row->items[k]->key)) {
                rc =
                    sl_error_set(err, SL_E_INVALID, "line %d: %s has no column '%.60s', it has: %s",
                                 row->line, table, row->items[k]->key, text);
            }
        }
    }
    sl_schema_unref(columns);
    return rc;
}

// ---------------------------------------------------------------- what goes in

static sl_code push_rows(const trial *t, const cli_node *table, int epoch, sl_error *err)
{
    const cli_node *given = rows_in(table, epoch);
    cli_node *rows = NULL;
    cli_text lines = {0};
    if (given == NULL) {
        return SL_OK;
    }
    SL_TRY(cli_rows_read(given, &rows, err));
    sl_code rc = check_columns(t, table->key, rows, err);
    for (int i = 0; rc == SL_OK && i < rows->n; i++) {
        cli_row_json(rows->items[i], &lines);
    }
    if (rc == SL_OK && rows->n > 0 && !lines.failed) {
        sl_test_push(t->test, table->key, lines.data, 1);
    }
    rc = lines.failed ? sl_error_set(err, SL_E_NOMEM, "no memory for rows") : rc;
    cli_node_free(rows);
    free(lines.data);
    return rc;
}

// ---------------------------------------------------------------- what comes out

/// The rows of a sink in the epoch just run, appended as nodes. A second INSERT into it is
/// collected apart.
static sl_code take_rows(const trial *t, const char *sink, cli_node *to, sl_error *err)
{
    char name[256];
    for (int k = 1; k <= MOST_INSERTS; k++) {
        (void)snprintf(name, sizeof name, k == 1 ? "%s" : "%s.%d", sink, k);
        const char *at = sl_test_rows(t->test, name);
        if (at == NULL && k > 1) {
            break;
        }
        while (at != NULL && *at != '\0') {
            size_t size = strcspn(at, "\n");
            char *line = strndup(at, size);
            cli_node *row = NULL;
            sl_code rc = line == NULL ? sl_error_set(err, SL_E_NOMEM, "no memory for rows")
                                      : cli_yaml_read(line, &row, err);
            free(line);
            if (rc != SL_OK) {
                return rc;
            }
            if (!cli_node_add(to, row)) {
                return sl_error_set(err, SL_E_NOMEM, "no memory for rows");
            }
            at += size + (at[size] == '\n');
        }
    }
    return SL_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

typedef struct texts {
    char **items;
    int n;
} texts;

static void texts_reset(texts *t)
{
    for (int i = 0; i < t->n; i++) {
        free(t->items[i]);
    }
    free(t->items);
}

/// The rows as texts to compare, sorted.
static sl_code canonical(const cli_node *rows, texts *out, sl_error *err)
{
    out->items = calloc((size_t)rows->n + 1, sizeof(char *));
    for (int i = 0; out->items != NULL && i < rows->n; i++) {
        cli_text text = {0};
        cli_row_canonical(rows->items[i], &text);
        out->items[out->n++] = text.data;
        if (text.failed) {
            return sl_error_set(err, SL_E_NOMEM, "no memory for rows");
        }
    }
    if (out->items == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for rows");
    }
    qsort(out->items, (size_t)out->n, sizeof(char *), by_text);
    return SL_OK;
}

static void fail_case(trial *t)
{
    if (!t->differs) {
        printf("not ok %d - %s\n", t->n, text_of(t->of, "name"));
    }
    t->differs = true;
}

/// What is in one of the sorted lists alone.
static void compare(trial *t, const char *where, const texts *wanted, const texts *got)
{
    bool told = false;
    for (int i = 0, k = 0; i < wanted->n || k < got->n;) {
        int order = i == wanted->n ? 1 : k == got->n ? -1 : strcmp(wanted->items[i], got->items[k]);
        if (order != 0 && !told) {
            fail_case(t);
            printf("# %s: - is missing, + was not expected\n", where);
            told = true;
        }
        if (order != 0) {
            printf("#   %c %s\n", order < 0 ? '-' : '+',
                   order < 0 ? wanted->items[i] : got->items[k]);
        }
        i += order <= 0;
        k += order >= 0;
    }
}

static sl_code compare_rows(trial *t, const char *where, const char *sink, const cli_node *expected,
                            const cli_node *got, sl_error *err)
{
    cli_node *rows = NULL;
    texts a = {0}, b = {0};
    SL_TRY(cli_rows_read(expected, &rows, err));
    sl_code rc = check_columns(t, sink, rows, err);
    rc = rc == SL_OK ? canonical(rows, &a, err) : rc;
    rc = rc == SL_OK ? canonical(got, &b, err) : rc;
    if (rc == SL_OK) {
        compare(t, where, &a, &b);
    }
    texts_reset(&a);
    texts_reset(&b);
    cli_node_free(rows);
    return rc;
}

// ---------------------------------------------------------------- rows that replace each other

/// Whether two rows have equal values in the columns of the key, "a, b".
static bool same_key(const cli_node *a, const cli_node *b, const char *key)
{
    for (const char *at = key; *at != '\0';) {
        char name[256];
        size_t size = strcspn(at, ", ");
        (void)snprintf(name, sizeof name, "%.*s", (int)size, at);
        const cli_node *x = cli_node_find(a, name), *y = cli_node_find(b, name);
        cli_text s = {0}, u = {0};
        bool same = x != NULL && y != NULL;
        if (same) {
            cli_row_canonical(x, &s);
            cli_row_canonical(y, &u);
            same = !s.failed && !u.failed && strcmp(s.data, u.data) == 0;
        }
        free(s.data);
        free(u.data);
        if (!same) {
            return false;
        }
        at += size + strspn(at + size, ", ");
    }
    return true;
}

/// Whether a row tells that its key is gone.
static bool is_gone(const cli_node *row)
{
    const char *kind = text_of(row, "_change");
    return kind != NULL && strcmp(kind, "-D") == 0;
}

/// Leaves the last row of each key that is still there.
static void keep_last(cli_node *rows, const char *key)
{
    int kept = 0;
    for (int i = 0; i < rows->n; i++) {
        bool later = is_gone(rows->items[i]);
        for (int k = i + 1; k < rows->n && !later; k++) {
            later = same_key(rows->items[i], rows->items[k], key);
        }
        if (later) {
            cli_node_free(rows->items[i]);
        } else {
            rows->items[kept++] = rows->items[i];
        }
    }
    rows->n = kept;
}

// ---------------------------------------------------------------- one case

static sl_code check_epoch(trial *t, const cli_node *sink, const cli_node *got, int epoch,
                           sl_error *err)
{
    char where[300];
    const cli_node *epochs = cli_node_find(sink, "epochs");
    const cli_node nothing = {.kind = CLI_LIST, .line = sink->line};
    (void)snprintf(where, sizeof where, "%s, epoch %d", sink->key, epoch);
    return compare_rows(t, where, sink->key,
                        epoch <= epochs->n ? epochs->items[epoch - 1] : &nothing, got, err);
}

static sl_code check_whole(trial *t, const cli_node *sink, cli_node *got, sl_error *err)
{
    const char *key = text_of(sink, "key");
    const cli_node *rows = cli_node_find(sink, "rows");
    if (key != NULL) {
        keep_last(got, key);
    }
    return compare_rows(t, sink->key, sink->key, rows != NULL ? rows : sink, got, err);
}

/// Runs the epochs; `got` has a list of rows for each expected sink.
static sl_code run_epochs(trial *t, cli_node **got, sl_error *err)
{
    const cli_node *input = cli_node_find(t->of, "input"), *expect = cli_node_find(t->of, "expect");
    for (int epoch = 1; epoch <= t->n_epochs; epoch++) {
        for (int i = 0; input != NULL && i < input->n; i++) {
            SL_TRY(push_rows(t, input->items[i], epoch, err));
        }
        sl_test_advance(t->test, 1);
        for (int i = 0; expect != NULL && i < expect->n; i++) {
            const cli_node *sink = expect->items[i];
            SL_TRY(take_rows(t, sink->key, got[i], err));
            if (cli_node_find(sink, "epochs") != NULL) {
                SL_TRY(check_epoch(t, sink, got[i], epoch, err));
                while (got[i]->n > 0) {
                    cli_node_free(got[i]->items[--got[i]->n]);
                }
            }
        }
    }
    return SL_OK;
}

/// The job's error, against the one that is expected.
static void check_error(trial *t)
{
    const char *error = sl_test_error(t->test), *wanted = text_of(t->of, "error");
    if (wanted == NULL && error[0] != '\0') {
        fail_case(t);
        printf("# the job failed: %s\n", error);
    } else if (wanted != NULL && strstr(error, wanted) == NULL) {
        fail_case(t);
        printf("# expected is an error with: %s\n# the job's: %s\n", wanted,
               error[0] == '\0' ? "none" : error);
    }
}

static sl_code run_and_compare(trial *t, sl_error *err)
{
    const cli_node *expect = cli_node_find(t->of, "expect");
    int n = expect == NULL ? 0 : expect->n;
    cli_node **got = calloc((size_t)n + 1, sizeof(cli_node *));
    sl_code rc = got == NULL ? sl_error_set(err, SL_E_NOMEM, "no memory for a test") : SL_OK;
    for (int i = 0; rc == SL_OK && i < n; i++) {
        got[i] = cli_node_new(CLI_LIST, expect->items[i]->line);
        rc = got[i] == NULL ? sl_error_set(err, SL_E_NOMEM, "no memory for a test") : SL_OK;
    }
    rc = rc == SL_OK ? run_epochs(t, got, err) : rc;
    bool failed = sl_test_error(t->test)[0] != '\0';
    for (int i = 0; rc == SL_OK && !failed && i < n; i++) {
        if (cli_node_find(expect->items[i], "epochs") == NULL) {
            rc = check_whole(t, expect->items[i], got[i], err);
        }
    }
    for (int i = 0; got != NULL && i < n; i++) {
        cli_node_free(got[i]);
    }
    free(got);
    return rc;
}

// ---------------------------------------------------------------- the world of a case

static void prepare(sl_graph *graph, void *ctx)
{
    (void)ctx;
    sl_sql_for_test(graph);
}

static sl_code set_variables(const cli_node *variables, sl_error *err)
{
    char pair[MOST_PATH];
    for (int i = 0; variables != NULL && i < variables->n; i++) {
        const cli_node *v = variables->items[i];
        if (v->kind != CLI_SCALAR) {
            return wrong(v, err, "a variable's value is a text");
        }
        (void)snprintf(pair, sizeof pair, "%s=%s", v->key, v->text);
        SL_TRY(cli_sql_set(pair, err));
    }
    return SL_OK;
}

/// "2026-11-01" or "2026-11-01 12:00:00" as microseconds since 1970; false: it is no such time.
static bool read_time(const char *text, int64_t *out)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int year, month, day, hour = 0, minute = 0, second = 0, n = 0;
    int read = sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &n);
    if (read == 3 && text[n] != '\0') {
        read += sscanf(text + n + 1, "%2d:%2d:%2d", &hour, &minute, &second);
        read = read == 6 ? 3 : 0;
    }
    if (read != 3 || year < 1971 || year > 9000 || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    int64_t leaps = month <= 2 ? year - 1 : year; // leap days up to this date
    leaps = leaps / 4 - leaps / 100 + leaps / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    int64_t days = (int64_t)(year - 1970) * 365 + leaps + before[month - 1] + day - 1;
    *out = ((days * 24 + hour) * 60 + minute) * 60000000 + (int64_t)second * 1000000;
    return true;
}

/// Files of the world, for static tables: name, text, ..., NULL. The array is the caller's.
static sl_code files_of(const cli_node *files, const char ***out, sl_error *err)
{
    int n = files == NULL ? 0 : files->n;
    const char **pairs = calloc(2 * (size_t)n + 1, sizeof(char *));
    if (pairs == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for a test");
    }
    for (int i = 0; i < n; i++) {
        if (files->items[i]->kind != CLI_SCALAR) {
            free(pairs);
            return wrong(files->items[i], err, "a file's content is a text");
        }
        pairs[2 * i] = files->items[i]->key;
        pairs[2 * i + 1] = files->items[i]->text;
    }
    *out = pairs;
    return SL_OK;
}

static sl_code run_in_world(trial *t, sl_error *err)
{
    sl_test_conf conf = {.struct_size = sizeof conf,
                         .interval = text_of(t->file, "interval"),
                         .prepare = prepare,
                         .start_us = INT64_C(4102444800000000)}; // 2100: no row is of the future
    const char *start = text_of(t->of, "start"), *epochs = text_of(t->of, "epochs");
    const char **files = NULL;
    start = start == NULL ? text_of(t->file, "start") : start;
    if (start != NULL && !read_time(start, &conf.start_us)) {
        return wrong(t->of, err, "`start` is a time, 2026-11-01 12:00:00");
    }
    t->n_epochs =
        epochs != NULL ? atoi(epochs) : epochs_of(cli_node_find(t->of, "input")) + EXTRA_EPOCHS;
    if (t->n_epochs < 1 || t->n_epochs > MOST_EPOCHS) {
        return wrong(t->of, err, "`epochs` is a number from 1 to 10000");
    }
    SL_TRY(files_of(cli_node_find(t->of, "files"), &files, err));
    conf.files = files;
    t->test = sl_test_new(cli_sql_build, conf);
    free(files);
    if (t->test == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for a test");
    }
    sl_code rc = run_and_compare(t, err);
    if (rc == SL_OK) {
        check_error(t);
    }
    sl_test_free(t->test);
    return rc;
}

static sl_code load_script(const trial *t, sl_error *err)
{
    char path[MOST_PATH];
    const char *job = text_of(t->file, "job"), *slash = strrchr(t->path, '/'), *name = NULL;
    if (job == NULL || !cli_is_sql(job)) {
        return wrong(t->file, err, "`job` names the script, job.sql");
    }
    (void)snprintf(path, sizeof path, "%.*s%s",
                   job[0] == '/' || slash == NULL ? 0 : (int)(slash + 1 - t->path), t->path, job);
    return cli_sql_load(path, &name, err);
}

static sl_code run_case(trial *t, sl_error *err)
{
    static const char *const keys[] = {"name",   "variables", "input", "expect", "files",
                                       "epochs", "error",     "start", NULL};
    SL_TRY(check_keys(t->of, keys, err));
    if (text_of(t->of, "name") == NULL) {
        return wrong(t->of, err, "the case needs a `name`");
    }
    if (cli_node_find(t->of, "expect") == NULL && cli_node_find(t->of, "error") == NULL) {
        return wrong(t->of, err, "the case has neither `expect` nor `error`: it tests nothing");
    }
    sl_code rc = load_script(t, err);
    rc = rc == SL_OK ? set_variables(cli_node_find(t->file, "variables"), err) : rc;
    rc = rc == SL_OK ? set_variables(cli_node_find(t->of, "variables"), err) : rc;
    rc = rc == SL_OK ? run_in_world(t, err) : rc;
    cli_sql_end();
    return rc;
}

// ---------------------------------------------------------------- files

typedef struct score {
    int n, n_failed;
} score;

static sl_code run_cases(const cli_node *file, const char *path, score *to, sl_error *err)
{
    static const char *const keys[] = {"job", "variables", "cases", "start", "interval", NULL};
    SL_TRY(check_keys(file, keys, err));
    const cli_node *cases = cli_node_find(file, "cases");
    if (cases == NULL || cases->kind != CLI_LIST || cases->n == 0) {
        return wrong(file, err, "`cases` is a list of at least one");
    }
    for (int i = 0; i < cases->n; i++) {
        trial t = {.file = file, .of = cases->items[i], .path = path, .n = ++to->n};
        sl_code rc = run_case(&t, err);
        to->n_failed += t.differs || rc != SL_OK;
        SL_TRY(rc);
        if (!t.differs) {
            printf("ok %d - %s\n", t.n, text_of(t.of, "name"));
        }
    }
    return SL_OK;
}

static sl_code run_file(const char *path, score *to, sl_error *err)
{
    char *text = NULL;
    cli_node *file = NULL;
    SL_TRY(cli_read_file(path, &text, err));
    sl_code rc = cli_yaml_read(text, &file, err);
    rc = rc == SL_OK ? run_cases(file, path, to, err) : rc;
    cli_node_free(file);
    free(text);
    return sl_error_wrap(err, rc, "%s", path);
}

int cli_test(int argc, char **argv)
{
    score total = {0};
    int status = 0;
    if (argc < 2 || argv[1][0] == '-') {
        return cli_usage("test", "name test files: JOB_test.yaml");
    }
    for (int i = 1; i < argc; i++) {
        sl_error err = SL_ERROR_INIT;
        if (run_file(argv[i], &total, &err) != SL_OK) {
            status = cli_fail("test", &err);
        }
    }
    printf("%d passed, %d failed\n", total.n - total.n_failed, total.n_failed);
    return status != 0 ? status : total.n_failed > 0 ? EXIT_JOB : 0;
}
