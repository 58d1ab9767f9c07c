// op.c — compiled operators and the cache in which the next epoch finds them again.
//
// Schemas are compared by address: the cache holds a reference to each, so an address stands for
// the same schema as long as the entry lives. At most MAX_OPS entries; when they are used up an
// operator is compiled for its RDD alone.
#include "rdd/rdd_int.h"

#include "base/hash.h"

enum { CHAINS = 256, MAX_OPS = 4096 };

struct sli_op_cache {
    int32_t n;
    sli_op *chains[CHAINS];
};

static uint64_t hash_of(const sli_op_key *key)
{
    uint64_t hash = sli_hash64(key->kind, strlen(key->kind));
    hash = sli_mix64(hash ^ (uint64_t)(uintptr_t)key->code);
    hash = sli_mix64(hash ^ (uint64_t)(uintptr_t)key->in);
    hash = sli_mix64(hash ^ (uint64_t)(uintptr_t)key->in2);
    return key->text == NULL ? hash : sli_mix64(hash ^ sli_hash64(key->text, strlen(key->text)));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_for(const sli_op *op, const sli_op_key *key)
{
    return op->code == key->code && op->in == key->in && op->in2 == key->in2 &&
           strcmp(op->kind, key->kind) == 0 && same_text(op->text, key->text);
}

static sl_code make(sli_runtime *runtime, const sli_op_key *key, sli_compile_fn compile,
                    sli_op **out, sl_error *err)
{
    sli_op *op = sl_alloc_zero(SLI_TAG_RDD, sizeof *op);
    if (op == NULL) {
        return sl_error_nomem(err, sizeof *op, "an operator");
    }
    atomic_init(&op->refs, 1);
    op->kind = key->kind;
    op->code = key->code;
    op->in = key->in == NULL ? NULL : sl_schema_ref(key->in);
    op->in2 = key->in2 == NULL ? NULL : sl_schema_ref(key->in2);
    op->text = key->text == NULL ? NULL : sl_strdup(SLI_TAG_RDD, key->text);
    sl_code rc = SL_OK;
    if (key->text != NULL && op->text == NULL) {
        rc = sl_error_nomem(err, strlen(key->text), "an operator");
    } else {
        rc = compile(runtime, op, err);
    }
    if (rc != SL_OK) {
        sli_op_unref(op);
        return rc;
    }
    *out = op;
    return SL_OK;
}

sl_code sli_op_find(sli_runtime *runtime, const sli_op_key *key, sli_compile_fn compile,
                    sli_op **out, sl_error *err)
{
    if (runtime->ops == NULL) {
        runtime->ops = sl_alloc_zero(SLI_TAG_RDD, sizeof *runtime->ops);
        if (runtime->ops == NULL) {
            return sl_error_nomem(err, sizeof *runtime->ops, "the table of operators");
        }
    }
    sli_op **chain = &runtime->ops->chains[hash_of(key) % CHAINS];
    for (sli_op *op = *chain; op != NULL; op = op->next) {
        if (is_for(op, key)) {
            *out = sli_op_ref(op);
            return SL_OK;
        }
    }
    SL_TRY(make(runtime, key, compile, out, err));
    if (runtime->ops->n < MAX_OPS) {
        (*out)->next = *chain;
        *chain = sli_op_ref(*out);
        runtime->ops->n++;
    }
    return SL_OK;
}

sli_op *sli_op_ref(sli_op *op)
{
    atomic_fetch_add_explicit(&op->refs, 1, memory_order_relaxed);
    return op;
}

void sli_op_unref(sli_op *op)
{
    // Pairs with the releases of other threads: whoever frees sees all that they did with the
    // operator.
    if (op == NULL || atomic_fetch_sub_explicit(&op->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sl_schema_unref(op->in);
    sl_schema_unref(op->in2);
    sl_schema_unref(op->out);
    sl_schema_unref(op->made);
    sl_schema_unref(op->values);
    if (op->projection != NULL) {
        sli_projection_free(op->projection);
    }
    if (op->condition != NULL) {
        sli_condition_free(op->condition);
    }
    if (op->plan != NULL) {
        sli_agg_plan_free(op->plan);
    }
    sli_order_free(op->order);
    sl_free(op->keys);
    sl_free(op->keys2);
    sl_free(op->rest);
    sl_free(op->by);
    sl_free(op->rest2);
    sl_free(op->text);
    sl_free(op);
}

void sli_op_free_body(sl_rdd *rdd)
{
    sli_op_unref(rdd->body);
}

sl_code sli_op_keys(sli_op *op, const char *text, const sl_schema *schema, int32_t **keys,
                    sl_error *err)
{
    int32_t columns[64];
    int32_t n = 0;
    const char *at = text == NULL ? "" : text;
    if (at[strspn(at, " \t")] != '\0') {
        SL_TRY(sli_columns_parse(text, schema, columns, &n, err));
    }
    *keys = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof **keys);
    if (*keys == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof **keys, "key columns");
    }
    memcpy(*keys, columns, (size_t)n * sizeof **keys);
    op->n_keys = n;
    return SL_OK;
}

sl_code sli_op_all_keys(sli_op *op, const sl_schema *schema, int32_t **keys, sl_error *err)
{
    int32_t n = sl_schema_columns(schema);
    *keys = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof **keys);
    if (*keys == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof **keys, "key columns");
    }
    for (int32_t i = 0; i < n; i++) {
        (*keys)[i] = i;
    }
    op->n_keys = n;
    return SL_OK;
}

void sli_runtime_reset(sli_runtime *runtime)
{
    for (int i = 0; runtime->ops != NULL && i < CHAINS; i++) {
        while (runtime->ops->chains[i] != NULL) {
            sli_op *op = runtime->ops->chains[i];
            runtime->ops->chains[i] = op->next;
            sli_op_unref(op);
        }
    }
    sl_free(runtime->ops);
    runtime->ops = NULL;
    sli_runtime_drop_things(runtime);
    sli_runtime_forget_dir(runtime);
}
