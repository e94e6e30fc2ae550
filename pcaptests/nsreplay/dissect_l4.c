/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP as text (RFC 9293, 7323, 2018, 7413, 768). */
#include <stdio.h>
#include <string.h>

#include "dissect_priv.h"

/* What the options of a segment say, for the memory of the conversation. */
struct tcp_seen {
	bool has_ts;
	uint32_t ts_val, ts_ecr;
	const uint8_t *sack;
	unsigned nsack;
};

static void tcp_option(struct dis *d, struct tcp_seen *seen, uint8_t kind, const uint8_t *b,
		       unsigned len)
{
	switch (kind) {
	case 2:
		if (len == 2)
			dis_put(d, "tcp.mss", 0, "%u", load_be16(b));
		break;
	case 3:
		if (len == 1)
			dis_put(d, "tcp.wscale", 0, "%u", b[0]);
		break;
	case 4:
		if (!len)
			dis_put(d, "tcp.sackOK", 0, "%s", "");
		break;
	case 5:
		if (len % 8 == 0) {
			seen->sack = b;
			seen->nsack = len / 8;
		}
		break;
	case 8:
		if (len == 8) {
			seen->has_ts = true;
			seen->ts_val = load_be32(b);
			seen->ts_ecr = load_be32(b + 4);
		}
		break;
	case 34:
		dis_put(d, "tcp.tfo", 0, "cookie of %u", len);
		break;
	default:
		dis_put(d, "tcp.option", 0, "kind %u length %u", kind, len + 2);
		break;
	}
}

static void tcp_options(struct dis *d, struct tcp_seen *seen, struct rd *in)
{
	while (rd_left(in)) {
		uint8_t kind = rd_u8(in), len;
		const uint8_t *b;

		if (kind == 0)
			return;
		if (kind == 1)
			continue;
		len = rd_u8(in);
		if (rd_failed(in) || len < 2 || !(b = rd_bytes(in, len - 2u))) {
			dis_bad(d, "TCP option %u: length %u", kind, len);
			return;
		}
		tcp_option(d, seen, kind, b, len - 2u);
	}
}

static void put_flags(struct dis *d, unsigned flags)
{
	char text[16];
	unsigned n = 0;

	for (unsigned i = 0; i < 9; i++) {
		/* SYN first, as everyone reads it. */
		static const uint8_t order[] = {1, 0, 2, 3, 4, 5, 6, 7, 8};

		if (flags & 1u << order[i])
			text[n++] = "FSRPAUEWN"[order[i]];
	}
	text[n] = '\0';
	dis_put(d, "tcp.flags", 0, "%s", n ? text : "none");
}

/* @base NULL or unknown: as it stands. */
static void put_seq(struct dis *d, const char *name, uint32_t v, const struct flow_dir *base)
{
	if (base && base->known)
		dis_put(d, name, 0, "%d", (int32_t)(v - base->isn));
	else
		dis_put(d, name, DIS_RANDOM, "0x%08x", v);
}

static void put_ts(struct dis *d, const struct tcp_seen *seen, const struct flow_dir *self,
		   const struct flow_dir *other)
{
	if (!seen->has_ts)
		return;
	dis_put(d, "tcp.ts", 0, "%s", "");
	if (self && self->has_ts)
		dis_put(d, "tcp.tsval", DIS_QUIET | DIS_RANDOM, "%d",
			(int32_t)(seen->ts_val - self->ts0));
	if (seen->ts_ecr && other && other->has_ts)
		dis_put(d, "tcp.tsecr", DIS_QUIET | DIS_RANDOM, "%d",
			(int32_t)(seen->ts_ecr - other->ts0));
}

static void put_sack(struct dis *d, const struct tcp_seen *seen, const struct flow_dir *base)
{
	for (unsigned i = 0; i < seen->nsack; i++) {
		uint32_t from = load_be32(seen->sack + 8 * i);
		uint32_t to = load_be32(seen->sack + 8 * i + 4);

		if (base && base->known)
			dis_put(d, "tcp.sack", 0, "%d-%d", (int32_t)(from - base->isn),
				(int32_t)(to - base->isn));
		else
			dis_put(d, "tcp.sack", DIS_RANDOM, "0x%08x-0x%08x", from, to);
	}
}

/* The conversation of a segment, with this segment noted (unless quoted or damaged). */
static struct flow *tcp_flow(const struct dis_ip *ip, const uint8_t *b, const struct flow_seg *seg,
			     bool note, struct flows *flows, unsigned *from)
{
	uint16_t sport = flow_port_captured(flows, 6, load_be16(b));
	uint16_t dport = flow_port_captured(flows, 6, load_be16(b + 2));
	struct flow *flow;

	if (!note)
		return flow_find(flows, ip->addr_len, ip->src, ip->dst, sport, dport, from);
	flow = flow_get(flows, ip->addr_len, ip->src, ip->dst, sport, dport, from);
	if (flow)
		flow_note(flow, *from, seg);
	return flow;
}

static void put_ports(struct dis *d, const char *sport, const char *dport, uint8_t proto,
		      const uint8_t *b, const struct flows *flows)
{
	dis_put(d, sport, DIS_LAYER, "%u", flow_port_captured(flows, proto, load_be16(b)));
	dis_put(d, dport, 0, "%u", flow_port_captured(flows, proto, load_be16(b + 2)));
}

static void dis_tcp(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len,
		    struct flows *flows)
{
	const uint8_t *b = in->p;
	size_t have = rd_left(in), hdr_len;
	struct tcp_seen seen = {0};
	struct dis opts = {0};
	struct flow *flow = NULL;
	unsigned flags, from = 0;

	if (have < 20) {
		if (have >= 8)
			put_ports(d, "tcp.sport", "tcp.dport", 6, b, flows);
		if (!ip->quoted)
			dis_bad(d, "TCP header truncated: %zu bytes", have);
		return;
	}
	hdr_len = (size_t)(b[12] >> 4) * 4;
	flags = load_be16(b + 12) & 0x1ff;
	put_ports(d, "tcp.sport", "tcp.dport", 6, b, flows);
	put_flags(d, flags);
	if (hdr_len < 20 || hdr_len > len) {
		dis_bad(d, "TCP header length %zu of %zu", hdr_len, len);
		return;
	}

	rd_skip(in, 20);
	struct rd in_opts = rd_sub(in, MIN(rd_left(in), hdr_len - 20));

	tcp_options(&opts, &seen, &in_opts);

	struct flow_seg seg = {
		.seq = load_be32(b + 4),
		.ack = load_be32(b + 8),
		.len = (uint32_t)(len - hdr_len) + !!(flags & 1) + !!(flags & 2),
		.syn = flags & 2,
		.has_ack = flags & 16,
		.rst = flags & 4,
		.has_ts = seen.has_ts,
		.ts_val = seen.ts_val,
		.ts_ecr = flags & 16 ? seen.ts_ecr : 0,
	};

	dis_sum(&opts, "tcp.sum", ip, b, MIN(have, len), 16, dis_pseudo(ip, len));
	flow = tcp_flow(ip, b, &seg, !ip->quoted && !opts.malformed && !opts.bad_sum, flows, &from);
	put_seq(d, "tcp.seq", seg.seq, flow ? &flow->dir[from] : NULL);
	if (len > hdr_len)
		dis_put(d, "tcp.len", 0, "%zu", len - hdr_len);
	if (seg.has_ack)
		put_seq(d, "tcp.ack", seg.ack, flow ? &flow->dir[!from] : NULL);
	dis_put(d, "tcp.win", 0, "%u", load_be16(b + 14));
	if (flags & 32)
		dis_put(d, "tcp.urg", 0, "%u", load_be16(b + 18));
	for (unsigned i = 0; i < opts.n && d->n < DIS_FIELDS; i++)
		d->f[d->n++] = opts.f[i];
	d->malformed |= opts.malformed;
	d->bad_sum |= opts.bad_sum;
	put_sack(d, &seen, flow ? &flow->dir[!from] : NULL);
	put_ts(d, &seen, flow ? &flow->dir[from] : NULL, flow ? &flow->dir[!from] : NULL);
	dis_data(d, in->p, rd_left(in), len - hdr_len);
}

static void dis_udp(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len,
		    struct flows *flows)
{
	const uint8_t *b = in->p;
	size_t udp_len;

	if (rd_left(in) < 8) {
		dis_bad(d, "UDP header truncated: %zu bytes", rd_left(in));
		return;
	}
	udp_len = load_be16(b + 4);
	put_ports(d, "udp.sport", "udp.dport", 17, b, flows);
	dis_put(d, "udp.len", DIS_QUIET, "%zu", udp_len);
	if (udp_len < 8 || udp_len > len) {
		if (!ip->quoted)
			dis_bad(d, "UDP length %zu, packet has %zu", udp_len, len);
		return;
	}
	if (!load_be16(b + 6)) {
		dis_put(d, "udp.sum", 0, "none");
		if (ip->addr_len == 16 && !ip->quoted)
			d->bad_sum = true;
	} else {
		dis_sum(d, "udp.sum", ip, b, MIN(rd_left(in), udp_len), 6, dis_pseudo(ip, udp_len));
	}
	rd_skip(in, 8);
	dis_data(d, in->p, MIN(rd_left(in), udp_len - 8), udp_len - 8);
}

void dis_l4(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len, struct flows *flows)
{
	switch (ip->proto) {
	case 6:
		dis_tcp(d, ip, in, len, flows);
		break;
	case 17:
		dis_udp(d, ip, in, len, flows);
		break;
	case 1:
		dis_icmp4(d, ip, in, len, flows);
		break;
	case 2:
		dis_igmp(d, ip, in, len);
		break;
	case 58:
		dis_icmp6(d, ip, in, len, flows);
		break;
	case 59:
		dis_put(d, "none.len", DIS_LAYER, "%zu", len);
		break;
	default:
		dis_put(d, "proto.number", DIS_LAYER, "%u", ip->proto);
		dis_data(d, in->p, rd_left(in), len);
		break;
	}
}
