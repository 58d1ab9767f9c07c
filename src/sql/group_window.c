// Flink's older words for windows:
//
//     SELECT TUMBLE_START(ts, INTERVAL '1' MINUTE), k, count(*) FROM t
//     GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), k
//
// They are put into the newer ones, FROM TUMBLE(...) GROUP BY window_start, window_end, in the
// tree: the table gets three more columns, TUMBLE(...) among what is grouped by becomes all of
// them, and TUMBLE_START, _END and _ROWTIME one.
#include "sql/query_int.h"

#include <stdio.h>
#include <strings.h>

static const char *const words[] = {"", "tumble", "hop", "session"};
static const char *const forms[] = {
    "", "TUMBLE(ts, INTERVAL '1' MINUTE)",
    "HOP(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE): slide, then size",
    "SESSION(ts, INTERVAL '5' MINUTE)"};

static sli_window_kind kind_of(const sli_node *node)
{
    const char *name = sli_node_is(node, "FUNCTION") ? sli_node_text(node, "function_name") : "";
    for (int32_t kind = SLI_WINDOW_TUMBLE; kind <= SLI_WINDOW_SESSION; kind++) {
        if (strcasecmp(name, words[kind]) == 0) {
            return (sli_window_kind)kind;
        }
    }
    return SLI_WINDOW_NONE;
}

/// At work on one SELECT.
typedef struct rewriting {
    sli_query *query;
    const sli_node *call; ///< of GROUP BY
    sli_window_kind kind;
    bool is_wrong;    ///< there is a word of another window,
    int64_t wrong_at; ///< here
} rewriting;

// ---------------------------------------------------------------- the window

static sl_code read_window(rewriting *r, const sli_query_table *table, const char **column,
                           sl_error *err)
{
    int64_t us[2] = {0, 0};
    int32_t n = r->kind == SLI_WINDOW_HOP ? 2 : 1;
    const sli_node *time = sli_node_item(r->call, "children", 0);
    *column = sli_query_reads(r->query, table, time);
    if (sli_node_count(r->call, "children") != n + 1 || *column == NULL) {
        return sli_query_refuse(r->query, r->call, err, "its form is %s", forms[r->kind]);
    }
    for (int32_t i = 0; i < n; i++) {
        const sli_node *arg = sli_node_item(r->call, "children", i + 1);
        sl_code rc = sli_interval_us(arg, &us[i], err);
        SL_TRY(sli_query_at(r->query, sli_node_place(arg), rc, err));
        if (us[i] <= 0) {
            return sli_query_refuse(r->query, arg, err, "a window has a length above 0");
        }
    }
    if (n == 2) {
        SL_TRY(sli_query_check_slide(r->query, r->call, us[0], us[1], err));
    }
    if (!sli_moments_has(&table->relation, *column)) {
        return sli_query_no_time(r->query, time, &table->relation, *column, err);
    }
    r->query->window = (sli_window_words){.kind = r->kind,
                                          .size_us = us[n - 1],
                                          .slide_us = us[0],
                                          .source = (int32_t)(table - r->query->tables),
                                          .of_groups = true,
                                          .at = sli_node_place(r->call)};
    return SL_OK;
}

static sl_code take_window(rewriting *r, sl_error *err)
{
    sli_query_table *table = NULL;
    const char *column = NULL, *name = sli_query_name(r->query, words[r->kind]);
    if (sli_query_streams(r->query, &table) != 1 || name == NULL) {
        return sli_query_refuse(r->query, r->call, err,
                                "a window goes over one stream: make a view of the join, and group "
                                "its rows by the time of either side");
    }
    SL_TRY(read_window(r, table, &column, err));
    SL_TRY(sli_window_over(r->query, r->call, column, &table->relation, &table->seen, err));
    sli_node_rename(sli_node_at(r->query->tree.select, "from_table"), table->relation.name, name);
    table->relation.name = name;
    return SL_OK;
}

// ---------------------------------------------------------------- the words

/// "window_start" of "tumble_start"; NULL: it is no such word.
static const char *column_of(const char *name, const char *word)
{
    static const char *const parts[][2] = {
        {"_start", "window_start"}, {"_end", "window_end"}, {"_rowtime", "window_time"}};
    size_t n = strlen(word);
    for (size_t i = 0; i < 3 && strncasecmp(name, word, n) == 0; i++) {
        if (strcasecmp(name + n, parts[i][0]) == 0) {
            return parts[i][1];
        }
    }
    return NULL;
}

static sli_node *in_newer_words(void *ctx, const sli_node *node)
{
    rewriting *r = ctx;
    const char *name = sli_node_is(node, "FUNCTION") ? sli_node_text(node, "function_name") : "";
    const char *column = NULL;
    for (int32_t kind = SLI_WINDOW_TUMBLE; column == NULL && kind <= SLI_WINDOW_SESSION; kind++) {
        column = column_of(name, words[kind]);
        bool other = column != NULL && (kind != (int32_t)r->kind ||
                                        !sli_node_equal(sli_node_at(node, "children"),
                                                        sli_node_at(r->call, "children")));
        r->wrong_at = other ? sli_node_place(node) : r->wrong_at;
        r->is_wrong |= other;
    }
    if (column == NULL) {
        return NULL;
    }
    sli_node *made = sli_node_column(column, sli_node_text(node, "alias"));
    sli_node_set(made, "query_location", json_object_get(sli_node_at(node, "query_location")));
    return made;
}

/// GROUP BY TUMBLE(...), k becomes GROUP BY window_start, k, window_end, window_time.
static void group_by_window(rewriting *r, int32_t at)
{
    sli_node *groups = sli_node_at(r->query->tree.select, "group_expressions");
    sli_node *set = sli_node_item(r->query->tree.select, "group_sets", 0);
    json_object_array_put_idx(groups, (size_t)at, sli_node_column("window_start", NULL));
    static const char *const others[] = {"window_end", "window_time"};
    for (size_t i = 0; i < 2; i++) {
        json_object_array_add(set,
                              json_object_new_int64((int64_t)json_object_array_length(groups)));
        sli_node_push(groups, sli_node_column(others[i], NULL));
    }
}

static sl_code rewrite(rewriting *r, int32_t at, sl_error *err)
{
    sli_node *select = r->query->tree.select, *call = json_object_get(sli_node_own(r->call));
    sl_code rc = take_window(r, err);
    if (rc == SL_OK) {
        group_by_window(r, at);
        sli_node_replace_own(sli_node_at(select, "select_list"), in_newer_words, r);
        sli_node *having = sli_node_at(select, "having");
        sli_node_replace_own(having, in_newer_words, r);
    }
    if (rc == SL_OK && r->is_wrong) {
        rc =
            sl_error_set(err, SL_E_INVALID,
                         "it has to be of the window that GROUP BY names, with the same arguments");
        rc = sli_query_at(r->query, r->wrong_at, rc, err);
    }
    json_object_put(call);
    return rc;
}

sl_code sli_query_group_window(sli_query *query, sl_error *err)
{
    const sli_node *select = query->tree.select;
    for (int32_t i = 0; i < sli_node_count(select, "group_expressions"); i++) {
        const sli_node *call = sli_node_item(select, "group_expressions", i);
        rewriting r = {.query = query, .call = call, .kind = kind_of(call)};
        if (r.kind == SLI_WINDOW_NONE) {
            continue;
        }
        return query->window.kind == SLI_WINDOW_NONE
                   ? rewrite(&r, i, err)
                   : sli_query_refuse(query, call, err,
                                      "a second window in one SELECT; make a view of the first");
    }
    return SL_OK;
}
