// The pieces one by one: lock, names, frames, log, snapshots, group files, inspection.
#include "ckpt/ckpt_int.h"

#include "ckpt/fixture_int.h"

static const sli_ckpt_job job = {
    .name = "job", .graph_text = "source\nsink \"x\"\n", .graph_hash = 7};

/// A process in a world of its own.
typedef struct bench {
    sli_world *world;
    sl_env *env;
    sl_arena *arena;
} bench;

static bench bench_new(const sli_fault *fault)
{
    bench b = {.world = sli_world_new(&(sli_world_conf){.seed = 1}),
               .arena = sl_arena_new(SLI_TAG_TEST)};
    assert_int_equal(sli_world_boot(b.world, fault, &b.env, NULL), SL_OK);
    return b;
}

static void bench_free(bench *b)
{
    sl_arena_free(b->arena);
    sli_env_free(b->env);
    sli_world_free(b->world);
}

static sli_ckpt *open_begun(sl_env *env, const char *dir)
{
    sli_ckpt *ckpt = NULL;
    sl_error err = SL_ERROR_INIT;
    if (sli_ckpt_open(&ckpt, env, dir, &job, NULL, NULL, &err) != SL_OK ||
        sli_ckpt_begin(ckpt, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return ckpt;
}

static void seal(sli_ckpt *ckpt, int64_t group)
{
    char text[32];
    (void)snprintf(text, sizeof text, "plan %lld", (long long)group);
    assert_int_equal(
        sli_ckpt_append_about(ckpt, SLI_PLAN, group, group * 1000, fx_bytes(text), NULL), SL_OK);
    (void)snprintf(text, sizeof text, "sealed %lld", (long long)group);
    assert_int_equal(sli_ckpt_append_about(ckpt, SLI_SEALED, group, group, fx_bytes(text), NULL),
                     SL_OK);
    assert_int_equal(sli_ckpt_sync(ckpt, NULL), SL_OK);
    assert_int_equal(sli_ckpt_append(ckpt, SLI_COMMITTED, group, (sl_bytes){0}, NULL), SL_OK);
}

static sl_code snapshot(sli_ckpt *ckpt, int64_t group, const char *text, sl_error *err)
{
    sli_snapshot *s = NULL;
    SL_TRY(sli_snapshot_create(&s, ckpt, group, err));
    sl_code rc = sli_snapshot_add(s, "uid-1/part-00", fx_bytes(text), err);
    if (rc == SL_OK) {
        rc = sli_snapshot_add(s, "meta", (sl_bytes){0}, err);
    }
    if (rc != SL_OK) {
        sli_snapshot_discard(s);
        return rc;
    }
    return sli_snapshot_publish(s, err);
}

// ---------------------------------------------------------------- opening

/// The same life in any world: what one process writes, the next reads.
static void live_twice(sl_env *env, const char *dir)
{
    sli_ckpt *ckpt = open_begun(env, dir);
    char id[33];
    memcpy(id, sli_ckpt_job_id(ckpt), 33);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_int_equal(sli_ckpt_generation(ckpt), 1);
    assert_true(sli_ckpt_is_new(ckpt));
    assert_int_equal(sli_ckpt_last_graph_hash(ckpt), 0);
    SL_CHECK_TEXT(sli_ckpt_tail(ckpt), "");
    seal(ckpt, 1);
    seal(ckpt, 2);
    assert_int_equal(snapshot(ckpt, 2, "state", NULL), SL_OK);
    sli_ckpt_close(ckpt);

    ckpt = open_begun(env, dir);
    int64_t n, group = 0;
    const sli_frame *frames = sli_ckpt_frames(ckpt, &n);
    assert_int_equal(n, 6);
    assert_int_equal(frames[4].kind, SLI_SEALED);
    assert_int_equal(frames[4].number, 2);
    assert_int_equal(frames[4].about, 2);
    assert_int_equal(frames[4].generation, 1);
    assert_memory_equal(frames[4].body.data, "sealed 2", 8);
    SL_CHECK_TEXT(sli_ckpt_job_id(ckpt), id);
    assert_int_equal(sli_ckpt_generation(ckpt), 2);
    assert_false(sli_ckpt_is_new(ckpt));
    assert_false(sli_ckpt_tail_was_torn(ckpt));
    assert_int_equal(sli_ckpt_last_graph_hash(ckpt), 7);
    assert_int_equal(sli_snapshot_newest(ckpt, &group, NULL), SL_OK);
    assert_int_equal(group, 2);
    sli_buffer *buffer = NULL;
    assert_int_equal(sli_snapshot_read(ckpt, 2, "uid-1/part-00", &buffer, NULL), SL_OK);
    assert_int_equal(sli_buffer_size(buffer), 5);
    assert_memory_equal(sli_buffer_bytes(buffer), "state", 5);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_snapshot_read(ckpt, 2, "other", &buffer, NULL), SL_E_NOT_FOUND);
    sli_ckpt_close(ckpt);
}

SL_TEST(ckpt_second_life_reads_the_first_in_simulation, "")
{
    bench b = bench_new(NULL);
    live_twice(b.env, "a/b/ck");
    bench_free(&b);
}

SL_TEST(ckpt_second_life_reads_the_first_on_a_real_disk, "")
{
    sl_env *env = NULL;
    char dir[4096];
    (void)snprintf(dir, sizeof dir, "%s/new/ck/", slt_temp_dir());
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    live_twice(env, dir);
    sli_env_free(env);
}

SL_TEST(ckpt_in_use_is_busy_with_the_pid, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck"), *second = NULL;
    sl_env *other = NULL;
    assert_int_equal(sli_world_boot(b.world, NULL, &other, NULL), SL_OK);
    sl_error err = SL_ERROR_INIT;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "process %lld", (long long)sli_env_pid(b.env));
    assert_int_equal(sli_ckpt_open(&second, other, "ck", &job, NULL, NULL, &err), SL_E_BUSY);
    assert_non_null(strstr(err.text, pid));
    sli_ckpt_info info;
    assert_int_equal(sli_ckpt_inspect(other, "ck", &info, &err), SL_OK);
    assert_int_equal(info.holder_pid, sli_env_pid(b.env));
    sli_ckpt_close(ckpt);
    assert_int_equal(sli_ckpt_inspect(other, "ck", &info, &err), SL_OK);
    assert_int_equal(info.holder_pid, 0);
    assert_int_equal(sli_ckpt_open(&second, other, "ck", &job, NULL, NULL, &err), SL_OK);
    sli_ckpt_close(second);
    sli_env_free(other);
    bench_free(&b);
}

SL_TEST(ckpt_of_another_job_is_refused_and_left_alone, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck"), *other = NULL;
    sli_ckpt_close(ckpt);
    sl_error err = SL_ERROR_INIT;
    const sli_ckpt_job stranger = {.name = "stranger", .graph_text = "", .graph_hash = 1};
    assert_int_equal(sli_ckpt_open(&other, b.env, "ck", &stranger, NULL, NULL, &err),
                     SL_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "belongs to the job \"job\""));
    ckpt = open_begun(b.env, "ck");
    assert_int_equal(sli_ckpt_generation(ckpt), 2);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

/// Replaces the format number of MANIFEST.json and mends the hash after it.
static void manifest_of_format(bench *b, const char *number)
{
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(b->world, "ck/MANIFEST.json", &bytes, &size, NULL), SL_OK);
    char *rest = strstr(bytes, ": 1,"), *check = strstr(bytes, "  \"check\"");
    assert_true(rest != NULL && check != NULL);
    sli_str text = SLI_STR_INIT;
    sli_str_add(&text, bytes, (size_t)(rest - bytes));
    sli_str_printf(&text, ": %s,%.*s", number, (int)(check - rest - 4), rest + 4);
    sli_checked_end(&text);
    assert_int_equal(sli_world_put(b->world, "ck/MANIFEST.json", text.data, text.size, NULL),
                     SL_OK);
    sli_str_reset(&text);
    sl_free(bytes);
}

SL_TEST(ckpt_of_a_newer_format_is_refused, "")
{
    bench b = bench_new(NULL);
    sli_ckpt_close(open_begun(b.env, "ck"));
    manifest_of_format(&b, "2");
    sl_error err = SL_ERROR_INIT;
    sli_ckpt *ckpt = NULL;
    sli_ckpt_info info;
    assert_int_equal(sli_ckpt_open(&ckpt, b.env, "ck", &job, NULL, NULL, &err), SL_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "has format 2, this Sluice reads formats up to 1"));
    assert_int_equal(sli_ckpt_inspect(b.env, "ck", &info, &err), SL_E_INCOMPATIBLE);
    assert_int_equal(sli_world_read(b.world, "ck/gen/000002", NULL, NULL, NULL) != SL_OK, true);
    bench_free(&b);
}

SL_TEST(ckpt_job_id_is_new_after_the_directory_was_wiped, "")
{
    for (int planted = 0; planted < 2; planted++) {
        bench b = bench_new(NULL);
        if (planted == 1) {
            sli_world_plant(b.world, "job-id-reused");
        }
        sli_ckpt *one = open_begun(b.env, "ck"),
                 *two = open_begun(b.env, "other"); // two lives of a job's name
        assert_int_equal(strcmp(sli_ckpt_job_id(one), sli_ckpt_job_id(two)) == 0, planted == 1);
        sli_ckpt_close(one);
        sli_ckpt_close(two);
        bench_free(&b);
    }
}

SL_TEST(ckpt_manifest_shows_the_last_graph, "")
{
    bench b = bench_new(NULL);
    sli_ckpt_close(open_begun(b.env, "ck"));
    const sli_ckpt_job changed = {
        .name = "job", .graph_text = "another \xc3\xa9 graph", .graph_hash = 8};
    sli_ckpt *ckpt = NULL;
    assert_int_equal(sli_ckpt_open(&ckpt, b.env, "ck", &changed, NULL, NULL, NULL), SL_OK);
    assert_int_equal(sli_ckpt_last_graph_hash(ckpt), 7);
    assert_int_equal(sli_ckpt_begin(ckpt, NULL), SL_OK);
    sli_ckpt_close(ckpt);
    sli_ckpt_info info;
    assert_int_equal(sli_ckpt_inspect(b.env, "ck", &info, NULL), SL_OK);
    assert_int_equal(info.graph_hash, 8);
    bench_free(&b);
}

// ---------------------------------------------------------------- the log

SL_TEST(ckpt_calls_in_the_wrong_order_are_refused, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = NULL;
    sli_wal *wal = NULL;
    sli_snapshot *s = NULL;
    assert_int_equal(sli_ckpt_open(&ckpt, b.env, "ck", &job, NULL, NULL, NULL), SL_OK);
    assert_int_equal(sli_ckpt_append(ckpt, SLI_PLAN, 1, fx_bytes("x"), NULL), SL_E_STATE);
    assert_int_equal(sli_ckpt_sync(ckpt, NULL), SL_E_STATE);
    assert_int_equal(sli_wal_open(&wal, ckpt, "in", NULL), SL_E_STATE);
    assert_int_equal(sli_ckpt_sweep(ckpt, NULL, NULL), SL_E_STATE);
    assert_int_equal(sli_snapshot_create(&s, ckpt, 1, NULL), SL_E_STATE);
    assert_int_equal(sli_ckpt_begin(ckpt, NULL), SL_OK);
    assert_int_equal(sli_ckpt_begin(ckpt, NULL), SL_E_STATE);
    assert_int_equal(sli_ckpt_append(ckpt, SLI_BEGIN, 1, fx_bytes("x"), NULL), SL_E_INVALID);
    assert_int_equal(sli_wal_open(&wal, ckpt, "a/b", NULL), SL_E_INVALID);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

static int64_t log_bytes(bench *b, const char *dir)
{
    sli_ckpt_info info;
    sl_error err = SL_ERROR_INIT;
    if (sli_ckpt_inspect(b->env, dir, &info, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return info.log_bytes;
}

SL_TEST(ckpt_log_is_bounded_by_snapshots_and_keeps_what_is_needed, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    sli_ckpt_limits(ckpt, 4096, 4096);
    for (int64_t g = 1; g <= 400; g++) {
        seal(ckpt, g);
        if (g % 10 == 0) {
            assert_int_equal(snapshot(ckpt, g, "s", NULL), SL_OK);
        }
    }
    assert_int_equal(sli_ckpt_append_about(ckpt, SLI_PLAN, 401, 5, fx_bytes("open"), NULL), SL_OK);
    assert_int_equal(sli_ckpt_sync(ckpt, NULL), SL_OK);
    assert_true(log_bytes(&b, "ck") < 40000); // 400 groups would have 110,000
    sli_ckpt_close(ckpt);

    ckpt = open_begun(b.env, "ck");
    int64_t n, n_sealed = 0, first = 1000, group = 0;
    const sli_frame *frames = sli_ckpt_frames(ckpt, &n);
    for (int64_t i = 0; i < n; i++) {
        if (frames[i].kind == SLI_SEALED) {
            n_sealed++;
            first = frames[i].number < first ? frames[i].number : first;
            assert_int_equal(frames[i].generation, 1);
        }
    }
    assert_true(first <= 391); // what the older of the two kept snapshots does not cover
    assert_int_equal(n_sealed, 401 - first);
    assert_int_equal(frames[n - 1].number, 401);
    assert_int_equal(sli_snapshot_newest(ckpt, &group, NULL), SL_OK);
    assert_int_equal(group, 400);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

SL_TEST(ckpt_log_of_a_job_without_state_is_bounded_by_forget, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    sli_ckpt_limits(ckpt, 4096, 4096);
    for (int64_t g = 1; g <= 200; g++) {
        seal(ckpt, g);
        sli_ckpt_forget(ckpt, g);
    }
    sli_ckpt_close(ckpt);
    assert_true(log_bytes(&b, "ck") < 12000);
    ckpt = open_begun(b.env, "ck");
    int64_t n, group = 1;
    const sli_frame *frames = sli_ckpt_frames(ckpt, &n);
    assert_true(n > 0);
    assert_int_equal(frames[n - 2].number, 200);
    assert_int_equal(sli_snapshot_newest(ckpt, &group, NULL), SL_OK);
    assert_int_equal(group, 0);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

SL_TEST(ckpt_many_short_lives_leave_a_short_chain, "")
{
    bench b = bench_new(NULL);
    for (int64_t g = 1; g <= 100; g++) {
        sli_ckpt *ckpt = open_begun(b.env, "ck");
        int64_t n;
        (void)sli_ckpt_frames(ckpt, &n);
        assert_int_equal(n, (g - 1) * 3);
        seal(ckpt, g);
        assert_true(ckpt->chain.n_links <= SLI_LOG_CHAIN + 1);
        sli_ckpt_close(ckpt);
    }
    bench_free(&b);
}

SL_TEST(ckpt_full_disk_leaves_the_log_usable, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    seal(ckpt, 1);
    char large[50000];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    sli_world_disk_limit(b.world, 4000);
    assert_int_equal(sli_ckpt_append(ckpt, SLI_PLAN, 2, (sl_bytes){large, sizeof large}, NULL),
                     SL_E_NO_SPACE);
    const char *path = NULL;
    assert_int_equal(
        sli_ckpt_put(ckpt, SLI_DELTA, 2, "", (sl_bytes){large, sizeof large}, b.arena, &path, NULL),
        SL_E_NO_SPACE);
    assert_int_equal(snapshot(ckpt, 1, large, NULL), SL_E_NO_SPACE);
    sli_world_disk_limit(b.world, 0);
    seal(ckpt, 2);
    assert_int_equal(snapshot(ckpt, 2, "s", NULL), SL_OK);
    sli_ckpt_close(ckpt);
    ckpt = open_begun(b.env, "ck");
    int64_t n;
    const sli_frame *frames = sli_ckpt_frames(ckpt, &n);
    assert_int_equal(n, 6);
    assert_memory_equal(frames[3].body.data, "plan 2", 6);
    assert_false(sli_ckpt_tail_was_torn(ckpt));
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

SL_TEST(ckpt_after_a_failed_sync_everything_fails, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    seal(ckpt, 1);
    int64_t calls = sli_world_calls(b.env);
    sli_ckpt_close(ckpt);
    bench_free(&b);
    b = bench_new(&(sli_fault){
        .fail_at_call =
            calls - 2}); // COMMITTED, the check of the generation, and before them the sync
    ckpt = open_begun(b.env, "ck");
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_ckpt_append(ckpt, SLI_PLAN, 1, fx_bytes("plan 1"), NULL), SL_OK);
    assert_int_equal(sli_ckpt_append(ckpt, SLI_SEALED, 1, fx_bytes("sealed 1"), NULL), SL_OK);
    assert_int_equal(sli_ckpt_sync(ckpt, &err), SL_E_IO);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    const char *path;
    sli_wal *wal;
    assert_int_equal(sli_ckpt_sync(ckpt, NULL), SL_E_IO);
    assert_int_equal(sli_ckpt_append(ckpt, SLI_COMMITTED, 1, (sl_bytes){0}, NULL), SL_E_IO);
    assert_int_equal(sli_ckpt_check_generation(ckpt, NULL), SL_E_IO);
    assert_int_equal(sli_ckpt_put(ckpt, SLI_DELTA, 2, "", fx_bytes("x"), b.arena, &path, NULL),
                     SL_E_IO);
    assert_int_equal(sli_wal_open(&wal, ckpt, "in", &err), SL_E_IO);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    assert_int_equal(snapshot(ckpt, 1, "s", NULL), SL_E_IO);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

// ---------------------------------------------------------------- group files and snapshots

SL_TEST(ckpt_group_files_come_back_and_go, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    const char *delta = NULL, *outbox = NULL, *none = NULL;
    sli_buffer *buffer = NULL;
    assert_int_equal(sli_ckpt_put(ckpt, SLI_DELTA, 7, "", fx_bytes("d"), b.arena, &delta, NULL),
                     SL_OK);
    assert_int_equal(
        sli_ckpt_put(ckpt, SLI_OUTBOX, 7, "sink-1", (sl_bytes){0}, b.arena, &outbox, NULL), SL_OK);
    assert_int_equal(sli_ckpt_put(ckpt, SLI_DELTA, 7, "uid", fx_bytes("d"), b.arena, &none, NULL),
                     SL_E_INVALID);
    assert_int_equal(sli_ckpt_put(ckpt, SLI_OUTBOX, 7, "a/b", fx_bytes("d"), b.arena, &none, NULL),
                     SL_E_INVALID);
    SL_CHECK_TEXT(delta, "delta/000001-000000007");
    SL_CHECK_TEXT(outbox, "outbox/000001-000000007-sink-1");
    assert_null(none);
    assert_int_equal(sli_ckpt_get(ckpt, delta, &buffer, NULL), SL_OK);
    assert_int_equal(sli_buffer_size(buffer), 1);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_ckpt_get(ckpt, outbox, &buffer, NULL), SL_OK);
    assert_int_equal(sli_buffer_size(buffer), 0);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_ckpt_get(ckpt, "../MANIFEST.json", &buffer, NULL), SL_E_CORRUPT);
    sli_ckpt_drop(ckpt, outbox);
    sli_ckpt_drop(ckpt, delta); // no snapshot covers it: it stays
    assert_int_equal(sli_ckpt_get(ckpt, outbox, &buffer, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_ckpt_get(ckpt, delta, &buffer, NULL), SL_OK);
    sli_buffer_unref(buffer);
    sli_ckpt_close(ckpt);

    ckpt = open_begun(b.env, "ck");
    const char *named[] = {"delta/000001-000000007", NULL};
    assert_int_equal(sli_ckpt_sweep(ckpt, named, NULL), SL_OK);
    assert_int_equal(sli_ckpt_get(ckpt, named[0], &buffer, NULL), SL_OK);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_ckpt_sweep(ckpt, NULL, NULL), SL_OK);
    assert_int_equal(sli_ckpt_get(ckpt, named[0], &buffer, NULL), SL_E_NOT_FOUND);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

// Panes outlive the frame that named them, so the sweep of the others leaves them alone.
SL_TEST(ckpt_panes_come_back_and_go_by_a_sweep_of_their_own, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    const char *kept = NULL, *dropped = NULL, *stale = NULL, *none = NULL;
    sli_buffer *buffer = NULL;
    sl_bytes bytes = fx_bytes("p");
    assert_int_equal(sli_ckpt_put(ckpt, SLI_PANES, 7, "w", bytes, b.arena, &kept, NULL), SL_OK);
    assert_int_equal(sli_ckpt_put(ckpt, SLI_PANES, 8, "w", bytes, b.arena, &stale, NULL), SL_OK);
    assert_int_equal(sli_ckpt_put(ckpt, SLI_PANES, 9, "w", bytes, b.arena, &dropped, NULL), SL_OK);
    assert_int_equal(sli_ckpt_put(ckpt, SLI_PANES, 9, "", bytes, b.arena, &none, NULL),
                     SL_E_INVALID);
    SL_CHECK_TEXT(kept, "pane/000001-000000007-w");
    sli_ckpt_drop(ckpt, dropped);
    assert_int_equal(sli_ckpt_get(ckpt, dropped, &buffer, NULL), SL_E_NOT_FOUND);
    sli_ckpt_close(ckpt);

    ckpt = open_begun(b.env, "ck");
    const char *named[] = {kept, NULL};
    assert_int_equal(sli_ckpt_sweep(ckpt, NULL, NULL), SL_OK);
    assert_int_equal(sli_ckpt_get(ckpt, stale, &buffer, NULL), SL_OK);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_ckpt_sweep_panes(ckpt, named, NULL), SL_OK);
    assert_int_equal(sli_ckpt_get(ckpt, stale, &buffer, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_ckpt_get(ckpt, kept, &buffer, NULL), SL_OK);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_ckpt_get(ckpt, "pane/000001-000000007", &buffer, NULL), SL_E_CORRUPT);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

static sl_code names_add(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s ", name);
    return SL_OK;
}

static void check_names(bench *b, const char *dir, const char *expected)
{
    sli_str names = SLI_STR_INIT;
    sli_str_text(&names, "");
    assert_int_equal(sli_world_list(b->world, dir, names_add, &names, NULL), SL_OK);
    SL_CHECK_TEXT(names.data, expected);
    sli_str_reset(&names);
}

SL_TEST(ckpt_keeps_two_snapshots_and_the_deltas_after_the_older, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    const char *path;
    for (int64_t g = 1; g <= 3; g++) {
        assert_int_equal(sli_ckpt_put(ckpt, SLI_DELTA, g, "", fx_bytes("d"), b.arena, &path, NULL),
                         SL_OK);
        seal(ckpt, g);
        assert_int_equal(snapshot(ckpt, g, "s", NULL), SL_OK);
    }
    check_names(&b, "ck/snap", "000000002 000000003 ");
    check_names(&b, "ck/delta", "000001-000000003 ");
    sli_str names = SLI_STR_INIT;
    assert_int_equal(sli_snapshot_sections(ckpt, 3, names_add, &names, NULL), SL_OK);
    SL_CHECK_TEXT(names.data, "uid-1/part-00 meta ");
    sli_str_reset(&names);
    sli_snapshot *s = NULL;
    assert_int_equal(sli_snapshot_create(&s, ckpt, 4, NULL), SL_OK);
    assert_int_equal(sli_snapshot_add(s, "a", fx_bytes("x"), NULL), SL_OK);
    assert_int_equal(sli_snapshot_add(s, "a", fx_bytes("x"), NULL), SL_E_INVALID);
    assert_int_equal(sli_snapshot_add(s, "a/b/c", fx_bytes("x"), NULL), SL_E_INVALID);
    assert_int_equal(sli_snapshot_add(s, "../x", fx_bytes("x"), NULL), SL_E_INVALID);
    assert_int_equal(sli_snapshot_add(s, "SECTIONS.json", fx_bytes("x"), NULL), SL_E_INVALID);
    sli_snapshot_discard(s);
    sli_snapshot_discard(NULL);
    check_names(&b, "ck/snap", "000000002 000000003 ");
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

// ---------------------------------------------------------------- adopted files

static void put_file(sl_env *env, const char *dir, const char *name, const char *text)
{
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(sli_env_mkdirs(env, dir, NULL), SL_OK);
    assert_int_equal(sli_env_write_file(env, path, text, strlen(text), NULL), SL_OK);
}

/// Snapshot of `group` from a directory; the bytes that were new.
static int64_t adopt(sli_ckpt *ckpt, int64_t group, const char *dir, int64_t previous)
{
    sli_snapshot *s = NULL;
    int64_t bytes = 0;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_snapshot_create(&s, ckpt, group, NULL), SL_OK);
    assert_int_equal(sli_snapshot_add(s, "meta", (sl_bytes){0}, NULL), SL_OK);
    if (sli_snapshot_adopt(s, "files", dir, previous, &bytes, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(sli_snapshot_publish(s, NULL), SL_OK);
    return bytes;
}

/// The file of the snapshot, with a second name in a new directory.
static void link_file(sl_env *env, const char *home, const char *name, const char *to)
{
    char from[700], path[700];
    (void)snprintf(from, sizeof from, "%s/ck/snap/000000001/files/%s", home, name);
    (void)snprintf(path, sizeof path, "%s/%s", to, name);
    assert_int_equal(sli_env_mkdirs(env, to, NULL), SL_OK);
    assert_int_equal(sli_env_link(env, from, path, NULL), SL_OK);
}

SL_TEST(ckpt_adopted_files_are_hashed_once, "")
{
    sl_env *env = NULL;
    const char *home = slt_temp_dir();
    char dir[600], ck[600];
    sli_buffer *buffer = NULL;
    int64_t group = 0;
    (void)snprintf(dir, sizeof dir, "%s/one", home);
    (void)snprintf(ck, sizeof ck, "%s/ck", home);
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    sli_ckpt *ckpt = open_begun(env, ck);
    seal(ckpt, 1);
    seal(ckpt, 2);
    put_file(env, dir, "000001.sst", "same");
    put_file(env, dir, "000002.sst", "named as before");
    put_file(env, dir, "CURRENT", "1");
    assert_int_equal(adopt(ckpt, 1, dir, 0), 4 + 15 + 1);

    link_file(env, home, "000001.sst", dir);
    put_file(env, dir, "000002.sst", "another file under the old name");
    put_file(env, dir, "000003.sst", "new");
    put_file(env, dir, "CURRENT", "2");
    assert_int_equal(adopt(ckpt, 2, dir, 1), 31 + 3 + 1);
    assert_int_equal(sli_snapshot_newest(ckpt, &group, NULL), SL_OK);
    assert_int_equal(group, 2);
    assert_int_equal(sli_snapshot_read(ckpt, 2, "files/000001.sst", &buffer, NULL), SL_OK);
    assert_memory_equal(sli_buffer_bytes(buffer), "same", 4);
    sli_buffer_unref(buffer);
    sli_ckpt_close(ckpt);
    sli_env_free(env);
}

SL_TEST(ckpt_work_of_older_generations_is_swept, "")
{
    bench b = bench_new(NULL);
    sli_str dir = SLI_STR_INIT;
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    sli_ckpt_work_dir(ckpt, &dir);
    SL_CHECK_TEXT(dir.data, "ck/work/000001");
    put_file(b.env, "ck/work/000001/state", "000001.sst", "scratch");
    put_file(b.env, "ck/work/000001/snap/000000001/state.kept", "000001.sst", "scratch");
    assert_int_equal(sli_ckpt_sweep(ckpt, (const char *[]){NULL}, NULL), SL_OK);
    check_names(&b, "ck/work/000001/state", "000001.sst "); // its own
    sli_ckpt_close(ckpt);
    ckpt = open_begun(b.env, "ck");
    assert_int_equal(sli_ckpt_sweep(ckpt, (const char *[]){NULL}, NULL), SL_OK);
    check_names(&b, "ck/work", "");
    sli_ckpt_close(ckpt);
    sli_str_reset(&dir);
    bench_free(&b);
}

SL_TEST(ckpt_snapshot_that_is_there_is_as_good, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    seal(ckpt, 1);
    assert_int_equal(snapshot(ckpt, 1, "first", NULL), SL_OK);
    assert_int_equal(snapshot(ckpt, 1, "again", NULL), SL_OK);
    sli_buffer *buffer = NULL;
    assert_int_equal(sli_snapshot_read(ckpt, 1, "uid-1/part-00", &buffer, NULL), SL_OK);
    assert_memory_equal(sli_buffer_bytes(buffer), "first", 5);
    sli_buffer_unref(buffer);
    assert_int_equal(sli_world_flip(b.world, "ck/snap/000000001/uid-1/part-00", 0, 1, NULL), SL_OK);
    assert_int_equal(snapshot(ckpt, 1, "third", NULL), SL_OK); // a damaged one is not as good
    assert_int_equal(sli_snapshot_read(ckpt, 1, "uid-1/part-00", &buffer, NULL), SL_OK);
    assert_memory_equal(sli_buffer_bytes(buffer), "third", 5);
    sli_buffer_unref(buffer);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

SL_TEST(ckpt_inspect_tells_what_is_there, "")
{
    bench b = bench_new(NULL);
    sli_ckpt_info info;
    assert_int_equal(sli_ckpt_inspect(b.env, "nothing", &info, NULL), SL_E_NOT_FOUND);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    seal(ckpt, 1);
    seal(ckpt, 2);
    assert_int_equal(snapshot(ckpt, 1, "12345", NULL), SL_OK);
    assert_int_equal(sli_ckpt_append_about(ckpt, SLI_PLAN, 3, 3000, fx_bytes("p"), NULL), SL_OK);
    assert_int_equal(sli_ckpt_inspect(b.env, "ck", &info, NULL), SL_OK);
    SL_CHECK_TEXT(info.job_id, sli_ckpt_job_id(ckpt));
    SL_CHECK_TEXT(info.name, "job");
    assert_int_equal(info.format, 1);
    assert_int_equal(info.generation, 1);
    assert_int_equal(info.last_epoch, 3);
    assert_int_equal(info.last_batch_time_us, 3000);
    assert_int_equal(info.last_sealed, 2);
    assert_int_equal(info.last_committed, 2);
    assert_int_equal(info.newest_snapshot, 1);
    assert_int_equal(info.snapshot_bytes, 5);
    assert_int_equal(info.graph_hash, 7);
    assert_true(info.log_bytes > 500);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

// ---------------------------------------------------------------- failing memory

SL_TEST(ckpt_opens_or_says_why_when_any_allocation_fails, "")
{
    bench b = bench_new(NULL);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    seal(ckpt, 1);
    assert_int_equal(snapshot(ckpt, 1, "s", NULL), SL_OK);
    sli_ckpt_close(ckpt);
    sl_code rc = SL_E_NOMEM;
    int64_t n = 0;
    while (rc != SL_OK) {
        n++;
        sli_ckpt *again = NULL;
        sl_error err = SL_ERROR_INIT;
        sli_mem_fail_nth(n);
        rc = sli_ckpt_open(&again, b.env, "ck", &job, NULL, NULL, &err);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM ||
                    rc == SL_E_IO); // the simulated disk's own memory is SL_E_IO
        assert_true(n < 10000);
        if (rc == SL_OK) {
            assert_int_equal(sli_ckpt_begin(again, &err), SL_OK);
        }
        sli_ckpt_close(again);
    }
    assert_true(n > 20);
    bench_free(&b);
}

// ---------------------------------------------------------------- a view

/// Where a section's bytes are damaged.
static void flip_section(bench *b, const char *path)
{
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(b->world, path, &bytes, &size, NULL), SL_OK);
    bytes[size - 1] = (char)(bytes[size - 1] ^ 1);
    assert_int_equal(sli_world_put(b->world, path, bytes, size, NULL), SL_OK);
    sl_free(bytes);
}

SL_TEST(ckpt_view_is_of_one_group_while_a_driver_goes_on, "")
{
    bench b = bench_new(NULL);
    sl_env *other = NULL;
    sli_ckpt_view *view = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_buffer *bytes = NULL;
    int64_t n, size;
    assert_int_equal(sli_world_boot(b.world, NULL, &other, NULL), SL_OK);
    sli_ckpt_view_conf conf = {.env = other, .dir = "ck", .scratch = "scratch"};
    assert_int_equal(sli_ckpt_view_open(&view, &conf, &err), SL_E_NOT_FOUND);
    sli_ckpt *ckpt = open_begun(b.env, "ck");
    seal(ckpt, 1);
    seal(ckpt, 2);
    assert_int_equal(snapshot(ckpt, 2, "state", NULL), SL_OK);
    seal(ckpt, 3);
    assert_int_equal(sli_ckpt_view_open(&view, &conf, &err), SL_OK); // the lock is held
    seal(ckpt, 4);
    const sli_frame *frames = sli_ckpt_view_frames(view, &n);
    assert_int_equal(frames[n - 1].number, 3);
    assert_int_equal(sli_ckpt_view_info(view)->last_sealed, 3);
    assert_int_equal(sli_ckpt_view_snapshot(view), 2);
    assert_int_equal(sli_ckpt_view_sections(view), 2);
    assert_true(sli_text_is(sli_ckpt_view_section(view, 0, &size), "uid-1/part-00"));
    assert_int_equal(size, 5);
    assert_int_equal(sli_ckpt_view_read(view, "uid-1/part-00", &bytes, &err), SL_OK);
    assert_memory_equal(sli_buffer_bytes(bytes), "state", 5);
    sli_buffer_unref(bytes);
    assert_int_equal(sli_ckpt_view_read(view, "other", &bytes, &err), SL_OK);
    assert_null(bytes);
    sli_str front = SLI_STR_INIT;
    assert_int_equal(sli_ckpt_view_peek(view, 0, 3, &front, &err), SL_OK);
    assert_int_equal(front.size, 3);
    sli_str_reset(&front);
    // A second snapshot takes its names away, not what they hold.
    assert_int_equal(snapshot(ckpt, 3, "later", NULL), SL_OK);
    assert_int_equal(sli_ckpt_view_read(view, "uid-1/part-00", &bytes, &err), SL_OK);
    sli_buffer_unref(bytes);
    assert_int_equal(snapshot(ckpt, 4, "newest", NULL), SL_OK);
    char *gone = NULL;
    assert_int_equal(sli_world_read(b.world, "ck/snap/000000002/uid-1/part-00", &gone, NULL, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_ckpt_view_read(view, "uid-1/part-00", &bytes, &err), SL_OK);
    assert_memory_equal(sli_buffer_bytes(bytes), "state", 5);
    sli_buffer_unref(bytes);
    sli_ckpt_view_cut(view, 2); // as of the snapshot: group 2 ended with epoch 2
    frames = sli_ckpt_view_frames(view, &n);
    for (int64_t i = 0; i < n; i++) {
        assert_true(frames[i].number <= 2);
    }
    assert_true(n > 0);
    assert_int_equal(sli_ckpt_view_info(view)->last_sealed, 2);
    assert_int_equal(sli_ckpt_view_info(view)->last_epoch, 2);
    sli_ckpt_view_close(view);
    flip_section(&b, "ck/snap/000000004/uid-1/part-00");
    assert_int_equal(sli_ckpt_view_open(&view, &conf, &err), SL_OK);
    assert_int_equal(sli_ckpt_view_snapshot(view), 4);
    assert_int_equal(sli_ckpt_view_read(view, "uid-1/part-00", &bytes, &err), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "uid-1/part-00: offsets 0 to 6 do not fit their hash"));
    sli_ckpt_view_close(view);
    sli_ckpt_close(ckpt);
    sli_env_free(other);
    bench_free(&b);
}
