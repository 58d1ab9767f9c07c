// Log lines that Flume agents send, counted by the agent's host.
//
//     ./flume_levels --checkpoint state --interval 1s
//
// An agent whose sink is
//
//     a1.sinks.k1.type = avro
//     a1.sinks.k1.hostname = localhost
//     a1.sinks.k1.port = 4141
//
// and whose source has the interceptor `host` sends to it. A batch is answered when it is durable.
// With an id in each event (`id_header=id`) what an agent sends twice counts once.
#include <sluice/sluice.h>

static void levels(sl_graph *graph)
{
    sl_stream *events =
        sl_stream_open(graph, "flume://localhost:4141?columns=headers.host&id_header=id");
    sl_stream_print(sl_stream_reduce_by_key(events, "host", "count() as lines"), 20);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "flume-levels", levels);
}
