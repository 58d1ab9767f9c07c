// The fetching strand as a thread, beside a driver and tasks: a client made of numbers, which
// always has more, so that TSan sees all of them at work at once.
#include "source/kafka/fixture_test.h"

#include <stdio.h>

enum { LANES = 3, EPOCHS = 60, TASKS = 2, WIDTH = 8 };

// ---------------------------------------------------------------- a client

/// Record i of a partition is the number i, in WIDTH digits.
struct sli_kafka {
    int64_t next[LANES];
    bool is_fetched[LANES];
    int32_t turn;
    _Atomic bool woken;
    char digits[KAFKA_AT_ONCE][WIDTH + 8];
};

static sl_code counter_open(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err)
{
    (void)conf;
    *out = sl_alloc_zero(SLI_TAG_TEST, sizeof **out);
    return *out == NULL ? sl_error_nomem(err, sizeof **out, "a client") : SL_OK;
}

static void counter_close(sli_kafka *self)
{
    sl_free(self);
}

static sl_code counter_topics(sli_kafka *self, const char *topic, int64_t deadline_us,
                              sli_kafka_topic_fn each, void *ctx, sl_error *err)
{
    (void)self;
    (void)deadline_us;
    return each(ctx, topic, LANES, err);
}

static sl_code counter_offsets(sli_kafka *self, sli_kafka_when when, int64_t at_us,
                               sli_kafka_spot *spots, int32_t n, int64_t deadline_us, sl_error *err)
{
    (void)self;
    (void)at_us;
    (void)deadline_us;
    (void)err;
    for (int32_t i = 0; i < n; i++) {
        spots[i].offset = when == SLI_KAFKA_EARLIEST ? 0 : INT32_MAX;
    }
    return SL_OK;
}

static sl_code counter_fetch(sli_kafka *self, const sli_kafka_spot *from, int32_t lane,
                             sl_error *err)
{
    (void)err;
    self->next[lane] = from->offset;
    self->is_fetched[lane] = true;
    return SL_OK;
}

static void counter_drop(sli_kafka *self, int32_t lane)
{
    self->is_fetched[lane] = false;
}

static sl_code counter_poll(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                            int64_t deadline_us, sl_error *err)
{
    (void)deadline_us;
    (void)err;
    *got = 0;
    self->turn = (self->turn + 1) % LANES;
    n = self->is_fetched[self->turn] ? n / (1 + self->turn) : 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t offset = self->next[self->turn]++;
        (void)snprintf(self->digits[i], sizeof self->digits[i], "%08d", (int)(offset % 100000000));
        out[(*got)++] = (sli_kafka_record){.offset = offset,
                                           .timestamp_us = offset,
                                           .value = self->digits[i],
                                           .value_size = WIDTH,
                                           .lane = self->turn,
                                           .kind = SLI_KAFKA_RECORD};
    }
    return SL_OK;
}

static void counter_wake(sli_kafka *self)
{
    atomic_store(&self->woken, true);
}

static int64_t counter_high(const sli_kafka *self, int32_t lane)
{
    return self->next[lane] + 1000;
}

static void counter_release(sli_kafka *self, const sli_kafka_record *records, int32_t n)
{
    (void)self;
    (void)records;
    (void)n;
}

static const sli_kafka_ops counter = {.struct_size = sizeof(sli_kafka_ops),
                                      .open = counter_open,
                                      .close = counter_close,
                                      .topics = counter_topics,
                                      .offsets = counter_offsets,
                                      .fetch = counter_fetch,
                                      .drop = counter_drop,
                                      .poll = counter_poll,
                                      .wake = counter_wake,
                                      .high = counter_high,
                                      .release = counter_release};

// ---------------------------------------------------------------- tasks

/// One split after the other, on a strand of its own.
typedef struct task {
    sli_source *source;
    sl_bytes range;
    int32_t first; ///< of the splits it reads: this one and each TASKS-th after it
    int32_t n_splits;
    int64_t rows;
    int64_t before; ///< the number of the last row of the split
    bool disorder;
    sli_strand *strand;
    sli_signal *done;
} task;

static sl_code check_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    task *t = ctx;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++, t->rows++) {
        int64_t number = -1;
        sl_code rc = sli_scan_int64(sl_column_text(sl_batch_column(batch, 0), i), &number, NULL);
        bool follows = t->before < 0 || number == t->before + 1;
        t->disorder = t->disorder || rc != SL_OK || !follows;
        t->before = number;
    }
    return SL_OK;
}

static void read_splits(void *ctx)
{
    task *t = ctx;
    sli_decode_stats stats = {0};
    for (int32_t i = t->first; i < t->n_splits; i += TASKS) {
        t->before = -1;
        sl_code rc = t->source->ops->read(t->source, t->range, i, check_batch, t, &stats, NULL);
        t->disorder = t->disorder || rc != SL_OK;
    }
    sli_signal_set(t->done);
}

static void run_tasks(slt_place *p, task *tasks, sli_source *source)
{
    for (int32_t i = 0; i < TASKS; i++) {
        tasks[i].source = source;
        tasks[i].range = p->offer.range;
        tasks[i].n_splits = p->offer.n_splits;
        assert_true(sli_strand_post(tasks[i].strand, read_splits, &tasks[i]));
    }
    for (int32_t i = 0; i < TASKS; i++) {
        assert_int_equal(sli_signal_wait(tasks[i].done, SLI_FOREVER, NULL), SL_OK);
    }
}

SL_TEST(kafka_fetches_while_tasks_read, "")
{
    slt_place p;
    sli_source *source = NULL;
    task tasks[TASKS] = {0};
    int64_t offered = 0;
    slt_place_open(&p, false);
    for (int32_t i = 0; i < TASKS; i++) {
        tasks[i].first = i;
        tasks[i].strand = sli_strand_new(p.env, "task");
        tasks[i].done = sli_signal_new(p.env);
    }
    assert_int_equal(slt_open_url(&p, "kafka://here/t?start=earliest&ahead=64KiB", &source), SL_OK);
    ((kafka_source *)source)->inner = &counter;
    assert_int_equal(source->ops->restore(source, (sl_bytes){NULL, 0}, NULL), SL_OK);
    for (int32_t n = 0; n < EPOCHS;) {
        slt_offer(&p, source);
        offered += p.offer.rows;
        n += p.offer.rows > 0;
        run_tasks(&p, tasks, source);
    }
    for (int32_t i = 0; i < TASKS; i++) {
        sli_strand_free(tasks[i].strand);
        sli_signal_free(tasks[i].done);
        assert_false(tasks[i].disorder);
        offered -= tasks[i].rows;
    }
    assert_int_equal(offered, 0);
    sli_source_close(source);
    slt_place_close(&p);
}
