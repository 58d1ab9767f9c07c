// range.c — the partitions of an epoch, and positions, as bytes; layout in README.md.
#include "source/kafka/kafka_int.h"

enum { RANGE = 0x31524b53, POSITION = 0x31504b53 }; // "SKR1", "SKP1"

// ---------------------------------------------------------------- writing

/// Pieces of a topic stand together, so a topic's number is how many others came before.
static int32_t count_topics(const kafka_pieces *pieces)
{
    int32_t n = 0;
    for (int32_t i = 0; i < pieces->n; i++) {
        n += i == 0 || strcmp(pieces->items[i].topic, pieces->items[i - 1].topic) != 0;
    }
    return n;
}

static void put_topics(sli_str *out, const kafka_pieces *pieces)
{
    sli_put_varint(out, (uint64_t)count_topics(pieces));
    for (int32_t i = 0; i < pieces->n; i++) {
        if (i == 0 || strcmp(pieces->items[i].topic, pieces->items[i - 1].topic) != 0) {
            sli_put_text(out, pieces->items[i].topic);
        }
    }
}

static void put_place(sli_str *out, const kafka_pieces *pieces, int32_t i, int32_t *topic)
{
    const kafka_piece *piece = &pieces->items[i];
    *topic += i > 0 && strcmp(piece->topic, pieces->items[i - 1].topic) != 0;
    sli_put_varint(out, (uint64_t)*topic);
    sli_put_varint(out, (uint64_t)piece->partition);
    sli_put_varint(out, (uint64_t)piece->lane);
}

/// The record before `to`, as a distance from there; 0: none is known.
static void put_last(sli_str *out, const kafka_piece *piece)
{
    sli_put_varint(out, piece->last.offset < 0 ? 0 : (uint64_t)(piece->to - piece->last.offset));
    if (piece->last.offset >= 0) {
        sli_put_i64(out, piece->last.time_us);
    }
}

static void put(sli_str *out, uint32_t magic, const kafka_pieces *pieces)
{
    int32_t topic = 0;
    sli_put_u32(out, magic);
    put_topics(out, pieces);
    sli_put_varint(out, (uint64_t)pieces->n);
    for (int32_t i = 0; i < pieces->n; i++) {
        const kafka_piece *piece = &pieces->items[i];
        put_place(out, pieces, i, &topic);
        if (magic == RANGE) {
            sli_put_varint(out, (uint64_t)piece->from);
            sli_put_varint(out, (uint64_t)piece->records);
        }
        sli_put_varint(out, (uint64_t)piece->to);
        put_last(out, piece);
    }
}

void kafka_range_put(sli_str *out, const kafka_pieces *pieces)
{
    put(out, RANGE, pieces);
}

void kafka_position_put(sli_str *out, const kafka_pieces *pieces)
{
    put(out, POSITION, pieces);
}

// ---------------------------------------------------------------- reading

typedef struct pieces_reader {
    sli_reader in;
    sl_arena *arena;
    const char **topics;
    uint64_t n_topics;
} pieces_reader;

static sl_code corrupt(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "recorded offsets of Kafka: %s", what);
}

static size_t left(const pieces_reader *r)
{
    return (size_t)(r->in.end - r->in.at);
}

static sl_code get_topics(pieces_reader *r, sl_error *err)
{
    r->n_topics = sli_get_varint(&r->in);
    if (r->in.bad || r->n_topics > left(r)) { // a topic takes a byte at least
        return corrupt("the topics are damaged", err);
    }
    r->topics = sl_arena_alloc(r->arena, (size_t)(r->n_topics + 1) * sizeof *r->topics);
    if (r->topics == NULL) {
        return sl_error_nomem(err, (size_t)r->n_topics * sizeof *r->topics, "topics");
    }
    for (uint64_t i = 0; i < r->n_topics; i++) {
        r->topics[i] = sli_get_text(&r->in, r->arena);
        if (r->topics[i] == NULL) {
            return corrupt("a topic is damaged", err);
        }
        if (i > 0 && strcmp(r->topics[i - 1], r->topics[i]) >= 0) {
            return corrupt("the topics are not in order", err);
        }
    }
    return SL_OK;
}

static sl_code get_count(pieces_reader *r, kafka_pieces *out, sl_error *err)
{
    uint64_t n = sli_get_varint(&r->in);
    if (r->in.bad || n > SLI_KAFKA_MAX_LANES || n > left(r)) {
        return corrupt("the number of partitions is damaged", err);
    }
    out->items = sl_arena_alloc_zero(r->arena, (size_t)(n + 1) * sizeof *out->items);
    if (out->items == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *out->items, "partitions");
    }
    out->n = (int32_t)n;
    return SL_OK;
}

static sl_code get_place(pieces_reader *r, kafka_piece *piece, sl_error *err)
{
    uint64_t topic = sli_get_varint(&r->in), partition = sli_get_varint(&r->in),
             lane = sli_get_varint(&r->in);
    if (r->in.bad || topic >= r->n_topics || partition > INT32_MAX || lane > INT32_MAX) {
        return corrupt("a partition is damaged", err);
    }
    piece->topic = r->topics[topic];
    piece->partition = (int32_t)partition;
    piece->lane = (int32_t)lane;
    return SL_OK;
}

static sl_code get_last(pieces_reader *r, kafka_piece *piece, sl_error *err)
{
    uint64_t back = sli_get_varint(&r->in);
    piece->last = KAFKA_NO_MARK;
    if (back > (uint64_t)piece->to) {
        return corrupt("a last record is damaged", err);
    }
    if (back > 0) {
        piece->last.offset = piece->to - (int64_t)back;
        piece->last.time_us = sli_get_i64(&r->in);
    }
    return SL_OK;
}

static sl_code get_piece(pieces_reader *r, uint32_t magic, kafka_piece *piece, sl_error *err)
{
    SL_TRY(get_place(r, piece, err));
    uint64_t from = magic == RANGE ? sli_get_varint(&r->in) : 0;
    uint64_t records = magic == RANGE ? sli_get_varint(&r->in) : 0;
    uint64_t to = sli_get_varint(&r->in);
    if (r->in.bad || to > INT64_MAX || from > to || records > to - from) {
        return corrupt("offsets make no sense", err);
    }
    piece->from = magic == RANGE ? (int64_t)from : (int64_t)to;
    piece->to = (int64_t)to;
    piece->records = (int64_t)records;
    return get_last(r, piece, err);
}

static bool is_behind(const kafka_piece *a, const kafka_piece *b)
{
    int order = strcmp(a->topic, b->topic);
    return order < 0 || (order == 0 && a->partition < b->partition);
}

static sl_code get(sl_bytes bytes, uint32_t magic, sl_arena *arena, kafka_pieces *out,
                   sl_error *err)
{
    pieces_reader r = {.in = sli_reader_of(bytes), .arena = arena};
    *out = (kafka_pieces){0};
    if (bytes.size == 0) {
        return SL_OK;
    }
    if (sli_get_u32(&r.in) != magic || r.in.bad) {
        return corrupt("not what this source writes", err);
    }
    SL_TRY(get_topics(&r, err));
    SL_TRY(get_count(&r, out, err));
    for (int32_t i = 0; i < out->n; i++) {
        SL_TRY(get_piece(&r, magic, &out->items[i], err));
        if (i > 0 && !is_behind(&out->items[i - 1], &out->items[i])) {
            return corrupt("the partitions are not in order", err);
        }
    }
    if ((uint64_t)count_topics(out) != r.n_topics) {
        return corrupt("a topic has no partition", err);
    }
    return sli_reader_done(&r.in, "recorded offsets of Kafka", err);
}

sl_code kafka_range_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err)
{
    return get(bytes, RANGE, arena, out, err);
}

sl_code kafka_position_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err)
{
    return get(bytes, POSITION, arena, out, err);
}
