/* SPDX-License-Identifier: Apache-2.0 */
/* The net.* sysctls (Documentation/networking/ip-sysctl): name to field. */
#include "net/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netstack/stack.h"
#include "util/cleanup.h"

#define ONE(name, field) { name, offsetof(struct net_tunables, field), 1, 0 }
#define UNS(name, field) { name, offsetof(struct net_tunables, field), 1, 4 }
#define VEC(name, field, n) { name, offsetof(struct net_tunables, field), n, 0 }
#define STR(name, field)                                                                           \
	{ name, offsetof(struct net_tunables, field), 0, sizeof(((struct net_tunables *)0)->field) }

static const struct sysctl_net table[] = {
	ONE("net.core.rmem_default", rmem_default),
	ONE("net.core.rmem_max", rmem_max),
	ONE("net.core.somaxconn", somaxconn),
	ONE("net.core.wmem_default", wmem_default),
	ONE("net.core.wmem_max", wmem_max),
	ONE("net.ipv4.icmp_echo_ignore_all", icmp_echo_ignore_all),
	ONE("net.ipv4.icmp_echo_ignore_broadcasts", icmp_echo_ignore_broadcasts),
	ONE("net.ipv4.icmp_msgs_burst", icmp_msgs_burst),
	ONE("net.ipv4.icmp_msgs_per_sec", icmp_msgs_per_sec),
	ONE("net.ipv4.icmp_ratelimit", icmp_ratelimit_ms),
	ONE("net.ipv4.ip_default_ttl", ip_default_ttl),
	ONE("net.ipv4.ip_forward", ip_forward),
	VEC("net.ipv4.ip_local_port_range", ip_local_port_range, 2),
	ONE("net.ipv4.ip_nonlocal_bind", ip_nonlocal_bind),
	ONE("net.ipv4.ip_no_pmtu_disc", ip_no_pmtu_disc),
	ONE("net.ipv4.ip_unprivileged_port_start", ip_unprivileged_port_start),
	VEC("net.ipv4.ping_group_range", ping_group_range, 2),
	ONE("net.ipv4.ipfrag_time", ipfrag_time_s),
	ONE("net.ipv4.tcp_abort_on_overflow", tcp_abort_on_overflow),
	STR("net.ipv4.tcp_congestion_control", tcp_congestion),
	ONE("net.ipv4.tcp_dsack", tcp_dsack),
	ONE("net.ipv4.tcp_ecn", tcp_ecn),
	ONE("net.ipv4.tcp_fastopen", tcp_fastopen),
	ONE("net.ipv4.tcp_fin_timeout", tcp_fin_timeout_s),
	ONE("net.ipv4.tcp_frto", tcp_frto),
	ONE("net.ipv4.tcp_keepalive_intvl", tcp_keepalive_intvl_s),
	ONE("net.ipv4.tcp_keepalive_probes", tcp_keepalive_probes),
	ONE("net.ipv4.tcp_keepalive_time", tcp_keepalive_time_s),
	ONE("net.ipv4.tcp_max_syn_backlog", tcp_max_syn_backlog),
	ONE("net.ipv4.tcp_moderate_rcvbuf", tcp_moderate_rcvbuf),
	ONE("net.ipv4.tcp_orphan_retries", tcp_orphan_retries),
	ONE("net.ipv4.tcp_recovery", tcp_recovery),
	ONE("net.ipv4.tcp_retries1", tcp_retries1),
	ONE("net.ipv4.tcp_retries2", tcp_retries2),
	ONE("net.ipv4.tcp_rfc1337", tcp_rfc1337),
	VEC("net.ipv4.tcp_rmem", tcp_rmem, 3),
	ONE("net.ipv4.tcp_sack", tcp_sack),
	ONE("net.ipv4.tcp_slow_start_after_idle", tcp_slow_start_after_idle),
	ONE("net.ipv4.tcp_syn_retries", tcp_syn_retries),
	ONE("net.ipv4.tcp_synack_retries", tcp_synack_retries),
	ONE("net.ipv4.tcp_syncookies", tcp_syncookies),
	ONE("net.ipv4.tcp_timestamps", tcp_timestamps),
	ONE("net.ipv4.tcp_tw_reuse", tcp_tw_reuse),
	ONE("net.ipv4.tcp_window_scaling", tcp_window_scaling),
	VEC("net.ipv4.tcp_wmem", tcp_wmem, 3),
	ONE("net.ipv4.tcp_adv_win_scale", tcp_adv_win_scale),
	ONE("net.ipv4.tcp_autocorking", tcp_autocorking),
	ONE("net.ipv4.tcp_backlog_ack_defer", tcp_backlog_ack_defer),
	ONE("net.ipv4.tcp_base_mss", tcp_base_mss),
	ONE("net.ipv4.tcp_challenge_ack_limit", tcp_challenge_ack_limit),
	ONE("net.ipv4.tcp_comp_sack_delay_ns", tcp_comp_sack_delay_ns),
	ONE("net.ipv4.tcp_comp_sack_nr", tcp_comp_sack_nr),
	ONE("net.ipv4.tcp_comp_sack_slack_ns", tcp_comp_sack_slack_ns),
	ONE("net.ipv4.tcp_early_retrans", tcp_early_retrans),
	ONE("net.ipv4.tcp_ecn_fallback", tcp_ecn_fallback),
	ONE("net.ipv4.tcp_fastopen_blackhole_timeout_sec", tcp_fastopen_blackhole_timeout_s),
	ONE("net.ipv4.tcp_invalid_ratelimit", tcp_invalid_ratelimit_ms),
	ONE("net.ipv4.tcp_limit_output_bytes", tcp_limit_output_bytes),
	ONE("net.ipv4.tcp_max_orphans", tcp_max_orphans),
	ONE("net.ipv4.tcp_max_reordering", tcp_max_reordering),
	ONE("net.ipv4.tcp_max_tw_buckets", tcp_max_tw_buckets),
	ONE("net.ipv4.tcp_min_snd_mss", tcp_min_snd_mss),
	ONE("net.ipv4.tcp_min_tso_segs", tcp_min_tso_segs),
	ONE("net.ipv4.tcp_mtu_probe_floor", tcp_mtu_probe_floor),
	ONE("net.ipv4.tcp_mtu_probing", tcp_mtu_probing),
	ONE("net.ipv4.tcp_no_metrics_save", tcp_no_metrics_save),
	ONE("net.ipv4.tcp_pacing_ca_ratio", tcp_pacing_ca_ratio),
	ONE("net.ipv4.tcp_pacing_ss_ratio", tcp_pacing_ss_ratio),
	ONE("net.ipv4.tcp_pingpong_thresh", tcp_pingpong_thresh),
	ONE("net.ipv4.tcp_probe_interval", tcp_probe_interval_s),
	ONE("net.ipv4.tcp_probe_threshold", tcp_probe_threshold),
	ONE("net.ipv4.tcp_reflect_tos", tcp_reflect_tos),
	ONE("net.ipv4.tcp_reordering", tcp_reordering),
	ONE("net.ipv4.tcp_rto_max_ms", tcp_rto_max_ms),
	ONE("net.ipv4.tcp_rto_min_us", tcp_rto_min_us),
	ONE("net.ipv4.tcp_shrink_window", tcp_shrink_window),
	ONE("net.ipv4.tcp_stdurg", tcp_stdurg),
	ONE("net.ipv4.tcp_syn_linear_timeouts", tcp_syn_linear_timeouts),
	ONE("net.ipv4.tcp_thin_linear_timeouts", tcp_thin_linear_timeouts),
	ONE("net.ipv4.tcp_tso_rtt_log", tcp_tso_rtt_log),
	ONE("net.ipv4.tcp_tso_win_divisor", tcp_tso_win_divisor),
	ONE("net.ipv4.tcp_tw_reuse_delay", tcp_tw_reuse_delay_ms),
	ONE("net.ipv4.tcp_workaround_signed_windows", tcp_workaround_signed_windows),
	STR("net.ipv4.tcp_fastopen_key", tcp_fastopen_key),
	UNS("net.ipv4.tcp_notsent_lowat", tcp_notsent_lowat),
	ONE("net.ipv6.icmp.ratelimit", icmp6_ratelimit_ms),
	ONE("net.ipv4.fib_multipath_hash_policy", ip_multipath_hash_policy),
	ONE("net.ipv6.fib_multipath_hash_policy", ip6_multipath_hash_policy),
	ONE("net.ipv4.fwmark_reflect", ip_fwmark_reflect),
	ONE("net.ipv6.fwmark_reflect", ip6_fwmark_reflect),
	ONE("net.ipv4.ip_forward_use_pmtu", ip_forward_use_pmtu),
	ONE("net.ipv4.route.min_pmtu", ip_min_pmtu),
	ONE("net.ipv4.route.mtu_expires", ip_mtu_expires_s),
	ONE("net.ipv6.route.mtu_expires", ip6_mtu_expires_s),
	ONE("net.ipv4.icmp_ratemask", icmp_ratemask),
	ONE("net.ipv4.icmp_errors_use_inbound_ifaddr", icmp_errors_use_inbound_ifaddr),
	ONE("net.ipv6.icmp.echo_ignore_all", icmp6_echo_ignore_all),
	ONE("net.ipv6.icmp.echo_ignore_multicast", icmp6_echo_ignore_multicast),
	ONE("net.ipv4.igmp_max_memberships", igmp_max_memberships),
	ONE("net.ipv4.igmp_max_msf", igmp_max_msf),
	ONE("net.ipv4.igmp_qrv", igmp_qrv),
	ONE("net.ipv4.igmp_link_local_mcast_reports", igmp_link_local_mcast_reports),
	ONE("net.ipv6.mld_max_msf", mld_max_msf),
	ONE("net.ipv6.mld_qrv", mld_qrv),
	ONE("net.ipv6.auto_flowlabels", ip6_auto_flowlabels),
	ONE("net.ipv4.ipfrag_high_thresh", ipfrag_high_thresh),
	ONE("net.ipv6.ip6frag_high_thresh", ip6frag_high_thresh),
	ONE("net.ipv6.bindv6only", ip6_bindv6only),
	ONE("net.ipv6.ip6frag_time", ip6frag_time_s),
};

const struct sysctl_net *sysctl_net_table(size_t *n)
{
	*n = ARRAY_LEN(table);
	return table;
}

int sysctl_net_set(struct net_tunables *t, const struct sysctl_net *s, const char *value)
{
	char *base = (char *)t + s->offset;
	int32_t v[3] = { 0 };

	if (s->count == 0) {
		size_t len = strcspn(value, " \t\n");

		if (len == 0 || len >= s->size)
			return -EINVAL;
		memset(base, 0, s->size);
		memcpy(base, value, len);
		return 0;
	}
	for (int i = 0; i < s->count; i++) {
		char *end;

		errno = 0;
		long n = strtol(value, &end, 0);

		if (end == value || errno || n < INT32_MIN || n > (s->size ? UINT32_MAX : INT32_MAX))
			return -EINVAL;
		v[i] = (int32_t)n;
		value = end + strspn(end, " \t\n");
	}
	if (*value)
		return -EINVAL;
	memcpy(base, v, (size_t)s->count * sizeof(v[0]));
	return 0;
}

int sysctl_net_apply(struct net_tunables *t, const char *assignment)
{
	const char *eq = strchr(assignment, '=');

	if (!eq)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (strlen(table[i].name) == (size_t)(eq - assignment) &&
		    strncmp(table[i].name, assignment, (size_t)(eq - assignment)) == 0)
			return sysctl_net_set(t, &table[i], eq + 1);
	}
	return -ENOENT;
}

int sysctl_net_show(const struct net_tunables *t, const struct sysctl_net *s, char *buf, size_t size)
{
	const char *base = (const char *)t + s->offset;
	int32_t v[3];

	if (s->count == 0)
		return snprintf(buf, size, "%s\n", base);
	memcpy(v, base, (size_t)s->count * sizeof(v[0]));
	if (s->count == 1)
		return snprintf(buf, size, s->size ? "%u\n" : "%d\n", v[0]);
	if (s->count == 2)
		return snprintf(buf, size, "%d\t%d\n", v[0], v[1]);
	return snprintf(buf, size, "%d\t%d\t%d\n", v[0], v[1], v[2]);
}
