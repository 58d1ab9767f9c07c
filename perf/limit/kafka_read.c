/// kafka_read.c — a topic read by a bare librdkafka consumer that does nothing with the records.
///
///     kafka_read [-b BEGIN_NS] [-a AHEAD_KIB] BROKERS TOPIC RECORDS
#include "kafka_loop.h"

int main(int argc, char **argv)
{
    kafka_loop_options of = kafka_loop_arguments(argc, argv);
    kafka_loop loop = kafka_loop_open(&of);
    while (kafka_loop_take(&loop)) {
    }
    kafka_loop_report(&loop, "kafka_read", "");
    kafka_loop_close(&loop);
    return 0;
}
