/* SPDX-License-Identifier: Apache-2.0 */
/* IGMP (RFC 2236, RFC 3376) and MLD (RFC 2710, RFC 3810): queries in, reports out. */
#include "wire/wire.h"

#include <sys/socket.h>

#include "wire/checksum.h"

/* The floating point code of RFC 3376 4.1.1 (8 bits) and RFC 3810 5.1.3 (16 bits). */
static uint32_t decode_time(uint32_t code, unsigned mant_bits, unsigned exp_bias)
{
	uint32_t top = 1u << (mant_bits + 3);

	if (code < top)
		return code;

	uint32_t mant = code & ((1u << mant_bits) - 1);
	uint32_t exp = (code >> mant_bits) & 7;

	return (mant | 1u << mant_bits) << (exp + exp_bias);
}

/* Flags, QQIC and sources of a query of the newest version (RFC 3376 4.1.5, RFC 3810 5.1.7). */
static void parse_sources(struct mcast_query *ret, struct rd *in, uint16_t family)
{
	uint16_t n;

	ret->qrv = rd_u8(in) & 7;
	rd_skip(in, 1);
	n = rd_be16(in);
	for (unsigned i = 0; i < n && !rd_failed(in); i++) {
		struct net_addr a = {.family = family};

		rd_copy(in, a.bytes, family == AF_INET ? 4 : 16);
		if (i < MCAST_QUERY_SOURCES && !rd_failed(in))
			ret->sources[ret->nsources++] = a;
	}
}

enum drop igmp_parse(uint8_t *type, struct mcast_query *ret, struct net_addr *group, struct rd *in)
{
	size_t len = rd_left(in);
	const uint8_t *start = in->p;

	*type = rd_u8(in);

	uint8_t code = rd_u8(in);

	rd_skip(in, 2);
	*group = (struct net_addr){.family = AF_INET};
	rd_copy(in, group->v4, 4);
	if (rd_failed(in) || csum_fold(csum_add(0, start, len)))
		return DROP_MCAST_MALFORMED;
	if (*type != IGMP_QUERY)
		return DROP_NONE;

	*ret = (struct mcast_query){0};
	/* RFC 3376 7.1: the version is told by length and code. */
	ret->version = len >= 12 ? 3 : code ? 2 : 1;
	ret->max_resp = NET_MS(100) * (len >= 12 ? decode_time(code, 4, 3) : code ? code : 100);
	ret->group = group->word[0] ? *group : (struct net_addr){0};
	if (len >= 12)
		parse_sources(ret, in, AF_INET);
	return rd_failed(in) ? DROP_MCAST_MALFORMED : DROP_NONE;
}

void igmp_emit2(struct wr *out, uint8_t type, const struct net_addr *group)
{
	uint8_t *at = out->p;

	wr_u8(out, type);
	wr_u8(out, 0);
	wr_be16(out, 0);
	wr_bytes(out, group->v4, 4);
	if (!wr_failed(out))
		wire_put16(at + 2, csum_fold(csum_add(0, at, 8)));
}

static void emit_records(struct wr *out, const struct mcast_record *rec, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t n_addr = rec[i].group.family == AF_INET ? 4 : 16;

		wr_u8(out, rec[i].type);
		wr_u8(out, 0);
		wr_be16(out, (uint16_t)rec[i].nsources);
		wr_bytes(out, rec[i].group.bytes, n_addr);
		for (uint32_t j = 0; j < rec[i].nsources; j++)
			wr_bytes(out, rec[i].sources[j].bytes, n_addr);
	}
}

void igmp_emit3(struct wr *out, const struct mcast_record *rec, unsigned n)
{
	uint8_t *at = out->p;

	wr_u8(out, IGMP_V3_REPORT);
	wr_u8(out, 0);
	wr_be16(out, 0);
	wr_be16(out, 0);
	wr_be16(out, (uint16_t)n);
	emit_records(out, rec, n);
	if (!wr_failed(out))
		wire_put16(at + 2, csum_fold(csum_add(0, at, (size_t)(out->p - at))));
}

enum drop mld_parse_query(struct mcast_query *ret, struct rd *in)
{
	size_t len = rd_left(in);
	uint16_t code = rd_be16(in);
	struct net_addr group = {.family = AF_INET6};

	rd_skip(in, 2);
	rd_copy(in, group.v6, 16);
	if (rd_failed(in) || (len > 20 && len < 24))
		return DROP_MCAST_MALFORMED;

	*ret = (struct mcast_query){0};
	ret->version = len >= 24 ? 2 : 1;
	ret->max_resp = NET_MS(1) * (len >= 24 ? decode_time(code, 12, 3) : code);
	ret->group = group.quad[0] | group.quad[1] ? group : (struct net_addr){0};
	if (len >= 24)
		parse_sources(ret, in, AF_INET6);
	return rd_failed(in) ? DROP_MCAST_MALFORMED : DROP_NONE;
}

void mld_emit1(struct wr *out, uint8_t type, const struct net_addr *group)
{
	icmp_emit(out, &(struct icmp_hdr){.type = type});
	wr_bytes(out, group->v6, 16);
}

void mld_emit2(struct wr *out, const struct mcast_record *rec, unsigned n)
{
	icmp_emit(out, &(struct icmp_hdr){.type = ICMP6_MLD2_REPORT, .rest = n});
	emit_records(out, rec, n);
}
