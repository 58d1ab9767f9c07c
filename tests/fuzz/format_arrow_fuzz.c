// format_arrow_fuzz.c — any bytes as an Arrow file or stream.
#include "format/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return slt_fuzz_arrow(data, size);
}
