// Views of pages per minute of event time: rows may come up to ten seconds out of order, and what
// comes later still is kept apart.
//
//     in/*.csv:    ts,page,bytes          (ts: 2024-02-29 12:30:00)
//     out/*.csv:   window_start,window_end,page,views,bytes
//     late/*.csv:  ts,page,bytes          (rows of minutes that had been given already)
#include <sluice/sluice.h>

static void views_per_minute(sl_graph *graph)
{
    sl_stream *log =
        sl_stream_open(graph, "file:in?format=csv&schema=ts timestamp, page string, bytes int64");
    sl_stream *views = sl_stream_event_time(log, "ts", "10s");
    sl_stream *minutes =
        sl_stream_event_window(views, "page", "count() as views, sum(bytes) as bytes", "1m", NULL);
    sl_stream_save(minutes, "file:out?format=csv");
    sl_stream_save(sl_stream_late(minutes), "file:late?format=csv");
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "views-per-minute", views_per_minute);
}
