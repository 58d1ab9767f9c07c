/// fs.h — the filesystem contract: directories as sources, sinks and snapshots see them.
///
/// Implementations: local/ (over env, hence real or simulated) and hdfs/ (over HTTP, hence a real
/// cluster or a simulated one). What a file system can't promise it says in `abilities`; the epoch
/// log and write-ahead log need SLI_FS_SYNC and so stay local.
#pragma once

#include <stdatomic.h>

#include "conf/conf.h"
#include "env/env.h"

typedef struct sli_fs sli_fs;
typedef struct sli_fs_file sli_fs_file;
typedef struct sli_fs_reader sli_fs_reader;

enum {
    SLI_FS_SYNC = 1,         ///< bytes can be made durable before close
    SLI_FS_RENAME_KEEPS = 2, ///< a rename that doesn't replace is atomic
    SLI_FS_MAPS = 4,         ///< reads may be memory-mapped
    SLI_FS_SHOWS_WHOLE = 8,  ///< a new file's name shows only when it is sealed
};

typedef struct sli_fs_entry {
    const char *name; ///< last part of the path; lives for the call
    int64_t size_bytes, modified_us;
    uint64_t identity; ///< 0 when the file system has none
    bool is_dir;
    bool is_known; ///< size and time are not told: the caller had them (see `scan`)
} sli_fs_entry;
typedef sl_code (*sli_fs_list_fn)(void *ctx, const sli_fs_entry *entry, sl_error *err);
/// Whether the caller knows a file of this name and identity, or does not care for it.
typedef bool (*sli_fs_knows_fn)(void *ctx, const char *name, uint64_t identity);

/// Where a file system is. Lives for the call of `open`, `env` and `end_us` as long as the file
/// system.
typedef struct sli_fs_where {
    const sli_url *url;  ///< host and port; NULL: here
    const sl_conf *conf; ///< made over `options`, at least; NULL: there are none
    sl_env *env;
    const char *modules; ///< directory of loadable modules; NULL: as sli_module_load finds them
    int64_t retry_us;    ///< what fails and may pass is tried again for so long at most, by who can
                         ///< ask later; 0: as long as `conf` says
    /// A mono time at which no call may wait any more, however far the file system is away: it
    /// comes near when a job is told to stop. From then on calls fail: SL_E_TIMEOUT. NULL: none.
    const _Atomic int64_t *end_us;
} sli_fs_where;

typedef struct sli_fs_ops {
    size_t struct_size;
    const char *scheme; ///< "file", "hdfs"
    uint32_t abilities;
    const sl_option *options;
    /// No contact yet. Fails: SL_E_CONFIG, and as sli_module_load.
    sl_code (*open)(sli_fs **out, const sli_fs_where *where, sl_error *err);
    /// Files and directories of a directory in byte order of names; pipes, sockets and devices are
    /// left out, and what vanishes meanwhile may be. Stops when `each` fails, and returns that.
    /// SL_E_NOT_FOUND. Thread: any. Blocks: yes.
    sl_code (*list)(sli_fs *self, const char *dir, sli_fs_list_fn each, void *ctx, sl_error *err);
    /// The name in *out is NULL. SL_E_NOT_FOUND; SL_E_UNSUPPORTED for what is neither a file nor a
    /// directory.
    sl_code (*stat)(sli_fs *self, const char *path, sli_fs_entry *out, sl_error *err);
    /// Reads up to `size` bytes at `offset`; fewer only at the end. Opens the file each time: a
    /// path that means another file now is told by stat's identity, not here.
    sl_code (*read)(sli_fs *self, const char *path, int64_t offset, void *out, size_t size,
                    size_t *n, sl_error *err);
    /// The directory and its parents; SL_OK when it is there. Names are not durable before sync_dir
    /// of each parent.
    sl_code (*mkdirs)(sli_fs *self, const char *dir, sl_error *err);
    /// A new file (SL_E_EXISTS when there), written front to back. Parents must exist. Whether its
    /// name shows before `seal` is the file system's own affair.
    sl_code (*create)(sli_fs *self, const char *path, sli_fs_file **out, sl_error *err);
    /// All or an error; after an error only discard (seal refuses: SL_E_STATE).
    sl_code (*write)(sli_fs_file *file, const void *data, size_t size, sl_error *err);
    /// Makes the content durable (not the name) and closes. *file becomes NULL, also on failure;
    /// then the file is removed if that is possible.
    sl_code (*seal)(sli_fs_file **file, sl_error *err);
    /// Closes and removes; accepts NULL. Cannot fail.
    void (*discard)(sli_fs_file **file);
    /// Atomic, never replaces: SL_E_EXISTS, SL_E_NOT_FOUND. Files and directories. Durable after
    /// sync_dir of the target's directory (and of the source's, when that is another).
    sl_code (*rename)(sli_fs *self, const char *from, const char *to, sl_error *err);
    /// Makes the names in a directory durable, where they are not by themselves.
    sl_code (*sync_dir)(sli_fs *self, const char *dir, sl_error *err);
    /// A file or a whole tree, at most 64 directories deep (SL_E_INVALID); SL_OK when there is
    /// nothing. A symbolic link is removed, never what it names. Not atomic: after a failure part
    /// of a tree may be gone.
    sl_code (*remove)(sli_fs *self, const char *path, sl_error *err);
    void (*close)(SL_TAKES sli_fs *self);
    /// For reading front to back: from `offset` on, in as few round trips as can be.
    /// SL_E_NOT_FOUND, here or from the first `next`. Thread: any.
    sl_code (*reader_open)(sli_fs *self, const char *path, int64_t offset, sli_fs_reader **out,
                           sl_error *err);
    /// The next `size` bytes; fewer only at the file's end. Fails: as read; then it may be called
    /// again, and goes on where it was. Thread: one at a time.
    sl_code (*reader_next)(sli_fs_reader *reader, void *out, size_t size, size_t *n, sl_error *err);
    void (*reader_close)(sli_fs_reader **reader); ///< accepts a NULL in it, sets it to NULL
    /// As list, without a look at the files that the caller `knows`. It is asked right before the
    /// entry is told, and only where the listing itself gives the identity. NULL: looking costs
    /// nothing here, so list does.
    sl_code (*scan)(sli_fs *self, const char *dir, sli_fs_knows_fn knows, sli_fs_list_fn each,
                    void *ctx, sl_error *err);
} sli_fs_ops;

struct sli_fs {
    const sli_fs_ops *ops; ///< first member of every implementation's struct
};
struct sli_fs_file {
    sli_fs *fs;
};
struct sli_fs_reader {
    sli_fs *fs;
};

extern const sli_fs_ops sli_fs_local;
extern const sli_fs_ops sli_fs_hdfs;

/// The file system of a URL's scheme; NULL: none has it.
const sli_fs_ops *sli_fs_find(sl_text scheme);
/// The local file system, which needs no URL and has no options.
sl_code sli_fs_open_local(sli_fs **out, sl_env *env, sl_error *err);

/// "a/b" from "a" and "b"; in the arena, NULL without memory. Slashes at the border become one; an
/// empty `dir` gives `name`. The result is below `dir` even when `name` begins with a slash.
char *sli_path_join(sl_arena *arena, const char *dir, const char *name);
/// Everything before the last '/', "." when there is none, "/" for a name in the root; in the
/// arena, NULL without memory.
char *sli_path_dir(sl_arena *arena, const char *path);
const char *sli_path_name(const char *path); ///< after the last '/'
