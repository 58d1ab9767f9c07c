// Nodes of a parse tree that are made here, and trees put together of them.
#include "sql/query_int.h"

#include <strings.h>

sli_node *sli_node_parse(const char *text)
{
    char json[1024];
    size_t n = strlen(text);
    SL_ASSERT(n < sizeof json, "a node that is made here is short");
    for (size_t i = 0; i <= n; i++) {
        json[i] = text[i] == '\'' ? '"' : text[i];
    }
    return json_tokener_parse(json);
}

sli_node *sli_node_copy(const sli_node *node)
{
    sli_node *copy = NULL;
    return node == NULL || json_object_deep_copy(sli_node_own(node), &copy, NULL) != 0 ? NULL
                                                                                       : copy;
}

sli_node *sli_node_array(void)
{
    return json_object_new_array();
}

void sli_node_push(sli_node *array, sli_node *item)
{
    json_object_array_add(array, item);
}

void sli_node_set(sli_node *node, const char *key, sli_node *value)
{
    json_object_object_add(node, key, value);
}

void sli_node_set_text(sli_node *node, const char *key, const char *text)
{
    sli_node_set(node, key, json_object_new_string(text));
}

sli_node *sli_node_named(sli_node *node, const char *alias)
{
    if (node != NULL) {
        sli_node_set_text(node, "alias", alias);
    }
    return node;
}

sli_node *sli_node_column(const char *name, const char *alias)
{
    sli_node *node = sli_node_parse("{'class':'COLUMN_REF','type':'COLUMN_REF','alias':'',"
                                    "'query_location':0,'column_names':[]}");
    if (node != NULL) {
        sli_node_push(sli_node_at(node, "column_names"), json_object_new_string(name));
    }
    return alias == NULL ? node : sli_node_named(node, alias);
}

sli_node *sli_node_table(const char *name, const char *alias)
{
    sli_node *node =
        sli_node_parse("{'type':'BASE_TABLE','alias':'','sample':null,'query_location':0,"
                       "'schema_name':'','table_name':'','column_name_alias':[],'catalog_name':'',"
                       "'at_clause':null}");
    if (node != NULL) {
        sli_node_set_text(node, "table_name", name);
    }
    return alias == NULL ? node : sli_node_named(node, alias);
}

sli_node *sli_node_call(const char *function, bool is_operator)
{
    sli_node *node = sli_node_parse(
        "{'class':'FUNCTION','type':'FUNCTION','alias':'','query_location':0,'function_name':'',"
        "'schema':'','children':[],'filter':null,'order_bys':{'type':'ORDER_MODIFIER','orders':[]},"
        "'distinct':false,'is_operator':false,'export_state':false,'catalog':''}");
    if (node != NULL) {
        sli_node_set_text(node, "function_name", function);
        sli_node_set(node, "is_operator", json_object_new_boolean(is_operator));
    }
    return node;
}

const char *sli_node_column_name(const sli_node *node)
{
    int32_t n = sli_node_is(node, "COLUMN_REF") ? sli_node_count(node, "column_names") : 0;
    return n == 0 ? "" : json_object_get_string(sli_node_item(node, "column_names", n - 1));
}

bool sli_node_is_plain_star(const sli_node *node)
{
    return sli_node_is(node, "STAR") && sli_node_count(node, "exclude_list") == 0 &&
           sli_node_count(node, "replace_list") == 0 && sli_node_count(node, "rename_list") == 0 &&
           sli_node_count(node, "qualified_exclude_list") == 0 &&
           sli_node_at(node, "expr") == NULL &&
           !json_object_get_boolean(sli_node_at(node, "columns"));
}

sl_code sli_tree_copy(sli_tree *out, const sli_tree *tree, sl_error *err)
{
    sli_node *root = sli_node_copy(tree->root);
    if (root == NULL) {
        return sl_error_nomem(err, 4096, "the parse tree of a query");
    }
    *out = (sli_tree){.root = root,
                      .select = sli_node_at(sli_node_item(root, "statements", 0), "node")};
    return SL_OK;
}

void sli_tree_be(sli_tree *tree, sli_node *list, sli_node *table, sli_node *where)
{
    sli_node *select = tree->select;
    sli_node_set(select, "modifiers", sli_node_array());
    sli_node_set(select, "select_list", list);
    sli_node_set(select, "from_table", table);
    sli_node_set(select, "where_clause", where);
    sli_node_set(select, "group_expressions", sli_node_array());
    sli_node_set(select, "group_sets", sli_node_array());
    sli_node_set_text(select, "aggregate_handling", "STANDARD_HANDLING");
    sli_node_set(select, "having", NULL);
    sli_node_set(select, "sample", NULL);
    sli_node_set(select, "qualify", NULL);
}

typedef struct renaming {
    const char *table, *name;
} renaming;

static bool rename_one(void *ctx, sli_node *node)
{
    const renaming *r = ctx;
    const char *was = sli_node_text(node, "table_name");
    if (sli_node_is(node, "BASE_TABLE") && strcasecmp(was, r->table) == 0) {
        if (sli_node_text(node, "alias")[0] == '\0') {
            sli_node_set_text(node, "alias", was);
        }
        sli_node_set_text(node, "table_name", r->name);
    }
    return true;
}

void sli_node_rename(sli_node *node, const char *table, const char *name)
{
    sli_node_walk(node, rename_one, &(renaming){table, name});
}

/// What is put where, and whether also inside subqueries.
typedef struct replacing {
    sli_node *(*made)(void *ctx, const sli_node *old);
    void *ctx;
    bool everywhere;
} replacing;

static void replace_below(const replacing *r, sli_node *node);

static void replace_member(const replacing *r, sli_node *node, const char *key, sli_node *value)
{
    sli_node *other = value == NULL ? NULL : r->made(r->ctx, value);
    if (other != NULL) {
        sli_node_set(node, key, other);
    } else {
        replace_below(r, value);
    }
}

static void replace_items(const replacing *r, sli_node *array)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        sli_node *child = json_object_array_get_idx(array, i), *other = r->made(r->ctx, child);
        if (other != NULL) {
            json_object_array_put_idx(array, i, other);
        } else {
            replace_below(r, child);
        }
    }
}

static void replace_below(const replacing *r, sli_node *node)
{
    if (!r->everywhere && sli_node_is(node, "SUBQUERY")) { // but for what IN looks for
        replace_member(r, node, "child", sli_node_at(node, "child"));
    } else if (json_object_is_type(node, json_type_array)) {
        replace_items(r, node);
    } else if (json_object_is_type(node, json_type_object)) {
        sli_entries entries = sli_entries_of(node);
        while (sli_entries_next(&entries)) {
            replace_member(r, node, entries.key, entries.value);
        }
    }
}

void sli_node_replace(sli_node *node, sli_node *(*made)(void *ctx, const sli_node *old), void *ctx)
{
    replace_below(&(replacing){made, ctx, true}, node);
}

void sli_node_replace_own(sli_node *node, sli_node *(*made)(void *ctx, const sli_node *old),
                          void *ctx)
{
    replace_below(&(replacing){made, ctx, false}, node);
}
