// format_avro_fuzz.c — any bytes as values that are Avro records.
#include "format/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return slt_fuzz_avro(data, size);
}
