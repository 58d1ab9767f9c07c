/// aggregate_int.h — a SELECT with aggregates while it is cut in three: aggregate.c (what it groups
/// by, what it may be), calls.c (its aggregates), parts.c (the three parts).
#pragma once

#include "sql/query_int.h"

enum {
    SLI_MAX_GROUPS = 60, ///< things that one SELECT groups by
    SLI_MAX_CALLS = 200, ///< its aggregates
};

typedef struct sli_aggregate {
    sli_query *query;
    sli_query_table *table; ///< the only stream
    const sli_node *groups[SLI_MAX_GROUPS];
    int32_t n_groups;
    bool by_window; ///< window_start or window_end is among what it groups by
    bool has_over;  ///< window functions or QUALIFY, over rows that come in one epoch
    const sli_node *calls[SLI_MAX_CALLS];
    int32_t n_calls;
    sl_error *err;
    sli_node *rows;         ///< sum(SLI_CHANGE), where groups can lose their last row; else NULL
    sli_changing *changing; ///< what is told of running results; NULL: of windows
    sl_stream *results;     ///< of the second part
} sli_aggregate;

// ---------------------------------------------------------------- calls.c

/// Finds the aggregates, each once.
sl_code sli_aggregate_list(sli_aggregate *a);
/// The same, and checks that Sluice has them.
sl_code sli_aggregate_calls(sli_aggregate *a);
/// Whether there is one in an expression.
bool sli_aggregate_has_call(const sli_aggregate *a, const sli_node *node);
/// The number of the call that a node is; -1: none.
int32_t sli_aggregate_find(const sli_aggregate *a, const sli_node *node);
/// Of how many values a call is; 0: of rows.
int32_t sli_aggregate_n_values(const sli_node *call);
/// The name of a value in the first part: "_a0"; of a second one "_b0".
const char *sli_aggregate_value_name(sli_aggregate *a, int32_t call, int32_t value);
/// A value of a call: its argument, and NULL where FILTER says no.
sli_node *sli_aggregate_value(const sli_node *call, int32_t value);
/// Sluice's aggregations compute with fewer types than DuckDB's. `in`: the first part.
sl_code sli_aggregate_types(sli_aggregate *a, const sl_schema *in);
/// "count() as _r0, sum(_a1) as _r1"
sl_code sli_aggregate_put(sli_aggregate *a, sli_str *out);

// ---------------------------------------------------------------- aggregate.c

/// What GROUP BY 1, or a name given by AS, stands for.
const sli_node *sli_aggregate_meant(const sli_aggregate *a, const sli_node *node);

// ---------------------------------------------------------------- parts.c

/// The first part's stream; the second's, into a->results; the third's, into *out.
sl_code sli_aggregate_in(sli_aggregate *a, sl_stream **out);
sl_code sli_aggregate_state(sli_aggregate *a, sl_stream *in);
sl_code sli_aggregate_out(sli_aggregate *a, sli_relation *out);

// ---------------------------------------------------------------- share.c

/// Sets a->results, and a->calls as those are numbered, if another SELECT of the statement has them
/// already: the same rows, window and keys, and these calls among its own.
sl_code sli_shared_state(sli_aggregate *a);
/// Lets later ones find a->results.
sl_code sli_shared_add_state(sli_aggregate *a);
