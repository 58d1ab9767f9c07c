/// lex.h — the tokens of a script: enough of SQL's words to find where statements, strings and
/// comments begin and end. Expressions are DuckDB's to read.
#pragma once

#include "sluice/error.h"

typedef enum sli_lexeme_kind {
    SLI_LEX_END = 0,
    SLI_LEX_WORD,   ///< a name or keyword as it stands
    SLI_LEX_NAME,   ///< "quoted" or `quoted`
    SLI_LEX_TEXT,   ///< 'text', E'text', $tag$text$tag$
    SLI_LEX_NUMBER, ///< 10, 1.5
    SLI_LEX_MARK,   ///< one byte: ( ) , ; . - and all others; or =>
} sli_lexeme_kind;

typedef struct sli_lexeme {
    sli_lexeme_kind kind;
    size_t at, size; ///< in the text, quotes and all
} sli_lexeme;

/// The token at or after *at, blanks and comments passed over; *at moves behind it. At the end of
/// the text SLI_LEX_END, again and again. Fails: SL_E_INVALID for a text, a name or a comment that
/// is never closed; *where is its beginning.
sl_code sli_lex_next(const char *text, size_t size, size_t *at, sli_lexeme *out, size_t *where,
                     sl_error *err);
/// Where the comment ends that begins at `at` (`--` to the line's end, `/* */`, which nest); `at`:
/// none begins. One that is never closed ends with the text.
size_t sli_lex_comment(const char *text, size_t size, size_t at);
/// How long the `$tag$` is that begins at `at`; 0: none does.
size_t sli_lex_dollar(const char *text, size_t size, size_t at);

/// What the token is: a name without its quotes, a text's value. Appended to `out`, which must hold
/// at least token->size + 1 bytes; ended by a zero. Fails: SL_E_INVALID, an escape of E'' that
/// Sluice does not know.
sl_code sli_lex_value(const char *text, const sli_lexeme *token, char *out, sl_error *err);
/// Whether the token is this keyword, in any case. A quoted name is none.
bool sli_lex_is(const char *text, const sli_lexeme *token, const char *word);
/// Whether a SELECT begins with it: SELECT, WITH, FROM, VALUES or a bracket.
bool sli_sql_is_select(const char *text, const sli_lexeme *token);
bool sli_lex_is_mark(const char *text, const sli_lexeme *token, const char *mark);
