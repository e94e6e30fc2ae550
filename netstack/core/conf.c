/* SPDX-License-Identifier: Apache-2.0 */
/* Names, defaults and ranges of the settings of links. */
#include "core/conf.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define NAME_(name, def) #name,
#define DEFAULT_(name, def) def,

static const char *const names4[] = {NET_CONF4_LIST(NAME_)};
static const char *const names6[] = {NET_CONF6_LIST(NAME_)};
static const char *const namesn[] = {NET_NEIGH_CONF_LIST(NAME_)};
static const int32_t defaults4[] = {NET_CONF4_LIST(DEFAULT_)};
static const int32_t defaults6[] = {NET_CONF6_LIST(DEFAULT_)};
static const int32_t defaultsn[] = {NET_NEIGH_CONF_LIST(DEFAULT_)};

unsigned net_conf_count(enum net_conf_group group)
{
	switch (group) {
	case NET_CONF_IP4:
		return NET_CONF4_COUNT;
	case NET_CONF_IP6:
		return NET_CONF6_COUNT;
	case NET_CONF_NEIGH4:
	case NET_CONF_NEIGH6:
		return NET_NEIGH_CONF_COUNT;
	}
	return 0;
}

const char *net_conf_name(enum net_conf_group group, unsigned which)
{
	if (which >= net_conf_count(group))
		return NULL;
	switch (group) {
	case NET_CONF_IP4:
		return names4[which];
	case NET_CONF_IP6:
		return names6[which];
	case NET_CONF_NEIGH4:
	case NET_CONF_NEIGH6:
		return namesn[which];
	}
	return NULL;
}

int32_t *conf_group(struct conf *c, enum net_conf_group group, unsigned *count)
{
	*count = net_conf_count(group);
	switch (group) {
	case NET_CONF_IP4:
		return c->v4;
	case NET_CONF_IP6:
		return c->v6;
	case NET_CONF_NEIGH4:
		return c->neigh4;
	case NET_CONF_NEIGH6:
		return c->neigh6;
	}
	return NULL;
}

void conf_follow(struct conf *c, const struct net_tunables *old, const struct net_tunables *now)
{
#define FOLLOW(field, to)                                                                          \
	do {                                                                                       \
		if (!old || old->field != now->field)                                              \
			(to) = now->field;                                                         \
	} while (0)
	FOLLOW(ip_forward, c->v4[NET_CONF4_forwarding]);
	FOLLOW(ip6_forwarding, c->v6[NET_CONF6_forwarding]);
	FOLLOW(ip6_hop_limit, c->v6[NET_CONF6_hop_limit]);
	FOLLOW(ip6_accept_ra, c->v6[NET_CONF6_accept_ra]);
	FOLLOW(ip6_autoconf, c->v6[NET_CONF6_autoconf]);
	FOLLOW(ip6_dad_transmits, c->v6[NET_CONF6_dad_transmits]);
	for (int i = 0; i < 2; i++) {
		int32_t *n = i ? c->neigh6 : c->neigh4;

		FOLLOW(neigh_base_reachable_ms, n[NET_NEIGH_CONF_base_reachable_time_ms]);
		FOLLOW(neigh_retrans_ms, n[NET_NEIGH_CONF_retrans_time_ms]);
		FOLLOW(neigh_delay_first_probe_ms / 1000, n[NET_NEIGH_CONF_delay_first_probe_time]);
		FOLLOW(neigh_mcast_solicit, n[NET_NEIGH_CONF_mcast_solicit]);
		FOLLOW(neigh_ucast_solicit, n[NET_NEIGH_CONF_ucast_solicit]);
		FOLLOW(neigh_gc_stale_ms / 1000, n[NET_NEIGH_CONF_gc_stale_time]);
	}
#undef FOLLOW
}

void confs_init(struct confs *cs, const struct net_tunables *tun)
{
	struct conf *c = &cs->all;

	memset(cs, 0, sizeof(*cs));
	memcpy(c->v4, defaults4, sizeof(c->v4));
	memcpy(c->v6, defaults6, sizeof(c->v6));
	memcpy(c->neigh4, defaultsn, sizeof(c->neigh4));
	memcpy(c->neigh6, defaultsn, sizeof(c->neigh6));
	conf_follow(c, NULL, tun);
	cs->def = *c;
	/* Linux: a link may be source-routed to, the host as a whole may not. */
	cs->def.v4[NET_CONF4_accept_source_route] = 1;
}

static int check6(enum net_conf6 which, int32_t v)
{
	switch (which) {
	case NET_CONF6_hop_limit:
		return v < 1 || v > 255 ? -EINVAL : 0;
	case NET_CONF6_mtu:
		return v < 1280 || v > 65536 ? -EINVAL : 0;
	case NET_CONF6_addr_gen_mode:
		return v < 0 || v > 3 ? -EINVAL : 0;
	case NET_CONF6_router_solicitation_interval:
	case NET_CONF6_router_solicitation_delay:
	case NET_CONF6_router_solicitation_max_interval:
		return v < 0 || v > 86400 ? -EINVAL : 0;
	case NET_CONF6_router_solicitations:
		return v < -1 ? -EINVAL : 0;
	case NET_CONF6_ra_defrtr_metric:
		return v < 1 ? -EINVAL : 0;
	case NET_CONF6_dad_transmits:
		return v < 0 ? -EINVAL : 0;
	case NET_CONF6_temp_valid_lft:
	case NET_CONF6_temp_prefered_lft:
	case NET_CONF6_max_desync_factor:
	case NET_CONF6_regen_max_retry:
	case NET_CONF6_max_addresses:
		return v < 0 ? -EINVAL : 0;
	default:
		return 0;
	}
}

static int check_neigh(enum net_neigh_conf which, int32_t v)
{
	switch (which) {
	case NET_NEIGH_CONF_retrans_time_ms:
	case NET_NEIGH_CONF_base_reachable_time_ms:
		return v < 1 ? -EINVAL : 0;
	default:
		return v < 0 || v > 0x7fffffff / 1000 ? -EINVAL : 0;
	}
}

int conf_check(enum net_conf_group group, unsigned which, int32_t value)
{
	if (which >= net_conf_count(group))
		return -EINVAL;
	switch (group) {
	case NET_CONF_IP4:
		return which == NET_CONF4_rp_filter && (value < 0 || value > 2) ? -EINVAL : 0;
	case NET_CONF_IP6:
		return check6((enum net_conf6)which, value);
	case NET_CONF_NEIGH4:
	case NET_CONF_NEIGH6:
		return check_neigh((enum net_neigh_conf)which, value);
	}
	return -EINVAL;
}
