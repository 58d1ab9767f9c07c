/// ad_events.h — the advertising events that JSON work is measured on, shaped like those of the
/// Yahoo streaming benchmark: the same bytes for the hand-written loop and for the engine.
///
/// One JSON object a line, 241 bytes on average with its '\n', fields always in this order:
///
///     {"user_id":"<uuid>","page_id":"<uuid>","ad_id":"<uuid>","ad_type":"banner",
///      "event_type":"view","event_time":"1480000000000","ip_address":"1.2.3.4"}
///
/// event_type is view, click or purchase, ad_type one of five, ad_id one of 1,000 ads, each
/// uniform; ten ads belong to each of 100 campaigns. The work: keep the views, join ad_id with the
/// table of ads, count per campaign and epoch. What must come out is known from the making:
/// `views`.
#pragma once
#include "limit.h"

enum {
    AD_N_ADS = 1000,
    AD_N_CAMPAIGNS = 100,
    AD_ID_BYTES = 36,
    AD_MAX_EVENT = 256,
    AD_MAX_EPOCHS = 256,
    AD_SEED = 7,     ///< of those that must agree on the table of ads
    AD_PADDING = 128 ///< readable zero bytes behind the last event; simdjson asks for 64
};

typedef struct ad_row {
    char ad_id[AD_ID_BYTES + 1]; ///< ends with 0
    uint8_t campaign;            ///< 0 to 99
} ad_row;

/// Events, their epochs and the table they are joined with. Read only once made; any thread may
/// read.
typedef struct ad_events {
    char *bytes;
    size_t size_bytes;
    size_t limit_bytes;
    uint64_t n_events;
    size_t n_epochs;
    size_t epoch_end[AD_MAX_EPOCHS]; ///< offset behind the last event of each epoch
    ad_row ads[AD_N_ADS];
    uint64_t views[AD_N_CAMPAIGNS]; ///< of all epochs
} ad_events;

static inline void ad_make_uuid(uint64_t *random, char *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t half[2];
    half[0] = limit_random(random);
    half[1] = limit_random(random);
    for (size_t i = 0, nibble = 0; i < AD_ID_BYTES; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            out[i] = '-';
        } else {
            out[i] = digits[half[nibble / 16] >> (nibble % 16 * 4) & 15];
            nibble++;
        }
    }
}

static inline char *ad_append(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

static inline char *ad_append_uuid(uint64_t *random, char *at, const char *before)
{
    at = ad_append(at, before);
    ad_make_uuid(random, at);
    return at + AD_ID_BYTES;
}

/// Writes event number `i`, at most AD_MAX_EVENT bytes.
static inline char *ad_write_event(ad_events *events, uint64_t *random, uint64_t i, char *at)
{
    static const char *const ad_types[] = {"banner", "modal", "sponsored-search", "mail", "mobile"};
    static const char *const event_types[] = {"view", "click", "purchase"};
    const ad_row *ad = &events->ads[limit_below(random, AD_N_ADS)];
    uint64_t event_type = limit_below(random, 3);
    if (event_type == 0) {
        events->views[ad->campaign]++;
    }
    at = ad_append_uuid(random, at, "{\"user_id\":\"");
    at = ad_append_uuid(random, at, "\",\"page_id\":\"");
    at = ad_append(at, "\",\"ad_id\":\"");
    at = ad_append(at, ad->ad_id);
    at = ad_append(at, "\",\"ad_type\":\"");
    at = ad_append(at, ad_types[limit_below(random, 5)]);
    at = ad_append(at, "\",\"event_type\":\"");
    at = ad_append(at, event_types[event_type]);
    at += snprintf(at, 64, "\",\"event_time\":\"%llu",
                   1480000000000ull + (unsigned long long)i / 100);
    return ad_append(at, "\",\"ip_address\":\"1.2.3.4\"}\n");
}

/// Makes n_epochs epochs of events_per_epoch events each (65,536 are 15.8 MB). The caller owns them
/// until ad_events_reset. Ends the program when the numbers do not fit.
static inline void ad_events_init(ad_events *events, size_t n_epochs, size_t events_per_epoch,
                                  uint64_t seed)
{
    if (n_epochs < 1 || n_epochs > AD_MAX_EPOCHS || events_per_epoch < 1 ||
        events_per_epoch > (size_t)1 << 24) {
        limit_die("ad_events: 1 to %d epochs of at most 2^24 events", AD_MAX_EPOCHS);
    }
    memset(events, 0, sizeof *events);
    for (size_t i = 0; i < AD_N_ADS; i++) {
        ad_make_uuid(&seed, events->ads[i].ad_id);
        events->ads[i].campaign = (uint8_t)(i % AD_N_CAMPAIGNS);
    }
    events->limit_bytes = n_epochs * events_per_epoch * AD_MAX_EVENT + AD_PADDING;
    events->bytes = (char *)limit_alloc(events->limit_bytes);
    char *at = events->bytes;
    for (size_t epoch = 0; epoch < n_epochs; epoch++) {
        for (size_t i = 0; i < events_per_epoch; i++) {
            at = ad_write_event(events, &seed, events->n_events++, at);
        }
        events->epoch_end[events->n_epochs++] = (size_t)(at - events->bytes);
    }
    events->size_bytes = (size_t)(at - events->bytes);
    memset(at, 0, AD_PADDING); // what snprintf left behind the last event
}

static inline uint64_t ad_sum(const uint64_t *views)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < AD_N_CAMPAIGNS; i++) {
        sum += views[i];
    }
    return sum;
}

/// Tells counts per campaign apart; sums of parts add up to that of the whole.
static inline uint64_t ad_checksum(const uint64_t *views)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < AD_N_CAMPAIGNS; i++) {
        sum += (i + 1) * (i + 1) * views[i];
    }
    return sum;
}

static inline void ad_events_reset(ad_events *events)
{
    limit_free(events->bytes, events->limit_bytes);
    memset(events, 0, sizeof *events);
}
