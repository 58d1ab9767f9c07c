/// group.c — what groups have on record: an offset and a text for a partition.
#include "kafka/sim/ksim_int.h"

static void mark_free(ksim_mark *mark)
{
    sl_free(mark->group);
    sl_free(mark->topic);
    sl_free(mark);
}

sl_code sli_ksim_mark_new(ksim_mark **out, const char *group, const sli_kafka_spot *spot,
                          const char *text, sl_error *err)
{
    size_t size = strlen(text);
    ksim_mark *mark = NULL;
    if (size >= sizeof mark->at.text) {
        return sl_error_set(err, SL_E_INVALID, "kafka: a mark's text has at most %zu bytes",
                            sizeof mark->at.text - 1);
    }
    mark = sl_alloc_zero(SLI_TAG_ENV, sizeof *mark);
    if (mark == NULL) {
        return sl_error_nomem(err, sizeof *mark, "a group's offset");
    }
    mark->group = sl_strdup(SLI_TAG_ENV, group);
    mark->topic = sl_strdup(SLI_TAG_ENV, spot->topic);
    mark->partition = spot->partition;
    mark->at.offset = spot->offset;
    memcpy(mark->at.text, text, size + 1);
    if (mark->group == NULL || mark->topic == NULL) {
        mark_free(mark);
        return sl_error_nomem(err, size, "a group's offset");
    }
    *out = mark;
    return SL_OK;
}

void sli_ksim_marks_free(ksim_mark **list)
{
    while (*list != NULL) {
        ksim_mark *next = (*list)->next;
        mark_free(*list);
        *list = next;
    }
}

void sli_ksim_marks_drop(ksim_mark **list, const char *group)
{
    while (*list != NULL) {
        ksim_mark *mark = *list;
        if (strcmp(mark->group, group) == 0) {
            *list = mark->next;
            mark_free(mark);
        } else {
            list = &mark->next;
        }
    }
}

static bool is_of(const ksim_mark *mark, const char *group, const char *topic, int32_t partition)
{
    return mark->partition == partition && strcmp(mark->topic, topic) == 0 &&
           strcmp(mark->group, group) == 0;
}

void sli_ksim_mark_put(ksim_mark **list, ksim_mark *mark)
{
    ksim_mark **at = list;
    while (*at != NULL && !is_of(*at, mark->group, mark->topic, mark->partition)) {
        at = &(*at)->next;
    }
    ksim_mark *old = *at;
    mark->next = old == NULL ? NULL : old->next;
    *at = mark;
    if (old != NULL) {
        mark_free(old);
    }
}

void sli_ksim_mark_record(sli_kafka_cluster *cluster, ksim_mark *mark, int64_t at_us)
{
    int64_t now_us = sli_world_mono_us(cluster->world);
    mark->set_us = at_us < now_us ? at_us : now_us;
    sli_ksim_mark_put(&cluster->marks, mark);
}

void sli_ksim_marks_tick(sli_kafka_cluster *cluster)
{
    int64_t oldest_us = sli_world_mono_us(cluster->world) - cluster->retention_us;
    ksim_mark **at = &cluster->marks;
    while (cluster->retention_us > 0 && *at != NULL) {
        ksim_mark *mark = *at;
        if (mark->set_us < oldest_us) {
            *at = mark->next;
            mark_free(mark);
        } else {
            at = &mark->next;
        }
    }
}

const ksim_mark *sli_ksim_mark_find(const ksim_mark *list, const char *group, const char *topic,
                                    int32_t partition)
{
    while (list != NULL && !is_of(list, group, topic, partition)) {
        list = list->next;
    }
    return list;
}
