/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of each link: net.ipv4.conf.*, net.ipv6.conf.*, net.ipv4.neigh.*, net.ipv6.neigh.*.
 *
 * Names, units, defaults and the combination of "all" with a link are Linux's. NET_CONF_LIST_*(X) holds
 * each once: X(name, default).
 */
#pragma once

#include <stdint.h>

#include "netstack/types.h"

#define NET_CONF4_LIST(X)                                                                          \
	X(forwarding, 0)                                                                           \
	X(accept_redirects, 1)                                                                     \
	X(secure_redirects, 1)                                                                     \
	X(shared_media, 1)                                                                         \
	X(send_redirects, 1)                                                                       \
	X(accept_source_route, 0)                                                                  \
	X(accept_local, 0)                                                                         \
	X(route_localnet, 0)                                                                       \
	X(rp_filter, 0)                                                                            \
	X(src_valid_mark, 0)                                                                       \
	X(log_martians, 0)                                                                         \
	X(proxy_arp, 0)                                                                            \
	X(arp_ignore, 0)                                                                           \
	X(arp_announce, 0)                                                                         \
	X(arp_filter, 0)                                                                           \
	X(arp_accept, 0)                                                                           \
	X(arp_notify, 0)                                                                           \
	X(drop_gratuitous_arp, 0)                                                                  \
	X(drop_unicast_in_l2_multicast, 0)                                                         \
	X(force_igmp_version, 0)                                                                   \
	X(igmpv2_unsolicited_report_interval, 10000)                                               \
	X(igmpv3_unsolicited_report_interval, 1000)                                                \
	X(promote_secondaries, 0)

#define NET_CONF6_LIST(X)                                                                          \
	X(forwarding, 0)                                                                           \
	X(disable_ipv6, 0)                                                                         \
	X(hop_limit, 64)                                                                           \
	X(mtu, 0)                                                                                  \
	X(accept_ra, 1)                                                                            \
	X(accept_ra_defrtr, 1)                                                                     \
	X(accept_ra_pinfo, 1)                                                                      \
	X(accept_ra_mtu, 1)                                                                        \
	X(accept_ra_min_hop_limit, 1)                                                              \
	X(accept_ra_from_local, 0)                                                                 \
	X(accept_ra_rtr_pref, 1)                                                                   \
	X(accept_ra_rt_info_min_plen, 0)                                                           \
	X(accept_ra_rt_info_max_plen, 0)                                                           \
	X(ra_defrtr_metric, 1024)                                                                  \
	X(accept_redirects, 1)                                                                     \
	X(accept_source_route, 0)                                                                  \
	X(autoconf, 1)                                                                             \
	X(dad_transmits, 1)                                                                        \
	X(accept_dad, 1)                                                                           \
	X(enhanced_dad, 1)                                                                         \
	X(router_solicitations, -1)                                                                \
	X(router_solicitation_interval, 4)                                                         \
	X(router_solicitation_delay, 1)                                                            \
	X(router_solicitation_max_interval, 3600)                                                  \
	X(use_tempaddr, 0)                                                                         \
	X(temp_valid_lft, 604800)                                                                  \
	X(temp_prefered_lft, 86400)                                                                \
	X(regen_max_retry, 3)                                                                      \
	X(max_desync_factor, 600)                                                                  \
	X(max_addresses, 16)                                                                       \
	X(addr_gen_mode, 0)                                                                        \
	X(optimistic_dad, 0)                                                                       \
	X(use_optimistic, 0)                                                                       \
	X(use_oif_addrs_only, 0)                                                                   \
	X(force_mld_version, 0)                                                                    \
	X(mldv1_unsolicited_report_interval, 10000)                                                \
	X(mldv2_unsolicited_report_interval, 1000)                                                 \
	X(ndisc_notify, 0)                                                                         \
	X(ndisc_tclass, 0)                                                                         \
	X(proxy_ndp, 0)                                                                            \
	X(keep_addr_on_down, 0)                                                                    \
	X(suppress_frag_ndisc, 1)                                                                  \
	X(drop_unicast_in_l2_multicast, 0)                                                         \
	X(drop_unsolicited_na, 0)

/* One list for net.ipv4.neigh.* and net.ipv6.neigh.*. Times of *_time are in the unit of the name. */
#define NET_NEIGH_CONF_LIST(X)                                                                     \
	X(mcast_solicit, 3)                                                                        \
	X(ucast_solicit, 3)                                                                        \
	X(app_solicit, 0)                                                                          \
	X(mcast_resolicit, 0)                                                                      \
	X(retrans_time_ms, 1000)                                                                   \
	X(base_reachable_time_ms, 30000)                                                           \
	X(delay_first_probe_time, 5)                                                               \
	X(gc_stale_time, 60)                                                                       \
	X(unres_qlen, 101)                                                                         \
	X(unres_qlen_bytes, 212992)                                                                \
	X(proxy_qlen, 64)                                                                          \
	X(proxy_delay, 80)                                                                         \
	X(anycast_delay, 100)                                                                      \
	X(locktime, 100)

#define NET_CONF_ENUM4_(name, def) NET_CONF4_##name,
#define NET_CONF_ENUM6_(name, def) NET_CONF6_##name,
#define NET_CONF_ENUMN_(name, def) NET_NEIGH_CONF_##name,
enum net_conf4 { NET_CONF4_LIST(NET_CONF_ENUM4_) NET_CONF4_COUNT };
enum net_conf6 { NET_CONF6_LIST(NET_CONF_ENUM6_) NET_CONF6_COUNT };
enum net_neigh_conf { NET_NEIGH_CONF_LIST(NET_CONF_ENUMN_) NET_NEIGH_CONF_COUNT };

enum net_conf_group {
	NET_CONF_IP4 = 0,    /* net.ipv4.conf */
	NET_CONF_IP6 = 1,    /* net.ipv6.conf */
	NET_CONF_NEIGH4 = 2, /* net.ipv4.neigh */
	NET_CONF_NEIGH6 = 3, /* net.ipv6.neigh */
};

/* In place of a link. "all" does not exist for the neighbour groups. */
#define NET_CONF_ALL 0
#define NET_CONF_DEFAULT (-1)

/* How many settings a group has, and their names; NULL past the end. */
unsigned net_conf_count(enum net_conf_group group);
const char *net_conf_name(enum net_conf_group group, unsigned which);

/* 0; -EBADF (link), -EINVAL (no such setting, or the value is out of range). */
int net_conf_get(const struct net_stack *stack, net_link_id link, enum net_conf_group group,
		 unsigned which, int32_t *ret);
int net_conf_set(struct net_stack *stack, net_link_id link, enum net_conf_group group, unsigned which,
		 int32_t value);

/* net.ipv6.conf.IFACE.stable_secret (RFC 7217): 16 bytes. Setting it makes addr_gen_mode 2. Reading one
 * that was never set: -EIO. -EBADF. */
int net_conf_set_stable_secret(struct net_stack *stack, net_link_id link, const uint8_t secret[16]);
int net_conf_get_stable_secret(const struct net_stack *stack, net_link_id link, uint8_t ret[16]);
