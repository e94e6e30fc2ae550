/* SPDX-License-Identifier: Apache-2.0 */
/* Packets: injected, and expected. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/run.h"

/* How long after its time an expected packet is still waited for. */
#define PATIENCE_US 2000000

/* The connection that a line of the script is about; made by a SYN to a listener, and by the SYN
 * of a socket that connects. */
static struct conn *conn_for_line(struct run *run, const struct packet *p)
{
	struct conn *c = run->sut;

	if (p->protocol == IPPROTO_TCP && !p->outbound && (!c || c->state == CONN_LISTENING)) {
		c = run_conn_new(run);
		c->state = CONN_SYN_RECEIVED;
		c->protocol = IPPROTO_TCP;
		c->local_port = run->cfg->bind_port;
		c->remote_port = run->next_port++;
	} else if (p->protocol == IPPROTO_TCP && p->outbound && c && c->state == CONN_CONNECTING &&
		   (p->flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN) {
		c->state = CONN_SYN_SENT;
		c->script_isn = p->seq;
	}
	return c;
}

static int inject(struct run *run, const struct packet *script)
{
	static uint8_t buf[PACKET_BYTES_MAX];
	struct conn *c = conn_for_line(run, script);
	struct packet p = *script;
	struct packet_path path;
	char why[128];

	if (p.protocol == IPPROTO_ICMP && packet_icmp_names(&p, run->cfg->wire_family) < 0)
		return run_fail(run, "%s %s is no ICMP type and code of this family",
				p.icmp_type_name, p.icmp_code_name ? p.icmp_code_name : "");
	if (c && c->state == CONN_SYNACK_SENT && p.protocol == IPPROTO_TCP && p.flags & FLAG_ACK)
		c->state = CONN_ESTABLISHED;
	if (c && p.protocol == IPPROTO_TCP && p.flags & FLAG_SYN &&
	    (c->state == CONN_SYN_SENT || c->state == CONN_SYN_RECEIVED))
		c->remote_isn = p.seq;
	if (c && c->state == CONN_SYN_SENT && p.flags & FLAG_SYN && p.flags & FLAG_ACK)
		c->state = CONN_SYN_ACKED;
	if (c && conn_map_inbound(c, run->cfg, &p, why, sizeof(why)) < 0)
		return run_fail(run, "%s", why);
	conn_path(c, run->cfg, true, &path);

	int len = packet_encode(&p, &path, buf);

	if (len < 0)
		return run_fail(run, "the packet cannot be built: %s", strerror(-len));

	int r = run->target->ops->inject(run->target, buf, (size_t)len);

	return r < 0 ? run_fail(run, "the packet cannot be injected: %s", strerror(-r)) : 0;
}

static bool is_nd(const struct packet *p)
{
	return p->family == AF_INET6 && p->protocol == IPPROTO_ICMP && p->icmp_type >= 130;
}

static bool wanted(struct run *run, const struct conn *c, const struct packet *want,
		   const struct packet *got)
{
	if (want->protocol == IPPROTO_ICMP)
		return got->protocol == IPPROTO_ICMP && !is_nd(got);
	if (want->sport || want->dport || !c) /* said by the line itself */
		return got->protocol == want->protocol &&
		       memcmp(got->dst, run->cfg->remote.bytes, 16) == 0 &&
		       (!want->dport || got->dport == want->dport);
	return conn_owns(c, run->cfg, got);
}

/* The next live packet that the line can be about; others are passed over. */
static struct frame *next_frame(struct run *run, const struct conn *c, const struct packet *want,
				int64_t until, struct packet *got)
{
	for (;;) {
		struct frame *f = run->target->ops->take(run->target, until);

		if (!f)
			return NULL;
		if (packet_decode(f->data, f->len, got) == 0 && wanted(run, c, want, got)) {
			got->us = f->us;
			return f;
		}
		free(f);
	}
}

static void show_both(struct run *run, const struct packet *want, const struct packet *got,
		      const char *why)
{
	char a[512], b[512];

	packet_print(want, a, sizeof(a));
	if (got)
		packet_print(got, b, sizeof(b));
	run_fail(run, "%s\n    expected %9.6f %s%s", why, (double)run->event_us / 1e6, a,
		 got ? "" : "\n    actual   nothing");
	if (got) {
		size_t n = strlen(run->diag->text);

		snprintf(run->diag->text + n, sizeof(run->diag->text) - n,
			 "\n    actual   %9.6f %s", (double)got->us / 1e6, b);
	}
}

/* Learns from the first packets of a connection what the script cannot know. */
static void learn(struct conn *c, const struct packet *want, const struct packet *got)
{
	if (!c || got->protocol != c->protocol)
		return;
	if (!c->local_port && got->sport)
		c->local_port = got->sport;
	if (got->protocol != IPPROTO_TCP || !(got->flags & FLAG_SYN) || !(want->flags & FLAG_SYN))
		return;
	if (c->state == CONN_SYN_SENT || c->state == CONN_SYN_RECEIVED) {
		c->script_isn = want->seq;
		c->live_isn = got->seq;
	}
	if (c->state == CONN_SYN_RECEIVED && got->flags & FLAG_ACK)
		c->state = CONN_SYNACK_SENT;
}

/* Adds the next segment to what is already there of a larger one that the script wants. */
static bool join(struct packet *sum, const struct packet *more)
{
	uint16_t end = FLAG_FIN | FLAG_PSH;

	if (more->seq != sum->seq + sum->payload_len || more->ack != sum->ack ||
	    (more->flags & ~end & ~FLAG_CWR) != (sum->flags & ~end & ~FLAG_CWR))
		return false;
	sum->payload_len += more->payload_len;
	sum->flags = (uint16_t)((sum->flags & ~end) | (more->flags & end)); /* of the last one */
	sum->payload_is_zero &= more->payload_is_zero;
	return true;
}

static int check_ts(struct run *run, const struct packet *want, const struct packet *got)
{
	size_t wpos = 0, gpos = 0;
	struct tcp_opt w, g;

	if (!run->cfg->ts_tick_us || want->options_any)
		return 0;
	while (tcp_opt_next(want->options, want->options_len, &wpos, &w) &&
	       tcp_opt_next(got->options, got->options_len, &gpos, &g)) {
		if (w.kind != 8 || g.kind != 8)
			continue;

		int64_t diff = (int32_t)(get32(g.data) - get32(w.data));
		int64_t tolerance = run->cfg->tolerance_us;
		int64_t share =
			(int64_t)(run->cfg->tolerance_percent / 100 * (double)run->event_us);

		if (share > tolerance)
			tolerance = share;
		if (llabs(diff) * run->cfg->ts_tick_us > tolerance) {
			show_both(run, want, got, "timestamp value");
			return -EINVAL;
		}
	}
	return 0;
}

static int expect(struct run *run, const struct packet *script)
{
	struct conn *c = conn_for_line(run, script);
	struct packet want = *script, got, more;
	char why[160];
	int64_t until = (run->event_us_end > run->event_us ? run->event_us_end : run->event_us) +
			PATIENCE_US;

	if (run->event->time == TIME_ANY)
		until += 600 * 1000000LL;
	if (want.protocol == IPPROTO_ICMP && packet_icmp_names(&want, run->cfg->wire_family) < 0)
		return run_fail(run, "%s is no ICMP type of this family", want.icmp_type_name);

	struct frame *f = next_frame(run, c, &want, until, &got);

	if (!f) {
		show_both(run, &want, NULL, "the stack did not send it");
		return -EINVAL;
	}
	free(f);
	learn(c, &want, &got);
	if (c)
		conn_map_outbound(c, &want, &got);
	while (want.protocol == IPPROTO_TCP && !run->cfg->strict_segments && !got.malformed &&
	       got.payload_len > 0 && got.payload_len < want.payload_len && got.seq == want.seq) {
		f = next_frame(run, c, &want, until, &more);
		if (!f)
			break;
		free(f);
		if (c)
			conn_map_numbers(c, &more);
		if (!join(&got, &more))
			break;
	}
	if (!want.sport && !want.dport)
		got.sport = got.dport = 0;
	if (!packet_same(&want, &got, why, sizeof(why)) ||
	    (c && !conn_flow_ok(c, &want, &got, why, sizeof(why)))) {
		if (got.ip.tos_check == TOS_BYTE && want.ip.tos_check == TOS_ANY) {
			got.ip.tos_check = TOS_ANY; /* the line does not speak of it */
			got.ip.ttl = want.ip.ttl ? got.ip.ttl : 0;
			got.ip.flow_label = want.ip.flow_label ? got.ip.flow_label : 0;
		}
		show_both(run, &want, &got, why);
		return -EINVAL;
	}

	int r = check_ts(run, &want, &got);

	return r < 0 ? r
		     : run_check_time(run, run->event, run->event_us, run->event_us_end,
				      run->last_us, got.us, "outbound packet");
}

int run_packet_event(struct run *run)
{
	const struct packet *p = run->event->packet;

	return p->outbound ? expect(run, p) : inject(run, p);
}
