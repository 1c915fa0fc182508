"""What docs/scaling.md calculates with: the cost of a record on each server, and several nodes on one queue and store.

Used by bench_distributed.py.
"""

import pathlib
import sys
import time

from bench import load, seconds_until_idle
from bench_bars import most
from bench_servers import Flow, Node, await_stored, patience

# Of each way to send.
RECORDS = 1_000_000
# Records before them, so that the day's table, its indexes and the files of the queue exist.
FIRST = 100_000
# Autovacuum looks for work once a minute, and upkeep twice.
QUIET = 65
# Batches are offered to several nodes for this long, in seconds.
SUSTAINED = 60
BYTES_OF_SUMMARIES = pathlib.Path(__file__).parents[1] / "server/engine-timescale/queries/bytes_summaries.sql"
ROW_CHUNKS = """
select compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass)
  from timescaledb_information.chunks
 where hypertable_schema = 'logboom' and hypertable_name = 'logs' and not is_compressed
"""


class Meter:
    """CPU seconds of a node and of its servers, each with its processes that have ended."""

    def __init__(self, node):
        self.node = node
        self.readings = []

    def read(self):
        servers = self.node.servers
        return {"node": self.node.cpu(), "RabbitMQ": servers.rabbitmq_cpu(), "PostgreSQL": servers.postgresql_cpu()}

    def watch(self):
        """Keeps a reading; returns the seconds of node and database. A broker always does a little."""
        now, reading = time.monotonic(), self.read()
        self.readings.append((now, reading))
        return reading["node"] + reading["PostgreSQL"]

    def await_idle(self):
        """Waits until node and database had nothing to do for `QUIET` seconds.

        Returns the seconds until then, the reading at that moment, and the seconds of CPU time a second after it.
        """
        self.readings, begun, limit = [], time.monotonic(), patience(1200, RECORDS)
        seconds = seconds_until_idle(self.watch, QUIET, patience=limit, busy=0.2)
        if seconds is None:
            sys.exit(f"the database is still busy after {limit} s, so the costs cannot be measured")
        earlier = [reading for reading in self.readings if reading[0] <= begun + seconds]
        begin, before = earlier[-1] if earlier else self.readings[0]
        end, after = self.readings[-1]
        return seconds, before, {name: (after[name] - before[name]) / (end - begin) for name in after}


def measure_costs(node, given, figures):
    """CPU time and bytes of a record by both ways of sending."""
    meter = Meter(node)
    offer(node, "stream", ["--records", FIRST, "--batch", 1000, "--seed", 5])
    meter.await_idle()
    batches = ["--records", RECORDS, "--batch", 1000, *rate_option(given.stream_rate), "--seed", 6]
    measure_way(meter, f"batches of 1,000, {described(given.stream_rate)}", "stream", batches, figures)
    calls = ["--records", RECORDS, "--rate", given.rate, "--in-flight", 256, "--seed", 7]
    measure_way(meter, f"one a call, {described(given.rate)}", "send-log", calls, figures)


def measure_way(meter, way, door, options, figures):
    node = meter.node
    bytes_before = database_bytes(node.servers)
    before = meter.read()
    offer(node, door, options)
    seconds, after, idle = meter.await_idle()
    for name in after:
        figures.add(f"{way}: {name}, µs of CPU a record", (after[name] - before[name]) / RECORDS * 1e6)
    figures.add(f"{way}: upkeep after that, s", seconds)
    for name, share in idle.items():
        # Not subtracted: it is for judging what the wait for the upkeep adds.
        figures.add(f"{way}: {name} when idle, ms of CPU a second", share * 1000)
    total, summaries = (now - then for now, then in zip(database_bytes(node.servers), bytes_before))
    figures.add(f"{way}: in the database, bytes a record", total / RECORDS)
    figures.add(f"{way}: of these in the tables of the summaries", summaries / RECORDS)


def offer(node, door, options):
    """Loads records with times of the present, and waits until they are stored."""
    _, before = node.counters()
    report = load(node, door, "--spread-hours", 0, "--patience", 600, *options)
    await_stored([node], report["acknowledged"], before)


def rate_option(rate):
    return ["--rate", rate] if rate else []


def described(rate):
    return f"{rate:,.0f}/s" if rate else "as fast as acknowledged"


def database_bytes(servers):
    """Bytes of the database, and of the tables of the summaries in it."""
    total = servers.sql("select pg_database_size(current_database())")
    return int(total), int(servers.sql(BYTES_OF_SUMMARIES.read_text()))


def measure_columns(servers, figures):
    """Converts all chunks to columns, where TimescaleDB can. Logboom does so six hours after the end of a day.

    Nothing may be stored after it: that takes longer in columns.
    """
    # Exists where there is a columnstore.
    if servers.sql("select to_regclass('logboom.minutes') is not null") != "t":
        return
    records = int(servers.sql("select count(*) from logboom.logs"))
    size = "select hypertable_size('logboom.logs')"
    figures.add("table of records with its indexes, rows: bytes a record", int(servers.sql(size)) / records)
    before = servers.postgresql_cpu()
    servers.sql(ROW_CHUNKS)
    cpu = servers.postgresql_cpu() - before
    figures.add("conversion to columns: PostgreSQL, µs of CPU a record", cpu / records * 1e6)
    figures.add("table of records with its indexes, columns: bytes a record", int(servers.sql(size)) / records)


def measure_nodes(first, given, figures):
    """Offers the same rate to one node and then to several on the same queue and store, each with its own loader."""
    nodes = [first]
    try:
        # The others would store what it acknowledges.
        measure_together([first], given, figures)
        for _ in range(given.nodes - 1):
            nodes.append(Node(first.servers))
            nodes[-1].start()
        measure_together(nodes, given, figures)
        if not all(node.counters()[1] for node in nodes):
            sys.exit(f"a node stored nothing: {[node.counters() for node in nodes]}")
    finally:
        for node in nodes[1:]:
            node.remove()


def measure_together(nodes, given, figures):
    name = f"{len(nodes)} nodes" if len(nodes) > 1 else "1 node"
    rate = given.stream_rate / len(nodes)
    options = [
        # Another seed gives other trace ids.
        ["--door", "stream", *rate_option(rate), "--batch", 1000, "--duration", SUSTAINED, "--spread-hours", 0]
        + ["--patience", 600, "--seed", 100 * len(nodes) + place]
        for place in range(len(nodes))
    ]
    cpu = [node.cpu() for node in nodes]
    flow = Flow(nodes, options)
    cpu = sum(node.cpu() for node in nodes) - sum(cpu)
    what = f"{name}, batches of 1,000, {described(given.stream_rate)} for {SUSTAINED} s"
    for place, (report, stored) in enumerate(zip(flow.reports, flow.stored), start=1):
        figures.add(f"{what}: node {place}, acknowledged/s", report["records_per_second"])
        figures.add(f"{name}: node {place}, acknowledgement, p99, ms", report["latency_ms"]["p99"])
        figures.add(f"{name}: node {place}, stored/s", stored)
    together = sum(report["records_per_second"] for report in flow.reports)
    figures.add(f"{name}: together, acknowledged/s", together)
    figures.add(f"{name}: together, stored/s", sum(flow.stored))
    figures.add(f"{name}: CPU of all nodes, µs a record", cpu / flow.acknowledged * 1e6)
    figures.add(f"{name}: acknowledged and not yet stored, at most", max(flow.waiting))
    # What waits differs by up to half a second of records from one sample to the next.
    bar = (given.stream_rate or together) / 2
    figures.add(f"{name}: how much more of that after four sixths of the time", flow.growth, most(flow.growth, bar))
    figures.add(f"{name}: all stored after the last acknowledgement, s", flow.late)
