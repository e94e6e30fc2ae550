/* SPDX-License-Identifier: Apache-2.0 */
/* The context: construction, tear-down, what is not a socket. */
#include "tcp/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "tcp/conn.h"

int tcp_init(struct tcp **ret, struct socks *ss)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));
	struct ip_proto proto = {.ctx = tcp, .input = tcp_input, .error = tcp_error};

	if (!tcp)
		return -ENOMEM;
	tcp->core = ss->core;
	tcp->ss = ss;
	tcp->ip = ss->ip;
	sack_pool_init(&tcp->ranges);
	list_init(&tcp->requests);
	list_init(&tcp->free_reqs);
	fastopen_cache_init(&tcp->fo_cache);
	tcp_tw_init(tcp);
	rng_bytes(&ss->core->rng, &tcp->isn_key, sizeof(tcp->isn_key));
	rng_bytes(&ss->core->rng, &tcp->ts_key, sizeof(tcp->ts_key));
	rng_bytes(&ss->core->rng, &tcp->cookie_key, sizeof(tcp->cookie_key));
	tcp->fo_keys.count = 1;
	rng_bytes(&ss->core->rng, &tcp->fo_keys.key[0], sizeof(tcp->fo_keys.key[0]));
	ip_set_proto(ss->ip, IPPROTO_TCP, &proto);
	*ret = tcp;
	return 0;
}

struct tcp *tcp_free(struct tcp *tcp)
{
	struct list *node;

	if (!tcp)
		return NULL;
	tcp_req_free_all(tcp);
	for (node = list_first(&tcp->ss->all); node;) {
		struct sock *sk = list_entry(node, struct sock, all);

		node = list_next(&tcp->ss->all, node);
		if (sk->ops != &tcp_sock_ops || sk->freed)
			continue;
		if (tcp_conn_of(sk)->listener) {
			tcp_listen_stop(tcp_conn_of(sk));
			node = list_first(&tcp->ss->all); /* its children are gone too */
			continue;
		}
		tcp_conn_destroy(tcp_conn_of(sk));
	}
	tcp_tw_free_all(tcp);
	fastopen_cache_fini(&tcp->fo_cache);
	sack_pool_fini(&tcp->ranges);
	free(tcp);
	return NULL;
}

size_t tcp_info_minisocks(struct tcp *tcp, struct net_sock_info *ret, size_t max)
{
	size_t n = tcp_req_info(tcp, ret, max);

	return n + tcp_tw_info(tcp, n < max ? ret + n : ret, n < max ? max - n : 0);
}

void tcp_counts(const struct tcp *tcp, uint32_t *ret_orphans, uint32_t *ret_timewait)
{
	*ret_orphans = tcp->norphans;
	*ret_timewait = tcp->ntimewait;
}
