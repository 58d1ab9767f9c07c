/// wordcount.c — how fast one core can count words: the loop beside which the engine is measured.
///
/// A text of zipf_text.h lies in memory. For each epoch (16 MiB) the words between spaces and
/// newlines are counted in an empty table, and the table is written out as an array of (word,
/// count) pairs. What is timed is exactly that, as user + system time of the thread.
///
/// How it counts is in word_counter.h. The first epoch is counted a second time by a loop that is
/// too simple to be wrong, and must agree.
///
/// With -c one copy and THREADS copies take turns, and what is printed is the median over all
/// rounds of the speed-up over wall time: the sum of the copies' rates over the rate of the one.
///
///     wordcount [-c] [-t THREADS] [-r REPETITIONS] [-s MIB] [-e EPOCH_MIB] [-k avx512|avx2]
#include "word_counter.h"

#include <pthread.h>
#include <unistd.h>

enum { MAX_THREADS = 64, MAX_REPETITIONS = 1000 };

// ---- the plain count that the fast one must equal
// ------------------------------------------------

typedef struct plain_entry {
    zipf_span word;
    uint64_t count;
} plain_entry;

static void plain_add(plain_entry *table, size_t n_slots, const char *word, size_t length)
{
    size_t at = (size_t)(zipf_text_pair(word, length, 0) % n_slots);
    while (table[at].count > 0 && (table[at].word.size_bytes != length ||
                                   memcmp(table[at].word.bytes, word, length) != 0)) {
        at = (at + 1) % n_slots;
    }
    table[at].word = (zipf_span){word, length};
    table[at].count++;
}

static uint64_t plain_checksum(zipf_span epoch)
{
    enum { N_SLOTS = 1 << 20 };
    plain_entry *table = (plain_entry *)limit_alloc(N_SLOTS * sizeof *table);
    const char *stop = epoch.bytes + epoch.size_bytes;
    const char *word = epoch.bytes;
    for (const char *at = word; at <= stop; at++) {
        if (at == stop || *at == ' ' || *at == '\n') {
            if (at > word) {
                plain_add(table, N_SLOTS, word, (size_t)(at - word));
            }
            word = at + 1;
        }
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < N_SLOTS; i++) {
        if (table[i].count > 0) {
            sum += zipf_text_pair(table[i].word.bytes, table[i].word.size_bytes, table[i].count);
        }
    }
    limit_free(table, N_SLOTS * sizeof *table);
    return sum;
}

// ---- the program ----------------------------------------------------------------------------

typedef struct plan {
    const kernel *use;
    int64_t n_threads, n_repetitions;
    size_t size_bytes, epoch_bytes;
    bool compare;
    const zipf_text *text;
} plan;

/// One copy of the loop: its own text, tables and figures.
typedef struct copy {
    const plan *of;
    int64_t number;
    pthread_barrier_t *start;
    zipf_text text; ///< the plan's, with bytes of its own
    int64_t cpu_ns[MAX_REPETITIONS], wall_ns[MAX_REPETITIONS];
    int64_t alone_ns[MAX_REPETITIONS]; ///< wall time of the turns that a copy had for itself
    uint64_t sum;
} copy;

/// Counts all epochs once. The checksum is taken outside the clock.
static void run_once(copy *self, counter *table, int64_t repetition)
{
    uint64_t sum = 0, n_words = 0;
    int64_t cpu_ns = 0, wall_ns = 0;
    for (size_t i = 0; i < self->text.n_epochs; i++) {
        zipf_span epoch = zipf_text_epoch(&self->text, i);
        int64_t wall = limit_wall_ns(), cpu = limit_thread_cpu_ns();
        n_words += word_counter_count(table, self->of->use, epoch);
        cpu_ns += limit_thread_cpu_ns() - cpu;
        wall_ns += limit_wall_ns() - wall;
        uint64_t part = word_counter_checksum(table);
        if (i == 0 && repetition == 0 && part != plain_checksum(epoch)) {
            limit_die("wrong counts in the first epoch");
        }
        sum += part;
    }
    if (n_words != self->text.n_words || (repetition > 0 && sum != self->sum)) {
        limit_die("wrong counts: %llu words", (unsigned long long)n_words);
    }
    self->sum = sum;
    self->cpu_ns[repetition] = cpu_ns;
    self->wall_ns[repetition] = wall_ns;
}

static void *run_copy(void *argument)
{
    copy *self = (copy *)argument;
    self->text = *self->of->text;
    char *own = (char *)limit_alloc(self->text.size_bytes + ZIPF_PADDING * 2);
    memcpy(own, self->of->text->bytes - ZIPF_PADDING, self->text.size_bytes + ZIPF_PADDING * 2);
    self->text.bytes = own + ZIPF_PADDING;
    counter *table = word_counter_new();
    for (int64_t r = 0; r < self->of->n_repetitions; r++) {
        pthread_barrier_wait(self->start);
        if (self->of->compare) {
            if (r % self->of->n_threads == self->number) {
                run_once(self, table, r);
                self->alone_ns[r] = self->wall_ns[r];
            }
            pthread_barrier_wait(self->start);
        }
        run_once(self, table, r);
    }
    word_counter_free(table);
    limit_free(own, self->text.size_bytes + ZIPF_PADDING * 2);
    return NULL;
}

/// Words a second over CPU time, best and median of all repetitions of a copy; of several copies
/// the sums, and over wall time too.
static void report(const plan *of, copy *copies)
{
    double best = 0, median = 0, best_wall = 0;
    for (int64_t t = 0; t < of->n_threads; t++) {
        copy *c = &copies[t];
        size_t n = (size_t)of->n_repetitions;
        if (c->sum != copies[0].sum) {
            limit_die("copies disagree");
        }
        limit_sort(c->cpu_ns, n);
        limit_sort(c->wall_ns, n);
        best += (double)of->text->n_words * 1e3 / (double)c->cpu_ns[0];
        median += (double)of->text->n_words * 1e3 / (double)limit_quantile(c->cpu_ns, n, 500);
        best_wall += (double)of->text->n_words * 1e3 / (double)c->wall_ns[0];
    }
    printf("wordcount kernel=%s threads=%lld repetitions=%lld words=%llu epochs=%zu "
           "best_mwords_s=%.1f "
           "median_mwords_s=%.1f best_wall_mwords_s=%.1f checksum=%016llx\n",
           of->use->name, (long long)of->n_threads, (long long)of->n_repetitions,
           (unsigned long long)of->text->n_words, of->text->n_epochs, best, median, best_wall,
           (unsigned long long)copies[0].sum);
}

/// The speed-up of all copies over one, of each round, whose lone copy was another each time.
static void report_speedup(const plan *of, const copy *copies)
{
    int64_t speedup[MAX_REPETITIONS]; // thousandths
    size_t n = (size_t)of->n_repetitions;
    for (int64_t r = 0; r < of->n_repetitions; r++) {
        int64_t alone_ns = copies[r % of->n_threads].alone_ns[r];
        speedup[r] = 0;
        for (int64_t t = 0; t < of->n_threads; t++) {
            speedup[r] += alone_ns * 1000 / copies[t].wall_ns[r];
        }
    }
    limit_sort(speedup, n);
    printf("wordcount kernel=%s threads=%lld rounds=%zu speedup=%.3f lowest=%.3f highest=%.3f "
           "checksum=%016llx\n",
           of->use->name, (long long)of->n_threads, n,
           (double)limit_quantile(speedup, n, 500) / 1e3, (double)speedup[0] / 1e3,
           (double)speedup[n - 1] / 1e3, (unsigned long long)copies[0].sum);
}

static plan read_plan(int argc, char **argv)
{
    plan p = {.n_threads = 1, .n_repetitions = 7, .epoch_bytes = (size_t)16 << 20};
    const char *name = NULL;
    int option;
    while ((option = getopt(argc, argv, "t:r:s:e:k:c")) != -1) {
        switch (option) {
        case 't':
            p.n_threads = limit_number("-t", optarg, 1, MAX_THREADS);
            break;
        case 'r':
            p.n_repetitions = limit_number("-r", optarg, 1, MAX_REPETITIONS);
            break;
        case 's':
            p.size_bytes = (size_t)limit_number("-s", optarg, 1, 65536) << 20;
            break;
        case 'e':
            p.epoch_bytes = (size_t)limit_number("-e", optarg, 1, 2048) << 20;
            break;
        case 'k':
            name = optarg;
            break;
        case 'c':
            p.compare = true;
            break;
        default:
            limit_die("usage: wordcount [-c] [-t THREADS] [-r REPETITIONS] [-s MIB] "
                      "[-e EPOCH_MIB] [-k avx512|avx2]");
        }
    }
    p.use = word_counter_kernel(name);
    p.size_bytes = p.size_bytes != 0 ? p.size_bytes : (size_t)(p.compare ? 32 : 256) << 20;
    return p;
}

int main(int argc, char **argv)
{
    plan p = read_plan(argc, argv);
    zipf_text text;
    zipf_text_init(&text, p.size_bytes, p.epoch_bytes, 7);
    p.text = &text;
    copy *copies = (copy *)limit_alloc((size_t)p.n_threads * sizeof *copies);
    pthread_t threads[MAX_THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)p.n_threads);
    for (int64_t t = 0; t < p.n_threads; t++) {
        copies[t].of = &p;
        copies[t].number = t;
        copies[t].start = &start;
        if (pthread_create(&threads[t], NULL, run_copy, &copies[t]) != 0) {
            limit_die("cannot start a thread");
        }
    }
    for (int64_t t = 0; t < p.n_threads; t++) {
        pthread_join(threads[t], NULL);
    }
    if (p.compare) {
        report_speedup(&p, copies);
    } else {
        report(&p, copies);
    }
    pthread_barrier_destroy(&start);
    limit_free(copies, (size_t)p.n_threads * sizeof *copies);
    zipf_text_reset(&text);
    return 0;
}
