// The aggregates of a SELECT, and which of Sluice's each of them is.
#include "sql/aggregate_int.h"
#include "sql/connector.h"

#include <strings.h>

typedef struct known {
    const char *sql, *ours;
    int32_t n_values;   ///< arguments that are columns
    int32_t n_settings; ///< constants behind them, at most
    bool keeps_all;     ///< every value that ever came
} known;

static const known table[] = {
    {"count", "count", 1, 0, false},
    {"sum", "sum", 1, 0, false},
    {"avg", "avg", 1, 0, false},
    {"mean", "avg", 1, 0, false},
    {"min", "min", 1, 0, false},
    {"max", "max", 1, 0, false},
    {"first", "first", 1, 0, false},
    {"any_value", "first", 1, 0, false},
    {"last", "last", 1, 0, false},
    {"list", "list", 1, 0, true},
    {"array_agg", "list", 1, 0, true},
    {"string_agg", "string_agg", 1, 1, true},
    {"listagg", "string_agg", 1, 1, true},
    {"group_concat", "string_agg", 1, 1, true},
    {"var_pop", "var_pop", 1, 0, false},
    {"var_samp", "var_samp", 1, 0, false},
    {"variance", "var_samp", 1, 0, false},
    {"stddev_pop", "stddev_pop", 1, 0, false},
    {"stddev_samp", "stddev_samp", 1, 0, false},
    {"stddev", "stddev_samp", 1, 0, false},
    {"covar_pop", "covar_pop", 2, 0, false},
    {"covar_samp", "covar_samp", 2, 0, false},
    {"corr", "corr", 2, 0, false},
    {"arg_max", "arg_max", 2, 0, false},
    {"argmax", "arg_max", 2, 0, false},
    {"max_by", "arg_max", 2, 0, false},
    {"arg_min", "arg_min", 2, 0, false},
    {"argmin", "arg_min", 2, 0, false},
    {"min_by", "arg_min", 2, 0, false},
    {"bool_and", "bool_and", 1, 0, false},
    {"bool_or", "bool_or", 1, 0, false},
    {"count_if", "count_if", 1, 0, false},
    {"countif", "count_if", 1, 0, false},
    {"bit_and", "bit_and", 1, 0, false},
    {"bit_or", "bit_or", 1, 0, false},
    {"bit_xor", "bit_xor", 1, 0, false},
    {"product", "product", 1, 0, false},
    {"approx_count_distinct", "approx_count_distinct", 1, 0, false},
    {"approx_quantile", "approx_quantile", 1, 1, false},
};
static const char names[] =
    "count, count_if, sum, avg, min, max, any_value, first, last, arg_max, arg_min, var_pop, "
    "var_samp, stddev_pop, stddev_samp, covar_pop, covar_samp, corr, bool_and, bool_or, bit_and, "
    "bit_or, bit_xor, product, approx_count_distinct, approx_quantile";

static const known *find_known(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcasecmp(table[i].sql, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool is_count_star(const sli_node *call)
{
    return strcasecmp(sli_node_text(call, "function_name"), "count_star") == 0;
}

static bool is_distinct(const sli_node *call)
{
    return json_object_get_boolean(sli_node_at(call, "distinct"));
}

// ---------------------------------------------------------------- what may be

/// The least, the greatest and any of all values are those of the distinct ones.
static bool knows_no_repeats(const char *name)
{
    return strcasecmp(name, "min") == 0 || strcasecmp(name, "max") == 0 ||
           strcasecmp(name, "any_value") == 0;
}

static sl_code check_memory(sli_aggregate *a, const sli_node *call, const known *k)
{
    const char *name = sli_node_text(call, "function_name");
    bool in_window = a->query->window.kind != SLI_WINDOW_NONE;
    bool is_distinct_count = is_distinct(call) && strcasecmp(name, "count") == 0;
    if (is_distinct(call) && !is_distinct_count && !knows_no_repeats(name)) {
        return sli_query_refuse(
            a->query, call, a->err,
            "%.60s(DISTINCT ...) can't be kept up; aggregate twice: first GROUP "
            "BY the value in a window, then again",
            name);
    }
    if (!in_window && (is_distinct_count || k->keeps_all)) {
        return sli_query_refuse(a->query, call, a->err,
                                "%.60s(%s...) would keep every value for ever; take it of a window "
                                "(FROM TUMBLE(...) GROUP BY window_start, window_end)%s",
                                name, is_distinct_count ? "DISTINCT " : "",
                                is_distinct_count ? ", or write approx_count_distinct(...)" : "");
    }
    return SL_OK;
}

static sl_code check_call(sli_aggregate *a, const sli_node *call)
{
    const char *name = sli_node_text(call, "function_name");
    const known *k = find_known(name);
    if (is_count_star(call)) {
        return SL_OK;
    }
    if (k == NULL) {
        return sli_query_refuse(
            a->query, call, a->err,
            "the aggregate %.60s can't be kept up over a stream; those that can "
            "are %s",
            name, names);
    }
    SL_TRY(check_memory(a, call, k));
    if (sli_node_count(sli_node_at(call, "order_bys"), "orders") > 0) {
        return sli_query_refuse(
            a->query, call, a->err,
            "%.60s(... ORDER BY ...): rows of a stream are taken in the order in "
            "which they come",
            name);
    }
    int32_t n = sli_node_count(call, "children"), most = k->n_values + k->n_settings;
    return n >= k->n_values && n <= most
               ? SL_OK
               : sli_query_refuse(a->query, call, a->err, "%.60s takes %d argument%s here", name,
                                  most, most == 1 ? "" : "s");
}

// ---------------------------------------------------------------- which there are

int32_t sli_aggregate_find(const sli_aggregate *a, const sli_node *node)
{
    for (int32_t i = 0; i < a->n_calls; i++) {
        if (sli_node_equal(a->calls[i], node)) {
            return i;
        }
    }
    return -1;
}

static bool look_for_call(void *ctx, sli_node *node)
{
    sli_aggregate *a = ctx;
    if (sli_node_is(node, "SUBQUERY")) {
        return false; // over static tables: its aggregates are its own
    }
    if (!sli_node_is(node, "FUNCTION") ||
        !sli_shape_is_aggregate(a->query->shape, sli_node_text(node, "function_name"))) {
        return true;
    }
    if (sli_aggregate_find(a, node) < 0 && a->n_calls < SLI_MAX_CALLS) {
        a->calls[a->n_calls++] = node;
    }
    return false;
}

bool sli_aggregate_has_call(const sli_aggregate *a, const sli_node *node)
{
    sli_aggregate probe = {.query = a->query};
    sli_node_walk(sli_node_own(node), look_for_call, &probe);
    return probe.n_calls > 0;
}

sl_code sli_aggregate_list(sli_aggregate *a)
{
    const sli_node *select = a->query->tree.select;
    sli_node_walk(sli_node_at(select, "select_list"), look_for_call, a);
    sli_node_walk(sli_node_at(select, "having"), look_for_call, a);
    sli_node_walk(sli_node_at(select, "qualify"), look_for_call, a);
    if (a->n_calls == SLI_MAX_CALLS) {
        return sli_query_refuse(a->query, NULL, a->err, "more than %d aggregates",
                                (int)SLI_MAX_CALLS - 1);
    }
    return SL_OK;
}

sl_code sli_aggregate_calls(sli_aggregate *a)
{
    SL_TRY(sli_aggregate_list(a));
    for (int32_t i = 0; i < a->n_calls; i++) {
        SL_TRY(check_call(a, a->calls[i]));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- what they are of

int32_t sli_aggregate_n_values(const sli_node *call)
{
    const known *k = find_known(sli_node_text(call, "function_name"));
    return k != NULL ? k->n_values : sli_node_at(call, "filter") != NULL ? 1 : 0;
}

const char *sli_aggregate_value_name(sli_aggregate *a, int32_t call, int32_t value)
{
    return sli_query_text(a->query, "_%c%d", value == 0 ? 'a' : 'b', call);
}

sli_node *sli_aggregate_value(const sli_node *call, int32_t value)
{
    const sli_node *filter = sli_node_at(call, "filter");
    sli_node *arg =
        is_count_star(call) ? NULL : sli_node_copy(sli_node_item(call, "children", value));
    if (filter == NULL) {
        return arg;
    }
    sli_node *when = sli_node_parse(
        "{'class':'CASE','type':'CASE_EXPR','alias':'','query_location':0,'case_checks':[{"
        "'when_expr':null,'then_expr':{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':'',"
        "'query_location':0,'value':{'type':{'id':'INTEGER','type_info':null},'is_null':false,"
        "'value':1}}}],'else_expr':{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':'',"
        "'query_location':0,'value':{'type':{'id':'NULL','type_info':null},'is_null':true}}}");
    sli_node *check = sli_node_item(when, "case_checks", 0);
    if (check == NULL) {
        json_object_put(arg);
        return NULL;
    }
    sli_node_set(check, "when_expr", sli_node_copy(filter));
    if (arg != NULL) {
        sli_node_set(check, "then_expr", arg);
    }
    return when;
}

/// Those that compute with decimals, exactly.
static bool takes_decimals(const known *k)
{
    static const char *const ours[] = {"sum", "avg", "min", "max", "first", "last"};
    for (size_t i = 0; k != NULL && i < sizeof ours / sizeof ours[0]; i++) {
        if (strcmp(k->ours, ours[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool computes_with(const known *k, const sl_field *field)
{
    switch (field->type) {
    case SL_DECIMAL:
        return takes_decimals(k);
    case SL_UINT64:
    case SL_LIST:
    case SL_STRUCT:
    case SL_OPAQUE:
        return false;
    default:
        return true;
    }
}

sl_code sli_aggregate_types(sli_aggregate *a, const sl_schema *in)
{
    for (int32_t i = 0; i < a->n_calls; i++) {
        const char *name = sli_node_text(a->calls[i], "function_name");
        for (int32_t v = 0; v < sli_aggregate_n_values(a->calls[i]); v++) {
            int32_t c = sl_schema_find(in, sli_aggregate_value_name(a, i, v));
            if (c >= 0 && strcasecmp(name, "count") != 0 &&
                !computes_with(find_known(name), sl_schema_field(in, c))) {
                return sli_query_refuse(a->query, a->calls[i], a->err,
                                        "%.60s of %.80s can't be kept up; CAST its argument to "
                                        "BIGINT, DOUBLE or VARCHAR",
                                        name, sli_field_type(a->query->arena, in, c));
            }
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- as Sluice writes them

static void put_quoted(const char *text, sli_str *out)
{
    sli_str_char(out, '\'');
    for (; *text != '\0'; text++) {
        sli_str_text(out, *text == '\'' ? "'" : "");
        sli_str_char(out, *text);
    }
    sli_str_char(out, '\'');
}

/// A constant as Sluice's aggregations take it. DuckDB has 0.95 as 95 and two digits behind the
/// point.
static bool put_setting(const sli_node *node, sli_str *out)
{
    const sli_node *value = sli_node_at(node, "value"), *type = sli_node_at(value, "type");
    const sli_node *what = sli_node_at(value, "value");
    if (what == NULL) {
        return false;
    }
    if (strcmp(sli_node_text(type, "id"), "DECIMAL") == 0) {
        double scale = 1;
        int32_t n = json_object_get_int(sli_node_at(sli_node_at(type, "type_info"), "scale"));
        for (int32_t i = 0; i < n; i++) {
            scale *= 10;
        }
        sli_str_printf(out, "%.15g", json_object_get_double(what) / scale);
        return true;
    }
    const char *text = json_object_get_string(sli_node_own(what));
    if (json_object_is_type(what, json_type_string)) {
        put_quoted(text, out);
        return true;
    }
    sli_str_text(out, text);
    return json_object_is_type(what, json_type_int) || json_object_is_type(what, json_type_double);
}

static const char *our_name(const sli_node *call)
{
    const known *k = find_known(sli_node_text(call, "function_name"));
    bool counts_distinct = is_distinct(call) && k != NULL && strcmp(k->ours, "count") == 0;
    return k == NULL ? "count" : counts_distinct ? "count_distinct" : k->ours;
}

static sl_code put_call(sli_aggregate *a, int32_t i, sli_str *out)
{
    const sli_node *call = a->calls[i];
    const known *k = find_known(sli_node_text(call, "function_name"));
    int32_t n = sli_aggregate_n_values(call);
    sli_str_printf(out, "%s%s(", i == 0 ? "" : ", ", our_name(call));
    for (int32_t v = 0; v < n; v++) {
        sli_str_printf(out, "%s%s", v == 0 ? "" : ", ", sli_aggregate_value_name(a, i, v));
    }
    for (int32_t s = n; k != NULL && s < sli_node_count(call, "children"); s++) {
        const sli_node *setting = sli_node_item(call, "children", s);
        sli_str_text(out, ", ");
        if (!put_setting(setting, out)) {
            return sli_query_refuse(a->query, setting, a->err, "a constant is expected here");
        }
    }
    if (k != NULL && strcmp(k->ours, "string_agg") == 0 && sli_node_count(call, "children") == 1) {
        sli_str_text(out, ", ','"); // DuckDB's default
    }
    sli_str_printf(out, ") as _r%d", i);
    return SL_OK;
}

sl_code sli_aggregate_put(sli_aggregate *a, sli_str *out)
{
    for (int32_t i = 0; i < a->n_calls; i++) {
        SL_TRY(put_call(a, i, out));
    }
    if (a->n_calls == 0) {
        sli_str_text(out, "count() as _r0"); // GROUP BY without an aggregate: each key once
    }
    return sli_str_check(out, "aggregations", a->err);
}
