// What was accepted and what was shown, record by record.
//
// A socket's line is *accepted* when it is in a whole record of the write-ahead log at the moment
// after a kill: the bytes are read here as ckpt/README.md describes them, so that the engine is not
// its own witness. Accepted lines must be shown. Of a connection's lines those shown must be its
// first ones, without a hole: an end may be lost with the process that had read it, or was about
// to, a line before one that was kept may not. A connection of the last, unkilled life must be
// shown whole.
#include "kill/kill.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/hash.h"

enum {
    MOST_LINES = 1 << 24,
    MOST_GROUPS = 1 << 20,
    HEAD_BYTES = 64,
    FRAME_BYTES = 64,
    FRAME_MAGIC = 0x52464c53,
    RECORD = 5
};

struct slt_truth {
    char dir[256];
    uint8_t *accepted; ///< by line of the socket
    uint32_t
        *epoch_of[2]; ///< by line of files, of the socket: the epoch in the files; 0: not shown
    int64_t *rows, *records; ///< of the files' groups
    uint64_t *hashes;
    int64_t *sizes;
    int64_t last_group, n_rows, n_accepted;
};

slt_truth *slt_truth_new(const char *dir)
{
    slt_truth *truth = calloc(1, sizeof *truth);
    assert_non_null(truth);
    (void)snprintf(truth->dir, sizeof truth->dir, "%s", dir);
    truth->accepted = calloc(MOST_LINES, 1);
    truth->epoch_of[0] = calloc(MOST_LINES, sizeof(uint32_t));
    truth->epoch_of[1] = calloc(MOST_LINES, sizeof(uint32_t));
    truth->rows = calloc(MOST_GROUPS, sizeof(int64_t));
    truth->records = calloc(MOST_GROUPS, sizeof(int64_t));
    truth->hashes = calloc(MOST_GROUPS, sizeof(uint64_t));
    truth->sizes = calloc(MOST_GROUPS, sizeof(int64_t));
    assert_true(truth->accepted != NULL && truth->epoch_of[0] != NULL &&
                truth->epoch_of[1] != NULL && truth->rows != NULL && truth->records != NULL &&
                truth->hashes != NULL && truth->sizes != NULL);
    return truth;
}

void slt_truth_free(slt_truth *truth)
{
    free(truth->accepted);
    free(truth->epoch_of[0]);
    free(truth->epoch_of[1]);
    free(truth->rows);
    free(truth->records);
    free(truth->hashes);
    free(truth->sizes);
    free(truth);
}

// ---------------------------------------------------------------- the write-ahead log

static uint64_t little_endian(const char *at, int32_t bytes)
{
    uint64_t value = 0;
    for (int32_t i = bytes - 1; i >= 0; i--) {
        value = value << 8 | (uint8_t)at[i];
    }
    return value;
}

static void accept_lines(slt_truth *truth, const char *text, size_t size)
{
    for (const char *at = text, *end; (end = memchr(at, '\n', size - (size_t)(at - text))) != NULL;
         at = end + 1) {
        assert_true(at[0] == 's' && at[1] == ' ');
        int64_t number = strtoll(at + 2, NULL, 10);
        assert_true(number > 0 && number < MOST_LINES);
        truth->n_accepted += truth->accepted[number] == 0;
        truth->accepted[number] = 1;
    }
}

/// Whole frames from the head on, as far as they go.
static void see_segment(slt_truth *truth, const char *data, size_t size)
{
    size_t at = HEAD_BYTES;
    while (at + FRAME_BYTES <= size && little_endian(data + at, 4) == FRAME_MAGIC) {
        uint64_t body = little_endian(data + at + 40, 4),
                 whole = FRAME_BYTES + ((body + 7) & ~(uint64_t)7);
        if (whole + 16 > size - at) {
            return;
        }
        sli_hash128 hash = sli_hash128_of(data + at, whole);
        if (hash.low != little_endian(data + at + whole, 8) ||
            hash.high != little_endian(data + at + whole + 8, 8)) {
            return;
        }
        if (little_endian(data + at + 4, 4) == RECORD) {
            accept_lines(truth, data + at + FRAME_BYTES, body);
        }
        at += whole + 16;
    }
}

void slt_truth_see_log(slt_truth *truth)
{
    char path[700], dir[400];
    (void)snprintf(dir, sizeof dir, "%s/ckpt/wal", truth->dir);
    DIR *entries = opendir(dir);
    struct dirent *entry = NULL;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        size_t size = 0, name_size = strlen(entry->d_name);
        if (name_size < 4 || strcmp(entry->d_name + name_size - 4, ".wal") != 0) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        char *data = slt_load(path, &size);
        assert_non_null(data);
        see_segment(truth, data, size);
        free(data);
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

// ---------------------------------------------------------------- the file sink

static void see_record(slt_truth *truth, slt_row row)
{
    uint32_t *epoch_of = truth->epoch_of[row.kind == 's'];
    assert_true(row.number > 0 && row.number < MOST_LINES && row.epoch > 0);
    if (epoch_of[row.number] != 0) {
        fail_msg("line %c %lld is there twice: in epochs %u and %lld", row.kind,
                 (long long)row.number, epoch_of[row.number], (long long)row.epoch);
    }
    epoch_of[row.number] = (uint32_t)row.epoch;
}

static void see_file(slt_truth *truth, const char *path, int64_t group)
{
    size_t size = 0;
    char *text = slt_load(path, &size);
    slt_row row;
    assert_non_null(text);
    assert_true(group > 0 && group < MOST_GROUPS && truth->rows[group] == 0);
    for (const char *at = text; slt_row_read(&at, &row);) {
        assert_true(row.kind != 0);
        truth->rows[group]++;
        if (row.kind != 'c') {
            truth->records[group]++;
            see_record(truth, row);
        }
    }
    truth->hashes[group] = sli_hash64(text, size);
    truth->sizes[group] = (int64_t)size;
    truth->last_group = group > truth->last_group ? group : truth->last_group;
    free(text);
}

static void see_files(slt_truth *truth)
{
    char path[700];
    DIR *entries = opendir(slt_in_dir(truth->dir, "out"));
    struct dirent *entry = NULL;
    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/out/%s", truth->dir, entry->d_name);
            see_file(truth, path, slt_group_of(entry->d_name));
        }
    }
    (void)closedir(entries);
    for (int64_t g = 1; g <= truth->last_group; g++) { // from here on: of all groups up to g
        truth->n_rows += truth->rows[g];
        truth->rows[g] += truth->rows[g - 1];
        truth->records[g] += truth->records[g - 1];
    }
}

// ---------------------------------------------------------------- the database

static sqlite3 *open_database(const slt_truth *truth)
{
    sqlite3 *db = NULL;
    assert_int_equal(
        sqlite3_open_v2(slt_in_dir(truth->dir, "out.db"), &db, SQLITE_OPEN_READWRITE, NULL),
        SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    return db;
}

static sqlite3_stmt *query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    return statement;
}

/// The same rows in the same epochs as in the files: both have each once, so equal numbers and
/// places are enough.
static void check_rows(const slt_truth *truth, sqlite3 *db)
{
    int64_t n = 0;
    sqlite3_stmt *rows = query(db, "SELECT kind, number, epoch FROM records");
    while (sqlite3_step(rows) == SQLITE_ROW) {
        char kind = (char)sqlite3_column_text(rows, 0)[0];
        int64_t number = sqlite3_column_int64(rows, 1), epoch = sqlite3_column_int64(rows, 2);
        n++;
        assert_true(number > 0 && number < MOST_LINES);
        if (kind != 'c' && (int64_t)truth->epoch_of[kind == 's'][number] != epoch) {
            fail_msg("line %c %lld: epoch %lld in the database, %u in the files", kind,
                     (long long)number, (long long)epoch, truth->epoch_of[kind == 's'][number]);
        }
    }
    (void)sqlite3_finalize(rows);
    assert_int_equal(n, truth->n_rows);
    rows = query(db, "SELECT count(DISTINCT kind || number) FROM records WHERE kind != 'c'");
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(rows, 0), truth->records[truth->last_group]);
    (void)sqlite3_finalize(rows);
}

static void check_totals(const slt_truth *truth, sqlite3 *db, int64_t file_lines,
                         int64_t socket_lines)
{
    int64_t right[SLT_KEYS] = {0};
    int32_t n_keys = 0, n_right = 0;
    for (int64_t i = 1; i <= file_lines; i++) {
        right[slt_key_of(i)] += truth->epoch_of[0][i] != 0;
    }
    for (int64_t i = 1; i <= socket_lines; i++) {
        right[slt_key_of(i)] += truth->epoch_of[1][i] != 0;
    }
    sqlite3_stmt *rows = query(db, "SELECT key, n FROM totals");
    for (; sqlite3_step(rows) == SQLITE_ROW; n_keys++) {
        const char *key = (const char *)sqlite3_column_text(rows, 0);
        int64_t i = strtoll(key + 1, NULL, 10);
        assert_true(key[0] == 'k' && i >= 0 && i < SLT_KEYS);
        if (sqlite3_column_int64(rows, 1) != right[i]) {
            fail_msg("total of %s: %lld, right is %lld", key,
                     (long long)sqlite3_column_int64(rows, 1), (long long)right[i]);
        }
    }
    (void)sqlite3_finalize(rows);
    for (int32_t i = 0; i < SLT_KEYS; i++) {
        n_right += right[i] > 0;
    }
    assert_int_equal(n_keys, n_right);
}

// ---------------------------------------------------------------- input and output

static void check_files_input(const slt_truth *truth, int64_t n)
{
    for (int64_t i = 1; i <= n; i++) {
        if (truth->epoch_of[0][i] == 0) {
            fail_msg("line f %lld is missing", (long long)i);
        }
    }
    for (int64_t i = n + 1; i < MOST_LINES; i++) {
        assert_int_equal(truth->epoch_of[0][i], 0);
    }
}

static int64_t check_connection(const slt_truth *truth, slt_connection c, bool of_last_life)
{
    int64_t shown = c.first;
    while (shown <= c.last && truth->epoch_of[1][shown] != 0) {
        shown++;
    }
    for (int64_t i = shown; i <= c.last; i++) {
        if (truth->epoch_of[1][i] != 0) {
            fail_msg("line s %lld is missing, a later one of its connection (%lld to %lld) is "
                     "there: %lld",
                     (long long)shown, (long long)c.first, (long long)c.last, (long long)i);
        }
        if (truth->accepted[i] != 0) {
            fail_msg("line s %lld was in the write-ahead log and is missing", (long long)i);
        }
        if (of_last_life) {
            fail_msg("line s %lld is missing; nothing was killed after it", (long long)i);
        }
    }
    return c.last - shown + 1;
}

/// Each observation of the second process is a state that the groups allow.
static void check_observations(const slt_truth *truth, const char *path)
{
    size_t size = 0;
    char *text = slt_load(path, &size);
    int64_t n = 0, n_files = 0;
    assert_non_null(text);
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        long long group = 0, value = 0;
        unsigned long long hash = 0;
        if (sscanf(at, "file %lld %lld %llu", &group, &value, &hash) == 3) {
            assert_true(group <= truth->last_group);
            assert_int_equal(value, truth->sizes[group]);
            assert_true(hash == truth->hashes[group]);
            n_files++;
        } else if (sscanf(at, "rows %lld %lld", &group, &value) == 2) {
            int64_t at_group = group > truth->last_group ? truth->last_group : group;
            assert_int_equal(value, truth->rows[at_group]);
            n++;
        } else if (sscanf(at, "sum %lld %lld", &group, &value) == 2) {
            int64_t at_group = group > truth->last_group ? truth->last_group : group;
            assert_int_equal(value, truth->records[at_group]);
            n++;
        }
    }
    assert_true(n > 0 && n_files > 0);
    free(text);
}

void slt_truth_check(slt_truth *truth, slt_feed *feed, int32_t last_life, const char *reader_said,
                     int64_t *lost)
{
    int32_t n = 0;
    const slt_connection *connections = slt_feed_connections(feed, &n);
    int64_t file_lines = slt_feed_file_lines(feed), socket_lines = slt_feed_socket_lines(feed);
    assert_true(file_lines < MOST_LINES && socket_lines < MOST_LINES);
    assert_true(truth->n_accepted > 0); // else the log was not read as it is written
    see_files(truth);
    check_files_input(truth, file_lines);
    *lost = 0;
    for (int32_t i = 0; i < n; i++) {
        *lost += check_connection(truth, connections[i], connections[i].life == last_life);
    }
    sqlite3 *db = open_database(truth);
    check_rows(truth, db);
    check_totals(truth, db, file_lines, socket_lines);
    (void)sqlite3_close(db);
    check_observations(truth, reader_said);
}

bool slt_truth_all_shown(slt_truth *truth, slt_feed *feed, int32_t last_life)
{
    int32_t n = 0;
    int64_t last = 0;
    const slt_connection *connections = slt_feed_connections(feed, &n);
    for (int32_t i = 0; i < n; i++) {
        last = connections[i].life == last_life && connections[i].last >= connections[i].first
                   ? connections[i].last
                   : last;
    }
    sqlite3 *db = open_database(truth);
    sqlite3_stmt *row = query(
        db,
        "SELECT coalesce(sum(kind = 'f'), 0), coalesce(max(CASE kind WHEN 's' THEN number END), 0)"
        " FROM records");
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    bool all = sqlite3_column_int64(row, 0) == slt_feed_file_lines(feed) &&
               sqlite3_column_int64(row, 1) >= last;
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
    return all;
}
