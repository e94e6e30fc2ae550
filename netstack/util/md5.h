/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 (RFC 1321), for the TCP option of RFC 2385 and for nothing that needs a strong hash. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MD5_DIGEST_LEN 16

struct md5 {
	uint32_t state[4];
	uint64_t bytes;
	uint8_t block[64];
};

void md5_init(struct md5 *md5);
void md5_add(struct md5 *md5, const void *data, size_t len);
void md5_final(struct md5 *md5, uint8_t ret[MD5_DIGEST_LEN]);
