// A query that needs more than sql.memory goes to the job's place to spill, which is made for it
// and gone afterwards: with a checkpoint and without.
#include <stdlib.h>

#include "contract/program.h"

static const char make[] =
    "mkdir -p in tmp && seq 600000 | awk '{printf "
    "\"%d,%d-0123456789012345678901234567890123456789\\n\", "
    "($1 * 7919) % 600011, $1}' > .a && mv .a in/a.csv && cat > sort.sql <<'X'\n"
    "CREATE TABLE t (n BIGINT, s STRING) WITH ('connector' = 'file', 'path' = 'in', 'format' = "
    "'csv');\n"
    "CREATE TABLE o (n BIGINT, s STRING) WITH ('connector' = 'file', 'path' = 'out', 'format' = "
    "'csv');\n"
    "INSERT INTO o SELECT n, s FROM EPOCH(TABLE t) ORDER BY s, n;\nX\n";

static const char sorted[] =
    "cat out/*.csv | cut -d, -f2 | LC_ALL=C sort -c && cat out/*.csv | wc -l";

static void check_spilling(const char *setting)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(slt_run(&p, dir, (const char *const[]){"sh", "-c", make, NULL}), 0);
    const char *const run[] = {slt_built("bin/sluice"),
                               "run",
                               "sort.sql",
                               "--sql.memory=32MiB",
                               "--spill-dir=tmp/of",
                               "--interval=10ms",
                               "--max-epochs=2",
                               setting,
                               NULL};
    assert_int_equal(slt_run(&p, dir, run), 0);
    assert_int_equal(slt_run(&p, dir, (const char *const[]){"sh", "-c", sorted, NULL}), 0);
    assert_int_equal(atoi(slt_out(&p)), 600000);
    assert_int_equal(
        slt_run(&p, dir, (const char *const[]){"sh", "-c", "find . -name 'sql-*'", NULL}), 0);
    SL_CHECK_TEXT(slt_out(&p), "");
}

SL_TEST(a_query_beyond_its_memory_spills, "")
{
    check_spilling("--progress=none");
}

SL_TEST(a_query_beyond_its_memory_spills_beside_a_checkpoint, "")
{
    check_spilling("--checkpoint=state");
}
