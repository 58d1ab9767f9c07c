/// nexmark_events.h — the auction house of NEXMark: persons, their auctions, bids. Both sides of a
/// comparison, and the tests, see equal rows.
///
/// Follows Tucker, Tufte, Papadimos and Maier, "NEXMark: A Benchmark for Queries over Data Streams"
/// (2002, draft) with the parameters that Apache Beam publishes with its version. README.md,
/// "NEXMark", has them, and where this differs. An event is a function of its number and the seed
/// alone; so any stretch of a stream can be made by itself.
#pragma once
#include "limit.h"

enum {
    NEXMARK_PERSONS = 1, ///< of each 50 events, in this order
    NEXMARK_AUCTIONS = 3,
    NEXMARK_BIDS = 46,
    NEXMARK_PERIOD = NEXMARK_PERSONS + NEXMARK_AUCTIONS + NEXMARK_BIDS,
    NEXMARK_FIRST_ID = 1000, ///< of persons and of auctions
    NEXMARK_FIRST_CATEGORY = 10,
    NEXMARK_CATEGORIES = 5,
    NEXMARK_HOT = 100,       ///< every hundredth person and auction is hot for a while
    NEXMARK_HOT_AUCTION = 2, ///< all but one in two bids go to the hot auction,
    NEXMARK_HOT_BIDDER = 4,  ///< all but one in four come from the hot bidder,
    NEXMARK_HOT_SELLER = 4,  ///< all but one in four auctions are of the hot seller
    NEXMARK_IN_FLIGHT = 100, ///< auctions that other bids go to
    NEXMARK_ACTIVE = 1000,   ///< persons that others come from
    NEXMARK_LEAD = 10,       ///< of persons and auctions that are spoken of before they are there
    NEXMARK_PERSON_BYTES = 200, ///< on average
    NEXMARK_AUCTION_BYTES = 500,
    NEXMARK_BID_BYTES = 100,
};
#define NEXMARK_BEGIN_US INT64_C(1600000000000000) ///< time of event 0: a whole ten seconds

typedef struct nexmark {
    uint64_t seed;
    int64_t per_second; ///< events a second of event time, 1,000 to 1,000,000
    int64_t shuffle;    ///< events come in another order within groups of so many: 1 (none) or a
                        ///< power of two
} nexmark;

/// What a column of texts holds: 16 bytes with the first four letters, as string views have them.
typedef struct nexmark_text {
    uint32_t size;
    char prefix[4]; ///< zeroes behind a shorter one
    const char *at;
} nexmark_text;

enum { NEXMARK_PERSON = 0, NEXMARK_AUCTION, NEXMARK_BID, NEXMARK_KINDS };

enum { NEXMARK_MAX_INTEGERS = 7, NEXMARK_MAX_TEXTS = 6 };

/// Rows of one kind, by columns: the integers first, then the texts.
typedef struct nexmark_rows {
    int64_t n;
    int64_t *integers[NEXMARK_MAX_INTEGERS];
    nexmark_text *texts[NEXMARK_MAX_TEXTS];
} nexmark_rows;

// Columns of each kind.
enum { PERSON_ID = 0, PERSON_TIME, PERSON_INTEGERS };
enum { PERSON_NAME = 0, PERSON_EMAIL, PERSON_CARD, PERSON_CITY, PERSON_STATE, PERSON_EXTRA };
enum {
    AUCTION_ID = 0,
    AUCTION_INITIAL,
    AUCTION_RESERVE,
    AUCTION_TIME,
    AUCTION_EXPIRES,
    AUCTION_SELLER,
    AUCTION_CATEGORY,
    AUCTION_INTEGERS
};
enum { AUCTION_ITEM = 0, AUCTION_DESCRIPTION, AUCTION_EXTRA };
enum { BID_AUCTION = 0, BID_BIDDER, BID_PRICE, BID_TIME, BID_INTEGERS };
enum { BID_EXTRA = 0 };

static const int32_t nexmark_n_integers[NEXMARK_KINDS] = {PERSON_INTEGERS, AUCTION_INTEGERS,
                                                          BID_INTEGERS};
static const int32_t nexmark_n_texts[NEXMARK_KINDS] = {6, 3, 1};

/// Consecutive events, each kind's rows in order of arrival, and the bytes of their texts.
typedef struct nexmark_epoch {
    nexmark_rows rows[NEXMARK_KINDS];
    uint32_t kinds;    ///< bits 1 << kind of those that are made
    int64_t n_events;  ///< room for so many
    int64_t latest_us; ///< the greatest time among the rows
    char *bytes;
    size_t used, size_bytes;
} nexmark_epoch;

// ---------------------------------------------------------------- numbers and times

static inline int nexmark_kind(int64_t event)
{
    int64_t at = event % NEXMARK_PERIOD;
    return at < NEXMARK_PERSONS                      ? NEXMARK_PERSON
           : at < NEXMARK_PERSONS + NEXMARK_AUCTIONS ? NEXMARK_AUCTION
                                                     : NEXMARK_BID;
}

static inline int64_t nexmark_time_us(const nexmark *c, int64_t event)
{
    return NEXMARK_BEGIN_US + event * 1000000 / c->per_second;
}

/// How far behind the latest one a row may come.
static inline int64_t nexmark_late_us(const nexmark *c)
{
    return c->shuffle * 1000000 / c->per_second;
}

/// Persons and auctions whose events are earlier.
static inline int64_t nexmark_persons_before(int64_t event)
{
    return event / NEXMARK_PERIOD * NEXMARK_PERSONS + (event % NEXMARK_PERIOD > 0);
}

static inline int64_t nexmark_auctions_before(int64_t event)
{
    int64_t at = event % NEXMARK_PERIOD - NEXMARK_PERSONS;
    int64_t begun = at < 0 ? 0 : at > NEXMARK_AUCTIONS ? NEXMARK_AUCTIONS : at;
    return event / NEXMARK_PERIOD * NEXMARK_AUCTIONS + begun;
}

/// The event that comes at this place: within its group a multiple by an odd number.
static inline int64_t nexmark_event_at(const nexmark *c, int64_t place)
{
    int64_t from = place & ~(c->shuffle - 1);
    return from + (int64_t)((uint64_t)(place - from) * 953 & (uint64_t)(c->shuffle - 1));
}

/// As long as it takes for so many auctions to begin as are in flight.
static inline int64_t nexmark_horizon_us(const nexmark *c)
{
    return (int64_t)NEXMARK_IN_FLIGHT * NEXMARK_PERIOD / NEXMARK_AUCTIONS * 1000000 / c->per_second;
}

/// No auction is longer.
static inline int64_t nexmark_longest_us(const nexmark *c)
{
    return 2 * nexmark_horizon_us(c);
}

// ---------------------------------------------------------------- cells

/// 100 times ten to the power of a number in [0, 6): cents. By products alone, since libm's powers
/// differ between versions.
static inline int64_t nexmark_price(uint64_t *random)
{
    static const double powers[] = {100, 1e3, 1e4, 1e5, 1e6, 1e7};
    // 10^(1/2), 10^(1/4), ...: each the root of the one before
    static const double roots[] = {
        3.1622776601683795, 1.7782794100389228, 1.333521432163324,  1.1547819846894583,
        1.0746078283213174, 1.036632928437698,  1.018151721718182,  1.0090350448414473,
        1.0045073642544624, 1.0022511482929128, 1.00112494139988,   1.0005623126022087,
        1.00028111678778,   1.0001405485169472, 1.0000702717894114, 1.000035135277462,
        1.0000175674844227, 1.0000087837036347, 1.0000043918421733, 1.0000021959186756,
        1.000001097958735,  1.0000005489792168, 1.0000002744895706, 1.000000137244776};
    uint64_t bits = limit_random(random);
    double price = powers[(bits >> 32) % 6];
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        price *= (bits >> i & 1) != 0 ? roots[i] : 1;
    }
    return (int64_t)(price + 0.5);
}

static inline int64_t nexmark_recent(uint64_t *random, int64_t n_there, int64_t most)
{
    int64_t n = n_there < most ? n_there : most;
    return n_there - n + (int64_t)limit_below(random, (uint64_t)(n + NEXMARK_LEAD));
}

/// The person or auction that all but one in `ratio` are of, or one of the last ones.
static inline int64_t nexmark_id(uint64_t *random, int64_t n_there, uint64_t ratio, int64_t most,
                                 int64_t hot_offset)
{
    bool is_hot = limit_below(random, ratio) > 0;
    int64_t hot = (n_there - 1) / NEXMARK_HOT * NEXMARK_HOT + hot_offset;
    return NEXMARK_FIRST_ID + (is_hot ? hot : nexmark_recent(random, n_there, most));
}

static inline nexmark_text nexmark_text_of(const char *at, size_t size)
{
    nexmark_text text = {.size = (uint32_t)size, .at = at};
    memcpy(text.prefix, at, size < 4 ? size : 4);
    return text;
}

static inline char *nexmark_room(nexmark_epoch *e, size_t size)
{
    if (e->size_bytes - e->used < size) {
        limit_die("nexmark: texts need more than %zu bytes", e->size_bytes);
    }
    char *at = e->bytes + e->used;
    e->used += size;
    return at;
}

/// Letters, a multiple of eight of them written.
static inline nexmark_text nexmark_letters(nexmark_epoch *e, uint64_t *random, size_t size)
{
    char *at = nexmark_room(e, size + 8);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t bits = limit_random(random);
        for (size_t k = 0; k < 8; k++, bits >>= 8) {
            at[i + k] = (char)('a' + (int)((bits & 255) * 26 >> 8));
        }
    }
    e->used -= 8;
    return nexmark_text_of(at, size);
}

static inline nexmark_text nexmark_some_letters(nexmark_epoch *e, uint64_t *random, size_t most)
{
    return nexmark_letters(e, random, 3 + limit_below(random, most - 2));
}

/// What brings a row to its kind's size, a fifth more or less.
static inline nexmark_text nexmark_extra(nexmark_epoch *e, uint64_t *random, int64_t have,
                                         int64_t average)
{
    int64_t lacking = average > have ? average - have : 0, fifth = (lacking + 2) / 5;
    int64_t size = lacking - fifth + (int64_t)limit_below(random, (uint64_t)(2 * fifth + 1));
    return nexmark_letters(e, random, (size_t)size);
}

static inline nexmark_text nexmark_pick(const char *const *words, size_t n, uint64_t *random)
{
    const char *word = words[limit_below(random, n)];
    return nexmark_text_of(word, strlen(word));
}

static inline nexmark_text nexmark_join(nexmark_epoch *e, nexmark_text a, const char *between,
                                        nexmark_text b, const char *end)
{
    size_t size = a.size + strlen(between) + b.size + strlen(end);
    char *at = nexmark_room(e, size + 1);
    (void)snprintf(at, size + 1, "%.*s%s%.*s%s", (int)a.size, a.at, between, (int)b.size, b.at,
                   end);
    return nexmark_text_of(at, size);
}

static inline nexmark_text nexmark_card(nexmark_epoch *e, uint64_t *random)
{
    enum { SIZE = 19 };
    char *at = nexmark_room(e, SIZE + 1);
    uint64_t digits = limit_below(random, 10000000000000000);
    (void)snprintf(at, SIZE + 1, "%04d %04d %04d %04d", (int)(digits / 1000000000000),
                   (int)(digits / 100000000 % 10000), (int)(digits / 10000 % 10000),
                   (int)(digits % 10000));
    return nexmark_text_of(at, SIZE);
}

// ---------------------------------------------------------------- rows

static inline void nexmark_add_person(const nexmark *c, nexmark_epoch *e, int64_t event,
                                      uint64_t *random)
{
    static const char *const first[] = {"Ada",   "Bela", "Carl", "Dora",  "Emil", "Fritz",
                                        "Greta", "Hugo", "Ida",  "Jonas", "Klara"};
    static const char *const last[] = {"Ackermann", "Brandt", "Conrad", "Dietz", "Engel",
                                       "Fuchs",     "Graf",   "Hahn",   "Jung"};
    static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    static const char *const cities[] = {"Phoenix",  "Los Angeles", "San Francisco", "Boise",
                                         "Portland", "Bend",        "Redmond",       "Seattle",
                                         "Kent",     "Cheyenne"};
    nexmark_rows *r = &e->rows[NEXMARK_PERSON];
    int64_t i = r->n++;
    r->integers[PERSON_ID][i] = NEXMARK_FIRST_ID + nexmark_persons_before(event);
    r->integers[PERSON_TIME][i] = nexmark_time_us(c, event);
    nexmark_text given = nexmark_pick(first, 11, random), family = nexmark_pick(last, 9, random);
    r->texts[PERSON_NAME][i] = nexmark_join(e, given, " ", family, "");
    nexmark_text user = nexmark_some_letters(e, random, 7),
                 host = nexmark_some_letters(e, random, 5);
    r->texts[PERSON_EMAIL][i] = nexmark_join(e, user, "@", host, ".com");
    r->texts[PERSON_CARD][i] = nexmark_card(e, random);
    r->texts[PERSON_CITY][i] = nexmark_pick(cities, 10, random);
    r->texts[PERSON_STATE][i] = nexmark_pick(states, 6, random);
    int64_t have = 16;
    for (int32_t t = PERSON_NAME; t < PERSON_EXTRA; t++) {
        have += r->texts[t][i].size;
    }
    r->texts[PERSON_EXTRA][i] = nexmark_extra(e, random, have, NEXMARK_PERSON_BYTES);
}

static inline void nexmark_add_auction(const nexmark *c, nexmark_epoch *e, int64_t event,
                                       uint64_t *random)
{
    nexmark_rows *r = &e->rows[NEXMARK_AUCTION];
    int64_t i = r->n++, initial = nexmark_price(random), time_us = nexmark_time_us(c, event);
    int64_t longest_us = nexmark_longest_us(c);
    r->integers[AUCTION_ID][i] = NEXMARK_FIRST_ID + nexmark_auctions_before(event);
    r->integers[AUCTION_INITIAL][i] = initial;
    r->integers[AUCTION_RESERVE][i] = initial + nexmark_price(random);
    r->integers[AUCTION_TIME][i] = time_us;
    r->integers[AUCTION_EXPIRES][i] =
        time_us + 1 + (int64_t)limit_below(random, (uint64_t)longest_us);
    r->integers[AUCTION_SELLER][i] =
        nexmark_id(random, nexmark_persons_before(event), NEXMARK_HOT_SELLER, NEXMARK_ACTIVE, 0);
    r->integers[AUCTION_CATEGORY][i] =
        NEXMARK_FIRST_CATEGORY + (int64_t)limit_below(random, NEXMARK_CATEGORIES);
    r->texts[AUCTION_ITEM][i] = nexmark_some_letters(e, random, 20);
    r->texts[AUCTION_DESCRIPTION][i] = nexmark_some_letters(e, random, 100);
    int64_t have =
        56 + r->texts[AUCTION_ITEM][i].size + (int64_t)r->texts[AUCTION_DESCRIPTION][i].size;
    r->texts[AUCTION_EXTRA][i] = nexmark_extra(e, random, have, NEXMARK_AUCTION_BYTES);
}

static inline void nexmark_add_bid(const nexmark *c, nexmark_epoch *e, int64_t event,
                                   uint64_t *random)
{
    nexmark_rows *r = &e->rows[NEXMARK_BID];
    int64_t i = r->n++;
    r->integers[BID_AUCTION][i] = nexmark_id(random, nexmark_auctions_before(event),
                                             NEXMARK_HOT_AUCTION, NEXMARK_IN_FLIGHT, 0);
    r->integers[BID_BIDDER][i] =
        nexmark_id(random, nexmark_persons_before(event), NEXMARK_HOT_BIDDER, NEXMARK_ACTIVE, 1);
    r->integers[BID_PRICE][i] = nexmark_price(random);
    r->integers[BID_TIME][i] = nexmark_time_us(c, event);
    r->texts[BID_EXTRA][i] = nexmark_extra(e, random, 32, NEXMARK_BID_BYTES);
}

static inline void nexmark_add(const nexmark *c, nexmark_epoch *e, int64_t event)
{
    uint64_t random = c->seed + (uint64_t)event * 0xD6E8FEB86659FD93u;
    int kind = nexmark_kind(event);
    int64_t time_us = nexmark_time_us(c, event);
    if ((e->kinds >> kind & 1) == 0) {
        return;
    }
    e->latest_us = time_us > e->latest_us ? time_us : e->latest_us;
    if (kind == NEXMARK_PERSON) {
        nexmark_add_person(c, e, event, &random);
    } else if (kind == NEXMARK_AUCTION) {
        nexmark_add_auction(c, e, event, &random);
    } else {
        nexmark_add_bid(c, e, event, &random);
    }
}

// ---------------------------------------------------------------- epochs

/// Room for n events, of which rows of these kinds are made. End it with nexmark_epoch_reset.
static inline void nexmark_epoch_init(nexmark_epoch *e, int64_t n, uint32_t kinds)
{
    static const int64_t parts[NEXMARK_KINDS] = {NEXMARK_PERSONS, NEXMARK_AUCTIONS, NEXMARK_BIDS};
    static const size_t text_bytes[NEXMARK_KINDS] = {320, 720, 92};
    *e = (nexmark_epoch){.kinds = kinds, .n_events = n};
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        size_t rows = (size_t)(n / NEXMARK_PERIOD * parts[kind] + NEXMARK_PERIOD);
        for (int32_t i = 0; i < nexmark_n_integers[kind] && (kinds >> kind & 1) != 0; i++) {
            e->rows[kind].integers[i] = limit_alloc(rows * sizeof(int64_t));
        }
        for (int32_t i = 0; i < nexmark_n_texts[kind] && (kinds >> kind & 1) != 0; i++) {
            e->rows[kind].texts[i] = limit_alloc(rows * sizeof(nexmark_text));
        }
        e->size_bytes += (kinds >> kind & 1) != 0 ? rows * text_bytes[kind] : 0;
    }
    e->bytes = limit_alloc(e->size_bytes);
}

/// Makes the rows of the events at places from `from` on, as many as there is room for.
static inline void nexmark_epoch_fill(const nexmark *c, nexmark_epoch *e, int64_t from)
{
    e->used = 0;
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        e->rows[kind].n = 0;
    }
    for (int64_t place = from; place < from + e->n_events; place++) {
        nexmark_add(c, e, nexmark_event_at(c, place));
    }
}

static inline void nexmark_epoch_reset(nexmark_epoch *e)
{
    static const int64_t parts[NEXMARK_KINDS] = {NEXMARK_PERSONS, NEXMARK_AUCTIONS, NEXMARK_BIDS};
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        size_t rows = (size_t)(e->n_events / NEXMARK_PERIOD * parts[kind] + NEXMARK_PERIOD);
        for (int32_t i = 0; i < NEXMARK_MAX_INTEGERS; i++) {
            limit_free(e->rows[kind].integers[i], rows * sizeof(int64_t));
        }
        for (int32_t i = 0; i < NEXMARK_MAX_TEXTS; i++) {
            limit_free(e->rows[kind].texts[i], rows * sizeof(nexmark_text));
        }
    }
    limit_free(e->bytes, e->size_bytes);
    *e = (nexmark_epoch){0};
}
