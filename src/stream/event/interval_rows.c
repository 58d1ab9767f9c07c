// The rows that an epoch brings to a task of a join: of both sides, by key, and in a key by time.
//
// Keys of both sides get numbers from one table, so a key's rows of either side are found without
// looking for it. They are laid out by a counting sort, which keeps the order of arrival; a key
// whose rows did not come in order of time is sorted then.
#include "stream/event/gather.h"
#include "stream/event/interval.h"

static sl_code new_array(sli_epoch_rows *rows, int64_t n, size_t size, void *out, sl_error *err)
{
    void *made = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, size);
    if (made == NULL) {
        return sl_error_nomem(err, ((size_t)n + 1) * size, "rows of a join");
    }
    memcpy(out, &made, sizeof made);
    int64_t bytes = (n + 1) * (int64_t)size;
    (void)sli_budget_reserve(rows->budget, bytes, true); // counted, so that blocks make room
    rows->weight += bytes;
    return SL_OK;
}

/// from[k] = how many rows are of keys before k.
static void count_keys(sli_side_rows *side, const int32_t *group_of, int32_t n_keys)
{
    memset(side->from, 0, ((size_t)n_keys + 1) * sizeof *side->from);
    for (int32_t i = 0; i < side->n; i++) {
        side->from[group_of[i] + 1]++;
    }
    for (int32_t k = 0; k < n_keys; k++) {
        side->from[k + 1] += side->from[k];
    }
}

/// Puts rows at their keys' places; from[k] moves to the end of key k, which is where the next one
/// begins, and is moved back then.
static void lay_out(sli_side_rows *side, const int32_t *group_of, int32_t n_keys,
                    const int64_t *time_us)
{
    for (int32_t i = 0; i < side->n; i++) {
        int32_t at = side->from[group_of[i]]++;
        side->row[at] = i;
        side->time_us[at] = time_us[i];
    }
    memmove(side->from + 1, side->from, (size_t)n_keys * sizeof *side->from);
    side->from[0] = 0;
}

static bool is_in_order(const int64_t *time_us, int32_t n)
{
    bool in_order = true;
    for (int32_t i = 1; i < n; i++) {
        in_order = in_order && time_us[i - 1] <= time_us[i];
    }
    return in_order;
}

static void sort_few(sli_side_rows *side, int32_t from, int32_t to)
{
    for (int32_t i = from + 1; i < to; i++) {
        int64_t time_us = side->time_us[i];
        int32_t row = side->row[i], at = i;
        for (; at > from && side->time_us[at - 1] > time_us; at--) {
            side->time_us[at] = side->time_us[at - 1];
            side->row[at] = side->row[at - 1];
        }
        side->time_us[at] = time_us;
        side->row[at] = row;
    }
}

static sl_code sort_many(sli_side_rows *side, int32_t from, int32_t to, sl_error *err)
{
    const uint64_t sign = UINT64_C(1) << 63; // so that times before 1970 come first
    size_t n = (size_t)(to - from);
    sli_keyed *keyed = sl_alloc_array(SLI_TAG_STREAM, n * 2, sizeof *keyed);
    if (keyed == NULL) {
        return sl_error_nomem(err, n * 2 * sizeof *keyed, "rows of a key in order of time");
    }
    for (size_t i = 0; i < n; i++) {
        keyed[i] = (sli_keyed){(uint64_t)side->time_us[from + (int32_t)i] ^ sign,
                               side->row[from + (int32_t)i]};
    }
    sli_sort_keyed(keyed, keyed + n, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        side->time_us[from + (int32_t)i] = (int64_t)(keyed[i].key ^ sign);
        side->row[from + (int32_t)i] = keyed[i].row;
    }
    sl_free(keyed);
    return SL_OK;
}

static sl_code sort_keys(sli_side_rows *side, int32_t n_keys, sl_error *err)
{
    enum { FEW = 24 }; // below it counting digits costs more than moving rows
    for (int32_t k = 0; k < n_keys; k++) {
        int32_t from = side->from[k], to = side->from[k + 1];
        if (to - from < 2 || is_in_order(side->time_us + from, to - from)) {
            continue;
        }
        if (to - from <= FEW) {
            sort_few(side, from, to);
        } else {
            SL_TRY(sort_many(side, from, to, err));
        }
    }
    return SL_OK;
}

static sl_code arrange(sli_epoch_rows *rows, int32_t s, const sli_timed *self,
                       const int32_t *group_of, sl_error *err)
{
    sli_side_rows *side = &rows->side[s];
    SL_TRY(new_array(rows, rows->n_keys, sizeof *side->from, &side->from, err));
    SL_TRY(new_array(rows, side->n, sizeof *side->row, &side->row, err));
    SL_TRY(new_array(rows, side->n, sizeof *side->time_us, &side->time_us, err));
    if (sli_interval_of(self)->outer[s]) {
        SL_TRY(new_array(rows, side->n, sizeof *side->matched, &side->matched, err));
        memset(side->matched, 0, (size_t)side->n * sizeof *side->matched);
    }
    count_keys(side, group_of, rows->n_keys);
    if (side->n > 0) {
        lay_out(side, group_of, rows->n_keys,
                sl_batch_column(side->rows, self->sides[s].column)->values);
    }
    return sort_keys(side, rows->n_keys, err);
}

/// All rows of a side as one batch, of which rows can be taken. The gathered ones go.
static sl_code put_together(sli_epoch_rows *rows, int32_t s, sli_gather *from, sl_error *err)
{
    sli_side_rows *side = &rows->side[s];
    side->n = (int32_t)from->rows.n_rows;
    SL_TRY(side->n == 0 ? SL_OK
                        : sli_rows_concat(&from->rows, from->task->self->sides[s].shuffled,
                                          &side->rows, err));
    sli_rows_reset(&from->rows);
    rows->weight += from->weight; // the one batch weighs what they did
    from->weight = 0;
    return SL_OK;
}

static sl_code take_both(sli_epoch_rows *rows, sli_timed_task *t, sli_gather *sides, sl_error *err)
{
    const sli_timed *self = t->self;
    SL_TRY(sli_groups_new(&rows->keys, self->sides[SLI_LEFT].shuffled, self->sides[SLI_LEFT].keys,
                          self->n_keys, err));
    for (int32_t s = 0; s < 2; s++) {
        sides[s] = (sli_gather){.task = t,
                                .side = s,
                                .keys = self->sides[s].keys,
                                .groups = rows->keys,
                                .shares_groups = true};
        SL_TRY(sli_gather_all(&sides[s], err));
        SL_TRY(put_together(rows, s, &sides[s], err));
    }
    rows->n_keys = (int32_t)sli_groups_count(rows->keys);
    for (int32_t s = 0; s < 2; s++) {
        SL_TRY(arrange(rows, s, self, sides[s].group_of, err));
    }
    return SL_OK;
}

sl_code sli_epoch_rows_take(sli_epoch_rows *rows, sli_timed_task *t, sl_error *err)
{
    sli_gather sides[2] = {{.task = t, .shares_groups = true}, {.task = t, .shares_groups = true}};
    rows->budget = t->task->runtime->budget;
    sl_code rc = take_both(rows, t, sides, err);
    sli_gather_reset(&sides[SLI_LEFT]);
    sli_gather_reset(&sides[SLI_RIGHT]);
    return rc;
}

void sli_epoch_rows_reset(sli_epoch_rows *rows)
{
    for (int32_t s = 0; s < 2; s++) {
        sli_side_rows *side = &rows->side[s];
        sl_batch_unref(side->rows);
        sl_free(side->from);
        sl_free(side->row);
        sl_free(side->time_us);
        sl_free(side->matched);
    }
    if (rows->keys != NULL) {
        sli_groups_free(rows->keys);
    }
    if (rows->budget != NULL) {
        sli_budget_release(rows->budget, rows->weight);
    }
    *rows = (sli_epoch_rows){0};
}

int32_t sli_first_at(const sli_side_rows *side, int32_t from, int32_t to, int64_t time_us)
{
    while (from < to) {
        int32_t middle = from + (to - from) / 2;
        if (side->time_us[middle] < time_us) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}
