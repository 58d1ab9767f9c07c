// The released program behind a directory in which Parquet files appear, killed at any moment: in
// the end each row of each file is there once.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kill/kill.h"
#include "kills.h"

enum { KILLS = 21, SOAK_KILLS = 300, ROWS = 20000, LOOK_MS = 20 };

/// Another file with rows 0 to 19,999, which appears whole.
static void put_file(const char *dir, int32_t number)
{
    char name[64];
    size_t size = 0;
    char *bytes = slt_load(SLT_SOURCE_DIR "/src/source/file/parquet_test/groups.parquet", &size);
    const char *staged = slt_in_dir(dir, "in/.next");
    FILE *file = fopen(staged, "wb");
    assert_true(bytes != NULL && file != NULL);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(name, sizeof name, "in/f-%04d.parquet", number);
    assert_int_equal(rename(staged, slt_in_dir(dir, name)), 0);
    free(bytes);
}

/// Counts each number of the published files; returns how many there are.
static int64_t count_rows(const char *dir, int32_t *counts)
{
    char path[700];
    int64_t n = 0;
    DIR *entries = opendir(slt_in_dir(dir, "out"));
    memset(counts, 0, ROWS * sizeof *counts);
    for (struct dirent *entry = NULL; entries != NULL && (entry = readdir(entries)) != NULL;) {
        size_t size = 0;
        (void)snprintf(path, sizeof path, "%s/out/%s", dir, entry->d_name);
        char *text = entry->d_name[0] == '.' ? NULL : slt_load(path, &size), *rest = NULL;
        for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest), n++) {
            char *end = NULL;
            long number = strtol(line, &end, 10);
            assert_true(*end == '\0' && number >= 0 && number < ROWS);
            counts[number]++;
        }
        free(text);
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return n;
}

static void await_all(slt_life *life, int64_t n, int32_t *counts)
{
    int64_t deadline_us = slt_now_us() + SLT_DEADLINE_MS * 1000LL;
    while (count_rows(life->dir, counts) < n) {
        assert_true(slt_now_us() < deadline_us);
        slt_life_last(life, LOOK_MS);
    }
}

SL_TEST(parquet_killed_at_any_moment_every_row_counts_once, "EXACTLY-ONCE-1")
{
    static int32_t counts[ROWS];
    slt_kills kills = {.before_us = 200000, .most_entries = 1, .beyond_us = 3000};
    int32_t n_kills = slt_is_soak() ? SOAK_KILLS : KILLS, n_files = 0;
    const char *dir = slt_temp_dir();
    slt_life life;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    assert_int_equal(mkdir(slt_in_dir(dir, "in"), 0777), 0);
    slt_run_open(&life, dir, "parquet_job.so", 9);
    slt_kills_begin(&kills);
    for (int32_t i = 0; i < n_kills; i++) {
        put_file(dir, n_files++);
        put_file(dir, n_files++);
        slt_run_start(&life, "catch_up=false");
        slt_kill_next(&kills, &life);
    }
    put_file(dir, n_files++);
    slt_run_start(&life, "catch_up=false");
    await_all(&life, (int64_t)n_files * ROWS, counts);
    slt_life_stop(&life);
    (void)count_rows(dir, counts);
    for (int32_t i = 0; i < ROWS; i++) {
        if (counts[i] != n_files) {
            fail_msg("row %d is there %d times, of %d files", i, counts[i], n_files);
        }
    }
    slt_kills_tell(&kills);
    slt_life_close(&life);
}
