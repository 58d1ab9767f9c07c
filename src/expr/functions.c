/// functions.c — the table of operators and functions: names, types, kernels. A function is a row
/// here and a kernel.
///
/// Of several rows with one name the one wins whose arguments need the fewest casts, the first of
/// equals. Names that are no words (`+`, `is null`) can't be called and are written by the parser.
#include "expr/expr_int.h"

#define ANY SLI_NULLS_ANY
#define NEVER SLI_NULLS_NEVER
#define SOME SLI_NULLS_SOME
#define ALL SLI_NULLS_ALL

const sli_function sli_functions[] = {
    // arithmetic; dates count days, timestamps microseconds
    {"+", "ii", 'i', false, ANY, sli_k_add},
    {"+", "ff", 'f', false, ANY, sli_k_add},
    {"+", "di", 'd', false, ANY, sli_k_add},
    {"+", "ti", 't', false, ANY, sli_k_add},
    {"-", "ii", 'i', false, ANY, sli_k_sub},
    {"-", "ff", 'f', false, ANY, sli_k_sub},
    {"-", "di", 'd', false, ANY, sli_k_sub},
    {"-", "ti", 't', false, ANY, sli_k_sub},
    {"-", "dd", 'i', false, ANY, sli_k_sub},
    {"-", "tt", 'i', false, ANY, sli_k_sub},
    {"-", "i", 'i', false, ANY, sli_k_neg},
    {"-", "f", 'f', false, ANY, sli_k_neg},
    {"*", "ii", 'i', false, ANY, sli_k_mul},
    {"*", "ff", 'f', false, ANY, sli_k_mul},
    {"/", "ii", 'i', false, ANY, sli_k_div},
    {"/", "ff", 'f', false, ANY, sli_k_div},
    {"%", "ii", 'i', false, ANY, sli_k_mod},
    {"%", "ff", 'f', false, ANY, sli_k_mod},
    {"mod", "ii", 'i', false, ANY, sli_k_mod},
    {"mod", "ff", 'f', false, ANY, sli_k_mod},
    {"abs", "i", 'i', false, ANY, sli_k_abs},
    {"abs", "f", 'f', false, ANY, sli_k_abs},
    {"floor", "i", 'i', false, ANY, sli_k_floor},
    {"floor", "f", 'f', false, ANY, sli_k_floor},
    {"ceil", "i", 'i', false, ANY, sli_k_ceil},
    {"ceil", "f", 'f', false, ANY, sli_k_ceil},
    {"round", "i", 'i', false, ANY, sli_k_round},
    {"round", "f", 'f', false, ANY, sli_k_round},
    {"sqrt", "f", 'f', false, ANY, sli_k_sqrt},
    // comparison and logic
    {"=", "TT", 'b', false, ANY, sli_k_eq},
    {"<>", "TT", 'b', false, ANY, sli_k_ne},
    {"<", "TT", 'b', false, ANY, sli_k_lt},
    {"<=", "TT", 'b', false, ANY, sli_k_le},
    {">", "TT", 'b', false, ANY, sli_k_gt},
    {">=", "TT", 'b', false, ANY, sli_k_ge},
    {"in", "TT*", 'b', false, SOME, sli_k_in},
    {"between", "TTT", 'b', false, SOME, sli_k_between},
    {"like", "ss", 'b', false, ANY, sli_k_like},
    {"not", "b", 'b', false, ANY, sli_k_not},
    {"and", "bb*", 'b', true, SOME, sli_k_and},
    {"or", "bb*", 'b', true, SOME, sli_k_or},
    {"is null", "A", 'b', false, NEVER, sli_k_is_null},
    {"coalesce", "T*", 'T', true, ALL, sli_k_coalesce},
    {"not_null", "T", 'T', false, NEVER, sli_k_not_null},
    {"least", "TT*", 'T', false, ALL, sli_k_least},
    {"greatest", "TT*", 'T', false, ALL, sli_k_greatest},
    {"hash", "A*", 'i', false, NEVER, sli_k_hash},
    // text
    {"length", "x", 'i', false, ANY, sli_k_length},
    {"octets", "x", 'i', false, ANY, sli_k_octets},
    {"lower", "s", 's', false, ANY, sli_k_lower},
    {"upper", "s", 's', false, ANY, sli_k_upper},
    {"substr", "si", 's', false, ANY, sli_k_substr},
    {"substr", "sii", 's', false, ANY, sli_k_substr},
    {"trim", "s", 's', false, ANY, sli_k_trim},
    {"||", "ss", 's', false, ANY, sli_k_concat},
    {"||", "yy", 'y', false, ANY, sli_k_concat},
    {"concat", "s*", 's', false, ANY, sli_k_concat},
    {"concat", "y*", 'y', false, ANY, sli_k_concat},
    {"replace", "sss", 's', false, ANY, sli_k_replace},
    {"split_part", "ssi", 's', false, ANY, sli_k_split_part},
    {"position", "ss", 'i', false, ANY, sli_k_position},
    {"contains", "ss", 'b', false, ANY, sli_k_contains},
    {"contains", "yy", 'b', false, ANY, sli_k_contains},
    {"starts_with", "ss", 'b', false, ANY, sli_k_starts_with},
    {"starts_with", "yy", 'b', false, ANY, sli_k_starts_with},
    {"ends_with", "ss", 'b', false, ANY, sli_k_ends_with},
    {"ends_with", "yy", 'b', false, ANY, sli_k_ends_with},
    // time, UTC
    {"date_trunc", "st", 't', false, ANY, sli_k_date_trunc},
    {"year", "t", 'i', false, ANY, sli_k_year},
    {"month", "t", 'i', false, ANY, sli_k_month},
    {"day", "t", 'i', false, ANY, sli_k_day},
    {"hour", "t", 'i', false, ANY, sli_k_hour},
    {"minute", "t", 'i', false, ANY, sli_k_minute},
    {"second", "t", 'i', false, ANY, sli_k_second},
    // `case` has a typing of its own: see type.c
    {"case", "", 'T', true, SLI_NULLS_CASE, sli_k_case},
    {0},
};

const char *sli_function_nearest(const char *name)
{
    const char *words[sizeof sli_functions / sizeof sli_functions[0] + 1];
    size_t n = 0;
    for (const sli_function *f = sli_functions; f->name != NULL; f++) {
        if (f->name[0] >= 'a' && f->name[0] <= 'z' && !sli_is_keyword(sli_text_of(f->name)) &&
            strchr(f->name, ' ') == NULL) {
            words[n++] = f->name;
        }
    }
    words[n] = NULL;
    return sli_nearest(name, words);
}
