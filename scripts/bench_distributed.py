#!/usr/bin/env python3
"""Measures nodes on private RabbitMQ and PostgreSQL servers. Started by scripts/bench.sh.

Each layout has servers and a database of its own: a hypertable of TimescaleDB where that is installed, and partitions
on plain PostgreSQL. All of it shares the cores of the machine with the loader. In this order:

 queries    over three million records, after the upkeep of the database is done: medians of 7 warm answers. A text is
            never asked twice
 batches    of 500 records, 100,000/s for 5 s, by `Stream`
 SendLog    one record a call, for a minute, at a rate above the bar. The numbers of acknowledged and of stored records
            are read each second: the queue must not grow
 live       one record a packet over TCP, 1,000/s, watched by a tail

Only by name, because docs/scaling.md calculates with them (bench_growth.py):

 costs      a million records in batches of 1,000 by `Stream`, and a million by `SendLog`, with the upkeep after them:
            CPU time of the node, of RabbitMQ and of PostgreSQL by record, and bytes of the database. At the end of all
            parts, the bytes before and after the conversion to columns, where TimescaleDB can
 nodes      batches by `Stream` for a minute, to one node and then to several on the same queue and store, each with
            a loader of its own. The queue must not grow

With --brokers 3, RabbitMQ is a cluster on this machine. The benchmark fails unless the queue has three replicas.
"""

import argparse
import os
import signal
import statistics
import sys

from bench import DAY, answer, any_trace, count, load, logs
from bench_bars import Figures, least, most, print_table, row, write_json
from bench_growth import measure_columns, measure_costs, measure_nodes
from bench_scale import facets, unasked_texts
from bench_servers import Flow, Node, Servers, await_stored, patience

ROUNDS = 7
LAYOUTS = {"timescale": "TimescaleDB", "plain": "PostgreSQL"}
PARTS = ("queries", "rates", "live", "costs", "nodes")
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


def measure_queries(node, records, figures):
    _, before = node.counters()
    report = load(node, "stream", "--records", records, "--batch", 500, "--patience", patience(600, records))
    seconds = report["seconds"] + await_stored([node], records, before)
    figures.add("Stream, as fast as acknowledged, until all is stored: records/s", records / seconds)
    figures.add("upkeep after that, s", node.await_upkeep(records))
    texts, trace = unasked_texts(), any_trace(node)
    for name, (query, bar) in QUERIES.items():
        times = warm_times(node, query, ({"trace": trace, "text": text} for text in texts))
        median = statistics.median(times) if times else None
        figures.add(f"{name}, ms", median, most(median, bar) if times else "not answered")


def warm_times(node, query, values):
    """Milliseconds of so many answers; none if one is missing: in a large store, it may exceed a time limit."""
    times = []
    # The first answer is not counted: it may read from the disk.
    for _ in range(1 + ROUNDS):
        try:
            status, body, taken = answer(node, query, next(values))
        except TimeoutError as error:
            status, body, taken = "nothing", str(error), None
        if status != 200:
            print(f"  {query} answered {status}: {body[:300]}", file=sys.stderr)
            return []
        times.append(taken)
    return times[1:]


def measure_batches(node, figures):
    _, before = node.counters()
    node.forget_peak()
    options = ["--rate", 100_000, "--batch", 500, "--duration", 5, "--spread-hours", 0, "--seed", 2]
    report = load(node, "stream", *options)
    late = await_stored([node], report["acknowledged"], before)
    seconds, p99 = report["seconds"], report["latency_ms"]["p99"]
    figures.add("batches of 500, 100,000/s for 5 s: all acknowledged after, s", seconds, most(seconds, 5.5))
    figures.add("batches: acknowledgement, p99, ms", p99, most(p99, 500))
    figures.add("batches: all stored after the last acknowledgement, s", late, most(late, 5))
    figures.add("batches: peak memory of the node, MB", node.memory(), most(node.memory(), 250))


def measure_send_log(node, rate, figures):
    options = ["--rate", rate, "--duration", SUSTAINED, "--in-flight", 256, "--spread-hours", 0, "--seed", 3]
    flow = Flow([node], [["--door", "send-log", *options]])
    (report,), (stored,) = flow.reports, flow.stored
    figures.add(f"SendLog, {rate:,}/s for {SUSTAINED} s: acknowledged/s", report["records_per_second"])
    figures.add("SendLog: acknowledgement, p99, ms", report["latency_ms"]["p99"])
    figures.add("SendLog: stored/s", stored, least(stored, 20_000))
    figures.add("SendLog: acknowledged and not yet stored, at most", max(flow.waiting))
    # What waits differs by up to half a second of records from one sample to the next.
    growth = flow.growth
    figures.add("SendLog: how much more of that after four sixths of the time", growth, most(growth, rate / 2))
    figures.add("SendLog: all stored after the last acknowledgement, s", flow.late)


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
    servers = Servers(layout, given.brokers)
    node, figures = None, Figures()
    try:
        node = Node(servers)
        node.start()
        engine = node.engine()
        if (layout == "timescale") != ("TimescaleDB" in engine):
            return f"the store is {engine}"
        if given.brokers > 1:
            servers.check_replicas()
        if "queries" in given.only:
            measure_queries(node, given.records, figures)
        if "rates" in given.only:
            measure_batches(node, figures)
            measure_send_log(node, given.rate, figures)
        if "live" in given.only:
            measure_live(node, figures)
        if "costs" in given.only:
            measure_costs(node, given, figures)
        if "nodes" in given.only:
            measure_nodes(node, given, figures)
        if "costs" in given.only:
            measure_columns(servers, figures)
        figures.add("peak memory of the node at the end, MB", node.memory())
        return figures
    finally:
        if node:
            node.remove()
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
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="brokers of RabbitMQ, as one cluster")
    parser.add_argument("--nodes", type=int, help="nodes of the part `nodes`, which this chooses as well; 2 by default")
    parser.add_argument("--records", type=int, default=3_000_000, help="records that the queries read")
    parser.add_argument("--rate", type=int, default=21_000, help="SendLog calls offered a second")
    parser.add_argument(
        "--stream-rate",
        type=int,
        default=60_000,
        help="records that `costs` and `nodes` offer a second, to all nodes together; 0: as fast as acknowledged",
    )
    parser.add_argument("--json", default=os.environ.get("BENCH_JSON"), help="a file for the table as JSON")
    given = parser.parse_args()
    given.layouts, given.only = given.layout.split(","), given.only.split(",")
    if given.nodes is not None and "nodes" not in given.only:
        given.only.append("nodes")
    given.nodes = 2 if given.nodes is None else given.nodes
    for option, names, known in ("--layout", given.layouts, LAYOUTS), ("--only", given.only, PARTS):
        if unknown := [name for name in names if name not in known]:
            parser.error(f"{option}: {', '.join(unknown)} is none of {', '.join(known)}")
    if not 2 <= given.nodes <= 8:
        parser.error("--nodes is 2 to 8")
    if given.stream_rate and given.stream_rate < 1000:
        parser.error("--stream-rate is 0 or at least 1000")
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
        brokers = f"RabbitMQ with {given.brokers} brokers" if given.brokers > 1 else "RabbitMQ"
        table = (f"a node on {brokers}, {given.records:,} records", rows(by_layout), list(by_layout))
        print_table(*table)
        write_json(given.json, [table])
    for layout, reason in measured.items():
        if isinstance(reason, str):
            print(f"NOT MEASURED: {layout}: {reason}")
    if not by_layout:
        sys.exit(1)


if __name__ == "__main__":
    main()
