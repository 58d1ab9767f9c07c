/// file_int.h — files as input: what the directory source and static tables share.
///
/// A *range* names files with what they looked like; whoever reads it later sees whether they still
/// look so. Its bytes are laid out for a look at one split without reading the others: README.md.
#pragma once

#include "codec/codec.h"
#include "duckdb/duckdb.h"
#include "source/source_int.h"

/// A file as it was listed. `name` is relative to the directory; "" is the path of the URL itself
/// (a table of one file).
typedef struct sli_file_item {
    const char *name;
    int64_t size_bytes, modified_us;
    uint64_t identity;
    bool ignored; ///< in a range: known, but never read
    bool whole;   ///< one split whatever its size: it is compressed
} sli_file_item;

typedef struct sli_file_known sli_file_known;

// ---------------------------------------------------------------- a listing

enum { SLI_FILE_DEPTH = 16, SLI_FILE_MAX_ITEMS = 10000000 };

/// What is listed and how. `glob` NULL: all names.
typedef struct sli_file_filter {
    const char *glob;
    bool recursive;
    bool shows_underscore;   ///< names that begin with '_' are files like others (Spark's filter)
    const char *compression; ///< the option
} sli_file_filter;

/// Files in byte order of their names; texts and items live until the next listing.
typedef struct sli_file_list {
    sl_arena *arena;
    sli_file_item *items;
    int64_t n, capacity;
} sli_file_list;
void sli_file_list_reset(sli_file_list *list);
/// Lists the regular files of a directory. Files of `known` (NULL: none) that are listed under the
/// same name and identity come with the size and time that are known of them, where a look at a
/// file costs; but for those that it says are to be looked at. Fails: what the file system says;
/// SL_E_INVALID beyond 16 directories below each other or 10,000,000 files.
sl_code sli_file_list_read(sli_file_list *list, sli_fs *fs, const char *dir,
                           const sli_file_filter *filter, const sli_file_known *known,
                           sl_error *err);
/// '*' any bytes, '?' any one byte, all others themselves. Never looks at more than size(pattern) *
/// size(name) places.
bool sli_file_glob(const char *pattern, const char *name);

// ---------------------------------------------------------------- ranges

enum { SLI_FILE_MAX_SPLITS = 1000000 };

/// A checked range; texts lie in its bytes.
typedef struct sli_file_range {
    const char *bytes;
    size_t size;
    int64_t n;
    int64_t time_us;  ///< batch time of the epoch
    int64_t start_us; ///< first start of the stream
    int64_t split_bytes;
} sli_file_range;

/// How many splits a file has: at least one.
int64_t sli_file_splits(int64_t size_bytes, int64_t split_bytes);
int64_t sli_file_item_splits(const sli_file_item *item, int64_t split_bytes); ///< one, when whole
/// Writes a range into the arena. `like` gives time, start and split size. Items in the order of
/// their splits.
sl_code sli_file_range_put(const sli_file_range *like, const sli_file_item *const *items, int64_t n,
                           sl_arena *arena, sl_bytes *out, sl_error *err);
/// Reads the head; with `whole` checks every item. Fails: SL_E_CORRUPT.
sl_code sli_file_range_get(sl_bytes range, bool whole, sli_file_range *out, sl_error *err);
sl_code sli_file_range_item(const sli_file_range *range, int64_t i, sli_file_item *out,
                            sl_error *err);
sl_code sli_file_range_splits(const sli_file_range *range, int32_t *out, sl_error *err);
/// The file that split belongs to, and which of its splits it is.
sl_code sli_file_range_find(const sli_file_range *range, int32_t split, sli_file_item *out,
                            int64_t *part, sl_error *err);

// ---------------------------------------------------------------- compressed files (packed.c)

/// What unpacks a file under the option `compression`; NULL: it is read as it is.
const sli_codec *sli_file_codec(const char *compression, const char *name);

/// A compressed file on its way to its records.
typedef struct sli_packed_file {
    const sli_codec *codec;
    const char *path;
    int64_t size_bytes;
    /// Reads bytes [at, at + n) of the file into a new buffer.
    sl_code (*read)(void *ctx, int64_t at, int64_t n, sli_buffer **out, sl_error *err);
    /// Takes the next n bytes of what the file was.
    sl_code (*give)(void *ctx, sli_buffer *data, int64_t n, sl_error *err);
    void *ctx;
    bool is_damaged; ///< after a failure: it is the file's, told as SL_E_DATA with its place
} sli_packed_file;
/// Gives all of it. Memory: two pieces and what the codec needs. Fails: SL_E_DATA; what read and
/// give do.
sl_code sli_file_unpack(sli_packed_file *file, sl_error *err);

// ---------------------------------------------------------------- files that are read whole

/// Reads whole files of one source (parquet.c). Thread: any, many at once.
typedef struct sli_parquet sli_parquet;
/// Loads DuckDB. Fails: as sli_module_load; SL_E_CONFIG for a compression.
sl_code sli_parquet_new(sli_parquet **out, const sl_conf *conf, const sl_schema *schema,
                        const sli_source_env *env, bool is_here, sl_error *err);
void sli_parquet_free(SL_TAKES sli_parquet *parquet); ///< accepts NULL

/// A file to be read.
typedef struct sli_parquet_file {
    const char *path;
    int64_t size_bytes;
    bool is_packed; ///< its name says that it is compressed as a whole
    /// Reads bytes [at, at + n) of it into a new buffer.
    sl_code (*read)(void *ctx, int64_t at, int64_t n, sli_buffer **out, sl_error *err);
    /// Takes its rows in order.
    sl_code (*give)(void *ctx, sl_batch *rows, sl_error *err);
    void *ctx;
    bool checks_first; ///< nothing is given of a file that is damaged anywhere
    bool is_damaged;   ///< after a failure: it is the file's own, told as SL_E_DATA
} sli_parquet_file;
/// Fails: SL_E_DATA; SL_E_NOMEM when option `memory` is too little; SL_E_NO_SPACE for a copy; what
/// read and give do. `err` is there.
sl_code sli_parquet_read(sli_parquet *parquet, sli_parquet_file *file, sl_error *err);

/// A column of a Parquet file: its name, and its type as DuckDB has it.
typedef struct sli_parquet_column {
    const char *name, *type;
} sli_parquet_column;
/// Appends the SELECT that reads columns of `schema` from the file that is called `path` there.
/// Fails: SL_E_DATA for a column that is not there, or whose type can't become the schema's.
sl_code sli_parquet_select(const sl_schema *schema, const sli_parquet_column *columns, int32_t n,
                           const char *path, sli_str *out, sl_error *err);

// ---------------------------------------------------------------- reading

/// The first member of sources that read files.
typedef struct sli_files {
    sli_source_common common;
    sli_fs *fs;
    char *dir; ///< the URL's path, in `fs`
    sli_file_filter filter;
    sli_parquet *parquet; ///< NULL: files are read front to back
} sli_files;

/// A zeroed source of `size` bytes; takes the file system from the scheme of `ops`, the directory
/// from the URL's path and the filter from options glob, recursive.
sl_code sli_files_alloc(sli_files **out, size_t size, const sli_source_ops *ops, const sli_url *url,
                        const sl_conf *conf, const sli_source_env *env, sl_error *err);
void sli_files_free(SL_TAKES sli_files *files); ///< frees the source too
// Entries of sli_source_ops.
sl_code sli_files_read(sli_source *self, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                       sli_decode_stats *stats, sl_error *err);
/// As sli_source_ops.records.
sl_code sli_files_records(sli_source *self, sl_bytes range, int32_t split, sli_raw_fn each,
                          void *ctx, sl_error *err);
sl_code sli_files_splits(sli_source *self, sl_bytes range, int32_t *out, sl_error *err);
void sli_files_describe(sli_source *self, sl_bytes range, sli_str *start, sli_str *end);

#define SLI_FILES_OPTIONS                                                                          \
    {.name = "glob",                                                                               \
     .type = SL_OPT_TEXT,                                                                          \
     .flags = SL_OPT_RESULT,                                                                       \
     .text = "Only files whose name matches: * stands for any text, ? for one byte."},             \
        {.name = "compression",                                                                    \
         .type = SL_OPT_CHOICE,                                                                    \
         .fallback = "auto",                                                                       \
         .choices = "auto|none|gzip|zstd|bzip2|snappy",                                            \
         .flags = SL_OPT_RESULT,                                                                   \
         .text = "How files are compressed; auto: by their names' endings (.gz .zst .bz2 .snappy " \
                 ".sz). A compressed file is one split."},                                         \
    {                                                                                              \
        .name = "recursive", .type = SL_OPT_BOOL, .fallback = "false", .flags = SL_OPT_RESULT,     \
        .text = "Also the files of sub-directories."                                               \
    }

// ---------------------------------------------------------------- what was taken

/// A file that an epoch took (or that was there before the stream and is left alone).
typedef struct sli_seen_file {
    char *name;
    int64_t size_bytes, modified_us;
    uint64_t identity;
    int64_t time_us; ///< batch time of the epoch that took it
    bool older;      ///< taken in an earlier life of the job: a new identity alone doesn't make it
                     ///< another file
    bool changed;    ///< it was told that this file has changed since
    bool absent;     ///< not in the latest listing
} sli_seen_file;

/// In byte order of names.
typedef struct sli_seen {
    sli_seen_file *files;
    int64_t n, capacity;
} sli_seen;
/// What a listing needs to know of them.
struct sli_file_known {
    const sli_seen *seen;
    int64_t look_from, n_look; ///< of these, in order and around the end, it looks at all the same
};
void sli_seen_reset(sli_seen *seen);
/// Adds files in any order; one whose name is there takes its place. All or nothing.
sl_code sli_seen_add(sli_seen *seen, const sli_file_item *const *items, int64_t n, int64_t time_us,
                     bool older, sl_error *err);
/// Removes those for which `gone` is true; keeps the order.
void sli_seen_remove(sli_seen *seen, bool (*gone)(const sli_seen_file *file, int64_t than),
                     int64_t than);
void sli_seen_put(const sli_seen *seen, sli_str *out);
/// Reads what sli_seen_put wrote, as of an older life. The caller checks the reader.
sl_code sli_seen_get(sli_seen *seen, sli_reader *in, sl_error *err);
