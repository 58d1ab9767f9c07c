/// sink_int.h — what the sinks share: settings out of a URL, and directories that stay.
#pragma once

#include "sink/sink.h"

/// The settings in the URL's query over the sink's table and, when that has an option `format`, the
/// table of the format named. *format (may be NULL when the sink has none) is that format. The
/// caller frees *out. Fails: SL_E_CONFIG.
sl_code sli_sink_conf(const sli_sink_ops *ops, const sli_url *url, sl_conf **out,
                      const sli_format_ops **format, sl_error *err);

/// Makes a directory and its parents and makes all their names durable, also when they are there
/// already: whoever made them may have died before it synced them. Blocks: yes.
sl_code sli_sink_make_dir(sli_fs *fs, const char *path, sl_error *err);
