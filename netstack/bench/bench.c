/* SPDX-License-Identifier: Apache-2.0 */
/* What the stack costs by itself: netstack_bench [SECONDS]
 *
 * One thread drives one or two stacks; frames are handed over in memory. Prints one line per case:
 * rate, and nanoseconds per operation.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "netstack/info.h"
#include "netstack/link.h"
#include "netstack/pkt.h"
#include "netstack/route.h"
#include "netstack/socket.h"
#include "netstack/stack.h"

static double seconds = 1;
static int small_mss; /* of the next connection */
static uint8_t buf[256 << 10];

static net_time now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return NET_SEC(ts.tv_sec) + ts.tv_nsec;
}

/* What is reported: time on the processor, so that other load does not count. */
static net_time cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return NET_SEC(ts.tv_sec) + ts.tv_nsec;
}

static void must(int64_t r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror((int)-r));
		exit(1);
	}
}

struct pair {
	struct net_stack *s[2];
	net_link_id link[2];
	bool copy; /* frames cross as copies, as through a host */
};

static void pair_new(struct pair *p, uint32_t offloads, bool copy)
{
	*p = (struct pair){.copy = copy};
	for (int i = 0; i < 2; i++) {
		struct net_config cfg;
		struct net_link_config lc = {.kind = NET_LINK_ETHER,
					     .name = "eth0",
					     .mtu = 1500,
					     .mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
					     .offloads = offloads};
		struct net_ifaddr a = {.prefix_len = 24};

		net_config_init(&cfg);
		cfg.now = now();
		must(net_stack_new(&p->s[i], &cfg), "stack");
		must(net_link_attach(p->s[i], &p->link[i], &lc), "link");
		a.link = p->link[i];
		a.addr.family = AF_INET;
		memcpy(a.addr.v4, (uint8_t[]){10, 0, 0, (uint8_t)(i + 1)}, 4);
		must(net_addr_add(p->s[i], &a), "addr");
	}
}

static void pair_free(struct pair *p)
{
	net_stack_free(p->s[0]);
	net_stack_free(p->s[1]);
}

/* Carries frames both ways until there are none. Returns how many. */
static unsigned pump(struct pair *p)
{
	unsigned total = 0, n;

	do {
		n = 0;
		for (int i = 0; i < 2; i++) {
			struct pkt *out;

			net_stack_poll(p->s[i], now());
			while ((out = net_link_take_output(p->s[i], p->link[i]))) {
				struct pkt *in = net_pkt_new(p->s[!i], net_pkt_len(out));
				struct iovec v[NET_PKT_IOV_MAX];
				struct net_offload off;
				int areas;
				size_t at = 0;

				if (in) {
					areas = net_pkt_areas(in, v, NET_PKT_IOV_MAX);
					for (int k = 0; k < areas; k++)
						at += net_pkt_read(out, at, v[k].iov_base,
								   v[k].iov_len);
					net_pkt_get_offload(out, &off);
					net_pkt_set_offload(in, &off);
					must(net_link_input(p->s[!i], p->link[!i], now(), in),
					     "input");
				}
				net_pkt_free(out);
				n++;
			}
		}
		total += n;
	} while (n);
	return total;
}

static net_sock_id sock(struct net_stack *s, int type)
{
	net_sock_id id;

	must(net_sock_open(s, &id, AF_INET, type, 0), "open");
	return id;
}

static struct sockaddr_in addr(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
}

static ssize_t send_buf(struct net_stack *s, net_sock_id id, size_t len)
{
	struct iovec v = {buf, len};
	struct net_msg m = {.iov = &v, .iov_len = 1};

	return net_sock_send(s, id, &m, 0);
}

static ssize_t recv_buf(struct net_stack *s, net_sock_id id, size_t len)
{
	struct iovec v = {buf, len};
	struct net_msg m = {.iov = &v, .iov_len = 1};

	return net_sock_recv(s, id, &m, 0);
}

static void report(const char *name, double n, double bytes, net_dur t, uint64_t allocs)
{
	printf("%-34s %10.0f /s %8.1f ns each %8.2f Gbit/s  %llu allocations\n", name,
	       n * 1e9 / (double)t, (double)t / n, bytes * 8 / (double)t,
	       (unsigned long long)allocs);
}

static uint64_t allocs(struct pair *p)
{
	struct net_memory_info a, b;

	net_info_memory(p->s[0], &a);
	net_info_memory(p->s[1], &b);
	return a.pkt_allocs + b.pkt_allocs;
}

/* A connected pair of TCP sockets: client on s[0], server on s[server]. */
static void tcp_pair(struct pair *p, int server, net_sock_id *c, net_sock_id *a)
{
	struct sockaddr_in sa = addr(server ? 0x0a000002 : 0x7f000001, 80);
	net_sock_id l = sock(p->s[server], SOCK_STREAM);
	int64_t r;

	must(net_sock_bind(p->s[server], l, (struct sockaddr *)&sa, sizeof(sa)), "bind");
	must(net_sock_listen(p->s[server], l, 16), "listen");
	*c = sock(p->s[0], SOCK_STREAM);
	if (small_mss)
		must(net_sock_setopt(p->s[0], *c, IPPROTO_TCP, TCP_MAXSEG, &small_mss, 4, 0),
		     "TCP_MAXSEG");
	r = net_sock_connect(p->s[0], *c, (struct sockaddr *)&sa, sizeof(sa));
	if (r < 0 && r != -EINPROGRESS)
		must(r, "connect");
	for (int i = 0; i < 10; i++)
		pump(p);
	must(net_sock_accept(p->s[server], l, a, NULL, NULL), "accept");
	net_sock_close(p->s[server], l);
}

static void bench_stream(const char *name, uint32_t offloads, int server)
{
	struct pair p;
	net_sock_id c, a;
	net_time start, t, used;
	uint64_t bytes = 0, writes = 0, before = 0;

	pair_new(&p, offloads, true);
	tcp_pair(&p, server, &c, &a);
	start = now();
	used = cpu();
	while ((t = now()) - start < (net_dur)(seconds * 1e9)) {
		ssize_t n;

		net_stack_clock(p.s[0], t);
		while (send_buf(p.s[0], c, 65536) > 0)
			writes++;
		pump(&p);
		while ((n = recv_buf(p.s[server], a, sizeof(buf))) > 0)
			bytes += (uint64_t)n;
		pump(&p);
		if (writes > 1000 && !before)
			before = allocs(&p);
	}
	report(name, (double)bytes / 65536, (double)bytes, cpu() - used, allocs(&p) - before);
	pair_free(&p);
}

static void bench_rr(const char *name, uint32_t offloads, int server)
{
	struct pair p;
	net_sock_id c, a;
	net_time start, t, used;
	uint64_t n = 0, before = 0;
	int one = 1;

	pair_new(&p, offloads, true);
	tcp_pair(&p, server, &c, &a);
	net_sock_setopt(p.s[0], c, IPPROTO_TCP, TCP_NODELAY, &one, 4, 0);
	start = now();
	used = cpu();
	while ((t = now()) - start < (net_dur)(seconds * 1e9)) {
		net_stack_clock(p.s[0], t);
		must(send_buf(p.s[0], c, 100), "send");
		pump(&p);
		must(recv_buf(p.s[server], a, 1000), "recv");
		must(send_buf(p.s[server], a, 100), "send");
		pump(&p);
		must(recv_buf(p.s[0], c, 1000), "recv");
		if (++n == 1000)
			before = allocs(&p);
	}
	report(name, (double)n, 200.0 * (double)n, cpu() - used, allocs(&p) - before);
	pair_free(&p);
}

static void bench_udp(const char *name, size_t size, int segment)
{
	struct pair p;
	struct sockaddr_in to = addr(0x0a000002, 9);
	net_sock_id c, s;
	net_time start, t, used;
	uint64_t n = 0, before = 0, bytes = 0;
	int big = 4 << 20;

	pair_new(&p, segment ? NET_LINK_CSUM | NET_LINK_USO : 0, true);
	c = sock(p.s[0], SOCK_DGRAM);
	s = sock(p.s[1], SOCK_DGRAM);
	net_sock_setopt(p.s[1], s, SOL_SOCKET, SO_RCVBUF, &big, 4, 0);
	net_sock_setopt(p.s[0], c, SOL_SOCKET, SO_SNDBUF, &big, 4, 0);
	if (segment) {
		must(net_sock_setopt(p.s[0], c, IPPROTO_UDP, 103, &segment, 4, 0), "UDP_SEGMENT");
		must(net_sock_setopt(p.s[1], s, IPPROTO_UDP, 104, &segment, 4, 0), "UDP_GRO");
	}
	must(net_sock_bind(p.s[1], s, (struct sockaddr *)&to, sizeof(to)), "bind");
	must(net_sock_connect(p.s[0], c, (struct sockaddr *)&to, sizeof(to)), "connect");
	send_buf(p.s[0], c, size);
	pump(&p);
	start = now();
	used = cpu();
	while ((t = now()) - start < (net_dur)(seconds * 1e9)) {
		ssize_t r;

		net_stack_clock(p.s[0], t);
		for (int i = 0; i < 32; i++)
			send_buf(p.s[0], c, size);
		pump(&p);
		while ((r = recv_buf(p.s[1], s, sizeof(buf))) >= 0) {
			n++;
			bytes += (uint64_t)r;
		}
		if (n > 1000 && !before)
			before = allocs(&p);
	}
	report(name, (double)n, (double)bytes, cpu() - used, allocs(&p) - before);
	pair_free(&p);
}

/* Writes of @size bytes that each become a segment. */
static void bench_small(const char *name, size_t size)
{
	struct pair p;
	net_sock_id c, a;
	net_time used;
	uint64_t segs = 0, bytes = 0, before = 0;
	int one = 1;

	pair_new(&p, NET_LINK_CSUM, true);
	tcp_pair(&p, 1, &c, &a);
	net_sock_setopt(p.s[0], c, IPPROTO_TCP, TCP_NODELAY, &one, 4, 0);
	used = cpu();
	while (cpu() - used < (net_dur)(seconds * 1e9)) {
		ssize_t n;

		for (int i = 0; i < 64 && send_buf(p.s[0], c, size) > 0; i++) {
			net_stack_poll(p.s[0], now());
			segs++;
		}
		pump(&p);
		while ((n = recv_buf(p.s[1], a, sizeof(buf))) > 0)
			bytes += (uint64_t)n;
		pump(&p);
		if (segs > 10000 && !before)
			before = allocs(&p);
	}
	report(name, (double)segs, (double)bytes, cpu() - used, allocs(&p) - before);
	pair_free(&p);
}

/* A stream in segments of the smallest size: how many packets a second there and back. */
static void bench_small_mss(const char *name, int mss)
{
	struct pair p;
	net_sock_id c, a;
	net_time used;
	uint64_t bytes = 0, before = 0;

	small_mss = mss;
	pair_new(&p, NET_LINK_CSUM, true);
	tcp_pair(&p, 1, &c, &a);
	small_mss = 0;
	used = cpu();
	while (cpu() - used < (net_dur)(seconds * 1e9)) {
		ssize_t n;

		while (send_buf(p.s[0], c, 65536) > 0)
			;
		pump(&p);
		while ((n = recv_buf(p.s[1], a, sizeof(buf))) > 0)
			bytes += (uint64_t)n;
		pump(&p);
		if (bytes > 10 << 20 && !before)
			before = allocs(&p);
	}
	report(name, (double)bytes / (mss - 12), (double)bytes, cpu() - used, allocs(&p) - before);
	pair_free(&p);
}

/* Goes on as the program beside this one, if lwIP was there when it was built. */
static void become_lwip(const char *self)
{
	const char *slash = strrchr(self, '/');
	char path[4096], secs[32];

	if (!slash)
		return;
	snprintf(path, sizeof(path), "%.*s/lwip_bench", (int)(slash - self), self);
	snprintf(secs, sizeof(secs), "%g", seconds);
	fflush(stdout);
	execl(path, path, secs, (char *)NULL);
	printf("lwIP is not here\n");
}

static void bench_crr(const char *name, int server)
{
	struct pair p;
	net_time start, t, used;
	uint64_t n = 0;
	struct sockaddr_in sa = addr(server ? 0x0a000002 : 0x7f000001, 80);
	net_sock_id l;

	pair_new(&p, NET_LINK_CSUM | NET_LINK_TSO4, true);
	l = sock(p.s[server], SOCK_STREAM);
	must(net_sock_bind(p.s[server], l, (struct sockaddr *)&sa, sizeof(sa)), "bind");
	must(net_sock_listen(p.s[server], l, 128), "listen");
	start = now();
	used = cpu();
	while ((t = now()) - start < (net_dur)(seconds * 1e9) && n < 20000) {
		net_sock_id c, a;
		int64_t r;

		net_stack_clock(p.s[0], t);
		net_stack_clock(p.s[server], t);
		c = sock(p.s[0], SOCK_STREAM);
		r = net_sock_connect(p.s[0], c, (struct sockaddr *)&sa, sizeof(sa));
		if (r < 0 && r != -EINPROGRESS)
			must(r, "connect");
		pump(&p);
		must(net_sock_accept(p.s[server], l, &a, NULL, NULL), "accept");
		must(send_buf(p.s[0], c, 100), "send");
		pump(&p);
		must(recv_buf(p.s[server], a, 1000), "recv");
		must(send_buf(p.s[server], a, 100), "send");
		net_sock_close(p.s[server], a);
		pump(&p);
		must(recv_buf(p.s[0], c, 1000), "recv");
		net_sock_close(p.s[0], c);
		pump(&p);
		n++;
	}
	report(name, (double)n, 200.0 * (double)n, cpu() - used, 0);
	pair_free(&p);
}

int main(int argc, char **argv)
{
	uint32_t tso = NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6;

	if (argc > 1)
		seconds = atof(argv[1]);
	if (argc > 2 && !strcmp(argv[2], "small")) { /* alone, for a profiler */
		bench_small("tcp segments of 64 bytes, link", 64);
		return 0;
	}
	bench_stream("tcp stream, loopback", 0, 0);
	bench_stream("tcp stream, link with TSO", tso, 1);
	bench_stream("tcp stream, link without offloads", 0, 1);
	bench_small("tcp segments of 64 bytes, link", 64);
	bench_small_mss("tcp stream, MSS 88, link", 88);
	bench_rr("tcp request-response, loopback", 0, 0);
	bench_rr("tcp request-response, link", tso, 1);
	bench_crr("tcp connect-request-close, loopback", 0);
	bench_crr("tcp connect-request-close, link", 1);
	bench_udp("udp 64 bytes, link", 64, 0);
	bench_udp("udp 1400 bytes, link", 1400, 0);
	bench_udp("udp 44800 bytes with USO, link", 44800, 1400);
	become_lwip(argv[0]);
	return 0;
}
