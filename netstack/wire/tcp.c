/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed TCP header (RFC 9293 3.1); tcp_opt.c has options and emission. */
#include "wire/tcp.h"

enum drop tcp_parse(struct tcp_hdr *ret, struct rd *in)
{
	struct tcp_hdr hdr;

	hdr.sport = rd_be16(in);
	hdr.dport = rd_be16(in);
	hdr.seq = rd_be32(in);
	hdr.ack = rd_be32(in);

	uint16_t word = rd_be16(in);

	hdr.hdr_len = (uint8_t)((word >> 12) * 4);
	hdr.flags = word & 0x1ff;
	hdr.reserved = (word >> 9) & 7;
	hdr.wnd = rd_be16(in);
	hdr.sum = rd_be16(in);
	hdr.urg = rd_be16(in);
	if (rd_failed(in))
		return DROP_TCP_TRUNCATED;
	if (hdr.hdr_len < TCP_HDR_LEN || hdr.hdr_len > TCP_HDR_LEN + rd_left(in))
		return DROP_TCP_HDR_LEN;

	*ret = hdr;
	return DROP_NONE;
}
