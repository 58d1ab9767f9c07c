/// parse.c — tokens to a tree, by recursive descent; the grammar is in the README.
///
/// Guarantees: depth and number of nodes are bounded, whatever the text; a node's names are still
/// unresolved.
#include "expr/expr_int.h"

// Nodes of an argument list in the making.
typedef struct nodes {
    sli_node **items;
    int32_t n, capacity;
} nodes;

static sl_code nodes_add(sli_compiler *c, nodes *list, sli_node *node)
{
    if (list->n == list->capacity) {
        int32_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
        sli_node **items = sl_arena_alloc(c->arena, (size_t)capacity * sizeof *items);
        if (items == NULL) {
            return sl_error_nomem(c->err, (size_t)capacity * sizeof *items, "expression");
        }
        if (list->n > 0) {
            memcpy(items, list->items, (size_t)list->n * sizeof *items);
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = node;
    return SL_OK;
}

sl_code sli_node_new(sli_compiler *c, sli_node_kind kind, int32_t at, sli_node **out)
{
    if (++c->n_nodes > SLI_EXPR_MAX_NODES) {
        return sli_compile_fail(c, at, "more than %d parts", SLI_EXPR_MAX_NODES);
    }
    sli_node *node = sl_arena_alloc_zero(c->arena, sizeof *node);
    if (node == NULL) {
        return sl_error_nomem(c->err, sizeof *node, "expression");
    }
    node->kind = kind;
    node->at = at;
    *out = node;
    return SL_OK;
}

// Trees are walked by recursion, so their depth is bounded here, where every inner node is made.
static sl_code new_call(sli_compiler *c, const char *name, int32_t at, const nodes *args,
                        sli_node **out)
{
    int32_t depth = 0;
    for (int32_t i = 0; i < args->n; i++) {
        depth = args->items[i]->depth > depth ? args->items[i]->depth : depth;
    }
    if (depth + 1 > SLI_EXPR_MAX_DEPTH) {
        return sli_compile_fail(c, at,
                                "operators nested more than %d deep; group them with brackets",
                                SLI_EXPR_MAX_DEPTH);
    }
    SL_TRY(sli_node_new(c, SLI_NODE_CALL, at, out));
    (*out)->depth = depth + 1;
    (*out)->name = name;
    (*out)->args = args->items;
    (*out)->n_args = args->n;
    return SL_OK;
}

static sl_code new_call2(sli_compiler *c, const char *name, int32_t at, sli_node *a, sli_node *b,
                         sli_node **out)
{
    nodes args = {0};
    SL_TRY(nodes_add(c, &args, a));
    if (b != NULL) {
        SL_TRY(nodes_add(c, &args, b));
    }
    return new_call(c, name, at, &args, out);
}

static sl_code expected(const sli_compiler *c, const char *what)
{
    if (c->token.kind == SLI_TOKEN_END) {
        return sli_compile_fail(c, c->token.at, "expected %s, found the end", what);
    }
    int size = (int)(c->token.text.size < 40 ? c->token.text.size : 40);
    return sli_compile_fail(c, c->token.at, "expected %s, found `%.*s`", what, size,
                            c->token.text.data);
}

static sl_code expect_symbol(sli_compiler *c, const char *symbol, const char *what)
{
    return sli_token_is(c, symbol) ? sli_token_next(c) : expected(c, what);
}

static sl_code expect_word(sli_compiler *c, const char *word, const char *what)
{
    return sli_token_is_word(c, word) ? sli_token_next(c) : expected(c, what);
}

// Takes the next token when it is this keyword.
static sl_code accept_word(sli_compiler *c, const char *word, bool *taken)
{
    *taken = sli_token_is_word(c, word);
    return *taken ? sli_token_next(c) : SL_OK;
}

// ---------------------------------------------------------------- names and literals

// The token's text without its quotes; a doubled quote becomes one. Zero-ended.
static sl_code unquote(sli_compiler *c, sl_text *out)
{
    sl_text raw = c->token.text;
    char *text = sl_arena_alloc(c->arena, raw.size + 1);
    if (text == NULL) {
        return sl_error_nomem(c->err, raw.size + 1, "expression");
    }
    size_t n = 0;
    bool quoted = *raw.data == '\'' || *raw.data == '"';
    for (size_t i = quoted ? 1 : 0; i < raw.size - (quoted ? 1 : 0); i++) {
        text[n++] = raw.data[i];
        i += quoted && raw.data[i] == *raw.data;
    }
    text[n] = '\0';
    *out = (sl_text){text, n};
    return SL_OK;
}

// A name at the next token, taken; keywords only in quotes.
static sl_code parse_name(sli_compiler *c, const char *what, const char **out)
{
    bool quoted = c->token.kind == SLI_TOKEN_QUOTED;
    if (!quoted && (c->token.kind != SLI_TOKEN_NAME || sli_is_keyword(c->token.text))) {
        return expected(c, what);
    }
    sl_text name;
    SL_TRY(unquote(c, &name));
    if (!sli_is_name(name.data)) {
        return sli_compile_fail(c, c->token.at,
                                "\"%.60s\" can't be a column's name ([A-Za-z_][A-Za-z0-9_.]*)",
                                name.data);
    }
    *out = name.data;
    return sli_token_next(c);
}

// `1.` and `.5` are SQL's but not the scanner's: zeroes make them whole.
static sl_code finish_float(sli_compiler *c, sl_text number, sli_node **out)
{
    char whole[70];
    size_t n = 0;
    for (size_t i = 0; i < number.size; i++) {
        bool before = i > 0 && number.data[i - 1] >= '0' && number.data[i - 1] <= '9';
        bool after = i + 1 < number.size && number.data[i + 1] >= '0' && number.data[i + 1] <= '9';
        if (number.data[i] == '.' && !before) {
            whole[n++] = '0';
        }
        whole[n++] = number.data[i];
        if (number.data[i] == '.' && !after) {
            whole[n++] = '0';
        }
    }
    (*out)->type = SL_FLOAT64;
    double *value = &(*out)->literal.f;
    if (sli_scan_float64((sl_text){whole, n}, value, NULL) != SL_OK || *value - *value != 0) {
        return sli_compile_fail(c, c->token.at, "a number that float64 can't hold");
    }
    return sli_token_next(c);
}

static sl_code parse_number(sli_compiler *c, bool negative, sli_node **out)
{
    char digits[64];
    sl_text text = c->token.text;
    if (text.size > sizeof digits - 2) {
        return sli_compile_fail(c, c->token.at, "a number of more than %zu characters",
                                sizeof digits - 2);
    }
    digits[0] = '-';
    memcpy(digits + 1, text.data, text.size);
    sl_text number = {digits + (negative ? 0 : 1), text.size + (negative ? 1 : 0)};
    SL_TRY(sli_node_new(c, SLI_NODE_LITERAL, c->token.at, out));
    if (c->token.kind == SLI_TOKEN_INT) {
        (*out)->type = SL_INT64;
        if (sli_scan_int64(number, &(*out)->literal.i, NULL) != SL_OK) {
            return sli_compile_fail(c, c->token.at, "an integer that int64 can't hold");
        }
        return sli_token_next(c);
    }
    return finish_float(c, number, out);
}

static sl_code parse_text(sli_compiler *c, sli_node **out)
{
    SL_TRY(sli_node_new(c, SLI_NODE_LITERAL, c->token.at, out));
    (*out)->type = SL_STRING;
    SL_TRY(unquote(c, &(*out)->literal.s));
    return sli_token_next(c);
}

// After `date` or `timestamp`, at the text.
static sl_code parse_time(sli_compiler *c, sl_type type, sli_node **out)
{
    int32_t at = c->token.at;
    SL_TRY(parse_text(c, out));
    sl_text text = (*out)->literal.s;
    (*out)->type = type;
    bool right = type == SL_DATE ? sli_scan_date(text, &(*out)->literal.i)
                                 : sli_scan_timestamp(text, &(*out)->literal.i);
    if (!right) {
        return sli_compile_fail(c, at,
                                type == SL_DATE
                                    ? "not a date; write date '2024-02-29'"
                                    : "not a time; write timestamp '2024-02-29 12:30:00'");
    }
    return SL_OK;
}

// ---------------------------------------------------------------- calls, case, cast

// Expressions with commas between, up to ')', which is taken.
static sl_code parse_arguments(sli_compiler *c, nodes *args)
{
    sli_node *arg;
    for (;;) {
        SL_TRY(sli_parse_expr(c, &arg));
        SL_TRY(nodes_add(c, args, arg));
        if (sli_token_is(c, ")")) {
            return sli_token_next(c);
        }
        SL_TRY(expect_symbol(c, ",", "`,` or `)`"));
    }
}

static sl_code parse_call(sli_compiler *c, const char *written, int32_t at, sli_node **out)
{
    char *name = sl_arena_strdup(c->arena, written);
    if (name == NULL) {
        return sl_error_nomem(c->err, strlen(written), "expression");
    }
    for (char *p = name; *p != '\0'; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    }
    SL_TRY(sli_token_next(c)); // the bracket
    nodes args = {0};
    if (sli_token_is(c, "*")) {
        sli_node *star;
        SL_TRY(sli_node_new(c, SLI_NODE_STAR, c->token.at, &star));
        SL_TRY(nodes_add(c, &args, star));
        SL_TRY(sli_token_next(c));
        SL_TRY(expect_symbol(c, ")", "`)`"));
    } else if (sli_token_is(c, ")")) {
        SL_TRY(sli_token_next(c));
    } else {
        SL_TRY(parse_arguments(c, &args));
    }
    return new_call(c, name, at, &args, out);
}

// when, then, when, then, ..., and else when there is one: an odd number of arguments.
static sl_code parse_case(sli_compiler *c, int32_t at, sli_node **out)
{
    nodes args = {0};
    sli_node *part;
    bool more;
    if (!sli_token_is_word(c, "when")) {
        return expected(c, "`when` (write: case when condition then value ... else value end)");
    }
    SL_TRY(accept_word(c, "when", &more));
    while (more) {
        SL_TRY(sli_parse_expr(c, &part));
        SL_TRY(nodes_add(c, &args, part));
        SL_TRY(expect_word(c, "then", "`then`"));
        SL_TRY(sli_parse_expr(c, &part));
        SL_TRY(nodes_add(c, &args, part));
        SL_TRY(accept_word(c, "when", &more));
    }
    SL_TRY(accept_word(c, "else", &more));
    if (more) {
        SL_TRY(sli_parse_expr(c, &part));
        SL_TRY(nodes_add(c, &args, part));
    }
    SL_TRY(expect_word(c, "end", "`when`, `else` or `end`"));
    return new_call(c, "case", at, &args, out);
}

static sl_code parse_cast(sli_compiler *c, int32_t at, sli_node **out)
{
    nodes args = {0};
    sli_node *part;
    SL_TRY(expect_symbol(c, "(", "`(` after cast"));
    SL_TRY(sli_parse_expr(c, &part));
    SL_TRY(nodes_add(c, &args, part));
    SL_TRY(expect_word(c, "as", "`as` and a type"));
    SL_TRY(new_call(c, "cast", at, &args, out));
    (*out)->kind = SLI_NODE_CAST;
    (*out)->type = c->token.kind == SLI_TOKEN_NAME ? sli_expr_type_of(c->token.text) : 0;
    if ((*out)->type == 0) {
        return expected(
            c, "a type that casts know (bool int32 int64 float64 string binary date timestamp)");
    }
    SL_TRY(sli_token_next(c));
    return expect_symbol(c, ")", "`)`");
}

// A word that is not quoted: keyword literals, case, cast, calls, columns.
static sl_code parse_word(sli_compiler *c, sli_node **out)
{
    int32_t at = c->token.at;
    bool is_true = sli_token_is_word(c, "true");
    if (is_true || sli_token_is_word(c, "false") || sli_token_is_word(c, "null")) {
        SL_TRY(sli_node_new(c, SLI_NODE_LITERAL, at, out));
        (*out)->literal.is_null = sli_token_is_word(c, "null");
        (*out)->type = (*out)->literal.is_null ? 0 : SL_BOOL;
        (*out)->literal.i = is_true;
        return sli_token_next(c);
    }
    bool taken;
    SL_TRY(accept_word(c, "case", &taken));
    if (taken) {
        return parse_case(c, at, out);
    }
    SL_TRY(accept_word(c, "cast", &taken));
    if (taken) {
        return parse_cast(c, at, out);
    }
    sl_type time = sli_token_is_word(c, "date")        ? SL_DATE
                   : sli_token_is_word(c, "timestamp") ? SL_TIMESTAMP
                                                       : 0;
    const char *name;
    SL_TRY(parse_name(c, "a value", &name));
    if (time != 0 && c->token.kind == SLI_TOKEN_TEXT) {
        return parse_time(c, time, out);
    }
    if (sli_token_is(c, "(")) {
        return parse_call(c, name, at, out);
    }
    SL_TRY(sli_node_new(c, SLI_NODE_COLUMN, at, out));
    (*out)->name = name;
    return SL_OK;
}

// ---------------------------------------------------------------- operators, tightest first

static sl_code parse_primary(sli_compiler *c, sli_node **out)
{
    int32_t at = c->token.at;
    switch (c->token.kind) {
    case SLI_TOKEN_INT:
    case SLI_TOKEN_FLOAT:
        return parse_number(c, false, out);
    case SLI_TOKEN_TEXT:
        return parse_text(c, out);
    case SLI_TOKEN_NAME:
        return parse_word(c, out);
    case SLI_TOKEN_QUOTED: {
        const char *name;
        SL_TRY(parse_name(c, "a value", &name));
        SL_TRY(sli_node_new(c, SLI_NODE_COLUMN, at, out));
        (*out)->name = name;
        return SL_OK;
    }
    default:
        break;
    }
    if (sli_token_is(c, "(")) {
        SL_TRY(sli_token_next(c));
        SL_TRY(sli_parse_expr(c, out));
        return expect_symbol(c, ")", "`)` or an operator");
    }
    return expected(c, "a value");
}

static sl_code parse_unary(sli_compiler *c, sli_node **out)
{
    int32_t at = c->token.at;
    int32_t minuses = 0;
    bool negative = false;
    while (sli_token_is(c, "-") || sli_token_is(c, "+")) {
        if (sli_token_is(c, "-")) {
            minuses++;
            negative = !negative;
        }
        SL_TRY(sli_token_next(c));
    }
    if (negative && (c->token.kind == SLI_TOKEN_INT || c->token.kind == SLI_TOKEN_FLOAT)) {
        return parse_number(c, true, out); // so that the smallest int64 can be written
    }
    SL_TRY(parse_primary(c, out));
    // An even number of minuses is no operator but still wants a number: it stays two.
    for (int32_t i = 0; i < (minuses == 0 ? 0 : negative ? 1 : 2); i++) {
        SL_TRY(new_call2(c, "-", at, *out, NULL, out));
    }
    return SL_OK;
}

// The symbol of the list that comes next, or NULL.
static const char *symbol_of(const sli_compiler *c, const char *const *symbols)
{
    for (int i = 0; symbols[i] != NULL; i++) {
        if (sli_token_is(c, symbols[i])) {
            return symbols[i];
        }
    }
    return NULL;
}

typedef sl_code (*parse_fn)(sli_compiler *c, sli_node **out);

// part { symbol part }, from left to right.
static sl_code parse_chain(sli_compiler *c, const char *const *symbols, parse_fn part,
                           sli_node **out)
{
    SL_TRY(part(c, out));
    for (const char *symbol = symbol_of(c, symbols); symbol != NULL;
         symbol = symbol_of(c, symbols)) {
        int32_t at = c->token.at;
        sli_node *right;
        SL_TRY(sli_token_next(c));
        SL_TRY(part(c, &right));
        SL_TRY(new_call2(c, symbol, at, *out, right, out));
    }
    return SL_OK;
}

static sl_code parse_term(sli_compiler *c, sli_node **out)
{
    static const char *const symbols[] = {"*", "/", "%", NULL};
    return parse_chain(c, symbols, parse_unary, out);
}

static sl_code parse_sum(sli_compiler *c, sli_node **out)
{
    static const char *const symbols[] = {"+", "-", "||", NULL};
    return parse_chain(c, symbols, parse_term, out);
}

static sl_code parse_in(sli_compiler *c, int32_t at, sli_node **out)
{
    nodes args = {0};
    SL_TRY(nodes_add(c, &args, *out));
    SL_TRY(expect_symbol(c, "(", "`(` and a list of values after `in`"));
    SL_TRY(parse_arguments(c, &args));
    return new_call(c, "in", at, &args, out);
}

static sl_code parse_between(sli_compiler *c, int32_t at, sli_node **out)
{
    nodes args = {0};
    sli_node *part;
    SL_TRY(nodes_add(c, &args, *out));
    SL_TRY(parse_sum(c, &part));
    SL_TRY(nodes_add(c, &args, part));
    SL_TRY(expect_word(c, "and", "`and` of `between ... and ...`"));
    SL_TRY(parse_sum(c, &part));
    SL_TRY(nodes_add(c, &args, part));
    return new_call(c, "between", at, &args, out);
}

// `is [not] null`, after `is`.
static sl_code parse_is(sli_compiler *c, int32_t at, sli_node **out)
{
    bool negated;
    SL_TRY(accept_word(c, "not", &negated));
    SL_TRY(expect_word(c, "null", negated ? "`null`" : "`null` or `not null`"));
    SL_TRY(new_call2(c, "is null", at, *out, NULL, out));
    return negated ? new_call2(c, "not", at, *out, NULL, out) : SL_OK;
}

// What can follow a sum once: a comparison, in, like, between, or nothing.
static sl_code parse_test(sli_compiler *c, sli_node **out)
{
    static const char *const symbols[] = {"=", "==", "!=", "<>", "<", "<=", ">", ">=", NULL};
    int32_t at = c->token.at;
    bool negated = false, taken = false;
    const char *symbol = symbol_of(c, symbols);
    sli_node *right;
    if (symbol != NULL) {
        SL_TRY(sli_token_next(c));
        SL_TRY(parse_sum(c, &right));
        const char *name = strcmp(symbol, "==") == 0   ? "="
                           : strcmp(symbol, "!=") == 0 ? "<>"
                                                       : symbol;
        return new_call2(c, name, at, *out, right, out);
    }
    SL_TRY(accept_word(c, "not", &negated));
    SL_TRY(accept_word(c, "in", &taken));
    if (taken) {
        SL_TRY(parse_in(c, at, out));
    } else if (sli_token_is_word(c, "like")) {
        SL_TRY(sli_token_next(c));
        SL_TRY(parse_sum(c, &right));
        SL_TRY(new_call2(c, "like", at, *out, right, out));
    } else if (sli_token_is_word(c, "between")) {
        SL_TRY(sli_token_next(c));
        SL_TRY(parse_between(c, at, out));
    } else if (negated) {
        return expected(c, "`in`, `like` or `between` after `not`");
    }
    return negated ? new_call2(c, "not", at, *out, NULL, out) : SL_OK;
}

static sl_code parse_predicate(sli_compiler *c, sli_node **out)
{
    bool is;
    SL_TRY(parse_sum(c, out));
    int32_t at = c->token.at;
    SL_TRY(parse_test(c, out));
    SL_TRY(accept_word(c, "is", &is));
    return is ? parse_is(c, at, out) : SL_OK;
}

static sl_code parse_not(sli_compiler *c, sli_node **out)
{
    int32_t at = c->token.at, n = 0;
    while (sli_token_is_word(c, "not")) {
        SL_TRY(sli_token_next(c));
        n++;
    }
    SL_TRY(parse_predicate(c, out));
    for (; n > 0; n--) {
        SL_TRY(new_call2(c, "not", at, *out, NULL, out));
    }
    return SL_OK;
}

// part { word part } as one node of many arguments: long chains of conditions are common and need
// not be deep.
static sl_code parse_flat(sli_compiler *c, const char *word, parse_fn part, sli_node **out)
{
    int32_t at = c->token.at;
    bool more;
    SL_TRY(part(c, out));
    if (!sli_token_is_word(c, word)) {
        return SL_OK;
    }
    nodes args = {0};
    SL_TRY(nodes_add(c, &args, *out));
    SL_TRY(accept_word(c, word, &more));
    while (more) {
        SL_TRY(part(c, out));
        SL_TRY(nodes_add(c, &args, *out));
        SL_TRY(accept_word(c, word, &more));
    }
    return new_call(c, word, at, &args, out);
}

static sl_code parse_and(sli_compiler *c, sli_node **out)
{
    return parse_flat(c, "and", parse_not, out);
}

sl_code sli_parse_expr(sli_compiler *c, sli_node **out)
{
    if (++c->depth > SLI_EXPR_MAX_DEPTH) {
        return sli_compile_fail(c, c->token.at, "nested more than %d deep", SLI_EXPR_MAX_DEPTH);
    }
    SL_TRY(parse_flat(c, "or", parse_and, out));
    c->depth--;
    return SL_OK;
}

// ---------------------------------------------------------------- lists

static sl_code parse_item(sli_compiler *c, sli_item *item)
{
    *item = (sli_item){.at = c->token.at};
    if (sli_token_is(c, "*")) {
        SL_TRY(sli_node_new(c, SLI_NODE_STAR, c->token.at, &item->node));
        return sli_token_next(c);
    }
    SL_TRY(sli_parse_expr(c, &item->node));
    bool named;
    SL_TRY(accept_word(c, "as", &named));
    if (named || c->token.kind == SLI_TOKEN_NAME || c->token.kind == SLI_TOKEN_QUOTED) {
        return parse_name(c, named ? "a name after `as`" : "an operator, `,` or the end",
                          &item->name);
    }
    return SL_OK;
}

sl_code sli_parse_items(sli_compiler *c, sli_item **items, int32_t *n)
{
    int32_t count = 0, capacity = 0;
    sli_item *list = NULL;
    for (;;) {
        if (count == capacity) {
            capacity = capacity == 0 ? 8 : 2 * capacity;
            sli_item *grown = sl_arena_alloc(c->arena, (size_t)capacity * sizeof *grown);
            if (grown == NULL) {
                return sl_error_nomem(c->err, (size_t)capacity * sizeof *grown, "expression");
            }
            if (count > 0) {
                memcpy(grown, list, (size_t)count * sizeof *grown);
            }
            list = grown;
        }
        SL_TRY(parse_item(c, &list[count]));
        count++;
        if (c->token.kind == SLI_TOKEN_END) {
            break;
        }
        SL_TRY(expect_symbol(c, ",", "an operator, `,` or the end"));
    }
    *items = list;
    *n = count;
    return SL_OK;
}
