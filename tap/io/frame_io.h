/* SPDX-License-Identifier: Apache-2.0 */
/* Private to tap/io: the object behind struct frame_io and the vnet header codec. */
#pragma once

#include <sys/socket.h>

#include "tap/tap.h"

struct frame_io_ops {
	int (*recv)(struct frame_io *io, struct tap_frame *frames, unsigned n);
	int (*send)(struct frame_io *io, const struct tap_frame *frames, unsigned n);
};

/* virtio_net_hdr as the host lays it out for a legacy (host byte order) device. */
struct vnet_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};
_Static_assert(sizeof(struct vnet_hdr) == TAP_VNET_HDR_LEN, "vnet header is 10 bytes");

/* One direction's arrays for a batch; each frame has a slot for its header and its iovecs. */
struct io_batch {
	struct mmsghdr msgs[TAP_MAX_BATCH];
	struct vnet_hdr hdrs[TAP_MAX_BATCH];
	struct iovec iovs[TAP_MAX_BATCH][TAP_MAX_IOV + 1];
	_Alignas(8) uint8_t control[TAP_MAX_BATCH][64];
};

struct frame_io {
	const struct frame_io_ops *ops;
	int fd;
	uint32_t mtu;
	uint32_t offloads;
	/* rx_* of the counters belong to the receiver, tx_* to the sender. */
	struct tap_counters counters;
	struct io_batch *rx, *tx;
};

int frame_io_new(struct frame_io **ret, const struct frame_io_config *cfg,
		 const struct frame_io_ops *ops);
void vnet_decode(struct tap_meta *ret, const struct vnet_hdr *hdr);
void vnet_encode(struct vnet_hdr *ret, const struct tap_meta *meta);
uint32_t iov_bytes(const struct iovec *iov, unsigned n_iov);
