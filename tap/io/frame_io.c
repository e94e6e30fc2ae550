/* SPDX-License-Identifier: Apache-2.0 */
/* What every kind of link has in common: construction, dispatch, and the vnet header codec. */
#include "frame_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* virtio 1.2, 5.1.6 */
enum { VNET_F_NEEDS_CSUM = 1, VNET_F_DATA_VALID = 2, VNET_GSO_ECN = 0x80 };

int frame_io_new(struct frame_io **ret, const struct frame_io_config *cfg,
		 const struct frame_io_ops *ops)
{
	struct frame_io *io = calloc(1, sizeof(*io));

	if (!io)
		return -ENOMEM;
	io->rx = calloc(1, sizeof(*io->rx));
	io->tx = calloc(1, sizeof(*io->tx));
	if (!io->rx || !io->tx) {
		free(io->rx);
		free(io->tx);
		free(io);
		return -ENOMEM;
	}
	io->ops = ops;
	io->fd = cfg->fd;
	io->mtu = cfg->mtu;
	io->offloads = cfg->offloads;
	*ret = io;
	return 0;
}

void frame_io_free(struct frame_io *io)
{
	if (!io)
		return;
	close(io->fd);
	free(io->rx);
	free(io->tx);
	free(io);
}

int frame_io_recv(struct frame_io *io, struct tap_frame *frames, unsigned n)
{
	if (n > TAP_MAX_BATCH)
		n = TAP_MAX_BATCH;
	return n ? io->ops->recv(io, frames, n) : 0;
}

int frame_io_send(struct frame_io *io, const struct tap_frame *frames, unsigned n)
{
	return n ? io->ops->send(io, frames, n) : 0;
}

int frame_io_fd(const struct frame_io *io)
{
	return io->fd;
}

uint32_t frame_io_mtu(const struct frame_io *io)
{
	return io->mtu;
}

uint32_t frame_io_offloads(const struct frame_io *io)
{
	return io->offloads;
}

void frame_io_counters(const struct frame_io *io, struct tap_counters *ret)
{
	*ret = io->counters;
}

void vnet_decode(struct tap_meta *ret, const struct vnet_hdr *hdr)
{
	*ret = (struct tap_meta){
		.gso = hdr->gso_type & (uint8_t)~VNET_GSO_ECN,
		.hdr_len = hdr->hdr_len,
		.gso_size = hdr->gso_size,
	};
	if (hdr->gso_type & VNET_GSO_ECN)
		ret->flags |= TAP_META_GSO_ECN;
	if (hdr->flags & VNET_F_NEEDS_CSUM) {
		ret->flags |= TAP_META_NEEDS_CSUM;
		ret->csum_start = hdr->csum_start;
		ret->csum_offset = hdr->csum_offset;
	}
	if (hdr->flags & VNET_F_DATA_VALID)
		ret->flags |= TAP_META_CSUM_VALID;
}

void vnet_encode(struct vnet_hdr *ret, const struct tap_meta *meta)
{
	*ret = (struct vnet_hdr){0};
	if (meta->flags & TAP_META_NEEDS_CSUM) {
		ret->flags = VNET_F_NEEDS_CSUM;
		ret->csum_start = meta->csum_start;
		ret->csum_offset = meta->csum_offset;
	}
	if (meta->gso != TAP_GSO_NONE) {
		ret->gso_type = meta->gso;
		if (meta->flags & TAP_META_GSO_ECN)
			ret->gso_type |= VNET_GSO_ECN;
		ret->gso_size = meta->gso_size;
		ret->hdr_len = meta->hdr_len;
	}
}

uint32_t iov_bytes(const struct iovec *iov, unsigned n_iov)
{
	size_t sum = 0;

	for (unsigned i = 0; i < n_iov; i++)
		sum += iov[i].iov_len;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}
