// stream.c — what every decoder keeps of the stream it reads: the common options, counters, the
// place, and what was already looked at of a record that is not whole yet. Without the last a
// record that arrives byte by byte would be scanned as often as it has bytes.
#include "format/format_int.h"

#include <inttypes.h>

void sli_stream_init(sli_stream_state *stream, const sl_conf *conf)
{
    static const sli_bad utf8[] = {SLI_BAD_REPLACE, SLI_BAD_FAIL, SLI_BAD_SKIP};
    *stream = (sli_stream_state){
        .malformed = (sli_bad)sl_conf_choice(conf, "malformed"), // in the order of the choices
        .utf8 = utf8[sl_conf_choice(conf, "invalid_utf8")],
        .max_record = sl_conf_int64(conf, "max_record"),
        .line = 1,
    };
}

sl_code sli_stream_resume(const sli_stream_state *stream, const sli_piece *piece, int64_t *scanned,
                          sl_error *err)
{
    if (piece->to > INT32_MAX) {
        return sl_error_set(err, SL_E_INVALID,
                            "%s: a piece ends behind the first 2 GiB of its buffer", piece->name);
    }
    bool same = stream->resume == piece->offset && stream->scanned <= piece->to - piece->from;
    *scanned = same ? stream->scanned : 0;
    return SL_OK;
}

void sli_stream_stop(sli_stream_state *stream, const sli_piece *piece, int64_t from,
                     int64_t scanned, int64_t *consumed)
{
    *consumed = from - piece->from;
    stream->stats.bytes += *consumed;
    stream->resume = piece->offset + *consumed;
    stream->scanned = scanned;
}

int64_t sli_stream_bom(sli_stream_state *stream, const sli_piece *piece)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (stream->started || piece->offset > 0) { // a part of a stream that began elsewhere
        return piece->from;
    }
    size_t size = (size_t)(piece->to - piece->from);
    size_t n = size < 3 ? size : 3;
    bool alike = memcmp(sli_buffer_bytes(piece->data) + piece->from, bom, n) == 0;
    if (alike && n < 3 && !piece->last) {
        return -1;
    }
    stream->started = true;
    return alike && n == 3 ? piece->from + 3 : piece->from;
}

static sl_code wrap_place(const sli_stream_state *stream, const sli_piece *piece, int64_t at,
                          sl_code rc, sl_error *err)
{
    if (stream->values != NULL) {
        const sli_value_run *run = stream->values->run;
        char place[SLI_VALUE_PLACE];
        run->place(run->ctx, (int32_t)stream->line, place, sizeof place);
        return sl_error_wrap(err, rc, "%s", place);
    }
    return sl_error_wrap(err, rc, "%s at byte %" PRId64 " (line %" PRId64 ")", piece->name,
                         piece->offset + (at - piece->from), stream->line);
}

static void drop(sli_stream_state *stream)
{
    sli_value_state *values = stream->values;
    stream->stats.skipped++;
    if (values != NULL) {
        values->dropped[stream->line >> 6] |= UINT64_C(1) << (stream->line & 63);
        values->n_dropped++;
    }
}

sl_code sli_stream_verdict(sli_stream_state *stream, const sli_piece *piece, int64_t at, sl_code rc,
                           sl_error *err)
{
    if (rc == SL_E_DATA && stream->malformed != SLI_BAD_FAIL) {
        drop(stream);
        stream->stats.dead += stream->malformed == SLI_BAD_LETTER;
        return SL_OK;
    }
    return rc == SL_E_DATA ? wrap_place(stream, piece, at, rc, err) : rc;
}

sl_code sli_stream_too_long(sli_stream_state *stream, const sli_piece *piece, int64_t at,
                            bool ended, sl_error *err)
{
    stream->skipping = !ended;
    sl_code rc = sl_error_set(sli_stream_why(stream, err), SL_E_DATA,
                              "a record of more than %" PRId64
                              " bytes; raise max_record or set malformed=skip",
                              stream->max_record);
    return sli_stream_verdict(stream, piece, at, rc, err);
}

sl_code sli_stream_not_utf8(sli_stream_state *stream, const sli_piece *piece, int64_t at,
                            int64_t bad, sl_error *err)
{
    if (stream->utf8 == SLI_BAD_SKIP) {
        drop(stream);
        return SL_OK;
    }
    sl_code rc = sl_error_set(err, SL_E_DATA,
                              "text that is not UTF-8, byte %" PRId64
                              " of the record; set invalid_utf8=replace or skip",
                              bad - at);
    return wrap_place(stream, piece, at, rc, err);
}
