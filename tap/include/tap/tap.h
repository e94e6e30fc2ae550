/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in and out of the sandbox: one interface over AF_PACKET sockets, tap devices and
 * socketpairs.
 *
 * tap sees Ethernet frames and their offload metadata, never a stack. Buffers belong to the caller:
 * receive fills the iovecs it was given (so that a packet pool is filled without a copy) and send
 * borrows them. Nothing here blocks; the caller polls frame_io_fd(). One receiver and one sender
 * may work at the same time; two receivers, or two senders, may not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* What a link offers. CSUM: frames with TAP_META_NEEDS_CSUM may be sent and will arrive. TSO and
 * USO: super-frames of that kind may be sent. Super-frames arrive whenever the peer makes them. */
enum tap_offload {
	TAP_OFFLOAD_CSUM = 1u << 0,
	TAP_OFFLOAD_TSO4 = 1u << 1,
	TAP_OFFLOAD_TSO6 = 1u << 2,
	TAP_OFFLOAD_TSO_ECN = 1u << 3,
	TAP_OFFLOAD_USO = 1u << 4, /* UDP segmentation, both families */
};

#define TAP_OFFLOAD_ALL                                                                            \
	(TAP_OFFLOAD_CSUM | TAP_OFFLOAD_TSO4 | TAP_OFFLOAD_TSO6 | TAP_OFFLOAD_TSO_ECN |            \
	 TAP_OFFLOAD_USO)

enum tap_gso {
	TAP_GSO_NONE = 0,
	TAP_GSO_TCP4 = 1,
	TAP_GSO_UDP = 3, /* UDP fragmentation; old, never sent by us */
	TAP_GSO_TCP6 = 4,
	TAP_GSO_UDP_L4 = 5,
};

enum tap_meta_flags {
	TAP_META_NEEDS_CSUM = 1, /* csum_start and csum_offset say where the checksum must go */
	TAP_META_CSUM_VALID = 2, /* received: somebody trusted has checked it */
	TAP_META_GSO_ECN = 4,	 /* a TCP super-frame with CWR set */
	TAP_META_VLAN = 8,	 /* received: the host took an 802.1Q tag out, it is in vlan_tci */
};

/* The meaning of virtio_net_hdr (virtio 1.2, 5.1.6), host byte order. */
struct tap_meta {
	uint8_t flags; /* enum tap_meta_flags */
	uint8_t gso;   /* enum tap_gso */
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t vlan_tci;
};

/* One frame of a batch. Receive: iov says where the bytes may go; len and meta are results. Send:
 * the frame is the whole of iov. */
struct tap_frame {
	const struct iovec *iov;
	unsigned n_iov; /* <= TAP_MAX_IOV */
	uint32_t len;	/* bytes received; longer frames were cut to the room that was given */
	bool cut;
	struct tap_meta meta;
};

#define TAP_MAX_BATCH 64
#define TAP_MAX_IOV 24
#define TAP_MAX_FRAME (65536 + 18) /* what a receive slot must hold to never be cut */
#define TAP_VNET_HDR_LEN 10

struct tap_counters {
	uint64_t rx_frames, rx_bytes, rx_cut;
	uint64_t tx_frames, tx_bytes;
	uint64_t tx_dropped; /* refused by the host for this frame alone: queue full, too long */
};

struct frame_io;

struct frame_io_config {
	int fd;		   /* taken on success */
	uint32_t mtu;	   /* of the link, without the Ethernet header */
	uint32_t offloads; /* TAP_OFFLOAD_* that were enabled when the fd was made */
};

/* An AF_PACKET socket, bound, with PACKET_VNET_HDR; or one end of a socketpair of the same format.
 */
int frame_io_packet_new(struct frame_io **ret, const struct frame_io_config *cfg);
/* A tap device, IFF_NO_PI | IFF_VNET_HDR. */
int frame_io_tun_new(struct frame_io **ret, const struct frame_io_config *cfg);
/* Two linked ends, for tests. */
int frame_io_pair_new(struct frame_io *ret[2], uint32_t mtu, uint32_t offloads);
void frame_io_free(struct frame_io *io); /* closes the fd; NULL is allowed */

/* Receives at most @n frames. Returns how many, 0 when there is nothing now, or a negative errno:
 * -ECONNRESET when the other end of a pair is gone, or what the host said (the link is dead). */
int frame_io_recv(struct frame_io *io, struct tap_frame *frames, unsigned n);

/* Sends @n frames in order. Returns how many were consumed (fewer: the host is full, wait for
 * POLLOUT), or a negative errno when the link is dead. A frame that the host refuses for itself is
 * consumed and counted in tx_dropped. */
int frame_io_send(struct frame_io *io, const struct tap_frame *frames, unsigned n);

int frame_io_fd(const struct frame_io *io);
uint32_t frame_io_mtu(const struct frame_io *io);
uint32_t frame_io_offloads(const struct frame_io *io);
void frame_io_counters(const struct frame_io *io, struct tap_counters *ret);
