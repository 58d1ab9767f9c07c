/// vars.h — ${NAME} and ${NAME:-default} in a script, replaced before anything is read.
///
/// Everywhere but in comments, in texts too. `$${` is a `${` that stays. Where a piece of the new
/// text comes from is kept, so that mistakes are told at places of the text as it was written.
#pragma once

#include "base/str.h"

typedef struct sli_origin {
    size_t at, size;      ///< in the new text: what a variable became
    size_t from, written; ///< in the text as it was written: its `${...}`
} sli_origin;

/// A piece of a text that was put together: where it stood before.
typedef struct sli_text_piece {
    size_t at;            ///< of its first byte in the text as it was written
    const char *name;     ///< "job.sql"; NULL: a text of its own
    int64_t line, column; ///< of its first byte there
} sli_text_piece;

/// Where a text comes from. Zero it.
typedef struct sli_origins {
    const char *text;             ///< as it was written; borrowed
    const sli_text_piece *pieces; ///< in order, the first at 0; NULL: it was written as a whole
    int32_t n_pieces;
    sli_origin *items;
    int32_t n, capacity;
} sli_origins;

/// The value of a variable, NULL: it has none. Lives until the next call.
typedef const char *(*sli_var_fn)(void *ctx, const char *name);

/// Fails: SL_E_INVALID, a variable without a value or a `${` that is wrong (*where is its place, as
/// written); SL_E_NOMEM.
sl_code sli_vars_replace(const char *text, size_t size, sli_var_fn value, void *ctx, sli_str *out,
                         sli_origins *origins, size_t *where, sl_error *err);
/// The place, in the text as it was written, of byte `at` of the new one.
size_t sli_origin_of(const sli_origins *origins, size_t at);
void sli_origins_reset(sli_origins *origins);
