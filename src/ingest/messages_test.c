// Messages that a receiver takes: repeats of an id vanish, whenever and wherever the process dies
// between, and what is acknowledged is in the log.
#include <stdio.h>

#include "ingest/fixture_test.h"

#include "sl_test.h"

static const sli_message_column cells[] = {{"topic", SLI_CELL_TEXT}, {0}};

static void put_message(sli_str *out, const char *id, const char *value)
{
    sli_message m = {.value = {value, strlen(value)},
                     .id = {id, id == NULL ? 0 : strlen(id)},
                     .cells = {{"t", 1}}};
    sli_message_put(out, &m, 1);
}

/// Hands over one message; returns how many bytes have been given so far by these calls.
static int64_t give_message(life *l, const char *id, const char *value)
{
    sli_str bytes = SLI_STR_INIT;
    put_message(&bytes, id, value);
    (void)l->source->take(l->source->ctx, bytes.data, bytes.size, SLI_TAIL_OPEN);
    int64_t n = (int64_t)bytes.size;
    sli_str_reset(&bytes);
    return n;
}

static life begin(sli_world *world, const sli_fault *fault, bool checkpoint, const char *settings)
{
    return begin_life_of(world, fault, checkpoint, settings, "", cells);
}

static void expect_rows(life *l, const char *expected)
{
    sli_str rows = SLI_STR_INIT;
    sli_str_text(&rows, "");
    sl_bytes range = offer_and_read(l, INT64_MAX, &rows);
    assert_int_equal(l->rc, SL_OK);
    SL_CHECK_TEXT(rows.data, expected);
    if (range.size > 0) {
        l->input->ops->forget(l->input, range);
    }
    sli_str_reset(&rows);
}

static int64_t repeats(life *l)
{
    return sli_metric_value(
        sli_metrics_series(l->metrics, &sli_ingest_metrics[SLI_INGEST_REPEATS], "lines"));
}

SL_TEST(a_value_is_a_row_whatever_it_holds, "")
{
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        sli_world *world = new_world();
        life l = begin(world, &(sli_fault){0}, checkpoint == 1, "");
        assert_int_equal(l.rc, SL_OK);
        (void)give_message(&l, NULL, "one\ntwo");
        (void)give_message(&l, NULL, "");
        (void)give_message(&l, NULL, "three\r");
        work(&l);
        expect_rows(&l, "one\ntwo;;three\r;");
        assert_int_equal(sli_budget_used(l.budget), 0);
        end_life(&l);
        sli_world_free(world);
    }
}

SL_TEST(a_rate_cuts_between_messages, "BOUNDED-1")
{
    sli_world *world = new_world();
    life l = begin(world, &(sli_fault){0}, false, "receiver.max_rate=2");
    sli_str all = SLI_STR_INIT, rows = SLI_STR_INIT;
    for (int i = 0; i < 5; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "v%d\n", i);
        put_message(&all, NULL, value);
    }
    (void)l.source->take(l.source->ctx, all.data, all.size, SLI_TAIL_OPEN);
    (void)offer_and_read(&l, sli_ingest_limit(l.ingest, l.input, 1000000), &rows);
    SL_CHECK_TEXT(rows.data, "v0\n;v1\n;");
    sli_str_reset(&rows);
    sli_str_reset(&all);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(repeats_of_an_id_vanish_and_are_counted, "")
{
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        sli_world *world = new_world();
        life l = begin(world, &(sli_fault){0}, checkpoint == 1, "");
        int64_t given = give_message(&l, "a", "one");
        given += give_message(&l, "b", "two");
        given += give_message(&l, "a", "one again");
        given += give_message(&l, NULL, "without");
        given += give_message(&l, NULL, "without");
        work(&l);
        assert_int_equal(l.source->settled, given);
        expect_rows(&l, "one;two;without;without;");
        given += give_message(&l, "b", "two again");
        work(&l);
        assert_int_equal(l.source->settled, given); // a repeat is acknowledged like its first
        expect_rows(&l, "");
        assert_int_equal(repeats(&l), 2);
        end_life(&l);
        sli_world_free(world);
    }
}

// The last sync is told, too: who waits for its acknowledgement gets it from a job that ends.
SL_TEST(what_stop_makes_durable_is_settled, "DURABLE-1")
{
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        sli_world *world = new_world();
        life l = begin(world, &(sli_fault){0}, checkpoint == 1, "");
        int64_t given = give_message(&l, "a", "one");
        assert_int_equal(l.source->settled, 0);
        assert_int_equal(sli_ingest_stop(l.ingest, NULL), SL_OK);
        assert_int_equal(l.source->settled, given);
        end_life(&l);
        sli_world_free(world);
    }
}

SL_TEST(nothing_behind_what_is_in_the_log_is_settled, "DURABLE-1")
{
    sli_world *world = new_world();
    life l = begin(world, &(sli_fault){0}, true, "receiver.max_rate=1");
    (void)sli_ingest_limit(l.ingest, l.input, 1000000); // blocks of one row
    int64_t one = give_message(&l, "a", "one");
    int64_t all = one + give_message(&l, "b", "two") + give_message(&l, "a", "again");
    assert_int_equal(l.source->settled, 0);
    for (int i = 0; i < 200 && l.source->settled < all; i++) {
        int64_t durable = l.source->settled;
        assert_true(durable == 0 || durable == all || (durable >= 0 && durable <= one));
        work(&l);
    }
    assert_int_equal(l.source->settled, all);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(at_least_so_many_ids_are_known, "BOUNDED-1")
{
    sli_world *world = new_world();
    char id[16];
    for (int life_number = 0; life_number < 2; life_number++) {
        life l = begin(world, &(sli_fault){0}, true, "receiver.ids=50");
        for (int i = 0; life_number == 0 && i < 500; i++) {
            (void)snprintf(id, sizeof id, "id%d", i);
            (void)give_message(&l, id, "v");
            work(&l);
            sli_str rows = SLI_STR_INIT;
            sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
            assert_true(range.size > 0);
            l.input->ops->forget(l.input, range);
            sli_str_reset(&rows);
        }
        sli_str before = SLI_STR_INIT; // what the log still has is the next life's first epoch
        (void)offer_and_read(&l, INT64_MAX, &before);
        assert_true((before.size > 0) == (life_number == 1));
        sli_str_reset(&before);
        for (int i = 499; i >= 450; i--) { // the last fifty, in this life and the next
            (void)snprintf(id, sizeof id, "id%d", i);
            (void)give_message(&l, id, "v");
        }
        work(&l);
        expect_rows(&l, "");
        (void)give_message(&l, "id1", "old"); // long forgotten
        work(&l);
        expect_rows(&l, life_number == 0 ? "old;" : "");
        end_life(&l);
    }
    sli_world_free(world);
}

/// A sender gives three messages and repeats what was not acknowledged, in a process that dies at
/// call `n` and in the next.
static bool crash_at(int64_t n)
{
    static const char *const ids[] = {"a", "b", "c"}, *const values[] = {"one", "two", "three"};
    sli_world *world = new_world();
    life l = begin(world, &(sli_fault){.crash_at_call = n}, true, "");
    int acknowledged = 0;
    sli_str rows = SLI_STR_INIT;
    sli_str_text(&rows, "");
    for (int i = 0; i < 3 && l.rc == SL_OK; i++) {
        int64_t before = l.source->settled;
        int64_t size = give_message(&l, ids[i], values[i]);
        work(&l);
        acknowledged += l.rc == SL_OK && l.source->settled == before + size;
    }
    bool reached = sli_world_fault_reached(l.env);
    end_life(&l);
    sli_world_power_loss(world, true);
    l = begin(world, &(sli_fault){0}, true, "");
    assert_int_equal(l.rc, SL_OK);
    for (int i = acknowledged; i < 3; i++) {
        (void)give_message(&l, ids[i], values[i]);
    }
    work(&l);
    expect_rows(&l, "one;two;three;");
    for (int i = 0; i < 3; i++) { // and all of it once more
        (void)give_message(&l, ids[i], values[i]);
    }
    work(&l);
    expect_rows(&l, "");
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
    return reached;
}

SL_TEST(what_is_sent_until_it_is_acknowledged_counts_once_wherever_the_process_dies, "DURABLE-1")
{
    int64_t n = 1;
    while (crash_at(n)) {
        n++;
    }
    assert_true(n > 40);
}

SL_TEST(a_full_disk_acknowledges_nothing_and_loses_nothing, "DURABLE-1")
{
    for (int64_t n = 1; n < 60; n++) {
        sli_world *world = new_world();
        sli_fault fault = {.fail_at_call = n, .fail_code = SL_E_NO_SPACE};
        life l = begin(world, &fault, true, "");
        if (l.rc == SL_OK) {
            int64_t given = give_message(&l, "a", "one") + give_message(&l, "b", "two");
            work(&l);
            work(&l);
            assert_true(l.rc != SL_OK || l.source->settled == given || l.source->settled == 0);
        }
        end_life(&l);
        l = begin(world, &(sli_fault){0}, true, "");
        assert_int_equal(l.rc, SL_OK);
        (void)give_message(&l, "a", "one");
        (void)give_message(&l, "b", "two");
        work(&l);
        expect_rows(&l, "one;two;");
        end_life(&l);
        sli_world_free(world);
    }
}
