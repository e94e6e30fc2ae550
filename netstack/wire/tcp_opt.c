/* SPDX-License-Identifier: Apache-2.0 */
/* TCP options: one walk to read them, one layout to write them.
 *
 * RFC 9293 3.2 (MUST-4..7: any option, any order, unknown ones skipped by their length), RFC 7323,
 * RFC 2018, RFC 7413, RFC 2385. Written in the order MD5, MSS, SACK-permitted + timestamps, window
 * scale, Fast Open, SACK, with NOPs so that 32-bit values are aligned.
 */
#include "wire/tcp.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
	OPT_MD5 = 19,
	OPT_FASTOPEN = 34,
	OPT_EXPERIMENT = 254, /* RFC 6994 */
};

#define EXID_FASTOPEN 0xf989
#define MD5_LEN 16

static bool read_sack(struct tcp_opts *ret, struct rd *body)
{
	size_t n = rd_left(body) / 8;

	if (!n || rd_left(body) % 8 || n > TCP_SACK_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		ret->sack[i].start = rd_be32(body);
		ret->sack[i].end = rd_be32(body);
	}
	ret->sack_count = (uint8_t)n;
	ret->has |= TCP_HAS_SACK;
	return true;
}

static bool read_fastopen(struct tcp_opts *ret, struct rd *body, bool experimental)
{
	size_t n = rd_left(body);

	/* RFC 7413 4.1.1: an empty cookie asks for one; else 4..16 bytes, an even number. What is
	 * neither is no cookie, and no reason to give up on the other options. */
	if (n > sizeof(ret->fastopen) || n % 2 || (n && n < 4))
		return true;
	ret->fastopen_len = (uint8_t)n;
	ret->fastopen_exp = experimental;
	rd_copy(body, ret->fastopen, n);
	ret->has |= TCP_HAS_FASTOPEN;
	return true;
}

static bool read_experiment(struct tcp_opts *ret, struct rd *body)
{
	if (rd_left(body) >= 2 && rd_be16(body) == EXID_FASTOPEN)
		return read_fastopen(ret, body, true);
	ret->has |= TCP_HAS_UNKNOWN;
	return true;
}

static bool read_md5(struct tcp_opts *ret, struct rd *body)
{
	if (rd_left(body) != MD5_LEN)
		return false;
	rd_copy(body, ret->md5, MD5_LEN);
	ret->has |= TCP_HAS_MD5;
	return true;
}

/* One option's body. False: its length is wrong. */
static bool read_opt(struct tcp_opts *ret, uint8_t kind, struct rd *body)
{
	switch (kind) {
	case OPT_MSS:
		if (rd_left(body) != 2)
			return false;
		ret->mss = rd_be16(body);
		ret->has |= TCP_HAS_MSS;
		return true;
	case OPT_WSCALE:
		if (rd_left(body) != 1)
			return false;
		ret->wscale = rd_u8(body);
		ret->has |= TCP_HAS_WSCALE;
		return true;
	case OPT_SACK_OK:
		if (rd_left(body) != 0)
			return false;
		ret->has |= TCP_HAS_SACK_OK;
		return true;
	case OPT_SACK:
		return read_sack(ret, body);
	case OPT_TS:
		if (rd_left(body) != 8)
			return false;
		ret->ts_val = rd_be32(body);
		ret->ts_ecr = rd_be32(body);
		ret->has |= TCP_HAS_TS;
		return true;
	case OPT_MD5:
		return read_md5(ret, body);
	case OPT_FASTOPEN:
		return read_fastopen(ret, body, false);
	case OPT_EXPERIMENT:
		return read_experiment(ret, body);
	default:
		ret->has |= TCP_HAS_UNKNOWN;
		return true;
	}
}

enum drop tcp_parse_opts(struct tcp_opts *ret, struct rd *in)
{
	*ret = (struct tcp_opts){0};
	while (rd_left(in)) {
		uint8_t kind = rd_u8(in);

		if (kind == OPT_END)
			break;
		if (kind == OPT_NOP)
			continue;

		uint8_t len = rd_u8(in);

		if (rd_failed(in) || len < 2)
			return DROP_TCP_OPTIONS;

		struct rd body = rd_sub(in, len - 2u);

		if (rd_failed(in) || !read_opt(ret, kind, &body))
			return DROP_TCP_OPTIONS;
	}
	return DROP_NONE;
}

/* SACK blocks that fit after @used bytes of other options. */
static unsigned sack_fit(const struct tcp_opts *opts, unsigned used)
{
	if (!(opts->has & TCP_HAS_SACK) || used + 4 > TCP_OPT_MAX)
		return 0;

	unsigned room = (TCP_OPT_MAX - used - 4) / 8;

	return opts->sack_count < room ? opts->sack_count : room;
}

/* Everything but SACK. */
static unsigned base_len(const struct tcp_opts *opts)
{
	unsigned n = 0;

	if (opts->has & TCP_HAS_MSS)
		n += 4;
	if (opts->has & TCP_HAS_TS)
		n += 12;
	else if (opts->has & TCP_HAS_SACK_OK)
		n += 4;
	if (opts->has & TCP_HAS_WSCALE)
		n += 4;
	if (opts->has & TCP_HAS_FASTOPEN)
		n += ((opts->fastopen_exp ? 4u : 2u) + opts->fastopen_len + 3u) & ~3u;
	if (opts->has & TCP_HAS_MD5)
		n += 4 + MD5_LEN;
	return n;
}

unsigned tcp_opts_len(const struct tcp_opts *opts)
{
	unsigned n = base_len(opts);
	unsigned blocks = sack_fit(opts, n);

	return blocks ? n + 4 + 8 * blocks : n;
}

static void emit_ts(struct wr *out, const struct tcp_opts *opts)
{
	if (opts->has & TCP_HAS_TS) {
		if (opts->has & TCP_HAS_SACK_OK) {
			wr_u8(out, OPT_SACK_OK);
			wr_u8(out, 2);
		} else {
			wr_u8(out, OPT_NOP);
			wr_u8(out, OPT_NOP);
		}
		wr_u8(out, OPT_TS);
		wr_u8(out, 10);
		wr_be32(out, opts->ts_val);
		wr_be32(out, opts->ts_ecr);
	} else if (opts->has & TCP_HAS_SACK_OK) {
		wr_u8(out, OPT_NOP);
		wr_u8(out, OPT_NOP);
		wr_u8(out, OPT_SACK_OK);
		wr_u8(out, 2);
	}
}

/* Padded behind, as everybody else does it. */
static void emit_fastopen(struct wr *out, const struct tcp_opts *opts)
{
	unsigned len = (opts->fastopen_exp ? 4u : 2u) + opts->fastopen_len;

	wr_u8(out, opts->fastopen_exp ? OPT_EXPERIMENT : OPT_FASTOPEN);
	wr_u8(out, (uint8_t)len);
	if (opts->fastopen_exp)
		wr_be16(out, EXID_FASTOPEN);
	wr_bytes(out, opts->fastopen, opts->fastopen_len);
	for (; len & 3; len++)
		wr_u8(out, OPT_NOP);
}

/* First, so that the signer knows where it is. */
static void emit_md5(struct wr *out)
{
	static const uint8_t zero[MD5_LEN];

	wr_u8(out, OPT_NOP);
	wr_u8(out, OPT_NOP);
	wr_u8(out, OPT_MD5);
	wr_u8(out, 2 + MD5_LEN);
	wr_bytes(out, zero, MD5_LEN);
}

static void emit_opts(struct wr *out, const struct tcp_opts *opts)
{
	unsigned blocks = sack_fit(opts, base_len(opts));

	if (opts->has & TCP_HAS_MD5)
		emit_md5(out);
	if (opts->has & TCP_HAS_MSS) {
		wr_u8(out, OPT_MSS);
		wr_u8(out, 4);
		wr_be16(out, opts->mss);
	}
	emit_ts(out, opts);
	if (opts->has & TCP_HAS_WSCALE) {
		wr_u8(out, OPT_NOP);
		wr_u8(out, OPT_WSCALE);
		wr_u8(out, 3);
		wr_u8(out, opts->wscale);
	}
	if (opts->has & TCP_HAS_FASTOPEN)
		emit_fastopen(out, opts);
	if (blocks) {
		wr_u8(out, OPT_NOP);
		wr_u8(out, OPT_NOP);
		wr_u8(out, OPT_SACK);
		wr_u8(out, (uint8_t)(2 + 8 * blocks));
		for (unsigned i = 0; i < blocks; i++) {
			wr_be32(out, opts->sack[i].start);
			wr_be32(out, opts->sack[i].end);
		}
	}
}

unsigned tcp_emit(struct wr *out, const struct tcp_hdr *hdr, const struct tcp_opts *opts)
{
	unsigned hdr_len = TCP_HDR_LEN + (opts ? tcp_opts_len(opts) : 0);

	wr_be16(out, hdr->sport);
	wr_be16(out, hdr->dport);
	wr_be32(out, hdr->seq);
	wr_be32(out, hdr->ack);
	wr_be16(out, (uint16_t)((hdr_len / 4) << 12 | (hdr->flags & 0x1ffu)));
	wr_be16(out, hdr->wnd);
	wr_be16(out, hdr->sum);
	wr_be16(out, hdr->urg);
	if (opts)
		emit_opts(out, opts);
	return hdr_len;
}
