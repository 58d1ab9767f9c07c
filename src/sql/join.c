// A SELECT that joins two streams, cut in three:
//
//     SELECT v.page, c.price FROM views v JOIN clicks c
//     ON v.id = c.id AND c.ts BETWEEN v.ts AND v.ts + INTERVAL '5' MINUTE
//
//     left   id as _k0, page as _l1, ts       right   id as _k0, price as _r2, ts
//            WHERE what is asked of one side alone (push.c)
//     state  an interval join by _k0, 0 <= clicks' time - views' time <= 5 minutes
//     out    SELECT _l1 AS page, _r2 AS price                                  by row
//
// A row is kept until no match can come any more, which the bounds say; so they must be there on
// both sides. Null keys match nothing, as SQL has it, though the operator's do.
#include "sql/join_int.h"

#include "sluice/event.h"

#include <strings.h>

// ---------------------------------------------------------------- sides

static const char *column_name(sli_join *j, int32_t s, int32_t c)
{
    return sli_query_text(j->query, "_%c%d", s == 0 ? 'l' : 'r', c);
}

static sl_code find_side(sli_join *j, int32_t s, const sli_node *table)
{
    sli_join_side *at = &j->sides[s];
    if (!sli_node_is(table, "BASE_TABLE")) {
        return sli_query_refuse(j->query, table, j->err,
                                "two streams are joined at a time; make a view of the first two");
    }
    at->table = sli_query_find(j->query, sli_node_text(table, "table_name"));
    const sli_relation *relation = &at->table->relation;
    const char *alias = sli_node_text(table, "alias");
    at->alias = alias[0] != '\0' ? alias : relation->name;
    if (relation->stream == NULL) {
        return sli_query_refuse(
            j->query, table, j->err,
            "the static table '%.80s' would be on a side that this join keeps whole; its "
            "rows would come again with every partition of the stream",
            at->alias);
    }
    if (relation->changes_by != NULL) {
        return sli_query_refuse(
            j->query, table, j->err,
            "rows of '%.80s' change: a join would keep the earlier ones; join its input "
            "instead",
            at->alias);
    }
    at->time = sli_moments_column(relation, 0);
    if (at->time == NULL) {
        return sli_query_refuse(
            j->query, table, j->err,
            "'%.80s' has no event time; say WATERMARK FOR ts AS ts - INTERVAL '5' SECOND "
            "in its CREATE TABLE, and keep the column in views",
            at->alias);
    }
    return sl_schema_columns(at->table->seen) <= SLI_MAX_JOIN_COLUMNS
               ? SL_OK
               : sli_query_refuse(j->query, table, j->err, "more than %d columns",
                                  (int)SLI_MAX_JOIN_COLUMNS);
}

static sl_code find_sides(sli_join *j)
{
    j->node = sli_node_at(j->query->tree.select, "from_table");
    if (!sli_node_is(j->node, "JOIN")) {
        return sli_query_refuse_shape(j->query, j->err);
    }
    const char *type = sli_node_text(j->node, "join_type"),
               *form = sli_node_text(j->node, "ref_type");
    bool is_full = strcmp(type, "OUTER") == 0 || strcmp(type, "FULL") == 0;
    j->keeps[0] = is_full || strcmp(type, "LEFT") == 0;
    j->keeps[1] = is_full || strcmp(type, "RIGHT") == 0;
    if ((!j->keeps[0] && !j->keeps[1] && strcmp(type, "INNER") != 0) ||
        (strcmp(form, "REGULAR") != 0 && strcmp(form, "CROSS") != 0)) {
        return sli_query_refuse(
            j->query, j->node, j->err,
            "streams are joined by JOIN, LEFT JOIN, RIGHT JOIN or FULL JOIN, not %.40s "
            "%.40s",
            form, type);
    }
    SL_TRY(find_side(j, 0, sli_node_at(j->node, "left")));
    return find_side(j, 1, sli_node_at(j->node, "right"));
}

// ---------------------------------------------------------------- which times, of several

/// A side may have several columns that can be its time: those count that the conditions bound on
/// both sides; the first ones when there are none.
static sl_code choose_times(sli_join *j)
{
    const sli_relation *left = &j->sides[0].table->relation, *right = &j->sides[1].table->relation;
    for (int32_t a = 0; sli_moments_column(left, a) != NULL; a++) {
        for (int32_t b = 0; sli_moments_column(right, b) != NULL; b++) {
            j->sides[0].time = sli_moments_column(left, a);
            j->sides[1].time = sli_moments_column(right, b);
            sl_error none = SL_ERROR_INIT, *err = j->err;
            j->err = &none;
            sl_code rc = sli_join_conditions(j);
            j->err = err;
            if (rc == SL_OK && j->has_lower && j->has_upper && j->n_keys > 0) {
                return SL_OK;
            }
        }
    }
    j->sides[0].time = sli_moments_column(left, 0);
    j->sides[1].time = sli_moments_column(right, 0);
    return sli_join_conditions(j);
}

/// The output's column that is a side's time; NULL: none, or nobody can tell whose it is.
static const char *time_in_output(const sli_join *j, int32_t s)
{
    const sli_node *select = j->query->tree.select;
    const char *time = j->sides[s].time;
    bool has_star = false;
    for (int32_t i = 0; i < sli_node_count(select, "select_list"); i++) {
        has_star |= sli_node_is(sli_node_item(select, "select_list", i), "STAR");
    }
    return has_star && sli_join_find_column(&j->sides[!s], time) >= 0
               ? NULL
               : sli_query_passes(j->query, j->sides[s].table, time);
}

/// Of a pair one row is in time, the other may be as much older as the bounds say. Rows without a
/// match come once the watermark has passed all that could match them, so in the epoch behind.
static sl_code tell_times(sli_join *j, sli_relation *out)
{
    bool outer = j->keeps[0] || j->keeps[1];
    for (int32_t s = 0; s < 2; s++) {
        int64_t us = s == 0 ? j->upper : -j->lower;
        if (!j->keeps[!s]) { // else it may be null
            sli_moment time = {time_in_output(j, s), us > 0 ? us : 0, outer};
            SL_TRY(sli_moments_add(j->query, out, &time, j->err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- which columns are used

static bool look_for_use(void *ctx, sli_node *node)
{
    sli_join *j = ctx;
    sli_join_place at;
    if (sli_join_find_place(j, node, &at)) {
        j->sides[at.side].used[at.column] = true;
    }
    if (sli_node_is(node, "STAR")) {
        const char *of = sli_node_text(node, "relation_name");
        for (int32_t s = 0; s < 2; s++) {
            for (int32_t c = 0; c < sl_schema_columns(j->sides[s].table->seen); c++) {
                j->sides[s].used[c] |= of[0] == '\0' || strcasecmp(of, j->sides[s].alias) == 0;
            }
        }
    }
    return true;
}

static void find_used(sli_join *j)
{
    sli_node_walk(sli_node_at(j->query->tree.select, "select_list"), look_for_use, j);
    for (int32_t i = 0; i < j->n_rest; i++) {
        sli_node_walk(sli_node_own(j->rest[i]), look_for_use, j);
    }
}

// ---------------------------------------------------------------- the operator

/// Of a side's row, whether the conditions of ON that are its own hold.
#define HOLDS "_on_holds"

/// What rows that match none are told by: a key more, _n.
typedef struct join_marks {
    bool any;   ///< there is one
    bool nulls; ///< rows with a null key are among them
} join_marks;

static bool has_null_keys(const sli_join *j)
{
    for (int32_t k = 0; k < j->n_keys; k++) {
        for (int32_t s = 0; s < 2; s++) {
            if (sl_schema_field(j->sides[s].table->seen, j->keys[k][s])->nullable) {
                return true;
            }
        }
    }
    return false;
}

/// "id is null or ..." or "id is not null and ...".
static void put_null_test(const sli_join *j, int32_t s, bool are_null, sli_str *out)
{
    for (int32_t k = 0; k < j->n_keys; k++) {
        const char *name = sl_schema_field(j->sides[s].table->seen, j->keys[k][s])->name;
        sli_str_printf(out, "%s\"%s\" is %snull",
                       k == 0     ? ""
                       : are_null ? " or "
                                  : " and ",
                       name, are_null ? "" : "not ");
    }
}

/// The mark of a row: 0, or, of one that matches none, what differs from every mark of the other
/// side.
static void put_mark(const sli_join *j, int32_t s, bool marks_nulls, sli_str *out)
{
    bool marks_asked = sli_join_asks(j, s, true);
    if (!marks_nulls && !marks_asked) {
        sli_str_text(out, ", 0 as _n");
        return;
    }
    sli_str_text(out, ", case when ");
    if (marks_nulls) {
        put_null_test(j, s, true, out);
    }
    if (marks_asked) {
        sli_str_printf(out, "%snot \"" HOLDS "\"", marks_nulls ? " or " : "");
    }
    sli_str_printf(out, " then %d else 0 end as _n", s + 1);
}

/// A key, as wide as that of the other side.
static void put_key(const sli_join *j, int32_t s, int32_t k, sli_str *out)
{
    const sl_field *own = sl_schema_field(j->sides[s].table->seen, j->keys[k][s]);
    const sl_field *other = sl_schema_field(j->sides[!s].table->seen, j->keys[k][!s]);
    bool widens = own->type == SL_INT32 && other->type == SL_INT64;
    sli_str_printf(out, widens ? "cast(\"%s\" as int64)" : "\"%s\"", own->name);
    sli_str_printf(out, " as _k%d", k);
}

/// The side's columns under the names they have in the join.
static void put_columns(sli_join *j, int32_t s, join_marks marks, sli_str *out)
{
    const sli_join_side *at = &j->sides[s];
    for (int32_t k = 0; k < j->n_keys; k++) {
        sli_str_text(out, k == 0 ? "" : ", ");
        put_key(j, s, k, out);
    }
    if (marks.any) {
        put_mark(j, s, marks.nulls, out);
    }
    for (int32_t c = 0; c < sl_schema_columns(at->table->seen); c++) {
        if (at->used[c]) {
            sli_str_printf(out, ", \"%s\" as %s", sl_schema_field(at->table->seen, c)->name,
                           column_name(j, s, c));
        }
    }
    sli_str_printf(out, ", \"%s\"", at->time);
}

static bool is_needed(const sli_join *j, int32_t s, int32_t c)
{
    const sli_join_side *at = &j->sides[s];
    bool is_key = false;
    for (int32_t k = 0; k < j->n_keys; k++) {
        is_key |= j->keys[k][s] == c;
    }
    return is_key || at->used[c] ||
           strcasecmp(sl_schema_field(at->table->seen, c)->name, at->time) == 0;
}

/// The columns of a side that the join needs, and whether what marks its rows holds.
static sli_node *asked_list(const sli_join *j, int32_t s, sli_node *holds)
{
    sli_node *list = sli_node_array();
    const sl_schema *schema = j->sides[s].table->seen;
    for (int32_t c = 0; list != NULL && c < sl_schema_columns(schema); c++) {
        if (is_needed(j, s, c)) {
            sli_node_push(list, sli_node_column(sl_schema_field(schema, c)->name, NULL));
        }
    }
    if (holds != NULL) {
        sli_node_push(list, sli_node_named(json_object_get(holds), HOLDS));
    }
    return list;
}

/// What is asked of a side's rows before the join, if anything is.
static sl_code ask_side(sli_join *j, int32_t s, sl_stream **stream)
{
    if (j->sides[s].n_asked == 0) {
        return SL_OK;
    }
    sli_tree tree = {0};
    SL_TRY(sli_tree_copy(&tree, &j->query->tree, j->err));
    sli_node *where = sli_join_asked_of(j, s, false), *holds = sli_join_asked_of(j, s, true);
    sli_relation from = {.name = j->sides[s].table->relation.name, .stream = *stream};
    const char *uid = sli_query_uid(j->query, s == 0 ? "left.where" : "right.where");
    bool is_out = (where == NULL && sli_join_asks(j, s, false)) ||
                  (holds == NULL && sli_join_asks(j, s, true));
    sli_tree_be(&tree, asked_list(j, s, holds), sli_node_table(from.name, NULL), where);
    json_object_put(holds);
    *stream = is_out ? NULL : sli_query_run(j->query, &tree, &from, 1, true, uid, j->err);
    sli_tree_reset(&tree);
    if (is_out) {
        return sl_error_nomem(j->err, 4096, "the plan of a query");
    }
    return *stream != NULL ? SL_OK : SL_E_INVALID;
}

/// A side ready to be joined. Rows with a null key match nothing: where they are not kept they go
/// at once; in a full join a mark that differs keeps them apart.
static sl_code make_side(sli_join *j, int32_t s, join_marks marks, sl_stream **out)
{
    sli_str text = {.tag = SLI_TAG_STREAM}, test = {.tag = SLI_TAG_STREAM};
    sl_stream *stream = NULL;
    const char *uid = sli_query_uid(j->query, s == 0 ? "left" : "right");
    SL_TRY(sli_moments_stream(j->query, &j->sides[s].table->relation, j->sides[s].time,
                              s == 0 ? "left.time" : "right.time", &stream, j->err));
    SL_TRY(ask_side(j, s, &stream));
    put_columns(j, s, marks, &text);
    put_null_test(j, s, false, &test);
    sl_code rc = sli_str_check(&text, "names of columns", j->err);
    rc = rc != SL_OK ? rc : sli_str_check(&test, "a condition", j->err);
    if (rc == SL_OK) {
        if (has_null_keys(j) && !marks.nulls && !j->keeps[s]) {
            stream = sl_stream_where(stream, test.data);
        }
        stream = sl_stream_select(stream, text.data);
        *out = uid == NULL ? stream : sl_stream_uid(stream, uid);
        rc = *out != NULL ? SL_OK : sl_graph_check(j->query->env->graph, j->err);
    }
    sli_str_reset(&text);
    sli_str_reset(&test);
    return rc;
}

static sl_stream *join_streams(const sli_join *j, sl_stream *a, sl_stream *b, const char *keys,
                               const char *lower, const char *upper)
{
    if (j->keeps[0] && j->keeps[1]) {
        return sl_stream_interval_full_outer_join(a, b, keys, lower, upper);
    }
    if (j->keeps[0]) {
        return sl_stream_interval_left_outer_join(a, b, keys, lower, upper);
    }
    return j->keeps[1] ? sl_stream_interval_right_outer_join(a, b, keys, lower, upper)
                       : sl_stream_interval_join(a, b, keys, lower, upper);
}

static sl_code make_join(sli_join *j, sl_stream **out)
{
    join_marks marks = {.nulls = j->keeps[0] && j->keeps[1] && has_null_keys(j)};
    marks.any = marks.nulls || sli_join_asks(j, 0, true) || sli_join_asks(j, 1, true);
    sl_stream *sides[2] = {NULL, NULL};
    SL_TRY(make_side(j, 0, marks, &sides[0]));
    SL_TRY(make_side(j, 1, marks, &sides[1]));
    sli_str keys = {.tag = SLI_TAG_STREAM};
    for (int32_t k = 0; k < j->n_keys; k++) {
        sli_str_printf(&keys, "%s_k%d", k == 0 ? "" : ", ", k);
    }
    sli_str_text(&keys, marks.any ? ", _n" : "");
    sl_code rc = sli_str_check(&keys, "keys", j->err);
    if (rc == SL_OK) {
        const char *lower = sli_query_text(j->query, "%lldus", (long long)j->lower);
        const char *upper = sli_query_text(j->query, "%lldus", (long long)j->upper);
        const char *uid = sli_query_uid(j->query, "state");
        sl_stream *made = join_streams(j, sides[0], sides[1], keys.data, lower, upper);
        *out = uid == NULL ? made : sl_stream_uid(made, uid);
        rc = *out != NULL ? SL_OK : sl_graph_check(j->query->env->graph, j->err);
    }
    sli_str_reset(&keys);
    return rc;
}

// ---------------------------------------------------------------- the last part: by row

static bool is_using(const sli_join *j, const sli_node *node)
{
    for (int32_t i = 0; i < sli_node_count(j->node, "using_columns"); i++) {
        const char *name = json_object_get_string(sli_node_item(j->node, "using_columns", i));
        if (strcasecmp(name, sli_join_name_at(node, 0)) == 0) {
            return true;
        }
    }
    return false;
}

/// The joined row's column for one of a side's; of USING, the key that both share.
static sli_node *over_joined(void *ctx, const sli_node *node)
{
    sli_join *j = ctx;
    sli_join_place at;
    if (!sli_join_find_place(j, node, &at)) {
        return NULL;
    }
    const char *name = column_name(j, at.side, at.column);
    for (int32_t k = 0; at.n_names == 1 && is_using(j, node) && k < j->n_keys; k++) {
        if (j->keys[k][at.side] == at.column) {
            name = sli_query_text(j->query, "_k%d", k);
        }
    }
    sli_node *made = sli_node_column(name, sli_node_text(node, "alias"));
    for (int32_t i = at.n_names; i < sli_node_count(node, "column_names"); i++) {
        sli_node_push(sli_node_at(made, "column_names"),
                      json_object_new_string(sli_join_name_at(node, i)));
    }
    return made;
}

static bool is_using_column(const sli_join *j, int32_t s, int32_t c)
{
    for (int32_t k = 0; k < sli_node_count(j->node, "using_columns"); k++) {
        if (j->keys[k][s] == c) {
            return true;
        }
    }
    return false;
}

static void put_star(sli_join *j, const sli_node *star, sli_node *list)
{
    const char *of = sli_node_text(star, "relation_name");
    for (int32_t s = 0; s < 2; s++) {
        bool all = of[0] == '\0';
        for (int32_t c = 0; c < sl_schema_columns(j->sides[s].table->seen); c++) {
            bool merged = is_using_column(j, s, c);
            if ((all && (s == 0 || !merged)) || (!all && strcasecmp(of, j->sides[s].alias) == 0)) {
                sli_node_push(list, sli_node_column(column_name(j, s, c), NULL));
            }
        }
    }
}

static sl_code put_list(sli_join *j, sli_node *list)
{
    const sli_node *select = j->query->tree.select;
    for (int32_t i = 0; i < sli_node_count(select, "select_list"); i++) {
        const sli_node *item = sli_node_item(select, "select_list", i);
        if (!sli_node_is(item, "STAR")) {
            sli_node_push(list, sli_node_copy(item));
        } else if (sli_node_is_plain_star(item)) {
            put_star(j, item, list);
        } else {
            return sli_query_refuse(j->query, item, j->err, "name the columns of a join instead");
        }
    }
    return SL_OK;
}

static void name_list(sli_join *j, sli_node *list)
{
    for (int32_t i = 0; i < (int32_t)json_object_array_length(list); i++) {
        if (i < sl_schema_columns(j->query->result)) {
            sli_node_named(json_object_array_get_idx(list, (size_t)i),
                           sl_schema_field(j->query->result, i)->name);
        }
    }
}

/// What is left of the conditions, put together again.
static sli_node *rest_of(sli_join *j)
{
    if (j->n_rest == 0) {
        return NULL;
    }
    sli_node *all = sli_node_parse("{'class':'CONJUNCTION','type':'CONJUNCTION_AND','alias':"
                                   "'','query_location':0,'children':[]}");
    for (int32_t i = 0; all != NULL && i < j->n_rest; i++) {
        sli_node_push(sli_node_at(all, "children"), sli_node_copy(j->rest[i]));
    }
    return all;
}

static sl_code make_out(sli_join *j, sl_stream *joined, sl_stream **out)
{
    const char *name = sli_query_name(j->query, "joined");
    sli_tree tree = {0};
    SL_TRY(sli_tree_copy(&tree, &j->query->tree, j->err));
    sli_node *list = sli_node_array();
    sl_code rc = put_list(j, list);
    sli_tree_be(&tree, list, sli_node_table(name, NULL), rest_of(j));
    if (rc == SL_OK) {
        sli_node_replace_own(tree.select, over_joined, j);
        name_list(j, list);
        sli_relation from[SLI_MAX_FROM + 1] = {{.name = name, .stream = joined}};
        int32_t n = 1 + sli_query_statics(j->query, from + 1);
        *out = sli_query_run(j->query, &tree, from, n, true, j->query->uid, j->err);
        rc = *out != NULL ? SL_OK : SL_E_INVALID;
    }
    sli_tree_reset(&tree);
    return rc;
}

// ---------------------------------------------------------------- all of it

static sl_code check_form(sli_join *j)
{
    const sli_shape *shape = j->query->shape;
    if (shape->has_aggregates || j->query->window.kind != SLI_WINDOW_NONE) {
        return sli_query_refuse(
            j->query, j->query->tree.select, j->err,
            "a join of streams and %s in one SELECT; make a view of the join, and "
            "aggregate that",
            shape->has_aggregates ? "aggregates" : "a window");
    }
    return shape->by_row ? SL_OK : sli_query_refuse_shape(j->query, j->err);
}

static sl_code plan_join(sli_join *j, sli_relation *out)
{
    sl_stream *joined = NULL;
    SL_TRY(check_form(j));
    SL_TRY(find_sides(j));
    SL_TRY(choose_times(j));
    SL_TRY(sli_join_check(j));
    find_used(j);
    SL_TRY(make_join(j, &joined));
    sli_relation made = {0};
    SL_TRY(make_out(j, joined, &made.stream));
    SL_TRY(tell_times(j, &made));
    *out = made;
    return SL_OK;
}

sl_code sli_query_join(sli_query *query, sli_relation *out, sl_error *err)
{
    sli_join *j = sl_alloc_zero(SLI_TAG_STREAM, sizeof *j);
    if (j == NULL) {
        return sl_error_nomem(err, sizeof *j, "the plan of a query");
    }
    *j = (sli_join){.query = query, .err = err};
    sl_code rc = plan_join(j, out);
    sl_free(j);
    return rc;
}
