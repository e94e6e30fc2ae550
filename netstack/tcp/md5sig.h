/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP MD5 signature option (RFC 2385): keys of a socket, signing and checking. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "netstack/types.h"
#include "pkt/pkt.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "wire/tcp.h"

#define MD5SIG_KEY_MAX 80
#define MD5SIG_OPT_LEN 20 /* on the wire, padded */
#define MD5SIG_KEYS_MAX 256u

struct md5sig_key {
	struct list link;
	struct net_addr peer;
	uint8_t prefix; /* bits of peer that must match */
	net_link_id link_id; /* 0: any */
	uint8_t len;
	uint8_t key[MD5SIG_KEY_MAX];
};

struct md5sig {
	struct list keys;
	uint32_t count;
};

/* Reads struct tcp_md5sig; @ext: its flags count (TCP_MD5SIG_EXT). Adds, replaces or (length 0)
 * removes. *keys is made when needed. 0, -EINVAL, -ENOENT, -ENOMEM. */
MUST_CHECK int md5sig_set(struct md5sig **keys, int family, const void *value, socklen_t len,
			  bool ext);
struct md5sig *md5sig_free(struct md5sig *keys);

/* The key for @peer, the longest prefix, or NULL. Accepts NULL. */
const struct md5sig_key *md5sig_find(const struct md5sig *keys, const struct net_addr *peer,
				     net_link_id link);

/* A copy of the key for one peer, for an accepted connection. 0 or -ENOMEM. */
MUST_CHECK int md5sig_inherit(struct md5sig **ret, const struct md5sig *from,
			      const struct net_addr *peer, net_link_id link);

/* The digest of a segment: @hdr20 is the header as on the wire (its checksum is taken as zero),
 * @seg_len the length of header, options and payload, @payload_off where the payload begins in @pkt.
 */
void md5sig_digest(const struct md5sig_key *key, const struct net_addr *src,
		   const struct net_addr *dst, const uint8_t *hdr20, uint32_t seg_len,
		   const struct pkt *pkt, uint32_t payload_off, uint8_t ret[16]);
