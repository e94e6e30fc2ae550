/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback: what is sent is queued and comes in again from the poll, never from the sender's
 * call, so that nothing recurses. Checksums and super-segments pass as they are (offload metadata
 * says that they are good).
 */
#include "link/link.h"

#include <errno.h>

int loopback_output(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;

	if (!link->up) {
		core_drop(ls->core, pkt, DROP_LINK_DOWN);
		return -ENETDOWN;
	}
	if (pktq_full(&link->tx)) {
		link->stats.tx_dropped++;
		core_drop(ls->core, pkt, DROP_LINK_RX_FULL);
		return -ENOBUFS;
	}
	if (!pkt->ip.link) /* not our own copy of what went to another link */
		link_tap(link, pkt, true);
	link->stats.tx_packets++;
	link->stats.tx_bytes += pkt->len;
	pkt->at = PKT_AT_NET;
	pktq_push(&link->tx, pkt);
	work_mark(&ls->core->works, &ls->loop_work);
	return 0;
}

void loopback_run(struct work *work)
{
	struct links *ls = container_of(work, struct links, loop_work);
	struct link *link = ls->lo;
	/* What this round causes to be sent waits for the next one. */
	uint32_t batch = MIN(link->tx.count, 64u);

	while (batch--) {
		struct pkt *pkt = pktq_pop(&link->tx);

		if (!pkt)
			break;
		pkt_uncharge(pkt);
		pkt->offload.flags |= NET_OFFLOAD_DATA_VALID;

		/* Our own multicast and broadcast comes back as if from the link it went to. */
		net_link_id as = pkt->ip.link;
		struct link *in = as ? link_find(ls, as) : link;

		if (in)
			link_input_local(in, pkt);
		else
			core_drop(ls->core, pkt, DROP_LINK_DOWN);
	}
	if (link->tx.count)
		work_mark(&ls->core->works, &ls->loop_work);
}
