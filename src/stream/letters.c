// Dead letters as rows: what is known of each, its record's bytes, and the way to their sink.
#include "stream/poison.h"

#include <stdlib.h>

const char sli_letter_schema[] =
    "epoch int64, batch_time timestamp, source string, partition int32, row int64?, name string?, "
    "offset int64?, line int64?, operator string?, code string, error string, record string?, "
    "bytes binary?, truncated bool";

enum {
    EPOCH,
    BATCH_TIME,
    SOURCE,
    PARTITION,
    ROW,
    NAME,
    OFFSET,
    LINE,
    OPERATOR,
    CODE,
    ERROR,
    RECORD,
    BYTES,
    TRUNCATED,
};

// ---------------------------------------------------------------- records

/// Bytes that a letter keeps: a text is cut between characters.
static sl_code keep_record(sli_poison *poison, sli_letter *letter, const char *data, size_t size,
                           sl_error *err)
{
    size_t kept = size;
    if (size > SLI_LETTER_BYTES) {
        kept = SLI_LETTER_BYTES;
        while (kept > SLI_LETTER_BYTES - 4 && ((uint8_t)data[kept] & 0xC0) == 0x80) {
            kept--;
        }
    }
    void *copy = sl_arena_copy(poison->engine->epoch_arena, data, kept);
    if (copy == NULL && kept > 0) {
        return sl_error_nomem(err, kept, "a dead letter");
    }
    letter->record = (sl_bytes){copy, kept};
    letter->is_truncated = kept < size;
    return SL_OK;
}

typedef struct reading {
    sli_poison *poison;
    sli_letter *letter;
    const sl_schema *schema;
} reading;

/// The row as a JSON line, for sources that have no bytes of their own.
static sl_code take_row(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    reading *r = ctx;
    sli_encoder *encoder = NULL;
    sli_str line = {.tag = SLI_TAG_STREAM};
    task->rows_out += sl_batch_rows(batch);
    SL_TRY(sli_format_json.encoder_new(&encoder, r->poison->json_conf, r->schema, err));
    sl_code rc = sli_format_json.encode(encoder, batch, &line, err);
    if (rc == SL_OK) {
        rc = sli_str_check(&line, "a dead letter", err);
    }
    if (rc == SL_OK) {
        rc = keep_record(r->poison, r->letter, line.data, line.size - 1, err); // without line end
    }
    sli_str_reset(&line);
    sli_format_json.encoder_free(encoder);
    return rc;
}

/// Reads the source's row again.
static sl_code read_row(sli_poison *poison, const sli_epoch *epoch, sli_letter *letter,
                        sl_error *err)
{
    const sli_engine *engine = poison->engine;
    const sli_input *input = &engine->inputs[letter->input];
    const int64_t *first = poison->first[letter->input];
    int64_t row = first[letter->partition] + letter->row;
    sli_choice choice = {.from = row, .to = row + 1};
    reading r = {poison, letter, input->source->ops->schema(input->source)};
    sl_rdd *rdd = sli_rdd_of_source(epoch->runtime, input->source, input->range, input->n_splits);
    sl_code rc = rdd == NULL ? sl_error_nomem(err, sizeof *rdd, "a dead letter")
                             : sli_rdd_choose(rdd, &choice, first, err);
    sli_job job = {.rdd = rdd,
                   .partitions = &letter->partition,
                   .n_partitions = 1,
                   .generation = epoch->generation,
                   .epoch = epoch->number,
                   .time_us = epoch->time_us,
                   .rows_expected = 1,
                   .push = take_row,
                   .ctx = &r};
    rc = rc == SL_OK ? sli_sched_run(engine->env.sched, &job, err) : rc;
    sl_rdd_unref(rdd);
    return rc;
}

// ---------------------------------------------------------------- rows

static void put_text(sl_builder *out, int32_t column, const char *text)
{
    if (text == NULL) {
        sl_builder_null(out, column);
    } else {
        sl_builder_text(out, column, text, strlen(text));
    }
}

static void put_number(sl_builder *out, int32_t column, bool is_known, int64_t number)
{
    if (is_known) {
        sl_builder_int64(out, column, number);
    } else {
        sl_builder_null(out, column);
    }
}

/// Text goes into one column, what is none into another: no byte is changed.
static void put_record(sl_builder *out, const sli_letter *letter)
{
    const char *data = letter->record.size == 0 ? "" : letter->record.data;
    bool is_text = sli_utf8_check(data, letter->record.size) == letter->record.size;
    sl_builder_null(out, is_text ? BYTES : RECORD);
    sl_builder_text(out, is_text ? RECORD : BYTES, data, letter->record.size);
    sl_builder_bool(out, TRUNCATED, letter->is_truncated);
}

static void put_letter(sl_builder *out, const sli_poison *poison, const sli_epoch *epoch,
                       const sli_letter *letter)
{
    bool has_place = letter->name != NULL;
    sl_builder_int64(out, EPOCH, epoch->number);
    sl_builder_int64(out, BATCH_TIME, epoch->time_us);
    put_text(out, SOURCE, poison->engine->inputs[letter->input].node->uid);
    sl_builder_int64(out, PARTITION, letter->partition);
    put_number(out, ROW, letter->row >= 0, letter->row);
    put_text(out, NAME, letter->name);
    put_number(out, OFFSET, has_place, letter->offset);
    put_number(out, LINE, has_place, letter->line);
    put_text(out, OPERATOR, letter->uid);
    put_text(out, CODE, sl_code_name(letter->code));
    put_text(out, ERROR, letter->text);
    put_record(out, letter);
}

static sl_code letters_batch(const sli_poison *poison, const sli_epoch *epoch, sl_batch **out,
                             sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, poison->node.schema, err));
    for (int32_t i = 0; i < poison->n_letters; i++) {
        put_letter(builder, poison, epoch, &poison->letters[i]);
    }
    sl_code rc = sl_builder_finish(builder, out, err);
    sl_builder_free(builder);
    return rc;
}

// ---------------------------------------------------------------- the way out

static sl_code send(sli_poison *poison, sli_epoch *epoch, sli_group *group, sl_error *err)
{
    sli_engine *engine = poison->engine;
    sl_batch *batch = NULL;
    SL_TRY(letters_batch(poison, epoch, &batch, err));
    sl_batch *const *parts[] = {&batch};
    int32_t n_batches = 1;
    int64_t rows = sl_batch_rows(batch), told = 0;
    sl_rdd *rdd = sli_rdd_of_partitions(epoch->runtime, poison->node.schema, parts, &n_batches, 1);
    sl_code rc = rdd == NULL ? sl_error_nomem(err, sizeof *rdd, "dead letters")
                             : sli_output_run(engine, &engine->graph->outputs[poison->output], rdd,
                                              epoch, group, rows, &told, err);
    sl_rdd_unref(rdd);
    sl_batch_unref(batch);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "dead letters");
}

/// The verdict goes into the group, to stand in its SEALED.
static sl_code record(const sli_poison *poison, const sli_epoch *epoch, sli_group *group,
                      sl_error *err)
{
    size_t had = (size_t)group->n_left_out, more = (size_t)poison->n_left_out;
    sli_left_out *all = sl_arena_alloc_zero(group->arena, (had + more) * sizeof *all);
    if (all == NULL) {
        return sl_error_nomem(err, more * sizeof *all, "a verdict");
    }
    if (had > 0) {
        memcpy(all, group->left_out, had * sizeof *all);
    }
    for (size_t i = 0; i < more; i++) {
        sli_letter place = {0};
        sli_poison_place(poison, poison->left_out[i], &place);
        all[had + i] = (sli_left_out){.epoch = epoch->number,
                                      .source = poison->engine->inputs[place.input].node->uid,
                                      .partition = place.partition,
                                      .row = place.row};
    }
    group->left_out = all;
    group->n_left_out = (int32_t)(had + more);
    return SL_OK;
}

static int in_order(const void *a, const void *b)
{
    const sli_letter *x = a, *y = b;
    int64_t by[3] = {x->input - y->input, x->partition - y->partition, x->row - y->row};
    for (int i = 0; i < 3; i++) {
        if (by[i] != 0) {
            return by[i] < 0 ? -1 : 1;
        }
    }
    return 0;
}

sl_code sli_poison_deliver(sli_poison *poison, sli_epoch *epoch, sli_group *group, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    if (poison->n_letters == 0) {
        return SL_OK;
    }
    qsort(poison->letters, (size_t)poison->n_letters, sizeof *poison->letters, in_order);
    for (int32_t i = 0; i < poison->n_letters; i++) {
        SL_TRY(read_row(poison, epoch, &poison->letters[i], err));
    }
    SL_TRY(send(poison, epoch, group, err));
    SL_TRY(record(poison, epoch, group, err));
    sli_progress_letters(poison->engine, poison->n_letters);
    const sli_letter *one = &poison->letters[0];
    SLI_LOG(engine->log, SLI_WARN, "stream",
            "epoch %lld: %d dead letters of %lld rows, the first: source %s, partition %d, row "
            "%lld: %s",
            (long long)epoch->number, poison->n_letters, (long long)poison->n_rows,
            engine->inputs[one->input].node->uid, one->partition, (long long)one->row, one->text);
    return SL_OK;
}
