/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <errno.h>

#include "tap/bpf.h"
#include "util/cleanup.h"

/* "tcp port 80" on Ethernet, IPv4 only, by hand. */
static const struct bpf_insn tcp_port_80[] = {
	{0x28, 0, 0, 12}, {0x15, 0, 10, 0x0800}, {0x30, 0, 0, 23}, {0x15, 0, 8, 6},
	{0x28, 0, 0, 20}, {0x45, 6, 0, 0x1fff},	 {0xb1, 0, 0, 14}, {0x48, 0, 0, 14},
	{0x15, 2, 0, 80}, {0x48, 0, 0, 16},	 {0x15, 0, 1, 80}, {0x06, 0, 0, 262144},
	{0x06, 0, 0, 0},
};

static uint32_t run_frame(const uint8_t *frame, size_t len, size_t cut)
{
	struct iovec iov[2] = {{(void *)frame, cut}, {(void *)(frame + cut), len - cut}};

	return bpf_run(tcp_port_80, ARRAY_LEN(tcp_port_80), iov, 2, (uint32_t)len);
}

static void make_frame(uint8_t frame[54], uint16_t dport)
{
	memset(frame, 0, 54);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[23] = 6;
	frame[36] = (uint8_t)(dport >> 8);
	frame[37] = (uint8_t)dport;
}

Test(bpf, accepts_the_frame_that_matches_wherever_it_is_cut)
{
	uint8_t frame[54];

	cr_assert_eq(bpf_validate(tcp_port_80, ARRAY_LEN(tcp_port_80), NULL), 0);
	make_frame(frame, 80);
	for (size_t cut = 0; cut <= sizeof(frame); cut++)
		cr_assert_eq(run_frame(frame, sizeof(frame), cut), 262144u);
}

Test(bpf, rejects_another_port)
{
	uint8_t frame[54];

	make_frame(frame, 81);
	cr_assert_eq(run_frame(frame, sizeof(frame), 20), 0u);
}

Test(bpf, a_load_beyond_the_frame_rejects)
{
	uint8_t frame[54];

	make_frame(frame, 80);
	cr_assert_eq(run_frame(frame, 36, 20), 0u);
}

static void refused(const struct bpf_insn *prog, size_t n, size_t want_at)
{
	size_t at = 999;

	cr_assert_eq(bpf_validate(prog, n, &at), -EINVAL);
	cr_assert_eq(at, want_at);
}

Test(bpf, refuses_a_program_that_does_not_end_in_return)
{
	const struct bpf_insn prog[] = {{0x06, 0, 0, 1}, {0x00, 0, 0, 1}};

	refused(prog, 2, 1);
}

Test(bpf, refuses_a_jump_out_of_the_program)
{
	const struct bpf_insn ja[] = {{0x05, 0, 0, 1}, {0x06, 0, 0, 1}};
	const struct bpf_insn big[] = {{0x05, 0, 0, UINT32_MAX}, {0x06, 0, 0, 1}};
	const struct bpf_insn jeq[] = {{0x15, 0, 1, 1}, {0x06, 0, 0, 1}};

	refused(ja, 2, 0);
	refused(big, 2, 0);
	refused(jeq, 2, 0);
}

Test(bpf, refuses_scratch_beyond_its_sixteen_words)
{
	const struct bpf_insn prog[] = {{0x02, 0, 0, 16}, {0x06, 0, 0, 1}};

	refused(prog, 2, 0);
}

Test(bpf, refuses_division_by_a_constant_zero)
{
	const struct bpf_insn prog[] = {{0x34, 0, 0, 0}, {0x06, 0, 0, 1}};

	refused(prog, 2, 0);
}

Test(bpf, division_by_zero_in_x_rejects_the_frame)
{
	const struct bpf_insn prog[] = {{0x01, 0, 0, 0}, {0x3c, 0, 0, 0}, {0x06, 0, 0, 1}};

	cr_assert_eq(bpf_validate(prog, 3, NULL), 0);
	cr_assert_eq(bpf_run(prog, 3, NULL, 0, 0), 0u);
}

Test(bpf, refuses_unknown_codes_and_sizes)
{
	const struct bpf_insn bad[] = {{0xff, 0, 0, 0}, {0x06, 0, 0, 1}};
	static struct bpf_insn many[BPF_MAX_INSNS + 1];

	refused(bad, 2, 0);
	refused(bad, 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct bpf_insn){0x06, 0, 0, 1};
	cr_assert_eq(bpf_validate(many, BPF_MAX_INSNS, NULL), 0);
	cr_assert_eq(bpf_validate(many, BPF_MAX_INSNS + 1, NULL), -EINVAL);
}
