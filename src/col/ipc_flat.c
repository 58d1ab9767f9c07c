/// ipc_flat.c — FlatBuffers, as far as Arrow's metadata needs them: tables, lists, numbers, texts.
///
/// Places in a FlatBuffer are relative and anybody's; each is checked against the bytes that are
/// there before it is followed. A place can only lead forward, but for a table's list of fields, so
/// nothing goes round in circles.

#include "col/ipc_int.h"

bool sli_flat_number(const uint8_t *data, int64_t size, int64_t at, int width, int64_t *out)
{
    if (at < 0 || at > size - width) {
        return false;
    }
    uint64_t value = 0;
    memcpy(&value, data + at, (size_t)width);
    *out = (int64_t)value;
    return true;
}

static bool open_table(const uint8_t *data, int64_t size, int64_t at, sli_flat *out)
{
    int64_t back = 0, vtable_size = 0;
    if (!sli_flat_number(data, size, at, 4, &back)) {
        return false;
    }
    int64_t vtable = at - (int32_t)(uint32_t)back;
    if (!sli_flat_number(data, size, vtable, 2, &vtable_size) || vtable_size < 4 ||
        vtable_size > size - vtable) {
        return false;
    }
    *out = (sli_flat){data, size, at, vtable + 4, (vtable_size - 4) / 2};
    return true;
}

bool sli_flat_root(const uint8_t *data, int64_t size, sli_flat *out)
{
    int64_t root = 0;
    return sli_flat_number(data, size, 0, 4, &root) && open_table(data, size, root, out);
}

/// Place of a field, 0 when the table lacks it.
static int64_t field_at(const sli_flat *t, int field)
{
    int64_t offset = 0;
    if (field >= t->n_fields ||
        !sli_flat_number(t->data, t->size, t->fields + 2 * field, 2, &offset)) {
        return 0;
    }
    return offset == 0 ? 0 : t->at + offset;
}

bool sli_flat_has(const sli_flat *t, int field)
{
    return field_at(t, field) != 0;
}

bool sli_flat_scalar(const sli_flat *t, int field, int width, int64_t otherwise, int64_t *out)
{
    int64_t at = field_at(t, field);
    *out = otherwise;
    return at == 0 || sli_flat_number(t->data, t->size, at, width, out);
}

/// Follows the offset in a field: where the table, list or text begins.
static bool follow(const sli_flat *t, int field, int64_t *out)
{
    int64_t at = field_at(t, field), offset = 0;
    if (at == 0 || !sli_flat_number(t->data, t->size, at, 4, &offset)) {
        return false;
    }
    *out = at + offset;
    return true;
}

bool sli_flat_table(const sli_flat *t, int field, sli_flat *out)
{
    int64_t at = 0;
    return follow(t, field, &at) && open_table(t->data, t->size, at, out);
}

bool sli_flat_list(const sli_flat *t, int field, int width, const uint8_t **out, int64_t *n)
{
    int64_t at = 0;
    *out = NULL;
    *n = 0;
    if (!sli_flat_has(t, field)) {
        return true;
    }
    if (!follow(t, field, &at) || !sli_flat_number(t->data, t->size, at, 4, n) ||
        *n > (t->size - at - 4) / width) {
        return false;
    }
    *out = t->data + at + 4;
    return true;
}

bool sli_flat_item(const sli_flat *t, const uint8_t *list, int64_t i, sli_flat *out)
{
    int64_t at = list - t->data + 4 * i, offset = 0;
    return sli_flat_number(t->data, t->size, at, 4, &offset) &&
           open_table(t->data, t->size, at + offset, out);
}

bool sli_flat_text(const sli_flat *t, int field, sl_text *out)
{
    const uint8_t *text = NULL;
    int64_t n = 0;
    bool good = sli_flat_list(t, field, 1, &text, &n);
    *out = n == 0 ? (sl_text){"", 0} : (sl_text){(const char *)text, (size_t)n};
    return good;
}
