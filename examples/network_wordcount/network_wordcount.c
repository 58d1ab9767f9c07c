// Counts the words of lines that arrive on a socket, every second:
//
//     nc -lk 9999                                   # type lines here
//     ./network_wordcount --master 'local[2]'
#include <sluice/sluice.h>

static void wordcount(sl_graph *graph) // runs in every process of the job; same graph everywhere
{
    sl_stream *lines = sl_stream_open(graph, "socket://localhost:9999");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' '");
    sl_stream_print(sl_stream_reduce_by_key(words, "word", "count() as n"), 10);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "network-wordcount", wordcount);
}
