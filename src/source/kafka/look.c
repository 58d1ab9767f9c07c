/// look.c — which partitions there are, asked of the cluster at the start and every `refresh`.
///
/// Everything here runs on the fetching strand. A partition that is seen for the first time gets a
/// lane, where it begins is asked before; one that is not there any more is lost (lost.c).
#include "source/kafka/kafka_int.h"

enum { SOON_US = 1000000 }; // between two looks of which the first one met something in the making

/// A topic that the cluster has and the URL asks for.
typedef struct seen_topic {
    const char *name;
    int32_t n_partitions;
} seen_topic;

/// A partition that is to get a lane.
typedef struct newcomer {
    sli_kafka_spot spot; ///< offset -1: not known yet
    kafka_lane *before;  ///< what it was before its topic was made anew; NULL
} newcomer;

typedef struct looking {
    kafka_source *self;
    sl_arena *arena;
    seen_topic *topics; ///< in byte order of names
    int32_t n_topics, topics_capacity;
    newcomer *newcomers;
    int32_t n_newcomers, newcomers_capacity;
} looking;

/// Room for one more item of an array in the arena.
static sl_code make_room(sl_arena *arena, void **items, int32_t n, int32_t *capacity, size_t size,
                         sl_error *err)
{
    if (n < *capacity) {
        return SL_OK;
    }
    int32_t more = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = sl_arena_alloc(arena, (size_t)more * size);
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)more * size, "partitions of a cluster");
    }
    if (n > 0) {
        memcpy(grown, *items, (size_t)n * size);
    }
    *items = grown;
    *capacity = more;
    return SL_OK;
}

// ---------------------------------------------------------------- topics

static sl_code note_topic(void *ctx, const char *name, int32_t n_partitions, sl_error *err)
{
    looking *l = ctx;
    if (!kafka_wants_topic(&l->self->wanted, name)) {
        return SL_OK;
    }
    void *topics = l->topics;
    SL_TRY(make_room(l->arena, &topics, l->n_topics, &l->topics_capacity, sizeof *l->topics, err));
    l->topics = topics;
    const char *copy = sl_arena_strdup(l->arena, name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name), "a topic");
    }
    l->topics[l->n_topics++] = (seen_topic){copy, n_partitions};
    return SL_OK;
}

/// A topic that is named and not there: it may come yet, if nobody minds. One that was there is
/// told of with its lanes.
static sl_code miss_topic(looking *l, const char *name, sl_error *err)
{
    kafka_source *self = l->self;
    if (self->is_known) {
        return SL_OK;
    }
    return kafka_lost_tell(self, 0, err, "topic %s is not there", name);
}

static sl_code ask_topics(looking *l, sl_error *err)
{
    kafka_source *self = l->self;
    const kafka_wanted *wanted = &self->wanted;
    if (wanted->has_pattern) {
        return sli_kafka_gate.topics(self->client, NULL, kafka_ask_until(self), note_topic, l, err);
    }
    for (int32_t i = 0; i < wanted->n_topics; i++) {
        const char *topic = wanted->topics[i];
        sl_code rc =
            sli_kafka_gate.topics(self->client, topic, kafka_ask_until(self), note_topic, l, err);
        SL_TRY(rc == SL_E_NOT_FOUND ? miss_topic(l, topic, err) : rc);
    }
    return SL_OK;
}

static int32_t partitions_of(const looking *l, const char *topic)
{
    for (int32_t i = 0; i < l->n_topics; i++) {
        if (strcmp(l->topics[i].name, topic) == 0) {
            return l->topics[i].n_partitions;
        }
    }
    return 0;
}

// ---------------------------------------------------------------- partitions

static sl_code add_newcomer(looking *l, const char *topic, int32_t partition, kafka_lane *before,
                            sl_error *err)
{
    void *items = l->newcomers;
    SL_TRY(make_room(l->arena, &items, l->n_newcomers, &l->newcomers_capacity, sizeof *l->newcomers,
                     err));
    l->newcomers = items;
    l->newcomers[l->n_newcomers++] = (newcomer){{topic, partition, -1}, before};
    return SL_OK;
}

/// A lane of a position, whose partition is there.
static sl_code welcome(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    SL_TRY(kafka_fetch_add(self, lane, err));
    sli_mutex_lock(&self->mutex);
    lane->is_there = true;
    sli_mutex_unlock(&self->mutex);
    return SL_OK;
}

static sl_code see_partition(looking *l, const char *topic, int32_t partition, sl_error *err)
{
    kafka_source *self = l->self;
    if (!kafka_wants_partition(&self->wanted, topic, partition)) {
        return SL_OK;
    }
    sli_mutex_lock(&self->mutex);
    kafka_lane *lane = kafka_lanes_find(&self->lanes, topic, partition);
    bool is_over = lane != NULL && lane->is_over && lane->heir == NULL;
    sli_mutex_unlock(&self->mutex);
    if (lane == NULL || is_over) {
        return add_newcomer(l, topic, partition, lane, err);
    }
    return lane->state == KAFKA_UNSEEN ? welcome(self, lane, err) : SL_OK;
}

static sl_code see_partitions(looking *l, sl_error *err)
{
    for (int32_t i = 0; i < l->n_topics; i++) {
        for (int32_t p = 0; p < l->topics[i].n_partitions; p++) {
            SL_TRY(see_partition(l, l->topics[i].name, p, err));
        }
    }
    return SL_OK;
}

static kafka_lane *lane_at(kafka_source *self, int32_t i)
{
    sli_mutex_lock(&self->mutex);
    kafka_lane *lane = i < self->lanes.n ? self->lanes.items[i] : NULL;
    lane = lane != NULL && lane->is_over ? lane->heir : lane;
    sli_mutex_unlock(&self->mutex);
    return lane;
}

/// Lanes whose partitions are not there, and those of a position that nobody asks for any more.
static sl_code miss_partitions(looking *l, sl_error *err)
{
    kafka_source *self = l->self;
    for (int32_t i = 0; i < self->lanes.n; i++) { // the strand alone adds lanes
        kafka_lane *lane = lane_at(self, i);
        if (lane == NULL || lane->partition < partitions_of(l, lane->topic)) {
            continue;
        }
        if (kafka_wants_topic(&self->wanted, lane->topic)) {
            SL_TRY(kafka_lost_gone(self, lane, err));
        } else if (!self->is_known) {
            SLI_LOG(self->common.env.log, SLI_WARN, "source",
                    "kafka: %s partition %d is not asked for any more: its position is given up",
                    lane->topic, (int)lane->partition);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- where newcomers begin

/// Those whose place is not known yet. `which` gets their numbers.
static sl_code unplaced(const looking *l, sli_kafka_spot **spots, int32_t **which, int32_t *n,
                        sl_error *err)
{
    size_t most = (size_t)l->n_newcomers + 1;
    *spots = sl_arena_alloc(l->arena, most * sizeof **spots);
    *which = sl_arena_alloc(l->arena, most * sizeof **which);
    *n = 0;
    if (*spots == NULL || *which == NULL) {
        return sl_error_nomem(err, most * sizeof **spots, "offsets of partitions");
    }
    for (int32_t i = 0; i < l->n_newcomers; i++) {
        if (l->newcomers[i].spot.offset < 0) {
            (*spots)[*n] = l->newcomers[i].spot;
            (*which)[(*n)++] = i;
        }
    }
    return SL_OK;
}

static sl_code place_by(looking *l, sli_kafka_when when, int64_t at_us, sl_error *err)
{
    kafka_source *self = l->self;
    sli_kafka_spot *spots = NULL;
    int32_t *which = NULL, n = 0;
    SL_TRY(unplaced(l, &spots, &which, &n, err));
    if (n == 0) {
        return SL_OK;
    }
    SL_TRY(sli_kafka_gate.offsets(self->client, when, at_us, spots, n, kafka_ask_until(self), err));
    for (int32_t i = 0; i < n; i++) {
        l->newcomers[which[i]].spot.offset = spots[i].offset;
    }
    return SL_OK;
}

/// By what the group has on record; without it, as `otherwise` says.
static sl_code place_by_group(looking *l, sl_error *err)
{
    kafka_source *self = l->self;
    sli_kafka_spot *spots = NULL;
    int32_t *which = NULL, n = 0;
    SL_TRY(unplaced(l, &spots, &which, &n, err));
    sli_kafka_mark *marks = sl_arena_alloc(l->arena, (size_t)(n + 1) * sizeof *marks);
    if (marks == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *marks, "offsets of a group");
    }
    SL_TRY(sli_kafka_gate.marked(self->client, self->wanted.group, spots, n, marks,
                                 kafka_ask_until(self), err));
    for (int32_t i = 0; i < n; i++) {
        l->newcomers[which[i]].spot.offset = marks[i].offset; // -1: none, as it was
    }
    return place_by(l, self->wanted.otherwise_earliest ? SLI_KAFKA_EARLIEST : SLI_KAFKA_LATEST, 0,
                    err);
}

static sl_code place_by_start(looking *l, sl_error *err)
{
    switch (l->self->wanted.begin) {
    case KAFKA_BEGIN_LATEST:
        return place_by(l, SLI_KAFKA_LATEST, 0, err);
    case KAFKA_BEGIN_EARLIEST:
        return place_by(l, SLI_KAFKA_EARLIEST, 0, err);
    case KAFKA_BEGIN_COMMITTED:
        return place_by_group(l, err);
    case KAFKA_BEGIN_AT:
        break;
    }
    return place_by(l, SLI_KAFKA_AT, l->self->wanted.begin_us, err);
}

static sl_code place_newcomers(looking *l, sl_error *err)
{
    for (int32_t i = 0; i < l->n_newcomers; i++) {
        newcomer *new = &l->newcomers[i];
        const kafka_piece *named =
            kafka_pieces_find(&l->self->wanted.offsets, new->spot.topic, new->spot.partition);
        if (named != NULL && new->before == NULL) {
            new->spot.offset = named->to;
        }
    }
    return l->self->is_fresh && !l->self->is_known ? place_by_start(l, err)
                                                   : place_by(l, SLI_KAFKA_EARLIEST, 0, err);
}

static sl_code add_lane(kafka_source *self, const newcomer *new, sl_error *err)
{
    sl_code rc = SL_OK;
    kafka_lane *lane = kafka_lane_new(new->spot.topic, new->spot.partition, new->spot.offset);
    if (lane == NULL) {
        return sl_error_nomem(err, sizeof *lane, "a partition");
    }
    lane->is_there = true;
    sli_mutex_lock(&self->mutex);
    if (new->before != NULL) {
        lane->number = new->before->number;
        new->before->heir = lane;
    } else {
        lane->number = self->n_numbers++;
        rc = kafka_lanes_add(&self->lanes, lane, err);
    }
    sli_mutex_unlock(&self->mutex);
    return rc == SL_OK ? kafka_fetch_add(self, lane, err) : rc;
}

static sl_code look(looking *l, sl_error *err)
{
    kafka_source *self = l->self;
    SL_TRY(ask_topics(l, err));
    SL_TRY(see_partitions(l, err));
    SL_TRY(miss_partitions(l, err));
    sl_code rc = place_newcomers(l, err);
    if (rc == SL_E_NOT_FOUND) { // it went away meanwhile: the next look says so
        self->look_us = sli_env_mono_us(self->common.env.env) + SOON_US;
        return SL_OK;
    }
    SL_TRY(rc);
    for (int32_t i = 0; i < l->n_newcomers; i++) {
        SL_TRY(add_lane(self, &l->newcomers[i], err));
    }
    sli_mutex_lock(&self->mutex);
    self->is_known = true;
    sli_mutex_unlock(&self->mutex);
    self->look_us = sli_env_mono_us(self->common.env.env) + self->refresh_us;
    return SL_OK;
}

sl_code kafka_look(kafka_source *self, sl_error *err)
{
    looking l = {.self = self, .arena = sl_arena_new(SLI_TAG_SOURCE)};
    if (l.arena == NULL) {
        return sl_error_nomem(err, 0, "what a cluster has");
    }
    sl_code rc = look(&l, err);
    sl_arena_free(l.arena);
    return rc;
}
