// Snapshots elsewhere, piece by piece: what is sent, who may publish, who may begin, and what is
// told of it. The crashes are crash_test.c's.
#include "ckpt/fixture_int.h"

#include "ckpt/ckpt_int.h"

/// A process, and an HDFS beside it.
typedef struct bench {
    sli_world *world;
    sli_hdfs_cluster *hdfs;
    sl_env *env;
    sl_error err;
} bench;

static void bench_new(bench *b)
{
    *b = (bench){.world = sli_world_new(&(sli_world_conf){.seed = 1})};
    b->hdfs = sli_hdfs_cluster_new(b->world);
    assert_non_null(b->hdfs);
    assert_int_equal(sli_world_boot(b->world, NULL, &b->env, NULL), SL_OK);
    assert_int_equal(sli_env_write_file(b->env, "secret", "t0ken", 5, NULL), SL_OK);
}

static void bench_free(bench *b)
{
    sli_env_free(b->env);
    sli_hdfs_cluster_free(b->hdfs);
    sli_world_free(b->world);
}

#define FAR "hdfs://nn1/far?retry_timeout=2s&password=hidden&token=file:secret&user=me"

static sl_code open_as(sli_ckpt **out, sl_env *env, const char *dir, const char *name,
                       const char *snapshots, sl_error *err)
{
    sli_ckpt_job job = {
        .name = name, .graph_text = "graph", .graph_hash = 1, .snapshots = snapshots};
    return sli_ckpt_open(out, env, dir, &job, NULL, NULL, err);
}

static sli_ckpt *open_begun(sl_env *env, const char *dir, const char *snapshots)
{
    sl_error err = SL_ERROR_INIT;
    sli_ckpt *ckpt = NULL;
    if (open_as(&ckpt, env, dir, "job", snapshots, &err) != SL_OK ||
        sli_ckpt_begin(ckpt, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return ckpt;
}

static void seal(sli_ckpt *ckpt, int64_t group)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    const char *path = NULL;
    assert_int_equal(
        sli_ckpt_put(ckpt, SLI_DELTA, group, "", fx_bytes("delta"), arena, &path, NULL), SL_OK);
    assert_int_equal(sli_ckpt_append_about(ckpt, SLI_SEALED, group, group, fx_bytes(path), NULL),
                     SL_OK);
    assert_int_equal(sli_ckpt_sync(ckpt, NULL), SL_OK);
    sl_arena_free(arena);
}

static sl_code snapshot(sli_ckpt *ckpt, int64_t group, const char *text, sl_error *err)
{
    sli_snapshot *s = NULL;
    SL_TRY(sli_snapshot_create(&s, ckpt, group, err));
    SL_TRY(sli_snapshot_add(s, "state/a", fx_bytes(text), err));
    SL_TRY(sli_snapshot_add(s, "state/b", fx_bytes("same"), err));
    return sli_snapshot_publish(s, err);
}

static void take(sli_ckpt *ckpt, int64_t group, const char *text)
{
    sl_error err = SL_ERROR_INIT;
    seal(ckpt, group);
    if (snapshot(ckpt, group, text, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

static void put_name(void *ctx, const char *path, sl_text content)
{
    (void)content;
    const char *below = strchr(path + 1, '/') + 1; // behind "/far/"
    sli_str_printf(ctx, "%s ", strchr(below, '/') + 1);
}

/// All files of the job there, without its directory.
static void check_far(const bench *b, const char *expected)
{
    sli_str names = SLI_STR_INIT;
    sli_str_text(&names, "");
    sli_hdfs_cluster_look(b->hdfs, "/far", put_name, &names);
    SL_CHECK_TEXT(names.data, expected);
    sli_str_reset(&names);
}

static void pool_name(const char *bytes, int generation, char out[48])
{
    char hash[33];
    sli_hash_text(sli_hash128_of(bytes, strlen(bytes)), hash);
    (void)snprintf(out, 48, "files/%06d-%s", generation, hash);
}

/// "000000002 files/..." for snapshots 2 and 3 of "one", "two" and "same", the last by
/// generation 1.
static void expect(char out[400], const char *lists, const char *a, int by_a, const char *c,
                   int by_c)
{
    char names[3][48];
    pool_name(a, by_a, names[0]);
    pool_name(c, by_c, names[1]);
    pool_name("same", 1, names[2]);
    for (int i = 0; i < 2; i++) { // byte order
        for (int k = 0; k < 2; k++) {
            if (strcmp(names[k], names[k + 1]) > 0) {
                char kept[48];
                memcpy(kept, names[k], 48);
                memcpy(names[k], names[k + 1], 48);
                memcpy(names[k + 1], kept, 48);
            }
        }
    }
    (void)snprintf(out, 400, "%sMANIFEST.json %s %s %s ", lists, names[0], names[1], names[2]);
}

// ---------------------------------------------------------------- what is sent

SL_TEST(place_has_each_file_once_and_none_that_nobody_names, "")
{
    bench b;
    char expected[400];
    int64_t group = 0;
    bench_new(&b);
    sli_ckpt *ckpt = open_begun(b.env, "ck", FAR);
    take(ckpt, 1, "one");
    take(ckpt, 2, "two");
    expect(expected, "000000001 000000002 ", "one", 1, "two", 1);
    check_far(&b, expected);
    take(ckpt, 3, "three");
    expect(expected, "000000002 000000003 ", "two", 1, "three", 1);
    check_far(&b, expected);
    sli_ckpt_close(ckpt);

    ckpt = open_begun(b.env, "ck", FAR);
    assert_int_equal(sli_ckpt_sweep(ckpt, (const char *[]){NULL}, NULL), SL_OK);
    assert_int_equal(sli_snapshot_newest(ckpt, &group, &b.err), SL_OK);
    assert_int_equal(group, 3);
    int64_t before = sli_hdfs_cluster_requests(b.hdfs);
    sli_buffer *bytes = NULL;
    assert_int_equal(sli_snapshot_read(ckpt, 3, "state/a", &bytes, NULL), SL_OK);
    assert_memory_equal(sli_buffer_bytes(bytes), "three", 5);
    sli_buffer_unref(bytes);
    assert_int_equal(sli_hdfs_cluster_requests(b.hdfs), before); // all of it was brought here
    take(ckpt, 4, "two"); // as 2 had it, which is still there
    expect(expected, "000000003 000000004 ", "two", 1, "three", 1);
    check_far(&b, expected);
    take(ckpt, 5, "five");
    expect(expected, "000000004 000000005 ", "two", 1, "five", 2);
    check_far(&b, expected);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

static sl_code count_entry(void *ctx, const char *name, sl_error *err)
{
    (void)name, (void)err;
    (*(int64_t *)ctx)++;
    return SL_OK;
}

static int64_t entries_of(const bench *b, const char *dir)
{
    int64_t n = 0;
    (void)!sli_world_list(b->world, dir, count_entry, &n, NULL);
    return n;
}

SL_TEST(place_that_takes_nothing_leaves_the_deltas_and_a_later_snapshot_covers_them, "")
{
    bench b;
    bench_new(&b);
    sli_ckpt *ckpt = open_begun(b.env, "ck", FAR);
    take(ckpt, 1, "one");
    sli_hdfs_cluster_quota(b.hdfs, 1);
    seal(ckpt, 2);
    assert_int_equal(snapshot(ckpt, 2, "two", &b.err), SL_E_NO_SPACE);
    assert_int_equal(sl_error_action(&b.err), SL_ACT_RETRY_TASK);
    SL_CHECK_TEXT(sli_ckpt_snapshots(ckpt), "hdfs://nn1/far");
    assert_non_null(strstr(b.err.text, "hdfs://nn1/far"));
    sli_hdfs_cluster_quota(b.hdfs, 0);
    sli_hdfs_cluster_away(b.hdfs, SLI_FOREVER);
    seal(ckpt, 3);
    assert_int_equal(snapshot(ckpt, 3, "three", &b.err), SL_E_IO);
    assert_int_equal(sl_error_action(&b.err), SL_ACT_RETRY_TASK);
    assert_int_equal(entries_of(&b, "ck/delta"), 3);
    sli_hdfs_cluster_away(b.hdfs, 0);
    take(ckpt, 4, "four");
    assert_int_equal(entries_of(&b, "ck/delta"), 3); // those after the older snapshot
    take(ckpt, 5, "five");
    assert_int_equal(entries_of(&b, "ck/delta"), 1);
    assert_int_equal(entries_of(&b, "ck/work/000001/snap"), 1);
    assert_int_equal(entries_of(&b, "ck/snap"), 0);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

// ---------------------------------------------------------------- who may publish

// The check of the generation alone leaves a moment between it and the rename.
SL_TEST(place_is_fenced_off_for_an_older_driver, "EXACTLY-ONCE-2")
{
    bench b;
    sl_env *second = NULL;
    bench_new(&b);
    sli_world_plant(b.world, "zombie-unchecked");
    sli_ckpt *older = open_begun(b.env, "ck", FAR);
    take(older, 1, "one");
    seal(older, 2);
    sli_world_break_locks(b.world);
    assert_int_equal(sli_world_boot(b.world, NULL, &second, NULL), SL_OK);
    sli_ckpt *newer = open_begun(second, "ck", FAR);
    assert_int_equal(snapshot(older, 2, "late", &b.err), SL_E_NOT_FOUND);
    take(newer, 3, "three");
    char expected[400];
    expect(expected, "000000001 000000003 ", "one", 1, "three", 2);
    check_far(&b, expected);
    sli_ckpt_close(newer);
    sli_ckpt_close(older);
    sli_env_free(second);
    bench_free(&b);
}

// ---------------------------------------------------------------- who may begin

SL_TEST(place_with_snapshots_of_the_name_is_no_place_for_an_empty_checkpoint, "EXACTLY-ONCE-3")
{
    bench b;
    sli_ckpt *other = NULL;
    bench_new(&b);
    sli_ckpt *ckpt = open_begun(b.env, "ck", FAR);
    assert_int_equal(open_as(&other, b.env, "new", "job", FAR, &b.err), SL_OK); // nothing yet
    sli_ckpt_close(other);
    take(ckpt, 1, "one");
    assert_int_equal(open_as(&other, b.env, "newer", "job", FAR, &b.err), SL_E_INCOMPATIBLE);
    assert_non_null(strstr(b.err.text, "has snapshots of the job \"job\" up to group 1"));
    assert_int_equal(open_as(&other, b.env, "newer", "another", FAR, &b.err), SL_OK);
    sli_ckpt_close(other);
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

SL_TEST(place_is_on_record_and_not_left_by_mistake, "EXACTLY-ONCE-3")
{
    bench b;
    char *text = NULL;
    size_t size = 0;
    sli_ckpt *ckpt = NULL;
    bench_new(&b);
    ckpt = open_begun(b.env, "ck", "");
    take(ckpt, 1, "one");
    sli_ckpt_close(ckpt);
    ckpt = open_begun(b.env, "ck", FAR); // it may move there
    take(ckpt, 2, "two");
    sli_ckpt_close(ckpt);
    assert_int_equal(sli_world_read(b.world, "ck/MANIFEST.json", &text, &size, NULL), SL_OK);
    static const char kept[] = "\"hdfs://nn1/far?retry_timeout=2s&token=file:secret&user=me\"";
    assert_non_null(memmem(text, size, kept, sizeof kept - 1));
    assert_null(memmem(text, size, "hidden", 6));
    sl_free(text);
    assert_int_equal(open_as(&ckpt, b.env, "ck", "job", "", &b.err), SL_E_INCOMPATIBLE);
    assert_non_null(strstr(b.err.text, "set checkpoint.snapshots to that"));
    assert_int_equal(open_as(&ckpt, b.env, "ck", "job", "hdfs://nn1/fear", &b.err),
                     SL_E_INCOMPATIBLE);
    assert_int_equal(
        open_as(&ckpt, b.env, "ck", "job", "hdfs://nn2/far?namenodes=nn1:9870", &b.err),
        SL_OK); // another address of the same
    sli_ckpt_close(ckpt);
    bench_free(&b);
}

// ---------------------------------------------------------------- seen from outside

SL_TEST(place_is_looked_into_and_may_be_away, "")
{
    bench b;
    sli_ckpt_info info;
    bench_new(&b);
    sli_ckpt *ckpt = open_begun(b.env, "ck", FAR);
    take(ckpt, 1, "one");
    sli_ckpt_close(ckpt);
    assert_int_equal(sli_ckpt_inspect(b.env, "ck", &info, &b.err), SL_OK);
    assert_int_equal(info.newest_snapshot, 1);
    assert_int_equal(info.snapshot_bytes, 7);
    SL_CHECK_TEXT(info.away, "");
    sli_hdfs_cluster_away(b.hdfs, SLI_FOREVER);
    assert_int_equal(sli_ckpt_inspect(b.env, "ck", &info, &b.err), SL_OK);
    assert_int_equal(info.last_sealed, 1);
    assert_int_equal(info.newest_snapshot, 0);
    assert_non_null(strstr(info.away, "nn1"));
    bench_free(&b);
}
