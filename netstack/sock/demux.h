/* SPDX-License-Identifier: Apache-2.0 */
/* Which object does a packet belong to: connected tuples, bound ports, and who may bind.
 *
 * Objects embed a struct demux_node; it need not be a socket (TIME-WAIT and half-open connections
 * have nodes too). Rules of Linux: SO_REUSEADDR, SO_REUSEPORT, dual-stack wildcards,
 * SO_BINDTODEVICE. Ports are chosen as RFC 6056 3.3.3 (hash of the tuple) and at random for bind().
 * All lookups are O(1) expected; a bind is O(sockets on that port).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "netstack/types.h"
#include "util/hash.h"
#include "util/list.h"

enum demux_kind {
	DEMUX_SOCK = 0,	    /* embedded in struct sock */
	DEMUX_TIMEWAIT = 1, /* tcp/ */
	DEMUX_REQUEST = 2,  /* tcp/: half-open */
};

struct demux_bucket;

struct demux_node {
	struct hnode conn;	 /* in the table of tuples */
	struct list bind_link;	 /* all nodes on the port */
	struct list lookup_link; /* those that receive from anybody */
	struct demux_bucket *bucket;
	struct net_endpoint local; /* addr.family 0: any address, port 0: none */
	struct net_endpoint remote;
	net_link_id bound; /* only from and to this link; 0 = any */
	uint32_t uid;
	uint16_t port_lo, port_hi; /* IP_LOCAL_PORT_RANGE; 0 = of the tunables */
	uint8_t kind;		   /* enum demux_kind */
	uint8_t proto;
	bool v6only; /* an AF_INET6 wildcard that takes no IPv4 */
	bool any6;   /* wildcard bound by an AF_INET6 socket */
	bool reuse_addr;
	bool reuse_port;
	bool listening;	    /* TCP: SO_REUSEADDR does not help against a listener */
	bool explicit_port; /* by bind(), not by connect() */
	bool mcast;	    /* UDP: wants copies (always offered multicast) */
};

struct demux_bucket {
	struct hnode node;
	struct list nodes;
	struct list lookup;
	uint16_t port;
	uint8_t proto;
	uint32_t explicit_binds;
};

struct demux {
	struct net_core *core;
	struct hash conns;
	struct hash ports;
	struct siphash_key port_key;
	uint32_t port_step; /* RFC 6056 3.3.4's table, one entry per use */
};

int demux_init(struct demux *d, struct net_core *core);
void demux_fini(struct demux *d);

/* The object of exactly this tuple, or NULL. */
struct demux_node *demux_find_conn(struct demux *d, uint8_t proto, const struct net_endpoint *local,
				   const struct net_endpoint *remote, net_link_id link);

/* The best unconnected receiver (listener, UDP socket) for a packet to @local from @remote: most
 * specific first; among equal ones of a SO_REUSEPORT group, by the hash of the tuple. NULL if none.
 */
struct demux_node *demux_find_bound(struct demux *d, uint8_t proto,
				    const struct net_endpoint *local,
				    const struct net_endpoint *remote, net_link_id link);

/* Every receiver of the port that takes multicast or broadcast to @local from @remote: calls for
 * the next one after @prev (NULL: first). */
struct demux_node *demux_next_multi(struct demux *d, uint8_t proto,
				    const struct net_endpoint *local,
				    const struct net_endpoint *remote, net_link_id link,
				    struct demux_node *prev);

/* Puts @n on @port (0: choose one) with n->local.addr and the flags set before. 0, -EADDRINUSE,
 * -ENOMEM. Does not receive yet: see demux_listen(). */
int demux_bind(struct demux *d, struct demux_node *n, uint16_t port);
/* Shares the port of @parent without any check: a connection accepted from a listener. 0, -ENOMEM.
 */
int demux_inherit(struct demux *d, struct demux_node *n, const struct demux_node *parent);
/* Lets @n receive from anybody. With n->listening set, re-checks the conflicts that listening
 * makes (-EADDRINUSE). */
int demux_listen(struct demux *d, struct demux_node *n);
void demux_unlisten(struct demux *d, struct demux_node *n);
/* Enters the tuple n->local, n->remote (port bound before). -EADDRNOTAVAIL if it exists. */
int demux_connect(struct demux *d, struct demux_node *n);
/* The same, but others may have the tuple too (datagram sockets); the latest receives. */
void demux_connect_shared(struct demux *d, struct demux_node *n);
/* As bind plus connect with a port chosen so that the tuple is unique. n->local.addr and n->remote
 * are set, n->local.port is 0. @reuse may be NULL; else it is asked whether an existing node of the
 * tuple (a TIME-WAIT) can be replaced, and must have removed it if it says true.
 * 0, -EADDRNOTAVAIL (none left), -ENOMEM. */
int demux_connect_auto(struct demux *d, struct demux_node *n,
		       bool (*reuse)(struct demux_node *old, void *arg), void *arg);
/* Leaves the table of tuples; stays on the port. */
void demux_disconnect(struct demux *d, struct demux_node *n);
/* Leaves everything. */
void demux_remove(struct demux *d, struct demux_node *n);
/* Puts @to where @from is (tuple and port), and removes @from: a connection becomes TIME-WAIT, or a
 * half-open one becomes a connection. Copies local, remote, bound and flags. */
void demux_replace(struct demux *d, struct demux_node *from, struct demux_node *to);
