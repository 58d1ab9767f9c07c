// csv_cut.c — records and fields of CSV, by RFC 4180 with three liberties: a record may also end
// with a lone '\n'; a quote inside a field that did not begin with one is plain text; a '\r' that
// no '\n' follows is plain text too.
//
//     START --quote--> QUOTED --quote--> CLOSED --quote--> QUOTED        a doubled quote
//       |                                  |---delimiter, line end-->    the field ends
//       '--other--> PLAIN <---other--------'                             malformed, but it goes on
//       as plain text
#include "format/csv/csv_int.h"

int64_t sli_csv_record_end(const sli_csv_dialect *dialect, const char *data, int64_t at, int64_t to,
                           sli_csv_state *state)
{
    sli_csv_state now = *state;
    for (; at < to; at++) {
        char c = data[at];
        if (dialect->quoting && c == dialect->quote && now != SLI_CSV_PLAIN) {
            now = now == SLI_CSV_QUOTED ? SLI_CSV_CLOSED : SLI_CSV_QUOTED;
        } else if (now == SLI_CSV_QUOTED) {
            continue;
        } else if (c == '\n') {
            *state = SLI_CSV_START;
            return at + 1;
        } else {
            now = c == dialect->delimiter ? SLI_CSV_START : SLI_CSV_PLAIN;
        }
    }
    *state = now;
    return -1;
}

void sli_csv_cutter_start(sli_csv_cutter *cutter, const char *data, int64_t from, int64_t to,
                          bool last)
{
    cutter->data = data;
    cutter->to = to;
    cutter->last = last;
    cutter->stop = -1;
    cutter->scan = from;
    cutter->mark = cutter->n_marks = 0;
}

// Place of the next special byte at or after `at`; `to` when there is none.
static inline int64_t next_mark(sli_csv_cutter *cutter, int64_t at)
{
    for (;;) {
        while (cutter->mark < cutter->n_marks) {
            int64_t mark = cutter->marks[cutter->mark++];
            if (mark >= at) {
                return mark;
            }
        }
        const char set[4] = {cutter->dialect->delimiter, cutter->dialect->quote, '\n', '\n'};
        cutter->mark = 0;
        cutter->n_marks = cutter->find(cutter->data, cutter->scan, cutter->to, set, cutter->marks,
                                       SLI_CSV_MARKS, &cutter->scan);
        if (cutter->n_marks == 0) {
            return cutter->to;
        }
    }
}

static inline void add_field(sli_csv_cutter *cutter, sli_csv_field field)
{
    if (cutter->n_fields < cutter->max_fields) {
        cutter->fields[cutter->n_fields] = field;
    }
    cutter->n_fields++;
}

// Behind an opening quote: the place of the closing one, or `to`, or `stop`.
static int64_t closing_quote(sli_csv_cutter *cutter, int64_t at, sli_csv_field *field)
{
    for (;;) {
        int64_t mark = next_mark(cutter, at);
        if (mark == cutter->to || mark == cutter->stop) {
            return mark;
        }
        at = mark + 1;
        if (cutter->data[mark] == cutter->dialect->quote) {
            if (at == cutter->to || cutter->data[at] != cutter->dialect->quote) {
                return mark;
            }
            at++;
            field->doubled = true;
        } else {
            cutter->n_lines += cutter->data[mark] == '\n';
        }
    }
}

// The delimiter or line end that closes plain text at or after `at`, or `to`.
static inline int64_t plain_end(sli_csv_cutter *cutter, int64_t at)
{
    int64_t mark;
    do {
        mark = next_mark(cutter, at);
    } while (mark < cutter->to && cutter->dialect->quoting &&
             cutter->data[mark] == cutter->dialect->quote);
    return mark;
}

// The field at `at`; returns the mark that ends it.
static int64_t cut_quoted(sli_csv_cutter *cutter, int64_t at)
{
    sli_csv_field field = {.from = at + 1, .quoted = true};
    const char *data = cutter->data;
    field.to = closing_quote(cutter, at + 1, &field);
    if (field.to == cutter->to || field.to == cutter->stop) {
        cutter->wrong = "a quoted field that does not end";
        add_field(cutter, field);
        return field.to;
    }
    int64_t end = plain_end(cutter, field.to + 1);
    int64_t gap = end - (field.to + 1);
    bool line_end =
        gap == 1 && data[field.to + 1] == '\r' && (end == cutter->to || data[end] == '\n');
    if (gap > 0 && !line_end) {
        cutter->wrong = "text behind the closing quote of a field";
    }
    add_field(cutter, field);
    return end;
}

bool sli_csv_cut(sli_csv_cutter *cutter, int64_t at, int64_t *end, int64_t *next)
{
    const char *data = cutter->data;
    const sli_csv_dialect *dialect = cutter->dialect;
    cutter->n_fields = 0;
    cutter->n_lines = 0;
    cutter->wrong = NULL;
    for (;;) {
        bool quoted = dialect->quoting && at < cutter->to && data[at] == dialect->quote;
        int64_t mark = quoted ? cut_quoted(cutter, at) : plain_end(cutter, at);
        bool ends = mark == cutter->to || data[mark] == '\n';
        if (mark == cutter->to && !cutter->last) {
            return false;
        }
        if (!quoted) {
            bool cr = ends && mark > at && data[mark - 1] == '\r';
            add_field(cutter, (sli_csv_field){.from = at, .to = mark - cr});
        }
        at = mark + 1;
        if (ends) {
            break;
        }
    }
    cutter->n_lines += at <= cutter->to;
    *next = at < cutter->to ? at : cutter->to;
    *end = at - 1;
    return true;
}
