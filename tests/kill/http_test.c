// The released program behind its HTTP door, killed while somebody posts numbered lines: each is
// there once, whatever was sent twice.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kill/kill.h"
#include "kill/post.h"
#include "kills.h"
#include "ports.h"
#include "published.h"

enum { KILLS = 14, SOAK_KILLS = 500 };

static void start(slt_life *life)
{
    slt_run_start(life, "parallelism=1");
}

SL_TEST(http_killed_at_any_moment_every_posted_line_counts_once, "EXACTLY-ONCE-1")
{
    slt_kills kills = {.before_us = 200000, .most_entries = 6};
    int32_t n_kills = slt_is_soak() ? SOAK_KILLS : KILLS;
    const char *dir = slt_temp_dir();
    int port = 0;
    int64_t repeats = 0;
    slt_life life;
    slt_ports(&port, 1);
    slt_run_open(&life, dir, "http_job.so", port);
    slt_kills_begin(&kills);
    slt_post *post = slt_post_start(port, (uint64_t)slt_kills_draw(&kills, INT32_MAX));
    for (int32_t i = 0; i < n_kills; i++) {
        start(&life);
        slt_kill_next(&kills, &life);
    }
    start(&life);
    slt_life_await(&life, SLT_FORGET, 3);
    int64_t n = slt_post_end(post, &repeats);
    slt_life_stop(&life);
    assert_true(n > n_kills && repeats > 0);
    slt_check_each_once(dir, n * SLT_POST_LINES);
    (void)printf("requests acknowledged %lld, sent once more %lld\n", (long long)n,
                 (long long)repeats);
    slt_life_close(&life);
}

// ---------------------------------------------------------------- a client of others

static void needs(const char *command, const char *otherwise)
{
    if (system(command) != 0) { // NOLINT: the test's own words
        slt_not_here(otherwise);
    }
}

static void needs_curl(void)
{
    needs("curl --version >/dev/null 2>&1", "no curl");
}

/// The status of the answer is `want`; "000" is none. `dir` is where curl runs.
static void curl(const char *dir, const char *door, const char *more, const char *want)
{
    char command[4096], got[64] = "";
    (void)snprintf(command, sizeof command,
                   "cd '%s' && curl -s -o /dev/null -w '%%{http_code}' --max-time 20 %s %s", dir,
                   more, door);
    FILE *pipe = popen(command, "re"); // NOLINT: the test's own words
    assert_non_null(pipe);
    (void)!fgets(got, sizeof got, pipe);
    (void)pclose(pipe);
    if (strcmp(got, want) != 0) {
        fail_msg("%s, not %s: %s", got, want, command);
    }
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
    const char *dir = slt_temp_dir();
    char large[600], door[64];
    needs_curl();
    int port = 0, counts[4] = {0};
    slt_life life;
    slt_ports(&port, 1);
    slt_run_open(&life, dir, "http_job.so", port);
    (void)snprintf(door, sizeof door, "http://localhost:%d/in", port);
    start(&life);
    curl(dir, door, "--retry 20 --retry-connrefused --retry-delay 1", "200"); // once it listens
    curl(dir, door, "-H 'Idempotency-Key: a' --data-binary one", "204");
    curl(dir, door, "-H 'Idempotency-Key: a' --data-binary one", "204"); // says so, and counts once
    curl(dir, door, "-T - -H 'Transfer-Encoding: chunked' </dev/null", "204");
    curl(dir, door, "-X DELETE", "405");
    (void)snprintf(large, sizeof large, "%s/large", dir);
    put_large(large);
    (void)snprintf(large, sizeof large, "-T %s/large", dir);
    curl(dir, door, large, "204");
    slt_life_kill(&life);
    start(&life);
    curl(dir, door, "--retry 20 --retry-connrefused --retry-delay 1", "200");
    curl(dir, door, "-H 'Idempotency-Key: a' --data-binary one", "204"); // known in this life, too
    curl(dir, door, "--data-binary two", "204");
    slt_life_stop(&life);
    slt_each_line(slt_in_dir(dir, "out"), count_line, counts);
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 1);
    assert_int_equal(counts[3], 3 << 16);
    assert_int_equal(counts[0], 0);
    slt_life_close(&life);
}

/// In DIR: ca.pem, and what it signed: server and client; and a client of another authority.
static void make_certificates(const char *dir)
{
    char command[2048];
    (void)snprintf(
        command, sizeof command,
        "cd '%s' && exec >certificates.log 2>&1 && make() { name=$1; shift; openssl req -x509 "
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$name -keyout "
        "$name.key -out $name.pem \"$@\"; } && make ca && make other && make server -CA ca.pem "
        "-CAkey ca.key -addext subjectAltName=DNS:localhost && make client -CA ca.pem -CAkey "
        "ca.key "
        "&& make strange -CA other.pem -CAkey other.key && printf let-me-in >secret",
        dir);
    if (system(command) != 0) { // NOLINT: the test's own words
        fail_msg("openssl made no certificates: see %s/certificates.log", dir);
    }
}

SL_TEST(curl_is_answered_over_tls_with_its_certificate_and_the_secret, "")
{
    const char *dir = slt_temp_dir();
    char options[2048], door[64], plain[64];
    int port = 0, counts[4] = {0};
    slt_life life;
    if (!SLT_TLS) {
        slt_not_here("a build without TLS");
    }
    needs_curl();
    needs("openssl version >/dev/null 2>&1", "no openssl");
    make_certificates(dir);
    slt_ports(&port, 1);
    (void)snprintf(
        options, sizeof options,
        "tls.cert=%s/server.pem&tls.key=%s/server.key&tls.ca=%s/ca.pem&secret=file:%s/secret", dir,
        dir, dir, dir);
    assert_int_equal(setenv("SLUICE_TEST_DOOR", options, 1), 0);
    (void)snprintf(door, sizeof door, "https://localhost:%d/in", port);
    (void)snprintf(plain, sizeof plain, "http://localhost:%d/in", port);
    slt_run_open(&life, dir, "http_job.so", port);
#define CLIENT "--cacert ca.pem --cert client.pem --key client.key "
#define SECRET "-H 'Authorization: Bearer let-me-in' "
    start(&life);
    curl(dir, door, CLIENT "--retry 20 --retry-connrefused --retry-delay 1", "200");
    curl(dir, door, CLIENT SECRET "-H 'Idempotency-Key: a' --data-binary one", "204");
    curl(dir, door, CLIENT "--data-binary two", "401");
    curl(dir, door, CLIENT "-H 'Authorization: Bearer let-me-out' --data-binary two", "401");
    curl(dir, door, "--cacert ca.pem " SECRET "--data-binary two", "000"); // no certificate
    curl(dir, door,
         "--cacert ca.pem --cert strange.pem --key strange.key " SECRET "--data-binary two", "000");
    curl(dir, plain, SECRET "--data-binary two", "000");
    slt_life_kill(&life);
    start(&life);
    curl(dir, door, CLIENT "--retry 20 --retry-connrefused --retry-delay 1", "200");
    curl(dir, door, CLIENT SECRET "-H 'Idempotency-Key: a' --data-binary one", "204");
    slt_life_stop(&life);
    assert_int_equal(unsetenv("SLUICE_TEST_DOOR"), 0);
    slt_each_line(slt_in_dir(dir, "out"), count_line, counts);
    assert_true(counts[0] == 0 && counts[1] == 1 && counts[2] == 0 && counts[3] == 0);
    slt_life_close(&life);
}
