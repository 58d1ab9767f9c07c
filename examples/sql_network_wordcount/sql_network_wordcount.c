// Counts the words of lines that arrive on a socket, every second, in SQL: Spark's
// SqlNetworkWordCount.
//
//     nc -lk 9999                                       # type lines here
//     ./sql_network_wordcount --master 'local[2]'
#include <sluice/sluice.h>

static void wordcount(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "socket://localhost:9999");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' '");
    sl_sql_table tables[] = {{.name = "words", .stream = words}};
    sl_stream_print(sl_sql(graph,
                           "SELECT word, count(*) AS total FROM words GROUP BY word ORDER BY word",
                           tables, 1),
                    20);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "sql-network-wordcount", wordcount);
}
