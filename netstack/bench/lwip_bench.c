/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP as Debian builds it, driven in one thread under its core lock: lwip_bench [SECONDS]
 *
 * A program of its own, because the two stacks share names of functions. netstack_bench ends in it.
 *
 * One instance plays both ends: what it sends to the peer's address comes back with source and
 * destination exchanged, which leaves every checksum right.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <lwip/timeouts.h>

#define QUEUE 4096

static struct {
	struct pbuf *queue[QUEUE];
	unsigned int head, tail;
	struct netif netif;
	struct tcp_pcb *client, *server;
	uint64_t bytes, segs;
	bool connected;
} lw;

static int64_t cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static err_t wire(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	struct pbuf *copy = pbuf_alloc(PBUF_RAW, p->tot_len, PBUF_RAM);
	uint8_t *ip, src[4];

	(void)netif;
	(void)to;
	if (!copy || lw.head - lw.tail == QUEUE) {
		if (copy)
			pbuf_free(copy);
		return ERR_MEM;
	}
	pbuf_copy(copy, p);
	ip = copy->payload;
	memcpy(src, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, src, 4);
	lw.queue[lw.head++ % QUEUE] = copy;
	lw.segs += p->tot_len > 40;
	return ERR_OK;
}

static void drain(void)
{
	while (lw.tail != lw.head) {
		struct pbuf *p = lw.queue[lw.tail++ % QUEUE];

		if (ip4_input(p, &lw.netif) != ERR_OK)
			pbuf_free(p);
	}
}

static err_t init_netif(struct netif *netif)
{
	netif->output = wire;
	netif->mtu = 1500;
	netif->name[0] = 'b';
	netif->name[1] = 'n';
	return ERR_OK;
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	static uint8_t to[65536];

	(void)arg;
	(void)err;
	if (!p)
		return ERR_OK;
	lw.bytes += p->tot_len;
	pbuf_copy_partial(p, to, p->tot_len, 0); /* to the user */
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg;
	(void)err;
	lw.server = pcb;
	tcp_recv(pcb, received);
	return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg;
	(void)pcb;
	lw.connected = err == ERR_OK;
	return ERR_OK;
}

static int open_pair(void)
{
	ip4_addr_t self, mask, gw, peer;
	struct tcp_pcb *listener;
	ip_addr_t to;

	IP4_ADDR(&self, 10, 0, 0, 1);
	IP4_ADDR(&peer, 10, 0, 0, 2);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gw, 0, 0, 0, 0);
	if (!netif_add(&lw.netif, &self, &mask, &gw, NULL, init_netif, ip_input))
		return -1;
	netif_set_up(&lw.netif);
	netif_set_link_up(&lw.netif);
	netif_set_default(&lw.netif);
	listener = tcp_new();
	if (!listener || tcp_bind(listener, IP_ANY_TYPE, 80) != ERR_OK)
		return -1;
	listener = tcp_listen(listener);
	tcp_accept(listener, accepted);
	lw.client = tcp_new();
	tcp_nagle_disable(lw.client);
	ip_addr_copy_from_ip4(to, peer);
	if (tcp_connect(lw.client, &to, 80, connected) != ERR_OK)
		return -1;
	drain();
	return lw.connected && lw.server ? 0 : -1;
}

/* Moves a stream by writes of @write bytes. Frames cross by one copy, as in netstack_bench. */
static void stream(const char *name, double seconds, unsigned int write, bool per_segment)
{
	static uint8_t data[65536];
	int64_t start = cpu(), ns;
	double n;

	lw.bytes = lw.segs = 0;
	while (cpu() - start < (int64_t)(seconds * 1e9)) {
		for (int i = 0; i < 64; i++) {
			unsigned int room = tcp_sndbuf(lw.client);

			if (write < room)
				room = write;
			if (!room ||
			    tcp_write(lw.client, data, (u16_t)room, TCP_WRITE_FLAG_COPY) != ERR_OK)
				break;
			tcp_output(lw.client);
		}
		drain();
	}
	ns = cpu() - start;
	n = per_segment ? (double)lw.segs : (double)lw.bytes / 65536;
	printf("%-34s %10.0f /s %8.1f ns each %8.2f Gbit/s\n", name, n * 1e9 / (double)ns,
	       (double)ns / n, (double)lw.bytes * 8 / (double)ns);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	int r;

	tcpip_init(NULL, NULL);
	LOCK_TCPIP_CORE();
	r = open_pair();
	if (r == 0) {
		stream("lwIP stream", seconds, 8192, false);
		stream("lwIP segments of 64 bytes", seconds, 64, true);
	}
	UNLOCK_TCPIP_CORE();
	return r == 0 ? 0 : 1;
}
