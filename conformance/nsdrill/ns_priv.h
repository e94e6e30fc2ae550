/* SPDX-License-Identifier: Apache-2.0 */
/* The netstack target: a stack in virtual time, and a process around its sockets. */
#pragma once

#include <netstack/info.h>
#include <netstack/link.h>
#include <netstack/pkt.h>
#include <netstack/socket.h>
#include <netstack/stack.h>

#include "nsdrill/target.h"

#define NS_FDS 64
#define NS_EPOLL_ITEMS 16
#define NS_PIPE_BYTES 65536
#define NS_FD_FIRST 100 /* so that a script's number is never taken for one of these */

enum nsfd_kind { NSFD_FREE, NSFD_SOCK, NSFD_EPOLL, NSFD_PIPE, NSFD_FILE };

struct epoll_item {
	int fd; /* 0: free */
	uint32_t events;
	uint64_t data;
	bool fresh; /* something happened since it was last reported (EPOLLET) */
	bool spent; /* EPOLLONESHOT */
};

struct ns_pipe {
	int refs;
	size_t len;
	uint8_t data[NS_PIPE_BYTES];
};

struct nsfd {
	enum nsfd_kind kind;
	net_sock_id id;
	int family, type;
	int flags;			  /* O_NONBLOCK and what open() was given */
	int64_t rcvtimeo_us, sndtimeo_us; /* 0: for ever */
	struct epoll_item items[NS_EPOLL_ITEMS];
	struct ns_pipe *pipe;
	int host; /* NSFD_FILE */
};

struct nst {
	struct target base;
	const struct config *cfg;
	struct net_stack *stack;
	net_link_id link;
	net_time now; /* ns */
	struct frame *head, **tail;
	struct nsfd fds[NS_FDS];
	struct request *blocked;
	uint64_t mib[NET_MIB_COUNT];
};

/* The call would sleep. */
#define NS_BLOCK INT64_MIN

/* One attempt at a call. A result, or NS_BLOCK. */
int64_t ns_attempt(struct nst *t, struct request *req);
/* When a blocked call must be tried again although nothing happened (timeouts), in ns. */
net_time ns_call_deadline(struct nst *t, const struct request *req);
void ns_fds_close(struct nst *t);
struct nsfd *ns_fd(struct nst *t, int fd);
void ns_fd_woke(struct nst *t, uint64_t cookie, uint32_t woke);
int ns_tunable(struct net_tunables *tun, const char *name, const char *value);
/* msghdr.msg_control from and to values. */
void ns_control_get(const struct msghdr *msg, struct net_ctl *ctl);
void ns_control_put(struct msghdr *msg, const struct net_ctl *ctl, int family);
