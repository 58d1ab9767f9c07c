// Topics and their filters.
#include "mqtt/mqtt.h"
#include "sl_test.h"

SL_TEST(mqtt_filters_are_checked, "")
{
    static const char *const good[] = {"a", "/", "a/b", "+", "#", "a/#", "+/b/+", "/+", "$SYS/#"};
    static const char *const bad[][2] = {{"", "has 1 to 65535 bytes"},
                                         {"a#", "'#' is a level of its own"},
                                         {"a/b+/c", "'+' is a level of its own"},
                                         {"a/#/b", "nothing may follow '#'"},
                                         {"a/\xff", "UTF-8"}};
    sl_error err = SL_ERROR_INIT;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(sli_mqtt_filter_check(good[i], &err), SL_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sli_mqtt_filter_check(bad[i][0], &err), SL_E_CONFIG);
        assert_non_null(strstr(err.text, bad[i][1]));
    }
    assert_int_equal(sli_mqtt_topic_check(sli_text_of("a/b"), &err), SL_OK);
    assert_int_equal(sli_mqtt_topic_check(sli_text_of("a/+"), &err), SL_E_CONFIG);
    assert_int_equal(sli_mqtt_topic_check((sl_text){"a\0b", 3}, &err), SL_E_CONFIG);
}

SL_TEST(mqtt_filters_match_as_the_protocol_says, "")
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        {"a/b", "a/b", true},       {"a/b", "a/bc", false}, {"a/b", "a", false},
        {"a", "a/b", false},        {"+", "a", true},       {"+", "a/b", false},
        {"a/+/c", "a/b/c", true},   {"a/+", "a/", true},    {"a/+", "a", false},
        {"#", "a/b/c", true},       {"a/#", "a", true},     {"a/#", "a/b/c", true},
        {"a/#", "ab", false},       {"/+", "/a", true},     {"+", "/a", false},
        {"+/+", "/a", true},        {"#", "$SYS/x", false}, {"+/x", "$SYS/x", false},
        {"$SYS/#", "$SYS/x", true}, {"a/+/#", "a/b", true}, {"a/+/#", "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (sli_mqtt_matches(cases[i].filter, cases[i].topic) != cases[i].matches) {
            fail_msg("%s and %s", cases[i].filter, cases[i].topic);
        }
    }
}
