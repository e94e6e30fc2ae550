/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet II header and group addresses. */
#include "wire/wire.h"

#include <sys/socket.h>

enum drop eth_parse(struct eth_hdr *ret, struct rd *in)
{
	struct eth_hdr hdr;

	rd_copy(in, hdr.dst, 6);
	rd_copy(in, hdr.src, 6);
	hdr.type = rd_be16(in);
	if (rd_failed(in))
		return DROP_ETH_TRUNCATED;

	*ret = hdr;
	return DROP_NONE;
}

void eth_emit(struct wr *out, const struct eth_hdr *hdr)
{
	wr_bytes(out, hdr->dst, 6);
	wr_bytes(out, hdr->src, 6);
	wr_be16(out, hdr->type);
}

bool eth_is_broadcast(const uint8_t mac[6])
{
	return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff;
}

bool eth_is_zero(const uint8_t mac[6])
{
	return !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

void eth_mcast_mac(uint8_t ret[6], const struct net_addr *group)
{
	if (group->family == AF_INET) {
		ret[0] = 0x01;
		ret[1] = 0x00;
		ret[2] = 0x5e;
		ret[3] = group->v4[1] & 0x7f;
		ret[4] = group->v4[2];
		ret[5] = group->v4[3];
	} else {
		ret[0] = ret[1] = 0x33;
		memcpy(ret + 2, group->v6 + 12, 4);
	}
}
