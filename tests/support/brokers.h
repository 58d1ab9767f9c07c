/// brokers.h — the real Kafka of `make test-kafka`: SLUICE_TEST_KAFKA names the directory in which
/// tools/kafka has started it.
#pragma once

#include <stddef.h>

/// That directory. Ends the test as not tried here when there is none, or in a build without Kafka.
const char *slt_brokers_dir(void);
/// The path of a file of it: "ca.pem", "1.pid".
void slt_broker_file(char *out, size_t size, const char *name);
/// HOST:PORT of a listener of the first broker: "plain", "near", "far", "safe" ... Fails the test.
void slt_broker_place(char *out, size_t size, const char *listener);
