/// fuzz_test.h — any bytes as the state of a sketch, for tests/fuzz and for fuzz_test.c: it is
/// merged or refused, and what was merged can be added to, written, merged again and finished.
#pragma once

#include "base/assert.h"
#include "base/hash.h"
#include "expr/expr_int.h"

enum { SLT_FUZZ_AGGS = 10 };

static const char *const slt_fuzz_aggs[SLT_FUZZ_AGGS] = {
    "approx_quantile(i, 0.5, 0.25) as a",
    "approx_quantiles(f, 0, 0.3, 1) as a",
    "approx_median(i) as a",
    "approx_top_k(s, 2, 3) as a",
    "approx_top_k(i, 1, 1) as a",
    "approx_top_k(f, 9, 20) as a",
    "approx_top_k(d, 2, 3) as a",
    "approx_top_k(b, 2, 2) as a",
    "approx_count_distinct(s, 0.4) as a",
    "approx_top_k(y, 2, 4) as a",
};

typedef struct slt_fuzz_state {
    sl_schema *schema;
    sli_agg_plan *plan;
    sli_aggs *aggs;
} slt_fuzz_state;

static inline void slt_fuzz_begin(slt_fuzz_state *self, int which)
{
    sl_code rc = sl_schema_parse(&self->schema,
                                 "i int64, f float64, s string, b bool, d date, y binary", NULL);
    SL_ASSERT(rc == SL_OK, "a schema");
    rc = sli_agg_plan_new(&self->plan, slt_fuzz_aggs[which], self->schema, NULL, 0, NULL, NULL);
    SL_ASSERT(rc == SL_OK, "a plan");
    rc = sli_aggs_new(&self->aggs, self->plan, NULL, NULL);
    rc = rc == SL_OK ? sli_aggs_grow(self->aggs, 1, NULL) : rc;
    SL_ASSERT(rc == SL_OK, "states");
}

static inline void slt_fuzz_end(slt_fuzz_state *self)
{
    sli_aggs_free(self->aggs);
    sli_agg_plan_free(self->plan);
    sl_schema_unref(self->schema);
}

static inline void slt_fuzz_add_rows(slt_fuzz_state *self, int n, uint64_t seed)
{
    sl_builder *b = NULL;
    sl_batch *in = NULL;
    sli_rng rng = {seed};
    SL_ASSERT(sl_builder_new(&b, self->schema, NULL) == SL_OK, "a builder");
    for (int i = 0; i < n; i++) {
        int64_t value = (int64_t)sli_rng_below(&rng, 1 + sli_rng_below(&rng, 200));
        sl_builder_int64(b, 0, value);
        sl_builder_float64(b, 1, (double)value / 4);
        sl_builder_text(b, 2, "a text of some size", (size_t)value % 20);
        sl_builder_bool(b, 3, value % 3 == 0);
        sl_builder_int64(b, 4, value);
        sl_builder_text(b, 5, "\xff\xfe\xfd\xfc", (size_t)value % 5);
    }
    SL_ASSERT(sl_builder_finish(b, &in, NULL) == SL_OK, "rows");
    SL_ASSERT(sli_aggs_update(self->aggs, NULL, in, NULL) == SL_OK, "rows are always counted");
    sl_batch_unref(in);
    sl_builder_free(b);
}

static inline sl_batch *slt_fuzz_out(const slt_fuzz_state *self, bool partial)
{
    sl_builder *b = NULL;
    sl_batch *out = NULL;
    sl_code rc = sl_builder_new(
        &b, partial ? sli_agg_plan_partial(self->plan) : sli_agg_plan_result(self->plan), NULL);
    SL_ASSERT(rc == SL_OK, "a builder");
    rc = partial ? sli_aggs_partial(self->aggs, 0, 1, b, NULL)
                 : sli_aggs_finish(self->aggs, 0, 1, b, NULL);
    rc = rc == SL_OK ? sl_builder_finish(b, &out, NULL) : rc;
    SL_ASSERT(rc == SL_OK, "what was merged has a state and a result");
    sl_builder_free(b);
    return out;
}

static inline sl_code slt_fuzz_merge(slt_fuzz_state *self, sl_text cell)
{
    sl_builder *b = NULL;
    sl_batch *in = NULL;
    SL_ASSERT(sl_builder_new(&b, sli_agg_plan_partial(self->plan), NULL) == SL_OK, "a builder");
    sl_builder_text(b, 0, cell.data, cell.size);
    SL_ASSERT(sl_builder_finish(b, &in, NULL) == SL_OK, "a state's row");
    sl_code rc = sli_aggs_merge(self->aggs, NULL, in, NULL);
    sl_batch_unref(in);
    sl_builder_free(b);
    return rc;
}

/// The state of `n` rows of the which-th aggregation.
static inline void slt_fuzz_good_state(int which, int n, uint64_t seed, sli_str *out)
{
    slt_fuzz_state self;
    slt_fuzz_begin(&self, which);
    slt_fuzz_add_rows(&self, n, seed);
    sl_batch *partial = slt_fuzz_out(&self, true);
    sl_text cell = sl_column_text(sl_batch_column(partial, 0), 0);
    sli_str_add(out, cell.data, cell.size);
    sl_batch_unref(partial);
    slt_fuzz_end(&self);
}

/// Merges the bytes into a state of `n` rows; whether they were taken.
static inline bool slt_fuzz_state_bytes(int which, int n, sl_text cell)
{
    slt_fuzz_state self, again;
    slt_fuzz_begin(&self, which);
    slt_fuzz_add_rows(&self, n, 1);
    sl_code rc = slt_fuzz_merge(&self, cell);
    SL_ASSERT(rc == SL_OK || rc == SL_E_CORRUPT, "taken, or refused");
    if (rc == SL_OK) {
        slt_fuzz_add_rows(&self, 100, 2);
        sl_batch_unref(slt_fuzz_out(&self, false));
        sl_batch *partial = slt_fuzz_out(&self, true);
        sl_text ours = sl_column_text(sl_batch_column(partial, 0), 0);
        slt_fuzz_begin(&again, which);
        SL_ASSERT(slt_fuzz_merge(&again, ours) == SL_OK, "what we write we take");
        sl_batch *same = slt_fuzz_out(&again, true);
        SL_ASSERT(sli_text_equal(sl_column_text(sl_batch_column(same, 0), 0), ours),
                  "and write again");
        sl_batch_unref(same);
        sl_batch_unref(partial);
        slt_fuzz_end(&again);
    }
    slt_fuzz_end(&self);
    return rc == SL_OK;
}
