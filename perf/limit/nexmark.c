// nexmark.c — the queries of NEXMark by hand, one loop each, over rows in memory: what they take by
// code that knows its query, its keys and its windows.
//
// Each epoch's results are written out as columns and added up. Timed is the thread's user + system
// time of a block of epochs; making the rows is not.
//
//     nexmark -q q0|q1|q2|q3|q4|q5|q7|q8 [-r BLOCKS] [-n EPOCHS] [-e EVENTS_PER_EPOCH]
//             [-s EVENTS_PER_SECOND] [-o OUT_OF_ORDER]
#include "nexmark_rows.h"
#include "nexmark_table.h"

enum { OPEN = 64, MAX_TIES = 256, NAME_BYTES = 24, EXTRA_BYTES = 128 };
#define WINDOW_US INT64_C(10000000)
#define PANE_US INT64_C(2000000)
#define JOIN_US INT64_C(60000000) ///< q3: how far person and auction may be apart

__extension__ typedef __int128 decimal;

/// A person of q3 whose state counts, and who is kept for a minute.
typedef struct person {
    int64_t id, time_us;
    char name[NAME_BYTES], city[NAME_BYTES], state[4];
    uint8_t name_size, city_size, state_size;
} person;

/// An auction of q3 whose seller is not known: of a state that does not count, or still to come.
typedef struct waiting {
    int64_t id, seller, time_us, next; ///< of the same seller; -1: none
} waiting;

/// An auction of q4.
typedef struct lot {
    int64_t id, time_us, expires_us, category, most; ///< the highest bid; -1: none yet
} lot;

typedef struct bid {
    int64_t auction, bidder, price, time_us;
    char extra[EXTRA_BYTES];
    int32_t extra_size;
} bid;

/// A window of q7.
typedef struct top {
    int64_t start_us, price; ///< start -1: not open
    int32_t n, n_edge;
    bid rows[MAX_TIES]; ///< of the highest price
    bid edge[OPEN];     ///< at its very end, which BETWEEN counts too
} top;

typedef struct named {
    int64_t id;
    char name[NAME_BYTES];
    int32_t size;
} named;

/// A window of q8.
typedef struct meeting {
    int64_t start_us;
    table sellers, known; ///< known: a person's place in `persons`
    named *persons;
    int64_t n, capacity;
} meeting;

/// A pane of q5: bids by auction.
typedef struct pane {
    int64_t number; ///< time / PANE_US; -1: not open
    table counts;
} pane;

typedef struct loop {
    const nexmark_run *run;
    int64_t latest_us, watermark_us;
    // results of an epoch
    void *columns[NEXMARK_MAX_COLUMNS];
    size_t widths[NEXMARK_MAX_COLUMNS];
    int64_t n, capacity;
    nexmark_sum sum;
    // q3
    table persons_by_id, waiting_by_seller;
    person *persons;
    waiting *waits;
    int64_t n_persons, persons_room, n_waits, waits_room, swept_us;
    // q4
    table lots_by_id;
    lot *lots;
    bid *early; ///< bids whose auction has not come
    int64_t n_lots, lots_room, n_early, early_room;
    int64_t finals[NEXMARK_CATEGORIES], n_finals[NEXMARK_CATEGORIES];
    bool changed[NEXMARK_CATEGORIES];
    // q5, q7, q8
    pane panes[OPEN];
    table merged;
    top *tops;
    meeting meetings[OPEN];
    int64_t next_end_us; ///< of the first window that has not been given; 0: none was seen
} loop;

// ---------------------------------------------------------------- memory and results

/// Makes room for one more of `size` bytes; *room is doubled.
static void *grow(void *items, int64_t n, int64_t *room, size_t size)
{
    if (n < *room) {
        return items;
    }
    int64_t more = *room == 0 ? 1024 : *room * 2;
    void *grown = realloc(items, (size_t)more * size);
    if (grown == NULL) {
        limit_die("no memory");
    }
    *room = more;
    return grown;
}

/// Makes room for n more results.
static void reserve(loop *l, int64_t n)
{
    int64_t need = l->n + n;
    if (need <= l->capacity) {
        return;
    }
    need = need < l->capacity * 2 ? l->capacity * 2 : need;
    for (int32_t c = 0; c < l->run->query->n_columns; c++) {
        l->columns[c] = realloc(l->columns[c], (size_t)need * l->widths[c]);
        if (l->columns[c] == NULL) {
            limit_die("no memory");
        }
    }
    l->capacity = need;
}

static void put(loop *l, int32_t column, int64_t value)
{
    ((int64_t *)l->columns[column])[l->n] = value;
}

static void put_text(loop *l, int32_t column, const char *at, size_t size)
{
    ((nexmark_text *)l->columns[column])[l->n] = nexmark_text_of(at, size);
}

// ---------------------------------------------------------------- q0, q1, q2: row by row

/// Columns that are given as they came are not copied: results point to them.
static nexmark_cells lent(const nexmark_rows *bids, int32_t integer)
{
    return (nexmark_cells){bids->integers[integer], sizeof(int64_t)};
}

static nexmark_cells lent_extra(const nexmark_rows *bids)
{
    return (nexmark_cells){bids->texts[BID_EXTRA], sizeof(nexmark_text)};
}

static void take_q0(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *bids = &e->rows[NEXMARK_BID];
    const nexmark_cells cells[] = {lent(bids, BID_AUCTION), lent(bids, BID_BIDDER),
                                   lent(bids, BID_PRICE), lent(bids, BID_TIME), lent_extra(bids)};
    nexmark_sum_rows(&l->sum, l->run->query, cells, bids->n);
}

static void take_q1(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *bids = &e->rows[NEXMARK_BID];
    reserve(l, bids->n);
    decimal *prices = l->columns[2];
    for (int64_t i = 0; i < bids->n; i++) {
        prices[i] = (decimal)bids->integers[BID_PRICE][i] * 908; // thousandths
    }
    const nexmark_cells cells[] = {lent(bids, BID_AUCTION),
                                   lent(bids, BID_BIDDER),
                                   {prices, sizeof(decimal)},
                                   lent(bids, BID_TIME),
                                   lent_extra(bids)};
    nexmark_sum_rows(&l->sum, l->run->query, cells, bids->n);
}

static void take_q2(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *bids = &e->rows[NEXMARK_BID];
    const int64_t *auctions = bids->integers[BID_AUCTION], *prices = bids->integers[BID_PRICE];
    reserve(l, bids->n);
    for (int64_t i = 0; i < bids->n; i++) {
        put(l, 0, auctions[i]);
        put(l, 1, prices[i]);
        l->n += auctions[i] % 123 == 0;
    }
}

// ---------------------------------------------------------------- q3: a join within a minute

static bool is_text(const nexmark_text *text, const char *word)
{
    return text->size == 2 && memcmp(text->prefix, word, 2) == 0;
}

static void give_sale(loop *l, const person *p, int64_t auction, int64_t auction_us)
{
    int64_t apart = auction_us - p->time_us;
    if (apart < -JOIN_US || apart > JOIN_US) {
        return;
    }
    reserve(l, 1);
    put_text(l, 0, p->name, p->name_size);
    put_text(l, 1, p->city, p->city_size);
    put_text(l, 2, p->state, p->state_size);
    put(l, 3, auction);
    l->n++;
}

static void keep(char *to, size_t room, uint8_t *size, const nexmark_text *text)
{
    if (text->size > room) {
        limit_die("a text of %u bytes", (unsigned)text->size);
    }
    memcpy(to, text->at, text->size);
    *size = (uint8_t)text->size;
}

static void add_person(loop *l, const nexmark_rows *persons, int64_t i)
{
    l->persons = grow(l->persons, l->n_persons, &l->persons_room, sizeof *l->persons);
    person *p = &l->persons[l->n_persons];
    p->id = persons->integers[PERSON_ID][i];
    p->time_us = persons->integers[PERSON_TIME][i];
    keep(p->name, sizeof p->name, &p->name_size, &persons->texts[PERSON_NAME][i]);
    keep(p->city, sizeof p->city, &p->city_size, &persons->texts[PERSON_CITY][i]);
    keep(p->state, sizeof p->state, &p->state_size, &persons->texts[PERSON_STATE][i]);
    *table_put(&l->persons_by_id, p->id, 0) = l->n_persons++;
    const int64_t *first = table_find(&l->waiting_by_seller, p->id);
    for (int64_t w = first == NULL ? -1 : *first; w >= 0; w = l->waits[w].next) {
        give_sale(l, p, l->waits[w].id, l->waits[w].time_us);
    }
}

static void wait_for_seller(loop *l, int64_t id, int64_t seller, int64_t time_us)
{
    l->waits = grow(l->waits, l->n_waits, &l->waits_room, sizeof *l->waits);
    int64_t *first = table_put(&l->waiting_by_seller, seller, -1);
    l->waits[l->n_waits] = (waiting){id, seller, time_us, *first};
    *first = l->n_waits++;
}

/// Once a minute: rows that nothing can match any more go. Texts of results still point to persons,
/// so it comes after they were given.
static void sweep_q3(loop *l)
{
    int64_t n = l->n_persons, oldest_us = l->watermark_us - JOIN_US;
    if (l->watermark_us < l->swept_us + JOIN_US) {
        return;
    }
    l->swept_us = l->watermark_us;
    table_clear(&l->persons_by_id);
    l->n_persons = 0;
    for (int64_t i = 0; i < n; i++) {
        if (l->persons[i].time_us >= oldest_us) {
            l->persons[l->n_persons] = l->persons[i];
            *table_put(&l->persons_by_id, l->persons[i].id, 0) = l->n_persons++;
        }
    }
    n = l->n_waits;
    table_clear(&l->waiting_by_seller);
    l->n_waits = 0;
    for (int64_t i = 0; i < n; i++) {
        if (l->waits[i].time_us >= oldest_us) {
            wait_for_seller(l, l->waits[i].id, l->waits[i].seller, l->waits[i].time_us);
        }
    }
}

static void take_q3(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *persons = &e->rows[NEXMARK_PERSON], *auctions = &e->rows[NEXMARK_AUCTION];
    for (int64_t i = 0; i < persons->n; i++) {
        const nexmark_text *state = &persons->texts[PERSON_STATE][i];
        if (is_text(state, "OR") || is_text(state, "ID") || is_text(state, "CA")) {
            add_person(l, persons, i);
        }
    }
    for (int64_t i = 0; i < auctions->n; i++) {
        if (auctions->integers[AUCTION_CATEGORY][i] != 10) {
            continue;
        }
        int64_t id = auctions->integers[AUCTION_ID][i];
        int64_t seller = auctions->integers[AUCTION_SELLER][i];
        int64_t time_us = auctions->integers[AUCTION_TIME][i];
        const int64_t *at = table_find(&l->persons_by_id, seller);
        if (at != NULL) {
            give_sale(l, &l->persons[*at], id, time_us);
        } else {
            wait_for_seller(l, id, seller, time_us);
        }
    }
}

// ---------------------------------------------------------------- q4: the average final price

static void add_lots(loop *l, const nexmark_rows *auctions)
{
    for (int64_t i = 0; i < auctions->n; i++) {
        l->lots = grow(l->lots, l->n_lots, &l->lots_room, sizeof *l->lots);
        l->lots[l->n_lots] = (lot){
            auctions->integers[AUCTION_ID][i], auctions->integers[AUCTION_TIME][i],
            auctions->integers[AUCTION_EXPIRES][i], auctions->integers[AUCTION_CATEGORY][i], -1};
        *table_put(&l->lots_by_id, l->lots[l->n_lots].id, 0) = l->n_lots;
        l->n_lots++;
    }
}

/// False: its auction is not known.
static bool offer(loop *l, int64_t auction, int64_t price, int64_t time_us)
{
    const int64_t *at = table_find(&l->lots_by_id, auction);
    if (at == NULL) {
        return false;
    }
    lot *of = &l->lots[*at];
    if (time_us >= of->time_us && time_us <= of->expires_us && price > of->most) {
        int64_t c = of->category - NEXMARK_FIRST_CATEGORY;
        l->n_finals[c] += of->most < 0;
        l->finals[c] += price - (of->most < 0 ? 0 : of->most);
        l->changed[c] = true;
        of->most = price;
    }
    return true;
}

static void keep_early(loop *l, int64_t auction, int64_t price, int64_t time_us)
{
    l->early = grow(l->early, l->n_early, &l->early_room, sizeof *l->early);
    l->early[l->n_early++] = (bid){.auction = auction, .price = price, .time_us = time_us};
}

static void offer_early(loop *l)
{
    int64_t n = l->n_early;
    l->n_early = 0;
    for (int64_t i = 0; i < n; i++) {
        const bid b = l->early[i];
        if (!offer(l, b.auction, b.price, b.time_us) && b.time_us > l->watermark_us) {
            l->early[l->n_early++] = b;
        }
    }
}

static void give_averages(loop *l)
{
    reserve(l, NEXMARK_CATEGORIES);
    for (int32_t c = 0; c < NEXMARK_CATEGORIES; c++) {
        if (l->changed[c]) {
            put(l, 0, NEXMARK_FIRST_CATEGORY + c);
            ((double *)l->columns[1])[l->n++] = (double)l->finals[c] / (double)l->n_finals[c];
            l->changed[c] = false;
        }
    }
}

/// Auctions that no bid can reach any more go, once half of them may be such.
static void sweep_q4(loop *l)
{
    int64_t n = l->n_lots;
    if (l->watermark_us < l->swept_us + WINDOW_US) {
        return;
    }
    l->swept_us = l->watermark_us;
    table_clear(&l->lots_by_id);
    l->n_lots = 0;
    for (int64_t i = 0; i < n; i++) {
        if (l->lots[i].expires_us > l->watermark_us) {
            l->lots[l->n_lots] = l->lots[i];
            *table_put(&l->lots_by_id, l->lots[i].id, 0) = l->n_lots;
            l->n_lots++;
        }
    }
}

static void take_q4(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *bids = &e->rows[NEXMARK_BID];
    add_lots(l, &e->rows[NEXMARK_AUCTION]);
    offer_early(l);
    for (int64_t i = 0; i < bids->n; i++) {
        int64_t auction = bids->integers[BID_AUCTION][i], price = bids->integers[BID_PRICE][i];
        int64_t time_us = bids->integers[BID_TIME][i];
        if (!offer(l, auction, price, time_us)) {
            keep_early(l, auction, price, time_us);
        }
    }
    give_averages(l);
}

// ---------------------------------------------------------------- q5: hot auctions

static pane *pane_at(loop *l, int64_t number)
{
    pane *p = &l->panes[number % OPEN];
    if (p->number != number) {
        if (p->number >= 0) {
            limit_die("more than %d panes are open", OPEN);
        }
        p->number = number;
    }
    return p;
}

static void take_q5(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *bids = &e->rows[NEXMARK_BID];
    const int64_t *auctions = bids->integers[BID_AUCTION], *times = bids->integers[BID_TIME];
    for (int64_t i = 0; i < bids->n; i++) {
        ++*table_put(&pane_at(l, times[i] / PANE_US)->counts, auctions[i], 0);
    }
}

/// The window's auctions that have the most bids.
static void give_hot(loop *l, int64_t end_us)
{
    int64_t most = 0;
    table_clear(&l->merged);
    for (int64_t number = (end_us - WINDOW_US) / PANE_US; number < end_us / PANE_US; number++) {
        const pane *p = &l->panes[number % OPEN];
        for (int64_t i = 0; p->number == number && i < p->counts.capacity; i++) {
            const table_slot *slot = &p->counts.slots[i];
            if (slot->key != 0) {
                int64_t *count = table_put(&l->merged, slot->key, 0);
                *count += slot->value;
                most = *count > most ? *count : most;
            }
        }
    }
    for (int64_t i = 0; i < l->merged.capacity; i++) {
        if (l->merged.slots[i].key != 0 && l->merged.slots[i].value == most) {
            reserve(l, 1);
            put(l, 0, l->merged.slots[i].key);
            put(l, 1, most);
            l->n++;
        }
    }
}

static void close_q5(loop *l)
{
    for (; l->next_end_us <= l->watermark_us && l->next_end_us <= l->latest_us + WINDOW_US;
         l->next_end_us += PANE_US) {
        give_hot(l, l->next_end_us);
        pane *oldest = &l->panes[(l->next_end_us - WINDOW_US) / PANE_US % OPEN];
        if (oldest->number == (l->next_end_us - WINDOW_US) / PANE_US) {
            table_clear(&oldest->counts);
            oldest->number = -1;
        }
    }
}

// ---------------------------------------------------------------- q7: the highest bid

static top *top_at(loop *l, int64_t time_us)
{
    int64_t start_us = time_us / WINDOW_US * WINDOW_US;
    top *t = &l->tops[time_us / WINDOW_US % OPEN];
    if (t->start_us != start_us) {
        if (t->start_us >= 0) {
            limit_die("more than %d windows are open", OPEN);
        }
        t->start_us = start_us;
        t->price = -1;
        t->n = t->n_edge = 0;
    }
    return t;
}

static void keep_bid(bid *to, const nexmark_rows *bids, int64_t i)
{
    const nexmark_text *extra = &bids->texts[BID_EXTRA][i];
    if (extra->size > EXTRA_BYTES) {
        limit_die("a text of %u bytes", (unsigned)extra->size);
    }
    to->auction = bids->integers[BID_AUCTION][i];
    to->bidder = bids->integers[BID_BIDDER][i];
    to->price = bids->integers[BID_PRICE][i];
    to->time_us = bids->integers[BID_TIME][i];
    to->extra_size = (int32_t)extra->size;
    memcpy(to->extra, extra->at, extra->size);
}

static void take_q7(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *bids = &e->rows[NEXMARK_BID];
    const int64_t *prices = bids->integers[BID_PRICE], *times = bids->integers[BID_TIME];
    for (int64_t i = 0; i < bids->n; i++) {
        top *t = top_at(l, times[i]);
        if (times[i] == t->start_us && times[i] > NEXMARK_BEGIN_US) {
            top *before = top_at(l, times[i] - 1);
            if (before->n_edge == OPEN) {
                limit_die("more than %d bids at one time", OPEN);
            }
            keep_bid(&before->edge[before->n_edge++], bids, i);
        }
        if (prices[i] < t->price) {
            continue;
        }
        t->n = prices[i] > t->price ? 0 : t->n;
        t->price = prices[i];
        if (t->n == MAX_TIES) {
            limit_die("more than %d highest bids", MAX_TIES);
        }
        keep_bid(&t->rows[t->n++], bids, i);
    }
}

static void give_bid(loop *l, const bid *b)
{
    reserve(l, 1);
    put(l, 0, b->auction);
    put(l, 1, b->price);
    put(l, 2, b->bidder);
    put(l, 3, b->time_us);
    put_text(l, 4, b->extra, (size_t)b->extra_size);
    l->n++;
}

static void close_q7(loop *l)
{
    for (int32_t w = 0; w < OPEN; w++) {
        top *t = &l->tops[w];
        if (t->start_us < 0 || t->start_us + WINDOW_US > l->watermark_us) {
            continue;
        }
        for (int32_t i = 0; i < t->n; i++) {
            give_bid(l, &t->rows[i]);
        }
        for (int32_t i = 0; i < t->n_edge; i++) {
            if (t->edge[i].price == t->price) {
                give_bid(l, &t->edge[i]);
            }
        }
        t->start_us = -1;
    }
}

// ---------------------------------------------------------------- q8: new persons that sell

static meeting *meeting_at(loop *l, int64_t time_us)
{
    int64_t start_us = time_us / WINDOW_US * WINDOW_US;
    meeting *m = &l->meetings[time_us / WINDOW_US % OPEN];
    if (m->start_us != start_us) {
        if (m->start_us >= 0) {
            limit_die("more than %d windows are open", OPEN);
        }
        m->start_us = start_us;
    }
    return m;
}

static void take_q8(loop *l, const nexmark_epoch *e)
{
    const nexmark_rows *persons = &e->rows[NEXMARK_PERSON], *auctions = &e->rows[NEXMARK_AUCTION];
    for (int64_t i = 0; i < persons->n; i++) {
        meeting *m = meeting_at(l, persons->integers[PERSON_TIME][i]);
        int64_t id = persons->integers[PERSON_ID][i];
        const nexmark_text *name = &persons->texts[PERSON_NAME][i];
        int64_t *at = table_put(&m->known, id, -1);
        if (*at >= 0) {
            continue;
        }
        m->persons = grow(m->persons, m->n, &m->capacity, sizeof *m->persons);
        m->persons[m->n].id = id;
        m->persons[m->n].size = (int32_t)name->size;
        memcpy(m->persons[m->n].name, name->at, name->size);
        *at = m->n++;
    }
    for (int64_t i = 0; i < auctions->n; i++) {
        meeting *m = meeting_at(l, auctions->integers[AUCTION_TIME][i]);
        (void)table_put(&m->sellers, auctions->integers[AUCTION_SELLER][i], 1);
    }
}

static void close_q8(loop *l)
{
    for (int32_t w = 0; w < OPEN; w++) {
        meeting *m = &l->meetings[w];
        if (m->start_us < 0 || m->start_us + WINDOW_US > l->watermark_us) {
            continue;
        }
        for (int64_t i = 0; i < m->n; i++) {
            if (table_find(&m->sellers, m->persons[i].id) != NULL) {
                reserve(l, 1);
                put(l, 0, m->persons[i].id);
                put_text(l, 1, m->persons[i].name, (size_t)m->persons[i].size);
                put(l, 2, m->start_us);
                l->n++;
            }
        }
        table_clear(&m->sellers);
        table_clear(&m->known);
        m->n = 0;
        m->start_us = -1;
    }
}

// ---------------------------------------------------------------- the loop

typedef struct hand {
    const char *query;
    size_t widths[NEXMARK_MAX_COLUMNS];
    void (*take)(loop *l, const nexmark_epoch *e);
    void (*close)(loop *l); ///< windows that have ended; NULL: none
    void (*sweep)(loop *l); ///< what is not needed any more; NULL: nothing is kept
} hand;

static const hand hands[] = {
    {"q0", {8, 8, 8, 8, 16}, take_q0, NULL, NULL},
    {"q1", {8, 8, 16, 8, 16}, take_q1, NULL, NULL},
    {"q2", {8, 8}, take_q2, NULL, NULL},
    {"q3", {16, 16, 16, 8}, take_q3, NULL, sweep_q3},
    {"q4", {8, 8}, take_q4, NULL, sweep_q4},
    {"q5", {8, 8}, take_q5, close_q5, NULL},
    {"q7", {8, 8, 8, 8, 16}, take_q7, close_q7, NULL},
    {"q8", {8, 16, 8}, take_q8, close_q8, NULL},
};

static const hand *find_hand(const char *query)
{
    const hand *h = hands;
    while (strcmp(h->query, query) != 0) {
        h++;
    }
    return h;
}

static void init(loop *l, const nexmark_run *run, const hand *h)
{
    l->run = run;
    l->next_end_us = NEXMARK_BEGIN_US + PANE_US;
    l->swept_us = NEXMARK_BEGIN_US;
    memcpy(l->widths, h->widths, sizeof l->widths);
    table_init(&l->persons_by_id, 12);
    table_init(&l->waiting_by_seller, 12);
    table_init(&l->lots_by_id, 12);
    table_init(&l->merged, 12);
    l->tops = limit_alloc(OPEN * sizeof *l->tops);
    for (int32_t i = 0; i < OPEN; i++) {
        l->panes[i].number = l->tops[i].start_us = l->meetings[i].start_us = -1;
        table_init(&l->panes[i].counts, 12);
        table_init(&l->meetings[i].sellers, 12);
        table_init(&l->meetings[i].known, 12);
    }
}

static void end_epoch(loop *l, const hand *h)
{
    nexmark_cells cells[NEXMARK_MAX_COLUMNS];
    if (h->close != NULL) {
        h->close(l);
    }
    for (int32_t c = 0; c < l->run->query->n_columns; c++) {
        cells[c] = (nexmark_cells){l->columns[c], l->widths[c]};
    }
    nexmark_sum_rows(&l->sum, l->run->query, cells, l->n);
    l->n = 0;
    if (h->sweep != NULL) {
        h->sweep(l);
    }
}

static void run_epoch(loop *l, const hand *h, const nexmark_epoch *e)
{
    h->take(l, e);
    l->latest_us = e->latest_us > l->latest_us ? e->latest_us : l->latest_us;
    l->watermark_us = l->latest_us - nexmark_late_us(&l->run->events);
    end_epoch(l, h);
}

static int64_t rows_in(const nexmark_epoch *e)
{
    return e->rows[NEXMARK_PERSON].n + e->rows[NEXMARK_AUCTION].n + e->rows[NEXMARK_BID].n;
}

int main(int argc, char **argv)
{
    static loop the_loop;
    static nexmark_epoch epochs[NEXMARK_MAX_EPOCHS];
    nexmark_run run;
    int64_t cpu_ns[NEXMARK_MAX_BLOCKS], n_in = 0;
    loop *l = &the_loop;
    (void)nexmark_options(&run, argc, argv);
    const hand *h = find_hand(run.query->name);
    init(l, &run, h);
    for (int64_t e = 0; e < run.epochs; e++) {
        nexmark_epoch_init(&epochs[e], run.epoch_events, run.query->kinds);
    }
    for (int64_t block = 0; block <= run.n_blocks; block++) { // the first makes tables grow
        n_in = 0;
        for (int64_t e = 0; e < run.epochs; e++) {
            int64_t from = block * nexmark_block_events(&run) + e * run.epoch_events;
            nexmark_epoch_fill(&run.events, &epochs[e], from);
            n_in += rows_in(&epochs[e]);
        }
        int64_t begin_ns = limit_thread_cpu_ns();
        for (int64_t e = 0; e < run.epochs; e++) {
            run_epoch(l, h, &epochs[e]);
        }
        cpu_ns[block > 0 ? block - 1 : 0] = limit_thread_cpu_ns() - begin_ns;
    }
    l->watermark_us += NEXMARK_HOUR_US;
    end_epoch(l, h);
    nexmark_print("limit", &run, cpu_ns, n_in, &l->sum);
    return 0;
}
