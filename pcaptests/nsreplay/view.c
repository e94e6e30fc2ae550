/* SPDX-License-Identifier: Apache-2.0 */
/* Finds headers. Everything is checked against what the capture kept. */
#include "view.h"

#include <string.h>
#include <sys/socket.h>

#include "util/bytes.h"

static void view_l4(struct view *v, const uint8_t *b, size_t have)
{
	size_t hdr_len;

	if (v->proto != 6 && v->proto != 17)
		return;
	if (v->l4 + (v->proto == 6 ? 20 : 8) > have || v->l4_len < (v->proto == 6 ? 20 : 8))
		return;
	v->ports = true;
	v->sport = load_be16(b + v->l4);
	v->dport = load_be16(b + v->l4 + 2);
	hdr_len = 8;
	if (v->proto == 6) {
		hdr_len = (size_t)(b[v->l4 + 12] >> 4) * 4;
		if (hdr_len < 20 || hdr_len > v->l4_len)
			return;
		v->tcp = true;
		v->seq = load_be32(b + v->l4 + 4);
		v->ack = load_be32(b + v->l4 + 8);
		v->flags = load_be16(b + v->l4 + 12) & 0x1ff;
	}
	v->payload = v->l4 + hdr_len;
	v->payload_len = v->l4_len - hdr_len;
	v->payload_have = have > v->payload ? MIN(have - v->payload, v->payload_len) : 0;
}

static void view_ip4(struct view *v, const uint8_t *b, size_t have)
{
	size_t hdr_len, total;

	if (v->l3 + 20 > have)
		return;
	hdr_len = (b[v->l3] & 15u) * 4;
	total = load_be16(b + v->l3 + 2);
	v->family_len = 4;
	v->addr_len = 4;
	v->src = v->l3 + 12;
	v->dst = v->l3 + 16;
	v->proto = b[v->l3 + 9];
	v->fragment = load_be16(b + v->l3 + 6) & 0x3fff;
	if (hdr_len < 20 || total < hdr_len || (load_be16(b + v->l3 + 6) & 0x1fff))
		return;
	v->l4 = v->l3 + hdr_len;
	v->l4_len = total - hdr_len;
	view_l4(v, b, have);
}

static void view_ip6(struct view *v, const uint8_t *b, size_t have)
{
	size_t at = v->l3 + 40, end;
	uint8_t next;

	if (at > have)
		return;
	v->family_len = 6;
	v->addr_len = 16;
	v->src = v->l3 + 8;
	v->dst = v->l3 + 24;
	next = b[v->l3 + 6];
	end = at + load_be16(b + v->l3 + 4);
	while (next == 0 || next == 43 || next == 44 || next == 60) {
		if (at + 8 > have || at + 8 > end)
			return;
		if (next == 44 && (load_be16(b + at + 2) & 0xfff9)) {
			v->fragment = true;
			if (load_be16(b + at + 2) & 0xfff8)
				return;
		}
		next = b[at];
		at += v->fragment ? 8 : (b[at + 1] + 1u) * 8;
	}
	v->proto = next;
	if (at > end)
		return;
	v->l4 = at;
	v->l4_len = end - at;
	view_l4(v, b, have);
}

void view_ip(struct view *ret, const uint8_t *bytes, size_t have, size_t l3)
{
	memset(ret, 0, sizeof(*ret));
	ret->l3 = l3;
	if (l3 >= have)
		return;
	if (bytes[l3] >> 4 == 4)
		view_ip4(ret, bytes, have);
	else if (bytes[l3] >> 4 == 6)
		view_ip6(ret, bytes, have);
}

void view_frame(struct view *ret, const struct frame *frame, enum frame_kind kind)
{
	const uint8_t *b = frame->bytes;
	uint16_t type;
	size_t l3 = 14;

	if (kind == FRAME_IP) {
		view_ip(ret, b, frame->have, 0);
		return;
	}
	memset(ret, 0, sizeof(*ret));
	if (frame->have < 14)
		return;
	type = load_be16(b + 12);
	if (type == 0x8100 && frame->have >= 18) {
		type = load_be16(b + 16);
		l3 = 18;
	}
	if (type == 0x0800 || type == 0x86dd)
		view_ip(ret, b, frame->have, l3);
	else if (type == 0x0806 && frame->have >= l3 + 28)
		ret->arp_spa = l3 + 14;
	ret->src_mac = b + 6;
	ret->ethertype = type;
	ret->l3 = l3;
}

struct net_addr view_addr(const uint8_t *bytes, size_t at, size_t addr_len)
{
	struct net_addr addr = {.family = addr_len == 4 ? AF_INET : AF_INET6};

	memcpy(addr.bytes, bytes + at, addr_len);
	return addr;
}
