/* SPDX-License-Identifier: Apache-2.0 */
/* nfnetlink attributes: see attr.h. */
#include "nf/attr.h"

#include "util/nlattr.h"

#define BUF_MAX (64u << 20)

bool nfa_next(const uint8_t *data, size_t len, size_t *pos, uint16_t *type, struct nfa *ret)
{
	if (!nlattr_next(data, len, pos, type, &ret->data, &ret->len))
		return false;
	*type &= NLA_TYPE_MASK;
	return true;
}

void nfa_parse(struct nfa *tb, unsigned max, const uint8_t *data, size_t len)
{
	struct nfa a;
	uint16_t type;
	size_t pos = 0;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	while (nfa_next(data, len, &pos, &type, &a)) {
		if (type <= max)
			tb[type] = a;
	}
}

#define GET(name, type, swap)                                                                      \
	type nfa_##name(const struct nfa *a)                                                       \
	{                                                                                          \
		type v = 0;                                                                        \
                                                                                                   \
		if (a->data && a->len >= sizeof(v))                                                \
			memcpy(&v, a->data, sizeof(v));                                            \
		return swap(v);                                                                    \
	}
GET(u8, uint8_t, )
GET(be16, uint16_t, __builtin_bswap16)
GET(be32, uint32_t, __builtin_bswap32)
GET(be64, uint64_t, __builtin_bswap64)

bool nfa_str(const struct nfa *a, char *ret, size_t size)
{
	size_t n = a->data ? strnlen((const char *)a->data, a->len) : 0;

	if (n == 0 || n >= size)
		return false;
	memcpy(ret, a->data, n);
	ret[n] = '\0';
	return true;
}

void nfb_raw(struct net_nf_buf *b, const void *data, size_t len)
{
	size_t padded = NLA_ALIGN(len);

	if (b->failed)
		return;
	if (b->len + padded > b->cap) {
		size_t cap = MAX(b->cap * 2, b->len + padded + 512);
		uint8_t *p = cap > BUF_MAX ? NULL : realloc(b->data, cap);

		if (!p) {
			b->failed = true;
			return;
		}
		b->data = p;
		b->cap = cap;
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	memset(b->data + b->len + len, 0, padded - len);
	b->len += padded;
}

void nfb_put(struct net_nf_buf *b, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	if (len > UINT16_MAX - NLA_HDRLEN) {
		b->failed = true;
		return;
	}
	nfb_raw(b, &a, sizeof(a));
	nfb_raw(b, data, len);
}

void nfb_u8(struct net_nf_buf *b, uint16_t type, uint8_t v)
{
	nfb_put(b, type, &v, sizeof(v));
}

void nfb_be16(struct net_nf_buf *b, uint16_t type, uint16_t v)
{
	v = __builtin_bswap16(v);
	nfb_put(b, type, &v, sizeof(v));
}

void nfb_be32(struct net_nf_buf *b, uint16_t type, uint32_t v)
{
	v = __builtin_bswap32(v);
	nfb_put(b, type, &v, sizeof(v));
}

void nfb_be64(struct net_nf_buf *b, uint16_t type, uint64_t v)
{
	v = __builtin_bswap64(v);
	nfb_put(b, type, &v, sizeof(v));
}

void nfb_str(struct net_nf_buf *b, uint16_t type, const char *s)
{
	nfb_put(b, type, s, strlen(s) + 1);
}

size_t nfb_nest(struct net_nf_buf *b, uint16_t type)
{
	size_t at = b->len;

	nfb_put(b, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nfb_nest_end(struct net_nf_buf *b, size_t at)
{
	uint16_t len = (uint16_t)(b->len - at);

	if (b->len - at > UINT16_MAX)
		b->failed = true;
	if (!b->failed)
		memcpy(b->data + at, &len, sizeof(len)); /* nla_len is first */
}

void nfb_begin(struct net_nf_buf *b, uint16_t type, uint8_t family, uint16_t res_id)
{
	struct nlmsghdr h = { .nlmsg_type = type };
	uint8_t nfgen[4] = { family, 0, (uint8_t)(res_id >> 8), (uint8_t)res_id };

	b->start = b->len;
	nfb_raw(b, &h, sizeof(h));
	nfb_raw(b, nfgen, sizeof(nfgen));
}

void nfb_end(struct net_nf_buf *b)
{
	uint32_t len = (uint32_t)(b->len - b->start);

	if (!b->failed)
		memcpy(b->data + b->start, &len, sizeof(len)); /* nlmsg_len is first */
}

void net_nf_buf_fini(struct net_nf_buf *b)
{
	free(b->data);
	*b = (struct net_nf_buf){ 0 };
}
