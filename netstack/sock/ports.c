/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be on a port, and which port to choose (RFC 6056 3.3.3; Linux's rules of conflict). */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ip/addr.h"
#include "sock/demux_priv.h"

static bool wildcard(const struct demux_node *n)
{
	return addr_is_any(&n->local.addr);
}

/* Whether some packet could be meant for both. */
static bool overlap(const struct demux_node *a, const struct demux_node *b)
{
	bool both4, both6;

	if (a->bound && b->bound && a->bound != b->bound)
		return false;

	bool a4 = a->local.addr.family == AF_INET || (a->any6 && wildcard(a) && !a->v6only);
	bool b4 = b->local.addr.family == AF_INET || (b->any6 && wildcard(b) && !b->v6only);

	both4 = a4 && b4;
	both6 = a->local.addr.family == AF_INET6 && b->local.addr.family == AF_INET6;
	if (!both4 && !both6)
		return false;
	if (wildcard(a) || wildcard(b))
		return true;
	return a->local.addr.family == b->local.addr.family &&
	       a->local.addr.quad[0] == b->local.addr.quad[0] &&
	       a->local.addr.quad[1] == b->local.addr.quad[1];
}

static bool may_share(const struct demux_node *n, const struct demux_node *other)
{
	if (n->reuse_port && other->reuse_port && n->uid == other->uid)
		return true;
	return n->reuse_addr && other->reuse_addr && !other->listening;
}

static bool conflict(const struct demux_bucket *b, const struct demux_node *n)
{
	struct demux_node *other;

	list_for_each_entry(other, &b->nodes, bind_link) if (other != n && !may_share(n, other) &&
							     overlap(n, other)) return true;
	return false;
}

static void enter(struct demux_bucket *b, struct demux_node *n)
{
	n->bucket = b;
	n->local.port = b->port;
	list_push_back(&b->nodes, &n->bind_link);
	if (n->explicit_port)
		b->explicit_binds++;
}

static void port_range(const struct demux *d, const struct demux_node *n, uint32_t *lo,
		       uint32_t *count)
{
	uint32_t from = (uint32_t)d->core->tun.ip_local_port_range[0];
	uint32_t to = (uint32_t)d->core->tun.ip_local_port_range[1];

	/* IP_LOCAL_PORT_RANGE narrows the range, if it lies in it. */
	if (n->port_lo && n->port_lo >= from && n->port_lo <= to)
		from = n->port_lo;
	if (n->port_hi && n->port_hi >= from && n->port_hi <= to)
		to = n->port_hi;
	*lo = from;
	*count = to - from + 1;
}

static int bind_to(struct demux *d, struct demux_node *n, uint16_t port)
{
	struct demux_bucket *b = demux_bucket_get(d, n->proto, port);

	if (!b)
		return -ENOMEM;
	if (conflict(b, n)) {
		demux_bucket_put(d, b);
		return -EADDRINUSE;
	}
	enter(b, n);
	return 0;
}

static int bind_any(struct demux *d, struct demux_node *n)
{
	uint32_t lo, count, start;
	bool reuse = n->reuse_addr;
	int r = -EADDRINUSE;

	port_range(d, n, &lo, &count);
	start = rng_below(&d->core->rng, count);
	/* A chosen port is not shared through SO_REUSEADDR while free ones are left. */
	n->reuse_addr = false;
	for (uint32_t i = 0; i < count && r == -EADDRINUSE; i++)
		r = bind_to(d, n, (uint16_t)(lo + (start + i) % count));
	n->reuse_addr = reuse;
	for (uint32_t i = 0; reuse && i < count && r == -EADDRINUSE; i++)
		r = bind_to(d, n, (uint16_t)(lo + (start + i) % count));
	return r;
}

int demux_bind(struct demux *d, struct demux_node *n, uint16_t port)
{
	n->explicit_port = true;
	return port ? bind_to(d, n, port) : bind_any(d, n);
}

int demux_inherit(struct demux *d, struct demux_node *n, const struct demux_node *parent)
{
	struct demux_bucket *b = demux_bucket_get(d, n->proto, parent->local.port);

	if (!b)
		return -ENOMEM;
	n->explicit_port = parent->explicit_port;
	/* A later bind to the port looks at these of a connection as at those of its listener. */
	n->reuse_addr = parent->reuse_addr;
	n->reuse_port = parent->reuse_port;
	n->uid = parent->uid;
	enter(b, n);
	return 0;
}

int demux_listen(struct demux *d, struct demux_node *n)
{
	(void)d;
	if (n->listening && conflict(n->bucket, n))
		return -EADDRINUSE;
	if (!list_linked(&n->lookup_link))
		list_push_front(&n->bucket->lookup, &n->lookup_link);
	return 0;
}

void demux_unlisten(struct demux *d, struct demux_node *n)
{
	(void)d;
	list_remove(&n->lookup_link);
}

int demux_connect(struct demux *d, struct demux_node *n)
{
	if (demux_find_conn(d, n->proto, &n->local, &n->remote, 0))
		return -EADDRNOTAVAIL;
	hash_insert(&d->conns, &n->conn, demux_conn_hash(d, n->proto, &n->local, &n->remote));
	return 0;
}

void demux_connect_shared(struct demux *d, struct demux_node *n)
{
	hash_remove(&d->conns, &n->conn);
	hash_insert(&d->conns, &n->conn, demux_conn_hash(d, n->proto, &n->local, &n->remote));
}

/* Where to begin: a secret function of the flow, moved on with every use (RFC 6056 3.3.3). */
static uint32_t port_offset(struct demux *d, const struct demux_node *n)
{
	uint64_t key[5] = {n->local.addr.quad[0], n->local.addr.quad[1], n->remote.addr.quad[0],
			   n->remote.addr.quad[1], (uint64_t)n->remote.port << 8 | n->proto};

	return (uint32_t)siphash(&d->port_key, key, sizeof(key)) + d->port_step++;
}

static bool try_connect(struct demux *d, struct demux_node *n, uint16_t port,
			bool (*reuse)(struct demux_node *old, void *arg), void *arg, int *err)
{
	struct demux_bucket *b = demux_bucket_find(d, n->proto, port);
	struct demux_node *old;

	if (b && b->explicit_binds)
		return false;
	n->local.port = port;
	old = demux_find_conn(d, n->proto, &n->local, &n->remote, 0);
	if (old && !(reuse && reuse(old, arg)))
		return false;
	b = demux_bucket_get(d, n->proto, port); /* again: reuse() may have freed it */
	if (!b) {
		*err = -ENOMEM;
		return true;
	}
	enter(b, n);
	*err = demux_connect(d, n);
	return true;
}

int demux_connect_auto(struct demux *d, struct demux_node *n,
		       bool (*reuse)(struct demux_node *old, void *arg), void *arg)
{
	uint32_t lo, count, start;
	int err = 0;

	port_range(d, n, &lo, &count);
	start = port_offset(d, n) % count;
	n->explicit_port = false;
	for (uint32_t i = 0; i < count; i++)
		if (try_connect(d, n, (uint16_t)(lo + (start + i) % count), reuse, arg, &err))
			return err;
	n->local.port = 0;
	return -EADDRNOTAVAIL;
}

void demux_disconnect(struct demux *d, struct demux_node *n)
{
	hash_remove(&d->conns, &n->conn);
}

void demux_remove(struct demux *d, struct demux_node *n)
{
	struct demux_bucket *b = n->bucket;

	hash_remove(&d->conns, &n->conn);
	list_remove(&n->lookup_link);
	list_remove(&n->bind_link);
	n->bucket = NULL;
	if (!b)
		return;
	if (n->explicit_port)
		b->explicit_binds--;
	demux_bucket_put(d, b);
}

void demux_replace(struct demux *d, struct demux_node *from, struct demux_node *to)
{
	bool connected = hash_linked(&from->conn);
	struct demux_bucket *b = from->bucket;

	to->local = from->local;
	to->remote = from->remote;
	to->bound = from->bound;
	to->uid = from->uid;
	to->proto = from->proto;
	to->v6only = from->v6only;
	to->any6 = from->any6;
	to->reuse_addr = from->reuse_addr;
	to->reuse_port = from->reuse_port;
	to->explicit_port = from->explicit_port;
	hash_remove(&d->conns, &from->conn);
	if (b && !to->bucket)
		enter(b, to);
	demux_remove(d, from);
	if (connected)
		hash_insert(&d->conns, &to->conn,
			    demux_conn_hash(d, to->proto, &to->local, &to->remote));
}
