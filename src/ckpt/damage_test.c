// A bad disk: every byte flipped and every prefix cut of every file. What comes back is right, or
// an error that names the file; the torn tail of the newest log may be missing, and that is told.
#include "ckpt/fixture_int.h"

static sl_code copy_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s\n", name);
    return SL_OK;
}

static void list_below(sli_world *world, const char *dir, sli_str *out)
{
    sli_str names = SLI_STR_INIT;
    if (sli_world_list(world, dir, copy_name, &names, NULL) != SL_OK) {
        sli_str_reset(&names);
        return;
    }
    char *save = NULL;
    for (char *name = names.size == 0 ? NULL : strtok_r(names.data, "\n", &save); name != NULL;
         name = strtok_r(NULL, "\n", &save)) {
        char path[256], *bytes = NULL;
        size_t size;
        (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        if (sli_world_read(world, path, &bytes, &size, NULL) == SL_OK) {
            sli_str_printf(out, "%s\n", path);
            sl_free(bytes);
        } else {
            list_below(world, path, out);
        }
    }
    sli_str_reset(&names);
}

/// A world after two lives with groups 1 to 5, snapshots 2 and 4, and records in the write-ahead
/// log.
static sli_world *damaged_world(fx_where where, fx_ghost *ghost)
{
    sli_world *world = fx_world(3, (fx_kind){.where = where}, ghost);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(fx_boot(world, ghost, NULL, 3, &err, NULL), SL_OK);
    assert_int_equal(fx_boot(world, ghost, NULL, 5, &err, NULL), SL_OK);
    return world;
}

/// Boots after the damage. The newest segment may have lost its tail: then the ghost's complaint
/// says so, and the engine's sinks would refuse. Everything else must be right, or an error that
/// names the file.
static bool is_found(sli_world *world, fx_ghost *ghost, const char *path, bool may_lose_tail,
                     char *why, size_t room)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = fx_boot(world, ghost, NULL, FX_GROUPS, &err, NULL);
    (void)snprintf(why, room, "%.250s | %.250s", ghost->wrong, err.text);
    if (ghost->wrong[0] != '\0') {
        bool lost =
            strstr(ghost->wrong, " is lost") != NULL && strstr(ghost->wrong, "found \"\"") != NULL;
        return may_lose_tail && lost;
    }
    if (rc == SL_OK) {
        return true;
    }
    bool named = strstr(err.text, strrchr(path, '/') + 1) != NULL ||
                 strstr(err.text, "hole in the epoch log") != NULL ||
                 strstr(err.text, "the log has lost its end") != NULL ||
                 strstr(err.text, "write-ahead log of in") != NULL;
    return rc == SL_E_CORRUPT && named;
}

/// `below`: whose files.
static void try_all(fx_where where, const char *below, bool cut, int64_t least)
{
    fx_ghost ghost;
    sli_world *world = damaged_world(where, &ghost);
    sli_str files = SLI_STR_INIT;
    list_below(world, below, &files);
    fx_world_free(world, &ghost);
    enum { MOST = 2500 };
    int64_t n_found = 0;
    char *save = NULL;
    for (char *path = strtok_r(files.data, "\n", &save); path != NULL;
         path = strtok_r(NULL, "\n", &save)) {
        int64_t size = 1;
        bool tail = strstr(path, "/log/000002-") != NULL || strstr(path, "/wal/000002-") != NULL;
        for (int64_t at = 0; at < size && strstr(path, "/LOCK") == NULL;
             at += slt_is_soak() ? 1 : 3) {
            char *bytes = NULL, why[800] = "";
            size_t n = 0;
            world = damaged_world(where, &ghost);
            assert_int_equal(sli_world_read(world, path, &bytes, &n, NULL), SL_OK);
            sl_free(bytes);
            size = (int64_t)n;
            size =
                size > MOST ? MOST : size; // behind that are zeroes that no frame was written over
            if (size > 0) {
                assert_int_equal(
                    cut ? sli_world_cut(world, path, at, NULL)
                        : sli_world_flip(world, path, at, (uint8_t)(1 << (at % 8)), NULL),
                    SL_OK);
                if (!is_found(world, &ghost, path, tail, why, sizeof why)) {
                    fail_msg("%s %s at %lld: %s", path, cut ? "cut" : "flipped", (long long)at,
                             why);
                }
                n_found++;
            }
            fx_world_free(world, &ghost);
        }
    }
    assert_true(n_found > least);
    sli_str_reset(&files);
}

SL_TEST(ckpt_finds_every_flipped_byte, "")
{
    try_all(FX_HERE, "work/ck", false, 1000);
    try_all(FX_BESIDE, "work/far", false, 200);
}

SL_TEST(ckpt_finds_every_cut_file, "")
{
    try_all(FX_HERE, "work/ck", true, 1000);
    try_all(FX_BESIDE, "work/far", true, 200);
}

SL_TEST(ckpt_tells_of_a_torn_tail_and_goes_on, "")
{
    fx_ghost ghost;
    sli_world *world = damaged_world(FX_HERE, &ghost);
    sl_env *env = NULL;
    char *bytes = NULL;
    size_t size = 0;
    const char *path = "work/ck/log/000002-0001.log";
    assert_int_equal(sli_world_read(world, path, &bytes, &size, NULL), SL_OK);
    while (bytes[size - 1] == 0) {
        size--; // prewritten
    }
    sl_free(bytes);
    assert_int_equal(sli_world_cut(world, path, (int64_t)size - 3, NULL),
                     SL_OK); // inside COMMITTED 5
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    sli_ckpt *ckpt = NULL;
    sli_ckpt_job job = {.name = "job", .graph_text = "graph", .graph_hash = 1};
    assert_int_equal(sli_ckpt_open(&ckpt, env, "work/ck", &job, NULL, NULL, NULL), SL_OK);
    assert_true(sli_ckpt_tail_was_torn(ckpt));
    assert_non_null(strstr(sli_ckpt_tail(ckpt), "log/000002-0001.log at offset "));
    int64_t n;
    const sli_frame *frames = sli_ckpt_frames(ckpt, &n);
    assert_int_equal(frames[n - 1].kind, SLI_SEALED);
    assert_int_equal(frames[n - 1].number, 5);
    assert_int_equal(sli_ckpt_begin(ckpt, NULL), SL_OK);
    sli_ckpt_close(ckpt);
    sli_env_free(env);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL), SL_OK);
    SL_CHECK_TEXT(ghost.wrong, "");
    fx_world_free(world, &ghost);
}

SL_TEST(ckpt_damage_before_synced_frames_is_no_torn_tail, "")
{
    fx_ghost ghost;
    sli_world *world = damaged_world(FX_HERE, &ghost);
    char *bytes = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    const char *path = "work/ck/log/000002-0001.log";
    assert_int_equal(sli_world_read(world, path, &bytes, &size, NULL), SL_OK);
    const char *body = memmem(bytes, size, "delta/000002-000000004", 22);
    assert_non_null(body);
    assert_int_equal(sli_world_flip(world, path, body - bytes, 1, NULL),
                     SL_OK); // in SEALED 4; group 5 came later
    sl_free(bytes);
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "no crash leaves that"));
    assert_non_null(strstr(err.text, "log/000002-0001.log: damaged at offset "));
    fx_world_free(world, &ghost);
}

SL_TEST(ckpt_hole_in_an_older_log_is_named, "")
{
    fx_ghost ghost;
    sli_world *world = damaged_world(FX_HERE, &ghost);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_world_cut(world, "work/ck/log/000001-0001.log", 600, NULL), SL_OK);
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "hole in the epoch log of generation 1"));
    assert_non_null(strstr(err.text, "log/000001-0001.log"));
    fx_world_free(world, &ghost);
}

SL_TEST(ckpt_damaged_snapshot_is_passed_over, "")
{
    fx_ghost ghost;
    sli_world *world = damaged_world(FX_HERE, &ghost);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_world_flip(world, "work/ck/snap/000000004/state/sum", 0, 1, NULL), SL_OK);
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL),
                     SL_OK); // from snapshot 2 and deltas 3 to 5
    SL_CHECK_TEXT(ghost.wrong, "");
    fx_world_free(world, &ghost);
    world = damaged_world(FX_HERE, &ghost);
    assert_int_equal(sli_world_flip(world, "work/ck/snap/000000004/state/sum", 0, 1, NULL), SL_OK);
    assert_int_equal(sli_world_cut(world, "work/ck/snap/000000002/SECTIONS.json", 9, NULL), SL_OK);
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL),
                     SL_E_CORRUPT); // deltas 1 and 2 are gone
    assert_non_null(strstr(err.text, "000000004/state/sum"));
    SL_CHECK_TEXT(ghost.wrong, "");
    fx_world_free(world, &ghost);
}

SL_TEST(ckpt_manifest_that_is_missing_is_named, "")
{
    fx_ghost ghost;
    sli_world *world = damaged_world(FX_HERE, &ghost);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_world_remove(world, "work/ck/MANIFEST.json", &err), SL_OK);
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "MANIFEST.json is missing"));
    fx_world_free(world, &ghost);
}

SL_TEST(ckpt_log_that_is_missing_beside_a_write_ahead_log_is_named, "")
{
    fx_ghost ghost;
    sli_world *world = fx_world(3, (fx_kind){0}, &ghost);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(fx_boot(world, &ghost, NULL, 1, &err, NULL), SL_OK); // no snapshot yet
    assert_int_equal(sli_world_remove(world, "work/ck/log/000001-0001.log", &err), SL_OK);
    assert_int_equal(fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "work/ck/log has no epoch log"));
    fx_world_free(world, &ghost);
}
