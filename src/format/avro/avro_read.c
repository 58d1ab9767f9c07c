// avro_read.c — one Avro record to the cells of one row.
//
// The bytes are anybody's. So each length and count is held against the bytes that are left before
// anything is made of it: a list has at least a byte an item, and what is read of a record is
// never larger than a small multiple of its bytes. Items without bytes are no column and are not
// counted through.
#include "format/avro/avro_int.h"

#include <inttypes.h>
#include <stdio.h>

/// A record being read.
typedef struct walk {
    sli_avro_reader *reader;
    const char *data;
    int64_t from, at, end;
    sl_error *err;
} walk;

static sl_code wrong(walk *w, const char *fmt, ...) SL_PRINTF(2, 3);

static sl_code wrong(walk *w, const char *fmt, ...)
{
    char what[160];
    va_list args;
    if (w->err == NULL) {
        return SL_E_DATA;
    }
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return sl_error_set(w->err, SL_E_DATA, "%s at byte %" PRId64 " of the record", what,
                        w->at - w->from);
}

static int64_t left(const walk *w)
{
    return w->end - w->at;
}

// ---------------------------------------------------------------- numbers, lengths, counts

static sl_code take_long(walk *w, int64_t *out)
{
    if (sli_take_zigzag(w->data, &w->at, w->end, out)) {
        return SL_OK;
    }
    return wrong(w, left(w) == 0 ? "the bytes end in a number" : "a number of more than 64 bits");
}

static sl_code take_bytes(walk *w, int64_t size, const char **out)
{
    if (size < 0 || size > left(w)) {
        return wrong(w, "%" PRId64 " bytes are told where %" PRId64 " are left", size, left(w));
    }
    *out = w->data + w->at;
    w->at += size;
    return SL_OK;
}

/// What begins with its length.
static sl_code take_sized(walk *w, const char **out, int64_t *size)
{
    SL_TRY(take_long(w, size));
    return take_bytes(w, *size, out);
}

/// A number that is less than n: of a branch or a symbol.
static sl_code take_index(walk *w, int32_t n, const char *what, int32_t *out)
{
    int64_t index = 0;
    SL_TRY(take_long(w, &index));
    if (index < 0 || index >= n) {
        return wrong(w, "%s %" PRId64 " of %d", what, index, (int)n);
    }
    *out = (int32_t)index;
    return SL_OK;
}

/// The front of a block of items. *n is 0 for the one that ends them; *size -1: not told.
static sl_code take_block(walk *w, const sli_avro_type *item, int64_t *n, int64_t *size)
{
    *size = -1;
    SL_TRY(take_long(w, n));
    if (*n < 0) {
        SL_TRY(take_long(w, size));
        if (*n == INT64_MIN || *size < 0 || *size > left(w)) {
            return wrong(w, "a block of %" PRId64 " bytes where %" PRId64 " are left", *size,
                         left(w));
        }
        *n = -*n;
    }
    int64_t room = *size >= 0 ? *size : left(w);
    return item->empty || *n <= room
               ? SL_OK
               : wrong(w, "a block of %" PRId64 " items in %" PRId64 " bytes", *n, room);
}

// ---------------------------------------------------------------- what nobody wants

static sl_code skip(walk *w, const sli_avro_type *type, int depth);

static sl_code skip_bytes(walk *w, int64_t size)
{
    const char *at = NULL;
    return take_bytes(w, size, &at);
}

static sl_code skip_sized(walk *w)
{
    const char *at = NULL;
    int64_t size = 0;
    return take_sized(w, &at, &size);
}

/// The blocks of an array, or of a map.
static sl_code skip_blocks(walk *w, const sli_avro_type *type, int depth)
{
    static const sli_avro_type key = {.kind = SLI_AVRO_STRING};
    bool is_map = type->kind == SLI_AVRO_MAP;
    const sli_avro_type *item = type->parts[0].type;
    for (;;) {
        int64_t n = 0, size = 0;
        SL_TRY(take_block(w, is_map ? &key : item, &n, &size));
        if (n == 0) {
            return SL_OK;
        }
        w->at += size > 0 ? size : 0;
        for (int64_t i = 0; size < 0 && (is_map || !item->empty) && i < n; i++) {
            SL_TRY(is_map ? skip_sized(w) : SL_OK);
            SL_TRY(skip(w, item, depth));
        }
    }
}

static sl_code skip_nested(walk *w, const sli_avro_type *type, int depth)
{
    int32_t branch = 0;
    switch (type->kind) {
    case SLI_AVRO_UNION:
        SL_TRY(take_index(w, type->n, "branch", &branch));
        return skip(w, type->parts[branch].type, depth);
    case SLI_AVRO_RECORD:
        for (int32_t i = 0; i < type->n; i++) {
            SL_TRY(skip(w, type->parts[i].type, depth));
        }
        return SL_OK;
    default:
        return skip_blocks(w, type, depth);
    }
}

static sl_code skip(walk *w, const sli_avro_type *type, int depth)
{
    int64_t number = 0;
    if (type->empty) {
        return SL_OK;
    }
    switch (type->kind) {
    case SLI_AVRO_BOOLEAN:
        return skip_bytes(w, 1);
    case SLI_AVRO_INT:
    case SLI_AVRO_LONG:
    case SLI_AVRO_ENUM:
        return take_long(w, &number);
    case SLI_AVRO_FLOAT:
        return skip_bytes(w, 4);
    case SLI_AVRO_DOUBLE:
        return skip_bytes(w, 8);
    case SLI_AVRO_BYTES:
    case SLI_AVRO_STRING:
        return skip_sized(w);
    case SLI_AVRO_FIXED:
        return skip_bytes(w, type->size);
    default:
        return depth == SLI_AVRO_DEPTH ? wrong(w, "values nested more than 64 deep")
                                       : skip_nested(w, type, depth + 1);
    }
}

// ---------------------------------------------------------------- one cell

static sl_code read_boolean(walk *w, sli_datum *out)
{
    const char *at = NULL;
    SL_TRY(take_bytes(w, 1, &at));
    out->i = *at;
    return *at == 0 || *at == 1 ? SL_OK : wrong(w, "a boolean that is neither 0 nor 1");
}

static sl_code read_integer(walk *w, const sli_avro_step *step, sli_datum *out)
{
    const sli_avro_type *type = step->of.type;
    int64_t value = 0;
    SL_TRY(take_long(w, &value));
    if (type->kind == SLI_AVRO_INT && (value < INT32_MIN || value > INT32_MAX)) {
        return wrong(w, "an int of more than 32 bits");
    }
    if (type->logical == SLI_AVRO_MILLIS && __builtin_mul_overflow(value, 1000, &value)) {
        return wrong(w, "a time out of range");
    }
    if (step->field->type == SL_FLOAT32 || step->field->type == SL_FLOAT64) {
        out->d = (double)value;
    } else {
        out->i = value;
    }
    return SL_OK;
}

static sl_code read_float(walk *w, sli_datum *out)
{
    const char *at = NULL;
    float value;
    SL_TRY(take_bytes(w, sizeof value, &at));
    memcpy(&value, at, sizeof value);
    out->d = (double)value;
    return SL_OK;
}

static sl_code read_double(walk *w, sli_datum *out)
{
    const char *at = NULL;
    SL_TRY(take_bytes(w, sizeof out->d, &at));
    memcpy(&out->d, at, sizeof out->d);
    return SL_OK;
}

/// Text that isn't as it stands in the input.
static sl_code own_text(walk *w, const char *text, size_t size, sli_datum *out)
{
    int32_t buffer;
    int64_t offset;
    char *own =
        size > INT32_MAX ? NULL : sli_rows_own(w->reader->rows, (int64_t)size, &buffer, &offset);
    if (own == NULL) {
        return sl_error_nomem(w->err, size, "text of a field");
    }
    memcpy(own, text, size);
    out->v = sli_view_near(own, buffer, offset, (int64_t)size);
    return SL_OK;
}

static sl_code repair(walk *w, const char *at, int64_t size, int64_t good, sli_datum *out)
{
    sli_avro_reader *reader = w->reader;
    if (reader->utf8 != SLI_BAD_REPLACE) {
        bool first = reader->not_utf8 < 0;
        reader->not_utf8 = first ? at - w->data + good : reader->not_utf8;
        out->v = (sl_view){.size = 0};
        return SL_OK;
    }
    sli_str_clear(&reader->repaired);
    reader->replaced += sli_utf8_repair(at, (size_t)size, &reader->repaired);
    SL_TRY(sli_str_check(&reader->repaired, "repaired text", w->err));
    return own_text(w, reader->repaired.data, reader->repaired.size, out);
}

static sl_code read_text(walk *w, const sli_avro_step *step, sli_datum *out)
{
    const char *at = NULL;
    int64_t size = step->of.type->size;
    SL_TRY(step->of.type->kind == SLI_AVRO_FIXED ? take_bytes(w, size, &at)
                                                 : take_sized(w, &at, &size));
    if (step->field->type == SL_STRING) {
        int64_t good = (int64_t)sli_utf8_check(at, (size_t)size);
        if (good < size) {
            return repair(w, at, size, good, out);
        }
    }
    out->v = sli_view_near(at, 0, at - w->data, size);
    return SL_OK;
}

static sl_code read_symbol(walk *w, const sli_avro_type *type, sli_datum *out)
{
    int32_t index = 0;
    SL_TRY(take_index(w, type->n, "symbol", &index));
    const char *text = type->symbols[index];
    size_t size = strlen(text);
    if (size > SL_VIEW_INLINE) {
        return own_text(w, text, size, out);
    }
    out->v = sli_view_of(text, 0, 0, (int64_t)size);
    return SL_OK;
}

__extension__ typedef __int128 wide;

/// Whether the number has at most so many digits.
static bool has_digits(wide value, int digits)
{
    wide limit = 1;
    while (digits-- > 0) {
        limit *= 10; // 10^38 fits
    }
    return value > -limit && value < limit;
}

/// Two's complement, the first byte first.
static sl_code read_decimal(walk *w, const sli_avro_type *type, sli_datum *out)
{
    const char *at = NULL;
    int64_t size = type->size;
    SL_TRY(type->kind == SLI_AVRO_FIXED ? take_bytes(w, size, &at) : take_sized(w, &at, &size));
    uint8_t sign = size > 0 && (*at & 0x80) != 0 ? 0xFF : 0;
    bool fits = true;
    for (; size > (int64_t)sizeof(wide); size--, at++) {
        fits = fits && (uint8_t)*at == sign;
    }
    sli_u128 bits = sign == 0 ? 0 : ~(sli_u128)0;
    for (int64_t i = 0; i < size; i++) {
        bits = bits << 8 | (uint8_t)at[i];
    }
    wide value = (wide)bits;
    if (!fits || (value < 0) != (sign != 0) || !has_digits(value, (int)type->precision)) {
        return wrong(w, "a decimal of more than %d digits", (int)type->precision);
    }
    out->decimal.low = (uint64_t)bits;
    out->decimal.high = (int64_t)(value >> 64);
    return SL_OK;
}

// ---------------------------------------------------------------- values, nested ones too

static sl_code read_value(walk *w, const sli_avro_step *step, sli_datum *out, bool *present);

static sl_code read_items(walk *w, const sli_avro_step *item, int64_t n, sli_node ***end)
{
    for (int64_t i = 0; i < n; i++) {
        sli_node *node = sli_rows_node(w->reader->rows);
        if (node == NULL) {
            return sl_error_nomem(w->err, sizeof *node, "an item");
        }
        **end = node;
        *end = &node->next;
        SL_TRY(read_value(w, item, &node->datum, &node->present));
    }
    return SL_OK;
}

static sl_code read_list(walk *w, const sli_avro_step *step, sli_node **out)
{
    sli_node **end = out;
    *out = NULL;
    for (;;) {
        int64_t n = 0, size = 0;
        SL_TRY(take_block(w, step->of.type->parts[0].type, &n, &size));
        if (n == 0) {
            return SL_OK;
        }
        int64_t from = w->at;
        SL_TRY(read_items(w, step->steps, n, &end));
        if (size >= 0 && w->at - from != size) {
            return wrong(w, "a block of %" PRId64 " bytes that tells %" PRId64, w->at - from, size);
        }
    }
}

static sl_code read_struct(walk *w, const sli_avro_step *step, sli_node **out)
{
    const sli_avro_type *record = step->of.type;
    sli_node *nodes = sli_rows_nodes(w->reader->rows, step->field->n_children);
    if (nodes == NULL) {
        return sl_error_nomem(w->err, sizeof *nodes, "a nested field");
    }
    for (int32_t i = 0; i < record->n; i++) {
        const sli_avro_step *part = &step->steps[i];
        sli_node *node = &nodes[part->slot < 0 ? 0 : part->slot];
        sl_code rc = part->slot < 0 ? skip(w, record->parts[i].type, 0)
                                    : read_value(w, part, &node->datum, &node->present);
        if (rc != SL_OK) {
            return sl_error_wrap(w->err, rc, "field '%s'", record->parts[i].name);
        }
    }
    *out = nodes;
    return SL_OK;
}

static sl_code read_there(walk *w, const sli_avro_step *step, sli_datum *out)
{
    const sli_avro_type *type = step->of.type;
    if (type->logical == SLI_AVRO_DECIMAL) {
        return read_decimal(w, type, out);
    }
    switch (type->kind) {
    case SLI_AVRO_BOOLEAN:
        return read_boolean(w, out);
    case SLI_AVRO_INT:
    case SLI_AVRO_LONG:
        return read_integer(w, step, out);
    case SLI_AVRO_FLOAT:
        return read_float(w, out);
    case SLI_AVRO_DOUBLE:
        return read_double(w, out);
    case SLI_AVRO_ENUM:
        return read_symbol(w, type, out);
    case SLI_AVRO_ARRAY:
        return read_list(w, step, &out->node);
    case SLI_AVRO_RECORD:
        return read_struct(w, step, &out->node);
    default:
        return read_text(w, step, out);
    }
}

static sl_code read_value(walk *w, const sli_avro_step *step, sli_datum *out, bool *present)
{
    *present = true;
    if (step->of.n_branches > 0) {
        int32_t branch = 0;
        SL_TRY(take_index(w, step->of.n_branches, "branch", &branch));
        *present = branch != step->of.null_branch;
    }
    if (*present) {
        return read_there(w, step, out);
    }
    return step->field->nullable ? SL_OK : wrong(w, "null, where the column takes none");
}

sl_code sli_avro_read(sli_avro_reader *reader, const char *data, int64_t *at, int64_t to,
                      sl_error *err)
{
    walk w = {.reader = reader, .data = data, .from = *at, .at = *at, .end = to, .err = err};
    const sli_avro_type *record = reader->record;
    reader->not_utf8 = -1;
    for (int32_t i = 0; i < record->n; i++) {
        const sli_avro_step *step = &reader->steps[i];
        bool present = false;
        sl_code rc = SL_OK;
        if (step->slot < 0) {
            rc = skip(&w, record->parts[i].type, 0);
        } else {
            rc = read_value(&w, step, sli_rows_cell(reader->rows, step->slot), &present);
            sli_rows_set(reader->rows, step->slot, present);
        }
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "field '%s'", record->parts[i].name);
        }
    }
    *at = w.at;
    return SL_OK;
}
