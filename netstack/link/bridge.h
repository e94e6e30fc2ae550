/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge, private to bridge.c and fdb.c. */
#pragma once

#include "link/link.h"

struct bridge_port {
	struct list list; /* in bridge->ports */
	struct link *link;
	struct bridge *bridge;
	struct net_bridge_port cfg;
};

struct bridge {
	struct link *link;
	struct list ports;
	struct hash fdb;
	struct list age; /* learned entries, least recently seen first */
	net_dur ageing;
	uint32_t max, count;
};

struct fdb {
	struct hnode node;
	struct list age;
	struct bridge *bridge;
	struct link *to; /* a port's link, or the bridge's own */
	uint8_t mac[6];
	bool permanent, local;
	net_time seen;
};

int fdb_init(struct bridge *br);
void fdb_fini(struct bridge *br);
/* NULL: unknown, or too old. */
struct fdb *fdb_find(struct bridge *br, const uint8_t mac[6]);
void fdb_learn(struct bridge *br, struct link *from, const uint8_t mac[6]);
/* Forgets what leads to @to (NULL: all); @permanent: that too. */
void fdb_flush(struct bridge *br, const struct link *to, bool permanent);
