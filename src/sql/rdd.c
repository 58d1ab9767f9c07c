// sl_rdd_sql: the same SELECT over RDDs, in a session, in transform and in foreachRDD.
#include "sql/select.h"

#include <strings.h>

static sl_code name_rdds(const sl_sql_rdd *tables, int32_t n, sli_named *names, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (tables[i].name == NULL || tables[i].name[0] == '\0') {
            return sl_error_set(err, SL_E_INVALID, "table %d has no name", i + 1);
        }
        for (int32_t other = 0; other < i; other++) {
            if (strcasecmp(tables[other].name, tables[i].name) == 0) {
                return sl_error_set(err, SL_E_INVALID, "two tables are called \"%.100s\"",
                                    tables[i].name);
            }
        }
        if (tables[i].rdd->runtime != tables[0].rdd->runtime) {
            return sl_error_set(err, SL_E_INVALID, "table \"%.100s\" is an RDD of another session",
                                tables[i].name);
        }
        names[i] = (sli_named){tables[i].name, tables[i].rdd->schema, NULL, i};
    }
    return SL_OK;
}

static sl_code find(sli_runtime *runtime, const char *select, const sli_named *names, int32_t n,
                    sli_select **out, sl_error *err)
{
    sli_sql *sql = NULL;
    if (select == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the query is NULL");
    }
    SL_TRY(sli_sql_of_runtime(runtime, &sql, err));
    *out = sli_select_known(sql, select, names, n, SLI_BY_ITSELF);
    if (*out != NULL) {
        return SL_OK;
    }
    if (runtime->alone != NULL) { // no task runs a query while another one is prepared
        runtime->alone(runtime, NULL);
    }
    return sli_select_find(sql, select, names, n, SLI_BY_ITSELF, NULL, out, err);
}

/// The first table that carries a mistake; NULL: none.
static sl_rdd *wrong_of(const sl_sql_rdd *tables, int32_t n, bool *is_missing)
{
    for (int32_t i = 0; i < n; i++) {
        if (tables[i].rdd == NULL || tables[i].rdd->mistake != NULL) {
            *is_missing = tables[i].rdd == NULL;
            return tables[i].rdd;
        }
    }
    return NULL;
}

sl_rdd *sl_rdd_sql(const char *select, const sl_sql_rdd *tables, int32_t n)
{
    bool is_missing = tables == NULL || n < 1;
    sl_rdd *wrong = is_missing ? NULL : wrong_of(tables, n, &is_missing);
    if (wrong != NULL || is_missing) {
        return sl_rdd_ref(wrong);
    }
    sl_error err = SL_ERROR_INIT;
    sli_runtime *runtime = tables[0].rdd->runtime;
    sli_named names[SLI_SQL_MAX_FROM];
    sl_rdd *inputs[SLI_SQL_MAX_FROM];
    sli_select *made = NULL;
    sl_code rc = n > SLI_SQL_MAX_FROM
                     ? sl_error_set(&err, SL_E_INVALID, "%d tables; there may be 1 to %d", n,
                                    SLI_SQL_MAX_FROM)
                     : name_rdds(tables, n, names, &err);
    rc = rc == SL_OK ? find(runtime, select, names, n, &made, &err) : rc;
    if (rc != SL_OK) {
        return sli_rdd_mistake(runtime, rc, "sql: %s", err.text);
    }
    for (int32_t i = 0; i < n; i++) {
        inputs[i] = tables[i].rdd;
    }
    return sli_select_rdd(made, inputs);
}
