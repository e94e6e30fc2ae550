/* SPDX-License-Identifier: Apache-2.0 */
/* Frames per second over a veth, both ends ours, in a private network namespace: the cost of the
 * frame path alone. Prints one line per frame size, with and without PACKET_QDISC_BYPASS. */
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tap/open.h"
#include "tap/tap.h"

static uint8_t rooms[TAP_MAX_BATCH][TAP_MAX_FRAME];

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned drain(struct frame_io *io)
{
	struct tap_frame f[TAP_MAX_BATCH];
	struct iovec iov[TAP_MAX_BATCH];
	unsigned sum = 0;
	int n;

	do {
		for (int i = 0; i < TAP_MAX_BATCH; i++) {
			iov[i] = (struct iovec){rooms[i], sizeof(rooms[i])};
			f[i] = (struct tap_frame){.iov = &iov[i], .n_iov = 1};
		}
		n = frame_io_recv(io, f, TAP_MAX_BATCH);
		sum += n > 0 ? (unsigned)n : 0;
	} while (n == TAP_MAX_BATCH);
	return sum;
}

static void run(struct frame_io *a, struct frame_io *b, size_t len, uint16_t gso_size, int bypass)
{
	static uint8_t frame[TAP_MAX_FRAME];
	struct iovec iov = {frame, len};
	struct tap_frame f[TAP_MAX_BATCH];
	unsigned long sent = 0, got = 0;
	double start, took;

	setsockopt(frame_io_fd(a), SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass));
	frame[12] = 0x88; /* experimental ethertype: no stack answers */
	frame[13] = 0xb5;
	for (int i = 0; i < TAP_MAX_BATCH; i++)
		f[i] = (struct tap_frame){.iov = &iov, .n_iov = 1};
	(void)gso_size;
	start = now_s();
	while (now_s() - start < 1.0) {
		int n = frame_io_send(a, f, TAP_MAX_BATCH);

		sent += n > 0 ? (unsigned long)n : 0;
		got += drain(b);
	}
	took = now_s() - start;
	printf("%6zu bytes bypass=%d  sent %8.0f/s  received %8.0f/s  %7.2f Gbit/s\n", len, bypass,
	       (double)sent / took, (double)got / took, (double)got * (double)len * 8 / took / 1e9);
}

int main(void)
{
	struct tap_link la, lb;
	struct frame_io *a, *b;

	if (unshare(CLONE_NEWNET) < 0 ||
	    system("ip link add va mtu 65535 type veth peer name vb mtu 65535 && "
		   "ip link set va up && ip link set vb up") != 0 ||
	    tap_open_afpacket("va", &la) < 0 || tap_open_afpacket("vb", &lb) < 0 ||
	    frame_io_packet_new(&a, &(struct frame_io_config){la.fd, la.mtu, la.offloads}) < 0 ||
	    frame_io_packet_new(&b, &(struct frame_io_config){lb.fd, lb.mtu, lb.offloads}) < 0) {
		fprintf(stderr, "tap_bench: cannot make a veth (root?)\n");
		return 1;
	}
	for (int bypass = 0; bypass < 2; bypass++) {
		run(a, b, 64, 0, bypass);
		run(a, b, 1514, 0, bypass);
		run(a, b, 65000, 0, bypass);
	}
	return 0;
}
