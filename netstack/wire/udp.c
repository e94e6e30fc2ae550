/* SPDX-License-Identifier: Apache-2.0 */
/* The UDP header (RFC 768). */
#include "wire/wire.h"

enum drop udp_parse(struct udp_hdr *ret, struct rd *in, size_t left)
{
	struct udp_hdr hdr;

	hdr.sport = rd_be16(in);
	hdr.dport = rd_be16(in);
	hdr.len = rd_be16(in);
	hdr.sum = rd_be16(in);
	if (rd_failed(in))
		return DROP_UDP_TRUNCATED;
	if (hdr.len < UDP_HDR_LEN || hdr.len > left + UDP_HDR_LEN)
		return DROP_UDP_LENGTH;

	*ret = hdr;
	return DROP_NONE;
}

void udp_emit(struct wr *out, const struct udp_hdr *hdr)
{
	wr_be16(out, hdr->sport);
	wr_be16(out, hdr->dport);
	wr_be16(out, hdr->len);
	wr_be16(out, hdr->sum);
}
