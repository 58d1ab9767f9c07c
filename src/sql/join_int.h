/// join_int.h — a SELECT that joins two streams while it is cut: join.c (the two sides, the
/// operator, what is done with its rows), conditions.c (keys, bounds of time, what is left).
#pragma once

#include "sql/query_int.h"

enum { SLI_MAX_JOIN_KEYS = 32, SLI_MAX_JOIN_COLUMNS = 1024, SLI_MAX_JOIN_CONDITIONS = 64 };

/// A condition of one side alone.
typedef struct sli_join_asked {
    const sli_node *node;
    bool marks; ///< rows for which it is not true stay, and match none
} sli_join_asked;

/// One side.
typedef struct sli_join_side {
    sli_query_table *table;
    const char *alias, *time;
    sli_join_asked asked[SLI_MAX_JOIN_CONDITIONS]; ///< before the join
    int32_t n_asked;
    bool used[SLI_MAX_JOIN_COLUMNS];
} sli_join_side;

typedef struct sli_join {
    sli_query *query;
    sl_error *err;
    const sli_node *node; ///< the JOIN
    sli_join_side sides[2];
    int32_t keys[SLI_MAX_JOIN_KEYS][2]; ///< columns of either side
    int32_t n_keys;
    int64_t lower, upper; ///< of right time - left time
    bool has_lower, has_upper;
    bool keeps[2];                                 ///< rows without a match
    const sli_node *rest[SLI_MAX_JOIN_CONDITIONS]; ///< conditions that are asked afterwards
    int32_t n_rest;
} sli_join;

/// A column that a node names, and how many of its names that takes.
typedef struct sli_join_place {
    int32_t side, column, n_names;
} sli_join_place;

// ---------------------------------------------------------------- conditions.c

/// A side's column by its name, without case; -1: none.
int32_t sli_join_find_column(const sli_join_side *side, const char *name);
/// The i-th name of a column that a node is.
const char *sli_join_name_at(const sli_node *node, int32_t i);
/// False: the node is no column of either side.
bool sli_join_find_place(const sli_join *j, const sli_node *node, sli_join_place *out);
/// Sorts the conditions of USING, ON and WHERE.
sl_code sli_join_conditions(sli_join *j);
/// Whether they are enough. Fails: what is missing.
sl_code sli_join_check(sli_join *j);

// ---------------------------------------------------------------- push.c

/// Asks a condition before the join where that gives the same rows. `is_on`: it is one of ON.
/// *stays: it has to be asked behind the join.
sl_code sli_join_push(sli_join *j, const sli_node *node, bool is_on, bool *stays);
/// Whether rows of a side are asked something before the join; `marks`: of what leaves none out.
bool sli_join_asks(const sli_join *j, int32_t s, bool marks);
/// All of that, over the columns of the side's stream: a WHERE, or with `marks` true or false. One
/// reference; NULL: nothing is asked, or there is no memory.
sli_node *sli_join_asked_of(sli_join *j, int32_t s, bool marks);
