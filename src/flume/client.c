// client.c — what we ask of Spark's sink inside an agent, and how its answers are read.
#include "flume/flume_int.h"

// ---------------------------------------------------------------- requests

static void put_handshake(sli_str *out)
{
    sli_str_add(out, flume_spark_protocol.hash, FLUME_HASH);
    sli_put_zigzag(out, 1);
    flume_put_text(out, sli_text_of(flume_spark_protocol.text));
    sli_str_add(out, flume_spark_protocol.theirs, FLUME_HASH);
    sli_put_zigzag(out, 0); // no meta
}

static void begin_request(sli_str *text, bool shaken, const char *name)
{
    if (!shaken) {
        put_handshake(text);
    }
    sli_put_zigzag(text, 0); // no meta
    flume_put_text(text, sli_text_of(name));
}

static void end_request(sli_str *out, uint32_t serial, sli_str *text)
{
    out->failed = out->failed || text->failed;
    sli_flume_frame_put(out, serial, (sl_bytes){text->data, text->size});
    sli_str_reset(text);
}

void sli_flume_ask_batch(sli_str *out, uint32_t serial, bool shaken, int32_t most)
{
    sli_str text = {.tag = out->tag};
    begin_request(&text, shaken, "getEventBatch");
    sli_put_zigzag(&text, most);
    end_request(out, serial, &text);
}

static void ask_about(sli_str *out, uint32_t serial, bool shaken, const char *name,
                      sl_text sequence)
{
    sli_str text = {.tag = out->tag};
    begin_request(&text, shaken, name);
    flume_put_text(&text, sequence);
    end_request(out, serial, &text);
}

void sli_flume_ask_ack(sli_str *out, uint32_t serial, bool shaken, sl_text sequence)
{
    ask_about(out, serial, shaken, "ack", sequence);
}

void sli_flume_ask_nack(sli_str *out, uint32_t serial, bool shaken, sl_text sequence)
{
    ask_about(out, serial, shaken, "nack", sequence);
}

// ---------------------------------------------------------------- answers

static sl_code bad(sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "no answer of Spark's sink");
}

static sl_code take_match(flume_walk *walk, sl_error *err)
{
    int64_t match = flume_take_long(walk);
    if (flume_take_branch(walk)) {
        (void)flume_take_sized(walk); // its protocol
    }
    if (flume_take_branch(walk)) {
        (void)flume_take_bytes(walk, FLUME_HASH);
    }
    if (flume_take_branch(walk)) {
        flume_skip_map(walk);
    }
    if (walk->bad || match < SLI_FLUME_BOTH || match > SLI_FLUME_NONE) {
        return bad(err);
    }
    return match == SLI_FLUME_NONE
               ? sl_error_set(err, SL_E_IO, "the sink does not take our protocol; is it Spark's?")
               : SL_OK;
}

/// What stands before every result; the other side's error, when it has one.
static sl_code take_front(flume_walk *walk, bool shaken, sl_error *err)
{
    SL_TRY(shaken ? SL_OK : take_match(walk, err));
    flume_skip_map(walk);
    sl_bytes is_error = flume_take_bytes(walk, 1);
    if (walk->bad) {
        return bad(err);
    }
    if (*(const char *)is_error.data == 0) {
        return SL_OK;
    }
    (void)flume_take_long(walk); // which error: a text is the only one there is
    sl_bytes text = flume_take_sized(walk);
    return walk->bad
               ? bad(err)
               : sl_error_set(err, SL_E_IO, "the sink says: %.*s",
                              (int)(text.size < 200 ? text.size : 200), (const char *)text.data);
}

sl_code sli_flume_batch_get(sl_bytes text, bool shaken, sli_flume_batch *out, sl_error *err)
{
    flume_walk walk = flume_walk_of(text);
    SL_TRY(take_front(&walk, shaken, err));
    sl_bytes error = flume_take_sized(&walk), sequence = flume_take_sized(&walk);
    if (walk.bad) {
        return bad(err);
    }
    *out = (sli_flume_batch){.error = {error.data, error.size},
                             .sequence = {sequence.data, sequence.size},
                             .events = sli_flume_events_of(flume_rest(&walk), false)};
    return SL_OK;
}

sl_code sli_flume_acked_get(sl_bytes text, bool shaken, sl_error *err)
{
    flume_walk walk = flume_walk_of(text);
    SL_TRY(take_front(&walk, shaken, err));
    return walk.at == walk.to ? SL_OK : bad(err);
}
