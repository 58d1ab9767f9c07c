/// expr_int.h — what the files of this folder share: tokens, the tree of an expression, vectors,
/// kernels.
///
///     text ─► lex ─► parse ─► tree of sli_node ─► type: columns, functions, casts ─► eval by
///     vectors
///
/// Inside expressions there are four physical kinds: bool as bytes, every integer, date and
/// timestamp as int64, floats as double, string and binary as (pointer, size). Nulls are a byte a
/// row, so that loops over them have no shifts.
#pragma once

#include "base/str.h"
#include "expr/expr.h"

enum {
    SLI_EXPR_MAX_TEXT = 1 << 16, ///< bytes of one text
    SLI_EXPR_MAX_DEPTH = 200,    ///< of nested expressions and of their trees
    SLI_EXPR_MAX_NODES = 4096,   ///< of all expressions of one text
    SLI_EXPR_ROWS =
        1024, ///< rows evaluated at once: scratch memory is at most nodes * rows * 9 bytes
    SLI_EXPR_MAX_KEYS = 64,  ///< columns of a key
    SLI_AGG_MAX = 256,       ///< aggregations of one plan
    SLI_AGG_MAX_STATE = 256, ///< bytes of a user's accumulator
};

// ---------------------------------------------------------------- tokens

typedef enum sli_token_kind {
    SLI_TOKEN_END = 0,
    SLI_TOKEN_NAME,   ///< a word, keyword or not
    SLI_TOKEN_QUOTED, ///< "a name" in double quotes: never a keyword
    SLI_TOKEN_INT,
    SLI_TOKEN_FLOAT,
    SLI_TOKEN_TEXT, ///< 'a text', quotes still on
    SLI_TOKEN_SYMBOL,
} sli_token_kind;

typedef struct sli_token {
    sli_token_kind kind;
    sl_text text; ///< as written
    int32_t at;   ///< offset in the text
} sli_token;

// ---------------------------------------------------------------- trees

typedef struct sli_node sli_node;
typedef struct sli_vec sli_vec;
typedef struct sli_eval sli_eval;

typedef enum sli_node_kind {
    SLI_NODE_LITERAL = 1,
    SLI_NODE_COLUMN,
    SLI_NODE_CALL, ///< operators, functions, and/or/case: a row of the table of functions
    SLI_NODE_CAST, ///< to `type`
    SLI_NODE_STAR, ///< `*`, only as an item of a list or as count's argument
} sli_node_kind;

/// A literal by physical kind.
typedef struct sli_value {
    bool is_null;
    int64_t i; ///< also bool
    double f;
    sl_text s;
} sli_value;

/// When the result of a function can be null.
typedef enum sli_nulls {
    SLI_NULLS_ANY =
        0, ///< where any argument is; the evaluator sees to it, the kernel sees values only
    SLI_NULLS_NEVER,
    SLI_NULLS_SOME, ///< the kernel decides; nullable when any argument is
    SLI_NULLS_ALL,  ///< the kernel decides; nullable when every argument is
    SLI_NULLS_CASE, ///< the kernel decides; nullable when a branch is, or without `else`
} sli_nulls;

/// Computes a node. Strict kernels get `args`; lazy ones get NULL and evaluate the node's arguments
/// themselves, on the rows that need them. out->type is set; the kernel fills values (and nulls
/// unless SLI_NULLS_ANY).
typedef sl_code (*sli_kernel)(sli_eval *ev, const sli_node *node, const sli_vec *args,
                              sli_vec *out);

/// One row of the table of functions. Letters of `args` and `result`: b bool, i integers (as
/// int64), f float64, s string, y binary, x string or binary, d date, t timestamp, T one type for
/// all T's, A anything; a trailing `*` repeats the letter before it.
typedef struct sli_function {
    const char *name, *args;
    char result;
    bool lazy;
    sli_nulls nulls;
    sli_kernel run;
} sli_function;

struct sli_node {
    sli_node_kind kind;
    sl_type type; ///< 0: `null` whose type is not known yet
    bool nullable;
    int32_t at;    ///< offset in the text
    int32_t depth; ///< of the tree below
    int32_t column;
    const char *name; ///< column or function
    const sli_function *function;
    sli_node **args;
    int32_t n_args;
    sli_value literal;
};

/// One text being compiled. Zeroed but for the first four.
typedef struct sli_compiler {
    const char *text;
    const sl_schema *in;
    sl_arena *arena; ///< nodes and names; must outlive the tree
    sl_error *err;
    sli_token token; ///< the next one
    size_t at;       ///< first byte after `token`
    int32_t depth, n_nodes;
} sli_compiler;

/// An item of a list: `expr [as] name`.
typedef struct sli_item {
    sli_node *node;
    const char *name; ///< NULL when not given
    int32_t at;
} sli_item;

// lex.c
sl_code sli_compile_begin(sli_compiler *c); ///< checks the text and reads the first token
sl_code sli_token_next(sli_compiler *c);
/// SL_E_INVALID with the text and the position, then the reason.
sl_code sli_compile_fail(const sli_compiler *c, int32_t at, const char *fmt, ...) SL_PRINTF(3, 4);
bool sli_token_is(const sli_compiler *c, const char *symbol);    ///< the next token is this symbol
bool sli_token_is_word(const sli_compiler *c, const char *word); ///< ... this keyword, in any case
bool sli_is_keyword(sl_text word);
bool sli_is_name(const char *text); ///< what a schema takes as a field's name

// parse.c
sl_code sli_parse_expr(sli_compiler *c, sli_node **out);
/// Reads the whole text as a list of items; the array lies in the arena.
sl_code sli_parse_items(sli_compiler *c, sli_item **items, int32_t *n);
sl_code sli_node_new(sli_compiler *c, sli_node_kind kind, int32_t at, sli_node **out);

// type.c
/// Resolves columns, functions and types of the tree.
sl_code sli_type_node(sli_compiler *c, sli_node *node);
/// Makes *node a `type`, by a cast where that loses nothing. `what` names the place in errors.
sl_code sli_type_coerce(sli_compiler *c, sli_node **node, sl_type type, const char *what);
/// Index of the named column, or SL_E_INVALID with the nearest name.
sl_code sli_type_column(const sli_compiler *c, int32_t at, const char *name, int32_t *out);

// types.c
const char *sli_expr_type_name(sl_type type); ///< of any type; "null" for 0
sl_type sli_expr_type_of(sl_text name);       ///< a type that casts know, or 0
/// The type that cells of a column have inside expressions, or 0 for those that can only be passed
/// through.
sl_type sli_expr_type_inside(sl_type column);
/// The k-th field of the schema as "type" text, with its `?`; appended to out.
void sli_schema_put_type(sli_str *out, const sl_schema *schema, int32_t column);

typedef enum sli_kind {
    SLI_KIND_NONE = 0,
    SLI_KIND_BOOL,
    SLI_KIND_INT,
    SLI_KIND_FLOAT,
    SLI_KIND_TEXT
} sli_kind;
sli_kind sli_kind_of(sl_type type);

// print.c
/// The canonical text, which parses to the same tree.
void sli_node_print(const sli_node *node, sli_str *out);
void sli_name_print(const char *name, sli_str *out);

// functions.c
extern const sli_function sli_functions[]; ///< ends with a zero row
/// The nearest name a user could have meant, or NULL.
const char *sli_function_nearest(const char *name);

// ---------------------------------------------------------------- vectors and evaluation

struct sli_vec {
    sl_type type;
    const uint8_t *nulls; ///< 1 = null; NULL: none
    union {
        const uint8_t *b;
        const int64_t *i;
        const double *f;
        const sl_text *s;
        const uint64_t *d; ///< decimals, for aggregations alone: low word, high word of each
    } v;                   ///< a null row's value is there and means nothing
    const sl_column
        *whole; ///< texts: row i lies inside cell base + i of this column; NULL: anywhere
};

/// One call: some consecutive rows of one batch. Thread: one.
struct sli_eval {
    const sl_batch *in;
    int64_t base;          ///< first row
    int64_t n;             ///< rows, <= SLI_EXPR_ROWS
    const uint8_t *active; ///< rows whose errors count; NULL: all
    sl_arena *arena;
    sl_error *err;
};

// eval.c
sl_code sli_eval_node(sli_eval *ev, const sli_node *node, sli_vec *out);
/// Scratch that lives as long as the call, or NULL after setting SL_E_NOMEM.
void *sli_eval_alloc(sli_eval *ev, size_t size);
/// 1 where a row's error doesn't count: a null argument or a row nobody asked for. NULL: every row
/// counts.
sl_code sli_eval_skip(sli_eval *ev, const uint8_t *nulls, const uint8_t **out);
/// SL_E_DATA "row 17: ..." for row i of this call.
sl_code sli_eval_fail(const sli_eval *ev, int64_t i, const char *fmt, ...) SL_PRINTF(3, 4);
/// The nulls of the column's cells [ev->base, ev->base + ev->n), 1 each; NULL: none.
sl_code sli_eval_nulls(sli_eval *ev, const sl_column *column, const uint8_t **out);
/// Those cells.
sl_code sli_eval_load(sli_eval *ev, const sl_column *column, sl_type type, sli_vec *out);
/// Appends the rows to a column of a builder, whose field has the vector's type.
void sli_eval_store(const sli_eval *ev, const sli_vec *vec, sl_builder *out, int32_t column);

// Kernels, named as their files say.
sl_code sli_k_add(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_sub(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_mul(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_div(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_mod(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_neg(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_abs(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_floor(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_ceil(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_round(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_sqrt(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);

sl_code sli_k_eq(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_ne(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_lt(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_le(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_gt(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_ge(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_in(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_between(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_least(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_greatest(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_hash(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);

sl_code sli_k_not(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_is_null(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_not_null(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_and(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_or(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_case(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_coalesce(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);

sl_code sli_k_length(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_octets(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_lower(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_upper(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_substr(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_trim(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_concat(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_replace(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_split_part(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_position(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_contains(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_starts_with(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_ends_with(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_like(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);

sl_code sli_k_date_trunc(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_year(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_month(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_day(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_hour(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_minute(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);
sl_code sli_k_second(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out);

// eval_cast.c
bool sli_cast_exists(sl_type from, sl_type to);
sl_code sli_eval_cast(sli_eval *ev, sl_type to, const sli_vec *arg, sli_vec *out);

// eval_compare.c: `column = 'text'` and `<>` look at the cells where they are; no vector of texts
// is made of either side.
bool sli_is_cell_test(const sli_node *node); ///< of a call
sl_code sli_eval_cell_test(sli_eval *ev, const sli_node *node, sli_vec *out);
// eval_compare.c: the order of every comparison, min and max: NaN equals NaN and is the largest,
// -0.0 equals 0.0
static inline bool sli_float_equal(double a, double b)
{
    return a == b || (a != a && b != b);
}
static inline bool sli_float_less(double a, double b)
{
    return a < b || (b != b && a == a);
}
static inline bool sli_text_equal(sl_text a, sl_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
static inline bool sli_text_less(sl_text a, sl_text b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least == 0 ? 0 : memcmp(a.data, b.data, least);
    return order < 0 || (order == 0 && a.size < b.size);
}

// casemap.c
enum { SLI_CASE_MAX = 3 }; ///< letters that one letter may become

/// The other case of a code point, which may be several; gives how many, 1 when it has none.
int32_t sli_char_lower(uint32_t c, uint32_t out[SLI_CASE_MAX]);
int32_t sli_char_upper(uint32_t c, uint32_t out[SLI_CASE_MAX]);

// calendar.c: the proleptic Gregorian calendar, UTC, without leap seconds
enum { SLI_US_PER_SECOND = 1000000 };
#define SLI_US_PER_DAY INT64_C(86400000000)
typedef struct sli_civil {
    int64_t year;
    int32_t month, day; ///< from 1
} sli_civil;
int64_t sli_days_from_civil(sli_civil civil); ///< days since 1970-01-01
sli_civil sli_civil_from_days(int64_t days);
int64_t sli_floor_div(int64_t a, int64_t b);
bool sli_scan_date(sl_text text, int64_t *days); ///< 2024-02-29, years 0001 to 9999
bool sli_scan_timestamp(
    sl_text text, int64_t *time_us); ///< 2024-02-29[ T]12:30[:15[.123456]][Z|+01:00], or a date
enum { SLI_TIME_BYTES = 48 };
size_t sli_print_date(int64_t days, char *out);
size_t sli_print_timestamp(int64_t time_us, char *out);

// args.c
/// The value given for `key`, without a copy where it needs none; calls `each` at most once.
sl_code sli_args_visit(const sl_args *args, const char *key,
                       sl_code (*each)(void *ctx, sl_text value, sl_error *err), void *ctx,
                       sl_error *err);
