/// record.c — what a record holds: its content, or the story of a trouble.
#include "kafka/sim/ksim_int.h"

#include "base/str.h"

// ---------------------------------------------------------------- content

static size_t bytes_of(const sli_kafka_message *m)
{
    size_t size = (m->key == NULL ? 0 : m->key_size) + (m->value == NULL ? 0 : m->value_size);
    for (int32_t i = 0; i < m->n_headers; i++) {
        const sli_kafka_header *h = &m->headers[i];
        size += strlen(h->name) + 1 + (h->value == NULL ? 0 : h->value_size);
    }
    return size;
}

/// Copies bytes to *at, which moves behind them. NULL stays NULL, whatever its size.
static const char *copy(char **at, const char *bytes, size_t size)
{
    if (bytes == NULL) {
        return NULL;
    }
    char *copied = *at;
    if (size > 0) {
        memcpy(copied, bytes, size);
    }
    *at += size;
    return copied;
}

/// A cluster keeps milliseconds.
static int64_t whole_ms(int64_t us)
{
    enum { MS = 1000 };
    return us - us % MS;
}

ksim_body *sli_ksim_body_new(const sli_kafka_message *m)
{
    size_t n_bytes = bytes_of(m), head = sizeof(ksim_body);
    head += (size_t)m->n_headers * sizeof(sli_kafka_header);
    ksim_body *body = sl_alloc(SLI_TAG_ENV, head + n_bytes);
    if (body == NULL) {
        return NULL;
    }
    char *at = (char *)body + head;
    *body = (ksim_body){.refs = 1,
                        .n_headers = m->n_headers,
                        .timestamp_us = whole_ms(m->timestamp_us),
                        .key = copy(&at, m->key, m->key_size),
                        .value = copy(&at, m->value, m->value_size),
                        .key_size = m->key == NULL ? 0 : m->key_size,
                        .value_size = m->value == NULL ? 0 : m->value_size,
                        .size_bytes = (int64_t)n_bytes};
    for (int32_t i = 0; i < m->n_headers; i++) {
        const sli_kafka_header *h = &m->headers[i];
        const char *name = copy(&at, h->name, strlen(h->name) + 1);
        body->headers[i] =
            (sli_kafka_header){name, copy(&at, h->value, h->value_size), h->value_size};
    }
    return body;
}

void sli_ksim_body_unref(ksim_body *body)
{
    if (body != NULL && --body->refs == 0) {
        sl_free(body);
    }
}

// ---------------------------------------------------------------- records

sli_kafka_record sli_ksim_record(ksim_body *body, int64_t offset, int32_t lane)
{
    body->refs++;
    return (sli_kafka_record){.offset = offset,
                              .timestamp_us = body->timestamp_us,
                              .key = body->key,
                              .value = body->value,
                              .key_size = body->key_size,
                              .value_size = body->value_size,
                              .lane = lane,
                              .kind = SLI_KAFKA_RECORD,
                              .headers = body->n_headers > 0,
                              .held = body};
}

sli_kafka_record sli_ksim_story(sli_kafka_kind kind, int64_t offset, int32_t lane,
                                const sl_error *why)
{
    sl_error *story = sl_alloc(SLI_TAG_ENV, sizeof *story);
    if (story != NULL) {
        *story = *why;
    }
    return (sli_kafka_record){.offset = offset, .lane = lane, .kind = (int8_t)kind, .held = story};
}

sl_code sli_ksim_headers(sli_kafka *self, const sli_kafka_record *record, sli_kafka_header_fn each,
                         void *ctx, sl_error *err)
{
    (void)self;
    const ksim_body *body = record->kind == SLI_KAFKA_RECORD ? record->held : NULL;
    for (int32_t i = 0; body != NULL && i < body->n_headers; i++) {
        const sli_kafka_header *h = &body->headers[i];
        sl_bytes value = {h->value, h->value_size};
        SL_TRY(each(ctx, h->name, h->value == NULL ? NULL : &value, err));
    }
    return SL_OK;
}

sl_code sli_ksim_error(sli_kafka *self, const sli_kafka_record *record, sl_error *err)
{
    (void)self;
    const sl_error *story = record->held;
    return story == NULL ? sl_error_nomem(err, sizeof *story, "why a partition was lost")
                         : sl_error_set(err, story->code, "%s", story->text);
}

void sli_ksim_record_reset(const sli_kafka_record *record)
{
    if (record->kind == SLI_KAFKA_RECORD) {
        sli_ksim_body_unref(record->held);
    } else {
        sl_free(record->held);
    }
}
