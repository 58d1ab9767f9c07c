// given.c — RDDs whose rows are given: batches in memory, ranges of sources, files as tables,
// nothing at all.
#include "rdd/rdd_int.h"

// ---------------------------------------------------------------- batches in memory

/// Rows [from, from + n) of a batch, as a part of a partition.
typedef struct part {
    sl_batch *batch;
    int64_t from, n;
} part;

typedef struct given {
    int32_t n_partitions, n_parts;
    part *parts;
    int32_t *first; ///< part of each partition, and one past the last
} given;

static void free_parts(given *g)
{
    for (int32_t i = 0; i < g->n_parts; i++) {
        sl_batch_unref(g->parts[i].batch);
    }
    sl_free(g->parts);
    sl_free(g->first);
    sl_free(g);
}

static void free_given(sl_rdd *rdd)
{
    free_parts(rdd->body);
}

static given *new_given(int32_t n_partitions, int64_t max_parts)
{
    given *g = sl_alloc_zero(SLI_TAG_RDD, sizeof *g);
    if (g == NULL) {
        return NULL;
    }
    g->n_partitions = n_partitions;
    g->parts = sl_alloc_array(SLI_TAG_RDD, (size_t)max_parts, sizeof *g->parts);
    g->first = sl_alloc_array(SLI_TAG_RDD, (size_t)n_partitions + 1, sizeof *g->first);
    if (g->parts == NULL || g->first == NULL) {
        free_parts(g);
        return NULL;
    }
    return g;
}

static void add_part(given *g, const sl_batch *batch, int64_t from, int64_t n)
{
    if (n > 0) {
        g->parts[g->n_parts++] = (part){sl_batch_ref(batch), from, n};
    }
}

static sl_code compute_given(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    const given *g = rdd->body;
    task->source_from = 0;
    for (int32_t i = g->first[partition]; i < g->first[partition + 1]; i++) {
        const part *p = &g->parts[i];
        task->read.records += p->n;
        SL_TRY(sli_task_check(task, err));
        SL_TRY(sli_push_range(p->batch, p->from, p->n, task, push, ctx, err));
    }
    return SL_OK;
}

static const sli_rdd_ops batches_ops = {
    .name = "parallelize", .compute = compute_given, .free = free_given};
static const sli_rdd_ops queue_ops = {
    .name = "queue", .compute = compute_given, .free = free_given};

static sl_rdd *no_memory(sli_runtime *runtime, const char *name)
{
    return sli_rdd_mistake(runtime, SL_E_NOMEM, "%s: no memory for the list of its parts", name);
}

/// Cuts the rows of all batches, in order, at positions i * rows / n.
static void cut(given *g, const sl_batch *const *batches, int32_t n_batches, int64_t rows)
{
    int32_t at = 0;     // batch
    int64_t before = 0; // rows of the batches before it
    int64_t from = 0;
    for (int32_t p = 0; p < g->n_partitions; p++) {
        int64_t to = (int64_t)((sli_u128)rows * (sli_u128)(p + 1) / (sli_u128)g->n_partitions);
        g->first[p] = g->n_parts;
        while (from < to && at < n_batches) {
            int64_t end = before + sl_batch_rows(batches[at]);
            int64_t upto = to < end ? to : end;
            add_part(g, batches[at], from - before, upto - from);
            from = upto;
            if (from == end) {
                before = end;
                at++;
            }
        }
    }
    g->first[g->n_partitions] = g->n_parts;
}

static sl_code check_batches(const sl_batch *const *batches, int32_t n_batches, int64_t *rows,
                             sl_error *err)
{
    if (n_batches < 1) {
        return sl_error_set(err, SL_E_INVALID,
                            "no batches: without one there is no schema. Use sl_rdd_empty");
    }
    for (int32_t i = 0; i < n_batches; i++) {
        if (!sl_schema_equal(sl_batch_schema(batches[0]), sl_batch_schema(batches[i]))) {
            return sl_error_set(err, SL_E_INVALID,
                                "batch %d has the schema \"%.150s\", the first one \"%.150s\"", i,
                                sl_schema_text(sl_batch_schema(batches[i])),
                                sl_schema_text(sl_batch_schema(batches[0])));
        }
        *rows += sl_batch_rows(batches[i]);
    }
    return SL_OK;
}

static sl_rdd *of_rows(sl_rdd *rdd, int64_t rows)
{
    if (rdd != NULL) {
        rdd->rows_expected = rows;
        rdd->is_empty = rows == 0 && rdd->mistake == NULL;
    }
    return rdd;
}

sl_rdd *sl_rdd_of_batches(sl_session *session, const sl_batch *const *batches, int32_t n_batches,
                          int32_t n_partitions)
{
    sli_runtime *runtime = sli_session_runtime(session);
    sl_error error = SL_ERROR_INIT;
    int64_t rows = 0;
    int32_t n = 0;
    sl_code rc = sli_partitions_check(runtime, n_partitions, SLI_MAX_PARTITIONS, &n, &error);
    if (rc == SL_OK) {
        rc = check_batches(batches, n_batches, &rows, &error);
    }
    if (rc != SL_OK) {
        return sli_rdd_wrong(runtime, batches_ops.name, &error);
    }
    given *g = new_given(n, (int64_t)n + n_batches);
    if (g == NULL) {
        return no_memory(runtime, batches_ops.name);
    }
    cut(g, batches, n_batches, rows);
    return of_rows(sli_rdd_new(runtime, &batches_ops, sl_batch_schema(batches[0]), n, NULL, 0, g),
                   rows);
}

sl_rdd *sli_rdd_of_partitions(sli_runtime *runtime, const sl_schema *schema,
                              sl_batch *const *const *batches, const int32_t *n_batches,
                              int32_t n_partitions)
{
    int64_t parts = 0, rows = 0;
    for (int32_t p = 0; p < n_partitions; p++) {
        parts += n_batches[p];
    }
    given *g = new_given(n_partitions, parts);
    if (g == NULL) {
        return no_memory(runtime, queue_ops.name);
    }
    for (int32_t p = 0; p < n_partitions; p++) {
        g->first[p] = g->n_parts;
        for (int32_t i = 0; i < n_batches[p]; i++) {
            add_part(g, batches[p][i], 0, sl_batch_rows(batches[p][i]));
            rows += sl_batch_rows(batches[p][i]);
        }
    }
    g->first[n_partitions] = g->n_parts;
    return of_rows(sli_rdd_new(runtime, &queue_ops, schema, n_partitions, NULL, 0, g), rows);
}

static sl_code compute_empty(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    (void)rdd, (void)partition, (void)task, (void)push, (void)ctx, (void)err;
    return SL_OK;
}

static const sli_rdd_ops empty_ops = {.name = "empty", .compute = compute_empty};

sl_rdd *sl_rdd_empty(sl_session *session, const char *schema, int32_t n_partitions)
{
    sli_runtime *runtime = sli_session_runtime(session);
    sl_error error = SL_ERROR_INIT;
    sl_schema *parsed = NULL;
    if (sl_schema_parse(&parsed, schema, &error) != SL_OK) {
        return sli_rdd_wrong(runtime, empty_ops.name, &error);
    }
    sl_rdd *rdd = of_rows(sli_rdd_new(runtime, &empty_ops, parsed, n_partitions, NULL, 0, NULL), 0);
    sl_schema_unref(parsed);
    return rdd;
}

// ---------------------------------------------------------------- sources and tables

typedef struct reading {
    sli_source *source;
    sli_chosen *chosen; ///< NULL: all rows
    bool owned;         ///< a table's source belongs to its RDD
    sli_str from, to;   ///< the range for people, once somebody has asked
    size_t size;
    char range[];
} reading;

static void free_reading(sl_rdd *rdd)
{
    reading *r = rdd->body;
    if (r->owned) {
        sli_source_close(r->source);
    }
    sli_chosen_free(r->chosen);
    sli_str_reset(&r->from);
    sli_str_reset(&r->to);
    sl_free(r);
}

typedef struct emitting {
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sli_sieve sieve; ///< when only some rows are chosen
} emitting;

static sl_code emit(void *ctx, sl_batch *batch, sl_error *err)
{
    emitting *e = ctx;
    SL_TRY(sli_task_check(e->task, err));
    return batch == NULL
               ? SL_OK
               : sli_push_range(batch, 0, sl_batch_rows(batch), e->task, e->push, e->ctx, err);
}

static sl_code emit_chosen(void *ctx, sl_batch *batch, sl_error *err)
{
    emitting *e = ctx;
    SL_TRY(sli_task_check(e->task, err));
    return batch == NULL ? SL_OK : sli_sieve_push(&e->sieve, batch, e->task, e->push, e->ctx, err);
}

/// Reads no further than the last row that is chosen.
static sl_code compute_chosen(const reading *r, int32_t partition, emitting *e, sl_error *err)
{
    if (!sli_sieve_begin(&e->sieve, r->chosen, partition)) {
        return SL_OK;
    }
    sl_code rc = r->source->ops->read(r->source, (sl_bytes){r->range, r->size}, partition,
                                      emit_chosen, e, &e->task->read, err);
    return rc == SL_E_END && e->sieve.over ? SL_OK : rc;
}

static sl_code compute_source(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    const reading *r = rdd->body;
    emitting e = {.task = task, .push = push, .ctx = ctx};
    task->source_from = 0;
    if (r->chosen != NULL) {
        return compute_chosen(r, partition, &e, err);
    }
    sl_bytes range = {r->range, r->size};
    return r->source->ops->read(r->source, range, partition, emit, &e, &task->read, err);
}

static const sli_rdd_ops source_ops = {
    .name = "source", .compute = compute_source, .free = free_reading};
static const sli_rdd_ops table_ops = {
    .name = "table", .compute = compute_source, .free = free_reading};

static sl_rdd *of_range(sli_runtime *runtime, const sli_rdd_ops *ops, sli_source *source,
                        sl_bytes range, int32_t n_splits, bool owned)
{
    reading *r = sl_alloc(SLI_TAG_RDD, sizeof *r + range.size);
    if (r == NULL) {
        if (owned) {
            sli_source_close(source);
        }
        return no_memory(runtime, ops->name);
    }
    *r = (reading){.source = source,
                   .owned = owned,
                   .from.tag = SLI_TAG_RDD,
                   .to.tag = SLI_TAG_RDD,
                   .size = range.size};
    if (range.size > 0) {
        memcpy(r->range, range.data, range.size);
    }
    sl_rdd *rdd = sli_rdd_new(runtime, ops, source->ops->schema(source), n_splits, NULL, 0, r);
    return n_splits == 0 ? of_rows(rdd, 0) : rdd;
}

sl_code sli_rdd_choose(sl_rdd *rdd, const sli_choice *choice, const int64_t *first, sl_error *err)
{
    reading *r = rdd->body;
    sli_chosen *chosen = NULL;
    SL_TRY(sli_chosen_new(&chosen, choice, first, rdd->n_partitions, err));
    sli_chosen_free(r->chosen);
    r->chosen = chosen;
    return SL_OK;
}

static sl_code describe(reading *r, sl_error *err)
{
    if (r->size == 0 || r->from.size > 0) { // nothing to tell, or told already
        return SL_OK;
    }
    r->source->ops->describe(r->source, (sl_bytes){r->range, r->size}, &r->from, &r->to);
    SL_TRY(sli_str_check(&r->from, "a range", err));
    return sli_str_check(&r->to, "a range", err);
}

sl_code sl_rdd_range(sl_rdd *rdd, const char **from, const char **to, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    reading *r = rdd->ops == &source_ops || rdd->ops == &table_ops ? rdd->body : NULL;
    if (r == NULL || r->source->ops->describe == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "an RDD of operator %s has no range of a source: ask the source's own",
                            rdd->ops->name);
    }
    SL_TRY(describe(r, err));
    *from = r->size == 0 ? NULL : r->from.data;
    *to = r->size == 0 ? NULL : r->to.data;
    return SL_OK;
}

bool sli_rdd_is_of_source(const sl_rdd *rdd)
{
    return rdd->ops == &source_ops;
}

sl_rdd *sli_rdd_of_source(sli_runtime *runtime, sli_source *source, sl_bytes range,
                          int32_t n_splits)
{
    return of_range(runtime, &source_ops, source, range, n_splits, false);
}

bool sli_rdd_is_source(const sl_rdd *rdd)
{
    return rdd->ops == &source_ops;
}

int32_t sli_rdd_source_lane(const sl_rdd *rdd, int32_t split)
{
    const reading *r = rdd->body;
    sl_bytes range = {r->range, r->size};
    return r->source->ops->lane == NULL ? 0 : r->source->ops->lane(r->source, range, split);
}

sl_rdd *sl_rdd_open(sl_session *session, const char *url)
{
    sli_runtime *runtime = sli_session_runtime(session);
    sl_error error = SL_ERROR_INIT;
    sli_source *source = NULL;
    sl_arena *arena = sl_arena_new(SLI_TAG_RDD);
    sli_offer offer = {0};
    sli_ask ask = {.max_rows = INT64_MAX};
    sl_code rc = arena == NULL ? sl_error_nomem(&error, 0, "a table")
                               : sli_table_open(&source, url, runtime->source_env, &error);
    if (rc == SL_OK) {
        rc = source->ops->offer(source, &ask, arena, &offer, &error);
    }
    sl_rdd *rdd = NULL;
    if (rc == SL_OK) {
        rdd = of_range(runtime, &table_ops, source, offer.range, offer.n_splits, true);
    } else {
        sli_source_close(source);
        rdd = sli_rdd_wrong(runtime, table_ops.name, &error);
    }
    sl_arena_free(arena);
    return rdd;
}
