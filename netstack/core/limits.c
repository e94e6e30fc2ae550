/* SPDX-License-Identifier: Apache-2.0 */
/* Default budgets and tunables (Linux 6.x), and which values are refused. */
#include "core/limits.h"

#include <errno.h>
#include <string.h>

void limits_default(struct net_limits *lim)
{
	*lim = (struct net_limits){
		.pkt_bytes = 512ull << 20,
		.pkt_idle_bytes = 16ull << 20,
		.sockets = 1u << 20,
		.links = 64,
		.addresses = 1024,
		.routes = 65536,
		.neighbours = 1024,
		.neigh_pending = 101,
		.loopback_pkts = 1000,
		.reasm_bytes = 4u << 20,
		.reasm_packets = 1024,
		.reasm_frags = 128,
		.pmtu_entries = 4096,
		.mcast_groups = 20,
		.tcp_orphans = 131072,
		.tcp_timewait = 131072,
		.tcp_requests = 65536,
		.poll_budget = 4096,
	};
}

static void tunables_default_ip(struct net_tunables *t)
{
	t->rmem_default = t->wmem_default = 212992;
	t->rmem_max = t->wmem_max = 4194304;
	t->somaxconn = 4096;
	t->ip_default_ttl = t->ip6_hop_limit = 64;
	t->ip_local_port_range[0] = 32768;
	t->ip_local_port_range[1] = 60999;
	t->ip_unprivileged_port_start = 1024;
	t->ping_group_range[1] = INT32_MAX; /* as systemd sets it; the kernel alone lets nobody */
	t->icmp_echo_ignore_broadcasts = 1;
	t->icmp_ratelimit_ms = 1000;
	t->icmp_msgs_per_sec = 1000;
	t->icmp_msgs_burst = 50;
	t->icmp6_ratelimit_ms = 1000;
	t->ip6_accept_ra = t->ip6_autoconf = t->ip6_dad_transmits = 1;
	t->ip_min_pmtu = 552;
	t->ip_mtu_expires_s = t->ip6_mtu_expires_s = 600;
	t->icmp_ratemask = 6168; /* unreachable, source quench, time exceeded, parameter problem */
	t->igmp_max_memberships = 20;
	t->igmp_max_msf = 10;
	t->mld_max_msf = 64;
	t->igmp_qrv = t->mld_qrv = 2;
	t->igmp_link_local_mcast_reports = 1;
	t->ip6_auto_flowlabels = 1;
	t->ipfrag_high_thresh = t->ip6frag_high_thresh = 4194304;
	t->ipfrag_time_s = 30;
	t->ip6frag_time_s = 60;
	t->neigh_base_reachable_ms = 30000;
	t->neigh_retrans_ms = 1000;
	t->neigh_delay_first_probe_ms = 5000;
	t->neigh_mcast_solicit = t->neigh_ucast_solicit = 3;
	t->neigh_gc_stale_ms = 60000;
}

static void tunables_default_tcp(struct net_tunables *t)
{
	memcpy(t->tcp_rmem, (int32_t[]){4096, 131072, 33554432}, sizeof(t->tcp_rmem));
	memcpy(t->tcp_wmem, (int32_t[]){4096, 16384, 4194304}, sizeof(t->tcp_wmem));
	t->tcp_sack = t->tcp_dsack = t->tcp_timestamps = t->tcp_window_scaling = 1;
	t->tcp_moderate_rcvbuf = 1;
	t->tcp_ecn = 2;
	t->tcp_syncookies = t->tcp_recovery = 1;
	t->tcp_early_retrans = t->tcp_reordering = 3;
	t->tcp_syn_retries = 6;
	t->tcp_synack_retries = 5;
	t->tcp_retries1 = 3;
	t->tcp_retries2 = 15;
	t->tcp_max_syn_backlog = 2048;
	t->tcp_keepalive_time_s = 7200;
	t->tcp_keepalive_intvl_s = 75;
	t->tcp_keepalive_probes = 9;
	t->tcp_fin_timeout_s = 60;
	t->tcp_tw_reuse = 2;
	t->tcp_slow_start_after_idle = 1;
	t->tcp_init_cwnd = 10;
	t->tcp_rto_min_us = 200000;
	t->tcp_rto_max_ms = 120000;
	t->tcp_invalid_ratelimit_ms = 500;
	t->tcp_challenge_ack_limit = INT32_MAX;
	t->tcp_notsent_lowat = -1;
	t->tcp_limit_output_bytes = 4194304;
	t->tcp_min_snd_mss = 48;
	t->tcp_base_mss = 1024;
	t->tcp_adv_win_scale = 1;
	t->tcp_fastopen = 1;
	t->tcp_frto = 2;
	t->tcp_autocorking = 1;
	t->tcp_pacing_ss_ratio = 200;
	t->tcp_pacing_ca_ratio = 120;
	t->tcp_max_reordering = 300;
	strcpy(t->tcp_congestion, "cubic");
	t->tcp_probe_interval_s = 600;
	t->tcp_probe_threshold = 8;
	t->tcp_mtu_probe_floor = 48;
	t->tcp_min_tso_segs = 2;
	t->tcp_tso_win_divisor = 3;
	t->tcp_tso_rtt_log = 9;
	t->tcp_ecn_fallback = 1;
	t->tcp_syn_linear_timeouts = 4;
	t->tcp_comp_sack_delay_ns = 1000000;
	t->tcp_comp_sack_slack_ns = 100000;
	t->tcp_comp_sack_nr = 44;
	t->tcp_max_tw_buckets = t->tcp_max_orphans = 131072;
	t->tcp_tw_reuse_delay_ms = 1000;
	t->tcp_pingpong_thresh = 1;
	t->tcp_backlog_ack_defer = 1;
	t->tcp_cubic_hystart = 1;
}

void tunables_default(struct net_tunables *t)
{
	memset(t, 0, sizeof(*t));
	tunables_default_ip(t);
	tunables_default_tcp(t);
}

int limits_check(const struct net_limits *lim)
{
	if (lim->pkt_bytes < 1 << 20 || !lim->sockets || lim->sockets > 1u << 24)
		return -EINVAL;
	if (lim->links < 1 || !lim->addresses || !lim->routes || !lim->neighbours)
		return -EINVAL;
	if (!lim->loopback_pkts || !lim->poll_budget)
		return -EINVAL;
	return 0;
}

static bool triple_ok(const int32_t v[3])
{
	return v[0] > 0 && v[1] > 0 && v[2] > 0;
}

int tunables_check(const struct net_tunables *t)
{
	const int32_t *range = t->ip_local_port_range;

	if (range[0] < 1 || range[1] > 65535 || range[0] > range[1])
		return -EINVAL;
	if (t->rmem_default < 256 || t->wmem_default < 256 || t->rmem_max < 256 ||
	    t->wmem_max < 256)
		return -EINVAL;
	if (t->ip_default_ttl < 1 || t->ip_default_ttl > 255 || t->ip6_hop_limit < 1 ||
	    t->ip6_hop_limit > 255)
		return -EINVAL;
	if (!triple_ok(t->tcp_rmem) || !triple_ok(t->tcp_wmem))
		return -EINVAL;
	if (t->neigh_base_reachable_ms < 1 || t->neigh_retrans_ms < 1 ||
	    t->neigh_delay_first_probe_ms < 1)
		return -EINVAL;
	if (t->ip_min_pmtu < 68 || t->ip_mtu_expires_s < 1 || t->ip6_mtu_expires_s < 1 ||
	    t->igmp_qrv < 1 || t->mld_qrv < 1 || t->igmp_max_memberships < 0 || t->igmp_max_msf < 0 ||
	    t->mld_max_msf < 0)
		return -EINVAL;
	if (t->ipfrag_time_s < 1 || t->ip6frag_time_s < 1 || t->somaxconn < 0)
		return -EINVAL;
	if (t->tcp_init_cwnd < 1 || t->tcp_rto_min_us < 1 || t->tcp_rto_max_ms < 1)
		return -EINVAL;
	if (!memchr(t->tcp_congestion, 0, sizeof(t->tcp_congestion)))
		return -EINVAL;
	return 0;
}

void net_config_init(struct net_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	limits_default(&cfg->limits);
	tunables_default(&cfg->tunables);
}
