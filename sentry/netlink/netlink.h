/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink (netlink(7), RFC 3549): sockets, messages, attributes, multicast groups. A protocol is a
 * table entry (struct nl_proto) with a request handler; requests are hostile: every length is checked
 * before it is used, and what is wrong is told by errno and extended acknowledgement.
 *
 * Locks, in this order: rtnl (one change of a namespace's configuration at a time), the namespace's
 * stack, the table of sockets [table], a socket's mu [m].
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "socket/socket.h"
#include "util/cleanup.h"
#include "util/list.h"

struct netns;
struct net_stack;
struct nl_req;
struct task;

#define NL_GROUP_WORDS 4 /* 128 groups */

/* A datagram that waits to be read. */
struct nl_msg {
	struct list link;
	uint32_t from;	/* port of the sender, 0: the kernel */
	uint32_t group; /* it was multicast to, 0: none */
	size_t len;
	uint8_t data[];
};

struct nl_sock {
	struct socket base;
	const struct nl_proto *proto; /* [I] */
	struct netns *ns;	      /* [I] reference */
	struct list all;	      /* [table] */
	struct mutex mu;
	struct list queue;	      /* [m] struct nl_msg */
	size_t queued;		      /* [m] bytes */
	uint32_t port;		      /* [table] nl_pid; 0: not bound yet */
	uint32_t peer, peer_groups;   /* [m] of connect() */
	uint32_t groups[NL_GROUP_WORDS]; /* [table] */
	uint32_t rcvbuf, sndbuf;      /* [m] */
	uint32_t drops;		      /* [m] */
	bool overrun;		      /* [m] the next read fails with ENOBUFS */
	bool ext_ack, cap_ack, strict, pktinfo, no_enobufs, broadcast_error, all_nsid; /* [m] */
};

/* --- building messages -------------------------------------------------------------------------- */

/* Messages being built, in datagrams of whole messages. Failure (no memory) is sticky. */
struct nl_out {
	uint8_t *buf;
	size_t len, cap;
	size_t start; /* of the message being built */
	bool failed;
	struct nl_sock *to; /* nl_end() hands over full datagrams; NULL: collect everything */
};

/* Starts a message with its fixed part. */
void nl_begin(struct nl_out *o, uint16_t type, uint16_t flags, uint32_t seq, uint32_t port,
	      const void *fixed, size_t len);
void nl_put(struct nl_out *o, uint16_t type, const void *data, size_t len);
void nl_put_u8(struct nl_out *o, uint16_t type, uint8_t v);
void nl_put_u16(struct nl_out *o, uint16_t type, uint16_t v);
void nl_put_u32(struct nl_out *o, uint16_t type, uint32_t v);
void nl_put_u64(struct nl_out *o, uint16_t type, uint64_t v);
void nl_put_be16(struct nl_out *o, uint16_t type, uint16_t v);
void nl_put_be32(struct nl_out *o, uint16_t type, uint32_t v);
void nl_put_be64(struct nl_out *o, uint16_t type, uint64_t v);
void nl_put_str(struct nl_out *o, uint16_t type, const char *s);
/* A nested attribute: nl_nest() gives what nl_nest_end() takes. nl_nest() sets NLA_F_NESTED,
 * nl_nest_plain() does not (rtnetlink's older ones). */
size_t nl_nest(struct nl_out *o, uint16_t type);
size_t nl_nest_plain(struct nl_out *o, uint16_t type);
void nl_nest_end(struct nl_out *o, size_t at);
/* Takes back a nested attribute that stayed empty. */
void nl_nest_cancel(struct nl_out *o, size_t at);
/* Appends raw bytes to the message (padded to 4). */
void nl_raw(struct nl_out *o, const void *data, size_t len);
void nl_end(struct nl_out *o);
/* Gives what was built to the reader. */
void nl_flush(struct nl_out *o);
void nl_out_fini(struct nl_out *o);

/* --- attributes --------------------------------------------------------------------------------- */

struct nl_attr {
	const uint8_t *data; /* NULL: not there */
	uint16_t len;
};

enum nl_kind {
	NL_ANY = 0, /* not checked */
	NL_U8,
	NL_U16,
	NL_U32,
	NL_U64,
	NL_STR, /* at most @len bytes without the final NUL */
	NL_BIN, /* at most @len bytes */
	NL_MIN, /* at least @len bytes */
	NL_NEST,
	NL_FLAG,
	NL_REJECT,
};

struct nl_policy {
	uint8_t kind; /* enum nl_kind */
	uint16_t len;
};

/* Splits attributes; tb[0..max] by type. Types above @max are ignored, or -EINVAL with @strict.
 * Returns 0, or -EINVAL/-ERANGE with the request's extended ack set. @policy may be NULL. */
int nl_parse(struct nl_req *rq, struct nl_attr *tb, unsigned max, const uint8_t *data, size_t len,
	     const struct nl_policy *policy, bool strict);
/* The same of a nested attribute. */
int nl_parse_nested(struct nl_req *rq, struct nl_attr *tb, unsigned max, const struct nl_attr *nest,
		    const struct nl_policy *policy);
/* Walks attributes of the same type. *pos starts at 0. False at the end. */
bool nl_next(const uint8_t *data, size_t len, size_t *pos, uint16_t *type, struct nl_attr *ret);

uint8_t nl_u8(const struct nl_attr *a);
uint16_t nl_u16(const struct nl_attr *a);
uint32_t nl_u32(const struct nl_attr *a);
uint64_t nl_u64(const struct nl_attr *a);
uint16_t nl_be16(const struct nl_attr *a);
uint32_t nl_be32(const struct nl_attr *a);
uint64_t nl_be64(const struct nl_attr *a);
/* Copies a string of at most size - 1 bytes; the result is terminated. */
void nl_str(const struct nl_attr *a, char *ret, size_t size);
bool nl_str_is(const struct nl_attr *a, const char *s);

/* --- requests ------------------------------------------------------------------------------------ */

struct nl_req {
	struct nl_sock *sock;
	struct task *task;
	struct net_stack *stack; /* unused by the core */
	struct nlmsghdr hdr;
	const uint8_t *msg; /* whole message, header included */
	const uint8_t *body;
	size_t len; /* of body */
	bool dump;
	struct nl_out out;
	const char *ext_msg; /* static text for the extended ack */
	uint32_t ext_off;    /* offending attribute's offset in the message, 0: none */
};

/* Sets the extended ack and returns @err. */
int nl_fail(struct nl_req *rq, int err, const char *msg);
int nl_fail_attr(struct nl_req *rq, int err, const char *msg, const uint8_t *at);
/* Starts an answer: sequence number and port of the request, NLM_F_MULTI in a dump. */
void nl_answer(struct nl_req *rq, uint16_t type, const void *fixed, size_t len);
/* Whether the caller may change the namespace. 0 or -EPERM. */
int nl_need_admin(struct nl_req *rq);

struct nl_proto {
	int number;	     /* NETLINK_ROUTE ... */
	unsigned groups;     /* highest multicast group */
	bool user_send;	     /* unprivileged sending to ports and groups */
	bool user_recv;	     /* unprivileged joining of groups */
	uint16_t min_len;    /* of the body */
	/* 0: acknowledged if asked; a negative errno is told; a dump ends with NLMSG_DONE by itself. */
	int (*request)(struct nl_req *rq);
	/* Whole datagrams that are not a sequence of independent requests (nfnetlink batches). Returns
	 * whether it took the datagram. */
	bool (*datagram)(struct nl_sock *s, struct task *t, const uint8_t *buf, size_t len);
	void (*released)(struct nl_sock *s);
	/* Who is a member of which group changed. */
	void (*members)(struct netns *ns);
};

/* Runs one message through the protocol and answers it. For nl_proto.datagram. */
void nl_handle(struct nl_sock *s, struct task *t, const uint8_t *msg, size_t len);
/* Sends NLMSG_ERROR (0: an acknowledgement) about a message. */
void nl_ack(struct nl_req *rq, int err);

/* Whether anybody listens to a group: building the message can be saved. */
bool nl_has_listeners(struct netns *ns, int protocol, uint32_t group);
/* Gives a copy of what @o holds to all members but @except (NULL: all), empties @o. */
void nl_multicast(struct netns *ns, int protocol, uint32_t group, struct nl_out *o,
		  const struct nl_sock *except);

/* A snapshot of all netlink sockets of a namespace: /proc/net/netlink, netlink_diag. */
struct nl_info {
	int protocol, type;
	uint32_t port, peer, groups[NL_GROUP_WORDS], rmem, rcvbuf, sndbuf, drops;
	uint64_t inode;
	bool pktinfo, broadcast_error, no_enobufs, cap_ack;
};
size_t nl_snapshot(struct netns *ns, struct nl_info *ret, size_t max);

extern const struct nl_proto nl_route, nl_diag, nl_generic, nl_netfilter;

/* rtnetlink: one change at a time. */
void rtnl_lock(void);
void rtnl_unlock(void);
