/// csv_int.h — what reading and writing CSV share: the dialect.
#pragma once

#include "format/format_int.h"

enum { CSV_MAX_FIELDS = 16384 }; ///< of one record; a header with more is refused

typedef struct sli_csv_dialect {
    char delimiter, quote; ///< quote == delimiter: nothing is quoted
    bool quoting, header;
    sli_time_form time;
    const char *null; ///< the text of an absent value; lives as long as the conf
    size_t null_size;
} sli_csv_dialect;

extern const sl_option sli_csv_options[];

/// Fails: SL_E_CONFIG for delimiters and quotes that can't be told apart.
sl_code sli_csv_dialect_read(sli_csv_dialect *out, const sl_conf *conf, sl_error *err);

sl_code sli_csv_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                            sl_error *err);
sl_code sli_csv_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                       sli_emit_fn emit, void *ctx, sl_error *err);
sl_code sli_csv_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from, int32_t to,
                              sli_emit_fn emit, void *ctx, sl_error *err);
sli_stream_state *sli_csv_stream(sli_decoder *self);
void sli_csv_decoder_free(SL_TAKES sli_decoder *self);
sl_code sli_csv_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                            sl_error *err);
sl_code sli_csv_begin(sli_encoder *self, sli_str *out, sl_error *err);
sl_code sli_csv_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err);
bool sli_csv_may_refuse(const sli_encoder *self);
sl_code sli_csv_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                              sl_error *err);
void sli_csv_encoder_free(SL_TAKES sli_encoder *self);

// ---------------------------------------------------------------- cutting records (csv_cut.c)

/// One field of a record, as it stands in the input; of a quoted one what is between the quotes.
typedef struct sli_csv_field {
    int64_t from, to;
    bool quoted;
    bool doubled; ///< holds doubled quotes
} sli_csv_field;

/// Where in a record the reader is, byte by byte.
typedef enum sli_csv_state {
    SLI_CSV_START = 0, ///< a field begins
    SLI_CSV_PLAIN,
    SLI_CSV_QUOTED,
    SLI_CSV_CLOSED, ///< behind a quote that ends the field, unless another one follows
} sli_csv_state;

/// The end of the record that data[at, to) goes on with: behind its line end, or -1. *state is
/// moved along.
int64_t sli_csv_record_end(const sli_csv_dialect *dialect, const char *data, int64_t at, int64_t to,
                           sli_csv_state *state);

enum { SLI_CSV_MARKS = 1024 };

/// Cuts records out of a piece, one at a time.
typedef struct sli_csv_cutter {
    const sli_csv_dialect *dialect;
    sli_find_fn find;
    const char *data;
    int64_t to;
    bool last;
    int64_t stop; ///< place of the '\n' that ends the record inside quotes too; -1: none does
    int64_t scan; ///< special bytes before it are in `marks`
    int64_t mark, n_marks;
    sli_csv_field *fields; ///< the first `n_kept` fields of the record
    int32_t n_fields, max_fields;
    int64_t n_lines;   ///< line ends in the record
    const char *wrong; ///< NULL, or what is malformed about it
    uint32_t marks[SLI_CSV_MARKS];
} sli_csv_cutter;

void sli_csv_cutter_start(sli_csv_cutter *cutter, const char *data, int64_t from, int64_t to,
                          bool last);
/// Cuts the record at `at`; false when it isn't whole. *next is where the next one starts, *end
/// where the text of this one ends.
bool sli_csv_cut(sli_csv_cutter *cutter, int64_t at, int64_t *end, int64_t *next);
