// records.c — pieces of any size to whole records.
//
// A piece is decoded where it lies. Only what it leaves over, the start of a record, is copied to
// the *carry*; the next piece adds to the carry up to its next line end, the record is decoded from
// there, and the rest again where it lies. The carry stays below max_record + one step: the decoder
// consumes a longer record itself.
#include "format/format_int.h"

enum { STEP_BYTES = 1 << 20, FIRST_CARRY = 4096 };

struct sli_records {
    const sli_format_ops *format;
    sli_decoder *decoder;
    sli_buffer *carry;  ///< written at its end only while nobody else holds it
    int64_t from, used; ///< carried bytes: [from, used)
    int64_t offset;     ///< in the source, of the first byte that was not consumed
    sli_watch *watch;   ///< NULL: nobody looks
};

sl_code sli_records_new(sli_records **out, const sli_format_ops *format, const sl_conf *conf,
                        const sl_schema *schema, sl_error *err)
{
    sli_records *records = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *records);
    if (records == NULL) {
        return sl_error_nomem(err, sizeof *records, "records");
    }
    records->format = format;
    sl_code rc = format->decoder_new(&records->decoder, conf, schema, err);
    if (rc != SL_OK) {
        sl_free(records);
        return rc;
    }
    *out = records;
    return SL_OK;
}

void sli_records_free(sli_records *records)
{
    if (records != NULL) {
        records->format->decoder_free(records->decoder);
        sli_watch_free(records->watch);
        sli_buffer_unref(records->carry);
        sl_free(records);
    }
}

const sli_decode_stats *sli_records_stats(const sli_records *records)
{
    return &records->format->stream(records->decoder)->stats;
}

sl_code sli_records_watch(sli_records *records, sli_raw_fn each, void *ctx, sl_error *err)
{
    return sli_watch_new(&records->watch, records->format->stream(records->decoder), each, ctx,
                         err);
}

// Makes room for `more` bytes behind the carried ones, in a buffer that no batch shares.
static sl_code carry_room(sli_records *records, int64_t more, bool shared, sl_error *err)
{
    int64_t had = records->used - records->from;
    if (records->carry != NULL && !shared &&
        sli_buffer_size(records->carry) - records->used >= more) {
        return SL_OK;
    }
    int64_t size = FIRST_CARRY;
    while (size < had + more) {
        size *= 2;
    }
    sli_buffer *buffer = sli_buffer_new(size);
    if (buffer == NULL) {
        return sl_error_nomem(err, (size_t)size, "a record in several pieces");
    }
    if (had > 0) {
        memcpy(sli_buffer_data(buffer), sli_buffer_bytes(records->carry) + records->from,
               (size_t)had);
    }
    sli_buffer_unref(records->carry);
    records->carry = buffer;
    records->from = 0;
    records->used = had;
    return SL_OK;
}

static sl_code carry_add(sli_records *records, const char *bytes, int64_t size, bool shared,
                         sl_error *err)
{
    SL_TRY(carry_room(records, size, shared, err));
    memcpy(sli_buffer_data(records->carry) + records->used, bytes, (size_t)size);
    records->used += size;
    return SL_OK;
}

static void carry_drop(sli_records *records)
{
    sli_buffer_unref(records->carry); // batches may hold it: the next carry is another one
    records->carry = NULL;
    records->from = records->used = 0;
}

// Bytes of [at, to) up to and with the next line end, at most a step.
static int64_t line_bytes(const char *data, int64_t at, int64_t to)
{
    int64_t most = to - at < STEP_BYTES ? to - at : STEP_BYTES;
    const char *end = memchr(data + at, '\n', (size_t)most);
    return end != NULL ? end - (data + at) + 1 : most;
}

// How many bytes more complete the carried record: what its decoder wants, else up to the next line
// end. Bytes behind it are decoded where they lie.
static int64_t next_bytes(const sli_records *records, const char *data, int64_t at, int64_t to)
{
    int64_t wanted = records->format->stream(records->decoder)->wanted;
    int64_t more = wanted - (records->used - records->from);
    return more <= 0 ? line_bytes(data, at, to) : more < to - at ? more : to - at;
}

// Completes the carried record with bytes from the piece; piece->from moves past what was taken.
static sl_code feed_carry(sli_records *records, sli_piece *piece, sli_emit_fn emit, void *ctx,
                          sl_error *err)
{
    const char *data = sli_buffer_bytes(piece->data);
    bool shared = false;
    while (records->used > records->from && (piece->from < piece->to || piece->last)) {
        int64_t n = next_bytes(records, data, piece->from, piece->to);
        SL_TRY(carry_add(records, data + piece->from, n, shared, err));
        piece->from += n;
        piece->offset += n;
        sli_piece joined = {.data = records->carry,
                            .from = records->from,
                            .to = records->used,
                            .offset = records->offset,
                            .name = piece->name,
                            .last = piece->last && piece->from == piece->to};
        int64_t consumed = 0;
        SL_TRY(records->format->decode(records->decoder, &joined, &consumed, emit, ctx, err));
        SL_ASSERT(!joined.last || consumed == joined.to - joined.from,
                  "a stream's end leaves nothing over");
        records->from += consumed;
        records->offset += consumed;
        shared = shared || consumed > 0;
        if (joined.last) {
            break;
        }
    }
    if (records->used == records->from) {
        carry_drop(records);
    } else if (shared) {
        SL_TRY(carry_room(records, 0, true, err));
    }
    return SL_OK;
}

static sl_code feed_piece(sli_records *records, sli_piece piece, sli_emit_fn emit, void *ctx,
                          sl_error *err)
{
    if (records->used > records->from) {
        SL_TRY(feed_carry(records, &piece, emit, ctx, err));
        if (piece.from == piece.to) {
            return SL_OK;
        }
    }
    int64_t consumed = 0;
    SL_TRY(records->format->decode(records->decoder, &piece, &consumed, emit, ctx, err));
    SL_ASSERT(!piece.last || consumed == piece.to - piece.from,
              "a stream's end leaves nothing over");
    records->offset = piece.offset + consumed;
    int64_t rest = piece.to - piece.from - consumed;
    return rest == 0 ? SL_OK
                     : carry_add(records, sli_buffer_bytes(piece.data) + piece.from + consumed,
                                 rest, false, err);
}

static sl_code drop_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)batch, (void)err;
    return SL_OK;
}

/// A unit a piece, so that what each of them became is known.
static sl_code feed_watched(sli_records *records, sli_piece piece, sl_error *err)
{
    const char *data = sli_buffer_bytes(piece.data);
    do {
        sli_piece unit = piece;
        unit.to =
            piece.from + sli_watch_unit(records->watch, data + piece.from, piece.to - piece.from);
        unit.last = piece.last && unit.to == piece.to;
        sl_code rc = sli_watch_add(records->watch, &unit, err);
        rc = rc == SL_OK ? feed_piece(records, unit, drop_rows, NULL, err) : rc;
        SL_TRY(rc == SL_OK ? sli_watch_look(records->watch, &unit, records->offset, err) : rc);
        piece.offset += unit.to - unit.from;
        piece.from = unit.to;
    } while (piece.from < piece.to);
    return SL_OK;
}

sl_code sli_records_feed(sli_records *records, sli_buffer *data, int64_t from, int64_t to,
                         int64_t offset, const char *name, bool last, sli_emit_fn emit, void *ctx,
                         sl_error *err)
{
    if (from == to && !last) {
        return SL_OK;
    }
    sli_buffer *held = data == NULL ? sli_buffer_new(0) : sli_buffer_ref(data);
    if (held == NULL) {
        return sl_error_nomem(err, 0, "an empty piece");
    }
    sli_piece piece = {
        .data = held, .from = from, .to = to, .offset = offset, .name = name, .last = last};
    sl_code rc = records->watch == NULL ? feed_piece(records, piece, emit, ctx, err)
                                        : feed_watched(records, piece, err);
    sli_buffer_unref(held);
    return rc;
}
