/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum (RFC 1071). */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

static inline uint64_t checksum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint64_t)(p[0] << 8 | p[1]);
	return len ? sum + (uint64_t)(p[0] << 8) : sum;
}

static inline uint16_t checksum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 9293 3.1, RFC 8200 8.1. */
static inline uint64_t checksum_pseudo(int family, const uint8_t *src, const uint8_t *dst,
				       int protocol, size_t len)
{
	size_t alen = family == AF_INET ? 4 : 16;

	return checksum_add(checksum_add((uint64_t)protocol + len, src, alen), dst, alen);
}
