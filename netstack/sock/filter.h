/* SPDX-License-Identifier: Apache-2.0 */
/* Programs on sockets: SO_ATTACH_FILTER decides what is received, SO_ATTACH_REUSEPORT_CBPF which
 * socket of a group receives. */
#pragma once

#include "bpf/bpf.h"
#include "sock/sock.h"

/* SO_ATTACH_FILTER. @value: the instructions themselves, struct bpf_insn[]. 0, -EINVAL, -EPERM
 * (SO_LOCK_FILTER), -ENOMEM. */
int filter_attach(struct sock *sk, const void *value, socklen_t len);
/* SO_DETACH_FILTER. 0, -ENOENT, -EPERM. */
int filter_detach(struct sock *sk);
/* SO_GET_FILTER: *@len counts instructions, in and out. */
int filter_get(struct sock *sk, void *value, socklen_t *len);
int filter_attach_reuseport(struct sock *sk, const void *value, socklen_t len);
int filter_detach_reuseport(struct sock *sk);
/* The socket goes away: its filter is freed, a program of its group moves on. */
void filter_release(struct sock *sk);

/* What a packet is to a program, beside its bytes. */
struct filter_env {
	struct pkt *pkt; /* the view is what the program sees */
	struct sock *sk;
	uint16_t protocol; /* ethertype, host order */
	uint8_t pkttype;   /* PACKET_HOST ... */
	uint16_t hatype;   /* ARPHRD_* */
	net_link_id link;
	uint32_t rxhash;
	uint32_t skip;	 /* bytes of the view that the program does not see */
	uint32_t net_off; /* network header's first byte in pkt->base */
	uint32_t ll_off; /* link header's first byte in pkt->base; UINT32_MAX: none */
};

/* How many bytes the filter of @env->sk lets through; 0: none. Only with a filter. */
uint32_t filter_run(const struct filter_env *env, const struct bpf_insn *prog);

bool filter_packet_slow(struct sock *sk, struct pkt *pkt, uint32_t min_len);

/* Whether a received packet, view at the transport header, may be queued; cuts it to what the
 * program returned, but never below @min_len. */
static inline bool filter_packet(struct sock *sk, struct pkt *pkt, uint32_t min_len)
{
	return !sk->filter || filter_packet_slow(sk, pkt, min_len);
}

/* The socket that a program of the group of @chosen picks for @pkt, which shows the program what is
 * behind the first @hdr_len bytes; or @chosen. Only where socks->reuse_progs says that there are
 * programs. */
struct sock *filter_select(struct sock *chosen, struct pkt *pkt, uint32_t hdr_len);
