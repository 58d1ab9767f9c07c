// The released program behind its HTTP door, killed while somebody posts numbered lines: each is
// there once, whatever was sent twice.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "kill/kill.h"
#include "kill/post.h"

enum { KILLS = 14, SOAK_KILLS = 500, MOST_ENTRIES = 6 };

static void start(slt_life *life)
{
    slt_run_start(life, "parallelism=1");
}

static void kill_once(slt_life *life, int wanted, sli_rng *rng)
{
    start(life);
    if (wanted == 0) {
        slt_life_run(life, (int64_t)sli_rng_below(rng, 200000));
    } else {
        slt_life_await(life, wanted, 1 + sli_rng_below(rng, MOST_ENTRIES));
    }
    (void)slt_life_kill(life);
}

// ---------------------------------------------------------------- what is shown

/// Calls `each` with every line of every published file.
static void each_line(const char *dir, void (*each)(void *ctx, const char *line), void *ctx)
{
    DIR *out = opendir(slt_in_dir(dir, "out"));
    assert_non_null(out);
    for (struct dirent *entry; (entry = readdir(out)) != NULL;) {
        char name[300];
        size_t size = 0;
        (void)snprintf(name, sizeof name, "out/%s", entry->d_name);
        char *text = entry->d_name[0] == '.' || strstr(name, ".txt") == NULL
                         ? NULL
                         : slt_load(slt_in_dir(dir, name), &size);
        char *rest = NULL;
        for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            each(ctx, line);
        }
        free(text);
    }
    (void)closedir(out);
}

typedef struct shown {
    int64_t n; ///< numbers 1 to n were acknowledged
    uint8_t *times;
} shown;

static void see(void *ctx, const char *line)
{
    shown *s = ctx;
    int64_t number = strtoll(line, NULL, 10);
    assert_true(number >= 1 && number <= s->n);
    s->times[number]++;
}

static void check_each_once(const char *dir, int64_t n)
{
    shown s = {.n = n, .times = calloc((size_t)n + 1, 1)};
    assert_non_null(s.times);
    each_line(dir, see, &s);
    for (int64_t i = 1; i <= n; i++) {
        if (s.times[i] != 1) {
            fail_msg("line %lld is shown %d times", (long long)i, s.times[i]);
        }
    }
    free(s.times);
}

SL_TEST(http_killed_at_any_moment_every_posted_line_counts_once, "EXACTLY-ONCE-1")
{
    const char *seed = getenv("SLUICE_SEED");
    sli_rng rng = {seed == NULL ? 20261129 : strtoull(seed, NULL, 10)};
    int32_t n_kills = slt_is_soak() ? SOAK_KILLS : KILLS;
    const char *dir = slt_temp_dir();
    int port = slt_free_port();
    int64_t repeats = 0;
    slt_life life;
    slt_run_open(&life, dir, "http_job.so", port);
    slt_post *post = slt_post_start(port, sli_rng_next(&rng));
    for (int32_t i = 0; i < n_kills; i++) {
        kill_once(&life, i % SLT_PHASES, &rng);
    }
    start(&life);
    slt_life_await(&life, SLT_FORGET, 3);
    int64_t n = slt_post_end(post, &repeats);
    slt_life_stop(&life);
    assert_true(n > n_kills && repeats > 0);
    check_each_once(dir, n * SLT_POST_LINES);
    (void)printf("requests acknowledged %lld, sent once more %lld\n", (long long)n,
                 (long long)repeats);
    slt_life_close(&life);
}

// ---------------------------------------------------------------- a client of others

static void curl(int port, const char *more, const char *want)
{
    char command[1024], got[64] = "";
    (void)snprintf(command, sizeof command,
                   "curl -s -o /dev/null -w '%%{http_code}' --max-time 20 %s "
                   "http://localhost:%d/in",
                   more, port);
    FILE *pipe = popen(command, "re"); // NOLINT: the test's own words
    assert_non_null(pipe);
    (void)!fgets(got, sizeof got, pipe);
    (void)pclose(pipe);
    SL_CHECK_TEXT(got, want);
}

static void count_line(void *ctx, const char *line)
{
    int *counts = ctx;
    counts[strcmp(line, "one") == 0 ? 1 : strcmp(line, "two") == 0 ? 2 : line[0] == 'x' ? 3 : 0]++;
}

/// 3 MiB of short lines: curl asks first whether it may go on.
static void put_large(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 3 << 16; i++) {
        (void)fputs("xxxxxxxxxxxxxxx\n", file);
    }
    assert_int_equal(fclose(file), 0);
}

SL_TEST(curl_is_answered, "")
{
    if (system("curl --version >/dev/null 2>&1") != 0) { // NOLINT
        skip();
    }
    const char *dir = slt_temp_dir();
    char large[600];
    int port = slt_free_port(), counts[4] = {0};
    slt_life life;
    slt_run_open(&life, dir, "http_job.so", port);
    start(&life);
    curl(port, "--retry 20 --retry-connrefused --retry-delay 1", "200"); // once it listens
    curl(port, "-H 'Idempotency-Key: a' --data-binary one", "204");
    curl(port, "-H 'Idempotency-Key: a' --data-binary one", "204"); // says so, and counts once
    curl(port, "-T - -H 'Transfer-Encoding: chunked' </dev/null", "204");
    curl(port, "-X DELETE", "405");
    (void)snprintf(large, sizeof large, "%s/large", dir);
    put_large(large);
    (void)snprintf(large, sizeof large, "-T %s/large", dir);
    curl(port, large, "204");
    slt_life_kill(&life);
    start(&life);
    curl(port, "--retry 20 --retry-connrefused --retry-delay 1", "200");
    curl(port, "-H 'Idempotency-Key: a' --data-binary one", "204"); // known in this life, too
    curl(port, "--data-binary two", "204");
    slt_life_stop(&life);
    each_line(dir, count_line, counts);
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 1);
    assert_int_equal(counts[3], 3 << 16);
    assert_int_equal(counts[0], 0);
    slt_life_close(&life);
}
