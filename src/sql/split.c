// A SELECT that joins two streams and aggregates what it joined, as two:
//
//     SELECT a.category, max(b.price) FROM auctions a, bids b WHERE a.id = b.auction AND ...
//     GROUP BY a.id, a.category
//
//     joined   SELECT a.category AS _c0, b.price AS _c1, a.id AS _c2 FROM ... WHERE ...
//     out      SELECT _c0 AS category, max(_c1) FROM joined GROUP BY _c2, _c0
#include "sql/query_int.h"

#include <strings.h>

typedef struct split {
    sli_query *query;
    sli_node *list; ///< of the join: what the rest asks for, each once
    const char *name;
} split;

static bool is_column(const split *s, const sli_node *node)
{
    for (int32_t i = 0; i < s->query->n_tables; i++) {
        if (sli_query_reads(s->query, &s->query->tables[i], node) != NULL) {
            return true;
        }
    }
    return false;
}

/// A name given by AS stays; a column is one of the join's.
static sli_node *over_join(void *ctx, const sli_node *node)
{
    split *s = ctx;
    if (!sli_node_is(node, "COLUMN_REF") || !is_column(s, node)) {
        return NULL;
    }
    size_t n = json_object_array_length(s->list), i = 0;
    while (i < n && !sli_node_equal(json_object_array_get_idx(s->list, i), node)) {
        i++;
    }
    const char *name = sli_query_text(s->query, "_c%zu", i);
    if (i == n) {
        sli_node_push(s->list, sli_node_named(sli_node_copy(node), name));
    }
    const char *alias = sli_node_text(node, "alias");
    sli_node *made = sli_node_column(name, alias[0] != '\0' ? alias : NULL);
    sli_node *place = sli_node_at(node, "query_location");
    if (place != NULL) {
        sli_node_set(made, "query_location", json_object_get(place));
    }
    return made;
}

/// The SELECT without its FROM and WHERE, over the join.
static sl_code rest_of(split *s, sli_tree *out, sl_error *err)
{
    SL_TRY(sli_tree_copy(out, &s->query->tree, err));
    sli_node *select = out->select;
    sli_node_set(select, "where_clause", NULL);
    sli_node_set(select, "from_table", sli_node_table(s->name, NULL));
    static const char *const keys[] = {"select_list", "group_expressions", "having"};
    sli_node *holder = json_object_new_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        sli_node_set(holder, keys[i], json_object_get(sli_node_at(select, keys[i])));
    }
    sli_node_replace_own(holder, over_join, s);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        sli_node_set(select, keys[i], json_object_get(sli_node_at(holder, keys[i])));
    }
    json_object_put(holder);
    return SL_OK;
}

/// What is left is the join.
static sl_code plan_join(split *s, sli_relation *out, sl_error *err)
{
    sli_query *query = s->query;
    sli_node *select = query->tree.select;
    sli_db_where where = {-1};
    if (json_object_array_length(s->list) == 0) { // count(*): a column to count rows by
        sli_node_push(s->list, sli_node_parse("{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':"
                                              "'_c0','query_location':0,'value':{'type':{'id':"
                                              "'INTEGER','type_info':null},'is_null':false,"
                                              "'value':1}}"));
    }
    sli_tree_be(&query->tree, json_object_get(s->list),
                json_object_get(sli_node_at(select, "from_table")),
                json_object_get(sli_node_at(select, "where_clause")));
    sl_code rc = sli_tree_shape(&query->tree, query->dbs, query->shape, &where, err);
    SL_TRY(rc == SL_OK ? rc : sli_query_at(query, where.at, rc, err));
    sl_schema_unref(query->result);
    query->result = NULL;
    SL_TRY(sli_query_check(query, &query->tree, &query->result, err));
    query->uid = sli_query_uid(query, "join");
    return sli_query_join(query, out, err);
}

static sl_code plan_both(split *s, sl_schema *result, sli_relation *out, sl_error *err)
{
    sli_tree rest = {0};
    sli_relation joined = {0};
    const char *uid = s->query->uid;
    SL_TRY(rest_of(s, &rest, err));
    sl_code rc = plan_join(s, &joined, err);
    if (rc != SL_OK) {
        sli_tree_reset(&rest);
        return rc;
    }
    joined.name = s->name;
    return sli_query_over(s->query, &rest, &joined, uid, result, out, err);
}

sl_code sli_query_split(sli_query *query, sli_relation *out, sl_error *err)
{
    split s = {query, sli_node_array(), sli_query_name(query, "join")};
    sl_schema *result = sl_schema_ref(query->result);
    sl_code rc = s.list == NULL || s.name == NULL ? sl_error_nomem(err, 64, "the plan of a query")
                                                  : plan_both(&s, result, out, err);
    sl_schema_unref(result);
    json_object_put(s.list);
    return rc;
}
