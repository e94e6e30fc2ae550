/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of links in one stack. What one end sends waits at the other and goes in from the poll, so that
 * nothing recurses. Checksums and super-segments pass as they are. */
#include "link/link.h"

#define BATCH 64

void veth_xmit(struct link *link, struct pkt *pkt)
{
	struct link *peer = link->peer;
	struct net_core *core = link->links->core;

	if (!peer || !peer->up) {
		link->stats.tx_dropped++;
		core_drop(core, pkt, DROP_LINK_NO_PEER);
		return;
	}
	if (!pkt->charge && pktq_full(&peer->rx)) {
		peer->stats.rx_dropped++;
		core_drop(core, pkt, DROP_LINK_RX_FULL);
		return;
	}
	pktq_push(&peer->rx, pkt);
	work_mark(&core->works, &peer->rx_work);
}

void veth_run(struct work *work)
{
	struct link *link = container_of(work, struct link, rx_work);
	uint32_t batch = MIN(link->rx.count, (uint32_t)BATCH);
	struct pkt *pkt;

	while (batch-- && (pkt = pktq_pop(&link->rx))) {
		pkt_uncharge(pkt);
		pkt->l3_off = 0;
		/* Never left this machine's memory: good as it is, though perhaps not complete. */
		if (pkt->offload.flags & NET_OFFLOAD_NEEDS_CSUM)
			pkt->offload.flags |= NET_OFFLOAD_DATA_VALID;
		link_input(link, pkt);
	}
	if (link->rx.count)
		work_mark(&link->links->core->works, &link->rx_work);
}
