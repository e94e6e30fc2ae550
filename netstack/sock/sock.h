/* SPDX-License-Identifier: Apache-2.0 */
/* The socket: what all kinds share, and the table by which a kind plugs in.
 *
 * A transport's object embeds struct sock as its first member. sock/ knows ids, addresses, options
 * of SOL_SOCKET, IPPROTO_IP and IPPROTO_IPV6, the error queue and dispatch; a transport knows its
 * protocol. Addresses that reach a transport are normal: an IPv4-mapped address of an AF_INET6
 * socket arrives as AF_INET; sock/ maps it back for the user.
 *
 * Life: sock_new() -> ops->open; net_sock_close() clears the id (no call reaches the socket any
 * more, sock_wake() does nothing) and calls ops->close; the transport ends with sock_free(), at
 * once or when it is done. sock_free() waits by itself for packets still charged to the socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "bpf/bpf.h"
#include "core/core.h"
#include "ip/path.h"
#include "ip/proto.h"
#include "netstack/info.h"
#include "netstack/socket.h"
#include "sock/demux.h"

struct sock;
struct socks;
struct mcast_member;

enum sock_shut {
	SOCK_SHUT_RD = 1,
	SOCK_SHUT_WR = 2,
};

struct sock_ops {
	const char *name;
	size_t size; /* of the object that embeds struct sock first */
	/* Initialises the part of the transport (zeroed). 0 or errno: the socket goes away. */
	int (*open)(struct sock *sk);
	/* The id is gone. Must lead to sock_free(sk). */
	void (*close)(struct sock *sk);
	/* After sock/ chose the local address (sk->node.local.addr set) and @port. NULL:
	 * demux_bind() and, for datagrams, demux_listen(). */
	int (*bind)(struct sock *sk, uint16_t port);
	/* Families whose names sock/ does not read: bind(), and both names. send() then gets no @dst
	 * and looks at msg->name. NULL: IP. */
	int (*bind_name)(struct sock *sk, const struct sockaddr *name, socklen_t len);
	int (*get_name)(struct sock *sk, bool peer, struct sockaddr *name, socklen_t *len);
	/* @peer->addr.family 0: dissolve. */
	int (*connect)(struct sock *sk, const struct net_endpoint *peer);
	int (*listen)(struct sock *sk, int backlog);	   /* NULL: -EOPNOTSUPP */
	int (*accept)(struct sock *sk, struct sock **ret); /* NULL: -EOPNOTSUPP */
	/* @dst: normalised msg->name, or NULL. */
	ssize_t (*send)(struct sock *sk, const struct net_msg *msg, const struct net_endpoint *dst,
			int flags);
	/* Fills msg->ctl and flags; the address with sock_put_name(). */
	ssize_t (*recv)(struct sock *sk, struct net_msg *msg, int flags);
	int (*shutdown)(struct sock *sk, enum sock_shut how);
	/* Levels and names that sock/ does not handle. -ENOPROTOOPT otherwise. */
	int (*setopt)(struct sock *sk, int level, int name, const void *value, socklen_t len,
		      unsigned caps);
	int (*getopt)(struct sock *sk, int level, int name, void *value, socklen_t *len);
	/* An option of sock/ was changed (SO_KEEPALIVE, SO_SNDBUF, SO_RCVBUF, SO_LINGER, IP_TOS,
	 * IP_TTL, IP_MTU_DISCOVER ...). May be NULL. */
	void (*opt_changed)(struct sock *sk, int level, int name);
	uint32_t (*poll)(struct sock *sk);
	int64_t (*count)(struct sock *sk, enum net_count what);
	void (*info)(const struct sock *sk, struct net_sock_info *ret);
	bool (*lingering)(struct sock *sk); /* may be NULL: false */
	/* Packets charged to the socket were freed by the driver (sk->charge.used fell): room to
	 * send. May be NULL: sock_wake(EPOLLOUT). */
	void (*charge_released)(struct sock *sk);
	/* Whether the remote address is a filled sk->node.remote: ENOTCONN otherwise. NULL: port!=0
	 */
	bool (*connected)(const struct sock *sk);
};

/* Options that sock/ keeps and transports read. */
struct sock_opts {
	bool reuse_addr, reuse_port, broadcast, keepalive, oob_inline, dont_route, no_check;
	bool linger_on, rxq_ovfl, debug, select_err_queue, wifi_status, nofcs, lock_filter;
	/* SO_TIMESTAMP and SO_TIMESTAMPNS: wanted, in ns, and by their _NEW names. */
	bool timestamp, timestamp_ns, timestamp_new;
	bool prefer_busy_poll, rcv_mark, rcv_priority, zerocopy, txtime, no_txrehash;
	uint32_t stamping; /* SO_TIMESTAMPING: SOF_TIMESTAMPING_* */
	int32_t txtime_clock;
	uint32_t txtime_flags;
	int32_t incoming_cpu; /* -1 = any */
	int32_t linger_s;
	int32_t rcvbuf, sndbuf;		   /* Linux's doubled values */
	bool rcvbuf_locked, sndbuf_locked; /* set by the user: no autotuning */
	int32_t rcvlowat, priority;
	uint32_t mark;
	uint64_t max_pacing_rate; /* bytes/s, ~0 = unlimited */
	int32_t busy_poll;
	int32_t peek_off; /* negative = off */
	/* IPPROTO_IP */
	int16_t ttl; /* -1 = default */
	uint8_t tos, mcast_ttl, pmtudisc, min_ttl;
	bool mcast_loop, mcast_all, recv_err, pktinfo, recv_ttl, recv_tos, recv_opts, hdrincl;
	bool freebind, transparent, nodefrag, bind_no_port, recv_origdst, recv_err_rfc4884;
	bool recv_frag_size, router_alert, recv_retopts, recv_checksum, pass_sec;
	uint8_t ip_opts_len; /* IP_OPTIONS */
	uint8_t ip_opts[40];
	net_link_id mcast_if, unicast_if;
	struct net_addr mcast_if_addr;
	uint16_t port_range[2];
	/* IPPROTO_IPV6 */
	int16_t hops, mcast_hops; /* -1 = default */
	uint8_t tclass, pmtudisc6, min_hops;
	bool mcast_loop6, mcast_all6, recv_err6, recv_pktinfo6, recv_hops, recv_tclass;
	bool recv_origdst6, autoflowlabel, dontfrag6, recv_path_mtu, v6only, recv_err6_rfc4884;
	/* The names of RFC 2292. */
	bool old_pktinfo6, old_hops, old_hopopts, old_dstopts, old_rthdr;
	bool recv_flowinfo, flowinfo_send, recv_hopopts, recv_rthdr, recv_dstopts;
	bool recv_frag_size6, ra_isolate, hdrincl6;
	uint32_t frag_size6; /* IPV6_MTU: fragments are no larger; 0 = unset */
	bool pktinfo6;	     /* IPV6_PKTINFO is set: source and link of what is sent */
	struct net_addr pktinfo6_addr;
	net_link_id pktinfo6_link;
	net_link_id mcast_if6, unicast_if6;
	uint32_t addr_prefs; /* IPV6_ADDR_PREFERENCES, as set */
};

/* IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_RTHDR, IPV6_DSTOPTS (RFC 3542 4, 6 to 9): each a header as
 * it goes out, its first byte to be filled. */
enum sock_ext {
	SOCK_EXT_HOPOPTS,
	SOCK_EXT_RTHDRDSTOPTS,
	SOCK_EXT_RTHDR,
	SOCK_EXT_DSTOPTS,
	SOCK_EXT_COUNT,
};

struct sock_exts {
	uint16_t len[SOCK_EXT_COUNT]; /* 0 = none */
	uint8_t *bytes[SOCK_EXT_COUNT];
};

/* A checked program of bpf/. */
struct filter_prog {
	uint32_t n;
	struct bpf_insn insns[];
};

struct sock {
	struct demux_node node; /* addresses, ports, bound link; kind DEMUX_SOCK */
	struct socks *socks;
	const struct sock_ops *ops;
	struct net_core *core; /* = socks->core */
	struct ip *ip;	       /* = socks->ip */
	net_sock_id id;	       /* 0 after close() and before accept() */
	uint64_t cookie;
	uint64_t inode;
	int32_t family, type, protocol; /* as given to open */
	struct list all;		/* in socks->all */
	struct event_src event;
	struct sock_opts opt;
	struct pkt_charge charge; /* packets of this socket at links; wmem of datagrams */
	int err;		  /* SO_ERROR, positive; read and cleared with sock_error() */
	uint8_t shut;		  /* enum sock_shut */
	bool freed;		  /* sock_free() was called, packets are still out */
	bool user_addr;		  /* bind() named an address */
	struct list errq;	  /* error queue: struct pkt */
	uint32_t errq_bytes;
	uint32_t drops;
	struct filter_prog *filter;	/* SO_ATTACH_FILTER */
	struct filter_prog *reuse_prog; /* SO_ATTACH_REUSEPORT_CBPF, of the whole group */
	struct sock_exts *exts;		/* IPv6 extension headers of what is sent; NULL = none */
	uint32_t stamp_id;		/* of the next packet: SOF_TIMESTAMPING_OPT_ID */
	uint32_t zc_id;			/* of the next MSG_ZEROCOPY send */
	net_time stamp;	   /* rx time of the last packet given to the user; 0 = none */
	struct list mcast; /* struct mcast_member */
	uint32_t mcast_count;
};

struct packet;
struct tcp;
struct udp;
struct raw;

struct sock_slot {
	struct sock *sock;
	uint32_t gen;
	uint32_t next_free;
};

/* The socket layer of a stack. */
struct socks {
	struct net_core *core;
	struct ip *ip;
	struct demux demux;
	struct list all; /* every struct sock: those with an id, orphans, and embryos */
	struct sock_slot *slots;
	uint32_t nslots, free_slot;
	uint32_t count;
	uint32_t packets;     /* packet sockets */
	uint32_t reuse_progs; /* sockets with a reuse_prog */
	struct tcp *tcp; /* contexts of the transports */
	struct udp *udp;
	struct raw *raw;
	struct packet *packet;
	/* (family, type, protocol) -> ops, filled by stack/. */
	const struct sock_ops *tcp_ops, *udp_ops, *ping_ops, *raw_ops, *packet_ops;
};

/* Makes a socket of a kind, without id: net_sock_open() and a transport that accepts use it.
 * Options are Linux's defaults. Calls ops->open. 0, -ENFILE (limit), -ENOMEM. */
MUST_CHECK int sock_new(struct socks *ss, struct sock **ret, const struct sock_ops *ops, int family,
			int type, int protocol);
/* A socket like @parent for an incoming connection: options, bound link, uid copied. */
MUST_CHECK int sock_new_child(struct sock *parent, struct sock **ret);
/* Gives the socket its id (accept). 0, -ENFILE, -ENOMEM. */
MUST_CHECK int sock_publish(struct sock *sk);
/* Ends the socket. Removes it from the demux. */
void sock_free(struct sock *sk);

/* Something happened: @woke EPOLL* bits. The level is asked with ops->poll when the event is taken.
 */
void sock_wake(struct sock *sk, uint32_t woke);
/* Sets SO_ERROR (positive errno) and wakes EPOLLERR. */
void sock_set_error(struct sock *sk, int err);
/* Reads and clears SO_ERROR: positive errno or 0. */
int sock_take_error(struct sock *sk);

/* What pkt_charge tells of, after SO_SNDBUF changed. */
void sock_set_notify(struct sock *sk);

/* Whether an incoming packet on @link may reach a socket bound as @sk is. */
bool sock_link_ok(const struct sock *sk, net_link_id link);

/* Options of sock/ applied to a path: TTL or hops, TOS or class, PMTU discovery, bound link. */
void sock_path_opts(const struct sock *sk, struct ip_path *path);
/* ip_path_init() with the socket's options; src family 0 = choose. */
MUST_CHECK int sock_path_init(struct sock *sk, struct ip_path *path, const struct net_addr *dst,
			      const struct net_addr *src);

/* Writes an endpoint as the user's kind of sockaddr (mapped if AF_INET6), truncated to *@len. */
void sock_put_name(const struct sock *sk, const struct net_endpoint *ep, struct sockaddr *name,
		   socklen_t *len);
/* Reads a sockaddr as bind/connect/sendto would: 0, -EINVAL, -EAFNOSUPPORT, -EADDRNOTAVAIL. Family
 * 0 in the result for AF_UNSPEC. */
int sock_get_name(const struct sock *sk, struct net_endpoint *ret, const struct sockaddr *name,
		  socklen_t len);

/* Fills msg->ctl from a received packet, as the socket's options ask. */
void sock_put_ctl(struct sock *sk, const struct pkt *pkt, struct net_msg *msg);

/* The time stamps that the socket wants of something that happened @when. */
void sock_put_stamps(const struct sock *sk, net_time when, struct net_ctl *ctl);

/* An ICMP error for this socket: appends to the error queue if IP_RECVERR or IPV6_RECVERR is on.
 * Returns whether it did. @dst: where the failed packet went. */
bool sock_queue_error(struct sock *sk, const struct ip_error *err, const struct net_endpoint *dst);
/* A local error (EMSGSIZE with its mtu) for the queue. */
void sock_queue_local_error(struct sock *sk, int err, uint32_t info,
			    const struct net_endpoint *dst);
/* IP_RECVERR was switched off: nobody will ask for what waits. */
void sock_flush_errors(struct sock *sk);
/* A completed MSG_ZEROCOPY send: joins the last entry of the queue if that is its neighbour. */
void sock_note_zerocopy(struct sock *sk, uint32_t id);
/* Something happened to a sent packet now (@what: SCM_TSTAMP_*), shown with @len bytes of it. */
void sock_note_stamp(struct sock *sk, uint32_t what, uint32_t id, const void *bytes, uint32_t len);
/* recv() with MSG_ERRQUEUE. */
ssize_t sock_recv_error(struct sock *sk, struct net_msg *msg, int flags);

/* Whether the socket has a peer. */
static inline bool sock_connected(const struct sock *sk)
{
	return sk->ops->connected ? sk->ops->connected(sk) : sk->node.remote.port != 0;
}

/* Of a protocol with ports: TCP, UDP, UDP-Lite. */
static inline bool sock_has_port(const struct sock *sk)
{
	return sk->protocol == IPPROTO_TCP || sk->protocol == IPPROTO_UDP ||
	       sk->protocol == IPPROTO_UDPLITE;
}

/* Which SO_TIMESTAMP* name is on; 0: none. */
int sock_stamp_name(const struct sock *sk);

/* Option values: read an int as Linux does; write an int or, where it fits a byte, one. */
int opt_get_int(const void *value, socklen_t len, int *ret);
int opt_put_int(void *value, socklen_t *len, int v);
int opt_put(void *value, socklen_t *len, const void *from, size_t n);

extern const struct sock_ops udp_sock_ops;
extern const struct sock_ops ping_sock_ops;
extern const struct sock_ops raw_sock_ops;
