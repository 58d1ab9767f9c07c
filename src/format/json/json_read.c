// json_read.c — one JSON object to the cells of one row, from its tokens.
//
// Only the fields that a column wants are looked into. Of the rest nothing is read but its
// brackets; that quotes, control characters and UTF-8 are right was proved when the tokens were
// found. What json_alike.c did not take is read here: any spelling, any order, and what is wrong,
// with its place.
#include "format/json/json_int.h"

#include <inttypes.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// "... at byte 17 of the record".
static sl_code wrong(const sli_json_walk *walk, const char *what, sl_error *err)
{
    uint32_t at = *walk->token < walk->end ? *walk->token : walk->end;
    return sl_error_set(err, SL_E_DATA, "%s at byte %" PRIu32 " of the record", what,
                        at - walk->from);
}

static sl_code wrong_field(const sli_json_walk *walk, const sl_field *field, sl_error *err)
{
    uint32_t at = *walk->token < walk->end ? *walk->token : walk->end;
    uint32_t left = walk->end - at;
    return sl_error_set(err, SL_E_DATA,
                        "field '%s' at byte %" PRIu32 " of the record: %s is expected, not %.*s%s",
                        field->name, at - walk->from, sli_type_expected(field->type),
                        left > 24 ? 24 : (int)left, walk->data + at, left > 24 ? "..." : "");
}

// End of the scalar or string at the next token: what lies before the token behind it, without
// white space.
static inline uint32_t token_end(const sli_json_walk *walk)
{
    uint32_t end = walk->token[1] < walk->end ? walk->token[1] : walk->end;
    while (is_space(walk->data[end - 1])) {
        end--;
    }
    return end;
}

// ---------------------------------------------------------------- what nobody reads

static sl_code skip_nested(sli_json_walk *walk, sl_error *err)
{
    uint64_t curly[SLI_JSON_DEPTH / 64]; // which brackets are open: a bit for each
    int depth = 0;
    do {
        char c = sli_json_peek(walk);
        if (c == '{' || c == '[') {
            if (depth == SLI_JSON_DEPTH) {
                return wrong(walk, "more than 1024 brackets within each other", err);
            }
            uint64_t bit = UINT64_C(1) << (depth % 64);
            curly[depth / 64] = depth % 64 == 0 ? 0 : curly[depth / 64];
            curly[depth / 64] = c == '{' ? curly[depth / 64] | bit : curly[depth / 64] & ~bit;
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
            if ((curly[depth / 64] >> (depth % 64) & 1) != (c == '}')) {
                return wrong(walk, "a bracket that closes another kind of bracket", err);
            }
        } else if (c == '\0') {
            return wrong(walk, "the record ends inside a list or object", err);
        }
        walk->token++;
    } while (depth > 0);
    return SL_OK;
}

sl_code sli_json_skip(sli_json_walk *walk, sl_error *err)
{
    switch (sli_json_peek(walk)) {
    case '{':
    case '[':
        return skip_nested(walk, err);
    case '}':
    case ']':
    case ',':
    case ':':
    case '\0':
        return wrong(walk, "a value is missing", err);
    default:
        walk->token++;
        return SL_OK;
    }
}

// ---------------------------------------------------------------- scalars

static bool is_null(const sli_json_walk *walk)
{
    uint32_t at = *walk->token;
    return walk->data[at] == 'n' && token_end(walk) - at == 4 &&
           memcmp(walk->data + at, "null", 4) == 0;
}

// The text between the quotes of the string token; SL_E_DATA without a message when it has none.
static sl_code string_text(sli_json_reader *reader, const sli_json_walk *walk, sl_type type,
                           sl_view *out, sl_error *err)
{
    uint32_t from = *walk->token + 1, to = token_end(walk) - 1;
    int64_t size = (int64_t)to - from;
    const char *text = walk->data + from;
    bool escaped = sli_json_has_escape(text, size);
    if (type == SL_STRING && !escaped) {
        *out = sli_json_view(walk, from, to);
        return SL_OK;
    }
    int32_t buffer;
    int64_t offset;
    char *own = sli_rows_own(reader->rows, size, &buffer, &offset);
    if (own == NULL) {
        return sl_error_nomem(err, (size_t)size, "text of a field");
    }
    if (escaped) {
        size = sli_json_unescape(text, size, own, &reader->replaced);
        text = own;
    }
    if (type == SL_BINARY && size >= 0) {
        size = sli_base64_read(text, size, own); // in place: it writes behind what it reads
    }
    if (size < 0) {
        return SL_E_DATA;
    }
    *out = sli_view_near(own, buffer, offset, size);
    return SL_OK;
}

// Any value as the text it has in the input: what a string column gets that is given something
// else.
static sl_code raw_text(sli_json_walk *walk, const sl_field *field, sl_view *out, sl_error *err)
{
    uint32_t from = *walk->token, end = token_end(walk);
    char c = walk->data[from];
    if (c == '{' || c == '[') {
        SL_TRY(skip_nested(walk, err));
        end = walk->token[-1] + 1;
        *out = sli_json_view(walk, from, end);
        return SL_OK;
    }
    sl_text text = {walk->data + from, end - from};
    if (!sli_json_is_number(text.data, (int64_t)text.size) && !sli_text_is(text, "true") &&
        !sli_text_is(text, "false")) {
        return wrong_field(walk, field, err);
    }
    *out = sli_json_view(walk, from, end);
    walk->token++;
    return SL_OK;
}

// Numbers must be written as numbers, dates and times as strings; floats also take the strings
// "NaN" and "Infinity".
static bool scalar(const sli_json_reader *reader, const sli_json_walk *walk, const sl_field *field,
                   sli_datum *out)
{
    const char *text = walk->data + *walk->token;
    int64_t size = (int64_t)token_end(walk) - *walk->token;
    bool quoted = *text == '"';
    bool as_text =
        field->type == SL_DATE || (field->type == SL_TIMESTAMP && reader->time == SLI_TIME_ISO);
    if (field->type == SL_BOOL) {
        out->i = *text == 't';
        return sli_text_is((sl_text){text, (size_t)size}, out->i ? "true" : "false");
    }
    if (quoted) {
        bool special = (field->type == SL_FLOAT32 || field->type == SL_FLOAT64) && size > 2 &&
                       (text[1] == 'N' || text[1] == 'I' || text[2] == 'I');
        return (as_text || special) &&
               sli_datum_read(field, reader->time, text + 1, (size_t)size - 2, out);
    }
    return !as_text && sli_json_is_number(text, size) &&
           sli_datum_read(field, reader->time, text, (size_t)size, out);
}

// ---------------------------------------------------------------- values, nested ones too

static sl_code read_value(sli_json_reader *reader, sli_json_walk *walk, const sl_field *field,
                          sli_datum *out, bool *present, sl_error *err);

static sl_code new_node(sli_json_reader *reader, sli_node **out, sl_error *err)
{
    *out = sli_rows_node(reader->rows);
    return *out == NULL ? sl_error_nomem(err, sizeof **out, "a nested field") : SL_OK;
}

static sl_code read_list(sli_json_reader *reader, sli_json_walk *walk, const sl_field *field,
                         sli_node **out, sl_error *err)
{
    sli_node **end = out;
    *out = NULL;
    walk->token++;
    if (sli_json_peek(walk) == ']') {
        walk->token++;
        return SL_OK;
    }
    for (;;) {
        sli_node *node;
        SL_TRY(new_node(reader, &node, err));
        *end = node;
        end = &node->next;
        SL_TRY(read_value(reader, walk, &field->children[0], &node->datum, &node->present, err));
        char c = sli_json_peek(walk);
        if (c != ',' && c != ']') {
            return wrong(walk, "a comma or ] is expected", err);
        }
        walk->token++;
        if (c == ']') {
            return SL_OK;
        }
    }
}

// The key at the next token, without escapes; lives until the next key. Moves behind its colon.
static sl_code read_key(sli_json_reader *reader, sli_json_walk *walk, sl_text *out, sl_error *err)
{
    if (sli_json_peek(walk) != '"') {
        return wrong(walk, "the name of a field is expected", err);
    }
    uint32_t from = *walk->token + 1, to = token_end(walk) - 1;
    *out = (sl_text){walk->data + from, to - from};
    if (sli_json_has_escape(out->data, to - from)) {
        sli_str_clear(&reader->scratch);
        sli_str_add(&reader->scratch, out->data,
                    out->size); // makes room; overwritten by the shorter text
        SL_TRY(sli_str_check(&reader->scratch, "name of a field", err));
        int64_t size = sli_json_unescape(out->data, (int64_t)out->size, reader->scratch.data,
                                         &reader->replaced);
        if (size < 0) {
            return wrong(walk, "a wrong escape in the name of a field", err);
        }
        *out = (sl_text){reader->scratch.data, (size_t)size};
    }
    walk->token++;
    if (sli_json_peek(walk) != ':') {
        return wrong(walk, "a colon is expected", err);
    }
    walk->token++;
    return SL_OK;
}

// Behind a field of an object: *more tells whether another one follows.
static sl_code next_field(sli_json_walk *walk, bool *more, sl_error *err)
{
    char c = sli_json_peek(walk);
    if (c != ',' && c != '}') {
        return wrong(walk, "a comma or } is expected", err);
    }
    walk->token++;
    *more = c == ',';
    return SL_OK;
}

static sl_code read_struct(sli_json_reader *reader, sli_json_walk *walk, const sl_field *field,
                           sli_node **out, sl_error *err)
{
    sli_node *first = NULL;
    sli_node **end = &first;
    for (int32_t i = 0; i < field->n_children; i++) {
        SL_TRY(new_node(reader, end, err));
        end = &(*end)->next;
    }
    walk->token++;
    bool more = sli_json_peek(walk) != '}';
    walk->token += !more;
    while (more) {
        sl_text key;
        SL_TRY(read_key(reader, walk, &key, err));
        int32_t i = 0;
        sli_node *node = first;
        while (i < field->n_children && !sli_text_is(key, field->children[i].name)) {
            i++;
            node = node->next;
        }
        SL_TRY(i == field->n_children ? sli_json_skip(walk, err)
                                      : read_value(reader, walk, &field->children[i], &node->datum,
                                                   &node->present, err));
        SL_TRY(next_field(walk, &more, err));
    }
    int32_t i = 0;
    for (const sli_node *node = first; node != NULL; node = node->next, i++) {
        if (!node->present && !field->children[i].nullable) {
            return sl_error_set(err, SL_E_DATA, "field '%s' of '%s' is missing and not nullable",
                                field->children[i].name, field->name);
        }
    }
    *out = first;
    return SL_OK;
}

static sl_code read_value(sli_json_reader *reader, sli_json_walk *walk, const sl_field *field,
                          sli_datum *out, bool *present, sl_error *err)
{
    char c = sli_json_peek(walk);
    *present = true;
    if (c == '\0' || c == ',' || c == ':' || c == '}' || c == ']') {
        return wrong_field(walk, field, err);
    }
    if (c == 'n' && is_null(walk)) {
        *present = false;
        if (!field->nullable) {
            return sl_error_set(err, SL_E_DATA, "field '%s' is null and not nullable", field->name);
        }
        walk->token++;
        return SL_OK;
    }
    sl_code rc = SL_OK;
    switch (field->type) {
    case SL_LIST:
        return c == '[' ? read_list(reader, walk, field, &out->node, err)
                        : wrong_field(walk, field, err);
    case SL_STRUCT:
        return c == '{' ? read_struct(reader, walk, field, &out->node, err)
                        : wrong_field(walk, field, err);
    case SL_STRING:
        if (c != '"') {
            return raw_text(walk, field, &out->v, err);
        }
        rc = string_text(reader, walk, SL_STRING, &out->v, err);
        break;
    case SL_BINARY:
        rc = c == '"' ? string_text(reader, walk, SL_BINARY, &out->v, err) : SL_E_DATA;
        break;
    default:
        rc = scalar(reader, walk, field, out) ? SL_OK : SL_E_DATA;
    }
    if (rc != SL_OK) {
        return rc == SL_E_DATA ? wrong_field(walk, field, err) : rc;
    }
    walk->token++;
    return SL_OK;
}

// ---------------------------------------------------------------- the record

sl_code sli_json_value(sli_json_reader *reader, sli_json_walk *walk, int32_t column, sl_error *err)
{
    bool present;
    SL_TRY(read_value(reader, walk, sl_schema_field(reader->schema, column),
                      sli_rows_cell(reader->rows, column), &present, err));
    sli_rows_set(reader->rows, column, present);
    return SL_OK;
}

// Records often have their fields in the schema's order: the search begins behind `last`.
static int32_t find_column(const sli_json_reader *reader, sl_text key, int32_t last)
{
    for (int32_t i = 0, at = last + 1; i < reader->n_columns; i++, at++) {
        at = at < reader->n_columns ? at : 0;
        if (sli_text_is(key, sl_schema_field(reader->schema, at)->name)) {
            return at;
        }
    }
    return -1;
}

// Field number i, whose bracket or comma is the token before the next one. *last: the column it
// had, if any.
static sl_code read_field(sli_json_reader *reader, sli_json_walk *walk, int32_t i, int32_t *last,
                          sl_error *err)
{
    uint32_t from = walk->token[-1];
    sl_text key;
    SL_TRY(read_key(reader, walk, &key, err));
    int32_t column = find_column(reader, key, *last);
    sli_json_remember(reader, walk, i, from, column, key.data != reader->scratch.data);
    if (column < 0) {
        return sli_json_skip(walk, err);
    }
    SL_TRY(sli_json_value(reader, walk, column, err)); // of fields of one name the last one counts
    reader->seen[column] = true;
    *last = column;
    return SL_OK;
}

static sl_code check_missing(sli_json_reader *reader, sl_error *err)
{
    reader->missing = false;
    for (int32_t i = 0; i < reader->n_columns; i++) {
        if (reader->seen[i]) {
            continue;
        }
        const sl_field *field = sl_schema_field(reader->schema, i);
        if (!field->nullable) {
            return sl_error_set(err, SL_E_DATA, "field '%s' is missing and not nullable",
                                field->name);
        }
        sli_rows_set(reader->rows, i, false);
        reader->missing = true;
    }
    return SL_OK;
}

// Behind the record's first bracket, or the field before the next one.
static sl_code begin(sli_json_reader *reader, sli_json_walk *walk, int32_t n_read, bool *more,
                     sl_error *err)
{
    memset(reader->seen, 0, (size_t)reader->n_columns);
    for (int32_t i = 0; i < n_read; i++) {
        if (reader->fields[i].column >= 0) {
            reader->seen[reader->fields[i].column] = true;
        }
    }
    if (n_read > 0) {
        return next_field(walk, more, err);
    }
    if (sli_json_peek(walk) != '{') {
        return wrong(walk, "an object is expected", err);
    }
    walk->token++;
    *more = sli_json_peek(walk) != '}';
    walk->token += !*more;
    return SL_OK;
}

sl_code sli_json_record(sli_json_reader *reader, sli_json_walk *walk, int32_t n_read, sl_error *err)
{
    bool more = false;
    int32_t i = n_read, last = n_read > 0 ? reader->fields[n_read - 1].column : -1;
    reader->whole = false;
    SL_TRY(begin(reader, walk, n_read, &more, err));
    for (; more; i++) {
        SL_TRY(read_field(reader, walk, i, &last, err));
        SL_TRY(next_field(walk, &more, err));
    }
    if (*walk->token < walk->end) {
        return wrong(walk, "something stands behind the object", err);
    }
    SL_TRY(check_missing(reader, err));
    reader->n_fields = i < reader->n_fields ? i : reader->n_fields;
    reader->whole = i == reader->n_fields;
    return SL_OK;
}
