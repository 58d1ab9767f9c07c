// Write-ahead logs: records through generations, cut over, forgotten, on a full disk.
#include "ckpt/ckpt_int.h"

#include "ckpt/fixture_int.h"

static const sli_ckpt_job job = {.name = "job", .graph_text = "", .graph_hash = 1};

static sli_ckpt *open_begun(sl_env *env)
{
    sli_ckpt *ckpt = NULL;
    sl_error err = SL_ERROR_INIT;
    if (sli_ckpt_open(&ckpt, env, "ck", &job, NULL, NULL, &err) != SL_OK ||
        sli_ckpt_begin(ckpt, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    sli_ckpt_limits(ckpt, 1 << 20, 1000);
    return ckpt;
}

static void append_text(sli_wal *wal, int64_t expected)
{
    char text[32];
    int64_t number = -1;
    (void)snprintf(text, sizeof text, "record %lld", (long long)expected);
    assert_int_equal(sli_wal_append(wal, fx_bytes(text), &number, NULL), SL_OK);
    assert_int_equal(number, expected);
}

static void check_record(sli_wal *wal, int64_t number)
{
    char text[32];
    sli_buffer *buffer = NULL;
    (void)snprintf(text, sizeof text, "record %lld", (long long)number);
    assert_int_equal(sli_wal_read(wal, number, &buffer, NULL), SL_OK);
    assert_int_equal(sli_buffer_size(buffer), strlen(text));
    assert_memory_equal(sli_buffer_bytes(buffer), text, strlen(text));
    sli_buffer_unref(buffer);
}

SL_TEST(wal_numbers_and_reads_records_through_generations, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    int64_t next = 0;
    for (int life = 0; life < 5; life++) {
        sli_ckpt *ckpt = open_begun(env);
        sli_wal *wal = NULL;
        assert_int_equal(sli_wal_open(&wal, ckpt, "in-1.a", NULL), SL_OK);
        assert_int_equal(sli_wal_next(wal), next);
        assert_int_equal(sli_wal_synced(wal), next);
        for (int i = 0; i < 30; i++) { // cut over several times
            append_text(wal, next++);
        }
        assert_true(sli_wal_synced(wal) == next - 30);
        assert_int_equal(sli_wal_sync(wal, NULL), SL_OK);
        assert_int_equal(sli_wal_synced(wal), next);
        for (int64_t i = 0; i < next; i++) {
            check_record(wal, i);
        }
        sli_wal_close(wal);
        sli_ckpt_close(ckpt);
    }
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(wal_forgets_whole_segments_and_never_reuses_a_number, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    int64_t next = 0;
    for (int life = 0; life < 4; life++) {
        sli_ckpt *ckpt = open_begun(env);
        sli_wal *wal = NULL;
        sli_buffer *buffer = NULL;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_wal_open(&wal, ckpt, "in", NULL), SL_OK);
        assert_int_equal(sli_wal_next(wal), next);
        for (int i = 0; life != 2 && i < 30; i++) { // the third life receives nothing
            append_text(wal, next++);
        }
        assert_int_equal(sli_wal_sync(wal, NULL), SL_OK);
        sli_wal_forget(wal, next - 5);
        int64_t first = sli_wal_first(wal);
        assert_true(first > next - 30 && first <= next - 5);
        assert_true(sli_wal_bytes(wal) < 3000);
        check_record(wal, next - 5);
        assert_int_equal(sli_wal_read(wal, first - 1, &buffer, &err), SL_E_NOT_FOUND);
        assert_int_equal(sli_wal_read(wal, next, &buffer, &err), SL_E_CORRUPT);
        sli_wal_forget(wal, next);
        assert_int_equal(sli_wal_next(wal), next);
        sli_wal_close(wal);
        sli_ckpt_close(ckpt);
    }
    sli_env_free(env);
    sli_world_free(world);
}

/// A process that appends records up to `next`, syncs before the last `unsynced` of them, and dies.
static void die_with(sli_world *world, int64_t from, int64_t next, int64_t unsynced)
{
    sl_env *env = NULL;
    sli_wal *wal = NULL;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    sli_ckpt *ckpt = open_begun(env);
    assert_int_equal(sli_wal_open(&wal, ckpt, "in", NULL), SL_OK);
    assert_int_equal(sli_wal_next(wal), from);
    for (int64_t i = 0; i < from; i++) {
        check_record(wal, i);
    }
    for (int64_t i = from; i < next; i++) {
        append_text(wal, i);
        if (next - i == unsynced + 1) {
            assert_int_equal(sli_wal_sync(wal, NULL), SL_OK);
        }
    }
    sli_world_kill(env);
    sli_wal_close(wal);
    sli_ckpt_close(ckpt);
    sli_env_free(env);
}

static bool is_there(sli_world *world, const char *path)
{
    char *bytes = NULL;
    size_t size = 0;
    bool there = sli_world_read(world, path, &bytes, &size, NULL) == SL_OK;
    sl_free(bytes);
    return there;
}

SL_TEST(wal_records_that_may_not_be_durable_are_copied_by_the_next_life, "DURABLE-1")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    die_with(world, 0, 5, 2); // five can be read; nothing says that the first three are durable
    die_with(world, 5, 5, 0); // copies all
    sli_world_power_loss(world, true);
    die_with(world, 5, 5, 0); // finds them, and has no reason to copy them again
    assert_true(is_there(world, "ck/wal/000002-0001-in.wal"));
    assert_false(is_there(world, "ck/wal/000003-0001-in.wal"));
    die_with(world, 5, 45, 0); // cut over; the last segment's end is open
    die_with(world, 45, 45, 0);
    assert_true(is_there(world, "ck/wal/000005-0001-in.wal"));
    sli_world_power_loss(world, true);
    die_with(world, 45, 46, 0); // behind copies of its own
    die_with(world, 46, 46, 0);
    sli_world_power_loss(world, true);
    die_with(world, 46, 46, 0);
    sli_world_free(world);
}

SL_TEST(wal_on_a_full_disk_stays_usable, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    sli_ckpt *ckpt = open_begun(env);
    sli_wal *wal = NULL;
    assert_int_equal(sli_wal_open(&wal, ckpt, "in", NULL), SL_OK);
    int64_t number, next = 0;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    sli_world_disk_limit(world, 1);
    assert_int_equal(sli_wal_append(wal, fx_bytes("no room for a segment"), &number, &err),
                     SL_E_NO_SPACE);
    for (int64_t limit = 2000; limit < 8000;
         limit += 37) { // full at every place of frames and segments
        sli_world_disk_limit(world, limit);
        do {
            char text[32];
            (void)snprintf(text, sizeof text, "record %lld", (long long)next);
            rc = sli_wal_append(wal, fx_bytes(text), &number, &err);
            next += rc == SL_OK;
        } while (rc == SL_OK);
        assert_int_equal(rc, SL_E_NO_SPACE);
    }
    sli_world_disk_limit(world, 0);
    append_text(wal, next++);
    assert_int_equal(sli_wal_sync(wal, NULL), SL_OK);
    sli_wal_close(wal);
    sli_ckpt_close(ckpt);
    ckpt = open_begun(env);
    assert_int_equal(sli_wal_open(&wal, ckpt, "in", NULL), SL_OK);
    assert_int_equal(sli_wal_next(wal), next);
    for (int64_t i = 0; i < next; i++) {
        check_record(wal, i);
    }
    sli_wal_close(wal);
    sli_ckpt_close(ckpt);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(wal_two_receivers_and_large_records, "")
{
    sl_env *env = NULL;
    char dir[4096];
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    (void)snprintf(dir, sizeof dir, "%s/ck", slt_temp_dir());
    char *large = sl_alloc_zero(SLI_TAG_TEST, 3 << 20);
    for (int life = 0; life < 2; life++) {
        sli_ckpt *ckpt = NULL;
        sli_wal *a = NULL, *b = NULL;
        assert_int_equal(sli_ckpt_open(&ckpt, env, dir, &job, NULL, NULL, NULL), SL_OK);
        assert_int_equal(sli_ckpt_begin(ckpt, NULL), SL_OK);
        assert_int_equal(sli_wal_open(&a, ckpt, "in", NULL), SL_OK);
        assert_int_equal(sli_wal_open(&b, ckpt, "in-0001-x", NULL),
                         SL_OK); // looks like a part of a name
        int64_t number = 0;
        for (int i = 0; i < 4; i++) {
            large[0] = (char)(i + life * 4);
            assert_int_equal(sli_wal_append(a, (sl_bytes){large, 3 << 20}, &number, NULL), SL_OK);
            assert_int_equal(number, i + life * 4);
        }
        assert_int_equal(sli_wal_append(b, (sl_bytes){0}, &number, NULL), SL_OK);
        assert_int_equal(number, life);
        assert_int_equal(sli_wal_sync(a, NULL), SL_OK);
        assert_int_equal(sli_wal_sync(b, NULL), SL_OK);
        for (int i = 0; i < 4 + life * 4; i++) {
            sli_buffer *buffer = NULL;
            assert_int_equal(sli_wal_read(a, i, &buffer, NULL), SL_OK);
            assert_int_equal(sli_buffer_size(buffer), 3 << 20);
            assert_int_equal(sli_buffer_bytes(buffer)[0], i);
            sli_buffer_unref(buffer);
        }
        assert_int_equal(
            sli_wal_append(a, (sl_bytes){large, (size_t)SLI_FRAME_MOST_BYTES + 1}, &number, NULL),
            SL_E_INVALID);
        sli_wal_close(a);
        sli_wal_close(b);
        sli_ckpt_close(ckpt);
    }
    sl_free(large);
    sli_env_free(env);
}
