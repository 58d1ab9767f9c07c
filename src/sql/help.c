// `sluice help sql`: the statements and the connectors, from their table.
#include "sql/connector.h"

static const char statements[] =
    "A job as a script, JOB.sql: statements that end with ';', -- and /* */ comments,\n"
    "${NAME} and ${NAME:-default} from --set NAME=VALUE or the environment.\n\n"
    "  CREATE TABLE name (column TYPE, ...\n"
    "      [, WATERMARK FOR ts AS ts - INTERVAL '10' SECOND]\n"
    "      [, PRIMARY KEY (a, b) NOT ENFORCED])\n"
    "      WITH ('connector' = '...', 'format' = '...', ...);\n"
    "  CREATE VIEW name AS SELECT ...;\n"
    "  CREATE MODEL name INPUT (columns) OUTPUT (columns) WITH ('provider' = 'xgboost', 'path' = "
    "...);\n"
    "  INSERT INTO table [(columns)] SELECT ...;\n"
    "  SET 'interval' = '1s';                any setting of `sluice help options`\n\n"
    "A SELECT over streams is kept across epochs: filters, joins with static tables (also in\n"
    "subqueries), UNION ALL, GROUP BY, also of results that change, windows and joins within "
    "bounds\n"
    "of time, also over one another:\n"
    "  FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))     HOP, SESSION\n"
    "      GROUP BY window_start, window_end, k          or GROUP BY TUMBLE(ts, INTERVAL ...), k\n"
    "  FROM a JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '5' MINUTE\n"
    "  FROM EPOCH(TABLE t)                   all of SQL over the rows of each epoch\n"
    "  FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b))     `sluice help models`\n\n"
    "Options of every connector:\n"
    "  connector   one of those below\n"
    "  format      text, csv, json, avro, arrow, ... (`sluice help formats`)\n"
    "  static      'true': a table that is read once, when the job starts\n"
    "  changelog   'append': rows that change are all added, where a sink replaces none\n"
    "  changelog.kind  a STRING column that says what a row is then: +U it is so now, -D it is "
    "gone\n"
    "  idle_after  (scan.watermark.idle-timeout) after which a silent partition holds nothing "
    "back\n\n"
    "Connectors; r: can be read, w: can be written to, s: as a static table. All options of the\n"
    "source or sink may be given under their own names (`sluice help sources`, `sinks`):\n\n";

static void put_aliases(const sli_alias *aliases, int32_t columns, sli_str *out)
{
    int32_t width = 0;
    for (const sli_alias *a = aliases; a->key != NULL; a++) {
        int32_t size = (int32_t)strlen(a->key) + 2;
        if (width == 0 || width + size > columns) {
            sli_str_text(out, width == 0 ? "       " : ",\n       ");
            width = 7;
        } else {
            sli_str_char(out, ',');
        }
        sli_str_printf(out, " %s", a->key);
        width += size;
    }
    sli_str_text(out, width == 0 ? "" : "\n");
}

void sli_sql_help(int32_t columns, sli_str *out)
{
    sli_str_text(out, statements);
    for (const sli_connector *c = sli_connectors; c->name != NULL; c++) {
        sli_str_printf(out, "  %-13s %c%c%c  %s\n", c->name, c->source == NULL ? '-' : 'r',
                       c->sink == NULL ? '-' : 'w', c->table == NULL ? '-' : 's', c->text);
        put_aliases(c->aliases, columns, out);
    }
}
