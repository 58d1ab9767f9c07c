/// hdfs_int.h — the parts of the HDFS file system: one question to the cluster, its answers as
/// JSON.
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "fs/fs.h"
#include "http/http.h"

enum { HDFS_MAX_NAMENODES = 8 };

typedef struct hdfs {
    sli_fs fs;
    sl_env *env;
    sli_http *client;                          ///< behind sli_http_gate
    sl_arena *arena;                           ///< the texts below
    const char *namenodes[HDFS_MAX_NAMENODES]; ///< "http://host:port"
    int32_t n_namenodes;
    _Atomic int32_t active; ///< the one asked first: it answered last. Pairs with nothing
    sli_str who;            ///< "&user.name=x", "&delegation=x" or nothing; part of every query
    int64_t retry_us;       ///< how long what is transient is asked again
    int64_t answer_us;      ///< how long one answer is waited for
    int64_t turn_us;        ///< the same of a NameNode, if another one can be asked
    const _Atomic int64_t *end_us; ///< sli_fs_where
    int64_t piece_bytes;
} hdfs;

static inline hdfs *hdfs_of(sli_fs *self)
{
    return (hdfs *)self;
}

// ---------------------------------------------------------------- asking (ask.c)

/// A question. `query` is what follows the operation, escaped: "&offset=0"; "" without.
typedef struct hdfs_ask {
    const char *method, *op, *path, *query;
    bool moves; ///< data: a DataNode has it, or gets it
    bool sends; ///< it gets `body`
    sl_bytes body;
} hdfs_ask;

/// How long something is tried: what is transient is asked again until the deadline.
typedef struct hdfs_patience {
    int64_t deadline_us, wait_us;
    char avoid[272]; ///< "host:port" of the DataNode that failed last; "" when none did
} hdfs_patience;

hdfs_patience hdfs_patience_of(const hdfs *self);
/// Waits a little before what failed transiently is tried again; else returns `rc`. When the time
/// is over: SL_E_IO, and *err tells how long it was tried; SL_E_TIMEOUT when nothing is tried any
/// more (sli_fs_where.end_us).
sl_code hdfs_again(hdfs *self, hdfs_patience *p, sl_code rc, sl_error *err);

/// Asks until there is an answer whose body can be read, which is the caller's to end. *err has a
/// RemoteException's text. Fails: SL_E_NOT_FOUND, SL_E_EXISTS, SL_E_NO_SPACE (quota), SL_E_CONFIG
/// (not allowed), SL_E_INVALID; SL_E_IO when the time was over, SL_E_TIMEOUT when no call waits any
/// more. Blocks: up to the patience.
sl_code hdfs_begin(hdfs *self, const hdfs_ask *ask, hdfs_patience *p, sli_http_call **out,
                   sl_error *err);
/// Takes a body. Called once more, from the start, when the connection was lost on the way.
typedef sl_code (*hdfs_take_fn)(void *ctx, sli_http_call *call, sl_error *err);
sl_code hdfs_run(hdfs *self, const hdfs_ask *ask, hdfs_take_fn take, void *ctx, sl_error *err);
/// The same for {"boolean":...}; an answer without a body is true.
sl_code hdfs_run_bool(hdfs *self, const hdfs_ask *ask, bool *out, sl_error *err);

// ---------------------------------------------------------------- JSON (json.c)

/// A member with a plain value (`key` is "" in an array), or, with key NULL, an object's end.
/// `depth` counts the brackets around it.
typedef sl_code (*hdfs_member_fn)(void *ctx, int32_t depth, const char *key, sl_text value,
                                  sl_error *err);

/// Reads a text that comes in any pieces, without keeping it. Zero it and set `each` and `ctx`.
typedef struct hdfs_json {
    hdfs_member_fn each;
    void *ctx;
    int32_t depth;
    sli_str key, value;
    bool has_value, in_string, bad;
    int8_t n_escape;     ///< bytes of an escape that have come; 0: none under way
    uint32_t unit, high; ///< the \u under way; the first half of a pair that waits
} hdfs_json;
/// Fails: SL_E_IO for what is no JSON, or deeper than 16; what `each` returns.
sl_code hdfs_json_feed(hdfs_json *json, const char *data, size_t size, sl_error *err);
void hdfs_json_reset(hdfs_json *json);
/// Feeds all that is left of a body. SL_OK only when the text was whole.
sl_code hdfs_json_read(hdfs_json *json, sli_http_call *call, sl_error *err);

// ---------------------------------------------------------------- the entries of the table

sl_code hdfs_list(sli_fs *self, const char *dir, sli_fs_list_fn each, void *ctx, sl_error *err);
sl_code hdfs_stat(sli_fs *self, const char *path, sli_fs_entry *out, sl_error *err);
sl_code hdfs_mkdirs(sli_fs *self, const char *dir, sl_error *err);
sl_code hdfs_rename(sli_fs *self, const char *from, const char *to, sl_error *err);
sl_code hdfs_sync_dir(sli_fs *self, const char *dir, sl_error *err);
sl_code hdfs_remove(sli_fs *self, const char *path, sl_error *err);
sl_code hdfs_read(sli_fs *self, const char *path, int64_t offset, void *out, size_t size, size_t *n,
                  sl_error *err);
sl_code hdfs_reader_open(sli_fs *self, const char *path, int64_t offset, sli_fs_reader **out,
                         sl_error *err);
sl_code hdfs_reader_next(sli_fs_reader *reader, void *out, size_t size, size_t *n, sl_error *err);
void hdfs_reader_close(sli_fs_reader **reader);
sl_code hdfs_create(sli_fs *self, const char *path, sli_fs_file **out, sl_error *err);
sl_code hdfs_write(sli_fs_file *file, const void *data, size_t size, sl_error *err);
sl_code hdfs_seal(sli_fs_file **file, sl_error *err);
void hdfs_discard(sli_fs_file **file);
