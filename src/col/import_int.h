/// import_int.h — one import of Arrow C structs: what import.c and import_dictionary.c share.
#pragma once

#include "col/arrow_abi.h"
#include "col/col_int.h"

/// One import. The producer's array lives as long as `holder`, of which every imported column has a
/// reference.
typedef struct sli_import {
    sli_buffer *holder;
    sl_batch *batch;
    const sli_dictionary *dictionaries; ///< NULL: arrays bring theirs
    int64_t bytes;                      ///< what the used buffers hold, as far as it shows
    sl_error *err;
} sli_import;

/// One column of an import: rows [at, at + n) of the producer's buffers.
typedef struct sli_import_place {
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    const sl_field *field;
    int64_t at, n;
    sl_column *column;
    sli_owner *owner;
} sli_import_place;

/// Memory of the column's own instead of the producer's; NULL after setting the error.
char *sli_import_own(sli_import *self, sli_buffer **owner, int64_t size);
/// Rows [from, from + n) of an array become `column`; `parent` is the struct it is in, or NULL.
sl_code sli_import_column(sli_import *self, const struct ArrowSchema *schema,
                          const struct ArrowArray *array, const sl_field *field, int64_t from,
                          int64_t n, const sl_column *parent, sl_column *column);
/// A column of indices becomes one of the values that they mean. Its validity is imported.
sl_code sli_import_indices(sli_import *self, const sli_import_place *p);
