"""pyftpdlib at its best: asynchronous, sendfile, no log. Usage: server.py PORT HOME [CERTIFICATE]"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

port, home, certificate = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
logging.basicConfig(level=logging.ERROR)
if certificate:
    # Needs PyOpenSSL, which is not asked for elsewhere.
    from pyftpdlib.handlers import TLS_FTPHandler as FTPHandler

    FTPHandler.certfile = certificate[0]
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user("bench", "bench", home, perm="elradfmwMT")
server = FTPServer(("127.0.0.1", port), FTPHandler, backlog=1024)
server.max_cons = 12000
server.max_cons_per_ip = 0
server.serve_forever()
