/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP for IPv4 (RFC 792, RFC 1122 3.2.2, RFC 1191). */
#include <errno.h>
#include <netinet/in.h>

#include "ip/ip.h"
#include "wire/checksum.h"

/* RFC 1812 4.3.2.3: as much as fits into 576 bytes. */
#define QUOTE_MAX (576 - IP4_HDR_LEN - ICMP_HDR_LEN)

/* Whether an error about @pkt may be sent at all (RFC 1122 3.2.2). */
static bool error_allowed(struct ip *ip, struct pkt *pkt)
{
	const uint8_t *l3 = pkt->base + pkt->l3_off;
	struct ip4_hdr hdr;
	struct rd in;

	if (pkt->ip.multicast || pkt->ip.broadcast || pkt->ip.link_multi)
		return false;
	if (addr_is_any(&pkt->ip.src) || addr_is_multicast(&pkt->ip.src) ||
	    ip_local_type(ip, &pkt->ip.src, NULL) == IP_LOCAL_BROADCAST)
		return false;
	if (!pkt->l3_off || pkt->l3_off > pkt->off)
		return false;
	rd_init(&in, l3, pkt->off - pkt->l3_off + pkt->lin_len);
	if (ip4_parse(&hdr, &in) != DROP_NONE || hdr.frag_off)
		return false;
	if (hdr.proto == IPPROTO_ICMP) {
		rd_skip(&in, hdr.hdr_len - IP4_HDR_LEN);

		uint8_t type = rd_u8(&in);

		/* Never about an error. */
		return !rd_failed(&in) &&
		       (type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY || type == ICMP4_TIMESTAMP ||
			type == ICMP4_TIMESTAMP_REPLY);
	}
	return true;
}

static void count_out(struct ip *ip, uint8_t type)
{
	switch (type) {
	case ICMP4_UNREACH:
		MIB_INC(ip->core, Icmp_OutDestUnreachs);
		break;
	case ICMP4_TIME_EXCEEDED:
		MIB_INC(ip->core, Icmp_OutTimeExcds);
		break;
	case ICMP4_PARAM:
		MIB_INC(ip->core, Icmp_OutParmProbs);
		break;
	case ICMP4_REDIRECT:
		MIB_INC(ip->core, Icmp_OutRedirects);
		break;
	default:
		break;
	}
}

void icmp4_error(struct ip *ip, struct pkt *pkt, uint8_t type, uint8_t code, uint32_t rest)
{
	struct icmp_hdr hdr = {.type = type, .code = code, .rest = rest};

	/* RFC 1812 4.3.2.5: precedence of errors. */
	if (error_allowed(ip, pkt) && icmp_error(ip, pkt, &hdr, QUOTE_MAX, 0xc0))
		count_out(ip, type);
}

static enum drop echo(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	const struct net_addr *src = &pkt->ip.dst;

	MIB_INC(ip->core, Icmp_InEchos);
	if (ip->core->tun.icmp_echo_ignore_all)
		return DROP_SOCK_FILTER;
	if (pkt->ip.multicast || pkt->ip.broadcast) {
		if (ip->core->tun.icmp_echo_ignore_broadcasts)
			return DROP_ICMP_BROADCAST_ECHO;
		src = NULL;
	}
	MIB_INC(ip->core, Icmp_OutEchoReps);
	return icmp_echo(ip, pkt, hdr, ICMP4_ECHO_REPLY, src);
}

/* RFC 1122 3.2.2.8 (optional): originate, receive and transmit times. */
static enum drop timestamp(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	struct icmp_hdr reply = *hdr;
	net_time wall = ip->core->now + ip->core->wall_offset;
	uint32_t ms = (uint32_t)(wall / NET_MS(1) % 86400000);
	uint8_t body[12];
	struct ip_path path;
	struct pkt *out;
	struct wr wr;

	MIB_INC(ip->core, Icmp_InTimestamps);
	if (pkt->ip.multicast || pkt->ip.broadcast)
		return DROP_ICMP_BROADCAST_ECHO;
	if (pkt_read(pkt, ICMP_HDR_LEN, body, 4) < 4)
		return DROP_ICMP_TRUNCATED;
	if (icmp_answer_path(ip, &path, pkt, &pkt->ip.dst) < 0)
		return DROP_IP_NO_ROUTE;
	out = pkt_new(&ip->core->pool, PKT_HEADROOM);
	if (!out)
		return DROP_NO_MEMORY;
	wr_init(&wr, body + 4, 8);
	wr_be32(&wr, ms);
	wr_be32(&wr, ms);
	memcpy(pkt_put(out, sizeof(body)), body, sizeof(body));
	reply.type = ICMP4_TIMESTAMP_REPLY;
	MIB_INC(ip->core, Icmp_OutTimestampReps);
	icmp_send(ip, out, &reply, &path);
	return DROP_NONE;
}

/* Linux's icmp_err_convert. */
static void unreach_errno(uint8_t code, int *err, bool *hard)
{
	static const struct {
		int err;
		bool hard;
	} table[] = {
		{ENETUNREACH, false},  {EHOSTUNREACH, false}, {ENOPROTOOPT, true},
		{ECONNREFUSED, true},  {EMSGSIZE, false},     {EOPNOTSUPP, false},
		{ENETUNREACH, true},   {EHOSTDOWN, true},     {ENONET, true},
		{ENETUNREACH, true},   {EHOSTUNREACH, true},  {ENETUNREACH, false},
		{EHOSTUNREACH, false}, {EHOSTUNREACH, true},  {EHOSTUNREACH, true},
		{EHOSTUNREACH, true},
	};

	if (code < ARRAY_LEN(table)) {
		*err = table[code].err;
		*hard = table[code].hard;
	} else {
		*err = EHOSTUNREACH;
		*hard = true;
	}
}

/* RFC 1191 5: routers that do not say. The next plateau below the packet's length. */
static uint32_t plateau(uint32_t len)
{
	static const uint16_t steps[] = {32000, 17914, 8166, 4352, 2002, 1492, 576, 296, 216, 128};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i] < len)
			return steps[i];
	return 68;
}

/* Fills err and code; false: this type is no error. */
static bool classify(const struct icmp_hdr *hdr, struct ip_error *e)
{
	switch (hdr->type) {
	case ICMP4_UNREACH:
		unreach_errno(hdr->code, &e->err, &e->hard);
		return true;
	case ICMP4_TIME_EXCEEDED:
		e->err = EHOSTUNREACH;
		return true;
	case ICMP4_PARAM:
		e->err = EPROTO;
		e->hard = true;
		return true;
	case ICMP4_REDIRECT:
		return true;
	case ICMP4_QUENCH: /* RFC 6633: ignored */
	default:
		return false;
	}
}

static enum drop error_in(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	struct ip_error e = {.type = hdr->type, .code = hdr->code, .link = pkt->ip.link};
	struct ip4_hdr inner;
	struct rd in;

	if (!classify(hdr, &e))
		return DROP_ICMP_TYPE;
	pkt_pull(pkt, ICMP_HDR_LEN);
	(void)pkt_pullup(pkt, MIN(pkt->len, 160u));
	pkt_rd(pkt, &in);
	if (ip4_parse(&inner, &in) != DROP_NONE || pkt->lin_len < inner.hdr_len + 8u)
		return DROP_ICMP_MALFORMED;
	if (hdr->type == ICMP4_REDIRECT) {
		struct link *link = link_find(ip->links, pkt->ip.link);
		struct net_addr target = addr4(hdr->rest);

		if (!ip_is_local(ip, &inner.src, NULL))
			return DROP_ICMP_REDIRECT;
		return link ? redirect_input4(ip, link, &pkt->ip.src, &inner.dst, &target) : DROP_LINK_DOWN;
	}
	/* Not ours, or a fragment without a transport header. */
	if (inner.frag_off || !ip_is_local(ip, &inner.src, NULL))
		return DROP_ICMP_NO_SOCKET;
	e.local = inner.src;
	e.remote = inner.dst;
	e.offender = pkt->ip.src;
	e.proto = inner.proto;
	if (hdr->type == ICMP4_UNREACH && hdr->code == ICMP4_FRAG_NEEDED) {
		e.mtu = hdr->rest & 0xffff;
		if (e.mtu < 68)
			e.mtu = plateau(inner.total_len);
		/* An MTU that the packet fitted into is nonsense (or an attack). */
		if (e.mtu >= inner.total_len || ip->core->tun.ip_no_pmtu_disc)
			return DROP_ICMP_MALFORMED;
	}
	pkt_pull(pkt, inner.hdr_len);
	e.payload = pkt_data(pkt);
	e.payload_len = pkt->lin_len;
	e.pkt = pkt;
	icmp_report(ip, &e);
	return DROP_NONE;
}

static void count_in(struct ip *ip, uint8_t type)
{
	switch (type) {
	case ICMP4_UNREACH:
		MIB_INC(ip->core, Icmp_InDestUnreachs);
		break;
	case ICMP4_TIME_EXCEEDED:
		MIB_INC(ip->core, Icmp_InTimeExcds);
		break;
	case ICMP4_PARAM:
		MIB_INC(ip->core, Icmp_InParmProbs);
		break;
	case ICMP4_QUENCH:
		MIB_INC(ip->core, Icmp_InSrcQuenchs);
		break;
	case ICMP4_REDIRECT:
		MIB_INC(ip->core, Icmp_InRedirects);
		break;
	case ICMP4_ECHO_REPLY:
		MIB_INC(ip->core, Icmp_InEchoReps);
		break;
	default:
		break;
	}
}

static enum drop handle(struct ip *ip, struct pkt *pkt)
{
	struct icmp_hdr hdr;
	enum drop why;
	struct rd in;

	MIB_INC(ip->core, Icmp_InMsgs);
	if (!pkt_pullup(pkt, ICMP_HDR_LEN))
		return DROP_ICMP_TRUNCATED;
	if (!pkt->offload.flags && csum_fold(pkt_csum(pkt, 0, pkt->len))) {
		MIB_INC(ip->core, Icmp_InCsumErrors);
		return DROP_ICMP_CHECKSUM;
	}
	pkt_rd(pkt, &in);
	why = icmp_parse(&hdr, &in);
	if (why != DROP_NONE)
		return why;
	count_in(ip, hdr.type);
	switch (hdr.type) {
	case ICMP4_ECHO:
		return echo(ip, pkt, &hdr);
	case ICMP4_TIMESTAMP:
		return timestamp(ip, pkt, &hdr);
	case ICMP4_ECHO_REPLY:
		if (ip->ping_input && ip->ping_input(ip->raw_ctx, pkt))
			return DROP_NONE;
		return DROP_ICMP_NO_SOCKET;
	default:
		return error_in(ip, pkt, &hdr);
	}
}

void icmp4_input(void *ctx, struct pkt *pkt)
{
	struct ip *ip = ctx;
	enum drop why = handle(ip, pkt);

	if (why != DROP_NONE && why != DROP_ICMP_NO_SOCKET)
		MIB_INC(ip->core, Icmp_InErrors);
	core_drop(ip->core, pkt, why);
}
