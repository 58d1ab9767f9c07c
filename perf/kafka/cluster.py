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

    def measure(self, command, **more):
        """Runs a program of figures, -b BEGIN_NS put behind its name; gives its last line as a dictionary."""
        words = [str(command[0]), '-b', str(time.monotonic_ns()), *map(str, command[1:])]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more)
        return pairs(done.stdout.splitlines()[-1])


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
