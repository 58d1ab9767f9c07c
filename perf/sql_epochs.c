// sql_epochs.c — whether a running GROUP BY as a script costs the same in every epoch: a thousand
// epochs of 20,000 rows with 2,000 keys, which all come in each, into an SQLite table that keeps
// the last row of a key.
//
// Keys and results are expressions, so DuckDB runs twice an epoch. Noted by a listener: user +
// system time of the whole process and its resident memory, when an epoch has ended. What is
// printed is the time of the last hundred epochs over that of epochs 100 to 200, and the memory at
// their ends. Every total is checked.
//
//     sql_epochs [-e EPOCHS] [-c] DIR        -c: with a checkpoint; DIR on the disk to be measured
#include "bench.h"

#include <unistd.h>

enum { N_KEYS = 2000, ROWS = 20000, PATH_BYTES = 512, MAX_EPOCHS = 100000, BLOCK = 100 };

typedef struct note {
    int64_t cpu_ns, resident_bytes, rows;
} note;

typedef struct watch {
    note notes[MAX_EPOCHS / BLOCK + 1]; ///< at the end of each hundredth epoch with rows
    int64_t rows, n_epochs;             ///< epochs with rows
} watch;

static char home[PATH_BYTES]; // a build function has no argument for it
static int64_t n_rows;

static void build(sl_graph *graph)
{
    char script[4 * PATH_BYTES];
    (void)snprintf(
        script, sizeof script,
        "CREATE TABLE numbers (value BIGINT NOT NULL, ts TIMESTAMP NOT NULL) WITH "
        "('connector' = 'rate', 'rows-per-second' = '%d', 'number-of-rows' = '%lld');"
        "CREATE TABLE totals (key BIGINT NOT NULL, n BIGINT, mean DOUBLE, PRIMARY KEY (key) NOT "
        "ENFORCED) WITH ('connector' = 'sqlite', 'path' = '%s/totals.db', 'table' = 'totals');"
        "INSERT INTO totals SELECT value %% %d AS key, count(*) AS n, sum(value) / count(*) AS "
        "mean "
        "FROM numbers GROUP BY value %% %d;",
        ROWS * 50, (long long)n_rows, home, N_KEYS, N_KEYS);
    sl_sql_script(graph, "epochs.sql", script, NULL);
}

static int64_t resident_bytes(void)
{
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*d %lld", &pages) != 1) {
        limit_die("/proc/self/statm");
    }
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void ended(void *ctx, const sl_batch_info *batch)
{
    watch *w = ctx;
    if (batch->rows <= 0) {
        return;
    }
    w->rows += batch->rows;
    w->n_epochs++;
    if (w->n_epochs % BLOCK == 0 && w->n_epochs < MAX_EPOCHS) {
        w->notes[w->n_epochs / BLOCK] = (note){limit_process_cpu_ns(), resident_bytes(), w->rows};
    }
}

static const sl_listener listener = {
    .struct_size = sizeof(sl_listener), .name = "watch", .batch_completed = ended};

/// CPU time of a row in the hundred epochs that end with `end`.
static double ns_a_row(const watch *w, int64_t end)
{
    const note *a = &w->notes[end / BLOCK - 1], *b = &w->notes[end / BLOCK];
    return (double)(b->cpu_ns - a->cpu_ns) / (double)(b->rows - a->rows);
}

static void print(const watch *w, bool checkpoint)
{
    int64_t n_epochs = w->n_epochs / BLOCK * BLOCK;
    if (n_epochs < 3 * BLOCK) {
        limit_die("%lld epochs had rows", (long long)w->n_epochs);
    }

    double early = ns_a_row(w, 2 * BLOCK), late = ns_a_row(w, n_epochs);
    double from = (double)w->notes[2].resident_bytes,
           to = (double)w->notes[n_epochs / BLOCK].resident_bytes;
    printf(
        "sql_epochs checkpoint=%d epochs=%lld rows=%lld early_us=%.1f late_us=%.1f time_ratio=%.3f "
        "early_mb=%.1f late_mb=%.1f memory_ratio=%.3f\n",
        checkpoint, (long long)w->n_epochs, (long long)n_rows, early * ROWS / 1e3,
        late * ROWS / 1e3, late / early, from / 1e6, to / 1e6, to / from);
}

static void run(watch *w, bool checkpoint)
{
    char place[PATH_BYTES + 32];
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    (void)snprintf(place, sizeof place, "%s/state", home);
    const char *settings[] = {"master",   "local[1]", "interval",
                              "20ms",     "memory",   "1GiB",
                              "progress", "none",     checkpoint ? "checkpoint" : NULL,
                              place,      NULL};
    bench_check(sl_context_new(&context, "sql-epochs", build, settings, &err), &err, "context");
    bench_check(sl_context_add_listener(context, &listener, w, &err), &err, "listener");
    bench_check(sl_context_start_stepped(context, &err), &err, "start");
    while (bench_step(context)) { // it ends by itself: the source has so many rows
    }
    sl_context_free(context); // the listener has been told of all
    if (w->rows != n_rows) {
        limit_die("the job ended after %lld rows", (long long)w->rows);
    }
}

int main(int argc, char **argv)
{
    static watch w;
    int64_t n_epochs = 1000;
    bool checkpoint = false;
    int option;
    while ((option = getopt(argc, argv, "e:c")) != -1) {
        if (option == 'e') {
            n_epochs = limit_number("-e", optarg, 4 * BLOCK, MAX_EPOCHS - BLOCK) / BLOCK * BLOCK;
        } else if (option == 'c') {
            checkpoint = true;
        } else {
            limit_die("usage: sql_epochs [-e EPOCHS] [-c] DIR");
        }
    }
    if (optind + 1 != argc || snprintf(home, sizeof home, "%s", argv[optind]) >= PATH_BYTES) {
        limit_die("usage: sql_epochs [-e EPOCHS] [-c] DIR");
    }
    n_rows = n_epochs * ROWS;
    run(&w, checkpoint);
    print(&w, checkpoint);
    return 0;
}
