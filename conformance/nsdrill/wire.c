/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping between the script's numbers and live ones. */
#include "nsdrill/wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

static void shift_sack(struct packet *p, uint32_t by)
{
	size_t pos = 0;
	struct tcp_opt o;

	while (tcp_opt_next(p->options, p->options_len, &pos, &o)) {
		uint8_t *data = p->options + (pos - o.len) + 2;

		for (size_t i = 0; o.kind == TCPOPT_SACK && i + 4 <= o.len - 2u; i += 4)
			put32(data + i, get32(data + i) + by);
	}
}

/* Where the timestamp option's value is, or NULL. */
static uint8_t *find_ts(struct packet *p)
{
	size_t pos = 0;
	struct tcp_opt o;

	while (tcp_opt_next(p->options, p->options_len, &pos, &o)) {
		if (o.kind == TCPOPT_TIMESTAMP && o.len == TCPOLEN_TIMESTAMP)
			return p->options + (pos - o.len) + 2;
	}
	return NULL;
}

int conn_map_inbound(const struct conn *c, const struct config *cfg, struct packet *p, char *why,
		     size_t size)
{
	bool syn = p->flags & FLAG_SYN;
	uint32_t by = c->live_isn - (syn ? c->script_isn : 0);
	uint8_t *ts = find_ts(p);

	if (p->protocol == IPPROTO_ICMP) {
		p->echoed_seq += c->live_isn;
		return 0;
	}
	if (p->protocol != IPPROTO_TCP)
		return 0;
	if (!syn)
		p->seq += c->remote_isn;
	if (p->flags & FLAG_ACK)
		p->ack += by;
	shift_sack(p, by);
	if (!ts || !(p->flags & FLAG_ACK))
		return 0;

	uint32_t ecr = get32(ts + 4);

	for (size_t i = c->nts; i-- > 0;) {
		if (c->ts[i].script == ecr) {
			put32(ts + 4, c->ts[i].live);
			return 0;
		}
	}
	if (cfg->ts_ecr_scaled && c->has_ts) {
		put32(ts + 4, ecr - c->first_script_ts + c->first_live_ts);
		return 0;
	}
	snprintf(why, size, "ecr %u echoes no timestamp that an expected packet had before", ecr);
	return -EINVAL;
}

void conn_map_numbers(const struct conn *c, struct packet *got)
{
	bool syn = got->flags & FLAG_SYN;

	got->seq -= c->live_isn - (syn ? c->script_isn : 0);
	if (syn)
		return;
	if (got->flags & FLAG_ACK)
		got->ack -= c->remote_isn;
	shift_sack(got, -c->remote_isn);
}

void conn_map_outbound(struct conn *c, const struct packet *want, struct packet *got)
{
	struct packet script = *want;
	uint8_t *wts, *gts;

	if (got->protocol != IPPROTO_TCP)
		return;
	conn_map_numbers(c, got);
	wts = find_ts(&script);
	gts = find_ts(got);
	if (!wts || !gts)
		return;
	if (c->nts < TS_MAP_MAX) {
		c->ts[c->nts].script = get32(wts);
		c->ts[c->nts].live = get32(gts);
		c->nts++;
	}
	if (!c->has_ts) {
		c->has_ts = true;
		c->first_script_ts = get32(wts);
		c->first_live_ts = get32(gts);
	}
	put32(gts, get32(gts) - c->first_live_ts + c->first_script_ts);
}

bool conn_owns(const struct conn *c, const struct config *cfg, const struct packet *got)
{
	if (got->family != cfg->wire_family || memcmp(got->dst, cfg->remote.bytes, 16) != 0)
		return false;
	if (got->protocol != c->protocol)
		return false;
	if (c->protocol == IPPROTO_ICMP || (got->ip.is_frag && got->ip.frag_off))
		return true;
	if (c->state == CONN_SYN_SENT && c->local_port == 0)
		return (got->flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN &&
		       got->dport == c->remote_port;
	if (got->dport != c->remote_port)
		return false;
	return c->local_port == 0 || got->sport == c->local_port;
}

bool conn_flow_ok(struct conn *c, const struct packet *want, const struct packet *got, char *why,
		  size_t size)
{
	if (!want->ip.flow_label)
		return true;
	if (!got->ip.flow_label) {
		snprintf(why, size, "no flow label");
		return false;
	}

	bool same_live = c->script_flow && got->ip.flow_label == c->live_flow;

	if (!c->script_flow || (want->ip.flow_label != c->script_flow && !same_live)) {
		c->script_flow = want->ip.flow_label;
		c->live_flow = got->ip.flow_label;
		return true;
	}
	if (want->ip.flow_label == c->script_flow && same_live)
		return true;
	snprintf(why, size,
		 same_live ? "the flow label should have changed"
			   : "the flow label should not have changed");
	return false;
}

void conn_path(const struct conn *c, const struct config *cfg, bool inbound,
	       struct packet_path *ret)
{
	*ret = (struct packet_path){.family = cfg->wire_family};
	memcpy(inbound ? ret->dst : ret->src, cfg->local.bytes, 16);
	memcpy(inbound ? ret->src : ret->dst, cfg->remote.bytes, 16);

	uint16_t local = c && c->local_port ? c->local_port : cfg->bind_port;
	uint16_t remote = c && c->remote_port ? c->remote_port : cfg->connect_port;

	ret->sport = inbound ? remote : local;
	ret->dport = inbound ? local : remote;
}
