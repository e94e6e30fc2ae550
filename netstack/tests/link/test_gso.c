/* SPDX-License-Identifier: Apache-2.0 */
/* Super-segments at the edge: cut in software, or handed over whole. */
#include "support/lab.h"

static struct lab *lab_with(uint32_t offloads)
{
	struct lab *lab = lab_new_cfg(NULL, offloads);

	lab_neigh(lab, "10.0.0.2", peer_mac);
	lab_neigh(lab, "fd00::2", peer_mac);
	return lab;
}

static void send_super(struct lab *lab, const char *dst, size_t len, int segment)
{
	static uint8_t data[65000];
	struct name to = name(dst, 9);
	net_sock_id s = open_sock(lab->stack, ip(dst).family, SOCK_DGRAM, 0);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 13);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 103, &segment, 4, 0), 0);
	cr_assert_eq(send_to(lab->stack, s, data, len, &to, 0), (ssize_t)len);
}

static bool sums_ok(const struct lab *lab)
{
	const uint8_t *ipb = lab->frame + 14;
	bool v6 = ipb[0] >> 4 == 6;
	size_t hl = v6 ? 40 : 20, l4_len = lab->frame_len - 14 - hl;
	struct net_addr s = {.family = v6 ? AF_INET6 : AF_INET}, d = s;

	memcpy(s.bytes, ipb + (v6 ? 8 : 12), v6 ? 16 : 4);
	memcpy(d.bytes, ipb + (v6 ? 24 : 16), v6 ? 16 : 4);
	if (!v6 && !ip4_sum_ok(ipb, 20))
		return false;
	return csum_fold(csum_add(csum_pseudo(&s, &d, 17, (uint32_t)l4_len), ipb + hl, l4_len)) ==
	       0;
}

static void cut(const char *dst)
{
	struct lab *lab = lab_with(0);
	size_t got = 0, frames = 0;
	uint16_t id = 0;

	send_super(lab, dst, 2500, 1000);
	while (lab_tx(lab)) {
		size_t hdr = 14 + (ip(dst).family == AF_INET ? 20 : 40) + 8;

		cr_assert(sums_ok(lab), "frame %zu", frames);
		cr_assert_eq(lab->offload.flags, 0);
		for (size_t i = hdr; i < lab->frame_len; i++)
			cr_assert_eq(lab->frame[i], (uint8_t)((got + i - hdr) * 13));
		if (hdr == 42 && frames)
			cr_assert_eq(wire_get16(lab->frame + 18), (uint16_t)(id + 1));
		id = wire_get16(lab->frame + 18);
		got += lab->frame_len - hdr;
		frames++;
	}
	cr_assert_eq(frames, 3);
	cr_assert_eq(got, 2500);
	lab_free(lab);
}

Test(gso, a_udp_super_segment_is_cut_with_right_headers_and_sums)
{
	cut("10.0.0.2");
	cut("fd00::2");
}

Test(gso, a_link_that_takes_it_gets_it_whole_with_its_metadata)
{
	struct lab *lab = lab_with(NET_LINK_CSUM | NET_LINK_USO);

	send_super(lab, "10.0.0.2", 60000, 1000);
	cr_assert(lab_tx(lab));
	cr_assert_eq(lab->frame_len, 60042);
	cr_assert_eq(lab->offload.gso_type, NET_GSO_UDP_L4);
	cr_assert_eq(lab->offload.gso_size, 1000);
	cr_assert_eq(lab->offload.hdr_len, 42);
	cr_assert_eq(lab->offload.csum_start, 34);
	cr_assert_eq(lab->offload.csum_offset, 6);
	cr_assert_eq(lab->offload.flags, NET_OFFLOAD_NEEDS_CSUM);
	lab_quiet(lab);
	lab_free(lab);
}

Test(gso, the_limits_of_segmentation_are_linuxs)
{
	struct lab *lab = lab_with(0);
	struct name to = name("10.0.0.2", 9);
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	static uint8_t data[2000];
	int v = 1473;

	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 103, &v, 4, 0), 0);
	cr_assert_eq(send_to(lab->stack, s, data, 2000, &to, 0), -EMSGSIZE);
	v = 10;
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 103, &v, 4, 0), 0);
	cr_assert_eq(send_to(lab->stack, s, data, 1281, &to, 0), -EINVAL);
	cr_assert_eq(send_to(lab->stack, s, data, 10, &to, 0), 10);
	lab_free(lab);
}
