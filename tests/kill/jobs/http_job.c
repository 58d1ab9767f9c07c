// The job of http_test.c: what is POSTed, passed on to files. The door's port and other options
// come from the environment.
#include <stdio.h>
#include <stdlib.h>

#include <sluice/sluice.h>

static void http_job(sl_graph *graph)
{
    char url[2048];
    const char *port = getenv("SLUICE_TEST_PORT"), *door = getenv("SLUICE_TEST_DOOR");
    (void)snprintf(url, sizeof url, "http://localhost:%s/in?%s", port == NULL ? "9" : port,
                   door == NULL ? "" : door);
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, url), "lines");
    sl_stream_save(sl_stream_uid(lines, "lines"), "file:out?format=text");
}

SL_JOB("http", http_job);
