#!/usr/bin/env python3
"""Makes PNG pictures of pages small: 256 colours at most, the frequent ones kept, each other one replaced by the nearest of them.

usage: tests/smaller.py PICTURE…        (what chromium writes: 8 bits a channel, not interlaced)
"""

import collections
import struct
import sys
import zlib


def chunks(data):
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at:at + 4])
        yield data[at + 4:at + 8], data[at + 8:at + 8 + length]
        at += length + 12


def rows(data):
    """Width, and the rows of (red, green, blue)."""
    parts = list(chunks(data))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if (depth, interlaced) != (8, 0) or kind not in (2, 6):
        return None
    step = 3 if kind == 2 else 4
    raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    before, found, length = bytes(width * step), [], width * step
    for row in range(height):
        how, line = raw[row * (length + 1)], bytearray(raw[row * (length + 1) + 1:(row + 1) * (length + 1)])
        for at in range(length) if how else ():
            left = line[at - step] if at >= step else 0
            up = before[at]
            corner = before[at - step] if at >= step else 0
            if how == 1:
                guess = left
            elif how == 2:
                guess = up
            elif how == 3:
                guess = (left + up) // 2
            else:
                near = left + up - corner
                guess = min((left, up, corner), key=lambda one: abs(near - one))
            line[at] = (line[at] + guess) & 255
        before = bytes(line)
        found.append([bytes(before[at:at + 3]) for at in range(0, length, step)])
    return width, found


def smaller(file):
    with open(file, "rb") as picture:
        read = rows(picture.read())
    if read is None:
        return
    width, pixels = read
    counts = collections.Counter(colour for row in pixels for colour in row)
    palette = [colour for colour, _ in counts.most_common(256)]
    place = {colour: at for at, colour in enumerate(palette)}
    for colour in counts:
        if colour not in place:
            far = [sum((one - other) ** 2 for one, other in zip(colour, known)) for known in palette]
            place[colour] = far.index(min(far))
    body = b"".join(b"\0" + bytes(place[colour] for colour in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, len(pixels), 8, 3, 0, 0, 0)
    with open(file, "wb") as picture:
        picture.write(b"\x89PNG\r\n\x1a\n")
        for name, part in ((b"IHDR", head), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b"")):
            picture.write(struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)))


for name in sys.argv[1:]:
    smaller(name)
