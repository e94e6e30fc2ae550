/* SPDX-License-Identifier: Apache-2.0 */
/* struct tcp_info as Python assignments. */
#include "nsdrill/tcp_info.h"

#include <linux/tcp.h>
#include <stdint.h>
#include <string.h>

#include "util/cleanup.h"

struct field {
	const char *name;
	size_t off, size;
};

/* clang-format off */
#define F(name) { #name, offsetof(struct tcp_info, name), sizeof(((struct tcp_info *)0)->name) }
static const struct field fields[] = {
	F(tcpi_state), F(tcpi_ca_state), F(tcpi_retransmits), F(tcpi_probes), F(tcpi_backoff),
	F(tcpi_options), F(tcpi_rto), F(tcpi_ato), F(tcpi_snd_mss), F(tcpi_rcv_mss),
	F(tcpi_unacked), F(tcpi_sacked), F(tcpi_lost), F(tcpi_retrans), F(tcpi_fackets),
	F(tcpi_last_data_sent), F(tcpi_last_ack_sent), F(tcpi_last_data_recv),
	F(tcpi_last_ack_recv), F(tcpi_pmtu), F(tcpi_rcv_ssthresh), F(tcpi_rtt), F(tcpi_rttvar),
	F(tcpi_snd_ssthresh), F(tcpi_snd_cwnd), F(tcpi_advmss), F(tcpi_reordering),
	F(tcpi_rcv_rtt), F(tcpi_rcv_space), F(tcpi_total_retrans), F(tcpi_pacing_rate),
	F(tcpi_max_pacing_rate), F(tcpi_bytes_acked), F(tcpi_bytes_received), F(tcpi_segs_out),
	F(tcpi_segs_in), F(tcpi_notsent_bytes), F(tcpi_min_rtt), F(tcpi_data_segs_in),
	F(tcpi_data_segs_out), F(tcpi_delivery_rate), F(tcpi_busy_time), F(tcpi_rwnd_limited),
	F(tcpi_sndbuf_limited), F(tcpi_delivered), F(tcpi_delivered_ce), F(tcpi_bytes_sent),
	F(tcpi_bytes_retrans), F(tcpi_dsack_dups), F(tcpi_reord_seen), F(tcpi_rcv_ooopack),
	F(tcpi_snd_wnd),
};

/* The rest of the kernel's structure, newer than the headers. */
static const char constants[] =
	"TCP_ESTABLISHED,TCP_SYN_SENT,TCP_SYN_RECV,TCP_FIN_WAIT1,TCP_FIN_WAIT2,TCP_TIME_WAIT,"
	"TCP_CLOSE,TCP_CLOSE_WAIT,TCP_LAST_ACK,TCP_LISTEN,TCP_CLOSING=range(1,12)\n"
	"TCP_CA_Open,TCP_CA_Disorder,TCP_CA_CWR,TCP_CA_Recovery,TCP_CA_Loss=range(5)\n"
	"TCPI_OPT_TIMESTAMPS,TCPI_OPT_SACK,TCPI_OPT_WSCALE,TCPI_OPT_ECN=1,2,4,8\n"
	"TCPI_OPT_ECN_SEEN,TCPI_OPT_SYN_DATA,TCPI_OPT_USEC_TS,TCPI_OPT_TFO_CHILD=16,32,64,128\n";
/* clang-format on */

void tcp_info_python(const void *info, size_t len, const char *text, tcp_info_put_fn *put,
		     void *ctx)
{
	struct tcp_info ti = {0};

	memcpy(&ti, info, len < sizeof(ti) ? len : sizeof(ti));
	put(ctx, "%s", constants);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		uint64_t v = 0;

		if (!strstr(text, f->name))
			continue;
		memcpy(&v, (const char *)&ti + f->off, f->size);
		put(ctx, "%s=%llu\n", f->name, (unsigned long long)v);
	}
	if (strstr(text, "tcpi_snd_wscale"))
		put(ctx, "tcpi_snd_wscale=%u\n", (unsigned)ti.tcpi_snd_wscale);
	if (strstr(text, "tcpi_rcv_wscale"))
		put(ctx, "tcpi_rcv_wscale=%u\n", (unsigned)ti.tcpi_rcv_wscale);
	if (strstr(text, "tcpi_delivery_rate_app_limited"))
		put(ctx, "tcpi_delivery_rate_app_limited=%u\n",
		    (unsigned)ti.tcpi_delivery_rate_app_limited);
	if (strstr(text, "tcpi_fastopen_client_fail"))
		put(ctx, "tcpi_fastopen_client_fail=%u\n", (unsigned)ti.tcpi_fastopen_client_fail);
}
