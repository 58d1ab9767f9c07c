// walk.c — Avro values in a text that anybody may have sent.
#include "flume/flume_int.h"

flume_walk flume_walk_of(sl_bytes text)
{
    return (flume_walk){.data = text.data, .to = (int64_t)text.size};
}

static void spoil(flume_walk *walk)
{
    walk->bad = true;
    walk->at = walk->to;
}

int64_t flume_take_long(flume_walk *walk)
{
    int64_t value = 0;
    if (walk->bad || !sli_take_zigzag(walk->data, &walk->at, walk->to, &value)) {
        spoil(walk);
        return 0;
    }
    return value;
}

sl_bytes flume_take_bytes(flume_walk *walk, int64_t size)
{
    if (walk->bad || size < 0 || size > walk->to - walk->at) {
        spoil(walk);
        return (sl_bytes){NULL, 0};
    }
    sl_bytes bytes = {walk->data + walk->at, (size_t)size};
    walk->at += size;
    return bytes;
}

sl_bytes flume_take_sized(flume_walk *walk)
{
    return flume_take_bytes(walk, flume_take_long(walk));
}

bool flume_take_branch(flume_walk *walk)
{
    int64_t branch = flume_take_long(walk);
    if (branch != 0 && branch != 1) {
        spoil(walk);
    }
    return branch == 1;
}

void flume_skip_map(flume_walk *walk)
{
    for (int64_t n = flume_take_long(walk); n != 0 && !walk->bad; n = flume_take_long(walk)) {
        if (n < 0) {
            (void)flume_take_sized(walk); // a block that tells its bytes
            continue;
        }
        for (int64_t i = 0; i < n && !walk->bad; i++) {
            (void)flume_take_sized(walk);
            (void)flume_take_sized(walk);
        }
    }
}

sl_bytes flume_rest(const flume_walk *walk)
{
    return (sl_bytes){walk->data + walk->at, (size_t)(walk->to - walk->at)};
}

void flume_put_text(sli_str *out, sl_text text)
{
    sli_put_zigzag(out, (int64_t)text.size);
    sli_str_add(out, text.data, text.size);
}
