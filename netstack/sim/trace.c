/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as text, and the hash that says whether two runs were the same. */
#include "sim/link.h"

#include "wire/wire.h"

void sim_trace_frame(FILE *to, net_time now, const char *where, const uint8_t *data, uint32_t len,
		     bool ether, const struct net_offload *offload)
{
	char text[512];

	wire_print(text, sizeof(text), data, len,
		   ether		      ? 0
		   : len && data[0] >> 4 == 6 ? ETH_TYPE_IP6
					      : ETH_TYPE_IP4);
	fprintf(to, "%lld.%06lld %s %s", (long long)(now / 1000000000),
		(long long)(now / 1000 % 1000000), where, text);
	if (offload->gso_type)
		fprintf(to, " gso %u", offload->gso_size);
	fputc('\n', to);
}

uint64_t sim_hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	for (; len >= 8; len -= 8, p += 8) {
		__builtin_memcpy(&word, p, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	for (; len; len--)
		hash = (hash ^ *p++) * 0x100000001b3ull;
	return hash ^ (hash >> 32);
}
