/// graph_fixture_test.h — what the tests of graphs share: functions, a runtime, a fake epoch.
#pragma once

#include "sl_test.h"

#include "env/sim.h"
#include "sluice/ttl.h"
#include "stream/graph_def.h"

// ---------------------------------------------------------------- functions of jobs

extern const sl_fn slt_fn_upper; ///< map: "word string" -> the same in capitals
extern const sl_fn slt_fn_split; ///< flatMap: pieces between '_', "word string"
extern const sl_fn slt_fn_short; ///< filter: "keep bool": words of at most max= bytes
extern const sl_fn slt_fn_tally; ///< mapPartitions: one row "rows int64" a partition
extern const sl_update_fn
    slt_fn_sum; ///< "total int64": old total + sum of column 0; removed at drop=
extern const sl_update_fn slt_fn_rows; ///< "total int64": old total + number of rows
extern const sl_agg_fn slt_agg_xor;    ///< "xor": int64 -> int64

// ---------------------------------------------------------------- graphs

/// A graph over a simulated world, with every source and sink.
typedef struct slt_graph {
    sli_world *world;
    sl_env *env;
    sl_graph *graph;
} slt_graph;
slt_graph slt_graph_new(void);
void slt_graph_free(slt_graph *self);
/// Asserts the code and the whole text of the graph's mistake.
void slt_mistake_is(const sl_graph *graph, sl_code code, const char *text);

// ---------------------------------------------------------------- running

/// A runtime with an inline scheduler over the graph's world.
typedef struct slt_host slt_host;
slt_host *slt_host_new(slt_graph *graph, int32_t parallelism);
/// The same with a pool of workers, in the real world.
slt_host *slt_host_new_pool(slt_graph *graph, int32_t parallelism, int32_t workers);
void slt_host_free(slt_host *host);
sli_runtime *slt_host_runtime(slt_host *host);
sl_session *slt_host_session(slt_host *host);
sli_store *slt_host_store(slt_host *host); ///< open, with a table for each stateful node

/// Begins the next epoch: asks every queue for its range, as the engine does.
void slt_epoch_begin(slt_host *host);
sli_epoch *slt_epoch_of(slt_host *host);
/// The rows of a stream in the running epoch, a line a row, partitions after one another; or the
/// code and text of the failure. Lives until the next call.
const char *slt_epoch_rows(slt_host *host, sl_stream *stream);
/// Ends it; settles and completes the state unless `fails`.
void slt_epoch_end(slt_host *host, bool fails);

/// The lines of a text in order of their bytes, for rows whose partitions don't matter. The caller
/// frees.
char *slt_sorted_lines(const char *text);
/// Rows from "to 1|be 2" (columns by blanks, rows by '|'); strings and int64 columns.
sl_batch *slt_batch(const sl_schema *schema, const char *text);
/// Pushes such rows into a queue.
void slt_push(slt_graph *graph, const char *queue, const char *rows, int32_t n_partitions);
