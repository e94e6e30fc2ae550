/* SPDX-License-Identifier: Apache-2.0 */
/* sysfs: what programs read to learn of processors and interfaces (sysfs(5)). */
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "boot/kernel.h"
#include "net/netns.h"
#include "netstack/info.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/fstype.h"
#include "vfs/pseudo.h"

#define SYSFS_MAGIC 0x62656572U

static int show_text(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)t;
	seq_printf(s, "%s\n", (const char *)pi->data);
	return 0;
}

static int show_cpus(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	uint32_t n = kernel_get()->n_cpus;

	(void)pi;
	(void)t;
	seq_printf(s, n > 1 ? "0-%u\n" : "0\n", n - 1);
	return 0;
}

static const struct pseudo_ops text_ops = { .show = show_text };
static const struct pseudo_ops cpus_ops = { .show = show_cpus };

/* --- class/net: one directory per interface of the namespace, made when it is asked for --------------- */

enum net_attr { NET_ADDRESS, NET_MTU, NET_IFINDEX, NET_TYPE, NET_OPERSTATE, NET_CARRIER, NET_FLAGS, NET_TXQ,
		NET_SPEED, NET_ATTRS };
static const char *const net_attr_names[NET_ATTRS] = { "address", "mtu", "ifindex", "type", "operstate",
						       "carrier", "flags", "tx_queue_len", "speed" };

static int link_info(struct task *t, net_link_id id, struct net_link_info *ret)
{
	struct netns *ns = t && t->net ? t->net : kernel_get()->net;
	struct net_stack *stack = netns_lock(ns);
	int r = net_info_link(stack, id, ret);

	netns_unlock_query(ns);
	return r < 0 ? -ENOENT : 0;
}

static int show_net(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct net_link_info l;
	int r = link_info(t, (net_link_id)(pi->arg >> 8), &l);

	if (r < 0)
		return r;
	bool lo = l.kind == NET_LINK_LOOPBACK;

	switch ((enum net_attr)(pi->arg & 255)) {
	case NET_ADDRESS:
		seq_printf(s, "%02x:%02x:%02x:%02x:%02x:%02x\n", l.mac[0], l.mac[1], l.mac[2], l.mac[3],
			   l.mac[4], l.mac[5]);
		break;
	case NET_MTU:
		seq_printf(s, "%u\n", l.mtu);
		break;
	case NET_IFINDEX:
		seq_printf(s, "%d\n", l.link);
		break;
	case NET_TYPE:
		seq_printf(s, "%d\n", lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
		break;
	case NET_OPERSTATE:
		seq_printf(s, "%s\n", lo ? "unknown" : "up");
		break;
	case NET_CARRIER:
		seq_printf(s, "1\n");
		break;
	case NET_FLAGS:
		seq_printf(s, "0x%x\n", l.flags);
		break;
	case NET_TXQ:
		seq_printf(s, "%u\n", l.tx_queue_len);
		break;
	case NET_SPEED:
		seq_printf(s, "10000\n");
		break;
	case NET_ATTRS:
		return -ENOENT;
	}
	return 0;
}

static const struct pseudo_ops net_attr_ops = { .show = show_net };

static int iface_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
			struct inode **ret)
{
	struct pseudo_inode *pi;

	(void)t;
	for (unsigned i = 0; i < NET_ATTRS; i++) {
		if (strlen(net_attr_names[i]) != name->len ||
		    memcmp(net_attr_names[i], name->s, name->len) != 0)
			continue;

		int r = pseudo_inode_new(dir->inode.sb, 0100444, &net_attr_ops, NULL,
					 dir->arg << 8 | i, &pi);

		if (r == 0)
			*ret = &pi->inode;
		return r;
	}
	return -ENOENT;
}

static int iface_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	(void)t;
	for (int64_t i = *pos - 2; i < NET_ATTRS; i++) {
		if (!sink->emit(sink, net_attr_names[i], strlen(net_attr_names[i]),
				dir->arg * 1000 + (uint64_t)i, 8, i + 3))
			break;
		*pos = i + 3;
	}
	return 0;
}

static const struct pseudo_ops iface_ops = { .lookup = iface_lookup, .readdir = iface_readdir };

static size_t links(struct task *t, struct net_link_info *ret, size_t max)
{
	struct netns *ns = t && t->net ? t->net : kernel_get()->net;
	struct net_stack *stack = netns_lock(ns);
	size_t n = MIN(net_info_links(stack, ret, max), max);

	netns_unlock_query(ns);
	return n;
}

static int net_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		      struct inode **ret)
{
	struct net_link_info info[64];
	size_t n = links(t, info, ARRAY_LEN(info));
	struct pseudo_inode *pi;

	for (size_t i = 0; i < n; i++) {
		if (strlen(info[i].name) != name->len || memcmp(info[i].name, name->s, name->len) != 0)
			continue;

		int r = pseudo_inode_new(dir->inode.sb, 0040555, &iface_ops, NULL,
					 (uint64_t)info[i].link, &pi);

		if (r == 0)
			*ret = &pi->inode;
		return r;
	}
	return -ENOENT;
}

static int net_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	struct net_link_info info[64];
	size_t n = links(t, info, ARRAY_LEN(info));

	(void)dir;
	for (size_t i = (size_t)(*pos - 2); i < n; i++) {
		if (!sink->emit(sink, info[i].name, strlen(info[i].name), 5000 + i, 4, (int64_t)i + 3))
			break;
		*pos = (int64_t)i + 3;
	}
	return 0;
}

static const struct pseudo_ops net_ops = { .lookup = net_lookup, .readdir = net_readdir };

/* --- the tree --------------------------------------------------------------------------------------------- */

static int text(struct pseudo_inode *dir, const char *name, const char *value)
{
	return pseudo_add(dir, name, 0100444, &text_ops, (void *)(uintptr_t)value, 0, NULL);
}

/* mkdir -p of one more component; r carries the first error. */
static struct pseudo_inode *sub(struct pseudo_inode *dir, const char *name, int *r)
{
	struct pseudo_inode *next = dir;

	if (*r == 0)
		*r = pseudo_mkdir(dir, name, 0555, &next);
	return next;
}

static int fill_cpu(struct pseudo_inode *system)
{
	int r = 0;
	struct pseudo_inode *cpu = sub(system, "cpu", &r);

	if (r == 0)
		r = pseudo_add(cpu, "online", 0100444, &cpus_ops, NULL, 0, NULL);
	if (r == 0)
		r = pseudo_add(cpu, "possible", 0100444, &cpus_ops, NULL, 0, NULL);
	if (r == 0)
		r = pseudo_add(cpu, "present", 0100444, &cpus_ops, NULL, 0, NULL);
	for (uint32_t i = 0; r == 0 && i < kernel_get()->n_cpus; i++) {
		char name[16];

		snprintf(name, sizeof(name), "cpu%u", i);
		(void)sub(cpu, name, &r);
	}

	struct pseudo_inode *node = sub(system, "node", &r);

	if (r == 0)
		r = text(node, "online", "0");
	return r;
}

int sysfs_new(struct super **ret)
{
	struct super *sb;
	int r = pseudo_super_new(&sb, "sysfs", SYSFS_MAGIC, NULL);

	if (r < 0)
		return r;

	struct pseudo_inode *root = pseudo_root(sb);
	struct pseudo_inode *devices = sub(root, "devices", &r);
	struct pseudo_inode *system = sub(devices, "system", &r);

	if (r == 0)
		r = fill_cpu(system);

	struct pseudo_inode *class = sub(root, "class", &r);

	if (r == 0)
		r = pseudo_add(class, "net", 0040555, &net_ops, NULL, 0, NULL);
	(void)sub(sub(root, "fs", &r), "cgroup", &r);

	struct pseudo_inode *thp = sub(sub(sub(root, "kernel", &r), "mm", &r), "transparent_hugepage", &r);

	if (r == 0)
		r = text(thp, "enabled", "always [madvise] never");
	if (r == 0)
		r = text(thp, "hpage_pmd_size", "2097152");
	(void)sub(root, "block", &r);
	(void)sub(root, "bus", &r);
	(void)sub(root, "module", &r);
	if (r < 0) {
		super_put(sb);
		return r;
	}
	*ret = sb;
	return 0;
}
