/* SPDX-License-Identifier: Apache-2.0 */
/* AF_PACKET sockets: everything is inet.c's over the same stack, but the rings (packet(7), PACKET_RX_RING):
 * memory that the stack fills and the guest maps.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>

#include "core/ref.h"
#include "mm/mappable.h"
#include "mm/memfile.h"
#include "socket/inet.h"
#include "util/cleanup.h"

/* One extent of the sandbox's memory. The socket and each mapping hold a reference, so that a ring that
 * was replaced stays readable where it is mapped. */
struct ring {
	struct mappable m;
	struct ref ref;
	uint64_t off, len; /* [I] extent */
};

static struct ring *ring_of(struct mappable *m)
{
	return container_of(m, struct ring, m);
}

static int ring_translate(struct mappable *m, uint64_t off, uint64_t len, bool write,
			  struct backing *ret)
{
	struct ring *ring = ring_of(m);

	(void)write;
	if (off >= ring->len)
		return -ENXIO;
	ret->fd = memfile_fd();
	ret->memfile = true;
	ret->off = ring->off + off;
	ret->len = MIN(len, ring->len - off);
	return 0;
}

static void ring_get(struct mappable *m)
{
	ref_get(&ring_of(m)->ref);
}

static void ring_put(struct mappable *m)
{
	struct ring *ring = ring_of(m);

	if (!ref_put(&ring->ref))
		return;
	memfile_unref(ring->off, ring->len);
	mappable_fini(&ring->m);
	free(ring);
}

static const struct mappable_ops ring_ops = {
	.translate = ring_translate,
	.get = ring_get,
	.put = ring_put,
};

static int ring_new(struct ring **ret, uint64_t len)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int r;

	if (!ring)
		return -ENOMEM;
	r = memfile_alloc(len, &ring->off);
	if (r < 0) {
		free(ring);
		return r;
	}
	ring->len = len;
	ref_init(&ring->ref);
	mappable_init(&ring->m, &ring_ops);
	*ret = ring;
	return 0;
}

bool packet_is_ring(int level, int name)
{
	return level == SOL_PACKET && (name == PACKET_RX_RING || name == PACKET_TX_RING);
}

int packet_ring_changed(struct inet_sock *s, struct net_stack *stack)
{
	size_t bytes = net_packet_ring_bytes(stack, s->id);
	struct ring *ring = NULL;
	int r = 0;

	if (s->ring && s->n_old_rings == PACKET_RINGS_MAX)
		r = -ENOMEM;
	else if (bytes > 0)
		r = ring_new(&ring, bytes);
	net_packet_ring_memory(stack, s->id, ring ? memfile_ptr(ring->off) : NULL);
	if (s->ring && s->n_old_rings < PACKET_RINGS_MAX) {
		s->old_rings[s->n_old_rings++] = s->ring;
		s->ring = NULL;
	}
	if (ring)
		s->ring = &ring->m;
	return r;
}

void packet_rings_drop(struct inet_sock *s)
{
	if (s->ring)
		ring_put(s->ring);
	for (int i = 0; i < s->n_old_rings; i++)
		ring_put(s->old_rings[i]);
}

int packet_mmap(struct socket *base, struct mappable **ret)
{
	struct inet_sock *s = container_of(base, struct inet_sock, base);

	/* Borrowed by the caller: mmap(2) holds the file, and rings change with the socket only. */
	(void)netns_lock(s->ns);
	*ret = s->ring;
	netns_unlock_query(s->ns);
	if (!*ret)
		return base->family == AF_PACKET ? -EINVAL : -ENODEV;
	return 0;
}
