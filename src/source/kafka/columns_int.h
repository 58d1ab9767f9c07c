/// columns_int.h — the columns beside a record's value; for rows.c alone.
#pragma once

#include "source/kafka/kafka_int.h"

enum { KAFKA_MAX_COLUMNS = 6 };

/// Appends the fields that the option `columns` names to the text of a schema. *wants gets
/// KAFKA_WANTS_ bits. Fails: SL_E_CONFIG for a name that is none, is there twice, or is a column of
/// the value too.
sl_code kafka_columns_text(const char *option, const sl_schema *value, sli_str *out, int32_t *wants,
                           sl_error *err);

/// Makes the columns beside the value's. Thread: one at a time.
typedef struct kafka_columns kafka_columns;
/// Of the first `n` fields of a schema.
sl_code kafka_columns_new(kafka_columns **out, const sl_schema *schema, int32_t n,
                          kafka_place place, sl_error *err);
void kafka_columns_free(SL_TAKES kafka_columns *columns); ///< accepts NULL
/// out[i]: a batch of column i alone, of records from[0, n) of the chunk, n at most SLI_BATCH_ROWS.
/// They live until the next call.
sl_code kafka_columns_make(kafka_columns *columns, const kafka_chunk *chunk, const int32_t *from,
                           int64_t n, const sl_batch **out, sl_error *err);
