/// session.h — sessions of event time: what their definition resolves to, and what the work of a
/// task is made of. Files: node_session.c definition · session_run.c the work · session_close.c its
/// first step · session_list.c lists of sessions as the table has them.
#pragma once

#include "stream/event/timed.h"

/// Columns of the struct that a session is in the table, before the partial states.
enum { SLI_SESSION_START = 0, SLI_SESSION_LATEST = 1, SLI_SESSION_STATES = 2 };

typedef struct sli_session_body {
    sli_timed timed;
    int64_t gap_us;
    int32_t n_states; ///< columns of a partial state
} sli_session_body;

static inline const sli_session_body *sli_session_of(const sli_timed *self)
{
    return (const sli_session_body *)self;
}
/// The watermark that closes a session whose latest row is at a time.
static inline int64_t sli_session_closes(const sli_timed *self, int64_t latest_us)
{
    return latest_us + sli_session_of(self)->gap_us + self->lateness_us;
}
/// The work of a task.
sl_code sli_session_run(sli_timed_task *t, sl_error *err);

// ---------------------------------------------------------------- session_list.c: the task's tools

/// A run of sessions: of keys in the order of `key`, with the partial state of each.
typedef struct sli_sessions {
    sl_batch *partial; ///< keys and states, a row a session
    int64_t *starts, *latests;
    int32_t *key; ///< by session: row of the batch of keys
    bool *grew;
    int32_t n;
} sli_sessions;

/// Room for so many. Fails: SL_E_NOMEM.
sl_code sli_sessions_reserve(sli_sessions *sessions, int32_t n, sl_error *err);
void sli_sessions_reset(sli_sessions *sessions);

/// What a task works with: keys of up to SLI_BATCH_ROWS at a time, and their lists.
typedef struct sli_session_work {
    sli_timed_task *task;
    const sli_session_body *def;
    sl_builder *keys, *lists, *partial;
    sli_str key, value;
} sli_session_work;

sl_code sli_session_begin(sli_session_work *w, sl_error *err); ///< w->task is set
void sli_session_end(sli_session_work *w);

/// A list as it is in a batch of lists: sessions [from, to) of the children.
typedef struct sli_session_list {
    const sl_column *fields; ///< start, latest, states
    int32_t from, to;
} sli_session_list;

static inline sli_session_list sli_session_list_of(const sl_batch *lists, int64_t row)
{
    const sl_column *column = sl_batch_column(lists, 0);
    const int32_t *offsets = column->values;
    return (sli_session_list){column->children[0].children, offsets[row], offsets[row + 1]};
}

static inline int64_t sli_session_start(const sli_session_list *l, int32_t i)
{
    return sl_column_int64(&l->fields[SLI_SESSION_START], i);
}

static inline int64_t sli_session_latest(const sli_session_list *l, int32_t i)
{
    return sl_column_int64(&l->fields[SLI_SESSION_LATEST], i);
}

/// When the first session of a list is due; INT64_MAX for an empty one.
int64_t sli_session_due(const sli_timed *self, const sli_session_list *l);
/// Begins a partial row with the key in row `row` of `keys`.
void sli_session_put_key(sli_session_work *w, const sl_batch *keys, int64_t row);
/// Ends it with the states of a session in a list.
void sli_session_put_states(sli_session_work *w, const sli_session_list *l, int32_t i);
/// Appends a session of a list, as it is, to the list under way.
void sli_session_keep(sli_session_work *w, const sli_session_list *l, int32_t i);
/// The bytes of a key, in w->key.
sl_code sli_session_key(sli_session_work *w, const sl_batch *keys, int64_t row, sl_bytes *out,
                        sl_error *err);
/// Puts a key's list; its first closing comes into the index when it is not there yet.
sl_code sli_session_put_list(sli_session_work *w, uint64_t hash, sl_bytes key,
                             const sl_batch *lists, int64_t row, int64_t was_due_us, sl_error *err);
/// Pushes the results of sessions.
sl_code sli_session_give(sli_timed_task *t, const sl_batch *partial, const int64_t *starts,
                         const int64_t *latests, sl_error *err);

// ---------------------------------------------------------------- session_close.c

/// Sessions that are due are closed: taken out of their key's list, and given (append).
sl_code sli_session_close_due(sli_session_work *w, sl_error *err);
