/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.3.2: the transitions, and who counts them. */
#include <criterion/criterion.h>

#include "tcp/conn.h"

static struct net_core core;

static struct tcp_conn *fresh(void)
{
	struct tcp_conn *conn = calloc(1, sizeof(*conn));

	memset(&core, 0, sizeof(core));
	conn->sk.core = &core;
	tcp_state_init(conn);
	return conn;
}

Test(tcp_state, a_passive_life)
{
	static const enum tcp_state life[] = {TCP_ST_SYN_RCVD, TCP_ST_ESTABLISHED,
					      TCP_ST_CLOSE_WAIT, TCP_ST_LAST_ACK, TCP_ST_CLOSED};
	struct tcp_conn *conn = fresh();

	for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++)
		tcp_set_state(conn, life[i]);
	cr_assert_eq(core.mib[MIB_Tcp_CurrEstab], 0);
	cr_assert_eq(core.mib[MIB_Tcp_EstabResets], 0);
	free(conn);
}

Test(tcp_state, established_connections_are_counted)
{
	struct tcp_conn *conn = fresh();

	tcp_set_state(conn, TCP_ST_SYN_SENT);
	tcp_set_state(conn, TCP_ST_ESTABLISHED);
	cr_assert_eq(core.mib[MIB_Tcp_CurrEstab], 1);
	tcp_set_state(conn, TCP_ST_CLOSED);
	cr_assert_eq(core.mib[MIB_Tcp_CurrEstab], 0);
	cr_assert_eq(core.mib[MIB_Tcp_EstabResets], 1);
	free(conn);
}

Test(tcp_state, a_failed_attempt_is_counted)
{
	struct tcp_conn *conn = fresh();

	tcp_set_state(conn, TCP_ST_SYN_SENT);
	tcp_set_state(conn, TCP_ST_CLOSED);
	cr_assert_eq(core.mib[MIB_Tcp_AttemptFails], 1);
	free(conn);
}

Test(tcp_state, every_state_has_a_name)
{
	for (int s = 1; s <= 11; s++)
		cr_assert_neq(tcp_state_name((enum tcp_state)s)[0], '?');
}
