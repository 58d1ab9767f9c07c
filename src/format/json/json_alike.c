// json_alike.c — the fields of a record that look as in the record before.
//
// Records of one source look alike: the same fields, in the same order, with the same blanks. So
// what stands between two values, `,"key":`, is compared as it is with what stood there before: one
// comparison of 16 bytes in place of three tokens, and the column is known.
//
// Where the line ends isn't looked for either: it is enough that none of the bytes passed is a line
// end. Those compared are none, as they were inside a line before; strings hold none, which was
// proved when the tokens were found; what is between a value and the next token is looked at. So a
// record that is alike to its last bracket, with the line's end behind it, is a line.
//
// Whatever looks different is left to json_read.c, from that field on. Nothing is told from here: a
// record reads the same whichever of the two reads it.
#include "format/json/json_int.h"

static uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

void sli_json_remember(sli_json_reader *reader, const sli_json_walk *walk, int32_t i, uint32_t from,
                       uint32_t to, int32_t column, bool plain)
{
    uint32_t size = to - from;
    if (i > reader->n_fields || i >= SLI_JSON_FIELDS) {
        return;
    }
    reader->n_fields = i;
    if (size > SLI_JSON_FIELD_BYTES || !plain) {
        return;
    }
    sli_json_field *field = &reader->fields[i];
    memset(field, 0, sizeof *field);
    memcpy(field->text, walk->data + from, size);
    field->size = size;
    field->column = column;
    field->type = column < 0 ? SL_OPAQUE : sl_schema_field(reader->schema, column)->type;
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t n = size > 8 * k ? size - 8 * k : 0;
        field->mask[k] = n >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * n)) - 1;
        field->word[k] = load(field->text + 8 * k) & field->mask[k];
    }
    reader->n_fields = i + 1;
}

static inline bool is_field(const sli_json_field *field, const char *at)
{
    return (load(at) & field->mask[0]) == field->word[0] &&
           (load(at + 8) & field->mask[1]) == field->word[1] &&
           (field->size <= 16 || memcmp(at + 16, field->text + 16, field->size - 16) == 0);
}

// Takes the string data[from, to), between its quotes, as it stands; false when it can't be.
static inline bool take_plain(sli_json_reader *reader, const sli_json_walk *walk,
                              const sli_json_field *field, uint32_t from, uint32_t to)
{
    if (field->column < 0) {
        return true;
    }
    if (field->type != SL_STRING ||
        sli_json_has_escape(walk->data + from, (int64_t)to - (int64_t)from)) {
        return false;
    }
    sli_rows_cell(reader->rows, field->column)->v = sli_json_view(walk, from, to);
    sli_rows_set(reader->rows, field->column, true);
    return true;
}

// Any value at the next token. False, and nothing is moved, when it is none, is wrong, or a line
// ends in it.
static bool take_value(sli_json_reader *reader, sli_json_walk *walk, int32_t column)
{
    const uint32_t *token = walk->token;
    const char *from = walk->data + *token;
    int64_t replaced = reader->replaced;
    sl_code rc =
        column < 0 ? sli_json_skip(walk, NULL) : sli_json_value(reader, walk, column, NULL);
    if (rc == SL_OK && *walk->token < walk->end) {
        const char *to = walk->data + *walk->token;
        bool flat = *from != '{' && *from != '['; // without blanks but at its end
        if ((flat && to[-1] > ' ') || memchr(from, '\n', (size_t)(to - from)) == NULL) {
            return true;
        }
    }
    walk->token = token;
    reader->replaced = replaced; // it will be read again
    return false;
}

// Whether the next token is the record's last bracket, and its line ends there, which is then the
// walk's end.
static inline bool is_end(sli_json_walk *walk)
{
    const char *data = walk->data;
    uint32_t at = *walk->token + 1;
    if (at > walk->end || data[at - 1] != '}') {
        return false;
    }
    at += at < walk->end && data[at] == '\r';
    if (at < walk->end && data[at] != '\n') {
        return false;
    }
    walk->end = at;
    return true;
}

static void set_missing(sli_json_reader *reader)
{
    for (int32_t i = 0; i < reader->n_columns; i++) {
        if (!reader->seen[i]) { // it was nullable before
            sli_rows_set(reader->rows, i, false);
        }
    }
}

int32_t sli_json_alike(sli_json_reader *reader, sli_json_walk *walk, bool *whole)
{
    const char *data = walk->data;
    const uint32_t *token = walk->token;
    const uint32_t end = walk->end;
    int32_t i = 0;
    for (; i < reader->n_fields; i++) {
        const sli_json_field *field = &reader->fields[i];
        uint32_t value = *token + field->size;
        // The three tokens before the value are in the text that is compared, and all of it before
        // the end; so they are there.
        if (value >= end || !is_field(field, data + *token) || token[3] != value) {
            break;
        }
        uint32_t last = token[4] - 1;
        if (data[value] == '"' && data[last] == '"' &&
            take_plain(reader, walk, field, value + 1, last)) {
            token += 4;
            continue;
        }
        walk->token = token + 3;
        if (!take_value(reader, walk, field->column)) {
            break;
        }
        token = walk->token;
    }
    walk->token = token;
    *whole = i > 0 && i == reader->n_fields && reader->whole && is_end(walk);
    if (*whole) {
        set_missing(reader);
    }
    return i;
}
