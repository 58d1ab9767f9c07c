// records.c — a request's body as messages: a record each, with what its columns ask for beside it.
#include "source/http/http_int.h"

#include <stdio.h>

#include "base/bytes.h"

const sli_message_column http_columns[] = {
    {"path", SLI_CELL_TEXT},
    {"time", SLI_CELL_TIME},
    {"headers", SLI_CELL_HEADERS},
    {0},
};

/// Whether the option `columns` has this name, or one that begins with it and a dot.
static bool asks_for(const char *columns, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = columns; at != NULL && *at != '\0';) {
        at += strspn(at, ", ");
        size_t n = strcspn(at, ", ");
        if (n >= size && memcmp(at, name, size) == 0 && (n == size || at[size] == '.')) {
            return true;
        }
        at += n;
    }
    return false;
}

void http_records_init(http_records *records, const sli_format_ops *format, const sl_conf *conf)
{
    const char *columns = sl_conf_text(conf, "columns");
    *records = (http_records){.cut = format->lines    ? HTTP_LINES
                                     : format->binary ? HTTP_WHOLE
                                                      : HTTP_QUOTED,
                              .skip_blank = strcmp(format->name, "text") != 0,
                              .path = asks_for(columns, "path"),
                              .time = asks_for(columns, "time"),
                              .headers = asks_for(columns, "headers")};
    if (records->cut == HTTP_QUOTED) {
        const char *quote = sl_conf_text(conf, "quote");
        records->quote = quote == NULL ? '\0' : quote[0];
    }
}

// ---------------------------------------------------------------- cutting

/// Where the record that begins at `from` ends: at a line end, or the end of the body.
static size_t record_end(const http_records *records, const char *data, size_t from, size_t size)
{
    if (records->cut == HTTP_WHOLE) {
        return size;
    }
    if (records->cut == HTTP_LINES || records->quote == '\0') {
        const char *at = memchr(data + from, '\n', size - from);
        return at == NULL ? size : (size_t)(at - data);
    }
    bool quoted = false;
    size_t at = from;
    while (at < size && (quoted || data[at] != '\n')) {
        quoted = quoted != (data[at] == records->quote);
        at++;
    }
    return at;
}

/// Without the '\r' of "\r\n".
static size_t without_return(const http_records *records, const char *data, size_t from, size_t to)
{
    bool cut = records->cut != HTTP_WHOLE && to > from && data[to - 1] == '\r';
    return to - (cut ? 1 : 0);
}

// ---------------------------------------------------------------- putting

static void fill_cells(const http_records *records, const http_request *request, char time[8],
                       int64_t now_us, sli_message *message)
{
    if (records->path) {
        sl_text path = http_request_path(request);
        message->cells[HTTP_CELL_PATH] = (sl_bytes){path.data, path.size};
    }
    if (records->time) {
        memcpy(time, &now_us, sizeof now_us); // little-endian, as all of Sluice's bytes
        message->cells[HTTP_CELL_TIME] = (sl_bytes){time, sizeof now_us};
    }
    if (records->headers) {
        const sli_str *fields = &request->fields;
        message->cells[HTTP_CELL_HEADERS] =
            (sl_bytes){fields->data == NULL ? "" : fields->data, fields->size};
    }
}

static sl_code check_size(const sli_str *out, size_t begun, sl_error *err)
{
    if (out->size - begun > HTTP_MOST_ENCODED) {
        return sl_error_set(err, SL_E_NO_SPACE, "too many records in a request");
    }
    return sli_str_check(out, "the records of a request", err);
}

sl_code http_records_put(const http_records *records, const http_request *request, int64_t now_us,
                         sli_str *out, int64_t *n, sl_error *err)
{
    const char *data = request->body.data;
    size_t size = request->body.size, begun = out->size;
    char time[sizeof(int64_t)], id[HTTP_MOST_KEY + 24];
    sli_message message = {0};
    fill_cells(records, request, time, now_us, &message);
    *n = 0;
    for (size_t from = 0, end; from < size; from = end + 1) {
        end = record_end(records, data, from, size);
        size_t to = without_return(records, data, from, end);
        if (to == from && records->skip_blank) {
            continue;
        }
        message.value = (sl_bytes){data + from, to - from};
        if (request->has_key) {
            int written = snprintf(id, sizeof id, "%s#%lld", request->key.data, (long long)*n);
            message.id = (sl_bytes){id, (size_t)written};
        }
        sli_message_put(out, &message, HTTP_CELLS);
        ++*n;
        SL_TRY(check_size(out, begun, err));
    }
    return SL_OK;
}
