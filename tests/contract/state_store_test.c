// The real program with its state in RocksDB: the same rows as with state in memory, byte for byte,
// for any numbers of partitions; the store changed between two runs; killed at calls all over its
// life; and modules, files and disks that are not as they should be.
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "contract/program.h"
#include "env/env.h"
#include "namenode.h"

#define DFS_ADMIN "org.apache.hadoop.hdfs.tools.DFSAdmin"

enum { OK = 0, JOB = 1, CONFIG = 3, INCOMPATIBLE = 4, LIVES = 6 };

/// Sums by key; a key whose sum is a multiple of five goes, so that keys move in their slots.
static const char summing_job[] =
    "#include <sluice/sluice.h>\n#include <string.h>\n"
    "#ifndef REFUSE\n#define REFUSE\n#endif\n"
    "static sl_code add(const sl_args *args, const sl_update_call *call, sl_error *err)\n"
    "{\n    (void)args; (void)err;\n"
    "    const sl_column *old = sl_batch_column(call->states, 0);\n"
    "    const sl_column *n = sl_batch_column(call->values, 0);\n"
    "    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {\n"
    "        REFUSE\n"
    "        int64_t sum = call->had[i] ? sl_column_int64(old, i) : 0;\n"
    "        for (int64_t r = call->values_from[i]; r < call->values_from[i + 1]; r++) {\n"
    "            sum += sl_column_int64(n, r);\n"
    "        }\n"
    "        sl_builder_int64(call->out, 0, sum);\n"
    "        call->keep[i] = sum % 5 != 0;\n"
    "    }\n    return SL_OK;\n}\n"
    "static const sl_update_fn add_fn = {sizeof(sl_update_fn), \"add\", \"sum int64\", 1, false, "
    "add};\n"
    "static void job(sl_graph *g)\n{\n"
    "    sl_stream *rows = sl_stream_open(g, \"file:in?format=csv&schema=k string, n int64\");\n"
    "#ifdef RUNNING\n"
    "    sl_stream *sums = sl_stream_running_by_key(sl_stream_uid(rows, \"rows\"), \"k\", "
    "RUNNING);\n"
    "    sl_stream_output_mode(sums, MODE);\n    sl_stream_timeout(sums, \"1h\");\n    "
    "(void)add_fn;\n"
    "#else\n"
    "    sl_stream *sums = sl_stream_update_state_by_key(sl_stream_uid(rows, \"rows\"), \"k\", "
    "&add_fn, NULL);\n"
    "#endif\n"
    "#ifdef TTL\n    sl_stream_ttl(sums, TTL);\n#endif\n"
    "    sl_stream_save(sl_stream_uid(sums, \"sums\"), \"file:out?format=csv\");\n"
    "}\nSL_JOB(\"job\", job);\n";

typedef struct place {
    const char *dir;
    char fault[96];
    const char *modules;   ///< a setting, or NULL
    const char *job;       ///< "summing.so"
    const char *memory;    ///< a setting
    const char *snapshots; ///< a setting
    const char *epochs;    ///< how many a life has
    slt_program program;
} place;

static void place_init(place *p)
{
    if (!SLT_ROCKSDB) {
        slt_not_here("a build without RocksDB");
    }
    *p = (place){.dir = slt_temp_dir(),
                 .fault = "SLUICE_TEST=none",
                 .job = "summing.so",
                 .memory = "memory=1GiB",
                 .snapshots = "checkpoint.snapshots=",
                 .epochs = "3"};
    slt_compile_job(p->dir, "summing", summing_job);
}

/// Each life finds one more file, of rows drawn from its number.
static void feed(const place *p, int life)
{
    sli_rng rng = {(uint64_t)life};
    char name[32], text[8192];
    size_t size = 0;
    for (int i = 0; i < 200; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "key-%d,%d\n",
                                 (int)sli_rng_below(&rng, 120), (int)sli_rng_below(&rng, 4));
    }
    (void)snprintf(name, sizeof name, "%d.csv", life);
    slt_put(slt_path(p->dir, "in"), name, text);
}

/// Starts the job.
static void begin(place *p, const char *store, const char *parallelism)
{
    char partitions[32], state_store[48];
    (void)snprintf(partitions, sizeof partitions, "parallelism=%s", parallelism);
    (void)snprintf(state_store, sizeof state_store, "state.store=%s", store);
    const char *const argv[] = {"env",
                                p->fault,
                                slt_built("bin/sluice"),
                                "run",
                                p->job,
                                "--interval",
                                "10ms",
                                "--checkpoint",
                                "state",
                                "--max-epochs",
                                p->epochs,
                                "--conf",
                                "snapshot.groups=1",
                                "--conf",
                                p->snapshots,
                                "--conf",
                                partitions,
                                "--conf",
                                state_store,
                                "--conf",
                                p->memory,
                                p->modules == NULL ? NULL : "--conf",
                                p->modules,
                                NULL};
    p->program = slt_start(p->dir, argv);
}

static int run(place *p, const char *store, const char *parallelism)
{
    begin(p, store, parallelism);
    return slt_wait(&p->program);
}

static void must_run(place *p, const char *store, const char *parallelism)
{
    int code = run(p, store, parallelism);
    if (code != OK) {
        fail_msg("%s: exit code %d, said: %s", store, code, slt_err(&p->program));
    }
}

static void shell(const place *p, const char *command)
{
    slt_program sh;
    const char *const argv[] = {"sh", "-c", command, NULL};
    if (slt_run(&sh, p->dir, argv) != OK) {
        fail_msg("%s: %s", command, slt_err(&sh));
    }
}

static void clear(const place *p)
{
    shell(p, "rm -rf in out state far; mkdir in");
}

/// What readers see: each group's file, in order. Lives until the seventh further call.
static const char *shown(const place *p)
{
    shell(p, "cat out/*.csv > shown");
    return slt_content(slt_path(p->dir, "shown"));
}

/// The sums after the last epoch, which gives a row for every key: how many epochs there were
/// before depends on where the program was killed.
static const char *last_sums(const place *p)
{
    shell(p, "cat out/*.csv | tac | awk -F, '$1 in seen {exit} {seen[$1]; print}' > sums");
    return slt_content(slt_path(p->dir, "sums"));
}

static const char *const partitions_of[LIVES] = {"1", "7", "2", "7", "1", "3"};

/// All lives in turn, each with its store; what readers then see.
static const char *run_lives(place *p, const char *const stores[LIVES])
{
    clear(p);
    for (int life = 0; life < LIVES; life++) {
        feed(p, life);
        must_run(p, stores[life], partitions_of[life]);
    }
    return shown(p);
}

#define MEMORY "memory"
#define DISK "rocksdb"
static const char *const in_memory[LIVES] = {MEMORY, MEMORY, MEMORY, MEMORY, MEMORY, MEMORY};

SL_TEST(state_in_rocksdb_gives_the_bytes_that_state_in_memory_gives, "DETERMINISM-1")
{
    static const char *const on_disk[LIVES] = {DISK, DISK, DISK, DISK, DISK, DISK};
    place p;
    place_init(&p);
    const char *expected = run_lives(&p, in_memory);
    assert_non_null(strstr(expected, "key-7,"));
    assert_string_equal(run_lives(&p, on_disk), expected);
    shell(&p, "ls state/snap/*/state.rocksdb/CURRENT && test -z \"$(ls state/work)\"");
}

// The rows of an epoch without new keys stand by slot and age, whatever the partitions are now and
// were when a key came.
SL_TEST(keys_move_with_their_slots_when_partitions_change, "DETERMINISM-1")
{
    static const char *const stores[] = {MEMORY, DISK};
    static const char *const partitions[][3] = {{"1", "1", "1"}, {"1", "7", "2"}, {"7", "2", "1"}};
    const char *expected = NULL;
    place p;
    place_init(&p);
    for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++) {
        for (size_t s = 0; s < 2; s++) {
            clear(&p);
            for (int life = 0; life < 3; life++) {
                feed(&p, life);
                must_run(&p, stores[s], partitions[i][life]);
            }
            const char *sums = last_sums(&p);
            expected = expected == NULL ? strdup(sums) : expected;
            assert_string_equal(sums, expected);
        }
    }
    free((void *)(uintptr_t)expected);
}

SL_TEST(the_store_may_change_between_two_runs, "EXACTLY-ONCE-1")
{
    static const char *const orders[][LIVES] = {{MEMORY, DISK, MEMORY, DISK, DISK, MEMORY},
                                                {DISK, MEMORY, MEMORY, MEMORY, DISK, DISK},
                                                {MEMORY, MEMORY, DISK, DISK, MEMORY, MEMORY}};
    place p;
    place_init(&p);
    const char *expected = run_lives(&p, in_memory);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        assert_string_equal(run_lives(&p, orders[i]), expected);
    }
}

/// The same job with something defined before it.
static void compile_with(place *p, const char *define)
{
    char text[sizeof summing_job + 512];
    (void)snprintf(text, sizeof text, "#define %s\n%s", define, summing_job);
    slt_compile_job(p->dir, "other", text);
    p->job = "other.so";
}

// Lives are further apart than a millisecond, and so are epochs: nothing of an older one is left.
SL_TEST(keys_that_nobody_updates_go_from_both_stores, "DETERMINISM-1")
{
    static const char *const on_disk[LIVES] = {DISK, DISK, MEMORY, DISK, DISK, DISK};
    place p;
    place_init(&p);
    compile_with(&p, "TTL \"1ms\"");
    const char *expected = run_lives(&p, in_memory);
    assert_string_equal(run_lives(&p, on_disk), expected);
    clear(&p);
    feed(&p, LIVES - 1);
    must_run(&p, MEMORY, partitions_of[LIVES - 1]);
    const char *last = shown(&p);
    assert_true(strlen(last) > 0 && strlen(last) < strlen(expected));
    assert_string_equal(expected + strlen(expected) - strlen(last), last);
}

SL_TEST(a_ttl_that_is_long_enough_changes_nothing, "DETERMINISM-1")
{
    static const char *const on_disk[LIVES] = {DISK, MEMORY, DISK, DISK, DISK, DISK};
    place p;
    place_init(&p);
    const char *expected = run_lives(&p, in_memory);
    compile_with(&p, "TTL \"1h\"");
    assert_string_equal(run_lives(&p, on_disk), expected);
}

/// One life with the first definition, then one with the second, which is refused.
static void is_refused(place *p, const char *store, const char *first, const char *second)
{
    clear(p);
    compile_with(p, first);
    feed(p, 0);
    must_run(p, store, "2");
    compile_with(p, second);
    assert_int_equal(run(p, store, "2"), INCOMPATIBLE);
    SL_CHECK_HAS(slt_err(&p->program), "state of sums ");
    SL_CHECK_HAS(slt_err(&p->program), "define it as before, or give it another uid");
}

SL_TEST(a_ttl_cannot_be_given_to_a_checkpoint_without_times_nor_taken_away, "ERRORS-2")
{
    place p;
    place_init(&p);
    is_refused(&p, DISK, "NO_TTL", "TTL \"1h\"");
    SL_CHECK_HAS(slt_err(&p.program), "ttl.updated timestamp?");
    is_refused(&p, MEMORY, "NO_TTL", "TTL \"1h\"");
    SL_CHECK_HAS(slt_err(&p.program), "ttl.updated timestamp?");
    is_refused(&p, MEMORY, "TTL \"1h\"", "NO_TTL");
    SL_CHECK_HAS(slt_err(&p.program), "ttl.updated timestamp?");
}

// ---------------------------------------------------------------- runningByKey

#define SUMS "RUNNING \"sum(n) as sum, count() as rows, max(n) as most\"\n#define MODE "

// Rows of an epoch stand in the order in which it showed the keys, or in the state's.
SL_TEST(running_aggregations_are_the_same_in_both_stores, "DETERMINISM-1")
{
    static const char *const modes[] = {SUMS "SL_UPDATE", SUMS "SL_COMPLETE"};
    static const char *const orders[][LIVES] = {{DISK, DISK, DISK, DISK, DISK, DISK},
                                                {MEMORY, DISK, DISK, MEMORY, MEMORY, DISK}};
    place p;
    place_init(&p);
    for (size_t m = 0; m < 2; m++) {
        compile_with(&p, modes[m]);
        const char *expected = run_lives(&p, in_memory);
        assert_non_null(strstr(expected, "key-7,"));
        for (size_t i = 0; i < 2; i++) {
            assert_string_equal(run_lives(&p, orders[i]), expected);
        }
    }
}

// Columns of equal types and names, and states that mean something else.
SL_TEST(other_running_aggregations_under_the_same_uid_are_refused, "ERRORS-2")
{
    static const char least[] = "RUNNING \"min(n) as most\"\n#define MODE SL_UPDATE",
                      most[] = "RUNNING \"max(n) as most\"\n#define MODE SL_UPDATE";
    place p;
    place_init(&p);
    is_refused(&p, DISK, least, most);
    is_refused(&p, MEMORY, least, most);
    SL_CHECK_HAS(slt_err(&p.program), "runningByKey min(n) as most");
    SL_CHECK_HAS(slt_err(&p.program), "runningByKey max(n) as most");
}

// The sum before it stays, and so does what other keys have in that epoch.
SL_TEST(a_row_that_overflows_a_running_sum_is_left_out, "POISON-1")
{
    static const char *const stores[] = {MEMORY, DISK};
    for (size_t s = 0; s < 2; s++) {
        place p;
        place_init(&p);
        compile_with(&p, SUMS "SL_UPDATE");
        clear(&p);
        p.modules = "poison=dead-letter";
        p.memory = "poison.sink=file:dead?format=csv";
        slt_put(slt_path(p.dir, "in"), "0.csv", "a,9223372036854775807\nb,1\n");
        must_run(&p, stores[s], "2");
        slt_put(slt_path(p.dir, "in"), "1.csv", "b,2\na,1\n");
        must_run(&p, stores[s], "3");
        slt_put(slt_path(p.dir, "in"), "2.csv", "a,-7\n");
        must_run(&p, stores[s], "1");
        shell(&p, "cat out/*.csv | sort > shown; cat dead/*.csv > letters");
        assert_string_equal(slt_content(slt_path(p.dir, "shown")),
                            "a,9223372036854775800,2,9223372036854775807\n"
                            "a,9223372036854775807,1,9223372036854775807\n"
                            "b,1,1,1\nb,3,2,2\n");
        const char *letters = slt_content(slt_path(p.dir, "letters"));
        SL_CHECK_HAS(letters, "a,1");
        SL_CHECK_HAS(letters,
                     "k 'a': row 0: aggregation sum: 9223372036854775807 and 1 make a sum");
        assert_null(strstr(letters, "b,2"));
    }
}

// ---------------------------------------------------------------- killed

/// Three lives; the second is killed at a call, then run again.
static bool is_killed_at(place *p, const char *site, int n, const char *const stores[3],
                         const char *expected)
{
    clear(p);
    bool killed = false;
    for (int life = 0; life < 3; life++) {
        feed(p, life);
        if (life == 1) {
            (void)snprintf(p->fault, sizeof p->fault, "SLUICE_FAULT=%s:%d:crash", site, n);
            killed = run(p, stores[life], "2") == 128 + SIGKILL;
            (void)snprintf(p->fault, sizeof p->fault, "SLUICE_TEST=none");
        }
        must_run(p, stores[life], "2");
    }
    if (strcmp(last_sums(p), expected) != 0) {
        fail_msg("killed at %s %d: the sums are: %s", site, n, last_sums(p));
    }
    return killed;
}

static void kill_all_over(const char *const stores[3], const char *snapshots, int step)
{
    static const char *const sites[] = {"path.link", "path.remove", "path.rename", "file.sync",
                                        "dir.sync",  "dir.make",    "dir.remove",  "dir.list",
                                        "file.open", "path.stat"};
    place p;
    place_init(&p);
    clear(&p);
    for (int life = 0; life < 3; life++) {
        feed(&p, life);
        must_run(&p, MEMORY, "2");
    }
    char *expected = strdup(last_sums(&p));
    p.snapshots = snapshots;
    // How many calls there are depends on how epochs gather in groups. Each kind is called, but a
    // first life whose epochs were one group has left no snapshot to link and nothing to remove.
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        int n = 1;
        while (is_killed_at(&p, sites[i], n, stores, expected)) {
            n += slt_is_soak() ? 1 : SLT_SLOW_BUILD ? 3 * step : step;
        }
        bool may_be_missing = i < 2;
        if (n == 1 && !may_be_missing) {
            fail_msg("never killed at %s", sites[i]);
        }
    }
    free(expected);
}

SL_TEST(a_job_with_state_in_rocksdb_killed_at_any_call_is_finished_by_the_next, "EXACTLY-ONCE-1")
{
    static const char *const stores[3] = {DISK, DISK, DISK};
    kill_all_over(stores, "checkpoint.snapshots=", 29);
}

SL_TEST(a_job_with_snapshots_elsewhere_killed_at_any_call_is_finished_by_the_next, "EXACTLY-ONCE-1")
{
    static const char *const stores[3] = {DISK, DISK, MEMORY};
    kill_all_over(stores, "checkpoint.snapshots=far", 97);
}

SL_TEST(a_job_killed_while_its_store_changes_is_finished_by_the_next, "EXACTLY-ONCE-1")
{
    static const char *const stores[3] = {DISK, MEMORY, DISK};
    kill_all_over(stores, "checkpoint.snapshots=", 29);
}

// ---------------------------------------------------------------- snapshots elsewhere

SL_TEST(snapshots_elsewhere_give_the_bytes_that_those_here_give, "DETERMINISM-1")
{
    static const char *const mixed[LIVES] = {DISK, DISK, MEMORY, MEMORY, DISK, DISK};
    place p;
    place_init(&p);
    const char *expected = run_lives(&p, in_memory);
    p.snapshots = "checkpoint.snapshots=far";
    assert_string_equal(run_lives(&p, mixed), expected);
    shell(&p, "ls far/*/files/* far/*/0* && test -z \"$(find state/snap state/work -mindepth 1)\"");
}

SL_TEST(snapshots_move_elsewhere_and_are_not_forgotten_there, "EXACTLY-ONCE-3")
{
    place p;
    place_init(&p);
    const char *expected = run_lives(&p, in_memory);
    clear(&p);
    for (int life = 0; life < LIVES; life++) {
        feed(&p, life);
        p.snapshots = life < 2 ? "checkpoint.snapshots=" : "checkpoint.snapshots=far";
        must_run(&p, life < 4 ? DISK : MEMORY, partitions_of[life]);
    }
    assert_string_equal(shown(&p), expected);
    p.snapshots = "checkpoint.snapshots=";
    assert_int_equal(run(&p, DISK, "2"), INCOMPATIBLE);
    SL_CHECK_HAS(slt_err(&p.program), "lie in far: set checkpoint.snapshots to that");
    const char *const status[] = {slt_built("bin/sluice"), "status", "state", NULL};
    assert_int_equal(slt_run(&p.program, p.dir, status), OK);
    SL_CHECK_HAS(slt_out(&p.program), " bytes, at far");
    p.snapshots = "checkpoint.snapshots=far";
    shell(&p, "rm -r state");
    assert_int_equal(run(&p, DISK, "2"), INCOMPATIBLE);
    SL_CHECK_HAS(slt_err(&p.program), "bring its checkpoint directory back");
}

SL_TEST(a_damaged_file_of_snapshots_elsewhere_is_refused, "ERRORS-2")
{
    place p;
    place_init(&p);
    clear(&p);
    p.snapshots = "checkpoint.snapshots=far";
    for (int life = 0; life < 3; life++) {
        feed(&p, life);
        must_run(&p, DISK, "2");
    }
    const char *const damage[] = {
        "for f in far/*/files/*; do printf X | dd of=$f bs=1 seek=60 conv=notrunc; done",
        "rm far/*/files/*", "for f in far/*/0*; do truncate -s 20 $f; done"};
    shell(&p, "cp -a far whole");
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        shell(&p, "rm -rf far; cp -a whole far");
        shell(&p, damage[i]);
        assert_int_equal(run(&p, DISK, "2"), INCOMPATIBLE);
        SL_CHECK_HAS(slt_err(&p.program), "far/");
    }
}

SL_TEST(snapshots_elsewhere_need_a_checkpoint_and_a_file_system_that_is_known, "ERRORS-5")
{
    place p;
    place_init(&p);
    clear(&p);
    p.snapshots = "checkpoint.snapshots=s3://bucket/dir";
    assert_int_equal(run(&p, MEMORY, "1"), CONFIG);
    SL_CHECK_HAS(slt_err(&p.program), "there is no file system 's3'");
    p.snapshots = "checkpoint.snapshots=hdfs://localhost:1";
    assert_int_equal(run(&p, MEMORY, "1"), CONFIG);
    SL_CHECK_HAS(slt_err(&p.program), "names no directory");
}

/// The job's snapshots lie on the real cluster, in a directory that is new.
static void go_to_hdfs(place *p, char setting[200])
{
    char web[64], id[33];
    sl_env *env = NULL;
    slt_hdfs_web(web, sizeof web);
    place_init(p);
    clear(p);
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(sli_env_random_id(env, id, NULL), SL_OK);
    sli_env_free(env);
    (void)snprintf(setting, 200,
                   "checkpoint.snapshots=hdfs://%s/tests/snapshots-%s?retry_timeout=3s", web, id);
}

SL_TEST(snapshots_there_bring_a_killed_job_back_hdfs, "EXACTLY-ONCE-1")
{
    static const char *const stores[] = {DISK, MEMORY, DISK};
    char setting[200];
    place p;
    go_to_hdfs(&p, setting);
    for (int life = 0; life < 3; life++) {
        feed(&p, life);
        must_run(&p, MEMORY, "2");
    }
    char *sums = strdup(last_sums(&p));
    clear(&p);
    p.snapshots = setting;
    for (int life = 0; life < 3; life++) {
        feed(&p, life);
        (void)snprintf(p.fault, sizeof p.fault, "SLUICE_FAULT=http.begin:%d:crash", 10 + 4 * life);
        assert_int_equal(run(&p, stores[life], "2"), 128 + SIGKILL);
        (void)snprintf(p.fault, sizeof p.fault, "SLUICE_TEST=none");
        must_run(&p, stores[life], "2");
    }
    assert_string_equal(last_sums(&p), sums);
    shell(&p, "test -z \"$(find state/snap state/work -mindepth 1)\"");
    free(sums);
}

/// How many groups have shown their rows, and how many must.
typedef struct showing {
    const place *p;
    size_t least;
} showing;

static bool are_shown(void *ctx)
{
    const showing *s = ctx;
    glob_t found;
    size_t n = 0;
    if (glob(slt_path(s->p->dir, "out/*.csv"), 0, NULL, &found) == 0) {
        n = found.gl_pathc;
        globfree(&found);
    }
    return n >= s->least;
}

/// One file more is one group more, as long as the text is missing: the job's commits go on.
static void feed_until(place *p, int *round, const char *text)
{
    enum { MOST = 2000 };
    do {
        showing s = {p, (size_t)*round + 1};
        feed(p, (*round)++);
        slt_await(&p->program, slt_path(p->dir, "out"), are_shown, &s);
    } while (*round < MOST && strstr(slt_err(&p->program), text) == NULL);
    SL_CHECK_HAS(slt_err(&p->program), text);
}

SL_TEST(snapshots_wait_while_the_namenode_takes_nothing_hdfs, "EXACTLY-ONCE-1")
{
    char setting[200];
    int round = 0;
    place p;
    go_to_hdfs(&p, setting);
    p.snapshots = setting;
    p.epochs = "100000";
    shell(&p, "mkdir out");
    begin(&p, DISK, "2");
    feed_until(&p, &round, "");
    assert_int_equal(slt_hdfs_tool("tool", DFS_ADMIN " -safemode enter"), 0);
    feed_until(&p, &round, "snapshots wait for hdfs://");
    assert_int_equal(slt_hdfs_tool("tool", DFS_ADMIN " -safemode leave"), 0);
    feed_until(&p, &round, "snapshots go on with the one of group");
    slt_signal(&p.program, SIGTERM);
    assert_int_equal(slt_wait(&p.program), OK);
    p.epochs = "3";
    must_run(&p, MEMORY, "2"); // from what is there
    shell(&p, "test -z \"$(ls state/snap)\"");
}

// ---------------------------------------------------------------- bad input

SL_TEST(a_missing_module_is_named_with_the_places_and_the_package, "ERRORS-5")
{
    place p;
    place_init(&p);
    clear(&p);
    feed(&p, 0);
    p.modules = "modules=nowhere";
    assert_int_equal(run(&p, DISK, "1"), JOB);
    SL_CHECK_HAS(slt_err(&p.program), "state.store=rocksdb needs the module state_rocksdb.so");
    SL_CHECK_HAS(slt_err(&p.program), "not in nowhere");
    SL_CHECK_HAS(slt_err(&p.program), "librocksdb-dev");
    must_run(&p, MEMORY, "1"); // never asks for it
}

static const char other_module[] =
    "#include <stddef.h>\n#include <stdint.h>\n"
    "typedef struct { size_t size; const char *name, *needs; uint32_t abi; const void *table; } "
    "m;\n"
    "static const m other = {sizeof(m), \"state_rocksdb\", \"\", 999, NULL};\n"
    "const void *sluice_module_1(void) { return &other; }\n";

SL_TEST(a_module_of_another_build_is_refused_with_both_numbers, "ERRORS-5")
{
    place p;
    place_init(&p);
    clear(&p);
    feed(&p, 0);
    shell(&p, "mkdir mods");
    slt_compile_job(p.dir, "state_rocksdb", other_module);
    shell(&p, "mv state_rocksdb.so mods/");
    p.modules = "modules=mods";
    assert_int_equal(run(&p, DISK, "1"), INCOMPATIBLE);
    SL_CHECK_HAS(slt_err(&p.program), "mods/state_rocksdb.so is of another build");
    SL_CHECK_HAS(slt_err(&p.program), "999");
}

SL_TEST(a_damaged_state_file_in_a_snapshot_is_refused_or_passed_over, "ERRORS-2")
{
    place p;
    place_init(&p);
    clear(&p);
    for (int life = 0; life < 3; life++) {
        feed(&p, life);
        must_run(&p, DISK, "2");
    }
    const char *const damage[] = {
        "for f in state/snap/*/state.rocksdb/*.sst; do printf X | dd of=$f bs=1 seek=60 "
        "conv=notrunc; "
        "done",
        "for f in state/snap/*/state.rocksdb/MANIFEST*; do truncate -s 20 $f; done",
        "rm state/snap/*/state.rocksdb/CURRENT"};
    shell(&p, "cp -al state whole");
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        shell(&p, "rm -rf state; cp -a whole state"); // no links: `whole` stays as it is
        shell(&p, damage[i]);
        assert_int_equal(run(&p, DISK, "2"), INCOMPATIBLE);
        SL_CHECK_HAS(slt_err(&p.program), "state.rocksdb/");
    }
}

/// Keys of a megabyte: some differ in the first byte, some in the last.
static void feed_large_keys(const place *p)
{
    shell(p, "for i in 1 2 3 4 5 6; do for e in $i x; do printf $i; head -c 1000000 /dev/zero | tr "
             "'\\0' k; "
             "echo $e,$i; done; done > in/large.csv");
}

SL_TEST(keys_of_a_megabyte_are_keys, "BOUNDED-1")
{
    static const char *const stores[] = {MEMORY, DISK};
    place p;
    place_init(&p);
    for (int s = 0; s < 2; s++) {
        clear(&p);
        feed_large_keys(&p);
        must_run(&p, stores[s], "3");
        feed(&p, 1);
        must_run(&p, stores[s], "2"); // they come back from a snapshot
        shell(&p, s == 0 ? "cat out/*.csv > expected; test $(wc -c < expected) -gt 40000000"
                         : "cat out/*.csv | cmp - expected");
    }
}

SL_TEST(a_function_that_fails_for_one_key_stops_the_job_and_leaves_the_state, "EXACTLY-ONCE-1")
{
    static const char *const stores[] = {MEMORY, DISK};
    place p;
    place_init(&p);
    (void)run_lives(&p, in_memory);
    char *expected = strdup(last_sums(&p));
    compile_with(&p, "REFUSE sl_text k = sl_column_text(sl_batch_column(call->keys, 0), i); "
                     "if (k.size == 3 && memcmp(k.data, \"bad\", 3) == 0) "
                     "return sl_error_set(err, SL_E_DATA, \"not this key\");");
    for (int s = 0; s < 2; s++) {
        clear(&p);
        for (int life = 0; life < LIVES; life++) {
            p.job = life == 3 ? "other.so" : "summing.so";
            feed(&p, life);
            if (life == 3) {
                slt_put(slt_path(p.dir, "in"), "bad.csv", "bad,5\n"); // goes: a multiple of five
                assert_int_equal(run(&p, stores[s], "2"), JOB);
                SL_CHECK_HAS(slt_err(&p.program), "updateStateByKey add [sums], partition ");
                SL_CHECK_HAS(slt_err(&p.program), "not this key");
                p.job = "summing.so"; // somebody mended the function
            }
            must_run(&p, stores[s], partitions_of[life]);
        }
        assert_string_equal(last_sums(&p), expected);
    }
    free(expected);
}

SL_TEST(state_that_outgrows_memory_stops_the_job_and_goes_on_in_rocksdb, "BOUNDED-1")
{
    place p;
    place_init(&p);
    clear(&p);
    feed(&p, 0);
    p.memory = "memory=256KiB";
    must_run(&p, MEMORY, "2");
    shell(&p, "i=0; while [ $i -lt 9000 ]; do echo many-$i,1; i=$((i + 1)); done > in/many.csv");
    for (int again = 0; again < 2; again++) { // nothing of the epoch is on record
        assert_int_equal(run(&p, MEMORY, "2"), JOB);
        SL_CHECK_HAS(slt_err(&p.program), "keyed state takes ");
        SL_CHECK_HAS(slt_err(&p.program), "memory=262144");
        SL_CHECK_HAS(slt_err(&p.program), "state.store=rocksdb");
    }
    must_run(&p, DISK, "2");
    assert_int_equal(run(&p, MEMORY, "2"), JOB); // it does not fit at the start either
    SL_CHECK_HAS(slt_err(&p.program), "keyed state takes ");
    shell(&p, "test $(cat out/*.csv | grep -c '^many-.*,1$') -gt 9000");
}

/// Room for the log and one small checkpoint, in a mount that only the program sees.
static int run_in_small_disk(place *p)
{
    char command[1024];
    (void)snprintf(command, sizeof command,
                   "mkdir -p state && unshare -m sh -c 'mount -t tmpfs -o size=3m none state && "
                   "%s run summing.so --interval 10ms --checkpoint state --max-epochs 60 --conf "
                   "state.store=rocksdb --conf state.memory=1MiB --conf snapshot.bytes=64KiB'",
                   slt_built("bin/sluice"));
    const char *const argv[] = {"sh", "-c", command, NULL};
    return slt_run(&p->program, p->dir, argv);
}

SL_TEST(a_full_disk_under_the_state_is_told_and_stops_the_job, "ERRORS-5")
{
    place p;
    slt_program ask;
    const char *const can[] = {"unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt", NULL};
    place_init(&p);
    if (slt_run(&ask, p.dir, can) != OK) {
        slt_not_here("needs root, to mount a small disk");
    }
    clear(&p);
    shell(&p, "i=0; while [ $i -lt 60000 ]; do echo key-$i-with-a-long-name-that-does-not-repeat-"
              "$((i * 7919)),1; i=$((i + 1)); done > in/many.csv");
    int code = run_in_small_disk(&p);
    assert_int_equal(code, JOB);
    SL_CHECK_HAS(slt_err(&p.program), "No space left on device");
    SL_CHECK_HAS(slt_err(&p.program), "state/");
}
