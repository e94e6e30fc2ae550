/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of packet sockets: TPACKET_V1 and V2 (frames), TPACKET_V3 (blocks), and the sending ring.
 *
 * The layout is Linux's <linux/if_packet.h>. The user maps the same memory and may write anywhere at
 * any time: of what is in it only status words, lengths and offsets of the sending ring are read, once
 * each, and checked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "ip/ip.h"
#include "packet/packet.h"

#define PAGE 4096u
#define RING_MAX (1u << 28) /* bytes of one ring */
#define BLOCK_HDR 48u	    /* struct tpacket_block_desc up to the private area */
#define RETIRE_DEFAULT_MS 8

#define ALIGN16(n) (((n) + 15u) & ~15u)
#define ALIGN8(n) (((n) + 7u) & ~7u)

uint32_t packet_hdr_len(int version)
{
	switch (version) {
	case TPACKET_V1:
		return sizeof(struct tpacket_hdr);
	case TPACKET_V2:
		return sizeof(struct tpacket2_hdr);
	default:
		return sizeof(struct tpacket3_hdr);
	}
}

/* Linux's TPACKETn_HDRLEN. */
static uint32_t hdr_with_addr(int version)
{
	return ALIGN16(packet_hdr_len(version)) + (uint32_t)sizeof(struct sockaddr_ll);
}

static void retire_due(struct timer *timer);

void packet_ring_fini(struct packet_sock *ps, struct packet_ring *ring)
{
	if (ring->timer.fire)
		timer_cancel(&ps->dg.sk.core->timers, &ring->timer);
	*ring = (struct packet_ring){0};
}

static int check_req(const struct packet_sock *ps, const struct tpacket_req3 *req)
{
	uint32_t per_block;

	if (!req->tp_block_size || req->tp_block_size % PAGE || req->tp_block_size > RING_MAX)
		return -EINVAL;
	if (req->tp_frame_size < hdr_with_addr(ps->version) + ps->reserve || req->tp_frame_size % 16)
		return -EINVAL;
	if (ps->version == TPACKET_V3 &&
	    (uint64_t)BLOCK_HDR + ALIGN8((uint64_t)req->tp_sizeof_priv) + hdr_with_addr(TPACKET_V3) >
		    req->tp_block_size)
		return -EINVAL;
	per_block = req->tp_block_size / req->tp_frame_size;
	if (!per_block || (uint64_t)per_block * req->tp_block_nr != req->tp_frame_nr)
		return -EINVAL;
	return (uint64_t)req->tp_block_size * req->tp_block_nr > RING_MAX ? -ENOMEM : 0;
}

int packet_ring_set(struct packet_sock *ps, bool tx, const void *value, socklen_t len)
{
	struct packet_ring *ring = tx ? &ps->tx : &ps->rx;
	struct tpacket_req3 req = {0};
	size_t need = ps->version == TPACKET_V3 ? sizeof(req) : sizeof(struct tpacket_req);
	int r;

	if (len < need)
		return -EINVAL;
	memcpy(&req, value, need);
	if (!req.tp_block_nr) {
		if (req.tp_frame_nr)
			return -EINVAL;
		packet_ring_fini(ps, ring);
		return 0;
	}
	if (ring->blocks)
		return -EBUSY;
	r = check_req(ps, &req);
	if (r < 0)
		return r;
	if (tx && ps->version == TPACKET_V3 &&
	    (req.tp_retire_blk_tov || req.tp_sizeof_priv || req.tp_feature_req_word))
		return -EINVAL;
	*ring = (struct packet_ring){
		.block_size = req.tp_block_size,
		.blocks = req.tp_block_nr,
		.frame_size = req.tp_frame_size,
		.frames = req.tp_frame_nr,
		.priv_size = ALIGN8(req.tp_sizeof_priv),
		.retire = NET_MS(req.tp_retire_blk_tov ? req.tp_retire_blk_tov : RETIRE_DEFAULT_MS),
	};
	timer_init(&ring->timer, retire_due);
	pktq_flush(&ps->dg.rx);
	ps->dg.rx_bytes = 0;
	return 0;
}

static size_t ring_bytes(const struct packet_ring *ring)
{
	return (size_t)ring->block_size * ring->blocks;
}

size_t packet_ring_bytes(const struct packet_sock *ps)
{
	return ring_bytes(&ps->rx) + ring_bytes(&ps->tx);
}

void packet_ring_memory(struct packet_sock *ps, void *mem)
{
	ps->rx.mem = ps->rx.blocks ? mem : NULL;
	ps->tx.mem = ps->tx.blocks ? (uint8_t *)mem + ring_bytes(&ps->rx) : NULL;
}

static uint8_t *frame_at(const struct packet_ring *ring, uint32_t i)
{
	uint32_t per_block = ring->block_size / ring->frame_size;

	return ring->mem + (size_t)(i / per_block) * ring->block_size +
	       (size_t)(i % per_block) * ring->frame_size;
}

static uint8_t *block_at(const struct packet_ring *ring, uint32_t i)
{
	return ring->mem + (size_t)i * ring->block_size;
}

/* Status words: TPACKET_V1 has a long. */
static uint32_t load_status(const uint8_t *at)
{
	return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void store_status(uint8_t *at, uint32_t v)
{
	__atomic_store_n((uint32_t *)(void *)at, v, __ATOMIC_RELEASE);
}

static uint8_t *frame_status(const struct packet_sock *ps, uint8_t *frame)
{
	return frame + (ps->version == TPACKET_V3 ? offsetof(struct tpacket3_hdr, tp_status) : 0);
}

static uint8_t *block_status(uint8_t *block)
{
	return block + offsetof(struct tpacket_block_desc, hdr.bh1.block_status);
}

/* What goes into one frame. */
struct layout {
	uint32_t mac, net; /* offsets in the frame */
	uint32_t snap;
	uint32_t status;
	net_time when; /* real time */
};

static struct layout plan(const struct packet_sock *ps, const struct pkt *pkt,
			  const struct packet_cb *cb, uint32_t snap)
{
	uint32_t hdr = hdr_with_addr(ps->version);
	struct layout l = {.snap = snap, .status = TP_STATUS_USER};

	if (ps->dg.sk.type == SOCK_DGRAM) {
		l.mac = l.net = ALIGN16(hdr) + 16 + ps->reserve;
	} else {
		l.net = ALIGN16(hdr + MAX((uint32_t)cb->net, 16u)) + ps->reserve;
		l.mac = l.net - cb->net;
	}
	if (pkt->offload.flags & NET_OFFLOAD_NEEDS_CSUM)
		l.status |= TP_STATUS_CSUMNOTREADY;
	else if (cb->type != PACKET_OUTGOING && (pkt->offload.flags & NET_OFFLOAD_DATA_VALID))
		l.status |= TP_STATUS_CSUM_VALID;
	l.when = pkt->rx_time + ps->dg.sk.core->wall_offset;
	return l;
}

static void put_addr(uint8_t *at, const struct packet_cb *cb, uint16_t hatype)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(cb->proto),
		.sll_ifindex = cb->link,
		.sll_hatype = hatype,
		.sll_pkttype = cb->type,
		.sll_halen = cb->halen,
	};

	memcpy(sll.sll_addr, cb->addr, sizeof(sll.sll_addr));
	memcpy(at, &sll, sizeof(sll));
}

static void put_frame(struct packet_sock *ps, uint8_t *frame, const struct pkt *pkt,
		      const struct packet_cb *cb, const struct layout *l)
{
	uint32_t sec = (uint32_t)(l->when / NET_SEC(1)), ns = (uint32_t)(l->when % NET_SEC(1));
	struct link *link = link_find(ps->dg.sk.ip->links, cb->link);

	pkt_read(pkt, 0, frame + l->mac, l->snap);
	put_addr(frame + ALIGN16(packet_hdr_len(ps->version)), cb,
		 link && link->kind == NET_LINK_LOOPBACK ? 772 : 1 /* ARPHRD_* */);
	if (ps->version == TPACKET_V1) {
		struct tpacket_hdr h = {.tp_len = cb->orig_len,
					.tp_snaplen = l->snap,
					.tp_mac = (uint16_t)l->mac,
					.tp_net = (uint16_t)l->net,
					.tp_sec = sec,
					.tp_usec = ns / 1000};

		memcpy(frame + 8, (uint8_t *)&h + 8, sizeof(h) - 8);
	} else if (ps->version == TPACKET_V2) {
		struct tpacket2_hdr h = {.tp_len = cb->orig_len,
					 .tp_snaplen = l->snap,
					 .tp_mac = (uint16_t)l->mac,
					 .tp_net = (uint16_t)l->net,
					 .tp_sec = sec,
					 .tp_nsec = ns};

		memcpy(frame + 4, (uint8_t *)&h + 4, sizeof(h) - 4);
	} else {
		struct tpacket3_hdr h = {.tp_sec = sec,
					 .tp_nsec = ns,
					 .tp_snaplen = l->snap,
					 .tp_len = cb->orig_len,
					 .tp_status = l->status,
					 .tp_mac = (uint16_t)l->mac,
					 .tp_net = (uint16_t)l->net};

		memcpy(frame, &h, sizeof(h));
	}
}

/* --- TPACKET_V3: blocks ------------------------------------------------------------------------- */

static void put_block_u32(uint8_t *block, size_t off, uint32_t v)
{
	memcpy(block + off, &v, sizeof(v));
}

/* The header as the user finds it when the block is given away. */
static void fill_block(struct packet_sock *ps, uint8_t *block, bool closing)
{
	struct packet_ring *ring = &ps->rx;
	net_time now = ps->dg.sk.core->now + ps->dg.sk.core->wall_offset;
	size_t ts = closing ? offsetof(struct tpacket_block_desc, hdr.bh1.ts_last_pkt)
			    : offsetof(struct tpacket_block_desc, hdr.bh1.ts_first_pkt);
	uint32_t stamp[2] = {(uint32_t)(now / NET_SEC(1)), (uint32_t)(now % NET_SEC(1))};

	put_block_u32(block, offsetof(struct tpacket_block_desc, version), TPACKET_V3);
	put_block_u32(block, offsetof(struct tpacket_block_desc, offset_to_priv), BLOCK_HDR);
	put_block_u32(block, offsetof(struct tpacket_block_desc, hdr.bh1.num_pkts), ring->in_block);
	put_block_u32(block, offsetof(struct tpacket_block_desc, hdr.bh1.offset_to_first_pkt),
		      BLOCK_HDR + ring->priv_size);
	put_block_u32(block, offsetof(struct tpacket_block_desc, hdr.bh1.blk_len), ring->fill);
	memcpy(block + offsetof(struct tpacket_block_desc, hdr.bh1.seq_num), &ring->seq, 8);
	memcpy(block + ts, stamp, sizeof(stamp));
}

static bool open_block(struct packet_sock *ps)
{
	struct packet_ring *ring = &ps->rx;
	uint8_t *block = block_at(ring, ring->at);

	if (load_status(block_status(block)) != TP_STATUS_KERNEL)
		return false;
	ring->open = true;
	ring->fill = BLOCK_HDR + ring->priv_size;
	ring->last = 0;
	ring->in_block = 0;
	ring->seq++;
	fill_block(ps, block, false);
	timer_arm(&ps->dg.sk.core->timers, &ring->timer, ps->dg.sk.core->now + ring->retire);
	return true;
}

static void close_block(struct packet_sock *ps, uint32_t extra)
{
	struct packet_ring *ring = &ps->rx;
	uint8_t *block = block_at(ring, ring->at);

	if (ring->last)
		put_block_u32(block, ring->last, 0); /* tp_next_offset */
	fill_block(ps, block, true);
	ring->open = false;
	ring->at = (ring->at + 1) % ring->blocks;
	timer_cancel(&ps->dg.sk.core->timers, &ring->timer);
	store_status(block_status(block), TP_STATUS_USER | extra);
	sock_wake(&ps->dg.sk, EPOLLIN | EPOLLRDNORM);
}

static void retire_due(struct timer *timer)
{
	struct packet_ring *ring = container_of(timer, struct packet_ring, timer);
	struct packet_sock *ps = container_of(ring, struct packet_sock, rx);

	if (!ring->mem || !ring->open)
		return;
	if (ring->in_block)
		close_block(ps, TP_STATUS_BLK_TMO);
	else
		timer_arm(&ps->dg.sk.core->timers, timer, ps->dg.sk.core->now + ring->retire);
}

static bool put_in_block(struct packet_sock *ps, const struct pkt *pkt, const struct packet_cb *cb,
			 struct layout *l)
{
	struct packet_ring *ring = &ps->rx;
	uint32_t room = ring->block_size - BLOCK_HDR - ring->priv_size;
	uint8_t *block;
	uint32_t size;

	if (l->mac >= room)
		return false;
	l->snap = MIN(l->snap, room - l->mac);
	size = ALIGN8(l->mac + l->snap);
	if (size > room) {
		l->snap -= 8;
		size = ALIGN8(l->mac + l->snap);
	}
	if (ring->open && ring->fill + size > ring->block_size)
		close_block(ps, 0);
	if (!ring->open && !open_block(ps)) {
		ps->freezes++;
		return false;
	}
	block = block_at(ring, ring->at);
	put_frame(ps, block + ring->fill, pkt, cb, l);
	if (ring->last)
		put_block_u32(block, ring->last, ring->fill - ring->last);
	ring->last = ring->fill;
	ring->fill += size;
	ring->in_block++;
	return true;
}

/* --- both ------------------------------------------------------------------------------------------ */

bool packet_ring_put(struct packet_sock *ps, const struct pkt *pkt, const struct packet_cb *cb,
		     uint32_t snap)
{
	struct packet_ring *ring = &ps->rx;
	struct layout l = plan(ps, pkt, cb, MIN(snap, pkt->len));
	uint8_t *frame;

	if (ps->version == TPACKET_V3)
		return put_in_block(ps, pkt, cb, &l);
	frame = frame_at(ring, ring->at);
	if (load_status(frame) != TP_STATUS_KERNEL) {
		ps->losing = true;
		return false;
	}
	if (l.mac >= ring->frame_size)
		l.snap = 0;
	else
		l.snap = MIN(l.snap, ring->frame_size - l.mac);
	if (ps->losing)
		l.status |= TP_STATUS_LOSING;
	put_frame(ps, frame, pkt, cb, &l);
	ring->at = (ring->at + 1) % ring->frames;
	store_status(frame, l.status);
	sock_wake(&ps->dg.sk, EPOLLIN | EPOLLRDNORM);
	return true;
}

bool packet_ring_readable(const struct packet_sock *ps)
{
	const struct packet_ring *ring = &ps->rx;
	uint32_t n = ps->version == TPACKET_V3 ? ring->blocks : ring->frames;
	uint32_t before = (ring->at + n - 1) % n;

	if (ps->version == TPACKET_V3)
		return load_status(block_status(block_at(ring, before))) != TP_STATUS_KERNEL;
	return load_status(frame_at(ring, before)) != TP_STATUS_KERNEL;
}

/* The length and place of a frame's data. 0 or -EINVAL: the user wrote nonsense. */
static int read_tx(const struct packet_sock *ps, const uint8_t *frame, uint32_t *off, uint32_t *len)
{
	const struct packet_ring *ring = &ps->tx;
	struct tpacket3_hdr h3;
	struct tpacket2_hdr h2;
	struct tpacket_hdr h1;
	uint32_t mac, net;

	if (ps->version == TPACKET_V1) {
		memcpy(&h1, frame, sizeof(h1));
		*len = h1.tp_len;
		mac = h1.tp_mac;
		net = h1.tp_net;
	} else if (ps->version == TPACKET_V2) {
		memcpy(&h2, frame, sizeof(h2));
		*len = h2.tp_len;
		mac = h2.tp_mac;
		net = h2.tp_net;
	} else {
		memcpy(&h3, frame, sizeof(h3));
		*len = h3.tp_len;
		mac = h3.tp_mac;
		net = h3.tp_net;
		if (h3.tp_next_offset)
			return -EINVAL;
	}
	*off = ALIGN16(packet_hdr_len(ps->version));
	if (ps->tx_has_off) {
		uint32_t least = *off;

		*off = ps->dg.sk.type == SOCK_DGRAM ? net : mac;
		if (*off < least)
			return -EINVAL;
	}
	return *off > ring->frame_size || *len > ring->frame_size - *off ? -EINVAL : 0;
}

ssize_t packet_ring_send(struct packet_sock *ps,
			 int (*xmit)(struct packet_sock *ps, const uint8_t *data, uint32_t len,
				     void *arg),
			 void *arg)
{
	struct packet_ring *ring = &ps->tx;
	ssize_t sent = 0;

	for (uint32_t i = 0; i < ring->frames; i++) {
		uint8_t *frame = frame_at(ring, ring->at);
		uint32_t off, len;
		int r;

		if (load_status(frame_status(ps, frame)) != TP_STATUS_SEND_REQUEST)
			break;
		r = read_tx(ps, frame, &off, &len);
		if (r == 0)
			r = xmit(ps, frame + off, len, arg);
		if (r < 0 && !ps->loss) {
			if (r == -EINVAL)
				store_status(frame_status(ps, frame), TP_STATUS_WRONG_FORMAT);
			return sent ? sent : r;
		}
		if (r == 0)
			sent += (ssize_t)len;
		ring->at = (ring->at + 1) % ring->frames;
		store_status(frame_status(ps, frame), TP_STATUS_AVAILABLE);
	}
	return sent;
}
