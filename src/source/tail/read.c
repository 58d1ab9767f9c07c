// read.c — an item of an epoch as rows: its bytes lie in memory in the life that offered it; a
// later one finds them in the files, by identity or by what they are.
#include "source/tail/tail_int.h"

enum {
    MESSAGES = 1 << 20, // bytes of rows with columns made at a time
    MOST_LISTINGS = 16, // then the task tries again
};

/// Bytes of an item.
typedef struct loaded {
    const char *name; ///< for people
    sli_buffer *data; ///< NULL: they are lost, which was told
    int64_t at, size;
    int64_t offset; ///< in the file
} loaded;

// ---------------------------------------------------------------- where the bytes are

static sli_buffer *find_piece(tail_source *self, uint64_t number, int32_t item, int64_t *at)
{
    sli_buffer *found = NULL;
    sli_mutex_lock(&self->mutex);
    for (const tail_piece *piece = self->pieces; piece != NULL && found == NULL;
         piece = piece->next) {
        if (piece->number == number && piece->item == item) {
            found = sli_buffer_ref(piece->data);
            *at = piece->at;
        }
    }
    sli_mutex_unlock(&self->mutex);
    return found;
}

/// Opens the name when it has the item's bytes; else NULL.
static sl_code try_name(const tail_source *self, const tail_name *name, const tail_item *item,
                        sli_file **out, sl_error *err)
{
    bool fits = false;
    if (name->stat.size_bytes < item->to) {
        return SL_OK;
    }
    sl_error why = SL_ERROR_INIT;
    sl_code rc = tail_open(self, name->at, out, &why);
    if (rc == SL_OK) {
        rc = tail_mark_fits(*out, item->to, item->mark, &fits, &why);
    }
    if (!fits) {
        sli_file_close(out);
    }
    if (rc == SL_OK || rc == SL_E_NOT_FOUND) { // just gone
        return SL_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return sl_error_wrap(err, rc, "%s/%s", self->dir, name->at);
}

/// The file of the identity first: others are copies.
static sl_code find_file(const tail_source *self, const tail_names *names, const tail_item *item,
                         sli_file **out, sl_error *err)
{
    for (int32_t pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < names->n && *out == NULL; i++) {
            bool is_it = names->items[i].stat.identity == item->identity;
            SL_TRY(is_it == (pass == 0) ? try_name(self, &names->items[i], item, out, err) : SL_OK);
        }
    }
    return SL_OK;
}

static sl_code read_bytes(sli_file *file, const tail_item *item, sli_buffer **out, sl_error *err)
{
    size_t n = (size_t)(item->to - item->from), got = 0;
    sli_buffer *data = sli_buffer_new((int64_t)n);
    if (data == NULL) {
        return sl_error_nomem(err, n, "a piece of a file");
    }
    sl_code rc = sli_file_read_at(file, item->from, sli_buffer_data(data), n, &got, err);
    if (rc != SL_OK || got < n) { // it became shorter while it was read
        sli_buffer_unref(data);
        return rc;
    }
    *out = data;
    return SL_OK;
}

static sl_code tell_gone(tail_source *self, const char *name, const tail_item *item, sl_error *err)
{
    if (self->skips_lost) {
        tail_lost(self, name, item->from, item->to - item->from, "recorded bytes are gone");
        return SL_OK;
    }
    sl_code rc = sl_error_set(
        err, SL_E_NOT_FOUND,
        "%s/%s: bytes %lld to %lld, which an epoch took, are in no file of that name or rotated "
        "from it; put them back and start again, or set lost=skip",
        self->dir, name, (long long)item->from, (long long)item->to);
    (void)sl_error_act(err, SL_ACT_STOP_JOB);
    return rc;
}

/// The bytes of an item out of a file. No data: it has others.
static sl_code load_open(sli_file *file, const tail_item *item, loaded *out, sl_error *err)
{
    sli_buffer *data = NULL;
    SL_TRY(read_bytes(file, item, &data, err));
    if (data != NULL && tail_hash(sli_buffer_bytes(data), item->to - item->from) == item->hash) {
        out->data = data;
        return SL_OK;
    }
    sli_buffer_unref(data);
    return SL_OK;
}

/// Out of the file that has the name that the item's had: mostly it is still that one.
static void load_named(const tail_source *self, sl_arena *arena, const tail_item *item, loaded *out)
{
    sl_error why = SL_ERROR_INIT;
    sli_file *file = NULL;
    const char *at = sl_arena_printf(arena, "%.*s", (int)item->at.size, item->at.data);
    if (at != NULL && tail_open(self, at, &file, &why) == SL_OK) {
        (void)load_open(file, item, out, &why); // else the listing tells
    }
    sli_file_close(&file);
}

/// Out of what the listing has. No data: nothing has them. *again: or something moved.
static sl_code load_listed(const tail_source *self, const tail_names *names, const tail_item *item,
                           loaded *out, bool *again, sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(find_file(self, names, item, &file, err));
    if (file == NULL) {
        return SL_OK;
    }
    sl_code rc = load_open(file, item, out, err);
    sli_file_close(&file);
    *again = true; // when there is no data, it was truncated meanwhile
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "%s/%s", self->dir, out->name);
}

/// In a later life than the offer's. Bytes are gone only when two listings are the same: while one
/// is made, files may be renamed.
static sl_code load_file(tail_source *self, sl_arena *arena, const tail_item *item, loaded *out,
                         sl_error *err)
{
    tail_names names = {0}, before = {0};
    load_named(self, arena, item, out);
    for (int32_t i = 0; out->data == NULL && i < MOST_LISTINGS; i++) {
        bool again = i == 0;
        sl_code rc = tail_names_read(self, arena, out->name, &names, err);
        if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
            return rc;
        }
        SL_TRY(load_listed(self, &names, item, out, &again, err));
        if (out->data == NULL && !again && tail_names_same(&before, &names)) {
            return tell_gone(self, out->name, item, err);
        }
        before = names;
    }
    return out->data != NULL
               ? SL_OK
               : sl_error_set(err, SL_E_IO,
                              "%s: its files are renamed all the time; %s was not found", self->dir,
                              out->name);
}

static sl_code load(tail_source *self, sl_arena *arena, sl_bytes bytes, int32_t split, loaded *out,
                    sl_error *err)
{
    tail_range range;
    SL_TRY(tail_range_get(bytes, &range, err));
    if (split < 0 || split >= range.n) {
        return sl_error_set(err, SL_E_CORRUPT, "a tail's range has no split %d", (int)split);
    }
    tail_item item = tail_range_item(&range, split);
    *out = (loaded){.name = sl_arena_printf(arena, "%.*s", (int)item.name.size, item.name.data),
                    .size = item.to - item.from,
                    .offset = item.from};
    if (out->name == NULL) {
        return sl_error_nomem(err, item.name.size, "a file's name");
    }
    out->data = find_piece(self, range.number, split, &out->at);
    return out->data != NULL ? SL_OK : load_file(self, arena, &item, out, err);
}

// ---------------------------------------------------------------- rows

static sl_code feed_records(const loaded *l, sli_records *records, sli_emit_fn emit, void *ctx,
                            sl_error *err)
{
    return sli_records_feed(records, l->data, l->at, l->at + l->size, l->offset, l->name, true,
                            emit, ctx, err);
}

static sl_code read_plain(tail_source *self, const loaded *l, sli_emit_fn emit, void *ctx,
                          sli_decode_stats *stats, sl_error *err)
{
    const sli_source_common *common = &self->common;
    sli_records *records = NULL;
    SL_TRY(sli_records_new(&records, common->format, common->conf, common->schema, err));
    sl_code rc = feed_records(l, records, emit, ctx, err);
    sli_source_count_stats(&self->common, sli_records_stats(records), stats);
    sli_records_free(records);
    return rc;
}

/// Makes messages of the lines from *at on, MESSAGES bytes of them or a little more.
static void put_lines(const tail_source *self, const loaded *l, int64_t *at, sli_str *out)
{
    const char *bytes = sli_buffer_bytes(l->data) + l->at;
    bool keeps_empty = self->common.format == &sli_format_text;
    while (*at < l->size && out->size < MESSAGES && !out->failed) {
        const char *line = bytes + *at, *end = memchr(line, '\n', (size_t)(l->size - *at));
        int64_t n = end == NULL ? l->size - *at : end - line;
        int64_t value = n > 0 && line[n - 1] == '\r' ? n - 1 : n;
        sli_str offset = {.tag = SLI_TAG_SOURCE};
        sli_put_i64(&offset, l->offset + *at);
        const sli_message message = {
            .value = {line, (size_t)value},
            .cells = {{l->name, strlen(l->name)}, {offset.data, offset.size}}};
        if (value > 0 || keeps_empty) {
            sli_message_put(out, &message, 2);
        }
        out->failed = out->failed || offset.failed;
        sli_str_reset(&offset);
        *at += n + 1;
    }
}

static sl_code feed_messages(sli_message_rows *rows, const sli_str *messages, const char *name,
                             sli_emit_fn emit, void *ctx, sl_error *err)
{
    SL_TRY(sli_str_check(messages, name, err));
    sli_buffer *data = sli_buffer_new((int64_t)messages->size);
    if (data == NULL) {
        return sl_error_nomem(err, messages->size, name);
    }
    memcpy(sli_buffer_data(data), messages->data, messages->size);
    sl_code rc = sli_message_rows_feed(rows, data, name, emit, ctx, err);
    sli_buffer_unref(data);
    return rc;
}

/// With columns beside the record's.
static sl_code read_columns(tail_source *self, const loaded *l, sli_emit_fn emit, void *ctx,
                            sli_decode_stats *stats, sl_error *err)
{
    const sli_source_common *common = &self->common;
    sli_message_rows *rows = NULL;
    SL_TRY(sli_message_rows_new(&rows, tail_columns, common->format, common->conf, common->schema,
                                err));
    sl_code rc = SL_OK;
    for (int64_t at = 0; rc == SL_OK && at < l->size;) {
        sli_str messages = {.tag = SLI_TAG_SOURCE};
        put_lines(self, l, &at, &messages);
        rc = messages.size == 0 && !messages.failed
                 ? SL_OK
                 : feed_messages(rows, &messages, l->name, emit, ctx, err);
        sli_str_reset(&messages);
    }
    sli_source_count_stats(&self->common, sli_message_rows_stats(rows), stats);
    sli_message_rows_free(rows);
    return rc;
}

sl_code tail_read(sli_source *source, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                  sli_decode_stats *stats, sl_error *err)
{
    tail_source *self = (tail_source *)source;
    loaded l = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a file's name");
    }
    sl_code rc = load(self, arena, range, split, &l, err);
    if (rc == SL_OK && l.data != NULL) {
        rc = self->has_columns ? read_columns(self, &l, emit, ctx, stats, err)
                               : read_plain(self, &l, emit, ctx, stats, err);
    }
    sli_buffer_unref(l.data);
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- records looked up

static sl_code no_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)batch, (void)err;
    return SL_OK;
}

static sl_code look_up(tail_source *self, const loaded *l, sli_raw_fn each, void *ctx,
                       sl_error *err)
{
    const sli_source_common *common = &self->common;
    sl_schema *schema = NULL; // of the record alone
    sli_records *records = NULL;
    SL_TRY(common->format->schema(common->conf, &schema, err));
    sl_code rc = sli_records_new(&records, common->format, common->conf, schema, err);
    rc = rc == SL_OK ? sli_records_watch(records, each, ctx, err) : rc;
    rc = rc == SL_OK ? feed_records(l, records, no_rows, NULL, err) : rc;
    sli_records_free(records);
    sl_schema_unref(schema);
    return rc;
}

sl_code tail_records(sli_source *source, sl_bytes range, int32_t split, sli_raw_fn each, void *ctx,
                     sl_error *err)
{
    tail_source *self = (tail_source *)source;
    loaded l = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a file's name");
    }
    sl_code rc = load(self, arena, range, split, &l, err);
    rc = rc == SL_OK && l.data != NULL ? look_up(self, &l, each, ctx, err) : rc;
    sli_buffer_unref(l.data);
    sl_arena_free(arena);
    return rc;
}
