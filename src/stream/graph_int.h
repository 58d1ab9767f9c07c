/// graph_int.h — nodes of the graph; for files of stream/, and, by way of graph_def.h, for folders
/// above whose operators keep state (ml/). Those without use sli_stream_lineage (stream.h).
///
/// A node is an operator: a static table, text arguments, inputs. The line an operator of all
/// nodes, in order, is the graph's canonical form; its hash is the graph hash. Resolution (schemas,
/// keys, aggregations) happens at definition, once; at run time a node only makes its RDD for each
/// epoch.
///
/// Uids. A node without a given uid is called by its kind and its number among the nodes of that
/// kind, in order of definition: "flatMap-1". So adding, removing or reordering operators of one
/// kind renames later ones of that kind, and nothing else does. An output is called by its stream's
/// uid, its kind and its number among those: "flatMap-1.print-1"; whoever gives a stream a uid
/// gives its outputs lasting names as well.
///
/// Files: graph.c nodes and mistakes · graph_uid.c settings of one stream · graph_output.c outputs
/// · graph_accumulator.c · graph_broadcast.c · graph_fn.c checks of user functions · text.c
/// canonical form · graph_epoch.c RDDs of an epoch · slide.c which streams have one · node_*.c,
/// queue.c and queue_default.c the operators. What they share is in graph_def.h.
#pragma once

#include "stream/stream.h"

enum {
    SLI_MAX_NODES = 2048,  ///< operators of a graph; also bounds how deep its RDDs are asked for
    SLI_MAX_INPUTS = 1024, ///< streams of one operator
    SLI_MAX_OUTPUTS = 1024,
    SLI_MAX_NAMES = 1024, ///< of aggregations, attachments, settings: of each
    SLI_MAX_UID = 100,    ///< characters of a given uid: they are names of files
};

/// What making one epoch's RDDs needs. Lives for the epoch.
typedef struct sli_epoch {
    int64_t number, time_us, generation;
    int64_t before_us;   ///< batch time of the epoch before it: what lies between is its own
    int64_t interval_us; ///< between batch times
    sli_runtime *runtime;
    sl_arena *arena;
    /// The range that PLAN has for a source node, and its splits. Set by the engine.
    sl_bytes (*range)(void *ctx, const sl_stream *node, int32_t *n_splits);
    /// Rows of that range as far as they are known, for the choice of where tasks run; -1: unknown.
    /// NULL: of no node.
    int64_t (*rows)(void *ctx, const sl_stream *node);
    void *ctx;
    /// Chooses rows of a source's new RDD (sli_rdd_choose). NULL: all count. Thread: driver.
    sl_code (*choose)(void *ctx, const sl_stream *node, sl_rdd *rdd, sl_error *err);
    bool no_input;  ///< no input has anything in this epoch, and no operator has anything due: RDDs
                    ///< without rows are those of the last such epoch
    bool settled;   ///< set by sli_epoch_settle: the state is complete
    sl_rdd **made;  ///< by node index: the RDD of this epoch, NULL until asked; one reference each
    int32_t n_made; ///< graph_epoch.c's: one past the highest index made; 0 at first
    const sl_stream *making; ///< graph_epoch.c's: whose RDD is being made; NULL: none
} sli_epoch;

/// A user's code, for telling two functions of one name apart.
typedef void (*sli_code_fn)(void);

typedef struct sli_past sli_past; ///< RDDs that a stream remembers

/// What an operator fixes for an epoch before that runs, and is given to do so.
typedef struct sli_fix {
    int64_t epoch, time_us;
    sl_env *env;
    sli_log *log;
    sli_metrics *metrics;
    struct sli_ckpt *ckpt; ///< NULL without a checkpoint
    sl_arena *arena;       ///< the epoch's
    /// What an earlier life's PLAN says of an epoch that is to be run again, or (at the start) of
    /// the last epoch on record; NULL: of none, it is a new epoch. `path` as in sli_plan_fixed.
    const sl_bytes *recorded;
    const char *recorded_path;
    /// Set by the operator, for the PLAN; in the arena.
    sl_bytes bytes;
    const char *path;
} sli_fix;

typedef struct sli_node_ops {
    const char *kind; ///< "flatMap", as in texts and the UI
    /// The node's RDD for this epoch from its inputs' RDDs (borrowed). *out one reference, NULL
    /// only without memory. Mistakes may stick to it; the caller looks.
    sl_code (*rdd)(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                   sl_error *err);
    void (*free)(sl_stream *node); ///< what lies outside the arena; may be NULL. Also half defined
    int32_t most_partitions;       ///< of its shuffle; 0: it has none that may be set
    const sli_table_info *(*state)(const sl_stream *node); ///< NULL: it keeps no state
    bool asks_user;   ///< `rdd` calls a user's function: in every epoch, whatever its inputs are
    bool every_epoch; ///< refused behind a window that gives rows in some epochs only
    /// Has an RDD at every batch time, and goes with streams of any slide; beside another input it
    /// is what that one's rows are asked about, as a model, and gives none itself.
    bool any_slide;
    // ---- operators whose state the driver keeps, from one epoch to the next; each may be NULL.
    // Thread: driver
    /// The node's table is as the last completed epoch left it: at a start, and after an epoch that
    /// failed. Fails: SL_E_INCOMPATIBLE, SL_E_CORRUPT when it holds what the operator can't have
    /// put there.
    sl_code (*restore)(sl_stream *node, sl_error *err);
    /// The outputs have run: what none of them asked for is computed, changes go into the table.
    /// Called for nodes whose RDD was made in the epoch.
    sl_code (*settle)(sl_stream *node, sli_epoch *epoch, sl_error *err);
    /// The epoch is over. `completed`: the state has it.
    void (*end)(sl_stream *node, bool completed);
    // ---- operators that rest on something outside which may change between two epochs; all or
    // none are NULL. Thread: driver
    /// The job starts: what the last epoch on record had. Only called when there is one.
    sl_code (*fix_restore)(sl_stream *node, const sli_fix *how, sl_error *err);
    /// Decides what the epoch uses, before its PLAN is on record; an epoch that is run again uses
    /// what its PLAN says. Blocks: disk.
    sl_code (*fix)(sl_stream *node, sli_fix *how, sl_error *err);
    /// No epoch up to this one is ever run again.
    void (*fix_forget)(sl_stream *node, int64_t epoch);
    bool
        is_window; ///< its RDD holds those of earlier epochs; the body begins with a sli_window_def
} sli_node_ops;

struct sl_stream {
    const sli_node_ops *ops;
    sl_graph *graph;
    int32_t index;      ///< place in the graph
    sl_stream **inputs; ///< in the arena
    int32_t n_inputs;
    char *uid; ///< given, or derived: see above
    bool uid_given;
    const char *label; ///< for messages: the function's, queue's or source's name; may be NULL
    sli_code_fn code;  ///< the user's function, NULL without
    uint32_t code_version;
    sl_schema *schema;
    int32_t n_partitions; ///< 0: the job's default
    sl_level level;
    bool is_used;     ///< an output rests on it; set by sli_graph_slides
    int64_t slide_us; ///< it has an RDD at batch times that are multiples; set by sli_graph_slides
    int64_t remember_us; ///< as told; 0: not. See sli_node_remembers_us
    char *args;          ///< canonical text of everything but inputs and settings
    void *body;          ///< the operator's own, in the arena
    // run time, set by the engine
    sli_source *source;        ///< source and queue nodes: the replayable input
    sli_store *store;          ///< stateful nodes
    sli_table *table;          ///< stateful nodes
    sl_rdd *static_rdd;        ///< table joins: made once, cached
    sl_rdd *empty_rdd;         ///< of epochs without input: graph_epoch.c
    struct sli_window *window; ///< windows: what they hold (window.h)
    sli_past *past;            ///< past.c's; NULL before the first epoch
};

typedef enum sli_output_kind {
    SLI_OUT_SINK = 1,
    SLI_OUT_FOREACH,
    SLI_OUT_STATE ///< its stream is computed for the state that changes with it: it has no rows
} sli_output_kind;
typedef struct sli_output {
    sli_output_kind kind;
    const char *verb; ///< "print", "save", "foreachRDD", "learn"
    sl_stream *input;
    char *uid;         ///< set by sli_graph_seal (and sl_graph_text)
    uint64_t uid_hash; ///< set by sli_graph_seal: seeds what its function draws
    char *url;         ///< SLI_OUT_SINK: "console:?rows=10" for print
    const sl_foreach_fn *foreach;
    char *args;
    const char *pool; ///< by sl_graph_pool; NULL: that of `jobs.pool`. No part of the graph's text
    int32_t pool_number;    ///< run time: of the scheduler's
    sli_sink *sink;         ///< run time
    sli_rows_check check;   ///< run time: the sink's; fn NULL: it has none
    int64_t last_committed; ///< run time: what the sink said at recovery
    bool is_letters;        ///< of dead letters: added by the engine, no part of the graph's text
    int64_t last_epoch;     ///< run time: the last epoch in which it ran
} sli_output;

struct sl_graph {
    sl_error mistake;
    bool sealed;
    sl_arena *arena;
    sl_stream **nodes;
    int32_t n_nodes, capacity;
    sli_output *outputs;
    int32_t n_outputs, output_capacity;
    const char *pool;               ///< of the outputs to come; NULL: that of `jobs.pool`
    const sl_agg_fn **aggregations; ///< NULL-ended when there are any
    int32_t n_aggregations, aggregation_capacity;
    struct sli_attachment {
        const char *name;
        void *pointer;
    } * attachments;
    int32_t n_attachments, attachment_capacity;
    sli_acc_def accumulators[SL_MAX_ACCUMULATORS];
    int32_t n_accumulators;
    struct sli_broadcast {
        const char *name, *args;
        const sl_broadcast_fn *fn;
    } broadcasts[SL_MAX_BROADCASTS];
    int32_t n_broadcasts;
    sli_receiver_def receivers[SLI_MAX_RECEIVERS];
    int32_t n_receivers;
    struct sli_setting {
        const char *name, *value;
    } * settings;
    int32_t n_settings, setting_capacity;
    const sli_source_ops *const *sources;
    const sli_sink_ops *const *sinks;
    sl_env *env;
    const char *modules;      ///< directory; NULL: not told
    const char *const *given; ///< settings that win over the graph's own, as pairs; NULL: none
    bool compat_spark;
    sli_graph_host host;
    struct sli_owned *owned;   ///< things of folders above (above.c); the last one first
    int64_t remember_us;       ///< of every stream that is used; 0: not told
    struct sli_engine *engine; ///< that runs it; NULL: none
    char *text;                ///< in the arena; NULL when a call has changed the graph since
    uint64_t hash;             ///< of `text`
    struct sli_event_time *event_times; ///< nodes that watch event time (event/timed.h)
    struct sli_timed *timed;            ///< operators that go by it
};

/// Frees what folders above have given to the graph. After the nodes.
void sli_graph_drop_owned(sl_graph *graph);
/// The graph's accumulators, at zero.
sl_code sli_graph_accumulators(const sl_graph *graph, sli_accs **out, sl_error *err);
/// The graph's broadcast variables, without values; and gives those values that are due. The latter
/// when no task is out. Fails: as the user's function.
sl_code sli_graph_broadcasts(const sl_graph *graph, sli_budget *budget, sli_bvars **out,
                             sl_error *err);
sl_code sli_epoch_broadcast(const sl_graph *graph, const sli_epoch *epoch, sl_error *err);
/// The arguments of a function that runs on the driver in this epoch. `rng` is the caller's.
sl_args sli_driver_args(const sli_epoch *epoch, const char *text, const char *uid, sli_rng *rng);
/// An output behind the others; `output` is copied. Thread: driver. Fails: SL_E_INVALID when there
/// are too many.
sl_code sli_graph_add_output(sl_graph *graph, const sli_output *output, sl_error *err);
/// Source nodes: the URL; queue nodes: the queue's name (NULL for others).
const char *sli_node_url(const sl_stream *node);
const char *sli_node_queue(const sl_stream *node);
/// Stateful nodes: what the store needs; NULL for others. Lives as long as the graph.
const sli_table_info *sli_node_state(const sl_stream *node);
/// Stateful nodes: URL of the initial state, or NULL.
const char *sli_node_initial(const sl_stream *node);
/// Stateful nodes: after how long a key goes that nobody updates; 0: never.
int64_t sli_node_ttl(const sl_stream *node);
/// Whether some operator has work in this epoch even if no input has anything: keys that time out.
bool sli_epoch_is_due(const sli_epoch *epoch, const sl_graph *graph);
/// The node's RDD for the epoch, made with its ancestors' when asked for the first time. Borrowed
/// from epoch->made. Fails: what is wrong with the RDD, with the operator's uid.
sl_code sli_epoch_rdd(sli_epoch *epoch, sl_stream *node, sl_rdd **out, sl_error *err);
/// What an output is called in texts for people: the URL, the function's name, or the verb.
const char *sli_output_label(const sli_output *output);
/// The ends of epochs for operators whose state the driver keeps, beside those of event time.
sl_code sli_nodes_restore(sl_graph *graph, sl_error *err);
sl_code sli_nodes_end(sl_graph *graph, bool completed, sl_error *err);
/// Computes the partitions of stateful operators that no output of this epoch asked for (a
/// foreachRDD that takes one row, a transform that drops its input): without it their new values
/// would be lost. To be called after the outputs ran and before the store completes the epoch.
/// Costs nothing when nothing is missing. Thread: driver.
sl_code sli_epoch_settle(sli_epoch *epoch, sl_graph *graph, sl_error *err);
void sli_epoch_release(sli_epoch *epoch); ///< drops epoch->made

// ---------------------------------------------------------------- slides (slide.c)

/// Whether a stream of this slide has an RDD in the epoch of batch time `time_us` that follows
/// `before_us`.
bool sli_slide_fires(int64_t slide_us, int64_t before_us, int64_t time_us);
/// Whether the window's stream has an RDD in this epoch that lies in the window which is given now
/// or at the next multiple of its slide.
bool sli_window_takes(const sl_stream *window, int64_t before_us, int64_t time_us);
/// waits[i]: node i has no RDD in this epoch, or no output and no window wants it now, but one will
/// another time.
void sli_graph_waits(const sl_graph *graph, int64_t before_us, int64_t time_us, bool *waits);

/// Drops what a node keeps from one epoch to the next, when its run is over.
void sli_node_drop_rdds(sl_stream *node);
/// How long its RDD is kept, by its own or the graph's word; 0: it is forgotten with the epoch.
int64_t sli_node_remembers_us(const sl_stream *node);
void sli_node_forget(sl_stream *node); ///< drops what it remembers
/// Reads the initial state of every stateful node that has one into its table, as changes of epoch
/// 0, and completes that epoch, so that the initial state is part of the first delta. For a job
/// that has never sealed anything, once node->store and node->table are set. Its keys count as
/// touched at `time_us`. Thread: driver. Blocks: yes. Fails: as reading the table; SL_E_DATA for a
/// key that is there twice.
sl_code sli_state_load_initial(sl_graph *graph, sli_runtime *runtime, int64_t time_us,
                               sl_error *err);
