/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a sandbox: how they are made and what they are given.
 *
 *   runsc
 *     |- gofer: own pid, mount, ipc, uts, net namespaces; serves the files
 *     |- sandbox: the same, and a user namespace; becomes the sentry
 *
 * Both are forks of runsc without exec: what they need is in memory and in descriptors. The sandbox
 * is a direct child, so that it belongs to the engine's subreaper when runsc has gone.
 */
#pragma once

#include <gofer/gofer.h>
#include <sentry/boot.h>

#include "cli/globals.h"
#include "container/container.h"
#include "net/net.h"

/* The container's mounts, opened on the host: the root first. */
struct mount_set {
	struct sentry_mount *mounts;
	size_t n_mounts;
	struct gofer_mount *served;
	size_t n_served;
	int root_fd; /* O_PATH of the root file system, also served[0].root_fd */
};

int mounts_open(struct mount_set *ret, const struct oci_spec *spec, const char *bundle,
		bool overlay_root, bool overlay_binds, struct cause *cause);
void mounts_close(struct mount_set *set);

/* Says what runc would say when process.args[0] cannot be executed, as far as that is certain
 * before the container runs. */
int program_check(const struct oci_spec *spec, const struct mount_set *set, struct cause *cause);

struct sandbox_params {
	const struct globals *globals;
	const struct oci_spec *spec;
	struct sentry_config config; /* links are filled in by the child from the plan */
	int netns_fd;		     /* the container's; -1: a new one */
	struct net_plan *plan;	     /* shared memory */
	bool die_with_parent;
	bool controlling_tty; /* config.init.fds[0] becomes the sandbox's controlling terminal */
};

struct sandbox_process {
	pid_t pid;
	int sync_fd;
};

/* Starts the gofer over the served mounts; their sockets are closed here afterwards. */
int gofer_spawn(const struct mount_set *set, int log_fd, bool die_with_parent, pid_t *ret_pid,
		struct cause *cause);
/* Starts the process, which stops after its namespaces are made. */
int sandbox_spawn(const struct sandbox_params *params, struct sandbox_process *ret,
		  struct cause *cause);
/* Waits until the namespaces stand. */
int sandbox_prepared(struct sandbox_process *p, bool *ret_user_ns, struct cause *cause);
/* Lets it become the sentry; the plan is complete, @fds are its links' descriptors. */
int sandbox_go(struct sandbox_process *p, const int *fds, size_t n_fds, bool user_ns,
	       struct cause *cause);
/* Waits for sentry_ready on @ready_fd. */
int sandbox_wait_ready(struct sandbox_process *p, int ready_fd, struct cause *cause);

/* Closes every descriptor from 3 on that is not in @keep (which gets sorted). */
void close_all_but(int *keep, size_t n);
/* fork() into a new pid namespace, whose pid 1 is the child. */
pid_t fork_pidns(struct cause *cause);
