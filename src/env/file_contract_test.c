/// file_contract_test.c — files, names, directories and locks in both worlds.
#include "env/fixture_test.h"

#include <stdio.h>

#include "base/str.h"

static sl_code put(slt_bed *b, const char *name, const char *text)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(b->env, slt_bed_at(b, name), SLI_REPLACE, &file, NULL));
    sl_code rc = sli_file_write(file, text, strlen(text), NULL);
    sli_file_close(&file);
    return rc;
}

static void check_content(slt_bed *b, const char *name, const char *text)
{
    char *bytes = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_env_read_file(b->env, slt_bed_at(b, name), 1 << 20, &bytes, &size, &err);
    assert_int_equal(rc, SL_OK);
    assert_int_equal(size, strlen(text));
    SL_CHECK_TEXT(bytes, text);
    sl_free(bytes);
}

SLT_BOTH_WORLDS(file_modes_do_what_they_say)
{
    sli_file *file = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "f"), SLI_READ, &file, &err),
                     SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "/f"));
    assert_null(file);
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "f"), SLI_CREATE, &file, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "abc", 3, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "def", 3, &err), SL_OK);
    sli_file_close(&file);
    assert_null(file);
    sli_file_close(&file);
    check_content(b, "f", "abcdef");
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "f"), SLI_CREATE, &file, &err),
                     SL_E_EXISTS);
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "f"), SLI_APPEND, &file, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "gh", 2, &err), SL_OK);
    assert_int_equal(sli_file_truncate(file, 4, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "X", 1, &err), SL_OK);
    assert_int_equal(sli_file_sync(file, &err), SL_OK);
    sli_file_close(&file);
    check_content(b, "f", "abcdX");
    assert_int_equal(put(b, "f", "new"), SL_OK);
    check_content(b, "f", "new");
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "none/f"), SLI_APPEND, &file, &err),
                     SL_E_NOT_FOUND);
}

SLT_BOTH_WORLDS(update_writes_anywhere)
{
    sli_file *file = NULL;
    char out[16] = {0};
    size_t n = 99;
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "u"), SLI_UPDATE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write_at(file, 4, "end", 3, NULL), SL_OK);
    assert_int_equal(sli_file_write_at(file, 1, "b", 1, NULL), SL_OK);
    assert_int_equal(sli_file_read_at(file, 0, out, sizeof out, &n, NULL), SL_OK);
    assert_int_equal(n, 7);
    assert_memory_equal(out, "\0b\0\0end", 7);
    assert_int_equal(sli_file_read_at(file, 7, out, sizeof out, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sli_file_read_at(file, 100, out, sizeof out, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sli_file_read_at(file, -1, out, sizeof out, &n, NULL), SL_E_IO);
    assert_int_equal(sli_file_truncate(file, 9, NULL), SL_OK);
    sli_stat stat;
    assert_int_equal(sli_file_stat(file, &stat, NULL), SL_OK);
    assert_int_equal(stat.size_bytes, 9);
    assert_true(stat.is_file && !stat.is_dir);
    sli_file_close(&file);
}

SLT_BOTH_WORLDS(read_file_keeps_its_limit)
{
    char *bytes = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(put(b, "f", "12345"), SL_OK);
    assert_int_equal(sli_env_read_file(b->env, slt_bed_at(b, "f"), 5, &bytes, &size, &err), SL_OK);
    assert_int_equal(size, 5);
    assert_string_equal(bytes, "12345");
    sl_free(bytes);
    bytes = NULL;
    assert_int_equal(sli_env_read_file(b->env, slt_bed_at(b, "f"), 4, &bytes, &size, &err),
                     SL_E_NOMEM);
    assert_null(bytes);
    assert_int_equal(put(b, "empty", ""), SL_OK);
    assert_int_equal(sli_env_read_file(b->env, slt_bed_at(b, "empty"), 0, &bytes, &size, &err),
                     SL_OK);
    assert_int_equal(size, 0);
    assert_string_equal(bytes, "");
    sl_free(bytes);
}

SLT_BOTH_WORLDS(directories_are_no_files)
{
    sli_file *file = NULL;
    sli_stat stat;
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "a/b/c"), NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "a/b/c"), NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "a/b"), &stat, NULL), SL_OK);
    assert_true(stat.is_dir && !stat.is_file);
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "a"), SLI_READ, &file, NULL), SL_E_IO);
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "a"), SLI_REPLACE, &file, NULL), SL_E_IO);
    assert_int_equal(put(b, "file", "x"), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "file/below"), NULL), SL_E_EXISTS);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "file"), NULL), SL_E_EXISTS);
    assert_int_equal(sli_file_open(b->env, slt_bed_at(b, "file/below"), SLI_READ, &file, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "file/below"), &stat, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "a/../file"), &stat, NULL), SL_OK);
    assert_true(stat.is_file);
    assert_int_equal(sli_env_remove(b->env, slt_bed_at(b, "a"), NULL), SL_E_IO);
    assert_int_equal(sli_env_remove_dir(b->env, slt_bed_at(b, "a"), NULL), SL_E_IO);
    assert_int_equal(sli_env_remove_dir(b->env, slt_bed_at(b, "file"), NULL),
                     SL_E_NOT_FOUND); // "not a directory"
    assert_int_equal(sli_env_remove_dir(b->env, slt_bed_at(b, "a/b/c"), NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "a/b/c"), &stat, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_env_remove(b->env, slt_bed_at(b, "file"), NULL), SL_OK);
    assert_int_equal(sli_env_remove(b->env, slt_bed_at(b, "file"), NULL), SL_E_NOT_FOUND);
}

SLT_BOTH_WORLDS(rename_replaces_only_when_told)
{
    sli_stat before, after;
    assert_int_equal(put(b, "from", "new"), SL_OK);
    assert_int_equal(put(b, "to", "old"), SL_OK);
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "from"), &before, NULL), SL_OK);
    assert_int_equal(
        sli_env_rename(b->env, slt_bed_at(b, "from"), slt_bed_at(b, "to"), false, NULL),
        SL_E_EXISTS);
    check_content(b, "to", "old");
    check_content(b, "from", "new");
    assert_int_equal(sli_env_rename(b->env, slt_bed_at(b, "from"), slt_bed_at(b, "to"), true, NULL),
                     SL_OK);
    check_content(b, "to", "new");
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "to"), &after, NULL), SL_OK);
    assert_true(before.identity == after.identity);
    assert_int_equal(sli_env_rename(b->env, slt_bed_at(b, "from"), slt_bed_at(b, "to"), true, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "d1/x"), NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "d2"), NULL), SL_OK);
    assert_int_equal(sli_env_rename(b->env, slt_bed_at(b, "d1"), slt_bed_at(b, "d2"), false, NULL),
                     SL_E_EXISTS);
    assert_int_equal(sli_env_rename(b->env, slt_bed_at(b, "d2"), slt_bed_at(b, "d1"), true, NULL),
                     SL_E_EXISTS); // not empty
    assert_int_equal(
        sli_env_rename(b->env, slt_bed_at(b, "d1"), slt_bed_at(b, "d1/x/y"), true, NULL), SL_E_IO);
    assert_int_equal(sli_env_rename(b->env, slt_bed_at(b, "to"), slt_bed_at(b, "d2"), true, NULL),
                     SL_E_IO);
    assert_int_equal(sli_env_rename(b->env, slt_bed_at(b, "d1"), slt_bed_at(b, "d3"), false, NULL),
                     SL_OK);
    assert_int_equal(sli_env_stat(b->env, slt_bed_at(b, "d3/x"), &after, NULL), SL_OK);
}

static sl_code list_add(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s ", name);
    return SL_OK;
}

static sl_code list_stop(void *ctx, const char *name, sl_error *err)
{
    sli_str_printf(ctx, "%s ", name);
    return sl_error_set(err, SL_E_CANCELLED, "enough");
}

SLT_BOTH_WORLDS(list_is_sorted_by_bytes)
{
    const char *names[] = {"b", "a", "B", "aa", "\xc3\xa4", ".hidden", "a.1", "a-1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(put(b, names[i], ""), SL_OK);
    }
    sli_str all = SLI_STR_INIT;
    assert_int_equal(sli_env_list(b->env, b->dir, list_add, &all, NULL), SL_OK);
    SL_CHECK_TEXT(all.data, ".hidden B a a-1 a.1 aa b \xc3\xa4 ");
    sli_str_clear(&all);
    assert_int_equal(sli_env_list(b->env, b->dir, list_stop, &all, NULL), SL_E_CANCELLED);
    SL_CHECK_TEXT(all.data, ".hidden ");
    assert_int_equal(sli_env_list(b->env, slt_bed_at(b, "none"), list_add, &all, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_list(b->env, slt_bed_at(b, "a"), list_add, &all, NULL),
                     SL_E_NOT_FOUND);
    sli_str_reset(&all);
}

typedef struct scanned {
    slt_bed *b;
    sli_str names;
    bool removes;
} scanned;

/// What a listing alone tells is what a look tells.
static sl_code scan_check(void *ctx, const sli_name *name, sl_error *err)
{
    scanned *s = ctx;
    sli_stat by_name = {0}, by_path = {0};
    if (s->removes) {
        SL_TRY(sli_env_remove(s->b->env, slt_bed_at(s->b, name->name), err));
        return sli_name_stat(s->b->env, name, &by_name, err);
    }
    SL_TRY(sli_name_stat(s->b->env, name, &by_name, err));
    SL_TRY(sli_env_stat(s->b->env, slt_bed_at(s->b, name->name), &by_path, err));
    assert_int_equal(by_name.identity, by_path.identity);
    assert_int_equal(by_name.size_bytes, by_path.size_bytes);
    assert_int_equal(by_name.modified_us, by_path.modified_us);
    if (name->kind != SLI_NAME_UNKNOWN) { // a file system need not say
        assert_int_equal(name->kind, by_path.is_dir ? SLI_NAME_DIR : SLI_NAME_FILE);
        assert_int_equal(name->identity, by_path.identity);
    }
    sli_str_printf(&s->names, "%s ", name->name);
    return SL_OK;
}

SLT_BOTH_WORLDS(scan_tells_what_a_look_tells)
{
    scanned s = {.b = b};
    assert_int_equal(put(b, "part-00000000-b", "bytes"), SL_OK);
    assert_int_equal(put(b, "part-00000000-", "more bytes"), SL_OK);
    assert_int_equal(put(b, "part-00000000", ""), SL_OK);
    assert_int_equal(put(b, "part-00000000-a-longer-name", ""), SL_OK);
    assert_int_equal(put(b, "part-00000000-a-longer-game", ""), SL_OK);
    assert_int_equal(put(b, "part-00000000-\xff", ""), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "part-0000000"), NULL), SL_OK);
    assert_int_equal(sli_env_scan(b->env, b->dir, scan_check, &s, NULL), SL_OK);
    SL_CHECK_TEXT(s.names.data,
                  "part-0000000 part-00000000 part-00000000- part-00000000-a-longer-game "
                  "part-00000000-a-longer-name part-00000000-b part-00000000-\xff ");
    sli_str_reset(&s.names);
    assert_int_equal(sli_env_remove_dir(b->env, slt_bed_at(b, "part-0000000"), NULL), SL_OK);
    s.removes = true; // what has gone since is told as such
    assert_int_equal(sli_env_scan(b->env, b->dir, scan_check, &s, NULL), SL_E_NOT_FOUND);
}

SLT_BOTH_WORLDS(write_file_replaces_and_leaves_no_temp)
{
    assert_int_equal(sli_env_write_file(b->env, slt_bed_at(b, "conf"), "one", 3, NULL), SL_OK);
    assert_int_equal(sli_env_write_file(b->env, slt_bed_at(b, "conf"), "second", 6, NULL), SL_OK);
    check_content(b, "conf", "second");
    sli_str all = SLI_STR_INIT;
    assert_int_equal(sli_env_list(b->env, b->dir, list_add, &all, NULL), SL_OK);
    SL_CHECK_TEXT(all.data, "conf ");
    assert_int_equal(sli_env_write_file(b->env, slt_bed_at(b, "none/conf"), "x", 1, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_mkdirs(b->env, slt_bed_at(b, "dir"), NULL), SL_OK);
    assert_int_equal(sli_env_write_file(b->env, slt_bed_at(b, "dir"), "x", 1, NULL), SL_E_IO);
    sli_str_clear(&all);
    assert_int_equal(sli_env_list(b->env, b->dir, list_add, &all, NULL), SL_OK);
    SL_CHECK_TEXT(all.data, "conf dir ");
    sli_str_reset(&all);
}

SLT_BOTH_WORLDS(lock_excludes_and_names_the_holder)
{
    sli_file *first = NULL, *second = NULL;
    sl_error err = SL_ERROR_INIT;
    char pid[32];
    snprintf(pid, sizeof pid, "process %lld", (long long)sli_env_pid(b->env));
    assert_int_equal(sli_env_lock_file(b->env, slt_bed_at(b, "lock"), "job x\n", &first, &err),
                     SL_OK);
    assert_int_equal(sli_env_lock_file(b->env, slt_bed_at(b, "lock"), NULL, &second, &err),
                     SL_E_BUSY);
    assert_non_null(strstr(err.text, pid));
    assert_null(second);
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_env_read_file(b->env, slt_bed_at(b, "lock"), 1000, &bytes, &size, &err),
                     SL_OK);
    assert_non_null(strstr(bytes, "\njob x\n"));
    sl_free(bytes);
    sli_file_close(&first);
    assert_int_equal(sli_env_lock_file(b->env, slt_bed_at(b, "lock"), NULL, &second, &err), SL_OK);
    sli_file_close(&second);
    assert_int_equal(sli_env_lock_file(b->env, slt_bed_at(b, "none/lock"), NULL, &second, &err),
                     SL_E_NOT_FOUND);
}

SLT_BOTH_WORLDS(failed_allocations_leave_nothing_behind)
{
    for (int64_t n = 1; n < 40; n++) {
        sli_mem_fail_nth(n);
        sl_code rc = sli_env_write_file(b->env, slt_bed_at(b, "f"), "x", 1, NULL);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        char *bytes = NULL;
        size_t size = 0;
        sli_mem_fail_nth(n);
        rc = sli_env_read_file(b->env, slt_bed_at(b, "f"), 100, &bytes, &size, NULL);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM || rc == SL_E_NOT_FOUND);
        sl_free(bytes);
        sli_file *lock = NULL;
        sli_mem_fail_nth(n);
        rc = sli_env_lock_file(b->env, slt_bed_at(b, "l"), "t", &lock, NULL);
        sli_mem_fail_nth(0);
        assert_true((rc == SL_OK) == (lock != NULL));
        sli_file_close(&lock);
    }
    check_content(b, "f", "x");
}

SLT_BOTH_WORLDS(a_link_is_a_second_name_or_unsupported)
{
    sli_stat stat;
    assert_int_equal(put(b, "one", "bytes"), SL_OK);
    char one[600], two[600];
    snprintf(one, sizeof one, "%s", slt_bed_at(b, "one"));
    snprintf(two, sizeof two, "%s", slt_bed_at(b, "two"));
    sl_code rc = sli_env_link(b->env, one, two, NULL);
    if (b->world != NULL) {
        assert_int_equal(rc, SL_E_UNSUPPORTED);
        return;
    }
    assert_int_equal(rc, SL_OK);
    assert_int_equal(sli_env_link(b->env, one, two, NULL), SL_E_EXISTS);
    assert_int_equal(sli_env_link(b->env, slt_bed_at(b, "none"), slt_bed_at(b, "three"), NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_remove(b->env, one, NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, two, &stat, NULL), SL_OK);
    assert_int_equal(stat.size_bytes, 5);
}
