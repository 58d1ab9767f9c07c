/// schema.c — schemas: read from text, kept in one arena, compared by their canonical text.
///
///     schema := field (',' field)*        field := name type '?'?
///     type   := word | 'decimal' '(' p ',' s ')' | 'list' '<' type '?'? '>' | 'struct' '<' schema
///     '>'

#include "col/col_int.h"

#include <string.h>

enum { MAX_TEXT = 1 << 20 };

// In the order of sl_type, which starts at 1; ends with NULL for sli_nearest.
static const char *const type_names[] = {"bool",    "int8",    "int16",  "int32",     "int64",
                                         "uint8",   "uint16",  "uint32", "uint64",    "float32",
                                         "float64", "decimal", "date",   "timestamp", "string",
                                         "binary",  "list",    "struct", "opaque",    NULL};
static const int8_t type_widths[] = {0, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 16, 4, 8, 16, 16, 4, 0, 8};

typedef struct parser {
    const char *text, *at;
    sl_arena *arena;
    sl_error *err;
    int32_t n_fields, depth;
} parser;

int32_t sli_type_width(sl_type type)
{
    return type_widths[type - 1];
}

const char *sli_type_name(sl_type type)
{
    return type_names[type - 1];
}

// ---------------------------------------------------------------- parsing

static void skip_space(parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r') {
        p->at++;
    }
}

static sl_code refuse(const parser *p, const char *at, const char *why)
{
    return sl_error_set(p->err, SL_E_INVALID, "schema \"%.200s\": %s at character %d", p->text, why,
                        (int)(at - p->text) + 1);
}

static sl_code expect(parser *p, char c, const char *why)
{
    skip_space(p);
    if (*p->at != c) {
        return refuse(p, p->at, why);
    }
    p->at++;
    return SL_OK;
}

// ASCII only, whatever the locale says.
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '.';
}

static sl_code parse_word(parser *p, const char *what, const char **out)
{
    skip_space(p);
    const char *from = p->at;
    while (is_word(*p->at)) {
        p->at++;
    }
    if (p->at == from || !is_word_start(*from)) {
        return refuse(p, from, what);
    }
    if (p->at - from > SLI_MAX_NAME) {
        return refuse(p, from, "a name of more than 255 bytes");
    }
    char *word = sl_arena_alloc(p->arena, (size_t)(p->at - from) + 1);
    if (word == NULL) {
        return sl_error_nomem(p->err, (size_t)(p->at - from), "schema");
    }
    memcpy(word, from, (size_t)(p->at - from));
    word[p->at - from] = '\0';
    *out = word;
    return SL_OK;
}

static sl_code parse_small(parser *p, int low, int high, const char *why, int8_t *out)
{
    skip_space(p);
    const char *from = p->at;
    int value = 0;
    while (is_digit(*p->at) && value <= 99) {
        value = value * 10 + (*p->at++ - '0');
    }
    if (p->at == from || value < low || value > high) {
        return refuse(p, from, why);
    }
    *out = (int8_t)value;
    return SL_OK;
}

static sl_code parse_fields(parser *p, const sl_field **out, int32_t *n);
static sl_code parse_type(parser *p, sl_field *field);

static sl_code parse_children(parser *p, sl_field *field)
{
    SL_TRY(expect(p, '<', "'<' is missing"));
    if (++p->depth > SLI_MAX_DEPTH) {
        return refuse(p, p->at, "lists and structs nested more than 16 deep");
    }
    if (field->type == SL_LIST) {
        sl_field *child = sl_arena_alloc_zero(p->arena, sizeof *child);
        if (child == NULL) {
            return sl_error_nomem(p->err, sizeof *child, "schema");
        }
        child->name = "item";
        p->n_fields++;
        SL_TRY(parse_type(p, child));
        field->children = child;
        field->n_children = 1;
    } else {
        SL_TRY(parse_fields(p, &field->children, &field->n_children));
    }
    p->depth--;
    return expect(p, '>', "'>' is missing");
}

static sl_code parse_type_name(parser *p, sl_field *field)
{
    const char *word = NULL;
    skip_space(p);
    const char *from = p->at;
    SL_TRY(parse_word(p, "a type is missing", &word));
    for (int i = 0; type_names[i] != NULL; i++) {
        if (strcmp(type_names[i], word) == 0) {
            field->type = (sl_type)(i + 1);
            return SL_OK;
        }
    }
    const char *nearest = sli_nearest(word, type_names);
    if (nearest == NULL) {
        return sl_error_set(p->err, SL_E_INVALID,
                            "schema \"%.200s\": unknown type \"%s\" at character %d", p->text, word,
                            (int)(from - p->text) + 1);
    }
    return sl_error_set(
        p->err, SL_E_INVALID,
        "schema \"%.200s\": unknown type \"%s\" at character %d; did you mean \"%s\"?", p->text,
        word, (int)(from - p->text) + 1, nearest);
}

static sl_code parse_type(parser *p, sl_field *field)
{
    SL_TRY(parse_type_name(p, field));
    if (field->type == SL_DECIMAL) {
        SL_TRY(expect(p, '(', "'(' is missing"));
        SL_TRY(parse_small(p, 1, 38, "a precision from 1 to 38 is missing", &field->precision));
        SL_TRY(expect(p, ',', "',' is missing"));
        SL_TRY(parse_small(p, 0, field->precision, "a scale from 0 to the precision is missing",
                           &field->scale));
        SL_TRY(expect(p, ')', "')' is missing"));
    } else if (field->type == SL_LIST || field->type == SL_STRUCT) {
        SL_TRY(parse_children(p, field));
    }
    skip_space(p);
    if (*p->at == '?') {
        field->nullable = true;
        p->at++;
    }
    return SL_OK;
}

/// Fields up to the end of the text or of the struct: commas outside brackets, and one.
static int32_t count_fields(const char *at)
{
    int32_t n = 1, depth = 0;
    for (; *at != '\0' && depth >= 0; at++) {
        depth += (*at == '<' || *at == '(') - (*at == '>' || *at == ')');
        n += *at == ',' && depth == 0;
    }
    return n;
}

static sl_code check_unique(const parser *p, const sl_field *fields, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, fields[n].name) == 0) {
            return sl_error_set(p->err, SL_E_INVALID,
                                "schema \"%.200s\": two fields are named \"%s\"", p->text,
                                fields[n].name);
        }
    }
    return SL_OK;
}

static sl_code parse_fields(parser *p, const sl_field **out, int32_t *n)
{
    int32_t count = count_fields(p->at);
    p->n_fields += count;
    if (p->n_fields > SLI_MAX_FIELDS) {
        return refuse(p, p->at, "more than 4096 fields");
    }
    sl_field *fields = sl_arena_alloc_zero(p->arena, (size_t)count * sizeof *fields);
    if (fields == NULL) {
        return sl_error_nomem(p->err, (size_t)count * sizeof *fields, "schema");
    }
    for (int32_t i = 0; i < count; i++) {
        if (i > 0) {
            SL_TRY(expect(p, ',', "',' is missing"));
        }
        SL_TRY(parse_word(p, "a field's name is missing", &fields[i].name));
        SL_TRY(parse_type(p, &fields[i]));
        SL_TRY(check_unique(p, fields, i));
    }
    *out = fields;
    *n = count;
    return SL_OK;
}

// ---------------------------------------------------------------- canonical text

static void put_type(sli_str *out, const sl_field *field);

static void put_fields(sli_str *out, const sl_field *fields, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        sli_str_text(out, i > 0 ? ", " : "");
        sli_str_text(out, fields[i].name);
        sli_str_char(out, ' ');
        put_type(out, &fields[i]);
    }
}

static void put_type(sli_str *out, const sl_field *field)
{
    sli_str_text(out, sli_type_name(field->type));
    if (field->type == SL_DECIMAL) {
        sli_str_printf(out, "(%d,%d)", field->precision, field->scale);
    } else if (field->type == SL_LIST) {
        sli_str_char(out, '<');
        put_type(out, field->children);
        sli_str_char(out, '>');
    } else if (field->type == SL_STRUCT) {
        sli_str_char(out, '<');
        put_fields(out, field->children, field->n_children);
        sli_str_char(out, '>');
    }
    sli_str_text(out, field->nullable ? "?" : "");
}

static sl_code make_text(sl_schema *schema, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_BATCH};
    put_fields(&text, schema->fields, schema->n_columns);
    sl_code rc = sli_str_check(&text, "schema", err);
    if (rc == SL_OK) {
        schema->text = sl_arena_copy(schema->arena, text.data, text.size + 1);
        rc = schema->text == NULL ? sl_error_nomem(err, text.size, "schema") : SL_OK;
    }
    sli_str_reset(&text);
    return rc;
}

// ---------------------------------------------------------------- the object

static sl_code parse_all(sl_schema *schema, const char *text, sl_error *err)
{
    parser p = {.text = text, .at = text, .arena = schema->arena, .err = err};
    SL_TRY(parse_fields(&p, &schema->fields, &schema->n_columns));
    skip_space(&p);
    if (*p.at != '\0') {
        return refuse(&p, p.at, "',' or the end is missing");
    }
    schema->n_fields = p.n_fields;
    return make_text(schema, err);
}

sl_code sl_schema_parse(sl_schema **out, const char *text, sl_error *err)
{
    if (text == NULL) {
        return sl_error_set(err, SL_E_INVALID, "schema: the text is missing");
    }
    if (strlen(text) > MAX_TEXT) {
        return sl_error_set(err, SL_E_INVALID, "schema: the text is longer than 1 MiB");
    }
    sl_schema *schema = sl_alloc_zero(SLI_TAG_BATCH, sizeof *schema);
    if (schema == NULL) {
        return sl_error_nomem(err, sizeof *schema, "schema");
    }
    atomic_init(&schema->refs, 1);
    schema->arena = sl_arena_new(SLI_TAG_BATCH);
    sl_code rc =
        schema->arena == NULL ? sl_error_nomem(err, 0, "schema") : parse_all(schema, text, err);
    if (rc != SL_OK) {
        sl_schema_unref(schema);
        return rc;
    }
    *out = schema;
    return SL_OK;
}

sl_code sli_schema_select(const sl_schema *schema, const int32_t *columns, int32_t n,
                          sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_BATCH};
    sli_str_text(&text, "");
    for (int32_t i = 0; i < n; i++) {
        sli_str_text(&text, i > 0 ? ", " : "");
        put_fields(&text, &schema->fields[columns[i]], 1);
    }
    sl_code rc = sli_str_check(&text, "schema", err);
    rc = rc == SL_OK ? sl_schema_parse(out, text.data, err) : rc;
    sli_str_reset(&text);
    return rc;
}

sl_schema *sl_schema_ref(const sl_schema *schema)
{
    sl_schema *self = SLI_UNCONST(sl_schema, schema);
    atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
    return self;
}

void sl_schema_unref(const sl_schema *schema)
{
    sl_schema *self = SLI_UNCONST(sl_schema, schema);
    if (self == NULL || atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sl_arena_free(self->arena);
    sl_free(self);
}

int32_t sl_schema_columns(const sl_schema *schema)
{
    return schema->n_columns;
}

const sl_field *sl_schema_field(const sl_schema *schema, int32_t column)
{
    SL_ASSERT(column >= 0 && column < schema->n_columns, "the schema has no such column");
    return &schema->fields[column];
}

int32_t sl_schema_find(const sl_schema *schema, const char *name)
{
    for (int32_t i = 0; i < schema->n_columns; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *sl_schema_text(const sl_schema *schema)
{
    return schema->text;
}

bool sl_schema_equal(const sl_schema *a, const sl_schema *b)
{
    return a == b || strcmp(a->text, b->text) == 0;
}

bool sli_field_same_type(const sl_field *a, const sl_field *b)
{
    if (a->type != b->type || a->precision != b->precision || a->scale != b->scale ||
        a->n_children != b->n_children) {
        return false;
    }
    for (int32_t i = 0; i < a->n_children; i++) {
        if (!sli_field_same_type(&a->children[i], &b->children[i])) {
            return false;
        }
    }
    return true;
}

// ---------------------------------------------------------------- integers of any width

int64_t sli_integer_at(const sl_column *column, int64_t row)
{
    const void *values = column->values;
    switch (column->type) {
    case SL_INT8:
        return ((const int8_t *)values)[row];
    case SL_INT16:
        return ((const int16_t *)values)[row];
    case SL_INT32:
    case SL_DATE:
        return ((const int32_t *)values)[row];
    case SL_UINT8:
        return ((const uint8_t *)values)[row];
    case SL_UINT16:
        return ((const uint16_t *)values)[row];
    case SL_UINT32:
        return ((const uint32_t *)values)[row];
    default:
        return ((const int64_t *)values)[row];
    }
}

bool sli_integer_put(sl_type type, void *cell, int64_t value)
{
    static const struct range {
        int64_t low, high;
    } ranges[] = {[SL_INT8] = {INT8_MIN, INT8_MAX},    [SL_INT16] = {INT16_MIN, INT16_MAX},
                  [SL_INT32] = {INT32_MIN, INT32_MAX}, [SL_INT64] = {INT64_MIN, INT64_MAX},
                  [SL_UINT8] = {0, UINT8_MAX},         [SL_UINT16] = {0, UINT16_MAX},
                  [SL_UINT32] = {0, UINT32_MAX},       [SL_UINT64] = {0, INT64_MAX},
                  [SL_DATE] = {INT32_MIN, INT32_MAX},  [SL_TIMESTAMP] = {INT64_MIN, INT64_MAX}};
    if (value < ranges[type].low || value > ranges[type].high) {
        return false;
    }
    sli_cell_copy(cell, &value, sli_type_width(type)); // little-endian: the low bytes come first
    return true;
}
