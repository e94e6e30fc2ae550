/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys: the values that programs read, and the net.* ones that have an effect. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "core/sysctl.h"
#include "fs/procfs/procfs.h"
#include "ipc/ipc.h"
#include "net/netns.h"
#include "net/sysctl.h"
#include "netstack/stack.h"
#include "task/task.h"
#include "util/cleanup.h"

/* Fixed answers. pi->data is the text. */
static int show_text(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)t;
	seq_printf(s, "%s\n", (const char *)pi->data);
	return 0;
}

static int show_hostname(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct kernel *k = kernel_get();

	(void)t;
	mutex_lock(&k->uts_mu);
	seq_printf(s, "%s\n", pi->arg ? k->domainname : k->hostname);
	mutex_unlock(&k->uts_mu);
	return 0;
}

static ssize_t store_hostname(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	struct kernel *k = kernel_get();
	size_t n = MIN(len, (size_t)64);
	char *to = pi->arg ? k->domainname : k->hostname;

	if (!task_has_cap(t, 21 /* CAP_SYS_ADMIN */))
		return -EPERM;
	mutex_lock(&k->uts_mu);
	memcpy(to, buf, n);
	to[n] = '\0';
	to[strcspn(to, "\n")] = '\0';
	mutex_unlock(&k->uts_mu);
	return (ssize_t)len;
}

static int show_uuid(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	static uint8_t boot_id[16];
	static bool made;
	uint8_t u[16];

	(void)t;
	krandom(u, sizeof(u));
	if (pi->arg) { /* boot_id: the same until the sandbox ends */
		struct kernel *k = kernel_get();

		mutex_lock(&k->uts_mu);
		if (!made)
			memcpy(boot_id, u, sizeof(u));
		made = true;
		memcpy(u, boot_id, sizeof(u));
		mutex_unlock(&k->uts_mu);
	}
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++)
		seq_printf(s, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
	seq_putc(s, '\n');
	return 0;
}

static int show_sysctl(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	const struct sysctl_net *e = pi->data;
	struct netns *ns = t && t->net ? t->net : kernel_get()->net;
	struct net_tunables tun;
	char text[64];
	struct net_stack *stack = netns_lock(ns);

	net_stack_get_tunables(stack, &tun);
	netns_unlock_query(ns);
	sysctl_net_show(&tun, e, text, sizeof(text));
	seq_printf(s, "%s", text);
	return 0;
}

static ssize_t store_sysctl(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	const struct sysctl_net *e = pi->data;
	struct net_tunables tun;
	char text[64] = "";
	int r;

	if (!task_has_cap(t, 12 /* CAP_NET_ADMIN */))
		return -EPERM;
	memcpy(text, buf, MIN(len, sizeof(text) - 1));

	struct net_stack *stack = netns_lock(t->net);

	net_stack_get_tunables(stack, &tun);
	r = sysctl_net_set(&tun, e, text);
	if (r == 0)
		r = net_stack_set_tunables(stack, &tun);
	netns_unlock(t->net);
	return r < 0 ? r : (ssize_t)len;
}

/* Numbers that root may change. pi->data: struct sysctl_desc. */
static int show_number(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	const struct sysctl_desc *d = pi->data;

	(void)t;
	seq_printf(s, "%lld\n", (long long)atomic_load(&d->value));
	return 0;
}

static ssize_t store_number(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	struct sysctl_desc *d = pi->data;
	char *end;

	(void)t; /* the mode said who may */
	errno = 0;
	long long v = strtoll(buf, &end, 0);

	if (end == buf || (*end && *end != '\n' && *end != ' '))
		return -EINVAL;
	if (errno == ERANGE || v < d->min || v > d->max)
		return -EINVAL;
	atomic_store(&d->value, v);
	return (ssize_t)len;
}

static int show_sem(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "%d\t%d\t%d\t%d\n", ipc_sem_limits[0], ipc_sem_limits[1], ipc_sem_limits[2],
		   ipc_sem_limits[3]);
	return 0;
}

static ssize_t store_sem(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	int v[4];
	int n = sscanf(buf, "%d %d %d %d", &v[0], &v[1], &v[2], &v[3]);

	(void)pi;
	(void)t;
	for (int i = 0; i < n; i++) {
		if (v[i] < 0 || (i == 3 && v[i] > 32768))
			return -EINVAL;
	}
	for (int i = 0; i < n; i++)
		ipc_sem_limits[i] = v[i];
	return n > 0 ? (ssize_t)len : -EINVAL;
}

static const struct pseudo_ops number_ops = { .show = show_number, .store = store_number };
static const struct pseudo_ops sem_ops = { .show = show_sem, .store = store_sem };
static const struct pseudo_ops text_ops = { .show = show_text };
static const struct pseudo_ops hostname_ops = { .show = show_hostname, .store = store_hostname };
static const struct pseudo_ops uuid_ops = { .show = show_uuid };
static const struct pseudo_ops sysctl_ops = { .show = show_sysctl, .store = store_sysctl };

static const struct {
	const char *name; /* dots separate directories */
	const char *text;
} fixed[] = {
	{ "fs.file-max", "1048576" },
	{ "fs.nr_open", "1048576" },
	{ "fs.inotify.max_queued_events", "16384" },
	{ "fs.inotify.max_user_instances", "128" },
	{ "fs.inotify.max_user_watches", "65536" },
	{ "fs.epoll.max_user_watches", "200000" },
	{ "fs.aio-max-nr", "65536" },
	{ "fs.aio-nr", "0" },
	{ "fs.file-nr", "0\t0\t1048576" },
	{ "fs.protected_hardlinks", "1" },
	{ "fs.protected_symlinks", "1" },
	{ "fs.suid_dumpable", "0" },
	{ "kernel.cap_last_cap", "40" },
	{ "kernel.core_pattern", "core" },
	{ "kernel.ngroups_max", "65536" },
	{ "kernel.osrelease", KERNEL_RELEASE },
	{ "kernel.ostype", "Linux" },
	{ "kernel.overflowgid", "65534" },
	{ "kernel.overflowuid", "65534" },
	{ "kernel.pid_max", "32768" },
	{ "kernel.random.entropy_avail", "256" },
	{ "kernel.random.poolsize", "256" },
	{ "kernel.randomize_va_space", "2" },
	{ "kernel.sched_rt_period_us", "1000000" },
	{ "kernel.sched_rt_runtime_us", "950000" },
	{ "kernel.sysrq", "0" },
	{ "kernel.tainted", "0" },
	{ "kernel.threads-max", "32768" },
	{ "kernel.printk", "7\t4\t1\t7" },
	{ "kernel.io_uring_disabled", "2" },
	{ "kernel.unprivileged_bpf_disabled", "2" },
	{ "kernel.ns_last_pid", "0" },
	{ "kernel.version", KERNEL_VERSION },
	{ "kernel.yama.ptrace_scope", "1" },
	{ "net.ipv4.tcp_available_congestion_control", "reno cubic bbr dctcp" },
	{ "net.ipv4.tcp_allowed_congestion_control", "reno cubic bbr dctcp" },
	{ "net.unix.max_dgram_qlen", "512" },
	{ "user.max_user_namespaces", "0" },
	{ "vm.max_map_count", "65530" },
	{ "vm.vfs_cache_pressure", "100" },
	{ "vm.drop_caches", "0" },
	{ "vm.mmap_min_addr", "65536" },
	{ "vm.nr_hugepages", "0" },
	{ "vm.overcommit_memory", "1" },
	{ "vm.overcommit_ratio", "50" },
	{ "vm.swappiness", "60" },
};

/* Adds "a.b.c" below @root, making directories. @leaf: the file. */
static int add_dotted(struct pseudo_inode *root, const char *name, uint32_t mode,
		      const struct pseudo_ops *ops, void *data, uint64_t arg)
{
	struct pseudo_inode *dir = root;
	const char *dot;

	while ((dot = strchr(name, '.')) != NULL) {
		struct pseudo_inode *next;
		char part[32];

		snprintf(part, sizeof(part), "%.*s", (int)(dot - name), name);
		next = pseudo_child(dir, part);
		if (!next) {
			int r = pseudo_mkdir(dir, part, 0555, &next);

			if (r < 0)
				return r;
		}
		dir = next;
		name = dot + 1;
	}
	return pseudo_add(dir, name, mode, ops, data, arg, NULL);
}

int proc_sys_fill(struct pseudo_inode *root)
{
	struct pseudo_inode *sys;
	const struct sysctl_net *table;
	size_t n;
	int r = pseudo_mkdir(root, "sys", 0555, &sys);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(fixed); i++)
		r = add_dotted(sys, fixed[i].name, 0100444, &text_ops,
			       (void *)(uintptr_t)fixed[i].text, 0);
	if (r == 0)
		r = add_dotted(sys, "kernel.hostname", 0100644, &hostname_ops, NULL, 0);
	if (r == 0)
		r = add_dotted(sys, "kernel.domainname", 0100644, &hostname_ops, NULL, 1);
	if (r == 0)
		r = add_dotted(sys, "kernel.random.uuid", 0100444, &uuid_ops, NULL, 0);
	if (r == 0)
		r = add_dotted(sys, "kernel.random.boot_id", 0100444, &uuid_ops, NULL, 1);
	for (size_t i = 0; r == 0 && i < SYSCTL_N; i++)
		r = add_dotted(sys, sysctl_vars[i].name, 0100644, &number_ops, &sysctl_vars[i], 0);
	if (r == 0)
		r = add_dotted(sys, "kernel.sem", 0100644, &sem_ops, NULL, 0);
	table = sysctl_net_table(&n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_dotted(sys, table[i].name, 0100644, &sysctl_ops,
			       (void *)(uintptr_t)&table[i], 0);
	return r < 0 ? r : proc_sys_net_fill(pseudo_child(sys, "net"));
}
