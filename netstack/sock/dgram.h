/* SPDX-License-Identifier: Apache-2.0 */
/* What UDP, ping and raw sockets share: receive queue, connected peer, the way out. */
#pragma once

#include "pkt/pktq.h"
#include "sock/sock.h"

struct dgram {
	struct sock sk; /* first */
	struct pktq rx;
	uint32_t rx_bytes; /* truesize */
	bool connected;
	struct ip_path path;	  /* of the last destination */
	struct net_addr path_src; /* source that was asked for then */
	bool path_ok;
};

static inline struct dgram *dgram_of(struct sock *sk)
{
	return container_of(sk, struct dgram, sk);
}

int dgram_open(struct sock *sk);
void dgram_close(struct sock *sk);
uint32_t dgram_poll(struct sock *sk);
int dgram_shutdown(struct sock *sk, enum sock_shut how);
int64_t dgram_count(struct sock *sk, enum net_count what);
void dgram_info(const struct sock *sk, struct net_sock_info *ret);
void dgram_opt_changed(struct sock *sk, int level, int name);
void dgram_charge_released(struct sock *sk);
bool dgram_connected(const struct sock *sk);

/* Queues a received packet, view at what the user reads. Takes @pkt; counts drops. */
void dgram_deliver(struct sock *sk, struct pkt *pkt);

/* The checks of recv(): the error queue, SO_ERROR, an empty queue. Returns the first packet or NULL
 * with the result in *@r. */
struct pkt *dgram_recv_start(struct sock *sk, struct net_msg *msg, int flags, ssize_t *r);
/* Removes the packet and frees it. */
void dgram_consume(struct sock *sk, struct pkt *pkt);

struct iov;

/* A send() under way. */
struct dgram_tx {
	struct net_endpoint dst;
	struct ip_path *path; /* the socket's, or &own */
	struct ip_path own;
	uint16_t segment; /* from the control information; 0 = none */
};

/* Checks state and destination, finds the path, applies options and control information. */
int dgram_send_start(struct sock *sk, struct dgram_tx *tx, const struct net_msg *msg,
		     const struct net_endpoint *dst, int flags);
/* A charged packet with @len bytes gathered from @it, or -EAGAIN (send buffer), -ENOBUFS. */
int dgram_build(struct sock *sk, struct pkt **ret, struct iov *it, size_t len);
/* ip_output() with Linux's treatment of its errors. Takes @pkt. */
int dgram_xmit(struct sock *sk, struct dgram_tx *tx, struct pkt *pkt, uint8_t proto);

/* After a datagram has gone: its time stamps and its MSG_ZEROCOPY completion, for the error queue. */
void dgram_note(struct sock *sk, const struct net_msg *msg, int flags);

/* connect(): finds the path and sets the addresses. The caller does its demux. */
int dgram_set_peer(struct sock *sk, const struct net_endpoint *peer);
/* An ICMP error for the socket, as Linux reports it to datagram sockets. */
void dgram_error(struct sock *sk, const struct ip_error *err, const struct net_endpoint *dst);
