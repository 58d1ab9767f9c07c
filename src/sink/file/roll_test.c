/// roll_test.c — rolled files: when they end, what they hold, and what becomes of held groups when
/// the next life has other options. That no crash and no late driver shows a group twice or not at
/// all is in sink_contract_test.c.
#include "sink/file/out_test.h"

#define OURS "/data/.sluice/00112233445566778899aabbccddeeff/a"

static void show(slt_out *o, bool all)
{
    sl_error err = SL_ERROR_INIT;
    if (o->sink->ops->show(o->sink, all, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

static void sweep(slt_out *o, sl_bytes named)
{
    sl_error err = SL_ERROR_INIT;
    if (o->sink->ops->sweep(o->sink, &named, named.size > 0, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

SL_TEST(file_roll_gathers_groups_and_keeps_one_header, "")
{
    slt_out o;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&header=true&roll_groups=3", "a", 1);
    slt_out_commit(&o, 1, 1, 1);
    slt_out_commit(&o, 2, 1, 0); // skipped: counts for nothing
    slt_out_commit(&o, 4, 1, 1);
    slt_out_names(&o, "/data", ".sluice\n");
    slt_out_names(&o, OURS "/held/1", "000000000001-1-7.csv\n000000000004-1-7.csv\n");
    slt_out_commit(&o, 5, 1, 1);
    slt_out_names(&o, "/data", ".sluice\n000000000001-000000000005-ceb2cab1.csv\n");
    slt_out_holds(&o, "/data/000000000001-000000000005-ceb2cab1.csv",
                  "word,n\ne1p0r0,100\ne1p0r1,101\ne4p0r0,400\ne4p0r1,401\ne5p0r0,500\ne5p0r1,"
                  "501\n");
    slt_out_names(&o, OURS "/held/1", "");
    slt_out_reset(&o);
}

SL_TEST(file_roll_writes_every_format, "")
{
    static const struct {
        const char *url, *schema, *path, *holds;
    } cases[] = {
        {"/data?roll_groups=2", "word string", "/data/000000000001-000000000002-ceb2cab1.txt",
         "one\ntwo\n"},
        {"/data?format=json&roll_groups=2", "word string",
         "/data/000000000001-000000000002-ceb2cab1.json",
         "{\"word\":\"one\"}\n{\"word\":\"two\"}\n"},
        {"/data?format=csv&header=true&empty=write&roll_groups=3", "word string",
         "/data/000000000001-000000000003-ceb2cab1.csv", "word\none\ntwo\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_out o;
        sl_builder *builder = NULL;
        slt_out_init(&o, cases[i].schema);
        slt_out_start(&o, cases[i].url, "a", 1);
        assert_int_equal(sl_builder_new(&builder, o.schema, NULL), SL_OK);
        for (int64_t group = 1; group <= 3; group++) {
            sl_bytes receipt = {NULL, 0};
            sl_batch *rows = NULL;
            sli_attempt at = {1, group, 0, 0, 0};
            if (group < 3) { // the third is empty
                sl_builder_text(builder, 0, group == 1 ? "one" : "two", 3);
            }
            assert_int_equal(sl_builder_finish(builder, &rows, NULL), SL_OK);
            assert_int_equal(o.sink->ops->stage(o.sink, at, rows, NULL), SL_OK);
            assert_int_equal(o.sink->ops->seal(o.sink, group, &at, 1, o.arena, &receipt, NULL),
                             SL_OK);
            assert_int_equal(o.sink->ops->commit(o.sink, group, receipt, NULL, NULL), SL_OK);
            sl_batch_unref(rows);
        }
        slt_out_holds(&o, cases[i].path, cases[i].holds);
        sl_builder_free(builder);
        slt_out_reset(&o);
    }
}

/// An Arrow file gets its footer when it ends, also one of a single group and one whose groups were
/// held by a life that wrote another format; what is held has none.
SL_TEST(file_roll_ends_arrow_files, "")
{
    slt_out o;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=arrow&roll_groups=2", "a", 1);
    slt_out_commit(&o, 1, 1, 1);
    slt_out_commit(&o, 2, 1, 3);
    slt_out_commit(&o, 3, 1, 1);
    show(&o, true);
    slt_out_commit(&o, 4, 1, 1);
    slt_out_arrow_holds(&o, "/data/000000000001-000000000002-ceb2cab1.arrow",
                        "e1p0r0,100\ne1p0r1,101\ne2p0r0,200\ne2p0r1,201\ne2p0r0,200\ne2p0r1,201\n"
                        "e2p0r0,200\ne2p0r1,201\n");
    slt_out_arrow_holds(&o, "/data/000000000003-000000000003-ceb2cab1.arrow",
                        "e3p0r0,300\ne3p0r1,301\n");
    slt_out_start(&o, "/data?format=csv&roll_groups=2", "a", 2);
    sweep(&o, (sl_bytes){NULL, 0});
    slt_out_arrow_holds(&o, "/data/000000000004-000000000004-ceb2cab1.arrow",
                        "e4p0r0,400\ne4p0r1,401\n");
    slt_out_names(&o, OURS "/held/2", "");
    slt_out_reset(&o);
}

/// A held group that somebody has cut at its end can't be ended.
SL_TEST(file_roll_refuses_to_end_what_is_no_arrow_file, "")
{
    slt_out o;
    sl_error err = SL_ERROR_INIT;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=arrow&roll_groups=9", "a", 1);
    slt_out_commit(&o, 1, 1, 1);
    slt_out_start(&o, "/data?format=arrow&roll_groups=9", "a", 2);
    char name[128];
    slt_out_only_name(&o, OURS "/held/2", name, sizeof name);
    sli_str path = SLI_STR_INIT;
    sli_str_printf(&path, OURS "/held/2/%s", name);
    assert_int_equal(sli_world_cut(o.world, path.data, 8, NULL), SL_OK);
    assert_int_equal(o.sink->ops->sweep(o.sink, NULL, 0, &err), SL_E_CORRUPT);
    assert_non_null(strstr(err.text, "it ends inside a message"));
    slt_out_names(&o, "/data", ".sluice\n");
    sli_str_reset(&path);
    slt_out_reset(&o);
}

/// A group's rows have 22 bytes. What is large enough by itself is renamed, not copied.
SL_TEST(file_roll_ends_at_a_size, "")
{
    slt_out o;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&roll_size=30", "a", 1);
    slt_out_commit(&o, 1, 1, 1);
    slt_out_names(&o, "/data", ".sluice\n");
    slt_out_commit(&o, 2, 1, 1);
    slt_out_commit(&o, 3, 1, 5);
    slt_out_commit(&o, 4, 1, 1);
    slt_out_names(&o, "/data",
                  ".sluice\n000000000001-000000000002-ceb2cab1.csv\n"
                  "000000000003-000000000003-ceb2cab1.csv\n");
    slt_out_names(&o, OURS "/held/1", "000000000004-1-0.csv\n");
    slt_out_reset(&o);
}

SL_TEST(file_roll_ends_when_its_first_group_is_old, "")
{
    slt_out o;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&roll_interval=1m", "a", 1);
    slt_out_commit(&o, 1, 1, 1);
    sli_world_advance(o.world, 40000000);
    slt_out_commit(&o, 2, 1, 1);
    sli_world_advance(o.world, 19000000);
    show(&o, false);
    slt_out_names(&o, "/data", ".sluice\n");
    sli_world_advance(o.world, 1000000);
    show(&o, false); // an idle epoch
    slt_out_names(&o, "/data", ".sluice\n000000000001-000000000002-ceb2cab1.csv\n");
    slt_out_commit(&o, 3, 1, 1);
    sli_world_advance(o.world, 60000000);
    slt_out_commit(&o, 4, 1, 0); // a group that publishes nothing here
    slt_out_names(&o, "/data",
                  ".sluice\n000000000001-000000000002-ceb2cab1.csv\n"
                  "000000000003-000000000003-ceb2cab1.csv\n");
    slt_out_reset(&o);
}

/// Also when the next life does not roll, or writes another format.
SL_TEST(file_roll_shows_what_an_earlier_life_held, "")
{
    static const char *const next[] = {"/data?format=csv&roll_groups=9", "/data?format=csv",
                                       "/data?format=json&layout=directory"};
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        slt_out o;
        int64_t last = 0;
        slt_out_init(&o, "word string, n int64");
        slt_out_start(&o, "/data?format=csv&header=true&roll_groups=9", "a", 1);
        slt_out_commit(&o, 1, 1, 1);
        slt_out_commit(&o, 2, 1, 1);
        slt_out_start(&o, next[i], "a", 2);
        assert_int_equal(o.sink->ops->recover(o.sink, &last, NULL), SL_OK);
        assert_int_equal(last, 2);
        slt_out_names(&o, "/data", ".sluice\n");
        sweep(&o, (sl_bytes){NULL, 0});
        slt_out_holds(&o, "/data/000000000001-000000000002-ceb2cab1.csv",
                      "word,n\ne1p0r0,100\ne1p0r1,101\ne2p0r0,200\ne2p0r1,201\n");
        slt_out_names(&o, OURS "/held", "2\n");
        slt_out_names(&o, OURS "/held/2", "");
        slt_out_reset(&o);
    }
}

/// A group that an earlier life sealed has that life's header: it gets a file of its own.
SL_TEST(file_roll_never_mixes_what_two_lives_sealed, "")
{
    slt_out o;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&header=true&roll_groups=9", "a", 1);
    sl_bytes sealed = slt_out_seal(&o, 1, 1, 1);
    slt_out_start(&o, "/data?format=csv&delimiter=;&roll_groups=9", "a", 2);
    sweep(&o, sealed);
    assert_int_equal(o.sink->ops->commit(o.sink, 1, sealed, NULL, NULL), SL_OK);
    slt_out_commit(&o, 2, 2, 1);
    slt_out_commit(&o, 3, 2, 1);
    show(&o, true);
    slt_out_names(&o, "/data",
                  ".sluice\n000000000001-000000000001-ceb2cab1.csv\n"
                  "000000000002-000000000003-ceb2cab1.csv\n");
    slt_out_holds(&o, "/data/000000000002-000000000003-ceb2cab1.csv",
                  "e2p0r0;200\ne2p0r1;201\ne3p0r0;300\ne3p0r1;301\n");
    slt_out_reset(&o);
}

/// Earlier groups are not overtaken by those of a life that does not roll, and the other way round.
SL_TEST(file_roll_may_be_switched_on_and_off, "")
{
    slt_out o;
    int64_t last = 0;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&roll_groups=9", "a", 1);
    sl_bytes sealed = slt_out_seal(&o, 1, 1, 1);
    slt_out_start(&o, "/data?format=csv", "a", 2);
    sweep(&o, sealed);
    assert_int_equal(o.sink->ops->commit(o.sink, 1, sealed, NULL, NULL), SL_OK);
    slt_out_names(&o, "/data", ".sluice\n000000000001-000000000001-ceb2cab1.csv\n");
    sealed = slt_out_seal(&o, 2, 2, 1);
    slt_out_start(&o, "/data?format=csv&roll_groups=2", "a", 3);
    sweep(&o, sealed);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, sealed, NULL, NULL), SL_OK);
    slt_out_commit(&o, 3, 3, 1);
    slt_out_commit(&o, 4, 3, 1);
    slt_out_names(&o, "/data",
                  ".sluice\n000000000001-000000000001-ceb2cab1.csv\n"
                  "000000000002-ceb2cab1.csv\n000000000003-000000000004-ceb2cab1.csv\n");
    assert_int_equal(o.sink->ops->recover(o.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 4);
    slt_out_reset(&o);
}

SL_TEST(file_roll_waits_for_a_disk_too_full_to_copy, "")
{
    slt_out o;
    sl_error err = SL_ERROR_INIT;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&roll_groups=2", "a", 1);
    slt_out_commit(&o, 1, 1, 1);
    sl_bytes receipt = slt_out_seal(&o, 2, 1, 1);
    sli_world_disk_limit(o.world, 1);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_E_NO_SPACE);
    slt_out_names(&o, "/data", ".sluice\n");
    sli_world_disk_limit(o.world, 0);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_OK);
    slt_out_names(&o, "/data", ".sluice\n000000000001-000000000002-ceb2cab1.csv\n");
    slt_out_reset(&o);
}

SL_TEST(file_roll_refuses_held_groups_that_have_changed, "")
{
    for (int32_t gone = 0; gone < 2; gone++) {
        slt_out o;
        sl_error err = SL_ERROR_INIT;
        slt_out_init(&o, "word string, n int64");
        slt_out_start(&o, "/data?format=csv&roll_groups=2", "a", 1);
        slt_out_commit(&o, 1, 1, 1);
        sl_bytes receipt = slt_out_seal(&o, 2, 1, 1);
        const char *held = OURS "/held/1/000000000001-1-0.csv";
        assert_int_equal(gone ? sli_world_remove(o.world, held, NULL)
                              : sli_world_cut(o.world, held, 3, NULL),
                         SL_OK);
        assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_E_CORRUPT);
        assert_non_null(strstr(err.text, "2 groups of 44 bytes were committed here"));
        slt_out_names(&o, "/data", ".sluice\n");
        slt_out_reset(&o);
    }
}
