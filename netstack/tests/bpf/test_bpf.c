/* SPDX-License-Identifier: Apache-2.0 */
/* check.c, run.c: what the verifier refuses, and what instructions do. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>

#include "bpf/bpf.h"

#define STMT(c, k)                                                                                 \
	{                                                                                          \
		(c), 0, 0, (k)                                                                     \
	}
#define JUMP(c, k, t, f)                                                                           \
	{                                                                                          \
		(c), (t), (f), (k)                                                                 \
	}
#define CHECK(...)                                                                                 \
	({                                                                                         \
		const struct bpf_insn p_[] = {__VA_ARGS__};                                        \
		cbpf_check(p_, sizeof(p_) / sizeof(p_[0]));                                         \
	})
#define RUN(data, ...)                                                                             \
	({                                                                                         \
		const struct bpf_insn p_[] = {__VA_ARGS__};                                        \
		cr_assert_eq(cbpf_check(p_, sizeof(p_) / sizeof(p_[0])), 0);                        \
		cbpf_run(p_, (data));                                                               \
	})
#define RET(k) STMT(BPF_RET | BPF_K, k)
#define RET_A STMT(BPF_RET | BPF_A, 0)

static const uint8_t bytes[] = {0x45, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};
static const struct bpf_data packet = {.head = bytes, .head_len = 8, .len = 8};

Test(bpf_check, an_empty_or_endless_program_is_refused)
{
	const struct bpf_insn ret = RET(0);

	cr_assert_eq(cbpf_check(&ret, 0), -EINVAL);
	cr_assert_eq(cbpf_check(&ret, BPF_INSNS_MAX + 1), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_LD | BPF_IMM, 1)), -EINVAL);
	cr_assert_eq(CHECK(RET(1)), 0);
}

Test(bpf_check, jumps_beyond_the_end_are_refused)
{
	cr_assert_eq(CHECK(STMT(BPF_JMP | BPF_JA, 1), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_JMP | BPF_JA, 0xffffffff), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_JMP | BPF_JA, 0), RET(0)), 0);
	cr_assert_eq(CHECK(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET(0), RET(1)), 0);
}

Test(bpf_check, constants_that_cannot_work_are_refused)
{
	cr_assert_eq(CHECK(STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_ALU | BPF_MOD | BPF_K, 0), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_ST, 16), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(0xffff, 0), RET(0)), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_LD | BPF_W | BPF_ABS, BPF_OFF_AD + BPF_AD_MAX), RET(0)),
		     -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_LD | BPF_W | BPF_ABS, BPF_OFF_AD + BPF_AD_CPU), RET(0)), 0);
}

Test(bpf_check, memory_must_be_written_on_every_path)
{
	cr_assert_eq(CHECK(STMT(BPF_LD | BPF_MEM, 1), RET_A), -EINVAL);
	cr_assert_eq(CHECK(STMT(BPF_ST, 1), STMT(BPF_LD | BPF_MEM, 1), RET_A), 0);
	/* Only one of two branches writes. */
	cr_assert_eq(CHECK(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), STMT(BPF_ST, 2),
			   STMT(BPF_LD | BPF_MEM, 2), RET_A),
		     -EINVAL);
	/* Both do. */
	cr_assert_eq(CHECK(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), STMT(BPF_ST, 2),
			   STMT(BPF_JMP | BPF_JA, 1), STMT(BPF_ST, 2), STMT(BPF_LD | BPF_MEM, 2),
			   RET_A),
		     0);
}

Test(bpf_run, loads_are_big_endian_and_bounded)
{
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_W | BPF_ABS, 4), RET_A), 0x04050607);
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_H | BPF_ABS, 6), RET_A), 0x0607);
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_B | BPF_ABS, 7), RET_A), 7);
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_W | BPF_ABS, 5), RET(9)), 0);
	cr_assert_eq(RUN(&packet, STMT(BPF_LDX | BPF_IMM, 3),
			 STMT(BPF_LD | BPF_B | BPF_IND, 2), RET_A),
		     5);
	cr_assert_eq(RUN(&packet, STMT(BPF_LDX | BPF_IMM, 0xffffffff),
			 STMT(BPF_LD | BPF_B | BPF_IND, 2), RET_A),
		     1);
	cr_assert_eq(RUN(&packet, STMT(BPF_LDX | BPF_B | BPF_MSH, 0), STMT(BPF_MISC | BPF_TXA, 0),
			 RET_A),
		     20);
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_W | BPF_LEN, 0), RET_A), 8);
}

static bool far_read(const void *ctx, uint32_t off, uint8_t *to, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = (uint8_t)(off + i);
	return ctx != NULL;
}

static bool anc(const void *ctx, enum bpf_anc which, uint32_t a, uint32_t x, uint32_t *ret)
{
	*ret = (uint32_t)which + a + x + 1000;
	return ctx != NULL;
}

Test(bpf_run, bytes_elsewhere_and_ancillary_data_are_asked_for)
{
	struct bpf_data d = packet;

	d.len = 100;
	d.read = far_read;
	d.anc = anc;
	d.ctx = &d;
	cr_assert_eq(RUN(&d, STMT(BPF_LD | BPF_H | BPF_ABS, 0x20), RET_A), 0x2021);
	cr_assert_eq(RUN(&d, STMT(BPF_LD | BPF_H | BPF_ABS, 7), RET_A), 0x0708);
	cr_assert_eq(RUN(&d, STMT(BPF_LD | BPF_H | BPF_ABS, 99), RET(5)), 0);
	cr_assert_eq(RUN(&d, STMT(BPF_LD | BPF_B | BPF_ABS, BPF_OFF_NET + 9), RET_A), 9);
	cr_assert_eq(RUN(&d, STMT(BPF_LD | BPF_IMM, 1), STMT(BPF_LDX | BPF_IMM, 2),
			 STMT(BPF_LD | BPF_W | BPF_ABS, BPF_OFF_AD + BPF_AD_MARK), RET_A),
		     1023);
	cr_assert_eq(RUN(&d, STMT(BPF_LD | BPF_IMM, 5), STMT(BPF_LDX | BPF_IMM, 3),
			 STMT(BPF_LD | BPF_W | BPF_ABS, BPF_OFF_AD + BPF_AD_ALU_XOR_X), RET_A),
		     6);
}

Test(bpf_run, division_by_a_zero_register_ends_with_zero)
{
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_IMM, 9), STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
			 RET(7)),
		     0);
	cr_assert_eq(RUN(&packet, STMT(BPF_LD | BPF_IMM, 9), STMT(BPF_ALU | BPF_MOD | BPF_K, 4),
			 RET_A),
		     1);
}

Test(bpf_run, a_filter_for_one_udp_port_selects_it)
{
	uint8_t frame[64] = {[12] = 0x08, [14] = 0x45, [23] = 17, [36] = 0, [37] = 53};
	struct bpf_data d = {.head = frame, .head_len = sizeof(frame), .len = sizeof(frame)};
	const struct bpf_insn prog[] = {
		STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x800, 0, 8),
		STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
		STMT(BPF_LD | BPF_H | BPF_ABS, 20),
		JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		STMT(BPF_LD | BPF_H | BPF_IND, 16),
		JUMP(BPF_JMP | BPF_JEQ | BPF_K, 53, 0, 1),
		RET(262144),
		RET(0),
	};

	cr_assert_eq(cbpf_check(prog, sizeof(prog) / sizeof(prog[0])), 0);
	cr_assert_eq(cbpf_run(prog, &d), 262144);
	frame[37] = 54;
	cr_assert_eq(cbpf_run(prog, &d), 0);
	frame[37] = 53;
	frame[23] = 6;
	cr_assert_eq(cbpf_run(prog, &d), 0);
}
