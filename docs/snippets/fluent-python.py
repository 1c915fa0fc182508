import logging
from fluent.handler import FluentHandler, FluentRecordFormatter

handler = FluentHandler("shop", host="127.0.0.1", port=24224)
handler.setFormatter(FluentRecordFormatter({"level": "%(levelname)s", "host": "%(hostname)s", "logger": "%(name)s"}))
logging.getLogger("orders").addHandler(handler)
logging.getLogger("orders").error("hello from fluent-python")
