/// error.h — how a failure is told.
///
/// Every call that can fail returns an `sl_code` and takes an `sl_error *` last, which may be NULL.
/// The caller owns the struct with its text buffer, so telling of a failure needs no memory.
/// Outputs are written on success only. The one exception are the calls that define a graph
/// (graph.h): their first mistake sticks to the graph.
#pragma once

#include <stdarg.h>

#include "sluice/base.h"

SL_BEGIN_DECLS

/// What went wrong, as a class. Numbers are stable: they are written to logs and progress lines.
typedef enum sl_code {
    SL_OK = 0,
    SL_E_INVALID = 1,   ///< an argument or a definition that can't be right
    SL_E_CONFIG = 2,    ///< an option that is unknown, misspelt or out of range
    SL_E_NOMEM = 3,     ///< memory refused, by the system or by the budget
    SL_E_IO = 4,        ///< a file or socket failed; `sys_errno` says how
    SL_E_NOT_FOUND = 5, ///< a file, column, table or key that isn't there
    SL_E_EXISTS = 6,    ///< it is there already, and replacing it is not allowed
    SL_E_NO_SPACE = 7,  ///< disk or quota full
    SL_E_DATA = 8,      ///< a record that can't be read: malformed, too long, wrong type
    SL_E_CORRUPT = 9,   ///< bytes that Sluice wrote and that are no longer what it wrote
    SL_E_INCOMPATIBLE =
        10,         ///< a checkpoint of another job, another format, or a graph it doesn't fit
    SL_E_BUSY = 11, ///< in use by another living process
    SL_E_SUPERSEDED = 12,  ///< a newer driver of this job exists; this one must end without effect
    SL_E_CANCELLED = 13,   ///< stopped on request
    SL_E_TIMEOUT = 14,     ///< a deadline passed
    SL_E_USER = 15,        ///< a user function returned an error
    SL_E_STATE = 16,       ///< the call is not allowed now (started already, stopped, wrong thread)
    SL_E_UNSUPPORTED = 17, ///< this build, sink or source can't do that
    SL_E_END = 18,         ///< nothing more will come; an answer, not a failure
    SL_E_CRASHED = 19,     ///< simulation only: the process is dead, nothing it does has an effect
} sl_code;

/// What the scheduler shall do about it. The place that knows most sets it; nobody parses text.
typedef enum sl_action {
    SL_ACT_DEFAULT = 0,  ///< what the code implies: see sl_code_action
    SL_ACT_RETRY_TASK,   ///< the same task may succeed if tried again
    SL_ACT_REPLAY_EPOCH, ///< inputs of the epoch's tasks are lost: run the epoch again from its
                         ///< plan
    SL_ACT_STOP_JOB,     ///< trying again can't help or would do harm
} sl_action;

enum { SL_ERROR_TEXT_BYTES = 512 };

/// A failure. Zero it, or use SL_ERROR_INIT, before the first use.
typedef struct sl_error {
    sl_code code;
    sl_action action;
    int sys_errno;                  ///< errno of the outside call that failed, or 0
    char text[SL_ERROR_TEXT_BYTES]; ///< what, where and what to do next; always ended by a zero
} sl_error;

#define SL_ERROR_INIT ((sl_error){.code = SL_OK})

/// Fills *err (which may be NULL) and returns `code`, so that a function can end with `return
/// sl_error_set(...)`. The action becomes the code's default. Text that is too long is cut at a
/// character, never overrun. Thread: any.
SL_API sl_code sl_error_set(sl_error *err, sl_code code, const char *fmt, ...) SL_PRINTF(3, 4);
/// As sl_error_set, and adds ": " and the text of `sys_errno`. Chooses the code from `sys_errno`
/// when `code` is SL_OK: not found, exists, no space, memory, timeout, cancelled, unsupported, and
/// SL_E_IO for all others.
SL_API sl_code sl_error_sys(sl_error *err, sl_code code, int sys_errno, const char *fmt, ...)
    SL_PRINTF(4, 5);
/// Puts "what the caller was doing: " before the text; keeps code, action and errno; returns `rc`.
/// Does nothing when `rc` is SL_OK; an *err that nobody filled gets `rc` as its code.
SL_API sl_code sl_error_wrap(sl_error *err, sl_code rc, const char *fmt, ...) SL_PRINTF(3, 4);
/// Sets what the scheduler shall do; returns the code of *err. `err` may be NULL: the answer is
/// then SL_OK, so return the code you set, not this one.
SL_API sl_code sl_error_act(sl_error *err, sl_action action);
/// "SL_E_IO" and so on; never NULL.
SL_API const char *sl_code_name(sl_code code);
/// The action a code implies: I/O, memory and timeouts retry the task; user errors and bad data
/// retry too (Spark's rule: a task has several attempts); every other failure stops the job. SL_OK
/// has SL_ACT_DEFAULT.
SL_API sl_action sl_code_action(sl_code code);
/// The action of *err with SL_ACT_DEFAULT resolved.
SL_API sl_action sl_error_action(const sl_error *err);

/// Returns from the calling function when `call` fails. For places with nothing to undo.
#define SL_TRY(call)                                                                               \
    do {                                                                                           \
        sl_code sl_try_rc_ = (call);                                                               \
        if (sl_try_rc_ != SL_OK) {                                                                 \
            return sl_try_rc_;                                                                     \
        }                                                                                          \
    } while (0)

SL_END_DECLS
