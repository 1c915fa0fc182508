"""fluent-logger: python fluent_logger.py PORT TAG sender|handler"""
import json
import logging
import sys
import time

from fluent.handler import FluentHandler, FluentRecordFormatter
from fluent.sender import FluentSender

port, tag, kind = sys.argv[1:]
address = {"host": "127.0.0.1", "port": int(port), "nanosecond_precision": True}
sent = {"time": time.time() - 5}
if kind == "sender":
    sender = FluentSender(tag, **address)
    record = {
        "message": "order 17 is not paid: 카드",
        "level": "error",
        "order": 17,
        "card": {"kind": "visa"},
        "trace_id": "5b8efff798038103d269b633813fc60c",
    }
    assert sender.emit_with_time(None, sent["time"], record), sender.last_error
    sender.close()
else:
    handler = FluentHandler(tag, **address)
    handler.setFormatter(FluentRecordFormatter({"level": "%(levelname)s", "host": "%(hostname)s", "logger": "%(name)s"}))
    log = logging.getLogger("orders")
    log.addHandler(handler)
    log.addFilter(lambda record: sent.update(time=record.created) or True)
    log.error({
        "message": "order 17 is not paid: 카드",
        "order": 17,
        "card": {"kind": "visa"},
        "trace_id": "5b8efff798038103d269b633813fc60c",
    })
    handler.close()
print(json.dumps(sent))
