// sql_words_fuzz.c — any text as a script's: variables are replaced, and the tokens of what comes
// out follow each other to its end, also when window words are rewritten in it.
#include "sql/vars.h"
#include "sql/words.h"

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *value_of(void *ctx, const char *name)
{
    return name[0] == 'A' ? ctx : NULL;
}

static void rewrite(const char *text, size_t size)
{
    static sli_lexeme tokens[MOST];
    char *copy = sl_strndup(SLI_TAG_TEST, text, size);
    size_t at = 0, last = 0, where = 0;
    int32_t n = 0;
    SL_ASSERT(copy != NULL, "no memory");
    while (n < MOST && sli_lex_next(text, size, &at, &tokens[n], &where, NULL) == SL_OK &&
           tokens[n].kind != SLI_LEX_END) {
        SL_ASSERT(tokens[n].at >= last && tokens[n].at + tokens[n].size <= size, "in order");
        last = tokens[n].at + tokens[n].size;
        n++;
    }
    if (n > 0 && sli_words_rewrite(text, tokens, n, copy + tokens[0].at, &where, NULL) != SL_OK) {
        SL_ASSERT(where < size, "a place in the text");
    }
    SL_ASSERT(strlen(copy) == size, "rewriting keeps every place");
    sl_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char value[] = "it's -- ${A}";
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_origins origins = {0};
    size_t where = 0;
    if (size == 0 || memchr(data, 0, size) != NULL) {
        return 0;
    }
    const char *text = (const char *)data;
    if (sli_vars_replace(text, size, value_of, value, &out, &origins, &where, NULL) == SL_OK) {
        SL_ASSERT(sli_origin_of(&origins, out.size) == size, "the ends are each other's");
        rewrite(out.size == 0 ? "" : out.data, out.size);
    } else {
        SL_ASSERT(where < size, "a place in the text");
    }
    sli_origins_reset(&origins);
    sli_str_reset(&out);
    return 0;
}
