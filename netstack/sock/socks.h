/* SPDX-License-Identifier: Apache-2.0 */
/* The socket layer as stack/ sees it. */
#pragma once

#include "sock/sock.h"

int socks_init(struct socks *ss, struct net_core *core, struct ip *ip);
void socks_fini(struct socks *ss);
struct sock *socks_find(const struct socks *ss, net_sock_id id);
void sock_unpublish(struct sock *sk);
/* Tells sockets whose packets the driver freed. */
void socks_drain_released(struct socks *ss);

/* opt.c */
int sock_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		unsigned caps);
int sock_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len);

/* opt_ip.c, opt_ip6.c: one level each. */
int ip_setopt(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps);
int ip_getopt(struct sock *sk, int name, void *value, socklen_t *len);
int ip6_setopt(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps);
int ip6_getopt(struct sock *sk, int name, void *value, socklen_t *len);

/* bind.c */
int sock_bind(struct sock *sk, const struct sockaddr *addr, socklen_t len);
