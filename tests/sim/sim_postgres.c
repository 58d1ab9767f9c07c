// A job that writes to a PostgreSQL server: counts of each epoch are appended to one table, running
// counts replace each other in another; words that a third table knows are counted in a fourth.
#include "sim/sim.h"

static void build(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "file:in");
    sl_stream *known = sl_stream_join_table(words, "postgres://sim/db/known", "word");
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"),
                   "postgres://sim/db/counts");
    sl_stream_save(sl_stream_reduce_by_key(known, "word", "count() as n"),
                   "postgres://sim/db/joined");
    sl_stream_save(slt_totals_of(words), "postgres://sim/db/totals?mode=upsert&key=word");
}

void slt_postgres_fill(sli_pg_server *server)
{
    static const sli_pg_field fields[] = {{.name = "word", .type = "text"},
                                          {.name = "kind", .type = "text"}};
    sli_pg_target known = {.table = "known", .fields = fields, .n_fields = 2};
    sl_code rc = sli_pg_server_make(server, &known, NULL);
    rc = rc == SL_OK ? sli_pg_server_fill(server, "known", "the\tarticle\nbe\tverb\n", NULL) : rc;
    SL_ASSERT(rc == SL_OK, "a new server has room for a table");
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

/// Known words are counted as all words are, and no others.
static void check_known(slt_sim *sim, const slt_counts *joined, bool at_end)
{
    for (int32_t i = 0; i < sim->due.n; i++) {
        const slt_count *due = &sim->due.items[i];
        int64_t n = slt_counts_of(joined, due->word);
        bool known = strcmp(due->word, "the") == 0 || strcmp(due->word, "be") == 0;
        if (known ? n > due->n || (at_end && n < due->n) : n > 0) {
            slt_sim_wrong(sim, "joined: '%s' is there %lld times, not %lld", due->word,
                          (long long)n, (long long)(known ? due->n : 0));
        }
    }
}

static void check(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, 3 * sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    (void)sli_pg_server_look(sim->server, "counts", count_row, &shown[0]);
    (void)sli_pg_server_look(sim->server, "totals", count_row, &shown[1]);
    (void)sli_pg_server_look(sim->server, "joined", count_row, &shown[2]);
    slt_check_words(sim, &shown[0], at_end);
    slt_check_words(sim, &shown[1], at_end);
    check_known(sim, &shown[2], at_end);
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
