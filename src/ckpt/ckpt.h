/// ckpt.h — the checkpoint directory: lock, generations, epoch log, write-ahead log segments,
/// deltas, outboxes, snapshots.
///
/// Knows named sections of bytes, not graphs. Formats byte by byte are in the README. The protocol
/// is the design's section 3 (and crash_model's): a new generation is taken durably before anything
/// is read; what was read and may not be durable is written anew before anything rests on it; the
/// new segment's BEGIN names its parent, how many of the parent's frames count, and the length of
/// every older write-ahead segment; every path carries the generation.
///
///     DIR/MANIFEST.json            job id, name, format, graph; replaced when the graph changes
///     DIR/LOCK                     advisory lock with the holder's pid
///     DIR/gen/000001               one empty file a generation, created no-replace
///     DIR/log/000001-0001.log      epoch log of a generation; a new part when it is compacted
///     DIR/wal/000001-0001-UID.wal  write-ahead log of a receiver; a new part when it is large
///     DIR/delta/000001-000000042   state delta of a group
///     DIR/outbox/000001-000000042-UID
///     DIR/pane/000001-000000042-UID  what a window keeps of a group's epochs
///     DIR/model/000001-HASH-UID    a file of somebody else's that a planned epoch needs
///     DIR/snap/000000040/          a snapshot: SECTIONS.json with hashes, and a file a section;
///                                  or in a directory of another file system
///     DIR/work/000001/             scratch of a generation, removed at the next start
///
/// Thread: driver, except where said. After a failed sync everything here fails with SL_E_IO,
/// SL_ACT_STOP_JOB.
#pragma once

#include "col/col.h"
#include "env/env.h"
#include "fs/fs.h"
#include "metrics/metrics.h"

typedef struct sli_ckpt sli_ckpt;

/// What the job says about itself when it opens its checkpoint.
typedef struct sli_ckpt_job {
    const char *name;
    const char *graph_text; ///< kept in MANIFEST.json for people and for upgrades
    uint64_t graph_hash;
    const char *snapshots; ///< URL of a directory for snapshots; NULL or "": DIR/snap
    const char *modules;   ///< directory of loadable modules; NULL: as sli_module_load finds them
    const _Atomic int64_t *end_us; ///< sli_fs_where, for `snapshots`; NULL: none
} sli_ckpt_job;

// ---------------------------------------------------------------- frames of the epoch log

typedef enum sli_frame_kind {
    SLI_BEGIN = 1,
    SLI_PLAN = 2,
    SLI_SEALED = 3,
    SLI_COMMITTED = 4
} sli_frame_kind;

typedef struct sli_frame {
    sli_frame_kind kind;
    int64_t generation;
    int64_t number; ///< PLAN: the epoch; SEALED, COMMITTED: the group
    sl_bytes body;  ///< PLAN and SEALED: the engine's bytes
    int64_t about;  ///< PLAN: its batch time in µs; SEALED: the group's last epoch; 0 when it was
                    ///< not told
} sli_frame;

// ---------------------------------------------------------------- opening, in the protocol's order

/// Takes the lock and a new generation, reads and checks everything, syncs the names. Makes the
/// directory and the job id when there are none. Does not write BEGIN: the caller first asks its
/// sinks (the torn-tail check), then calls sli_ckpt_begin. Fails: SL_E_BUSY with the holder's pid;
/// SL_E_INCOMPATIBLE (another job's name, a newer format, an empty checkpoint beside snapshots
/// elsewhere of a job with this name, snapshots that are looked for in another place); SL_E_CORRUPT
/// with file and offset (anything but a torn tail of the newest segment); where snapshots lie
/// elsewhere, what that file system fails with.
sl_code sli_ckpt_open(sli_ckpt **out, sl_env *env, const char *dir, const sli_ckpt_job *job,
                      sli_metrics *metrics, sli_log *log, sl_error *err);
const char *sli_ckpt_job_id(const sli_ckpt *ckpt); ///< 32 hex digits
int64_t sli_ckpt_generation(const sli_ckpt *ckpt);
bool sli_ckpt_is_new(const sli_ckpt *ckpt);              ///< nothing was ever planned in it
uint64_t sli_ckpt_last_graph_hash(const sli_ckpt *ckpt); ///< of the run before; 0 when new
/// The text of the last run's graph; "" when new, or none is on record. Lives until close.
const char *sli_ckpt_last_graph(const sli_ckpt *ckpt);
/// The frames that count, in order, BEGINs left out; live until sli_ckpt_close.
const sli_frame *sli_ckpt_frames(const sli_ckpt *ckpt, int64_t *n);
/// Whether the newest segment ended in a torn frame; for the message when a sink lies beyond.
bool sli_ckpt_tail_was_torn(const sli_ckpt *ckpt);
/// Where the newest segment ends, as "FILE at offset N"; "" when nothing was ever logged. Lives
/// until close.
const char *sli_ckpt_tail(const sli_ckpt *ckpt);
/// Writes what was read and may not be durable anew: records into write-ahead segments of this
/// generation, frames behind BEGIN. Syncs all that, and checks the generation.
sl_code sli_ckpt_begin(sli_ckpt *ckpt, sl_error *err);
/// Lets the lock go. Its wals and snapshots were closed before. Accepts NULL.
void sli_ckpt_close(SL_TAKES sli_ckpt *ckpt);

// ---------------------------------------------------------------- the epoch log. Thread: one at a
// time

/// Appends a frame (PLAN, SEALED or COMMITTED; at most 64 MiB); not durable. Chained by XXH3-128.
/// SL_E_NO_SPACE leaves the log usable and nothing appended: a full disk, or 128 MiB that no
/// snapshot covers.
sl_code sli_ckpt_append(sli_ckpt *ckpt, sli_frame_kind kind, int64_t number, sl_bytes body,
                        sl_error *err);
/// As sli_ckpt_append, and tells what sli_frame.about holds. The log drops a PLAN only when a
/// SEALED told that its group reaches that epoch, so an engine that seals by plain sli_ckpt_append
/// has a log that keeps every PLAN.
sl_code sli_ckpt_append_about(sli_ckpt *ckpt, sli_frame_kind kind, int64_t number, int64_t about,
                              sl_bytes body, sl_error *err);
/// Says that nobody needs SEALED frames up to `group` any more: a job without state has no
/// snapshots that would say so. Frames that are not committed stay in any case, and so do the last
/// PLAN and the last SEALED. Thread: any.
void sli_ckpt_forget(sli_ckpt *ckpt, int64_t group);
/// Makes the frames durable, then checks that no newer generation exists. Fails: SL_E_SUPERSEDED;
/// SL_E_IO (final).
sl_code sli_ckpt_sync(sli_ckpt *ckpt, sl_error *err);
/// SL_E_SUPERSEDED when a newer generation exists. Before telling anybody outside anything. Thread:
/// any.
sl_code sli_ckpt_check_generation(sli_ckpt *ckpt, sl_error *err);

// ---------------------------------------------------------------- write-ahead segments. Thread:
// one at a time per wal

typedef struct sli_wal sli_wal;
/// This generation's segment for one receiver, and the records of older ones that count.
sl_code sli_wal_open(sli_wal **out, sli_ckpt *ckpt, const char *uid, sl_error *err);
void sli_wal_close(SL_TAKES sli_wal *wal);
/// Appends a record; *number is its place in the order of all records that count (0, 1, ... over
/// all generations). At most 64 MiB. SL_E_NO_SPACE leaves the segment usable. Not durable.
sl_code sli_wal_append(sli_wal *wal, sl_bytes record, int64_t *number, sl_error *err);
/// Makes appended records durable and checks the generation: only then may a PLAN name them and the
/// sender be told.
sl_code sli_wal_sync(sli_wal *wal, sl_error *err);
int64_t
sli_wal_synced(const sli_wal *wal); ///< records that are durable: numbers below it. Thread: any
/// Reads one record that counts. The caller owns a reference. Fails: SL_E_NOT_FOUND when forgotten;
/// SL_E_CORRUPT with file and offset, also for a number at or past the end: only a PLAN names
/// numbers, and a PLAN names what was synced. Thread: any, at once with appends.
sl_code sli_wal_read(sli_wal *wal, int64_t number, sli_buffer **out, sl_error *err);
/// Records below `number` are no longer needed; whole old segments are removed, the present one is
/// cut over when large.
void sli_wal_forget(sli_wal *wal, int64_t number);
int64_t sli_wal_first(const sli_wal *wal); ///< the oldest record still there. Thread: any
int64_t sli_wal_next(const sli_wal *wal);  ///< the number that the next append gets. Thread: any
int64_t sli_wal_bytes(const sli_wal *wal); ///< of all segments still there. Thread: any

// ---------------------------------------------------------------- deltas, outboxes and panes:
// named files of one group

typedef enum sli_group_file { SLI_DELTA = 1, SLI_OUTBOX = 2, SLI_PANES = 3 } sli_group_file;
/// Writes durably, data and name; *path (in the arena, relative to DIR) goes into SEALED. `uid` is
/// "" for deltas. Content is wrapped with a header and an XXH3-128. Thread: any, one at a time per
/// file.
sl_code sli_ckpt_put(sli_ckpt *ckpt, sli_group_file kind, int64_t group, const char *uid,
                     sl_bytes content, sl_arena *arena, const char **path, sl_error *err);
/// Fails: SL_E_NOT_FOUND, SL_E_CORRUPT with file and offset.
sl_code sli_ckpt_get(sli_ckpt *ckpt, const char *path, sli_buffer **out, sl_error *err);
/// Best effort; what stays is swept at the next open. A delta that the older kept snapshot does not
/// cover stays, so that a damaged newest snapshot loses nothing: sli_snapshot_publish removes it
/// when its time has come.
void sli_ckpt_drop(sli_ckpt *ckpt, const char *path);
/// As sli_ckpt_sweep for panes, which outlive the SEALED frame that named them: a snapshot lists
/// those that are still needed, so they are swept when it has been read.
sl_code sli_ckpt_sweep_panes(sli_ckpt *ckpt, const char *const *named, sl_error *err);
/// Removes deltas, outboxes and temporary files of older generations that `named` (NULL-ended
/// paths) doesn't list. Name what every SEALED of sli_ckpt_frames names, also those that the newest
/// snapshot covers.
sl_code sli_ckpt_sweep(sli_ckpt *ckpt, const char *const *named, sl_error *err);

// ---------------------------------------------------------------- files of others that are kept

/// Copies content durably under a name that has its hash; *path (in the arena, relative to DIR)
/// goes into the PLAN of each epoch that needs it. Thread: driver. Blocks: disk. Fails:
/// SL_E_NO_SPACE, nothing is left behind; SL_E_IO.
sl_code sli_ckpt_keep(sli_ckpt *ckpt, const char *uid, sl_bytes content, sl_arena *arena,
                      const char **path, sl_error *err);
/// The content, which is what the name says. *out one reference. Fails: SL_E_NOT_FOUND,
/// SL_E_CORRUPT.
sl_code sli_ckpt_kept(sli_ckpt *ckpt, const char *path, sli_buffer **out, sl_error *err);
/// Best effort; no epoch that needs it is run again. What stays is swept at the next start.
void sli_ckpt_kept_drop(sli_ckpt *ckpt, const char *path);
/// Removes those of older generations that `named` (NULL-ended paths) doesn't list: name what the
/// PLANs of all epochs that no SEALED covers name, and the last PLAN. After BEGIN.
sl_code sli_ckpt_sweep_kept(sli_ckpt *ckpt, const char *const *named, sl_error *err);

// ---------------------------------------------------------------- snapshots

typedef struct sli_snapshot sli_snapshot;
/// Begins writing the snapshot of the state after `group` under a temporary name that carries the
/// generation.
sl_code sli_snapshot_create(sli_snapshot **out, sli_ckpt *ckpt, int64_t group, sl_error *err);
/// Adds a section: written and synced. Names [A-Za-z0-9_./-]+, at most one '/'. Thread: any, one at
/// a time.
sl_code sli_snapshot_add(sli_snapshot *snapshot, const char *name, sl_bytes content, sl_error *err);
/// Moves a directory of files (`from`, on the checkpoint's filesystem) into the snapshot as
/// sections NAME/FILE: each is synced and hashed, unless snapshot `previous` (0: none) has the same
/// file under the same name. *bytes is the size of those it had not. After a failure the directory
/// is the snapshot's. Thread: any, one at a time.
sl_code sli_snapshot_adopt(sli_snapshot *snapshot, const char *name, const char *from,
                           int64_t previous, int64_t *bytes, sl_error *err);
/// Publishes it by one rename that does not replace, and syncs the directory. When it is there
/// already, made by a newer driver, that is as good. Then older snapshots go (the newest two stay),
/// and the deltas that the older of the two covers. Takes `snapshot`. Fails, where snapshots lie
/// elsewhere, with SL_ACT_RETRY_TASK when that file system did not take it: a later snapshot may
/// be tried. Thread: any, one snapshot at a time. Blocks: as long as that file system tries.
sl_code sli_snapshot_publish(SL_TAKES sli_snapshot *snapshot, sl_error *err);
/// Where snapshots lie when that isn't DIR/snap, as a text; else NULL. Lives until close.
const char *sli_ckpt_snapshots(const sli_ckpt *ckpt);
void sli_snapshot_discard(SL_TAKES sli_snapshot *snapshot); ///< accepts NULL
/// The newest snapshot whose every section checks out; *group 0 when there is none. A damaged one
/// is logged, counted and passed over when an older one and all deltas after it exist, else
/// SL_E_CORRUPT with file and offset.
sl_code sli_snapshot_newest(sli_ckpt *ckpt, int64_t *group, sl_error *err);
sl_code sli_snapshot_read(sli_ckpt *ckpt, int64_t group, const char *name, sli_buffer **out,
                          sl_error *err);
/// The path of a section, or of a directory of sections; appended to `out`.
void sli_snapshot_path(const sli_ckpt *ckpt, int64_t group, const char *name, sli_str *out);
/// Section names of a snapshot, in order. Calls `each`.
sl_code sli_snapshot_sections(sli_ckpt *ckpt, int64_t group, sli_list_fn each, void *ctx,
                              sl_error *err);

// ---------------------------------------------------------------- scratch

/// Appends the name of this generation's directory for files that needn't outlive the process. The
/// caller makes it, and removes it; what is left is removed by a later generation's sweep.
void sli_ckpt_work_dir(const sli_ckpt *ckpt, sli_str *out);

// ---------------------------------------------------------------- looking from outside (status,
// validate): no lock taken

typedef struct sli_ckpt_info {
    char job_id[33];
    char name[128];
    int32_t format;
    int64_t generation, last_epoch, last_batch_time_us, last_sealed, last_committed,
        newest_snapshot;
    int64_t log_bytes, wal_bytes, snapshot_bytes;
    char snapshots[256]; ///< the URL where they lie, without secrets; "" for DIR/snap
    char away[256];      ///< why they could not be looked at there; "" when they were
    int64_t holder_pid;  ///< 0: nobody runs it
    uint64_t graph_hash;
} sli_ckpt_info;
/// Calls `each` with the frames that count, oldest first, BEGINs left out; bodies live for the
/// call. Takes no lock, changes nothing. Fails: as sli_ckpt_inspect, and as `each`.
sl_code sli_ckpt_each_frame(sl_env *env, const char *dir,
                            sl_code (*each)(void *ctx, const sli_frame *frame, sl_error *err),
                            void *ctx, sl_error *err);
/// Reads a checkpoint without changing it. Snapshots elsewhere are asked for two seconds. Fails:
/// SL_E_NOT_FOUND, SL_E_CORRUPT, SL_E_INCOMPATIBLE.
sl_code sli_ckpt_inspect(sl_env *env, const char *dir, sli_ckpt_info *out, sl_error *err);

// ---------------------------------------------------------------- a view: what lies in a
// checkpoint as of one group, read from outside while a driver may go on

/// Nothing is locked or changed. A driver that has published two more snapshots removes what a view
/// names, so its files are opened when it is, and a delta when it is first read, up to 512 in all,
/// and stay readable. Beyond those, reading may fail with SL_E_NOT_FOUND, and whoever wants to know
/// opens another view. Thread: one at a time.
typedef struct sli_ckpt_view sli_ckpt_view;

typedef struct sli_ckpt_view_conf {
    sl_env *env;
    const char *dir;
    const char *modules; ///< see sli_module_load; may be NULL
    const char *scratch; ///< a directory for copies, made when it is needed and removed at the end
} sli_ckpt_view_conf;
/// As of the newest group that is sealed. Tries again as long as a driver goes on meanwhile, at
/// most 100 times. Snapshots elsewhere are read there, and asked for 10 seconds. Fails:
/// SL_E_NOT_FOUND (no checkpoint), SL_E_CORRUPT with file and offset, SL_E_INCOMPATIBLE; where its
/// snapshots lie elsewhere as that file system does.
sl_code sli_ckpt_view_open(sli_ckpt_view **out, const sli_ckpt_view_conf *conf, sl_error *err);
void sli_ckpt_view_close(SL_TAKES sli_ckpt_view *view); ///< accepts NULL
/// Now it is as of the group of its snapshot, which ended with `epoch`, and needs no delta: for who
/// finds that a driver has removed one. There is a snapshot.
void sli_ckpt_view_cut(sli_ckpt_view *view, int64_t epoch);
/// Job, format and totals of the log; nothing about bytes and snapshots elsewhere. Lives as long
/// as the view, as all that follows.
const sli_ckpt_info *sli_ckpt_view_info(const sli_ckpt_view *view);
/// Those that count, oldest first, without BEGIN.
const sli_frame *sli_ckpt_view_frames(const sli_ckpt_view *view, int64_t *n);
/// The snapshot on which the state rests; 0: there is none, state is in deltas alone. Deltas of
/// groups after it are in SEALED frames, without a gap.
int64_t sli_ckpt_view_snapshot(const sli_ckpt_view *view);
/// Its sections.
int64_t sli_ckpt_view_sections(const sli_ckpt_view *view);
sl_text sli_ckpt_view_section(const sli_ckpt_view *view, int64_t i, int64_t *size_bytes);
/// Bytes of a section, checked by its hash. *out NULL: the snapshot has none of that name.
sl_code sli_ckpt_view_read(const sli_ckpt_view *view, const char *name, sli_buffer **out,
                           sl_error *err);
/// The first bytes of a section, at most `most`, which nothing has checked; appended.
sl_code sli_ckpt_view_peek(const sli_ckpt_view *view, int64_t i, size_t most, sli_str *out,
                           sl_error *err);
/// A directory with the sections NAME/FILE as files: appended to `out`. Those of a snapshot here
/// are not copied, and only the names of files that somebody has open may go; others are brought
/// into `scratch`, all bytes checked.
sl_code sli_ckpt_view_files(sli_ckpt_view *view, const char *name, sli_str *out, sl_error *err);
/// What a failure with such files means: SL_E_NOT_FOUND when a driver has removed the snapshot
/// meanwhile, else `rc`.
sl_code sli_ckpt_view_or_gone(const sli_ckpt_view *view, sl_code rc, sl_error *err);
/// As sli_ckpt_get.
sl_code sli_ckpt_view_get(sli_ckpt_view *view, const char *path, sli_buffer **out, sl_error *err);
