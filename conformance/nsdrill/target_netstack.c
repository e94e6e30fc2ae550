/* SPDX-License-Identifier: Apache-2.0 */
/* netstack as a target: in this process, in virtual time, without any right. The same script gives
 * the same packets at the same instants. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/checksum.h"
#include "nsdrill/ns_priv.h"

/* What a call and an injected packet take: events that a script puts at one instant have an order,
 * and round-trip times are not zero. */
#define STEP_NS 1000

static struct nst *nst_of(struct target *t)
{
	return (struct nst *)t;
}

/* A frame left its checksum to the device: we are the device. */
static void finish_checksum(uint8_t *p, size_t len, const struct net_offload *off)
{
	if (!(off->flags & NET_OFFLOAD_NEEDS_CSUM) ||
	    (size_t)off->csum_start + off->csum_offset + 2 > len)
		return;

	bool v4 = p[0] >> 4 == 4;
	uint8_t *l4 = p + off->csum_start;
	size_t l4_len = len - off->csum_start;
	int protocol = off->csum_offset == 16  ? IPPROTO_TCP
		       : off->csum_offset == 6 ? IPPROTO_UDP
					       : 58;
	uint64_t sum = checksum_pseudo(v4 ? AF_INET : AF_INET6, p + (v4 ? 12 : 8),
				       p + (v4 ? 16 : 24), protocol, l4_len);

	l4[off->csum_offset] = l4[off->csum_offset + 1] = 0;
	sum = checksum_add(sum, l4, l4_len);
	l4[off->csum_offset] = (uint8_t)(checksum_fold(sum) >> 8);
	l4[off->csum_offset + 1] = (uint8_t)checksum_fold(sum);
}

static void drain(struct nst *t)
{
	struct pkt *pkt;

	while ((pkt = net_link_take_output(t->stack, t->link))) {
		size_t len = net_pkt_len(pkt);
		struct frame *f = malloc(sizeof(*f) + len);
		struct net_offload off;

		if (!f)
			abort();
		*f = (struct frame){.us = t->now / 1000, .len = len};
		net_pkt_read(pkt, 0, f->data, len);
		net_pkt_get_offload(pkt, &off);
		finish_checksum(f->data, len, &off);
		net_pkt_free(pkt);
		*t->tail = f;
		t->tail = &f->next;
	}
}

static void try_blocked(struct nst *t)
{
	struct request *req = t->blocked;

	if (!req)
		return;

	int64_t r = ns_attempt(t, req);

	if (r == NS_BLOCK)
		return;
	req->result = r;
	req->done = true;
	req->end_us = t->now / 1000;
	t->blocked = NULL;
}

/* Everything that is due now. */
static void settle(struct nst *t)
{
	struct net_event ev;

	for (int i = 0; i < 1000; i++) {
		struct request *blocked = t->blocked;

		net_stack_poll(t->stack, t->now);
		drain(t);
		while (net_stack_next_event(t->stack, &ev))
			ns_fd_woke(t, ev.cookie, ev.woke);
		try_blocked(t);
		if (net_stack_deadline(t->stack) > t->now && blocked == t->blocked)
			break;
	}
}

static net_time next_instant(struct nst *t)
{
	net_time at = net_stack_deadline(t->stack);

	if (t->blocked) {
		net_time limit = ns_call_deadline(t, t->blocked);

		at = limit < at ? limit : at;
	}
	return at <= t->now ? t->now + STEP_NS : at;
}

/* Moves to the next instant at which something happens, at most to @until. */
static void step(struct nst *t, net_time until)
{
	net_time at = next_instant(t);

	t->now = at < until ? at : until;
	settle(t);
}

static void nst_run_until(struct target *base, int64_t us)
{
	struct nst *t = nst_of(base);

	settle(t);
	while (t->now < us * 1000)
		step(t, us * 1000);
}

static int64_t nst_now(struct target *base)
{
	return nst_of(base)->now / 1000;
}

static int nst_inject(struct target *base, const uint8_t *data, size_t len)
{
	struct nst *t = nst_of(base);
	struct pkt *pkt;

	settle(t);
	pkt = net_pkt_new(t->stack, len);
	if (!pkt)
		return -ENOBUFS;

	int r = net_pkt_fill(pkt, data, len);

	if (r < 0) {
		net_pkt_free(pkt);
		return r;
	}
	r = net_link_input(t->stack, t->link, t->now, pkt);
	settle(t);
	t->now += STEP_NS;
	return r;
}

static struct frame *nst_take(struct target *base, int64_t until_us)
{
	struct nst *t = nst_of(base);

	settle(t);
	while (!t->head && t->now < until_us * 1000)
		step(t, until_us * 1000);

	struct frame *f = t->head;

	if (f) {
		t->head = f->next;
		if (!t->head)
			t->tail = &t->head;
	}
	return f;
}

static void nst_call(struct target *base, struct request *req)
{
	struct nst *t = nst_of(base);

	settle(t);
	req->begin_us = t->now / 1000;
	t->blocked = req;
	try_blocked(t);
	settle(t);
	t->now += STEP_NS;
}

static void nst_await(struct target *base, struct request *req, int64_t until_us)
{
	struct nst *t = nst_of(base);

	while (!req->done && t->now < until_us * 1000)
		step(t, until_us * 1000);
}

static void nst_cancel(struct target *base, struct request *req)
{
	if (nst_of(base)->blocked == req)
		nst_of(base)->blocked = NULL;
}

static int nst_sysctl(struct target *base, const char *name, const char *value)
{
	struct net_tunables tun;

	net_stack_get_tunables(nst_of(base)->stack, &tun);

	int r = ns_tunable(&tun, name, value);

	return r < 0 ? r : net_stack_set_tunables(nst_of(base)->stack, &tun);
}

/* Commands about the host's devices mean nothing here; others (files for sendfile()) are done as
 * the language has it: a script may do what its caller may. */
static int nst_command(struct target *base, const char *line, struct diag *diag)
{
	static const char *const ignored[] = {"tc ",   "ip ",	 "ethtool ", "sleep ",
					      "grep ", "nstat ", "../"};

	(void)base;
	line += strspn(line, " \t");
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		if (strncmp(line, ignored[i], strlen(ignored[i])) == 0)
			return 0;
	}
	return target_shell(line, diag);
}

static void nst_trace(struct target *base, int fd, FILE *to)
{
#define NAME(group, name) #group #name,
	static const char *const names[] = {NET_MIB_LIST(NAME)};
#undef NAME
	struct nst *t = nst_of(base);
	uint64_t mib[NET_MIB_COUNT];
	struct net_drop_info drop;
	bool any = false;

	(void)fd;
	net_info_mib(t->stack, mib);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (mib[i] == t->mib[i] || strncmp(names[i], "TcpRto", 6) == 0)
			continue;
		if (!any)
			fprintf(to, "# %9.6f", (double)t->now / 1e9);
		fprintf(to, " %s%+lld", names[i], (long long)(mib[i] - t->mib[i]));
		any = true;
	}
	memcpy(t->mib, mib, sizeof(mib));
	if (any)
		fputc('\n', to);
	while (net_drops_next(t->stack, &drop))
		fprintf(to, "# %9.6f dropped: %s\n", (double)drop.when / 1e9,
			net_drop_text(drop.why));

	struct net_sock_info socks[8];
	size_t n = net_info_socks(t->stack, IPPROTO_TCP, socks, 8);

	for (size_t i = 0; i < n && i < 8; i++) {
		if (socks[i].state != TCP_LISTEN)
			fprintf(to,
				"#           state %u cwnd %u ssthresh %d rto %lld us rexmits %u\n",
				socks[i].state, socks[i].cwnd, socks[i].ssthresh,
				(long long)socks[i].rto / 1000, socks[i].retransmits);
	}
}

static void nst_free(struct target *base)
{
	struct nst *t = nst_of(base);

	if (t->stack) {
		ns_fds_close(t);
		net_stack_free(t->stack);
	}
	while (t->head) {
		struct frame *f = t->head;

		t->head = f->next;
		free(f);
	}
	free(t);
}

static const struct target_ops nst_ops = {
	"netstack", false,     nst_free,   nst_now,    nst_run_until, nst_inject, nst_take,
	nst_call,   nst_await, nst_cancel, nst_sysctl, nst_command,   nst_trace,
};

static int configure(struct nst *t)
{
	const struct config *cfg = t->cfg;
	struct net_link_config link = {.kind = NET_LINK_IP, .name = "tun0", .mtu = cfg->mtu};
	struct net_ifaddr addr = {.prefix_len = (uint8_t)cfg->local.prefix_len};
	struct net_route route = {0};

	if (cfg->strict_segments) /* what the stack sends is looked at before a device cuts it */
		link.offloads = NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6 | NET_LINK_TSO_ECN;

	int r = net_link_attach(t->stack, &t->link, &link);

	if (r < 0)
		return r;
	addr.link = route.link = t->link;
	addr.addr.family = route.dst.family = (uint16_t)cfg->wire_family;
	memcpy(addr.addr.bytes, cfg->local.bytes, 16);
	r = net_addr_add(t->stack, &addr);
	return r < 0 ? r : net_route_add(t->stack, &route);
}

int target_netstack_new(struct target **ret, const struct config *cfg, struct diag *diag)
{
	struct nst *t = calloc(1, sizeof(*t));
	struct net_config nc;

	if (!t)
		return -ENOMEM;
	t->base.ops = &nst_ops;
	t->cfg = cfg;
	t->tail = &t->head;
	net_config_init(&nc);
	memset(nc.seed, 0x5a, sizeof(nc.seed));
	nc.tunables.ip6_dad_transmits = 0;

	int r = net_stack_new(&t->stack, &nc);

	if (r == 0)
		r = configure(t);
	if (r < 0) {
		nst_free(&t->base);
		return diag_set(diag, (struct loc){0}, "cannot make a stack: %s", strerror(-r));
	}
	net_drops_watch(t->stack, cfg->trace);
	*ret = &t->base;
	return 0;
}
