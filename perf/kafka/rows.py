"""The rows of perf/run that need a broker: the engine on Kafka topics, beside bare librdkafka.

Each pair is a bare consumer, the hand-written loop and the engine in turns, on one broker and one topic, all on the same two
processors. CPU time is of the whole process.
"""
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import cluster

RATE = 20000
COMMIT_MS = 100
WARM_UP_S = 5


@contextlib.contextmanager
def brokers(b):
    with contextlib.ExitStack() as stack:
        where = b.options.cluster or stack.enter_context(tempfile.TemporaryDirectory(dir=b.options.dir))
        yield stack.enter_context(cluster.Cluster(where, b.options.build))


def limits(at, loop, topic):
    """A bare consumer, then the loop that does the work by hand."""
    want = at.topics[topic]
    bare = at.measure([at.limits / 'kafka_read', at.brokers, topic, want['records']])
    by_hand = at.measure([at.limits / loop, at.brokers, topic, want['records']])
    if by_hand['checksum'] != want['checksum']:
        sys.exit(f'{loop}: counted wrongly: {by_hand}')
    return bare, by_hand


def engine(b, at, job, topic, *options):
    want = at.topics[topic]
    more = [at.ads] if topic == 'events' else []
    got = at.measure([b.program('kafka'), *options, job, at.brokers, topic, want['records'],
                      want['views' if topic == 'events' else 'words'], *more])
    if got['checksum'] != want['checksum']:
        sys.exit(f'kafka {job}: counted wrongly: {got}')
    return got


def report(b, what, sides, of, goal, floor, unit, more_is_better, form='{:.2f}', middle=statistics.median):
    """`sides` are (limit, engine, value) by pair, `of` the key of what is shown of the first two."""
    values = [value for _, _, value in sides]
    limit, mine = (form.format(median([s[i] for s in sides], of)) for i in (0, 1))
    b.report('kafka', what, limit, mine, middle(values), (min(values), max(values)), goal, floor, unit, more_is_better)


def median(figures, key):
    return statistics.median(float(f[key]) for f in figures)


def over_the_loop(*sides):
    """How often the loop's own work fits into what the engine takes beyond reading; sides are lists of a bare consumer's, the
    loop's and the engine's figures. Reading costs the loop more or less from run to run than its work does, so it tells its
    thread's time for that alone; and medians are divided, since single differences spread."""
    bare, by_hand, mine = sides
    return ((median(mine, 'cpu_s_per_million') - median(bare, 'cpu_s_per_million'))
            / median(by_hand, 'work_s_per_million'))


def report_cpu(b, what, runs):
    by_pair = [(by_hand, mine, over_the_loop([bare], [by_hand], [mine])) for bare, by_hand, mine in runs]
    report(b, f'{what}: CPU s a million over reading, by the loop\'s', by_pair, 'cpu_s_per_million', 1.5, 2.5, ' x', False,
           middle=lambda _: over_the_loop(*zip(*runs)))
    print(f"kafka    {what}: CPU s a million, medians: bare {median([r[0] for r in runs], 'cpu_s_per_million'):.2f}; others had "
          f"{median([f for r in runs for f in r], 'others_cpus'):.2f} processors, {max(f['others_cpus'] for r in runs for f in r):.2f} "
          'at most', flush=True)


def kafka_words(b):
    """Word count of a topic: rate, CPU time and memory."""
    with brokers(b) as at:
        runs = [(*limits(at, 'kafka_words', 'lines'), engine(b, at, 'words', 'lines')) for _ in range(b.options.pairs)]
    rates = [(bare, mine, 100 * float(mine['records_s']) / float(bare['records_s'])) for bare, _, mine in runs]
    memory = [(bare, mine, float(mine['peak_mb']) - float(bare['peak_mb'])) for bare, _, mine in runs]
    report(b, 'words: records/s of a bare consumer\'s', rates, 'records_s', 85, 70, ' %', True, '{:.0f}')
    report_cpu(b, 'words', runs)
    report(b, 'words: MB resident at most, more than bare', memory, 'peak_mb', 32, 64, ' MB', False, '{:.0f}')


def kafka_events(b):
    """JSON ad events of a topic, filtered, joined and counted in windows: CPU time."""
    with brokers(b) as at:
        runs = [(*limits(at, 'kafka_ads', 'events'), engine(b, at, 'events', 'events')) for _ in range(b.options.pairs)]
    report_cpu(b, 'events', runs)


def kafka_running(b):
    """Running count of a topic: CPU time, beside the bare consumer's."""
    with brokers(b) as at:
        runs = [(*limits(at, 'kafka_words', 'lines'), engine(b, at, 'running', 'lines')) for _ in range(b.options.pairs)]
    print(f"kafka    running count: CPU s a million {median([r[2] for r in runs], 'cpu_s_per_million'):.2f}, a bare "
          f"consumer's {median([r[0] for r in runs], 'cpu_s_per_million'):.2f}", flush=True)


def kafka_start(b):
    """From the start of the program to the first result."""
    with brokers(b) as at:
        def pair():
            bare = at.measure([at.limits / 'kafka_read', at.brokers, 'lines', '1000'])
            mine = at.measure([b.program('kafka'), '-i', '5ms', 'words', at.brokers, 'lines', '1000', '1000'])
            return bare, mine, float(mine['start_ms']) - float(bare['start_ms'])

        report(b, 'ms to the first result, more than bare', [pair() for _ in range(3 * b.options.pairs)], 'start_ms', 30, 100,
               ' ms', False, '{:.1f}')


def latency(b, at, name, copy):
    """p50 and p99 of records that go through `copy`, a function from two topics to a command."""
    pace, number = at.limits / 'kafka_pace', time.monotonic_ns()
    before, behind = f'before-{number}', f'behind-{number}'
    for topic in (before, behind):
        at.make(topic, 'nothing')
    seconds = WARM_UP_S + max(b.options.seconds, 5)
    job = subprocess.Popen(list(map(str, copy(before, behind))), stdout=subprocess.DEVNULL)
    measure = subprocess.Popen([pace, 'measure', at.brokers, behind, str(RATE * seconds), str(WARM_UP_S)],
                               stdout=subprocess.PIPE, text=True)
    try:
        measure.stdout.readline()
        subprocess.run([pace, 'send', at.brokers, before, str(RATE), str(seconds)], check=True, stdout=subprocess.DEVNULL)
        out, _ = measure.communicate(timeout=60)
    finally:
        measure.kill()
        job.send_signal(signal.SIGTERM)
        job.wait()
    *by_second, all_of_it = map(cluster.pairs, out.splitlines())
    print(f"kafka    {name}: ms at p99 of each second, {WARM_UP_S} left out:", *(f"{float(s['p99_ms']):.0f}" for s in by_second),
          flush=True)
    return all_of_it


def kafka_latency(b):
    """From sent to visible for a read_committed reader, behind commit groups of 100 ms."""
    with brokers(b) as at, tempfile.TemporaryDirectory(dir=b.options.dir) as home:
        def bare(before, behind):
            return [at.limits / 'kafka_pace', 'bare', at.brokers, before, behind, COMMIT_MS]

        def mine(before, behind):
            return [b.program('jobs'), 'copy', f'kafka://{at.brokers}/{before}?start=earliest', f'kafka://{at.brokers}/{behind}',
                    '--interval', '5ms', '--commit-interval', f'{COMMIT_MS}ms', '--checkpoint', os.path.join(home, behind),
                    '--progress', 'none']

        runs = [(latency(b, at, 'bare', bare), latency(b, at, 'engine', mine)) for _ in range(b.options.pairs)]
    for key, goal, floor in (('p50_ms', 5, 10), ('p99_ms', 5, 10)):
        report(b, f'ms due to visible, 20,000/s, {key[:3]}', [(x, y, float(y[key]) - float(x[key])) for x, y in runs], key,
               goal, floor, ' ms', False)


ROWS = {measure.__name__: measure
        for measure in (kafka_words, kafka_events, kafka_running, kafka_start, kafka_latency)}
