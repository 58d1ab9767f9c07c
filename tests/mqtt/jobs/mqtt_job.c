// The job of the tests on a real broker: numbered messages of two topics, one with ids, into files
// and into another topic. The URLs come from the environment.
#include <stdlib.h>

#include <sluice/sluice.h>

static const char *url_of(const char *name)
{
    const char *url = getenv(name);
    return url == NULL ? "" : url;
}

static void mqtt_job(sl_graph *graph)
{
    sl_stream *named = sl_stream_uid(sl_stream_open(graph, url_of("SLUICE_TEST_NAMED")), "named"),
              *plain = sl_stream_uid(sl_stream_open(graph, url_of("SLUICE_TEST_PLAIN")), "plain");
    sl_stream *all = sl_stream_union(named, plain);
    sl_stream_save(all, "file:out?format=csv");
    sl_stream_save(all, url_of("SLUICE_TEST_OUT"));
}

SL_JOB("mqtt", mqtt_job);
