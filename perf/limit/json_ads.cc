/// json_ads.cc — how fast one core can parse, filter, join and count JSON events with simdjson: the
/// loop beside which the engine, with the same parser, is measured.
///
/// Events of ad_events.h lie in memory, and are counted epoch by epoch as ad_counter.h does it.
/// What is timed is exactly that, as user + system time of the thread.
///
///     json_ads [-t THREADS] [-r REPETITIONS] [-n EPOCHS] [-e EVENTS_PER_EPOCH] [-b BATCH_KIB]
#include "ad_counter.h"

#include <memory>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{
struct plan {
    size_t n_threads = 1, n_repetitions = 7, n_epochs = 6, events_per_epoch = 65536;
    size_t batch_bytes = (size_t)128 << 10;
};

/// One copy of the loop: its own bytes, parser, table and figures.
class copy
{
  public:
    copy(const plan &of, const ad_events &events)
        : of_(of), events_(events), counter_(events.ads, of.batch_bytes),
          bytes_((char *)limit_alloc(events.size_bytes + AD_PADDING))
    {
        memcpy(bytes_, events.bytes, events.size_bytes + AD_PADDING);
    }

    copy(const copy &) = delete;
    copy &operator=(const copy &) = delete;
    ~copy()
    {
        limit_free(bytes_, events_.size_bytes + AD_PADDING);
    }

    /// Counts all epochs once; ends the program when the counts are wrong.
    void run()
    {
        uint64_t views[AD_N_CAMPAIGNS] = {};
        uint64_t n_events = 0;
        int64_t cpu = limit_thread_cpu_ns(), wall = limit_wall_ns();
        for (size_t begin = 0, i = 0; i < events_.n_epochs; i++) {
            uint64_t counts[AD_N_CAMPAIGNS] = {}; // the epoch's result
            n_events += counter_.count(bytes_ + begin, events_.epoch_end[i] - begin, counts);
            for (size_t c = 0; c < AD_N_CAMPAIGNS; c++) {
                views[c] += counts[c];
            }
            begin = events_.epoch_end[i];
        }
        cpu_ns.push_back(limit_thread_cpu_ns() - cpu);
        wall_ns.push_back(limit_wall_ns() - wall);
        if (n_events != events_.n_events || memcmp(views, events_.views, sizeof views) != 0) {
            limit_die("wrong counts: %llu events", (unsigned long long)n_events);
        }
    }

    std::vector<int64_t> cpu_ns, wall_ns;

  private:
    const plan of_;
    const ad_events &events_;
    ad_counter counter_;
    char *bytes_;
};

plan read_plan(int argc, char **argv)
{
    plan p;
    int option;
    while ((option = getopt(argc, argv, "t:r:n:e:b:")) != -1) {
        switch (option) {
        case 't':
            p.n_threads = (size_t)limit_number("-t", optarg, 1, 64);
            break;
        case 'r':
            p.n_repetitions = (size_t)limit_number("-r", optarg, 1, 1000);
            break;
        case 'n':
            p.n_epochs = (size_t)limit_number("-n", optarg, 1, AD_MAX_EPOCHS);
            break;
        case 'e':
            p.events_per_epoch = (size_t)limit_number("-e", optarg, 1, 1 << 24);
            break;
        case 'b':
            p.batch_bytes = (size_t)limit_number("-b", optarg, 1, 1 << 20) << 10;
            break;
        default:
            limit_die(
                "usage: json_ads [-t THREADS] [-r REPETITIONS] [-n EPOCHS] [-e EVENTS_PER_EPOCH] "
                "[-b BATCH_KIB]");
        }
    }
    return p;
}

void run_thread(const plan &p, const ad_events &events, pthread_barrier_t &start, copy *&out)
{
    auto self = std::make_unique<copy>(p, events);
    for (size_t r = 0; r < p.n_repetitions; r++) {
        pthread_barrier_wait(&start);
        self->run();
    }
    out = self.release();
}

/// Millions of events a second: best and median over CPU time, best over wall time, summed over
/// copies.
void report(const plan &p, const ad_events &events, std::vector<std::unique_ptr<copy>> &copies)
{
    double best = 0, median = 0, best_wall = 0;
    for (auto &c : copies) {
        limit_sort(c->cpu_ns.data(), c->cpu_ns.size());
        limit_sort(c->wall_ns.data(), c->wall_ns.size());
        double events_1000 = (double)events.n_events * 1e3;
        best += events_1000 / (double)c->cpu_ns[0];
        median += events_1000 / (double)limit_quantile(c->cpu_ns.data(), c->cpu_ns.size(), 500);
        best_wall += events_1000 / (double)c->wall_ns[0];
    }
    printf("json_ads kernel=%s threads=%zu repetitions=%zu events=%llu bytes=%zu epochs=%zu "
           "best_mevents_s=%.2f median_mevents_s=%.2f best_wall_mevents_s=%.2f\n",
           simdjson::get_active_implementation()->name().c_str(), p.n_threads, p.n_repetitions,
           (unsigned long long)events.n_events, events.size_bytes, events.n_epochs, best, median,
           best_wall);
}
} // namespace

int main(int argc, char **argv)
{
    plan p = read_plan(argc, argv);
    static ad_events events;
    ad_events_init(&events, p.n_epochs, p.events_per_epoch, 7);
    pthread_barrier_t start;
    pthread_barrier_init(&start, nullptr, (unsigned)p.n_threads);
    std::vector<copy *> made(p.n_threads);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < p.n_threads; t++) {
        threads.emplace_back([&, t] { run_thread(p, events, start, made[t]); });
    }
    std::vector<std::unique_ptr<copy>> copies;
    for (size_t t = 0; t < p.n_threads; t++) {
        threads[t].join();
        copies.emplace_back(made[t]);
    }
    report(p, events, copies);
    pthread_barrier_destroy(&start);
    ad_events_reset(&events);
    return 0;
}
