// transaction.c — marks with their locks, and transactions: rows and a mark that show together.
#include "postgres/sim/psim_int.h"

// ---------------------------------------------------------------- marks

const psim_mark *psim_mark_find(const sli_pg_server *server, const char *job, const char *uid)
{
    const psim_mark *m = server->marks;
    while (m != NULL && (strcmp(m->job, job) != 0 || strcmp(m->uid, uid) != 0)) {
        m = m->next;
    }
    return m;
}

psim_mark *psim_mark_of(sli_pg_server *server, const sli_pg_owner *owner)
{
    const psim_mark *found = psim_mark_find(server, owner->job, owner->uid);
    if (found != NULL) {
        return (psim_mark *)(uintptr_t)found;
    }
    psim_mark *m = sl_alloc_zero(SLI_TAG_ENV, sizeof *m);
    char *job = sl_strdup(SLI_TAG_ENV, owner->job), *uid = sl_strdup(SLI_TAG_ENV, owner->uid);
    if (m == NULL || job == NULL || uid == NULL) {
        sl_free(m);
        sl_free(job);
        sl_free(uid);
        return NULL;
    }
    *m = (psim_mark){.next = server->marks, .job = job, .uid = uid};
    server->marks = m;
    return m;
}

bool psim_is_locked(const sli_pg_server *server, const psim_mark *mark)
{
    const psim_txn *t = server->txns;
    while (t != NULL && t->owned != mark) {
        t = t->next;
    }
    return t != NULL;
}

// ---------------------------------------------------------------- transactions

psim_txn *psim_txn_begin(sli_pg_server *server, const char *session, psim_mark *mark)
{
    psim_txn *t = sl_alloc_zero(SLI_TAG_ENV, sizeof *t);
    char *name = sl_strdup(SLI_TAG_ENV, session);
    if (t == NULL || name == NULL) {
        sl_free(t);
        sl_free(name);
        return NULL;
    }
    *t = (psim_txn){.next = server->txns, .session = name, .owned = mark, .due_us = SLI_FOREVER};
    t->writes_end = &t->writes;
    server->txns = t;
    return t;
}

void psim_txn_end(sli_pg_server *server, psim_txn *txn, bool commit)
{
    psim_txn **at = &server->txns;
    while (*at != txn) {
        at = &(*at)->next;
    }
    *at = txn->next;
    while (txn->writes != NULL) {
        psim_write *w = txn->writes;
        txn->writes = w->next;
        if (commit) {
            psim_rows_put(w->table, (sl_text){w->lines.data, w->lines.size}, w->upsert, w->deletes);
        }
        sli_str_reset(&w->lines);
        sl_free(w);
    }
    if (commit && txn->has_mark) {
        txn->owned->at = txn->mark;
    }
    sl_free(txn->session);
    sl_free(txn);
}

void psim_txn_leave(sli_pg_server *server, psim_txn *txn, bool commits, int64_t at_most_us)
{
    int64_t now = sli_world_mono_us(server->world);
    txn->due_us = now + (int64_t)sli_rng_below(&server->rng, (uint64_t)at_most_us);
    txn->commits = commits;
    psim_txns_tick(server);
}

/// Ends those for which `which` is true.
static void end_some(sli_pg_server *server, bool (*which)(const psim_txn *txn, const void *ctx),
                     const void *ctx)
{
    for (psim_txn *t = server->txns, *next; t != NULL; t = next) {
        next = t->next;
        if (which(t, ctx)) {
            psim_txn_end(server, t, t->due_us != SLI_FOREVER && t->commits);
        }
    }
}

static bool is_due(const psim_txn *txn, const void *now)
{
    return txn->due_us <= *(const int64_t *)now;
}

void psim_txns_tick(sli_pg_server *server)
{
    int64_t now = sli_world_mono_us(server->world);
    end_some(server, is_due, &now);
}

void psim_txns_settle(sli_pg_server *server)
{
    int64_t then = SLI_FOREVER - 1;
    end_some(server, is_due, &then);
}

typedef struct others {
    const char *session;
    const psim_txn *mine;
} others;

static bool is_other(const psim_txn *txn, const void *ctx)
{
    const others *o = ctx;
    return txn != o->mine && strcmp(txn->session, o->session) == 0;
}

void psim_txns_end_of(sli_pg_server *server, const char *session, const psim_txn *mine)
{
    others o = {session, mine};
    end_some(server, is_other, &o);
}
