// Words of the files that appear in a directory of HDFS, counted per batch into files of HDFS,
// exactly once, through crashes.
//
//     HDFS=localhost:9870 ./hdfs_wordcount --checkpoint state --interval 1s
//     hdfs dfs -put some.txt /words/in
//     hdfs dfs -cat '/words/out/*'
//
// HDFS names the NameNode's HTTP address, HDFS_OPTIONS what else it takes to reach the cluster
// ("token=file:PATH", "negotiate=true&tls=true"). Kill the program whenever you like and start it
// again: the checkpoint is here, what was counted is there, and each word is in one file.
#include <stdio.h>
#include <stdlib.h>

#include <sluice/sluice.h>

typedef struct place {
    char url[1024];
} place;

/// A directory of the cluster, and options of what reads or writes it.
static place hdfs_at(const char *dir, const char *options)
{
    const char *where = getenv("HDFS"), *how = getenv("HDFS_OPTIONS");
    place at;
    (void)snprintf(at.url, sizeof at.url, "hdfs://%s/words/%s?%s&%s",
                   where == NULL ? "localhost:9870" : where, dir, options, how == NULL ? "" : how);
    return at;
}

static void wordcount(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, hdfs_at("in", "").url);
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_save(sl_stream_uid(counts, "counts"), hdfs_at("out", "format=csv").url);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "hdfs-wordcount", wordcount);
}
