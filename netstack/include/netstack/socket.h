/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: the system calls, one to one, never blocking.
 *
 * Every call returns a count, 0, or the negative errno that the man page names; where Linux would
 * sleep, it is -EAGAIN (-EINPROGRESS for connect). The caller adds blocking, guest memory, file
 * descriptors, capabilities for creating raw sockets and binding low ports, and MSG_WAITALL.
 * A stale or unknown id is -EBADF. Constants are Linux's, from the system headers.
 *
 * Time: calls happen at the last instant told with net_stack_clock() or net_stack_poll(); what they
 * cause to be sent appears at the links after the next net_stack_poll().
 *
 * Memory named by an iovec must stay readable (writable) during the call; it may change under the
 * copy: each byte is read once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "netstack/types.h"
#include "util/cleanup.h"

/* AF_PACKET x SOCK_RAW, SOCK_DGRAM (@protocol in network order);
 * AF_INET/AF_INET6 x SOCK_STREAM (0, TCP), SOCK_DGRAM (0, UDP, ICMP, ICMPV6), SOCK_RAW (protocol).
 * @type without SOCK_NONBLOCK and SOCK_CLOEXEC. Returns 0 and the id; -EAFNOSUPPORT,
 * -EPROTONOSUPPORT, -ESOCKTNOSUPPORT, -EINVAL, -ENFILE (limit), -ENOMEM. */
MUST_CHECK int net_sock_open(struct net_stack *stack, net_sock_id *ret, int family, int type,
			     int protocol);

/* Ends the socket's id at once; queued data is still sent (SO_LINGER as set). 0 or -EBADF.
 * A caller that must wait for SO_LINGER polls net_sock_lingering() first, before closing. */
int net_sock_close(struct net_stack *stack, net_sock_id sock);

/* What the events carry. Also set on sockets from net_sock_accept(). */
int net_sock_set_cookie(struct net_stack *stack, net_sock_id sock, uint64_t cookie);

/* User id (SO_REUSEPORT compares it) and inode number (for dumps). */
int net_sock_set_owner(struct net_stack *stack, net_sock_id sock, uint32_t uid, uint64_t inode);

int net_sock_bind(struct net_stack *stack, net_sock_id sock, const struct sockaddr *addr,
		  socklen_t len);

/* TCP: -EINPROGRESS, then EPOLLOUT or EPOLLERR and SO_ERROR; -EALREADY while it runs; -EISCONN;
 * 0 once after an asynchronous success. AF_UNSPEC dissolves the association. */
int net_sock_connect(struct net_stack *stack, net_sock_id sock, const struct sockaddr *addr,
		     socklen_t len);

int net_sock_listen(struct net_stack *stack, net_sock_id sock, int backlog);

/* A new socket from the queue; the peer's address as getpeername() would give it (truncated to
 * *@len, which becomes the full length). @addr may be NULL. -EAGAIN, -EINVAL, -EOPNOTSUPP. */
MUST_CHECK int net_sock_accept(struct net_stack *stack, net_sock_id sock, net_sock_id *ret,
			       struct sockaddr *addr, socklen_t *len);

/* Control information by value. @has names the members that are valid. */
enum net_ctl_has {
	NET_CTL_PKTINFO = 1 << 0,   /* IP_PKTINFO, IPV6_PKTINFO: ifindex, local, dst */
	NET_CTL_TTL = 1 << 1,	    /* IP_TTL, IPV6_HOPLIMIT */
	NET_CTL_TOS = 1 << 2,	    /* IP_TOS, IPV6_TCLASS */
	NET_CTL_TIMESTAMP = 1 << 3, /* recv: SO_TIMESTAMP(NS); see net_ctl.timestamp */
	NET_CTL_SEGMENT = 1 << 4,   /* UDP_SEGMENT (send), UDP_GRO (recv) */
	NET_CTL_ERROR = 1 << 5,	    /* recv with MSG_ERRQUEUE: IP_RECVERR, IPV6_RECVERR */
	NET_CTL_ORIGDST = 1 << 6,   /* recv: IP_ORIGDSTADDR, IPV6_ORIGDSTADDR */
	NET_CTL_MARK = 1 << 7,	    /* SO_MARK (send; privileged: the caller checks) */
	NET_CTL_RXQ_OVFL = 1 << 8,  /* recv: SO_RXQ_OVFL */
	NET_CTL_INQ = 1 << 9,	    /* recv: TCP_INQ */
	NET_CTL_OPTS = 1 << 10,	    /* recv: IP_RECVOPTS; send: IP_RETOPTS: opts, opts_len */
	NET_CTL_RETOPTS = 1 << 11,  /* recv: IP_RETOPTS: opts, opts_len */
	NET_CTL_STAMPING = 1 << 12, /* recv: SO_TIMESTAMPING: stamping, stamping_type; send: flags */
	NET_CTL_PRIORITY = 1 << 13, /* recv: SO_RCVPRIORITY; send: SO_PRIORITY */
	NET_CTL_FRAGSIZE = 1 << 14, /* recv: IP_RECVFRAGSIZE, IPV6_RECVFRAGSIZE */
	NET_CTL_FLOWINFO = 1 << 15, /* recv: IPV6_FLOWINFO */
	NET_CTL_PKTINFO_OLD = 1 << 17, /* recv: IPV6_2292PKTINFO, as PKTINFO */
	NET_CTL_HOPS_OLD = 1 << 18,    /* recv: IPV6_2292HOPLIMIT, as TTL */
	NET_CTL_TXTIME = 1 << 20,      /* send: SCM_TXTIME */
	NET_CTL_AUXDATA = 1 << 22,     /* recv: PACKET_AUXDATA */
};

/* One entry of the error queue, the content of struct sock_extended_err. */
struct net_sock_err {
	uint32_t err;	/* positive errno */
	uint8_t origin; /* SO_EE_ORIGIN_* */
	uint8_t type;
	uint8_t code;
	uint32_t info; /* MTU for EMSGSIZE */
	uint32_t data;
	struct net_addr offender; /* family 0 = unknown */
};

/* struct tpacket_auxdata without a VLAN. */
struct net_ctl_aux {
	uint32_t status, len, snaplen;
	uint16_t mac, net;
};

struct net_ctl {
	uint32_t has;	       /* enum net_ctl_has */
	net_link_id ifindex;   /* PKTINFO: receiving link; send: link to use, 0 = any */
	struct net_addr local; /* PKTINFO: ipi_spec_dst (send: source to use, family 0 = none) */
	struct net_addr dst;   /* PKTINFO: ipi_addr, the header's destination */
	int32_t ttl;
	int32_t tos;
	net_time timestamp;	 /* real time, ns */
	int32_t timestamp_type;	 /* of the cmsg: SO_TIMESTAMP, SO_TIMESTAMPNS, or their _NEW */
	net_time stamping;	 /* real time, ns: the software stamp of struct scm_timestamping */
	int32_t stamping_type;	 /* SO_TIMESTAMPING or its _NEW */
	uint32_t stamping_flags; /* send: SOF_TIMESTAMPING_TX_* of this message */
	uint64_t txtime;	 /* ns of the clock of SO_TXTIME */
	uint32_t priority;
	uint32_t frag_size;
	uint32_t flowinfo; /* traffic class and label, host order */
	struct net_ctl_aux aux;
	uint16_t segment_size;
	struct net_sock_err error;
	struct net_endpoint origdst;
	uint32_t mark;
	uint32_t rxq_ovfl;
	uint32_t inq;
	uint8_t opts_len;
	uint8_t opts[40];
};

/* struct msghdr with values instead of cmsg bytes. */
struct net_msg {
	struct sockaddr *name; /* send: destination or NULL; recv: buffer or NULL */
	socklen_t name_len;    /* recv: in: room; out: full length (0 = no address) */
	const struct iovec *iov;
	size_t iov_len;
	struct net_ctl ctl; /* send: in; recv: out, what the socket's options ask for */
	int flags;	    /* recv, out: MSG_TRUNC, MSG_ERRQUEUE, MSG_OOB, MSG_EOR ... */
};

/* @flags: MSG_DONTWAIT and MSG_NOSIGNAL are ignored (the caller raises SIGPIPE on -EPIPE);
 * MSG_MORE, MSG_OOB, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE, MSG_FASTOPEN as Linux. A stream may
 * accept fewer bytes than given. Borrows @msg. */
ssize_t net_sock_send(struct net_stack *stack, net_sock_id sock, const struct net_msg *msg,
		      int flags);

/* @flags: MSG_PEEK, MSG_TRUNC, MSG_OOB, MSG_ERRQUEUE. 0 = end of stream. */
ssize_t net_sock_recv(struct net_stack *stack, net_sock_id sock, struct net_msg *msg, int flags);

int net_sock_shutdown(struct net_stack *stack, net_sock_id sock, int how);
int net_sock_getsockname(struct net_stack *stack, net_sock_id sock, struct sockaddr *addr,
			 socklen_t *len);
int net_sock_getpeername(struct net_stack *stack, net_sock_id sock, struct sockaddr *addr,
			 socklen_t *len);

/* What the calling task may do; the caller checks its capabilities. */
enum net_cap {
	NET_CAP_ADMIN = 1, /* CAP_NET_ADMIN */
	NET_CAP_RAW = 2,   /* CAP_NET_RAW */
};

/* Levels SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOL_RAW, IPPROTO_ICMPV6;
 * values in Linux's layout. Works, or returns Linux's errno (-ENOPROTOOPT, -EINVAL, -EPERM ...).
 * SO_RCVTIMEO, SO_SNDTIMEO, SO_PASSCRED and other options of the blocking layer are the caller's.
 * getopt: *@len in: room, out: length. */
int net_sock_setopt(struct net_stack *stack, net_sock_id sock, int level, int name,
		    const void *value, socklen_t len, unsigned caps);
int net_sock_getopt(struct net_stack *stack, net_sock_id sock, int level, int name, void *value,
		    socklen_t *len);

/* EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR, EPOLLPRI ... that hold now; EPOLLNVAL|EPOLLERR
 * (as an errno there is none) for a stale id. */
uint32_t net_sock_poll(struct net_stack *stack, net_sock_id sock);

enum net_count {
	NET_COUNT_INQ,	    /* FIONREAD, SIOCINQ: bytes (UDP: of the next datagram) */
	NET_COUNT_OUTQ,	    /* SIOCOUTQ: not yet acknowledged (UDP: not yet taken by the driver) */
	NET_COUNT_OUTQ_NSD, /* SIOCOUTQNSD: not yet sent */
	NET_COUNT_ATMARK,   /* SIOCATMARK: 0 or 1 */
};

/* The number, or -EBADF, -EINVAL (listening, or not for this type). */
int64_t net_sock_count(struct net_stack *stack, net_sock_id sock, enum net_count what);

/* Time of the last packet given to the user (SIOCGSTAMP), real time in ns; -ENOENT if none. */
int net_sock_stamp(struct net_stack *stack, net_sock_id sock, net_time *ret);

/* The rings of an AF_PACKET socket (PACKET_RX_RING, PACKET_TX_RING): how many bytes both have, 0 without.
 * After every change of a ring the caller gives zeroed memory of that size, first the receiving ring,
 * which must stay until the socket is closed or the rings change again; the user of the socket may
 * write to it at any time. Until then nothing is received into it. */
size_t net_packet_ring_bytes(struct net_stack *stack, net_sock_id sock);
void net_packet_ring_memory(struct net_stack *stack, net_sock_id sock, void *mem);

/* Whether close() with SO_LINGER would still have to wait (unsent or unacknowledged data). */
bool net_sock_lingering(struct net_stack *stack, net_sock_id sock);
