// The sluice program as a user meets it: commands, help, exit codes, what it says about mistakes,
// and how a job ends.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/program.h"

enum { OK = 0, JOB = 1, USAGE = 2, CONFIG = 3, CHECKPOINT = 4 };

/// Runs `sluice` with up to seven words; *program has what it said.
static int sluice(slt_program *program, const char *dir, const char *const words[7])
{
    const char *argv[9] = {slt_built("bin/sluice")};
    for (int i = 0; i < 7 && words[i] != NULL; i++) {
        argv[i + 1] = words[i];
    }
    return slt_run(program, dir, argv);
}

#define SLUICE(program, dir, ...) sluice(program, dir, (const char *const[7]){__VA_ARGS__})

static const char running_count[] = "examples/running_count";

// ---------------------------------------------------------------- commands and help

SL_TEST(help_lists_every_command_and_the_exit_codes, "")
{
    static const char *const commands[] = {"run",   "new",   "validate", "status", "dead",
                                           "state", "shell", "help",     "version"};
    slt_program p;
    assert_int_equal(SLUICE(&p, slt_temp_dir(), "help"), OK);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        SL_CHECK_HAS(slt_out(&p), commands[i]);
    }
    SL_CHECK_HAS(slt_out(&p), "4 checkpoint incompatible or damaged");
    assert_string_equal(slt_err(&p), "");
}

SL_TEST(version_is_one_line, "")
{
    slt_program p;
    assert_int_equal(SLUICE(&p, slt_temp_dir(), "version"), OK);
    const char *line = slt_out(&p);
    assert_int_equal(strncmp(line, "sluice 0.", 9), 0);
    assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
}

SL_TEST(wrong_usage_is_told_on_standard_error_with_exit_code_2, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(SLUICE(&p, dir, NULL), USAGE);
    SL_CHECK_HAS(slt_err(&p), "usage: sluice COMMAND");
    assert_string_equal(slt_out(&p), "");
    assert_int_equal(SLUICE(&p, dir, "rum"), USAGE);
    SL_CHECK_HAS(slt_err(&p), "unknown command 'rum'; did you mean 'run'?");
    assert_int_equal(SLUICE(&p, dir, "frobnicate"), USAGE);
    SL_CHECK_HAS(slt_err(&p), "unknown command 'frobnicate'\nusage: sluice COMMAND");
    assert_int_equal(SLUICE(&p, dir, "run"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "status"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "status", "a", "b"), USAGE);
    SL_CHECK_HAS(slt_err(&p), "unexpected argument 'b'\nTry 'sluice help status'.");
    assert_int_equal(SLUICE(&p, dir, "validate", "a.sql", "--sett"), USAGE);
    SL_CHECK_HAS(slt_err(&p), "unexpected argument '--sett'");
    assert_int_equal(SLUICE(&p, dir, "dead"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "validate"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "help", "nothing"), USAGE);
    SL_CHECK_HAS(slt_err(&p), "options, sources, sinks, formats");
}

/// Each command tells its own usage on standard output, asked in either way.
SL_TEST(every_command_has_its_help, "")
{
    static const char *const commands[] = {"run",  "new",   "validate", "test",   "status",
                                           "dead", "state", "shell",    "version"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        slt_program p;
        char first[64];
        (void)snprintf(first, sizeof first, "usage: sluice %s", commands[i]);
        assert_int_equal(SLUICE(&p, slt_temp_dir(), commands[i], "--help"), OK);
        SL_CHECK_HAS(slt_out(&p), first);
        assert_string_equal(slt_err(&p), "");
        assert_int_equal(SLUICE(&p, slt_temp_dir(), "help", commands[i]), OK);
        SL_CHECK_HAS(slt_out(&p), first);
    }
}

/// Every option, source and sink that the program's help names has its place in docs/ref.
SL_TEST(the_reference_names_what_help_names, "")
{
    static const char *const topics[] = {"options", "sources", "sinks", "formats"};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        slt_program p;
        char page[128], wanted[160];
        int n_names = 0;
        assert_int_equal(SLUICE(&p, slt_temp_dir(), "help", topics[i]), OK);
        (void)snprintf(page, sizeof page, "docs/ref/%s.md", topics[i]);
        const char *text = slt_content(slt_path(SLT_SOURCE_DIR, page));
        for (const char *line = slt_out(&p); line != NULL && *line != '\0';
             line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1) {
            size_t size = strcspn(line + (*line == ' ' ? 2 : 0), "=\n ");
            if (strncmp(line, "  ", 2) == 0 && line[2] != ' ' && line[2 + size] == '=') {
                (void)snprintf(wanted, sizeof wanted, "`%.*s`", (int)size, line + 2);
                SL_CHECK_HAS(text, wanted);
                n_names++;
            }
        }
        assert_true(n_names >= 3);
    }
}

// ---------------------------------------------------------------- settings

SL_TEST(a_misspelt_setting_is_refused_with_the_nearest_right_name, "ERRORS-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    const char *job = slt_built("examples/demo_job.so");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--intervall", "1s"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "did you mean interval?");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--conf", "chekpoint=x"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "did you mean checkpoint?");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--compat", "sprak"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "spark");
}

SL_TEST(an_impossible_setting_is_refused_with_what_is_allowed, "ERRORS-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    const char *job = slt_built("examples/demo_job.so");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--interval", "0ms"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "1ms");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--interval", "soon"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "soon");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--master", "local[0]"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "local[0]");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--memory", "1KiB"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "64KiB");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--interval"), USAGE);
    SL_CHECK_HAS(slt_err(&p), "needs a value");
}

SL_TEST(keys_of_spark_are_mapped_or_refused_by_name, "ERRORS-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    const char *job = slt_built("examples/demo_job.so");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--conf", "spark.streaming.unpersist=true"),
                     CONFIG);
    SL_CHECK_HAS(slt_err(&p), "spark.streaming.unpersist");
    SL_CHECK_HAS(slt_err(&p), "leave the key out");
    assert_int_equal(SLUICE(&p, dir, "run", job, "--conf", "spark.streaming.nothing=1"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "spark.streaming.nothing");
    const char *const mapped[] = {slt_built(running_count),
                                  "--conf",
                                  "spark.streaming.blockInterval=50",
                                  "--max-epochs",
                                  "1",
                                  "--interval",
                                  "20ms",
                                  NULL};
    assert_int_equal(slt_run(&p, dir, mapped), OK);
}

// ---------------------------------------------------------------- jobs: missing, good, wrong

#define JOB_HEAD "#include <sluice/sluice.h>\nstatic void job(sl_graph *g)\n{\n"
#define JOB_TAIL "}\nSL_JOB(\"job\", job);\n"

SL_TEST(a_file_that_is_no_job_is_told, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(SLUICE(&p, dir, "run", "missing.so"), JOB);
    SL_CHECK_HAS(slt_err(&p), "missing.so");
    slt_put(dir, "text.so", "not a shared object\n");
    assert_int_equal(SLUICE(&p, dir, "run", "./text.so"), JOB);
    SL_CHECK_HAS(slt_err(&p), "text.so");
    slt_compile_job(dir, "empty", "int nothing;\n");
    assert_int_equal(SLUICE(&p, dir, "run", "empty.so"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "SL_JOB");
    slt_compile_job(dir, "old",
                    "#include <sluice/sluice.h>\nconst sl_job_entry sl_job = "
                    "{sizeof(sl_job_entry), 99, \"old\", 0};\n");
    assert_int_equal(SLUICE(&p, dir, "run", "old.so"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "job interface 99");
}

SL_TEST(validate_shows_the_graph_and_touches_nothing, "")
{
    slt_program p;
    struct stat unused;
    const char *dir = slt_temp_dir();
    assert_int_equal(SLUICE(&p, dir, "validate", slt_built("examples/demo_job.so")), OK);
    SL_CHECK_HAS(slt_out(&p), "totals updateStateByKey");
    SL_CHECK_HAS(slt_out(&p), "word string, n int64");
    SL_CHECK_HAS(slt_out(&p), "sqlite:counts.db");
    assert_int_not_equal(stat(slt_path(dir, "counts.db"), &unused), 0);
}

SL_TEST(validate_tells_the_first_mistake_with_the_nearest_right_name, "ERRORS-1")
{
    static const struct {
        const char *name, *body, *wanted;
    } wrong[] = {
        {"scheme", "sl_stream_print(sl_stream_open(g, \"sokcet://localhost:1\"), 10);\n", "socket"},
        {"option", "sl_stream_print(sl_stream_open(g, \"file:in?fromat=csv\"), 10);\n", "format"},
        {"column",
         "sl_stream_print(sl_stream_select(sl_stream_open(g, \"file:in\"), \"lien\"), 10);\n",
         "line"},
        {"function",
         "sl_stream_print(sl_stream_select(sl_stream_open(g, \"file:in\"), \"lenght(line) as n\"), "
         "1);\n",
         "length"},
        {"setting",
         "sl_graph_set(g, \"intervall\", \"1s\");\nsl_stream_print(sl_stream_open(g, \"file:in\"), "
         "10);\n",
         "interval"},
        {"nothing", "(void)sl_stream_open(g, \"file:in\");\n", "output"},
    };
    const char *dir = slt_temp_dir();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slt_program p;
        char text[1024], object[64];
        (void)snprintf(text, sizeof text, JOB_HEAD "%s" JOB_TAIL, wrong[i].body);
        (void)snprintf(object, sizeof object, "%s.so", wrong[i].name);
        slt_compile_job(dir, wrong[i].name, text);
        assert_int_equal(SLUICE(&p, dir, "validate", object), CONFIG);
        SL_CHECK_HAS(slt_err(&p), wrong[i].wanted);
        assert_string_equal(slt_out(&p), "");
    }
}

SL_TEST(a_failing_function_is_told_with_operator_and_epoch, "ERRORS-4")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "one\ntwo\n");
    slt_compile_job(
        dir, "failing",
        "#include <sluice/sluice.h>\n"
        "static sl_code refuse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error "
        "*err)\n"
        "{\n"
        "    (void)args; (void)in; (void)out;\n"
        "    return sl_error_set(err, SL_E_USER, \"the moon is full\");\n"
        "}\n"
        "static const sl_fn refuse_fn = {sizeof(sl_fn), .name = \"refuse\", .version = 1, .run = "
        "refuse};\n"
        "static void job(sl_graph *g)\n"
        "{\n"
        "    sl_stream *s = sl_stream_map(sl_stream_open(g, \"file:in\"), &refuse_fn, 0);\n"
        "    sl_stream_save(sl_stream_uid(s, \"checker\"), \"file:out\");\n" JOB_TAIL);
    assert_int_equal(
        SLUICE(&p, dir, "run", "failing.so", "--interval", "20ms", "--checkpoint", "state"), JOB);
    SL_CHECK_HAS(slt_err(&p), "the moon is full");
    SL_CHECK_HAS(slt_err(&p), "checker");
    SL_CHECK_HAS(slt_err(&p), "epoch 1");
}

// A crash can't be survived in one process, but where it happened is on record.
SL_TEST(a_crash_in_a_function_leaves_operator_and_epoch, "ERRORS-6")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "one\n");
    slt_compile_job(
        dir, "dying",
        "#include <sluice/sluice.h>\n#include <stdlib.h>\n"
        "static sl_code die(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error "
        "*err)\n"
        "{\n"
        "    (void)args; (void)in; (void)out; (void)err;\n"
        "    abort();\n"
        "}\n"
        "static const sl_fn die_fn = {sizeof(sl_fn), .name = \"die\", .version = 1, .run = die};\n"
        "static void job(sl_graph *g)\n"
        "{\n"
        "    sl_stream *s = sl_stream_map(sl_stream_open(g, \"file:in\"), &die_fn, 0);\n"
        "    sl_stream_save(sl_stream_uid(s, \"victim\"), \"file:out\");\n" JOB_TAIL);
    int code = SLUICE(&p, dir, "run", "dying.so", "--interval", "20ms", "--checkpoint", "state");
    assert_int_equal(code, 128 + SIGABRT);
    SL_CHECK_HAS(slt_err(&p), "SIGABRT in a task: operator victim, epoch 1");
    SL_CHECK_HAS(slt_content(slt_path(dir, "state/CRASH")), "operator victim, epoch 1");
}

// ---------------------------------------------------------------- a new job

/// A sluice.pc for the build tree, so that what `sluice new` makes is built as against an installed
/// library.
static void put_package(const char *dir)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "Name: sluice\nDescription: this build\nVersion: 0\nCflags: -I%s/include%s\n"
                   "Libs: -L%s/lib -Wl,-rpath,%s/lib -lsluice%s\n",
                   SLT_SOURCE_DIR, slt_sanitizer_flags(), SLT_BUILD_DIR, SLT_BUILD_DIR,
                   slt_sanitizer_flags());
    slt_put(dir, "sluice.pc", text);
}

SL_TEST(a_new_job_builds_and_its_test_passes, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    char path[600];
    assert_int_equal(SLUICE(&p, dir, "new", "mycount"), OK);
    SL_CHECK_HAS(slt_out(&p), "make test");
    put_package(dir);
    (void)snprintf(path, sizeof path, "PKG_CONFIG_PATH=%s", dir);
    const char *const test[] = {"env", path, "make", "-C", "mycount", "test", NULL};
    int code = slt_run(&p, dir, test);
    SL_CHECK_HAS(slt_out(&p), "1 passed, 0 failed");
    assert_int_equal(code, 0);
    const char *const build[] = {"env", path, "make", "-C", "mycount", NULL};
    assert_int_equal(slt_run(&p, dir, build), 0);
    assert_int_equal(SLUICE(&p, dir, "validate", "mycount/mycount.so"), OK);
    SL_CHECK_HAS(slt_out(&p), "reduceByKey");
}

SL_TEST(new_replaces_nothing_and_takes_names_only, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "there"), 0700), 0);
    assert_int_equal(SLUICE(&p, dir, "new", "there"), JOB);
    SL_CHECK_HAS(slt_err(&p), "there");
    assert_int_equal(SLUICE(&p, dir, "new", "../up"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "new", "1st"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "new"), USAGE);
}

// ---------------------------------------------------------------- checkpoints

/// Runs the running count over one file until it has made two epochs.
static void run_once(const char *dir)
{
    slt_program p;
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "to be or not to be\n");
    const char *const argv[] = {
        slt_built(running_count), "--interval", "20ms", "--checkpoint", "state",
        "--max-epochs",           "2",          NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    assert_string_equal(slt_err(&p), "");
}

SL_TEST(status_tells_where_a_job_is, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_not_equal(SLUICE(&p, dir, "status", "nowhere"), OK);
    SL_CHECK_HAS(slt_err(&p), "nowhere");
    run_once(dir);
    assert_int_equal(SLUICE(&p, dir, "status", "state"), OK);
    SL_CHECK_HAS(slt_out(&p), "job 'running-count'");
    SL_CHECK_HAS(slt_out(&p), "not running");
    SL_CHECK_HAS(slt_out(&p), "epoch 2");
    assert_int_equal(SLUICE(&p, dir, "status", "state", "--json"), OK);
    SL_CHECK_HAS(slt_out(&p), "\"name\":\"running-count\"");
    SL_CHECK_HAS(slt_out(&p), "\"lastEpoch\":2");
    SL_CHECK_HAS(slt_out(&p), "\"holderPid\":0");
}

/// Returns the exit code.
static int run_with_ceiling(slt_program *p, const char *dir, const char *ceiling)
{
    const char *const argv[] = {slt_built("bin/sluice"),
                                "run",
                                slt_built("tests/jobs/poison_job.so"),
                                "--interval",
                                "20ms",
                                "--checkpoint",
                                "state",
                                "--max-epochs",
                                "2",
                                "--log",
                                "stream=info",
                                "--conf",
                                "poison=dead-letter",
                                "--progress",
                                "json",
                                "--metrics",
                                "metrics.prom",
                                "--conf",
                                ceiling,
                                NULL};
    return slt_run(p, dir, argv);
}

static void run_poisoned(slt_program *p, const char *dir)
{
    assert_int_equal(run_with_ceiling(p, dir, "poison.max=100"), OK);
}

SL_TEST(dead_letters_are_listed, "POISON-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(SLUICE(&p, dir, "dead", "state"), JOB);
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "1\nbad\n3\n");
    run_poisoned(&p, dir);
    SL_CHECK_HAS(slt_err(&p), "epoch 1: 1 dead letters, 3 rows, 6 trials; ");
    assert_int_equal(SLUICE(&p, dir, "dead", "state"), OK);
    SL_CHECK_HAS(slt_out(&p), "epoch 1, batch time 20");
    SL_CHECK_HAS(slt_out(&p),
                 ", source lines, partition 0, row 1, in/a.txt at byte 2, line 2\n"
                 "  operator numbers\n"
                 "  SL_E_DATA: select [numbers] cast(line as int64) as n: row 0: 'bad' is not an "
                 "integer\n  bad\n");
    assert_int_equal(SLUICE(&p, dir, "dead", "state", "--json"), OK);
    SL_CHECK_HAS(slt_out(&p), "\"record\":\"bad\",\"truncated\":false}\n");
    slt_put(
        slt_path(dir, "state/dead"), "more.json",
        "{\"epoch\":5,\"batch_time\":\"1970-01-01T00:00:05Z\",\"source\":\"recent\",\"partition\":"
        "0,"
        "\"row\":2,\"code\":\"SL_E_USER\",\"error\":\"no\",\"record\":\"{}\",\"truncated\":true,"
        "\"pane\":3}\n");
    assert_int_equal(SLUICE(&p, dir, "dead", "state"), OK);
    SL_CHECK_HAS(slt_out(&p), "source recent, partition 0, row 2, held since epoch 3\n"
                              "  SL_E_USER: no\n  {} (cut)\n");
}

SL_TEST(a_later_run_tells_how_many_records_the_log_has_left_out, "POISON-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "1\nbad\n3\nworse\n");
    run_poisoned(&p, dir);
    run_poisoned(&p, dir);
    SL_CHECK_HAS(slt_err(&p), "groups in the log left out 2 records");
}

SL_TEST(dead_letters_are_counted_in_progress_and_metrics, "POISON-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "bad\n2\nworse\n");
    run_poisoned(&p, dir);
    SL_CHECK_HAS(slt_err(&p), "\"numDeadLetters\":2");
    assert_null(strstr(strstr(slt_err(&p), "\"numDeadLetters\"") + 1, "\"numDeadLetters\""));
    SL_CHECK_HAS(slt_content(slt_path(dir, "metrics.prom")), "\nsluice_dead_letters_total 2\n");
}

SL_TEST(dead_letters_help_has_examples, "")
{
    slt_program p;
    assert_int_equal(SLUICE(&p, slt_temp_dir(), "dead", "--help"), OK);
    SL_CHECK_HAS(slt_out(&p), "sluice dead state --json | jq -r .error");
    assert_string_equal(slt_err(&p), "");
}

// The ceiling is the epoch's, and each start begins to count anew: the same epoch fails with the
// same numbers as often as it is run, and goes well once the ceiling is as high as that.
SL_TEST(an_epoch_over_the_ceiling_says_what_to_do_and_goes_well_under_a_higher_one, "POISON-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "bad\n2\nworse\nworst\n5\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_with_ceiling(&p, dir, "poison.max=2"), JOB);
        SL_CHECK_HAS(slt_err(&p), "more than 2 poison records among 5 (poison.max=2, "
                                  "poison.max_share=1): none was left out, and the next start runs "
                                  "the epoch again: mend what fails, or raise the ceiling");
        assert_int_equal(SLUICE(&p, dir, "dead", "state"), OK);
        SL_CHECK_TEXT(slt_out(&p), "");
    }
    assert_int_equal(run_with_ceiling(&p, dir, "poison.max=3"), OK);
    SL_CHECK_HAS(slt_err(&p), "epoch 1: 3 dead letters, 5 rows");
}

SL_TEST(the_setting_log_shows_what_it_asks_for, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    run_once(dir);
    const char *const argv[] = {
        slt_built(running_count), "--interval", "20ms",  "--checkpoint", "state",
        "--max-epochs",           "1",          "--log", "stream=info",  NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    SL_CHECK_HAS(slt_err(&p), "info  stream: ");
}

SL_TEST(a_checkpoint_in_use_is_refused_with_the_pid_of_its_job, "ERRORS-3")
{
    slt_program first, second;
    const char *dir = slt_temp_dir();
    char pid[32];
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    const char *const argv[] = {slt_built(running_count), "--interval", "20ms",
                                "--checkpoint",           "state",      "--progress",
                                "progress.json",          NULL};
    const char *const again[] = {slt_built(running_count), "--checkpoint", "state", NULL};
    first = slt_start(dir, argv);
    slt_await_text(&first, dir, "progress.json", "\"batchId\":2");
    assert_int_equal(slt_run(&second, dir, again), JOB);
    (void)snprintf(pid, sizeof pid, "%d", (int)first.pid);
    SL_CHECK_HAS(slt_err(&second), pid);
    assert_int_equal(SLUICE(&second, dir, "status", "state"), OK);
    SL_CHECK_HAS(slt_out(&second), pid);
    slt_signal(&first, SIGTERM);
    assert_int_equal(slt_wait(&first), OK);
}

SL_TEST(a_checkpoint_of_another_job_is_refused, "ERRORS-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    run_once(dir);
    const char *const argv[] = {
        slt_built(running_count), "--checkpoint", "state", "--name", "other", NULL};
    assert_int_equal(slt_run(&p, dir, argv), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "running-count");
    SL_CHECK_HAS(slt_err(&p), "other");
}

/// Flips one bit of the file; returns false past its end.
static bool flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    int byte = fseek(file, at, SEEK_SET) == 0 ? fgetc(file) : EOF;
    if (byte != EOF) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
    }
    assert_int_equal(fclose(file), 0);
    return byte != EOF;
}

// Every 97th byte of the log here; src/ckpt tries every byte of every file. Damage of the last
// frame looks like a write that a crash tore: that is accepted with a warning, and loses nothing,
// since the sink knows what it has committed.
SL_TEST(a_flipped_bit_in_the_log_is_found_and_named, "ERRORS-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    char log[400], job[512], db[400];
    run_once(dir);
    (void)snprintf(log, sizeof log, "%s/state/log/000001-0001.log", dir);
    (void)snprintf(db, sizeof db, "%s/counts.db", dir);
    (void)snprintf(job, sizeof job, "%s", slt_built(running_count));
    const char *const argv[] = {job,     "--interval",   "20ms", "--checkpoint",
                                "state", "--max-epochs", "1",    NULL};
    int n_found = 0, code = CHECKPOINT;
    for (long at = 5; code == CHECKPOINT && flip(log, at); at += 97) {
        code = slt_run(&p, dir, argv);
        SL_CHECK_HAS(slt_err(&p), "000001-0001.log");
        assert_true(flip(log, at));
        n_found += code == CHECKPOINT ? 1 : 0;
    }
    assert_int_equal(code, OK);
    SL_CHECK_HAS(slt_err(&p), "torn frame");
    assert_true(n_found >= 8);
    assert_int_equal(slt_ask(db, "select sum(n) from counts"), 6);
}

// ---------------------------------------------------------------- how a job ends

SL_TEST(sigterm_finishes_the_epoch_and_commits, "DURABLE-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_compile_job(dir, "copy",
                    JOB_HEAD
                    "sl_stream_save(sl_stream_open(g, \"file:in\"), \"file:out\");\n" JOB_TAIL);
    const char *const argv[] = {
        slt_built("bin/sluice"), "run",   "copy.so",    "--interval",    "200ms",
        "--checkpoint",          "state", "--progress", "progress.json", NULL};
    p = slt_start(dir, argv);
    slt_await_text(&p, dir, "progress.json", "\"batchId\":1");
    slt_put(slt_path(dir, "in"), "a.txt", "what was there when the signal came\n");
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), OK);
    assert_string_equal(slt_err(&p), "");
    const char *const read[] = {"sh", "-c", "cat out/*.txt", NULL};
    assert_int_equal(slt_run(&p, dir, read), 0);
    SL_CHECK_TEXT(slt_out(&p), "what was there when the signal came\n");
    assert_int_equal(SLUICE(&p, dir, "status", "state", "--json"), OK);
    SL_CHECK_HAS(slt_out(&p), "\"lastSealed\":1,\"lastCommitted\":1");
}

/// The first epoch of this job is due when a year's multiple since 1970 comes: only a graceful stop
/// runs one before.
static int run_to_sigterm(slt_program *p, const char *dir, const char *setting)
{
    const char *const argv[] = {slt_built("bin/sluice"),
                                "run",
                                "copy.so",
                                "--interval",
                                "365d",
                                "--checkpoint",
                                "state",
                                "--log",
                                "api=info",
                                "--conf",
                                setting,
                                NULL};
    *p = slt_start(dir, argv);
    slt_await_text(p, dir, strrchr(p->err, '/') + 1, "start: workers="); // signals are watched
    slt_signal(p, SIGTERM);
    return slt_wait(p);
}

SL_TEST(stop_gracefully_false_makes_sigterm_stop_after_the_running_epoch, "")
{
    slt_program p, cat;
    const char *dir = slt_temp_dir();
    const char *const read[] = {"sh", "-c", "cat out/*.txt", NULL};
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "to be\n");
    slt_compile_job(dir, "copy",
                    JOB_HEAD
                    "sl_stream_save(sl_stream_open(g, \"file:in\"), \"file:out\");\n" JOB_TAIL);
    assert_int_equal(run_to_sigterm(&p, dir, "spark.streaming.stopGracefullyOnShutdown=false"), OK);
    assert_true(slt_run(&cat, dir, read) != 0); // nothing was processed
    assert_int_equal(run_to_sigterm(&p, dir, "spark.streaming.gracefulStopTimeout=20000"), OK);
    assert_int_equal(slt_run(&cat, dir, read), 0);
    SL_CHECK_TEXT(slt_out(&cat), "to be\n");
}

SL_TEST(metrics_and_progress_are_written_where_they_are_asked_for, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    const char *const argv[] = {slt_built(running_count),
                                "--interval",
                                "20ms",
                                "--max-epochs",
                                "3",
                                "--progress",
                                "json",
                                "--metrics",
                                "metrics.prom",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
    SL_CHECK_HAS(slt_err(&p), "\"batchId\":3");
    SL_CHECK_HAS(slt_err(&p), "\"numInputRows\":0");
    SL_CHECK_HAS(slt_content(slt_path(dir, "metrics.prom")), "sluice_epochs_total");
}

// Written by one job as Arrow streams, exactly once over a restart, and read by another one.
SL_TEST(arrow_files_of_one_job_are_rows_of_another, "EXACTLY-ONCE-2")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.json",
            "{\"word\":\"be\",\"n\":2}\n{\"word\":\"a longer word\"}\n");
    slt_compile_job(dir, "write",
                    JOB_HEAD
                    "sl_stream_save(sl_stream_open(g, \"file:in?format=json&"
                    "schema=word%20string,n%20int64?\"), \"file:out?format=arrow\");\n" JOB_TAIL);
    slt_compile_job(dir, "read",
                    JOB_HEAD
                    "sl_stream_save(sl_stream_open(g, \"file:out?format=arrow&"
                    "schema=word%20string,n%20int64?\"), \"file:text?format=csv\");\n" JOB_TAIL);
    const char *const write[] = {
        slt_built("bin/sluice"), "run",   "write.so",     "--interval", "20ms",
        "--checkpoint",          "state", "--max-epochs", "2",          NULL};
    assert_int_equal(slt_run(&p, dir, write), OK);
    slt_put(slt_path(dir, "in"), "b.json", "{\"word\":\"or\",\"n\":1}\n");
    assert_int_equal(slt_run(&p, dir, write), OK);
    const char *const copy[] = {slt_built("bin/sluice"), "run", "read.so", "--interval", "20ms",
                                "--max-epochs",          "2",   NULL};
    assert_int_equal(slt_run(&p, dir, copy), OK);
    assert_string_equal(slt_err(&p), "");
    const char *const show[] = {"sh", "-c", "cat text/*.csv | LC_ALL=C sort", NULL};
    assert_int_equal(slt_run(&p, dir, show), 0);
    SL_CHECK_TEXT(slt_out(&p), "a longer word,\nbe,2\nor,1\n");
}

SL_TEST(a_receiver_refuses_arrow, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_compile_job(dir, "job",
                    JOB_HEAD
                    "sl_stream_print(sl_stream_open(g, \"socket://localhost:9?format=arrow&"
                    "schema=n%20int64\"), 10);\n" JOB_TAIL);
    assert_int_equal(SLUICE(&p, dir, "validate", "job.so"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "format arrow is for files and queues");
}
