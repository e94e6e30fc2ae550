/* SPDX-License-Identifier: Apache-2.0 */
/* The services that every layer uses, in one value. Embedded first in struct net_stack; layers keep
 * a pointer to it. Holds the one clock: `now` is the instant of the current call. */
#pragma once

#include "core/change.h"
#include "core/conf.h"
#include "core/drop.h"
#include "core/event.h"
#include "core/limits.h"
#include "core/rng.h"
#include "core/timer.h"
#include "core/work.h"
#include "netstack/mib.h"
#include "pkt/pkt.h"
#include "util/siphash.h"

struct net_core {
	net_time now;
	net_time wall_offset;
	struct net_limits lim;
	struct net_tunables tun;
	struct pkt_pool pool;
	struct timers timers;
	struct works works;
	struct events events;
	struct rng rng;
	struct siphash_key key; /* for tables keyed by what peers choose */
	struct drops drops;
	struct changes changes;
	struct confs confs; /* settings of links: "all" and "default" */
	uint64_t mib[NET_MIB_COUNT];
};

int core_init(struct net_core *core, const struct net_config *cfg);
void core_fini(struct net_core *core);

#define MIB_INC(core, which) ((core)->mib[MIB_##which]++)
#define MIB_ADD(core, which, n) ((core)->mib[MIB_##which] += (uint64_t)(n))

/* Counts the discard of @pkt, keeps a snapshot if somebody watches, and frees it. Takes @pkt. */
void core_drop(struct net_core *core, struct pkt *pkt, enum drop why);
