/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a tap device: one readv or writev per frame, each with its vnet header. The
 * descriptor is O_NONBLOCK. */
#include "frame_io.h"

#include <errno.h>
#include <string.h>

static int tun_recv(struct frame_io *io, struct tap_frame *frames, unsigned n)
{
	unsigned got = 0;

	while (got < n) {
		struct tap_frame *f = &frames[got];
		unsigned n_iov = f->n_iov < TAP_MAX_IOV ? f->n_iov : TAP_MAX_IOV;
		struct iovec *iov = io->rx->iovs[0];
		struct vnet_hdr hdr;
		ssize_t r;

		iov[0] = (struct iovec){&hdr, sizeof(hdr)};
		memcpy(iov + 1, f->iov, n_iov * sizeof(struct iovec));
		r = readv(io->fd, iov, (int)n_iov + 1);
		if (r < 0 && errno == EINTR)
			continue;
		/* EIO: the host side is down; it may come back. */
		if (r < 0 && (errno == EAGAIN || errno == EIO))
			break;
		if (r < 0)
			return got ? (int)got : -errno;
		if ((size_t)r < sizeof(hdr))
			continue;
		f->len = (uint32_t)((size_t)r - sizeof(hdr));
		/* tun cuts silently and does not tell; a full slot is suspicious. */
		f->cut = f->len > io->mtu + 18 && f->len == iov_bytes(f->iov, n_iov);
		vnet_decode(&f->meta, &hdr);
		io->counters.rx_frames++;
		io->counters.rx_bytes += f->len;
		io->counters.rx_cut += f->cut;
		got++;
	}
	return (int)got;
}

static int tun_send(struct frame_io *io, const struct tap_frame *frames, unsigned n)
{
	unsigned done = 0;

	while (done < n) {
		const struct tap_frame *f = &frames[done];
		unsigned n_iov = f->n_iov < TAP_MAX_IOV ? f->n_iov : TAP_MAX_IOV;
		struct iovec *iov = io->tx->iovs[0];
		struct vnet_hdr hdr;
		ssize_t r;

		vnet_encode(&hdr, &f->meta);
		iov[0] = (struct iovec){&hdr, sizeof(hdr)};
		memcpy(iov + 1, f->iov, n_iov * sizeof(struct iovec));
		r = writev(io->fd, iov, (int)n_iov + 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN)
			break;
		if (r < 0 && (errno == EBADF || errno == EBADFD))
			return done ? (int)done : -errno;
		if (r < 0) {
			io->counters.tx_dropped++;
		} else {
			io->counters.tx_frames++;
			io->counters.tx_bytes += (uint64_t)r - sizeof(hdr);
		}
		done++;
	}
	return (int)done;
}

static const struct frame_io_ops tun_ops = {.recv = tun_recv, .send = tun_send};

int frame_io_tun_new(struct frame_io **ret, const struct frame_io_config *cfg)
{
	return frame_io_new(ret, cfg, &tun_ops);
}
