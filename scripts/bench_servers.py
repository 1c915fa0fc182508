"""Nodes on private RabbitMQ and PostgreSQL servers, and the load on them, for the benchmarks of nodes."""

import contextlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from bench import LOADGEN, TICKS, Logboom, seconds_until_idle

# The queue of a node without an option for it.
QUEUE = "logboom.store"
# Upkeep runs every 30 s. After this time without much work nothing is left to do, in seconds.
QUIET = 35


def patience(seconds, records):
    """So many seconds, and more for many records: nothing that is waited for takes 100 µs a record."""
    return seconds + records // 10_000


class Servers:
    """Private RabbitMQ and PostgreSQL servers with their own folder."""

    script = pathlib.Path(__file__).with_name("private-servers.sh")

    def __init__(self, layout, brokers=1):
        # PostgreSQL's account must be able to enter the folder above it.
        folder = tempfile.mkdtemp(prefix=f"bench-{layout}-", dir=os.environ.get("BENCH_FOLDER"))
        self.folder = pathlib.Path(folder).resolve()
        self.brokers = brokers
        self.environment = {
            **os.environ,
            "LOGBOOM_SERVERS": str(self.folder),
            # Four, and two for each broker after the first one.
            "LOGBOOM_SERVERS_PORT": str(free_ports(2 + 2 * brokers)),
            "LOGBOOM_SERVERS_BROKERS": str(brokers),
            "LOGBOOM_SERVERS_TIMESCALE": "no" if layout == "plain" else "yes",
        }

    def run(self, *verb):
        done = subprocess.run([self.script, *verb], env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def start(self):
        """The options of a node on these servers. They may run already."""
        self.run("start")
        settings = dict(word.split("=", 1) for word in shlex.split(self.run("env")) if "=" in word)
        return ["--queue", settings["LOGBOOM_QUEUE"], "--store", settings["LOGBOOM_STORE"]]

    def remove(self):
        self.run("stop")
        shutil.rmtree(self.folder)

    def sql(self, query):
        """The rows of a query as text; columns have a bar between them."""
        return self.run("sql", query).strip()

    def check_replicas(self):
        """Ends the benchmark unless each broker has a running replica of the queue."""
        listed = self.run("control", "list_queues", "--formatter", "json", "name", "members", "online")
        queue = next((queue for queue in json.loads(listed) if queue["name"] == QUEUE), None)
        if not queue or not len(queue["members"]) == len(queue["online"]) == self.brokers:
            sys.exit(f"{QUEUE} has not {self.brokers} running replicas: {listed}")

    def rabbitmq_cpu(self):
        """Seconds of CPU time of all brokers and of the processes that they started, including those that have ended."""
        mark = f"LOGBOOM_PRIVATE_SERVER={self.folder}".encode()
        ticks = 0
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            # It may have ended since, or be of another account.
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    ticks += sum(map(int, fields(process / "stat")[11:15]))
        return ticks / TICKS

    def postgresql_cpu(self):
        """Seconds of CPU time of PostgreSQL and its processes, including those that have ended."""
        postmaster = int((self.folder / "postgresql/data/postmaster.pid").read_text().split()[0])
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            # It may have ended since.
            with contextlib.suppress(OSError):
                values = fields(stat)
                if int(stat.parent.name) == postmaster:
                    ticks += sum(map(int, values[11:15]))
                elif int(values[1]) == postmaster:
                    ticks += sum(map(int, values[11:13]))
        return ticks / TICKS


def fields(stat):
    """What follows the name in a process's stat: its parent at 1, and four kinds of ticks from 11 on."""
    return stat.read_text().rsplit(")", 1)[1].split()


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

    def remove(self):
        """Stops it, if it was started."""
        if hasattr(self, "process"):
            self.stop()
        shutil.rmtree(self.folder)

    def counters(self):
        """How many records were acknowledged and stored since the start."""
        text = self.get("/metrics")[1].decode()

        def sum_of(name):
            found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE)
            return int(sum(map(float, found)))

        return sum_of("logboom_records_accepted_total"), sum_of("logboom_records_stored_total")

    def engine(self):
        return json.loads(self.get("/api/v1/figures")[1])["store"]["engine"]

    def await_upkeep(self, records=0):
        """Seconds until node and database had nothing more to do, after so many records were stored."""
        most = patience(1200, records)
        # A tenth of a core: an idle node asks its database now and then.
        seconds = seconds_until_idle(self.cpu_with_database, QUIET, patience=most, busy=0.2)
        if seconds is None:
            print(f"  the database is still busy after {most} s; measuring nevertheless", file=sys.stderr)
            return float(most)
        return seconds

    def cpu_with_database(self):
        return self.cpu() + self.servers.postgresql_cpu()


def stored_of(nodes):
    """How many records the nodes stored since their starts. Each one may store what another one acknowledged."""
    return sum(node.counters()[1] for node in nodes)


def await_stored(nodes, records, before):
    """Seconds until so many records more than `before` are stored. A count by a search would slow that down."""
    begun, most = time.monotonic(), patience(600, records)
    while stored_of(nodes) - before < records:
        if time.monotonic() - begun > most:
            counters = [node.counters() for node in nodes]
            sys.exit(f"not all is stored after {most} s; acknowledged and stored: {counters}")
        time.sleep(0.05)
    return time.monotonic() - begun


class Flow:
    """What was acknowledged and stored in each second of a run of one loader for each node.

    `stored` (records/s by node), `waiting` (acknowledged and not yet stored, by second) and `growth` (how much more of
    that after four sixths of the time) are without the seconds before the first record and after the last
    acknowledgement. `late` is the seconds from the end of the loaders until all is stored.
    """

    def __init__(self, nodes, options):
        """Runs the loaders; `options` are those of the loader of each node."""
        before = [node.counters() for node in nodes]
        samples, self.reports = sample_loads(nodes, options, before)
        self.acknowledged = sum(report["acknowledged"] for report in self.reports)
        self.late = await_stored(nodes, self.acknowledged, sum(stored for _, stored in before))
        during = [sample for sample in samples if 0 < sample[1] < self.acknowledged]
        if len(during) < 20:
            sys.exit(f"too few samples for a rate: {samples}")
        (begin, _, first), (end, _, last) = during[0], during[-1]
        self.stored = [(there - here) / (end - begin) for here, there in zip(first, last)]
        self.waiting = [acknowledged - sum(stored) for _, acknowledged, stored in during]
        # The first seconds are of no use: the pipeline fills.
        sixth = len(self.waiting) // 6
        self.growth = statistics.median(self.waiting[-sixth:]) - statistics.median(self.waiting[sixth : 2 * sixth])


def sample_loads(nodes, options, before):
    """Time, acknowledged records and stored records of each node in each second, and the reports of the loaders."""
    samples, loaders, reports = [], [], []
    with contextlib.ExitStack() as running:
        for node, of_node in zip(nodes, options):
            command = [LOADGEN, "run", "--url", node.lines, *map(str, of_node)]
            loaders.append(running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)))
        while any(loader.poll() is None for loader in loaders):
            time.sleep(1)
            counters = [[now - then for now, then in zip(node.counters(), old)] for node, old in zip(nodes, before)]
            stored = [stored for _, stored in counters]
            samples.append((time.monotonic(), sum(acknowledged for acknowledged, _ in counters), stored))
        outputs = [loader.stdout.read() for loader in loaders]
    for loader, output in zip(loaders, outputs):
        report = json.loads(output) if output else None
        if not report or report["errors"]:
            sys.exit(f"{' '.join(loader.args)}: {output}")
        reports.append(report)
    return samples, reports
