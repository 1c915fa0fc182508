#!/usr/bin/env python3
"""Puts sinks and an agent under load and faults, and verifies by count. Started by scripts/soak-faults.sh.

First part, for minutes: one load goes into a server, another one through an agent. The server sends both to a Logboom
by each protocol, and to a file. Meanwhile, one after the other, each process is killed, stopped (SIGSTOP), or cut off
by the proxy before it. At the end each destination must have the records of the server: all, each once, in the same
order, as they were sent.

Second part: the destination of an agent is away while millions of records come. Then it returns.

Prints one line per phase and a table. The exit code is 1 if a record is lost, doubled, altered or out of order.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from bench import LOADGEN, Logboom, load, table
from bench_agent import Agent
from bench_sinks import kinds, sinks
from proxy import Proxy

MINUTES = float(os.environ.get("LOGBOOM_SOAK_MINUTES", "5"))
RECORDS = int(os.environ.get("LOGBOOM_SOAK_RECORDS", "10000000"))
# Records a second of each of the two loads.
RATE = int(os.environ.get("LOGBOOM_SOAK_RATE", "1000"))
# For how long a process is away in a fault, and the pause after it, in seconds.
AWAY, PAUSE = 3, 3
# Without progress for so many seconds, what is awaited is lost.
PATIENCE = 120

begun = time.monotonic()
problems = []


def say(text):
    seconds = int(time.monotonic() - begun)
    print(f"{seconds // 60:02}:{seconds % 60:02}  {text}", flush=True)


def must(holds, problem):
    if not holds:
        problems.append(problem)
        say(f"FAILED: {problem}")


def wait(what, left):
    """Waits until `left` returns 0. Fails without progress."""
    best, since = None, time.monotonic()
    while True:
        try:
            now = left()
        except (OSError, ValueError, KeyError):
            now = None
        if now == 0:
            return
        if now is not None and (best is None or now < best):
            best, since = now, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            sys.exit(f"{what}: no progress for {PATIENCE} s, {now} are left")
        time.sleep(0.1)


def waiting(agent):
    """The records that wait in an agent. `None` while it counts them."""
    return json.loads(agent.get("/healthz")[1])["waiting"]["records"]


def behind(server):
    """The sum of what its sinks are behind. A sink that fails counts as one record."""
    return sum(max(sink["behind_records"] or 0, sink["state"] != "following") for sink in sinks(server).values())


def count(server):
    return json.loads(server.get("/api/v1/count", query="run:*", **{"from": "-1d"})[1])["count"]


def begin_load(server, door, manifest, seconds):
    command = [
        LOADGEN, "run", "--url", f"http://127.0.0.1:{server.port}", "--door", door, "--out", manifest,
        "--rate", RATE, "--batch", 50, "--duration", seconds, "--patience", PATIENCE,
    ]  # fmt: skip
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)


def end_load(process):
    report = json.loads(process.communicate()[0])
    must(report["errors"] == 0, f"{report['errors']} records were not taken: {report}")
    return report["acknowledged"]


def verify(name, server, manifest):
    """Compares the records of a load one by one. Returns the verdict of the load generator."""
    faults = ["lost", "doubled", "altered", "invented"]
    if name == "elasticsearch":
        # Each document gets its index as an attribute.
        faults.remove("altered")
    url = f"http://127.0.0.1:{server.port}"
    command = [LOADGEN, "verify", "--url", url, "--expect", str(manifest), "--patience", "30"]
    verdict = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout)
    counts = {fault: verdict[fault] for fault in faults}
    must(not any(counts.values()), f"{name}: {counts}, such as {verdict.get('examples', [])[:3]}")
    return verdict


class Faults:
    """The ways in which one process is taken away and comes back."""

    def __init__(self, name, server, proxy=None, may_lose=False):
        self.name, self.server, self.proxy = name, server, proxy
        self.kinds = [("is stopped", self.pause)]
        # Without acknowledgements, a receiver that dies may lose what it had not read.
        if not may_lose:
            self.kinds.append(("is killed", self.kill))
            if proxy:
                self.kinds.append(("is cut off", self.cut))

    def pause(self):
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(AWAY)
        self.server.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.server.stop(signal.SIGKILL)
        time.sleep(AWAY)
        self.server.start()

    def cut(self):
        self.proxy.cut()
        time.sleep(AWAY)
        self.proxy.restore()


class Destination(Logboom):
    """A Logboom that is reached by proxies alone."""

    def __init__(self):
        super().__init__()
        ports = [self.port, self.grpc, self.sockets["tcp"]]
        self.ways = {port: Proxy(port) for port in ports}

    def url(self, kind):
        url = kinds(self, "")[kind]
        for port, proxy in self.ways.items():
            url = url.replace(f":{port}", f":{proxy.port}")
        return url

    def cut(self):
        for proxy in self.ways.values():
            proxy.cut()

    def restore(self):
        for proxy in self.ways.values():
            proxy.restore()


def identities(lines):
    """Service, level, node, run and number of each record, in the order of the positions; a file has none."""
    found, known = [], {}
    for line in lines:
        record = json.loads(line)
        fields = record.get("attributes", record)
        names = (record["service"], record["level"], record["node"], fields["run"])
        # Names that repeat are kept once.
        found.append((int(record.get("position", len(found))), known.setdefault(names, names), int(fields["seq"])))
    found.sort()
    return [(names, number) for _, names, number in found]


def by_stream(identities):
    """A push to Loki is in order within each stream, that is for each combination of labels."""
    return sorted(identities, key=lambda identity: identity[0][:3])


def exported(server):
    query = urllib.parse.urlencode({"query": "run:*", "from": "1970-01-01T00:00:00Z"})
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/v1/export?{query}") as answer:
        yield from answer


def compare(name, found, expected):
    """A row of the table: records, lost, doubled, out of order."""
    if name == "loki":
        found, expected = by_stream(found), by_stream(expected)
    once = list(dict.fromkeys(found))
    known = set(once)
    lost = sum(record not in known for record in expected)
    places = {record: place for place, record in enumerate(expected)}
    order = [places.get(record, -1) for record in once]
    disordered = sum(place < before for before, place in zip(order, order[1:]))
    doubled = len(found) - len(once)
    must(lost == 0 and -1 not in order, f"{name}: {lost} lost, {order.count(-1)} not sent")
    must(disordered == 0, f"{name}: {disordered} out of order")
    # By TCP a batch under way may come twice.
    must(name == "tcp" or doubled == 0, f"{name}: {doubled} doubled")
    return [len(once), lost, doubled, disordered]


def remove(*servers):
    """Ends the processes. The folders are left if something failed."""
    for server in servers:
        server.stop()
        if not problems:
            shutil.rmtree(server.folder)


def faults_for_minutes():
    """Loads, faults, and the comparison; returns a row of counts for each destination."""
    sender = Logboom()
    destinations = {kind: Destination() for kind in kinds(sender, "") if kind != "file"}
    for destination in destinations.values():
        destination.start()
    file = sender.folder / "all.log"
    urls = {kind: destination.url(kind) for kind, destination in destinations.items()}
    urls["file"] = f"file://{file}?from=start"
    sender.options = [word for kind, url in urls.items() for word in ("--sink", f"{kind}={url}")]
    sender.start()
    door = Proxy(sender.port)
    agent = Agent(to=f"http://127.0.0.1:{door.port}")
    agent.start()

    manifests = [sender.folder / "direct.json", sender.folder / "agent.json"]
    seconds = MINUTES * 60
    loads = [begin_load(sender, "http", manifests[0], seconds), begin_load(agent, "stream", manifests[1], seconds)]
    say(f"two loads of {RATE:,} records/s for {MINUTES:g} min, into a server with {len(urls)} sinks and through an agent")
    targets = [Faults(f"the destination {kind}", one, one, kind == "tcp") for kind, one in destinations.items()]
    targets += [Faults("the server", sender, door), Faults("the agent", agent)]
    ends = time.monotonic() + seconds
    phase = 0
    while time.monotonic() < ends or phase < len(targets):
        turn, place = divmod(phase, len(targets))
        target = targets[place]
        # Each target has another fault in each round.
        name, fault = target.kinds[(turn + place) % len(target.kinds)]
        fault()
        say(f"phase {phase + 1}: {target.name} {name} for {AWAY} s; then the sinks are {behind(sender):,} records behind")
        time.sleep(PAUSE)
        phase += 1

    sent = sum(map(end_load, loads))
    wait("the agent delivers", lambda: waiting(agent))
    wait("the server stores", lambda: sent - count(sender))
    wait("the sinks deliver", lambda: behind(sender))
    say(f"all {sent:,} records are delivered; verifying")
    rows = check(sender, destinations, file, manifests, sent)
    remove(sender, agent, *destinations.values())
    return rows


def check(sender, destinations, file, manifests, sent):
    for manifest in manifests:
        verify("the server", sender, manifest)
        for kind, destination in destinations.items():
            # Loki's protocol has texts only; a batch under way may come twice by TCP.
            if kind not in ("loki", "tcp"):
                verify(kind, destination, manifest)
    expected = identities(exported(sender))
    rows = {"the server": compare("the server", expected, list(dict.fromkeys(expected)))}
    must(len(expected) == sent, f"the server has {len(expected):,} of {sent:,} records")
    for kind, destination in destinations.items():
        rows[kind] = compare(kind, identities(exported(destination)), expected)
        say(f"verified: {kind}")
    rows["file"] = compare("file", identities(file.read_bytes().splitlines()), expected)
    refused = {name: sink["refused"] for name, sink in sinks(sender).items() if sink["refused"]}
    must(not refused, f"refused records: {refused}")
    return rows


def destination_away():
    """Records that come while the destination of an agent is away; returns figures."""
    destination = Logboom()
    agent = Agent(to=f"http://127.0.0.1:{destination.port}", max_disk="64GiB")
    agent.start()
    manifest = agent.folder / "sent.json"
    say(f"{RECORDS:,} records come to an agent whose destination is away")
    report = load(agent, "stream", "--records", RECORDS, "--out", manifest, "--patience", PATIENCE)
    disk = json.loads(agent.get("/healthz")[1])["waiting"]["disk_bytes"] / 1e6
    memory = agent.memory()
    say(f"they wait: {disk:,.0f} MB on its disk, {memory:,.0f} MB of memory at most; the destination returns")
    returned = time.monotonic()
    destination.start()
    wait("the agent delivers", lambda: waiting(agent))
    delivered = time.monotonic() - returned
    say(f"they are delivered after {delivered:,.0f} s; verifying")
    memory_after = agent.memory()
    verdict = verify("the destination", destination, manifest)
    must(verdict["found"] == RECORDS, f"the destination has {verdict['found']:,} of {RECORDS:,} records")
    remove(agent, destination)
    return {
        "records, taken while the destination is away": [verdict["acknowledged"]],
        "… found at the destination": [verdict["found"]],
        "taken, records/s": [report["records_per_second"]],
        "delivered, records/s": [RECORDS / delivered],
        "disk of the agent, MB": [disk],
        "… bytes a record": [disk * 1e6 / RECORDS],
        "peak memory of the agent while they come, MB": [memory],
        "… until all are delivered, MB": [memory_after],
    }


def main():
    rows = faults_for_minutes() if MINUTES > 0 else {}
    figures = destination_away() if RECORDS > 0 else {}
    if rows:
        table("sinks and an agent under faults", rows, ["records", "lost", "doubled", "out of order"])
    if figures:
        table("an agent whose destination is away", figures, ["Logboom"])
    for problem in problems:
        print(f"FAILED: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
