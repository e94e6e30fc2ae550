#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the crafted cases: for each the script (`case`) and what the peer sends (`in.pcap`).

    cases.py [NAME...]     then: nsreplay --case DIR --update, and read golden.txt

The peer is 10.0.0.2 or fd00::2 and holds the pen; the stack is 10.0.0.1, fd00::1. A capture here has
only the peer's packets: its acknowledgements count from the stack's SYN (see README.md).
"""
import os
import struct
import sys

import craft
from craft import (ACK, CWR, ECE, FIN, LL6, PEER, PEER6, PEER_MAC, PSH, RST, SACK_OK, SYN, URG, US, US6, US_MAC, addr, arp,
                   echo, echo6, eth4, eth6, ether, frag4, frag6, icmp, icmp6, ip4, ip6, mss, na, ns, sack, tcp, ts, udp,
                   wscale)

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases")
ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276
ALL = {}

WEB = "0 listen web 80\n"
SINK = WEB + "0 serve web sink\n"
ECHO = WEB + "0 serve web echo\n"
ETH = "link ethernet\nmac 02:00:00:00:00:01\naddr 10.0.0.1/24\naddr fd00::1/64\n"
QUIET = "ignore mld\n"  # the reports of our own solicited-node group come at random instants


def case(frames, script="", link=RAW, play="play 10.0.0.1\nlink ip\n", write=None):
    """Decorates nothing: registers a case under the name of the calling function."""
    return {"frames": frames, "script": (ETH if link == ETHERNET else play) + ("" if "join" in script else QUIET) + script, "link": link, "write": write}


def add(fn):
    ALL[fn.__name__] = fn
    return fn


def syn(t=0.0, options=mss() + SACK_OK, **kw):
    return [(t, tcp(SYN, options=options, **kw))]


def handshake(t=0.0, options=mss() + SACK_OK, **kw):
    return syn(t, options, **kw) + [(t + 0.01, tcp(ACK, 1, 1, **kw))]


# Handshakes

@add
def handshake_passive():
    """The peer opens, sends, and closes."""
    return case(handshake() + [(0.02, tcp(PSH | ACK, 1, 1, b"hello")), (0.03, tcp(ACK, 6, 6)),
                               (0.1, tcp(FIN | ACK, 6, 6)), (0.11, tcp(ACK, 7, 7))], ECHO)


@add
def handshake_active():
    """The stack opens from a port of its own choice, which stands for 40000 here."""
    return case([(0.02, tcp(SYN | ACK, 0, 1, options=mss() + SACK_OK, sport=80, dport=40000)),
                 (0.04, tcp(ACK, 1, 6, sport=80, dport=40000)),
                 (0.05, tcp(PSH | ACK, 1, 6, b"world", sport=80, dport=40000)),
                 (0.06, tcp(FIN | ACK, 6, 6, sport=80, dport=40000)),
                 (0.12, tcp(ACK, 7, 7, sport=80, dport=40000))],
                "0 connect c 10.0.0.2:80 as 40000\n0.03 write c \"hello\"\n0.1 close c\n")


@add
def handshake_ipv6():
    """The same over IPv6."""
    six = {"src": PEER6, "dst": US6}
    return case(handshake(options=mss(1440) + SACK_OK, **six) + [(0.02, tcp(PSH | ACK, 1, 1, b"hello", **six)),
                                                                  (0.03, tcp(ACK, 6, 6, **six))], ECHO,
                play="play fd00::1\nlink ip\n")


@add
def handshake_syn_repeated():
    """The SYN|ACK is lost: the peer's SYN comes again and is answered again."""
    return case(syn() + syn(1.0) + [(1.01, tcp(ACK, 1, 1))], SINK)


@add
def handshake_synack_unanswered():
    """Nobody completes the handshake: SYN|ACK goes out with backoff, then the attempt is forgotten."""
    return case(syn(), SINK + "until 70\n")


@add
def handshake_connect_unanswered():
    """A connect() that nobody answers."""
    return case([], "0 connect c 10.0.0.2:80\nuntil 140\n", play="addr 10.0.0.1/24\nlink ip\n")


@add
def handshake_connect_refused():
    """The SYN is answered by a reset."""
    return case([(0.02, tcp(RST | ACK, 0, 1, win=0, sport=80, dport=40000))], "0 connect c 10.0.0.2:80 as 40000\n")


@add
def connect_to_a_group():
    """No connection to broadcast or multicast addresses; nothing is sent."""
    return case([], "0 connect a 255.255.255.255:80\n0.1 connect b 224.0.0.1:80\n0.2 connect c [ff02::1]:80\n",
                play="addr 10.0.0.1/24\naddr fd00::1/64\nlink ip\n")


@add
def handshake_closed_port():
    """A SYN, an ACK and a FIN for a port where nobody listens."""
    return case(syn(dport=81) + [(0.1, tcp(ACK, 5, 7, dport=81)), (0.2, tcp(FIN, 5, dport=81)),
                                 (0.3, tcp(RST, 5, dport=81))])


@add
def handshake_simultaneous():
    """Both SYNs cross."""
    return case([(0.01, tcp(SYN, options=mss() + SACK_OK, sport=80, dport=40000)),
                 (0.02, tcp(SYN | ACK, 0, 1, options=mss() + SACK_OK, sport=80, dport=40000)),
                 (0.03, tcp(ACK, 1, 1, sport=80, dport=40000))], "0 connect c 10.0.0.2:80 as 40000\n")


@add
def handshake_data_on_syn():
    """Data on a SYN without a cookie is not taken before the handshake is over."""
    return case([(0, tcp(SYN, options=mss(), data=b"early")), (0.01, tcp(ACK, 1, 1)),
                 (0.02, tcp(PSH | ACK, 1, 1, b"early"))], SINK)


@add
def handshake_no_options():
    """Without an MSS option segments have 536 bytes; no SACK, no scaling."""
    return case(handshake(options=b"") + [(0.1, tcp(ACK, 1, 1073))], WEB + "0.05 write web.1 1200\n")


@add
def handshake_all_options():
    """Timestamps, scaling, SACK."""
    return case(syn(options=mss() + SACK_OK + ts(100) + wscale(7)) +
                [(0.01, tcp(ACK, 1, 1, options=ts(110, 1))), (0.02, tcp(PSH | ACK, 1, 1, b"x", options=ts(120, 1)))],
                ECHO)


@add
def handshake_wrong_ack():
    """An ACK of something else than our SYN|ACK draws a reset."""
    return case(syn() + [(0.005, tcp(ACK, 1, 1, sport=40001)), (0.01, tcp(ACK, 1, 9999))], SINK)


# Closing

@add
def close_passive_half():
    """The peer closes; the stack goes on sending, then closes too."""
    return case(handshake() + [(0.02, tcp(FIN | ACK, 1, 1)), (0.12, tcp(ACK, 2, 6)), (0.22, tcp(ACK, 2, 7))],
                WEB + "0.1 write web.1 \"still\"\n0.2 shutdown web.1 wr\n")


@add
def close_active_time_wait():
    """The stack closes first; a FIN that comes again in TIME-WAIT is acknowledged again."""
    return case(handshake() + [(0.11, tcp(ACK, 1, 2)), (0.12, tcp(FIN | ACK, 1, 2)), (1.0, tcp(FIN | ACK, 1, 2))],
                WEB + "0.1 close web.1\nuntil 3\n")


@add
def close_simultaneous():
    """Both FINs cross."""
    return case(handshake() + [(0.1, tcp(FIN | ACK, 1, 1)), (0.11, tcp(ACK, 2, 2))], WEB + "0.1 close web.1\n")


@add
def close_fin_lost():
    """Nobody acknowledges our FIN."""
    return case(handshake(), WEB + "0.1 close web.1\nuntil 5\n")


@add
def close_unread_data_resets():
    """close() with unread data is a reset."""
    return case(handshake() + [(0.02, tcp(PSH | ACK, 1, 1, b"unread"))],
                WEB + "0 drain web off\n0.1 close web.1\n")


@add
def close_data_after_close_resets():
    """Data for a closed socket draws a reset."""
    return case(handshake() + [(0.11, tcp(ACK, 1, 2)), (0.2, tcp(PSH | ACK, 1, 2, b"late"))], WEB + "0.1 close web.1\n")


# Resets and blind attacks (RFC 5961)

@add
def reset_exact():
    """A reset exactly at RCV.NXT ends the connection."""
    return case(handshake() + [(0.1, tcp(RST, 1)), (0.2, tcp(ACK, 1, 1))], SINK)


@add
def reset_in_window():
    """A reset inside of the window draws a challenge."""
    return case(handshake() + [(0.1, tcp(RST, 100)), (0.2, tcp(PSH | ACK, 1, 1, b"alive"))], SINK)


@add
def reset_outside_window():
    """A reset outside of the window is nothing."""
    return case(handshake() + [(0.1, tcp(RST, 500000)), (0.2, tcp(PSH | ACK, 1, 1, b"alive"))], SINK)


@add
def syn_in_established():
    """A SYN on a connection draws a challenge, whatever its number."""
    return case(handshake() + [(0.1, tcp(SYN, 1)), (0.7, tcp(SYN, 900000))], SINK)


@add
def ack_of_unsent_data():
    """An acknowledgement of what was not sent draws an ACK and is not believed."""
    return case(handshake() + [(0.1, tcp(ACK, 1, 50000)), (0.2, tcp(PSH | ACK, 1, 1, b"alive"))], SINK)


@add
def ack_ancient():
    """An acknowledgement from long ago."""
    return case(handshake() + [(0.1, tcp(PSH | ACK, 1, -2000000, b"injected"))], SINK)


@add
def paws_old_timestamp():
    """A segment with an older timestamp is a duplicate from the past."""
    opts = mss() + SACK_OK
    return case(syn(options=opts + ts(1000)) +
                [(0.01, tcp(ACK, 1, 1, options=ts(1010, 1))), (0.1, tcp(PSH | ACK, 1, 1, b"old", options=ts(500, 1))),
                 (0.2, tcp(PSH | ACK, 1, 1, b"new", options=ts(1020, 1)))], SINK)


# Receiving

@add
def receive_out_of_order():
    """A hole is reported by SACK at once, and filled."""
    return case(handshake() + [(0.1, tcp(PSH | ACK, 1001, 1, b"b" * 1000)), (0.11, tcp(PSH | ACK, 3001, 1, b"d" * 1000)),
                               (0.12, tcp(PSH | ACK, 2001, 1, b"c" * 1000)), (0.13, tcp(PSH | ACK, 1, 1, b"a" * 1000))],
                SINK)


@add
def receive_duplicate():
    """A duplicate is reported by D-SACK."""
    return case(handshake() + [(0.1, tcp(PSH | ACK, 1, 1, b"a" * 500)), (0.2, tcp(PSH | ACK, 1, 1, b"a" * 500))], SINK)


@add
def receive_overlap():
    """Overlapping segments give each byte once."""
    return case(handshake() + [(0.1, tcp(ACK, 101, 1, b"B" * 200)), (0.11, tcp(ACK, 1, 1, b"A" * 150)),
                               (0.12, tcp(ACK, 251, 1, b"C" * 100))], SINK)


@add
def receive_beyond_window():
    """Data beyond the window draws an ACK and is dropped."""
    return case(handshake() + [(0.1, tcp(PSH | ACK, 200001, 1, b"far"))], SINK)


@add
def receive_zero_window():
    """A reader that stalls closes the window; reading opens it."""
    frames = handshake()
    for i in range(8):
        frames.append((0.1 + i / 100, tcp(ACK, 1 + 500 * i, 1, b"z" * 500)))
    return case(frames, WEB + "0 option web SO_RCVBUF 4096\n0 drain web off\n1 drain web.1 on\n")


@add
def receive_delayed_ack():
    """One small segment after another: acknowledged together or after a while."""
    return case(handshake() + [(0.1 + i * 0.2, tcp(PSH | ACK, 1 + 10 * i, 1, b"0123456789")) for i in range(6)], SINK)


@add
def receive_urgent():
    """An urgent pointer."""
    return case(handshake() + [(0.1, tcp(PSH | ACK | URG, 1, 1, b"normal!", urg=7)),
                               (0.2, tcp(PSH | ACK, 8, 1, b"after"))], SINK)


@add
def receive_congestion_mark():
    """ECN: a mark is echoed until the sender has reduced."""
    return case(syn(options=mss()) [:0] + [(0, tcp(SYN | ECE | CWR, options=mss() + SACK_OK)), (0.01, tcp(ACK, 1, 1)),
                (0.1, tcp(PSH | ACK, 1, 1, b"a" * 100, tos=3)), (0.2, tcp(PSH | ACK, 101, 1, b"b" * 100, tos=2)),
                (0.3, tcp(PSH | ACK | CWR, 201, 1, b"c" * 100, tos=2))], SINK)


# Sending and loss

@add
def loss_fast_retransmit():
    """The first of ten segments is lost: SACKs bring it back before any timeout."""
    frames = handshake()
    for i in range(1, 10):
        frames.append((0.15 + i / 1000, tcp(ACK, 1, 1, options=sack((1461, 1461 + 1460 * i)))))
    return case(frames + [(0.25, tcp(ACK, 1, 14601))], WEB + "0.1 write web.1 14600\n")


@add
def loss_duplicate_acks():
    """The same without SACK: three duplicates."""
    frames = handshake(options=mss()) + [(0.15 + i / 1000, tcp(ACK, 1, 1)) for i in range(9)]
    return case(frames + [(0.25, tcp(ACK, 1, 14601))], WEB + "0.1 write web.1 14600\n")


@add
def loss_everything():
    """No acknowledgement at all: timeouts with backoff."""
    return case(handshake(), WEB + "0.1 write web.1 3000\nuntil 14\n")


@add
def loss_tail():
    """The last segment is lost: a probe finds out."""
    return case(handshake() + [(0.15, tcp(ACK, 1, 2921)), (0.6, tcp(ACK, 1, 4381))], WEB + "0.1 write web.1 4380\n")


@add
def loss_partial_ack():
    """Two holes in one window."""
    return case(handshake() +
                [(0.15, tcp(ACK, 1, 1, options=sack((1461, 2921)))),
                 (0.151, tcp(ACK, 1, 1, options=sack((1461, 2921), (4381, 5841)))),
                 (0.152, tcp(ACK, 1, 1, options=sack((1461, 2921), (4381, 8761)))),
                 (0.2, tcp(ACK, 1, 2921, options=sack((4381, 14601)))), (0.25, tcp(ACK, 1, 14601))],
                WEB + "0.1 write web.1 14600\n")


@add
def window_zero_probe():
    """The peer's window shuts: probes with backoff, then it opens."""
    return case(syn() + [(0.01, tcp(ACK, 1, 1, win=1000)), (0.15, tcp(ACK, 1, 1001, win=0)), (5, tcp(ACK, 1, 1001, win=5000)),
                         (5.1, tcp(ACK, 1, 2001))], WEB + "0.1 write web.1 2000\n")


@add
def window_shrinks():
    """The peer takes window back."""
    return case(handshake() + [(0.15, tcp(ACK, 1, 1461, win=100)), (0.3, tcp(ACK, 1, 4381, win=100)),
                               (0.5, tcp(ACK, 1, 4381, win=60000))], WEB + "0.1 write web.1 8000\n")


@add
def nagle():
    """Small writes wait for the acknowledgement of the one before."""
    return case(handshake() + [(0.3, tcp(ACK, 1, 11)), (0.5, tcp(ACK, 1, 31))],
                WEB + "0.1 write web.1 10\n0.11 write web.1 10\n0.12 write web.1 10\n")


@add
def nodelay():
    """TCP_NODELAY: they do not."""
    return case(handshake() + [(0.3, tcp(ACK, 1, 31))],
                WEB + "0.05 option web.1 TCP_NODELAY 1\n0.1 write web.1 10\n0.11 write web.1 10\n0.12 write web.1 10\n")


@add
def keepalive_answered():
    """A keepalive probe one below the window, answered."""
    return case(handshake() + [(2.05, tcp(ACK, 1, 1))],
                WEB + "0.05 option web.1 TCP_KEEPIDLE 2\n0.05 option web.1 TCP_KEEPINTVL 1\n"
                "0.05 option web.1 TCP_KEEPCNT 3\n0.05 option web.1 SO_KEEPALIVE 1\nuntil 8\n")


@add
def keepalive_of_the_peer():
    """The peer's own probe is answered."""
    return case(handshake() + [(1, tcp(ACK, 0, 1)), (2, tcp(ACK, 0, 1, b"x"))], SINK)


# Path MTU and ICMP errors

def quoted4(length, seq=1):
    return ip4(6, struct.pack("!HHII", 80, 40000, craft.THEIRS + seq, 0), US, PEER, total=length)


@add
def pmtud_ipv4():
    """A router says 1000: the segment goes again in pieces that fit."""
    return case(handshake() + [(0.12, icmp(3, 4, struct.pack("!HH", 0, 1000), quoted4(1500), src="10.0.0.254")),
                               (0.3, tcp(ACK, 1, 2921))], WEB + "0.1 write web.1 2920\n")


@add
def pmtud_ipv6():
    """Packet Too Big says 1300."""
    six = {"src": PEER6, "dst": US6}
    inner = ip6(6, struct.pack("!HHII", 80, 40000, craft.THEIRS + 1, 0) + bytes(1000), US6, PEER6, length=1460)
    return case(handshake(options=mss(1440) + SACK_OK, **six) +
                [(0.12, icmp6(2, 0, struct.pack("!I", 1300), inner, src="fd00::fe")), (0.3, tcp(ACK, 1, 2881, **six))],
                WEB + "0.1 write web.1 2880\n", play="play fd00::1\nlink ip\n")


@add
def pmtud_nonsense():
    """Below 68, above the packet, about data never sent: not believed."""
    return case(handshake() + [(0.12, icmp(3, 4, struct.pack("!HH", 0, 20), quoted4(1500), src="10.0.0.254")),
                               (0.13, icmp(3, 4, struct.pack("!HH", 0, 4000), quoted4(1500), src="10.0.0.254")),
                               (0.14, icmp(3, 4, struct.pack("!HH", 0, 600), quoted4(1500, 900000), src="10.0.0.254")),
                               (0.2, tcp(ACK, 1, 2921))], WEB + "0.1 write web.1 2920\n0.3 write web.1 2920\n")


@add
def icmp_unreachable_while_connecting():
    """Host unreachable ends an attempt; for an established connection it is soft."""
    inner = ip4(6, struct.pack("!HHII", 40000, 80, craft.THEIRS, 0), US, PEER, total=60)
    return case([(0.02, tcp(SYN | ACK, 0, 1, sport=80, dport=40001, options=mss())),
                 (0.05, icmp(3, 1, data=ip4(6, struct.pack("!HHII", 40001, 80, craft.THEIRS + 1, 0), US, PEER, total=60),
                             src="10.0.0.254")),
                 (0.1, icmp(3, 1, data=inner, src="10.0.0.254"))],
                "0 connect a 10.0.0.2:80 as 40001\n0.03 write a \"data\"\n0.08 connect b 10.0.0.2:80 as 40000\n")


@add
def icmp_source_quench():
    """RFC 6633: ignored."""
    return case(handshake() + [(0.12, icmp(4, 0, data=quoted4(1500), src="10.0.0.254")), (0.2, tcp(ACK, 1, 2921))],
                WEB + "0.1 write web.1 2920\n")


# Malformed TCP

@add
def malformed_tcp():
    """Headers that lie: nothing is answered, nothing happens to the connection."""
    return case(handshake() + [
        (0.10, tcp(PSH | ACK, 1, 1, b"bad sum", check=0x1234)), (0.11, tcp(PSH | ACK, 1, 1, b"x", offset=4)),
        (0.12, tcp(PSH | ACK, 1, 1, b"x", offset=15)), (0.13, ip4(6, b"\0\x50\x9c\x40")), (0.14, ip4(6, b"")),
        (0.15, tcp(0, 1, data=b"null")), (0.16, tcp(PSH, 1, data=b"no ack")),
        (0.17, tcp(FIN | SYN | RST | PSH | ACK | URG | ECE | CWR, 1, 1)), (0.18, tcp(FIN | URG | PSH, 1)),
        (0.5, tcp(PSH | ACK, 1, 1, b"alive"))], SINK)


@add
def malformed_tcp_options():
    """Options with lengths that cannot be."""
    return case([(0.0, tcp(SYN, options=b"\2\0\0\0")), (0.1, tcp(SYN, options=b"\2\4\5\xb4\x08\x40\0\0", sport=40001)),
                 (0.2, tcp(SYN, options=b"\3\1\1\1", sport=40002)), (0.3, tcp(SYN, options=b"\x22\1\1\1", sport=40003)),
                 (0.4, tcp(SYN, options=b"\xfe\x04ab" * 10, sport=40004)),
                 (0.5, tcp(SYN, options=mss(0), sport=40005)), (0.6, tcp(SYN, options=wscale(99), sport=40006))], SINK)


@add
def malformed_syn_flags():
    """SYN with FIN, with RST, from a multicast address, to a broadcast address, from ourselves."""
    return case([(0.0, tcp(SYN | FIN, sport=40000)), (0.1, tcp(SYN | RST, sport=40001)),
                 (0.2, tcp(SYN, src="224.0.0.5", sport=40002)), (0.3, tcp(SYN, dst="255.255.255.255", sport=40003)),
                 (0.4, tcp(SYN, src=US, dst=US, sport=80))], SINK)


# IPv4

@add
def malformed_ipv4():
    """Version, header length, total length, checksum."""
    good = echo()
    return case([(0.00, ip4(1, good[20:], version=5)), (0.01, ip4(1, good[20:], ihl=4)), (0.02, ip4(1, good[20:], ihl=15)),
                 (0.03, ip4(1, good[20:], total=2000)), (0.04, ip4(1, good[20:], total=19)),
                 (0.05, ip4(1, good[20:], check=0xbeef)), (0.06, good[:19]), (0.07, good[:1]), (0.5, good)])


@add
def malformed_ipv4_options():
    """Options that run out, source routes, a timestamp without room."""
    return case([(i / 10, echo(options=o)) for i, o in enumerate((
        b"\x07\x03\x04\x00", b"\x07\x00\x00\x00", b"\x07\x27\x04\x00", b"\x83\x07\x04" + addr("10.9.9.9") + b"\0",
        b"\x89\x07\x04" + addr("10.9.9.9") + b"\0", b"\x44\x04\x05\x00", b"\x01\x01\x01\x00", b"\x94\x04\x00\x00",
        b"\x07\x07\x04\x00\x00\x00\x00\x00"))])


@add
def ipv4_sources_that_cannot_be():
    """Broadcast, multicast, loopback, zero, our own."""
    return case([(i / 10, echo(src=s)) for i, s in enumerate(("255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", US,
                                                              "240.0.0.1"))])


@add
def ipv4_unknown_protocol():
    """Protocol unreachable, once."""
    return case([(0, ip4(200, b"what is this?"))])


@add
def fragments_ipv4():
    """A datagram in three pieces, out of order, then one with a hole that times out."""
    body = craft.udp(bytes(range(200)) * 10)[20:]
    return case([(t, p) for t, p in zip((0, 0.1, 0.2), frag4(17, body, ((800, 1600), (1600, 2008), (0, 800))))] +
                [(1, frag4(17, body, ((0, 800),), ident=78)[0])], "0 udp u 10.0.0.1:5300\nuntil 35\n")


@add
def fragments_ipv4_overlap():
    """Overlaps, a duplicate, a piece of a length that cannot be, one that is too long."""
    body = craft.udp(b"o" * 1600)[20:]
    long = ip4(17, b"z" * 1000, ident=90, off=0x1fff)
    return case([(i / 10, p) for i, p in enumerate(
        frag4(17, body, ((0, 800), (400, 1608)), ident=80) + frag4(17, body, ((0, 800), (0, 800), (800, 1608)), ident=81) +
        [ip4(17, b"q" * 13, ident=82, off=0x2000), long])], "0 udp u 10.0.0.1:5300\n")


# UDP

@add
def udp_checksums():
    """Right, absent, wrong; and lengths that lie."""
    return case([(0.0, udp(b"right")), (0.1, udp(b"absent", check=0)), (0.2, udp(b"wrong", check=0x1111)),
                 (0.3, udp(b"long", length=200)), (0.4, udp(b"short", length=7)), (0.5, udp(b"cut here", length=12)),
                 (0.6, ip4(17, b"\x9c\x40\0")), (0.7, udp(b""))], "0 udp u 10.0.0.1:5300\n0 serve u echo\n")


@add
def udp_checksum_absent_ipv6():
    """IPv6 requires it."""
    six = {"src": PEER6, "dst": US6}
    return case([(0.0, udp(b"absent", check=0, **six)), (0.1, udp(b"right", **six))],
                "0 udp u [fd00::1]:5300\n0 serve u echo\n", play="play fd00::1\nlink ip\n")


@add
def udp_closed_port():
    """Port unreachable, with the packet quoted; not for broadcast or multicast."""
    return case([(0, udp(b"anyone?", dport=99)), (0.1, udp(b"all?", dport=99, dst="255.255.255.255")),
                 (0.2, udp(b"some?", dport=99, dst="224.0.0.1"))])


@add
def udp_fragmented_answer():
    """A datagram larger than the link leaves in pieces."""
    return case([(0, udp(b"give me"))], "0 udp u 10.0.0.1:5300\n0.1 send u 10.0.0.2:40000 4000\n")


# ICMP

@add
def icmp_echo():
    """Echo, empty, large, with options; to a broadcast address; a reply nobody asked for."""
    return case([(0, echo()), (0.1, echo(b"")), (0.2, echo(bytes(1400))), (0.3, echo(options=b"\x94\x04\0\0")),
                 (0.4, echo(dst="255.255.255.255")), (0.5, icmp(0, rest=b"\0\7\0\1"))])


@add
def malformed_icmp():
    """Truncated, wrong sum, unknown types, an error about an error, an error that quotes nothing."""
    return case([(0, ip4(1, b"\x08\0\xf7\xff")), (0.1, echo(check=1)), (0.2, icmp(200)), (0.3, icmp(13, data=bytes(12))),
                 (0.4, icmp(3, 3, data=icmp(3, 3, src=US, dst=PEER))), (0.5, icmp(3, 3)), (0.6, icmp(3, 77, data=bytes(28))),
                 (0.7, icmp(5, 1, addr("10.0.0.9"), quoted4(60))), (0.8, echo())])


# Ethernet and ARP

@add
def arp_requests():
    """For us, for another, a probe, an announcement, from somebody with our address."""
    bc = b"\xff" * 6
    return case([(0.0, ether(0x0806, arp(1), dst=bc)), (0.1, ether(0x0806, arp(1, tpa="10.0.0.9"), dst=bc)),
                 (0.2, ether(0x0806, arp(1, spa="0.0.0.0"), dst=bc)), (0.3, ether(0x0806, arp(1, tpa=PEER), dst=bc)),
                 (0.4, ether(0x0806, arp(1, spa=US), dst=bc)), (0.5, ether(0x0806, arp(2, tpa=US)))], link=ETHERNET)


@add
def malformed_arp():
    """Another hardware, a wrong length, a cut, an unknown operation, a multicast sender."""
    return case([(0.0, ether(0x0806, arp(1, hw=6))), (0.1, ether(0x0806, arp(1, hlen=8))), (0.2, ether(0x0806, arp(1)[:20])),
                 (0.3, ether(0x0806, arp(9))), (0.4, ether(0x0806, arp(1, sha=b"\1\0\0\0\0\2"))), (0.5, ether(0x0806, arp(1)))],
                link=ETHERNET)


@add
def arp_resolution():
    """The stack asks, an answer comes, the packets that waited leave."""
    return case([(0.5, ether(0x0806, arp(2, tha=US_MAC)))],
                "manual\n0 udp u 10.0.0.1:5300\n0.1 send u 10.0.0.2:99 \"one\"\n0.2 send u 10.0.0.2:99 \"two\"\n", link=ETHERNET)


@add
def arp_unanswered():
    """Nobody answers: three questions, then an error."""
    return case([(0, ether(0x0806, arp(1, tpa="10.0.0.9"), dst=b"\xff" * 6))],
                "0 connect c 10.0.0.7:80\nuntil 5\n", link=ETHERNET)


@add
def ethernet_not_for_us():
    """Another destination, an unknown type, a cut header, padding behind the packet, a VLAN tag."""
    return case([(0.0, eth4(echo(), dst=b"\2\0\0\0\0\x99")), (0.1, ether(0x88cc, b"lldp")), (0.2, US_MAC + PEER_MAC),
                 (0.3, eth4(echo(b"x") + bytes(17))), (0.4, ether(0x8100, b"\0\5\x08\0" + echo())),
                 (0.5, eth4(echo(dst=US), dst=b"\xff" * 6))], link=ETHERNET)


# IPv6

SIX = "play fd00::1\nlink ip\n"


@add
def malformed_ipv6():
    """Version, payload length, cut header; addresses that cannot be."""
    good = echo6()
    return case([(0.0, ip6(58, good[40:], version=5)), (0.1, ip6(58, good[40:], length=500)), (0.2, good[:39]),
                 (0.3, echo6(src="ff02::1")), (0.4, echo6(src="::")), (0.5, echo6(src="::1")), (0.6, echo6(check=7)),
                 (0.7, ip6(58, good[40:], length=4)), (0.8, good)], play=SIX)


@add
def malformed_icmp6():
    """Truncated, wrong sum, an unknown error, an unknown message, an error about an error."""
    inner = ip6(58, bytes((1, 4, 0, 0, 0, 0, 0, 0)), US6, PEER6)
    return case([(0.0, ip6(58, b"\x80\0\0")), (0.1, echo6(check=9)), (0.2, icmp6(100, data=bytes(40))), (0.3, icmp6(200)),
                 (0.4, icmp6(1, 4, data=inner)), (0.5, icmp6(1, 4)), (0.6, icmp6(2, 0, struct.pack("!I", 10), inner)),
                 (0.7, echo6())], play=SIX)


@add
def ipv6_unknown_options():
    """The two high bits of an option's type say what to do."""
    frames = []
    for i, kind in enumerate((0x1e, 0x5e, 0x9e, 0xde)):
        ext = bytes((58, 0, kind, 4, 0, 0, 0, 0))
        frames.append((i / 10, ip6(60, ext + echo6()[40:])))
    return case(frames, play=SIX)


@add
def ipv6_extension_headers():
    """Hop-by-hop in the wrong place, a routing header, an unknown next header, no next header."""
    body = echo6()[40:]
    return case([(0.0, ip6(0, bytes((58, 0, 1, 4, 0, 0, 0, 0)) + body)),
                 (0.1, ip6(60, bytes((0, 0, 1, 4, 0, 0, 0, 0)) + bytes((58, 0, 1, 4, 0, 0, 0, 0)) + body)),
                 (1.2, ip6(43, bytes((58, 2, 0, 1, 0, 0, 0, 0)) + addr(PEER6) + body)),
                 (2.3, ip6(43, bytes((58, 2, 0, 0, 0, 0, 0, 0)) + addr(PEER6) + body)), (3.4, ip6(222, b"what?")),
                 (3.5, ip6(59, b"nothing")), (3.6, ip6(60, bytes((58, 9, 0, 0)))),
                 (3.7, ip6(0, bytes((58, 0, 5, 9, 0, 0, 0, 0)) + body))], play=SIX)


@add
def fragments_ipv6():
    """In order, atomic, with a hole that times out."""
    body = udp(bytes(1600), src=PEER6, dst=US6)[40:]
    atomic = ip6(44, struct.pack("!BBHI", 58, 0, 0, 5) + echo6()[40:])
    return case([(0.0, frag6(17, body, ((0, 800),))[0]), (0.1, frag6(17, body, ((800, 1608),))[0]), (0.2, atomic),
                 (1.0, frag6(17, body, ((0, 800),), ident=9)[0])], "0 udp u [fd00::1]:5300\nuntil 65\n", play=SIX)


@add
def fragments_ipv6_overlap():
    """Overlap, a length that is no multiple of eight, one that is too long."""
    body = udp(bytes(1600), src=PEER6, dst=US6)[40:]
    return case([(0.0, frag6(17, body, ((0, 800),))[0]), (0.1, frag6(17, body, ((400, 1608),))[0]),
                 (0.2, frag6(17, body, ((800, 1608),))[0]), (1.3, ip6(44, struct.pack("!BBHI", 17, 0, 1, 6) + bytes(13))),
                 (2.4, ip6(44, struct.pack("!BBHI", 17, 0, 0xfff8, 7) + bytes(1000)))],
                "0 udp u [fd00::1]:5300\n", play=SIX)


# Neighbour discovery

@add
def nd_solicitation():
    """For us by multicast and unicast, a probe for duplicates, for another."""
    return case([(0.0, ns()), (0.1, ns(dst=US6)), (0.2, ns(src="::", options=b"")), (0.3, ns(target="fd00::99"))],
                link=ETHERNET)


@add
def malformed_nd():
    """Hop limit, code, option length zero, cut, multicast target, source option from nobody."""
    return case([(0.0, ns(hlim=64)), (0.1, ns(code=1)), (0.2, ns(options=b"\1\0" + PEER_MAC)), (0.3, ns(options=b"\1")),
                 (0.4, ns(target="ff02::1", dst=US6)), (0.5, ns(src="::")), (0.6, ns(check=1)), (0.7, ns())], link=ETHERNET)


@add
def nd_resolution():
    """The stack asks by multicast; the answer releases what waited."""
    return case([(0.3, na(PEER6, PEER6, US6, 3, b"\2\1" + PEER_MAC))],
                "manual\n0 udp u [fd00::1]:5300\n0.1 send u [fd00::2]:99 \"one\"\n", link=ETHERNET)


@add
def nd_duplicate_address():
    """Somebody has the tentative address: it is not used."""
    script = "link ethernet\nmac 02:00:00:00:00:01\naddr fd00::1/64 dad\nuntil 3\n"
    made = case([(0.5, na(US6, PEER6, "ff02::1", 1, b"\2\1" + PEER_MAC)), (2, ns())], link=ETHERNET)
    made["script"] = script
    return made


def advertisement(lifetime=1800, prefix="fd01::", options=b"", **kw):
    info = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 7200, 3600, 0) + addr(prefix)
    data = struct.pack("!II", 0, 0) + b"\1\1" + PEER_MAC + info + options
    kw.setdefault("src", LL6)
    kw.setdefault("hlim", 255)
    return eth6(icmp6(134, rest=struct.pack("!BBH", 64, 0, lifetime), data=data, dst="ff02::1", **kw),
                dst=craft.mcast_mac("ff02::1"))


@add
def nd_autoconfiguration():
    """A link-local address, a solicitation, an advertisement, an address of its prefix."""
    made = case([(2.5, advertisement()), (5, advertisement(prefix="fe80::")),
                 (5.5, advertisement(lifetime=0, src=PEER6)), (6, advertisement(hlim=64))], link=ETHERNET)
    made["script"] = "link ethernet\nmac 02:00:00:00:00:01\nautoconf\nuntil 3\n"
    return made


# Multicast

@add
def mld_join_query_leave():
    """A join is reported, a query answered, a leave told."""
    general = icmp6(130, rest=struct.pack("!HH", 1000, 0), data=addr("::"), src=LL6, dst="ff02::1", hlim=1,
                    ext=bytes((58, 0, 5, 2, 0, 0, 1, 0)))
    v2 = icmp6(130, rest=struct.pack("!HH", 1000, 0), data=addr("::") + bytes((2, 125, 0, 0)), src=LL6, dst="ff02::1",
               hlim=1, ext=bytes((58, 0, 5, 2, 0, 0, 1, 0)))
    far = icmp6(130, rest=struct.pack("!HH", 1000, 0), data=addr("::"), src=PEER6, dst="ff02::1", hlim=64)
    return case([(2, eth6(v2, dst=craft.mcast_mac("ff02::1"))), (5, eth6(general, dst=craft.mcast_mac("ff02::1"))),
                 (8, eth6(far, dst=craft.mcast_mac("ff02::1")))],
                "0 udp u [::]:5000\n0.1 join u ff05::1234\n10 leave u ff05::1234\nuntil 3\n", link=ETHERNET)


@add
def igmp_join_query_leave():
    """The same with IGMP."""
    def query(group="0.0.0.0", dst="224.0.0.1", resp=10, extra=b"", check=None):
        body = struct.pack("!BBH", 0x11, resp, 0) + addr(group) + extra
        body = craft.put16(body, 2, craft.checksum(body) if check is None else check)
        return eth4(ip4(2, body, dst=dst, ttl=1, options=b"\x94\x04\0\0", off=0), dst=craft.mcast_mac(dst))
    return case([(2, query(extra=bytes((2, 125, 0, 0)))), (5, query()), (8, query(check=3)),
                 (8.5, query("239.1.2.3", "239.1.2.3", extra=bytes((2, 125, 0, 0))))],
                "0 udp u 0.0.0.0:5000\n0.1 join u 239.1.2.3\n10 leave u 239.1.2.3\nuntil 3\n", link=ETHERNET)


@add
def multicast_not_joined():
    """A datagram to a group that nobody joined, and to one that somebody did."""
    def to(group, data):
        return eth4(udp(data, dst=group, dport=5000), dst=craft.mcast_mac(group))
    return case([(1, to("239.1.2.3", b"joined")), (1.1, to("239.9.9.9", b"not joined"))],
                "0 udp u 0.0.0.0:5000\n0.1 join u 239.1.2.3\n", link=ETHERNET)


# Kinds of captures: the same conversation in each

def conversation():
    return handshake() + [(0.02, tcp(PSH | ACK, 1, 1, b"hello")), (0.03, tcp(ACK, 6, 6))]


def sll(packet):
    return struct.pack("!HHH8sH", 0, 1, 6, PEER_MAC + b"\0\0", 0x0800) + packet


def sll2(packet):
    return struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, PEER_MAC + b"\0\0") + packet


@add
def capture_microseconds_big_endian():
    """pcap, microseconds, big endian."""
    return case(conversation(), ECHO, write=lambda f: craft.pcap(f, RAW, nano=False, big=True))


@add
def capture_nanoseconds_big_endian():
    """pcap, nanoseconds, big endian."""
    return case(conversation(), ECHO, write=lambda f: craft.pcap(f, RAW, big=True))


@add
def capture_pcapng():
    """pcapng, little endian."""
    return case(conversation(), ECHO, write=lambda f: craft.pcapng(f, RAW))


@add
def capture_pcapng_big_endian():
    """pcapng, big endian."""
    return case(conversation(), ECHO, write=lambda f: craft.pcapng(f, RAW, big=True))


@add
def capture_sll():
    """Linux cooked, version 1."""
    return case([(t, sll(p)) for t, p in conversation()], ECHO, link=SLL)


@add
def capture_sll2():
    """Linux cooked, version 2."""
    return case([(t, sll2(p)) for t, p in conversation()], ECHO, link=SLL2)


@add
def capture_cut_short():
    """A short snaplen: headers are whole, payloads become zeros."""
    return case(handshake() + [(0.02, tcp(PSH | ACK, 1, 1, b"w" * 400))], SINK,
                write=lambda f: craft.pcap(f, RAW, snaplen=60))


def main():
    for name in sys.argv[1:] or ALL:
        made = ALL[name]()
        folder = os.path.join(CASES, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "case"), "w", encoding="utf-8") as f:
            f.write(f"# SPDX-License-Identifier: Apache-2.0\n# {ALL[name].__doc__}\n{made['script']}")
        if made["frames"]:
            frames = sorted(made["frames"], key=lambda x: x[0])
            data = made["write"](frames) if made["write"] else craft.pcap(frames, made["link"])
            with open(os.path.join(folder, "in.pcap"), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main()
