// Compressed files that DuckDB reads are whole, or refused: of a stream of gzip or zstd that breaks
// off DuckDB gives the rows so far and says nothing. So they are unpacked once before, into
// nothing.
#include "codec/codec.h"
#include "sql/select.h"

#include <stdio.h>

enum { PIECE_BYTES = 64 << 10 };

typedef struct look {
    sli_file *file;
    sli_unpacker *unpacker;
    char *in, *out; ///< a piece each
    int64_t offset;
} look;

static sl_code unpack_piece(look *l, size_t size, sl_error *err)
{
    sli_flow flow = {.in = l->in, .in_size = size};
    do {
        flow.out = l->out;
        flow.out_size = PIECE_BYTES;
        SL_TRY(l->unpacker->codec->step(l->unpacker, &flow, err));
    } while (flow.in_size > 0 || flow.out_size == 0);
    return SL_OK;
}

static sl_code unpack(look *l, sl_error *err)
{
    for (size_t n = PIECE_BYTES; n > 0; l->offset += (int64_t)n) {
        SL_TRY(sli_file_read_at(l->file, l->offset, l->in, PIECE_BYTES, &n, err));
        if (n > 0) {
            SL_TRY(unpack_piece(l, n, err));
        }
    }
    return l->unpacker->is_whole
               ? SL_OK
               : sl_error_set(err, SL_E_DATA,
                              "it ends in the middle of its %s stream, at byte %lld",
                              l->unpacker->codec->name, (long long)l->offset);
}

static sl_code look_at(sl_env *env, const char *path, const sli_codec *codec, sl_error *err)
{
    look l = {.in = sl_alloc(SLI_TAG_STREAM, 2 * (size_t)PIECE_BYTES)};
    if (l.in == NULL) {
        return sl_error_nomem(err, 2 * (size_t)PIECE_BYTES, "the look at a compressed file");
    }
    l.out = l.in + PIECE_BYTES;
    sl_code rc = sli_file_open(env, path, SLI_READ, &l.file, err);
    rc = rc == SL_OK ? codec->open(&l.unpacker, err) : rc;
    rc = rc == SL_OK ? unpack(&l, err) : rc;
    codec->close(l.unpacker);
    sli_file_close(&l.file);
    sl_free(l.in);
    return sl_error_wrap(err, rc, "%s", path);
}

static sl_code look_at_names(void *ctx, sl_batch *names, sl_error *err)
{
    sl_env *env = ctx;
    char path[4096];
    for (int64_t i = 0; i < sl_batch_rows(names); i++) {
        sl_text name = sl_column_text(sl_batch_column(names, 0), i);
        int n = snprintf(path, sizeof path, "%.*s", (int)name.size, name.data);
        const sli_codec *codec = n < (int)sizeof path ? sli_codec_of_name(path) : NULL;
        if (codec != NULL) {
            SL_TRY(look_at(env, path, codec, err));
        }
    }
    return SL_OK;
}

sl_code sli_sql_check_whole(sli_sql *sql, const char *quoted, sl_error *err)
{
    sli_db_where where = {-1};
    sli_str select = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&select, "SELECT file FROM glob(%s)", quoted);
    sl_code rc = sli_str_check(&select, "the names of a table's files", err);
    rc = rc == SL_OK
             ? sli_dbs_read(sql->dbs, select.data, NULL, &where, look_at_names, sql->env, err)
             : rc;
    sli_str_reset(&select);
    return rc;
}
