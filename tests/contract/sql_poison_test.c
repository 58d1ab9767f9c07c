// Rows that a script's SELECT can't compute: with poison=dead-letter they are left out, told of
// once, and everything else comes out; without it the job fails with what was wrong.
#include <stdio.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

static const char *const letters[] = {"poison", "dead-letter", "poison.sink",
                                      "file:dead?format=json", NULL};

static const char *script;

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "job.sql", script, NULL);
}

#define IN                                                                                         \
    "CREATE TABLE a (k STRING, n BIGINT, m BIGINT, w STRING) WITH ('connector' = 'file', "         \
    "'path' = 'in', 'format' = 'csv');\n"
#define OUT                                                                                        \
    "CREATE TABLE o (k STRING, v BIGINT) WITH ('connector' = 'file', 'path' = 'out', 'format' = "  \
    "'csv', 'changelog' = 'append');\n"

typedef struct poison_case {
    const char *select; ///< into o, over a
    const char *in;     ///< rows of the only epoch
    const char *out;
    const char
        *tells[2]; ///< the error, of a letter and of a job that fails; another part of a letter
    int32_t n_letters;
} poison_case;

static int32_t lines_of(const char *text)
{
    int32_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

static sl_test *start(const char *select, const char *const *settings, char text[1024])
{
    (void)snprintf(text, 1024, IN OUT "INSERT INTO o %s;", select);
    script = text;
    sl_test *test = sl_test_new(build, (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                                      .settings = settings,
                                                      .checkpoint = true});
    assert_non_null(test);
    return test;
}

static void check_letters(const poison_case *c)
{
    char text[1024];
    sl_error err = SL_ERROR_INIT;
    sl_test *test = start(c->select, letters, text);
    sl_test_put(test, "in/1.csv", c->in);
    sl_test_advance(test, 3);
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s: %s", c->select, err.text);
    }
    const char *out = sl_test_read(test, "out");
    if (strcmp(out, c->out) != 0) {
        fail_msg("%s gives\n%s", c->select, out);
    }
    const char *dead = sl_test_read(test, "dead");
    if (lines_of(dead) != c->n_letters) {
        fail_msg("%s: letters\n%s", c->select, dead);
    }
    for (int i = 0; i < 2 && c->tells[i] != NULL; i++) {
        if (strstr(dead, c->tells[i]) == NULL) {
            fail_msg("%s: no \"%s\" in\n%s", c->select, c->tells[i], dead);
        }
    }
    sl_test_free(test);
}

static void check_fails(const poison_case *c)
{
    char text[1024];
    sl_error err = SL_ERROR_INIT;
    sl_test *test = start(c->select, NULL, text);
    sl_test_put(test, "in/1.csv", c->in);
    sl_test_advance(test, 3);
    sl_code rc = sl_test_check(test, &err);
    if (rc != SL_E_DATA || strstr(err.text, c->tells[0]) == NULL) {
        fail_msg("%s: %s: %s", c->select, sl_code_name(rc), err.text);
    }
    assert_string_equal(sl_test_read(test, "out"), "");
    sl_test_free(test);
}

static const poison_case cases[] = {
    // by row
    {"SELECT k, n * m FROM a",
     "x,9223372036854775807,2,-\ny,3,4,-\n",
     "y,12\n",
     {"Overflow in multiplication", "\"record\":\"x,9223372036854775807,2,-\""},
     1},
    {"SELECT k, n // m FROM a",
     "x,1,0,-\ny,12,4,-\nz,0,0,-\nq,7,7,-\n",
     "y,3\nq,1\n",
     {"division by zero; write n // nullif(m, 0) for NULL", "\"record\":\"z,0,0,-\""},
     2},
    {"SELECT k, (n / m)::BIGINT FROM a WHERE n / m > 1",
     "x,1,0,-\ny,12,4,-\nz,1,4,-\n",
     "y,3\n",
     {"division by zero", NULL},
     1},
    {"SELECT k, w::BIGINT FROM a", "x,1,1,no\ny,1,1,5\n", "y,5\n", {"'no'", NULL}, 1},
    // arguments, keys and filters of a GROUP BY
    {"SELECT k, sum(w::BIGINT)::BIGINT FROM a GROUP BY k",
     "x,1,1,no\ny,1,1,5\nx,1,1,7\n",
     "y,5\nx,7\n",
     {"'no'", "\"record\":\"x,1,1,no\""},
     1},
    {"SELECT k, sum(n // m)::BIGINT FROM a GROUP BY k",
     "x,1,0,-\ny,8,2,-\nx,9,3,-\n",
     "y,4\nx,3\n",
     {"division by zero", "\"record\":\"x,1,0,-\""},
     1},
    {"SELECT (n // m)::VARCHAR AS q, count(*) FROM a GROUP BY q",
     "x,1,0,-\ny,8,2,-\nx,9,2,-\n",
     "4,2\n",
     {"division by zero", NULL},
     1},
    {"SELECT k, count(*) FILTER (WHERE n / m > 1) FROM a GROUP BY k",
     "x,1,0,-\ny,8,2,-\nx,1,2,-\n",
     "y,1\nx,0\n",
     {"division by zero", NULL},
     1},
    // sums that overflow: the records that do not fit
    {"SELECT k, sum(n) FROM a GROUP BY k",
     "x,9223372036854775807,0,-\ny,1,0,-\nx,1,0,-\nx,-7,0,-\n",
     "x,9223372036854775800\ny,1\n",
     {"a sum that does not fit int64", "\"record\":\"x,1,0,-\""},
     1},
    // each epoch by itself
    {"SELECT k, sum(n // m)::BIGINT FROM EPOCH(TABLE a) GROUP BY k ORDER BY k",
     "x,1,0,-\ny,8,2,-\nx,9,3,-\n",
     "x,3\ny,4\n",
     {"division by zero", "\"record\":\"x,1,0,-\""},
     1},
};

SL_TEST(rows_that_a_script_cannot_compute_become_dead_letters, "POISON-1")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_letters(&cases[i]);
    }
}

SL_TEST(rows_that_a_script_cannot_compute_fail_the_job_without_letters, "")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_fails(&cases[i]);
    }
}
