/* SPDX-License-Identifier: Apache-2.0 */
/* Packet lines: outer headers, IP, UDP, ICMP. TCP is in parse_tcp.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "nsdrill/parse_priv.h"

#define GRE_CHECKSUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQ 0x1000

/* Our extension for fragments: frag ID:SIZE@OFFSET, then + if more follow. */
static int parse_frag(struct parser *ps, struct ip_info *ip)
{
	int64_t id, size, off;
	int r = parser_advance(ps);

	if (r == 0)
		r = parser_number(ps, 0, UINT32_MAX, "fragment identification", &id);
	if (r == 0)
		r = parser_char(ps, ':');
	if (r == 0)
		r = parser_number(ps, 0, 65535, "fragment size", &size);
	if (r == 0)
		r = parser_char(ps, '@');
	if (r == 0)
		r = parser_number(ps, 0, 65528, "fragment offset", &off);
	if (r < 0)
		return r;
	if (off % 8)
		return diag_set(ps->lx.diag, ps->tok.at, "fragment offset is not a multiple of 8");
	ip->is_frag = true;
	ip->frag_id = (uint32_t)id;
	ip->frag_size = (uint16_t)size;
	ip->frag_off = (uint16_t)off;
	if (parser_is_char(ps, '+')) {
		ip->frag_more = true;
		r = parser_advance(ps);
	}
	return r;
}

static int parse_ip_item(struct parser *ps, struct ip_info *ip)
{
	static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};
	int64_t value;
	int r;

	for (unsigned i = 0; i < 4; i++) {
		if (parser_is_word(ps, ecn[i])) {
			ip->tos_check = TOS_ECN;
			ip->tos = (uint8_t)i;
			return parser_advance(ps);
		}
	}
	if (parser_is_word(ps, "ect01")) {
		ip->tos_check = TOS_ECT01;
		return parser_advance(ps);
	}
	if (parser_is_word(ps, "tos")) {
		r = parser_advance(ps);
		if (r == 0)
			r = parser_number(ps, 0, 255, "TOS", &value);
		if (r == 0) {
			ip->tos_check = TOS_BYTE;
			ip->tos = (uint8_t)value;
		}
		return r;
	}
	if (parser_is_word(ps, "flowlabel")) {
		r = parser_advance(ps);
		if (r == 0)
			r = parser_number(ps, 0, 0xfffff, "flow label", &value);
		if (r == 0)
			ip->flow_label = (uint32_t)value;
		return r;
	}
	if (parser_is_word(ps, "ttl")) {
		r = parser_advance(ps);
		if (r == 0)
			r = parser_number(ps, 0, 255, "TTL", &value);
		if (r == 0)
			ip->ttl = (uint8_t)value;
		return r;
	}
	if (parser_is_word(ps, "frag"))
		return parse_frag(ps, ip);
	return parser_unexpected(ps, "tos, an ECN codepoint, ttl, flowlabel or frag");
}

/* [ect0,flowlabel 0x1] or with round brackets; may be absent. */
static int parse_ip_info(struct parser *ps, struct ip_info *ip)
{
	char close = parser_is_char(ps, '[') ? ']' : parser_is_char(ps, '(') ? ')' : 0;

	if (!close)
		return 0;
	do {
		int r = parser_advance(ps);

		if (r == 0)
			r = parse_ip_item(ps, ip);
		if (r < 0)
			return r;
	} while (parser_is_char(ps, ','));
	return parser_char(ps, close);
}

static int parse_outer_ip(struct parser *ps, struct encap *e)
{
	bool v4 = e->kind == ENCAP_IPV4;
	enum token_kind kind = v4 ? TOK_IPV4 : TOK_IPV6;
	int r = parse_ip_info(ps, &e->ip);

	for (int i = 0; i < 2 && r == 0; i++) {
		if (ps->tok.kind != kind ||
		    inet_pton(v4 ? AF_INET : AF_INET6, ps->tok.text, i ? e->dst : e->src) != 1)
			return parser_unexpected(ps, v4 ? "an IPv4 address" : "an IPv6 address");
		r = parser_advance(ps);
		if (r == 0)
			r = parser_char(ps, i ? ':' : '>');
	}
	return r;
}

static int parse_gre_flags(struct parser *ps, struct encap *e)
{
	int64_t value;
	int r = parser_word(ps, "flags");

	if (r == 0 && !parser_is_char(ps, '[')) {
		r = parser_number(ps, 0, 65535, "GRE flags", &value);
		if (r == 0)
			e->gre_flags = (uint16_t)value;
		return r;
	}
	do {
		r = parser_advance(ps);
		if (r < 0)
			return r;
		if (parser_is_word(ps, "none")) {
			r = parser_advance(ps);
		} else {
			e->gre_flags |= parser_is_word(ps, "checksum")	 ? GRE_CHECKSUM
					: parser_is_word(ps, "key")	 ? GRE_KEY
					: parser_is_word(ps, "sequence") ? GRE_SEQ
									 : 0;
			if (ps->tok.kind != TOK_WORD)
				return parser_unexpected(ps, "a GRE flag");
			r = parser_advance(ps);
			if (r == 0)
				r = parser_word(ps, "present");
		}
		if (r < 0)
			return r;
	} while (parser_is_char(ps, ','));
	return parser_char(ps, ']');
}

static int skip_char(struct parser *ps, char c)
{
	return parser_is_char(ps, c) ? parser_advance(ps) : 0;
}

static int parse_gre(struct parser *ps, struct encap *e)
{
	static const char *const names[] = {"sum", "off", "key", "seq"};
	int64_t values[4] = {0};
	int r = skip_char(ps, ',');

	if (r < 0 || parser_is_char(ps, ':'))
		return r < 0 ? r : parser_advance(ps);
	r = parse_gre_flags(ps, e);
	for (int i = 0; i < 4 && r == 0; i++) {
		r = skip_char(ps, ',');
		if (r == 0)
			r = parser_word(ps, names[i]);
		if (r == 0)
			r = skip_char(ps, '=');
		if (r == 0)
			r = parser_number(ps, 0, i < 2 ? 65535 : UINT32_MAX, names[i], &values[i]);
	}
	e->gre_sum = (uint16_t)values[0];
	e->gre_off = (uint16_t)values[1];
	e->gre_key = (uint32_t)values[2];
	e->gre_seq = (uint32_t)values[3];
	return r < 0 ? r : parser_char(ps, ':');
}

/* (label 1, tc 2, [S], ttl 3) */
static int parse_mpls_entry(struct parser *ps, uint32_t *ret)
{
	int64_t label, tc, ttl;
	bool bottom = false;
	int r = parser_char(ps, '(');

	if (r == 0)
		r = parser_word(ps, "label");
	if (r == 0)
		r = parser_number(ps, 0, 0xfffff, "MPLS label", &label);
	if (r == 0)
		r = parser_char(ps, ',');
	if (r == 0)
		r = parser_word(ps, "tc");
	if (r == 0)
		r = parser_number(ps, 0, 7, "MPLS traffic class", &tc);
	if (r == 0)
		r = parser_char(ps, ',');
	if (r == 0 && parser_is_char(ps, '[')) {
		bottom = true;
		r = parser_advance(ps);
		if (r == 0)
			r = parser_word(ps, "S");
		if (r == 0)
			r = parser_char(ps, ']');
		if (r == 0)
			r = parser_char(ps, ',');
	}
	if (r == 0)
		r = parser_word(ps, "ttl");
	if (r == 0)
		r = parser_number(ps, 0, 255, "MPLS TTL", &ttl);
	if (r < 0)
		return r;
	*ret = (uint32_t)(label << 12 | tc << 9 | (bottom ? 0x100 : 0) | ttl);
	return parser_char(ps, ')');
}

static int parse_mpls(struct parser *ps, struct encap *e)
{
	int r = 0;

	while (r == 0 && !parser_is_char(ps, ':')) {
		if (e->nmpls == PACKET_MPLS_MAX)
			return diag_set(ps->lx.diag, ps->tok.at, "too many MPLS labels");
		r = parse_mpls_entry(ps, &e->mpls[e->nmpls++]);
	}
	return r < 0 ? r : parser_char(ps, ':');
}

static int parse_encaps(struct parser *ps, struct packet *p)
{
	static const char *const names[] = {"ipv4", "ipv6", "gre", "mpls"};

	for (;;) {
		int kind = -1;

		for (int i = 0; i < 4; i++)
			kind = parser_is_word(ps, names[i]) ? i : kind;
		if (parser_is_word(ps, "GREv0"))
			kind = ENCAP_GRE;
		if (kind < 0)
			return 0;
		if (p->nencap == PACKET_ENCAP_MAX)
			return diag_set(ps->lx.diag, ps->tok.at, "too many outer headers");

		struct encap *e = &p->encap[p->nencap++];
		int r = parser_advance(ps);

		e->kind = (enum encap_kind)kind;
		if (r == 0)
			r = kind == ENCAP_GRE	 ? parse_gre(ps, e)
			    : kind == ENCAP_MPLS ? parse_mpls(ps, e)
						 : parse_outer_ip(ps, e);
		if (r < 0)
			return r;
	}
}

/* 1 > 2, if it is there. */
static int parse_ports(struct parser *ps, struct packet *p)
{
	int64_t sport, dport;

	if (ps->tok.kind != TOK_INT)
		return 0;

	int r = parser_number(ps, 0, 65535, "port", &sport);

	if (r == 0)
		r = parser_char(ps, '>');
	if (r == 0)
		r = parser_number(ps, 0, 65535, "port", &dport);
	if (r < 0)
		return r;
	p->sport = (uint16_t)sport;
	p->dport = (uint16_t)dport;
	return 0;
}

static int parse_length(struct parser *ps, uint32_t *ret)
{
	int64_t len;
	int r = parser_char(ps, '(');

	if (r == 0)
		r = parser_number(ps, 0, 65535 - 28, "payload size", &len);
	if (r < 0)
		return r;
	*ret = (uint32_t)len;
	return parser_char(ps, ')');
}

static int parse_echoed(struct parser *ps, struct packet *p)
{
	uint32_t len = 0;
	int r;

	if (!parser_is_char(ps, '[')) {
		/* An error without a description still quotes; an echo has no quotation. */
		p->echoed_protocol = IPPROTO_TCP;
		p->echoed_implied = true;
		return 0;
	}
	r = parser_advance(ps);
	if (r < 0)
		return r;
	if (parser_is_word(ps, "udp") || parser_is_word(ps, "raw")) {
		p->echoed_protocol = parser_is_word(ps, "udp") ? IPPROTO_UDP : IPPROTO_RAW;
		r = parser_advance(ps);
		if (r == 0)
			r = parse_length(ps, &len);
	} else {
		p->echoed_protocol = IPPROTO_TCP;
		r = parse_seq(ps, &p->echoed_seq, &len);
	}
	if (r < 0)
		return r;
	p->echoed_len = (uint16_t)len;
	return parser_char(ps, ']');
}

static int parse_icmp(struct parser *ps, struct packet *p)
{
	int64_t value;
	int r = parser_advance(ps);

	p->protocol = IPPROTO_ICMP;
	if (r < 0)
		return r;
	if (ps->tok.kind != TOK_WORD)
		return parser_unexpected(ps, "an ICMP type");
	p->icmp_type_name = ps->tok.text;
	r = parser_advance(ps);
	if (r == 0 && ps->tok.kind == TOK_WORD && !parser_is_word(ps, "mtu") &&
	    !parser_is_word(ps, "id")) {
		p->icmp_code_name = ps->tok.text;
		r = parser_advance(ps);
	}
	if (r == 0 && parser_is_word(ps, "mtu")) {
		r = parser_advance(ps);
		if (r == 0)
			r = parser_number(ps, 0, INT32_MAX, "MTU", &value);
		if (r == 0)
			p->icmp_mtu = (int32_t)value;
	}
	if (r == 0 && parser_is_word(ps, "id")) {
		r = parser_advance(ps);
		if (r == 0)
			r = parser_number(ps, 0, 65535, "identifier", &value);
		if (r == 0)
			p->icmp_id = (uint16_t)value;
	}
	return r < 0 ? r : parse_echoed(ps, p);
}

int parse_packet(struct parser *ps, struct packet **ret)
{
	struct packet *p = arena_alloc(ps->arena, sizeof(*p));

	p->outbound = parser_is_char(ps, '>');
	p->window = -1;
	p->icmp_mtu = -1;
	p->protocol = IPPROTO_TCP;
	*ret = p;

	int r = parser_advance(ps);

	if (r == 0)
		r = parse_encaps(ps, p);
	if (r == 0)
		r = parse_ip_info(ps, &p->ip);
	if (r < 0)
		return r;
	if (!p->outbound && p->ip.tos_check == TOS_ECT01)
		return diag_set(ps->lx.diag, ps->tok.at, "[ect01] is only for outbound packets");
	if (parser_is_word(ps, "encap"))
		return diag_set(ps->lx.diag, ps->tok.at,
				"PSP encapsulation is not supported: it needs a device with keys");
	if (parser_is_word(ps, "icmp"))
		return parse_icmp(ps, p);
	if (parser_is_word(ps, "udp")) {
		p->protocol = IPPROTO_UDP;
		r = parser_advance(ps);
		if (r == 0)
			r = parse_ports(ps, p);
		return r < 0 ? r : parse_length(ps, &p->payload_len);
	}
	r = parse_ports(ps, p);
	return r < 0 ? r : parse_tcp(ps, p);
}
