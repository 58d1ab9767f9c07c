/// hash.h — XXH3 behind two calls, so that one implementation and one seed serve the whole library.
/// Seeds are constants: a hash may reach a result's order, so it must be the same everywhere.
#pragma once

#include "sluice/base.h"

typedef struct sli_hash128 {
    uint64_t low, high;
} sli_hash128;

uint64_t sli_hash64(const void *data, size_t size);
sli_hash128 sli_hash128_of(const void *data, size_t size);
/// Chained: XXH3-128 of previous.low and previous.high, little-endian, followed by data.
sli_hash128 sli_hash128_chain(sli_hash128 previous, const void *data, size_t size);
/// sli_hash128_of over bytes that come in pieces.
typedef struct sli_hasher sli_hasher;
sli_hasher *sli_hasher_new(void); ///< NULL without memory
void sli_hasher_add(sli_hasher *hasher, const void *data, size_t size);
sli_hash128 sli_hasher_end(SL_TAKES sli_hasher *hasher); ///< of all that was added

/// Mixes an integer well (splitmix64's finaliser, Steele et al. 2014).
static inline uint64_t sli_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/// A seeded generator: splitmix64. Zero is a fine seed.
typedef struct sli_rng {
    uint64_t state;
} sli_rng;
static inline uint64_t sli_rng_next(sli_rng *rng)
{
    uint64_t x = rng->state;
    rng->state += 0x9e3779b97f4a7c15U;
    return sli_mix64(x);
}
__extension__ typedef unsigned __int128 sli_u128; ///< gcc's and clang's, beyond ISO C

/// Uniform in [0, n), n > 0.
static inline uint64_t sli_rng_below(sli_rng *rng, uint64_t n)
{
    return (uint64_t)(((sli_u128)sli_rng_next(rng) * n) >> 64);
}
