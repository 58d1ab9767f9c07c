// Clusters of points that come as files, which follow the points as they move:
//
//     mkdir -p in && ./streaming_kmeans --checkpoint state --interval 1s
//     printf '1.0,2.0\n9.5,8.0\n' > in/.p && mv in/.p in/p1.csv     # files appear whole
//
// Each point is written with its cluster, as the model of the epoch before says, into `points`, and
// the centres after each epoch into `centers`. The model is in the checkpoint: kill the program
// whenever you like and start it again.
#include <sluice/sluice.h>

static void streaming_kmeans(sl_graph *graph)
{
    sl_stream *points =
        sl_stream_open(graph, "file:in?format=csv&schema=x%20float64,%20y%20float64");
    sl_model *model = sl_model_open(graph, "kmeans", "centers='0 0; 10 10' half_life=20");
    sl_model_uid(model, "clusters");
    sl_stream_save(sl_model_predict(model, points, "x, y", "cluster"), "file:points?format=csv");
    sl_model_train(model, points, "x, y", NULL);
    sl_stream_save(sl_model_stream(model), "file:centers?format=json");
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "streaming-kmeans", streaming_kmeans);
}
