/// ckpt_int.h — what the files of ckpt/ share: names, frames, the log's chain, the checkpoint
/// itself.
///
/// Reading order: frame.c (bytes) · names.c · segment.c · chain.c (reading the log) · ckpt.c
/// · open.c · log.c (writing it) · wal_past.c, wal_carry.c and wal.c · group_file.c · snapshot.c,
/// snapshot_adopt.c and snapshot_read.c · place_int.h, place.c, place_begin.c, place_put.c
/// and place_take.c (snapshots elsewhere) · manifest.c · inspect.c · view.c.
#pragma once

#include <inttypes.h>
#include <stdatomic.h>

#include "ckpt/ckpt.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/lock.h"

enum {
    SLI_CKPT_FORMAT = 1,
    SLI_HEAD_BYTES = 64, ///< in front of every binary file
    SLI_FRAME_HEAD_BYTES = 64,
    SLI_FRAME_EXTRA_BYTES = 80,      ///< of a frame: head and hash
    SLI_FRAME_MOST_BYTES = 64 << 20, ///< of a frame's body
    SLI_PREWRITE_BYTES = 32 << 10,   ///< zeroes behind the last frame
    SLI_LOG_ROLL_BYTES = 8 << 20,    ///< the epoch log is compacted beyond
    SLI_LOG_MOST_BYTES = 128 << 20,  ///< of one log segment
    SLI_LOG_CHAIN = 32,           ///< segments in a chain; then BEGIN carries all frames that count
    SLI_WAL_PART_BYTES = 8 << 20, ///< a write-ahead segment is cut over beyond
    SLI_WAL_MOST_RECORDS = 1 << 22,  ///< not forgotten records of one receiver
    SLI_FILE_MOST_BYTES = 256 << 20, ///< of a segment or a list that is read whole
    SLI_UID_BYTES = 128,
    SLI_CKPT_DIR_BYTES = 3500,
    SLI_CKPT_TREE_DEPTH = 4,  ///< work/GENERATION/snap/GROUP/DIRECTORY
    SLI_CKPT_NAMES = 1 << 20, ///< entries of one directory
    SLI_SECTIONS_MOST = 65536,
};

// ---------------------------------------------------------------- names (names.c)

typedef struct sli_ckpt_path {
    char text[4096];
} sli_ckpt_path;
/// DIR and a name below it; returns out->text. DIR was checked to be short enough.
const char *sli_ckpt_path_of(sli_ckpt_path *out, const char *dir, const char *fmt, ...)
    SL_PRINTF(3, 4);

typedef struct sli_names {
    char **names; ///< byte order; in the arena
    int64_t n;
} sli_names;
/// Names in a directory; a missing one has none. At most SLI_CKPT_NAMES.
sl_code sli_names_list(sl_env *env, const char *path, sl_arena *arena, sli_names *out,
                       sl_error *err);

/// "000001-0001.log"; ".tmp" for `tmp`.
bool sli_name_is_log(const char *name, int64_t *generation, int64_t *part, bool *tmp);
/// "000001-0001-UID.wal"; *uid points into `name`, *uid_size leaves ".wal" out.
bool sli_name_is_wal(const char *name, int64_t *generation, int64_t *part, sl_text *uid, bool *tmp);
/// "000001-000000042" and what follows.
bool sli_name_is_group(const char *name, int64_t *generation, int64_t *group, const char **rest);
/// "000001"
bool sli_name_is_generation(const char *name, int64_t *generation);
/// "MANIFEST.json.000001.tmp"
bool sli_name_is_manifest_temp(const char *name, int64_t *generation);
/// "000000040"
bool sli_name_is_snapshot(const char *name, int64_t *group);
/// "tmp-000001-000000040", "gone-..." or "bad-...": a directory on its way in or out.
bool sli_name_is_passing(const char *name, int64_t *generation);
/// [A-Za-z0-9_.-]+, at most SLI_UID_BYTES - 1, not "." or "..".
bool sli_uid_is_good(const char *uid);

// ---------------------------------------------------------------- frames (frame.c)

typedef struct sli_head {
    char magic[9]; ///< "SLUICElg", "SLUICEwa", "SLUICEgf"
    uint32_t kind; ///< group files: sli_group_file; else 0
    int64_t generation, number, base;
    uint64_t owner; ///< hash of the job id, for write-ahead segments of job id and uid
} sli_head;
uint64_t sli_owner_of(const char *job_id, const char *uid);
sli_hash128 sli_head_put(sli_str *out, const sli_head *head);
/// Fails: SL_E_CORRUPT, SL_E_INCOMPATIBLE; texts name `path`.
sl_code sli_head_get(sl_bytes file, const char *path, const char *magic, sli_head *out,
                     sli_hash128 *hash, sl_error *err);

enum { SLI_RECORD = 5 }; ///< a frame kind beside sli_frame_kind: a record of a write-ahead segment

typedef struct sli_raw_frame {
    uint32_t kind;
    uint32_t generation; ///< that logged it first; a carried frame keeps it
    int64_t number, about;
    int64_t offset;  ///< its place in the file; also written in it, so that nothing inside a body
                     ///< passes for a frame
    int64_t durable; ///< bytes of the file that were known to be durable when it was written
    sli_hash128 previous, hash;
    sl_bytes body; ///< points into the file's bytes
} sli_raw_frame;
int64_t sli_frame_bytes(size_t body_size); ///< whole size of a frame
/// Appends the frame and sets frame->hash.
void sli_frame_put(sli_str *out, sli_raw_frame *frame);
/// Reads the frame that `here` begins with and that says it lies at `offset` of its file. False:
/// there is none, whole and undamaged.
bool sli_frame_at(sl_bytes here, int64_t offset, sli_raw_frame *out);
/// The same, of a whole file in memory.
bool sli_frame_get(sl_bytes file, int64_t offset, sli_raw_frame *out);

/// What a segment holds: frames up to the first one that does not fit.
typedef struct sli_scan {
    sli_raw_frame *frames; ///< in the arena
    int64_t n;
    int64_t sure;     ///< of them: those that a later one says were durable when it was written
    int64_t end;      ///< where the good frames end
    bool torn;        ///< something follows that is no frame
    bool damaged;     ///< and what follows had been durable: no crash explains it
    sli_hash128 last; ///< hash of the last good frame, or of the head
} sli_scan;
sl_code sli_scan_frames(sl_bytes file, sli_hash128 head, sl_arena *arena, sli_scan *out,
                        sl_error *err);

// ---------------------------------------------------------------- reading the log (chain.c)

typedef struct sli_wal_cut {
    const char *uid;
    int64_t generation, end; ///< records of that generation end at this number
} sli_wal_cut;

typedef struct sli_begin {
    char job_id[33];
    uint64_t graph_hash;
    int64_t parent_generation, parent_part, cut;
    sli_hash128 parent_hash;
    bool whole;      ///< carries all older frames that are needed: no older segment is read
    int64_t carried; ///< frames after BEGIN that became durable with it
    int64_t floor;   ///< state up to this group is in snapshots only
    int64_t free_to; ///< SEALED up to this group were said to be needed by nobody
    sli_wal_cut *cuts;
    int64_t n_cuts;
} sli_begin;
void sli_begin_put(sli_str *out, const sli_begin *begin);
sl_code sli_begin_get(sl_bytes body, sl_arena *arena, sli_begin *out, sl_error *err);

typedef struct sli_link {
    int64_t generation, part;
    char *bytes; ///< sl_free
    size_t size;
    sli_scan scan;
    sli_begin begin;
    int64_t
        sure; ///< frames that are durable beyond doubt: its beginning, and what `scan` is sure of
} sli_link;

/// The log as it counts: the newest segment and its parents.
typedef struct sli_chain {
    sl_arena *arena;
    sli_link *links; ///< newest first; in the arena
    int64_t n_links;
    sli_frame *frames; ///< that count, oldest first, no BEGIN
    int64_t n_frames;
    int64_t floor, free_to;
    int64_t bytes; ///< of all its segments
    int64_t last_plan, last_time_us, last_sealed, last_committed;
} sli_chain;
/// `cut_ignored`: the planted mistake. Takes nothing; reset in any case. Fails: SL_E_CORRUPT,
/// SL_E_INCOMPATIBLE, SL_E_IO.
sl_code sli_chain_read(sli_chain *chain, sl_env *env, const char *dir, const char *job_id,
                       int64_t below, bool cut_ignored, sl_error *err);
void sli_chain_reset(sli_chain *chain);
/// The totals of a list of frames: the fields last_*.
void sli_chain_total(sli_chain *chain);

// ---------------------------------------------------------------- write-ahead segments on disk
// (wal_past.c)

typedef struct sli_wal_part {
    int64_t generation, part, base, n;
    int64_t *offsets; ///< of its records; sl_free
    int64_t capacity, bytes;
} sli_wal_part;

/// The segments of one receiver that count.
typedef struct sli_wal_past {
    char *uid; ///< sl_free; NULL once a sli_wal has taken it
    sli_wal_part *parts;
    int64_t n, capacity;
    int64_t next; ///< number after the last record
    int64_t sure; ///< records below are durable beyond doubt
    char *tail;   ///< frames of the others, all in the last part; sl_free
    size_t tail_size;
} sli_wal_past;

typedef struct sli_wal_pasts {
    sli_wal_past *items;
    int64_t n;
} sli_wal_pasts;
/// Which segments count is in the newest BEGIN of `chain`. `forgets_cuts`: the planted mistake.
sl_code sli_wal_pasts_read(sli_wal_pasts *out, sl_env *env, sli_log *log, const char *dir,
                           const char *job_id, const sli_chain *chain, int64_t below,
                           bool forgets_cuts, sl_error *err);
void sli_wal_pasts_reset(sli_wal_pasts *pasts);
void sli_wal_past_reset(sli_wal_past *past);
sl_code sli_wal_part_add(sli_wal_past *past, int64_t generation, int64_t part, int64_t base,
                         sl_error *err);
sl_code sli_wal_part_note(sli_wal_part *part, int64_t offset, sl_error *err); ///< one more record
/// Copies records that may not be durable into segments of this generation, and lists in `cuts`
/// where those of older generations end. Before BEGIN. (wal_carry.c)
sl_code sli_wals_carry(sli_ckpt *ckpt, sl_error *err);

// ---------------------------------------------------------------- MANIFEST.json and other checked
// texts (manifest.c)

typedef struct sli_manifest {
    int32_t format;
    char job_id[33];
    char *name;      ///< in the arena, unescaped
    char *snapshots; ///< where they lie, a URL; "" for DIR/snap; in the arena
    char *graph;     ///< its text; in the arena
    uint64_t graph_hash;
} sli_manifest;
/// Of its bytes; `path` is for texts. Fails: SL_E_CORRUPT, SL_E_INCOMPATIBLE.
sl_code sli_manifest_parse(sl_bytes file, const char *path, sl_arena *arena, sli_manifest *out,
                           sl_error *err);
/// SL_E_NOT_FOUND without one.
sl_code sli_manifest_read(sl_env *env, const char *dir, sl_arena *arena, sli_manifest *out,
                          sl_error *err);
void sli_manifest_put(sli_str *out, const char *job_id, const sli_ckpt_job *job);

/// Ends a checked JSON text: `  "check": "HASH"` and the brace.
void sli_checked_end(sli_str *out);
/// Checks that end, then the format number in the first line; *body gets what is between. Fails:
/// SL_E_CORRUPT, SL_E_INCOMPATIBLE.
sl_code sli_checked_open(sl_bytes file, const char *path, const char *kind, sl_text *body,
                         sl_error *err);
/// Steps over `word` in the text; false when something else is there.
bool sli_text_skip(sl_text *at, const char *word);
/// Takes what stands before the next `stop`, and steps over that.
bool sli_text_until(sl_text *at, const char *stop, sl_text *out);
void sli_hash_text(sli_hash128 hash, char out[33]);

// ---------------------------------------------------------------- the checkpoint (ckpt.c)

typedef struct sli_place sli_place;

struct sli_ckpt {
    sl_env *env;
    sli_log *log;
    sli_metric *n_syncs, *sync_us, *n_damaged, *n_torn, *log_bytes, *n_cleanup_failed,
        *n_waited; ///< NULL without metrics
    char *dir, *name, *graph_text;
    uint64_t graph_hash;
    char job_id[33];
    bool has_manifest;
    uint64_t manifest_graph; ///< graph hash that MANIFEST.json shows
    const char *last_graph;  ///< the text that it showed when it was read; in the arena
    char *manifest_place;    ///< where it says that snapshots lie; in the arena
    sli_place *place;        ///< where snapshots lie; NULL: in DIR/snap
    int64_t shadow;          ///< group of the snapshot in work/GENERATION/snap; 0: none
    sli_file *lock;
    int64_t generation;
    sli_ckpt_path next_generation; ///< its file: what check_generation looks for
    sli_chain chain;
    char *tail; ///< "FILE at offset N"
    sli_wal_pasts wals;
    sl_arena *arena;   ///< for cuts
    sli_wal_cut *cuts; ///< BEGIN's list of older write-ahead segments
    int64_t n_cuts;
    _Atomic bool dead;       ///< a sync failed; relaxed: it only ends things
    _Atomic int64_t floor;   ///< deltas up to this group are not needed; grows
    _Atomic int64_t free_to; ///< see sli_ckpt_forget; grows
    // this generation's log segment
    bool begun, dirty;
    bool whole;      ///< it carries what counts of older segments: none of them is needed
    int64_t n_older; ///< frames of `chain` that it does not carry
    sli_file *file;
    sli_str scratch;
    int64_t part, end, durable, prewritten, n_frames;
    int64_t roll_bytes, roll_at; ///< compaction is due when the segment is larger than roll_at
    int64_t rolled_at;           ///< what was covered at the last compaction
    sli_hash128 last;
    int64_t wal_part_bytes;
};

/// SL_E_IO when a sync failed before.
sl_code sli_ckpt_alive(sli_ckpt *ckpt, sl_error *err);
/// A failure's last word: a superseded driver's errors are not errors of the job.
sl_code sli_ckpt_verdict(sli_ckpt *ckpt, sl_code rc, sl_error *err);
/// Syncs that are never retried: after a failure the checkpoint is dead.
sl_code sli_ckpt_sync_file(sli_ckpt *ckpt, sli_file *file, sl_error *err);
sl_code sli_ckpt_sync_dir(sli_ckpt *ckpt, const char *name, sl_error *err); ///< "" for DIR itself
/// Removal that may fail: logged and counted; only SL_E_CRASHED comes back.
sl_code sli_ckpt_clean(sli_ckpt *ckpt, const char *path, bool tree);
/// The same for one file, and tells whether it is gone.
bool sli_ckpt_remove(sli_ckpt *ckpt, const char *path);
/// For tests: smaller limits.
void sli_ckpt_limits(sli_ckpt *ckpt, int64_t roll_bytes, int64_t wal_part_bytes);

/// A new segment under its temporary name, synced, then renamed, then the directory synced: a
/// segment that has its name has its beginning. *file stays open for updates. (segment.c)
sl_code sli_segment_create(sli_ckpt *ckpt, const char *folder, const char *name, sl_bytes image,
                           sli_file **file, sl_error *err);
/// Writes one frame at `end`, and zeroes behind it when it ends past *prewritten. After a failure
/// the file ends at `end`.
sl_code sli_segment_write(sli_ckpt *ckpt, sli_file *file, int64_t end, sli_str *frame,
                          int64_t *prewritten, sl_error *err);
/// A file's bytes as a shared buffer; `path` is for texts.
sl_code sli_file_whole(sli_file *file, const char *path, sli_buffer **out, sl_error *err);
/// The same, of a file by name.
sl_code sli_buffer_read(sl_env *env, const char *path, sli_buffer **out, sl_error *err);

/// Size and XXH3-128 of a file, read a piece at a time.
sl_code sli_file_hash(sli_file *file, int64_t *size, char hash[33], sl_error *err);

// ---------------------------------------------------------------- snapshots (snapshot.c,
// snapshot_adopt.c, snapshot_read.c)

struct sli_snapshot {
    sli_ckpt *ckpt;
    int64_t group;
    sli_ckpt_path temp; ///< its directory
    sl_arena *arena;
    sli_str list;       ///< SECTIONS.json so far
    const char **names; ///< of sections, to find repeats
    const char **dirs;  ///< directories below temp, to sync
    int64_t n, n_dirs, capacity;
};
/// [A-Za-z0-9_./-]+ with at most one '/', and parts that are names; *slash as strchr gives it.
bool sli_section_is_good(const char *name, const char **slash);
/// Lists a section that is written and synced.
sl_code sli_snapshot_note(sli_snapshot *snapshot, const char *name, int64_t size, const char *hash,
                          sl_error *err);
/// A directory below the snapshot's, to be synced before it is published. `dir` is in the arena.
sl_code sli_snapshot_note_dir(sli_snapshot *snapshot, const char *dir, sl_error *err);

typedef struct sli_section {
    sl_text name;
    int64_t size;
    sl_text hash;
    sl_text file; ///< of the pool elsewhere that has the bytes; empty: they are here
} sli_section;
/// SECTIONS.json in memory.
typedef struct sli_sections {
    char *bytes; ///< sl_free
    size_t size;
    sli_section *items; ///< in the arena
    int64_t n;
} sli_sections;
/// The text up to the first section; it ends as sli_checked_end says.
void sli_sections_begin(sli_str *out, const sli_ckpt *ckpt, int64_t group);
/// `home`: the directory in which snapshots lie.
sl_code sli_sections_read(sli_sections *out, sl_env *env, const char *home, const char *job_id,
                          int64_t group, sl_arena *arena, sl_error *err);
/// Of its bytes; `path` is for texts.
sl_code sli_sections_of(sli_sections *out, SL_TAKES char *bytes, size_t size, const char *path,
                        const char *job_id, int64_t group, sl_arena *arena, sl_error *err);
/// Whether bytes found at `path` are those that were listed. Fails: SL_E_CORRUPT.
sl_code sli_section_fits(const sli_section *s, const char *path, int64_t size, const char hash[33],
                         sl_error *err);
/// The same, of its bytes.
sl_code sli_section_check(const sli_section *s, const char *path, const sli_buffer *bytes,
                          sl_error *err);

/// The bytes of a section, checked. Fails: SL_E_NOT_FOUND; SL_E_CORRUPT with file and offset.
sl_code sli_section_read(sl_env *env, const char *home, int64_t group, const sli_section *s,
                         sli_buffer **out, sl_error *err);
/// Whether the log has SEALED for every group after `group`, so that nothing is missing between.
bool sli_chain_reaches_back(const sli_chain *chain, int64_t group);

/// MANIFEST.json shows the graph of the last run. Its job id never changes, so whoever replaces it
/// last does no harm. (ckpt.c)
sl_code sli_manifest_refresh(sli_ckpt *ckpt, sl_error *err);
/// Removes log segments that no chain needs: all but those of `chain` below this driver's first
/// one. (log.c)
sl_code sli_log_prune(sli_ckpt *ckpt, sl_error *err);
typedef struct sli_known {
    int64_t group;
    bool is_here; ///< in DIR/snap
} sli_known;
/// Snapshots at their final names, newest first: those in DIR/snap, and those of `place` (NULL:
/// none), of which the job's directory may not be known yet. (snapshot_read.c)
sl_code sli_snapshots_known(sl_env *env, const char *dir, const sli_place *place, sl_arena *arena,
                            sli_known **out, int64_t *n, sl_error *err);
sl_code sli_snapshot_check(sl_env *env, const char *home, const char *job_id, int64_t group,
                           int64_t *bytes, sl_error *err);
/// Where the snapshot of a group is read: DIR/snap, or what was brought or made here.
const char *sli_snapshot_home(const sli_ckpt *ckpt, int64_t group, sli_ckpt_path *out);
// ---------------------------------------------------------------- snapshots elsewhere (place*.c)

typedef struct sli_place_conf {
    sl_env *env;
    const char *url, *modules;
    const char *patience;          ///< retry_timeout in place of the URL's; NULL: as that says
    const _Atomic int64_t *end_us; ///< sli_fs_where
} sli_place_conf;
/// No contact yet. Fails: SL_E_CONFIG, and as sli_module_load.
sl_code sli_place_open(sli_place **out, const sli_place_conf *conf, sl_error *err);
void sli_place_close(SL_TAKES sli_place *place); ///< accepts NULL
/// Which job's snapshots are meant.
sl_code sli_place_of_job(sli_place *place, const char *job_id, sl_error *err);
/// Whether the job has had a directory there.
sl_code sli_place_is_known(const sli_place *place, bool *out, sl_error *err);
/// A new job's: SL_E_INCOMPATIBLE when one of this name has snapshots there.
sl_code sli_place_check_new(const sli_place *place, const char *name, sl_error *err);
/// From now on no older generation publishes. To be called before anything there is read.
sl_code sli_place_fence(const sli_place *place, int64_t generation, sl_error *err);
/// Makes the directories, durably; the generation is to be checked after it.
sl_code sli_place_begin(const sli_ckpt *ckpt, sl_error *err);
/// Publishes the snapshot that lies finished in `home`. An error that may pass has
/// SL_ACT_RETRY_TASK.
sl_code sli_place_put(sli_ckpt *ckpt, const char *home, int64_t group, sl_error *err);
/// Brings a snapshot into work/GENERATION/snap, all its bytes checked. Fails: SL_E_NOT_FOUND,
/// SL_E_CORRUPT.
sl_code sli_place_take(sli_ckpt *ckpt, int64_t group, sl_error *err);
/// Removes a snapshot, or puts a damaged one aside; SL_OK when it is gone.
sl_code sli_place_remove(const sli_ckpt *ckpt, int64_t group, sl_error *err);
sl_code sli_place_put_aside(const sli_ckpt *ckpt, int64_t group, sl_error *err);
/// Removes files of the pool that none of the (at most two) groups names, but for those of newer
/// generations.
sl_code sli_place_sweep(const sli_ckpt *ckpt, const int64_t *groups, int32_t n, sl_error *err);
/// Bytes of the sections of a snapshot, by its list; SL_E_CORRUPT when one is missing.
sl_code sli_place_look(const sli_place *place, const char *job_id, int64_t group, int64_t *bytes,
                       sl_error *err);
const char *sli_place_shown(const sli_place *place); ///< the URL without its query
const char *sli_place_kept(const sli_place *place);  ///< the URL without secrets

/// Removes deltas of groups up to `group`. (group_file.c)
sl_code sli_deltas_remove(sli_ckpt *ckpt, int64_t group);
/// The whole path of a group's file, of which `path` is the name below DIR. Fails: SL_E_CORRUPT.
/// (group_file.c)
sl_code sli_group_path(const char *dir, const char *path, sli_ckpt_path *out, sl_error *err);
/// The content of a group's file, of which `file` are the bytes and `path` the name below DIR,
/// which is a good one: a buffer that refers to them. `full` is for texts. Fails: SL_E_CORRUPT,
/// SL_E_INCOMPATIBLE. (group_file.c)
sl_code sli_group_content(const char *job_id, const char *full, const char *path,
                          SL_SHARES sli_buffer *file, sli_buffer **out, sl_error *err);
