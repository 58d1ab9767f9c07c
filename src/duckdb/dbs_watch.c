// dbs_watch.c — ends queries that are told to stop while the engine is busy with one of its steps.
//
// The engine looks at the stop flags where it comes by: between its steps, at every chunk that it
// reads. A step may take hours all the same (a join without a condition on a few thousand rows).
// Whoever sets a flag knows nothing of queries, and may be a signal handler, so somebody has to
// look: a strand does, twenty times a second while queries run, and sleeps when none do.
#include <stdatomic.h>

#include "base/lock.h"
#include "duckdb/dbs_int.h"

enum { LOOK_US = 50000 };

struct sli_dbs_watch {
    sl_env *env;
    const sli_db_ops *ops;
    sli_mutex lock;
    sli_dbs_watched *first; ///< under the lock: the runs
    sli_strand *strand;     ///< likewise; NULL: nothing was watched yet
    sli_signal *closing;    ///< likewise
    bool looks;             ///< likewise: its work is posted
    bool is_closing;        ///< likewise
};

sl_code sli_dbs_watch_new(sli_dbs_watch **out, sl_env *env, const sli_db_ops *ops, sl_error *err)
{
    sli_dbs_watch *watch = sl_alloc_zero(SLI_TAG_SQL, sizeof *watch);
    if (watch == NULL) {
        return sl_error_nomem(err, sizeof *watch, "a watch over queries");
    }
    sli_mutex_init(&watch->lock, SLI_RANK_SQL);
    watch->env = env;
    watch->ops = ops;
    *out = watch;
    return SL_OK;
}

void sli_dbs_watch_free(sli_dbs_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    sli_mutex_lock(&watch->lock);
    SL_ASSERT(watch->first == NULL, "no query runs");
    watch->is_closing = true;
    sli_strand *strand = watch->strand;
    sli_mutex_unlock(&watch->lock);
    if (strand != NULL) {
        sli_signal_set(watch->closing);
        sli_strand_free(strand);
        sli_signal_free(watch->closing);
    }
    sli_mutex_reset(&watch->lock);
    sl_free(watch);
}

static bool is_told(const sli_dbs_watched *run)
{
    for (int32_t i = 0; i < run->n_stop; i++) {
        // pairs with the release store of whoever wants it stopped
        if (atomic_load_explicit(run->stop[i], memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

/// False: no query runs, and none ran when it looked last.
static bool look(sli_dbs_watch *watch, bool *was_idle)
{
    sli_mutex_lock(&watch->lock);
    for (const sli_dbs_watched *run = watch->first; run != NULL; run = run->next) {
        if (is_told(run)) {
            watch->ops->interrupt(run->db); // while it is listed it runs
        }
    }
    bool idle = watch->first == NULL;
    watch->looks = !watch->is_closing && !(idle && *was_idle);
    *was_idle = idle;
    bool goes_on = watch->looks;
    sli_mutex_unlock(&watch->lock);
    return goes_on;
}

/// Short queries come one after the other: it stays for one look more than is needed, so that not
/// each of them wakes it.
static void look_on(void *ctx)
{
    sli_dbs_watch *watch = ctx;
    bool was_idle = false;
    do {
        (void)sli_signal_wait(watch->closing, sli_env_mono_us(watch->env) + LOOK_US, NULL);
    } while (look(watch, &was_idle));
}

/// Under the lock. Fails: SL_E_NOMEM.
static sl_code wake(sli_dbs_watch *watch, sl_error *err)
{
    if (watch->closing == NULL) {
        watch->closing = sli_signal_new(watch->env);
    }
    if (watch->closing != NULL && watch->strand == NULL) {
        watch->strand = sli_strand_new(watch->env, "sl-sql");
    }
    watch->looks = watch->strand != NULL && sli_strand_post(watch->strand, look_on, watch);
    return watch->looks ? SL_OK : sl_error_nomem(err, 1, "a watch over queries");
}

sl_code sli_dbs_watch_begin(sli_dbs_watch *watch, sli_dbs_watched *run, sl_error *err)
{
    if (run->n_stop == 0 || sli_env_is_simulated(watch->env)) { // there a query is one instant
        return SL_OK;
    }
    sli_mutex_lock(&watch->lock);
    sl_code rc = watch->looks ? SL_OK : wake(watch, err);
    if (rc == SL_OK) {
        run->next = watch->first;
        watch->first = run;
        run->is_listed = true;
    }
    sli_mutex_unlock(&watch->lock);
    return rc;
}

void sli_dbs_watch_end(sli_dbs_watch *watch, sli_dbs_watched *run)
{
    if (!run->is_listed) {
        return;
    }
    sli_mutex_lock(&watch->lock);
    sli_dbs_watched **at = &watch->first;
    while (*at != run) {
        at = &(*at)->next;
    }
    *at = run->next;
    run->is_listed = false;
    sli_mutex_unlock(&watch->lock);
}
