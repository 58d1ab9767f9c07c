/// error.c — filling, wrapping and judging of sl_error.
///
/// Nothing here allocates, and nothing depends on the locale, so an error's text is the same on
/// every machine. Arguments may point into the error that is being filled: every text is made in a
/// buffer of its own first.
#include "sluice/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct code_row {
    const char *name;
    sl_action action;
} code_rows[] = {
    [SL_OK] = {"SL_OK", SL_ACT_DEFAULT},
    [SL_E_INVALID] = {"SL_E_INVALID", SL_ACT_STOP_JOB},
    [SL_E_CONFIG] = {"SL_E_CONFIG", SL_ACT_STOP_JOB},
    [SL_E_NOMEM] = {"SL_E_NOMEM", SL_ACT_RETRY_TASK},
    [SL_E_IO] = {"SL_E_IO", SL_ACT_RETRY_TASK},
    [SL_E_NOT_FOUND] = {"SL_E_NOT_FOUND", SL_ACT_STOP_JOB},
    [SL_E_EXISTS] = {"SL_E_EXISTS", SL_ACT_STOP_JOB},
    [SL_E_NO_SPACE] = {"SL_E_NO_SPACE", SL_ACT_STOP_JOB},
    [SL_E_DATA] = {"SL_E_DATA", SL_ACT_RETRY_TASK},
    [SL_E_CORRUPT] = {"SL_E_CORRUPT", SL_ACT_STOP_JOB},
    [SL_E_INCOMPATIBLE] = {"SL_E_INCOMPATIBLE", SL_ACT_STOP_JOB},
    [SL_E_BUSY] = {"SL_E_BUSY", SL_ACT_STOP_JOB},
    [SL_E_SUPERSEDED] = {"SL_E_SUPERSEDED", SL_ACT_STOP_JOB},
    [SL_E_CANCELLED] = {"SL_E_CANCELLED", SL_ACT_STOP_JOB},
    [SL_E_TIMEOUT] = {"SL_E_TIMEOUT", SL_ACT_RETRY_TASK},
    [SL_E_USER] = {"SL_E_USER", SL_ACT_RETRY_TASK},
    [SL_E_STATE] = {"SL_E_STATE", SL_ACT_STOP_JOB},
    [SL_E_UNSUPPORTED] = {"SL_E_UNSUPPORTED", SL_ACT_STOP_JOB},
    [SL_E_END] = {"SL_E_END", SL_ACT_STOP_JOB},
    [SL_E_CRASHED] = {"SL_E_CRASHED", SL_ACT_STOP_JOB},
};
enum { N_CODES = sizeof(code_rows) / sizeof(code_rows[0]) };

static bool is_known(sl_code code)
{
    return (int)code >= 0 && (int)code < N_CODES;
}

const char *sl_code_name(sl_code code)
{
    return is_known(code) ? code_rows[code].name : "SL_E_?";
}

sl_action sl_code_action(sl_code code)
{
    return is_known(code) ? code_rows[code].action : SL_ACT_STOP_JOB;
}

sl_action sl_error_action(const sl_error *err)
{
    return err->action == SL_ACT_DEFAULT ? sl_code_action(err->code) : err->action;
}

/// A text being put together in a fixed buffer; what does not fit is cut.
typedef struct draft {
    char text[SL_ERROR_TEXT_BYTES];
    size_t size;
} draft;

/// Drops the rest of a UTF-8 sequence that the end of the buffer cut through. Text that is no UTF-8
/// stays as it is.
static void drop_cut_character(draft *d)
{
    size_t lead = d->size;
    while (lead > 0 && d->size - lead < 3 && ((uint8_t)d->text[lead - 1] & 0xC0) == 0x80) {
        lead--;
    }
    if (lead == 0) {
        return;
    }
    uint8_t first = (uint8_t)d->text[lead - 1];
    size_t want = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (want > 1 && d->size - (lead - 1) < want) {
        d->size = lead - 1;
        d->text[d->size] = '\0';
    }
}

static void SL_PRINTF(2, 0) add_v(draft *d, const char *fmt, va_list args)
{
    size_t room = sizeof(d->text) - d->size;
    int n = vsnprintf(d->text + d->size, room, fmt, args);
    if (n < 0) { // a format the C library refuses; the texts before it still help
        d->text[d->size] = '\0';
    } else if ((size_t)n < room) {
        d->size += (size_t)n;
    } else {
        d->size = sizeof(d->text) - 1;
        drop_cut_character(d);
    }
}

static void SL_PRINTF(2, 3) add(draft *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_v(d, fmt, args);
    va_end(args);
}

static sl_code fill(sl_error *err, sl_code code, int sys_errno, const draft *d)
{
    err->code = code;
    err->action = SL_ACT_DEFAULT;
    err->sys_errno = sys_errno;
    memcpy(err->text, d->text, d->size);
    err->text[d->size] = '\0';
    return code;
}

sl_code sl_error_set(sl_error *err, sl_code code, const char *fmt, ...)
{
    if (err == NULL) {
        return code;
    }
    draft d;
    d.size = 0;
    va_list args;
    va_start(args, fmt);
    add_v(&d, fmt, args);
    va_end(args);
    return fill(err, code, 0, &d);
}

static sl_code code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
        return SL_E_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return SL_E_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return SL_E_NO_SPACE;
    case ENOMEM:
        return SL_E_NOMEM;
    case ETIMEDOUT:
        return SL_E_TIMEOUT;
    case ECANCELED:
        return SL_E_CANCELLED;
    case ENOSYS:
    case EOPNOTSUPP:
        return SL_E_UNSUPPORTED;
    default:
        return SL_E_IO;
    }
}

sl_code sl_error_sys(sl_error *err, sl_code code, int sys_errno, const char *fmt, ...)
{
    if (code == SL_OK) {
        code = code_of_errno(sys_errno);
    }
    if (err == NULL) {
        return code;
    }
    draft d;
    d.size = 0;
    va_list args;
    va_start(args, fmt);
    add_v(&d, fmt, args);
    va_end(args);
    // Not strerror: its text follows the host program's locale.
    const char *text = strerrordesc_np(sys_errno);
    if (text != NULL) {
        add(&d, ": %s", text);
    } else {
        add(&d, ": errno %d", sys_errno);
    }
    return fill(err, code, sys_errno, &d);
}

sl_code sl_error_wrap(sl_error *err, sl_code rc, const char *fmt, ...)
{
    if (err == NULL || rc == SL_OK) {
        return rc;
    }
    draft d;
    d.size = 0;
    va_list args;
    va_start(args, fmt);
    add_v(&d, fmt, args);
    va_end(args);
    // A callee that told nothing leaves the struct as it was; its code is then all there is to say.
    bool told = err->code != SL_OK;
    add(&d, ": %s", told ? err->text : sl_code_name(rc));
    if (!told) {
        return fill(err, rc, 0, &d);
    }
    memcpy(err->text, d.text, d.size);
    err->text[d.size] = '\0';
    return rc;
}

sl_code sl_error_act(sl_error *err, sl_action action)
{
    if (err == NULL) {
        return SL_OK;
    }
    err->action = action;
    return err->code;
}
