"""pyftpdlib at its best: asynchronous, sendfile, no log. Usage: server.py PORT HOME"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

port, home = int(sys.argv[1]), sys.argv[2]
logging.basicConfig(level=logging.ERROR)
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user("bench", "bench", home, perm="elradfmwMT")
server = FTPServer(("127.0.0.1", port), FTPHandler, backlog=1024)
server.max_cons = 12000
server.max_cons_per_ip = 0
server.serve_forever()
