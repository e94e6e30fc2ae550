/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as the system calls see them, whatever the family. A family implements struct socket_ops
 * without blocking; blocking, time-outs, MSG_WAITALL, SIGPIPE and the copying of addresses and headers
 * are done once, in socket.c.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/wait.h"
#include "mm/mm.h"
#include "vfs/file.h"

struct cred;
struct mappable;
struct socket;
struct task;

/* Ancillary data on its way out: whole cmsgs are appended while they fit. */
struct cmsg_out {
	uint8_t *buf;
	size_t size, used;
	bool truncated; /* MSG_CTRUNC */
};

/* A message in kernel form. */
struct sock_msg {
	struct sockaddr_storage name;
	socklen_t name_len;	/* send: 0 when there is no destination; recv: result, 0: none */
	struct iov_iter iter;
	const uint8_t *control; /* send: the guest's cmsgs, copied */
	size_t control_len;
	struct cmsg_out out;	/* recv */
	int flags;		/* recv: result, MSG_TRUNC MSG_EOR MSG_OOB MSG_ERRQUEUE ... */
};

struct socket_ops {
	int (*bind)(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len);
	/* 0, -EINPROGRESS (then poll() says when and connect_result() how it ended), or an errno. */
	int (*connect)(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len);
	int (*connect_result)(struct socket *s); /* -EINPROGRESS while it runs */
	int (*listen)(struct socket *s, struct task *t, int backlog);
	int (*accept)(struct socket *s, struct task *t, struct socket **ret); /* -EAGAIN */
	int (*getname)(struct socket *s, bool peer, struct sockaddr_storage *addr, socklen_t *len);
	int (*shutdown)(struct socket *s, int how);
	/* Levels and names that socket.c does not answer itself. SO_ATTACH_FILTER and its kin get the
	 * instructions, SO_GET_FILTER counts them. @val has room for 4096 bytes; *@len may be
	 * negative as an int: no option is then longer than that. */
	int (*setsockopt)(struct socket *s, struct task *t, int level, int name, const void *val,
			  socklen_t len);
	int (*getsockopt)(struct socket *s, struct task *t, int level, int name, void *val,
			  socklen_t *len);
	/* Bytes moved, or -EAGAIN. A stream may send less than asked. */
	ssize_t (*sendmsg)(struct socket *s, struct task *t, struct sock_msg *m, int flags);
	ssize_t (*recvmsg)(struct socket *s, struct task *t, struct sock_msg *m, int flags);
	uint32_t (*poll)(struct socket *s, struct waiter *w);
	long (*ioctl)(struct socket *s, struct task *t, unsigned long cmd, uint64_t arg);
	/* Last reference gone; frees @s. May sleep for SO_LINGER: @t is the closing task or NULL. */
	void (*release)(struct socket *s);
	int (*mmap)(struct socket *s, struct mappable **ret); /* borrowed; NULL: -ENODEV */
	int (*pair)(struct socket *a, struct socket *b); /* socketpair(2); NULL: -EOPNOTSUPP */
};

struct socket {
	const struct socket_ops *ops;
	int family, type, protocol; /* [I] type without flags */
	uint64_t inode;		    /* [I] "socket:[N]" */
	struct waitq waitq;
	_Atomic int64_t rcvtimeo, sndtimeo; /* ns, 0: no limit */
	int32_t owner_pid;
	uint32_t uid;		    /* [I] of the creator */
};

/* Base part of a family's object. */
void socket_init(struct socket *s, const struct socket_ops *ops, int family, int type, int protocol,
		 struct task *t);
void socket_fini(struct socket *s);
/* A file over @s (taken on success). @flags: O_NONBLOCK. */
int socket_file(struct file **ret, struct socket *s, uint32_t flags);
struct socket *socket_of(struct file *f); /* borrowed; NULL: -ENOTSOCK */

/* Families. */
int inet_socket_new(struct socket **ret, struct task *t, int family, int type, int protocol);
int unix_socket_new(struct socket **ret, struct task *t, int type, int protocol);
int netlink_socket_new(struct socket **ret, struct task *t, int type, int protocol);

/* SIOCGIF* of any socket. */
long netdev_ioctl(struct task *t, unsigned long cmd, uint64_t arg);

/* Appends one cmsg. */
void cmsg_put(struct cmsg_out *out, int level, int type, const void *data, size_t len);
/* Walks the guest's cmsgs. *pos starts at 0. Returns 1, 0 at the end, -EINVAL. */
int cmsg_next(const uint8_t *control, size_t control_len, size_t *pos, int *level, int *type,
	      const uint8_t **data, size_t *len);
