/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP part of packet lines. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/parse_priv.h"

#define OPT_MD5 19
#define OPT_FASTOPEN 34
#define OPT_ACCECN0 172
#define OPT_ACCECN1 174
#define OPT_EXPERIMENT 254
#define EXPERIMENT_FASTOPEN 0xf989

static int flag_letter(struct parser *ps, char c, uint16_t *flags)
{
	static const char letters[] = "FSRP.UEWA";
	const char *at = strchr(letters, c);

	if (!at)
		return diag_set(ps->lx.diag, ps->tok.at, "%c is not a TCP flag", c);

	uint16_t bit = (uint16_t)(1u << (at - letters));

	if (*flags & bit)
		return diag_set(ps->lx.diag, ps->tok.at, "TCP flag %c is there twice", c);
	*flags |= bit;
	return 0;
}

/* ".5": ACK and the AccECN counter. */
static int parse_ace(struct parser *ps, struct packet *p)
{
	const char *text = ps->tok.text;

	if (text[0] != '.' || strlen(text) != 2 || text[1] > '7' || (p->flags & 0x1d0))
		return diag_set(ps->lx.diag, ps->tok.at, "%s is not an ACK flag with a counter",
				text);

	int ace = text[1] - '0';

	p->flags |= FLAG_ACK;
	p->flags |= (uint16_t)((ace & 1 ? FLAG_ECE : 0) | (ace & 2 ? FLAG_CWR : 0) |
			       (ace & 4 ? FLAG_AE : 0));
	p->has_ace = true;
	return parser_advance(ps);
}

static int parse_flags(struct parser *ps, struct packet *p)
{
	int r = 0;

	if (parser_is_char(ps, '-'))
		return parser_advance(ps);
	if (ps->tok.kind == TOK_WORD) {
		for (const char *c = ps->tok.text; *c && r == 0; c++)
			r = flag_letter(ps, *c, &p->flags);
		if (r == 0)
			r = parser_advance(ps);
		if (r < 0)
			return r;
	}
	if (ps->tok.kind == TOK_FLOAT)
		return parse_ace(ps, p);
	if (parser_is_char(ps, '.')) {
		p->flags |= FLAG_ACK;
		return parser_advance(ps);
	}
	return p->flags ? 0 : parser_unexpected(ps, "TCP flags, udp or icmp");
}

int parse_seq(struct parser *ps, uint32_t *seq, uint32_t *len)
{
	struct loc at = ps->tok.at;
	int64_t start, end, size;
	int r = parser_number(ps, 0, UINT32_MAX, "sequence number", &start);

	if (r == 0)
		r = parser_char(ps, ':');
	if (r == 0)
		r = parser_number(ps, 0, UINT32_MAX, "sequence number", &end);
	if (r == 0)
		r = parser_char(ps, '(');
	if (r == 0)
		r = parser_number(ps, 0, 65535, "payload size", &size);
	if (r == 0)
		r = parser_char(ps, ')');
	if (r < 0)
		return r;
	if ((uint32_t)(start + size) != (uint32_t)end)
		return diag_set(ps->lx.diag, at, "%u:%u is not %u bytes", (unsigned)start,
				(unsigned)end, (unsigned)size);
	*seq = (uint32_t)start;
	*len = (uint32_t)size;
	return 0;
}

/* Appends one option; without data (NOP, EOL) it has no length byte. */
static int push_option(struct parser *ps, struct packet *p, uint8_t kind, const uint8_t *data,
		       size_t len)
{
	size_t need = kind <= TCPOPT_NOP ? 1 : len + 2;

	if (need > TCP_OPTIONS_MAX - (size_t)p->options_len)
		return diag_set(ps->lx.diag, ps->tok.at, "TCP options are longer than 40 bytes");

	uint8_t *to = p->options + p->options_len;

	*to++ = kind;
	if (need > 1) {
		*to++ = (uint8_t)need;
		memcpy(to, data, len);
	}
	p->options_len = (uint8_t)(p->options_len + need);
	return 0;
}

static int option_number(struct parser *ps, struct packet *p, uint8_t kind, int bytes,
			 const char *what)
{
	uint8_t data[2];
	int64_t value;
	int r = parser_number(ps, 0, (1 << 8 * bytes) - 1, what, &value);

	if (r < 0)
		return r;
	if (bytes == 2)
		put16(data, (uint32_t)value);
	else
		data[0] = (uint8_t)value;
	return push_option(ps, p, kind, data, (size_t)bytes);
}

static int option_sack(struct parser *ps, struct packet *p)
{
	uint8_t data[TCP_OPTIONS_MAX];
	size_t len = 0;

	do {
		int64_t left, right;
		int r = parser_number(ps, 0, UINT32_MAX, "sequence number", &left);

		if (r == 0)
			r = parser_char(ps, ':');
		if (r == 0)
			r = parser_number(ps, 0, UINT32_MAX, "sequence number", &right);
		if (r < 0)
			return r;
		if (len + 8 > sizeof(data) - 2)
			return diag_set(ps->lx.diag, ps->tok.at, "too many SACK blocks");
		put32(data + len, (uint32_t)left);
		put32(data + len + 4, (uint32_t)right);
		len += 8;
	} while (ps->tok.kind == TOK_INT);
	return push_option(ps, p, TCPOPT_SACK, data, len);
}

static int option_timestamp(struct parser *ps, struct packet *p)
{
	uint8_t data[8];
	int64_t val, ecr;
	int r = parser_word(ps, "val");

	if (r == 0)
		r = parser_number(ps, 0, UINT32_MAX, "timestamp", &val);
	if (r == 0)
		r = parser_word(ps, "ecr");
	if (r == 0)
		r = parser_number(ps, 0, UINT32_MAX, "timestamp echo", &ecr);
	if (r < 0)
		return r;
	put32(data, (uint32_t)val);
	put32(data + 4, (uint32_t)ecr);
	return push_option(ps, p, TCPOPT_TIMESTAMP, data, sizeof(data));
}

/* A hex string that may be absent. @room of @data is not exceeded. */
static int parse_hex(struct parser *ps, uint8_t *data, size_t room, size_t *len)
{
	const char *text = ps->tok.text;

	*len = 0;
	if (ps->tok.kind != TOK_WORD && ps->tok.kind != TOK_INT)
		return 0;
	if (strlen(text) % 2 || strlen(text) / 2 > room)
		return diag_set(ps->lx.diag, ps->tok.at, "hex string has a bad length");
	for (; *text; text += 2, (*len)++) {
		char pair[3] = {text[0], text[1], 0}, *end;

		data[*len] = (uint8_t)strtoul(pair, &end, 16);
		if (*end || strspn(pair, "0123456789abcdefABCDEF") != 2)
			return diag_set(ps->lx.diag, ps->tok.at, "%s is not hex", pair);
	}
	return parser_advance(ps);
}

static int option_hex(struct parser *ps, struct packet *p, uint8_t kind)
{
	uint8_t data[TCP_OPTIONS_MAX];
	size_t prefix = kind == OPT_EXPERIMENT ? 2 : 0, len;
	int r = parse_hex(ps, data + prefix, sizeof(data) - 2 - prefix, &len);

	if (prefix)
		put16(data, EXPERIMENT_FASTOPEN);
	return r < 0 ? r : push_option(ps, p, kind, data, prefix + len);
}

/* ECN e0b 1 ceb 0 e1b 1: the first field names the order (RFC 9768 3.2.3). */
static int option_accecn(struct parser *ps, struct packet *p)
{
	static const char *const orders[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
	int order = parser_is_word(ps, "e1b");
	uint8_t data[9];
	size_t len = 0;

	for (int i = 0; i < 3 && (i == 0 || parser_is_word(ps, orders[order][i])); i++) {
		int64_t value;
		int r = parser_word(ps, orders[order][i]);

		if (r == 0)
			r = parser_number(ps, 0, 0xffffff, "AccECN counter", &value);
		if (r < 0)
			return r;
		data[len] = (uint8_t)(value >> 16);
		put16(data + len + 1, (uint32_t)(value & 0xffff));
		len += 3;
	}
	return push_option(ps, p, order ? OPT_ACCECN1 : OPT_ACCECN0, data, len);
}

static int parse_option_item(struct parser *ps, struct packet *p)
{
	char name[16];

	if (ps->tok.kind != TOK_WORD)
		return parser_unexpected(ps, "a TCP option");
	snprintf(name, sizeof(name), "%s", ps->tok.text);

	struct token at = ps->tok;
	int r = parser_advance(ps);

	if (r < 0)
		return r;
	if (strcmp(name, "nop") == 0)
		return push_option(ps, p, TCPOPT_NOP, NULL, 0);
	if (strcmp(name, "eol") == 0)
		return push_option(ps, p, TCPOPT_EOL, NULL, 0);
	if (strcmp(name, "mss") == 0)
		return option_number(ps, p, TCPOPT_MAXSEG, 2, "MSS");
	if (strcmp(name, "wscale") == 0)
		return option_number(ps, p, TCPOPT_WINDOW, 1, "window scale");
	if (strcmp(name, "sackOK") == 0)
		return push_option(ps, p, TCPOPT_SACK_PERMITTED, (const uint8_t *)"", 0);
	if (strcmp(name, "sack") == 0)
		return option_sack(ps, p);
	if (strcmp(name, "TS") == 0)
		return option_timestamp(ps, p);
	if (strcmp(name, "md5") == 0)
		return option_hex(ps, p, OPT_MD5);
	if (strcmp(name, "FO") == 0)
		return option_hex(ps, p, OPT_FASTOPEN);
	if (strcmp(name, "FOEXP") == 0)
		return option_hex(ps, p, OPT_EXPERIMENT);
	if (strcmp(name, "ECN") == 0)
		return option_accecn(ps, p);
	return diag_set(ps->lx.diag, at.at, "%s is not a TCP option", at.text);
}

static int parse_options(struct parser *ps, struct packet *p)
{
	struct loc at = ps->tok.at;
	int r = parser_advance(ps);

	if (r == 0 && ps->tok.kind == TOK_ELLIPSIS) {
		if (!p->outbound)
			return diag_set(ps->lx.diag, at, "<...> is only for outbound packets");
		p->options_any = true;
		r = parser_advance(ps);
		return r < 0 ? r : parser_char(ps, '>');
	}
	while (r == 0) {
		r = parse_option_item(ps, p);
		if (r == 0 && parser_is_char(ps, '>'))
			break;
		if (r == 0)
			r = parser_char(ps, ',');
	}
	if (r < 0)
		return r;
	if (p->options_len % 4)
		return diag_set(ps->lx.diag, at, "TCP options are %u bytes, not a multiple of 4",
				p->options_len);
	return parser_advance(ps);
}

static int parse_word_number(struct parser *ps, const char *word, int64_t max, int64_t *ret)
{
	if (!parser_is_word(ps, word))
		return 0;

	int r = parser_advance(ps);

	return r < 0 ? r : parser_number(ps, 0, max, word, ret);
}

int parse_tcp(struct parser *ps, struct packet *p)
{
	struct loc at = ps->tok.at;
	int64_t ack = 0, window = -1, urgent = 0;
	int r = parse_flags(ps, p);

	if (r == 0)
		r = parse_seq(ps, &p->seq, &p->payload_len);
	if (r == 0)
		r = parse_word_number(ps, "ack", UINT32_MAX, &ack);
	if (r == 0)
		r = parse_word_number(ps, "win", 65535, &window);
	if (r == 0)
		r = parse_word_number(ps, "urg", 65535, &urgent);
	if (r < 0)
		return r;
	if (window < 0 && !p->outbound)
		return diag_set(ps->lx.diag, at, "an inbound packet must have a window: win N");
	p->ack = (uint32_t)ack;
	p->window = (int32_t)window;
	p->urgent = (uint16_t)urgent;
	return parser_is_char(ps, '<') ? parse_options(ps, p) : 0;
}
