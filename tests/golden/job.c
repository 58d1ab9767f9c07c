// A case's job: a step a line, each made of the stream before it.
#include "golden/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMED = 16 };

typedef struct definition {
    slt_job *job;
    sl_graph *graph;
    sl_stream *stream; ///< the last one made
    sl_model *model;
    struct {
        const char *name;
        size_t size;
        sl_stream *stream;
    } named[MAX_NAMED];
    int32_t n_named;
} definition;

static void wrong(definition *d, const char *what, const char *about)
{
    if (d->job->text[0] == '\0') {
        (void)snprintf(d->job->text, sizeof d->job->text, "%s: %s '%s'", d->job->golden->name, what,
                       about);
    }
}

static sl_stream *named(definition *d, const char *name)
{
    size_t size = strcspn(name, " ");
    for (int32_t i = 0; i < d->n_named; i++) {
        if (d->named[i].size == size && strncmp(d->named[i].name, name, size) == 0) {
            return d->named[i].stream;
        }
    }
    wrong(d, "no stream has the name", name);
    return NULL;
}

static slt_shape shape_of(const definition *d)
{
    return slt_shape_of(sl_stream_schema(d->stream));
}

/// What stands behind ` word ` in a step, or `otherwise`.
static const char *behind(const char *arg, const char *word, const char *otherwise)
{
    const char *at = strstr(arg, word);
    return at == NULL ? otherwise : at + strlen(word);
}

/// The step's text before ` word `, in the case's arena.
static const char *before(definition *d, const char *arg, const char *word)
{
    const char *at = strstr(arg, word);
    size_t size = at == NULL ? strlen(arg) : (size_t)(at - arg);
    char *copy = sl_arena_alloc(d->job->golden->arena, size + 1);
    if (copy == NULL) {
        return "";
    }
    memcpy(copy, arg, size);
    copy[size] = '\0';
    return copy;
}

// ---------------------------------------------------------------- steps with words

static sl_stream *apply(sl_stream *in, const char *verb, const sl_fn *fn, const char *args)
{
    if (strcmp(verb, "mapPartitions") == 0) {
        return sl_stream_map_partitions(in, fn, args);
    }
    if (strcmp(verb, "flatMap") == 0) {
        return sl_stream_flat_map(in, fn, args);
    }
    return strcmp(verb, "filter") == 0 ? sl_stream_filter(in, fn, args)
                                       : sl_stream_map(in, fn, args);
}

/// `keys` (with a comma, or empty), then the expression under a name.
static sl_stream *select_as(sl_stream *in, const char *keys, const char *expression,
                            const char *name)
{
    char text[160];
    (void)snprintf(text, sizeof text, "%s%.100s as %s", keys, expression, name);
    return sl_stream_select(in, text);
}

static void narrow(definition *d, const char *verb, const char *arg)
{
    const slt_step_word *word = slt_step(verb, arg, shape_of(d));
    if (word == NULL) {
        wrong(d, verb, arg);
        return;
    }
    if (word->fn != NULL) {
        d->stream = apply(d->stream, verb, word->fn, word->args);
    }
    if (word->expression != NULL) {
        d->stream = select_as(d->stream, "", word->expression, "x");
    }
}

static slt_shape shape_of_values(const definition *d)
{
    const sl_schema *schema = sl_stream_schema(d->stream);
    sl_type type = sl_schema_field(schema, sl_schema_columns(schema) - 1)->type;
    return type == SL_INT64     ? SLT_INT64
           : type == SL_FLOAT64 ? SLT_FLOAT64
           : type == SL_STRING  ? SLT_STRING
                                : SLT_OTHER;
}

/// Every aggregation of the table has its column's name twice.
static void put_aggregation(const slt_reduce_word *word, const char *column, char *out, size_t size)
{
    const char *first = strstr(word->aggregation, "%s"), *second = strstr(first + 2, "%s");
    (void)snprintf(out, size, "%.*s%s%.*s%s", (int)(first - word->aggregation), word->aggregation,
                   column, (int)(second - first - 2), first + 2, column);
}

/// What the word does behind its aggregation, which left "x" or "k, v".
static void finish_row(definition *d, const slt_reduce_word *word, bool by_key)
{
    const sl_schema *schema = sl_stream_schema(d->stream);
    sl_type key = by_key && schema != NULL ? sl_schema_field(schema, 0)->type : SL_STRING;
    int32_t which = key == SL_INT64 ? 0 : key == SL_FLOAT64 ? 1 : 2;
    const sl_fn *finish = by_key ? word->finish_by_key[which] : word->finish;
    if (finish != NULL) {
        d->stream = sl_stream_map(d->stream, finish, NULL);
    }
}

static void reduce(definition *d, const char *arg, bool by_key)
{
    const slt_reduce_word *word = slt_reduction(arg, shape_of_values(d));
    const char *column = by_key ? "v" : "x";
    char text[128];
    if (word == NULL) {
        wrong(d, "reduce", arg);
        return;
    }
    put_aggregation(word, column, text, sizeof text);
    d->stream =
        by_key ? sl_stream_reduce_by_key(d->stream, "k", text) : sl_stream_reduce(d->stream, text);
    finish_row(d, word, by_key);
}

/// `WORD [INVERSE] over WINDOW [SLIDE]`; an inverse asks for Spark's way of going on.
static void reduce_window(definition *d, const char *arg, bool by_key)
{
    const char *name = before(d, arg, " over "), *durations = behind(arg, " over ", "");
    const char *window = before(d, durations, " "), *slide = behind(durations, " ", NULL);
    const slt_reduce_word *word = slt_reduction(name, shape_of_values(d));
    char text[128];
    if (word == NULL) {
        wrong(d, "reduce over a window", arg);
        return;
    }
    put_aggregation(word, by_key ? "v" : "x", text, sizeof text);
    d->stream = by_key ? sl_stream_reduce_by_key_and_window(d->stream, "k", text, window, slide)
                       : sl_stream_reduce_by_window(d->stream, text, window, slide);
    if (strstr(name, " a") != NULL) {
        d->stream = sl_stream_inverse(d->stream, SL_INVERSE_SPARK);
    }
    finish_row(d, word, by_key);
}

/// `WINDOW [SLIDE]`, some with `KEYS over` before them. False: it is no window.
static bool windowed(definition *d, const char *verb, const char *arg)
{
    const char *durations = behind(arg, " over ", arg);
    const char *window = before(d, durations, " "), *slide = behind(durations, " ", NULL);
    if (strcmp(verb, "window") == 0) {
        d->stream = sl_stream_window(d->stream, window, slide);
    } else if (strcmp(verb, "countByWindow") == 0) {
        d->stream = sl_stream_count_by_window(d->stream, window, slide);
    } else if (strcmp(verb, "countByValueAndWindow") == 0) {
        d->stream = sl_stream_count_by_value_and_window(d->stream, window, slide);
    } else if (strcmp(verb, "groupByKeyAndWindow") == 0) {
        const char *keys = durations == arg ? "k" : before(d, arg, " over ");
        d->stream = sl_stream_group_by_key_and_window(d->stream, keys, window, slide);
    } else if (strcmp(verb, "reduceByWindow") == 0 || strcmp(verb, "reduceByKeyAndWindow") == 0) {
        reduce_window(d, arg, verb[8] == 'K');
    } else {
        return false;
    }
    return true;
}

static void update(definition *d, const char *arg)
{
    const sl_update_fn *fn = slt_update(before(d, arg, " on "), shape_of_values(d));
    if (fn == NULL) {
        wrong(d, "updateStateByKey", arg);
        return;
    }
    d->stream = sl_stream_update_state_by_key(d->stream, behind(arg, " on ", "k"), fn, NULL);
}

static void map_with_state(definition *d, const char *arg)
{
    const sl_map_state_fn *fn = slt_map_state(before(d, arg, " on "));
    if (fn == NULL) {
        wrong(d, "mapWithState", arg);
        return;
    }
    d->stream = sl_stream_map_with_state(d->stream, behind(arg, " on ", "k"), fn, NULL);
}

static void transform(definition *d, const char *arg)
{
    const sl_transform_fn *fn =
        slt_transform(before(d, arg, " with "), sl_stream_schema(d->stream));
    if (fn == NULL) {
        wrong(d, "transform", arg);
        return;
    }
    d->stream = sl_stream_transform(d->stream, fn, behind(arg, " with ", NULL));
}

/// `transformWith WORD and NAME`
static void transform_with(definition *d, const char *arg)
{
    sl_stream *other = named(d, behind(arg, " and ", ""));
    const sl_transform_all_fn *fn =
        other == NULL ? NULL
                      : slt_transform_with(before(d, arg, " and "), sl_stream_schema(d->stream),
                                           sl_stream_schema(other));
    if (fn == NULL) {
        wrong(d, "transformWith", arg);
        return;
    }
    d->stream = sl_stream_transform_with(d->stream, other, fn, NULL);
}

/// A word of map or flatMap over the values of a pair, which is a pair again.
static void values(definition *d, const char *verb, const char *arg)
{
    bool flat = strcmp(verb, "flatMapValues") == 0;
    const slt_step_word *word = slt_step(verb, arg, shape_of_values(d));
    if (word == NULL) {
        word = slt_step(flat ? "flatMap" : "map", arg, shape_of_values(d));
    }
    if (word == NULL) {
        wrong(d, verb, arg);
        return;
    }
    if (word->fn == NULL) {
        d->stream =
            select_as(sl_stream_select(d->stream, "k, v as x"), "k, ", word->expression, "v");
        return;
    }
    sl_stream *made = flat ? sl_stream_flat_map_values(d->stream, "k", word->fn, word->args)
                           : sl_stream_map_values(d->stream, "k", word->fn, word->args);
    const sl_schema *schema = sl_stream_schema(made);
    d->stream =
        schema == NULL ? made : select_as(made, "k, ", sl_schema_field(schema, 1)->name, "v");
}

// ---------------------------------------------------------------- the other steps

static void open_queue(definition *d, const char *name, size_t size, const char *schema, bool all)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.*s", (int)size, name);
    d->stream = sl_stream_queue(d->graph, size == 0 ? "in" : text, schema, !all);
}

/// `default ROW ROW ...`: JSON objects with a blank between them, which become lines.
static void queue_default(definition *d, const char *rows)
{
    char *lines = sl_arena_strdup(d->job->golden->arena, rows);
    if (lines == NULL) {
        return; // the case fails for want of its rows
    }
    for (char *at = lines; (at = strstr(at, "} {")) != NULL;) {
        at[1] = '\n';
    }
    d->stream = sl_stream_queue_default(d->stream, lines, d->job->slices);
}

/// Steps that make an output. False: it is none of them.
static bool output(definition *d, const char *verb, const char *arg)
{
    char url[128];
    if (strcmp(verb, "print") == 0) {
        sl_stream_print(d->stream, *arg == '\0' ? 10 : strtoll(arg, NULL, 10));
    } else if (strcmp(verb, "collect") == 0) {
        (void)snprintf(url, sizeof url, "collect:%s", *arg == '\0' ? "out" : arg);
        sl_stream_save(d->stream, url);
    } else if (strcmp(verb, "save") == 0) {
        sl_stream_save(d->stream, arg);
    } else if (strcmp(verb, "foreachCount") == 0) {
        sl_stream_foreach_rdd(d->stream, &slt_foreach_count, NULL);
    } else if (strcmp(verb, "foreachFail") == 0) {
        sl_stream_foreach_rdd(d->stream, &slt_foreach_fail, arg);
    } else {
        return false;
    }
    return true;
}

/// Steps that set something on the stream. False: it is none of them.
static bool setting(definition *d, const char *verb, const char *arg)
{
    if (strcmp(verb, "uid") == 0) {
        d->stream = sl_stream_uid(d->stream, arg);
    } else if (strcmp(verb, "partitions") == 0) {
        d->stream = sl_stream_partitions(d->stream, (int32_t)strtol(arg, NULL, 10));
    } else if (strcmp(verb, "ttl") == 0) {
        d->stream = sl_stream_ttl(d->stream, arg);
    } else if (strcmp(verb, "initial") == 0) {
        d->stream = sl_stream_initial_state(d->stream, arg);
    } else if (strcmp(verb, "timeout") == 0) {
        d->stream = sl_stream_timeout(d->stream, arg);
    } else if (strcmp(verb, "timeoutEvery") == 0) {
        d->stream = sl_stream_timeout_every(d->stream, arg);
    } else if (strcmp(verb, "default") == 0) {
        queue_default(d, arg);
    } else if (strcmp(verb, "remember") == 0) {
        d->stream = sl_stream_remember(d->stream, strtoll(arg, NULL, 10) * 1000000);
        d->job->remembering = d->stream;
    } else if (strcmp(verb, "inverse") == 0) {
        d->stream = sl_stream_inverse(d->stream, strcmp(arg, "spark") == 0 ? SL_INVERSE_SPARK
                                                                           : SL_INVERSE_NEVER);
    } else if (strcmp(verb, "keep") == 0) {
        d->stream = sl_stream_keep(d->stream, arg);
    } else if (strcmp(verb, "persist") == 0) {
        d->stream = sl_stream_persist(d->stream, SL_MEMORY_AND_DISK);
    } else if (strcmp(verb, "set") == 0) {
        sl_graph_set(d->graph, before(d, arg, " "), behind(arg, " ", ""));
    } else {
        return false;
    }
    return true;
}

/// Steps that go by expressions. False: it is none of them.
static bool expression(definition *d, const char *verb, const char *arg)
{
    if (strcmp(verb, "select") == 0) {
        d->stream = sl_stream_select(d->stream, arg);
    } else if (strcmp(verb, "where") == 0) {
        d->stream = sl_stream_where(d->stream, arg);
    } else if (strcmp(verb, "aggregate") == 0) {
        d->stream =
            sl_stream_reduce_by_key(d->stream, before(d, arg, " into "), behind(arg, " into ", ""));
    } else if (strcmp(verb, "aggregateAll") == 0) {
        d->stream = sl_stream_reduce(d->stream, arg);
    } else {
        return false;
    }
    return true;
}

/// Steps that pair streams by key. False: it is none of them.
static bool paired(definition *d, const char *verb, const char *arg)
{
    static const struct {
        const char *verb;
        sl_stream *(*make)(sl_stream *a, sl_stream *b, const char *keys);
    } pairs[] = {{"join", sl_stream_join},
                 {"leftOuterJoin", sl_stream_left_outer_join},
                 {"rightOuterJoin", sl_stream_right_outer_join},
                 {"fullOuterJoin", sl_stream_full_outer_join},
                 {"cogroup", sl_stream_cogroup}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i].verb, verb) == 0) {
            d->stream = pairs[i].make(d->stream, named(d, arg), behind(arg, " by ", "k"));
            return true;
        }
    }
    return false;
}

/// `NAME NAME ...` and the stream before the step.
static sl_stream *union_all(definition *d, const char *arg)
{
    sl_stream *streams[MAX_NAMED + 1] = {d->stream};
    int32_t n = 1;
    while (*arg != '\0' && n <= MAX_NAMED) {
        streams[n++] = named(d, arg);
        arg += strcspn(arg, " ");
        arg += strspn(arg, " ");
    }
    return sl_stream_union_all(streams, n);
}

/// Steps that move rows or join streams. False: it is none of them.
static bool wide(definition *d, const char *verb, const char *arg)
{
    if (strcmp(verb, "union") == 0) {
        d->stream = union_all(d, arg);
    } else if (strcmp(verb, "glom") == 0) {
        d->stream = sl_stream_glom(d->stream);
    } else if (strcmp(verb, "countByValue") == 0) {
        d->stream = sl_stream_count_by_value(d->stream);
    } else if (strcmp(verb, "partitionBy") == 0) {
        d->stream = sl_stream_partition_by(d->stream, *arg == '\0' ? "k" : arg);
    } else if (strcmp(verb, "combineByKey") == 0) {
        d->stream = sl_stream_combine_by_key(d->stream, before(d, arg, " into "),
                                             behind(arg, " into ", ""), false);
    } else if (strcmp(verb, "joinTable") == 0) {
        d->stream =
            sl_stream_join_table(d->stream, before(d, arg, " by "), behind(arg, " by ", "k"));
    } else if (strcmp(verb, "repartition") == 0) {
        d->stream = sl_stream_repartition(d->stream, (int32_t)strtol(arg, NULL, 10));
    } else if (strcmp(verb, "count") == 0) {
        d->stream = sl_stream_count(d->stream);
    } else if (strcmp(verb, "groupByKey") == 0) {
        d->stream = sl_stream_group_by_key(d->stream, *arg == '\0' ? "k" : arg);
    } else if (strcmp(verb, "from") == 0) {
        d->stream = named(d, arg);
    } else {
        return false;
    }
    return true;
}

static bool by_event_time(definition *d, const char *verb, const char *arg)
{
    sl_stream *other = slt_is_event_join(verb) ? named(d, arg) : NULL;
    return slt_event_step(&d->stream, other, verb, arg);
}

static void worded(definition *d, const char *verb, const char *arg)
{
    if (strcmp(verb, "reduceByKey") == 0 || strcmp(verb, "reduce") == 0) {
        reduce(d, arg, verb[6] != '\0');
    } else if (strcmp(verb, "updateStateByKey") == 0) {
        update(d, arg);
    } else if (strcmp(verb, "mapWithState") == 0) {
        map_with_state(d, arg);
    } else if (strcmp(verb, "stateSnapshots") == 0) {
        d->stream = sl_stream_state_snapshots(d->stream);
    } else if (strcmp(verb, "transform") == 0) {
        transform(d, arg);
    } else if (strcmp(verb, "transformWith") == 0) {
        transform_with(d, arg);
    } else if (strcmp(verb, "mapValues") == 0 || strcmp(verb, "flatMapValues") == 0) {
        values(d, verb, arg);
    } else {
        narrow(d, verb, arg);
    }
}

/// `[NAME =] VERB ARGUMENT`
static void define(definition *d, const char *line)
{
    size_t name_size = 0;
    const char *name = line, *verb_at = line;
    size_t first = strcspn(line, " ");
    if (strncmp(line + first, " = ", 3) == 0) {
        name_size = first;
        verb_at = line + first + 3;
    }
    const char *verb = before(d, verb_at, " ");
    const char *arg = verb_at + strlen(verb) + strspn(verb_at + strlen(verb), " ");
    if (strcmp(verb, "queue") == 0 || strcmp(verb, "queueAll") == 0) {
        open_queue(d, name, name_size, arg, verb[5] != '\0');
    } else if (strcmp(verb, "open") == 0) {
        d->stream = sl_stream_open(d->graph, arg);
    } else if (!output(d, verb, arg) && !setting(d, verb, arg) && !expression(d, verb, arg) &&
               !paired(d, verb, arg) && !wide(d, verb, arg) && !windowed(d, verb, arg) &&
               !by_event_time(d, verb, arg) &&
               !slt_model_step(d->graph, &d->model, &d->stream, verb, arg)) {
        worded(d, verb, arg);
    }
    if (name_size > 0 && d->n_named < MAX_NAMED) {
        d->named[d->n_named].name = name;
        d->named[d->n_named].size = name_size;
        d->named[d->n_named++].stream = d->stream;
    }
}

void slt_job_define(sl_graph *graph, void *ctx)
{
    slt_job *job = ctx;
    definition d = {.job = job, .graph = graph};
    slt_add_aggregations(graph);
    sl_graph_attach(graph, "seen", &job->seen);
    job->refused = sl_graph_check(graph, NULL) != SL_OK;
    for (int32_t i = 0; i < job->golden->n_job && !job->refused && job->text[0] == '\0'; i++) {
        define(&d, job->golden->job[i]);
        job->refused = sl_graph_check(graph, NULL) != SL_OK;
    }
}

void slt_job_built(sl_graph *graph)
{
    (void)graph;
}
