"""Browses the network for servers of these kinds until stdin ends: lines for each that comes, changes or goes.

    heard of ann._ftp._tcp.local.
    found ann._ftp._tcp.local. at ann.local.:2121, 192.168.1.20 fd00::20
    found ann._http._tcp.local. at ann.local.:8080, 192.168.1.20 fd00::20 path=/
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
            text = "".join(f" {key}={value}" for key, value in info.decoded_properties.items() if key)
            print(f"found {name} at {info.server}:{info.port}, {addresses}{text}", flush=True)

    update_service = add_service

    def remove_service(self, zeroconf, kind, name):
        print(f"gone {name}", flush=True)


zeroconf = Zeroconf(ip_version=IPVersion.All)
ServiceBrowser(zeroconf, [f"{kind}.local." for kind in sys.argv[1:]], Listener())
print("browsing", flush=True)
sys.stdin.read()
zeroconf.close()
