/// sink.c — from a URL to an open sink.
///
/// A sink's settings are the query of its URL. They are read over the sink's own table and, for
/// sinks that write a format, over that format's table too, so a misspelt option is told before
/// anything is opened.
#include "sink/sink_int.h"

#include "base/arena.h"

#include <errno.h>

enum { MAX_SINKS = 64, MAX_NAME = 64 };

/// The sink, or an error that names the nearest scheme.
static sl_code find_sink(const sli_url *url, const sli_sink_ops *const *sinks,
                         const sli_sink_ops **out, sl_error *err)
{
    const char *names[MAX_SINKS + 1] = {NULL};
    for (int32_t i = 0; i < MAX_SINKS && sinks[i] != NULL; i++) {
        if (sli_text_is(url->scheme, sinks[i]->scheme)) {
            *out = sinks[i];
            return SL_OK;
        }
        names[i] = sinks[i]->scheme;
    }
    char scheme[MAX_NAME + 1];
    size_t size = url->scheme.size < MAX_NAME ? url->scheme.size : MAX_NAME;
    memcpy(scheme, url->scheme.data, size);
    scheme[size] = '\0';
    const char *near = sli_nearest(scheme, names);
    if (near != NULL) {
        return sl_error_set(err, SL_E_CONFIG, "there is no sink '%s', did you mean '%s'?", scheme,
                            near);
    }
    return sl_error_set(err, SL_E_CONFIG, "there is no sink '%s'; `sluice help sinks` lists them",
                        scheme);
}

static const sl_option *find_option(const sl_option *table, const char *name)
{
    for (; table != NULL && table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

/// The last `format=` of a query; `fallback` when there is none. Names of formats are plain
/// letters, so a percent-encoded one is refused like an unknown one.
static sl_text format_in(sl_text query, const char *fallback)
{
    static const char key[] = "format=";
    const size_t n_key = sizeof key - 1;
    sl_text found = sli_text_of(fallback);
    for (size_t at = 0; at < query.size;) {
        const char *from = query.data + at;
        const char *amp = memchr(from, '&', query.size - at);
        size_t size = amp == NULL ? query.size - at : (size_t)(amp - from);
        if (size >= n_key && memcmp(from, key, n_key) == 0) {
            found = (sl_text){from + n_key, size - n_key};
        }
        at += size + 1;
    }
    return found;
}

/// Sets `format` first, so that an unknown one is named before the options it would have had.
static sl_code check_format(sl_conf *conf, sl_text format, sl_error *err)
{
    return sl_conf_set(conf, "format", format, err);
}

sl_code sli_sink_conf(const sli_sink_ops *ops, const sli_url *url, sl_conf **out,
                      const sli_format_ops **format, sl_error *err)
{
    const sl_option *tables[3] = {ops->options, NULL, NULL};
    const sl_option *option = find_option(ops->options, "format");
    const sli_format_ops *found = NULL;
    sl_text name = {NULL, 0};
    if (option != NULL) {
        name = format_in(url->query, option->fallback == NULL ? "" : option->fallback);
        found = sli_format_find(name);
        if (found != NULL && found->whole_file) {
            return sli_format_whole_unwritten(found, err);
        }
        tables[1] = found == NULL ? NULL : found->options;
    }
    char what[MAX_NAME + 8] = "sink ";
    size_t n = strlen(ops->scheme) < MAX_NAME ? strlen(ops->scheme) : MAX_NAME;
    memcpy(what + 5, ops->scheme, n);
    what[5 + n] = '\0';
    sl_conf *conf = NULL;
    SL_TRY(sl_conf_new(&conf, what, tables, err));
    sl_code rc = option == NULL ? SL_OK : check_format(conf, name, err);
    rc = rc == SL_OK ? sl_conf_parse_query(conf, url->query, err) : rc;
    rc = rc == SL_OK ? sl_conf_check(conf, err) : rc;
    if (rc != SL_OK) {
        sl_conf_free(conf);
        return rc;
    }
    if (format != NULL) {
        *format = found;
    }
    *out = conf;
    return SL_OK;
}

sl_code sli_sink_open(sli_sink **out, const char *url, const sli_sink_ops *const *sinks,
                      const sli_sink_env *env, sl_error *err)
{
    sli_url parts;
    const sli_sink_ops *ops = NULL;
    const sli_format_ops *format = NULL;
    sl_conf *conf = NULL;
    SL_TRY(sli_url_parse(url, &parts, err));
    SL_TRY(find_sink(&parts, sinks, &ops, err));
    SL_TRY(sli_url_user_check(&parts, ops->options, err));
    SL_TRY(sli_sink_conf(ops, &parts, &conf, &format, err));
    sl_code rc = format == NULL ? SL_OK : sli_format_prepare(format, conf, env->env, err);
    rc = rc == SL_OK ? ops->open(out, &parts, conf, env, err) : rc;
    sl_conf_free(conf);
    int shown = (int)strcspn(url, "?"); // secrets live in the query
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "sink %.*s", shown, url);
}

void sli_sink_close(sli_sink *sink)
{
    if (sink != NULL) {
        sink->ops->close(sink);
    }
}

/// Syncs `dir`; `parents` are directories that somebody else may own and that can't be opened for
/// reading: then they were not made by us, since making a directory and reading it go together
/// everywhere but in drop boxes.
static sl_code sync_one(sli_fs *fs, const char *dir, bool parents, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code rc = fs->ops->sync_dir(fs, dir, &why);
    if (rc == SL_OK || (parents && (why.sys_errno == EACCES || why.sys_errno == EPERM))) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}

sl_code sli_sink_make_dir(sli_fs *fs, const char *path, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    if (arena == NULL) {
        return sl_error_nomem(err, strlen(path), "a directory's path");
    }
    sl_code rc = fs->ops->mkdirs(fs, path, err);
    if (rc == SL_OK) {
        rc = sync_one(fs, path, false, err);
    }
    const char *dir = path;
    while (rc == SL_OK && strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0) {
        dir = sli_path_dir(arena, dir);
        rc = dir == NULL ? sl_error_nomem(err, strlen(path), "a directory's path")
                         : sync_one(fs, dir, true, err);
    }
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- rows that go

sl_code sli_sink_deletes(const sl_conf *conf, const sl_schema *schema, sl_schema **out,
                         int32_t *mark, sl_error *err)
{
    const char *column = sl_conf_text(conf, "deletes");
    int32_t last = sl_schema_columns(schema) - 1;
    if (column == NULL) {
        *mark = -1;
        *out = sl_schema_ref(schema);
        return SL_OK;
    }
    const sl_field *field = sl_schema_field(schema, last);
    if (strcmp(field->name, column) != 0 || field->type != SL_INT64 || last == 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option deletes: '%.80s' has to be the last of several columns, an "
                            "int64, in \"%s\"",
                            column, sl_schema_text(schema));
    }
    int32_t *columns = sl_alloc(SLI_TAG_SINK, (size_t)last * sizeof *columns);
    if (columns == NULL) {
        return sl_error_nomem(err, (size_t)last * sizeof *columns, "the columns of a sink");
    }
    for (int32_t i = 0; i < last; i++) {
        columns[i] = i;
    }
    sl_code rc = sli_schema_select(schema, columns, last, out, err);
    sl_free(columns);
    *mark = rc == SL_OK ? last : -1;
    return rc;
}
