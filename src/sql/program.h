/// program.h — the connectors whose other end is the program that embeds a script: 'queue' and
/// 'foreach'.
#pragma once

#include "sql/script_int.h"

/// Only its name and options are used: rows that are written go to a function, not to a sink.
extern const sli_sink_ops sli_sink_foreach;

/// The queue of a table without a format: rows as they are. NULL after a mistake.
sl_stream *sli_program_queue(sli_script *s, const sli_entry *entry);
/// Whether rows of an INSERT into the table go to a function.
bool sli_program_takes(const sli_entry *sink);
/// Gives an INSERT's rows to the function that the table names. Fails: the program has none.
sl_code sli_program_foreach(const sli_script *s, const sli_entry *sink, sl_stream *rows,
                            sl_error *err);
