// avro_write.c — rows to Avro records. That the columns fit was seen when the plan was made; what
// is left to refuse lies in the cells.
#include "format/avro/avro_int.h"

#include <inttypes.h>

__extension__ typedef __int128 wide;

static sl_code put_cell(sli_str *out, const sli_avro_step *step, const sl_column *column,
                        int64_t row, sl_error *err);

static int64_t integer_of(const sl_column *column, int64_t row)
{
    switch (column->type) {
    case SL_INT8:
        return ((const int8_t *)column->values)[row];
    case SL_UINT8:
        return ((const uint8_t *)column->values)[row];
    case SL_INT16:
        return ((const int16_t *)column->values)[row];
    case SL_UINT16:
        return ((const uint16_t *)column->values)[row];
    case SL_UINT32:
        return ((const uint32_t *)column->values)[row];
    case SL_INT32:
    case SL_DATE:
        return ((const int32_t *)column->values)[row];
    default:
        return sl_column_int64(column, row);
    }
}

static int64_t millis_of(int64_t us)
{
    return us / 1000 - (us % 1000 < 0); // what is less than a millisecond is cut, towards the past
}

static void put_sized(sli_str *out, const char *data, size_t size)
{
    sli_put_zigzag(out, (int64_t)size);
    sli_str_add(out, data, size);
}

static sl_code put_symbol(sli_str *out, const sli_avro_type *type, sl_text text, sl_error *err)
{
    for (int32_t i = 0; i < type->n; i++) {
        if (sli_text_is(text, type->symbols[i])) {
            sli_put_zigzag(out, i);
            return SL_OK;
        }
    }
    return sl_error_set(err, SL_E_DATA, "'%.*s' is no symbol of %s",
                        (int)(text.size < 64 ? text.size : 64), text.data, type->name);
}

static sl_code put_fixed(sli_str *out, const sli_avro_type *type, sl_text text, sl_error *err)
{
    if ((int64_t)text.size != type->size) {
        return sl_error_set(err, SL_E_DATA, "%zu bytes, where %s has %" PRId64, text.size,
                            type->name, type->size);
    }
    sli_str_add(out, text.data, text.size);
    return SL_OK;
}

/// Two's complement, the first byte first: as few bytes as it takes, or as a fixed has.
static sl_code put_decimal(sli_str *out, const sli_avro_type *type, const sl_column *column,
                           int64_t row, sl_error *err)
{
    wide value;
    memcpy(&value, (const char *)column->values + row * (int64_t)sizeof value, sizeof value);
    int64_t need = 1;
    for (wide rest = value; rest < -128 || rest > 127; rest >>= 8) {
        need++;
    }
    int64_t size = type->kind == SLI_AVRO_FIXED ? type->size : need;
    if (size < need) {
        return sl_error_set(err, SL_E_DATA, "a decimal of %" PRId64 " bytes, where %s has %" PRId64,
                            need, type->name, type->size);
    }
    if (type->kind == SLI_AVRO_BYTES) {
        sli_put_zigzag(out, size);
    }
    for (int64_t i = size - 1; i >= 0; i--) {
        bool beyond = i >= (int64_t)sizeof value;
        sli_str_char(out, (char)(beyond ? value < 0 ? -1 : 0 : (int)(uint8_t)(value >> (8 * i))));
    }
    return SL_OK;
}

static sl_code put_list(sli_str *out, const sli_avro_step *step, const sl_column *column,
                        int64_t row, sl_error *err)
{
    const int32_t *offsets = column->values;
    if (offsets[row] < offsets[row + 1]) {
        sli_put_zigzag(out, offsets[row + 1] - offsets[row]);
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            SL_TRY(put_cell(out, step->steps, &column->children[0], i, err));
        }
    }
    sli_put_zigzag(out, 0);
    return SL_OK;
}

/// The fields of a record, in Avro's order, from columns side by side.
static sl_code put_struct(sli_str *out, const sli_avro_step *step, const sl_column *column,
                          int64_t row, sl_error *err)
{
    const sli_avro_type *record = step->of.type;
    for (int32_t i = 0; i < record->n; i++) {
        const sli_avro_step *part = &step->steps[i];
        sl_code rc = put_cell(out, part, &column->children[part->slot], row, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "field '%s'", record->parts[i].name);
        }
    }
    return SL_OK;
}

static void put_float(sli_str *out, sli_avro_kind kind, const sl_column *column, int64_t row)
{
    double value = column->type == SL_FLOAT32 ? (double)((const float *)column->values)[row]
                                              : sl_column_float64(column, row);
    float narrow = (float)value; // of a column of float32 alone
    if (kind == SLI_AVRO_FLOAT) {
        sli_str_add(out, &narrow, sizeof narrow);
    } else {
        sli_str_add(out, &value, sizeof value);
    }
}

static sl_code put_text(sli_str *out, const sli_avro_type *type, sl_text text, sl_error *err)
{
    switch (type->kind) {
    case SLI_AVRO_ENUM:
        return put_symbol(out, type, text, err);
    case SLI_AVRO_FIXED:
        return put_fixed(out, type, text, err);
    default:
        put_sized(out, text.data, text.size);
        return SL_OK;
    }
}

static sl_code put_there(sli_str *out, const sli_avro_step *step, const sl_column *column,
                         int64_t row, sl_error *err)
{
    const sli_avro_type *type = step->of.type;
    switch (column->type) {
    case SL_BOOL:
        sli_str_char(out, sl_column_bool(column, row));
        return SL_OK;
    case SL_FLOAT32:
    case SL_FLOAT64:
        put_float(out, type->kind, column, row);
        return SL_OK;
    case SL_STRING:
    case SL_BINARY:
        return put_text(out, type, sl_column_text(column, row), err);
    case SL_DECIMAL:
        return put_decimal(out, type, column, row, err);
    case SL_LIST:
        return put_list(out, step, column, row, err);
    case SL_STRUCT:
        return put_struct(out, step, column, row, err);
    default: {
        int64_t value = integer_of(column, row);
        sli_put_zigzag(out, type->logical == SLI_AVRO_MILLIS ? millis_of(value) : value);
        return SL_OK;
    }
    }
}

static sl_code put_cell(sli_str *out, const sli_avro_step *step, const sl_column *column,
                        int64_t row, sl_error *err)
{
    bool is_null = sl_column_is_null(column, row);
    const sli_avro_peeled *of = &step->of;
    if (is_null && of->null_branch < 0) {
        return sl_error_set(err, SL_E_DATA, "a null, which its Avro type does not take");
    }
    if (of->n_branches > 0) {
        bool second = is_null ? of->null_branch == 1 : of->null_branch == 0;
        sli_put_zigzag(out, second);
    }
    return is_null ? SL_OK : put_there(out, step, column, row, err);
}

bool sli_avro_may_refuse(const sli_avro_type *record, const sli_avro_step *steps)
{
    for (int32_t i = 0; i < record->n; i++) {
        const sli_avro_peeled *of = &steps[i].of;
        bool is_plain = of->type != NULL && of->type->kind <= SLI_AVRO_STRING;
        if (!is_plain || (steps[i].field->nullable && of->null_branch < 0)) {
            return true;
        }
    }
    return false;
}

sl_code sli_avro_write(sli_str *out, const sli_avro_type *record, const sli_avro_step *steps,
                       const sl_batch *rows, int64_t row, sl_error *err)
{
    for (int32_t i = 0; i < record->n; i++) {
        sl_code rc = put_cell(out, &steps[i], sl_batch_column(rows, steps[i].slot), row, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "field '%s'", record->parts[i].name);
        }
    }
    return sli_str_check(out, "an Avro record", err);
}
