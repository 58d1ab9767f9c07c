/// pgtable_int.h — what the files of source/postgres share.
#pragma once

#include "postgres/postgres.h"
#include "source/source_int.h"

/// Asks for the columns and writes them as a schema's text. Fails: SL_E_INVALID for a column that
/// has no place here, with what to do; what `columns` of the contract says.
sl_code sli_pg_table_schema(sli_pg *pg, const sli_pg_what *what, int64_t deadline_us, sli_str *out,
                            sl_error *err);
