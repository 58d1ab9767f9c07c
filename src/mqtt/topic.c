/// topic.c — topics and filters of topics, as MQTT defines them (3.1.1 and 5, section 4.7).
#include "mqtt/mqtt.h"

enum { MAX_TOPIC = 65535 };

static sl_code check_text(sl_text text, const char *what, sl_error *err)
{
    if (text.size == 0 || text.size > MAX_TOPIC) {
        return sl_error_set(err, SL_E_CONFIG, "%s has 1 to %d bytes, not %zu", what, MAX_TOPIC,
                            text.size);
    }
    if (memchr(text.data, '\0', text.size) != NULL ||
        sli_utf8_check(text.data, text.size) != text.size) {
        return sl_error_set(err, SL_E_CONFIG, "%s is text in UTF-8 without a zero byte", what);
    }
    return SL_OK;
}

/// A wildcard is a whole level, and '#' the last one.
static sl_code check_level(const char *filter, const char *level, size_t size, sl_error *err)
{
    size_t wild = strcspn(level, "+#");
    if (wild >= size) {
        return SL_OK;
    }
    if (size > 1) {
        return sl_error_set(err, SL_E_CONFIG,
                            "topic filter \"%.200s\": '%c' is a level of its own, as in a/%c",
                            filter, level[wild], level[wild]);
    }
    if (level[0] == '#' && level[1] != '\0') {
        return sl_error_set(err, SL_E_CONFIG, "topic filter \"%.200s\": nothing may follow '#'",
                            filter);
    }
    return SL_OK;
}

sl_code sli_mqtt_filter_check(const char *filter, sl_error *err)
{
    SL_TRY(check_text(sli_text_of(filter), "a topic filter", err));
    for (const char *level = filter;;) {
        size_t size = strcspn(level, "/");
        SL_TRY(check_level(filter, level, size, err));
        if (level[size] == '\0') {
            return SL_OK;
        }
        level += size + 1;
    }
}

sl_code sli_mqtt_topic_check(sl_text topic, sl_error *err)
{
    SL_TRY(check_text(topic, "a topic", err));
    if (memchr(topic.data, '+', topic.size) != NULL ||
        memchr(topic.data, '#', topic.size) != NULL) {
        return sl_error_set(err, SL_E_CONFIG, "topic \"%.*s\": '+' and '#' are for filters",
                            topic.size > 200 ? 200 : (int)topic.size, topic.data);
    }
    return SL_OK;
}

bool sli_mqtt_matches(const char *filter, const char *topic)
{
    if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) {
        return false;
    }
    for (;;) {
        size_t of_filter = strcspn(filter, "/"), of_topic = strcspn(topic, "/");
        if (filter[0] == '#') {
            return true;
        }
        bool any = of_filter == 1 && filter[0] == '+';
        if (!any && (of_filter != of_topic || memcmp(filter, topic, of_topic) != 0)) {
            return false;
        }
        filter += of_filter;
        topic += of_topic;
        if (*topic == '\0') { // "a/#" matches "a" too
            return *filter == '\0' || strcmp(filter, "/#") == 0;
        }
        if (*filter == '\0') {
            return false;
        }
        filter++;
        topic++;
    }
}
