/// bus_test.c — the listeners' queue: order, a listener that blocks, listeners that come and go.
#include "metrics/bus.h"

#include <stdio.h>
#include <string.h>

#include "env/sim.h"
#include "sl_test.h"

enum { QUEUE = 8 };

typedef struct bed {
    sli_world *world; ///< NULL: the real world
    sl_env *env;
    sli_log *log;
    sli_metrics *metrics;
    sli_bus *bus;
    char logged[600];
    int n_logged;
} bed;

static void write_log(void *self, sli_level level, const char *module, const char *line)
{
    bed *b = self;
    (void)level, (void)module;
    (void)snprintf(b->logged, sizeof b->logged, "%s", line);
    b->n_logged++;
}

static void bed_open(bed *b, bool sim)
{
    *b = (bed){0};
    if (sim) {
        b->world = sli_world_new(&(sli_world_conf){.seed = 3});
        assert_int_equal(sli_world_boot(b->world, NULL, &b->env, NULL), SL_OK);
    } else {
        assert_int_equal(sli_env_posix(&b->env, NULL), SL_OK);
    }
    sli_log_sink sink = {write_log, b};
    assert_int_equal(sli_log_new(&b->log, "warn", sink, NULL), SL_OK);
    assert_int_equal(sli_metrics_new(&b->metrics, b->env, NULL), SL_OK);
    assert_int_equal(sli_bus_new(&b->bus, b->env, NULL), SL_OK);
    sli_bus_open(b->bus, b->log, b->metrics, QUEUE);
}

static void bed_close(bed *b)
{
    sli_bus_free(b->bus);
    sli_metrics_free(b->metrics);
    sli_log_free(b->log);
    sli_env_free(b->env);
    sli_world_free(b->world);
}

/// A listener that notes what it is told, and may wait inside its first call.
typedef struct ear {
    bed *b;
    char heard[400];
    sli_signal *inside, *go_on; ///< NULL: it never waits
    sli_signal *there;          ///< NULL, or set once it has heard of `until`
    int64_t until;
    const sl_listener *leaves; ///< removes itself after the first event
    bool was_inside;
    sl_code left; ///< what its removal of itself gave
    int done;
} ear;

static void hear(ear *e, const char *what, int64_t number)
{
    size_t size = strlen(e->heard);
    (void)snprintf(e->heard + size, sizeof e->heard - size, "%s%lld ", what, (long long)number);
    if (e->inside != NULL) {
        sli_signal *go_on = e->go_on;
        sli_signal_set(e->inside);
        e->inside = NULL;
        (void)!sli_signal_wait(go_on, SLI_FOREVER, NULL);
    }
    if (e->there != NULL && number == e->until) {
        sli_signal_set(e->there);
    }
    if (e->leaves != NULL) {
        e->was_inside = sli_bus_is_inside(e->b->bus);
        e->left = sli_bus_remove(e->b->bus, e->leaves, e, NULL);
    }
}

static void on_started(void *ctx, int64_t time_us)
{
    hear(ctx, "started", time_us);
}

static void on_batch(void *ctx, const sl_batch_info *batch)
{
    bool whole = strcmp(batch->inputs[0].stream, "in") == 0 &&
                 strcmp(batch->outputs[1].failure, "full") == 0 &&
                 strcmp(batch->event.times[0].stream, "in") == 0 &&
                 strcmp(batch->event.operators[0].kind, "full") == 0;
    hear(ctx, whole ? "batch" : "rubbish", batch->epoch);
}

static void on_output(void *ctx, const sl_output_info *output)
{
    hear(ctx, output->name, output->epoch);
}

static void on_receiver(void *ctx, const sl_receiver_info *receiver)
{
    hear(ctx, receiver->last_error_text, receiver->last_error_us);
}

static const sl_listener all = {
    .struct_size = sizeof(sl_listener),
    .name = "all",
    .streaming_started = on_started,
    .receiver_error = on_receiver,
    .batch_completed = on_batch,
    .output_completed = on_output,
};
static const sl_listener only_batches = {
    .struct_size = sizeof(sl_listener), .name = "batches", .batch_completed = on_batch};

static void note_done(void *ctx)
{
    ((ear *)ctx)->done++;
}

/// The texts live for the call only: the bus must have copies.
static void post_batch(bed *b, int64_t epoch)
{
    char in[] = "in", why[] = "full";
    sl_input_info inputs[1] = {{.stream = in, .rows = 3}};
    sl_output_info outputs[2] = {{.id = 0}, {.id = 1, .failure = why}};
    sl_event_time_info times[1] = {{.stream = in}};
    sl_event_operator_info operators[1] = {{.stream = in, .kind = why}};
    sli_told told = {.kind = SLI_TOLD_BATCH_COMPLETED};
    told.of.batch = (sl_batch_info){.epoch = epoch,
                                    .inputs = inputs,
                                    .n_inputs = 1,
                                    .outputs = outputs,
                                    .n_outputs = 2,
                                    .event = {1, 1, times, operators}};
    sli_bus_post(b->bus, &told);
    memset(in, 'x', sizeof in);
    memset(why, 'x', sizeof why);
}

static void post_others(bed *b)
{
    sli_told told = {.kind = SLI_TOLD_STREAMING_STARTED, .of.time_us = 7};
    sli_bus_post(b->bus, &told);
    told.kind = SLI_TOLD_OUTPUT_COMPLETED;
    told.of.output = (sl_output_info){.name = "out", .epoch = 2};
    sli_bus_post(b->bus, &told);
    told.kind = SLI_TOLD_OUTPUT_STARTED; // nobody has a function for it
    sli_bus_post(b->bus, &told);
    told.kind = SLI_TOLD_RECEIVER_ERROR;
    told.of.receiver = (sl_receiver_info){.last_error_text = "refused", .last_error_us = 9};
    sli_bus_post(b->bus, &told);
}

static void on_fence(void *ctx, const sl_receiver_info *receiver)
{
    (void)receiver;
    sli_signal_set(ctx);
}

/// Waits until all that was posted has been told. The queue must have room for its own event.
static void fence(bed *b)
{
    static const sl_listener last = {
        .struct_size = sizeof(sl_listener), .name = "fence", .receiver_stopped = on_fence};
    sli_signal *told = sli_signal_new(b->env);
    assert_int_equal(sli_bus_add(b->bus, &last, told, NULL, NULL), SL_OK);
    sli_bus_post(b->bus, &(sli_told){.kind = SLI_TOLD_RECEIVER_STOPPED});
    assert_int_equal(sli_signal_wait(told, SLI_FOREVER, NULL), SL_OK);
    assert_int_equal(sli_bus_remove(b->bus, &last, told, NULL), SL_OK);
    sli_signal_free(told);
}

#define BOTH(name)                                                                                 \
    static void check_##name(bed *b);                                                              \
    SL_TEST(name##_posix, "")                                                                      \
    {                                                                                              \
        bed b;                                                                                     \
        bed_open(&b, false);                                                                       \
        check_##name(&b);                                                                          \
        bed_close(&b);                                                                             \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        bed b;                                                                                     \
        bed_open(&b, true);                                                                        \
        check_##name(&b);                                                                          \
        bed_close(&b);                                                                             \
    }                                                                                              \
    static void check_##name(bed *b)

BOTH(listeners_are_told_everything_in_order)
{
    ear one = {.b = b}, two = {.b = b};
    assert_false(sli_bus_wants(b->bus));
    post_batch(b, 1); // nobody listens yet
    assert_int_equal(sli_bus_add(b->bus, &all, &one, NULL, NULL), SL_OK);
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &two, note_done, NULL), SL_OK);
    assert_true(sli_bus_wants(b->bus));
    post_others(b);
    fence(b);
    post_batch(b, 2);
    post_batch(b, 3);
    fence(b);
    assert_string_equal(one.heard, "started7 out2 refused9 batch2 batch3 ");
    assert_string_equal(two.heard, "batch2 batch3 ");
    assert_int_equal(sli_bus_remove(b->bus, &only_batches, &two, NULL), SL_OK);
    assert_int_equal(two.done, 1);
    assert_int_equal(sli_bus_remove(b->bus, &only_batches, &two, NULL), SL_E_NOT_FOUND);
    post_batch(b, 4);
    fence(b);
    assert_string_equal(two.heard, "batch2 batch3 ");
    assert_int_equal(b->n_logged, 0);
}

BOTH(what_comes_too_fast_for_a_listener_is_dropped_counted_and_told_once)
{
    ear slow = {.b = b, .inside = sli_signal_new(b->env), .go_on = sli_signal_new(b->env)};
    slow.there = sli_signal_new(b->env);
    slow.until = 8; // the last one that is kept
    sli_signal *inside = slow.inside;
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &slow, NULL, NULL), SL_OK);
    post_batch(b, 1);
    assert_int_equal(sli_signal_wait(inside, SLI_FOREVER, NULL), SL_OK); // it blocks in epoch 1
    for (int64_t epoch = 2; epoch <= 13; epoch++) {
        post_batch(b, epoch); // returns, whatever the listener does
    }
    assert_int_equal(b->n_logged, 1);
    assert_non_null(strstr(b->logged, "8 events wait for listeners"));
    sli_str text = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_metrics_prometheus(b->metrics, &text, NULL), SL_OK);
    assert_non_null(strstr(text.data, "sluice_listener_events_dropped_total 5\n"));
    sli_str_reset(&text);
    sli_signal_set(slow.go_on);
    assert_int_equal(sli_signal_wait(slow.there, SLI_FOREVER, NULL), SL_OK);
    post_batch(b, 14);
    fence(b);
    assert_string_equal(slow.heard,
                        "batch1 batch2 batch3 batch4 batch5 batch6 batch7 batch8 batch14 ");
    sli_signal_free(slow.there);
    sli_signal_free(inside);
    sli_signal_free(slow.go_on);
}

typedef struct remover {
    ear *of;
    sli_signal *done;
    sl_code rc;
} remover;

static void remove_slow(void *ctx)
{
    remover *r = ctx;
    bed *b = r->of->b;
    r->rc = sli_bus_remove(b->bus, &only_batches, r->of, NULL);
    sli_signal_set(r->done);
}

BOTH(a_removed_listener_is_not_running_any_more)
{
    ear slow = {.b = b, .inside = sli_signal_new(b->env), .go_on = sli_signal_new(b->env)};
    sli_signal *inside = slow.inside;
    sli_strand *strand = sli_strand_new(b->env, "remover");
    remover r = {&slow, sli_signal_new(b->env), SL_E_STATE};
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &slow, note_done, NULL), SL_OK);
    post_batch(b, 1);
    post_batch(b, 2);
    assert_int_equal(sli_signal_wait(inside, SLI_FOREVER, NULL), SL_OK);
    assert_true(sli_strand_post(strand, remove_slow, &r));
    int64_t soon = sli_env_mono_us(b->env) + 10000;
    assert_int_equal(sli_signal_wait(r.done, soon, NULL), SL_E_TIMEOUT); // a call of it runs
    assert_int_equal(slow.done, 0);
    sli_signal_set(slow.go_on);
    assert_int_equal(sli_signal_wait(r.done, SLI_FOREVER, NULL), SL_OK);
    sli_strand_free(strand);
    assert_int_equal(r.rc, SL_OK);
    assert_int_equal(slow.done, 1);
    assert_string_equal(slow.heard, "batch1 "); // what waited for it is not its any more
    sli_signal_free(r.done);
    sli_signal_free(inside);
    sli_signal_free(slow.go_on);
}

BOTH(a_listener_hears_of_what_is_posted_after_it_came)
{
    ear slow = {.b = b, .inside = sli_signal_new(b->env), .go_on = sli_signal_new(b->env)};
    ear late = {.b = b};
    sli_signal *inside = slow.inside;
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &slow, NULL, NULL), SL_OK);
    post_batch(b, 1);
    post_batch(b, 2);
    assert_int_equal(sli_signal_wait(inside, SLI_FOREVER, NULL), SL_OK);
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &late, NULL, NULL), SL_OK);
    post_batch(b, 3);
    sli_signal_set(slow.go_on);
    fence(b);
    assert_string_equal(slow.heard, "batch1 batch2 batch3 ");
    assert_string_equal(late.heard, "batch3 ");
    sli_signal_free(inside);
    sli_signal_free(slow.go_on);
}

BOTH(a_listener_may_remove_itself)
{
    ear one = {.b = b, .leaves = &only_batches}, two = {.b = b};
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &one, note_done, NULL), SL_OK);
    assert_int_equal(sli_bus_add(b->bus, &only_batches, &two, NULL, NULL), SL_OK);
    assert_false(sli_bus_is_inside(b->bus));
    post_batch(b, 1);
    post_batch(b, 2);
    fence(b);
    assert_string_equal(one.heard, "batch1 ");
    assert_true(one.was_inside);
    assert_int_equal(one.left, SL_OK);
    assert_int_equal(one.done, 1);
    assert_string_equal(two.heard, "batch1 batch2 ");
}

BOTH(listeners_that_can_not_be_are_refused)
{
    ear e = {.b = b};
    sl_error error = SL_ERROR_INIT;
    static const sl_listener nameless = {.struct_size = sizeof(sl_listener)};
    static const sl_listener small = {.struct_size = 8, .name = "small"};
    assert_int_equal(sli_bus_add(b->bus, NULL, &e, NULL, NULL), SL_E_INVALID);
    assert_int_equal(sli_bus_add(b->bus, &nameless, &e, NULL, NULL), SL_E_INVALID);
    assert_int_equal(sli_bus_add(b->bus, &small, &e, NULL, NULL), SL_E_INVALID);
    assert_int_equal(sli_bus_add(b->bus, &all, &e, NULL, NULL), SL_OK);
    assert_int_equal(sli_bus_add(b->bus, &all, &e, NULL, &error), SL_E_EXISTS);
    assert_non_null(strstr(error.text, "'all'"));
    static ear many[SLI_BUS_MAX_LISTENERS]; // told until the bus is closed
    memset(many, 0, sizeof many);
    for (int i = 1; i < SLI_BUS_MAX_LISTENERS; i++) {
        assert_int_equal(sli_bus_add(b->bus, &all, &many[i], note_done, NULL), SL_OK);
    }
    assert_int_equal(sli_bus_add(b->bus, &all, &many[0], note_done, NULL), SL_E_INVALID);
    assert_int_equal(many[0].done, 0);
}

SL_TEST(no_memory_drops_an_event_and_nothing_else, "")
{
    bed b;
    bed_open(&b, true);
    ear e = {.b = &b};
    assert_int_equal(sli_bus_add(b.bus, &only_batches, &e, NULL, NULL), SL_OK);
    for (int64_t n = 1; n <= 2; n++) { // the arena, its first chunk
        sli_mem_fail_nth(n);
        post_batch(&b, n);
        sli_mem_fail_nth(0);
    }
    post_batch(&b, 3);
    fence(&b);
    assert_string_equal(e.heard, "batch3 ");
    bed_close(&b);
}
