/// kill.h — what the kill test is made of: a feeder, lives of the program that is killed, a second
/// process that reads, and the comparison of everything shown with everything fed.
///
/// Nothing sleeps: waits are for descriptors, for the end of processes, and for the phase word that
/// the program keeps in a mapped file (SLUICE_PHASE_FILE).
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "life.h"
#include "sl_test.h"

enum { SLT_KEYS = 97 };

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

// ---- run.c: the program

/// The life of a job of tests/jobs in `dir`; SLUICE_TEST_PORT tells it the port.
void slt_run_open(slt_life *life, const char *dir, const char *job, int port);
/// Starts the next life, with other settings by turns. `setting` is one more, "NAME=VALUE".
void slt_run_start(slt_life *life, const char *setting);

// ---- shown.c: what a job of lines has published in dir/out

/// Fails the test unless the lines are the numbers 1 to n, each once.
void slt_check_each_once(const char *dir, int64_t n);
int64_t slt_lines_shown(const char *dir);

// ---- rotate.c: a process that writes a log and rotates it

typedef struct slt_writer {
    pid_t pid;
    int end; ///< closing it ends the process
} slt_writer;

/// Forks it: it appends the numbers from 1 on to dir/logs/log, a line each and often in two parts,
/// and rotates the log now and then, by rename and by copytruncate; between the copy and the
/// truncation it writes nothing. It deletes rotated files whose lines are all in files of dir/out,
/// and no others. Call before any thread is started.
slt_writer slt_writer_start(const char *dir, uint64_t seed);
/// It ends a line and itself; returns the last number.
int64_t slt_writer_end(slt_writer *writer, const char *dir, int64_t *rotations);

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
