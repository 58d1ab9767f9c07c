/// table.c — offset ranges as a static table: what Spark's createRDD reads, without a stream.
///
/// `offer` asks the cluster what there is at that moment, and each range, or each partition where
/// none are named, is a split. Reading is that of ranges on record (again.c), by clients of their
/// own; no strand fetches ahead.
#include "source/kafka/kafka_int.h"
#include "source/static.h"

static sl_code table_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    static const char *const refused[] = {"start",    "offsets",  "group",   "otherwise",
                                          "max_rate", "min_rate", "refresh", NULL};
    SL_TRY(sli_static_refuse_letters(conf, err));
    return kafka_open_as(out, &sli_source_kafka_table, refused,
                         "of a stream: an RDD has the records of `ranges`, or without it all that "
                         "are there",
                         url, conf, env, err);
}

// ---------------------------------------------------------------- which partitions

/// Partitions that are wanted, as they are found.
typedef struct listing {
    const kafka_source *self;
    sl_arena *arena;
    kafka_pieces pieces;
    int32_t capacity;
} listing;

static sl_code add_piece(listing *l, const kafka_piece *piece, sl_error *err)
{
    if (l->pieces.n == SLI_KAFKA_MAX_LANES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d partitions", SLI_KAFKA_MAX_LANES);
    }
    if (l->pieces.n == l->capacity) {
        int32_t capacity = l->capacity == 0 ? 16 : l->capacity * 2;
        kafka_piece *more = sl_arena_alloc(l->arena, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "partitions");
        }
        if (l->pieces.n > 0) {
            memcpy(more, l->pieces.items, (size_t)l->pieces.n * sizeof *more);
        }
        l->pieces.items = more;
        l->capacity = capacity;
    }
    l->pieces.items[l->pieces.n++] = *piece;
    return SL_OK;
}

static sl_code add_topic(void *ctx, const char *topic, int32_t n_partitions, sl_error *err)
{
    listing *l = ctx;
    const kafka_wanted *wanted = &l->self->wanted;
    if (!kafka_wants_topic(wanted, topic)) {
        return SL_OK;
    }
    const char *copy = sl_arena_strdup(l->arena, topic);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(topic), "a topic");
    }
    for (int32_t i = 0; i < n_partitions; i++) {
        kafka_piece piece = {.topic = copy, .partition = i, .last = KAFKA_NO_MARK};
        SL_TRY(kafka_wants_partition(wanted, topic, i) ? add_piece(l, &piece, err) : SL_OK);
    }
    return SL_OK;
}

/// All partitions that are wanted, in order.
static sl_code list_partitions(listing *l, sl_error *err)
{
    const kafka_source *self = l->self;
    const kafka_wanted *wanted = &self->wanted;
    if (wanted->has_pattern) {
        return sli_kafka_gate.topics(self->client, NULL, kafka_ask_until(self), add_topic, l, err);
    }
    for (int32_t i = 0; i < wanted->n_topics; i++) {
        sl_code rc = sli_kafka_gate.topics(self->client, wanted->topics[i], kafka_ask_until(self),
                                           add_topic, l, err);
        SL_TRY(rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "topic %s", wanted->topics[i]));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- which offsets

static sl_code ask_offsets(const listing *l, sli_kafka_when when, sli_kafka_spot **out,
                           sl_error *err)
{
    const kafka_pieces *pieces = &l->pieces;
    size_t size = (size_t)(pieces->n + 1) * sizeof **out;
    sli_kafka_spot *spots = sl_arena_alloc(l->arena, size);
    if (spots == NULL) {
        return sl_error_nomem(err, size, "offsets of partitions");
    }
    for (int32_t i = 0; i < pieces->n; i++) {
        spots[i] = (sli_kafka_spot){pieces->items[i].topic, pieces->items[i].partition, 0};
    }
    *out = spots;
    return pieces->n == 0 ? SL_OK
                          : sli_kafka_gate.offsets(l->self->client, when, 0, spots, pieces->n,
                                                   kafka_ask_until(l->self), err);
}

/// A range that is named has to be there.
static sl_code fit_range(kafka_source *self, kafka_piece *piece, int64_t first, int64_t end,
                         sl_error *err)
{
    int64_t from = piece->from < first ? first : piece->from > end ? end : piece->from;
    int64_t to = piece->to > end ? end : piece->to < from ? from : piece->to;
    if (from != piece->from || to != piece->to) {
        SL_TRY(
            kafka_lost_tell(self, piece->to - piece->from - (to - from), err,
                            "%s partition %d has no offsets %lld to %lld: %lld to %lld are there",
                            piece->topic, (int)piece->partition, (long long)piece->from,
                            (long long)piece->to - 1, (long long)first, (long long)end - 1));
    }
    piece->from = from;
    piece->to = to;
    return SL_OK;
}

static sl_code find_offsets(kafka_source *self, listing *l, sl_error *err)
{
    sli_kafka_spot *first = NULL, *end = NULL;
    SL_TRY(ask_offsets(l, SLI_KAFKA_EARLIEST, &first, err));
    SL_TRY(ask_offsets(l, SLI_KAFKA_LATEST, &end, err));
    for (int32_t i = 0; i < l->pieces.n; i++) {
        kafka_piece *piece = &l->pieces.items[i];
        if (self->wanted.ranges.n > 0) {
            SL_TRY(fit_range(self, piece, first[i].offset, end[i].offset, err));
        } else {
            piece->from = first[i].offset;
            piece->to = end[i].offset > piece->from ? end[i].offset : piece->from;
        }
        piece->lane = i;
        piece->records = piece->to - piece->from;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the table

static sl_code table_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                           sl_error *err)
{
    kafka_source *self = (kafka_source *)source;
    const kafka_pieces *ranges = &self->wanted.ranges;
    listing l = {.self = self, .arena = arena};
    (void)ask;
    SL_TRY(self->client == NULL ? kafka_connect(self, err) : SL_OK);
    for (int32_t i = 0; i < ranges->n; i++) {
        SL_TRY(add_piece(&l, &ranges->items[i], err));
    }
    SL_TRY(ranges->n == 0 ? list_partitions(&l, err) : SL_OK);
    SL_TRY(find_offsets(self, &l, err));
    *out = (sli_offer){.n_splits = l.pieces.n, .rows = -1, .bytes = -1};
    return l.pieces.n == 0 ? SL_OK : kafka_range_make(&l.pieces, arena, &out->range, err);
}

const sli_source_ops sli_source_kafka_table = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "kafka",
    .text = "Offset ranges of a Kafka cluster, or all that is there now",
    .kind = SLI_SOURCE_REPLAYABLE,
    .options = kafka_options,
    .formatted = true,
    .open = table_open,
    .schema = sli_source_common_schema,
    .restore = sli_static_restore,
    .accept = sli_static_accept,
    .offer = table_offer,
    .position = sli_static_position,
    .splits = kafka_splits,
    .read = kafka_read,
    .describe = kafka_describe,
    .close = kafka_close,
};
