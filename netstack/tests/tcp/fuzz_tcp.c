/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile peer and a careless user, both driven by the input: no sequence of segments and calls
 * may trip an assertion, leak, or touch freed memory.
 *
 * The input is a byte of configuration and then records of a fixed size, one per step, so that the
 * mutator below can repeat, drop, exchange and change whole steps of a conversation. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "sim/peer.h"

#define RECORD 28u
#define STEPS_MAX 200u

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

struct input {
	const uint8_t *p, *end;
};

static uint8_t u8(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static uint32_t u32(struct input *in)
{
	uint32_t v = u8(in);

	v = v << 8 | u8(in);
	v = v << 8 | u8(in);
	return v << 8 | u8(in);
}

/* Mostly near the last number, sometimes anywhere. */
static uint32_t near_number(struct input *in, uint32_t base)
{
	uint8_t kind = u8(in);

	if (kind < 160)
		return base + (int8_t)u8(in);
	if (kind < 230)
		return base + (int16_t)(u8(in) << 8 | u8(in));
	return u32(in);
}

static void segment(struct peer *peer, struct input *in, uint32_t *rcv, uint32_t *snd)
{
	struct peer_seg seg = {.flags = u8(in)};
	uint8_t opts = u8(in);

	if (u8(in) & 1)
		seg.flags |= TCP_FLAG_ACK;
	seg.seq = near_number(in, *rcv);
	seg.ack = near_number(in, *snd);
	seg.len = u8(in) & 7 ? (uint32_t)u8(in) * (u8(in) & 31) : 0;
	seg.wnd = (uint32_t)u8(in) << 8 | u8(in);
	seg.wnd_zero = opts & 1;
	seg.urg = opts & 2 ? (uint16_t)(u8(in) << 4) : 0;
	seg.mss = opts & 4 ? (uint16_t)(u8(in) << 8 | u8(in)) : 0;
	seg.wscale = opts & 8 ? u8(in) % 20 : 0;
	seg.sack_ok = opts & 16;
	if (opts & 32) {
		seg.ts = true;
		seg.tsval = near_number(in, 5000);
		seg.tsecr = near_number(in, peer->last_tsval);
	}
	if (opts & 64) {
		seg.nsack = 1 + u8(in) % 3;
		for (unsigned int i = 0; i < seg.nsack; i++) {
			seg.sack[i][0] = near_number(in, *snd);
			seg.sack[i][1] = near_number(in, seg.sack[i][0]);
		}
	}
	if (opts & 128 && seg.len > 1000)
		seg.gso = 536;
	if (u8(in) > 200) {
		static const char *const cookies[] = {NULL, "0102030405060708", "abcd", "00"};

		seg.fo = true;
		seg.fo_exp = u8(in) & 1;
		seg.fo_cookie = cookies[u8(in) & 3];
	}
	seg.ecn = u8(in) & 3;
	if (u8(in) > 250)
		seg.flags |= TCP_FLAG_AE;
	peer_rx_from(peer, peer->now - peer->start, (uint16_t)(40000 + (u8(in) > 250)), &seg);
	if (seg.len && seg.seq == *rcv)
		*rcv += seg.len;
}

static void option(struct peer *peer, int level, int name, int value)
{
	(void)net_sock_setopt(peer->stack, peer->sock, level, name, &value, sizeof(value),
			      NET_CAP_ADMIN | NET_CAP_RAW);
}

static void user(struct peer *peer, struct input *in)
{
	switch (u8(in) % 12) {
	case 0:
	case 1:
		peer_write(peer, (size_t)u8(in) * 64,
			   u8(in) & 1	? MSG_MORE
			   : u8(in) & 1 ? MSG_OOB
					: 0);
		break;
	case 2:
	case 3:
		peer_read(peer, (size_t)u8(in) * 64,
			  u8(in) & 1   ? MSG_PEEK
			  : u8(in) & 1 ? MSG_OOB
				       : 0);
		break;
	case 4:
		(void)net_sock_shutdown(peer->stack, peer->sock, u8(in) % 3);
		break;
	case 5:
		option(peer, IPPROTO_TCP, u8(in) % 48, (int)near_number(in, 1));
		break;
	case 6:
		option(peer, SOL_SOCKET, u8(in) % 80, (int)near_number(in, 1));
		break;
	case 7:
		if (u8(in) < 40)
			peer_close(peer);
		break;
	case 8:
		if (u8(in) & 1) {
			peer_accept(peer);
		} else {
			struct sockaddr none = {.sa_family = AF_UNSPEC};

			(void)net_sock_connect(peer->stack, peer->sock, &none, sizeof(none));
		}
		break;
	case 10:
		peer_sendto(peer, (size_t)u8(in) * 32, u8(in) & 1 ? MSG_FASTOPEN : MSG_ZEROCOPY);
		break;
	case 11: {
		static const char *const names[] = {"reno", "cubic", "bbr", "dctcp"};
		const char *name = names[u8(in) & 3];

		(void)net_sock_setopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_CONGESTION, name,
				      (socklen_t)strlen(name), 0);
		break;
	}
	case 9:
		peer_icmp(peer, peer->now - peer->start, u8(in) % 3, near_number(in, 1),
			  (uint32_t)u8(in) * 8);
		break;
	}
}

/* Everything on. */
static void lively(struct net_config *cfg)
{
	cfg->tunables.tcp_fastopen = 0x603;
	cfg->tunables.tcp_ecn = 3;
	cfg->tunables.tcp_mtu_probing = 2;
	cfg->tunables.tcp_invalid_ratelimit_ms = 0;
	cfg->tunables.tcp_cubic_hystart = 2;
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Steps are copied, dropped, exchanged, or changed inside. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	size_t steps = size > 1 ? (size - 1) / RECORD : 0;
	uint8_t *first = data + 1, record[RECORD];
	uint32_t rng = seed;
	size_t a, b;

	if (!steps || next_random(&rng) % 8 == 0)
		return LLVMFuzzerMutate(data, size, max);
	a = next_random(&rng) % steps;
	b = next_random(&rng) % steps;
	switch (next_random(&rng) % 4) {
	case 0: /* again, somewhere else */
		if (1 + (steps + 1) * RECORD > max || steps >= STEPS_MAX)
			break;
		memcpy(record, first + a * RECORD, RECORD);
		memmove(first + (b + 1) * RECORD, first + b * RECORD, (steps - b) * RECORD);
		memcpy(first + b * RECORD, record, RECORD);
		return 1 + (steps + 1) * RECORD;
	case 1:
		if (steps < 2)
			break;
		memmove(first + a * RECORD, first + (a + 1) * RECORD, (steps - a - 1) * RECORD);
		return 1 + (steps - 1) * RECORD;
	case 2:
		memcpy(record, first + a * RECORD, RECORD);
		memmove(first + a * RECORD, first + b * RECORD, RECORD);
		memcpy(first + b * RECORD, record, RECORD);
		break;
	case 3:
		LLVMFuzzerMutate(first + a * RECORD, RECORD, RECORD);
		break;
	}
	return 1 + steps * RECORD;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	uint8_t how = u8(&in);
	struct peer_config cfg = {
		.family = how & 1 ? AF_INET6 : AF_INET,
		.sack = how & 2,
		.ts = how & 4,
		.wscale = how & 8 ? 8 : 0,
		.backlog = 2,
		.tune = how & 64 ? lively : NULL,
	};
	struct peer *peer = peer_new(&cfg);
	uint32_t rcv = 1, snd = 1;

	if (!peer)
		return 0;
	if (how & 16)
		(void)peer_establish(peer);
	else if (how & 32)
		(void)peer_establish_active(peer);
	else
		(void)peer_listen(peer);
	for (unsigned int i = 0; in.p < in.end && i < STEPS_MAX; i++) {
		size_t left = (size_t)(in.end - in.p);
		struct input step = {in.p, in.p + (left < RECORD ? left : RECORD)};
		uint8_t op = u8(&step);
		struct peer_seg got;
		net_time at;

		in.p = step.end;
		if (op < 150)
			segment(peer, &step, &rcv, &snd);
		else if (op < 216)
			user(peer, &step);
		else
			peer_run(peer, peer->now - peer->start + ((net_dur)u8(&step) << (op - 215)));
		for (size_t n = 0; peer_peek(peer, n, &at, &got); n++)
			if (got.seq + got.len > snd)
				snd = got.seq + got.len;
		peer_skip(peer);
	}
	peer_free(peer);
	return 0;
}
