/// values.h — values that are records of their own, to rows and back: what brokers of messages hand
/// over, and what they are handed.
///
/// A message's value is one record whatever bytes it holds: line ends in it end nothing, and no
/// part of it runs into the next. Any format reads and writes values; the ones that know lines
/// (text, csv, json) go through their usual decoders, a whole run of values at once. README.md,
/// "values", says how.
#pragma once

#include "format/format.h"

// ---------------------------------------------------------------- values to rows

enum { SLI_VALUE_PLACE = 320 }; ///< bytes of a place's name: a topic's has 249

/// Values one behind the other. Value i is [starts[i], starts[i + 1] - 1) of the buffer, and the
/// byte behind it is '\n': so a run of values is what a decoder of lines reads as it is. The struct
/// and what it points to live for the call; rows share the buffer.
typedef struct sli_value_run {
    sli_buffer *data;      ///< SLI_BUFFER_PAD readable bytes behind the last value, as in sli_piece
    const int32_t *starts; ///< n + 1 of them, growing
    int32_t n;
    const uint64_t *nulls; ///< bit i set: value i is null (and has no bytes); NULL: none is
    bool lines;            ///< some value may hold a '\n' or a '\r'
    /// Names value i for an error: "orders, partition 3, offset 17".
    void (*place)(void *ctx, int32_t value, char *out, size_t size);
    void *ctx; ///< of `place`
} sli_value_run;

/// Takes rows, at most SLI_BATCH_ROWS. Row i came from value from[i] of the run; they grow, and
/// values without a row were dropped.
typedef sl_code (*sli_value_emit_fn)(void *ctx, SL_BORROWS sl_batch *rows, const int32_t *from,
                                     sl_error *err);

/// Whether a format reads values with these settings. Fails: SL_E_CONFIG, SL_E_UNSUPPORTED with
/// what is in the way.
sl_code sli_values_check(const sli_format_ops *format, const sl_conf *conf, sl_error *err);

typedef struct sli_values sli_values; ///< Thread: one at a time
/// Fails: as sli_values_check; as the format's decoder_new.
sl_code sli_values_new(sli_values **out, const sli_format_ops *format, const sl_conf *conf,
                       const sl_schema *schema, sl_error *err);
void sli_values_free(SL_TAKES sli_values *values); ///< accepts NULL
/// Reads values [from, to) of the run. A null value becomes a row of nulls; where a column takes no
/// nulls it is malformed. A value that is no record, or more than one, is malformed: as the
/// option says. Values of runs before have no part in it. Fails: SL_E_DATA with the place;
/// SL_E_NOMEM; what emit returns. Nothing but sli_values_free is allowed after a failure.
sl_code sli_values_feed(sli_values *values, const sli_value_run *run, int32_t from, int32_t to,
                        sli_value_emit_fn emit, void *ctx, sl_error *err);
const sli_decode_stats *sli_values_stats(const sli_values *values);
/// As sli_records_watch: each value is told, `name` as `place` has it, `offset` and `line` its
/// number in the run, and no rows are emitted.
sl_code sli_values_watch(sli_values *values, sli_raw_fn each, void *ctx, sl_error *err);

// ---------------------------------------------------------------- rows to values

/// One value a row.
struct sli_value_list {
    sli_str bytes;  ///< end to end, nothing between them
    int64_t *ends;  ///< of each in `bytes`
    uint8_t *nulls; ///< 1: null
    int32_t n, room;
};

/// Sets *out to the rows of a batch, one value each, without the byte that ends a record in a file.
/// A null cell of a format with one column (text, bytes) is a null value. `out` is zeroed before
/// the first call, and used again by the next ones. Fails: as encode; SL_E_UNSUPPORTED for a format
/// whose records are not rows (arrow).
sl_code sli_values_encode(sli_value_list *out, const sli_format_ops *format, sli_encoder *encoder,
                          const sl_batch *rows, sl_error *err);
void sli_value_list_reset(sli_value_list *list); ///< frees it

/// For encoders: all that was appended to `bytes` since the last end is a value.
static inline void sli_value_end(sli_value_list *list, bool null)
{
    list->ends[list->n] = (int64_t)list->bytes.size;
    list->nulls[list->n++] = null;
}
/// Value i; data NULL: null.
static inline sl_text sli_value_of(const sli_value_list *list, int32_t i)
{
    int64_t from = i == 0 ? 0 : list->ends[i - 1];
    return list->nulls[i] != 0 ? (sl_text){NULL, 0}
                               : (sl_text){list->bytes.data + from, (size_t)(list->ends[i] - from)};
}
