// Files that grow, followed by name: every way in which a name may change its file, and what is
// told of what can't be had.
#include "source/fixture_test.h"

#include <stdio.h>

#include <sys/stat.h>
#include <unistd.h>

static const sl_bytes fresh = {NULL, 0};

/// "tail:DIR/NAME?query".
static sli_source *follow(slt_place *p, const char *name, const char *query, sl_bytes position)
{
    return slt_open(p, sl_arena_printf(p->arena, "tail:%s/%s?%s", p->dir, name, query), position);
}

static void move(slt_place *p, const char *from, const char *to)
{
    assert_int_equal(sli_env_rename(p->env, slt_at(p, from), slt_at(p, to), true, NULL), SL_OK);
}

static void truncate_to_nothing(slt_place *p, const char *name)
{
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(p->env, slt_at(p, name), SLI_UPDATE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_truncate(file, 0, NULL), SL_OK);
    sli_file_close(&file);
}

/// What logrotate's copytruncate does.
static void copy(slt_place *p, const char *from, const char *to)
{
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_env_read_file(p->env, slt_at(p, from), 1 << 20, &bytes, &size, NULL),
                     SL_OK);
    truncate_to_nothing(p, to);
    slt_append(p, to, bytes);
    sl_free(bytes);
}

static bool was_told(const slt_place *p, const char *words)
{
    return p->told.data != NULL && strstr(p->told.data, words) != NULL;
}

// ---------------------------------------------------------------- one file

PLACE_TEST(tail_takes_what_is_added)
{
    slt_append(p, "log", "one\ntwo\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "one;two;");
    assert_int_equal(p->offer.rows, 2);
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(p->offer.range.size, 0);
    slt_append(p, "log", "three\r\n\nfo");
    assert_string_equal(slt_take(p, s), "three;;");
    assert_string_equal(slt_take(p, s), ""); // a record without its end waits for it
    slt_append(p, "log", "ur\n");
    assert_string_equal(slt_take(p, s), "four;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

PLACE_TEST(tail_of_a_file_that_comes_later)
{
    sli_source *s = follow(p, "log", "from=end", fresh);
    assert_string_equal(slt_take(p, s), "");
    assert_string_equal(slt_take(p, s), "");
    assert_true(was_told(p, "log can't be read"));
    slt_append(p, "log", "first\n");
    assert_string_equal(slt_take(p, s), "first;");
    sli_source_close(s);
}

PLACE_TEST(tail_of_a_directory_that_comes_later)
{
    sli_source *s = follow(p, "sub/log", "from=end", fresh);
    assert_string_equal(slt_take(p, s), "");
    assert_true(was_told(p, "can't be read"));
    assert_int_equal(sli_env_mkdirs(p->env, slt_at(p, "sub"), NULL), SL_OK);
    slt_append(p, "sub/log", "first\n");
    assert_string_equal(slt_take(p, s), "first;");
    sli_source_close(s);
}

PLACE_TEST(tail_from_end_begins_with_the_record_that_is_being_written)
{
    slt_append(p, "log", "old\nbeing wri");
    sli_source *s = follow(p, "log", "from=end", fresh);
    assert_string_equal(slt_take(p, s), "");
    sl_bytes start = p->offer.range;
    assert_true(start.size > 0); // where it begins is on record
    slt_append(p, "log", "tten\nnew\n");
    sli_source_close(s);
    s = follow(p, "log", "from=end", fresh); // a life that died before anything was taken
    assert_int_equal(s->ops->accept(s, start, NULL), SL_OK);
    assert_string_equal(slt_take(p, s), "being written;new;");
    sli_source_close(s);
}

PLACE_TEST(tail_goes_on_after_a_restart)
{
    slt_append(p, "log", "one\ntw");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "one;");
    sl_bytes range = p->offer.range, position = slt_position(p, s);
    sli_source_close(s);
    slt_append(p, "log", "o\nthree\n");
    s = follow(p, "log", "", position);
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK); // out of the file
    assert_string_equal(rows, "one;");
    assert_string_equal(slt_take(p, s), "two;three;");
    sli_source_close(s);
}

PLACE_TEST(tail_keeps_to_the_rows_asked_for)
{
    slt_append(p, "log", "1\n2\n3\n4\n5\n");
    sli_source *s = follow(p, "log", "", fresh);
    sli_ask ask = {.epoch = 1, .max_rows = 2};
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, &p->err), SL_OK);
    assert_int_equal(p->offer.rows, 2);
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_OK);
    assert_string_equal(rows, "1;2;");
    assert_string_equal(slt_take(p, s), "3;4;5;");
    sli_source_close(s);
}

PLACE_TEST(tail_takes_a_backlog_in_pieces)
{
    sli_str text = SLI_STR_INIT;
    for (int32_t i = 0; i < 30000; i++) {
        sli_str_printf(&text, "line %d\n", (int)i);
    }
    slt_append(p, "log", text.data);
    sli_source *s = follow(p, "log", "max_bytes=64KiB", fresh);
    size_t size = 0;
    int32_t epochs = 0;
    do { // the last one finds nothing more
        size += strlen(slt_take(p, s));
        epochs++;
        s->ops->forget(s, p->offer.range);
    } while (p->offer.more);
    assert_int_equal(size, text.size);
    assert_int_equal(epochs, (int)(text.size / (64 << 10)) + 1);
    sli_str_reset(&text);
    sli_source_close(s);
}

PLACE_TEST(tail_holds_no_more_than_four_epochs)
{
    sli_str text = SLI_STR_INIT;
    for (int32_t i = 0; i < 60000; i++) {
        sli_str_printf(&text, "line %d\n", (int)i);
    }
    slt_append(p, "log", text.data);
    sli_str_reset(&text);
    sli_source *s = follow(p, "log", "max_bytes=64KiB", fresh);
    sl_bytes latest = fresh;
    for (int32_t i = 0; i < 4; i++) {
        assert_true(strlen(slt_take(p, s)) > 0);
        latest = p->offer.range;
    }
    assert_string_equal(slt_take(p, s), "");
    s->ops->forget(s, latest);
    assert_true(strlen(slt_take(p, s)) > 0);
    sli_source_close(s);
}

// Nothing was taken of the file yet when its copy is seen.
PLACE_TEST(tail_of_a_copy_whose_file_is_new)
{
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "");
    slt_append(p, "log", "one\ntwo\n");
    copy(p, "log", "log.1");
    assert_string_equal(slt_take(p, s), "one;two;");
    assert_string_equal(slt_take(p, s), "");
    truncate_to_nothing(p, "log");
    slt_append(p, "log", "three\n");
    assert_string_equal(slt_take(p, s), "three;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

PLACE_TEST(tail_holds_a_share_of_the_jobs_memory)
{
    sli_str text = SLI_STR_INIT;
    for (int32_t i = 0; i < 120000; i++) {
        sli_str_printf(&text, "line %d\n", (int)i);
    }
    slt_append(p, "log", text.data);
    sli_str_reset(&text);
    sli_budget *budget = sli_budget_new(1 << 20);
    p->source_env.budget = budget;
    sli_source *s = follow(p, "log", "", fresh);
    sl_bytes latest = fresh;
    for (int32_t i = 0; i < 4; i++) {
        assert_true(strlen(slt_take(p, s)) > 0);
        latest = p->offer.range;
    }
    assert_string_equal(slt_take(p, s), "");
    assert_true(sli_budget_used(budget) > 450 << 10 && sli_budget_used(budget) < 550 << 10);
    s->ops->forget(s, latest);
    assert_int_equal(sli_budget_used(budget), 0);
    assert_true(strlen(slt_take(p, s)) > 0);
    sli_source_close(s);
    assert_int_equal(sli_budget_used(budget), 0);
    sli_budget_free(budget);
    p->source_env.budget = NULL;
}

PLACE_TEST(tail_judges_a_record_that_is_too_long)
{
    char name[64];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    sli_source *s = follow(p, "log", "max_record=16&malformed=skip", fresh);
    slt_append(p, "log", "good\n");
    assert_string_equal(slt_take(p, s), "good;");
    slt_append(p, "log", name); // no end yet, and too long already
    assert_string_equal(slt_take(p, s), "");
    slt_append(p, "log", name);
    assert_string_equal(slt_take(p, s), "");
    slt_append(p, "log", "\nnext\n");
    assert_string_equal(slt_take(p, s), "next;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_SKIPPED), 2); // each range is read twice
    sli_source_close(s);
}

PLACE_TEST(tail_has_columns_and_formats)
{
    slt_append(p, "log", "{\"n\":1}\r\n\n{\"n\":2}\n");
    sli_source *s = follow(p, "log", "format=json&schema=n%20int64&columns=file,offset", fresh);
    assert_string_equal(slt_take(p, s), "log,0,1;log,10,2;");
    sli_source_close(s);
    slt_append(p, "csv", "1,a\n2,b\n");
    s = follow(p, "csv", "format=csv&schema=n%20int64,t%20string", fresh);
    assert_string_equal(slt_take(p, s), "1,a;2,b;");
    sli_source_close(s);
}

SL_TEST(tail_passes_on_any_bytes, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(p.env, slt_at(&p, "log"), SLI_APPEND, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write(file, "a\0b\n\xff\xfe\nend\n", 11, NULL), SL_OK);
    sli_file_close(&file);
    sli_source *s = follow(&p, "log", "", fresh);
    slt_offer(&p, s);
    assert_int_equal(p.offer.rows, 3);
    const char *rows = NULL;
    assert_int_equal(slt_read(&p, s, p.offer.range, &rows), SL_OK);
    assert_int_equal(slt_metric(&p, SLI_SOURCE_RECORDS), 3);
    assert_int_equal(slt_metric(&p, SLI_SOURCE_REPLACED), 2);
    sli_source_close(s);
    slt_place_close(&p);
}

// ---------------------------------------------------------------- rotation by rename

PLACE_TEST(tail_reads_a_renamed_file_to_its_end_first)
{
    slt_append(p, "log", "1\n");
    sli_source *s = follow(p, "log", "rotate_wait=1s", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_append(p, "log", "2\n");
    move(p, "log", "log.1");
    slt_append(p, "log", "4\n");
    slt_append(p, "log.1", "3\n"); // the writer has not noticed yet
    assert_string_equal(slt_take(p, s), "2;3;4;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_ROTATED), 1);
    sli_source_close(s);
}

PLACE_TEST(tail_takes_an_unended_record_when_its_file_is_over)
{
    slt_append(p, "log", "1\nunended");
    sli_source *s = follow(p, "log", "rotate_wait=0s", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    move(p, "log", "log.1");
    slt_append(p, "log", "2\n");
    assert_string_equal(slt_take(p, s), "unended;2;");
    move(p, "log", "log.2");
    assert_string_equal(slt_take(p, s), "");
    slt_append(p, "log", "3\n");
    assert_string_equal(slt_take(p, s), "3;");
    sli_source_close(s);
}

SL_TEST(tail_waits_before_a_rotated_file_is_over, "")
{
    slt_place p;
    slt_place_open(&p, true);
    slt_append(&p, "log", "1\nhal");
    sli_source *s = follow(&p, "log", "rotate_wait=3s", fresh);
    assert_string_equal(slt_take(&p, s), "1;");
    move(&p, "log", "log.1");
    assert_string_equal(slt_take(&p, s), ""); // an epoch a second
    assert_string_equal(slt_take(&p, s), "");
    slt_append(&p, "log.1", "f"); // that is news
    assert_string_equal(slt_take(&p, s), "");
    assert_string_equal(slt_take(&p, s), "");
    assert_string_equal(slt_take(&p, s), "");
    assert_string_equal(slt_take(&p, s), "half;");
    sli_source_close(s);
    slt_place_close(&p);
}

PLACE_TEST(tail_follows_several_rotations_between_two_looks)
{
    slt_append(p, "log", "1\n");
    slt_append(p, "log.1", "before\n"); // rotated before anybody followed it
    sli_source *s = follow(p, "log", "rotate_wait=0s", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_append(p, "log", "2\n");
    move(p, "log.1", "log.4");
    move(p, "log", "log.3");
    slt_append(p, "log.2", "3\n");
    slt_append(p, "log.1", "4\n");
    slt_append(p, "log", "5\n");
    slt_touch(p, "log.2", sli_env_wall_us(p->env) - 60000000);
    slt_touch(p, "log.1", sli_env_wall_us(p->env) - 50000000);
    assert_string_equal(slt_take(p, s), "2;3;4;5;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

PLACE_TEST(tail_finds_a_file_that_was_rotated_while_it_was_down)
{
    slt_append(p, "log", "1\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_append(p, "log", "2\n");
    assert_string_equal(slt_take(p, s), "2;");
    sl_bytes range = p->offer.range, position = slt_position(p, s);
    sli_source_close(s);
    slt_append(p, "log", "3\n");
    move(p, "log", "log-20261129");
    slt_append(p, "log", "4\n");
    s = follow(p, "log", "", position);
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK);
    assert_string_equal(rows, "2;");
    assert_string_equal(slt_take(p, s), "3;4;");
    sli_source_close(s);
}

PLACE_TEST(tail_reads_a_deleted_file_to_its_end)
{
    slt_append(p, "log", "1\n");
    sli_source *s = follow(p, "log", "rotate_wait=0s", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_append(p, "log", "2\n");
    slt_remove(p, "log");
    slt_append(p, "log", "3\n");
    assert_string_equal(slt_take(p, s), "2;3;"); // it was open
    slt_remove(p, "log");
    assert_string_equal(slt_take(p, s), "");
    slt_append(p, "log", "4\n"); // comes back
    assert_string_equal(slt_take(p, s), "4;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

PLACE_TEST(tail_knows_rotated_files_by_a_pattern)
{
    slt_append(p, "log", "1\n");
    sli_source *s = follow(p, "log", "rotated=old-%25*&rotate_wait=0s", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    move(p, "log", "old-log-a");
    slt_append(p, "old-log-b", "2\n");
    slt_append(p, "log", "3\n");
    slt_append(p, "log.1", "no file of ours\n");
    assert_string_equal(slt_take(p, s), "2;3;");
    sli_source_close(s);
}

PLACE_TEST(tail_of_a_pattern_follows_each_name)
{
    slt_append(p, "a.log", "a1\n");
    slt_append(p, "b.log", "b1\n");
    slt_append(p, "b.txt", "no\n");
    sli_source *s = follow(p, "*.log", "rotate_wait=0s&columns=file", fresh);
    assert_string_equal(slt_take(p, s), "a.log,a1;b.log,b1;");
    assert_int_equal(p->offer.n_splits, 2);
    slt_append(p, "a.log", "a2\n");
    move(p, "a.log", "a.log.1");
    slt_append(p, "a.log", "a3\n");
    slt_append(p, "c.log", "c1\n");
    assert_string_equal(slt_take(p, s), "a.log,a2;a.log,a3;c.log,c1;");
    sli_source_close(s);
}

// ---------------------------------------------------------------- copytruncate

PLACE_TEST(tail_finds_the_rest_in_copytruncate_s_copy)
{
    slt_append(p, "log", "1\n");
    sli_source *s = follow(p, "log", "rotate_wait=1h", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_append(p, "log", "2\n");
    slt_append(p, "log.1", "");
    copy(p, "log", "log.1");
    truncate_to_nothing(p, "log");
    assert_string_equal(slt_take(p, s), "2;");
    slt_append(p, "log", "3\n");
    assert_string_equal(slt_take(p, s), "3;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

PLACE_TEST(tail_waits_with_a_copy_in_the_making)
{
    slt_append(p, "log", "1\n2\n");
    sli_source *s = follow(p, "log", "rotate_wait=1h", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    slt_append(p, "log", "3\n");
    slt_append(p, "log.1", "1\n"); // half a copy
    assert_string_equal(slt_take(p, s), "3;");
    slt_append(p, "log.1", "2\n3\n");
    assert_string_equal(slt_take(p, s), ""); // whole, and not truncated yet
    slt_append(p, "log", "4\n");
    slt_append(p, "log.1", "4\n");
    truncate_to_nothing(p, "log");
    slt_append(p, "log", "5\n6\n7\n8\n9\n"); // longer than it was: its bytes tell
    assert_string_equal(slt_take(p, s), "4;5;6;7;8;9;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

SL_TEST(tail_leaves_a_copy_alone_whose_file_goes_on, "")
{
    slt_place p;
    slt_place_open(&p, true);
    slt_append(&p, "log", "1\n");
    sli_source *s = follow(&p, "log", "rotate_wait=2s", fresh);
    assert_string_equal(slt_take(&p, s), "1;");
    slt_append(&p, "log.1", "1\n");
    for (int32_t i = 0; i < 5; i++) {
        assert_string_equal(slt_take(&p, s), "");
    }
    slt_append(&p, "log", "2\n");
    assert_string_equal(slt_take(&p, s), "2;");
    sli_source_close(s);
    slt_place_close(&p);
}

PLACE_TEST(tail_finds_a_copy_that_was_made_while_it_was_down)
{
    slt_append(p, "log", "1\n2\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    sl_bytes range = p->offer.range, position = slt_position(p, s);
    sli_source_close(s);
    slt_append(p, "log", "3\n");
    slt_append(p, "log.1", "");
    copy(p, "log", "log.1");
    truncate_to_nothing(p, "log");
    slt_append(p, "log", "4\n");
    s = follow(p, "log", "", position);
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK); // there, too
    assert_string_equal(rows, "1;2;");
    assert_string_equal(slt_take(p, s), "3;4;");
    sli_source_close(s);
}

PLACE_TEST(tail_tells_what_truncation_has_taken)
{
    slt_append(p, "log", "1\nseen and not ended");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    truncate_to_nothing(p, "log");
    slt_append(p, "log", "2\n");
    assert_string_equal(slt_take(p, s), "2;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 18);
    assert_true(was_told(p, "taken up to byte 2, 18 bytes seen behind it can't be read"));
    sli_source_close(s);
}

PLACE_TEST(tail_is_not_deceived_by_an_inode_used_again)
{
    slt_append(p, "log", "1\n");
    slt_append(p, "log.1", "old\n");
    sli_source *s = follow(p, "log", "rotate_wait=0s", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    sl_bytes position = slt_position(p, s);
    sli_source_close(s);
    truncate_to_nothing(p, "log"); // the same inode, other bytes, not shorter
    slt_append(p, "log", "another file\n");
    truncate_to_nothing(p, "log.1");
    slt_append(p, "log.1", "OLD\nand more\n");
    s = follow(p, "log", "rotate_wait=0s", position);
    assert_string_equal(slt_take(p, s), "OLD;and more;another file;");
    sli_source_close(s);
}

/// The same bytes in another file, as after a restore, or on a disk that has another number now.
static void become_another_file(slt_place *p, const char *name)
{
    copy(p, name, "restored");
    move(p, "restored", name);
}

PLACE_TEST(tail_knows_files_by_their_bytes)
{
    slt_append(p, "log.1", "old\n");
    slt_append(p, "log", "1\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;");
    slt_append(p, "log", "2\n");
    move(p, "log", "log.2");
    slt_append(p, "log", "3\n");
    assert_string_equal(slt_take(p, s), "2;3;");
    sl_bytes position = slt_position(p, s);
    sli_source_close(s);
    slt_append(p, "log", "4\n");
    become_another_file(p, "log");
    become_another_file(p, "log.1");
    become_another_file(p, "log.2");
    s = follow(p, "log", "", position);
    assert_string_equal(slt_take(p, s), "4;");
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 0);
    sli_source_close(s);
}

PLACE_TEST(tail_leaves_a_backup_alone_that_outlives_its_file)
{
    slt_append(p, "log", "1\n2\n");
    sli_source *s = follow(p, "log", "rotate_wait=0s", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    copy(p, "log", "log.0-backup");
    slt_append(p, "log", "3\n");
    assert_string_equal(slt_take(p, s), "3;");
    move(p, "log", "log.1");
    slt_append(p, "log", "4\n");
    assert_string_equal(slt_take(p, s), "4;");
    slt_remove(p, "log.1");
    assert_string_equal(slt_take(p, s), "");
    sl_bytes position = slt_position(p, s);
    sli_source_close(s);
    s = follow(p, "log", "rotate_wait=0s", position);
    assert_string_equal(slt_take(p, s), "");
    sli_source_close(s);
}

PLACE_TEST(tail_of_a_pattern_knows_a_file_that_gets_another_name_of_it)
{
    slt_append(p, "a.log", "1\n");
    sli_source *s = follow(p, "*.log", "columns=file", fresh);
    assert_string_equal(slt_take(p, s), "a.log,1;");
    move(p, "a.log", "b.log");
    slt_append(p, "b.log", "2\n");
    slt_append(p, "a.log", "3\n");
    assert_string_equal(slt_take(p, s), "a.log,3;b.log,2;");
    sli_source_close(s);
}

// ---------------------------------------------------------------- what is lost, what is refused

PLACE_TEST(tail_names_recorded_bytes_that_are_gone)
{
    slt_append(p, "log", "1\n2\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    sl_bytes range = p->offer.range, position = slt_position(p, s);
    sli_source_close(s);
    slt_remove(p, "log");
    const char *rows = NULL;
    s = follow(p, "log", "", position);
    assert_int_equal(slt_read(p, s, range, &rows), SL_E_NOT_FOUND);
    assert_non_null(strstr(p->err.text, "log: bytes 0 to 4"));
    sli_source_close(s);
    s = follow(p, "log", "lost=skip", position);
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK);
    assert_string_equal(rows, "");
    assert_int_equal(slt_metric(p, SLI_SOURCE_LOST), 4);
    sli_source_close(s);
}

PLACE_TEST(tail_says_which_file_is_gone)
{
    slt_append(p, "log", "1\n2\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    sl_bytes position = slt_position(p, s);
    sli_source_close(s);
    slt_remove(p, "log");
    slt_append(p, "log", "3\n");
    s = follow(p, "log", "", position);
    assert_string_equal(slt_take(p, s), "3;");
    assert_true(was_told(p, "log: gone; taken up to byte 4") ||
                was_told(p, "log: truncated or replaced in its place; taken up to byte 4"));
    sli_source_close(s);
}

PLACE_TEST(tail_has_nothing_to_say_of_a_rotated_file_that_was_read_and_is_gone)
{
    slt_append(p, "log", "1\n2\n");
    sli_source *s = follow(p, "log", "", fresh);
    assert_string_equal(slt_take(p, s), "1;2;");
    move(p, "log", "log.1");
    slt_append(p, "log", "3\n");
    assert_string_equal(slt_take(p, s), "3;");
    sl_bytes position = slt_position(p, s);
    sli_source_close(s);
    slt_remove(p, "log.1");
    s = follow(p, "log", "", position);
    assert_string_equal(slt_take(p, s), "");
    assert_false(was_told(p, "taken up to byte"));
    sli_source_close(s);
}

SL_TEST(tail_refuses_more_files_than_it_follows, "")
{
    slt_place p;
    char name[32];
    sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
    slt_place_open(&p, true);
    for (int32_t i = 0; i <= 1000; i++) {
        (void)snprintf(name, sizeof name, "%d.log", (int)i);
        slt_append(&p, name, "1\n");
    }
    sli_source *s = follow(&p, "*.log", "", fresh);
    assert_int_equal(s->ops->offer(s, &ask, p.arena, &p.offer, &p.err), SL_E_INVALID);
    assert_non_null(strstr(p.err.text, "more than 1000 files"));
    slt_remove(&p, "0.log");
    slt_offer(&p, s);
    assert_int_equal(p.offer.rows, 1000);
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(tail_waits_for_permission, "")
{
    slt_place p;
    slt_place_open(&p, false);
    slt_append(&p, "log", "1\n");
    if (geteuid() == 0) { // root may read all
        slt_place_close(&p);
        return;
    }
    assert_int_equal(chmod(slt_at(&p, "log"), 0), 0);
    sli_source *s = follow(&p, "log", "", fresh);
    assert_string_equal(slt_take(&p, s), "");
    assert_true(was_told(&p, "log can't be read"));
    assert_int_equal(chmod(slt_at(&p, "log"), 0600), 0);
    assert_string_equal(slt_take(&p, s), "1;");
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(tail_follows_a_link_that_is_swapped, "")
{
    slt_place p;
    slt_place_open(&p, false);
    slt_append(&p, "x", "x1\n");
    slt_append(&p, "y", "y1\n");
    assert_int_equal(symlink("x", slt_at(&p, "log")), 0);
    sli_source *s = follow(&p, "log", "rotate_wait=0s", fresh);
    assert_string_equal(slt_take(&p, s), "x1;");
    slt_append(&p, "x", "x2\n");
    assert_int_equal(unlink(slt_at(&p, "log")), 0);
    assert_int_equal(symlink("y", slt_at(&p, "log")), 0);
    assert_string_equal(slt_take(&p, s), "x2;y1;");
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(tail_refuses_what_it_cannot_follow, "")
{
    slt_place p;
    sli_source *s = NULL;
    slt_place_open(&p, true);
    static const char *const urls[] = {"tail:",
                                       "tail:/data/",
                                       "tail://host/log",
                                       "tail:/data/log?format=arrow&schema=n%20int64",
                                       "tail:/data/log?format=bytes",
                                       "tail:/data/log?format=csv&schema=n%20int64&header=true",
                                       "tail:/data/log?rotated=old",
                                       "tail:/data/log?columns=time"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        sl_code rc = slt_open_url(&p, urls[i], &s);
        assert_true(rc == SL_E_CONFIG || rc == SL_E_UNSUPPORTED);
    }
    slt_place_close(&p);
}

// Whichever allocation of an offer fails, the next one takes all that is there.
SL_TEST(tail_offer_survives_any_failed_allocation, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        slt_place p;
        slt_place_open(&p, true);
        slt_append(&p, "log", "1\n2\n");
        sli_source *s = follow(&p, "log", "", fresh);
        sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
        sli_mem_fail_nth(n);
        failed = s->ops->offer(s, &ask, p.arena, &p.offer, &p.err) != SL_OK;
        sli_mem_fail_nth(0);
        if (failed) {
            assert_string_equal(slt_take(&p, s), "1;2;");
        }
        sli_source_close(s);
        slt_place_close(&p);
    }
}
