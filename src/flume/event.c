// event.c — lists of events: an array, or one alone; each is a map of headers and a body.
//
// Blocks of an array or a map may tell how many bytes they have (their number is negative then);
// nobody needs it, since each item is read anyway.
#include "flume/flume_int.h"

static flume_walk walk_at(const sli_flume_events *events)
{
    return (flume_walk){.data = events->data, .at = events->at, .to = events->to};
}

/// The front of a block: how many items. 0: it is the one that ends them.
static int64_t take_block(flume_walk *walk)
{
    int64_t n = flume_take_long(walk);
    if (n >= 0) {
        return n;
    }
    (void)flume_take_long(walk); // its bytes
    if (n == INT64_MIN) {
        walk->bad = true;
        return 0;
    }
    return -n;
}

sli_flume_events sli_flume_events_of(sl_bytes text, bool single)
{
    return (sli_flume_events){
        .data = text.data, .to = (int64_t)text.size, .n_left = single ? -1 : 0};
}

static sl_code bad(sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "these bytes are no Flume events");
}

/// Whether an event follows; *rc when none does.
static bool begins(sli_flume_events *events, flume_walk *walk, sl_code *rc, sl_error *err)
{
    if (events->n_left == 0) {
        events->n_left = take_block(walk);
        events->at = walk->at;
    }
    if (events->n_left != 0 && events->n_left != -2 && !walk->bad) {
        return true;
    }
    *rc = walk->bad || walk->at != walk->to ? bad(err) : SL_E_END;
    events->n_left = -2; // it has ended
    return false;
}

sl_code sli_flume_event_next(sli_flume_events *events, sli_flume_event *out, sl_error *err)
{
    sl_code rc = SL_OK;
    flume_walk walk = walk_at(events);
    if (!begins(events, &walk, &rc, err)) {
        return rc;
    }
    int64_t from = walk.at, n = 0;
    for (n = take_block(&walk); n != 0 && !walk.bad; n = take_block(&walk)) {
        for (int64_t i = 0; i < n && !walk.bad; i++) {
            (void)flume_take_sized(&walk);
            (void)flume_take_sized(&walk);
        }
    }
    out->headers = (sli_flume_events){.data = walk.data, .at = from, .to = walk.at};
    out->body = flume_take_sized(&walk);
    if (walk.bad) {
        return bad(err);
    }
    events->at = walk.at;
    events->n_left = events->n_left == -1 ? -2 : events->n_left - 1;
    return SL_OK;
}

bool sli_flume_header_next(sli_flume_events *headers, sl_text *name, sl_text *value)
{
    flume_walk walk = walk_at(headers);
    if (headers->n_left == 0) {
        headers->n_left = take_block(&walk);
    }
    if (headers->n_left == 0 || walk.bad) {
        return false;
    }
    sl_bytes key = flume_take_sized(&walk), text = flume_take_sized(&walk);
    *name = (sl_text){key.data, key.size};
    *value = (sl_text){text.data, text.size};
    headers->at = walk.at;
    headers->n_left--;
    return !walk.bad;
}
