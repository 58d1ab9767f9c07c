// SLUICE_FAULT on the real program: a job that is struck ends with an error that says so, or goes
// on where the call may fail; the next start without it ends with the right rows. A few dozen kinds
// of calls and places in short runs, every call of every kind in long ones.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/program.h"

enum { OK = 0, JOB = 1, CONFIG = 3 };

/// Files in, state, files and a database out: everything that a job of files calls.
static const char counting_job[] =
    "#include <sluice/sluice.h>\n"
    "static sl_code add(const sl_args *args, const sl_update_call *call, sl_error *err)\n"
    "{\n    (void)args; (void)err;\n"
    "    const sl_column *old = sl_batch_column(call->states, 0);\n"
    "    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {\n"
    "        int64_t n = call->values_from[i + 1] - call->values_from[i];\n"
    "        sl_builder_int64(call->out, 0, (call->had[i] ? sl_column_int64(old, i) : 0) + n);\n"
    "    }\n    return SL_OK;\n}\n"
    "static const sl_update_fn add_fn = {sizeof(sl_update_fn), \"add\", \"n int64\", 1, false, "
    "add};\n"
    "static void job(sl_graph *g)\n{\n"
    "    sl_stream *lines = sl_stream_uid(sl_stream_open(g, \"file:in\"), \"lines\");\n"
    "    sl_stream_save(lines, \"file:out?roll_groups=2\");\n"
    "    sl_stream *n = sl_stream_update_state_by_key(lines, \"line\", &add_fn, NULL);\n"
    "    sl_stream_save(sl_stream_uid(n, \"n\"), "
    "\"sqlite:counts.db?table=counts&mode=upsert&key=line\");\n"
    "}\nSL_JOB(\"job\", job);\n";

typedef struct place {
    const char *dir;
    char fault[96];
    slt_program program;
} place;

static int run(place *p, bool with_fault)
{
    const char *const struck[] = {
        "env",        p->fault, slt_built("bin/sluice"), "run",   "counting.so",
        "--interval", "10ms",   "--checkpoint",          "state", "--max-epochs",
        "3",          "--conf", "snapshot.groups=2",     NULL};
    return slt_run(&p->program, p->dir, with_fault ? struck : struck + 2);
}

static void clear(const place *p)
{
    slt_program rm;
    const char *const argv[] = {"sh", "-c", "rm -rf in out state counts.db*; mkdir in", NULL};
    assert_int_equal(slt_run(&rm, p->dir, argv), OK);
    slt_put(slt_path(p->dir, "in"), "a.txt", "one\ntwo\none\n");
}

static void check_rows(place *p)
{
    slt_program cat;
    const char *const argv[] = {"sh", "-c", "cat out/*.txt", NULL};
    assert_int_equal(slt_run(&cat, p->dir, argv), OK);
    if (strcmp(slt_out(&cat), "one\ntwo\none\n") != 0 ||
        slt_ask(slt_path(p->dir, "counts.db"),
                "SELECT sum(n) * 10 + (SELECT n FROM counts WHERE line = 'one') FROM counts") !=
            32) {
        fail_msg("after %s the files hold: %s", p->fault, slt_out(&cat));
    }
}

/// One fault, then a run without. True: its call was reached, or may have been.
static bool strike(place *p, const char *site, int n, const char *outcome)
{
    clear(p);
    (void)snprintf(p->fault, sizeof p->fault, "SLUICE_FAULT=%s:%d%s", site, n, outcome);
    int code = run(p, true);
    SL_CHECK_HAS(slt_err(&p->program), p->fault);
    bool told = strstr(slt_err(&p->program), "injected failure of ") != NULL;
    if (outcome[0] == ':' ? code != 128 + SIGKILL && code != OK
                          : code != OK && (code != JOB || !told)) {
        fail_msg("%s: exit code %d, said: %s", p->fault, code, slt_err(&p->program));
    }
    code = run(p, false);
    if (code != OK) {
        fail_msg("after %s: exit code %d, said: %s", p->fault, code, slt_err(&p->program));
    }
    check_rows(p);
    return told || outcome[0] == ':';
}

static void place_init(place *p)
{
    *p = (place){.dir = slt_temp_dir()};
    slt_compile_job(p->dir, "counting", counting_job);
}

SL_TEST(a_job_under_a_planned_fault_says_so_and_the_next_start_is_right, "EXACTLY-ONCE-2")
{
    static const char *const sites[] = {"file.open",   "file.read", "file.write", "file.write_at",
                                        "file.sync",   "file.stat", "file.lock",  "path.rename",
                                        "path.remove", "dir.make",  "dir.remove", "dir.sync",
                                        "dir.list",    "path.stat", "env.sync"};
    place p;
    int told = 0;
    place_init(&p);
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        for (int n = 1; n < (slt_is_soak() ? 60 : 8); n += slt_is_soak() ? 1 : 6) {
            told += strike(&p, sites[i], n, "");
        }
    }
    assert_true(told > 10);
}

SL_TEST(a_job_ended_by_a_planned_crash_is_finished_by_the_next, "EXACTLY-ONCE-1")
{
    place p;
    place_init(&p);
    for (int n = 1; n < (slt_is_soak() ? 60 : 40); n += slt_is_soak() ? 1 : 6) {
        (void)strike(&p, "env.sync", n, ":crash");
    }
}

SL_TEST(a_planned_fault_that_means_nothing_is_refused, "ERRORS-1")
{
    place p;
    place_init(&p);
    clear(&p);
    (void)snprintf(p.fault, sizeof p.fault, "SLUICE_FAULT=file.snyc:17");
    assert_int_equal(run(&p, true), CONFIG);
    SL_CHECK_HAS(slt_err(&p.program), "did you mean 'file.sync'?");
    (void)snprintf(p.fault, sizeof p.fault, "SLUICE_SEED=seven");
    assert_int_equal(run(&p, true), CONFIG);
    SL_CHECK_HAS(slt_err(&p.program), "SLUICE_SEED");
}
