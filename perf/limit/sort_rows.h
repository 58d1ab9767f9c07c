/// sort_rows.h — the rows that are sorted: a 64-bit key and a value, drawn from one seed, and what
/// must come out.
#pragma once
#include "limit.h"

typedef struct sort_input {
    int64_t *keys, *values;
    size_t n;
    uint64_t checksum;
} sort_input;

/// A sum over rows that tells keys from values and does not depend on their order.
static inline uint64_t sort_row_sum(int64_t key, int64_t value)
{
    uint64_t state = (uint64_t)key * 31 + (uint64_t)value;
    return limit_random(&state);
}

static inline sort_input sort_input_new(size_t n)
{
    sort_input in = {.keys = (int64_t *)limit_alloc(n * sizeof(int64_t)),
                     .values = (int64_t *)limit_alloc(n * sizeof(int64_t)),
                     .n = n};
    uint64_t seed = 11;
    for (size_t i = 0; i < n; i++) {
        in.keys[i] = (int64_t)limit_random(&seed);
        in.values[i] = (int64_t)i;
        in.checksum += sort_row_sum(in.keys[i], in.values[i]);
    }
    return in;
}

static inline void sort_input_free(sort_input *in)
{
    limit_free(in->keys, in->n * sizeof(int64_t));
    limit_free(in->values, in->n * sizeof(int64_t));
}

/// What was sorted so far: rows must come in the order of their keys, equal keys in that of their
/// values.
typedef struct sort_check {
    int64_t key, value;
    size_t n;
    uint64_t checksum;
} sort_check;

static inline void sort_check_row(sort_check *check, int64_t key, int64_t value)
{
    if (check->n > 0 && (key < check->key || (key == check->key && value < check->value))) {
        limit_die("row %zu is out of order", check->n);
    }
    check->key = key;
    check->value = value;
    check->n++;
    check->checksum += sort_row_sum(key, value);
}

static inline void sort_check_end(const sort_check *check, const sort_input *in)
{
    if (check->n != in->n || check->checksum != in->checksum) {
        limit_die("other rows came out than went in");
    }
}
