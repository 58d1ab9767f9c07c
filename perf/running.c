// running.c — a running count by mapWithState beside the count of the same records without state.
//
// The records are 1,000,000 keys (int64) drawn with Zipf's law, exponent 1.0, in epochs that lie in
// memory and are pushed into a queue, one an epoch. Three jobs take turns at the same epochs:
//
//     count    reduceByKey: how often each key is in this epoch
//     reduced  the same, then mapWithState on these counts: what a good user writes
//     direct   mapWithState on the records: a row for each of them
//
// Timed is user + system time of the whole process from the first push to the last result, of each
// turn; a turn is all epochs. The first turn fills the state and is thrown away. What is printed is
// the median over all rounds of the records a second, and of the share of `count` that the others
// reach in the same round. Every running count is checked after its turn.
//
//     running [-r ROUNDS] [-e EPOCHS] [-n RECORDS_AN_EPOCH] [-j JOB]
#include "taken.h"

#include <unistd.h>

enum { N_KEYS = 1000000, MAX_ROUNDS = 1000, MAX_EPOCHS = 64, N_JOBS = 3 };

typedef struct plan {
    int64_t n_rounds, n_epochs, n_records;
    const char *only; ///< one job, for a profile
} plan;

typedef struct job {
    const char *name;
    sl_build_fn build;
    bool keeps; ///< its counts run on
    const plan *plan;
    sl_context *context;
    bench_taken taken; ///< in the turn
    int64_t *counts;   ///< by key: the last one seen
} job;

// ---- the jobs

/// Adds column 0, or 1 for a record without columns but its key.
static void add_all(const sl_map_state_call *call, const int64_t *add)
{
    int64_t *out = sl_builder_reserve(call->out, 0, call->n);
    for (int64_t i = 0; i < call->n && out != NULL; i++) {
        sl_state state = sl_state_at(call, i);
        out[i] = sl_state_int64_or(&state, 0, 0) + (add == NULL ? 1 : add[i]);
        sl_state_set_int64(&state, 0, out[i]);
    }
}

static sl_code add_counts(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    add_all(call, sl_batch_column(call->values, 0)->values);
    return SL_OK;
}

static sl_code add_records(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    add_all(call, NULL);
    return SL_OK;
}

static const sl_map_state_fn counts_fn = {.struct_size = sizeof(sl_map_state_fn),
                                          .name = "add-counts",
                                          .state = "total int64",
                                          .out = "total int64",
                                          .version = 1,
                                          .run = add_counts};
static const sl_map_state_fn records_fn = {.struct_size = sizeof(sl_map_state_fn),
                                           .name = "add-records",
                                           .state = "total int64",
                                           .out = "total int64",
                                           .version = 1,
                                           .run = add_records};

static void count(sl_graph *graph)
{
    sl_stream *keys = sl_stream_queue(graph, "keys", "key int64", true);
    sl_stream_foreach_rdd(sl_stream_reduce_by_key(keys, "key", "count() as n"), &bench_take_fn,
                          NULL);
}

static void reduced(sl_graph *graph)
{
    sl_stream *keys = sl_stream_queue(graph, "keys", "key int64", true);
    sl_stream *counts = sl_stream_reduce_by_key(keys, "key", "count() as n");
    sl_stream_foreach_rdd(sl_stream_map_with_state(counts, "key", &counts_fn, NULL), &bench_take_fn,
                          NULL);
}

static void direct(sl_graph *graph)
{
    sl_stream *keys = sl_stream_queue(graph, "keys", "key int64", true);
    sl_stream_foreach_rdd(sl_stream_map_with_state(keys, "key", &records_fn, NULL), &bench_take_fn,
                          NULL);
}

// ---- the records

/// chances[k] = how likely a rank of at most k is.
static void fill_chances(double *chances)
{
    double sum = 0;
    for (int64_t k = 0; k < N_KEYS; k++) {
        sum += 1.0 / (double)(k + 1);
        chances[k] = sum;
    }
    for (int64_t k = 0; k < N_KEYS; k++) {
        chances[k] /= sum;
    }
}

static int64_t draw_rank(const double *chances, uint64_t *random)
{
    double chance = (double)(limit_random(random) >> 11) * 0x1p-53;
    int64_t low = 0, high = N_KEYS - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (chances[middle] < chance) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static sl_batch *draw_epoch(const double *chances, uint64_t *random, int64_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_schema_parse(&schema, "key int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    int64_t *keys = sl_builder_reserve(builder, 0, n);
    for (int64_t i = 0; i < n && keys != NULL; i++) {
        keys[i] = draw_rank(chances, random);
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "records");
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

// ---- turns

/// Gives the results of the turn back. Each running count goes up; together they are all records.
static void check(job *j)
{
    int64_t sum = 0;
    for (size_t i = 0; i < j->taken.n; i++) {
        const sl_batch *rows = j->taken.batches[i];
        const int64_t *keys = sl_batch_column(rows, 0)->values;
        const int64_t *counts = sl_batch_column(rows, 1)->values;
        for (int64_t row = 0; row < sl_batch_rows(rows); row++) {
            int64_t *last = &j->counts[keys[row]];
            if (j->keeps && counts[row] <= *last) {
                limit_die("%s: a count that does not go up", j->name);
            }
            sum += j->keeps ? counts[row] - *last : counts[row];
            *last = counts[row];
        }
    }
    bench_taken_clear(&j->taken);
    if (sum != j->plan->n_epochs * j->plan->n_records) {
        limit_die("%s: %lld records were counted", j->name, (long long)sum);
    }
}

/// CPU time of all epochs.
static int64_t turn(job *j, sl_batch *const *epochs)
{
    sl_error err = SL_ERROR_INIT;
    int64_t began_ns = limit_process_cpu_ns();
    for (int64_t e = 0; e < j->plan->n_epochs; e++) {
        bench_check(sl_queue_push(j->context, "keys", epochs[e], 1, &err), &err, "push");
    }
    bench_take_epochs(&j->taken, j->context, (size_t)j->plan->n_epochs);
    int64_t took_ns = limit_process_cpu_ns() - began_ns;
    check(j);
    return took_ns;
}

static void start(job *j, const plan *p)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "1GiB",   "progress", "none",     NULL};
    j->plan = p;
    j->counts = calloc(N_KEYS, sizeof *j->counts);
    if (j->counts == NULL) {
        limit_die("no memory");
    }
    j->context = bench_start(j->name, j->build, settings, &j->taken);
}

// ---- the program

static plan read_plan(int argc, char **argv)
{
    plan p = {.n_rounds = 7, .n_epochs = 8, .n_records = 1 << 20};
    int option;
    while ((option = getopt(argc, argv, "r:e:n:j:")) != -1) {
        switch (option) {
        case 'r':
            p.n_rounds = limit_number("-r", optarg, 1, MAX_ROUNDS);
            break;
        case 'e':
            p.n_epochs = limit_number("-e", optarg, 1, MAX_EPOCHS);
            break;
        case 'n':
            p.n_records = limit_number("-n", optarg, 1, 1 << 26);
            break;
        case 'j':
            p.only = optarg;
            break;
        default:
            limit_die("usage: running [-r ROUNDS] [-e EPOCHS] [-n RECORDS_AN_EPOCH] [-j JOB]");
        }
    }
    return p;
}

static void report(const job *j, int64_t *took_ns, int64_t *share, const plan *p)
{
    size_t n = (size_t)p->n_rounds;
    uint64_t records = (uint64_t)(p->n_epochs * p->n_records);
    limit_sort(took_ns, n);
    limit_sort(share, n);
    printf("running job=%s rounds=%zu epochs=%lld records=%lld median_mrecords_s=%.2f "
           "share=%.1f lowest=%.1f highest=%.1f\n",
           j->name, n, (long long)p->n_epochs, (long long)p->n_records,
           bench_per_us(records, limit_quantile(took_ns, n, 500)),
           (double)limit_quantile(share, n, 500) / 10, (double)share[0] / 10,
           (double)share[n - 1] / 10);
}

static bool is_wanted(const job *j, const plan *p)
{
    return p->only == NULL || strcmp(p->only, j->name) == 0;
}

static void measure(job *jobs, sl_batch *const *epochs, const plan *p)
{
    static int64_t took_ns[N_JOBS][MAX_ROUNDS], share[N_JOBS][MAX_ROUNDS];
    for (int64_t r = -1; r < p->n_rounds; r++) {
        for (int k = 0; k < N_JOBS; k++) {
            int64_t ns = is_wanted(&jobs[k], p) ? turn(&jobs[k], epochs) : 1;
            if (r >= 0) {
                took_ns[k][r] = ns;
                share[k][r] = took_ns[0][r] * 1000 / ns;
            }
        }
    }
    for (int k = 0; k < N_JOBS; k++) {
        if (is_wanted(&jobs[k], p)) {
            report(&jobs[k], took_ns[k], share[k], p);
        }
    }
}

int main(int argc, char **argv)
{
    static job jobs[N_JOBS] = {{.name = "count", .build = count},
                               {.name = "reduced", .build = reduced, .keeps = true},
                               {.name = "direct", .build = direct, .keeps = true}};
    static double chances[N_KEYS];
    sl_batch *epochs[MAX_EPOCHS];
    plan p = read_plan(argc, argv);
    uint64_t random = 7;
    fill_chances(chances);
    for (int64_t e = 0; e < p.n_epochs; e++) {
        epochs[e] = draw_epoch(chances, &random, p.n_records);
    }
    for (int k = 0; k < N_JOBS; k++) {
        start(&jobs[k], &p);
    }
    measure(jobs, epochs, &p);
    for (int k = 0; k < N_JOBS; k++) {
        sl_context_free(jobs[k].context);
        free(jobs[k].counts);
    }
    for (int64_t e = 0; e < p.n_epochs; e++) {
        sl_batch_unref(epochs[e]);
    }
    return 0;
}
