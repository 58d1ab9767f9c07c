// codes.c — hash codes of cells by Java's rules: where Spark's HashPartitioner puts a key.
//
// The hash of hash.c says which rows are equal and where state lives. This one says where
// partitionBy puts a row, so that a partition has the keys that it has in Spark. README.md, "Hash
// codes", is the table; where Java has no rule (a null, a row of several columns) it says which one
// was taken.
#include "col/col_int.h"

#include <string.h>

/// As a list of Java makes one code of many.
static uint32_t combine(uint32_t so_far, uint32_t next)
{
    return 31 * so_far + next;
}

static uint32_t folded(uint64_t bits)
{
    return (uint32_t)(bits ^ bits >> 32);
}

/// The character at text[*at], which moves behind it. The text is UTF-8.
static uint32_t next_character(const char *text, size_t *at)
{
    uint32_t first = (uint8_t)text[(*at)++];
    int tails = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t character = first & (0x3fU >> tails);
    for (int i = 0; i < tails; i++) {
        character = character << 6 | ((uint8_t)text[(*at)++] & 0x3fU);
    }
    return character;
}

/// Java's texts are UTF-16: a character beyond 0xffff counts as two.
static uint32_t code_of_text(sl_text text)
{
    uint32_t code = 0;
    for (size_t at = 0; at < text.size;) {
        if ((uint8_t)text.data[at] < 0x80) {
            code = combine(code, (uint8_t)text.data[at++]);
            continue;
        }
        uint32_t character = next_character(text.data, &at);
        if (character > 0xffff) {
            code = combine(code, 0xd7c0U + (character >> 10));
            character = 0xdc00U | (character & 0x3ffU);
        }
        code = combine(code, character);
    }
    return code;
}

static uint32_t code_of_bytes(sl_text bytes)
{
    uint32_t code = 1;
    for (size_t i = 0; i < bytes.size; i++) {
        code = combine(code, (uint32_t)(int8_t)bytes.data[i]);
    }
    return code;
}

/// BigDecimal's: of the unscaled number's 32-bit digits, the highest first, and of the scale.
static uint32_t code_of_decimal(const uint64_t words[2], int8_t scale)
{
    bool negative = words[1] >> 63 != 0;
    uint64_t low = negative ? ~words[0] + 1 : words[0];
    uint64_t high = negative ? ~words[1] + (low == 0) : words[1];
    uint32_t code = 0;
    for (int i = 3; i >= 0; i--) {
        code = combine(code, (uint32_t)((i > 1 ? high : low) >> 32 * (i % 2)));
    }
    return combine(negative ? 0U - code : code, (uint32_t)scale);
}

static uint32_t code_of(const sl_field *field, const sl_column *column, int64_t row);

static uint32_t code_of_list(const sl_field *field, const sl_column *column, int64_t row)
{
    const int32_t *offsets = column->values;
    uint32_t code = 1;
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        code = combine(code, code_of(field->children, column->children, i));
    }
    return code;
}

static uint32_t code_of_struct(const sl_field *field, const sl_column *column, int64_t row)
{
    uint32_t code = 1;
    for (int32_t i = 0; i < column->n_children; i++) {
        code = combine(code, code_of(&field->children[i], &column->children[i], row));
    }
    return code;
}

static uint32_t code_of(const sl_field *field, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        return 0;
    }
    switch (column->type) {
    case SL_BOOL:
        return sl_column_bool(column, row) ? 1231 : 1237;
    case SL_FLOAT32:
        return sli_row_float32_bits(((const float *)column->values)[row]);
    case SL_FLOAT64:
        return folded(sli_row_float64_bits(sl_column_float64(column, row)));
    case SL_DECIMAL:
        return code_of_decimal((const uint64_t *)column->values + 2 * row, field->scale);
    case SL_STRING:
        return code_of_text(sl_column_text(column, row));
    case SL_BINARY:
        return code_of_bytes(sl_column_text(column, row));
    case SL_LIST:
        return code_of_list(field, column, row);
    case SL_STRUCT:
        return code_of_struct(field, column, row);
    case SL_INT64:
    case SL_UINT64:
    case SL_UINT32:
    case SL_TIMESTAMP:
    case SL_OPAQUE:
        return folded((uint64_t)sli_integer_at(column, row));
    default:
        return (uint32_t)sli_integer_at(column, row);
    }
}

void sli_batch_codes(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                     int32_t *codes)
{
    for (int32_t c = 0; c < n_columns; c++) {
        const sl_field *field = sl_schema_field(sl_batch_schema(batch), columns[c]);
        const sl_column *column = sl_batch_column(batch, columns[c]);
        for (int64_t i = 0; i < column->n_rows; i++) {
            uint32_t code = code_of(field, column, i);
            uint32_t before = c == 0 ? 1 : (uint32_t)codes[i];
            codes[i] = (int32_t)(n_columns == 1 ? code : combine(before, code));
        }
    }
}
