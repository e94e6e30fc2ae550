/* SPDX-License-Identifier: Apache-2.0 */
/* The first eight bytes of ICMP (RFC 792) and ICMPv6 (RFC 4443). */
#include "wire/wire.h"

enum drop icmp_parse(struct icmp_hdr *ret, struct rd *in)
{
	struct icmp_hdr hdr = {0};

	hdr.type = rd_u8(in);
	hdr.code = rd_u8(in);
	hdr.sum = rd_be16(in);
	hdr.rest = rd_be32(in);
	if (rd_failed(in))
		return DROP_ICMP_TRUNCATED;

	*ret = hdr;
	return DROP_NONE;
}

void icmp_emit(struct wr *out, const struct icmp_hdr *hdr)
{
	wr_u8(out, hdr->type);
	wr_u8(out, hdr->code);
	wr_be16(out, hdr->sum);
	wr_be32(out, hdr->rest);
}
