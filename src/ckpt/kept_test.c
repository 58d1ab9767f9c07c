// Files of others that are kept: durable under their hash or not there, damage, who removes which,
// a disk that is full.
#include "ckpt/ckpt_int.h"
#include "env/sim.h"

#include <stdio.h>

#include "sl_test.h"

typedef struct bed {
    sli_world *world;
    sl_env *env;
    sli_ckpt *ckpt;
    sl_arena *arena;
    sl_error err;
} bed;

/// A process with the checkpoint open; false: it died before it had begun.
static bool boot(bed *b, const sli_fault *fault)
{
    static const sli_ckpt_job job = {.name = "kept", .graph_hash = 1, .graph_text = "graph"};
    b->ckpt = NULL;
    assert_int_equal(sli_world_boot(b->world, fault, &b->env, NULL), SL_OK);
    return sli_ckpt_open(&b->ckpt, b->env, "ck", &job, NULL, NULL, &b->err) == SL_OK &&
           sli_ckpt_begin(b->ckpt, &b->err) == SL_OK;
}

static void end(bed *b)
{
    sli_ckpt_close(b->ckpt);
    sli_env_free(b->env);
}

static void bed_open(bed *b)
{
    *b = (bed){.world = sli_world_new(&(sli_world_conf){.seed = 1}),
               .arena = sl_arena_new(SLI_TAG_TEST)};
    assert_true(boot(b, NULL));
}

static void bed_close(bed *b)
{
    end(b);
    sl_arena_free(b->arena);
    sli_world_free(b->world);
}

static sl_code try_keep(bed *b, const char *uid, const char *text, const char **path)
{
    return sli_ckpt_keep(b->ckpt, uid, (sl_bytes){text, strlen(text)}, b->arena, path, &b->err);
}

static const char *keep(bed *b, const char *uid, const char *text)
{
    const char *path = NULL;
    assert_int_equal(try_keep(b, uid, text, &path), SL_OK);
    return path;
}

static void check_holds(bed *b, const char *path, const char *text)
{
    sli_buffer *bytes = NULL;
    assert_int_equal(sli_ckpt_kept(b->ckpt, path, &bytes, &b->err), SL_OK);
    assert_int_equal(sli_buffer_size(bytes), strlen(text));
    assert_memory_equal(sli_buffer_bytes(bytes), text, strlen(text));
    sli_buffer_unref(bytes);
}

static sl_code read_code(bed *b, const char *path)
{
    sli_buffer *bytes = NULL;
    sl_code rc = sli_ckpt_kept(b->ckpt, path, &bytes, &b->err);
    sli_buffer_unref(rc == SL_OK ? bytes : NULL);
    return rc;
}

static sl_code count_name(void *ctx, const char *name, sl_error *err)
{
    (void)name;
    (void)err;
    (*(int *)ctx)++;
    return SL_OK;
}

static int n_files(bed *b)
{
    int n = 0;
    (void)!sli_world_list(b->world, "ck/model", count_name, &n, NULL);
    return n;
}

SL_TEST(kept_bytes_outlive_a_power_loss, "EXACTLY-ONCE-1")
{
    bed b;
    bed_open(&b);
    const char *path = keep(&b, "scores", "a model"), *empty = keep(&b, "none", "");
    assert_string_equal(path + strlen(path) - 7, "-scores");
    assert_string_equal(keep(&b, "scores", "a model"), path); // the same bytes are one file
    assert_int_equal(n_files(&b), 2);
    sli_world_kill(b.env);
    end(&b);
    sli_world_power_loss(b.world, true);
    assert_true(boot(&b, NULL));
    check_holds(&b, path, "a model");
    check_holds(&b, empty, "");
    bed_close(&b);
}

// Whichever call it dies at: what has its name has its bytes, and the next life sweeps the rest.
SL_TEST(kept_files_are_whole_or_not_there_wherever_the_process_dies, "EXACTLY-ONCE-1")
{
    bool reached = true;
    int n_kept = 0, n_lost = 0;
    for (int64_t n = 1; reached; n++) {
        bed b;
        const char *path = NULL, *none[] = {NULL};
        bed_open(&b);
        end(&b);
        bool begun = boot(&b, &(sli_fault){.crash_at_call = n});
        sl_code rc = begun ? try_keep(&b, "scores", "a model", &path) : SL_E_CRASHED;
        reached = sli_world_fault_reached(b.env);
        sli_world_kill(b.env);
        end(&b);
        sli_world_power_loss(b.world, true);
        assert_true(boot(&b, NULL));
        if (rc == SL_OK) {
            check_holds(&b, path, "a model");
        }
        n_kept += rc == SL_OK;
        n_lost += begun && rc != SL_OK;
        assert_int_equal(sli_ckpt_sweep_kept(b.ckpt, none, &b.err), SL_OK);
        assert_int_equal(n_files(&b), 0);
        bed_close(&b);
    }
    assert_true(n_kept > 0 && n_lost > 3); // write, sync, rename, sync of the folder
}

SL_TEST(kept_files_that_are_damaged_or_missing_are_told, "ERRORS-2")
{
    bed b;
    bed_open(&b);
    const char *path = keep(&b, "scores", "a model"), *gone = keep(&b, "gone", "another");
    char full[300];
    (void)snprintf(full, sizeof full, "ck/%s", path);
    assert_int_equal(sli_world_flip(b.world, full, 3, 1, NULL), SL_OK);
    assert_int_equal(read_code(&b, path), SL_E_CORRUPT);
    assert_non_null(strstr(b.err.text, path));
    assert_non_null(strstr(b.err.text, "not the bytes that were kept"));
    sli_ckpt_kept_drop(b.ckpt, gone);
    assert_int_equal(read_code(&b, gone), SL_E_NOT_FOUND);
    // What a PLAN names comes from outside: nothing else is opened, or removed.
    static const char *const bad[] = {"",
                                      "model/",
                                      "model/../MANIFEST.json",
                                      "MANIFEST.json",
                                      "delta/000001-000000001",
                                      "model/000001-0123456789abcdef0123456789abcdef-../x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_code(&b, bad[i]), SL_E_CORRUPT);
        sli_ckpt_kept_drop(b.ckpt, bad[i]);
    }
    char *manifest = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(b.world, "ck/MANIFEST.json", &manifest, &size, NULL), SL_OK);
    sl_free(manifest);
    const char *none = NULL;
    assert_int_equal(try_keep(&b, "../x", "y", &none), SL_E_INVALID);
    bed_close(&b);
}

SL_TEST(kept_files_of_older_lives_go_unless_they_are_named, "")
{
    bed b;
    bed_open(&b);
    const char *named = keep(&b, "a", "one"), *unnamed = keep(&b, "b", "two");
    assert_int_equal(sli_world_put(b.world, "ck/model/notes.txt", "mine", 4, NULL), SL_OK);
    end(&b);
    assert_true(boot(&b, NULL));
    const char *own = keep(&b, "c", "three"), *names[] = {named, NULL};
    assert_int_equal(sli_ckpt_sweep_kept(b.ckpt, names, &b.err), SL_OK);
    check_holds(&b, named, "one");
    check_holds(&b, own, "three");
    assert_int_equal(read_code(&b, unnamed), SL_E_NOT_FOUND);
    assert_int_equal(n_files(&b), 3); // a file of somebody else's is left alone
    bed_close(&b);
}

SL_TEST(kept_bytes_that_find_no_room_leave_nothing_behind, "ERRORS-2")
{
    bed b;
    const char *path = NULL;
    bed_open(&b);
    (void)keep(&b, "a", "one");
    sli_world_disk_limit(b.world, 1);
    assert_int_equal(try_keep(&b, "b", "a model that is too large", &path), SL_E_NO_SPACE);
    assert_non_null(strstr(b.err.text, "keeping 25 bytes in the checkpoint"));
    assert_null(path);
    assert_int_equal(n_files(&b), 1);
    sli_world_disk_limit(b.world, INT64_MAX);
    check_holds(&b, keep(&b, "b", "a model that is too large"), "a model that is too large");
    bed_close(&b);
}
