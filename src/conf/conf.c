/// conf.c — a set of values over option tables.
///
/// One slot per option, in table order. A value is read when it is set, so that a mistake is told
/// where it was made and a later question can't fail. Texts that set several values (arguments,
/// queries) are gone through twice: first every pair is checked, then all are set, so a mistake in
/// the last leaves the first unset too.
#include "conf/conf_int.h"

#include "base/hash.h"

typedef struct slot {
    const sl_option *option;
    char *text;        // what the user set, owned; NULL: the default holds
    sli_parsed parsed; // of `text`, else of the default, else zeroes
} slot;

struct sl_conf {
    char *what;
    slot *slots;
    sli_members members; // of families
    const char **names;  // of all slots, NULL-ended, for sli_nearest
    int32_t n_slots;
};

// ---------------------------------------------------------------- making

static sl_code count_options(const sl_option *const *tables, int32_t *out, sl_error *err)
{
    int32_t n = 0;
    for (; tables != NULL && *tables != NULL; tables++) {
        for (const sl_option *option = *tables; option->name != NULL; option++) {
            if (++n > SLI_CONF_MAX_OPTIONS) {
                return sl_error_set(err, SL_E_INVALID, "more than %d options",
                                    SLI_CONF_MAX_OPTIONS);
            }
        }
    }
    *out = n;
    return SL_OK;
}

static slot *find(const sl_conf *conf, const char *name)
{
    for (int32_t i = 0; i < conf->n_slots; i++) {
        if (strcmp(conf->slots[i].option->name, name) == 0) {
            return &conf->slots[i];
        }
    }
    return NULL;
}

// The option that takes a value under this name: its own, or that of a member of a family.
static slot *find_for(const sl_conf *conf, const char *name)
{
    for (int32_t i = 0; i < conf->n_slots; i++) {
        if (sli_option_has(conf->slots[i].option, sli_text_of(name))) {
            return &conf->slots[i];
        }
    }
    return NULL;
}

static sl_code add_option(sl_conf *conf, const sl_option *option, sl_error *err)
{
    SL_TRY(sli_option_check(option, err));
    if (find(conf, option->name) != NULL) {
        return sl_error_set(err, SL_E_INVALID, "option %s: declared twice", option->name);
    }
    slot *to = &conf->slots[conf->n_slots];
    to->option = option;
    if (option->fallback != NULL) {
        SL_TRY(sli_option_read(option, sli_text_of(option->fallback), &to->parsed, err));
    } else if (option->type == SL_OPT_CHOICE) {
        to->parsed.whole = -1;
    }
    conf->names[conf->n_slots++] = option->name;
    return SL_OK;
}

static sl_code fill(sl_conf *conf, const sl_option *const *tables, sl_error *err)
{
    for (; tables != NULL && *tables != NULL; tables++) {
        for (const sl_option *option = *tables; option->name != NULL; option++) {
            SL_TRY(add_option(conf, option, err));
        }
    }
    return SL_OK;
}

sl_code sl_conf_new(sl_conf **out, const char *what, const sl_option *const *tables, sl_error *err)
{
    int32_t n = 0;
    sl_code rc = count_options(tables, &n, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "%s", what);
    }
    sl_conf *conf = sl_alloc_zero(SLI_TAG_CONF, sizeof(*conf));
    if (conf == NULL) {
        return sl_error_nomem(err, sizeof(*conf), "options");
    }
    conf->what = sl_strdup(SLI_TAG_CONF, what);
    conf->slots = sl_alloc_array(SLI_TAG_CONF, (size_t)n + 1, sizeof(slot));
    conf->names = sl_alloc_array(SLI_TAG_CONF, (size_t)n + 1, sizeof(char *));
    if (conf->what == NULL || conf->slots == NULL || conf->names == NULL) {
        rc = sl_error_nomem(err, (size_t)n * sizeof(slot), "options");
    } else {
        rc = fill(conf, tables, err);
    }
    if (rc != SL_OK) {
        sl_conf_free(conf);
        return sl_error_wrap(err, rc, "%s", what);
    }
    *out = conf;
    return SL_OK;
}

static void forget(slot *s)
{
    sli_conf_forget(&s->text, s->option->type == SL_OPT_SECRET);
}

void sl_conf_free(sl_conf *conf)
{
    if (conf == NULL) {
        return;
    }
    for (int32_t i = 0; i < conf->n_slots; i++) {
        forget(&conf->slots[i]);
    }
    sli_members_reset(&conf->members);
    sl_free(conf->slots);
    sl_free(conf->names);
    sl_free(conf->what);
    sl_free(conf);
}

// ---------------------------------------------------------------- setting

static sl_code unknown_option(const sl_conf *conf, const char *name, sl_error *err)
{
    char quoted[SLI_CONF_MAX_QUOTED];
    sli_conf_quote(sli_text_of(name), quoted);
    if (conf->n_slots == 0) {
        return sl_error_set(err, SL_E_CONFIG, "unknown option %s; it takes no options", quoted);
    }
    // the distance is quadratic in the word, so a huge one is not compared
    const char *near = strlen(name) <= SLI_CONF_MAX_NAME ? sli_nearest(name, conf->names) : NULL;
    if (near != NULL) {
        return sl_error_set(err, SL_E_CONFIG, "unknown option %s; did you mean %s?", quoted, near);
    }
    sli_str known = {.tag = SLI_TAG_CONF};
    for (int32_t i = 0; i < conf->n_slots && i < 12; i++) {
        sli_str_printf(&known, "%s%s", i == 0 ? "" : ", ", conf->names[i]);
    }
    sl_code rc = sl_error_set(err, SL_E_CONFIG, "unknown option %s; known are %s%s", quoted,
                              known.data == NULL ? conf->names[0] : known.data,
                              conf->n_slots > 12 ? ", ..." : "");
    sli_str_reset(&known);
    return rc;
}

// Finds the slot and reads the value; changes nothing.
static sl_code check_value(const sl_conf *conf, const char *name, sl_text value, slot **to,
                           sli_parsed *parsed, sl_error *err)
{
    slot *found = find_for(conf, name);
    sl_code rc = found == NULL ? unknown_option(conf, name, err)
                               : sli_option_read(found->option, value, parsed, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "%s", conf->what);
    }
    *to = found;
    return SL_OK;
}

sl_code sl_conf_set(sl_conf *conf, const char *name, sl_text value, sl_error *err)
{
    slot *to = NULL;
    sli_parsed parsed = {0};
    SL_TRY(check_value(conf, name, value, &to, &parsed, err));
    if (to->option->type == SL_OPT_FAMILY) {
        return sli_members_set(&conf->members, to->option, name, value, err);
    }
    char *text = sl_strndup(SLI_TAG_CONF, value.size == 0 ? "" : value.data, value.size);
    if (text == NULL) {
        return sl_error_nomem(err, value.size, "an option's value");
    }
    forget(to);
    to->text = text;
    to->parsed = parsed;
    return SL_OK;
}

typedef struct setting {
    sl_conf *conf;
    bool check_only;
} setting;

static sl_code set_pair(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    const setting *s = ctx;
    char name[SLI_CONF_MAX_NAME + 1] = {0}; // the parsers refuse longer keys
    SL_ASSERT(key.size <= SLI_CONF_MAX_NAME, "keys were checked");
    memcpy(name, key.data, key.size);
    if (s->check_only) {
        slot *to = NULL;
        sli_parsed parsed = {0};
        return check_value(s->conf, name, value, &to, &parsed, err);
    }
    return sl_conf_set(s->conf, name, value, err);
}

sl_code sl_conf_parse(sl_conf *conf, const char *text, sl_error *err)
{
    SL_TRY(sli_pairs_each(text, set_pair, &(setting){conf, true}, err));
    return sli_pairs_each(text, set_pair, &(setting){conf, false}, err);
}

sl_code sl_conf_parse_query(sl_conf *conf, sl_text query, sl_error *err)
{
    SL_TRY(sli_query_each(query, set_pair, &(setting){conf, true}, err));
    return sli_query_each(query, set_pair, &(setting){conf, false}, err);
}

sl_code sl_conf_check(const sl_conf *conf, sl_error *err)
{
    for (int32_t i = 0; i < conf->n_slots; i++) {
        const slot *s = &conf->slots[i];
        if ((s->option->flags & SL_OPT_REQUIRED) != 0 && s->text == NULL) {
            sli_str allowed = {.tag = SLI_TAG_CONF};
            sli_option_allowed(s->option, &allowed);
            sl_code rc =
                sl_error_set(err, SL_E_CONFIG, "%s: option %s must be set: %s (%s)", conf->what,
                             s->option->name, s->option->text == NULL ? "" : s->option->text,
                             allowed.data == NULL ? "see --help" : allowed.data);
            sli_str_reset(&allowed);
            return rc;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- asking

static const slot *ask(const sl_conf *conf, const char *name)
{
    const slot *s = find(conf, name);
    SL_ASSERT(s != NULL, "asked for an option that no table declares");
    return s;
}

bool sl_conf_is_set(const sl_conf *conf, const char *name)
{
    return ask(conf, name)->text != NULL;
}

const char *sl_conf_text(const sl_conf *conf, const char *name)
{
    const slot *s = ask(conf, name);
    sl_option_type type = s->option->type;
    SL_ASSERT(type == SL_OPT_TEXT || type == SL_OPT_CHOICE || type == SL_OPT_SECRET,
              "option is not text");
    return s->text != NULL ? s->text : s->option->fallback;
}

sl_code sl_conf_each(const sl_conf *conf, const char *family, sli_pair_fn each, void *ctx,
                     sl_error *err)
{
    SL_ASSERT(ask(conf, family)->option->type == SL_OPT_FAMILY, "option is not a family");
    return sli_members_each(&conf->members, family, each, ctx, err);
}

bool sl_conf_bool(const sl_conf *conf, const char *name)
{
    const slot *s = ask(conf, name);
    SL_ASSERT(s->option->type == SL_OPT_BOOL, "option is not a truth value");
    return s->parsed.whole != 0;
}

int64_t sl_conf_int64(const sl_conf *conf, const char *name)
{
    const slot *s = ask(conf, name);
    sl_option_type type = s->option->type;
    SL_ASSERT(type == SL_OPT_INT || type == SL_OPT_DURATION || type == SL_OPT_SIZE,
              "option is not a whole number");
    return s->parsed.whole;
}

double sl_conf_float64(const sl_conf *conf, const char *name)
{
    const slot *s = ask(conf, name);
    SL_ASSERT(s->option->type == SL_OPT_FLOAT, "option is not a number");
    return s->parsed.real;
}

int32_t sl_conf_choice(const sl_conf *conf, const char *name)
{
    const slot *s = ask(conf, name);
    SL_ASSERT(s->option->type == SL_OPT_CHOICE, "option is not a choice");
    return (int32_t)s->parsed.whole;
}

// The value as the engine understands it, so that "1s" and "1000ms" are one value and not two.
static void hash_value(const slot *s, sli_hash128 *hash)
{
    const char *text = s->text != NULL ? s->text : s->option->fallback;
    if (text == NULL) {
        *hash = sli_hash128_chain(*hash, "-", 1);
        return;
    }
    *hash = sli_hash128_chain(*hash, "=", 1);
    if (s->option->type == SL_OPT_TEXT) {
        *hash = sli_hash128_chain(*hash, text, strlen(text));
        return;
    }
    char number[48];
    size_t size = 0;
    if (s->option->type == SL_OPT_FLOAT) {
        double real =
            s->parsed.real == 0 ? 0 : s->parsed.real; // -0.0 compares equal, so it hashes equal
        size = sli_format_float64(real, number);
    } else {
        for (int shift = 0; shift < 64; shift += 8) { // little-endian on every machine
            number[size++] = (char)((uint64_t)s->parsed.whole >> shift & 0xff);
        }
    }
    *hash = sli_hash128_chain(*hash, number, size);
}

uint64_t sl_conf_result_hash(const sl_conf *conf)
{
    sli_hash128 hash = {0};
    for (int32_t i = 0; i < conf->n_slots; i++) {
        const slot *s = &conf->slots[i];
        if ((s->option->flags & SL_OPT_RESULT) != 0) {
            hash = sli_hash128_chain(hash, s->option->name, strlen(s->option->name));
            hash_value(s, &hash);
        }
    }
    return hash.low;
}
