/// kafka_int.h — what the files of source/kafka share: lanes, chunks, ranges.
#pragma once

#include <regex.h>
#include <stdatomic.h>

#include "base/lock.h"
#include "format/values.h"
#include "kafka/kafka.h"
#include "source/source_int.h"

// ---------------------------------------------------------------- bytes (range.c)

enum {
    SLI_KAFKA_MAX_LANES = 65536, ///< partitions of one source
};

/// A record that was read once: by its time a topic that was made anew is told from the old one.
typedef struct kafka_mark {
    int64_t offset; ///< -1: none is known
    int64_t time_us;
} kafka_mark;
#define KAFKA_NO_MARK ((kafka_mark){.offset = -1})

/// A partition's part of an epoch, or of a position (`to` is then the next offset).
typedef struct kafka_piece {
    const char *topic; ///< in the arena or table that it was read with
    int32_t partition;
    int32_t lane; ///< its number for `lane`: the same in every life
    int64_t from, to;
    int64_t records; ///< of a range: in [from, to); without `last` the most there can be
    kafka_mark last; ///< the last record before `to`
} kafka_piece;

/// Where rows of one split come from.
typedef struct kafka_place {
    const char *topic;
    int32_t partition;
} kafka_place;

/// Pieces by topic (byte order) and partition; each partition once.
typedef struct kafka_pieces {
    kafka_piece *items;
    int32_t n;
} kafka_pieces;

/// Appends a range or a position.
void kafka_range_put(sli_str *out, const kafka_pieces *pieces);
void kafka_position_put(sli_str *out, const kafka_pieces *pieces);
/// The pieces lie in the arena. Fails: SL_E_CORRUPT, SL_E_NOMEM.
sl_code kafka_range_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);
sl_code kafka_position_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);

// ---------------------------------------------------------------- records that were fetched
// (chunk.c)

/// What of a record is kept besides its value, offset and time.
enum { KAFKA_WANTS_KEY = 1, KAFKA_WANTS_HEADERS = 2 };

/// Bytes of records end to end: item i is [starts[i], starts[i + 1] - 1), and the byte behind it is
/// '\n'.
typedef struct kafka_cells {
    sli_buffer *data; ///< SLI_BUFFER_PAD readable bytes behind the last one
    int32_t *starts;  ///< n + 1
    uint64_t *nulls;  ///< bit i set: item i is null, and has no bytes; NULL: none is
} kafka_cells;

/// How much a chunk has room for.
typedef struct kafka_room {
    int32_t records;
    int64_t value_bytes, key_bytes; ///< with the byte behind each
} kafka_room;

/// Records of one lane in the order of their offsets, copied out of the client's memory. Filled by
/// the fetching strand; from the moment it is in a lane's list nothing of it changes, and readers
/// hold it by reference.
typedef struct kafka_chunk {
    _Atomic int32_t refs; ///< released by whoever has the last one: release, then acquire
    int32_t n;
    kafka_cells values;  ///< a sli_value_run
    bool lines;          ///< some value may hold a '\n' or '\r'
    kafka_cells keys;    ///< with KAFKA_WANTS_KEY
    kafka_cells headers; ///< with KAFKA_WANTS_HEADERS: each record's as varint n, then n times name
                         ///< (varint length, bytes), u8 1 when it has a value, that (as the name)
    int64_t *offsets, *times_us; ///< of each; times: INT64_MIN none
    int64_t bytes;               ///< what it takes
    struct kafka_chunk *next;    ///< in its lane's list
    // ---- while it is filled
    kafka_room room;
    sli_str packed; ///< headers so far
} kafka_chunk;

enum {
    KAFKA_AT_ONCE = 1024,          ///< records of a poll
    KAFKA_CHUNK_BYTES = 256 << 10, ///< of values in a chunk, where there are so many
};

/// An empty chunk. NULL without memory.
kafka_chunk *kafka_chunk_new(const kafka_room *room, int32_t wants) SL_MUST_USE;
kafka_chunk *kafka_chunk_ref(kafka_chunk *chunk);
void kafka_chunk_unref(SL_TAKES kafka_chunk *chunk); ///< accepts NULL
/// What the first of these records need, up to `most` bytes of values, at least one of them.
kafka_room kafka_room_for(const sli_kafka_record *records, int32_t n, int32_t wants, int64_t most);
/// Copies records in, as many as there is room for; *n_added of them. Headers are asked of
/// `client`. Fails: SL_E_NOMEM.
sl_code kafka_chunk_add(kafka_chunk *chunk, sli_kafka *client, const sli_kafka_record *records,
                        int32_t n, int32_t *n_added, sl_error *err);
/// Nothing more comes: it can be read. `lines`: somebody wants to know about line ends. Fails:
/// SL_E_NOMEM.
sl_code kafka_chunk_end(kafka_chunk *chunk, bool lines, sl_error *err);
/// The first record at `offset` or later; n: none.
int32_t kafka_chunk_find(const kafka_chunk *chunk, int64_t offset);

typedef struct kafka_source kafka_source;

// ---------------------------------------------------------------- what is wanted (wanted.c)

typedef enum kafka_begin {
    KAFKA_BEGIN_LATEST = 0,
    KAFKA_BEGIN_EARLIEST,
    KAFKA_BEGIN_COMMITTED,
    KAFKA_BEGIN_AT,
} kafka_begin;

/// What the URL asks for. All of it lies in the source's arena.
typedef struct kafka_wanted {
    const char **topics; ///< in byte order; none with a pattern
    int32_t n_topics;
    bool has_pattern; ///< SubscribePattern
    regex_t pattern;
    kafka_pieces partitions; ///< Assign: these of the topics alone; none: all
    kafka_pieces offsets;    ///< where some begin: `to`
    kafka_pieces ranges;     ///< of an RDD; none: all that is there
    kafka_begin begin;
    int64_t begin_us; ///< with KAFKA_BEGIN_AT
    const char *group;
    bool otherwise_earliest; ///< where a partition begins of which the group has nothing on record
} kafka_wanted;

/// Reads path and options. Fails: SL_E_CONFIG.
sl_code kafka_wanted_read(kafka_wanted *wanted, const sli_url *url, const sl_conf *conf,
                          sl_arena *arena, sl_error *err);
void kafka_wanted_reset(kafka_wanted *wanted);
bool kafka_wants_topic(const kafka_wanted *wanted, const char *topic);
bool kafka_wants_partition(const kafka_wanted *wanted, const char *topic, int32_t partition);
/// NULL: not among them.
const kafka_piece *kafka_pieces_find(const kafka_pieces *pieces, const char *topic,
                                     int32_t partition);
// ---------------------------------------------------------------- lanes (lane.c)

/// What the fetching strand does with a lane.
typedef enum kafka_state {
    KAFKA_UNSEEN = 0, ///< of a position; its partition was not seen in the cluster yet
    KAFKA_DUE,        ///< to be fetched from `position` on
    KAFKA_FETCHED,
    KAFKA_DOUBTED, ///< its position can't be read: the cluster has to be asked why
    KAFKA_OVER,    ///< gone or made anew, and that is no failure: nothing more comes
} kafka_state;

/// A partition as it is fetched and offered.
///
///     first            at (at_row records of it were taken)
///     | epoch's, taken | ahead: no epoch has taken them | open
///     kept             next                      reached  position
typedef struct kafka_lane {
    char *topic;
    int32_t partition;
    int32_t number; ///< for `lane`: the same in every life
    // ---- of the fetching strand; before that begins, of the driver
    int32_t id; ///< the client's number for it
    kafka_state state;
    int64_t position;  ///< everything before it was copied, or is known to be no record
    kafka_mark before; ///< is looked for where the fetching begins; none: not any more
    kafka_chunk *open; ///< being filled, or NULL
    bool is_touched;   ///< something of it came with the latest poll
    // ---- guarded by the source's mutex
    bool is_there;           ///< its partition was seen: it is part of ranges
    bool is_over;            ///< as state
    struct kafka_lane *heir; ///< the same partition of a topic that was made anew
    kafka_chunk *first, **end;
    kafka_chunk *at; ///< the first one that was not taken whole; NULL: none
    int32_t at_row;
    int64_t kept, reached;
    int64_t n_ahead; ///< records
    int64_t high;    ///< behind the last record in the cluster, as far as is known; -1
    // ---- of the driver
    sli_metric *lag; ///< NULL: not shown yet
    int64_t next;
    kafka_mark last; ///< the last record before `next`
} kafka_lane;

/// Lanes by topic (byte order) and partition.
typedef struct kafka_lanes {
    kafka_lane **items;
    int32_t n, capacity;
} kafka_lanes;

/// NULL without memory.
kafka_lane *kafka_lane_new(const char *topic, int32_t partition, int64_t offset) SL_MUST_USE;
void kafka_lane_free(SL_TAKES kafka_lane *lane); ///< and its chunks; accepts NULL
kafka_lane *kafka_lanes_find(const kafka_lanes *lanes, const char *topic,
                             int32_t partition); ///< NULL: none
/// Fails: SL_E_NOMEM; SL_E_INVALID over SLI_KAFKA_MAX_LANES. The lane is freed then.
sl_code kafka_lanes_add(kafka_lanes *lanes, SL_TAKES kafka_lane *lane, sl_error *err);
void kafka_lanes_reset(kafka_lanes *lanes);
/// A chunk behind the others.
void kafka_lane_push(kafka_lane *lane, SL_TAKES kafka_chunk *chunk);
/// Takes the next `n` records, or all (and the holes behind them). Fills the piece. Returns the
/// bytes of chunks that are not ahead any more.
int64_t kafka_lane_take(kafka_lane *lane, int64_t n, kafka_piece *out);
/// Unlinks the chunks that earlier epochs have taken, so that what is kept begins with `next`. The
/// caller unrefs the list.
kafka_chunk *kafka_lane_trim(kafka_lane *lane);
/// Offsets that no epoch has taken, in the cluster and in memory, as far as is known.
int64_t kafka_lane_lag(const kafka_lane *lane);
void kafka_chunks_unref(SL_TAKES kafka_chunk *list);

// ---------------------------------------------------------------- the source (kafka.c)

/// Clients that read ranges again, between two reads.
typedef struct kafka_spare {
    struct kafka_spare *next;
    sli_kafka *client;
} kafka_spare;

struct kafka_source {
    sli_source_common common;
    sl_arena *arena; ///< for what the URL says
    sli_url url;     ///< host and port of it
    kafka_wanted wanted;
    int64_t ahead_bytes; ///< so many are fetched ahead at first, where there are
    int64_t refresh_us, poll_timeout_us, min_rate, max_rate;
    bool stops_at_loss, uncommitted;
    bool scans_lines; ///< the format wants to know whether values hold line ends
    int32_t wants;    ///< KAFKA_WANTS_
    sli_metric *lost; ///< NULL: not counted
    // ---- from restore on
    sli_kafka_settings *settings;
    const sli_kafka_ops *inner; ///< the client's table
    sli_kafka *client;          ///< behind sli_kafka_gate
    sli_signal *room;           ///< wakes the strand while it waits for room
    sli_strand *strand;         ///< NULL: not begun
    bool is_fresh;              ///< nothing is on record: `start` counts
    bool is_named;              ///< a range or a position names the lanes
    // ---- of the fetching strand
    kafka_lane **by_id;   ///< NULL: over
    kafka_lane **touched; ///< with something that is not published
    int32_t n_ids, ids_capacity, n_touched;
    bool is_any_due;    ///< some lane's state is DUE or DOUBTED
    int64_t open_bytes; ///< of chunks that are being filled
    sli_kafka_record *polled;
    int64_t look_us;      ///< when the cluster is asked for partitions again
    int64_t record_bytes; ///< of a record, by the latest poll
    int64_t away_us;      ///< since when the cluster does not answer; -1: it does
    // ---- guarded by the mutex
    sli_mutex mutex;
    kafka_lanes lanes;
    int32_t n_numbers;   ///< of lanes so far
    int64_t ahead;       ///< bytes of chunks that no epoch has taken whole
    int64_t ahead_most;  ///< when it is so many, nothing more is fetched: ahead_bytes, or grown
    int64_t full_us;     ///< since when that is so; -1: it is not
    int64_t offered_us;  ///< when an epoch took something, last; or the fetching began
    bool is_known;       ///< the partitions were looked up
    bool is_ending;      ///< the strand has to end
    sl_error failure;    ///< why it has ended by itself
    kafka_spare *spares; ///< clients of again.c
};

enum { KAFKA_LOST = 0, KAFKA_LAG };
extern const sli_metric_info sli_kafka_metrics[];

/// The options of the stream and of the RDD; each refuses the other's.
extern const sl_option kafka_options[];
/// A source of this table. Fails: SL_E_CONFIG when one of the `refused` options is set
/// (NULL-ended), with `why`.
sl_code kafka_open_as(sli_source **out, const sli_source_ops *ops, const char *const *refused,
                      const char *why, const sli_url *url, const sl_conf *conf,
                      const sli_source_env *env, sl_error *err);
void kafka_close(SL_TAKES sli_source *source);
sl_code kafka_splits(sli_source *source, sl_bytes range, int32_t *out, sl_error *err);
void kafka_describe(sli_source *source, sl_bytes range, sli_str *start, sli_str *end);

/// Opens the source's client. Thread: driver.
sl_code kafka_connect(kafka_source *self, sl_error *err);
/// Another client of this source's cluster.
sl_code kafka_client_open(kafka_source *self, sli_kafka **out, sl_error *err);
/// The deadline of one question.
int64_t kafka_ask_until(const kafka_source *self);

// ---------------------------------------------------------------- fetching (fetch.c, ahead.c)

/// What is fetched ahead grows while epochs take all of it and the strand has to wait, and shrinks
/// again. `taken`: bytes that an epoch has just taken. Under the mutex. Thread: driver.
void kafka_ahead_adapt(kafka_source *self, int64_t taken, bool is_all);
/// What of `ahead` the memory allows: at most a quarter of it.
int64_t kafka_ahead_first(const kafka_source *self, int64_t wanted);
void kafka_ahead_begin(kafka_source *self); ///< reserves that
void kafka_ahead_end(kafka_source *self);   ///< gives back what was reserved
/// Starts the fetching strand.
sl_code kafka_fetch_begin(kafka_source *self, sl_error *err);
/// Ends it. The client fetches nothing then, and what was fetched is forgotten.
void kafka_fetch_end(kafka_source *self);
/// Gives a lane its number with the client. Thread: the strand.
sl_code kafka_fetch_add(kafka_source *self, kafka_lane *lane, sl_error *err);
/// Nothing more of it is fetched, and no more of it is offered than what was. Thread: the strand.
sl_code kafka_fetch_over(kafka_source *self, kafka_lane *lane, sl_error *err);

// ---------------------------------------------------------------- partitions of the cluster
// (look.c)

/// Asks the cluster for the partitions that are wanted, begins lanes for new ones, and finds those
/// that are gone. Thread: the strand. Fails: SL_E_TIMEOUT, SL_E_IO while the cluster is away; all
/// else for good.
sl_code kafka_look(kafka_source *self, sl_error *err);

// ---------------------------------------------------------------- what can't be read (lost.c)

/// The first offset of a partition that is kept, and the one behind the last that can be read.
sl_code kafka_offsets_of(kafka_source *self, sli_kafka *client, const kafka_place *place,
                         int64_t *first, int64_t *end, sl_error *err);
/// Why a lane's position can't be read, and where it goes on. Thread: the strand. Fails: as
/// kafka_look; SL_E_NOT_FOUND to stop the job.
sl_code kafka_lost_settle(kafka_source *self, kafka_lane *lane, sl_error *err);
/// The record at the mark's offset has another time than the one that was read there.
sl_code kafka_lost_remade(kafka_source *self, kafka_lane *lane, int64_t time_us, sl_error *err);
/// The partition is not there any more.
sl_code kafka_lost_gone(kafka_source *self, kafka_lane *lane, sl_error *err);
/// Fails for good with fail_on_data_loss, else counts the offsets and logs the same words.
sl_code kafka_lost_tell(kafka_source *self, int64_t n, sl_error *err, const char *fmt, ...)
    SL_PRINTF(4, 5);

// ---------------------------------------------------------------- ranges (offer.c, read.c,
// again.c)

/// The bytes of a range, in an arena.
sl_code kafka_range_make(const kafka_pieces *pieces, sl_arena *arena, sl_bytes *out, sl_error *err);
sl_code kafka_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                    sl_error *err);
sl_code kafka_read(sli_source *source, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                   sli_decode_stats *stats, sl_error *err);
sl_code kafka_records(sli_source *source, sl_bytes range, int32_t split, sli_raw_fn each, void *ctx,
                      sl_error *err);

/// Takes records [from, to) of a chunk. A NULL one: they are waited for, unless it says
/// SL_E_CANCELLED.
typedef sl_code (*kafka_span_fn)(void *ctx, const kafka_chunk *chunk, int32_t from, int32_t to,
                                 sl_error *err);
/// Reads a piece from the cluster, by a client of its own: what is not in memory any more, or was
/// taken by an earlier life. Thread: task, many at once. Blocks: yes; while it waits `each` is
/// asked five times a second whether to go on. Fails: SL_E_TIMEOUT when nothing comes for
/// `poll_timeout`; SL_E_NOT_FOUND when records are gone; what `each` returns.
sl_code kafka_read_again(kafka_source *self, const kafka_piece *piece, kafka_span_fn each,
                         void *ctx, sl_error *err);
void kafka_spares_close(kafka_source *self); ///< nobody reads now

// ---------------------------------------------------------------- for people (lag.c)

/// Shows how far each lane lags behind. Thread: driver, under the mutex.
void kafka_lag_show(kafka_source *self);
/// Notes where committed epochs ended, for `group`.
void kafka_forget(sli_source *source, sl_bytes range);

// ---------------------------------------------------------------- chunks to rows (rows.c)

/// Makes a source's rows: the columns that `columns` names, then the value's. Thread: one at a
/// time; one for each read of a split.
typedef struct kafka_rows kafka_rows;

/// The schema of the rows: `columns` (key binary?, topic string, partition int32, offset int64,
/// timestamp timestamp?, headers list<struct<name string, value binary?>>?), then the format's.
/// Fails: SL_E_CONFIG for a name in `columns` that is none, or is there twice, or is a column of
/// the value too. *wants gets KAFKA_WANTS_ bits.
sl_code kafka_rows_schema(const sl_conf *conf, const sl_schema *value, sl_schema **out,
                          int32_t *wants, sl_error *err);
sl_code kafka_rows_new(kafka_rows **out, const sli_format_ops *format, const sl_conf *conf,
                       const sl_schema *schema, kafka_place place, sl_error *err);
void kafka_rows_free(SL_TAKES kafka_rows *rows); ///< accepts NULL
/// Emits the rows of records [from, to) of a chunk. Fails: SL_E_DATA with topic, partition, offset;
/// what emit returns.
sl_code kafka_rows_feed(kafka_rows *rows, const kafka_chunk *chunk, int32_t from, int32_t to,
                        sli_emit_fn emit, void *ctx, sl_error *err);
const sli_decode_stats *kafka_rows_stats(const kafka_rows *rows);
/// From now on records are told to `each` (name: topic and partition; offset: Kafka's) and no rows
/// are emitted.
sl_code kafka_rows_watch(kafka_rows *rows, sli_raw_fn each, void *ctx, sl_error *err);
