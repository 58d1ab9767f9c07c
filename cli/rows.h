/// rows.h — the rows of a test file: to JSON lines for a queue, and as texts that can be compared.
#pragma once

#include "yaml.h"

/// A text that grows. Zero it; free `data`.
typedef struct cli_text {
    char *data;
    size_t size, capacity;
    bool failed; ///< no memory: check once at the end
} cli_text;
void cli_put(cli_text *to, const char *text);

/// Rows as they may stand in a file, a list of maps or CSV with a header, as a list of maps. The
/// caller's. Fails: SL_E_INVALID with the line.
sl_code cli_rows_read(const cli_node *node, cli_node **out, sl_error *err);
/// A row as JSON, and a line's end.
void cli_row_json(const cli_node *row, cli_text *out);
/// A row as a text that is equal for equal rows: columns in order of names; 1 is 1.0; nulls are
/// left out, and "T" and "Z" of a time.
void cli_row_canonical(const cli_node *row, cli_text *out);
