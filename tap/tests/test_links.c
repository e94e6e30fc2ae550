/* SPDX-License-Identifier: Apache-2.0 */
/* AF_PACKET and tap devices against the host's own stack, in a network namespace of the test's own.
 * Skipped where namespaces cannot be made. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap/open.h"
#include "tap/tap.h"

static void sh(const char *cmd)
{
	cr_assert_eq(system(cmd), 0, "%s", cmd);
}

static void private_netns(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		cr_skip("no private network namespace: %s", strerror(errno));
	sh("ip link set lo up");
}

/* va in this namespace with 10.9.0.1; vb adopted by us: the host keeps no address on it. */
static struct frame_io *veth_new(struct tap_link *link)
{
	struct frame_io *io;

	private_netns();
	sh("ip link add va type veth peer name vb");
	sh("ip addr add 10.9.0.1/24 dev va");
	sh("ip link set va up && ip link set vb up");
	sh("ip neigh add 10.9.0.2 lladdr $(cat /sys/class/net/vb/address 2>/dev/null || "
	   "ip -br link show vb | awk '{print $3}') dev va nud permanent");
	cr_assert_eq(tap_open_afpacket("vb", link), 0);
	cr_assert_eq(frame_io_packet_new(
			     &io, &(struct frame_io_config){link->fd, link->mtu, link->offloads}),
		     0);
	return io;
}

static uint8_t room[TAP_MAX_FRAME];

/* The next IPv4 frame of @proto (and at least @min bytes), or fails after two seconds. */
static struct tap_frame next_ip(struct frame_io *io, uint8_t proto, uint32_t min)
{
	static struct iovec iov = {room, sizeof(room)};

	for (int tries = 0; tries < 200; tries++) {
		struct pollfd p = {frame_io_fd(io), POLLIN, 0};
		struct tap_frame f = {.iov = &iov, .n_iov = 1};

		poll(&p, 1, 10);
		while (frame_io_recv(io, &f, 1) == 1) {
			if (f.len >= min && room[12] == 8 && room[13] == 0 && room[23] == proto)
				return f;
		}
	}
	cr_assert(false, "no frame of protocol %d came", proto);
	return (struct tap_frame){0};
}

static int udp_socket(const char *local, int port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	inet_pton(AF_INET, local, &sa.sin_addr);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void udp_send(int fd, const char *to, const void *data, size_t len)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(7000)};

	inet_pton(AF_INET, to, &sa.sin_addr);
	cr_assert_eq(sendto(fd, data, len, 0, (struct sockaddr *)&sa, sizeof(sa)), (ssize_t)len);
}

Test(afpacket, a_missing_interface_is_named_by_errno, .timeout = 20)
{
	struct tap_link link;

	private_netns();
	cr_assert_eq(tap_open_afpacket("nosuch0", &link), -ENODEV);
}

Test(afpacket, a_local_datagram_arrives_with_its_checksum_still_to_be_made, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io = veth_new(&link);
	int fd = udp_socket("10.9.0.1", 7001);
	struct tap_frame f;

	udp_send(fd, "10.9.0.2", "hello", 5);
	f = next_ip(io, IPPROTO_UDP, 42);
	cr_assert(f.meta.flags & TAP_META_NEEDS_CSUM);
	cr_assert_eq(f.meta.csum_start, 34);
	cr_assert_eq(f.meta.csum_offset, 6);
	cr_assert_eq(f.len, 14u + 20 + 8 + 5);
	frame_io_free(io);
	close(fd);
}

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A UDP frame 10.9.0.2:7000 -> 10.9.0.1:7001; the checksum holds the pseudo-header only. */
static size_t make_udp(uint8_t *f, const uint8_t dst[6], const uint8_t src[6], size_t payload)
{
	static const uint8_t ip[20] = {0x45, 0, 0,  0, 0, 1, 0x40, 0, 64, 17,
				       0,    0, 10, 9, 0, 2, 10,   9, 0,  1};
	size_t udp_len = 8 + payload, ip_len = 20 + udp_len;

	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	f[12] = 8;
	f[13] = 0;
	memcpy(f + 14, ip, 20);
	f[16] = (uint8_t)(ip_len >> 8);
	f[17] = (uint8_t)ip_len;

	uint16_t ip_sum = (uint16_t)~fold(sum16(f + 14, 20, 0));

	f[24] = (uint8_t)(ip_sum >> 8);
	f[25] = (uint8_t)ip_sum;
	f[34] = 7000 >> 8;
	f[35] = (uint8_t)7000;
	f[36] = 7001 >> 8;
	f[37] = (uint8_t)7001;
	f[38] = (uint8_t)(udp_len >> 8);
	f[39] = (uint8_t)udp_len;

	uint16_t pseudo = fold(sum16(f + 26, 8, 17 + (uint32_t)udp_len));

	f[40] = (uint8_t)(pseudo >> 8);
	f[41] = (uint8_t)pseudo;
	for (size_t i = 0; i < payload; i++)
		f[42 + i] = (uint8_t)i;
	return 14 + ip_len;
}

static void peer_mac(const char *dev, uint8_t mac[6])
{
	char cmd[64], line[32];
	unsigned v[6];

	snprintf(cmd, sizeof(cmd), "ip -br link show %s | awk '{print $3}'", dev);

	FILE *p = popen(cmd, "r");

	cr_assert(p && fgets(line, sizeof(line), p));
	cr_assert_eq(sscanf(line, "%x:%x:%x:%x:%x:%x", v, v + 1, v + 2, v + 3, v + 4, v + 5), 6);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)v[i];
	pclose(p);
}

static ssize_t recv_soon(int fd, void *buf, size_t len)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, 2000) == 1 ? recv(fd, buf, len, MSG_DONTWAIT) : -1;
}

Test(afpacket, the_host_finishes_a_checksum_we_leave_open, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io = veth_new(&link);
	int fd = udp_socket("10.9.0.1", 7001);
	uint8_t dst[6], frame[200], got[200];
	struct iovec iov = {frame, 0};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};

	peer_mac("va", dst);
	iov.iov_len = make_udp(frame, dst, link.mac, 100);
	f.meta =
		(struct tap_meta){.flags = TAP_META_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
	cr_assert_eq(frame_io_send(io, &f, 1), 1);
	cr_assert_eq(recv_soon(fd, got, sizeof(got)), 100);
	frame_io_free(io);
	close(fd);
}

Test(afpacket, a_udp_super_frame_is_cut_into_datagrams_by_the_host, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io = veth_new(&link);
	int fd = udp_socket("10.9.0.1", 7001);
	static uint8_t frame[32000], got[2000];
	uint8_t dst[6];
	struct iovec iov = {frame, 0};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};

	peer_mac("va", dst);
	iov.iov_len = make_udp(frame, dst, link.mac, 30000);
	f.meta = (struct tap_meta){.flags = TAP_META_NEEDS_CSUM,
				   .csum_start = 34,
				   .csum_offset = 6,
				   .gso = TAP_GSO_UDP_L4,
				   .gso_size = 1000,
				   .hdr_len = 42};
	cr_assert_eq(frame_io_send(io, &f, 1), 1);
	for (int i = 0; i < 30; i++)
		cr_assert_eq(recv_soon(fd, got, sizeof(got)), 1000, "datagram %d", i);
	frame_io_free(io);
	close(fd);
}

Test(afpacket, a_frame_that_is_too_long_is_dropped_alone, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io = veth_new(&link);
	int fd = udp_socket("10.9.0.1", 7001);
	static uint8_t frame[4000], got[2000];
	uint8_t dst[6], small[200];
	struct iovec iov[2] = {{frame, 4000}, {small, 0}};
	struct tap_frame f[2] = {{.iov = &iov[0], .n_iov = 1}, {.iov = &iov[1], .n_iov = 1}};
	struct tap_counters c;

	peer_mac("va", dst);
	iov[1].iov_len = make_udp(small, dst, link.mac, 50);
	f[1].meta =
		(struct tap_meta){.flags = TAP_META_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
	cr_assert_eq(frame_io_send(io, f, 2), 2);
	cr_assert_eq(recv_soon(fd, got, sizeof(got)), 50);
	frame_io_counters(io, &c);
	cr_assert_eq(c.tx_dropped, 1u);
	cr_assert_eq(c.tx_frames, 1u);
	frame_io_free(io);
	close(fd);
}

Test(afpacket, own_frames_are_not_heard_again, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io = veth_new(&link);
	uint8_t dst[6], frame[200];
	struct iovec iov = {frame, 0};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};

	peer_mac("va", dst);
	iov.iov_len = make_udp(frame, dst, link.mac, 10);
	cr_assert_eq(frame_io_send(io, &f, 1), 1);
	for (int i = 0; i < 20; i++) {
		struct iovec in = {room, sizeof(room)};
		struct tap_frame g = {.iov = &in, .n_iov = 1};

		if (frame_io_recv(io, &g, 1) == 1)
			cr_assert_neq(memcmp(room + 6, link.mac, 6), 0);
	}
	frame_io_free(io);
}

Test(afpacket, a_vlan_tag_is_reported, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io = veth_new(&link);
	int fd;
	struct tap_frame f;

	if (system("ip link add link va name va.5 type vlan id 5 2>/dev/null") != 0)
		cr_skip("no 802.1Q on this host");
	sh("ip addr add 10.9.5.1/24 dev va.5 && ip link set va.5 up");
	sh("ip neigh add 10.9.5.2 lladdr 02:00:00:00:00:05 dev va.5 nud permanent");
	fd = udp_socket("10.9.5.1", 7001);
	udp_send(fd, "10.9.5.2", "hello", 5);
	f = next_ip(io, IPPROTO_UDP, 42);
	cr_assert(f.meta.flags & TAP_META_VLAN);
	cr_assert_eq(f.meta.vlan_tci & 0xfff, 5);
	frame_io_free(io);
	close(fd);
}

Test(tuntap, frames_pass_both_ways_with_metadata, .timeout = 20)
{
	struct tap_link link;
	struct frame_io *io;
	uint8_t dst[6], frame[200], got[200];
	struct iovec iov = {frame, 0};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};
	int fd, r;

	private_netns();
	r = tap_open_tuntap(&(struct tap_tun_config){.name = "tt%d", .mtu = 1400, .up = true},
			    &link);
	if (r == -ENOENT || r == -EPERM)
		cr_skip("no tun device on this host");
	cr_assert_eq(r, 0);
	cr_assert_eq(link.mtu, 1400u);
	cr_assert(link.offloads & TAP_OFFLOAD_TSO4);
	sh("ip addr add 10.9.0.1/24 dev tt0");
	sh("ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev tt0 nud permanent");
	cr_assert_eq(
		frame_io_tun_new(&io, &(struct frame_io_config){link.fd, link.mtu, link.offloads}),
		0);
	fd = udp_socket("10.9.0.1", 7001);
	udp_send(fd, "10.9.0.2", "hello", 5);

	struct tap_frame in = next_ip(io, IPPROTO_UDP, 42);

	cr_assert(in.meta.flags & TAP_META_NEEDS_CSUM);
	cr_assert_eq(in.meta.csum_start, 34);

	peer_mac("tt0", dst);
	iov.iov_len = make_udp(frame, dst, link.mac, 100);
	f.meta =
		(struct tap_meta){.flags = TAP_META_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
	cr_assert_eq(frame_io_send(io, &f, 1), 1);
	cr_assert_eq(recv_soon(fd, got, sizeof(got)), 100);
	frame_io_free(io);
	close(fd);
}
