// Passing over slots in the order of their keys' ages.
//
// The engine has a slot's rows in the order of their key bytes, so they are sorted by age in
// memory, slot by slot. A slot that is too large for that is passed over several times: each pass
// keeps the oldest rows that fit, and gives them; the next begins where it ended.
#include "state/disk/disk_int.h"

typedef struct row {
    uint64_t age;
    uint32_t at; ///< in `bytes`: key, then value. Before it are SLI_SORT_BYTES, or one row
    uint32_t key_size, value_size;
} row;

typedef struct pass {
    sli_disk *disk;
    sli_state_fn each;
    void *ctx;
    uint16_t table;
    int32_t slot;       ///< -1 before the first row
    uint64_t from, cut; ///< ages [from, cut) are kept; rows from `cut` on wait for the next pass
    row *rows, *spare;  ///< as many, to sort them
    int32_t n, capacity;
    sli_str bytes;
} pass;

/// Sorts by one byte of the age; what is equal there keeps its order.
static void sort_by(pass *p, int32_t shift)
{
    int32_t at[256] = {0}, begin = 0;
    for (int32_t i = 0; i < p->n; i++) {
        at[p->rows[i].age >> shift & 255]++;
    }
    for (int32_t byte = 0; byte < 256; byte++) {
        int32_t n = at[byte];
        at[byte] = begin;
        begin += n;
    }
    for (int32_t i = 0; i < p->n; i++) {
        p->spare[at[p->rows[i].age >> shift & 255]++] = p->rows[i];
    }
    row *sorted = p->spare;
    p->spare = p->rows;
    p->rows = sorted;
}

/// By age: byte by byte from the lowest on, without those that all ages of the slot have in common.
static void sort_rows(pass *p)
{
    uint64_t differ = 0;
    bool sorted = true;
    for (int32_t i = 1; i < p->n; i++) {
        differ |= p->rows[i].age ^ p->rows[0].age;
        sorted = sorted && p->rows[i - 1].age < p->rows[i].age;
    }
    for (int32_t shift = 0; shift < 64 && !sorted; shift += 8) {
        if ((differ >> shift & 255) != 0) {
            sort_by(p, shift);
        }
    }
}

/// Keeps the older half of the rows: the others come in a later pass.
static sl_code keep_older_half(pass *p, sl_error *err)
{
    sli_str kept = {.tag = SLI_TAG_STATE};
    sort_rows(p);
    int32_t n = p->n / 2;
    p->cut = p->rows[n].age;
    for (int32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)kept.size;
        sli_str_add(&kept, p->bytes.data + p->rows[i].at,
                    (size_t)p->rows[i].key_size + p->rows[i].value_size);
        p->rows[i].at = at;
    }
    p->n = n;
    sli_str_reset(&p->bytes);
    p->bytes = kept;
    return sli_str_check(&kept, "rows of a slot", err);
}

static sl_code grow_rows(pass *p, sl_error *err)
{
    if (p->n < p->capacity) {
        return SL_OK;
    }
    int32_t capacity = p->capacity == 0 ? 256 : p->capacity * 2;
    row *spare = sl_alloc_array(SLI_TAG_STATE, (size_t)capacity, sizeof *spare);
    row *more =
        spare == NULL ? NULL : sl_realloc(SLI_TAG_STATE, p->rows, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        sl_free(spare);
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "rows of a slot");
    }
    sl_free(p->spare);
    p->spare = spare;
    p->rows = more;
    p->capacity = capacity;
    return SL_OK;
}

static sl_code add_row(pass *p, sl_bytes key, sl_bytes value, sl_error *err)
{
    sli_reader r = sli_reader_of(value);
    uint64_t age = sli_get_u64(&r);
    if (r.bad) {
        return sl_error_set(err, SL_E_CORRUPT, "a row of the state's files has no age");
    }
    if (age < p->from || age >= p->cut) {
        return SL_OK;
    }
    SL_TRY(grow_rows(p, err));
    row taken = {age, (uint32_t)p->bytes.size, (uint32_t)(key.size - SLI_KEY_HEAD),
                 (uint32_t)(value.size - SLI_AGE_BYTES)};
    char *to = sli_str_extend(&p->bytes, (size_t)taken.key_size + taken.value_size);
    if (to == NULL) {
        return sli_str_check(&p->bytes, "rows of a slot", err);
    }
    memcpy(to, (const char *)key.data + SLI_KEY_HEAD, taken.key_size);
    memcpy(to + taken.key_size, r.at, taken.value_size);
    p->rows[p->n++] = taken;
    return p->bytes.size > SLI_SORT_BYTES && p->n > 1 ? keep_older_half(p, err) : SL_OK;
}

static sl_code add_of_slot(void *ctx, sl_bytes key, sl_bytes value, sl_error *err)
{
    return add_row(ctx, key, value, err);
}

static sl_code give_rows(pass *p, sl_error *err)
{
    sort_rows(p);
    for (int32_t i = 0; i < p->n; i++) {
        const row *r = &p->rows[i];
        const char *at = p->bytes.data + r->at;
        SL_TRY(p->each(p->ctx, p->slot, (sl_bytes){at, r->key_size},
                       (sl_bytes){at + r->key_size, r->value_size}, err));
    }
    return SL_OK;
}

/// Rows of slots [from, to), as the engine has them.
static sl_code scan_slots(pass *p, int32_t from, int32_t to, sli_kv_fn fn, sl_error *err)
{
    sli_str low = {.tag = SLI_TAG_STATE}, high = {.tag = SLI_TAG_STATE};
    sli_disk_key(&low, p->table, from, (sl_bytes){NULL, 0});
    sli_disk_key(&high, p->table, to, (sl_bytes){NULL, 0});
    sl_code rc = sli_str_check(&low, "a slot's key", err);
    rc = rc == SL_OK ? sli_str_check(&high, "a slot's key", err) : rc;
    if (rc == SL_OK) {
        rc = p->disk->ops->scan(p->disk->kv, (sl_bytes){low.data, low.size},
                                (sl_bytes){high.data, high.size}, fn, p, err);
    }
    sli_str_reset(&low);
    sli_str_reset(&high);
    return rc;
}

static void begin_slot(pass *p, int32_t slot, uint64_t from)
{
    p->slot = slot;
    p->from = from;
    p->cut = UINT64_MAX;
    p->n = 0;
    sli_str_clear(&p->bytes);
}

/// Gives the slot's rows, with further passes over it for those that did not fit.
static sl_code end_slot(pass *p, sl_error *err)
{
    SL_TRY(give_rows(p, err));
    while (p->cut != UINT64_MAX) {
        begin_slot(p, p->slot, p->cut);
        SL_TRY(scan_slots(p, p->slot, p->slot + 1, add_of_slot, err));
        SL_TRY(give_rows(p, err));
    }
    return SL_OK;
}

static sl_code take_row(void *ctx, sl_bytes key, sl_bytes value, sl_error *err)
{
    pass *p = ctx;
    const uint8_t *head = key.data;
    int32_t slot = head[2] << 8 | head[3]; // the scan's borders are as long
    if (slot != p->slot) {
        SL_TRY(end_slot(p, err));
        begin_slot(p, slot, 0);
    }
    return add_row(p, key, value, err);
}

sl_code sli_disk_each(sli_core *core, sli_table *table, int32_t from, int32_t to, sli_state_fn each,
                      void *ctx, sl_error *err)
{
    pass p = {.disk = (sli_disk *)core,
              .each = each,
              .ctx = ctx,
              .table = ((const disk_table *)table)->number,
              .slot = -1,
              .cut = UINT64_MAX,
              .bytes = {.tag = SLI_TAG_STATE}};
    if (core->budget != NULL) {
        (void)sli_budget_reserve(core->budget, SLI_SORT_BYTES, true); // counted, never refused
    }
    sl_code rc = scan_slots(&p, from, to, take_row, err);
    rc = rc == SL_OK ? end_slot(&p, err) : rc;
    if (core->budget != NULL) {
        sli_budget_release(core->budget, SLI_SORT_BYTES);
    }
    sl_free(p.rows);
    sl_free(p.spare);
    sli_str_reset(&p.bytes);
    return rc;
}
