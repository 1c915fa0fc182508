"""pygelf and graypy: python gelf.py PORT SERVICE pygelf-udp|pygelf-chunks|pygelf-tcp|graypy-udp|graypy-tcp"""
import json
import logging
import random
import sys

import graypy
import pygelf

port, service, kind = sys.argv[1:]
address = {"host": "127.0.0.1", "port": int(port)}
handler = {
    "pygelf-udp": lambda: pygelf.GelfUdpHandler(**address, _service=service, include_extra_fields=True),
    "pygelf-chunks": lambda: pygelf.GelfUdpHandler(
        **address, chunk_size=500, compress=True, _service=service, include_extra_fields=True),
    "pygelf-tcp": lambda: pygelf.GelfTcpHandler(**address, _service=service, include_extra_fields=True),
    "graypy-udp": lambda: graypy.GELFUDPHandler(**address, facility=service, debugging_fields=False),
    "graypy-tcp": lambda: graypy.GELFTCPHandler(**address, facility=service, debugging_fields=False),
}[kind]()
log = logging.getLogger("orders")
log.addHandler(handler)
sent = {}
log.addFilter(lambda record: sent.update(time=record.created) or True)
# What does not compress comes in several chunks.
receipt = random.randbytes(4_000).hex() if kind == "pygelf-chunks" else "none"
extra = {"order": 17, "receipt": receipt, "trace_id": "5b8efff798038103d269b633813fc60c"}
try:
    raise ValueError("no such card")
except ValueError:
    log.exception("order %d is not paid: 카드", 17, extra=extra)
handler.close()
print(json.dumps({**sent, "receipt": receipt}))
