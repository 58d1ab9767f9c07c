// allocations.c — a reader of the XML that Spark's allocation files are made of, and of no other.
//
// Three levels of elements, one attribute and no mixed content: a general parser would be a library
// more to install, most of which would have to be refused here.
#include "sched/allocations.h"

const char *const sli_allocation_names[] = {"schedulingMode", "weight", "minShare", NULL};

typedef struct reader {
    const char *at, *end;
    int32_t line;
} reader;

typedef struct tag {
    sl_text element, name; ///< its name, and that of the pool; data NULL: none
    int32_t line;
    bool is_empty; ///< "<pool/>": nothing ends it
} tag;

static sl_code wrong(int32_t line, const char *why, sl_error *err)
{
    return sl_error_set(err, SL_E_CONFIG, "line %d: %s", line, why);
}

static sl_code wrong_element(int32_t line, sl_text element, const char *why, sl_error *err)
{
    int size = element.size < 64 ? (int)element.size : 64;
    return sl_error_set(err, SL_E_CONFIG, "line %d: <%.*s> %s", line, size, element.data, why);
}

// ---------------------------------------------------------------- characters

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

static sl_text take(reader *r, size_t size)
{
    sl_text taken = {r->at, size};
    for (; size > 0; size--) {
        r->line += *r->at++ == '\n';
    }
    return taken;
}

static bool take_if(reader *r, const char *text)
{
    size_t size = strlen(text);
    bool is_here = (size_t)(r->end - r->at) >= size && memcmp(r->at, text, size) == 0;
    if (is_here) {
        (void)take(r, size);
    }
    return is_here;
}

/// Up to the first byte of `stops`, or the end.
static sl_text take_until(reader *r, const char *stops)
{
    const char *at = r->at;
    while (at < r->end && strchr(stops, *at) == NULL) {
        at++;
    }
    return take(r, (size_t)(at - r->at));
}

static sl_text take_name(reader *r)
{
    const char *at = r->at;
    while (at < r->end && is_of_name(*at)) {
        at++;
    }
    return take(r, (size_t)(at - r->at));
}

static bool skip_spaces(reader *r)
{
    const char *at = r->at;
    while (at < r->end && is_space(*at)) {
        at++;
    }
    return take(r, (size_t)(at - r->at)).size > 0;
}

static sl_code skip_past(reader *r, const char *mark, sl_error *err)
{
    int32_t line = r->line;
    while (r->at < r->end) {
        if (take_if(r, mark)) {
            return SL_OK;
        }
        (void)take(r, 1);
    }
    return sl_error_set(err, SL_E_CONFIG, "line %d: what begins here has no \"%s\" at its end",
                        line, mark);
}

/// What may stand between elements: spaces, comments, processing instructions.
static sl_code skip_between(reader *r, sl_error *err)
{
    for (;;) {
        (void)skip_spaces(r);
        if (take_if(r, "<!--")) {
            SL_TRY(skip_past(r, "-->", err));
        } else if (take_if(r, "<?")) {
            SL_TRY(skip_past(r, "?>", err));
        } else {
            return SL_OK;
        }
    }
}

// ---------------------------------------------------------------- tags

/// name="...": the one attribute that there is.
static sl_code read_attribute(reader *r, tag *t, sl_error *err)
{
    sl_text key = take_name(r);
    (void)skip_spaces(r);
    if (!sli_text_is(key, "name") || !sli_text_is(t->element, "pool") || t->name.data != NULL) {
        return wrong_element(r->line, t->element, "takes no attribute but a pool its name, once",
                             err);
    }
    bool is = take_if(r, "=");
    (void)skip_spaces(r);
    const char *quote = take_if(r, "\"") ? "\"" : "'";
    if (!is || (*quote == '\'' && !take_if(r, quote))) {
        return wrong(r->line, "a name is written name=\"...\"", err);
    }
    int32_t line = r->line;
    t->name = take_until(r, *quote == '"' ? "\"<&" : "'<&");
    return take_if(r, quote) ? SL_OK
                             : wrong(line, "a pool's name has no end, or a '<' or '&' in it", err);
}

static sl_code open_tag(reader *r, tag *out, sl_error *err)
{
    *out = (tag){.line = r->line};
    if (!take_if(r, "<")) {
        return wrong(r->line, r->at == r->end ? "the file ends too early" : "text between elements",
                     err);
    }
    out->element = take_name(r);
    if (out->element.size == 0) {
        return wrong(out->line, "no element's name behind '<'", err);
    }
    for (;;) {
        bool spaced = skip_spaces(r);
        if (take_if(r, ">")) {
            return SL_OK;
        }
        if (take_if(r, "/>")) {
            out->is_empty = true;
            return SL_OK;
        }
        if (!spaced || r->at == r->end || !is_of_name(*r->at)) {
            return wrong_element(out->line, out->element, "has no '>' at its end", err);
        }
        SL_TRY(read_attribute(r, out, err));
    }
}

static sl_code close_tag(reader *r, const tag *t, sl_error *err)
{
    int32_t line = r->line;
    bool is = take_if(r, "</");
    sl_text name = take_name(r);
    (void)skip_spaces(r);
    is = is && name.size == t->element.size && memcmp(name.data, t->element.data, name.size) == 0;
    return is && take_if(r, ">") ? SL_OK
                                 : wrong_element(line, t->element, "should have ended here", err);
}

// ---------------------------------------------------------------- elements

static sl_code unknown(const tag *t, sl_error *err)
{
    char word[64] = "";
    if (t->element.size < sizeof word) {
        memcpy(word, t->element.data, t->element.size);
    }
    const char *near = sli_nearest(word, sli_allocation_names);
    return sl_error_set(err, SL_E_CONFIG, "line %d: a pool has no <%s>%s%s%s", t->line, word,
                        near == NULL ? "" : "; did you mean <", near == NULL ? "" : near,
                        near == NULL ? "" : ">?");
}

static sl_code read_value(reader *r, sli_allocation *pool, sl_error *err)
{
    tag t;
    SL_TRY(open_tag(r, &t, err));
    int32_t key = 0;
    while (key < SLI_ALLOCATION_KEYS && !sli_text_is(t.element, sli_allocation_names[key])) {
        key++;
    }
    if (key == SLI_ALLOCATION_KEYS) {
        return unknown(&t, err);
    }
    if (pool->values[key].data != NULL) {
        return wrong_element(t.line, t.element, "stands twice in its pool", err);
    }
    (void)skip_spaces(r);
    pool->lines[key] = r->line;
    sl_text value = t.is_empty ? (sl_text){t.element.data, 0} : take_until(r, "<&");
    while (value.size > 0 && is_space(value.data[value.size - 1])) {
        value.size--;
    }
    pool->values[key] = value;
    return t.is_empty ? SL_OK : close_tag(r, &t, err);
}

static bool is_at_end_tag(const reader *r)
{
    return r->end - r->at >= 2 && r->at[0] == '<' && r->at[1] == '/';
}

static sl_code read_pool(reader *r, sli_allocation_fn each, void *ctx, sl_error *err)
{
    tag t;
    sli_allocation pool = {0};
    SL_TRY(open_tag(r, &t, err));
    if (!sli_text_is(t.element, "pool")) {
        return wrong_element(t.line, t.element, "is no <pool>", err);
    }
    if (t.name.size == 0) {
        return wrong(t.line, "a pool without a name", err);
    }
    pool.name = t.name;
    pool.line = t.line;
    while (!t.is_empty) {
        SL_TRY(skip_between(r, err));
        if (is_at_end_tag(r)) {
            SL_TRY(close_tag(r, &t, err));
            break;
        }
        SL_TRY(read_value(r, &pool, err));
    }
    return each(ctx, &pool, err);
}

static sl_code read_all(reader *r, sli_allocation_fn each, void *ctx, sl_error *err)
{
    tag t;
    (void)take_if(r, "\xef\xbb\xbf"); // a byte order mark
    SL_TRY(skip_between(r, err));
    SL_TRY(open_tag(r, &t, err));
    if (!sli_text_is(t.element, "allocations")) {
        return wrong_element(t.line, t.element, "is no <allocations>", err);
    }
    while (!t.is_empty) {
        SL_TRY(skip_between(r, err));
        if (is_at_end_tag(r)) {
            SL_TRY(close_tag(r, &t, err));
            break;
        }
        SL_TRY(read_pool(r, each, ctx, err));
    }
    SL_TRY(skip_between(r, err));
    return r->at == r->end ? SL_OK : wrong(r->line, "something behind </allocations>", err);
}

sl_code sli_allocations_each(sl_text bytes, sli_allocation_fn each, void *ctx, sl_error *err)
{
    reader r = {bytes.data, bytes.data + bytes.size, 1};
    const char *zero = memchr(bytes.data, 0, bytes.size);
    size_t good = sli_utf8_check(bytes.data, bytes.size);
    good = zero != NULL && (size_t)(zero - bytes.data) < good ? (size_t)(zero - bytes.data) : good;
    if (good < bytes.size) {
        (void)take(&r, good);
        return wrong(r.line, "not UTF-8 text", err);
    }
    return read_all(&r, each, ctx, err);
}
