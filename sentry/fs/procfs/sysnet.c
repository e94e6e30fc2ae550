/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys/net: settings per link (conf, neigh), whose directories come and go with the links, and what
 * is a command rather than a value. The stack's tunables are in sys.c's table. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/procfs/procfs.h"
#include "net/netns.h"
#include "netstack/conf.h"
#include "netstack/info.h"
#include "netstack/route.h"
#include "task/task.h"
#include "util/cleanup.h"

/* pi->arg of a link's directory and its files: which group, which link, which setting. */
static uint64_t arg_of(enum net_conf_group group, net_link_id link, unsigned which)
{
	return (uint64_t)group << 56 | (uint64_t)which << 32 | (uint32_t)link;
}

static enum net_conf_group group_of(uint64_t arg)
{
	return (enum net_conf_group)(arg >> 56);
}

static net_link_id link_of(uint64_t arg)
{
	return (net_link_id)(uint32_t)arg;
}

static unsigned which_of(uint64_t arg)
{
	return (unsigned)(arg >> 32 & 0xffffff);
}

#define STABLE_SECRET 0xffffffU /* in place of a setting */

/* --- one setting --------------------------------------------------------------------------------------- */

static int show_secret(struct net_stack *stack, struct seq *s, net_link_id link)
{
	uint8_t b[16];
	int r = net_conf_get_stable_secret(stack, link, b);

	for (int i = 0; r == 0 && i < 16; i += 2)
		seq_printf(s, "%s%02x%02x", i ? ":" : "", b[i], b[i + 1]);
	if (r == 0)
		seq_putc(s, '\n');
	return r;
}

static int show_setting(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	int32_t v;
	int r;

	if (which_of(pi->arg) == STABLE_SECRET) {
		r = show_secret(stack, s, link_of(pi->arg));
	} else {
		r = net_conf_get(stack, link_of(pi->arg), group_of(pi->arg), which_of(pi->arg), &v);
		if (r == 0)
			seq_printf(s, "%d\n", v);
	}
	netns_unlock_query(ns);
	return r == -EBADF ? -ENOENT : r;
}

/* An IPv6 address in its long form, as it is shown. */
static int read_secret(const char *text, uint8_t ret[16])
{
	unsigned w[8];

	if (sscanf(text, "%4x:%4x:%4x:%4x:%4x:%4x:%4x:%4x", &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &w[6],
		   &w[7]) != 8)
		return -EIO;
	for (int i = 0; i < 8; i++) {
		ret[2 * i] = (uint8_t)(w[i] >> 8);
		ret[2 * i + 1] = (uint8_t)w[i];
	}
	return 0;
}

static int read_int(const char *text, int32_t *ret)
{
	char *end;

	errno = 0;
	long v = strtol(text, &end, 0);

	if (end == text || errno || v < INT32_MIN || v > INT32_MAX || end[strspn(end, " \t\n")])
		return -EINVAL;
	*ret = (int32_t)v;
	return 0;
}

static ssize_t store_setting(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	char text[64] = "";
	uint8_t secret[16];
	int32_t v = 0;
	int r;

	if (!task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	memcpy(text, buf, MIN(len, sizeof(text) - 1));
	r = which_of(pi->arg) == STABLE_SECRET ? read_secret(text, secret) : read_int(text, &v);
	if (r < 0)
		return r;

	struct net_stack *stack = netns_lock(t->net);

	if (which_of(pi->arg) == STABLE_SECRET)
		r = net_conf_set_stable_secret(stack, link_of(pi->arg), secret);
	else
		r = net_conf_set(stack, link_of(pi->arg), group_of(pi->arg), which_of(pi->arg), v);
	netns_unlock(t->net);
	return r < 0 ? (r == -EBADF ? -ENOENT : r) : (ssize_t)len;
}

static const struct pseudo_ops setting_ops = { .show = show_setting, .store = store_setting };

/* --- a link's directory ---------------------------------------------------------------------------------- */

static bool name_is(const struct fname *name, const char *s)
{
	return name->len == strlen(s) && memcmp(name->s, s, name->len) == 0;
}

static int find_setting(enum net_conf_group group, const struct fname *name)
{
	for (unsigned i = 0; i < net_conf_count(group); i++) {
		if (name_is(name, net_conf_name(group, i)))
			return (int)i;
	}
	return group == NET_CONF_IP6 && name_is(name, "stable_secret") ? (int)STABLE_SECRET : -ENOENT;
}

static int settings_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
			   struct inode **ret)
{
	struct pseudo_inode *pi;
	int which = find_setting(group_of(dir->arg), name);
	int r;

	(void)t;
	if (which < 0)
		return which;
	r = pseudo_inode_new(dir->inode.sb, 0100644, &setting_ops, NULL,
			     arg_of(group_of(dir->arg), link_of(dir->arg), (unsigned)which), &pi);
	if (r == 0)
		*ret = &pi->inode;
	return r;
}

static int settings_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	enum net_conf_group group = group_of(dir->arg);
	int64_t count = net_conf_count(group) + (group == NET_CONF_IP6);

	(void)t;
	for (int64_t i = *pos - 2; i < count; i++) {
		const char *name = i < net_conf_count(group) ? net_conf_name(group, (unsigned)i)
							     : "stable_secret";

		if (!sink->emit(sink, name, strlen(name), (uint64_t)(dir->arg * 256 + (uint64_t)i + 1),
				8 /* DT_REG */, i + 3))
			break;
		*pos = i + 3;
	}
	return 0;
}

static bool link_exists(struct pseudo_inode *pi)
{
	net_link_id link = link_of(pi->arg);
	struct net_link_info l;
	struct netns *ns;
	int r;

	if (link <= 0)
		return true;
	ns = proc_net_ns(NULL);
	r = net_info_link(netns_lock(ns), link, &l);
	netns_unlock_query(ns);
	return r == 0;
}

static const struct pseudo_ops settings_ops = { .lookup = settings_lookup, .readdir = settings_readdir,
						.alive = link_exists };

/* --- conf, neigh: a directory per link ---------------------------------------------------------------------- */

static size_t links_of(struct task *t, struct net_link_info **ret)
{
	struct netns *ns = proc_net_ns(t);
	struct net_stack *stack = netns_lock(ns);
	size_t n = net_info_links(stack, NULL, 0);

	*ret = calloc(n + 1, sizeof(**ret));
	n = *ret ? MIN(net_info_links(stack, *ret, n), n) : 0;
	netns_unlock_query(ns);
	return n;
}

static int links_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
			struct inode **ret)
{
	enum net_conf_group group = (enum net_conf_group)dir->arg;
	bool conf = group == NET_CONF_IP4 || group == NET_CONF_IP6;
	struct pseudo_inode *pi;
	net_link_id link = 0;
	bool found = false;
	int r;

	if (conf && name_is(name, "all")) {
		link = NET_CONF_ALL;
		found = true;
	} else if (name_is(name, "default")) {
		link = NET_CONF_DEFAULT;
		found = true;
	} else {
		struct net_link_info *links;
		size_t n = links_of(t, &links);

		for (size_t i = 0; i < n; i++) {
			if (name_is(name, links[i].name)) {
				link = links[i].link;
				found = true;
			}
		}
		free(links);
	}
	if (!found)
		return -ENOENT;
	r = pseudo_inode_new(dir->inode.sb, 0040555, &settings_ops, NULL, arg_of(group, link, 0), &pi);
	if (r == 0)
		*ret = &pi->inode;
	return r;
}

static int links_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	bool conf = dir->arg == NET_CONF_IP4 || dir->arg == NET_CONF_IP6;
	struct net_link_info *links;
	size_t n = links_of(t, &links);
	int64_t fixed = conf ? 2 : 1;

	for (int64_t i = *pos - 2; i < (int64_t)n + fixed; i++) {
		const char *name = i >= fixed	   ? links[i - fixed].name
				   : conf && i == 0 ? "all"
						    : "default";

		if (!sink->emit(sink, name, strlen(name), (uint64_t)(dir->arg * 1000 + 10 + (uint64_t)i),
				4 /* DT_DIR */, i + 3))
			break;
		*pos = i + 3;
	}
	free(links);
	return 0;
}

static const struct pseudo_ops links_ops = { .lookup = links_lookup, .readdir = links_readdir };

/* --- commands ------------------------------------------------------------------------------------------------ */

/* route/flush is written to: nothing to read. */
static int show_nothing(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	(void)s;
	return -EACCES;
}

static ssize_t store_flush(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	(void)pi;
	(void)buf;
	if (!task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	net_route_flush_cache(netns_lock(t->net));
	netns_unlock(t->net);
	return (ssize_t)len;
}

static const struct pseudo_ops flush_ops = { .show = show_nothing, .store = store_flush };

static int subdir(struct pseudo_inode *dir, const char *name, struct pseudo_inode **ret)
{
	*ret = pseudo_child(dir, name);
	return *ret ? 0 : pseudo_mkdir(dir, name, 0555, ret);
}

int proc_sys_net_fill(struct pseudo_inode *net)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < 2; i++) {
		struct pseudo_inode *dir, *route;

		r = subdir(net, families[i], &dir);
		if (r == 0)
			r = pseudo_add(dir, "conf", 0040555, &links_ops, NULL, NET_CONF_IP4 + i, NULL);
		if (r == 0)
			r = pseudo_add(dir, "neigh", 0040555, &links_ops, NULL, NET_CONF_NEIGH4 + i, NULL);
		if (r == 0)
			r = subdir(dir, "route", &route);
		if (r == 0)
			r = pseudo_add(route, "flush", 0100200, &flush_ops, NULL, 0, NULL);
	}
	return r < 0 ? r : proc_sys_nf_fill(net);
}
