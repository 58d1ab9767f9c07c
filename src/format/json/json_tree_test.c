// JSON as a tree: what it holds, and what is refused with its place.
#include "format/json/json_tree.h"

#include "sl_test.h"

/// The tree as text: objects {key:value ...}, lists [value ...], strings in quotes.
static void render(const sli_tree *tree, sli_str *out)
{
    if (tree->kind == SLI_TREE_WORD) {
        sli_str_text(out, tree->text);
    } else if (tree->kind == SLI_TREE_STRING) {
        sli_str_printf(out, "'%s'", tree->text);
    } else {
        bool is_list = tree->kind == SLI_TREE_LIST;
        int32_t n = 0;
        sli_str_char(out, is_list ? '[' : '{');
        for (const sli_tree *child = tree->first; child != NULL; child = child->next, n++) {
            sli_str_printf(out, "%s%s%s", n > 0 ? " " : "", is_list ? "" : child->key,
                           is_list ? "" : ":");
            render(child, out);
        }
        assert_int_equal(n, tree->n);
        sli_str_char(out, is_list ? ']' : '}');
    }
}

static void check(const char *text, const char *expected)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    const sli_tree *tree = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_str out = {.tag = SLI_TAG_TEST};
    if (sli_tree_read(&tree, sli_text_of(text), arena, &err) == SL_OK) {
        render(tree, &out);
    } else {
        assert_int_equal(err.code, SL_E_INVALID);
        sli_str_text(&out, err.text);
    }
    SL_CHECK_TEXT(out.data, expected);
    sli_str_reset(&out);
    sl_arena_free(arena);
}

SL_TEST(json_becomes_a_tree, "")
{
    check("{}", "{}");
    check(" [ ] ", "[]");
    check("\"a\"", "'a'");
    check("-1.5e3", "-1.5e3");
    check("{\"a\": [1, true, null, {\"b\":\"c\"}],\n\"d\":\"\\u00fc\\n\"}",
          "{a:[1 true null {b:'c'}] d:'\xc3\xbc\n'}");
}

SL_TEST(what_is_no_json_is_named, "")
{
    check("", "no JSON: nothing is there");
    check("\"a", "no JSON: a string that does not end");
    check("\"\xff\"", "no JSON: text that is not UTF-8");
    check("\"a\nb\"", "no JSON: a string with a bare control character");
    check("{\"a\":1", "no JSON: a comma or bracket is missing at byte 6");
    check("{\"a\" 1}", "no JSON: a colon is missing at byte 5");
    check("{a:1}", "no JSON: a string is missing at byte 1");
    check("[1,]", "no JSON: a value is missing at byte 3");
    check("[1 2]", "no JSON: a comma or bracket is missing at byte 3");
    check("[01]", "no JSON: a value is missing at byte 1");
    check("[\"a\"b]", "no JSON: a comma or bracket is missing at byte 4");
    check("[}", "no JSON: a value is missing at byte 1");
    check("{} {}", "no JSON: something behind the value at byte 3");
    check("\"\\x\"", "no JSON: a wrong escape at byte 0");
    check("\"\\u0000\"", "no JSON: a wrong escape at byte 0");
}

SL_TEST(json_is_not_too_deep_and_not_too_long, "")
{
    char deep[2 * SLI_TREE_DEPTH + 3];
    memset(deep, '[', sizeof deep);
    memset(deep + SLI_TREE_DEPTH, ']', SLI_TREE_DEPTH);
    deep[2 * SLI_TREE_DEPTH] = '\0';
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    const sli_tree *tree = NULL;
    assert_int_equal(sli_tree_read(&tree, sli_text_of(deep), arena, NULL), SL_OK);
    memset(deep, '[', SLI_TREE_DEPTH + 1);
    memset(deep + SLI_TREE_DEPTH + 1, ']', SLI_TREE_DEPTH + 1);
    deep[2 * SLI_TREE_DEPTH + 2] = '\0';
    check(deep, "no JSON: more than 64 brackets within each other at byte 64");
    sl_text long_text = {"", SLI_TREE_BYTES + 1};
    assert_int_equal(sli_tree_read(&tree, long_text, arena, NULL), SL_E_INVALID);
    sl_arena_free(arena);
}

SL_TEST(values_of_an_object_are_found_by_key, "")
{
    static const char text[] = "{\"a\":1,\"s\":\"x\",\"a\":2,\"f\":1.5}";
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    const sli_tree *tree = NULL;
    int64_t n = 0;
    assert_int_equal(sli_tree_read(&tree, sli_text_of(text), arena, NULL), SL_OK);
    assert_true(sli_tree_int64(tree, "a", &n));
    assert_int_equal(n, 2); // the last one
    assert_false(sli_tree_int64(tree, "f", &n));
    assert_false(sli_tree_int64(tree, "s", &n));
    SL_CHECK_TEXT(sli_tree_string(tree, "s"), "x");
    assert_null(sli_tree_string(tree, "a"));
    assert_null(sli_tree_find(tree, "b"));
    sl_arena_free(arena);
}
