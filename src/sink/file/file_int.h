/// file_int.h — what the files of the file sink share: names (names.c), attempts being staged
/// (attempts.c), content on its way (content.c), receipts (receipt.c), publishing (publish.c) and
/// groups that wait for their file (roll.c). The sink itself is file.c.
#pragma once

#include "base/hash.h"
#include "base/lock.h"
#include "sink/sink_int.h"

enum { SLI_FILE_BLOCK = 128 << 10 }; ///< content is written and hashed in blocks of this size

// ---------------------------------------------------------------- names

/// Where the files of one output lie.
typedef struct sli_file_names {
    const char *dir, *stage_dir, *temp_dir;
    const char *held_dir; ///< in it a directory a generation
    char tag[9];          ///< ends the names of what this job and uid have published
} sli_file_names;

/// `path` is the URL's. Texts are in the arena. Fails: SL_E_INVALID for a job id or uid that fits
/// in no name.
sl_code sli_file_names_make(sli_file_names *out, sl_text path, const char *job_id, const char *uid,
                            sl_arena *arena, sl_error *err);
/// The name under which a group is published. `extension` may be "". NULL without memory.
char *sli_file_name_of_group(const sli_file_names *names, int64_t group, const char *extension,
                             sl_arena *arena);
/// The name of a file that holds groups `first` to `last`.
char *sli_file_name_of_roll(const sli_file_names *names, int64_t first, int64_t last,
                            const char *extension, sl_arena *arena);
/// The group, of a rolled file the last one, of a published name; 0 when it is not of this output.
int64_t sli_file_group_of_name(const sli_file_names *names, const char *name);
/// The generation in front of the name of something staged; false: there is none.
bool sli_file_generation_of_name(const char *name, int64_t *generation);

/// What the name of a held group tells.
typedef struct sli_held_name {
    int64_t group;
    int64_t sealer;        ///< the generation that sealed it: other ones may have had other options
    int64_t opening_bytes; ///< at its front that only the first group of a file keeps
    const char *extension; ///< within the name
} sli_held_name;
char *sli_file_name_of_held(const sli_held_name *held, sl_arena *arena); ///< NULL without memory
bool sli_held_name_parse(const char *name, sli_held_name *out);          ///< false: is no such name

// ---------------------------------------------------------------- attempts

/// Encoded rows of attempts. Thread: as sink.h's stage, drop, seal and abort.
typedef struct sli_attempts sli_attempts;

typedef struct sli_attempts_conf {
    sli_fs *fs;
    const sli_format_ops *format;
    const sl_conf *conf;     ///< lives as long as the attempts
    const sl_schema *schema; ///< too
    const char *dir;         ///< where attempts that outgrow memory lie; made by the first of them
    int64_t attempt_bytes;   ///< in memory, of one attempt; beyond it goes to a file
    int64_t total_bytes;     ///< in memory, of all
} sli_attempts_conf;

/// Pieces of what an attempt has staged, in order.
typedef sl_code (*sli_piece_fn)(void *ctx, const void *data, size_t size, sl_error *err);

sl_code sli_attempts_new(sli_attempts **out, const sli_attempts_conf *conf, sl_error *err);
void sli_attempts_free(SL_TAKES sli_attempts *attempts); ///< drops all; accepts NULL
sl_code sli_attempts_stage(sli_attempts *attempts, sli_attempt at, const sl_batch *rows,
                           sl_error *err);
void sli_attempts_drop(sli_attempts *attempts, sli_attempt at);
void sli_attempts_drop_all(sli_attempts *attempts);
/// Rows of one attempt. Fails: SL_E_INVALID when it never staged anything, or failed to.
sl_code sli_attempts_rows(sli_attempts *attempts, sli_attempt at, int64_t *rows, sl_error *err);
/// Calls `each` for the bytes of one attempt, which nobody stages any more. May be repeated.
sl_code sli_attempts_read(sli_attempts *attempts, sli_attempt at, sli_piece_fn each, void *ctx,
                          sl_error *err);

// ---------------------------------------------------------------- content

/// A new file on its way. Several, one after the other, make the content of a directory.
typedef struct sli_content {
    sli_fs *fs;
    char *block;                  ///< of SLI_FILE_BLOCK bytes; the caller's
    const sli_format_ops *format; ///< what it ends with; NULL: with nothing, or not yet
    sli_ending *ending;           ///< looks at what is added, where the format has an end
    int64_t end_bytes;            ///< of `size_bytes`, of the last file
    sli_fs_file *file;            ///< NULL when none is open
    size_t filled;                ///< bytes in the block
    int64_t size_bytes;
    sli_hash128 hash;
} sli_content;

/// Begins a file; one of that name is replaced.
sl_code sli_content_open(sli_content *content, const char *path, sl_error *err);
/// An sli_piece_fn: appends to the open file.
sl_code sli_content_add(void *content, const void *data, size_t size, sl_error *err);
/// Adds the format's end and makes the file's bytes durable when `rc`, the outcome so far, is
/// SL_OK; else throws it away. Returns `rc`, or what failed here. No file is open afterwards.
sl_code sli_content_close(sli_content *content, sl_code rc, sl_error *err);

// ---------------------------------------------------------------- receipts

typedef enum sli_shape {
    SLI_SHAPE_NONE = 0, ///< a group without rows that publishes nothing
    SLI_SHAPE_FILE = 1,
    SLI_SHAPE_DIR = 2,
    SLI_SHAPE_HELD = 3, ///< a file that waits for its roll
} sli_shape;

/// What commit must know of a sealed group. Names are relative: to the stage directory, and to the
/// sink's or, for SLI_SHAPE_HELD, to the generation's in the held one.
typedef struct sli_file_receipt {
    sli_shape shape;
    const char *staged, *name;
    int64_t size_bytes;
    sli_hash128 hash; ///< of the content: of a directory, of its parts one after the other
} sli_file_receipt;

sl_code sli_file_receipt_put(const sli_file_receipt *receipt, sl_arena *arena, sl_bytes *out,
                             sl_error *err);
/// Texts are in the arena. Fails: SL_E_CORRUPT.
sl_code sli_file_receipt_get(sl_bytes bytes, sl_arena *arena, sli_file_receipt *out, sl_error *err);

// ---------------------------------------------------------------- publishing

/// Where groups are published.
typedef struct sli_publisher {
    sl_env *env;
    sli_fs *fs;
    const char *dir; ///< synced after a rename into it
} sli_publisher;

/// Makes `from` visible as `to`, durably; a repeat is a no-op that syncs again. Fails:
/// SL_E_NOT_FOUND when both are gone; SL_E_EXISTS when `to` is somebody else's; SL_E_CORRUPT when
/// `from` has changed since it was sealed.
sl_code sli_file_publish(const sli_publisher *self, int64_t group, const char *from, const char *to,
                         const sli_file_receipt *receipt, sl_error *err);

// ---------------------------------------------------------------- rolling

/// When a rolled file ends: whichever comes first.
typedef struct sli_roll_limits {
    bool on; ///< false: groups are not gathered; what an earlier life held is published
    int64_t size_bytes, groups, interval_us;
} sli_roll_limits;

/// Groups that are committed, durable and not visible yet, gathered into one file. Thread: recover
/// and sweep the driver, before the others; hold and show one at a time.
typedef struct sli_rolls {
    sl_env *env;
    sli_fs *fs;
    sli_log *log;
    const sli_file_names *names;
    sli_roll_limits limits;
    int64_t generation; ///< of the directory below
    const char *dir;    ///< held_dir/GENERATION; NULL: nothing is held and nothing will be
    int64_t shown;      ///< the last group published; what is held up to it is a leftover
    // What this life holds; all zero when that is nothing.
    int64_t n, last, sealer, since_us;
    int64_t size_bytes; ///< of the file that they make
    sli_hash128 hash;   ///< of the first one
} sli_rolls;

/// Takes over what older generations hold, which fences them, and tells the last group held (0:
/// none). The caller then sets `shown`. Fails: SL_E_SUPERSEDED.
sl_code sli_rolls_recover(sli_rolls *rolls, sl_arena *arena, int64_t *last, sl_error *err);
/// Publishes all that was taken over. Fails: as sli_rolls_hold.
sl_code sli_rolls_sweep(sli_rolls *rolls, sl_error *err);
/// Commits a group of SLI_SHAPE_HELD from its staged path, and publishes the file when it is due. A
/// repeat does what is left to do. Fails: as sli_file_publish; SL_E_SUPERSEDED.
sl_code sli_rolls_hold(sli_rolls *rolls, int64_t group, const char *from,
                       const sli_file_receipt *receipt, sl_error *err);
/// Publishes the file if it is due, or with `all` whatever is held. Fails: as sli_rolls_hold.
sl_code sli_rolls_show(sli_rolls *rolls, bool all, sl_error *err);
