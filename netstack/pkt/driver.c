/* SPDX-License-Identifier: Apache-2.0 */
/* The packet functions that drivers see (netstack/pkt.h), except net_pkt_new(). */
#include "pkt/pkt.h"

#include <errno.h>
#include <string.h>

#include "util/assert.h"

int net_pkt_areas(struct pkt *pkt, struct iovec *iov, int max)
{
	return net_pkt_iov(pkt, iov, max);
}

int net_pkt_iov(const struct pkt *pkt, struct iovec *iov, int max)
{
	int n = 0;

	if (pkt->lin_len && n < max)
		iov[n++] = (struct iovec){pkt->base + pkt->off, pkt->lin_len};
	for (unsigned i = 0; i < pkt->nfrags && n < max; i++) {
		const struct pkt_frag *f = &pkt->frag[i];

		iov[n++] = (struct iovec){f->block->data + f->off, f->len};
	}
	return n;
}

int net_pkt_set_len(struct pkt *pkt, size_t len)
{
	if (len > pkt->len)
		return -EINVAL;
	pkt_trim(pkt, len);
	return 0;
}

struct pkt *net_pkt_free(struct pkt *pkt)
{
	return pkt_free(pkt);
}

size_t net_pkt_len(const struct pkt *pkt)
{
	return pkt->len;
}

size_t net_pkt_read(const struct pkt *pkt, size_t off, void *to, size_t len)
{
	return pkt_read(pkt, off, to, len);
}

int net_pkt_fill(struct pkt *pkt, const void *frame, size_t len)
{
	struct iovec iov[NET_PKT_IOV_MAX];
	const uint8_t *from = frame;
	size_t left = len;
	int r;

	r = net_pkt_set_len(pkt, len);
	if (r < 0)
		return r;

	int n = net_pkt_areas(pkt, iov, NET_PKT_IOV_MAX);

	for (int i = 0; i < n; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
		left -= iov[i].iov_len;
	}
	ASSERT(!left);
	(void)left;
	return 0;
}

void net_pkt_set_offload(struct pkt *pkt, const struct net_offload *offload)
{
	pkt->offload = *offload;
}

void net_pkt_get_offload(const struct pkt *pkt, struct net_offload *ret)
{
	*ret = pkt->offload;
}
