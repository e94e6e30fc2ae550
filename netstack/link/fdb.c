/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarding table of a bridge: where an address was last seen (802.1D 7.8, 7.9). Ageing is by
 * comparison at use, so an idle bridge has no timer; when the table is full the oldest entry goes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/bridge.h"

static uint64_t mac_hash(const struct bridge *br, const uint8_t mac[6])
{
	return siphash(&br->link->links->core->key, mac, 6);
}

int fdb_init(struct bridge *br)
{
	list_init(&br->age);
	return hash_init(&br->fdb, 4) < 0 ? -ENOMEM : 0;
}

static void notify(const struct fdb *e, bool gone)
{
	struct net_change *c = change_new(&e->bridge->link->links->core->changes, NET_CHANGE_FDB, gone);

	if (!c)
		return;
	c->fdb = (struct net_fdb){.bridge = e->bridge->link->id,
				  .port = e->to->id,
				  .permanent = e->permanent,
				  .local = e->local};
	memcpy(c->fdb.mac, e->mac, 6);
}

static void fdb_free(struct fdb *e)
{
	notify(e, true);
	hash_remove(&e->bridge->fdb, &e->node);
	list_remove(&e->age);
	e->bridge->count--;
	free(e);
}

void fdb_flush(struct bridge *br, const struct link *to, bool permanent)
{
	hash_for_each_safe(node, &br->fdb)
	{
		struct fdb *e = hash_entry(node, struct fdb, node);

		if ((!to || e->to == to) && (permanent || !e->permanent))
			fdb_free(e);
	}
}

void fdb_fini(struct bridge *br)
{
	fdb_flush(br, NULL, true);
	hash_fini(&br->fdb);
}

static bool expired(const struct fdb *e)
{
	return !e->permanent && e->bridge->link->links->core->now - e->seen > e->bridge->ageing;
}

static struct fdb *lookup(struct bridge *br, const uint8_t mac[6])
{
	hash_for_each_match(node, &br->fdb, mac_hash(br, mac))
	{
		struct fdb *e = hash_entry(node, struct fdb, node);

		if (!memcmp(e->mac, mac, 6))
			return e;
	}
	return NULL;
}

struct fdb *fdb_find(struct bridge *br, const uint8_t mac[6])
{
	struct fdb *e = lookup(br, mac);

	if (e && expired(e)) {
		fdb_free(e);
		return NULL;
	}
	return e;
}

static struct fdb *fdb_new(struct bridge *br, const uint8_t mac[6])
{
	struct fdb *e;

	if (br->count >= br->max) {
		e = list_first_entry(&br->age, struct fdb, age);
		if (!e)
			return NULL;
		fdb_free(e);
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->bridge = br;
	memcpy(e->mac, mac, 6);
	list_init(&e->age);
	hash_insert(&br->fdb, &e->node, mac_hash(br, mac));
	br->count++;
	return e;
}

void fdb_learn(struct bridge *br, struct link *from, const uint8_t mac[6])
{
	struct fdb *e = lookup(br, mac);
	bool moved;

	if (e && e->permanent)
		return;
	if (!e)
		e = fdb_new(br, mac);
	if (!e)
		return;
	moved = e->to != from;
	e->to = from;
	e->seen = br->link->links->core->now;
	list_remove(&e->age);
	list_push_back(&br->age, &e->age);
	if (moved)
		notify(e, false);
}

int bridge_fdb_set(struct link *bridge, struct link *port, const struct net_fdb *entry)
{
	struct bridge *br = bridge->bridge;
	struct fdb *e;

	if (eth_is_multi(entry->mac) || eth_is_zero(entry->mac))
		return -EINVAL;
	if (port != bridge && (!port->port || port->port->bridge != br))
		return -EINVAL;
	e = lookup(br, entry->mac);
	if (!e)
		e = fdb_new(br, entry->mac);
	if (!e)
		return -ENOSPC;
	e->to = port;
	e->local = entry->local || port == bridge;
	e->permanent = entry->permanent || e->local;
	e->seen = bridge->links->core->now;
	list_remove(&e->age);
	if (!e->permanent)
		list_push_back(&br->age, &e->age);
	notify(e, false);
	return 0;
}

int bridge_fdb_del(struct link *bridge, const uint8_t mac[6])
{
	struct fdb *e = fdb_find(bridge->bridge, mac);

	if (!e)
		return -ENOENT;
	fdb_free(e);
	return 0;
}

size_t bridge_fdb_dump(const struct link *bridge, struct net_fdb *ret, size_t max, size_t n)
{
	struct bridge *br = bridge->bridge;

	hash_for_each_safe(node, &br->fdb)
	{
		const struct fdb *e = hash_entry(node, struct fdb, node);

		if (expired(e))
			continue;
		if (n < max) {
			ret[n] = (struct net_fdb){.bridge = bridge->id,
						  .port = e->to->id,
						  .permanent = e->permanent,
						  .local = e->local,
						  .age = bridge->links->core->now - e->seen};
			memcpy(ret[n].mac, e->mac, 6);
		}
		n++;
	}
	return n;
}
