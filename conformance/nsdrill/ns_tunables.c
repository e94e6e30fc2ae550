/* SPDX-License-Identifier: Apache-2.0 */
/* Settings by the names of sysctl(8). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/ns_priv.h"
#include "util/cleanup.h"

struct tunable {
	const char *name;
	size_t off;
	int count;
};

/* clang-format off */
#define T(path, name) { path "." #name, offsetof(struct net_tunables, name), 1 }
#define T4(name) T("net.ipv4", name)
#define AS(name, field, n) { name, offsetof(struct net_tunables, field), n }
static const struct tunable tunables[] = {
	T("net.core", rmem_default), T("net.core", rmem_max), T("net.core", wmem_default),
	T("net.core", wmem_max), T("net.core", somaxconn), T4(ip_forward), T4(ip_default_ttl),
	T4(ip_nonlocal_bind), T4(ip_no_pmtu_disc), T4(icmp_echo_ignore_all),
	T4(icmp_echo_ignore_broadcasts), T4(icmp_msgs_per_sec), T4(icmp_msgs_burst), T4(tcp_sack),
	T4(tcp_dsack), T4(tcp_timestamps), T4(tcp_window_scaling), T4(tcp_moderate_rcvbuf),
	T4(tcp_ecn), T4(tcp_syncookies), T4(tcp_recovery), T4(tcp_early_retrans),
	T4(tcp_reordering), T4(tcp_syn_retries), T4(tcp_synack_retries), T4(tcp_retries1),
	T4(tcp_retries2), T4(tcp_orphan_retries), T4(tcp_max_syn_backlog),
	T4(tcp_keepalive_probes), T4(tcp_tw_reuse), T4(tcp_rfc1337), T4(tcp_abort_on_overflow),
	T4(tcp_slow_start_after_idle), T4(tcp_no_metrics_save), T4(tcp_rto_max_ms),
	T4(tcp_challenge_ack_limit), T4(tcp_notsent_lowat), T4(tcp_limit_output_bytes),
	T4(tcp_min_snd_mss), T4(tcp_base_mss), T4(tcp_adv_win_scale), T4(tcp_fastopen),
	T4(tcp_frto), T4(tcp_thin_linear_timeouts), T4(tcp_autocorking), T4(tcp_pacing_ss_ratio),
	T4(tcp_pacing_ca_ratio), T4(tcp_max_reordering), T4(tcp_stdurg),
	T4(tcp_workaround_signed_windows),
	AS("net.ipv4.ip_local_port_range", ip_local_port_range, 2),
	AS("net.ipv4.tcp_rmem", tcp_rmem, 3), AS("net.ipv4.tcp_wmem", tcp_wmem, 3),
	AS("net.ipv4.icmp_ratelimit", icmp_ratelimit_ms, 1),
	AS("net.ipv6.icmp.ratelimit", icmp6_ratelimit_ms, 1),
	AS("net.ipv4.ipfrag_time", ipfrag_time_s, 1), AS("net.ipv6.ip6frag_time", ip6frag_time_s, 1),
	AS("net.ipv6.bindv6only", ip6_bindv6only, 1),
	AS("net.ipv6.conf.all.forwarding", ip6_forwarding, 1),
	AS("net.ipv6.conf.all.hop_limit", ip6_hop_limit, 1),
	AS("net.ipv4.tcp_keepalive_time", tcp_keepalive_time_s, 1),
	AS("net.ipv4.tcp_keepalive_intvl", tcp_keepalive_intvl_s, 1),
	AS("net.ipv4.tcp_fin_timeout", tcp_fin_timeout_s, 1),
	AS("net.ipv4.tcp_rto_min_us", tcp_rto_min_us, 1),
	AS("net.ipv4.tcp_invalid_ratelimit", tcp_invalid_ratelimit_ms, 1),
};
/* clang-format on */

static int set_text(char *to, size_t size, const char *value)
{
	size_t len = strcspn(value, " \t\n");

	if (len == 0 || len >= size)
		return -EINVAL;
	memset(to, 0, size);
	memcpy(to, value, len);
	return 0;
}

int ns_tunable(struct net_tunables *tun, const char *name, const char *value)
{
	if (strcmp(name, "net.ipv4.tcp_congestion_control") == 0)
		return set_text(tun->tcp_congestion, sizeof(tun->tcp_congestion), value);
	if (strcmp(name, "net.ipv4.tcp_fastopen_key") == 0)
		return set_text(tun->tcp_fastopen_key, sizeof(tun->tcp_fastopen_key), value);
	for (size_t i = 0; i < ARRAY_LEN(tunables); i++) {
		const struct tunable *t = &tunables[i];
		int32_t v[3] = {0};

		if (strcmp(t->name, name) != 0)
			continue;
		for (int j = 0; j < t->count; j++) {
			char *end;
			long long n = strtoll(value, &end, 0);

			if (end == value || n < INT32_MIN || n > UINT32_MAX)
				return -EINVAL;
			v[j] = n > INT32_MAX && t->off == offsetof(struct net_tunables,
								   tcp_notsent_lowat)
				       ? -1
				       : (int32_t)n;
			value = end;
		}
		memcpy((char *)tun + t->off, v, (size_t)t->count * sizeof(v[0]));
		return 0;
	}
	return -ENOENT;
}
