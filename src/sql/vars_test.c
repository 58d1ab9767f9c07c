// ${NAME} in a script.
#include "sql/vars.h"

#include "sl_test.h"

static const char *value_of(void *ctx, const char *name)
{
    static const char *const pairs[] = {"A", "one", "EMPTY", "", "Q", "it's", "LONG_1", "x\ny"};
    (void)ctx;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i += 2) {
        if (strcmp(pairs[i], name) == 0) {
            return pairs[i + 1];
        }
    }
    return NULL;
}

SL_TEST(variables_are_replaced_but_in_comments, "")
{
    static const struct {
        const char *text, *replaced;
    } cases[] = {
        {"", ""},
        {"a ${A} b", "a one b"},
        {"'${A}' \"${A}\" `${A}`", "'one' \"one\" `one`"},
        {"${A}${A}", "oneone"},
        {"${B:-two}", "two"},
        {"${B:-}", ""},
        {"${A:-two}", "one"},
        {"${EMPTY}|${EMPTY:-e}", "|e"},
        {"${B:-it's $x}", "it's $x"},
        {"$${A} $$ $A $", "${A} $$ $A $"},
        {"-- ${B}\n${A}", "-- ${B}\none"},
        {"/* ${B} /* */ ${B} */${A}", "/* ${B} /* */ ${B} */one"},
        {"'-- ${A}'", "'-- one'"},
        {"${LONG_1}", "x\ny"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_str out = {.tag = SLI_TAG_TEST};
        sli_origins origins = {0};
        size_t where = 0;
        const char *text = cases[i].text;
        assert_int_equal(
            sli_vars_replace(text, strlen(text), value_of, NULL, &out, &origins, &where, NULL),
            SL_OK);
        SL_CHECK_TEXT(out.size == 0 ? "" : out.data, cases[i].replaced);
        sli_origins_reset(&origins);
        sli_str_reset(&out);
    }
}

SL_TEST(a_variable_that_is_wrong_is_told_with_its_place, "")
{
    static const struct {
        const char *text;
        size_t where;
        const char *what;
    } cases[] = {
        {"a ${B} c", 2, "variable B has no value: give --set B=VALUE"},
        {"${}", 0, "a variable is written ${NAME}"},
        {"x ${1A}", 2, "a variable is written ${NAME}"},
        {"x ${A", 2, "a variable is written ${NAME}"},
        {"x ${A:b}", 2, "a variable is written ${NAME}"},
        {"x ${A-b}", 2, "a variable is written ${NAME}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_str out = {.tag = SLI_TAG_TEST};
        sli_origins origins = {0};
        sl_error err = SL_ERROR_INIT;
        size_t where = 99;
        const char *text = cases[i].text;
        assert_int_equal(
            sli_vars_replace(text, strlen(text), value_of, NULL, &out, &origins, &where, &err),
            SL_E_INVALID);
        assert_int_equal(where, cases[i].where);
        assert_non_null(strstr(err.text, cases[i].what));
        sli_origins_reset(&origins);
        sli_str_reset(&out);
    }
}

SL_TEST(places_are_those_of_the_text_as_it_was_written, "")
{
    static const char text[] = "a ${A} b $${x} ${B:-22} c";
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_origins origins = {0};
    size_t where = 0;
    assert_int_equal(
        sli_vars_replace(text, strlen(text), value_of, NULL, &out, &origins, &where, NULL), SL_OK);
    SL_CHECK_TEXT(out.data, "a one b ${x} 22 c");
    assert_int_equal(sli_origin_of(&origins, 0), 0);
    assert_int_equal(sli_origin_of(&origins, 2), 2); // all of a value is where its ${ is
    assert_int_equal(sli_origin_of(&origins, 4), 2);
    assert_int_equal(sli_origin_of(&origins, 6), strstr(text, "b $") - text);
    assert_int_equal(sli_origin_of(&origins, 10), strstr(text, "x}") - text);
    assert_int_equal(sli_origin_of(&origins, 14), strstr(text, "${B") - text);
    assert_int_equal(sli_origin_of(&origins, 16), strlen(text) - 1);
    sli_origins_reset(&origins);
    sli_str_reset(&out);
}
