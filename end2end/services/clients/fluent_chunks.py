"""Chunks that want to be acknowledged, in all modes of the forward protocol: python fluent_chunks.py PORT TAG"""
import gzip
import json
import socket
import struct
import sys
import time

import msgpack

port, tag = sys.argv[1:]
seconds = int(time.time()) - 5
event_time = msgpack.ExtType(0, struct.pack(">II", seconds, 123_456_789))


def entry(message):
    return [event_time, {"log": message, "level": "error", "order": 17}]


def packed(*messages):
    return b"".join(msgpack.packb(entry(message)) for message in messages)


chunks = {
    "forward": [tag, [entry("forward 1"), entry("forward 2")], {"chunk": "forward"}],
    "packed": [tag, packed("packed 1", "packed 2"), {"chunk": "packed", "size": 2}],
    "compressed": [
        tag,
        gzip.compress(packed("compressed 1")) + gzip.compress(packed("compressed 2")),
        {"chunk": "compressed", "compressed": "gzip"},
    ],
    "message": [tag, *entry("message 1"), {"chunk": "message"}],
}
acknowledged = {}
with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as connection:
    answers = msgpack.Unpacker()
    for name, chunk in chunks.items():
        message = msgpack.packb(chunk)
        # In two pieces, as a network may deliver it.
        connection.sendall(message[:20])
        time.sleep(0.02)
        connection.sendall(message[20:])
        answer = None
        while answer is None:
            answers.feed(connection.recv(4096))
            answer = next(answers, None)
        acknowledged[name] = answer["ack"]
print(json.dumps({"time": seconds + 0.123456789, "acknowledged": acknowledged}))
