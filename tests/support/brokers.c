// Where the brokers of `make test-kafka` are.
#include "brokers.h"

#include <stdio.h>
#include <stdlib.h>

#include "sl_test.h"

const char *slt_brokers_dir(void)
{
    const char *dir = getenv("SLUICE_TEST_KAFKA");
    if (!SLT_KAFKA) {
        slt_not_here("a build without Kafka");
    }
    if (dir == NULL || *dir == '\0') {
        slt_not_here("no brokers in SLUICE_TEST_KAFKA: make test-kafka starts one");
    }
    return dir;
}

void slt_broker_file(char *out, size_t size, const char *name)
{
    (void)snprintf(out, size, "%s/%s", slt_brokers_dir(), name);
}

void slt_broker_place(char *out, size_t size, const char *listener)
{
    char name[64], path[512];
    (void)snprintf(name, sizeof name, "1.%s", listener);
    slt_broker_file(path, sizeof path, name);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(out, (int)size, file) == NULL) {
        fail_msg("%s: not a directory of tools/kafka with that listener", path);
    }
    (void)fclose(file);
}
