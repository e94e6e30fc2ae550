/* SPDX-License-Identifier: Apache-2.0 */
/* Which flow a frame belongs to, and marking it for congestion. */
#include <string.h>

#include "wire/checksum.h"
#include "wire/wire.h"

uint64_t wire_flow_hash(const struct siphash_key *key, const uint8_t *frame, size_t len, size_t l3,
			bool v6)
{
	struct wire_gso g;
	uint8_t in[40] = {0};
	size_t addrs = v6 ? 32 : 8, at = l3 + (v6 ? 8 : 12);

	if (len < at + addrs)
		return siphash(key, frame, len);
	memcpy(in, frame + at, addrs);
	if (wire_find_l4(&g, frame, len, l3, v6)) {
		memcpy(in + addrs, frame + g.l4, 4);
		in[addrs + 4] = g.udp;
	}
	return siphash(key, in, sizeof(in));
}

bool wire_mark_ce(uint8_t *frame, size_t len, size_t l3, bool v6)
{
	uint8_t *ip = frame + l3;

	if (len < l3 + (v6 ? IP6_HDR_LEN : IP4_HDR_LEN))
		return false;
	if (v6) {
		if (!(ip[1] & 0x30))
			return false;
		ip[1] |= 0x30;
		return true;
	}
	if (!(ip[1] & 3) || l3 + (ip[0] & 15) * 4u > len)
		return false;
	ip[1] |= 3;
	store_be16(ip + 10, 0);
	store_be16(ip + 10, csum_fold(csum_add(0, ip, (ip[0] & 15) * 4u)));
	return true;
}
