// json_alike.c — the fields of a record that look as in the record before.
//
// Records of one source look alike: the same fields, in the same order, with the same blanks. So
// what stands between two values, as in `","key":"`, is compared as it is with what stood there
// before: one comparison of 16 bytes in place of three tokens, and the column is known. It begins
// with the last byte of the value before, so that the quote that ends a string is looked at too:
// between a string's two quotes there is no token, so a quote right before the next one is its end.
//
// Where the line ends isn't looked for either: it is enough that none of the bytes passed is a line
// end. Those compared are none, as they were inside a line before; strings hold none, which was
// proved when the tokens were found; other values are looked at with the blanks behind them. So a
// record that is alike to its last bracket, with the line's end behind it, is a line.
//
// Whatever looks different is left to json_read.c, from that field on. Nothing is told from here: a
// record reads the same whichever of the two reads it.
#include "format/json/json_int.h"

#ifdef __SSE4_1__ // an instruction set, not a platform: elsewhere the plain comparison serves
#include <smmintrin.h>
#endif

// ---------------------------------------------------------------- what is remembered

static sli_json_step step_of(const sli_json_reader *reader, int32_t column, bool is_string)
{
    if (!is_string) {
        return SLI_JSON_OTHER;
    }
    return column < 0                                                   ? SLI_JSON_PASS
           : sl_schema_field(reader->schema, column)->type == SL_STRING ? SLI_JSON_TEXT
                                                                        : SLI_JSON_OTHER;
}

void sli_json_remember(sli_json_reader *reader, const sli_json_walk *walk, int32_t i, uint32_t from,
                       int32_t column, bool plain)
{
    sli_json_step step = step_of(reader, column, sli_json_peek(walk) == '"');
    uint32_t to = *walk->token + (step != SLI_JSON_OTHER);
    if (i > reader->n_fields || i >= SLI_JSON_FIELDS) {
        return;
    }
    reader->n_fields = i;
    from -= i > 0; // the end of the value before
    if (!plain || to > walk->end || to - from > SLI_JSON_FIELD_BYTES) {
        return;
    }
    char text[SLI_JSON_FIELD_BYTES] = {0};
    uint8_t mask[sizeof(sli_json_bytes)] = {0};
    sli_json_field *field = &reader->fields[i];
    field->size = to - from;
    field->column = column;
    field->step = step;
    memcpy(text, walk->data + from, field->size);
    memset(mask, 0xFF, field->size < sizeof mask ? field->size : sizeof mask);
    if (i > 0 && field[-1].step == SLI_JSON_OTHER) {
        mask[0] = 0; // it was looked at with its value
    } else if (i > 0) {
        text[0] = '"'; // without blanks behind it, whatever there was this time
    }
    memcpy(&field->text, text, sizeof field->text);
    memcpy(&field->mask, mask, sizeof field->mask);
    memcpy(field->rest, text + 16, sizeof field->rest);
    reader->n_fields = i + 1;
}

// ---------------------------------------------------------------- what looks like it

// Whether the bytes that count are equal.
static inline bool is_text(const sli_json_field *field, const char *at)
{
    sli_json_bytes bytes;
    memcpy(&bytes, at, sizeof bytes);
#ifdef __SSE4_1__
    return _mm_testz_si128((__m128i)(bytes ^ field->text), (__m128i)field->mask) != 0;
#else
    uint64_t half[2];
    sli_json_bytes differ = (bytes ^ field->text) & field->mask;
    memcpy(half, &differ, sizeof half);
    return (half[0] | half[1]) == 0;
#endif
}

static inline bool is_field(const sli_json_field *field, const char *at)
{
    return is_text(field, at) &&
           (field->size <= 16 || memcmp(at + 16, field->rest, field->size - 16) == 0);
}

// Takes the text data[from, to) of a string as it stands; false when it can't be.
static inline bool take_text(sli_json_reader *reader, const sli_json_walk *walk, int32_t column,
                             uint32_t from, uint32_t to)
{
    if (sli_json_has_escape(walk->data + from, (int64_t)to - (int64_t)from)) {
        return false;
    }
    sli_rows_cell(reader->rows, column)->v = sli_json_view(walk, from, to);
    sli_rows_set(reader->rows, column, true);
    return true;
}

// Whether no line ends in what is no string and goes up to the token at `to`. A scalar has no
// blanks but at its end.
static bool is_unbroken(const char *from, const char *to)
{
    bool flat = *from != '{' && *from != '[';
    return (flat && to[-1] > ' ') || memchr(from, '\n', (size_t)(to - from)) == NULL;
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
        if (*from == '"' ? to[-1] == '"' : is_unbroken(from, to)) {
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

// Reads as sli_json_alike does, but that the last string it passed may end otherwise.
static int32_t take_fields(sli_json_reader *reader, sli_json_walk *walk)
{
    const char *data = walk->data;
    const uint32_t *token = walk->token;
    // A text that is compared, and so the three tokens in it, must lie before the end.
    const uint32_t last = walk->end < SLI_JSON_FIELD_BYTES ? 0 : walk->end - SLI_JSON_FIELD_BYTES;
    const sli_json_field *field = reader->fields, *end = field + reader->n_fields;
    for (; field < end; field++) {
        uint32_t at = *token - (field > reader->fields);
        if (at >= last || !is_field(field, data + at)) {
            break;
        }
        if (field->step == SLI_JSON_OTHER ||
            (field->step == SLI_JSON_TEXT &&
             !take_text(reader, walk, field->column, at + field->size, token[4] - 1))) {
            walk->token = token + 3;
            if (token[3] + (field->step != SLI_JSON_OTHER) != at + field->size ||
                !take_value(reader, walk, field->column)) {
                break;
            }
            token = walk->token;
        } else {
            token += 4;
        }
    }
    walk->token = token;
    return (int32_t)(field - reader->fields);
}

int32_t sli_json_alike(sli_json_reader *reader, sli_json_walk *walk, bool *whole)
{
    int32_t n = take_fields(reader, walk);
    if (n > 0 && reader->fields[n - 1].step != SLI_JSON_OTHER &&
        walk->data[*walk->token - 1] != '"') { // blanks behind the last string: it isn't read
        walk->token -= 4;
        n--;
    }
    *whole = n > 0 && n == reader->n_fields && reader->whole && is_end(walk);
    if (*whole && reader->missing) {
        set_missing(reader);
    }
    return n;
}
