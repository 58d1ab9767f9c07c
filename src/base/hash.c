/// hash.c — XXH3, compiled in: hashes are in files, so they must not change with a library that is
/// installed.
#include "base/hash.h"

#include <string.h>

#include "base/mem.h"

#ifndef NDEBUG
#define XXH_NO_INLINE_HINTS                                                                        \
    1 // gcc -Og refuses some of the forced inlining; the hashes are the same
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t sli_hash64(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

static sli_hash128 hash128(XXH128_hash_t h)
{
    return (sli_hash128){h.low64, h.high64};
}

sli_hash128 sli_hash128_of(const void *data, size_t size)
{
    return hash128(XXH3_128bits(data, size));
}

static void put_little(uint8_t *out, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

sli_hash128 sli_hash128_chain(sli_hash128 previous, const void *data, size_t size)
{
    uint8_t head[16 + 240];
    put_little(head, previous.low);
    put_little(head + 8, previous.high);
    if (size <= sizeof(head) - 16) { // short frames: the same hash without a streaming state
        if (size > 0) {
            memcpy(head + 16, data, size);
        }
        return hash128(XXH3_128bits(head, 16 + size));
    }
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset(&state); // these fail for NULL only
    (void)XXH3_128bits_update(&state, head, 16);
    (void)XXH3_128bits_update(&state, data, size);
    return hash128(XXH3_128bits_digest(&state));
}

// ---------------------------------------------------------------- in pieces

struct sli_hasher {
    XXH3_state_t state; // asks for 64-byte alignment
};

sli_hasher *sli_hasher_new(void)
{
    sli_hasher *hasher = sl_alloc_aligned(SLI_TAG_BASE, sizeof *hasher);
    if (hasher != NULL) {
        XXH3_INITSTATE(&hasher->state);
        (void)XXH3_128bits_reset(&hasher->state); // these fail for NULL only
    }
    return hasher;
}

void sli_hasher_add(sli_hasher *hasher, const void *data, size_t size)
{
    (void)XXH3_128bits_update(&hasher->state, data, size);
}

sli_hash128 sli_hasher_end(sli_hasher *hasher)
{
    sli_hash128 hash = hash128(XXH3_128bits_digest(&hasher->state));
    sl_free(hasher);
    return hash;
}
