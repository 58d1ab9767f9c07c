// Tokens: where texts, names and comments begin and end.
#include "sql/lex.h"

#include "base/hash.h"
#include "base/str.h"
#include "sl_test.h"

/// "w:SELECT m:* t:'x'": the tokens of a text, or "! PLACE what".
static const char *tokens_of(const char *text, sli_str *out)
{
    static const char kinds[] = "?wqtnm";
    size_t at = 0, where = 0;
    sli_str_clear(out);
    for (;;) {
        sli_lexeme token;
        sl_error err = SL_ERROR_INIT;
        if (sli_lex_next(text, strlen(text), &at, &token, &where, &err) != SL_OK) {
            sli_str_clear(out);
            sli_str_printf(out, "! %zu %s", where, err.text);
            return out->data;
        }
        if (token.kind == SLI_LEX_END) {
            return out->size == 0 ? "" : out->data;
        }
        sli_str_printf(out, "%s%c:%.*s", out->size == 0 ? "" : " ", kinds[token.kind],
                       (int)token.size, text + token.at);
    }
}

SL_TEST(a_text_falls_into_tokens, "")
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        {"", ""},
        {" \n\t ", ""},
        {"SELECT a.b,1", "w:SELECT w:a m:. w:b m:, n:1"},
        {"a--b\nc", "w:a w:c"},
        {"a -- ;'", "w:a"},
        {"a /* x /* y */ ; */ b", "w:a w:b"},
        {"'it''s; -- no' x", "t:'it''s; -- no' w:x"},
        {"E'a\\'b' c", "t:E'a\\'b' w:c"},
        {"'a\\' b", "t:'a\\' w:b"},
        {"$$ ' ; $$ $q$ $$ $q$", "t:$$ ' ; $$ t:$q$ $$ $q$"},
        {"\"a\"\"b\" `c d`", "q:\"a\"\"b\" q:`c d`"},
        {"1.5e-3 .5 10x", "n:1.5e-3 n:.5 n:10x"},
        {"a=>b a=b", "w:a m:=> w:b w:a m:= w:b"},
        {"a$1 $1", "w:a$1 m:$ n:1"},
        {"größe", "w:größe"},
        {"a 'b", "! 2 this text is never closed"},
        {"\"b", "! 0 this quoted name is never closed"},
        {"x /* /* */", "! 2 this comment (/* ... */) is never closed"},
        {"$a$ $b$", "! 0 this text is never closed"},
        {"E'\\", "! 0 this text is never closed"},
    };
    sli_str out = {.tag = SLI_TAG_TEST};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SL_CHECK_TEXT(tokens_of(cases[i].text, &out), cases[i].tokens);
    }
    sli_str_reset(&out);
}

SL_TEST(a_token_says_its_value, "")
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"'it''s'", "it's"}, {"''", ""},           {"E'a\\nb\\\\\\'''c'", "a\nb\\''c"},
        {"$$a'b$$", "a'b"},  {"$x$$$ $x$", "$$ "}, {"\"a\"\"b\"", "a\"b"},
        {"`a b`", "a b"},    {"word", "word"},     {"1.50", "1.50"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char value[64];
        size_t at = 0, where = 0;
        sli_lexeme token;
        const char *text = cases[i].text;
        assert_int_equal(sli_lex_next(text, strlen(text), &at, &token, &where, NULL), SL_OK);
        assert_int_equal(token.size, strlen(text));
        assert_int_equal(sli_lex_value(text, &token, value, NULL), SL_OK);
        SL_CHECK_TEXT(value, cases[i].value);
    }
}

SL_TEST(an_escape_that_is_not_known_is_told, "")
{
    sl_error err = SL_ERROR_INIT;
    char value[16];
    assert_int_equal(sli_lex_value("E'\\x41' ", &(sli_lexeme){SLI_LEX_TEXT, 0, 7}, value, &err),
                     SL_E_INVALID);
    assert_non_null(strstr(err.text, "\\x in E'...' is not known here"));
}

SL_TEST(any_bytes_are_tokens_that_follow_each_other, "")
{
    static const char likely[] = "'\"`$-/*=>.;(),eE\\ \n19ax\xC3";
    sli_rng rng = {17};
    for (int round = 0; round < 20000; round++) {
        char text[40];
        size_t size = sli_rng_below(&rng, sizeof text), at = 0, last = 0, where = size;
        for (size_t i = 0; i < size; i++) {
            text[i] = likely[sli_rng_below(&rng, sizeof likely - 1)];
        }
        sli_lexeme token = {SLI_LEX_WORD, 0, 0};
        sl_code rc = SL_OK;
        while (rc == SL_OK && token.kind != SLI_LEX_END) {
            rc = sli_lex_next(text, size, &at, &token, &where, NULL);
            if (rc == SL_OK) {
                char value[64];
                assert_true(token.at >= last && token.at + token.size <= size);
                assert_true(token.size > 0 || token.kind == SLI_LEX_END);
                last = token.at + token.size;
                (void)!sli_lex_value(text, &token, value, NULL);
            }
        }
        assert_true(rc == SL_OK || (rc == SL_E_INVALID && where < size));
    }
}
