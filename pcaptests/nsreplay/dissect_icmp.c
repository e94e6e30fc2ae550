/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP, ICMPv6 with neighbour discovery and MLD, IGMP as text (RFC 792, 4443, 4861, 2710, 3810,
 * 2236, 3376). */
#include <stdio.h>
#include <string.h>

#include "dissect_priv.h"

struct name {
	uint8_t number;
	const char *text;
};

static const struct name icmp4_names[] = {
	{0, "echo-reply"},    {3, "unreachable"},   {4, "source-quench"},
	{5, "redirect"},      {8, "echo"},	    {11, "time-exceeded"},
	{12, "parameter"},    {13, "timestamp"},    {14, "timestamp-reply"},
	{17, "address-mask"}, {9, "router-advert"}, {10, "router-solicit"},
};

static const struct name icmp6_names[] = {
	{1, "unreachable"}, {2, "too-big"},	 {3, "time-exceeded"}, {4, "parameter"},
	{128, "echo"},	    {129, "echo-reply"}, {130, "mld-query"},   {131, "mld-report"},
	{132, "mld-done"},  {133, "rs"},	 {134, "ra"},	       {135, "ns"},
	{136, "na"},	    {137, "redirect"},	 {143, "mld2-report"},
};

static const char *name_of(const struct name *names, size_t n, uint8_t number)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].number == number)
			return names[i].text;
	return "unknown";
}

static void put_addr(struct dis *d, const char *name, const uint8_t *addr, unsigned addr_len)
{
	char text[64];

	dis_addr(text, sizeof(text), addr, addr_len);
	dis_put(d, name, 0, "%s", text);
}

/* The packet that an error is about. */
static void quoted(struct dis *d, struct rd *in, unsigned addr_len, struct flows *flows)
{
	size_t len = rd_left(in);
	bool malformed = d->malformed;

	dis_put(d, "quoted.len", DIS_LAYER | DIS_QUIET, "%zu", len);
	if (addr_len == 4)
		dis_ip4(d, in, len, true, flows);
	else
		dis_ip6(d, in, len, true, flows);
	d->malformed = malformed; /* only the beginning is quoted, and of what was wrong */
}

void dis_icmp4(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len,
	       struct flows *flows)
{
	const uint8_t *b = in->p;

	if (rd_left(in) < 8) {
		dis_bad(d, "ICMP header truncated: %zu bytes", rd_left(in));
		return;
	}
	dis_put(d, "icmp.type", DIS_LAYER, "%u %s", b[0],
		name_of(icmp4_names, ARRAY_LEN(icmp4_names), b[0]));
	dis_put(d, "icmp.code", b[1] ? 0 : DIS_QUIET, "%u", b[1]);
	dis_sum(d, "icmp.sum", ip, b, rd_left(in), 2, 0);
	rd_skip(in, 8);
	switch (b[0]) {
	case 0:
	case 8:
	case 13:
	case 14:
		dis_put(d, "icmp.id", 0, "0x%04x", load_be16(b + 4));
		dis_put(d, "icmp.seq", 0, "%u", load_be16(b + 6));
		dis_data(d, in->p, rd_left(in), len - 8);
		break;
	case 3:
	case 4:
	case 5:
	case 11:
	case 12:
		if (b[0] == 3 && b[1] == 4)
			dis_put(d, "icmp.mtu", 0, "%u", load_be16(b + 6));
		if (b[0] == 5)
			put_addr(d, "icmp.gateway", b + 4, 4);
		if (b[0] == 12)
			dis_put(d, "icmp.pointer", 0, "%u", b[4]);
		if (!ip->quoted)
			quoted(d, in, 4, flows);
		break;
	default:
		dis_data(d, in->p, rd_left(in), len - 8);
		break;
	}
}

static void prefix_option(struct dis *d, const uint8_t *b)
{
	put_addr(d, "nd.prefix", b + 16, 16);
	dis_put(d, "nd.prefix_len", 0, "%u", b[2]);
	dis_put(d, "nd.prefix_flags", 0, "%s%s", b[3] & 0x80 ? "L" : "", b[3] & 0x40 ? "A" : "");
	dis_put(d, "nd.valid", 0, "%u", load_be32(b + 4));
	dis_put(d, "nd.preferred", 0, "%u", load_be32(b + 8));
}

static void nd_option(struct dis *d, const uint8_t *b, size_t len)
{
	if ((b[0] == 1 || b[0] == 2) && len == 8)
		dis_put(d, b[0] == 1 ? "nd.slla" : "nd.tlla", 0, "%02x:%02x:%02x:%02x:%02x:%02x",
			b[2], b[3], b[4], b[5], b[6], b[7]);
	else if (b[0] == 3 && len == 32)
		prefix_option(d, b);
	else if (b[0] == 5 && len == 8)
		dis_put(d, "nd.mtu", 0, "%u", load_be32(b + 4));
	else if (b[0] == 14)
		dis_put(d, "nd.nonce", DIS_RANDOM | DIS_QUIET, "%02x%02x...", b[2], b[3]);
	else
		dis_put(d, "nd.option", 0, "type %u length %zu", b[0], len);
}

static void nd_options(struct dis *d, struct rd *in)
{
	while (rd_left(in)) {
		const uint8_t *b = in->p;
		size_t len = rd_left(in) >= 2 ? b[1] * 8u : 0;

		if (!len || len > rd_left(in)) {
			dis_bad(d, "ND option %u: length %zu of %zu", b[0], len, rd_left(in));
			return;
		}
		nd_option(d, b, len);
		rd_skip(in, len);
	}
}

static void dis_nd(struct dis *d, uint8_t type, const uint8_t *b, struct rd *in)
{
	size_t fixed = type == 133 ? 0 : type == 134 ? 8 : type == 137 ? 32 : 16;

	if (rd_left(in) < fixed) {
		dis_bad(d, "ND message truncated: %zu bytes", rd_left(in) + 8);
		return;
	}
	if (type == 134) {
		dis_put(d, "nd.hlim", 0, "%u", b[4]);
		dis_put(d, "nd.flags", 0, "%s%s", b[5] & 0x80 ? "M" : "", b[5] & 0x40 ? "O" : "");
		dis_put(d, "nd.lifetime", 0, "%u", load_be16(b + 6));
		dis_put(d, "nd.reachable", 0, "%u", load_be32(b + 8));
		dis_put(d, "nd.retrans", 0, "%u", load_be32(b + 12));
	}
	if (type == 136)
		dis_put(d, "nd.flags", 0, "%s%s%s", b[4] & 0x80 ? "R" : "", b[4] & 0x40 ? "S" : "",
			b[4] & 0x20 ? "O" : "");
	if (type >= 135)
		put_addr(d, "nd.target", b + 8, 16);
	if (type == 137)
		put_addr(d, "nd.destination", b + 24, 16);
	rd_skip(in, fixed);
	nd_options(d, in);
}

static const char *record_name(uint8_t type)
{
	static const char *const names[] = {"?",     "is-in", "is-ex", "to-in",
					    "to-ex", "allow", "block"};

	return type < ARRAY_LEN(names) ? names[type] : "?";
}

/* Group records of IGMPv3 and MLDv2. */
static void records(struct dis *d, const char *name, struct rd *in, unsigned n, unsigned addr_len)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t type = rd_u8(in), aux = rd_u8(in);
		uint16_t sources = rd_be16(in);
		const uint8_t *group = rd_bytes(in, addr_len);
		char text[64];

		if (!group) {
			dis_bad(d, "group record %u truncated", i);
			return;
		}
		dis_addr(text, sizeof(text), group, addr_len);
		dis_put(d, name, 0, "%s %s", record_name(type), text);
		for (unsigned k = 0; k < sources; k++) {
			const uint8_t *src = rd_bytes(in, addr_len);

			if (!src) {
				dis_bad(d, "group record %u: %u sources do not fit", i, sources);
				return;
			}
			put_addr(d, addr_len == 4 ? "igmp.source" : "mld.source", src, addr_len);
		}
		rd_skip(in, aux * 4u);
	}
}

static void dis_mld(struct dis *d, uint8_t type, const uint8_t *b, struct rd *in)
{
	if (type == 143) {
		records(d, "mld.record", in, load_be16(b + 6), 16);
		return;
	}
	if (rd_left(in) < 16) {
		dis_bad(d, "MLD message truncated: %zu bytes", rd_left(in) + 8);
		return;
	}
	if (type == 130)
		dis_put(d, "mld.max_resp", 0, "%u", load_be16(b + 4));
	put_addr(d, "mld.group", b + 8, 16);
	if (type == 130)
		dis_put(d, "mld.version", 0, "%u", rd_left(in) >= 20 ? 2 : 1);
}

void dis_icmp6(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len,
	       struct flows *flows)
{
	const uint8_t *b = in->p;

	if (rd_left(in) < 8) {
		dis_bad(d, "ICMPv6 header truncated: %zu bytes", rd_left(in));
		return;
	}
	dis_put(d, "icmp6.type", DIS_LAYER, "%u %s", b[0],
		name_of(icmp6_names, ARRAY_LEN(icmp6_names), b[0]));
	dis_put(d, "icmp6.code", b[1] ? 0 : DIS_QUIET, "%u", b[1]);
	dis_sum(d, "icmp6.sum", ip, b, rd_left(in), 2, dis_pseudo(ip, len));
	rd_skip(in, 8);
	if (b[0] < 128) {
		if (b[0] == 2)
			dis_put(d, "icmp6.mtu", 0, "%u", load_be32(b + 4));
		if (b[0] == 4)
			dis_put(d, "icmp6.pointer", 0, "%u", load_be32(b + 4));
		if (!ip->quoted)
			quoted(d, in, 16, flows);
	} else if (b[0] <= 129) {
		dis_put(d, "icmp6.id", 0, "0x%04x", load_be16(b + 4));
		dis_put(d, "icmp6.seq", 0, "%u", load_be16(b + 6));
		dis_data(d, in->p, rd_left(in), len - 8);
	} else if (b[0] >= 133 && b[0] <= 137) {
		dis_nd(d, b[0], b, in);
	} else if (b[0] <= 132 || b[0] == 143) {
		dis_mld(d, b[0], b, in);
	} else {
		dis_data(d, in->p, rd_left(in), len - 8);
	}
}

void dis_igmp(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len)
{
	const uint8_t *b = in->p;

	(void)len;
	if (rd_left(in) < 8) {
		dis_bad(d, "IGMP message truncated: %zu bytes", rd_left(in));
		return;
	}
	dis_put(d, "igmp.type", DIS_LAYER, "%s",
		b[0] == 0x11   ? "query"
		: b[0] == 0x12 ? "v1-report"
		: b[0] == 0x16 ? "v2-report"
		: b[0] == 0x17 ? "leave"
		: b[0] == 0x22 ? "v3-report"
			       : "unknown");
	dis_sum(d, "igmp.sum", ip, b, rd_left(in), 2, 0);
	rd_skip(in, 8);
	if (b[0] == 0x22) {
		records(d, "igmp.record", in, load_be16(b + 6), 4);
		return;
	}
	if (b[0] == 0x11)
		dis_put(d, "igmp.max_resp", 0, "%u", b[1]);
	put_addr(d, "igmp.group", b + 4, 4);
	if (b[0] == 0x11)
		dis_put(d, "igmp.version", 0, "%u", rd_left(in) >= 4 ? 3 : b[1] ? 2 : 1);
}
