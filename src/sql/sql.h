/// sql.h — the door of sql/ for api/: beside the public calls of sluice/sql.h, what ties a graph's
/// SQL to the runtime of its job.
#pragma once

#include "sluice/sql.h"
#include "stream/stream.h"

/// The queries of RDDs of this runtime find what the graph has of SQL, its functions too. Before
/// the job's first epoch; the graph lives longer than the runtime's RDDs. Fails: SL_E_NOMEM.
sl_code sli_sql_lend(const sl_graph *graph, sli_runtime *runtime, sl_error *err);
/// The job has ended: before the graph is freed.
void sli_sql_take_back(sli_runtime *runtime);

/// `sluice help sql`: statements and connectors. Appended.
void sli_sql_help(int32_t columns, sli_str *out);

/// "line 2, column 8: " before what *err says of the SELECT `text`, byte `at` of it; -1: no place
/// is known. Returns rc.
sl_code sli_sql_where(const char *text, int64_t at, sl_code rc, sl_error *err);
