/// transaction.c — transactional ids, as their coordinator keeps them.
///
///     none ── begin ──▶ open ── commit ──▶ decided ── end ──▶ none
///                        └────────── end (abort) ──────────────▲
///
/// A commit is on record first (decided); markers in the partitions, which make it show, come some
/// time later, when the next producer of the id is opened, or with its own next request. What is
/// open is ended by an abort, by such an opening, or by its time-out, which may fence its producer.
#include "kafka/sim/ksim_int.h"

enum { MARKERS_LATER_US = 50000 };

static ksim_id *find(sli_kafka_cluster *cluster, const char *name)
{
    ksim_id *id = cluster->ids;
    while (id != NULL && strcmp(id->name, name) != 0) {
        id = id->next;
    }
    return id;
}

static ksim_id *add(sli_kafka_cluster *cluster, const char *name)
{
    ksim_id *id = sl_alloc_zero(SLI_TAG_ENV, sizeof *id);
    char *copy = sl_strdup(SLI_TAG_ENV, name);
    if (id == NULL || copy == NULL) {
        sl_free(id);
        sl_free(copy);
        return NULL;
    }
    id->name = copy;
    id->next = cluster->ids;
    cluster->ids = id;
    return id;
}

ksim_id *sli_ksim_id_open(sli_kafka_cluster *cluster, const char *name, int64_t timeout_us)
{
    ksim_id *id = find(cluster, name);
    id = id == NULL ? add(cluster, name) : id;
    if (id != NULL) {
        sli_ksim_txn_end(cluster, id);
        id->epoch++;
        id->timeout_us = timeout_us;
    }
    return id;
}

void sli_ksim_ids_free(sli_kafka_cluster *cluster)
{
    while (cluster->ids != NULL) {
        ksim_id *next = cluster->ids->next;
        sli_ksim_marks_free(&cluster->ids->marks);
        sl_free(cluster->ids->name);
        sl_free(cluster->ids);
        cluster->ids = next;
    }
}

// ---------------------------------------------------------------- a transaction's life

void sli_ksim_txn_begin(sli_kafka_cluster *cluster, ksim_id *id)
{
    SL_ASSERT(id->txn == 0, "a transaction begins while another has not ended");
    id->txn = ++cluster->n_txns;
    id->is_decided = false;
    id->due_us = sli_world_mono_us(cluster->world) + id->timeout_us;
}

void sli_ksim_txn_commit(sli_kafka_cluster *cluster, ksim_id *id)
{
    id->is_decided = true;
    if (sli_ksim_chance(&cluster->rng, 0.5)) {
        sli_ksim_txn_end(cluster, id);
        return;
    }
    id->due_us = sli_world_mono_us(cluster->world) + 1 +
                 (int64_t)sli_rng_below(&cluster->rng, MARKERS_LATER_US);
    sli_ksim_changed(cluster); // who waits, waits until then at most
}

static void end_in_logs(sli_kafka_cluster *cluster, int64_t txn, bool commit)
{
    for (ksim_topic *t = cluster->topics; t != NULL; t = t->next) {
        for (int32_t i = 0; i < t->n_logs; i++) {
            sli_ksim_log_end(&t->logs[i], txn, commit);
        }
    }
}

void sli_ksim_txn_end(sli_kafka_cluster *cluster, ksim_id *id)
{
    if (id->txn == 0) {
        return;
    }
    end_in_logs(cluster, id->txn, id->is_decided);
    while (id->is_decided && id->marks != NULL) {
        ksim_mark *mark = id->marks;
        id->marks = mark->next;
        sli_ksim_mark_record(cluster, mark, id->due_us);
    }
    sli_ksim_marks_free(&id->marks);
    id->txn = 0;
    id->is_decided = false;
    sli_ksim_changed(cluster);
}

// ---------------------------------------------------------------- what the cluster does by itself

void sli_ksim_txns_tick(sli_kafka_cluster *cluster)
{
    int64_t now = sli_world_mono_us(cluster->world);
    for (ksim_id *id = cluster->ids; id != NULL; id = id->next) {
        if (id->txn != 0 && id->due_us <= now) {
            bool is_late = !id->is_decided;
            sli_ksim_txn_end(cluster, id);
            id->epoch += is_late && sli_ksim_chance(&cluster->rng, 0.5) ? 1 : 0;
        }
    }
}

int64_t sli_ksim_txns_due_us(const sli_kafka_cluster *cluster)
{
    int64_t due = SLI_FOREVER;
    for (const ksim_id *id = cluster->ids; id != NULL; id = id->next) {
        due = id->txn != 0 && id->due_us < due ? id->due_us : due;
    }
    return due;
}

void sli_ksim_settle(sli_kafka_cluster *cluster)
{
    sli_ksim_tick(cluster);
    for (ksim_id *id = cluster->ids; id != NULL; id = id->next) {
        if (id->is_decided) {
            sli_ksim_txn_end(cluster, id);
        }
    }
}

bool sli_ksim_is_pending(const sli_kafka_cluster *cluster, const char *group,
                         const sli_kafka_spot *spot)
{
    for (const ksim_id *id = cluster->ids; id != NULL; id = id->next) {
        if (id->txn != 0 &&
            sli_ksim_mark_find(id->marks, group, spot->topic, spot->partition) != NULL) {
            return true;
        }
    }
    return false;
}
