// The words of the last ten seconds, every two seconds: Spark's windowed word count. What the
// window holds survives kills with --checkpoint.
//
//     nc -lk 9999
//     ./sliding_count --master 'local[2]' --checkpoint state
//
// An epoch's words are counted once; at each slide the epochs that come in are added and those that
// leave are taken out, so a window of an hour costs as much as one of ten seconds.
#include <sluice/sluice.h>

static void sliding_count(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "socket://localhost:9999");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *counts =
        sl_stream_reduce_by_key_and_window(words, "word", "count() as n", "10s", "2s");
    sl_stream_print(sl_stream_uid(counts, "counts"), 10);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "sliding-count", sliding_count);
}
