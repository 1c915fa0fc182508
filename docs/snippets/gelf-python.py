import logging
from pygelf import GelfUdpHandler

logging.getLogger("orders").addHandler(GelfUdpHandler(host="127.0.0.1", port=12201, _service="shop"))
logging.getLogger("orders").error("hello from gelf-python")
