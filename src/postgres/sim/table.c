// table.c — tables of the simulated server: columns, rows as lines of COPY's text format.
#include "postgres/sim/psim_int.h"

psim_table *psim_table_find(const sli_pg_server *server, const char *name)
{
    psim_table *t = server->tables;
    while (t != NULL && strcmp(t->name, name) != 0) {
        t = t->next;
    }
    return t;
}

static void free_table(psim_table *t)
{
    for (int32_t i = 0; t->columns != NULL && i < t->n_columns; i++) {
        sl_free(t->columns[i].name);
        sl_free(t->columns[i].type);
    }
    for (int64_t i = 0; i < t->n_rows; i++) {
        sl_free(t->rows[i]);
    }
    sl_free(t->columns);
    sl_free(t->rows);
    sl_free(t->name);
    sl_free(t);
}

void psim_tables_free(sli_pg_server *server)
{
    while (server->tables != NULL) {
        psim_table *t = server->tables;
        server->tables = t->next;
        free_table(t);
    }
}

static bool fill_columns(psim_table *t, const sli_pg_target *target)
{
    t->columns = sl_alloc_zero(SLI_TAG_ENV, (size_t)target->n_fields * sizeof *t->columns);
    bool fine = t->columns != NULL && t->name != NULL;
    for (int32_t i = 0; fine && i < target->n_fields; i++) {
        const sli_pg_field *field = &target->fields[i];
        psim_column *column = &t->columns[t->n_columns++];
        column->name = sl_strdup(SLI_TAG_ENV, field->name);
        column->type = sl_strdup(SLI_TAG_ENV, field->type);
        column->nullable = field->nullable;
        column->is_key = field->is_key;
        fine = column->name != NULL && column->type != NULL;
    }
    return fine;
}

sl_code psim_table_make(sli_pg_server *server, const sli_pg_target *target, sl_error *err)
{
    psim_table *t = sl_alloc_zero(SLI_TAG_ENV, sizeof *t);
    if (t == NULL) {
        return sl_error_nomem(err, sizeof *t, "a table");
    }
    t->name = sl_strdup(SLI_TAG_ENV, target->table);
    if (!fill_columns(t, target)) {
        free_table(t);
        return sl_error_nomem(err, sizeof *t, "a table");
    }
    t->next = server->tables;
    server->tables = t;
    return SL_OK;
}

sl_code psim_table_fits(const psim_table *table, const sli_pg_target *target, sl_error *err)
{
    for (int32_t i = 0; i < target->n_fields; i++) {
        const char *name = target->fields[i].name;
        int32_t at = 0;
        while (at < table->n_columns && strcmp(table->columns[at].name, name) != 0) {
            at++;
        }
        if (at == table->n_columns) {
            return sl_error_set(err, SL_E_NOT_FOUND,
                                "postgres: column \"%s\" of relation \"%s\" does not exist", name,
                                table->name);
        }
        if (target->upsert && target->fields[i].is_key && !table->columns[at].is_key) {
            return sl_error_set(err, SL_E_INVALID,
                                "postgres: there is no unique or exclusion constraint matching "
                                "the ON CONFLICT specification");
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rows

/// Takes what stands before the next `end` out of *text, and the end too.
static sl_text next_part(sl_text *text, char end)
{
    const char *at = text->size == 0 ? NULL : memchr(text->data, end, text->size);
    sl_text part = {text->data, at == NULL ? text->size : (size_t)(at - text->data)};
    size_t used = part.size + (at == NULL ? 0 : 1);
    *text = (sl_text){text->data + used, text->size - used};
    return part;
}

static bool is_null(sl_text cell)
{
    return cell.size == 2 && memcmp(cell.data, "\\N", 2) == 0;
}

/// Why a cell is none of the column; NULL: it is one.
static const char *wrong_cell(const psim_column *column, sl_text cell)
{
    static const struct {
        const char *type;
        int64_t low, high;
    } wholes[] = {{"smallint", INT16_MIN, INT16_MAX},
                  {"integer", INT32_MIN, INT32_MAX},
                  {"bigint", INT64_MIN, INT64_MAX}};
    if (is_null(cell)) {
        return column->nullable ? NULL : "null value violates not-null constraint";
    }
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        int64_t n = 0;
        if (strcmp(column->type, wholes[i].type) == 0 &&
            (sli_scan_int64(cell, &n, NULL) != SL_OK || n < wholes[i].low || n > wholes[i].high)) {
            return "invalid input syntax, or out of range";
        }
    }
    return NULL;
}

static const char *wrong_line(const psim_table *table, sl_text line, bool deletes)
{
    for (int32_t i = 0; i < table->n_columns; i++) {
        bool more = i == 0 || line.size > 0 || line.data[-1] == '\t';
        const char *why =
            more ? wrong_cell(&table->columns[i], next_part(&line, '\t')) : "missing data";
        if (why != NULL) {
            return why;
        }
    }
    if (deletes) {
        sl_text goes = next_part(&line, '\t');
        if (goes.size != 1 || (goes.data[0] != 't' && goes.data[0] != 'f')) {
            return "invalid input syntax for type boolean";
        }
    }
    return line.size > 0 ? "extra data after last expected column" : NULL;
}

sl_code psim_rows_check(const psim_table *table, sl_text lines, bool deletes, sl_error *err)
{
    for (long long n = 1; lines.size > 0; n++) {
        const char *why = wrong_line(table, next_part(&lines, '\n'), deletes);
        if (why != NULL) {
            return sl_error_set(err, SL_E_DATA, "postgres: %s (COPY %s, line %lld)", why,
                                table->name, n);
        }
    }
    return SL_OK;
}

static bool same_key(const psim_table *table, sl_text a, sl_text b)
{
    bool same = true;
    for (int32_t i = 0; same && i < table->n_columns; i++) {
        sl_text x = next_part(&a, '\t'), y = next_part(&b, '\t');
        same =
            !table->columns[i].is_key || (x.size == y.size && memcmp(x.data, y.data, x.size) == 0);
    }
    return same;
}

static int64_t place_of(const psim_table *table, sl_text line, bool upsert)
{
    int64_t at = upsert ? 0 : table->n_rows;
    while (at < table->n_rows && !same_key(table, sli_text_of(table->rows[at]), line)) {
        at++;
    }
    return at;
}

static void make_room(psim_table *table)
{
    if (table->n_rows == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
        table->rows =
            sl_realloc(SLI_TAG_ENV, table->rows, (size_t)table->capacity * sizeof *table->rows);
        SL_ASSERT(table->rows != NULL, "no memory for the simulated server's rows");
    }
}

/// The rows behind it move up.
static void take_out(psim_table *table, int64_t at)
{
    sl_free(table->rows[at]);
    table->n_rows--;
    memmove(&table->rows[at], &table->rows[at + 1],
            (size_t)(table->n_rows - at) * sizeof *table->rows);
}

void psim_rows_put(psim_table *table, sl_text lines, bool upsert, bool deletes)
{
    while (lines.size > 0) {
        sl_text line = next_part(&lines, '\n');
        bool goes = deletes && line.data[line.size - 1] == 't';
        int64_t old = deletes ? place_of(table, line, upsert) : table->n_rows;
        line.size -= deletes ? 2 : 0; // the tab, and the cell that says so
        if (goes && old < table->n_rows) {
            take_out(table, old);
        }
        if (goes) {
            continue;
        }
        char *copy = sl_strndup(SLI_TAG_ENV, line.data, line.size);
        SL_ASSERT(copy != NULL, "no memory for the simulated server's rows");
        int64_t at = place_of(table, line, upsert);
        if (at == table->n_rows) {
            make_room(table);
            table->rows[table->n_rows++] = NULL;
        }
        sl_free(table->rows[at]);
        table->rows[at] = copy;
    }
}

// ---------------------------------------------------------------- reading

/// A cell of COPY's text format as CSV.
static void put_csv(sli_str *out, sl_text cell)
{
    if (is_null(cell)) {
        return;
    }
    sli_str_char(out, '"');
    for (size_t i = 0; i < cell.size; i++) {
        char c = cell.data[i];
        if (c == '\\' && i + 1 < cell.size) {
            c = cell.data[++i];
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
        sli_str_text(out, c == '"' ? "\"" : "");
        sli_str_char(out, c);
    }
    sli_str_char(out, '"');
}

void psim_rows_csv(const psim_table *table, sli_str *out)
{
    for (int64_t row = 0; row < table->n_rows; row++) {
        sl_text line = sli_text_of(table->rows[row]);
        for (int32_t i = 0; i < table->n_columns; i++) {
            sli_str_text(out, i == 0 ? "" : ",");
            put_csv(out, next_part(&line, '\t'));
        }
        sli_str_char(out, '\n');
    }
}

sl_code psim_columns_tell(const psim_table *table, sli_pg_column_fn each, void *ctx, sl_error *err)
{
    static const char *const bases[][2] = {{"bigint", "int8"},
                                           {"integer", "int4"},
                                           {"smallint", "int2"},
                                           {"boolean", "bool"},
                                           {"double precision", "float8"},
                                           {"real", "float4"},
                                           {"timestamp with time zone", "timestamptz"}};
    for (int32_t i = 0; i < table->n_columns; i++) {
        const psim_column *column = &table->columns[i];
        sli_pg_column told = {.name = column->name,
                              .type = column->type,
                              .base = column->type,
                              .bound = -1,
                              .nullable = column->nullable};
        for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
            told.base = strcmp(column->type, bases[b][0]) == 0 ? bases[b][1] : told.base;
        }
        SL_TRY(each(ctx, &told, err));
    }
    return SL_OK;
}
