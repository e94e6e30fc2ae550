/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 extension headers (RFC 8200 4, RFC 2711, RFC 5095). */
#include "wire/wire.h"

enum {
	OPT_PAD1 = 0,
	OPT_PADN = 1,
	OPT_ROUTER_ALERT = 5,
};

/* What the two high bits of an unknown option's type ask for (RFC 8200 4.2). */
static enum ip6_opt_act unknown_act(uint8_t type)
{
	static const enum ip6_opt_act acts[4] = {IP6_OPT_OK, IP6_OPT_DROP, IP6_OPT_ICMP,
						 IP6_OPT_ICMP_UNICAST};

	return acts[type >> 6];
}

enum drop ip6_parse_opts(struct ip6_ext *ret, enum ip6_opt_act *act, unsigned *bad_at,
			 int *router_alert, struct rd *in)
{
	const uint8_t *start = in->p;

	*act = IP6_OPT_OK;
	*bad_at = 0;
	ret->next = rd_u8(in);
	ret->len = (uint16_t)((rd_u8(in) + 1) * 8);

	struct rd body = rd_sub(in, ret->len - 2u);

	if (rd_failed(in))
		return DROP_IP6_EXT_TRUNCATED;
	while (rd_left(&body)) {
		*bad_at = (unsigned)(body.p - start);

		uint8_t type = rd_u8(&body);

		if (type == OPT_PAD1)
			continue;

		uint8_t len = rd_u8(&body);
		const uint8_t *val = rd_bytes(&body, len);

		if (rd_failed(&body)) {
			*act = IP6_OPT_BAD;
			return DROP_NONE;
		}
		if (type == OPT_PADN)
			continue;
		if (type == OPT_ROUTER_ALERT) {
			if (len != 2) {
				*act = IP6_OPT_BAD;
				return DROP_NONE;
			}
			*router_alert = load_be16(val);
			continue;
		}
		*act = unknown_act(type);
		if (*act != IP6_OPT_OK)
			return DROP_NONE;
	}
	return DROP_NONE;
}

enum drop ip6_parse_routing(struct ip6_routing *ret, struct rd *in)
{
	ret->next = rd_u8(in);
	ret->len = (uint16_t)((rd_u8(in) + 1) * 8);
	ret->type = rd_u8(in);
	ret->segments_left = rd_u8(in);
	rd_skip(in, ret->len - 4u);
	return rd_failed(in) ? DROP_IP6_EXT_TRUNCATED : DROP_NONE;
}

enum drop ip6_parse_frag(struct ip6_frag *ret, struct rd *in)
{
	ret->next = rd_u8(in);
	rd_skip(in, 1);

	uint16_t word = rd_be16(in);

	ret->off = word & 0xfff8;
	ret->more = word & 1;
	ret->id = rd_be32(in);
	return rd_failed(in) ? DROP_IP6_EXT_TRUNCATED : DROP_NONE;
}

void ip6_emit_frag(struct wr *out, const struct ip6_frag *frag)
{
	wr_u8(out, frag->next);
	wr_u8(out, 0);
	wr_be16(out, (uint16_t)(frag->off | frag->more));
	wr_be32(out, frag->id);
}

void ip6_emit_router_alert(struct wr *out, uint8_t next)
{
	wr_u8(out, next);
	wr_u8(out, 0);
	wr_u8(out, OPT_ROUTER_ALERT);
	wr_u8(out, 2);
	wr_be16(out, 0); /* RFC 2711: MLD */
	wr_u8(out, OPT_PADN);
	wr_u8(out, 0);
}
