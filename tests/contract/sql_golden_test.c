// Queries of a script against rows that DuckDB gave for the same over all rows at once
// (tests/sql_golden): what goes by row, by epoch, is kept across epochs and in windows must add up
// to the same. All cases are one job, each an INSERT of its own.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

#define GOLDEN SLT_SOURCE_DIR "/tests/sql_golden/"

enum { MOST_CASES = 128, MOST_CELLS = 8, MOST_ROWS = 64 };

/// A row's cells; each is a text, or NULL.
typedef struct golden_row {
    char *cells[MOST_CELLS];
} golden_row;

typedef struct golden_case {
    char *name, *types, *query;
    int32_t columns, keys, n_due, n_shown;
    golden_row due[MOST_ROWS], shown[MOST_ROWS];
} golden_case;

static golden_case cases[MOST_CASES];
static int32_t n_cases;
static sli_str script;

// ---------------------------------------------------------------- the file

static char *read_all(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, GOLDEN "%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 20) - 1, file);
    assert_true(n > 0 && n < (1 << 20) - 1);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void take_due(golden_case *c, char *line)
{
    assert_true(c->n_due < MOST_ROWS);
    golden_row *row = &c->due[c->n_due++];
    for (int32_t i = 0; i < c->columns; i++) {
        char *cell = strsep(&line, "\t");
        assert_non_null(cell);
        row->cells[i] = strcmp(cell, "\\N") == 0 ? NULL : cell;
    }
    assert_null(line);
}

static void read_cases(char *text)
{
    golden_case *c = NULL;
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        if (strncmp(line, "case ", 5) == 0) {
            assert_true(n_cases < MOST_CASES);
            c = &cases[n_cases++];
            c->name = line + 5;
        } else if (strncmp(line, "columns ", 8) == 0) {
            c->columns = (int32_t)strtol(line + 8, NULL, 10);
            assert_true(c->columns <= MOST_CELLS);
        } else if (strncmp(line, "keys ", 5) == 0) {
            c->keys = (int32_t)strtol(line + 5, NULL, 10);
        } else if (strncmp(line, "types ", 6) == 0) {
            c->types = line + 6;
        } else if (strncmp(line, "query ", 6) == 0) {
            c->query = line + 6;
        } else if (line[0] == '|') {
            take_due(c, line + 1);
        }
    }
}

// ---------------------------------------------------------------- the job

/// "BIGINT, DECIMAL(9,2)" as columns c1, c2: a comma within brackets parts nothing.
static void put_columns(const char *types)
{
    int depth = 0, n = 1;
    sli_str_text(&script, "c1 ");
    for (; *types != '\0'; types++) {
        depth += (*types == '(') - (*types == ')');
        if (*types == ',' && depth == 0) {
            sli_str_printf(&script, ", c%d ", ++n);
        } else {
            sli_str_char(&script, *types);
        }
    }
}

static void put_script(void)
{
    script.tag = SLI_TAG_TEST;
    sli_str_text(&script,
                 "CREATE TABLE t (id BIGINT, k STRING, n BIGINT, x DOUBLE, d DECIMAL(9,2), "
                 "s STRING, ts TIMESTAMP, ok BOOLEAN, WATERMARK FOR ts AS ts) "
                 "WITH ('connector' = 'stdin', 'format' = 'json');\n"
                 "CREATE TABLE ref (k STRING, label STRING, weight BIGINT) WITH ('connector' = "
                 "'file', 'path' = 'ref.csv', 'format' = 'csv', 'static' = 'true');\n"
                 "CREATE VIEW heavy AS WITH w AS (SELECT coalesce(weight, 0) AS weight, label FROM "
                 "ref) SELECT weight, count(*) AS n, max(label) AS label FROM w GROUP BY weight "
                 "UNION ALL SELECT 1, 7, 'one' FROM ref LIMIT 4;\n");
    for (int32_t i = 0; i < n_cases; i++) {
        sli_str_printf(&script, "CREATE TABLE o%d (", i);
        put_columns(cases[i].types);
        sli_str_printf(&script,
                       ") WITH ('connector' = 'console', 'changelog' = 'append');\n"
                       "INSERT INTO o%d %s;\n",
                       i, cases[i].query);
    }
    assert_false(script.failed);
}

static void build(sl_graph *graph)
{
    sl_sql_for_test(graph);
    sl_sql_script(graph, "golden.sql", script.data, NULL);
}

// ---------------------------------------------------------------- rows that come

/// The cell of a line of JSON under this name, in memory of its own; NULL: it is null, or left out.
static char *cell_of(const char *line, size_t size, const char *name)
{
    char key[16];
    int n = snprintf(key, sizeof key, "\"%s\":", name);
    const char *from = memmem(line, size, key, (size_t)n);
    if (from == NULL || strncmp(from + n, "null", 4) == 0) {
        return NULL;
    }
    from += n;
    char *cell = calloc(1, size + 1), *out = cell;
    assert_non_null(cell);
    if (*from != '"') {
        memcpy(cell, from, strcspn(from, ",}"));
        return cell;
    }
    for (from++; *from != '"'; from++) {
        from += *from == '\\'; // the cells have no escapes but of themselves
        *out++ = *from;
    }
    return cell;
}

static bool same_key(const golden_case *c, const golden_row *a, const golden_row *b)
{
    for (int32_t i = 0; i < c->keys; i++) {
        if ((a->cells[i] == NULL) != (b->cells[i] == NULL) ||
            (a->cells[i] != NULL && strcmp(a->cells[i], b->cells[i]) != 0)) {
            return false;
        }
    }
    return true;
}

static void free_row(const golden_case *c, golden_row *row)
{
    for (int32_t i = 0; i < c->columns; i++) {
        free(row->cells[i]);
    }
}

/// Forgets the row of this key, which has to be there.
static void forget_row(golden_case *c, golden_row *row)
{
    int32_t at = 0;
    while (at < c->n_shown && !same_key(c, &c->shown[at], row)) {
        at++;
    }
    assert_true(at < c->n_shown);
    free_row(c, &c->shown[at]);
    free_row(c, row);
    c->shown[at] = c->shown[--c->n_shown];
}

static void take_row(golden_case *c, const char *line)
{
    golden_row row = {{NULL}};
    char *kind = cell_of(line, strcspn(line, "\n"), "kind"); // of rows that can go
    bool goes = kind != NULL && strcmp(kind, "-D") == 0;
    free(kind);
    for (int32_t i = 0; i < c->columns; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%d", i + 1);
        row.cells[i] = cell_of(line, strcspn(line, "\n"), name);
    }
    if (goes) {
        forget_row(c, &row);
        return;
    }
    for (int32_t i = 0; c->keys > 0 && i < c->n_shown; i++) {
        if (same_key(c, &c->shown[i], &row)) {
            free_row(c, &c->shown[i]);
            c->shown[i] = row;
            return;
        }
    }
    assert_true(c->n_shown < MOST_ROWS);
    c->shown[c->n_shown++] = row;
}

static void take_epoch(sl_test *test)
{
    sl_error err = SL_ERROR_INIT;
    sl_test_advance(test, 1);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    for (int32_t i = 0; i < n_cases; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "o%d", i);
        const char *rows = sl_test_rows(test, name);
        while (rows != NULL && *rows == '{') {
            take_row(&cases[i], rows);
            rows = strchr(rows, '\n');
            rows = rows == NULL ? NULL : rows + 1;
        }
    }
}

// ---------------------------------------------------------------- comparing

/// Equal texts, equal numbers, or the same time as ISO 8601 has it.
static bool same_cell(const char *due, const char *shown)
{
    char *due_end = NULL, *shown_end = NULL;
    if (due == NULL || shown == NULL) {
        return due == shown;
    }
    if (strcmp(due, shown) == 0) {
        return true;
    }
    double a = strtod(due, &due_end), b = strtod(shown, &shown_end);
    if (due_end != due && *due_end == '\0' && *shown_end == '\0') {
        return a == b;
    }
    size_t n = strlen(due), zeros = strlen(shown) > n ? strspn(shown + n, "0") : 0;
    return n >= 19 && strncmp(due, shown, 10) == 0 && shown[10] == 'T' &&
           strncmp(due + 11, shown + 11, n - 11) == 0 && strcmp(shown + n + zeros, "Z") == 0;
}

static bool same_row(const golden_case *c, const golden_row *due, const golden_row *shown)
{
    for (int32_t i = 0; i < c->columns; i++) {
        if (!same_cell(due->cells[i], shown->cells[i])) {
            return false;
        }
    }
    return true;
}

static void print_rows(const golden_case *c, const char *what, const golden_row *rows, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        printf("#   %s", what);
        for (int32_t k = 0; k < c->columns; k++) {
            printf(" | %s", rows[i].cells[k] == NULL ? "\\N" : rows[i].cells[k]);
        }
        printf("\n");
    }
}

/// Rows in any order: each one that is due is shown once, and no other.
static bool is_right(const golden_case *c)
{
    bool used[MOST_ROWS] = {false};
    int32_t found = 0;
    for (int32_t i = 0; i < c->n_due; i++) {
        for (int32_t k = 0; k < c->n_shown; k++) {
            if (!used[k] && same_row(c, &c->due[i], &c->shown[k])) {
                used[k] = true;
                found++;
                break;
            }
        }
    }
    return found == c->n_due && found == c->n_shown;
}

SL_TEST(queries_over_epochs_add_up_to_what_duckdb_gives_over_all_rows, "")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    char *golden = read_all("golden.txt"), *ref = read_all("ref.csv"), *rows = read_all("t.jsonl");
    read_cases(golden);
    put_script();
    sl_test *test =
        sl_test_new(build, (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                          .start_us = 4102444800000000, // no row is ahead of it
                                          .files = (const char *const[]){"ref.csv", ref, NULL}});
    assert_non_null(test);
    for (char *at = rows; at != NULL;) {
        char *end = strstr(at, "---\n");
        if (end != NULL) {
            *end = '\0';
        }
        sl_test_push(test, "t", at, 1); // the last row alone moves the watermark
        take_epoch(test);
        at = end == NULL ? NULL : end + 4;
    }
    take_epoch(test);
    take_epoch(test);
    int32_t wrong = 0;
    for (int32_t i = 0; i < n_cases; i++) {
        if (!is_right(&cases[i])) {
            printf("# %s: %s\n", cases[i].name, cases[i].query);
            print_rows(&cases[i], "due  ", cases[i].due, cases[i].n_due);
            print_rows(&cases[i], "shown", cases[i].shown, cases[i].n_shown);
            wrong++;
        }
        for (int32_t k = 0; k < cases[i].n_shown; k++) {
            free_row(&cases[i], &cases[i].shown[k]);
        }
    }
    printf("# %d cases\n", n_cases);
    sl_test_free(test);
    sli_str_reset(&script);
    free(golden);
    free(ref);
    free(rows);
    assert_int_equal(wrong, 0);
    assert_true(n_cases >= 60);
}
