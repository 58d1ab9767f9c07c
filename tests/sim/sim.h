/// sim.h — whole jobs in a simulated world: what happens to their processes, and what must hold.
///
/// A *trial* is a job, a seed and what befalls its first processes; everything after lives. A run
/// goes on, life after life, until the job has ended well twice: once when its input is through,
/// and once more with a little new input, so that what the first ending left behind is used too.
/// After every death and at the end the outputs are compared with the input.
#pragma once

#include "api/test_int.h"
#include "base/hash.h"
#include "base/str.h"
#include "fs/hdfs/sim/cluster.h"
#include "ingest/ingest.h"
#include "kafka/sim/cluster.h"
#include "mqtt/sim/broker.h"
#include "postgres/sim/server.h"
#include "sl_test.h"

enum {
    SLT_MOST_WORDS = 128,
    SLT_MOST_EPOCHS = 256,
    SLT_MOST_LIVES = 8, ///< with a fate of their own
    SLT_MOST_GROUPS = 256,
    SLT_ROUNDS = 4,     ///< of input before the first ending
    SLT_ALL_ROUNDS = 5, ///< and one after it
    SLT_WORD_BYTES = 24,
    SLT_PORT = 9999,
};

// ---------------------------------------------------------------- counts

typedef struct slt_count {
    char word[SLT_WORD_BYTES];
    int64_t n;
} slt_count;

/// Words with numbers, in no order. At most SLT_MOST_WORDS.
typedef struct slt_counts {
    slt_count items[SLT_MOST_WORDS];
    int32_t n;
} slt_counts;

int64_t slt_counts_of(const slt_counts *counts, const char *word); ///< 0 when it is not there
void slt_counts_add(slt_counts *counts, const char *word, size_t size, int64_t n);
void slt_counts_set(slt_counts *counts, const char *word, size_t size, int64_t n);

// ---------------------------------------------------------------- jobs

typedef struct slt_sim slt_sim;
typedef struct slt_groups slt_groups;
typedef struct slt_sender slt_sender;
typedef struct slt_poster slt_poster;
typedef struct slt_agent slt_agent;

/// How lines are brought to a door: which bytes ask, and what those that come back mean.
typedef struct slt_post {
    /// Appends the request that brings `line`, its end included; the next line has the next number.
    /// `met`: the connection has had an answer before.
    void (*put)(sli_str *out, int64_t number, sl_text line, bool met);
    /// SL_E_TIMEOUT: not all of the answer is there; SL_OK: the line was taken; else it was not.
    sl_code (*hear)(const sli_str *answer, bool met);
} slt_post;
extern const slt_post slt_post_http; ///< under a key of its own (poster.c)
/// As an Avro sink of Flume does, two events a line: the line, named in a header, and its first
/// word with "r" in place of "s", not named (agent.c).
extern const slt_post slt_post_avro;

typedef struct slt_sim_job {
    const char *name;
    sl_build_fn build;
    const char *settings[24]; ///< pairs, NULL-ended
    /// Input of one round; called at its virtual time, on the harness's side.
    void (*feed)(slt_sim *sim, int32_t round);
    /// Compares outputs and input; sets `wrong`. `at_end`: everything accepted must be shown.
    void (*check)(slt_sim *sim, bool at_end);
    const char *peer;      ///< host of the scripted server (port SLT_PORT), or "stdin"; NULL: none
    int64_t rest_us;       ///< what a late process runs at least; 0: a little more than an interval
    bool has_sender;       ///< its server is a process of its own
    const slt_post *posts; ///< it listens on SLT_PORT, and who posts is a process of its own
    bool has_agent;        ///< Spark's sink of Flume, which it asks, is a process of its own
    bool has_cluster;      ///< a Kafka cluster with topics "in" and "out" of two partitions
    bool has_server;       ///< a PostgreSQL server
    bool has_hdfs;         ///< an HDFS, empty
    bool has_sql;          ///< the SQL engine of the real world, which has no outside of its own
    const char *files[5];  ///< pairs of path and text, there before the first process; NULL-ended
    bool has_broker;       ///< a broker of MQTT, which keeps the topic "in" for the client "job"
} slt_sim_job;

extern const slt_sim_job slt_job_files, slt_job_socket, slt_job_joined, slt_job_grouped,
    slt_job_rate, slt_job_stdin, slt_job_sender, slt_job_posted, slt_job_rolled, slt_job_sessions,
    slt_job_poison, slt_job_event, slt_job_silent;
/// Windows (sim_windows.c): with one epoch a group, and with several.
extern const slt_sim_job slt_job_windows, slt_job_panes;
/// Windows that hold records which are refused when they fire (sim_poison_windows.c).
extern const slt_sim_job slt_job_held;
/// Files into a Kafka topic and into files; a topic into another one; records that are too large
/// for Kafka and go aside (sim_kafka.c).
extern const slt_sim_job slt_job_kafka_out, slt_job_kafka, slt_job_kafka_large;
/// Files of HDFS into others there and into a table here (sim_hdfs.c).
extern const slt_sim_job slt_job_hdfs;
/// Files into tables of a PostgreSQL server (sim_postgres.c).
extern const slt_sim_job slt_job_postgres;
void slt_postgres_fill(sli_pg_server *server); ///< with what it joins
/// Messages of MQTT into files and into another topic (sim_mqtt.c).
extern const slt_sim_job slt_job_mqtt;
/// Running counts by key, all of them and those that changed (sim_running.c).
extern const slt_sim_job slt_job_running;
/// Events of Flume, which an agent sends, or is asked for (sim_flume.c).
extern const slt_sim_job slt_job_pushed, slt_job_pulled;
/// Files into a model (sim_model.c).
extern const slt_sim_job slt_job_model;
/// A file that grows and is rotated, into files and a table (sim_tail.c).
extern const slt_sim_job slt_job_tail;
/// A script: by epoch, running, by window and joined with a static table (sim_sql.c). Not among all
/// jobs: each of its lives opens DuckDB.
extern const slt_sim_job slt_job_sql;
/// The socket's job with its snapshots on HDFS.
extern const slt_sim_job slt_job_elsewhere;
/// The socket's job with short epochs and a log that is synced less often: a call that hangs is
/// overtaken by many epochs.
extern const slt_sim_job slt_job_quick;
/// Two sources, several epochs a group and a snapshot of each group: not among all jobs.
extern const slt_sim_job slt_job_eager;
extern const slt_sim_job *const slt_all_jobs[]; ///< NULL-ended

/// What all jobs have among their settings.
#define SLT_SETTINGS                                                                               \
    "interval", "1s", "backend", "inline", "master", "local[2]", "checkpoint", "checkpoint",       \
        "snapshot.groups", "3", "log", "error"

// ---- what jobs share (sim_jobs.c)
/// "WORD the", the i-th line of a round; WORD becomes due.
void slt_sim_line(slt_sim *sim, int32_t round, int32_t i, char out[64]);
void slt_feed_poster(slt_sim *sim, int32_t round); ///< three lines
void slt_sim_due(slt_sim *sim, const char *text);  ///< its words are
void slt_feed_files(slt_sim *sim, int32_t round);  ///< two files into "in"
sl_stream *slt_words_of(sl_graph *graph, const char *url);
sl_stream *slt_totals_of(sl_stream *words); ///< the running count "n" of each word
/// No word is shown more often than it was put in, none that never was; at the end none is missing.
void slt_check_words(slt_sim *sim, const slt_counts *shown, bool at_end);
/// After each group the state is the sum of what was shown up to it.
void slt_check_state(slt_sim *sim, const slt_groups *words, const slt_groups *state);

/// A group has a running count of each of its words and of no other, and it is the sum so far
/// (sim_running.c).
void slt_check_running(slt_sim *sim, const slt_groups *words, const slt_groups *running);

/// What words are counted into "out/words", and their running counts into "out/state".
void slt_save_words(sl_stream *words);
/// Of those: lines of a receiver are there at most once, exactly once when their sender was told;
/// states are the sums of words.
void slt_check_received(slt_sim *sim, bool at_end);

/// For each round whose word "wROUND" was fed there is one letter in "out/dead" of each record
/// "WORDROUND xROUND" (`words`, NULL-ended), none before its group's rows are, and none of a record
/// that went well.
void slt_check_letters(slt_sim *sim, const char *const *words, int32_t groups, bool at_end);

/// Rows "word,n,second" of a window, in seconds.
typedef struct slt_window_output {
    const char *dir;
    int64_t window, slide;
} slt_window_output;
/// Every row of these is what "out/words" shows of the batch times that its window holds.
void slt_check_windows(slt_sim *sim, const slt_window_output *outputs, bool at_end);

// ---------------------------------------------------------------- trials

typedef enum slt_fate {
    SLT_KEEP = 0, ///< the process died, the machine lives on
    SLT_POWER,    ///< what was not synced is kept, lost or torn, by the seed
    SLT_LOSE_ALL, ///< all that was not synced is lost
    SLT_N_FATES,
} slt_fate;

/// What happens to one process, and to the disk when it is dead.
typedef struct slt_doom {
    sli_fault fault;
    int64_t kill_at_us; ///< virtual time; 0: not
    slt_fate fate;
} slt_doom;

typedef struct slt_trial {
    const slt_sim_job *job;
    uint64_t seed;
    double switch_chance;
    slt_doom dooms[SLT_MOST_LIVES];
    int32_t n_dooms;
    sli_fault sender; ///< what happens to the first sender process, if the job has one
    const char *bug;  ///< planted; NULL: none
    /// Called after the first ending, before the next process: what a bad disk or operator does.
    void (*spoil)(slt_sim *sim);
    /// After `spoil` a stop with an error that has one of these words is right; NULL: none is.
    const char *may_say[2];
} slt_trial;

struct slt_sim {
    const slt_trial *trial;
    sli_world *world;
    sl_env *env;        ///< of the process that runs
    sli_peer *peer;     ///< the socket's other side, or standard input's
    slt_sender *sender; ///< the same, as a process
    slt_poster *poster; ///< who posts
    slt_agent *agent;   ///< who is asked
    sli_kafka_cluster *cluster;
    sli_pg_server *server;
    sli_hdfs_cluster *hdfs;
    sli_mqtt_broker *broker;
    slt_counts due;   ///< words that were put into files or sent
    slt_counts acked; ///< words of received lines of which a sender would have been told
    slt_counts sent;  ///< the same: how often whole requests with them, or answers, went out
    char *calls[SLT_MOST_EPOCHS]; ///< rows that foreachRDD got, by epoch
    char ignored[64][9];          ///< tags of what was published before `spoil`
    int32_t n_ignored;
    int32_t lives, deaths;
    int32_t rounds; ///< fed so far
    bool ended_once, zombies, stopped_rightly;
    bool sender_reached;              ///< its fault
    bool hurt;                        ///< some call may have failed: a connection may have broken
    int64_t calls_of[SLT_MOST_LIVES]; ///< outside calls of each life
    bool reached[SLT_MOST_LIVES];     ///< its fault
    char error[640];                  ///< of the last life that ended with one
    char wrong[640];                  ///< the first thing that does not hold; "" when all does
};

/// A world with its input scheduled. Never NULL: stops the program without memory.
slt_sim *slt_sim_new(const slt_trial *trial);
/// Adds its call sites to the program's table, and frees.
void slt_sim_free(SL_TAKES slt_sim *sim);
/// All lives. True when everything held; else sim->wrong says what did not.
bool slt_sim_run(slt_sim *sim);
/// One process from boot to end, in `env`: SL_E_END when it ended well.
sl_code slt_sim_life(slt_sim *sim, sl_env *env, sl_error *err);
void slt_sim_wrong(slt_sim *sim, const char *fmt, ...) SL_PRINTF(2, 3); ///< the first one stays
/// What came of a trial.
typedef struct slt_outcome {
    bool right;
    bool reached[SLT_MOST_LIVES];
    bool sender_reached; ///< the sender's fault
    int64_t calls_of[SLT_MOST_LIVES];
    int32_t lives, deaths;
    uint64_t trace;
    char wrong[640];
    char error[640];
    bool stopped_rightly;
} slt_outcome;
slt_outcome slt_trial_run(const slt_trial *trial);

/// A driver pauses before its call `i`; the next one boots; before that one's call `j` the first
/// goes on for `m` calls (SLI_FOREVER: to its end). Then the second runs to its end (k = 0), or for
/// `k` calls and dies, and a third finishes. *reached false: the first ended before call `i`.
typedef struct slt_zombie {
    int64_t i, j, m, k;
} slt_zombie;
slt_outcome slt_zombie_run(const slt_trial *trial, slt_zombie at, bool *reached);
/// The `n`-th triple of a job that makes `calls` calls.
slt_zombie slt_zombie_at(const slt_sim_job *job, int64_t calls, int64_t n);
/// The trial of a seed: a job and what befalls its processes.
slt_trial slt_trial_of_seed(uint64_t seed);
/// For `spoil`: the disk loses the last SEALED frame and all after it, though they were synced.
void slt_spoil_rot(slt_sim *sim);
/// For `spoil`: the checkpoint is deleted, the outputs are not.
void slt_spoil_wipe(slt_sim *sim);

// ---------------------------------------------------------------- what a reader sees

/// Groups of a file sink, one after the other.
struct slt_groups {
    sli_str text;
    /// Group g is text[ends[g - 1] .. ends[g]). All groups of a rolled file are told to be in its
    /// last one.
    size_t ends[SLT_MOST_GROUPS + 1];
    int32_t n;
    bool may_lack; ///< set before they are read: a group without rows has no file
};

/// The tag of a published name, which tells job and output, and the groups it holds; NULL: another
/// name.
const char *slt_published_tag(const char *name, int64_t *first, int64_t *last);
/// Reads them and checks that they are a prefix. The caller resets `out->text` in any case.
bool slt_groups_read(slt_sim *sim, const char *dir, slt_groups *out);
/// Adds "word,n" lines of groups from+1 .. to.
void slt_groups_count(const slt_groups *groups, int32_t from, int32_t to, slt_counts *out);
/// "word,n" lines of the table `counts`, in order of rows, and the last group committed.
bool slt_sqlite_read(slt_sim *sim, const char *path, sli_str *out, int64_t *group);
/// Takes the lock of the checkpoint away from its holder. Locks of databases stay: nothing is
/// promised without them.
void slt_break_job_lock(sli_world *world);

// ---------------------------------------------------------------- senders

/// What one process has acknowledged. Lives as long as the process.
typedef struct slt_acks {
    slt_sim *sim;
    sl_env *env;
    sli_ingest *ingest;
} slt_acks;
/// From now on sim->acked gets the lines of every block that a receiver of this process calls
/// durable: the very point at which a source with a way back would tell its sender.
void slt_acks_watch(slt_acks *acks, slt_sim *sim, sl_env *env, sl_context *context);

/// A process in the same world that listens, accepts and sends lines, and is started again when it
/// dies. Whoever connects anew gets what was not sent yet, from the beginning of a line. NULL
/// without memory.
slt_sender *slt_sender_new(slt_sim *sim, const sli_fault *fault);
void slt_sender_free(SL_TAKES slt_sender *sender); ///< accepts NULL
void slt_sender_line(slt_sender *sender, const char *line);

/// A process in the same world that brings lines to the job's door, each until it is acknowledged,
/// which sim->acked then has. NULL without memory.
slt_poster *slt_poster_new(slt_sim *sim, const sli_fault *fault);
void slt_poster_free(SL_TAKES slt_poster *poster); ///< accepts NULL
void slt_poster_line(slt_poster *poster, const char *line);

/// A process in the same world that is an agent of Flume with Spark's sink: it waits to be asked
/// for events, keeps those that it gave until they are acknowledged, which sim->acked then has, and
/// gives them again when they are refused or that takes too long. Events as slt_post_avro's. NULL
/// without memory.
slt_agent *slt_agent_new(slt_sim *sim, const sli_fault *fault);
void slt_agent_free(SL_TAKES slt_agent *agent); ///< accepts NULL
void slt_agent_line(slt_agent *agent, const char *line);

// ---------------------------------------------------------------- call sites

enum { SLT_MOST_SITES = 64 };

/// Merges a world's call sites into the program's table.
void slt_sites_add(const sli_world *world);
/// How often each was called, by its place among sli_world_sites.
void slt_sites_calls(int64_t calls[SLT_MOST_SITES]);
/// Prints the table; false, naming them, when a site was never called, or never crashed at though
/// that can be.
bool slt_sites_tell(char *missing, size_t size);
/// Whether no job here makes such calls; other tests crash at them.
bool slt_site_is_elsewhere(const char *name);

/// Long runs do all, short ones every `step`-th with a start that the job's name settles.
int64_t slt_thin(int64_t short_step);
