/// state.c — the store on disk doing what perf/limit/state.c does by hand: epochs of 10,000 keys
/// that are found, changed, put, completed, and written as a delta.
///
/// It works on the store's contract, since no public call changes some keys without passing over
/// all. (perf/README.md)
///
///     state [-k THOUSAND_KEYS] [-n BATCHES] [-m MEMORY_MIB] DIR
#include "state/state.h"

#include "perf/limit/state_rows.h"

typedef struct bench {
    sl_env *env;
    sli_budget *budget;
    sli_store *store;
    sli_table *table;
    sl_schema *schema;
    sli_state_view *view;
    sli_str delta;
    int64_t epoch;
} bench;

static void check(sl_code rc, const sl_error *err)
{
    if (rc != SL_OK) {
        limit_die("%s", err->text);
    }
}

static void open_bench(bench *b, const state_plan *plan)
{
    sl_error err = SL_ERROR_INIT;
    *b = (bench){.budget = sli_budget_new(plan->memory_bytes * 4)};
    check(sli_env_posix(&b->env, &err), &err);
    sli_state_env env = {
        .env = b->env, .budget = b->budget, .dir = plan->dir, .memory_bytes = plan->memory_bytes};
    check(sli_store_rocksdb.open(&b->store, &env, &err), &err);
    check(sl_schema_parse(&b->schema, "bytes binary", &err), &err);
    sli_table_info info = {.uid = "state", .kind = "perf", .keys = b->schema, .values = b->schema};
    check(b->store->ops->table(b->store, &info, &b->table, &err), &err);
}

static void begin(bench *b)
{
    sl_error err = SL_ERROR_INIT;
    check(b->store->ops->begin(b->store, b->table, ++b->epoch, 0, 1, &b->view, &err), &err);
}

/// The epoch ends, and the group with it.
static void end(bench *b)
{
    sl_error err = SL_ERROR_INIT;
    const sli_store_ops *ops = b->store->ops;
    check(ops->done(b->view, &err), &err);
    check(ops->complete(b->store, b->epoch, &err), &err);
    sli_str_clear(&b->delta);
    check(sli_state_delta(b->store, &b->delta, &err), &err);
}

static void put_new(bench *b, int64_t number)
{
    char key[STATE_KEY_BYTES], value[STATE_VALUE_BYTES];
    sl_error err = SL_ERROR_INIT;
    state_key(number, key);
    state_value(number, value);
    check(b->store->ops->put(b->view, state_mix(number), (sl_bytes){key, sizeof key},
                             (sl_bytes){value, sizeof value}, &err),
          &err);
}

static void load(bench *b, const state_plan *plan)
{
    begin(b);
    for (int64_t i = 0; i < plan->n_keys; i++) {
        put_new(b, i);
        if ((i + 1) % STATE_BATCH == 0) {
            end(b);
            begin(b);
        }
    }
    end(b);
}

/// What an operator does that has grouped an epoch's rows by key.
static void fetch(bench *b, const state_plan *plan, int64_t first)
{
    static char keys[STATE_BATCH][STATE_KEY_BYTES];
    static sli_state_key asked[STATE_BATCH];
    sl_error err = SL_ERROR_INIT;
    for (int32_t i = 0; i < STATE_BATCH; i++) {
        int64_t number = state_pick(plan, first, i);
        state_key(number, keys[i]);
        asked[i] = (sli_state_key){state_mix(number), {keys[i], STATE_KEY_BYTES}};
    }
    check(b->store->ops->fetch(b->view, asked, STATE_BATCH, &err), &err);
}

static void raise_key(bench *b, int64_t number)
{
    const sli_store_ops *ops = b->store->ops;
    char key[STATE_KEY_BYTES], value[STATE_VALUE_BYTES];
    sl_bytes found = {NULL, 0};
    bool there = false;
    sl_error err = SL_ERROR_INIT;
    state_key(number, key);
    sl_bytes k = {key, sizeof key};
    check(ops->find(b->view, state_mix(number), k, &found, &there, &err), &err);
    if (!there || found.size != sizeof value) {
        limit_die("key %lld is not there", (long long)number);
    }
    memcpy(value, found.data, sizeof value);
    state_raise(value);
    check(ops->put(b->view, state_mix(number), k, (sl_bytes){value, sizeof value}, &err), &err);
}

static sl_code add_count(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    int64_t count, *sum = ctx;
    (void)slot;
    (void)key;
    (void)err;
    memcpy(&count, value.data, sizeof count);
    *sum += count;
    return SL_OK;
}

static int64_t sum_counts(bench *b)
{
    int64_t sum = 0;
    sl_error err = SL_ERROR_INIT;
    begin(b);
    check(b->store->ops->each(b->view, add_count, &sum, &err), &err);
    b->store->ops->drop(b->view);
    return sum;
}

static void close_bench(bench *b)
{
    b->store->ops->close(b->store);
    sl_schema_unref(b->schema);
    sli_str_reset(&b->delta);
    sli_budget_free(b->budget);
    sli_env_free(b->env);
}

int main(int argc, char **argv)
{
    state_plan plan = state_plan_of(argc, argv);
    bench b;
    open_bench(&b, &plan);
    state_clock begun = state_now();
    load(&b, &plan);
    state_report("load", plan.n_keys, begun);
    uint64_t seed = STATE_SEED;
    begun = state_now();
    for (int64_t n = 0; n < plan.n_batches; n++) {
        int64_t first = (int64_t)limit_below(&seed, (uint64_t)plan.n_keys);
        begin(&b);
        fetch(&b, &plan, first);
        for (int64_t i = 0; i < STATE_BATCH; i++) {
            raise_key(&b, state_pick(&plan, first, i));
        }
        end(&b);
    }
    state_report("raise", plan.n_batches * STATE_BATCH, begun);
    begun = state_now();
    int64_t sum = sum_counts(&b);
    state_report("pass", plan.n_keys, begun);
    state_report_end(sum, &plan);
    close_bench(&b);
    return 0;
}
