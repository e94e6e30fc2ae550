/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 (RFC 1321). Pure. */
#include "util/md5.h"

#include <string.h>

#include "util/bytes.h"

/* RFC 1321 3.4: floor(2^32 * abs(sin(i + 1))). */
static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391};

static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t rotate(uint32_t v, unsigned int n)
{
	return v << n | v >> (32 - n);
}

static void one_block(struct md5 *md5, const uint8_t *block)
{
	uint32_t a = md5->state[0], b = md5->state[1], c = md5->state[2], d = md5->state[3];

	for (unsigned int i = 0; i < 64; i++) {
		uint32_t f, next;
		unsigned int word;

		if (i < 16) {
			f = (b & c) | (~b & d);
			word = i;
		} else if (i < 32) {
			f = (d & b) | (~d & c);
			word = (5 * i + 1) % 16;
		} else if (i < 48) {
			f = b ^ c ^ d;
			word = (3 * i + 5) % 16;
		} else {
			f = c ^ (b | ~d);
			word = 7 * i % 16;
		}
		next = b + rotate(a + f + sines[i] + load_le32(block + 4 * word), turns[i / 16][i % 4]);
		a = d;
		d = c;
		c = b;
		b = next;
	}
	md5->state[0] += a;
	md5->state[1] += b;
	md5->state[2] += c;
	md5->state[3] += d;
}

void md5_init(struct md5 *md5)
{
	*md5 = (struct md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_add(struct md5 *md5, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len) {
		size_t used = md5->bytes % 64;
		size_t n = len < 64 - used ? len : 64 - used;

		memcpy(md5->block + used, at, n);
		md5->bytes += n;
		at += n;
		len -= n;
		if (used + n == 64)
			one_block(md5, md5->block);
	}
}

void md5_final(struct md5 *md5, uint8_t ret[MD5_DIGEST_LEN])
{
	static const uint8_t pad[64] = {0x80};
	uint64_t bits = md5->bytes * 8;
	uint8_t len[8];

	md5_add(md5, pad, 1 + (119 - md5->bytes % 64) % 64);
	for (int i = 0; i < 8; i++)
		len[i] = (uint8_t)(bits >> (8 * i));
	md5_add(md5, len, sizeof(len));
	for (int i = 0; i < MD5_DIGEST_LEN; i++)
		ret[i] = (uint8_t)(md5->state[i / 4] >> (8 * (i % 4)));
}
