// index.c — the rows of one side of a join by key: a hash table of keys and a chain of rows for
// each.
#include "rdd/rdd_int.h"

static sl_code chain_rows(sli_index *x, const int32_t *group, int64_t n, int64_t n_groups,
                          sl_error *err)
{
    x->first = sl_alloc(SLI_TAG_RDD, (size_t)(n_groups + 1) * sizeof *x->first);
    x->following = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof *x->following);
    if (x->first == NULL || x->following == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *x->following, "the table of a join");
    }
    for (int64_t g = 0; g < n_groups; g++) {
        x->first[g] = -1;
    }
    for (int64_t i = n - 1; i >= 0; i--) { // backwards, so that a chain has the order of arrival
        x->following[i] = x->first[group[i]];
        x->first[group[i]] = (int32_t)i;
    }
    return SL_OK;
}

static sl_code build(sli_index *x, sl_batch *rows, sl_error *err)
{
    x->rows = sl_batch_ref(rows);
    SL_TRY(sli_groups_new(&x->groups, sl_batch_schema(rows), x->keys, x->n_keys, err));
    int64_t n = sl_batch_rows(x->rows);
    int32_t *group = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof *group);
    if (group == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *group, "the table of a join");
    }
    sl_code rc = n == 0 ? SL_OK : sli_groups_add(x->groups, x->rows, NULL, group, err);
    if (rc == SL_OK) {
        rc = chain_rows(x, group, n, sli_groups_count(x->groups), err);
    }
    sl_free(group);
    return rc;
}

sl_code sli_index_new(sli_index **out, const int32_t *keys, int32_t n_keys, sl_batch *rows,
                      sl_error *err)
{
    sli_index *x = sl_alloc_zero(SLI_TAG_RDD, sizeof *x);
    if (x == NULL) {
        return sl_error_nomem(err, sizeof *x, "the table of a join");
    }
    x->n_keys = n_keys;
    x->keys = sl_alloc(SLI_TAG_RDD, (size_t)(n_keys + 1) * sizeof *x->keys);
    sl_code rc = SL_OK;
    if (x->keys == NULL) {
        rc = sl_error_nomem(err, (size_t)n_keys * sizeof *x->keys, "the table of a join");
    } else {
        memcpy(x->keys, keys, (size_t)n_keys * sizeof *x->keys);
        rc = build(x, rows, err);
    }
    if (rc != SL_OK) {
        sli_index_free(x);
        return rc;
    }
    *out = x;
    return SL_OK;
}

void sli_index_free(sli_index *index)
{
    while (index != NULL) {
        sli_index *next = index->next;
        if (index->groups != NULL) {
            sli_groups_free(index->groups);
        }
        sl_batch_unref(index->rows);
        sl_free(index->keys);
        sl_free(index->first);
        sl_free(index->following);
        sl_free(index);
        index = next;
    }
}

int64_t sli_index_bytes(const sli_index *index)
{
    int64_t bytes = 0;
    for (; index != NULL; index = index->next) {
        bytes += sl_batch_bytes(index->rows) + sli_groups_bytes(index->groups) +
                 8 * sl_batch_rows(index->rows);
    }
    return bytes;
}
