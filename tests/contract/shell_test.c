// sluice shell as a user meets it: statements from a pipe, over a checkpoint and typed, what goes
// on until Ctrl-C, and a terminal.
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract/program.h"

enum { OK = 0, JOB = 1, USAGE = 2, CONFIG = 3, CHECKPOINT = 4 };

static void needs_duckdb(void)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
}

/// `sluice shell WORDS < in.sql` as the process itself.
static slt_program start(const char *dir, const char *words, const char *text)
{
    char command[700];
    slt_put(dir, "in.sql", text);
    (void)snprintf(command, sizeof command, "exec %s shell %s < in.sql", slt_built("bin/sluice"),
                   words);
    const char *const argv[] = {"sh", "-c", command, NULL};
    return slt_start(dir, argv);
}

static int shell(slt_program *p, const char *dir, const char *words, const char *text)
{
    *p = start(dir, words, text);
    return slt_wait(p);
}

static void make_checkpoint(const char *dir)
{
    slt_program p;
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "to be or not to be\n");
    const char *const argv[] = {slt_built("examples/running_count"),
                                "--interval",
                                "20ms",
                                "--checkpoint",
                                "state",
                                "--max-epochs",
                                "2",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
}

static const char rate[] = "SET interval = '50ms';\n"
                           "CREATE TABLE r (value BIGINT, ts TIMESTAMP) WITH "
                           "('connector' = 'rate', 'rows-per-second' = '200');\n";

// ---------------------------------------------------------------- over a checkpoint

SL_TEST(statements_of_a_pipe_are_asked_of_a_checkpoint, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    assert_int_equal(shell(&p, dir, "state --csv",
                           "-- a comment; with a semicolon\n"
                           "select word, n\n  from counts\n where word <> ';'\n order by n desc, "
                           "word;\n"
                           "select ';' as x /* ; */; select 2 as y;\n"
                           ".mode json\nselect sum(n) as total from counts;\n"
                           ".mode line\nselect word, n from counts where word = 'or';\n"),
                     OK);
    SL_CHECK_TEXT(slt_out(&p), "word,n\nbe,2\nto,2\nnot,1\nor,1\nx\n;\ny\n2\n{\"total\":6}\n"
                               "word = or\n   n = 1\n");
    assert_string_equal(slt_err(&p), "");
}

SL_TEST(commands_tell_names_and_columns, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    assert_int_equal(shell(&p, dir, "state --csv", ".tables\n.schema counts\n.quit\n.tables\n"),
                     OK);
    SL_CHECK_TEXT(slt_out(&p),
                  "name,kind\ncounts,updateStateByKey\nsluice.dead,dead letters\n"
                  "sluice.epochs,planned epochs\nsluice.groups,sealed commit groups\n"
                  "sluice.inputs,what epochs read\nsluice.watermarks,watermarks of epochs\n"
                  "name,column,type\ncounts,word,string\ncounts,n,int64\n");
}

SL_TEST(mistakes_leave_the_shell_alive_and_are_its_exit_code, "ERRORS-1")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    assert_int_equal(shell(&p, dir, "state --csv",
                           "select * from conts;\n"
                           ".tabels\n"
                           ".schema conts\n"
                           ".mode xml\n"
                           "create table t (a int);\n"
                           "select 7 as still_here;\n"),
                     CONFIG);
    SL_CHECK_TEXT(slt_out(&p), "still_here\n7\n");
    SL_CHECK_HAS(slt_err(&p),
                 "stdin:1: column 15: there is no table \"conts\"; the nearest is \"counts\"");
    SL_CHECK_HAS(slt_err(&p), "unknown command .tabels; did you mean .tables?");
    SL_CHECK_HAS(slt_err(&p), "there is no table 'conts'; did you mean 'counts'?");
    SL_CHECK_HAS(slt_err(&p), ".mode is table, csv, json or line, not xml");
    SL_CHECK_HAS(slt_err(&p), "a checkpoint is open");
}

SL_TEST(a_statement_cut_by_the_end_of_the_input_is_told, "ERRORS-1")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    assert_int_equal(shell(&p, dir, "state", "select 1 as one;\n\n  select 2"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "stdin:3:3: the statement is not ended: ';' is missing");
    SL_CHECK_HAS(slt_out(&p), " one\n");
    assert_int_equal(shell(&p, dir, "state", "select 'open"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "stdin");
    assert_int_equal(shell(&p, dir, "nowhere", "select 1;"), JOB);
    SL_CHECK_HAS(slt_err(&p), "nowhere");
}

SL_TEST(each_statement_sees_the_newest_state, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    // The job runs on between two statements of one shell: .read waits for nothing, so the pipe
    // does.
    slt_put(slt_path(dir, "in"), "b.txt", "be\n");
    char command[900];
    (void)snprintf(command, sizeof command,
                   "( echo \"select sum(n) as n from counts;\"; %s --interval 20ms --checkpoint "
                   "state --max-epochs 2 >/dev/null 2>&1; echo \"select sum(n) as n from "
                   "counts;\" ) | %s shell state --csv",
                   slt_built("examples/running_count"), slt_built("bin/sluice"));
    const char *const argv[] = {"sh", "-c", command, NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    SL_CHECK_HAS(slt_out(&p), "n\n7\n");
}

// ---------------------------------------------------------------- statements typed

SL_TEST(a_select_over_static_tables_runs_once, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    slt_put(dir, "s.csv", "a,1\nb,2\na,3\n");
    assert_int_equal(
        shell(&p, dir, "--csv --set FILE=s.csv",
              "CREATE TABLE s (k STRING, n BIGINT) WITH ('connector' = 'file', 'path' = '${FILE}', "
              "'format' = 'csv', 'static' = 'true');\n"
              "SELECT k, sum(n) AS total FROM s GROUP BY k ORDER BY k;\n"
              "WITH big AS (SELECT * FROM s WHERE n > 1) SELECT count(*) AS n FROM big;\n"
              "SELECT 1 + 1 AS two;\n.tables\n.drop s\n.tables\n"),
        OK);
    SL_CHECK_TEXT(slt_out(&p), "k,total\na,4\nb,2\nn\n2\ntwo\n2\nname,kind\ns,static "
                               "table\nname,kind\n");
}

SL_TEST(rows_come_epoch_by_epoch_until_the_limit, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    char text[700];
    (void)snprintf(text, sizeof text,
                   "%s.limit 5\nSELECT value FROM r;\n.limit off\n.epochs 2\n.mode csv\n"
                   "SELECT value %% 2 AS odd, count(*) AS n FROM r GROUP BY value %% 2;\n",
                   rate);
    assert_int_equal(shell(&p, dir, "", text), OK);
    SL_CHECK_HAS(slt_out(&p), "-- epoch 1, batch time 20");
    SL_CHECK_HAS(slt_out(&p), " value\n-------\n     0\n     1\n     2\n     3\n     4\n");
    assert_null(strstr(slt_out(&p), "     5\n"));
    SL_CHECK_HAS(slt_out(&p), "epoch,batch_time,odd,n\n1,20");
}

SL_TEST(rows_that_change_are_told_as_changes, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "1.json",
            "{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\":5}\n{\"k\":\"a\",\"v\":2}\n");
    assert_int_equal(shell(&p, dir, "",
                           "SET interval = '50ms';\n"
                           "CREATE TABLE f (k STRING, v BIGINT) WITH ('connector' = 'file', "
                           "'path' = 'in', 'format' = 'json');\n"
                           ".epochs 2\n"
                           "SELECT k, sum(v) AS s FROM f GROUP BY k;\n"
                           "CREATE VIEW big AS SELECT k, v FROM f WHERE v > 2;\n"
                           ".mode json\nSELECT k FROM big;\n"),
                     OK);
    SL_CHECK_HAS(slt_out(&p), ", changes by k\n k | s\n---+---\n a | 3\n b | 5\n");
    SL_CHECK_HAS(slt_out(&p), "\"k\":\"b\"}\n");
}

SL_TEST(an_insert_runs_as_a_job, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "1.json", "{\"k\":\"a\",\"v\":1}\n");
    slt_put(dir, "job.sql",
            "SET interval = '50ms';\n"
            "CREATE TABLE f (k STRING, v BIGINT) WITH ('connector' = 'file', 'path' = 'in', "
            "'format' = 'json');\n"
            "CREATE TABLE o (k STRING, v BIGINT) WITH ('connector' = 'sqlite', 'path' = 'o.db', "
            "'table-name' = 'o');\n"
            "INSERT INTO o SELECT k, v + 100 FROM f;\n");
    assert_int_equal(
        shell(&p, dir, "job.sql", ".epochs 2\nINSERT INTO o SELECT k, v + 1 FROM f;\n"), OK);
    assert_int_equal(slt_ask(slt_path(dir, "o.db"), "select sum(v) from o"), 2);
}

SL_TEST(mistakes_are_told_where_the_statement_stands, "ERRORS-1")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    slt_put(dir, "more.sql", "\nCREATE TABLE x (a STRNG) WITH ('connector' = 'stdin');\n");
    assert_int_equal(shell(&p, dir, "",
                           "SET interval = '50ms';\n"
                           "SET intervall = '1s';\n"
                           "  SELECT *\n    FROM nope;\n"
                           "SELCT 1;\n"
                           "DROP TABLE x;\n"
                           ".read more.sql\n.read missing.sql\n"
                           "SELECT 3 AS three;\n"),
                     JOB); // of the last that failed: the file
    SL_CHECK_HAS(slt_err(&p), "stdin:2:5: ");
    SL_CHECK_HAS(slt_err(&p), "did you mean interval?");
    SL_CHECK_HAS(slt_err(&p), "stdin:4:10: there is no table or view 'nope'");
    SL_CHECK_HAS(slt_err(&p), "stdin:5:1: a statement begins with");
    SL_CHECK_HAS(slt_err(&p), "did you mean 'SELECT'?");
    SL_CHECK_HAS(slt_err(&p), "stdin:6:1: DROP: '.drop NAME'");
    SL_CHECK_HAS(slt_err(&p), "more.sql:2:19: ");
    SL_CHECK_HAS(slt_err(&p), "missing.sql");
    SL_CHECK_HAS(slt_out(&p), "three");
}

SL_TEST(an_interrupt_ends_a_select_and_not_the_shell, "")
{
    needs_duckdb();
    const char *dir = slt_temp_dir();
    char text[700];
    (void)snprintf(text, sizeof text, "%sSELECT value FROM r;\nSELECT 42 AS after;\n", rate);
    slt_program p = start(dir, "", text);
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "-- epoch 2,");
    slt_signal(&p, SIGINT);
    assert_int_equal(slt_wait(&p), OK);
    SL_CHECK_HAS(slt_out(&p), " after\n-------\n    42\n");
}

// ---------------------------------------------------------------- a terminal

typedef struct terminal {
    int fd;
    pid_t pid;
    char text[65536];
    size_t size, seen;
} terminal;

/// Reads until what was not seen yet has the text; what misses the deadline fails.
static void expect(terminal *t, const char *wanted)
{
    for (;;) {
        char *at = strstr(t->text + t->seen, wanted);
        if (at != NULL) {
            t->seen = (size_t)(at - t->text) + strlen(wanted);
            return;
        }
        struct pollfd ready = {.fd = t->fd, .events = POLLIN};
        ssize_t n = poll(&ready, 1, SLT_DEADLINE_S * 1000) == 1 && t->size < sizeof t->text - 1
                        ? read(t->fd, t->text + t->size, sizeof t->text - 1 - t->size)
                        : -1;
        if (n <= 0) {
            (void)kill(t->pid, SIGKILL);
            fail_msg("'%s' did not come; there was: %s", wanted, t->text);
        }
        t->size += (size_t)n;
        t->text[t->size] = '\0';
    }
}

static void type(const terminal *t, const char *text)
{
    assert_int_equal(write(t->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void open_terminal(terminal *t, const char *dir)
{
    const char *program = slt_built("bin/sluice");
    *t = (terminal){0};
    t->pid = forkpty(&t->fd, NULL, NULL, NULL);
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        if (chdir(dir) == 0 && setenv("XDG_STATE_HOME", dir, 1) == 0 &&
            setenv("TERM", "dumb", 1) == 0) {
            (void)execl(program, program, "shell", (char *)NULL);
        }
        _exit(127);
    }
}

SL_TEST(a_terminal_has_a_prompt_lines_that_go_on_and_a_history, "")
{
    needs_duckdb();
    terminal t;
    int status = 0;
    const char *dir = slt_temp_dir();
    open_terminal(&t, dir);
    expect(&t, "sluice> ");
    type(&t, "SET interval = '50ms';\n");
    expect(&t, "sluice> ");
    type(&t, "CREATE TABLE r (value BIGINT, ts TIMESTAMP)\n");
    expect(&t, "   ...> ");
    type(&t, "WITH ('connector' = 'rate', 'rows-per-second' = '100');\n");
    expect(&t, "sluice> ");
    type(&t, "SELECT value FROM r;\n");
    expect(&t, "-- epoch 2,");
    type(&t, "\003"); // Ctrl-C ends the job
    expect(&t, "rows shown)");
    expect(&t, "sluice> ");
    type(&t, "SELECT half\003"); // and what was begun
    expect(&t, "sluice> ");
    type(&t, "SELECT 1 AS one;\n");
    expect(&t, "(1 row)");
    type(&t, "SELECT FROM;\n");
    expect(&t, "sluice shell: line 1, column ");
    expect(&t, "sluice> ");
    type(&t, "\004"); // Ctrl-D
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    SL_CHECK_HAS(slt_content(slt_path(dir, "sluice/history")), "one;");
    (void)close(t.fd);
}
