// The operator: the stream of a SELECT over the rows of each epoch. Its text in the graph is the
// query as DuckDB prints it, so blanks and comments change nothing, and what its names are.
#include "sql/select.h"

static sl_rdd *rdd_of(void *body, sl_rdd *const *inputs, int32_t n)
{
    (void)n; // as many as the select has
    return sli_select_rdd(body, inputs);
}

/// A select belongs to the graph's SQL.
static void free_body(void *body)
{
    (void)body;
}

static const sli_lineage_ops ops = {.kind = "sql", .rdd = rdd_of, .free = free_body};

static void put_table(sli_str *args, const sl_graph *graph, const sli_select_table *table)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    if (table->fixed == NULL) {
        sli_str_printf(&text, "%s=#%d", table->name, table->dep + 1);
        sli_put_pair(args, "stream", text.data);
        args->failed |= text.failed;
    } else {
        sli_put_pair(args, "table", table->name);
        sli_put_url_pair(args, "url", graph, table->fixed->url);
        sli_str_printf(args, " content=%016llx", (unsigned long long)table->fixed->content);
    }
    sli_str_reset(&text);
}

static sl_code put_args(const sli_select *select, const sl_graph *graph, sli_str *args,
                        sl_error *err)
{
    sli_put_pair(args, "query", select->printed);
    for (int32_t i = 0; i < select->n_tables; i++) {
        put_table(args, graph, &select->tables[i]);
    }
    for (int32_t i = 0; i < select->n_called; i++) {
        sli_put_pair(args, "fn", select->called[i]->fn->name);
        sli_str_printf(args, " version=%u", (unsigned)select->called[i]->fn->version);
    }
    if (select->by_row) {
        sli_str_text(args, " by_row");
    }
    return sli_str_check(args, "the text of a query", err);
}

static int32_t names_of(const sli_relation *from, int32_t n, sli_named *out)
{
    for (int32_t i = 0; i < n; i++) {
        out[i] = (sli_named){from[i].name, sli_relation_schema(&from[i]), from[i].table, i};
    }
    // One stream under two names is one input.
    for (int32_t i = 0; i < n; i++) {
        for (int32_t earlier = i; earlier-- > 0;) {
            if (from[i].stream != NULL && from[earlier].stream == from[i].stream) {
                out[i].input = earlier;
            }
        }
    }
    return n;
}

sl_stream *sli_sql_define(sli_sql *sql, const char *select, const sli_relation *from, int32_t n,
                          sli_by by, const sli_place *place)
{
    sl_error err = SL_ERROR_INIT;
    sli_named names[SLI_SQL_MAX_FROM];
    sl_stream *inputs[SLI_SQL_MAX_FROM];
    sli_select *made = NULL;
    sli_str args = {.tag = SLI_TAG_STREAM};
    SL_ASSERT(n <= SLI_SQL_MAX_FROM, "more names than a query may have");
    sl_code rc =
        sli_select_find(sql, select, names, names_of(from, n, names), by, place, &made, &err);
    rc = rc == SL_OK ? put_args(made, sql->graph, &args, &err) : rc;
    sl_stream *stream = NULL;
    if (rc == SL_OK) {
        for (int32_t i = 0; i < made->n_deps; i++) {
            inputs[i] = from[made->inputs[i]].stream;
        }
        stream = sli_stream_lineage(&ops, NULL, inputs, made->n_deps, made, args.data, SL_OK, &err);
    } else {
        rc = sl_error_wrap(&err, rc, "sql");
        sli_graph_stick(sql->graph, rc, &err);
    }
    sli_str_reset(&args);
    return stream;
}

sl_stream *sli_sql_epoch(sli_sql *sql, sl_graph *graph, const char *select,
                         const sli_relation *from, int32_t n, bool by_row, const sli_place *place)
{
    return sli_graph_is_open(graph)
               ? sli_sql_define(sql, select, from, n, by_row ? SLI_BY_ROW : SLI_BY_EPOCH, place)
               : NULL;
}
