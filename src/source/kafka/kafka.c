/// kafka.c — topics as a stream: options, opening, and what the engine keeps of it.
///
/// A graph opens a source to know its schema, often and far from any cluster: so opening reads
/// settings only. `restore` loads the client. Where nothing is on record the fetching begins then,
/// so that the first epoch finds records; else with the first offer, when all ranges on record are
/// known.
#include "source/kafka/kafka_int.h"

const sl_option kafka_options[] = {
    SLI_KAFKA_OPTIONS,
    {.name = "pattern",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Read all topics whose whole name matches (POSIX extended regular expression), new "
             "ones too, instead of those in the path."},
    {.name = "partitions",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Read these partitions alone, as orders:0,orders:3, instead of the topics in the "
             "path."},
    {.name = "start",
     .type = SL_OPT_TEXT,
     .fallback = "latest",
     .flags = SL_OPT_RESULT,
     .text = "Where to begin without a checkpoint: latest, earliest, committed (by `group`), or a "
             "time as 2026-11-01T00:00:00Z: the first record at that time or later."},
    {.name = "offsets",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Where some partitions begin without a checkpoint, as orders:0=17,orders:1=5; the "
             "others as `start` says."},
    {.name = "ranges",
     .type = SL_OPT_TEXT,
     .text = "Of an RDD (sl_rdd_open) alone: what it reads, as orders:0=5..17,orders:1=0..100, the "
             "last offset of each left out; without it all that is there."},
    {.name = "group",
     .type = SL_OPT_TEXT,
     .text = "The consumer group whose offsets start=committed reads. Committed epochs note theirs "
             "in it, for tools that show lag: nothing else is read back from it."},
    {.name = "otherwise",
     .type = SL_OPT_CHOICE,
     .fallback = "latest",
     .choices = "latest|earliest",
     .flags = SL_OPT_RESULT,
     .text = "Where a partition begins of which the group has nothing on record."},
    {.name = "isolation",
     .type = SL_OPT_CHOICE,
     .fallback = "read_committed",
     .choices = "read_committed|read_uncommitted",
     .flags = SL_OPT_RESULT,
     .text = "Whether records of transactions that are open or were aborted are read too."},
    {.name = "columns",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Columns before those of the value: some of key, topic, partition, offset, timestamp, "
             "headers, separated by commas."},
    {.name = "fail_on_data_loss",
     .type = SL_OPT_BOOL,
     .fallback = "true",
     .text = "Stop the job when records are gone that were not read yet, a topic too; false: count "
             "them, say so in the log, and go on."},
    {.name = "max_rate",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .text = "Most records of a partition for each second of the batch interval; 0: no limit."},
    {.name = "min_rate",
     .type = SL_OPT_INT,
     .fallback = "1",
     .low = "1",
     .text =
         "Records of a partition for each second of the batch interval that backpressure always "
         "leaves."},
    {.name = "ahead",
     .type = SL_OPT_SIZE,
     .fallback = "16MiB",
     .low = "64KiB",
     .high = "1GiB",
     .text =
         "Bytes fetched ahead of the epochs, and as much again in the client; at most a quarter of "
         "the job's memory, and reserved in it. It grows up to that while epochs in time take all "
         "of it and the cluster has more."},
    {.name = "refresh",
     .type = SL_OPT_DURATION,
     .fallback = "30s",
     .low = "10ms",
     .high = "1d",
     .text = "How often the cluster is asked for new topics and partitions."},
    {.name = "poll_timeout",
     .type = SL_OPT_DURATION,
     .fallback = "2m",
     .low = "10ms",
     .high = "1d",
     .text =
         "How long a task waits for records that an epoch on record has taken; then it is tried "
         "again."},
    {0},
};

const sli_metric_info sli_kafka_metrics[] = {
    [KAFKA_LOST] = {"sluice_kafka_lost_total", SLI_COUNTER, "source", "offsets",
                    "Offsets of Kafka that were gone before they were read; there need not have "
                    "been a record at "
                    "each."},
    [KAFKA_LAG] =
        {"sluice_kafka_lag_records", SLI_GAUGE, "source,topic,partition", "records",
         "Records of a partition that no epoch has taken, by offsets: fewer where there are gaps."},
    {0},
};

static kafka_source *self_of(sli_source *source)
{
    return (kafka_source *)source;
}

// ---------------------------------------------------------------- opening

void kafka_close(sli_source *source)
{
    kafka_source *self = self_of(source);
    kafka_fetch_end(self);
    kafka_spares_close(self);
    sli_kafka_gate.close(self->client);
    sli_kafka_settings_free(self->settings);
    sli_signal_free(self->room);
    kafka_lanes_reset(&self->lanes);
    sl_free(self->by_id);
    sl_free(self->touched);
    sl_free(self->polled);
    sli_mutex_reset(&self->mutex);
    kafka_wanted_reset(&self->wanted);
    sl_arena_free(self->arena);
    sli_source_common_free(&self->common);
}

static void read_options(kafka_source *self, const sl_conf *conf)
{
    const sli_format_ops *format = self->common.format;
    self->ahead_bytes = kafka_ahead_first(self, sl_conf_int64(conf, "ahead"));
    self->refresh_us = sl_conf_int64(conf, "refresh");
    self->poll_timeout_us = sl_conf_int64(conf, "poll_timeout");
    self->min_rate = sl_conf_int64(conf, "min_rate");
    self->max_rate = sl_conf_int64(conf, "max_rate");
    self->stops_at_loss = sl_conf_bool(conf, "fail_on_data_loss");
    self->uncommitted = sl_conf_choice(conf, "isolation") == 1;
    self->scans_lines = format->lines && format != &sli_format_text; // text takes a value as it is
}

/// The columns beside the value's, whose format has to read single values.
static sl_code widen_schema(kafka_source *self, const sl_conf *conf, sl_error *err)
{
    sl_schema *whole = NULL;
    SL_TRY(sli_values_check(self->common.format, conf, err));
    SL_TRY(kafka_rows_schema(conf, self->common.schema, &whole, &self->wants, err));
    sl_schema_unref(self->common.schema);
    self->common.schema = whole;
    return SL_OK;
}

/// The settings, with their secrets, are made when the client is opened.
static sl_code keep_host(kafka_source *self, const sli_url *url, sl_error *err)
{
    self->url = (sli_url){.port = url->port};
    if (url->host.size > 0) {
        self->url.host.data = sl_arena_copy(self->arena, url->host.data, url->host.size);
        self->url.host.size = url->host.size;
        if (self->url.host.data == NULL) {
            return sl_error_nomem(err, url->host.size, "a host");
        }
    }
    return SL_OK;
}

static sl_code refuse_options(const sl_conf *conf, const char *const *refused, const char *why,
                              sl_error *err)
{
    for (; *refused != NULL; refused++) {
        if (sl_conf_is_set(conf, *refused)) {
            return sl_error_set(err, SL_E_CONFIG, "option %s is %s", *refused, why);
        }
    }
    return SL_OK;
}

sl_code kafka_open_as(sli_source **out, const sli_source_ops *ops, const char *const *refused,
                      const char *why, const sli_url *url, const sl_conf *conf,
                      const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(refuse_options(conf, refused, why, err));
    SL_TRY(sli_source_alloc(&common, sizeof(kafka_source), ops, conf, env, NULL, err));
    kafka_source *self = (kafka_source *)common;
    sli_mutex_init(&self->mutex, SLI_RANK_FETCHED);
    read_options(self, conf);
    self->arena = sl_arena_new(SLI_TAG_SOURCE);
    sl_code rc = self->arena == NULL ? sl_error_nomem(err, 0, "a source") : SL_OK;
    rc = rc == SL_OK ? kafka_wanted_read(&self->wanted, url, conf, self->arena, err) : rc;
    rc = rc == SL_OK ? widen_schema(self, conf, err) : rc;
    rc = rc == SL_OK ? keep_host(self, url, err) : rc;
    if (rc != SL_OK) {
        kafka_close(&common->base);
        return rc;
    }
    if (env->metrics != NULL) {
        self->lost = sli_metrics_series(env->metrics, &sli_kafka_metrics[KAFKA_LOST], env->uid);
    }
    *out = &common->base;
    return SL_OK;
}

static sl_code kafka_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    static const char *const refused[] = {"ranges", NULL};
    return kafka_open_as(out, &sli_source_kafka, refused,
                         "of an RDD (sl_rdd_open): a stream has no end; `offsets` says where its "
                         "partitions begin",
                         url, conf, env, err);
}

sl_code kafka_client_open(kafka_source *self, sli_kafka **out, sl_error *err)
{
    sli_kafka_conf conf = sli_kafka_conf_of(self->settings);
    conf.inner = self->inner;
    conf.ahead_bytes = self->ahead_bytes;
    conf.read_uncommitted = self->uncommitted;
    return sli_kafka_gate.open(out, &conf, err);
}

sl_code kafka_connect(kafka_source *self, sl_error *err)
{
    const sli_source_common *common = &self->common;
    sl_env *env = common->env.env;
    SL_TRY(sli_kafka_settings_new(&self->settings, &self->url, common->conf, env, err));
    if (self->inner == NULL) { // else a test has brought its own
        SL_TRY(sli_kafka_load(&self->inner, self->settings, common->env.modules, err));
    }
    return kafka_client_open(self, &self->client, err);
}

/// The client, and what fetching needs.
static sl_code connect(kafka_source *self, sl_error *err)
{
    self->room = sli_signal_new(self->common.env.env);
    self->polled = sl_alloc(SLI_TAG_SOURCE, KAFKA_AT_ONCE * sizeof *self->polled);
    if (self->room == NULL || self->polled == NULL) {
        return sl_error_nomem(err, KAFKA_AT_ONCE * sizeof *self->polled, "fetching from Kafka");
    }
    return kafka_connect(self, err);
}

// ---------------------------------------------------------------- positions

/// The lane goes on behind this piece.
static sl_code set_lane(kafka_source *self, const kafka_piece *piece, sl_error *err)
{
    kafka_lane *lane = kafka_lanes_find(&self->lanes, piece->topic, piece->partition);
    if (lane == NULL) {
        lane = kafka_lane_new(piece->topic, piece->partition, piece->to);
        if (lane == NULL) {
            return sl_error_nomem(err, sizeof *lane, "a partition");
        }
        SL_TRY(kafka_lanes_add(&self->lanes, lane, err));
    }
    lane->number = piece->lane;
    lane->next = lane->position = lane->kept = lane->reached = piece->to;
    lane->last = lane->before = piece->last;
    if (piece->lane >= self->n_numbers) {
        self->n_numbers = piece->lane + 1;
    }
    return SL_OK;
}

typedef sl_code (*get_fn)(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);

static sl_code set_lanes(kafka_source *self, sl_bytes bytes, get_fn get, sl_error *err)
{
    kafka_pieces pieces = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a position");
    }
    sl_code rc = get(bytes, arena, &pieces, err);
    for (int32_t i = 0; rc == SL_OK && i < pieces.n; i++) {
        rc = set_lane(self, &pieces.items[i], err);
    }
    self->is_named = self->is_named || pieces.n > 0;
    sl_arena_free(arena);
    return rc;
}

static sl_code kafka_restore(sli_source *source, sl_bytes position, sl_error *err)
{
    kafka_source *self = self_of(source);
    SL_TRY(set_lanes(self, position, kafka_position_get, err));
    SL_TRY(connect(self, err));
    self->is_fresh = !self->is_named;
    return self->is_fresh ? kafka_fetch_begin(self, err) : SL_OK;
}

static sl_code kafka_accept(sli_source *source, sl_bytes range, sl_error *err)
{
    kafka_source *self = self_of(source);
    kafka_fetch_end(self); // it was not the first life after all
    SL_TRY(set_lanes(self, range, kafka_range_get, err));
    self->is_fresh = !self->is_named;
    return SL_OK;
}

/// Behind what was taken there may be holes alone: they need not be kept by the cluster.
static kafka_piece place_of(kafka_lane *lane)
{
    if (lane->n_ahead == 0 && !lane->is_over) {
        lane->next = lane->reached;
    }
    return (kafka_piece){.topic = lane->topic,
                         .partition = lane->partition,
                         .lane = lane->number,
                         .from = lane->next,
                         .to = lane->next,
                         .last = lane->last};
}

static sl_code kafka_position(sli_source *source, sli_str *out, sl_error *err)
{
    kafka_source *self = self_of(source);
    kafka_pieces pieces = {0};
    sli_mutex_lock(&self->mutex);
    pieces.items = sl_alloc(SLI_TAG_SOURCE, (size_t)self->lanes.n * sizeof *pieces.items);
    for (int32_t i = 0; pieces.items != NULL && self->is_named && i < self->lanes.n; i++) {
        kafka_lane *lane = self->lanes.items[i];
        if (lane->is_there || !self->is_known) {
            pieces.items[pieces.n++] = place_of(lane);
        }
    }
    if (pieces.n > 0) {
        kafka_position_put(out, &pieces);
    }
    sli_mutex_unlock(&self->mutex);
    bool failed = pieces.items == NULL;
    sl_free(pieces.items);
    return failed ? sl_error_nomem(err, 0, "a position") : sli_str_check(out, "a position", err);
}

// ---------------------------------------------------------------- ranges

static sl_code get_range(sl_bytes range, sl_arena **arena, kafka_pieces *out, sl_error *err)
{
    *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (*arena == NULL) {
        return sl_error_nomem(err, 0, "a range");
    }
    sl_code rc = kafka_range_get(range, *arena, out, err);
    if (rc != SL_OK) {
        sl_arena_free(*arena);
    }
    return rc;
}

sl_code kafka_splits(sli_source *source, sl_bytes range, int32_t *out, sl_error *err)
{
    kafka_pieces pieces = {0};
    sl_arena *arena = NULL;
    (void)source;
    SL_TRY(get_range(range, &arena, &pieces, err));
    sl_arena_free(arena);
    *out = pieces.n;
    return SL_OK;
}

static int32_t kafka_lane_of(sli_source *source, sl_bytes range, int32_t split)
{
    kafka_pieces pieces = {0};
    sl_arena *arena = NULL;
    (void)source;
    if (get_range(range, &arena, &pieces, NULL) != SL_OK) {
        return 0;
    }
    int32_t lane = split >= 0 && split < pieces.n ? pieces.items[split].lane : 0;
    sl_arena_free(arena);
    return lane;
}

/// As Spark: {"orders":{"0":17,"1":5}}
static void put_offsets(sli_str *out, const kafka_pieces *pieces, bool ends)
{
    sli_str_char(out, '{');
    for (int32_t i = 0; i < pieces->n; i++) {
        const kafka_piece *piece = &pieces->items[i];
        bool first = i == 0 || strcmp(pieces->items[i - 1].topic, piece->topic) != 0;
        if (first) {
            sli_str_text(out, i == 0 ? "" : "},");
            sli_str_json(out, piece->topic, strlen(piece->topic));
            sli_str_text(out, ":{");
        }
        sli_str_printf(out, "%s\"%d\":%lld", first ? "" : ",", (int)piece->partition,
                       (long long)(ends ? piece->to : piece->from));
    }
    sli_str_text(out, pieces->n > 0 ? "}}" : "}");
}

void kafka_describe(sli_source *source, sl_bytes range, sli_str *start, sli_str *end)
{
    kafka_pieces pieces = {0};
    sl_arena *arena = NULL;
    (void)source;
    if (range.size == 0 || get_range(range, &arena, &pieces, NULL) != SL_OK) {
        sli_str_text(start, "null");
        sli_str_text(end, "null");
        return;
    }
    put_offsets(start, &pieces, false);
    put_offsets(end, &pieces, true);
    sl_arena_free(arena);
}

const sli_source_ops sli_source_kafka = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "kafka",
    .text = "Topics of a Kafka cluster: kafka://localhost:9092/orders?start=earliest",
    .kind = SLI_SOURCE_REPLAYABLE,
    .options = kafka_options,
    .formatted = true,
    .open = kafka_open,
    .schema = sli_source_common_schema,
    .restore = kafka_restore,
    .accept = kafka_accept,
    .offer = kafka_offer,
    .position = kafka_position,
    .splits = kafka_splits,
    .read = kafka_read,
    .forget = kafka_forget,
    .describe = kafka_describe,
    .lane = kafka_lane_of,
    .records = kafka_records,
    .close = kafka_close,
    .paced = true,
};
