/// secret.h — secrets that settings only point at: "file:PATH" and "env:NAME".
///
/// So a password stands in no job's text, no checkpoint and no process list. Who opens a client
/// reads it at that moment, and wipes it after use.
#pragma once

#include "env/env.h"

/// The secret that `value` means: what is in the file, without the line end behind it; what the
/// variable holds; or the value itself. `name` is the setting's, for messages, which never show the
/// secret. The caller gives *out to sli_secret_free. Fails: SL_E_CONFIG for a file or variable that
/// isn't there, is empty, or holds a zero byte; SL_E_NOMEM. Blocks: disk.
sl_code sli_secret_read(sl_env *env, const char *name, sl_text value, char **out, sl_error *err);
/// Overwrites and frees; accepts NULL.
void sli_secret_free(SL_TAKES char *secret);
