// What an engine says of statements: parse trees, their texts, functions, lists of columns.
#include "duckdb/fixture_test.h"

static sl_code keep_text(void *ctx, const char *text, size_t size, sl_error *err)
{
    (void)err;
    sli_str_clear(ctx);
    sli_str_add(ctx, text, size);
    return SL_OK;
}

SL_TEST(duck_a_tree_is_printed_as_the_select_it_was, "")
{
    slt_duck d;
    slt_duck_start(&d);
    sli_str sql = SLI_STR_INIT;
    const char *text = "SELECT a, count(*) FROM t WHERE b > 'it''s' GROUP BY a ORDER BY 1;";
    slt_duck_ok(&d, sli_dbs_parse(d.dbs, text, keep_text, &d.text, &d.where, &d.err));
    assert_non_null(strstr(d.text.data, "\"error\":false"));
    slt_duck_ok(&d, sli_dbs_print(d.dbs, d.text.data, keep_text, &sql, &d.err));
    SL_CHECK_TEXT(sql.data,
                  "SELECT a, count_star() FROM t WHERE (b > 'it''s') GROUP BY a ORDER BY 1");
    sli_str_reset(&sql);
    slt_duck_end(&d);
}

SL_TEST(duck_a_tree_is_of_one_select, "")
{
    static const struct {
        const char *sql, *text;
        int64_t at;
    } bad[] = {
        {"SELECT a FROM WHERE", "SQL: syntax error at or near \"WHERE\"", 14},
        {"SELECT 1; SELECT 2", "SQL: more than one statement", -1},
        {"", "SQL: there is no statement in it", -1},
        {"-- nothing", "SQL: there is no statement in it", -1},
        {"CREATE TABLE t (a INTEGER)", "SQL: only a SELECT can be asked of rows", -1},
        {"SELECT \xff\xfe", "", -1},
        {"SELECT '", "", -1},
    };
    slt_duck d;
    slt_duck_start(&d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        d.where.at = 99;
        assert_int_equal(sli_dbs_parse(d.dbs, bad[i].sql, keep_text, &d.text, &d.where, &d.err),
                         SL_E_INVALID);
        if (bad[i].text[0] != '\0') {
            SL_CHECK_TEXT(d.err.text, bad[i].text);
            assert_int_equal(d.where.at, bad[i].at);
        }
    }
    assert_int_equal(sli_dbs_print(d.dbs, "{\"error\":false", keep_text, &d.text, &d.err),
                     SL_E_INVALID);
    assert_int_equal(sli_dbs_print(d.dbs, "{}", keep_text, &d.text, &d.err), SL_E_INVALID);
    slt_duck_end(&d);
}

static void note_function(void *ctx, const sli_db_function_info *info)
{
    sli_str *out = ctx;
    static const char *const asked[] = {"abs",
                                        "age",
                                        "avg",
                                        "current_localtimestamp",
                                        "nextval",
                                        "now",
                                        "range",
                                        "read_csv",
                                        "reservoir_quantile",
                                        "sluice_time",
                                        "sum",
                                        "today",
                                        "uuid",
                                        NULL};
    for (const char *const *a = asked; *a != NULL; a++) {
        if (strcmp(*a, info->name) == 0) {
            sli_str_printf(out, "%s%s%s ", info->name, info->is_aggregate ? "+" : "",
                           info->is_volatile ? "!" : "");
        }
    }
}

SL_TEST(duck_functions_are_told_with_what_they_are, "")
{
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_ok(&d, sli_dbs_functions(d.dbs, note_function, &d.text, &d.err));
    SL_CHECK_TEXT(d.text.data,
                  "abs age! avg+ current_localtimestamp! nextval! now! range read_csv! "
                  "reservoir_quantile+! sluice_time sum+ today! uuid! ");
    slt_duck_end(&d);
}

static void check_columns(slt_duck *d, const char *columns, const char *text)
{
    sl_schema *schema = NULL;
    slt_duck_ok(d, sli_dbs_columns(d->dbs, columns, &schema, &d->where, &d->err));
    SL_CHECK_TEXT(sl_schema_text(schema), text);
    sl_schema_unref(schema);
}

SL_TEST(duck_a_list_of_columns_is_a_schema, "")
{
    slt_duck d;
    slt_duck_start(&d);
    check_columns(&d, "ts TIMESTAMP NOT NULL, n INTEGER", "ts timestamp, n int32?");
    check_columns(&d, "a DECIMAL(10,2), b VARCHAR[], c STRUCT(x DOUBLE, y DATE) -- more",
                  "a decimal(10,2)?, b list<string?>?, c struct<x float64?, y date?>?");
    check_columns(&d, "h HUGEINT, u UUID, z TIMESTAMP WITH TIME ZONE, b BLOB, t TINYINT",
                  "h decimal(38,0)?, u string?, z timestamp?, b binary?, t int8?");
    slt_duck_end(&d);
}

SL_TEST(duck_a_list_of_columns_is_no_more, "")
{
    static const struct {
        const char *columns;
        sl_code code;
        int64_t at;
        const char *part;
    } bad[] = {
        {"a INTEGR", SL_E_INVALID, 2, "INTEGR"},
        {"a INTEGER,, b INTEGER", SL_E_INVALID, 10, "syntax error"},
        {"a INTEGER); DROP TABLE x; CREATE TABLE y (b INTEGER", SL_E_INVALID, -1,
         "more than one statement"},
        {"a TIME", SL_E_UNSUPPORTED, -1, "\"a\" is TIME, which Sluice has not: cast it to VARCHAR"},
        {"a INTEGER DEFAULT 1", SL_E_UNSUPPORTED, -1, "a has a DEFAULT"},
        {"a INTEGER PRIMARY KEY", SL_E_UNSUPPORTED, -1, "PRIMARY KEY"},
        {"a INTEGER, CHECK (a > 1)", SL_E_UNSUPPORTED, -1, "CHECK"},
        {"a INTEGER, A INTEGER", SL_E_INVALID, -1, ""},
        {"", SL_E_INVALID, -1, ""},
    };
    slt_duck d;
    slt_duck_start(&d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sl_schema *schema = NULL;
        d.where.at = 99;
        sl_code rc = sli_dbs_columns(d.dbs, bad[i].columns, &schema, &d.where, &d.err);
        if (rc != bad[i].code || strstr(d.err.text, bad[i].part) == NULL ||
            (bad[i].at >= 0 && d.where.at != bad[i].at)) {
            fail_msg("%s: %s: %s (at %d)", bad[i].columns, sl_code_name(rc), d.err.text,
                     (int)d.where.at);
        }
    }
    check_columns(&d, "a INTEGER", "a int32?"); // nothing is left of the others
    slt_duck_end(&d);
}
