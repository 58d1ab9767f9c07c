// nexmark.c — the queries of NEXMark as scripts of SQL (nexmark/*.sql), by one worker, through the
// public interface only, beside the loops of limit/nexmark.c.
//
// The rows lie in memory and are pushed into queues, an epoch a push; the script's tables are those
// queues, and what it writes goes to a function that adds it up. Timed is user + system time of the
// whole process from the first push of a block until its last epoch has ended. Another queue has a
// row an epoch, and its output is the last: when it has run, so have the others.
//
//     nexmark -q q0|q1|... [-r BLOCKS] [-n EPOCHS] [-e EVENTS_PER_EPOCH] [-s EVENTS_PER_SECOND]
//             [-o OUT_OF_ORDER] SCRIPT
#include "bench.h"

#include "perf/limit/nexmark_rows.h"

#include <sluice/sql.h>

typedef struct table {
    const char *queue, *schema;
    int32_t integers[NEXMARK_MAX_INTEGERS], texts[NEXMARK_MAX_TEXTS]; ///< columns of the schema
    sl_builder *builder;
} table;

static table tables[NEXMARK_KINDS] = {
    {"person",
     "id int64?, name string?, emailAddress string?, creditCard string?, city string?, "
     "state string?, dateTime timestamp?, extra string?",
     {0, 6},
     {1, 2, 3, 4, 5, 7},
     NULL},
    {"auction",
     "id int64?, itemName string?, description string?, initialBid int64?, reserve int64?, "
     "dateTime timestamp?, expires timestamp?, seller int64?, category int64?, extra string?",
     {0, 3, 4, 5, 6, 7, 8},
     {1, 2, 9},
     NULL},
    {"bid",
     "auction int64?, bidder int64?, price int64?, dateTime timestamp?, extra string?",
     {0, 1, 2, 3},
     {4},
     NULL},
};

typedef struct bench {
    nexmark_run run;
    char *script;
    const char *path;
    nexmark_sum sum;
    int64_t n_epochs; ///< that have ended
    nexmark_epoch made;
    int64_t n_in;
} bench;

static bench the_bench; // a build function has no argument for it

// ---------------------------------------------------------------- the job

static size_t width_of(const sl_column *column)
{
    switch (column->type) {
    case SL_INT64:
    case SL_TIMESTAMP:
    case SL_FLOAT64:
        return 8;
    case SL_DECIMAL:
    case SL_STRING:
        return 16;
    default:
        limit_die("a result of type %d", (int)column->type);
    }
}

static sl_code add_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    bench *b = ctx;
    nexmark_cells cells[NEXMARK_MAX_COLUMNS];
    (void)partition;
    for (int32_t c = 0; c < b->run.query->n_columns; c++) {
        const sl_column *column = sl_batch_column(batch, c);
        if (column->n_nulls > 0) {
            return sl_error_set(err, SL_E_DATA, "column %d has a null", (int)c);
        }
        cells[c] = (nexmark_cells){column->values, width_of(column)};
    }
    nexmark_sum_rows(&b->sum, b->run.query, cells, sl_batch_rows(batch));
    return SL_OK;
}

static sl_code add_rows(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    return sl_rdd_foreach(rdd, add_batch, sl_args_attached(args, "bench"), err);
}

static sl_code count_epoch(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    bench *b = sl_args_attached(args, "bench");
    int64_t n = 0;
    sl_code rc = sl_rdd_count(rdd, &n, err);
    b->n_epochs += n;
    return rc;
}

static const sl_foreach_fn results_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "results", .version = 1, .run = add_rows};
static const sl_foreach_fn epochs_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "epochs", .version = 1, .run = count_epoch};

static void job(sl_graph *graph)
{
    const nexmark *events = &the_bench.run.events;
    char late[32], longest[32];
    (void)snprintf(late, sizeof late, "%.6f", (double)nexmark_late_us(events) / 1e6);
    (void)snprintf(longest, sizeof longest, "%.6f", (double)nexmark_longest_us(events) / 1e6);
    const char *const variables[] = {
        "BID",     "'connector' = 'queue', 'name' = 'bid', 'one_at_a_time' = 'true'",
        "AUCTION", "'connector' = 'queue', 'name' = 'auction', 'one_at_a_time' = 'true'",
        "PERSON",  "'connector' = 'queue', 'name' = 'person', 'one_at_a_time' = 'true'",
        "OUT",     "'connector' = 'foreach', 'name' = 'results'",
        "LATE",    late,
        "LONGEST", longest,
        NULL};
    sl_sql_foreach(graph, &results_fn, NULL);
    sl_sql_script(graph, the_bench.path, the_bench.script, variables);
    sl_stream *epochs = sl_stream_queue(graph, "epochs", "p int64", true);
    sl_stream_foreach_rdd(epochs, &epochs_fn, NULL);
}

static char *read_script(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 65536);
    if (file == NULL || text == NULL) {
        limit_die_errno(path);
    }
    size_t n = fread(text, 1, 65535, file);
    if (n == 0 || n == 65535 || fclose(file) != 0) {
        limit_die("%s: a script of 1 to 65534 bytes is expected", path);
    }
    return text;
}

// ---------------------------------------------------------------- rows

static void make_builders(const bench *b)
{
    sl_error err = SL_ERROR_INIT;
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        sl_schema *schema = NULL;
        if ((b->run.query->kinds >> kind & 1) == 0) {
            continue;
        }
        bench_check(sl_schema_parse(&schema, tables[kind].schema, &err), &err, "schema");
        bench_check(sl_builder_new(&tables[kind].builder, schema, &err), &err, "builder");
        sl_schema_unref(schema);
    }
}

static sl_batch *finish(sl_builder *builder)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *batch = NULL;
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
    return batch;
}

static sl_batch *batch_of(int kind, const nexmark_rows *rows)
{
    const table *t = &tables[kind];
    for (int32_t i = 0; i < nexmark_n_integers[kind]; i++) {
        int64_t *cells = sl_builder_reserve(t->builder, t->integers[i], rows->n);
        if (cells == NULL) {
            limit_die("no memory");
        }
        memcpy(cells, rows->integers[i], (size_t)rows->n * sizeof *cells);
    }
    for (int32_t i = 0; i < nexmark_n_texts[kind]; i++) {
        for (int64_t row = 0; row < rows->n; row++) {
            sl_builder_text(t->builder, t->texts[i], rows->texts[i][row].at,
                            rows->texts[i][row].size);
        }
    }
    return finish(t->builder);
}

/// A row an hour ahead that is in no result: ids of nobody, of each kind others, texts "-".
static sl_batch *far_row(const bench *b, int kind)
{
    const table *t = &tables[kind];
    int64_t events = (b->run.n_blocks + 1) * nexmark_block_events(&b->run);
    int64_t time_us = nexmark_time_us(&b->run.events, events) + NEXMARK_HOUR_US;
    for (int32_t i = 0; i < nexmark_n_integers[kind]; i++) {
        bool is_time = (kind == NEXMARK_PERSON && i == PERSON_TIME) ||
                       (kind == NEXMARK_BID && i == BID_TIME) ||
                       (kind == NEXMARK_AUCTION && (i == AUCTION_TIME || i == AUCTION_EXPIRES));
        sl_builder_int64(t->builder, t->integers[i], is_time ? time_us : -1 - kind);
    }
    for (int32_t i = 0; i < nexmark_n_texts[kind]; i++) {
        sl_builder_text(t->builder, t->texts[i], "-", 1);
    }
    return finish(t->builder);
}

static void push(sl_context *context, const char *queue, sl_batch *batch)
{
    sl_error err = SL_ERROR_INIT;
    bench_check(sl_queue_push(context, queue, batch, 1, &err), &err, queue);
    sl_batch_unref(batch);
}

// ---------------------------------------------------------------- the program

/// Pushes n epochs; batches[e][kind], NULL: none. Returns CPU time until they have ended.
static int64_t run_epochs(bench *b, sl_context *context, sl_batch *(*batches)[NEXMARK_KINDS],
                          int64_t n)
{
    int64_t until = b->n_epochs + n, begin_ns = limit_process_cpu_ns();
    for (int64_t e = 0; e < n; e++) {
        for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
            if (batches[e][kind] != NULL) {
                push(context, tables[kind].queue, batches[e][kind]);
            }
        }
        push(context, "epochs", bench_places(1));
    }
    while (b->n_epochs < until) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
    return limit_process_cpu_ns() - begin_ns;
}

static void make_block(bench *b, int64_t block, sl_batch *(*batches)[NEXMARK_KINDS])
{
    b->n_in = 0;
    for (int64_t e = 0; e < b->run.epochs; e++) {
        int64_t from = block * nexmark_block_events(&b->run) + e * b->run.epoch_events;
        nexmark_epoch_fill(&b->run.events, &b->made, from);
        for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
            bool is_read = (b->run.query->kinds >> kind & 1) != 0;
            batches[e][kind] = is_read ? batch_of(kind, &b->made.rows[kind]) : NULL;
            b->n_in += is_read ? b->made.rows[kind].n : 0;
        }
    }
}

/// Lets every window end: a far row in each table, then epochs without rows, as many as operators
/// by event time may stand behind each other.
static void end_windows(bench *b, sl_context *context)
{
    sl_batch *batches[4][NEXMARK_KINDS] = {{NULL}};
    for (int kind = 0; kind < NEXMARK_KINDS && strcmp(b->run.query->name, "q2") > 0; kind++) {
        batches[0][kind] = (b->run.query->kinds >> kind & 1) != 0 ? far_row(b, kind) : NULL;
    }
    (void)run_epochs(b, context, batches, 4);
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "4GiB",   "progress", "none",     NULL};
    static sl_batch *batches[NEXMARK_MAX_EPOCHS][NEXMARK_KINDS];
    bench *b = &the_bench;
    int64_t cpu_ns[NEXMARK_MAX_BLOCKS];
    int at = nexmark_options(&b->run, argc, argv);
    if (at + 1 != argc) {
        limit_die("nexmark: one script is expected");
    }
    b->path = argv[at];
    b->script = read_script(b->path);
    nexmark_epoch_init(&b->made, b->run.epoch_events, b->run.query->kinds);
    make_builders(b);
    sl_context *context = bench_start("nexmark", job, settings, b);
    for (int64_t block = 0; block <= b->run.n_blocks; block++) { // the first makes tables grow
        make_block(b, block, batches);
        cpu_ns[block > 0 ? block - 1 : 0] = run_epochs(b, context, batches, b->run.epochs);
    }
    end_windows(b, context);
    nexmark_print("engine", &b->run, cpu_ns, b->n_in, &b->sum);
    sl_context_free(context);
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        sl_builder_free(tables[kind].builder);
    }
    nexmark_epoch_reset(&b->made);
    free(b->script);
    return 0;
}
