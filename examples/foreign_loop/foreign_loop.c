// A job inside a program that has an event loop of its own (here plain poll): the program's thread
// drives the job, feeds it from memory, and goes on with its own work. Prints, for ten rounds, how
// many numbers were even.
#include <poll.h>
#include <stdio.h>

#include <sluice/sluice.h>

static void evens(sl_graph *graph)
{
    sl_stream *numbers = sl_stream_queue(graph, "numbers", "n int64", false);
    sl_stream_print(sl_stream_count(sl_stream_where(numbers, "n % 2 = 0")), 10);
}

static sl_code push(sl_context *context, int64_t from, sl_error *err)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sl_code rc = sl_schema_parse(&schema, "n int64", err);
    if (rc == SL_OK) {
        rc = sl_builder_new(&builder, schema, err);
    }
    for (int64_t i = 0; rc == SL_OK && i < 100; i++) {
        sl_builder_int64(builder, 0, from + i);
    }
    if (rc == SL_OK) {
        rc = sl_builder_finish(builder, &batch, err);
    }
    if (rc == SL_OK) {
        rc = sl_queue_push(context, "numbers", batch, 1, err);
    }
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rc;
}

/// One turn of the program's own loop: waits for the job or for anything else of its own, then lets
/// the job go on.
static sl_code turn(sl_context *context, sl_error *err)
{
    struct pollfd fds[1] = {
        {.fd = sl_context_fd(context), .events = POLLIN}}; // and the program's own descriptors
    int64_t due_us = sl_context_due_us(context);
    int timeout_ms = due_us > 1000000 ? 1000 : (int)((due_us + 999) / 1000);
    (void)poll(fds, 1, timeout_ms);
    return sl_context_step(context, err);
}

int main(void)
{
    static const char *const settings[] = {"interval", "20ms",  "max_epochs", "10",
                                           "master",   "local", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    sl_code rc = sl_context_new(&context, "evens", evens, settings, &err);
    if (rc == SL_OK) {
        rc = sl_context_start_stepped(context, &err);
    }
    for (int64_t from = 0; rc == SL_OK; from += 100) {
        rc = from < 1000 ? push(context, from, &err) : SL_OK;
        if (rc == SL_OK) {
            rc = turn(context, &err);
        }
    }
    if (rc != SL_E_END) {
        fprintf(stderr, "foreign_loop: %s\n", err.text);
    }
    sl_context_free(context);
    return rc == SL_E_END ? 0 : 1;
}
