// A job that writes to a PostgreSQL server: counts of each epoch are appended to one table, running
// counts replace each other in another.
#include "sim/sim.h"

static void build(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "file:in");
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"),
                   "postgres://sim/db/counts");
    sl_stream_save(slt_totals_of(words), "postgres://sim/db/totals?mode=upsert&key=word");
}

static void count_row(void *ctx, sl_text row)
{
    int64_t n = 0;
    const char *tab = memchr(row.data, '\t', row.size);
    SL_ASSERT(tab != NULL, "a row has two cells");
    size_t size = (size_t)(tab - row.data);
    sl_code rc = sli_scan_int64((sl_text){tab + 1, row.size - size - 1}, &n, NULL);
    SL_ASSERT(rc == SL_OK, "a count was written");
    slt_counts_add(ctx, row.data, size, n);
}

static void check(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, 2 * sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    (void)sli_pg_server_look(sim->server, "counts", count_row, &shown[0]);
    (void)sli_pg_server_look(sim->server, "totals", count_row, &shown[1]);
    slt_check_words(sim, &shown[0], at_end);
    slt_check_words(sim, &shown[1], at_end);
    sl_free(shown);
}

const slt_sim_job slt_job_postgres = {
    .name = "postgres",
    .build = build,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check,
    .has_server = true,
};
