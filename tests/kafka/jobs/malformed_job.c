// The job of the test with a million records that are no JSON: the numbers of the others.
#include <stdlib.h>

#include <sluice/sluice.h>

static void malformed_job(sl_graph *graph)
{
    const char *in = getenv("SLUICE_TEST_IN"), *out = getenv("SLUICE_TEST_OUT");
    sl_stream *numbers = sl_stream_open(graph, in == NULL ? "" : in);
    sl_stream_save(sl_stream_uid(numbers, "numbers"), out == NULL ? "" : out);
}

SL_JOB("malformed", malformed_job);
