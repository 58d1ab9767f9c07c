// source.c — from a URL to an open source, and what all sources share.
//
// The options a URL may name are those of the source, `format`, and those of the format it names;
// so the format must be known before the options can be read. The query is looked at for it first,
// without judging anything; the conf made with that format's table then says what it really is.
#include "source/message.h"
#include "source/source_int.h"

enum { MAX_SCHEMES = 64 };

const sl_option sli_source_options[] = {
    {.name = "format",
     .type = SL_OPT_CHOICE,
     .fallback = "text",
     .choices = "text|csv|json|arrow|fixed|bytes|avro|parquet",
     .flags = SL_OPT_RESULT,
     .text = "How the bytes are read as rows; the format's own options go into the same URL."},
    {0},
};

const sli_metric_info sli_source_metrics[] = {
    [SLI_SOURCE_RECORDS] = {"sluice_source_records_total", SLI_COUNTER, "source", "rows",
                            "Rows read; a repeated attempt counts again."},
    [SLI_SOURCE_BYTES] = {"sluice_source_bytes_total", SLI_COUNTER, "source", "bytes",
                          "Bytes read or received."},
    [SLI_SOURCE_SKIPPED] = {"sluice_source_malformed_total", SLI_COUNTER, "source", "rows",
                            "Malformed records dropped."},
    [SLI_SOURCE_REPLACED] = {"sluice_source_replaced_total", SLI_COUNTER, "source", "sequences",
                             "Byte sequences that are not UTF-8 and became U+FFFD."},
    [SLI_SOURCE_RECONNECTS] = {"sluice_source_reconnects_total", SLI_COUNTER, "source", "times",
                               "Connections refused or lost, each tried again."},
    [SLI_SOURCE_FILES] = {"sluice_source_files_total", SLI_COUNTER, "source", "files",
                          "Files taken by epochs."},
    [SLI_SOURCE_CHANGED] = {"sluice_source_files_changed_total", SLI_COUNTER, "source", "files",
                            "Files changed after an epoch took them; the change is not read."},
    [SLI_SOURCE_UNREADABLE] = {"sluice_source_listings_failed_total", SLI_COUNTER, "source",
                               "times", "Listings of the directory, or openings, that failed."},
    [SLI_SOURCE_ROTATED] = {"sluice_source_rotated_total", SLI_COUNTER, "source", "files",
                            "Files followed by name that were rotated away."},
    [SLI_SOURCE_LOST] = {"sluice_source_lost_bytes_total", SLI_COUNTER, "source", "bytes",
                         "Bytes of files followed by name that were seen and can't be read any "
                         "more."},
    {0},
};

// ---------------------------------------------------------------- opening

static sl_code unknown_scheme(sl_text scheme, const sli_source_ops *const *sources, sl_error *err)
{
    const char *names[MAX_SCHEMES + 1] = {NULL};
    sli_str all = {.tag = SLI_TAG_SOURCE};
    for (int32_t i = 0; i < MAX_SCHEMES && sources[i] != NULL; i++) {
        names[i] = sources[i]->scheme;
        sli_str_printf(&all, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    char *word = sli_source_text(scheme);
    const char *near = word == NULL ? NULL : sli_nearest(word, names);
    sl_code rc =
        near != NULL
            ? sl_error_set(err, SL_E_CONFIG, "no source \"%s\"; did you mean \"%s\"?", word, near)
            : sl_error_set(err, SL_E_CONFIG, "no source \"%.*s\"; there are: %s",
                           (int)(scheme.size < 64 ? scheme.size : 64), scheme.data,
                           all.failed || all.data == NULL ? "none" : all.data);
    sl_free(word);
    sli_str_reset(&all);
    return rc;
}

static const sli_source_ops *find_source(sl_text scheme, const sli_source_ops *const *sources)
{
    for (int32_t i = 0; sources[i] != NULL; i++) {
        if (sli_text_is(scheme, sources[i]->scheme)) {
            return sources[i];
        }
    }
    return NULL;
}

/// The format that the query seems to name: the last `format=`, as it stands; text when there is
/// none or it is unknown.
static const sli_format_ops *guess_format(sl_text query)
{
    static const char key[] = "format=";
    const sli_format_ops *found = NULL;
    size_t at = 0;
    while (at < query.size) {
        const char *amp = memchr(query.data + at, '&', query.size - at);
        size_t end = amp == NULL ? query.size : (size_t)(amp - query.data);
        if (end - at >= sizeof key - 1 && memcmp(query.data + at, key, sizeof key - 1) == 0) {
            at += sizeof key - 1;
            found = sli_format_find((sl_text){query.data + at, end - at});
        }
        at = end + 1;
    }
    return found != NULL ? found : &sli_format_text;
}

static const sli_format_ops *format_of(const sl_conf *conf)
{
    const sli_format_ops *format = sli_format_find(sli_text_of(sl_conf_text(conf, "format")));
    SL_ASSERT(format != NULL, "the choices of `format` are the formats");
    return format;
}

static sl_code read_conf(sl_conf **out, const sli_source_ops *ops, const sli_format_ops *format,
                         sl_text query, sl_error *err)
{
    const sl_option *tables[4] = {ops->options};
    if (ops->formatted) {
        tables[1] = sli_source_options;
        tables[2] = format->options;
    }
    char what[64];
    sli_str name = {.tag = SLI_TAG_SOURCE};
    sli_str_printf(&name, "source %s", ops->scheme);
    sl_code rc = sli_str_check(&name, "a source's name", err);
    if (rc == SL_OK) {
        size_t n = name.size < sizeof what - 1 ? name.size : sizeof what - 1;
        memcpy(what, name.data, n);
        what[n] = '\0';
        sl_conf *conf = NULL;
        rc = sl_conf_new(&conf, what, tables, err);
        if (rc == SL_OK) {
            rc = sl_conf_parse_query(conf, query, err);
            rc = rc == SL_OK ? sl_conf_check(conf, err) : rc;
            if (rc == SL_OK) {
                *out = conf;
            } else {
                sl_conf_free(conf);
            }
        }
    }
    sli_str_reset(&name);
    return rc;
}

/// As read_conf, with the options of the format that the query names.
static sl_code conf_of(sl_conf **out, const sli_source_ops *ops, sl_text query, sl_error *err)
{
    const sli_format_ops *format = guess_format(query);
    sl_conf *conf = NULL;
    SL_TRY(read_conf(&conf, ops, format, query, err));
    if (ops->formatted) {
        const sli_format_ops *named = format_of(conf);
        if (named != format) { // written with %xx
            sl_conf_free(conf);
            return read_conf(out, ops, named, query, err);
        }
    }
    *out = conf;
    return SL_OK;
}

/// Whether the format that was named can be read here, and what it needs from outside.
static sl_code prepare(const sli_source_ops *ops, sl_conf *conf, sl_env *env, sl_error *err)
{
    if (!ops->formatted) {
        return SL_OK;
    }
    const sli_format_ops *format = format_of(conf);
    return format->whole_file && !ops->whole_files
               ? sli_format_whole_refused(format, "this source", err)
               : sli_format_prepare(format, conf, env, err);
}

static sl_code open_as(sli_source **out, const sli_source_ops *ops, const sli_url *url,
                       const sli_source_env *env, sl_error *err)
{
    sl_conf *conf = NULL;
    SL_TRY(sli_url_user_check(url, ops->options, err));
    SL_TRY(conf_of(&conf, ops, url->query, err));
    sli_source *source = NULL;
    sl_code rc = prepare(ops, conf, env->env, err);
    rc = rc == SL_OK ? ops->open(&source, url, conf, env, err) : rc;
    if (rc != SL_OK) {
        sl_conf_free(conf);
        return sl_error_wrap(err, rc, "source %s", ops->scheme);
    }
    source->conf = conf;
    *out = source;
    return SL_OK;
}

sl_code sli_source_open(sli_source **out, const char *url, const sli_source_ops *const *sources,
                        const sli_source_env *env, sl_error *err)
{
    sli_url parts;
    SL_TRY(sli_url_parse(url, &parts, err));
    const sli_source_ops *ops = find_source(parts.scheme, sources);
    return ops == NULL ? unknown_scheme(parts.scheme, sources, err)
                       : open_as(out, ops, &parts, env, err);
}

sl_code sli_table_open(sli_source **out, const char *url, const sli_source_env *env, sl_error *err)
{
    sli_url parts;
    static const sli_source_ops *const tables[] = {
        &sli_source_table,          &sli_source_hdfs_table,   &sli_source_kafka_table,
        &sli_source_postgres_table, &sli_source_sqlite_table, NULL};
    SL_TRY(sli_url_parse(url, &parts, err));
    const sli_source_ops *ops = find_source(parts.scheme, tables);
    if (ops == NULL) {
        return sl_error_set(
            err, SL_E_CONFIG,
            "a table is a file, a directory (here or on HDFS), topics of Kafka, or a table of "
            "PostgreSQL or SQLite, not \"%.*s\"",
            (int)(parts.scheme.size < 64 ? parts.scheme.size : 64), parts.scheme.data);
    }
    return open_as(out, ops, &parts, env, err);
}

void sli_source_close(sli_source *source)
{
    if (source != NULL) {
        sl_conf *conf = source->conf;
        source->ops->close(source);
        sl_conf_free(conf);
    }
}

// ---------------------------------------------------------------- what sources share

char *sli_source_text(sl_text text)
{
    return sl_strndup(SLI_TAG_SOURCE, text.size == 0 ? "" : text.data, text.size);
}

static sl_code fill(sli_source_common *common, const char *schema, sl_error *err)
{
    if (schema != NULL) {
        return sl_schema_parse(&common->schema, schema, err);
    }
    common->format = format_of(common->conf);
    const sli_source_ops *ops = common->base.ops;
    if (ops->messages != NULL) {
        return sli_message_schema(&common->schema, ops->messages, common->format, common->conf,
                                  err);
    }
    if (common->format->binary && ops->kind == SLI_SOURCE_RECEIVER) {
        return sl_error_set(err, SL_E_CONFIG,
                            "format %s is for files and queues: a receiver's bytes are cut at line "
                            "ends; use text, csv or json",
                            common->format->name);
    }
    return common->format->schema(common->conf, &common->schema, err);
}

sl_code sli_source_alloc(sli_source_common **out, size_t size, const sli_source_ops *ops,
                         const sl_conf *conf, const sli_source_env *env, const char *schema,
                         sl_error *err)
{
    SL_ASSERT(size >= sizeof(sli_source_common), "the common part comes first");
    sli_source_common *common = sl_alloc_zero(SLI_TAG_SOURCE, size);
    if (common == NULL) {
        return sl_error_nomem(err, size, "a source");
    }
    common->base.ops = ops;
    common->conf = conf;
    sl_code rc = fill(common, schema, err);
    if (rc != SL_OK) {
        sl_free(common);
        return rc;
    }
    sli_source_common_begin(common, env);
    *out = common;
    return SL_OK;
}

void sli_source_common_begin(sli_source_common *common, const sli_source_env *env)
{
    common->env = *env;
    for (int32_t i = 0; env->metrics != NULL && i < SLI_SOURCE_N_SERIES; i++) {
        common->series[i] = sli_metrics_series(env->metrics, &sli_source_metrics[i], env->uid);
    }
}

void sli_source_common_free(sli_source_common *common)
{
    if (common != NULL) {
        sl_schema_unref(common->schema);
        sl_free(common);
    }
}

bool sli_source_wants_letters(const sl_conf *conf)
{
    const char *policy = sl_conf_text(conf, "malformed");
    return policy != NULL && strcmp(policy, "dead-letter") == 0;
}

void sli_source_count(sli_source_common *common, sli_source_series series, int64_t n)
{
    if (n > 0 && common->series[series] != NULL) {
        sli_metric_add(common->series[series], n);
    }
}

void sli_source_count_stats(sli_source_common *common, const sli_decode_stats *read,
                            sli_decode_stats *stats)
{
    sli_source_count(common, SLI_SOURCE_RECORDS, read->records);
    sli_source_count(common, SLI_SOURCE_BYTES, read->bytes);
    sli_source_count(common, SLI_SOURCE_SKIPPED, read->skipped);
    sli_source_count(common, SLI_SOURCE_REPLACED, read->replaced);
    stats->records += read->records;
    stats->bytes += read->bytes;
    stats->skipped += read->skipped;
    stats->dead += read->dead;
    stats->replaced += read->replaced;
}

const sl_schema *sli_source_common_schema(const sli_source *self)
{
    return ((const sli_source_common *)self)->schema;
}

const sli_format_ops *sli_source_common_format(const sli_source *self, const sl_conf **conf)
{
    const sli_source_common *common = (const sli_source_common *)self;
    *conf = common->conf;
    return common->format;
}

bool sli_source_is_over(const sli_source_common *common)
{
    const _Atomic int64_t *end_us = common->env.end_us; // relaxed: the time alone is told
    return end_us != NULL &&
           atomic_load_explicit(end_us, memory_order_relaxed) <= sli_env_mono_us(common->env.env);
}

void sli_source_event(sli_source_common *common, sli_event_kind kind, const sl_error *error)
{
    sli_event event = {.kind = kind,
                       .epoch = -1,
                       .group = -1,
                       .stage = -1,
                       .partition = -1,
                       .attempt = -1,
                       .worker = -1,
                       .rows = -1,
                       .bytes = -1,
                       .code = error == NULL ? SL_OK : error->code,
                       .source = sli_event_source(common->env.uid == NULL ? "" : common->env.uid)};
    const char *text = error == NULL ? common->env.uid : error->text;
    sli_event_text(&event, text == NULL ? "" : text);
    sli_metrics_emit(common->env.metrics, &event);
}
