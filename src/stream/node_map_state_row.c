// mapWithState: one key's state between the bytes of the table and the plain values that functions
// work on, and what functions do to it.
#include "stream/node_map_state.h"

#include "base/bytes.h"

// ---------------------------------------------------------------- bytes

static sl_type type_of(const sli_map_state_body *body, int32_t column)
{
    return sl_schema_field(body->touched.def.state_schema, column)->type;
}

// A state of wide columns without a null is the usual one: 9 bytes a column, behind 9 of a time.

enum { WIDE_CELL = 9 };

static size_t wide_bytes(const sli_map_state_body *body)
{
    return WIDE_CELL * ((size_t)body->n_columns + (body->touched.def.ttl_us > 0));
}

/// False, and nothing was read: it is no such state.
static bool get_wide(const sli_map_state_body *body, sl_bytes value, sl_state_row *row)
{
    const char *at = value.data;
    if (!body->is_wide || value.size != wide_bytes(body)) {
        return false;
    }
    for (const char *cell = at, *end = at + value.size; cell < end; cell += WIDE_CELL) {
        if (*cell != 1) {
            return false; // damaged
        }
    }
    at += body->touched.def.ttl_us > 0 ? WIDE_CELL : 0;
    for (int32_t c = 0; c < body->n_columns; c++, at += WIDE_CELL) {
        memcpy(&row->cells[c], at + 1, WIDE_CELL - 1);
    }
    row->flags = SL_STATE_EXISTS | SL_STATE_KNOWN;
    return true;
}

static sl_code get_text(sli_reader *r, sl_arena *memory, sl_text *out, sl_error *err)
{
    sl_bytes text = sli_get_bytes(r);
    const char *copy = sl_arena_copy(memory, text.data == NULL ? "" : text.data, text.size);
    if (copy == NULL) {
        return sl_error_nomem(err, text.size, "a text of a state");
    }
    *out = (sl_text){copy, text.size};
    return SL_OK;
}

sl_code sli_map_state_get(const sli_map_state_body *body, sl_bytes value, sl_state_row *row,
                          sl_arena *memory, sl_error *err)
{
    int64_t touched_us = 0;
    sl_bytes state = {NULL, 0};
    if (get_wide(body, value, row)) {
        return SL_OK;
    }
    SL_TRY(sli_ttl_split(&body->touched.def, value, &touched_us, &state, err));
    sli_reader r = sli_reader_of(state);
    row->flags = SL_STATE_EXISTS | SL_STATE_KNOWN;
    for (int32_t c = 0; c < body->n_columns; c++) {
        sl_state_cell *cell = &row->cells[c];
        bool has_value = sli_row_has_value(&r);
        if (!has_value) {
            row->nulls |= (uint64_t)1 << c;
        }
        if (body->kinds[c] == SL_STATE_TEXT) {
            cell->text = (sl_text){"", 0};
            SL_TRY(has_value ? get_text(&r, memory, &cell->text, err) : SL_OK);
        } else if (has_value && body->kinds[c] == SL_STATE_FLOAT64) {
            cell->float64 = sli_row_get_float64(&r, type_of(body, c));
        } else if (has_value) {
            cell->int64 = sli_row_get_int64(&r, type_of(body, c));
        }
    }
    return sli_reader_done(&r, "a state", err);
}

static sl_code put_cell(const sli_map_state_body *body, const sl_state_row *row, int32_t c,
                        sli_str *out, sl_error *err)
{
    const sl_state_cell *cell = &row->cells[c];
    if ((row->nulls >> c & 1) != 0) {
        sli_row_put_null(out);
    } else if (body->kinds[c] == SL_STATE_FLOAT64) {
        sli_row_put_float64(out, type_of(body, c), cell->float64);
    } else if (body->kinds[c] == SL_STATE_INT64) {
        if (!sli_row_put_int64(out, type_of(body, c), cell->int64)) {
            sl_text type = sli_column_type_text(body->touched.def.state_schema, c);
            return sl_error_set(err, SL_E_DATA, "state column \"%s\": %lld is outside %.*s",
                                sl_schema_field(body->touched.def.state_schema, c)->name,
                                (long long)cell->int64, (int)type.size, type.data);
        }
    } else if (cell->text.size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "state column \"%s\": a text of %zu bytes",
                            sl_schema_field(body->touched.def.state_schema, c)->name,
                            cell->text.size);
    } else {
        sli_row_put_text(out, cell->text);
    }
    return SL_OK;
}

static void put_wide_cell(char *at, uint64_t bits)
{
    *at = 1;
    memcpy(at + 1, &bits, sizeof bits);
}

/// False, and nothing was put: it is no such state.
static bool put_wide(const sli_map_state_body *body, const sl_state_row *row, int64_t time_us,
                     sli_str *out)
{
    if (!body->is_wide || row->nulls != 0 || time_us == SLI_TTL_UNKNOWN) {
        return false;
    }
    char *at = sli_str_extend(out, wide_bytes(body));
    if (at != NULL && body->touched.def.ttl_us > 0) {
        put_wide_cell(at, (uint64_t)time_us);
        at += WIDE_CELL;
    }
    for (int32_t c = 0; c < body->n_columns && at != NULL; c++, at += WIDE_CELL) {
        const sl_state_cell *cell = &row->cells[c];
        put_wide_cell(at, body->kinds[c] == SL_STATE_FLOAT64 ? sli_row_float64_bits(cell->float64)
                                                             : (uint64_t)cell->int64);
    }
    return true;
}

sl_code sli_map_state_put(const sli_map_state_body *body, const sl_state_row *row, int64_t time_us,
                          sli_str *out, sl_error *err)
{
    if (put_wide(body, row, time_us, out)) {
        return SL_OK;
    }
    sli_ttl_put(&body->touched.def, out, time_us);
    for (int32_t c = 0; c < body->n_columns; c++) {
        SL_TRY(put_cell(body, row, c, out, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- what functions do

void sl_state_create(const sl_state *state)
{
    const sl_map_state_call *call = state->call;
    state->row->flags |= SL_STATE_EXISTS;
    state->row->nulls = call->nullable;
    state->row->owned = 0;
    for (int32_t c = 0; c < call->n_columns; c++) {
        state->row->cells[c] = (sl_state_cell){.int64 = 0};
        if (call->kinds[c] == SL_STATE_TEXT) {
            state->row->cells[c].text = (sl_text){"", 0};
        }
    }
}

void sl_state_set_null(const sl_state *state, int32_t column)
{
    const sl_map_state_call *call = state->call;
    bool there = column >= 0 && column < call->n_columns;
    if (there && (call->nullable >> column & 1) == 0) {
        sl_state_misused(state, SL_STATE_NOT_NULLABLE);
    } else if (sl_state_may_set(state, column, there ? call->kinds[column] : SL_STATE_INT64)) {
        state->row->nulls |= (uint64_t)1 << column;
        if (call->kinds[column] == SL_STATE_TEXT) {
            state->row->cells[column].text = (sl_text){"", 0};
            state->row->owned &= ~((uint64_t)1 << column);
        } else {
            state->row->cells[column].int64 = 0;
        }
    }
}

/// What was allocated for a text of this size: texts that grow are not copied to new memory each
/// time.
static size_t room_of(size_t size)
{
    size_t room = 16;
    while (room < size) {
        room *= 2;
    }
    return room;
}

void sl_state_set_text(const sl_state *state, int32_t column, const char *data, size_t size)
{
    if (!sl_state_may_set(state, column, SL_STATE_TEXT)) {
        return;
    }
    sl_state_row *row = state->row;
    sl_text *text = &row->cells[column].text;
    bool fits = (row->owned >> column & 1) != 0 && room_of(text->size) >= size;
    char *to = fits ? (char *)(uintptr_t)text->data // allocated here
                    : sl_arena_alloc(state->call->log->memory, room_of(size));
    if (to == NULL) {
        state->call->log->no_memory = true;
        return;
    }
    if (size > 0) {
        memmove(to, data, size); // it may be a part of the state's own text
    }
    row->owned |= (uint64_t)1 << column;
    *text = (sl_text){to, size};
}

// ---------------------------------------------------------------- mistakes

sl_code sli_map_state_misuse(const sl_state_log *log, sl_error *err)
{
    static const char *const texts[] = {
        [SL_STATE_NOT_SET] = "it reads a state that is not set: ask sl_state_exists before",
        [SL_STATE_SET_AFTER_REMOVE] = "it updates a state that it has removed",
        [SL_STATE_REMOVED_TWICE] = "it removes a state that it has removed",
        [SL_STATE_SET_AT_END] = "it updates a state that is timing out",
        [SL_STATE_REMOVED_AT_END] = "it removes a state that is timing out: that goes by itself",
        [SL_STATE_OTHER_TYPE] = "it asks for a column that the state does not have, or that has "
                                "another type",
        [SL_STATE_NOT_NULLABLE] = "it sets a column to null that can't be: write its type with '?'",
    };
    if (log->no_memory) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for a text of a state");
    }
    return log->misuse == 0 ? SL_OK : sl_error_set(err, SL_E_USER, "%s", texts[log->misuse]);
}

static void put_value(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
    } else if (column->type == SL_STRING) {
        sl_text text = sl_column_text(column, row);
        sli_str_printf(out, "'%.*s'", text.size > 100 ? 100 : (int)text.size, text.data);
    } else if (column->type == SL_BOOL) {
        sli_str_text(out, sl_column_bool(column, row) ? "true" : "false");
    } else if (column->type == SL_FLOAT64) {
        sli_str_printf(out, "%.17g", sl_column_float64(column, row));
    } else if (column->type == SL_INT64 || column->type == SL_TIMESTAMP) {
        sli_str_printf(out, "%lld", (long long)sl_column_int64(column, row));
    } else if (column->type == SL_INT32 || column->type == SL_DATE) {
        sli_str_printf(out, "%d", ((const int32_t *)column->values)[row]);
    } else {
        sli_str_text(out, "(not shown)");
    }
}

void sli_state_put_key(sli_str *out, const sl_batch *keys, int32_t n_keys, int64_t row)
{
    const sl_schema *schema = sl_batch_schema(keys);
    for (int32_t c = 0; c < n_keys; c++) {
        sli_str_printf(out, "%s%s ", c == 0 ? "" : ", ", sl_schema_field(schema, c)->name);
        put_value(out, sl_batch_column(keys, c), row);
    }
}
