// lineage.c — RDDs as nodes: making them, mistakes that stick, giving them back.
#include "rdd/rdd_int.h"

#include "base/hash.h"

#include <stdio.h>

// ---------------------------------------------------------------- making

static const sli_rdd_ops mistake_ops = {.name = "mistake"};

void sli_deps_free(const sli_dep *deps, int32_t n_deps)
{
    for (int32_t i = 0; i < n_deps; i++) {
        if (deps[i].shuffle != NULL) {
            sli_shuffle_free(deps[i].shuffle);
        }
        sl_rdd_unref(deps[i].parent);
    }
}

static sl_rdd *new_node(sli_runtime *runtime, const sli_rdd_ops *ops, int32_t n_partitions,
                        int32_t n_deps)
{
    sl_rdd *rdd = sl_alloc_zero(SLI_TAG_RDD, sizeof *rdd + (size_t)n_deps * sizeof(sli_dep));
    if (rdd == NULL) {
        return NULL;
    }
    atomic_init(&rdd->refs, 1);
    rdd->runtime = runtime;
    rdd->ops = ops;
    rdd->id = runtime->next_id++;
    rdd->n_partitions = n_partitions;
    rdd->deps = (sli_dep *)(void *)(rdd + 1);
    rdd->n_deps = n_deps;
    return rdd;
}

/// What the parents expect together. Tables to be joined are read once and kept: they don't count.
static int64_t expected_of(const sli_dep *deps, int32_t n_deps)
{
    int64_t sum = n_deps == 0 ? -1 : 0;
    for (int32_t i = 0; i < n_deps && sum >= 0; i++) {
        int64_t rows = deps[i].kind == SLI_DEP_BROADCAST ? 0 : deps[i].parent->rows_expected;
        sum = rows < 0 || __builtin_add_overflow(sum, rows, &sum) ? -1 : sum;
    }
    return sum;
}

static bool all_empty(const sli_dep *deps, int32_t n_deps)
{
    bool empty = n_deps > 0;
    for (int32_t i = 0; i < n_deps; i++) {
        empty = empty && deps[i].parent->is_empty;
    }
    return empty;
}

sl_rdd *sli_rdd_new(sli_runtime *runtime, const sli_rdd_ops *ops, const sl_schema *schema,
                    int32_t n_partitions, const sli_dep *deps, int32_t n_deps, void *body)
{
    if (n_partitions < 0 || n_partitions > SLI_MAX_PARTITIONS) {
        sli_deps_free(deps, n_deps);
        sl_rdd rest = {.body = body};
        if (ops->free != NULL) {
            ops->free(&rest);
        }
        return sli_rdd_mistake(runtime, SL_E_INVALID, "%s: %d partitions; there may be 0 to %d",
                               ops->name, n_partitions, SLI_MAX_PARTITIONS);
    }
    int32_t depth = 0;
    for (int32_t i = 0; i < n_deps; i++) {
        bool narrow = deps[i].kind == SLI_DEP_NARROW;
        depth = narrow && deps[i].parent->depth + 1 > depth ? deps[i].parent->depth + 1 : depth;
    }
    sl_rdd *rdd = depth > SLI_MAX_NARROW ? NULL : new_node(runtime, ops, n_partitions, n_deps);
    if (rdd == NULL) {
        sli_deps_free(deps, n_deps);
        sl_rdd rest = {.body = body};
        if (ops->free != NULL) {
            ops->free(&rest);
        }
        return depth > SLI_MAX_NARROW ? sli_rdd_mistake(runtime, SL_E_INVALID,
                                                        "%s: more than %d operators in a row "
                                                        "without a shuffle; repartition in between",
                                                        ops->name, SLI_MAX_NARROW)
                                      : NULL;
    }
    if (n_deps > 0) {
        memcpy(rdd->deps, deps, (size_t)n_deps * sizeof *deps);
    }
    rdd->schema = sl_schema_ref(schema);
    rdd->body = body;
    rdd->depth = depth;
    rdd->rows_expected = expected_of(deps, n_deps);
    rdd->is_empty = ops->keeps_empty && all_empty(deps, n_deps);
    if (ops->keeps_place && deps[0].parent->by != NULL) {
        rdd->lies = deps[0].parent->lies;
        rdd->by = sli_op_ref(deps[0].parent->by);
    }
    return rdd;
}

static sl_rdd *wrong_node(sli_runtime *runtime, const sl_error *error)
{
    sl_rdd *rdd = new_node(runtime, &mistake_ops, 0, 0);
    sl_error *copy = sl_alloc(SLI_TAG_RDD, sizeof *copy);
    if (rdd == NULL || copy == NULL) {
        sl_free(rdd);
        sl_free(copy);
        return NULL;
    }
    *copy = *error;
    rdd->mistake = copy;
    return rdd;
}

sl_rdd *sli_rdd_mistake(sli_runtime *runtime, sl_code code, const char *fmt, ...)
{
    char text[SL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sl_error error = SL_ERROR_INIT;
    sl_error_set(&error, code, "%s", text);
    return wrong_node(runtime, &error);
}

sl_rdd *sli_rdd_wrong(sli_runtime *runtime, const char *operator_name, const sl_error *error)
{
    sl_error copy = *error;
    sl_error_wrap(&copy, copy.code, "%s", operator_name);
    return wrong_node(runtime, &copy);
}

sl_rdd *sli_rdd_inherit(const sl_rdd *a, const sl_rdd *b)
{
    const sl_rdd *wrong = a != NULL && a->mistake != NULL   ? a
                          : b != NULL && b->mistake != NULL ? b
                                                            : NULL;
    return wrong == NULL ? NULL : wrong_node(wrong->runtime, wrong->mistake);
}

sl_rdd *sli_rdd_narrow(sl_rdd *parent, const sli_rdd_ops *ops, sli_op *op)
{
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(parent)};
    return sli_rdd_new(parent->runtime, ops, op->out, parent->n_partitions, &dep, 1, op);
}

sl_rdd *sli_rdd_wide(sl_rdd *parent, const sli_rdd_ops *ops, const sl_schema *schema,
                     sli_shuffle *shuffle, sli_op *op)
{
    sli_dep dep = {.kind = SLI_DEP_SHUFFLE, .parent = sl_rdd_ref(parent), .shuffle = shuffle};
    return sli_rdd_new(parent->runtime, ops, schema, shuffle->n_out, &dep, 1, op);
}

sl_code sli_partitions_check(const sli_runtime *runtime, int32_t asked, int32_t most, int32_t *out,
                             sl_error *err)
{
    int32_t n = asked == 0 ? runtime->parallelism : asked;
    if (n < 1 || n > most) {
        return sl_error_set(err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n, most);
    }
    *out = n;
    return SL_OK;
}

// ---------------------------------------------------------------- giving back

sl_rdd *sl_rdd_ref(sl_rdd *rdd)
{
    if (rdd != NULL) {
        atomic_fetch_add_explicit(&rdd->refs, 1, memory_order_relaxed);
    }
    return rdd;
}

static bool was_last(sl_rdd *rdd)
{
    // Pairs with the other threads' own decrements: the last one sees everything they did.
    return rdd != NULL && atomic_fetch_sub_explicit(&rdd->refs, 1, memory_order_acq_rel) == 1;
}

/// Frees one node; parents that nobody holds any more go on the list: lineages can be long, so
/// nothing recurses.
static void free_node(sl_rdd *rdd, sl_rdd **list)
{
    if (rdd->is_to_cut) {
        sli_rdd_unlist(rdd);
    }
    if (rdd->level != SL_LEVEL_NONE) {
        sli_blocks_remove_owner(rdd->runtime->blocks, SLI_BLOCK_RDD, rdd->id);
    }
    if (rdd->ops->free != NULL) {
        rdd->ops->free(rdd);
    }
    for (int32_t i = 0; i < rdd->n_deps; i++) {
        sl_rdd *parent = rdd->deps[i].parent;
        if (rdd->deps[i].shuffle != NULL) {
            sli_shuffle_free(rdd->deps[i].shuffle);
        }
        if (was_last(parent)) {
            parent->link = *list;
            *list = parent;
        }
    }
    if (rdd->indexes != NULL) {
        sli_budget_release(rdd->runtime->budget, sli_index_bytes(rdd->indexes));
        sli_index_free(rdd->indexes);
    }
    sli_op_unref(rdd->by);
    sl_schema_unref(rdd->schema);
    sl_free(rdd->name);
    sl_free(rdd->mistake);
    sl_free(rdd->counted);
    sl_free(rdd);
}

void sl_rdd_unref(sl_rdd *rdd)
{
    if (!was_last(rdd)) {
        return;
    }
    rdd->link = NULL;
    for (sl_rdd *list = rdd; list != NULL;) {
        sl_rdd *first = list;
        list = first->link;
        free_node(first, &list);
    }
}

// ---------------------------------------------------------------- settings and questions

/// What tasks read of an RDD changes while none of its tasks runs.
static void wait_for_jobs(const sl_rdd *rdd)
{
    if (rdd->runtime->alone != NULL) {
        rdd->runtime->alone(rdd->runtime, rdd);
    }
}

void sli_rdd_set_level(sl_rdd *rdd, sl_level level)
{
    if (rdd->level != level) {
        wait_for_jobs(rdd);
        rdd->level = level;
    }
}

sl_rdd *sl_rdd_persist(sl_rdd *rdd, sl_level level)
{
    if (rdd != NULL && rdd->mistake == NULL) {
        sli_rdd_set_level(rdd, level);
    }
    return rdd;
}

void sl_rdd_unpersist(sl_rdd *rdd)
{
    if (rdd != NULL && rdd->level != SL_LEVEL_NONE) {
        sli_rdd_set_level(rdd, SL_LEVEL_NONE);
        sli_blocks_remove_owner(rdd->runtime->blocks, SLI_BLOCK_RDD, rdd->id);
    }
}

sl_rdd *sl_rdd_named(sl_rdd *rdd, const char *name)
{
    char *copy = rdd == NULL || name == NULL ? NULL : sl_strdup(SLI_TAG_RDD, name);
    if (copy != NULL) { // a name is for people: without memory the old one stays
        wait_for_jobs(rdd);
        sl_free(rdd->name);
        rdd->name = copy;
    }
    return rdd;
}

int32_t sl_rdd_partitions(const sl_rdd *rdd)
{
    return rdd == NULL ? 0 : rdd->n_partitions;
}

const sl_schema *sl_rdd_schema(const sl_rdd *rdd)
{
    return rdd == NULL || rdd->mistake != NULL ? NULL : rdd->schema;
}

sl_code sl_rdd_check(const sl_rdd *rdd, sl_error *err)
{
    if (rdd == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "an RDD could not be made: no memory");
    }
    if (rdd->mistake == NULL) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = *rdd->mistake;
    }
    return rdd->mistake->code;
}

sl_rdd *sli_rdd_uid(sl_rdd *rdd, const char *uid)
{
    if (rdd != NULL) {
        rdd->uid = uid;
        for (int32_t i = 0; i < rdd->n_deps; i++) {
            if (rdd->deps[i].kind == SLI_DEP_SHUFFLE) {
                rdd->deps[i].shuffle->uid = uid;
            }
        }
    }
    return rdd;
}

uint64_t sli_operator_id(const sl_rdd *rdd)
{
    // RDD ids differ from life to life; the uid and the place below the last shuffle don't.
    uint64_t id = sli_hash64(rdd->ops->name, strlen(rdd->ops->name));
    id = rdd->uid == NULL ? id : sli_mix64(id ^ sli_hash64(rdd->uid, strlen(rdd->uid)));
    return sli_mix64(id ^ (uint64_t)rdd->depth);
}
