/// ipc_file.c — what an Arrow file has around its messages: eight bytes in front, and behind them
/// the end mark and a footer that lists where its batches lie.
///
///     "ARROW1" 0 0 | schema | dictionary* | batch* | ff ff ff ff 0 0 0 0 | footer | size |
///     "ARROW1"
///
/// What ends a file is made from the bytes of the file alone: its batches come from several
/// encoders, which know nothing of each other, and a file that waits to be ended may be ended by
/// another process, much later. Only the metadata of messages is looked at, bodies are passed over.

#include "base/hash.h"
#include "col/ipc_int.h"

#include <nanoarrow/nanoarrow_ipc.h>

static const char start[SLI_IPC_START_BYTES] = "ARROW1";
static const unsigned char end_mark[SLI_IPC_END_BYTES] = {0xff, 0xff, 0xff, 0xff};

int sli_ipc_is_file(const void *data, int64_t size)
{
    size_t n = size < SLI_IPC_START_BYTES ? (size_t)size : SLI_IPC_START_BYTES;
    return memcmp(data, start, n) != 0 ? 0 : size < SLI_IPC_START_BYTES ? -1 : 1;
}

sl_code sli_ipc_write_start(sli_str *out, const sl_schema *schema, sl_error *err)
{
    sli_str_add(out, start, sizeof start);
    return sli_ipc_write_schema(out, schema, err);
}

// ---------------------------------------------------------------- checking a footer

void sli_ipc_see(sli_ipc_seen *seen, int type, int64_t at)
{
    bool is_batch = type == SLI_IPC_BATCH;
    int64_t *n = is_batch ? &seen->n_batches : &seen->n_dictionaries;
    uint64_t *places = is_batch ? &seen->batches : &seen->dictionaries;
    if (is_batch || type == SLI_IPC_DICTIONARY) {
        ++*n;
        *places += sli_mix64((uint64_t)at + 1);
    }
}

enum {
    BLOCK_BYTES = 24,
    TRAILER_BYTES = 4 + SLI_IPC_MAGIC_BYTES
}; // of the footer's lists; behind it

/// Adds a list of the footer: {i64 offset, i32 metadata's length, 4 bytes of nothing, i64 body's}.
static bool see_blocks(const sli_flat *footer, int list, int type, sli_ipc_seen *seen)
{
    const uint8_t *blocks = NULL;
    int64_t n = 0;
    if (!sli_flat_list(footer, list, BLOCK_BYTES, &blocks, &n)) {
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        sli_ipc_see(seen, type, sli_int64_at(blocks, i * (BLOCK_BYTES / 8)));
    }
    return true;
}

static sl_code bad_footer(sl_error *err, const char *what)
{
    return sl_error_set(err, SL_E_CORRUPT, "Arrow file: %s", what);
}

sl_code sli_ipc_footer_check(const void *data, int64_t size, const sli_ipc_seen *seen,
                             sl_error *err)
{
    const uint8_t *bytes = data;
    int64_t tail = size - TRAILER_BYTES, length = 0;
    sli_flat footer;
    sli_ipc_seen told = {0};
    if (tail < 0 || memcmp(bytes + tail + 4, start, SLI_IPC_MAGIC_BYTES) != 0) {
        return bad_footer(err, "its footer is cut off or missing");
    }
    if (!sli_flat_number(bytes, size, tail, 4, &length) || length != tail ||
        !sli_flat_root(bytes, tail, &footer) ||
        !see_blocks(&footer, 2, SLI_IPC_DICTIONARY, &told) ||
        !see_blocks(&footer, 3, SLI_IPC_BATCH, &told)) {
        return bad_footer(err, "its footer is damaged");
    }
    if (told.n_batches != seen->n_batches || told.n_dictionaries != seen->n_dictionaries) {
        return bad_footer(err, "its footer counts another number of batches or dictionaries");
    }
    return told.batches == seen->batches && told.dictionaries == seen->dictionaries
               ? SL_OK
               : bad_footer(err, "its footer tells other places than those of its batches");
}

// ---------------------------------------------------------------- ending a file

struct sli_ipc_ending {
    int64_t at;   ///< bytes seen
    int64_t skip; ///< of them yet to come that are of a body
    bool is_file;
    sli_str head;       ///< of a message: its length and metadata, as far as seen
    sli_buffer *schema; ///< the first message
    sli_str blocks;     ///< struct ArrowIpcFileBlock, of the batches
};

sl_code sli_ipc_ending_new(sli_ipc_ending **out, sl_error *err)
{
    sli_ipc_ending *self = sl_alloc_zero(SLI_TAG_BATCH, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "an Arrow file's end");
    }
    self->head.tag = self->blocks.tag = SLI_TAG_BATCH;
    *out = self;
    return SL_OK;
}

void sli_ipc_ending_free(sli_ipc_ending *self)
{
    if (self != NULL) {
        sli_str_reset(&self->blocks);
        sli_buffer_unref(self->schema);
        sli_str_reset(&self->head);
        sl_free(self);
    }
}

static sl_code take_head(sli_ipc_ending *self, const sli_ipc_place *place, sl_error *err)
{
    struct ArrowIpcFileBlock block = {self->at - place->meta_bytes, (int32_t)place->meta_bytes,
                                      place->bytes - place->meta_bytes};
    bool fits = true;
    if (place->type == SLI_IPC_BATCH) {
        sli_str_add(&self->blocks, &block, sizeof block);
        fits = !self->blocks.failed;
    } else if (self->schema == NULL) {
        self->schema = sli_buffer_new(place->meta_bytes);
        fits = self->schema != NULL;
        if (fits) {
            memcpy(sli_buffer_data(self->schema), self->head.data, (size_t)place->meta_bytes);
        }
    }
    self->skip = block.body_length;
    sli_str_clear(&self->head);
    return fits ? SL_OK : sl_error_nomem(err, sizeof block, "an Arrow file's end");
}

/// How many bytes more the head needs before anything can be told of it.
static sl_code head_needs(sli_ipc_ending *self, int64_t *out, sl_error *err)
{
    int64_t size = (int64_t)self->head.size;
    sli_ipc_place place;
    if (self->at == size && size <= SLI_IPC_START_BYTES) { // the very start
        *out = SLI_IPC_START_BYTES - size;
        if (*out > 0) {
            return SL_OK;
        }
        self->is_file = sli_ipc_is_file(self->head.data, size) == 1;
        if (self->is_file) {
            sli_str_clear(&self->head);
            size = 0;
        }
    }
    SL_TRY(sli_ipc_measure(self->head.data, size, &place, err));
    int64_t whole = place.meta_bytes == 0 ? SLI_IPC_END_BYTES : place.meta_bytes;
    *out = whole - size;
    return *out == 0 ? take_head(self, &place, err) : SL_OK;
}

sl_code sli_ipc_ending_see(sli_ipc_ending *self, const void *data, size_t size, sl_error *err)
{
    for (const char *from = data; size > 0;) {
        int64_t n = self->skip, more = 0;
        if (n == 0) {
            SL_TRY(head_needs(self, &more, err));
            n = more;
        }
        n = n < (int64_t)size ? n : (int64_t)size;
        if (self->skip > 0) {
            self->skip -= n;
        } else {
            sli_str_add(&self->head, from, (size_t)n);
            SL_TRY(sli_str_check(&self->head, "a message's metadata", err));
        }
        from += n;
        size -= (size_t)n;
        self->at += n;
    }
    return SL_OK;
}

static sl_code check_whole(sli_ipc_ending *self, sl_error *err)
{
    int64_t more = 0;
    if (self->skip == 0 && self->head.size > 0) {
        SL_TRY(head_needs(self, &more, err));
    }
    return self->skip > 0 || self->head.size > 0 || self->schema == NULL
               ? sl_error_set(err, SL_E_CORRUPT, "Arrow file: it ends inside a message")
               : SL_OK;
}

/// The schema of the first message, as nanoarrow's encoder wants it.
static sl_code read_schema(const sli_ipc_ending *self, struct ArrowSchema *out, sl_error *err)
{
    sli_ipc_stream *stream = NULL;
    sl_batch *none = NULL;
    SL_TRY(sli_ipc_stream_new(&stream, 0, err));
    sl_code rc =
        sli_ipc_stream_take(stream, self->schema, 0, sli_buffer_size(self->schema), &none, err);
    rc = rc == SL_OK ? sli_schema_export(sli_ipc_stream_schema(stream), true, out, err) : rc;
    sli_ipc_stream_free(stream);
    return rc;
}

static uint32_t u32_at(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

void sli_ipc_footer_clear(char *end)
{
    enum { FIELD = 4 + 2 * 3, NOTHING_AT = 12 };
    char *footer = end - TRAILER_BYTES - u32_at(end - TRAILER_BYTES);
    char *table = footer + u32_at(footer);
    const char *vtable = table - (int32_t)u32_at(table);
    if ((u32_at(vtable) & 0xffff) <= FIELD || (u32_at(vtable + FIELD) & 0xffff) == 0) {
        return; // no batches
    }
    char *list = table + (u32_at(vtable + FIELD) & 0xffff);
    list += u32_at(list);
    for (uint32_t i = 0, n = u32_at(list); i < n; i++) {
        memset(list + 4 + (size_t)i * BLOCK_BYTES + NOTHING_AT, 0, 4);
    }
}

static ArrowErrorCode encode_footer(struct ArrowIpcFooter *footer, struct ArrowBuffer *out)
{
    struct ArrowIpcEncoder encoder;
    NANOARROW_RETURN_NOT_OK(ArrowIpcEncoderInit(&encoder));
    ArrowErrorCode rc = ArrowIpcEncoderEncodeFooter(&encoder, footer, NULL);
    rc = rc == NANOARROW_OK ? ArrowIpcEncoderFinalizeBuffer(&encoder, false, out) : rc;
    ArrowIpcEncoderReset(&encoder);
    return rc;
}

static sl_code put_footer(sli_ipc_ending *self, sli_str *out, sl_error *err)
{
    struct ArrowIpcFooter footer;
    struct ArrowBuffer bytes;
    ArrowIpcFooterInit(&footer);
    SL_TRY(read_schema(self, &footer.schema, err));
    footer.record_batch_blocks.data = (uint8_t *)self->blocks.data; // lent
    footer.record_batch_blocks.size_bytes = (int64_t)self->blocks.size;
    ArrowBufferInit(&bytes);
    ArrowErrorCode rc = encode_footer(&footer, &bytes);
    ArrowBufferInit(&footer.record_batch_blocks);
    ArrowIpcFooterReset(&footer);
    uint32_t size = (uint32_t)bytes.size_bytes;
    if (rc == NANOARROW_OK && bytes.size_bytes <= INT32_MAX) {
        sli_str_add(out, bytes.data, size);
        sli_str_add(out, &size, sizeof size);
        sli_str_add(out, start, SLI_IPC_MAGIC_BYTES);
    }
    bool is_long = bytes.size_bytes > INT32_MAX;
    ArrowBufferReset(&bytes);
    if (rc != NANOARROW_OK || is_long) {
        return is_long ? sl_error_set(err, SL_E_NO_SPACE, "Arrow file: too many batches for one")
                       : sl_error_nomem(err, size, "an Arrow file's footer");
    }
    SL_TRY(sli_str_check(out, "an Arrow file's footer", err));
    sli_ipc_footer_clear(out->data + out->size);
    return SL_OK;
}

sl_code sli_ipc_ending_put(sli_ipc_ending *self, sli_str *out, sl_error *err)
{
    SL_TRY(check_whole(self, err));
    sli_str_add(out, end_mark, sizeof end_mark);
    return self->is_file ? put_footer(self, out, err)
                         : sli_str_check(out, "an Arrow stream's end", err);
}
