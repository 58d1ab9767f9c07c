// One bad record among a million, and the program killed with signal 9 at any moment, mostly while
// it searches: in the end every other record is there once, and one dead letter tells of the bad
// one.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "kill/kill.h"

enum {
    RECORDS = SLT_SLOW_BUILD ? 50000 : 1000000, // a search reads them some forty times
    BAD = SLT_SLOW_BUILD ? 32717 : 654321,
    KILLS = 6,
    SOAK_KILLS = 200,
    MOST_RUN_US = 900000
};

/// Numbers from 1 on, a line each; one of them is a word. They appear whole.
static void put_numbers(const char *dir)
{
    const char *path = slt_in_dir(dir, "in/.all");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int32_t i = 1; i <= RECORDS; i++) {
        (void)fprintf(file, i == BAD ? "bad\n" : "%d\n", i);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(path, slt_in_dir(dir, "in/all.txt")), 0);
}

/// One more, for the last life: so that it has something to commit, whatever the others did.
static void put_last(const char *dir)
{
    const char *path = slt_in_dir(dir, "in/.last");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fprintf(file, "%d\n", RECORDS + 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(path, slt_in_dir(dir, "in/last.txt")), 0);
}

typedef void (*see_line)(void *ctx, const char *line);

/// Every line of the published files of a directory.
static void each_line(const char *dir, see_line see, void *ctx)
{
    char path[700];
    DIR *entries = opendir(dir);
    assert_non_null(entries);
    for (struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        size_t size = 0;
        char *text = slt_load(path, &size), *rest = NULL;
        assert_non_null(text);
        for (char *line = strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            see(ctx, line);
        }
        free(text);
    }
    (void)closedir(entries);
}

static void see_number(void *ctx, const char *line)
{
    uint8_t *seen = ctx;
    char *end = NULL;
    long n = strtol(line, &end, 10);
    assert_true(*end == '\0' && n >= 1 && n <= RECORDS + 1);
    seen[n]++;
}

static void see_letter(void *ctx, const char *line)
{
    char place[64];
    (*(int32_t *)ctx)++;
    (void)snprintf(place, sizeof place, "\"line\":%d,", BAD);
    assert_non_null(strstr(line, place));
    assert_non_null(strstr(line, "\"record\":\"bad\""));
    assert_non_null(strstr(line, "\"operator\":\"numbers\""));
}

static void check_outputs(const char *dir)
{
    uint8_t *seen = calloc(RECORDS + 2, 1);
    int32_t letters = 0;
    assert_non_null(seen);
    each_line(slt_in_dir(dir, "out"), see_number, seen);
    each_line(slt_in_dir(dir, "ckpt/dead"), see_letter, &letters);
    for (int32_t i = 1; i <= RECORDS + 1; i++) {
        if (seen[i] != (i == BAD ? 0 : 1)) {
            fail_msg("record %d is there %d times", i, seen[i]);
        }
    }
    assert_int_equal(letters, 1);
    free(seen);
}

SL_TEST(killed_while_it_searches_one_bad_record_of_a_million_has_one_letter, "POISON-1")
{
    const char *dir = slt_temp_dir(), *seed = getenv("SLUICE_SEED");
    sli_rng rng = {seed == NULL ? 20261128 : strtoull(seed, NULL, 10)};
    int32_t n_kills = slt_is_soak() ? SOAK_KILLS : KILLS, died_in[SLT_PHASES] = {0};
    slt_life life;
    assert_int_equal(mkdir(slt_in_dir(dir, "in"), 0777), 0);
    put_numbers(dir);
    slt_run_open(&life, dir, "poison_job.so", 9);
    for (int32_t i = 0; i < n_kills; i++) {
        slt_run_start(&life, "poison=dead-letter");
        if (i % 3 != 0) {
            slt_life_await(&life, SLT_STAGE, 1);
        }
        slt_life_run(&life, (int64_t)sli_rng_below(&rng, MOST_RUN_US));
        died_in[slt_life_kill(&life)]++;
    }
    put_last(dir);
    slt_run_start(&life, "poison=dead-letter");
    slt_life_await(&life, SLT_FORGET, 1);
    slt_life_stop(&life);
    check_outputs(dir);
    (void)printf("%d kills, %d of them in the stage phase\n", n_kills, died_in[SLT_STAGE]);
    slt_life_close(&life);
}
