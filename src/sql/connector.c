// WITH to a URL. Two steps: the parts of the URL and the options that the source or sink will see;
// then each option is tried on their tables at its own place, before anything is opened.
#include "sql/connector.h"

#include "base/str.h"

enum { MAX_PAIRS = SLI_SCRIPT_MAX_OPTIONS + 8 };

/// One option as the URL will have it.
typedef struct pair {
    const char *name, *value;
    const sli_with *from; ///< NULL: made here
} pair;

typedef struct building {
    sli_script *s;
    const sli_entry *entry;
    const sli_connector *of;
    const sl_option *options;     ///< of the source, sink or static table
    const sli_format_ops *format; ///< NULL: it has no format
    const char *host, *port, *path, *database;
    pair pairs[MAX_PAIRS];
    int32_t n;
} building;

static const char *const common[] = {
    "connector", "format",         "value.format", "static",
    "changelog", "changelog.kind", "idle_after",   "scan.watermark.idle-timeout",
    NULL};

const char *sli_with_value(const sli_entry *entry, const char *name, const char *other)
{
    for (int32_t i = 0; i < entry->n_with; i++) {
        if (strcmp(entry->with[i].key, name) == 0 ||
            (other != NULL && strcmp(entry->with[i].key, other) == 0)) {
            return entry->with[i].value;
        }
    }
    return NULL;
}

static const sli_with *with_of(const sli_entry *entry, const char *name, const char *other)
{
    for (int32_t i = 0; i < entry->n_with; i++) {
        if (strcmp(entry->with[i].key, name) == 0 ||
            (other != NULL && strcmp(entry->with[i].key, other) == 0)) {
            return &entry->with[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- which connector

static const sli_connector *find_connector(const char *name)
{
    for (const sli_connector *c = sli_connectors; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

const sli_connector *sli_connector_of(const sli_entry *entry)
{
    return find_connector(sli_with_value(entry, "connector", NULL));
}

bool sli_connector_deletes(const sli_connector *connector)
{
    for (const sl_option *o = connector->sink->options; o != NULL && o->name != NULL; o++) {
        if (strcmp(o->name, "deletes") == 0) {
            return true;
        }
    }
    return false;
}

bool sli_connector_gives_rows(const sli_entry *entry)
{
    return sli_connector_of(entry)->source == &sli_source_queue &&
           with_of(entry, "format", "value.format") == NULL;
}

static sl_code check_bool(const sli_script *s, const sli_with *with, const char *a, const char *b,
                          sl_error *err)
{
    return with == NULL || strcmp(with->value, a) == 0 || strcmp(with->value, b) == 0
               ? SL_OK
               : sli_script_fail(s, with->value_at, err, "'%s' is '%s' or '%s', not '%.40s'",
                                 with->key, a, b, with->value);
}

sl_code sli_connector_check(sli_script *s, const sli_entry *entry, sl_error *err)
{
    const char *names[64] = {NULL};
    const sli_with *with = with_of(entry, "connector", NULL);
    if (with == NULL) {
        return sli_script_fail(s, entry->with_at, err,
                               "'connector' is missing: 'sluice help sql' lists them");
    }
    for (int32_t i = 0; sli_connectors[i].name != NULL && i < 63; i++) {
        names[i] = sli_connectors[i].name;
    }
    if (find_connector(with->value) == NULL) {
        const char *near = sli_script_near(s, with->value, names);
        return sli_script_fail(s, with->value_at, err, "there is no connector '%.40s'%s",
                               with->value,
                               near[0] != '\0' ? near : "; 'sluice help sql' lists them");
    }
    SL_TRY(check_bool(s, with_of(entry, "static", NULL), "true", "false", err));
    return check_bool(s, with_of(entry, "changelog", NULL), "append", "upsert", err);
}

// ---------------------------------------------------------------- one option

static sl_code add_pair(building *b, const char *name, const char *value, const sli_with *from,
                        sl_error *err)
{
    for (int32_t i = 0; i < b->n; i++) {
        if (strcmp(b->pairs[i].name, name) == 0) {
            size_t at = from == NULL ? b->entry->with_at : from->key_at;
            return sli_script_fail(b->s, at, err, "option '%s' is given twice, once as '%s'", name,
                                   b->pairs[i].from == NULL ? "what the table declares"
                                                            : b->pairs[i].from->key);
        }
    }
    SL_ASSERT(b->n < MAX_PAIRS, "options were counted when they were read");
    b->pairs[b->n++] = (pair){name, value, from};
    return SL_OK;
}

/// The value by the map of an alias, "theirs=ours|theirs=ours".
static sl_code map_value(const building *b, const sli_alias *alias, const sli_with *with,
                         const char **out, sl_error *err)
{
    size_t size = strlen(with->value);
    *out = with->value;
    for (const char *at = alias->values; at != NULL && *at != '\0';) {
        size_t n = strcspn(at, "|"), name = strcspn(at, "=");
        if (name == size && memcmp(at, with->value, size) == 0) {
            *out = sl_arena_printf(b->s->arena, "%.*s", (int)(n - name - 1), at + name + 1);
            return *out == NULL ? sl_error_nomem(err, n, "an option") : SL_OK;
        }
        at += n + (at[n] == '|');
    }
    if (alias->values == NULL) {
        return SL_OK;
    }
    sli_str words = {.tag = SLI_TAG_SQL};
    for (const char *at = alias->values; *at != '\0';) {
        size_t n = strcspn(at, "|"), name = strcspn(at, "=");
        sli_str_printf(&words, "%s'%.*s'", words.size == 0 ? "" : ", ", (int)name, at);
        at += n + (at[n] == '|');
    }
    sl_code rc = sli_script_fail(b->s, with->value_at, err, "'%s' can be %s here, not '%.40s'",
                                 with->key, words.failed ? "others" : words.data, with->value);
    sli_str_reset(&words);
    return rc;
}

/// HOST:PORT,HOST:PORT: the first is the URL's.
static sl_code set_servers(building *b, const sli_with *with, sl_error *err)
{
    size_t size = strcspn(with->value, ",");
    b->host = sl_arena_printf(b->s->arena, "%.*s", (int)size, with->value);
    if (b->host == NULL) {
        return sl_error_nomem(err, size, "an option");
    }
    const char *others = with->value + size + strspn(with->value + size, ", ");
    return *others == '\0' ? SL_OK : add_pair(b, "brokers", others, with, err);
}

/// jdbc:postgresql://HOST:PORT/DATABASE
static sl_code set_jdbc(building *b, const sli_with *with, sl_error *err)
{
    static const char prefix[] = "jdbc:postgresql://";
    size_t n = sizeof prefix - 1, size = strlen(with->value);
    const char *host = with->value + (size < n ? size : n);
    const char *slash = strchr(host, '/');
    if (strncmp(with->value, prefix, n) != 0 || slash == NULL || slash[1] == '\0' ||
        strchr(slash, '?') != NULL) {
        return sli_script_fail(b->s, with->value_at, err,
                               "'url' is jdbc:postgresql://HOST:PORT/DATABASE (other databases "
                               "have no connector; parameters are options, as 'sslmode')");
    }
    b->host = sl_arena_printf(b->s->arena, "%.*s", (int)(slash - host), host);
    b->database = slash + 1;
    return b->host == NULL ? sl_error_nomem(err, size, "an option") : SL_OK;
}

/// Milliseconds since 1970, as the time that `start` takes.
static sl_code set_time(building *b, const sli_alias *alias, const sli_with *with, sl_error *err)
{
    int64_t ms = 0;
    sl_code rc = sli_scan_int64(sli_text_of(with->value), &ms, err);
    int64_t days = ms / 86400000, rest = ms % 86400000;
    if (rc != SL_OK || ms < 0 || ms > 253402300799000) {
        return sli_script_fail(b->s, with->value_at, err,
                               "'%s' is a number of milliseconds since 1970, not '%.40s'",
                               with->key, with->value);
    }
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097; // civil date of a day
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    char *text = sl_arena_printf(
        b->s->arena, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%03lldZ", (long long)year,
        (long long)month, (long long)(doy - (153 * mp + 2) / 5 + 1), (long long)(rest / 3600000),
        (long long)(rest / 60000 % 60), (long long)(rest / 1000 % 60), (long long)(rest % 1000));
    return text == NULL ? sl_error_nomem(err, 32, "a time")
                        : add_pair(b, alias->option, text, with, err);
}

static sl_code apply_alias(building *b, const sli_alias *alias, const sli_with *with, sl_error *err)
{
    const char *value = NULL;
    SL_TRY(map_value(b, alias, with, &value, err));
    switch (alias->to) {
    case SLI_TO_HOST:
        b->host = value;
        return SL_OK;
    case SLI_TO_PORT:
        b->port = value;
        return SL_OK;
    case SLI_TO_PATH:
        b->path = value;
        return SL_OK;
    case SLI_TO_DATABASE:
        b->database = value;
        return SL_OK;
    case SLI_TO_SERVERS:
        return set_servers(b, with, err);
    case SLI_TO_JDBC:
        return set_jdbc(b, with, err);
    case SLI_TO_TIME_MS:
        return set_time(b, alias, with, err);
    case SLI_TO_NOTHING:
        return SL_OK;
    case SLI_TO_OPTION:
        break;
    }
    return value[0] == '\0' && alias->values != NULL ? SL_OK
                                                     : add_pair(b, alias->option, value, with, err);
}

/// Options of formats as Flink names them, behind 'csv.' and so on.
static const sli_alias format_aliases[] = {
    {"field-delimiter", SLI_TO_OPTION, "delimiter", NULL},
    {"quote-character", SLI_TO_OPTION, "quote", NULL},
    {"null-literal", SLI_TO_OPTION, "null", NULL},
    {"ignore-parse-errors", SLI_TO_OPTION, "malformed", "true=skip|false=fail"},
    {0},
};

static const sli_alias *find_alias(const sli_alias *aliases, const char *key)
{
    for (; aliases != NULL && aliases->key != NULL; aliases++) {
        if (strcmp(aliases->key, key) == 0) {
            return aliases;
        }
    }
    return NULL;
}

static bool is_common(const char *key)
{
    for (int32_t i = 0; common[i] != NULL; i++) {
        if (strcmp(common[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/// 'csv.delimiter': what the format takes, under its own or Flink's name.
static sl_code apply_format(building *b, const char *key, const sli_with *with, sl_error *err)
{
    const sli_alias *alias = find_alias(format_aliases, key);
    return alias != NULL ? apply_alias(b, alias, with, err)
                         : add_pair(b, key, with->value, with, err);
}

static sl_code apply(building *b, const sli_with *with, sl_error *err)
{
    const sli_alias *alias = find_alias(b->of->aliases, with->key);
    size_t format = b->format == NULL ? 0 : strlen(b->format->name);
    if (is_common(with->key)) {
        return SL_OK;
    }
    if (alias != NULL) {
        return apply_alias(b, alias, with, err);
    }
    if (format > 0 && strncmp(with->key, b->format->name, format) == 0 &&
        with->key[format] == '.') {
        return apply_format(b, with->key + format + 1, with, err);
    }
    if (strcmp(b->of->scheme, "kafka") == 0 && strncmp(with->key, "properties.", 11) == 0) {
        char *name = sl_arena_printf(b->s->arena, "kafka.%s", with->key + 11);
        return name == NULL ? sl_error_nomem(err, 64, "an option")
                            : add_pair(b, name, with->value, with, err);
    }
    if (strcmp(with->key, "schema") == 0 || strcmp(with->key, "column") == 0) {
        return sli_script_fail(b->s, with->key_at, err,
                               "'%s' follows from the columns that the table declares: leave it "
                               "out",
                               with->key);
    }
    return add_pair(b, with->key, with->value, with, err);
}

// ---------------------------------------------------------------- the format

static const sl_option *find_option(const sl_option *table, const char *name)
{
    for (; table != NULL && table->name != NULL; table++) {
        bool is_family = table->type == SL_OPT_FAMILY;
        if (strcmp(table->name, name) == 0 ||
            (is_family && strncmp(table->name, name, strlen(table->name)) == 0)) {
            return table;
        }
    }
    return NULL;
}

/// An option that nearly is 'format' is told as such, before 'format' is missed.
static sl_code check_no_typo_of_format(const building *b, sl_error *err)
{
    static const char *const names[] = {"format", NULL};
    for (int32_t i = 0; i < b->entry->n_with; i++) {
        const sli_with *with = &b->entry->with[i];
        if (sli_nearest(with->key, names) != NULL && strlen(with->key) > 4) {
            return sli_script_fail(b->s, with->key_at, err,
                                   "connector '%s' has no option '%.80s'; did you mean 'format'?",
                                   b->of->name, with->key);
        }
    }
    return SL_OK;
}

/// Sets the format, and `format` among the options.
static sl_code set_format(building *b, bool has_format, sl_error *err)
{
    const sli_with *with = with_of(b->entry, "format", "value.format");
    if (!has_format) {
        return with == NULL
                   ? SL_OK
                   : sli_script_fail(b->s, with->key_at, err,
                                     "connector '%s' has no format: leave it out", b->of->name);
    }
    if (with == NULL) {
        SL_TRY(check_no_typo_of_format(b, err));
    }
    if (with == NULL && sl_schema_columns(b->entry->columns) > 1) {
        return sli_script_fail(b->s, b->entry->with_at, err,
                               "'format' is missing: 'json', 'csv', 'avro', 'arrow'; without one "
                               "a row is a line of text, one column");
    }
    const char *name = with == NULL ? "text" : with->value;
    b->format = sli_format_find(sli_text_of(name));
    if (b->format == NULL) {
        return sli_script_fail(b->s, with->value_at, err, "there is no format '%.40s'%s", name,
                               sli_script_near(b->s, name, sli_format_names()));
    }
    return add_pair(b, "format", name, with, err);
}

/// How many columns stand before those of a message's value: the items of 'columns'.
static int32_t message_columns(const building *b)
{
    const char *at = sli_with_value(b->entry, "columns", NULL);
    int32_t n = 0;
    while (at != NULL && *at != '\0') {
        at += strspn(at, ", ");
        n += *at != '\0';
        at += strcspn(at, ",");
    }
    return n;
}

/// The declared columns, as the format wants to hear of them.
static sl_code set_columns(building *b, sl_error *err)
{
    const sl_schema *columns = b->entry->columns;
    int32_t first = message_columns(b), n = sl_schema_columns(columns);
    if (b->format == NULL) {
        return SL_OK;
    }
    if (first >= n) {
        return sli_script_fail(b->s, b->entry->at, err,
                               "'%s' declares %d columns, and 'columns' alone gives %d: declare "
                               "those, then the value's",
                               b->entry->relation.name, n, first);
    }
    if (find_option(b->format->options, "schema") != NULL) {
        return add_pair(b, "schema", sli_columns_from(b->s->arena, columns, first), NULL, err);
    }
    const sl_field *field = sl_schema_field(columns, first);
    if (n != first + 1) {
        return sli_script_fail(b->s, b->entry->at, err,
                               "format '%s' gives one column, and '%s' declares %d more",
                               b->format->name, b->entry->relation.name, n - first - 1);
    }
    const char *column =
        sl_arena_printf(b->s->arena, "%s%s", field->name, field->nullable ? "?" : "");
    return column == NULL ? sl_error_nomem(err, 64, "a column")
                          : add_pair(b, "column", column, NULL, err);
}

// ---------------------------------------------------------------- checking

/// Names that an option may have, for the nearest one.
static sl_code unknown_option(const building *b, const pair *p, const sl_option *const *tables,
                              sl_error *err)
{
    enum { MOST = 256 };
    const char **names = sl_arena_alloc(b->s->arena, (MOST + 1) * sizeof(const char *));
    int32_t n = 0;
    if (names == NULL) {
        return sl_error_nomem(err, MOST * sizeof(const char *), "names");
    }
    for (int32_t i = 0; common[i] != NULL; i++) {
        names[n++] = common[i];
    }
    for (const sli_alias *a = b->of->aliases; a->key != NULL && n < MOST; a++) {
        names[n++] = a->key;
    }
    for (int32_t t = 0; tables[t] != NULL; t++) {
        for (const sl_option *o = tables[t]; o->name != NULL && n < MOST; o++) {
            names[n++] = o->name;
        }
    }
    names[n] = NULL;
    const char *near = sli_script_near(b->s, p->from->key, (const char *const *)names);
    return sli_script_fail(b->s, p->from->key_at, err, "connector '%s'%s%s has no option '%.80s'%s",
                           b->of->name, b->format == NULL ? "" : ", format ",
                           b->format == NULL ? "" : b->format->name, p->from->key,
                           near[0] != '\0' ? near : "; 'sluice help sql' lists what there is");
}

static sl_code check_pair(const building *b, const pair *p, const sl_option *const *tables,
                          sl_conf *conf, sl_error *err)
{
    bool known = false;
    for (int32_t t = 0; tables[t] != NULL; t++) {
        known = known || find_option(tables[t], p->name) != NULL;
    }
    if (!known && p->from == NULL) {
        return SL_OK; // what is made here is known to who takes it
    }
    if (!known) {
        return unknown_option(b, p, tables, err);
    }
    sl_code rc = sl_conf_set(conf, p->name, sli_text_of(p->value), err);
    size_t at = p->from == NULL ? b->entry->with_at : p->from->value_at;
    return rc == SL_OK ? SL_OK : sli_script_wrap(b->s, at, rc, err);
}

static sl_code check_pairs(const building *b, const sl_option *source_options, sl_error *err)
{
    const sl_option *tables[4] = {b->options};
    int32_t n = 1;
    char *what = sl_arena_printf(b->s->arena, "table '%s'", b->entry->relation.name);
    sl_conf *conf = NULL;
    if (source_options != NULL) {
        tables[n++] = source_options;
    }
    if (b->format != NULL) {
        tables[n++] = b->format->options;
    }
    SL_TRY(what == NULL ? sl_error_nomem(err, 64, "a table") : SL_OK);
    SL_TRY(sl_conf_new(&conf, what, tables, err));
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < b->n; i++) {
        rc = check_pair(b, &b->pairs[i], tables, conf, err);
    }
    if (rc == SL_OK) {
        rc = sl_conf_check(conf, err);
        rc = rc == SL_OK ? SL_OK : sli_script_wrap(b->s, b->entry->with_at, rc, err);
    }
    sl_conf_free(conf);
    return rc;
}

// ---------------------------------------------------------------- the URL

static void put_encoded(sli_str *out, const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-_.~/:,<>()?' ", c) != NULL || c >= 0x80;
        sli_str_printf(out, plain ? "%c" : "%%%02X", c);
    }
}

static sl_code check_part(const building *b, const char *part, sl_error *err)
{
    return part == NULL || strchr(part, '?') == NULL
               ? SL_OK
               : sli_script_fail(b->s, b->entry->with_at, err,
                                 "'%.80s' can't be part of an address: it holds a '?'", part);
}

static void put_address(const building *b, sli_str *out)
{
    const char *path = b->path == NULL ? "" : b->path;
    if (b->of->form == SLI_FORM_PLAIN) {
        sli_str_printf(out, "%s:%s", b->of->scheme, path);
        return;
    }
    sli_str_printf(out, "%s://%s", b->of->scheme, b->host == NULL ? "" : b->host);
    if (b->port != NULL) {
        sli_str_printf(out, ":%s", b->port);
    }
    if (b->of->form == SLI_FORM_DATABASE) {
        sli_str_printf(out, "/%s", b->database == NULL ? "" : b->database);
    }
    if (path[0] != '\0') {
        sli_str_printf(out, "%s%s", path[0] == '/' ? "" : "/", path);
    }
}

/// Several topics are separated by ';' in Flink.
static void put_topics(const building *b, char *url)
{
    for (char *at = url; strcmp(b->of->scheme, "kafka") == 0 && *at != '\0'; at++) {
        *at = *at == ';' ? ',' : *at;
    }
}

static sl_code put_url(const building *b, const char **url, sl_error *err)
{
    sli_str out = {.tag = SLI_TAG_SQL};
    SL_TRY(check_part(b, b->host, err));
    SL_TRY(check_part(b, b->path, err));
    SL_TRY(check_part(b, b->database, err));
    put_address(b, &out);
    if (!out.failed) {
        put_topics(b, out.data);
    }
    for (int32_t i = 0; i < b->n; i++) {
        sli_str_printf(&out, "%c%s=", i == 0 ? '?' : '&', b->pairs[i].name);
        put_encoded(&out, b->pairs[i].value);
    }
    sl_code rc = sli_str_check(&out, "a URL", err);
    *url = rc == SL_OK ? sl_arena_strdup(b->s->arena, out.data) : NULL;
    sli_str_reset(&out);
    return rc != SL_OK ? rc : *url == NULL ? sl_error_nomem(err, 256, "a URL") : SL_OK;
}

static sl_code apply_all(building *b, sl_error *err)
{
    for (int32_t i = 0; i < b->entry->n_with; i++) {
        SL_TRY(apply(b, &b->entry->with[i], err));
    }
    const char *have[] = {b->of->form == SLI_FORM_PLAIN ? b->path : b->host,
                          b->of->form == SLI_FORM_DATABASE ? b->database
                          : strcmp(b->of->needs[1] == NULL ? "" : b->of->needs[1], "port") == 0
                              ? b->port
                              : b->path,
                          b->path};
    for (int32_t i = 0; i < 3; i++) {
        const char *needs = b->of->needs[i];
        if (needs != NULL && (have[i] == NULL || have[i][0] == '\0')) {
            return sli_script_fail(b->s, b->entry->with_at, err, "connector '%s' needs '%s'",
                                   b->of->name, needs);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- reading

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/// Files that DuckDB reads know their columns themselves. With a format the declared ones are read.
static bool reads_itself(const building *b)
{
    const char *path = sli_with_value(b->entry, "path", NULL);
    bool named = sli_with_value(b->entry, "format", "value.format") != NULL;
    return b->of->table == NULL || b->of->table->open == NULL ||
           (!named && path != NULL && ends_with(path, ".parquet"));
}

static sl_code not_read(const building *b, sl_error *err)
{
    return b->of->table != NULL
               ? sli_script_fail(b->s, b->entry->with_at, err,
                                 "connector '%s' is no stream: to read the table once, when the "
                                 "job starts, write 'static' = 'true'",
                                 b->of->name)
               : sli_script_fail(b->s, b->entry->with_at, err,
                                 "connector '%s' can only be written to", b->of->name);
}

static sl_code static_url(building *b, const char **url, sl_error *err)
{
    if (b->of->table == NULL) {
        return sli_script_fail(b->s, b->entry->with_at, err, "connector '%s' has no static tables",
                               b->of->name);
    }
    bool itself = reads_itself(b), is_database = b->of->form == SLI_FORM_DATABASE;
    b->options = b->of->table->options;
    SL_TRY(set_format(b, !itself && b->of->table->formatted, err));
    SL_TRY(apply_all(b, err));
    if (is_database && !b->of->table->formatted) {
        SL_TRY(add_pair(b, "schema", sl_schema_text(b->entry->columns), NULL, err));
    } else if (!itself) {
        SL_TRY(set_columns(b, err));
    }
    SL_TRY(check_pairs(b, !itself && b->of->table->formatted ? sli_source_options : NULL, err));
    SL_TRY(put_url(b, url, err));
    const char *colon = strchr(*url, ':');
    bool plain = b->of->form == SLI_FORM_PLAIN && strchr(b->path, ':') == NULL;
    *url = plain ? colon + 1 : *url;
    return SL_OK;
}

static sl_code new_building(building **out, sli_script *s, const sli_entry *entry, sl_error *err)
{
    building *b = sl_arena_alloc_zero(s->arena, sizeof *b);
    if (b == NULL) {
        return sl_error_nomem(err, sizeof *b, "a table's address");
    }
    *b = (building){.s = s, .entry = entry, .of = sli_connector_of(entry)};
    *out = b;
    return SL_OK;
}

sl_code sli_connector_source(sli_script *s, const sli_entry *entry, const char **url,
                             bool *is_static, sl_error *err)
{
    building *b = NULL;
    const char *word = sli_with_value(entry, "static", NULL);
    *is_static = word != NULL && strcmp(word, "true") == 0;
    SL_TRY(new_building(&b, s, entry, err));
    if (*is_static) {
        return static_url(b, url, err);
    }
    if (b->of->source == NULL) {
        return not_read(b, err);
    }
    b->options = b->of->source->options;
    bool formatted = b->of->source->formatted && !sli_connector_gives_rows(entry);
    SL_TRY(set_format(b, formatted, err));
    SL_TRY(apply_all(b, err));
    SL_TRY(set_columns(b, err));
    SL_TRY(check_pairs(b, formatted ? sli_source_options : NULL, err));
    return put_url(b, url, err);
}

// ---------------------------------------------------------------- writing

sl_code sli_connector_sink(sli_script *s, const sli_entry *entry, const char *mode, const char *key,
                           const char *deletes, const char **url, sl_error *err)
{
    building *b = NULL;
    SL_TRY(new_building(&b, s, entry, err));
    if (b->of->sink == NULL) {
        return sli_script_fail(s, entry->with_at, err, "connector '%s' can only be read",
                               b->of->name);
    }
    b->options = b->of->sink->options;
    SL_TRY(set_format(b, find_option(b->options, "format") != NULL, err));
    SL_TRY(apply_all(b, err));
    if (mode != NULL) {
        SL_TRY(add_pair(b, "mode", mode, NULL, err));
    }
    if (key != NULL) {
        SL_TRY(add_pair(b, "key", key, NULL, err));
    }
    if (deletes != NULL) {
        SL_TRY(add_pair(b, "deletes", deletes, NULL, err));
    }
    SL_TRY(check_pairs(b, NULL, err));
    return put_url(b, url, err);
}
