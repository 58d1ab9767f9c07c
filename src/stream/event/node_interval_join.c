// Joins of two streams within a bound of event time: definition. interval_run.c has the work.
#include "stream/event/interval.h"

#define LEAST_WIDTH_US INT64_C(1000000) // narrower buckets would be keys more than rows

/// A row at the watermark is expected still: `us` is past behind it.
static int64_t past(const sli_timed *self, int64_t us)
{
    return us + self->lateness_us + 1;
}

int64_t sli_interval_due(const sli_interval *self, int32_t side, int64_t time_us)
{
    return past(&self->timed, sli_reach_to(self, side, time_us));
}

int64_t sli_bucket_due(const sli_interval *self, int32_t side, int64_t bucket)
{
    return sli_interval_due(self, side, (bucket + 1) * self->width_us - 1);
}

void sli_interval_reaches(const sli_interval *self, int32_t side, int64_t time_us)
{
    _Atomic int64_t *latest = &self->latest_us[side];
    int64_t had_us = atomic_load_explicit(latest, memory_order_relaxed);
    // Relaxed: who asks runs in a later epoch, and an epoch's end is between.
    while (had_us < time_us &&
           !atomic_compare_exchange_weak_explicit(latest, &had_us, time_us, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

// ---------------------------------------------------------------- rows that were read back

/// Columns behind those of the key.
enum { RIGHT, BUCKET, NUMBER, ENTRIES, COUNT, ROWS };

/// A row of the table.
typedef struct stored {
    int32_t side;
    int64_t bucket, number, n_entries, count;
    const sl_column *times, *marks; ///< of rows [from, to)
    int32_t from, to;
} stored;

static stored read_stored(const sli_timed *self, const sl_batch *rows, int64_t row)
{
    int32_t k = self->n_keys;
    const sl_column *list = sl_batch_column(rows, k + ROWS);
    const int32_t *offsets = list->values;
    return (stored){.side = sl_column_bool(sl_batch_column(rows, k + RIGHT), row) ? SLI_RIGHT
                                                                                  : SLI_LEFT,
                    .bucket = sl_column_int64(sl_batch_column(rows, k + BUCKET), row),
                    .number = sl_column_int64(sl_batch_column(rows, k + NUMBER), row),
                    .n_entries = sl_column_int64(sl_batch_column(rows, k + ENTRIES), row),
                    .count = sl_column_int64(sl_batch_column(rows, k + COUNT), row),
                    .times = &list->children[0].children[0],
                    .marks = &list->children[0].children[1],
                    .from = offsets[row],
                    .to = offsets[row + 1]};
}

static int64_t due_at(const sli_timed *self, const sl_batch *rows, int64_t row)
{
    const sli_interval *join = sli_interval_of(self);
    stored s = read_stored(self, rows, row);
    int64_t due_us = sli_bucket_due(join, s.side, s.bucket);
    for (int32_t i = s.from; i < s.to; i++) {
        int64_t time_us = sl_column_int64(s.times, i);
        sli_interval_reaches(join, s.side, time_us);
        if (join->outer[s.side] && !sl_column_bool(s.marks, i)) {
            int64_t at_us = sli_interval_due(join, s.side, time_us);
            due_us = at_us < due_us ? at_us : due_us;
        }
    }
    return due_us;
}

/// Entry 0 says how many entries are looked for, and how many rows more a cell may have: a wrong
/// count would cost rows, or days.
static bool counts_are_sane(const stored *s)
{
    int64_t n = s->to - s->from;
    return s->number == 0 ? s->n_entries >= 1 && s->n_entries <= SLI_MAX_BUCKET_ROWS &&
                                s->count >= n && s->count <= SLI_MAX_BUCKET_ROWS
                          : s->number > 0 && s->number < SLI_MAX_BUCKET_ROWS && s->n_entries == 0 &&
                                s->count == 0;
}

/// A row in another bucket would not be found. Also when the bounds are others than they were.
static bool times_are_of_bucket(const sli_interval *join, const stored *s)
{
    int64_t from_us = 0, to_us = 0;
    bool sane = !__builtin_mul_overflow(s->bucket, join->width_us, &from_us) &&
                !__builtin_add_overflow(from_us, join->width_us, &to_us) &&
                from_us >= -2 * SLI_MAX_STATE_TIME_US && to_us <= 2 * SLI_MAX_STATE_TIME_US;
    for (int32_t i = s->from; i < s->to && sane; i++) {
        int64_t time_us = sl_column_int64(s->times, i);
        sane = time_us >= from_us && time_us < to_us;
    }
    return sane;
}

static sl_code check_entry(const sli_timed *self, const sl_batch *rows, int64_t row, sl_error *err)
{
    stored s = read_stored(self, rows, row);
    if (!counts_are_sane(&s)) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "the state of %s is damaged: in bucket %lld entry %lld has %lld rows "
                            "and counts %lld in %lld entries",
                            self->node->uid, (long long)s.bucket, (long long)s.number,
                            (long long)(s.to - s.from), (long long)s.count, (long long)s.n_entries);
    }
    if (!times_are_of_bucket(sli_interval_of(self), &s)) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "the state of %s is damaged, or of a join with other bounds: in bucket "
                            "%lld entry %lld has a row of another time",
                            self->node->uid, (long long)s.bucket, (long long)s.number);
    }
    return SL_OK;
}

static void put_bound(sli_str *out, const char *key, int64_t us)
{
    sli_str_printf(out, " %s=%lldus", key, (long long)us);
}

static void put_args(const sli_timed *self, sli_str *out)
{
    const sli_interval *join = sli_interval_of(self);
    sli_put_columns(out, "keys", self->sides[SLI_LEFT].shuffled, self->sides[SLI_LEFT].keys,
                    self->n_keys);
    put_bound(out, "lower", join->lower_us);
    put_bound(out, "upper", join->upper_us);
}

static const sli_timed_ops interval_timed_ops = {.closes = past,
                                                 .run = sli_interval_run,
                                                 .due = due_at,
                                                 .check = check_entry,
                                                 .keeps_to_next = true,
                                                 .put_args = put_args};

#define NODE_OPS(name)                                                                             \
    {                                                                                              \
        .kind = name, .rdd = sli_timed_rdd, .free = sli_timed_free, .state = sli_timed_state,      \
        .most_partitions = SLI_MAX_HASH_PARTITIONS                                                 \
    }
/// One kind of join: whose rows are given without a match too.
typedef struct join_kind {
    sli_node_ops ops;
    bool outer[2];
} join_kind;
static const join_kind inner = {NODE_OPS("intervalJoin"), {false, false}};
static const join_kind left_outer = {NODE_OPS("intervalLeftOuterJoin"), {true, false}};
static const join_kind right_outer = {NODE_OPS("intervalRightOuterJoin"), {false, true}};
static const join_kind full_outer = {NODE_OPS("intervalFullOuterJoin"), {true, true}};

// ---------------------------------------------------------------- bounds

/// A duration with an optional '-' before it.
static sl_code read_bound(const char *what, const char *text, int64_t *out, sl_error *err)
{
    bool negative = text != NULL && text[0] == '-';
    SL_TRY(sli_timed_duration(what, negative ? text + 1 : text, true, out, err));
    *out = negative ? -*out : *out;
    return SL_OK;
}

static sl_code set_bounds(sli_interval *join, const char *lower, const char *upper, sl_error *err)
{
    SL_TRY(read_bound("lower bound", lower, &join->lower_us, err));
    SL_TRY(read_bound("upper bound", upper, &join->upper_us, err));
    if (join->lower_us > join->upper_us) {
        return sl_error_set(err, SL_E_INVALID,
                            "the lower bound \"%.60s\" is above the upper one, \"%.60s\"", lower,
                            upper);
    }
    int64_t width_us = join->upper_us - join->lower_us + 1;
    join->width_us = width_us > LEAST_WIDTH_US ? width_us : LEAST_WIDTH_US;
    return SL_OK;
}

// ---------------------------------------------------------------- columns

static bool is_key(const sli_timed *self, int32_t side, int32_t column)
{
    bool key = false;
    for (int32_t i = 0; i < self->n_keys; i++) {
        key = key || self->sides[side].keys[i] == column;
    }
    return key;
}

static sl_code new_columns(sli_interval *join, sl_error *err)
{
    sl_arena *arena = join->timed.node->graph->arena;
    int32_t n = 0;
    for (int32_t side = 0; side < 2; side++) {
        join->n_columns[side] = sl_schema_columns(join->timed.sides[side].shuffled);
        n += join->n_columns[side];
    }
    size_t bytes = (size_t)n * sizeof(int32_t);
    int32_t **const lists[] = {&join->from, &join->column, &join->alone[SLI_LEFT],
                               &join->alone[SLI_RIGHT], &join->all};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        *lists[i] = sl_arena_alloc_zero(arena, bytes);
        if (*lists[i] == NULL) {
            return sl_error_nomem(err, bytes, "columns");
        }
    }
    for (int32_t i = 0; i < n; i++) {
        join->all[i] = i;
    }
    join->latest_us = sl_arena_alloc(arena, 2 * sizeof *join->latest_us);
    if (join->latest_us == NULL) {
        return sl_error_nomem(err, 2 * sizeof *join->latest_us, "a join");
    }
    atomic_init(&join->latest_us[SLI_LEFT], SLI_NO_TIME);
    atomic_init(&join->latest_us[SLI_RIGHT], SLI_NO_TIME);
    return SL_OK;
}

/// The stream's columns: keys, the left side's others, the right side's others.
static void find_columns(sli_interval *join)
{
    const sli_timed *self = &join->timed;
    int32_t at = 0;
    for (; at < self->n_keys; at++) {
        join->column[at] = self->sides[SLI_LEFT].keys[at];
        join->alone[SLI_LEFT][at] = join->column[at];
        join->alone[SLI_RIGHT][at] = self->sides[SLI_RIGHT].keys[at];
    }
    for (int32_t side = 0; side < 2; side++) {
        for (int32_t c = 0; c < join->n_columns[side]; c++) {
            if (!is_key(self, side, c)) {
                join->from[at] = side;
                join->alone[side][at] = c;
                join->alone[!side][at] = SLI_NO_COLUMN;
                join->column[at++] = c;
            }
        }
    }
}

static bool is_nullable_key(const sli_timed *self, int32_t key)
{
    return sl_schema_field(self->sides[SLI_LEFT].shuffled, self->sides[SLI_LEFT].keys[key])
               ->nullable ||
           sl_schema_field(self->sides[SLI_RIGHT].shuffled, self->sides[SLI_RIGHT].keys[key])
               ->nullable;
}

/// Columns of a side that may have no row are nullable; so are keys which may come from a side that
/// has null keys.
static sl_code make_nullable(const sli_interval *join, sl_schema **schema, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < sl_schema_columns(*schema); i++) {
        bool nullable = i < join->timed.n_keys
                            ? join->outer[SLI_RIGHT] && is_nullable_key(&join->timed, i)
                            : join->outer[!join->from[i]];
        sli_put_field(&text, *schema, i, NULL);
        sli_str_text(&text, nullable && !sl_schema_field(*schema, i)->nullable ? "?" : "");
    }
    sl_schema *made = NULL;
    SL_TRY(sli_parse_fields(&text, &made, err));
    sl_schema_unref(*schema);
    *schema = made;
    return SL_OK;
}

static sl_code make_table(sli_timed *self, sl_error *err)
{
    sli_str keys = {.tag = SLI_TAG_STREAM}, values = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < self->n_keys; i++) {
        const sl_schema *left = self->sides[SLI_LEFT].shuffled;
        int32_t column = self->sides[SLI_LEFT].keys[i];
        sli_put_field(&keys, left, column, NULL);
        bool add = is_nullable_key(self, i) && !sl_schema_field(left, column)->nullable;
        sli_str_text(&keys, add ? "?" : "");
    }
    sli_str_text(&keys, ", event.right bool, event.bucket int64, event.number int64");
    sli_str_text(&values, "event.entries int64, event.count int64, "
                          "event.rows list<struct<event.time timestamp, event.matched bool, "
                          "event.row binary>>");
    return sli_timed_table(self, &keys, &values, err);
}

static sl_code resolve(sl_stream *node, const join_kind *kind, const char *keys, const char *lower,
                       const char *upper, sl_error *err)
{
    sli_interval *join = NULL;
    const sl_schema *left = node->inputs[SLI_LEFT]->schema;
    const sl_schema *right = node->inputs[SLI_RIGHT]->schema;
    SL_TRY(sli_node_body(node, sizeof *join, (void **)&join, err));
    sli_timed *self = &join->timed;
    sli_str args = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_timed_begin(node, self, &interval_timed_ops, err));
    SL_TRY(set_bounds(join, lower, upper, err));
    sl_code rc = sli_join_resolve(left, right, keys, &node->schema, &args, err);
    sli_str_reset(&args); // put_args says it, and more
    SL_TRY(rc);
    SL_TRY(sli_timed_keys(self, keys, err));
    SL_TRY(new_columns(join, err));
    find_columns(join);
    memcpy(join->outer, kind->outer, sizeof join->outer);
    SL_TRY(make_nullable(join, &node->schema, err));
    SL_TRY(make_table(self, err));
    return sli_timed_set_args(self, err);
}

static sl_stream *define(sl_stream *a, sl_stream *b, const join_kind *kind, const char *keys,
                         const char *lower, const char *upper)
{
    sl_stream *node = sli_node_begin_many(&kind->ops, NULL, (sl_stream *const[]){a, b}, 2);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, kind, keys, lower, upper, &err);
    return sli_timed_end(node, rc, &err);
}

sl_stream *sl_stream_interval_join(sl_stream *a, sl_stream *b, const char *keys, const char *lower,
                                   const char *upper)
{
    return define(a, b, &inner, keys, lower, upper);
}

sl_stream *sl_stream_interval_left_outer_join(sl_stream *a, sl_stream *b, const char *keys,
                                              const char *lower, const char *upper)
{
    return define(a, b, &left_outer, keys, lower, upper);
}

sl_stream *sl_stream_interval_right_outer_join(sl_stream *a, sl_stream *b, const char *keys,
                                               const char *lower, const char *upper)
{
    return define(a, b, &right_outer, keys, lower, upper);
}

sl_stream *sl_stream_interval_full_outer_join(sl_stream *a, sl_stream *b, const char *keys,
                                              const char *lower, const char *upper)
{
    return define(a, b, &full_outer, keys, lower, upper);
}
