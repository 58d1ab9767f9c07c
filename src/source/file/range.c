// range.c — the files of an epoch as bytes; layout in README.md.
//
// Items are of fixed width and names follow, each ended by a zero, so that a task finds its split
// by halving and uses the name where it lies: an epoch of 10,000 files is read by 10,000 tasks.
#include "source/file/file_int.h"

enum { HEAD = 32, ITEM = 32, MAGIC = 0x31524653, IGNORED = 1 }; // "SFR1"
static const uint32_t whole_flag = 1U << 31;                    // of the offset of an item's name

static uint64_t get(const char *at, int32_t n)
{
    uint64_t v = 0;
    for (int32_t i = n - 1; i >= 0; i--) {
        v = v << 8 | (uint8_t)at[i];
    }
    return v;
}

int64_t sli_file_splits(int64_t size_bytes, int64_t split_bytes)
{
    return split_bytes <= 0 || size_bytes <= split_bytes
               ? 1
               : size_bytes / split_bytes + (size_bytes % split_bytes != 0);
}

int64_t sli_file_item_splits(const sli_file_item *item, int64_t split_bytes)
{
    return item->whole ? 1 : sli_file_splits(item->size_bytes, split_bytes);
}

sl_code sli_file_range_put(const sli_file_range *like, const sli_file_item *const *items, int64_t n,
                           sl_arena *arena, sl_bytes *out, sl_error *err)
{
    sli_str s = {.tag = SLI_TAG_SOURCE};
    sli_put_u32(&s, MAGIC);
    sli_put_u32(&s, (uint32_t)n);
    sli_put_i64(&s, like->time_us);
    sli_put_i64(&s, like->start_us);
    sli_put_i64(&s, like->split_bytes);
    uint64_t name_at = HEAD + (uint64_t)n * ITEM;
    int64_t split = 0;
    for (int64_t i = 0; i < n; i++) {
        sli_put_i64(&s, items[i]->size_bytes << 1 | (items[i]->ignored ? IGNORED : 0));
        sli_put_i64(&s, items[i]->modified_us);
        sli_put_u64(&s, items[i]->identity);
        sli_put_u32(&s, (uint32_t)split);
        sli_put_u32(&s, (uint32_t)name_at | (items[i]->whole ? whole_flag : 0));
        name_at += strlen(items[i]->name) + 1;
        split += items[i]->ignored ? 0 : sli_file_item_splits(items[i], like->split_bytes);
    }
    for (int64_t i = 0; i < n; i++) {
        sli_str_add(&s, items[i]->name, strlen(items[i]->name) + 1);
    }
    sl_code rc = sli_str_check(&s, "the files of an epoch", err);
    if (rc == SL_OK && (name_at > INT32_MAX || split > SLI_FILE_MAX_SPLITS)) {
        rc = sl_error_set(err, SL_E_INVALID,
                          "an epoch of %lld files in %lld splits; lower max_files or raise split",
                          (long long)n, (long long)split);
    }
    if (rc == SL_OK) {
        void *copy = sl_arena_copy(arena, s.data, s.size);
        rc = copy == NULL ? sl_error_nomem(err, s.size, "the files of an epoch") : SL_OK;
        *out = rc == SL_OK ? (sl_bytes){copy, s.size} : *out;
    }
    sli_str_reset(&s);
    return rc;
}

static sl_code corrupt(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "the recorded files of an epoch: %s", what);
}

sl_code sli_file_range_item(const sli_file_range *range, int64_t i, sli_file_item *out,
                            sl_error *err)
{
    const char *at = range->bytes + HEAD + i * ITEM;
    uint64_t size = get(at, 8), place = get(at + 28, 4), name_at = place & ~(uint64_t)whole_flag;
    if (size >> 63 != 0 || name_at < HEAD + (uint64_t)range->n * ITEM || name_at >= range->size) {
        return corrupt("an item is damaged", err);
    }
    *out = (sli_file_item){.name = range->bytes + name_at,
                           .size_bytes = (int64_t)(size >> 1),
                           .modified_us = (int64_t)get(at + 8, 8),
                           .identity = get(at + 16, 8),
                           .ignored = (size & IGNORED) != 0,
                           .whole = (place & whole_flag) != 0};
    return SL_OK;
}

static int64_t first_split(const sli_file_range *range, int64_t i)
{
    return (int64_t)get(range->bytes + HEAD + i * ITEM + 24, 4);
}

static sl_code check_items(const sli_file_range *range, sl_error *err)
{
    int64_t split = 0;
    for (int64_t i = 0; i < range->n; i++) {
        sli_file_item item;
        SL_TRY(sli_file_range_item(range, i, &item, err));
        if (first_split(range, i) != split) {
            return corrupt("splits do not follow each other", err);
        }
        split += item.ignored ? 0 : sli_file_item_splits(&item, range->split_bytes);
        if (split > SLI_FILE_MAX_SPLITS) {
            return corrupt("too many splits", err);
        }
    }
    return SL_OK;
}

sl_code sli_file_range_get(sl_bytes range, bool whole, sli_file_range *out, sl_error *err)
{
    sli_file_range r = {.bytes = range.data, .size = range.size};
    if (range.size == 0) {
        *out = r;
        return SL_OK;
    }
    if (range.size < HEAD || get(r.bytes, 4) != MAGIC) {
        return corrupt("not what this source writes", err);
    }
    r.n = (int64_t)get(r.bytes + 4, 4);
    r.time_us = (int64_t)get(r.bytes + 8, 8);
    r.start_us = (int64_t)get(r.bytes + 16, 8);
    r.split_bytes = (int64_t)get(r.bytes + 24, 8);
    bool fits = (uint64_t)r.n <= (range.size - HEAD) / ITEM && r.split_bytes >= 0;
    bool named = fits && (r.n == 0 || r.bytes[range.size - 1] == '\0');
    if (!named) {
        return corrupt("cut or damaged", err);
    }
    if (whole) {
        SL_TRY(check_items(&r, err));
    }
    *out = r;
    return SL_OK;
}

sl_code sli_file_range_splits(const sli_file_range *range, int32_t *out, sl_error *err)
{
    int64_t splits = 0;
    if (range->n > 0) {
        sli_file_item last;
        SL_TRY(sli_file_range_item(range, range->n - 1, &last, err));
        splits = first_split(range, range->n - 1) +
                 (last.ignored ? 0 : sli_file_item_splits(&last, range->split_bytes));
    }
    if (splits > SLI_FILE_MAX_SPLITS) {
        return corrupt("too many splits", err);
    }
    *out = (int32_t)splits;
    return SL_OK;
}

sl_code sli_file_range_find(const sli_file_range *range, int32_t split, sli_file_item *out,
                            int64_t *part, sl_error *err)
{
    int64_t low = 0, high = range->n; // the last item whose first split is not behind `split`
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (first_split(range, middle) <= split) {
            low = middle;
        } else {
            high = middle;
        }
    }
    if (range->n == 0) {
        return corrupt("no such split", err);
    }
    sli_file_item item;
    SL_TRY(sli_file_range_item(range, low, &item, err));
    int64_t p = split - first_split(range, low);
    if (p < 0 || item.ignored || p >= sli_file_item_splits(&item, range->split_bytes)) {
        return corrupt("no such split", err);
    }
    *out = item;
    *part = p;
    return SL_OK;
}
