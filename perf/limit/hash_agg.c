/// hash_agg.c — how fast one core can group 64-bit keys and count them: the floor under reduceByKey
/// and SQL's GROUP BY with more groups than a cache holds.
///
/// Two ways, because which is better depends on the number of groups:
///   direct     one table; 64 keys at a time are hashed and prefetched, then probed
///   partition  keys are first spread over 256 partitions by their hash, through one cache line of
///              buffer each, so that each partition's table stays in L2
/// What is timed ends with an array of (key, count), as user + system time.
///
///     hash_agg [-n MILLION_KEYS] [-g GROUPS] [-r REPETITIONS] [-m direct|partition]
#include "limit.h"

#include <emmintrin.h>
#include <unistd.h>

enum {
    PARTITION_BITS = 8,
    N_PARTITIONS = 1 << PARTITION_BITS,
    GATHER = 64, ///< keys prefetched at a time
    LINE_KEYS = 8
};

typedef struct slot {
    int64_t key;
    int64_t count; ///< 0: empty
} slot;

typedef struct table {
    slot *slots;
    uint64_t n_slots; ///< a power of two; a hash's low bits are its place
    uint64_t n_used;
} table;

typedef struct agg {
    const int64_t *keys;
    int64_t *spread; ///< the keys again, by partition
    uint64_t n_keys, n_groups;
    table groups;
    slot *out;
    uint64_t n_out;
} agg;

static uint64_t hash_key(int64_t key)
{
    uint64_t h = (uint64_t)key * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 32); // the low bits choose the place, the top ones the partition
}

static void table_add(table *t, int64_t key, uint64_t hash)
{
    uint64_t mask = t->n_slots - 1;
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        slot *s = &t->slots[at];
        if (s->count == 0) {
            if (++t->n_used > t->n_slots / 4 * 3) {
                limit_die("more groups than -g says");
            }
            *s = (slot){key, 1};
            return;
        }
        if (s->key == key) {
            s->count++;
            return;
        }
    }
}

/// Appends the table's groups to the result and empties it.
static void table_take(table *t, agg *self)
{
    slot *out = self->out + self->n_out;
    for (uint64_t i = 0; i < t->n_slots; i++) {
        *out = t->slots[i];
        out += t->slots[i].count != 0;
        t->slots[i] = (slot){0, 0};
    }
    self->n_out = (uint64_t)(out - self->out);
    t->n_used = 0;
}

static void add_keys(table *t, const int64_t *keys, uint64_t n)
{
    uint64_t hashes[GATHER];
    uint64_t i = 0;
    for (; i + GATHER <= n; i += GATHER) {
        for (uint64_t k = 0; k < GATHER; k++) {
            hashes[k] = hash_key(keys[i + k]);
            __builtin_prefetch(&t->slots[hashes[k] & (t->n_slots - 1)], 1, 3);
        }
        for (uint64_t k = 0; k < GATHER; k++) {
            table_add(t, keys[i + k], hashes[k]);
        }
    }
    for (; i < n; i++) {
        table_add(t, keys[i], hash_key(keys[i]));
    }
}

static uint64_t round_up_power(uint64_t n)
{
    uint64_t power = 64;
    while (power < n) {
        power *= 2;
    }
    return power;
}

static void agg_direct(agg *self)
{
    self->groups.n_slots = round_up_power(self->n_groups * 3);
    add_keys(&self->groups, self->keys, self->n_keys);
    table_take(&self->groups, self);
}

static uint64_t partition_of(uint64_t hash)
{
    return hash >> (64 - PARTITION_BITS);
}

/// Writes a full line past the caches: it is read again only when its partition's turn comes.
static void flush_line(int64_t *to, const int64_t *line)
{
    for (int i = 0; i < LINE_KEYS; i += 2) {
        __m128i pair = _mm_load_si128((const __m128i *)(const void *)(line + i));
        _mm_stream_si128((__m128i *)(void *)(to + i), pair);
    }
}

/// Spreads the keys; begin[p] to end[p] is partition p, begun on a cache line's border.
static void spread_keys(agg *self, uint64_t *begin, uint64_t *end)
{
    static const uint64_t align = LINE_KEYS - 1;
    _Alignas(64) int64_t lines[N_PARTITIONS][LINE_KEYS];
    uint64_t n_of[N_PARTITIONS] = {0};
    for (uint64_t i = 0; i < self->n_keys; i++) {
        n_of[partition_of(hash_key(self->keys[i]))]++;
    }
    uint64_t at = 0;
    for (int p = 0; p < N_PARTITIONS; p++) {
        begin[p] = end[p] = at;
        at = (at + n_of[p] + align) & ~align;
    }
    for (uint64_t i = 0; i < self->n_keys; i++) {
        int64_t key = self->keys[i];
        uint64_t p = partition_of(hash_key(key));
        uint64_t to = end[p]++;
        lines[p][to & align] = key;
        if ((to & align) == align) {
            flush_line(self->spread + (to & ~align), lines[p]);
        }
    }
    for (int p = 0; p < N_PARTITIONS; p++) {
        uint64_t rest = end[p] & align;
        memcpy(self->spread + (end[p] - rest), lines[p], rest * sizeof(int64_t));
    }
    _mm_sfence();
}

static void agg_partition(agg *self)
{
    uint64_t begin[N_PARTITIONS], end[N_PARTITIONS];
    spread_keys(self, begin, end);
    self->groups.n_slots = round_up_power(self->n_groups / N_PARTITIONS * 4 + 64);
    for (int p = 0; p < N_PARTITIONS; p++) {
        add_keys(&self->groups, self->spread + begin[p], end[p] - begin[p]);
        table_take(&self->groups, self);
    }
}

/// Order does not matter: each group adds its part.
static uint64_t checksum(const agg *self)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < self->n_out; i++) {
        uint64_t state = (uint64_t)self->out[i].key + (uint64_t)self->out[i].count * 31;
        sum += limit_random(&state);
    }
    return sum;
}

/// The key of group g: an odd factor makes different groups differ.
static int64_t group_key(uint64_t g)
{
    return (int64_t)((g + 1) * 0xD1342543DE82EF95u);
}

/// The checksum that must come out, from counts kept by group number.
static uint64_t make_keys(int64_t *keys, uint64_t n_keys, uint64_t n_groups)
{
    uint32_t *counts = (uint32_t *)limit_alloc(n_groups * sizeof(uint32_t));
    uint64_t random = 7, sum = 0;
    for (uint64_t i = 0; i < n_keys; i++) {
        uint64_t g = limit_below(&random, n_groups);
        counts[g]++;
        keys[i] = group_key(g);
    }
    for (uint64_t g = 0; g < n_groups; g++) {
        uint64_t state = (uint64_t)group_key(g) + (uint64_t)counts[g] * 31;
        sum += counts[g] > 0 ? limit_random(&state) : 0;
    }
    limit_free(counts, n_groups * sizeof(uint32_t));
    return sum;
}

static void run(agg *self, const char *name, void (*way)(agg *), int64_t n_repetitions,
                uint64_t expected)
{
    int64_t cpu_ns[100];
    for (int64_t r = 0; r < n_repetitions; r++) {
        self->n_out = 0;
        int64_t begin_ns = limit_thread_cpu_ns();
        way(self);
        cpu_ns[r] = limit_thread_cpu_ns() - begin_ns;
        if (checksum(self) != expected) {
            limit_die("%s: wrong counts", name);
        }
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    int64_t median_ns = limit_quantile(cpu_ns, (size_t)n_repetitions, 500);
    printf("hash_agg way=%s keys=%llu groups=%llu repetitions=%lld best_mkeys_s=%.1f "
           "median_mkeys_s=%.1f\n",
           name, (unsigned long long)self->n_keys, (unsigned long long)self->n_out,
           (long long)n_repetitions, (double)self->n_keys * 1e3 / (double)cpu_ns[0],
           (double)self->n_keys * 1e3 / (double)median_ns);
}

int main(int argc, char **argv)
{
    uint64_t n_keys = (uint64_t)16 << 20, n_groups = (uint64_t)1 << 20;
    int64_t n_repetitions = 7;
    const char *way = NULL;
    int option;
    while ((option = getopt(argc, argv, "n:g:r:m:")) != -1) {
        if (option == 'n') {
            n_keys = (uint64_t)limit_number("-n", optarg, 1, 1024) << 20;
        } else if (option == 'g') {
            n_groups = (uint64_t)limit_number("-g", optarg, 1, 1 << 28);
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else if (option == 'm' &&
                   (strcmp(optarg, "direct") == 0 || strcmp(optarg, "partition") == 0)) {
            way = optarg;
        } else {
            limit_die("usage: hash_agg [-n MILLION_KEYS] [-g GROUPS] [-r REPETITIONS] "
                      "[-m direct|partition]");
        }
    }
    uint64_t n_slots = round_up_power(n_groups * 4 + 64);
    size_t keys_bytes = (n_keys + (uint64_t)N_PARTITIONS * LINE_KEYS) * sizeof(int64_t);
    int64_t *keys = (int64_t *)limit_alloc(keys_bytes);
    agg self = {.keys = keys, .n_keys = n_keys, .n_groups = n_groups};
    self.spread = (int64_t *)limit_alloc(keys_bytes);
    self.groups.slots = (slot *)limit_alloc(n_slots * sizeof(slot));
    self.out = (slot *)limit_alloc((n_groups + 1) * sizeof(slot));
    uint64_t expected = make_keys(keys, n_keys, n_groups);
    if (way == NULL || strcmp(way, "direct") == 0) {
        run(&self, "direct", agg_direct, n_repetitions, expected);
    }
    if (way == NULL || strcmp(way, "partition") == 0) {
        run(&self, "partition", agg_partition, n_repetitions, expected);
    }
    limit_free(keys, keys_bytes);
    limit_free(self.spread, keys_bytes);
    limit_free(self.groups.slots, n_slots * sizeof(slot));
    limit_free(self.out, (n_groups + 1) * sizeof(slot));
    return 0;
}
