// Division by zero is an error of its row. DuckDB's own answers are infinity for `/` and NULL for
// `//` and `%`, which no setting changes, so a divisor that may be zero is looked at:
//
//     a / b   becomes   a / CASE WHEN b = 0
//                               THEN CASE WHEN a IS NOT NULL THEN error('...') END
//                               ELSE b END
//
// A NULL on either side gives NULL as before. Why a CASE and no function of ours: it keeps every
// type that `/` takes, and DuckDB runs the ELSE as a reference to b once one comparison found no
// zero. In `b = 0` and `a IS NOT NULL` stand the operands as they were written, their own
// divisions not looked at: those are looked at where they count, so a chain of n divisions grows
// by n * n at most and not by 2 to the n.
//
// Only what is prepared is changed; the graph's text has the query as it was written.
#include "sql/query_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/// Functions whose second argument divides. fdiv and fmod are DuckDB's macros over `/`.
static const struct divides {
    const char *name;
    bool is_infix; ///< written between its arguments
} divides[] = {{"/", true},    {"//", true},    {"%", true},    {"divide", false},
               {"mod", false}, {"fdiv", false}, {"fmod", false}};

static const struct divides *divides_of(const sli_node *node)
{
    if (!sli_node_is(node, "FUNCTION") || sli_node_count(node, "children") != 2) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof divides / sizeof *divides; i++) {
        if (strcasecmp(sli_node_text(node, "function_name"), divides[i].name) == 0) {
            return &divides[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- what can't be zero

/// A number that is written there, also as a text (a / '0'); a decimal's is its digits.
static bool is_number(const sli_node *node, double *value)
{
    const sli_node *given = sli_node_at(sli_node_at(node, "value"), "value");
    if (!sli_node_is(node, "VALUE_CONSTANT")) {
        return false;
    }
    if (json_object_is_type(given, json_type_string)) {
        char *end = NULL;
        const char *text = json_object_get_string(sli_node_own(given));
        *value = strtod(text, &end);
        return end != text;
    }
    *value = json_object_get_double(sli_node_own(given));
    return json_object_is_type(given, json_type_int) ||
           json_object_is_type(given, json_type_double);
}

static bool is_zero_constant(const sli_node *node)
{
    double value = 1;
    return is_number(node, &value) && value == 0;
}

/// A constant but 0, or what nullif made NULL where it was 0.
static bool is_never_zero(const sli_node *node)
{
    bool is_constant = sli_node_is(node, "VALUE_CONSTANT");
    bool is_nullif = sli_node_is(node, "FUNCTION") &&
                     strcasecmp(sli_node_text(node, "function_name"), "nullif") == 0;
    return (is_constant && !is_zero_constant(node)) ||
           (is_nullif && is_zero_constant(sli_node_item(node, "children", 1)));
}

// ---------------------------------------------------------------- the look at a divisor

/// What a side is called in a message: the column that it is, or a letter.
static const char *shown(const sli_node *side, const char *letter)
{
    const char *name = sli_node_column_name(side);
    return name[0] == '\0' ? letter : name;
}

static sli_node *constant(const char *type, sli_node *value)
{
    sli_node *node = sli_node_parse("{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':'',"
                                    "'query_location':0,'value':{'type':{'id':'','type_info':null},"
                                    "'is_null':false,'value':null}}");
    sli_node *held = sli_node_at(node, "value");
    if (held == NULL || value == NULL) {
        json_object_put(node);
        json_object_put(value);
        return NULL;
    }
    sli_node_set_text(sli_node_at(held, "type"), "id", type);
    sli_node_set(held, "value", value);
    return node;
}

/// error('division by zero ...'): fails when it is computed.
static sli_node *failure(const struct divides *how, const sli_node *a, const sli_node *b)
{
    char instead[256], text[384];
    const char *left = shown(a, "a"), *right = shown(b, "b");
    if (how->is_infix) {
        (void)snprintf(instead, sizeof instead, "%.80s %s nullif(%.80s, 0)", left, how->name,
                       right);
    } else {
        (void)snprintf(instead, sizeof instead, "%s(%.80s, nullif(%.80s, 0))", how->name, left,
                       right);
    }
    (void)snprintf(text, sizeof text, "division by zero; write %s for NULL", instead);
    sli_node *call = sli_node_call("error", false);
    sli_node *said = constant("VARCHAR", json_object_new_string(text));
    if (call == NULL || said == NULL) {
        json_object_put(call);
        json_object_put(said);
        return NULL;
    }
    sli_node_push(sli_node_at(call, "children"), said);
    return call;
}

/// A node of two parts, each put in its place by its key. Takes them; NULL without memory, or when
/// one of them is.
static sli_node *pair(const char *text, const char *keys[2], sli_node *one, sli_node *two)
{
    sli_node *node = sli_node_parse(text);
    if (node == NULL || one == NULL || two == NULL) {
        json_object_put(node);
        json_object_put(one);
        json_object_put(two);
        return NULL;
    }
    sli_node_set(node, keys[0], one);
    sli_node_set(node, keys[1], two);
    return node;
}

static sli_node *is_zero(const sli_node *b)
{
    return pair("{'class':'COMPARISON','type':'COMPARE_EQUAL','alias':'','query_location':0,"
                "'left':null,'right':null}",
                (const char *[]){"left", "right"}, sli_node_copy(b),
                constant("INTEGER", json_object_new_int(0)));
}

static sli_node *is_not_null(const sli_node *a)
{
    sli_node *children = sli_node_array(), *copy = sli_node_copy(a);
    if (children == NULL || copy == NULL) {
        json_object_put(children);
        json_object_put(copy);
        return NULL;
    }
    sli_node_push(children, copy);
    sli_node *node = sli_node_parse("{'class':'OPERATOR','type':'OPERATOR_IS_NOT_NULL','alias':'',"
                                    "'query_location':0,'children':[]}");
    if (node == NULL) {
        json_object_put(children);
        return NULL;
    }
    sli_node_set(node, "children", children);
    return node;
}

/// CASE WHEN `when` THEN `then` ELSE `other` END. Takes them.
static sli_node *choice(sli_node *when, sli_node *then, sli_node *other)
{
    sli_node *checks = sli_node_array();
    sli_node *check = pair("{'when_expr':null,'then_expr':null}",
                           (const char *[]){"when_expr", "then_expr"}, when, then);
    if (checks != NULL && check != NULL) {
        sli_node_push(checks, check);
    } else {
        json_object_put(checks);
        json_object_put(check);
        checks = NULL;
    }
    return pair("{'class':'CASE','type':'CASE_EXPR','alias':'','query_location':0,"
                "'case_checks':[],'else_expr':null}",
                (const char *[]){"case_checks", "else_expr"}, checks, other);
}

static sli_node *no_value(void)
{
    return sli_node_parse("{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':'',"
                          "'query_location':0,'value':{'type':{'id':'NULL','type_info':null},"
                          "'is_null':true}}");
}

/// The divisor, looked at.
static sli_node *looked_at(const struct divides *how, const sli_node *a, sli_node *b)
{
    sli_node *fails = choice(is_not_null(a), failure(how, a, b), no_value());
    return choice(is_zero(b), fails, json_object_get(b));
}

/// What a division by a constant 0 is worth.
static sli_node *nothing_of(const struct divides *how, const sli_node *node, const sli_node *a,
                            const sli_node *b)
{
    return choice(is_not_null(a), failure(how, a, b), sli_node_named(sli_node_copy(node), ""));
}

/// Makes a node, which its parent goes on to hold, what the other one is. Takes it. The name that
/// AS gave stays.
static void become(sli_node *node, sli_node *other)
{
    sli_entries entries = sli_entries_of(other);
    while (sli_entries_next(&entries)) {
        if (strcmp(entries.key, "alias") != 0 && strcmp(entries.key, "query_location") != 0) {
            sli_node_set(node, entries.key, json_object_get(entries.value));
        }
    }
    json_object_object_del(node, "children");
    json_object_object_del(node, "function_name");
    json_object_put(other);
}

// ---------------------------------------------------------------- the tree

typedef struct looking {
    bool is_changed, is_out; ///< out of memory
} looking;

static bool look(void *ctx, sli_node *node);

/// A division by a constant 0: what is divided is looked at in the copy that counts.
static void look_at_nothing(looking *l, const struct divides *how, sli_node *node)
{
    const sli_node *sides = sli_node_at(node, "children");
    sli_node *made = nothing_of(how, node, json_object_array_get_idx(sides, 0),
                                json_object_array_get_idx(sides, 1));
    l->is_out |= made == NULL;
    if (made != NULL) {
        sli_node_walk(sli_node_item(sli_node_at(made, "else_expr"), "children", 0), look, l);
        become(node, made);
        l->is_changed = true;
    }
}

static void look_at_divisor(looking *l, const struct divides *how, sli_node *node)
{
    sli_node *sides = sli_node_at(node, "children");
    sli_node *a = json_object_array_get_idx(sides, 0), *b = json_object_array_get_idx(sides, 1);
    bool is_good = is_never_zero(b);
    sli_node *made = is_good ? NULL : looked_at(how, a, b);
    l->is_changed |= made != NULL;
    l->is_out |= made == NULL && !is_good;
    sli_node_walk(a, look, l); // after the copies were made
    sli_node_walk(b, look, l);
    if (made != NULL) {
        json_object_array_put_idx(sides, 1, made);
    }
}

static bool look(void *ctx, sli_node *node)
{
    const struct divides *how = divides_of(node);
    if (how == NULL) {
        return true;
    }
    if (is_zero_constant(sli_node_item(node, "children", 1))) {
        look_at_nothing(ctx, how, node);
    } else {
        look_at_divisor(ctx, how, node);
    }
    return false;
}

sl_code sli_tree_divide(sli_tree *tree, bool *changed, sl_error *err)
{
    looking l = {0};
    sli_node_walk(tree->select, look, &l);
    *changed = l.is_changed;
    return l.is_out ? sl_error_nomem(err, 4096, "the parse tree of a query") : SL_OK;
}
