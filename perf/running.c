// running.c — a running count by mapWithState beside the count of the same records without state;
// and by runningByKey, beside a loop that does nothing else.
//
// The records are 1,000,000 keys (int64) drawn with Zipf's law, exponent 1.0, or (-u) each as
// likely as the others, in epochs that lie in memory and are pushed into a queue, one an epoch.
// Four jobs and a loop take turns at the same epochs:
//
//     count    reduceByKey: how often each key is in this epoch
//     reduced  the same, then mapWithState on these counts: what a good user writes
//     direct   mapWithState on the records: a row for each of them
//     by_key   runningByKey on the records
//     loop     a table with open addressing, and a row for each key of the epoch: what the machine
//              could do
//
// Timed is user + system time of the whole process from the first push to the last result, of each
// turn; a turn is all epochs. The first turn fills the state and is thrown away. What is printed is
// the median over all rounds of the records a second, and of the share of `count` that the others
// (by_key: of `loop`) reach in the same round. Every running count is checked after its turn.
//
//     running [-u] [-r ROUNDS] [-e EPOCHS] [-n RECORDS_AN_EPOCH] [-j JOB]
#include "taken.h"
#include "zipf_keys.h"

#include <unistd.h>

enum { MAX_ROUNDS = 1000, MAX_EPOCHS = 64, N_JOBS = 5, N_SLOTS = 1 << 21 };

typedef struct plan {
    int64_t n_rounds, n_epochs, n_records;
    bool is_uniform;
    const char *only; ///< one job, for a profile
} plan;

typedef struct job {
    const char *name;
    sl_build_fn build; ///< NULL: the loop
    bool keeps;        ///< its counts run on
    int beside;        ///< the job that it is compared with
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

static void by_key(sl_graph *graph)
{
    sl_stream *keys = sl_stream_queue(graph, "keys", "key int64", true);
    sl_stream_foreach_rdd(sl_stream_running_by_key(keys, "key", "count() as total"), &bench_take_fn,
                          NULL);
}

// ---- the loop

typedef struct slot {
    int64_t key, count; ///< count 0: empty
    int64_t epoch;      ///< that touched it last
} slot;

static slot table[N_SLOTS];

/// The schema of what is made of an epoch: its keys with their counts.
static sl_schema *counts_schema(void)
{
    static sl_schema *schema;
    sl_error err = SL_ERROR_INIT;
    if (schema == NULL) {
        bench_check(sl_schema_parse(&schema, "key int64, total int64", &err), &err, "schema");
    }
    return schema;
}

/// The epoch's keys in the order in which they were first seen, as slots.
static int64_t count_epoch(const int64_t *keys, int64_t n, int64_t epoch, uint32_t *touched)
{
    int64_t n_touched = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = ((uint64_t)keys[i] * 0x9E3779B97F4A7C15u) >> 43;
        while (table[at].count > 0 && table[at].key != keys[i]) {
            at = (at + 1) % N_SLOTS;
        }
        table[at].key = keys[i];
        table[at].count++;
        if (table[at].epoch != epoch) {
            table[at].epoch = epoch;
            touched[n_touched++] = (uint32_t)at;
        }
    }
    return n_touched;
}

static sl_batch *counts_of(const uint32_t *touched, int64_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_builder_new(&builder, counts_schema(), &err), &err, "builder");
    int64_t *keys = sl_builder_reserve(builder, 0, n), *counts = sl_builder_reserve(builder, 1, n);
    for (int64_t i = 0; i < n && keys != NULL && counts != NULL; i++) {
        keys[i] = table[touched[i]].key;
        counts[i] = table[touched[i]].count;
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "counts");
    sl_builder_free(builder);
    return batch;
}

static void run_loop(job *j, sl_batch *const *epochs)
{
    static uint32_t touched[ZIPF_KEYS];
    static int64_t epoch;
    for (int64_t e = 0; e < j->plan->n_epochs; e++) {
        const int64_t *keys = sl_batch_column(epochs[e], 0)->values;
        int64_t n = count_epoch(keys, j->plan->n_records, ++epoch, touched);
        j->taken.batches[j->taken.n++] = counts_of(touched, n);
    }
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
    for (int64_t e = 0; e < j->plan->n_epochs && j->build != NULL; e++) {
        bench_check(sl_queue_push(j->context, "keys", epochs[e], 1, &err), &err, "push");
    }
    if (j->build == NULL) {
        run_loop(j, epochs);
    } else {
        bench_take_epochs(&j->taken, j->context, (size_t)j->plan->n_epochs);
    }
    int64_t took_ns = limit_process_cpu_ns() - began_ns;
    check(j);
    return took_ns;
}

static void start(job *j, const plan *p)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "1GiB",   "progress", "none",     NULL};
    j->plan = p;
    j->counts = calloc(ZIPF_KEYS, sizeof *j->counts);
    if (j->counts == NULL) {
        limit_die("no memory");
    }
    j->context = j->build == NULL ? NULL : bench_start(j->name, j->build, settings, &j->taken);
}

// ---- the program

static plan read_plan(int argc, char **argv)
{
    plan p = {.n_rounds = 7, .n_epochs = 8, .n_records = 1 << 20};
    int option;
    while ((option = getopt(argc, argv, "ur:e:n:j:")) != -1) {
        switch (option) {
        case 'u':
            p.is_uniform = true;
            break;
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
            limit_die("usage: running [-u] [-r ROUNDS] [-e EPOCHS] [-n RECORDS_AN_EPOCH] [-j JOB]");
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
            }
        }
        for (int k = 0; k < N_JOBS && r >= 0; k++) {
            share[k][r] = took_ns[jobs[k].beside][r] * 1000 / took_ns[k][r];
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
                               {.name = "direct", .build = direct, .keeps = true},
                               {.name = "by_key", .build = by_key, .keeps = true, .beside = 4},
                               {.name = "loop", .keeps = true, .beside = 4}};
    sl_batch *epochs[MAX_EPOCHS];
    plan p = read_plan(argc, argv);
    zipf_draw_epochs(epochs, p.n_epochs, p.n_records, p.is_uniform);
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
