/// partitioner.c — the partition of a record that names none: by its key, as the Java client does.
#include "kafka/sim/ksim_int.h"

/// murmur2 in the shape and with the seed that Kafka's Java client has.
static uint32_t murmur2(const uint8_t *data, uint32_t size)
{
    const uint32_t seed = 0x9747b28cU, m = 0x5bd1e995U;
    uint32_t h = seed ^ size, i = 0;
    for (; i + 4 <= size; i += 4) {
        uint32_t k = (uint32_t)data[i] | (uint32_t)data[i + 1] << 8 | (uint32_t)data[i + 2] << 16 |
                     (uint32_t)data[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    for (uint32_t n = size - i; n > 0; n--) {
        h ^= (uint32_t)data[i + n - 1] << (8 * (n - 1));
    }
    h = i < size ? h * m : h;
    h ^= h >> 13;
    h *= m;
    return h ^ (h >> 15);
}

int32_t sli_ksim_partition(const ksim_body *body, int32_t n_partitions, sli_rng *rng)
{
    if (body->key == NULL) {
        return (int32_t)sli_rng_below(rng, (uint64_t)n_partitions);
    }
    uint32_t hash = murmur2((const uint8_t *)body->key, body->key_size);
    return (int32_t)(hash & INT32_MAX) % n_partitions;
}
