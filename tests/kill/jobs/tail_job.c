// The job of tail_test.c: the lines of a log that is rotated, passed on to files.
#include <sluice/sluice.h>

static void tail_job(sl_graph *graph)
{
    sl_stream *lines =
        sl_stream_uid(sl_stream_open(graph, "tail:logs/log?rotate_wait=100ms"), "lines");
    sl_stream_save(sl_stream_uid(lines, "lines"), "file:out?format=text");
}

SL_JOB("tail", tail_job);
