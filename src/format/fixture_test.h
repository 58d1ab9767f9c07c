/// fixture_test.h — what the tests of formats share: decoding from memory in pieces, rows as text.
#pragma once

#include "format/format_int.h"
#include "sl_test.h"

/// The result of decoding: rows as text, one a line ("a" 1 ~), and how it ended.
typedef struct slt_decoded {
    sl_code code;
    sl_error err;
    sli_str rows;
    sli_decode_stats stats;
    int64_t n_batches;
} slt_decoded;

/// How bytes are cut into pieces: `size` each (0: one piece), or, with `cut` >= 0, two pieces at
/// that place.
typedef struct slt_cuts {
    int64_t size, cut;
} slt_cuts;
#define SLT_WHOLE ((slt_cuts){.size = 0, .cut = -1})

/// Options as "a=1 b='x y'" for a format. The caller frees it; fails the test when they are wrong.
sl_conf *slt_conf(const sli_format_ops *format, const char *args);
/// Decodes; schema by the format's own rule. The caller resets the result.
slt_decoded slt_decode(const sli_format_ops *format, const char *args, const char *data,
                       size_t size, slt_cuts cuts);
void slt_decoded_reset(slt_decoded *decoded);
/// Decodes whole and byte by byte, fails the test unless both give `rows` without an error.
void slt_check_rows(const sli_format_ops *format, const char *args, const char *data,
                    const char *rows, const char *file, int line);
#define CHECK_ROWS(format, args, data, rows)                                                       \
    slt_check_rows(format, args, data, rows, __FILE__, __LINE__)
/// Decodes, fails the test unless it ends with `code` and an error text that holds `text`.
void slt_check_error(const sli_format_ops *format, const char *args, const char *data, sl_code code,
                     const char *text, const char *file, int line);
#define CHECK_ERROR(format, args, data, code, text)                                                \
    slt_check_error(format, args, data, code, text, __FILE__, __LINE__)
/// Every cut of `data` into two pieces, and pieces of 1, 2, 3, 5, 7 and 64 bytes, must end as the
/// whole did.
void slt_check_cuts(const sli_format_ops *format, const char *args, const char *data, size_t size);
/// Rows of a batch as text.
void slt_render(sli_str *out, const sl_batch *batch);
/// Encodes one batch with a format. The caller resets the string.
sl_code slt_encode(const sli_format_ops *format, const char *args, const sl_batch *batch,
                   sli_str *out, sl_error *err);
/// A batch of random rows of a schema: extremes, empty and special text, nulls.
sl_batch *slt_random_batch(const char *schema, int64_t n_rows, sli_rng *rng);
