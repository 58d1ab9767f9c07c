// The names of a script: tables and views, compared without case. A table's source is opened when
// the first SELECT reads it, so that one which is only written to never is.
#include "sql/connector.h"
#include "sql/program.h"
#include "sql/script_int.h"

#include "base/str.h"
#include "sluice/event.h"

#include <stdio.h>

enum { MAX_NAME = 80 }; ///< leaves room for what uids add to it

static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        char x = (char)(*a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a);
        char y = (char)(*b >= 'A' && *b <= 'Z' ? *b - 'A' + 'a' : *b);
        if (x != y) {
            return false;
        }
    }
    return *a == *b;
}

sli_entry *sli_catalog_find(const sli_script *s, const char *name)
{
    for (int32_t i = 0; i < s->n_entries; i++) {
        if (same_name(s->entries[i]->relation.name, name)) {
            return s->entries[i];
        }
    }
    return NULL;
}

const char *const *sli_catalog_names(const sli_script *s, bool tables_only)
{
    static const char *const none[] = {NULL};
    int32_t n = 0;
    const char **names =
        sl_arena_alloc(s->arena, ((size_t)s->n_entries + 1) * sizeof(const char *));
    for (int32_t i = 0; names != NULL && i < s->n_entries; i++) {
        if (!tables_only || !s->entries[i]->is_view) {
            names[n++] = s->entries[i]->relation.name;
        }
    }
    if (names != NULL) {
        names[n] = NULL;
    }
    return names == NULL ? none : (const char *const *)names;
}

sl_code sli_catalog_add(sli_script *s, const char *name, size_t at, sli_entry **out, sl_error *err)
{
    if (sli_catalog_find(s, name) != NULL) {
        return sli_script_fail(s, at, err, "there is a table or view '%s' already", name);
    }
    if (!sli_is_file_name(name, MAX_NAME)) {
        return sli_script_fail(s, at, err,
                               "'%.100s' can't be a table's name: what a job keeps is filed under "
                               "it, so it has 1 to %d of A-Z a-z 0-9 _ . - and no dot in front",
                               name, MAX_NAME);
    }
    if (s->n_entries == SLI_SCRIPT_MAX_NAMES) {
        return sli_script_fail(s, at, err, "a script has at most %d tables and views",
                               SLI_SCRIPT_MAX_NAMES);
    }
    sli_entry *entry = sl_arena_alloc_zero(s->arena, sizeof *entry);
    if (entry == NULL) {
        return sl_error_nomem(err, sizeof *entry, "a table of a script");
    }
    entry->relation.name = name;
    entry->at = at;
    s->entries[s->n_entries++] = entry;
    *out = entry;
    return SL_OK;
}

void sli_catalog_warn_unused(const sli_script *s)
{
    for (int32_t i = 0; i < s->n_entries; i++) {
        const sli_entry *entry = s->entries[i];
        if (!entry->read && !entry->write) {
            sli_script_warn(s, entry->at, "nothing %s %s '%s'",
                            entry->is_view ? "reads" : "reads or writes",
                            entry->is_view ? "view" : "table", entry->relation.name);
        }
    }
}

// ---------------------------------------------------------------- columns

/// What a source gives must be what is declared: names, types and their order. Whether a column may
/// be null is the source's to say.
static sl_code check_columns(const sli_script *s, const sli_entry *entry, const sl_schema *given,
                             sl_error *err)
{
    const sl_schema *declared = entry->columns;
    int32_t n = sl_schema_columns(declared), n_given = sl_schema_columns(given);
    for (int32_t i = 0; i < n && i < n_given; i++) {
        const sl_field *want = sl_schema_field(declared, i), *have = sl_schema_field(given, i);
        const char *a = sli_field_type(s->arena, declared, i),
                   *b = sli_field_type(s->arena, given, i);
        if (!same_name(want->name, have->name) || strcmp(a, b) != 0) {
            return sli_script_fail(s, entry->at, err,
                                   "column %d of '%s' is declared as %s %s, and its source gives "
                                   "%s %s: declare that, and change it in a view",
                                   i + 1, entry->relation.name, want->name, a, have->name, b);
        }
    }
    if (n != n_given) {
        return sli_script_fail(s, entry->at, err,
                               "'%s' declares %d columns, and its source gives %d: %s",
                               entry->relation.name, n, n_given, sl_schema_text(given));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- opening

static sl_code open_static(sli_script *s, sli_entry *entry, const char *url, sl_error *err)
{
    if (entry->time != NULL) {
        return sli_script_fail(s, entry->at, err, "'%s' is a static table: it has no WATERMARK",
                               entry->relation.name);
    }
    SL_TRY(sli_script_engine(s, err));
    sl_code rc = sli_sql_static(s->sql, url, &entry->relation.table, err);
    if (rc != SL_OK) {
        if (rc == SL_E_NOT_FOUND) {
            rc = err->code = SL_E_CONFIG; // a path of the script: as any mistake of it
        }
        rc = sl_error_wrap(err, rc, "table '%s'", entry->relation.name);
        return sli_script_wrap(s, entry->at, rc, err);
    }
    return check_columns(s, entry, sli_static_schema(entry->relation.table), err);
}

static sl_code open_source(sli_script *s, sli_entry *entry, const char *url, sl_stream **out,
                           sl_error *err)
{
    sl_schema *given = NULL;
    sl_code rc = sli_url_schema(s->graph, url, entry->relation.name, false, &given, err);
    if (rc != SL_OK) {
        rc = sl_error_wrap(err, rc, "table '%s'", entry->relation.name);
        return sli_script_wrap(s, entry->with_at, rc, err);
    }
    rc = check_columns(s, entry, given, err);
    sl_schema_unref(given);
    *out = rc == SL_OK ? sl_stream_open(s->graph, url) : NULL;
    return rc;
}

static size_t idle_at(const sli_entry *entry)
{
    for (int32_t i = 0; i < entry->n_with; i++) {
        if (strcmp(entry->with[i].key, "idle_after") == 0 ||
            strcmp(entry->with[i].key, "scan.watermark.idle-timeout") == 0) {
            return entry->with[i].value_at;
        }
    }
    return entry->with_at;
}

/// WATERMARK: an event time of its own under the table's name.
static sl_code add_event_time(sli_script *s, sli_entry *entry, sl_stream **stream, sl_error *err)
{
    char uid[MAX_NAME + 8];
    const char *idle = sli_with_value(entry, "scan.watermark.idle-timeout", "idle_after");
    if (entry->time == NULL) {
        return idle == NULL ? SL_OK
                            : sli_script_fail(s, entry->with_at, err,
                                              "'%s' has an idle time-out and no WATERMARK",
                                              entry->relation.name);
    }
    *stream = sl_stream_event_time(*stream, entry->time, entry->delay);
    (void)snprintf(uid, sizeof uid, "%s.time", entry->relation.name);
    sl_stream_uid(*stream, uid);
    if (idle != NULL) {
        int64_t us = 0;
        sl_code rc = sli_scan_duration_us(sli_text_of(idle), &us, err);
        if (rc != SL_OK) {
            rc = sl_error_wrap(err, rc, "the idle time-out \"%.40s\"", idle);
            return sli_script_wrap(s, idle_at(entry), rc, err);
        }
        sl_stream_idle_after(*stream, idle);
    }
    return SL_OK;
}

static sl_code open_stream(sli_script *s, sli_entry *entry, const char *url, sl_error *err)
{
    sl_stream *stream = NULL;
    if (s->for_test) {
        stream =
            sl_stream_queue(s->graph, entry->relation.name, sl_schema_text(entry->columns), false);
    } else if (sli_connector_gives_rows(entry)) {
        stream = sli_program_queue(s, entry);
    } else {
        SL_TRY(open_source(s, entry, url, &stream, err));
    }
    sl_stream_uid(stream, entry->relation.name);
    SL_TRY(add_event_time(s, entry, &stream, err));
    entry->relation.stream = stream;
    entry->relation.time = entry->time;
    sl_code rc = sl_graph_check(s->graph, err);
    return rc == SL_OK ? SL_OK : sli_script_wrap(s, entry->with_at, rc, err);
}

sl_code sli_catalog_make(sli_script *s, sli_entry *entry, sl_error *err)
{
    bool is_static = false;
    const char *url = NULL;
    entry->read = true;
    if (entry->made) {
        return SL_OK;
    }
    SL_TRY(sli_connector_source(s, entry, &url, &is_static, err));
    SL_TRY(is_static ? open_static(s, entry, url, err) : open_stream(s, entry, url, err));
    entry->made = true;
    return SL_OK;
}
