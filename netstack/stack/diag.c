/* SPDX-License-Identifier: Apache-2.0 */
/* Ending other people's sockets: what SOCK_DESTROY ("ss -K") does. */
#include <errno.h>
#include <netinet/in.h>

#include "netstack/diag.h"
#include "stack/stack_priv.h"
#include "tcp/conn.h"

int net_sock_destroy(struct net_stack *stack, net_sock_id id)
{
	struct sock *sk = socks_find(&stack->socks, id);
	int r = 0;

	if (!sk)
		return -EBADF;
	stack_enter(stack);
	if (sk->ops == stack->socks.tcp_ops) {
		tcp_abort(container_of(sk, struct tcp_conn, sk), ECONNABORTED);
	} else if (sk->type != SOCK_DGRAM && sk->type != SOCK_RAW) {
		r = -EOPNOTSUPP;
	} else {
		sock_set_error(sk, ECONNABORTED);
	}
	stack_leave(stack);
	return r;
}
