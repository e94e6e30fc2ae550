/* SPDX-License-Identifier: Apache-2.0 */
/* The IPv4 header and its options (RFC 791, RFC 1122 3.2.1, RFC 6864). */
#include "wire/wire.h"

#include <sys/socket.h>

#include "wire/checksum.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_RR = 7,
	OPT_TS = 68,
	OPT_LSRR = 131,
	OPT_SSRR = 137,
	OPT_RA = 148,
};

enum drop ip4_parse(struct ip4_hdr *ret, struct rd *in)
{
	struct ip4_hdr hdr = {0};
	size_t avail = rd_left(in);
	uint8_t first = rd_u8(in);

	hdr.hdr_len = (first & 15) * 4u & 0xff;
	hdr.tos = rd_u8(in);
	hdr.total_len = rd_be16(in);
	hdr.id = rd_be16(in);

	uint16_t frag = rd_be16(in);

	hdr.flags = frag & (IP4_DF | IP4_MF);
	hdr.frag_off = (uint16_t)((frag & 0x1fff) * 8);
	hdr.ttl = rd_u8(in);
	hdr.proto = rd_u8(in);
	hdr.sum = rd_be16(in);
	hdr.src.family = AF_INET;
	rd_copy(in, hdr.src.v4, 4);
	hdr.dst.family = AF_INET;
	rd_copy(in, hdr.dst.v4, 4);
	if (rd_failed(in))
		return DROP_IP4_TRUNCATED;
	if (first >> 4 != 4)
		return DROP_IP4_VERSION;
	if (hdr.hdr_len < IP4_HDR_LEN || hdr.hdr_len > avail)
		return DROP_IP4_HDR_LEN;
	if (hdr.total_len < hdr.hdr_len)
		return DROP_IP4_TOTAL_LEN;

	*ret = hdr;
	return DROP_NONE;
}

void ip4_emit(struct wr *out, const struct ip4_hdr *hdr, const uint8_t *opts)
{
	uint8_t *at = out->p;

	wr_u8(out, (uint8_t)(0x40 | hdr->hdr_len / 4));
	wr_u8(out, hdr->tos);
	wr_be16(out, hdr->total_len);
	wr_be16(out, hdr->id);
	wr_be16(out, (uint16_t)(hdr->flags | hdr->frag_off / 8));
	wr_u8(out, hdr->ttl);
	wr_u8(out, hdr->proto);
	wr_be16(out, 0);
	wr_bytes(out, hdr->src.v4, 4);
	wr_bytes(out, hdr->dst.v4, 4);
	if (opts)
		wr_bytes(out, opts, hdr->hdr_len - IP4_HDR_LEN);
	if (!wr_failed(out))
		wire_put16(at + 10, csum_fold(csum_add(0, at, hdr->hdr_len)));
}

bool ip4_sum_ok(const uint8_t *bytes, size_t hdr_len)
{
	return csum_fold(csum_add(0, bytes, hdr_len)) == 0;
}

/* Length of the option at @opts + @i, or 0 if malformed. */
static size_t opt_len(const uint8_t *opts, size_t len, size_t i)
{
	if (opts[i] == OPT_NOP)
		return 1;
	if (i + 1 >= len || opts[i + 1] < 2 || opts[i + 1] > len - i)
		return 0;
	return opts[i + 1];
}

enum drop ip4_parse_opts(uint32_t *has, unsigned *bad_at, const uint8_t *opts, size_t len)
{
	*has = 0;
	for (size_t i = 0; i < len && opts[i] != OPT_END;) {
		size_t n = opt_len(opts, len, i);

		*bad_at = (unsigned)i;
		if (!n)
			return DROP_IP4_OPTIONS;
		switch (opts[i]) {
		case OPT_NOP:
			break;
		case OPT_RR:
		case OPT_TS:
			/* RFC 791: pointer at least 4 (5), inside or just behind the option. */
			if (n < 3 || opts[i + 2] < (opts[i] == OPT_RR ? 4 : 5))
				return DROP_IP4_OPTIONS;
			*has |= opts[i] == OPT_RR ? IP4_OPT_RECORD_ROUTE : IP4_OPT_TIMESTAMP;
			break;
		case OPT_LSRR:
		case OPT_SSRR:
			if (n < 3 || opts[i + 2] < 4)
				return DROP_IP4_OPTIONS;
			*has |= IP4_OPT_SOURCE_ROUTE;
			break;
		case OPT_RA:
			if (n != 4)
				return DROP_IP4_OPTIONS;
			*has |= IP4_OPT_ROUTER_ALERT;
			break;
		default:
			*has |= IP4_OPT_OTHER;
			break;
		}
		i += n;
	}
	return DROP_NONE;
}

size_t ip4_copy_opts(uint8_t *to, const uint8_t *opts, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && opts[i] != OPT_END;) {
		size_t n = opt_len(opts, len, i);

		if (!n)
			break;
		if (opts[i] & 0x80) {
			memcpy(to + used, opts + i, n);
			used += n;
		}
		i += n;
	}
	while (used & 3)
		to[used++] = OPT_END;
	return used;
}

/* Time stamp option: flag 0 times only, 1 with addresses, 3 only at the addresses given. */
static void stamp_time(uint8_t *opt, size_t len, const struct net_addr *addr, uint32_t ms)
{
	unsigned at = opt[2] - 1u;
	unsigned flag = opt[3] & 15;
	unsigned need = flag ? 8 : 4;

	if (len < 4)
		return;
	if (at + need > len) {
		if (opt[3] >> 4 != 15)
			opt[3] = (uint8_t)(opt[3] + 16); /* overflow */
		return;
	}
	if (flag == 3 && memcmp(opt + at, addr->v4, 4))
		return;
	if (flag == 1)
		memcpy(opt + at, addr->v4, 4);
	else if (flag != 0 && flag != 3)
		return;
	store_be32(opt + at + need - 4, ms);
	opt[2] = (uint8_t)(opt[2] + need);
}

void ip4_stamp_opts(uint8_t *hdr, size_t hdr_len, const struct net_addr *addr, uint32_t ms)
{
	uint8_t *opts = hdr + IP4_HDR_LEN;
	size_t len = hdr_len - IP4_HDR_LEN;

	for (size_t i = 0; i < len && opts[i] != OPT_END;) {
		size_t n = opt_len(opts, len, i);

		if (!n)
			break;
		if (opts[i] == OPT_RR && n >= 3 && opts[i + 2] >= 4u && opts[i + 2] + 3u <= n) {
			memcpy(opts + i + opts[i + 2] - 1, addr->v4, 4);
			opts[i + 2] = (uint8_t)(opts[i + 2] + 4);
		} else if (opts[i] == OPT_TS && n >= 4 && opts[i + 2] >= 5) {
			stamp_time(opts + i, n, addr, ms);
		}
		i += n;
	}
	wire_put16(hdr + 10, 0);
	wire_put16(hdr + 10, csum_fold(csum_add(0, hdr, hdr_len)));
}
