/// groups_test.c — the hash table of keys against a naive list of keys seen.

#include "col/fixture_test.h"

#include <string.h>

/// Group numbers as they must be: the index of the first equal key among the distinct ones.
typedef struct naive {
    char *keys[6000];
    int32_t n;
} naive;

static int32_t naive_group(naive *self, const sl_batch *batch, const int32_t *columns, int32_t n,
                           int64_t row, bool add)
{
    sli_str text = SLI_STR_INIT;
    for (int32_t i = 0; i < n; i++) {
        slt_col_put_cell(&text, sl_batch_column(batch, columns[i]), row);
        sli_str_char(&text, '|');
    }
    sli_str_char(&text, '.');
    int32_t found = -1;
    for (int32_t i = 0; i < self->n && found < 0; i++) {
        found = strcmp(self->keys[i], text.data) == 0 ? i : -1;
    }
    if (found < 0 && add) {
        found = self->n;
        self->keys[self->n++] = sl_strdup(SLI_TAG_TEST, text.data);
    }
    sli_str_reset(&text);
    return found;
}

static void naive_clear(naive *self)
{
    for (int32_t i = 0; i < self->n; i++) {
        sl_free(self->keys[i]);
    }
    self->n = 0;
}

static void check_row(const sli_groups *groups, const sl_batch *keys, const int32_t *columns,
                      int32_t n_columns, int64_t group)
{
    sli_str wanted = SLI_STR_INIT, row = SLI_STR_INIT;
    sli_row_put(&wanted, keys, columns, n_columns, group);
    sli_groups_row(groups, group, &row);
    assert_int_equal(row.size, wanted.size);
    assert_memory_equal(row.data, wanted.data, wanted.size);
    sli_str_reset(&wanted);
    sli_str_reset(&row);
}

/// The table's keys, made into a batch, are the distinct keys in first-seen order.
static void check_keys(const sli_groups *groups, naive *model, const sl_schema *schema,
                       const int32_t *columns, int32_t n_columns)
{
    assert_int_equal(sli_groups_count(groups), model->n);
    if (n_columns == 0) {
        return; // a group of all rows has no key to look at
    }
    sli_str text = SLI_STR_INIT;
    for (int32_t i = 0; i < n_columns; i++) {
        const sl_field *field = sl_schema_field(schema, columns[i]);
        sli_str_printf(&text, "%sk%d ", i > 0 ? ", " : "", i);
        sli_str_text(&text, sli_type_name(field->type));
        sli_str_text(&text, field->nullable ? "?" : "");
    }
    sl_schema *keys_schema = slt_col_schema(text.data);
    sli_str_reset(&text);
    sl_builder *builder = NULL;
    sl_batch *keys = NULL;
    assert_int_equal(sl_builder_new(&builder, keys_schema, NULL), SL_OK);
    int64_t n = sli_groups_count(groups);
    assert_int_equal(sli_groups_keys(groups, 0, n / 2, builder, 0, NULL), SL_OK);
    assert_int_equal(sli_groups_keys(groups, n / 2, n - n / 2, builder, 0, NULL), SL_OK);
    assert_int_equal(sl_builder_finish(builder, &keys, NULL), SL_OK);
    slt_col_check_sound(keys);
    int32_t all[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    uint64_t *hashes = sl_alloc(SLI_TAG_TEST, (size_t)n * sizeof *hashes);
    sli_batch_hash(keys, all, n_columns, hashes);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(naive_group(model, keys, all, n_columns, i, false), i);
        assert_int_equal(sli_groups_hashes(groups)[i], hashes[i]);
        check_row(groups, keys, all, n_columns, i);
    }
    sl_free(hashes);
    sl_batch_unref(keys);
    sl_builder_free(builder);
    sl_schema_unref(keys_schema);
}

static void run_model(const char *schema_text, const int32_t *columns, int32_t n_columns,
                      int64_t n_rows, int rounds)
{
    static naive model;
    sli_rng rng = {41};
    sl_schema *schema = slt_col_schema(schema_text);
    sli_groups *groups = NULL;
    assert_int_equal(sli_groups_new(&groups, schema, columns, n_columns, NULL), SL_OK);
    for (int round = 0; round < rounds; round++) {
        sl_batch *batch = slt_col_random(schema, &rng, n_rows);
        int32_t *group = sl_alloc(SLI_TAG_TEST, (size_t)n_rows * sizeof *group);
        uint64_t *hashes = sl_alloc(SLI_TAG_TEST, (size_t)n_rows * sizeof *hashes);
        assert_int_equal(sli_groups_find(groups, batch, columns, group, NULL), SL_OK);
        for (int64_t i = 0; i < n_rows; i++) {
            assert_int_equal(group[i], naive_group(&model, batch, columns, n_columns, i, false));
        }
        sli_batch_hash(batch, columns, n_columns, hashes);
        assert_int_equal(sli_groups_add(groups, batch, round % 2 == 0 ? hashes : NULL, group, NULL),
                         SL_OK);
        for (int64_t i = 0; i < n_rows; i++) {
            assert_int_equal(group[i], naive_group(&model, batch, columns, n_columns, i, true));
        }
        sl_free(hashes);
        sl_free(group);
        sl_batch_unref(batch); // keys are the table's own
        check_keys(groups, &model, schema, columns, n_columns);
        if (round == 1 || round == 3) {
            sli_groups_clear(groups);
            naive_clear(&model);
        }
    }
    assert_true(sli_groups_bytes(groups) > sli_groups_count(groups) * 24);
    naive_clear(&model);
    sli_groups_free(groups);
    sl_schema_unref(schema);
}

SL_TEST(groups_of_one_text_key, "")
{
    run_model("x bool, s string?", (const int32_t[]){1}, 1, 700, 6);
    run_model("s string", (const int32_t[]){0}, 1, 300, 6);
    run_model("s binary", (const int32_t[]){0}, 1, 1, 6);
}

SL_TEST(groups_of_one_integer_key, "")
{
    run_model("n int64?", (const int32_t[]){0}, 1, 500, 6);
    run_model("n int8", (const int32_t[]){0}, 1, 500, 4);
    run_model("x string, n uint32?, y bool", (const int32_t[]){1}, 1, 300, 4);
    run_model("t timestamp", (const int32_t[]){0}, 1, 100, 4);
}

SL_TEST(groups_of_other_keys, "")
{
    run_model("s string?, n int64, b bool", (const int32_t[]){0, 2}, 2, 400, 4);
    run_model("f float64?", (const int32_t[]){0}, 1, 300, 4);
    run_model("b bool?", (const int32_t[]){0}, 1, 100, 3);
    run_model("s string?, n int16?, d date", (const int32_t[]){2, 1, 0}, 3, 200, 4);
    run_model("s string", (const int32_t[]){0}, 0, 100, 3); // no key: one group of all
}

SL_TEST(groups_of_several_integers, "")
{
    run_model("a timestamp, b int64", (const int32_t[]){0, 1}, 2, 700, 6);
    run_model("a int64, x string, b date, c int8", (const int32_t[]){3, 0, 2}, 3, 700, 6);
    run_model("a int32?, b uint16?", (const int32_t[]){0, 1}, 2, 700, 6); // nulls from the start
    run_model("a int64, b int64, c int8", (const int32_t[]){0, 1, 2}, 3, 300, 4); // one too many
}

/// Adds one row; returns its group.
static int32_t add_pair(sli_groups *groups, const sl_schema *schema, bool is_null, uint64_t a,
                        uint64_t b)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    int32_t group = -2, found = -2, columns[] = {0, 1};
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_int64(builder, 0, (int64_t)a);
    if (is_null) {
        sl_builder_null(builder, 1);
    } else {
        sl_builder_int64(builder, 1, (int64_t)b);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    int64_t known = sli_groups_count(groups);
    assert_int_equal(sli_groups_find(groups, batch, columns, &found, NULL), SL_OK);
    assert_int_equal(sli_groups_add(groups, batch, NULL, &group, NULL), SL_OK);
    assert_int_equal(found, group < known ? group : -1);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    return group;
}

// What words have no room for: a null, and the key that stands for an empty place (groups.c).
SL_TEST(groups_of_words_meet_what_is_none, "")
{
    const uint64_t low = 0x9216d5d9ffffffffU, high = 0xd1310ba698dfb5acU;
    for (int first = 0; first < 3; first++) { // nothing, the empty key or a null comes before
        sl_schema *schema = slt_col_schema("a int64, b int64?");
        sli_groups *groups = NULL;
        assert_int_equal(sli_groups_new(&groups, schema, (const int32_t[]){0, 1}, 2, NULL), SL_OK);
        int32_t n = 0, null_group = -1, empty = -1;
        if (first == 1) {
            empty = add_pair(groups, schema, false, low, high);
            n++;
        } else if (first == 2) {
            null_group = add_pair(groups, schema, true, 7, 0);
            n++;
        }
        assert_int_equal(add_pair(groups, schema, false, 7, 0), n++);
        assert_int_equal(add_pair(groups, schema, false, 0, 7), n++);
        int32_t again = add_pair(groups, schema, true, 7, 0);
        assert_int_equal(again, null_group >= 0 ? null_group : n++);
        again = add_pair(groups, schema, false, low, high);
        assert_int_equal(again, empty >= 0 ? empty : n++);
        assert_int_equal(add_pair(groups, schema, false, 7, 0), first == 0 ? 0 : 1);
        assert_int_equal(sli_groups_count(groups), n);
        sli_groups_clear(groups);
        assert_int_equal(add_pair(groups, schema, false, 0, 7), 0); // words again
        sli_groups_free(groups);
        sl_schema_unref(schema);
    }
}

SL_TEST(groups_clear_is_cheap_and_complete, "")
{
    sl_schema *schema = slt_col_schema("n int64");
    sli_groups *groups = NULL;
    int32_t group[4096];
    const int32_t column = 0;
    assert_int_equal(sli_groups_new(&groups, schema, &column, 1, NULL), SL_OK);
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int round = 0; round < 50;
         round++) { // large once, small after: only used slots are emptied
        int64_t n = round == 0 ? 4096 : 10;
        for (int64_t i = 0; i < n; i++) {
            sl_builder_int64(builder, 0, i * 7919 + round);
        }
        sl_batch *batch = NULL;
        assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
        assert_int_equal(sli_groups_find(groups, batch, &column, group, NULL), SL_OK);
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(group[i], -1);
        }
        assert_int_equal(sli_groups_add(groups, batch, NULL, group, NULL), SL_OK);
        assert_int_equal(sli_groups_count(groups), n);
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(group[i], i);
        }
        sl_batch_unref(batch);
        sli_groups_clear(groups);
    }
    sl_builder_free(builder);
    sli_groups_free(groups);
    sl_schema_unref(schema);
}

SL_TEST(groups_refuse_wrong_types, "")
{
    sl_schema *a = slt_col_schema("n int64, o opaque"), *b = slt_col_schema("s string");
    sli_groups *groups = NULL;
    const int32_t zero = 0, one = 1;
    int32_t group[2];
    assert_int_equal(sli_groups_new(&groups, a, &one, 1, NULL), SL_E_UNSUPPORTED);
    assert_int_equal(sli_groups_new(&groups, a, &zero, 1, NULL), SL_OK);
    sl_batch *words = slt_col_words((const char *const[]){"a", "b", NULL});
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_groups_add(groups, words, NULL, group, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text, "key column \"word\" is string, not int64");
    assert_int_equal(sli_groups_find(groups, words, &zero, group, &err), SL_E_INVALID);
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, b, NULL), SL_OK);
    assert_int_equal(sli_groups_keys(groups, 0, 0, builder, 0, &err), SL_E_INVALID);
    sl_builder_free(builder);
    sl_batch_unref(words);
    sli_groups_free(groups);
    sl_schema_unref(a);
    sl_schema_unref(b);
}

static sl_code group_all(const sl_schema *schema, const sl_batch *batch, int32_t column,
                         int32_t *group)
{
    sli_groups *groups = NULL;
    SL_TRY(sli_groups_new(&groups, schema, &column, 1, NULL));
    sl_code rc = sli_groups_add(groups, batch, NULL, group, NULL);
    if (rc == SL_E_NOMEM) { // the table stays whole: the same rows can be added again
        sli_mem_fail_nth(0);
        assert_int_equal(sli_groups_add(groups, batch, NULL, group, NULL), SL_OK);
    }
    sli_groups_free(groups);
    return rc;
}

SL_TEST(groups_survive_refused_memory, "")
{
    sli_rng rng = {42};
    sl_schema *schema = slt_col_schema("s string?, n int64, f float64, d list<string>");
    sl_batch *batch = slt_col_random(schema, &rng, 500);
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    for (int32_t column = 0; column < 4; column++) {
        int32_t group[500], expected[500];
        assert_int_equal(group_all(schema, batch, column, expected), SL_OK);
        sl_code rc = SL_E_NOMEM;
        for (int64_t n = 1; rc != SL_OK; n++) {
            sli_mem_fail_nth(n);
            rc = group_all(schema, batch, column, group);
            sli_mem_fail_nth(0);
            assert_true(rc == SL_OK || rc == SL_E_NOMEM);
            assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
            assert_true(n < 2000);
        }
        assert_memory_equal(group, expected, sizeof group);
    }
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

/// Rows (i, -i) for i in [0, n); `null`: one row (n, null) instead.
static sl_batch *pairs_of(const sl_schema *schema, int64_t n, bool null)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = null ? n : 0; i < n + null; i++) {
        sl_builder_int64(builder, 0, i);
        null ? sl_builder_null(builder, 1) : sl_builder_int64(builder, 1, -i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    return batch;
}

// A table of words that can't become one of row bytes stays what it was.
SL_TEST(groups_of_words_survive_refused_memory_when_a_null_comes, "")
{
    enum { ROWS = 300 };
    sl_schema *schema = slt_col_schema("a int64, b int64?");
    sl_batch *words = pairs_of(schema, ROWS, false), *none = pairs_of(schema, ROWS, true);
    sl_code rc = SL_E_NOMEM;
    int64_t n = 1;
    for (; rc != SL_OK; n++) {
        sli_groups *groups = NULL;
        int32_t group[ROWS], of_none = -1;
        assert_int_equal(sli_groups_new(&groups, schema, (const int32_t[]){0, 1}, 2, NULL), SL_OK);
        assert_int_equal(sli_groups_add(groups, words, NULL, group, NULL), SL_OK);
        sli_mem_fail_nth(n);
        rc = sli_groups_add(groups, none, NULL, &of_none, NULL);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        assert_int_equal(sli_groups_add(groups, none, NULL, &of_none, NULL), SL_OK);
        assert_int_equal(of_none, ROWS);
        assert_int_equal(sli_groups_add(groups, words, NULL, group, NULL), SL_OK);
        for (int32_t i = 0; i < ROWS; i++) {
            assert_int_equal(group[i], i);
        }
        assert_int_equal(sli_groups_count(groups), ROWS + 1);
        sli_groups_free(groups);
    }
    assert_true(n > 3);
    sl_batch_unref(words);
    sl_batch_unref(none);
    sl_schema_unref(schema);
}
