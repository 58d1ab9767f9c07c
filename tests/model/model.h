/// model.h — a streaming engine of the simplest kind, to compare the real one with.
///
/// Every stream has rows of a key (int64 or text) and an int64 value. No columns, no partitions, no
/// hashing, no memory limit: arrays of rows that loops in loops go over, each operator a few lines
/// that can be checked by reading. It shares no code with Sluice. Thread: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SLT_MODEL_QUEUES = 2,
    SLT_MODEL_NODES = 16,
    SLT_MODEL_TEXT = 48,    ///< bytes of a key's text, with the 0 at its end
    SLT_MODEL_ROWS = 3000,  ///< of one stream in one epoch; a plan that makes more is refused
    SLT_MODEL_VARIANTS = 5, ///< of an operator at most
    SLT_MODEL_PAST = 12,    ///< epochs of a run at most
};
#define SLT_MODEL_MOST INT64_C(1000000000000) ///< of a value: no sum of allowed rows overflows

typedef enum slt_model_kind {
    SLT_QUEUE, ///< the RDD of the epoch, given by the caller
    SLT_SELECT,
    SLT_WHERE,  ///< variant 4: by a function, values that 3 divides go
    SLT_SPLIT,  ///< text keys to words, each with the value 1
    SLT_VALUES, ///< variants: each value negated; itself and its double; even ones, once
    SLT_SAME,   ///< rows as they are, by ways that shuffle, sort, list or copy them
    SLT_UNION,  ///< variant 1: of a, b and a again
    SLT_REPARTITION,
    SLT_DISTINCT,
    SLT_SUBTRACT,       ///< rows of a that b does not have; variant 1: distinct rows of both
    SLT_COUNT_BY_VALUE, ///< value: the row's value + how often the row is there
    SLT_REDUCE_BY_KEY,  ///< value: 7 * count + sum; variant 1: nothing combined before the shuffle
    SLT_REDUCE,         ///< key 0, value: the sum; no row when there is nothing to sum
    SLT_COUNT,          ///< key 0, value: the number of rows
    SLT_GROUP_BY_KEY,   ///< value: how many values the key has
    SLT_JOIN,    ///< value: left - right, a side that is not there 0; variants: left, right, full
    SLT_COGROUP, ///< value: 100 * values on the left + values on the right
    SLT_JOIN_TABLE,   ///< value: the row's + the table's
    SLT_UPDATE_STATE, ///< value: the sum so far; variant 1 forgets keys whose sum divides by 4; 2:
                      ///< keys without values for `idle`; 3: begins with the table
    SLT_MAP_STATE, ///< a row for each record; value: records of the key so far. Variant 1 forgets
                   ///< keys at every fourth record; 2: snapshots of the state instead; 3: keys
                   ///< time out after `idle`, with the negated number; 4: and are looked for at
                   ///< multiples of `every` only
    SLT_RUNNING,   ///< value: 7 * rows + sum of all values so far, of keys with rows; variant 1: of
                   ///< all keys; 2: snapshots; 3: keys without rows for `idle` begin anew; 4: the
                   ///< same, of all keys, looked for at multiples of `every`
    // windows, from here on: of the input's rows in the last `c` seconds, every `slide`
    SLT_WINDOW,        ///< the rows
    SLT_REDUCE_WINDOW, ///< as SLT_REDUCE_BY_KEY; variant 1: without the inverse; 2: keys of two
                       ///< rows and more
    SLT_GROUP_WINDOW,  ///< as SLT_GROUP_BY_KEY
    SLT_COUNT_WINDOW,  ///< as SLT_COUNT
    SLT_VALUES_WINDOW, ///< as SLT_COUNT_BY_VALUE; variant 1: without the inverse
    SLT_SUM_WINDOW,    ///< as SLT_REDUCE; variant 1: without the inverse
    SLT_N_KINDS
} slt_model_kind;

/// One stream. Its inputs have smaller numbers.
typedef struct slt_model_node {
    slt_model_kind kind;
    bool is_text;  ///< kind of its key
    int32_t a, b;  ///< inputs; of a queue: a is its number
    int32_t which; ///< variant of the expression or function
    int64_t c;     ///< constant of the expression; seconds of a window
    int64_t slide; ///< seconds; of a window its own, of others that of what they are made from
    int64_t idle, every; ///< of a state
    bool has_output;     ///< all that nothing reads has
    // What may not reach a result; only the engine looks at it.
    int32_t partitions; ///< 0: the default
    bool persist;
} slt_model_node;

typedef struct slt_model_row {
    int64_t number; ///< the key, or 0
    int64_t v;
    int64_t touched;           ///< of a state: second of the last value or record
    char text[SLT_MODEL_TEXT]; ///< the key, or ""
} slt_model_row;

typedef struct slt_model_rows {
    int64_t n;
    slt_model_row rows[SLT_MODEL_ROWS];
} slt_model_rows;

/// What a window took of one epoch.
typedef struct slt_model_pane {
    int64_t time;
    slt_model_rows rows;
} slt_model_pane;

/// A graph and what it remembers between epochs. Large: one to a test.
typedef struct slt_model {
    int32_t n_nodes;
    slt_model_node nodes[SLT_MODEL_NODES];
    slt_model_rows out[SLT_MODEL_NODES];   ///< of the epoch just run
    slt_model_rows state[SLT_MODEL_NODES]; ///< of operators with state; windows: what they hold
    slt_model_pane panes[SLT_MODEL_NODES][SLT_MODEL_PAST];
    int32_t n_panes[SLT_MODEL_NODES];
    bool began[SLT_MODEL_NODES];  ///< a state: its table was read
    bool wanted[SLT_MODEL_NODES]; ///< in the epoch that slt_model_begin began
    int64_t before, now;          ///< seconds: batch times of the epoch before, and of this one
    bool too_much;                ///< sticks: too many rows, or a value too large
} slt_model;

/// The table that joins and states read, by kind of key.
extern const slt_model_row slt_model_table[2][3];

/// How many variants an operator has; 1: no choice.
int32_t slt_model_variants(slt_model_kind kind);
/// Appends a row with the key of `key` and the value `v`; too many rows stick to the model.
void slt_model_add(slt_model *model, slt_model_rows *to, const slt_model_row *key, int64_t v);
void slt_model_reset(slt_model *model); ///< as before the first epoch; the nodes stay
/// Begins an epoch; `before` is the batch time of the epoch before. Says which nodes are wanted: a
/// queue that is not is not asked for an RDD.
void slt_model_begin(slt_model *model, int64_t before, int64_t now);
/// Whether a node of this slide has an RDD in the epoch.
bool slt_model_fires(const slt_model *model, int64_t slide);
/// Computes the epoch from `in`, an RDD for each queue. False: too many rows or too large a value.
bool slt_model_epoch(slt_model *model, const slt_model_rows *in);
/// The rows as JSON lines, sorted, so that equal multisets are equal texts. The caller frees it;
/// NULL: no memory.
char *slt_model_text(const slt_model_rows *rows, bool is_text);
/// The lines of a text, sorted; as above.
char *slt_model_sorted(const char *lines);
