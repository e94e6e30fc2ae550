/* SPDX-License-Identifier: Apache-2.0 */
/* Where the headers of a frame stand, for those who rewrite frames or follow streams. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netstack/types.h>

#include "capture.h"

/* Offsets count from the first byte of the frame. */
struct view {
	const uint8_t *src_mac; /* NULL: no Ethernet */
	uint16_t ethertype;
	size_t l3;
	uint8_t family_len; /* 4, 6 or 0: not IP */
	size_t addr_len;    /* 4 or 16 */
	size_t src, dst;    /* of the addresses */
	uint8_t proto;
	bool fragment; /* a part, also the first */
	size_t l4;     /* 0: none in reach */
	size_t l4_len; /* as the IP header says */
	/* TCP and UDP; the header is complete in the capture. */
	bool ports;
	uint16_t sport, dport;
	/* TCP */
	bool tcp;
	uint32_t seq, ack;
	uint16_t flags;
	size_t payload, payload_len; /* as the header says: may be beyond what was kept */
	size_t payload_have;
	/* ARP over IPv4: sender */
	size_t arp_spa;
};

#define VIEW_FIN 1
#define VIEW_SYN 2
#define VIEW_RST 4
#define VIEW_PSH 8
#define VIEW_ACK 16

void view_frame(struct view *ret, const struct frame *frame, enum frame_kind kind);
/* The same from an IP header at @l3 on: what an ICMP error quotes. */
void view_ip(struct view *ret, const uint8_t *bytes, size_t have, size_t l3);
struct net_addr view_addr(const uint8_t *bytes, size_t at, size_t addr_len);
