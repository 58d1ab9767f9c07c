// texts.c — definitions of two texts ("keys" and "aggregations", "keys" and "order") as one: the
// text by which an operator is found again. A line end parts them; in the first it counts as a
// blank.
#include "rdd/rdd_int.h"

const char *sli_pair_make(sli_pair *pair, const char *first, const char *second)
{
    size_t n_first = first == NULL ? 0 : strlen(first);
    size_t n_second = second == NULL ? 0 : strlen(second);
    size_t size = n_first + n_second + 2;
    char *to = pair->small;
    pair->large = NULL;
    if (size > sizeof pair->small) {
        to = pair->large = sl_alloc(SLI_TAG_RDD, size);
    }
    if (to == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n_first; i++) {
        to[i] = first[i] == '\n' ? ' ' : first[i];
    }
    to[n_first] = second == NULL ? '\0' : '\n';
    if (second != NULL) {
        memcpy(to + n_first + 1, second, n_second + 1);
    }
    return to;
}

void sli_pair_reset(sli_pair *pair)
{
    sl_free(pair->large);
}

const char *sli_pair_second(const char *text)
{
    const char *end = strchr(text, '\n');
    return end == NULL ? NULL : end + 1;
}

sl_code sli_op_pair_keys(sli_op *op, sl_error *err)
{
    size_t size = strcspn(op->text, "\n");
    char *keys = sl_strndup(SLI_TAG_RDD, op->text, size);
    if (keys == NULL) {
        return sl_error_nomem(err, size, "key columns");
    }
    sl_code rc = sli_op_keys(op, keys, op->in, &op->keys, err);
    sl_free(keys);
    return rc;
}
