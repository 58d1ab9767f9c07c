/// groups_keys.c — what a group table's keys are: as cells of a batch, and as row bytes.

#include "col/groups_int.h"

#include <string.h>

/// The key's bytes: in the key itself, or in the arena.
static const char *bytes_of(const sli_group_key *key)
{
    return (int32_t)key->low > SL_VIEW_INLINE ? SLI_UNCONST(const char, key->high)
                                              : (const char *)key + sizeof(int32_t);
}

static void put_key(const sli_groups *groups, const sli_group_key *key, sli_cells *cells)
{
    if ((uint32_t)key->low == SLI_GROUP_NULL) {
        sli_cells_null(cells);
    } else if (groups->kind == SLI_GROUP_INTEGER) {
        sli_cells_fixed(cells, &key->high); // little-endian: the low bytes come first
    } else {
        sli_cells_text(cells, bytes_of(key), (int32_t)key->low);
    }
}

/// Short texts are views already: copied whole, long ones replaced after.
static void put_texts(const sli_groups *groups, int64_t from, int64_t n, sli_cells *cells)
{
    for (int64_t i = from; i < from + n;) {
        int64_t end = i;
        while (end < from + n && !sli_group_is_long(SLI_GROUP_TEXT, groups->keys[end])) {
            end++;
        }
        void *to = sli_cells_reserve(cells, end - i);
        if (to == NULL) {
            return;
        }
        memcpy(to, groups->keys + i, (size_t)(end - i) * sizeof(sli_group_key));
        if (end < from + n) {
            put_key(groups, &groups->keys[end++], cells);
        }
        i = end;
    }
}

sl_code sli_groups_keys(const sli_groups *groups, int64_t from, int64_t n, sl_builder *out,
                        int32_t first_column, sl_error *err)
{
    SL_ASSERT(from >= 0 && n >= 0 && from + n <= groups->n, "only groups that exist have keys");
    SL_ASSERT(first_column >= 0 && groups->n_columns <= out->n_columns - first_column,
              "the builder has the key's columns");
    for (int32_t i = 0; i < groups->n_columns; i++) {
        const sl_field *want = sl_schema_field(groups->schema, groups->columns[i]);
        if (!sli_field_same_type(want, out->cells[first_column + i].field)) {
            return sl_error_set(err, SL_E_INVALID, "key column \"%s\" is %s, the builder's is %s",
                                want->name, sli_type_name(want->type),
                                sli_type_name(out->cells[first_column + i].field->type));
        }
    }
    if (groups->kind == SLI_GROUP_TEXT && !groups->has_null) {
        put_texts(groups, from, n, &out->cells[first_column]);
        return sli_builder_check(out, err);
    }
    if (groups->kind == SLI_GROUP_WORDS) {
        sli_words_cells(groups->schema, groups->columns, groups->n_columns, groups->keys + from, n,
                        out, first_column);
        return sli_builder_check(out, err);
    }
    for (int64_t i = from; i < from + n; i++) {
        const sli_group_key *key = &groups->keys[i];
        if (groups->kind == SLI_GROUP_ROW) {
            sl_bytes row = {bytes_of(key), (size_t)(int32_t)key->low};
            SL_TRY(sli_row_get(row, out, first_column, groups->n_columns, err));
        } else {
            put_key(groups, key, &out->cells[first_column]);
        }
    }
    return sli_builder_check(out, err);
}

void sli_groups_row(const sli_groups *groups, int64_t group, sli_str *out)
{
    const sli_group_key *key = &groups->keys[group];
    if (groups->kind == SLI_GROUP_WORDS) {
        sli_words_row(groups->schema, groups->columns, groups->n_columns, key, out);
    } else if ((uint32_t)key->low == SLI_GROUP_NULL) {
        sli_row_put_null(out);
    } else if (groups->kind == SLI_GROUP_ROW) {
        sli_str_add(out, bytes_of(key), (size_t)(int32_t)key->low);
    } else if (groups->kind == SLI_GROUP_TEXT) {
        sli_row_put_text(out, (sl_text){bytes_of(key), (size_t)(int32_t)key->low});
    } else {
        sl_type type = sl_schema_field(groups->schema, groups->columns[0])->type;
        sli_put_u8(out, 1);
        sli_str_add(out, &key->high, (size_t)sli_type_width(type)); // the low bytes come first
    }
}
