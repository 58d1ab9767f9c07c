// Where a text is wrong, in words: "job.sql:12:8: " of a script, "column 8: " of a text of its own,
// "line 2, column 8: " where that has several lines. Columns count characters from 1, a tab is one.
#include "sql/select.h"
#include "sql/vars.h"

typedef struct spot {
    int64_t line, column;
} spot;

static spot spot_of(const char *text, size_t at)
{
    spot s = {1, 1};
    for (size_t i = 0; i < at && text[i] != '\0'; i++) {
        bool begins = ((unsigned char)text[i] & 0xc0) != 0x80; // not inside a UTF-8 character
        s.column += begins;
        if (text[i] == '\n') {
            s = (spot){s.line + 1, 1};
        }
    }
    return s;
}

/// The piece that byte `at` of the text as it was written is in.
static const sli_text_piece *piece_of(const sli_origins *origins, size_t at)
{
    int32_t i = 0;
    while (i + 1 < origins->n_pieces && origins->pieces[i + 1].at <= at) {
        i++;
    }
    return &origins->pieces[i];
}

/// In the words of the place where the piece stood.
static sl_code wrap_piece(const sli_place *place, size_t byte, sl_code rc, sl_error *err)
{
    size_t at = sli_origin_of(place->origins, byte);
    const sli_text_piece *piece = piece_of(place->origins, at);
    spot s = spot_of(place->origins->text + piece->at, at - piece->at);
    s.column += s.line == 1 ? piece->column - 1 : 0;
    s.line += piece->line - 1;
    return piece->name != NULL ? sl_error_wrap(err, rc, "%.200s:%lld:%lld", piece->name,
                                               (long long)s.line, (long long)s.column)
                               : sl_error_wrap(err, rc, "line %lld, column %lld", (long long)s.line,
                                               (long long)s.column);
}

sl_code sli_place_wrap(const sli_place *place, int64_t at, sl_code rc, sl_error *err)
{
    if (rc != SL_OK && place != NULL && place->origins != NULL && place->origins->pieces != NULL) {
        return wrap_piece(place, place->from + (at < 0 ? 0 : (size_t)at), rc, err);
    }
    if (rc == SL_OK || place == NULL || place->text == NULL || (place->name == NULL && at < 0)) {
        return rc;
    }
    size_t byte = place->from + (at < 0 ? 0 : (size_t)at);
    spot s = place->origins == NULL
                 ? spot_of(place->text, byte)
                 : spot_of(place->origins->text, sli_origin_of(place->origins, byte));
    if (place->name != NULL) {
        return sl_error_wrap(err, rc, "%.200s:%lld:%lld", place->name, (long long)s.line,
                             (long long)s.column);
    }
    return strchr(place->text, '\n') == NULL
               ? sl_error_wrap(err, rc, "column %lld", (long long)s.column)
               : sl_error_wrap(err, rc, "line %lld, column %lld", (long long)s.line,
                               (long long)s.column);
}

sl_code sli_plain_failure(sl_code rc, sl_error *err)
{
    static const char mark[] = "SQL: ";
    size_t n = sizeof mark - 1;
    if (rc != SL_OK && err != NULL && strncmp(err->text, mark, n) == 0) {
        memmove(err->text, err->text + n, strlen(err->text + n) + 1);
    }
    return rc;
}

sl_code sli_sql_where(const char *text, int64_t at, sl_code rc, sl_error *err)
{
    sli_place place = {.text = text};
    return sli_place_wrap(&place, at, sli_plain_failure(rc, err), err);
}
