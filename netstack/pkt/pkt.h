/* SPDX-License-Identifier: Apache-2.0 */
/* Owned packet buffers: a linear area with headroom, then reference-counted fragments.
 *
 * Headers live in the linear area: either the descriptor's own (what we send) or a block (what a
 * driver filled). Payload is a list of references into blocks, shared between the send buffer, the
 * retransmissions and the loopback, and never written while shared.
 *
 * pkt_push() and pkt_pull() keep the offload metadata's offsets true: they always count from the
 * first byte of the view.
 *
 * Pool: descriptors and blocks come from free lists and go back to them; the heap is asked only
 * when a list is empty. All memory counts against one limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "netstack/pkt.h"
#include "netstack/types.h"
#include "util/list.h"

#define PKT_HEADROOM 128 /* Ethernet 18 + IPv6 40 + TCP 60, rounded up */
#define PKT_INLINE 448	 /* the descriptor's own area, headroom included */
#define PKT_FRAGS 18
#define PKT_RX_HEADROOM 64
#define PKT_MAX_LEN 65535

/* Capacities of the two kinds of block. */
#define PKT_BLOCK_SMALL 2048
#define PKT_BLOCK_LARGE 32768

struct pkt_block {
	uint32_t refs;
	uint32_t cap;
	struct pkt_block *next_free;
	struct pkt_pool *pool;
	uint64_t pad;
	uint8_t data[];
};

struct pkt_frag {
	struct pkt_block *block;
	uint32_t off;
	uint32_t len;
};

/* Bytes of packets that belong to one sender, from their creation until the driver frees them.
 * When @used falls from above @notify_above, the charge is put on the pool's list of released
 * charges; the socket layer looks there. The owner must outlive its packets: free it only when
 * used == 0. */
struct pkt_charge {
	struct list released;  /* in pkt_pool.released */
	uint32_t used;	       /* truesize bytes */
	uint32_t notify_above; /* 0: every release is told */
	uint64_t pacing_rate;  /* bytes per second that fq lets the owner have; 0 = any */
};

/* What the receive path learned about the packet, host order. Filled by ip/ (addresses, link...)
 * and by the transport (ports). */
struct pkt_ip {
	struct net_addr src;
	struct net_addr dst;
	net_link_id link;
	uint8_t proto;
	uint8_t hop_limit;
	uint8_t tos; /* DSCP and ECN: tos & 3 is the ECN field */
	bool multicast : 1;
	bool broadcast : 1; /* IP broadcast or link-level broadcast of a unicast IP packet */
	bool local : 1;	    /* came over the loopback */
	bool reassembled : 1;
	bool link_multi : 1; /* link-level broadcast or multicast */
	uint16_t sport;
	uint16_t dport;
	uint16_t frag_max; /* largest fragment, if reassembled */
	uint16_t hdr_len;  /* of the IP header with options or extension headers */
};

enum pkt_at {
	PKT_AT_PAYLOAD = 0, /* no network header yet: nothing that a capture could show */
	PKT_AT_FRAME,	    /* a frame of its link */
	PKT_AT_NET,	    /* at l3_off, or at the view if that is 0: an IP header, or ARP */
};

struct nf_ct;

struct pkt {
	struct list link; /* whoever owns the packet may queue it here */
	struct pkt_pool *pool;
	struct pkt_charge *charge;
	uint32_t charged;
	uint32_t len;	  /* of the view: linear part and fragments */
	uint32_t lin_len; /* of the linear part */
	uint32_t off;	  /* view's first byte in base */
	uint32_t cap;	  /* of base */
	uint32_t l3_off;  /* IP header's first byte in base, set on receive */
	uint8_t *base;
	struct pkt_block *block; /* that base is in; NULL: inl */
	struct net_offload offload;
	net_time rx_time; /* received; on output: not to leave before (pacing, SO_TXTIME), 0 = now */
	struct pkt_ip ip;
	union { /* private to the layer that holds the packet */
		uint64_t cb64[4];
		uint8_t cb[32];
		void *cb_ptr[4];
	};
	/* What the view starts with, for captures of discards (core/drop.c): @at, and the type of what
	 * follows the Ethernet header once that is gone. */
	uint16_t ethertype;
	uint8_t at;   /* enum pkt_at */
	uint8_t prio; /* TC_PRIO_*: band of the queueing discipline */
	uint32_t mark;
	struct nf_ct *nf_ct; /* connection that it belongs to; a reference */
	uint8_t nf_ctinfo;
	bool has_uid;
	uint32_t uid; /* of the sending socket's owner, while there are hooks */
	uint16_t nfrags;
	struct pkt_frag frag[PKT_FRAGS];
	uint8_t inl[PKT_INLINE];
};

struct pkt_pool {
	uint64_t limit;	     /* bytes in use */
	uint64_t idle_limit; /* bytes kept */
	uint64_t used;
	uint64_t idle;
	uint64_t allocs; /* times the heap was asked */
	struct pkt *free_pkts;
	struct pkt_block *free_small;
	struct pkt_block *free_large;
	struct list released; /* struct pkt_charge */
	void (*ct_unref)(struct nf_ct *ct); /* filled by nf/ */
};

void pkt_pool_init(struct pkt_pool *pool, uint64_t limit, uint64_t idle_limit);
void pkt_pool_fini(struct pkt_pool *pool);
/* Whether use is above 3/4 of the limit: time to be modest. */
bool pkt_pool_pressure(const struct pkt_pool *pool);

/* An empty packet whose view starts at @headroom in its own area (PKT_INLINE - headroom bytes of
 * tailroom). NULL when the limit is reached. */
struct pkt *pkt_new(struct pkt_pool *pool, size_t headroom);
/* A buffer for @capacity bytes of a driver (net_pkt_new). */
struct pkt *pkt_new_rx(struct pkt_pool *pool, size_t capacity);
/* Drops the packet and its references. Accepts NULL, returns NULL. */
struct pkt *pkt_free(struct pkt *pkt);
/* CLEANUP() form. */
void pkt_freep(struct pkt **pkt);
/* A second packet with the same bytes: fragments shared, linear part in a block shared, inline part
 * copied. Metadata is copied, the charge is not. NULL: no memory. */
struct pkt *pkt_clone(struct pkt *pkt);

struct pkt_block *pkt_block_new(struct pkt_pool *pool, size_t at_least);
static inline struct pkt_block *pkt_block_ref(struct pkt_block *block)
{
	block->refs++;
	return block;
}
struct pkt_block *pkt_block_unref(struct pkt_block *block);

/* Counts @pkt's memory against @charge until it is freed. */
void pkt_set_charge(struct pkt *pkt, struct pkt_charge *charge);
void pkt_uncharge(struct pkt *pkt);

/* Memory that the packet keeps busy (whole blocks where it is the only user). */
uint32_t pkt_truesize(const struct pkt *pkt);

static inline uint8_t *pkt_data(struct pkt *pkt)
{
	return pkt->base + pkt->off;
}

/* Makes room for @n bytes in front and returns them, to be written. Never fails for n <= headroom
 * left or, when the linear part is shared or full, for n <= PKT_HEADROOM with a fragment slot left;
 * NULL otherwise. */
uint8_t *pkt_push(struct pkt *pkt, size_t n);
/* Takes @n bytes off the front (n <= len). */
void pkt_pull(struct pkt *pkt, size_t n);
/* Cuts the view to its first @len bytes (len <= pkt->len). */
void pkt_trim(struct pkt *pkt, size_t len);
/* Makes the first @n bytes linear. False if there are fewer, or no room (n > 256 may fail). */
bool pkt_pullup(struct pkt *pkt, size_t n);
/* Room for @n bytes at the end of the linear part; only without fragments. NULL: no room. */
uint8_t *pkt_put(struct pkt *pkt, size_t n);
/* Appends a reference to bytes of @block (takes its own reference). Merges with the last fragment
 * where they touch. False: no slot left. */
bool pkt_append(struct pkt *pkt, struct pkt_block *block, uint32_t off, uint32_t len);
/* Moves the whole payload of @from to the end of @to; frees @from. False (nothing done, @from still
 * the caller's) if slots are missing. The linear part of @from must be in a block or empty, or it
 * is copied to a new block. */
bool pkt_join(struct pkt *to, struct pkt *from);
/* Appends copies of bytes, in blocks. False: no memory or no slot; the packet may be longer. */
bool pkt_append_copy(struct pkt *pkt, const void *data, size_t len);

/* Copies out. Returns the number of bytes there were. */
size_t pkt_read(const struct pkt *pkt, size_t off, void *to, size_t len);
/* Overwrites bytes of the linear part (off + len <= lin_len), which must not be shared. */
void pkt_write_linear(struct pkt *pkt, size_t off, const void *from, size_t len);
/* Sum of bytes [off, off+len) for the Internet checksum, as if off were even. */
uint64_t pkt_csum(const struct pkt *pkt, size_t off, size_t len);

/* Gives back the connection that the packet carries, if any. */
static inline void pkt_forget_ct(struct pkt *pkt)
{
	if (__builtin_expect(pkt->nf_ct != NULL, 0))
		pkt->pool->ct_unref(pkt->nf_ct);
	pkt->nf_ct = NULL;
	pkt->nf_ctinfo = 0;
}

/* A cursor over the linear part of the view. */
struct rd;
void pkt_rd(struct pkt *pkt, struct rd *ret);

/* A view of [off, off+len) as a new packet: references only, no inline copy beyond 256 bytes. NULL:
 * no memory. For segmentation. */
struct pkt *pkt_slice(struct pkt *pkt, size_t off, size_t len);

/* Finishes a NEEDS_CSUM packet in software; the field must be in the linear part. False if the
 * offsets do not fit. */
bool pkt_csum_finish(struct pkt *pkt);
/* Copies the linear part to the descriptor if it is shared or not writable. False: too long. */
bool pkt_make_writable(struct pkt *pkt);
