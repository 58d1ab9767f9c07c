/// agg.c — plans: the text of a list of aggregations resolved for one input schema; both output
/// schemas.
#include "expr/agg_int.h"

// A plan in the making.
typedef struct planner {
    sli_compiler c;
    sli_agg_plan *plan;
    const sl_agg_fn *const *user; // NULL-ended, or NULL
    sli_str partial, result, text;
} planner;

// ---------------------------------------------------------------- choosing the kind

static bool same_lower(const char *name, const char *lower)
{
    for (; *name != '\0' && *lower != '\0'; name++, lower++) {
        char c = (char)(*name >= 'A' && *name <= 'Z' ? *name + ('a' - 'A') : *name);
        if (c != *lower) {
            return false;
        }
    }
    return *name == *lower;
}

static const sl_agg_fn *find_user(const planner *p, const char *name)
{
    for (int i = 0; p->user != NULL && p->user[i] != NULL; i++) {
        if (same_lower(p->user[i]->name, name)) {
            return p->user[i];
        }
    }
    return NULL;
}

static bool is_built_in(const char *name)
{
    for (const sli_agg_kind *kind = sli_agg_kinds; kind->name != NULL; kind++) {
        if (same_lower(name, kind->name)) {
            return true;
        }
    }
    return false;
}

// The built-in or user's name nearest to a word, or NULL.
static sl_code nearest_name(const planner *p, const char *word, const char **out)
{
    size_t n = 0, size;
    while (sli_agg_kinds[n].name != NULL) {
        n++;
    }
    for (int i = 0; p->user != NULL && p->user[i] != NULL; i++) {
        n++;
    }
    size = (n + 1) * sizeof(char *);
    const char **names = sl_arena_alloc_zero(p->c.arena, size);
    if (names == NULL) {
        return sl_error_nomem(p->c.err, size, "names of aggregations");
    }
    n = 0;
    for (const sli_agg_kind *kind = sli_agg_kinds; kind->name != NULL; kind++) {
        names[n++] = kind->name;
    }
    for (int i = 0; p->user != NULL && p->user[i] != NULL; i++) {
        names[n++] = p->user[i]->name;
    }
    *out = sli_nearest(word, names);
    return SL_OK;
}

static sl_code refuse_name(const planner *p, const sli_node *node)
{
    if (node->kind != SLI_NODE_CALL || !sli_is_name(node->name)) {
        return sli_compile_fail(
            &p->c, node->at,
            "an aggregation is wanted here: count() sum(x) min(x) max(x) avg(x) first(x) last(x) "
            "list(x) set(x) variance(x) stdev(x) approx_count_distinct(x); compute with results in "
            "a projection behind it");
    }
    const char *nearest = NULL;
    SL_TRY(nearest_name(p, node->name, &nearest));
    return sli_compile_fail(
        &p->c, node->at, "there is no aggregation \"%.60s\"%s%s%s", node->name,
        nearest == NULL ? "; there are count sum min max avg first last list set variance stdev "
                          "approx_count_distinct and more: see docs/ref/expressions.md"
                        : "; did you mean \"",
        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

static bool takes_one(char letter, sl_type type)
{
    sli_kind kind = sli_kind_of(type);
    switch (letter) {
    case 'A':
        return true;
    case 'b':
        return type == SL_BOOL;
    case 'i':
        return type == SL_INT64;
    case 'f':
        return type == SL_FLOAT64;
    case 'r':
        return type == SL_INT64 || type == SL_FLOAT64;
    case 's':
        return type == SL_STRING;
    case 'x':
        return kind == SLI_KIND_TEXT;
    case 'n':
        return kind != SLI_KIND_NONE && kind != SLI_KIND_TEXT;
    case 'v':
        return kind != SLI_KIND_NONE;
    case 'D':
        return type == SL_DECIMAL;
    default:
        return false;
    }
}

static bool takes(const sli_agg_kind *kind, const sli_agg *agg)
{
    const sl_type types[SLI_AGG_ARGS] = {agg->type, agg->by};
    bool fits = strlen(kind->args) == (size_t)agg->n_args;
    for (int32_t k = 0; k < agg->n_args && fits; k++) {
        fits = takes_one(kind->args[k], types[k]);
    }
    return fits;
}

static bool takes_decimals(const char *name)
{
    for (const sli_agg_kind *kind = sli_agg_kinds; kind->name != NULL; kind++) {
        if (strcmp(kind->name, name) == 0 && strcmp(kind->args, "D") == 0) {
            return true;
        }
    }
    return false;
}

// Expressions know no decimals, so only a column can be one.
static bool is_decimal(const planner *p, const sli_node *arg)
{
    int32_t column = arg->kind == SLI_NODE_COLUMN ? sl_schema_find(p->c.in, arg->name) : -1;
    return column >= 0 && sl_schema_field(p->c.in, column)->type == SL_DECIMAL;
}

static sl_code type_decimal(planner *p, sli_node *arg, sli_agg *agg)
{
    SL_TRY(sli_type_column(&p->c, arg->at, arg->name, &arg->column));
    const sl_field *field = sl_schema_field(p->c.in, arg->column);
    arg->type = agg->type = SL_DECIMAL;
    arg->nullable = field->nullable;
    agg->digits = field->precision;
    agg->scale = field->scale;
    return SL_OK;
}

// A value of a built-in one, typed; count takes a column of any type.
static sl_code type_value(planner *p, const sli_node *call, sli_agg *agg)
{
    sli_node *arg = call->args[agg->n_args];
    sl_type *type = agg->n_args == 0 ? &agg->type : &agg->by;
    bool counts = strcmp(call->name, "count") == 0;
    if (counts && arg->kind == SLI_NODE_STAR) {
        return SL_OK;
    }
    agg->args[agg->n_args++] = arg;
    if (counts && arg->kind == SLI_NODE_COLUMN) {
        SL_TRY(sli_type_column(&p->c, arg->at, arg->name, &arg->column));
        return SL_OK; // type 0: only its nulls are loaded
    }
    if (takes_decimals(call->name) && is_decimal(p, arg)) {
        return type_decimal(p, arg, agg);
    }
    SL_TRY(sli_type_node(&p->c, arg));
    if (arg->type == 0) {
        return sli_compile_fail(&p->c, arg->at, "null without a type; write cast(null as int64)");
    }
    *type = arg->type == SL_INT32 ? SL_INT64 : arg->type;
    return SL_OK;
}

static const sli_agg_kind *last_of_name(const char *name)
{
    const sli_agg_kind *found = NULL;
    for (const sli_agg_kind *kind = sli_agg_kinds; kind->name != NULL; kind++) {
        found = strcmp(kind->name, name) == 0 ? kind : found;
    }
    return found; // of those with one name all take as many values and settings, but count()
}

static sl_code check_number(const planner *p, const sli_node *call, const sli_agg_kind *kind)
{
    static const char *const words[] = {"no", "one", "two", "three", "four"};
    int32_t least = (int32_t)strlen(kind->args) + kind->n_settings;
    bool counts = strcmp(call->name, "count") == 0;
    if ((call->n_args >= least && call->n_args <= least + kind->n_optional) ||
        (counts && call->n_args == 0)) {
        return SL_OK;
    }
    if (kind->n_optional > 1) {
        return sli_compile_fail(&p->c, call->at, "%s takes %s arguments or more, at most %d",
                                call->name, words[least], (int)(least + kind->n_optional));
    }
    return sli_compile_fail(&p->c, call->at, "%s takes %s argument%s%s%s", call->name, words[least],
                            least > 1 ? "s" : "", kind->n_optional > 0 ? ", or " : "",
                            kind->n_optional > 0 ? words[least + 1] : "");
}

static sl_code refuse_types(const planner *p, const sli_node *call, const sli_agg *agg)
{
    return sli_compile_fail(&p->c, call->at, "%s can't be taken of %s%s%s", call->name,
                            sli_expr_type_name(agg->type), agg->n_args > 1 ? " and " : "",
                            agg->n_args > 1 ? sli_expr_type_name(agg->by) : "");
}

static sl_code choose_kind(planner *p, const sli_node *call, sli_agg *agg)
{
    const sli_agg_kind *named = last_of_name(call->name);
    SL_TRY(check_number(p, call, named));
    int32_t n_values = call->n_args > 0 ? (int32_t)strlen(named->args) : 0;
    for (int32_t k = 0; k < n_values; k++) {
        SL_TRY(type_value(p, call, agg));
    }
    for (const sli_agg_kind *kind = sli_agg_kinds; kind->name != NULL; kind++) {
        if (strcmp(kind->name, call->name) == 0 && takes(kind, agg)) {
            agg->kind = kind;
            agg->state_bytes = kind->state_bytes;
            return kind->configure == NULL ? SL_OK
                                           : kind->configure(&p->c, call->args + n_values,
                                                             call->n_args - n_values, agg);
        }
    }
    return refuse_types(p, call, agg);
}

// ---------------------------------------------------------------- names and schemas

// "sum_v", "corr_x_y": of the columns that it takes; settings are not in it.
static sl_code default_name(planner *p, const sli_item *item, const char **out)
{
    const sli_node *call = item->node;
    if (item->name != NULL) {
        *out = item->name;
        return SL_OK;
    }
    if (call->n_args == 0 || call->args[0]->kind == SLI_NODE_STAR) {
        *out = call->name;
        return SL_OK;
    }
    const sli_agg_kind *kind = last_of_name(call->name);
    int32_t n = kind == NULL ? call->n_args : (int32_t)strlen(kind->args);
    n = n < call->n_args ? n : call->n_args; // a wrong number is told later
    bool columns = n <= (kind == NULL ? 1 : SLI_AGG_ARGS);
    for (int32_t k = 0; k < n && columns; k++) {
        columns = call->args[k]->kind == SLI_NODE_COLUMN;
    }
    if (!columns) {
        return sli_compile_fail(&p->c, item->at,
                                "this aggregation needs a name: write `... as name`");
    }
    *out = sl_arena_printf(p->c.arena, "%s_%s%s%s", call->name, call->args[0]->name,
                           n > 1 ? "_" : "", n > 1 ? call->args[1]->name : "");
    return *out == NULL ? sl_error_nomem(p->c.err, 0, "name of an aggregation") : SL_OK;
}

// "a int64?, a.rows int64" for the letters "Nii"; returns the number of columns.
static int32_t put_columns(sli_str *out, const sli_agg *agg, const char *letters,
                           const char *suffixes)
{
    int32_t n = 0;
    for (; *letters != '\0'; letters++, n++) {
        bool nullable = *letters == 'N';
        letters += nullable;
        const char *type = *letters == 'b'                      ? "bool"
                           : *letters == 'i'                    ? "int64"
                           : *letters == 'f' || *letters == 'F' ? "float64"
                           : *letters == 'y'                    ? "binary"
                           : *letters == 'U'                    ? sli_expr_type_name(agg->by)
                                                                : sli_expr_type_name(agg->type);
        sli_str_text(out, out->size == 0 ? "" : ", ");
        sli_str_text(out, agg->name);
        if (n > 0) { // the n-th of the suffixes, which blanks part
            size_t size = strcspn(suffixes, " ");
            sli_str_add(out, suffixes, size);
            suffixes += size + (suffixes[size] == ' ');
        }
        bool list = *letters == 'L' || *letters == 'F', counted = *letters == 'P';
        sli_str_text(out, list ? " list<" : counted ? " list<struct<value " : " ");
        sli_str_text(out, type);
        if (*letters == 'D' || (*letters == 'T' && agg->type == SL_DECIMAL)) {
            sli_str_printf(out, "(%d,%d)", *letters == 'D' ? 38 : agg->digits, agg->scale);
        }
        sli_str_text(out, list ? ">" : counted ? ", count int64, error int64>>" : "");
        sli_str_text(out, nullable ? "?" : "");
    }
    return n;
}

static void describe(planner *p, sli_agg *agg, const sli_node *call)
{
    sli_str *text = &p->text;
    agg->partial_column = p->plan->n_partial;
    sli_str_text(text, text->size == 0 ? "" : ", ");
    sli_str_text(text, call->name);
    if (agg->user != NULL) {
        const sl_agg_fn *fn = agg->user;
        sli_str_text(&p->partial, p->partial.size == 0 ? "" : ", ");
        sli_str_text(&p->result, p->result.size == 0 ? "" : ", ");
        sli_str_printf(&p->partial, "%s binary", agg->name);
        sli_str_printf(&p->result, "%s %s", agg->name, fn->out);
        agg->n_partial = 1;
        // All of a function that can change a result enters the graph's hash.
        sli_str_printf(text, "{version=%u in=%s out=%s state=%zu}", fn->version, fn->in, fn->out,
                       fn->state_bytes);
    } else {
        agg->n_partial = put_columns(&p->partial, agg, agg->kind->partial, agg->kind->suffix);
        (void)put_columns(&p->result, agg, agg->kind->result, "");
    }
    p->plan->n_partial += agg->n_partial;
    sli_str_char(text, '(');
    for (int32_t i = 0; i < call->n_args && (agg->user != NULL || agg->n_args > 0); i++) {
        sli_str_text(text, i > 0 ? ", " : "");
        sli_node_print(call->args[i], text);
    }
    sli_str_text(text, ") as ");
    sli_name_print(agg->name, text);
}

static sl_code plan_item(planner *p, const sli_item *item, sli_agg *agg)
{
    const sli_node *call = item->node;
    const sl_agg_fn *fn = call->kind == SLI_NODE_CALL ? find_user(p, call->name) : NULL;
    if (call->kind != SLI_NODE_CALL || (fn == NULL && !is_built_in(call->name))) {
        return refuse_name(p, call);
    }
    SL_TRY(default_name(p, item, &agg->name));
    if (fn != NULL) {
        SL_TRY(sli_agg_user_plan(&p->c, call, fn, agg));
    } else {
        SL_TRY(choose_kind(p, call, agg));
    }
    bool invertible = fn != NULL ? fn->inverse != NULL : agg->kind->invertible;
    p->plan->invertible = p->plan->invertible && invertible;
    describe(p, agg, call);
    return SL_OK;
}

// ---------------------------------------------------------------- plans

static sl_code check_users(const planner *p)
{
    for (int i = 0; p->user != NULL && p->user[i] != NULL; i++) {
        SL_TRY(sli_agg_user_check(p->user[i], p->c.err));
        if (is_built_in(p->user[i]->name)) {
            return sl_error_set(p->c.err, SL_E_INVALID,
                                "a user's aggregation has the name of a built-in one: %s",
                                p->user[i]->name);
        }
    }
    return SL_OK;
}

static sl_code put_keys(planner *p, const int32_t *keys, int32_t n_keys)
{
    if (n_keys < 0 || n_keys > SLI_EXPR_MAX_KEYS) {
        return sl_error_set(p->c.err, SL_E_INVALID, "%d key columns; there may be 0 to %d",
                            (int)n_keys, SLI_EXPR_MAX_KEYS);
    }
    for (int32_t i = 0; i < n_keys; i++) {
        sli_str_text(&p->partial, i > 0 ? ", " : "");
        sli_str_text(&p->partial, sl_schema_field(p->c.in, keys[i])->name);
        sli_str_char(&p->partial, ' ');
        sli_schema_put_type(&p->partial, p->c.in, keys[i]);
    }
    if (n_keys > 0) {
        sli_str_add(&p->result, p->partial.data, p->partial.size);
    }
    p->plan->n_keys = p->plan->n_partial = n_keys;
    return SL_OK;
}

static sl_code plan_items(planner *p)
{
    sli_item *items = NULL;
    int32_t n = 0;
    sl_error *err = p->c.err;
    SL_TRY(sli_compile_begin(&p->c));
    SL_TRY(sli_parse_items(&p->c, &items, &n));
    if (n > SLI_AGG_MAX) {
        return sli_compile_fail(&p->c, items[SLI_AGG_MAX].at, "more than %d aggregations",
                                SLI_AGG_MAX);
    }
    p->plan->aggs = sl_arena_alloc_zero(p->c.arena, (size_t)n * sizeof *p->plan->aggs);
    if (p->plan->aggs == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *p->plan->aggs, "aggregations");
    }
    for (int32_t i = 0; i < n; i++) {
        p->plan->aggs[i].result_column = p->plan->n_keys + i;
        p->plan->n_aggs = i + 1; // what is half made is freed with the plan
        SL_TRY(plan_item(p, &items[i], &p->plan->aggs[i]));
    }
    SL_TRY(sli_str_check(&p->partial, "schema of aggregations", err));
    SL_TRY(sli_str_check(&p->result, "schema of aggregations", err));
    SL_TRY(sli_str_check(&p->text, "text of aggregations", err));
    SL_TRY(sl_schema_parse(&p->plan->result, p->result.data,
                           err)); // finds equal names and a user's wrong type
    SL_TRY(sl_schema_parse(&p->plan->partial, p->partial.data, err));
    if (sl_schema_columns(p->plan->result) != p->plan->n_keys + n) {
        return sl_error_set(err, SL_E_INVALID,
                            "a user's aggregation must have one result column: %.200s",
                            sl_schema_text(p->plan->result));
    }
    p->plan->text = sli_str_take(&p->text);
    return SL_OK;
}

sl_code sli_agg_plan_new(sli_agg_plan **out, const char *text, const sl_schema *in,
                         const int32_t *keys, int32_t n_keys, const sl_agg_fn *const *user,
                         sl_error *err)
{
    planner p = {.c = {.text = text, .in = in, .err = err}, .user = user};
    p.partial.tag = p.result.tag = p.text.tag = SLI_TAG_EXPR;
    p.plan = sl_alloc_zero(SLI_TAG_EXPR, sizeof *p.plan);
    if (p.plan == NULL) {
        return sl_error_nomem(err, sizeof *p.plan, "aggregations");
    }
    p.plan->invertible = true;
    p.plan->arena = p.c.arena = sl_arena_new(SLI_TAG_EXPR);
    sl_code rc = p.c.arena == NULL ? sl_error_nomem(err, 0, "aggregations") : check_users(&p);
    rc = rc != SL_OK ? rc : put_keys(&p, keys, n_keys);
    rc = rc != SL_OK ? rc : plan_items(&p);
    sli_str_reset(&p.partial);
    sli_str_reset(&p.result);
    sli_str_reset(&p.text);
    if (rc != SL_OK) {
        sli_agg_plan_free(p.plan);
        return rc;
    }
    *out = p.plan;
    return SL_OK;
}

void sli_agg_plan_free(sli_agg_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (int32_t i = 0; i < plan->n_aggs; i++) {
        sli_projection_free(plan->aggs[i].user_args);
    }
    sl_schema_unref(plan->partial);
    sl_schema_unref(plan->result);
    sl_free(plan->text);
    sl_arena_free(plan->arena);
    sl_free(plan);
}

const sl_schema *sli_agg_plan_partial(const sli_agg_plan *plan)
{
    return plan->partial;
}

const sl_schema *sli_agg_plan_result(const sli_agg_plan *plan)
{
    return plan->result;
}

const char *sli_agg_plan_text(const sli_agg_plan *plan)
{
    return plan->text;
}

bool sli_agg_plan_invertible(const sli_agg_plan *plan)
{
    return plan->invertible;
}

static bool is_any_order(const sli_agg *agg)
{
    static const char *const names[] = {"count",
                                        "sum",
                                        "avg",
                                        "min",
                                        "max",
                                        "variance",
                                        "var_pop",
                                        "var_samp",
                                        "stdev",
                                        "stddev_pop",
                                        "count_if",
                                        "bool_and",
                                        "every",
                                        "bool_or",
                                        "any",
                                        "bit_and",
                                        "bit_or",
                                        "bit_xor",
                                        "product",
                                        "covar_pop",
                                        "covar_samp",
                                        "corr",
                                        "stddev_samp",
                                        "count_distinct",
                                        "approx_count_distinct"};
    bool found = false;
    for (size_t i = 0; agg->user == NULL && i < sizeof names / sizeof *names && !found; i++) {
        found = strcmp(agg->kind->name, names[i]) == 0;
    }
    return found;
}

bool sli_agg_plan_any_order(const sli_agg_plan *plan)
{
    bool any = true;
    for (int32_t i = 0; i < plan->n_aggs && any; i++) {
        any = is_any_order(&plan->aggs[i]);
    }
    return any;
}
