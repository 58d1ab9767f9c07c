// format_json_fuzz.c — any bytes as JSON lines.
#include "format/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return slt_fuzz_json(data, size);
}
