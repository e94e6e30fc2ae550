/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum (RFC 1071), its incremental form (RFC 1624), and pseudo-headers.
 *
 * A running sum is a plain number; csum_fold() makes the 16-bit field value out of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstack/types.h"

/* Adds bytes that start at an even offset of the summed data. */
uint64_t csum_add(uint64_t sum, const void *data, size_t len);

/* Copies @len bytes and adds them. */
uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len);

/* Two running sums as one. */
static inline uint64_t csum_join(uint64_t a, uint64_t b)
{
	uint64_t s = a + b;

	return s + (s < b);
}

/* The sum of bytes that start at an odd offset, made from their sum at an even one. */
uint64_t csum_swap(uint64_t sum);

/* The field value: one's complement of the folded sum, in host order. */
uint16_t csum_fold(uint64_t sum);

/* The folded sum itself, not complemented, in host order (a partial checksum). */
uint16_t csum_partial(uint64_t sum);

/* Pseudo-header of RFC 9293 3.1 / RFC 8200 8.1. @len: transport header and data. */
uint64_t csum_pseudo(const struct net_addr *src, const struct net_addr *dst, uint8_t proto,
		     uint32_t len);

/* The checksum @sum after a 16-bit word changed from @from to @to (RFC 1624, eqn. 3). */
uint16_t csum_update16(uint16_t sum, uint16_t from, uint16_t to);
