/// query_int.h — what turns one SELECT of a script into operators.
///
/// A SELECT is first *resolved* (from.c): subqueries and names of WITH become relations of their
/// own, window words become tables with three more columns. The whole is then given to DuckDB to be
/// checked, names and types, as if it were over tables. Only then is it taken apart: what has state
/// is cut out (aggregate.c, join.c), what is left on either side is again a SELECT that goes by
/// row.
#pragma once

#include "sql/sql_int.h"

/// FROM TUMBLE(...), HOP(...), SESSION(...).
typedef enum sli_window_kind {
    SLI_WINDOW_NONE = 0,
    SLI_WINDOW_TUMBLE,
    SLI_WINDOW_HOP,
    SLI_WINDOW_SESSION,
} sli_window_kind;

typedef struct sli_window_words {
    sli_window_kind kind;
    int64_t size_us, slide_us; ///< the gap of a session is its size
    int32_t source;            ///< index into the plan's tables
    sli_node
        *keys; ///< of a session: what it is partitioned by, an array, one reference; NULL: nothing
    bool of_groups; ///< GROUP BY SESSION(...), k: what else is grouped by are its keys
    int64_t at;
} sli_window_words;

/// A table of the SELECT being planned.
typedef struct sli_query_table {
    sli_relation relation; ///< `name` as it stands in the tree
    sl_schema *seen;       ///< what DuckDB is told that it has; one reference
    bool by_epoch;         ///< FROM EPOCH(...)
} sli_query_table;

/// A name of WITH.
typedef struct sli_query_with {
    const char *name;
    sli_node *select;      ///< its "node", one reference
    const char *made;      ///< the table that stands for it in this SELECT; NULL: not used yet
    sli_relation relation; ///< once `made` is set
} sli_query_with;

typedef struct sli_shared sli_shared;

typedef struct sli_query {
    const sli_plan_env *env;
    struct sli_query *outer; ///< of the SELECT around this one; NULL: none
    sli_shared *shared;      ///< of all SELECTs of the statement
    sli_query_with with[SLI_MAX_FROM];
    int32_t n_with;
    int32_t scope; ///< the number of these names among those of the statement; 0: there are none
    sli_dbs *dbs;
    sl_arena *arena; ///< the graph's own for plans
    sli_tree tree;
    sli_shape *shape;
    sli_query_table tables[SLI_MAX_FROM];
    int32_t n_tables;
    sli_window_words window;
    sl_schema *result; ///< of the SELECT as it was written; one reference
    const char *uid;   ///< NULL: derived
    int32_t depth;     ///< of SELECTs within SELECTs
    int32_t n_inner;   ///< that were planned in it
    bool is_whole;     ///< it has become one query as it is
} sli_query;

// ---------------------------------------------------------------- query.c

/// A name that no table of the graph has: "sub1".
const char *sli_query_name(sli_query *query, const char *what);
/// "UID.in"; NULL when uids are derived, or without memory.
const char *sli_query_uid(sli_query *query, const char *what);
/// The plan's table of that name; NULL: none.
sli_query_table *sli_query_find(sli_query *query, const char *name);
/// How many of its tables are streams; *last is one of them.
int32_t sli_query_streams(sli_query *query, sli_query_table **last);
/// The stream of a tree over the plan's tables, row by row or over each epoch. NULL: the graph has
/// a mistake.
sl_stream *sli_query_run(sli_query *query, const sli_tree *tree, const sli_relation *from,
                         int32_t n, bool by_row, const char *uid, sl_error *err);
/// The relation that a SELECT within this one gives. `select` is a "node" of the tree.
sl_code sli_query_inner(sli_query *query, sli_node *select, sli_relation *out, sl_error *err);
/// The same, planned under `uid`.
sl_code sli_query_inner_as(sli_query *query, sli_node *select, const char *uid, sli_relation *out,
                           sl_error *err);
/// The schema of a tree over the plan's tables, as DuckDB finds it. *out one reference.
sl_code sli_query_check(sli_query *query, const sli_tree *tree, sl_schema **out, sl_error *err);
/// "text" in the arena.
const char *sli_query_text(sli_query *query, const char *fmt, ...) SL_PRINTF(2, 3);

/// The output's column that is nothing but this one of a table; NULL: none.
const char *sli_query_passes(sli_query *query, const sli_query_table *table, const char *column);
/// What a relation made by row of a table keeps of what that one is: event time, window end, and,
/// if its rows change, by which columns. Rows that change and lack what they change by are for
/// aggregations alone (sli_changing.lost).
sl_code sli_query_keeps(sli_query *query, const sli_query_table *table, sli_relation *out,
                        sl_error *err);

/// A SELECT around which `query` is, with a tree of its own (taken, also when it fails) over one
/// relation; planned under `uid`.
sl_code sli_query_over(sli_query *query, SL_TAKES sli_tree *tree, const sli_relation *from,
                       const char *uid, sl_schema *result, sli_relation *out, sl_error *err);
/// The table's column that a node reads, or a part of which it reads; NULL: it is no column, or of
/// another table.
const char *sli_query_reads(sli_query *query, const sli_query_table *table, const sli_node *node);

// ---------------------------------------------------------------- moments.c

/// Nothing happens with a column that is NULL, or when there are SLI_MAX_MOMENTS.
sl_code sli_moments_add(sli_query *query, sli_relation *relation, const sli_moment *moment,
                        sl_error *err);
/// Those of a table that the query's rows still have: *out its time and moments.
sl_code sli_moments_keep(sli_query *query, const sli_query_table *table, sli_relation *out,
                         sl_error *err);
/// The i-th column that can be event time, the stream's own first; NULL: there are no more.
const char *sli_moments_column(const sli_relation *relation, int32_t i);
bool sli_moments_has(const sli_relation *relation, const char *column);
/// The stream with a column of those as its event time; `what` becomes part of a node's uid.
sl_code sli_moments_stream(sli_query *query, const sli_relation *relation, const char *column,
                           const char *what, sl_stream **out, sl_error *err);

// ---------------------------------------------------------------- changes.c

/// What a relation whose rows change is made of. An aggregation over it goes by its *changes*: the
/// streams of these are defined when the first one asks. In the arena of plans.
typedef struct sli_changing {
    sl_stream *state;        ///< a running aggregation; NULL: made of `of`
    struct sli_changing *of; ///< another such relation
    const char *columns;     ///< made of either by these columns alone; NULL:
    const char *select;      ///< by this query by row
    const char *name;        ///< that the changes of either have in it
    sli_relation *tables;    ///< static ones beside them
    int32_t n_tables;
    const char *uid;   ///< of the changes; NULL: derived
    const char *fixed; ///< columns that the rows of one key have the same values in: "|a|b|"
    const char *grows; ///< columns that never get less, and falls: never more
    const char *falls;
    bool leaves;      ///< rows may go without another one of the key
    bool asks_time;   ///< its queries ask for the time: a row that goes would not be as it came
    const char *lost; ///< why nothing but an aggregation can take the rows; NULL: they have a key
    int64_t lost_at;  ///< in the SELECT
    sl_stream *made;
} sli_changing;

/// Whether the SELECT asks for the present.
bool sli_query_asks_time(const sli_query *query);
/// Appends a column to such a list.
const char *sli_changing_add(sli_query *query, const char *list, const char *column);
bool sli_changing_has(const char *list, const char *column);
/// What a SELECT that goes by row over a relation whose rows change gives, of what is asked of
/// *out beside its stream. `lost`: why rows lack their key; NULL: they have it.
sl_code sli_changing_by_row(sli_query *query, const sli_query_table *table, const char *lost,
                            sli_changing **out, sl_error *err);
/// The query of a tree over rows that change with SLI_CHANGE among its columns: `columns` or
/// `select` of *out.
sl_code sli_changing_select(sli_query *query, const sli_tree *tree, sli_changing *out,
                            sl_error *err);
/// Keeps the static tables beside the stream, for the query over its changes.
sl_code sli_changing_tables(sli_query *query, sli_changing *out, sl_error *err);
/// Of a relation whose rows can go: its stream is that of its changes, of which the rest of a
/// SELECT sees all but SLI_CHANGE.
sl_code sli_changing_relation(sli_query *query, sli_relation *out, sl_error *err);
/// The stream of its changes.
sl_code sli_changing_stream(sli_query *query, sli_changing *changing, sl_stream **out,
                            sl_error *err);
/// Whether every column that a node names is one of `fixed`, or of another table.
bool sli_changing_is_fixed(sli_query *query, const sli_query_table *table, const char *fixed,
                           const sli_node *node);
/// Whether WHERE, the conditions of joins and unnest() in the list ask for nothing that changes.
bool sli_changing_keeps_rows(sli_query *query, const sli_query_table *table);

// ---------------------------------------------------------------- weigh.c

/// Makes a SELECT with aggregates over rows that change one over their changes: its aggregates
/// become such that count a row that goes with -1. *leaves: a group can come to have no rows.
/// Fails: what can't be taken back, and why.
sl_code sli_query_weigh(sli_query *query, sli_query_table *table, const sli_node *const *groups,
                        int32_t n_groups, bool *leaves, sl_error *err);

// ---------------------------------------------------------------- union.c

/// SELECTs with UNION, INTERSECT or EXCEPT between them: UNION ALL of streams, or, of EPOCH(...)
/// alone, all of them over each epoch.
sl_code sli_query_set(sli_query *query, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- share.c

sl_code sli_shared_new(sli_shared **out, sl_error *err);
void sli_shared_free(SL_TAKES sli_shared *shared); ///< accepts NULL
/// A number for names of WITH.
int32_t sli_shared_scope(const sli_query *query);
/// The relation of a SELECT within `query->outer` that was planned before in the same words.
bool sli_shared_subquery(const sli_query *query, const char *text, sli_relation *out);
sl_code sli_shared_add_subquery(sli_query *query, const char *text, const sli_relation *relation,
                                sl_error *err);
/// The stream `of` with that column as its event time; NULL: it is not there yet. The name lives as
/// long as the graph.
sl_stream *sli_shared_time(const sli_query *query, const sl_stream *of, const char *column);
void sli_shared_add_time(sli_query *query, sl_stream *of, const char *column, sl_stream *made);

// ---------------------------------------------------------------- split.c

/// A SELECT that joins two streams and aggregates: the join, and a SELECT over it.
sl_code sli_query_split(sli_query *query, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- from.c

/// A table of this name in the tree, with the relation's rows.
sl_code sli_query_add_table(sli_query *query, const char *name, const sli_relation *relation,
                            sli_query_table **out, sl_error *err);
/// As sli_tree.is_fixed; `ctx` is the query.
bool sli_query_is_fixed(void *ctx, sli_node *subquery);
/// The static tables of the plan, for a query over something else that has its subqueries; how many
/// they are.
int32_t sli_query_statics(const sli_query *query, sli_relation *out);
/// Gives a stream what its windows need: `column` as its event time, and three more columns to what
/// is seen of it. Fails: it has such columns already.
sl_code sli_window_over(sli_query *query, const sli_node *call, const char *column,
                        sli_relation *stream, sl_schema **seen, sl_error *err);
/// A HOP has windows of equal steps: its size is a multiple of the slide, at most 1,000 times.
sl_code sli_query_check_slide(const sli_query *query, const sli_node *at, int64_t slide_us,
                              int64_t size_us, sl_error *err);
/// Says that `column` is no event time, and how it becomes one.
sl_code sli_query_no_time(sli_query *query, const sli_node *at, const sli_relation *stream,
                          const char *column, sl_error *err);
/// Whether something below `node` is a stream, or may be one: a name of WITH, a table function.
bool sli_query_has_stream(sli_query *query, sli_node *node);
/// Takes what WITH names out of the tree, for FROM to find.
sl_code sli_query_take_with(sli_query *query, sl_error *err);
/// Finds the tables of FROM; puts names in the place of subqueries and window words.
sl_code sli_query_from(sli_query *query, sl_error *err);

// ---------------------------------------------------------------- group_window.c

/// Puts GROUP BY TUMBLE(ts, ...) and its words into those of FROM TUMBLE(...).
sl_code sli_query_group_window(sli_query *query, sl_error *err);

// ---------------------------------------------------------------- model.c

/// What ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(...)) over t gives.
sl_code sli_query_predict(sli_query *query, const sli_node *call, const sli_relation *from,
                          sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- aggregate.c

bool sli_is_window_column(const char *name); ///< window_start, window_end, window_time
/// A SELECT with aggregates over one stream: kept across epochs, or in windows.
sl_code sli_query_aggregate(sli_query *query, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- interval.c

/// Microseconds of an INTERVAL as it stands in a tree. Fails: SL_E_INVALID, it is no constant, or
/// of months or years.
sl_code sli_interval_us(const sli_node *node, int64_t *out, sl_error *err);

// ---------------------------------------------------------------- join.c

/// A SELECT that joins two streams.
sl_code sli_query_join(sli_query *query, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- refuse.c

/// What can't be planned: SL_E_INVALID with place, `what` and what to do instead.
sl_code sli_query_refuse(const sli_query *query, const sli_node *node, sl_error *err,
                         const char *fmt, ...) SL_PRINTF(4, 5);
/// Puts the place of `at` before what *err says.
sl_code sli_query_at(const sli_query *query, int64_t at, sl_code rc, sl_error *err);
/// Why a SELECT over these streams is not by row, and what to write instead.
sl_code sli_query_refuse_shape(const sli_query *query, sl_error *err);

// ---------------------------------------------------------------- build.c: nodes

/// A node written as JSON with single quotes for double ones. NULL without memory.
sli_node *sli_node_parse(const char *text);
sli_node *sli_node_copy(const sli_node *node);
sli_node *sli_node_column(const char *name, const char *alias); ///< NULL without memory
sli_node *sli_node_table(const char *name, const char *alias);
sli_node *sli_node_call(const char *function, bool is_operator); ///< without arguments
sli_node *sli_node_array(void);
void sli_node_push(sli_node *array, SL_TAKES sli_node *item);
void sli_node_set(sli_node *node, const char *key, SL_TAKES sli_node *value);
void sli_node_set_text(sli_node *node, const char *key, const char *text);
/// Gives the node a name by AS; returns it.
sli_node *sli_node_named(SL_TAKES sli_node *node, const char *alias);
/// The last of a column's names; "" for what is no column.
const char *sli_node_column_name(const sli_node *node);
/// "*" or "t.*", without EXCLUDE, REPLACE, RENAME; no COLUMNS(...).
bool sli_node_is_plain_star(const sli_node *node);
/// Writes a list as sl_stream_select takes it, if it is nothing but columns, each with its new name
/// (parts.c).
bool sli_node_put_columns(const sli_node *list, sli_str *out);
sl_code sli_tree_copy(sli_tree *out, const sli_tree *tree, sl_error *err);
/// Makes it "SELECT list FROM table", without any of its clauses. Takes both.
void sli_tree_be(sli_tree *tree, SL_TAKES sli_node *list, SL_TAKES sli_node *table,
                 SL_TAKES sli_node *where);
/// Gives the table of that name below `node` another one; what was its name is its alias.
void sli_node_rename(sli_node *node, const char *table, const char *name);
/// Puts what `made` gives in the place of every node below `node` for which it gives something; of
/// what was put nothing is looked at again.
void sli_node_replace(sli_node *node, sli_node *(*made)(void *ctx, const sli_node *old), void *ctx);
/// The same, but inside subqueries, whose names are their own.
void sli_node_replace_own(sli_node *node, sli_node *(*made)(void *ctx, const sli_node *old),
                          void *ctx);
