/* SPDX-License-Identifier: Apache-2.0 */
/* Options of level SOL_PACKET, memberships. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ip/ip.h"
#include "packet/packet.h"

#define LEVEL_PACKET 263
#define VNET_HDR_LEN 10
#define OPT_IGNORE_OUTGOING 23
#define OPT_VNET_HDR_SZ 24

/* struct packet_mreq, with room for long addresses. */
struct mreq {
	int32_t ifindex;
	uint16_t type, alen;
	uint8_t addr[8];
};

static struct packet *ctx(struct packet_sock *ps)
{
	return ps->dg.sk.socks->packet;
}

static struct packet_member *find_member(struct packet_sock *ps, const struct mreq *m)
{
	struct packet_member *pm;

	list_for_each_entry(pm, &ps->members, list)
	{
		if (pm->link == m->ifindex && pm->type == m->type && pm->alen == m->alen &&
		    !memcmp(pm->addr, m->addr, m->alen))
			return pm;
	}
	return NULL;
}

static void member_free(struct packet_sock *ps, struct packet_member *pm)
{
	if (pm->type == PACKET_MR_PROMISC)
		ctx(ps)->promisc--;
	list_remove(&pm->list);
	free(pm);
}

void packet_members_drop(struct packet_sock *ps)
{
	struct packet_member *pm;

	while ((pm = list_first_entry(&ps->members, struct packet_member, list)))
		member_free(ps, pm);
}

static int membership(struct packet_sock *ps, bool add, const void *value, socklen_t len)
{
	struct packet_member *pm;
	struct mreq m;

	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, value, sizeof(m));
	if (m.alen > sizeof(m.addr))
		return -EINVAL;
	pm = find_member(ps, &m);
	if (!add) {
		if (pm && --pm->count == 0)
			member_free(ps, pm);
		return 0;
	}
	if (!link_find(ps->dg.sk.ip->links, m.ifindex))
		return -ENODEV;
	if (m.type != PACKET_MR_PROMISC && m.type != PACKET_MR_ALLMULTI && m.alen != 6)
		return -EINVAL;
	if (pm) {
		pm->count++;
		return 0;
	}
	pm = calloc(1, sizeof(*pm));
	if (!pm)
		return -ENOBUFS;
	*pm = (struct packet_member){.link = m.ifindex, .type = m.type, .alen = m.alen, .count = 1};
	memcpy(pm->addr, m.addr, sizeof(pm->addr));
	list_push_back(&ps->members, &pm->list);
	if (m.type == PACKET_MR_PROMISC)
		ctx(ps)->promisc++;
	return 0;
}

/* Options that describe the rings, while there is one. */
static bool rings_set(const struct packet_sock *ps)
{
	return ps->rx.blocks || ps->tx.blocks;
}

static int set_ring_option(struct packet_sock *ps, int name, int v)
{
	switch (name) {
	case PACKET_VERSION:
		if (v < TPACKET_V1 || v > TPACKET_V3)
			return -EINVAL;
		break;
	case PACKET_RESERVE:
		if (v < 0)
			return -EINVAL;
		break;
	}
	if (rings_set(ps))
		return -EBUSY;
	if (name == PACKET_VERSION)
		ps->version = v;
	else if (name == PACKET_RESERVE)
		ps->reserve = (uint32_t)v;
	else
		ps->loss = v != 0;
	return 0;
}

static int set_vnet(struct packet_sock *ps, int name, int v)
{
	if (ps->dg.sk.type != SOCK_RAW)
		return -EINVAL;
	if (name == OPT_VNET_HDR_SZ && v && v != VNET_HDR_LEN && v != 12)
		return -EINVAL;
	if (rings_set(ps))
		return -EBUSY;
	ps->vnet_hdr_sz = (uint8_t)(name == OPT_VNET_HDR_SZ ? v : v ? VNET_HDR_LEN : 0);
	return 0;
}

static int set_number(struct packet_sock *ps, int name, int v)
{
	switch (name) {
	case PACKET_COPY_THRESH:
		ps->copy_thresh = v;
		return 0;
	case PACKET_AUXDATA:
		ps->auxdata = v != 0;
		return 0;
	case PACKET_ORIGDEV:
		ps->origdev = v != 0;
		return 0;
	case PACKET_VERSION:
	case PACKET_RESERVE:
	case PACKET_LOSS:
		return set_ring_option(ps, name, v);
	case PACKET_VNET_HDR:
	case OPT_VNET_HDR_SZ:
		return set_vnet(ps, name, v);
	case PACKET_TIMESTAMP:
		ps->stamp_source = v;
		return 0;
	case PACKET_FANOUT:
		return fanout_join(ps, (uint32_t)v);
	case PACKET_TX_HAS_OFF:
		if (!rings_set(ps))
			ps->tx_has_off = v != 0;
		return 0;
	case PACKET_QDISC_BYPASS:
		ps->qdisc_bypass = v != 0;
		return 0;
	case OPT_IGNORE_OUTGOING:
		if (v < 0 || v > 1)
			return -EINVAL;
		ps->ignore_outgoing = v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* Linux wants exactly an int, or at least one. */
static int check_len(const struct packet_sock *ps, int name, socklen_t len)
{
	switch (name) {
	case PACKET_AUXDATA:
	case PACKET_ORIGDEV:
	case PACKET_VNET_HDR:
	case OPT_VNET_HDR_SZ:
		if (name >= PACKET_VNET_HDR && ps->dg.sk.type != SOCK_RAW)
			return -EINVAL;
		return len < sizeof(int) ? -EINVAL : 0;
	case PACKET_FANOUT: /* struct fanout_args may follow */
		return len != 4 && len != 8 ? -EINVAL : 0;
	case PACKET_COPY_THRESH:
	case PACKET_VERSION:
	case PACKET_RESERVE:
	case PACKET_LOSS:
	case PACKET_TIMESTAMP:
	case PACKET_TX_HAS_OFF:
	case PACKET_QDISC_BYPASS:
	case OPT_IGNORE_OUTGOING:
		return len != sizeof(int) ? -EINVAL : 0;
	default:
		return -ENOPROTOOPT;
	}
}

int packet_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		  unsigned caps)
{
	struct packet_sock *ps = packet_of(sk);
	int v, r;

	(void)caps;
	if (level != LEVEL_PACKET)
		return -ENOPROTOOPT;
	switch (name) {
	case PACKET_ADD_MEMBERSHIP:
	case PACKET_DROP_MEMBERSHIP:
		return membership(ps, name == PACKET_ADD_MEMBERSHIP, value, len);
	case PACKET_RX_RING:
	case PACKET_TX_RING:
		return packet_ring_set(ps, name == PACKET_TX_RING, value, len);
	case PACKET_FANOUT_DATA: /* programs of the modes that take one: those are refused */
		return -EINVAL;
	default:
		break;
	}
	r = check_len(ps, name, len);
	if (r < 0)
		return r;
	memcpy(&v, value, sizeof(v));
	return set_number(ps, name, v);
}

/* struct tpacket_stats, or _v3; reading starts anew. */
static int get_statistics(struct packet_sock *ps, void *value, socklen_t *len)
{
	uint32_t v[3] = {ps->packets + ps->drops, ps->drops, ps->freezes};

	ps->packets = ps->drops = ps->freezes = 0;
	ps->losing = false;
	return opt_put(value, len, v, ps->version == TPACKET_V3 ? 12 : 8);
}

static int get_hdr_len(void *value, socklen_t *len)
{
	int v;

	if (*len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	if (v < TPACKET_V1 || v > TPACKET_V3)
		return -EINVAL;
	return opt_put_int(value, len, (int)packet_hdr_len(v));
}

static int get_number(const struct packet_sock *ps, int name, int *v)
{
	const struct fanout *f = ps->fanout;

	switch (name) {
	case PACKET_COPY_THRESH:
		*v = ps->copy_thresh;
		return 0;
	case PACKET_AUXDATA:
		*v = ps->auxdata;
		return 0;
	case PACKET_ORIGDEV:
		*v = ps->origdev;
		return 0;
	case PACKET_VERSION:
		*v = ps->version;
		return 0;
	case PACKET_RESERVE:
		*v = (int)ps->reserve;
		return 0;
	case PACKET_LOSS:
		*v = ps->loss;
		return 0;
	case PACKET_VNET_HDR:
		*v = ps->vnet_hdr_sz != 0;
		return 0;
	case OPT_VNET_HDR_SZ:
		*v = ps->vnet_hdr_sz;
		return 0;
	case PACKET_TIMESTAMP:
		*v = ps->stamp_source;
		return 0;
	case PACKET_FANOUT:
		*v = f ? (int)(f->id | (uint32_t)f->mode << 16 | (uint32_t)f->flags << 16) : 0;
		return 0;
	case PACKET_ROLLOVER_STATS:
		return -EINVAL; /* Linux: of sockets in a group with rollover only */
	case PACKET_TX_HAS_OFF:
		*v = ps->tx_has_off;
		return 0;
	case PACKET_QDISC_BYPASS:
		*v = ps->qdisc_bypass;
		return 0;
	case OPT_IGNORE_OUTGOING:
		*v = ps->ignore_outgoing;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int packet_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	struct packet_sock *ps = packet_of(sk);
	int v, r;

	if (level != LEVEL_PACKET)
		return -ENOPROTOOPT;
	if (*len > INT32_MAX)
		return -EINVAL;
	if (name == PACKET_STATISTICS)
		return get_statistics(ps, value, len);
	if (name == PACKET_HDRLEN)
		return get_hdr_len(value, len);
	r = get_number(ps, name, &v);
	return r < 0 ? r : opt_put_int(value, len, v);
}
