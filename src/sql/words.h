/// words.h — words of Flink SQL that DuckDB's parser does not take, put into ones that it takes,
/// byte for byte in the same places: what DuckDB says of a place is true of the script.
///
///     TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' MINUTES))
///           TUMBLE(      bids, DESCRIPTOR(ts), INTERVAL '10' MINUTES)
///     SESSION(TABLE bids PARTITION BY k, ...)     SESSION(      bids,PARTITION => k, ...)
///     TUMBLE(DATA => TABLE bids, SIZE => ...)     TUMBLE(              bids,         ...)
///     ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a))     ML_PREDICT(      t,       m, DESCRIPTOR(a))
///     `name`  TIMESTAMP(3)  TIMESTAMP_LTZ(3)      "name"  TIMESTAMP     TIMESTAMP
///
/// Group windows (GROUP BY TUMBLE(ts, ...)) are functions to DuckDB as they are.
#pragma once

#include "sql/lex.h"

/// Rewrites `text`, a copy of what `tokens` are in `source`, from the first one's beginning to the
/// last one's end. Fails: SL_E_INVALID; *where is the place in `source`.
sl_code sli_words_rewrite(const char *source, const sli_lexeme *tokens, int32_t n, char *text,
                          size_t *where, sl_error *err);
