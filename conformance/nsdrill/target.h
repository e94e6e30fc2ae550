/* SPDX-License-Identifier: Apache-2.0 */
/* Where a script runs: a TCP/IP stack with a wire at which we sit, and its system calls. */
#pragma once

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "nsdrill/config.h"

enum sys {
	SYS_SOCKET,	  /* a: family, type, protocol */
	SYS_BIND,	  /* fd, addr */
	SYS_LISTEN,	  /* fd, a[0] */
	SYS_ACCEPT,	  /* fd; out: addr */
	SYS_CONNECT,	  /* fd, addr */
	SYS_READ,	  /* fd, msg.iov */
	SYS_WRITE,	  /* fd, msg.iov */
	SYS_RECVMSG,	  /* fd, msg, a[0] flags (also recv, recvfrom) */
	SYS_SENDMSG,	  /* fd, msg, a[0] flags (also send, sendto) */
	SYS_FCNTL,	  /* fd, a[0] command, a[1] argument */
	SYS_IOCTL,	  /* fd, a[0] command; out: value */
	SYS_CLOSE,	  /* fd */
	SYS_SHUTDOWN,	  /* fd, a[0] */
	SYS_GETSOCKOPT,	  /* fd, a: level, name; buf, len in and out */
	SYS_SETSOCKOPT,	  /* fd, a: level, name; buf, len */
	SYS_POLL,	  /* pollfds, npollfds, a[0] timeout */
	SYS_OPEN,	  /* path, a[0] flags */
	SYS_SENDFILE,	  /* fd (out), fd2 (in), off, len */
	SYS_EPOLL_CREATE, /* a[0] */
	SYS_EPOLL_CTL,	  /* fd (epoll), a[0] operation, fd2, events[0] */
	SYS_EPOLL_WAIT,	  /* fd, events, a[0] size, a[1] timeout */
	SYS_PIPE,	  /* out: fds */
	SYS_SPLICE,	  /* fd (in), fd2 (out), len, a[0] flags */
};

#define REQ_EVENTS_MAX 16
#define REQ_POLLFDS_MAX 16

/* One system call. File descriptors are the target's. */
struct request {
	enum sys sys;
	int fd, fd2;
	int64_t a[3];
	int64_t off;
	size_t len;
	void *buf;
	const char *path;
	struct msghdr msg;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	struct pollfd pollfds[REQ_POLLFDS_MAX];
	size_t npollfds;
	struct epoll_event events[REQ_EVENTS_MAX];
	int fds[2];
	int32_t value;

	/* Of the target */
	bool done;
	int64_t result; /* negative errno, or what the call returned */
	int64_t begin_us, end_us;
	size_t progress; /* bytes that a blocking transfer has moved so far */
	bool started;
};

struct frame {
	struct frame *next;
	int64_t us;
	size_t len;
	uint8_t data[];
};

struct target {
	const struct target_ops *ops;
};

struct target_ops {
	const char *name;
	bool real_time; /* tolerances for a machine that does other things as well */
	void (*free)(struct target *t);
	/* Microseconds since the script began. */
	int64_t (*now)(struct target *t);
	/* Lets time pass until @us. */
	void (*run_until)(struct target *t, int64_t us);
	/* Puts a packet on the wire. 0 or negative errno. */
	int (*inject)(struct target *t, const uint8_t *data, size_t len);
	/* The next packet that the stack sent, waiting for it until @us; the caller frees it. */
	struct frame *(*take)(struct target *t, int64_t until_us);
	/* Begins a call; it is done, or it blocks and goes on as time passes. */
	void (*call)(struct target *t, struct request *req);
	/* Waits for a call until @us. */
	void (*await)(struct target *t, struct request *req, int64_t until_us);
	/* Gives up a blocked call. */
	void (*cancel)(struct target *t, struct request *req);
	/* net.ipv4.tcp_sack and so on. 0, -ENOENT (no such setting), -EINVAL. */
	int (*sysctl)(struct target *t, const char *name, const char *value);
	/* A shell command of the script. 0, or negative errno with the reason in @diag. */
	int (*command)(struct target *t, const char *line, struct diag *diag);
	/* Prints what the stack decided since the last call. */
	void (*trace)(struct target *t, int fd, FILE *to);
};

/* Runs a command line of the script by sh(1): what both targets do with one. */
int target_shell(const char *line, struct diag *diag);
int target_netstack_new(struct target **ret, const struct config *cfg, struct diag *diag);
int target_linux_new(struct target **ret, const struct config *cfg, struct diag *diag);
