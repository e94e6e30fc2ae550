/* SPDX-License-Identifier: Apache-2.0 */
/* Replays: numbers are mapped, and the same input gives the same story. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "plan.h"
#include "replay.h"
#include "util/bytes.h"
#include "view.h"

/* A segment between 10.0.0.2:1 and 10.0.0.1:80 with a right checksum. */
static size_t segment(uint8_t *b, bool to_us, uint8_t flags, uint32_t seq, uint32_t ack)
{
	uint32_t sum = 0;

	memset(b, 0, 40);
	b[0] = 0x45;
	b[3] = 40;
	b[8] = 64;
	b[9] = 6;
	memcpy(b + 12, to_us ? "\x0a\0\0\2\x0a\0\0\1" : "\x0a\0\0\1\x0a\0\0\2", 8);
	store_be16(b + 20, to_us ? 1 : 80);
	store_be16(b + 22, to_us ? 80 : 1);
	store_be32(b + 24, seq);
	store_be32(b + 28, ack);
	b[32] = 0x50;
	b[33] = flags;
	store_be16(b + 34, 1000);
	for (int i = 12; i < 40; i += 2)
		sum += load_be16(b + i);
	sum += 6 + 20;
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(b + 36, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += load_be16(b + i);
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(b + 10, (uint16_t)~sum);
	return 40;
}

static void add(struct capture *c, net_time at, bool to_us, uint8_t flags, uint32_t seq,
		uint32_t ack)
{
	uint8_t b[40];
	size_t n = segment(b, to_us, flags, seq, ack);

	cr_assert_eq(capture_add(c, at, b, n, n), 0);
}

/* A handshake that the stack plays the server of, and the FINs. */
static struct capture conversation(void)
{
	struct capture c = {.kind = FRAME_IP};

	add(&c, 0, true, VIEW_SYN, 100, 0);
	add(&c, NET_MS(1), false, VIEW_SYN | VIEW_ACK, 7000, 101);
	add(&c, NET_MS(2), true, VIEW_ACK, 101, 7001);
	add(&c, NET_MS(10), true, VIEW_FIN | VIEW_ACK, 101, 7001);
	add(&c, NET_MS(11), false, VIEW_FIN | VIEW_ACK, 7001, 102);
	add(&c, NET_MS(12), true, VIEW_ACK, 102, 7002);
	return c;
}

static char *replay(const struct capture *c, uint8_t seed, enum plan_side side)
{
	struct replay_result result;
	struct script script;
	struct problem problem;
	size_t partial, len;
	char *story = NULL;
	FILE *to = open_memstream(&story, &len);

	script_init(&script);
	script.net.seed[0] = seed;
	cr_assert_eq(plan_choose(&script, c, side, &problem), 0, "%s", problem.text);
	cr_assert_eq(plan_derive(&script, c, &partial), 0);
	script_sort(&script);
	cr_assert_eq(replay_run(&result, &script, c, to, &problem), 0, "%s", problem.text);
	fclose(to);
	replay_fini(&result);
	script_fini(&script);
	return story;
}

Test(replay, the_stack_plays_the_server_whatever_its_sequence_numbers)
{
	struct capture c = conversation();
	char *a = replay(&c, 1, PLAN_SERVER), *b = replay(&c, 99, PLAN_SERVER);

	cr_assert_str_eq(a, b, "the story has no random numbers");
	cr_assert(strstr(a, "c1 read: end of the stream"), "%s", a);
	cr_assert(strstr(a, "> ip 10.0.0.1 > 10.0.0.2 ttl 64 flags DF | tcp 80 > 1 flags FA seq 1 "
			    "ack 2"),
		  "%s", a);
	cr_assert_null(strstr(a, "TCP_"), "nothing was discarded: %s", a);
	free(a);
	free(b);
	capture_fini(&c);
}

Test(replay, the_stack_plays_the_client_from_a_port_of_its_own)
{
	struct capture c = conversation();
	char *a = replay(&c, 1, PLAN_CLIENT);

	cr_assert(strstr(a, "c1 is connected"), "%s", a);
	cr_assert(strstr(a, "flags FA seq 1 ack 1"), "%s", a);
	cr_assert_null(strstr(a, "TCP_"), "nothing was discarded: %s", a);
	free(a);
	capture_fini(&c);
}

Test(map, a_wrong_checksum_stays_wrong_and_a_right_one_right)
{
	struct flows captured = {0}, own = {0};
	struct flow_seg theirs = {.seq = 7000, .syn = true, .len = 1}, ours = theirs;
	uint8_t b[40], us[4] = {10, 0, 0, 1}, peer[4] = {10, 0, 0, 2};
	struct dis *dis = malloc(sizeof(*dis));
	unsigned from;

	ours.seq = 0xfffffff0;
	flow_note(flow_get(&captured, 4, us, peer, 80, 1, &from), 0, &theirs);
	flow_note(flow_get(&own, 4, us, peer, 80, 1, &from), 0, &ours);
	for (int broken = 0; broken < 2; broken++) {
		struct frame frame = {.bytes = b, .have = 40, .len = 40};
		struct flows none = {0};

		segment(b, true, VIEW_ACK, 101, 7001);
		b[37] ^= (uint8_t)(broken * 5);
		map_frame(&frame, FRAME_IP, &captured, &own);
		cr_assert_eq(load_be32(b + 28), 0xfffffff1);
		dissect(dis, &frame, FRAME_IP, &none);
		cr_assert_eq(dis->bad_sum, broken);
		flows_fini(&none);
	}
	free(dis);
	flows_fini(&captured);
	flows_fini(&own);
}
