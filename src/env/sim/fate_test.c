/// fate_test.c — what a crash and a power loss leave of the simulated disk, and what a bad disk
/// does.
#include "env/sim/fixture_test.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"

SL_TEST(sim_process_crash_keeps_what_was_not_synced, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(slt_sim_append(env, "log", "abc", false), SL_OK);
    sli_world_kill(env);
    assert_true(sli_world_is_dead(env));
    assert_int_equal(slt_sim_append(env, "log", "zombie", true), SL_E_CRASHED);
    sli_env_free(env);
    assert_true(slt_sim_holds(world, "log", "abc"));
    env = slt_sim_boot(world, (sli_fault){0}); // readable, and still not durable
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_null(slt_sim_content(world, "log"));
    sli_world_free(world);
}

SL_TEST(sim_later_process_can_make_durable_what_it_found, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(slt_sim_append(env, "log", "abc", false), SL_OK);
    sli_world_kill(env);
    sli_env_free(env);
    env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(slt_sim_append(env, "log", "", true), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, ".", NULL), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_true(slt_sim_holds(world, "log", "abc"));
    sli_world_free(world);
}

SL_TEST(sim_data_and_name_are_durable_apart, "")
{
    for (int synced = 0; synced < 4; synced++) {
        sli_world *world = slt_sim_world(3);
        sl_env *env = slt_sim_boot(world, (sli_fault){0});
        assert_int_equal(slt_sim_append(env, "f", "abc", (synced & 1) != 0), SL_OK);
        if ((synced & 2) != 0) {
            assert_int_equal(sli_env_sync_dir(env, "/", NULL), SL_OK);
        }
        sli_env_free(env);
        sli_world_power_loss(world, true);
        assert_true(slt_sim_holds(world, "f", synced == 3 ? "abc" : synced == 2 ? "" : NULL));
        sli_world_free(world);
    }
}

/// One power loss of a log with a durable beginning and three appends that are not.
static char *log_after_power_loss(uint64_t seed)
{
    sli_world *world = slt_sim_world(seed);
    assert_int_equal(sli_world_put(world, "log", "0123", 4, NULL), SL_OK);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(slt_sim_append(env, "log", "aaaaaaaa", false), SL_OK);
    assert_int_equal(slt_sim_append(env, "log", "bbbbbbbb", false), SL_OK);
    assert_int_equal(slt_sim_append(env, "log", "cccccccc", false), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, false);
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(world, "log", &bytes, &size, NULL), SL_OK);
    assert_true(size >= 4 && size <= 28);
    assert_memory_equal(bytes, "0123", 4);
    sli_world_power_loss(world, true); // what the first one left is durable
    char *second = NULL;
    size_t second_size = 0;
    assert_int_equal(sli_world_read(world, "log", &second, &second_size, NULL), SL_OK);
    assert_int_equal(second_size, size);
    assert_memory_equal(second, bytes, size);
    sl_free(second);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = bytes[i] == '\0' ? '.' : bytes[i];
    }
    sli_world_free(world);
    return bytes;
}

SL_TEST(sim_power_loss_reaches_every_fate, "")
{
    bool all = false, none = false, prefix = false, torn = false, hole = false;
    for (uint64_t seed = 0; seed < 300; seed++) {
        char *log = log_after_power_loss(seed), *again = log_after_power_loss(seed);
        assert_string_equal(log, again);
        const char *tail = log + 4;
        all = all || strcmp(tail, "aaaaaaaabbbbbbbbcccccccc") == 0;
        none = none || *tail == '\0';
        prefix = prefix || strcmp(tail, "aaaaaaaa") == 0 || strcmp(tail, "aaaaaaaabbbbbbbb") == 0;
        torn = torn || (strlen(tail) > 0 && strlen(tail) < 8 && *tail == 'a');
        hole = hole || (strncmp(tail, "........", 8) == 0 && strstr(tail, "bbbbbbbb") != NULL);
        sl_free(log);
        sl_free(again);
    }
    assert_true(all);
    assert_true(none);
    assert_true(prefix);
    assert_true(torn);
    assert_true(hole);
}

SL_TEST(sim_overwrites_are_undone_or_torn_in_place, "")
{
    bool old = false, new = false, mixed = false;
    for (uint64_t seed = 0; seed < 100; seed++) {
        sli_world *world = slt_sim_world(seed);
        assert_int_equal(sli_world_put(world, "f", "0000000000", 10, NULL), SL_OK);
        sl_env *env = slt_sim_boot(world, (sli_fault){0});
        sli_file *file = NULL;
        assert_int_equal(sli_file_open(env, "f", SLI_UPDATE, &file, NULL), SL_OK);
        assert_int_equal(sli_file_write_at(file, 2, "111111", 6, NULL), SL_OK);
        sli_file_close(&file);
        sli_env_free(env);
        sli_world_power_loss(world, false);
        char *bytes = slt_sim_content(world, "f");
        assert_true(strlen(bytes) <= 10 && memcmp(bytes, "00", 2) == 0);
        old = old || strcmp(bytes, "0000000000") == 0;
        new = new || strcmp(bytes, "0011111100") == 0;
        mixed = mixed || strcmp(bytes, "0011100000") == 0 || strcmp(bytes, "0000011100") == 0 ||
                (strcmp(bytes, "0000000000") != 0 && strcmp(bytes, "0011111100") != 0);
        sl_free(bytes);
        sli_world_free(world);
    }
    assert_true(old && new &&mixed);
}

SL_TEST(sim_rename_without_directory_sync_may_be_undone, "")
{
    bool kept = false, undone = false;
    for (uint64_t seed = 0; seed < 40; seed++) {
        sli_world *world = slt_sim_world(seed);
        assert_int_equal(sli_world_put(world, "stage/f", "rows", 4, NULL), SL_OK);
        assert_int_equal(sli_world_put(world, "out/other", "", 0, NULL), SL_OK);
        sl_env *env = slt_sim_boot(world, (sli_fault){0});
        assert_int_equal(sli_env_rename(env, "stage/f", "out/f", false, NULL), SL_OK);
        assert_int_equal(sli_env_sync_dir(env, "stage", NULL), SL_OK); // the wrong one
        sli_env_free(env);
        sli_world_power_loss(world, false);
        bool at_old = slt_sim_holds(world, "stage/f", "rows"),
             at_new = slt_sim_holds(world, "out/f", "rows");
        assert_true(at_old != at_new); // atomic
        kept = kept || at_new;
        undone = undone || at_old;
        sli_world_free(world);
    }
    assert_true(kept && undone);
}

SL_TEST(sim_synced_directory_keeps_renames_and_what_they_rest_on, "")
{
    sli_world *world = slt_sim_world(5);
    assert_int_equal(sli_world_put(world, "out/conf", "old", 3, NULL), SL_OK);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(slt_sim_append(env, "tmp", "new", true), SL_OK); // its name was never synced
    assert_int_equal(sli_env_rename(env, "tmp", "out/conf", true, NULL), SL_OK);
    assert_int_equal(slt_sim_append(env, "out/lost", "x", true), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "out", NULL), SL_OK);
    assert_int_equal(sli_env_remove(env, "out/lost", NULL), SL_OK);
    assert_int_equal(sli_env_rename(env, "out/conf", "out/moved", true, NULL), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_true(slt_sim_holds(world, "out/conf", "new"));
    assert_true(slt_sim_holds(world, "out/lost", "x"));
    assert_true(slt_sim_holds(world, "out/moved", NULL));
    assert_true(slt_sim_holds(world, "tmp", NULL));
    sli_world_free(world);
}

SL_TEST(sim_directory_whose_parent_was_not_synced_is_lost_whole, "")
{
    sli_world *world = slt_sim_world(5);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(sli_env_mkdirs(env, "a/b", NULL), SL_OK);
    assert_int_equal(slt_sim_append(env, "a/b/f", "x", true), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "a/b", NULL), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_true(slt_sim_holds(world, "a/b/f", NULL));
    sli_str names = SLI_STR_INIT;
    assert_int_equal(sli_world_list(world, "/", NULL, &names, NULL), SL_OK); // empty: never called
    sli_str_reset(&names);
    sli_world_free(world);
}

SL_TEST(sim_failed_sync_loses_for_good, "")
{
    sli_world *world = slt_sim_world(6);
    assert_int_equal(sli_world_put(world, "log", "", 0, NULL), SL_OK);
    sl_env *env = slt_sim_boot(world, (sli_fault){.fail_at_call = 3});
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(env, "log", SLI_APPEND, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write(file, "one", 3, NULL), SL_OK);
    assert_int_equal(sli_file_sync(file, NULL), SL_E_IO);
    assert_true(sli_world_fault_reached(env));
    assert_int_equal(sli_file_sync(file, NULL), SL_OK); // the kernel says yes, and lies
    assert_int_equal(sli_file_write(file, "two", 3, NULL), SL_OK);
    assert_int_equal(sli_file_sync(file, NULL), SL_OK);
    sli_file_close(&file);
    sli_env_free(env);
    assert_true(slt_sim_holds(world, "log", "onetwo"));
    sli_world_power_loss(world, true);
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(world, "log", &bytes, &size, NULL), SL_OK);
    assert_int_equal(size, 6);
    assert_memory_equal(bytes, "\0\0\0two", 6);
    sl_free(bytes);
    sli_world_free(world);
}

SL_TEST(sim_write_file_shows_old_or_new_after_any_crash, "")
{
    int64_t n = 1, old = 0, new = 0;
    for (bool reached = true; reached; n++) {
        for (uint64_t seed = 0; seed < 24; seed++) {
            sli_world *world = slt_sim_world(seed);
            assert_int_equal(sli_world_put(world, "d/conf", "old content", 11, NULL), SL_OK);
            sl_env *env = slt_sim_boot(world, (sli_fault){.crash_at_call = n});
            sl_code rc = sli_env_write_file(env, "d/conf", "the new content", 15, NULL);
            reached = sli_world_fault_reached(env);
            assert_true(rc == (reached ? SL_E_CRASHED : SL_OK));
            sli_env_free(env);
            if (seed % 3 != 0) {
                sli_world_power_loss(world, seed % 3 == 1);
            }
            bool is_old = slt_sim_holds(world, "d/conf", "old content");
            assert_true(is_old || slt_sim_holds(world, "d/conf", "the new content"));
            assert_true(reached || !is_old);
            old += is_old ? 1 : 0;
            new += is_old ? 0 : 1;
            sli_world_free(world);
        }
    }
    assert_int_equal(n - 2, 5); // open, write, sync, rename, sync of the directory
    assert_true(old > 0 && new > 0);
}

SL_TEST(sim_dying_write_may_leave_a_part, "")
{
    bool none = false, some = false, whole = false;
    for (uint64_t seed = 0; seed < 200; seed++) {
        sli_world *world = slt_sim_world(seed);
        sl_env *env =
            slt_sim_boot(world, (sli_fault){.crash_at_call = 1, .only_site = "file.write"});
        assert_int_equal(slt_sim_append(env, "f", "abcd", false), SL_E_CRASHED);
        sli_env_free(env);
        char *bytes = slt_sim_content(world, "f");
        size_t size = strlen(bytes);
        none = none || size == 0;
        some = some || (size > 0 && size < 4);
        whole = whole || size == 4;
        sl_free(bytes);
        sli_world_free(world);
    }
    assert_true(none && some && whole);
}

SL_TEST(sim_disk_limit_and_its_release, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1, .disk_limit_bytes = 10});
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(slt_sim_append(env, "a", "12345678", true), SL_OK);
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(env, "b", SLI_CREATE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write(file, "abc", 3, &err), SL_E_NO_SPACE);
    assert_non_null(strstr(err.text, "b: write"));
    assert_int_equal(sli_file_truncate(file, 100, &err), SL_E_NO_SPACE);
    assert_int_equal(sli_file_truncate(file, 0, &err), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "/", NULL), SL_OK);
    assert_int_equal(sli_env_remove(env, "a", NULL), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "/", NULL), SL_OK); // its bytes are free only now
    assert_int_equal(sli_file_write(file, "0123456789", 10, &err), SL_OK);
    sli_file_close(&file);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_flip_and_cut_are_what_a_bad_disk_does, "")
{
    sli_world *world = slt_sim_world(1);
    assert_int_equal(sli_world_put(world, "f", "abc", 3, NULL), SL_OK);
    assert_int_equal(sli_world_flip(world, "f", 1, 0x20, NULL), SL_OK);
    assert_true(slt_sim_holds(world, "f", "aBc"));
    assert_int_equal(sli_world_flip(world, "f", 3, 1, NULL), SL_E_INVALID);
    assert_int_equal(sli_world_cut(world, "f", 4, NULL), SL_E_INVALID);
    assert_int_equal(sli_world_cut(world, "f", 1, NULL), SL_OK);
    assert_true(slt_sim_holds(world, "f", "a"));
    assert_int_equal(sli_world_rename(world, "f", "g", NULL), SL_OK);
    assert_int_equal(sli_world_touch(world, "g", 7, NULL), SL_OK);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_stat stat;
    assert_int_equal(sli_env_stat(env, "g", &stat, NULL), SL_OK);
    assert_int_equal(stat.modified_us, 7);
    assert_int_equal(sli_env_rename(env, "g", "h", false, NULL), SL_OK);
    sli_env_free(env);
    assert_int_equal(sli_world_remove(world, "h", NULL), SL_OK);
    assert_int_equal(sli_world_remove(world, "h", NULL), SL_E_NOT_FOUND);
    sli_world_power_loss(world, true);
    assert_true(slt_sim_holds(world, "g", NULL) && slt_sim_holds(world, "h", NULL));
    sli_world_free(world);
}

/// A random change of a few directories that nobody ever relies on.
static void churn_dirs(sl_env *env, sli_rng *rng)
{
    char dir[16], other[16], file[32];
    snprintf(dir, sizeof dir, "m%d", (int)sli_rng_below(rng, 3));
    snprintf(other, sizeof other, "m%d", (int)sli_rng_below(rng, 3));
    snprintf(file, sizeof file, "%s/x", dir);
    switch (sli_rng_below(rng, 6)) {
    case 0:
        (void)sli_env_mkdirs(env, dir, NULL);
        break;
    case 1:
        (void)slt_sim_append(env, file, "x", false);
        break;
    case 2:
        (void)sli_env_remove(env, file, NULL);
        break;
    case 3:
        (void)sli_env_remove_dir(env, dir, NULL);
        break;
    case 4:
        (void)sli_env_rename(env, dir, other, true, NULL);
        break;
    default:
        (void)sli_env_sync_dir(env, dir, NULL);
        break;
    }
}

/// Random file operations under a seed, then a power loss: nothing that was made durable is ever
/// missing.
static void durable_churn(uint64_t seed)
{
    sli_world *world = slt_sim_world(seed);
    sli_rng rng = {seed};
    char durable[8][40] = {{0}};
    for (int round = 0; round < 6; round++) {
        sl_env *env = slt_sim_boot(world, (sli_fault){0});
        for (int step = 0; step < 30; step++) {
            char a[16], b[16];
            snprintf(a, sizeof a, "n%d", (int)sli_rng_below(&rng, 8) + 8);
            snprintf(b, sizeof b, "n%d", (int)sli_rng_below(&rng, 8) + 8);
            churn_dirs(env, &rng);
            uint64_t what = sli_rng_below(&rng, 6);
            if (what < 2) {
                (void)slt_sim_append(env, a, b, what == 0);
            } else if (what == 2) {
                (void)sli_env_rename(env, a, b, sli_rng_below(&rng, 2) == 0, NULL);
            } else if (what == 3) {
                (void)sli_env_remove(env, a, NULL);
            } else if (what == 4) {
                uint64_t k = sli_rng_below(&rng, 8);
                snprintf(durable[k], sizeof durable[k], "round %d step %d", round, step);
                char path[16];
                snprintf(path, sizeof path, "n%d", (int)k);
                assert_int_equal(
                    sli_env_write_file(env, path, durable[k], strlen(durable[k]), NULL), SL_OK);
            } else {
                assert_int_equal(sli_env_sync_dir(env, ".", NULL), SL_OK);
            }
        }
        sli_world_kill(env);
        sli_env_free(env);
        if (sli_rng_below(&rng, 2) == 0) {
            sli_world_power_loss(world, sli_rng_below(&rng, 4) == 0);
        }
        for (int k = 0; k < 8; k++) {
            char path[16];
            snprintf(path, sizeof path, "n%d", k);
            assert_true(slt_sim_holds(world, path, durable[k][0] == '\0' ? NULL : durable[k]));
        }
    }
    sli_world_free(world);
}

SL_TEST(sim_what_is_durable_stays, "")
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        durable_churn(seed);
    }
}

SL_TEST(sim_short_lived_files_leave_no_record, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    int64_t used = 0;
    for (int i = 0; i < 2000; i++) {
        char path[32];
        snprintf(path, sizeof path, "spill%d", i);
        assert_int_equal(slt_sim_append(env, path, "rows", false), SL_OK);
        assert_int_equal(sli_env_remove(env, path, NULL), SL_OK);
        used = i == 10 ? sli_mem_used(SLI_TAG_ENV) : used;
    }
    assert_int_equal(sli_mem_used(SLI_TAG_ENV), used);
    sli_env_free(env);
    sli_world_free(world);
}
