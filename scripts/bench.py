#!/usr/bin/env python3
"""Measures the whole program under load and prints one table. Started by scripts/bench.sh.

Everything is measured from outside: the load generator's one line, the process's CPU time
and peak memory from /proc, the bytes of its data folder, the time of HTTP answers. Where
VICTORIA_LOGS names a victoria-logs program, it is measured the same way in the same run,
because figures of two runs on a shared machine do not compare.
"""

import atexit
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

RECORDS = int(os.environ.get("BENCH_RECORDS", "5000000"))
PROGRAM = os.environ["LOGBOOM_PROGRAM"]
LOADGEN = os.environ["LOADGEN_PROGRAM"]
PEER = os.environ.get("VICTORIA_LOGS")
TICKS = os.sysconf("SC_CLK_TCK")


given_ports = set()


def free_port():
    """A free port below the system's ephemeral ports, so that it is still free when a server restarts."""
    while True:
        port = random.randrange(20_000, 32_000)
        if port in given_ports:
            continue
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        given_ports.add(port)
        return port


def seconds_until_idle(cpu, quiet, patience, busy=0.05):
    """Waits until `cpu()`, a number of seconds, has grown by less than `busy` in each two seconds for `quiet` seconds.

    Returns the seconds until those; `None` if there were none within `patience` seconds.
    """
    begun = idle_since = time.monotonic()
    before = cpu()
    while time.monotonic() - begun < patience:
        time.sleep(2)
        now = cpu()
        if now - before >= busy:
            idle_since = time.monotonic()
        before = now
        if time.monotonic() - idle_since >= quiet:
            return idle_since - begun
    return None


class Server:
    """A program with its own port and folder."""

    def __init__(self, name):
        self.name = name
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=os.environ.get("BENCH_FOLDER")))
        self.log = open(self.folder / "log", "ab")

    def start(self):
        """Returns the seconds until it responds."""
        begun = time.monotonic()
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, cwd=self.folder)
        # Also after a failed measurement.
        atexit.register(self.process.kill)
        while True:
            try:
                if self.get(self.ready)[0] == 200:
                    return time.monotonic() - begun
            except OSError:
                pass
            if self.process.poll() is not None:
                sys.exit(f"{self.name} ended; see {self.folder}/log")
            time.sleep(0.002)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()

    def get(self, path, **parameters):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(parameters)}")
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def cpu(self):
        """Seconds of CPU time since the start."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, field="VmHWM"):
        """Peak memory in megabytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) / 1000

    def forget_peak(self):
        """The peak memory counts from now on."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stored_bytes(self):
        return sum(file.stat().st_size for file in self.data.rglob("*") if file.is_file())

    def settle(self):
        """Waits until it has been idle for 12 s, longer than any of its idle timers."""
        seconds_until_idle(self.cpu, quiet=12, patience=240)


class Logboom(Server):
    ready = "/readyz"

    def __init__(self, *options):
        super().__init__("logboom")
        # More options of the command line; may be changed before each start.
        self.options = list(options)
        self.grpc = free_port()
        self.sockets = {name: free_port() for name in ("tcp", "syslog", "gelf", "fluent")}
        self.data = self.folder / "data" / "parts"
        self.lines = f"http://127.0.0.1:{self.port}/"

    def command(self):
        listen = ["--listen", f"127.0.0.1:{self.port}", "--grpc-listen", f"127.0.0.1:{self.grpc}"]
        for name, port in self.sockets.items():
            listen += [f"--{name}-listen", f"127.0.0.1:{port}"]
        return [PROGRAM, "serve", "--data", self.folder / "data", "--log", "warn", *listen, *self.options]


class VictoriaLogs(Server):
    ready = "/health"

    def __init__(self):
        super().__init__("victoria-logs")
        self.data = self.folder / "data"
        fields = "_time_field=time&_msg_field=message&_stream_fields=service,level"
        self.lines = f"http://127.0.0.1:{self.port}/insert/jsonline?{fields}"

    def command(self):
        return [PEER, f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}"]


def load(server, door, *options, url=None):
    command = [LOADGEN, "run", "--url", url or server.lines, "--door", door, *map(str, options)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    report = json.loads(output)
    if report["errors"]:
        sys.exit(f"{server.name}: {output}")
    return report


DAY = {"from": "-30d"}


def logs(query):
    return "/api/v1/logs", {"query": query, "limit": 100, **DAY}


def count(query):
    return "/api/v1/count", {"query": query, **DAY}


def theirs(query, limit=100):
    return "/select/logsql/query", {"query": query, "limit": limit, "start": "30d"}


# The queries: ours, and their equivalents for the other system. `{trace}` is an existing trace id.
QUERIES = {
    "newest 100 of level:error": (logs("level:error"), theirs("level:error")),
    "newest 100 of a phrase in 0.1 %": (logs('"quota nearly exhausted"'), theirs('"quota nearly exhausted"')),
    "newest 100 of a substring in 0.1 %": (logs('"uota nearly exh"'), theirs('~"uota nearly exh"')),
    "phrase of unknown words": (logs('"zebra unicorn"'), theirs('"zebra unicorn"')),
    "substring that is nowhere": (logs('"zqxjkvb"'), theirs('~"zqxjkvb"')),
    "known words in an order that is nowhere": (logs('"primary cache"'), theirs('"primary cache"')),
    "common words in an order that is nowhere": (logs('"ms in the of"'), theirs('"ms in the of"')),
    "one trace id": (logs("trace_id:{trace}"), theirs('trace_id:"{trace}"')),
    "histogram, 60 buckets by level": (
        ("/api/v1/histogram", {"buckets": 60, **DAY}),
        ("/select/logsql/hits", {"query": "*", "step": "12h", "field": "level", "start": "30d"}),
    ),
    "top 10 services by errors": (
        ("/api/v1/facets", {"query": "level:error", "fields": "service", "limit": 10, **DAY}),
        theirs("level:error | top 10 by (service)"),
    ),
    "count of all": (count(""), theirs("* | stats count()")),
    "count of a substring in 0.1 %": (count('"uota nearly exh"'), theirs('~"uota nearly exh" | stats count()')),
}


def filled(text, values):
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def answer(server, query, values):
    """Status, body and milliseconds of one answer. `values` are the texts for the names in braces."""
    path, parameters = query
    parameters = {name: filled(str(value), values) for name, value in parameters.items()}
    begun = time.monotonic()
    status, body = server.get(path, **parameters)
    return status, body, (time.monotonic() - begun) * 1000


def ask(server, query, values):
    """Milliseconds of one answer. `values` are the texts for the names in braces."""
    status, body, milliseconds = answer(server, query, values)
    if status != 200:
        sys.exit(f"{server.name}: {query} with {values} answered {status}: {body[:300]}")
    return milliseconds


def drop_caches():
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        pass


def measure_queries(servers, values, queries):
    """Medians of 7 rounds: of the first answer with nothing cached, and of the three after it.

    The servers take turns, so that a machine that is slow for a minute is so for all of them.
    """
    answers = {}
    for name, sides in queries.items():
        times = [([], []) for _ in servers]
        for _ in range(7):
            for server, query, (cold, warm) in zip(servers, sides, times):
                drop_caches()
                server.start()
                cold.append(ask(server, query, values))
                warm += [ask(server, query, values) for _ in range(3)]
                server.stop()
        answers[name] = [statistics.median(of_state) for of_server in times for of_state in of_server]
        print(f"  {name}, ms: {', '.join(f'{answer:.1f}' for answer in answers[name])}", file=sys.stderr)
    return answers


def measure_ingest(server, records=RECORDS, corpus="plain"):
    server.start()
    figures = {"idle memory, MB": server.memory("VmRSS")}
    report = load(server, "http", "--records", records, "--corpus", corpus)
    figures["JSON lines, records/s"] = report["records_per_second"]
    server.settle()
    figures["server CPU a record, µs"] = server.cpu() / records * 1e6
    figures["peak memory, MB"] = server.memory()
    figures["disk a record, bytes"] = server.stored_bytes() / records
    return figures


def any_trace(server):
    _, body = server.get("/api/v1/logs", query="trace_id:*", limit=1, **DAY)
    return json.loads(body)["records"][0]["trace_id"]


# The doors of other protocols, and the listeners of those without HTTP.
DOORS = {
    "otlp": None,
    "otlp-http": None,
    "otlp-json": None,
    "http": None,
    "elastic": None,
    "loki": None,
    "packets": "tcp",
    "lines": "tcp",
    "syslog": "syslog",
    "gelf": "gelf",
    "forward": "fluent",
}


def measure_doors():
    """Records per second and CPU per record by door, each with its own server."""
    records = min(RECORDS, 1_500_000)
    rows = {}
    for door, listener in DOORS.items():
        server = Logboom()
        server.start()
        options = ["--records", records, "--settle", 120]
        if listener:
            options += ["--socket-url", f"tcp://127.0.0.1:{server.sockets[listener]}"]
        report = load(server, door, *options)
        if not report["stored"]["complete"]:
            sys.exit(f"{door}: not all is stored: {report}")
        # Without a response, a record counts when it is stored.
        seconds = report["seconds"] + (report["stored"]["seconds"] if listener else 0)
        server.settle()
        rows[door] = [records / seconds, server.cpu() / records * 1e6, server.memory()]
        print(f"  {door}: {rows[door][0]:,.0f}/s", file=sys.stderr)
        server.stop()
        shutil.rmtree(server.folder)
    return rows


def doors():
    """Measurements of Logboom only: gRPC doors, tail and start."""
    server = Logboom()
    server.start()
    figures = {}
    report = load(server, "stream", "--records", RECORDS)
    figures["gRPC Stream, records/s"] = report["records_per_second"]
    server.settle()
    report = load(server, "send-log", "--records", 300_000, "--in-flight", 256)
    figures["gRPC SendLog 3 × 256, calls/s"] = report["records_per_second"]
    figures["… its p99, ms"] = report["latency_ms"]["p99"]
    report = load(server, "stream", "--rate", 1000, "--batch", 10, "--duration", 8, "--live", "--spread-hours", 0)
    figures["acknowledged → tail at 1,000/s, p99 ms"] = report["live"]["lag_ms"]["p99"]
    server.stop()
    figures["ready after a clean stop, s"] = server.start()
    server.stop(signal.SIGKILL)
    figures["ready after kill -9, s"] = server.start()
    server.stop()
    shutil.rmtree(server.folder)
    return figures


def table(title, rows, columns):
    width = max(map(len, [title, *rows])) + 2
    print(f"\n{title:<{width}}" + "".join(f"{column:>16}" for column in columns))
    for name, values in rows.items():
        print(f"{name:<{width}}" + "".join(f"{value:>16,.1f}" if value is not None else f"{'–':>16}" for value in values))


def main():
    servers = [Logboom(), VictoriaLogs()] if PEER else [Logboom()]
    figures, their_figures, trace = measure_ingest(servers[0]), {}, any_trace(servers[0])
    servers[0].stop()
    if PEER:
        their_figures = measure_ingest(servers[1])
        servers[1].stop()
    answers = measure_queries(servers, {"trace": trace}, QUERIES)
    for server in servers:
        shutil.rmtree(server.folder)
    figures |= doors()
    columns = ["Logboom", "VictoriaLogs"][: len(servers)]
    rows = {name: [value, their_figures.get(name)][: len(columns)] for name, value in figures.items()}
    table(f"{RECORDS:,} records", rows, columns)
    names = [f"{column} {state}" for column in ("Logboom", "peer")[: len(servers)] for state in ("cold", "warm")]
    table("answer over HTTP, ms (medians of 7 rounds)", answers, names)
    table(f"doors, {min(RECORDS, 1_500_000):,} records each", measure_doors(), ["records/s", "CPU µs", "peak MB"])


if __name__ == "__main__":
    main()
