/// edits.h — well-formed bytes with a fuzzer's edits: decoders that check lengths and kinds first
/// are not got past by bytes from nowhere.
#pragma once

#include "base/str.h"

/// Applies input to `bytes`: of each three bytes two say where, one what is XORed there. A first
/// byte below 64 says which part of 64 is kept; others keep all.
static inline void slt_edit(sli_str *bytes, const uint8_t *input, size_t size)
{
    if (size > 0 && input[0] < 64) {
        bytes->size = bytes->size * input[0] / 64;
    }
    for (size_t i = 1; i + 2 < size && bytes->size > 0; i += 3) {
        size_t at = (size_t)(input[i] | input[i + 1] << 8) % bytes->size;
        bytes->data[at] = (char)(bytes->data[at] ^ input[i + 2]);
    }
}
