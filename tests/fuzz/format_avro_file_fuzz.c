// format_avro_file_fuzz.c — any bytes as a file of Avro records.
#include "format/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return slt_fuzz_avro_file(data, size);
}
