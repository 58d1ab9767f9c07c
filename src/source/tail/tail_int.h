/// tail_int.h — files that are appended to: what is known of them, what an epoch takes.
#pragma once

#include "base/lock.h"
#include "source/message.h"
#include "source/source_int.h"

enum {
    TAIL_MARK = 256,        ///< bytes that a mark covers, at most
    TAIL_MOST_FILES = 1000, ///< of one source
    TAIL_HELD_EPOCHS = 4,   ///< in memory: so many epochs' bytes
};

/// Hashes of the first and of the last bytes before a place in a file; of fewer than TAIL_MARK when
/// it is nearer to the beginning.
typedef struct tail_mark {
    uint64_t head, last;
} tail_mark;

/// Of a file, before an epoch took of it.
typedef struct tail_undo {
    int64_t offset;
    tail_mark mark;
    bool in_long, is_pending;
} tail_undo;

/// A file of which something was taken, or that is being read. Known by its bytes: the identity
/// only says where to look first.
typedef struct tail_file {
    char *name;        ///< under which it is, or was, followed
    uint64_t identity; ///< 0: its place has other bytes now
    int64_t offset;    ///< taken up to here
    tail_mark mark;    ///< of the bytes before
    bool in_long;      ///< `offset` lies in a record that is too long
    bool is_left;      ///< what is before `offset` was not taken of this file, and is not to be
    bool is_done;      ///< rotated away, and at its end when last seen

    // ---- of this life
    char *at;                     ///< its name when last seen, for people; NULL: never
    sli_file *open;               ///< NULL: not yet, or at its end
    int64_t limit;                ///< no more is taken yet: its size before the latest listing
    int64_t size, modified_us;    ///< when last looked at
    int64_t still_us, still_size; ///< mono time since which it has been away with this size
    int64_t tried_size;           ///< of this size no record was whole
    uint64_t copy_of;             ///< is_left: the identity of the file it has the bytes of
    bool is_listed;
    bool is_current; ///< its name stands for it
    bool is_over;    ///< rotated away, and still for long enough
    bool is_pending; ///< a copy of bytes that were not taken yet: not on record
    tail_undo undo;
} tail_file;

typedef struct tail_files {
    tail_file *items; ///< in order of names, of one name the oldest first
    int32_t n, capacity;
} tail_files;

/// What an epoch takes of a file.
typedef struct tail_item {
    sl_text name;
    sl_text at; ///< its name in the directory then
    uint64_t identity;
    int64_t from, to;
    tail_mark mark; ///< of the bytes before `to`: where to look
    uint64_t hash;  ///< of the bytes themselves
} tail_item;

/// Bytes of an item, from its offer until its group is committed.
typedef struct tail_piece {
    struct tail_piece *next;
    uint64_t number; ///< of the range
    int32_t item;
    sli_buffer *data;
    int64_t at, size; ///< in `data`
} tail_piece;

typedef struct tail_source {
    sli_source_common common;
    char *dir, *pattern; ///< the URL's path
    bool is_pattern;     ///< else one name
    const char *rotated; ///< the option
    bool from_end, skips_lost;
    bool has_columns;
    int64_t rotate_wait_us, max_bytes, max_record;
    tail_files files;
    bool started;      ///< the first look is over
    bool waiting;      ///< it was told that something can't be read
    bool waits_now;    ///< found out by this look
    bool is_unsure;    ///< this look could not read what it needed to tell files apart
    int64_t unsure_us; ///< mono time since which looks have been; 0: the latest one was not
    bool is_cut;       ///< this pass of the look has found a file that lost its place
    bool has_news;     ///< this pass has found what another listing has to confirm
    sli_str known;     ///< bytes of the position behind the latest range
    uint64_t number;   ///< of the latest range
    sli_mutex mutex;   ///< of what follows: driver and tasks
    tail_piece *pieces;
    int64_t held_bytes;
} tail_source;

extern const sli_message_column tail_columns[];

// ---------------------------------------------------------------- files (files.c)

void tail_file_drop(tail_files *files, int32_t i);
void tail_files_reset(tail_files *files);
/// A new file at the end; the caller sorts.
sl_code tail_files_add(tail_files *files, const char *name, size_t size, tail_file **out,
                       sl_error *err);
void tail_files_sort(tail_files *files);
/// The one at this place in the file system; NULL: none.
tail_file *tail_files_find(const tail_files *files, uint64_t identity);
/// Whether nobody knows where its bytes are.
bool tail_is_homeless(const tail_file *file);

/// The mark of the bytes before `offset`; they are read.
sl_code tail_mark_read(sli_file *file, int64_t offset, tail_mark *out, sl_error *err);
sl_code tail_mark_fits(sli_file *file, int64_t offset, tail_mark mark, bool *out, sl_error *err);
uint64_t tail_hash(const void *data, int64_t size); ///< of a mark
sl_code tail_open(const tail_source *self, const char *at, sli_file **out, sl_error *err);
/// Remembers under which name it is.
sl_code tail_set_at(tail_file *file, const char *at, sl_error *err);

void tail_unreadable(tail_source *self, const char *at, const char *why); ///< told once
/// Counts and tells bytes that can't be had any more.
void tail_lost(tail_source *self, const char *name, int64_t from, int64_t n, const char *why);

// ---------------------------------------------------------------- names (names.c)

/// A name in the directory that concerns the source.
typedef struct tail_name {
    const char *at;   ///< in the directory
    const char *name; ///< that it stands for
    bool is_rotated;
    sli_stat stat;
    const char *head; ///< first bytes, TAIL_MARK at most; NULL: not read yet
    int64_t head_size;
} tail_name;
typedef struct tail_names {
    sl_arena *arena;
    tail_name *items; ///< rotated ones first, oldest first
    int32_t n, capacity;
} tail_names;
/// What the directory has; names live in the arena. `only`: what is followed, or stands for this
/// name; NULL: all. Thread: any with `only`, else driver.
sl_code tail_names_read(const tail_source *self, sl_arena *arena, const char *only, tail_names *out,
                        sl_error *err);
/// Whether both have the same files under the same names, and rotated ones have not grown.
bool tail_names_same(const tail_names *a, const tail_names *b);

// ---------------------------------------------------------------- looking (look.c, decide.c)

/// Looks which files there are, and finds out what has become of those that are known. Fails: as
/// the listing.
sl_code tail_look(tail_source *self, sl_error *err);
/// What can't be read is neither what was taken nor something else.
void tail_be_unsure(tail_source *self, const char *at, const sl_error *why);
/// Opens the file of a name, when it is still the one that was listed. False: not now.
bool tail_open_listed(tail_source *self, const tail_name *name, sli_file **out);
/// Gives files that have lost their place another one, and begins new ones. `is_settled`: the
/// listing was confirmed, so what is in it nowhere is nowhere.
sl_code tail_decide(tail_source *self, tail_names *names, bool is_settled, sl_error *err);

// ---------------------------------------------------------------- epochs (take.c)

/// Takes what the ask allows. Pieces are in memory then, items in the arena.
sl_code tail_take(tail_source *self, const sli_ask *ask, sl_arena *arena, tail_item **items,
                  int32_t *n, sli_offer *out, sl_error *err);
/// Before an epoch is taken, so that it can be taken back.
void tail_remember(tail_source *self);
/// After a failure: nothing was taken.
void tail_take_back(tail_source *self);
/// Most bytes that an epoch takes.
int64_t tail_epoch_bytes(const tail_source *self);
/// Drops the pieces of ranges from `first` to `last`.
void tail_pieces_drop(tail_source *self, uint64_t first, uint64_t last);

// ---------------------------------------------------------------- bytes (range.c)

/// `number`: of the range that it is behind, so that no later life uses it again.
void tail_position_put(const tail_source *self, uint64_t number, sli_str *out);
sl_code tail_position_get(tail_source *self, sl_bytes bytes, sl_error *err);

typedef struct tail_range {
    uint64_t number;
    sl_bytes position; ///< behind it
    sl_bytes items;
    int32_t n;
} tail_range;
void tail_range_put(uint64_t number, sl_bytes position, const tail_item *items, int32_t n,
                    sli_str *out);
/// Checks all of it. Size 0: no items. Fails: SL_E_CORRUPT.
sl_code tail_range_get(sl_bytes bytes, tail_range *out, sl_error *err);
/// Item `i`, which is there.
tail_item tail_range_item(const tail_range *range, int32_t i);

// ---------------------------------------------------------------- reading (read.c): the table's

sl_code tail_read(sli_source *source, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                  sli_decode_stats *stats, sl_error *err);
sl_code tail_records(sli_source *source, sl_bytes range, int32_t split, sli_raw_fn each, void *ctx,
                     sl_error *err);
