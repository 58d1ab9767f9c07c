/// simdjson_shim.h — the one thing asked of simdjson: where the tokens of a stretch of JSON are.
///
/// simdjson's first stage finds, at more than a GB/s, every bracket, colon, comma and the first
/// byte of every string and scalar outside strings; it also proves that the text is UTF-8, that
/// every string ends, and that none holds a bare control character. So after it a line end is never
/// inside a string. Reading the tokens is ours (json_read.c): rows need lines as records, place and
/// field in errors, and skipping of bad lines, which simdjson's own document stream does not give.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sli_tokens sli_tokens;

typedef enum sli_tokens_rc {
    SLI_TOKENS_OK = 0,
    SLI_TOKENS_NOMEM,
    SLI_TOKENS_UNCLOSED, ///< a string does not end
    SLI_TOKENS_CONTROL,  ///< a string holds a line end or another byte below 0x20
    SLI_TOKENS_UTF8,     ///< not UTF-8, and otherwise right
    SLI_TOKENS_EMPTY,    ///< nothing but white space
} sli_tokens_rc;

sli_tokens *sli_tokens_new(void);         ///< NULL without memory
void sli_tokens_free(sli_tokens *tokens); ///< accepts NULL
/// Finds the tokens of data[0, size), size < 2^31. *at has *n places in rising order, then `size`
/// at least once; it stays until the next call.
sli_tokens_rc sli_tokens_find(sli_tokens *tokens, const char *data, size_t size,
                              const uint32_t **at, size_t *n);

#ifdef __cplusplus
}
#endif
