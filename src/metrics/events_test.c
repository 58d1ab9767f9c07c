/// events_test.c — the ring between those who emit and the driver.
#include "sl_test.h"

#include <pthread.h>

#include "metrics/metrics_int.h"

typedef struct seen {
    int64_t n, first, last, next;
    bool ordered;
    sli_metrics *again; // emits one more event whenever it is told of one
} seen;

static void note(void *ctx, const sli_event *event)
{
    seen *s = ctx;
    s->first = s->n == 0 ? event->epoch : s->first;
    s->ordered = (s->n == 0 || event->epoch > s->last) && (s->n == 0 || s->ordered);
    s->last = event->epoch;
    s->n++;
    if (s->again != NULL) {
        sli_metrics_emit(s->again, event);
    }
}

static sli_metrics *new_metrics(void)
{
    sli_metrics *m = NULL;
    assert_int_equal(sli_metrics_new(&m, NULL, NULL), SL_OK);
    return m;
}

static void emit(sli_metrics *m, sli_event_kind kind, int64_t epoch)
{
    sli_metrics_emit(m, &(sli_event){.kind = kind, .mono_us = 1, .epoch = epoch});
}

SL_TEST(events_reach_every_listener_in_order, "")
{
    sli_metrics *m = new_metrics();
    seen a = {0}, b = {0};
    assert_int_equal(sli_metrics_listen(m, note, &a, NULL), SL_OK);
    assert_int_equal(sli_metrics_listen(m, note, &b, NULL), SL_OK);
    for (int64_t i = 0; i < 1000; i++) {
        emit(m, SLI_EV_EPOCH_COMPLETED, i);
    }
    assert_int_equal(a.n, 0); // nobody is told before the driver drains
    sli_metrics_drain(m);
    assert_true(a.n == 1000 && a.first == 0 && a.last == 999 && a.ordered);
    assert_true(b.n == 1000 && b.ordered);
    sli_metrics_drain(m);
    assert_int_equal(a.n, 1000);
    sli_metrics_free(m);
}

SL_TEST(events_nobody_wants_are_not_kept, "")
{
    sli_metrics *m = new_metrics();
    emit(m, SLI_EV_EPOCH_COMPLETED, 1);
    assert_int_equal(m->ring.n, 0);
    assert_false(sli_metrics_wants(m, SLI_EV_TASKS));
    seen epochs = {0}, tasks = {0};
    assert_int_equal(
        sli_metrics_listen_some(m, SLI_EV_BIT(SLI_EV_EPOCH_COMPLETED), note, &epochs, NULL), SL_OK);
    assert_false(sli_metrics_wants(m, SLI_EV_TASKS));
    emit(m, SLI_EV_TASK_COMPLETED, 2);
    assert_int_equal(m->ring.n, 0);
    assert_int_equal(sli_metrics_listen_some(m, SLI_EV_TASKS, note, &tasks, NULL), SL_OK);
    assert_true(sli_metrics_wants(m, SLI_EV_TASKS));
    emit(m, SLI_EV_TASK_COMPLETED, 3);
    emit(m, SLI_EV_EPOCH_COMPLETED, 4);
    sli_metrics_drain(m);
    assert_true(epochs.n == 1 && epochs.last == 4);
    assert_true(tasks.n == 1 && tasks.last == 3);
    sli_metrics_free(m);
}

SL_TEST(events_listeners_are_limited, "")
{
    sli_metrics *m = new_metrics();
    seen s = {0};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_metrics_listen(m, NULL, &s, &err), SL_E_INVALID);
    assert_int_equal(sli_metrics_listen_some(m, 0, note, &s, &err), SL_E_INVALID);
    for (int i = 0; i < SLI_METRICS_MAX_LISTENERS; i++) {
        assert_int_equal(sli_metrics_listen(m, note, &s, &err), SL_OK);
    }
    assert_int_equal(sli_metrics_listen(m, note, &s, &err), SL_E_INVALID);
    assert_string_equal(err.text, "more than 16 listeners for events");
    emit(m, SLI_EV_SNAPSHOT, 1);
    sli_metrics_drain(m);
    assert_int_equal(s.n, 16);
    sli_metrics_free(m);
}

SL_TEST(events_full_ring_drops_the_oldest_and_counts, "")
{
    sli_metrics *m = new_metrics();
    seen s = {0};
    assert_int_equal(sli_metrics_listen(m, note, &s, NULL), SL_OK);
    for (int64_t i = 0; i < SLI_METRICS_MAX_EVENTS + 10; i++) {
        emit(m, SLI_EV_TASK_COMPLETED, i);
    }
    assert_int_equal(m->ring.capacity, SLI_METRICS_MAX_EVENTS);
    assert_int_equal(sli_metric_value(m->lost), 10);
    sli_metrics_drain(m);
    assert_true(s.n == SLI_METRICS_MAX_EVENTS && s.first == 10 && s.ordered);
    sli_metrics_free(m);
}

SL_TEST(events_keep_their_order_while_the_ring_turns, "")
{
    sli_metrics *m = new_metrics();
    seen s = {0};
    assert_int_equal(sli_metrics_listen(m, note, &s, NULL), SL_OK);
    int64_t next = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i <= round * 7 % 90; i++) {
            emit(m, SLI_EV_TASK_STARTED, next++);
        }
        sli_metrics_drain(m);
        assert_int_equal(s.n, next);
    }
    assert_true(s.ordered);
    assert_int_equal(sli_metric_value(m->lost), 0);
    sli_metrics_free(m);
}

SL_TEST(events_of_a_listener_wait_for_the_next_drain, "")
{
    sli_metrics *m = new_metrics();
    seen s = {.again = m};
    assert_int_equal(sli_metrics_listen(m, note, &s, NULL), SL_OK);
    emit(m, SLI_EV_RECOVERED, 1);
    sli_metrics_drain(m);
    assert_int_equal(s.n, 1);
    sli_metrics_drain(m);
    assert_int_equal(s.n, 2);
    sli_metrics_free(m);
}

SL_TEST(events_without_memory_are_lost_and_counted, "")
{
    sli_metrics *m = new_metrics();
    seen s = {0};
    assert_int_equal(sli_metrics_listen(m, note, &s, NULL), SL_OK);
    sli_mem_fail_nth(1);
    emit(m, SLI_EV_JOB_STARTED, 1);
    sli_mem_fail_nth(0);
    assert_int_equal(sli_metric_value(m->lost), 1);
    for (int64_t i = 2; i < 2 + 64; i++) {
        emit(m, SLI_EV_JOB_STARTED, i);
    }
    sli_mem_fail_nth(1); // the ring holds 64 and can't grow: the oldest goes
    emit(m, SLI_EV_JOB_STARTED, 66);
    sli_mem_fail_nth(0);
    assert_int_equal(sli_metric_value(m->lost), 2);
    sli_metrics_drain(m);
    assert_true(s.n == 64 && s.first == 3 && s.last == 66 && s.ordered);
    sli_metrics_free(m);
}

static void keep_last(void *ctx, const sli_event *event)
{
    *(sli_event *)ctx = *event;
}

SL_TEST(events_get_the_time_and_an_end, "")
{
    sl_env *env = NULL;
    sli_metrics *m = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(sli_metrics_new(&m, env, NULL), SL_OK);
    sli_event event = {.kind = SLI_EV_RECEIVER_ERROR}, got = {0};
    assert_int_equal(sli_metrics_listen(m, keep_last, &got, NULL), SL_OK);
    memset(event.text, 'x', sizeof(event.text));
    int64_t before = sli_env_mono_us(env);
    sli_metrics_emit(m, &event);
    sli_metrics_drain(m);
    assert_true(got.mono_us >= before && got.mono_us <= sli_env_mono_us(env));
    assert_int_equal(strlen(got.text), sizeof(got.text) - 1);
    sli_metrics_free(m);
    sli_env_free(env);
}

static void *emit_a_lot(void *ctx)
{
    for (int64_t i = 0; i < 5000; i++) {
        emit(ctx, SLI_EV_TASK_COMPLETED, i);
    }
    return NULL;
}

SL_TEST(events_come_from_many_threads, "")
{
    sli_metrics *m = new_metrics();
    seen s = {0};
    assert_int_equal(sli_metrics_listen(m, note, &s, NULL), SL_OK);
    pthread_t threads[3];
    int n = 0;
    while (n < 3 && pthread_create(&threads[n], NULL, emit_a_lot, m) == 0) {
        n++;
    }
    for (int i = 0; i < 100; i++) {
        sli_metrics_drain(m);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    sli_metrics_drain(m);
    assert_int_equal(n, 3);
    assert_int_equal(s.n + sli_metric_value(m->lost), 15000);
    assert_int_equal(sli_metric_value(m->lost), 0);
    sli_metrics_free(m);
}
