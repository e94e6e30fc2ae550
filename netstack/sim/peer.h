/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP peer that is driven by hand: one stack at one end, exact segments at the other.
 *
 * Numbers are relative, as in a conversation written down: a side's SYN has sequence number 0 and
 * its first byte 1, whatever the initial sequence numbers are. In a segment for the stack (peer_rx)
 * seq counts the peer's bytes and ack and sack the stack's; in an expected segment (peer_expect) it
 * is the other way round. Times count from the creation of the peer.
 */
#pragma once

#include "sim/sim.h"
#include "wire/tcp.h"

struct peer_seg {
	uint16_t flags; /* enum tcp_flag */
	uint32_t seq, ack, len;
	uint32_t wnd;  /* rx: on the wire, 0 = the peer's default unless wnd_zero; expect: if set */
	bool wnd_zero; /* rx: window 0; expect: must be 0 */
	uint16_t urg;
	uint16_t mss; /* option, 0 = none (expect: not looked at) */
	int wscale;   /* option + 1, 0 = none */
	bool sack_ok;
	bool ts; /* option with tsval, tsecr as given; with peer_config.ts it is automatic */
	uint32_t tsval, tsecr;
	unsigned int nsack; /* expect: must have exactly these, if not 0 */
	uint32_t sack[TCP_SACK_MAX][2];
	bool no_sack; /* expect: must have none */
	bool bad_sum; /* rx */
	uint16_t gso; /* rx: a super-segment of this segment size */
	bool push;    /* expect: PSH must be set */
	bool any_seq; /* expect */
	uint8_t ecn;  /* field of the IP header (expect: if not 0) */
	/* Fast Open option: a request unless fo_cookie (hexadecimal) is set. Expect: as given. */
	bool fo, fo_exp, no_fo;
	const char *fo_cookie;
};

#define PEER_FIN TCP_FLAG_FIN
#define PEER_SYN TCP_FLAG_SYN
#define PEER_RST TCP_FLAG_RST
#define PEER_ACK TCP_FLAG_ACK
#define PEER_NONE 0
#define PEER_SYN_ACK (TCP_FLAG_SYN | TCP_FLAG_ACK)
#define PEER_SYN_FIN (TCP_FLAG_SYN | TCP_FLAG_FIN)
#define PEER_FIN_ACK (TCP_FLAG_FIN | TCP_FLAG_ACK)
#define PEER_RST_ACK (TCP_FLAG_RST | TCP_FLAG_ACK)
#define PEER_URG_ACK (TCP_FLAG_URG | TCP_FLAG_ACK)

#define SEG(fl, ...) (&(struct peer_seg){.flags = PEER_##fl, ##__VA_ARGS__})
#define MS(n) NET_MS(n)
#define SEC(n) NET_SEC(n)

struct peer_config {
	int family; /* AF_INET unless set */
	uint64_t seed;
	uint32_t mtu; /* 0: 1500 */
	uint32_t offloads;
	bool sack, ts;			      /* what the peer's SYN offers */
	int wscale;			      /* + 1 */
	uint16_t mss;			      /* 0: 1460 */
	uint32_t wnd;			      /* the peer's window field; 0: 65535 */
	int backlog;			      /* 0: 16 */
	void (*tune)(struct net_config *cfg); /* may be NULL */
};

struct peer {
	struct net_stack *stack;
	net_sock_id listener;
	net_sock_id sock;
	struct peer_config cfg;
	net_time start, now;
	net_link_id link;
	uint16_t port, local_port; /* the peer's, the stack's */
	uint32_t iss;		   /* the peer's */
	uint32_t stack_iss;
	bool know_iss;
	uint32_t last_tsval;  /* of the stack */
	struct peer_out *out; /* what the stack sent and nobody looked at yet */
	size_t nout, out_cap, out_at;
	uint32_t woke;	/* EPOLL bits since peer_events() */
	const char *md5;       /* IPv4: sign what is sent, and check what comes, with this key */
	unsigned int bad_md5;  /* segments that came without the right signature */
	char why[1024]; /* of the last failed expectation */
	FILE *trace;
};

/* Makes the stack (10.0.1.1 or fd00:1::1, port 8080) and the peer (.2, port 40000). NULL cfg:
 * defaults. */
struct peer *peer_new(const struct peer_config *cfg);
struct peer *peer_free(struct peer *peer);

/* The stack opens a socket, binds and listens. */
int peer_listen(struct peer *peer);
/* Accepts into peer->sock. 0 or errno. */
int peer_accept(struct peer *peer);
/* connect() to the peer, into peer->sock. */
int peer_connect(struct peer *peer);
/* The whole handshake, passive or active, at the current instant. False with peer->why. */
bool peer_establish(struct peer *peer);
bool peer_establish_active(struct peer *peer);

/* Lets time pass. */
void peer_run(struct peer *peer, net_time at);
/* Gives the stack a segment at @at. */
void peer_rx(struct peer *peer, net_time at, const struct peer_seg *seg);
/* The same from another port of the peer. */
void peer_rx_from(struct peer *peer, net_time at, uint16_t port, const struct peer_seg *seg);
/* An ICMP error about a segment of @seq (relative) from a router: @type, @code, @mtu (IPv4 numbers
 * are translated for IPv6: host unreachable, port unreachable, too big). */
enum peer_icmp { PEER_ICMP_HOST_UNREACH, PEER_ICMP_PORT_UNREACH, PEER_ICMP_TOO_BIG };
void peer_icmp(struct peer *peer, net_time at, enum peer_icmp what, uint32_t seq, uint32_t mtu);

/* True if the next segment of the stack was sent at @at and is like @seg. */
bool peer_expect(struct peer *peer, net_time at, const struct peer_seg *seg);
/* True if nothing is left to look at. */
bool peer_nothing(struct peer *peer);
/* How many segments wait; drop them all. */
size_t peer_pending(struct peer *peer);
void peer_skip(struct peer *peer);
/* The n-th waiting segment, with absolute instants. False past the end. */
bool peer_peek(struct peer *peer, size_t n, net_time *ret_at, struct peer_seg *ret);

/* Socket calls on peer->sock, at the current instant. */
ssize_t peer_write(struct peer *peer, size_t len, int flags);
/* sendto() the peer, on a new socket if there is none. */
ssize_t peer_sendto(struct peer *peer, size_t len, int flags);
/* Forgets the connection, so that the next one starts with numbers of its own. */
void peer_forget(struct peer *peer);
ssize_t peer_read(struct peer *peer, size_t len, int flags);
int peer_close(struct peer *peer);
int peer_setopt(struct peer *peer, int level, int name, int value);
int peer_getopt(struct peer *peer, int level, int name);
/* TCP_INFO's state and the like: reads a byte or word at @off. */
int peer_state(struct peer *peer);
uint32_t peer_poll(struct peer *peer);
int peer_error(struct peer *peer);
