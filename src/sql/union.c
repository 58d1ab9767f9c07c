// SELECTs with UNION, INTERSECT or EXCEPT between them.
//
//     SELECT word FROM a UNION ALL SELECT upper(w) FROM b
//
//     q.branch1   the first SELECT, planned by itself
//     q.branch2   the second, then cast and renamed as DuckDB would have the columns of both
//     q           union(q.branch1, q.branch2)
//
// Names and types of the result are asked of DuckDB, which is given the branches as tables. A
// column is event time where it is that in every branch: then as late as the latest of them. What
// would have to compare all rows that ever came (UNION without ALL, INTERSECT, EXCEPT) goes over
// each epoch alone, when every stream stands in EPOCH(...).
#include "sql/connector.h"
#include "sql/query_int.h"

#include <strings.h>

enum { MOST_BRANCHES = SLI_MAX_FROM };

/// One SELECT of a UNION ALL.
typedef struct branch {
    const sli_node *select;
    sli_relation relation; ///< as it was planned, and then with the union's columns
    const char *table;     ///< its name for DuckDB
} branch;

typedef struct set {
    sli_query *query;
    const char *kind; ///< "UNION" or "UNION_BY_NAME"
    branch branches[MOST_BRANCHES];
    int32_t n;
    sl_schema *result; ///< one reference
    sl_error *err;
} set;

// ---------------------------------------------------------------- what it is made of

static bool is_all(const sli_node *node)
{
    return strncmp(sli_node_text(node, "setop_type"), "UNION", 5) == 0 &&
           json_object_get_boolean(sli_node_at(node, "setop_all")) &&
           sli_node_count(node, "modifiers") == 0;
}

/// Whether nothing but UNION ALL is between the SELECTs.
static bool adds_up(const sli_node *node)
{
    return !sli_node_is(node, "SET_OPERATION_NODE") ||
           (is_all(node) && adds_up(sli_node_at(node, "left")) &&
            adds_up(sli_node_at(node, "right")));
}

/// Whether `node` is one more UNION ALL of the same kind, whose branches are those of the whole:
/// DuckDB casts once, from each to what all have.
static bool goes_on(const set *all, const sli_node *node)
{
    return sli_node_is(node, "SET_OPERATION_NODE") && is_all(node) &&
           strcmp(sli_node_text(node, "setop_type"), all->kind) == 0 &&
           sli_node_count(sli_node_at(node, "cte_map"), "map") == 0;
}

static sl_code take_branches(set *all, const sli_node *node)
{
    const sli_node *sides[] = {sli_node_at(node, "left"), sli_node_at(node, "right")};
    for (int32_t i = 0; i < 2; i++) {
        if (goes_on(all, sides[i])) {
            SL_TRY(take_branches(all, sides[i]));
            continue;
        }
        if (all->n == MOST_BRANCHES) {
            return sli_query_refuse(all->query, sides[i], all->err,
                                    "more than %d SELECTs in one UNION ALL; split it by views",
                                    (int)MOST_BRANCHES);
        }
        all->branches[all->n++] = (branch){.select = sides[i]};
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the branches

static sl_code check_branch(const set *all, const branch *b)
{
    if (b->relation.changes_by == NULL) {
        return SL_OK;
    }
    return sli_query_refuse(all->query, b->select, all->err,
                            "rows of this SELECT change, and rows of two of them could have the "
                            "same key: put the rows together first, SELECT ... FROM (SELECT ... "
                            "UNION ALL SELECT ...) GROUP BY ...");
}

static sl_code plan_branches(set *all)
{
    sli_query *query = all->query;
    for (int32_t i = 0; i < all->n; i++) {
        branch *b = &all->branches[i];
        const char *what = sli_query_text(query, "branch%d", i + 1);
        const char *uid = sli_query_uid(query, what == NULL ? "branch" : what);
        sli_query_table *table = NULL;
        SL_TRY(sli_query_inner_as(query, sli_node_own(b->select), uid, &b->relation, all->err));
        SL_TRY(check_branch(all, b));
        b->table = sli_query_name(query, "branch");
        SL_TRY(sli_query_add_table(query, b->table, &b->relation, &table, all->err));
        b->relation.name = b->table;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- columns of the whole

static const sl_field *field_of(const branch *b, int32_t i)
{
    return sl_schema_field(sli_relation_schema(&b->relation), i);
}

/// A NULL that is written fits every type; to DuckDB's tables it is an INTEGER.
static bool is_null(const branch *b, int32_t i)
{
    const sli_node *item = sli_node_item(b->select, "select_list", i);
    for (int32_t k = 0; k <= i; k++) {
        if (sli_node_is(sli_node_item(b->select, "select_list", k), "STAR")) {
            return false; // positions are not those of the result from here on
        }
    }
    return sli_node_is(item, "VALUE_CONSTANT") &&
           json_object_get_boolean(sli_node_at(sli_node_at(item, "value"), "is_null"));
}

static void put_branch(const branch *b, sli_str *out)
{
    for (int32_t i = 0; i < sl_schema_columns(sli_relation_schema(&b->relation)); i++) {
        sli_str_text(out, i == 0 ? "SELECT " : ", ");
        sli_str_text(out, is_null(b, i) ? "NULL AS " : "");
        sli_put_sql_name(out, field_of(b, i)->name);
    }
    sli_str_text(out, " FROM ");
    sli_put_sql_name(out, b->table);
}

/// Asks DuckDB for names and types of the whole.
static sl_code find_result(set *all)
{
    sli_str text = {.tag = SLI_TAG_SQL};
    sli_tree tree = {0};
    sli_db_where where = {-1};
    for (int32_t i = 0; i < all->n; i++) {
        sli_str_text(&text, i == 0                                    ? ""
                            : strcmp(all->kind, "UNION_BY_NAME") == 0 ? " UNION ALL BY NAME "
                                                                      : " UNION ALL ");
        put_branch(&all->branches[i], &text);
    }
    sl_code rc = sli_str_check(&text, "a query", all->err);
    rc = rc != SL_OK ? rc : sli_tree_parse(&tree, all->query->dbs, text.data, &where, all->err);
    rc = rc != SL_OK ? rc : sli_query_check(all->query, &tree, &all->result, all->err);
    sli_tree_reset(&tree);
    sli_str_reset(&text);
    return rc;
}

/// SELECTs that don't have as many columns are told by what they have.
static sl_code check_columns(const set *all)
{
    int32_t n = sl_schema_columns(sli_relation_schema(&all->branches[0].relation));
    for (int32_t i = 1; strcmp(all->kind, "UNION") == 0 && i < all->n; i++) {
        const sl_schema *schema = sli_relation_schema(&all->branches[i].relation);
        if (sl_schema_columns(schema) != n) {
            return sli_query_refuse(all->query, all->branches[i].select, all->err,
                                    "the first SELECT of this UNION ALL has %d column%s, and this "
                                    "one %d: %s",
                                    n, n == 1 ? "" : "s", sl_schema_columns(schema),
                                    sl_schema_text(schema));
        }
    }
    return SL_OK;
}

/// The branch's column for the i-th of the whole; -1: it has none.
static int32_t column_of(const set *all, const branch *b, int32_t i)
{
    const sl_schema *schema = sli_relation_schema(&b->relation);
    if (strcmp(all->kind, "UNION") == 0) {
        return i;
    }
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        if (strcasecmp(sl_schema_field(schema, c)->name, sl_schema_field(all->result, i)->name) ==
            0) {
            return c;
        }
    }
    return -1;
}

// ---------------------------------------------------------------- a branch with those columns

static bool same_type(const set *all, const branch *b, int32_t from, int32_t to)
{
    return from >= 0 && !is_null(b, from) &&
           strcmp(sli_field_type(all->query->arena, sli_relation_schema(&b->relation), from),
                  sli_field_type(all->query->arena, all->result, to)) == 0;
}

/// One column of the query that casts, appended.
static sl_code put_cast(const set *all, const branch *b, int32_t from, int32_t to, sli_str *out)
{
    const sl_field *field = sl_schema_field(all->result, to);
    const char *type = sli_sql_type(all->query->arena, field);
    bool same = same_type(all, b, from, to);
    if (!same && type[0] == '\0') {
        return sli_query_refuse(all->query, b->select, all->err,
                                "column '%.80s' is %.80s in this UNION ALL, and not in this "
                                "SELECT: write it with that type",
                                field->name, sli_field_type(all->query->arena, all->result, to));
    }
    sli_str_text(out, to == 0 ? "SELECT " : ", ");
    sli_str_text(out, same ? "" : "CAST(");
    if (from < 0 || is_null(b, from)) {
        sli_str_text(out, "NULL");
    } else {
        sli_put_sql_name(out, field_of(b, from)->name);
    }
    if (!same) {
        sli_str_printf(out, " AS %s)", type);
    }
    sli_str_text(out, " AS ");
    sli_put_sql_name(out, field->name);
    return SL_OK;
}

static sl_code put_casts(const set *all, const branch *b, sli_str *out)
{
    for (int32_t i = 0; i < sl_schema_columns(all->result); i++) {
        SL_TRY(put_cast(all, b, column_of(all, b, i), i, out));
    }
    sli_str_text(out, " FROM ");
    sli_put_sql_name(out, b->table);
    return sli_str_check(out, "a query", all->err);
}

static sl_code put_names(const set *all, const branch *b, sli_str *out)
{
    for (int32_t i = 0; i < sl_schema_columns(all->result); i++) {
        sli_str_text(out, i == 0 ? "" : ", ");
        sli_put_sql_name(out, field_of(b, column_of(all, b, i))->name);
        sli_str_text(out, " as ");
        sli_put_sql_name(out, sl_schema_field(all->result, i)->name);
    }
    return sli_str_check(out, "names of columns", all->err);
}

/// What has to be done to a branch: nothing, other names or places, or casts by DuckDB.
typedef enum fitting { AS_IT_IS, OTHER_NAMES, OTHER_TYPES } fitting;

static fitting fitting_of(const set *all, const branch *b)
{
    int32_t n = sl_schema_columns(all->result);
    fitting out =
        sl_schema_columns(sli_relation_schema(&b->relation)) == n ? AS_IT_IS : OTHER_NAMES;
    for (int32_t i = 0; i < n; i++) {
        int32_t from = column_of(all, b, i);
        if (!same_type(all, b, from, i)) {
            return OTHER_TYPES;
        }
        if (from != i || strcmp(field_of(b, from)->name, sl_schema_field(all->result, i)->name)) {
            out = OTHER_NAMES;
        }
    }
    return out;
}

static sl_code fit(const set *all, const branch *b, int32_t number, sl_stream **out)
{
    sli_str text = {.tag = SLI_TAG_SQL};
    sli_query *query = all->query;
    fitting how = fitting_of(all, b);
    sl_stream *made = b->relation.stream;
    if (how == AS_IT_IS) {
        *out = made;
        return SL_OK;
    }
    sl_code rc = how == OTHER_TYPES ? put_casts(all, b, &text) : put_names(all, b, &text);
    if (rc == SL_OK) {
        made = how == OTHER_TYPES ? sli_sql_epoch(query->env->sql, query->env->graph, text.data,
                                                  &b->relation, 1, true, query->env->place)
                                  : sl_stream_select(made, text.data);
        const char *what = sli_query_text(query, "branch%d.columns", number);
        const char *uid = sli_query_uid(query, what == NULL ? "columns" : what);
        *out = uid == NULL || made == NULL ? made : sl_stream_uid(made, uid);
        rc = *out != NULL ? SL_OK : sl_graph_check(query->env->graph, all->err);
    }
    sli_str_reset(&text);
    return rc;
}

static sl_code unite(set *all, sl_stream **out)
{
    sl_stream *streams[MOST_BRANCHES];
    sli_query *query = all->query;
    for (int32_t i = 0; i < all->n; i++) {
        SL_TRY(fit(all, &all->branches[i], i + 1, &streams[i]));
    }
    sl_stream *made = sl_stream_union_all(streams, all->n);
    *out = query->uid == NULL || made == NULL ? made : sl_stream_uid(made, query->uid);
    return *out != NULL ? SL_OK : sl_graph_check(query->env->graph, all->err);
}

// ---------------------------------------------------------------- its event time

/// The moment that a branch's column is; false: it is none.
static bool moment_of(const branch *b, const char *column, sli_moment *out)
{
    const sli_relation *in = &b->relation;
    if (in->time != NULL && strcmp(in->time, column) == 0) {
        *out = (sli_moment){.column = column};
        return true;
    }
    for (int32_t i = 0; i < in->n_moments; i++) {
        if (strcasecmp(in->moments[i].column, column) == 0) {
            *out = in->moments[i];
            return true;
        }
    }
    return false;
}

/// Tells whether column `i` is event time in every branch, and then how late it is at most. `own`:
/// it is every branch's own, under this name.
static bool find_moment(const set *all, int32_t i, sli_moment *out, bool *own)
{
    *out = (sli_moment){.column = sl_schema_field(all->result, i)->name};
    *own = true;
    for (int32_t k = 0; k < all->n; k++) {
        const branch *b = &all->branches[k];
        int32_t from = column_of(all, b, i);
        sli_moment one = {0};
        if (!same_type(all, b, from, i) || !moment_of(b, field_of(b, from)->name, &one)) {
            return false;
        }
        out->behind_us = one.behind_us > out->behind_us ? one.behind_us : out->behind_us;
        out->after |= one.after;
        *own &= b->relation.time != NULL && strcmp(b->relation.time, out->column) == 0;
    }
    return true;
}

static sl_code find_moments(const set *all, sli_relation *out)
{
    for (int32_t i = 0; i < sl_schema_columns(all->result); i++) {
        sli_moment moment = {0};
        bool own = false;
        if (!find_moment(all, i, &moment, &own)) {
            continue;
        }
        moment.column = sli_query_text(all->query, "%s", moment.column);
        if (own) {
            out->time = moment.column;
        } else {
            SL_TRY(sli_moments_add(all->query, out, &moment, all->err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- UNION ALL of streams

static sl_code plan_union(set *all, sli_relation *out)
{
    sli_relation made = {0};
    SL_TRY(take_branches(all, all->query->tree.select));
    SL_TRY(plan_branches(all));
    SL_TRY(check_columns(all));
    SL_TRY(find_result(all));
    SL_TRY(find_moments(all, &made));
    SL_TRY(unite(all, &made.stream));
    *out = made;
    return SL_OK;
}

static sl_code add_branches(sli_query *query, sli_relation *out, sl_error *err)
{
    set *all = sl_alloc_zero(SLI_TAG_STREAM, sizeof *all);
    if (all == NULL) {
        return sl_error_nomem(err, sizeof *all, "the plan of a query");
    }
    *all =
        (set){.query = query, .kind = sli_node_text(query->tree.select, "setop_type"), .err = err};
    sl_code rc = sli_query_take_with(query, err);
    rc = rc != SL_OK ? rc : plan_union(all, out);
    sl_schema_unref(all->result);
    sl_free(all);
    return rc;
}

// ---------------------------------------------------------------- all of SQL over each epoch

/// What to write instead of what would have to look at every row that ever came.
static sl_code refuse_set(const sli_query *query, sl_error *err)
{
    const sli_node *node = query->tree.select;
    const char *kind = sli_node_text(node, "setop_type");
    bool is_union = strncmp(kind, "UNION", 5) == 0;
    if (sli_node_count(node, "modifiers") > 0) {
        return sli_query_refuse(query, sli_node_item(node, "modifiers", 0), err,
                                "ORDER BY and LIMIT can't be kept up over a stream: take the rows "
                                "of each epoch, every stream as EPOCH(TABLE t)");
    }
    return sli_query_refuse(
        query, node, err,
        "%s%s can't be kept up over streams: it would have to remember every row for ever. %s; or "
        "take the rows of each epoch, every stream as EPOCH(TABLE t)",
        is_union ? "UNION without ALL" : kind,
        !is_union && json_object_get_boolean(sli_node_at(node, "setop_all")) ? " ALL" : "",
        is_union ? "Write each row once, SELECT a, b FROM (SELECT ... UNION ALL SELECT ...) GROUP "
                   "BY a, b, or within a window"
        : strcmp(kind, "EXCEPT") == 0
            ? "A LEFT JOIN within bounds of time, WHERE the other side is NULL, has the rows that "
              "found none"
            : "A join within bounds of time has the rows that are in both");
}

static bool all_by_epoch(const sli_query *query)
{
    int32_t n = 0;
    for (int32_t i = 0; i < query->n_tables; i++) {
        if (query->tables[i].relation.stream != NULL && !query->tables[i].by_epoch) {
            return false;
        }
        n += query->tables[i].by_epoch;
    }
    return n > 0;
}

static sl_code over_epochs(sli_query *query, sli_relation *out, sl_error *err)
{
    sli_db_where where = {-1};
    sli_relation from[SLI_MAX_FROM];
    SL_TRY(sli_query_from(query, err));
    if (!all_by_epoch(query)) {
        return refuse_set(query, err);
    }
    sl_code rc = sli_tree_shape(&query->tree, query->dbs, query->shape, &where, err);
    SL_TRY(rc == SL_OK ? rc : sli_query_at(query, where.at, rc, err));
    SL_TRY(sli_query_check(query, &query->tree, &query->result, err));
    for (int32_t i = 0; i < query->n_tables; i++) {
        from[i] = query->tables[i].relation;
    }
    sl_stream *made =
        sli_query_run(query, &query->tree, from, query->n_tables, false, query->uid, err);
    if (made == NULL) {
        return err == NULL || err->code == SL_OK ? SL_E_INVALID : err->code;
    }
    *out = (sli_relation){.stream = made};
    return SL_OK;
}

sl_code sli_query_set(sli_query *query, sli_relation *out, sl_error *err)
{
    return adds_up(query->tree.select) ? add_branches(query, out, err)
                                       : over_epochs(query, out, err);
}
