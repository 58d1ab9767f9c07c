/// wanted.c — which partitions the URL asks for, and where they begin.
#include <stdlib.h>

#include "source/kafka/kafka_int.h"

enum { MAX_TOPIC = 249 }; // bytes of a name, as Kafka has it

// ---------------------------------------------------------------- lists

typedef sl_code (*item_fn)(void *ctx, sl_text item, sl_error *err);

/// Calls `each` with what stands between commas.
static sl_code each_item(sl_text list, item_fn each, void *ctx, sl_error *err)
{
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma == NULL ? list.size : (size_t)(comma - list.data);
        SL_TRY(each(ctx, (sl_text){list.data, size}, err));
        size += comma == NULL ? 0 : 1;
        list = (sl_text){list.data + size, list.size - size};
    }
    return SL_OK;
}

static int32_t count_items(sl_text list)
{
    int32_t n = 1;
    for (size_t i = 0; i < list.size; i++) {
        n += list.data[i] == ',';
    }
    return n;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static int shown(sl_text text)
{
    return (int)(text.size < MAX_TOPIC ? text.size : MAX_TOPIC);
}

static sl_code read_topic(sl_text text, sl_arena *arena, const char **out, sl_error *err)
{
    bool fine = text.size > 0 && text.size <= MAX_TOPIC && !sli_text_is(text, ".") &&
                !sli_text_is(text, "..");
    for (size_t i = 0; fine && i < text.size; i++) {
        fine = is_name_byte(text.data[i]);
    }
    if (!fine) {
        return sl_error_set(err, SL_E_CONFIG,
                            "\"%.*s\" can't be a topic: 1 to %d letters, digits, dots, '_' and "
                            "'-'",
                            shown(text), text.data, MAX_TOPIC);
    }
    char *copy = sl_arena_alloc(arena, text.size + 1);
    if (copy == NULL) {
        return sl_error_nomem(err, text.size, "a topic");
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *out = copy;
    return SL_OK;
}

// ---------------------------------------------------------------- topics

typedef struct topic_list {
    kafka_wanted *wanted;
    sl_arena *arena;
} topic_list;

static sl_code add_topic(void *ctx, sl_text item, sl_error *err)
{
    topic_list *list = ctx;
    return read_topic(item, list->arena, &list->wanted->topics[list->wanted->n_topics++], err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sl_code read_topics(kafka_wanted *wanted, sl_text path, sl_arena *arena, sl_error *err)
{
    size_t size = (size_t)count_items(path) * sizeof *wanted->topics;
    wanted->topics = sl_arena_alloc(arena, size);
    if (wanted->topics == NULL) {
        return sl_error_nomem(err, size, "topics");
    }
    topic_list list = {wanted, arena};
    SL_TRY(each_item(path, add_topic, &list, err));
    qsort(wanted->topics, (size_t)wanted->n_topics, sizeof *wanted->topics, by_name);
    for (int32_t i = 1; i < wanted->n_topics; i++) {
        if (strcmp(wanted->topics[i - 1], wanted->topics[i]) == 0) {
            return sl_error_set(err, SL_E_CONFIG, "topic %s is named twice", wanted->topics[i]);
        }
    }
    return SL_OK;
}

static sl_code read_pattern(kafka_wanted *wanted, const char *pattern, sl_arena *arena,
                            sl_error *err)
{
    char why[128];
    const char *whole = sl_arena_printf(arena, "^(%s)$", pattern);
    if (whole == NULL) {
        return sl_error_nomem(err, strlen(pattern), "a pattern");
    }
    int rc = regcomp(&wanted->pattern, whole, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        (void)regerror(rc, &wanted->pattern, why, sizeof why);
        return sl_error_set(err, SL_E_CONFIG, "pattern \"%s\": %s", pattern, why);
    }
    wanted->has_pattern = true;
    return SL_OK;
}

// ---------------------------------------------------------------- partitions and offsets

/// What stands behind TOPIC:PARTITION.
typedef enum place_form { PLACE_ALONE = 0, PLACE_OFFSET, PLACE_RANGE } place_form;

typedef struct place_list {
    kafka_pieces *pieces;
    sl_arena *arena;
    const char *option;
    place_form form;
} place_list;

static sl_code wrong_place(const place_list *list, sl_text item, sl_error *err)
{
    static const char *const behind[] = {"", "=OFFSET", "=FROM..TO, with FROM <= TO"};
    return sl_error_set(err, SL_E_CONFIG, "%s: \"%.*s\" is not TOPIC:PARTITION%s", list->option,
                        shown(item), item.data, behind[list->form]);
}

/// The whole number behind the last `c`, which is cut off with it. False: there is none.
static bool cut_number(sl_text *text, char c, int64_t high, int64_t *out)
{
    const char *at = memrchr(text->data, c, text->size);
    if (at == NULL) {
        return false;
    }
    size_t size = (size_t)(at - text->data);
    sl_text number = {at + 1, text->size - size - 1};
    text->size = size;
    return sli_scan_int64(number, out, NULL) == SL_OK && *out >= 0 && *out <= high;
}

/// As cut_number, of "=FROM..TO".
static bool cut_range(sl_text *text, int64_t *from, int64_t *to)
{
    if (!cut_number(text, '.', INT64_MAX, to) || text->size == 0 ||
        text->data[text->size - 1] != '.') {
        return false;
    }
    text->size--;
    return cut_number(text, '=', INT64_MAX, from) && *from <= *to;
}

static bool cut_offsets(sl_text *text, place_form form, int64_t *from, int64_t *to)
{
    if (form == PLACE_RANGE) {
        return cut_range(text, from, to);
    }
    bool fine = form == PLACE_ALONE || cut_number(text, '=', INT64_MAX, from);
    *to = *from;
    return fine;
}

static sl_code add_place(void *ctx, sl_text item, sl_error *err)
{
    place_list *list = ctx;
    sl_text topic = item;
    int64_t from = 0, to = 0, partition = 0;
    if (!cut_offsets(&topic, list->form, &from, &to) ||
        !cut_number(&topic, ':', INT32_MAX, &partition)) {
        return wrong_place(list, item, err);
    }
    kafka_piece *piece = &list->pieces->items[list->pieces->n++];
    *piece = (kafka_piece){
        .partition = (int32_t)partition, .from = from, .to = to, .last = KAFKA_NO_MARK};
    return read_topic(topic, list->arena, &piece->topic, err);
}

static int by_place(const void *a, const void *b)
{
    const kafka_piece *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static sl_code read_places(kafka_pieces *out, const char *option, const char *text, place_form form,
                           sl_arena *arena, sl_error *err)
{
    sl_text list = sli_text_of(text);
    int32_t n = count_items(list);
    if (n > SLI_KAFKA_MAX_LANES) {
        return sl_error_set(err, SL_E_CONFIG, "%s: more than %d partitions", option,
                            SLI_KAFKA_MAX_LANES);
    }
    out->items = sl_arena_alloc_zero(arena, (size_t)n * sizeof *out->items);
    if (out->items == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *out->items, option);
    }
    place_list places = {out, arena, option, form};
    SL_TRY(each_item(list, add_place, &places, err));
    qsort(out->items, (size_t)out->n, sizeof *out->items, by_place);
    for (int32_t i = 1; i < out->n; i++) {
        if (by_place(&out->items[i - 1], &out->items[i]) == 0) {
            return sl_error_set(err, SL_E_CONFIG, "%s: %s:%d is named twice", option,
                                out->items[i].topic, (int)out->items[i].partition);
        }
    }
    return SL_OK;
}

/// The topics of single partitions, which stand in order.
static sl_code read_partitions(kafka_wanted *wanted, const char *text, sl_arena *arena,
                               sl_error *err)
{
    kafka_pieces *pieces = &wanted->partitions;
    SL_TRY(read_places(pieces, "partitions", text, PLACE_ALONE, arena, err));
    size_t size = (size_t)pieces->n * sizeof *wanted->topics;
    wanted->topics = sl_arena_alloc(arena, size);
    if (wanted->topics == NULL) {
        return sl_error_nomem(err, size, "topics");
    }
    for (int32_t i = 0; i < pieces->n; i++) {
        if (i == 0 || strcmp(pieces->items[i - 1].topic, pieces->items[i].topic) != 0) {
            wanted->topics[wanted->n_topics++] = pieces->items[i].topic;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- where to begin

static sl_code read_begin(kafka_wanted *wanted, const sl_conf *conf, sl_error *err)
{
    const char *start = sl_conf_text(conf, "start");
    wanted->group = sl_conf_text(conf, "group");
    wanted->otherwise_earliest = sl_conf_choice(conf, "otherwise") == 1;
    if (strcmp(start, "latest") == 0) {
        wanted->begin = KAFKA_BEGIN_LATEST;
    } else if (strcmp(start, "earliest") == 0) {
        wanted->begin = KAFKA_BEGIN_EARLIEST;
    } else if (strcmp(start, "committed") == 0) {
        wanted->begin = KAFKA_BEGIN_COMMITTED;
        if (wanted->group == NULL || *wanted->group == '\0') {
            return sl_error_set(err, SL_E_CONFIG,
                                "start=committed needs `group`: whose offsets they are");
        }
    } else if (sli_read_timestamp(start, strlen(start), &wanted->begin_us)) {
        wanted->begin = KAFKA_BEGIN_AT;
    } else {
        return sl_error_set(err, SL_E_CONFIG,
                            "start: \"%.64s\" is neither latest, earliest, committed nor a time "
                            "as 2026-11-01T00:00:00Z",
                            start);
    }
    return SL_OK;
}

static sl_code read_which(kafka_wanted *wanted, const sli_url *url, const sl_conf *conf,
                          sl_arena *arena, sl_error *err)
{
    const char *pattern = sl_conf_text(conf, "pattern"),
               *partitions = sl_conf_text(conf, "partitions");
    sl_text path = url->path;
    if (path.size > 0 && path.data[0] == '/') {
        path = (sl_text){path.data + 1, path.size - 1};
    }
    int ways = (path.size > 0) + (pattern != NULL) + (partitions != NULL);
    if (ways != 1) {
        return sl_error_set(
            err, SL_E_CONFIG,
            "%s: name topics in the path, as kafka://localhost:9092/orders,returns, "
            "or with `pattern`, or single partitions with `partitions`",
            ways == 0 ? "no topic" : "topics are named in two ways");
    }
    if (pattern != NULL) {
        return read_pattern(wanted, pattern, arena, err);
    }
    return partitions != NULL ? read_partitions(wanted, partitions, arena, err)
                              : read_topics(wanted, path, arena, err);
}

static sl_code check_ranges(const kafka_wanted *wanted, sl_error *err)
{
    for (int32_t i = 0; i < wanted->ranges.n; i++) {
        const kafka_piece *piece = &wanted->ranges.items[i];
        if (!kafka_wants_topic(wanted, piece->topic) ||
            !kafka_wants_partition(wanted, piece->topic, piece->partition)) {
            return sl_error_set(err, SL_E_CONFIG,
                                "ranges: %s:%d is not among what the URL names otherwise",
                                piece->topic, (int)piece->partition);
        }
    }
    return SL_OK;
}

sl_code kafka_wanted_read(kafka_wanted *wanted, const sli_url *url, const sl_conf *conf,
                          sl_arena *arena, sl_error *err)
{
    const char *offsets = sl_conf_text(conf, "offsets"), *ranges = sl_conf_text(conf, "ranges");
    SL_TRY(read_begin(wanted, conf, err));
    SL_TRY(offsets == NULL
               ? SL_OK
               : read_places(&wanted->offsets, "offsets", offsets, PLACE_OFFSET, arena, err));
    SL_TRY(ranges == NULL
               ? SL_OK
               : read_places(&wanted->ranges, "ranges", ranges, PLACE_RANGE, arena, err));
    SL_TRY(read_which(wanted, url, conf, arena, err));
    return check_ranges(wanted, err);
}

void kafka_wanted_reset(kafka_wanted *wanted)
{
    if (wanted->has_pattern) {
        regfree(&wanted->pattern);
        wanted->has_pattern = false;
    }
}

// ---------------------------------------------------------------- asking

const kafka_piece *kafka_pieces_find(const kafka_pieces *pieces, const char *topic,
                                     int32_t partition)
{
    kafka_piece key = {.topic = topic, .partition = partition};
    return pieces->n == 0 ? NULL
                          : bsearch(&key, pieces->items, (size_t)pieces->n, sizeof key, by_place);
}

bool kafka_wants_topic(const kafka_wanted *wanted, const char *topic)
{
    return wanted->has_pattern ? regexec(&wanted->pattern, topic, 0, NULL, 0) == 0
                               : bsearch(&topic, wanted->topics, (size_t)wanted->n_topics,
                                         sizeof topic, by_name) != NULL;
}

bool kafka_wants_partition(const kafka_wanted *wanted, const char *topic, int32_t partition)
{
    return wanted->partitions.n == 0 ||
           kafka_pieces_find(&wanted->partitions, topic, partition) != NULL;
}
