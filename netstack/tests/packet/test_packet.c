/* SPDX-License-Identifier: Apache-2.0 */
/* packet.c, ring.c, fanout.c: what taps see, and rings whose user misbehaves. */
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "support/lab.h"

#define SOL_PACKET_ 263

static struct lab *lab;

static void setup(void)
{
	lab = lab_new();
}

static void teardown(void)
{
	lab_free(lab);
}

TestSuite(packet, .init = setup, .fini = teardown);

static net_sock_id open_on(int type, uint16_t proto)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(proto),
				  .sll_ifindex = lab->link};
	net_sock_id s = open_sock(lab->stack, AF_PACKET, type, 0);

	cr_assert_eq(net_sock_bind(lab->stack, s, (struct sockaddr *)&sll, sizeof(sll)), 0);
	return s;
}

static int opt(net_sock_id s, int name, const void *value, socklen_t len)
{
	return net_sock_setopt(lab->stack, s, SOL_PACKET_, name, value, len, 0);
}

/* A frame to @dst from the peer: an ethertype that nobody else here wants. */
static void rx_frame(const uint8_t dst[6])
{
	uint8_t frame[60] = {[12] = 0x88, [13] = 0xb5, [14] = 7};
	struct pkt *pkt = net_pkt_new(lab->stack, sizeof(frame));

	memcpy(frame, dst, 6);
	memcpy(frame + 6, peer_mac, 6);
	cr_assert_eq(net_pkt_fill(pkt, frame, sizeof(frame)), 0);
	cr_assert_eq(net_link_input(lab->stack, lab->link, lab->now, pkt), 0);
}

static ssize_t take(net_sock_id s, struct sockaddr_ll *from)
{
	static uint8_t buf[2000];
	struct iovec iov = {buf, sizeof(buf)};
	struct net_msg msg = {.name = (struct sockaddr *)from,
			      .name_len = sizeof(*from),
			      .iov = &iov,
			      .iov_len = 1};

	return net_sock_recv(lab->stack, s, &msg, 0);
}

Test(packet, frames_to_us_are_seen_with_their_sender)
{
	net_sock_id s = open_on(SOCK_RAW, 0x88b5), d = open_on(SOCK_DGRAM, ETH_P_ALL);
	struct sockaddr_ll from;

	rx_frame(lab_mac);
	cr_assert_eq(take(s, &from), 60);
	cr_assert_eq(from.sll_pkttype, PACKET_HOST);
	cr_assert_arr_eq(from.sll_addr, peer_mac, 6);
	cr_assert_eq(take(d, &from), 46);
	cr_assert_eq(take(s, &from), -EAGAIN);
}

Test(packet, frames_to_others_need_a_promiscuous_member)
{
	net_sock_id s = open_on(SOCK_RAW, ETH_P_ALL);
	struct packet_mreq mreq = {.mr_ifindex = lab->link, .mr_type = PACKET_MR_PROMISC};
	const uint8_t other[6] = {2, 9, 9, 9, 9, 9};
	struct sockaddr_ll from;

	rx_frame(other);
	cr_assert_eq(take(s, &from), -EAGAIN);
	cr_assert_eq(opt(s, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)), 0);
	rx_frame(other);
	cr_assert_eq(take(s, &from), 60);
	cr_assert_eq(from.sll_pkttype, PACKET_OTHERHOST);
	cr_assert_eq(opt(s, PACKET_DROP_MEMBERSHIP, &mreq, sizeof(mreq)), 0);
	rx_frame(other);
	cr_assert_eq(take(s, &from), -EAGAIN);
}

Test(packet, what_is_sent_leaves_as_written_and_others_see_it)
{
	net_sock_id s = open_on(SOCK_RAW, ETH_P_ALL), other = open_on(SOCK_RAW, ETH_P_ALL);
	uint8_t frame[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 9};
	struct iovec iov = {frame, sizeof(frame)};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	struct sockaddr_ll from;

	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), 60);
	cr_assert(lab_tx(lab));
	cr_assert_eq(lab->frame_len, 60);
	cr_assert_arr_eq(lab->frame, frame, 60);
	cr_assert_eq(take(other, &from), 60);
	cr_assert_eq(from.sll_pkttype, PACKET_OUTGOING);
	cr_assert_eq(take(s, &from), -EAGAIN, "not its own");
}

Test(packet, a_full_frame_ring_drops_and_says_so)
{
	net_sock_id s = open_on(SOCK_RAW, ETH_P_ALL);
	struct tpacket_req req = {4096, 1, 2048, 2};
	int version = TPACKET_V2;
	struct tpacket_stats st;
	socklen_t len = sizeof(st);
	uint8_t *mem;

	cr_assert_eq(opt(s, PACKET_VERSION, &version, sizeof(version)), 0);
	cr_assert_eq(opt(s, PACKET_RX_RING, &req, sizeof(req)), 0);
	cr_assert_eq(net_packet_ring_bytes(lab->stack, s), 4096);
	mem = calloc(1, 4096);
	net_packet_ring_memory(lab->stack, s, mem);
	for (int i = 0; i < 3; i++)
		rx_frame(lab_mac);
	cr_assert(net_sock_poll(lab->stack, s) & EPOLLIN);
	cr_assert_eq(net_sock_getopt(lab->stack, s, SOL_PACKET_, PACKET_STATISTICS, &st, &len), 0);
	cr_assert_eq(st.tp_packets, 3);
	cr_assert_eq(st.tp_drops, 1);
	net_sock_close(lab->stack, s);
	free(mem);
}

Test(packet, a_block_ring_retires_after_its_time_and_survives_garbage)
{
	net_sock_id s = open_on(SOCK_RAW, ETH_P_ALL);
	struct tpacket_req3 req = {4096, 2, 2048, 4, 50, 0, 0};
	int version = TPACKET_V3;
	struct tpacket_block_desc *b;
	uint8_t *mem;

	cr_assert_eq(opt(s, PACKET_VERSION, &version, sizeof(version)), 0);
	cr_assert_eq(opt(s, PACKET_RX_RING, &req, sizeof(req)), 0);
	mem = calloc(1, 8192);
	b = (struct tpacket_block_desc *)mem;
	net_packet_ring_memory(lab->stack, s, mem);
	rx_frame(lab_mac);
	rx_frame(lab_mac);
	cr_assert_eq(b->hdr.bh1.block_status, TP_STATUS_KERNEL);
	lab->now += NET_MS(60);
	net_stack_poll(lab->stack, lab->now);
	cr_assert_eq(b->hdr.bh1.block_status, TP_STATUS_USER | TP_STATUS_BLK_TMO);
	cr_assert_eq(b->hdr.bh1.num_pkts, 2);
	memset(mem, 0xff, 8192); /* the user owns everything, and scribbles */
	for (int i = 0; i < 100; i++)
		rx_frame(lab_mac);
	lab->now += NET_MS(60);
	net_stack_poll(lab->stack, lab->now);
	memset(mem, 0, 8192);
	rx_frame(lab_mac);
	net_sock_close(lab->stack, s);
	free(mem);
}

Test(packet, sending_ring_refuses_lengths_beyond_its_frames)
{
	net_sock_id s = open_on(SOCK_RAW, ETH_P_ALL);
	struct tpacket_req req = {4096, 1, 2048, 2};
	int version = TPACKET_V2;
	struct net_msg msg = {0};
	struct tpacket2_hdr *h;
	uint8_t *mem;

	cr_assert_eq(opt(s, PACKET_VERSION, &version, sizeof(version)), 0);
	cr_assert_eq(opt(s, PACKET_TX_RING, &req, sizeof(req)), 0);
	mem = calloc(1, 4096);
	net_packet_ring_memory(lab->stack, s, mem);
	h = (struct tpacket2_hdr *)mem;
	h->tp_len = 60;
	h->tp_status = TP_STATUS_SEND_REQUEST;
	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), 60);
	cr_assert_eq(h->tp_status, TP_STATUS_AVAILABLE);
	cr_assert(lab_tx(lab));
	h = (struct tpacket2_hdr *)(mem + 2048);
	h->tp_len = 0xffffffff;
	h->tp_status = TP_STATUS_SEND_REQUEST;
	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), -EINVAL);
	cr_assert_eq(h->tp_status, TP_STATUS_WRONG_FORMAT);
	net_sock_close(lab->stack, s);
	free(mem);
}

Test(packet, fanout_gives_each_frame_to_one)
{
	net_sock_id a = open_on(SOCK_RAW, ETH_P_ALL), b = open_on(SOCK_RAW, ETH_P_ALL);
	int arg = 5 | PACKET_FANOUT_LB << 16;
	struct sockaddr_ll from;
	int n[2] = {0};

	cr_assert_eq(opt(a, PACKET_FANOUT, &arg, sizeof(arg)), 0);
	cr_assert_eq(opt(b, PACKET_FANOUT, &arg, sizeof(arg)), 0);
	for (int i = 0; i < 6; i++)
		rx_frame(lab_mac);
	while (take(a, &from) > 0)
		n[0]++;
	while (take(b, &from) > 0)
		n[1]++;
	cr_assert_eq(n[0], 3);
	cr_assert_eq(n[1], 3);
	net_sock_close(lab->stack, a);
	rx_frame(lab_mac);
	cr_assert_eq(take(b, &from), 60);
}
