// format_avro_schema_fuzz.c — any bytes as the text of an Avro schema.
#include "format/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return slt_fuzz_avro_schema(data, size);
}
