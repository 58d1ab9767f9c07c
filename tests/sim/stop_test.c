// A job is told to stop while a cluster takes its questions and answers none: it ends in bounded
// time, whatever it was in, and the next life has every line once.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SECOND = 1000000,
    LINES = 40,  ///< one file each, the n-th at second n
    MUTE_AT = 9, ///< seconds
    GRACE = 5,   ///< of a call that is under way
    STOP_TIMEOUT = 10,
};

/// What the job waits for, and where.
typedef struct slt_quiet {
    const char *name;
    const char *server; ///< which falls silent
    const char *in, *out;
    const char *and_in;    ///< nothing comes from there; NULL: none
    const char *snapshots; ///< NULL: in the checkpoint
    bool counts;           ///< running counts, so that there are snapshots
} quiet;

/// Nothing of theirs ends a call within the time of this test.
#define PATIENT "answer_timeout=1d&retry_timeout=1d"

static const quiet jobs[] = {
    {.name = "looking for files",
     .server = "nn1",
     .in = "hdfs://nn1/in?" PATIENT,
     .out = "file:out?format=csv",
     .counts = true},
    {.name = "looking into a second directory", // when the first has offered its files
     .server = "nn1",
     .in = "file:in",
     .and_in = "hdfs://nn1/more?missing=fail&" PATIENT,
     .out = "file:out?format=csv",
     .counts = true},
    {.name = "reading files",
     .server = "dn1",
     .in = "hdfs://nn1/in?" PATIENT,
     .out = "file:out?format=csv",
     .counts = true},
    {.name = "writing",
     .server = "dn1",
     .in = "file:in",
     .out = "hdfs://nn1/out?format=csv&" PATIENT},
    {.name = "publishing",
     .server = "nn1",
     .in = "file:in",
     .out = "hdfs://nn1/out?format=csv&" PATIENT},
    {.name = "snapshots",
     .server = "nn1",
     .in = "file:in",
     .out = "file:out?format=csv",
     .snapshots = "hdfs://nn1/snap?" PATIENT,
     .counts = true},
    {.name = "parts of snapshots",
     .server = "dn1",
     .in = "file:in",
     .out = "file:out?format=csv",
     .snapshots = "hdfs://nn1/snap?" PATIENT,
     .counts = true},
};

typedef struct stopping {
    const quiet *job;
    sli_world *world;
    sli_hdfs_cluster *hdfs;
    sl_env *env;
    sl_context *context; ///< of the life that runs; NULL: none
    bool gracefully;
    int64_t ends_us; ///< when the life that was told to stop had ended
    int32_t fed;
    int32_t shown[LINES + 1];
    sl_error err;
} stopping;

// ---------------------------------------------------------------- the job

static void build(sl_graph *graph, void *ctx)
{
    const quiet *job = ((stopping *)ctx)->job;
    sl_stream *words = slt_words_of(graph, job->in);
    if (job->and_in != NULL) {
        words = sl_stream_union(words, slt_words_of(graph, job->and_in));
    }
    sl_stream_save(words, job->out);
    if (job->counts) {
        sl_stream_save(slt_totals_of(words), "file:totals?format=csv");
    }
}

static void build_nothing(sl_graph *graph)
{
    (void)graph; // `build` has
}

static bool is_there(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0;
}

static void feed(void *ctx)
{
    stopping *s = ctx;
    char path[32], text[32];
    bool here = is_there(s->job->in, "file:");
    s->fed++;
    (void)snprintf(path, sizeof path, "%sin/f%03d.txt", here ? "" : "/", (int)s->fed);
    (void)snprintf(text, sizeof text, "n%d\n", (int)s->fed);
    if (here) {
        assert_int_equal(sli_world_put(s->world, path, text, strlen(text), NULL), SL_OK);
    } else {
        assert_true(sli_hdfs_cluster_put(s->hdfs, path, sli_text_of(text)));
    }
}

static void fall_silent(void *ctx)
{
    stopping *s = ctx;
    sli_hdfs_cluster_mute(s->hdfs, s->job->server, SLI_FOREVER);
}

static void stop_it(void *ctx)
{
    stopping *s = ctx;
    if (s->context != NULL) {
        (void)!sl_context_stop(s->context, s->gracefully, NULL); // refused inside listeners only
    }
}

/// One process, until it is told to stop at `end` seconds of the world.
static sl_code live(stopping *s, int64_t end)
{
    const char *const settings[] = {"interval",
                                    "1s",
                                    "backend",
                                    "inline",
                                    "master",
                                    "local[2]",
                                    "checkpoint",
                                    "checkpoint",
                                    "commit_interval",
                                    "2500ms",
                                    "snapshot.groups",
                                    "1",
                                    "log",
                                    "error",
                                    "checkpoint.snapshots",
                                    s->job->snapshots == NULL ? "" : s->job->snapshots,
                                    NULL};
    s->err = SL_ERROR_INIT;
    assert_int_equal(sli_world_boot(s->world, NULL, &s->env, NULL), SL_OK);
    sl_code rc =
        sli_context_new_in(&s->context, s->env, "stop", build_nothing, build, s, settings, &s->err);
    if (rc != SL_OK) {
        fail_msg("%s", s->err.text);
    }
    assert_int_equal(sli_world_at(s->world, end * SECOND, stop_it, s, NULL), SL_OK);
    rc = sl_context_start_stepped(s->context, &s->err);
    while (rc == SL_OK) {
        rc = sl_context_step(s->context, &s->err);
        int64_t due = sl_context_due_us(s->context);
        int64_t until = due == SLI_FOREVER ? due : sli_world_mono_us(s->world) + due;
        rc = rc == SL_OK && due != 0
                 ? sli_engine_wait(sli_context_engine(s->context), until, &s->err)
                 : rc;
    }
    sl_context *context = s->context;
    s->context = NULL;
    sl_context_free(context);
    s->ends_us = sli_world_mono_us(s->world);
    sli_env_free(s->env);
    return rc;
}

// ---------------------------------------------------------------- what is shown

/// Lines "n7".
static void see(void *ctx, const char *path, sl_text content)
{
    stopping *s = ctx;
    if (strstr(path, "/.") != NULL) {
        return; // not for readers
    }
    const char *at = content.data, *end = content.data + content.size;
    while (at < end) {
        char *behind = NULL;
        assert_int_equal(*at, 'n');
        long n = strtol(at + 1, &behind, 10);
        assert_true(n >= 1 && n <= s->fed);
        s->shown[n]++;
        at = memchr(behind, '\n', (size_t)(end - behind));
        assert_non_null(at);
        at++;
    }
}

static sl_code see_file(void *ctx, const char *name, sl_error *err)
{
    stopping *s = ctx;
    char path[256], *data = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "out/%s", name);
    if (name[0] != '.') {
        SL_TRY(sli_world_read(s->world, path, &data, &size, err));
        see(s, path, (sl_text){data, size});
        sl_free(data);
    }
    return SL_OK;
}

static void look(stopping *s)
{
    memset(s->shown, 0, sizeof s->shown);
    if (is_there(s->job->out, "file:")) {
        sl_code rc = sli_world_list(s->world, "out", see_file, s, NULL);
        assert_true(rc == SL_OK || rc == SL_E_NOT_FOUND);
    } else {
        sli_hdfs_cluster_look(s->hdfs, "/out", see, s);
    }
}

/// How many are there; none twice.
static int32_t count_shown(stopping *s)
{
    int32_t n = 0;
    look(s);
    for (int32_t i = 1; i <= LINES; i++) {
        assert_true(s->shown[i] <= 1);
        n += s->shown[i];
    }
    return n;
}

// ---------------------------------------------------------------- the tests

static void begin(stopping *s, const quiet *job, bool gracefully)
{
    *s = (stopping){
        .job = job, .world = sli_world_new(&(sli_world_conf){.seed = 7}), .gracefully = gracefully};
    assert_non_null(s->world);
    s->hdfs = sli_hdfs_cluster_new(s->world);
    assert_non_null(s->hdfs);
    assert_true(sli_hdfs_cluster_put(s->hdfs, "/more/.hidden", sli_text_of("")));
    for (int64_t second = 1; second <= LINES; second++) {
        assert_int_equal(sli_world_at(s->world, second * SECOND, feed, s, NULL), SL_OK);
    }
}

static void end(stopping *s)
{
    sli_hdfs_cluster_free(s->hdfs);
    sli_world_free(s->world);
}

/// A job that waits for its output can't end well; every other does.
static void check_stopped(stopping *s, sl_code rc, int64_t stop_s)
{
    bool may_fail = is_there(s->job->out, "hdfs:");
    int64_t most_s = stop_s + GRACE + (s->gracefully ? STOP_TIMEOUT : 0);
    if (rc != SL_E_END && !(may_fail && rc == SL_E_TIMEOUT)) {
        fail_msg("%s, stopped at %d: %s: %s", s->job->name, (int)stop_s, sl_code_name(rc),
                 s->err.text);
    }
    if (s->ends_us > most_s * SECOND + SECOND / 2) {
        fail_msg("%s: told to stop at second %d, ended at %.1f", s->job->name, (int)stop_s,
                 (double)s->ends_us / SECOND);
    }
}

/// The cluster is well again, and all lines are there.
static void check_next(stopping *s, int64_t stop_s)
{
    sli_hdfs_cluster_mute(s->hdfs, NULL, 0);
    s->gracefully = true;
    if (live(s, LINES + 10) != SL_E_END) {
        fail_msg("%s: the next life: %s", s->job->name, s->err.text);
    }
    int32_t shown = count_shown(s);
    if (shown != LINES) {
        fail_msg("%s: stopped at second %d, %d of %d lines are there", s->job->name, (int)stop_s,
                 (int)shown, LINES);
    }
}

static void check(const quiet *job, bool gracefully, int64_t stop_s)
{
    stopping s;
    begin(&s, job, gracefully);
    int64_t mute_us = MUTE_AT * (int64_t)SECOND + SECOND / 2;
    assert_int_equal(sli_world_at(s.world, mute_us, fall_silent, &s, NULL), SL_OK);
    check_stopped(&s, live(&s, stop_s), stop_s);
    assert_in_range(count_shown(&s), MUTE_AT - 3, LINES - 1);
    check_next(&s, stop_s);
    end(&s);
}

SL_TEST(sim_a_stop_ends_while_hdfs_says_nothing, "EXACTLY-ONCE-1")
{
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        int64_t step = slt_is_soak() ? 1 : 3;
        for (int64_t stop_s = MUTE_AT + 1; stop_s < MUTE_AT + 8; stop_s += step) {
            check(&jobs[i], true, stop_s);
            check(&jobs[i], false, stop_s);
        }
    }
}

/// What is asked before the job is open.
static void check_start(const quiet *job, bool gracefully)
{
    enum { STOP_AT = 3 };
    stopping s;
    begin(&s, job, gracefully);
    fall_silent(&s);
    sl_code rc = live(&s, STOP_AT);
    bool began = job->snapshots == NULL && is_there(job->out, "file:"); // it asks later
    if (rc != (began ? SL_E_END : SL_E_TIMEOUT) && (began || rc != SL_E_CANCELLED)) {
        fail_msg("%s: a start that is stopped: %s: %s", job->name, sl_code_name(rc), s.err.text);
    }
    int64_t most_s = STOP_AT + GRACE + (began && gracefully ? STOP_TIMEOUT : 0);
    assert_true(s.ends_us <= most_s * SECOND + SECOND / 2);
    assert_int_equal(count_shown(&s), 0);
    check_next(&s, STOP_AT);
    end(&s);
}

SL_TEST(sim_a_start_that_hdfs_does_not_answer_can_be_stopped, "EXACTLY-ONCE-1")
{
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        if (strcmp(jobs[i].server, "nn1") == 0) {
            check_start(&jobs[i], true);
            check_start(&jobs[i], false);
        }
    }
}
