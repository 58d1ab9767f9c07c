// Conditions of one side go below the join: rows that they leave out are not kept until they could
// meet another, nor are columns that nothing else asks for.
//
//     FROM auction A JOIN person P ON A.seller = P.id AND ...
//     WHERE A.category = 10 AND P.state = 'OR'
//
//     left    SELECT id, seller, ts FROM auction WHERE category = 10
//     right   SELECT id, name, ts FROM person WHERE state = 'OR'
//
//     | of                        | ON                           | WHERE                         |
//     |---------------------------|------------------------------|-------------------------------|
//     | JOIN                      | below                        | below                         |
//     | a side that is kept whole | rows that say no match none  | below, if the other is not    |
//     | the other one             | below                        | behind the join: it sees null |
//
// What can't be computed (a cast of a text that is no number, a division by zero) is an error of a
// pair that has been found, and stays so: of JOIN only those conditions go below of which it is
// known that they can't fail. (DuckDB's TRY would let the others through, to be asked again behind;
// in 1.5.6 it gives wrong results for rows that share a vector with one that fails.) In an outer
// join nothing more fails below: of a side that is kept whole every row comes out, so WHERE is
// computed of each; ON has no place behind, and is asked of every row.
//
// What asks for the present stays behind, where it is the time at which a pair is found; what has a
// subquery, too.
#include "sql/join_int.h"

#include <strings.h>

// ---------------------------------------------------------------- whose a condition is

enum { OF_LEFT = 1, OF_RIGHT = 2, OF_OTHER = 4 };

typedef struct owners {
    const sli_join *j;
    int32_t of; ///< of the flags above
} owners;

static bool look_for_owner(void *ctx, sli_node *node)
{
    owners *o = ctx;
    sli_join_place at;
    if (sli_node_is(node, "COLUMN_REF")) {
        bool found = sli_join_find_place(o->j, node, &at);
        o->of |= !found ? OF_OTHER : at.side == 0 ? OF_LEFT : OF_RIGHT;
    }
    const char *name = sli_node_text(node, "function_name");
    if (sli_node_is(node, "SUBQUERY") || strcasecmp(name, "sluice_time") == 0) {
        o->of |= OF_OTHER;
    }
    return true;
}

/// Of one side alone, its number; -1: it stays.
static int32_t side_of(const owners *o)
{
    return o->of == OF_LEFT ? 0 : o->of == OF_RIGHT ? 1 : -1;
}

// ---------------------------------------------------------------- whether it can fail

/// What compares with what without a cast that could fail.
typedef enum kind { ANY_KIND, BOOLS, WHOLE, FLOATS, DECIMALS, TEXTS, TIMES, DATES, NO_KIND } kind;

static kind kind_of_field(const sl_field *field)
{
    switch (field->type) {
    case SL_BOOL:
        return BOOLS;
    case SL_INT8:
    case SL_INT16:
    case SL_INT32:
    case SL_INT64:
    case SL_UINT8:
    case SL_UINT16:
    case SL_UINT32:
    case SL_UINT64:
        return WHOLE;
    case SL_FLOAT32:
    case SL_FLOAT64:
        return FLOATS;
    case SL_STRING:
        return TEXTS;
    case SL_TIMESTAMP:
        return TIMES;
    case SL_DATE:
        return DATES;
    default:
        return NO_KIND;
    }
}

/// Of digits behind the point there is room for 18 beside a whole number of 20 digits.
static kind kind_of_decimal(const sli_node *type)
{
    return json_object_get_int(sli_node_at(sli_node_at(type, "type_info"), "scale")) <= 18
               ? DECIMALS
               : NO_KIND;
}

static kind kind_of_constant(const sli_node *node)
{
    static const struct {
        const char *id;
        kind kind;
    } ids[] = {{"NULL", ANY_KIND},  {"BOOLEAN", BOOLS}, {"TINYINT", WHOLE},  {"SMALLINT", WHOLE},
               {"INTEGER", WHOLE},  {"BIGINT", WHOLE},  {"UTINYINT", WHOLE}, {"USMALLINT", WHOLE},
               {"UINTEGER", WHOLE}, {"UBIGINT", WHOLE}, {"FLOAT", FLOATS},   {"DOUBLE", FLOATS},
               {"VARCHAR", TEXTS}};
    const sli_node *type = sli_node_at(sli_node_at(node, "value"), "type");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (strcmp(sli_node_text(type, "id"), ids[i].id) == 0) {
            return ids[i].kind;
        }
    }
    return strcmp(sli_node_text(type, "id"), "DECIMAL") == 0 ? kind_of_decimal(type) : NO_KIND;
}

/// true and false are casts of 't' and 'f'.
static bool is_truth(const sli_node *node)
{
    const sli_node *value = sli_node_at(sli_node_at(node, "child"), "value");
    const char *text = sli_node_text(value, "value");
    return sli_node_is(node, "OPERATOR_CAST") &&
           strcmp(sli_node_text(sli_node_at(node, "cast_type"), "id"), "BOOLEAN") == 0 &&
           (strcmp(text, "t") == 0 || strcmp(text, "f") == 0);
}

static kind kind_of(const sli_join *j, const sli_node *node);

static bool all_texts(const sli_join *j, const sli_node *call)
{
    bool all = true;
    for (int32_t i = 0; all && i < sli_node_count(call, "children"); i++) {
        kind k = kind_of(j, sli_node_item(call, "children", i));
        all = k == TEXTS || k == ANY_KIND;
    }
    return all;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcasecmp(name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

static kind kind_of_call(const sli_join *j, const sli_node *node)
{
    static const char *const texts[] = {"lower", "upper", "lcase", "ucase",
                                        "trim",  "ltrim", "rtrim", NULL};
    static const char *const lengths[] = {"length", "len", "strlen", NULL};
    static const char *const tests[] = {"~~",          "!~~",    "~~*",    "!~~*",      "contains",
                                        "starts_with", "prefix", "suffix", "ends_with", NULL};
    const char *name = sli_node_text(node, "function_name");
    if (!sli_node_is(node, "FUNCTION") || !all_texts(j, node)) {
        return NO_KIND;
    }
    return is_one_of(name, texts)     ? TEXTS
           : is_one_of(name, lengths) ? WHOLE
           : is_one_of(name, tests)   ? BOOLS
                                      : NO_KIND;
}

static bool compare(kind a, kind b)
{
    bool numbers = a >= WHOLE && a <= DECIMALS && b >= WHOLE && b <= DECIMALS;
    return a != NO_KIND && b != NO_KIND && (a == b || a == ANY_KIND || b == ANY_KIND || numbers);
}

static bool compare_all(const sli_join *j, const sli_node *const *nodes, int32_t n)
{
    for (int32_t i = 1; i < n; i++) {
        for (int32_t k = 0; k < i; k++) {
            if (!compare(kind_of(j, nodes[i]), kind_of(j, nodes[k]))) {
                return false;
            }
        }
    }
    return true;
}

static bool is_plain(const sli_join *j, const sli_node *node, sli_join_place *at)
{
    return sli_join_find_place(j, node, at) && at->n_names == sli_node_count(node, "column_names");
}

static bool children_are(const sli_join *j, const sli_node *node, kind wanted)
{
    bool all = true;
    for (int32_t i = 0; all && i < sli_node_count(node, "children"); i++) {
        all = compare(kind_of(j, sli_node_item(node, "children", i)), wanted);
    }
    return all;
}

/// IN (...) of constants: each is compared with what is looked for.
static bool is_good_list(const sli_join *j, const sli_node *node)
{
    kind first = kind_of(j, sli_node_item(node, "children", 0));
    return children_are(j, node, first);
}

static bool is_good_test(const sli_join *j, const sli_node *node)
{
    const char *type = sli_node_text(node, "type"), *class = sli_node_text(node, "class");
    sli_join_place at;
    if (strcmp(type, "COMPARE_BETWEEN") == 0 || strcmp(type, "COMPARE_NOT_BETWEEN") == 0) {
        return compare_all(j,
                           (const sli_node *const[]){sli_node_at(node, "input"),
                                                     sli_node_at(node, "lower"),
                                                     sli_node_at(node, "upper")},
                           3);
    }
    if (strcmp(class, "COMPARISON") == 0) {
        return compare(kind_of(j, sli_node_at(node, "left")),
                       kind_of(j, sli_node_at(node, "right")));
    }
    if (strncmp(type, "CONJUNCTION_", 12) == 0 || strcmp(type, "OPERATOR_NOT") == 0) {
        return children_are(j, node, BOOLS);
    }
    if (strcmp(type, "OPERATOR_IS_NULL") == 0 || strcmp(type, "OPERATOR_IS_NOT_NULL") == 0) {
        const sli_node *of = sli_node_item(node, "children", 0);
        return is_plain(j, of, &at) || kind_of(j, of) != NO_KIND;
    }
    return (strcmp(type, "COMPARE_IN") == 0 || strcmp(type, "COMPARE_NOT_IN") == 0) &&
           is_good_list(j, node);
}

/// Of what an expression that can't fail is; NO_KIND: nobody knows that it can't.
static kind kind_of(const sli_join *j, const sli_node *node)
{
    sli_join_place at;
    if (is_plain(j, node, &at)) {
        return kind_of_field(sl_schema_field(j->sides[at.side].table->seen, at.column));
    }
    if (sli_node_is(node, "VALUE_CONSTANT")) {
        return kind_of_constant(node);
    }
    if (is_truth(node) || is_good_test(j, node)) {
        return BOOLS;
    }
    return kind_of_call(j, node);
}

// ---------------------------------------------------------------- where it is asked

static sl_code add(sli_join *j, int32_t s, const sli_join_asked *asked, const sli_node *node)
{
    sli_join_side *side = &j->sides[s];
    if (side->n_asked == SLI_MAX_JOIN_CONDITIONS) {
        return sli_query_refuse(j->query, node, j->err, "more than %d conditions in one join",
                                (int)SLI_MAX_JOIN_CONDITIONS);
    }
    side->asked[side->n_asked++] = *asked;
    return SL_OK;
}

sl_code sli_join_push(sli_join *j, const sli_node *node, bool is_on, bool *stays)
{
    owners o = {.j = j};
    sli_node_walk(sli_node_own(node), look_for_owner, &o);
    int32_t s = side_of(&o);
    bool is_outer = j->keeps[0] || j->keeps[1];
    *stays = true;
    if (s < 0 || (is_outer && !is_on && (!j->keeps[s] || j->keeps[!s]))) {
        return SL_OK;
    }
    if (is_outer) {
        *stays = false;
        return add(j, s, &(sli_join_asked){.node = node, .marks = is_on && j->keeps[s]}, node);
    }
    *stays = !compare(kind_of(j, node), BOOLS);
    return *stays ? SL_OK : add(j, s, &(sli_join_asked){.node = node}, node);
}

// ---------------------------------------------------------------- a side's own query

/// Columns as the side's stream has them, without the side's name.
static sli_node *of_stream(void *ctx, const sli_node *node)
{
    const sli_join *j = ctx;
    sli_join_place at;
    if (!sli_join_find_place(j, node, &at)) {
        return NULL;
    }
    const sl_schema *schema = j->sides[at.side].table->seen;
    sli_node *made = sli_node_column(sl_schema_field(schema, at.column)->name, NULL);
    for (int32_t i = at.n_names; i < sli_node_count(node, "column_names"); i++) {
        sli_node_push(sli_node_at(made, "column_names"),
                      json_object_new_string(sli_join_name_at(node, i)));
    }
    return made;
}

static sli_node *truth(const char *letter)
{
    sli_node *node = sli_node_parse(
        "{'class':'CAST','type':'OPERATOR_CAST','alias':'','query_location':0,'child':{'class':"
        "'CONSTANT','type':'VALUE_CONSTANT','alias':'','query_location':0,'value':{'type':{'id':"
        "'VARCHAR','type_info':null},'is_null':false,'value':''}},'cast_type':{'id':'BOOLEAN',"
        "'type_info':null},'try_cast':false}");
    if (node != NULL) {
        sli_node_set_text(sli_node_at(sli_node_at(node, "child"), "value"), "value", letter);
    }
    return node;
}

/// An operator over one or two nodes, which it takes.
static sli_node *over(const char *type, sli_node *one, sli_node *two)
{
    sli_node *node = sli_node_parse("{'class':'OPERATOR','type':'','alias':'','query_location':0,"
                                    "'children':[]}");
    if (node == NULL || one == NULL) {
        json_object_put(node);
        json_object_put(one);
        json_object_put(two);
        return NULL;
    }
    sli_node_set_text(node, "type", type);
    sli_node_push(sli_node_at(node, "children"), one);
    if (two != NULL) {
        sli_node_push(sli_node_at(node, "children"), two);
    }
    return node;
}

/// As it is asked of the side's rows.
static sli_node *asked(sli_join *j, const sli_join_asked *a)
{
    sli_node *holder = sli_node_array(), *copy = sli_node_copy(a->node);
    if (holder == NULL || copy == NULL) {
        json_object_put(holder);
        json_object_put(copy);
        return NULL;
    }
    sli_node_push(holder, copy);
    sli_node_replace_own(holder, of_stream, j);
    sli_node *made = json_object_get(json_object_array_get_idx(holder, 0));
    json_object_put(holder);
    return made;
}

sli_node *sli_join_asked_of(sli_join *j, int32_t s, bool marks)
{
    const sli_join_side *side = &j->sides[s];
    sli_node *all = NULL;
    for (int32_t i = 0; i < side->n_asked; i++) {
        if (side->asked[i].marks != marks) {
            continue;
        }
        if (all == NULL) {
            all = sli_node_parse("{'class':'CONJUNCTION','type':'CONJUNCTION_AND','alias':'',"
                                 "'query_location':0,'children':[]}");
        }
        sli_node *one = asked(j, &side->asked[i]);
        if (all == NULL || one == NULL) {
            json_object_put(all);
            json_object_put(one);
            return NULL;
        }
        sli_node_push(sli_node_at(all, "children"), one);
    }
    return marks && all != NULL ? over("OPERATOR_COALESCE", all, truth("f")) : all;
}

bool sli_join_asks(const sli_join *j, int32_t s, bool marks)
{
    bool asks = false;
    for (int32_t i = 0; i < j->sides[s].n_asked; i++) {
        asks |= j->sides[s].asked[i].marks == marks;
    }
    return asks;
}
