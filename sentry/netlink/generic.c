/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_GENERIC: the controller (genl-ctrl). Families that are not here are -ENOENT, as with a kernel built without them: their tools fall back to ioctl.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

#include "netlink/netlink.h"

#define CTRL_VERSION 2

struct family {
	uint16_t id;
	const char *name;
	uint32_t version, hdr_size, max_attr;
	const uint8_t *ops; /* command, flags; ends with 0 */
};

static const uint8_t ctrl_ops[] = { CTRL_CMD_GETFAMILY,
				    GENL_CMD_CAP_DO | GENL_CMD_CAP_DUMP | GENL_CMD_CAP_HASPOL, 0 };

static const struct family families[] = {
	{ GENL_ID_CTRL, "nlctrl", CTRL_VERSION, 0, CTRL_ATTR_MAX, ctrl_ops },
};

static void put_family(struct nl_req *rq, const struct family *f)
{
	struct genlmsghdr g = { .cmd = CTRL_CMD_NEWFAMILY, .version = CTRL_VERSION };
	struct nl_out *o = &rq->out;
	size_t ops, op, groups, group;

	nl_answer(rq, GENL_ID_CTRL, &g, sizeof(g));
	nl_put_str(o, CTRL_ATTR_FAMILY_NAME, f->name);
	nl_put_u16(o, CTRL_ATTR_FAMILY_ID, f->id);
	nl_put_u32(o, CTRL_ATTR_VERSION, f->version);
	nl_put_u32(o, CTRL_ATTR_HDRSIZE, f->hdr_size);
	nl_put_u32(o, CTRL_ATTR_MAXATTR, f->max_attr);
	ops = nl_nest(o, CTRL_ATTR_OPS);
	for (uint16_t i = 0; f->ops[2 * i]; i++) {
		op = nl_nest(o, (uint16_t)(i + 1));
		nl_put_u32(o, CTRL_ATTR_OP_ID, f->ops[2 * i]);
		nl_put_u32(o, CTRL_ATTR_OP_FLAGS, f->ops[2 * i + 1]);
		nl_nest_end(o, op);
	}
	nl_nest_end(o, ops);
	if (f->id == GENL_ID_CTRL) {
		groups = nl_nest(o, CTRL_ATTR_MCAST_GROUPS);
		group = nl_nest(o, 1);
		nl_put_u32(o, CTRL_ATTR_MCAST_GRP_ID, GENL_ID_CTRL);
		nl_put_str(o, CTRL_ATTR_MCAST_GRP_NAME, "notify");
		nl_nest_end(o, group);
		nl_nest_end(o, groups);
	}
	nl_end(o);
}

static const struct nl_policy policy[CTRL_ATTR_MAX + 1] = {
	[CTRL_ATTR_FAMILY_ID] = { NL_U16, 0 },
	[CTRL_ATTR_FAMILY_NAME] = { NL_STR, GENL_NAMSIZ - 1 },
};

static int get_family(struct nl_req *rq)
{
	struct nl_attr tb[CTRL_ATTR_MAX + 1];
	int r = nl_parse(rq, tb, CTRL_ATTR_MAX, rq->body + GENL_HDRLEN, rq->len - GENL_HDRLEN, policy,
			 false);

	if (r < 0)
		return r;
	if (!rq->dump && !tb[CTRL_ATTR_FAMILY_ID].data && !tb[CTRL_ATTR_FAMILY_NAME].data)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		const struct family *f = &families[i];

		if (!rq->dump && tb[CTRL_ATTR_FAMILY_ID].data && nl_u16(&tb[CTRL_ATTR_FAMILY_ID]) != f->id)
			continue;
		if (!rq->dump && tb[CTRL_ATTR_FAMILY_NAME].data &&
		    !nl_str_is(&tb[CTRL_ATTR_FAMILY_NAME], f->name))
			continue;
		put_family(rq, f);
		if (!rq->dump)
			return 0;
	}
	return rq->dump ? 0 : -ENOENT;
}

static int request(struct nl_req *rq)
{
	if (rq->hdr.nlmsg_type != GENL_ID_CTRL)
		return -ENOENT;
	if (rq->body[0] != CTRL_CMD_GETFAMILY)
		return -EOPNOTSUPP;
	return get_family(rq);
}

const struct nl_proto nl_generic = { .number = NETLINK_GENERIC, .groups = 32, .user_recv = true,
				     .min_len = GENL_HDRLEN, .request = request };
