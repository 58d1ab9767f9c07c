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
}

void kafka_range_put(sli_str *out, const kafka_pieces *pieces)
{
    int32_t topic = 0;
    sli_put_u32(out, RANGE);
    put_topics(out, pieces);
    sli_put_varint(out, (uint64_t)pieces->n);
    for (int32_t i = 0; i < pieces->n; i++) {
        put_place(out, pieces, i, &topic);
        sli_put_i64(out, pieces->items[i].from);
        sli_put_i64(out, pieces->items[i].to);
        sli_put_varint(out, (uint64_t)pieces->items[i].records);
    }
}

void kafka_position_put(sli_str *out, const kafka_pieces *pieces)
{
    int32_t topic = 0;
    sli_put_u32(out, POSITION);
    put_topics(out, pieces);
    sli_put_varint(out, (uint64_t)pieces->n);
    for (int32_t i = 0; i < pieces->n; i++) {
        put_place(out, pieces, i, &topic);
        sli_put_i64(out, pieces->items[i].to);
        sli_put_i64(out, pieces->items[i].time_us);
    }
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

static sl_code get_pieces(pieces_reader *r, kafka_pieces *out, sl_error *err)
{
    uint64_t n = sli_get_varint(&r->in);
    if (r->in.bad || n > SLI_KAFKA_MAX_LANES || n > left(r)) {
        return corrupt("the number of partitions is damaged", err);
    }
    out->n = (int32_t)n;
    out->items = sl_arena_alloc_zero(r->arena, (size_t)(n + 1) * sizeof *out->items);
    return out->items == NULL ? sl_error_nomem(err, (size_t)n * sizeof *out->items, "partitions")
                              : SL_OK;
}

static sl_code get_place(pieces_reader *r, kafka_piece *piece, sl_error *err)
{
    uint64_t topic = sli_get_varint(&r->in), partition = sli_get_varint(&r->in);
    if (r->in.bad || topic >= r->n_topics || partition > INT32_MAX) {
        return corrupt("a partition is damaged", err);
    }
    piece->topic = r->topics[topic];
    piece->partition = (int32_t)partition;
    return SL_OK;
}

static bool is_behind(const kafka_piece *a, const kafka_piece *b)
{
    int order = strcmp(a->topic, b->topic);
    return order < 0 || (order == 0 && a->partition < b->partition);
}

static sl_code check_piece(const kafka_pieces *pieces, int32_t i, sl_error *err)
{
    const kafka_piece *piece = &pieces->items[i];
    if (piece->from < 0 || piece->to < piece->from || piece->records < 0 ||
        piece->records > piece->to - piece->from) {
        return corrupt("offsets make no sense", err);
    }
    return i == 0 || is_behind(&pieces->items[i - 1], piece)
               ? SL_OK
               : corrupt("the partitions are not in order", err);
}

static sl_code begin(pieces_reader *r, uint32_t magic, kafka_pieces *out, sl_error *err)
{
    if (sli_get_u32(&r->in) != magic || r->in.bad) {
        return corrupt("not what this source writes", err);
    }
    SL_TRY(get_topics(r, err));
    return get_pieces(r, out, err);
}

sl_code kafka_range_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err)
{
    pieces_reader r = {.in = sli_reader_of(bytes), .arena = arena};
    *out = (kafka_pieces){0};
    if (bytes.size == 0) {
        return SL_OK;
    }
    SL_TRY(begin(&r, RANGE, out, err));
    for (int32_t i = 0; i < out->n; i++) {
        kafka_piece *piece = &out->items[i];
        SL_TRY(get_place(&r, piece, err));
        piece->from = sli_get_i64(&r.in);
        piece->to = sli_get_i64(&r.in);
        piece->records = (int64_t)sli_get_varint(&r.in);
        SL_TRY(check_piece(out, i, err));
    }
    return sli_reader_done(&r.in, "recorded offsets of Kafka", err);
}

sl_code kafka_position_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err)
{
    pieces_reader r = {.in = sli_reader_of(bytes), .arena = arena};
    *out = (kafka_pieces){0};
    if (bytes.size == 0) {
        return SL_OK;
    }
    SL_TRY(begin(&r, POSITION, out, err));
    for (int32_t i = 0; i < out->n; i++) {
        kafka_piece *piece = &out->items[i];
        SL_TRY(get_place(&r, piece, err));
        piece->from = piece->to = sli_get_i64(&r.in);
        piece->time_us = sli_get_i64(&r.in);
        SL_TRY(check_piece(out, i, err));
    }
    return sli_reader_done(&r.in, "recorded offsets of Kafka", err);
}
