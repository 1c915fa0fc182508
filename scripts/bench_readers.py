#!/usr/bin/env python3
"""Measures many readers of a large store while records arrive. Started by scripts/bench.sh.

The store has 40 million records whose times are spread over the last hours. Then records of the present are offered at
a fixed rate, and each reader does what the viewers of a dashboard do, with a short pause after each call:

 first page            the page as HTML, and the counts that it was sent without, if any, by the call of its script
 histogram, facets     of the last hour, by the API
 search                the newest 100 of a level and of a phrase in the last hour, and one trace

Counted are the calls that began while records were offered. The readers are threads of a few processes, and keep their
connections. They read answers and do not parse them, because they share the machine's cores with the server.
"""

import argparse
import dataclasses
import http.client
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import threading
import time
import urllib.parse

from bench import DAY, Logboom, load
from bench_bars import most, percentile, print_table, row, shown, write_json
from bench_scale import settled

# Readers of one process: their threads take turns in the interpreter.
READERS_OF_A_PROCESS = 5
HOUR = {"from": "-1h"}
PAGE, HISTOGRAM, FACETS, ERRORS, PHRASE, TRACE = (
    "first page, complete",
    "histogram of the last hour",
    "facets of the last hour",
    "newest 100 of level:error",
    "newest 100 of a phrase in 0.1 %",
    "one trace id",
)
# The most milliseconds of 95 % of the calls.
BARS = {PAGE: 250, HISTOGRAM: 250, FACETS: 250, ERRORS: 80, PHRASE: 80, TRACE: 80}
ACKNOWLEDGED_BAR = 20
# A dashboard shows a few of each, and people search more often than they open a page.
MIX = [PAGE, HISTOGRAM, HISTOGRAM, FACETS, ERRORS, PHRASE, TRACE, TRACE]
# The range and the query of a first page, as in its address.
PAGES = [("1h", ""), ("15m", ""), ("1h", "level:error")]
# In a page that was sent before its counts were there.
WITHOUT_COUNTS = b"the page is sent without its counts"


def address(path, **parameters):
    return f"{path}?{urllib.parse.urlencode(parameters)}"


class Refused(Exception):
    """The server did not answer a call."""


class Reader:
    """One viewer with its own connection."""

    def __init__(self, port, traces, seed):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.traces = traces
        self.random = random.Random(seed)

    def call(self, method, path, body=None):
        headers = {"content-type": "application/json"} if body else {}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise Refused(f"{path} answered {answer.status}: {content[:200]!r}")
        return content

    def page(self):
        span, query = self.random.choice(PAGES)
        content = self.call("GET", address("/", range=span, q=query))
        if WITHOUT_COUNTS in content:
            counts = {"query": query, "from": f"-{span}", "to": None, "buckets": 60}
            self.call("POST", "/api/dashboard/ask", json.dumps({"question": {"Histogram": counts}}))

    def search(self, query, since):
        self.call("GET", address("/api/v1/logs", query=query, limit=100, **since))

    def do(self, kind):
        if kind == PAGE:
            self.page()
        elif kind == HISTOGRAM:
            self.call("GET", address("/api/v1/histogram", buckets=60, **HOUR))
        elif kind == FACETS:
            fields = "service,node,http.method,http.status"
            self.call("GET", address("/api/v1/facets", fields=fields, limit=8, **HOUR))
        elif kind == ERRORS:
            self.search("level:error", HOUR)
        elif kind == PHRASE:
            self.search('"quota nearly exhausted"', HOUR)
        else:
            self.search(f"trace_id:{self.random.choice(self.traces)}", DAY)

    def read(self, think, stop, calls):
        """Adds the kind, the begin, the milliseconds, and the reason if the call failed, of each call."""
        # Readers do not begin together.
        time.sleep(self.random.uniform(0, 2 * think))
        while not stop.is_set():
            kind = self.random.choice(MIX)
            begun, reason = time.time(), None
            clock = time.perf_counter()
            try:
                self.do(kind)
            except (Refused, OSError, http.client.HTTPException) as error:
                reason = str(error) or repr(error)
                # The next call opens another one.
                self.connection.close()
            calls.append((kind, begun, (time.perf_counter() - clock) * 1000, reason))
            time.sleep(self.random.uniform(0.5, 1.5) * think)


def work(number, given, port, traces, stop, answer):
    """One process of readers."""
    sys.setswitchinterval(0.001)
    calls = []
    first = number * READERS_OF_A_PROCESS
    readers = [Reader(port, traces, seed) for seed in range(first, min(first + READERS_OF_A_PROCESS, given.readers))]
    threads = [threading.Thread(target=reader.read, args=(given.think, stop, calls)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer.send(calls)
    answer.close()


@dataclasses.dataclass
class Crowd:
    """The processes of all readers."""

    stop: object
    processes: list
    answers: list

    @classmethod
    def start(cls, given, port, traces):
        crowd = cls(multiprocessing.Event(), [], [])
        for number in range(-(-given.readers // READERS_OF_A_PROCESS)):
            own, theirs = multiprocessing.Pipe(duplex=False)
            # Ends with this program, also after a failed measurement.
            process = multiprocessing.Process(
                target=work, args=(number, given, port, traces, crowd.stop, theirs), daemon=True
            )
            process.start()
            theirs.close()
            crowd.processes.append(process)
            crowd.answers.append(own)
        return crowd

    def end(self):
        """All calls."""
        self.stop.set()
        calls = [call for answer in self.answers for call in answer.recv()]
        for process in self.processes:
            process.join()
        return calls


def traces_of(server):
    """Traces of the last hours."""
    found = []
    for minutes in (10, 30, 60, 120, 180):
        parameters = {"query": "trace_id:*", "limit": 20, "from": "-30d", "to": f"-{minutes}m"}
        status, body = server.get("/api/v1/logs", **parameters)
        if status == 200:
            found += [record["trace_id"] for record in json.loads(body)["records"]]
    if not found:
        sys.exit("no record with a trace to ask for")
    return found


def offer(server, given):
    """Offers records of the present; the loader's report, and when its clock began and ended."""
    options = ["--rate", given.rate, "--duration", given.seconds, "--spread-hours", 0, "--seed", 2]
    report = load(server, "http", "--corpus", given.corpus, *options)
    end = time.time()
    return report, end - report["seconds"], end


def measure(server, given):
    crowd = Crowd.start(given, server.port, traces_of(server))
    # Until each question was asked once.
    time.sleep(given.warm)
    report, begin, end = offer(server, given)
    return report, [call for call in crowd.end() if begin <= call[1] < end]


def children_cpu():
    """Seconds of CPU time of the loaders and the processes of readers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def latency_rows(calls):
    rows = []
    for kind in BARS:
        times = [milliseconds for of, _, milliseconds, reason in calls if of == kind and reason is None]
        values = [percentile(times, share) for share in (0.5, 0.95, 0.99)]
        missed = "no call" if not times else most(values[1], BARS[kind])
        rows.append(row(f"{kind}, ms", [len(times), *values], ["", "", missed, ""]))
    return rows


def other_rows(report, calls, given):
    refused = [reason for *_, reason in calls if reason is not None]
    for reason in sorted(set(refused))[:5]:
        print(f"  not answered: {reason}", file=sys.stderr)
    latency = report["latency_ms"]["p99"]
    acknowledged = report["records_per_second"]
    return [
        row("calls that were not answered", [len(refused)], [most(len(refused), 0)]),
        row("calls a second", [len(calls) / given.seconds]),
        row("acknowledged, records/s", [acknowledged]),
        row("acknowledgement, p99, ms", [latency], [most(latency, ACKNOWLEDGED_BAR)]),
        row("batches sent again", [report["retries"]], [most(report["retries"], 0)]),
    ]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--records", type=int, default=40_000_000, help="records in the store")
    parser.add_argument("--corpus", default="plain", choices=("plain", "traces"))
    parser.add_argument("--spread-hours", type=float, default=6, help="hours over which their times are spread")
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--think", type=float, default=0.2, help="seconds between two calls of a reader, on average")
    parser.add_argument("--rate", type=int, default=50_000, help="records offered a second meanwhile")
    parser.add_argument("--seconds", type=int, default=30, help="how long they are offered")
    parser.add_argument("--warm", type=float, default=10, help="seconds of reading before that")
    parser.add_argument("--json", default=os.environ.get("BENCH_JSON"), help="a file for the tables as JSON")
    given = parser.parse_args()
    if given.records < 1000 or given.readers < 1 or given.seconds < 1 or given.rate < 1000 or given.think < 0:
        parser.error("--records and --rate are at least 1000; --readers and --seconds at least 1; --think at least 0")
    return given


def main():
    given = options()
    server = Logboom()
    server.start()
    spread = ["--spread-hours", given.spread_hours, "--patience", 600]
    report = load(server, "http", "--records", given.records, "--corpus", given.corpus, *spread)
    print(f"  {given.records:,} records: {shown(report['records_per_second'])}/s", file=sys.stderr)
    settled(server)
    before = server.cpu(), children_cpu()
    report, calls = measure(server, given)
    peak, used = server.memory(), (server.cpu() - before[0], children_cpu() - before[1])
    server.stop()
    shutil.rmtree(server.folder)
    title = f"{given.readers} readers, {given.records:,} records and {given.rate:,}/s"
    others = [
        *other_rows(report, calls, given),
        row("peak memory, MB", [peak]),
        row("CPU of the server, with the warm-up, s", [used[0]]),
        row("CPU of the readers and the loader, s", [used[1]]),
    ]
    tables = [(title, latency_rows(calls), ["calls", "p50", "p95", "p99"]), ("meanwhile", others, ["Logboom"])]
    for table in tables:
        print_table(*table)
    write_json(given.json, tables)


if __name__ == "__main__":
    main()
