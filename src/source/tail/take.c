// take.c — the records of an epoch: of each file the whole ones that are there, in memory until
// their group is committed.
#include "source/tail/tail_int.h"

enum { ROW_BYTES = 256, LEAST_READ = 64 << 10 }; // what a row is taken to be long

typedef struct taking {
    tail_source *self;
    sl_arena *arena;
    tail_item *items;
    int32_t n;
    int64_t rows_left, bytes_left; ///< of the limits
    int64_t rows, bytes;
    uint64_t number; ///< of the range
    bool more;       ///< the limit of bytes has left some
} taking;

/// Bytes of a file around the place up to which it was taken.
typedef struct window {
    sli_buffer *data;
    int64_t lead; ///< so many are before that place
    int64_t n;    ///< and so many from it on
} window;

/// What of a window is taken.
typedef struct cut {
    int64_t from, to; ///< from the place on
    int64_t rows;
    bool in_long; ///< `to` lies in a record that is too long
} cut;

// ---------------------------------------------------------------- reading

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/// Whether the file begins with the bytes of a window still: if it was truncated while the window
/// was read, it does not.
static sl_code is_still(const tail_file *file, const window *w, bool *out, sl_error *err)
{
    char again[TAIL_MARK];
    size_t got = 0, n = (size_t)least(w->lead + w->n, TAIL_MARK);
    SL_TRY(sli_file_read_at(file->open, file->offset - w->lead, again, n, &got, err));
    *out = got == n && memcmp(again, sli_buffer_bytes(w->data), n) == 0;
    return SL_OK;
}

/// Reads `n` bytes from the place on, and those that its mark covers. No data: the file is not
/// what it was, which the next look finds out.
static sl_code read_window(const tail_file *file, int64_t n, window *out, sl_error *err)
{
    size_t got = 0;
    int64_t lead = least(file->offset, TAIL_MARK);
    sli_buffer *data = sli_buffer_new(lead + n);
    if (data == NULL) {
        return sl_error_nomem(err, (size_t)(lead + n), file->name);
    }
    sl_code rc = sli_file_read_at(file->open, file->offset - lead, sli_buffer_data(data),
                                  (size_t)(lead + n), &got, err);
    window w = {.data = data, .lead = lead, .n = (int64_t)got - lead};
    bool fits =
        rc == SL_OK && w.n >= 0 && tail_hash(sli_buffer_bytes(data), lead) == file->mark.last;
    rc = fits ? is_still(file, &w, &fits, err) : rc;
    if (rc != SL_OK || !fits) {
        sli_buffer_unref(data);
        return rc;
    }
    *out = w;
    return SL_OK;
}

static const char *bytes_of(const window *w)
{
    return sli_buffer_bytes(w->data) + w->lead;
}

// ---------------------------------------------------------------- cutting

/// Moves `to` behind the whole records from it on, at most `most` of them.
static void cut_records(const window *w, int64_t most, cut *c)
{
    const char *bytes = bytes_of(w);
    while (c->rows < most && c->to < w->n) {
        const char *end = memchr(bytes + c->to, '\n', (size_t)(w->n - c->to));
        if (end == NULL) {
            return;
        }
        c->to = end - bytes + 1;
        c->rows++;
    }
}

/// `is_over`: nothing follows the window any more.
static cut cut_window(const tail_source *self, const tail_file *file, const window *w, int64_t most,
                      bool is_over)
{
    cut c = {0};
    if (file->in_long) { // its beginning was judged
        const char *end = memchr(bytes_of(w), '\n', (size_t)w->n);
        c.from = c.to = end == NULL ? w->n : end - bytes_of(w) + 1;
        c.in_long = end == NULL && !is_over;
    }
    cut_records(w, most, &c);
    int64_t rest = w->n - c.to;
    if (c.rows == 0 && rest > self->max_record) {
        c.to += self->max_record + 1;
        c.rows = 1;
        c.in_long = true;
    } else if (is_over && rest > 0 && rest <= self->max_record && c.rows < most) {
        c.to = w->n;
        c.rows++;
    }
    return c;
}

// ---------------------------------------------------------------- taking

static tail_mark mark_at(const tail_file *file, const window *w, int64_t to)
{
    const char *begin = sli_buffer_bytes(w->data);
    int64_t size = least(file->offset + to, TAIL_MARK);
    return (tail_mark){
        file->offset >= TAIL_MARK ? file->mark.head : tail_hash(begin, size),
        tail_hash(begin + w->lead + to - size, size),
    };
}

/// What is held changes, and with it what is reserved of the job's memory. Under the mutex.
static void hold(tail_source *self, int64_t more)
{
    sli_budget *budget = self->common.env.budget;
    self->held_bytes += more;
    if (budget != NULL && more > 0) {
        (void)sli_budget_reserve(budget, more, true); // within the share, so that others make room
    } else if (budget != NULL) {
        sli_budget_release(budget, -more);
    }
}

static sl_code add_piece(taking *t, const window *w, const cut *c, sl_error *err)
{
    tail_piece *piece = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *piece);
    if (piece == NULL) {
        return sl_error_nomem(err, sizeof *piece, "a piece of a file");
    }
    *piece = (tail_piece){.number = t->number,
                          .item = t->n,
                          .data = sli_buffer_ref(w->data),
                          .at = w->lead + c->from,
                          .size = c->to - c->from};
    sli_mutex_lock(&t->self->mutex);
    piece->next = t->self->pieces;
    t->self->pieces = piece;
    hold(t->self, sli_buffer_size(w->data));
    sli_mutex_unlock(&t->self->mutex);
    return SL_OK;
}

/// Copies of a file's first bytes are left alone from the moment on when these are taken: they are
/// in the window, so nothing can have changed meanwhile.
static void confirm_copies(tail_source *self, const tail_file *file, const window *w, int64_t to)
{
    for (int32_t i = 0; i < self->files.n; i++) {
        tail_file *copy = &self->files.items[i];
        if (copy->is_pending && copy->copy_of == file->identity && copy->offset <= to) {
            tail_mark mark = mark_at(file, w, copy->offset);
            copy->is_pending = mark.head != copy->mark.head || mark.last != copy->mark.last;
        }
    }
}

/// From here on the bytes are the epoch's.
static sl_code take_cut(taking *t, tail_file *file, const window *w, const cut *c, sl_error *err)
{
    tail_mark mark = mark_at(file, w, c->to);
    if (c->to > c->from) {
        SL_TRY(add_piece(t, w, c, err));
        t->items[t->n++] = (tail_item){.name = sli_text_of(file->name),
                                       .at = sli_text_of(file->at != NULL ? file->at : file->name),
                                       .identity = file->identity,
                                       .from = file->offset + c->from,
                                       .to = file->offset + c->to,
                                       .mark = mark,
                                       .hash = tail_hash(bytes_of(w) + c->from, c->to - c->from)};
    }
    if (file->offset == 0) {
        confirm_copies(t->self, file, w, c->to);
    }
    file->offset += c->to;
    file->mark = mark;
    file->in_long = c->in_long;
    t->rows += c->rows;
    t->rows_left -= c->rows;
    t->bytes += c->to - c->from;
    t->bytes_left -= c->to;
    return SL_OK;
}

/// Reads so much that there is a whole record in it, when there is one at all.
static sl_code find_cut(taking *t, const tail_file *file, int64_t available, bool is_over,
                        window *w, cut *c, sl_error *err)
{
    int64_t guess =
        t->rows_left < t->bytes_left / ROW_BYTES ? t->rows_left * ROW_BYTES : t->bytes_left;
    int64_t n = least(available, guess < LEAST_READ ? LEAST_READ : guess);
    SL_TRY(read_window(file, n, w, err));
    if (w->data == NULL) {
        return SL_OK;
    }
    *c = cut_window(t->self, file, w, t->rows_left, is_over && n == available);
    if (c->to > 0 || n == available || n > t->self->max_record) {
        return SL_OK;
    }
    sli_buffer_unref(w->data);
    *w = (window){0};
    n = least(available, t->self->max_record + 1);
    SL_TRY(read_window(file, n, w, err));
    if (w->data != NULL) {
        *c = cut_window(t->self, file, w, t->rows_left, is_over && n == available);
    }
    return SL_OK;
}

/// Whether a file that was rotated away has been as it is for long enough to be at its end.
static bool is_over(const tail_source *self, tail_file *file, int64_t size)
{
    int64_t now_us = sli_env_mono_us(self->common.env.env);
    if (file->is_current) {
        file->still_us = 0;
        return false;
    }
    if (file->still_us == 0 || file->still_size != size) {
        file->still_us = now_us;
        file->still_size = size;
    }
    return now_us - file->still_us >= self->rotate_wait_us;
}

/// What was there before the latest listing.
static sl_code take_known(taking *t, tail_file *file, bool is_at_end, sl_error *err)
{
    int64_t available = file->limit - file->offset;
    window w = {0};
    cut c = {0};
    SL_TRY(find_cut(t, file, available, is_at_end, &w, &c, err));
    sl_code rc = w.data == NULL ? SL_OK : take_cut(t, file, &w, &c, err);
    sli_buffer_unref(w.data);
    SL_TRY(rc);
    file->tried_size = c.to == 0 && w.data != NULL ? file->limit : -1;
    t->more = t->more || (c.to > 0 && t->rows_left > 0 && w.n < available);
    return SL_OK;
}

static sl_code take_file(taking *t, tail_file *file, sl_error *err)
{
    sli_stat stat = {0};
    SL_TRY(sli_file_stat(file->open, &stat, err));
    bool over = is_over(t->self, file, stat.size_bytes) && stat.size_bytes == file->limit;
    if (stat.size_bytes > file->size) {
        file->size = stat.size_bytes;
    }
    if (file->limit > file->offset && (over || file->limit != file->tried_size)) {
        SL_TRY(take_known(t, file, over, err));
    }
    file->is_done = !file->is_current && file->offset >= stat.size_bytes;
    file->is_over = over && file->is_done;
    if (file->is_over && file->is_listed) {
        sli_file_close(&file->open); // a later look opens it when it grows all the same
    }
    return SL_OK;
}

static bool is_read(const tail_file *file)
{
    return file->open != NULL && !file->is_left;
}

void tail_remember(tail_source *self)
{
    for (int32_t i = 0; i < self->files.n; i++) {
        tail_file *file = &self->files.items[i];
        file->undo = (tail_undo){file->offset, file->mark, file->in_long, file->is_pending};
    }
}

void tail_take_back(tail_source *self)
{
    tail_pieces_drop(self, self->number + 1, UINT64_MAX);
    for (int32_t i = 0; i < self->files.n; i++) {
        tail_file *file = &self->files.items[i];
        file->offset = file->undo.offset;
        file->mark = file->undo.mark;
        file->in_long = file->undo.in_long;
        file->is_pending = file->undo.is_pending;
        file->tried_size = -1;
    }
}

sl_code tail_take(tail_source *self, const sli_ask *ask, sl_arena *arena, tail_item **items,
                  int32_t *n, sli_offer *out, sl_error *err)
{
    taking t = {.self = self,
                .rows_left = ask->max_rows,
                .bytes_left = tail_epoch_bytes(self),
                .number = self->number + 1};
    t.items = sl_arena_alloc(arena, (size_t)self->files.n * sizeof *t.items + 1);
    if (t.items == NULL) {
        return sl_error_nomem(err, (size_t)self->files.n * sizeof *t.items, "files of an epoch");
    }
    for (int32_t i = 0; i < self->files.n && t.rows_left > 0 && t.bytes_left > 0; i++) {
        tail_file *file = &self->files.items[i];
        sl_error why = SL_ERROR_INIT;
        sl_code rc = is_read(file) ? take_file(&t, file, &why) : SL_OK;
        if (rc == SL_E_IO) { // nothing was taken of it; others go on
            tail_unreadable(self, file->name, why.text);
            self->waiting = true;
        } else if (rc != SL_OK) {
            if (err != NULL) {
                *err = why;
            }
            return rc;
        }
    }
    *items = t.items;
    *n = t.n;
    out->n_splits = t.n;
    out->rows = t.rows;
    out->bytes = t.bytes;
    out->more = t.more;
    return SL_OK;
}

void tail_pieces_drop(tail_source *self, uint64_t first, uint64_t last)
{
    sli_mutex_lock(&self->mutex);
    for (tail_piece **at = &self->pieces; *at != NULL;) {
        tail_piece *piece = *at;
        if (piece->number < first || piece->number > last) {
            at = &piece->next;
            continue;
        }
        *at = piece->next;
        hold(self, -sli_buffer_size(piece->data));
        sli_buffer_unref(piece->data);
        sl_free(piece);
    }
    sli_mutex_unlock(&self->mutex);
}

int64_t tail_epoch_bytes(const tail_source *self)
{
    enum {
        SHARE = 2 * TAIL_HELD_EPOCHS
    }; // of the job's memory: what is held is half of it at most
    const sli_budget *budget = self->common.env.budget;
    int64_t share = budget == NULL ? self->max_bytes : sli_budget_limit(budget) / SHARE;
    return least(self->max_bytes, share < LEAST_READ ? LEAST_READ : share);
}
