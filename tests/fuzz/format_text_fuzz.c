// format_text_fuzz.c — any bytes as lines of text.
#include "format/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return slt_fuzz_text(data, size);
}
