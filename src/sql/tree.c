// Parse trees of SELECTs: from text and back through DuckDB, and the few questions that sql/ asks
// of a node. json-c keeps integers of 64 bits and the digits of a double as they were written, so
// what is not touched comes back as it was.
#include "sql/tree.h"

#include <strings.h>

enum { MAX_DEPTH = 2000 }; ///< of the JSON; DuckDB itself stops at 1,000 nested expressions

// ---------------------------------------------------------------- from text and back

static sl_code no_memory(sl_error *err)
{
    return sl_error_nomem(err, 4096, "the parse tree of a query");
}

static sl_code take_json(void *ctx, const char *text, size_t size, sl_error *err)
{
    sli_node **out = ctx;
    json_tokener *reader = json_tokener_new_ex(MAX_DEPTH);
    if (reader == NULL) {
        return no_memory(err);
    }
    *out = json_tokener_parse_ex(reader, text, (int)size);
    enum json_tokener_error why = json_tokener_get_error(reader);
    json_tokener_free(reader);
    if (*out != NULL) {
        return SL_OK;
    }
    return why == json_tokener_error_depth
               ? sl_error_set(err, SL_E_INVALID, "the query is nested too deeply")
               : sl_error_set(err, SL_E_UNSUPPORTED, "the parse tree of a query can't be read: %s",
                              json_tokener_error_desc(why));
}

sl_code sli_tree_parse(sli_tree *out, sli_dbs *dbs, const char *sql, sli_db_where *where,
                       sl_error *err)
{
    sli_tree tree = {0};
    where->at = -1;
    sl_code rc = sli_dbs_parse(dbs, sql, take_json, &tree.root, where, err);
    if (rc == SL_OK && sli_node_count(tree.root, "statements") != 1) {
        rc = sl_error_set(err, SL_E_INVALID, "one SELECT is expected, there are %d statements",
                          sli_node_count(tree.root, "statements"));
    }
    if (rc == SL_OK) {
        tree.select = sli_node_at(sli_node_item(tree.root, "statements", 0), "node");
        *out = tree;
        return SL_OK;
    }
    sli_tree_reset(&tree);
    return rc;
}

void sli_tree_reset(sli_tree *tree)
{
    json_object_put(tree->root);
    *tree = (sli_tree){0};
}

static sl_code take_sql(void *ctx, const char *text, size_t size, sl_error *err)
{
    (void)err;
    sli_str_add(ctx, text, size);
    return SL_OK;
}

sl_code sli_tree_print(const sli_tree *tree, sli_dbs *dbs, sli_str *out, sl_error *err)
{
    const char *json = json_object_to_json_string_ext(
        tree->root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    return json == NULL ? no_memory(err) : sli_dbs_print(dbs, json, take_sql, out, err);
}

// ---------------------------------------------------------------- reading

sli_node *sli_node_at(const sli_node *node, const char *key)
{
    sli_node *value = NULL;
    return node != NULL && json_object_is_type(node, json_type_object) &&
                   json_object_object_get_ex(node, key, &value)
               ? value
               : NULL;
}

const char *sli_node_text(const sli_node *node, const char *key)
{
    sli_node *value = sli_node_at(node, key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

int32_t sli_node_count(const sli_node *node, const char *key)
{
    const sli_node *value = sli_node_at(node, key);
    return json_object_is_type(value, json_type_array) ? (int32_t)json_object_array_length(value)
                                                       : 0;
}

sli_node *sli_node_item(const sli_node *node, const char *key, int32_t i)
{
    const sli_node *array = sli_node_at(node, key);
    return json_object_is_type(array, json_type_array) ? json_object_array_get_idx(array, (size_t)i)
                                                       : NULL; // json-c asserts on anything else
}

bool sli_node_is(const sli_node *node, const char *type)
{
    return strcmp(sli_node_text(node, "type"), type) == 0;
}

sli_entries sli_entries_of(const sli_node *object)
{
    return (sli_entries){.at = json_object_iter_begin(sli_node_own(object)),
                         .end = json_object_iter_end(object)};
}

bool sli_entries_next(sli_entries *entries)
{
    if (json_object_iter_equal(&entries->at, &entries->end)) {
        return false;
    }
    entries->key = json_object_iter_peek_name(&entries->at);
    entries->value = json_object_iter_peek_value(&entries->at);
    json_object_iter_next(&entries->at);
    return true;
}

/// Calls `each` for every value of an object or array.
static void each_child(sli_node *node, void (*each)(void *ctx, const char *key, sli_node *child),
                       void *ctx)
{
    if (json_object_is_type(node, json_type_object)) {
        sli_entries entries = sli_entries_of(node);
        while (sli_entries_next(&entries)) {
            each(ctx, entries.key, entries.value);
        }
    } else if (json_object_is_type(node, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(node); i++) {
            each(ctx, "", json_object_array_get_idx(node, i));
        }
    }
}

typedef struct walk {
    bool (*each)(void *ctx, sli_node *node);
    void *ctx;
} walk;

static void walk_child(void *ctx, const char *key, sli_node *child)
{
    (void)key;
    const walk *w = ctx;
    sli_node_walk(child, w->each, w->ctx);
}

void sli_node_walk(sli_node *node, bool (*each)(void *ctx, sli_node *node), void *ctx)
{
    bool has_type = sli_node_at(node, "type") != NULL || sli_node_at(node, "class") != NULL;
    if (!has_type || each(ctx, node)) {
        each_child(node, walk_child, &(walk){each, ctx});
    }
}

static bool least_place(void *ctx, sli_node *node)
{
    int64_t *least = ctx;
    const sli_node *value = sli_node_at(node, "query_location");
    uint64_t at = value == NULL ? UINT64_MAX : json_object_get_uint64(value);
    if (at <= INT64_MAX && (*least < 0 || (int64_t)at < *least)) {
        *least = (int64_t)at;
    }
    return true;
}

int64_t sli_node_place(const sli_node *node)
{
    int64_t least = -1;
    sli_node_walk(sli_node_own(node), least_place, &least);
    return least;
}

static bool is_no_meaning(const char *key)
{
    return strcmp(key, "alias") == 0 || strcmp(key, "query_location") == 0;
}

static bool equal_objects(const sli_node *a, const sli_node *b)
{
    if (json_object_object_length(a) != json_object_object_length(b)) {
        return false;
    }
    sli_entries entries = sli_entries_of(a);
    while (sli_entries_next(&entries)) {
        sli_node *other = NULL;
        if (!json_object_object_get_ex(b, entries.key, &other) ||
            (!is_no_meaning(entries.key) && !sli_node_equal(entries.value, other))) {
            return false;
        }
    }
    return true;
}

/// "x" is the same column as "a.x": where it were not, SQL would ask for its table.
static bool equal_columns(const sli_node *a, const sli_node *b)
{
    const sli_node *x = sli_node_at(a, "column_names"), *y = sli_node_at(b, "column_names");
    size_t n = json_object_array_length(x), m = json_object_array_length(y);
    size_t least = n < m ? n : m;
    bool equal = least > 0;
    for (size_t i = 1; equal && i <= least; i++) {
        equal = strcasecmp(json_object_get_string(json_object_array_get_idx(x, n - i)),
                           json_object_get_string(json_object_array_get_idx(y, m - i))) == 0;
    }
    return equal;
}

bool sli_node_equal(const sli_node *a, const sli_node *b)
{
    if (sli_node_is(a, "COLUMN_REF") && sli_node_is(b, "COLUMN_REF")) {
        return equal_columns(a, b);
    }
    if (json_object_get_type(a) != json_object_get_type(b)) {
        return false;
    }
    if (json_object_is_type(a, json_type_object)) {
        return equal_objects(a, b);
    }
    if (!json_object_is_type(a, json_type_array)) {
        return json_object_equal(sli_node_own(a), sli_node_own(b)) != 0;
    }
    size_t n = json_object_array_length(a);
    bool equal = n == json_object_array_length(b);
    for (size_t i = 0; equal && i < n; i++) {
        equal = sli_node_equal(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i));
    }
    return equal;
}
