/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink attributes, read: see netlink.h. */
#include <errno.h>
#include <string.h>

#include "netlink/netlink.h"
#include "util/nlattr.h"

int nl_fail(struct nl_req *rq, int err, const char *msg)
{
	rq->ext_msg = msg;
	return err;
}

int nl_fail_attr(struct nl_req *rq, int err, const char *msg, const uint8_t *at)
{
	rq->ext_msg = msg;
	if (at && at >= rq->msg + NLA_HDRLEN && at <= rq->msg + rq->hdr.nlmsg_len)
		rq->ext_off = (uint32_t)(at - NLA_HDRLEN - rq->msg);
	return err;
}

bool nl_next(const uint8_t *data, size_t len, size_t *pos, uint16_t *type, struct nl_attr *ret)
{
	return nlattr_next(data, len, pos, type, &ret->data, &ret->len);
}

static int check(struct nl_req *rq, const struct nl_attr *a, const struct nl_policy *p)
{
	static const uint8_t sizes[] = { [NL_U8] = 1, [NL_U16] = 2, [NL_U32] = 4, [NL_U64] = 8 };
	bool ok = true;

	switch ((enum nl_kind)p->kind) {
	case NL_ANY:
		break;
	case NL_U8:
	case NL_U16:
	case NL_U32:
	case NL_U64:
		ok = a->len >= sizes[p->kind];
		break;
	case NL_STR:
		if (a->len == 0)
			return nl_fail_attr(rq, -EINVAL, "Attribute failed policy validation", a->data);
		ok = strnlen((const char *)a->data, a->len) <= p->len || p->len == 0;
		break;
	case NL_BIN:
		ok = a->len <= p->len || p->len == 0;
		break;
	case NL_MIN:
		ok = a->len >= p->len;
		break;
	case NL_NEST:
		ok = a->len == 0 || a->len >= NLA_HDRLEN;
		break;
	case NL_FLAG:
		ok = a->len == 0;
		break;
	case NL_REJECT:
		return nl_fail_attr(rq, -EINVAL, "Unsupported attribute", a->data);
	}
	return ok ? 0 : nl_fail_attr(rq, -ERANGE, "Attribute failed policy validation", a->data);
}

int nl_parse(struct nl_req *rq, struct nl_attr *tb, unsigned max, const uint8_t *data, size_t len,
	     const struct nl_policy *policy, bool strict)
{
	struct nl_attr a;
	uint16_t type;
	size_t pos = 0;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	while (nl_next(data, len, &pos, &type, &a)) {
		type &= NLA_TYPE_MASK;
		if (type > max) {
			if (strict)
				return nl_fail_attr(rq, -EINVAL, "Unknown attribute type", a.data);
			continue;
		}
		if (policy) {
			int r = check(rq, &a, &policy[type]);

			if (r < 0)
				return r;
		}
		tb[type] = a;
	}
	if (pos < len && strict)
		return nl_fail(rq, -EINVAL, "bytes leftover after parsing attributes");
	return 0;
}

int nl_parse_nested(struct nl_req *rq, struct nl_attr *tb, unsigned max, const struct nl_attr *nest,
		    const struct nl_policy *policy)
{
	return nl_parse(rq, tb, max, nest->data, nest->len, policy, false);
}

#define GET(name, type)                                                                            \
	type nl_##name(const struct nl_attr *a)                                                    \
	{                                                                                          \
		type v = 0;                                                                        \
                                                                                                   \
		if (a->data)                                                                       \
			memcpy(&v, a->data, MIN((size_t)a->len, sizeof(v)));                       \
		return v;                                                                          \
	}
GET(u8, uint8_t)
GET(u16, uint16_t)
GET(u32, uint32_t)
GET(u64, uint64_t)

uint16_t nl_be16(const struct nl_attr *a)
{
	return __builtin_bswap16(nl_u16(a));
}

uint32_t nl_be32(const struct nl_attr *a)
{
	return __builtin_bswap32(nl_u32(a));
}

uint64_t nl_be64(const struct nl_attr *a)
{
	return __builtin_bswap64(nl_u64(a));
}

void nl_str(const struct nl_attr *a, char *ret, size_t size)
{
	size_t n = a->data ? strnlen((const char *)a->data, a->len) : 0;

	n = MIN(n, size - 1);
	if (n)
		memcpy(ret, a->data, n);
	ret[n] = '\0';
}

bool nl_str_is(const struct nl_attr *a, const char *s)
{
	size_t n = strlen(s);

	return a->data && strnlen((const char *)a->data, a->len) == n && memcmp(a->data, s, n) == 0;
}
