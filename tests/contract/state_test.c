// sluice state as a user meets it: what each kind of operator keeps, SQL over it, a job that runs
// meanwhile or was killed, damage, little memory.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/program.h"

enum { OK = 0, JOB = 1, USAGE = 2, CONFIG = 3, CHECKPOINT = 4 };

static int state(slt_program *p, const char *dir, const char *const words[5])
{
    const char *argv[8] = {slt_built("bin/sluice"), "state"};
    for (int i = 0; i < 5 && words[i] != NULL; i++) {
        argv[i + 2] = words[i];
    }
    return slt_run(p, dir, argv);
}

#define STATE(p, dir, ...) state(p, dir, (const char *const[5]){__VA_ARGS__})

/// The rows of a SELECT as CSV, as they must be.
static void check_rows(const char *dir, const char *select, const char *wanted)
{
    slt_program p;
    if (STATE(&p, dir, "state", select, "--csv") != OK) {
        fail_msg("%s: %s", select, slt_err(&p));
    }
    SL_CHECK_TEXT(slt_out(&p), wanted);
}

static void needs_duckdb(void)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
}

// ---------------------------------------------------------------- a job with every kind of state

static const char every_kind[] =
    "#include <sluice/sluice.h>\n"
    "#include <string.h>\n"
    "struct packed { int32_t seen; char mark[4]; };\n"
    "static sl_code add(const sl_args *args, const sl_update_call *call, sl_error *err)\n"
    "{\n"
    "    (void)args; (void)err;\n"
    "    const sl_column *old = sl_batch_column(call->states, 0);\n"
    "    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {\n"
    "        int64_t seen = call->values_from[i + 1] - call->values_from[i];\n"
    "        sl_builder_int64(call->out, 0, (call->had[i] ? sl_column_int64(old, i) : 0) + seen);\n"
    "    }\n"
    "    return SL_OK;\n"
    "}\n"
    "static const sl_update_fn add_fn = {sizeof(sl_update_fn), \"add\", \"n int64\", 1, false, "
    "add};\n"
    "static sl_code pack(const sl_args *args, const sl_update_call *call, sl_error *err)\n"
    "{\n"
    "    (void)args; (void)err;\n"
    "    struct packed p = {1, {'o', 'k', 0, 1}};\n"
    "    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {\n"
    "        sl_builder_text(call->out, 0, (const char *)&p, sizeof p);\n"
    "    }\n"
    "    return SL_OK;\n"
    "}\n"
    "static const sl_update_fn pack_fn = {sizeof(sl_update_fn), \"pack\", \"raw binary\", 1, "
    "false, pack};\n"
    "static sl_code count(const sl_args *args, const sl_map_state_call *call, sl_error *err)\n"
    "{\n"
    "    (void)args; (void)err;\n"
    "    for (int64_t i = 0; i < call->n; i++) {\n"
    "        sl_state state = sl_state_at(call, i);\n"
    "        int64_t n = sl_state_int64_or(&state, 0, 0) + 1;\n"
    "        sl_state_set_int64(&state, 0, n);\n"
    "        sl_builder_int64(call->out, 0, n);\n"
    "    }\n"
    "    return SL_OK;\n"
    "}\n"
    "static const sl_map_state_fn count_fn = {.struct_size = sizeof(sl_map_state_fn),\n"
    "    .name = \"count\", .state = \"n int64\", .out = \"n int64\", .run = count};\n"
    "static void job(sl_graph *g)\n"
    "{\n"
    "    sl_stream *in = sl_stream_open(g, \"file:in?format=csv&schema=word string, n int64, ts "
    "timestamp\");\n"
    "    sl_stream_uid(in, \"in\");\n"
    "    sl_stream *words = sl_stream_select(in, \"word\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_update_state_by_key(words, \"word\", &add_fn, "
    "NULL), \"updated\"), \"file:o1?format=csv\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_update_state_by_key(words, \"word\", &pack_fn, "
    "NULL), \"Packed.bytes\"), \"file:o2?format=json\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_map_with_state(words, \"word\", &count_fn, NULL), "
    "\"mapped\"), \"file:o3?format=csv\");\n"
    "    sl_stream *pairs = sl_stream_select(in, \"word, n\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_running_by_key(pairs, \"word\", \"sum(n) as total, "
    "count() as c\"), \"running\"), \"file:o4?format=csv\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_reduce_by_key_and_window(pairs, \"word\", \"sum(n) "
    "as s\", \"200s\", \"20ms\"), \"windowed\"), \"file:o5?format=csv\");\n"
    "    sl_stream *timed = sl_stream_uid(sl_stream_event_time(in, \"ts\", \"0s\"), \"timed\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_event_window(timed, \"word\", \"count() as n\", "
    "\"1h\", NULL), \"hourly\"), \"file:o6?format=csv\");\n"
    "    sl_stream *left = sl_stream_event_time(sl_stream_select(in, \"word, n as a, ts\"), "
    "\"ts\", \"1m\");\n"
    "    sl_stream *right = sl_stream_event_time(sl_stream_select(in, \"word, n as b, ts\"), "
    "\"ts\", \"1m\");\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_interval_join(left, right, \"word\", \"0s\", "
    "\"1h\"), \"joined\"), \"file:o7?format=csv\");\n"
    "    sl_model *m = sl_model_open(g, \"kmeans\", \"centers='0' decay=1.0\");\n"
    "    sl_model_uid(m, \"clusters\");\n"
    "    sl_model_train(m, sl_stream_select(in, \"cast(n as float64) as x\"), \"x\", NULL);\n"
    "}\n"
    "SL_JOB(\"every-kind\", job);\n";

static void run_job(const char *dir, const char *object, const char *epochs, const char *groups)
{
    slt_program p;
    const char *const argv[] = {
        slt_built("bin/sluice"), "run",  object,   "--interval", "20ms", "--checkpoint", "state",
        "--max-epochs",          epochs, "--conf", groups,       NULL};
    if (slt_run(&p, dir, argv) != OK) {
        fail_msg("%s", slt_err(&p));
    }
}

/// The rows in one file and epoch, so that all is in deltas.
static void run_every_kind(const char *dir)
{
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.csv",
            "be,1,2026-01-01T00:00:01Z\nto,2,2026-01-01T00:00:02Z\nbe,3,2026-01-01T00:00:03Z\n");
    slt_compile_job(dir, "job", every_kind);
    run_job(dir, "job.so", "2", "snapshot.groups=100");
}

static bool has_snapshot(const char *dir)
{
    slt_program p;
    const char *const argv[] = {"sh", "-c", "ls -d state/snap/0* >/dev/null 2>&1", NULL};
    return slt_run(&p, dir, argv) == 0;
}

/// The rows one after the other, with snapshots between and a delta behind the last.
static void run_with_snapshots(const char *dir)
{
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_compile_job(dir, "job", every_kind);
    slt_put(slt_path(dir, "in"), "a.csv", "be,1,2026-01-01T00:00:01Z\n");
    run_job(dir, "job.so", "2", "snapshot.groups=1");
    slt_put(slt_path(dir, "in"), "b.csv", "to,2,2026-01-01T00:00:02Z\n");
    run_job(dir, "job.so", "2", "snapshot.groups=1");
    assert_true(has_snapshot(dir));
    slt_put(slt_path(dir, "in"), "c.csv", "be,3,2026-01-01T00:00:03Z\n");
    run_job(dir, "job.so", "2", "snapshot.groups=1");
}

/// Worked out by hand from the three rows.
static void check_every_kind(const char *dir)
{
    check_rows(dir, "SELECT * FROM updated ORDER BY word", "word,n\nbe,2\nto,1\n");
    check_rows(dir, "SELECT * FROM MAPPED ORDER BY Word", "word,n\nbe,2\nto,1\n");
    check_rows(dir, "SELECT word, raw FROM \"packed.bytes\" ORDER BY 1",
               "word,raw\nbe,\\x010000006f6b0001\nto,\\x010000006f6b0001\n");
    check_rows(dir, "SELECT word, total, c FROM running ORDER BY word",
               "word,total,c\nbe,4,2\nto,2,1\n");
    check_rows(dir, "SELECT word, s FROM windowed ORDER BY word", "word,s\nbe,4\nto,2\n");
    check_rows(dir, "SELECT word, n FROM hourly WHERE word IS NOT NULL ORDER BY word",
               "word,n\nbe,2\nto,1\n");
    check_rows(dir, "SELECT cluster, weight, center FROM clusters",
               "cluster,weight,center\n0,3.0,[2.0]\n");
    check_rows(dir, "SELECT latest FROM timed WHERE lane <> 'watermark'",
               "latest\n2026-01-01T00:00:03Z\n");
    check_rows(dir, "SELECT count(*) > 0 AS has_rows FROM joined", "has_rows\ntrue\n");
}

SL_TEST(every_operator_with_state_is_a_table_from_deltas, "")
{
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    check_every_kind(dir);
}

SL_TEST(every_operator_with_state_is_a_table_from_a_snapshot, "")
{
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_with_snapshots(dir);
    check_every_kind(dir);
}

SL_TEST(the_list_has_tables_columns_and_numbers_of_keys, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    run_with_snapshots(dir);
    assert_int_equal(STATE(&p, dir, "state"), OK); // needs no DuckDB
    SL_CHECK_HAS(slt_out(&p), " updated ");
    SL_CHECK_HAS(slt_out(&p), "| updateStateByKey ");
    SL_CHECK_HAS(slt_out(&p), "|    2 | word string, n int64\n");
    SL_CHECK_HAS(slt_out(&p), "as of group ");
    assert_int_equal(STATE(&p, dir, "state", "--json"), OK);
    SL_CHECK_HAS(slt_out(&p), "{\"name\":\"mapped\",\"operator\":\"mapWithState\",\"keys\":2,"
                              "\"columns\":\"word string, n int64\",\"commit_group\":");
    SL_CHECK_HAS(slt_err(&p), "as of group ");
}

// ---------------------------------------------------------------- SELECT

SL_TEST(a_select_groups_and_joins_states, "")
{
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    check_rows(dir, "SELECT n, count(*) AS words FROM updated GROUP BY n ORDER BY n",
               "n,words\n1,1\n2,1\n");
    check_rows(dir,
               "SELECT u.word, u.n, r.total FROM updated u JOIN running r USING (word) ORDER BY 1",
               "word,n,total\nbe,2,4\nto,1,2\n");
    // Twice the same table: each has a pass of its own.
    check_rows(dir, "SELECT count(*) AS n FROM updated a, updated b", "n\n4\n");
    check_rows(dir, "SELECT word FROM updated WHERE n > 5;", "word\n");
}

SL_TEST(rows_are_shown_as_json_and_csv_and_cut_only_when_asked, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    assert_int_equal(STATE(&p, dir, "state", "SELECT * FROM updated ORDER BY word", "--json"), OK);
    SL_CHECK_TEXT(slt_out(&p), "{\"word\":\"be\",\"n\":2}\n{\"word\":\"to\",\"n\":1}\n");
    assert_int_equal(STATE(&p, dir, "state",
                           "SELECT NULL AS a, '' AS b, 'x,\"y' AS c, [1, NULL] AS d, {k: 1.5} AS e",
                           "--csv"),
                     OK);
    SL_CHECK_TEXT(slt_out(&p), "a,b,c,d,e\n,\"\",\"x,\"\"y\",\"[1, NULL]\",{k: 1.5}\n");
    assert_int_equal(
        STATE(&p, dir, "state", "SELECT NULL AS a, [1, NULL] AS d, 'nan'::double AS f", "--json"),
        OK);
    SL_CHECK_TEXT(slt_out(&p), "{\"a\":null,\"d\":[1,null],\"f\":\"NaN\"}\n");
    assert_int_equal(
        STATE(&p, dir, "state", "SELECT * FROM updated ORDER BY 1", "--limit=1", "--csv"), OK);
    SL_CHECK_TEXT(slt_out(&p), "word,n\nbe,2\n");
    SL_CHECK_HAS(slt_err(&p), "1 rows shown (--limit), and there are more");
    assert_int_equal(STATE(&p, dir, "state", "SELECT i FROM range(3000) t(i)", "--csv"), OK);
    SL_CHECK_HAS(slt_out(&p), "\n2999\n");
}

SL_TEST(mistakes_of_a_select_have_a_place_and_the_nearest_name, "ERRORS-1")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    assert_int_equal(STATE(&p, dir, "state", "SELECT * FROM updatd"), CONFIG);
    SL_CHECK_HAS(slt_err(&p),
                 "column 15: there is no table \"updatd\"; the nearest is \"updated\"");
    assert_int_equal(STATE(&p, dir, "state", "SELECT word,\n wrd FROM updated"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "line 2, column 2: there is no column \"wrd\"");
    assert_int_equal(STATE(&p, dir, "state", "DELETE FROM updated"), CONFIG);
    assert_int_equal(STATE(&p, dir, "state", "SELECT 1; SELECT 2"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "more than one statement");
    assert_int_equal(STATE(&p, dir, "state", "SELECT * FROM read_csv('in/a.csv')"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "reaches no file");
    assert_int_equal(STATE(&p, dir, "state", "SELECT cast(word AS INTEGER) FROM updated"), JOB);
    assert_int_equal(STATE(&p, dir, "state", "--limit", "some"), USAGE);
    assert_int_equal(STATE(&p, dir, NULL), USAGE);
}

SL_TEST(the_log_is_a_table_too, "")
{
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    check_rows(
        dir,
        "SELECT g.records_in = e.records AS equal, e.epoch = g.first_epoch AS same, i.source "
        "FROM sluice.groups g JOIN sluice.epochs e ON e.commit_group = g.commit_group "
        "JOIN sluice.inputs i ON i.epoch = e.epoch WHERE g.records_in > 0",
        "equal,same,source\ntrue,true,in\n");
    check_rows(dir, "SELECT min(watermark) AS w FROM sluice.watermarks WHERE operator = 'timed'",
               "w\n2026-01-01T00:00:03Z\n");
    check_rows(dir, "SELECT count(*) AS n FROM sluice.dead", "n\n0\n");
}

SL_TEST(dead_letters_are_a_table, "POISON-1")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "1\nbad\n3\n");
    const char *const argv[] = {slt_built("bin/sluice"),
                                "run",
                                slt_built("tests/jobs/poison_job.so"),
                                "--interval",
                                "20ms",
                                "--checkpoint",
                                "state",
                                "--max-epochs",
                                "2",
                                "--conf",
                                "poison=dead-letter",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    check_rows(dir, "SELECT operator, record, row FROM sluice.dead",
               "operator,record,row\nnumbers,bad,1\n");
}

// ---------------------------------------------------------------- while the job runs, and killed

/// One number of one SELECT.
static int64_t ask(const char *dir, const char *select)
{
    slt_program p;
    if (STATE(&p, dir, "state", select, "--csv") != OK) {
        fail_msg("%s: %s", select, slt_err(&p));
    }
    const char *line = strchr(slt_out(&p), '\n');
    assert_non_null(line);
    return strtoll(line + 1, NULL, 10);
}

static bool has_group(void *ctx)
{
    slt_program p;
    const char *const argv[] = {slt_built("bin/sluice"), "status", "state", "--json", NULL};
    return slt_run(&p, ctx, argv) == OK && strstr(slt_out(&p), "\"lastSealed\":0,") == NULL;
}

SL_TEST(state_is_read_while_the_job_runs_and_after_it_was_killed, "")
{
    needs_duckdb();
    enum { FILES = 40, WORDS = 5 };
    char in[400], copy[256];
    const char *dir = slt_temp_dir();
    (void)snprintf(copy, sizeof copy, "%s", dir);
    (void)snprintf(in, sizeof in, "%s/in", dir);
    assert_int_equal(mkdir(in, 0700), 0);
    const char *const argv[] = {slt_built("examples/running_count"),
                                "--interval",
                                "20ms",
                                "--checkpoint",
                                "state",
                                "--conf",
                                "snapshot.groups=2",
                                NULL};
    slt_put(in, "f.txt", "a b c d e\n");
    slt_program job = slt_start(dir, argv);
    slt_await(&job, dir, has_group, copy);
    int64_t before = 0;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%02d.txt", i);
        slt_put(in, name, "a b c d e\n");
        int64_t total = ask(dir, "SELECT sum(n) FROM counts");
        assert_int_equal(total % WORDS, 0); // one group: never half of a file
        assert_true(total >= before && total <= WORDS * (FILES + 1));
        before = total;
    }
    slt_signal(&job, SIGKILL);
    assert_int_equal(slt_wait(&job), 128 + SIGKILL);
    int64_t killed = ask(dir, "SELECT sum(n) FROM counts");
    assert_true(killed >= before && killed % WORDS == 0);
    assert_true(killed >= slt_ask(slt_path(dir, "counts.db"), "select sum(n) from counts"));
    assert_int_equal(killed,
                     ask(dir, "SELECT sum(n) FROM counts")); // nothing was changed by asking
    const char *const again[] = {slt_built("examples/running_count"),
                                 "--interval",
                                 "20ms",
                                 "--checkpoint",
                                 "state",
                                 "--max-epochs",
                                 "3",
                                 NULL};
    slt_program p;
    assert_int_equal(slt_run(&p, dir, again), OK);
    assert_int_equal(ask(dir, "SELECT sum(n) FROM counts"),
                     slt_ask(slt_path(dir, "counts.db"), "select sum(n) from counts"));
}

static const char fast_job[] =
    "#include <sluice/sluice.h>\n"
    "#include <stdio.h>\n"
    "static void job(sl_graph *g)\n"
    "{\n"
    "    sl_stream *in = sl_stream_open(g, \"rate:?rows_per_second=20000\");\n"
    "    sl_stream *by = sl_stream_select(in, \"value % 50 as k\");\n"
    "    for (int i = 0; i < 4; i++) {\n"
    "        char uid[32];\n"
    "        snprintf(uid, sizeof uid, \"counted%d\", i);\n"
    "        sl_stream_save(sl_stream_uid(sl_stream_running_by_key(by, \"k\", \"count() as n\"), "
    "uid), \"blackhole:\");\n"
    "    }\n"
    "}\n"
    "SL_JOB(\"fast\", job);\n";

// Two snapshots are kept, so what a SELECT reads loses its names many times while DuckDB is opened
// and rows are read.
SL_TEST(state_is_read_however_fast_the_job_makes_snapshots, "")
{
    needs_duckdb();
    char copy[256];
    const char *dir = slt_temp_dir();
    (void)snprintf(copy, sizeof copy, "%s", dir);
    slt_compile_job(dir, "job", fast_job);
    const char *const argv[] = {
        slt_built("bin/sluice"), "run", "job.so",       "--interval", "1ms",
        "--commit-interval",     "1ms", "--checkpoint", "state",      "--conf",
        "snapshot.groups=1",     NULL};
    slt_program job = slt_start(dir, argv);
    slt_await(&job, dir, has_group, copy);
    int64_t before = -1;
    for (int i = 0; i < 10; i++) {
        int64_t total =
            ask(dir, "SELECT sum(a.n) AS n FROM counted0 a JOIN counted3 b USING (k, n)");
        assert_true(total >= before);
        before = total;
    }
    slt_signal(&job, SIGTERM);
    assert_int_equal(slt_wait(&job), OK);
}

// ---------------------------------------------------------------- damage, and what can't be read

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
    assert_int_equal(fclose(file), 0);
}

/// The first file of a shell pattern, relative to `dir`.
static const char *found(const char *dir, const char *pattern)
{
    static char path[600];
    char command[700];
    slt_program p;
    (void)snprintf(command, sizeof command, "ls -d %s | head -1 | tr -d '\\n'", pattern);
    const char *const argv[] = {"sh", "-c", command, NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    (void)snprintf(path, sizeof path, "%s/%s", dir, slt_out(&p));
    return path;
}

SL_TEST(no_checkpoint_is_told, "ERRORS-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(STATE(&p, dir, "nowhere"), JOB);
    SL_CHECK_HAS(slt_err(&p), "nowhere");
    assert_int_equal(mkdir(slt_path(dir, "empty"), 0700), 0);
    assert_int_equal(STATE(&p, dir, "empty"), JOB);
    SL_CHECK_HAS(slt_err(&p), "empty/MANIFEST.json");
    assert_string_equal(slt_out(&p), "");
}

SL_TEST(damage_is_found_where_it_is_read_and_nowhere_else, "ERRORS-2")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_with_snapshots(dir);
    flip(found(dir, "state/snap/*/updated/part-*.arrow"), 500);
    flip(found(dir, "$(ls -d state/snap/* | tail -1)/updated/part-*.arrow"), 501);
    assert_int_equal(STATE(&p, dir, "state", "SELECT * FROM updated"), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), ".arrow: offsets 0 to ");
    check_rows(dir, "SELECT * FROM mapped ORDER BY word", "word,n\nbe,2\nto,1\n"); // is not read
    flip(slt_path(dir, "state/log/000001-0001.log"), 70);
    assert_int_equal(STATE(&p, dir, "state", "SELECT * FROM mapped"), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "000001-0001.log");
}

SL_TEST(a_damaged_delta_is_told, "ERRORS-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    flip(found(dir, "state/delta/*"), 80);
    assert_int_equal(STATE(&p, dir, "state"), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "state/delta/000001-");
    SL_CHECK_HAS(slt_err(&p), "do not fit their hash");
}

SL_TEST(a_newer_format_is_told, "ERRORS-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    run_every_kind(dir);
    const char *const argv[] = {
        "sh", "-c",
        "sed -i 's/\"sluice_checkpoint\": 1/\"sluice_checkpoint\": 9/' state/MANIFEST.json", NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    assert_int_equal(STATE(&p, dir, "state"), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "MANIFEST.json");
}

/// Counts of words in three runs, so that there are snapshots and a delta behind the last; `more`
/// are settings.
static void run_counts(const char *dir, const char *const more[4])
{
    slt_program p;
    (void)mkdir(slt_path(dir, "in"), 0700);
    const char *argv[20] = {slt_built("examples/running_count"),
                            "--interval",
                            "20ms",
                            "--checkpoint",
                            "state",
                            "--max-epochs",
                            "2",
                            "--conf",
                            "snapshot.groups=1"};
    for (int i = 0; i < 4 && more[i] != NULL; i++) {
        argv[9 + 2 * i] = "--conf";
        argv[10 + 2 * i] = more[i];
    }
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%c.txt", 'a' + i);
        slt_put(slt_path(dir, "in"), name, i == 2 ? "a c\n" : "a b\n");
        if (slt_run(&p, dir, argv) != OK) {
            fail_msg("%s", slt_err(&p));
        }
    }
}

static void check_counts(const char *dir)
{
    slt_program p;
    check_rows(dir, "SELECT * FROM counts ORDER BY word", "word,n\na,3\nb,2\nc,1\n");
    assert_int_equal(STATE(&p, dir, "state", "--csv"), OK);
    SL_CHECK_HAS(slt_out(&p), "counts,updateStateByKey,3,\"word string, n int64\",");
}

/// The names of all files below a directory, with size and time of change.
static void list_files(const char *dir, const char *of, char *out, size_t room)
{
    slt_program p;
    const char *const argv[] = {"find", of, "-type", "f", "-printf", "%p %s %T@\n", NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    (void)snprintf(out, room, "%s", slt_out(&p));
}

SL_TEST(snapshots_elsewhere_are_read_where_they_are, "")
{
    slt_program p;
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_counts(dir, (const char *const[4]){"checkpoint.snapshots=file:far"});
    assert_false(has_snapshot(dir));
    check_counts(dir);
    // What is gone there is told with its name; what does not need it can be asked.
    const char *const argv[] = {"sh", "-c", "rm far/*/files/*", NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    assert_int_equal(STATE(&p, dir, "state", "SELECT * FROM counts"), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "is missing (offset 0)");
    SL_CHECK_HAS(slt_err(&p), "far/");
}

SL_TEST(state_in_files_of_rocksdb_is_a_table, "")
{
    static char before[16384], after[16384];
    slt_program p;
    if (!SLT_ROCKSDB) {
        slt_not_here("a build without RocksDB");
    }
    needs_duckdb();
    const char *dir = slt_temp_dir();
    run_counts(dir, (const char *const[4]){"state.store=rocksdb"});
    assert_true(has_snapshot(dir));
    list_files(dir, "state", before, sizeof before);
    check_counts(dir);
    list_files(dir, "state", after, sizeof after);
    SL_CHECK_TEXT(after, before); // nothing was changed, or added, by asking
    // The files are put again, so they are read again; now into deltas behind the snapshot's files.
    slt_put(slt_path(dir, "in"), "d.txt", "b d\n");
    run_counts(dir, (const char *const[4]){"state.store=rocksdb", "snapshot.groups=100"});
    check_rows(dir, "SELECT * FROM counts ORDER BY word", "word,n\na,6\nb,5\nc,2\nd,1\n");
    assert_int_equal(
        STATE(&p, dir, "state", "SELECT sum(n) FROM counts", "--csv", "--memory=32MiB"), OK);
}

SL_TEST(files_of_rocksdb_elsewhere_are_a_table, "")
{
    if (!SLT_ROCKSDB) {
        slt_not_here("a build without RocksDB");
    }
    needs_duckdb();
    slt_program p;
    const char *dir = slt_temp_dir();
    run_counts(dir, (const char *const[4]){"state.store=rocksdb", "checkpoint.snapshots=file:far"});
    check_counts(dir);
    const char *const argv[] = {"sh", "-c", "ls -d ${TMPDIR:-/tmp}/sluice-state-*-files", NULL};
    assert_int_not_equal(slt_run(&p, dir, argv), OK); // the copies are gone
}

// The job removes what a SELECT reads of RocksDB's files while it is read.
SL_TEST(files_of_rocksdb_are_read_while_the_job_goes_on, "")
{
    if (!SLT_ROCKSDB) {
        slt_not_here("a build without RocksDB");
    }
    needs_duckdb();
    char copy[256];
    const char *dir = slt_temp_dir();
    (void)snprintf(copy, sizeof copy, "%s", dir);
    slt_compile_job(dir, "job", fast_job);
    const char *const argv[] = {
        slt_built("bin/sluice"), "run",   "job.so", "--interval",        "5ms",
        "--checkpoint",          "state", "--conf", "snapshot.groups=1", "--conf",
        "state.store=rocksdb",   NULL};
    slt_program job = slt_start(dir, argv);
    slt_await(&job, dir, has_group, copy);
    int64_t before = -1;
    for (int i = 0; i < 10; i++) {
        int64_t total =
            ask(dir, "SELECT sum(a.n) AS n FROM counted0 a JOIN counted3 b USING (k, n)");
        assert_true(total >= before);
        before = total;
    }
    slt_signal(&job, SIGTERM);
    assert_int_equal(slt_wait(&job), OK);
}

// ---------------------------------------------------------------- memory

SL_TEST(many_keys_are_read_in_little_memory, "")
{
    slt_program p;
    needs_duckdb();
    enum { KEYS = 200000 };
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    const char *const make[] = {"sh", "-c",
                                "seq -f 'a_rather_long_word_number_%09.0f' 1 200000 > "
                                "in/a.txt && seq -f 'a_rather_long_word_number_%09.0f' "
                                "1 2 200000 > in/b.txt",
                                NULL};
    assert_int_equal(slt_run(&p, dir, make), OK);
    const char *const argv[] = {slt_built("examples/running_count"),
                                "--interval",
                                "20ms",
                                "--checkpoint",
                                "state",
                                "--max-epochs",
                                "3",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    assert_int_equal(STATE(&p, dir, "state",
                           "SELECT count(*), sum(n), count(DISTINCT word) FROM counts", "--csv",
                           "--memory=32MiB"),
                     OK);
    SL_CHECK_HAS(slt_out(&p), "\n200000,300000,200000\n");
    assert_int_equal(STATE(&p, dir, "state", "SELECT 1", "--memory=1MiB"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "32MiB or more");
}
