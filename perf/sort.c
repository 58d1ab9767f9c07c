// sort.c — the rows of limit/sort.c sorted by sl_rdd_sort_by, through the public interface only, by
// one worker.
//
// Timed is user + system time of the whole process from the making of the RDD to the last sorted
// batch: the sample, both stages, and giving memory back included. The batches lie in memory
// before; looking at the result is outside.
//
//     sort [-n ROWS] [-p PARTITIONS] [-r REPETITIONS]
#include "bench.h"
#include "perf/limit/sort_rows.h"

#include <unistd.h>

enum { MAX_BATCHES = 1 << 16, INPUT_ROWS = 1 << 16 };

typedef struct result {
    sl_batch *batches[MAX_BATCHES];
    int32_t n;
} result;

static sl_batch *batch_of(const sort_input *in, size_t from, size_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_schema_parse(&schema, "k int64, v int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    memcpy(sl_builder_reserve(builder, 0, (int64_t)n), in->keys + from, n * sizeof(int64_t));
    memcpy(sl_builder_reserve(builder, 1, (int64_t)n), in->values + from, n * sizeof(int64_t));
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

static sl_code take(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    result *r = ctx;
    (void)partition;
    if (r->n == MAX_BATCHES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d batches", MAX_BATCHES);
    }
    r->batches[r->n++] = sl_batch_ref(batch);
    return SL_OK;
}

static void check(result *r, const sort_input *in)
{
    sort_check c = {0};
    for (int32_t i = 0; i < r->n; i++) {
        const sl_column *keys = sl_batch_column(r->batches[i], 0);
        const sl_column *values = sl_batch_column(r->batches[i], 1);
        for (int64_t row = 0; row < keys->n_rows; row++) {
            sort_check_row(&c, sl_column_int64(keys, row), sl_column_int64(values, row));
        }
        sl_batch_unref(r->batches[i]);
    }
    r->n = 0;
    sort_check_end(&c, in);
}

int main(int argc, char **argv)
{
    size_t n = 10000000;
    int64_t n_partitions = 64, n_repetitions = 3, cpu_ns[100];
    int option;
    while ((option = getopt(argc, argv, "n:p:r:")) != -1) {
        if (option == 'n') {
            n = (size_t)limit_number("-n", optarg, 1, 1000000000);
        } else if (option == 'p') {
            n_partitions = limit_number("-p", optarg, 1, 1024);
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 99);
        } else {
            limit_die("usage: sort [-n ROWS] [-p PARTITIONS] [-r REPETITIONS]");
        }
    }
    static const char *const settings[] = {"master", "local[1]", "memory", "4GiB", NULL};
    static result r;
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    bench_check(sl_session_new(&session, settings, &err), &err, "session");
    sort_input in = sort_input_new(n);
    int32_t n_batches = (int32_t)((n + INPUT_ROWS - 1) / INPUT_ROWS);
    const sl_batch **batches = calloc((size_t)n_batches, sizeof *batches);
    for (int32_t i = 0; i < n_batches; i++) {
        size_t from = (size_t)i * INPUT_ROWS;
        batches[i] = batch_of(&in, from, n - from < INPUT_ROWS ? n - from : INPUT_ROWS);
    }
    for (int64_t i = 0; i <= n_repetitions; i++) { // the first is thrown away: its memory is new
        int64_t begin_ns = limit_process_cpu_ns();
        sl_rdd *rows = sl_rdd_of_batches(session, batches, n_batches, 1);
        sl_rdd *sorted = sl_rdd_sort_by(rows, "k", (int32_t)n_partitions);
        bench_check(sl_rdd_foreach(sorted, take, &r, &err), &err, "sort");
        sl_rdd_unref(sorted);
        sl_rdd_unref(rows);
        cpu_ns[i > 0 ? i - 1 : 0] = limit_process_cpu_ns() - begin_ns;
        check(&r, &in);
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    printf("sort rows=%zu partitions=%lld repetitions=%lld best_mrows_s=%.2f median_mrows_s=%.2f\n",
           n, (long long)n_partitions, (long long)n_repetitions, bench_per_us(n, cpu_ns[0]),
           bench_per_us(n, limit_quantile(cpu_ns, (size_t)n_repetitions, 500)));
    for (int32_t i = 0; i < n_batches; i++) {
        sl_batch_unref(batches[i]);
    }
    free(batches);
    sort_input_free(&in);
    sl_session_free(session);
    return 0;
}
