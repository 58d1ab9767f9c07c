/// file_int.h — what the files of the file sink share: names (names.c), attempts being staged
/// (attempts.c), content on its way (content.c), receipts (receipt.c) and publishing (publish.c).
/// The sink itself is file.c.
#pragma once

#include "base/hash.h"
#include "base/lock.h"
#include "sink/sink_int.h"

enum { SLI_FILE_BLOCK = 128 << 10 }; ///< content is written and hashed in blocks of this size

// ---------------------------------------------------------------- names

/// Where the files of one output lie.
typedef struct sli_file_names {
    const char *dir, *stage_dir, *temp_dir;
    char tag[9]; ///< ends the names of what this job and uid have published
} sli_file_names;

/// `path` is the URL's. Texts are in the arena. Fails: SL_E_INVALID for a job id or uid that fits
/// in no name.
sl_code sli_file_names_make(sli_file_names *out, sl_text path, const char *job_id, const char *uid,
                            sl_arena *arena, sl_error *err);
/// The name under which a group is published. `extension` may be "". NULL without memory.
char *sli_file_name_of_group(const sli_file_names *names, int64_t group, const char *extension,
                             sl_arena *arena);
/// The group of a published name, 0 when it is not of this output.
int64_t sli_file_group_of_name(const sli_file_names *names, const char *name);
/// The generation in front of the name of something staged; false: there is none.
bool sli_file_generation_of_name(const char *name, int64_t *generation);

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
    char *block;       ///< of SLI_FILE_BLOCK bytes; the caller's
    sli_fs_file *file; ///< NULL when none is open
    size_t filled;     ///< bytes in the block
    int64_t size_bytes;
    sli_hash128 hash;
} sli_content;

/// Begins a file; one of that name is replaced.
sl_code sli_content_open(sli_content *content, const char *path, sl_error *err);
/// An sli_piece_fn: appends to the open file.
sl_code sli_content_add(void *content, const void *data, size_t size, sl_error *err);
/// Makes the file's bytes durable when `rc`, the outcome so far, is SL_OK; else throws it away.
/// Returns `rc`, or what failed here. No file is open afterwards.
sl_code sli_content_close(sli_content *content, sl_code rc, sl_error *err);

// ---------------------------------------------------------------- receipts

typedef enum sli_shape { SLI_SHAPE_NONE = 0, SLI_SHAPE_FILE = 1, SLI_SHAPE_DIR = 2 } sli_shape;

/// What commit must know of a sealed group. Names are relative: to the stage directory and to the
/// sink's.
typedef struct sli_file_receipt {
    sli_shape shape; ///< SLI_SHAPE_NONE: a group without rows that publishes nothing
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
