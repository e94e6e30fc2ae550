/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as text: the common part, Ethernet, ARP, IPv4 and IPv6 with their extension headers. */
#include "dissect.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dissect_priv.h"

static void put_text(struct dis *d, const char *name, unsigned attr, const char *fmt, va_list args)
{
	struct dis_field *f;

	if (d->n == DIS_FIELDS)
		return;
	f = &d->f[d->n++];
	f->name = name;
	f->attr = (uint8_t)attr;
	vsnprintf(f->text, sizeof(f->text), fmt, args);
}

void dis_put(struct dis *d, const char *name, unsigned attr, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_text(d, name, attr, fmt, args);
	va_end(args);
}

void dis_bad(struct dis *d, const char *fmt, ...)
{
	va_list args;

	d->malformed = true;
	va_start(args, fmt);
	put_text(d, "malformed", 0, fmt, args);
	va_end(args);
}

void dis_data(struct dis *d, const uint8_t *bytes, size_t have, size_t len)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	char text[40];
	size_t n = 0;

	if (!len)
		return;
	for (size_t i = 0; i < have; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	for (size_t i = 0; i < have && n < 28; i++) {
		uint8_t c = bytes[i];

		text[n++] = (char)(isprint(c) && c != '"' && c != '\\' ? c : '.');
	}
	text[n] = '\0';
	dis_put(d, "data.len", DIS_LAYER, "%zu", len);
	dis_put(d, "data.bytes", 0, "\"%s\"%s", text, have > n ? "..." : "");
	dis_put(d, "data.hash", have > n ? 0 : DIS_QUIET, "%08x", hash);
	if (have < len)
		dis_put(d, "data.kept", 0, "%zu", have);
}

uint32_t dis_sum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += load_be16(bytes + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len & 1)
		sum += (uint32_t)bytes[len - 1] << 8;
	return (sum & 0xffff) + (sum >> 16);
}

uint16_t dis_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint32_t dis_pseudo(const struct dis_ip *ip, size_t len)
{
	uint32_t sum = dis_sum_add(0, ip->src, ip->addr_len);

	sum = dis_sum_add(sum, ip->dst, ip->addr_len);
	return sum + ip->proto + (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff);
}

void dis_sum(struct dis *d, const char *name, const struct dis_ip *ip, const uint8_t *bytes,
	     size_t len, size_t sum_at, uint32_t pseudo)
{
	uint16_t field = load_be16(bytes + sum_at);

	if (ip->quoted || ip->truncated) {
		dis_put(d, name, DIS_QUIET | DIS_RANDOM, "0x%04x not checked", field);
	} else if (dis_sum_fold(dis_sum_add(pseudo, bytes, len)) == 0xffff) {
		dis_put(d, name, DIS_QUIET, "ok");
	} else if (pseudo && field == dis_sum_fold(pseudo)) {
		/* Captured before the device completed it. */
		dis_put(d, name, DIS_QUIET, "offloaded");
	} else {
		dis_put(d, name, 0, "bad 0x%04x", field);
		d->bad_sum = true;
	}
}

void dis_addr(char *to, size_t size, const uint8_t *addr, unsigned addr_len)
{
	if (!inet_ntop(addr_len == 4 ? AF_INET : AF_INET6, addr, to, (socklen_t)size))
		*to = '\0';
}

static void put_addr(struct dis *d, const char *name, unsigned attr, const uint8_t *addr,
		     unsigned addr_len)
{
	char text[INET6_ADDRSTRLEN];

	dis_addr(text, sizeof(text), addr, addr_len);
	dis_put(d, name, attr, "%s", text);
}

static void put_mac(struct dis *d, const char *name, unsigned attr, const uint8_t *m)
{
	dis_put(d, name, attr, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void dis_arp(struct dis *d, struct rd *in)
{
	uint16_t hw = rd_be16(in), proto = rd_be16(in);
	uint8_t hw_len = rd_u8(in), proto_len = rd_u8(in);
	uint16_t op = rd_be16(in);

	if (rd_failed(in)) {
		dis_bad(d, "ARP header truncated");
		return;
	}
	dis_put(d, "arp.op", DIS_LAYER, "%s", op == 1 ? "request" : op == 2 ? "reply" : "unknown");
	if (op != 1 && op != 2)
		dis_put(d, "arp.op_number", 0, "%u", op);
	if (hw != 1 || proto != 0x0800 || hw_len != 6 || proto_len != 4) {
		dis_put(d, "arp.space", 0, "hardware %u/%u protocol 0x%04x/%u", hw, hw_len, proto,
			proto_len);
		return;
	}

	const uint8_t *sha = rd_bytes(in, 6), *spa = rd_bytes(in, 4);
	const uint8_t *tha = rd_bytes(in, 6), *tpa = rd_bytes(in, 4);

	if (!sha || !spa || !tha || !tpa) {
		dis_bad(d, "ARP addresses truncated");
		return;
	}
	put_addr(d, "arp.spa", 0, spa, 4);
	put_mac(d, "arp.sha", 0, sha);
	put_addr(d, "arp.tpa", 0, tpa, 4);
	put_mac(d, "arp.tha", op == 1 ? DIS_QUIET : 0, tha);
}

static void ip4_flags(struct dis *d, uint16_t off, const uint8_t *src, uint16_t id,
		      struct flows *flows)
{
	bool fragment = off & 0x3fff;

	dis_put(d, "ip.flags", off & 0xe000 ? 0 : DIS_QUIET, "%s%s%s", off & 0x8000 ? "R" : "",
		off & 0x4000 ? "DF" : "", off & 0x2000 ? "MF" : "");
	if (fragment) {
		dis_put(d, "ip.frag", 0, "%u", (off & 0x1fffu) * 8);
		dis_put(d, "ip.datagram", 0, "#%u", flow_id(flows, 4, src, id));
	}
}

/* Names of options (RFC 791, 2113). */
static void ip4_opts(struct dis *d, struct rd *in)
{
	while (rd_left(in)) {
		uint8_t type = rd_u8(in);
		uint8_t len;

		if (type == 0)
			return;
		if (type == 1) {
			dis_put(d, "ip.opt", DIS_QUIET, "nop");
			continue;
		}
		len = rd_u8(in);
		if (rd_failed(in) || len < 2 || len - 2u > rd_left(in)) {
			dis_bad(d, "IPv4 option %u: length %u", type, len);
			return;
		}
		rd_skip(in, len - 2u);
		dis_put(d, "ip.opt", 0, "%s/%u",
			type == 7     ? "record-route"
			: type == 68  ? "timestamp"
			: type == 131 ? "loose-source-route"
			: type == 137 ? "strict-source-route"
			: type == 148 ? "router-alert"
				      : "other",
			type);
	}
}

void dis_ip4(struct dis *d, struct rd *in, size_t len, bool quoted, struct flows *flows)
{
	struct dis_ip ip = {.addr_len = 4, .quoted = quoted};
	const uint8_t *b = in->p;
	size_t have = rd_left(in), hdr_len, total;
	uint16_t off;

	if (have < 20) {
		dis_bad(d, "IPv4 header truncated: %zu bytes", have);
		return;
	}
	hdr_len = (b[0] & 15u) * 4;
	total = load_be16(b + 2);
	off = load_be16(b + 6);
	ip.src = b + 12;
	ip.dst = b + 16;
	ip.proto = b[9];
	put_addr(d, "ip.src", DIS_LAYER, ip.src, 4);
	put_addr(d, "ip.dst", 0, ip.dst, 4);
	dis_put(d, "ip.tos", b[1] ? 0 : DIS_QUIET, "0x%02x", b[1]);
	dis_put(d, "ip.ttl", 0, "%u", b[8]);
	dis_put(d, "ip.id", DIS_QUIET | DIS_RANDOM, "0x%04x", load_be16(b + 4));
	ip4_flags(d, off, ip.src, load_be16(b + 4), flows);
	dis_put(d, "ip.len", DIS_QUIET, "%zu", total);
	dis_put(d, "ip.proto", DIS_QUIET, "%u", ip.proto);
	if (b[0] >> 4 != 4) {
		dis_bad(d, "IP version %u", b[0] >> 4);
		return;
	}
	if (hdr_len < 20 || hdr_len > total) {
		dis_bad(d, "IPv4 header length %zu of %zu", hdr_len, total);
		return;
	}
	if (hdr_len > have || (total > len && !quoted)) {
		dis_bad(d, "IPv4 total length %zu, packet has %zu", total, len);
		return;
	}
	if (dis_sum_fold(dis_sum_add(0, b, hdr_len)) != 0xffff && !quoted) {
		dis_put(d, "ip.sum", 0, "bad 0x%04x", load_be16(b + 10));
		d->bad_sum = true;
	} else {
		dis_put(d, "ip.sum", DIS_QUIET, "ok");
	}
	rd_skip(in, 20);

	struct rd opts = rd_sub(in, hdr_len - 20);
	struct rd body = rd_sub(in, MIN(rd_left(in), total - hdr_len));

	ip4_opts(d, &opts);
	if (d->malformed)
		return;
	ip.truncated = rd_left(&body) < total - hdr_len;
	if (off & 0x3fff) { /* a part of a transport packet: no header to speak of */
		dis_data(d, body.p, rd_left(&body), total - hdr_len);
		return;
	}
	dis_l4(d, &ip, &body, total - hdr_len, flows);
}

/* One extension header. Returns the next header, or -1 at the end: what follows is not for us. */
static int ip6_ext(struct dis *d, const struct dis_ip *ip, int next, struct rd *in,
		   struct flows *flows)
{
	const uint8_t *b = in->p;
	size_t len = rd_left(in) >= 2 ? (b[1] + 1u) * 8 : 0;

	if (next == 44) {
		if (rd_left(in) < 8) {
			dis_bad(d, "fragment header truncated");
			return -1;
		}
		dis_put(d, "frag.off", DIS_LAYER, "%u", load_be16(b + 2) & 0xfff8u);
		dis_put(d, "frag.more", 0, "%u", b[3] & 1);
		dis_put(d, "frag.next", DIS_QUIET, "%u", b[0]);
		dis_put(d, "frag.datagram", 0, "#%u",
			flow_id(flows, 16, ip->src, load_be32(b + 4)));
		rd_skip(in, 8);
		if (load_be16(b + 2) & 0xfff9) {
			dis_data(d, in->p, rd_left(in), rd_left(in));
			return -1;
		}
		return b[0];
	}
	if (!len || len > rd_left(in)) {
		dis_bad(d, "extension header %d truncated", next);
		return -1;
	}
	if (next == 43) {
		dis_put(d, "routing.type", DIS_LAYER, "%u", b[2]);
		dis_put(d, "routing.left", 0, "%u", b[3]);
	} else {
		dis_put(d, next == 0 ? "hopopt.len" : "dstopt.len", DIS_LAYER, "%zu", len);
		for (size_t i = 2; i < len; i += b[i] ? b[i + 1] + 2u : 1) {
			if (b[i] && (i + 1 == len || b[i + 1] + i + 2 > len)) {
				dis_bad(d, "IPv6 option 0x%02x runs past its header", b[i]);
				return -1;
			}
			if (b[i] > 1)
				dis_put(d, "opt.type", 0, "0x%02x%s", b[i],
					b[i] == 5 ? " router-alert" : "");
		}
	}
	rd_skip(in, len);
	return b[0];
}

void dis_ip6(struct dis *d, struct rd *in, size_t len, bool quoted, struct flows *flows)
{
	struct dis_ip ip = {.addr_len = 16, .quoted = quoted};
	const uint8_t *b = in->p;
	size_t payload, left;
	int next;

	if (rd_left(in) < 40) {
		dis_bad(d, "IPv6 header truncated: %zu bytes", rd_left(in));
		return;
	}
	payload = load_be16(b + 4);
	ip.src = b + 8;
	ip.dst = b + 24;
	put_addr(d, "ip6.src", DIS_LAYER, ip.src, 16);
	put_addr(d, "ip6.dst", 0, ip.dst, 16);
	next = (load_be16(b) >> 4) & 0xff;
	dis_put(d, "ip6.class", next ? 0 : DIS_QUIET, "0x%02x", next);
	dis_put(d, "ip6.flow", DIS_QUIET | DIS_RANDOM, "0x%05x", load_be32(b) & 0xfffff);
	dis_put(d, "ip6.hlim", 0, "%u", b[7]);
	dis_put(d, "ip6.len", DIS_QUIET, "%zu", payload);
	next = b[6];
	dis_put(d, "ip6.next", DIS_QUIET, "%u", next);
	if (b[0] >> 4 != 6) {
		dis_bad(d, "IP version %u", b[0] >> 4);
		return;
	}
	if (payload > len - 40 && !quoted) {
		dis_bad(d, "IPv6 payload length %zu, packet has %zu", payload, len - 40);
		return;
	}
	rd_skip(in, 40);

	struct rd body = rd_sub(in, MIN(rd_left(in), payload));

	ip.truncated = rd_left(&body) < payload;
	while (next == 0 || next == 43 || next == 44 || next == 60) {
		left = rd_left(&body);
		next = ip6_ext(d, &ip, next, &body, flows);
		if (next < 0)
			return;
		payload -= left - rd_left(&body);
	}
	ip.proto = (uint8_t)next;
	dis_l4(d, &ip, &body, payload, flows);
}

static void dis_l3(struct dis *d, uint16_t type, struct rd *in, size_t len, struct flows *flows)
{
	switch (type) {
	case 0x0800:
		dis_ip4(d, in, len, false, flows);
		break;
	case 0x86dd:
		dis_ip6(d, in, len, false, flows);
		break;
	case 0x0806:
		dis_arp(d, in);
		break;
	default:
		dis_data(d, in->p, rd_left(in), len);
		break;
	}
}

static void dis_ether(struct dis *d, struct rd *in, size_t len, struct flows *flows)
{
	const uint8_t *dst = rd_bytes(in, 6), *src = rd_bytes(in, 6);
	uint16_t type = rd_be16(in);

	if (rd_failed(in)) {
		dis_bad(d, "Ethernet header truncated");
		return;
	}
	put_mac(d, "eth.src", DIS_LAYER | DIS_QUIET, src);
	put_mac(d, "eth.dst", DIS_QUIET, dst);
	len -= 14;
	while (type == 0x8100 && rd_left(in) >= 4) {
		dis_put(d, "vlan.tci", 0, "0x%04x", rd_be16(in));
		type = rd_be16(in);
		len -= 4;
	}
	dis_put(d, "eth.type", type == 0x0800 || type == 0x86dd || type == 0x0806 ? DIS_QUIET : 0,
		"0x%04x", type);
	dis_l3(d, type, in, len, flows);
}

void dissect(struct dis *ret, const struct frame *frame, enum frame_kind kind, struct flows *flows)
{
	struct rd in;

	ret->n = 0;
	ret->malformed = ret->bad_sum = false;
	rd_init(&in, frame->bytes, frame->have);
	if (kind == FRAME_ETHER)
		dis_ether(ret, &in, frame->len, flows);
	else if (!frame->have)
		dis_bad(ret, "empty");
	else
		dis_l3(ret, frame->bytes[0] >> 4 == 6 ? 0x86dd : 0x0800, &in, frame->len, flows);
}

const char *dis_get(const struct dis *dis, const char *name, unsigned nth)
{
	for (unsigned i = 0; i < dis->n; i++)
		if (!strcmp(dis->f[i].name, name) && !nth--)
			return dis->f[i].text;
	return NULL;
}

/* The part of a name behind the point. */
static const char *leaf(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot + 1 : name;
}

size_t dis_line(const struct dis *dis, char *to, size_t size)
{
	size_t at = 0;

	*to = '\0';
	for (unsigned i = 0; i < dis->n && at + 1 < size; i++) {
		const struct dis_field *f = &dis->f[i];
		const char *name = leaf(f->name);
		int n;

		if (f->attr & DIS_QUIET)
			continue;
		if (f->attr & DIS_LAYER)
			n = snprintf(to + at, size - at, "%s%.*s", at ? " | " : "",
				     (int)strcspn(f->name, "."), f->name);
		else
			n = 0;
		at = MIN(at + (size_t)n, size - 1);
		if (!strcmp(name, "src") || !strcmp(name, "sport") || !strcmp(name, "bytes"))
			n = snprintf(to + at, size - at, " %s", f->text);
		else if (!strcmp(name, "dst") || !strcmp(name, "dport"))
			n = snprintf(to + at, size - at, " > %s", f->text);
		else
			n = snprintf(to + at, size - at, "%s%s%s%s", at ? " " : "", name,
				     *f->text ? " " : "", f->text);
		at = MIN(at + (size_t)n, size - 1);
	}
	return at;
}
