/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to refused packets, and what the log says of a packet. */
#include <netinet/in.h>

#include "nf/nft.h"
#include "wire/checksum.h"
#include "wire/wire.h"

/* RFC 9293 3.10.7.1: the reset to a segment for no connection. */
static void send_reset(struct nf_pkt *p)
{
	struct net_addr src = nf_pkt_dst(p), dst = nf_pkt_src(p);
	uint8_t in[20], *out;
	struct ip_path path;
	uint32_t payload;
	struct pkt *pkt;

	if (p->proto != IPPROTO_TCP || !p->has_th || !nf_pkt_load(p, p->th_off, in, sizeof(in)) ||
	    (in[13] & 0x04))
		return;
	if (ip_path_init(p->nf->ip, &path, &dst, NULL, 0) < 0)
		return;
	path.src = src;
	pkt = pkt_new(&p->nf->core->pool, PKT_HEADROOM);
	out = pkt ? pkt_put(pkt, 20) : NULL;
	if (!out) {
		(void)pkt_free(pkt);
		return;
	}
	memset(out, 0, 20);
	memcpy(out, in + 2, 2);
	memcpy(out + 2, in, 2);
	out[12] = 5 << 4;
	if (in[13] & 0x10) {
		memcpy(out + 4, in + 8, 4);
		out[13] = 0x04;
	} else {
		uint32_t seq = (uint32_t)wire_get16(in + 4) << 16 | wire_get16(in + 6);

		payload = p->pkt->len - p->th_off - 4u * (in[12] >> 4);
		seq += payload + (in[13] & 0x02 ? 1 : 0) + (in[13] & 0x01 ? 1 : 0);
		wire_put16(out + 8, (uint16_t)(seq >> 16));
		wire_put16(out + 10, (uint16_t)seq);
		out[13] = 0x14;
	}
	wire_put16(out + 16, csum_fold(csum_join(csum_pseudo(&src, &dst, IPPROTO_TCP, 20),
						 pkt_csum(pkt, 0, 20))));
	(void)ip_output(p->nf->ip, &path, pkt, IPPROTO_TCP);
}

/* A copy that looks as if it had been received: our own refused packets are answered to ourselves. */
static void send_icmp(struct nf_pkt *p, uint8_t type, uint8_t code)
{
	struct pkt *copy = pkt_clone(p->pkt);

	if (!copy)
		return;
	copy->l3_off = copy->off;
	copy->ip.src = nf_pkt_src(p);
	copy->ip.dst = nf_pkt_dst(p);
	copy->ip.proto = p->proto;
	copy->ip.hdr_len = p->th_off;
	if (p->in)
		copy->ip.link = p->in->id;
	else if (p->out)
		copy->ip.link = p->out->id;
	if (p->family == AF_INET)
		icmp4_error(p->nf->ip, copy, type, code, 0);
	else
		icmp6_error(p->nf->ip, copy, type, code, 0);
	(void)pkt_free(copy);
}

void nf_reject(struct nf_pkt *p, bool reset, uint8_t icmp_type, uint8_t icmp_code)
{
	if (reset)
		send_reset(p);
	else if (p->frag_off == 0)
		send_icmp(p, icmp_type, icmp_code);
}

/* --- log ---------------------------------------------------------------------------------------------------- */

struct line {
	char *at, *end;
};

static void text(struct line *l, const char *s)
{
	while (*s && l->at < l->end - 1)
		*l->at++ = *s++;
	*l->at = '\0';
}

static void number(struct line *l, uint32_t v)
{
	char digits[11], *d = digits + sizeof(digits) - 1;

	*d = '\0';
	do {
		*--d = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	text(l, d);
}

static void hex16(struct line *l, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";
	char s[5] = { digits[v >> 12], digits[v >> 8 & 15], digits[v >> 4 & 15], digits[v & 15], '\0' };

	text(l, s);
}

static void address(struct line *l, const struct net_addr *a)
{
	if (a->family == AF_INET) {
		for (int i = 0; i < 4; i++) {
			text(l, i ? "." : "");
			number(l, a->v4[i]);
		}
		return;
	}
	for (int i = 0; i < 16; i += 2) {
		text(l, i ? ":" : "");
		hex16(l, wire_get16(a->v6 + i));
	}
}

static void ports(struct line *l, const struct nf_pkt *p)
{
	uint8_t b[4];

	if (!p->has_th || !nf_pkt_load(p, p->th_off, b, 4))
		return;
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_UDPLITE) {
		text(l, " SPT=");
		number(l, wire_get16(b));
		text(l, " DPT=");
		number(l, wire_get16(b + 2));
	} else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		text(l, " TYPE=");
		number(l, b[0]);
		text(l, " CODE=");
		number(l, b[1]);
	}
}

void nf_log_format(char *to, size_t size, const struct nf_pkt *p, const char *prefix,
		   const struct net_addr *src, const struct net_addr *dst)
{
	struct line l = { to, to + size };

	text(&l, prefix);
	text(&l, "IN=");
	text(&l, p->in ? p->in->name : "");
	text(&l, " OUT=");
	text(&l, p->out ? p->out->name : "");
	text(&l, " SRC=");
	address(&l, src);
	text(&l, " DST=");
	address(&l, dst);
	text(&l, " LEN=");
	number(&l, p->pkt->len);
	text(&l, " PROTO=");
	text(&l, p->proto == IPPROTO_TCP      ? "TCP"
		 : p->proto == IPPROTO_UDP    ? "UDP"
		 : p->proto == IPPROTO_ICMP   ? "ICMP"
		 : p->proto == IPPROTO_ICMPV6 ? "ICMPv6"
					     : "");
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP && p->proto != IPPROTO_ICMP &&
	    p->proto != IPPROTO_ICMPV6)
		number(&l, p->proto);
	ports(&l, p);
}
