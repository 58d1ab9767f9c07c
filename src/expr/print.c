/// print.c — trees back to text: one form for each tree, so that the graph's hash doesn't see
/// blanks and brackets.
///
/// Guarantees: the text parses to an equal tree. Casts that typing put in are not shown.
#include "expr/expr_int.h"

void sli_name_print(const char *name, sli_str *out)
{
    bool quoted = sli_is_keyword(sli_text_of(name));
    sli_str_text(out, quoted ? "\"" : "");
    sli_str_text(out, name);
    sli_str_text(out, quoted ? "\"" : "");
}

static void print_text(sl_text text, sli_str *out)
{
    sli_str_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') {
            sli_str_char(out, '\'');
        }
        sli_str_char(out, text.data[i]);
    }
    sli_str_char(out, '\'');
}

static void print_float(double value, sli_str *out)
{
    char digits[40];
    sli_str_add(out, digits, sli_format_float64(value, digits));
}

static void print_literal(const sli_node *node, sli_str *out)
{
    char time[SLI_TIME_BYTES];
    const sli_value *value = &node->literal;
    if (value->is_null) {
        sli_str_text(out, "null");
        return;
    }
    switch (node->type) {
    case SL_BOOL:
        sli_str_text(out, value->i != 0 ? "true" : "false");
        break;
    case SL_FLOAT64:
        print_float(value->f, out);
        break;
    case SL_STRING:
        print_text(value->s, out);
        break;
    case SL_DATE:
        sli_str_text(out, "date ");
        print_text((sl_text){time, sli_print_date(value->i, time)}, out);
        break;
    case SL_TIMESTAMP:
        sli_str_text(out, "timestamp ");
        print_text((sl_text){time, sli_print_timestamp(value->i, time)}, out);
        break;
    default:
        sli_str_printf(out, "%lld", (long long)value->i);
        break;
    }
}

static void print_list(const sli_node *node, int32_t from, const char *between, sli_str *out)
{
    for (int32_t i = from; i < node->n_args; i++) {
        sli_str_text(out, i > from ? between : "");
        sli_node_print(node->args[i], out);
    }
}

static void print_case(const sli_node *node, sli_str *out)
{
    int32_t i = 0;
    sli_str_text(out, "case");
    for (; i + 1 < node->n_args; i += 2) {
        sli_str_text(out, " when ");
        sli_node_print(node->args[i], out);
        sli_str_text(out, " then ");
        sli_node_print(node->args[i + 1], out);
    }
    if (i < node->n_args) {
        sli_str_text(out, " else ");
        sli_node_print(node->args[i], out);
    }
    sli_str_text(out, " end");
}

// Operators that are not written name(arguments); true when this was one.
static bool print_operator(const sli_node *node, sli_str *out)
{
    const char *name = node->name;
    char between[16] = " ";
    if (strcmp(name, "in") == 0) {
        sli_str_char(out, '(');
        sli_node_print(node->args[0], out);
        sli_str_text(out, " in (");
        print_list(node, 1, ", ", out);
        sli_str_text(out, "))");
    } else if (strcmp(name, "between") == 0) {
        sli_str_char(out, '(');
        sli_node_print(node->args[0], out);
        sli_str_text(out, " between ");
        print_list(node, 1, " and ", out);
        sli_str_char(out, ')');
    } else if (strcmp(name, "is null") == 0) {
        sli_str_char(out, '(');
        sli_node_print(node->args[0], out);
        sli_str_text(out, " is null)");
    } else if (node->n_args == 1 && (strcmp(name, "not") == 0 || strcmp(name, "-") == 0)) {
        // Brackets keep a sign and a number apart, which together are a negative literal.
        bool number = *name == '-' && node->args[0]->kind == SLI_NODE_LITERAL;
        sli_str_printf(out, number ? "(%s (" : "(%s ", name);
        sli_node_print(node->args[0], out);
        sli_str_text(out, number ? "))" : ")");
    } else if (strchr("+-*/%=<>|", *name) != NULL || sli_is_keyword(sli_text_of(name))) {
        size_t n = strlen(name);
        memcpy(between + 1, name, n);
        memcpy(between + 1 + n, " ", 2);
        sli_str_char(out, '(');
        print_list(node, 0, between, out);
        sli_str_char(out, ')');
    } else {
        return false;
    }
    return true;
}

void sli_node_print(const sli_node *node, sli_str *out)
{
    switch (node->kind) {
    case SLI_NODE_LITERAL:
        print_literal(node, out);
        return;
    case SLI_NODE_COLUMN:
        sli_name_print(node->name, out);
        return;
    case SLI_NODE_STAR:
        sli_str_char(out, '*');
        return;
    case SLI_NODE_CAST:
        if (node->name == NULL) { // put in by typing
            sli_node_print(node->args[0], out);
            return;
        }
        sli_str_text(out, "cast(");
        sli_node_print(node->args[0], out);
        sli_str_printf(out, " as %s)", sli_expr_type_name(node->type));
        return;
    case SLI_NODE_CALL:
        break;
    }
    if (strcmp(node->name, "case") == 0) {
        print_case(node, out);
    } else if (!print_operator(node, out)) {
        sli_str_printf(out, "%s(", node->name);
        print_list(node, 0, ", ", out);
        sli_str_char(out, ')');
    }
}
