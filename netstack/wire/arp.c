/* SPDX-License-Identifier: Apache-2.0 */
/* ARP for IPv4 over Ethernet (RFC 826). */
#include "wire/wire.h"

#include <sys/socket.h>

enum drop arp_parse(struct arp_pkt *ret, struct rd *in)
{
	struct arp_pkt arp = {0};
	uint16_t hw = rd_be16(in);
	uint16_t proto = rd_be16(in);
	uint8_t hw_len = rd_u8(in);
	uint8_t proto_len = rd_u8(in);

	arp.op = rd_be16(in);
	rd_copy(in, arp.sha, 6);
	arp.spa.family = AF_INET;
	rd_copy(in, arp.spa.v4, 4);
	rd_copy(in, arp.tha, 6);
	arp.tpa.family = AF_INET;
	rd_copy(in, arp.tpa.v4, 4);
	if (rd_failed(in))
		return DROP_ARP_TRUNCATED;
	if (hw != 1 || proto != ETH_TYPE_IP4 || hw_len != 6 || proto_len != 4)
		return DROP_ARP_MALFORMED;
	if (arp.op != ARP_REQUEST && arp.op != ARP_REPLY)
		return DROP_ARP_MALFORMED;
	if (eth_is_multi(arp.sha) || eth_is_zero(arp.sha))
		return DROP_ARP_MALFORMED;

	*ret = arp;
	return DROP_NONE;
}

void arp_emit(struct wr *out, const struct arp_pkt *arp)
{
	wr_be16(out, 1);
	wr_be16(out, ETH_TYPE_IP4);
	wr_u8(out, 6);
	wr_u8(out, 4);
	wr_be16(out, arp->op);
	wr_bytes(out, arp->sha, 6);
	wr_bytes(out, arp->spa.v4, 4);
	wr_bytes(out, arp->tha, 6);
	wr_bytes(out, arp->tpa.v4, 4);
}
