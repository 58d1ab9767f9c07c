/// heavy.c — see heavy.h. Counters lie in the order in which their values came, and so do texts, in
/// one block: what is kept moves up, and nothing that a result shows depends on the table of
/// hashes.
#include "expr/heavy.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "expr/agg_int.h"

enum {
    VERSION = 1,
    SEARCHED = 8, // counters that are found without a table
};
#define MOST_ROWS (INT64_C(1) << 60) // a count beyond it is broken; so sums of four always fit

void sli_heavy_reset(sli_heavy *self)
{
    sl_free(self->counters);
    sl_free(self->bytes);
    sl_free(self->slots);
    *self = (sli_heavy){0};
}

int64_t sli_heavy_bytes(const sli_heavy *self)
{
    return self->room * (int64_t)sizeof *self->counters + self->bytes_room +
           self->n_slots * (int64_t)sizeof *self->slots;
}

static bool is_text(const sli_heavy_kind *kind)
{
    return kind->type == SL_STRING || kind->type == SL_BINARY; // asked for each row: no call
}

static sl_text text_of(const sli_heavy *self, const sli_heavy_counter *c)
{
    return c->size == 0 ? (sl_text){"", 0} // there may be no bytes at all
                        : (sl_text){self->bytes + c->bits, (size_t)c->size};
}

// ---------------------------------------------------------------- finding

static uint32_t hash_of(const sli_heavy_kind *kind, const sli_heavy_value *value)
{
    uint64_t hash = is_text(kind) ? sli_hash64(value->text.data, value->text.size)
                                  : sli_mix64((uint64_t)value->bits);
    return (uint32_t)(hash >> 32);
}

static bool is_value(const sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_counter *c,
                     const sli_heavy_value *value, uint32_t hash)
{
    return c->hash == hash &&
           (is_text(kind) ? sli_text_equal(text_of(self, c), value->text) : c->bits == value->bits);
}

// The value's counter, or -1.
static int32_t find(const sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_value *value,
                    uint32_t hash)
{
    if (self->slots == NULL) {
        for (int32_t i = 0; i < self->n; i++) {
            if (is_value(self, kind, &self->counters[i], value, hash)) {
                return i;
            }
        }
        return -1;
    }
    uint32_t mask = (uint32_t)self->n_slots - 1;
    for (uint32_t at = hash & mask; self->slots[at] != 0; at = (at + 1) & mask) {
        int32_t i = self->slots[at] - 1;
        if (is_value(self, kind, &self->counters[i], value, hash)) {
            return i;
        }
    }
    return -1;
}

static void put_slot(sli_heavy *self, int32_t i)
{
    uint32_t mask = (uint32_t)self->n_slots - 1, at = self->counters[i].hash & mask;
    while (self->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    self->slots[at] = i + 1;
}

static void fill_slots(sli_heavy *self)
{
    if (self->slots != NULL) {
        memset(self->slots, 0, (size_t)self->n_slots * sizeof *self->slots);
        for (int32_t i = 0; i < self->n; i++) {
            put_slot(self, i);
        }
    }
}

// ---------------------------------------------------------------- room

// At most half of the slots are used.
static sl_code grow_slots(sli_heavy *self, int32_t room, sl_error *err)
{
    int32_t n = 2 * SEARCHED;
    while (n < 2 * room) {
        n *= 2;
    }
    int32_t *slots = sl_realloc(SLI_TAG_EXPR, self->slots, (size_t)n * sizeof *slots);
    if (slots == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *slots, "counters of values");
    }
    self->slots = slots;
    self->n_slots = n;
    fill_slots(self);
    return SL_OK;
}

static sl_code grow_counters(sli_heavy *self, int32_t room, sl_error *err)
{
    sli_heavy_counter *counters =
        sl_realloc(SLI_TAG_EXPR, self->counters, (size_t)room * sizeof *counters);
    if (counters == NULL) {
        return sl_error_nomem(err, (size_t)room * sizeof *counters, "counters of values");
    }
    self->counters = counters;
    self->room = room;
    return room > SEARCHED ? grow_slots(self, room, err) : SL_OK;
}

static sl_code put_text(sli_heavy *self, sl_text text, sl_error *err)
{
    size_t size = (size_t)self->n_bytes + text.size;
    if (size > SLI_HEAVY_MAX_BYTES) {
        return sl_error_set(err, SL_E_DATA, "the most frequent texts have more than %d MiB",
                            SLI_HEAVY_MAX_BYTES >> 20);
    }
    if (size > (size_t)self->bytes_room) {
        char *bytes = sl_realloc(SLI_TAG_EXPR, self->bytes, 2 * size);
        if (bytes == NULL) {
            return sl_error_nomem(err, 2 * size, "texts of values");
        }
        self->bytes = bytes;
        self->bytes_room = (int32_t)(2 * size);
    }
    if (text.size > 0) {
        memcpy(self->bytes + self->n_bytes, text.data, text.size);
    }
    self->n_bytes = (int32_t)size;
    return SL_OK;
}

static sl_code append(sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_value *value,
                      uint32_t hash, sl_error *err)
{
    if (self->n == self->room) {
        SL_TRY(grow_counters(self, self->room == 0 ? 4 : 2 * self->room, err));
    }
    sli_heavy_counter *c = &self->counters[self->n];
    *c = (sli_heavy_counter){.bits = value->bits, .hash = hash};
    if (is_text(kind)) {
        c->bits = self->n_bytes;
        c->size = (int32_t)value->text.size;
        SL_TRY(put_text(self, value->text, err));
    }
    self->n++;
    if (self->slots != NULL) {
        put_slot(self, self->n - 1);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- dropping small ones

// The count that `rank` others are at least as large as (Hoare's selection); reorders the counts.
static int64_t select_largest(int64_t *counts, int32_t n, int32_t rank)
{
    int32_t from = 0, to = n - 1;
    while (from < to) {
        int64_t pivot = counts[from + (to - from) / 2];
        int32_t i = from, k = to;
        while (i <= k) {
            while (counts[i] > pivot) {
                i++;
            }
            while (counts[k] < pivot) {
                k--;
            }
            if (i <= k) {
                int64_t swap = counts[i];
                counts[i++] = counts[k];
                counts[k--] = swap;
            }
        }
        if (rank <= k) {
            to = k;
        } else if (rank >= i) {
            from = i;
        } else {
            break;
        }
    }
    return counts[rank];
}

// Moves a counter and its text to where they belong now; texts lie in the order of counters.
static void move_up(sli_heavy *self, const sli_heavy_kind *kind, int32_t from)
{
    sli_heavy_counter c = self->counters[from];
    if (is_text(kind)) {
        if (c.size > 0) {
            memmove(self->bytes + self->n_bytes, self->bytes + c.bits, (size_t)c.size);
        }
        c.bits = self->n_bytes;
        self->n_bytes += c.size;
    }
    self->counters[self->n++] = c;
}

// Keeps the `capacity` largest counts, of equal ones those that came first. There are more.
static sl_code prune(sli_heavy *self, const sli_heavy_kind *kind, sl_error *err)
{
    int32_t n = self->n, larger = 0;
    int64_t *counts = sl_alloc(SLI_TAG_EXPR, (size_t)n * sizeof *counts);
    if (counts == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *counts, "counters of values");
    }
    for (int32_t i = 0; i < n; i++) {
        counts[i] = self->counters[i].count;
    }
    int64_t floor = select_largest(counts, n, kind->capacity);
    sl_free(counts);
    for (int32_t i = 0; i < n; i++) {
        larger += self->counters[i].count > floor;
    }
    int32_t equal = kind->capacity - larger; // of these so many stay
    self->n = self->n_bytes = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t count = self->counters[i].count;
        if (count > floor || (count == floor && equal-- > 0)) {
            move_up(self, kind, i);
        }
    }
    self->floor = floor;
    fill_slots(self);
    return SL_OK;
}

bool sli_heavy_hit(sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_value *value)
{
    int32_t i = find(self, kind, value, hash_of(kind, value));
    if (i >= 0) {
        self->counters[i].count++;
    }
    return i >= 0;
}

sl_code sli_heavy_add(sli_heavy *self, const sli_heavy_kind *kind, sli_heavy_value value,
                      sl_error *err)
{
    uint32_t hash = hash_of(kind, &value);
    int32_t i = find(self, kind, &value, hash);
    if (i >= 0) {
        self->counters[i].count++;
        return SL_OK;
    }
    if (self->n >= 2 * kind->capacity) {
        SL_TRY(prune(self, kind, err));
    }
    SL_TRY(append(self, kind, &value, hash, err));
    self->counters[self->n - 1].count = self->floor + 1;
    self->counters[self->n - 1].error = self->floor;
    return SL_OK;
}

// ---------------------------------------------------------------- bytes

static void put_value(const sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_counter *c,
                      sli_str *out)
{
    if (is_text(kind)) {
        sl_text text = text_of(self, c);
        sli_put_bytes(out, text.data, text.size);
    } else if (kind->type == SL_FLOAT64) {
        sli_put_i64(out, c->bits);
    } else {
        sli_put_zigzag(out, c->bits);
    }
}

void sli_heavy_write(const sli_heavy *self, const sli_heavy_kind *kind, sli_str *out)
{
    if (self->n == 0) {
        return;
    }
    sli_put_u8(out, VERSION);
    sli_put_varint(out, (uint64_t)kind->capacity);
    sli_put_varint(out, (uint64_t)self->floor);
    sli_put_varint(out, (uint64_t)self->n);
    for (int32_t i = 0; i < self->n; i++) {
        sli_put_varint(out, (uint64_t)self->counters[i].count);
        sli_put_varint(out, (uint64_t)self->counters[i].error);
        put_value(self, kind, &self->counters[i], out);
    }
}

static int64_t get_count(sli_reader *r)
{
    uint64_t count = sli_get_varint(r);
    if (count > (uint64_t)MOST_ROWS) {
        sli_reader_spoil(r);
    }
    return r->bad ? 0 : (int64_t)count;
}

// One that a vector of this type can have given.
static bool is_possible(sl_type type, int64_t bits)
{
    sli_vec vec = {.type = type};
    double value = 0;
    switch (type) {
    case SL_BOOL:
        return bits == 0 || bits == 1;
    case SL_DATE:
        return bits == (int32_t)bits;
    case SL_FLOAT64:
        memcpy(&value, &bits, sizeof value);
        vec.v.f = &value;
        return (int64_t)sli_vec_hash(&vec, 0) == bits;
    default:
        return true;
    }
}

static bool get_value(sli_reader *r, const sli_heavy_kind *kind, sli_heavy_value *out)
{
    *out = (sli_heavy_value){0};
    if (is_text(kind)) {
        sl_bytes bytes = sli_get_bytes(r);
        out->text = (sl_text){bytes.data, bytes.size};
        return !r->bad && (kind->type != SL_STRING ||
                           sli_utf8_check(out->text.data, out->text.size) == out->text.size);
    }
    if (kind->type == SL_FLOAT64) {
        out->bits = sli_get_i64(r);
    } else {
        uint64_t zigzag = sli_get_varint(r);
        out->bits = (int64_t)(zigzag >> 1 ^ (~(zigzag & 1) + 1));
    }
    return !r->bad && is_possible(kind->type, out->bits);
}

// ---------------------------------------------------------------- merging

// Adds a counter of another summary, whose floor is already in all of ours; one that is there twice
// is broken, since the first has made a counter behind `n_ours`.
static sl_code add_counter(sli_heavy *self, const sli_heavy_kind *kind,
                           const sli_heavy_value *value, sli_heavy_counter c, int32_t n_ours,
                           int64_t their_floor, bool *good, sl_error *err)
{
    uint32_t hash = hash_of(kind, value);
    int32_t i = find(self, kind, value, hash);
    int64_t before = self->floor - their_floor; // ours: how often it may have come here
    if (i >= n_ours) {
        *good = false;
        return SL_OK;
    }
    if (i < 0) {
        SL_TRY(append(self, kind, value, hash, err));
        i = self->n - 1;
        self->counters[i].count = before;
        self->counters[i].error = before;
    } else {
        self->counters[i].count -= their_floor;
        self->counters[i].error -= their_floor;
    }
    self->counters[i].count += c.count;
    self->counters[i].error += c.error;
    *good = self->counters[i].count <= MOST_ROWS;
    return SL_OK;
}

sl_code sli_heavy_merge(sli_heavy *self, const sli_heavy_kind *kind, sl_bytes bytes, bool *good,
                        sl_error *err)
{
    sli_reader r = sli_reader_of(bytes);
    *good = true;
    if (bytes.size == 0) {
        return SL_OK;
    }
    bool known = sli_get_u8(&r) == VERSION && sli_get_varint(&r) == (uint64_t)kind->capacity;
    int64_t floor = get_count(&r);
    int64_t n = get_count(&r);
    int32_t n_ours = self->n;
    *good = known && !r.bad && n > 0 && n <= 2 * kind->capacity && floor + self->floor <= MOST_ROWS;
    for (int32_t i = 0; i < n_ours && *good && floor > 0; i++) {
        self->counters[i].count += floor;
        self->counters[i].error += floor;
    }
    self->floor += *good ? floor : 0;
    for (int64_t i = 0; i < n && *good; i++) {
        sli_heavy_value value;
        sli_heavy_counter c = {.count = get_count(&r)};
        c.error = get_count(&r);
        *good = get_value(&r, kind, &value) && c.error <= floor && c.error < c.count &&
                c.count >= floor;
        if (*good) {
            SL_TRY(add_counter(self, kind, &value, c, n_ours, floor, good, err));
        }
    }
    *good = *good && !r.bad && r.at == r.end;
    return *good && self->n > 2 * kind->capacity ? prune(self, kind, err) : SL_OK;
}

// ---------------------------------------------------------------- the largest

static bool is_less(const sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_counter *a,
                    const sli_heavy_counter *b)
{
    double x, y;
    if (is_text(kind)) {
        return sli_text_less(text_of(self, a), text_of(self, b));
    }
    if (kind->type != SL_FLOAT64) {
        return a->bits < b->bits;
    }
    memcpy(&x, &a->bits, sizeof x);
    memcpy(&y, &b->bits, sizeof y);
    return sli_float_less(x, y);
}

// Whether counter i comes before k in a result.
static bool is_before(const sli_heavy *self, const sli_heavy_kind *kind, int32_t i, int32_t k)
{
    const sli_heavy_counter *a = &self->counters[i], *b = &self->counters[k];
    return a->count != b->count ? a->count > b->count : is_less(self, kind, a, b);
}

// Lets heap[at] sink in a heap of n whose top comes first.
static void sink(const sli_heavy *self, const sli_heavy_kind *kind, int32_t *heap, int32_t n,
                 int32_t at)
{
    int32_t moved = heap[at];
    for (int32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        bool right = child + 1 < n && is_before(self, kind, heap[child + 1], heap[child]);
        child += right;
        if (!is_before(self, kind, heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

// A heap at the front gives its top away, to behind its end; in the end these are turned round.
int32_t sli_heavy_top(const sli_heavy *self, const sli_heavy_kind *kind, int32_t most, int32_t *out)
{
    int32_t n = self->n, found = most < n ? most : n;
    for (int32_t i = 0; i < n; i++) {
        out[i] = i;
    }
    for (int32_t i = n / 2 - 1; i >= 0; i--) {
        sink(self, kind, out, n, i);
    }
    for (int32_t i = n - 1; i >= n - found; i--) {
        int32_t top = out[0];
        out[0] = out[i];
        out[i] = top;
        sink(self, kind, out, i, 0);
    }
    for (int32_t i = 0, k = n - 1; i < k; i++, k--) {
        int32_t swap = out[i];
        out[i] = out[k];
        out[k] = swap;
    }
    return found;
}
