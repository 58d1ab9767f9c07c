#!/usr/bin/env python3
"""The broker and the topics that the figures over Kafka are measured on.

    perf/kafka/cluster.py start DIR [--build DIR]     starts it, with what is missing made; prints host:port
    perf/kafka/cluster.py stop DIR                    ends it; what is in the topics stays for the next start

One broker (tools/kafka) on loopback. `lines` has 4,000,000 lines of text, `events` 2,000,000 JSON ad events, both in 4
partitions; DIR/ads.csv is the table that the events are joined with. DIR takes 1 GB. Needs a release build with the target
`perf`, and what tools/setup --kafka installs.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
TOOL = HERE.parent.parent / 'tools' / 'kafka'
BUILD = HERE.parent.parent / 'build' / 'release'
PARTITIONS = 4
LINES, EVENTS = 4000000, 2000000


def pin():
    """All that is measured shares the same two processors: this process and what it starts."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:2]))


def busy_s():
    """Processor time that was used on the processors that we are on, by whomever."""
    ours = {f'cpu{n}' for n in os.sched_getaffinity(0)}
    ticks = 0
    for line in pathlib.Path('/proc/stat').read_text().splitlines():
        name, *times = line.split()
        if name in ours:
            user, nice, system, _, _, irq, softirq, *_ = map(int, times)
            ticks += user + nice + system + irq + softirq
    return ticks / os.sysconf('SC_CLK_TCK')


def process_s(pid):
    """Processor time of a process that runs."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def pairs(line):
    return dict(re.findall(r'(\w+)=(\S+)', line))


class Cluster:
    def __init__(self, where, build=BUILD):
        self.where = pathlib.Path(where).resolve()
        self.limits = pathlib.Path(build).resolve() / 'perf' / 'limit'
        self.notes = self.where / 'topics.json'
        self.ads = self.where / 'ads.csv'
        self.topics = {}

    def tool(self, verb, *words):
        return subprocess.run([TOOL, verb, self.where, *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def __enter__(self):
        """For a measurement: the broker that runs, or one for as long as it takes."""
        self.mine = not (self.where / '1.pid').exists()
        self.start()
        return self

    def __exit__(self, *_):
        if self.mine:
            self.stop()

    def start(self):
        pin()
        if self.notes.exists():
            self.topics = json.loads(self.notes.read_text())
            if not (self.where / '1.pid').exists():
                self.tool('restart', '1')
        else:
            self.tool('start')
        self.brokers = (self.where / '1.plain').read_text().strip()
        self.fill('lines', 'lines', LINES)
        self.fill('events', 'events', EVENTS, self.ads)

    def stop(self):
        self.tool('stop')

    def fill(self, topic, kind, records, *more):
        """Makes a topic, unless it is there. What has to come out of it is kept beside it."""
        if topic not in self.topics:
            self.topics[topic] = pairs(self.make(topic, kind, records, *more))
            self.notes.write_text(json.dumps(self.topics))

    def make(self, topic, *what):
        return subprocess.run([self.limits / 'kafka_fill', self.brokers, topic, str(PARTITIONS), *map(str, what)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def others_s(self):
        """Processor time that was neither the broker's nor that of programs that we have run."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        broker = process_s((self.where / '1.pid').read_text().strip())
        return busy_s() - used.ru_utime - used.ru_stime - broker

    def measure(self, command, **more):
        """Runs a program of figures, -b BEGIN_NS put behind its name; gives its last line as a dictionary, and others_cpus: so
        many processors others had meanwhile. A rate is worth little when that is not next to none."""
        begin, before = time.monotonic_ns(), self.others_s()
        words = [str(command[0]), '-b', str(begin), *map(str, command[1:])]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more)
        figures = pairs(done.stdout.splitlines()[-1])
        figures['others_cpus'] = (self.others_s() - before) * 1e9 / (time.monotonic_ns() - begin)
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('verb', choices=['start', 'stop'])
    parser.add_argument('dir')
    parser.add_argument('--build', default=BUILD)
    options = parser.parse_args()
    cluster = Cluster(options.dir, options.build)
    if options.verb == 'stop':
        cluster.stop()
    else:
        cluster.start()
        print(cluster.brokers)


if __name__ == '__main__':
    main()
