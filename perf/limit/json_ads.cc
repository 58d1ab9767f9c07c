/// json_ads.cc — how fast one core can parse, filter, join and count JSON events with simdjson: the
/// loop beside which the engine, with the same parser, is measured.
///
/// Events of ad_events.h lie in memory. For each epoch: On-Demand documents out of iterate_many,
/// keep event_type "view", find ad_id among the 1,000 ads by a hash table, count per campaign. What
/// is timed is exactly that, as user + system time of the thread; the parser's second thread is
/// switched off.
///
/// Fields are asked for in the order in which they come, but found in any order. Strings are
/// compared where they lie, without unescaping; that is right as long as what differs holds no
/// escape, which is checked: an escape, like an unknown ad, ends the program.
///
///     json_ads [-t THREADS] [-r REPETITIONS] [-n EPOCHS] [-e EVENTS_PER_EPOCH] [-b BATCH_KIB]
#include "ad_events.h"
#include "limit.h"

#include <memory>
#include <pthread.h>
#include <simdjson.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{
namespace od = simdjson::ondemand;

/// ad_id -> campaign. 4,096 places for 1,000 ads; the first 8 bytes of an id are random enough to
/// hash.
class ad_table
{
  public:
    explicit ad_table(const ad_row *rows)
    {
        for (size_t i = 0; i < AD_N_ADS; i++) {
            size_t at = home(rows[i].ad_id);
            while (place_[at].ad_id[0] != 0) {
                at = (at + 1) % N_PLACES;
            }
            place_[at] = rows[i];
        }
    }

    /// The campaign of the AD_ID_BYTES at `id`, or -1.
    int find(const char *id) const
    {
        for (size_t at = home(id); place_[at].ad_id[0] != 0; at = (at + 1) % N_PLACES) {
            if (memcmp(place_[at].ad_id, id, AD_ID_BYTES) == 0) {
                return place_[at].campaign;
            }
        }
        return -1;
    }

  private:
    static constexpr size_t N_PLACES = 4096;
    ad_row place_[N_PLACES] = {};

    static size_t home(const char *id)
    {
        uint64_t first;
        memcpy(&first, id, sizeof first);
        return (first * 0x9E3779B97F4A7C15u) >> 52;
    }
};

struct plan {
    size_t n_threads = 1, n_repetitions = 7, n_epochs = 6, events_per_epoch = 65536;
    size_t batch_bytes = (size_t)128 << 10;
};

/// One copy of the loop: its own bytes, parser, table and figures.
class copy
{
  public:
    copy(const plan &of, const ad_events &events)
        : of_(of), events_(events), ads_(events.ads),
          bytes_((char *)limit_alloc(events.size_bytes + AD_PADDING))
    {
        memcpy(bytes_, events.bytes, events.size_bytes + AD_PADDING);
        parser_.threaded = false;
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
            n_events += count_epoch(begin, events_.epoch_end[i], counts);
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
    ad_table ads_;
    char *bytes_;
    od::parser parser_;

    uint64_t count_epoch(size_t begin, size_t end, uint64_t *counts)
    {
        od::document_stream stream;
        check(parser_.iterate_many(bytes_ + begin, end - begin, of_.batch_bytes).get(stream));
        uint64_t n = 0;
        for (auto document : stream) {
            od::object event;
            od::raw_json_string ad_id, event_type;
            check(document.get_object().get(event));
            check(event["ad_id"].get_raw_json_string().get(ad_id));
            check(event["event_type"].get_raw_json_string().get(event_type));
            if (is_view(event_type)) {
                counts[campaign(ad_id)]++;
            }
            n++;
        }
        return n;
    }

    /// Another spelling of "view" would have its first escape among the first four bytes.
    static bool is_view(od::raw_json_string event_type)
    {
        const char *raw = event_type.raw();
        uint32_t four;
        memcpy(&four, raw, sizeof four);
        uint32_t escape = four ^ 0x5C5C5C5C; // a zero byte where there is a backslash
        if (((escape - 0x01010101) & ~escape & 0x80808080) != 0) {
            limit_die("an event_type with an escape");
        }
        return memcmp(raw, "view\"", 5) == 0;
    }

    /// An id of another length can't match: the closing quote is compared too. Reading past a
    /// shorter one stays inside the padded buffer.
    int campaign(od::raw_json_string ad_id)
    {
        const char *raw = ad_id.raw();
        int found = raw[AD_ID_BYTES] == '"' ? ads_.find(raw) : -1;
        if (found < 0) {
            limit_die("an ad that is in no campaign");
        }
        return found;
    }

    static void check(simdjson::error_code code)
    {
        if (code != simdjson::SUCCESS) {
            limit_die("simdjson: %s", simdjson::error_message(code));
        }
    }
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
