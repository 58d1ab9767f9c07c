// How late a plane will land, as it leaves: a linear model that learns day by day.
//
//     days/*.csv          flights in the order in which they left, an operating day a file
//     raw/weather.csv     the weather of each airport and hour
//     out/predictions     what was said of each flight before the model had seen its day
//     out/weeks           the errors of each week of event time
//
// An epoch takes one file. Its flights are predicted by the model as the day before left it, then
// it learns from them: test, then train. Both models are in the checkpoint; kill it whenever you
// like. `make demo-flights` fetches the data, runs this, and compares with a batch fit
// (docs/FLIGHTS.md).
#include <sluice/sluice.h>

#define FLIGHTS                                                                                    \
    "file:days?max_files=1&format=csv&header=true&null=NA&schema="                                 \
    "sched_dep timestamp, dep_delay int64?, arr_delay int64?, carrier string?, flight int64?, "    \
    "origin string, distance int64?, hour int64?, time_hour timestamp"
#define WEATHER                                                                                    \
    "raw/weather.csv?format=csv&header=true&null=NA&schema="                                       \
    "origin string, temp float64?, wind_speed float64?, precip float64?, visib float64?, "         \
    "time_hour timestamp"

/// Numbers of any size, which the standardized model brings to one scale, and `marks`, which have
/// one: rain, sight, the hour of the day on a circle, the airport and the larger carriers, and the
/// intercept's 1. Weather that nobody wrote down is an ordinary hour's. Flights that did not arrive
/// have nothing to learn from.
#define FEATURES                                                                                   \
    "SELECT f.sched_dep, f.carrier, f.flight, f.origin, f.arr_delay, f.dep_delay, f.distance,"     \
    " coalesce(w.wind_speed, 10) AS wind, coalesce(w.temp, 55) AS temp,"                           \
    " [1, (coalesce(w.precip, 0) > 0)::INTEGER, 1 - coalesce(w.visib, 10) / 10,"                   \
    "  cos(2 * pi() * (f.hour - 15) / 24), sin(2 * pi() * (f.hour - 15) / 24),"                    \
    "  (f.origin = 'JFK')::INTEGER, (f.origin = 'LGA')::INTEGER, (f.carrier = 'B6')::INTEGER,"     \
    "  (f.carrier = 'DL')::INTEGER, (f.carrier = 'EV')::INTEGER, (f.carrier = 'MQ')::INTEGER,"     \
    "  (f.carrier = 'AA')::INTEGER, (f.carrier = 'US')::INTEGER, (f.carrier = '9E')::INTEGER,"     \
    "  (f.carrier = 'WN')::INTEGER, (f.carrier = 'VX')::INTEGER]::DOUBLE[] AS marks"               \
    " FROM flights f LEFT JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour"     \
    " WHERE f.arr_delay IS NOT NULL"
#define NUMBERS "dep_delay, distance, wind, temp"

/// One list of 20 features. On the first day nothing is known of the scales yet.
#define TOGETHER                                                                                   \
    "SELECT sched_dep, carrier, flight, origin, arr_delay, list_concat(marks,"                     \
    " [dep_delay_scaled, distance_scaled, wind_scaled, temp_scaled]) AS x"                         \
    " FROM scaled WHERE dep_delay_scaled IS NOT NULL"

static void arrival(sl_graph *graph)
{
    sl_stream *flights = sl_stream_event_time(sl_stream_open(graph, FLIGHTS), "sched_dep", "22h");
    sl_sql_table tables[] = {{.name = "flights", .stream = flights},
                             {.name = "weather", .url = WEATHER}};
    sl_stream *features = sl_stream_cache(sl_sql(graph, FEATURES, tables, 2));

    sl_model *scale = sl_model_uid(sl_model_open(graph, "standardize", NULL), "scale");
    sl_stream *scaled = sl_model_predict(scale, features, NUMBERS, NULL);
    sl_model_train(scale, features, NUMBERS, NULL);

    // Step and iterations were chosen on March to June; the demo judges it on July to December.
    sl_model *line = sl_model_uid(
        sl_model_open(graph, "linear", "dims=20 step=0.03 iterations=20 tolerance=0"), "line");
    sl_sql_table in = {.name = "scaled", .stream = scaled};
    sl_stream *rows = sl_stream_cache(sl_sql(graph, TOGETHER, &in, 1));
    sl_stream *predicted = sl_stream_select(sl_model_predict(line, rows, "x", "predicted"),
                                            "sched_dep, carrier, flight, origin, arr_delay, "
                                            "predicted, arr_delay - predicted as error");
    sl_stream_save(predicted, "file:out/predictions?format=csv");
    sl_stream *errors =
        sl_stream_select(predicted, "sched_dep, error * error as squared, abs(error) as absolute");
    sl_stream *weeks = sl_stream_event_window(
        errors, NULL, "count() as flights, sum(squared) as squared, sum(absolute) as absolute",
        "7d", NULL);
    sl_stream_save(weeks, "file:out/weeks?format=csv");
    sl_model_train(line, rows, "x", "arr_delay");
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "arrival", arrival);
}
