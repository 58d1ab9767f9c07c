// Lines of a web server's log joined with a table of countries: requests per country, every second,
// as CSV files.
//
//     in/*.csv:       ip,path,bytes        (header=false)
//     countries.csv:  ip,country           (read once, when the job starts)
//     out/*.csv:      country,requests,bytes
#include <sluice/sluice.h>

static void requests_by_country(sl_graph *graph)
{
    sl_stream *log =
        sl_stream_open(graph, "file:in?format=csv&schema=ip string, path string, bytes int64");
    sl_stream *pages = sl_stream_where(log, "not starts_with(path, '/health')");
    sl_stream *placed = sl_stream_join_table(
        pages, "countries.csv?format=csv&header=true&schema=ip string, country string", "ip");
    sl_stream *counts =
        sl_stream_reduce_by_key(placed, "country", "count() as requests, sum(bytes) as bytes");
    sl_stream_save(counts, "file:out?format=csv");
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "requests-by-country", requests_by_country);
}
