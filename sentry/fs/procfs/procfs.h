/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of procfs share: proc(5). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vfs/pseudo.h"

struct netns;
struct task;

typedef int (*proc_show_fn)(struct pseudo_inode *pi, struct task *t, struct seq *s);

/* /proc/net is the same directory for everyone (/proc/self/net and /proc/PID/net too). */
int proc_net_fill(struct pseudo_inode *dir);
int proc_net_fill_more(struct pseudo_inode *dir);
/* The namespace of who reads; kernel threads have the first one's. Borrowed. */
struct netns *proc_net_ns(struct task *t);
/* /proc/sys/net/{ipv4,ipv6}/{conf,neigh} and what is not one of the stack's tunables. */
int proc_sys_net_fill(struct pseudo_inode *net);
/* nf_conntrack, and net/netfilter below /proc/sys. */
int proc_nf_fill(struct pseudo_inode *net);
int proc_sys_nf_fill(struct pseudo_inode *net);
/* The tree under /proc/sys. */
int proc_sys_fill(struct pseudo_inode *root);
/* The per-process directories: the dynamic part of the root. */
extern const struct pseudo_ops proc_root_ops;
/* meminfo, stat, cpuinfo ... */
int proc_system_fill(struct pseudo_inode *root);
/* The directory /proc/net, for /proc/PID/net. Borrowed. */
struct pseudo_inode *proc_net_of(struct super *sb);

/* Adds a generated read-only file. @ops must outlive the file system. */
static inline int proc_file(struct pseudo_inode *dir, const char *name, const struct pseudo_ops *ops)
{
	return pseudo_add(dir, name, 0100444, ops, NULL, 0, NULL);
}
