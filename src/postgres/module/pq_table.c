// pq_table.c — tables and queries: their columns, whether rows may go in, all rows out.
#include <stdlib.h>
#include <string.h>

#include "postgres/module/pq_int.h"

enum { BOOL_OID = 16, HEADER = 4, PIECE_BYTES = 64 << 10 };

// ---------------------------------------------------------------- columns

/// What a type's modifier says: characters of varchar(n) and bpchar(n); digits of numeric(p,s).
static void read_modifier(sli_pg_column *column, int modifier)
{
    bool is_text = strcmp(column->base, "varchar") == 0 || strcmp(column->base, "bpchar") == 0;
    column->bound = -1;
    if (modifier < HEADER) {
        return;
    }
    if (is_text) {
        column->bound = modifier - HEADER;
    } else if (strcmp(column->base, "numeric") == 0) {
        column->bound = (modifier - HEADER) >> 16 & 0xffff;
        column->scale = (((modifier - HEADER) & 0x7ff) ^ 1024) - 1024; // of 11 bits, with a sign
    }
}

static char *quoted_name(const char *schema, const char *table)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_table(&sql, schema, table);
    return pq_sql_close(&sql);
}

static sl_code tell_rows(const PGresult *rows, sli_pg_column_fn each, void *ctx, sl_error *err)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        sli_pg_column column = {.name = PQgetvalue(rows, i, 0),
                                .type = PQgetvalue(rows, i, 1),
                                .base = PQgetvalue(rows, i, 2),
                                .nullable = PQgetvalue(rows, i, 4)[0] == 'f',
                                .fills_itself = PQgetvalue(rows, i, 5)[0] == 't'};
        read_modifier(&column, atoi(PQgetvalue(rows, i, 3)));
        SL_TRY(each(ctx, &column, err));
    }
    return SL_OK;
}

static sl_code no_table(const sli_pg_what *what, sl_error *err)
{
    char text[256];
    (void)snprintf(text, sizeof text, "there is no table %s%s%s",
                   what->schema == NULL ? "" : what->schema, what->schema == NULL ? "" : ".",
                   what->table);
    return pq_fail(err, SL_E_NOT_FOUND, text);
}

static sl_code table_columns(sli_pg *self, const sli_pg_what *what, int64_t deadline_us,
                             sli_pg_column_fn each, void *ctx, sl_error *err)
{
    static const char sql[] =
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname, a.atttypmod, "
        "a.attnotnull, a.atthasdef OR a.attidentity <> '' FROM pg_attribute a JOIN pg_type t ON "
        "t.oid = a.atttypid WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT "
        "a.attisdropped ORDER BY a.attnum";
    char *name = quoted_name(what->schema, what->table);
    const char *params[] = {name};
    PGresult *rows = NULL;
    sl_code rc = name == NULL ? pq_nomem(err)
                              : pq_run(self, strdup(sql), params, 1, deadline_us, &rows, err);
    free(name);
    SL_TRY(rc);
    rc = PQntuples(rows) == 0 ? no_table(what, err) : tell_rows(rows, each, ctx, err);
    PQclear(rows);
    return rc;
}

/// The result's columns, by a statement that is prepared and not run.
static sl_code describe(sli_pg *self, const char *query, int64_t deadline_us, PGresult **out,
                        sl_error *err)
{
    if (PQsendPrepare(self->conn, "", query, 0, NULL) != 1) {
        return pq_fail_of(self, NULL, err);
    }
    SL_TRY(pq_drain(self, deadline_us, err));
    if (PQsendDescribePrepared(self->conn, "") != 1) {
        return pq_fail_of(self, NULL, err);
    }
    PGresult *shape = NULL, *rest = NULL;
    SL_TRY(pq_next(self, deadline_us, &shape, err));
    sl_code rc = PQresultStatus(shape) == PGRES_COMMAND_OK ? SL_OK : pq_fail_of(self, shape, err);
    while (rc == SL_OK && (rc = pq_next(self, deadline_us, &rest, err)) == SL_OK && rest != NULL) {
        PQclear(rest);
    }
    if (rc != SL_OK) {
        PQclear(shape);
        return rc;
    }
    *out = shape;
    return SL_OK;
}

static sl_code query_column(sli_pg *self, const PGresult *shape, int i, int64_t deadline_us,
                            sli_pg_column_fn each, void *ctx, sl_error *err)
{
    char oid[16], modifier[16];
    const char *params[] = {oid, modifier};
    PGresult *row = NULL;
    (void)snprintf(oid, sizeof oid, "%u", PQftype(shape, i));
    (void)snprintf(modifier, sizeof modifier, "%d", PQfmod(shape, i));
    SL_TRY(pq_run(self,
                  strdup("SELECT format_type($1::oid, $2::int), typname FROM pg_type WHERE oid = "
                         "$1::oid"),
                  params, 2, deadline_us, &row, err));
    sl_code rc = PQntuples(row) == 1 ? SL_OK : pq_fail(err, SL_E_INVALID, "an unknown type");
    if (rc == SL_OK) {
        sli_pg_column column = {.name = PQfname(shape, i),
                                .type = PQgetvalue(row, 0, 0),
                                .base = PQgetvalue(row, 0, 1),
                                .nullable = true};
        read_modifier(&column, PQfmod(shape, i));
        rc = each(ctx, &column, err);
    }
    PQclear(row);
    return rc;
}

static sl_code query_columns(sli_pg *self, const char *query, int64_t deadline_us,
                             sli_pg_column_fn each, void *ctx, sl_error *err)
{
    PGresult *shape = NULL;
    SL_TRY(describe(self, query, deadline_us, &shape, err));
    sl_code rc = PQnfields(shape) > 0
                     ? SL_OK
                     : pq_fail(err, SL_E_INVALID, "the query gives no columns: it is no SELECT");
    for (int i = 0; rc == SL_OK && i < PQnfields(shape); i++) {
        rc = query_column(self, shape, i, deadline_us, each, ctx, err);
    }
    PQclear(shape);
    return rc;
}

sl_code pq_columns(sli_pg *self, const sli_pg_what *what, int64_t deadline_us,
                   sli_pg_column_fn each, void *ctx, sl_error *err)
{
    SL_TRY(pq_ready(self, err));
    return what->query != NULL ? query_columns(self, what->query, deadline_us, each, ctx, err)
                               : table_columns(self, what, deadline_us, each, ctx, err);
}

// ---------------------------------------------------------------- a table to write to

static sl_code pass_over(void *ctx, const sli_pg_column *column, sl_error *err)
{
    (void)ctx;
    (void)column;
    (void)err;
    return SL_OK;
}

static char *create_sql(const sli_pg_target *target)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_text(&sql, "CREATE TABLE ");
    pq_sql_table(&sql, target->schema, target->table);
    for (int32_t i = 0; i < target->n_fields; i++) {
        const sli_pg_field *field = &target->fields[i];
        pq_sql_text(&sql, i == 0 ? " (" : ", ");
        pq_sql_name(&sql, field->name);
        pq_sql_text(&sql, " ");
        pq_sql_text(&sql, field->type);
        pq_sql_text(&sql, field->nullable ? "" : " NOT NULL");
    }
    if (target->upsert) {
        pq_sql_text(&sql, ", PRIMARY KEY (");
        pq_sql_fields(&sql, target, PQ_KEYS);
        pq_sql_text(&sql, ")");
    }
    pq_sql_text(&sql, ")");
    return pq_sql_close(&sql);
}

/// Planned and not run: names, permissions and the key's index are looked at.
static char *explain_sql(const sli_pg_target *target)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_text(&sql, "EXPLAIN INSERT INTO ");
    pq_sql_table(&sql, target->schema, target->table);
    pq_sql_text(&sql, " (");
    pq_sql_fields(&sql, target, PQ_ALL);
    pq_sql_text(&sql, ") VALUES (");
    for (int32_t i = 0; i < target->n_fields; i++) {
        pq_sql_text(&sql, i == 0 ? "NULL" : ", NULL");
    }
    pq_sql_text(&sql, ")");
    pq_sql_conflict(&sql, target);
    return pq_sql_close(&sql);
}

sl_code pq_prepare(sli_pg *self, const sli_pg_target *target, int64_t deadline_us, sl_error *err)
{
    sli_pg_what what = {.schema = target->schema, .table = target->table};
    sl_code rc = pq_columns(self, &what, deadline_us, pass_over, NULL, err);
    if (rc == SL_E_NOT_FOUND && target->create) {
        rc = pq_run(self, create_sql(target), NULL, 0, deadline_us, NULL, err);
    }
    return rc == SL_OK ? pq_run(self, explain_sql(target), NULL, 0, deadline_us, NULL, err) : rc;
}

// ---------------------------------------------------------------- all rows

static void put_source(pq_sql *sql, const sli_pg_what *what)
{
    if (what->query == NULL) {
        pq_sql_text(sql, "SELECT * FROM ");
        pq_sql_table(sql, what->schema, what->table);
    } else {
        pq_sql_text(sql, what->query);
    }
}

/// bool is printed as t and f; as a number it is 1 and 0, which every reader takes.
static char *copy_out_sql(const PGresult *shape, const sli_pg_what *what)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_text(&sql, "COPY (SELECT ");
    for (int i = 0; i < PQnfields(shape); i++) {
        pq_sql_text(&sql, i == 0 ? "" : ", ");
        pq_sql_name(&sql, PQfname(shape, i));
        pq_sql_text(&sql, PQftype(shape, i) == BOOL_OID ? "::int" : "");
    }
    pq_sql_text(&sql, " FROM (");
    put_source(&sql, what);
    pq_sql_text(&sql, ") q) TO STDOUT WITH (FORMAT csv)");
    return pq_sql_close(&sql);
}

static sl_code start_copy(sli_pg *self, const sli_pg_what *what, int64_t deadline_us, sl_error *err)
{
    pq_sql sql;
    PGresult *shape = NULL;
    pq_sql_open(&sql);
    put_source(&sql, what);
    char *source = pq_sql_close(&sql);
    sl_code rc = source == NULL ? pq_nomem(err) : describe(self, source, deadline_us, &shape, err);
    free(source);
    SL_TRY(rc);
    rc = pq_run(self, copy_out_sql(shape, what), NULL, 0, deadline_us, NULL, err);
    PQclear(shape);
    return rc;
}

/// Rows on their way into pieces.
typedef struct reading {
    sli_pg *self;
    int64_t silence_us;
    sli_pg_bytes_fn each;
    void *ctx;
    char *bytes;
    size_t size, capacity;
} reading;

static sl_code give(reading *r, sl_error *err)
{
    sl_code rc = r->size == 0 ? SL_OK : r->each(r->ctx, r->bytes, r->size, err);
    r->size = 0;
    return rc;
}

static sl_code add_row(reading *r, const char *row, size_t size, sl_error *err)
{
    if (r->size + size > r->capacity) {
        size_t capacity = r->size + size + PIECE_BYTES;
        char *more = realloc(r->bytes, capacity);
        if (more == NULL) {
            return pq_nomem(err);
        }
        r->bytes = more;
        r->capacity = capacity;
    }
    memcpy(r->bytes + r->size, row, size);
    r->size += size;
    return r->size < PIECE_BYTES ? SL_OK : give(r, err);
}

/// Waits for the next row; *more false: that was the last.
static sl_code read_row(reading *r, bool *more, sl_error *err)
{
    sli_pg *self = r->self;
    char *row = NULL;
    int n = PQgetCopyData(self->conn, &row, 1);
    *more = n != -1;
    if (n == 0) {
        SL_TRY(pq_wait(self, false, self->mono_us(self->env) + r->silence_us, err));
        return PQconsumeInput(self->conn) == 1 ? SL_OK : pq_fail_of(self, NULL, err);
    }
    if (n == -2) {
        return pq_fail_of(self, NULL, err);
    }
    sl_code rc = n > 0 ? add_row(r, row, (size_t)n, err) : SL_OK;
    PQfreemem(row);
    return rc;
}

sl_code pq_read(sli_pg *self, const sli_pg_what *what, int64_t silence_us, sli_pg_bytes_fn each,
                void *ctx, sl_error *err)
{
    reading r = {.self = self, .silence_us = silence_us, .each = each, .ctx = ctx};
    bool more = true;
    SL_TRY(pq_ready(self, err));
    SL_TRY(start_copy(self, what, self->mono_us(self->env) + silence_us, err));
    sl_code rc = SL_OK;
    while (rc == SL_OK && more) {
        rc = read_row(&r, &more, err);
    }
    rc = rc == SL_OK ? pq_drain(self, self->mono_us(self->env) + silence_us, err) : rc;
    rc = rc == SL_OK ? give(&r, err) : rc;
    self->has_failed = self->has_failed || rc != SL_OK;
    free(r.bytes);
    return rc;
}
