/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets (packet(7)): frames of links as they are, both ways. */
#pragma once

#include <linux/if_packet.h>

#include "core/timer.h"
#include "sock/dgram.h"

/* A ring of frames in memory that the user maps (PACKET_RX_RING, PACKET_TX_RING). The user writes
 * to all of it at any time: status words are read once, everything else is only written. */
struct packet_ring {
	uint8_t *mem; /* NULL until the memory was given: see packet_ring_memory() */
	uint32_t block_size, blocks;
	uint32_t frame_size, frames;
	uint32_t at; /* frame, or block with TPACKET_V3, that is next */
	/* TPACKET_V3 */
	uint32_t priv_size;
	net_dur retire;	 /* an unfilled block is handed over after so long */
	uint64_t seq;	 /* of the open block */
	bool open;	 /* a block is being filled */
	uint32_t fill;	 /* bytes of it in use */
	uint32_t last;	 /* offset of its last packet; 0: none */
	uint32_t in_block; /* packets in it */
	struct timer timer;
};

/* Sockets that share the packets of one stream (PACKET_FANOUT). */
#define FANOUT_MAX 256

struct fanout {
	struct list all;
	uint16_t id;
	uint8_t mode;
	uint16_t flags;
	uint32_t n, next;
	net_link_id link;
	uint16_t proto;
	struct packet_sock *socks[FANOUT_MAX];
};

/* PACKET_ADD_MEMBERSHIP */
struct packet_member {
	struct list list;
	net_link_id link;
	uint16_t type, alen;
	uint8_t addr[8];
	uint32_t count;
};

struct packet {
	struct socks *socks;
	struct list all; /* struct packet_sock */
	struct list fanouts;
	uint32_t promisc; /* memberships that ask for frames to others */
};

struct packet_sock {
	struct dgram dg; /* first */
	struct list all;
	net_link_id link; /* bound to; 0 = every */
	uint16_t proto;	  /* ethertype, ETH_P_ALL, 0 = none */
	bool auxdata, origdev, loss, vnet_hdr, tx_has_off, qdisc_bypass, ignore_outgoing, stamp_ns;
	uint8_t vnet_hdr_sz;
	int32_t version, copy_thresh, stamp_source;
	uint32_t reserve;
	uint32_t packets, drops, freezes; /* since PACKET_STATISTICS was read */
	bool losing;			  /* told in the next frame */
	struct packet_ring rx, tx;
	struct fanout *fanout;
	struct list members;
};

static inline struct packet_sock *packet_of(struct sock *sk)
{
	return container_of(sk, struct packet_sock, dg.sk);
}

extern const struct sock_ops packet_sock_ops;

int packet_init(struct packet **ret, struct socks *socks);
struct packet *packet_free(struct packet *packet);

/* What a packet in a receive queue is, in pkt->cb (dgram.c has the last 8 bytes). */
struct packet_cb {
	uint16_t proto;
	uint8_t type; /* PACKET_HOST ... */
	uint8_t halen;
	net_link_id link;
	uint32_t orig_len;
	uint8_t addr[8];
	uint16_t net; /* where in the view the network header begins */
};

/* opt.c */
int packet_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		  unsigned caps);
int packet_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len);
void packet_members_drop(struct packet_sock *ps);

/* ring.c */
uint32_t packet_hdr_len(int version); /* of struct tpacketN_hdr, without the address behind it */
int packet_ring_set(struct packet_sock *ps, bool tx, const void *value, socklen_t len);
void packet_ring_fini(struct packet_sock *ps, struct packet_ring *ring);
size_t packet_ring_bytes(const struct packet_sock *ps);
void packet_ring_memory(struct packet_sock *ps, void *mem);
/* Puts @pkt (view at what the user sees, @cb says what it is) into the ring. False: no room. */
bool packet_ring_put(struct packet_sock *ps, const struct pkt *pkt, const struct packet_cb *cb,
		     uint32_t snap);
bool packet_ring_readable(const struct packet_sock *ps);
ssize_t packet_ring_send(struct packet_sock *ps,
			 int (*xmit)(struct packet_sock *ps, const uint8_t *data, uint32_t len,
				     void *arg),
			 void *arg);

/* fanout.c */
int fanout_join(struct packet_sock *ps, uint32_t arg);
void fanout_leave(struct packet_sock *ps);
struct packet_sock *fanout_choose(struct fanout *f, const struct pkt *pkt, uint32_t l3);
