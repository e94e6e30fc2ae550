/* SPDX-License-Identifier: Apache-2.0 */
/* Classic BPF (McCanne and Jacobson 1993; Linux's socket filters): check once, then run.
 *
 * Neutral of layers: a program reads bytes that the caller describes and whatever the caller answers
 * for the negative offsets (Linux's SKF_AD_OFF and its kin). Pure: reads no clock, allocates nothing.
 *
 * Programs come from untrusted users. cbpf_check() is what makes cbpf_run() safe: every jump goes
 * forward and stays inside, every path ends in a return, so that a run takes at most as many steps
 * as there are instructions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

/* The layout of Linux's struct sock_filter. */
struct bpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

#define BPF_INSNS_MAX 4096
#define BPF_SCRATCH 16 /* words of memory */

/* Offsets from here up are not bytes of the packet. */
#define BPF_OFF_NEG 0xffe00000u /* SKF_LL_OFF */
#define BPF_OFF_NET 0xfff00000u /* SKF_NET_OFF: relative to the network header */
#define BPF_OFF_AD 0xfffff000u	/* SKF_AD_OFF: ancillary data */

enum bpf_anc { /* offsets from BPF_OFF_AD */
	BPF_AD_PROTOCOL = 0,
	BPF_AD_PKTTYPE = 4,
	BPF_AD_IFINDEX = 8,
	BPF_AD_NLATTR = 12,
	BPF_AD_NLATTR_NEST = 16,
	BPF_AD_MARK = 20,
	BPF_AD_QUEUE = 24,
	BPF_AD_HATYPE = 28,
	BPF_AD_RXHASH = 32,
	BPF_AD_CPU = 36,
	BPF_AD_ALU_XOR_X = 40,
	BPF_AD_VLAN_TAG = 44,
	BPF_AD_VLAN_TAG_PRESENT = 48,
	BPF_AD_PAY_OFFSET = 52,
	BPF_AD_RANDOM = 56,
	BPF_AD_VLAN_TPID = 60,
	BPF_AD_MAX = 64,
};

/* What a program looks at. */
struct bpf_data {
	const uint8_t *head; /* the first bytes, in memory */
	uint32_t head_len;
	uint32_t len; /* of everything */
	const void *ctx;
	/* Bytes that are not in head: off + n <= len for offsets of the packet; offsets from
	 * BPF_OFF_NEG up are asked for too. False: there are none. NULL: never. */
	bool (*read)(const void *ctx, uint32_t off, uint8_t *to, uint32_t n);
	/* Ancillary data; @a and @x are the registers. False ends the program with 0. NULL: all 0. */
	bool (*anc)(const void *ctx, enum bpf_anc which, uint32_t a, uint32_t x, uint32_t *ret);
};

/* Whether the program is one that Linux would accept on a socket. 0 or -EINVAL. */
MUST_CHECK int cbpf_check(const struct bpf_insn *prog, size_t n);

/* Runs a checked program. Returns what it returns; a read beyond the end or a division by zero
 * ends it with 0. */
uint32_t cbpf_run(const struct bpf_insn *prog, const struct bpf_data *data);
