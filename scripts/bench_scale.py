#!/usr/bin/env python3
"""Measures a store that grows: the same questions over 5, 40 and 200 million records. Started by scripts/bench.sh.

One embedded server is loaded in steps and keeps its data. After each step it is killed at the last acknowledgement,
started again, and left until it has merged what it will merge. Then each question is asked:

 cold      the first answer after a start with an empty page cache
 warm      answers after it
 first     of a count: an answer that no kept count can help. Facets are asked right after a start, with the files in
           the page cache; the number of a text is asked for a text that was never asked before
 repeated  of a count: the same call again. The program keeps what it counted in closed row groups, unless there are
           too many groups

No corpus has a field of 500,000 values: `user_id` of `plain` and `traces` has 100,000, and each other field has either
much fewer or nearly one for each record. But the numbers of a run's records begin at 0. With --values 500000, a step is
loaded in runs of as many records, so `seq` has that many values, and each of them is in every run. The last run of each
step is a little longer; one of its own numbers is the rare one. The times of such runs follow the clock, because runs
that are spread over the same hours would all overlap.
"""

import argparse
import datetime
import json
import os
import shutil
import signal
import statistics
import sys
import time

from bench import DAY, Logboom, ask, count, drop_caches, load, logs, seconds_until_idle
from bench_bars import most, print_table, row, shown, write_json

ROUNDS = 7
# Records by which the last run of a step is longer, with --values.
EXTRA = 100
# What the rare template of the corpora has and no other one.
RARE_TEXTS = ("quota nearly exhausted on volume", "blocks in use, writes are refused at")
# Users are u0 to u99999.
NOBODY = "u100000"

PAGE, RARE, FACETS, TEXT, HISTOGRAM = "page", "rare", "facets", "text", "histogram"


def questions(given, values):
    """Kind and query by name. `{text}` is a text that was not asked for before."""
    hour = {"from": values["hour"], "to": values["end"]}
    asked = {
        "newest 100 of all": (PAGE, logs("")),
        "newest 100 of level:error": (PAGE, logs("level:error")),
        "newest 100 of a phrase in 0.1 %": (PAGE, logs('"quota nearly exhausted"')),
        "one trace of at most ten records": (RARE, logs(f"trace_id:{values['trace']}")),
        "one number (seq)": (RARE, logs(f"seq:{values['seq']}")),
        "a user_id that no record has": (RARE, logs(f"user_id:{NOBODY}")),
        # 60 % of the records have one of 100,000: more than ten of them share it.
        "newest 100 of a user_id": (None, logs(f"user_id:{values['user']}")),
        "facets of user_id, 100,000 values": (FACETS, facets("user_id")),
        "count of a substring in 0.1 %": (TEXT, count('"{text}"')),
        "histogram of all": (HISTOGRAM, ("/api/v1/histogram", {"buckets": 60, "from": "-24h"})),
        "histogram of the last hour": (HISTOGRAM, ("/api/v1/histogram", {"buckets": 60, **hour})),
    }
    if given.values:
        asked[f"facets of seq, {given.values + EXTRA:,} values"] = (FACETS, facets("seq"))
    return asked


def facets(field):
    return "/api/v1/facets", {"query": "", "fields": field, "limit": 10, **DAY}


def unasked_texts():
    """Parts of the rare template that begin within a word."""
    for length in range(16, 30):
        for text in RARE_TEXTS:
            for begin in range(1, len(text) - length + 1):
                part = text[begin : begin + length]
                if text[begin - 1].isalpha() and part[0].isalpha() and part[-1].isalpha():
                    yield part


def rare_bar(records):
    return 10 if records <= 5_000_000 else 20 if records <= 40_000_000 else 40


def bar(kind, state, records, smallest):
    """The most milliseconds, if there is a bar. `smallest` is the figure of the smallest store."""
    if kind == PAGE:
        return smallest * 1.5
    if kind == RARE:
        return rare_bar(records)
    if records <= 40_000_000 and state in ("first", "repeated"):
        return {FACETS: 500, TEXT: 2000}.get(kind)
    return None


def runs(given, records):
    """The records of each run of a step."""
    if not given.values:
        return [records]
    whole = max(records // given.values, 1)
    return [given.values] * (whole - 1) + [given.values + EXTRA]


def load_step(server, given, number, records):
    """Records that were loaded, the seconds of it, and the last time of a record."""
    loaded, seconds = 0, 0.0
    for place, size in enumerate(runs(given, records)):
        end = time.time()
        # Another seed gives other messages and trace ids; the name of a run is random.
        options = ["--records", size, "--corpus", given.corpus, "--seed", 1 + 1000 * number + place]
        report = load(server, "http", *options, "--spread-hours", given.spread_hours, "--patience", 600)
        if given.spread_hours == 0:
            # A microsecond a record.
            end += size / 1e6
        loaded, seconds = loaded + report["acknowledged"], seconds + report["seconds"]
    return loaded, seconds, end


def settled(server):
    """Seconds until it was idle; it is watched for 10 s more, longer than any of its idle timers."""
    seconds = seconds_until_idle(server.cpu, quiet=10, patience=3600)
    if seconds is None:
        sys.exit("the server is still busy an hour after the load")
    return seconds


def parts(server):
    return sum(1 for _ in server.data.rglob("*.parquet"))


def page(server, query, **more):
    status, body = server.get("/api/v1/logs", query=query, limit=100, **DAY, **more)
    records = json.loads(body).get("records") if status == 200 else None
    if not records:
        sys.exit(f"no record of {query!r} to ask for: {status} {body[:300]}")
    return records


def chosen(server, given, end):
    """The values to ask for: of records from the middle of the range that have them all."""
    middle = {"to": rfc3339(end - given.spread_hours * 1800)} if given.spread_hours else {}
    records = page(server, "trace_id:* user_id:*", **middle)
    # In `traces`, a trace has up to 50 records.
    rare = (one for one in records if len(page(server, f"trace_id:{one['trace_id']}")) <= 10)
    record = next(rare, None)
    if record is None:
        sys.exit("each of a hundred traces has more than ten records")
    number = given.values + EXTRA // 2 if given.values else record["attributes"]["seq"]
    return {
        "trace": record["trace_id"],
        "user": record["attributes"]["user_id"],
        "seq": number,
        "hour": rfc3339(end - 3600),
        "end": rfc3339(end),
    }


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def measure(server, kind, query, texts):
    """Medians of the rounds, by state, in milliseconds. The server is stopped before and after."""
    times = {}

    def unasked():
        # There are enough texts for the counts alone.
        return {"text": next(texts)} if kind == TEXT else {}

    for _ in range(ROUNDS):
        values = unasked()
        drop_caches()
        server.start()
        times.setdefault("cold", []).append(ask(server, query, values))
        if kind == FACETS:
            # Forgets the kept counts, and leaves the page cache.
            server.stop()
            server.start()
        if kind in (FACETS, TEXT):
            values = unasked()
            times.setdefault("first", []).append(ask(server, query, values))
        state = "repeated" if kind in (FACETS, TEXT) else "warm"
        times.setdefault(state, []).extend(ask(server, query, values) for _ in range(3))
        server.stop()
    return {state: statistics.median(of_state) for state, of_state in times.items()}


def measure_starts(server):
    seconds = []
    for _ in range(3):
        server.stop()
        seconds.append(server.start())
    return statistics.median(seconds)


def measure_step(server, given, number, before, texts):
    """The records in the store, its figures, and the times of the questions. The server runs before and after."""
    records = given.records[number] - (given.records[number - 1] if number else 0)
    loaded, seconds, end = load_step(server, given, number, records)
    stored = before + loaded
    figures = {"the step, records/s": loaded / seconds}
    peak, figures["parts at the end of the load"] = server.memory(), parts(server)
    server.stop(signal.SIGKILL)
    figures["ready after kill -9 at the end of the load, s"] = server.start()
    figures["merged after, s"] = settled(server)
    figures["parts"] = parts(server)
    figures["peak memory, MB"] = max(peak, server.memory())
    figures["disk a record, bytes"] = server.stored_bytes() / stored
    # Only the records of the corpus have it.
    status, body = server.get("/api/v1/count", query="seq:*", **DAY)
    if status != 200 or json.loads(body)["count"] != stored:
        sys.exit(f"{stored:,} records were acknowledged, and the count answers {status}: {body[:300]}")
    values = chosen(server, given, end)
    figures["ready after a clean stop, s"] = measure_starts(server)
    server.stop()
    times = {}
    for name, (kind, query) in questions(given, values).items():
        for state, median in measure(server, kind, query, texts).items():
            times[name, state] = (kind, median)
        told = ", ".join(f"{state} {shown(at)}" for (of, state), (_, at) in times.items() if of == name)
        print(f"  {stored:,}: {name}, ms: {told}", file=sys.stderr)
    server.start()
    return stored, figures, times


FIGURE_BARS = {
    "ready after kill -9 at the end of the load, s": 2,
    "ready after a clean stop, s": 0.2,
    "peak memory, MB": 350,
}


def table(given, steps):
    """Title, rows and columns: a row for each figure, and a column for each step."""
    figures, times = steps[0]
    made = []
    for name in figures:
        values = [of_step[name] for of_step, _ in steps]
        made.append(row(name, values, [most(value, FIGURE_BARS.get(name)) for value in values]))
    for (name, state), (kind, smallest) in times.items():
        values = [of_step[name, state][1] for _, of_step in steps]
        bars = [bar(kind, state, records, smallest) for records, _ in zip(given.records, steps)]
        made.append(row(f"{name}, {state}, ms", values, [most(value, most_of) for value, most_of in zip(values, bars)]))
    return f"{given.corpus}, records in the store", made, [f"{records:,}" for records, _ in zip(given.records, steps)]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--records", default="5000000,40000000,200000000", help="records in the store after each step, ascending"
    )
    parser.add_argument("--corpus", default="plain", choices=("plain", "traces"))
    parser.add_argument(
        "--spread-hours", type=float, help="hours before each step over which its times are spread; 6 by default"
    )
    parser.add_argument("--values", type=int, default=0, help="load in runs of so many records: seq has so many values")
    parser.add_argument("--json", default=os.environ.get("BENCH_JSON"), help="a file for the table as JSON")
    given = parser.parse_args()
    try:
        given.records = [int(records) for records in given.records.split(",")]
    except ValueError:
        parser.error("--records is numbers with commas between them")
    if given.records[0] < 100_000 or any(later - one < 100_000 for one, later in zip(given.records, given.records[1:])):
        parser.error("--records ascends by at least 100000")
    if given.values and not 1000 <= given.values <= given.records[0] - EXTRA:
        parser.error(f"--values is 1000 to {given.records[0] - EXTRA}")
    if given.spread_hours is None:
        given.spread_hours = 0 if given.values else 6
    return given


def main():
    given = options()
    server = Logboom()
    server.start()
    stored, steps, texts = 0, [], unasked_texts()
    for number in range(len(given.records)):
        stored, *step = measure_step(server, given, number, stored, texts)
        steps.append(step)
        # After each step, because the next may not succeed.
        print_table(*table(given, steps))
        write_json(given.json, [table(given, steps)])
    server.stop()
    shutil.rmtree(server.folder)


if __name__ == "__main__":
    main()
