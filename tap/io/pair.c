/* SPDX-License-Identifier: Apache-2.0 */
/* Two linked ends over a SOCK_SEQPACKET socketpair, in the format of packet_io.c: for tests. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap/tap.h"

int frame_io_pair_new(struct frame_io *ret[2], uint32_t mtu, uint32_t offloads)
{
	const int buf = 4 << 20;
	struct frame_io *a;
	int sv[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return -errno;
	/* Best effort: a super-frame fits the default too. */
	(void)setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &buf, sizeof(buf));
	(void)setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &buf, sizeof(buf));

	r = frame_io_packet_new(&a, &(struct frame_io_config){sv[0], mtu, offloads});
	if (r < 0) {
		close(sv[0]);
		close(sv[1]);
		return r;
	}
	r = frame_io_packet_new(&ret[1], &(struct frame_io_config){sv[1], mtu, offloads});
	if (r < 0) {
		frame_io_free(a);
		close(sv[1]);
		return r;
	}
	ret[0] = a;
	return 0;
}
