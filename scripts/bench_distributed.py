#!/usr/bin/env python3
"""Measures one node on private RabbitMQ and PostgreSQL servers. Started by scripts/bench.sh.

Each layout has servers and a database of its own: a hypertable of TimescaleDB where that is installed, and partitions
on plain PostgreSQL. All of it shares the cores of the machine with the loader. In this order:

 queries    over three million records, after the upkeep of the database is done: medians of 7 warm answers. A text is
            never asked twice
 batches    of 500 records, 100,000/s for 5 s, by `Stream`
 SendLog    one record a call, for a minute, at a rate above the bar. The numbers of acknowledged and of stored records
            are read each second: the queue must not grow
 live       one record a packet over TCP, 1,000/s, watched by a tail
"""

import argparse
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from bench import DAY, LOADGEN, TICKS, Logboom, any_trace, ask, count, load, logs, seconds_until_idle
from bench_bars import least, most, print_table, row, shown, write_json
from bench_scale import facets, unasked_texts

ROUNDS = 7
LAYOUTS = {"timescale": "TimescaleDB", "plain": "PostgreSQL"}
# Upkeep runs every 30 s. After this time without much work nothing is left to do, in seconds.
QUIET = 35
# `SendLog` is offered for this long, in seconds.
SUSTAINED = 60

# Query and the most milliseconds by name. `{text}` is a text that was not asked for before.
QUERIES = {
    "newest 100 of level:error": (logs("level:error"), 300),
    "newest 100 of a phrase in 0.1 %": (logs('"quota nearly exhausted"'), 300),
    "text that is nowhere": (logs('"zqxjkvb"'), 100),
    "known words in an order that is nowhere": (logs('"primary cache"'), None),
    "one trace id": (logs("trace_id:{trace}"), 300),
    "count of a text in 0.1 %": (count('"{text}"'), 400),
    "facets of http.status": (facets("http.status"), 300),
    "facets of user_id, 100,000 values": (facets("user_id"), 300),
    "histogram, 60 buckets by level": (("/api/v1/histogram", {"buckets": 60, **DAY}), 300),
}


class Servers:
    """Private RabbitMQ and PostgreSQL servers with their own folder."""

    script = pathlib.Path(__file__).with_name("private-servers.sh")

    def __init__(self, layout):
        # PostgreSQL's account must be able to enter the folder above it.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{layout}-", dir=os.environ.get("BENCH_FOLDER")))
        self.environment = {
            **os.environ,
            "LOGBOOM_SERVERS": str(self.folder),
            "LOGBOOM_SERVERS_PORT": str(free_ports(4)),
            "LOGBOOM_SERVERS_TIMESCALE": "no" if layout == "plain" else "yes",
        }

    def run(self, verb):
        done = subprocess.run([self.script, verb], env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def start(self):
        """The options of a node on these servers."""
        self.run("start")
        settings = dict(word.split("=", 1) for word in shlex.split(self.run("env")) if "=" in word)
        return ["--queue", settings["LOGBOOM_QUEUE"], "--store", settings["LOGBOOM_STORE"]]

    def remove(self):
        self.run("stop")
        shutil.rmtree(self.folder)

    def postgresql_cpu(self):
        """Seconds of CPU time of PostgreSQL and its processes, including those that have ended."""
        postmaster = int((self.folder / "postgresql/data/postmaster.pid").read_text().split()[0])
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                # It has ended since.
                continue
            if int(stat.parent.name) == postmaster:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == postmaster:
                ticks += sum(map(int, fields[11:13]))
        return ticks / TICKS


def free_ports(number):
    """The first of so many free ports in a row, below the system's ephemeral ones."""
    while True:
        first = random.randrange(20_000, 32_000 - number)
        sockets = []
        try:
            for port in range(first, first + number):
                listener = socket.socket()
                sockets.append(listener)
                listener.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for listener in sockets:
                listener.close()


class Node(Logboom):
    """A node on these servers."""

    def __init__(self, servers):
        super().__init__(*servers.start())
        self.servers = servers

    def counters(self):
        """How many records were acknowledged and stored since the start."""
        text = self.get("/metrics")[1].decode()

        def sum_of(name):
            found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE)
            return int(sum(map(float, found)))

        return sum_of("logboom_records_accepted_total"), sum_of("logboom_records_stored_total")

    def await_stored(self, records, before):
        """Seconds until so many records more than `before` are stored. A count by a search would slow that down."""
        begun = time.monotonic()
        while self.counters()[1] - before < records:
            if time.monotonic() - begun > 600:
                sys.exit(f"not all is stored after 600 s; acknowledged and stored: {self.counters()}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def engine(self):
        return json.loads(self.get("/api/v1/figures")[1])["store"]["engine"]

    def await_upkeep(self):
        """Seconds until node and database had nothing more to do."""
        begun = time.monotonic()
        # A tenth of a core: an idle node asks its database now and then.
        seconds = seconds_until_idle(self.cpu_with_database, QUIET, patience=1200, busy=0.2)
        if seconds is None:
            print("  the database is still busy after 20 minutes; measuring nevertheless", file=sys.stderr)
            return time.monotonic() - begun
        return seconds

    def cpu_with_database(self):
        return self.cpu() + self.servers.postgresql_cpu()


class Figures:
    """Figures by name, each with how it misses its bar."""

    def __init__(self):
        self.values = {}

    def add(self, name, value, behind=""):
        self.values[name] = (value, behind)
        print(f"  {name}: {shown(value)}", file=sys.stderr)


def measure_queries(node, records, figures):
    _, before = node.counters()
    report = load(node, "stream", "--records", records, "--batch", 500, "--patience", 600)
    seconds = report["seconds"] + node.await_stored(records, before)
    figures.add("Stream, as fast as acknowledged, until all is stored: records/s", records / seconds)
    figures.add("upkeep after that, s", node.await_upkeep())
    texts, trace = unasked_texts(), any_trace(node)
    for name, (query, bar) in QUERIES.items():
        # The first answer is not counted: it may read from the disk.
        times = [ask(node, query, {"trace": trace, "text": next(texts)}) for _ in range(1 + ROUNDS)][1:]
        median = statistics.median(times)
        figures.add(f"{name}, ms", median, most(median, bar))


def measure_batches(node, figures):
    _, before = node.counters()
    options = ["--rate", 100_000, "--batch", 500, "--duration", 5, "--spread-hours", 0, "--seed", 2]
    report = load(node, "stream", *options)
    late = node.await_stored(report["acknowledged"], before)
    seconds, p99 = report["seconds"], report["latency_ms"]["p99"]
    figures.add("batches of 500, 100,000/s for 5 s: all acknowledged after, s", seconds, most(seconds, 5.5))
    figures.add("batches: acknowledgement, p99, ms", p99, most(p99, 500))
    figures.add("batches: all stored after the last acknowledgement, s", late, most(late, 5))


def sample_load(node, command, before):
    """Time, acknowledged and stored records of each second of a run of the loader, and its report."""
    samples = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loader:
        while loader.poll() is None:
            time.sleep(1)
            accepted, stored = node.counters()
            samples.append((time.monotonic(), accepted - before[0], stored - before[1]))
        output = loader.stdout.read()
    report = json.loads(output) if output else None
    if not report or report["errors"]:
        sys.exit(f"{' '.join(command)}: {output}")
    return samples, report


def measure_send_log(node, rate, figures):
    before = node.counters()
    options = ["--rate", rate, "--duration", SUSTAINED, "--in-flight", 256, "--spread-hours", 0, "--seed", 3]
    command = [LOADGEN, "run", "--url", node.lines, "--door", "send-log", *map(str, options)]
    samples, report = sample_load(node, command, before)
    late = node.await_stored(report["acknowledged"], before[1])
    # Without the seconds before the first record and after the last one.
    during = [sample for sample in samples if 0 < sample[1] < report["acknowledged"]]
    if len(during) < SUSTAINED // 2:
        sys.exit(f"SendLog: too few samples: {samples}")
    (begin, _, first), (end, _, last) = during[0], during[-1]
    stored = (last - first) / (end - begin)
    waiting = [accepted - stored for _, accepted, stored in during]
    # The first seconds are of no use: the pipeline fills.
    sixth = len(waiting) // 6
    growth = statistics.median(waiting[-sixth:]) - statistics.median(waiting[sixth : 2 * sixth])
    figures.add(f"SendLog, {rate:,}/s for {SUSTAINED} s: acknowledged/s", report["records_per_second"])
    figures.add("SendLog: acknowledgement, p99, ms", report["latency_ms"]["p99"])
    figures.add("SendLog: stored/s", stored, least(stored, 20_000))
    figures.add("SendLog: acknowledged and not yet stored, at most", max(waiting))
    # What waits differs by up to half a second of records from one sample to the next.
    figures.add("SendLog: how much more of that after four sixths of the time", growth, most(growth, rate / 2))
    figures.add("SendLog: all stored after the last acknowledgement, s", late)


def measure_live(node, figures):
    options = ["--rate", 1000, "--batch", 1, "--duration", 30, "--live", "--spread-hours", 0, "--seed", 4]
    socket_url = f"tcp://127.0.0.1:{node.sockets['tcp']}"
    live = load(node, "packets", "--socket-url", socket_url, *options)["live"]
    lag, wrong = live["lag_ms"], live["missed"] + live["doubled"] + live["disordered"]
    figures.add("live, 1,000 packets/s over TCP: sent → tail, p50, ms", lag["p50"], most(lag["p50"], 20))
    figures.add("live: p99, ms", lag["p99"], most(lag["p99"], 100))
    figures.add("live: records not shown, doubled or out of order", wrong, most(wrong, 0))


def measure(layout, given):
    """The figures of a layout, or why there are none."""
    print(f"  {LAYOUTS[layout]}:", file=sys.stderr)
    servers = Servers(layout)
    node, figures = None, Figures()
    try:
        node = Node(servers)
        node.start()
        engine = node.engine()
        if (layout == "timescale") != ("TimescaleDB" in engine):
            return f"the store is {engine}"
        if "queries" in given.only:
            measure_queries(node, given.records, figures)
        if "rates" in given.only:
            measure_batches(node, figures)
            measure_send_log(node, given.rate, figures)
        if "live" in given.only:
            measure_live(node, figures)
        figures.add("peak memory of the node, MB", node.memory(), most(node.memory(), 250))
        return figures
    finally:
        if node and hasattr(node, "process"):
            node.stop()
            shutil.rmtree(node.folder)
        servers.remove()


def rows(by_layout):
    names = dict.fromkeys(name for figures in by_layout.values() for name in figures.values)
    made = []
    for name in names:
        cells = [figures.values.get(name, (None, "")) for figures in by_layout.values()]
        made.append(row(name, [value for value, _ in cells], [behind for _, behind in cells]))
    return made


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--layout", default=",".join(LAYOUTS), help="timescale, plain, or both with a comma between")
    parser.add_argument("--only", default="queries,rates,live", help="names of parts with commas between them")
    parser.add_argument("--records", type=int, default=3_000_000, help="records that the queries read")
    parser.add_argument("--rate", type=int, default=21_000, help="SendLog calls offered a second")
    parser.add_argument("--json", default=os.environ.get("BENCH_JSON"), help="a file for the table as JSON")
    given = parser.parse_args()
    given.layouts, given.only = given.layout.split(","), given.only.split(",")
    if unknown := [name for name in given.layouts if name not in LAYOUTS]:
        parser.error(f"--layout: {', '.join(unknown)} is none of {', '.join(LAYOUTS)}")
    if unknown := [name for name in given.only if name not in ("queries", "rates", "live")]:
        parser.error(f"--only: {', '.join(unknown)} is none of queries, rates, live")
    if given.records < 1000 or given.rate < 1000:
        parser.error("--records and --rate are at least 1000")
    return given


def main():
    given = options()
    # The servers are stopped by `finally`, which a signal alone would not reach.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measured = {layout: measure(layout, given) for layout in given.layouts}
    by_layout = {LAYOUTS[layout]: figures for layout, figures in measured.items() if isinstance(figures, Figures)}
    if by_layout:
        table = (f"a node on RabbitMQ, {given.records:,} records", rows(by_layout), list(by_layout))
        print_table(*table)
        write_json(given.json, [table])
    for layout, reason in measured.items():
        if isinstance(reason, str):
            print(f"NOT MEASURED: {layout}: {reason}")
    if not by_layout:
        sys.exit(1)


if __name__ == "__main__":
    main()
