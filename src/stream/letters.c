// Dead letters as rows: what is known of each, its record's bytes, and the way to their sink.
#include "stream/poison.h"

#include <stdlib.h>

const char sli_letter_schema[] =
    "epoch int64, batch_time timestamp, source string, partition int32, row int64?, name string?, "
    "offset int64?, line int64?, operator string?, code string, error string, record string?, "
    "bytes binary?, truncated bool, pane int64?";

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
    PANE,
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

/// The row as a JSON line, where it has no bytes of its own.
static sl_code keep_row(sli_poison *poison, sli_letter *letter, const sl_batch *row, sl_error *err)
{
    sli_encoder *encoder = NULL;
    sli_str line = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_format_json.encoder_new(&encoder, poison->json_conf, sl_batch_schema(row), err));
    sl_code rc = sli_format_json.encode(encoder, row, &line, err);
    if (rc == SL_OK) {
        rc = sli_str_check(&line, "a dead letter", err);
    }
    if (rc == SL_OK) {
        rc = keep_record(poison, letter, line.data, line.size - 1, err); // without line end
    }
    sli_str_reset(&line);
    sli_format_json.encoder_free(encoder);
    return rc;
}

typedef struct reading {
    sli_poison *poison;
    sli_letter *letter;
} reading;

static sl_code take_row(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    const reading *r = ctx;
    task->rows_out += sl_batch_rows(batch);
    return keep_row(r->poison, r->letter, batch, err);
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
    reading r = {poison, letter};
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

/// Reads a row that a window holds.
static sl_code read_held(sli_poison *poison, sli_letter *letter, sl_error *err)
{
    sl_batch *row = NULL;
    SL_TRY(sli_held_row(letter, &row, err));
    sl_code rc = keep_row(poison, letter, row, err);
    sl_batch_unref(row);
    return rc;
}

// ---------------------------------------------------------------- places

/// One partition's records on their way past its letters.
typedef struct looking {
    sli_poison *poison;
    int32_t input, partition;
    int64_t row;    ///< the next one
    int32_t letter; ///< the next one whose record is not found yet; behind the last: all are
    bool dropped;   ///< makes letters of dropped records, in place of looking rows up
    bool shared;    ///< the next one's row is one of several of its record, which tells nothing
} looking;

static sl_code take_record(sli_poison *poison, sli_letter *letter, const sli_raw_record *record,
                           sl_error *err)
{
    letter->name = sl_arena_strdup(poison->engine->epoch_arena, record->name);
    if (letter->name == NULL) {
        return sl_error_nomem(err, strlen(record->name), "a dead letter");
    }
    letter->offset = record->offset;
    letter->line = record->line;
    return keep_record(poison, letter, record->bytes.data, record->bytes.size, err);
}

static sl_code add_dropped(looking *l, const sli_raw_record *record, sl_error *err)
{
    sli_poison *poison = l->poison;
    if (poison->n_letters == sli_poison_most(poison)) {
        sl_error_set(err, SL_E_DATA, "%s at byte %lld (line %lld): %s", record->name,
                     (long long)record->offset, (long long)record->line, record->why);
        return sli_poison_too_many(poison, err);
    }
    sli_letter *letter = sli_poison_letter(poison, err);
    if (letter == NULL) {
        return SL_E_NOMEM;
    }
    *letter =
        (sli_letter){.input = l->input, .partition = l->partition, .row = -1, .code = SL_E_DATA};
    letter->text = sl_arena_strdup(poison->engine->epoch_arena, record->why);
    return letter->text == NULL ? sl_error_nomem(err, strlen(record->why), "a dead letter")
                                : take_record(poison, letter, record, err);
}

static sl_code pass_record(void *ctx, const sli_raw_record *record, sl_error *err)
{
    looking *l = ctx;
    sli_poison *poison = l->poison;
    if (l->dropped) {
        return record->why == NULL ? SL_OK : add_dropped(l, record, err);
    }
    int64_t row = l->row;
    l->row += record->rows;
    if (l->letter < poison->n_letters) {
        sli_letter *letter = &poison->letters[l->letter];
        bool here = letter->input == l->input && letter->partition == l->partition &&
                    letter->row >= row && letter->row < l->row;
        l->shared = l->shared || (here && record->rows > 1);
        if (here && record->rows == 1) {
            SL_TRY(take_record(poison, letter, record, err));
            l->letter++;
        }
    }
    return SL_OK;
}

static sl_code look(looking *l, sl_error *err)
{
    const sli_input *input = &l->poison->engine->inputs[l->input];
    return input->source->ops->records(input->source, input->range, l->partition, pass_record, l,
                                       err);
}

/// Letters of records that were dropped because they could not be read.
static sl_code gather_dropped(sli_poison *poison, const sli_epoch *epoch, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    if (sli_sched_dead(engine->env.sched) == poison->dead_before) {
        return SL_OK;
    }
    SL_TRY(sli_poison_count(poison, epoch, err));
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        const sli_input *input = &engine->inputs[i];
        int32_t n =
            input->range.size > 0 && input->source->ops->records != NULL ? input->n_splits : 0;
        for (int32_t p = 0; p < n; p++) {
            looking l = {.poison = poison, .input = i, .partition = p, .dropped = true};
            sl_code rc = look(&l, err);
            if (rc != SL_OK && rc != SL_E_UNSUPPORTED) { // pushed rows were never bytes
                return rc;
            }
        }
    }
    return SL_OK;
}

/// Finds the records of the letters from `at` on that are of one partition; *next is behind them.
static sl_code locate(sli_poison *poison, const sli_epoch *epoch, int32_t at, int32_t *next,
                      sl_error *err)
{
    const sli_letter *first = &poison->letters[at];
    const sli_source *source = poison->engine->inputs[first->input].source;
    looking l = {
        .poison = poison, .input = first->input, .partition = first->partition, .letter = at};
    sl_code rc = source->ops->records == NULL ? SL_E_UNSUPPORTED : look(&l, err);
    if (rc == SL_E_UNSUPPORTED || (rc == SL_OK && l.letter == at && l.shared)) {
        *next = at + 1;
        return read_row(poison, epoch, &poison->letters[at], err);
    }
    if (rc == SL_OK && l.letter == at) {
        rc = sl_error_set(err, SL_E_STATE,
                          "row %lld of partition %d of source %s is not found "
                          "again",
                          (long long)first->row, first->partition,
                          poison->engine->inputs[first->input].node->uid);
    }
    *next = l.letter;
    return rc;
}

static int in_order(const void *a, const void *b)
{
    const sli_letter *x = a, *y = b;
    int64_t by[] = {(x->held != NULL) - (y->held != NULL),
                    x->input - y->input,
                    x->held == NULL || y->held == NULL ? 0 : x->held - y->held,
                    x->partition - y->partition,
                    x->row - y->row,
                    x->offset - y->offset};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        if (by[i] != 0) {
            return by[i] < 0 ? -1 : 1;
        }
    }
    return 0;
}

/// All letters with their records, by input and partition: dropped records first, then rows. Those
/// of rows that windows hold come last.
static sl_code complete(sli_poison *poison, const sli_epoch *epoch, sl_error *err)
{
    SL_TRY(gather_dropped(poison, epoch, err));
    if (poison->n_letters > 0) {
        qsort(poison->letters, (size_t)poison->n_letters, sizeof *poison->letters, in_order);
    }
    for (int32_t i = 0, next = 0; i < poison->n_letters; i = next) {
        sli_letter *letter = &poison->letters[i];
        next = i + 1;
        if (letter->held != NULL) {
            SL_TRY(read_held(poison, letter, err));
        } else if (letter->row >= 0) {
            SL_TRY(locate(poison, epoch, i, &next, err));
        }
    }
    return SL_OK;
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

/// The uid of its source, or of the window that held it.
static const char *source_of(const sli_poison *poison, const sli_letter *letter)
{
    return letter->held != NULL ? letter->held->window->node->uid
                                : poison->engine->inputs[letter->input].node->uid;
}

static void put_letter(sl_builder *out, const sli_poison *poison, const sli_epoch *epoch,
                       const sli_letter *letter)
{
    bool has_place = letter->name != NULL;
    sl_builder_int64(out, EPOCH, epoch->number);
    sl_builder_int64(out, BATCH_TIME, epoch->time_us);
    put_text(out, SOURCE, source_of(poison, letter));
    sl_builder_int64(out, PARTITION, letter->partition);
    put_number(out, ROW, letter->row >= 0, letter->row);
    put_text(out, NAME, letter->name);
    put_number(out, OFFSET, has_place, letter->offset);
    put_number(out, LINE, has_place, letter->line);
    put_text(out, OPERATOR, letter->uid);
    put_text(out, CODE, sl_code_name(letter->code));
    put_text(out, ERROR, letter->text);
    put_record(out, letter);
    put_number(out, PANE, letter->held != NULL,
               letter->held == NULL ? 0 : letter->held->pane->epoch);
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

/// The verdict goes into the group, to stand in its SEALED: every letter that is of a row.
static sl_code record(const sli_poison *poison, const sli_epoch *epoch, sli_group *group,
                      sl_error *err)
{
    size_t most = (size_t)group->n_left_out + (size_t)poison->n_letters;
    sli_left_out *all = sl_arena_alloc_zero(group->arena, most * sizeof *all);
    if (all == NULL) {
        return sl_error_nomem(err, most * sizeof *all, "a verdict");
    }
    if (group->n_left_out > 0) {
        memcpy(all, group->left_out, (size_t)group->n_left_out * sizeof *all);
    }
    group->left_out = all;
    for (int32_t i = 0; i < poison->n_letters; i++) {
        const sli_letter *letter = &poison->letters[i];
        if (letter->row >= 0) {
            all[group->n_left_out++] = (sli_left_out){
                .epoch = letter->held != NULL ? letter->held->pane->epoch : epoch->number,
                .source = source_of(poison, letter),
                .partition = letter->partition,
                .row = letter->row};
        }
    }
    return SL_OK;
}

sl_code sli_poison_deliver(sli_poison *poison, sli_epoch *epoch, sli_group *group, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    SL_TRY(complete(poison, epoch, err));
    if (poison->n_letters == 0) {
        return SL_OK;
    }
    SL_TRY(send(poison, epoch, group, err));
    SL_TRY(record(poison, epoch, group, err));
    SL_TRY(sli_held_trim(poison, epoch, group, err));
    poison->engine->letters = poison->n_letters;
    const sli_letter *one = &poison->letters[0];
    SLI_LOG(engine->log, SLI_WARN, "stream",
            "epoch %lld: %d dead letters, %lld rows, %lld trials; the first: source %s, partition "
            "%d: %s",
            (long long)epoch->number, poison->n_letters, (long long)poison->sources.n_rows,
            (long long)poison->n_trials, source_of(poison, one), one->partition, one->text);
    return SL_OK;
}
