/// path_test.c — joining and splitting paths.
#include "sl_test.h"

#include "base/arena.h"
#include "fs/fs.h"

SL_TEST(path_join, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    assert_string_equal(sli_path_join(arena, "a", "b"), "a/b");
    assert_string_equal(sli_path_join(arena, "a/", "b"), "a/b");
    assert_string_equal(sli_path_join(arena, "a//", "//b/c"), "a/b/c");
    assert_string_equal(sli_path_join(arena, "/", "b"), "/b");
    assert_string_equal(sli_path_join(arena, "", "b"), "b");
    assert_string_equal(sli_path_join(arena, "a", ""), "a/");
    sl_arena_free(arena);
}

SL_TEST(path_dir_and_name, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    assert_string_equal(sli_path_dir(arena, "a"), ".");
    assert_string_equal(sli_path_dir(arena, ""), ".");
    assert_string_equal(sli_path_dir(arena, "a/b"), "a");
    assert_string_equal(sli_path_dir(arena, "a/b/c"), "a/b");
    assert_string_equal(sli_path_dir(arena, "a//b"), "a");
    assert_string_equal(sli_path_dir(arena, "/a"), "/");
    assert_string_equal(sli_path_dir(arena, "//a"), "/");
    assert_string_equal(sli_path_dir(arena, "a/"), "a");
    assert_string_equal(sli_path_name("a"), "a");
    assert_string_equal(sli_path_name("a/b"), "b");
    assert_string_equal(sli_path_name("/b"), "b");
    assert_string_equal(sli_path_name("a/"), "");
    sl_arena_free(arena);
}
