// pq_sql.c — SQL in the making.
#include <stdlib.h>
#include <string.h>

#include "postgres/module/pq_int.h"

void pq_sql_open(pq_sql *sql)
{
    *sql = (pq_sql){0};
    sql->file = open_memstream(&sql->text, &sql->size);
}

char *pq_sql_close(pq_sql *sql)
{
    bool fine = sql->file != NULL && ferror(sql->file) == 0;
    fine = sql->file != NULL && fclose(sql->file) == 0 && fine;
    if (!fine) {
        free(sql->text);
        sql->text = NULL;
    }
    return sql->text;
}

void pq_sql_text(pq_sql *sql, const char *text)
{
    if (sql->file != NULL) {
        (void)fputs(text, sql->file); // ferror tells, at the end
    }
}

void pq_sql_name(pq_sql *sql, const char *name)
{
    char letter[2] = "";
    pq_sql_text(sql, "\"");
    for (; *name != '\0'; name++) {
        letter[0] = *name;
        pq_sql_text(sql, *name == '"' ? "\"\"" : letter);
    }
    pq_sql_text(sql, "\"");
}

void pq_sql_table(pq_sql *sql, const char *schema, const char *table)
{
    if (schema != NULL) {
        pq_sql_name(sql, schema);
        pq_sql_text(sql, ".");
    }
    pq_sql_name(sql, table);
}

static bool is_wanted(const sli_pg_field *field, int which)
{
    return which == PQ_ALL || (which == PQ_KEYS) == field->is_key;
}

void pq_sql_fields(pq_sql *sql, const sli_pg_target *target, int which)
{
    const char *comma = "";
    for (int32_t i = 0; i < target->n_fields; i++) {
        if (is_wanted(&target->fields[i], which)) {
            pq_sql_text(sql, comma);
            pq_sql_name(sql, target->fields[i].name);
            comma = ", ";
        }
    }
}

void pq_sql_conflict(pq_sql *sql, const sli_pg_target *target)
{
    const char *before = ") DO UPDATE SET ";
    if (!target->upsert) {
        return;
    }
    pq_sql_text(sql, " ON CONFLICT (");
    pq_sql_fields(sql, target, PQ_KEYS);
    for (int32_t i = 0; i < target->n_fields; i++) {
        if (!target->fields[i].is_key) {
            pq_sql_text(sql, before);
            pq_sql_name(sql, target->fields[i].name);
            pq_sql_text(sql, " = excluded.");
            pq_sql_name(sql, target->fields[i].name);
            before = ", ";
        }
    }
    pq_sql_text(sql, *before == ')' ? ") DO NOTHING" : ""); // all columns are in the key
}
