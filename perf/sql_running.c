// sql_running.c — a running GROUP BY as a script beside sl_stream_running_by_key: the records of
// running.c, the same epochs, the same files of results.
//
// Four jobs take turns at the same epochs: each pushes them into a queue, an epoch a push, and
// writes the counts that changed as CSV files:
//
//     calls          runningByKey by the column
//     script         SELECT key, count(*) FROM keys GROUP BY key
//     calls_made     select of an expression, runningByKey by it, select of an expression
//     script_made    the same as a SELECT whose key and results are expressions, which DuckDB
//                    computes before and behind the state
//
// Timed is user + system time of the whole process from the first push until the last file is
// there, of each turn; a turn is all epochs. The first turn fills the state and is thrown away.
// What is printed is the median over all rounds of the records a second, and of the share of
// `calls` that `script` reaches in the same round. After each turn the files are read: the largest
// count of each key, and of all keys together the records so far.
//
//     sql_running [-u] [-r ROUNDS] [-e EPOCHS] [-n RECORDS_AN_EPOCH] [-j JOB] [-d DIR]
#include "zipf_keys.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ROUNDS = 1000, MAX_EPOCHS = 64, N_JOBS = 4, PATH_BYTES = 512 };

typedef struct plan {
    int64_t n_rounds, n_epochs, n_records;
    bool is_uniform;
    const char *only; ///< one job, for a profile
    char dir[PATH_BYTES];
} plan;

typedef struct job {
    const char *name;
    sl_build_fn build;
    int beside; ///< the job that it is compared with
    bool halved;
    sl_context *context;
    char dir[PATH_BYTES + 32]; ///< where its files appear
    int64_t *counts;           ///< by key: the largest
    int64_t sum, want;         ///< of all keys
} job;

static char files_of[N_JOBS][PATH_BYTES + 32]; // a build function has no argument for it

// ---- the jobs

static void run_script(sl_graph *graph, int number, const char *select)
{
    char text[PATH_BYTES + 1024];
    (void)snprintf(text, sizeof text,
                   "CREATE TABLE keys (key BIGINT NOT NULL) WITH ('connector' = 'queue', 'name' = "
                   "'keys', 'format' = 'json', 'one_at_a_time' = 'true');"
                   "CREATE TABLE totals (key BIGINT, total BIGINT) WITH ('connector' = 'file', "
                   "'path' = '%s', 'format' = 'csv', 'changelog' = 'append');"
                   "INSERT INTO totals %s;",
                   files_of[number], select);
    sl_sql_script(graph, "running.sql", text, NULL);
}

static sl_stream *open_keys(sl_graph *graph)
{
    return sl_stream_open(graph, "queue:keys?format=json&one_at_a_time=true&schema=key int64");
}

static void save(sl_stream *totals, int number)
{
    char url[PATH_BYTES + 64];
    (void)snprintf(url, sizeof url, "file:%s?format=csv", files_of[number]);
    sl_stream_save(totals, url);
}

static void calls(sl_graph *graph)
{
    save(sl_stream_running_by_key(open_keys(graph), "key", "count() as total"), 0);
}

static void script(sl_graph *graph)
{
    run_script(graph, 1, "SELECT key, count(*) AS total FROM keys GROUP BY key");
}

static void calls_made(sl_graph *graph)
{
    sl_stream *made = sl_stream_select(open_keys(graph), "key % 1000000 as made");
    sl_stream *totals = sl_stream_running_by_key(made, "made", "count() as n");
    save(sl_stream_select(totals, "made as key, n + n as total"), 2);
}

static void script_made(sl_graph *graph)
{
    run_script(graph, 3,
               "SELECT key % 1000000 AS key, count(*) + count(*) AS total FROM keys "
               "GROUP BY key % 1000000");
}

// ---- the files

/// Calls `each` for every file of results; gives how many there are.
static int64_t each_file(const char *dir, void (*each)(job *j, const char *path), job *j)
{
    int64_t n = 0;
    DIR *files = opendir(dir);
    if (files == NULL) {
        return 0; // it is made with the first one
    }
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        char path[2 * PATH_BYTES];
        if (file->d_name[0] == '.' || file->d_name[0] == '_') {
            continue;
        }
        n++;
        (void)snprintf(path, sizeof path, "%s/%s", dir, file->d_name);
        if (each != NULL) {
            each(j, path);
        }
    }
    (void)closedir(files);
    return n;
}

static void read_file(job *j, const char *path)
{
    FILE *file = fopen(path, "re");
    int64_t key = 0, total = 0;
    if (file == NULL) {
        limit_die_errno(path);
    }
    while (fscanf(file, "%" SCNd64 ",%" SCNd64 "\n", &key, &total) == 2) {
        if (key < 0 || key >= ZIPF_KEYS) {
            limit_die("%s: key %lld", path, (long long)key);
        }
        total = j->halved ? total / 2 : total;
        if (total > j->counts[key]) {
            j->sum += total - j->counts[key];
            j->counts[key] = total;
        }
    }
    if (!feof(file) || fclose(file) != 0 || unlink(path) != 0) {
        limit_die("%s: not to its end", path);
    }
}

// ---- turns

static void check(job *j, const plan *p)
{
    (void)each_file(j->dir, read_file, j);
    j->want += p->n_epochs * p->n_records;
    if (j->sum != j->want) {
        limit_die("%s: %lld records were counted, not %lld", j->name, (long long)j->sum,
                  (long long)j->want);
    }
}

/// CPU time of all epochs.
static int64_t turn(job *j, sl_batch *const *epochs, const plan *p)
{
    sl_error err = SL_ERROR_INIT;
    int64_t began_ns = limit_process_cpu_ns();
    for (int64_t e = 0; e < p->n_epochs; e++) {
        bench_check(sl_queue_push(j->context, "keys", epochs[e], 1, &err), &err, "push");
    }
    while (each_file(j->dir, NULL, NULL) < p->n_epochs) {
        if (!bench_step(j->context)) {
            limit_die("the job ended");
        }
    }
    int64_t took_ns = limit_process_cpu_ns() - began_ns;
    check(j, p);
    return took_ns;
}

static void start(job *j, int number, const plan *p)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "1GiB",   "progress", "none",     NULL};
    (void)snprintf(j->dir, sizeof j->dir, "%s/%s", p->dir, j->name);
    memcpy(files_of[number], j->dir, sizeof j->dir);
    j->counts = calloc(ZIPF_KEYS, sizeof *j->counts);
    if (j->counts == NULL) {
        limit_die("no memory");
    }
    j->context = bench_start(j->name, j->build, settings, NULL);
}

// ---- the program

static plan read_plan(int argc, char **argv)
{
    plan p = {.n_rounds = 7, .n_epochs = 4, .n_records = 1 << 20};
    const char *dir = "/dev/shm";
    int option;
    while ((option = getopt(argc, argv, "ur:e:n:j:d:")) != -1) {
        switch (option) {
        case 'u':
            p.is_uniform = true;
            break;
        case 'r':
            p.n_rounds = limit_number("-r", optarg, 1, MAX_ROUNDS);
            break;
        case 'e':
            p.n_epochs = limit_number("-e", optarg, 1, MAX_EPOCHS);
            break;
        case 'n':
            p.n_records = limit_number("-n", optarg, 1, 1 << 26);
            break;
        case 'j':
            p.only = optarg;
            break;
        case 'd':
            dir = optarg;
            break;
        default:
            limit_die("usage: sql_running [-u] [-r ROUNDS] [-e EPOCHS] [-n RECORDS_AN_EPOCH] "
                      "[-j JOB] [-d DIR]");
        }
    }
    int n = snprintf(p.dir, sizeof p.dir, "%s/sluice-running.XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof p.dir || mkdtemp(p.dir) == NULL) {
        limit_die_errno(dir);
    }
    return p;
}

static bool is_wanted(const job *j, const plan *p)
{
    return p->only == NULL || strcmp(p->only, j->name) == 0;
}

static void report(const job *j, int64_t *took_ns, int64_t *share, const plan *p)
{
    size_t n = (size_t)p->n_rounds;
    limit_sort(took_ns, n);
    limit_sort(share, n);
    printf("sql_running job=%s rounds=%zu epochs=%lld records=%lld median_mrecords_s=%.2f "
           "share=%.1f lowest=%.1f highest=%.1f\n",
           j->name, n, (long long)p->n_epochs, (long long)p->n_records,
           bench_per_us((uint64_t)(p->n_epochs * p->n_records), limit_quantile(took_ns, n, 500)),
           (double)limit_quantile(share, n, 500) / 10, (double)share[0] / 10,
           (double)share[n - 1] / 10);
}

static void measure(job *jobs, sl_batch *const *epochs, const plan *p)
{
    static int64_t took_ns[N_JOBS][MAX_ROUNDS], share[N_JOBS][MAX_ROUNDS];
    for (int64_t r = -1; r < p->n_rounds; r++) {
        for (int k = 0; k < N_JOBS; k++) {
            int64_t ns = is_wanted(&jobs[k], p) ? turn(&jobs[k], epochs, p) : 1;
            took_ns[k][r < 0 ? 0 : r] = ns;
        }
        for (int k = 0; k < N_JOBS && r >= 0; k++) {
            share[k][r] = took_ns[jobs[k].beside][r] * 1000 / took_ns[k][r];
        }
    }
    for (int k = 0; k < N_JOBS; k++) {
        if (is_wanted(&jobs[k], p)) {
            report(&jobs[k], took_ns[k], share[k], p);
        }
    }
}

int main(int argc, char **argv)
{
    static job jobs[N_JOBS] = {
        {.name = "calls", .build = calls},
        {.name = "script", .build = script},
        {.name = "calls_made", .build = calls_made, .beside = 2, .halved = true},
        {.name = "script_made", .build = script_made, .beside = 2, .halved = true}};
    sl_batch *epochs[MAX_EPOCHS];
    plan p = read_plan(argc, argv);
    zipf_draw_epochs(epochs, p.n_epochs, p.n_records, p.is_uniform);
    for (int k = 0; k < N_JOBS; k++) {
        start(&jobs[k], k, &p);
    }
    measure(jobs, epochs, &p);
    for (int k = 0; k < N_JOBS; k++) {
        sl_context_free(jobs[k].context);
        free(jobs[k].counts);
        (void)rmdir(jobs[k].dir);
    }
    for (int64_t e = 0; e < p.n_epochs; e++) {
        sl_batch_unref(epochs[e]);
    }
    (void)rmdir(p.dir);
    return 0;
}
