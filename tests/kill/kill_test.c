// The released program, killed with signal 9 in every phase of its work, over and over: in the end
// each line of each file is there once, of the socket's lines none twice and none that was accepted
// is missing, the totals are right, and a second process that read the outputs all the time never
// saw a part of a group, nor one that went away.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "kill/kill.h"

enum { KILLS = 25, SOAK_KILLS = 1000, MOST_ENTRIES = 8 };

#define SETTING "catch_up=false"

static const char *const phase_names[SLT_PHASES] = {"before any", "fetch",  "stage", "seal",
                                                    "log",        "commit", "forget"};

/// Kills at a random moment of a wanted phase (0: of anything) and counts the phase it died in.
static void kill_once(slt_life *life, int wanted, sli_rng *rng, int32_t died_in[SLT_PHASES])
{
    slt_run_start(life, SETTING);
    if (wanted == 0) {
        slt_life_run(life, (int64_t)sli_rng_below(rng, 150000));
    } else {
        slt_life_await(life, wanted, 1 + sli_rng_below(rng, MOST_ENTRIES));
        if (wanted > SLT_STAGE &&
            sli_rng_below(rng, 2) == 0) { // deeper into it, or into what comes next
            slt_life_run(life, (int64_t)sli_rng_below(rng, 600));
        }
    }
    int phase = slt_life_kill(life);
    assert_true(phase >= 0 && phase < SLT_PHASES);
    died_in[phase]++;
}

/// Waits until everything fed is shown, asking again whenever something comes to the outputs.
static void await_all(slt_truth *truth, slt_feed *feed, slt_life *life)
{
    int64_t until = slt_now_us() + (int64_t)SLT_DEADLINE_MS * 1000;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, life->dir, IN_MODIFY | IN_CREATE | IN_DELETE) >= 0);
    while (!slt_truth_all_shown(truth, feed, life->number)) {
        struct pollfd change = {.fd = fd, .events = POLLIN};
        char events[4096];
        if (poll(&change, 1, 200) == 1) {
            (void)!read(fd, events, sizeof events);
        }
        slt_life_last(life, 0);
        if (slt_now_us() > until) {
            fail_msg("not everything fed was shown within %d ms", SLT_DEADLINE_MS);
        }
    }
    (void)close(fd);
}

static void print_kills(const int32_t died_in[SLT_PHASES], const slt_life *life, slt_feed *feed,
                        int64_t lost)
{
    (void)printf("kills by phase:");
    for (int i = 0; i < SLT_PHASES; i++) {
        (void)printf(" %s %d%s", phase_names[i], died_in[i], i + 1 < SLT_PHASES ? "," : "\n");
    }
    (void)printf("%d lives; %lld lines in files, all shown once; %lld on the socket, %lld of them "
                 "lost in flight\n",
                 life->number + 1, (long long)slt_feed_file_lines(feed),
                 (long long)slt_feed_socket_lines(feed), (long long)lost);
}

SL_TEST(killed_at_any_moment_every_record_counts_once, "EXACTLY-ONCE-1")
{
    const char *dir = slt_temp_dir(), *seed = getenv("SLUICE_SEED");
    sli_rng rng = {seed == NULL ? 20261123 : strtoull(seed, NULL, 10)};
    int32_t died_in[SLT_PHASES] = {0}, n_kills = slt_is_soak() ? SOAK_KILLS : KILLS;
    int64_t lost = 0;
    slt_life life;
    assert_int_equal(mkdir(slt_in_dir(dir, "in"), 0777), 0);
    slt_reader reader = slt_reader_start(dir);
    slt_feed *feed = slt_feed_start(dir, sli_rng_next(&rng));
    slt_truth *truth = slt_truth_new(dir);
    slt_run_open(&life, dir, "kill_job.so", slt_feed_port(feed));
    for (int32_t i = 0; i < n_kills; i++) {
        kill_once(&life, i % SLT_PHASES, &rng, died_in);
        slt_feed_break(feed);
        slt_truth_see_log(truth);
        slt_reader_check(&reader);
    }
    slt_run_start(&life, SETTING);
    slt_life_await(&life, SLT_FORGET, 20);
    slt_feed_pause(feed);
    await_all(truth, feed, &life);
    slt_life_stop(&life);
    slt_reader_end(&reader);
    slt_truth_check(truth, feed, life.number, reader.said, &lost);
    print_kills(died_in, &life, feed, lost);
    for (int i = SLT_FETCH; i < SLT_PHASES && slt_is_soak(); i++) {
        assert_true(died_in[i] > 0);
    }
    slt_life_close(&life);
    slt_feed_stop(feed);
    slt_truth_free(truth);
}
