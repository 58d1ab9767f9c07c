// at.h — where the cluster of these examples is: as KAFKA says, else localhost:9092.
#pragma once
#include <stdio.h>
#include <stdlib.h>

typedef struct kafka_url {
    char text[512];
} kafka_url;

/// The URL of a topic and its options, "orders?start=earliest".
static inline kafka_url kafka_at(const char *rest)
{
    kafka_url url;
    const char *brokers = getenv("KAFKA");
    (void)snprintf(url.text, sizeof url.text, "kafka://%s/%s",
                   brokers == NULL ? "localhost:9092" : brokers, rest);
    return url;
}
