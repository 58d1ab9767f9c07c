// The job of the tests on real agents: every event as a line "id,body" of files. The URLs come from
// the environment.
#include <stdlib.h>

#include <sluice/sluice.h>

static const char *url_of(const char *name)
{
    const char *url = getenv(name);
    return url == NULL ? "" : url;
}

static void flume_job(sl_graph *graph)
{
    sl_stream *events = sl_stream_uid(sl_stream_open(graph, url_of("SLUICE_TEST_IN")), "events");
    sl_stream_save(events, url_of("SLUICE_TEST_OUT"));
}

SL_JOB("flume", flume_job);
