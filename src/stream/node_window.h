/// node_window.h — windows: what their definitions resolve to. For node_window.c (definition),
/// slide.c (when), window.c (what they hold), window_state.c (going on by the inverse).
#pragma once

#include "sluice/window.h"
#include "stream/graph_def.h"

/// What going on by the inverse needs: the window's result is state, epochs are added and taken
/// out.
typedef struct sli_window_state {
    const char *select;       ///< of the input's columns and a constant key; NULL: it has keys
    const char *keys;         ///< NULL: all columns
    const char *aggregations; ///< those of the window, then the number of rows
    sli_agg_plan *plan;       ///< of those
    sl_schema *keyed;         ///< what the plan is over: the input, or what `select` gives
    sl_schema *key_schema, *value_schema; ///< of the table: the plan's partial states
    sli_table_info info;
    sli_projection *keep; ///< "keep bool" of the window's rows; NULL: all are given
    int32_t n_keys, n_values;
} sli_window_state;

/// The body of every window.
typedef struct sli_window_def {
    int64_t window_us, slide_us; ///< slide 0: the stream's own
    /// The rows that stand for one epoch: `rows` is the stream's RDD (borrowed), *out one
    /// reference.
    sl_rdd *(*pane)(const sl_stream *node, sl_rdd *rows);
    sl_schema *pane_schema; ///< of what it gives
    bool by_key; ///< panes lie by hash of their key columns, or in one partition without keys
    int32_t n_pane_keys;
    int32_t *pane_keys; ///< columns of pane_schema
    // aggregations
    const char *keys;         ///< NULL: all columns; "": none
    const char *aggregations; ///< as given
    const char *canonical;    ///< of the arguments: keys and aggregations
    bool always;              ///< also of no rows there is one
    sl_inverse inverse;
    const char *keep;        ///< a condition, or NULL
    sli_window_state *state; ///< NULL: put together anew at each slide
} sli_window_def;

// node_window_state.c

/// The columns that are keys of aggregations over `rows`; `keys` as sli_window_def has them.
sl_code sli_window_keys(const char *keys, const sl_schema *rows, int32_t *columns, int32_t *n,
                        sl_error *err);
/// Sets def->state as the aggregations, the keys and sl_stream_inverse say. Fails: SL_E_INVALID
/// where an inverse is asked for and there is none.
sl_code sli_window_state_choose(sl_stream *node, sl_error *err);
void sli_window_state_reset(sli_window_def *def);

/// Partitions of panes that lie by key, now.
int32_t sli_window_partitions(const sl_stream *node, const sli_runtime *runtime);
/// Windows that go on by the inverse: what the store needs; NULL for other nodes.
const sli_table_info *sli_window_table(const sl_stream *node);
/// Appends ` key="30s"`; nothing for 0.
void sli_put_length(sli_str *out, const char *key, int64_t us);
