/// life.h — lives of the released program `bin/sluice run`, one after the other, with their phases
/// in view: for tests that kill it.
///
/// Nothing sleeps: waits are for the end of the process, and for the phase word that the program
/// keeps in a mapped file (SLUICE_PHASE_FILE, env/README.md).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SLT_DEADLINE_MS = 60000, SLT_SETTINGS = 24 };

int64_t slt_now_us(void); ///< monotonic
/// dir/name; lives until the 16th further call. Thread: the test's own.
const char *slt_in_dir(const char *dir, const char *name);
/// The whole file, ended by a zero, for free(); NULL when it can't be read. Thread: any.
char *slt_load(const char *path, size_t *size);

/// Phases as in SLUICE_PHASE_FILE; 0 is "none yet".
enum { SLT_FETCH = 1, SLT_STAGE, SLT_SEAL, SLT_LOG, SLT_COMMIT, SLT_FORGET, SLT_PHASES };

typedef struct slt_life {
    const char *dir;
    const char *job;                    ///< a file of tests/jobs
    const char *settings[SLT_SETTINGS]; ///< "NAME=VALUE", ended by NULL: of the next life
    int32_t number;                     ///< of the life, from 0
    pid_t pid;                          ///< 0: none
    struct slt_phase_page *page;
    uint64_t before[16]; ///< how often each phase had been entered when the life began, or at
                         ///< slt_life_mark
    /// Called after each second in which a phase that is awaited was not entered: gives the life
    /// more to do, since it may have done all it had before anybody waited. NULL: nothing is given.
    void (*give_more)(void *ctx);
    void *ctx;
} slt_life;

/// Its checkpoint is dir/ckpt, what it writes goes to dir/life.out.
void slt_life_open(slt_life *life, const char *dir, const char *job);
void slt_life_start(slt_life *life);
/// Waits until phase `wanted` was entered `times` times in this life; fails the test when the
/// program ends before.
void slt_life_await(slt_life *life, int wanted, uint64_t times);
/// Counts from now on what slt_life_await waits for.
void slt_life_mark(slt_life *life);
/// Waits, without giving the processor away, for so many microseconds of the life.
void slt_life_run(slt_life *life, int64_t us);
/// Waits for so many milliseconds of the life; fails the test when it ends before.
void slt_life_last(slt_life *life, int ms);
/// Kills it with signal 9 and waits for its end: the phase it died in.
int slt_life_kill(slt_life *life);
/// Tells it to stop gracefully; fails the test unless it ends well.
void slt_life_stop(slt_life *life);
/// Waits until it ends by itself: its exit code.
int slt_life_end(slt_life *life);
/// Fails the test, and shows the end of it, unless what its lives have written has that text in it.
void slt_life_must_say(const slt_life *life, const char *text);
/// Waits until its lives have written that text.
void slt_life_await_words(slt_life *life, const char *text);
void slt_life_close(slt_life *life);
