// A stateful join of two topics, with everything that goes wrong kept apart: clicks find the view
// of the same ad by the same user, when it was at most ten minutes earlier.
//
//     views          {"user":"ann","ad":"a7","ts":"2026-11-29 10:00:00"}
//     clicks         {"user":"ann","ad":"a7","ts":"2026-11-29 10:02:00","price":17}
//     conversions    key: user, value: {"ad":"a7","ts":"..","viewed":"..","price":17}
//     orphans        key: user; clicks that found no view in time
//     dead-letters   records that are no JSON, or not these columns, with topic, partition and
//                    offset: what is wrong stops nothing
//
//     KAFKA=localhost:9092 ./kafka_join --checkpoint state --conf poison=dead-letter --conf
//         'poison.sink=kafka://localhost:9092/dead-letters?format=json'
//
// Views are state for ten minutes; all five topics must exist.
#include "at.h"

#include <sluice/sluice.h>

static void clicks_with_views(sl_graph *graph)
{
    sl_stream *views = sl_stream_open(
        graph, kafka_at("views?start=earliest&format=json&malformed=dead-letter&schema=user "
                        "string, ad string, ts timestamp")
                   .text);
    sl_stream *clicks = sl_stream_open(
        graph, kafka_at("clicks?start=earliest&format=json&malformed=dead-letter&schema=user "
                        "string, ad string, ts timestamp, price int64")
                   .text);
    sl_stream *seen =
        sl_stream_event_time(sl_stream_select(views, "user, ad, ts as viewed"), "viewed", "30s");
    sl_stream *clicked = sl_stream_event_time(clicks, "ts", "30s");
    sl_stream *pairs = sl_stream_interval_left_outer_join(clicked, seen, "user, ad", "-10m", "0s");
    sl_stream_save(sl_stream_uid(sl_stream_where(pairs, "viewed is not null"), "conversions"),
                   kafka_at("conversions?key=user&format=json").text);
    sl_stream_save(sl_stream_uid(sl_stream_where(pairs, "viewed is null"), "orphans"),
                   kafka_at("orphans?key=user&format=json").text);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "kafka-join", clicks_with_views);
}
