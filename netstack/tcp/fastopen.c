/* SPDX-License-Identifier: Apache-2.0 */
/* TCP Fast Open: cookies and the cache of them.
 *
 * Implements RFC 7413 4.1.2 (the server's cookies: SipHash of both addresses, as Linux makes them,
 * so that servers that share a key accept each other's) and 4.1.3 (the client's cache, bounded, the
 * least recently used entry goes first). How segments carry them is in tfo.c. Reads no clock.
 */
#include "tcp/fastopen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/bytes.h"

static size_t addr_len(const struct net_addr *addr)
{
	return addr->family == AF_INET ? 4 : 16;
}

static bool addr_same(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, addr_len(a)) == 0;
}

void fastopen_make_cookie(struct fastopen_cookie *ret, const struct siphash_key *key,
			  const struct net_addr *client, const struct net_addr *server)
{
	size_t n = addr_len(client);
	uint8_t in[32];
	uint64_t hash;

	memcpy(in, client->bytes, n);
	memcpy(in + n, server->bytes, n);
	hash = siphash24(key, in, 2 * n);
	*ret = (struct fastopen_cookie){.len = FASTOPEN_COOKIE_LEN};
	for (int i = 0; i < FASTOPEN_COOKIE_LEN; i++)
		ret->val[i] = (uint8_t)(hash >> (8 * i));
}

unsigned int fastopen_check_cookie(const struct fastopen_keys *keys,
				   const struct fastopen_cookie *cookie,
				   const struct net_addr *client, const struct net_addr *server)
{
	for (unsigned int i = 0; i < keys->count; i++) {
		struct fastopen_cookie good;

		fastopen_make_cookie(&good, &keys->key[i], client, server);
		if (cookie->len == good.len &&
		    memcmp(cookie->val, good.val, FASTOPEN_COOKIE_LEN) == 0)
			return i + 1;
	}
	return 0;
}

int fastopen_set_keys(struct fastopen_keys *keys, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	if (len != FASTOPEN_KEY_LEN && len != FASTOPEN_KEYS * FASTOPEN_KEY_LEN)
		return -EINVAL;
	*keys = (struct fastopen_keys){.count = (uint8_t)(len / FASTOPEN_KEY_LEN)};
	for (size_t i = 0; i < len; i++)
		keys->key[i / 16].k[i / 8 % 2] |= (uint64_t)at[i] << (8 * (i % 8));
	return 0;
}

size_t fastopen_get_keys(const struct fastopen_keys *keys, uint8_t *ret)
{
	size_t len = (size_t)keys->count * FASTOPEN_KEY_LEN;

	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)(keys->key[i / 16].k[i / 8 % 2] >> (8 * (i % 8)));
	return len;
}

/* One to eight hexadecimal digits; returns what follows, or NULL. */
static const char *parse_word(uint32_t *ret, const char *text)
{
	int n = 0;

	*ret = 0;
	for (; n < 8; n++) {
		char c = text[n];

		if (c >= '0' && c <= '9')
			*ret = *ret << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			*ret = *ret << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			break;
	}
	return n ? text + n : NULL;
}

/* One "word-word-word-word"; returns what follows, or NULL. */
static const char *parse_key(struct siphash_key *key, const char *text)
{
	uint32_t word[4];

	for (int i = 0; i < 4; i++) {
		text = parse_word(&word[i], text);
		if (!text || (i < 3 && *text != '-'))
			return NULL;
		text += i < 3;
	}
	key->k[0] = (uint64_t)word[1] << 32 | word[0];
	key->k[1] = (uint64_t)word[3] << 32 | word[2];
	return text;
}

int fastopen_parse_keys(struct fastopen_keys *keys, const char *text)
{
	struct fastopen_keys got = {.count = 1};

	text = parse_key(&got.key[0], text);
	if (text && *text == ',') {
		text = parse_key(&got.key[1], text + 1);
		got.count = 2;
	}
	if (!text || (*text && *text != '\n'))
		return -EINVAL;
	*keys = got;
	return 0;
}

void fastopen_cache_init(struct fastopen_cache *cache)
{
	list_init(&cache->peers);
	cache->count = 0;
}

void fastopen_cache_fini(struct fastopen_cache *cache)
{
	struct fastopen_peer *peer;

	while ((peer = list_pop_entry(&cache->peers, struct fastopen_peer, link)))
		free(peer);
	cache->count = 0;
}

/* Only active opens with Fast Open come here, and FASTOPEN_PEERS_MAX bounds the walk. */
static struct fastopen_peer *find(struct fastopen_cache *cache, const struct net_addr *local,
				  const struct net_addr *remote)
{
	struct fastopen_peer *peer;

	list_for_each_entry(peer, &cache->peers, link)
	{
		if (!addr_same(&peer->remote, remote) || !addr_same(&peer->local, local))
			continue;
		list_remove(&peer->link);
		list_push_front(&cache->peers, &peer->link);
		return peer;
	}
	return NULL;
}

void fastopen_cache_get(struct fastopen_cache *cache, const struct net_addr *local,
			const struct net_addr *remote, uint16_t *ret_mss,
			struct fastopen_cookie *ret)
{
	struct fastopen_peer *peer = find(cache, local, remote);

	*ret_mss = peer ? peer->mss : 0;
	*ret = (struct fastopen_cookie){.len = 0};
	if (!peer)
		return;
	if (peer->cookie.len > 0)
		*ret = peer->cookie;
	else if (peer->try_exp == 1)
		ret->exp = true;
}

void fastopen_cache_set(struct fastopen_cache *cache, const struct net_addr *local,
			const struct net_addr *remote, uint16_t mss,
			const struct fastopen_cookie *cookie, uint8_t try_exp)
{
	struct fastopen_peer *peer = find(cache, local, remote);

	if (!peer) {
		if (cache->count >= FASTOPEN_PEERS_MAX) {
			peer = list_last_entry(&cache->peers, struct fastopen_peer, link);
			list_remove(&peer->link);
			cache->count--;
		} else {
			peer = malloc(sizeof(*peer));
		}
		if (!peer)
			return; /* the next connection asks again */
		*peer = (struct fastopen_peer){.local = *local, .remote = *remote};
		list_push_front(&cache->peers, &peer->link);
		cache->count++;
	}
	if (mss)
		peer->mss = mss;
	if (cookie->len > 0)
		peer->cookie = *cookie;
	else if (try_exp > peer->try_exp && peer->cookie.len <= 0)
		peer->try_exp = try_exp;
}
