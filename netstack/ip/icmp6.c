/* SPDX-License-Identifier: Apache-2.0 */
/* ICMPv6 (RFC 4443, RFC 8201); hands neighbour discovery and MLD on. */
#include <errno.h>
#include <netinet/in.h>

#include "ip/ip.h"
#include "wire/checksum.h"

/* RFC 4443 2.4 c: as much as fits into the minimum MTU. */
#define QUOTE_MAX (1280 - IP6_HDR_LEN - ICMP_HDR_LEN)

/* RFC 4443 2.4 e. */
static bool error_allowed(struct pkt *pkt, uint8_t type, uint8_t code)
{
	struct ip6_hdr_v hdr;
	struct rd in;
	/* Too big, and an option that asks for it, may answer multicast. */
	bool multi_ok = type == ICMP6_TOO_BIG || (type == ICMP6_PARAM && code == 2);

	if ((pkt->ip.multicast || pkt->ip.link_multi) && !multi_ok)
		return false;
	if (addr_is_any(&pkt->ip.src) || addr_is_multicast(&pkt->ip.src))
		return false;
	if (!pkt->l3_off || pkt->l3_off > pkt->off)
		return false;
	rd_init(&in, pkt->base + pkt->l3_off, pkt->off - pkt->l3_off + pkt->lin_len);
	if (ip6_parse(&hdr, &in) != DROP_NONE)
		return false;
	if (hdr.next == IPPROTO_ICMPV6) {
		uint8_t inner = rd_u8(&in);

		return !rd_failed(&in) && inner >= 128 && inner != ICMP6_REDIRECT;
	}
	return true;
}

void icmp6_error(struct ip *ip, struct pkt *pkt, uint8_t type, uint8_t code, uint32_t rest)
{
	struct icmp_hdr hdr = {.type = type, .code = code, .rest = rest};

	if (error_allowed(pkt, type, code))
		(void)icmp_error(ip, pkt, &hdr, QUOTE_MAX, 0);
}

static enum drop echo(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	const struct net_tunables *tun = &ip->core->tun;

	if (tun->icmp6_echo_ignore_all || (pkt->ip.multicast && tun->icmp6_echo_ignore_multicast))
		return DROP_SOCK_FILTER;
	return icmp_echo(ip, pkt, hdr, ICMP6_ECHO_REPLY_, pkt->ip.multicast ? NULL : &pkt->ip.dst);
}

/* Linux's icmpv6_err_convert. False: no error type. */
static bool classify(const struct icmp_hdr *hdr, struct ip_error *e)
{
	static const struct {
		int err;
		bool hard;
	} unreach[] = {
		{ENETUNREACH, false}, {EACCES, true}, {EHOSTUNREACH, false}, {EHOSTUNREACH, false},
		{ECONNREFUSED, true}, {EACCES, true}, {EACCES, true},
	};

	e->v6 = true;
	switch (hdr->type) {
	case ICMP6_UNREACH:
		e->err = EPROTO;
		if (hdr->code < ARRAY_LEN(unreach)) {
			e->err = unreach[hdr->code].err;
			e->hard = unreach[hdr->code].hard;
		}
		return true;
	case ICMP6_TOO_BIG:
		e->err = EMSGSIZE;
		return true;
	case ICMP6_TIME_EXCEEDED_:
		e->err = EHOSTUNREACH;
		return true;
	case ICMP6_PARAM:
		e->err = EPROTO;
		e->hard = true;
		return true;
	default:
		return false;
	}
}

/* Skips the extension headers that came back. False: the transport header is not in sight. */
static bool inner_transport(struct rd *in, uint8_t *next)
{
	for (int i = 0; i < IP6_EXT_MAX; i++) {
		if (*next == IP6_EXT_HOPOPTS || *next == IP6_EXT_DSTOPTS ||
		    *next == IP6_EXT_ROUTING) {
			*next = rd_u8(in);
			rd_skip(in, (rd_u8(in) + 1u) * 8 - 2);
		} else if (*next == IP6_EXT_FRAGMENT) {
			struct ip6_frag f;

			if (ip6_parse_frag(&f, in) != DROP_NONE || f.off)
				return false;
			*next = f.next;
		} else {
			break;
		}
		if (rd_failed(in))
			return false;
	}
	return !rd_failed(in) && rd_left(in) >= 8;
}

static enum drop error_in(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	struct ip_error e = {.type = hdr->type, .code = hdr->code, .link = pkt->ip.link};
	struct ip6_hdr_v inner;
	struct rd in;

	if (!classify(hdr, &e))
		return DROP_ICMP_TYPE;
	pkt_pull(pkt, ICMP_HDR_LEN);
	(void)pkt_pullup(pkt, MIN(pkt->len, 200u));
	pkt_rd(pkt, &in);
	if (ip6_parse(&inner, &in) != DROP_NONE)
		return DROP_ICMP_MALFORMED;
	e.proto = inner.next;
	if (!inner_transport(&in, &e.proto))
		return DROP_ICMP_MALFORMED;
	if (!ip_is_local(ip, &inner.src, NULL))
		return DROP_ICMP_NO_SOCKET;
	e.local = inner.src;
	e.remote = inner.dst;
	if (addr_needs_scope(&inner.dst))
		e.remote.scope = (uint32_t)pkt->ip.link;
	e.offender = pkt->ip.src;
	if (hdr->type == ICMP6_TOO_BIG) {
		e.mtu = hdr->rest;
		/* RFC 8201 4: below 1280 is invalid; above the packet that was sent, too. */
		if (e.mtu < 1280 || e.mtu >= inner.payload_len + IP6_HDR_LEN + 1u)
			return DROP_ICMP_MALFORMED;
	}
	pkt_pull(pkt, (size_t)(in.p - pkt_data(pkt)));
	e.payload = pkt_data(pkt);
	e.payload_len = pkt->lin_len;
	e.pkt = pkt;
	icmp_report(ip, &e);
	return DROP_NONE;
}

static bool sum_ok(const struct pkt *pkt)
{
	uint64_t sum = csum_pseudo(&pkt->ip.src, &pkt->ip.dst, IPPROTO_ICMPV6, pkt->len);

	return csum_fold(csum_join(sum, pkt_csum(pkt, 0, pkt->len))) == 0;
}

static enum drop handle(struct ip *ip, struct link *link, struct pkt **ppkt)
{
	struct pkt *pkt = *ppkt;
	struct icmp_hdr hdr;
	enum drop why;
	struct rd in;

	MIB_INC(ip->core, Icmp6_InMsgs);
	if (!pkt_pullup(pkt, ICMP_HDR_LEN))
		return DROP_ICMP_TRUNCATED;
	if (!pkt->offload.flags && !sum_ok(pkt)) {
		MIB_INC(ip->core, Icmp6_InCsumErrors);
		return DROP_ICMP_CHECKSUM;
	}
	pkt_rd(pkt, &in);
	why = icmp_parse(&hdr, &in);
	if (why != DROP_NONE)
		return why;
	switch (hdr.type) {
	case ICMP6_ECHO:
		return echo(ip, pkt, &hdr);
	case ICMP6_ECHO_REPLY_:
		if (ip->ping_input && ip->ping_input(ip->raw_ctx, pkt))
			return DROP_NONE;
		return DROP_ICMP_NO_SOCKET;
	case ICMP6_MLD_QUERY:
	case ICMP6_MLD_REPORT:
	case ICMP6_MLD_DONE:
		*ppkt = NULL;
		mld_input(ip, link, pkt, &hdr);
		return DROP_NONE;
	case ICMP6_RS:
	case ICMP6_RA:
	case ICMP6_NS:
	case ICMP6_NA:
	case ICMP6_REDIRECT:
		*ppkt = NULL;
		ndp_input(ip, link, pkt, &hdr);
		return DROP_NONE;
	default:
		return error_in(ip, pkt, &hdr);
	}
}

void icmp6_input(void *ctx, struct pkt *pkt)
{
	struct ip *ip = ctx;
	struct link *link = link_find(ip->links, pkt->ip.link);
	enum drop why = link ? handle(ip, link, &pkt) : DROP_LINK_DOWN;

	if (!pkt) /* given on */
		return;
	if (why != DROP_NONE && why != DROP_ICMP_NO_SOCKET)
		MIB_INC(ip->core, Icmp6_InErrors);
	core_drop(ip->core, pkt, why);
}
