"""Browses the network for FTP servers until stdin ends: lines for each that comes, changes or goes.

    heard of ann._ftp._tcp.local.
    found ann._ftp._tcp.local. at ann.local.:2121, 192.168.1.20 fd00::20
    gone ann._ftp._tcp.local.
"""

import sys

from zeroconf import IPVersion, ServiceBrowser, Zeroconf


class Listener:
    def add_service(self, zeroconf, kind, name):
        print(f"heard of {name}", flush=True)
        info = zeroconf.get_service_info(kind, name, timeout=10_000)
        if info:
            addresses = " ".join(sorted(info.parsed_scoped_addresses()))
            print(f"found {name} at {info.server}:{info.port}, {addresses}", flush=True)

    update_service = add_service

    def remove_service(self, zeroconf, kind, name):
        print(f"gone {name}", flush=True)


zeroconf = Zeroconf(ip_version=IPVersion.All)
ServiceBrowser(zeroconf, "_ftp._tcp.local.", Listener())
print("browsing", flush=True)
sys.stdin.read()
zeroconf.close()
