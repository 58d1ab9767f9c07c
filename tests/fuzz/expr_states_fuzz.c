// expr_states_fuzz.c — states of sketches out of files: any bytes, and a good state with edits.
#include "edits.h"

#include "expr/fuzz_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    if (size < 3) {
        return 0;
    }
    int which = data[0] % SLT_FUZZ_AGGS;
    if (data[1] == 0) {
        sli_str_add(&bytes, data + 3, size - 3);
    } else {
        slt_fuzz_good_state(which, data[1] * 4, data[1], &bytes);
        slt_edit(&bytes, data + 3, size - 3);
    }
    (void)slt_fuzz_state_bytes(which, data[2], (sl_text){bytes.data, bytes.size});
    sli_str_reset(&bytes);
    return 0;
}
