/* SPDX-License-Identifier: Apache-2.0 */
/* Construction of the shared services, and the one exit of discarded packets. */
#include "core/core.h"

#include <string.h>

int core_init(struct net_core *core, const struct net_config *cfg)
{
	memset(core, 0, sizeof(*core));
	core->now = cfg->now;
	core->wall_offset = cfg->wall_offset;
	core->lim = cfg->limits;
	core->tun = cfg->tunables;
	pkt_pool_init(&core->pool, cfg->limits.pkt_bytes, cfg->limits.pkt_idle_bytes);
	works_init(&core->works);
	events_init(&core->events);
	rng_init(&core->rng, cfg->seed);
	rng_bytes(&core->rng, &core->key, sizeof(core->key));
	confs_init(&core->confs, &cfg->tunables);
	core->mib[MIB_Tcp_RtoAlgorithm] = 1;
	core->mib[MIB_Tcp_MaxConn] = (uint64_t)-1;
	return 0;
}

void core_fini(struct net_core *core)
{
	pkt_pool_fini(&core->pool);
	drops_fini(&core->drops);
	changes_fini(&core->changes);
}

void core_drop(struct net_core *core, struct pkt *pkt, enum drop why)
{
	drops_note(&core->drops, why, pkt, core->now);
	pkt_free(pkt);
}
