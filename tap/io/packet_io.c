/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a message socket: AF_PACKET with PACKET_VNET_HDR, or a SOCK_SEQPACKET pair.
 *
 * Every message is a vnet header and a frame. Batches are one recvmmsg or sendmmsg. The socket was
 * made by tap/open (addresses, buffers, PACKET_IGNORE_OUTGOING are its business).
 */
#include "frame_io.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>

/* PACKET_AUXDATA: the host takes 802.1Q tags out of the bytes and tells them here. */
static void read_auxdata(struct tap_meta *meta, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
		    c->cmsg_len < CMSG_LEN(sizeof(aux)))
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID) {
			meta->flags |= TAP_META_VLAN;
			meta->vlan_tci = aux.tp_vlan_tci;
		}
	}
}

static int packet_recv(struct frame_io *io, struct tap_frame *frames, unsigned n)
{
	struct io_batch *b = io->rx;
	int got;

	for (unsigned i = 0; i < n; i++) {
		unsigned n_iov = frames[i].n_iov < TAP_MAX_IOV ? frames[i].n_iov : TAP_MAX_IOV;

		b->iovs[i][0] = (struct iovec){&b->hdrs[i], sizeof(b->hdrs[i])};
		memcpy(&b->iovs[i][1], frames[i].iov, n_iov * sizeof(struct iovec));
		b->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = b->iovs[i],
			.msg_iovlen = n_iov + 1,
			.msg_control = b->control[i],
			.msg_controllen = sizeof(b->control[i]),
		};
	}
	do {
		got = recvmmsg(io->fd, b->msgs, n, MSG_DONTWAIT, NULL);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		/* ENETDOWN: the interface went down; it may come back. */
		if (errno == EAGAIN || errno == ENETDOWN || errno == ENOBUFS)
			return 0;
		return -errno;
	}

	unsigned kept = 0;

	for (int i = 0; i < got; i++) {
		struct tap_frame *f = &frames[kept];
		uint32_t len = b->msgs[i].msg_len;

		/* Only a pair whose other end is gone gives an empty message. */
		if (len < sizeof(struct vnet_hdr))
			return kept ? (int)kept : -ECONNRESET;
		f->len = len - (uint32_t)sizeof(struct vnet_hdr);
		f->cut = (b->msgs[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
		vnet_decode(&f->meta, &b->hdrs[i]);
		if (b->msgs[i].msg_hdr.msg_controllen)
			read_auxdata(&f->meta, &b->msgs[i].msg_hdr);
		io->counters.rx_frames++;
		io->counters.rx_bytes += f->len;
		io->counters.rx_cut += f->cut;
		kept++;
	}
	return (int)kept;
}

/* Is this errno about one frame, so that the next ones should be tried? */
static bool frame_refused(int err)
{
	switch (err) {
	case ENOBUFS:
	case EMSGSIZE:
	case EINVAL:
	case ENETDOWN:
	case ENETUNREACH:
	case EPERM:
	case EIO:
		return true;
	default:
		return false;
	}
}

static unsigned fill_tx(struct io_batch *b, const struct tap_frame *frames, unsigned n)
{
	if (n > TAP_MAX_BATCH)
		n = TAP_MAX_BATCH;
	for (unsigned i = 0; i < n; i++) {
		unsigned n_iov = frames[i].n_iov < TAP_MAX_IOV ? frames[i].n_iov : TAP_MAX_IOV;

		vnet_encode(&b->hdrs[i], &frames[i].meta);
		b->iovs[i][0] = (struct iovec){&b->hdrs[i], sizeof(b->hdrs[i])};
		memcpy(&b->iovs[i][1], frames[i].iov, n_iov * sizeof(struct iovec));
		b->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = b->iovs[i],
			.msg_iovlen = n_iov + 1,
		};
	}
	return n;
}

static int packet_send(struct frame_io *io, const struct tap_frame *frames, unsigned n)
{
	struct io_batch *b = io->tx;
	unsigned done = 0;

	while (done < n) {
		unsigned fill = fill_tx(b, frames + done, n - done);
		unsigned at = 0;

		while (at < fill) {
			int r = sendmmsg(io->fd, b->msgs + at, fill - at,
					 MSG_DONTWAIT | MSG_NOSIGNAL);

			if (r < 0 && errno == EINTR)
				continue;
			if (r < 0 && errno == EAGAIN)
				return (int)(done + at);
			if (r < 0 && frame_refused(errno)) {
				io->counters.tx_dropped++;
				at++;
				continue;
			}
			if (r < 0)
				return done + at ? (int)(done + at) : -errno;
			for (int i = 0; i < r; i++)
				io->counters.tx_bytes += b->msgs[at + (unsigned)i].msg_len;
			io->counters.tx_frames += (unsigned)r;
			at += (unsigned)r;
		}
		done += fill;
	}
	return (int)done;
}

static const struct frame_io_ops packet_ops = {.recv = packet_recv, .send = packet_send};

int frame_io_packet_new(struct frame_io **ret, const struct frame_io_config *cfg)
{
	return frame_io_new(ret, cfg, &packet_ops);
}
