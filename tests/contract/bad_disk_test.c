// Full disks and damaged checkpoints, in the simulated world: the error names the file, nothing
// accepted is lost, and no count is ever wrong.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "contract/simlife.h"
#include "contract/plain.h"

// ---------------------------------------------------------------- a full disk

/// Everything that writes: files and a database from a directory and a socket, with state.
static void everything(sl_graph *graph)
{
    sl_stream *files = sl_stream_uid(sl_stream_open(graph, "file:in"), "files");
    sl_stream *socket = sl_stream_open(graph, "socket://localhost:9999?reconnect_delay=10ms");
    sl_stream *lines = sl_stream_union(files, sl_stream_uid(socket, "socket"));
    sl_stream_save(sl_stream_uid(lines, "all"), "file:out");
    sl_stream *totals = sl_stream_update_state_by_key(lines, "line", &slt_count_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"),
                   "sqlite:db?table=totals&mode=upsert&key=line&journal=delete");
}

#define FILLING                                                                                    \
    "--------------------------------------------------------------------------------------------" \
    "----"

/// The same with every output in files, of long lines: what is full then is another file.
static void everything_in_files(sl_graph *graph)
{
    sl_stream *files = sl_stream_uid(sl_stream_open(graph, "file:in"), "files");
    sl_stream *socket = sl_stream_open(graph, "socket://localhost:9999?reconnect_delay=10ms");
    sl_stream *lines = sl_stream_union(files, sl_stream_uid(socket, "socket"));
    sl_stream *wide =
        sl_stream_select(lines, "line, '" FILLING FILLING FILLING FILLING "' as filling");
    sl_stream_save(sl_stream_uid(wide, "all"), "file:out?format=csv");
    sl_stream *totals = sl_stream_update_state_by_key(lines, "line", &slt_count_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"), "file:totals?format=csv");
}

static const char *const often[] = {"snapshot.groups", "2", NULL};

/// One round of input: three lines of a file and two of the socket, each its own.
static void feed_everything(slt_simlife *l, sli_peer *peer, int round)
{
    char name[32], text[128];
    (void)snprintf(name, sizeof name, "in/%d.txt", round);
    (void)snprintf(text, sizeof text, "f%d-1\nf%d-2\nsame\n", round, round);
    slt_simlife_put(l, name, text);
    (void)snprintf(text, sizeof text, "s%d-1\nsame\n", round);
    assert_int_equal(sli_peer_send(peer, text, strlen(text), NULL), SL_OK);
}

/// The total that the last group of the directory "totals" has.
static int64_t total_in_files(const char *totals, const char *line)
{
    char wanted[40];
    int64_t n = 0;
    (void)snprintf(wanted, sizeof wanted, "\n%s,", line);
    if (strncmp(totals, wanted + 1, strlen(wanted + 1)) == 0) {
        n = strtoll(totals + strlen(wanted + 1), NULL, 10);
    }
    for (const char *at = totals; (at = strstr(at, wanted)) != NULL; at++) {
        n = strtoll(at + strlen(wanted), NULL, 10);
    }
    return n;
}

static int64_t total_in_database(sqlite3 *db, const char *line)
{
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT n FROM totals WHERE line = ?", -1, &row, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(row, 1, line, -1, SQLITE_TRANSIENT), SQLITE_OK);
    int64_t n = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    (void)sqlite3_finalize(row);
    return n;
}

/// The database as SQLite sees it.
static sqlite3 *open_copy(slt_simlife *l)
{
    char *bytes = NULL;
    size_t n = 0;
    sqlite3 *db = NULL;
    assert_int_equal(sli_world_read(l->world, "db", &bytes, &n, NULL), SL_OK);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    unsigned char *copy_of = sqlite3_malloc64(n);
    assert_non_null(copy_of);
    memcpy(copy_of, bytes, n);
    sl_free(bytes);
    assert_int_equal(
        sqlite3_deserialize(db, "main", copy_of, (sqlite3_int64)n, (sqlite3_int64)n,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY),
        SQLITE_OK);
    return db;
}

/// Compares one line's number in the files with its total.
static void compare(slt_simlife *l, sqlite3 *db, const char *all, const char *totals,
                    const char *line, int32_t least, int32_t most, char *what, size_t size)
{
    char whole[40];
    (void)snprintf(whole, sizeof whole, l->build == everything_in_files ? "%s," : "%s\n", line);
    int32_t n = slt_times_in(all, whole);
    int64_t total = db == NULL ? total_in_files(totals, line) : total_in_database(db, line);
    if (n < least || n > most || total != n) {
        (void)snprintf(what, size, "%s: %d times in the files, total %lld, right is %d to %d", line,
                       n, (long long)total, least, most);
    }
}

/// "" when every line is shown once and counted right, else what is wrong. The socket's lines of
/// rounds `from` to `to` - 1 may be missing, when the process ended before they were in its log,
/// but then in both outputs.
static const char *wrong_in(slt_simlife *l, int rounds, int from, int to, char *what, size_t size)
{
    char line[32];
    sqlite3 *db = l->build == everything_in_files ? NULL : open_copy(l);
    char *totals = strdup(slt_simlife_shown(l, "totals"));
    const char *all = slt_simlife_shown(l, "out");
    what[0] = '\0';
    assert_non_null(totals);
    for (int i = 0; i < 3 * rounds; i++) {
        bool socket = i % 3 == 2;
        (void)snprintf(line, sizeof line, socket ? "s%d-1" : "f%d-%d", i / 3, i % 3 + 1);
        compare(l, db, all, totals, line, socket && i / 3 >= from && i / 3 < to ? 0 : 1, 1, what,
                size);
    }
    compare(l, db, all, totals, "same", 2 * rounds - (to - from), 2 * rounds, what, size);
    free(totals);
    (void)sqlite3_close(db);
    return what;
}

/// The disk is full when the job has written `room` bytes more; afterwards there is room again.
static bool fill_the_disk_at(sl_build_fn build, int64_t room, char *where, size_t size)
{
    enum { ROUNDS = 6 };
    char what[256];
    bool failed = false;
    int from = 0;
    slt_simlife l = slt_simlife_new(build, often);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    sli_world_disk_limit(l.world, room);
    for (int round = 0; round < ROUNDS; round++) {
        feed_everything(&l, peer, round);
        if (slt_simlife_run(&l, 1) != SL_OK) {
            failed = true;
            from = round + 1;
            SL_CHECK_HAS(l.error.text, "No space left on device");
            (void)snprintf(where, size, "%s", l.error.text);
            sli_world_disk_limit(l.world, 0);
            assert_int_equal(slt_simlife_start(&l), SL_OK);
        }
    }
    sli_world_disk_limit(l.world, 0);
    if (where[0] == '\0' &&
        strstr(slt_simlife_printed(&l), "No space left") != NULL) { // the job went on without
        (void)snprintf(where, size, "%s", strstr(slt_simlife_printed(&l), "no room"));
    }
    assert_int_equal(slt_simlife_run(&l, 3), SL_OK);
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    if (wrong_in(&l, ROUNDS, 0, from, what, sizeof what)[0] != '\0') {
        fail_msg("disk full after %lld bytes: %s", (long long)room, what);
    }
    slt_simlife_free(&l);
    return failed;
}

SL_TEST(a_full_disk_stops_the_job_and_loses_nothing, "ERRORS-5")
{
    slt_one_thread();
    static const char *const kinds[] = {"state/log", "out/.sluice", "outbox", "delta",
                                        "db",        "write-ahead", "snap/"};
    enum { N_KINDS = sizeof kinds / sizeof kinds[0] };
    int32_t n_failed = 0, seen[N_KINDS] = {0};
    int64_t step = slt_is_soak() ? 17 : SLT_SLOW_BUILD ? 709 : 331;
    for (int64_t room = 1; room < 120000; room += step) {
        char where[SL_ERROR_TEXT_BYTES] = "";
        n_failed += fill_the_disk_at(room / step % 2 == 0 ? everything : everything_in_files, room,
                                     where, sizeof where);
        for (int32_t k = 0; k < N_KINDS; k++) {
            seen[k] += strstr(where, kinds[k]) != NULL;
        }
    }
    (void)printf("full disks: %d;", n_failed);
    for (int32_t k = 0; k < N_KINDS; k++) {
        (void)printf(" %s %d", kinds[k], seen[k]);
    }
    (void)printf("\n");
    assert_true(n_failed > 10);
    for (int32_t k = 0; k < 5; k++) {
        assert_true(seen[k] > 0);
    }
}

/// Whichever directory can't be made: only those of a snapshot are none that the job needs.
SL_TEST(a_snapshot_without_room_for_its_directory_is_put_off, "ERRORS-5")
{
    enum { ROUNDS = 6, MOST = 60 };
    int64_t n = 1;
    for (bool put_off = false; !put_off; n++) {
        slt_simlife l = slt_simlife_new(everything_in_files, often);
        sli_fault fault = {.fail_at_call = n, .fail_code = SL_E_NO_SPACE, .only_site = "dir.make"};
        sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
        sl_code rc = slt_simlife_start_with(&l, &fault);
        for (int round = 0; round < ROUNDS && rc == SL_OK; round++) {
            feed_everything(&l, peer, round);
            rc = slt_simlife_run(&l, 1);
        }
        if (rc != SL_OK) {
            SL_CHECK_HAS(l.error.text, "injected failure of dir.make");
            assert_null(strstr(l.error.text, "snapshot"));
        }
        put_off = rc == SL_OK && strstr(slt_simlife_printed(&l), "is put off: snapshot") != NULL;
        slt_simlife_free(&l);
        assert_true(n < MOST);
    }
}

/// Rows that wait for a database's commit and don't fit into memory.
static void wide_to_database(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream *wide =
        sl_stream_select(lines, "line, concat(line, '" FILLING FILLING "') as filling");
    sl_stream_save(sl_stream_uid(wide, "wide"),
                   "sqlite:db?table=totals&mode=append&journal=delete");
}

static int64_t rows_in_database(slt_simlife *l)
{
    sqlite3_stmt *row = NULL;
    sqlite3 *db = open_copy(l);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(DISTINCT line) * 100000 + count(*) FROM totals", -1,
                           &row, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
    return n;
}

SL_TEST(a_disk_too_full_to_spill_to_loses_nothing, "ERRORS-5")
{
    enum { N = 800 };
    static const char *const small[] = {"memory", "64KiB", NULL};
    char text[N * 16] = "";
    int32_t n_failed = 0, n_refused = 0;
    size_t size = 0;
    for (int i = 0; i < N; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "line %d\n", i);
    }
    for (int64_t room = 20000; room < 600000; room += 20000) {
        slt_simlife l = slt_simlife_new(wide_to_database, small);
        slt_simlife_put(&l, "in/a.txt", text);
        assert_int_equal(slt_simlife_start(&l), SL_OK);
        sli_world_disk_limit(l.world, room);
        if (slt_simlife_run(&l, 2) != SL_OK) {
            SL_CHECK_HAS(l.error.text, "No space left on device");
            n_failed++;
        }
        n_refused += strstr(slt_simlife_metrics(&l), "sluice_block_spill_failures_total 0") == NULL;
        sli_world_disk_limit(l.world, 0);
        assert_int_equal(slt_simlife_start(&l), SL_OK);
        assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
        assert_int_equal(rows_in_database(&l), (int64_t)N * 100000 + N);
        slt_simlife_free(&l);
    }
    assert_true(n_failed > 0);
    assert_true(n_refused > 0);
}

// ---------------------------------------------------------------- damaged checkpoints

enum { ROUNDS = 5 };

/// The world after some rounds and a death at outside call `call` of the second life: the same for
/// the same call.
static slt_simlife damaged_life(sl_build_fn build, const char *const *settings, int64_t call)
{
    slt_simlife l = slt_simlife_new(build, settings);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    for (int round = 0; round < ROUNDS - 1; round++) {
        feed_everything(&l, peer, round);
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    }
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    feed_everything(&l, peer, ROUNDS - 1);
    sli_world_kill(l.env);
    sli_fault fault = {.crash_at_call = call};
    (void)slt_simlife_start_with(&l, &fault);
    (void)slt_simlife_run(&l, 3);
    slt_simlife_end(&l);
    return l;
}

typedef struct found_file {
    char path[128];
    int64_t size;
} found_file;

typedef struct found {
    slt_simlife *l;
    const char *dir;
    found_file files[128];
    int32_t n;
} found;

static sl_code find_in(void *ctx, const char *name, sl_error *err)
{
    found *f = ctx;
    const char *dir = f->dir;
    char path[128], *content = NULL;
    size_t size = 0;
    (void)err;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (sli_world_read(f->l->world, path, &content, &size, NULL) == SL_OK) {
        while (size > 8 && content[size - 9] == '\0' && content[size - 1] == '\0') {
            size--; // zeroes written ahead: damage there is damage to nothing
        }
        sl_free(content);
        assert_true(f->n < 128);
        (void)snprintf(f->files[f->n].path, sizeof path, "%s", path);
        f->files[f->n++].size = (int64_t)size;
        return SL_OK;
    }
    f->dir = path;
    sl_code rc = sli_world_list(f->l->world, path, find_in, f, NULL);
    f->dir = dir;
    return rc;
}

/// Whether the error names the file, or, where a part is missing, the log that it was a part of.
static bool names(const sl_error *error, const char *path)
{
    return strstr(error->text, strrchr(path, '/') + 1) != NULL ||
           (strstr(path, "/log/") != NULL && strstr(error->text, "epoch log") != NULL) ||
           (strstr(path, "/wal/") != NULL && strstr(error->text, "-socket.wal") != NULL);
}

/// The job starts on the damaged checkpoint, or tells which file is damaged; what it shows is never
/// wrong. *told: it did.
static void try_damaged(slt_simlife *l, const found_file *file, const char *how, int64_t at,
                        bool *told)
{
    char what[256] = "";
    (void)slt_simlife_start(l);
    *told = slt_simlife_run(l, 3) != SL_OK;
    if (*told) {
        bool right_code = l->rc == SL_E_CORRUPT || l->rc == SL_E_INCOMPATIBLE;
        if (!right_code || !names(&l->error, file->path)) {
            fail_msg("%s %s at %lld: %s: %s", file->path, how, (long long)at, sl_code_name(l->rc),
                     l->error.text);
        }
        return;
    }
    assert_int_equal(slt_simlife_stop(l), SL_OK);
    // What the dead process had received and no PLAN names may go with the end of its log; nothing
    // else may.
    if (wrong_in(l, ROUNDS, ROUNDS - 1, ROUNDS, what, sizeof what)[0] != '\0') {
        fail_msg("%s %s at %lld was not found: %s", file->path, how, (long long)at, what);
    }
}

static void damage_everywhere(sl_build_fn build, const char *const *settings, int64_t call,
                              int64_t n_places, int32_t *n_tried, int32_t *n_told)
{
    found all = {.dir = "state"};
    slt_simlife first = damaged_life(build, settings, call);
    all.l = &first;
    assert_int_equal(sli_world_list(first.world, "state", find_in, &all, NULL), SL_OK);
    slt_simlife_free(&first);
    for (int32_t i = 0; i < all.n; i++) {
        const found_file *file = &all.files[i];
        int64_t step = file->size / n_places + 1;
        for (int64_t at = 0; at < file->size; at += step) {
            for (int cut = 0; cut < 2; cut++) {
                bool told = false;
                slt_simlife l = damaged_life(build, settings, call);
                sl_code rc =
                    cut ? sli_world_cut(l.world, file->path, at, NULL)
                        : sli_world_flip(l.world, file->path, at, (uint8_t)(1 << (at % 8)), NULL);
                assert_int_equal(rc, SL_OK);
                try_damaged(&l, file, cut ? "cut" : "flipped", at, &told);
                slt_simlife_free(&l);
                *n_told += told;
                ++*n_tried;
            }
        }
    }
}

// With snapshots every two groups, and without any, so that the deltas are needed; the calls lie
// before, in and after the commit of the last group.
SL_TEST(any_flipped_byte_and_any_cut_of_a_checkpoint_is_named_or_harmless, "ERRORS-2")
{
    slt_one_thread();
    static const struct {
        sl_build_fn build;
        const char *const *settings;
        int64_t call;
    } cases[] = {
        {everything, often, 190}, {everything, NULL, 190}, {everything_in_files, NULL, 160}};
    int32_t n_tried = 0, n_told = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        damage_everywhere(cases[i].build, cases[i].settings, cases[i].call,
                          slt_is_soak()    ? 400
                          : SLT_SLOW_BUILD ? 2
                                           : 7,
                          &n_tried, &n_told);
    }
    (void)printf("damage: %d places, told %d, harmless %d\n", n_tried, n_told, n_tried - n_told);
    assert_true(n_told > n_tried / 10);
}
