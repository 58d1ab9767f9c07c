// The job of parquet_test.c: numbers of Parquet files, passed on to files.
#include <sluice/sluice.h>

static void parquet_job(sl_graph *graph)
{
    sl_stream *numbers =
        sl_stream_uid(sl_stream_open(graph, "file:in?format=parquet&schema=n%20int64"), "numbers");
    sl_stream_save(sl_stream_uid(numbers, "numbers"), "file:out?format=text");
}

SL_JOB("parquet", parquet_job);
