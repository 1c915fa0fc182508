import logging, logging.handlers

handler = logging.handlers.SysLogHandler(address=("127.0.0.1", 5514))
handler.setFormatter(logging.Formatter("shop: %(message)s"))
logging.getLogger("orders").addHandler(handler)
logging.getLogger("orders").error("hello from syslog-python")
