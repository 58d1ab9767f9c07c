// json_tree.c — JSON to a tree, from the tokens that simdjson finds.
//
// simdjson has proved that the text is UTF-8 and that its strings end; what stands between the
// tokens is looked at here, by one function a kind of value.
#include "format/json/json_tree.h"

#include "format/json/json_int.h"

typedef struct parser {
    const char *data;
    uint32_t size;
    const uint32_t *token; ///< the next one
    sl_arena *arena;
    sl_error *err;
    int depth;
} parser;

static sl_code read_tree(parser *p, sli_tree *out);

static char peek(const parser *p)
{
    return *p->token < p->size ? p->data[*p->token] : '\0';
}

static sl_code wrong(const parser *p, const char *what)
{
    return sl_error_set(p->err, SL_E_INVALID, "no JSON: %s at byte %u", what, (unsigned)*p->token);
}

static sl_code no_memory(const parser *p)
{
    return sl_error_nomem(p->err, p->size, "a text of JSON");
}

/// Bytes of the string or word at the next token.
static uint32_t token_size(const parser *p)
{
    uint32_t end = p->token[1] < p->size ? p->token[1] : p->size;
    while (strchr(" \t\r\n", p->data[end - 1]) != NULL) {
        end--;
    }
    return end - *p->token;
}

static sl_code read_string(parser *p, const char **out)
{
    if (peek(p) != '"') {
        return wrong(p, "a string is missing");
    }
    int64_t size = (int64_t)token_size(p) - 2, replaced = 0;
    if (size < 0 || p->data[*p->token + size + 1] != '"') {
        return wrong(p, "something behind a string");
    }
    char *text = sl_arena_alloc(p->arena, (size_t)size + 1);
    if (text == NULL) {
        return no_memory(p);
    }
    size = sli_json_unescape(p->data + *p->token + 1, size, text, &replaced);
    if (size < 0 || replaced > 0 || memchr(text, '\0', (size_t)size) != NULL) {
        return wrong(p, "a wrong escape");
    }
    text[size] = '\0';
    *out = text;
    p->token++;
    return SL_OK;
}

static sl_code read_word(parser *p, const char **out)
{
    sl_text word = {p->data + *p->token, token_size(p)};
    if (!sli_json_is_number(word.data, (int64_t)word.size) && !sli_text_is(word, "true") &&
        !sli_text_is(word, "false") && !sli_text_is(word, "null")) {
        return wrong(p, "a value is missing");
    }
    char *text = sl_arena_alloc(p->arena, word.size + 1);
    if (text == NULL) {
        return no_memory(p);
    }
    memcpy(text, word.data, word.size);
    text[word.size] = '\0';
    *out = text;
    p->token++;
    return SL_OK;
}

static sl_code read_key(parser *p, const char **out)
{
    SL_TRY(read_string(p, out));
    if (peek(p) != ':') {
        return wrong(p, "a colon is missing");
    }
    p->token++;
    return SL_OK;
}

/// What stands between brackets, the first of which is the next token.
static sl_code read_children(parser *p, sli_tree *out, char close)
{
    const sli_tree **end = &out->first;
    bool more = true;
    for (p->token++; more && (peek(p) != close || out->n > 0); out->n++) {
        sli_tree *child = sl_arena_alloc_zero(p->arena, sizeof *child);
        if (child == NULL) {
            return no_memory(p);
        }
        SL_TRY(close == '}' ? read_key(p, &child->key) : SL_OK);
        SL_TRY(read_tree(p, child));
        *end = child;
        end = &child->next;
        more = peek(p) == ',';
        if (!more && peek(p) != close) {
            return wrong(p, "a comma or bracket is missing");
        }
        p->token += more;
    }
    p->token++;
    return SL_OK;
}

static sl_code read_tree(parser *p, sli_tree *out)
{
    char c = peek(p);
    if (c == '"') {
        out->kind = SLI_TREE_STRING;
        return read_string(p, &out->text);
    }
    if (c != '{' && c != '[') {
        out->kind = SLI_TREE_WORD;
        return c == '\0' ? wrong(p, "a value is missing") : read_word(p, &out->text);
    }
    if (p->depth == SLI_TREE_DEPTH) {
        return wrong(p, "more than 64 brackets within each other");
    }
    p->depth++;
    out->kind = c == '{' ? SLI_TREE_OBJECT : SLI_TREE_LIST;
    sl_code rc = read_children(p, out, c == '{' ? '}' : ']');
    p->depth--;
    return rc;
}

static sl_code read_text(parser *p, sli_tokens *tokens, const sli_tree **out)
{
    static const char *const reasons[] = {
        [SLI_TOKENS_UNCLOSED] = "a string that does not end",
        [SLI_TOKENS_CONTROL] = "a string with a bare control character",
        [SLI_TOKENS_UTF8] = "text that is not UTF-8",
        [SLI_TOKENS_EMPTY] = "nothing is there",
    };
    size_t n = 0;
    sli_tokens_rc found = sli_tokens_find(tokens, p->data, p->size, &p->token, &n);
    if (found == SLI_TOKENS_NOMEM) {
        return no_memory(p);
    }
    if (found != SLI_TOKENS_OK) {
        return sl_error_set(p->err, SL_E_INVALID, "no JSON: %s", reasons[found]);
    }
    sli_tree *root = sl_arena_alloc_zero(p->arena, sizeof *root);
    if (root == NULL) {
        return no_memory(p);
    }
    SL_TRY(read_tree(p, root));
    if (*p->token < p->size) {
        return wrong(p, "something behind the value");
    }
    *out = root;
    return SL_OK;
}

sl_code sli_tree_read(const sli_tree **out, sl_text text, sl_arena *arena, sl_error *err)
{
    if (text.size > SLI_TREE_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "%zu bytes of JSON, where at most %d are read",
                            text.size, SLI_TREE_BYTES);
    }
    // A copy: what finds tokens and undoes escapes reads some bytes more than the text has.
    char *data = sl_arena_alloc_zero(arena, text.size + SLI_BUFFER_PAD);
    sli_tokens *tokens = sli_tokens_new();
    sl_code rc =
        data == NULL || tokens == NULL ? sl_error_nomem(err, text.size, "a text of JSON") : SL_OK;
    if (rc == SL_OK) {
        memcpy(data, text.data, text.size);
        parser p = {.data = data, .size = (uint32_t)text.size, .arena = arena, .err = err};
        rc = read_text(&p, tokens, out);
    }
    sli_tokens_free(tokens);
    return rc;
}

const sli_tree *sli_tree_find(const sli_tree *tree, const char *key)
{
    const sli_tree *found = NULL;
    for (const sli_tree *child = tree->first; child != NULL; child = child->next) {
        if (child->key != NULL && strcmp(child->key, key) == 0) {
            found = child;
        }
    }
    return found;
}

const char *sli_tree_string(const sli_tree *tree, const char *key)
{
    const sli_tree *found = sli_tree_find(tree, key);
    return found != NULL && found->kind == SLI_TREE_STRING ? found->text : NULL;
}

bool sli_tree_int64(const sli_tree *tree, const char *key, int64_t *out)
{
    const sli_tree *found = sli_tree_find(tree, key);
    return found != NULL && found->kind == SLI_TREE_WORD &&
           sli_read_int64(found->text, strlen(found->text), out);
}
