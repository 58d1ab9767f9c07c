/// tree.h — the parse tree of one SELECT, as DuckDB gives and takes it: JSON, held by json-c.
///
/// Nodes are json-c's objects; this header has the words that sql/ needs for them. Shapes are those
/// of DuckDB 1.5's json_serialize_sql: an expression has "class", "type", "alias",
/// "query_location"; a table has "type" (BASE_TABLE, TABLE_FUNCTION, JOIN, SUBQUERY, EMPTY).
#pragma once

#include "duckdb/duckdb.h"
#include "sluice/base.h"

#include <json-c/json.h>

typedef struct json_object sli_node; ///< of a tree; borrowed unless a function says otherwise

/// A SELECT, taken apart. Zero it.
typedef struct sli_tree {
    sli_node *root;   ///< one reference: {"error": false, "statements": [...]}
    sli_node *select; ///< the "node" of its only statement
    /// Whether a subquery is over static tables alone, and so a part of each row's own query. NULL:
    /// of none that is known.
    bool (*is_fixed)(void *ctx, sli_node *subquery);
    void *ctx;
} sli_tree;

/// Fails: as sli_db_ops.parse; SL_E_INVALID for no or several statements.
sl_code sli_tree_parse(sli_tree *out, sli_dbs *dbs, const char *sql, sli_db_where *where,
                       sl_error *err);
void sli_tree_reset(sli_tree *tree);
/// The tree as SQL, appended. Fails: as sli_db_ops.print.
sl_code sli_tree_print(const sli_tree *tree, sli_dbs *dbs, sli_str *out, sl_error *err);

// ---- reading

/// The entries of an object, in their order; `key` and `value` are of the one it stands at. Setting
/// the value of a key that is there leaves it good. json-c's own macro for this is no ISO C.
typedef struct sli_entries {
    struct json_object_iterator at, end;
    const char *key;
    sli_node *value;
} sli_entries;
sli_entries sli_entries_of(const sli_node *object);
bool sli_entries_next(sli_entries *entries); ///< false: there is no further one

/// json-c asks for objects that are not const where it only reads.
static inline sli_node *sli_node_own(const sli_node *node)
{
    union {
        const sli_node *read;
        sli_node *own;
    } is = {.read = node};
    return is.own;
}

const char *sli_node_text(const sli_node *node, const char *key); ///< "" when it is not there
sli_node *sli_node_at(const sli_node *node, const char *key);     ///< NULL: not there, or null
int32_t sli_node_count(const sli_node *node, const char *key);    ///< of an array; 0: none
sli_node *sli_node_item(const sli_node *node, const char *key, int32_t i);
bool sli_node_is(const sli_node *node, const char *type); ///< its "type"
/// Its "query_location", the least of it and what is below; -1: unknown.
int64_t sli_node_place(const sli_node *node);
/// Calls `each` for every object with a "type" or "class" below `node` and for itself, parents
/// first. `each` returns false to leave out what is below.
void sli_node_walk(sli_node *node, bool (*each)(void *ctx, sli_node *node), void *ctx);
/// Equal but for aliases and places.
bool sli_node_equal(const sli_node *a, const sli_node *b);

// ---- what a SELECT is made of (shape.c)

/// A table named in FROM, anywhere in the tree; names of WITH are not among them.
typedef struct sli_from {
    const char *name;
    int64_t at;
} sli_from;

/// A function that the query calls, by the name that DuckDB's parser gives it.
typedef struct sli_used {
    const char *name;
    bool is_aggregate, is_volatile;
    int64_t at;
} sli_used;

enum {
    SLI_MAX_FROM = 64,  ///< tables named in one SELECT
    SLI_MAX_USED = 256, ///< functions called in one SELECT
};

typedef struct sli_shape {
    sli_from from[SLI_MAX_FROM];
    int32_t n_from;
    sli_used used[SLI_MAX_USED]; ///< each once
    int32_t n_used;
    /// Every row of output comes from one row of its tables, joins left aside: no aggregate,
    /// DISTINCT, ORDER BY, LIMIT, SAMPLE, window function, QUALIFY, subquery, set operation.
    bool by_row;
    /// What keeps it from being so, in SQL's words ("GROUP BY", "count(...)"), and where.
    const char *why;
    int64_t why_at;
    bool has_aggregates; ///< in the SELECT itself, or GROUP BY
} sli_shape;
/// Texts of *out live as long as the tree. Fails: SL_E_INVALID with *where: more names than fit; a
/// volatile function; FROM of a table function that reads what is outside (with what to write
/// instead). now() and its kind are replaced by sluice_time() in the tree.
sl_code sli_tree_shape(sli_tree *tree, sli_dbs *dbs, sli_shape *out, sli_db_where *where,
                       sl_error *err);
/// Puts sluice_time() into every place that asks for the present; sli_tree_shape does it
/// (present.c).
void sli_tree_present(sli_tree *tree);
/// Makes division by zero an error of its row (divide.c); *changed: there is a divisor that may be
/// zero. For the tree that is prepared alone: names that DuckDB gives to columns change with it.
sl_code sli_tree_divide(sli_tree *tree, bool *changed, sl_error *err);
/// Whether the function called `name` is an aggregate.
bool sli_shape_is_aggregate(const sli_shape *shape, const char *name);

/// Whether a name of FROM is a stream.
typedef bool (*sli_is_stream_fn)(void *ctx, const char *name);
/// Of a SELECT that goes by row: whether its FROM has one stream only, once, on a side whose rows
/// alone make rows in every join, so that it can be run on each partition of the stream.
bool sli_tree_is_by_partition(const sli_tree *tree, sli_is_stream_fn is_stream, void *ctx);
