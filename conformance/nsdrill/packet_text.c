/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in the script's notation. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/packet.h"
#include "util/cleanup.h"

struct icmp_name {
	int family;	/* 0: both */
	int type, code; /* code -1: the name is of the type */
	const char *name;
};

/* The language's names; RFC 792, 1812, 4443. */
static const struct icmp_name icmp_names[] = {
	{AF_INET, 0, -1, "echo_reply"},
	{AF_INET, 3, -1, "unreachable"},
	{AF_INET, 3, 0, "net_unreachable"},
	{AF_INET, 3, 1, "host_unreachable"},
	{AF_INET, 3, 2, "protocol_unreachable"},
	{AF_INET, 3, 3, "port_unreachable"},
	{AF_INET, 3, 4, "frag_needed"},
	{AF_INET, 3, 5, "source_route_failed"},
	{AF_INET, 3, 6, "net_unknown"},
	{AF_INET, 3, 7, "host_unknown"},
	{AF_INET, 3, 8, "source_host_isolated"},
	{AF_INET, 3, 9, "net_prohibited"},
	{AF_INET, 3, 10, "host_prohibited"},
	{AF_INET, 3, 11, "net_unreachable_for_tos"},
	{AF_INET, 3, 12, "host_unreachable_for_tos"},
	{AF_INET, 3, 13, "packet_filtered"},
	{AF_INET, 3, 14, "precedence_violation"},
	{AF_INET, 3, 15, "precedence_cutoff"},
	{AF_INET, 4, -1, "source_quench"},
	{AF_INET, 5, -1, "redirect"},
	{AF_INET, 8, -1, "echo_request"},
	{AF_INET, 11, -1, "time_exceeded"},
	{AF_INET, 11, 0, "exceeded_ttl"},
	{AF_INET, 11, 1, "exceeded_frag_time"},
	{AF_INET, 12, -1, "parameter_problem"},
	{AF_INET, 13, -1, "timestamp_request"},
	{AF_INET, 14, -1, "timestamp_reply"},
	{AF_INET, 15, -1, "information_request"},
	{AF_INET, 16, -1, "information_reply"},
	{AF_INET, 17, -1, "address_mask_request"},
	{AF_INET, 18, -1, "address_mask_reply"},
	{AF_INET6, 1, -1, "unreachable"},
	{AF_INET6, 1, 0, "no_route"},
	{AF_INET6, 1, 0, "net_unreachable"},
	{AF_INET6, 1, 1, "admin_prohibited"},
	{AF_INET6, 1, 2, "not_neighbour"},
	{AF_INET6, 1, 3, "address_unreachable"},
	{AF_INET6, 1, 4, "port_unreachable"},
	{AF_INET6, 2, -1, "packet_too_big"},
	{AF_INET6, 3, -1, "time_exceeded"},
	{AF_INET6, 3, 0, "exceeded_hop_limit"},
	{AF_INET6, 3, 1, "exceeded_frag_time"},
	{AF_INET6, 4, -1, "parameter_problem"},
	{AF_INET6, 4, 0, "header_field"},
	{AF_INET6, 4, 1, "unknown_next_header"},
	{AF_INET6, 4, 2, "unknown_option"},
	{AF_INET6, 128, -1, "echo_request"},
	{AF_INET6, 129, -1, "echo_reply"},
};

static bool icmp_number(const char *name, const char *prefix, uint8_t *ret)
{
	size_t len = strlen(prefix);
	char *end;

	if (strncmp(name, prefix, len) != 0)
		return false;

	long v = strtol(name + len, &end, 10);

	if (*end || end == name + len || v < 0 || v > 255)
		return false;
	*ret = (uint8_t)v;
	return true;
}

int packet_icmp_names(struct packet *p, int family)
{
	const char *type = p->icmp_type_name, *code = p->icmp_code_name;
	bool found = icmp_number(type, "type_", &p->icmp_type);

	for (size_t i = 0; i < ARRAY_LEN(icmp_names) && !found; i++) {
		const struct icmp_name *n = &icmp_names[i];

		if (n->family == family && n->code < 0 && strcmp(n->name, type) == 0) {
			p->icmp_type = (uint8_t)n->type;
			found = true;
		}
	}
	if (!found)
		return -EINVAL;
	p->icmp_code = 0;
	if (!code || icmp_number(code, "code_", &p->icmp_code))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(icmp_names); i++) {
		const struct icmp_name *n = &icmp_names[i];

		if (n->family == family && n->type == p->icmp_type && n->code >= 0 &&
		    strcmp(n->name, code) == 0) {
			p->icmp_code = (uint8_t)n->code;
			return 0;
		}
	}
	return -EINVAL;
}

struct text {
	char *buf;
	size_t size, len;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->len >= t->size)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
}

static void print_ip_info(struct text *t, const struct ip_info *ip)
{
	static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};
	const char *sep = "";

	if (ip->tos_check == TOS_ANY && !ip->ttl && !ip->flow_label && !ip->is_frag)
		return;
	add(t, " [");
	if (ip->tos_check == TOS_ECN)
		add(t, "%s", ecn[ip->tos & 3]);
	else if (ip->tos_check == TOS_ECT01)
		add(t, "ect01");
	else if (ip->tos_check == TOS_BYTE)
		add(t, "tos 0x%x", ip->tos);
	sep = ip->tos_check == TOS_ANY ? "" : ",";
	if (ip->flow_label) {
		add(t, "%sflowlabel 0x%x", sep, ip->flow_label);
		sep = ",";
	}
	if (ip->ttl) {
		add(t, "%sttl %u", sep, ip->ttl);
		sep = ",";
	}
	if (ip->is_frag)
		add(t, "%sfrag %u:%u@%u%s", sep, ip->frag_id, ip->frag_size, ip->frag_off,
		    ip->frag_more ? "+" : "");
	add(t, "]");
}

static void print_encap(struct text *t, const struct encap *e)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	int family = e->kind == ENCAP_IPV4 ? AF_INET : AF_INET6;

	switch (e->kind) {
	case ENCAP_IPV4:
	case ENCAP_IPV6:
		inet_ntop(family, e->src, src, sizeof(src));
		inet_ntop(family, e->dst, dst, sizeof(dst));
		add(t, " %s", e->kind == ENCAP_IPV4 ? "ipv4" : "ipv6");
		print_ip_info(t, &e->ip);
		add(t, " %s > %s:", src, dst);
		break;
	case ENCAP_GRE:
		add(t, " gre flags 0x%x, sum %u, off %u, key %u, seq %u:", e->gre_flags, e->gre_sum,
		    e->gre_off, e->gre_key, e->gre_seq);
		break;
	case ENCAP_MPLS:
		add(t, " mpls");
		for (int i = 0; i < e->nmpls; i++)
			add(t, " (label %u, tc %u,%s ttl %u)", e->mpls[i] >> 12,
			    e->mpls[i] >> 9 & 7, e->mpls[i] & 0x100 ? " [S]," : "",
			    e->mpls[i] & 0xff);
		add(t, ":");
		break;
	}
}

bool tcp_opt_next(const uint8_t *opts, size_t len, size_t *pos, struct tcp_opt *ret)
{
	if (*pos >= len)
		return false;

	const uint8_t *p = opts + *pos;

	ret->kind = p[0];
	ret->len = 1;
	ret->data = p + 1;
	if (ret->kind > TCPOPT_NOP) {
		if (*pos + 2 > len || p[1] < 2 || *pos + p[1] > len)
			return false;
		ret->len = p[1];
		ret->data = p + 2;
	}
	*pos += ret->len;
	return true;
}

static void print_hex(struct text *t, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add(t, "%02x", p[i]);
}

static void print_accecn(struct text *t, const struct tcp_opt *o)
{
	static const char *const names[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};

	add(t, "ECN");
	for (int i = 0; i < 3 && o->len >= 2 + 3 * (i + 1); i++)
		add(t, " %s %u", names[o->kind == 174][i],
		    (unsigned)(o->data[3 * i] << 16 | o->data[3 * i + 1] << 8 |
			       o->data[3 * i + 2]));
}

static void print_option(struct text *t, const struct tcp_opt *o)
{
	size_t data = o->len > 2 ? o->len - 2u : 0;

	if (o->kind == TCPOPT_EOL) {
		add(t, "eol");
	} else if (o->kind == TCPOPT_NOP) {
		add(t, "nop");
	} else if (o->kind == TCPOPT_MAXSEG && data == 2) {
		add(t, "mss %u", get16(o->data));
	} else if (o->kind == TCPOPT_WINDOW && data == 1) {
		add(t, "wscale %u", o->data[0]);
	} else if (o->kind == TCPOPT_SACK_PERMITTED && data == 0) {
		add(t, "sackOK");
	} else if (o->kind == TCPOPT_SACK && data >= 8 && data % 8 == 0) {
		add(t, "sack");
		for (size_t i = 0; i < data; i += 8)
			add(t, " %u:%u", get32(o->data + i), get32(o->data + i + 4));
	} else if (o->kind == TCPOPT_TIMESTAMP && data == 8) {
		add(t, "TS val %u ecr %u", get32(o->data), get32(o->data + 4));
	} else if (o->kind == 19) {
		add(t, "md5 ");
		print_hex(t, o->data, data);
	} else if (o->kind == 34) {
		add(t, "FO ");
		print_hex(t, o->data, data);
	} else if (o->kind == 254 && data >= 2 && get16(o->data) == 0xf989) {
		add(t, "FOEXP ");
		print_hex(t, o->data + 2, data - 2);
	} else if (o->kind == 172 || o->kind == 174) {
		print_accecn(t, o);
	} else {
		add(t, "kind %u ", o->kind);
		print_hex(t, o->data, data);
	}
}

static void print_flags(struct text *t, const struct packet *p)
{
	static const char letters[] = "FSRP.UEWA";
	/* In the order in which people write them. */
	static const uint8_t order[] = {1, 0, 2, 3, 5, 6, 7, 8, 4};
	uint16_t flags = p->flags;

	if (p->has_ace)
		flags &= (uint16_t) ~(FLAG_ECE | FLAG_CWR | FLAG_AE | FLAG_ACK);
	add(t, " ");
	for (size_t i = 0; i < sizeof(order); i++) {
		if (flags & 1u << order[i])
			add(t, "%c", letters[order[i]]);
	}
	if (p->has_ace)
		add(t, ".%u",
		    (p->flags & FLAG_AE ? 4u : 0) | (p->flags & FLAG_CWR ? 2u : 0) |
			    (p->flags & FLAG_ECE ? 1u : 0));
	else if (!flags)
		add(t, "-");
}

static void print_tcp(struct text *t, const struct packet *p)
{
	size_t pos = 0;
	struct tcp_opt o;
	const char *sep = " <";

	if (p->sport || p->dport)
		add(t, " %u > %u", p->sport, p->dport);
	print_flags(t, p);
	add(t, " %u:%u(%u)", p->seq, p->seq + p->payload_len, p->payload_len);
	if (p->flags & FLAG_ACK)
		add(t, " ack %u", p->ack);
	if (p->window >= 0)
		add(t, " win %d", p->window);
	if (p->urgent)
		add(t, " urg %u", p->urgent);
	if (p->options_any) {
		add(t, " <...>");
		return;
	}
	while (tcp_opt_next(p->options, p->options_len, &pos, &o)) {
		add(t, "%s", sep);
		print_option(t, &o);
		sep = ",";
	}
	if (p->options_len)
		add(t, pos < p->options_len ? ",MALFORMED>" : ">");
}

static const char *icmp_name(int family, int type, int code, char buf[16])
{
	for (size_t i = 0; i < ARRAY_LEN(icmp_names); i++) {
		const struct icmp_name *n = &icmp_names[i];

		if (n->family == family && n->type == type && n->code == code)
			return n->name;
	}
	snprintf(buf, 16, "%s_%d", code < 0 ? "type" : "code", code < 0 ? type : code);
	return buf;
}

static void print_icmp(struct text *t, const struct packet *p)
{
	char buf[16];

	if (p->icmp_type_name)
		add(t, " icmp %s", p->icmp_type_name);
	else
		add(t, " icmp %s", icmp_name(p->family, p->icmp_type, -1, buf));
	if (p->icmp_code_name)
		add(t, " %s", p->icmp_code_name);
	else if (!p->icmp_type_name && (p->icmp_code || p->echoed_protocol))
		add(t, " %s", icmp_name(p->family, p->icmp_type, p->icmp_code, buf));
	if (p->icmp_mtu > 0)
		add(t, " mtu %d", p->icmp_mtu);
	if (p->icmp_id)
		add(t, " id %u", p->icmp_id);
	if (p->echoed_protocol == IPPROTO_TCP)
		add(t, " [%u:%u(%u)]", p->echoed_seq, p->echoed_seq + p->echoed_len, p->echoed_len);
	else if (p->echoed_protocol == IPPROTO_UDP)
		add(t, " [udp (%u)]", p->echoed_len);
	else if (p->echoed_protocol == IPPROTO_RAW)
		add(t, " [raw (%u)]", p->echoed_len);
}

void packet_print(const struct packet *p, char *out, size_t size)
{
	struct text t = {out, size, 0};

	out[0] = '\0';
	add(&t, "%c", p->outbound ? '>' : '<');
	for (int i = 0; i < p->nencap; i++)
		print_encap(&t, &p->encap[i]);
	print_ip_info(&t, &p->ip);
	if (p->ip.is_frag && p->ip.frag_off && p->family) {
		add(&t, " protocol %d (%u)", p->protocol, p->payload_len);
	} else if (p->protocol == IPPROTO_TCP) {
		print_tcp(&t, p);
	} else if (p->protocol == IPPROTO_UDP) {
		add(&t, " udp");
		if (p->sport || p->dport)
			add(&t, " %u > %u", p->sport, p->dport);
		add(&t, " (%u)", p->payload_len);
	} else if (p->protocol == IPPROTO_ICMP) {
		print_icmp(&t, p);
	} else {
		add(&t, " protocol %d (%u)", p->protocol, p->payload_len);
	}
	if (p->malformed)
		add(&t, "  (%s)", p->malformed);
}
