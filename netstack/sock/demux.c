/* SPDX-License-Identifier: Apache-2.0 */
/* Lookup of the receiver of a packet: connected tuples by hash, then the best match on the port. */
#include "sock/demux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ip/addr.h"
#include "sock/demux_priv.h"

int demux_init(struct demux *d, struct net_core *core)
{
	memset(d, 0, sizeof(*d));
	d->core = core;
	rng_bytes(&core->rng, &d->port_key, sizeof(d->port_key));
	d->port_step = rng_u32(&core->rng);
	if (hash_init(&d->conns, 8) < 0 || hash_init(&d->ports, 6) < 0)
		return -ENOMEM;
	return 0;
}

void demux_fini(struct demux *d)
{
	hash_fini(&d->conns);
	hash_fini(&d->ports);
}

static bool same_addr(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family && a->quad[0] == b->quad[0] && a->quad[1] == b->quad[1];
}

bool demux_same_ep(const struct net_endpoint *a, const struct net_endpoint *b)
{
	return a->port == b->port && same_addr(&a->addr, &b->addr);
}

uint64_t demux_conn_hash(const struct demux *d, uint8_t proto, const struct net_endpoint *local,
			 const struct net_endpoint *remote)
{
	uint64_t key[5] = {
		local->addr.quad[0],
		local->addr.quad[1],
		remote->addr.quad[0],
		remote->addr.quad[1],
		(uint64_t)local->port << 48 | (uint64_t)remote->port << 32 | (uint64_t)proto << 16 |
			local->addr.family,
	};

	return siphash(&d->core->key, key, sizeof(key));
}

static bool link_ok(const struct demux_node *n, net_link_id link)
{
	return !n->bound || n->bound == link;
}

struct demux_node *demux_find_conn(struct demux *d, uint8_t proto, const struct net_endpoint *local,
				   const struct net_endpoint *remote, net_link_id link)
{
	uint64_t h = demux_conn_hash(d, proto, local, remote);

	hash_for_each_match(node, &d->conns, h)
	{
		struct demux_node *n = hash_entry(node, struct demux_node, conn);

		if (n->proto == proto && demux_same_ep(&n->local, local) &&
		    demux_same_ep(&n->remote, remote) && (!link || link_ok(n, link)))
			return n;
	}
	return NULL;
}

static uint64_t port_hash(uint8_t proto, uint16_t port)
{
	return hash_u64((uint64_t)proto << 16 | port);
}

struct demux_bucket *demux_bucket_find(struct demux *d, uint8_t proto, uint16_t port)
{
	hash_for_each_match(node, &d->ports, port_hash(proto, port))
	{
		struct demux_bucket *b = hash_entry(node, struct demux_bucket, node);

		if (b->proto == proto && b->port == port)
			return b;
	}
	return NULL;
}

struct demux_bucket *demux_bucket_get(struct demux *d, uint8_t proto, uint16_t port)
{
	struct demux_bucket *b = demux_bucket_find(d, proto, port);

	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->proto = proto;
	b->port = port;
	list_init(&b->nodes);
	list_init(&b->lookup);
	hash_insert(&d->ports, &b->node, port_hash(proto, port));
	return b;
}

void demux_bucket_put(struct demux *d, struct demux_bucket *b)
{
	if (!list_empty(&b->nodes))
		return;
	hash_remove(&d->ports, &b->node);
	free(b);
}

/* How well @n fits a packet to @local; -1: not at all. */
static int score(const struct demux_node *n, const struct net_endpoint *local, net_link_id link)
{
	int s = 0;

	if (!link_ok(n, link))
		return -1;
	if (n->bound)
		s += 2;
	if (!addr_is_any(&n->local.addr)) {
		if (!same_addr(&n->local.addr, &local->addr))
			return -1;
		return s + 4;
	}
	if (n->local.addr.family == local->addr.family)
		return s + 1;
	/* A dual-stack wildcard takes IPv4. */
	return n->any6 && !n->v6only && local->addr.family == AF_INET ? s : -1;
}

struct demux_node *demux_find_bound(struct demux *d, uint8_t proto,
				    const struct net_endpoint *local,
				    const struct net_endpoint *remote, net_link_id link)
{
	struct demux_bucket *b = demux_bucket_find(d, proto, local->port);
	struct demux_node *best = NULL, *n;
	uint32_t group = 0;
	int best_score = -1;

	if (!b)
		return NULL;
	list_for_each_entry(n, &b->lookup, lookup_link)
	{
		int s = score(n, local, link);

		if (s > best_score) {
			best = n;
			best_score = s;
			group = 1;
		} else if (s >= 0 && s == best_score && best->reuse_port && n->reuse_port) {
			group++;
		}
	}
	if (group <= 1)
		return best;

	/* One of the SO_REUSEPORT group, by the tuple. */
	uint64_t h = demux_conn_hash(d, proto, local, remote);
	uint32_t pick = (uint32_t)((h >> 32) * group >> 32);

	list_for_each_entry(n, &b->lookup, lookup_link) if (n->reuse_port &&
							    score(n, local, link) == best_score &&
							    !pick--) return n;
	return best;
}

/* Whether @n wants a packet to the group or broadcast address @local. */
static bool takes_multi(const struct demux_node *n, const struct net_endpoint *local,
			const struct net_endpoint *remote, net_link_id link)
{
	if (!link_ok(n, link))
		return false;
	if (n->remote.port && !demux_same_ep(&n->remote, remote))
		return false;
	if (!addr_is_any(&n->local.addr))
		return same_addr(&n->local.addr, &local->addr);
	return n->local.addr.family == local->addr.family ||
	       (n->any6 && !n->v6only && local->addr.family == AF_INET);
}

struct demux_node *demux_next_multi(struct demux *d, uint8_t proto,
				    const struct net_endpoint *local,
				    const struct net_endpoint *remote, net_link_id link,
				    struct demux_node *prev)
{
	struct demux_bucket *b = prev ? prev->bucket : demux_bucket_find(d, proto, local->port);
	struct list *at;

	if (!b)
		return NULL;
	at = prev ? list_next(&b->nodes, &prev->bind_link) : list_first(&b->nodes);
	for (; at; at = list_next(&b->nodes, at)) {
		struct demux_node *n = list_entry(at, struct demux_node, bind_link);

		if (n->kind == DEMUX_SOCK && takes_multi(n, local, remote, link))
			return n;
	}
	return NULL;
}
