/// eval_text.c — kernels of texts. Positions and lengths are code points, counted from 1; bytes
/// where the name says so.
///
/// Guarantees: what is cut out of a column's cell is not copied (the vector's `whole`); what is
/// made new is bounded by 2^31 - 1 bytes a cell.
#include "expr/expr_int.h"

enum { MAX_CELL = INT32_MAX };

static sl_text *new_texts(sli_eval *ev, sli_vec *out)
{
    sl_text *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    out->v.s = to;
    return to;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static int64_t count_chars(const char *data, size_t size)
{
    int64_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n += !is_continuation(data[i]);
    }
    return n;
}

// Byte offset of the n-th code point, or the size.
static size_t offset_of(sl_text text, int64_t n)
{
    size_t at = 0;
    for (; n > 0 && at < text.size; n--) {
        for (at++; at < text.size && is_continuation(text.data[at]);) {
            at++;
        }
    }
    return at;
}

// Place of the first `part` in `text` from byte `from` on, or NULL. An empty part is found at once.
static const char *find(sl_text text, size_t from, sl_text part)
{
    return part.size == 0 ? text.data + from
                          : memmem(text.data + from, text.size - from, part.data, part.size);
}

// ---------------------------------------------------------------- measures

sl_code sli_k_length(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    bool bytes = args[0].type == SL_BINARY;
    (void)node;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        sl_text text = args[0].v.s[i];
        to[i] = bytes ? (int64_t)text.size : count_chars(text.data, text.size);
    }
    out->v.i = to;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

sl_code sli_k_octets(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    (void)node;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = (int64_t)args[0].v.s[i].size;
    }
    out->v.i = to;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

sl_code sli_k_position(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    (void)node;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        sl_text text = args[1].v.s[i];
        const char *found = find(text, 0, args[0].v.s[i]);
        to[i] = found == NULL ? 0 : 1 + count_chars(text.data, (size_t)(found - text.data));
    }
    out->v.i = to;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

// ---------------------------------------------------------------- tests

typedef bool (*test_fn)(sl_text text, sl_text part);

static sl_code each_test(sli_eval *ev, const sli_vec *args, test_fn test, sli_vec *out)
{
    uint8_t *to = sli_eval_alloc(ev, (size_t)ev->n);
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = test(args[0].v.s[i], args[1].v.s[i]);
    }
    out->v.b = to;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

static bool has(sl_text text, sl_text part)
{
    return find(text, 0, part) != NULL;
}

static bool begins(sl_text text, sl_text part)
{
    return text.size >= part.size &&
           (part.size == 0 || memcmp(text.data, part.data, part.size) == 0);
}

static bool ends(sl_text text, sl_text part)
{
    return text.size >= part.size &&
           (part.size == 0 || memcmp(text.data + text.size - part.size, part.data, part.size) == 0);
}

// Whether text at byte *t matches one step of the pattern at byte *p (not a `%`); moves both behind
// it.
static bool match_one(sl_text text, size_t *t, sl_text pattern, size_t *p)
{
    if (*t == text.size || *p == pattern.size) {
        return false;
    }
    if (pattern.data[*p] == '_') {
        ++*p;
        for (++*t; *t < text.size && is_continuation(text.data[*t]);) {
            ++*t;
        }
        return true;
    }
    size_t literal = *p + (pattern.data[*p] == '\\' && *p + 1 < pattern.size);
    if (pattern.data[literal] != text.data[*t]) {
        return false;
    }
    *p = literal + 1;
    ++*t;
    return true;
}

// `%` any text, `_` one code point, `\` takes the next as it is. Only the last `%` is ever tried
// again, so the cost is at most the product of both sizes.
static bool like(sl_text text, sl_text pattern)
{
    size_t t = 0, p = 0, retry_t = 0, retry_p = 0;
    bool can_retry = false;
    while (t < text.size || p < pattern.size) {
        if (p < pattern.size && pattern.data[p] == '%') {
            retry_p = ++p;
            retry_t = t;
            can_retry = true;
        } else if (!match_one(text, &t, pattern, &p)) {
            if (!can_retry || retry_t == text.size) {
                return false;
            }
            for (retry_t++; retry_t < text.size && is_continuation(text.data[retry_t]);) {
                retry_t++;
            }
            t = retry_t;
            p = retry_p;
        }
    }
    return true;
}

sl_code sli_k_contains(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_test(ev, args, has, out);
}

sl_code sli_k_starts_with(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_test(ev, args, begins, out);
}

sl_code sli_k_ends_with(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_test(ev, args, ends, out);
}

sl_code sli_k_like(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_test(ev, args, like, out);
}

// ---------------------------------------------------------------- pieces

// Spark's substr: from 1, a negative start counts from the end, 0 is 1; what lies outside is cut
// off.
static sl_text cut(sl_text text, int64_t start, bool bounded, int64_t n)
{
    int64_t size = 0;
    if (start < 0) {
        size = count_chars(text.data, text.size);
        start = start < -size - INT32_MAX ? -INT32_MAX : size + start;
    } else {
        start -= start > 0;
    }
    int64_t end =
        bounded && n < INT64_MAX - (start > 0 ? start : 0) ? start + (n < 0 ? 0 : n) : INT64_MAX;
    size_t from = offset_of(text, start < 0 ? 0 : start);
    size_t to = end <= 0 ? 0 : end == INT64_MAX ? text.size : offset_of(text, end);
    return (sl_text){text.data + from, to > from ? to - from : 0};
}

sl_code sli_k_substr(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    sl_text *to = new_texts(ev, out);
    bool bounded = node->n_args == 3;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = cut(args[0].v.s[i], args[1].v.i[i], bounded, bounded ? args[2].v.i[i] : 0);
    }
    out->whole = args[0].whole;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

sl_code sli_k_trim(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    sl_text *to = new_texts(ev, out);
    (void)node;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        sl_text text = args[0].v.s[i];
        while (text.size > 0 && text.data[text.size - 1] == ' ') {
            text.size--;
        }
        while (text.size > 0 && text.data[0] == ' ') {
            text.data++;
            text.size--;
        }
        to[i] = text;
    }
    out->whole = args[0].whole;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

static int64_t count_parts(sl_text text, sl_text by)
{
    int64_t n = 1;
    const char *end = text.data + text.size;
    for (const char *at = text.data; by.size > 0;) {
        const char *found = memmem(at, (size_t)(end - at), by.data, by.size);
        if (found == NULL) {
            break;
        }
        at = found + by.size;
        n++;
    }
    return n;
}

// The n-th piece from 1; empty when there are fewer. An empty separator cuts nothing.
static sl_text part_of(sl_text text, sl_text by, int64_t n)
{
    const char *at = text.data, *end = text.data + text.size;
    if (n < 0) {
        n += count_parts(text, by) + 1;
    }
    for (; n > 0; n--) {
        const char *found = by.size == 0 ? NULL : memmem(at, (size_t)(end - at), by.data, by.size);
        if (n == 1) {
            return (sl_text){at, (size_t)((found == NULL ? end : found) - at)};
        }
        if (found == NULL) {
            break;
        }
        at = found + by.size;
    }
    return (sl_text){text.data, 0};
}

sl_code sli_k_split_part(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    const uint8_t *skip;
    sl_text *to = new_texts(ev, out);
    (void)node;
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        if (args[2].v.i[i] == 0 && (skip == NULL || skip[i] == 0)) {
            return sli_eval_fail(ev, i,
                                 "split_part counts from 1 (or from -1 at the end), not from 0");
        }
        to[i] = part_of(args[0].v.s[i], args[1].v.s[i], args[2].v.i[i]);
    }
    out->whole = args[0].whole;
    return SL_OK;
}

// ---------------------------------------------------------------- new texts

// Room for `size` bytes of row i's cell.
static sl_code new_cell(sli_eval *ev, int64_t i, size_t size, char **out)
{
    if (size > MAX_CELL) {
        return sli_eval_fail(ev, i, "a text of more than 2^31 - 1 bytes");
    }
    *out = sli_eval_alloc(ev, size);
    return *out == NULL ? SL_E_NOMEM : SL_OK;
}

sl_code sli_k_concat(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    const uint8_t *skip;
    sl_text *to = new_texts(ev, out);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        size_t size = 0;
        char *cell = NULL;
        for (int32_t k = 0; k < node->n_args; k++) {
            size += args[k].v.s[i].size;
        }
        if (skip != NULL && skip[i] != 0) {
            to[i] = (sl_text){"", 0};
            continue;
        }
        SL_TRY(new_cell(ev, i, size, &cell));
        to[i] = (sl_text){cell, size};
        for (int32_t k = 0; k < node->n_args; k++) {
            sl_text part = args[k].v.s[i];
            if (part.size > 0) {
                memcpy(cell, part.data, part.size);
                cell += part.size;
            }
        }
    }
    return SL_OK;
}

static sl_code replace_one(sli_eval *ev, int64_t i, sl_text text, sl_text old, sl_text new,
                           sl_text *out)
{
    size_t n = old.size == 0 ? 0 : (size_t)count_parts(text, old) - 1;
    char *cell = NULL;
    *out = text;
    if (n == 0) {
        return SL_OK;
    }
    size_t size = text.size - n * old.size + n * new.size; // both products are below 2^62
    SL_TRY(new_cell(ev, i, size, &cell));
    *out = (sl_text){cell, size};
    const char *at = text.data, *end = text.data + text.size;
    for (; n > 0; n--) {
        const char *found = memmem(at, (size_t)(end - at), old.data, old.size);
        memcpy(cell, at, (size_t)(found - at));
        cell += found - at;
        if (new.size > 0) {
            memcpy(cell, new.data, new.size);
            cell += new.size;
        }
        at = found + old.size;
    }
    memcpy(cell, at, (size_t)(end - at));
    return SL_OK;
}

sl_code sli_k_replace(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    const uint8_t *skip;
    sl_text *to = new_texts(ev, out);
    (void)node;
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        if (skip != NULL && skip[i] != 0) {
            to[i] = (sl_text){"", 0};
            continue;
        }
        SL_TRY(replace_one(ev, i, args[0].v.s[i], args[1].v.s[i], args[2].v.s[i], &to[i]));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- case

// The code point at *at, which moves behind it. The text was checked where it came in.
static uint32_t read_char(const char *data, size_t *at)
{
    const unsigned char *p = (const unsigned char *)data + *at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (uint32_t)(p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *at += 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 |
               (uint32_t)(p[2] & 0x3F);
    }
    *at += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (uint32_t)(p[3] & 0x3F);
}

static char *write_char(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

typedef int32_t (*case_fn)(uint32_t c, uint32_t out[SLI_CASE_MAX]);

/// The mapped text at `to`; gives its end.
static char *write_case(char *to, sl_text text, case_fn map)
{
    uint32_t letters[SLI_CASE_MAX];
    for (size_t at = 0; at < text.size;) {
        int32_t n = map(read_char(text.data, &at), letters);
        for (int32_t i = 0; i < n; i++) {
            to = write_char(to, letters[i]);
        }
    }
    return to;
}

/// Bytes of the mapped text. ASCII keeps its size.
static size_t case_size(sl_text text, case_fn map)
{
    char scratch[4 * SLI_CASE_MAX];
    size_t size = 0;
    for (size_t at = 0, from = 0; at < text.size; from = at) {
        if ((unsigned char)text.data[at] < 0x80) {
            at++;
            size++;
            continue;
        }
        (void)read_char(text.data, &at);
        size +=
            (size_t)(write_case(scratch, (sl_text){text.data + from, at - from}, map) - scratch);
    }
    return size;
}

static sl_code map_case(sli_eval *ev, const sli_vec *args, case_fn map, sli_vec *out)
{
    const uint8_t *skip;
    sl_text *to = new_texts(ev, out);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        sl_text text = args[0].v.s[i];
        char *cell = NULL;
        if ((skip != NULL && skip[i] != 0) || text.size == 0) {
            to[i] = (sl_text){"", 0};
            continue;
        }
        SL_TRY(new_cell(ev, i, case_size(text, map), &cell));
        to[i] = (sl_text){cell, (size_t)(write_case(cell, text, map) - cell)};
    }
    return SL_OK;
}

sl_code sli_k_lower(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return map_case(ev, args, sli_char_lower, out);
}

sl_code sli_k_upper(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return map_case(ev, args, sli_char_upper, out);
}
