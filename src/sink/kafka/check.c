// check.c — rows that could never be sent, found before their group is sealed: a sealed group can't
// be taken back, and would be refused at every start.
//
// Records are made twice only where that can show something: where a cell may be refused for what
// is in it, or where one is so large that the record may be too.
#include "sink/kafka/ksink_int.h"

#include <inttypes.h>

enum {
    DEFAULT_MOST_BYTES = 1000000, ///< librdkafka's message.max.bytes
    MOST_A_BYTE = 6,              ///< what a byte of text becomes at most: \u0001
    FIXED_BYTES = 64,             ///< a cell of another type, names and marks in between
};

sl_code sli_ksink_limit(const sli_kafka_settings *settings, int64_t *out, sl_error *err)
{
    sli_kafka_conf conf = sli_kafka_conf_of(settings);
    *out = DEFAULT_MOST_BYTES;
    for (int32_t i = 0; i < conf.n_settings; i++) {
        const sli_kafka_setting *s = &conf.settings[i];
        if (strcmp(s->name, "message.max.bytes") == 0 &&
            sli_scan_int64(sli_text_of(s->value), out, err) != SL_OK) {
            return sl_error_wrap(err, SL_E_CONFIG, "kafka.message.max.bytes=%s", s->value);
        }
    }
    return SL_OK;
}

static int64_t largest_cell(const sl_column *column)
{
    const sl_view *views = column->values;
    int32_t most = 0;
    for (int64_t i = 0; i < column->n_rows; i++) {
        most = views[i].size > most ? views[i].size : most;
    }
    return most;
}

/// No record of the batch can be larger; INT64_MAX where that is not seen at a glance.
static int64_t bound_of(const sl_batch *rows)
{
    const sl_schema *schema = sl_batch_schema(rows);
    int64_t bound = FIXED_BYTES;
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        const sl_field *field = sl_schema_field(schema, i);
        if (field->n_children > 0) {
            return INT64_MAX;
        }
        bool is_text = field->type == SL_STRING || field->type == SL_BINARY;
        bound += FIXED_BYTES + (int64_t)strlen(field->name) +
                 (is_text ? MOST_A_BYTE * largest_cell(sl_batch_column(rows, i)) : 0);
    }
    return bound;
}

static sl_code look_at(const ksink *self, const sl_batch *rows, ksink_rows *maker, sl_error *err)
{
    const sli_kafka_message *records = NULL;
    int64_t row = 0;
    SL_TRY(sli_ksink_rows_make(maker, rows, 0, &records, &row, err));
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        int64_t bytes = sli_ksink_record_bytes(&records[i]);
        if (bytes > self->most_bytes) {
            return sl_error_set(err, SL_E_DATA,
                                "a record of %" PRId64 " bytes for %s; kafka.message.max.bytes is "
                                "%" PRId64,
                                bytes, records[i].topic, self->most_bytes);
        }
    }
    return SL_OK;
}

sl_code sli_ksink_check(const sli_sink *sink, const sl_batch *rows, sl_error *err)
{
    const ksink *self = (const ksink *)sink;
    ksink_rows *maker = NULL;
    if (!sli_ksink_rows_may_refuse(self->rows) && bound_of(rows) <= self->most_bytes) {
        return SL_OK;
    }
    SL_TRY(sli_ksink_rows_new(&maker, self->conf, self->schema, self->topic, err));
    sl_code rc = look_at(self, rows, maker, err);
    sli_ksink_rows_free(maker);
    return rc;
}
