// FROM: which relations a SELECT reads. Subqueries and names of WITH over streams are planned by
// themselves and stand in the tree as tables; window words become tables with three more columns.
#include "sql/query_int.h"

#include <strings.h>

static sl_code resolve(sli_query *query, sli_node *parent, const char *key, sl_error *err);

// ---------------------------------------------------------------- tables of the plan

sli_query_table *sli_query_find(sli_query *query, const char *name)
{
    for (int32_t i = 0; i < query->n_tables; i++) {
        if (strcasecmp(query->tables[i].relation.name, name) == 0) {
            return &query->tables[i];
        }
    }
    return NULL;
}

int32_t sli_query_streams(sli_query *query, sli_query_table **last)
{
    int32_t n = 0;
    for (int32_t i = 0; i < query->n_tables; i++) {
        if (query->tables[i].relation.stream != NULL) {
            *last = &query->tables[i];
            n++;
        }
    }
    return n;
}

sl_code sli_query_add_table(sli_query *query, const char *name, const sli_relation *relation,
                            sli_query_table **out, sl_error *err)
{
    if (query->n_tables == SLI_MAX_FROM) {
        return sli_query_refuse(query, NULL, err,
                                "more than %d tables in one SELECT; split it by views",
                                (int)SLI_MAX_FROM);
    }
    if (name == NULL) {
        return sl_error_nomem(err, 64, "a name");
    }
    sli_query_table *table = &query->tables[query->n_tables++];
    *table = (sli_query_table){.relation = *relation};
    table->relation.name = name;
    table->seen = sl_schema_ref(sli_relation_schema(relation));
    *out = table;
    return SL_OK;
}

// ---------------------------------------------------------------- plain names

typedef struct near_names {
    sl_arena *arena;
    const char *of[SLI_MAX_FROM * 4 + 1];
    int32_t n;
} near_names;

static void add_near(void *to, const char *name)
{
    near_names *names = to;
    if (names->n < SLI_MAX_FROM * 4) {
        names->of[names->n++] = name;
    }
}

static sl_code unknown(sli_query *query, const sli_node *node, const char *name, sl_error *err)
{
    near_names names = {.arena = query->arena};
    query->env->names(query->env->ctx, add_near, &names);
    const char *near = sli_nearest(name, names.of);
    if (near != NULL) {
        return sli_query_refuse(query, node, err,
                                "there is no table or view '%.80s'; did you mean '%.80s'?", name,
                                near);
    }
    return sli_query_refuse(
        query, node, err,
        "there is no table or view '%.80s'; CREATE TABLE or CREATE VIEW comes before "
        "its use",
        name);
}

/// The nearest name of WITH around a place, from inside to outside.
static sli_query_with *find_with(sli_query *query, const char *name)
{
    for (sli_query *p = query; p != NULL; p = p->outer) {
        for (int32_t i = 0; i < p->n_with; i++) {
            if (strcasecmp(p->with[i].name, name) == 0) {
                return &p->with[i];
            }
        }
    }
    return NULL;
}

/// Plans what a name of WITH means, once.
static sl_code use_with(sli_query *query, sli_query_with *with, sl_error *err)
{
    if (with->made != NULL) {
        return SL_OK;
    }
    if (with->select == NULL) {
        return sli_query_refuse(query, NULL, err,
                                "WITH %.80s uses itself: a stream has no recursion", with->name);
    }
    sli_node *select = with->select;
    with->select = NULL; // until it is planned
    sl_code rc = sli_query_inner(query, select, &with->relation, err);
    with->made = rc == SL_OK ? sli_query_name(query, "with") : NULL;
    json_object_put(select);
    return rc;
}

static sl_code put_fixed(sli_query *query, sli_node *parent, const char *key,
                         const sli_query_with *with, sl_error *err);

static sl_code resolve_name(sli_query *query, sli_node *parent, const char *key, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    const char *name = sli_node_text(node, "table_name");
    sli_query_with *with = find_with(query, name);
    if (with != NULL && with->select != NULL && !sli_query_has_stream(query, with->select)) {
        return put_fixed(query, parent, key, with, err);
    }
    if (with != NULL) {
        SL_TRY(use_with(query, with, err));
        if (sli_node_text(node, "alias")[0] == '\0') {
            sli_node_set_text(node, "alias", name);
        }
        sli_node_set_text(node, "table_name", with->made);
        name = with->made;
    }
    if (sli_query_find(query, name) != NULL) {
        return SL_OK;
    }
    const sli_relation *found =
        with != NULL ? &with->relation : query->env->find(query->env->ctx, name);
    if (found == NULL) {
        return unknown(query, node, name, err);
    }
    sli_query_table *table = NULL;
    return sli_query_add_table(query, sli_query_text(query, "%s", name), found, &table, err);
}

// ---------------------------------------------------------------- subqueries

typedef struct search {
    sli_query *query;
    bool found;
} search;

static bool look_for_stream(void *ctx, sli_node *node)
{
    search *s = ctx;
    if (sli_node_is(node, "BASE_TABLE")) {
        const char *name = sli_node_text(node, "table_name");
        const sli_relation *relation = s->query->env->find(s->query->env->ctx, name);
        s->found |=
            find_with(s->query, name) != NULL || (relation != NULL && relation->stream != NULL);
    }
    s->found |= sli_node_is(node, "TABLE_FUNCTION");
    return !s->found;
}

bool sli_query_has_stream(sli_query *query, sli_node *node)
{
    search s = {.query = query};
    sli_node_walk(node, look_for_stream, &s);
    return s.found;
}

/// The table that stands for what was planned, in the tree.
static void stand_in(sli_node *parent, const char *key, const char *name, const char *alias)
{
    sli_node *columns = sli_node_copy(sli_node_at(sli_node_at(parent, key), "column_name_alias"));
    sli_node *table = sli_node_table(name, alias);
    if (columns != NULL) {
        sli_node_set(table, "column_name_alias", columns);
    }
    sli_node_set(parent, key, table);
}

bool sli_query_is_fixed(void *ctx, sli_node *subquery)
{
    return !sli_query_has_stream(ctx, sli_node_at(subquery, "subquery"));
}

typedef struct adding {
    sli_query *query;
    sl_code rc;
    sl_error *err;
} adding;

/// A name that is not there is one of the subquery's own WITH, or DuckDB tells.
static bool add_one_fixed(void *ctx, sli_node *node)
{
    adding *a = ctx;
    const char *name = sli_node_text(node, "table_name");
    if (a->rc != SL_OK || !sli_node_is(node, "BASE_TABLE") ||
        sli_query_find(a->query, name) != NULL) {
        return a->rc == SL_OK;
    }
    const sli_relation *found = a->query->env->find(a->query->env->ctx, name);
    sli_query_table *table = NULL;
    if (found != NULL) {
        a->rc = sli_query_add_table(a->query, sli_query_text(a->query, "%s", name), found, &table,
                                    a->err);
    }
    return a->rc == SL_OK;
}

/// Adds the static tables that a subquery reads to those of the plan.
static sl_code add_fixed(sli_query *query, sli_node *node, sl_error *err)
{
    adding a = {query, SL_OK, err};
    sli_node_walk(node, add_one_fixed, &a);
    return a.rc;
}

/// A subquery over a stream that FROM does not name, which DuckDB would not find.
static sl_code check_stream_inside(const adding *a, sli_node *subquery)
{
    sli_node *from =
        sli_node_at(sli_node_at(sli_node_at(subquery, "subquery"), "node"), "from_table");
    const char *name = sli_node_text(from, "table_name");
    const sli_relation *relation =
        !sli_node_is(from, "BASE_TABLE") ? NULL : a->query->env->find(a->query->env->ctx, name);
    return relation == NULL || relation->stream == NULL || sli_query_find(a->query, name) != NULL
               ? SL_OK
               : sli_query_refuse(a->query, subquery, a->err,
                                  "a subquery in an expression can't be over a stream, as '%.80s' "
                                  "is: join it, within bounds of time",
                                  name);
}

/// Subqueries in expressions, over static tables alone.
static bool add_in_expression(void *ctx, sli_node *node)
{
    adding *a = ctx;
    if (a->rc == SL_OK && sli_node_is(node, "SUBQUERY")) {
        a->rc = sli_query_is_fixed(a->query, node)
                    ? add_fixed(a->query, sli_node_at(node, "subquery"), a->err)
                    : check_stream_inside(a, node);
    }
    return a->rc == SL_OK;
}

static sl_code resolve_expressions(sli_query *query, const sli_node *select, sl_error *err)
{
    static const char *const keys[] = {"select_list", "where_clause", "group_expressions", "having",
                                       "qualify"};
    adding a = {query, SL_OK, err};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        sli_node_walk(sli_node_at(select, keys[i]), add_in_expression, &a);
    }
    return a.rc;
}

/// WITH over static tables alone: a subquery wherever its name stands.
static sl_code put_fixed(sli_query *query, sli_node *parent, const char *key,
                         const sli_query_with *with, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    const char *alias = sli_node_text(node, "alias");
    sli_node *made =
        sli_node_parse("{'type':'SUBQUERY','alias':'','sample':null,'query_location':0,"
                       "'subquery':{'node':null,'named_param_map':[]},'column_name_alias':[]}");
    sli_node *columns = sli_node_copy(sli_node_at(node, "column_name_alias"));
    sli_node *select = sli_node_copy(with->select);
    if (made == NULL || select == NULL) {
        json_object_put(made);
        return sl_error_nomem(err, 4096, "the plan of a query");
    }
    sli_node_set_text(made, "alias", alias[0] != '\0' ? alias : with->name);
    sli_node_set(sli_node_at(made, "subquery"), "node", select);
    if (columns != NULL) {
        sli_node_set(made, "column_name_alias", columns);
    }
    sli_node_set(parent, key, made);
    return add_fixed(query, select, err);
}

static sl_code resolve_subquery(sli_query *query, sli_node *parent, const char *key, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    sli_node *select = sli_node_at(sli_node_at(node, "subquery"), "node");
    if (!sli_query_has_stream(query, select)) {
        return add_fixed(query, select, err);
    }
    sli_relation made = {0};
    SL_TRY(sli_query_inner(query, select, &made, err));
    const char *alias = sli_query_text(query, "%s", sli_node_text(node, "alias"));
    sli_query_table *table = NULL;
    SL_TRY(sli_query_add_table(query, sli_query_name(query, "sub"), &made, &table, err));
    stand_in(parent, key, table->relation.name, alias);
    return SL_OK;
}

// ---------------------------------------------------------------- window words

static const char *const window_names[] = {"", "tumble", "hop", "session"};

/// The stream that is the first argument.
static sl_code window_stream(sli_query *query, const sli_node *call, const sli_relation **out,
                             sl_error *err)
{
    const sli_node *first = sli_node_item(call, "children", 0);
    const char *name = sli_node_column_name(first);
    if (name[0] == '\0') {
        return sli_query_refuse(query, call, err, "%s: its first argument is TABLE name",
                                sli_node_text(call, "function_name"));
    }
    sli_query_with *with = find_with(query, name);
    if (with != NULL) {
        SL_TRY(use_with(query, with, err));
    }
    *out = with != NULL ? &with->relation : query->env->find(query->env->ctx, name);
    if (*out == NULL) {
        return unknown(query, first, name, err);
    }
    if ((*out)->seen != NULL) {
        return sli_query_refuse(query, first, err,
                                "rows of '%.80s' change, and can go: only rows that stay as they "
                                "came can stand here",
                                name);
    }
    return (*out)->stream != NULL
               ? SL_OK
               : sli_query_refuse(query, first, err,
                                  "'%.80s' is a static table: only a stream can stand here", name);
}

typedef struct window_args {
    const char *time;
    int64_t us[3];
    int32_t n;
    const sli_node *partition, *time_node;
} window_args;

/// DESCRIPTOR(ts), PARTITION BY keys, and intervals, behind the first argument.
static sl_code read_args(sli_query *query, const sli_node *call, window_args *out, sl_error *err)
{
    for (int32_t i = 1; i < sli_node_count(call, "children"); i++) {
        const sli_node *arg = sli_node_item(call, "children", i);
        const char *name = sli_node_text(arg, "function_name");
        if (strcasecmp(name, "descriptor") == 0) {
            out->time_node = sli_node_item(arg, "children", 0);
            out->time = sli_node_column_name(out->time_node);
        } else if (strcasecmp(sli_node_text(arg, "alias"), "partition") == 0) {
            out->partition = arg; // as words.c has written it
        } else if (out->time == NULL && sli_node_is(arg, "COLUMN_REF")) {
            return sli_query_refuse(query, arg, err, "the time is named by DESCRIPTOR(%.80s)",
                                    sli_node_column_name(arg));
        } else if (out->n < 3) {
            sl_code rc = sli_interval_us(arg, &out->us[out->n++], err);
            SL_TRY(sli_query_at(query, sli_node_place(arg), rc, err));
        }
    }
    return SL_OK;
}

/// What `PARTITION => k` or `PARTITION => (k, l)` names: an array, one reference. NULL: nothing.
static sl_code partition_keys(const sli_node *partition, sli_node **out, sl_error *err)
{
    if (partition == NULL) {
        return SL_OK;
    }
    if (strcmp(sli_node_text(partition, "function_name"), "row") == 0) {
        *out = json_object_get(sli_node_own(sli_node_at(partition, "children")));
        return SL_OK;
    }
    sli_node *key = sli_node_copy(partition);
    *out = sli_node_array();
    if (key == NULL || *out == NULL) {
        json_object_put(key);
        return sl_error_nomem(err, 4096, "the plan of a query");
    }
    sli_node_push(*out, sli_node_named(key, ""));
    return SL_OK;
}

static sl_code check_args(sli_query *query, const sli_node *call, const sli_relation *stream,
                          const window_args *args, int32_t n, const char *form, sl_error *err)
{
    if (args->n != n || args->time == NULL || args->time[0] == '\0') {
        return sli_query_refuse(query, call, err, "its form is %s", form);
    }
    for (int32_t i = 0; i < n; i++) {
        if (args->us[i] <= 0) {
            return sli_query_refuse(query, call, err, "a window has a length above 0");
        }
    }
    if (n == 2) {
        SL_TRY(sli_query_check_slide(query, call, args->us[0], args->us[1], err));
    }
    return sli_moments_has(stream, args->time)
               ? SL_OK
               : sli_query_no_time(query, args->time_node, stream, args->time, err);
}

sl_code sli_query_no_time(sli_query *query, const sli_node *at, const sli_relation *stream,
                          const char *column, sl_error *err)
{
    const char *other = sli_moments_column(stream, 0);
    const sl_schema *columns = sl_stream_schema(stream->stream);
    bool is_there = columns == NULL;
    for (int32_t i = 0; columns != NULL && i < sl_schema_columns(columns); i++) {
        is_there |= strcasecmp(sl_schema_field(columns, i)->name, column) == 0;
    }
    if (!is_there) {
        return sli_query_refuse(query, at, err, "there is no column '%.80s'%s%.80s", column,
                                other == NULL ? "" : "; the event time of this stream is ",
                                other == NULL ? "" : other);
    }
    return sli_query_refuse(query, at, err,
                            "'%.80s' is not the event time of this stream%s%.80s; say WATERMARK "
                            "FOR %.80s AS %.80s - INTERVAL '5' SECOND in its CREATE TABLE",
                            column, other == NULL ? "" : ", which is ", other == NULL ? "" : other,
                            column, column);
}

sl_code sli_query_check_slide(const sli_query *query, const sli_node *at, int64_t slide_us,
                              int64_t size_us, sl_error *err)
{
    enum { MOST = 1000 }; // as sl_stream_event_window has it
    if (size_us % slide_us == 0 && size_us / slide_us <= MOST) {
        return SL_OK;
    }
    return sli_query_refuse(query, at, err,
                            "the size of a window of HOP, %s, must be a multiple of its slide, %s, "
                            "at most %d times as much: HOP(..., slide, size)",
                            sli_duration_of(size_us).text, sli_duration_of(slide_us).text, MOST);
}

static sl_code set_window(sli_query *query, const sli_node *call, const sli_relation *stream,
                          sli_window_kind kind, const char **column, sl_error *err)
{
    static const char *const forms[] = {
        "", "TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)",
        "HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE): slide, then size",
        "SESSION(TABLE t PARTITION BY key, DESCRIPTOR(ts), INTERVAL '5' MINUTE)"};
    window_args args = {0};
    SL_TRY(read_args(query, call, &args, err));
    SL_TRY(
        check_args(query, call, stream, &args, kind == SLI_WINDOW_HOP ? 2 : 1, forms[kind], err));
    if (query->window.kind != SLI_WINDOW_NONE) {
        return sli_query_refuse(query, call, err,
                                "a second window in one SELECT; make a view of each and join them");
    }
    query->window = (sli_window_words){.kind = kind,
                                       .size_us = args.us[kind == SLI_WINDOW_HOP ? 1 : 0],
                                       .slide_us = args.us[0],
                                       .source = query->n_tables,
                                       .at = sli_node_place(call)};
    *column = args.time;
    return partition_keys(args.partition, &query->window.keys, err);
}

/// What the window goes by becomes the event time of its rows.
static sl_code set_time(sli_query *query, const char *column, sli_relation *stream, sl_error *err)
{
    SL_TRY(sli_moments_stream(query, stream, column, "time", &stream->stream, err));
    for (int32_t i = 0; sli_moments_column(stream, i) != NULL; i++) {
        if (strcasecmp(sli_moments_column(stream, i), column) == 0) {
            stream->time = sli_moments_column(stream, i); // as the stream spells it
            return SL_OK;
        }
    }
    return SL_OK;
}

/// Results of windows that are put into windows again bring their bounds along.
static sl_code check_columns(sli_query *query, const sli_node *call, const sl_schema *schema,
                             sl_error *err)
{
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        const char *name = sl_schema_field(schema, c)->name;
        if (sli_is_window_column(name)) {
            return sli_query_refuse(query, call, err,
                                    "it has a column '%.80s' already, as its windows have: give "
                                    "that another name in a view, %.80s AS %.80s_before",
                                    name, name, name);
        }
    }
    return SL_OK;
}

/// The stream's columns and those of its windows.
static sl_code with_window_columns(sl_schema **schema, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_text(&text, sl_schema_text(*schema));
    sli_str_text(&text, ", window_start timestamp, window_end timestamp, window_time timestamp");
    sl_schema *made = NULL;
    sl_code rc = sli_str_check(&text, "a schema", err);
    rc = rc != SL_OK ? rc : sl_schema_parse(&made, text.data, err);
    sli_str_reset(&text);
    if (rc == SL_OK) {
        sl_schema_unref(*schema);
        *schema = made;
    }
    return rc;
}

sl_code sli_window_over(sli_query *query, const sli_node *call, const char *column,
                        sli_relation *stream, sl_schema **seen, sl_error *err)
{
    SL_TRY(check_columns(query, call, *seen, err));
    SL_TRY(set_time(query, column, stream, err));
    return with_window_columns(seen, err);
}

static sl_code resolve_window(sli_query *query, sli_node *parent, const char *key,
                              sli_window_kind kind, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    const sli_node *call = sli_node_at(node, "function");
    const sli_relation *stream = NULL;
    const char *column = NULL;
    SL_TRY(window_stream(query, call, &stream, err));
    SL_TRY(set_window(query, call, stream, kind, &column, err));
    const char *given = sli_node_text(node, "alias");
    const char *name = sli_node_column_name(sli_node_item(call, "children", 0));
    const char *alias = sli_query_text(query, "%s", given[0] != '\0' ? given : name);
    sli_query_table *table = NULL;
    SL_TRY(
        sli_query_add_table(query, sli_query_name(query, window_names[kind]), stream, &table, err));
    SL_TRY(sli_window_over(query, call, column, &table->relation, &table->seen, err));
    stand_in(parent, key, table->relation.name, alias);
    return SL_OK;
}

static sl_code resolve_epoch(sli_query *query, sli_node *parent, const char *key, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    const sli_node *call = sli_node_at(node, "function");
    const sli_relation *stream = NULL;
    SL_TRY(window_stream(query, call, &stream, err));
    const char *given = sli_node_text(node, "alias");
    const char *name = sli_node_column_name(sli_node_item(call, "children", 0));
    const char *alias = sli_query_text(query, "%s", given[0] != '\0' ? given : name);
    sli_query_table *table = NULL;
    SL_TRY(sli_query_add_table(query, sli_query_name(query, "epoch"), stream, &table, err));
    table->by_epoch = true;
    stand_in(parent, key, table->relation.name, alias);
    return SL_OK;
}

static sl_code resolve_predict(sli_query *query, sli_node *parent, const char *key, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    const sli_node *call = sli_node_at(node, "function");
    const sli_relation *stream = NULL;
    sli_relation made = {0};
    SL_TRY(window_stream(query, call, &stream, err));
    SL_TRY(sli_query_predict(query, call, stream, &made, err));
    const char *given = sli_node_text(node, "alias");
    const char *name = sli_node_column_name(sli_node_item(call, "children", 0));
    const char *alias = sli_query_text(query, "%s", given[0] != '\0' ? given : name);
    sli_query_table *table = NULL;
    SL_TRY(sli_query_add_table(query, sli_query_name(query, "predicted"), &made, &table, err));
    stand_in(parent, key, table->relation.name, alias);
    return SL_OK;
}

static sl_code resolve_function(sli_query *query, sli_node *parent, const char *key, sl_error *err)
{
    const sli_node *call = sli_node_at(sli_node_at(parent, key), "function");
    const char *name = sli_node_text(call, "function_name");
    for (int32_t kind = SLI_WINDOW_TUMBLE; kind <= SLI_WINDOW_SESSION; kind++) {
        if (strcasecmp(name, window_names[kind]) == 0) {
            return resolve_window(query, parent, key, (sli_window_kind)kind, err);
        }
    }
    if (strcasecmp(name, "epoch") == 0) {
        return resolve_epoch(query, parent, key, err);
    }
    if (strcasecmp(name, "ml_predict") == 0) {
        return resolve_predict(query, parent, key, err);
    }
    if (strcasecmp(name, "cumulate") == 0) {
        return sli_query_refuse(
            query, call, err,
            "CUMULATE is not there; TUMBLE of the step, and a view that adds up its "
            "results, says the same");
    }
    return SL_OK; // unnest and its kind, of a row of the table before it
}

// ---------------------------------------------------------------- all of FROM

static sl_code resolve(sli_query *query, sli_node *parent, const char *key, sl_error *err)
{
    sli_node *node = sli_node_at(parent, key);
    if (sli_node_is(node, "BASE_TABLE")) {
        return resolve_name(query, parent, key, err);
    }
    if (sli_node_is(node, "JOIN")) {
        SL_TRY(resolve(query, node, "left", err));
        return resolve(query, node, "right", err);
    }
    if (sli_node_at(node, "sample") != NULL) { // of what is replaced by a name: it would be lost
        return sli_query_refuse(query, node, err,
                                "a sample can't be kept up over a stream: choose rows by what they "
                                "are: WHERE hash(id) %% 10 = 0");
    }
    if (sli_node_is(node, "SUBQUERY")) {
        return resolve_subquery(query, parent, key, err);
    }
    return sli_node_is(node, "TABLE_FUNCTION") ? resolve_function(query, parent, key, err) : SL_OK;
}

sl_code sli_query_take_with(sli_query *query, sl_error *err)
{
    sli_node *map = sli_node_at(query->tree.select, "cte_map");
    for (int32_t i = 0; i < sli_node_count(map, "map"); i++) {
        const sli_node *entry = sli_node_item(map, "map", i);
        if (query->n_with == SLI_MAX_FROM) {
            return sli_query_refuse(query, entry, err, "more than %d names of WITH",
                                    (int)SLI_MAX_FROM);
        }
        sli_node *select = sli_node_at(sli_node_at(sli_node_at(entry, "value"), "query"), "node");
        query->with[query->n_with++] =
            (sli_query_with){.name = sli_query_text(query, "%s", sli_node_text(entry, "key")),
                             .select = json_object_get(select)};
    }
    if (map != NULL) {
        sli_node_set(map, "map", sli_node_array());
    }
    query->scope = query->n_with > 0 ? sli_shared_scope(query) : 0;
    return SL_OK;
}

/// A SELECT, or those that UNION and its kind put together.
static sl_code resolve_select(sli_query *query, sli_node *select, sl_error *err)
{
    sli_node *map = sli_node_at(select, "cte_map");
    if (sli_node_count(map, "map") > 0) {
        return sli_query_refuse(query, select, err,
                                "WITH inside a part of UNION, INTERSECT or EXCEPT: put it before "
                                "the first SELECT");
    }
    if (sli_node_is(select, "SET_OPERATION_NODE")) {
        SL_TRY(resolve_select(query, sli_node_at(select, "left"), err));
        return resolve_select(query, sli_node_at(select, "right"), err);
    }
    SL_TRY(resolve(query, select, "from_table", err));
    return resolve_expressions(query, select, err);
}

sl_code sli_query_from(sli_query *query, sl_error *err)
{
    SL_TRY(sli_query_take_with(query, err));
    return resolve_select(query, query->tree.select, err);
}
