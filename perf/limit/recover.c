/// recover.c — state read from Arrow files into a hash table by hand: what a store's recovery does.
///
/// The files are those that the engine's side has written. A row becomes an entry with its key's
/// hash and a copy of key and value, chained to the entry before it in its slot; the table is as
/// large as the files say from the beginning.
///
///     recover THOUSAND_KEYS DIR
#include <sys/stat.h>
#include <unistd.h>

#include <nanoarrow/nanoarrow_ipc.h>

#include "perf/limit/recover_rows.h"

enum { SLOTS = 1024 };

typedef struct entry {
    uint64_t hash;
    const char *bytes; ///< key, then count and sum
    int32_t key_size, next, slot;
} entry;

typedef struct table {
    entry *entries;
    int64_t n, capacity;
    int32_t *index; ///< entry + 1
    uint64_t mask;
    int32_t last[SLOTS]; ///< of each slot
    char *bytes, *end;
} table;

static void need(int rc, const char *what)
{
    if (rc != NANOARROW_OK) {
        limit_die("%s: code %d", what, rc);
    }
}

static uint64_t hash_of(const char *key, int64_t size)
{
    uint64_t a = 0, b = 0;
    memcpy(&a, key, size < 8 ? (size_t)size : 8);
    memcpy(&b, key + (size < 8 ? 0 : size - 8), size < 8 ? (size_t)size : 8);
    limit_u128 product = (limit_u128)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xBF58476D1CE4E5B9u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static table table_new(int64_t n)
{
    table t = {.capacity = n};
    uint64_t size = 64;
    while (size * 7 < (uint64_t)n * 10) {
        size *= 2;
    }
    t.mask = size - 1;
    t.entries = malloc((size_t)n * sizeof *t.entries);
    t.index = calloc(size, sizeof *t.index);
    t.bytes = t.end = malloc((size_t)n * (RECOVER_KEY_BYTES + 16));
    if (t.entries == NULL || t.index == NULL || t.bytes == NULL) {
        limit_die("no memory");
    }
    memset(t.last, 0xff, sizeof t.last);
    return t;
}

static void add(table *t, int32_t slot, struct ArrowStringView key, int64_t count, double sum)
{
    uint64_t hash = hash_of(key.data, key.size_bytes), at = hash & t->mask;
    for (; t->index[at] != 0; at = (at + 1) & t->mask) {
        const entry *e = &t->entries[t->index[at] - 1];
        if (e->hash == hash && e->key_size == key.size_bytes &&
            memcmp(e->bytes, key.data, (size_t)key.size_bytes) == 0) {
            limit_die("a key twice");
        }
    }
    if (t->n == t->capacity || slot < 0 || slot >= SLOTS || key.size_bytes > RECOVER_KEY_BYTES) {
        limit_die("the files do not fit together");
    }
    char *bytes = t->end;
    memcpy(bytes, key.data, (size_t)key.size_bytes);
    memcpy(bytes + key.size_bytes, &count, 8);
    memcpy(bytes + key.size_bytes + 8, &sum, 8);
    t->end += key.size_bytes + 16;
    t->entries[t->n] = (entry){hash, bytes, (int32_t)key.size_bytes, -1, slot};
    if (t->last[slot] >= 0) {
        t->entries[t->last[slot]].next = (int32_t)t->n;
    }
    t->last[slot] = (int32_t)t->n;
    t->index[at] = (int32_t)++t->n;
}

static char *read_file(const char *path, int64_t *size)
{
    struct stat st;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        limit_die_errno(path);
    }
    char *bytes = malloc((size_t)st.st_size);
    if (bytes == NULL || fread(bytes, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
        limit_die("%s: can't be read", path);
    }
    fclose(file);
    *size = st.st_size;
    return bytes;
}

/// Arrow's file is a stream between two marks of eight bytes and a footer.
static void open_stream(char *bytes, int64_t size, struct ArrowArrayStream *out)
{
    struct ArrowBuffer buffer;
    struct ArrowIpcInputStream input;
    ArrowBufferInit(&buffer);
    need(ArrowBufferAppend(&buffer, bytes + 8, size - 8), "buffer");
    free(bytes);
    need(ArrowIpcInputStreamInitBuffer(&input, &buffer), "input");
    need(ArrowIpcArrayStreamReaderInit(out, &input, NULL), "reader");
}

static void add_batch(table *t, const struct ArrowArray *batch)
{
    const int32_t *slots = batch->children[0]->buffers[1];
    const int32_t *from = batch->children[1]->buffers[1];
    const char *text = batch->children[1]->buffers[2];
    const int64_t *counts = batch->children[2]->buffers[1];
    const double *sums = batch->children[3]->buffers[1];
    for (int64_t i = 0; i < batch->length; i++) {
        struct ArrowStringView key = {text + from[i], from[i + 1] - from[i]};
        add(t, slots[i], key, counts[i], sums[i]);
    }
}

static void read_part(table *t, const char *dir, int part)
{
    char path[512];
    int64_t size = 0;
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    snprintf(path, sizeof path, "%s/part-%02d.arrow", dir, part);
    char *bytes = read_file(path, &size);
    open_stream(bytes, size, &stream);
    for (need(stream.get_next(&stream, &batch), path); batch.release != NULL;
         need(stream.get_next(&stream, &batch), path)) {
        add_batch(t, &batch);
        batch.release(&batch);
    }
    stream.release(&stream);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        limit_die("usage: %s THOUSAND_KEYS DIR", argv[0]);
    }
    int64_t n = 1000 * limit_number("THOUSAND_KEYS", argv[1], 1, 1000000);
    int64_t begun = limit_thread_cpu_ns();
    table t = table_new(n);
    for (int part = 0; part < RECOVER_PARTS; part++) {
        read_part(&t, argv[2], part);
    }
    double ms = (double)(limit_thread_cpu_ns() - begun) / 1e6;
    if (t.n != n) {
        limit_die("%lld keys came back", (long long)t.n);
    }
    printf("recover_ms=%.1f\n", ms);
    return 0;
}
