// How much an epoch may take from replayable sources: those that are paced have a rate, each its
// own.
#include "ingest/ingest.h"

#include "sl_test.h"

static const sl_schema *no_schema(const sli_source *self)
{
    (void)self;
    return NULL;
}
static void free_source(sli_source *self)
{
    sl_free(self);
}
static const sli_source_ops paced_ops = {.struct_size = sizeof(sli_source_ops),
                                         .scheme = "paced",
                                         .kind = SLI_SOURCE_REPLAYABLE,
                                         .schema = no_schema,
                                         .close = free_source,
                                         .paced = true};
static const sli_source_ops free_ops = {.struct_size = sizeof(sli_source_ops),
                                        .scheme = "free",
                                        .kind = SLI_SOURCE_REPLAYABLE,
                                        .schema = no_schema,
                                        .close = free_source};

typedef struct setup {
    sl_conf *conf;
    sli_budget *budget;
    sli_ingest *ingest;
    sli_source *a, *b, *other; ///< two paced ones, one that is not
} setup;

static sli_source *add_source(sli_ingest *ingest, const sli_source_ops *ops)
{
    sli_source *source = sl_alloc_zero(SLI_TAG_TEST, sizeof *source), *out = NULL;
    source->ops = ops;
    assert_int_equal(sli_ingest_add(ingest, source, ops->scheme, &out, NULL), SL_OK);
    return out;
}

static setup begin(const char *settings)
{
    setup s = {0};
    const sl_option *tables[] = {sli_ingest_options, NULL};
    assert_int_equal(sl_conf_new(&s.conf, "job", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(s.conf, settings, NULL), SL_OK);
    s.budget = sli_budget_new(1 << 20);
    sli_ingest_env env = {.budget = s.budget, .interval_us = 1000000};
    assert_int_equal(sli_ingest_new(&s.ingest, &env, s.conf, NULL), SL_OK);
    s.a = add_source(s.ingest, &paced_ops);
    s.b = add_source(s.ingest, &paced_ops);
    s.other = add_source(s.ingest, &free_ops);
    return s;
}

static void end(setup *s)
{
    sli_ingest_free(s->ingest);
    sli_budget_free(s->budget);
    sl_conf_free(s->conf);
}

static int64_t limit(const setup *s, const sli_source *source)
{
    return sli_ingest_limit(s->ingest, source, 1000000);
}

SL_TEST(a_paced_source_is_limited_from_its_first_epoch_on, "BOUNDED-1")
{
    setup s = begin("backpressure=true backpressure.initial_rate=50 receiver.max_rate=10");
    assert_int_equal(limit(&s, s.a), 50); // receiver.max_rate is of receivers
    assert_int_equal(sli_ingest_limit(s.ingest, s.a, 100000), 5);
    assert_int_equal(sli_ingest_limit(s.ingest, s.a, 1000), 1);
    assert_int_equal(limit(&s, s.other), INT64_MAX);
    end(&s);
}

SL_TEST(each_paced_source_has_a_rate_of_its_own, "BOUNDED-1")
{
    setup s = begin("backpressure=true");
    assert_int_equal(limit(&s, s.a), INT64_MAX); // before the first estimate
    for (int i = 1; i <= 2; i++) {
        sli_ingest_epoch_done(s.ingest, s.a, i * 1000000, 1000, 1000000, 0);
        sli_ingest_epoch_done(s.ingest, s.b, i * 1000000, 300, 1000000, 0);
        sli_ingest_epoch_done(s.ingest, s.other, i * 1000000, 500, 1000000, 0);
    }
    assert_int_equal(limit(&s, s.a), 1000);
    assert_int_equal(limit(&s, s.b), 300);
    assert_int_equal(limit(&s, s.other), INT64_MAX);
    end(&s);
}

SL_TEST(without_backpressure_a_paced_source_is_not_limited, "")
{
    setup s = begin("backpressure.initial_rate=50");
    sli_ingest_epoch_done(s.ingest, s.a, 1000000, 1000, 1000000, 0);
    sli_ingest_epoch_done(s.ingest, s.a, 2000000, 1000, 1000000, 0);
    assert_int_equal(limit(&s, s.a), INT64_MAX);
    end(&s);
}
