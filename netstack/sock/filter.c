/* SPDX-License-Identifier: Apache-2.0 */
/* Programs on sockets: storage, what they see of a packet, and choice within a SO_REUSEPORT group. */
#include "sock/filter.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/socks.h"

static int prog_new(struct filter_prog **ret, const void *value, socklen_t len)
{
	struct filter_prog *prog;
	size_t n = len / sizeof(struct bpf_insn);
	int r;

	if (len % sizeof(struct bpf_insn) || !n || n > BPF_INSNS_MAX)
		return -EINVAL;
	prog = malloc(sizeof(*prog) + len);
	if (!prog)
		return -ENOMEM;
	memcpy(prog->insns, value, len);
	prog->n = (uint32_t)n;
	r = cbpf_check(prog->insns, n);
	if (r < 0) {
		free(prog);
		return r;
	}
	*ret = prog;
	return 0;
}

int filter_attach(struct sock *sk, const void *value, socklen_t len)
{
	struct filter_prog *prog;
	int r;

	if (sk->opt.lock_filter)
		return -EPERM;
	r = prog_new(&prog, value, len);
	if (r < 0)
		return r;
	free(sk->filter);
	sk->filter = prog;
	return 0;
}

int filter_detach(struct sock *sk)
{
	if (sk->opt.lock_filter)
		return -EPERM;
	if (!sk->filter)
		return -ENOENT;
	free(sk->filter);
	sk->filter = NULL;
	return 0;
}

int filter_get(struct sock *sk, void *value, socklen_t *len)
{
	const struct filter_prog *prog = sk->filter;

	if (!prog) {
		*len = 0;
		return 0;
	}
	if (*len && *len < prog->n)
		return -EINVAL;
	if (*len)
		memcpy(value, prog->insns, prog->n * sizeof(prog->insns[0]));
	*len = prog->n;
	return 0;
}

/* The members of a SO_REUSEPORT group: same port, same kind, same address. */
static bool same_group(const struct demux_node *a, const struct demux_node *b)
{
	return b->kind == DEMUX_SOCK && b->reuse_port && a->proto == b->proto &&
	       a->bound == b->bound && a->any6 == b->any6 && a->v6only == b->v6only &&
	       addr_eq(&a->local.addr, &b->local.addr);
}

static struct sock *group_prog(struct sock *sk)
{
	struct demux_node *n;

	if (sk->reuse_prog || !sk->node.bucket)
		return sk->reuse_prog ? sk : NULL;
	list_for_each_entry(n, &sk->node.bucket->nodes, bind_link)
	{
		struct sock *other = container_of(n, struct sock, node);

		if (same_group(&sk->node, n) && other->reuse_prog)
			return other;
	}
	return NULL;
}

static void drop_reuse_prog(struct sock *sk)
{
	if (sk->reuse_prog)
		sk->socks->reuse_progs--;
	free(sk->reuse_prog);
	sk->reuse_prog = NULL;
}

int filter_attach_reuseport(struct sock *sk, const void *value, socklen_t len)
{
	struct filter_prog *prog;
	struct sock *old;
	int r;

	if (sk->opt.lock_filter)
		return -EPERM;
	r = prog_new(&prog, value, len);
	if (r < 0)
		return r;
	if (!sk->opt.reuse_port) {
		free(prog);
		return -EINVAL;
	}
	old = group_prog(sk);
	if (old)
		drop_reuse_prog(old);
	sk->reuse_prog = prog;
	sk->socks->reuse_progs++;
	return 0;
}

int filter_detach_reuseport(struct sock *sk)
{
	struct sock *owner = group_prog(sk);

	if (!owner)
		return sk->opt.reuse_port && sk->node.bucket ? -ENOENT : -EINVAL;
	drop_reuse_prog(owner);
	return 0;
}

void filter_release(struct sock *sk)
{
	struct demux_node *n;

	free(sk->filter);
	sk->filter = NULL;
	if (!sk->reuse_prog)
		return;
	if (sk->node.bucket) {
		list_for_each_entry(n, &sk->node.bucket->nodes, bind_link)
		{
			if (n == &sk->node || !same_group(&sk->node, n))
				continue;
			container_of(n, struct sock, node)->reuse_prog = sk->reuse_prog;
			sk->reuse_prog = NULL;
			return;
		}
	}
	drop_reuse_prog(sk);
}

/* --- what programs see ------------------------------------------------------------------------- */

/* Bytes at @at of pkt->base, or beyond its linear part. */
static bool read_base(const struct pkt *pkt, uint32_t at, uint8_t *to, uint32_t n)
{
	uint32_t end = pkt->off + pkt->lin_len;

	if ((uint64_t)at + n <= end) {
		memcpy(to, pkt->base + at, n);
		return true;
	}
	if (at < pkt->off)
		return false;
	return pkt_read(pkt, at - pkt->off, to, n) == n;
}

static bool read_far(const void *ctx, uint32_t off, uint8_t *to, uint32_t n)
{
	const struct filter_env *env = ctx;
	const struct pkt *pkt = env->pkt;

	if (off >= BPF_OFF_NET)
		return read_base(pkt, env->net_off + (off - BPF_OFF_NET), to, n);
	if (off >= BPF_OFF_NEG)
		return env->ll_off != UINT32_MAX &&
		       read_base(pkt, env->ll_off + (off - BPF_OFF_NEG), to, n);
	return pkt_read(pkt, off + env->skip, to, n) == n;
}

static bool ancillary(const void *ctx, enum bpf_anc which, uint32_t a, uint32_t x, uint32_t *ret)
{
	const struct filter_env *env = ctx;

	(void)a;
	(void)x;
	switch (which) {
	case BPF_AD_PROTOCOL:
		*ret = env->protocol;
		return true;
	case BPF_AD_PKTTYPE:
		*ret = env->pkttype;
		return true;
	case BPF_AD_IFINDEX:
		*ret = (uint32_t)env->link;
		return true;
	case BPF_AD_HATYPE:
		*ret = env->hatype;
		return true;
	case BPF_AD_RXHASH:
		*ret = env->rxhash;
		return true;
	case BPF_AD_PAY_OFFSET:
		*ret = env->pkt->ip.hdr_len;
		return true;
	case BPF_AD_RANDOM:
		*ret = rng_u32(&env->sk->core->rng);
		return true;
	case BPF_AD_NLATTR:
	case BPF_AD_NLATTR_NEST: /* packets hold no netlink attributes */
	case BPF_AD_MARK:
	case BPF_AD_QUEUE:
	case BPF_AD_CPU:
	case BPF_AD_VLAN_TAG:
	case BPF_AD_VLAN_TAG_PRESENT:
	case BPF_AD_VLAN_TPID:
	case BPF_AD_ALU_XOR_X: /* by the interpreter */
	case BPF_AD_MAX:
		*ret = 0;
		return true;
	}
	return false;
}

uint32_t filter_run(const struct filter_env *env, const struct bpf_insn *prog)
{
	struct pkt *pkt = env->pkt;
	uint32_t lin_skip = MIN(env->skip, pkt->lin_len);
	struct bpf_data data = {
		.head = pkt_data(pkt) + lin_skip,
		.head_len = lin_skip < env->skip ? 0 : pkt->lin_len - lin_skip,
		.len = pkt->len - env->skip,
		.ctx = env,
		.read = read_far,
		.anc = ancillary,
	};

	return cbpf_run(prog, &data);
}

static struct filter_env env_of(struct sock *sk, struct pkt *pkt)
{
	struct link *link = link_find(sk->ip->links, pkt->ip.link);
	bool ether = link && link->kind == NET_LINK_ETHER && !pkt->ip.local;

	return (struct filter_env){
		.pkt = pkt,
		.sk = sk,
		.protocol = pkt->ip.src.family == AF_INET ? ETH_TYPE_IP4 : ETH_TYPE_IP6,
		.pkttype = pkt->ip.multicast   ? PACKET_MULTICAST
			   : pkt->ip.broadcast ? PACKET_BROADCAST
					       : PACKET_HOST,
		.hatype = ether ? ARPHRD_ETHER : ARPHRD_LOOPBACK,
		.link = pkt->ip.link,
		.net_off = pkt->l3_off,
		.ll_off = ether && pkt->l3_off >= ETH_HDR_LEN ? pkt->l3_off - ETH_HDR_LEN
							      : UINT32_MAX,
	};
}

bool filter_packet_slow(struct sock *sk, struct pkt *pkt, uint32_t min_len)
{
	struct filter_env env = env_of(sk, pkt);
	uint32_t keep = filter_run(&env, sk->filter->insns);

	if (!keep)
		return false;
	keep = MAX(keep, min_len);
	if (keep < pkt->len)
		pkt_trim(pkt, keep);
	return true;
}

struct sock *filter_select(struct sock *chosen, struct pkt *pkt, uint32_t hdr_len)
{
	struct sock *owner = chosen->node.reuse_port ? group_prog(chosen) : NULL;
	struct demux_node *n;
	uint32_t index;

	if (!owner || pkt->len < hdr_len)
		return chosen;

	struct filter_env env = env_of(chosen, pkt);

	env.skip = hdr_len;
	index = filter_run(&env, owner->reuse_prog->insns);
	/* Members count in the order in which they were bound. */
	list_for_each_entry(n, &chosen->node.bucket->nodes, bind_link)
	{
		if (same_group(&chosen->node, n) && list_linked(&n->lookup_link) && index-- == 0)
			return container_of(n, struct sock, node);
	}
	return chosen;
}
