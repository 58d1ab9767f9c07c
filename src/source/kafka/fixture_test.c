#include "source/kafka/fixture_test.h"

enum { PATIENCE = 20 }; // epochs of a second until what was put must have come

void slt_feed_open(slt_feed *f, uint64_t seed)
{
    slt_place_open_sim(&f->p, seed);
    f->cluster = sli_kafka_cluster_new(f->p.world);
    assert_non_null(f->cluster);
}

void slt_feed_close(slt_feed *f)
{
    sli_log_free(f->p.log);
    sli_metrics_free(f->p.metrics);
    sl_arena_free(f->p.arena);
    sli_env_free(f->p.env);
    sli_kafka_cluster_free(f->cluster);
    sli_world_free(f->p.world);
    sli_str_reset(&f->p.told);
}

void slt_feed_make(slt_feed *f, const char *topic, int32_t n_partitions)
{
    assert_int_equal(sli_kafka_cluster_make(f->cluster, topic, n_partitions, NULL), SL_OK);
}

/// The next word; false: there is none.
static bool next_word(const char **words, sl_text *out)
{
    *words += strspn(*words, " ");
    *out = (sl_text){*words, strcspn(*words, " ")};
    *words += out->size;
    return out->size > 0;
}

static sli_kafka_message message_of(slt_feed *f, const char *topic, int32_t partition, sl_text word)
{
    return (sli_kafka_message){.topic = topic,
                               .partition = partition,
                               .timestamp_us = sli_env_wall_us(f->p.env) / 1000 * 1000,
                               .value = word.data,
                               .value_size = (uint32_t)word.size};
}

void slt_feed_put(slt_feed *f, const char *topic, int32_t partition, const char *words)
{
    sl_text word;
    while (next_word(&words, &word)) {
        sli_kafka_message m = message_of(f, topic, partition, word);
        assert_int_equal(sli_kafka_cluster_put(f->cluster, &m, NULL), SL_OK);
    }
}

void slt_feed_write(slt_feed *f, const char *topic, int32_t partition, const char *words,
                    bool commit)
{
    const sli_kafka_ops *ops = &sli_kafka_simulated;
    sli_kafka_setting broker = {"bootstrap.servers", "sim:9092", false};
    sli_kafka_conf conf = {.struct_size = sizeof conf,
                           .settings = &broker,
                           .n_settings = 1,
                           .env = f->p.env,
                           .mono_us = sli_env_mono_us,
                           .transactional_id = "writer",
                           .transaction_us = 60000000};
    sli_kafka_producer *producer = NULL;
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sl_text word;
    assert_int_equal(ops->producer_open(&producer, &conf, SLI_FOREVER, NULL), SL_OK);
    while (next_word(&words, &word)) {
        sli_kafka_message m = message_of(f, topic, partition, word);
        assert_int_equal(ops->send(producer, &m, 1, SLI_FOREVER, NULL), SL_OK);
    }
    if (commit) {
        assert_int_equal(ops->commit(producer, SLI_FOREVER, &outcome, NULL), SL_OK);
        assert_int_equal(outcome, SLI_KAFKA_COMMITTED);
    } else {
        slt_pass(&f->p, 1000000); // so that the cluster has them
        assert_int_equal(ops->abort(producer, SLI_FOREVER, NULL), SL_OK);
    }
    ops->producer_close(producer);
}

static const char *url_of(slt_feed *f, const char *rest)
{
    return sl_arena_printf(f->p.arena, "kafka://sim:9092/%s", rest);
}

sli_source *slt_feed_source_at(slt_feed *f, const char *rest, sl_bytes position)
{
    return slt_open(&f->p, url_of(f, rest), position);
}

sli_source *slt_feed_source(slt_feed *f, const char *rest)
{
    return slt_feed_source_at(f, rest, (sl_bytes){NULL, 0});
}

void slt_feed_refused(slt_feed *f, const char *rest)
{
    sli_source *source = NULL;
    assert_int_equal(slt_open_url(&f->p, url_of(f, rest), &source), SL_E_CONFIG);
    assert_null(source);
}

const char *slt_feed_take(slt_feed *f, sli_source *source)
{
    for (int i = 0; i < PATIENCE; i++) {
        const char *rows = slt_take(&f->p, source);
        if (*rows != '\0') {
            return rows;
        }
    }
    fail_msg("no rows in %d epochs", PATIENCE);
    return NULL;
}

void slt_feed_none(slt_feed *f, sli_source *source)
{
    for (int i = 0; i < 3; i++) {
        SL_CHECK_TEXT(slt_take(&f->p, source), "");
    }
}

void slt_feed_fails(slt_feed *f, sli_source *source)
{
    sl_code rc = SL_OK;
    for (int i = 0; i < PATIENCE && rc == SL_OK; i++) {
        sli_ask ask = {.epoch = ++f->p.epoch,
                       .batch_time_us = sli_env_wall_us(f->p.env),
                       .max_rows = INT64_MAX};
        f->p.err = SL_ERROR_INIT;
        slt_pass(&f->p, 1000000);
        rc = source->ops->offer(source, &ask, f->p.arena, &f->p.offer, &f->p.err);
    }
    assert_int_not_equal(rc, SL_OK);
    assert_int_equal(sl_error_action(&f->p.err), SL_ACT_STOP_JOB);
}

const char *slt_feed_offsets(slt_feed *f, sli_source *source)
{
    sli_str start = SLI_STR_INIT, end = SLI_STR_INIT;
    source->ops->describe(source, f->p.offer.range, &start, &end);
    const char *text = sl_arena_printf(f->p.arena, "%s -> %s", start.data, end.data);
    sli_str_reset(&start);
    sli_str_reset(&end);
    return text;
}

int64_t slt_feed_lost(slt_feed *f)
{
    return sli_metric_value(sli_metrics_series(f->p.metrics, &sli_kafka_metrics[KAFKA_LOST], "in"));
}

bool slt_feed_told(const slt_feed *f, const char *text)
{
    return f->p.told.data != NULL && strstr(f->p.told.data, text) != NULL;
}
