/* SPDX-License-Identifier: Apache-2.0 */
/* 802.1Q links: tagged frames of a lower link, with a link of their own. */
#include <errno.h>
#include <string.h>

#include "link/link.h"

#define VLAN_TAG_LEN 4

struct link *vlan_find(const struct link *lower, uint16_t proto, uint16_t id)
{
	struct link *link;

	list_for_each_entry(link, &lower->uppers, upper_list)
	{
		if (link->vlan_id == id && link->vlan_proto == proto)
			return link;
	}
	return NULL;
}

int vlan_check(struct link *lower, const struct net_link_config *cfg)
{
	uint16_t proto = cfg->vlan_proto ? cfg->vlan_proto : ETH_TYPE_VLAN;

	if (!lower)
		return -EBADF;
	if (lower->kind != NET_LINK_ETHER || cfg->vlan_id > 4094 ||
	    (proto != ETH_TYPE_VLAN && proto != ETH_TYPE_QINQ))
		return -EINVAL;
	if (cfg->mtu > lower->mtu)
		return -EINVAL;
	return vlan_find(lower, proto, cfg->vlan_id) ? -EEXIST : 0;
}

void vlan_xmit(struct link *link, struct pkt *pkt)
{
	uint8_t macs[12];
	uint8_t *at;
	struct wr out;

	if (!pkt_pullup(pkt, ETH_HDR_LEN) || !pkt_make_writable(pkt)) {
		core_drop(link->links->core, pkt, DROP_NO_MEMORY);
		return;
	}
	memcpy(macs, pkt_data(pkt), sizeof(macs));
	at = pkt_push(pkt, VLAN_TAG_LEN);
	if (!at) {
		core_drop(link->links->core, pkt, DROP_NO_MEMORY);
		return;
	}
	/* The TPID goes where the type was; the type moves behind the tag by itself. */
	wr_init(&out, at, ETH_HDR_LEN + VLAN_TAG_LEN);
	wr_bytes(&out, macs, sizeof(macs));
	wr_be16(&out, link->vlan_proto);
	wr_be16(&out, (uint16_t)((pkt->prio & 7u) << 13 | link->vlan_id));
	(void)link_output(link->lower, pkt);
}
