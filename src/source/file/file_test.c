// The rules of the directory source, each trap of Spark's by name, and what goes wrong with files.
#include "source/fixture_test.h"

#include <stdio.h>

static const sl_bytes fresh = {NULL, 0};

PLACE_TEST(files_come_by_time_then_name)
{
    sli_source *s = slt_open(p, "", fresh);
    slt_put(p, "b", "1\n");
    slt_put(p, "a", "2\n");
    slt_put(p, "c", "3\n4");
    slt_touch(p, "b", 5000000);
    slt_touch(p, "a", 5000000);
    slt_touch(p, "c", 4000000);
    assert_string_equal(slt_take(p, s), "3;4;2;1;");
    assert_int_equal(p->offer.n_splits, 3);
    assert_int_equal(p->offer.bytes, 7);
    assert_false(p->offer.more);
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(p->offer.range.size, 0);
    assert_int_equal(slt_metric(p, SLI_SOURCE_FILES), 3);
    sli_source_close(s);
}

PLACE_TEST(trap_file_moved_in_with_an_old_time_is_seen)
{
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "");
    slt_put(p, "old", "x\n");
    slt_touch(p, "old", 1000000); // 1970
    assert_string_equal(slt_take(p, s), "x;");
    sli_source_close(s);
}

PLACE_TEST(trap_subdirectory_is_not_a_file)
{
    assert_int_equal(sli_env_mkdirs(p->env, slt_at(p, "sub"), NULL), SL_OK);
    slt_put(p, "sub/x", "inner\n");
    slt_put(p, "y", "outer\n");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "outer;");
    sli_source_close(s);
    s = slt_open(p, "recursive=true&glob=*", fresh);
    slt_touch(p, "sub/x", 1000000);
    assert_string_equal(slt_take(p, s), "inner;outer;");
    sli_source_close(s);
}

PLACE_TEST(trap_hidden_names_are_left_out_without_an_error)
{
    slt_put(p, "_x", "1\n");
    slt_put(p, ".x", "2\n");
    slt_put(p, "x", "3\n");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "3;");
    sli_source_close(s);
}

PLACE_TEST(trap_appending_later_is_counted_and_told_once)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    sl_bytes range = p->offer.range;
    slt_append(p, "a", "2\n");
    assert_string_equal(slt_take(p, s), "");
    slt_append(p, "a", "3\n");
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(slt_metric(p, SLI_SOURCE_CHANGED), 1);
    assert_non_null(
        strstr(p->told.data, "a: changed after an epoch took it (2 bytes then, 4 now)"));
    const char *rows = NULL; // what is on record reads as before
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK);
    assert_string_equal(rows, "1;");
    sli_source_close(s);
}

PLACE_TEST(trap_same_name_rewritten_is_another_file)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_put(p, "a", "2\n");
    assert_string_equal(slt_take(p, s), "2;");
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(slt_metric(p, SLI_SOURCE_CHANGED), 0);
    sli_source_close(s);
}

PLACE_TEST(trap_existing_files_are_read_at_the_first_start)
{
    slt_put(p, "a", "1\n");
    slt_touch(p, "a", 1000000);
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    sli_source_close(s);
}

PLACE_TEST(new_files_only_remembers_what_was_there_over_a_restart)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, "new_files_only=true", fresh);
    assert_string_equal(slt_take(p, s), "");
    sl_bytes first = p->offer.range;
    assert_true(first.size > 0); // the list of what was there is on record
    assert_int_equal(p->offer.n_splits, 0);
    sli_source_close(s);
    slt_put(p, "b", "2\n"); // while the job is down
    s = slt_open(p, "new_files_only=true", fresh);
    assert_int_equal(s->ops->accept(s, first, NULL), SL_OK);
    assert_string_equal(slt_take(p, s), "2;");
    sli_source_close(s);
}

PLACE_TEST(empty_file_waits_for_its_bytes)
{
    slt_put(p, "a", "");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(p->offer.range.size, 0);
    slt_append(p, "a", "1\n");
    assert_string_equal(slt_take(p, s), "1;");
    sli_source_close(s);
}

PLACE_TEST(settle_waits_for_files_still_written)
{
    sli_source *s = slt_open(p, "settle=1h", fresh);
    slt_put(p, "a", "1\n");
    assert_string_equal(slt_take(p, s), "");
    slt_touch(p, "a", sli_env_wall_us(p->env) - 3600LL * 1000000 - 1);
    assert_string_equal(slt_take(p, s), "1;");
    sli_source_close(s);
}

PLACE_TEST(max_files_leaves_a_backlog)
{
    slt_put(p, "a", "1\n");
    slt_put(p, "b", "2\n");
    slt_put(p, "c", "3\n");
    for (int i = 0; i < 3; i++) {
        slt_touch(p, (const char *[]){"a", "b", "c"}[i], 1000000);
    }
    sli_source *s = slt_open(p, "max_files=2", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    assert_true(p->offer.more);
    assert_string_equal(slt_take(p, s), "3;");
    assert_false(p->offer.more);
    sli_ask ask = {.epoch = 9, .max_rows = 1}; // a limit in rows takes one file all the same
    slt_put(p, "d", "4\n");
    slt_put(p, "e",
            "a file of more bytes than one row is taken to be long............................\n");
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, NULL), SL_OK);
    assert_int_equal(p->offer.n_splits, 1);
    assert_true(p->offer.more);
    sli_source_close(s);
}

PLACE_TEST(missing_directory_is_waited_for)
{
    const char *dir = slt_at(p, "later");
    const char *url = sl_arena_printf(p->arena, "file:%s", dir);
    sli_source *s = slt_open(p, url, fresh);
    assert_string_equal(slt_take(p, s), "");
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(slt_metric(p, SLI_SOURCE_UNREADABLE), 2);
    const char *line = strstr(p->told.data, "can't be listed");
    assert_non_null(line);
    assert_null(strstr(line + 1, "can't be listed")); // told once
    assert_int_equal(sli_env_mkdirs(p->env, dir, NULL), SL_OK);
    slt_put(p, "later/a", "1\n");
    assert_string_equal(slt_take(p, s), "1;");
    sli_source_close(s);
}

PLACE_TEST(missing_directory_fails_when_asked_to)
{
    const char *url = sl_arena_printf(p->arena, "file:%s?missing=fail", slt_at(p, "later"));
    sli_source *s = slt_open(p, url, fresh);
    sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, &p->err), SL_E_NOT_FOUND);
    assert_non_null(strstr(p->err.text, "directory "));
    sli_source_close(s);
}

PLACE_TEST(directory_removed_while_running_comes_back)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_remove(p, "a");
    assert_int_equal(sli_env_remove_dir(p->env, p->dir, NULL), SL_OK);
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(slt_metric(p, SLI_SOURCE_UNREADABLE), 1);
    assert_int_equal(sli_env_mkdirs(p->env, p->dir, NULL), SL_OK);
    slt_put(p, "b", "2\n");
    assert_string_equal(slt_take(p, s), "2;");
    sli_source_close(s);
}

PLACE_TEST(unmounted_directory_forgets_nothing)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    const char *parent = sli_path_dir(p->arena, p->dir);
    const char *away = sl_arena_printf(p->arena, "%s/away", parent);
    const char *empty = sl_arena_printf(p->arena, "%s/empty", parent);
    assert_int_equal(sli_env_mkdirs(p->env, empty, NULL), SL_OK);
    assert_int_equal(sli_env_rename(p->env, p->dir, away, false, NULL), SL_OK);
    assert_int_equal(sli_env_rename(p->env, empty, p->dir, false, NULL), SL_OK);
    assert_string_equal(slt_take(p, s), ""); // another directory, and nothing in it
    assert_int_equal(sli_env_remove_dir(p->env, p->dir, NULL), SL_OK);
    assert_int_equal(sli_env_rename(p->env, away, p->dir, false, NULL), SL_OK);
    assert_string_equal(slt_take(p, s), "");
    slt_remove(p, "a"); // really gone: the name is free again
    assert_string_equal(slt_take(p, s), "");
    slt_put(p, "a", "1\n");
    assert_string_equal(slt_take(p, s), "1;");
    sli_source_close(s);
}

PLACE_TEST(a_file_is_no_directory)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, sl_arena_printf(p->arena, "file:%s", slt_at(p, "a")), fresh);
    sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, &p->err), SL_E_CONFIG);
    sli_source_close(s);
}

// A directory that can't be read: by option an epoch without files, or an error.
SL_TEST(unreadable_directory_is_told, "")
{
    for (int fails = 0; fails < 2; fails++) {
        slt_place p;
        slt_place_open(&p, true);
        slt_put(&p, "a", "1\n");
        sl_env *env = NULL;
        sli_fault fault = {.fail_at_call = 1, .only_site = "dir.list"};
        assert_int_equal(sli_world_boot(p.world, &fault, &env, NULL), SL_OK);
        p.source_env.env = env;
        sli_source *s = slt_open(&p, fails ? "missing=fail" : "", fresh);
        sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
        sl_code rc = s->ops->offer(s, &ask, p.arena, &p.offer, &p.err);
        assert_true(sli_world_fault_reached(env));
        assert_int_equal(rc, fails ? SL_E_IO : SL_OK);
        assert_int_equal(p.offer.n_splits, 0);
        assert_int_equal(slt_metric(&p, SLI_SOURCE_UNREADABLE), fails ? 0 : 1);
        if (!fails) {
            assert_string_equal(slt_take(&p, s), "1;"); // nothing was lost by it
        }
        sli_source_close(s);
        sli_env_free(env);
        slt_place_close(&p);
    }
}

PLACE_TEST(vanished_file_is_named)
{
    slt_put(p, "a", "1\n");
    sli_source *s = slt_open(p, "", fresh);
    slt_offer(p, s);
    slt_remove(p, "a");
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_NOT_FOUND);
    assert_non_null(strstr(p->err.text, "in/a: gone since an epoch took it"));
    assert_int_equal(sl_error_action(&p->err), SL_ACT_STOP_JOB);
    sli_source_close(s);
}

PLACE_TEST(replaced_file_is_named)
{
    slt_put(p, "a", "1\n");
    slt_touch(p, "a", 1000000);
    sli_source *s = slt_open(p, "", fresh);
    slt_offer(p, s);
    const char *rows = NULL;
    slt_put(p, "a", "1\n2\n"); // longer, another file
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_IO);
    assert_non_null(strstr(p->err.text, "in/a: changed since an epoch took it"));
    slt_put(p, "a", "2\n"); // as long, another time
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_IO);
    slt_put(p, "a", "");
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_IO);
    slt_put(p, "a", "1\n"); // put back as it was
    slt_touch(p, "a", 1000000);
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_OK);
    assert_string_equal(rows, "1;");
    sli_source_close(s);
}

PLACE_TEST(copied_directory_of_an_older_life_is_not_read_again)
{
    slt_put(p, "a", "1\n");
    slt_touch(p, "a", 7000000);
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    sl_bytes range = p->offer.range;
    sli_source_close(s);
    slt_put(p, "a",
            "1\n"); // another inode, same size and time: as after a reboot or a restored backup
    slt_touch(p, "a", 7000000);
    s = slt_open(p, "", fresh);
    assert_int_equal(s->ops->accept(s, range, NULL), SL_OK);
    assert_string_equal(slt_take(p, s), "");
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK);
    assert_string_equal(rows, "1;");
    sli_source_close(s);
}

// Whatever the split size, each record is in exactly one split, in order.
static void check_splits(slt_place *p, const char *text, const char *query)
{
    slt_put(p, "a", text);
    sli_source *s = slt_open(p, sl_arena_printf(p->arena, "%ssplit=1g", query), fresh);
    const char *whole = slt_take(p, s);
    sli_source_close(s);
    for (int64_t split = 16; split < 40; split++) {
        s = slt_open(p, sl_arena_printf(p->arena, "%ssplit=%lld", query, (long long)split), fresh);
        assert_string_equal(slt_take(p, s), whole);
        assert_int_equal(p->offer.n_splits, sli_file_splits((int64_t)strlen(text), split));
        sli_source_close(s);
    }
}

PLACE_TEST(splits_hold_each_record_once)
{
    check_splits(p,
                 "a\nbb\nccc\n\n\ndddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\ne\r"
                 "\nf\rg\n\n",
                 "");
    check_splits(
        p, "no line end at all, and longer than any of the splits that are tried here, by far", "");
    check_splits(
        p, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
        "");
    check_splits(p, "{\"n\":1}\n{\"n\":22222}\n\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}",
                 "format=json&schema=n%20int64&");
}

PLACE_TEST(csv_is_read_whole_and_names_the_bad_record)
{
    slt_put(p, "a", "n,word\n1,x\n2,\"long enough for several splits of sixteen bytes\"\n");
    sli_source *s =
        slt_open(p, "format=csv&header=true&split=16&schema=word%20string,n%20int64", fresh);
    assert_string_equal(slt_take(p, s), "x,1;long enough for several splits of sixteen bytes,2;");
    assert_int_equal(p->offer.n_splits, 1);
    slt_put(p, "b", "n,word\nx,y\n");
    slt_offer(p, s);
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_DATA);
    assert_non_null(strstr(p->err.text, "in/b at byte 7"));
    sli_source_close(s);
    s = slt_open(p, "format=csv&header=true&malformed=skip&schema=word%20string,n%20int64&glob=b*",
                 fresh);
    assert_string_equal(slt_take(p, s), "");
    assert_true(slt_metric(p, SLI_SOURCE_SKIPPED) > 0);
    sli_source_close(s);
}

PLACE_TEST(a_whole_file_may_be_one_record)
{
    sli_source *s = slt_open(p, "format=bytes", fresh);
    slt_put(p, "a", "be\nto");
    slt_put(p, "b", "");
    slt_put(p, "c", "or\n");
    assert_string_equal(slt_take(p, s), "be\nto;or\n;"); // a file without bytes has no record
    sli_source_close(s);
}

PLACE_TEST(records_of_one_length_are_read_and_a_short_one_is_told)
{
    sli_source *s = slt_open(p, "format=fixed&record_length=3", fresh);
    slt_put(p, "a.bin", "abc\nefghi");
    assert_string_equal(slt_take(p, s), "abc;\nef;ghi;");
    slt_put(p, "b.bin", "abcd");
    slt_offer(p, s);
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_DATA);
    assert_non_null(strstr(p->err.text, "b.bin at byte 3"));
    sli_source_close(s);
}

PLACE_TEST(file_over_a_megabyte_reads_whole)
{
    sli_str text = SLI_STR_INIT;
    for (int32_t i = 0; i < 250000; i++) {
        sli_str_printf(&text, "line %d\n", (int)i);
    }
    slt_put(p, "big", text.data);
    sli_source *s = slt_open(p, "", fresh), *cut = slt_open(p, "split=300000", fresh);
    const char *rows = slt_take(p, s);
    assert_int_equal(strlen(rows), text.size);
    assert_string_equal(slt_take(p, cut), rows);
    assert_int_equal(p->offer.n_splits, (int)(text.size / 300000 + 1));
    assert_int_equal(slt_metric(p, SLI_SOURCE_RECORDS), 4 * 250000);
    assert_int_equal(slt_metric(p, SLI_SOURCE_BYTES), 4 * (int64_t)text.size);
    sli_str_reset(&text);
    sli_source_close(s);
    sli_source_close(cut);
}

static void check_many(slt_place *p, int32_t n)
{
    char name[32];
    for (int32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "f%05d", (int)i);
        slt_put(p, name, "x\n");
    }
    sli_source *s = slt_open(p, "", fresh);
    slt_offer(p, s);
    assert_int_equal(p->offer.n_splits, n);
    assert_int_equal(p->offer.bytes, 2 * n);
    sl_bytes position = slt_position(p, s);
    sli_source_close(s);
    s = slt_open(p, "", position);
    for (int32_t i = 0; i < 20; i++) {
        slt_offer(p, s);
        assert_int_equal(p->offer.n_splits, 0);
    }
    slt_put(p, "one more", "y\n");
    if (p->world !=
        NULL) { // directories have no true time there: found by the listing that is made anyway
        sli_world_advance(p->world, 61 * 1000000);
    }
    assert_string_equal(slt_take(p, s), "y;");
    sli_source_close(s);
}

PLACE_TEST(ten_thousand_files_are_taken_once)
{
    check_many(p, 10000);
}

SL_TEST(unchanged_directory_is_not_listed, "")
{
    slt_place p;
    char name[32];
    slt_place_open(&p, true);
    for (int32_t i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "f%03d", (int)i);
        slt_put(&p, name, "x\n");
    }
    sli_source *s = slt_open(&p, "", fresh);
    for (int32_t i = 0; i < 5; i++) {
        slt_offer(&p, s); // the directory's time becomes old enough to say something
    }
    int64_t before = sli_world_calls(p.env);
    slt_offer(&p, s);
    assert_true(sli_world_calls(p.env) - before <= 2); // one look at the directory
    sli_world_advance(p.world, 61 * 1000000);
    before = sli_world_calls(p.env);
    slt_offer(&p, s);
    assert_true(sli_world_calls(p.env) - before > 300); // never older than a minute
    sli_source_close(s);
    slt_place_close(&p);
}

static sli_source *open_large(slt_place *p)
{
    char name[32];
    for (int32_t i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "f%03d", (int)i);
        slt_put(p, name, "x\n");
    }
    sli_source *s = slt_open(p, "", fresh);
    slt_offer(p, s);
    assert_int_equal(p->offer.n_splits, 300);
    return s;
}

PLACE_TEST(large_directory_looks_at_new_and_replaced_files)
{
    sli_source *s = open_large(p);
    slt_put(p, "new", "new\n");
    slt_put(p, "keep", "replaced\n"); // while the old one has its identity: two files
    slt_put(p, "f000", "");           // will be written to
    assert_int_equal(sli_env_rename(p->env, slt_at(p, "keep"), slt_at(p, "f100"), true, NULL),
                     SL_OK);
    slt_touch(p, "f100", 2000000);
    slt_touch(p, "new", 3000000);
    assert_string_equal(slt_take(p, s), "replaced;new;");
    slt_append(p, "f000", "bytes\n");
    slt_put(p, "newer", "newer\n"); // so that the real directory has changed
    slt_touch(p, "newer", 1000000);
    assert_string_equal(slt_take(p, s), "newer;bytes;");
    sli_source_close(s);
}

SL_TEST(large_directory_costs_a_look_a_new_file, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *s = open_large(&p);
    slt_offer(&p, s);
    slt_put(&p, "new", "y\n");
    int64_t before = sli_world_calls(p.env);
    slt_offer(&p, s);
    assert_int_equal(p.offer.n_splits, 1);
    assert_true(sli_world_calls(p.env) - before < 10);
    sli_source_close(s);
    slt_place_close(&p);
}

// Bytes added to a file that was taken are told within a minute of listings, in whatever order.
SL_TEST(large_directory_tells_of_growth_within_a_minute, "")
{
    slt_place p;
    char name[32];
    slt_place_open(&p, true);
    sli_source *s = open_large(&p);
    slt_append(&p, "f007", "more\n");
    slt_append(&p, "f299", "more\n");
    slt_put(&p, "empty", ""); // waits for its bytes: so the directory is listed each time
    for (int32_t i = 0; i < 62; i++) {
        snprintf(name, sizeof name, "new%03d", (int)i); // those that are known become more
        slt_put(&p, name, "y\n");
        sli_world_advance(p.world, 1000000);
        slt_offer(&p, s);
        assert_int_equal(p.offer.n_splits, 1);
    }
    assert_int_equal(slt_metric(&p, SLI_SOURCE_CHANGED), 2);
    sli_source_close(s);
    slt_place_close(&p);
}

// ---------------------------------------------------------------- compat=spark

PLACE_TEST(spark_ignores_what_is_older_than_start_and_window)
{
    p->source_env.compat_spark = true;
    slt_put(p, "before", "0\n");
    slt_touch(p, "before", sli_env_wall_us(p->env) - 5000000);
    sli_source *s = slt_open(p, "", fresh);
    assert_string_equal(slt_take(p, s), "");
    sl_bytes first = p->offer.range;
    assert_true(first.size > 0); // the start is on record
    slt_put(p, "old", "1\n");
    slt_touch(p, "old", 1000000);
    slt_put(p, "new", "2\n");
    slt_put(p, "future", "3\n");
    slt_touch(p, "new", sli_env_wall_us(p->env));
    slt_touch(p, "future", sli_env_wall_us(p->env) + 3600LL * 1000000);
    assert_string_equal(slt_take(p, s), "2;");
    slt_put(p, "new", "rewritten\n"); // same name inside the window: ignored
    // a kernel stamps files with a clock some ms behind the one that is read
    slt_touch(p, "new", sli_env_wall_us(p->env));
    assert_string_equal(slt_take(p, s), "");
    sli_source_close(s);
    s = slt_open(p, "", fresh); // another life keeps the first one's start
    assert_int_equal(s->ops->accept(s, first, NULL), SL_OK);
    sl_bytes again = slt_position(p, s);
    assert_true(again.size > 0);
    assert_string_equal(slt_take(p, s), "rewritten;");
    sli_source_close(s);
}

PLACE_TEST(spark_forgets_names_after_its_window)
{
    p->source_env.compat_spark = true;
    sli_source *s = slt_open(p, "new_files_only=false", fresh);
    slt_put(p, "a", "1\n");
    slt_touch(p, "a", sli_env_wall_us(p->env));
    assert_string_equal(slt_take(p, s), "1;");
    sli_ask ask = {
        .epoch = 9, .batch_time_us = sli_env_wall_us(p->env) + 61 * 1000000, .max_rows = INT64_MAX};
    slt_touch(p, "a", ask.batch_time_us - 1000000); // young again, and its name forgotten
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, NULL), SL_OK);
    assert_int_equal(p->offer.n_splits, 1);
    sli_source_close(s);
}

// ---------------------------------------------------------------- names

SL_TEST(glob_matches, "")
{
    assert_true(sli_file_glob("*", ""));
    assert_true(sli_file_glob("*.csv", "a.csv"));
    assert_true(sli_file_glob("*a*b", "xaab"));
    assert_true(sli_file_glob("a?c", "abc"));
    assert_false(sli_file_glob("a?c", "ac"));
    assert_false(sli_file_glob("*.csv", "a.csv.tmp"));
    assert_false(sli_file_glob("", "a"));
    char pattern[64], name[256]; // no more than size times size steps
    for (size_t i = 0; i < sizeof pattern - 2; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }
    memcpy(pattern + sizeof pattern - 2, "b", 2);
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(sli_file_glob(pattern, name));
}

PLACE_TEST(directories_too_deep_are_an_error)
{
    sli_str path = SLI_STR_INIT;
    for (int i = 0; i < SLI_FILE_DEPTH + 1; i++) {
        sli_str_text(&path, i == 0 ? "d" : "/d");
    }
    assert_int_equal(sli_env_mkdirs(p->env, slt_at(p, path.data), NULL), SL_OK);
    sli_str_reset(&path);
    sli_source *s = slt_open(p, "recursive=true", fresh);
    sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, &p->err), SL_E_INVALID);
    sli_source_close(s);
}

// Whichever allocation of an offer fails, the source goes on as if it had not been asked.
SL_TEST(offer_survives_any_failed_allocation, "")
{
    slt_place p;
    slt_place_open(&p, true);
    slt_put(&p, "a", "1\n");
    slt_put(&p, "b", "2\n");
    sli_source *s = slt_open(&p, "", fresh);
    sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
    sl_code rc = SL_E_NOMEM;
    int64_t n = 0;
    while (rc != SL_OK) {
        sli_mem_fail_nth(++n);
        rc = s->ops->offer(s, &ask, p.arena, &p.offer, &p.err);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
    }
    assert_true(n > 3);
    assert_int_equal(p.offer.n_splits, 2);
    const char *rows = NULL;
    assert_int_equal(slt_read(&p, s, p.offer.range, &rows), SL_OK);
    assert_int_equal(strlen(rows), 4);
    sli_source_close(s);
    slt_place_close(&p);
}
