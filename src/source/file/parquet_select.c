// parquet_select.c — from a file's columns to those of the schema, as a SELECT.
//
// A value is read as another type only where none is lost or changed by it, but for digits behind
// the microseconds and what a float can't hold exactly; whole numbers and decimals that don't fit
// are found when they are read. Types are compared as texts: DuckDB's names of what is in the file.
#include "source/file/file_int.h"

#include <ctype.h>
#include <stdio.h>

enum { MAX_DEPTH = 64, LISTED = 300 };

#define BIT(type) (1U << (type))
#define INTEGERS                                                                                   \
    (BIT(SL_INT8) | BIT(SL_INT16) | BIT(SL_INT32) | BIT(SL_INT64) | BIT(SL_UINT8) |                \
     BIT(SL_UINT16) | BIT(SL_UINT32) | BIT(SL_UINT64))
#define FLOATS (BIT(SL_FLOAT32) | BIT(SL_FLOAT64))
#define NUMBERS (INTEGERS | FLOATS | BIT(SL_DECIMAL))

/// A type of values that have no parts: DuckDB's name, Sluice's own of the kind, and all that it
/// can be read as.
typedef struct plain {
    const char *name, *own;
    uint32_t fits;
} plain;

static const plain plains[] = {
    {"BOOLEAN", "bool", BIT(SL_BOOL)},
    {"TINYINT", "int8", NUMBERS},
    {"SMALLINT", "int16", NUMBERS},
    {"INTEGER", "int32", NUMBERS},
    {"BIGINT", "int64", NUMBERS},
    {"UTINYINT", "uint8", NUMBERS},
    {"USMALLINT", "uint16", NUMBERS},
    {"UINTEGER", "uint32", NUMBERS},
    {"UBIGINT", "uint64", NUMBERS},
    {"FLOAT", "float32", FLOATS},
    {"DOUBLE", "float64", FLOATS},
    {"DATE", "date", BIT(SL_DATE) | BIT(SL_TIMESTAMP)},
    {"TIMESTAMP", "timestamp", BIT(SL_TIMESTAMP)},
    {"TIMESTAMP_S", "timestamp", BIT(SL_TIMESTAMP)},
    {"TIMESTAMP_MS", "timestamp", BIT(SL_TIMESTAMP)},
    {"TIMESTAMP_NS", "timestamp", BIT(SL_TIMESTAMP)},
    {"TIMESTAMP WITH TIME ZONE", "timestamp", BIT(SL_TIMESTAMP)},
    {"VARCHAR", "string", BIT(SL_STRING)},
    {"JSON", "string", BIT(SL_STRING)},
    {"UUID", "string", BIT(SL_STRING)},
    {"TIME", "string", BIT(SL_STRING)},
    {"TIME_NS", "string", BIT(SL_STRING)},
    {"TIME WITH TIME ZONE", "string", BIT(SL_STRING)},
    {"INTERVAL", "string", BIT(SL_STRING)},
    {"BLOB", "binary or string", BIT(SL_BINARY)},
};

static const plain *find_plain(sl_text type)
{
    for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
        if (sli_text_is(type, plains[i].name)) {
            return &plains[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- what fits

static bool fits(const sl_field *want, sl_text type, int depth);

/// "DECIMAL(10,2)": digits behind the point may be added, none taken away.
static bool decimal_fits(const sl_field *want, sl_text type)
{
    int precision = 0, scale = 0;
    char text[32];
    size_t n = type.size < sizeof text - 1 ? type.size : sizeof text - 1;
    memcpy(text, type.data, n);
    text[n] = '\0';
    if (sscanf(text, "DECIMAL(%d,%d)", &precision, &scale) != 2) {
        return false;
    }
    return want->type == SL_DECIMAL ? want->scale >= scale
                                    : (BIT(want->type) & FLOATS) != 0 ||
                                          (scale == 0 && (BIT(want->type) & INTEGERS) != 0);
}

static bool starts_with(sl_text text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text.size >= n && memcmp(text.data, prefix, n) == 0;
}

/// The place of a ',' or the end in [at, to), outside of quotes and brackets.
static size_t member_end(sl_text text, size_t at, size_t to)
{
    int open = 0;
    bool quoted = false;
    for (; at < to; at++) {
        char c = text.data[at];
        quoted = quoted != (c == '"');
        open += quoted ? 0 : (c == '(' || c == '[') - (c == ')' || c == ']');
        if (c == ',' && !quoted && open == 0) {
            break;
        }
    }
    return at;
}

/// The type of a member of "STRUCT(a INTEGER, \"b c\" VARCHAR[])"; size 0: there is none.
static sl_text member_type(sl_text type, const char *name)
{
    size_t at = strlen("STRUCT("), to = type.size - 1, n = strlen(name);
    while (at < to) {
        size_t end = member_end(type, at, to);
        bool quoted = type.data[at] == '"';
        size_t from = at + quoted, stop = from;
        while (stop < end && type.data[stop] != (quoted ? '"' : ' ')) {
            stop++;
        }
        size_t rest = stop + quoted + 1;
        if (stop - from == n && memcmp(type.data + from, name, n) == 0 && rest < end) {
            return (sl_text){type.data + rest, end - rest};
        }
        at = end + 1;
        while (at < to && type.data[at] == ' ') {
            at++;
        }
    }
    return (sl_text){"", 0};
}

static bool struct_fits(const sl_field *want, sl_text type, int depth)
{
    bool good = want->type == SL_STRUCT;
    for (int32_t i = 0; good && i < want->n_children; i++) {
        sl_text member = member_type(type, want->children[i].name);
        good = member.size > 0 && fits(&want->children[i], member, depth + 1);
    }
    return good;
}

/// "T[]", "T[3]": where the type of an element ends; 0: it is no list.
static size_t element_end(sl_text type)
{
    size_t at = type.size;
    if (at < 3 || type.data[--at] != ']') {
        return 0;
    }
    while (at > 0 && isdigit((unsigned char)type.data[at - 1])) {
        at--;
    }
    return at > 0 && type.data[at - 1] == '[' ? at - 1 : 0;
}

static bool fits(const sl_field *want, sl_text type, int depth)
{
    size_t element = element_end(type);
    if (depth > MAX_DEPTH) {
        return false;
    }
    if (element > 0) {
        return want->type == SL_LIST &&
               fits(&want->children[0], (sl_text){type.data, element}, depth + 1);
    }
    if (starts_with(type, "STRUCT(")) {
        return struct_fits(want, type, depth);
    }
    if (starts_with(type, "DECIMAL(")) {
        return decimal_fits(want, type);
    }
    if (starts_with(type, "ENUM(")) {
        return want->type == SL_STRING;
    }
    const plain *one = find_plain(type);
    return one != NULL && (one->fits & BIT(want->type)) != 0;
}

/// A map is a list of entries: "MAP(K, V)" as list<struct<key K, value V>>.
static bool map_fits(const sl_field *want, sl_text type)
{
    bool entries = want->type == SL_LIST && want->children[0].type == SL_STRUCT;
    const sl_field *entry = entries ? &want->children[0] : NULL;
    if (!entries || entry->n_children != 2 || strcmp(entry->children[0].name, "key") != 0 ||
        strcmp(entry->children[1].name, "value") != 0) {
        return false;
    }
    size_t at = strlen("MAP("), to = type.size - 1, end = member_end(type, at, to);
    return end + 2 < to && fits(&entry->children[0], (sl_text){type.data + at, end - at}, 1) &&
           fits(&entry->children[1], (sl_text){type.data + end + 2, to - end - 2}, 1);
}

// ---------------------------------------------------------------- writing

static void put_quoted(sli_str *out, char quote, const char *text)
{
    sli_str_char(out, quote);
    for (; *text != '\0'; text++) {
        if (*text == quote) {
            sli_str_char(out, quote);
        }
        sli_str_char(out, *text);
    }
    sli_str_char(out, quote);
}

/// DuckDB's name of a type of ours.
static void put_type(sli_str *out, const sl_field *field)
{
    static const char *const names[] = {
        [SL_BOOL] = "BOOLEAN",        [SL_INT8] = "TINYINT",    [SL_INT16] = "SMALLINT",
        [SL_INT32] = "INTEGER",       [SL_INT64] = "BIGINT",    [SL_UINT8] = "UTINYINT",
        [SL_UINT16] = "USMALLINT",    [SL_UINT32] = "UINTEGER", [SL_UINT64] = "UBIGINT",
        [SL_FLOAT32] = "FLOAT",       [SL_FLOAT64] = "DOUBLE",  [SL_DATE] = "DATE",
        [SL_TIMESTAMP] = "TIMESTAMP", [SL_STRING] = "VARCHAR",  [SL_BINARY] = "BLOB"};
    if (field->type == SL_DECIMAL) {
        sli_str_printf(out, "DECIMAL(%d,%d)", field->precision, field->scale);
    } else if (field->type == SL_LIST) {
        put_type(out, &field->children[0]);
        sli_str_text(out, "[]");
    } else if (field->type == SL_STRUCT) {
        for (int32_t i = 0; i < field->n_children; i++) {
            sli_str_text(out, i == 0 ? "STRUCT(" : ", ");
            put_quoted(out, '"', field->children[i].name);
            sli_str_char(out, ' ');
            put_type(out, &field->children[i]);
        }
        sli_str_char(out, ')');
    } else {
        sli_str_text(out, names[field->type]);
    }
}

/// What a type of a file can be read as.
static void put_own(sli_str *out, sl_text type)
{
    const plain *one = find_plain(type);
    if (one != NULL) {
        sli_str_printf(out, "write its type as %s", one->own);
    } else if (starts_with(type, "DECIMAL(") && element_end(type) == 0) {
        sli_str_printf(out, "write its type as decimal%.*s", (int)type.size - 7, type.data + 7);
    } else if (starts_with(type, "MAP(") && element_end(type) == 0) {
        sli_str_text(out, "write its type as list<struct<key ..., value ...>>");
    } else if (element_end(type) > 0) {
        sli_str_text(out, "write its type as list<...> of such elements");
    } else if (starts_with(type, "STRUCT(")) {
        sli_str_text(out, "write its type as struct<...> of members that it has");
    }
}

static sl_code misfit(const sl_schema *schema, const sl_field *want, const char *type, sli_str *out,
                      sl_error *err)
{
    sli_str_clear(out);
    put_own(out, sli_text_of(type));
    return sl_error_set(err, SL_E_DATA,
                        "column '%s' is %.120s, which can't be read as the schema wants it "
                        "(\"%.120s\"): %s%sleave it out of the schema",
                        want->name, type, sl_schema_text(schema), out->size > 0 ? out->data : "",
                        out->size > 0 ? ", or " : "");
}

static sl_code missing(const sl_field *want, const sli_parquet_column *columns, int32_t n,
                       sli_str *out, sl_error *err)
{
    sli_str_clear(out);
    for (int32_t i = 0; i < n && out->size < LISTED; i++) {
        sli_str_printf(out, "%s%.60s %.40s", i == 0 ? "" : ", ", columns[i].name, columns[i].type);
    }
    return sl_error_set(err, SL_E_DATA, "there is no column '%s'; there are: %.300s", want->name,
                        out->size == 0 ? "none" : out->data);
}

/// False: the type can't be read so.
static bool put_column(const sl_field *want, const char *type, sli_str *out)
{
    sl_text text = sli_text_of(type);
    bool is_map = starts_with(text, "MAP(") && element_end(text) == 0;
    bool is_text = want->type == SL_STRING && sli_text_is(text, "BLOB");
    if (is_text) { // old writers don't mark text as such; what is not UTF-8 fails
        sli_str_text(out, "decode(");
        put_quoted(out, '"', want->name);
        sli_str_char(out, ')');
        return true;
    }
    sli_str_text(out, is_map ? "CAST(map_entries(" : "CAST(");
    put_quoted(out, '"', want->name);
    sli_str_text(out, is_map ? ") AS " : " AS ");
    put_type(out, want);
    sli_str_char(out, ')');
    return is_map ? map_fits(want, text) : fits(want, text, 0);
}

sl_code sli_parquet_select(const sl_schema *schema, const sli_parquet_column *columns, int32_t n,
                           const char *path, sli_str *out, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        const sl_field *want = sl_schema_field(schema, i);
        int32_t at = 0;
        while (at < n && strcmp(columns[at].name, want->name) != 0) {
            at++;
        }
        if (at == n) {
            return missing(want, columns, n, out, err);
        }
        sli_str_text(out, i == 0 ? "SELECT " : ", ");
        if (!put_column(want, columns[at].type, out)) {
            return misfit(schema, want, columns[at].type, out, err);
        }
    }
    sli_str_text(out, " FROM read_parquet(");
    put_quoted(out, '\'', path);
    sli_str_text(out, ", hive_partitioning = false)");
    return sli_str_check(out, "a SELECT", err);
}
