/// spill_dir.c — the spill directory: made when first needed, ours by a lock, empty when we begin.
///
/// The lock is what makes cleaning safe: files in a directory that nobody holds belong to a process
/// that has ended. Several workers may need the directory at once for the first time; one opens it,
/// the others wait for it.
#include <inttypes.h>
#include <stdio.h>

#include "block/block_int.h"

static const char lock_name[] = "lock";
static const char suffix[] = ".block";

void sli_spill_path(const sli_spill *spill, int64_t number, char path[SLI_SPILL_PATH_BYTES])
{
    int n = snprintf(path, SLI_SPILL_PATH_BYTES, "%s/%" PRId64 "%s", spill->dir, number, suffix);
    SL_ASSERT(n > 0 && n < SLI_SPILL_PATH_BYTES, "the length of the directory's name was checked");
}

static void lock_path(const sli_spill *spill, char path[SLI_SPILL_PATH_BYTES])
{
    int n = snprintf(path, SLI_SPILL_PATH_BYTES, "%s/%s", spill->dir, lock_name);
    SL_ASSERT(n > 0 && n < SLI_SPILL_PATH_BYTES, "the length of the directory's name was checked");
}

// ---------------------------------------------------------------- cleaning

/// "17.block": a name that sli_spill_path makes. Others' files are left alone.
static bool is_ours(const char *name, int64_t *number)
{
    size_t size = strlen(name), tail = sizeof suffix - 1;
    return size > tail && strcmp(name + size - tail, suffix) == 0 && name[0] >= '1' &&
           name[0] <= '9' && sli_scan_int64((sl_text){name, size - tail}, number, NULL) == SL_OK;
}

static sl_code remove_left(void *ctx, const char *name, sl_error *err)
{
    const sli_spill *spill = ctx;
    int64_t number = 0;
    if (!is_ours(name, &number)) {
        return SL_OK;
    }
    char path[SLI_SPILL_PATH_BYTES];
    sli_spill_path(spill, number, path);
    sl_code rc = sli_env_remove(spill->env, path, err);
    return rc == SL_E_NOT_FOUND ? SL_OK : rc;
}

/// Makes, locks and cleans. The only one here at a time.
static sl_code open_dir(sli_spill *spill, bool *made, sli_file **lock, sl_error *err)
{
    sli_stat stat;
    sl_code rc = sli_env_stat(spill->env, spill->dir, &stat, err);
    *made = rc == SL_E_NOT_FOUND;
    if (*made) {
        rc = sli_env_mkdirs(spill->env, spill->dir, err);
    } else if (rc == SL_OK && !stat.is_dir) {
        rc = sl_error_set(err, SL_E_CONFIG, "it is no directory: set spill_dir to another path");
    }
    if (rc == SL_OK) {
        char path[SLI_SPILL_PATH_BYTES];
        lock_path(spill, path);
        rc = sli_env_lock_file(spill->env, path, NULL, lock, err);
    }
    if (rc == SL_OK) {
        rc = sli_env_list(spill->env, spill->dir, remove_left, spill, err);
        if (rc != SL_OK) {
            sli_file_close(lock);
        }
    }
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "spill directory %.200s", spill->dir);
}

// ---------------------------------------------------------------- opened once

/// Locks: the mutex.
static void wake_all(sli_spill *spill)
{
    for (sli_spill_waiter *w = spill->waiters; w != NULL; w = w->next) {
        sli_signal_set(w->signal);
    }
    spill->waiters = NULL;
}

/// Locks: the mutex. The waiter's memory ends with its wait, and a dead simulated process stops
/// waiting early.
static void unlist(sli_spill *spill, const sli_spill_waiter *waiter)
{
    for (sli_spill_waiter **at = &spill->waiters; *at != NULL; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            return;
        }
    }
}

/// Waits until another thread is through with opening. Locks: none.
static sl_code wait_for_opener(sli_spill *spill, sl_error *err)
{
    sli_spill_waiter self = {.signal = sli_signal_new(spill->env)};
    if (self.signal == NULL) {
        return sl_error_nomem(err, 64, "a signal");
    }
    sl_code rc = SL_OK;
    sli_mutex_lock(&spill->mutex);
    bool must_wait = spill->state == SLI_SPILL_OPENING;
    if (must_wait) {
        self.next = spill->waiters;
        spill->waiters = &self;
    }
    sli_mutex_unlock(&spill->mutex);
    if (must_wait) {
        rc = sli_signal_wait(self.signal, SLI_FOREVER, err);
        sli_mutex_lock(&spill->mutex);
        unlist(spill, &self);
        sli_mutex_unlock(&spill->mutex);
    }
    sli_signal_free(self.signal);
    return rc;
}

/// True when this thread shall open it.
static bool become_opener(sli_spill *spill, sli_spill_state *state)
{
    sli_mutex_lock(&spill->mutex);
    *state = spill->state;
    if (*state == SLI_SPILL_CLOSED) {
        spill->state = SLI_SPILL_OPENING;
    }
    sli_mutex_unlock(&spill->mutex);
    return *state == SLI_SPILL_CLOSED;
}

sl_code sli_spill_open_dir(sli_spill *spill, sl_error *err)
{
    sli_spill_state state;
    while (!become_opener(spill, &state)) {
        if (state == SLI_SPILL_OPEN) {
            return SL_OK;
        }
        SL_TRY(wait_for_opener(spill, err));
    }
    bool made = false;
    sli_file *lock = NULL;
    sl_code rc = open_dir(spill, &made, &lock, err);
    sli_mutex_lock(&spill->mutex);
    spill->made_dir =
        spill->made_dir || made; // also when a later step failed: it is ours to remove
    spill->lock = lock;
    spill->state = rc == SL_OK ? SLI_SPILL_OPEN : SLI_SPILL_CLOSED;
    wake_all(spill);
    sli_mutex_unlock(&spill->mutex);
    return rc;
}

void sli_spill_close_dir(sli_spill *spill)
{
    char path[SLI_SPILL_PATH_BYTES];
    lock_path(spill, path);
    // What can't be removed is scratch that the next process removes: no failure here matters.
    if (spill->state == SLI_SPILL_OPEN) {
        (void)!sli_env_remove(spill->env, path,
                              NULL); // before it is unlocked: afterwards it may be another's
        sli_file_close(&spill->lock);
    }
    if (spill->made_dir) {
        (void)!sli_env_remove_dir(spill->env, spill->dir, NULL);
    }
    spill->state = SLI_SPILL_CLOSED;
}
