// columns.c — how columns are stored, and whether an existing table can take them. README.md has
// the table for people.
#include "sink/postgres/psink_int.h"

/// A type of ours, the type of a new table's column, and the server's types that keep its values.
static const struct stored {
    sl_type type;
    const char *sql;
    const char *bases; ///< between spaces
} stored_as[] = {
    {SL_BOOL, "boolean", " bool "},
    {SL_INT8, "smallint", " int2 int4 int8 numeric "},
    {SL_INT16, "smallint", " int2 int4 int8 numeric "},
    {SL_INT32, "integer", " int2 int4 int8 numeric "},
    {SL_INT64, "bigint", " int2 int4 int8 numeric "},
    {SL_UINT8, "smallint", " int2 int4 int8 numeric "},
    {SL_UINT16, "integer", " int2 int4 int8 numeric "},
    {SL_UINT32, "bigint", " int2 int4 int8 numeric "},
    {SL_UINT64, "numeric(20)", " int2 int4 int8 numeric "},
    {SL_FLOAT32, "real", " float4 float8 "},
    {SL_FLOAT64, "double precision", " float8 "},
    {SL_DECIMAL, NULL, " numeric "}, // of its own digits
    {SL_DATE, "date", " date "},
    {SL_TIMESTAMP, "timestamp with time zone", " timestamptz timestamp "},
    {SL_STRING, "text", NULL}, // any type: the server reads the text
    {SL_BINARY, "bytea", " bytea "},
};

static const struct stored *find_stored(sl_type type)
{
    for (size_t i = 0; i < sizeof stored_as / sizeof *stored_as; i++) {
        if (stored_as[i].type == type) {
            return &stored_as[i];
        }
    }
    return NULL;
}

static const char *sql_type(const sl_field *field, sl_arena *arena)
{
    const struct stored *stored = find_stored(field->type);
    return stored->sql != NULL
               ? stored->sql
               : sl_arena_printf(arena, "numeric(%d,%d)", field->precision, field->scale);
}

// ---------------------------------------------------------------- the key

static sl_code mark_key(psink_columns *self, const char *name, size_t size, sl_error *err)
{
    for (int32_t i = 0; i < self->n; i++) {
        sli_pg_field *field = &self->fields[i];
        if (strlen(field->name) != size || memcmp(field->name, name, size) != 0) {
            continue;
        }
        field->is_key = true;
        return field->nullable ? sl_error_set(err, SL_E_INVALID,
                                              "key column %s may be null, and nulls equal nothing "
                                              "in PostgreSQL",
                                              field->name)
                               : SL_OK;
    }
    return sl_error_set(err, SL_E_CONFIG, "option key: there is no column %.*s in \"%s\"",
                        (int)size, name, sl_schema_text(self->schema));
}

static sl_code mark_keys(psink_columns *self, const char *key, sl_error *err)
{
    int32_t n = 0;
    for (const char *at = key; at != NULL; n++) {
        at += strspn(at, ", ");
        size_t size = strcspn(at, ", ");
        if (size == 0) {
            break;
        }
        SL_TRY(mark_key(self, at, size, err));
        at += size;
    }
    return key != NULL && n == 0 ? sl_error_set(err, SL_E_CONFIG, "option key names no column")
                                 : SL_OK;
}

// ---------------------------------------------------------------- making

static sl_code add_column(psink_columns *self, int32_t i, sl_arena *arena, sl_error *err)
{
    const sl_field *field = sl_schema_field(self->schema, i);
    if (find_stored(field->type) == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "column %s: there is no column of PostgreSQL for its type (schema "
                            "\"%s\"); convert it first",
                            field->name, sl_schema_text(self->schema));
    }
    self->items[i] =
        (psink_column){.field = field, .low = INT64_MIN, .high = INT64_MAX, .most = -1};
    self->fields[i] = (sli_pg_field){
        .name = field->name, .type = sql_type(field, arena), .nullable = field->nullable};
    self->may_refuse = self->may_refuse || field->type == SL_STRING || field->type == SL_DATE ||
                       field->type == SL_TIMESTAMP;
    return self->fields[i].type == NULL ? sl_error_nomem(err, 0, "columns") : SL_OK;
}

sl_code sli_psink_columns_new(psink_columns *out, const sl_schema *schema, const char *key,
                              sl_arena *arena, sl_error *err)
{
    int32_t n = sl_schema_columns(schema);
    psink_columns made = {.schema = schema, .n = n, .mark = -1};
    made.items = sl_arena_alloc(arena, (size_t)n * sizeof *made.items);
    made.fields = sl_arena_alloc(arena, (size_t)n * sizeof *made.fields);
    if (made.items == NULL || made.fields == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *made.items, "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(add_column(&made, i, arena, err));
    }
    SL_TRY(mark_keys(&made, key, err));
    *out = made;
    return SL_OK;
}

// ---------------------------------------------------------------- an existing table

typedef struct fitting {
    psink_columns *self;
    const sli_pg_target *target;
} fitting;

static bool is_among(const char *words, const char *word)
{
    char between[80];
    size_t n = strlen(word);
    if (n + 3 > sizeof between) {
        return false;
    }
    between[0] = ' ';
    memcpy(between + 1, word, n);
    memcpy(between + 1 + n, " ", 2);
    return strstr(words, between) != NULL;
}

/// Whether a numeric column has room for all digits of the field.
static bool has_room(const sl_field *field, const sli_pg_column *column)
{
    return field->type != SL_DECIMAL || column->bound < 0 ||
           (column->scale >= field->scale &&
            column->bound - column->scale >= field->precision - field->scale);
}

static void set_bounds(psink_columns *self, psink_column *mine, const sli_pg_column *column)
{
    static const struct {
        const char *base;
        int64_t low, high;
    } wholes[] = {{"int2", INT16_MIN, INT16_MAX}, {"int4", INT32_MIN, INT32_MAX}};
    bool is_text = mine->field->type == SL_STRING;
    for (size_t i = 0; !is_text && i < sizeof wholes / sizeof *wholes; i++) {
        if (strcmp(column->base, wholes[i].base) == 0) {
            mine->low = wholes[i].low;
            mine->high = wholes[i].high;
            self->may_refuse = true;
        }
    }
    mine->most = is_text ? column->bound : -1;
    self->may_refuse = self->may_refuse || mine->field->type == SL_UINT64;
}

static sl_code fit(const fitting *f, psink_column *mine, const sli_pg_column *column, sl_error *err)
{
    const sl_field *field = mine->field;
    const struct stored *stored = find_stored(field->type);
    bool keeps =
        (stored->bases == NULL || is_among(stored->bases, column->base)) && has_room(field, column);
    if (!keeps) {
        return sl_error_set(err, SL_E_INVALID,
                            "table %s: column %s is declared %s, which does not keep values of "
                            "the stream's column (schema \"%s\")",
                            f->target->table, column->name, column->type,
                            sl_schema_text(f->self->schema));
    }
    if (field->nullable && !column->nullable) {
        return sl_error_set(err, SL_E_INVALID,
                            "table %s: column %s is NOT NULL, but the stream's column may be null",
                            f->target->table, column->name);
    }
    mine->found = true;
    set_bounds(f->self, mine, column);
    return SL_OK;
}

static sl_code fit_column(void *ctx, const sli_pg_column *column, sl_error *err)
{
    const fitting *f = ctx;
    for (int32_t i = 0; i < f->self->n; i++) {
        if (strcmp(f->self->items[i].field->name, column->name) == 0) {
            return fit(f, &f->self->items[i], column, err);
        }
    }
    return column->nullable || column->fills_itself
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID,
                              "table %s: column %s is NOT NULL and has no default, and the stream "
                              "has no such column",
                              f->target->table, column->name);
}

sl_code sli_psink_columns_fit(psink_columns *self, sli_pg *pg, const sli_pg_target *target,
                              int64_t deadline_us, sl_error *err)
{
    sli_pg_what what = {.schema = target->schema, .table = target->table};
    fitting f = {self, target};
    sl_error missing = SL_ERROR_INIT;
    sl_code rc = sli_pg_gate.columns(pg, &what, deadline_us, fit_column, &f, &missing);
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK; // `prepare` makes it, or says that it isn't there
    }
    if (rc != SL_OK) {
        return sl_error_wrap(err, sl_error_set(err, rc, "%s", missing.text), "table %s",
                             target->table);
    }
    for (int32_t i = 0; i < self->n; i++) {
        if (!self->items[i].found) {
            return sl_error_set(err, SL_E_INVALID,
                                "table %s has no column %s: add it, ALTER TABLE %s ADD COLUMN "
                                "\"%s\" %s",
                                target->table, self->fields[i].name, target->table,
                                self->fields[i].name, self->fields[i].type);
        }
    }
    return SL_OK;
}
