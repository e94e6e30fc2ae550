/* SPDX-License-Identifier: Apache-2.0 */
/* Explicit congestion notification (RFC 3168): the four bits of state and what moves them. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The ECN field of the IP header. */
#define ECN_NOT_ECT 0u
#define ECN_ECT1 1u
#define ECN_ECT0 2u
#define ECN_CE 3u

struct tcp_ecn {
	bool ok;   /* negotiated */
	bool seen; /* the path lets it through */
	bool echo; /* receiver: a mark was seen, ECE until the peer says CWR */
	bool exact; /* receiver: every mark is echoed, not only until CWR (RFC 8257 3.2) */
	bool cwr;  /* sender: the window was reduced, say so on the next new data */
};

/* tcp_ecn: 0 never, 1 ask and accept, 2 accept. */
static inline bool ecn_asks(int32_t mode)
{
	return mode == 1;
}

static inline bool ecn_accepts(int32_t mode)
{
	return mode == 1 || mode == 2;
}

/* A data segment arrived with @field in its IP header; @cwr: its CWR flag. True if the mark is new:
 * it wants an acknowledgement at once. */
static inline bool ecn_received(struct tcp_ecn *ecn, unsigned int field, bool cwr)
{
	bool before;

	if (!ecn->ok)
		return false;
	if (ecn->exact) {
		before = ecn->echo;
		ecn->echo = field == ECN_CE;
		ecn->seen = ecn->seen || field != ECN_NOT_ECT;
		return ecn->echo != before;
	}
	if (cwr)
		ecn->echo = false; /* RFC 3168 6.1.3 */
	before = ecn->echo;
	if (field == ECN_CE)
		ecn->echo = true;
	if (field != ECN_NOT_ECT)
		ecn->seen = true;
	return ecn->echo && !before;
}
