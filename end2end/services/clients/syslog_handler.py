"""The handler of the standard library: python syslog_handler.py PORT TAG udp|tcp"""
import logging.handlers
import socket
import sys

port, tag, protocol = sys.argv[1:]
kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
handler = logging.handlers.SysLogHandler(
    address=("127.0.0.1", int(port)), facility=logging.handlers.SysLogHandler.LOG_LOCAL0, socktype=kind)
handler.setFormatter(logging.Formatter("%(ident)s[%(process)d]: %(message)s", defaults={"ident": tag}))
log = logging.getLogger("orders")
log.addHandler(handler)
log.error("order %d is not paid: 카드", 17)
log.critical("the till\nis on fire")
handler.close()
print("{}")
