// A program that watches its job: a listener says which epochs were late and which outputs failed,
// and the program stops the job once it has counted enough. Numbers come from the built-in rate
// source.
#include <stdatomic.h>
#include <stdio.h>

#include <sluice/sluice.h>

enum { ENOUGH_ROWS = 2000 };

typedef struct watch {
    _Atomic long rows; // written by the listener, read by main
    long epochs;
} watch;

static void on_epoch(void *ctx, const sl_batch_info *batch)
{
    watch *w = ctx;
    w->epochs++;
    atomic_fetch_add(&w->rows, (long)batch->rows);
    if (batch->scheduling_delay_us > 100000) {
        printf("epoch %lld began %lld ms late\n", (long long)batch->epoch,
               (long long)(batch->scheduling_delay_us / 1000));
    }
}

static void on_output(void *ctx, const sl_output_info *output)
{
    (void)ctx;
    if (output->failure != NULL) {
        printf("output %s failed: %s\n", output->name, output->failure);
    }
}

static const sl_listener listener = {
    .struct_size = sizeof listener,
    .name = "watch",
    .batch_completed = on_epoch,
    .output_completed = on_output,
};

static void evens(sl_graph *graph)
{
    sl_stream *numbers = sl_stream_open(graph, "rate:?rows_per_second=10000");
    sl_stream_print(sl_stream_count(sl_stream_where(numbers, "value % 2 = 0")), 1);
}

/// Listeners run on a thread of their own and can't stop the job: main does it.
static sl_code run(sl_context *context, watch *w, sl_error *err)
{
    sl_code rc = sl_context_start(context, err);
    while (rc == SL_OK && atomic_load(&w->rows) < ENOUGH_ROWS) {
        rc = sl_context_await(context, 50000, err); // looks again after 50 ms
        rc = rc == SL_E_TIMEOUT ? SL_OK : rc;
    }
    if (rc == SL_OK) {
        rc = sl_context_stop(context, true, err);
    }
    return rc == SL_OK ? sl_context_await(context, -1, err) : rc;
}

int main(void)
{
    static const char *const settings[] = {"interval", "20ms", "master", "local", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    watch w = {0};
    sl_code rc = sl_context_new(&context, "watch", evens, settings, &err);
    if (rc == SL_OK) {
        rc = sl_context_add_listener(context, &listener, &w, &err);
    }
    if (rc == SL_OK) {
        rc = run(context, &w, &err);
    }
    if (rc != SL_OK) {
        fprintf(stderr, "watch: %s\n", err.text);
    }
    sl_context_free(context); // the listener has heard everything now
    printf("%ld rows in %ld epochs\n", atomic_load(&w.rows), w.epochs);
    return rc == SL_OK ? 0 : 1;
}
