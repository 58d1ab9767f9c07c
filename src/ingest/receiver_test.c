// Receivers in the simulated world: a fake source hands over bytes as the test says; with a
// checkpoint the blocks survive crashes, and what no plan named comes first afterwards.
#include <stdio.h>

#include "ingest/fixture_test.h"

#include "sl_test.h"

// ---------------------------------------------------------------- tests

SL_TEST(whole_records_are_offered_and_half_ones_wait, "")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, false, "");
    sli_str rows = SLI_STR_INIT;
    assert_int_equal(l.rc, SL_OK);
    assert_true(give(&l, "one\ntwo\nthr", SLI_TAIL_OPEN));
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, "one;two;");
    assert_true(give(&l, "ee\n", SLI_TAIL_OPEN));
    sli_str_clear(&rows);
    (void)offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, "three;");
    assert_true(give(&l, "last", SLI_TAIL_ENDED)); // the stream ended: the rest is a record
    sli_str_clear(&rows);
    (void)offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, "last;");
    l.input->ops->forget(l.input, range);
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(half_a_record_of_a_broken_connection_is_dropped, "")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, false, "");
    sli_str rows = SLI_STR_INIT;
    assert_true(give(&l, "one\ntw", SLI_TAIL_OPEN));
    assert_true(give(&l, "", SLI_TAIL_LOST));
    assert_true(give(&l, "three\n", SLI_TAIL_OPEN));
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, "one;three;");
    l.input->ops->forget(l.input, range);
    assert_int_equal(sli_budget_used(l.budget), 0);
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(a_stop_keeps_whole_records_and_drops_half_a_one, "DURABLE-2")
{
    for (int stop = 0; stop < 4; stop++) {
        sli_world *world = new_world();
        life l = begin_life(world, &(sli_fault){0}, stop / 2 == 1, "");
        sli_str rows = SLI_STR_INIT;
        bool half = stop % 2 == 0; // or a last line whose '\r' might have been half of "\r\n"
        assert_true(give(&l, half ? "one\ntwo\nthr" : "one\rtwo\r", SLI_TAIL_OPEN));
        assert_int_equal(sli_ingest_stop(l.ingest, NULL), SL_OK);
        sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
        SL_CHECK_TEXT(rows.data, "one;two;");
        l.input->ops->forget(l.input, range);
        assert_int_equal(sli_budget_used(l.budget), 0);
        sli_str_reset(&rows);
        end_life(&l);
        sli_world_free(world);
    }
}

SL_TEST(an_empty_offer_has_no_range, "")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, false, "");
    sli_str rows = SLI_STR_INIT;
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    assert_int_equal(range.size, 0);
    assert_int_equal(rows.size, 0);
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(a_full_receiver_stops_reading_and_goes_on_when_there_is_room, "BOUNDED-1")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, false, "receiver.max_pending=4KiB");
    sli_str rows = SLI_STR_INIT;
    char line[1025];
    memset(line, 'x', 1023);
    line[1023] = '\n';
    line[1024] = '\0';
    assert_true(give(&l, line, SLI_TAIL_OPEN));
    assert_true(give(&l, line, SLI_TAIL_OPEN));
    assert_true(give(&l, line, SLI_TAIL_OPEN));
    assert_false(give(&l, line, SLI_TAIL_OPEN)); // taken all the same
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    assert_int_equal(rows.size, 4 * 1024);
    sli_ingest_turn(l.ingest);
    assert_int_equal(l.source->resumed, 0); // offered is not committed
    l.input->ops->forget(l.input, range);
    sli_ingest_turn(l.ingest);
    assert_int_equal(l.source->resumed, 1);
    assert_int_equal(sli_budget_used(l.budget), 0);
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

/// `n` bytes that end no record.
static bool give_many(life *l, int64_t n, sli_tail tail)
{
    char bytes[1024];
    memset(bytes, 'x', sizeof bytes);
    bool more = true;
    for (int64_t left = n; left > 0; left -= (int64_t)sizeof bytes) {
        bool last = left <= (int64_t)sizeof bytes;
        more = l->source->take(l->source->ctx, bytes, last ? (size_t)left : sizeof bytes,
                               last ? tail : SLI_TAIL_OPEN);
    }
    return more;
}

SL_TEST(a_record_may_be_longer_than_what_may_wait, "BOUNDED-1")
{
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        sli_world *world = new_world();
        life l = begin_life(world, &(sli_fault){0}, checkpoint == 1, "receiver.max_pending=4KiB");
        sli_str rows = SLI_STR_INIT;
        assert_true(give_many(&l, 10 << 10, SLI_TAIL_OPEN)); // else its end would never be read
        assert_true(give(&l, "\r", SLI_TAIL_OPEN));
        assert_false(give(&l, "\nnext\n", SLI_TAIL_OPEN));
        work(&l);
        sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
        assert_int_equal(rows.size, (10 << 10) + strlen(";next;"));
        l.input->ops->forget(l.input, range);
        sli_ingest_turn(l.ingest);
        assert_int_equal(l.source->resumed, 1);
        assert_int_equal(sli_budget_used(l.budget), 0);
        sli_str_reset(&rows);
        end_life(&l);
        sli_world_free(world);
    }
}

/// What follows a record over max_record, and what is read then with malformed=skip.
typedef struct long_case {
    const char *then;
    sli_tail tail;
    const char *rows;
} long_case;

static void check_long_record(const long_case *c, bool checkpoint)
{
    sli_world *world = new_world();
    life l = begin_life_of(world, &(sli_fault){0}, checkpoint, "receiver.max_pending=4KiB",
                           "max_record=8KiB malformed=skip", NULL);
    sli_str rows = SLI_STR_INIT;
    assert_true(give(&l, "first\n", SLI_TAIL_OPEN));
    (void)give_many(&l, 100 << 10, SLI_TAIL_OPEN);
    assert_in_range(sli_budget_used(l.budget), 1, 8 << 10 | 2048); // the start only
    work(&l);
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    l.input->ops->forget(l.input, range);
    sli_ingest_turn(l.ingest);
    assert_true(give(&l, c->then, c->tail));
    assert_true(give(&l, "last\n", SLI_TAIL_OPEN));
    work(&l);
    range = offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, c->rows);
    l.input->ops->forget(l.input, range);
    assert_int_equal(sli_budget_used(l.budget), 0);
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(of_a_record_over_max_record_only_the_start_is_kept, "BOUNDED-1")
{
    static const long_case cases[] = {
        {"xx\nnext\n", SLI_TAIL_OPEN, "first;next;last;"},
        {"xx\r\nnext\n", SLI_TAIL_OPEN, "first;next;last;"},
        {"xx\rnext\r", SLI_TAIL_OPEN, "first;next;last;"}, // then '\r' ends records
        {"xx\r", SLI_TAIL_OPEN, "first;last;"},
        {"xx", SLI_TAIL_ENDED, "first;last;"}, // the connection's end is the record's
        {"xx", SLI_TAIL_LOST, "first;last;"},
        {"xx\r", SLI_TAIL_LOST, "first;last;"},
        {"xx\nnext\nhalf", SLI_TAIL_LOST, "first;next;last;"},
        {"xx\nnext", SLI_TAIL_ENDED, "first;next;last;"},
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        check_long_record(&cases[i / 2], i % 2 == 1);
    }
}

SL_TEST(a_record_over_max_record_fails_the_epoch_that_reads_it, "")
{
    sli_world *world = new_world();
    life l = begin_life_of(world, &(sli_fault){0}, false, "", "max_record=8KiB", NULL);
    sli_str rows = SLI_STR_INIT;
    (void)give_many(&l, 9 << 10, SLI_TAIL_OPEN);
    (void)offer_and_read(&l, INT64_MAX, &rows);
    assert_int_equal(l.rc, SL_E_DATA);
    assert_non_null(strstr(l.error.text, "a record of more than 8192 bytes; raise max_record"));
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(a_log_takes_no_records_that_it_could_not_hold, "")
{
    sli_world *world = new_world();
    life l = begin_life_of(world, &(sli_fault){0}, true, "", "max_record=33MiB", NULL);
    assert_int_equal(l.rc, SL_E_CONFIG);
    assert_non_null(strstr(l.error.text, "max_record"));
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(a_row_limit_leaves_the_rest_for_the_next_epoch, "")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, true, "");
    sli_str rows = SLI_STR_INIT;
    for (int i = 0; i < 3; i++) {
        assert_true(give(&l, "a\nb\n", SLI_TAIL_OPEN));
        work(&l); // a block each
    }
    (void)offer_and_read(&l, 4, &rows);
    SL_CHECK_TEXT(rows.data, "a;b;a;b;");
    sli_str_clear(&rows);
    (void)offer_and_read(&l, 1, &rows); // at least one block, or it would never move on
    SL_CHECK_TEXT(rows.data, "a;b;");
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

/// 1,000 lines at once: a backlog.
static void give_backlog(life *l)
{
    sli_str lines = SLI_STR_INIT;
    for (int i = 0; i < 1000; i++) {
        sli_str_printf(&lines, "%d\n", i);
    }
    assert_true(give(l, lines.data, SLI_TAIL_OPEN));
    sli_str_reset(&lines);
}

SL_TEST(a_rate_is_kept_from_the_first_epoch_of_a_backlog_on, "BOUNDED-1")
{
    static const struct {
        const char *settings;
        int64_t rows;
    } cases[] = {
        {"receiver.max_rate=100", 100},
        {"receiver.max_rate=100 backpressure=true", 100},
        {"backpressure=true backpressure.initial_rate=50", 50},
        {"backpressure=true backpressure.initial_rate=500 receiver.max_rate=100", 100},
        {"backpressure.initial_rate=50", 1000}, // not without backpressure
        {"backpressure=true", 1000},            // nor before the first estimate
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        sli_world *world = new_world();
        life l = begin_life(world, &(sli_fault){0}, i % 2 == 1, cases[i / 2].settings);
        give_backlog(&l);
        work(&l);
        int64_t left = 1000;
        while (left > 0) {
            sli_str rows = SLI_STR_INIT;
            int64_t limit = sli_ingest_limit(l.ingest, l.input, 1000000), n = 0;
            (void)offer_and_read(&l, limit, &rows);
            for (size_t at = 0; at < rows.size; at++) {
                n += rows.data[at] == ';';
            }
            assert_int_equal(n, cases[i / 2].rows);
            left -= n;
            sli_str_reset(&rows);
        }
        assert_int_equal(left, 0);
        end_life(&l);
        sli_world_free(world);
    }
}

SL_TEST(a_low_rate_makes_no_crowd_of_small_blocks, "BOUNDED-1")
{
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        sli_world *world = new_world();
        life l = begin_life(world, &(sli_fault){0}, checkpoint == 1, "receiver.max_rate=1");
        for (int i = 0; i < 10; i++) {
            give_backlog(&l);
        }
        work(&l);
        const sli_receiver *r = (const sli_receiver *)l.input;
        sli_str rows = SLI_STR_INIT;
        sl_bytes range = offer_and_read(&l, 1, &rows);
        SL_CHECK_TEXT(rows.data, "0;");
        assert_in_range(r->next - r->first, 1000, 4096);
        if (r->next - r->first == 4096) { // all of it would be too many: no more is read
            assert_false(give(&l, "x\n", SLI_TAIL_OPEN));
        }
        l.input->ops->forget(l.input, range);
        assert_int_equal(sli_ingest_stop(l.ingest, NULL), SL_OK); // and the end takes all
        sli_str_clear(&rows);
        (void)offer_and_read(&l, INT64_MAX, &rows);
        assert_int_equal(rows.size, 10 * (10 * 2 + 90 * 3 + 900 * 4) - 2 + (int)strlen("x;"));
        sli_str_reset(&rows);
        end_life(&l);
        sli_world_free(world);
    }
}

SL_TEST(rates_below_nothing_are_refused, "ERRORS-1")
{
    static const sl_option *const tables[] = {sli_ingest_options, NULL};
    static const char *const wrong[] = {
        "receiver.max_rate=-1",         "backpressure.initial_rate=-1",
        "backpressure.proportional=-1", "backpressure.integral=-0.1",
        "backpressure.derived=-0.1",    "backpressure.min_rate=0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sl_conf *conf = NULL;
        assert_int_equal(sl_conf_new(&conf, "test", tables, NULL), SL_OK);
        assert_int_equal(sl_conf_parse(conf, wrong[i], NULL), SL_E_CONFIG);
        sl_conf_free(conf);
    }
}

SL_TEST(with_a_checkpoint_only_synced_blocks_are_offered_and_they_survive_a_power_loss, "DURABLE-1")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, true, "");
    sli_str rows = SLI_STR_INIT;
    assert_int_equal(l.rc, SL_OK);
    assert_true(give(&l, "one\ntwo\n", SLI_TAIL_OPEN));
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    assert_int_equal(range.size, 0); // not in the log yet
    work(&l);
    range = offer_and_read(&l, INT64_MAX, &rows);
    assert_true(range.size > 0);
    SL_CHECK_TEXT(rows.data, "one;two;");
    sli_world_kill(l.env);
    end_life(&l);
    sli_world_power_loss(world, true);
    l = begin_life(world, &(sli_fault){0}, true, "");
    assert_int_equal(l.rc, SL_OK);
    sli_str_clear(&rows);
    assert_true(give(&l, "three\n", SLI_TAIL_OPEN));
    work(&l);
    (void)offer_and_read(&l, INT64_MAX, &rows); // no plan named the old ones: they come first
    SL_CHECK_TEXT(rows.data, "one;two;three;");
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

SL_TEST(what_a_plan_named_is_not_offered_again, "")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, true, "");
    sli_str rows = SLI_STR_INIT;
    char copy[64];
    assert_true(give(&l, "one\n", SLI_TAIL_OPEN));
    work(&l);
    sl_bytes range = offer_and_read(&l, INT64_MAX, &rows);
    assert_true(range.size > 0 && range.size < sizeof copy);
    memcpy(copy, range.data, range.size);
    range.data = copy;
    assert_true(give(&l, "two\n", SLI_TAIL_OPEN));
    work(&l);
    end_life(&l);
    l = begin_life(world, &(sli_fault){0}, true, "");
    assert_int_equal(l.input->ops->accept(l.input, range, &l.error), SL_OK);
    sli_str_clear(&rows);
    (void)offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, "two;");
    sli_decode_stats stats = {0};
    sli_str_clear(&rows);
    assert_int_equal(l.input->ops->read(l.input, range, 0, add_rows, &rows, &stats, &l.error),
                     SL_OK);
    SL_CHECK_TEXT(rows.data, "one;"); // and can still be read
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}

/// Gives three lines, with work in between, in a process that dies at call `n`; then a second life
/// takes what the log has.
static bool crash_at(int64_t n)
{
    sli_world *world = new_world();
    sli_fault fault = {.crash_at_call = n};
    life l = begin_life(world, &fault, true, "");
    int64_t promised = 0;
    for (int i = 0; i < 3 && l.rc == SL_OK; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "line%d\n", i);
        (void)give(&l, line, SLI_TAIL_OPEN);
        work(&l);
        sli_str rows = SLI_STR_INIT;
        sl_bytes range = l.rc == SL_OK ? offer_and_read(&l, INT64_MAX, &rows) : (sl_bytes){NULL, 0};
        promised += range.size > 0 && l.rc == SL_OK ? 1 : 0; // offered: then it was durable
        sli_str_reset(&rows);
    }
    bool reached = sli_world_fault_reached(l.env);
    end_life(&l);
    sli_world_power_loss(world, true);
    l = begin_life(world, &(sli_fault){0}, true, "");
    assert_int_equal(l.rc, SL_OK);
    sli_str rows = SLI_STR_INIT, expected = SLI_STR_INIT;
    (void)offer_and_read(&l, INT64_MAX, &rows);
    for (int64_t i = 0; i < promised; i++) {
        sli_str_printf(&expected, "line%d;", (int)i);
    }
    assert_true(rows.size >= expected.size);
    assert_true(expected.size == 0 || memcmp(rows.data, expected.data, expected.size) == 0);
    assert_true(rows.size <= strlen("line0;") * 3);
    sli_str_reset(&rows);
    sli_str_reset(&expected);
    end_life(&l);
    sli_world_free(world);
    return reached;
}

SL_TEST(nothing_offered_is_lost_and_nothing_comes_twice_wherever_the_process_dies, "DURABLE-1")
{
    int64_t n = 1;
    while (crash_at(n)) {
        n++;
    }
    assert_true(n > 10);
}

SL_TEST(a_full_disk_stops_the_reading_and_loses_nothing, "")
{
    sli_world *world = new_world();
    life l = begin_life(world, &(sli_fault){0}, true, "");
    sli_str rows = SLI_STR_INIT;
    sli_world_disk_limit(world, 1);
    (void)give(&l, "one\n", SLI_TAIL_OPEN);
    work(&l);
    assert_int_equal(l.rc, SL_OK);
    (void)offer_and_read(&l, INT64_MAX, &rows);
    assert_int_equal(rows.size, 0);
    sli_world_disk_limit(world, 0);
    work(&l);
    (void)offer_and_read(&l, INT64_MAX, &rows);
    SL_CHECK_TEXT(rows.data, "one;");
    sli_str_reset(&rows);
    end_life(&l);
    sli_world_free(world);
}
