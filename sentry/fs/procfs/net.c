/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net: the tables of the network namespace in the kernel's own formats (proc(5), and the column
 * heads as Linux prints them). */
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "fs/procfs/procfs.h"
#include "net/netns.h"
#include "netstack/info.h"
#include "task/task.h"
#include "util/cleanup.h"

struct netns *proc_net_ns(struct task *t)
{
	return t && t->net ? t->net : kernel_get()->net;
}

struct pseudo_inode *proc_net_of(struct super *sb)
{
	return pseudo_child(pseudo_root(sb), ".net");
}

/* "0100007F:1F90": words of the address in host order, as Linux prints network-order memory. */
static void put_endpoint(struct seq *s, const struct net_endpoint *e, bool v6)
{
	uint32_t w[4] = { 0 };

	memcpy(w, e->addr.bytes, sizeof(w));
	if (!v6) {
		seq_printf(s, "%08X:%04X ", w[0], e->port);
		return;
	}
	if (e->addr.family == AF_INET) {
		w[3] = w[0];
		w[0] = w[1] = 0;
		w[2] = htonl(0xffff);
	}
	seq_printf(s, "%08X%08X%08X%08X:%04X ", w[0], w[1], w[2], w[3], e->port);
}

static void put_sock(struct seq *s, const struct net_sock_info *r, size_t line, bool tcp, bool wide)
{
	bool v6 = r->family == AF_INET6;
	size_t start = s->len;

	seq_printf(s, "%*zu: ", wide ? 5 : 4, line);
	put_endpoint(s, &r->local, v6);
	put_endpoint(s, &r->remote, v6);
	seq_printf(s, "%02X %08X:%08X %02X:%08llX %08X %5u %8u %llu %u 0000000000000000", r->state,
		   tcp && r->state == 10 ? 0 : r->tx_queue, r->rx_queue, r->timer_active,
		   (unsigned long long)(r->timer_left > 0 ? r->timer_left / 10000000 : 0),
		   r->retransmits, r->uid, r->probes, (unsigned long long)r->inode, r->refs);
	if (tcp)
		seq_printf(s, " %lld %lld %u %u %d", (long long)(r->rto / 10000000),
			   (long long)(r->ato / 10000000), r->quick, r->cwnd, r->ssthresh);
	else
		seq_printf(s, " %u", r->drops);
	/* IPv4's lines have a fixed length. */
	for (size_t len = s->len - start; !v6 && !s->failed && len < (tcp ? 149u : 127u); len++)
		seq_putc(s, ' ');
	seq_putc(s, '\n');
}

static void put_sock_head(struct seq *s, bool tcp, bool v6, bool wide)
{
	if (v6)
		seq_printf(s, "  sl  local_address                         remote_address                        st "
			      "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode%s\n",
			   tcp ? "" : " ref pointer drops");
	else if (tcp)
		seq_printf(s, "%-149s\n", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
					  "retrnsmt   uid  timeout inode");
	else
		seq_printf(s, "%-127s\n",
			   wide ? "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
				  "   uid  timeout inode ref pointer drops"
				: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
				  "   uid  timeout inode ref pointer drops");
}

static int show_socks(struct task *t, struct seq *s, int protocol, bool v6)
{
	struct net_sock_info *rows;
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t n = net_info_socks(stack, protocol, NULL, 0);
	bool tcp = protocol == IPPROTO_TCP;
	bool wide = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;

	rows = calloc(n + 1, sizeof(*rows));
	n = rows ? MIN(net_info_socks(stack, protocol, rows, n), n) : 0;
	netns_unlock_query(ns);
	if (!rows)
		return -ENOMEM;
	put_sock_head(s, tcp, v6, wide);
	for (size_t i = 0, line = 0; i < n; i++) {
		if ((rows[i].family == AF_INET6) == v6)
			put_sock(s, &rows[i], line++, tcp, wide);
	}
	free(rows);
	return 0;
}

#define SOCK_FILE(name, protocol, v6)                                                              \
	static int show_##name(struct pseudo_inode *pi, struct task *t, struct seq *s)             \
	{                                                                                          \
		(void)pi;                                                                          \
		return show_socks(t, s, protocol, v6);                                             \
	}
SOCK_FILE(tcp, IPPROTO_TCP, false)
SOCK_FILE(tcp6, IPPROTO_TCP, true)
SOCK_FILE(udp, IPPROTO_UDP, false)
SOCK_FILE(udp6, IPPROTO_UDP, true)
SOCK_FILE(udplite, IPPROTO_UDPLITE, false)
SOCK_FILE(udplite6, IPPROTO_UDPLITE, true)
SOCK_FILE(icmp, IPPROTO_ICMP, false)
SOCK_FILE(icmp6, IPPROTO_ICMPV6, true)
SOCK_FILE(raw, IPPROTO_RAW, false)
SOCK_FILE(raw6, IPPROTO_RAW, true)

static const char *link_name(const struct net_link_info *links, size_t n, net_link_id id)
{
	for (size_t i = 0; i < n; i++) {
		if (links[i].link == id)
			return links[i].name;
	}
	return "*";
}

/* Links, routes, addresses and neighbours of one instant. */
struct tables {
	struct net_link_info *links;
	struct net_route *routes;
	struct net_ifaddr *addrs;
	struct net_neigh *neighs;
	size_t n_links, n_routes, n_addrs, n_neighs;
};

static void tables_free(struct tables *x)
{
	free(x->links);
	free(x->routes);
	free(x->addrs);
	free(x->neighs);
	free(x);
}

#define FILL(array, count, call)                                                                   \
	do {                                                                                       \
		size_t have_ = call(stack, NULL, 0);                                               \
                                                                                                   \
		(array) = calloc(have_ + 1, sizeof(*(array)));                                     \
		(count) = (array) ? MIN(call(stack, (array), have_), have_) : 0;                   \
	} while (0)

static struct tables *tables_get(struct task *t)
{
	struct tables *x = calloc(1, sizeof(*x));
	struct netns *ns = proc_net_ns(t);

	if (!x)
		return NULL;
	struct net_stack *stack = netns_lock(ns);

	FILL(x->links, x->n_links, net_info_links);
	FILL(x->routes, x->n_routes, net_info_routes);
	FILL(x->addrs, x->n_addrs, net_info_addrs);
	FILL(x->neighs, x->n_neighs, net_info_neighs);
	netns_unlock_query(ns);
	return x;
}

static int show_dev(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct tables *x = tables_get(t);

	(void)pi;
	if (!x)
		return -ENOMEM;
	seq_printf(s, "Inter-|   Receive                                                |  Transmit\n"
		      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
		      "errs drop fifo colls carrier compressed\n");
	for (size_t i = 0; i < x->n_links; i++) {
		const struct net_link_info *l = &x->links[i];

		seq_printf(s, "%6s: %7llu %7llu %4llu %4llu    0     0          0 %9llu %8llu %7llu %4llu %4llu    0"
			      "     0       0          0\n",
			   l->name, (unsigned long long)l->rx_bytes, (unsigned long long)l->rx_packets,
			   (unsigned long long)l->rx_errors, (unsigned long long)l->rx_dropped,
			   (unsigned long long)l->rx_multicast, (unsigned long long)l->tx_bytes,
			   (unsigned long long)l->tx_packets, (unsigned long long)l->tx_errors,
			   (unsigned long long)l->tx_dropped);
	}
	tables_free(x);
	return 0;
}

static int show_route(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct tables *x = tables_get(t);

	(void)pi;
	if (!x)
		return -ENOMEM;
	seq_printf(s, "%-127s\n", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
				  "                                                       ");
	for (size_t i = 0; i < x->n_routes; i++) {
		const struct net_route *r = &x->routes[i];
		uint32_t mask = r->prefix_len ? htonl(UINT32_MAX << (32 - MIN(r->prefix_len, 32))) : 0;
		const struct net_addr *gw = r->nhops ? &r->hops[0].gateway : &r->gateway;
		unsigned flags = RTF_UP | (gw->family ? RTF_GATEWAY : 0U) |
				 (r->prefix_len == 32 ? RTF_HOST : 0U) |
				 (r->type == NET_ROUTE_UNREACHABLE || r->type == NET_ROUTE_PROHIBIT
					  ? RTF_REJECT
					  : 0U);
		char line[160];

		if (r->dst.family != AF_INET || (r->table && r->table != NET_TABLE_MAIN))
			continue;
		snprintf(line, sizeof(line), "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t%u\t0\t0",
			 link_name(x->links, x->n_links, r->nhops ? r->hops[0].link : r->link),
			 r->dst.word[0], gw->family == AF_INET ? gw->word[0] : 0, flags, r->metric, mask,
			 r->mtu);
		seq_printf(s, "%-127s\n", line);
	}
	tables_free(x);
	return 0;
}

static void put_hex16(struct seq *s, const struct net_addr *a)
{
	for (int i = 0; i < 16; i++)
		seq_printf(s, "%02x", a->family ? a->bytes[i] : 0);
}

static void put_route6(struct seq *s, const struct tables *x, const struct net_route *r)
{
	unsigned flags = RTF_UP | (r->gateway.family ? RTF_GATEWAY : 0U) |
			 (r->prefix_len == 128 ? RTF_HOST : 0U) |
			 (r->type == NET_ROUTE_LOCAL ? 0x80000000U /* RTF_LOCAL */ : 0U) |
			 (r->type == NET_ROUTE_UNREACHABLE || r->type == NET_ROUTE_PROHIBIT ||
					  r->type == NET_ROUTE_BLACKHOLE
				  ? RTF_REJECT | 0x200000U /* RTF_NONEXTHOP */
				  : 0U);

	if (r->dst.family != AF_INET6)
		return;
	put_hex16(s, &r->dst);
	seq_printf(s, " %02x 00000000000000000000000000000000 00 ", r->prefix_len);
	put_hex16(s, &r->gateway);
	seq_printf(s, " %08x 00000001 00000000 %08x %8s\n", r->metric ? r->metric : 1024, flags,
		   link_name(x->links, x->n_links, r->link));
}

static int show_ipv6_route(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct tables *x = tables_get(t);

	(void)pi;
	if (!x)
		return -ENOMEM;
	for (size_t i = 0; i < x->n_routes; i++)
		put_route6(s, x, &x->routes[i]);
	tables_free(x);
	return 0;
}

static int show_if_inet6(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct tables *x = tables_get(t);

	(void)pi;
	if (!x)
		return -ENOMEM;
	for (size_t i = 0; i < x->n_addrs; i++) {
		const struct net_ifaddr *a = &x->addrs[i];
		unsigned scope = 0;

		if (a->addr.family != AF_INET6)
			continue;
		if (a->link == NET_LINK_LOOPBACK_ID)
			scope = 0x10;
		else if (a->addr.v6[0] == 0xfe && (a->addr.v6[1] & 0xc0) == 0x80)
			scope = 0x20;
		put_hex16(s, &a->addr);
		seq_printf(s, " %02x %02x %02x %02x %8s\n", (unsigned)a->link, a->prefix_len, scope,
			   (a->valid_until ? 0 : IFA_F_PERMANENT) |
				   (a->tentative ? IFA_F_TENTATIVE : 0) |
				   (a->duplicate ? IFA_F_DADFAILED : 0) |
				   (a->deprecated ? IFA_F_DEPRECATED : 0) |
				   (a->temporary ? IFA_F_TEMPORARY : 0),
			   link_name(x->links, x->n_links, a->link));
	}
	tables_free(x);
	return 0;
}

static int show_arp(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct tables *x = tables_get(t);

	(void)pi;
	if (!x)
		return -ENOMEM;
	seq_printf(s, "IP address       HW type     Flags       HW address            Mask     Device\n");
	for (size_t i = 0; i < x->n_neighs; i++) {
		const struct net_neigh *n = &x->neighs[i];
		char ip[16];

		if (n->addr.family != AF_INET || n->proxy)
			continue;
		snprintf(ip, sizeof(ip), "%u.%u.%u.%u", n->addr.v4[0], n->addr.v4[1], n->addr.v4[2],
			 n->addr.v4[3]);
		seq_printf(s, "%-16s 0x1         0x%x         %02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", ip,
			   n->state == NET_NEIGH_PERMANENT ? 6U
			   : n->state & (NET_NEIGH_INCOMPLETE | NET_NEIGH_FAILED) ? 0U
										  : 2U,
			   n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5],
			   link_name(x->links, x->n_links, n->link));
	}
	tables_free(x);
	return 0;
}

/* Two lines per group: names, values. */
static void put_groups(struct seq *s, const uint64_t *mib, const char *const *groups)
{
	for (; *groups; groups++) {
		bool any = false;

		for (int i = 0; i < NET_MIB_COUNT; i++)
			any |= strcmp(net_mib_group((enum net_mib)i), *groups) == 0;
		if (!any)
			continue;
		seq_printf(s, "%s:", *groups);
		for (int i = 0; i < NET_MIB_COUNT; i++) {
			if (strcmp(net_mib_group((enum net_mib)i), *groups) == 0)
				seq_printf(s, " %s", net_mib_name((enum net_mib)i));
		}
		seq_printf(s, "\n%s:", *groups);
		for (int i = 0; i < NET_MIB_COUNT; i++) {
			if (strcmp(net_mib_group((enum net_mib)i), *groups) == 0)
				seq_printf(s, " %lld", (long long)mib[i]);
		}
		seq_printf(s, "\n");
	}
}

static int show_mib(struct task *t, struct seq *s, const char *const *groups)
{
	uint64_t mib[NET_MIB_COUNT];
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);

	net_info_mib(stack, mib);
	netns_unlock_query(ns);
	put_groups(s, mib, groups);
	return 0;
}

static int show_snmp(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	static const char *const groups[] = { "Ip", "Icmp", "Tcp", "Udp", "UdpLite", NULL };

	(void)pi;
	return show_mib(t, s, groups);
}

static int show_netstat(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	static const char *const groups[] = { "TcpExt", "IpExt", NULL };

	(void)pi;
	return show_mib(t, s, groups);
}

static int show_snmp6(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	uint64_t mib[NET_MIB_COUNT];
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);

	(void)pi;
	net_info_mib(stack, mib);
	netns_unlock_query(ns);
	for (int i = 0; i < NET_MIB_COUNT; i++) {
		const char *group = net_mib_group((enum net_mib)i);
		char name[64];

		if (group[strlen(group) - 1] != '6')
			continue;
		snprintf(name, sizeof(name), "%s%s", group, net_mib_name((enum net_mib)i));
		seq_printf(s, "%-32s\t%llu\n", name, (unsigned long long)mib[i]);
	}
	return 0;
}

#define OPS(name) static const struct pseudo_ops name##_ops = { .show = show_##name }
OPS(dev);
OPS(tcp);
OPS(tcp6);
OPS(udp);
OPS(udp6);
OPS(icmp);
OPS(icmp6);
OPS(udplite);
OPS(udplite6);
OPS(raw);
OPS(raw6);
OPS(route);
OPS(ipv6_route);
OPS(if_inet6);
OPS(arp);
OPS(snmp);
OPS(netstat);
OPS(snmp6);

int proc_net_fill(struct pseudo_inode *dir)
{
	static const struct {
		const char *name;
		const struct pseudo_ops *ops;
	} files[] = {
		{ "dev", &dev_ops },	     { "tcp", &tcp_ops },	{ "tcp6", &tcp6_ops },
		{ "udp", &udp_ops },	     { "udp6", &udp6_ops },	{ "udplite", &udplite_ops },
		{ "udplite6", &udplite6_ops }, { "icmp", &icmp_ops },	{ "icmp6", &icmp6_ops },
		{ "raw", &raw_ops },	     { "raw6", &raw6_ops },	{ "route", &route_ops },
		{ "ipv6_route", &ipv6_route_ops }, { "if_inet6", &if_inet6_ops },
		{ "arp", &arp_ops },	     { "snmp", &snmp_ops },	{ "netstat", &netstat_ops },
		{ "snmp6", &snmp6_ops },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		r = proc_file(dir, files[i].name, files[i].ops);
	if (r == 0)
		r = proc_nf_fill(dir);
	return r < 0 ? r : proc_net_fill_more(dir);
}
