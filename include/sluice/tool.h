/// tool.h — what the sluice program is made of, for other front ends too: help, validation, looking
/// at a checkpoint.
///
/// Every text that a function hands out belongs to the caller: give it back with sl_text_free.
#pragma once

#include "sluice/batch.h"
#include "sluice/context.h"

SL_BEGIN_DECLS

/// Help on a topic, wrapped to `columns`: "options", "sources", "sinks", "formats", "sql". Fails:
/// SL_E_NOT_FOUND with the topics.
SL_API SL_MUST_USE sl_code sl_help_text(const char *topic, int32_t columns, char **out,
                                        sl_error *err);
/// Builds and checks a graph without running it; *out is the graph as text, a line an operator, and
/// before it a line "warning: ..." for what is no mistake and may not be meant.
/// Fails: the first mistake.
SL_API SL_MUST_USE sl_code sl_validate(const char *name, sl_build_fn build,
                                       const char *const *settings, char **out, sl_error *err);
/// What a checkpoint directory says of its job, for people or (`json`) as one JSON object. Takes no
/// lock, changes nothing. Fails: SL_E_NOT_FOUND, SL_E_CORRUPT, SL_E_INCOMPATIBLE.
SL_API SL_MUST_USE sl_code sl_checkpoint_status(const char *dir, bool json, char **out,
                                                sl_error *err);
/// The dead letters that lie in `dead/` of a checkpoint directory, oldest first, for people or
/// (`json`) as JSON lines; an empty text when there are none. Takes no lock, changes nothing.
/// Letters that went elsewhere by `poison.sink` are not among them. Fails: SL_E_NOT_FOUND (no
/// checkpoint directory), SL_E_CORRUPT, SL_E_INCOMPATIBLE, SL_E_DATA.
SL_API SL_MUST_USE sl_code sl_checkpoint_letters(const char *dir, bool json, char **out,
                                                 sl_error *err);

// ---- rows as text: of any type, lists and structs too. Binary is written "\x0a1b".

/// A cell for people; a null is NULL.
SL_API SL_MUST_USE sl_code sl_cell_text(const sl_batch *rows, int32_t column, int64_t row,
                                        char **out, sl_error *err);
/// JSON lines: an object a row, nulls as null, numbers that JSON has no word for as texts.
SL_API SL_MUST_USE sl_code sl_rows_json(const sl_batch *rows, char **out, sl_error *err);
/// Lines of CSV: a null is an empty field, an empty text one in quotes.
SL_API SL_MUST_USE sl_code sl_rows_csv(const sl_batch *rows, char **out, sl_error *err);
/// The line with the names.
SL_API SL_MUST_USE sl_code sl_rows_csv_names(const sl_schema *columns, char **out, sl_error *err);

SL_END_DECLS
