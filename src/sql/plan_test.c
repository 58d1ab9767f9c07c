// SELECTs of scripts to operators: what each becomes, and what is refused with which words.
#include "sql/sql_int.h"

#include "sluice/event.h"
#include "sl_test.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const sli_source_ops *const sources[] = {&sli_source_queue, NULL};
static const sli_sink_ops *const sinks[] = {NULL};

/// A graph with two streams by event time, one without, and views that a test adds.
typedef struct fixture {
    sl_env *env;
    sl_graph *graph;
    sli_sql *sql;
    sli_relation relations[16];
    int32_t n;
} fixture;

static void add(fixture *f, const char *name, const char *schema, const char *time)
{
    sl_stream *stream = sl_stream_queue(f->graph, name, schema, false);
    if (time != NULL) {
        stream = sl_stream_event_time(stream, time, "5s");
    }
    f->relations[f->n++] = (sli_relation){.name = name, .stream = stream, .time = time};
}

static fixture begin(void)
{
    fixture f = {0};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_posix(&f.env, &err), SL_OK);
    assert_int_equal(sli_graph_new(&f.graph, &err), SL_OK);
    sli_graph_environment(f.graph, sources, sinks, f.env, false);
    sli_graph_modules(f.graph, SLT_BUILD_DIR "/lib/sluice");
    if (sli_sql_of(f.graph, &f.sql, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    add(&f, "words", "word string, n int64?, price decimal(10,2)?", NULL);
    add(&f, "bids", "auction int64, bidder int64, price int64?, ts timestamp", "ts");
    add(&f, "sales", "auction int64, place string?, sold timestamp", "sold");
    return f;
}

static void end(fixture *f)
{
    sli_graph_free(f->graph);
    sli_env_free(f->env);
}

static const sli_relation *find(void *ctx, const char *name)
{
    fixture *f = ctx;
    for (int32_t i = 0; i < f->n; i++) {
        if (strcasecmp(f->relations[i].name, name) == 0) {
            return &f->relations[i];
        }
    }
    return NULL;
}

static void names(void *ctx, void (*each)(void *to, const char *name), void *to)
{
    fixture *f = ctx;
    for (int32_t i = 0; i < f->n; i++) {
        each(to, f->relations[i].name);
    }
}

static sl_code plan(fixture *f, const char *name, const char *select, sli_relation *out,
                    sl_error *err)
{
    sli_place place = {.name = "job.sql", .text = select};
    sli_plan_env env = {.sql = f->sql,
                        .graph = f->graph,
                        .find = find,
                        .names = names,
                        .ctx = f,
                        .place = &place,
                        .uid = name};
    return sli_sql_plan(&env, select, out, err);
}

/// The SELECT is planned as `name`, a view that later ones may use.
static sli_relation planned(fixture *f, const char *name, const char *select)
{
    sli_relation out = {0};
    sl_error err = SL_ERROR_INIT;
    if (plan(f, name, select, &out, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    out.name = name;
    f->relations[f->n++] = out;
    return out;
}

/// The graph's text has these pieces, in this order.
static void text_has(fixture *f, const char *const *pieces)
{
    const char *text = sl_graph_text(f->graph), *at = text;
    for (int32_t i = 0; pieces[i] != NULL; i++) {
        const char *found = strstr(at, pieces[i]);
        if (found == NULL) {
            fail_msg("'%s' is not, or not there, in:\n%s", pieces[i], text);
        }
        at = found + strlen(pieces[i]);
    }
}

static void refused(const char *select, const char *what)
{
    fixture f = begin();
    sli_relation out = {0};
    sl_error err = SL_ERROR_INIT;
    assert_int_not_equal(plan(&f, "q", select, &out, &err), SL_OK);
    if (strstr(err.text, what) == NULL) {
        fail_msg("'%s' is not in: %s", what, err.text);
    }
    end(&f);
}

SL_TEST(sql_plan_rows_of_one_stream_go_by_row, "")
{
    fixture f = begin();
    sli_relation q = planned(&f, "q", "SELECT upper(word) AS w, n FROM words WHERE n > 1");
    text_has(&f, (const char *const[]){"q sql(queue-1)", "upper(", "w string?, n int64?", NULL});
    assert_null(q.changes_by);
    end(&f);
}

SL_TEST(sql_plan_event_time_goes_on_where_its_column_does, "")
{
    fixture f = begin();
    assert_string_equal(planned(&f, "a", "SELECT ts, price FROM bids").time, "ts");
    sli_relation b = planned(&f, "b", "SELECT ts AS t FROM a");
    assert_null(b.time);
    assert_int_equal(b.n_moments, 1);
    assert_string_equal(b.moments[0].column, "t");
    assert_string_equal(planned(&f, "c", "SELECT * FROM a").time, "ts");
    end(&f);
}

SL_TEST(sql_plan_group_by_becomes_a_running_aggregation, "")
{
    fixture f = begin();
    sli_relation q = planned(&f, "q",
                             "SELECT upper(word) AS w, count(*) AS n, sum(n) + 1 AS s FROM words "
                             "WHERE n > 0 GROUP BY upper(word) HAVING count(*) > 5");
    text_has(&f, (const char *const[]){"q.in sql(", "_k0", "_a1", "q.state running",
                                       "count() as _r0", "sum(_a1) as _r1", "q sql(", "_r1 + 1",
                                       "w string?, n int64", NULL});
    assert_string_equal(q.changes_by, "w");
    assert_null(q.seen); // a count only grows: what is let in stays
    end(&f);
}

SL_TEST(sql_plan_plain_columns_go_without_a_query, "")
{
    fixture f = begin();
    (void)planned(&f, "q", "SELECT word, count(*) AS n FROM words GROUP BY word");
    text_has(&f, (const char *const[]){"q.in select(", "q.state running", "q select(", NULL});
    end(&f);
}

SL_TEST(sql_plan_a_select_of_plain_columns_shares_their_cells, "")
{
    static const char *const cases[][2] = {
        {"SELECT AUCTION, b.ts AS Ts, price AS p, auction AS again FROM bids b",
         "q select(eventTime-1) expressions=\"auction, ts as Ts, price as p, auction as again\""},
        {"SELECT bids.price FROM Bids", "q select("},
        {"SELECT price FROM bids WHERE price > 1", "q sql("},
        {"SELECT price, 1 AS one FROM bids", "q sql("},
        {"SELECT p FROM bids AS b(a, p, c, d)", "q sql("},
        {"SELECT p.a AS x, p FROM (SELECT {'a': auction} AS p FROM bids)", "q sql("},
        {"SELECT * FROM bids", "q sql("},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = begin();
        (void)planned(&f, "q", cases[i][0]);
        text_has(&f, (const char *const[]){cases[i][1], NULL});
        end(&f);
    }
}

SL_TEST(sql_plan_what_is_grouped_by_may_be_a_number_an_alias_or_all, "")
{
    static const char *const selects[] = {
        "SELECT upper(word) AS w, count(*) AS c FROM words GROUP BY 1",
        "SELECT upper(word) AS w, count(*) AS c FROM words GROUP BY w",
        "SELECT upper(word) AS w, count(*) AS c FROM words GROUP BY ALL",
        "SELECT upper(x.word) AS w, count(*) AS c FROM words x GROUP BY upper(word)",
    };
    for (size_t i = 0; i < sizeof selects / sizeof selects[0]; i++) {
        fixture f = begin();
        assert_string_equal(planned(&f, "q", selects[i]).changes_by, "w");
        text_has(&f, (const char *const[]){"upper(", "_k0", "running", "_k0 as w", NULL});
        end(&f);
    }
}

SL_TEST(sql_plan_no_group_by_is_one_row_that_changes, "")
{
    fixture f = begin();
    assert_string_equal(planned(&f, "q", "SELECT count(*) AS n FROM words").changes_by, "");
    end(&f);
}

SL_TEST(sql_plan_filter_of_an_aggregate_makes_its_argument_null, "")
{
    fixture f = begin();
    (void)planned(&f, "q",
                  "SELECT word, count(*) FILTER (WHERE n > 2) AS c FROM words GROUP BY word");
    text_has(&f, (const char *const[]){"q.in sql(", "CASE", "count(_a0) as _r0", NULL});
    end(&f);
}

SL_TEST(sql_plan_aggregates_have_values_and_settings, "")
{
    fixture f = begin();
    (void)planned(
        &f, "q",
        "SELECT corr(n, length(word)) AS c, approx_quantile(n, 0.95) AS q, arg_max(word, n) "
        "AS w FROM words");
    text_has(&f, (const char *const[]){"_b0", "corr(_a0, _b0) as _r0", "approx_quantile(_a1, 0.95",
                                       "arg_max(_a2, _b2) as _r2", NULL});
    (void)planned(
        &f, "w",
        "SELECT window_end, count(DISTINCT auction) AS d FROM TUMBLE(bids, DESCRIPTOR(ts), "
        "INTERVAL '1' DAY) GROUP BY window_end");
    text_has(&f, (const char *const[]){"count_distinct(_a0) as _r0", NULL});
    end(&f);
}

SL_TEST(sql_plan_windows_become_windows_of_event_time, "")
{
    fixture f = begin();
    sli_relation q = planned(&f, "q",
                             "SELECT window_start, window_end, auction, max(price) AS top FROM "
                             "TUMBLE(bids, DESCRIPTOR(ts), INTERVAL '10' MINUTE) GROUP BY "
                             "window_start, window_end, auction");
    text_has(&f, (const char *const[]){"q.state eventWindow", "max(_a0) as _r0", "size=10m",
                                       "window_start timestamp", NULL});
    assert_null(q.changes_by);
    assert_string_equal(q.window_end, "window_end");
    (void)planned(
        &f, "h",
        "SELECT window_end AS e, count(*) AS n FROM HOP(bids, DESCRIPTOR(ts), INTERVAL '1' "
        "MINUTE, INTERVAL '5' MINUTE) GROUP BY window_end");
    end(&f);
}

SL_TEST(sql_plan_windows_may_be_what_is_grouped_by, "")
{
    static const char *const cases[][2] = {
        {"SELECT TUMBLE_START(ts, INTERVAL '10' MINUTE) AS s, auction, max(price) AS top FROM bids "
         "GROUP BY TUMBLE(ts, INTERVAL '10' MINUTE), auction",
         "eventWindow(q.in) keys=\"_k0\" aggregations=\"max(_a0) as _r0\" size=10m slide=10m"},
        {"SELECT b.auction, HOP_END(b.ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) AS e, "
         "HOP_ROWTIME(b.ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) AS t, count(*) AS n FROM "
         "bids "
         "b WHERE price > 3 GROUP BY auction, HOP(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) "
         "HAVING count(*) > 1",
         "size=5m slide=1m"},
        {"SELECT auction, SESSION_START(ts, INTERVAL '5' MINUTE) AS s, count(*) AS n FROM bids "
         "GROUP "
         "BY SESSION(ts, INTERVAL '5' MINUTE), auction",
         "sessionWindow(q.in) keys=\"_k0\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = begin();
        (void)planned(&f, "q", cases[i][0]);
        text_has(&f, (const char *const[]){"q.in ", "q.state ", cases[i][1], NULL});
        end(&f);
    }
    refused("SELECT TUMBLE_END(ts, INTERVAL '5' MINUTE) AS e, count(*) AS n FROM bids GROUP BY "
            "TUMBLE(ts, INTERVAL '1' MINUTE)",
            "job.sql:1:8: it has to be of the window that GROUP BY names");
    refused("SELECT count(*) AS n FROM bids GROUP BY TUMBLE(ts)",
            "its form is TUMBLE(ts, INTERVAL");
    refused("SELECT count(*) AS n FROM words GROUP BY TUMBLE(n, INTERVAL '1' MINUTE)",
            "'n' is not the event time of this stream");
    refused("SELECT count(*) AS n FROM bids GROUP BY TUMBLE(ts, INTERVAL '1' MONTH)", "have none");
}

// Words are rewritten before a plan: PARTITION => k was PARTITION BY k (words_test.c).
SL_TEST(sql_plan_sessions_are_of_their_keys, "")
{
    static const char *const cases[][2] = {
        {"SELECT auction, window_start, count(*) AS n FROM SESSION(bids, PARTITION => auction, "
         "DESCRIPTOR(ts), INTERVAL '5' MINUTE) GROUP BY window_start, window_end, auction",
         "sessionWindow(q.in) keys=\"_k0\""},
        {"SELECT price, auction, count(*) AS n FROM SESSION(bids, PARTITION => (auction, price), "
         "DESCRIPTOR(ts), INTERVAL '5' MINUTE) GROUP BY price, auction, window_start, window_end",
         "sessionWindow(q.in) keys=\"_k0, _k1\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = begin();
        (void)planned(&f, "q", cases[i][0]);
        text_has(&f, (const char *const[]){"q.in ", "q.state ", cases[i][1], NULL});
        end(&f);
    }
    refused("SELECT auction, count(*) AS n FROM SESSION(bids, PARTITION => price, DESCRIPTOR(ts), "
            "INTERVAL '5' MINUTE) GROUP BY window_start, window_end, auction",
            "a session's PARTITION BY and what GROUP BY names beside the window have to be the "
            "same");
    refused("SELECT count(*) AS n FROM SESSION(bids, DESCRIPTOR(ts), INTERVAL '5' MINUTE) GROUP BY "
            "window_start, window_end",
            "a session is a key's: SESSION(TABLE t PARTITION BY key, ...)");
    refused("SELECT count(*) AS n FROM bids GROUP BY SESSION(ts, INTERVAL '5' MINUTE)",
            "a session is a key's");
}

SL_TEST(sql_plan_results_of_windows_may_be_taken_together, "")
{
    fixture f = begin();
    (void)planned(
        &f, "counts",
        "SELECT window_start, window_end, auction, count(*) AS n FROM TUMBLE(bids, "
        "DESCRIPTOR(ts), INTERVAL '10' MINUTE) GROUP BY window_start, window_end, auction");
    (void)planned(&f, "tops",
                  "SELECT window_end, max(n) AS top FROM counts GROUP BY window_start, window_end");
    (void)planned(&f, "best",
                  "SELECT * FROM (SELECT window_end, auction, n, row_number() OVER (PARTITION BY "
                  "window_end ORDER BY n DESC) AS place FROM counts) WHERE place <= 3");
    end(&f);
}

SL_TEST(sql_plan_event_time_goes_on_under_another_name, "")
{
    fixture f = begin();
    (void)planned(&f, "b", "SELECT ts AS t, price FROM bids");
    (void)planned(
        &f, "q",
        "SELECT window_end AS e, max(price) AS top FROM TUMBLE(b, DESCRIPTOR(t), INTERVAL "
        "'1' MINUTE) GROUP BY window_start, window_end");
    text_has(&f, (const char *const[]){"q.time followTime(b) column=\"t\" behind=0s :",
                                       "q.state eventWindow(q.in)", NULL});
    end(&f);
}

SL_TEST(sql_plan_results_of_windows_go_into_windows_again, "")
{
    fixture f = begin();
    sli_relation small = planned(&f, "small",
                                 "SELECT window_start AS s, window_end AS e, window_time AS t, "
                                 "count(*) AS n FROM TUMBLE(bids, DESCRIPTOR(ts), INTERVAL '10' "
                                 "SECOND) GROUP BY window_start, window_end, window_time");
    assert_int_equal(small.n_moments, 3);
    (void)planned(&f, "large",
                  "SELECT window_start, sum(n) AS n FROM TUMBLE(small, DESCRIPTOR(t), INTERVAL '1' "
                  "MINUTE) GROUP BY window_start, window_end");
    text_has(&f, (const char *const[]){"large.time followTime(small) column=\"t\" behind=1ms after",
                                       "large.state eventWindow", "size=1m", NULL});
    end(&f);
}

SL_TEST(sql_plan_a_join_of_streams_has_the_times_of_both, "")
{
    fixture f = begin();
    sli_relation q = planned(&f, "q",
                             "SELECT b.ts AS bid, s.sold, s.place FROM bids b JOIN sales s ON "
                             "b.auction = s.auction AND s.sold BETWEEN b.ts - INTERVAL '1' MINUTE "
                             "AND b.ts + INTERVAL '5' MINUTE");
    assert_int_equal(q.n_moments, 2);
    assert_string_equal(q.moments[0].column, "bid");
    assert_int_equal(q.moments[0].behind_us, 300000000);
    assert_string_equal(q.moments[1].column, "sold");
    assert_int_equal(q.moments[1].behind_us, 60000000);
    assert_false(q.moments[1].after);
    sli_relation left = planned(&f, "l",
                                "SELECT b.ts AS bid, s.sold FROM bids b LEFT JOIN sales s ON "
                                "b.auction = s.auction AND s.sold BETWEEN b.ts AND b.ts + INTERVAL "
                                "'5' MINUTE");
    assert_int_equal(left.n_moments, 1); // the other may be null
    assert_true(left.moments[0].after);
    (void)planned(&f, "w",
                  "SELECT window_end, count(*) AS n FROM TUMBLE(q, DESCRIPTOR(sold), INTERVAL '1' "
                  "HOUR) GROUP BY window_start, window_end");
    text_has(&f, (const char *const[]){"w.time followTime(q) column=\"sold\" behind=1m", NULL});
    end(&f);
}

SL_TEST(sql_plan_two_streams_are_joined_within_bounds, "")
{
    fixture f = begin();
    (void)planned(&f, "q",
                  "SELECT b.bidder, s.place FROM bids b JOIN sales s ON b.auction = s.auction AND "
                  "s.sold BETWEEN b.ts AND b.ts + INTERVAL '5' MINUTE WHERE b.price > 10");
    text_has(&f, (const char *const[]){"q.left select(", "q.right select(", "q.state intervalJoin",
                                       "0us", "300000000us", "q sql(",
                                       "bidder int64?, place string?", NULL});
    end(&f);
}

/// A join by auction within five minutes. `side` is "q.left.where" or "q.right.where" and what that
/// has to ask; NULL: nothing is asked of it. `behind`: of what is found.
typedef struct push_case {
    const char *join, *on, *where;
    const char *left, *right, *behind;
} push_case;

static void check_pushed(const push_case *c)
{
    fixture f = begin();
    char select[512];
    (void)snprintf(select, sizeof select,
                   "SELECT b.bidder FROM bids b %s sales s ON b.auction = s.auction AND s.sold "
                   "BETWEEN b.ts AND b.ts + INTERVAL '5' MINUTE%s%s",
                   c->join, c->on, c->where);
    (void)planned(&f, "q", select);
    const char *text = sl_graph_text(f.graph), *out = strstr(text, "\nq ");
    assert_non_null(out);
    const char *const nodes[2] = {"q.left.where", "q.right.where"};
    const char *const wanted[2] = {c->left, c->right};
    for (int i = 0; i < 2; i++) {
        const char *node = strstr(text, nodes[i]);
        if (wanted[i] == NULL ? node != NULL : node == NULL || strstr(node, wanted[i]) == NULL) {
            fail_msg("%s: %s has not '%s' in\n%s", select, nodes[i],
                     wanted[i] == NULL ? "nothing" : wanted[i], text);
        }
    }
    if (c->behind == NULL ? strstr(out, "WHERE") != NULL : strstr(out, c->behind) == NULL) {
        fail_msg("%s: '%s' is not asked behind in\n%s", select, c->behind, text);
    }
    end(&f);
}

SL_TEST(sql_plan_conditions_of_one_side_are_asked_before_the_join, "")
{
    static const push_case cases[] = {
        {"JOIN", "", " WHERE b.price > 10 AND s.place IN ('x', 'y')",
         "SELECT auction, bidder, ts FROM bids WHERE (price > 10)",
         "SELECT auction, sold FROM sales WHERE (place IN ('x', 'y'))", NULL},
        {"JOIN", " AND price > 10.5 AND lower(place) LIKE 'x%'", "", "(price > 10.5)",
         "(lower(place) ~~ 'x%')", NULL},
        {"JOIN", "", " WHERE price > bidder OR place IS NULL", NULL, NULL, "WHERE"},
        // What may fail for a row is asked of what is found.
        {"JOIN", "", " WHERE place::INTEGER > 1", NULL, NULL, "WHERE (CAST(_r1 AS INTEGER) > 1)"},
        {"JOIN", "", " WHERE price + bidder > 1", NULL, NULL, "WHERE ((_l2 + _l1) > 1)"},
        {"JOIN", "", " WHERE 10 // price > 1 AND price > 2", "WHERE (price > 2)", NULL, "_l2) > 1"},
        {"JOIN", "", " WHERE b.ts < now()", NULL, NULL, "sluice_time()"},
        // Outer joins.
        {"LEFT JOIN", "", " WHERE price > 10 AND place = 'x'", "WHERE (price > 10)", NULL,
         "WHERE (_r1 = 'x')"},
        {"RIGHT JOIN", "", " WHERE price > 10 AND place = 'x'", NULL, "WHERE (place = 'x')",
         "WHERE (_l2 > 10)"},
        {"FULL JOIN", "", " WHERE price > 10", NULL, NULL, "WHERE (_l2 > 10)"},
        {"LEFT JOIN", " AND place = 'x'", "", NULL, "WHERE (place = 'x')", NULL},
        {"LEFT JOIN", " AND price > 10", "", "AS _on_holds", NULL, NULL},
        {"FULL JOIN", " AND price > 10 AND place = 'x'", "", "AS _on_holds", "AS _on_holds", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_pushed(&cases[i]);
    }
}

SL_TEST(sql_plan_on_of_an_outer_join_has_no_place_behind_it, "")
{
    static const char *const conditions[] = {"b.price > s.auction", "b.ts < now()"};
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        char select[512];
        (void)snprintf(select, sizeof select,
                       "SELECT b.bidder FROM bids b LEFT JOIN sales s ON b.auction = s.auction AND "
                       "s.sold BETWEEN b.ts AND b.ts + INTERVAL '5' MINUTE AND %s",
                       conditions[i]);
        refused(select, "conditions of one side alone");
    }
}

SL_TEST(sql_plan_subqueries_and_with_are_relations, "")
{
    fixture f = begin();
    (void)planned(&f, "q",
                  "WITH big AS (SELECT * FROM words WHERE n > 10) SELECT word, count(*) AS c FROM "
                  "(SELECT upper(word) AS word FROM big) GROUP BY word");
    text_has(&f, (const char *const[]){"n > 10", "upper(", "running", NULL});
    end(&f);
}

SL_TEST(sql_plan_union_all_is_the_union_of_its_branches, "")
{
    fixture f = begin();
    sli_relation q = planned(&f, "q",
                             "SELECT word AS w, n FROM words UNION ALL SELECT place, 1 FROM sales "
                             "UNION ALL SELECT NULL, bidder FROM bids");
    text_has(&f, (const char *const[]){"q.branch1 select(", "q.branch2 sql(", "q.branch3 sql(",
                                       "q.branch2.columns sql(", "CAST(_1 AS BIGINT) AS n",
                                       "q.branch3.columns sql(", "CAST(NULL AS VARCHAR) AS w",
                                       "q union(q.branch1, q.branch2.columns, q.branch3.columns)",
                                       "w string?, n int64?", NULL});
    assert_null(q.changes_by);
    end(&f);
}

SL_TEST(sql_plan_branches_with_the_columns_of_the_union_stay_as_they_are, "")
{
    fixture f = begin();
    (void)planned(&f, "q", "SELECT ts FROM bids UNION ALL SELECT sold FROM sales");
    (void)planned(&f, "r", "SELECT word, n FROM words UNION ALL SELECT word, n FROM words");
    text_has(&f, (const char *const[]){"q.branch2.columns select(q.branch2)", "sold as ts",
                                       "q union(q.branch1, q.branch2.columns) : ts timestamp\n",
                                       "r union(r.branch1, r.branch1)", NULL});
    end(&f);
}

SL_TEST(sql_plan_union_all_by_name_puts_equal_names_together, "")
{
    fixture f = begin();
    (void)planned(&f, "q",
                  "SELECT word, n FROM words UNION ALL BY NAME SELECT place AS WORD, 1.5 AS x FROM "
                  "sales");
    text_has(&f, (const char *const[]){"q.branch1.columns sql(", "CAST(NULL AS DECIMAL(2,1)) AS x",
                                       "q.branch2.columns sql(", "CAST(NULL AS BIGINT) AS n",
                                       "word string?, n int64?, x decimal(2,1)?", NULL});
    end(&f);
}

SL_TEST(sql_plan_a_union_has_the_event_times_that_all_branches_have, "")
{
    fixture f = begin();
    // Its own under one name.
    sli_relation same = planned(&f, "same",
                                "SELECT ts, price FROM bids UNION ALL SELECT ts, "
                                "price FROM bids WHERE price > 1");
    assert_string_equal(same.time, "ts");
    // Of streams with other names: a node of its own, over the union.
    sli_relation two = planned(&f, "two",
                               "SELECT auction, ts AS t FROM bids UNION ALL SELECT "
                               "auction, sold FROM sales");
    assert_null(two.time);
    assert_int_equal(two.n_moments, 1);
    assert_string_equal(two.moments[0].column, "t");
    // As late as the latest of them.
    (void)planned(&f, "w",
                  "SELECT window_start AS s, window_time AS t, count(*) AS n FROM TUMBLE(bids, "
                  "DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end, "
                  "window_time");
    sli_relation late = planned(&f, "late", "SELECT t, n FROM w UNION ALL SELECT ts, 1 FROM bids");
    assert_int_equal(late.n_moments, 1);
    assert_int_equal(late.moments[0].behind_us, 1000);
    assert_true(late.moments[0].after);
    // A time in one of them alone is none.
    sli_relation none = planned(&f, "none",
                                "SELECT ts FROM bids UNION ALL SELECT TIMESTAMP "
                                "'2026-01-01' FROM bids");
    assert_int_equal(none.n_moments, 0);
    assert_null(none.time);
    (void)planned(&f, "large",
                  "SELECT window_start, count(*) AS n FROM TUMBLE(two, DESCRIPTOR(t), INTERVAL "
                  "'1' MINUTE) GROUP BY window_start, window_end");
    text_has(&f, (const char *const[]){"large.time followTime(two) column=\"t\" behind=0s :",
                                       "large.state eventWindow", NULL});
    end(&f);
}

SL_TEST(sql_plan_sets_over_epochs_are_duckdbs, "")
{
    fixture f = begin();
    (void)planned(&f, "q",
                  "SELECT word FROM EPOCH(words) EXCEPT SELECT place FROM EPOCH(sales) ORDER BY 1 "
                  "LIMIT 3");
    text_has(&f, (const char *const[]){"q sql(", "EXCEPT", "ORDER BY", NULL});
    end(&f);
}

static int32_t count_text(fixture *f, const char *piece)
{
    int32_t n = 0;
    for (const char *at = sl_graph_text(f->graph); (at = strstr(at, piece)) != NULL; at++) {
        n++;
    }
    return n;
}

#define HOP_OF(t, keys)                                                                            \
    "FROM HOP(" t ", DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY " keys    \
    "window_start, window_end"

SL_TEST(sql_plan_what_stands_twice_in_a_statement_is_kept_once, "")
{
    static const char join[] = " ON a.e = b.e AND a.n = b.n";
    static const struct {
        const char *first, *second; ///< subqueries
        int32_t n_windows;
    } cases[] = {
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "select auction, count(*) as n, window_end as e " HOP_OF("bids", "auction, "), 1},
        // Another list, another name of the table, aggregates that the first one has.
        {"SELECT auction, count(*) AS n, max(price) AS p, window_end AS e " HOP_OF("bids",
                                                                                   "auction, "),
         "SELECT 2 * max(bids.price) AS n, window_end AS e " HOP_OF("bids", "bids.auction, "), 1},
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "SELECT window_end AS e, auction AS n " HOP_OF("bids", "auction, "), 1},
        // What the first one lacks; other keys, rows, windows.
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "SELECT max(price) AS n, window_end AS e " HOP_OF("bids", "auction, "), 2},
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "SELECT count(*) AS n, window_end AS e " HOP_OF("bids", "bidder, "), 2},
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "SELECT count(*) AS n, window_end AS e FROM HOP(bids, DESCRIPTOR(ts), INTERVAL '2' SECOND,"
         " INTERVAL '10' SECOND) WHERE price > 1 GROUP BY auction, window_start, window_end",
         2},
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "SELECT count(*) AS n, window_end AS e FROM HOP(bids, DESCRIPTOR(ts), INTERVAL '5' SECOND,"
         " INTERVAL '10' SECOND) GROUP BY auction, window_start, window_end",
         2},
        {"SELECT auction, count(*) AS n, window_end AS e " HOP_OF("bids", "auction, "),
         "SELECT count(DISTINCT price) AS n, window_end AS e " HOP_OF("bids", "auction, "), 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = begin();
        char select[1024];
        (void)snprintf(select, sizeof select, "SELECT a.n FROM (%s) AS a JOIN (%s) AS b%s",
                       cases[i].first, cases[i].second, join);
        (void)planned(&f, "q", select);
        if (count_text(&f, " eventWindow(") != cases[i].n_windows) {
            fail_msg("%s: not %d windows in\n%s", select, (int)cases[i].n_windows,
                     sl_graph_text(f.graph));
        }
        end(&f);
    }
}

SL_TEST(sql_plan_names_of_subqueries_are_of_their_places, "")
{
    fixture f = begin();
    (void)planned(&f, "other", "SELECT upper(w) AS w FROM (SELECT upper(word) AS w FROM words)");
    (void)planned(
        &f, "q",
        "SELECT a.e FROM (SELECT window_end AS e, count(*) AS n " HOP_OF(
            "bids", "") ") AS a JOIN (SELECT max(n) AS n, e FROM (SELECT window_end AS e, auction, "
                        "count(*) AS n " HOP_OF("bids",
                                                "auction, ") ") GROUP BY e) AS b ON a.e = b.e "
                                                             "AND a.n = b.n");
    text_has(&f, (const char *const[]){"other_sub1 sql(", "q_sub1.state eventWindow(",
                                       "q_sub2_sub1.state eventWindow(", "q_sub2 sql(", NULL});
    end(&f);
}

SL_TEST(sql_plan_equal_words_of_two_withs_are_two, "")
{
    fixture f = begin();
    (void)planned(&f, "q",
                  "SELECT a.n FROM (WITH w AS (SELECT * FROM bids WHERE price > 1) SELECT * FROM "
                  "(SELECT auction AS n, ts FROM w)) AS a JOIN (WITH w AS (SELECT * FROM bids "
                  "WHERE price > 2) SELECT * FROM (SELECT auction AS n, ts FROM w)) AS b ON a.n = "
                  "b.n AND a.ts = b.ts");
    assert_int_equal(count_text(&f, "price > 1"), 1);
    assert_int_equal(count_text(&f, "price > 2"), 1);
    assert_int_equal(count_text(&f, "intervalJoin(q.left, q.right)"), 1);
    end(&f);
    f = begin();
    (void)planned(&f, "q",
                  "WITH w AS (SELECT * FROM bids WHERE price > 1) SELECT a.n FROM (SELECT auction "
                  "AS n, ts FROM w) AS a JOIN (SELECT auction AS n, ts FROM w) AS b ON a.n = b.n "
                  "AND a.ts = b.ts");
    assert_int_equal(count_text(&f, "price > 1"), 1);
    assert_int_equal(count_text(&f, "\nq_sub"), 2); // of w, and of what stands twice
    end(&f);
}

SL_TEST(sql_plan_epoch_is_all_of_sql_over_an_epochs_rows, "")
{
    fixture f = begin();
    sli_relation q = planned(&f, "q",
                             "SELECT word, count(DISTINCT n) AS c FROM EPOCH(words) GROUP BY "
                             "word ORDER BY c DESC LIMIT 3");
    assert_null(q.changes_by);
    end(&f);
}

SL_TEST(sql_plan_says_what_a_stream_cant_keep_up, "")
{
    static const char *const cases[][2] = {
        {"SELECT DISTINCT word FROM words", "job.sql:1:"},
        {"SELECT DISTINCT word FROM words", "Write GROUP BY"},
        {"SELECT word FROM words ORDER BY n", "job.sql:1:33: ORDER BY"},
        {"SELECT word FROM words LIMIT 3", "LIMIT can't be kept up"},
        {"SELECT word FROM words UNION SELECT place FROM sales",
         "job.sql:1:8: UNION without ALL can't be kept up over streams"},
        {"SELECT word FROM words UNION SELECT place FROM sales", "(SELECT ... UNION ALL SELECT"},
        {"SELECT word FROM words EXCEPT SELECT place FROM sales", "has the rows that found none"},
        {"SELECT word FROM words INTERSECT ALL SELECT place FROM sales", "INTERSECT ALL can't be"},
        {"SELECT word FROM words UNION ALL SELECT place FROM EPOCH(sales) UNION SELECT word FROM "
         "words",
         "every stream as EPOCH(TABLE t)"},
        {"SELECT word FROM words UNION ALL SELECT place FROM sales ORDER BY word",
         "ORDER BY and LIMIT can't be kept up"},
        {"SELECT word, n FROM words UNION ALL SELECT place FROM sales",
         "job.sql:1:44: the first SELECT of this UNION ALL has 2 columns, and this one 1: place"},
        {"SELECT word FROM words UNION ALL SELECT nothing FROM sales", "job.sql:1:41: "},
        {"SELECT word FROM words UNION ALL SELECT 'x'", "reads no stream"},
        {"SELECT word, count(*) AS n FROM words GROUP BY word UNION ALL SELECT word, n FROM words",
         "rows of this SELECT change, and rows of two of them could have the same key"},
        {"SELECT * FROM (WITH a AS (SELECT word FROM words) SELECT * FROM a UNION (WITH b AS "
         "(SELECT word FROM words) SELECT * FROM b))",
         "put it before the first SELECT"},
        {"SELECT sum(n) OVER () FROM words", "FROM EPOCH(TABLE t)"},
        {"SELECT word, count(*) AS n, row_number() OVER (ORDER BY count(*)) AS r FROM words GROUP "
         "BY "
         "word",
         "job.sql:1:29: a window function (OVER) can't be kept up"},
        {"SELECT word, count(*) AS n FROM words GROUP BY word QUALIFY row_number() OVER (PARTITION "
         "BY "
         "word) < 3",
         "QUALIFY can't be kept up"},
        {"SELECT word, count(*) AS n FROM words TABLESAMPLE 10% GROUP BY word",
         "choose rows by what they are"},
        {"SELECT word, count(*) AS n FROM words TABLESAMPLE 10% (system, 3) GROUP BY word",
         "choose rows by what they are"},
        {"SELECT window_end, count(*) AS n FROM TUMBLE(bids, DESCRIPTOR(ts), INTERVAL '1' HOUR) "
         "TABLESAMPLE 10% GROUP BY window_end",
         "choose rows by what they are"},
        {"SELECT word FROM EPOCH(words) USING SAMPLE 10", "a sample is other rows each time"},
        {"SELECT word FROM (SELECT word FROM words) AS w TABLESAMPLE 10% (system, 3)",
         "choose rows by what they are"},
        {"SELECT auction, count(*) AS n, rank() OVER (PARTITION BY auction ORDER BY count(*)) AS r "
         "FROM TUMBLE(bids, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY window_end, auction",
         "job.sql:1:32: a window function (OVER) over the results of windows needs them together: "
         "PARTITION BY window_start, window_end"},
        {"SELECT auction, count(*) AS n, rank() OVER (PARTITION BY window_start) AS r FROM "
         "SESSION(bids, PARTITION => auction, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY "
         "window_start, window_end, auction",
         "needs them together: PARTITION BY window_end"},
        {"SELECT word, random() FROM words", "random(...) gives another result each time"},
        {"SELECT word, nn FROM words", "job.sql:1:14: "},
        {"SELECT word, uper(word) FROM words", "job.sql:1:14: "},
        {"SELECT word FROM wods", "did you mean 'words'"},
        {"SELECT word FRM words", "job.sql:1:"},
        {"SELECT word, median(n) AS m FROM words GROUP BY word", "those that can are count"},
        {"SELECT count(DISTINCT word) FROM words", "or write approx_count_distinct"},
        {"SELECT sum(DISTINCT n) FROM words", "aggregate twice"},
        {"SELECT list(word) FROM words", "would keep every value"},
        {"SELECT approx_quantile(n, length(word)) FROM words", "can only take constant"},
        {"SELECT word, var_pop(price) AS s FROM words GROUP BY word",
         "var_pop of decimal(10,2) can't be kept up; CAST its argument"},
        {"SELECT count(*) AS n FROM words GROUP BY word", "has to be among the columns"},
        {"SELECT word, count(*) AS n FROM words GROUP BY ROLLUP (word)", "ROLLUP and CUBE"},
        {"SELECT window_end, count(*) AS n FROM TUMBLE(words, DESCRIPTOR(n), INTERVAL '1' MINUTE) "
         "GROUP BY window_end",
         "WATERMARK FOR n AS n - INTERVAL"},
        {"SELECT count(*) AS n FROM TUMBLE(bids, DESCRIPTOR(ts), INTERVAL '1' MONTH) GROUP BY "
         "window_end",
         "months and years have none"},
        {"SELECT auction, count(*) AS n FROM TUMBLE(bids, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP "
         "BY "
         "auction",
         "GROUP BY window_start, window_end"},
        {"SELECT b.price FROM bids b JOIN sales s ON b.auction = s.auction",
         "without bounds of time"},
        {"SELECT b.price FROM bids b JOIN sales s ON s.sold BETWEEN b.ts AND b.ts + INTERVAL '5' "
         "MINUTE",
         "needs columns that are equal"},
        {"SELECT b.price FROM bids b JOIN words w ON b.auction = w.n", "has no event time"},
        {"SELECT * FROM read_csv('/etc/passwd')", "reads only what it is given by name"},
        {"SELECT 1", "reads no stream"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(cases[i][0], cases[i][1]);
    }
}

/// Planned as a view, which may lack the key.
static sli_relation planned_view(fixture *f, const char *name, const char *select)
{
    sli_relation out = {0};
    sl_error err = SL_ERROR_INIT;
    sli_place place = {.name = "job.sql", .text = select};
    sli_plan_env env = {.sql = f->sql,
                        .graph = f->graph,
                        .find = find,
                        .names = names,
                        .ctx = f,
                        .place = &place,
                        .uid = name,
                        .is_view = true};
    if (sli_sql_plan(&env, select, &out, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    out.name = name;
    f->relations[f->n++] = out;
    return out;
}

SL_TEST(sql_plan_changing_rows_are_aggregated_by_what_changes, "")
{
    fixture f = begin();
    (void)planned_view(&f, "tops",
                       "SELECT max(price) AS top, auction % 10 AS category FROM bids GROUP BY "
                       "auction, category");
    sli_relation q = planned(&f, "q",
                             "SELECT category, avg(top) AS a, count(*) FILTER (WHERE top > 5) AS n "
                             "FROM tops GROUP BY category HAVING count(*) > 1");
    text_has(&f, (const char *const[]){"tops.state running", "tops select(",
                                       "tops.changes.state changes(tops.state) mark=\"_change\"",
                                       "tops.changes select(tops.changes.state)", "q.in sql(",
                                       "_change", "q.state running", "sum(_a0)", NULL});
    assert_string_equal(q.changes_by, "category");
    end(&f);
}

SL_TEST(sql_plan_what_goes_by_row_over_changing_rows_does_over_changes, "")
{
    fixture f = begin();
    (void)planned(&f, "counts", "SELECT word, count(*) AS n FROM words GROUP BY word");
    (void)planned(&f, "more",
                  "SELECT upper(word) AS w, word, n * 2 AS twice FROM counts WHERE "
                  "length(word) > 1");
    (void)planned(&f, "all_of", "SELECT sum(twice) AS s FROM (SELECT * FROM more WHERE twice > 4)");
    (void)planned(&f, "by_w", "SELECT w, sum(twice) AS s FROM more GROUP BY w");
    text_has(&f, (const char *const[]){"counts.changes.state changes(", "more.changes sql(",
                                       "_change", "all_of_", ".changes sql(more.changes)",
                                       "by_w.in sql(more.changes)", NULL});
    end(&f);
}

SL_TEST(sql_plan_aggregates_of_a_join_are_one_select, "")
{
    fixture f = begin();
    (void)planned(
        &f, "q",
        "SELECT s.place AS p, max(b.price), count(*) AS n FROM bids b, sales s WHERE "
        "b.auction = s.auction AND s.sold BETWEEN b.ts AND b.ts + INTERVAL '5' MINUTE AND "
        "b.price > 1 GROUP BY p HAVING max(price) > 5");
    text_has(&f, (const char *const[]){"q.join.state intervalJoin", "q.join sql(", "AS _c0",
                                       "q.in ", "q.state running", "q sql(", NULL});
    end(&f);
}

static void second_refused(const char *first, const char *second, const char *what)
{
    fixture f = begin();
    sli_relation out = {0};
    sl_error err = SL_ERROR_INIT;
    (void)planned_view(&f, "v", first);
    (void)planned_view(&f, "big", "SELECT word, n FROM v WHERE n < 3");
    assert_int_equal(plan(&f, "q", second, &out, &err), SL_E_INVALID);
    if (strstr(err.text, what) == NULL) {
        fail_msg("'%s' is not in: %s", what, err.text);
    }
    end(&f);
}

SL_TEST(sql_plan_says_what_of_changing_rows_cant_be_taken_back, "")
{
    static const char counts[] = "SELECT word, count(*) AS n, sum(n / 2.0::DOUBLE) AS d FROM words "
                                 "GROUP BY word";
    static const char *const cases[][2] = {
        {"SELECT n, max(word) AS m FROM v GROUP BY n", "all would have to be kept"},
        {"SELECT word, max(n) AS m FROM v WHERE n < 9 GROUP BY word", "all would have to be kept"},
        {"SELECT max(word) FILTER (WHERE n < 9) AS m FROM v", "all would have to be kept"},
        {"SELECT count(*) AS c FROM EPOCH(big)", "can go: only rows that stay"},
        {"SELECT n FROM v", "has to be among the columns"},
        {"SELECT word, sum(d) AS s FROM v GROUP BY word", "doubles would drift"},
        {"SELECT min(n) AS m FROM v", "all would have to be kept"},
        {"SELECT max(n + 1) AS m FROM v", "all would have to be kept"},
        {"SELECT last(n) AS m FROM v", "can't take the earlier ones back"},
        {"SELECT count(DISTINCT n) AS m FROM v", "count(DISTINCT ...) can't take"},
        {"SELECT max(n) AS c FROM (SELECT * FROM v WHERE n > 3)", "all would have to be kept"},
        {"SELECT b.price FROM bids b JOIN v ON b.auction = v.n", "rows of 'v' change"},
        {"SELECT word, sum(epoch(t)::BIGINT) AS s FROM (SELECT word, now() AS t FROM v) GROUP BY "
         "word",
         "with now() it would have another time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        second_refused(counts, cases[i][0], cases[i][1]);
    }
}

SL_TEST(sql_plan_groups_that_can_lose_their_rows_count_them, "")
{
    fixture f = begin();
    (void)planned(&f, "counts", "SELECT word, count(*) AS n, sum(n) AS s FROM words GROUP BY word");
    sli_relation q = planned(&f, "q", "SELECT n, sum(s) AS s FROM counts GROUP BY n");
    text_has(&f, (const char *const[]){"q.state running", "sum(_a2) as _r2\" until_zero=\"_r2\"",
                                       "q.changes.state changes(q.state)", "q.changes sql(", NULL});
    assert_string_equal(q.changes_by, "n");
    SL_CHECK_TEXT(sl_schema_text(sli_relation_schema(&q)), "n int64?, s int64?");
    // count(*) counts them already.
    (void)planned(&f, "again", "SELECT s, count(*) AS c FROM q GROUP BY s");
    text_has(&f, (const char *const[]){"again.in ", "(q.changes)", "again.state running",
                                       "sum(_a0) as _r0\" until_zero=\"_r0\"", NULL});
    // Not where no row can leave.
    (void)planned(&f, "first", "SELECT word[1] AS k, sum(n) AS s FROM counts GROUP BY k");
    text_has(&f, (const char *const[]){"first.state running", "sum(_a0) as _r0", NULL});
    assert_null(strstr(strstr(sl_graph_text(f.graph), "first.state"), "until_zero"));
    end(&f);
}

SL_TEST(sql_plan_conditions_on_what_changes_let_rows_go, "")
{
    static const char *const selects[] = {
        "SELECT word, n FROM counts WHERE n < 3",
        "SELECT * FROM counts WHERE n < 3",
        "SELECT word, sum(n) AS n FROM words GROUP BY word HAVING sum(n) > 2",
        "SELECT word, count(*) AS n FROM words GROUP BY word HAVING count(*) > 2 AND max(n) < 9",
        "SELECT word, n FROM (SELECT word, unnest(range(n)) AS n FROM counts)",
        "SELECT sum(n) AS n FROM words HAVING sum(n) > 2"};
    for (size_t i = 0; i < sizeof selects / sizeof selects[0]; i++) {
        fixture f = begin();
        (void)planned(&f, "counts", "SELECT word, count(*) AS n FROM words GROUP BY word");
        sli_relation q = planned(&f, "q", selects[i]);
        assert_non_null(q.seen);
        assert_int_equal(sl_schema_find(q.seen, "_change"), -1);
        assert_true(sl_schema_find(sl_stream_schema(q.stream), "_change") >= 0);
        end(&f);
    }
    static const char *const stay[] = {
        "SELECT word, n FROM counts WHERE length(word) < 3",
        "SELECT word, count(*) AS n FROM words GROUP BY word HAVING count(*) >= 2 AND max(n) > 9",
        "SELECT word, n FROM counts"};
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++) {
        fixture f = begin();
        (void)planned(&f, "counts", "SELECT word, count(*) AS n FROM words GROUP BY word");
        assert_null(planned(&f, "q", stay[i]).seen);
        end(&f);
    }
}

SL_TEST(sql_plan_changing_rows_keep_their_key, "")
{
    fixture f = begin();
    (void)planned(&f, "counts", "SELECT word, count(*) AS n FROM words GROUP BY word");
    sli_relation big = planned(&f, "big", "SELECT word AS w, n FROM counts WHERE n > 10");
    assert_string_equal(big.changes_by, "w");
    assert_string_equal(planned(&f, "most", "SELECT max(n) AS m FROM counts").changes_by, "");
    end(&f);
}
