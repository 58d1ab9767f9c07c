/// fixture_int.h — for the tests of ckpt/: a small driver that lives by the protocol, and a ghost
/// that knows what it promised.
///
/// The ghost is what an outside world would remember: groups that were told to be sealed, records
/// that were told to be durable. Whatever crashes, no later driver may find anything else.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "sl_test.h"

#include "base/str.h"
#include "ckpt/ckpt.h"
#include "env/sim.h"
#include "fs/hdfs/sim/cluster.h"

enum { FX_GROUPS = 6, FX_RECORDS = 64 };

/// Where snapshots lie: in the checkpoint, in a directory beside it, on a simulated HDFS.
typedef enum fx_where { FX_HERE, FX_BESIDE, FX_HDFS, FX_N_WHERE } fx_where;

static inline const char *fx_url(fx_where where)
{
    static const char *const urls[] = {"", "work/far", "hdfs://nn1/far?retry_timeout=5s"};
    return urls[where];
}

typedef struct fx_ghost {
    fx_where where;
    sli_hdfs_cluster *hdfs;         ///< of its world; NULL: there is none
    char sealed[FX_GROUPS + 1][96]; ///< body of each SEALED that was told
    char record[FX_RECORDS][32];    ///< write-ahead records that were told to be durable
    bool taken[FX_RECORDS];         ///< the record's text was acknowledged
    char wrong[512];                ///< the first promise that was broken
    char job_id[33];
    int64_t boots;
} fx_ghost;

typedef struct fx_run {
    fx_ghost *ghost;
    sl_code rc; ///< how the driver ended
    sl_error err;
    int64_t groups; ///< where it ends
} fx_run;

static inline sl_code fx_wrong(fx_ghost *ghost, sl_error *err, const char *what, const char *found,
                               const char *promised)
{
    if (ghost->wrong[0] == '\0') {
        (void)snprintf(ghost->wrong, sizeof ghost->wrong,
                       "%.100s: found \"%.180s\", promised \"%.180s\"", what, found, promised);
    }
    return sl_error_set(err, SL_E_STATE, "%s", what);
}

/// One life of the driver.
typedef struct fx_driver {
    fx_ghost *ghost;
    sl_env *env;
    sli_ckpt *ckpt;
    sli_wal *wal;
    sl_arena *arena;
    int64_t sum, sealed, planned, wal_planned;
    int64_t wal_sealed; ///< records below are part of sealed groups: a superseded driver may still
                        ///< forget them
} fx_driver;

static inline sl_bytes fx_bytes(const char *text)
{
    return (sl_bytes){text, strlen(text)};
}

/// A SEALED body is "PATH VALUE SUM".
static inline bool fx_parse(sl_bytes body, char path[64], long long *value, long long *sum)
{
    char text[128];
    size_t size = body.size < sizeof text - 1 ? body.size : sizeof text - 1;
    memcpy(text, body.data, size);
    text[size] = '\0';
    return sscanf(text, "%63s %lld %lld", path, value, sum) == 3;
}

static inline sl_code fx_tell_sealed(fx_driver *d, int64_t group, const char *body, sl_error *err)
{
    char *told = d->ghost->sealed[group];
    if (told[0] != '\0' && strcmp(told, body) != 0) {
        return fx_wrong(d->ghost, err, "a sealed group changed", body, told);
    }
    (void)snprintf(told, sizeof d->ghost->sealed[group], "%s", body);
    return SL_OK;
}

static inline sl_code fx_check_wal(fx_driver *d, sl_error *err)
{
    for (int64_t i = d->wal_sealed; i < FX_RECORDS; i++) {
        sli_buffer *buffer = NULL;
        if (d->ghost->record[i][0] == '\0') {
            continue;
        }
        sl_code rc = sli_wal_read(d->wal, i, &buffer, err);
        if (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND) {
            sl_code still = sli_ckpt_check_generation(d->ckpt, err);
            return still != SL_OK ? still
                                  : fx_wrong(d->ghost, err, "a durable record is lost", err->text,
                                             d->ghost->record[i]);
        }
        SL_TRY(rc);
        char text[32] = {0};
        memcpy(text, sli_buffer_bytes(buffer),
               (size_t)sli_buffer_size(buffer) < 31 ? (size_t)sli_buffer_size(buffer) : 31);
        sli_buffer_unref(buffer);
        if (strcmp(text, d->ghost->record[i]) != 0) {
            sl_code still = sli_ckpt_check_generation(
                d->ckpt, err); // a superseded reader may see what it likes
            return still != SL_OK ? still
                                  : fx_wrong(d->ghost, err, "a durable record changed", text,
                                             d->ghost->record[i]);
        }
    }
    return SL_OK;
}

static inline sl_code fx_read_sum(fx_driver *d, int64_t group, sl_error *err)
{
    sli_buffer *buffer = NULL;
    SL_TRY(sli_snapshot_read(d->ckpt, group, "state/sum", &buffer, err));
    char text[32] = {0};
    memcpy(text, sli_buffer_bytes(buffer),
           (size_t)sli_buffer_size(buffer) < 31 ? (size_t)sli_buffer_size(buffer) : 31);
    sli_buffer_unref(buffer);
    d->sum = strtoll(text, NULL, 10);
    return SL_OK;
}

static inline sl_code fx_apply(fx_driver *d, const char *path, long long value, sl_error *err)
{
    sli_buffer *buffer = NULL;
    SL_TRY(sli_ckpt_get(d->ckpt, path, &buffer, err));
    char text[32] = {0};
    memcpy(text, sli_buffer_bytes(buffer),
           (size_t)sli_buffer_size(buffer) < 31 ? (size_t)sli_buffer_size(buffer) : 31);
    sli_buffer_unref(buffer);
    if (strtoll(text, NULL, 10) != value) {
        return fx_wrong(d->ghost, err, "a delta changed", text, path);
    }
    d->sum += value;
    return SL_OK;
}

/// State from the newest snapshot and the deltas after it. A delta that is gone: look once more,
/// then it is lost.
static inline sl_code fx_restore(fx_driver *d, sl_error *err)
{
    int64_t n, from = 0;
    const sli_frame *frames = sli_ckpt_frames(d->ckpt, &n);
    SL_TRY(sli_snapshot_newest(d->ckpt, &from, err));
    d->sum = 0;
    if (from > 0) {
        SL_TRY(fx_read_sum(d, from, err));
    }
    for (int64_t i = 0; i < n; i++) {
        char path[64];
        long long value, sum;
        if (frames[i].kind != SLI_SEALED || frames[i].number <= from) {
            continue;
        }
        if (!fx_parse(frames[i].body, path, &value, &sum)) {
            return fx_wrong(d->ghost, err, "a SEALED is unreadable", "", "");
        }
        SL_TRY(fx_apply(d, path, value, err));
        if (d->sum != sum) {
            return fx_wrong(d->ghost, err, "the state is not what SEALED says", path, "");
        }
    }
    return SL_OK;
}

/// What the frames say, and that they keep every promise.
static inline sl_code fx_read_frames(fx_driver *d, sl_error *err)
{
    int64_t n;
    const sli_frame *frames = sli_ckpt_frames(d->ckpt, &n);
    char *seen[FX_GROUPS + 1] = {0};
    for (int64_t i = 0; i < n; i++) {
        char *body = sl_arena_printf(d->arena, "%.*s", (int)frames[i].body.size,
                                     (const char *)frames[i].body.data);
        if (frames[i].kind == SLI_PLAN) {
            d->planned = frames[i].number;
            d->wal_planned = strtoll(body, NULL, 10);
        } else if (frames[i].kind == SLI_SEALED && frames[i].number <= FX_GROUPS) {
            if (seen[frames[i].number] != NULL) {
                return fx_wrong(d->ghost, err, "a group is sealed twice", body,
                                seen[frames[i].number]);
            }
            seen[frames[i].number] = body;
            d->sealed = frames[i].number;
            d->wal_sealed = d->wal_planned;
        }
    }
    for (int64_t g = 1; g <= FX_GROUPS; g++) {
        bool told = d->ghost->sealed[g][0] != '\0';
        if (told &&
            (seen[g] == NULL ? g >= d->sealed : strcmp(seen[g], d->ghost->sealed[g]) != 0)) {
            sl_code still =
                sli_ckpt_check_generation(d->ckpt, err); // told by a newer driver meanwhile
            return still != SL_OK ? still
                                  : fx_wrong(d->ghost, err, "a sealed group is lost",
                                             seen[g] == NULL ? "" : seen[g], d->ghost->sealed[g]);
        }
    }
    return SL_OK;
}

static inline sl_code fx_finish_sealed(fx_driver *d, sl_error *err)
{
    int64_t n;
    const sli_frame *frames = sli_ckpt_frames(d->ckpt, &n);
    const char **named = sl_arena_alloc_zero(d->arena, (size_t)(n + 1) * sizeof *named);
    int64_t n_named = 0;
    for (int64_t i = 0; i < n; i++) {
        if (frames[i].kind == SLI_SEALED) {
            char path[64];
            long long value, sum;
            if (fx_parse(frames[i].body, path, &value, &sum)) {
                named[n_named++] = sl_arena_strdup(d->arena, path);
            }
        }
    }
    SL_TRY(sli_ckpt_sweep(d->ckpt, named, err));
    SL_TRY(fx_restore(d, err));
    for (int64_t i = 0; i < n; i++) {
        if (frames[i].kind == SLI_SEALED) {
            char *body = sl_arena_printf(d->arena, "%.*s", (int)frames[i].body.size,
                                         (const char *)frames[i].body.data);
            SL_TRY(sli_ckpt_check_generation(d->ckpt, err));
            SL_TRY(fx_tell_sealed(d, frames[i].number, body, err));
        }
    }
    return SL_OK;
}

static inline sl_code fx_recover(fx_driver *d, sl_error *err)
{
    sli_ckpt_job job = {.name = "job",
                        .graph_text = "graph",
                        .graph_hash = (uint64_t)1 + (uint64_t)d->ghost->boots % 2,
                        .snapshots = fx_url(d->ghost->where)};
    SL_TRY(sli_ckpt_open(&d->ckpt, d->env, "work/ck", &job, NULL, NULL, err));
    SL_TRY(fx_read_frames(d, err));
    SL_TRY(sli_ckpt_begin(d->ckpt, err));
    if (d->ghost->job_id[0] != '\0' && strcmp(d->ghost->job_id, sli_ckpt_job_id(d->ckpt)) != 0) {
        return fx_wrong(d->ghost, err, "the job id changed", sli_ckpt_job_id(d->ckpt),
                        d->ghost->job_id);
    }
    memcpy(d->ghost->job_id, sli_ckpt_job_id(d->ckpt), 33);
    SL_TRY(sli_wal_open(&d->wal, d->ckpt, "in", err));
    SL_TRY(fx_check_wal(d, err));
    if (d->wal_planned > sli_wal_next(d->wal)) {
        sl_code still = sli_ckpt_check_generation(d->ckpt, err);
        return still != SL_OK ? still : fx_wrong(d->ghost, err, "a planned record is lost", "", "");
    }
    return fx_finish_sealed(d, err);
}

/// Two records into the write-ahead log, synced, then promised.
static inline sl_code fx_ingest(fx_driver *d, int64_t group, sl_error *err)
{
    int64_t numbers[2] = {0, 0};
    char texts[2][32];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "g%lld.b%lld.%d", (long long)group,
                       (long long)d->ghost->boots, i);
        SL_TRY(sli_wal_append(d->wal, fx_bytes(texts[i]), &numbers[i], err));
        if (i == 0) {
            SL_TRY(sli_wal_sync(d->wal, err));
            if (numbers[0] < FX_RECORDS) {
                memcpy(d->ghost->record[numbers[0]], texts[0], 32);
            }
        }
    }
    return SL_OK;
}

static inline sl_code fx_snapshot(fx_driver *d, int64_t group, sl_error *err)
{
    sli_snapshot *snapshot = NULL;
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)d->sum);
    SL_TRY(sli_snapshot_create(&snapshot, d->ckpt, group, err));
    sl_code rc = sli_snapshot_add(snapshot, "state/sum", fx_bytes(text), err);
    if (rc != SL_OK) {
        sli_snapshot_discard(snapshot);
        return rc;
    }
    rc = sli_snapshot_publish(snapshot, err);
    bool waits = rc != SL_OK && d->ghost->where != FX_HERE &&
                 sl_error_action(err) == SL_ACT_RETRY_TASK; // the deltas are there
    return waits ? SL_OK : rc;
}

static inline sl_code fx_group(fx_driver *d, int64_t group, sl_error *err)
{
    char text[64], body[96];
    SL_TRY(fx_ingest(d, group, err));
    if (d->planned < group) {
        d->wal_planned = sli_wal_synced(d->wal);
        (void)snprintf(text, sizeof text, "%lld", (long long)d->wal_planned);
        SL_TRY(sli_ckpt_append_about(d->ckpt, SLI_PLAN, group, group * 1000, fx_bytes(text), err));
        SL_TRY(sli_ckpt_sync(d->ckpt, err));
        d->planned = group;
    }
    for (int64_t i = d->wal_sealed; i < d->wal_planned; i++) {
        sli_buffer *buffer = NULL;
        sl_code rc = sli_wal_read(d->wal, i, &buffer, err);
        if (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND) {
            sl_code still = sli_ckpt_check_generation(d->ckpt, err);
            return still != SL_OK
                       ? still
                       : fx_wrong(d->ghost, err, "a planned record is lost", err->text, text);
        }
        SL_TRY(rc);
        sli_buffer_unref(buffer);
    }
    const char *path = NULL;
    long long value = 100 * d->ghost->boots + group; // impure: another boot computes another value
    (void)snprintf(text, sizeof text, "%lld", value);
    SL_TRY(sli_ckpt_put(d->ckpt, SLI_DELTA, group, "", fx_bytes(text), d->arena, &path, err));
    (void)snprintf(body, sizeof body, "%s %lld %lld", path, value, (long long)d->sum + value);
    SL_TRY(sli_ckpt_append_about(d->ckpt, SLI_SEALED, group, group, fx_bytes(body), err));
    SL_TRY(sli_ckpt_sync(d->ckpt, err));
    d->sum += value;
    d->sealed = group;
    SL_TRY(fx_tell_sealed(d, group, body, err));
    SL_TRY(sli_ckpt_append(d->ckpt, SLI_COMMITTED, group, (sl_bytes){0}, err));
    d->wal_sealed = d->wal_planned;
    sli_wal_forget(d->wal, d->wal_planned);
    return group % 2 == 0 ? fx_snapshot(d, group, err) : SL_OK;
}

void sli_ckpt_limits(sli_ckpt *ckpt, int64_t roll_bytes, int64_t wal_part_bytes); // ckpt_int.h

static inline void fx_main(sl_env *env, void *ctx)
{
    fx_run *run = ctx;
    run->ghost->boots++;
    fx_driver d = {.ghost = run->ghost, .env = env, .arena = sl_arena_new(SLI_TAG_TEST)};
    run->rc = fx_recover(&d, &run->err);
    if (d.ckpt != NULL) {
        sli_ckpt_limits(d.ckpt, 1200, 100);
    }
    for (int64_t g = d.sealed + 1; run->rc == SL_OK && g <= run->groups; g++) {
        run->rc = fx_group(&d, g, &run->err);
    }
    sli_wal_close(d.wal);
    sli_ckpt_close(d.ckpt);
    sl_arena_free(d.arena);
}

/// One boot in a world; frees the process.
static inline sl_code fx_boot(sli_world *world, fx_ghost *ghost, const sli_fault *fault,
                              int64_t groups, sl_error *err, bool *reached)
{
    sl_env *env = NULL;
    assert_int_equal(sli_world_boot(world, fault, &env, err), SL_OK);
    fx_run run = {.ghost = ghost, .groups = groups};
    fx_main(env, &run);
    if (reached != NULL) {
        *reached = sli_world_fault_reached(env);
    }
    sli_env_free(env);
    *err = run.err;
    return run.rc;
}

/// What a run is of.
typedef struct fx_kind {
    const char *bug; ///< planted; NULL: none
    fx_where where;
} fx_kind;

/// A world, and a ghost that remembers nothing yet.
static inline sli_world *fx_world(uint64_t seed, fx_kind kind, fx_ghost *ghost)
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = seed});
    assert_non_null(world);
    *ghost = (fx_ghost){.where = kind.where};
    if (kind.bug != NULL) {
        sli_world_plant(world, kind.bug);
    }
    if (kind.where == FX_HDFS) {
        ghost->hdfs = sli_hdfs_cluster_new(world);
        assert_non_null(ghost->hdfs);
    }
    return world;
}

static inline void fx_world_free(sli_world *world, fx_ghost *ghost)
{
    sli_hdfs_cluster_free(ghost->hdfs);
    ghost->hdfs = NULL;
    sli_world_free(world);
}
