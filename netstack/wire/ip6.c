/* SPDX-License-Identifier: Apache-2.0 */
/* The IPv6 header (RFC 8200 3). */
#include "wire/wire.h"

#include <sys/socket.h>

enum drop ip6_parse(struct ip6_hdr_v *ret, struct rd *in)
{
	struct ip6_hdr_v hdr = {0};
	uint32_t first = rd_be32(in);

	hdr.tclass = (uint8_t)(first >> 20);
	hdr.flow = first & 0xfffff;
	hdr.payload_len = rd_be16(in);
	hdr.next = rd_u8(in);
	hdr.hop_limit = rd_u8(in);
	hdr.src.family = AF_INET6;
	rd_copy(in, hdr.src.v6, 16);
	hdr.dst.family = AF_INET6;
	rd_copy(in, hdr.dst.v6, 16);
	if (rd_failed(in))
		return DROP_IP6_TRUNCATED;
	if (first >> 28 != 6)
		return DROP_IP6_VERSION;

	*ret = hdr;
	return DROP_NONE;
}

void ip6_emit(struct wr *out, const struct ip6_hdr_v *hdr)
{
	wr_be32(out, 6u << 28 | (uint32_t)hdr->tclass << 20 | (hdr->flow & 0xfffff));
	wr_be16(out, hdr->payload_len);
	wr_u8(out, hdr->next);
	wr_u8(out, hdr->hop_limit);
	wr_bytes(out, hdr->src.v6, 16);
	wr_bytes(out, hdr->dst.v6, 16);
}
