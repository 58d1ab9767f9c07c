/// sink_int.h — what the sinks share: settings out of a URL, and directories that stay.
#pragma once

#include "sink/sink.h"

/// The settings in the URL's query over the sink's table and, when that has an option `format`, the
/// table of the format named. *format (may be NULL when the sink has none) is that format. The
/// caller frees *out. Fails: SL_E_CONFIG.
sl_code sli_sink_conf(const sli_sink_ops *ops, const sli_url *url, sl_conf **out,
                      const sli_format_ops **format, sl_error *err);

/// The column that says which rows go, of the option `deletes`: the last one, an int64, below 0 for
/// a row whose key is to be deleted. *out: the schema of the others, one
/// reference. Without the option that is `schema`, and *mark -1. Fails: SL_E_CONFIG.
sl_code sli_sink_deletes(const sl_conf *conf, const sl_schema *schema, sl_schema **out,
                         int32_t *mark, sl_error *err);
/// Whether row `row` is one that goes.
static inline bool sli_sink_goes(const sl_batch *batch, int32_t mark, int64_t row)
{
    const sl_column *column = mark < 0 ? NULL : sl_batch_column(batch, mark);
    return column != NULL && !sl_column_is_null(column, row) && sl_column_int64(column, row) < 0;
}

/// Makes a directory and its parents and makes all their names durable, also when they are there
/// already: whoever made them may have died before it synced them. Blocks: yes.
sl_code sli_sink_make_dir(sli_fs *fs, const char *path, sl_error *err);
