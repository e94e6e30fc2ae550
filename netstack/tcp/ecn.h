/* SPDX-License-Identifier: Apache-2.0 */
/* Explicit congestion notification (RFC 3168) and its accurate form (AccECN, RFC 9768, without the
 * option): the state and what moves it. Pure. */
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
	/* AccECN: three flags count marked packets, modulo 8. */
	bool acc;
	bool first;    /* what we send next ends the handshake: it says how the SYN|ACK arrived */
	bool expect;   /* so does what comes next */
	uint8_t syn;   /* ECN field of the peer's SYN or SYN|ACK */
	uint8_t r_cep; /* marked packets received */
	uint8_t s_cep; /* of ours, as the peer last said */
	bool cwr;  /* sender: the window was reduced, say so on the next new data */
};

/* tcp_ecn: 0 never; 1 ask and accept; 2 accept; 3 ask for and accept AccECN; 4 ask for ECN, accept
 * AccECN; 5 accept AccECN. What accepts AccECN accepts ECN. */
static inline bool ecn_asks(int32_t mode)
{
	return mode == 1 || mode == 3 || mode == 4;
}

static inline bool ecn_asks_acc(int32_t mode)
{
	return mode == 3;
}

static inline bool ecn_accepts(int32_t mode)
{
	return mode >= 1 && mode <= 5;
}

static inline bool ecn_accepts_acc(int32_t mode)
{
	return mode >= 3 && mode <= 5;
}

/* The field of three flags AE, CWR, ECE, which TCP_FLAG_ has as bits 8, 7, 6. */
static inline uint8_t ecn_ace(uint16_t flags)
{
	return (uint8_t)(flags >> 6 & 7u);
}

static inline uint16_t ecn_ace_flags(uint8_t ace)
{
	return (uint16_t)((ace & 7u) << 6);
}

#define ECN_ACE_MASK 0x1c0u
#define ECN_CEP_INIT 5u

/* RFC 9768 3.1.2: how the field of a SYN or SYN|ACK is told back. */
static inline uint8_t ecn_handshake_ace(unsigned int field)
{
	static const uint8_t ace[4] = {[ECN_NOT_ECT] = 2, [ECN_ECT1] = 3, [ECN_ECT0] = 4, [ECN_CE] = 6};

	return ace[field & 3u];
}

/* Both ends speak AccECN; @field: of the peer's SYN or SYN|ACK. */
static inline void ecn_start_acc(struct tcp_ecn *ecn, unsigned int field)
{
	ecn->ok = ecn->acc = true;
	ecn->syn = (uint8_t)field;
	ecn->r_cep = ecn->s_cep = ECN_CEP_INIT;
}

/* What the next segment has in the three flags. */
static inline uint8_t ecn_next_ace(const struct tcp_ecn *ecn)
{
	return ecn->first ? ecn_handshake_ace(ecn->syn) : ecn->r_cep & 7u;
}

/* The peer said @ace. Returns how many more of our packets were marked. */
static inline uint8_t ecn_ace_received(struct tcp_ecn *ecn, uint8_t ace)
{
	uint8_t more;

	if (ecn->expect) {
		/* RFC 9768 3.2.2.1: the end of the handshake; 0 means that somebody cleared it. */
		ecn->expect = false;
		if (!ace)
			ecn->ok = ecn->acc = false;
		return 0;
	}
	more = (ace - ecn->s_cep) & 7u;
	ecn->s_cep = (uint8_t)(ecn->s_cep + more);
	return more;
}

/* A data segment arrived with @field in its IP header; @cwr: its CWR flag. True if the mark is new:
 * it wants an acknowledgement at once. */
static inline bool ecn_received(struct tcp_ecn *ecn, unsigned int field, bool cwr)
{
	bool before;

	if (!ecn->ok)
		return false;
	if (ecn->acc) {
		if (field == ECN_CE)
			ecn->r_cep++;
		ecn->seen = ecn->seen || field != ECN_NOT_ECT;
		return field == ECN_CE;
	}
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
