// Rows of windows and sessions: bounds, keys, results.
#include "stream/event/timed.h"

enum { MOST_COLUMNS = 256 };

sl_code sli_timed_results(sli_timed *self, int32_t first_key, sl_error *err)
{
    const sl_schema *result = sli_agg_plan_result(self->plan);
    const char *bounds = "window_start timestamp, window_end timestamp";
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_text(&text, bounds);
    for (int32_t i = first_key; i < sl_schema_columns(result); i++) {
        sli_put_field(&text, result, i, NULL);
    }
    SL_TRY(sli_parse_fields(&text, &self->node->schema, err));
    SL_TRY(sl_schema_parse(&self->bounds_schema, bounds, err));
    return sl_schema_columns(self->node->schema) <= MOST_COLUMNS
               ? SL_OK
               : sl_error_set(err, SL_E_UNSUPPORTED, "windows with more than %d columns",
                              MOST_COLUMNS);
}

/// The keys of the groups, each from its first row.
static void put_keys(const sli_timed *self, const sl_batch *partial, const int32_t *group,
                     sl_builder *builder)
{
    int64_t n = sl_batch_rows(partial);
    for (int32_t k = 0; k < self->n_keys; k++) {
        const sl_column *column = sl_batch_column(partial, k);
        for (int64_t row = 0; row < n; row++) {
            if (row == 0 || group[row] != group[row - 1]) {
                sl_builder_cell(builder, k, column, row);
            }
        }
    }
}

/// Finishes rows of the partial schema: keys and results.
static sl_code finish_into(sli_timed_task *t, const sl_batch *partial, const int32_t *group,
                           sli_aggs *aggs, sl_builder *builder, sl_batch **out, sl_error *err)
{
    int64_t n = sl_batch_rows(partial), n_groups = n == 0 ? 0 : group[n - 1] + 1;
    SL_TRY(sli_aggs_grow(aggs, n_groups, err));
    SL_TRY(sli_aggs_merge(aggs, group, partial, err));
    put_keys(t->self, partial, group, builder);
    SL_TRY(sli_aggs_finish(aggs, 0, n_groups, builder, err));
    return sl_builder_finish(builder, out, err);
}

static sl_code finish(sli_timed_task *t, const sl_batch *partial, const int32_t *group,
                      sl_batch **out, sl_error *err)
{
    sli_aggs *aggs = NULL;
    sl_builder *builder = NULL;
    sl_code rc = sli_aggs_new(&aggs, t->self->plan, &t->args, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&builder, sli_agg_plan_result(t->self->plan), err);
    rc = rc != SL_OK ? rc : finish_into(t, partial, group, aggs, builder, out, err);
    sl_builder_free(builder);
    sli_aggs_free(aggs);
    return rc;
}

/// Each row is a group of its own.
static sl_code finish_each(sli_timed_task *t, const sl_batch *partial, sl_batch **out,
                           sl_error *err)
{
    int64_t n = sl_batch_rows(partial);
    int32_t *group = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *group);
    if (group == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *group, "windows");
    }
    for (int32_t i = 0; i < n; i++) {
        group[i] = i;
    }
    sl_code rc = finish(t, partial, group, out, err);
    sl_free(group);
    return rc;
}

static sl_code put_bounds(const sli_timed *self, int64_t n, const int64_t *starts,
                          const int64_t *ends, sl_batch **out, sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, self->bounds_schema, err));
    int64_t *from = sl_builder_reserve(builder, 0, n), *to = sl_builder_reserve(builder, 1, n);
    if (from != NULL && to != NULL && n > 0) {
        memcpy(from, starts, (size_t)n * sizeof *from);
        memcpy(to, ends, (size_t)n * sizeof *to);
    }
    sl_code rc = sl_builder_finish(builder, out, err);
    sl_builder_free(builder);
    return rc;
}

sl_code sli_timed_give(sli_timed_task *t, const sl_batch *partial, const int32_t *group,
                       int32_t first_key, const int64_t *starts, const int64_t *ends, sl_error *err)
{
    const sl_schema *schema = t->self->node->schema;
    const sl_batch *from[MOST_COLUMNS];
    int32_t column[MOST_COLUMNS];
    sl_batch *rows = NULL, *bounds = NULL, *out = NULL;
    sl_code rc =
        group == NULL ? finish_each(t, partial, &rows, err) : finish(t, partial, group, &rows, err);
    rc = rc != SL_OK ? rc : put_bounds(t->self, sl_batch_rows(rows), starts, ends, &bounds, err);
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        from[i] = i < 2 ? bounds : rows;
        column[i] = i < 2 ? i : i - 2 + first_key;
    }
    rc = rc != SL_OK ? rc : sli_batch_project(schema, from, column, &out, err);
    rc = rc != SL_OK ? rc : t->push(t->ctx, out, err);
    sl_batch_unref(rows);
    sl_batch_unref(bounds);
    sl_batch_unref(out);
    return rc;
}
