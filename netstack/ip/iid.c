/* SPDX-License-Identifier: Apache-2.0 */
/* Interface identifiers: modified EUI-64 (RFC 4291 appendix A), stable and opaque (RFC 7217), random
 * (RFC 8981), as net.ipv6.conf.*.addr_gen_mode says. */
#include "ip/ip.h"

enum gen_mode {
	GEN_EUI64 = 0,
	GEN_NONE = 1,
	GEN_STABLE = 2,	/* with the secret that was set */
	GEN_RANDOM = 3, /* with one that is made up */
};

static void eui64(const struct link *link, uint8_t v6[16])
{
	const uint8_t *m = link->mac;
	uint8_t id[8] = {(uint8_t)(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};

	memcpy(v6 + 8, id, 8);
}

/* RFC 5453: identifiers that an address must not have. */
static bool reserved(const uint8_t iid[8])
{
	static const uint8_t zero[8];

	if (!memcmp(iid, zero, 8))
		return true; /* subnet-router anycast */
	if (iid[0] == 0x02 && iid[1] == 0 && iid[2] == 0x5e && iid[3] == 0xff && iid[4] == 0xfe)
		return true; /* proxy mobile */
	return iid[0] == 0xfd && iid[1] == 0xff && iid[2] == 0xff && iid[3] == 0xff &&
	       iid[4] == 0xff && iid[5] == 0xff && iid[6] == 0xff && iid[7] >= 0x80;
}

/* RFC 7217 5: RID = F(Prefix, Net_Iface, Network_ID, DAD_Counter, secret_key). */
static void stable(const struct link *link, const uint8_t secret[16], const struct net_addr *prefix,
		   uint8_t retry, uint8_t v6[16])
{
	struct {
		uint8_t prefix[8];
		uint8_t mac[6];
		uint8_t retry, again;
	} in;
	struct siphash_key key;

	memcpy(&key, secret, sizeof(key));
	memcpy(in.prefix, prefix->v6, 8);
	memcpy(in.mac, link->mac, 6);
	in.retry = retry;
	for (in.again = 0; in.again < 8; in.again++) {
		uint64_t rid = siphash24(&key, &in, sizeof(in));

		memcpy(v6 + 8, &rid, 8);
		if (!reserved(v6 + 8))
			return;
	}
}

void iid_random(struct ip *ip, uint8_t v6[16])
{
	do
		rng_bytes(&ip->core->rng, v6 + 8, 8);
	while (reserved(v6 + 8));
}

bool iid_make(struct link *link, const struct net_addr *prefix, uint8_t retry, uint8_t v6[16],
	      bool *is_stable)
{
	struct net_core *core = link->links->core;

	*is_stable = false;
	switch ((enum gen_mode)link->conf.v6[NET_CONF6_addr_gen_mode]) {
	case GEN_NONE:
		return !addr_is_link_local6(prefix) && (eui64(link, v6), true);
	case GEN_RANDOM:
		if (!link->conf.has_secret) {
			rng_bytes(&core->rng, link->conf.secret, sizeof(link->conf.secret));
			link->conf.has_secret = true;
		}
		break;
	case GEN_STABLE:
		if (!link->conf.has_secret)
			return false;
		break;
	case GEN_EUI64:
		eui64(link, v6);
		return true;
	}
	*is_stable = true;
	stable(link, link->conf.secret, prefix, retry, v6);
	return true;
}
