/* SPDX-License-Identifier: Apache-2.0 */
/* TCP Fast Open (RFC 7413): cookies, and what is remembered of a peer for the next connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netstack/types.h>

#include "util/list.h"
#include "util/siphash.h"

#define FASTOPEN_COOKIE_LEN 8
#define FASTOPEN_COOKIE_MAX 16
#define FASTOPEN_KEY_LEN 16
#define FASTOPEN_KEYS 2
#define FASTOPEN_PEERS_MAX 1024u

/* Bits of net.ipv4.tcp_fastopen. */
#define FASTOPEN_CLIENT 0x1
#define FASTOPEN_SERVER 0x2
#define FASTOPEN_CLIENT_NO_COOKIE 0x4
#define FASTOPEN_SERVER_NO_COOKIE 0x200
#define FASTOPEN_SERVER_ALL 0x400 /* every listener, TCP_FASTOPEN set or not */

struct fastopen_cookie {
	int8_t len; /* -1: no option; 0: a request */
	bool exp;   /* in the experimental option */
	uint8_t val[FASTOPEN_COOKIE_MAX];
};

#define FASTOPEN_NONE ((struct fastopen_cookie){.len = -1})

/* The secrets of a server; the first one makes cookies, both are believed. */
struct fastopen_keys {
	uint8_t count;
	struct siphash_key key[FASTOPEN_KEYS];
};

/* What the last handshake with a peer taught. */
struct fastopen_peer {
	struct list link; /* the least recently used last */
	struct net_addr local, remote;
	uint16_t mss; /* 0: not known */
	uint8_t try_exp;
	struct fastopen_cookie cookie;
};

struct fastopen_cache {
	struct list peers;
	uint32_t count;
};

/* The cookie that @key makes for a client at @client that talks to @server. */
void fastopen_make_cookie(struct fastopen_cookie *ret, const struct siphash_key *key,
			  const struct net_addr *client, const struct net_addr *server);

/* 0: @cookie is not one of ours; n: it is of the n-th key. */
unsigned int fastopen_check_cookie(const struct fastopen_keys *keys,
				   const struct fastopen_cookie *cookie,
				   const struct net_addr *client, const struct net_addr *server);

/* Reads @len bytes (16 or 32) as keys. 0 or -EINVAL. */
int fastopen_set_keys(struct fastopen_keys *keys, const void *bytes, size_t len);
/* Writes them back: FASTOPEN_KEY_LEN bytes each. Returns the length. */
size_t fastopen_get_keys(const struct fastopen_keys *keys, uint8_t *ret);
/* Reads "a-b-c-d" or "a-b-c-d,a-b-c-d" (hexadecimal words), as the sysctl has it. 0 or -EINVAL. */
int fastopen_parse_keys(struct fastopen_keys *keys, const char *text);

void fastopen_cache_init(struct fastopen_cache *cache);
void fastopen_cache_fini(struct fastopen_cache *cache);
/* What is known: *ret_mss (0: nothing) and *ret (len 0: no cookie, exp: ask in the old way). */
void fastopen_cache_get(struct fastopen_cache *cache, const struct net_addr *local,
			const struct net_addr *remote, uint16_t *ret_mss,
			struct fastopen_cookie *ret);
/* Remembers; @cookie with len <= 0 keeps the old one; @try_exp: 0 nothing to say, 1 the standard
 * option got no answer, 2 neither did the experimental one. */
void fastopen_cache_set(struct fastopen_cache *cache, const struct net_addr *local,
			const struct net_addr *remote, uint16_t mss,
			const struct fastopen_cookie *cookie, uint8_t try_exp);
