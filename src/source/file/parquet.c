// parquet.c — a Parquet file as rows, by DuckDB: one file, one record, one split.
//
// What a Parquet file holds is told at its end, so it is read by who can reach any place of it. A
// file of this machine is opened where it lies; any other is copied into a file without a name,
// which is in memory where the world is simulated, since DuckDB reaches no simulated disk. Rows
// come in the file's order: one thread, nothing sorted.
//
// A file that can't be read as the schema says is one malformed record. Where such a record may be
// dropped the file is read to its end before any row is given, so it gives all its rows or none.
#include "fs/fs.h"
#include "source/file/file_int.h"

enum { COPY_BYTES = 1 << 20 };

struct sli_parquet {
    sli_dbs *dbs;
    sl_env *env;
    const sl_schema *schema; ///< the source's
    const char *spill_dir;   ///< of the job; NULL: none
    bool is_here;            ///< paths are of this machine
};

/// A file on its way.
typedef struct reading {
    sli_parquet *parquet;
    sli_parquet_file *file;
    const char *path; ///< the handle's
    sl_arena *arena;
    sli_parquet_column *columns;
    int32_t n, capacity;
    bool gives; ///< rows are given; else looked at only
    bool told;  ///< a failure is not the file's content's, and says all by itself
} reading;

// ---------------------------------------------------------------- a source's

static sl_code check_conf(const sl_conf *conf, sl_error *err)
{
    const char *compression = sl_conf_text(conf, "compression");
    bool plain =
        compression == NULL || strcmp(compression, "auto") == 0 || strcmp(compression, "none") == 0;
    return plain ? SL_OK
                 : sl_error_set(err, SL_E_CONFIG,
                                "compression=%s: a Parquet file is not compressed as a whole, its "
                                "pages are, and tell how by themselves; leave the option out",
                                compression);
}

sl_code sli_parquet_new(sli_parquet **out, const sl_conf *conf, const sl_schema *schema,
                        const sli_source_env *env, bool is_here, sl_error *err)
{
    const sli_db_conf db = {.struct_size = sizeof db,
                            .memory_bytes = sl_conf_int64(conf, "memory"),
                            .reads_files = true};
    SL_TRY(check_conf(conf, err));
    sli_parquet *self = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "reading Parquet");
    }
    self->env = env->env;
    self->schema = schema;
    self->spill_dir = env->spill_dir;
    self->is_here = is_here && !sli_env_is_simulated(env->env);
    sl_code rc = sli_dbs_new(&self->dbs, env->env, env->modules, "format=parquet", &db, err);
    if (rc != SL_OK) {
        sl_free(self);
        return sl_error_wrap(err, rc, "format parquet");
    }
    *out = self;
    return SL_OK;
}

void sli_parquet_free(sli_parquet *parquet)
{
    if (parquet != NULL) {
        sli_dbs_free(parquet->dbs);
        sl_free(parquet);
    }
}

// ---------------------------------------------------------------- a handle

/// Where copies go: the job's place to spill, else the system's.
static const char *copy_dir(const sli_parquet *parquet)
{
    const char *temp = sli_env_variable(parquet->env, "TMPDIR");
    return parquet->spill_dir != NULL      ? parquet->spill_dir
           : temp == NULL || *temp == '\0' ? "/tmp"
                                           : temp;
}

static sl_code new_copy(const sli_parquet *parquet, const sli_db_ops *ops, sli_db_file **out,
                        sl_error *err)
{
    if (sli_env_is_simulated(parquet->env)) {
        return ops->file_new(out, NULL, err);
    }
    const char *dir = copy_dir(parquet);
    SL_TRY(sli_env_mkdirs(parquet->env, dir, err));
    return ops->file_new(out, dir, err);
}

static sl_code copy(const sli_parquet *parquet, const sli_parquet_file *from, sli_db_file *to,
                    sl_error *err)
{
    for (int64_t at = 0; at < from->size_bytes; at += COPY_BYTES) {
        int64_t left = from->size_bytes - at, n = left < COPY_BYTES ? left : COPY_BYTES;
        sli_buffer *buffer = NULL;
        SL_TRY(from->read(from->ctx, at, n, &buffer, err));
        sl_code rc =
            sli_dbs_ops(parquet->dbs)->file_add(to, sli_buffer_bytes(buffer), (size_t)n, err);
        sli_buffer_unref(buffer);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "%s: a copy in %s, which reading it needs", from->path,
                                 copy_dir(parquet));
        }
    }
    return SL_OK;
}

static sl_code open_file(const sli_parquet *parquet, const sli_parquet_file *file,
                         sli_db_file **out, sl_error *err)
{
    const sli_db_ops *ops = sli_dbs_ops(parquet->dbs);
    sli_db_file *made = NULL;
    if (parquet->is_here) {
        return ops->file_open(out, file->path, err);
    }
    SL_TRY(new_copy(parquet, ops, &made, err));
    sl_code rc = copy(parquet, file, made, err);
    if (rc != SL_OK) {
        ops->file_close(made);
        return rc;
    }
    *out = made;
    return SL_OK;
}

// ---------------------------------------------------------------- what is in it

static char *text_of(reading *r, const sl_batch *rows, int32_t column, int64_t row)
{
    sl_text text = sl_column_text(sl_batch_column(rows, column), row);
    return sl_arena_printf(r->arena, "%.*s", (int)text.size, text.data);
}

static sl_code add_column(reading *r, const sl_batch *rows, int64_t row, sl_error *err)
{
    if (r->n == r->capacity) {
        int32_t capacity = r->capacity == 0 ? 32 : r->capacity * 2;
        sli_parquet_column *more = sl_arena_alloc(r->arena, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "columns of a file");
        }
        if (r->n > 0) {
            memcpy(more, r->columns, (size_t)r->n * sizeof *more);
        }
        r->columns = more;
        r->capacity = capacity;
    }
    sli_parquet_column column = {text_of(r, rows, 0, row), text_of(r, rows, 1, row)};
    if (column.name == NULL || column.type == NULL) {
        return sl_error_nomem(err, 64, "a column of a file");
    }
    r->columns[r->n++] = column;
    return SL_OK;
}

static sl_code take_columns(void *ctx, sl_batch *rows, sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(rows); row++) {
        SL_TRY(add_column(ctx, rows, row, err));
    }
    return SL_OK;
}

static sl_code describe(reading *r, sl_error *err)
{
    const char *select =
        sl_arena_printf(r->arena,
                        "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM "
                        "read_parquet('%s', hive_partitioning = false))",
                        r->path);
    return select == NULL ? sl_error_nomem(err, 128, "a SELECT")
                          : sli_dbs_scan(r->parquet->dbs, select, take_columns, r, err);
}

// ---------------------------------------------------------------- rows

static bool is_set(const uint8_t *bits, int64_t i)
{
    return bits == NULL || (bits[i >> 3] >> (i & 7) & 1) != 0;
}

/// Whether a value that may not be null is so, in a row whose parent isn't.
static bool has_null(const sl_field *field, const sl_column *column, const sl_column *parent)
{
    if (!field->nullable && column->n_nulls > 0) {
        for (int64_t i = 0; i < column->n_rows; i++) {
            bool is_there = parent == NULL || is_set(parent->validity, i);
            if (is_there && !is_set(column->validity, i)) {
                return true;
            }
        }
    }
    bool is_struct = field->type == SL_STRUCT; // elements of lists that are null are not there
    for (int32_t i = 0; i < field->n_children; i++) {
        if (has_null(&field->children[i], &column->children[i], is_struct ? column : NULL)) {
            return true;
        }
    }
    return false;
}

static sl_code check_nulls(const sl_schema *schema, const sl_batch *rows, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        const sl_field *field = sl_schema_field(schema, i);
        if (has_null(field, sl_batch_column(rows, i), NULL)) {
            return sl_error_set(err, SL_E_DATA,
                                "column '%s' has nulls where the schema has none: write a '?' "
                                "behind the type",
                                field->name);
        }
    }
    return SL_OK;
}

static sl_code take_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    reading *r = ctx;
    sl_batch *named = NULL;
    SL_TRY(check_nulls(r->parquet->schema, rows, err));
    if (!r->gives) {
        return SL_OK;
    }
    SL_TRY(sli_batch_rename(rows, r->parquet->schema, &named, err));
    sl_code rc = r->file->give(r->file->ctx, named, err);
    sl_batch_unref(named);
    r->told = rc != SL_OK;
    return rc;
}

static sl_code scan(reading *r, const char *select, bool gives, sl_error *err)
{
    r->gives = gives;
    return sli_dbs_scan(r->parquet->dbs, select, take_rows, r, err);
}

static sl_code read_rows(reading *r, sl_error *err)
{
    sli_str select = {.tag = SLI_TAG_SOURCE};
    sl_code rc = describe(r, err);
    rc = rc == SL_OK
             ? sli_parquet_select(r->parquet->schema, r->columns, r->n, r->path, &select, err)
             : rc;
    if (rc == SL_OK && r->file->checks_first) {
        rc = scan(r, select.data, false, err);
    }
    rc = rc == SL_OK ? scan(r, select.data, true, err) : rc;
    sli_str_reset(&select);
    return rc;
}

// ---------------------------------------------------------------- a file

/// `why` with the handle's path as the file's; SQL is not what the reader of a job thinks of.
static void put_reason(sli_str *out, const char *why, const char *handle)
{
    size_t n = strlen(handle);
    why += strncmp(why, "SQL: ", 5) == 0 ? 5 : 0;
    for (const char *at = why; *at != '\0';) {
        bool here = strncmp(at, handle, n) == 0;
        sli_str_text(out, here ? "it" : "");
        if (!here) {
            sli_str_char(out, *at);
        }
        at += here ? n : 1;
    }
}

/// What is wrong with the file itself is SL_E_DATA, whatever DuckDB calls it. *err has what was
/// told so far.
static sl_code tell(reading *r, sl_code rc, sl_error *err)
{
    if (r->told) {
        return rc;
    }
    sl_error why = *err;
    sli_str text = {.tag = SLI_TAG_SOURCE};
    put_reason(&text, why.text, r->path);
    r->file->is_damaged = rc == SL_E_DATA || rc == SL_E_INVALID || rc == SL_E_UNSUPPORTED;
    rc = sl_error_set(err, r->file->is_damaged ? SL_E_DATA : rc, "%s: %s%s", r->file->path,
                      text.failed || text.size == 0 ? why.text : text.data,
                      rc == SL_E_NOMEM ? "; raise the option memory, or write smaller row groups"
                                       : "");
    (void)sl_error_act(err, r->file->is_damaged ? SL_ACT_DEFAULT : why.action);
    sli_str_reset(&text);
    return rc;
}

static sl_code packed(const sli_parquet_file *file, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA,
                        "%s: its name says that it is compressed as a whole, which no Parquet file "
                        "is (its pages are): unpack it, or leave such files out by glob",
                        file->path);
}

static sl_code read_open(reading *r, sl_error *err)
{
    sli_db_file *handle = NULL;
    const sli_db_ops *ops = sli_dbs_ops(r->parquet->dbs);
    sl_code rc = open_file(r->parquet, r->file, &handle, err);
    if (rc != SL_OK) {
        r->told = true;
        return rc;
    }
    r->path = ops->file_path(handle);
    rc = read_rows(r, err);
    rc = rc == SL_OK ? SL_OK : tell(r, rc, err);
    ops->file_close(handle);
    return rc;
}

sl_code sli_parquet_read(sli_parquet *parquet, sli_parquet_file *file, sl_error *err)
{
    reading r = {.parquet = parquet, .file = file};
    if (file->is_packed) {
        file->is_damaged = true;
        return packed(file, err);
    }
    r.arena = sl_arena_new(SLI_TAG_SOURCE);
    if (r.arena == NULL) {
        return sl_error_nomem(err, 0, "reading Parquet");
    }
    sl_code rc = read_open(&r, err);
    sl_arena_free(r.arena);
    return rc;
}
