/// show.h — rows on their way to a terminal or a file: as a table, CSV, JSON lines, or a line a
/// cell.
#pragma once

#include "cli.h"

#include <stdio.h>

typedef enum cli_mode { CLI_TABLE, CLI_CSV, CLI_JSON, CLI_LINE } cli_mode;

/// One result. Zero it, set `to`, `mode` and `limit`; then begin, rows..., end; `end` in any case.
///
/// A table's widths are those of its first CLI_HELD rows, which are held for that; later cells that
/// are wider stick out. So a result of any size takes the same memory.
typedef struct cli_show {
    FILE *to;
    cli_mode mode;
    int64_t limit;     ///< rows that are shown; < 0: all
    int64_t n_rows;    ///< shown so far
    bool has_more;     ///< there were more than `limit`
    bool quiet;        ///< no count of rows at a table's end
    const char *begin; ///< in front of each line of a table: "+ "; NULL: nothing
    sl_schema *columns;
    char **held; ///< cells of a table, row by row
    int32_t n_held;
    int32_t *widths; ///< NULL: not known yet
    bool named;      ///< the head is printed
} cli_show;

enum { CLI_HELD = 1000 };

bool cli_mode_of(const char *word, cli_mode *out);
/// For sl_rows_to. cli_show_rows ends with SL_E_END when the limit is reached and there are more.
sl_code cli_show_begin(void *show, const sl_schema *columns, sl_error *err);
sl_code cli_show_rows(void *show, const sl_batch *rows, sl_error *err);
/// Shows what is held, and frees it. Fails: SL_E_IO when the output does not take it.
sl_code cli_show_end(cli_show *show, sl_error *err);

// ---- of a checkpoint (state.c)

/// As of when it is, for people.
void cli_point_text(const sl_checkpoint *checkpoint, char *out, size_t size);
/// Its state tables, as rows.
sl_code cli_list_tables(sl_checkpoint *checkpoint, cli_show *show, sl_error *err);
