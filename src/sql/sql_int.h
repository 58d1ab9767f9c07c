/// sql_int.h — what the files of sql/ share.
#pragma once

#include "duckdb/duckdb.h"
#include "sql/sql.h"
#include "sql/tree.h"

enum {
    SLI_SQL_MAX_TEXT = 1 << 20, ///< bytes of a script, and of a query
    SLI_SQL_MAX_FROM = 64,      ///< names in one FROM
};

// ---------------------------------------------------------------- places

/// Where a text is wrong, for people: byte `at` of `text`, which begins at line and column of a
/// script called `name` (NULL: it is a text of its own, and only its column is told).
typedef struct sli_place {
    const char *name, *text;
    size_t from; ///< of the statement, in the script's text
    /// Where `text` came from, when variables were replaced in it: places are told in that. NULL:
    /// it is as it was written.
    const struct sli_origins *origins;
} sli_place;
/// "job.sql:12:8: " before what *err says; `at` -1: the statement's beginning. Returns rc.
sl_code sli_place_wrap(const sli_place *place, int64_t at, sl_code rc, sl_error *err);

// ---------------------------------------------------------------- what a graph has of SQL (sql.c)

typedef struct sli_sql sli_sql;
typedef struct sli_static sli_static; ///< a static table, read

/// The graph's own, made at the first call. Fails: as sli_dbs_new.
sl_code sli_sql_of(sl_graph *graph, sli_sql **out, sl_error *err);
sli_dbs *sli_sql_dbs(const sli_sql *sql);
/// A static table by its URL, read at the first call (table.c). Lives as long as the graph.
sl_code sli_sql_static(sli_sql *sql, const char *url, const sli_static **out, sl_error *err);
const sl_schema *sli_static_schema(const sli_static *table);
int64_t sli_static_rows(const sli_static *table);

// ---------------------------------------------------------------- relations

/// The column that says whether a row comes (1) or goes (-1), where rows can go.
#define SLI_CHANGE "_change"

enum { SLI_MAX_MOMENTS = 8 }; ///< columns of a relation that can be its event time

/// A column that can be a relation's event time, beside the stream's own (sli_stream_follow_time).
typedef struct sli_moment {
    const char *column;
    int64_t behind_us; ///< its watermark is so much behind those above
    bool after;        ///< as they were in the epoch before
} sli_moment;

/// A name that FROM may have.
typedef struct sli_relation {
    const char *name;
    sl_stream *stream; ///< NULL: a static table
    /// Of rows that can go: what is seen of the stream, which is that of its changes and has
    /// SLI_CHANGE beside these columns. NULL: all of it. As long as the graph.
    const sl_schema *seen;
    const sli_static *table;   ///< NULL: a stream
    const char *time;          ///< the column that is the stream's event time; NULL: none
    const sli_moment *moments; ///< others that can be (moments.c)
    int32_t n_moments;
    /// NULL: each row is final. Else rows change: one replaces the earlier one of equal values in
    /// these columns ("user, page"; "": there is one row).
    const char *changes_by;
    /// Of rows that change: what an aggregation over them needs to take rows back (changes.c);
    /// NULL: they can't be.
    struct sli_changing *changing;
    /// A column of which equal values come in one epoch, all of them: the end of a window whose
    /// results come when it is over. NULL: none.
    const char *window_end;
} sli_relation;
const sl_schema *sli_relation_schema(const sli_relation *relation);

// ---------------------------------------------------------------- one epoch (epoch.c)

/// The stream of a SELECT that DuckDB runs over the rows of each epoch. `from` has every name that
/// it uses, at least one of them a stream. `by_row`: on each partition of the only stream. `place`
/// says where `select` comes from, for mistakes; NULL: it is what the caller of sl_sql wrote.
/// NULL after a mistake, which sticks to the graph.
sl_stream *sli_sql_epoch(sli_sql *sql, sl_graph *graph, const char *select,
                         const sli_relation *from, int32_t n, bool by_row, const sli_place *place);

// ---------------------------------------------------------------- kept across epochs (query.c)

/// Finds a relation by name, without case; NULL: none.
typedef const sli_relation *(*sli_find_fn)(void *ctx, const char *name);
/// What a script's SELECT is planned with.
typedef struct sli_plan_env {
    sli_sql *sql;
    sl_graph *graph;
    sli_find_fn find;
    /// Calls `each` for every name, for the nearest right one.
    void (*names)(void *ctx, void (*each)(void *to, const char *name), void *to);
    void *ctx;
    const sli_place *place;
    const char *uid; ///< of the SELECT's last operator; NULL: derived
    /// Others read it: rows that change may lack what they change by, if those aggregate them.
    bool is_view;
    /// The stream of `stream`'s rows with the predictions of a model behind them; `columns`, n of
    /// them, are "a, b". Fails: what is wrong, without a place. NULL: there are no models.
    sl_code (*predict)(void *ctx, const char *model, sl_stream *stream, const char *columns,
                       int32_t n, sl_stream **out, sl_error *err);
} sli_plan_env;
/// The relation that `select` (window words already put into DuckDB's words, byte for byte in the
/// same places) gives. Texts of *out live as long as the graph. Fails: what is wrong or can't be
/// kept, where, and what to write instead; or the graph's mistake.
sl_code sli_sql_plan(const sli_plan_env *env, const char *select, sli_relation *out, sl_error *err);
