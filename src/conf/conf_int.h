/// conf_int.h — what the files of conf/ share: reading one value as its option demands, and texts
/// for errors and help.
#pragma once

#include "conf/conf.h"

enum {
    SLI_CONF_MAX_OPTIONS = 1000,      ///< options in all tables of one conf
    SLI_CONF_MAX_MEMBERS = 1000,      ///< members of its families that are set
    SLI_CONF_MAX_NAME = 128,          ///< bytes of a name
    SLI_CONF_MAX_VALUE = 64 * 1024,   ///< bytes of a value
    SLI_CONF_MAX_ARGUMENTS = 1 << 20, ///< bytes of a text given to sli_pairs_each or of a query
    SLI_CONF_MAX_URL = 64 * 1024,     ///< bytes of a URL
    SLI_CONF_MAX_QUOTED = 100,        ///< bytes that sli_conf_quote writes, with the zero
};

/// A value as numbers: INT, DURATION, SIZE, BOOL (0, 1) and CHOICE (index) in `whole`, FLOAT in
/// `real`.
typedef struct sli_parsed {
    int64_t whole;
    double real;
} sli_parsed;

/// Reads `text` as `option` demands, bounds included. Fails: SL_E_CONFIG with option, value (never
/// a secret's) and what is allowed.
sl_code sli_option_read(const sl_option *option, sl_text text, sli_parsed *out, sl_error *err);
/// The option itself makes sense: name, type, bounds, choices, default. Fails: SL_E_INVALID.
sl_code sli_option_check(const sl_option *option, sl_error *err);
/// "a whole number from 1 to 10", "one of none, lz4": for errors and help.
void sli_option_allowed(const sl_option *option, sli_str *out);
/// Whether `name` is the option's, or that of a member of the family that it is.
bool sli_option_has(const sl_option *option, sl_text name);
/// Frees a value and sets it to NULL; a secret is overwritten first: it must not turn up in a core
/// file.
void sli_conf_forget(char **text, bool secret);

// ---------------------------------------------------------------- members of families (family.c)

typedef struct sli_member {
    char *name, *value;
    bool secret;
} sli_member;

/// Those that are set, of all families of a conf, in byte order of names.
typedef struct sli_members {
    sli_member *items;
    int32_t n, capacity;
} sli_members;
void sli_members_reset(sli_members *members);
/// Replaces an earlier value. Fails: SL_E_NOMEM; SL_E_CONFIG for one too many.
sl_code sli_members_set(sli_members *members, const sl_option *family, const char *name,
                        sl_text value, sl_error *err);
sl_code sli_members_each(const sli_members *members, const char *family, sli_pair_fn each,
                         void *ctx, sl_error *err);

/// True for [A-Za-z_][A-Za-z0-9_.-]*, at most SLI_CONF_MAX_NAME bytes.
bool sli_conf_is_name(sl_text name);
/// Writes "text" with quotes into `out`, cut at some 80 bytes, control bytes and broken UTF-8 as
/// \xHH. Returns `out`.
const char *sli_conf_quote(sl_text text, char out[SLI_CONF_MAX_QUOTED]);
/// Splits "a=1&b=2" and percent-decodes values. As sli_pairs_each, but an empty value needs no
/// quotes.
sl_code sli_query_each(sl_text query, sli_pair_fn each, void *ctx, sl_error *err);
