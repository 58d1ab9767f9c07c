// choose.c — a source's RDD that gives only some of its rows: what a failed epoch is run again
// with to find the rows that make it fail, and in the end without them.
//
// A row has one number in its epoch, through the partitions of all its sources. Chosen are the
// numbers of an interval but those that are left out, so a search needs no list of what it keeps.
// Who chooses nothing pays nothing: the source pushes by another function.
#include "rdd/rdd_int.h"

struct sli_chosen {
    int64_t from, to;
    int64_t n_left_out;
    int64_t *left_out; ///< ascending
    int64_t *first;    ///< number of each partition's first row, and one past the last
    int64_t numbers[]; ///< what the two point to
};

sl_code sli_chosen_new(sli_chosen **out, const sli_choice *choice, const int64_t *first,
                       int32_t n_partitions, sl_error *err)
{
    size_t n_first = (size_t)n_partitions + 1, n_left = (size_t)choice->n_left_out;
    size_t size = sizeof(sli_chosen) + (n_first + n_left) * sizeof(int64_t);
    sli_chosen *chosen = sl_alloc(SLI_TAG_RDD, size);
    if (chosen == NULL) {
        return sl_error_nomem(err, size, "the choice of a source's rows");
    }
    *chosen = (sli_chosen){.from = choice->from,
                           .to = choice->to,
                           .n_left_out = choice->n_left_out,
                           .left_out = chosen->numbers + n_first,
                           .first = chosen->numbers};
    memcpy(chosen->first, first, n_first * sizeof(int64_t));
    if (n_left > 0) {
        memcpy(chosen->left_out, choice->left_out, n_left * sizeof(int64_t));
    }
    *out = chosen;
    return SL_OK;
}

void sli_chosen_free(sli_chosen *chosen)
{
    sl_free(chosen);
}

// ---------------------------------------------------------------- reading

bool sli_sieve_begin(sli_sieve *sieve, const sli_chosen *chosen, int32_t partition)
{
    int64_t first = chosen->first[partition], end = chosen->first[partition + 1];
    sieve->chosen = chosen;
    sieve->first = sieve->at = first;
    sieve->next = 0;
    while (sieve->next < chosen->n_left_out && chosen->left_out[sieve->next] < first) {
        sieve->next++;
    }
    return first < chosen->to && end > chosen->from;
}

/// The next run of chosen rows in [from, to), and where to look on.
static int64_t next_run(sli_sieve *sieve, int64_t from, int64_t to, int64_t *begin)
{
    const sli_chosen *c = sieve->chosen;
    from = from < c->from ? c->from : from;
    to = to < c->to ? to : c->to;
    while (sieve->next < c->n_left_out && c->left_out[sieve->next] <= from && from < to) {
        from += c->left_out[sieve->next] == from;
        sieve->next++;
    }
    *begin = from;
    if (from < to && sieve->next < c->n_left_out && c->left_out[sieve->next] < to) {
        return c->left_out[sieve->next];
    }
    return to;
}

sl_code sli_sieve_push(sli_sieve *sieve, sl_batch *batch, sli_task *task, sli_push_fn push,
                       void *ctx, sl_error *err)
{
    int64_t base = sieve->at, end = base + sl_batch_rows(batch);
    for (int64_t at = base, begin = 0; at < end;) {
        int64_t stop = next_run(sieve, at, end, &begin);
        if (begin >= stop) {
            break;
        }
        task->source_from = begin - sieve->first;
        SL_TRY(sli_push_range(batch, begin - base, stop - begin, task, push, ctx, err));
        at = stop;
    }
    sieve->at = end;
    sieve->over = end >= sieve->chosen->to;
    return sieve->over ? SL_E_END : SL_OK;
}

// ---------------------------------------------------------------- by row

static bool is_among(const sl_rdd *rdd, sl_rdd *const *sources, int32_t n_sources)
{
    for (int32_t i = 0; i < n_sources; i++) {
        if (sources[i] == rdd) {
            return true;
        }
    }
    return false;
}

// Recursion is as deep as a narrow chain, which SLI_MAX_NARROW bounds.
bool sli_rdd_is_by_row(const sl_rdd *rdd, sl_rdd *const *sources, int32_t n_sources)
{
    if (is_among(rdd, sources, n_sources)) {
        return true;
    }
    bool is_so = rdd->ops->by_row && rdd->n_deps > 0;
    for (int32_t i = 0; is_so && i < rdd->n_deps; i++) {
        is_so = rdd->deps[i].kind == SLI_DEP_NARROW &&
                sli_rdd_is_by_row(rdd->deps[i].parent, sources, n_sources);
    }
    return is_so;
}
