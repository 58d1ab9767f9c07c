// mqtt_topic_fuzz.c — any text as a topic filter and a topic: the first line is the filter, the
// rest the topic.
#include "mqtt/mqtt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_str_add(&text, data, size);
    char *filter = text.data, *topic = filter == NULL ? NULL : memchr(filter, '\n', size);
    if (topic != NULL) {
        *topic++ = '\0';
        size_t n = strlen(topic);
        bool is_topic = sli_mqtt_topic_check((sl_text){topic, n}, NULL) == SL_OK;
        bool is_filter = sli_mqtt_filter_check(filter, NULL) == SL_OK;
        if (is_topic && is_filter) {
            bool matches = sli_mqtt_matches(filter, topic);
            SL_ASSERT(strcmp(filter, topic) != 0 || matches, "a topic matches itself");
        }
        SL_ASSERT(!is_topic || *topic == '$' || sli_mqtt_matches("#", topic),
                  "every topic matches all");
    }
    sli_str_reset(&text);
    return 0;
}
