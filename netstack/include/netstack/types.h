/* SPDX-License-Identifier: Apache-2.0 */
/* Values that cross the border of the stack: time, addresses, handles. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds of a monotonic clock that only the driver reads; never goes back. */
typedef int64_t net_time;
/* Nanoseconds. */
typedef int64_t net_dur;

#define NET_TIME_NEVER INT64_MAX
#define NET_US(n) ((net_dur)(n)*1000)
#define NET_MS(n) ((net_dur)(n)*1000000)
#define NET_SEC(n) ((net_dur)(n)*1000000000)

/* A link is named by its interface index (as Linux's ifindex: 1 is the loopback). An index is never
 * given out twice, so a stale one is -EBADF. 0 means "no link" or "any". */
typedef int32_t net_link_id;

#define NET_LINK_LOOPBACK_ID 1

/* A socket: generation and slot. A stale one is -EBADF. 0 is never a socket. */
typedef uint64_t net_sock_id;

/* An IP address with its family. @family: AF_INET, AF_INET6, or 0 (AF_UNSPEC: none).
 * IPv4 uses the first four bytes, the others are zero. Bytes are in network order.
 * @scope: interface index of a link-local IPv6 address, else 0. */
struct net_addr {
	uint16_t family;
	uint16_t reserved; /* zero */
	uint32_t scope;
	union {
		uint8_t bytes[16];
		uint8_t v4[4];
		uint8_t v6[16];
		uint32_t word[4];
		uint64_t quad[2];
	};
};

/* Address and port; @port in host order. */
struct net_endpoint {
	struct net_addr addr;
	uint16_t port;
};

struct net_stack;
struct pkt;
