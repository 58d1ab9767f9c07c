// random_test.c — random arithmetic and logic over random rows, against an evaluator that does one
// row at a time.
#include "expr/fixture_test.h"

#include <stdio.h>

enum { ROWS = 40 };

// A value of one row: an integer or a bool, null, or a failure.
typedef struct value {
    int64_t i;
    bool null, failed;
} value;

typedef struct tree tree;
struct tree {
    char op; // 'a' 'b' 'c' columns, '1' literal, else an operator
    int64_t literal;
    const tree *left, *right, *third;
};

typedef struct pool {
    tree nodes[64];
    int n;
    sli_rng *rng;
} pool;

static const tree *grow(pool *p, int depth, bool boolean)
{
    static const char numbers[] = "+-*/%NAQ", tests[] = "&|!=<IC";
    tree *t = &p->nodes[p->n++];
    *t = (tree){0};
    if (!boolean && (depth == 0 || sli_rng_below(p->rng, 4) == 0)) {
        t->op = "abc1"[sli_rng_below(p->rng, 4)];
        t->literal = (int64_t)sli_rng_below(p->rng, 7) - 3;
        return t;
    }
    if (boolean && depth == 0) {
        t->op = 'I';
        t->left = grow(p, 0, false);
        return t;
    }
    t->op = boolean ? tests[sli_rng_below(p->rng, 7)] : numbers[sli_rng_below(p->rng, 8)];
    bool inner = strchr("&|!", t->op) != NULL;
    t->left = grow(p, depth - 1, inner || t->op == 'Q');
    if (strchr("!INA", t->op) == NULL || t->op == 'A') {
        t->right = grow(p, depth - 1, inner);
    }
    if (t->op == 'Q' || t->op == 'C') {
        t->third = grow(p, depth - 1, false);
    }
    return t;
}

static void print(const tree *t, sli_str *out)
{
    static const struct {
        char op;
        const char *before, *between, *then, *after;
    } forms[] = {{'+', "(", " + ", "", ")"},
                 {'-', "(", " - ", "", ")"},
                 {'*', "(", " * ", "", ")"},
                 {'/', "(", " / ", "", ")"},
                 {'%', "(", " % ", "", ")"},
                 {'N', "(- (", "", "", "))"},
                 {'A', "coalesce(", ", ", "", ")"},
                 {'&', "(", " and ", "", ")"},
                 {'|', "(", " or ", "", ")"},
                 {'!', "(not ", "", "", ")"},
                 {'=', "(", " = ", "", ")"},
                 {'<', "(", " < ", "", ")"},
                 {'I', "(", "", "", " is null)"},
                 {'C', "(", " between ", " and ", ")"},
                 {'Q', "case when ", " then ", " else ", " end"}};
    if (t->op == '1') {
        sli_str_printf(out, "%lld", (long long)t->literal);
        return;
    }
    if (t->op >= 'a' && t->op <= 'c') {
        sli_str_char(out, t->op);
        return;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].op == t->op) {
            sli_str_text(out, forms[i].before);
            print(t->left, out);
            sli_str_text(out, forms[i].between);
            if (t->right != NULL) {
                print(t->right, out);
            }
            sli_str_text(out, forms[i].then);
            if (t->third != NULL) {
                print(t->third, out);
            }
            sli_str_text(out, forms[i].after);
        }
    }
}

static value compute(char op, value a, value b)
{
    value v = {0};
    switch (op) {
    case '+':
        v.failed = __builtin_add_overflow(a.i, b.i, &v.i);
        break;
    case '-':
        v.failed = __builtin_sub_overflow(a.i, b.i, &v.i);
        break;
    case '*':
        v.failed = __builtin_mul_overflow(a.i, b.i, &v.i);
        break;
    case '=':
        v.i = a.i == b.i;
        break;
    case '<':
        v.i = a.i < b.i;
        break;
    default:
        v.failed = b.i == 0 || (op == '/' && a.i == INT64_MIN && b.i == -1);
        if (!v.failed && b.i != -1) {
            v.i = op == '/' ? a.i / b.i : a.i % b.i;
        } else if (!v.failed) {
            v.i = op == '/' ? -a.i : 0;
        }
        break;
    }
    return v;
}

static value eval(const tree *t, const value *row);

static value eval_logic(const tree *t, const value *row)
{
    bool decides = t->op == '|';
    value a = eval(t->left, row);
    if (a.failed || (!a.null && (a.i != 0) == decides)) {
        return a;
    }
    value b = eval(t->right, row);
    if (b.failed || (!b.null && (b.i != 0) == decides)) {
        return b;
    }
    return (value){.i = !decides, .null = a.null || b.null};
}

static value eval_between(const tree *t, const value *row)
{
    value x = eval(t->left, row), low = eval(t->right, row), high = eval(t->third, row);
    if (x.failed || low.failed || high.failed) {
        return (value){.failed = true};
    }
    bool outside = (!x.null && !low.null && x.i < low.i) || (!x.null && !high.null && x.i > high.i);
    return (value){.i = !outside, .null = !outside && (x.null || low.null || high.null)};
}

static value eval(const tree *t, const value *row)
{
    value a, b;
    switch (t->op) {
    case '1':
        return (value){.i = t->literal};
    case 'a':
    case 'b':
    case 'c':
        return row[t->op - 'a'];
    case '&':
    case '|':
        return eval_logic(t, row);
    case 'C':
        return eval_between(t, row);
    case 'Q':
        a = eval(t->left, row);
        return a.failed ? a : eval(!a.null && a.i != 0 ? t->right : t->third, row);
    case 'A':
        a = eval(t->left, row);
        return a.failed || !a.null ? a : eval(t->right, row);
    default:
        break;
    }
    a = eval(t->left, row);
    if (a.failed) {
        return a;
    }
    if (t->op == 'I') {
        return (value){.i = a.null};
    }
    if (t->op == '!') {
        return (value){.i = !a.i, .null = a.null};
    }
    if (t->op == 'N') {
        return a.null ? a : (value){.i = a.i == INT64_MIN ? 0 : -a.i, .failed = a.i == INT64_MIN};
    }
    b = eval(t->right, row);
    if (b.failed || a.null || b.null) {
        return b.failed ? b : (value){.null = true};
    }
    return compute(t->op, a, b);
}

static int64_t random_int(sli_rng *rng)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -1, 0, 1, INT32_MAX};
    switch (sli_rng_below(rng, 12)) {
    case 0:
        return edges[sli_rng_below(rng, 7)];
    case 1:
        return (int64_t)sli_rng_next(rng);
    default:
        return (int64_t)sli_rng_below(rng, 11) - 5;
    }
}

static sl_batch *random_batch(sli_rng *rng, value rows[ROWS][3])
{
    sl_schema *schema;
    sl_builder *builder;
    sl_batch *batch;
    assert_int_equal(sl_schema_parse(&schema, "a int64, b int64?, c int64?", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int i = 0; i < ROWS; i++) {
        for (int32_t k = 0; k < 3; k++) {
            rows[i][k] = (value){.i = random_int(rng), .null = k > 0 && sli_rng_below(rng, 4) == 0};
            if (rows[i][k].null) {
                sl_builder_null(builder, k);
            } else {
                sl_builder_int64(builder, k, rows[i][k].i);
            }
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

// Each row of the result equals the model's; a failure is one of a row that fails in the model.
static void compare(const tree *t, const char *text, const sl_batch *in, value rows[ROWS][3],
                    int *n_good)
{
    sli_projection *p;
    sl_batch *out = NULL;
    sl_error err = SL_ERROR_INIT;
    if (sli_projection_new(&p, text, sl_batch_schema(in), &err) != SL_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    sl_code rc = sli_projection_eval(p, in, &out, &err);
    int row = -1;
    if (rc == SL_E_DATA) {
        assert_int_equal(sscanf(err.text, "row %d:", &row), 1);
        if (!eval(t, rows[row]).failed) {
            fail_msg("%s: %s, but the model does not fail there", text, err.text);
        }
    } else {
        assert_int_equal(rc, SL_OK);
        ++*n_good;
    }
    for (int i = 0; i < ROWS && rc == SL_OK; i++) {
        value wanted = eval(t, rows[i]);
        const sl_column *column = sl_batch_column(out, 0);
        bool same = !wanted.failed && sl_column_is_null(column, i) == wanted.null;
        int64_t got =
            column->type == SL_BOOL ? sl_column_bool(column, i) : sl_column_int64(column, i);
        if (!same || (!wanted.null && got != wanted.i)) {
            fail_msg("%s: row %d is %lld, not %lld (failed %d, null %d)", text, i, (long long)got,
                     (long long)wanted.i, wanted.failed, wanted.null);
        }
    }
    sl_batch_unref(out);
    sli_projection_free(p);
}

SL_TEST(random_arithmetic_equals_a_naive_evaluator, "")
{
    sli_rng rng = {11};
    int rounds = slt_is_soak() ? 300000 : 5000, n_good = 0;
    for (int round = 0; round < rounds; round++) {
        pool p = {.rng = &rng};
        value rows[ROWS][3];
        sli_str text = {.tag = SLI_TAG_TEST};
        sl_batch *in = random_batch(&rng, rows);
        const tree *t = grow(&p, 3, round % 2 == 1);
        print(t, &text);
        sli_str_text(&text, " as x");
        compare(t, text.data, in, rows, &n_good);
        sli_str_reset(&text);
        sl_batch_unref(in);
    }
    assert_in_range(n_good, rounds / 10, rounds * 9 / 10); // both kinds of outcome were tried
}

// In a batch of one row no other row's overflow can hide a missed one.
SL_TEST(every_edge_of_int64_in_a_batch_of_its_own, "")
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -2,       -1, 0, 1,
                                    2,         INT64_MAX - 1, INT64_MAX};
    static const char operators[] = "+-*/%";
    enum { EDGES = sizeof edges / sizeof edges[0] };
    sl_schema *schema;
    assert_int_equal(sl_schema_parse(&schema, "a int64, b int64", NULL), SL_OK);
    for (const char *op = operators; *op != '\0'; op++) {
        char text[] = "a ? b as x";
        sli_projection *p;
        text[2] = *op;
        assert_int_equal(sli_projection_new(&p, text, schema, NULL), SL_OK);
        for (int i = 0; i < EDGES * EDGES; i++) {
            value a = {.i = edges[i / EDGES]}, b = {.i = edges[i % EDGES]};
            sl_builder *builder;
            sl_batch *in, *out = NULL;
            assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
            sl_builder_int64(builder, 0, a.i);
            sl_builder_int64(builder, 1, b.i);
            assert_int_equal(sl_builder_finish(builder, &in, NULL), SL_OK);
            value wanted = compute(*op, a, b);
            sl_code rc = sli_projection_eval(p, in, &out, NULL);
            if (rc != (wanted.failed ? SL_E_DATA : SL_OK)) {
                fail_msg("%lld %c %lld: code %d", (long long)a.i, *op, (long long)b.i, rc);
            }
            if (rc == SL_OK) {
                assert_true(sl_column_int64(sl_batch_column(out, 0), 0) == wanted.i);
            }
            sl_batch_unref(out);
            sl_batch_unref(in);
            sl_builder_free(builder);
        }
        sli_projection_free(p);
    }
    sl_schema_unref(schema);
}
