// What Sluice wants of a PostgreSQL client, asked of the simulated server and of a real one.
#include "postgres/fixture_test.h"

#include <stdio.h>

static sl_code note_column(void *ctx, const sli_pg_column *column, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s %s %s %d; ", column->name, column->type, column->base,
                   (int)column->nullable);
    return SL_OK;
}

PG_CONTRACT(pg_a_table_is_made_and_tells_its_columns)
{
    sli_pg *pg = slt_open(p);
    sli_pg_target target = slt_target(p, false);
    sli_pg_what what = {.table = p->table};
    sli_str told = SLI_STR_INIT;
    sli_str_text(&told, "");
    assert_int_equal(p->ops->columns(pg, &what, slt_soon(p), note_column, &told, &p->err),
                     SL_E_NOT_FOUND);
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->columns(pg, &what, slt_soon(p), note_column, &told, &p->err));
    SL_CHECK_TEXT(told.data, "word text text 0; n bigint int8 1; ");
    sli_str_reset(&told);
    p->ops->close(pg);
}

PG_CONTRACT(pg_what_can_not_be_written_is_told_before)
{
    static const sli_pg_field strange[] = {{.name = "strange", .type = "text"}};
    sli_pg_target target = slt_target(p, false), other = target;
    sli_pg *pg = slt_open(p);
    target.create = false;
    assert_int_equal(p->ops->prepare(pg, &target, slt_soon(p), &p->err), SL_E_NOT_FOUND);
    p->ops->close(pg);
    pg = slt_open(p);
    slt_ok(p, p->ops->prepare(pg, &other, slt_soon(p), &p->err));
    other.fields = strange;
    other.n_fields = 1;
    assert_int_equal(p->ops->prepare(pg, &other, slt_soon(p), &p->err), SL_E_NOT_FOUND);
    assert_non_null(strstr(p->err.text, "strange"));
    p->ops->close(pg);
}

PG_CONTRACT(pg_rows_and_mark_show_together)
{
    sli_pg *pg = slt_open(p), *other = slt_open(p);
    sli_pg_target target = slt_target(p, false);
    sli_pg_mark mark = {7, 7};
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->marked(pg, &p->owner, slt_soon(p), &mark, &p->err));
    assert_true(mark.group == 0 && mark.generation == 0);
    slt_write(p, pg, &target, "be\t1\nor\t\\N\n", 3);
    slt_ok(p, p->ops->marked(other, &p->owner, slt_soon(p), &mark, &p->err));
    assert_true(mark.group == 3 && mark.generation == 1);
    SL_CHECK_TEXT(slt_rows(p, other), "be,1\nor,\n");
    p->ops->close(pg);
    p->ops->close(other);
}

PG_CONTRACT(pg_what_is_not_committed_never_shows)
{
    sli_pg *pg = slt_open(p);
    sli_pg_target target = slt_target(p, false);
    sli_pg_mark mark = {0}, next = {9, 1};
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->begin(pg, &p->owner, slt_soon(p), &mark, &p->err));
    slt_ok(p, p->ops->copy(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->put(pg, "be\t1\n", 5, slt_soon(p), &p->err));
    slt_ok(p, p->ops->copied(pg, slt_soon(p), &p->err));
    slt_ok(p, p->ops->mark(pg, &p->owner, &next, slt_soon(p), &p->err));
    p->ops->close(pg);
    pg = slt_open(p);
    slt_ok(p, p->ops->end_others(pg, slt_soon(p), &p->err));
    slt_write(p, pg, &target, "or\t2\n", 1);
    SL_CHECK_TEXT(slt_rows(p, pg), "or,2\n");
    p->ops->close(pg);
}

PG_CONTRACT(pg_a_locked_mark_is_told_and_can_be_taken_away)
{
    sli_pg *older = slt_open(p), *newer = slt_open(p);
    sli_pg_target target = slt_target(p, false);
    sli_pg_mark mark = {0};
    sli_pg_outcome outcome = SLI_PG_COMMITTED;
    slt_ok(p, p->ops->prepare(older, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->begin(older, &p->owner, slt_soon(p), &mark, &p->err));
    assert_int_equal(p->ops->begin(newer, &p->owner, slt_soon(p), &mark, &p->err), SL_E_BUSY);
    assert_int_equal(p->ops->marked(newer, &p->owner, slt_soon(p), &mark, &p->err), SL_E_STATE);
    p->ops->close(newer);
    newer = slt_open(p);
    slt_ok(p, p->ops->end_others(newer, slt_soon(p), &p->err));
    slt_write(p, newer, &target, "be\t1\n", 1);
    sl_code rc = p->ops->commit(older, slt_soon(p), &outcome, &p->err);
    assert_true(rc == SL_E_TIMEOUT || (rc == SL_OK && outcome == SLI_PG_UNKNOWN));
    SL_CHECK_TEXT(slt_rows(p, newer), "be,1\n");
    p->ops->close(older);
    p->ops->close(newer);
}

PG_CONTRACT(pg_upsert_keeps_the_last_row_of_a_key)
{
    sli_pg *pg = slt_open(p);
    sli_pg_target target = slt_target(p, true);
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_write(p, pg, &target, "be\t1\nbe\t2\nbe\t3\n", 1);
    slt_write(p, pg, &target, "be\t4\nbe\t5\n", 2);
    SL_CHECK_TEXT(slt_rows(p, pg), "be,5\n");
    p->ops->close(pg);
}

PG_CONTRACT(pg_rows_that_go_are_deleted_by_key)
{
    sli_pg *pg = slt_open(p);
    sli_pg_target target = slt_target(p, true);
    target.deletes = true;
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_write(p, pg, &target, "be\t1\tf\nor\t2\tf\nto\t3\tf\nno\t4\tt\n", 1);
    SL_CHECK_TEXT(slt_rows(p, pg), "be,1\nor,2\nto,3\n");
    // The last row of a key counts, whichever it is.
    slt_write(p, pg, &target, "be\t1\tt\nor\t2\tt\nor\t5\tf\nto\t6\tf\nto\t6\tt\n", 2);
    SL_CHECK_TEXT(slt_rows(p, pg), "or,5\n");
    p->ops->close(pg);
}

PG_CONTRACT(pg_a_refused_row_is_told_with_its_line)
{
    sli_pg *pg = slt_open(p);
    sli_pg_target target = slt_target(p, false);
    sli_pg_mark mark = {0};
    static const char rows[] = "be\t1\nor\tmany\n";
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->begin(pg, &p->owner, slt_soon(p), &mark, &p->err));
    slt_ok(p, p->ops->copy(pg, &target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->put(pg, rows, strlen(rows), slt_soon(p), &p->err));
    assert_int_equal(p->ops->copied(pg, slt_soon(p), &p->err), SL_E_DATA);
    assert_non_null(strstr(p->err.text, "line 2"));
    p->ops->close(pg);
    pg = slt_open(p);
    SL_CHECK_TEXT(slt_rows(p, pg), "");
    p->ops->close(pg);
}

PG_CONTRACT(pg_a_server_that_is_away_is_a_time_out)
{
    sli_pg *pg = slt_open(p), *second = NULL;
    sli_pg_target target = slt_target(p, false);
    sli_pg_mark mark = {0};
    sli_pg_conf conf = slt_conf(p);
    slt_ok(p, p->ops->prepare(pg, &target, slt_soon(p), &p->err));
    p->fixture->away(p, true);
    assert_int_equal(p->ops->begin(pg, &p->owner, slt_soon(p), &mark, &p->err), SL_E_TIMEOUT);
    assert_int_equal(p->ops->open(&second, &conf, slt_soon(p), &p->err), SL_E_TIMEOUT);
    p->fixture->away(p, false);
    p->ops->close(pg);
    pg = slt_open(p);
    slt_write(p, pg, &target, "be\t1\n", 1);
    p->ops->close(pg);
}

PG_CONTRACT(pg_a_wrong_password_is_a_setting_and_never_shown)
{
    sli_pg *pg = NULL;
    const char *wrong = p->fixture->wrong(p);
    p->settings[p->n_settings++] = (sli_pg_setting){"password", wrong, true};
    sli_pg_conf conf = slt_conf(p);
    assert_int_equal(p->ops->open(&pg, &conf, slt_soon(p), &p->err), SL_E_CONFIG);
    assert_non_null(strstr(p->err.text, "password authentication failed"));
    assert_null(strstr(p->err.text, wrong));
}
