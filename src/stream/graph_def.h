/// graph_def.h — what the definition calls share: making nodes, mistakes, checks.
///
/// A definition call is always the same three steps:
///
///     node = sli_node_begin(&ops, label, input);          // NULL: a mistake sticks already, or
///     sticks now rc = resolve(node, ..., &err);                     // body, schema, args return
///     sli_node_end(node, rc, &err);               // into the graph, or the mistake sticks with
///     its place
#pragma once

#include "stream/graph_int.h"

extern const sli_node_ops sli_node_source_ops, sli_node_queue_ops, sli_node_update_ops,
    sli_node_map_state_ops;

// ---------------------------------------------------------------- graph.c

/// Sticks SL_E_NOMEM.
void sli_graph_stick_nomem(sl_graph *graph, size_t size, const char *what);
/// `items` with room for one more; NULL when memory is refused (`items` stays good).
void *sli_grown(void *items, int32_t n, int32_t *capacity, size_t size);

/// A node with one input that is not in the graph yet, with index and derived uid.
sl_stream *sli_node_begin(const sli_node_ops *ops, const char *label, sl_stream *input);
/// As sli_node_begin for an operator of several streams: all there and of one graph.
sl_stream *sli_node_begin_many(const sli_node_ops *ops, const char *label, sl_stream *const *inputs,
                               int32_t n);
/// As sli_node_begin for an operator without inputs.
sl_stream *sli_node_begin_source(sl_graph *graph, const sli_node_ops *ops, const char *label);
/// Puts the node into the graph and returns it; when `rc` tells of a failure, frees it, makes *err
/// the graph's mistake with the operator's place before it, and returns NULL.
sl_stream *sli_node_end(sl_stream *node, sl_code rc, sl_error *err);
/// Makes *err the graph's mistake, with the operator's place.
void sli_node_mistake(const sl_stream *node, sl_code rc, sl_error *err);
/// A zeroed body in the arena; also sets node->body.
sl_code sli_node_body(sl_stream *node, size_t size, void **out, sl_error *err);
/// "reduceByKey after flatMap 'split'".
void sli_node_put_place(const sl_stream *node, sli_str *out);
/// "flatMap 'split'".
void sli_node_put_name(const sl_stream *node, sli_str *out);
/// A copy in the graph's arena; NULL for NULL.
sl_code sli_graph_copy(sl_graph *graph, const char *text, const char **out, sl_error *err);

// ---------------------------------------------------------------- graph_try.c

/// Sets the node's schema to what its operator makes of its inputs' schemas, by making its RDD over
/// RDDs without rows. For operators that are nothing but a lineage; the body must be there. Fails:
/// the mistake that sticks to the RDD.
sl_code sli_node_try(sl_stream *node, sl_error *err);

// ---------------------------------------------------------------- graph_epoch.c

/// Computes partitions for what that does beside making rows, which are dropped.
sl_code sli_rdd_run(sl_rdd *rdd, const int32_t *partitions, int32_t n, sl_error *err);

// ---------------------------------------------------------------- graph_uid.c

/// [A-Za-z0-9_.-]+, at most SLI_MAX_UID, not beginning with a dot.
bool sli_is_uid(const char *text);
/// Fails: SL_E_INVALID when another node has the uid.
sl_code sli_uid_check_unique(const sl_stream *node, const char *uid, sl_error *err);
/// Gives the outputs their uids. Fails: SL_E_INVALID, two of the same; SL_E_NOMEM.
sl_code sli_outputs_name(sl_graph *graph, sl_error *err);

// ---------------------------------------------------------------- graph_fn.c

/// What every table of a user function has.
typedef struct sli_fn_head {
    size_t struct_size, least_size; ///< as set, and sizeof the table
    const char *type;               ///< "sl_fn"
    const char *name;
    sli_code_fn run;
    uint32_t version;
} sli_fn_head;
/// Name, size, code and arguments; and that no other function of the job has the name.
sl_code sli_fn_head_check(const sl_graph *graph, const sli_fn_head *head, const char *args,
                          sl_error *err);
/// The schema a function declares, or `otherwise`'s when it declares none. *out one reference.
sl_code sli_fn_schema(const char *out_text, const sl_schema *otherwise, sl_schema **out,
                      sl_error *err);

// ---------------------------------------------------------------- text.c

/// As sli_put_pair for the columns named: "user, page".
void sli_put_columns(sli_str *out, const char *key, const sl_schema *schema, const int32_t *columns,
                     int32_t n_columns);
/// Ends `text` and makes it the node's args.
sl_code sli_node_set_args(sl_stream *node, sli_str *text, sl_error *err);
/// Appends the URL with the values of options that are secret, by the tables of the graph's sources
/// and sinks, replaced by "***".
void sli_put_url(sli_str *out, const sl_graph *graph, const char *url);
/// The URL without its query, for messages; in the arena. NULL without memory.
const char *sli_url_label(sl_graph *graph, const char *url);

// ---------------------------------------------------------------- graph_accumulator.c,
// graph_broadcast.c

/// A line an accumulator, and a broadcast variable.
void sli_put_accumulators(sli_str *out, const sl_graph *graph);
void sli_put_broadcasts(sli_str *out, const sl_graph *graph);

// ---------------------------------------------------------------- node_source.c

/// The source that a URL names, open to be asked what definition needs to know; it counts nothing.
sl_code sli_url_open(const sl_graph *graph, const char *url, const char *uid, bool is_table,
                     sli_source **out, sl_error *err);

// ---------------------------------------------------------------- queue.c, queue_default.c

enum { SLI_MAX_DEFAULT_BYTES = 65536 }; ///< of the JSON lines of a queue's default rows

bool sli_url_is_queue(const char *url); ///< "queue:..."
/// sl_stream_open for the URL of a queue.
sl_stream *sli_queue_open(sl_graph *graph, const char *url);

/// What a queue gives in an epoch that finds it empty.
typedef struct sli_queue_default {
    sl_batch *rows; ///< NULL without a default: no rows, one partition. One reference
    int32_t n_partitions;
} sli_queue_default;

/// The queue's own, to be read and set; NULL for other nodes.
sli_queue_default *sli_node_queue_default(const sl_stream *node);
/// The RDD of an epoch that finds the queue empty. *out one reference, NULL only without memory.
sl_code sli_queue_default_rdd(const sl_stream *node, const sli_queue_default *given,
                              sli_epoch *epoch, sl_rdd **out, sl_error *err);

// ---------------------------------------------------------------- node_wide.c

enum { SLI_MAX_KEYS = 64 }; ///< columns that sli_columns_parse gives at most

/// sli_columns_parse that refuses no keys at all.
sl_code sli_keys_parse(const char *keys, const sl_schema *schema, int32_t *columns, int32_t *n,
                       sl_error *err);
/// The schema of a join, and ` keys="..."`, appended to `args`.
sl_code sli_join_resolve(const sl_schema *a, const sl_schema *b, const char *keys, sl_schema **out,
                         sli_str *args, sl_error *err);
