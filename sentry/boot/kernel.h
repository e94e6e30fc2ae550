/* SPDX-License-Identifier: Apache-2.0 */
/* The boot object: the one global state of the sentry. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/mutex.h"
#include "core/wait.h"
#include "util/list.h"
#include "vfs/file.h"

struct mount_ns;
struct netns;
struct sentry_config;
struct task;
struct tgroup;

struct kernel {
	const struct sentry_config *cfg; /* [I] strings stay valid for the life of the sandbox */
	struct rwlock tasks;		 /* RANK_TASKS: the task tree */
	struct list groups;		 /* [tasks] tgroup.kernel_link */
	struct tgroup *init;		 /* [tasks] pid 1 */
	void *pids;			 /* task/pid.c: number -> task, group, pgrp, session */
	struct mount_ns *mounts;	 /* [I] */
	struct path root;		 /* [I] root of the mount namespace */
	struct netns *net;		 /* [I] */
	char hostname[65], domainname[65]; /* [uts_mu] */
	struct mutex uts_mu;		 /* RANK_LEAF */
	uint32_t n_cpus;		 /* [I] */
	int64_t boot_mono_ns, boot_real_ns; /* [I] */
	_Atomic uint64_t forks;		 /* /proc/stat processes */
	_Atomic uint32_t unimplemented[512]; /* calls per number */
	int log_fd;
	bool strace;
	struct waitq exit_waitq;	 /* woken when a tgroup without a guest parent exits */
	_Atomic bool init_exited;
	int init_status;		 /* wait(2) encoding */
	bool paused;
	int event_fd;			 /* [I] wakes the control loop */
	_Atomic bool dying;		 /* kernel_fatal() */
	char fatal[128];		 /* why; written once before dying */
};

extern struct kernel kernel_global;
static inline struct kernel *kernel_get(void)
{
	return &kernel_global;
}

/* The debug log: a line, rate-limited, never guest-controlled formats. */
void klog(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The sandbox cannot go on (the gofer is gone): ends it, with @why in the log. Any thread. */
void kernel_fatal(const char *why);
void krandom_seed(const uint8_t seed[32]);
/* A random-number pool seeded from the config (getrandom, AT_RANDOM, ASLR, stack seeds). */
void krandom(void *buf, size_t len);
