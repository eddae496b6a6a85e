"""An independent witness of round-trip times on loopback: an AF_PACKET socket with the kernel's own time stamps.

    python3 benches/tap.py FILE      listens until SIGTERM, then writes {address: [RTT in seconds, ...]} to FILE

Of every echo request it keeps when it was given to the device, of every reply when the device gave it back: no tool's
own clock is in it. RTTs of an address are in the order of their answers. Run by `benches/peers.py` as a process of its
own, so that it slows nobody's threads. Standard library only.
"""

import json
import signal
import socket
import struct
import sys

SO_TIMESTAMPNS, SO_RCVBUFFORCE, ETH_P_ALL = 35, 33, 0x0003
PACKET_HOST, PACKET_OUTGOING = 0, 4
ECHO_REPLY, ECHO_REQUEST = 0, 8


def listen():
    # All protocols: a tap for one of them is not shown what goes out.
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    tap.bind(("lo", ETH_P_ALL))
    # A minute of everybody's packets, should the machine give us no time.
    tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    tap.settimeout(0.5)
    stopped, sent, heard = [], {}, {}
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while True:
        try:
            packet, control, _, (_, _, direction, *_) = tap.recvmsg(128, 64)
        except TimeoutError:
            if stopped:
                return heard
            continue
        if len(packet) < 28 or packet[9] != socket.IPPROTO_ICMP:
            continue
        header = 4 * (packet[0] & 15)
        kind, key = packet[header], packet[header + 4 : header + 8]
        seconds, nanos = struct.unpack("qq", control[0][2])
        if kind == ECHO_REQUEST and direction == PACKET_OUTGOING:
            sent[packet[16:20] + key] = seconds * 10**9 + nanos
        elif kind == ECHO_REPLY and direction == PACKET_HOST:
            began = sent.pop(packet[12:16] + key, None)
            if began is not None:
                rtt = (seconds * 10**9 + nanos - began) / 1e9
                heard.setdefault(socket.inet_ntoa(packet[12:16]), []).append(rtt)


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(listen(), file)
