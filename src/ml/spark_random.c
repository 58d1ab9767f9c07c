// Spark's generator: a xorshift of 64 bits, seeded by MurmurHash3 of the seed's bytes; the polar
// method of Box, Muller and Marsaglia over 53-bit numbers, as java.util.Random has it.
#include "ml/spark_random.h"

#include <math.h>

static uint32_t rotated(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/// MurmurHash3 (32 bits) of the 8 bytes of `seed`, the most significant first.
static uint32_t murmur(uint64_t seed, uint32_t hash)
{
    for (int half = 0; half < 2; half++) {
        uint32_t k = __builtin_bswap32((uint32_t)(half == 0 ? seed >> 32 : seed));
        k = rotated(k * 0xcc9e2d51U, 15) * 0x1b873593U;
        hash = rotated(hash ^ k, 13) * 5 + 0xe6546b64U;
    }
    hash ^= 8; // bytes
    hash = (hash ^ hash >> 16) * 0x85ebca6bU;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
    return hash ^ hash >> 16;
}

sli_spark_random sli_spark_random_of(int64_t seed)
{
    uint32_t low = murmur((uint64_t)seed, 0x3c074a61U);
    uint32_t high = murmur((uint64_t)seed, low);
    return (sli_spark_random){.state = (uint64_t)high << 32 | low};
}

static uint64_t next_bits(sli_spark_random *r, int bits)
{
    uint64_t x = r->state;
    x ^= x << 21;
    x ^= x >> 35;
    x ^= x << 4;
    r->state = x;
    return x & ((UINT64_C(1) << bits) - 1);
}

static double next_double(sli_spark_random *r)
{
    uint64_t high = next_bits(r, 26) << 27;
    return (double)(high + next_bits(r, 27)) * 0x1p-53;
}

double sli_spark_random_gaussian(sli_spark_random *r)
{
    if (r->has_next) {
        r->has_next = false;
        return r->next;
    }
    double a, b, s;
    do {
        a = 2 * next_double(r) - 1;
        b = 2 * next_double(r) - 1;
        s = a * a + b * b;
    } while (s >= 1 || s == 0);
    double scale = sqrt(-2 * log(s) / s);
    r->next = b * scale;
    r->has_next = true;
    return a * scale;
}
