// The module postgres_pq: libpq behind postgres.h. The table, and what failures mean.
#include <stdlib.h>
#include <string.h>

#include "postgres/module/pq_int.h"

// ---------------------------------------------------------------- failures

sl_code pq_fail(sl_error *err, sl_code code, const char *what)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "postgres: %.*s", SL_ERROR_TEXT_BYTES - 16,
                       what); // in libpq's own words, which may be many
        size_t size = strlen(err->text);
        while (size > 0 && err->text[size - 1] == '\n') {
            err->text[--size] = '\0';
        }
    }
    return code;
}

sl_code pq_nomem(sl_error *err)
{
    return pq_fail(err, SL_E_NOMEM, "no memory for a statement");
}

/// By the SQLSTATE or, where that is not there, its class. What may pass by itself is a time-out:
/// the server restarts, has no connection left, is a standby that will be promoted.
static const struct meaning {
    const char *state;
    sl_code code;
} meanings[] = {
    {"08", SL_E_TIMEOUT},      {"57P", SL_E_TIMEOUT},     {"57014", SL_E_TIMEOUT},
    {"25006", SL_E_TIMEOUT},   {"25P", SL_E_TIMEOUT},     {"40", SL_E_TIMEOUT},
    {"55P03", SL_E_BUSY},      {"53100", SL_E_NO_SPACE},  {"53", SL_E_TIMEOUT},
    {"58030", SL_E_TIMEOUT},   {"28", SL_E_CONFIG},       {"3D", SL_E_NOT_FOUND},
    {"42501", SL_E_CONFIG},    {"42P01", SL_E_NOT_FOUND}, {"3F", SL_E_NOT_FOUND},
    {"42703", SL_E_NOT_FOUND}, {"22", SL_E_DATA},         {"23", SL_E_DATA},
    {"54", SL_E_DATA},         {"0A", SL_E_UNSUPPORTED},  {"42", SL_E_INVALID},
};

sl_code pq_code_of(const char *state)
{
    if (state == NULL || strlen(state) != 5) {
        return SL_E_TIMEOUT;
    }
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0) {
            return meanings[i].code;
        }
    }
    return SL_E_IO;
}

static const char *part_of(const PGresult *result, int field)
{
    const char *text = PQresultErrorField(result, field);
    return text == NULL ? "" : text;
}

sl_code pq_fail_of(sli_pg *self, const PGresult *result, sl_error *err)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    self->has_failed = true;
    if (state == NULL) {
        const char *why = PQerrorMessage(self->conn);
        return pq_fail(err, SL_E_TIMEOUT, *why == '\0' ? "the connection was lost" : why);
    }
    char text[SL_ERROR_TEXT_BYTES - 16];
    const char *detail = part_of(result, PG_DIAG_MESSAGE_DETAIL);
    const char *context = part_of(result, PG_DIAG_CONTEXT);
    (void)snprintf(text, sizeof text, "%s%s%s%s%s (SQLSTATE %s)",
                   part_of(result, PG_DIAG_MESSAGE_PRIMARY), *detail == '\0' ? "" : ": ", detail,
                   *context == '\0' ? "" : "; ", context, state);
    sl_code code = pq_fail(err, pq_code_of(state), text);
    if (code == SL_E_NO_SPACE && err != NULL) {
        err->action = SL_ACT_RETRY_TASK; // somebody makes room
    }
    return code;
}

// ---------------------------------------------------------------- the table

static void names(void (*each)(void *ctx, const char *name), void *ctx)
{
    PQconninfoOption *all = PQconndefaults();
    for (PQconninfoOption *o = all; o != NULL && o->keyword != NULL; o++) {
        each(ctx, o->keyword);
    }
    PQconninfoFree(all);
}

static const sli_pg_ops table = {
    .struct_size = sizeof(sli_pg_ops),
    .open = pq_open,
    .close = pq_close,
    .columns = pq_columns,
    .prepare = pq_prepare,
    .make_marks = pq_make_marks,
    .end_others = pq_end_others,
    .begin = pq_begin,
    .marked = pq_marked,
    .copy = pq_copy,
    .put = pq_put,
    .copied = pq_copied,
    .mark = pq_mark,
    .commit = pq_commit,
    .read = pq_read,
    .names = names,
};

const sli_module *SLI_MODULE_ENTRY(void);

__attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void)
{
    static const sli_module module = {.struct_size = sizeof(sli_module),
                                      .name = "postgres_pq",
                                      .needs = "libpq " SL_LIBRARY_VERSION,
                                      .abi = SLI_PG_ABI,
                                      .table = &table};
    return &module;
}
