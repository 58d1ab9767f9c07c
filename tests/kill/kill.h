/// kill.h — what the kill test is made of: a feeder, lives of the program that is killed, a second
/// process that reads, and the comparison of everything shown with everything fed.
///
/// Nothing sleeps: waits are for descriptors, for the end of processes, and for the phase word that
/// the program keeps in a mapped file (SLUICE_PHASE_FILE).
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "sl_test.h"

enum { SLT_KEYS = 97, SLT_DEADLINE_MS = 60000 };

int64_t slt_now_us(void); ///< monotonic
/// dir/name; lives until the 16th further call. Thread: the test's own.
const char *slt_in_dir(const char *dir, const char *name);
/// The whole file, ended by a zero, for free(); NULL when it can't be read. Thread: any.
char *slt_load(const char *path, size_t *size);

/// The key of line `number`: "k0" to "k96".
int slt_key_of(int64_t number);

// ---- rows.c

/// A record of the outputs: kind 'f' (file), 's' (socket) or 'c' (the epoch's number of records).
typedef struct slt_row {
    char kind;
    int64_t number, epoch;
} slt_row;

/// Reads a line of a published file and moves on; false at the end. A line that is none has kind 0.
bool slt_row_read(const char **at, slt_row *row);

/// The group in the name of a published file, or 0.
int64_t slt_group_of(const char *name);

// ---- feed.c: files that appear whole, and a socket server; both number their lines from 1

/// Lines that went out over one connection: `first` to `last`, the last perhaps in part.
typedef struct slt_connection {
    int64_t first, last;
    int32_t life; ///< of the program
} slt_connection;

typedef struct slt_feed slt_feed;

slt_feed *slt_feed_start(const char *dir, uint64_t seed);
int slt_feed_port(const slt_feed *feed);
/// The program has died, and was waited for: all connections it made are closed. Later ones belong
/// to the next life.
void slt_feed_break(slt_feed *feed);
/// No more lines are begun; those that were go out whole.
void slt_feed_pause(slt_feed *feed);
int64_t slt_feed_file_lines(slt_feed *feed);
int64_t slt_feed_socket_lines(slt_feed *feed);
/// All connections so far, oldest first; stable once the feed is paused.
const slt_connection *slt_feed_connections(slt_feed *feed, int32_t *n);
void slt_feed_stop(slt_feed *feed); ///< ends the thread and frees

// ---- reader.c: the second process

typedef struct slt_reader {
    pid_t pid;
    int end; ///< closing it ends the process
    char said[512];
} slt_reader;

/// Forks it. Call before any thread is started.
slt_reader slt_reader_start(const char *dir);
/// Fails the test if the reader has found something wrong so far.
void slt_reader_check(slt_reader *reader);
/// Ends it; fails the test if it found anything wrong. Its observations are in the file `said`.
void slt_reader_end(slt_reader *reader);

// ---- life.c: the program

/// Phases as in SLUICE_PHASE_FILE; 0 is "none yet".
enum { SLT_FETCH = 1, SLT_STAGE, SLT_SEAL, SLT_LOG, SLT_COMMIT, SLT_FORGET, SLT_PHASES };

typedef struct slt_life {
    const char *dir;
    const char *job;     ///< a file of tests/jobs
    const char *setting; ///< one more, "NAME=VALUE"
    int port;
    int32_t number; ///< of the life, from 0
    pid_t pid;
    struct slt_phase_page *page;
    uint64_t before[16]; ///< how often each phase had been entered when the life began
} slt_life;

void slt_life_open(slt_life *life, const char *dir, int port);
void slt_life_start(slt_life *life);
/// Waits until phase `wanted` was entered `times` times in this life; fails the test when the
/// program ends before.
void slt_life_await(slt_life *life, int wanted, uint64_t times);
/// Waits, without giving the processor away, for so many microseconds of the life.
void slt_life_run(slt_life *life, int64_t us);
/// Kills it with signal 9 and waits for its end: the phase it died in.
int slt_life_kill(slt_life *life);
/// Tells it to stop gracefully; fails the test unless it ends well.
void slt_life_stop(slt_life *life);
void slt_life_close(slt_life *life);

// ---- truth.c: what was accepted, what was shown

typedef struct slt_truth slt_truth;

slt_truth *slt_truth_new(const char *dir);
/// Marks the socket's lines that are in whole records of the write-ahead log: they must be shown in
/// the end.
void slt_truth_see_log(slt_truth *truth);
/// Compares, record by record; fails the test on the first difference. *lost: lines sent but never
/// accepted.
void slt_truth_check(slt_truth *truth, slt_feed *feed, int32_t last_life, const char *reader_said,
                     int64_t *lost);
/// Whether everything fed to the paused feed has reached the database.
bool slt_truth_all_shown(slt_truth *truth, slt_feed *feed, int32_t last_life);
void slt_truth_free(slt_truth *truth);
