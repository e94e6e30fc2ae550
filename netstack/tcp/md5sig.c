/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP MD5 signature option.
 *
 * Implements RFC 2385 2 (what is signed) with Linux's keys: by address, prefix and link. The number
 * of keys of a socket is bounded. Reads no clock.
 */
#include "tcp/md5sig.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util/md5.h"

/* struct tcp_md5sig of <linux/tcp.h> */
struct user_key {
	uint8_t addr[128];
	uint8_t flags, prefix;
	uint16_t len;
	int32_t ifindex;
	uint8_t key[MD5SIG_KEY_MAX];
};

#define FLAG_PREFIX 1
#define FLAG_IFINDEX 2

static uint8_t addr_bits(const struct net_addr *addr)
{
	return addr->family == AF_INET ? 32 : 128;
}

static bool prefix_match(const struct net_addr *a, const struct net_addr *b, uint8_t bits)
{
	uint8_t full = bits / 8, rest = bits % 8;

	if (a->family != b->family || memcmp(a->bytes, b->bytes, full))
		return false;
	return !rest || (a->bytes[full] ^ b->bytes[full]) >> (8 - rest) == 0;
}

static int read_addr(struct net_addr *ret, int family, const uint8_t *addr)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;

	memcpy(&in4, addr, sizeof(in4));
	memcpy(&in6, addr, sizeof(in6));
	*ret = (struct net_addr){0};
	if (in4.sin_family != family)
		return -EINVAL;
	if (family == AF_INET) {
		ret->family = AF_INET;
		memcpy(ret->bytes, &in4.sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		ret->family = AF_INET;
		memcpy(ret->bytes, in6.sin6_addr.s6_addr + 12, 4);
	} else {
		ret->family = AF_INET6;
		memcpy(ret->bytes, &in6.sin6_addr, 16);
	}
	return 0;
}

static struct md5sig_key *find_exact(const struct md5sig *keys, const struct md5sig_key *like)
{
	struct md5sig_key *key;

	if (!keys)
		return NULL;
	list_for_each_entry(key, &keys->keys, link)
	{
		if (key->prefix == like->prefix && key->link_id == like->link_id &&
		    prefix_match(&key->peer, &like->peer, addr_bits(&key->peer)))
			return key;
	}
	return NULL;
}

static int add(struct md5sig **keys, const struct md5sig_key *new)
{
	struct md5sig_key *key = find_exact(*keys, new);

	if (key) {
		key->len = new->len;
		memcpy(key->key, new->key, sizeof(key->key));
		return 0;
	}
	if (!*keys) {
		*keys = calloc(1, sizeof(**keys));
		if (!*keys)
			return -ENOMEM;
		list_init(&(*keys)->keys);
	}
	if ((*keys)->count >= MD5SIG_KEYS_MAX)
		return -ENOMEM;
	key = malloc(sizeof(*key));
	if (!key)
		return -ENOMEM;
	*key = *new;
	key->link = (struct list){0};
	list_push_back(&(*keys)->keys, &key->link);
	(*keys)->count++;
	return 0;
}

int md5sig_set(struct md5sig **keys, int family, const void *value, socklen_t len, bool ext)
{
	struct md5sig_key new = {0}, *old;
	struct user_key user;
	int r;

	if (len < sizeof(user))
		return -EINVAL;
	memcpy(&user, value, sizeof(user));
	r = read_addr(&new.peer, family, user.addr);
	if (r < 0)
		return r;
	new.prefix = addr_bits(&new.peer);
	if (ext && user.flags & FLAG_PREFIX) {
		if (user.prefix > new.prefix)
			return -EINVAL;
		new.prefix = user.prefix;
	}
	if (ext && user.flags & FLAG_IFINDEX)
		new.link_id = (net_link_id)user.ifindex;
	if (!user.len) {
		old = find_exact(*keys, &new);
		if (!old)
			return -ENOENT;
		list_remove(&old->link);
		free(old);
		(*keys)->count--;
		return 0;
	}
	if (user.len > MD5SIG_KEY_MAX)
		return -EINVAL;
	new.len = (uint8_t)user.len;
	memcpy(new.key, user.key, user.len);
	return add(keys, &new);
}

struct md5sig *md5sig_free(struct md5sig *keys)
{
	struct md5sig_key *key;

	if (!keys)
		return NULL;
	while ((key = list_pop_entry(&keys->keys, struct md5sig_key, link)))
		free(key);
	free(keys);
	return NULL;
}

const struct md5sig_key *md5sig_find(const struct md5sig *keys, const struct net_addr *peer,
				     net_link_id link)
{
	const struct md5sig_key *best = NULL;
	struct md5sig_key *key;

	if (!keys)
		return NULL;
	list_for_each_entry(key, &keys->keys, link)
	{
		if ((key->link_id && key->link_id != link) ||
		    !prefix_match(&key->peer, peer, key->prefix))
			continue;
		if (!best || key->prefix > best->prefix ||
		    (key->prefix == best->prefix && key->link_id))
			best = key;
	}
	return best;
}

int md5sig_inherit(struct md5sig **ret, const struct md5sig *from, const struct net_addr *peer,
		   net_link_id link)
{
	const struct md5sig_key *key = md5sig_find(from, peer, link);
	struct md5sig_key copy;

	if (!key)
		return 0;
	copy = *key;
	copy.peer = *peer;
	copy.prefix = addr_bits(peer);
	return add(ret, &copy);
}

void md5sig_digest(const struct md5sig_key *key, const struct net_addr *src,
		   const struct net_addr *dst, const uint8_t *hdr20, uint32_t seg_len,
		   const struct pkt *pkt, uint32_t payload_off, uint8_t ret[16])
{
	size_t n = addr_bits(src) / 8;
	uint8_t tail[8] = {0}, hdr[TCP_HDR_LEN], chunk[512];
	struct md5 md5;

	/* RFC 2385 2.0: pseudo-header, header without options and checksum, data, key. */
	md5_init(&md5);
	md5_add(&md5, src->bytes, n);
	md5_add(&md5, dst->bytes, n);
	if (n == 4) {
		tail[1] = IPPROTO_TCP;
		tail[2] = (uint8_t)(seg_len >> 8);
		tail[3] = (uint8_t)seg_len;
		md5_add(&md5, tail, 4);
	} else {
		tail[1] = (uint8_t)(seg_len >> 16);
		tail[2] = (uint8_t)(seg_len >> 8);
		tail[3] = (uint8_t)seg_len;
		tail[7] = IPPROTO_TCP;
		md5_add(&md5, tail, 8);
	}
	memcpy(hdr, hdr20, sizeof(hdr));
	hdr[TCP_CSUM_OFFSET] = hdr[TCP_CSUM_OFFSET + 1] = 0;
	md5_add(&md5, hdr, sizeof(hdr));
	while (payload_off < pkt->len) {
		size_t got = pkt_read(pkt, payload_off, chunk, sizeof(chunk));

		md5_add(&md5, chunk, got);
		payload_off += (uint32_t)got;
	}
	md5_add(&md5, key->key, key->len);
	md5_final(&md5, ret);
}
