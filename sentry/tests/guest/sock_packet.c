/* SPDX-License-Identifier: Apache-2.0 */
/* AF_PACKET on the loopback: names, ancillary data, filters, rings of all three versions, fan-out, sending. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "guest.h"

#define PORT 7771

static int open_packet(int type, int proto)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(proto),
				  .sll_ifindex = if_nametoindex("lo")};
	int fd = socket(AF_PACKET, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		printf("packet socket: %s\n", strerrorname_np(errno));
	return fd;
}

/* Datagrams to a port that only this program uses: whatever else is on the loopback is filtered out. */
static void attach(int fd, int raw)
{
	int l3 = raw ? 14 : 0;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, l3 + 22),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 60),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

static void send_some(int sock, int n, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	char data[200];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(data, 'x', sizeof(data));
	for (int i = 0; i < n; i++) {
		data[0] = (char)('a' + i);
		if (sendto(sock, data, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			perror("sendto");
	}
}

static void show_one(int fd)
{
	unsigned char buf[256];
	char control[256];
	struct sockaddr_ll sll;
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_name = &sll,
			     .msg_namelen = sizeof(sll),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0) {
		printf("recvmsg: %s\n", strerrorname_np(errno));
		return;
	}
	printf("%zd bytes, flags %#x, from family %d proto %#x hatype %d type %d halen %d namelen %u\n",
	       n, msg.msg_flags, sll.sll_family, ntohs(sll.sll_protocol), sll.sll_hatype,
	       sll.sll_pkttype, sll.sll_halen, msg.msg_namelen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		printf("auxdata: user %d len %u snaplen %u mac %u net %u\n",
		       aux.tp_status & TP_STATUS_USER, aux.tp_len, aux.tp_snaplen, aux.tp_mac,
		       aux.tp_net);
	}
}

static void queues(int udp, int type)
{
	int fd = open_packet(type, ETH_P_ALL);
	int one = 1;
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	printf("-- queue, type %d\n", type);
	attach(fd, type == SOCK_RAW);
	SHOW(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)));
	send_some(udp, 1, 20);
	show_one(fd); /* outgoing */
	show_one(fd); /* incoming */
	show_one(fd);
	send_some(udp, 1, 100);
	show_one(fd); /* the filter cuts at 60 */
	SHOW(setsockopt(fd, SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &one, sizeof(one)));
	show_one(fd);
	send_some(udp, 1, 20);
	show_one(fd);
	show_one(fd);
	SHOW(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &len));
	printf("%u packets, %u drops\n", st.tp_packets, st.tp_drops);
	close(fd);
}

static void frame_ring(int udp, int version)
{
	int fd = open_packet(SOCK_RAW, ETH_P_IP); /* incoming only */
	struct tpacket_req req = {.tp_block_size = 4096, .tp_block_nr = 2, .tp_frame_size = 2048,
				  .tp_frame_nr = 4};
	struct pollfd p = {fd, POLLIN};
	struct tpacket_stats st;
	socklen_t len = sizeof(st);
	uint8_t *ring;

	printf("-- ring, version %d\n", version + 1);
	attach(fd, 1);
	SHOW(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)));
	SHOW(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	SHOW(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	ring = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(ring != MAP_FAILED);
	SHOW(poll(&p, 1, 0));
	send_some(udp, 6, 20); /* two too many */
	SHOW(poll(&p, 1, 0));
	for (int i = 0; i < 5; i++) {
		uint8_t *f = ring + (i % 4) * 2048;
		struct tpacket_hdr *h1 = (void *)f;
		struct tpacket2_hdr *h2 = (void *)f;
		bool v1 = version == TPACKET_V1;
		unsigned mac = v1 ? h1->tp_mac : h2->tp_mac, net = v1 ? h1->tp_net : h2->tp_net;
		struct sockaddr_ll *sll = (void *)(f + TPACKET_ALIGN(v1 ? sizeof(*h1) : sizeof(*h2)));
		unsigned status = v1 ? h1->tp_status : h2->tp_status;

		printf("frame: user %d mac %u net %u len %u snap %u", status & TP_STATUS_USER, mac, net,
		       v1 ? h1->tp_len : h2->tp_len, v1 ? h1->tp_snaplen : h2->tp_snaplen);
		if (status & TP_STATUS_USER)
			printf(" type %d proto %#x first %c", sll->sll_pkttype,
			       ntohs(sll->sll_protocol), f[mac + 14 + 28]);
		printf("\n");
		if (v1)
			h1->tp_status = TP_STATUS_KERNEL;
		else
			h2->tp_status = TP_STATUS_KERNEL;
	}
	SHOW(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &len));
	printf("%u packets, %u drops\n", st.tp_packets, st.tp_drops);
	SHOW(poll(&p, 1, 0));
	munmap(ring, 8192);
	close(fd);
}

static void block_ring(int udp)
{
	int fd = open_packet(SOCK_RAW, ETH_P_IP);
	int version = TPACKET_V3;
	struct tpacket_req3 req = {.tp_block_size = 4096, .tp_block_nr = 2, .tp_frame_size = 2048,
				   .tp_frame_nr = 4, .tp_retire_blk_tov = 30};
	struct pollfd p = {fd, POLLIN};
	uint8_t *ring;

	printf("-- ring, version 3\n");
	attach(fd, 1);
	SHOW(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)));
	SHOW(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	ring = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(ring != MAP_FAILED);
	send_some(udp, 3, 20);
	SHOW(poll(&p, 1, 2000));

	struct tpacket_block_desc *b = (void *)ring;
	struct tpacket3_hdr *h = (void *)(ring + b->hdr.bh1.offset_to_first_pkt);

	printf("block: version %u status user %d timeout %d packets %u first %u len %u\n", b->version,
	       b->hdr.bh1.block_status & TP_STATUS_USER, !!(b->hdr.bh1.block_status & TP_STATUS_BLK_TMO),
	       b->hdr.bh1.num_pkts, b->hdr.bh1.offset_to_first_pkt, b->hdr.bh1.blk_len);
	for (unsigned i = 0; i < b->hdr.bh1.num_pkts && i < 10; i++) {
		printf("packet: next %u mac %u net %u len %u snap %u first %c\n", h->tp_next_offset,
		       h->tp_mac, h->tp_net, h->tp_len, h->tp_snaplen,
		       ((uint8_t *)h)[h->tp_mac + 14 + 28]);
		h = (void *)((uint8_t *)h + h->tp_next_offset);
	}
	b->hdr.bh1.block_status = TP_STATUS_KERNEL;
	close(fd);
	munmap(ring, 8192);
}

static void fanout(int udp)
{
	int a = open_packet(SOCK_DGRAM, ETH_P_IP), b = open_packet(SOCK_DGRAM, ETH_P_IP);
	int arg = 77 | PACKET_FANOUT_LB << 16, other = 77 | PACKET_FANOUT_HASH << 16;
	char buf[100];
	int got[2] = {0};

	printf("-- fan-out\n");
	attach(a, 0);
	attach(b, 0);
	SHOW(setsockopt(a, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)));
	SHOW(setsockopt(b, SOL_PACKET, PACKET_FANOUT, &other, sizeof(other)));
	SHOW(setsockopt(b, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)));
	SHOW(setsockopt(b, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)));
	send_some(udp, 8, 20);
	while (recv(a, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		got[0]++;
	while (recv(b, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		got[1]++;
	printf("%d and %d\n", got[0], got[1]);
	close(a);
	close(b);
}

static void sending(void)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = if_nametoindex("lo"), .sll_halen = 6};
	int tx = socket(AF_PACKET, SOCK_DGRAM, 0), rx = open_packet(SOCK_RAW, 0x88b5);
	int raw = socket(AF_PACKET, SOCK_RAW, 0);
	uint8_t frame[100] = {[12] = 0x88, [13] = 0xb5, [14] = 42};
	uint8_t buf[200];

	printf("-- sending\n");
	SHOW(sendto(raw, frame, 10, 0, (struct sockaddr *)&to, sizeof(to)));
	SHOW(send(raw, frame, sizeof(frame), 0));
	SHOW(connect(raw, (struct sockaddr *)&to, sizeof(to)));
	SHOW(listen(raw, 1));
	SHOW(shutdown(raw, SHUT_RDWR));
	to.sll_ifindex = 9999;
	SHOW(sendto(tx, frame, 50, 0, (struct sockaddr *)&to, sizeof(to)));
	SHOW(bind(tx, (struct sockaddr *)&to, sizeof(to)));
	SHOW(bind(tx, (struct sockaddr *)&to, 10));
	close(tx);
	close(rx);
	close(raw);
	(void)buf;
}

int main(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int sink;

	if (unshare(CLONE_NEWNET) == 0) {
		close(udp);
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		ioctl(udp, SIOCSIFFLAGS, &ifr);
	}
	sink = socket(AF_INET, SOCK_DGRAM, 0); /* otherwise errors come back */
	bind(sink, (struct sockaddr *)&sin, sizeof(sin));
	SHOW(socket(AF_PACKET, SOCK_STREAM, 0));
	queues(udp, SOCK_RAW);
	queues(udp, SOCK_DGRAM);
	frame_ring(udp, TPACKET_V1);
	frame_ring(udp, TPACKET_V2);
	block_ring(udp);
	fanout(udp);
	sending();
	return 0;
}
