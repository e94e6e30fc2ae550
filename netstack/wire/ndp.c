/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbour discovery messages (RFC 4861 4). */
#include "wire/wire.h"

#include <sys/socket.h>

enum {
	OPT_SLLA = 1,
	OPT_TLLA = 2,
	OPT_PREFIX = 3,
	OPT_MTU = 5,
	OPT_NONCE = 14,
	OPT_ROUTE = 24,
	OPT_RDNSS = 25,
	OPT_DNSSL = 31,
};

enum drop ndp_parse_target(struct net_addr *ret, struct rd *in)
{
	*ret = (struct net_addr){.family = AF_INET6};
	rd_copy(in, ret->v6, 16);
	return rd_failed(in) ? DROP_NDP_MALFORMED : DROP_NONE;
}

enum drop ndp_parse_ra(struct ndp_ra *ret, uint32_t rest, struct rd *in)
{
	ret->hop_limit = (uint8_t)(rest >> 24);
	ret->managed = rest & 0x800000;
	ret->other = rest & 0x400000;
	ret->pref = (uint8_t)(rest >> 19 & 3);
	if (ret->pref == 2) /* RFC 4191 2.2: reserved, read as medium */
		ret->pref = 0;
	ret->lifetime_s = (uint16_t)rest;
	ret->reachable_ms = rd_be32(in);
	ret->retrans_ms = rd_be32(in);
	return rd_failed(in) ? DROP_NDP_MALFORMED : DROP_NONE;
}

static void parse_prefix(struct ndp_opts *ret, struct rd *body)
{
	struct ndp_prefix p = {.prefix.family = AF_INET6};

	p.len = rd_u8(body);

	uint8_t flags = rd_u8(body);

	p.on_link = flags & 0x80;
	p.autonomous = flags & 0x40;
	p.valid_s = rd_be32(body);
	p.preferred_s = rd_be32(body);
	rd_skip(body, 4);
	rd_copy(body, p.prefix.v6, 16);
	if (!rd_failed(body) && p.len <= 128 && ret->nprefix < NDP_PREFIX_MAX)
		ret->prefix[ret->nprefix++] = p;
}

/* RFC 4191 2.3: the prefix has as many bytes as its length needs, or more. */
static void parse_route(struct ndp_opts *ret, struct rd *body, uint8_t units)
{
	struct ndp_route r = {.prefix.family = AF_INET6};
	uint8_t flags;

	r.len = rd_u8(body);
	flags = rd_u8(body);
	r.pref = flags >> 3 & 3;
	r.lifetime_s = rd_be32(body);
	if (units > 3 || r.len > 128 || r.len > (units - 1) * 64 || r.pref == 2)
		return;
	rd_copy(body, r.prefix.v6, (units - 1u) * 8);
	if (!rd_failed(body) && ret->nroute < NDP_ROUTE_MAX)
		ret->route[ret->nroute++] = r;
}

static void parse_rdnss(struct ndp_opts *ret, struct rd *body)
{
	rd_skip(body, 2);
	ret->server_lifetime_s = rd_be32(body);
	while (rd_left(body) >= 16 && ret->nserver < NDP_RDNSS_MAX) {
		struct net_addr *a = &ret->server[ret->nserver++];

		a->family = AF_INET6;
		rd_copy(body, a->v6, 16);
	}
}

/* RFC 8106 5.2: labels, each name ended by a zero, padding of zeros. Only what a host name may hold. */
static void parse_dnssl(struct ndp_opts *ret, struct rd *body)
{
	size_t used = 0;
	bool in_name = false;

	rd_skip(body, 2);
	ret->search_lifetime_s = rd_be32(body);
	while (rd_left(body)) {
		uint8_t n = rd_u8(body);

		if (!n) {
			in_name = false;
			continue;
		}
		if (n > 63 || n > rd_left(body) || used + n + 2 > sizeof(ret->search))
			return;
		if (used)
			ret->search[used++] = in_name ? '.' : ' ';
		for (; n; n--) {
			uint8_t c = rd_u8(body);
			bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
				  (c >= 'A' && c <= 'Z') || c == '-' || c == '_';

			ret->search[used++] = ok ? (char)c : '?';
		}
		in_name = true;
	}
	ret->has_search = used > 0;
}

enum drop ndp_parse_opts(struct ndp_opts *ret, struct rd *in)
{
	*ret = (struct ndp_opts){0};
	while (rd_left(in)) {
		uint8_t type = rd_u8(in);
		uint8_t units = rd_u8(in);

		/* RFC 4861 4.6: a zero length discards the packet. */
		if (rd_failed(in) || !units)
			return DROP_NDP_MALFORMED;

		struct rd body = rd_sub(in, units * 8u - 2);

		if (rd_failed(in))
			return DROP_NDP_MALFORMED;
		switch (type) {
		case OPT_SLLA:
			ret->has_slla = units == 1;
			rd_copy(&body, ret->slla, 6);
			break;
		case OPT_TLLA:
			ret->has_tlla = units == 1;
			rd_copy(&body, ret->tlla, 6);
			break;
		case OPT_PREFIX:
			if (units == 4)
				parse_prefix(ret, &body);
			break;
		case OPT_MTU:
			rd_skip(&body, 2);
			ret->mtu = rd_be32(&body);
			ret->has_mtu = units == 1;
			break;
		case OPT_NONCE:
			ret->has_nonce = units == 1;
			rd_copy(&body, ret->nonce, NDP_NONCE_LEN);
			break;
		case OPT_ROUTE:
			parse_route(ret, &body, units);
			break;
		case OPT_RDNSS:
			parse_rdnss(ret, &body);
			break;
		case OPT_DNSSL:
			parse_dnssl(ret, &body);
			break;
		default:
			break;
		}
	}
	return DROP_NONE;
}

void ndp_emit(struct wr *out, uint8_t type, uint32_t rest, const struct net_addr *target,
	      uint8_t opt, const uint8_t *lla)
{
	icmp_emit(out, &(struct icmp_hdr){.type = type, .rest = rest});
	if (target)
		wr_bytes(out, target->v6, 16);
	if (lla) {
		wr_u8(out, opt);
		wr_u8(out, 1);
		wr_bytes(out, lla, 6);
	}
}

void ndp_emit_nonce(struct wr *out, const uint8_t nonce[NDP_NONCE_LEN])
{
	wr_u8(out, OPT_NONCE);
	wr_u8(out, 1);
	wr_bytes(out, nonce, NDP_NONCE_LEN);
}

void ndp_emit_redirect(struct wr *out, const struct net_addr *target, const struct net_addr *dst,
		       const uint8_t *lla)
{
	icmp_emit(out, &(struct icmp_hdr){.type = ICMP6_REDIRECT});
	wr_bytes(out, target->v6, 16);
	wr_bytes(out, dst->v6, 16);
	if (lla) {
		wr_u8(out, OPT_TLLA);
		wr_u8(out, 1);
		wr_bytes(out, lla, 6);
	}
}
