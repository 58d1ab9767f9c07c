// The released program scores rows by a model whose file is replaced, killed at any moment: in the
// end each row is there once, and the rows of an epoch were scored by one of the two models.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kill/kill.h"
#include "kills.h"

enum { KILLS = 21, SOAK_KILLS = 300, ROWS = 500, MOST_FILES = 2 * SOAK_KILLS + 1, LOOK_MS = 20 };

#define MODELS SLT_SOURCE_DIR "/tests/models/"

/// The first row of tests/models/xgb-binary.csv, and what the first model gives for it.
static const char features[] = "0.7522841691970825,-1.1985514163970947,0.1729447990655899";
static const double first_gives = 0.33220568299293518;

/// What was published.
typedef struct shown {
    int32_t counts[MOST_FILES * ROWS];
    int64_t n;
    double other;    ///< what the second model gives; 0: it gave nothing yet
    int64_t by[2];   ///< rows by model
    int32_t n_mixed; ///< files with rows of both
} shown;

static void move_in(const char *dir, const char *staged, const char *name)
{
    assert_int_equal(rename(slt_in_dir(dir, staged), slt_in_dir(dir, name)), 0);
}

static void put_rows(const char *dir, int32_t number)
{
    char name[64];
    FILE *file = fopen(slt_in_dir(dir, "in/.next"), "w");
    assert_non_null(file);
    for (int32_t i = 0; i < ROWS; i++) {
        assert_true(fprintf(file, "%d,%s\n", number * ROWS + i, features) > 0);
    }
    assert_int_equal(fclose(file), 0);
    (void)snprintf(name, sizeof name, "in/f-%04d.csv", number);
    move_in(dir, "in/.next", name);
}

static void put_model(const char *dir, int32_t number)
{
    size_t size = 0;
    char *bytes =
        slt_load(number % 2 == 0 ? MODELS "xgb-binary.json" : MODELS "xgb-binary2.json", &size);
    FILE *file = fopen(slt_in_dir(dir, ".model"), "wb");
    assert_true(bytes != NULL && file != NULL);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    move_in(dir, ".model", "model.json");
    free(bytes);
}

static void see_file(shown *s, char *text, int32_t n_rows)
{
    char *rest = NULL;
    int64_t before[2] = {s->by[0], s->by[1]};
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *end = NULL;
        long number = strtol(line, &end, 10);
        assert_true(*end == ',' && number >= 0 && number < n_rows);
        double p = strtod(end + 1, &end);
        assert_int_equal(*end, '\0');
        s->other = p != first_gives && s->other == 0 ? p : s->other;
        if (p != first_gives && p != s->other) {
            fail_msg("row %ld was scored %.17g, which neither model gives", number, p);
        }
        s->by[p != first_gives]++;
        s->counts[number]++;
        s->n++;
    }
    s->n_mixed += s->by[0] > before[0] && s->by[1] > before[1];
}

static void see_published(shown *s, const char *dir, int32_t n_rows)
{
    char path[700];
    *s = (shown){.n = 0};
    DIR *entries = opendir(slt_in_dir(dir, "out"));
    for (struct dirent *entry = NULL; entries != NULL && (entry = readdir(entries)) != NULL;) {
        size_t size = 0;
        (void)snprintf(path, sizeof path, "%s/out/%s", dir, entry->d_name);
        char *text = entry->d_name[0] == '.' ? NULL : slt_load(path, &size);
        if (text != NULL) {
            see_file(s, text, n_rows);
        }
        free(text);
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

SL_TEST(models_replaced_and_killed_at_any_moment_every_row_is_scored_once, "EXACTLY-ONCE-1")
{
    static shown s;
    slt_kills kills = {.before_us = 200000, .most_entries = 1, .beyond_us = 3000};
    int32_t n_kills = slt_is_soak() ? SOAK_KILLS : KILLS, n_files = 0;
    const char *dir = slt_temp_dir();
    slt_life life;
    if (!SLT_XGBOOST) {
        slt_not_here("this build is without XGBoost");
    }
    assert_int_equal(mkdir(slt_in_dir(dir, "in"), 0777), 0);
    put_model(dir, 0);
    slt_run_open(&life, dir, "models_job.so", 9);
    slt_kills_begin(&kills);
    for (int32_t i = 0; i < n_kills; i++) {
        put_rows(dir, n_files++);
        slt_run_start(&life, "catch_up=false");
        put_model(dir, i + 1);
        put_rows(dir, n_files++);
        slt_kill_next(&kills, &life);
    }
    put_rows(dir, n_files++);
    slt_run_start(&life, "catch_up=false");
    int64_t deadline_us = slt_now_us() + SLT_DEADLINE_MS * 1000LL;
    for (see_published(&s, dir, n_files * ROWS); s.n < (int64_t)n_files * ROWS;
         see_published(&s, dir, n_files * ROWS)) {
        assert_true(slt_now_us() < deadline_us);
        slt_life_last(&life, LOOK_MS);
    }
    slt_life_stop(&life);
    see_published(&s, dir, n_files * ROWS);
    for (int32_t i = 0; i < n_files * ROWS; i++) {
        if (s.counts[i] != 1) {
            fail_msg("row %d is there %d times", i, s.counts[i]);
        }
    }
    assert_int_equal(s.n_mixed, 0); // each epoch is a group, and a file, of its own
    assert_true(s.by[0] > 0 && s.by[1] > 0);
    slt_kills_tell(&kills);
    (void)printf("%lld rows by the first model, %lld by the second\n", (long long)s.by[0],
                 (long long)s.by[1]);
    slt_life_close(&life);
}
