/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one core moves a TCP stream from one stack to another: prints Gbit/s.
 *
 * usage: tcp_bulk [MiB] [offload | no-offload | loopback]
 * The wire is a loop that hands frames over with one copy (as a driver would), without delay.
 * Virtual time follows the host's clock, so that round trips and windows are what they would be.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <netstack/info.h>
#include <netstack/link.h>
#include <netstack/pkt.h>
#include <netstack/route.h>
#include <netstack/socket.h>
#include <netstack/stack.h>

#define CHUNK (128 * 1024)

static uint8_t buf[2][CHUNK];

static net_time now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (net_time)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void die(const char *what, int r)
{
	fprintf(stderr, "tcp_bulk: %s: %s\n", what, strerror(-r));
	exit(1);
}

struct host {
	struct net_stack *stack;
	net_link_id link;
};

static struct host make_host(int n, bool offload)
{
	struct net_config cfg;
	struct host host;
	struct net_link_config link = {.kind = NET_LINK_IP, .name = "bench0", .mtu = 1500};
	struct net_ifaddr addr = {.addr = {.family = AF_INET}, .prefix_len = 24};
	int r;

	net_config_init(&cfg);
	cfg.seed[0] = (uint8_t)n;
	cfg.now = now_ns();
	r = net_stack_new(&host.stack, &cfg);
	if (r < 0)
		die("net_stack_new", r);
	if (offload)
		link.offloads = NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6;
	r = net_link_attach(host.stack, &host.link, &link);
	if (r < 0)
		die("net_link_attach", r);
	addr.link = host.link;
	memcpy(addr.addr.bytes, (uint8_t[]){10, 0, 0, (uint8_t)n}, 4);
	r = net_addr_add(host.stack, &addr);
	if (r < 0)
		die("net_addr_add", r);
	return host;
}

/* Moves all frames that wait from one host to the other. */
static bool carry(struct host *from, struct host *to, net_time now)
{
	struct pkt *pkt, *copy;
	struct net_offload offload;
	struct iovec src[NET_PKT_IOV_MAX], dst[NET_PKT_IOV_MAX];
	bool any = false;

	while ((pkt = net_link_take_output(from->stack, from->link))) {
		size_t len = net_pkt_len(pkt), off = 0;
		int nsrc = net_pkt_iov(pkt, src, NET_PKT_IOV_MAX), ndst;

		(void)nsrc;
		copy = net_pkt_new(to->stack, len);
		if (copy) {
			ndst = net_pkt_areas(copy, dst, NET_PKT_IOV_MAX);
			for (int i = 0; i < ndst && off < len; i++)
				off += net_pkt_read(pkt, off, dst[i].iov_base, dst[i].iov_len);
			net_pkt_get_offload(pkt, &offload);
			(void)net_pkt_set_len(copy, len);
			net_pkt_set_offload(copy, &offload);
			(void)net_link_input(to->stack, to->link, now, copy);
		}
		net_pkt_free(pkt);
		any = true;
	}
	return any;
}

static uint64_t send_all(struct host *host, net_sock_id sock, uint64_t left)
{
	uint64_t done = 0;

	while (left) {
		struct iovec iov = {buf[0], left < CHUNK ? (size_t)left : CHUNK};
		struct net_msg msg = {.iov = &iov, .iov_len = 1};
		ssize_t n = net_sock_send(host->stack, sock, &msg, 0);

		if (n <= 0)
			break;
		done += (uint64_t)n;
		left -= (uint64_t)n;
	}
	return done;
}

static uint64_t recv_all(struct host *host, net_sock_id sock)
{
	uint64_t done = 0;

	for (;;) {
		struct iovec iov = {buf[1], CHUNK};
		struct net_msg msg = {.iov = &iov, .iov_len = 1};
		ssize_t n = net_sock_recv(host->stack, sock, &msg, 0);

		if (n <= 0)
			return done;
		done += (uint64_t)n;
	}
}

static void poll_host(struct host *host, net_time now)
{
	struct net_event event;

	net_stack_poll(host->stack, now);
	while (net_stack_next_event(host->stack, &event))
		;
}

int main(int argc, char **argv)
{
	uint64_t total = (argc > 1 ? strtoull(argv[1], NULL, 10) : 4096) << 20, sent = 0, got = 0;
	const char *mode = argc > 2 ? argv[2] : "offload";
	bool offload = strcmp(mode, "no-offload") != 0, loopback = !strcmp(mode, "loopback");
	struct host a = make_host(1, offload), b = loopback ? a : make_host(2, offload);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = 0x8913};
	net_sock_id listener = 0, tx = 0, rx = 0;
	net_time start;
	double secs, cpu_secs;
	struct timespec cpu;
	int r;

	memcpy(&sin.sin_addr, (uint8_t[]){10, 0, 0, loopback ? 1 : 2}, 4);
	if ((r = net_sock_open(b.stack, &listener, AF_INET, SOCK_STREAM, 0)) < 0 ||
	    (r = net_sock_bind(b.stack, listener, (struct sockaddr *)&sin, sizeof(sin))) < 0 ||
	    (r = net_sock_listen(b.stack, listener, 8)) < 0 ||
	    (r = net_sock_open(a.stack, &tx, AF_INET, SOCK_STREAM, 0)) < 0)
		die("socket", r);
	r = net_sock_connect(a.stack, tx, (struct sockaddr *)&sin, sizeof(sin));
	if (r != -EINPROGRESS)
		die("connect", r);
	start = now_ns();
	while (got < total) {
		net_time now = now_ns();

		net_stack_clock(a.stack, now);
		net_stack_clock(b.stack, now);
		sent += send_all(&a, tx, total - sent);
		poll_host(&a, now);
		carry(&a, &b, now);
		if (!rx)
			(void)!net_sock_accept(b.stack, listener, &rx, NULL, NULL);
		if (rx)
			got += recv_all(&b, rx);
		poll_host(&b, now);
		carry(&b, &a, now);
		if (now - start > 120000000000ll)
			die("too slow", -ETIMEDOUT);
	}
	secs = (double)(now_ns() - start) / 1e9;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	cpu_secs = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
	printf("%.2f Gbit/s, %.2f per second of CPU (%llu MiB in %.3f s, %s)\n",
	       (double)total * 8 / secs / 1e9, (double)total * 8 / cpu_secs / 1e9,
	       (unsigned long long)(total >> 20), secs, mode);
	net_stack_free(a.stack);
	if (!loopback)
		net_stack_free(b.stack);
	return 0;
}
