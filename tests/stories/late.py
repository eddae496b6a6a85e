"""Answers ICMP echo requests so many seconds late; the kernel's own answers are off."""

import socket
import struct
import sys
import threading


def checksum(message):
    total = sum(struct.unpack(f">{len(message) // 2}H", message[: len(message) // 2 * 2]))
    total += message[-1] << 8 if len(message) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


line = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
while True:
    packet, (asker, _) = line.recvfrom(65535)
    request = packet[(packet[0] & 15) * 4 :]
    if request[0] == 8:
        body = request[4:]
        sum_of = checksum(b"\0\0\0\0" + body)
        answer = struct.pack(">BBH", 0, 0, sum_of) + body
        threading.Timer(float(sys.argv[1]), line.sendto, (answer, (asker, 0))).start()
