// server.c — what an agent's Avro sink asks, and the answers.
//
// A handshake names two texts by their hash, the client's and the one that the client takes for
// ours. Flume's own text is known by its hash. Another client is asked for its text (NONE) and is
// then taken at its word: what it sends is read as Flume's events, or refused as none.
#include "flume/flume_int.h"

static sl_code bad(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "no request of an Avro sink: %s", what);
}

static sli_flume_match take_handshake(flume_walk *walk)
{
    sl_bytes client = flume_take_bytes(walk, FLUME_HASH);
    sl_bytes text = flume_take_branch(walk) ? flume_take_sized(walk) : (sl_bytes){NULL, 0};
    sl_bytes server = flume_take_bytes(walk, FLUME_HASH);
    if (flume_take_branch(walk)) {
        flume_skip_map(walk);
    }
    if (walk->bad) {
        return SLI_FLUME_NONE;
    }
    if (text.data == NULL && !flume_protocol_has(&flume_source_protocol, client.data)) {
        return SLI_FLUME_NONE;
    }
    return flume_protocol_has(&flume_source_protocol, server.data) ? SLI_FLUME_BOTH
                                                                   : SLI_FLUME_CLIENT;
}

static sli_flume_call call_of(sl_text name)
{
    return sli_text_is(name, "append")        ? SLI_FLUME_APPEND
           : sli_text_is(name, "appendBatch") ? SLI_FLUME_APPEND_BATCH
                                              : SLI_FLUME_OTHER;
}

sl_code sli_flume_request_get(sl_bytes text, bool shaken, sli_flume_request *out, sl_error *err)
{
    flume_walk walk = flume_walk_of(text);
    *out = (sli_flume_request){.match = SLI_FLUME_SHAKEN};
    if (!shaken) {
        out->match = take_handshake(&walk);
        if (walk.bad) {
            return bad("the handshake is cut off", err);
        }
        if (out->match == SLI_FLUME_NONE) {
            return SL_OK;
        }
    }
    flume_skip_map(&walk); // meta
    sl_bytes name = flume_take_sized(&walk);
    if (walk.bad) {
        return bad("the message's name is cut off", err);
    }
    out->name = (sl_text){name.data, name.size};
    out->call = call_of(out->name);
    out->events = sli_flume_events_of(flume_rest(&walk), out->call == SLI_FLUME_APPEND);
    return SL_OK;
}

// ---------------------------------------------------------------- answers

static void put_handshake(sli_str *out, sli_flume_match match)
{
    if (match == SLI_FLUME_SHAKEN) {
        return;
    }
    sli_put_zigzag(out, (int64_t)match);
    sli_put_zigzag(out, match == SLI_FLUME_BOTH ? 0 : 1);
    if (match != SLI_FLUME_BOTH) {
        flume_put_text(out, sli_text_of(flume_source_protocol.text));
    }
    sli_put_zigzag(out, match == SLI_FLUME_BOTH ? 0 : 1);
    if (match != SLI_FLUME_BOTH) {
        sli_str_add(out, flume_source_protocol.hash, FLUME_HASH);
    }
    sli_put_zigzag(out, 0); // no meta
}

static void put_frame(sli_str *out, uint32_t serial, sli_str *text)
{
    out->failed = out->failed || text->failed;
    sli_flume_frame_put(out, serial, (sl_bytes){text->data, text->size});
    sli_str_reset(text);
}

void sli_flume_answer_put(sli_str *out, uint32_t serial, sli_flume_match match,
                          sli_flume_status status)
{
    sli_str text = {.tag = out->tag};
    put_handshake(&text, match);
    sli_put_zigzag(&text, 0); // no meta
    sli_put_u8(&text, 0);     // no error
    sli_put_zigzag(&text, (int64_t)status);
    put_frame(out, serial, &text);
}

void sli_flume_refusal_put(sli_str *out, uint32_t serial, sli_flume_match match, const char *why)
{
    sli_str text = {.tag = out->tag};
    put_handshake(&text, match);
    if (match != SLI_FLUME_NONE) {
        sli_put_zigzag(&text, 0);
        sli_put_u8(&text, 1);
        sli_put_zigzag(&text, 0); // of the errors there are: a text
        flume_put_text(&text, sli_text_of(why));
    }
    put_frame(out, serial, &text);
}
