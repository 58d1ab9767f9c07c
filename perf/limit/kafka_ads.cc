/// kafka_ads.cc — the ad events of a topic counted by hand: a bare librdkafka consumer whose values
/// are put end to end and, 16 MiB at a time, parsed, filtered, joined and counted per campaign as
/// ad_counter.h does it. The window is the run.
///
///     kafka_ads [-b BEGIN_NS] [-a AHEAD_KIB] BROKERS TOPIC RECORDS
#include "ad_counter.h"
#include "kafka_loop.h"

namespace
{
class ads
{
  public:
    explicit ads(const ad_row *table) : counter_(table, BATCH_BYTES), epoch_(kafka_epoch_new())
    {
    }

    ads(const ads &) = delete;
    ads &operator=(const ads &) = delete;
    ~ads()
    {
        kafka_epoch_free(&epoch_);
    }

    void take(const kafka_loop &loop)
    {
        for (size_t i = 0; i < loop.n; i++) {
            if (!kafka_epoch_add(&epoch_, loop.batch[i])) {
                count();
                (void)kafka_epoch_add(&epoch_, loop.batch[i]);
            }
        }
    }

    void count()
    {
        memset(epoch_.bytes + epoch_.size_bytes, 0, AD_PADDING);
        n_events += counter_.count(epoch_.bytes, epoch_.size_bytes, views);
        epoch_.size_bytes = 0;
    }

    uint64_t n_events = 0, views[AD_N_CAMPAIGNS] = {};

  private:
    static constexpr size_t BATCH_BYTES = (size_t)128 << 10;
    ad_counter counter_;
    kafka_epoch epoch_;
};
static_assert((int)AD_PADDING <= (int)KAFKA_EPOCH_PADDING, "what is behind an epoch can be read");
} // namespace

int main(int argc, char **argv)
{
    char more[80];
    kafka_loop_options of = kafka_loop_arguments(argc, argv);
    static ad_events table;
    ad_events_init(&table, 1, 1, AD_SEED);
    ads self(table.ads);
    kafka_loop loop = kafka_loop_open(&of);
    while (kafka_loop_take(&loop)) {
        int64_t begin_ns = limit_thread_cpu_ns();
        self.take(loop);
        kafka_loop_worked(&loop, begin_ns);
    }
    int64_t begin_ns = limit_thread_cpu_ns();
    self.count();
    kafka_loop_worked(&loop, begin_ns);
    if (self.n_events != (uint64_t)of.n_records) {
        limit_die("%llu events counted", (unsigned long long)self.n_events);
    }
    (void)snprintf(more, sizeof more, " views=%llu checksum=%016llx",
                   (unsigned long long)ad_sum(self.views),
                   (unsigned long long)ad_checksum(self.views));
    kafka_loop_report(&loop, "kafka_ads", more);
    kafka_loop_close(&loop);
    ad_events_reset(&table);
    return 0;
}
