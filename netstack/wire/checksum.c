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

	memcpy(&w, p, len);
	return w;
}

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t a = sum, b = 0, c = 0, d = 0;

	while (len >= 32) {
		a = csum_join(a, load_le64(p));
		b = csum_join(b, load_le64(p + 8));
		c = csum_join(c, load_le64(p + 16));
		d = csum_join(d, load_le64(p + 24));
		p += 32;
		len -= 32;
	}
	a = csum_join(csum_join(a, b), csum_join(c, d));
	while (len >= 8) {
		a = csum_join(a, load_le64(p));
		p += 8;
		len -= 8;
	}
	if (len)
		a = csum_join(a, tail_word(p, len));
	return a;
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
	uint8_t tail[8] = { 0 };
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
