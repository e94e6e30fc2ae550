/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of xtables: what -j of iptables(8) does. */
#include <errno.h>

#include <netinet/in.h> /* before the kernel's, which then leave it alone */

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

#include "nf/nat.h"
#include "nf/xt.h"
#include "wire/wire.h"

static uint16_t be(uint16_t v)
{
	return __builtin_bswap16(v);
}

/* --- NAT ------------------------------------------------------------------------------------------------ */

static struct nf_range from_compat(const void *info, uint16_t family)
{
	const struct nf_nat_ipv4_multi_range_compat *x = info;
	struct nf_range r = { .flags = x->range[0].flags, .min.family = family, .max.family = family,
			      .port_min = be(x->range[0].min.all), .port_max = be(x->range[0].max.all) };

	memcpy(r.min.v4, &x->range[0].min_ip, 4);
	memcpy(r.max.v4, &x->range[0].max_ip, 4);
	return r;
}

static struct nf_range from_range(const void *info, uint16_t family)
{
	const struct nf_nat_range *x = info;
	struct nf_range r = { .flags = x->flags, .min.family = family, .max.family = family,
			      .port_min = be(x->min_proto.all), .port_max = be(x->max_proto.all) };

	memcpy(r.min.bytes, &x->min_addr, family == AF_INET ? 4 : 16);
	memcpy(r.max.bytes, &x->max_addr, family == AF_INET ? 4 : 16);
	return r;
}

static int bind_nat(struct nf_pkt *p, enum nf_manip manip, const struct nf_range *r)
{
	return nf_nat_bind(p, manip, r) < 0 ? NF_DROP : NF_ACCEPT;
}

static int snat0(const void *info, struct nf_pkt *p)
{
	struct nf_range r = from_compat(info, p->family);

	return bind_nat(p, NF_MANIP_SRC, &r);
}

static int snat1(const void *info, struct nf_pkt *p)
{
	struct nf_range r = from_range(info, p->family);

	return bind_nat(p, NF_MANIP_SRC, &r);
}

static int dnat0(const void *info, struct nf_pkt *p)
{
	struct nf_range r = from_compat(info, p->family);

	return bind_nat(p, NF_MANIP_DST, &r);
}

static int dnat1(const void *info, struct nf_pkt *p)
{
	struct nf_range r = from_range(info, p->family);

	return bind_nat(p, NF_MANIP_DST, &r);
}

static int masquerade(struct nf_pkt *p, struct nf_range r)
{
	return nf_nat_masquerade(p, &r) ? bind_nat(p, NF_MANIP_SRC, &r) : NF_DROP;
}

static int masq4(const void *info, struct nf_pkt *p)
{
	return masquerade(p, from_compat(info, p->family));
}

static int masq6(const void *info, struct nf_pkt *p)
{
	return masquerade(p, from_range(info, p->family));
}

static int redirect(struct nf_pkt *p, struct nf_range r)
{
	return nf_nat_redirect(p, &r) ? bind_nat(p, NF_MANIP_DST, &r) : NF_DROP;
}

static int redir4(const void *info, struct nf_pkt *p)
{
	return redirect(p, from_compat(info, p->family));
}

static int redir6(const void *info, struct nf_pkt *p)
{
	return redirect(p, from_range(info, p->family));
}

/* --- marks, tracking -------------------------------------------------------------------------------------- */

static int set_mark(const void *info, struct nf_pkt *p)
{
	const struct xt_mark_tginfo2 *x = info;

	p->pkt->mark = (p->pkt->mark & ~x->mask) ^ x->mark;
	return NFT_CONTINUE;
}

static int connmark(const void *info, struct nf_pkt *p)
{
	const struct xt_connmark_tginfo1 *x = info;

	if (!p->ct)
		return NFT_CONTINUE;
	switch (x->mode) {
	case XT_CONNMARK_SET:
		p->ct->mark = (p->ct->mark & ~x->ctmask) ^ x->ctmark;
		break;
	case XT_CONNMARK_SAVE:
		p->ct->mark = (p->ct->mark & ~x->ctmask) ^ (p->pkt->mark & x->nfmask);
		break;
	case XT_CONNMARK_RESTORE:
		p->pkt->mark = (p->pkt->mark & ~x->nfmask) ^ (p->ct->mark & x->ctmask);
		break;
	default:
		break;
	}
	return NFT_CONTINUE;
}

/* Only "--notrack": zones and helpers are not kept. */
static int check_ct(const void *info)
{
	const struct xt_ct_target_info_v1 *x = info;

	return (x->flags & ~XT_CT_NOTRACK_ALIAS) == XT_CT_NOTRACK ? 0 : -EOPNOTSUPP;
}

static int notrack(const void *info, struct nf_pkt *p)
{
	(void)info;
	if (!p->ct)
		p->untracked = true;
	return NFT_CONTINUE;
}

/* --- reject, log, TCPMSS ------------------------------------------------------------------------------------- */

static int reject4(const void *info, struct nf_pkt *p)
{
	static const uint8_t codes[] = { 0, 1, 2, 3, 3, 9, 10, 3, 13 };
	const struct ipt_reject_info *x = info;

	nf_reject(p, x->with == IPT_TCP_RESET, 3, codes[x->with < sizeof(codes) ? x->with : 3]);
	return NF_DROP;
}

static int reject6(const void *info, struct nf_pkt *p)
{
	static const uint8_t codes[] = { 0, 1, 2, 3, 4, 4, 4, 5, 6 };
	const struct ip6t_reject_info *x = info;

	nf_reject(p, x->with == IP6T_TCP_RESET, 1, codes[x->with < sizeof(codes) ? x->with : 4]);
	return NF_DROP;
}

static int log_packet(const void *info, struct nf_pkt *p)
{
	const struct xt_log_info *x = info;
	char prefix[sizeof(x->prefix) + 1] = { 0 };

	memcpy(prefix, x->prefix, sizeof(x->prefix));
	nf_log(p->nf, p, prefix);
	return NFT_CONTINUE;
}

/* The MSS that the way out (and for forwarded packets the way back) allows. */
static uint16_t clamp(struct nf_pkt *p)
{
	struct net_addr dst = nf_pkt_dst(p), src = nf_pkt_src(p);
	uint32_t hdrs = p->family == AF_INET ? 40 : 60, mtu = 65535;
	struct ip_path path;

	if (ip_path_init(p->nf->ip, &path, &dst, NULL, 0) == 0)
		mtu = MIN(mtu, path.mtu);
	if (p->in && ip_path_init(p->nf->ip, &path, &src, NULL, 0) == 0)
		mtu = MIN(mtu, path.mtu);
	return (uint16_t)(mtu > hdrs ? mtu - hdrs : 0);
}

static int tcpmss(const void *info, struct nf_pkt *p)
{
	const struct xt_tcpmss_info *x = info;
	uint16_t mss = x->mss == XT_TCPMSS_CLAMP_PMTU ? clamp(p) : x->mss;
	uint8_t head[20], b[2];
	size_t at = p->th_off + 20u, end;

	if (p->proto != IPPROTO_TCP || !p->has_th || !nf_pkt_load(p, p->th_off, head, sizeof(head)))
		return NFT_CONTINUE;
	end = p->th_off + 4u * (head[12] >> 4);
	while (at + 2 <= end && nf_pkt_load(p, at, b, 2) && b[0]) {
		if (b[0] == 1) {
			at++;
			continue;
		}
		if (b[1] < 2 || at + b[1] > end)
			break;
		if (b[0] == 2 && b[1] == 4) {
			uint8_t word[4];
			size_t even = (at + 2) & ~(size_t)1, lead = at + 2 - even;

			if (!nf_pkt_load(p, even, word, 2 + 2 * (lead != 0)) || wire_get16(word + lead) <= mss)
				break;
			wire_put16(word + lead, mss);
			if (!nf_pkt_mangle(p, even, word, 2 + 2 * (lead != 0), false))
				return NF_DROP;
			break;
		}
		at += b[1];
	}
	return NFT_CONTINUE;
}

#define V4 NFPROTO_IPV4
#define V6 NFPROTO_IPV6
#define COMPAT sizeof(struct nf_nat_ipv4_multi_range_compat)
const struct xt_ext xt_targets[] = {
	{ "SNAT", 0, true, V4, COMPAT, false, true, NULL, NULL, snat0 },
	{ "SNAT", 1, true, 0, sizeof(struct nf_nat_range), false, true, NULL, NULL, snat1 },
	{ "SNAT", 2, true, 0, sizeof(struct nf_nat_range2), false, true, NULL, NULL, snat1 },
	{ "DNAT", 0, true, V4, COMPAT, false, true, NULL, NULL, dnat0 },
	{ "DNAT", 1, true, 0, sizeof(struct nf_nat_range), false, true, NULL, NULL, dnat1 },
	{ "DNAT", 2, true, 0, sizeof(struct nf_nat_range2), false, true, NULL, NULL, dnat1 },
	{ "MASQUERADE", 0, true, V4, COMPAT, false, true, NULL, NULL, masq4 },
	{ "MASQUERADE", 0, true, V6, sizeof(struct nf_nat_range), false, true, NULL, NULL, masq6 },
	{ "REDIRECT", 0, true, V4, COMPAT, false, true, NULL, NULL, redir4 },
	{ "REDIRECT", 0, true, V6, sizeof(struct nf_nat_range), false, true, NULL, NULL, redir6 },
	{ "MARK", 2, true, 0, sizeof(struct xt_mark_tginfo2), false, false, NULL, NULL, set_mark },
	{ "CONNMARK", 1, true, 0, sizeof(struct xt_connmark_tginfo1), true, false, NULL, NULL, connmark },
	{ "CT", 1, true, 0, sizeof(struct xt_ct_target_info_v1), false, false, check_ct, NULL, notrack },
	{ "CT", 2, true, 0, sizeof(struct xt_ct_target_info_v1), false, false, check_ct, NULL, notrack },
	{ "NOTRACK", 0, true, 0, 0, false, false, NULL, NULL, notrack },
	{ "REJECT", 0, true, V4, sizeof(struct ipt_reject_info), false, false, NULL, NULL, reject4 },
	{ "REJECT", 0, true, V6, sizeof(struct ip6t_reject_info), false, false, NULL, NULL, reject6 },
	{ "LOG", 0, true, 0, sizeof(struct xt_log_info), false, false, NULL, NULL, log_packet },
	{ "TCPMSS", 0, true, 0, sizeof(struct xt_tcpmss_info), false, false, NULL, NULL, tcpmss },
	{ 0 },
};
