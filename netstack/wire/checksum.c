/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 1071 sums over native little-endian words, swapped once at the end: one's complement addition
 * does not care about the byte order. Running sums are in wire order (as loaded), folded results in
 * host order. */
#include "wire/checksum.h"

#include <string.h>

#include <sys/socket.h>

#include "util/bytes.h"

static uint64_t tail_word(const uint8_t *p, size_t len)
{
	uint64_t w = 0;
	unsigned at = 0;

	if (len & 4) {
		w = load_le32(p);
		p += 4;
		at = 32;
	}
	if (len & 2) {
		w |= (uint64_t)load_le16(p) << at;
		p += 2;
		at += 16;
	}
	if (len & 1)
		w |= (uint64_t)*p << at;
	return w;
}

/* Sixty-four bytes with one chain of carries: the compiler does not find it by itself. */
static inline uint64_t add_block64(uint64_t sum, const uint8_t *p)
{
	__asm__("addq 0(%[p]), %[s]\n\t"
		"adcq 8(%[p]), %[s]\n\t"
		"adcq 16(%[p]), %[s]\n\t"
		"adcq 24(%[p]), %[s]\n\t"
		"adcq 32(%[p]), %[s]\n\t"
		"adcq 40(%[p]), %[s]\n\t"
		"adcq 48(%[p]), %[s]\n\t"
		"adcq 56(%[p]), %[s]\n\t"
		"adcq $0, %[s]"
		: [s] "+r"(sum)
		: [p] "r"(p), "m"(*(const uint8_t(*)[64])p)
		: "cc");
	return sum;
}

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len >= 64) {
		sum = add_block64(sum, p);
		p += 64;
		len -= 64;
	}
	while (len >= 8) {
		sum = csum_join(sum, load_le64(p));
		p += 8;
		len -= 8;
	}
	if (len)
		sum = csum_join(sum, tail_word(p, len));
	return sum;
}

uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return csum_add(sum, to, len);
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t csum_swap(uint64_t sum)
{
	return __builtin_bswap16(fold(sum));
}

uint16_t csum_partial(uint64_t sum)
{
	return __builtin_bswap16(fold(sum));
}

uint16_t csum_fold(uint64_t sum)
{
	return (uint16_t)~csum_partial(sum);
}

uint64_t csum_pseudo(const struct net_addr *src, const struct net_addr *dst, uint8_t proto,
		     uint32_t len)
{
	size_t n = src->family == AF_INET ? 4 : 16;
	uint8_t tail[8] = {0};
	uint64_t sum;

	sum = csum_add(0, src->bytes, n);
	sum = csum_add(sum, dst->bytes, n);
	store_be32(tail, len);
	tail[7] = proto;
	return csum_add(sum, tail, sizeof(tail));
}

uint16_t csum_update16(uint16_t sum, uint16_t from, uint16_t to)
{
	uint32_t s = (uint32_t)(uint16_t)~sum + (uint16_t)~from + to;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}
