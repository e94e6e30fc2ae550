/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that assigns a connection's state, and the transitions that RFC 9293 3.3.2 allows.
 *
 * Counters that count connections by state (CurrEstab, EstabResets) are kept here too.
 */
#include "tcp/conn.h"
#include "util/assert.h"

/* From each state (index) to which others (bits): figure 5 of RFC 9293, plus the aborts, which lead
 * to CLOSED from everywhere. */
UNUSED static const uint32_t allowed[] = {
	[TCP_ST_CLOSED] = ST(SYN_SENT) | ST(LISTEN) | ST(ESTABLISHED) | ST(SYN_RCVD),
	[TCP_ST_LISTEN] = ST(CLOSED),
	[TCP_ST_SYN_SENT] = ST(CLOSED) | ST(ESTABLISHED) | ST(SYN_RCVD),
	[TCP_ST_SYN_RCVD] = ST(CLOSED) | ST(ESTABLISHED) | ST(FIN_WAIT_1) | ST(CLOSE_WAIT),
	[TCP_ST_ESTABLISHED] = ST(CLOSED) | ST(FIN_WAIT_1) | ST(CLOSE_WAIT),
	[TCP_ST_FIN_WAIT_1] = ST(CLOSED) | ST(FIN_WAIT_2) | ST(CLOSING),
	[TCP_ST_FIN_WAIT_2] = ST(CLOSED) | ST(TIME_WAIT),
	[TCP_ST_CLOSING] = ST(CLOSED) | ST(TIME_WAIT),
	[TCP_ST_CLOSE_WAIT] = ST(CLOSED) | ST(LAST_ACK),
	[TCP_ST_LAST_ACK] = ST(CLOSED),
	[TCP_ST_TIME_WAIT] = ST(CLOSED),
};

const char *tcp_state_name(enum tcp_state state)
{
	switch (state) {
	case TCP_ST_ESTABLISHED:
		return "ESTABLISHED";
	case TCP_ST_SYN_SENT:
		return "SYN-SENT";
	case TCP_ST_SYN_RCVD:
		return "SYN-RECEIVED";
	case TCP_ST_FIN_WAIT_1:
		return "FIN-WAIT-1";
	case TCP_ST_FIN_WAIT_2:
		return "FIN-WAIT-2";
	case TCP_ST_TIME_WAIT:
		return "TIME-WAIT";
	case TCP_ST_CLOSED:
		return "CLOSED";
	case TCP_ST_CLOSE_WAIT:
		return "CLOSE-WAIT";
	case TCP_ST_LAST_ACK:
		return "LAST-ACK";
	case TCP_ST_LISTEN:
		return "LISTEN";
	case TCP_ST_CLOSING:
		return "CLOSING";
	}
	return "?";
}

void tcp_state_init(struct tcp_conn *conn)
{
	conn->state = TCP_ST_CLOSED;
}

void tcp_set_state(struct tcp_conn *conn, enum tcp_state state)
{
	struct net_core *core = conn->sk.core;
	enum tcp_state old = conn->state;
	bool was_open = tcp_in(conn, ST(ESTABLISHED) | ST(CLOSE_WAIT));

	if (old == state)
		return;
	ASSERT(allowed[old] & (1u << state));
	conn->state = state;
	if (old == TCP_ST_SYN_RCVD)
		tcp_tfo_left(conn);

	bool is_open = tcp_in(conn, ST(ESTABLISHED) | ST(CLOSE_WAIT));

	if (is_open && !was_open)
		MIB_INC(core, Tcp_CurrEstab);
	if (was_open && !is_open)
		core->mib[MIB_Tcp_CurrEstab]--;
	if (state == TCP_ST_CLOSED) {
		if (old == TCP_ST_SYN_SENT || old == TCP_ST_SYN_RCVD)
			MIB_INC(core, Tcp_AttemptFails);
		else if (was_open)
			MIB_INC(core, Tcp_EstabResets);
	}
}
