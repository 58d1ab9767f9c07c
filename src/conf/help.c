/// help.c — help text out of option tables.
///
///     name=TYPE           One sentence, wrapped. Default 500ms; from 1ms to 1h.
///                         Second line of the text.
///
/// A name too wide for its column stands on a line of its own. Widths are counted in characters,
/// not bytes.
#include "conf/conf_int.h"

enum { LEFT = 2, MIN_COLUMNS = 40, MAX_COLUMNS = 400 };

typedef struct wrapper {
    sli_str *out;
    int32_t indent, columns, at; // `at`: characters on the present line
} wrapper;

static int32_t width(const char *text, size_t size)
{
    int32_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n += ((unsigned char)text[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

static void pad(wrapper *w, int32_t to)
{
    for (; w->at < to; w->at++) {
        sli_str_char(w->out, ' ');
    }
}

static void new_line(wrapper *w)
{
    sli_str_char(w->out, '\n');
    w->at = 0;
    pad(w, w->indent);
}

static void words(wrapper *w, const char *text)
{
    while (*text != '\0') {
        text += strspn(text, " ");
        size_t size = strcspn(text, " ");
        int32_t wide = width(text, size);
        if (size == 0) {
            return;
        }
        if (w->at > w->indent) {
            if (w->at + 1 + wide > w->columns) {
                new_line(w);
            } else {
                pad(w, w->at + 1);
            }
        }
        sli_str_add(w->out, text, size);
        w->at += wide;
        text += size;
    }
}

static const char *type_word(const sl_option *option)
{
    switch (option->type) {
    case SL_OPT_TEXT:
        return "TEXT";
    case SL_OPT_BOOL:
        return "true|false";
    case SL_OPT_INT:
        return "N";
    case SL_OPT_FLOAT:
        return "NUMBER";
    case SL_OPT_DURATION:
        return "TIME";
    case SL_OPT_SIZE:
        return "SIZE";
    case SL_OPT_CHOICE:
        return option->choices;
    case SL_OPT_SECRET:
        return "SECRET";
    case SL_OPT_FAMILY:
        return "TEXT";
    }
    return "VALUE";
}

// "Default 500ms; from 1ms to 1h." or nothing.
static void rules(const sl_option *option, sli_str *out)
{
    const char *between = "";
    if ((option->flags & SL_OPT_REQUIRED) != 0) {
        sli_str_text(out, "Required");
        between = "; ";
    }
    if (option->fallback != NULL) {
        sli_str_printf(out, "%sDefault %s", between,
                       option->fallback[0] == '\0' ? "empty" : option->fallback);
        between = "; ";
    }
    if (option->low != NULL && option->high != NULL) {
        sli_str_printf(out, "%sfrom %s to %s", between, option->low, option->high);
    } else if (option->low != NULL) {
        sli_str_printf(out, "%sat least %s", between, option->low);
    } else if (option->high != NULL) {
        sli_str_printf(out, "%sat most %s", between, option->high);
    }
    if (out->size > 0) {
        sli_str_char(out, '.');
    }
}

static void one_option(const sl_option *option, wrapper *w)
{
    const char *type = type_word(option);
    w->at = 0;
    pad(w, LEFT);
    const char *member = option->type == SL_OPT_FAMILY ? "NAME" : "";
    sli_str_printf(w->out, "%s%s=%s", option->name, member, type);
    w->at += width(option->name, strlen(option->name)) + (int32_t)strlen(member);
    w->at += 1 + width(type, strlen(type));
    if (w->at + 2 > w->indent) {
        new_line(w);
    } else {
        pad(w, w->indent);
    }
    words(w, option->text == NULL ? "" : option->text);
    sli_str extra = {.tag = SLI_TAG_CONF};
    rules(option, &extra);
    if (extra.failed) {
        w->out->failed = true; // the caller's check must not see a help text with holes
    }
    words(w, extra.data == NULL ? "" : extra.data);
    sli_str_reset(&extra);
    sli_str_char(w->out, '\n');
}

void sl_conf_help(const sl_option *const *tables, int32_t columns, sli_str *out)
{
    columns = columns < MIN_COLUMNS ? MIN_COLUMNS : columns > MAX_COLUMNS ? MAX_COLUMNS : columns;
    wrapper w = {.out = out, .indent = columns >= 70 ? 32 : 6, .columns = columns};
    for (; tables != NULL && *tables != NULL; tables++) {
        for (const sl_option *option = *tables; option->name != NULL; option++) {
            one_option(option, &w);
        }
    }
}
