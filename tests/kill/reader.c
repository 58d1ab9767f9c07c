// The second process: reads both outputs all the time, as somebody's program would.
//
// Files: a group, once seen, stays and never changes; each epoch in it is whole. Database: rows are
// only added, by whole epochs, and only when the group in the marker's row, read in the same
// transaction, went on. What was seen at which group is written down, and compared with the files'
// groups at the end: a database that shows group g shows exactly the rows of the files up to g.
#include "kill/kill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/hash.h"

enum { MOST_GROUPS = 1 << 20, MOST_EPOCHS_A_LOOK = 4096, PACE_MS = 5 };

typedef struct seen_file {
    int64_t group, size;
    uint64_t hash;
    ino_t inode;
} seen_file;

/// Rows of one epoch that were seen, and what its "c" row says.
typedef struct tally {
    int64_t epoch, rows, said;
} tally;

typedef struct observer {
    const char *dir;
    FILE *said;
    seen_file *files; ///< by group
    int64_t n_files, passes;
    tally tallies[MOST_EPOCHS_A_LOOK];
    int32_t n_tallies;
    sqlite3 *db;
    int64_t rows_group, totals_group, last_row, n_rows, last_epoch, records, sum;
} observer;

static _Noreturn void broken(const observer *r, const char *what, int64_t a, int64_t b)
{
    (void)fprintf(r->said, "BROKEN %s: %lld, %lld\n", what, (long long)a, (long long)b);
    (void)fclose(r->said);
    _exit(1);
}

// ---------------------------------------------------------------- whole epochs

static void count_row(observer *r, slt_row row)
{
    if (r->n_tallies == 0 || r->tallies[r->n_tallies - 1].epoch != row.epoch) {
        for (int32_t i = 0; i < r->n_tallies; i++) {
            if (r->tallies[i].epoch >= row.epoch) {
                broken(r, "an epoch begins again", row.epoch, r->tallies[i].epoch);
            }
        }
        if (r->n_tallies == MOST_EPOCHS_A_LOOK) {
            broken(r, "too many epochs at once", r->n_tallies, 0);
        }
        r->tallies[r->n_tallies++] = (tally){row.epoch, 0, -1};
    }
    tally *t = &r->tallies[r->n_tallies - 1];
    if (row.kind == 'c') {
        t->said = row.number;
    } else {
        t->rows++;
    }
}

static void check_tallies(const observer *r)
{
    for (int32_t i = 0; i < r->n_tallies; i++) {
        if (r->tallies[i].rows != r->tallies[i].said) {
            broken(r, "an epoch is not whole (epoch, rows)", r->tallies[i].epoch,
                   r->tallies[i].rows);
        }
    }
}

// ---------------------------------------------------------------- files

static void see_new_file(observer *r, const char *path, int64_t group, const struct stat *stat)
{
    size_t size = 0;
    char *text = slt_load(path, &size);
    slt_row row;
    if (text == NULL) {
        broken(r, "a published file can't be read", group, errno);
    }
    r->n_tallies = 0;
    for (const char *at = text; slt_row_read(&at, &row);) {
        if (row.kind == 0) {
            broken(r, "a published file has a bad line, near byte", group, at - text);
        }
        count_row(r, row);
    }
    check_tallies(r);
    r->files[group] = (seen_file){group, (int64_t)size, sli_hash64(text, size), stat->st_ino};
    r->n_files++;
    (void)fprintf(r->said, "file %lld %lld %llu\n", (long long)group, (long long)size,
                  (unsigned long long)r->files[group].hash);
    free(text);
}

static void look_at_files(observer *r)
{
    DIR *dir = opendir("out");
    int64_t n_known = 0, n_before = r->n_files;
    struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[300];
        struct stat stat_now;
        int64_t group = slt_group_of(entry->d_name);
        (void)snprintf(path, sizeof path, "out/%s", entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (group <= 0 || group >= MOST_GROUPS || stat(path, &stat_now) != 0) {
            broken(r, "a published file has a wrong name or went away", group, errno);
        }
        if (r->files[group].group == 0) {
            see_new_file(r, path, group, &stat_now);
        } else if (r->files[group].size != stat_now.st_size ||
                   r->files[group].inode != stat_now.st_ino) {
            broken(r, "a published file has changed (group, size)", group, stat_now.st_size);
        } else {
            n_known++;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    // A file that comes while the directory is read may be missed; one that was there may not.
    if (n_known < n_before) {
        broken(r, "published files have gone away (now, before)", n_known, n_before);
    }
}

// ---------------------------------------------------------------- the database

static sqlite3_stmt *prepare(observer *r, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_ERROR) { // error: the table is not there yet
        broken(r, sqlite3_errmsg(r->db), rc, 0);
    }
    return statement;
}

static bool next_row(const observer *r, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        broken(r, sqlite3_errmsg(r->db), rc, 0);
    }
    return rc == SQLITE_ROW;
}

static int64_t one_number(observer *r, const char *sql)
{
    sqlite3_stmt *statement = prepare(r, sql);
    int64_t n =
        statement != NULL && next_row(r, statement) ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_finalize(statement);
    return n;
}

/// Rows added since the last look.
static int64_t look_at_rows(observer *r)
{
    sqlite3_stmt *statement =
        prepare(r, "SELECT rowid, kind, number, epoch FROM records WHERE rowid > ? ORDER BY rowid");
    int64_t added = 0;
    r->n_tallies = 0;
    if (statement != NULL && sqlite3_bind_int64(statement, 1, r->last_row) == SQLITE_OK) {
        while (next_row(r, statement)) {
            slt_row row = {(char)sqlite3_column_text(statement, 1)[0],
                           sqlite3_column_int64(statement, 2), sqlite3_column_int64(statement, 3)};
            if (row.epoch <= r->last_epoch) {
                broken(r, "rows came later than their epoch's first ones", row.epoch,
                       r->last_epoch);
            }
            r->last_row = sqlite3_column_int64(statement, 0);
            r->records += row.kind != 'c';
            added++;
            count_row(r, row);
        }
    }
    (void)sqlite3_finalize(statement);
    check_tallies(r);
    if (r->n_tallies > 0) {
        r->last_epoch = r->tallies[r->n_tallies - 1].epoch;
    }
    r->n_rows += added;
    return added;
}

static void look_in_transaction(observer *r)
{
    int64_t rows_group =
        one_number(r, "SELECT \"group\" FROM _sluice_marker WHERE uid LIKE 'all.%'");
    int64_t totals_group =
        one_number(r, "SELECT \"group\" FROM _sluice_marker WHERE uid LIKE 'totals.%'");
    int64_t sum = one_number(r, "SELECT coalesce(sum(n), 0) FROM totals");
    int64_t added = look_at_rows(r);
    if (rows_group < r->rows_group || totals_group < r->totals_group) {
        broken(r, "a group has gone back", rows_group, totals_group);
    }
    if (rows_group == r->rows_group && added > 0) {
        broken(r, "rows came to a group that was there (group, rows)", rows_group, added);
    }
    if (totals_group == r->totals_group && sum != r->sum) {
        broken(r, "totals changed within a group (group, sum)", totals_group, sum);
    }
    if (r->passes % 64 == 0 && one_number(r, "SELECT count(*) FROM records") != r->n_rows) {
        broken(r, "rows went away; there were", r->n_rows, rows_group);
    }
    if (rows_group != r->rows_group) {
        (void)fprintf(r->said, "rows %lld %lld\n", (long long)rows_group, (long long)r->n_rows);
    }
    if (totals_group != r->totals_group) {
        (void)fprintf(r->said, "sum %lld %lld\n", (long long)totals_group, (long long)sum);
    }
    r->rows_group = rows_group;
    r->totals_group = totals_group;
    r->sum = sum;
}

static void look_at_database(observer *r)
{
    if (r->db == NULL && access("out.db", F_OK) == 0) {
        if (sqlite3_open_v2("out.db", &r->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
            broken(r, "the database can't be opened", 0, 0);
        }
        (void)sqlite3_busy_timeout(r->db, 10000);
    }
    if (r->db == NULL) {
        return;
    }
    if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        broken(r, sqlite3_errmsg(r->db), 0, 0);
    }
    look_in_transaction(r);
    (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    if (r->passes % 50 == 49) { // as a reader that comes and goes
        (void)sqlite3_close(r->db);
        r->db = NULL;
    }
}

// ---------------------------------------------------------------- the process

static _Noreturn void read_all(const char *dir, int end)
{
    static observer r;
    struct pollfd ended = {.fd = end, .events = POLLIN};
    r.dir = dir;
    r.files = calloc(MOST_GROUPS, sizeof *r.files);
    if (chdir(dir) != 0 || (r.said = fopen("reader.said", "w")) == NULL || r.files == NULL) {
        _exit(2);
    }
    bool over = false;
    while (!over) { // one look more after the end
        over = poll(&ended, 1, PACE_MS) == 1;
        look_at_files(&r);
        look_at_database(&r);
        r.passes++;
    }
    (void)fprintf(r.said, "end %lld\n", (long long)r.passes);
    (void)fclose(r.said);
    _exit(0);
}

slt_reader slt_reader_start(const char *dir)
{
    int ends[2];
    slt_reader reader = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)snprintf(reader.said, sizeof reader.said, "%s/reader.said", dir);
    reader.pid = fork();
    assert_true(reader.pid >= 0);
    if (reader.pid == 0) {
        (void)close(ends[1]);
        read_all(dir, ends[0]);
    }
    (void)close(ends[0]);
    reader.end = ends[1];
    return reader;
}

static void judge(slt_reader *reader, int status)
{
    size_t size = 0;
    char *text = slt_load(reader->said, &size);
    const char *what = text == NULL ? NULL : strstr(text, "BROKEN");
    reader->pid = 0;
    if (what != NULL || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("the second process, status %d: %s", status, what == NULL ? "no word" : what);
    }
    free(text);
}

void slt_reader_check(slt_reader *reader)
{
    int status = 0;
    if (waitpid(reader->pid, &status, WNOHANG) == reader->pid) {
        judge(reader, status);
        fail_msg("the second process has ended before its time");
    }
}

void slt_reader_end(slt_reader *reader)
{
    int status = 0;
    (void)close(reader->end);
    assert_int_equal(waitpid(reader->pid, &status, 0), reader->pid);
    judge(reader, status);
}
