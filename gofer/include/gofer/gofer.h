/* SPDX-License-Identifier: Apache-2.0 */
/* The file server: one process per container, started by runsc, serving the sentry.
 *
 * runsc forks a child (preferably with CLONE_NEWPID), which calls gofer_enter() to give up all it
 * can and then gofer_serve(). Both sides of each connection are prepared by runsc: a socketpair
 * (AF_UNIX, SOCK_STREAM or SOCK_SEQPACKET) and an fd of the mount's root.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One mount: the container's root or a bind mount. Both fds stay the caller's.
 *
 * @root_fd: O_PATH fd of a directory, or of a single file, socket, FIFO or device node. It must
 * stay usable after this process has left its mount namespace: open it in a namespace that stays,
 * or better, as a detached tree: open_tree(OPEN_TREE_CLONE | AT_RECURSIVE), with mount_setattr()
 * for a read-only one. */
struct gofer_mount {
	int sock_fd;
	int root_fd;
	bool readonly; /* every change answers EROFS */
};

/* Zero in a field means its default. */
struct gofer_limits {
	uint32_t msize;	     /* largest message, P9_MSIZE_MIN..P9_MSIZE_MAX; default the largest */
	uint32_t fids;	     /* per connection; default 262144 */
	uint32_t fds;	     /* held per connection; default three quarters of RLIMIT_NOFILE */
	uint32_t locks;	     /* advisory locks, all connections together; default 4096 */
	uint32_t xattr_size; /* of one value or list; default 65536 */
	uint32_t xattr_held; /* bytes of them held by fids of a connection; default 16 MiB */
};

struct gofer_config {
	const struct gofer_mount *mounts;
	size_t n_mounts;
	int shutdown_fd; /* serving ends when this is readable; -1: none */
	int log_fd;	 /* one line per event worth knowing; -1: none */
	int proc_fd; /* /proc/self/fd of this process, from gofer_enter(); -1: open it by path */
	struct gofer_limits limits;
};

/* Serves until every connection has ended or shutdown_fd is readable. Single-threaded; blocks.
 * Returns 0, or -errno if serving could not start. What a client does wrong ends at most its own
 * connection. */
int gofer_serve(const struct gofer_config *cfg) __attribute__((warn_unused_result));

/* What the process still needs after gofer_enter(). */
struct gofer_sandbox {
	const int *keep_fds; /* every other fd is closed; 0, 1 and 2 become /dev/null if not kept */
	size_t n_keep_fds;
	const char **ret_stage; /* if not NULL: the name of the stage that failed */
	bool outlive_parent;	/* else SIGKILL when the parent thread ends; it ends by itself with
				   its last connection in any case */
};

/* Takes everything from the calling process that serving does not need, for ever: see
 * sandbox/stages.c for the timeline. Must be called single-threaded by a process with CAP_SYS_ADMIN
 * (in its user namespace), before gofer_serve(). Any limit or capability that cannot be raised is
 * left as it is, never an error.
 * Returns the fd for gofer_config.proc_fd, or -errno: the process must then exit, since earlier
 * stages stay in force. */
int gofer_enter(const struct gofer_sandbox *sandbox) __attribute__((warn_unused_result));
