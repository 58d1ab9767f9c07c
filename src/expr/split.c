/// split.c — sl_split: lines to words, the inner loop of every word count.
///
/// A cell is scanned 64 bytes at a time: one bit a separator, one step a bit. A first pass counts
/// the bits, so that the output is allocated once, at its size: growing it by doubling cost more
/// than counting. Each word becomes a string view written in place: two loads and a mask make an
/// inlined word, longer ones refer to the input's buffer, so nothing is copied. Loads may run up to
/// 16 bytes over a word's begin; they stay inside the data buffer, because cells near its end, and
/// cells that are inlined themselves, go through a padded copy of their last bytes.
#include "expr/expr_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    BLOCK = 64,   ///< bytes scanned at once
    OVERRUN = 16, ///< bytes that must be readable from a word's first one
};
_Static_assert(sizeof(sl_view) == 16, "views are written as two words of 8 bytes");

// The output column in the making, and the cell being cut.
typedef struct cutter {
    sl_view *to; ///< the next of the reserved views
    bool skip_empty;
    char by;
    uint64_t buffer; ///< of the cell's bytes, as the output column numbers it
    int64_t offset;  ///< of the cell's first byte in that buffer
} cutter;

// masks[n] keeps n bytes of text in the two words of a view, behind its 4 bytes of size.
static const uint64_t masks[SL_VIEW_INLINE + 1][2] = {
    {0x0000000000000000, 0},
    {0x000000ff00000000, 0},
    {0x0000ffff00000000, 0},
    {0x00ffffff00000000, 0},
    {0xffffffff00000000, 0},
    {0xffffffff00000000, 0x00000000000000ff},
    {0xffffffff00000000, 0x000000000000ffff},
    {0xffffffff00000000, 0x0000000000ffffff},
    {0xffffffff00000000, 0x00000000ffffffff},
    {0xffffffff00000000, 0x000000ffffffffff},
    {0xffffffff00000000, 0x0000ffffffffffff},
    {0xffffffff00000000, 0x00ffffffffffffff},
    {0xffffffff00000000, 0xffffffffffffffff},
};

// One bit for each of 64 bytes that is `by`.
#ifdef __SSE2__
static inline uint64_t scan(const char *at, char by)
{
    __m128i wanted = _mm_set1_epi8(by);
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << (16 * i);
    }
    return bits;
}
#else
static inline uint64_t scan(const char *at, char by)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7f;
    uint64_t wanted = (unsigned char)by * (uint64_t)0x0101010101010101, bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t x;
        memcpy(&x, at + 8 * i, sizeof x);
        x ^= wanted;
        x = ~(((x & low) + low) | x | low); // 0x80 in every byte that was zero
        bits |= (x * (uint64_t)0x0002040810204081 >> 56) << (8 * i);
    }
    return bits;
}
#endif

// The bits of the block at `at`, of which `left` bytes count.
static inline uint64_t scan_some(const char *at, char by, int64_t left)
{
    return left < BLOCK ? scan(at, by) & ((UINT64_C(1) << left) - 1) : scan(at, by);
}

// Writes the view of the word of `size` bytes at `word`, `start` bytes into the cell, and returns
// the place of the next: the same when the word is empty and empty ones are not wanted.
__attribute__((always_inline)) static inline sl_view *emit(const cutter *self, bool skip_empty,
                                                           sl_view *to, const char *word,
                                                           int64_t start, int64_t size)
{
    uint32_t head;
    uint64_t tail, first, second;
    memcpy(&head, word, sizeof head);
    memcpy(&tail, word + sizeof head, sizeof tail);
    const uint64_t *mask = masks[size < SL_VIEW_INLINE ? size : SL_VIEW_INLINE];
    first = ((uint64_t)head << 32 & mask[0]) | (uint32_t)size;
    second = size <= SL_VIEW_INLINE ? tail & mask[1]
                                    : self->buffer | (uint64_t)(self->offset + start) << 32;
    memcpy(to, &first, sizeof first);
    memcpy((char *)to + sizeof first, &second, sizeof second);
    return to + !(skip_empty && size == 0);
}

__attribute__((always_inline)) static inline int64_t cut_all(cutter *self, bool skip_empty,
                                                             const char *cell, int64_t size)
{
    const cutter fixed =
        *self; // in registers: the views written below could be anything to the compiler
    sl_view *to = self->to;
    int64_t start = 0;
    for (int64_t at = 0; at < size; at += BLOCK) {
        for (uint64_t bits = scan_some(cell + at, fixed.by, size - at); bits != 0;
             bits &= bits - 1) {
            int64_t end = at + __builtin_ctzll(bits);
            to = emit(&fixed, skip_empty, to, cell + start, start, end - start);
            start = end + 1;
        }
    }
    self->to = to;
    return start;
}

// Cuts the first `size` bytes of a cell. Returns where the word began that is open at their end.
// Whole blocks and OVERRUN bytes more must be readable. Two loops, because the test for empty words
// costs a tenth of the whole.
static int64_t cut_blocks(cutter *self, const char *cell, int64_t size)
{
    return self->skip_empty ? cut_all(self, true, cell, size) : cut_all(self, false, cell, size);
}

// A cell with at least BLOCK + OVERRUN readable bytes behind it.
static void cut_open_cell(cutter *self, const char *cell, int64_t size)
{
    int64_t start = cut_blocks(self, cell, size);
    self->to = emit(self, self->skip_empty, self->to, cell + start, start, size - start);
}

// Bytes of a cell at the end of its buffer that can be cut in place: whole blocks, with enough
// behind them.
static int64_t open_part(int64_t size)
{
    return size > BLOCK + OVERRUN ? (size - BLOCK - OVERRUN) / BLOCK * BLOCK : 0;
}

// A cell at the end of its buffer: what lies before its last bytes is cut in place, the rest in a
// padded copy. The word across both is found by its begin, which the copy includes unless the word
// is long; then its bytes are not loaded.
static void cut_closed_cell(cutter *self, const char *cell, int64_t size)
{
    char copy[4 * BLOCK + OVERRUN] = {0};
    int64_t open = open_part(size);
    int64_t start = cut_blocks(self, cell, open);
    // At most 2 * BLOCK + OVERRUN bytes are left. A word begun more than BLOCK before them is
    // longer than 12 bytes, so of its bytes only the first 4 are needed, and they can be read in
    // place.
    int64_t from = open < BLOCK ? 0 : open - BLOCK;
    memcpy(copy, cell + from, (size_t)(size - from));
    for (int64_t at = open; at <= size; at++) {
        if (at == size || cell[at] == self->by) {
            const char *word = start >= from ? copy + (start - from) : cell + start;
            self->to = emit(self, self->skip_empty, self->to, word, start, at - start);
            start = at + 1;
        }
    }
}

static void cut_inlined_cell(cutter *self, const sl_view *view)
{
    char copy[BLOCK + OVERRUN + SL_VIEW_INLINE] = {0};
    memcpy(copy, view->as.inlined, sizeof view->as.inlined);
    cut_open_cell(self, copy, view->size);
}

static bool is_open(const sl_column *column, const sl_view *view)
{
    int64_t left = column->data_sizes[view->as.ref.buffer] - view->as.ref.offset;
    return left >= (int64_t)view->size + BLOCK + OVERRUN;
}

static void cut_cell(cutter *self, const sl_column *column, const sl_view *view, int32_t shared)
{
    if (view->size <= SL_VIEW_INLINE) {
        cut_inlined_cell(self, view);
        return;
    }
    self->buffer = (uint32_t)(view->as.ref.buffer + shared);
    self->offset = view->as.ref.offset;
    const char *cell = column->data[view->as.ref.buffer] + view->as.ref.offset;
    if (is_open(column, view)) {
        cut_open_cell(self, cell, view->size);
    } else {
        cut_closed_cell(self, cell, view->size);
    }
}

// Words of the cell, empty ones included.
static int64_t count_cell(const sl_column *column, int64_t row, char by)
{
    const sl_view *view = (const sl_view *)column->values + row;
    sl_text text = sl_column_text(column, row);
    int64_t size = (int64_t)text.size, n = 1;
    bool open = size > SL_VIEW_INLINE && is_open(column, view);
    int64_t blocks = open ? size : open_part(size);
    for (int64_t at = 0; at < blocks; at += BLOCK) {
        n += __builtin_popcountll(scan_some(text.data + at, by, blocks - at));
    }
    for (int64_t at = blocks; at < size; at++) {
        n += text.data[at] == by;
    }
    return n;
}

// A view says where its text begins in 31 bits. Buffers are smaller than that unless somebody else
// made them.
static bool is_far(const sl_column *column, int64_t row)
{
    const sl_view *view = (const sl_view *)column->values + row;
    return view->size > SL_VIEW_INLINE && (int64_t)view->as.ref.offset + view->size > INT32_MAX;
}

// ---------------------------------------------------------------- arguments

typedef struct options {
    const sl_schema *in;
    int32_t column; ///< -1: not given
    char by;
    bool skip_empty;
} options;

static sl_code read_option(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    options *self = ctx;
    if (sli_text_is(key, "by")) {
        if (value.size != 1 || (unsigned char)value.data[0] >= 0x80) {
            return sl_error_set(err, SL_E_INVALID, "split: by='%.*s' must be one ASCII character",
                                (int)value.size, value.data);
        }
        self->by = value.data[0];
        return SL_OK;
    }
    if (sli_text_is(key, "skip_empty")) {
        return sl_error_wrap(err, sli_scan_bool(value, &self->skip_empty, err),
                             "split: skip_empty");
    }
    if (!sli_text_is(key, "of")) {
        return sl_error_set(err, SL_E_INVALID,
                            "split: unknown argument %.*s; there are of, by, skip_empty",
                            (int)key.size, key.data);
    }
    for (int32_t i = 0; i < sl_schema_columns(self->in); i++) {
        if (sli_text_is(value, sl_schema_field(self->in, i)->name)) {
            self->column = i;
            return SL_OK;
        }
    }
    return sl_error_set(err, SL_E_INVALID,
                        "split: there is no column \"%.*s\"; the columns are: %.200s",
                        (int)value.size, value.data, sl_schema_text(self->in));
}

static sl_code read_options(options *self, const sl_args *args, sl_error *err)
{
    if (args != NULL && args->text != NULL) {
        SL_TRY(sli_pairs_each(args->text, read_option, self, err));
    }
    for (int32_t i = 0; i < sl_schema_columns(self->in) && self->column < 0; i++) {
        self->column = sl_schema_field(self->in, i)->type == SL_STRING ? i : -1;
    }
    if (self->column < 0) {
        return sl_error_set(err, SL_E_INVALID, "split: there is no string column in: %.200s",
                            sl_schema_text(self->in));
    }
    if (sl_schema_field(self->in, self->column)->type != SL_STRING) {
        return sl_error_set(err, SL_E_INVALID, "split: column \"%s\" is no string",
                            sl_schema_field(self->in, self->column)->name);
    }
    return SL_OK;
}

static sl_code count_words(const sl_column *column, int64_t from, int64_t to, char by, int64_t *out,
                           sl_error *err)
{
    int64_t most = 0;
    for (int64_t row = from; row < to; row++) {
        if (sl_column_is_null(column, row)) {
            continue;
        }
        if (is_far(column, row)) {
            return sl_error_set(err, SL_E_UNSUPPORTED,
                                "split: row %lld lies beyond 2^31 bytes of its data buffer",
                                (long long)row);
        }
        most += count_cell(column, row, by);
    }
    *out = most;
    return SL_OK;
}

// The words of rows [from, to).
static sl_code cut_rows(cutter *self, const sl_column *column, int64_t from, int64_t to,
                        sl_builder *out, sl_error *err)
{
    int64_t most = 0;
    SL_TRY(count_words(column, from, to, self->by, &most, err));
    int32_t shared = sl_builder_share(out, 0, column);
    sl_view *views = shared < 0 || most == 0 ? NULL : sl_builder_reserve(out, 0, most);
    if (views == NULL) {
        return sli_builder_check(out, err); // nothing to do, or its failure
    }
    self->to = views;
    for (int64_t row = from; row < to; row++) {
        if (!sl_column_is_null(column, row)) {
            cut_cell(self, column, (const sl_view *)column->values + row, shared);
        }
    }
    sl_builder_unreserve(out, 0, most - (self->to - views));
    return SL_OK;
}

static sl_code run(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    options wanted = {.in = sl_batch_schema(in), .column = -1, .by = ' '};
    SL_TRY(read_options(&wanted, args, err));
    const sl_column *column = sl_batch_column(in, wanted.column);
    cutter self = {.skip_empty = wanted.skip_empty, .by = wanted.by};
    int64_t rows = sl_batch_rows(in);
    if (!sli_builder_asks_origins(out)) {
        return cut_rows(&self, column, 0, rows, out, err);
    }
    for (int64_t row = 0; row < rows; row++) {
        sl_builder_of_row(out, row);
        SL_TRY(cut_rows(&self, column, row, row + 1, out, err));
    }
    return SL_OK;
}

const sl_fn sl_split = {
    .struct_size = sizeof(sl_fn),
    .name = "split",
    .out = "word string",
    .version = 1,
    .run = run,
};
