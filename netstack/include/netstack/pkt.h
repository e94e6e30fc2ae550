/* SPDX-License-Identifier: Apache-2.0 */
/* Packet buffers, as a driver sees them.
 *
 * A packet is owned by exactly one party and handed over, never copied. Drivers take a buffer from
 * the stack's pool, fill it, and give it with net_link_input(); or they get one from
 * net_link_take_output(), send its bytes, and free it. All functions here need the same exclusion
 * as the stack itself, except that the bytes named by an output iovec may be read without it until
 * the packet is freed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "netstack/types.h"

/* Meaning of virtio_net_hdr (virtio 1.2, 5.1.6). Offsets count from the first byte of the frame. */
enum net_offload_flag {
	NET_OFFLOAD_NEEDS_CSUM = 1, /* checksum from csum_start is to be completed at csum_offset */
	NET_OFFLOAD_DATA_VALID = 2, /* the transport checksum was verified by the sender's device */
};

enum net_gso_type {
	NET_GSO_NONE = 0,
	NET_GSO_TCP4 = 1,
	NET_GSO_UDP = 3, /* UDP fragmentation (UFO): never produced, refused on input */
	NET_GSO_TCP6 = 4,
	NET_GSO_UDP_L4 = 5, /* UDP segmentation (USO) */
	NET_GSO_ECN = 0x80, /* flag: CWR on the first segment only */
};

struct net_offload {
	uint8_t flags;	  /* enum net_offload_flag */
	uint8_t gso_type; /* enum net_gso_type */
	uint16_t hdr_len; /* all headers up to the transport payload; 0 = unknown */
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

/* The most areas that a packet can have. */
#define NET_PKT_IOV_MAX 20

/* A buffer to receive at most @capacity bytes. Returns NULL when the pool's limit is reached.
 * Small first area, large ones after it: a short frame gives the large ones back at once. */
struct pkt *net_pkt_new(struct net_stack *stack, size_t capacity);

/* The writable areas of a buffer from net_pkt_new(), in order. Returns their number, at most @max.
 */
int net_pkt_areas(struct pkt *pkt, struct iovec *iov, int max);

/* Says that the first @len bytes of the areas hold the frame; releases what is not used.
 * Returns 0, or -EINVAL if @len exceeds the capacity. */
int net_pkt_set_len(struct pkt *pkt, size_t len);

/* Frees; accepts NULL. Returns NULL. */
struct pkt *net_pkt_free(struct pkt *pkt);

/* Bytes of the frame. */
size_t net_pkt_len(const struct pkt *pkt);

/* The readable areas of a frame, in order. Returns their number, at most @max. */
int net_pkt_iov(const struct pkt *pkt, struct iovec *iov, int max);

/* Copies @len bytes from offset @off to @to. Returns the number of bytes there were. */
size_t net_pkt_read(const struct pkt *pkt, size_t off, void *to, size_t len);

/* Copies a whole frame into a buffer from net_pkt_new() and sets its length. 0 or -EINVAL. */
int net_pkt_fill(struct pkt *pkt, const void *frame, size_t len);

void net_pkt_set_offload(struct pkt *pkt, const struct net_offload *offload);
void net_pkt_get_offload(const struct pkt *pkt, struct net_offload *ret);
