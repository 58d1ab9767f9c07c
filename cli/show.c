// Rows as text, in the way the user wants them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "show.h"

bool cli_mode_of(const char *word, cli_mode *out)
{
    static const char *const words[] = {"table", "csv", "json", "line"};
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(word, words[i]) == 0) {
            *out = (cli_mode)i;
            return true;
        }
    }
    return false;
}

/// The types stand in the schema's text behind the names, and commas part them outside brackets.
void cli_type_text(const sl_schema *schema, int32_t column, char *out, size_t size)
{
    const char *at = sl_schema_text(schema);
    size_t n = 0;
    for (int32_t i = 0;; i++) {
        int depth = 0;
        at += strcspn(at, " ") + 1;
        for (n = 0; at[n] != '\0' && (at[n] != ',' || depth > 0); n++) {
            depth += at[n] == '<' || at[n] == '(' ? 1 : at[n] == '>' || at[n] == ')' ? -1 : 0;
        }
        if (i == column || at[n] == '\0') {
            break;
        }
        at += n + strspn(at + n, ", ");
    }
    (void)snprintf(out, size, "%.*s", (int)n, at);
}

size_t cli_distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t row[MOST + 1], n = strlen(b);
    if (n > MOST || strlen(a) > MOST) {
        return MOST;
    }
    for (size_t k = 0; k <= n; k++) {
        row[k] = k;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < n; k++) {
            size_t change = corner + (strncasecmp(&a[i], &b[k], 1) != 0);
            size_t edit = (row[k] < row[k + 1] ? row[k] : row[k + 1]) + 1;
            corner = row[k + 1];
            row[k + 1] = change < edit ? change : edit;
        }
    }
    return row[n];
}

static sl_code written(const cli_show *show, sl_error *err)
{
    return ferror(show->to) ? sl_error_sys(err, SL_E_IO, errno, "the output") : SL_OK;
}

// ---------------------------------------------------------------- tables

/// Places on a terminal that a text takes: characters, as far as one needs one place.
static int32_t places(const char *text)
{
    int32_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

/// What would break a line, or speak to the terminal, is shown as an escape.
static char *one_line(const char *text)
{
    size_t n = strlen(text);
    char *out = malloc(4 * n + 1), *at = out;
    for (size_t i = 0; out != NULL && i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n' || c == '\r' || c == '\t') {
            *at++ = '\\';
            *at++ = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else if (c < 0x20 || c == 0x7f) {
            at += snprintf(at, 5, "\\x%02x", c);
        } else {
            *at++ = (char)c;
        }
    }
    if (out != NULL) {
        *at = '\0';
    }
    return out;
}

static bool is_number(const sl_field *field)
{
    return field->type >= SL_INT8 && field->type <= SL_DECIMAL;
}

static void put_padded(FILE *to, const char *text, int32_t width, bool right, bool last)
{
    int32_t gap = width - places(text);
    gap = gap < 0 ? 0 : gap;
    fprintf(to, "%*s%s%*s", right ? gap : 0, "", text, right || last ? 0 : gap, "");
}

/// Cells [at, at + n_columns) of `cells` as one line.
static void put_line(const cli_show *show, char *const *cells,
                     const char *(*name)(const void *, int), bool is_head)
{
    int32_t n = sl_schema_columns(show->columns);
    fprintf(show->to, "%s", show->begin == NULL ? "" : show->begin);
    for (int32_t i = 0; i < n; i++) {
        const sl_field *field = sl_schema_field(show->columns, i);
        fputs(i == 0 ? " " : " | ", show->to);
        put_padded(show->to, name != NULL ? name(show->columns, i) : cells[i], show->widths[i],
                   is_number(field) && !is_head, i == n - 1);
    }
    fputc('\n', show->to);
}

static const char *name_of(const void *columns, int i)
{
    return sl_schema_field(columns, i)->name;
}

static sl_code set_widths(cli_show *show, sl_error *err)
{
    int32_t n = sl_schema_columns(show->columns);
    show->widths = calloc((size_t)n + 1, sizeof *show->widths);
    if (show->widths == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for a table");
    }
    for (int32_t i = 0; i < n; i++) {
        show->widths[i] = places(name_of(show->columns, i));
        for (int32_t row = 0; row < show->n_held; row++) {
            int32_t width = places(show->held[row * n + i]);
            show->widths[i] = width > show->widths[i] ? width : show->widths[i];
        }
    }
    return SL_OK;
}

static void put_head(cli_show *show)
{
    int32_t n = sl_schema_columns(show->columns);
    int32_t skip = show->begin == NULL ? 0 : (int32_t)strlen(show->begin);
    fprintf(show->to, "%*s", skip, "");
    const char *begin = show->begin;
    show->begin = NULL;
    put_line(show, NULL, name_of, true);
    show->begin = begin;
    fprintf(show->to, "%*s", skip, "");
    for (int32_t i = 0; i < n; i++) {
        fputs(i == 0 ? "-" : "-+-", show->to);
        for (int32_t k = 0; k < show->widths[i]; k++) {
            fputc('-', show->to);
        }
    }
    fputs("-\n", show->to);
    show->named = true;
}

static sl_code flush_held(cli_show *show, sl_error *err)
{
    int32_t n = sl_schema_columns(show->columns);
    if (show->widths == NULL) {
        SL_TRY(set_widths(show, err));
    }
    if (!show->named) {
        put_head(show);
    }
    for (int32_t row = 0; row < show->n_held; row++) {
        put_line(show, &show->held[row * n], NULL, false);
    }
    for (int32_t i = 0; i < show->n_held * n; i++) {
        free(show->held[i]);
    }
    show->n_held = 0;
    return written(show, err);
}

static sl_code hold_row(cli_show *show, const sl_batch *rows, int64_t row, sl_error *err)
{
    int32_t n = sl_schema_columns(show->columns);
    char **at = &show->held[show->n_held * n];
    for (int32_t i = 0; i < n; i++) {
        char *text = NULL;
        at[i] = NULL;
        sl_code rc = sl_cell_text(rows, i, row, &text, err);
        if (rc == SL_OK) {
            at[i] = one_line(text);
            sl_text_free(text);
            rc = at[i] == NULL ? sl_error_set(err, SL_E_NOMEM, "no memory for a table") : SL_OK;
        }
        if (rc != SL_OK) {
            while (i-- > 0) {
                free(at[i]);
            }
            return rc;
        }
    }
    show->n_held++;
    return show->n_held == CLI_HELD ? flush_held(show, err) : SL_OK;
}

// ---------------------------------------------------------------- a line a cell

static sl_code put_lines(cli_show *show, const sl_batch *rows, int64_t row, sl_error *err)
{
    int32_t n = sl_schema_columns(show->columns), width = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t own = places(name_of(show->columns, i));
        width = own > width ? own : width;
    }
    fputs(show->n_rows > 0 ? "\n" : "", show->to);
    for (int32_t i = 0; i < n; i++) {
        char *text = NULL, *line = NULL;
        SL_TRY(sl_cell_text(rows, i, row, &text, err));
        line = one_line(text);
        sl_text_free(text);
        if (line == NULL) {
            return sl_error_set(err, SL_E_NOMEM, "no memory for a line");
        }
        put_padded(show->to, name_of(show->columns, i), width, true, false);
        fprintf(show->to, " = %s\n", line);
        free(line);
    }
    return written(show, err);
}

// ---------------------------------------------------------------- a result

sl_code cli_show_begin(void *ctx, const sl_schema *columns, sl_error *err)
{
    cli_show *show = ctx;
    char *names = NULL;
    show->columns = sl_schema_ref(columns);
    if (show->mode == CLI_TABLE) {
        size_t n = (size_t)sl_schema_columns(columns) * CLI_HELD;
        show->held = malloc(n * sizeof(char *) + 1);
        return show->held == NULL ? sl_error_set(err, SL_E_NOMEM, "no memory for a table") : SL_OK;
    }
    if (show->mode == CLI_CSV) {
        SL_TRY(sl_rows_csv_names(columns, &names, err));
        fputs(names, show->to);
        sl_text_free(names);
    }
    return written(show, err);
}

static sl_code put_text(cli_show *show, const sl_batch *rows, sl_error *err)
{
    char *text = NULL;
    SL_TRY(show->mode == CLI_CSV ? sl_rows_csv(rows, &text, err) : sl_rows_json(rows, &text, err));
    fputs(text, show->to);
    sl_text_free(text);
    return written(show, err);
}

/// The first `n` rows alone, which go through a builder.
static sl_code put_some(cli_show *show, const sl_batch *rows, int64_t n, sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *some = NULL;
    SL_TRY(sl_builder_new(&builder, sl_batch_schema(rows), err));
    for (int64_t row = 0; row < n; row++) {
        for (int32_t i = 0; i < sl_schema_columns(show->columns); i++) {
            sl_builder_cell(builder, i, sl_batch_column(rows, i), row);
        }
    }
    sl_code rc = sl_builder_finish(builder, &some, err);
    rc = rc == SL_OK ? put_text(show, some, err) : rc;
    sl_batch_unref(some);
    sl_builder_free(builder);
    return rc;
}

sl_code cli_show_rows(void *ctx, const sl_batch *rows, sl_error *err)
{
    cli_show *show = ctx;
    int64_t n = sl_batch_rows(rows), most = n;
    if (show->limit >= 0 && show->limit - show->n_rows < n) {
        most = show->limit - show->n_rows;
        show->has_more = true;
    }
    if (show->mode == CLI_CSV || show->mode == CLI_JSON) {
        SL_TRY(most == n ? put_text(show, rows, err) : put_some(show, rows, most, err));
        show->n_rows += most;
    }
    for (int64_t row = 0; (show->mode == CLI_TABLE || show->mode == CLI_LINE) && row < most;
         row++) {
        SL_TRY(show->mode == CLI_TABLE ? hold_row(show, rows, row, err)
                                       : put_lines(show, rows, row, err));
        show->n_rows++;
    }
    return show->has_more ? sl_error_set(err, SL_E_END, "enough rows") : SL_OK;
}

sl_code cli_show_end(cli_show *show, sl_error *err)
{
    sl_code rc = SL_OK;
    if (show->columns != NULL && show->mode == CLI_TABLE && show->held != NULL) {
        rc = flush_held(show, err);
        if (rc == SL_OK && !show->quiet) {
            fprintf(show->to, "(%lld row%s%s)\n", (long long)show->n_rows,
                    show->n_rows == 1 ? "" : "s", show->has_more ? ", and there are more" : "");
        }
    }
    free(show->held);
    free(show->widths);
    sl_schema_unref(show->columns);
    if (rc == SL_OK && fflush(show->to) != 0) {
        rc = sl_error_sys(err, SL_E_IO, errno, "the output");
    }
    return rc;
}
