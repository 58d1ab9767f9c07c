/// conf.h — settings: tables that declare them, values with units, and help made from the tables.
///
/// An option is declared once, in a table; `--help`, docs/ref and error messages come from it. An
/// unknown option is an error that names the nearest known one. Values are text until somebody asks
/// for them; they were checked when set.
#pragma once

#include "base/arena.h"
#include "base/str.h"

typedef enum sl_option_type {
    SL_OPT_TEXT = 1,
    SL_OPT_BOOL,
    SL_OPT_INT,
    SL_OPT_FLOAT,
    SL_OPT_DURATION, ///< "500ms"; microseconds inside
    SL_OPT_SIZE,     ///< "64MiB"; bytes inside
    SL_OPT_CHOICE,   ///< one of `choices`, separated by '|'
    SL_OPT_SECRET,   ///< never logged, shown or checkpointed
    SL_OPT_FAMILY,   ///< every option whose name begins with this one's, which ends with '.': texts
                     ///< for somebody else. `choices`: words, separated by '|', that make a member
                     ///< whose name holds one a secret
} sl_option_type;

enum {
    SL_OPT_RESULT = 1, ///< reaches results: part of the options' hash in PLAN
    SL_OPT_REQUIRED = 2,
};

/// One option. A table ends with a zero entry.
typedef struct sl_option {
    const char *name; ///< "header", "rows_per_second", "sluice.block.interval"
    sl_option_type type;
    const char *fallback;   ///< default as text; NULL: none
    const char *text;       ///< one sentence for help
    const char *choices;    ///< SL_OPT_CHOICE: "none|lz4"
    const char *low, *high; ///< inclusive bounds as text, or NULL
    uint32_t flags;
} sl_option;

typedef struct sl_conf sl_conf;

/// An empty set of values over one or more tables (`tables` is NULL-ended; both outlive the conf).
/// `what` names the thing configured in errors: "source socket", "job". Fails: SL_E_INVALID when a
/// table makes no sense.
sl_code sl_conf_new(sl_conf **out, const char *what, const sl_option *const *tables, sl_error *err);
void sl_conf_free(SL_TAKES sl_conf *conf);
/// Sets one value, replacing an earlier one. Fails: SL_E_CONFIG with option, value, what is
/// allowed, and for an unknown name the nearest known one.
sl_code sl_conf_set(sl_conf *conf, const char *name, sl_text value, sl_error *err);
/// "a=1 b='two words' c=3" (spaces or commas between) as user functions and stream options are
/// written. Sets all or, when one is wrong, none. `text` may be NULL. Grammar: README.md.
sl_code sl_conf_parse(sl_conf *conf, const char *text, sl_error *err);
/// The `a=1&b=2` part of a URL (without its '?'), percent-decoded. Sets all or none.
sl_code sl_conf_parse_query(sl_conf *conf, sl_text query, sl_error *err);
/// All SL_OPT_REQUIRED options are set, or the first that isn't is named.
sl_code sl_conf_check(const sl_conf *conf, sl_error *err);
bool sl_conf_is_set(const sl_conf *conf, const char *name); ///< set by the user, not by default

// Values; the option must exist in a table with that type (asserted). Defaults apply; without one
// an unset option is NULL, false, 0 or 0.0, and -1 for a choice.
const char *sl_conf_text(const sl_conf *conf,
                         const char *name); ///< NULL when unset without default; also for choices
bool sl_conf_bool(const sl_conf *conf, const char *name);
int64_t sl_conf_int64(const sl_conf *conf, const char *name); ///< INT, DURATION (us), SIZE (bytes)
double sl_conf_float64(const sl_conf *conf, const char *name);
int32_t sl_conf_choice(const sl_conf *conf, const char *name); ///< index in `choices`

/// Calls `each` with every member of a family that is set, in byte order of names, which come
/// without the family's own. Stops when `each` fails, and returns that.
typedef sl_code (*sli_pair_fn)(void *ctx, sl_text key, sl_text value, sl_error *err);
sl_code sl_conf_each(const sl_conf *conf, const char *family, sli_pair_fn each, void *ctx,
                     sl_error *err);
/// Whether the option, or the member of this name of a family, is a secret.
bool sl_option_is_secret(const sl_option *option, sl_text name);

/// Chained hash over name=value of every SL_OPT_RESULT option, in table order, defaults included.
uint64_t sl_conf_result_hash(const sl_conf *conf);
/// Help text of the tables, wrapped to `columns`: name, type, default, text. Appended to `out`.
void sl_conf_help(const sl_option *const *tables, int32_t columns, sli_str *out);

// ---------------------------------------------------------------- URLs and argument texts

/// "scheme://user@host:port/path?query" or "scheme:path?query"; parts lie in the input.
typedef struct sli_url {
    sl_text scheme, user, host, path, query;
    int32_t port; ///< -1 when none
} sli_url;
/// A text without a scheme is `file`. Fails: SL_E_CONFIG.
sl_code sli_url_parse(const char *text, sli_url *out, sl_error *err);
/// A user is named only in the URL of what has an option `user` in its table. Fails: SL_E_CONFIG.
sl_code sli_url_user_check(const sli_url *url, const sl_option *table, sl_error *err);

/// "key=value key='v w'" without a table: for user functions' arguments. Calls `each` in order.
sl_code sli_pairs_each(const char *text, sli_pair_fn each, void *ctx, sl_error *err);
