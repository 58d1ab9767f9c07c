// The job of the poison kill test: lines as numbers. A line that is none makes the expression fail.
#include <sluice/sluice.h>

static void poison_job(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream *numbers = sl_stream_select(lines, "cast(line as int64) as n");
    sl_stream_save(sl_stream_uid(numbers, "numbers"), "file:out?format=csv");
}

SL_JOB("poison", poison_job);
