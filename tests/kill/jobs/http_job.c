// The job of http_test.c: what is POSTed, passed on to files.
#include <stdio.h>
#include <stdlib.h>

#include <sluice/sluice.h>

static void http_job(sl_graph *graph)
{
    char url[96];
    const char *port = getenv("SLUICE_TEST_PORT");
    (void)snprintf(url, sizeof url, "http://localhost:%.5s/in", port == NULL ? "9" : port);
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, url), "lines");
    sl_stream_save(sl_stream_uid(lines, "lines"), "file:out?format=text");
}

SL_JOB("http", http_job);
