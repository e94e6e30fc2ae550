/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a TCP connection as a router sees it: by flags and direction. Windows are not followed, as
 * with Linux's nf_conntrack_tcp_be_liberal. */
#include "nf/nf.h"

/* Linux's TCP_CONNTRACK_* numbers. */
enum { NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2,
       STATES };
enum { IN_SYN, IN_SYNACK, IN_FIN, IN_ACK, IN_RST, IN_NONE };

#define IV STATES /* invalid */
#define SAME 0xff /* ignored: nothing changes */

/* [direction][segment][state] */
static const uint8_t table[2][5][STATES] = {
	{
		/* none, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE,
		 * SYN_SENT2 */
		[IN_SYN] = { SYN_SENT, SYN_SENT, SAME, SAME, SAME, SAME, SAME, SYN_SENT, SYN_SENT, SYN_SENT2 },
		[IN_SYNACK] = { IV, IV, SYN_RECV, IV, IV, IV, IV, IV, IV, SYN_RECV },
		[IN_FIN] = { IV, IV, FIN_WAIT, FIN_WAIT, LAST_ACK, LAST_ACK, LAST_ACK, TIME_WAIT, CLOSE, IV },
		[IN_ACK] = { ESTABLISHED, IV, ESTABLISHED, ESTABLISHED, CLOSE_WAIT, CLOSE_WAIT, TIME_WAIT,
			     TIME_WAIT, CLOSE, IV },
		[IN_RST] = { IV, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE },
	},
	{
		[IN_SYN] = { IV, SYN_SENT2, IV, IV, IV, IV, IV, SYN_SENT, IV, SYN_SENT2 },
		[IN_SYNACK] = { IV, SYN_RECV, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SYN_RECV },
		[IN_FIN] = { IV, IV, FIN_WAIT, FIN_WAIT, LAST_ACK, LAST_ACK, LAST_ACK, TIME_WAIT, CLOSE, IV },
		[IN_ACK] = { IV, SAME, SYN_RECV, ESTABLISHED, CLOSE_WAIT, CLOSE_WAIT, TIME_WAIT, TIME_WAIT,
			     CLOSE, SAME },
		[IN_RST] = { IV, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE },
	},
};

static const uint8_t timeouts[STATES] = {
	[SYN_SENT] = CTSET_nf_conntrack_tcp_timeout_syn_sent,
	[SYN_RECV] = CTSET_nf_conntrack_tcp_timeout_syn_recv,
	[ESTABLISHED] = CTSET_nf_conntrack_tcp_timeout_established,
	[FIN_WAIT] = CTSET_nf_conntrack_tcp_timeout_fin_wait,
	[CLOSE_WAIT] = CTSET_nf_conntrack_tcp_timeout_close_wait,
	[LAST_ACK] = CTSET_nf_conntrack_tcp_timeout_last_ack,
	[TIME_WAIT] = CTSET_nf_conntrack_tcp_timeout_time_wait,
	[CLOSE] = CTSET_nf_conntrack_tcp_timeout_close,
	[SYN_SENT2] = CTSET_nf_conntrack_tcp_timeout_syn_sent,
};

static int kind_of(uint8_t flags)
{
	if (flags & 0x04)
		return IN_RST;
	if (flags & 0x02)
		return flags & 0x10 ? IN_SYNACK : IN_SYN;
	if (flags & 0x01)
		return IN_FIN;
	return flags & 0x10 ? IN_ACK : IN_NONE;
}

bool nf_ct_tcp(struct nf_pkt *p, struct nf_ct *ct, uint8_t dir, bool is_new)
{
	uint8_t flags, state;
	int kind;

	if (!nf_pkt_load(p, p->th_off + 13u, &flags, 1))
		return false;
	kind = kind_of(flags);
	/* SYN with FIN or RST, and no flag at all, are nobody's. */
	if (kind == IN_NONE || ((flags & 0x02) && (flags & 0x05)))
		return false;
	/* A new connection over an old one that ended. */
	if (!is_new && kind == IN_SYN && dir == CT_ORIG && ct->tcp_state >= TIME_WAIT)
		ct->status &= ~(uint32_t)(CTS_SEEN_REPLY | CTS_ASSURED);
	state = table[dir][kind][ct->tcp_state];
	if (state == IV || (is_new && kind == IN_ACK && !ct->cts->set[CTSET_nf_conntrack_tcp_loose]))
		return false;
	if (state == SAME)
		return true;
	ct->tcp_state = state;
	if (state == ESTABLISHED && (ct->status & CTS_SEEN_REPLY))
		ct->status |= CTS_ASSURED;
	nf_ct_refresh(ct, NET_SEC(ct->cts->set[timeouts[state]]));
	return true;
}
