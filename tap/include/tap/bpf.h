/* SPDX-License-Identifier: Apache-2.0 */
/* The classic BPF machine (McCanne and Jacobson 1993): validation and interpretation of a filter.
 *
 * Programs come from outside the sandbox (libpcap compiles them in runsc) and are still treated as
 * hostile: only a validated program may run, and a validated program terminates, reads only the
 * frame and its 16 scratch words.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct bpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

#define BPF_MAX_INSNS 4096
#define BPF_SCRATCH_WORDS 16

/* Returns 0, or -EINVAL with *@ret_at (if not NULL) the index of the instruction that is wrong. */
int bpf_validate(const struct bpf_insn *prog, size_t n, size_t *ret_at);

/* Runs a validated program over a frame of @wire_len bytes of which iov holds the captured ones.
 * Returns how many bytes to keep, 0: reject. A load beyond the frame rejects. */
uint32_t bpf_run(const struct bpf_insn *prog, size_t n, const struct iovec *iov, unsigned n_iov,
		 uint32_t wire_len);
