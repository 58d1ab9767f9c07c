// The real program with windows: what they hold is there for the next run, whatever the number of
// partitions is then, and whatever the window's length and way of going on are.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/program.h"

/// Windows that nothing leaves: each table has what all runs so far have read. LENGTH and HOW are
/// replaced.
static const char job_text[] =
    "#include <sluice/sluice.h>\n"
    "static void job(sl_graph *g)\n{\n"
    "    sl_stream *rows = sl_stream_open(g, \"file:in?format=csv&schema=k string, n int64\");\n"
    "    sl_stream *going = sl_stream_reduce_by_key_and_window(rows, \"k\", \"sum(n) as n\", "
    "\"%s\", NULL);\n"
    "    sl_stream *anew = sl_stream_reduce_by_key_and_window(rows, \"k\", \"sum(n) as n\", "
    "\"%s\", NULL);\n"
    "    sl_stream_inverse(anew, SL_INVERSE_NEVER);\n"
    "    sl_stream *all = sl_stream_reduce_by_key(sl_stream_window(rows, \"%s\", NULL), \"k\", "
    "\"sum(n) as n\");\n"
    "    sl_stream_save(sl_stream_uid(going, \"going\"), "
    "\"sqlite:t.db?table=going&mode=replace\");\n"
    "    sl_stream_save(sl_stream_uid(anew, \"anew\"), \"sqlite:t.db?table=anew&mode=replace\");\n"
    "    sl_stream_save(sl_stream_uid(all, \"all\"), "
    "\"sqlite:t.db?table=all_rows&mode=replace\");\n"
    "}\nSL_JOB(\"job\", job);\n";

static void compile(const char *dir, const char *length)
{
    char text[sizeof job_text + 64];
    (void)snprintf(text, sizeof text, job_text, length, length, length);
    slt_compile_job(dir, "windows", text);
}

static int run_job(slt_program *p, const char *dir, const char *parallelism)
{
    char partitions[32];
    (void)snprintf(partitions, sizeof partitions, "parallelism=%s", parallelism);
    const char *const argv[] = {
        slt_built("bin/sluice"), "run",    "windows.so",   "--interval", "10ms",
        "--checkpoint",          "state",  "--max-epochs", "4",          "--conf",
        "snapshot.groups=2",     "--conf", partitions,     NULL};
    return slt_run(p, dir, argv);
}

static void run(const char *dir, const char *parallelism)
{
    slt_program p;
    int code = run_job(&p, dir, parallelism);
    if (code != 0) {
        fail_msg("exit code %d, said: %s", code, slt_err(&p));
    }
}

static void feed(const char *dir, int life)
{
    char in[400], name[32], text[4096];
    size_t size = 0;
    for (int i = 0; i < 100; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "key-%d,%d\n",
                                 (life * 7 + i) % 40, life);
    }
    (void)snprintf(in, sizeof in, "%s/in", dir);
    (void)snprintf(name, sizeof name, "%d.csv", life);
    (void)mkdir(in, 0700); // is there from the second life on
    slt_put(in, name, text);
}

static void check(const char *dir, int64_t sum)
{
    char db[400];
    (void)snprintf(db, sizeof db, "%s/t.db", dir);
    assert_int_equal(slt_ask(db, "select sum(n) from going"), sum);
    assert_int_equal(slt_ask(db, "select count(*) from going"), 40);
    assert_int_equal(slt_ask(db, "select count(*) from (select * from going except select * from "
                                 "anew)"),
                     0);
    assert_int_equal(slt_ask(db, "select count(*) from (select * from anew except select * from "
                                 "all_rows)"),
                     0);
    assert_int_equal(slt_ask(db, "select sum(n) from all_rows"), sum);
}

SL_TEST(windows_go_on_with_other_numbers_of_partitions, "EXACTLY-ONCE-1")
{
    static const char *const partitions[] = {"2", "5", "1", "3", "3"};
    const char *dir = slt_temp_dir();
    int64_t sum = 0;
    compile(dir, "1h");
    for (int life = 1; life <= 5; life++) {
        feed(dir, life);
        sum += 100 * life;
        run(dir, partitions[life - 1]);
        check(dir, sum);
    }
}

SL_TEST(windows_go_on_with_another_length, "EXACTLY-ONCE-1")
{
    const char *dir = slt_temp_dir();
    int64_t sum = 0;
    for (int life = 1; life <= 3; life++) {
        compile(dir, life == 2 ? "3h" : "1h");
        feed(dir, life);
        sum += 100 * life;
        run(dir, "2");
        check(dir, sum);
    }
}

SL_TEST(a_damaged_pane_is_refused_with_its_file, "ERRORS-2")
{
    const char *dir = slt_temp_dir();
    const char *const damage[] = {"sh", "-c",
                                  "for f in state/pane/*-going; do printf x | dd of=$f bs=1 "
                                  "seek=100 conv=notrunc status=none; done",
                                  NULL};
    slt_program p;
    compile(dir, "1h");
    feed(dir, 1);
    run(dir, "2");
    assert_int_equal(slt_run(&p, dir, damage), 0);
    assert_int_equal(run_job(&p, dir, "2"), 4);
    SL_CHECK_HAS(slt_err(&p), "window going, pane/");
    SL_CHECK_HAS(slt_err(&p), "do not fit their hash");
}
