// The conditions of a join of two streams, sorted: which columns are equal, how far two times may
// be apart, and what is asked in another way.
#include "sql/join_int.h"

#include <strings.h>

/// A time of one side and how much is added to it.
typedef struct moment {
    int32_t of; ///< 0 left, 1 right
    int64_t us;
} moment;

// ---------------------------------------------------------------- columns

int32_t sli_join_find_column(const sli_join_side *s, const char *name)
{
    const sl_schema *schema = s->table->seen;
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        if (strcasecmp(sl_schema_field(schema, c)->name, name) == 0) {
            return c;
        }
    }
    return -1;
}

const char *sli_join_name_at(const sli_node *node, int32_t i)
{
    return json_object_get_string(sli_node_item(node, "column_names", i));
}

bool sli_join_find_place(const sli_join *j, const sli_node *node, sli_join_place *out)
{
    int32_t n = sli_node_is(node, "COLUMN_REF") ? sli_node_count(node, "column_names") : 0;
    for (int32_t s = 0; n > 1 && s < 2; s++) {
        int32_t c = sli_join_find_column(&j->sides[s], sli_join_name_at(node, 1));
        if (strcasecmp(sli_join_name_at(node, 0), j->sides[s].alias) == 0 && c >= 0) {
            *out = (sli_join_place){s, c, 2};
            return true;
        }
    }
    for (int32_t s = 0; n > 0 && s < 2; s++) {
        int32_t c = sli_join_find_column(&j->sides[s], sli_join_name_at(node, 0));
        if (c >= 0) {
            *out = (sli_join_place){s, c, 1};
            return true;
        }
    }
    return false;
}

// ---------------------------------------------------------------- conditions

static bool is_time(const sli_join *j, const sli_node *node, int32_t *of)
{
    sli_join_place at;
    if (!sli_join_find_place(j, node, &at) || at.n_names != sli_node_count(node, "column_names")) {
        return false;
    }
    const sli_join_side *s = &j->sides[at.side];
    *of = at.side;
    return strcasecmp(sl_schema_field(s->table->seen, at.column)->name, s->time) == 0;
}

/// "ts", "ts + INTERVAL ...", "ts - INTERVAL ...".
static bool read_moment(const sli_join *j, const sli_node *node, moment *out)
{
    if (is_time(j, node, &out->of)) {
        out->us = 0;
        return true;
    }
    const char *name = sli_node_text(node, "function_name");
    bool is_plus = strcmp(name, "+") == 0, is_minus = strcmp(name, "-") == 0;
    if ((!is_plus && !is_minus) || sli_node_count(node, "children") != 2 ||
        !is_time(j, sli_node_item(node, "children", 0), &out->of) ||
        sli_interval_us(sli_node_item(node, "children", 1), &out->us, NULL) != SL_OK) {
        return false;
    }
    out->us = is_minus ? -out->us : out->us;
    return true;
}

/// left op right, as a bound of right time - left time: the tightest of all counts.
static void bound(sli_join *j, bool is_lower, int64_t us)
{
    if (is_lower && (!j->has_lower || us > j->lower)) {
        j->lower = us;
        j->has_lower = true;
    } else if (!is_lower && (!j->has_upper || us < j->upper)) {
        j->upper = us;
        j->has_upper = true;
    }
}

/// a >= b (with `strict` one microsecond more).
static bool at_least(sli_join *j, const sli_node *a, const sli_node *b, bool strict)
{
    moment x, y;
    if (!read_moment(j, a, &x) || !read_moment(j, b, &y) || x.of == y.of) {
        return false;
    }
    int64_t us = y.us - x.us + strict; // time of x.of - time of y.of >= us
    bound(j, x.of == 1, x.of == 1 ? us : -us);
    return true;
}

static bool time_condition(sli_join *j, const sli_node *node)
{
    const sli_node *left = sli_node_at(node, "left"), *right = sli_node_at(node, "right");
    if (sli_node_is(node, "COMPARE_BETWEEN")) {
        const sli_node *input = sli_node_at(node, "input");
        bool from = at_least(j, input, sli_node_at(node, "lower"), false);
        bool to = at_least(j, sli_node_at(node, "upper"), input, false);
        return from && to; // else the whole is asked afterwards as well
    }
    if (sli_node_is(node, "COMPARE_GREATERTHANOREQUALTO") ||
        sli_node_is(node, "COMPARE_GREATERTHAN")) {
        return at_least(j, left, right, sli_node_is(node, "COMPARE_GREATERTHAN"));
    }
    if (sli_node_is(node, "COMPARE_LESSTHANOREQUALTO") || sli_node_is(node, "COMPARE_LESSTHAN")) {
        return at_least(j, right, left, sli_node_is(node, "COMPARE_LESSTHAN"));
    }
    return sli_node_is(node, "COMPARE_EQUAL") && at_least(j, left, right, false) &&
           at_least(j, right, left, false);
}

static bool key_condition(sli_join *j, const sli_node *node)
{
    sli_join_place a, b;
    if (!sli_node_is(node, "COMPARE_EQUAL") || j->n_keys == SLI_MAX_JOIN_KEYS ||
        !sli_join_find_place(j, sli_node_at(node, "left"), &a) ||
        !sli_join_find_place(j, sli_node_at(node, "right"), &b) || a.side == b.side ||
        a.n_names != sli_node_count(sli_node_at(node, "left"), "column_names") ||
        b.n_names != sli_node_count(sli_node_at(node, "right"), "column_names")) {
        return false;
    }
    j->keys[j->n_keys][a.side] = a.column;
    j->keys[j->n_keys++][b.side] = b.column;
    return true;
}

static sl_code add_rest(sli_join *j, const sli_node *node)
{
    if (j->n_rest == SLI_MAX_JOIN_CONDITIONS) {
        return sli_query_refuse(j->query, node, j->err, "more than %d conditions in one join",
                                (int)SLI_MAX_JOIN_CONDITIONS);
    }
    j->rest[j->n_rest++] = node;
    return SL_OK;
}

/// Sorts the parts of an AND. `is_on`: those of ON, of which an outer join has none behind it.
static sl_code sort_conditions(sli_join *j, const sli_node *node, bool is_on)
{
    bool is_outer = j->keeps[0] || j->keeps[1];
    if (node == NULL) {
        return SL_OK;
    }
    if (sli_node_is(node, "CONJUNCTION_AND")) {
        for (int32_t i = 0; i < sli_node_count(node, "children"); i++) {
            SL_TRY(sort_conditions(j, sli_node_item(node, "children", i), is_on));
        }
        return SL_OK;
    }
    if ((is_on || !is_outer) && (time_condition(j, node) || key_condition(j, node))) {
        return SL_OK;
    }
    bool stays = true;
    SL_TRY(sli_join_push(j, node, is_on, &stays));
    if (stays && is_on && is_outer) {
        return sli_query_refuse(
            j->query, node, j->err,
            "ON of an outer join of streams has equal columns, bounds of time, and conditions of "
            "one side alone, without subqueries and now(); filter its result by WHERE");
    }
    return stays ? add_rest(j, node) : SL_OK;
}

static sl_code using_columns(sli_join *j)
{
    for (int32_t i = 0; i < sli_node_count(j->node, "using_columns"); i++) {
        const char *name = json_object_get_string(sli_node_item(j->node, "using_columns", i));
        int32_t left = sli_join_find_column(&j->sides[0], name),
                right = sli_join_find_column(&j->sides[1], name);
        if (left < 0 || right < 0 || j->n_keys == SLI_MAX_JOIN_KEYS) {
            return sli_query_refuse(j->query, j->node, j->err,
                                    "USING (%.80s): both have to have it, and "
                                    "there are at most %d",
                                    name, (int)SLI_MAX_JOIN_KEYS);
        }
        j->keys[j->n_keys][0] = left;
        j->keys[j->n_keys++][1] = right;
    }
    return SL_OK;
}

/// Whether equal values are equal keys: an INTEGER and a BIGINT are, once the one is widened.
static bool is_comparable(const sl_field *a, const sl_field *b)
{
    bool integers = (a->type == SL_INT32 || a->type == SL_INT64) &&
                    (b->type == SL_INT32 || b->type == SL_INT64);
    return integers || (a->type == b->type && a->scale == b->scale);
}

sl_code sli_join_check(sli_join *j)
{
    const sli_node *at = sli_node_at(j->node, "condition");
    if (j->n_keys == 0) {
        return sli_query_refuse(
            j->query, at, j->err,
            "a join of two streams needs columns that are equal: ON a.id = b.id AND ...; an "
            "expression becomes a column in a view or a subquery before the join");
    }
    if (!j->has_lower || !j->has_upper) {
        return sli_query_refuse(
            j->query, at, j->err,
            "without bounds of time on both sides every row would have to be kept for "
            "ever; add AND b.%.60s BETWEEN a.%.60s - INTERVAL '5' MINUTE AND a.%.60s + "
            "INTERVAL '5' MINUTE",
            j->sides[1].time, j->sides[0].time, j->sides[0].time);
    }
    if (j->lower > j->upper) {
        return sli_query_refuse(j->query, at, j->err, "no two times meet these bounds");
    }
    for (int32_t k = 0; k < j->n_keys; k++) {
        const sl_field *a = sl_schema_field(j->sides[0].table->seen, j->keys[k][0]);
        const sl_field *b = sl_schema_field(j->sides[1].table->seen, j->keys[k][1]);
        if (!is_comparable(a, b)) {
            return sli_query_refuse(
                j->query, at, j->err,
                "'%.60s' and '%.60s' are of two types; CAST one of them in a view before "
                "the join",
                a->name, b->name);
        }
    }
    return SL_OK;
}

sl_code sli_join_conditions(sli_join *j)
{
    j->n_keys = j->n_rest = j->sides[0].n_asked = j->sides[1].n_asked = 0;
    j->has_lower = j->has_upper = false;
    SL_TRY(using_columns(j));
    SL_TRY(sort_conditions(j, sli_node_at(j->node, "condition"), true));
    return sort_conditions(j, sli_node_at(j->query->tree.select, "where_clause"), false);
}
