// examples/flights: the script's test file, and how it meets files that are broken or missing. The
// whole year runs in tools/demo-flights.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/program.h"

#define FLIGHTS SLT_SOURCE_DIR "/examples/flights"

enum { OK = 0, JOB = 1, CONFIG = 3 };

static int run(slt_program *program, const char *dir, const char *const *argv)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    return slt_run(program, dir, argv);
}

#define RUN(program, dir, ...) run(program, dir, (const char *const[]){__VA_ARGS__, NULL})

#define COLUMNS "sched_dep,dep_delay,arr_delay,carrier,tailnum,origin,dest,distance,time_hour\n"
static const char weather[] = "origin,temp,wind_speed,precip,visib,time_hour\n"
                              "EWR,39.02,12,0,10,2013-01-01T10:00:00Z\n";

/// Two days: one with a row that is none between two good ones, and the one that ends the year.
static const char *a_directory_with_garbage(void)
{
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "days"), 0777), 0);
    assert_int_equal(mkdir(slt_path(dir, "raw"), 0777), 0);
    slt_put(slt_path(dir, "raw"), "weather.csv", weather);
    slt_put(slt_path(dir, "raw"), "planes.csv",
            "tailnum,year,manufacturer,engine\nN1,1998,BOEING,Turbo-fan\n");
    slt_put(slt_path(dir, "days"), "a.csv",
            COLUMNS "2013-01-01T10:15:00Z,2,11,UA,N1,EWR,IAH,1400,2013-01-01T10:00:00Z\n"
                    "2013-01-01T10:16:00Z,soon,11,UA,N1,EWR,IAH,1400,2013-01-01T10:00:00Z\n"
                    "2013-01-01T10:59:00Z,NA,NA,UA,N1,EWR,IAH,1400,2013-01-01T10:00:00Z\n");
    slt_put(slt_path(dir, "days"), "b.csv",
            COLUMNS "2014-01-03T00:00:00Z,NA,NA,NA,NA,END,NA,NA,2014-01-03T00:00:00Z\n");
    return dir;
}

SL_TEST(flights_pass_their_tests, "")
{
    slt_program p;
    assert_int_equal(
        RUN(&p, slt_temp_dir(), slt_built("bin/sluice"), "test", FLIGHTS "/delays_test.yaml"), OK);
    SL_CHECK_HAS(slt_out(&p), "\n2 passed, 0 failed\n");
}

SL_TEST(flights_with_a_broken_row_stop_and_say_where, "ERRORS-1")
{
    slt_program p;
    const char *dir = a_directory_with_garbage();
    assert_int_equal(RUN(&p, dir, slt_built("bin/sluice"), "run", FLIGHTS "/delays.sql", "--set",
                         "MAX_FILES=1", "--interval", "50ms", "--max_epochs", "4"),
                     JOB);
    SL_CHECK_HAS(slt_err(&p), "days/a.csv at byte ");
    SL_CHECK_HAS(slt_err(&p), "(line 3): column 'dep_delay': 'soon' is not an integer of 64 bits");
}

SL_TEST(flights_with_a_broken_row_go_on_when_told, "")
{
    slt_program p;
    const char *dir = a_directory_with_garbage();
    assert_int_equal(RUN(&p, dir, slt_built("bin/sluice"), "run", FLIGHTS "/delays.sql", "--set",
                         "MAX_FILES=1", "--set", "MALFORMED=skip", "--interval", "50ms",
                         "--max_epochs", "4"),
                     OK);
    assert_int_equal(RUN(&p, dir, "sh", "-c", "cat out/by_hour/*.csv"), OK);
    assert_string_equal(slt_out(&p), "2013-01-01T10:00:00Z,EWR,2,1,2,2,39.02,12.0,0.0,10.0\n");
}

SL_TEST(flights_without_weather_say_what_is_missing, "ERRORS-1")
{
    slt_program p;
    const char *dir = a_directory_with_garbage();
    assert_int_equal(remove(slt_path(dir, "raw/weather.csv")), 0);
    assert_int_equal(RUN(&p, dir, slt_built("bin/sluice"), "run", FLIGHTS "/delays.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "table 'weather'");
    SL_CHECK_HAS(slt_err(&p), "raw/weather.csv: stat: No such file or directory");
    assert_int_equal(RUN(&p, dir, slt_built("examples/arrival"), "--checkpoint", "state"), JOB);
    SL_CHECK_HAS(slt_err(&p), "raw/weather.csv: stat: No such file or directory");
}
