/// http_int.h — requests and their records; for files of source/http/ only.
#pragma once

#include <http_parser.h>
#include <zlib.h>

#include "net/net.h"
#include "source/message.h"
#include "source/source_int.h"

// ---------------------------------------------------------------- a request

enum {
    HTTP_MOST_TARGET = 2048, ///< bytes of a request's path and query,
    HTTP_MOST_FIELDS = 64,   ///< headers of a request,
    HTTP_MOST_FIELD = 8192,  ///< bytes of a header,
    HTTP_MOST_HEAD = 32768,  ///< of all of them,
    HTTP_MOST_KEY = 256,     ///< and of the key among them
};

typedef struct http_request http_request;

/// What is asked about a request when its headers are there: 0 to go on, or the status to refuse it
/// with.
typedef int32_t (*http_judge_fn)(void *ctx, const http_request *request);

/// A request in the making, and what it says. Zeroed before http_request_begin; its memory is
/// bounded by the limits above and `most`.
struct http_request {
    http_parser parser;
    http_judge_fn judge;
    void *ctx;
    int64_t most; ///< bytes of the body, decompressed
    // ---- what was read
    sli_str target;      ///< path and query, as they were sent
    sli_str name, value; ///< the header that is being read
    sli_str fields;      ///< the headers, as sli_headers_put has them; names in small letters
    sli_str key;         ///< of Idempotency-Key; empty: none
    sli_str token;       ///< of "Authorization: Bearer"
    sli_str body;
    z_stream *unzip; ///< NULL: the body is not compressed
    int32_t n_fields;
    size_t head_bytes;
    bool begun, in_value, has_key, headers_done, wants_continue, unzipped, whole;
    int32_t status;  ///< 0, or that with which it has to be refused; then nothing more is read
    const char *why; ///< of that; lives for ever
};

/// For the first request of a connection.
void http_request_begin(http_request *request, http_judge_fn judge, void *ctx, int64_t most);
/// Reads on, at most to the end of the request (`whole`), or until it is refused (`status`).
/// Returns how many bytes it used.
size_t http_request_feed(http_request *request, const char *data, size_t size);
/// The next one, on the same connection.
void http_request_next(http_request *request);
void http_request_reset(http_request *request); ///< frees what it holds
bool http_request_is(const http_request *request, enum http_method method);
/// The path in its target, without the query.
sl_text http_request_path(const http_request *request);

// ---------------------------------------------------------------- its records

/// How a body is cut into records.
typedef enum http_cut {
    HTTP_LINES = 1, ///< at line ends
    HTTP_QUOTED,    ///< at line ends outside of quotes: csv
    HTTP_WHOLE,     ///< not at all
} http_cut;

typedef struct http_records {
    http_cut cut;
    char quote;
    bool skip_blank; ///< lines without anything in them are no records: json
    // which cells are kept
    bool path, time, headers;
} http_records;

enum { HTTP_CELL_PATH = 0, HTTP_CELL_TIME, HTTP_CELL_HEADERS, HTTP_CELLS };
extern const sli_message_column http_columns[];

/// By the stream's format and its settings.
void http_records_init(http_records *records, const sli_format_ops *format, const sl_conf *conf);
enum { HTTP_MOST_ENCODED = 32 << 20 }; ///< bytes of a request's messages
/// Appends the records of a whole request as messages; their ids are KEY#0, KEY#1, ... Fails:
/// SL_E_NO_SPACE when they are too many.
sl_code http_records_put(const http_records *records, const http_request *request, int64_t now_us,
                         sli_str *out, int64_t *n, sl_error *err);
