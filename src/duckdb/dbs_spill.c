// The place where instances spill, when its name ends in a process's number: ours by a lock, and
// those of processes that have ended go.
//
// Names are PREFIX-PID-ADDRESS, as whoever makes them has it. A bare number proves nothing, since
// numbers come again, so each directory has a file "lock" that its process holds, and that the
// system lets go however the process ends. What has no such file yet may be about to get one.
#include "duckdb/dbs_int.h"

#include <stdio.h>

enum { DEPTH = 3, TRIES = 3 };
static const char lock_name[] = "lock";

/// The length of PREFIX in "PREFIX-PID-ADDRESS"; 0: it is no such name.
static size_t prefix_of(const char *name)
{
    size_t size = strlen(name), address = size, pid;
    while (address > 0 && strchr("0123456789abcdef", name[address - 1]) != NULL) {
        address--;
    }
    if (address == size || address < 2 || name[address - 1] != '-') {
        return 0;
    }
    for (pid = address - 1; pid > 0 && name[pid - 1] >= '0' && name[pid - 1] <= '9';) {
        pid--;
    }
    return pid == address - 1 || pid < 2 || name[pid - 1] != '-' ? 0 : pid - 1;
}

// ---------------------------------------------------------------- removing

typedef struct removing {
    sl_env *env;
    const char *dir;
    int depth;
} removing;

static sl_code remove_tree(sl_env *env, const char *dir, int depth, sl_error *err);

static sl_code remove_entry(void *ctx, const char *name, sl_error *err)
{
    const removing *r = ctx;
    sli_str path = {.tag = SLI_TAG_SQL};
    sli_stat stat = {0};
    sli_str_printf(&path, "%s/%s", r->dir, name);
    sl_code rc = sli_str_check(&path, "a file's name", err);
    rc = rc == SL_OK ? sli_env_stat(r->env, path.data, &stat, err) : rc;
    if (rc == SL_OK) {
        rc = stat.is_dir && r->depth > 0 ? remove_tree(r->env, path.data, r->depth - 1, err)
                                         : sli_env_remove(r->env, path.data, err);
    }
    sli_str_reset(&path);
    return rc;
}

/// The engine's files lie at most so deep.
static sl_code remove_tree(sl_env *env, const char *dir, int depth, sl_error *err)
{
    removing r = {env, dir, depth};
    SL_TRY(sli_env_list(env, dir, remove_entry, &r, err));
    return sli_env_remove_dir(env, dir, err);
}

typedef struct sweeping {
    sl_env *env;
    const char *parent, *own; ///< the name of ours
    size_t prefix;
} sweeping;

/// What can't be removed is another user's, or the next life's to try.
static sl_code sweep_one(void *ctx, const char *name, sl_error *err)
{
    const sweeping *s = ctx;
    sli_str path = {.tag = SLI_TAG_SQL};
    sli_file *lock = NULL;
    sli_stat stat;
    if (prefix_of(name) != s->prefix || strncmp(name, s->own, s->prefix) != 0 ||
        strcmp(name, s->own) == 0) {
        return SL_OK;
    }
    sli_str_printf(&path, "%s/%s/%s", s->parent, name, lock_name);
    sl_code rc = sli_str_check(&path, "a file's name", err);
    if (rc == SL_OK && sli_env_stat(s->env, path.data, &stat, NULL) == SL_OK &&
        sli_env_lock_file(s->env, path.data, NULL, &lock, NULL) == SL_OK) {
        path.data[path.size - sizeof lock_name] = '\0';
        (void)!remove_tree(s->env, path.data, DEPTH, NULL);
        sli_file_close(&lock);
    }
    sli_str_reset(&path);
    return rc;
}

// ---------------------------------------------------------------- ours

static sl_code lock_path(const char *dir, sli_str *out)
{
    sli_str_printf(out, "%s/%s", dir, lock_name);
    return sli_str_check(out, "a file's name", NULL);
}

/// Somebody who sweeps may take the directory away between two of our steps.
static void make_ours(sl_env *env, const char *dir, sli_file **lock)
{
    sli_str path = {.tag = SLI_TAG_SQL};
    sl_code rc = lock_path(dir, &path);
    for (int i = 0; rc == SL_OK && *lock == NULL && i < TRIES; i++) {
        rc = sli_env_mkdirs(env, dir, NULL);
        if (rc == SL_OK) {
            (void)!sli_env_lock_file(env, path.data, NULL, lock, NULL);
        }
    }
    sli_str_reset(&path);
}

void sli_dbs_spill_begin(sl_env *env, const char *dir, sli_file **lock)
{
    const char *slash = strrchr(dir, '/');
    *lock = NULL;
    make_ours(env, dir, lock);
    sli_str parent = {.tag = SLI_TAG_SQL};
    if (slash != NULL && prefix_of(slash + 1) > 0) {
        sli_str_printf(&parent, "%.*s", slash == dir ? 1 : (int)(slash - dir), dir);
        sweeping s = {env, parent.data, slash + 1, prefix_of(slash + 1)};
        if (sli_str_check(&parent, "a directory's name", NULL) == SL_OK) {
            (void)!sli_env_list(env, parent.data, sweep_one, &s, NULL);
        }
    }
    sli_str_reset(&parent);
}

void sli_dbs_spill_end(sl_env *env, const char *dir, sli_file **lock)
{
    sli_str path = {.tag = SLI_TAG_SQL};
    if (*lock != NULL && lock_path(dir, &path) == SL_OK) {
        (void)!sli_env_remove(env, path.data, NULL); // while it is ours
    }
    sli_file_close(lock);
    sli_str_reset(&path);
    (void)!sli_env_remove_dir(env, dir, NULL); // the engine has removed what it put there
}
