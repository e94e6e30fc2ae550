/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "nsdrill/script.h"

static const struct packet_path v4 = {AF_INET, {192, 0, 2, 1}, {192, 0, 2, 2}, 1000, 2000};
static const struct packet_path v6 = {AF_INET6, {0xfd, 1}, {0xfd, 2}, 1000, 2000};

/* Encodes a line, reads the bytes again, and wants the same packet. */
static struct packet round_trip(const char *line, const struct packet_path *path)
{
	static uint8_t wire[PACKET_BYTES_MAX];
	struct defines defines = {.count = 0};
	struct diag diag = {0};
	struct script *s;
	struct packet got;
	char why[200] = "";

	cr_assert_eq(script_parse(&s, "t", line, strlen(line), &defines, NULL, NULL, &diag), 0,
		     "%s", diag.text);

	struct packet *p = s->events->packet;

	if (p->icmp_type_name)
		cr_assert_eq(packet_icmp_names(p, path->family), 0);

	int len = packet_encode(p, path, wire);

	cr_assert_gt(len, 0);
	cr_assert_eq(packet_decode(wire, (size_t)len, &got), 0);
	cr_assert_null(got.malformed, "%s", got.malformed);
	cr_assert(packet_same(p, &got, why, sizeof(why)), "%s", why);
	return got;
}

Test(packet, tcp_over_both_families)
{
	static const char line[] = "0 < P. 1:101(100) ack 5 win 257 <nop,nop,TS val 1 ecr 2>";

	cr_assert_eq(round_trip(line, &v4).sport, 1000);
	cr_assert_eq(round_trip(line, &v6).dport, 2000);
}

Test(packet, udp_and_icmp)
{
	round_trip("0 < udp 7 > 8 (99)", &v4);
	round_trip("0 < icmp echo_request id 5 [raw (64)]", &v6);
	cr_assert_eq(round_trip("0 < icmp unreachable frag_needed mtu 1300 [1:1001(1000)]", &v4)
			     .icmp_mtu,
		     1300);
}

Test(packet, a_fragment_is_a_part_of_the_whole)
{
	struct packet p = round_trip("0 < [frag 7:800@800] udp (1592)", &v6);

	cr_assert_eq(p.ip.frag_off, 800);
	cr_assert_eq(p.payload_len, 800);
}

Test(packet, outer_headers_come_back)
{
	cr_assert_eq(
		round_trip("0 < ipv4 1.1.1.1 > 2.2.2.2: ipv6 ::1 > ::2: . 1:1(0) ack 1 win 1", &v4)
			.nencap,
		2);
}

Test(packet, a_wrong_checksum_is_noticed)
{
	uint8_t wire[100] = {0x45, 0, 0, 28, [8] = 64, [9] = 17, [10] = 1};
	struct packet got;

	cr_assert_eq(packet_decode(wire, 28, &got), 0);
	cr_assert_not_null(got.malformed);
}

Test(packet, the_first_difference_is_named)
{
	struct packet a = {.protocol = IPPROTO_TCP, .window = -1, .flags = FLAG_ACK, .ack = 1};
	struct packet b = a;
	char why[200];

	b.payload_is_zero = true;
	b.ack = 2;
	cr_assert(!packet_same(&a, &b, why, sizeof(why)));
	cr_assert(strstr(why, "acknowledgement"), "%s", why);
}

Test(packet, print_speaks_the_language)
{
	struct packet p = {.outbound = true,
			   .protocol = IPPROTO_TCP,
			   .window = -1,
			   .flags = FLAG_PSH | FLAG_ACK,
			   .seq = 1,
			   .payload_len = 10,
			   .ack = 1};
	char text[200];

	packet_print(&p, text, sizeof(text));
	cr_assert_str_eq(text, "> P. 1:11(10) ack 1");
}
