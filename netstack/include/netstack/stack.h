/* SPDX-License-Identifier: Apache-2.0 */
/* The stack: creation, time, and the verbs that are not of one link.
 *
 * A driver loop: net_link_input() for what arrived, net_stack_poll(now), net_link_take_output() of
 * every link until NULL, net_stack_next_event() until false, sleep until net_stack_deadline().
 *
 * The stack never reads a clock, a socket, a file or entropy; it never blocks and never calls back.
 * One owner at a time (hold a mutex if there are threads); debug builds assert on concurrent entry.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

/* Budgets. A limit reached is a counted drop or an errno, never a crash. */
struct net_limits {
	uint64_t pkt_bytes;	 /* packet memory in use, all of it */
	uint64_t pkt_idle_bytes; /* packet memory kept for reuse */
	uint32_t sockets;	 /* all kinds, orphans included */
	uint32_t links;
	uint32_t addresses; /* of all links */
	uint32_t routes;
	uint32_t neighbours;	/* of all links */
	uint32_t neigh_pending; /* packets that wait for one neighbour */
	uint32_t loopback_pkts; /* queued for the loopback */
	uint32_t reasm_bytes;	/* of all partial packets */
	uint32_t reasm_packets;
	uint32_t reasm_frags; /* of one packet */
	uint32_t pmtu_entries;
	uint32_t mcast_groups; /* memberships of one socket */
	uint32_t tcp_orphans;
	uint32_t tcp_timewait;
	uint32_t tcp_requests; /* half-open connections of all listeners */
	uint32_t poll_budget;  /* packets and work items of one poll */
};

/* What Linux has under /proc/sys/net, with Linux's defaults and units. */
struct net_tunables {
	int32_t rmem_default, rmem_max, wmem_default, wmem_max; /* net.core */
	int32_t somaxconn;
	int32_t ip_forward, ip6_forwarding;
	int32_t ip_default_ttl, ip6_hop_limit;
	int32_t ip_local_port_range[2];
	int32_t ip_nonlocal_bind;
	/* Kept here for whoever checks privileges: the stack does not know whose a socket is. */
	int32_t ip_unprivileged_port_start, ping_group_range[2];
	int32_t ip_no_pmtu_disc;
	int32_t icmp_echo_ignore_all, icmp_echo_ignore_broadcasts;
	int32_t icmp_ratelimit_ms, icmp_msgs_per_sec, icmp_msgs_burst;
	int32_t icmp6_ratelimit_ms;
	int32_t ip6_bindv6only;
	int32_t ip_multipath_hash_policy, ip6_multipath_hash_policy;
	int32_t ip_fwmark_reflect, ip6_fwmark_reflect;
	int32_t ip_forward_use_pmtu;
	int32_t ip_min_pmtu, ip_mtu_expires_s, ip6_mtu_expires_s;
	int32_t icmp_ratemask, icmp_errors_use_inbound_ifaddr;
	int32_t icmp6_echo_ignore_all, icmp6_echo_ignore_multicast;
	int32_t igmp_max_memberships, igmp_max_msf, igmp_qrv, mld_max_msf, mld_qrv;
	int32_t igmp_link_local_mcast_reports;
	int32_t ip6_auto_flowlabels;
	int32_t ipfrag_high_thresh, ip6frag_high_thresh;
	int32_t ip6_accept_ra, ip6_autoconf, ip6_dad_transmits;
	int32_t ipfrag_time_s, ip6frag_time_s;
	int32_t neigh_base_reachable_ms, neigh_retrans_ms, neigh_delay_first_probe_ms;
	int32_t neigh_mcast_solicit, neigh_ucast_solicit, neigh_gc_stale_ms;
	int32_t tcp_rmem[3], tcp_wmem[3];
	int32_t tcp_sack, tcp_dsack, tcp_timestamps, tcp_window_scaling, tcp_moderate_rcvbuf;
	int32_t tcp_ecn, tcp_syncookies, tcp_recovery, tcp_early_retrans, tcp_reordering;
	int32_t tcp_syn_retries, tcp_synack_retries, tcp_retries1, tcp_retries2;
	int32_t tcp_orphan_retries, tcp_max_syn_backlog;
	int32_t tcp_keepalive_time_s, tcp_keepalive_intvl_s, tcp_keepalive_probes;
	int32_t tcp_fin_timeout_s, tcp_tw_reuse, tcp_rfc1337, tcp_abort_on_overflow;
	int32_t tcp_slow_start_after_idle, tcp_init_cwnd, tcp_no_metrics_save;
	int32_t tcp_rto_min_us, tcp_rto_max_ms, tcp_invalid_ratelimit_ms;
	int32_t tcp_challenge_ack_limit, tcp_notsent_lowat, tcp_limit_output_bytes;
	int32_t tcp_min_snd_mss, tcp_base_mss, tcp_adv_win_scale, tcp_fastopen, tcp_frto;
	int32_t tcp_thin_linear_timeouts, tcp_autocorking, tcp_pacing_ss_ratio, tcp_pacing_ca_ratio;
	int32_t tcp_max_reordering, tcp_stdurg, tcp_workaround_signed_windows;
	char tcp_congestion[16];
	char tcp_fastopen_key[80]; /* "" = random; as the sysctl shows it */
	int32_t tcp_fastopen_blackhole_timeout_s;
	int32_t tcp_mtu_probing, tcp_probe_interval_s, tcp_probe_threshold, tcp_mtu_probe_floor;
	int32_t tcp_min_tso_segs, tcp_tso_win_divisor, tcp_tso_rtt_log;
	int32_t tcp_ecn_fallback, tcp_syn_linear_timeouts;
	int32_t tcp_comp_sack_delay_ns, tcp_comp_sack_slack_ns, tcp_comp_sack_nr;
	int32_t tcp_max_tw_buckets, tcp_max_orphans, tcp_tw_reuse_delay_ms, tcp_pingpong_thresh;
	int32_t tcp_shrink_window, tcp_reflect_tos, tcp_backlog_ack_defer;
	int32_t tcp_cubic_hystart; /* 0 none, 1 HyStart as Linux, 2 HyStart++ (RFC 9406) */
};

struct net_config {
	uint8_t seed[32]; /* all randomness comes from here: make it unpredictable in production */
	net_time now;	  /* first instant */
	net_time wall_offset; /* real time minus monotonic time, for SO_TIMESTAMP */
	struct net_limits limits;
	struct net_tunables tunables;
};

/* Linux's defaults, an all-zero seed. */
void net_config_init(struct net_config *cfg);

/* Makes a stack with its loopback link up (127.0.0.1/8 and ::1/128). Copies @cfg.
 * Returns 0, -EINVAL for a config out of range, -ENOMEM. */
MUST_CHECK int net_stack_new(struct net_stack **ret, const struct net_config *cfg);

/* Frees everything, packets still held by the driver excepted: those must be freed before.
 * Accepts NULL, returns NULL. */
struct net_stack *net_stack_free(struct net_stack *stack);
DEFINE_CLEANUP(struct net_stack *, net_stack_free)

/* Tells the time and does nothing else. Socket calls happen at the last instant told: call this
 * (cheap) before a socket call. @now earlier than the last instant is taken as that instant. */
void net_stack_clock(struct net_stack *stack, net_time now);

/* Fires due timers, then runs pending work (transmissions of sockets, the loopback), within the
 * budget of the limits. Call it after input and after socket calls, and at the deadline. */
void net_stack_poll(struct net_stack *stack, net_time now);

/* When net_stack_poll() is to be called next: the past or now if work is pending, NET_TIME_NEVER if
 * nothing is. Stays valid until the next call of any other function. */
net_time net_stack_deadline(const struct net_stack *stack);

/* Readiness of one socket, coalesced: however much happened, one event per socket is pending. */
struct net_event {
	net_sock_id sock;
	uint64_t cookie; /* as set with net_sock_set_cookie() */
	uint32_t ready;	 /* EPOLL* bits that hold now (level) */
	uint32_t woke;	 /* EPOLL* bits that something happened to since the last event (edge) */
};

/* Takes the next event. Returns whether there was one. */
bool net_stack_next_event(struct net_stack *stack, struct net_event *ret);

/* Real time minus monotonic time, whenever the driver sees it change. */
void net_stack_set_wall_offset(struct net_stack *stack, net_time offset);

void net_stack_get_tunables(const struct net_stack *stack, struct net_tunables *ret);
/* Returns 0 or -EINVAL (nothing changed). */
MUST_CHECK int net_stack_set_tunables(struct net_stack *stack, const struct net_tunables *t);
