// Rows of a test file.
#include "rows.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_bytes(cli_text *to, const char *data, size_t size)
{
    if (!to->failed && to->size + size + 1 > to->capacity) {
        size_t more = (to->size + size + 1) * 2;
        char *grown = realloc(to->data, more);
        to->failed = grown == NULL;
        to->data = grown == NULL ? to->data : grown;
        to->capacity = grown == NULL ? to->capacity : more;
    }
    if (!to->failed) {
        memcpy(to->data + to->size, data, size);
        to->size += size;
        to->data[to->size] = '\0';
    }
}

void cli_put(cli_text *to, const char *text)
{
    put_bytes(to, text, strlen(text));
}

// ---------------------------------------------------------------- CSV

/// One field; *at moves behind it. Quotes are taken off.
static cli_node *read_field(const char **at, int line)
{
    cli_text text = {0};
    const char *p = *at + strspn(*at, " \t");
    bool quoted = *p == '"';
    if (!quoted) {
        size_t size = strcspn(p, ",\n");
        const char *end = p + size;
        while (size > 0 && isspace((unsigned char)p[size - 1])) {
            size--;
        }
        *at = end;
        return cli_node_scalar(p, size, true, line);
    }
    for (p++; *p != '\0' && (*p != '"' || p[1] == '"'); p++) {
        p += *p == '"';
        put_bytes(&text, p, 1);
    }
    *at = p + (*p == '"');
    *at += strspn(*at, " \t");
    cli_node *node = text.failed
                         ? NULL
                         : cli_node_scalar(text.size == 0 ? "" : text.data, text.size, false, line);
    free(text.data);
    return node;
}

/// The fields of a line, as a list; *at moves behind the line's end.
static cli_node *read_line(const char **at, int line)
{
    cli_node *fields = cli_node_new(CLI_LIST, line);
    bool ok = fields != NULL;
    while (ok) {
        ok = cli_node_add(fields, read_field(at, line));
        if (**at != ',') {
            break;
        }
        ++*at;
    }
    *at += **at == '\n';
    if (!ok) {
        cli_node_free(fields);
        return NULL;
    }
    return fields;
}

/// A row of the names in `header`; takes the texts out of `fields`.
static cli_node *row_of(const cli_node *header, cli_node *fields)
{
    cli_node *row = cli_node_new(CLI_MAP, fields->line);
    for (int i = 0; row != NULL && i < fields->n; i++) {
        cli_node *value = fields->items[i];
        fields->items[i] = NULL;
        value->key = strdup(header->items[i]->text);
        if (value->key == NULL || !cli_node_add(row, value)) {
            cli_node_free(row);
            return NULL;
        }
    }
    return row;
}

static sl_code read_csv_row(const cli_node *header, const char **at, int line, cli_node *rows,
                            sl_error *err)
{
    cli_node *fields = read_line(at, line);
    if (fields == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for rows");
    }
    if (fields->n != header->n) {
        cli_node_free(fields);
        return sl_error_set(err, SL_E_INVALID,
                            "line %d: this row has another number of columns "
                            "than the first line",
                            line);
    }
    cli_node *row = row_of(header, fields);
    cli_node_free(fields);
    return row != NULL && cli_node_add(rows, row)
               ? SL_OK
               : sl_error_set(err, SL_E_NOMEM, "no memory for rows");
}

/// `line` is of the block's key; its text begins on the next one.
static sl_code read_csv(const char *text, int line, cli_node *rows, sl_error *err)
{
    cli_node *header = read_line(&text, ++line);
    sl_code rc = header == NULL ? sl_error_set(err, SL_E_NOMEM, "no memory for rows") : SL_OK;
    while (rc == SL_OK && *text != '\0') {
        rc = read_csv_row(header, &text, ++line, rows, err);
    }
    cli_node_free(header);
    return rc;
}

// ---------------------------------------------------------------- rows

static cli_node *copy_of(const cli_node *node)
{
    cli_node *copy = node->kind == CLI_SCALAR
                         ? cli_node_scalar(node->text, strlen(node->text), node->plain, node->line)
                         : cli_node_new(node->kind, node->line);
    if (copy != NULL && node->key != NULL) {
        copy->key = strdup(node->key);
    }
    for (int i = 0; copy != NULL && i < node->n; i++) {
        if (!cli_node_add(copy, copy_of(node->items[i]))) {
            cli_node_free(copy);
            return NULL;
        }
    }
    return copy;
}

static sl_code read_list(const cli_node *node, cli_node *rows, sl_error *err)
{
    for (int i = 0; i < node->n; i++) {
        if (node->items[i]->kind != CLI_MAP) {
            return sl_error_set(err, SL_E_INVALID, "line %d: a row is a map, {column: value, ...}",
                                node->items[i]->line);
        }
        if (!cli_node_add(rows, copy_of(node->items[i]))) {
            return sl_error_set(err, SL_E_NOMEM, "no memory for rows");
        }
    }
    return SL_OK;
}

sl_code cli_rows_read(const cli_node *node, cli_node **out, sl_error *err)
{
    cli_node *rows = cli_node_new(CLI_LIST, node->line);
    if (rows == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no memory for rows");
    }
    bool nothing = node->kind == CLI_SCALAR && node->plain && node->text[0] == '\0';
    sl_code rc = SL_OK;
    if (node->kind == CLI_LIST) {
        rc = read_list(node, rows, err);
    } else if (node->kind == CLI_SCALAR && !nothing) {
        rc = read_csv(node->text, node->line, rows, err);
    } else if (node->kind == CLI_MAP) {
        rc = sl_error_set(err, SL_E_INVALID,
                          "line %d: rows are a list of maps, or CSV with a header", node->line);
    }
    if (rc != SL_OK) {
        cli_node_free(rows);
        return rc;
    }
    *out = rows;
    return SL_OK;
}

// ---------------------------------------------------------------- values

/// -?digits[.digits][e[+-]digits]: what JSON takes for a number.
static bool is_number(const char *text)
{
    const char *p = text + (*text == '-');
    size_t whole = strspn(p, "0123456789");
    if (whole == 0 || (whole > 1 && *p == '0')) {
        return false;
    }
    p += whole;
    if (*p == '.') {
        size_t part = strspn(p + 1, "0123456789");
        p += part == 0 ? 0 : 1 + part;
    }
    if (*p == 'e' || *p == 'E') {
        const char *e = p + 1 + (p[1] == '-' || p[1] == '+');
        size_t part = strspn(e, "0123456789");
        p = part == 0 ? p : e + part;
    }
    return *p == '\0';
}

static bool is_null(const cli_node *node)
{
    return node->kind == CLI_SCALAR && node->plain &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0);
}

/// A plain scalar that is not a text: a number, true, false.
static bool is_bare(const cli_node *node)
{
    return node->plain && (is_number(node->text) || strcmp(node->text, "true") == 0 ||
                           strcmp(node->text, "false") == 0);
}

static void put_json_text(cli_text *out, const char *text)
{
    cli_put(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[8];
        if (c < 0x20) {
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
            cli_put(out, escaped);
        } else {
            put_bytes(out, "\\", c == '"' || c == '\\');
            put_bytes(out, text, 1);
        }
    }
    cli_put(out, "\"");
}

// ---------------------------------------------------------------- a text to compare by

/// A time as YYYY-MM-DD[ HH:MM:SS[.fraction]]; false: it is none.
static bool put_time(cli_text *out, const char *text)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd";
    char time[64];
    size_t n = strlen(text);
    if (n >= sizeof time || n < 10) {
        return false;
    }
    memcpy(time, text, n + 1);
    n -= n > 10 && time[n - 1] == 'Z';
    time[n] = '\0';
    time[10] = n > 10 && time[10] == 'T' ? ' ' : time[10];
    for (size_t i = 0; i < n && i < sizeof shape - 1; i++) {
        if (shape[i] == 'd' ? !isdigit((unsigned char)time[i]) : time[i] != shape[i]) {
            return false;
        }
    }
    if (n == 16) {
        memcpy(time + n, ":00", 4);
        n += 3;
    }
    if (n > 19 && (time[19] != '.' || strspn(time + 20, "0123456789") != n - 20)) {
        return false;
    }
    while (n > 20 && time[n - 1] == '0') {
        n--;
    }
    n -= n == 20;
    n = n == 19 && memcmp(time + 10, " 00:00:00", 9) == 0 ? 10 : n;
    time[n] = '\0';
    if (n != 10 && n < 19) {
        return false;
    }
    cli_put(out, time);
    return true;
}

static void put_number(cli_text *out, const char *text)
{
    char number[64];
    if (strpbrk(text, ".eE") == NULL) {
        cli_put(out, strcmp(text, "-0") == 0 ? "0" : text);
        return;
    }
    (void)snprintf(number, sizeof number, "%.15g", strtod(text, NULL));
    cli_put(out, number);
}

static int by_key(const void *a, const void *b)
{
    const cli_node *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/// With `json` as JSON; else as it is compared.
static void put_value(cli_text *out, const cli_node *node, bool json);

static void put_items(cli_text *out, const cli_node *node, bool json)
{
    bool map = node->kind == CLI_MAP;
    if (map && !json && node->n > 1) {
        qsort(node->items, (size_t)node->n, sizeof(cli_node *), by_key);
    }
    cli_put(out, map ? "{" : "[");
    for (int i = 0, n = 0; i < node->n; i++) {
        if (map && !json && is_null(node->items[i])) {
            continue; // rows that came out have only what is not null
        }
        cli_put(out, n++ == 0 ? "" : json ? "," : ", ");
        if (map && json) {
            put_json_text(out, node->items[i]->key);
            cli_put(out, ":");
        } else if (map) {
            cli_put(out, node->items[i]->key);
            cli_put(out, ": ");
        }
        put_value(out, node->items[i], json);
    }
    cli_put(out, map ? "}" : "]");
}

static void put_value(cli_text *out, const cli_node *node, bool json)
{
    if (node->kind != CLI_SCALAR) {
        put_items(out, node, json);
    } else if (is_null(node)) {
        cli_put(out, "null");
    } else if (is_bare(node)) {
        if (json || !is_number(node->text)) {
            cli_put(out, node->text);
        } else {
            put_number(out, node->text);
        }
    } else if (json || !put_time(out, node->text)) {
        put_json_text(out, node->text);
    }
}

void cli_row_json(const cli_node *row, cli_text *out)
{
    put_value(out, row, true);
    cli_put(out, "\n");
}

void cli_row_canonical(const cli_node *row, cli_text *out)
{
    put_value(out, row, false);
}
