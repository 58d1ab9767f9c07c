/// failure.c — what DuckDB says of its failures, in Sluice's codes and words.
///
/// With the setting errors_as_json a failure is an object of texts: the kind of exception, the
/// message, for unknown names what is near, and a position. No message is parsed for more than
/// what stands in these members, but for the few whose kind says too little (a full disk).
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "duckdb/module/duck_int.h"

enum { MESSAGE_BYTES = SL_ERROR_TEXT_BYTES, NAME_BYTES = 128 };

// ---------------------------------------------------------------- filling an error

sl_code duck_fail(sl_error *err, sl_code code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;
        *err = (sl_error){.code = code};
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return code;
}

sl_code duck_nomem(sl_error *err)
{
    return duck_fail(err, SL_E_NOMEM, "no memory for a statement of SQL");
}

void duck_keep_failure(sli_db *self, const sl_error *err)
{
    if (self->failure.code == SL_OK) {
        self->failure = *err;
    }
}

char *duck_text(const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

char *duck_quote(const char *name, char quote)
{
    char *out = malloc(strlen(name) * 2 + 3), *at = out;
    if (out == NULL) {
        return NULL;
    }
    *at++ = quote;
    for (; *name != '\0'; name++) {
        if (*name == quote) {
            *at++ = quote;
        }
        *at++ = *name;
    }
    *at++ = quote;
    *at = '\0';
    return out;
}

// ---------------------------------------------------------------- the object

/// Four hexadecimal digits; -1: they are not.
static int32_t hex4(const char *at)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef";
        const char *found = at[i] == '\0' ? NULL : strchr(digits, at[i] | 0x20);
        if (found == NULL) {
            return -1;
        }
        value = value * 16 + (int32_t)(found - digits);
    }
    return value;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

/// One character of a JSON text, decoded; moves *at on. At most 3 bytes.
static size_t take_char(const char **at, char *out)
{
    const char *from = *at;
    if (*from != '\\' || from[1] == '\0') {
        *out = *from;
        *at = from + 1;
        return 1;
    }
    int32_t code = from[1] == 'u' ? hex4(from + 2) : -1;
    if (code >= 0) {
        *at = from + 6;
        return put_utf8(out, (uint32_t)code);
    }
    const char *codes = "n\nt\tr\rb\bf\f", *found = strchr("ntrbf", from[1]);
    *out = found == NULL ? from[1] : *(strchr(codes, from[1]) + 1);
    *at = from + 2;
    return 1;
}

/// The end of a JSON text that begins behind its quote.
static const char *text_end(const char *at)
{
    while (*at != '\0' && *at != '"') {
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return at;
}

bool duck_json_text(const char *json, const char *name, char *out, size_t size)
{
    const char *at = strchr(json, '{');
    size_t n = strlen(name);
    while (at != NULL && (at = strchr(at, '"')) != NULL) {
        const char *key = at + 1, *end = text_end(key);
        if (end[0] == '\0' || end[1] != ':' || end[2] != '"') { // a value that is no text
            at = end[0] == '\0' ? NULL : end + 1;
            continue;
        }
        const char *value = end + 3, *stop = text_end(value);
        if ((size_t)(end - key) == n && memcmp(key, name, n) == 0) {
            size_t used = 0;
            while (value < stop && used + 4 < size) {
                used += take_char(&value, out + used);
            }
            out[used] = '\0';
            return true;
        }
        at = *stop == '\0' ? NULL : stop + 1;
    }
    return false;
}

// ---------------------------------------------------------------- kinds

/// Kinds of exceptions as DuckDB names them. What is not here is a statement that can't be right.
static const struct kind {
    const char *name;
    sl_code code;
} kinds[] = {
    {"Out of Range", SL_E_DATA},
    {"Conversion", SL_E_DATA},
    {"Decimal", SL_E_DATA},
    {"Divide by Zero", SL_E_DATA},
    {"Object Size", SL_E_DATA},
    {"Constraint", SL_E_DATA},
    {"Sequence", SL_E_DATA},
    {"IO", SL_E_IO},
    {"HTTP", SL_E_UNSUPPORTED},
    {"Network", SL_E_UNSUPPORTED},
    {"Out of Memory", SL_E_NOMEM},
    {"INTERRUPT", SL_E_CANCELLED},
    {"Missing Extension", SL_E_UNSUPPORTED},
    {"Extension Autoloading", SL_E_UNSUPPORTED},
    {"Not implemented", SL_E_UNSUPPORTED},
    {"INTERNAL", SL_E_UNSUPPORTED},
    {"FATAL", SL_E_UNSUPPORTED},
    {"Permission", SL_E_INVALID},
};

/// Kinds that say too little: by a part of the message.
static const struct words {
    const char *part;
    sl_code code;
} words[] = {
    {"No space left on device", SL_E_NO_SPACE},
    {"Disk quota exceeded", SL_E_NO_SPACE},
    {"max_temp_directory_size", SL_E_NO_SPACE},
    {"No files found that match", SL_E_NOT_FOUND},
    {"No such file or directory", SL_E_NOT_FOUND},
    {"database does not exist", SL_E_NOT_FOUND},
    {"not a valid DuckDB database", SL_E_DATA},
    {"Could not read enough bytes", SL_E_DATA},
    {"not a GZIP stream", SL_E_DATA},
};

/// An "IO" that no call of the system has failed with: what was read makes no sense.
static bool is_content(const sli_db *self, const char *kind, const char *text)
{
    char number[32];
    return self->reads_files && strcasecmp(kind, "IO") == 0 &&
           !duck_json_text(text, "errno", number, sizeof number);
}

/// `text` is the whole object.
static sl_code code_of(const sli_db *self, const char *kind, const char *message, const char *text)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(message, words[i].part) != NULL) {
            return words[i].code;
        }
    }
    if (is_content(self, kind, text)) {
        return SL_E_DATA;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcasecmp(kind, kinds[i].name) == 0) {
            return kinds[i].code;
        }
    }
    // of rows, or of a file that is looked into when a statement is bound
    bool is_input = strcasecmp(kind, "Invalid Input") == 0;
    return is_input && (self->run != NULL || self->reads_files) ? SL_E_DATA : SL_E_INVALID;
}

// ---------------------------------------------------------------- names

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/// Letters that must be changed to make one name of the other, without case.
static int32_t distance(const char *a, const char *b)
{
    int32_t row[NAME_BYTES + 1];
    size_t n = strlen(b);
    if (n > NAME_BYTES || strlen(a) > NAME_BYTES) {
        return NAME_BYTES;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = (int32_t)j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        int32_t corner = row[0];
        row[0] = (int32_t)i;
        for (size_t j = 1; j <= n; j++) {
            int32_t above = row[j];
            bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;
            row[j] = least(least(above, row[j - 1]) + 1, corner + !same);
            corner = above;
        }
    }
    return row[n];
}

static void tell_table(const sli_db *self, const char *name, char *out, size_t size)
{
    const duck_table *best = NULL;
    int32_t best_distance = 0;
    for (const duck_table *t = self->tables; t != NULL; t = t->next) {
        int32_t d = distance(name, t->name);
        if (best == NULL || d < best_distance) {
            best = t;
            best_distance = d;
        }
    }
    if (best == NULL) {
        (void)snprintf(out, size, "there is no table \"%s\", nor any other", name);
    } else {
        (void)snprintf(out, size, "there is no table \"%s\"; the nearest is \"%s\"", name,
                       best->name);
    }
}

/// The first line, without a mark of exclamation. What is wrong with a line of a CSV file is told
/// in several, up to an empty one.
static void plain(char *message)
{
    char *end = strchr(message, '\n');
    bool is_csv = strncmp(message, "CSV Error", 9) == 0;
    while (is_csv && end != NULL && end[1] != '\n' && end[1] != '\0') {
        *end = ';';
        end = strchr(end, '\n');
    }
    end = end == NULL ? message + strlen(message) : end;
    while (end > message && (end[-1] == '!' || end[-1] == '.' || end[-1] == ' ')) {
        end--;
    }
    *end = '\0';
}

/// Types as scripts write them: DuckDB's own list for what is near has a few of them alone.
static const char *const types[] = {
    "BIGINT",  "BLOB",    "BOOLEAN",  "BYTES",   "DATE",      "DECIMAL",  "DOUBLE",  "FLOAT",
    "INTEGER", "JSON",    "SMALLINT", "STRING",  "TIMESTAMP", "TINYINT",  "UBIGINT", "UINTEGER",
    "UUID",    "VARCHAR", "STRUCT",   "HUGEINT", "USMALLINT", "UTINYINT", "TIME"};

static void tell_type(const char *name, char *out, size_t size)
{
    const char *best = types[0];
    for (size_t i = 1; i < sizeof types / sizeof *types; i++) {
        best = distance(name, types[i]) < distance(name, best) ? types[i] : best;
    }
    bool is_near = (size_t)distance(name, best) * 2 <= strlen(name);
    (void)snprintf(out, size, "there is no type \"%s\"%s%s%s", name,
                   is_near ? "; the nearest is \"" : "", is_near ? best : "", is_near ? "\"" : "");
}

/// Functions that users of Flink and Spark know by another name than DuckDB's.
static const struct other_name {
    const char *name, *ours;
} other_names[] = {
    {"date_format", "strftime(ts, '%Y-%m-%d')"},
    {"from_unixtime", "to_timestamp(seconds)"},
    {"unix_timestamp", "epoch(ts)"},
    {"to_date", "CAST(x AS DATE), or strptime(x, '%Y-%m-%d')::DATE"},
    {"to_timestamp_ltz", "epoch_ms(milliseconds)"},
    {"timestampdiff", "date_diff('second', a, b)"},
    {"timestampadd", "ts + INTERVAL '1' SECOND"},
    {"char_length", "length(x)"},
    {"nvl", "coalesce(a, b)"},
    {"json_value", "json_extract_string(x, '$.a')"},
    {"get_json_object", "json_extract_string(x, '$.a')"},
    {"split_index", "split_part(x, ',', n + 1)"},
    {"collect", "list(x)"},
    {"collect_list", "list(x)"},
    {"percentile_approx", "approx_quantile(x, 0.5)"},
    {"percentile", "approx_quantile(x, 0.5)"},
    {"median_approx", "approx_quantile(x, 0.5)"},
    {"is_alpha", "regexp_full_match(x, '[A-Za-z]*')"},
    {"is_digit", "regexp_full_match(x, '[0-9]*')"},
    {"rlike", "regexp_matches(x, '...')"},
    {"rand", "hash(id)"},
    {"size", "len(x)"},
    {"cardinality", "len(x)"},
    {"tumble", "TUMBLE(ts, INTERVAL '1' MINUTE) in GROUP BY"},
    {"hop", "HOP(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) in GROUP BY"},
};

static const char *ours_for(const char *name)
{
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++) {
        if (strcasecmp(name, other_names[i].name) == 0) {
            return other_names[i].ours;
        }
    }
    return NULL;
}

/// The column of all tables that is nearest to a name, when one is near: under which table an alias
/// stands is not told.
static const char *nearest_column(const sli_db *self, const char *name)
{
    const char *best = NULL;
    int32_t best_distance = (int32_t)strlen(name) / 2 + 1;
    for (const duck_table *t = self->tables; t != NULL; t = t->next) {
        for (int32_t c = 0; c < t->n_columns; c++) {
            int32_t d = distance(name, t->columns[c].name);
            best = d < best_distance ? t->columns[c].name : best;
            best_distance = least(d, best_distance);
        }
    }
    return best;
}

/// `Values list "b" does not have a column named "pric"`: the one kind of a missing column of which
/// the members of the object say nothing. False: it is something else.
static bool tell_qualified(const sli_db *self, const char *message, char *out, size_t size)
{
    static const char lacks[] = " does not have a column named \"";
    const char *table = strchr(message, '"'), *at = strstr(message, lacks);
    const char *end = at == NULL ? NULL : strchr(at + sizeof lacks - 1, '"');
    if (table == NULL || end == NULL || at <= table) {
        return false;
    }
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.*s", (int)(end - at) - (int)sizeof lacks + 1,
                   at + sizeof lacks - 1);
    const char *near = nearest_column(self, name);
    (void)snprintf(out, size, "%.*s has no column \"%s\"%s%s%s", (int)(at - table), table, name,
                   near == NULL ? "" : "; the nearest is \"", near == NULL ? "" : near,
                   near == NULL ? "" : "\"");
    return true;
}

/// What is wrong, in `out`.
static void tell(const sli_db *self, const char *text, char *message, char *out, size_t size)
{
    char subtype[NAME_BYTES] = "", name[NAME_BYTES] = "", type[NAME_BYTES] = "";
    char near[NAME_BYTES] = "";
    (void)duck_json_text(text, "error_subtype", subtype, sizeof subtype);
    bool named = duck_json_text(text, "name", name, sizeof name);
    (void)duck_json_text(text, "type", type, sizeof type);
    (void)duck_json_text(text, "candidates", near, sizeof near);
    bool is_call = strcmp(subtype, "NO_MATCHING_FUNCTION") == 0;
    char *next = is_call ? NULL : strchr(near, ','); // several, the nearest first
    if (next != NULL) {
        *next = '\0';
    }
    bool is_column = strcmp(subtype, "COLUMN_NOT_FOUND") == 0;
    bool is_missing = strcmp(subtype, "MISSING_ENTRY") == 0;
    if (named && is_missing && strcmp(type, "Table") == 0) {
        tell_table(self, name, out, size);
        return;
    }
    if (named && is_missing && strcmp(type, "Type") == 0) {
        tell_type(name, out, size);
        return;
    }
    if (tell_qualified(self, message, out, size)) {
        return;
    }
    const char *ours = is_missing && strstr(type, "Function") != NULL ? ours_for(name) : NULL;
    if (ours != NULL) {
        (void)snprintf(out, size, "there is no function \"%s\"; write %s", name, ours);
        return;
    }
    const char *between = *near == '\0' ? "" : "; the nearest is ",
               *mark = *near == '\0' ? "" : "\"";
    if (named && (is_column || (is_missing && strstr(type, "Function") != NULL))) {
        (void)snprintf(out, size, "there is no %s \"%s\"%s%s%s%s",
                       is_column ? "column" : "function", name, between, mark, near, mark);
        return;
    }
    plain(message);
    char *denied = strstr(message, " - file system operations are disabled");
    if (denied != NULL) {
        *denied = '\0';
        (void)snprintf(out, size, "a SELECT over tables reaches no file: %s", message);
        return;
    }
    if (is_call && *near != '\0') {
        (void)snprintf(out, size, "%s; there is %s", message, near);
        return;
    }
    (void)snprintf(out, size, "%s%s%s%s%s", message, between, mark, near, mark);
}

// ---------------------------------------------------------------- a failure

sl_code duck_fail_of(sli_db *self, const char *text, size_t skip, sli_db_where *where,
                     sl_error *err)
{
    char kind[NAME_BYTES] = "", message[MESSAGE_BYTES] = "", number[32], told[MESSAGE_BYTES];
    if (self->failure.code != SL_OK) {
        if (err != NULL) {
            *err = self->failure;
        }
        sl_code own = self->failure.code;
        self->failure = (sl_error){.code = SL_OK};
        return own;
    }
    text = text == NULL ? "" : text;
    (void)duck_json_text(text, "exception_type", kind, sizeof kind);
    if (!duck_json_text(text, "exception_message", message, sizeof message)) {
        (void)snprintf(message, sizeof message, "%s",
                       *text == '\0' ? "DuckDB gave no reason" : text);
    }
    if (where != NULL && duck_json_text(text, "position", number, sizeof number)) {
        int64_t at = (int64_t)strtoll(number, NULL, 10) - (int64_t)skip;
        where->at = at < 0 ? -1 : at;
    }
    sl_code code = code_of(self, kind, message, text);
    tell(self, text, message, told, sizeof told);
    return duck_fail(err, code, "SQL: %.480s", told);
}

sl_code duck_do(sli_db *self, const char *sql, sl_error *err)
{
    duckdb_result result;
    sl_code rc = SL_OK;
    if (duckdb_query(self->connection, sql, &result) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_result_error(&result), 0, NULL, err);
    }
    duckdb_destroy_result(&result);
    return rc;
}
