/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net, continued: sockets of other families, memberships, summaries, and the tables that are built
 * from several others. Formats are those that Linux prints (proc(5)). */
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "fs/procfs/procfs.h"
#include "net/netns.h"
#include "netlink/netlink.h"
#include "netstack/info.h"
#include "socket/unix.h"
#include "task/task.h"
#include "util/cleanup.h"

#define ROOM 64 /* objects that may appear between counting and looking */

/* --- sockets ------------------------------------------------------------------------------------------ */

static int show_netlink(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	static const int kernel_side[] = { NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER,
					   NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC };
	struct netns *ns = proc_net_ns(t);
	size_t n = nl_snapshot(ns, NULL, 0) + ROOM;
	struct nl_info *rows = calloc(n, sizeof(*rows));

	(void)pi;
	if (!rows)
		return -ENOMEM;
	n = MIN(nl_snapshot(ns, rows, n), n);
	seq_printf(s, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
	for (size_t i = 0; i < ARRAY_LEN(kernel_side); i++)
		seq_printf(s, "%016x %-3d %-10u %08x %-8d %-8d %-5d %-8d %-8u %-8llu\n", 0, kernel_side[i], 0U,
			   0U, 0, 0, 0, 2, 0U, 0ULL);
	for (size_t i = 0; i < n; i++)
		seq_printf(s, "%016x %-3d %-10u %08x %-8u %-8d %-5d %-8d %-8u %-8llu\n", 0,
			   rows[i].protocol, rows[i].port, rows[i].groups[0], rows[i].rmem, 0, 0, 2,
			   rows[i].drops, (unsigned long long)rows[i].inode);
	free(rows);
	return 0;
}

static void put_unix(struct seq *s, const struct unix_info *u)
{
	size_t len = u->name_len > offsetof(struct sockaddr_un, sun_path)
			     ? u->name_len - offsetof(struct sockaddr_un, sun_path)
			     : 0;
	size_t i = 0;

	/* Flags: __SO_ACCEPTCON. States: SS_UNCONNECTED 1, SS_CONNECTED 3. */
	seq_printf(s, "%016x: %08X %08X %08X %04X %02X %5llu", 0, u->refs, 0U, u->state == 10 ? 0x10000U : 0U,
		   (unsigned)u->type, u->peer ? 3U : 1U, (unsigned long long)u->inode);
	if (len) {
		seq_putc(s, ' ');
		if (!u->name.sun_path[0]) {
			seq_putc(s, '@');
			i++;
		} else {
			len--; /* the NUL of a path */
		}
		for (; i < len; i++)
			seq_putc(s, u->name.sun_path[i] ? u->name.sun_path[i] : '@');
	}
	seq_putc(s, '\n');
}

static int show_unix(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	size_t n = unix_snapshot(NULL, 0) + ROOM;
	struct unix_info *rows = calloc(n, sizeof(*rows));

	(void)pi;
	(void)t;
	if (!rows)
		return -ENOMEM;
	n = MIN(unix_snapshot(rows, n), n);
	seq_printf(s, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (size_t i = 0; i < n; i++)
		put_unix(s, &rows[i]);
	free(rows);
	return 0;
}

static int show_packet(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
	return 0;
}

/* --- how many -------------------------------------------------------------------------------------------- */

struct counts {
	unsigned used, tcp[2], udp[2], udplite[2], raw[2];
	struct net_memory_info mem;
};

static void count(struct net_stack *stack, int protocol, unsigned ret[2])
{
	size_t n = net_info_socks(stack, protocol, NULL, 0);
	struct net_sock_info *rows = calloc(n + 1, sizeof(*rows));

	n = rows ? MIN(net_info_socks(stack, protocol, rows, n), n) : 0;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].sock)
			ret[rows[i].family == AF_INET6]++;
	}
	free(rows);
}

static void counts_take(struct task *t, struct counts *c)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);

	*c = (struct counts){ 0 };
	count(stack, IPPROTO_TCP, c->tcp);
	count(stack, IPPROTO_UDP, c->udp);
	count(stack, IPPROTO_UDPLITE, c->udplite);
	count(stack, IPPROTO_RAW, c->raw);
	net_info_memory(stack, &c->mem);
	netns_unlock_query(ns);
	c->used = c->mem.sockets + (unsigned)unix_snapshot(NULL, 0) + (unsigned)nl_snapshot(ns, NULL, 0);
}

static int show_sockstat(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct counts c;

	(void)pi;
	counts_take(t, &c);
	seq_printf(s, "sockets: used %u\n", c.used);
	seq_printf(s, "TCP: inuse %u orphan %u tw %u alloc %u mem %llu\n", c.tcp[0], c.mem.tcp_orphans,
		   c.mem.tcp_timewait, c.tcp[0] + c.tcp[1], (unsigned long long)c.mem.pkt_bytes / 4096);
	seq_printf(s, "UDP: inuse %u mem 0\nUDPLITE: inuse %u\nRAW: inuse %u\nFRAG: inuse %u memory %u\n",
		   c.udp[0], c.udplite[0], c.raw[0], c.mem.reasm_bytes ? 1U : 0U, c.mem.reasm_bytes);
	return 0;
}

static int show_sockstat6(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct counts c;

	(void)pi;
	counts_take(t, &c);
	seq_printf(s, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse %u\nRAW6: inuse %u\n"
		      "FRAG6: inuse 0 memory 0\n",
		   c.tcp[1], c.udp[1], c.udplite[1], c.raw[1]);
	return 0;
}

static int show_protocols(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct counts c;

	(void)pi;
	counts_take(t, &c);

	const struct {
		const char *name;
		unsigned sockets;
		const char *memory, *press;
		unsigned max_hdr;
		const char *calls;
	} rows[] = {
		{ "RAWv6", c.raw[1], "    -1", "NI", 0, "y  y  y  n  y  y  y  n  y  y  y  y  y  y  y  y  n  n" },
		{ "UDPLITEv6", c.udplite[1], "     0", "NI", 0,
		  "y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n" },
		{ "UDPv6", c.udp[1], "     0", "NI", 0, "y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n" },
		{ "TCPv6", c.tcp[1], "     0", "no", 192,
		  "y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y" },
		{ "UNIX", (unsigned)unix_snapshot(NULL, 0), "    -1", "NI", 0,
		  "y  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n" },
		{ "RAW", c.raw[0], "    -1", "NI", 0, "y  y  y  n  y  y  y  n  y  y  y  y  y  y  y  y  n  n" },
		{ "UDP-Lite", c.udplite[0], "     0", "NI", 0,
		  "y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n" },
		{ "UDP", c.udp[0], "     0", "NI", 0, "y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n" },
		{ "TCP", c.tcp[0], "     0", "no", 192,
		  "y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y" },
		{ "NETLINK", (unsigned)nl_snapshot(proc_net_ns(t), NULL, 0), "    -1", "NI", 0,
		  "n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n" },
	};

	seq_printf(s, "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss "
		      "gs se re bi br ha uh gp em\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		seq_printf(s, "%-9s %4u %6u  %s   %s   %5u   no   kernel      %s\n", rows[i].name, 1024U,
			   rows[i].sockets, rows[i].memory, rows[i].press, rows[i].max_hdr, rows[i].calls);
	return 0;
}

/* --- memberships --------------------------------------------------------------------------------------- */

struct groups {
	struct net_link_info *links;
	struct net_mcast_info *groups;
	struct net_maddr_info *maddrs;
	size_t n_links, n_groups, n_maddrs;
};

static void groups_fini(struct groups *g)
{
	free(g->links);
	free(g->groups);
	free(g->maddrs);
}

static int groups_take(struct task *t, struct groups *g)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t links = net_info_links(stack, NULL, 0), groups = net_info_mcast(stack, NULL, 0);
	size_t maddrs = net_info_maddrs(stack, NULL, 0);

	g->links = calloc(links + 1, sizeof(*g->links));
	g->groups = calloc(groups + 1, sizeof(*g->groups));
	g->maddrs = calloc(maddrs + 1, sizeof(*g->maddrs));
	if (g->links && g->groups && g->maddrs) {
		g->n_links = MIN(net_info_links(stack, g->links, links), links);
		g->n_groups = MIN(net_info_mcast(stack, g->groups, groups), groups);
		g->n_maddrs = MIN(net_info_maddrs(stack, g->maddrs, maddrs), maddrs);
	}
	netns_unlock_query(ns);
	if (g->links && g->groups && g->maddrs)
		return 0;
	groups_fini(g);
	return -ENOMEM;
}

static unsigned count_groups(const struct groups *g, net_link_id link, int family)
{
	unsigned n = 0;

	for (size_t i = 0; i < g->n_groups; i++)
		n += g->groups[i].link == link && g->groups[i].group.family == family;
	return n;
}

static int show_igmp(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct groups g;
	int r = groups_take(t, &g);

	(void)pi;
	if (r < 0)
		return r;
	seq_printf(s, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
	for (size_t i = 0; i < g.n_links; i++) {
		const struct net_link_info *l = &g.links[i];

		/* Every link is a member of 224.0.0.1, which is never reported. */
		seq_printf(s, "%d\t%-10s: %5u      %2s\n", l->link, l->name,
			   count_groups(&g, l->link, AF_INET) + 1, "V3");
		for (size_t j = 0; j < g.n_groups; j++) {
			if (g.groups[j].link == l->link && g.groups[j].group.family == AF_INET)
				seq_printf(s, "\t\t\t\t%08X %5u %d:%08X\t\t%d\n",
					   g.groups[j].group.word[0], g.groups[j].users, 0, 0U, 0);
		}
		seq_printf(s, "\t\t\t\t%08X %5u %d:%08X\t\t%d\n", htonl(INADDR_ALLHOSTS_GROUP), 1U, 0, 0U, 0);
	}
	groups_fini(&g);
	return 0;
}

static void put_hex(struct seq *s, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seq_printf(s, "%02x", bytes[i]);
}

static int show_igmp6(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t node_local[16] = { 0xff, 0x01, [15] = 1 };
	struct groups g;
	int r = groups_take(t, &g);

	(void)pi;
	if (r < 0)
		return r;
	for (size_t i = 0; i < g.n_links; i++) {
		const struct net_link_info *l = &g.links[i];

		for (size_t j = 0; j < g.n_groups; j++) {
			if (g.groups[j].link != l->link || g.groups[j].group.family != AF_INET6)
				continue;
			seq_printf(s, "%-4d %-15s ", l->link, l->name);
			put_hex(s, g.groups[j].group.v6, 16);
			seq_printf(s, " %5u %08X %d\n", g.groups[j].users, 4U, 0);
		}
		seq_printf(s, "%-4d %-15s ", l->link, l->name);
		put_hex(s, all_nodes, 16);
		seq_printf(s, " %5u %08X %d\n", 1U, 0xcU, 0);
		seq_printf(s, "%-4d %-15s ", l->link, l->name);
		put_hex(s, node_local, 16);
		seq_printf(s, " %5u %08X %d\n", 1U, 8U, 0);
	}
	groups_fini(&g);
	return 0;
}

static int show_dev_mcast(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct groups g;
	int r = groups_take(t, &g);

	(void)pi;
	if (r < 0)
		return r;
	for (size_t i = 0; i < g.n_links; i++) {
		for (size_t j = 0; j < g.n_maddrs; j++) {
			if (g.maddrs[j].link != g.links[i].link)
				continue;
			seq_printf(s, "%-4d %-15s %-5u %-5u ", g.links[i].link, g.links[i].name,
				   g.maddrs[j].users, 0U);
			put_hex(s, g.maddrs[j].mac, 6);
			seq_putc(s, '\n');
		}
	}
	groups_fini(&g);
	return 0;
}

static int show_sources(struct task *t, struct seq *s, int family)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t n = net_info_mcast_sources(stack, NULL, 0);
	struct net_mcast_source_info *rows = calloc(n + 1, sizeof(*rows));

	n = rows ? MIN(net_info_mcast_sources(stack, rows, n), n) : 0;
	for (size_t i = 0; i < n; i++) {
		struct net_link_info l = { 0 };

		if (rows[i].group.family != family)
			continue;
		(void)net_info_link(stack, rows[i].link, &l);
		seq_printf(s, "%3d %6.6s ", rows[i].link, l.name);
		if (family == AF_INET) {
			seq_printf(s, "0x%08x 0x%08x", ntohl(rows[i].group.word[0]),
				   ntohl(rows[i].source.word[0]));
		} else {
			put_hex(s, rows[i].group.v6, 16);
			seq_putc(s, ' ');
			put_hex(s, rows[i].source.v6, 16);
		}
		seq_printf(s, " %6u %6u\n", rows[i].inc, rows[i].exc);
	}
	netns_unlock_query(ns);
	free(rows);
	return rows ? 0 : -ENOMEM;
}

static int show_mcfilter(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	seq_printf(s, "Idx Device        MCA        SRC    INC    EXC\n");
	return show_sources(t, s, AF_INET);
}

static int show_mcfilter6(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	seq_printf(s, "Idx Device                Multicast Address                   Source Address    INC    EXC\n");
	return show_sources(t, s, AF_INET6);
}

/* --- routes as a trie ------------------------------------------------------------------------------------ */

static const char *type_name(const struct net_route *r)
{
	static const char *const names[] = { "UNICAST",	  "UNREACHABLE", "BLACKHOLE", "PROHIBIT",
					     "THROW",	  "LOCAL",	 "BROADCAST", "MULTICAST" };

	return names[r->type & 7];
}

static const char *scope_name(const struct net_route *r)
{
	if (r->type == NET_ROUTE_LOCAL)
		return "host";
	return r->gateway.family || (r->type != NET_ROUTE_UNICAST && r->type != NET_ROUTE_BROADCAST)
		       ? "universe"
		       : "link";
}

static int by_prefix(const void *a, const void *b)
{
	const struct net_route *x = a, *y = b;
	uint32_t ax = ntohl(x->dst.word[0]), ay = ntohl(y->dst.word[0]);

	if (ax != ay)
		return ax < ay ? -1 : 1;
	return (int)y->prefix_len - (int)x->prefix_len;
}

/* The tables are hashes by prefix: shown as a trie of one level. */
static void put_trie(struct seq *s, const char *name, struct net_route *r, size_t n)
{
	const uint8_t *last = NULL;
	unsigned bits = 0;

	qsort(r, n, sizeof(*r), by_prefix);
	while ((1u << bits) < n && bits < 16)
		bits++;
	seq_printf(s, "%s:\n  +-- 0.0.0.0/0 %u 0 0\n", name, bits);
	for (size_t i = 0; i < n; i++) {
		if (!last || memcmp(last, r[i].dst.v4, 4) != 0)
			seq_printf(s, "     |-- %u.%u.%u.%u\n", r[i].dst.v4[0], r[i].dst.v4[1], r[i].dst.v4[2],
				   r[i].dst.v4[3]);
		last = r[i].dst.v4;
		seq_printf(s, "        /%u %s %s\n", r[i].prefix_len, scope_name(&r[i]), type_name(&r[i]));
	}
}

/* The IPv4 routes of the main (or local) table. */
static size_t routes_of(struct task *t, bool local, struct net_route **ret)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t n = local ? net_info_local_routes(stack, NULL, 0) : net_info_routes(stack, NULL, 0);
	struct net_route *r = calloc(n + 1, sizeof(*r));
	size_t kept = 0;

	if (r)
		n = MIN(local ? net_info_local_routes(stack, r, n) : net_info_routes(stack, r, n), n);
	netns_unlock_query(ns);
	for (size_t i = 0; r && i < n; i++) {
		bool main = !r[i].table || r[i].table == NET_TABLE_MAIN;

		if (r[i].dst.family == AF_INET && (local || main))
			r[kept++] = r[i];
	}
	*ret = r;
	return kept;
}

static int show_fib_trie(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	for (int local = 0; local < 2; local++) {
		struct net_route *r;
		size_t n = routes_of(t, local, &r);

		if (!r)
			return -ENOMEM;
		put_trie(s, local ? "Local" : "Main", r, n);
		free(r);
	}
	return 0;
}

static int show_fib_triestat(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	seq_printf(s, "Basic info: size of leaf: %zu bytes, size of tnode: 0 bytes.\n", sizeof(struct net_route));
	for (int local = 0; local < 2; local++) {
		struct net_route *r;
		size_t n = routes_of(t, local, &r);

		free(r);
		seq_printf(s, "%s:\n\tAver depth:     %u.00\n\tMax depth:      %u\n\tLeaves:         %zu\n"
			      "\tPrefixes:       %zu\n\tInternal nodes: 1\n\tPointers: %zu\nNull ptrs: 0\n"
			      "Total size: %zu  kB\n",
			   local ? "Local" : "Main", n ? 1U : 0U, n ? 1U : 0U, n, n, n,
			   n * sizeof(struct net_route) / 1024 + 1);
	}
	return 0;
}

/* --- the rest -------------------------------------------------------------------------------------------- */

static int show_text(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)t;
	seq_printf(s, "%s", (const char *)pi->data);
	return 0;
}

/* Per CPU in Linux; the stack has one queue. */
static int show_softnet(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct groups g;
	uint64_t packets = 0, dropped = 0;
	int r = groups_take(t, &g);

	(void)pi;
	if (r < 0)
		return r;
	for (size_t i = 0; i < g.n_links; i++) {
		packets += g.links[i].rx_packets;
		dropped += g.links[i].rx_dropped;
	}
	groups_fini(&g);
	seq_printf(s, "%08x %08x", (uint32_t)packets, (uint32_t)dropped);
	for (int i = 0; i < 13; i++)
		seq_printf(s, " %08x", 0U);
	seq_putc(s, '\n');
	return 0;
}

/* Formats of a fixed length: a head line padded as Linux pads it. */
static int show_rt_cache(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "%-127s\n", "Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tMetric\tSource\t\tMTU\t"
				  "Window\tIRTT\tTOS\tHHRef\tHHUptod\tSpecDst");
	return 0;
}

static int show_rt6_stats(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t n = net_info_routes(stack, NULL, 0), v6 = 0;
	struct net_route *r = calloc(n + 1, sizeof(*r));

	(void)pi;
	n = r ? MIN(net_info_routes(stack, r, n), n) : 0;
	netns_unlock_query(ns);
	for (size_t i = 0; i < n; i++)
		v6 += r[i].dst.family == AF_INET6;
	free(r);
	seq_printf(s, "%04zx %04zx %04x %04zx %04x %04x %04x\n", v6, v6, 0, v6, 0, 0, 0);
	return 0;
}

#define OPS(name) static const struct pseudo_ops name##_ops = { .show = show_##name }
OPS(netlink);
OPS(unix);
OPS(packet);
OPS(sockstat);
OPS(sockstat6);
OPS(protocols);
OPS(igmp);
OPS(igmp6);
OPS(dev_mcast);
OPS(mcfilter);
OPS(mcfilter6);
OPS(fib_trie);
OPS(fib_triestat);
OPS(softnet);
OPS(rt_cache);
OPS(rt6_stats);
OPS(text);

int proc_net_fill_more(struct pseudo_inode *dir)
{
	static const struct {
		const char *name;
		const struct pseudo_ops *ops;
		const char *text;
	} files[] = {
		{ "netlink", &netlink_ops, NULL },
		{ "unix", &unix_ops, NULL },
		{ "packet", &packet_ops, NULL },
		{ "sockstat", &sockstat_ops, NULL },
		{ "sockstat6", &sockstat6_ops, NULL },
		{ "protocols", &protocols_ops, NULL },
		{ "igmp", &igmp_ops, NULL },
		{ "igmp6", &igmp6_ops, NULL },
		{ "dev_mcast", &dev_mcast_ops, NULL },
		{ "mcfilter", &mcfilter_ops, NULL },
		{ "mcfilter6", &mcfilter6_ops, NULL },
		{ "fib_trie", &fib_trie_ops, NULL },
		{ "fib_triestat", &fib_triestat_ops, NULL },
		{ "softnet_stat", &softnet_ops, NULL },
		{ "rt_cache", &rt_cache_ops, NULL },
		{ "rt6_stats", &rt6_stats_ops, NULL },
		/* The stack's clock counts nanoseconds, tc's 64 of them. */
		{ "psched", &text_ops, "000003e8 00000040 000f4240 3b9aca00\n" },
		{ "ptype", &text_ops,
		  "Type Device      Function\n0800          ip_rcv\n0806          arp_rcv\n86dd          ipv6_rcv\n" },
		{ "anycast6", &text_ops, "" },
		{ "ip6_flowlabel", &text_ops,
		  "Label S Owner  Users  Linger Expires  Dst                              Opt\n" },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		r = pseudo_add(dir, files[i].name, 0100444, files[i].ops, (void *)(uintptr_t)files[i].text,
			       0, NULL);
	return r;
}
