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
    SLT_MODEL_VARIANTS = 5, ///< of a select; see the table in graph.c
    SLT_MODEL_PAST = 4,     ///< epochs of a window at most
};
#define SLT_MODEL_MOST INT64_C(1000000000000) ///< of a value: no sum of allowed rows overflows

typedef enum slt_model_kind {
    SLT_QUEUE, ///< the RDD of the epoch, given by the caller
    SLT_SELECT,
    SLT_WHERE,
    SLT_SPLIT, ///< text keys to words, each with the value 1
    SLT_UNION,
    SLT_REPARTITION,
    SLT_REDUCE_BY_KEY, ///< value: 7 * count + sum
    SLT_REDUCE,        ///< key 0, value: the sum; no row when there is nothing to sum
    SLT_COUNT,         ///< key 0, value: the number of rows
    SLT_GROUP_BY_KEY,  ///< value: how many values the key has
    SLT_JOIN,          ///< value: left - right
    SLT_UPDATE_STATE,  ///< value: the sum so far; variant 1 forgets keys whose sum divides by 4
    SLT_MAP_STATE, ///< a row for each record; value: records of the key so far. Variant 1 forgets
                   ///< keys at every fourth record; variant 2: snapshots of the state instead
    SLT_WINDOW,    ///< the rows of the last `c` epochs
    SLT_REDUCE_WINDOW, ///< as SLT_REDUCE_BY_KEY of those; variant 1: without the inverse
    SLT_GROUP_WINDOW,  ///< as SLT_GROUP_BY_KEY of those
    SLT_COUNT_WINDOW,  ///< as SLT_COUNT of those
    SLT_N_KINDS
} slt_model_kind;

/// One stream. Its inputs have smaller numbers.
typedef struct slt_model_node {
    slt_model_kind kind;
    bool is_text;  ///< kind of its key
    int32_t a, b;  ///< inputs; of a queue: a is its number
    int32_t which; ///< variant of the expression or function
    int64_t c;     ///< constant of the expression; epochs of a window
    // What may not reach a result; only the engine looks at it.
    int32_t partitions; ///< 0: the default
    bool persist;
} slt_model_node;

typedef struct slt_model_row {
    int64_t number; ///< the key, or 0
    int64_t v;
    char text[SLT_MODEL_TEXT]; ///< the key, or ""
} slt_model_row;

typedef struct slt_model_rows {
    int64_t n;
    slt_model_row rows[SLT_MODEL_ROWS];
} slt_model_rows;

/// A graph and what it remembers between epochs. Large: one to a test.
typedef struct slt_model {
    int32_t n_nodes;
    slt_model_node nodes[SLT_MODEL_NODES];
    slt_model_rows out[SLT_MODEL_NODES]; ///< of the epoch just run
    slt_model_rows
        state[SLT_MODEL_NODES]; ///< of updateStateByKey and mapWithState; windows: what they hold
    slt_model_rows past[SLT_MODEL_NODES]
                       [SLT_MODEL_PAST]; ///< windows: the input of epoch e, at e modulo
    int64_t n_epochs;                    ///< run so far
    bool too_much;                       ///< sticks: too many rows, or a value too large
} slt_model;

/// Appends a row with the key of `key` and the value `v`; too many rows stick to the model.
void slt_model_add(slt_model *model, slt_model_rows *to, const slt_model_row *key, int64_t v);
/// Computes one epoch from `in`, an RDD for each queue. False: too many rows or too large a value.
bool slt_model_epoch(slt_model *model, const slt_model_rows *in);
/// The rows as JSON lines, sorted, so that equal multisets are equal texts. The caller frees it;
/// NULL: no memory.
char *slt_model_text(const slt_model_rows *rows, bool is_text);
/// The lines of a text, sorted; as above.
char *slt_model_sorted(const char *lines);
