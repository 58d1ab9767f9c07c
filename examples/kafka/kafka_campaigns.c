// The Yahoo streaming benchmark: views of ads per campaign, in windows of ten seconds of event
// time.
//
//     events         {"user_id":"..","page_id":"..","ad_id":"..","ad_type":"banner",
//                     "event_type":"view","event_time":"1480000000000","ip_address":"1.2.3.4"}
//     ads.csv        ad_id,campaign                     (read once, when the job starts)
//     campaigns      key: campaign, value: {"window_start":"..","window_end":"..","views":17}
//     campaigns-late {"campaign":3,"ts":".."}           (views of windows that had been given)
//
//     KAFKA=localhost:9092 ./kafka_campaigns --checkpoint state
//
// Events may be up to a second out of order. A window is given once, when it is over in every
// partition of `events` but those that had nothing for ten seconds.
#include "at.h"

#include <sluice/sluice.h>

static void campaigns(sl_graph *graph)
{
    sl_stream *events = sl_stream_open(
        graph, kafka_at("events?start=earliest&format=json&schema=ad_id string, event_type string, "
                        "event_time string")
                   .text);
    sl_stream *views = sl_stream_where(events, "event_type = 'view'");
    sl_stream *placed = sl_stream_join_table(
        views, "ads.csv?format=csv&schema=ad_id string, campaign int64", "ad_id");
    sl_stream *timed = sl_stream_event_time(
        sl_stream_select(placed,
                         "campaign, cast(cast(event_time as int64) * 1000 as timestamp) as ts"),
        "ts", "1s");
    sl_stream_idle_after(timed, "10s");
    sl_stream *windows = sl_stream_event_window(timed, "campaign", "count() as views", "10s", NULL);
    sl_stream_save(sl_stream_uid(windows, "windows"),
                   kafka_at("campaigns?key=campaign&format=json").text);
    sl_stream_save(sl_stream_uid(sl_stream_late(windows), "late"),
                   kafka_at("campaigns-late?format=json").text);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "kafka-campaigns", campaigns);
}
