/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked locks. The order is declared here, once; a thread may only take a lock of a higher rank than
 * every lock it holds (equal ranks only where a comment at the site says in which order). Checked in
 * builds with assertions. No lock is held across plat_switch(), task_wait() or a gofer round trip
 * other than the ones marked (s) below, which are sleepable and never taken by a waker.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	RANK_NONE = 0,
	RANK_KERNEL,	    /* (s) boot, control requests, pause */
	RANK_EXEC,	    /* (s) one execve per thread group */
	RANK_FS_CTX,	    /* cwd, root, umask of a task */
	RANK_MOUNT,	    /* (s) the mount tree */
	RANK_RENAME,	    /* (s) one rename at a time per file system */
	RANK_FILE,	    /* (s) file offset; lower address first */
	RANK_INODE,	    /* (s) directory contents, file size (rwlock); parent before child */
	RANK_COPYUP,	    /* (s) an overlay file being copied up */
	RANK_INODE_LAYER,   /* (s) inodes of a file system below an overlay */
	RANK_TASKS,	    /* task tree: parents, children, groups, sessions, pids (rwlock) */
	RANK_EPOLL_NEST,    /* one epoll instance is added to another */
	RANK_EPOLL,	    /* an epoll instance's interest list */
	RANK_RTNL,	    /* (s) one change of a namespace's network configuration at a time */
	RANK_SOCKET,	    /* unix sockets, socket wrappers; lower address first */
	RANK_PIPE,	    /* a pipe's ring */
	RANK_NETNS,	    /* one network stack */
	RANK_NETLINK,	    /* the table of netlink sockets; their queues are RANK_OBJECT */
	RANK_FDTABLE,	    /* descriptor table */
	RANK_FUTEX,	    /* a futex bucket; lower address first */
	RANK_TTY,
	RANK_OBJECT,	    /* eventfd, timerfd, signalfd, inotify: leaf-like objects with a wait queue */
	/* Guest memory may be copied under every lock above: what mm takes stands below. */
	RANK_MM,	    /* (s) the areas of an address space (rwlock) */
	RANK_MAPPABLE,	    /* mappings of a file */
	RANK_FDATA,	    /* (s) where a file's data lives: what mappable_ops.translate() takes */
	RANK_GOFER,	    /* (s) one 9P connection's request slots */
	RANK_DENTRY,	    /* dentry cache; the last file_put() may happen under RANK_MM */
	RANK_PLAT,	    /* a stub's operation queue */
	RANK_MEMFILE,	    /* allocation of the sandbox's memory */
	RANK_ITIMER,	    /* a process's interval and POSIX timers */
	RANK_TIMER,	    /* the timer heap */
	RANK_SIGHAND,	    /* pending signals and actions of a thread group */
	RANK_TASK,	    /* a task's own small fields seen by others */
	RANK_WAITQ,	    /* a wait queue's list; callbacks run under it and take only what is below */
	RANK_EPOLL_READY,   /* an epoll instance's ready list */
	RANK_LEAF,	    /* counters, logs, id allocators: takes nothing else */
};

#if defined(__clang__)
#define CAPABILITY(x) __attribute__((capability(x)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#else
#define CAPABILITY(x)
#define REQUIRES(...)
#endif

struct CAPABILITY("mutex") mutex {
	pthread_mutex_t m;
	enum lock_rank rank;
};

struct CAPABILITY("rwlock") rwlock {
	pthread_rwlock_t l;
	enum lock_rank rank;
};

void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_fini(struct mutex *m);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
/* Takes a second lock of the same rank as one that is held; the caller orders them by address. */
void mutex_lock_nested(struct mutex *m);

void rwlock_init(struct rwlock *l, enum lock_rank rank);
void rwlock_fini(struct rwlock *l);
void rwlock_rdlock(struct rwlock *l);
void rwlock_wrlock(struct rwlock *l);
void rwlock_unlock(struct rwlock *l);
/* As mutex_lock_nested(). */
void rwlock_wrlock_nested(struct rwlock *l);
void rwlock_rdlock_nested(struct rwlock *l);
