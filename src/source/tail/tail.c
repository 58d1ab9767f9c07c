// tail.c — files that are appended to, followed by name: options, opening, and what an epoch
// offers.
#include "base/bytes.h"
#include "source/tail/tail_int.h"

const sli_message_column tail_columns[] = {
    {"file", SLI_CELL_TEXT}, {"offset", SLI_CELL_INT64}, {0}};

static const sl_option options[] = {
    SLI_MESSAGE_OPTION_COLUMNS("file (the name that is followed), offset (of the record)"),
    {.name = "from",
     .type = SL_OPT_CHOICE,
     .fallback = "beginning",
     .choices = "beginning|end",
     .flags = SL_OPT_RESULT,
     .text = "Where the first start begins in files that are there. Files that come later are read "
             "from their beginning."},
    {.name = "rotated",
     .type = SL_OPT_TEXT,
     .fallback = "numbered",
     .flags = SL_OPT_RESULT,
     .text = "Names in the same directory of files that were rotated away: numbered (the file's "
             "name, then . or -, then a digit), none, or a pattern in which % is the file's name, "
             "such as %.* or old-%*."},
    {.name = "rotate_wait",
     .type = SL_OPT_DURATION,
     .fallback = "5s",
     .low = "0s",
     .high = "1d",
     .flags = SL_OPT_RESULT,
     .text = "How long a file that was rotated away must be unchanged to be at its end: a last "
             "record without a line end then counts."},
    {.name = "max_bytes",
     .type = SL_OPT_SIZE,
     .fallback = "64MiB",
     .low = "64KiB",
     .high = "1GiB",
     .flags = SL_OPT_RESULT,
     .text = "Most bytes that one epoch takes; the rest is a backlog."},
    {.name = "lost",
     .type = SL_OPT_CHOICE,
     .fallback = "fail",
     .choices = "fail|skip",
     .flags = SL_OPT_RESULT,
     .text = "Bytes of an epoch on record that have to be read again after a crash and are in no "
             "file any more: stop the job, or go on without them, with a warning and counted."},
    {0},
};

static tail_source *self_of(sli_source *source)
{
    return (tail_source *)source;
}

// ---------------------------------------------------------------- opening

static void tail_close(sli_source *source)
{
    tail_source *self = self_of(source);
    tail_pieces_drop(self, 0, UINT64_MAX);
    tail_files_reset(&self->files);
    sli_str_reset(&self->known);
    sli_mutex_reset(&self->mutex);
    sl_free(self->dir);
    sl_free(self->pattern);
    sli_source_common_free(&self->common);
}

static sl_code check_url(const sli_url *url, sl_error *err)
{
    bool is_path = url->host.size == 0 && url->port < 0 && url->path.size > 0 &&
                   url->path.data[url->path.size - 1] != '/';
    return is_path ? SL_OK
                   : sl_error_set(err, SL_E_CONFIG,
                                  "the path of a file is expected, or a pattern in its last part: "
                                  "tail:/var/log/app.log, tail:/var/log/*.log");
}

static sl_code check_conf(const tail_source *self, sl_error *err)
{
    const sli_format_ops *format = self->common.format;
    if (format != &sli_format_text && format != &sli_format_csv && format != &sli_format_json) {
        return sl_error_set(err, SL_E_CONFIG,
                            "format %s has no records that a line end ends; a file that grows is "
                            "read as text, csv or json",
                            format->name);
    }
    const char *rotated = self->rotated;
    bool fits = strcmp(rotated, "numbered") == 0 || strcmp(rotated, "none") == 0 ||
                strchr(rotated, '%') != NULL;
    return fits ? SL_OK
                : sl_error_set(err, SL_E_CONFIG,
                               "option rotated: \"%s\" is neither numbered nor none, and has no %% "
                               "for the file's name",
                               rotated);
}

/// The directory, and the last part of the path.
static sl_code set_path(tail_source *self, sl_text path, sl_error *err)
{
    char *whole = sli_source_text(path);
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    const char *dir = whole == NULL || arena == NULL ? NULL : sli_path_dir(arena, whole);
    self->dir = dir == NULL ? NULL : sl_strdup(SLI_TAG_SOURCE, dir);
    self->pattern = self->dir == NULL ? NULL : sl_strdup(SLI_TAG_SOURCE, sli_path_name(whole));
    sl_arena_free(arena);
    sl_free(whole);
    if (self->pattern == NULL) {
        return sl_error_nomem(err, path.size, "a path");
    }
    self->is_pattern = strpbrk(self->pattern, "*?") != NULL;
    return SL_OK;
}

static void read_conf(tail_source *self, const sl_conf *conf)
{
    self->rotated = sl_conf_text(conf, "rotated");
    self->from_end = sl_conf_choice(conf, "from") == 1;
    self->skips_lost = sl_conf_choice(conf, "lost") == 1;
    self->rotate_wait_us = sl_conf_int64(conf, "rotate_wait");
    self->max_bytes = sl_conf_int64(conf, "max_bytes");
    self->max_record = sl_conf_int64(conf, "max_record");
    const char *columns = sl_conf_text(conf, "columns");
    self->has_columns = columns != NULL && columns[0] != '\0';
}

static sl_code tail_open_source(sli_source **out, const sli_url *url, const sl_conf *conf,
                                const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(check_url(url, err));
    SL_TRY(sli_source_alloc(&common, sizeof(tail_source), &sli_source_tail, conf, env, NULL, err));
    tail_source *self = (tail_source *)common;
    sli_mutex_init(&self->mutex, SLI_RANK_FETCHED);
    self->known.tag = SLI_TAG_SOURCE;
    read_conf(self, conf);
    sl_code rc = check_conf(self, err);
    rc = rc == SL_OK ? set_path(self, url->path, err) : rc;
    if (rc != SL_OK) {
        tail_close(&common->base);
        return rc;
    }
    *out = &common->base;
    return SL_OK;
}

// ---------------------------------------------------------------- positions

static sl_code set_known(tail_source *self, sl_bytes position, sl_error *err)
{
    sli_str_clear(&self->known);
    sli_str_add(&self->known, position.data, position.size);
    return sli_str_check(&self->known, "a position", err);
}

static sl_code tail_restore(sli_source *source, sl_bytes position, sl_error *err)
{
    tail_source *self = self_of(source);
    if (position.size == 0) {
        tail_position_put(self, self->number, &self->known);
        return sli_str_check(&self->known, "a position", err);
    }
    SL_TRY(tail_position_get(self, position, err));
    return set_known(self, position, err);
}

static sl_code tail_accept(sli_source *source, sl_bytes bytes, sl_error *err)
{
    tail_source *self = self_of(source);
    tail_range range;
    SL_TRY(tail_range_get(bytes, &range, err));
    if (bytes.size == 0) {
        return SL_OK;
    }
    SL_TRY(tail_position_get(self, range.position, err));
    return set_known(self, range.position, err);
}

static sl_code tail_position(sli_source *source, sli_str *out, sl_error *err)
{
    const tail_source *self = self_of(source);
    sli_str_add(out, self->known.data, self->known.size);
    return sli_str_check(out, "a tail's position", err);
}

// ---------------------------------------------------------------- an epoch

/// What can't be listed now is waited for.
static sl_code look(tail_source *self, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code rc = tail_look(self, &why);
    if (rc == SL_E_NOT_FOUND || rc == SL_E_IO) {
        self->started = self->started || rc == SL_E_NOT_FOUND; // so no file was there
        tail_unreadable(self, self->pattern, why.text);
        self->waiting = true;
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

/// Makes the range, when there is anything to put on record.
static sl_code make_range(tail_source *self, const tail_item *items, int32_t n, sl_arena *arena,
                          sl_bytes *out, sl_error *err)
{
    sli_str position = {.tag = SLI_TAG_SOURCE}, bytes = {.tag = SLI_TAG_SOURCE};
    tail_position_put(self, self->number, &position);
    sl_code rc = sli_str_check(&position, "a position", err);
    bool same = rc == SL_OK && n == 0 && position.size == self->known.size &&
                memcmp(position.data, self->known.data, position.size) == 0;
    if (rc == SL_OK && !same) {
        sli_str_clear(&position);
        tail_position_put(self, self->number + 1, &position);
        tail_range_put(self->number + 1, (sl_bytes){position.data, position.size}, items, n,
                       &bytes);
        rc = sli_str_check(&position, "a position", err);
        rc = rc == SL_OK ? sli_str_check(&bytes, "a range", err) : rc;
        void *copy = rc == SL_OK ? sl_arena_copy(arena, bytes.data, bytes.size) : NULL;
        rc = rc == SL_OK && copy == NULL ? sl_error_nomem(err, bytes.size, "a range") : rc;
        if (rc == SL_OK) {
            *out = (sl_bytes){copy, bytes.size};
            sli_str old = self->known;
            self->known = position;
            position = old;
            self->number++;
        }
    }
    sli_str_reset(&position);
    sli_str_reset(&bytes);
    return rc;
}

static sl_code tail_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                          sl_error *err)
{
    tail_source *self = self_of(source);
    sli_offer offered = {0};
    tail_item *items = NULL;
    int32_t n = 0;
    sl_code rc = SL_OK;
    SL_TRY(look(self, err));
    tail_remember(self);
    if (self->held_bytes < TAIL_HELD_EPOCHS * tail_epoch_bytes(self)) {
        rc = tail_take(self, ask, arena, &items, &n, &offered, err);
    }
    rc = rc == SL_OK ? make_range(self, items, n, arena, &offered.range, err) : rc;
    if (rc != SL_OK) {
        tail_take_back(self);
        return rc;
    }
    *out = offered;
    return SL_OK;
}

static sl_code tail_splits(sli_source *source, sl_bytes bytes, int32_t *out, sl_error *err)
{
    tail_range range;
    (void)source;
    SL_TRY(tail_range_get(bytes, &range, err));
    *out = range.n;
    return SL_OK;
}

static void tail_forget(sli_source *source, sl_bytes bytes)
{
    tail_range range;
    if (bytes.size > 0 && tail_range_get(bytes, &range, NULL) == SL_OK) {
        tail_pieces_drop(self_of(source), 0, range.number);
    }
}

static void describe(const tail_range *range, bool is_end, sli_str *out)
{
    sli_str_char(out, '{');
    for (int32_t i = 0; i < range->n; i++) {
        tail_item item = tail_range_item(range, i);
        sli_str_text(out, i == 0 ? "" : ",");
        sli_str_json(out, item.name.data, item.name.size);
        sli_str_printf(out, ":%lld", (long long)(is_end ? item.to : item.from));
    }
    sli_str_char(out, '}');
}

static void tail_describe(sli_source *source, sl_bytes bytes, sli_str *start, sli_str *end)
{
    tail_range range;
    (void)source;
    if (tail_range_get(bytes, &range, NULL) != SL_OK) {
        sli_str_text(start, "null");
        sli_str_text(end, "null");
        return;
    }
    describe(&range, false, start);
    describe(&range, true, end);
}

const sli_source_ops sli_source_tail = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "tail",
    .text = "Files that are appended to, followed by name through rotation: tail:/var/log/app.log",
    .kind = SLI_SOURCE_REPLAYABLE,
    .options = options,
    .formatted = true,
    .paced = true,
    .messages = tail_columns,
    .open = tail_open_source,
    .schema = sli_source_common_schema,
    .restore = tail_restore,
    .accept = tail_accept,
    .offer = tail_offer,
    .position = tail_position,
    .splits = tail_splits,
    .read = tail_read,
    .records = tail_records,
    .forget = tail_forget,
    .describe = tail_describe,
    .close = tail_close,
};
