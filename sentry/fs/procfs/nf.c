/* SPDX-License-Identifier: Apache-2.0 */
/* Netfilter in procfs: /proc/net/nf_conntrack, /proc/sys/net/netfilter. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/procfs/procfs.h"
#include "net/netns.h"
#include "netstack/nf.h"
#include "task/task.h"
#include "util/cleanup.h"

/* --- connections -------------------------------------------------------------------------------------------- */

static void put_tuple(struct seq *s, const struct net_ct_tuple *t)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	inet_ntop(t->src.family, t->src.bytes, src, sizeof(src));
	inet_ntop(t->dst.family, t->dst.bytes, dst, sizeof(dst));
	seq_printf(s, "src=%s dst=%s ", src, dst);
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6)
		seq_printf(s, "type=%u code=%u id=%u ", t->dport >> 8, t->dport & 0xff, t->sport);
	else
		seq_printf(s, "sport=%u dport=%u ", t->sport, t->dport);
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return "unknown";
	}
}

static void put_ct(struct seq *s, const struct net_ct_info *ct)
{
	static const char *const states[] = { "NONE",	    "SYN_SENT",	  "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
					      "CLOSE_WAIT", "LAST_ACK",	  "TIME_WAIT", "CLOSE",	     "SYN_SENT2" };
	bool v4 = ct->orig.src.family == AF_INET;

	seq_printf(s, "%-8s %u %-8s %u %u ", v4 ? "ipv4" : "ipv6", ct->orig.src.family,
		   proto_name(ct->orig.proto), ct->orig.proto, ct->timeout_s);
	if (ct->orig.proto == IPPROTO_TCP)
		seq_printf(s, "%s ", states[ct->tcp_state % ARRAY_LEN(states)]);
	put_tuple(s, &ct->orig);
	if (!(ct->status & 2)) /* IPS_SEEN_REPLY */
		seq_printf(s, "[UNREPLIED] ");
	put_tuple(s, &ct->reply);
	if (ct->status & 4) /* IPS_ASSURED */
		seq_printf(s, "[ASSURED] ");
	seq_printf(s, "mark=%u zone=0 use=2\n", ct->mark);
}

static int show_conntrack(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t n = net_info_conntrack(stack, NULL, 0);
	struct net_ct_info *all = calloc(n + 1, sizeof(*all));

	(void)pi;
	n = all ? MIN(net_info_conntrack(stack, all, n), n) : 0;
	netns_unlock_query(ns);
	for (size_t i = 0; i < n; i++)
		put_ct(s, &all[i]);
	free(all);
	return all ? 0 : -ENOMEM;
}

/* --- settings: pi->arg is the number of one ------------------------------------------------------------------ */

static int show_setting(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct netns *ns = proc_net_ns(t);
	int32_t v = net_ct_setting_get(netns_lock(ns), (unsigned)pi->arg);

	netns_unlock_query(ns);
	seq_printf(s, "%d\n", v);
	return 0;
}

static ssize_t store_setting(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	char text[32] = "", *end;
	long v;
	int r;

	if (!task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	memcpy(text, buf, MIN(len, sizeof(text) - 1));
	errno = 0;
	v = strtol(text, &end, 0);
	if (end == text || errno || v < 0 || v > INT32_MAX || end[strspn(end, " \t\n")])
		return -EINVAL;
	r = net_ct_setting_set(netns_lock(t->net), (unsigned)pi->arg, (int32_t)v);
	netns_unlock(t->net);
	return r < 0 ? r : (ssize_t)len;
}

static const struct pseudo_ops conntrack_ops = { .show = show_conntrack };
static const struct pseudo_ops setting_ops = { .show = show_setting, .store = store_setting };

int proc_nf_fill(struct pseudo_inode *net)
{
	return pseudo_add(net, "nf_conntrack", 0100440, &conntrack_ops, NULL, 0, NULL);
}

int proc_sys_nf_fill(struct pseudo_inode *net)
{
	struct pseudo_inode *dir;
	int r = pseudo_mkdir(net, "netfilter", 0555, &dir);

	for (unsigned i = 0; r == 0 && net_ct_setting_name(i); i++) {
		const char *name = net_ct_setting_name(i);
		bool fixed = strcmp(name, "nf_conntrack_count") == 0 || strcmp(name, "nf_conntrack_buckets") == 0;

		r = pseudo_add(dir, name, fixed ? 0100444 : 0100644, &setting_ops, NULL, i, NULL);
		if (r == 0 && strcmp(name, "nf_conntrack_max") == 0)
			r = pseudo_add(net, name, 0100644, &setting_ops, NULL, i, NULL);
	}
	return r;
}
