/* SPDX-License-Identifier: Apache-2.0 */
/* Why a packet was discarded. Every discard in the stack carries one of these and is counted.
 *
 * DROP_LIST(X) holds each reason once: X(NAME, "text"). DROP_NONE counts deliveries.
 */
#pragma once

#define DROP_LIST(X)                                                                               \
	X(NONE, "delivered")                                                                       \
	X(NO_MEMORY, "no packet memory left")                                                      \
	X(LINK_DOWN, "link is down")                                                               \
	X(LINK_TX_FULL, "transmit queue of the link is full")                                      \
	X(LINK_RX_FULL, "loopback queue is full")                                                  \
	X(LINK_LOOP, "frame passed through too many software links")                               \
	X(LINK_NO_PEER, "the other end of the link is gone")                                       \
	X(QDISC_LIMIT, "queueing discipline is full")                                              \
	X(QDISC_CODEL, "queueing discipline keeps its delay")                                      \
	X(QDISC_NETEM, "configured impairment")                                                    \
	X(BRIDGE_FILTERED, "bridge does not forward this frame")                                   \
	X(LINK_OFFLOAD, "offload metadata does not fit the frame")                                 \
	X(ETH_TRUNCATED, "Ethernet header truncated")                                              \
	X(ETH_OTHER_HOST, "Ethernet destination is another host")                                  \
	X(ETH_MULTICAST, "Ethernet group address that nobody asked for")                           \
	X(ETH_TYPE, "EtherType not supported")                                                     \
	X(ETH_VLAN, "VLAN tag of no known VLAN")                                                   \
	X(ARP_TRUNCATED, "ARP packet truncated")                                                   \
	X(ARP_MALFORMED, "ARP packet malformed")                                                   \
	X(ARP_NOT_US, "ARP for another host")                                                      \
	X(NEIGH_FAILED, "neighbour did not answer")                                                \
	X(NEIGH_QUEUE_FULL, "too many packets wait for a neighbour")                               \
	X(NEIGH_TABLE_FULL, "neighbour table is full")                                             \
	X(IP4_TRUNCATED, "IPv4 header truncated")                                                  \
	X(IP4_VERSION, "IP version is not 4")                                                      \
	X(IP4_HDR_LEN, "IPv4 header length is wrong")                                              \
	X(IP4_TOTAL_LEN, "IPv4 total length is wrong")                                             \
	X(IP4_CHECKSUM, "IPv4 header checksum is wrong")                                           \
	X(IP4_OPTIONS, "IPv4 options malformed")                                                   \
	X(IP4_SOURCE_ROUTE, "IPv4 source route refused")                                           \
	X(IP4_SRC_ADDR, "IPv4 source address not allowed")                                         \
	X(IP4_DST_ADDR, "IPv4 destination address not allowed")                                    \
	X(IP6_TRUNCATED, "IPv6 header truncated")                                                  \
	X(IP6_VERSION, "IP version is not 6")                                                      \
	X(IP6_PAYLOAD_LEN, "IPv6 payload length is wrong")                                         \
	X(IP6_SRC_ADDR, "IPv6 source address not allowed")                                         \
	X(IP6_DST_ADDR, "IPv6 destination address not allowed")                                    \
	X(IP6_EXT_TRUNCATED, "IPv6 extension header truncated")                                    \
	X(IP6_EXT_ORDER, "IPv6 hop-by-hop header in the wrong place")                              \
	X(IP6_EXT_LIMIT, "too many IPv6 extension headers")                                        \
	X(IP6_OPTION, "unknown IPv6 option asks for a discard")                                    \
	X(IP6_ROUTING, "IPv6 routing header refused")                                              \
	X(IP_NOT_US, "destination is not this host")                                               \
	X(IP_NO_ROUTE, "no route to the destination")                                              \
	X(IP_HOP_LIMIT, "hop limit exceeded")                                                      \
	X(IP_TOO_BIG, "packet too big and fragmentation not allowed")                              \
	X(IP_NO_PROTO, "no protocol handler")                                                      \
	X(IP_RP_FILTER, "source is not reachable over the link (reverse path filter)")             \
	X(IP_BLACKHOLE, "route discards the packet")                                               \
	X(IP_DISABLED, "protocol is switched off on the link")                                     \
	X(ICMP_REDIRECT, "redirect not acceptable")                                                \
	X(MCAST_SOURCE, "no member wants this source")                                             \
	X(NETFILTER, "netfilter refused the packet")                                               \
	X(IP_LOOP, "martian: own address as the source of a received packet")                      \
	X(FRAG_MALFORMED, "fragment malformed")                                                    \
	X(FRAG_OVERLAP, "fragments overlap")                                                       \
	X(FRAG_TOO_LONG, "reassembled packet too long")                                            \
	X(FRAG_TIMEOUT, "reassembly timed out")                                                    \
	X(FRAG_LIMIT, "reassembly memory limit")                                                   \
	X(FRAG_DUPLICATE, "duplicate fragment")                                                    \
	X(ICMP_TRUNCATED, "ICMP message truncated")                                                \
	X(ICMP_CHECKSUM, "ICMP checksum is wrong")                                                 \
	X(ICMP_TYPE, "ICMP type not supported")                                                    \
	X(ICMP_MALFORMED, "ICMP message malformed")                                                \
	X(ICMP_BROADCAST_ECHO, "echo request to a broadcast address")                              \
	X(ICMP_NO_SOCKET, "ICMP message for no socket")                                            \
	X(ICMP_RATE_LIMIT, "ICMP error suppressed by the rate limit")                              \
	X(NDP_HOP_LIMIT, "ND message with hop limit other than 255")                               \
	X(NDP_MALFORMED, "ND message malformed")                                                   \
	X(NDP_NOT_US, "ND message for another target")                                             \
	X(MCAST_NOT_JOINED, "multicast group not joined")                                          \
	X(MCAST_MALFORMED, "IGMP or MLD message malformed")                                        \
	X(UDP_TRUNCATED, "UDP header truncated")                                                   \
	X(UDP_LENGTH, "UDP length is wrong")                                                       \
	X(UDP_CHECKSUM, "UDP checksum is wrong")                                                   \
	X(UDP_NO_SOCKET, "no UDP socket")                                                          \
	X(RAW_NO_SOCKET, "no raw socket")                                                          \
	X(SOCK_RCVBUF, "receive buffer full")                                                      \
	X(SOCK_FILTER, "socket option filters the packet")                                         \
	X(TCP_TRUNCATED, "TCP header truncated")                                                   \
	X(TCP_HDR_LEN, "TCP header length is wrong")                                               \
	X(TCP_CHECKSUM, "TCP checksum is wrong")                                                   \
	X(TCP_OPTIONS, "TCP options malformed")                                                    \
	X(TCP_NO_SOCKET, "no TCP socket")                                                          \
	X(TCP_CLOSED, "TCP connection is closed")                                                  \
	X(TCP_FLAGS, "TCP flags not acceptable in this state")                                     \
	X(TCP_NOT_UNICAST, "TCP segment to a broadcast or multicast address")                      \
	X(TCP_OUT_OF_WINDOW, "TCP segment outside the window")                                     \
	X(TCP_OLD_DATA, "TCP data already received")                                               \
	X(TCP_OLD_ACK, "TCP acknowledgement too old")                                              \
	X(TCP_FUTURE_ACK, "TCP acknowledgement of data not yet sent")                              \
	X(TCP_PAWS, "TCP timestamp too old")                                                       \
	X(TCP_RESET, "TCP reset")                                                                  \
	X(TCP_BAD_RESET, "TCP reset not acceptable")                                               \
	X(TCP_BAD_SYN, "SYN in a synchronized state")                                              \
	X(TCP_BACKLOG_FULL, "accept queue full")                                                   \
	X(TCP_SYN_QUEUE_FULL, "SYN queue full")                                                    \
	X(TCP_BAD_COOKIE, "SYN cookie not valid")                                                  \
	X(TCP_OOO_LIMIT, "out-of-order queue limit")                                               \
	X(TCP_RCVBUF, "TCP receive buffer full")                                                   \
	X(TCP_TIMEWAIT, "segment for a connection in TIME-WAIT")                                   \
	X(TCP_LIMIT, "too many connections")                                                       \
	X(TCP_MD5, "TCP MD5 signature missing, unexpected or wrong")

enum drop {
#define DROP_ENUM_(name, text) DROP_##name,
	DROP_LIST(DROP_ENUM_)
#undef DROP_ENUM_
		DROP_COUNT,
};
