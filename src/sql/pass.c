// Columns that a SELECT by row only passes on go round DuckDB: they would be copied into its
// vectors and out of them, texts checked, to come back as they were.
//
//     SELECT auction, 0.908 * price AS price, extra FROM bid
//
//     passed    auction, extra: the stream's own cells, by reference
//     prepared  SELECT 0.908 * price AS price FROM bid
//
// That holds where row i of the result is row i of the table: nothing that repeats or reorders
// rows. FROM is the table alone; in the list no unnest(), which makes several rows of one, and no
// subquery, which DuckDB makes a join.
//
// With WHERE the table has a column more, the numbers of its rows, and DuckDB tells which are left.
// A number costs what a column of fixed width does, so this is for texts, lists and structs.
//
// The graph's text and the names of columns are those of the query as it was written.
#include "sql/query_int.h"
#include "sql/select.h"

#include <strings.h>

typedef struct passing {
    const sl_schema *table;
    const char *alias; ///< of the table
    sli_node *where;   ///< NULL: none
} passing;

static int32_t find_column(const passing *p, const char *name)
{
    for (int32_t c = 0; c < sl_schema_columns(p->table); c++) {
        if (strcasecmp(sl_schema_field(p->table, c)->name, name) == 0) {
            return c;
        }
    }
    return -1;
}

static const char *name_at(const sli_node *node, int32_t i)
{
    return json_object_get_string(sli_node_item(node, "column_names", i));
}

/// The table's column that a node is, and nothing but that; -1: none.
static int32_t column_of(const passing *p, const sli_node *node)
{
    int32_t n = sli_node_is(node, "COLUMN_REF") ? sli_node_count(node, "column_names") : 0;
    if (n == 2 && strcasecmp(name_at(node, 0), p->alias) == 0) {
        return find_column(p, name_at(node, 1));
    }
    return n == 1 ? find_column(p, name_at(node, 0)) : -1;
}

// ---------------------------------------------------------------- whether rows stay in their
// places

static bool look_for_moves(void *ctx, sli_node *node)
{
    static const char *const makes_rows[] = {"unnest", "unlist", "generate_subscripts"};
    bool *found = ctx;
    *found |= sli_node_is(node, "SUBQUERY") || sli_node_is(node, "STAR");
    for (size_t i = 0; i < sizeof makes_rows / sizeof makes_rows[0]; i++) {
        *found |= strcasecmp(sli_node_text(node, "function_name"), makes_rows[i]) == 0;
    }
    return !*found;
}

/// Whether the SELECT gives at most a row for each of its table's, in their order. Stars that are
/// whole items of the list are asked for later.
static bool keeps_rows(const sli_node *select)
{
    const sli_node *from = sli_node_at(select, "from_table");
    bool moves = !sli_node_is(from, "BASE_TABLE") || sli_node_at(from, "sample") != NULL ||
                 sli_node_count(from, "column_name_alias") > 0;
    sli_node_walk(sli_node_at(select, "where_clause"), look_for_moves, &moves);
    for (int32_t i = 0; !moves && i < sli_node_count(select, "select_list"); i++) {
        sli_node *item = sli_node_item(select, "select_list", i);
        if (!sli_node_is_plain_star(item)) {
            sli_node_walk(item, look_for_moves, &moves);
        }
    }
    return !moves;
}

// ---------------------------------------------------------------- the list

/// One column of the result: an item of the list, or the table's column that a star stands for.
typedef struct item {
    sli_node *node;   ///< NULL: a star's
    int32_t column;   ///< of the table; -1: computed
    const char *name; ///< a star's column
} item;

static int32_t list_items(const passing *p, const sli_node *select, item *out, int32_t most)
{
    int32_t n = 0;
    for (int32_t i = 0; i < sli_node_count(select, "select_list"); i++) {
        sli_node *node = sli_node_item(select, "select_list", i);
        bool is_star = sli_node_is_plain_star(node);
        const char *of = sli_node_text(node, "relation_name");
        if (is_star && of[0] != '\0' && strcasecmp(of, p->alias) != 0) {
            return -1;
        }
        for (int32_t c = 0; is_star && c < sl_schema_columns(p->table); c++, n++) {
            if (n < most) {
                out[n] = (item){NULL, c, sl_schema_field(p->table, c)->name};
            }
        }
        if (!is_star && n++ < most) {
            out[n - 1] = (item){node, column_of(p, node), NULL};
        }
    }
    return n;
}

typedef struct naming {
    const char *name;
    bool found;
} naming;

static bool look_for_name(void *ctx, sli_node *node)
{
    naming *s = ctx;
    s->found |= sli_node_is(node, "COLUMN_REF") && strcasecmp(name_at(node, 0), s->name) == 0;
    return !s->found;
}

/// Whether something that is computed goes by the name that AS gave to a column: that one is
/// computed, too.
static bool is_named(const passing *p, const item *items, int32_t n, const char *alias)
{
    naming s = {.name = alias};
    if (alias[0] != '\0' && find_column(p, alias) < 0) {
        sli_node_walk(p->where, look_for_name, &s);
    }
    for (int32_t i = 0; alias[0] != '\0' && find_column(p, alias) < 0 && i < n; i++) {
        if (items[i].column < 0 && items[i].node != NULL) {
            sli_node_walk(items[i].node, look_for_name, &s);
        }
    }
    return s.found;
}

static bool is_fixed_width(sl_type type)
{
    return type != SL_STRING && type != SL_BINARY && type != SL_LIST && type != SL_STRUCT;
}

/// Whether the columns that are passed on are worth a number for each row.
static bool is_worth_numbers(const passing *p, const item *items, int32_t n)
{
    bool is_worth = false;
    for (int32_t i = 0; i < n; i++) {
        int32_t c = items[i].column;
        is_worth |= c >= 0 && !is_fixed_width(sl_schema_field(p->table, c)->type);
    }
    return is_worth && find_column(p, SLI_ROW_NUMBER) < 0;
}

/// How many columns are passed on.
static int32_t choose(const passing *p, const sl_schema *result, item *items, int32_t n)
{
    int32_t n_passed = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t c = items[i].column;
        const char *alias = sli_node_text(items[i].node, "alias");
        if (c >= 0 &&
            (!sli_field_same_type(sl_schema_field(p->table, c), sl_schema_field(result, i)) ||
             is_named(p, items, n, alias))) {
            items[i].column = -1;
        }
        n_passed += items[i].column >= 0;
    }
    return p->where == NULL || is_worth_numbers(p, items, n) ? n_passed : 0;
}

static sl_code take_out(const passing *p, sli_node *select, const item *items, int32_t n,
                        int32_t *passed, sl_error *err)
{
    sli_node *list = sli_node_array();
    if (list == NULL) {
        return sl_error_nomem(err, 4096, "the parse tree of a query");
    }
    for (int32_t i = 0; i < n; i++) {
        passed[i] = items[i].column;
        if (items[i].column < 0) {
            sli_node_push(list, items[i].node != NULL ? json_object_get(items[i].node)
                                                      : sli_node_column(items[i].name, NULL));
        }
    }
    if (p->where != NULL) {
        sli_node_push(list, sli_node_column(SLI_ROW_NUMBER, NULL));
    }
    sli_node_set(select, "select_list", list);
    return SL_OK;
}

sl_code sli_tree_pass(sli_tree *tree, const sl_schema *table, const sl_schema *result,
                      int32_t *passed, int32_t *n_passed, sl_error *err)
{
    const sli_node *from = sli_node_at(tree->select, "from_table");
    const char *alias = sli_node_text(from, "alias");
    passing p = {table, alias[0] != '\0' ? alias : sli_node_text(from, "table_name"),
                 sli_node_at(tree->select, "where_clause")};
    int32_t n = sl_schema_columns(result);
    *n_passed = 0;
    if (!keeps_rows(tree->select)) {
        return SL_OK;
    }
    item *items = sl_alloc_array(SLI_TAG_SQL, (size_t)n + 1, sizeof *items);
    if (items == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *items, "the columns of a query");
    }
    sl_code rc = SL_OK;
    if (list_items(&p, tree->select, items, n) == n) {
        *n_passed = choose(&p, result, items, n);
        rc = *n_passed == 0 ? SL_OK : take_out(&p, tree->select, items, n, passed, err);
    }
    sl_free(items);
    return rc;
}
