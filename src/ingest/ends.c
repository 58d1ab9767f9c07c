// ends.c — where records end in received bytes: behind a line end, or where a message says.
//
// Bytes of messages always end with a whole one, since receivers of messages give nothing else.
#include "ingest/ingest_int.h"

static int64_t message_size(const char *data, int64_t size)
{
    sl_bytes id;
    int64_t n = sli_message_id(data, size, &id);
    SL_ASSERT(n > 0, "receivers of messages give whole ones");
    return n;
}

int64_t sli_ends_last(bool messages, const char *data, int64_t size)
{
    return messages ? size : sli_text_last_end(data, size);
}

int64_t sli_ends_open(bool messages, const char *data, int64_t size)
{
    if (messages) {
        return 0;
    }
    int64_t end = sli_text_last_end(data, size);
    return size - end - (size > end && data[size - 1] == '\r');
}

int64_t sli_ends_count(bool messages, const char *data, int64_t size)
{
    int64_t n = 0;
    if (messages) {
        for (int64_t at = 0; at < size; n++) {
            at += message_size(data + at, size - at);
        }
        return n;
    }
    for (const char *at = data; (at = memchr(at, '\n', (size_t)(data + size - at))) != NULL; at++) {
        n++;
    }
    return n;
}

int64_t sli_ends_nth(bool messages, const char *data, int64_t size, int64_t rows)
{
    int64_t to = 0;
    for (int64_t n = 0; n < rows && to < size; n++) {
        if (messages) {
            to += message_size(data + to, size - to);
            continue;
        }
        const char *at = memchr(data + to, '\n', (size_t)(size - to));
        if (at == NULL) {
            return size;
        }
        to = at - data + 1;
    }
    return to;
}
