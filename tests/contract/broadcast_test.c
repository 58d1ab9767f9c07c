// Broadcast variables: made once before the first task, kept for whole epochs, renewed when asked,
// made again after a restart, counted and given back.
#include <stdio.h>

#include "contract/simlife.h"
#include "sluice/broadcast.h"

/// What the functions of this test count; the test's process is the only one.
static struct {
    int32_t made, released, version;
    char text[3][16];
} world;

static void released(void *ctx)
{
    (void)ctx;
    world.released++;
}

static sl_code make_text(const sl_args *args, sl_loan *out, sl_error *err)
{
    if (world.version == 9) {
        return sl_error_set(err, SL_E_USER, "nothing to lend");
    }
    char *text = world.text[world.made++ % 3];
    (void)snprintf(text, sizeof world.text[0], "v%d@%d", world.version, (int)sl_args_epoch(args));
    *out = (sl_loan){text, strlen(text) + 1, released, NULL};
    return SL_OK;
}
static const sl_broadcast_fn text_fn = {
    .struct_size = sizeof(sl_broadcast_fn), .name = "make-text", .impure = true, .make = make_text};

/// Puts the value behind every line.
static sl_code tell(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    size_t size = 0;
    const char *value = sl_args_broadcast(args, "text", &size);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        char row[64];
        sl_text line = sl_column_text(sl_batch_column(in, 0), i);
        int n = snprintf(row, sizeof row, "%.*s=%s", (int)line.size, line.data,
                         value == NULL ? "-" : value);
        sl_builder_text(out, 0, row, (size_t)n);
    }
    if (value != NULL && size != strlen(value) + 1) {
        return sl_error_set(err, SL_E_USER, "a size of %zu", size);
    }
    return SL_OK;
}
static const sl_fn tell_fn = {.struct_size = sizeof(sl_fn), .name = "tell", .run = tell};

static sl_code renew(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)rdd;
    if (world.version == 0) {
        return SL_OK;
    }
    sl_code rc = sl_args_rebroadcast(args, "texd", NULL);
    return rc == SL_E_NOT_FOUND ? sl_args_rebroadcast(args, "text", err)
                                : sl_error_set(err, SL_E_USER, "code %d", (int)rc);
}
static const sl_foreach_fn renew_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "renew", .run = renew};

static void job(sl_graph *graph)
{
    sl_graph_broadcast(graph, "text", &text_fn, "a=1");
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream_save(sl_stream_uid(sl_stream_map(lines, &tell_fn, NULL), "told"), "file:out");
    sl_stream_foreach_rdd(lines, &renew_fn, NULL);
}

SL_TEST(a_value_stands_for_whole_epochs_and_is_made_again_after_a_restart, "")
{
    memset(&world, 0, sizeof world);
    slt_simlife l = slt_simlife_new(job, NULL);
    slt_simlife_put(&l, "in/a.txt", "a\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(world.made, 0); // when something is to be computed
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    assert_int_equal(world.made, 1);
    world.version = 1; // its third epoch asks for a new value, which its fourth reads
    slt_simlife_put(&l, "in/b.txt", "b\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    assert_int_equal(world.made, 1);
    slt_simlife_put(&l, "in/c.txt", "c\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    assert_int_equal(world.made, 2);
    assert_int_equal(world.released, 1);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "a=v0@1\nb=v0@1\nc=v1@4\n");
    world.version = 0;
    sli_world_kill(l.env);
    slt_simlife_put(&l, "in/d.txt", "d\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_HAS(slt_simlife_shown(&l, "out"), "\nd=v0@");
    assert_int_equal(world.made, 3);
    slt_simlife_free(&l);
    assert_int_equal(world.released, world.made);
}

SL_TEST(a_value_that_can_not_be_made_fails_the_epoch_and_is_tried_again, "")
{
    memset(&world, 0, sizeof world);
    world.version = 9;
    sl_test *test = sl_test_new(job, (sl_test_conf){.struct_size = sizeof(sl_test_conf)});
    sl_test_put(test, "in/a.txt", "a\n");
    sl_test_advance(test, 1);
    SL_CHECK_HAS(sl_test_error(test),
                 "broadcast variable 'text', make of 'make-text': nothing to lend");
    world.version = 0;
    sl_test_put(test, "in/b.txt", "b\n");
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(sl_test_read(test, "out"), "b=v0@2\n");
    sl_test_free(test);
}

SL_TEST(a_sessions_value_is_replaced_and_given_back, "")
{
    memset(&world, 0, sizeof world);
    sl_session *session = NULL;
    sl_batch *rows = NULL;
    char url[400];
    const char *dir = slt_temp_dir();
    static const char *const expected[] = {"a=one", "a=two", "a=-"};
    slt_put(dir, "in.txt", "a\n");
    (void)snprintf(url, sizeof url, "file:%s/in.txt", dir);
    assert_int_equal(sl_session_new(&session, NULL, NULL), SL_OK);
    sl_rdd *lines = sl_rdd_open(session, url);
    sl_rdd *told = sl_rdd_map(lines, &tell_fn, NULL);
    for (int i = 0; i < 3; i++) {
        static const char *const values[] = {"one", "two"};
        sl_loan value = {i < 2 ? values[i] : NULL, 4, released, NULL};
        if (i < 2) {
            assert_int_equal(sl_session_broadcast(session, "text", value, NULL), SL_OK);
        } else {
            sl_session_unbroadcast(session, "text");
        }
        assert_int_equal(world.released, i);
        assert_int_equal(sl_rdd_collect(told, &rows, NULL), SL_OK);
        sl_text text = sl_column_text(sl_batch_column(rows, 0), 0);
        assert_int_equal(text.size, strlen(expected[i]));
        assert_memory_equal(text.data, expected[i], text.size);
        sl_batch_unref(rows);
    }
    assert_int_equal(sl_session_broadcast(session, "a b", (sl_loan){"", 0, released, NULL}, NULL),
                     SL_E_INVALID);
    assert_int_equal(world.released, 3);
    sl_rdd_unref(told);
    sl_rdd_unref(lines);
    sl_session_free(session);
}

static void twice(sl_graph *graph)
{
    sl_graph_broadcast(graph, "text", &text_fn, NULL);
    sl_graph_broadcast(graph, "text", &text_fn, NULL);
}

SL_TEST(broadcasts_are_part_of_the_graph, "ERRORS-1")
{
    slt_simlife l = slt_simlife_new(job, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    SL_CHECK_HAS(sl_graph_text(sl_context_graph(l.context)),
                 "\ntext broadcast fn=\"make-text\" version=0 impure args=\"a=1\"\n");
    l.build = twice;
    assert_int_equal(slt_simlife_start(&l), SL_E_INVALID);
    SL_CHECK_HAS(l.error.text, "broadcast variable 'text': there is one of that name already");
    slt_simlife_free(&l);
}
