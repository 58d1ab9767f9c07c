/// sim_test.c — the simulated world's own promises: what a crash leaves, what the seed decides, who
/// may wait for whom.
#include "env/sim.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "sl_test.h"

static sli_world *world_of(uint64_t seed)
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = seed});
    assert_non_null(world);
    return world;
}

static sl_env *boot(sli_world *world, sli_fault fault)
{
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, &fault, &env, NULL), SL_OK);
    return env;
}

/// The content of a file as text (sl_free), or NULL when it is not there.
static char *content(sli_world *world, const char *path)
{
    char *bytes = NULL;
    size_t size = 0;
    return sli_world_read(world, path, &bytes, &size, NULL) == SL_OK ? bytes : NULL;
}

static bool content_is(sli_world *world, const char *path, const char *text)
{
    char *bytes = content(world, path);
    bool same = bytes == NULL ? text == NULL : text != NULL && strcmp(bytes, text) == 0;
    sl_free(bytes);
    return same;
}

static sl_code append(sl_env *env, const char *path, const char *text, bool sync)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(env, path, SLI_APPEND, &file, NULL));
    sl_code rc = sli_file_write(file, text, strlen(text), NULL);
    if (rc == SL_OK && sync) {
        rc = sli_file_sync(file, NULL);
    }
    sli_file_close(&file);
    return rc;
}

// ---------------------------------------------------------------- fates

SL_TEST(sim_process_crash_keeps_what_was_not_synced, "")
{
    sli_world *world = world_of(1);
    sl_env *env = boot(world, (sli_fault){0});
    assert_int_equal(append(env, "log", "abc", false), SL_OK);
    sli_world_kill(env);
    assert_true(sli_world_is_dead(env));
    assert_int_equal(append(env, "log", "zombie", true), SL_E_CRASHED);
    sli_env_free(env);
    assert_true(content_is(world, "log", "abc"));
    env = boot(world, (sli_fault){0}); // readable, and still not durable
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_null(content(world, "log"));
    sli_world_free(world);
}

SL_TEST(sim_later_process_can_make_durable_what_it_found, "")
{
    sli_world *world = world_of(1);
    sl_env *env = boot(world, (sli_fault){0});
    assert_int_equal(append(env, "log", "abc", false), SL_OK);
    sli_world_kill(env);
    sli_env_free(env);
    env = boot(world, (sli_fault){0});
    assert_int_equal(append(env, "log", "", true), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, ".", NULL), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_true(content_is(world, "log", "abc"));
    sli_world_free(world);
}

SL_TEST(sim_data_and_name_are_durable_apart, "")
{
    for (int synced = 0; synced < 4; synced++) {
        sli_world *world = world_of(3);
        sl_env *env = boot(world, (sli_fault){0});
        assert_int_equal(append(env, "f", "abc", (synced & 1) != 0), SL_OK);
        if ((synced & 2) != 0) {
            assert_int_equal(sli_env_sync_dir(env, "/", NULL), SL_OK);
        }
        sli_env_free(env);
        sli_world_power_loss(world, true);
        assert_true(content_is(world, "f", synced == 3 ? "abc" : synced == 2 ? "" : NULL));
        sli_world_free(world);
    }
}

/// One power loss of a log with a durable beginning and three appends that are not.
static char *log_after_power_loss(uint64_t seed)
{
    sli_world *world = world_of(seed);
    assert_int_equal(sli_world_put(world, "log", "0123", 4, NULL), SL_OK);
    sl_env *env = boot(world, (sli_fault){0});
    assert_int_equal(append(env, "log", "aaaaaaaa", false), SL_OK);
    assert_int_equal(append(env, "log", "bbbbbbbb", false), SL_OK);
    assert_int_equal(append(env, "log", "cccccccc", false), SL_OK);
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
        sli_world *world = world_of(seed);
        assert_int_equal(sli_world_put(world, "f", "0000000000", 10, NULL), SL_OK);
        sl_env *env = boot(world, (sli_fault){0});
        sli_file *file = NULL;
        assert_int_equal(sli_file_open(env, "f", SLI_UPDATE, &file, NULL), SL_OK);
        assert_int_equal(sli_file_write_at(file, 2, "111111", 6, NULL), SL_OK);
        sli_file_close(&file);
        sli_env_free(env);
        sli_world_power_loss(world, false);
        char *bytes = content(world, "f");
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
        sli_world *world = world_of(seed);
        assert_int_equal(sli_world_put(world, "stage/f", "rows", 4, NULL), SL_OK);
        assert_int_equal(sli_world_put(world, "out/other", "", 0, NULL), SL_OK);
        sl_env *env = boot(world, (sli_fault){0});
        assert_int_equal(sli_env_rename(env, "stage/f", "out/f", false, NULL), SL_OK);
        assert_int_equal(sli_env_sync_dir(env, "stage", NULL), SL_OK); // the wrong one
        sli_env_free(env);
        sli_world_power_loss(world, false);
        bool at_old = content_is(world, "stage/f", "rows"),
             at_new = content_is(world, "out/f", "rows");
        assert_true(at_old != at_new); // atomic
        kept = kept || at_new;
        undone = undone || at_old;
        sli_world_free(world);
    }
    assert_true(kept && undone);
}

SL_TEST(sim_synced_directory_keeps_renames_and_what_they_rest_on, "")
{
    sli_world *world = world_of(5);
    assert_int_equal(sli_world_put(world, "out/conf", "old", 3, NULL), SL_OK);
    sl_env *env = boot(world, (sli_fault){0});
    assert_int_equal(append(env, "tmp", "new", true), SL_OK); // its name was never synced
    assert_int_equal(sli_env_rename(env, "tmp", "out/conf", true, NULL), SL_OK);
    assert_int_equal(append(env, "out/lost", "x", true), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "out", NULL), SL_OK);
    assert_int_equal(sli_env_remove(env, "out/lost", NULL), SL_OK);
    assert_int_equal(sli_env_rename(env, "out/conf", "out/moved", true, NULL), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_true(content_is(world, "out/conf", "new"));
    assert_true(content_is(world, "out/lost", "x"));
    assert_true(content_is(world, "out/moved", NULL));
    assert_true(content_is(world, "tmp", NULL));
    sli_world_free(world);
}

SL_TEST(sim_directory_whose_parent_was_not_synced_is_lost_whole, "")
{
    sli_world *world = world_of(5);
    sl_env *env = boot(world, (sli_fault){0});
    assert_int_equal(sli_env_mkdirs(env, "a/b", NULL), SL_OK);
    assert_int_equal(append(env, "a/b/f", "x", true), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "a/b", NULL), SL_OK);
    sli_env_free(env);
    sli_world_power_loss(world, true);
    assert_true(content_is(world, "a/b/f", NULL));
    sli_str names = SLI_STR_INIT;
    assert_int_equal(sli_world_list(world, "/", NULL, &names, NULL), SL_OK); // empty: never called
    sli_str_reset(&names);
    sli_world_free(world);
}

SL_TEST(sim_failed_sync_loses_for_good, "")
{
    sli_world *world = world_of(6);
    assert_int_equal(sli_world_put(world, "log", "", 0, NULL), SL_OK);
    sl_env *env = boot(world, (sli_fault){.fail_at_call = 3});
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
    assert_true(content_is(world, "log", "onetwo"));
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
            sli_world *world = world_of(seed);
            assert_int_equal(sli_world_put(world, "d/conf", "old content", 11, NULL), SL_OK);
            sl_env *env = boot(world, (sli_fault){.crash_at_call = n});
            sl_code rc = sli_env_write_file(env, "d/conf", "the new content", 15, NULL);
            reached = sli_world_fault_reached(env);
            assert_true(rc == (reached ? SL_E_CRASHED : SL_OK));
            sli_env_free(env);
            if (seed % 3 != 0) {
                sli_world_power_loss(world, seed % 3 == 1);
            }
            bool is_old = content_is(world, "d/conf", "old content");
            assert_true(is_old || content_is(world, "d/conf", "the new content"));
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
        sli_world *world = world_of(seed);
        sl_env *env = boot(world, (sli_fault){.crash_at_call = 1, .only_site = "file.write"});
        assert_int_equal(append(env, "f", "abcd", false), SL_E_CRASHED);
        sli_env_free(env);
        char *bytes = content(world, "f");
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
    sl_env *env = boot(world, (sli_fault){0});
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(append(env, "a", "12345678", true), SL_OK);
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
    sli_world *world = world_of(1);
    assert_int_equal(sli_world_put(world, "f", "abc", 3, NULL), SL_OK);
    assert_int_equal(sli_world_flip(world, "f", 1, 0x20, NULL), SL_OK);
    assert_true(content_is(world, "f", "aBc"));
    assert_int_equal(sli_world_flip(world, "f", 3, 1, NULL), SL_E_INVALID);
    assert_int_equal(sli_world_cut(world, "f", 4, NULL), SL_E_INVALID);
    assert_int_equal(sli_world_cut(world, "f", 1, NULL), SL_OK);
    assert_true(content_is(world, "f", "a"));
    assert_int_equal(sli_world_rename(world, "f", "g", NULL), SL_OK);
    assert_int_equal(sli_world_touch(world, "g", 7, NULL), SL_OK);
    sl_env *env = boot(world, (sli_fault){0});
    sli_stat stat;
    assert_int_equal(sli_env_stat(env, "g", &stat, NULL), SL_OK);
    assert_int_equal(stat.modified_us, 7);
    assert_int_equal(sli_env_rename(env, "g", "h", false, NULL), SL_OK);
    sli_env_free(env);
    assert_int_equal(sli_world_remove(world, "h", NULL), SL_OK);
    assert_int_equal(sli_world_remove(world, "h", NULL), SL_E_NOT_FOUND);
    sli_world_power_loss(world, true);
    assert_true(content_is(world, "g", NULL) && content_is(world, "h", NULL));
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
        (void)append(env, file, "x", false);
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
    sli_world *world = world_of(seed);
    sli_rng rng = {seed};
    char durable[8][40] = {{0}};
    for (int round = 0; round < 6; round++) {
        sl_env *env = boot(world, (sli_fault){0});
        for (int step = 0; step < 30; step++) {
            char a[16], b[16];
            snprintf(a, sizeof a, "n%d", (int)sli_rng_below(&rng, 8) + 8);
            snprintf(b, sizeof b, "n%d", (int)sli_rng_below(&rng, 8) + 8);
            churn_dirs(env, &rng);
            uint64_t what = sli_rng_below(&rng, 6);
            if (what < 2) {
                (void)append(env, a, b, what == 0);
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
            assert_true(content_is(world, path, durable[k][0] == '\0' ? NULL : durable[k]));
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
    sli_world *world = world_of(1);
    sl_env *env = boot(world, (sli_fault){0});
    int64_t used = 0;
    for (int i = 0; i < 2000; i++) {
        char path[32];
        snprintf(path, sizeof path, "spill%d", i);
        assert_int_equal(append(env, path, "rows", false), SL_OK);
        assert_int_equal(sli_env_remove(env, path, NULL), SL_OK);
        used = i == 10 ? sli_mem_used(SLI_TAG_ENV) : used;
    }
    assert_int_equal(sli_mem_used(SLI_TAG_ENV), used);
    sli_env_free(env);
    sli_world_free(world);
}

// ---------------------------------------------------------------- traces, sites, faults

typedef struct pair {
    sl_env *env;
    sli_signal *done;
    const char *path;
    int n;
} pair;

static void write_some(void *ctx)
{
    pair *p = ctx;
    char text[16];
    snprintf(text, sizeof text, "%s%d ", p->path, p->n++);
    (void)append(p->env, "shared", text, false);
    sli_signal_set(p->done);
}

/// Two strands append to one file; the order is the seed's. Returns the trace; *out the file.
static uint64_t two_strands(uint64_t seed, double switch_chance, sli_fault fault, char **out)
{
    sli_world *world =
        sli_world_new(&(sli_world_conf){.seed = seed, .switch_chance = switch_chance});
    sl_env *env = boot(world, fault);
    pair a = {env, sli_signal_new(env), "a", 0}, b = {env, sli_signal_new(env), "b", 0};
    sli_strand *one = sli_strand_new(env, "one"), *two = sli_strand_new(env, "two");
    for (int i = 0; i < 5; i++) {
        assert_true(sli_strand_post(one, write_some, &a));
        assert_true(sli_strand_post(two, write_some, &b));
    }
    (void)sli_signal_wait(a.done, SLI_FOREVER, NULL);
    sli_strand_free(one);
    sli_strand_free(two);
    sli_signal_free(a.done);
    sli_signal_free(b.done);
    sli_env_free(env);
    *out = content(world, "shared");
    uint64_t trace = sli_world_trace(world);
    sli_world_free(world);
    return trace;
}

SL_TEST(sim_equal_seeds_give_equal_traces, "")
{
    int32_t n_orders = 0, n_traces = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        char *first = NULL, *again = NULL, *other = NULL;
        double chance = seed % 2 == 0 ? 0 : 0.3;
        uint64_t trace = two_strands(seed, chance, (sli_fault){0}, &first);
        assert_true(trace == two_strands(seed, chance, (sli_fault){0}, &again));
        assert_string_equal(first, again);
        assert_int_equal(strlen(first), 30);
        n_traces += two_strands(seed + 2, chance, (sli_fault){0}, &other) != trace ? 1 : 0;
        n_orders += strcmp(first, other) != 0 ? 1 : 0;
        sl_free(first);
        sl_free(again);
        sl_free(other);
    }
    assert_int_equal(n_traces, 10);
    assert_true(n_orders >= 5);
}

SL_TEST(sim_a_call_may_hang_while_others_go_on_and_kill_then, "")
{
    enum { ALL_OF_ONE = 15 };         // bytes
    for (int64_t n = 2; n < 8; n++) { // the first call is the main thread's wait
        char *file = NULL;
        (void)two_strands(7, 0, (sli_fault){.crash_at_call = n, .hang_us = 1000}, &file);
        assert_true(file != NULL && strlen(file) >= ALL_OF_ONE && strlen(file) < 2 * ALL_OF_ONE);
        sl_free(file);
    }
}

SL_TEST(sim_strands_of_the_dead_still_run_and_free, "")
{
    for (int64_t n = 1; n < 25; n++) {
        char *file = NULL;
        (void)two_strands(7, 0.2, (sli_fault){.crash_at_call = n}, &file); // asan: nothing leaks
        assert_true(file == NULL || strlen(file) <= 30);
        sl_free(file);
    }
}

SL_TEST(sim_sites_count_calls_crashes_failures, "")
{
    sli_world *world = world_of(1);
    sl_env *env = boot(world, (sli_fault){.fail_at_call = 2, .fail_code = SL_E_NO_SPACE});
    assert_int_equal(append(env, "f", "x", false), SL_E_NO_SPACE);
    assert_int_equal(append(env, "f", "x", false), SL_OK);
    assert_int_equal(sli_world_calls(env), 4);
    sli_env_free(env);
    env = boot(world, (sli_fault){.crash_at_call = 1, .only_site = "file.sync"});
    assert_int_equal(append(env, "f", "x", true), SL_E_CRASHED);
    assert_int_equal(sli_world_calls(env), 1);
    sli_env_free(env);
    const sli_site *sites = NULL;
    int32_t n = sli_world_sites(world, &sites), seen = 0;
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(sites[i].name, "file.write") == 0) {
            assert_int_equal(sites[i].calls, 3);
            assert_int_equal(sites[i].failures, 1);
            assert_int_equal(sites[i].crashes, 0);
            seen++;
        } else if (strcmp(sites[i].name, "file.sync") == 0) {
            assert_int_equal(sites[i].crashes, 1);
            seen++;
        } else if (strcmp(sites[i].name, "file.close") == 0) {
            assert_true(sites[i].answers_only);
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    sli_world_free(world);
}

SL_TEST(sim_chances_hit_and_planted_bugs_show, "")
{
    sli_world *world = world_of(9);
    sl_env *env = boot(world, (sli_fault){.fail_chance = 0.5});
    int32_t failed = 0;
    for (int i = 0; i < 100; i++) {
        sl_code rc = sli_env_mkdirs(env, "d", NULL);
        assert_true(rc == SL_OK || rc == SL_E_IO);
        failed += rc != SL_OK ? 1 : 0;
    }
    assert_true(failed > 25 && failed < 75);
    assert_false(sli_env_bug(env, "ack-early"));
    sli_world_plant(world, "ack-early");
    assert_true(sli_env_bug(env, "ack-early"));
    sli_env_phase(env, "commit");
    assert_string_equal(sli_world_phase(env), "commit");
    sli_env_free(env);
    env = boot(world, (sli_fault){.crash_chance = 0.1});
    int32_t lived = 0;
    while (sli_env_mkdirs(env, "d", NULL) == SL_OK) {
        lived++;
    }
    assert_true(sli_world_is_dead(env) && lived < 200);
    sli_env_free(env);
    sli_world_free(world);
}

// ---------------------------------------------------------------- time

static void count_up(void *ctx)
{
    ++*(int *)ctx;
}

SL_TEST(sim_time_jumps_to_what_is_next, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1, .start_wall_us = 5000000});
    sl_env *env = boot(world, (sli_fault){0});
    sli_signal *signal = sli_signal_new(env);
    int events = 0;
    assert_int_equal(sli_world_at(world, 3600000000, count_up, &events, NULL), SL_OK);
    assert_int_equal(sli_signal_wait(signal, 10, NULL), SL_E_TIMEOUT);
    assert_int_equal(sli_env_mono_us(env), 10);
    assert_int_equal(sli_env_wall_us(env), 5000010);
    assert_int_equal(events, 0);
    assert_int_equal(sli_signal_wait(signal, 7200000000, NULL), SL_E_TIMEOUT);
    assert_int_equal(events, 1);
    sli_world_jump_wall(world, -5000000);
    assert_int_equal(sli_env_wall_us(env), 7200000000);
    assert_int_equal(sli_env_mono_us(env), 7200000000);
    assert_int_equal(sli_world_at(world, 7200000001, count_up, &events, NULL), SL_OK);
    sli_world_advance(world, 5);
    assert_int_equal(events, 2);
    assert_int_equal(sli_world_mono_us(world), 7200000005);
    sli_signal_free(signal);
    sli_env_free(env);
    sli_world_free(world);
}

typedef struct event_log {
    sli_world *world;
    int64_t last;
    int n;
    bool ordered;
} event_log;

static void log_event(void *ctx)
{
    event_log *log = ctx;
    int64_t now = sli_world_mono_us(log->world);
    log->ordered = log->ordered && now >= log->last;
    log->last = now;
    if (++log->n % 10 == 0) { // events may make events
        assert_int_equal(sli_world_at(log->world, now + 3, log_event, log, NULL), SL_OK);
    }
}

SL_TEST(sim_events_come_in_order_of_time, "")
{
    sli_world *world = world_of(1);
    event_log log = {.world = world, .ordered = true};
    sli_rng rng = {5};
    for (int i = 0; i < 500; i++) {
        int64_t when = (int64_t)sli_rng_below(&rng, 300);
        assert_int_equal(sli_world_at(world, when, log_event, &log, NULL), SL_OK);
    }
    sli_world_advance(world, 150);
    assert_true(log.n > 150 && log.n < 400);
    sli_world_advance(world, 1000);
    assert_true(log.ordered);
    assert_int_equal(log.n, 555); // 500, and a tenth of all
    sli_world_free(world);
}

/// Runs `body` in a child whose standard error is dropped; true when it was stopped by an
/// assertion.
static bool is_stopped(void (*body)(sl_env *env))
{
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
        sl_env *env = NULL;
        if (dup2(null, 2) == 2 && sli_world_boot(world, NULL, &env, NULL) == SL_OK) {
            body(env);
        }
        _exit(0);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT;
}

static void wait_for_nothing(sl_env *env)
{
    (void)sli_signal_wait(sli_signal_new(env), SLI_FOREVER, NULL);
}

static void ignore_death(sl_env *env)
{
    sli_world_kill(env);
    while (sli_env_mkdirs(env, "d", NULL) != SL_OK) {
    }
}

static void leave_strand(sl_env *env)
{
    (void)sli_strand_new(env, "left");
    sli_env_free(env);
}

SL_TEST(sim_hangs_and_leaks_of_control_are_stopped, "")
{
    assert_true(is_stopped(wait_for_nothing));
    assert_true(is_stopped(ignore_death));
    assert_true(is_stopped(leave_strand));
}

static void kill_it(void *ctx)
{
    sli_world_kill(ctx);
}

SL_TEST(sim_death_ends_every_wait, "")
{
    sli_world *world = world_of(1);
    sl_env *env = boot(world, (sli_fault){0});
    sli_signal *signal = sli_signal_new(env);
    sli_loop *loop = sli_loop_new(env);
    assert_int_equal(sli_world_at(world, 50, kill_it, env, NULL), SL_OK);
    assert_int_equal(sli_signal_wait(signal, SLI_FOREVER, NULL), SL_E_CRASHED);
    assert_int_equal(sli_env_mono_us(env), 50);
    sli_signal_set(signal);
    assert_int_equal(sli_signal_wait(signal, SLI_FOREVER, NULL), SL_E_CRASHED);
    assert_int_equal(sli_loop_run(loop, SLI_FOREVER, NULL), SL_E_CRASHED);
    sli_loop_free(loop);
    sli_signal_free(signal);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_locks_end_with_their_process, "")
{
    sli_world *world = world_of(1);
    sl_env *first = boot(world, (sli_fault){0}), *second = boot(world, (sli_fault){0});
    sli_file *held = NULL, *got = NULL;
    sl_error err = SL_ERROR_INIT;
    char pid[32];
    snprintf(pid, sizeof pid, "process %lld", (long long)sli_env_pid(first));
    assert_int_equal(sli_env_lock_file(first, "lock", NULL, &held, NULL), SL_OK);
    assert_int_equal(sli_env_lock_file(second, "lock", NULL, &got, &err), SL_E_BUSY);
    assert_non_null(strstr(err.text, pid));
    sli_world_kill(first);
    assert_int_equal(sli_env_lock_file(second, "lock", NULL, &got, NULL), SL_OK);
    sli_file_close(&held); // the dead one's close does not take it away
    sl_env *third = boot(world, (sli_fault){0});
    sli_file *late = NULL;
    assert_int_equal(sli_env_lock_file(third, "lock", NULL, &late, NULL), SL_E_BUSY);
    sli_world_break_locks(world);
    assert_int_equal(sli_env_lock_file(third, "lock", NULL, &late, NULL), SL_OK);
    sli_file_close(&got);
    sli_file_close(&late);
    sli_env_free(first);
    sli_env_free(second);
    sli_env_free(third);
    sli_world_free(world);
}

// ---------------------------------------------------------------- the network

static sl_code drain(sli_socket *socket, sli_str *out)
{
    char bytes[1000];
    for (;;) {
        size_t n = 0;
        SL_TRY(sli_socket_receive(socket, bytes, sizeof bytes, &n, NULL));
        if (n == 0) {
            return SL_OK;
        }
        sli_str_add(out, bytes, n);
    }
}

SL_TEST(sim_peer_bytes_arrive_once_and_drops_lose_the_flight, "")
{
    bool end = false, reset = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        sli_world *world = world_of(seed);
        sli_peer *peer = sli_peer_listen(world, "server", 9999);
        sl_env *env = boot(world, (sli_fault){0});
        sli_socket *socket = NULL;
        sli_str got = SLI_STR_INIT;
        assert_int_equal(sli_peer_send(peer, "early ", 6, NULL), SL_OK);
        assert_int_equal(sli_socket_connect(env, "server", 9999, &socket, NULL), SL_OK);
        assert_int_equal(sli_socket_connected(socket, NULL), SL_OK);
        assert_int_equal(drain(socket, &got), SL_OK);
        assert_int_equal(sli_peer_send(peer, "lost ", 5, NULL), SL_OK);
        sli_peer_drop(peer);
        sl_code rc = drain(socket, &got);
        end = end || rc == SL_E_END;
        reset = reset || rc == SL_E_IO;
        sli_socket_close(&socket);
        assert_int_equal(sli_peer_send(peer, "late", 4, NULL), SL_OK);
        assert_int_equal(sli_socket_connect(env, "server", 9999, &socket, NULL), SL_OK);
        assert_int_equal(drain(socket, &got), SL_OK);
        SL_CHECK_TEXT(got.data, "early late");
        assert_int_equal(sli_peer_taken(peer), 10);
        sli_peer_finish(peer);
        assert_int_equal(drain(socket, &got), SL_E_END);
        sli_socket_close(&socket);
        sli_peer_refuse(peer, true);
        assert_int_equal(sli_socket_connect(env, "server", 9999, &socket, NULL), SL_OK);
        assert_int_equal(sli_socket_connected(socket, NULL), SL_E_IO);
        sli_socket_close(&socket);
        sli_str_reset(&got);
        sli_env_free(env);
        sli_world_free(world);
    }
    assert_true(end && reset);
}

SL_TEST(sim_peer_finish_waits_for_the_window, "")
{
    sli_world *world = world_of(4);
    sli_peer *peer = sli_peer_listen(world, "stdin", 0);
    sl_env *env = boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    assert_int_equal(sli_socket_stdin(env, &socket, NULL), SL_OK);
    sli_str sent = SLI_STR_INIT, got = SLI_STR_INIT;
    for (int i = 0; i < 30000; i++) {
        sli_str_printf(&sent, "line %d\n", i);
    }
    assert_int_equal(sli_peer_send(peer, sent.data, sent.size, NULL), SL_OK);
    sli_peer_finish(peer);
    assert_int_equal(drain(socket, &got), SL_E_END);
    assert_int_equal(got.size, sent.size);
    assert_memory_equal(got.data, sent.data, sent.size);
    sli_socket_close(&socket);
    sli_str_reset(&sent);
    sli_str_reset(&got);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_dead_process_takes_its_flight_along, "")
{
    sli_world *world = world_of(4);
    sli_peer *peer = sli_peer_listen(world, "h", 1);
    sl_env *env = boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    assert_int_equal(sli_socket_connect(env, "h", 1, &socket, NULL), SL_OK);
    assert_int_equal(sli_peer_send(peer, "gone", 4, NULL), SL_OK);
    sli_world_kill(env);
    char byte;
    size_t n = 0;
    assert_int_equal(sli_socket_receive(socket, &byte, 1, &n, NULL), SL_E_CRASHED);
    sli_socket_close(&socket);
    sli_env_free(env);
    assert_int_equal(sli_peer_send(peer, "kept", 4, NULL), SL_OK);
    env = boot(world, (sli_fault){0});
    sli_str got = SLI_STR_INIT;
    assert_int_equal(sli_socket_connect(env, "h", 1, &socket, NULL), SL_OK);
    assert_int_equal(drain(socket, &got), SL_OK);
    SL_CHECK_TEXT(got.data, "kept");
    sli_str_reset(&got);
    sli_socket_close(&socket);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_stdin_without_a_feeder_is_at_its_end_and_prints_are_kept, "")
{
    sli_world *world = world_of(4);
    sl_env *env = boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    char byte;
    size_t n = 0;
    assert_int_equal(sli_socket_stdin(env, &socket, NULL), SL_OK);
    assert_int_equal(sli_socket_receive(socket, &byte, 1, &n, NULL), SL_E_END);
    sli_socket_close(&socket);
    assert_int_equal(sli_env_print(env, 1, "out ", 4, NULL), SL_OK);
    assert_int_equal(sli_env_print(env, 2, "err", 3, NULL), SL_OK);
    assert_int_equal(sli_env_print(env, 1, "more", 4, NULL), SL_OK);
    SL_CHECK_TEXT(sli_world_printed(world, 1, &n), "out more");
    assert_int_equal(n, 8);
    SL_CHECK_TEXT(sli_world_printed(world, 2, &n), "err");
    assert_null(sli_env_variable(env, "PATH"));
    sli_env_free(env);
    sli_world_free(world);
}

static void hear(void *ctx, int32_t ready)
{
    (void)ready;
    ++*(int *)ctx;
}

static void feed(void *ctx)
{
    assert_int_equal(sli_peer_send(ctx, "x", 1, NULL), SL_OK);
}

SL_TEST(sim_loop_hears_a_peer_at_virtual_time, "")
{
    sli_world *world = world_of(4);
    sli_peer *peer = sli_peer_listen(world, "h", 1);
    sl_env *env = boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    sli_loop *loop = sli_loop_new(env);
    int heard = 0;
    assert_int_equal(sli_socket_connect(env, "h", 1, &socket, NULL), SL_OK);
    assert_int_equal(sli_loop_watch(loop, socket, SLI_READABLE, hear, &heard, NULL), SL_OK);
    assert_int_equal(sli_world_at(world, 777, feed, peer, NULL), SL_OK);
    assert_int_equal(sli_loop_run(loop, 500, NULL), SL_OK);
    assert_int_equal(heard, 0);
    assert_int_equal(sli_loop_run(loop, SLI_FOREVER, NULL), SL_OK);
    assert_int_equal(heard, 1);
    assert_int_equal(sli_env_mono_us(env), 777);
    assert_int_equal(sli_loop_fd(loop), -1);
    sli_socket_close(&socket);
    sli_loop_free(loop);
    sli_env_free(env);
    sli_world_free(world);
}

// ---------------------------------------------------------------- zombies

typedef struct zombie {
    sl_code rc;
    int n_done;
} zombie;

static void append_ten(sl_env *env, void *ctx)
{
    zombie *z = ctx;
    sli_file *file = NULL;
    z->rc = sli_file_open(env, "log", SLI_APPEND, &file, NULL);
    for (int i = 0; z->rc == SL_OK && i < 10; i++) {
        z->rc = sli_file_write(file, "z", 1, NULL);
        z->n_done += z->rc == SL_OK ? 1 : 0;
    }
    sli_file_close(&file);
}

SL_TEST(sim_paused_process_goes_on_where_it_was, "")
{
    sli_world *world = world_of(8);
    zombie z = {SL_OK, 0};
    sli_process *process = sli_process_new(world, NULL, append_ten, &z);
    assert_non_null(process);
    assert_int_equal(z.n_done, 0);
    assert_true(sli_process_resume(process, 4));
    assert_int_equal(z.n_done, 3);
    sl_env *env = boot(world, (sli_fault){0});
    assert_int_equal(append(env, "log", "-new-", false), SL_OK);
    sli_env_free(env);
    assert_true(sli_process_resume(process, 2));
    assert_true(content_is(world, "log", "zzz-new-zz"));
    assert_false(sli_process_resume(process, SLI_FOREVER));
    assert_false(sli_process_resume(process, 1));
    assert_int_equal(z.rc, SL_OK);
    sli_process_free(process);
    assert_true(content_is(world, "log", "zzz-new-zzzzzzz"));
    sli_world_free(world);
}

static void print_between(sl_env *env, void *ctx)
{
    zombie *z = ctx;
    sli_file *file = NULL;
    z->rc = sli_file_open(env, "log", SLI_APPEND, &file, NULL);
    for (int i = 0; z->rc == SL_OK && i < 3; i++) {
        z->rc = sli_env_print(env, 2, "z\n", 2, NULL);
        z->n_done += z->rc == SL_OK ? 1 : 0;
    }
    z->rc = z->rc == SL_OK ? sli_file_write(file, "z", 1, NULL) : z->rc;
    sli_file_close(&file);
}

/// A log prints while it holds its lock.
SL_TEST(sim_process_is_not_paused_while_it_prints, "")
{
    sli_world *world = world_of(8);
    zombie z = {SL_OK, 0};
    sli_process *process = sli_process_new(world, NULL, print_between, &z);
    assert_true(sli_process_resume(process, 1));
    assert_int_equal(z.n_done, 3);
    assert_true(content_is(world, "log", ""));
    assert_false(sli_process_resume(process, 1));
    assert_int_equal(z.rc, SL_OK);
    sli_process_free(process);
    assert_true(content_is(world, "log", "z"));
    sli_world_free(world);
}

SL_TEST(sim_freed_process_dies_where_it_was, "")
{
    sli_world *world = world_of(8);
    zombie z = {SL_OK, 0}, unborn = {SL_OK, 0};
    sli_process *process = sli_process_new(world, NULL, append_ten, &z);
    assert_true(sli_process_resume(process, 3));
    sli_process_free(process);
    assert_int_equal(z.rc, SL_E_CRASHED);
    assert_true(content_is(world, "log", "zz"));
    process = sli_process_new(world, NULL, append_ten, &unborn);
    sli_process_free(process);
    assert_int_equal(unborn.rc, SL_E_CRASHED);
    assert_int_equal(unborn.n_done, 0);
    sli_world_free(world);
}

/// Waits on a strand of its own for a server's byte, as a job with a receiver does.
static void wait_for_byte(sl_env *env, void *ctx)
{
    sli_socket *socket = NULL;
    sli_loop *loop = sli_loop_new(env);
    int heard = 0;
    sl_code rc = sli_socket_connect(env, "h", 1, &socket, NULL);
    if (rc == SL_OK) {
        rc = sli_loop_watch(loop, socket, SLI_READABLE, hear, &heard, NULL);
    }
    while (rc == SL_OK && heard == 0) {
        rc = sli_loop_run(loop, SLI_FOREVER, NULL);
    }
    sli_socket_close(&socket);
    sli_loop_free(loop);
    *(sl_code *)ctx = rc;
}

SL_TEST(sim_paused_process_may_wait_for_the_harness, "")
{
    for (int kill = 0; kill < 2; kill++) {
        sli_world *world = world_of(8);
        sli_peer *peer = sli_peer_listen(world, "h", 1);
        sl_code rc = SL_E_STATE;
        sli_process *process = sli_process_new(world, NULL, wait_for_byte, &rc);
        assert_true(sli_process_resume(process, SLI_FOREVER)); // nothing can happen: back to us
        if (kill == 0) {
            assert_int_equal(sli_peer_send(peer, "x", 1, NULL), SL_OK);
        } else {
            sli_world_kill(sli_process_env(process));
        }
        assert_false(sli_process_resume(process, SLI_FOREVER));
        assert_int_equal(rc, kill == 0 ? SL_OK : SL_E_CRASHED);
        sli_process_free(process);
        sli_world_free(world);
    }
}
