// Flink's words become DuckDB's, in place.
#include "sql/words.h"

#include "base/str.h"
#include "sl_test.h"

enum { MOST = 200 };

/// Rewrites a text; NULL: a mistake, in `err` and `where`.
static const char *rewrite(const char *text, char *out, size_t *where, sl_error *err)
{
    sli_lexeme tokens[MOST];
    int32_t n = 0;
    size_t at = 0;
    do {
        assert_true(n < MOST);
        assert_int_equal(sli_lex_next(text, strlen(text), &at, &tokens[n], where, err), SL_OK);
    } while (tokens[n++].kind != SLI_LEX_END);
    memcpy(out, text, strlen(text) + 1);
    return sli_words_rewrite(text, tokens, n - 1, out, where, err) == SL_OK ? out : NULL;
}

SL_TEST(window_words_are_rewritten_in_their_places, "")
{
    static const struct {
        const char *text, *rewritten;
    } cases[] = {
        {"FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' HOUR)) AS t",
         "FROM       TUMBLE(      bids, DESCRIPTOR(ts), INTERVAL '1' HOUR)  AS t"},
        {"from table ( hop ( table b , descriptor(ts), x, y ) )",
         "from         hop (       b , descriptor(ts), x, y )  "},
        {"FROM TUMBLE(TABLE b, DESCRIPTOR(ts), x)", "FROM TUMBLE(      b, DESCRIPTOR(ts), x)"},
        {"TABLE(TUMBLE(DATA => TABLE b, TIMECOL => DESCRIPTOR(ts), SIZE => f(x => 1)))",
         "      TUMBLE(              b,            DESCRIPTOR(ts),         f(x => 1)) "},
        {"SESSION(TABLE b PARTITION BY k, DESCRIPTOR(ts), x)",
         "SESSION(      b,PARTITION => k, DESCRIPTOR(ts), x)"},
        {"SESSION(TABLE b PARTITION BY (k, l), DESCRIPTOR(ts), x)",
         "SESSION(      b,PARTITION => (k, l), DESCRIPTOR(ts), x)"},
        {"EPOCH(TABLE b)", "EPOCH(      b)"},
        {"GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)", "GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)"},
        {"SELECT epoch(ts), `a b`, 'TABLE(TUMBLE(' FROM \"TABLE\"",
         "SELECT epoch(ts), \"a b\", 'TABLE(TUMBLE(' FROM \"TABLE\""},
        {"CAST(x AS TIMESTAMP(3)), y::TIMESTAMP_LTZ(3), z::TIMESTAMP(9)",
         "CAST(x AS TIMESTAMP   ), y::TIMESTAMP       , z::TIMESTAMP(9)"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[300];
        size_t where = 0;
        sl_error err = SL_ERROR_INIT;
        SL_CHECK_TEXT(rewrite(cases[i].text, out, &where, &err), cases[i].rewritten);
    }
}

SL_TEST(window_words_that_are_wrong_are_told, "")
{
    static const struct {
        const char *text;
        const char *at; ///< where the place begins
        const char *what;
    } cases[] = {
        {"TABLE(TUMBLE(TABLE b, x)", "(TUMBLE", "this bracket is never closed"},
        {"TABLE(TUMBLE(TABLE b, x) + 1)", "TABLE(TUM", "one call of a window function"},
        {"TUMBLE(TABLE , x)", ", x", "the name of a table or view is expected"},
        {"TUMBLE(TABLE b PARTITION BY k, x)", "PARTITION", "only SESSION is partitioned"},
        {"TUMBLE(DATA => TABLE b, SIZE => x)", "SIZE", "argument 2 of TUMBLE is TIMECOL"},
        {"EPOCH(DATA => TABLE b, SIZE => x)", "SIZE", "EPOCH has no argument 'SIZE' here"},
        {"FROM a JOIN b FOR SYSTEM_TIME AS OF a.ts", "FOR", "join it without FOR SYSTEM_TIME"},
        {"`a\"b`", "`a", "can't hold quotes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[300];
        size_t where = 0;
        sl_error err = SL_ERROR_INIT;
        assert_null(rewrite(cases[i].text, out, &where, &err));
        assert_int_equal(where, strstr(cases[i].text, cases[i].at) - cases[i].text);
        assert_non_null(strstr(err.text, cases[i].what));
    }
}
