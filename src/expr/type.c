/// type.c — gives every node of a tree its type: finds columns, chooses functions, puts casts where
/// they lose nothing.
///
/// Implicit casts: integers to float64, date to timestamp, string to binary, `null` to anything.
/// All others are an error that names the cast to write. Errors name the nearest column or
/// function.
#include "expr/expr_int.h"

enum { REFUSED = 1 << 20 }; // more casts than an expression has nodes

sl_code sli_type_column(const sli_compiler *c, int32_t at, const char *name, int32_t *out)
{
    int32_t column = sl_schema_find(c->in, name);
    if (column >= 0) {
        *out = column;
        return SL_OK;
    }
    int32_t n = sl_schema_columns(c->in);
    const char **names = sl_arena_alloc(c->arena, ((size_t)n + 1) * sizeof *names);
    if (names == NULL) {
        return sl_error_nomem(c->err, (size_t)n * sizeof *names, "names of columns");
    }
    for (int32_t i = 0; i < n; i++) {
        names[i] = sl_schema_field(c->in, i)->name;
    }
    names[n] = NULL;
    const char *nearest = sli_nearest(name, names);
    if (nearest != NULL) {
        return sli_compile_fail(c, at, "there is no column \"%.60s\"; did you mean \"%.60s\"?",
                                name, nearest);
    }
    return sli_compile_fail(c, at, "there is no column \"%.60s\"; the columns are: %.120s", name,
                            sl_schema_text(c->in));
}

// ---------------------------------------------------------------- casts

// Number of casts that make `from` a `to` (0 or 1), or REFUSED.
static int32_t cost_of(sl_type from, sl_type to)
{
    bool same = from == to || from == 0 || (from == SL_INT32 && to == SL_INT64);
    bool widens = ((from == SL_INT32 || from == SL_INT64) && to == SL_FLOAT64) ||
                  (from == SL_DATE && to == SL_TIMESTAMP) || (from == SL_STRING && to == SL_BINARY);
    return same ? 0 : widens ? 1 : REFUSED;
}

sl_code sli_type_coerce(sli_compiler *c, sli_node **node, sl_type type, const char *what)
{
    sli_node *old = *node;
    if (old->type == type) {
        return SL_OK;
    }
    if (cost_of(old->type, type) == REFUSED) {
        return sli_compile_fail(
            c, old->at, "%s must be %s, this is %s; write cast(... as %s) if that is meant", what,
            sli_expr_type_name(type), sli_expr_type_name(old->type), sli_expr_type_name(type));
    }
    sli_node *cast;
    SL_TRY(sli_node_new(c, SLI_NODE_CAST, old->at, &cast));
    sli_node **args = sl_arena_alloc(c->arena, sizeof *args);
    if (args == NULL) {
        return sl_error_nomem(c->err, sizeof *args, "expression");
    }
    args[0] = old;
    cast->args = args;
    cast->n_args = 1;
    cast->type = type;
    cast->nullable = old->nullable;
    cast->depth = old->depth; // it computes nothing deep of its own
    *node = cast;
    return SL_OK;
}

// The type that both can become without loss, or 0 with *fits false.
static sl_type common_of(sl_type a, sl_type b, bool *fits)
{
    a = a == SL_INT32 ? SL_INT64 : a;
    b = b == SL_INT32 ? SL_INT64 : b;
    *fits = true;
    if (cost_of(a, b) != REFUSED) {
        return b;
    }
    if (cost_of(b, a) != REFUSED) {
        return a;
    }
    *fits = false;
    return 0;
}

// ---------------------------------------------------------------- choosing a function

// The letter for argument i of a pattern, or 0 when it takes fewer.
static char letter_of(const char *pattern, int32_t i)
{
    size_t size = strlen(pattern);
    bool repeats = size > 0 && pattern[size - 1] == '*';
    size_t plain = repeats ? size - 1 : size;
    if ((size_t)i < plain) {
        return pattern[i];
    }
    return (char)(repeats ? pattern[plain - 1] : '\0');
}

static bool takes(const char *pattern, int32_t n)
{
    size_t size = strlen(pattern);
    return size > 0 && pattern[size - 1] == '*' ? (size_t)n + 1 >= size : (size_t)n == size;
}

static sl_type type_of_letter(char letter)
{
    switch (letter) {
    case 'b':
        return SL_BOOL;
    case 'i':
        return SL_INT64;
    case 'f':
        return SL_FLOAT64;
    case 's':
        return SL_STRING;
    case 'y':
        return SL_BINARY;
    case 'd':
        return SL_DATE;
    case 't':
        return SL_TIMESTAMP;
    default:
        return 0;
    }
}

// The type an argument is brought to: 0 for "as it is".
static sl_type target_of(char letter, sl_type given, sl_type common)
{
    if (letter == 'T') {
        return common;
    }
    if (letter == 'x') {
        return given == SL_BINARY ? SL_BINARY : SL_STRING;
    }
    return type_of_letter(letter);
}

// Casts needed to call `f` with these arguments, REFUSED or more when it can't be; *common is the
// type of its T's.
static int32_t cost_of_call(const sli_function *f, const sli_node *call, sl_type *common)
{
    bool fits = takes(f->args, call->n_args);
    int32_t cost = fits ? 0 : REFUSED;
    *common = 0;
    for (int32_t i = 0; i < call->n_args && fits; i++) {
        if (letter_of(f->args, i) == 'T') {
            *common = common_of(*common, call->args[i]->type, &fits);
        }
    }
    for (int32_t i = 0; i < call->n_args && fits && cost < REFUSED; i++) {
        sl_type target = target_of(letter_of(f->args, i), call->args[i]->type, *common);
        cost += target == 0 ? 0 : cost_of(call->args[i]->type, target);
    }
    return fits ? cost : REFUSED;
}

static void describe_call(const sli_node *call, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < call->n_args; i++) {
        const char *name = sli_expr_type_name(call->args[i]->type);
        size_t n = strlen(name);
        if (used + n + 6 > size) { // room for ", ..." and the zero
            memcpy(out + used, ", ...", 6);
            return;
        }
        if (i > 0) {
            memcpy(out + used, ", ", 2);
            used += 2;
        }
        memcpy(out + used, name, n + 1);
        used += n;
    }
}

static sl_code refuse_call(const sli_compiler *c, const sli_node *call)
{
    char given[96];
    describe_call(call, given, sizeof given);
    bool known = false, counts = false;
    for (const sli_function *f = sli_functions; f->name != NULL; f++) {
        known = known || strcmp(f->name, call->name) == 0;
        counts = counts || (strcmp(f->name, call->name) == 0 && takes(f->args, call->n_args));
    }
    if (!known) {
        const char *nearest = sli_function_nearest(call->name);
        return sli_compile_fail(c, call->at, "there is no function \"%.60s\"%s%s%s", call->name,
                                nearest == NULL ? "" : "; did you mean \"",
                                nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
    }
    if (!counts) {
        return sli_compile_fail(c, call->at, "%s can't take %d arguments", call->name,
                                (int)call->n_args);
    }
    return sli_compile_fail(c, call->at,
                            "%s can't be applied to (%s); a cast(... as type) may help", call->name,
                            given);
}

static bool nullable_of(const sli_node *call, sli_nulls rule)
{
    bool some = false, all = call->n_args > 0;
    for (int32_t i = 0; i < call->n_args; i++) {
        some = some || call->args[i]->nullable;
        all = all && call->args[i]->nullable;
    }
    return rule == SLI_NULLS_NEVER ? false : rule == SLI_NULLS_ALL ? all : some;
}

// The unit is read once, here, not for each row.
static sl_code check_literals(const sli_compiler *c, const sli_node *call)
{
    static const char *const units[] = {"microsecond", "millisecond", "second", "minute",
                                        "hour",        "day",         "week",   "month",
                                        "quarter",     "year",        NULL};
    if (strcmp(call->name, "date_trunc") != 0) {
        return SL_OK;
    }
    const sli_node *unit = call->args[0];
    if (unit->kind != SLI_NODE_LITERAL || unit->literal.is_null) {
        return sli_compile_fail(c, unit->at, "the unit of date_trunc must be a text in quotes");
    }
    for (int i = 0; units[i] != NULL; i++) {
        if (sli_text_is(unit->literal.s, units[i])) {
            return SL_OK;
        }
    }
    const char *nearest = sli_nearest(unit->literal.s.data, units);
    return sli_compile_fail(c, unit->at, "no unit of time: '%.40s'%s%s%s", unit->literal.s.data,
                            nearest == NULL ? "" : "; did you mean '",
                            nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

static sl_code type_call(sli_compiler *c, sli_node *call)
{
    const sli_function *best = NULL;
    sl_type best_common = 0, common;
    int32_t best_cost = REFUSED;
    for (const sli_function *f = sli_functions; f->name != NULL; f++) {
        if (strcmp(f->name, call->name) == 0) {
            int32_t cost = cost_of_call(f, call, &common);
            if (cost < best_cost) {
                best = f;
                best_cost = cost;
                best_common = common;
            }
        }
    }
    if (best == NULL) {
        return refuse_call(c, call);
    }
    for (int32_t i = 0; i < call->n_args; i++) {
        char letter = letter_of(best->args, i);
        sl_type target = target_of(letter, call->args[i]->type, best_common);
        if (letter == 'T' && best_common == 0) {
            return sli_compile_fail(
                c, call->at, "no argument of %s has a type; write cast(null as int64)", call->name);
        }
        if (target == 0 && call->args[i]->type == 0 && call->args[i]->kind == SLI_NODE_LITERAL) {
            target = SL_BOOL; // `null is null`: any type will do
        }
        if (target != 0) {
            SL_TRY(sli_type_coerce(c, &call->args[i], target, "the argument"));
        }
    }
    call->function = best;
    call->type = best->result == 'T' ? best_common : type_of_letter(best->result);
    call->nullable = nullable_of(call, best->nulls);
    return check_literals(c, call);
}

static sl_code type_case(sli_compiler *c, sli_node *call)
{
    sl_type common = 0;
    bool has_else = call->n_args % 2 == 1, fits = true;
    call->nullable = !has_else;
    for (int32_t i = 0; i < call->n_args; i++) {
        bool is_when = i % 2 == 0 && i + 1 < call->n_args;
        if (is_when) {
            SL_TRY(sli_type_coerce(c, &call->args[i], SL_BOOL, "a condition"));
            continue;
        }
        common = common_of(common, call->args[i]->type, &fits);
        if (!fits) {
            return sli_compile_fail(
                c, call->args[i]->at,
                "this branch of `case` is %s, an earlier one is of another type",
                sli_expr_type_name(call->args[i]->type));
        }
        call->nullable = call->nullable || call->args[i]->nullable;
    }
    if (common == 0) {
        return sli_compile_fail(c, call->at,
                                "no branch of `case` has a type; write cast(null as int64)");
    }
    for (int32_t i = 0; i < call->n_args; i++) {
        if (i % 2 == 1 || i + 1 == call->n_args) {
            SL_TRY(sli_type_coerce(c, &call->args[i], common, "a branch of `case`"));
        }
    }
    for (call->function = sli_functions; call->function->run != sli_k_case;) {
        call->function++;
    }
    call->type = common;
    return SL_OK;
}

// ---------------------------------------------------------------- nodes

static sl_code type_column(sli_compiler *c, sli_node *node, bool any)
{
    SL_TRY(sli_type_column(c, node->at, node->name, &node->column));
    const sl_field *field = sl_schema_field(c->in, node->column);
    node->type = sli_expr_type_inside(field->type);
    node->nullable = field->nullable;
    if (node->type == 0 && !any) {
        return sl_error_set(
            c->err, SL_E_UNSUPPORTED,
            "\"%.120s\", character %d: column \"%.60s\" is %s, which expressions can only pass "
            "through, count and test for null",
            c->text, (int)node->at + 1, node->name, sli_expr_type_name(field->type));
    }
    return SL_OK;
}

static sl_code type_cast(sli_compiler *c, sli_node *node)
{
    const sli_node *arg = node->args[0];
    node->nullable = arg->nullable;
    if (arg->type != 0 && !sli_cast_exists(arg->type, node->type)) {
        return sli_compile_fail(c, node->at, "there is no cast from %s to %s",
                                sli_expr_type_name(arg->type), sli_expr_type_name(node->type));
    }
    return SL_OK;
}

static sl_code type_any(sli_compiler *c, sli_node *node, bool any)
{
    for (int32_t i = 0; i < node->n_args; i++) {
        SL_TRY(type_any(c, node->args[i],
                        node->kind == SLI_NODE_CALL && strcmp(node->name, "is null") == 0));
    }
    switch (node->kind) {
    case SLI_NODE_LITERAL:
        node->nullable = node->literal.is_null;
        return SL_OK;
    case SLI_NODE_COLUMN:
        return type_column(c, node, any);
    case SLI_NODE_CAST:
        return type_cast(c, node);
    case SLI_NODE_STAR:
        return sli_compile_fail(c, node->at, "`*` stands alone or in count(*)");
    case SLI_NODE_CALL:
        return strcmp(node->name, "case") == 0 ? type_case(c, node) : type_call(c, node);
    }
    return SL_OK;
}

sl_code sli_type_node(sli_compiler *c, sli_node *node)
{
    return type_any(c, node, false);
}
