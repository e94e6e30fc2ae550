# SPDX-License-Identifier: Apache-2.0
"""Packets from bytes: the little that the crafted cases need, with every field within reach."""
import ipaddress
import struct

PEER, US = "10.0.0.2", "10.0.0.1"
PEER6, US6 = "fd00::2", "fd00::1"
LL6 = "fe80::ff:fe00:2"
PEER_MAC, US_MAC = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
ISS, THEIRS = 1000, 5000  # first sequence number of the peer; and ours, as the peer believes

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))


def addr(text):
    return ipaddress.ip_address(text).packed


def fold(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def checksum(data):
    return ~fold(data) & 0xffff


def pseudo(src, dst, proto, length):
    return addr(src) + addr(dst) + struct.pack("!II", length, proto)


def put16(data, at, value):
    return data[:at] + struct.pack("!H", value) + data[at + 2:]


def ip4(proto, body, src=PEER, dst=US, ttl=64, tos=0, ident=1, off=0x4000, options=b"", total=None, version=4, ihl=None,
        check=None):
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH", version << 4 | (words if ihl is None else ihl), tos,
                         words * 4 + len(body) if total is None else total, ident, off, ttl, proto, 0)
    header += addr(src) + addr(dst) + options
    return put16(header, 10, checksum(header) if check is None else check) + body


def ip6(proto, body, src=PEER6, dst=US6, hlim=64, tclass=0, length=None, version=6):
    return struct.pack("!IHBB", version << 28 | tclass << 20, len(body) if length is None else length, proto,
                       hlim) + addr(src) + addr(dst) + body


def l4(proto, segment, at, src, dst, check):
    """Fills the checksum at @at."""
    if check is None:
        check = checksum(pseudo(src, dst, proto, len(segment)) + segment) or 0xffff
    return put16(segment, at, check)


def wrap(proto, segment, src, dst, **ip):
    return ip6(proto, segment, src, dst, **ip) if ":" in src else ip4(proto, segment, src, dst, **ip)


def tcp(flags, seq=0, ack=None, data=b"", win=65535, options=b"", urg=0, sport=40000, dport=80, src=PEER, dst=US,
        check=None, offset=None, raw_seq=None, **ip):
    """@seq and @ack count from the SYNs."""
    options += b"\1" * (-len(options) % 4)
    segment = struct.pack("!HHIIHHHH", sport, dport, ISS + seq if raw_seq is None else raw_seq,
                          (THEIRS + ack) & 0xffffffff if ack is not None else 0,
                          (5 + len(options) // 4 if offset is None else offset) << 12 | flags, win, 0, urg)
    return wrap(6, l4(6, segment + options + data, 16, src, dst, check), src, dst, **ip)


def udp(data, sport=40000, dport=5300, length=None, check=None, src=PEER, dst=US, **ip):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(data) if length is None else length, 0) + data
    return wrap(17, l4(17, segment, 6, src, dst, check), src, dst, **ip)


def icmp(kind, code=0, rest=b"\0\0\0\0", data=b"", check=None, src=PEER, dst=US, **ip):
    message = struct.pack("!BBH", kind, code, 0) + rest + data
    return ip4(1, put16(message, 2, checksum(message) if check is None else check), src, dst, **ip)


def icmp6(kind, code=0, rest=b"\0\0\0\0", data=b"", check=None, src=PEER6, dst=US6, ext=b"", **ip):
    message = l4(58, struct.pack("!BBH", kind, code, 0) + rest + data, 2, src, dst, check)
    if ext:
        return ip6(0, ext + message, src, dst, **ip)
    return ip6(58, message, src, dst, **ip)


def echo(data=b"abcdefgh", **kw):
    return icmp(8, rest=struct.pack("!HH", 7, 1), data=data, **kw)


def echo6(data=b"abcdefgh", **kw):
    return icmp6(128, rest=struct.pack("!HH", 7, 1), data=data, **kw)


def arp(op, spa=PEER, sha=PEER_MAC, tpa=US, tha=bytes(6), hw=1, hlen=6):
    return struct.pack("!HHBBH", hw, 0x0800, hlen, 4, op) + sha + addr(spa) + tha + addr(tpa)


def ether(kind, body, dst=US_MAC, src=PEER_MAC):
    return dst + src + struct.pack("!H", kind) + body


def mcast_mac(group):
    packed = addr(group)
    if len(packed) == 16:
        return b"\x33\x33" + packed[12:]
    return b"\x01\x00\x5e" + bytes((packed[1] & 0x7f,)) + packed[2:]


def eth4(packet, **kw):
    return ether(0x0800, packet, **kw)


def eth6(packet, **kw):
    return ether(0x86dd, packet, **kw)


def solicited(target):
    return str(ipaddress.ip_address(addr("ff02::1:ff00:0")[:13] + addr(target)[13:]))


def ns(target=US6, src=PEER6, dst=None, hlim=255, options=b"\1\1" + PEER_MAC, **kw):
    dst = dst or solicited(target)
    mac = mcast_mac(dst) if dst.startswith("ff") else US_MAC
    return eth6(icmp6(135, data=addr(target) + options, src=src, dst=dst, hlim=hlim, **kw), dst=mac)


def na(target, src, dst, flags, options=b"", hlim=255, **kw):
    mac = mcast_mac(dst) if dst.startswith("ff") else US_MAC
    return eth6(icmp6(136, rest=struct.pack("!I", flags << 29), data=addr(target) + options, src=src, dst=dst,
                      hlim=hlim, **kw), dst=mac)


def frag4(proto, body, pieces, ident=77, **kw):
    """Fragments of @body: (from, to) in bytes."""
    return [ip4(proto, body[a:b], ident=ident, off=(a >> 3) | (0x2000 if b < len(body) else 0), **kw) for a, b in pieces]


def frag6(proto, body, pieces, ident=77, end=None, **kw):
    end = len(body) if end is None else end
    return [ip6(44, struct.pack("!BBHI", proto, 0, a | (1 if b < end else 0), ident) + body[a:b], **kw)
            for a, b in pieces]


# TCP options
def mss(value=1460):
    return struct.pack("!BBH", 2, 4, value)


def wscale(value=7):
    return struct.pack("!BBBB", 1, 3, 3, value)


SACK_OK = b"\1\1\4\2"


def ts(value, echoed=0):
    return b"\1\1" + struct.pack("!BBII", 8, 10, value, echoed)


def sack(*blocks):
    return b"\1\1" + struct.pack("!BB", 5, 2 + 8 * len(blocks)) + b"".join(
        struct.pack("!II", THEIRS + a, THEIRS + b) for a, b in blocks)


def pcap(frames, link, nano=True, big=False, snaplen=None):
    """@frames: (seconds, bytes). The classic format, in either byte order and resolution."""
    order, unit = (">" if big else "<"), 9 if nano else 6
    out = struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snaplen or 262144, link)
    for at, data in frames:
        whole = round(at * 10 ** unit)
        kept = data[:snaplen] if snaplen else data
        out += struct.pack(order + "IIII", whole // 10 ** unit, whole % 10 ** unit, len(kept), len(data)) + kept
    return out


def pcapng(frames, link, big=False):
    order = ">" if big else "<"

    def block(kind, body):
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    out = block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(1, struct.pack(order + "HHI", link, 0, 0))
    for at, data in frames:
        whole = round(at * 10 ** 6)
        out += block(6, struct.pack(order + "IIIII", 0, whole >> 32, whole & 0xffffffff, len(data), len(data)) + data)
    return out
