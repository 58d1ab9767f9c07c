/// postgres.h — what Sluice wants of a PostgreSQL client: the contract of the module postgres_pq
/// (libpq) and of the simulated server (sim/).
///
///     open { columns | prepare | make_marks | end_others | read }
///          { begin { copy put* copied } mark? commit } close
///
/// A connection is one session of the server; one thread at a time has it. A transaction begins
/// with the lock on its *mark*, the row that says which group of an output was committed last: so
/// two drivers of a job never write beside each other, and rows and mark are visible together.
/// There is no roll-back: a transaction that shall not be is ended by `close`. README.md says what
/// a commit is worth whose answer was lost.
///
/// Names and texts are UTF-8, ended by a zero. Deadlines are mono times of the env, microseconds.
/// A call that reaches its own, or loses the connection, returns SL_E_TIMEOUT; after a failure of
/// any kind nothing but `close` is allowed (others: SL_E_STATE), but for SL_E_NOT_FOUND of
/// `columns`.
#pragma once

#include <stdatomic.h>

#include "conf/conf.h"
#include "env/env.h"

enum { SLI_PG_ABI = 2 };

typedef struct sli_pg sli_pg; ///< a connection

/// A parameter of libpq by its own name. In `settings` the values are plain, secrets too.
typedef struct sli_pg_setting {
    const char *name, *value;
    bool secret; ///< never part of a text
} sli_pg_setting;

typedef struct sli_pg_ops sli_pg_ops;

/// What a connection is opened with. The struct and what it points to live for the call, `env` and
/// `inner` as long as the connection.
typedef struct sli_pg_conf {
    size_t struct_size;
    const sli_pg_setting *settings;
    int32_t n_settings;
    sl_env *env; ///< the process in whose world the server is; the module uses its clock only
    int64_t (*mono_us)(sl_env *env); ///< sli_env_mono_us
    const sli_pg_ops *inner;         ///< of sli_pg_gate alone: what is behind it
    const char *session; ///< names it to the server (application_name), at most 63 bytes: all
                         ///< connections of one output have the same
    /// A mono time that ends every wait of the connection as its deadline does, and that may come
    /// nearer meanwhile: it is looked at four times a second. NULL: none. It lives as long as the
    /// connection.
    const _Atomic int64_t *end_us;
} sli_pg_conf;

/// A table, by name; or a query.
typedef struct sli_pg_what {
    const char *schema; ///< NULL: the first in which it is
    const char *table;  ///< NULL: a query
    const char *query;  ///< a SELECT; NULL: all of the table
} sli_pg_what;

/// A column that is there. Texts live for the call.
typedef struct sli_pg_column {
    const char *name;
    const char *type;  ///< as SQL writes it: "character varying(20)"
    const char *base;  ///< its name among the server's types: "varchar"
    int32_t bound;     ///< of varchar and bpchar: characters; of numeric: digits; -1: none
    int32_t scale;     ///< of numeric with a bound: digits behind the point
    bool nullable;     ///< of a query: always
    bool fills_itself; ///< it has a default or is made by the server
} sli_pg_column;
typedef sl_code (*sli_pg_column_fn)(void *ctx, const sli_pg_column *column, sl_error *err);

/// A column that is written.
typedef struct sli_pg_field {
    const char *name;
    const char *type; ///< SQL's type of a new table's column
    bool nullable, is_key;
} sli_pg_field;

/// Where rows go.
typedef struct sli_pg_target {
    const char *schema; ///< NULL: the session's own
    const char *table;
    const sli_pg_field *fields; ///< in the order of their cells
    int32_t n_fields;
    bool upsert; ///< a row replaces that of equal key; of the rows of one copy the last counts
    bool create; ///< make the table when it is missing
    /// With `upsert`: behind its cells each row has one more, "t" or "f"; where the last row of a
    /// key has "t" the row of this key is deleted.
    bool deletes;
} sli_pg_target;

/// Whose mark, in the table sluice_marks of a schema.
typedef struct sli_pg_owner {
    const char *schema; ///< NULL: the session's own
    const char *job, *uid;
} sli_pg_owner;

typedef struct sli_pg_mark {
    int64_t group;      ///< the last one committed; 0: none
    int64_t generation; ///< of the driver that wrote it; 0: there was no mark
} sli_pg_mark;

/// How a transaction ended.
typedef enum sli_pg_outcome {
    SLI_PG_COMMITTED = 1, ///< durable and visible
    SLI_PG_UNKNOWN = 2,   ///< it is, or it will be, or never. The mark tells, once it is locked
} sli_pg_outcome;

typedef sl_code (*sli_pg_bytes_fn)(void *ctx, const char *data, size_t size, sl_error *err);

struct sli_pg_ops {
    size_t struct_size;
    /// Connects. Blocks: yes. Fails: SL_E_TIMEOUT (nobody answers, or not yet); SL_E_CONFIG (who we
    /// are or who they are is refused, a setting is wrong); SL_E_NOT_FOUND (no such database).
    sl_code (*open)(sli_pg **out, const sli_pg_conf *conf, int64_t deadline_us, sl_error *err);
    /// Waits for nothing; the server undoes what was not committed. Accepts NULL.
    void (*close)(SL_TAKES sli_pg *self);

    /// Tells the columns, in order. Fails: SL_E_NOT_FOUND, no such table; SL_E_INVALID, no query
    /// that can be read.
    sl_code (*columns)(sli_pg *self, const sli_pg_what *what, int64_t deadline_us,
                       sli_pg_column_fn each, void *ctx, sl_error *err);
    /// Makes the table if it is to be made, and checks without writing that rows may be put into
    /// these columns of it. Fails: SL_E_NOT_FOUND (table, column); SL_E_INVALID (upsert without a
    /// unique index on the key); SL_E_CONFIG (not allowed).
    sl_code (*prepare)(sli_pg *self, const sli_pg_target *target, int64_t deadline_us,
                       sl_error *err);
    /// Makes the table of marks when it is missing.
    sl_code (*make_marks)(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                          sl_error *err);
    /// Ends every other session of this connection's name, also one whose process is gone and whose
    /// transaction the server still keeps open.
    sl_code (*end_others)(sli_pg *self, int64_t deadline_us, sl_error *err);
    /// Begins a transaction and locks the owner's mark, which is made when there is none; tells
    /// what it says. Waits a second at most for who has the lock, then SL_E_BUSY.
    sl_code (*begin)(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sli_pg_mark *out,
                     sl_error *err);
    /// What the mark says now, without a transaction and without waiting for one.
    sl_code (*marked)(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                      sli_pg_mark *out, sl_error *err);
    /// From here on `put` takes rows as COPY's text format has them: cells apart by tabs, rows
    /// ended by '\n', null as \N.
    sl_code (*copy)(sli_pg *self, const sli_pg_target *target, int64_t deadline_us, sl_error *err);
    sl_code (*put)(sli_pg *self, const char *data, size_t size, int64_t deadline_us, sl_error *err);
    /// All rows have been put. Fails: SL_E_DATA, the server refuses one (it says which line).
    sl_code (*copied)(sli_pg *self, int64_t deadline_us, sl_error *err);
    /// Writes the locked mark.
    sl_code (*mark)(sli_pg *self, const sli_pg_owner *owner, const sli_pg_mark *mark,
                    int64_t deadline_us, sl_error *err);
    /// *outcome is set when SL_OK is returned. What was committed is on the server's disk. Fails:
    /// SL_E_DATA and others: the server refuses it, nothing is visible.
    sl_code (*commit)(sli_pg *self, int64_t deadline_us, sli_pg_outcome *outcome, sl_error *err);
    /// Gives all rows as CSV without a header, null as nothing, text without cells as "", in pieces
    /// of whole rows. At most `silence_us` pass between two pieces, else SL_E_TIMEOUT.
    sl_code (*read)(sli_pg *self, const sli_pg_what *what, int64_t silence_us, sli_pg_bytes_fn each,
                    void *ctx, sl_error *err);

    /// Tells the names of all settings; each lives for the call of `each`.
    void (*names)(void (*each)(void *ctx, const char *name), void *ctx);
};

// ---------------------------------------------------------------- Sluice's side

/// Options of everything that speaks to a server. Rows for the tables of a source or sink.
#define SLI_PG_OPTIONS                                                                             \
    {.name = "user",                                                                               \
     .type = SL_OPT_TEXT,                                                                          \
     .text = "Who connects; default: as libpq has it (PGUSER, or the system's user)."},            \
        {.name = "password",                                                                       \
         .type = SL_OPT_SECRET,                                                                    \
         .text = "Its password, better as file:PATH or env:NAME; without it libpq looks into "     \
                 "~/.pgpass."},                                                                    \
        {.name = "sslmode",                                                                        \
         .type = SL_OPT_CHOICE,                                                                    \
         .choices = "disable|allow|prefer|require|verify-ca|verify-full",                          \
         .text = "As libpq's: whether TLS is used, and verify-full checks who the server is."},    \
    {                                                                                              \
        .name = "postgres.", .type = SL_OPT_FAMILY, .choices = "password",                         \
        .text = "A parameter of libpq under its own name, as postgres.sslrootcert=/etc/ca.pem. A " \
                "password may be file:PATH or env:NAME."                                           \
    }
extern const sl_option sli_pg_options[]; ///< these alone

/// What a connection is opened with, secrets included.
typedef struct sli_pg_settings sli_pg_settings;

/// The settings of a conf made over sli_pg_options, and host, port and first part of the path
/// (the database) of the URL. Fails: SL_E_CONFIG for a parameter that Sluice sets itself, for one
/// that is given twice, for a secret that isn't there; SL_E_NOMEM.
sl_code sli_pg_settings_new(sli_pg_settings **out, const sli_url *url, const sl_conf *conf,
                            sl_env *env, sl_error *err);
void sli_pg_settings_free(SL_TAKES sli_pg_settings *settings); ///< accepts NULL
/// The part of a connection's conf that the settings give; lives as long as they.
sli_pg_conf sli_pg_conf_of(const sli_pg_settings *settings);
/// "SCHEMA.TABLE" or "TABLE", the second part of the URL's path, into the arena; *schema NULL
/// without one, *table "" when there is none. Fails: SL_E_CONFIG, SL_E_NOMEM.
sl_code sli_pg_table_of(const sli_url *url, sl_arena *arena, const char **schema,
                        const char **table, sl_error *err);

/// A table over another one, conf.inner: every call that contacts the server is announced to env
/// first (sli_env_outside), so that it can be made to fail, and a process to die there.
extern const sli_pg_ops sli_pg_gate;

/// The client's table, for conf.inner: the module postgres_pq of `modules` (a directory, or NULL:
/// as sli_module_load finds it), or what the simulated world has. Every parameter is checked to be
/// one that it knows. Fails: as sli_module_load; SL_E_CONFIG with the nearest name.
sl_code sli_pg_load(const sli_pg_ops **out, const sli_pg_settings *settings, const char *modules,
                    sl_error *err);
