/// script_fixture_test.h — a script defined on a graph that knows every source and sink.
#pragma once

#include "sql/sql_int.h"
#include "sl_test.h"

/// What came of a script. Texts live until the next call on it.
typedef struct slt_script {
    sl_env *env;
    sl_graph *graph;
    sli_str warnings; ///< a line each
    sl_error err;
} slt_script;

/// A graph with nothing in it. Ends the test as passed in a build without DuckDB.
void slt_script_begin(slt_script *s);
/// Defines `text` as "job.sql" with these variables. `for_test`: as sl_sql_for_test says. Ends the
/// test as passed in a build without DuckDB.
void slt_script_define(slt_script *s, const char *text, const char *const *variables,
                       bool for_test);
void slt_script_end(slt_script *s);
/// The graph as text, or the mistake.
const char *slt_script_graph(slt_script *s);
/// The mistake; "" when there is none.
const char *slt_script_mistake(slt_script *s);
