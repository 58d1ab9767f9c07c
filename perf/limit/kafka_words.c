/// kafka_words.c — the words of a topic counted by hand: a bare librdkafka consumer whose values
/// are put end to end and, 16 MiB at a time, counted as word_counter.h does it.
///
/// words= and checksum= are over all epochs; the checksum is a sum over words times their counts,
/// so it does not depend on how the records were cut into epochs.
///
///     kafka_words [-b BEGIN_NS] [-a AHEAD_KIB] BROKERS TOPIC RECORDS
#include "kafka_loop.h"
#include "word_counter.h"

typedef struct words {
    counter *table;
    const kernel *use;
    kafka_epoch epoch;
    uint64_t n_words, checksum;
} words;

static void count_words(words *self)
{
    zipf_span text = {self->epoch.bytes, self->epoch.size_bytes};
    self->n_words += word_counter_count(self->table, self->use, text);
    for (size_t i = 0; i < self->table->n_rows; i++) {
        const word_count *row = &self->table->rows[i];
        self->checksum +=
            zipf_text_times(word_counter_bytes(row), row->word.small.length, row->count);
    }
    self->epoch.size_bytes = 0;
}

static void take_batch(words *self, const kafka_loop *loop)
{
    for (size_t i = 0; i < loop->n; i++) {
        if (!kafka_epoch_add(&self->epoch, loop->batch[i])) {
            count_words(self);
            (void)kafka_epoch_add(&self->epoch, loop->batch[i]);
        }
    }
}

int main(int argc, char **argv)
{
    char more[80];
    kafka_loop_options of = kafka_loop_arguments(argc, argv);
    words self = {
        .table = word_counter_new(), .use = word_counter_kernel(NULL), .epoch = kafka_epoch_new()};
    kafka_loop loop = kafka_loop_open(&of);
    while (kafka_loop_take(&loop)) {
        int64_t begin_ns = limit_thread_cpu_ns();
        take_batch(&self, &loop);
        kafka_loop_worked(&loop, begin_ns);
    }
    int64_t begin_ns = limit_thread_cpu_ns();
    count_words(&self);
    kafka_loop_worked(&loop, begin_ns);
    (void)snprintf(more, sizeof more, " words=%llu checksum=%016llx",
                   (unsigned long long)self.n_words, (unsigned long long)self.checksum);
    kafka_loop_report(&loop, "kafka_words", more);
    kafka_loop_close(&loop);
    kafka_epoch_free(&self.epoch);
    word_counter_free(self.table);
    return 0;
}
