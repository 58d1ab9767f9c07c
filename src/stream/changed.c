// What is another since the last run: the graph, or rows of its static tables, whose content stands
// in the graph's text as
//
//     table="planes" url="planes.csv" content=9f3c51d20a7be846
//
// Nobody has seen a row of an epoch that was planned and not sealed, so to run it again on another
// graph loses and doubles nothing. But its rows are others than they would have been, and what
// foreachRDD did on the first try is not what it does now. So it is told; replay.changed=refuse
// does not begin.
#include "stream/engine_int.h"

enum { CONTENT_DIGITS = 16 };

/// The next static table of a graph's text: from its ` table="` to its content. False: no more.
static bool next_table(const char **at, sl_text *before, const char **content)
{
    static const char mark[] = "\" content=";
    for (const char *found; (found = strstr(*at, " table=\"")) != NULL;) {
        const char *end = found + strcspn(found, "\n"), *digits = strstr(found, mark);
        const char *other = strstr(found + 1, " table=\"");
        *at = found + 1;
        if (digits == NULL || digits > end || (other != NULL && other < digits)) {
            continue;
        }
        *content = digits + sizeof mark - 1;
        *before = (sl_text){found, (size_t)(*content - found)};
        *at = *content;
        return true;
    }
    return false;
}

/// Whether the last run's graph has this table with other rows.
static bool has_others(const char *last, sl_text before, const char *content)
{
    const char *found = memmem(last, strlen(last), before.data, before.size);
    return found != NULL && strncmp(found + before.size, content, CONTENT_DIGITS) != 0;
}

/// "planes (planes.csv), ads (ads.parquet)"; a table of several queries once.
static void put_changed(sli_str *out, const char *last, const char *now)
{
    sl_text before;
    const char *content = NULL;
    while (next_table(&now, &before, &content)) {
        const char *name = before.data + sizeof " table=\"" - 1;
        sli_str one = {.tag = SLI_TAG_STREAM};
        sli_str_printf(&one, "%.*s", (int)strcspn(name, "\""), name);
        const char *url = strstr(name, " url=\"");
        if (url != NULL && url < content) {
            url += sizeof " url=\"" - 1;
            sli_str_printf(&one, " (%.*s)", (int)strcspn(url, "\""), url);
        }
        bool is_new = !one.failed && (out->data == NULL || strstr(out->data, one.data) == NULL);
        if (is_new && has_others(last, before, content)) {
            sli_str_printf(out, "%s%s", out->size == 0 ? "" : ", ", one.data);
        }
        sli_str_reset(&one);
    }
}

static sl_code refuse(int64_t first, int64_t last, const sli_str *tables, sl_error *err)
{
    const char *what = tables->size > 0 ? "rows of static tables have changed" : "the graph has";
    return sl_error_set(
        err, SL_E_INCOMPATIBLE,
        "epochs %lld to %lld of the last run must run again, and since then %s%s%.300s: put back "
        "what has changed until a start has run them, or set replay.changed=warn (none of their "
        "rows was shown)",
        (long long)first, (long long)last, what, tables->size > 0 ? ": " : " changed",
        tables->size > 0 ? tables->data : "");
}

static void tell(const sli_engine *engine, const sli_str *tables, uint64_t before, uint64_t now)
{
    SLI_LOG(engine->log, SLI_WARN, "stream",
            "the job's graph has changed since the last run (%016llx, now %016llx): state is "
            "kept by uid, planned epochs run with the new graph%s%s",
            (unsigned long long)before, (unsigned long long)now,
            tables->size > 0 ? "; other rows are in static tables: " : "",
            tables->size > 0 ? tables->data : "");
}

sl_code sli_changed_check(const sli_engine *engine, int64_t first, int64_t last, sl_error *err)
{
    uint64_t before = sli_ckpt_last_graph_hash(engine->ckpt), now = sl_graph_hash(engine->graph);
    bool is_another = before != 0 && before != now;
    if (!is_another && first == 0) {
        return SL_OK;
    }
    sli_str tables = {.tag = SLI_TAG_STREAM};
    put_changed(&tables, sli_ckpt_last_graph(engine->ckpt), sl_graph_text(engine->graph));
    sl_code rc = sli_str_check(&tables, "names of tables", err);
    if (rc == SL_OK && first > 0 && sl_conf_choice(engine->env.conf, "replay.changed") == 1) {
        rc = refuse(first, last, &tables, err);
    } else if (rc == SL_OK && is_another) {
        tell(engine, &tables, before, now);
    }
    sli_str_reset(&tables);
    return rc;
}
